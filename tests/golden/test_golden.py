#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Documents with known answers: every one of invalid/ gives exactly the diagnostics of its `expected` file (code, line,
column, pointer), every one of valid/ and schemas/examples none that is an error; and the JSON Schema, judged by an
independent validator, takes what the compiler takes."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tap import add_test, main

TOP_BUILDDIR = Path(os.environ.get('top_builddir') or HERE.parents[1])
TOOL = os.environ.get('MTLS_POLICY_TOOL') or str(TOP_BUILDDIR / 'mtls-policy')
TOOLS = Path(os.environ.get('MTLS_TOOLS') or TOP_BUILDDIR / 'tests/tools')
SCHEMAS = HERE.parents[1] / 'schemas'
FIRST_LINE = re.compile(r'policy\.json:(\d+):(\d+): (error|warning|note): .* \[([a-z-]+)\]$')

folder = tempfile.TemporaryDirectory(prefix='mtls-golden-')


def make_certificates():
    spec = ('name=ca ca=1 issuer=self cn=ca\nname=other ca=1 issuer=self cn=other\n'
            'name=leaf issuer=ca cn=leaf\n')
    subprocess.run([str(TOOLS / 'mint'), folder.name], input=spec, text=True, check=True, stdout=subprocess.DEVNULL)


def check(case):
    """The lines of `expected` that mtls-policy check would have written for this case."""
    with tempfile.TemporaryDirectory(dir=folder.name) as place:
        shutil.copy(case, f'{place}/policy.json')
        for name in ('ca', 'other', 'leaf'):
            shutil.copy(f'{folder.name}/{name}.crt', f'{place}/{name}.pem')
        done = subprocess.run([TOOL, 'check', 'policy.json'], cwd=place, capture_output=True)
    lines = done.stderr.decode().splitlines()
    found = []
    for i, line in enumerate(lines):
        if match := FIRST_LINE.match(line):
            pointer = lines[i + 1].removeprefix('    at ')
            assert lines[i + 2].startswith('    '), 'a diagnostic without a mend'
            found.append((f'{match[4]} {match[1]} {match[2]} '
                          + ('' if pointer == 'the document' else pointer)).rstrip())
    errors = [line for line in lines if ': error: ' in line]
    assert done.returncode == (1 if errors else 0), (done.returncode, lines)
    return found, errors


def wrong(case):
    expected = [line.rstrip() for line in (case.parent / 'expected').read_text().splitlines() if line.strip()]
    assert expected, 'an empty expectation expects nothing'
    found, _ = check(case)
    assert found == expected, '\n'.join(['expected', *expected, 'found', *found])


def good(case):
    found, _ = check(case)
    assert found == [], found


def schema():
    try:
        import jsonschema
    except ImportError as error:
        raise AssertionError('the Python module jsonschema is missing (Debian: python3-jsonschema)') from error
    document = json.loads((SCHEMAS / 'policy.schema.json').read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def fits_schema(case):
    problems = [error.message for error in schema().iter_errors(json.loads(case.read_text()))]
    assert problems == [], problems


def example(case):
    """Examples name CA files; each gets one of its own."""
    with tempfile.TemporaryDirectory(dir=folder.name) as place:
        shutil.copy(case, f'{place}/policy.json')
        names = sorted(set(re.findall(r'"file": *"([^"]+)"', case.read_text())))
        spec = ''.join(f'name={name.removesuffix(".pem")} ca=1 issuer=self cn={i}\n' for i, name in enumerate(names))
        subprocess.run([str(TOOLS / 'mint'), place], input=spec, text=True, check=True, stdout=subprocess.DEVNULL)
        for name in names:
            os.rename(f'{place}/{name.removesuffix(".pem")}.crt', f'{place}/{name}')
        done = subprocess.run([TOOL, 'compile', 'policy.json', '-o', 'policy.mtlsp'], cwd=place, capture_output=True,
                              text=True)
    assert done.returncode == 0, done.stderr


def register(kind, function, cases):
    cases = sorted(cases)
    assert cases, f'no {kind} documents are found'
    for case in cases:
        name = case.parent.name if case.name == 'policy.json' else case.stem
        add_test(f'{kind} {name}', lambda case=case: function(case))


register('wrong', wrong, HERE.glob('invalid/*/policy.json'))
register('good', good, HERE.glob('valid/*/policy.json'))
register('schema takes', fits_schema, [*HERE.glob('valid/*/policy.json'), *SCHEMAS.glob('examples/*.json')])
register('example', example, SCHEMAS.glob('examples/*.json'))

if __name__ == '__main__':
    make_certificates()
    main()
