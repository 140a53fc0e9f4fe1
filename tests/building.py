# SPDX-License-Identifier: Apache-2.0
"""Builds the module from a tree of sources, for tests that need another one than the build has. Environment: CC, APXS."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class BuildError(Exception):
    """The text is what the compiler said."""


def _output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def compiler():
    return os.environ.get('CC') or 'gcc'


def compile_command():
    flags = ['-std=gnu17', '-D_GNU_SOURCE', '-O1', '-g', '-fPIC', '-w', '-DPACKAGE_VERSION="0"', '-Ilibmtlspolicy/runtime',
             '-Ilibmtlspolicy/authoring', '-Imod_mtls_authz', '-Ipolicy-tool']
    include = _output_of(os.environ.get('APXS') or 'apxs', '-q', 'INCLUDEDIR')
    return [compiler(), *flags, '-isystem', include, *_output_of('apr-1-config', '--cppflags', '--includes').split()]


def run(command, what, **options):
    done = subprocess.run(command, capture_output=True, text=True, errors='backslashreplace', check=False, **options)
    if done.returncode != 0:
        raise BuildError(f'{what}:\n{done.stdout}{done.stderr}')


def _sources(tree, *patterns):
    return sorted(str(path.relative_to(tree)) for pattern in patterns for path in Path(tree).glob(pattern))


def build_module(tree, target, *flags):
    """Two compilers at once; `flags` are for example those of a sanitizer."""
    sources = _sources(tree, 'libmtlspolicy/runtime/*/*.c', 'mod_mtls_authz/*.c')
    halves = [(f'{target}.{i}.o', sources[i::2]) for i in range(2)]
    what = 'the module does not build'
    command = [*compile_command(), *flags, '-r', '-nostdlib']
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: run([*command, *half[1], '-o', half[0]], what, cwd=tree), halves))
    run([compiler(), *flags, '-shared', *(name for name, _ in halves), '-o', str(target), '-lssl', '-lcrypto'], what)


def build_tool(tree, target):
    sources = _sources(tree, 'libmtlspolicy/*/*/*.c', 'policy-tool/*.c')
    run([*compile_command(), *sources, '-o', str(target), '-lcrypto', '-lyajl', '-lapr-1'], 'the tool does not build', cwd=tree)
