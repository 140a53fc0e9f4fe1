#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every road that httpd takes from a request to what it serves, under every MPM, with either kind of section, on either protocol."""

from backend import CLOSE, TEXT, frame
from harness import client, main, test, test_each
from policies import denials, document, guarded, mtls_server, pki, policy, raw, reasons
from roads import (BETWEEN_PATHS, BY_HANDLERS, COMBINATIONS, LIMITED, METHODS, MPMS, REPLACED, ROWS, SATISFIED, SECTIONS, UNSEEN,
                   backend, roads_server)
from rows import BY_A_LOOKUP, play


# What is proxied has no directory.
BY_LOCATION = [case[1:] for case in COMBINATIONS if case[0] == 'Location']
BY_DIRECTORY = [case[1:] for case in COMBINATIONS if case[0] == 'Directory']
PATHS = [*BETWEEN_PATHS, *BY_HANDLERS]


@test_each(*BY_LOCATION)
def trap_01_other_paths_are_asked_about(mpm, http):
    play(roads_server('Location', mpm), 'Location', http, PATHS)


@test_each(*BY_DIRECTORY)
def trap_02_also_below_a_directory_section_alone(mpm, http):
    play(roads_server('Directory', mpm), 'Directory', http, PATHS)


@test_each(*[(row.request,) for row in BETWEEN_PATHS if row.reason is BY_A_LOOKUP])
def trap_01_a_refused_lookup_is_logged_once(request):
    server = roads_server('Directory', 'event')
    mark = server.mark()
    assert client(server, pki()['billing'], requests=[request]).status == 403
    server.wait_log('MTLS0001', mark, timeout_s=2)
    assert reasons(server, mark) == ['route-unknown'], server.log_since(mark)


@test
def trap_01_refused_lookups_are_told_at_debug():
    """Where the client gets its page, what was refused on the way is no denial of its request."""
    server = roads_server('Location', 'event')
    mark = server.mark()
    assert client(server, pki()['billing'], host='debug.example', requests=['/sizes.shtml']).status == 200
    lines = [line for line in server.log_since(mark).splitlines() if 'MTLS0001' in line]
    assert lines and all('[mtls_authz:debug]' in line and 'reason=route-unknown' in line for line in lines), lines


@test_each(*COMBINATIONS)
def test_no_road_leads_round_the_policy(section, mpm, http):
    server = roads_server(section, mpm)
    play(server, section, http, ROWS)
    authored = {path.name: path.read_text() for path in (server.docroot / 'dav').iterdir() if path.is_file()}
    assert authored == {f'{name}.txt': f'dav/{name}.txt\n' for name in ('fine', 'read', 'secret')}, authored


@test_each(*COMBINATIONS)
def trap_16_a_section_with_its_own_require_replaces_nothing(section, mpm, http):
    """Wherever it is nested, and whatever comes first in the file."""
    play(roads_server(section, mpm), section, http, REPLACED)


@test_each(*COMBINATIONS)
def trap_17_satisfy_any_opens_nothing(section, mpm, http):
    play(roads_server(section, mpm), section, http, SATISFIED)


@test_each(*COMBINATIONS)
def trap_18_what_is_limited_to_some_methods_opens_no_other(section, mpm, http):
    play(roads_server(section, mpm), section, http, LIMITED)


@test_each(*COMBINATIONS)
def trap_20_methods_are_names(section, mpm, http):
    """Not numbers, of which all that httpd does not know have one; and HEAD is GET's."""
    play(roads_server(section, mpm), section, http, METHODS)


@test_each(*COMBINATIONS)
def trap_21_trace_and_options_of_everything_are_refused(section, mpm, http):
    """Also where TRACE is enabled, what is asked for is off, or would go to a backend."""
    play(roads_server(section, mpm), section, http, UNSEEN)
    assert not [request for request in backend().requests if request.line.startswith(b'TRACE')]


# ---------------------------------------------------------------- other forms of a request

