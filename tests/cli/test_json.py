#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--format json: one object on standard output for every verb, of the shape that schemas/output gives it, with all that
the text form says."""

import copy
import json
import os
import re
import sys
from pathlib import Path

import jsonschema

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cli import NO, PLACE, POLICY, TOP, TROUBLE, VERBS, YES, expect, folder_with, make_place, only_the_old_file, run, silent, write  # noqa: E402
from tap import main, test, test_each  # noqa: E402

SCHEMAS = {verb: json.loads((TOP / f'schemas/output/{verb}.schema.json').read_text()) for verb in VERBS}
EXPLAIN = ('explain', '--request', 'GET https://api.example/o', '--at', '2026-06-01T12:00:00Z')


def no_twins(pairs):
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), keys
    return dict(pairs)


def ask(status, verb, *arguments, **options):
    """The answer, which is of its verb's schema."""
    done = expect(run(verb, '--format', 'json', *arguments, **options), status)
    silent(done.stderr, done)
    assert done.stdout.endswith(b'}\n'), done
    found = json.loads(done.stdout, object_pairs_hook=no_twins)
    jsonschema.Draft202012Validator(SCHEMAS[verb]).validate(found)
    assert list(found)[:2] == ['verb', 'exit'] and found['verb'] == verb and found['exit'] == status, found
    return found


# --- the schemas themselves ------------------------------------------------------------------------


@test_each(*[(verb,) for verb in VERBS])
def test_a_schema_is_one_and_refuses_what_is_odd(verb):
    schema = SCHEMAS[verb]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    arguments = {'check': ('good.json',), 'compile': ('warned.json', '-o', 'x.mtlsp'), 'show': ('good.json',), 'fmt': ('--check', 'laid-out.json'),
                 'explain': (*EXPLAIN[1:], 'good.json', '--identity', 'billing', '--from', '10.0.0.1')}[verb]
    write('laid-out.json', run('fmt', 'good.json').stdout)
    good = ask(YES, verb, *arguments)
    for key in good:
        odd = copy.deepcopy(good)
        del odd[key]
        if key not in ('diagnostics', 'not_shown') or verb == 'compile':
            assert not validator.is_valid(odd), f'without {key}'
        odd[key] = {'odd': 1}
        assert not validator.is_valid(odd), f'odd {key}'
    assert not validator.is_valid({**good, 'more': 1})
    assert not validator.is_valid({**good, 'exit': TROUBLE}) or verb in ('check', 'fmt')


@test
def test_schemas_agree_with_each_other_and_the_tables():
    assert sorted(path.name for path in (TOP / 'schemas/output').iterdir()) == sorted(f'{verb}.schema.json' for verb in VERBS)
    for name in ('diagnostic', 'error', 'policy'):
        same = [schema['$defs'][name] for schema in SCHEMAS.values() if name in schema['$defs']]
        assert same and all(one == same[0] for one in same), name
    explain = SCHEMAS['explain']['properties']
    engine = TOP / 'libmtlspolicy/runtime'
    reasons = re.findall(r'^ *X\([A-Z_]+, "([a-z-]+)"', (engine / 'base/reason.h').read_text(), re.M)
    conditions = re.findall(r'^ *X\([A-Z_]+, "([a-z_]+)"\)', (engine / 'match/decide.h').read_text(), re.M)
    kinds = re.findall(r'^ *X\([A-Z]+, "([a-z]+)"\)', (engine / 'image/format.h').read_text(), re.M)
    stages = set(re.findall(r'\{"([a-z]+)", ?$|\{"([a-z]+)",', (engine.parent / 'authoring/explain/advice.c').read_text()))
    assert len(reasons) > 25 and explain['reason']['enum'] == reasons
    assert len(conditions) >= 5 and explain['condition']['enum'] == explain['unknown']['enum'] == [*conditions, None]
    assert len(kinds) == 8 and explain['principal']['anyOf'][0]['properties']['kind']['enum'] == kinds
    assert set(explain['stage']['enum']) - {None} == {one or other for one, other in stages}


