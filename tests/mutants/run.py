#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the code on purpose, change by change, and sees that a test notices.

    run.py [NAME...]     those whose names contain one of the arguments

`index` says which tests look after which patch: PATCH TEST-FILE TEST-NAMES, a line each; a part of the tests' names is
enough, and `|` separates several. A change that does not apply or build is an error, and so is a test that fails
without any. Environment as for the tests in tests/httpd; MTLS_TOOLS or top_builddir says where mint and mtls_client are.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
SOURCES = ('libmtlspolicy', 'mod_mtls_authz', 'policy-tool')
TEST_TIMEOUT_S = 240
sys.path.insert(0, str(TOP / 'tests'))
from building import BuildError, build_module, build_tool, run  # noqa: E402
from tap import diagnostic  # noqa: E402


class Broken(Exception):
    """A mutant that is no mutant."""


def entries(wanted):
    for line in (HERE / 'index').read_text().splitlines():
        if line and not line.startswith('#'):
            patch, test, names = line.split(None, 2)
            if not wanted or any(word in patch for word in wanted):
                yield patch, test, names.split('|')


def build(tree, touched):
    """The module, and the tool unless only the module was changed."""
    build_module(tree, tree / 'module.so')
    if not all(path.startswith('mod_mtls_authz/') for path in touched):
        build_tool(tree, tree / 'mtls-policy')


def make_tree(directory):
    tree = Path(directory)
    for name in SOURCES:
        shutil.copytree(TOP / name, tree / name, dirs_exist_ok=True)
    return tree


def apply(tree, patch):
    """Returns the files it changes."""
    text = (HERE / patch).read_text()
    touched = re.findall(r'^\+\+\+ b/(\S+)', text, re.M)
    if not touched or not all(path.startswith(SOURCES) for path in touched):
        raise Broken(f'{patch} changes none of {SOURCES}')
    run(['patch', '-p1', '--fuzz=1', '--no-backup-if-mismatch', '-i', str(HERE / patch)], f'{patch} does not apply', cwd=tree)
    return touched


def play(test, names, tree, tool):
    """Runs the tests; (did one fail?, what they said). Those that build a module of their own take the sources of this tree."""
    environment = {**os.environ, 'MTLS_MODULE': str(tree / 'module.so'), 'MTLS_SOURCES': str(tree), 'MTLS_POLICY_TOOL': str(tool),
                   'PYTHONDONTWRITEBYTECODE': '1'}
    command = [sys.executable, str(TOP / test), *names]
    done = subprocess.run(command, capture_output=True, text=True, errors='backslashreplace', env=environment, check=False,
                          timeout=TEST_TIMEOUT_S)
    if not re.search(r'^(not )?ok ', done.stdout, re.M):
        raise Broken(f'{test} {names} ran no test:\n{done.stdout}{done.stderr}')
    return done.returncode != 0 and bool(re.search('^not ok ', done.stdout, re.M)), done.stdout + done.stderr


class Mutants:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.whole = make_tree(self.directory / 'whole')
        build(self.whole, ['libmtlspolicy/'])
        self.green = {}

    def check_green(self, test, names):
        key = (test, *names)
        if key not in self.green:
            self.green[key] = play(test, names, self.whole, self.whole / 'mtls-policy')
        failed, said = self.green[key]
        if failed:
            raise Broken(f'{test} {names} fails without any change:\n{said[-3000:]}')

    def is_noticed(self, patch, test, names):
        self.check_green(test, names)
        tree = make_tree(tempfile.mkdtemp(dir=self.directory))
        try:
            build(tree, apply(tree, patch))
            tool = tree / 'mtls-policy'
            return play(test, names, tree, tool if tool.exists() else self.whole / 'mtls-policy')[0]
        finally:
            shutil.rmtree(tree)


def unlisted(listed):
    return sorted(path.name for path in HERE.glob('*.patch') if path.name not in listed)


def main():
    wanted = sys.argv[1:]
    chosen = list(entries(wanted))
    print(f'1..{len(chosen) + 1}', flush=True)
    missing = unlisted({patch for patch, *_ in entries([])})
    print(f'{"not ok" if missing or not chosen else "ok"} 1 - every patch is in the index {" ".join(missing)}', flush=True)
    failed = bool(missing) or not chosen
    with tempfile.TemporaryDirectory(prefix='mtls-mutants-') as directory:
        mutants = Mutants(directory)
        for number, (patch, test, names) in enumerate(chosen, 2):
            what = f'{patch.removesuffix(".patch")} is noticed by {Path(test).name}: {", ".join(names)}'
            try:
                noticed, said = mutants.is_noticed(patch, test, names), 'all tests pass with it'
            except (Broken, BuildError, subprocess.TimeoutExpired) as error:
                noticed, said = False, str(error)
            print(f'ok {number} - {what}' if noticed else f'not ok {number} - {what}\n{diagnostic(said)}', flush=True)
            failed = failed or not noticed
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