END = b'Connection: close\r\n\r\n'
FORMS = [  # request, what the answer begins with, what it must hold, the reason logged
    (b'GET /fine.txt HTTP/1.0\r\nHost: api.example\r\n' + END, b'HTTP/1.1 200', b'fine.txt\n', None),
    (b'GET /secret.txt HTTP/1.0\r\nHost: api.example\r\n' + END, b'HTTP/1.1 403', b'', 'route-unknown'),
    (b'GET /fine.txt HTTP/1.0\r\n' + END, b'HTTP/1.1 403', b'', 'host-missing'),
    (b'GET /fine.txt\r\n', b'', b'403', 'host-missing'),
    (b'GET /secret.txt\r\n', b'', b'403', 'host-missing'),
    (b'GET https://api.example/fine.txt HTTP/1.1\r\nHost: order.example\r\n' + END, b'HTTP/1.1 200', b'fine.txt\n', None),
    (b'GET https://api.example/secret.txt HTTP/1.1\r\nHost: api.example\r\n' + END, b'HTTP/1.1 403', b'', 'route-unknown'),
    (b'GET https://api.example/perdir/a.txt HTTP/1.1\r\nHost: api.example\r\n' + END, b'HTTP/1.1 403', b'', 'route-unknown'),
    (b'GET https://off.example/secret.txt HTTP/1.1\r\nHost: api.example\r\n' + END, b'HTTP/1.1 403', b'', 'route-unknown'),
    # a scheme that is not the server's: then the Host header says what is served
    (b'GET http://order.example/perdir/fine.txt HTTP/1.1\r\nHost: api.example\r\n' + END, b'HTTP/1.1 200', b'fine.txt\n', None),
    (b'GET http://order.example/secret.txt HTTP/1.1\r\nHost: api.example\r\n' + END, b'HTTP/1.1 403', b'', 'route-unknown'),
    (b'TRACE https://api.example/fine.txt HTTP/1.0\r\n' + END, b'HTTP/1.1 403', b'', 'method-unsupported'),
]


@test_each(*[(section, mpm) for section in SECTIONS for mpm in MPMS])
def test_no_form_of_a_request_leads_round_the_policy(section, mpm):
    """HTTP/1.0 and 0.9, and the absolute form."""
    server = roads_server(section, mpm)
    for request, start, held, reason in FORMS:
        mark = server.mark()
        answer = raw(server, request)
        assert answer.startswith(start) and held in answer and (reason is None or b'secret.txt\n' not in answer), (request, answer)
        assert reasons(server, mark) == ([reason] if reason else []), (request, server.log_since(mark))


# ---------------------------------------------------------------- forward proxies

def forward(server, http, method, host, path, header=None, who='billing'):
    """(status, reason logged, what arrived) of a request for another server, over plain HTTP from there on."""
    address = f'{host}:{backend().port}'
    if method == 'CONNECT':
        request = (method, address, {} if http == '2' else {'Host': address})
    elif http == '2':
        request = (method, path, {':scheme': 'http', ':authority': address})
    else:
        request = (method, f'http://{address}{path}', {'Host': header or address})
    backend().clear()
    mark = server.mark()
    tunnelled = '@tunnel GET\\x20/tunnelled\\x20HTTP/1.1\\x0d\\x0aHost:\\x20x\\x0d\\x0aConnection:\\x20close\\x0d\\x0a\\x0d\\x0a'
    requests = [request, tunnelled] if method == 'CONNECT' else [request]
    result = client(server, pki()[who] if who else None, http, requests=requests, host='forward.example', port=server.ports[1], body=True)
    return result.status, (reasons(server, mark) or [None])[0], [recorded.target for recorded in backend().requests]


@test_each(*COMBINATIONS)
def test_a_forward_proxy_asks_the_policy(section, mpm, http):
    """About the host that a request goes to, whatever its Host header says, and although no section but <Proxy> is for it."""
    server = roads_server(section, mpm)
    rows = [('GET', '127.0.0.1', '/forward/fine', None, 'billing', (200, None, [b'/forward/fine'])),
            ('GET', '127.0.0.1', '/forward/fine', None, None, (403, 'no-certificate', [])),
            ('GET', '127.0.0.1', '/forward/secret', None, 'billing', (403, 'route-unknown', [])),
            ('POST', '127.0.0.1', '/forward/fine', None, 'billing', (403, 'method-not-on-route', [])),
            ('TRACE', '127.0.0.1', '/forward/fine', None, 'billing', (403, 'method-unsupported', [])),
            ('CONNECT', '127.0.0.1', '', None, 'billing', (403, 'method-unsupported', []))]
    if http == '1.1':  # HTTP/2 has but one host
        rows += [('GET', host, '/forward/fine', '127.0.0.1', 'billing', (403, 'route-unknown', [])) for host in ('localhost', '127.1', '[::1]')]
        rows += [('GET', '127.0.0.1', '/forward/fine', 'forward.example', 'billing', (200, None, [b'/forward/fine']))]
        rows += [('GET', '127.0.0.1', '/forward/secret', 'open.example', None, (200, None, [b'/forward/secret'])),  # off in <Proxy>
                 ('GET', '127.0.0.1', '/forward/secret', 'reported.example', None, (200, 'route-unknown', [b'/forward/secret']))]
    for *request, wanted in rows:
        assert forward(server, http, *request) == wanted, (request, wanted, server.log_since()[-500:])