# --- check -----------------------------------------------------------------------------------------


def in_text(document):
    """The diagnostics as the text form prints them."""
    for d in document['diagnostics']:
        where = d['pointer'] or 'the document'
        yield f'{d["file"]}:{d["line"]}:{d["column"]}: {d["severity"]}: {d["text"]} [{d["code"]}]\n    at {where}\n    {d["fix"]}\n'


@test
def test_check():
    found = ask(NO, 'check', 'good.json', 'bad.json', 'warned.json', 'large.json')
    assert [document['file'] for document in found['documents']] == ['good.json', 'bad.json', 'warned.json', 'large.json']
    text = ''.join(line for document in found['documents'] for line in in_text(document))
    assert text == run('check', 'good.json', 'bad.json', 'warned.json', 'large.json').stderr.decode() and text
    counts = [(d['errors'], d['warnings'], d['notes']) for d in found['documents']]
    assert counts[:3] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)], counts
    assert all(sum(c) == len(d['diagnostics']) for c, d in zip(counts, found['documents'])), counts
    assert ask(YES, 'check', 'warned.json')['documents'][0]['diagnostics'][0]['severity'] == 'warning'
    ask(NO, 'check', '--strict', 'warned.json')


@test
def test_check_of_what_cannot_be_read():
    found = ask(TROUBLE, 'check', 'missing.json', 'good.mtlsp', 'good.json')
    first, second, third = found['documents']
    assert first['error']['text'].startswith('missing.json cannot be opened') and first['error']['fix'], found
    assert second['error']['text'] == 'good.mtlsp is a compiled policy' and third['errors'] == 0 and 'error' not in third, found


@test
def test_bytes_that_json_has_not():
    name = write(os.fsdecode(b'a\xffb\x1b\xc2\x9b.json'), {'name': 'X'})
    done = run('check', '--format', 'json', os.fsencode(name))
    assert b'\\u001b' in done.stdout and b'\\u009b' in done.stdout and b'\x1b' not in done.stdout and b'\xc2\x9b' not in done.stdout, done
    assert ask(NO, 'check', os.fsencode(name))['documents'][0]['file'] == 'a\ufffdb\x1b\x9b.json'


@test
def test_more_problems_than_are_kept():
    write('many.json', {'name': 'x', 'groups': {'g': [f'm{i}' for i in range(1200)]}})
    found = ask(NO, 'check', 'many.json')['documents'][0]
    assert len(found['diagnostics']) == 1000 and found['not_shown'] == 200 and found['errors'] == 1200 and found['notes'] == 0, found['errors']


# --- compile, show ------------------------------------------------------------------------------------


@test
def test_compile():
    folder = folder_with(old=None)
    found = ask(YES, 'compile', 'good.json', '-o', f'{folder}/out')
    assert found['output'] == f'{folder}/out' and found['diagnostics'] == [] and found['not_shown'] == 0, found
    assert found['policy'] == ask(YES, 'show', f'{folder}/out')['policy'] and found['policy']['name'] == 'demo', found
    assert found['policy']['bytes'] == (folder / 'out').stat().st_size


@test
def test_compile_that_fails():
    folder = folder_with()
    out = ('-o', f'{folder}/out')
    assert ask(TROUBLE, 'compile', 'bad.json', *out)['diagnostics'][0]['code'] == 'bad-name'
    assert ask(NO, 'compile', '--strict', 'warned.json', *out)['diagnostics'][0]['code'] == 'acknowledge-unneeded'
    assert 'missing.json' in ask(TROUBLE, 'compile', 'missing.json', *out)['error']['text']
    found = ask(TROUBLE, 'compile', 'good.json', '-o', 'missing/out')
    assert 'missing/out cannot be written' in found['error']['text'] and found['diagnostics'] == [], found
    only_the_old_file(folder)


