# SPDX-License-Identifier: Apache-2.0
"""Rows of requests, and how they are played on one connection after the other."""

import re
from dataclasses import dataclass, field

from harness import client
from policies import denials, pki

BY_A_LOOKUP = 'by a look-up'  # the client gets what a module's own look-up was refused for
HTTPD = 'page of httpd'  # httpd's own page, which tells nothing of what was refused


@dataclass
class Row:
    """One request, and what must come of it.

    body: bytes, a pattern, HTTPD, or None where it does not matter; reason: the one that is logged, None for nothing;
    section: the only kind of section it is about; location: what the answer's Location header must say.
    """

    request: object
    status: int
    body: object = HTTPD
    reason: object = None
    host: str = 'api.example'
    who: str = 'billing'
    headers: dict = field(default_factory=dict)
    section: str = None
    location: str = None


def refused(request, reason='route-unknown', **more):
    return Row(request, 403, HTTPD, reason, **more)


def served(request, body, **more):
    return Row(request, 200, body, None, **more)


# ---------------------------------------------------------------- playing

MARKED = 'ErrorLogFormat "[%{u}t] [%-m:%l] [pid %P] [row %{X-Row}i] [client %a] %M"\nMaxKeepAliveRequests 0\n'


def _request(row, number, http):
    method, _, target = row.request.partition(' ') if ' ' in row.request else ('GET', '', row.request)
    host = {':authority' if http == '2' else 'Host': row.host}
    return method, target, {**host, 'X-Row': str(number), **row.headers}


def _answers(server, rows, http, who):
    """(status, body, location) of each; where the server ends a connection the next one goes on."""
    found = []
    while len(found) < len(rows):
        rest = [_request(row, number, http) for number, row in rows[len(found):]]
        result = client(server, pki()[who] if who else None, http, requests=rest, body=True, host='api.example', headers=['Location'])
        assert result.statuses and not result.error, (rows[len(found)], result)
        found += [(*answer[:2], answer[2].get('location', [None])[0])
                  for answer in zip(result.statuses, result.bodies, result.headers)]
    return found


def _body_is(row, body):
    if row.body is HTTPD:
        return b'secret' not in body.lower()
    if isinstance(row.body, re.Pattern):
        return row.body.fullmatch(body) is not None
    return row.body is None or body == row.body


def _logged(server, mark, number):
    return [denial['reason'] for denial in denials(server, mark, f'[row {number}]')]


def play(server, section, http, rows):
    """Plays the rows that are about this kind of section, and says everything that came out differently."""
    numbered = [(number, row) for number, row in enumerate(rows) if row.section in (None, section)]
    mark, wrong = server.mark(), []
    for who in dict.fromkeys(row.who for _, row in numbered):
        own = [(number, row) for number, row in numbered if row.who == who]
        for (number, row), (status, body, location) in zip(own, _answers(server, own, http, who), strict=True):
            if status != row.status or not _body_is(row, body) or (row.location and not re.search(row.location, location or '')):
                wrong.append((row, status, body, location))
    server.wait_at_rest()
    for number, row in numbered:
        logged = _logged(server, mark, number)
        if logged != ([] if row.reason is None else logged[:1] if row.reason is BY_A_LOOKUP else [row.reason]):
            wrong.append((row, logged))
    assert not wrong, '\n'.join(map(str, wrong))
