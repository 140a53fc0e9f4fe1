#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What threads of one connection share, under ThreadSanitizer: snapshots, views and decisions.

Environment: as for tests/httpd; MTLS_SOURCES, the tree whose sources are looked at; CC.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / 'httpd'), str(TESTS / 'mutants')]
import run as mutants  # noqa: E402
from building import compile_command, compiler, run  # noqa: E402
from harness import Skip, main, test, test_each  # noqa: E402
from policies import allow, document, pki, policy  # noqa: E402

TREE = Path(os.environ.get('MTLS_SOURCES') or TESTS.parent)
# Where a kernel spreads memory wider than ThreadSanitizer knows, it runs without that.
WAYS = [], ['setarch', '-R']
TURNS = 10  # at most: whether two threads meet is chance


@functools.cache
def workshop():
    directory = tempfile.TemporaryDirectory(prefix='mtls-threads-')
    return directory, Path(directory.name)


def compile_for(tree):
    return [*compile_command(), '-fsanitize=thread', '-fno-omit-frame-pointer', f'-I{tree}/libmtlspolicy/runtime',
            f'-I{tree}/mod_mtls_authz']


@functools.cache
def way_to_run():
    """How a program with ThreadSanitizer runs here."""
    place = workshop()[1]
    (place / 'empty.c').write_text('int main(void) { return 0; }\n')
    built = subprocess.run([compiler(), '-fsanitize=thread', 'empty.c', '-o', 'empty'], cwd=place, capture_output=True, check=False)
    for way in WAYS if built.returncode == 0 else ():
        if way and not shutil.which(way[0]):
            continue
        if subprocess.run([*way, str(place / 'empty')], capture_output=True, check=False).returncode == 0:
            return way
    raise Skip('programs with ThreadSanitizer do not run here')


@functools.cache
def engine():
    """Objects of the library: no plant touches it."""
    place = workshop()[1] / 'engine'
    place.mkdir()
    files = sorted(str(path) for path in TREE.glob('libmtlspolicy/runtime/*/*.c'))
    run([*compile_for(TREE), '-c', *files], 'the library does not build', cwd=place)
    return sorted(str(path) for path in place.glob('*.o'))


def build(tree):
    way_to_run()
    program = tempfile.mktemp(dir=workshop()[1])
    files = [str(tree / 'mod_mtls_authz' / name) for name in ('connection.c', 'evidence.c')]
    libraries = ['-lssl', '-lcrypto', '-lapr-1', '-lpthread']
    run([*compile_for(tree), str(TESTS / 'threads/streams.c'), *files, *engine(), '-o', program, *libraries],
        'the streams do not build', cwd=tree)
    return program


@functools.cache
def documents():
    """One in which billing may read orders, and one in which nobody may."""
    nobody = document(name='nobody', rules={'health-is-public': allow(['everyone'], 'health')})
    return [policy('streams-allow', document()), policy('streams-deny', nobody)]


def play(program):
    """(exit status, everything it said)."""
    trusted = pki().bundle('trusted.pem', 'corp', 'other', 'partner')
    command = [*way_to_run(), program, str(Path(trusted).parent), *documents()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, 'TSAN_OPTIONS': 'exitcode=66 halt_on_error=0'})
    return done.returncode, done.stdout + done.stderr


@test
def trap_09_streams_decide_side_by_side():
    status, said = play(build(TREE))
    assert 'ThreadSanitizer' not in said, said[:6000]
    assert status == 0 and ' 0 of them wrong' in said, said


@test_each(('views-without-atomics', 'mtls_connection_view'), ('views-before-they-are-whole', 'mtls_connection_view'),
           ('streams-fill-it-in', 'mtls_connection_snapshot'))
def trap_09_a_planted_race_is_reported(name, where):
    with tempfile.TemporaryDirectory(dir=workshop()[1]) as directory:
        tree = mutants.make_tree(directory)
        mutants.apply(tree, f'trap-09-{name}.patch')
        program = build(tree)
        for _ in range(TURNS):
            status, said = play(program)
            if status != 0:
                break
    assert status != 0 and 'ThreadSanitizer: data race' in said and where in said, (status, said[:3000])


if __name__ == '__main__':
    main()
