#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mtls-policy as people and scripts meet it: verbs, options, exit codes, what goes to which stream, and that a compiled
policy is replaced whole or not at all."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tap import main, test, test_each

TOP_BUILDDIR = Path(os.environ.get('top_builddir') or Path(__file__).resolve().parents[2])
TOOL = os.environ.get('MTLS_POLICY_TOOL') or str(TOP_BUILDDIR / 'mtls-policy')
TOOLS = Path(os.environ.get('MTLS_TOOLS') or TOP_BUILDDIR / 'tests/tools')
YES, NO, TROUBLE = 0, 1, 2
VERBS = ('check', 'compile', 'show', 'explain')

_folder = tempfile.TemporaryDirectory(prefix='mtls-cli-')
PLACE = Path(_folder.name)
POLICY = {
    'name': 'demo', 'serial': 4,
    'issuers': {'corp': {'certificates': [{'file': 'ca.crt'}], 'names': ['cn']}},
    'identities': {'billing': {'issuer': 'corp', 'cn': 'billing'}},
    'routes': {'order': {'hosts': ['api.example'], 'methods': ['GET'], 'paths': ['/o']},
               'open': {'hosts': ['api.example'], 'methods': ['GET'], 'paths': ['/open']}},
    'rules': {'read': {'effect': 'allow', 'subjects': ['billing'], 'routes': ['order'], 'networks': ['10.0.0.0/8'],
                       'valid_from': '2026-01-01T00:00:00Z'},
              'public': {'effect': 'allow', 'subjects': ['everyone'], 'routes': ['open'], 'acknowledge': ['everyone']}},
}


def make_place():
    spec = ('name=ca ca=1 issuer=self cn=ca\nname=leaf issuer=ca cn=billing eku=client '
            'notbefore=1767225600 notafter=4102444800\n'
            'name=server issuer=ca cn=billing eku=server\nname=stranger issuer=self cn=billing\n')
    subprocess.run([str(TOOLS / 'mint'), str(PLACE)], input=spec, text=True, check=True)
    write('good.json', POLICY)
    write('bad.json', {'name': 'X'})
    write('warned.json', {**POLICY, 'rules': {'read': {**POLICY['rules']['read'], 'acknowledge': ['everyone']}}})
    expect(run('compile', 'good.json', '-o', 'good.mtlsp'), YES)