@test_each(*BY_LOCATION)
def test_connect_goes_where_no_section_enforces(mpm, http):
    """Only there; so the tunnel that is refused elsewhere is one."""
    server = roads_server('Location', mpm)
    assert forward(server, http, 'CONNECT', 'localhost', '', None, None) == (200, None, [b'/tunnelled'])
    assert forward(server, http, 'CONNECT', 'open.example', '', None, None) == (403, 'method-unsupported', [])


SECTION = '<Proxy "http://127.0.0.1:{port}/{name}/*">\n  MtlsPolicyMode {mode}\n  Require all granted\n</Proxy>\n'
OUT_OF_IT = [('/../secret', 'route-unknown'), ('/%2e%2e/secret', 'route-unknown'), ('/x/.%2E/../secret', 'route-unknown'),
             ('/../orders/7', 'ambiguous-path'), ('/../x/./secret', 'route-unknown'), ('/..;/secret', 'ambiguous-path')]


@test
def test_dot_segments_do_not_lead_out_of_a_proxy_section():
    """httpd finds it by the text of the target, which goes on as it is."""
    body = '  ProxyRequests On\n' + ''.join(SECTION.format(port=backend().port, name=name, mode=mode) for name, mode in (('open', 'off'), ('reported', 'report')))
    path = policy('sections', document(hosts=('api.example', '127.0.0.1')))
    with mtls_server(guarded(path, body), ['proxy', 'proxy_http']) as server:
        for name in 'open', 'reported':
            rows = [(f'/{name}/x', None), (f'/{name}/a..b/...', None), *((f'/{name}{tail}', reason) for tail, reason in OUT_OF_IT)]
            for sent, reason in rows:
                backend().clear()
                mark = server.mark()
                raw(server, f'GET http://127.0.0.1:{backend().port}{sent} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'.encode())
                passed = [('would-deny', 'route-unknown')] if name == 'reported' else []
                wanted = [('deny', reason)] if reason else passed
                assert [(denial['decision'], denial['reason']) for denial in denials(server, mark)] == wanted, (sent, denials(server, mark))
                assert [request.target for request in backend().requests] == ([] if reason else [sent.encode()]), (sent, backend().requests)


# ---------------------------------------------------------------- WebSockets

KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
SAID = frame(TEXT, b'hello', b'\x01\x02\x03\x04') + frame(CLOSE, b'', b'\x05\x06\x07\x08')
ANSWERED = frame(TEXT, b'hello') + frame(CLOSE)


def through_socket(server, http, path, who='billing'):
    """Asks for a WebSocket, as RFC 6455 or RFC 8441 say, and sends a message through it."""
    headers = {'Sec-WebSocket-Version': '13'}
    if http == '2':
        request = ('CONNECT', path, {':protocol': 'websocket', **headers})
    else:
        request = ('GET', path, {'Upgrade': 'websocket', 'Connection': 'Upgrade', 'Sec-WebSocket-Key': KEY, **headers})
    tunnel = '@tunnel ' + ''.join(f'\\x{byte:02x}' for byte in SAID)
    result = client(server, pki()[who] if who else None, http, requests=[request, tunnel], host='sockets.example', body=True)
    return result.status, result.bodies[0]


@test_each(*BY_LOCATION)
def test_a_websocket_is_opened_where_the_policy_allows_it(mpm, http):
    """Of either protocol: the policy sees GET and the path."""
    server = roads_server('Location', mpm)
    for place in 'upgraded', 'tunnelled':
        backend().clear()
        assert through_socket(server, http, f'/{place}/fine') == (200 if http == '2' else 101, ANSWERED), place
        assert [request.line for request in backend().requests] == [f'GET /{place}/fine HTTP/1.1'.encode()], backend().requests
        backend().clear()
        for path, who in ((f'/{place}/secret', 'billing'), (f'/{place}/fine', 'auditor'), (f'/{place}/fine', None)):
            mark = server.mark()
            status, body = through_socket(server, http, path, who)
            logged, = denials(server, mark)
            assert status == 403 and b'hello' not in body and logged['method'] == '"GET"', (path, who, status, logged)
        assert not backend().requests, backend().requests


@test
def trap_01_02_the_log_holds_nothing_else():
    for section in SECTIONS:
        for mpm in MPMS:
            roads_server(section, mpm).stop()
            roads_server(section, mpm).remove()


if __name__ == '__main__':
    main()
