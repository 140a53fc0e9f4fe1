# SPDX-License-Identifier: Apache-2.0
"""Calls of one object file that fail on demand (tests/tools/failing.c).

    failing = Failing(directory, 'mod_mtls_authz.so')
    with mtls_server(config, env=failing.environment) as server:
        for number in failing.sweep(): ...
"""

import mmap
import os
import struct
from pathlib import Path

from places import TOP_BUILDDIR

MEMORY, OPENING, FILES = 1, 2, 4 | 8  # kinds of calls
FAIL, KILL, HALF_THEN_KILL = 0, 1, 2  # what becomes of them
MOST = 0xFFFFFFFF
_FIELDS = struct.Struct('=5Ii')  # armed, first, last, kinds, mode, error; then, by the program, seen and failed
_COUNTS = struct.Struct('=2I')


def library():
    """The library to preload, or None where none was built."""
    path = Path(os.environ.get('MTLS_TOOLS') or TOP_BUILDDIR / 'tests/tools') / '.libs/failing.so'
    return str(path) if path.exists() else None


class Failing:
    def __init__(self, directory, name):
        path = Path(directory) / 'failing'
        path.write_bytes(bytes(_FIELDS.size + _COUNTS.size))
        with open(path, 'r+b') as file:
            self._shared = mmap.mmap(file.fileno(), 0)
        self.environment = {'LD_PRELOAD': library(), 'FAILING': str(path), 'FAILING_OF': name}

    def arm(self, first=MOST, last=MOST, kinds=MEMORY | OPENING, mode=FAIL, error=0):
        """From now on calls are counted, and those from `first` to `last` fail."""
        self._shared[_FIELDS.size:] = _COUNTS.pack(0, 0)
        self._shared[4:_FIELDS.size] = _FIELDS.pack(1, first, last, kinds, mode, error)[4:]
        self._shared[:4] = struct.pack('=I', 1)

    def disarm(self):
        """(how many calls were counted, how many of them failed)"""
        self._shared[:4] = bytes(4)
        return _COUNTS.unpack(self._shared[_FIELDS.size:])

    def sweep(self, from_there_on=False, step=1, **options):
        """Lets the first call fail, then the second, until none does; or, each time, all that follow too."""
        number = 1
        failed = 1
        while failed:
            self.arm(number, MOST if from_there_on else number, **options)
            yield number
            failed = self.disarm()[1]
            number += step
