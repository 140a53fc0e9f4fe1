#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The harness and its client against the server as it comes, without the module under test."""

import functools
import gzip
import os
import tempfile
from pathlib import Path

from backend import Backend
from harness import (HOLD, Held, Pki, Server, client, free_port, main, module_path, plain, policy_tool, request_line,
                     test, test_each, vhost)

OPEN = '''
  <Location "/">
    Require all granted
  </Location>
'''


@functools.cache
def pki():
    directory = tempfile.TemporaryDirectory(prefix='mtls-pki-')
    made = Pki(directory.name).standard()
    made.keep_alive = directory
    return made


def server_config(body=''):
    return vhost(pki(), OPEN + body, verify='optional_no_ca')


def site_ca():
    return pki()['site'].crt


@test_each(*[(http, tls, resume)
             for http in ('1.1', '2')
             for tls, resume in (('1.2', None), ('1.2', 'ticket'), ('1.2', 'session-id'),
                                 ('1.3', None), ('1.3', 'ticket'), ('1.3', 'psk'))])
def test_every_kind_of_connection(http, tls, resume):
    body = '  SSLSessionTickets off' if resume == 'psk' else ''
    with Server(config=server_config(body)) as server:
        for name in ('billing', 'selfsigned'):
            result = client(server, pki()[name], http, tls, resume, requests=['/index.html'], ca=site_ca(), body=True)
            assert result.status == 200 and result.bodies == [b'index\n'], result
            assert result.resumed == (resume is not None), result
            assert result.tls == f'TLSv{tls}', result
            assert result.alpn == ('h2' if http == '2' else 'http/1.1'), result


@test
def test_session_ids_are_not_tickets():
    with Server(config=server_config('  SSLSessionTickets off')) as server:
        result = client(server, pki()['billing'], tls='1.2', resume='session-id', requests=['/index.html'])
        assert result.resumed, result
        result = client(server, pki()['billing'], tls='1.2', resume='ticket', requests=['/index.html'])
        assert result.resumed, 'a server without tickets falls back to session ids'


@test_each(('1.2',), ('1.3',))
def test_a_refused_certificate_is_a_handshake_failure(tls):
    with Server(config=vhost(pki(), OPEN, verify='require')) as server:
        assert client(server, pki()['billing'], tls=tls, requests=['/index.html']).status == 200
        for cert in (pki()['selfsigned'], None):
            result = client(server, cert, tls=tls, requests=['/index.html'])
            assert result.error and result.error.startswith('handshake-failed '), result
            assert 'alert' in result.error and result.statuses == [], result


@test_each(('event',), ('worker',), ('prefork',))
def test_graceful_restart(mpm):
    with Server(config=server_config(), mpm=mpm) as server:
        before = server.children()
        assert before, 'the server has children'
        server.write_config(server_config('  <Location "/closed">\n    Require all denied\n  </Location>'))
        assert client(server, requests=['/closed']).status == 404
        server.graceful()
        assert server.answering_child() not in before
        for _ in range(4):
            assert client(server, requests=['/closed']).status == 403
        assert 'AH01630' in server.log_since(0)


@test
def test_a_held_connection_spans_a_restart():
    # A worker child of the old generation keeps waiting for the next request of its connection.
    with Server(config='KeepAliveTimeout 60\n' + server_config(), mpm='worker') as server:
        with Held(server, pki()['billing'], requests=['/index.html', HOLD, '/index.html']) as held:
            held.wait_for('response 1')
            server.wait_at_rest()  # a worker that learns of the restart before it waits again ends the connection
            old = server.children()
            server.graceful()
            assert server.children() & old, 'the old child is still there'
            result = held.release()
        assert result.statuses == [200, 200] and not result.closed, result


@test_each(('1.1',), ('2',))
def test_a_connection_the_server_ends(http):
    # An idle connection of the event MPM ends with its generation.
    with Server(config=server_config()) as server:
        with Held(server, requests=['/index.html', HOLD, '/index.html'], http=http) as held:
            held.wait_for('response 1')
            server.graceful()
            result = held.release()
        assert result.statuses[0] == 200, result
        assert result.closed or str(result.statuses[1]).startswith('reset'), result


@test_each(('1.1',), ('2',))
def test_targets_arrive_as_they_were_sent(http):
    targets = [b'/a/../b', b'//a', b'/%61%2F', b'/a;b?c=%zz', b'/a\\b', b'/caf\xc3\xa9', b'/x|y']
    with Server(config=server_config()) as server:
        client(server, http=http, requests=[('GET', target) for target in targets])
        lines = server.access_lines()
        version = 'HTTP/1.1' if http == '1.1' else 'HTTP/2.0'
        for target, line in zip(targets, lines, strict=True):
            shown = target.decode('latin-1').replace('\\', '\\\\').replace('\xc3\xa9', '\\xc3\\xa9')
            assert line.endswith(f'"GET {shown} {version}"'), (target, line)


@test
def test_odd_requests():
    with Server(config=server_config()) as server:
        result = client(server, requests=['HEAD /index.html', 'OPTIONS *', '/index.html'], body=True)
        assert result.statuses == [200] * 3 and result.bodies == [b'', b'', b'index\n'], result
        server.expect('AH00135')  # httpd tells of methods it does not know
        assert client(server, requests=['PURGE /index.html']).status == 501
        result = client(server, host=None, requests=['/index.html'], body=True)
        assert result.statuses == [200] and result.bodies == [b'index\n'], result
        server.expect('AH02031')  # httpd refuses a request that has SNI and no Host
        assert client(server, host=None, sni='api.example', requests=['/index.html']).status == 400
        result = client(server, requests=[('GET', '/index.html', [('Host', 'a'), ('Host', 'b')])])
        assert result.statuses == [400], result
        result = client(server, http='2', requests=[('GET', '/index.html', {':authority': 'localhost'})])
        assert result.statuses == [200], result
        result = client(server, requests=['GET /index.html connection: close', '/index.html'])
        assert result.statuses == [200] and result.closed, result