@test
def test_show():
    for name in ('good', 'large'):
        image, source = ask(YES, 'show', f'{name}.mtlsp'), ask(YES, 'show', f'{name}.json')
        assert image['policy'] == source['policy'] and 'diagnostics' in source and 'diagnostics' not in image
        text = dict(line.rsplit(None, 1) for line in run('show', f'{name}.mtlsp').stdout.decode().splitlines())
        policy = image['policy']
        assert {key: str(value) for key, value in policy['counts'].items()}.items() <= text.items(), (text, policy)
        assert (text['sha-256'], text['source']) == (policy['sha256'], policy['source_sha256'])
    assert policy['environment'] == 'staging' and policy['production'] is False and policy['valid_until'] == '2099-01-01T00:00:00Z', policy
    assert ask(YES, 'show', 'good.json')['policy']['environment'] is None


@test
def test_show_source_and_lists():
    assert ask(YES, 'show', '--source', 'large.mtlsp')['source'].encode() == run('show', '--source', 'large.mtlsp').stdout
    for kind in ('issuers', 'identities', 'groups', 'routes', 'rules'):
        assert ask(YES, 'show', '--list', kind, 'large.mtlsp')[kind] == run('show', '--list', kind, 'large.mtlsp').stdout.decode().split()


@test
def test_show_rows():
    rows = ask(YES, 'show', '--rows', 'large.mtlsp')['rows']
    told = [line.split('  ') for line in run('show', '--rows', 'large.mtlsp').stdout.decode().splitlines()]
    assert [line[:2] for line in told] == [[row['row'], f"issuer:{row['issuer']}" if row['issuer'] else '-'] for row in rows]
    assert all(row['example'] in (None, line[2]) for row, line in zip(rows, told)), (rows, told)
    others = {row['row'] for row in rows if row['example'] is None}
    assert others == {'none', 'issuer:corp', 'issuer:mesh', 'issuer:devices'}, others


@test
def test_show_of_what_is_none():
    assert ask(TROUBLE, 'show', 'bad.json')['diagnostics'][0]['code'] == 'bad-name'
    assert '(FORMAT ' in ask(TROUBLE, 'show', write('cut.mtlsp', (PLACE / 'good.mtlsp').read_bytes()[:-1]))['error']['text']
    assert 'cannot be opened' in ask(TROUBLE, 'show', 'missing')['error']['text']


# --- fmt --------------------------------------------------------------------------------------------


@test
def test_fmt():
    folder = folder_with(old=None)
    laid_out = write('laid-out.json', run('fmt', 'good.json').stdout)
    found = ask(NO, 'fmt', '--check', laid_out, 'good.json')
    assert [(d['file'], d['changed']) for d in found['documents']] == [(laid_out, False), ('good.json', True)], found
    (folder / 'in.json').write_text(json.dumps(POLICY))
    for changed in (True, False):
        assert ask(YES, 'fmt', '--write', str(folder / 'in.json'))['documents'][0]['changed'] is changed
    assert ask(YES, 'fmt', 'good.json', '-o', str(folder / 'out.json'))['documents'][0]['changed'] is True
    assert (folder / 'in.json').read_bytes() == (folder / 'out.json').read_bytes() == (PLACE / laid_out).read_bytes()


@test
def test_fmt_of_what_is_none():
    write('twice.json', b'{"a":1,"a":2}')
    found = ask(TROUBLE, 'fmt', '--check', 'twice.json', 'missing.json', 'good.json')['documents']
    assert found[0]['diagnostics'][0]['code'] == 'duplicate-key' and 'changed' not in found[0], found
    assert 'error' in found[1] and found[2]['changed'] is True, found
    found = ask(TROUBLE, 'fmt', 'good.json', '-o', 'missing/out')['documents'][0]
    assert found['diagnostics'] == [] and 'cannot be written' in found['error']['text'], found


# --- explain -----------------------------------------------------------------------------------------


