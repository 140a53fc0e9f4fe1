#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Documents with known answers, each judged twice: by mtls-policy check, which must give exactly the expected
diagnostics (code, line, column, pointer), and by an independent validator with schemas/policy.schema.json, which must
reject what the compiler rejects, but for the meaning that COMPILER_ONLY and PARTLY list.

Documents are the folders of invalid/ and valid/, the examples of schemas/, and those that cases.json is a table of.
A line of `expected` is [only|both] CODE LINE COLUMN [POINTER]; in cases.json it is [only|both] CODE [key] [POINTER],
and line and column are those of that value (of its key; of the object that lacks it). `only`: only the compiler sees
it; `both`: the schema does too."""

import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tap import add_test, main, test

TOP_BUILDDIR = Path(os.environ.get('top_builddir') or HERE.parents[1])
TOOL = os.environ.get('MTLS_POLICY_TOOL') or str(TOP_BUILDDIR / 'mtls-policy')
SCHEMAS = HERE.parents[1] / 'schemas'
FIRST_LINE = re.compile(r'policy\.json:(\d+):(\d+): (error|warning|note): .* \[([a-z-]+)\]$')
EXPECTED = re.compile(r'(?:(only|both) )?([a-z-]+)( key)?(?: (\d+) (\d+))?(?: (/.*))?')
FEWEST_DOCUMENTS = 330

# All other codes are errors.
SEVERITIES = {
    'acknowledge-unneeded': 'warning',
    'deny-ends': 'warning',
    'deny-escapable': 'warning',
    'everyone-left-out': 'note',
    'issuers-cross-sign': 'note',
    'preflight-open': 'note',
    'wide-grant': 'note',
}

# What only the compiler can know: such an error does not make the schema reject the document, unless it says `both`.
COMPILER_ONLY = {
    'attribute-conflict': 'depends on the kinds of the issuer',
    'bad-certificate': 'the certificate itself',
    'certificate-not-ca': 'the certificate itself',
    'certificate-unreadable': 'the file itself',
    'environment-mixed': 'compares values of two places',
    'everyone-denied': 'depends on another rule',
    'group-cycle': 'depends on other groups',
    'identity-outside-issuer': 'depends on the issuer',
    'internal-in-rule': 'depends on the route',
    'issuer-key-shared': 'the certificates themselves',
    'name-kind-mismatch': 'depends on the kinds of the issuer',
    'names-too-complex': 'the size of the compiled policy',
    'route-conflict': 'compares values of two places',
    'route-too-complex': 'the size of the compiled policy',
    'too-many-combinations': 'the size of the compiled policy',
    'unknown-capture': 'depends on routes and identities',
    'unknown-group': 'a reference',
    'unknown-identity': 'a reference',
    'unknown-issuer': 'a reference',
    'unknown-route': 'a reference',
    'unknown-tag': 'a reference',
    'validity-empty': 'compares two values',
}

# What the schema sees in part; a line with `only` is of the part that it does not see.
PARTLY = {
    'bad-acknowledgement': 'a reference',
    'bad-identity-name': 'lengths in bytes, values that are UTF-8 once their escapes are decoded',
    'bad-network': 'bits beyond the prefix, IPv4 mapped into IPv6',
    'bad-number': '1.0 and 1e3 are whole numbers in JSON Schema',
    'bad-oid': 'the largest arc',
    'bad-path': 'lengths in bytes',
    'bad-text': 'lengths in bytes',
    'bad-time': 'leap years, and where the offset leads',
    'duplicate-key': 'two spellings of one OID',
    'duplicate-member': 'two spellings of one pin, address, OID or name',
    'json-encoding': 'halves of surrogate pairs, which Python takes',
    'missing-key': 'whether a name or pins belong there depends on the issuer',
    'not-acknowledged': 'which issuers are acknowledged',
}

# Of two keys that contradict each other the schema complains of the one, the compiler of the other.
SEEN_IN_RULE = {'everyone-in-deny', 'everyone-not-acknowledged', 'not-acknowledged'}

folder = tempfile.TemporaryDirectory(prefix='mtls-golden-')


# ---- certificates ----

def make_certificate(name, *extensions, key=None):
    """A self-signed certificate, with the key of that name if one is given."""
    new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{name}.key']
    arguments = ['-subj', f'/CN={name}', '-days', '365', '-out', f'{name}.pem']
    arguments += ['-key', f'{key}.key'] if key else new_key
    for extension in extensions:
        arguments += ['-addext', extension]
    subprocess.run(['openssl', 'req', '-x509', '-config', 'empty.cnf', *arguments], cwd=folder.name, check=True,
                   capture_output=True)


def make_authority(name, *, path_length=None, key=None):
    """A CA certificate; with a path length of 0 it may not certify further CAs, and no note speaks of that."""
    limit = '' if path_length is None else f',pathlen:{path_length}'
    make_certificate(name, f'basicConstraints=critical,CA:TRUE{limit}', 'keyUsage=critical,keyCertSign', key=key)


def make_certificates():
    Path(folder.name, 'empty.cnf').write_text('[req]\ndistinguished_name = dn\n[dn]\n')
    for name in ('ca', 'other', 'third'):
        make_authority(name, path_length=0)
    make_authority('ca-again', path_length=0, key='ca')
    make_authority('depth-one', path_length=1)
    for name in ('open', 'open-too', 'open-three'):
        make_authority(name)
    both = Path(folder.name, 'ca.pem').read_text() + Path(folder.name, 'third.pem').read_text()
    Path(folder.name, 'two-in-one.pem').write_text(both)
    make_certificate('leaf', 'basicConstraints=critical,CA:FALSE')


# ---- the two judges ----

def check(text):
    """(code, line, column, pointer) of each diagnostic that mtls-policy check gives for this document."""
    Path(folder.name, 'policy.json').write_bytes(text)
    done = subprocess.run([TOOL, 'check', 'policy.json'], cwd=folder.name, capture_output=True)
    lines = done.stderr.decode().splitlines()
    found = []
    for i, line in enumerate(lines):
        if match := FIRST_LINE.match(line):
            pointer = lines[i + 1].removeprefix('    at ')
            assert lines[i + 2].startswith('    '), 'a diagnostic without a mend'
            assert match[3] == SEVERITIES.get(match[4], 'error'), line
            found.append((match[4], int(match[1]), int(match[2]), '' if pointer == 'the document' else pointer))
    errors = [line for line in lines if ': error: ' in line]
    assert done.returncode == (1 if errors else 0), (done.returncode, lines)
    return found


class NotJson(ValueError):
    pass


def refuse_constant(text):
    raise NotJson(f'{text} is no number')


def read_object(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise NotJson('a key stands twice')
    return dict(pairs)


_validator = []


def validator():
    if not _validator:
        try:
            import jsonschema
        except ImportError as error:
            raise AssertionError('the Python module jsonschema is missing (Debian: python3-jsonschema)') from error
        schema = json.loads((SCHEMAS / 'policy.schema.json').read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        _validator.append(jsonschema.Draft202012Validator(schema))
    return _validator[0]


def escape(step):
    text = str(step).replace('~', '~0').replace('/', '~1')
    return re.sub(r'[\x00-\x1f\x7f-\x9f]', lambda match: f'\\u{ord(match[0]):04x}', text)


def schema_complaints(text):
    """Pointer and message of each thing that is wrong for Python's JSON reader or else by the schema."""
    try:
        document = json.loads(text.decode('utf-8'), object_pairs_hook=read_object, parse_constant=refuse_constant)
    except ValueError as error:
        return [('', str(error))]
    return [(''.join(f'/{escape(step)}' for step in error.absolute_path), error.message[:300])
            for error in validator().iter_errors(document)]


