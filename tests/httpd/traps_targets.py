#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Targets and hosts that a policy, httpd and the servers behind it could read differently."""

import itertools
import re
import subprocess

from backend import Backend
from harness import Result, client, main, policy_tool, test, test_each
from policies import denials, document, guarded, mtls_server, pki, policy, raw, reasons, route
from readings import MODES, readings

ALLOWED = [b'/api/public', b'/api/public/', b'/api/public/x', b'/api/public/x/y/', b'/api/public/%61', b'/api/public/a%20b',
           b'/api/public/a%3Fb', b'/api/public/%C3%A9', b'/api/public/a+b', b'/api/public/x?../admin',
           b'/api/public/...', b'/api/public/x:y@z']
REFUSED = [
    b'/api/%61dmin', b'/api//admin', b'/api/x/../admin', b'/api/%2e%2e/api/admin', b'/api/..%2fadmin', b'/api%2Fadmin',
    b'/api%2fpublic', b'/api%252Fadmin', b'/api/a%00b', b'/api/public/a%00b', b'/api/public/a\\b', b'/api/public/a%5Cb',
    b'/api/public/..;/admin', b'/api/public;x=1/y', b'/api/public/a;b', b'/api/public/a%0d', b'/api/public/a%0a', b'/%zz',
    b'/../x', b'//api/public/x', b'/api/public//x', b'/api/public/%252e%252e/admin', b'/api/public/%2e%2e/admin',
    b'/api/public/%c0%ae%c0%ae/admin', b'/api/public/%u002e%u002e/admin', b'/api/public/x#/../admin', b'/API/public/x',
    b'/api/public/%ff', b'/api/public/%C3', b'/api/public/%ed%a0%80', b'/api/public/%f4%90%80%80', b'/api/public/%e0%80%af/x',
    b'/api/public/\xc3\xa9', b'/api/public/\x80', b'/api/public/a%7f', b'/api/public/a%1bb', b'/api/public/a%09', b'/api/public/%2',
    b'/api/public/%', b'/api/public/%C2%80', b'/api/public/%2541', b'/api/public/%25%34%31', b'/api/public/a%23%00',
    b'/api/admin', b'/api/admin/x', b'/api/public.', b'/api/publicx', b'/api', b'/', b'*', b'api/public/x',
]
SEPARATORS = [b'/', b'%2f', b'%2F', b'\\', b'%5c', b'//', b'/./', b';/', b';a=/', b'%00/', b'%0d', b'%3b/', b'%3f/', b'%23/', b'%252f',
              b'%25%32%66', b'%25c0%25af', b'/%2e/']
DOTS = [b'..', b'%2e%2e', b'.%2E', b'..;', b'..;x', b'%2e%2e;', b'%252e%252e', b'..%00', b'..%20', b'..%09', b'.%252e', b'..%5c']


def systematic():
    return [b'/api/public' + before + dots + after + b'admin/x'
            for before, dots, after in itertools.product(SEPARATORS, DOTS, SEPARATORS[:9])]


def targets_policy():
    hosts = [f'{name}.example' for name in MODES]
    made = document(paths=('/api/public/**',), hosts=hosts)
    made['routes']['admin'] = route('/api/admin/**', hosts=hosts)
    return policy('targets', made)


def targets_server(backend):
    address = f'http://127.0.0.1:{backend.port}'
    path = targets_policy()
    config = 'MaxKeepAliveRequests 0\nProxyTimeout 10\n' + ''.join(
        guarded(path, ' ' + body.replace('{backend}', address), name=f'{name}.example') for name, body in MODES.items())
    server = mtls_server(config, modules=('proxy', 'proxy_http', 'rewrite'),
                         files=('api/admin/x', 'api/public/x', 'api/public/index.html'))
    server.expect('AH00128|AH10244|AH00026|AH00127|AH02429|AH01136|AH10508')  # paths that httpd itself cannot read
    return server