def same_as_text(found, *arguments):
    lines = run(*arguments).stdout.decode().splitlines()
    assert lines[0] == f'{found["decision"]} {found["reason"]}' and lines[1].strip() == found['sentence'], (lines, found)
    told = dict(line.split(None, 1) for line in lines[2:])
    assert set(told) == {key for key in ('path', 'route', 'unexpected', 'rule', 'condition', 'unknown', 'identity', 'issuer', 'principal', 'remark', 'stage', 'next')
                         if found[key] is not None}, (told, found)
    for key in set(told) - {'principal'}:
        assert told[key] == found[key], (key, told, found)


@test_each(
    (YES, '--identity', 'billing', '--from', '10.0.0.1'), (NO, '--identity', 'billing', '--from', '11.0.0.1'), (NO, '--identity', 'billing'),
    (NO, '--no-cert'), (NO, '--cert', 'stranger.crt'), (NO, '--cert', 'server.crt'), (NO, '--cert', 'leaf.crt', '--user', 'x'),
    (NO, '--cert', 'unknown.crt'), (NO, '--cert', 'nameless.crt'), (NO, '--no-cert', '--header', 'X-HTTP-Method: GET'),
    (YES, '--cert', 'leaf.crt', '--from', '10.0.0.1', '--rewritten-to', '/open'), (NO, '--cert', 'leaf.crt', '--from', '10.0.0.1', '--rewritten-to', '/x'))
def test_explain_says_in_json_what_it_says_in_text(status, *who):
    for policy in ('good.mtlsp', 'good.json'):
        same_as_text(ask(status, *EXPLAIN, policy, *who), *EXPLAIN, policy, *who)


@test
def test_principals():
    principal = ask(NO, *EXPLAIN, 'good.mtlsp', '--cert', 'leaf.crt')['principal']
    assert principal == {'kind': 'cn', 'oid': None, 'value': 'billing'}, principal
    principal = ask(NO, *EXPLAIN, 'good.mtlsp', '--cert', 'strange.crt')['principal']
    assert principal['value'] == '\x1b[31m\x9bx', principal  # whole, and escaped on its way
    assert ask(NO, *EXPLAIN, 'good.mtlsp', '--no-cert')['principal'] is None
    titled = {'name': 't', 'issuers': {'i': {'certificates': [{'file': 'ca.crt'}], 'names': [{'attribute': 'commonName'}]}}}
    assert ask(TROUBLE, *EXPLAIN, write('titled.json', titled), '--no-cert')['diagnostics'], titled


@test
def test_explain_that_fails():
    assert 'no identity' in ask(TROUBLE, *EXPLAIN, 'good.mtlsp', '--identity', 'nobody')['error']['text']
    assert 'cannot be opened' in ask(TROUBLE, *EXPLAIN, 'missing', '--no-cert')['error']['text']
    assert ask(TROUBLE, *EXPLAIN, 'bad.json', '--no-cert')['diagnostics'][0]['code'] == 'bad-name'
    assert 'cannot be opened' in ask(TROUBLE, *EXPLAIN, 'good.json', '--cert', 'missing')['error']['text']
    found = ask(NO, *EXPLAIN, 'warned.json', '--no-cert')
    assert found['diagnostics'][0]['code'] == 'acknowledge-unneeded' and found['reason'] == 'no-certificate', found


# --- wrong usage -----------------------------------------------------------------------------------------


@test_each(*[(verb,) for verb in VERBS])
def test_wrong_usage_has_no_answer(verb):
    for arguments in (('--format', 'json'), ('--format', 'json', '--nonsense'), ('--format=json', '--format=json', 'x')):
        done = expect(run(verb, *arguments), TROUBLE, err=b'Usage: ')
        silent(done.stdout, done)
    assert expect(run(verb, '--format', 'json', '--help'), YES, b'Usage: ').stderr == b''


if __name__ == '__main__':
    make_place()
    main()
