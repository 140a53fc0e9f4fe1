# SPDX-License-Identifier: Apache-2.0
"""Requests without a pause while a server is told to restart, and what each answer must be.

Two policies take turns: A allows /a and denies /b, B the other way. Every answer names the policy that decided it, and must be
what that policy says of its path; and what the server logged as done must be what the clients were answered.
"""

import re
import threading
import time
from pathlib import Path

from harness import client, wait_until
from policies import document, guarded, pki, policy

PATHS = {'A': '/a', 'B': '/b'}
FILES = ('a', 'b')
PER_CONNECTION = 2000
DENIED = b'<title>403 Forbidden</title>'
_LINE = re.compile(r'(\d+) (\w):\S+ (\d+) (\S+)')


def turns():
    """The two policies as bytes, by name."""
    return {name: Path(policy(f'turn-{name}', document(paths=(path,), name=name.lower()))).read_bytes()
            for name, path in PATHS.items()}


def configuration(path, more=''):
    show = f'''  Header always set X-Policy "%{{MTLS_POLICY}}e"
  MaxKeepAliveRequests 0
  KeepAliveTimeout 60
  LogLevel mtls_authz:notice authz_core:crit
  LogFormat "%P %{{MTLS_POLICY}}e %>s %U" decided
  CustomLog "${{DIR}}/decided.log" decided
{more}'''
    return guarded(path, show)


def check(result, requests):
    """What one connection was told; returns how many answers, by policy. `result.closed` is no fault: see the log."""
    assert result.error is None, result.error
    told = {'A': 0, 'B': 0}
    for path, status, headers, body in zip(requests, result.statuses, result.headers, result.bodies):
        if status == 'reset REFUSED_STREAM':  # GOAWAY: it was not looked at, and neither will be any after it
            assert set(result.statuses[sum(told.values()):]) == {status}, result.statuses
            break
        name = headers['x-policy'][0][0].upper()
        told[name] += 1
        allowed = PATHS[name] == path
        assert status == (200 if allowed else 403), (path, status, headers)
        is_whole = body == f'{path[1:]}\n'.encode() if allowed else DENIED in body and body.rstrip().endswith(b'</html>')
        assert is_whole, (path, status, body)
    assert result.closed or len(result.statuses) == len(requests), result
    return told


class Load:
    """Clients on both protocols, as a context manager; leaving it waits for the last answers and checks the sums."""

    def __init__(self, server, https=('1.1', '1.1', '2', '2'), pause_s=0):
        self.server, self.pause_s, self.told, self.connections, self.faults = server, pause_s, {'A': 0, 'B': 0}, 0, []
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._play, args=(http, turn)) for turn, http in enumerate(https)]
        self._log = server.dir / 'decided.log'

    def _play(self, http, turn):
        requests = [PATHS['AB'[(turn + i) % 2]] for i in range(PER_CONNECTION)]
        while not self._stop.is_set() and not self.faults:
            try:
                self._count(self._ask(http, requests))
            except Exception as fault:  # whatever it is, it must not end unseen with its thread
                self.faults.append(fault)

    def _ask(self, http, requests):
        """Plays them on one connection; returns how many were answered, by policy."""
        pause = [f'@sleep {self.pause_s}'] if self.pause_s else []
        script = [line for request in requests for line in (request, *pause)]
        result = client(self.server, pki()['billing'], http, requests=script, headers=['X-Policy'], body=True)
        return check(result, requests)

    def _count(self, told):
        with self._lock:
            self.connections += 1
            for name, count in told.items():
                self.told[name] += count

    def check_decides(self, name, https=('1.1', '2')):
        """This policy decides new connections."""
        for http in https:
            told = self._ask(http, list(PATHS.values()))
            assert told == {**dict.fromkeys(PATHS, 0), name: 2}, (http, name, told)
            self._count(told)

    def answered(self):
        """How many requests the server has done so far."""
        return self._log.read_bytes().count(b'\n') if self._log.exists() else 0

    def wait_for(self, more, seconds=0):
        """Waits until so many more are done, and so long since the beginning."""
        wanted, end = self.answered() + more, self._begun + seconds
        wait_until(lambda: self.faults or (time.monotonic() >= end and self.answered() >= wanted), 60, f'{more} more requests')
        assert not self.faults, self.faults

    def __enter__(self):
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._begun
        if kind is None:
            assert not self.faults, self.faults
            self.server.wait_at_rest()
            self._check_log()

    def _check_log(self):
        lines = [_LINE.fullmatch(line) for line in self._log.read_text().splitlines()]
        assert all(lines), 'a request without a policy'
        rows = [(int(line[1]), line[2].upper(), int(line[3]), line[4]) for line in lines]
        assert len({(child, name) for child, name, *_ in rows}) == len({child for child, *_ in rows}), 'a child had two policies'
        for _, name, status, path in rows:
            assert status == (200 if PATHS[name] == path else 403), (name, status, path)
        done = {name: sum(row[1] == name for row in rows) for name in PATHS}
        assert done == self.told, f'done by the server: {done}; answered: {self.told}'