def allowed_by_itself(path, host, target):
    request = f'GET https://{host}{target.decode("ascii")}'
    done = subprocess.run([str(policy_tool()), 'explain', path, '--request', request, '--identity', 'billing'],
                          capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def check_arrived(backend, host):
    arrived = {request.target for request in backend.requests}
    for target in arrived:
        assert all(re.match(r'/api/public(/|$)', path) for path in readings(target)), (host, target, list(readings(target)))
        assert allowed_by_itself(pki().path('targets.mtlsp'), host, target), (host, target)
    backend.clear()
    return arrived


def check_refused(server, host, targets):
    for target in targets:  # httpd ends a connection of HTTP/1.1 after a 400
        check_status(target, client(server, pki()['billing'], host=host, requests=[('GET', target)]))
    result = client(server, pki()['billing'], '2', host=host, requests=[('GET', target) for target in targets])
    for target, status in zip(targets, result.statuses, strict=True):
        check_status(target, Result(statuses=[status]))


def check_status(target, result):
    status = result.statuses[0] if result.statuses else 'closed'
    assert status in (400, 403, 404, 'closed') or str(status).startswith('reset'), (target, result)


@test
def trap_22_what_the_backend_gets_is_what_the_policy_allowed():
    with Backend() as backend, targets_server(backend) as server:
        for name in MODES:
            host = f'{name}.example'
            check_refused(server, host, REFUSED)
            arrived = check_arrived(backend, host)
            assert not arrived, (host, arrived)


@test
def trap_23_escaped_semicolons_too():
    """mod_proxy decodes them, and then does not escape them again."""
    with Backend() as backend, targets_server(backend) as server:
        for name in MODES:
            check_refused(server, f'{name}.example', [b'/api/public/..%3B/admin', b'/api/public/%2e%2e%3b/admin', b'/api/public/a%3Bb'])
            assert not backend.requests, backend.requests


@test
def trap_23_parameters_that_leave_a_dot_or_nothing():
    """To a route that expects parameters these are other paths for a server that cuts them off."""
    made = document(paths=('/p/**',))
    made['routes']['order']['expects'] = ['parameters']
    with mtls_server(guarded(policy('leaves', made)), files=['p/x']) as server:
        for target, reason in (('/p/.;v/x', 'ambiguous-path'), ('/p/;v/x', 'ambiguous-path'), ('/p/%2e%3b/x', 'ambiguous-path'), ('/p/a;v/x', None)):
            mark = server.mark()
            assert client(server, pki()['billing'], requests=[target]).status == (403 if reason else 404), target
            assert reasons(server, mark) == ([reason] if reason else []), target


@test
def trap_22_nothing_slips_through_by_combination():
    with Backend() as backend, targets_server(backend) as server:
        requests = [('GET', target) for target in systematic()]
        for name in MODES:
            host = f'{name}.example'
            result = client(server, pki()['billing'], '2', host=host, requests=requests, body=True)
            assert len(result.statuses) == len(requests), result.error
            check_arrived(backend, host)
            assert b'api/admin/x\n' not in result.bodies, host


@test_each(('1.1',), ('2',))
def trap_22_what_is_clear_is_served(http):
    with Backend() as backend, targets_server(backend) as server:
        for name in MODES:
            host = f'{name}.example'
            mark = server.mark()
            # mod_rewrite by itself refuses an escaped question mark
            targets = [target for target in ALLOWED if name != 'rewrite' or b'%3F' not in target]
            result = client(server, pki()['billing'], http, host=host, requests=[('GET', target) for target in targets])
            assert not reasons(server, mark), (host, denials(server, mark))
            if name not in ('static', 'public'):
                assert result.statuses == [200] * len(targets), (host, list(zip(targets, result.statuses)))
                assert len(backend.requests) == len(targets), host
            check_arrived(backend, host)


CLOSE = b'Connection: close\r\n\r\n'
HOSTS = [  # request, what the answer begins with, the reason logged
    (b'GET /orders/7 HTTP/1.1\r\nHost: api.example\r\n', b'HTTP/1.1 200', None),
    (b'GET /orders/7 HTTP/1.1\r\nHost: API.Example\r\n', b'HTTP/1.1 200', None),
    (b'GET /orders/7 HTTP/1.1\r\nHost: api.example:443\r\n', b'HTTP/1.1 200', None),
    (b'GET /orders/7 HTTP/1.1\r\nHost: api.example.\r\n', b'HTTP/1.1 200', None),
    (b'GET /orders/7 HTTP/1.0\r\nHost: api.example\r\n', b'HTTP/1.1 200', None),
    (b'GET https://api.example/orders/7 HTTP/1.1\r\nHost: api.example\r\n', b'HTTP/1.1 200', None),
    (b'GET https://api.example/orders/7 HTTP/1.1\r\nHost: evil.example\r\n', b'HTTP/1.1 200', None),
    (b'GET https://evil.example/orders/7 HTTP/1.1\r\nHost: api.example\r\n', b'HTTP/1.1 403', 'route-unknown'),
    (b'GET http://api.example:99/orders/7 HTTP/1.1\r\nHost: api.example\r\n', b'HTTP/1.1 200', None),
    (b'GET https://api.example HTTP/1.1\r\nHost: api.example\r\n', b'HTTP/1.1 403', None),
    (b'GET https://user@api.example/orders/7 HTTP/1.1\r\nHost: x\r\n', b'HTTP/1.1', None),
    (b'GET /orders/7 HTTP/1.1\r\nHost: evil.example\r\n', b'HTTP/1.1 403', 'route-unknown'),
    (b'GET /orders/7 HTTP/1.1\r\nHost: sub.api.example\r\n', b'HTTP/1.1 403', 'route-unknown'),
    (b'GET /orders/7 HTTP/1.1\r\nHost: 127.0.0.1\r\n', b'HTTP/1.1 403', 'route-unknown'),
    (b'GET /orders/7 HTTP/1.1\r\nHost: [::1]\r\n', b'HTTP/1.1 403', 'route-unknown'),
    (b'GET /orders/7 HTTP/1.0\r\n', b'HTTP/1.1 403', 'host-missing'),
    (b'GET /health HTTP/1.0\r\n', b'HTTP/1.1 403', 'host-missing'),
    (b'GET /orders/7 HTTP/1.1\r\nHost:\r\n', b'HTTP/1.1 400', None),
    (b'GET /orders/7 HTTP/1.1\r\n', b'HTTP/1.1 400', None),
    (b'GET /orders/7 HTTP/1.1\r\nHost: a b\r\n', b'HTTP/1.1 400', None),
    (b'GET /orders/7 HTTP/1.1\r\nHost: api.example\r\nHost: api.example\r\n', b'HTTP/1.1 400', None),
    (b'GET /orders/7 HTTP/1.1\r\nHost: api..example\r\n', b'HTTP/1.1 400', None),
]


@test
def trap_24_every_form_of_host():
    config = guarded(policy('hosts', document()))
    with mtls_server(config, files=('orders/7', 'health')) as server:
        for request, start, reason in HOSTS:
            mark = server.mark()
            answer = raw(server, request + CLOSE)
            assert answer.startswith(start), (request, answer)
            found = reasons(server, mark)
            assert reason is None or found == [reason], (request, found)
            assert answer.startswith(b'HTTP/1.1 200') == (found == []) or not reason, (request, answer)
        mark = server.mark()
        answer = raw(server, b'GET /orders/7\r\n')  # HTTP/0.9
        assert b'orders/7\n' not in answer, answer
        assert reasons(server, mark) in (['host-missing'], []), answer


@test
def trap_24_two_hosts_in_one_request():
    """What the policy decides is the host of the target; without httpd's strictness a backend would be told that of the header."""
    options = 'HttpProtocolOptions Unsafe\n'
    with Backend() as backend:
        body = f'  ServerAlias b.example\n  ProxyPreserveHost On\n  ProxyPass "/" "http://127.0.0.1:{backend.port}/"\n'
        with mtls_server(options + guarded(policy('hosts', document()), body), ['proxy', 'proxy_http']) as server:
            for target, host, reason in (
                    ('https://api.example/orders/7', 'b.example', 'ambiguous-path'), ('https://api.example/orders/7', 'api.example.b', 'ambiguous-path'),
                    ('https://api.example/orders/7', 'a', 'ambiguous-path'), ('https://API.example/orders/7', 'Api.Example:443', None),
                    ('https://api.example:99/orders/7', 'api.example', None), ('/orders/7', 'b.example', 'route-unknown'),
                    ('https://[::1]/health', '[::1]:443', None), ('https://[::1]/health', '[::2]', 'ambiguous-path')):
                mark = server.mark()
                raw(server, f'GET {target} HTTP/1.1\r\nHost: {host}\r\n'.encode() + CLOSE)
                assert reasons(server, mark) == ([reason] if reason else []), (target, host, reasons(server, mark))
                assert len(backend.requests) == (reason is None), (target, host, backend.requests)
                backend.clear()


@test_each(('1.1',), ('2',))
def trap_24_hosts_of_a_client(http):
    with mtls_server(guarded(policy('hosts', document())), files=('orders/7', 'health')) as server:
        for host, status in ('api.example', 200), ('API.EXAMPLE', 200), ('api.example.', 200), ('api.example:1', 200), ('b.example', 403):
            mark = server.mark()
            result = client(server, pki()['billing'], http, host=host, sni='', requests=['/orders/7', '/health'])
            assert result.statuses == [status, 200], (host, result)
            assert reasons(server, mark) == (['route-unknown'] if status == 403 else []), host
        mark = server.mark()
        result = client(server, pki()['billing'], http, host=None, sni='', requests=['/orders/7'])
        assert result.statuses == [400 if http == '2' else 403] or str(result.statuses[0]).startswith('reset'), result
        assert reasons(server, mark) == ([] if http == '2' else ['host-missing']), result


if __name__ == '__main__':
    main()