# ---- agreement ----

def parse_expected(line):
    match = EXPECTED.fullmatch(line)
    assert match, f'not an expectation: {line}'
    return match.groups()


def seen_by_schema(who, code):
    assert who != 'only' or code in PARTLY, f'{code} has no part that only the compiler sees'
    assert who != 'both' or code in COMPILER_ONLY, f'{code} is seen by both anyway'
    return SEVERITIES.get(code) is None and (who == 'both' or (who is None and code not in COMPILER_ONLY))


def agree(text, expected):
    """Both judges must say what is expected: a list of (only|both|None, code, line, column, pointer)."""
    found = check(text)
    wanted = [tuple(diagnostic[1:]) for diagnostic in expected]
    shown = ['expected', *map(str, wanted), 'found', *map(str, found), text[:2000].decode('utf-8', 'backslashreplace')]
    assert found == wanted, '\n'.join(shown)
    agree_with_schema(text, expected)


def complained(complaints, code, pointer):
    """Does the schema complain of this place, or of one that holds it?"""
    if not pointer:
        return bool(complaints)
    if code in SEEN_IN_RULE:
        rule = '/'.join(pointer.split('/')[:3])
        return any(f'{where}/'.startswith(f'{rule}/') for where, _ in complaints)
    return any(f'{pointer}/'.startswith(f'{where}/') for where, _ in complaints)