@test
def test_chunked_responses():
    with Server(config=server_config('  SetOutputFilter DEFLATE'), modules=['filter', 'deflate']) as server:
        text = os.urandom(100000).hex()  # too big, and too random, for one buffer of the filter
        (server.docroot / 'big.txt').write_text(text)
        result = client(server, requests=[('GET', '/big.txt', {'accept-encoding': 'gzip'}), '/index.html'],
                        headers=['Transfer-Encoding'], body=True)
        assert result.statuses == [200, 200] and result.headers[0] == {'transfer-encoding': ['chunked']}, result
        assert gzip.decompress(result.bodies[0]).decode() == text and result.bodies[1] == b'index\n'


@test
def test_parallel_streams():
    with Server(config=server_config()) as server:
        (server.docroot / 'big.txt').write_text('x' * 300000)
        requests = ['/big.txt', *['/index.html', '/missing'] * 60]
        result = client(server, pki()['billing'], http='2', requests=requests, parallel=True, body=True)
        assert result.statuses == [200, *[200, 404] * 60], result.statuses
        assert len(result.bodies[0]) == 300000 and result.bodies[1] == b'index\n'
        assert len(server.access_lines()) == len(requests)


@test
def test_response_headers_and_source_address():
    body = '  Header always set X-Peer "expr=%{REMOTE_ADDR}"\n  Header always add X-Twice one\n  Header always add X-Twice two'
    with Server(config=server_config(body), modules=['headers']) as server:
        for http in ('1.1', '2'):
            result = client(server, http=http, requests=['/index.html'], headers=['X-Peer', 'X-Twice'], source='127.0.0.7')
            assert result.headers == [{'x-peer': ['127.0.0.7'], 'x-twice': ['one', 'two']}], result


@test
def test_renegotiation_and_post_handshake_authentication():
    body = '  <Location "/cert">\n    SSLVerifyClient require\n    SSLVerifyDepth 5\n  </Location>'
    with Server(config=vhost(pki(), OPEN + body, verify='none')) as server:
        for tls in ('1.2', '1.3'):
            result = client(server, pki()['billing'], tls=tls, pha=True, requests=['/index.html', '/cert', '/index.html'])
            assert result.statuses == [200, 404, 200], (tls, result)
        server.expect('AH10158|extension not received')  # the client below does not offer it
        assert client(server, pki()['billing'], requests=['/cert']).status == 403


@test
def test_the_backend_records_bytes():
    with Backend() as backend:
        body = f'  AllowEncodedSlashes NoDecode\n  ProxyPass "/" "http://127.0.0.1:{backend.port}/" nocanon'
        with Server(config=server_config(body), modules=['proxy', 'proxy_http']) as server:
            result = client(server, requests=['/a%2Fb/%41?q', 'POST /c content-length: 0'], body=True)
            assert result.statuses == [200, 200] and result.bodies[0] == b'/a%2Fb/%41?q', result
        first, second = backend.wait(2)
        assert first.line == b'GET /a%2Fb/%41?q HTTP/1.1' and first.header('x-forwarded-host'), first
        assert second.line.startswith(b'POST /c '), second


@test
def test_configtest_and_a_server_that_refuses():
    server = Server(config='NoSuchDirective on')
    status, text = server.configtest()
    assert status != 0 and 'NoSuchDirective' in text, text
    assert 'NoSuchDirective' in server.refuses_to_start()
    server.remove()
    assert Server(config=server_config()).configtest()[0] == 0


@test
def test_an_unlisted_warning_fails_the_server():
    server = Server(config=server_config()).start()
    with open(server.error_log, 'a', encoding='utf-8') as log:
        log.write('[Thu Jan 01 00:00:00.000000 2026] [some_module:warn] [pid 1:tid 1] what is this\n')
    try:
        server.stop()
    except AssertionError as error:
        assert 'what is this' in str(error)
    else:
        raise AssertionError('the warning went unnoticed')
    server.expect('what is this')
    server.check_log()
    server.remove()


@test
def test_plain_http():
    port = free_port()
    with Server(config=f'Listen 127.0.0.1:{port}\n{server_config()}') as server:
        answer = plain(port, b'GET /index.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        assert answer.startswith(b'HTTP/1.1 200 ') and answer.endswith(b'index\n'), answer
        assert server.is_running()


@test
def test_certificates_may_hold_any_bytes():
    cert = pki().add('odd', 'corp-int', uri=[b'spiffe://a/b\0c', b'\xff %'], dns='', cn='\u00e9', keyof='billing', notafter='+60')
    der = Path(cert.crt).read_text()
    assert 'BEGIN CERTIFICATE' in der and Path(cert.chain).read_text().count('BEGIN') == 2
    with Server(config=server_config()) as server:
        assert client(server, cert, requests=['/index.html']).status == 200


@test
def test_small_helpers():
    assert request_line(('GET', b'/a b\xff', {'x': 'a b|c'})) == 'GET /a\\x20b\\xff x: a b\\x7cc'
    assert request_line('/a') == 'GET /a' and request_line('@sleep 1') == '@sleep 1'
    assert module_path().name == 'mod_mtls_authz.so' and policy_tool().name


if __name__ == '__main__':
    main()
