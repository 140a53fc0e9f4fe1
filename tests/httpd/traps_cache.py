#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mod_cache: nothing that the policy decided is stored, and nothing is served before the policy is asked."""

from pathlib import Path

from harness import client, main, test, test_each
from policies import copy_of, denials, document, guarded, install, mtls_server, pki, policy, reasons

MODULES = ('cache', 'cache_disk', 'headers')
KEEP = 'CacheEnable disk "/"\nHeader set Cache-Control "public, max-age=3600"\n'
OFF = 'CacheQuickHandler off\n'
SHARED = 'CacheRoot "${DIR}/cache"\nCacheDirLength 1\nCacheLock off\n'
ASKED = ('/orders/7', '/health', '/nowhere')


def opened():
    """The same host without a policy."""
    return guarded(policy('cached', document()), KEEP, require='').replace('MtlsPolicyFile', '#')


def server_of(config, files=('orders/7', 'health', 'nowhere')):
    server = mtls_server(SHARED + config, MODULES, files)
    (server.dir / 'cache').mkdir()
    (server.dir / 'cache').chmod(0o777)
    server.expect('MTLS0011')
    return server


def stored(server):
    return [path for path in Path(server.dir / 'cache').rglob('*') if path.is_file()]


def ask(server, who='billing', http='1.1', **options):
    return client(server, pki()[who] if who else None, http, requests=ASKED, **options).statuses


@test
def trap_19_what_is_decided_is_not_stored():
    path = copy_of(policy('cached', document()), 'cached-live.mtlsp')
    with server_of(guarded(path, OFF + KEEP)) as server:
        for http in '1.1', '2':
            assert ask(server, http=http) == [200, 200, 403]
            assert ask(server, 'unknown', http) == [403, 200, 403]
            assert ask(server, None, http) == [403, 200, 403]
        assert not stored(server), stored(server)
        install(path, Path(policy('cached-less', document(rules={'health-is-public': document()['rules']['health-is-public']}))).read_bytes())
        server.graceful()
        assert ask(server) == [403, 200, 403]


@test_each(('1.1',), ('2',))
def trap_19_what_was_stored_before_is_asked_about(http):
    """Without a policy it is stored, which also shows that the test above could have failed."""
    with server_of(opened()) as server:
        assert ask(server, None, http) == [200, 200, 200]
        assert len(stored(server)) >= 3, stored(server)
        for path in server.docroot.rglob('*'):
            path.chmod(0o755 if path.is_dir() else 0)  # from now on it can only come from the store
        server.write_config(SHARED + guarded(policy('cached', document()), OFF + KEEP))
        server.graceful()
        server.expect('AH00132|Permission denied')
        assert ask(server, None, http)[0] == 403 and ask(server, 'unknown', http)[0] == 403
        assert ask(server, http=http)[2] == 403


def read_twice(path):
    """One file for two hosts, of which only the second has the cache first."""
    template = Path(pki().path('cached.conf'))
    template.write_text(guarded(path, 'CacheQuickHandler ${QUICK}\n' + KEEP, name='${NAME}.example'))
    return ''.join(f'Define NAME {name}\nDefine QUICK {quick}\nInclude "{template}"\n' for name, quick in (('b', 'off'), ('api', 'on')))


@test_each(('default', ''), ('on', 'CacheQuickHandler on\n'), ('main server', OFF), ('within a section', ''), ('a file read twice', ''))
def trap_19_a_cache_that_answers_first_is_refused(name, quick):
    path = policy('cached', document())
    body = quick + KEEP if name != 'within a section' else f'<Location "/orders">\n{KEEP.replace(chr(34) + "/" + chr(34), "")}</Location>\n'
    config = guarded(path, body)
    if name == 'main server':
        config = 'CacheQuickHandler on\n' + KEEP + guarded(path)
    if name == 'a file read twice':
        config = read_twice(path)
    server = server_of(config)
    status, said = server.configtest()
    assert status == 1 and 'MTLS0011: virtual host api.example: mod_cache would answer before' in said, said
    assert 'set CacheQuickHandler off' in said and 'internal-error' not in said, said
    assert 'MTLS0011' in server.refuses_to_start()
    server.remove()


@test
def trap_19_a_reload_that_puts_a_cache_first():
    """That server refuses everything, also what is stored already; the others go on."""
    path = policy('cached', document())
    other = guarded(policy('cached-b', document(hosts=('b.example',))), name='b.example')
    with server_of(opened() + other) as server:
        assert ask(server, None) == [200, 200, 200] and stored(server)
        server.write_config(SHARED + guarded(path, KEEP) + other)
        mark = server.mark()
        server.graceful()
        said = server.wait_log('MTLS0011', mark)
        assert 'mtls_authz:crit' in said and 'it answers internal-error until then' in said, said
        server.expect('reason=internal-error')
        mark = server.mark()
        for http in '1.1', '2':
            for request in ASKED:  # each on a connection of its own, because httpd ends it
                assert client(server, pki()['billing'], http, requests=[request]).status == 500, (http, request)
                assert client(server, None, http, requests=[request]).status == 500, (http, request)
        assert reasons(server, mark) == ['internal-error'] * 12, denials(server, mark)
        assert ask(server, host='b.example') == [200, 200, 403]
        server.write_config(SHARED + guarded(path, OFF + KEEP) + other)
        server.graceful()
        assert ask(server)[0] == 200


@test
def trap_19_a_cache_that_stores_nothing_is_fine():
    path = policy('cached', document())
    with server_of(guarded(path)) as server:
        assert ask(server) == [200, 200, 403]
        assert 'MTLS0011' not in server.log_since()


if __name__ == '__main__':
    main()
