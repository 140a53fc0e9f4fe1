#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When the disk is full, or the command is killed: the old file is whole, and a failure leaves nothing else behind."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / 'httpd'), str(TESTS / 'cli')]
from cli import PLACE, TOOL, TROUBLE, YES, expect, folder_with, make_place, only_the_old_file, run, silent  # noqa: E402
from failing import FAIL, FILES, HALF_THEN_KILL, KILL, Failing, library  # noqa: E402
from tap import Skip, main, test, test_each  # noqa: E402

WRITES = {'compile': ('compile', 'good.json', '-o'), 'fmt': ('fmt', 'good.json', '-o')}


def failing():
    if library() is None:
        raise Skip('the library that makes calls fail was not built')
    return Failing(PLACE, 'mtls-policy')


def call(verb, folder, environment=None):
    return run(*WRITES[verb], f'{folder}/out', env={**os.environ, **(environment or {})})


def result_of(verb):
    folder = folder_with()
    expect(call(verb, folder), YES)
    return (folder / 'out').read_bytes()


@test_each(*[(verb, name) for verb in WRITES for name in ('ENOSPC', 'EIO', 'EDQUOT')])
def test_a_call_that_fails_leaves_the_old_file(verb, name):
    """Each of those that make the file: it is told, with the reason; those after the file is there do not matter."""
    makes, folder, told = failing(), folder_with(), 0
    new = result_of(verb)
    for number in makes.sweep(kinds=FILES, mode=FAIL, error=getattr(errno, name)):
        done = call(verb, folder, makes.environment)
        if done.returncode == YES:
            only = [entry.name for entry in folder.iterdir()]
            assert only == ['out'] and (folder / 'out').read_bytes() == new, (number, only)
            (folder / 'out').write_bytes(b'the old file')
        else:
            expect(done, TROUBLE, err=os.strerror(getattr(errno, name)).encode())
            assert b'cannot be written' in done.stderr and done.stdout == b'', done
            only_the_old_file(folder)
            told += 1
    assert told >= 5, told  # mkostemp, fchmod, write, fsync, close, rename


@test_each(*[(verb, mode) for verb in WRITES for mode in (KILL, HALF_THEN_KILL)])
def test_killed_at_any_moment_the_file_is_the_old_or_the_new(verb, mode):
    makes, new, seen = failing(), result_of(verb), []
    for number in makes.sweep(kinds=FILES, mode=mode):
        folder = folder_with()
        done = call(verb, folder, makes.environment)
        assert done.returncode in (YES, -signal.SIGKILL, 128 + signal.SIGKILL), done
        found = (folder / 'out').read_bytes()
        assert found in (b'the old file', new), (number, found)
        seen.append(found == new)
    assert seen == sorted(seen) and seen.count(False) > 3 and seen[-1], seen


@contextmanager
def small_disk(size='64k'):
    place = tempfile.mkdtemp(dir=PLACE)
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', place], capture_output=True, check=False)
    if mounted.returncode != 0:
        raise Skip('no file system may be mounted here')
    try:
        yield Path(place)
    finally:
        subprocess.run(['umount', place], check=True)


@test_each(*[(verb,) for verb in WRITES])
def test_a_full_disk(verb):
    with small_disk() as disk:
        (disk / 'out').write_bytes(b'the old file')
        filling = disk / 'filling'
        with open(filling, 'wb', buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        done = expect(call(verb, disk), TROUBLE, err=b'No space left on device')
        assert b'the old file is untouched' in done.stderr, done
        filling.unlink()
        only_the_old_file(disk)
        expect(call(verb, disk), YES)


@test_each(*[(verb,) for verb in WRITES])
def test_a_folder_on_which_nothing_is_written(verb):
    with small_disk() as disk:
        (disk / 'out').write_bytes(b'the old file')
        subprocess.run(['mount', '-o', 'remount,ro', str(disk)], check=True)
        silent(expect(call(verb, disk), TROUBLE, err=b'Read-only file system').stdout, verb)
        only_the_old_file(disk)


@test_each(('fmt', 'good.json'), ('check', 'good.json'), ('compile', 'good.json', '-o', 'kept.mtlsp'),
           ('explain', 'good.json', '--request', 'GET https://api.example/open', '--no-cert'))
def test_an_answer_to_a_full_disk_is_trouble(*arguments):
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([TOOL, *arguments], cwd=PLACE, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == TROUBLE and b'standard output cannot be written' in done.stderr, done


if __name__ == '__main__':
    make_place()
    main()
