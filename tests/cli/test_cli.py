#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mtls-policy as people and scripts meet it: verbs, options, exit codes, what goes to which stream, and that a compiled
policy is replaced whole or not at all."""

import hashlib
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cli import (NO, PLACE, POLICY, TOOL, TROUBLE, VERBS, YES, expect, folder_with, make_place, only_the_old_file,  # noqa: E402
                 run, silent, write)
from tap import main, test, test_each  # noqa: E402


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


@test_each(
    ('check',), ('compile',), ('compile', 'good.json'), ('compile', '-o', 'x'), ('compile', 'good.json', 'good.json', '-o', 'x'),
    ('compile', 'good.json', '-o', '-'), ('compile', 'good.json', '-o', 'x', '-o', 'x'), ('show',), ('show', 'good.json', 'good.json'),
    ('show', '--list', 'people', 'good.json'), ('show', '--list', 'routes', '--source', 'good.json'), ('fmt',), ('explain',),
    ('fmt', 'good.json', 'good.json'), ('fmt', 'good.json', '-o', '-'), ('fmt', 'good.json', '--check', '--write'),
    ('fmt', 'good.json', '--check', '-o', 'x'), ('fmt', '-', '--write'), ('fmt', '--format', 'json', 'good.json'),
    ('check', '--format', 'yaml', 'good.json'), ('check', '--strict', '--strict', 'good.json'), ('check', '-x', 'good.json'))
def test_wrong_usage_tells_the_right_one(*arguments):
    done = expect(run(*arguments), TROUBLE, err=f'mtls-policy {arguments[0]}: '.encode())
    assert f'Usage: mtls-policy {arguments[0]} '.encode() in done.stderr, done
    silent(done.stdout, done)
    assert not (PLACE / 'x').exists()


@test_each(
    ('no policy document is named', 'check'), ('no policy document is named', 'fmt'), ('with -o, the file', 'compile', 'good.json'),
    ('name one policy', 'show'), ('--list has no "people"', 'show', '--list', 'people', 'good.json'),
    ('questions of their own', 'show', '--list', 'routes', '--source', 'good.json'), ('questions of their own', 'show', '--rows', '--source', 'good.json'), ('take several', 'fmt', 'good.json', 'good.json'),
    ('-o names a file', 'fmt', 'good.json', '-o', '-'), ('choose one of', 'fmt', 'good.json', '--check', '--write'),
    ('cannot replace standard input', 'fmt', '-', '--write'), ('goes with --check', 'fmt', '--format', 'json', 'good.json'),
    ('text or json, not "yaml"', 'check', '--format', 'yaml', 'good.json'), ('--strict stands twice', 'check', '--strict', '--strict'),
    ('no option -x', 'check', '-x'), ('no option --nonsense', 'check', '--nonsense'), ('--strict takes no value', 'check', '--strict=1'),
    ('--output needs a value', 'compile', 'good.json', '-o'), ('--format needs a value', 'show', '--format'),
    ('no option --\\x1b[31m', 'show', '--\x1b[31m'))
def test_wrong_usage_says_what(what, *arguments):
    expect(run(*arguments), TROUBLE, err=what.encode())


@test_each(*[(verb,) for verb in VERBS])
def test_an_unknown_option(verb):
    silent(expect(run(verb, '--nonsense', 'good.json'), TROUBLE, err=b'--nonsense').stdout, verb)


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
    expect(run('check', 'warned.json'), YES, b'warned.json: good (1 warning, 0 notes)', b'[acknowledge-unneeded]')
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
    for arguments in (('check', path), ('compile', path, '-o', 'x'), ('show', path), ('fmt', path), ('fmt', '--write', path)):
        done = expect(run(*arguments), TROUBLE, err=b'mtls-policy: ')
        silent(done.stdout, done)


# --- compile ---------------------------------------------------------------------------------------


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


@test_each(('check',), ('compile', '-o', '{folder}/out'))
def test_no_memory_is_trouble(*call):
    folder = folder_with()
    policy = folder / 'wide.json'
    hosts = [f'h{n}.example' for n in range(400)]
    routes = {f'own{n}': {'hosts': [host], 'methods': ['GET'], 'paths': ['/']} for n, host in enumerate(hosts)}
    routes['all'] = {'hosts': hosts, 'methods': ['GET'], 'paths': [f'/p{n}' for n in range(400)]}
    policy.write_text(json.dumps({'name': 'wide', 'routes': routes}))
    arguments = [part.format(folder=folder) for part in call] + [str(policy)]

    def little_memory():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))

    if run('--version', preexec_fn=little_memory).returncode == 0:  # a sanitizer reserves more than that
        done = expect(run(*arguments, preexec_fn=little_memory), TROUBLE, err=b'out of memory')
        silent(done.stdout, done)
    policy.unlink()
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


@test_each(('compile',), ('fmt',))
def test_an_output_that_is_no_file(verb):
    folder = folder_with(old=None)
    os.mkfifo(folder / 'out')
    expect(run(verb, 'good.json', '-o', f'{folder}/out', timeout=20), TROUBLE, err=b'cannot be written: it is no regular file')
    assert stat.S_ISFIFO((folder / 'out').stat().st_mode) and os.listdir(folder) == ['out']


@test
def test_an_output_behind_a_link():
    folder = folder_with()
    (folder / 'link').symlink_to('out')
    expect(run('compile', 'good.json', '-o', f'{folder}/link'), YES)
    assert (folder / 'link').is_symlink() and (folder / 'out').read_bytes() == (PLACE / 'good.mtlsp').read_bytes()


@test
def test_an_output_that_is_the_document():
    write('same.json', POLICY)
    before = (PLACE / 'same.json').read_bytes()
    (PLACE / 'alias.json').symlink_to('same.json')
    for path in 'same.json', './same.json', 'alias.json':
        expect(run('compile', 'same.json', '-o', path), TROUBLE, err=b'is the policy document itself')
        assert (PLACE / 'same.json').read_bytes() == before


@test
def test_a_compiled_policy_that_was_sent_as_text():
    """The magic is there to tell: a line feed in place of its carriage return and line feed."""
    (PLACE / 'text.mtlsp').write_bytes((PLACE / 'good.mtlsp').read_bytes().replace(b'\r\n', b'\n', 1))
    expect(run('show', 'text.mtlsp'), TROUBLE, err=b'text.mtlsp is not a compiled policy')


# --- show ------------------------------------------------------------------------------------------


@test
def test_show_tells_the_same_of_source_and_image():
    done = expect(run('show', 'good.mtlsp'), YES, b'name        demo\nenvironment none\nproduction  yes\nserial      4\nvalid until no end\nformat      1.0\n')
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


@test
def test_show_tells_what_the_document_says_of_itself():
    done = expect(run('show', 'large.mtlsp'), YES)
    for line in (b'environment staging\n', b'production  no\n', b'valid until 2099-01-01T00:00:00Z\n', b'groups      2\n'):
        assert line in done.stdout, done
    assert b'combined    0\n' in expect(run('show', 'good.mtlsp'), YES).stdout
    crossing = {'name': 'x', 'issuers': {'m': {'certificates': [{'file': 'mesh.crt'}], 'names': ['spiffe']}},
                'identities': {'l': {'issuer': 'm', 'spiffe': 'spiffe://m/a/*'}, 'r': {'issuer': 'm', 'spiffe': 'spiffe://m/*/b'}}}
    write('crossing.json', crossing)
    assert b'combined    1\n' in expect(run('show', 'crossing.json'), YES).stdout


@test_each(('issuers', 'corp devices mesh'), ('identities', 'any billing host printer tenant'), ('groups', 'all some'),
           ('routes', 'closed inner order page tenant'), ('rules', 'orders stop tenants'))
def test_show_lists_names(kind, names):
    for policy in ('large.json', 'large.mtlsp'):
        assert expect(run('show', '--list', kind, policy), YES).stdout.decode().split() == names.split()


@test
def test_show_rows_has_an_example_for_each():
    lines = expect(run('show', '--rows', 'crossing.json'), YES).stdout.decode().splitlines()
    assert lines and all(line.count('  ') >= 2 and 'no certificate' not in line for line in lines), lines
    assert [line for line in lines if '+' in line.split('  ')[0]], lines
    assert lines[-1] == 'none  -  no usable certificate' and [line for line in lines if line.endswith('any other certificate')], lines


# --- the source within --------------------------------------------------------------------------------


def fields_of_show(name):
    return dict(line.split(None, 1) for line in run('show', name).stdout.decode().splitlines())


@test_each(('good',), ('large',))
def test_the_source_makes_the_same_policy(name):
    done = expect(run('show', '--source', f'{name}.mtlsp'), YES)
    silent(done.stderr, done)
    assert expect(run('show', '--source', f'{name}.json'), YES).stdout == done.stdout
    write('again.json', done.stdout)
    expect(run('compile', 'again.json', '-o', 'again.mtlsp'), YES)
    assert (PLACE / 'again.mtlsp').read_bytes() == (PLACE / f'{name}.mtlsp').read_bytes()
    assert fields_of_show(f'{name}.mtlsp')['source'] == hashlib.sha256(done.stdout).hexdigest()


def forge(name, change):
    """A compiled policy whose source was changed, with a digest that fits."""
    image = bytearray((PLACE / 'good.mtlsp').read_bytes())
    source = run('show', '--source', 'good.mtlsp').stdout
    changed = change(source)
    at = image.rindex(source)
    assert len(changed) == len(source) != 0 and changed != source and at + len(source) <= len(image)
    image[at:at + len(source)] = changed
    image[64:96] = bytes(32)
    image[64:96] = hashlib.sha256(image).digest()
    return write(name, bytes(image))


@test_each((b'"billing"', b'"others_"'), (b'10.0.0.0/8', b'11.0.0.0/8'), (b'"name"', b'"nane"'), (b'{', b'['))
def test_a_source_that_is_not_the_tables_is_not_shown(old, new):
    forged = forge('forged.mtlsp', lambda source: source.replace(old, new))
    expect(run('show', forged), YES)  # the tables are good
    done = expect(run('show', '--source', forged), TROUBLE, err=b'forged.mtlsp does not come from the source that it holds')
    silent(done.stdout, done)


@test
def test_a_source_within_opens_no_files():
    os.mkfifo(PLACE / 'pipe')  # whoever opens it waits

    def change(source):
        start, end = source.index(b'"pem"'), source.index(b'-----END CERTIFICATE-----\\n"')
        length = end + len(b'-----END CERTIFICATE-----\\n"') - start
        return source[:start] + b'"file": "pipe"'.ljust(length) + source[start + length:]

    done = expect(run('show', '--source', forge('opens.mtlsp', change), timeout=10), TROUBLE, err=b'does not come from')
    silent(done.stdout, done)


@test_each(('check',), ('compile', '-o', 'x'), ('fmt',), ('fmt', '--write'))
def test_a_compiled_policy_is_no_document(*arguments):
    expect(run(*arguments, 'good.mtlsp'), TROUBLE, err=b'good.mtlsp is a compiled policy\n    name the policy document')


if __name__ == '__main__':
    make_place()
    main()