def write(name, content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (PLACE / name).write_bytes(data)
    return name


def run(*arguments, stdin=b'', **options):
    return subprocess.run([TOOL, *arguments], cwd=PLACE, input=stdin, capture_output=True, **options)


def expect(done, status, out=b'', err=b''):
    assert done.returncode == status, done
    assert out in done.stdout and err in done.stderr, done
    return done


def silent(stream, done):
    assert stream == b'', done


# --- the command as a whole ----------------------------------------------------------------------


@test
def test_help_goes_to_standard_output():
    for option in ('--help', '-h'):
        done = expect(run(option), YES, b'Usage: mtls-policy VERB')
        silent(done.stderr, done)
        for verb in VERBS:
            assert f'\n  {verb} '.encode() in done.stdout, done


@test_each(*[(verb,) for verb in VERBS])
def test_help_of_a_verb(verb):
    done = expect(run(verb, '--help'), YES, f'Usage: mtls-policy {verb} '.encode())
    silent(done.stderr, done)


@test
def test_version():
    done = expect(run('--version'), YES, b'mtls-policy ')
    assert done.stdout.count(b'\n') == 1 and done.stderr == b'', done


@test_each((), ('nonsense',), ('Check',), ('--nonsense',), ('',))
def test_what_is_no_verb(*arguments):
    done = expect(run(*arguments), TROUBLE, err=b'see mtls-policy --help')
    silent(done.stdout, done)


EXPLAIN = ('explain', 'good.mtlsp', '--request', 'GET https://api.example/o')


@test_each(
    ('check',), ('compile',), ('compile', 'good.json'), ('compile', '-o', 'x'), ('compile', 'good.json', 'good.json', '-o', 'x'),
    ('show',), ('show', 'good.json', 'good.json'), ('explain',), EXPLAIN, (*EXPLAIN, '--no-cert', '--identity', 'billing'),
    (*EXPLAIN, '--no-cert', '--cert', 'leaf.crt'), ('explain', 'good.mtlsp', '--no-cert'),
    ('explain', '--request', 'GET https://h/', '--no-cert'), (*EXPLAIN, '--no-cert', '--from', 'peer'),
    (*EXPLAIN, '--no-cert', '--from', '10.0.0.0/8'), (*EXPLAIN, '--no-cert', '--at', 'now'),
    (*EXPLAIN, '--no-cert', '--at', '2027-02-30T00:00:00Z'), ('explain', 'good.mtlsp', '--no-cert', '--request', 'GET /o'),
    ('explain', 'good.mtlsp', '--no-cert', '--request', 'https://api.example/o'))
def test_wrong_usage_tells_the_right_one(*arguments):
    done = expect(run(*arguments), TROUBLE, err=f'Usage: mtls-policy {arguments[0]} '.encode())
    silent(done.stdout, done)
    assert not (PLACE / 'x').exists()


@test_each(*[(verb,) for verb in VERBS])
def test_an_unknown_option(verb):
    silent(expect(run(verb, '--nonsense', 'good.json'), TROUBLE, err=b'--nonsense').stdout, verb)


@test
def test_an_option_without_its_value():
    for arguments in (('compile', 'good.json', '-o'), (*EXPLAIN, '--cert')):
        assert expect(run(*arguments), TROUBLE).stderr


@test
def test_an_answer_that_cannot_be_written_is_none():
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([TOOL, 'show', 'good.mtlsp'], cwd=PLACE, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == TROUBLE and b'standard output' in done.stderr, done


# --- check -----------------------------------------------------------------------------------------


@test
def test_check_of_a_good_document():
    done = expect(run('check', 'good.json'), YES)
    assert done.stdout == b'good.json: good\n' and done.stderr == b'', done


@test
def test_check_of_a_bad_document():
    done = expect(run('check', 'bad.json'), NO, err=b'bad.json:1:10: error: "X" is not a name. [bad-name]\n    at /name\n    ')
    silent(done.stdout, done)


@test
def test_check_of_several_tells_the_worst():
    done = expect(run('check', 'good.json', 'bad.json', 'good.json'), NO)
    assert done.stdout == b'good.json: good\n' * 2, done
    expect(run('check', 'missing.json', 'bad.json'), TROUBLE, err=b'missing.json')


@test
def test_check_strict():
    expect(run('check', 'warned.json'), YES, b'warned.json: good (1 warnings, 0 notes)', b'[acknowledge-unneeded]')
    expect(run('check', '--strict', 'warned.json'), NO, err=b'[acknowledge-unneeded]')
    expect(run('check', '--strict', 'good.json'), YES)


@test
def test_check_of_standard_input():
    # Files that the document names are looked for in the current folder.
    done = expect(run('check', '-', stdin=json.dumps(POLICY).encode()), YES)
    assert done.stdout == b'-: good\n', done
    expect(run('check', '-', stdin=b'{'), NO, err=b'-:1:2: error: ')
    expect(run('check', '-'), NO, err=b'[json-syntax]')


@test
def test_files_are_beside_the_document_not_the_caller():
    done = subprocess.run([TOOL, 'check', str(PLACE / 'good.json')], cwd='/', capture_output=True)
    expect(done, YES)


@test
def test_what_is_printed_is_safe_to_print():
    write('odd.json', b'{"name":"\\u001b[31m\\u009b","k\\u001b\\n\\u0000x":1}')
    done = expect(run('check', 'odd.json'), NO)
    text = done.stderr.decode()
    assert not [c for c in text if c != '\n' and (ord(c) < 32 or 127 <= ord(c) < 160)], text
    assert text.count('[') - text.count('[31m') == 2, text  # two diagnostics, of three lines each
    assert len(text.splitlines()) == 6, text


@test_each(('',), ('/',), ('.',), ('missing/p.json',))
def test_what_cannot_be_read(path):
    for arguments in (('check', path), ('compile', path, '-o', 'x'), ('show', path)):
        done = expect(run(*arguments), TROUBLE, err=b'mtls-policy: ')
        silent(done.stdout, done)


# --- compile ---------------------------------------------------------------------------------------


def folder_with(old=b'the old file'):
    made = Path(tempfile.mkdtemp(dir=PLACE))
    if old is not None:
        (made / 'out').write_bytes(old)
    return made


def only_the_old_file(folder):
    assert [entry.name for entry in folder.iterdir()] == ['out'], list(folder.iterdir())
    assert (folder / 'out').read_bytes() == b'the old file'


@test
def test_compile_writes_what_it_tells():
    folder = folder_with(old=None)
    done = expect(run('compile', 'good.json', '-o', f'{folder}/out'), YES, b'policy demo, serial 4, ')
    silent(done.stderr, done)
    image = (folder / 'out').read_bytes()
    assert image.startswith(b'\x8dMTP\r\n\x1a\n') and f' {len(image)} bytes, '.encode() in done.stdout, done
    digest = done.stdout.split()[-1]
    assert b'sha-256     ' + digest in expect(run('show', f'{folder}/out'), YES).stdout
    expect(run('compile', '--output', f'{folder}/long', 'good.json'), YES)
    assert (folder / 'long').read_bytes() == image


@test
def test_compile_of_standard_input():
    folder = folder_with(old=None)
    expect(run('compile', '-', '-o', f'{folder}/out', stdin=json.dumps(POLICY).encode()), YES)
    assert (folder / 'out').read_bytes() == (PLACE / 'good.mtlsp').read_bytes()


@test_each((0o077,), (0o777,), (0,))
def test_the_server_can_read_it_whatever_the_umask(umask):
    folder = folder_with()
    expect(run('compile', 'good.json', '-o', f'{folder}/out', preexec_fn=lambda: os.umask(umask)), YES)
    assert stat.S_IMODE((folder / 'out').stat().st_mode) == 0o644


@test
def test_the_file_is_replaced_not_rewritten():
    folder = folder_with()
    with open(folder / 'out', 'rb') as reader:
        expect(run('compile', 'good.json', '-o', f'{folder}/out'), YES)
        assert reader.read() == b'the old file'  # whoever has it open keeps the old one, whole
    assert [entry.name for entry in folder.iterdir()] == ['out']


@test
def test_a_document_with_errors_leaves_the_old_file():
    folder = folder_with()
    done = run('compile', 'bad.json', '-o', f'{folder}/out')
    assert done.returncode != YES and b'[bad-name]' in done.stderr and done.stdout == b'', done
    only_the_old_file(folder)


@test
def test_compile_strict():
    folder = folder_with()
    expect(run('compile', '--strict', 'warned.json', '-o', f'{folder}/out'), NO, err=b'[acknowledge-unneeded]')
    only_the_old_file(folder)
    expect(run('compile', 'warned.json', '-o', f'{folder}/out'), YES, err=b'[acknowledge-unneeded]')


@test
def test_no_room_leaves_the_old_file():
    folder = folder_with()

    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # write fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    expect(run('compile', 'good.json', '-o', f'{folder}/out', preexec_fn=no_room), TROUBLE, err=b'cannot be written')
    only_the_old_file(folder)


@test
def test_a_folder_that_takes_no_files():
    expect(run('compile', 'good.json', '-o', '/proc/policy'), TROUBLE, err=b'/proc/policy cannot be written')
    expect(run('compile', 'good.json', '-o', 'missing/out'), TROUBLE, err=b'missing/out cannot be written')
    expect(run('compile', 'good.json', '-o', 'good.json/out'), TROUBLE, err=b'cannot be written')


@test
def test_an_output_that_is_a_folder():
    folder = folder_with(old=None)
    (folder / 'out').mkdir()
    expect(run('compile', 'good.json', '-o', f'{folder}/out'), TROUBLE, err=b'cannot be written')
    assert [entry.name for entry in folder.iterdir()] == ['out'] and (folder / 'out').is_dir()


# --- show ------------------------------------------------------------------------------------------


@test
def test_show_tells_the_same_of_source_and_image():
    done = expect(run('show', 'good.mtlsp'), YES, b'name        demo\nserial      4\nvalid until no end\nformat      1.0\n')
    assert expect(run('show', 'good.json'), YES).stdout == done.stdout
    for line in (b'issuers     1\n', b'identities  1\n', b'routes      2\n', b'rules       2\n'):
        assert line in done.stdout, done
    write('ends.json', {'name': 'x', 'valid_until': '2027-01-31T13:00:00+01:00'})
    expect(run('show', 'ends.json'), YES, b'valid until 2027-01-31T12:00:00Z\n')


@test
def test_show_of_a_bad_document():
    done = expect(run('show', 'bad.json'), TROUBLE, err=b'[bad-name]')
    silent(done.stdout, done)


@test
def test_broken_images():
    image = (PLACE / 'good.mtlsp').read_bytes()
    for length in (8, 95, 100, len(image) // 2, len(image) - 1):
        expect(run('show', write('cut', image[:length])), TROUBLE, err=b'cut is ')
    for at in (12, 70, 500, len(image) - 1):
        changed = bytearray(image)
        changed[at] ^= 1
        done = expect(run('show', write('changed', bytes(changed))), TROUBLE, err=b'(FORMAT ')
        silent(done.stdout, done)
    expect(run('show', write('version', image[:8] + b'\2' + image[9:])), TROUBLE, err=b'another format version (FORMAT 1.3)')


# --- explain -----------------------------------------------------------------------------------------

INSIDE = ('--from', '10.1.2.3', '--at', '2026-06-01T12:00:00Z')


def fields(done):
    lines = done.stdout.decode().splitlines()
    return lines[0], dict(line.split(None, 1) for line in lines[2:])


@test_each(('--identity', 'billing'), ('--cert', 'leaf.crt'))
def test_explain_allows(*who):
    for policy in ('good.mtlsp', 'good.json'):
        done = expect(run('explain', policy, '--request', 'GET https://api.example/o', *who, *INSIDE), YES)
        first, found = fields(done)
        assert first == 'allow allowed' and done.stderr == b'', done
        assert found == {'route': 'order', 'rule': 'read', 'identity': 'billing', 'issuer': 'corp', 'principal': 'cn:billing'}, found


@test_each(
    ('deny no-certificate', '--no-cert', *INSIDE), ('deny indeterminate', '--identity', 'billing', '--at', '2026-06-01T12:00:00Z'),
    ('deny condition-not-met', '--identity', 'billing', '--from', '11.0.0.1', '--at', '2026-06-01T12:00:00Z'),
    ('deny condition-not-met', '--identity', 'billing', '--from', '10.0.0.1', '--at', '2025-12-31T23:59:59Z'),
    ('deny issuer-unknown', '--cert', 'stranger.crt'), ('deny certificate-not-verified', '--cert', 'server.crt'),
    ('deny certificate-expired', '--cert', 'leaf.crt', '--at', '2200-01-01T00:00:00Z'),
    ('deny certificate-not-yet-valid', '--cert', 'leaf.crt', '--at', '2001-01-01T00:00:00Z'))
def test_explain_denies(answer, *who):
    done = expect(run(*EXPLAIN, *who), NO)
    assert fields(done)[0] == answer and done.stderr == b'', done


@test
def test_explain_remarks():
    assert 'handshake' in fields(run(*EXPLAIN, '--cert', 'stranger.crt'))[1]['remark']
    assert 'purpose' in fields(run(*EXPLAIN, '--cert', 'server.crt'))[1]['remark']


@test
def test_explain_without_tls():
    request = ('explain', 'good.mtlsp', '--no-cert', '--request')
    assert fields(expect(run(*request, 'GET http://api.example/o'), NO))[0] == 'deny tls-absent'
    assert fields(expect(run(*request, 'GET http://api.example/open'), YES))[1]['rule'] == 'public'


@test
def test_explain_takes_any_bytes_in_the_request():
    for target in (b'/%00', b'/\xff', b'/\x01', b'/..;/o', b'/a\nb'):
        done = run('explain', 'good.mtlsp', '--no-cert', '--request', b'GET https://api.example' + target)
        assert fields(expect(done, NO))[0] == 'deny ambiguous-path', done


@test
def test_explain_of_what_is_not_there():
    expect(run(*EXPLAIN, '--cert', 'missing.crt'), TROUBLE, err=b'missing.crt cannot be opened')
    expect(run(*EXPLAIN, '--cert', 'good.json'), TROUBLE, err=b'good.json holds no certificate')
    expect(run(*EXPLAIN, '--identity', 'nobody'), TROUBLE, err=b'no identity "nobody"')
    expect(run('explain', 'missing', *EXPLAIN[2:], '--no-cert'), TROUBLE, err=b'missing cannot be opened')


if __name__ == '__main__':
    make_place()
    main()
