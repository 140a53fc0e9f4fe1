#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What stands beside the command says what the command says: manual pages, completion in bash, and where both are
installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cli import PLACE, TOOL, TOP, TOP_BUILDDIR, VERBS, YES, expect, make_place, run  # noqa: E402
from tap import main, test, test_each  # noqa: E402

MANUAL = TOP / 'docs/man'
COMPLETION = TOP / 'policy-tool/completion/mtls-policy'
PAGES = ('mtls-policy.1', 'mtls-policy.5', 'mtlsp.5')
OPTION = re.compile(r'^  (?:-([a-z]), )?(--[a-z-]+)(?: (\S+))?', re.M)


def options_of(verb):
    """(letter or '', name, argument or '') of each option, as --help tells them."""
    found = OPTION.findall(expect(run(verb, '--help'), YES).stdout.decode())
    assert len(found) > 2, found
    return found


# --- manual pages -------------------------------------------------------------------------------------


def rendered(page):
    assert shutil.which('groff'), 'groff is missing (Debian: groff-base)'
    done = subprocess.run(['groff', '-mandoc', '-ww', '-Tutf8', '-P-c', '-rLL=200n', str(MANUAL / page)], capture_output=True)
    assert done.returncode == 0 and done.stderr == b'', done.stderr.decode()
    return re.sub('.\b', '', done.stdout.decode()).replace('\u2212', '-').replace('\u2010', '-').replace('\u00ad', '')


@test
def test_every_page_is_looked_at():
    assert sorted(path.name for path in MANUAL.iterdir()) == sorted(PAGES)
    fragment = (TOP / 'policy-tool/Makefile.inc').read_text()
    for page in PAGES:
        assert f'docs/man/{page}' in fragment, page


@test_each(*[(page,) for page in PAGES])
def test_a_page_can_be_set_without_a_complaint(page):
    text = rendered(page)
    assert len(text.splitlines()) > 30 and 'SEE ALSO' in text, text
    # Pages that are named are there.
    for name, section in re.findall(r'^\.Xr (mtls\S*) (\d)', (MANUAL / page).read_text(), re.M):
        assert f'{name}.{section}' in PAGES, name


def flags_in(text):
    """Options that mdoc text names: `Fl -strict`, `Fl o , -output`."""
    return {f'--{name}' for name in re.findall(r'(?:Fl |Fl . , )-([a-z-]+)', text)} | {f'-{letter}' for letter in re.findall(r'Fl ([a-z])\b', text)}


@test_each(*[(verb,) for verb in VERBS])
def test_the_manual_has_every_option(verb):
    """In the section of the verb, as one of its entries, and in the synopsis unless it is part of the caller."""
    page = (MANUAL / 'mtls-policy.1').read_text()
    synopsis = page[page.index(f'.Cm {verb}\n'):page.index('.Sh DESCRIPTION')].split('\n.Nm\n')[0]
    section = re.split(r'^\.S[sh] ', page[page.index(f'.Ss mtls-policy {verb}\n') + 4:], maxsplit=1, flags=re.M)[0]
    entries = flags_in('\n'.join(line for line in section.splitlines() if line.startswith('.It ')))
    options = options_of(verb)
    own = {name for _, name, _ in options} | {f'-{letter}' for letter, _, _ in options if letter}
    assert flags_in(section) | {'--help', '--format'} == own and entries | {'--help', '--format'} == own, (entries, own)
    caller = {'--cert', '--ca', '--csr', '--issuer', '--identity', '--capture', '--no-cert', '--help', '--output'}
    assert flags_in(synopsis) == own - caller, (flags_in(synopsis), own)


@test
def test_the_manual_has_the_whole_language():
    """Every key, every kind and every word of the schema, and every reason, stands in mtls-policy(5)."""
    text = rendered('mtls-policy.5')
    schema = json.loads((TOP / 'schemas/policy.schema.json').read_text())

    def words(value):
        if isinstance(value, dict):
            yield from value.get('properties', {})
            yield from (word for word in value.get('enum', []) if isinstance(word, str))
            for member in value.values():
                yield from words(member)
        if isinstance(value, list):
            for member in value:
                yield from words(member)

    found = {word for word in words(schema) if re.fullmatch(r'[a-zA-Z][A-Za-z_-]+', word)}
    assert len(found) > 60, found
    plain = re.sub(r'-\n\s*', '', text)
    missing = {word for word in found if word not in text and word not in plain}
    assert not missing, missing
    reasons = re.findall(r'^ *X\([A-Z_]+, "([a-z-]+)"', (TOP / 'libmtlspolicy/runtime/base/reason.h').read_text(), re.M)
    faults = {'policy-unavailable', 'internal-error'}  # of the server, not of the language
    assert not [reason for reason in reasons if reason not in faults and reason not in text]


@test
def test_the_manual_has_every_field_of_the_answers():
    text = rendered('mtls-policy.1')
    for line in run('show', 'good.mtlsp').stdout.decode().splitlines():
        assert re.search(rf'\b{line[:11].strip()}\b', text), line
    for field in ('path', 'route', 'unexpected', 'rule', 'condition', 'unknown', 'identity', 'issuer', 'principal', 'remark', 'stage', 'next'):
        assert re.search(rf'\b{field}\b', text), field


