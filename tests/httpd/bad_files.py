# SPDX-License-Identifier: Apache-2.0
"""Policy files that are bad, in every way that one can be, and the two good ones before and after."""

import os
import pwd
from pathlib import Path

from policies import copy_of, document, install, pki, policy

FILES = ('orders/7', 'new/7', 'health')
VERSION_AT = 8  # of the format's version, in a compiled policy
LIVE = '  MtlsPolicyEnvironment live\n'  # of servers that get such files


def old_policy():
    return copy_of(policy('old', document(environment='live')), 'live.mtlsp')


def new_policy(serial=6):
    return Path(policy('new', document(paths=('/new/{id}',), serial=serial, environment='live'))).read_bytes()


def at(data, place, byte):
    return data[:place] + bytes([byte]) + data[place + 1:]


def write_corrupt(path, good):
    install(path, at(good, len(good) // 2, good[len(good) // 2] ^ 1))


def write_short(path, good):
    install(path, good[:-9])


def write_long(path, good):
    install(path, good + b'\0')


def write_head(path, good):
    install(path, good[:7])


def write_empty(path, _good):
    install(path, b'')


def write_version(path, good):
    install(path, at(good, VERSION_AT, good[VERSION_AT] + 1))


def write_source(path, _good):
    install(path, Path(pki().path('new.json')).read_bytes())


def write_writable(path, good):
    install(path, good, 0o646)


def write_group_writable(path, good):
    install(path, good, 0o664)


def write_foreign(path, good):
    install(path, good)
    os.chown(path, pwd.getpwnam('nobody').pw_uid, 0)


def remove_it(path, _good):
    clear(path)


def dangle(path, _good):
    os.symlink(f'{path}.gone', path)


def make_directory(path, _good):
    os.mkdir(path)


def make_fifo(path, _good):
    os.mkfifo(path)


def overwrite(path, good):
    """In place, as `cp` does, with what is no policy from the middle on."""
    install(path, good)
    with open(path, 'r+b') as file:
        file.seek(len(good) // 2)
        file.write(b'?' * 16)


def write_for_another(path, _good):
    install(path, Path(policy('staging', document(environment='staging'))).read_bytes())


def write_ended(path, _good):
    install(path, Path(policy('ended', document(environment='live', valid_until='2020-01-01T00:00:00Z'))).read_bytes())


# what is done to the file, and what the server must say of it
BAD = [
    (write_corrupt, 'damaged'), (write_short, 'length differs'), (write_long, 'length differs'),
    (write_head, 'not a compiled policy'), (write_empty, 'not a compiled policy'), (write_version, 'another format version'),
    (write_source, 'not a compiled policy'), (write_writable, 'can be written by'), (write_group_writable, 'can be written by'),
    (write_foreign, 'belongs to user'), (remove_it, 'cannot be opened'), (dangle, 'cannot be opened'),
    (make_directory, 'not a regular file'), (make_fifo, 'not a regular file'), (write_ended, 'valid_until .* has passed'),
    (overwrite, 'damaged'), (write_for_another, 'is for environment staging, not live'),
]
# of those, the ones that need root to set up
NEEDS_ROOT = {write_foreign}


def kinds():
    return [(change, text) for change, text in BAD if os.geteuid() == 0 or change not in NEEDS_ROOT]


def clear(path):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
