#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can be seen of the guides and of SECURITY.md without a server; run.py does what they say."""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from blocks import BadGuide, Block, commands, differs, parse  # noqa: E402
from tap import main, test, test_each  # noqa: E402

TOP = Path(os.environ.get('top_srcdir') or Path(__file__).resolve().parent.parent.parent)
TOOL = os.environ['MTLS_POLICY_TOOL']
DOCS = TOP / 'docs'
INDEX = DOCS / 'guides/README.md'
GUIDES = sorted(path for path in (DOCS / 'guides').glob('*.md') if path != INDEX)
PAGES = [*GUIDES, INDEX, DOCS / 'SECURITY.md']


def source(*patterns):
    return ''.join(path.read_text() for pattern in patterns for path in sorted(TOP.glob(pattern)))


# --- how a guide is read -------------------------------------------------------------------------------


@test
def test_the_three_kinds_of_block():
    text = 'a\n\n```sh\ntrue\n```\n\n`/etc/x`, new:\n\n```apache\nA\nB\n```\nso:\n```console\n$ a \\\n  b\nx\n$ c\n```\n'
    shell, written, shown = parse(text)
    assert (shell.kind, shell.text, shell.line) == ('sh', 'true\n', 3)
    assert (written.kind, written.path, written.text) == ('file', '/etc/x', 'A\nB\n')
    assert [(command.text, command.output) for command in commands(shown)] == [('a \\\n  b', ['x']), ('c', [])]


@test_each(('no block',), ('```sh\ntrue\n',), (' ```sh\ntrue\n```\n',), ('```sh\n\n```\n',), ('text:\n```apache\nA\n```\n',),
           ('`/etc/x` is a file\n```apache\nA\n```\n',), ('`/etc/x`:\n```\nA\n```\n',), ('`/etc/x`:\n```python\nA\n```\n',),
           ('`/etc/x`:\n```text\nA\n```\n```text\nB\n```\n',))
def test_a_block_that_nothing_is_done_with_is_an_error(text):
    try:
        parse(text)
    except BadGuide:
        return
    raise AssertionError(text)


@test
def test_output_before_a_command_is_an_error():
    try:
        commands(Block('console', 1, 'x\n$ a\n'))
    except BadGuide:
        return
    raise AssertionError


@test_each((['200'], '200\n', True), (['200'], '403\n', False), ([], '', True), ([], 'x\n', False), (['200'], '', False),
           (['a', '...'], 'a\nb\nc\n', True), (['a', '...'], 'a\n', True), (['...', 'z'], 'a\nz\nb\n', False),
           (['a ... c'], 'a b c\n', True), (['a ... c'], 'a b\n', False), (['a.c'], 'abc\n', False), (['a'], 'a\r\n', True))
def test_what_is_printed_is_compared(wanted, printed, same):
    assert (differs(wanted, printed) is None) == same


# --- what the guides say -------------------------------------------------------------------------------


def runner(name):
    """A constant of run.py."""
    for node in ast.parse((TOP / 'tests/guides/run.py').read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(name)


@test
def test_every_guide_is_run_listed_and_installed():
    names = [path.stem for path in GUIDES]
    assert len(names) >= 10, names
    assert sorted([runner('FIRST'), *runner('OTHERS')]) == names
    assert re.findall(r'^\| \[(\S+)\.md\]', INDEX.read_text(), re.M) == [runner('FIRST'), *runner('OTHERS')]
    installed = (TOP / 'policy-tool/Makefile.inc').read_text()
    for page in PAGES:
        assert str(page.relative_to(TOP)) in installed, page


def authority(folder, name):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout',
                    'key', '-out', name, '-days', '2', '-subj', f'/CN={name}', '-addext',
                    'basicConstraints=critical,CA:TRUE,pathlen:0'], cwd=folder, check=True, capture_output=True)


def certificate_files(policy):
    return {held['file'] for issuer in policy['issuers'].values() for held in issuer['certificates']}


@test_each(*[(path.name,) for path in GUIDES])
def test_policies_are_good_and_in_the_common_layout(name):
    blocks = [block for block in parse((DOCS / 'guides' / name).read_text()) if block.path.endswith('.json')]
    assert blocks or name == 'reverse-proxy.md' or name == 'deploying.md', 'no policy'
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks:
            for file in certificate_files(json.loads(block.text)):
                if not os.path.exists(f'{folder}/{file}'):
                    authority(folder, file)
            Path(folder, 'policy.json').write_text(block.text)
            for verb in ('check',), ('fmt', '--check'):
                done = subprocess.run([TOOL, *verb, f'{folder}/policy.json'], capture_output=True, text=True, check=False)
                assert done.returncode == 0 and ' warning: ' not in done.stderr, (block.line, verb, done.stdout + done.stderr)


def words(pattern):
    """(page, word) of all that match in the pages."""
    found = [(page, word) for page in PAGES for word in re.findall(pattern, page.read_text())]
    assert found, pattern
    return found


@test
def test_directives_variables_and_log_lines_exist():
    module = source('mod_mtls_authz/*.c')
    for pattern, there in ((r'\bMtls[A-Z]\w*', r'AP_INIT_\w+\("(Mtls\w+)"'), (r'\bMTLS_[A-Z][A-Z0-9_]*', r'"(MTLS_\w+)"'),
                           (r'\bMTLS\d{4}', r'(MTLS\d{4})')):
        known = set(re.findall(there, module))
        for page, word in words(pattern):
            assert word in known, (page.name, word)


@test
def test_reasons_exist():
    reasons = set(re.findall(r'X\([A-Z_]+, "([a-z-]+)"', source('libmtlspolicy/runtime/base/reason.h')))
    for page, word in words(r'(?:reason=|^deny |^allow |\ndeny |\nallow )([a-z]+(?:-[a-z]+)*)'):
        assert word in reasons | {'reason'}, (page.name, word)


@test
def test_words_with_hyphens_stand_in_the_reference_or_on_the_page():
    """Reasons, diagnostics, keys and names, as prose writes them."""
    reference = source('libmtlspolicy/*/*/*.[ch]', 'docs/POLICY.md', 'docs/DIRECTIVES.md', 'docs/WHY-DENIED.md')
    for page, word in words(r'`([a-z]+(?:-[a-z]+)+)`'):
        blocks = re.findall(r'```.*?\n(.*?)```', page.read_text(), re.S)
        there = re.compile(rf'(?<![a-z-]){word}(?![a-z-])')
        assert there.search(reference) or there.search('\n'.join(blocks)), (page.name, word)


@test
def test_sites_turn_trace_off():
    """It is refused where the policy is enforced; elsewhere nothing else should answer it either."""
    sites = {f'{path.name}:{block.line}': block.text for path in GUIDES for block in parse(path.read_text()) if 'SSLEngine on' in block.text}
    sites |= {name: (TOP / name).read_text() for name in ('docs/DIRECTIVES.md', 'docs/demo/demo.sh', 'packaging/debian/mtls_authz.conf')}
    assert len(sites) >= 9, sites.keys()
    for name, text in sites.items():
        assert re.search('^#? +TraceEnable off$', text, re.M), name


@test
def test_links_lead_somewhere():
    for page, target in words(r'\]\(([^)#]+)\)'):
        assert (page.parent / target).is_file(), (page.name, target)


if __name__ == '__main__':
    main()
