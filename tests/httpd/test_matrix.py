#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole table on one real server: who is refused, why, and who is let in, over {HTTP/1.1, HTTP/2} × {TLS 1.2, 1.3}
× {full handshake, ticket, session id or stateful PSK}."""

import atexit
import functools
import time

from harness import client, main, test, test_each, wait_until
from policies import (CONNECTIONS, allow, denials, document, guarded, identity, issuer, mtls_server, pki, policy, reasons,
                      route)

ENDS_AFTER_S = 8  # from the compilation of the policy: long enough to start with it

# The same answers for every client and kind of connection.
REFUSED = [
    (('GET', '/nowhere'), 'route-unknown'),
    (('GET', '/orders'), 'route-unknown'),
    (('GET', '/orders/7/'), 'route-unknown'),
    (('GET', '/orders/7/8'), 'route-unknown'),
    (('GET', '/Orders/7'), 'route-unknown'),
    (('POST', '/orders/7'), 'method-not-on-route'),
    (('DELETE', '/orders/7'), 'method-not-on-route'),
    (('get', '/orders/7'), 'method-not-on-route'),
    (('GETS', '/orders/7'), 'method-not-on-route'),
    (('OPTIONS', '/orders/7'), 'method-not-on-route'),
    (('TRACE', '/orders/7'), 'method-unsupported'),
    (('OPTIONS', '*'), 'method-unsupported'),
]
AMBIGUOUS = [
    b'/orders/..;/orders/7', b'/x/..;a=b/7', b'/orders/%2e%2e;/7',      # what servlet containers read as /..
    b'/orders/7;x=1', b'/orders;x/7', b'/health;/7',
    b'//orders/7', b'/orders//7', b'/./orders/7', b'/orders/./7', b'/orders/x/../7', b'/orders/%2e/7', b'/x/%2E%2e/orders/7',
    b'/orders/a%2Fb', b'/orders/..%2f7', b'/x/..%2f/../orders/7', b'/orders%2F7',
    b'/orders/a\\b', b'/orders/a%5Cb', b'/orders/..%5c7',
    b'/orders/%2537', b'/orders/%252e%252e', b'/orders/a%25', b'/orders/a%25z',
    b'/orders/a%0d', b'/orders/a%7f', b'/orders/a%c2%85', b'/orders/%ff', b'/orders/\xff', b'/orders/caf\xc3\xa9',
]
# Whether httpd itself refuses them, before any module is asked, or we do is no matter.
REFUSED_BY_HTTPD = [b'/orders/%zz', b'/orders/%', b'/../orders/7', b'/orders/%00', b'/%2e%2e/orders/7']
# Those of the list above that lead to no known path have that for a reason.
NOT_A_ROUTE = {b'/orders;x/7', b'/health;/7', b'/orders%2F7', b'/x/..%2f/../orders/7'}

NOBODY_ELSE = [
    (None, 'no-certificate'),
    ('selfsigned', 'certificate-not-verified'),
    ('stray-client', 'certificate-not-verified'),
    ('billing-other', 'identity-unknown'),
    ('partner-client', 'issuer-unknown'),
    ('unknown', 'identity-unknown'),
    ('auditor', 'no-rule'),
    ('two-names', 'name-ambiguous'),
    ('no-name', 'name-missing'),
    ('odd-name', 'name-malformed'),
]


def orders_policy():
    made = document()
    made['issuers']['stray'] = issuer('stray')
    made['identities']['from-stray'] = identity('billing', 'stray')
    made['groups']['staff'].append('from-stray')
    return policy('orders', made)


def ending_policy():
    end = int(time.time()) + ENDS_AFTER_S
    stamp = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(end))
    return policy('ending', document(hosts=('ending.example',), valid_until=stamp)), end


def intermediate_policy():
    """Names only the key of an intermediate that no server has: clients send it."""
    return policy('intermediate', document(
        hosts=('inter.example',), issuers={'middle': issuer('corp-int')}, groups={},
        identities={'billing': identity('billing', 'middle')},
        routes={'order': route('/orders/{id}', hosts=['inter.example'])}, rules={'reads': allow(['billing'], 'order')}))


@functools.cache
def the_server():
    """PORT1 has session tickets, PORT2 has none: TLS 1.3 then keeps what its tickets stand for."""
    ending, end = ending_policy()
    orders, intermediate = orders_policy(), intermediate_policy()
    config = 'KeepAliveTimeout 30\nMaxKeepAliveRequests 0\n'
    for port, tickets in ('${PORT1}', ''), ('${PORT2}', '  SSLSessionTickets off\n'):
        body = f'  AllowEncodedSlashes NoDecode\n{tickets}'
        for name, path, verify in (('api.example', orders, 'optional_no_ca'), ('inter.example', intermediate, 'optional_no_ca'),
                                   ('strict.example', orders_for_strict(), 'require'),
                                   ('optional.example', orders_for_strict(), 'optional'),
                                   ('ending.example', ending, 'optional_no_ca')):
            config += guarded(path, body, name=name, port=port, verify=verify)
    server = mtls_server(config, files=('orders/7', 'health', 'nowhere'), ports=2).start()
    server.policy_end = end
    atexit.register(server.kill)
    return server


@functools.cache
def orders_for_strict():
    return policy('strict', document(hosts=('strict.example', 'optional.example')))


def play(name, http, tls, resume, requests, **options):
    server = the_server()
    port = server.ports[1] if resume == 'psk' else server.ports[0]
    result = client(server, pki()[name] if name else None, http, tls, resume, requests, port=port, **options)
    assert result.error is None and result.resumed == (resume is not None), (name, result)
    assert result.tls == f'TLSv{tls}' and result.alpn == ('h2' if http == '2' else 'http/1.1'), result
    return result


def check(name, http, tls, resume, expected, **options):
    """`expected`: (request, reason or None when it is allowed) in order; each denial is logged once."""
    server = the_server()
    mark = server.mark()
    result = play(name, http, tls, resume, [request for request, _ in expected], **options)
    wanted = [200 if reason is None else 403 for _, reason in expected]
    assert result.statuses == wanted, list(zip(expected, result.statuses))
    found = reasons(server, mark)
    assert found == [reason for _, reason in expected if reason], (name, found, server.log_since(mark))
    return denials(server, mark)


@test_each(*CONNECTIONS)
def test_the_right_client_is_let_in(http, tls, resume):
    for host in 'api.example', 'strict.example', 'optional.example', 'inter.example':
        check('billing', http, tls, resume, [('/orders/7', None), ('HEAD /orders/7', None), ('/orders/7?x=/../y', None),
                                             ('/%6frders/%37', None), ('/orders/7', None)], host=host)


@test_each(*CONNECTIONS)
def test_everybody_else_is_refused(http, tls, resume):
    for name, reason in NOBODY_ELSE:
        check(name, http, tls, resume, [('/orders/7', reason), ('/health', None), ('/orders/7', reason), ('/orders/7', reason)])
    for name, reason in ('direct', 'issuer-unknown'), ('billing-other', 'issuer-unknown'), ('unknown', 'identity-unknown'):
        check(name, http, tls, resume, [('/orders/7', reason), ('/orders/7', reason)], host='inter.example')
    check('direct', http, tls, resume, [('/orders/7', None)])
    check(None, http, tls, resume, [('/orders/7', 'no-certificate'), ('/health', None)], host='optional.example')


@test_each(*CONNECTIONS)
def test_requests_that_nobody_may_make(http, tls, resume):
    for name in 'billing', None:
        # each request on a connection that has been let in before
        check(name, http, tls, resume, [('/health', None), *REFUSED, ('/health', None)])


@test_each(*CONNECTIONS)
def test_paths_with_two_readings(http, tls, resume):
    expected = [(('GET', path), 'route-unknown' if path in NOT_A_ROUTE else 'ambiguous-path') for path in AMBIGUOUS]
    check('billing', http, tls, resume, [*expected, ('/orders/7', None)])


@test_each(*CONNECTIONS)
def test_paths_that_httpd_refuses(http, tls, resume):
    for path in REFUSED_BY_HTTPD:
        result = play('billing', http, tls, resume, [('GET', path)])
        assert result.statuses[0] in (400, 403, 404), (path, result)


@test_each(*CONNECTIONS)
def test_a_denial_says_who_and_what(http, tls, resume):
    found = check('auditor', http, tls, resume, [('/orders/7', 'no-rule')])[0]
    assert found['decision'] == 'deny' and found['method'] == '"GET"' and found['host'] == '"api.example"', found
    assert found['path'] == '"/orders/7"' and found['route'] == 'order' and found['rule'] == '-', found
    assert found['identity'] == 'auditor' and found['issuer'] == 'other', found
    assert found['principal'] == '"spiffe:spiffe://corp.example/auditor"', found
    assert found['policy'].startswith('orders:5:'), found


@test
def test_parallel_streams_of_one_connection():
    """Streams are worked on by several threads at once, and share what is known of the client."""
    for tls in '1.2', '1.3':
        for name, reason in ('billing', None), ('auditor', 'no-rule'):
            server = the_server()
            mark = server.mark()
            result = play(name, '2', tls, 'ticket', ['/orders/7', '/nowhere', '/health'] * 30, parallel=True)
            assert result.statuses == [403 if reason else 200, 403, 200] * 30, result.statuses
            assert sorted(reasons(server, mark)) == sorted((['route-unknown'] + ([reason] if reason else [])) * 30)


@test
def test_a_policy_that_has_ended():
    """Last, when its time has come; one that is past it cannot be started with."""
    server = the_server()
    wait_until(lambda: time.time() > server.policy_end, ENDS_AFTER_S, 'the policy to end')
    for http, tls, resume in CONNECTIONS:
        for name in 'billing', None:
            for request in '/orders/7', '/health', '/nowhere', 'TRACE /orders/7', 'OPTIONS *':  # httpd ends a connection after a 503
                mark = server.mark()
                result = play(name, http, tls, resume, [request], host='ending.example')
                assert result.status == 503 and reasons(server, mark) == ['policy-expired'], result
                assert server.log_since(mark).count('mtls_authz:error') == 1, server.log_since(mark)
        assert play('billing', http, tls, resume, ['/orders/7']).status == 200
    server.expect('reason=policy-expired')


@test
def test_the_log_holds_nothing_else():
    the_server().expect('AH10244')  # httpd's own word on paths that it refuses
    the_server().stop()
    the_server().remove()


if __name__ == '__main__':
    main()
