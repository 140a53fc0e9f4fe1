#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `Require mtls-identity` costs: user instructions that it adds to a request of a kept-alive connection.

Instructions are counted by callgrind, so neither the machine nor its load changes them. What starting, the handshake and
stopping cost falls out: each figure is the difference between many requests and few, divided by that many more.
"""

import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'httpd'))
import sized_policy  # noqa: E402
from harness import Pki, Server, Skip, client, main, policy_tool, test, vhost  # noqa: E402

SMALL = (10, 10)  # identities, routes
LARGE = (10_000, 1_000)
FEW, MANY = 40, 1240  # the more of them, the less counts what happens once in a while
MOST_ADDED = 4_500
MOST_APART = 0.05
ROUNDS = 3  # at most: on a busy machine a figure goes up by 20 now and then
REQUIRE = 'Require mtls-identity'


class Counted(Server):
    """An httpd of one process that callgrind counts the instructions of."""

    def _make_directories(self):
        super()._make_directories()
        self.counts = self.dir / 'counts'
        self.counts.touch()
        self.counts.chmod(0o666)  # by when it is written, httpd may be another user

    def _command(self, *arguments):
        httpd = [self.program, '-f', str(self.conf_file), *('-X' if word == '-DFOREGROUND' else word for word in arguments)]
        # Only what reads and answers requests: the rest, such as a handshake, takes more or less as it happens.
        counted = [f'--toggle-collect={function}' for function in ('ap_read_request', 'ap_process_async_request')]
        return ['valgrind', '--tool=callgrind', '--vgdb=no', *counted, f'--callgrind-out-file={self.counts}', *httpd]

    def stop(self):
        super().stop()
        self.instructions = int(re.search(r'^(?:summary|totals): (\d+)', self.counts.read_text(), re.M)[1])


@functools.cache
def directory():
    return tempfile.TemporaryDirectory(prefix='mtls-perf-')


@functools.cache
def pki():
    return Pki(directory().name).standard()


@functools.cache
def compiled(identities, routes):
    """The path of the compiled policy."""
    source = Path(pki().path(f'{identities}x{routes}.json'))
    source.write_text(json.dumps(sized_policy.document(identities, routes, 'corp.crt')))
    image = source.with_suffix('.mtlsp')
    subprocess.run([policy_tool(), 'compile', source, '-o', image], check=True, stdout=subprocess.DEVNULL)
    return image


@functools.cache
def caller(identity):
    return pki().add(f'svc-{identity}', 'corp-int', uri=sized_policy.spiffe_id(identity), eku='client')


def configuration(image, line):
    return vhost(pki(), f'''
  MtlsPolicyFile "{image}"
  MaxKeepAliveRequests 0
  KeepAliveTimeout 60
  AliasMatch "^/v1/" "${{DIR}}/htdocs/index.html"
  <Location "/">
    {line}
  </Location>''')


def count(size, line, requests):
    """Instructions of a whole life of the server in which one connection makes so many requests."""
    identities, routes = size
    with Counted(config=configuration(compiled(*size), line), modules=['alias', 'mtls_authz'],
                 log_level='notice mtls_authz:info') as server:
        server.expect('MTLS0006')  # without a Require line the policy has no use
        stranger = client(server, pki()['unknown'], requests=sized_policy.requests(0, routes, 1))
        assert stranger.status == (403 if line else 200), stranger
        result = client(server, caller(identities // 2), requests=sized_policy.requests(identities // 2, routes, requests))
        assert result.statuses == [200] * requests, result
    return server.instructions


def per_request(size, line):
    few, many = (count(size, line, requests) for requests in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def count_all():
    figures = [(size, line) for size in (SMALL, LARGE) for line in ('', REQUIRE)]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(figures, pool.map(lambda figure: per_request(*figure), figures)))


def least(one, other):
    """What httpd does while it waits can only add to a figure."""
    return {figure: min(one.get(figure, count), count) for figure, count in other.items()}


def difference(counted):
    return {size: counted[size, REQUIRE] - counted[size, ''] for size in (SMALL, LARGE)}


@functools.cache
def added():
    """The instructions that the line adds to a request, for each size of policy."""
    if not shutil.which('valgrind'):
        raise Skip('valgrind is not here')
    for size in (SMALL, LARGE):
        compiled(*size)
        caller(size[0] // 2)
    counted = {}
    for _ in range(ROUNDS):
        counted = least(counted, count_all())
        if max(difference(counted).values()) <= MOST_ADDED:
            break
    for (size, line), figure in counted.items():
        print(f'# {size[0]} identities, {size[1]} routes, {line or "no Require line"}: {figure:.0f} instructions a request')
    result = difference(counted)
    for size, figure in result.items():
        print(f'# {size[0]} identities, {size[1]} routes: {figure:.0f} added')
    return result


@test
def test_a_decision_adds_few_instructions():
    for size, figure in added().items():
        assert 0 < figure <= MOST_ADDED, f'{figure:.0f} instructions added at {size}, more than {MOST_ADDED}'


@test
def test_a_decision_costs_the_same_in_a_policy_of_any_size():
    small, large = added()[SMALL], added()[LARGE]
    assert abs(large - small) <= MOST_APART * small, f'{small:.0f} instructions at {SMALL}, {large:.0f} at {LARGE}'


if __name__ == '__main__':
    main()