def agree_with_schema(text, expected):
    complaints = schema_complaints(text)
    seen = [diagnostic for diagnostic in expected if seen_by_schema(*diagnostic[:2])]
    assert seen or not complaints, ('the schema alone rejects', complaints)
    for _, code, _, _, pointer in seen:
        assert complained(complaints, code, pointer), ('the schema does not see', code, pointer, complaints)


# ---- documents in folders ----

def read_expected(case):
    path = case.parent / 'expected'
    lines = path.read_text().splitlines() if path.exists() else []
    parsed = [parse_expected(line.rstrip()) for line in lines if line.strip()]
    return [(who, code, int(line), int(column), pointer or '') for who, code, _, line, column, pointer in parsed]


def errors_of(expected):
    return [code for _, code, *_ in expected if code not in SEVERITIES]


def wrong(case):
    expected = read_expected(case)
    assert errors_of(expected), 'no error is expected: the document belongs to valid/'
    agree(case.read_bytes(), expected)


def good(case):
    expected = read_expected(case)
    assert not errors_of(expected), 'an error is expected: the document belongs to invalid/'
    agree(case.read_bytes(), expected)


def example(case):
    """Examples name CA files; each gets one of its own. examples.json has the notes that they give."""
    names = sorted(set(re.findall(r'"file": *"([^"]+)"', case.read_text())))
    for name in names:
        make_authority(name.removesuffix('.pem'), path_length=0)
    notes = json.loads((HERE / 'examples.json').read_text())
    found = [f'{code} {pointer}' for code, _, _, pointer in check(case.read_bytes())]
    assert found == notes.get(case.name, []), found
    assert not errors_of([('', *line.split(' ')) for line in found]), found
    done = subprocess.run([TOOL, 'compile', 'policy.json', '-o', 'policy.mtlsp'], cwd=folder.name, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    agree_with_schema(case.read_bytes(), [])


# ---- documents from the table ----

def expand(value):
    """${TEXT*COUNT} in strings and keys stands for a repeated text."""
    if isinstance(value, str):
        return re.sub(r'\$\{(.+?)\*(\d+)\}', lambda match: match[1] * int(match[2]), value)
    if isinstance(value, list):
        return [expand(member) for member in value]
    if isinstance(value, dict):
        return {expand(key): expand(member) for key, member in value.items()}
    return value


def steps_of(pointer):
    return [step.replace('~1', '/').replace('~0', '~') for step in pointer.split('/')[1:]]


def holder(document, pointer):
    """The container of what the pointer names, objects made on the way, and its key or index in it."""
    *path, last = steps_of(pointer)
    here = document
    for step in path:
        here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
    return here, int(last) if isinstance(here, list) and last != '-' else last


def put(document, pointer, value):
    here, last = holder(document, pointer)
    if last == '-':
        here.append(value)
    elif isinstance(here, list):
        here[last] = value
    else:
        here[last] = value


def remove(document, pointer):
    here, last = holder(document, pointer)
    del here[last]


def rename(document, pointer, name):
    here, last = holder(document, pointer)
    members = [(name if key == last else key, value) for key, value in here.items()]
    here.clear()
    here.update(members)


class Writer:
    """Writes a document, one member a line, and notes where each value and each key begins."""

    def __init__(self, document):
        self.lines = ['']
        self.places = {}
        self.write(document, '', 0)
        self.text = '\n'.join(self.lines) + '\n'

    def place(self):
        return len(self.lines), len(self.lines[-1]) + 1

    def write(self, value, pointer, depth):
        self.places[pointer] = self.place()
        if not isinstance(value, (dict, list)) or not value:
            self.lines[-1] += json.dumps(value, ensure_ascii=False)
            return
        is_object = isinstance(value, dict)
        members = list(value.items() if is_object else enumerate(value))
        self.lines[-1] += '{' if is_object else '['
        for i, (key, member) in enumerate(members):
            self.lines.append('  ' * (depth + 1))
            below = f'{pointer}/{escape(key)}'
            if is_object:
                self.places[f'key {below}'] = self.place()
                self.lines[-1] += json.dumps(key, ensure_ascii=False) + ': '
            self.write(member, below, depth + 1)
            self.lines[-1] += ',' if i + 1 < len(members) else ''
        self.lines.append('  ' * depth + ('}' if is_object else ']'))

    def locate(self, pointer, is_key):
        if is_key:
            return self.places[f'key {pointer}']
        while pointer not in self.places:  # missing: the object that lacks it
            pointer = pointer.rpartition('/')[0]
        return self.places[pointer]


def from_table(document, lines):
    writer = Writer(document)
    expected = []
    for line in lines:
        who, code, is_key, _, _, pointer = parse_expected(line)
        pointer = pointer or ''
        expected.append((who, code, *writer.locate(pointer, bool(is_key)), pointer))
    expected.sort(key=lambda diagnostic: diagnostic[2:4])
    agree(writer.text.encode('utf-8', 'surrogatepass'), expected)


CASE_KEYS = {'name', 'base', 'set', 'remove', 'at', 'key', 'code', 'good', 'bad', 'only', 'expect', 'why'}


def documents_of(case, bases):
    """(name, document, expected lines) of each document of one row of the table:
    a base with edits, and in turn each of the values good, bad and only at `at`, or as the name of the key `key`."""
    assert set(case) <= CASE_KEYS, set(case) - CASE_KEYS
    start = copy.deepcopy(bases[case.get('base', 'client')])
    for pointer, value in case.get('set', {}).items():
        put(start, pointer, copy.deepcopy(value))
    for pointer in case.get('remove', []):
        remove(start, pointer)
    if 'at' not in case and 'key' not in case:
        yield case['name'], start, case.get('expect', [])
        return
    for kind in ('good', 'bad', 'only'):
        for number, value in enumerate(case.get(kind, [])):
            document = copy.deepcopy(start)
            if 'at' in case:
                put(document, case['at'], value)
                line = f'{case.get("code")} {case["at"]}'
            else:
                rename(document, case['key'], value)
                line = f'{case.get("code")} key {case["key"].rpartition("/")[0]}/{escape(value)}'
            lines = {'good': [], 'bad': [line], 'only': [f'only {line}']}[kind]
            yield f'{case["name"]} {kind} {number}', document, lines + case.get('expect', [])


# ---- what is run ----

@test
def test_codes_are_all_there():
    """Every code that one of the tables above names has a document, and PARTLY one that only the compiler rejects."""
    seen = {line for lines in all_expectations for line in lines}
    missing = sorted((set(SEVERITIES) | set(COMPILER_ONLY)) - {code for _, code in seen})
    missing += sorted({('only', code) for code in PARTLY} - seen)
    assert not missing, missing
    assert len(all_expectations) >= FEWEST_DOCUMENTS, len(all_expectations)


all_expectations = []


def register_folders(kind, function, cases):
    cases = sorted(cases)
    assert cases, f'no {kind} documents are found'
    for case in cases:
        name = case.parent.name if case.name == 'policy.json' else case.stem
        add_test(f'{kind} {name}', lambda case=case: function(case))
        all_expectations.append([line[:2] for line in read_expected(case)] if case.name == 'policy.json' else [])


def register_table():
    table = expand(json.loads((HERE / 'cases.json').read_text()))
    names = set()
    for case in table['cases']:
        assert case['name'] not in names, f'two cases are called {case["name"]}'
        names.add(case['name'])
        for name, document, lines in documents_of(case, table['bases']):
            add_test(f'table {name}', lambda document=document, lines=lines: from_table(document, lines))
            all_expectations.append([parse_expected(line)[:2] for line in lines])


register_folders('wrong', wrong, HERE.glob('invalid/*/policy.json'))
register_folders('good', good, HERE.glob('valid/*/policy.json'))
register_folders('example', example, SCHEMAS.glob('examples/*.json'))
register_table()

if __name__ == '__main__':
    make_certificates()
    main()
