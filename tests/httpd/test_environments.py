#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""MtlsPolicyEnvironment at start, at -t and at reloads, and policies that are not for production."""

from pathlib import Path

from harness import client, main, test, test_each
from policies import copy_of, document, guarded, install, mtls_server, pki, policy, reasons

FILES = ('orders/7', 'new/7')


def for_environment(name, paths=('/orders/{id}',), **changes):
    more = {} if name is None else {'environment': name}
    return policy(f'for-{name}', document(paths=paths, **more, **changes))


def wanting(path, *names, **options):
    lines = ''.join(f'  MtlsPolicyEnvironment {name}\n' for name in names)
    return guarded(path, lines, **options)


def ask(server, request='/orders/7', host='api.example', http='1.1', who='billing'):
    return client(server, pki()[who], http, host=host, requests=[request]).status


@test
def test_the_right_environment():
    for config in (wanting(for_environment('staging'), 'staging'), wanting(for_environment('staging')), wanting(for_environment(None)),
                   'MtlsPolicyEnvironment staging\n' + wanting(for_environment('staging')),
                   'MtlsPolicyEnvironment live\n' + wanting(for_environment('staging'), 'staging')):
        with mtls_server(config, files=FILES) as server:
            assert ask(server) == 200, config


REFUSED = [  # the policy's, the server's, what is said
    ('staging', 'production', 'is for environment staging, not production'),
    ('staging', 'stagin', 'is for environment staging, not stagin'),
    (None, 'production', 'is for environment none in particular, not production'),
]


@test_each(*REFUSED)
def test_another_environment_refuses_the_start(found, wanted, said):
    path = for_environment(found)
    for config in wanting(path, wanted), f'MtlsPolicyEnvironment {wanted}\n' + wanting(path):
        server = mtls_server(config, files=FILES)
        status, output = server.configtest()
        assert status != 0 and f'MTLS0002: MtlsPolicyFile: {path} {said}' in output, output
        assert said in server.refuses_to_start()


@test_each(('Staging', 'takes the name of an environment'), ('""', 'takes one argument'),
           ('live\n  MtlsPolicyEnvironment live', 'stands twice'), ('a b', 'takes one argument'))
def test_a_line_that_is_none(text, said):
    status, output = mtls_server(wanting(for_environment('staging'), text)).configtest()
    assert status != 0 and said in output, output


def check_kept(server, config=None):
    """A reload that must say why it does not take what it finds; returns the line at crit."""
    mark = server.mark()
    if config is not None:
        server.write_config(config)
    server.graceful()
    line = server.wait_log('MTLS0002', mark)
    assert '[mtls_authz:crit]' in line and 'is for environment' in line, line
    return line


@test
def test_a_reload_with_a_file_for_another_environment():
    path = copy_of(for_environment('staging'), 'live-environment.mtlsp')
    other = Path(for_environment('production', ('/new/{id}',), serial=6)).read_bytes()
    fine = Path(policy('newer', document(paths=('/new/{id}',), serial=6, environment='staging'))).read_bytes()
    with mtls_server(wanting(path, 'staging'), files=FILES) as server:
        server.expect('MTLS0002')
        install(path, other)
        for _ in range(2):
            assert 'the policy loaded before stays in force' in check_kept(server)
            for http in '1.1', '2':
                assert [ask(server, request, http=http) for request in ('/orders/7', '/new/7')] == [200, 403]
        install(path, fine)
        server.graceful()
        assert [ask(server, request) for request in ('/orders/7', '/new/7')] == [403, 200]


@test
def test_a_reload_that_wants_another_environment():
    """The last good policy is no good any more; it is again once the line is as before."""
    path = for_environment('staging')
    with mtls_server(wanting(path, 'staging'), files=FILES) as server:
        server.expect('MTLS0002|reason=policy-unavailable')
        assert ask(server) == 200
        assert 'policy-unavailable' in check_kept(server, wanting(path, 'production'))
        for http in '1.1', '2':
            mark = server.mark()
            assert ask(server, http=http) == 500 and reasons(server, mark) == ['policy-unavailable']
        server.write_config(wanting(path, 'staging'))
        server.graceful()
        assert ask(server) == 200


@test
def test_two_servers_want_two_environments_of_one_file():
    """One file is for one environment: a start is refused, and after a reload neither has a policy."""
    path = for_environment('staging')
    both = wanting(path, 'staging') + wanting(path, 'production', name='b.example')
    assert 'is for environment staging, not production' in mtls_server(both).refuses_to_start()
    other = copy_of(path, 'for-b.mtlsp')
    with mtls_server(wanting(path, 'staging') + wanting(other, 'staging', name='b.example'), files=FILES) as server:
        server.expect('MTLS0002|reason=policy-unavailable')
        assert [ask(server, host=host) for host in ('api.example', 'b.example')] == [200, 403]
        check_kept(server, wanting(path, 'staging') + wanting(other, 'production', name='b.example'))
        assert [ask(server, host=host) for host in ('api.example', 'b.example')] == [200, 500]
        check_kept(server, both)
        assert ask(server, host='b.example') == 500
        assert ask(server) in (200, 500)


@test_each((True,), (False,))
def test_not_for_production(production):
    made = policy('rehearsal', document(production=production))
    with mtls_server(guarded(made) + guarded(made, name='b.example'), files=FILES) as server:
        lines = [line for line in server.log_since().splitlines() if 'MTLS0008' in line]
        assert len(lines) == (0 if production else 2), lines
        assert all('[mtls_authz:warn]' in line and 'policy orders says that it is not for production' in line for line in lines), lines
        assert production or 'virtual host b.example' in ''.join(lines), lines
        assert ask(server) == 200
        if not production:
            server.expect('MTLS0008')
            mark = server.mark()
            server.graceful()
            server.wait_log('MTLS0008', mark)


if __name__ == '__main__':
    main()
