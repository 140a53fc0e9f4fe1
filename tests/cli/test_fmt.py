#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mtls-policy fmt: one layout for every document, in the schema's order, that never changes what a document means."""

import json
import os
import random
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cli import LARGE, NO, PLACE, POLICY, TOP, TROUBLE, YES, expect, folder_with, make_place, only_the_old_file, run, silent, write  # noqa: E402
from tap import main, test, test_each  # noqa: E402

SCHEMA = json.loads((TOP / 'schemas/policy.schema.json').read_text())


def formatted(document):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    done = expect(run('fmt', '-', stdin=data), YES)
    silent(done.stderr, done)
    return done.stdout


def shuffled(value, rng, key=None):
    """The same policy, in another order."""
    if isinstance(value, dict):
        items = [(name, shuffled(member, rng, name)) for name, member in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        members = [shuffled(member, rng) for member in value]
        if key != 'certificates':
            rng.shuffle(members)
        return members
    return value


def image_of(data, name='image.json'):
    write(name, data)
    expect(run('compile', name, '-o', 'image.mtlsp'), YES)
    return (PLACE / 'image.mtlsp').read_bytes()


DOCUMENTS = [('small', POLICY), ('large', LARGE)]
for path in sorted((TOP / 'schemas/examples').glob('*.json')):
    DOCUMENTS.append((path.name, json.loads(path.read_text())))


@test_each(*[(name,) for name, _ in DOCUMENTS])
def test_one_layout_whatever_the_order(name):
    document = dict(DOCUMENTS)[name]
    expected = formatted(document)
    assert json.loads(expected) == json.loads(formatted(expected)) and formatted(expected) == expected
    for seed in range(10):
        other = shuffled(document, random.Random(seed))
        assert formatted(json.dumps(other, indent=seed).encode()) == expected, seed


@test
def test_the_examples_are_laid_out():
    examples = sorted(map(str, (TOP / 'schemas/examples').glob('*.json')))
    assert len(examples) > 3
    expect(run('fmt', '--check', *examples, str(TOP / 'docs/demo/policy.json')), YES)


@test_each(('small',), ('large',))
def test_it_means_the_same(name):
    document = dict(DOCUMENTS)[name]
    for seed in range(3):
        before = json.dumps(shuffled(document, random.Random(seed))).encode()
        assert image_of(before) == image_of(formatted(before)), seed


@test
def test_what_a_line_looks_like():
    assert formatted({'name': 'x', 'serial': 3, 'groups': {'b': [], 'a': []}}) == (
        b'{\n  "name": "x",\n  "serial": 3,\n  "groups": { "a": [], "b": [] }\n}\n')
    long = formatted({'groups': {'a': [f'member-{i:02}' for i in range(12)]}})
    assert long.startswith(b'{\n  "groups": {\n    "a": [\n      "member-00",\n'), long
    assert all(len(line) <= 100 for line in formatted(LARGE).splitlines())


# --- the order of keys: the schema's ---------------------------------------------------------------

PLACES = {
    'document': (SCHEMA, lambda keys: keys, lambda made: made),
    **{name: (SCHEMA['$defs'][name], lambda keys, table=table: {table: {'x': keys}}, lambda made, table=table: made[table]['x'])
       for name, table in (('issuer', 'issuers'), ('identity', 'identities'), ('route', 'routes'), ('rule', 'rules'))},
    'certificate': (SCHEMA['$defs']['certificate'], lambda keys: {'issuers': {'x': {'certificates': [keys]}}},
                    lambda made: made['issuers']['x']['certificates'][0]),
    'assertable': (SCHEMA['$defs']['assertable'], lambda keys: {'issuers': {'x': {'may_assert': [keys]}}},
                   lambda made: made['issuers']['x']['may_assert'][0]),
    'attribute': (SCHEMA['$defs']['attribute'], lambda keys: {'identities': {'x': {'attribute': keys}}},
                  lambda made: made['identities']['x']['attribute']),
}


@test_each(*[(name,) for name in PLACES])
def test_keys_in_the_order_of_the_schema(name):
    schema, wrap, unwrap = PLACES[name]
    keys = list(schema['properties'])
    assert len(keys) > 1, keys
    given = {'zzz': 1, 'aaa': 2, **{key: 0 for key in reversed(keys)}}
    assert list(unwrap(json.loads(formatted(wrap(given))))) == [*keys, 'aaa', 'zzz']


def lists_in(schema, path=()):
    """The properties of a definition that are lists."""
    return [key for key, value in schema['properties'].items() if value.get('type') == 'array' or '$ref' in value and
            SCHEMA['$defs'][value['$ref'].rsplit('/', 1)[1]].get('type') == 'array']


@test_each(*[(name,) for name in ('issuer', 'identity', 'route', 'rule')])
def test_lists_are_sorted_but_certificates(name):
    schema, wrap, unwrap = PLACES[name]
    found = lists_in(schema)
    assert found, schema
    for key in found:
        made = unwrap(json.loads(formatted(wrap({key: ['b', 'Z', '\u00e4', 'a', 'aa', 'b']}))))[key]
        assert made == (['b', 'Z', '\u00e4', 'a', 'aa', 'b'] if key == 'certificates' else ['Z', 'a', 'aa', 'b', 'b', '\u00e4']), key
    made = json.loads(formatted({'groups': {'z': ['b', '@a', 'a'], 'a': []}}))
    assert list(made['groups'].items()) == [('a', []), ('z', ['@a', 'a', 'b'])]


@test
def test_members_that_are_no_strings_come_last():
    made = json.loads(formatted({'issuers': {'x': {'names': [{'attribute': 'b'}, 'dns', {'attribute': 'a'}, 'cn']}}}))
    assert made['issuers']['x']['names'] == ['cn', 'dns', {'attribute': 'a'}, {'attribute': 'b'}]


# --- what is kept ----------------------------------------------------------------------------------


@test
def test_certificates_keep_order_and_form():
    given = [{'file': 'z.pem'}, {'pem': '-----BEGIN\n'}, {'file': 'a.pem'}]
    made = json.loads(formatted({'issuers': {'x': {'certificates': given}}}))
    assert made['issuers']['x']['certificates'] == given


@test_each(
    (b'{"serial":1e3,"x":-0.50,"y":null,"z":[true,false]}', b'{\n  "serial": 1e3,\n  "x": -0.50,\n  "y": null,\n  "z": [true, false]\n}\n'),
    (b'{"note":"\\u0061\\/\\u00e4\\ud83d\\ude00\\t\\u0000\\u007f\\u009b\\""}',
     '{\n  "note": "a/\u00e4\U0001f600\\t\\u0000\\u007f\\u009b\\""\n}\n'.encode()),
    (b'{"":{"":1}}', b'{\n  "": { "": 1 }\n}\n'), (b'[3,1,2]', b'[\n  3,\n  1,\n  2\n]\n'), (b'"x"', b'"x"\n'), (b' 7 ', b'7\n'), (b'{}', b'{}\n'),
    (b'{"groups":7,"rules":["b","a"],"routes":{"a":[2,1]}}', b'{\n  "groups": 7,\n  "routes": { "a": [2, 1] },\n  "rules": ["b", "a"]\n}\n'),
    (b'{"unknown":{"b":[2,1],"a":0}}', b'{\n  "unknown": { "b": [2, 1], "a": 0 }\n}\n'))
def test_values_stay_what_they_are(given, expected):
    assert formatted(given) == expected, formatted(given)
    assert formatted(expected) == expected


# --- what is refused ---------------------------------------------------------------------------------

REFUSED = [(b'', b'[json-syntax]'), (b'{"a":1', b'[json-syntax]'), (b'{"a":1}}', b'[json-syntax]'), (b'{"a":\xff}', b'[json-encoding]'),
           (b'{"a":"\\ud800"}', b'[json-encoding]'), (b'{"name":"a","name":"a"}', b'policy.json:1:13: error: The key "name" stands twice'),
           (b'{"x":{"a":1,"b":2,"a":1}}', b'[duplicate-key]'), (b'{"rules":{"r":{"same":{"a":"b","a":"c"}}}}', b'at /rules/r/same/a'),
           (b'{"a":1,"\\u0061":2}', b'[duplicate-key]'), (b'[' * 33 + b']' * 33, b'[json-too-deep]'), (b'\xef\xbb\xbf{}', b'[json-syntax]')]


@test_each(*REFUSED)
def test_what_is_no_json_or_has_a_key_twice_is_left_alone(data, said):
    folder = folder_with()
    path = folder / 'policy.json'
    for mode in ((), ('--check',), ('--write',), ('-o', str(folder / 'out'))):
        path.write_bytes(data)
        done = expect(run('fmt', *mode, str(path)), TROUBLE, err=said)
        silent(done.stdout, done)
        assert path.read_bytes() == data
    path.unlink()
    only_the_old_file(folder)


# --- --check, --write, -o ------------------------------------------------------------------------------


@test
def test_check_names_what_would_change():
    good = write('laid-out.json', formatted(POLICY))
    done = expect(run('fmt', '--check', good), YES)
    assert done.stdout == b'' and done.stderr == b'', done
    before = (PLACE / 'good.json').read_bytes()
    done = expect(run('fmt', '--check', good, 'good.json', 'large.json'), NO)
    assert done.stdout == b'good.json: would change\nlarge.json: would change\n' and done.stderr == b'', done
    assert (PLACE / 'good.json').read_bytes() == before
    expect(run('fmt', '--check', 'missing.json', 'good.json'), TROUBLE, b'good.json: would change', b'missing.json cannot be opened')
    expect(run('fmt', '--check', '-', stdin=formatted(LARGE)), YES)
    expect(run('fmt', '--check', '-', stdin=b'{ }'), NO, b'-: would change')


@test
def test_write_replaces_what_changes():
    folder = folder_with(old=None)
    one, two = folder / 'one.json', folder / 'two.json'
    one.write_text(json.dumps(POLICY))
    one.chmod(0o640)
    two.write_bytes(formatted(POLICY))
    kept = two.stat()
    done = expect(run('fmt', '--write', str(one), str(two)), YES)
    assert done.stdout == f'{one}: changed\n'.encode(), done
    assert one.read_bytes() == two.read_bytes() and stat.S_IMODE(one.stat().st_mode) == 0o640
    assert (two.stat().st_ino, two.stat().st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)
    assert sorted(entry.name for entry in folder.iterdir()) == ['one.json', 'two.json']


@test
def test_write_goes_on_after_a_bad_one():
    folder = folder_with(old=None)
    good, bad = folder / 'good.json', folder / 'bad.json'
    good.write_text(json.dumps(POLICY))
    bad.write_text('{"a":1,"a":1}')
    expect(run('fmt', '--write', str(bad), str(good)), TROUBLE, b'good.json: changed', b'[duplicate-key]')
    assert good.read_bytes() == formatted(POLICY) and bad.read_text() == '{"a":1,"a":1}'


@test
def test_a_link_stays_a_link():
    folder = folder_with(old=None)
    (folder / 'real.json').write_text(json.dumps(POLICY))
    (folder / 'link.json').symlink_to('real.json')
    expect(run('fmt', '--write', str(folder / 'link.json')), YES)
    assert (folder / 'link.json').is_symlink() and (folder / 'real.json').read_bytes() == formatted(POLICY)


@test
def test_output_to_a_file():
    folder = folder_with()
    done = expect(run('fmt', 'good.json', '-o', f'{folder}/out'), YES)
    assert done.stdout == b'' and (folder / 'out').read_bytes() == formatted(POLICY), done
    expect(run('fmt', 'good.json', '--output', f'{folder}/new', preexec_fn=lambda: os.umask(0o027)), YES)
    assert stat.S_IMODE((folder / 'new').stat().st_mode) == 0o640
    expect(run('fmt', 'good.json', '-o', 'missing/out'), TROUBLE, err=b'missing/out cannot be written')


@test
def test_a_document_with_errors_of_meaning_is_laid_out_all_the_same():
    expect(run('fmt', 'bad.json'), YES, b'{\n  "name": "X"\n}\n')


@test_each(('good.mtlsp',), (str(TOP / 'tests/golden/images/1.0/policy.mtlsp'),))
def test_the_normalised_source_is_laid_out(policy):
    source = expect(run('show', '--source', policy), YES).stdout
    assert formatted(source) == source


if __name__ == '__main__':
    make_place()
    main()