@test
def test_pages_and_completion_are_installed_and_removed():
    environment = {key: value for key, value in os.environ.items() if key not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
    root = PLACE / 'root'

    def make(*targets):
        done = subprocess.run(['make', '-s', '-C', str(TOP_BUILDDIR), *targets, f'DESTDIR={root}'], env=environment, capture_output=True)
        assert done.returncode == 0, done
        return {str(path.relative_to(root)).split('share/', 1)[1] for path in root.rglob('*') if path.is_file()}

    expected = {'man/man1/mtls-policy.1', 'man/man5/mtls-policy.5', 'man/man5/mtlsp.5', 'bash-completion/completions/mtls-policy'}
    expected |= {f'mtls-authz/schemas/{path.relative_to(TOP / "schemas")}' for path in (TOP / 'schemas').rglob('*.schema.json')}
    expected |= {f'doc/mtls-authz/examples/{path.name}' for path in (TOP / 'schemas/examples').iterdir()}
    expected |= {f'doc/mtls-authz/{path.name}' for path in (TOP / 'docs').glob('*.md') if path.name != 'INSTALL.md'}  # by then it is done
    expected |= {f'doc/mtls-authz/guides/{path.name}' for path in (TOP / 'docs/guides').glob('*.md')}
    parts = ('man', *(f'dist_{part}DATA' for part in ('bashcomp', 'schema', 'answer', 'doc', 'guide', 'example')))
    assert make(*(f'install-{part}' for part in parts)) == expected
    assert make(*(f'uninstall-{part}' for part in parts)) == set()


@test
def test_the_pages_name_what_is_installed():
    files = [(page, path) for page in PAGES for path in re.findall(r'^\.(?:It )?Pa (share/\S+)', (MANUAL / page).read_text(), re.M)]
    here = {'share/mtls-authz/schemas': TOP / 'schemas', 'share/doc/mtls-authz/examples': TOP / 'schemas/examples',
            'share/doc/mtls-authz': TOP / 'docs'}
    assert len(files) > 5
    for page, path in files:
        place = next(start for start in here if path.startswith(start))
        assert list(here[place].glob(path[len(place):].lstrip('/') or '*')), (page, path)


# --- completion -----------------------------------------------------------------------------------------


def complete(*words, at=None):
    """What bash would offer for the last word, or for word `at`."""
    script = ('set -u; source "$1"; shift; at=$1; shift; COMP_WORDS=("$@"); COMP_CWORD=$at; _mtls_policy;'
              ' printf "%s\\n" "${COMPREPLY[@]}"')
    words = (TOOL, *words)
    done = subprocess.run(['bash', '--noprofile', '--norc', '-c', script, 'bash', str(COMPLETION), str(len(words) - 1 if at is None else at), *words],
                          cwd=PLACE, capture_output=True)
    assert done.returncode == 0 and done.stderr == b'', done
    return [line for line in done.stdout.decode().splitlines() if line]


@test
def test_completion_is_registered():
    done = subprocess.run(['bash', '--noprofile', '--norc', '-c', 'source "$1"; complete -p mtls-policy', 'bash', str(COMPLETION)], capture_output=True)
    assert done.stdout == b'complete -F _mtls_policy mtls-policy\n', done


@test
def test_verbs_are_completed():
    assert sorted(complete('')) == sorted([*VERBS, '--help', '--version'])
    assert complete('ex') == ['explain'] and complete('--v') == ['--version'] and complete('x') == []


@test_each(*[(verb,) for verb in VERBS])
def test_every_option_is_completed(verb):
    options = options_of(verb)
    expected = [name for _, name, _ in options] + [f'-{letter}' for letter, _, _ in options if letter]
    assert sorted(complete(verb, '-')) == sorted(expected)
    for _, name, _ in options:
        assert name in complete(verb, name[:4]) and complete(verb, 'good.json', name) .count(name) == 1, name


@test
def test_words_of_an_option_are_completed():
    assert sorted(complete('check', '--format', '')) == ['json', 'text']
    assert complete('show', '--list', 'r') == ['routes', 'rules']
    # bash splits at the equals sign
    assert sorted(complete('check', '--format', '=')) == ['json', 'text'] and complete('check', '--format', '=', 'j') == ['json']


@test
def test_files_are_completed():
    for words in (('check',), ('compile', 'good.json', '-o'), ('compile', '--output'), ('explain', '--cert'), ('explain', '--csr'), ('explain', '--ca'), ('fmt', '--check')):
        assert complete(*words, 'good.') == ['good.json', 'good.mtlsp'] or sorted(complete(*words, 'good.')) == ['good.json', 'good.mtlsp'], words


@test
def test_names_of_the_policy_are_completed():
    for policy in ('large.json', 'large.mtlsp'):
        assert complete('explain', policy, '--identity', '') == ['any', 'billing', 'host', 'printer', 'tenant']
        assert complete('explain', policy, '--identity', 't') == ['tenant']
        assert complete('explain', policy, '--issuer', '') == ['corp', 'devices', 'mesh']
    # the policy may come later, and a file that belongs to an option is none
    assert complete('explain', '--identity', 'b', 'large.mtlsp', at=3) == ['billing']
    assert complete('explain', '--cert', 'large.mtlsp', 'good.mtlsp', '--identity', '') == ['billing']
    assert complete('explain', '--identity', '') == [] and complete('explain', 'bad.json', '--identity', '') == []


@test
def test_nothing_is_offered_where_nothing_is_known():
    for option in ('--request', '--host', '--header', '--from', '--user', '--at', '--rewritten-to', '--capture'):
        assert complete('explain', option, '') == [], option
    assert complete('nonsense', '-') == []


if __name__ == '__main__':
    make_place()
    main()
