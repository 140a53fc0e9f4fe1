#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a server knows of a client after the handshake, later on the connection, and on the next one."""

import functools
import os
import socket
import ssl
import struct
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from harness import HOLD, Held, client, main, test, test_each, vhost, wait_until
from policies import (CONNECTIONS, REQUIRE, allow, denials, document, guarded, identity, issuer, mtls_server, pki, policy,
                      reasons, route)

KEEP_ALIVE = 'KeepAliveTimeout 60\n'


@functools.cache
def stray_policy():
    """Names a CA whose certificate no server has: only `optional_no_ca` lets its clients come so far."""
    made = document()
    made['issuers']['stray'] = issuer('stray')
    made['identities']['from-stray'] = identity('billing', 'stray')
    made['groups']['staff'].append('from-stray')
    return policy('stray', made)


def both_ports(path, body='', **options):
    """PORT1 has session tickets, PORT2 none."""
    return KEEP_ALIVE + guarded(path, body, port='${PORT1}', **options) + guarded(
        path, body + '  SSLSessionTickets off\n', port='${PORT2}', **options)


def ask(server, name, http, tls, resume, requests, **options):
    port = server.ports[1] if resume == 'psk' else server.ports[0]
    result = client(server, pki()[name] if name else None, http, tls, resume, requests, port=port, **options)
    assert result.error is None and result.resumed == (resume is not None), result
    return result


@test
def trap_03_a_verdict_that_mod_ssl_overwrote():
    """With requests before the session is resumed, and several after."""
    with mtls_server(both_ports(stray_policy(), verify='optional_no_ca'), files=['orders/7'], ports=2) as server:
        for http, tls, resume in CONNECTIONS:
            for name in 'stray-client', 'selfsigned':
                mark = server.mark()
                first = ['/orders/7'] * 2 if resume else []
                result = ask(server, name, http, tls, resume, ['/orders/7'] * 3, first=first)
                assert result.statuses == [403] * 3, (http, tls, resume, name, result)
                assert reasons(server, mark) == ['certificate-not-verified'] * (3 + len(first)), (http, tls, resume, name)


@test
def trap_04_no_verified_chain_after_resumption():
    """Also when a session is resumed from one that was resumed, and between requests."""
    with mtls_server(both_ports(stray_policy(), verify='require'), files=['orders/7'], ports=2) as server:
        for http, tls, resume in CONNECTIONS:
            for name, status in ('billing', 200), ('billing-other', 403), ('unknown', 403):
                result = ask(server, name, http, tls, resume, ['/orders/7'] * 2, first=['/orders/7'] if resume else [])
                assert result.statuses == [status] * 2, (http, tls, resume, name, result)


@test_each(('1.2', True), ('1.2', False), ('1.3', True), ('1.3', False))
def trap_04_resumed_again_and_again(tls, tickets):
    with mtls_server(both_ports(stray_policy(), verify='require'), files=['orders/7'], ports=2) as server:
        port = server.ports[0 if tickets else 1]
        session = None
        for turn in range(4):
            fresh = tempfile.mktemp(dir=server.dir)
            result = client(server, pki()['billing'], tls=tls, requests=['/orders/7'], port=port, session_in=session, session_out=fresh)
            assert result.resumed == (turn > 0) and result.status == 200, (turn, result)
            session = fresh if os.path.exists(fresh) and os.path.getsize(fresh) else session


@test
def trap_05_a_chain_that_was_not_verified():
    with mtls_server(guarded(stray_policy(), verify='optional_no_ca'), files=['orders/7']) as server:
        for tls in '1.2', '1.3':
            mark = server.mark()
            assert client(server, pki()['stray-client'], tls=tls, requests=['/orders/7']).status == 403
            assert reasons(server, mark) == ['certificate-not-verified']


@test_each(('optional',), ('none',))
def trap_06_no_certificate_and_nothing_wrong(verify):
    with mtls_server(both_ports(stray_policy(), verify=verify), files=['orders/7'], ports=2) as server:
        for http, tls, resume in CONNECTIONS:
            mark = server.mark()
            result = ask(server, None if verify == 'optional' else 'billing', http, tls, resume, ['/orders/7'] * 2)
            assert result.statuses == [403] * 2, (http, tls, resume, result)
            assert reasons(server, mark) == ['no-certificate'] * 2


def bad_contexts():
    """TLS clients that a server with `SSLVerifyClient require` refuses."""
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        for name in None, 'selfsigned', 'stray-client', 'expired':
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.minimum_version = context.maximum_version = version
            if name:
                context.load_cert_chain(pki()[name].chain, pki()[name].key)
            yield context


def reset_on_the_way(plain, context, after_certificate):
    """Goes away with a reset: after its ClientHello, or after it sent its certificate."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='api.example')
    for _ in range(2 if after_certificate else 1):
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        plain.sendall(outgoing.read())
        if after_certificate:
            incoming.write(plain.recv(65536))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


def bad_handshake(port, context, number):
    with socket.create_connection(('127.0.0.1', port), timeout=20) as plain:
        try:
            if number % 5 == 3:
                reset_on_the_way(plain, context, number // 5 % 2)
                return False
            if number % 5 == 4:  # not even TLS, or the beginning of it
                plain.sendall([b'\x16\x03\x01\x02\x00\x01\x00', b'GET / HTTP/1.0\r\n\r\n', b'\0' * 64, b''][number // 5 % 4])
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass
                return False
            with context.wrap_socket(plain, server_hostname='api.example') as s:
                s.sendall(b'GET /orders/7 HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n')
                return b'HTTP/1.1 2' in s.recv(4096)
        except OSError:  # what TLS and the network have to say
            return False


@test
def trap_07_the_ssl_object_of_a_failed_handshake():
    pki().add('expired', 'corp-int', uri='spiffe://corp.example/billing', eku='client', notbefore='-9000', notafter='-60')
    contexts = list(bad_contexts())
    # freed memory is overwritten, so that a look at it does not go well by chance
    with mtls_server(KEEP_ALIVE + guarded(stray_policy(), verify='require'), files=['orders/7'],
                     env={'MALLOC_PERTURB_': '165'}) as server:
        children = server.children()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: bad_handshake(server.port, contexts[i % len(contexts)], i), range(1000)))
        assert not any(answers)
        for http, tls, resume in CONNECTIONS:
            if resume != 'psk':
                assert ask(server, 'billing', http, tls, resume, ['/orders/7']).status == 200
                assert ask(server, 'auditor', http, tls, resume, ['/orders/7']).status == 403
        assert children <= server.children() and 'exit signal' not in server.log_since(), 'a child ended'


@test_each(*[(http, tls) for http in ('1.1', '2') for tls in ('1.2', '1.3')])
def trap_08_the_same_verdict_for_every_request_of_a_connection(http, tls):
    with mtls_server(KEEP_ALIVE + guarded(stray_policy(), verify='optional_no_ca'), files=['orders/7']) as server:
        for name, reason in ('stray-client', 'certificate-not-verified'), ('billing', None):
            mark = server.mark()
            with Held(server, pki()[name], http=http, tls=tls, requests=['/orders/7', HOLD, '/orders/7', '/orders/7', HOLD, '/orders/7']) as held:
                held.wait_for('response 1')
                held.open_gate()
                held.wait_for('response 3')
                result = held.release()
            assert result.statuses == [403 if reason else 200] * 4, result
            assert reasons(server, mark) == ([reason] * 4 if reason else [])


WHO = '  Header always set X-Who "%{MTLS_IDENTITY}e"\n'
# who: (status and name under the policy of a.example, under that of b.example)
SEEN_BY_BOTH = {'billing': ((200, 'billing'), (403, 'payer')), 'shipping': ((200, 'shipping'), (200, 'carrier')),
                'auditor': ((403, 'auditor'), (403, 'auditor')), None: ((403, '(null)'), (403, '(null)'))}


def ask_at_once(server, name, count=100):
    """So many streams of one connection, for two hosts by turns; (status, who) of each."""
    requests = [('GET', '/orders/7', {':authority': f'{"ab"[i % 2]}.example'}) for i in range(count)]
    result = client(server, pki()[name] if name else None, '2', requests=requests, parallel=True, host='a.example',
                    headers=['x-who'])
    assert result.error is None and not result.closed, result
    return list(zip(result.statuses, (one['x-who'][0] for one in result.headers)))


@test
def trap_09_a_hundred_streams_at_once():
    """And several connections of several clients, all at once: each stream is its own connection's client."""
    other = document(hosts=('b.example',), name='for-b', groups={}, rules={'r': allow(['carrier'], 'order')},
                     identities={'payer': identity('billing'), 'carrier': identity('shipping'), 'auditor': identity('auditor', 'other')})
    config = KEEP_ALIVE + guarded(policy('for-a', document(hosts=('a.example',), name='for-a')), WHO, name='a.example')
    config += guarded(policy('for-b', other), WHO, name='b.example')
    with mtls_server(config, ['headers'], ['orders/7']) as server:
        assert ask_at_once(server, 'billing') == list(SEEN_BY_BOTH['billing']) * 50
        with ThreadPoolExecutor(8) as pool:
            clients = [*SEEN_BY_BOTH] * 3
            for name, seen in zip(clients, pool.map(lambda name: ask_at_once(server, name), clients)):
                assert seen == list(SEEN_BY_BOTH[name]) * 50, (name, set(seen))


@test
def trap_10_a_backends_certificate_is_no_clients():
    """The backend shows the certificate of an identity that may do everything."""
    path = stray_policy()
    show = '  Header always set X-Hash "%{MTLS_CERT_SHA256}e"\n  Header always set X-Who "%{MTLS_IDENTITY}e"\n'
    config = KEEP_ALIVE + guarded(path, show + '  SSLProxyEngine on\n  SSLProxyVerify none\n  SSLProxyCheckPeerName off\n'
                                  '  SSLProxyCheckPeerExpire off\n  ProxyPass "/" "https://127.0.0.1:${PORT2}/"\n', verify='optional')
    config += vhost(pki(), port='${PORT2}', cert='billing', verify='none', name='backend.example')
    with mtls_server(config, ('headers', 'proxy', 'proxy_http'), ['orders/7', 'health'], ports=2) as server:
        server.expect('AH01909')  # the certificate of the backend is none for a server
        for http in '1.1', '2':
            for tls in '1.2', '1.3':
                shown = ['X-Hash', 'X-Who']
                result = client(server, pki()['shipping'], http, tls, requests=['/orders/7'] * 3, headers=shown)
                assert result.statuses == [200] * 3 and all(h['x-who'] == ['shipping'] for h in result.headers), result
                mark = server.mark()
                result = client(server, None, http, tls, requests=['/orders/7', '/health', '/orders/7'], headers=shown)
                assert result.statuses == [403, 200, 403], result
                assert all(h == {'x-hash': ['(null)'], 'x-who': ['(null)']} for h in result.headers), result
                assert reasons(server, mark) == ['no-certificate'] * 2


def short_lived(lives_s):
    """Two clients that end soon: one by its own certificate, one by its intermediate's. Returns when."""
    end = time.time() + lives_s
    pki().add('brief', 'corp-int', uri='spiffe://corp.example/billing', eku='client', notafter=f'+{lives_s}')
    pki().add('brief-int', 'corp', ca=1, cn='brief intermediate', notafter=f'+{lives_s}')
    pki().add('brief-above', 'brief-int', uri='spiffe://corp.example/billing', eku='client')
    return end


def connect_short_lived(server, stack):
    """(connections that wait, sessions) of both, on each kind of connection."""
    held, sessions = [], []
    for name in 'brief', 'brief-above':
        for http, tls, resume in CONNECTIONS:
            port = server.ports[1 if resume == 'psk' else 0]
            options = {'http': http, 'tls': tls, 'port': port, 'no_ticket': resume == 'session-id'}
            if resume is None:
                waiting = Held(server, pki()[name], ['/orders/7', HOLD, '/orders/7', '/orders/7'], **options)
                held.append(stack.enter_context(waiting))
                waiting.wait_for('response 1 ')
                continue
            session = tempfile.mktemp(dir=server.dir)
            result = client(server, pki()[name], requests=['/orders/7'], session_out=session, **options)
            sessions.append((name, session, options, result))
    return held, sessions


@test
def trap_11_a_certificate_that_ends_meanwhile():
    with mtls_server(both_ports(stray_policy(), verify='require'), files=['orders/7'], ports=2) as server:
        for lives_s in 5, 15, 40:  # a busy machine may need longer than the certificates live
            with ExitStack() as stack:
                end = short_lived(lives_s)
                held, sessions = connect_short_lived(server, stack)
                if time.time() >= end:
                    continue
                assert all(result.status == 200 for *_, result in sessions), sessions
                wait_until(lambda: time.time() > end + 1, lives_s + 3, 'the certificates to end')
                mark = server.mark()
                for one in held:
                    assert one.release().statuses == [200, 403, 403]
                for name, session, options, _ in sessions:
                    result = client(server, pki()[name], requests=['/orders/7'] * 2, session_in=session, **options)
                    assert result.resumed and result.statuses == [403] * 2, (name, options, result)
                assert reasons(server, mark) == ['certificate-expired'] * (2 * len(held) + 2 * len(sessions)), reasons(server, mark)
                return
        raise AssertionError('too slow to see anything')


@test_each(('1.1',), ('2',))
def trap_25_the_policy_of_the_host_that_is_asked(http):
    """Not that of the name in the handshake; the servers' TLS settings are the same."""
    files = ['orders/7', 'only-b', 'health']
    for_a = policy('for-a', document(hosts=('a.example',), name='for-a'))
    for_b = policy('for-b', document(hosts=('b.example',), name='for-b', groups={}, rules={'r': allow(['shipping'], 'order')},
                                     routes={'order': route('/orders/{id}', '/only-b', hosts=['b.example', 'a.example'])}))
    config = KEEP_ALIVE + guarded(for_a, name='a.example') + guarded(for_b, name='b.example')
    with mtls_server(config, files=files) as server:
        for tls, resume in ('1.2', None), ('1.2', 'ticket'), ('1.3', None), ('1.3', 'ticket'):
            for sni in 'a.example', 'b.example':
                for name, a, b in ('billing', 200, 403), ('shipping', 200, 200), ('auditor', 403, 403), (None, 403, 403):
                    key = ':authority' if http == '2' else 'Host'
                    turns = [(host, status) for host, status in (('a.example', a), ('b.example', b)) * 2]
                    mark = server.mark()
                    result = client(server, pki()[name] if name else None, http, tls, resume, sni=sni, host=sni,
                                    requests=[('GET', '/orders/7', {key: host}) for host, _ in turns])
                    assert result.statuses == [status for _, status in turns], (tls, resume, sni, name, result)
                    asked = [denial['policy'].split(':')[0] for denial in denials(server, mark)]
                    assert asked == [f'for-{host[0]}' for host, status in turns if status == 403], asked


@test
def trap_25_other_tls_settings_are_another_matter():
    """httpd itself does not let a connection made under one set of CAs reach a host with another."""
    path = policy('for-a', document(hosts=('a.example', 'c.example')))
    pki().bundle('only-other.pem', 'other')
    config = KEEP_ALIVE + guarded(path, name='a.example') + guarded(path, name='c.example', ca='only-other.pem')
    with mtls_server(config, files=['orders/7']) as server:
        server.expect('AH02032')
        for sni, host in ('a.example', 'c.example'), ('c.example', 'a.example'):
            result = client(server, pki()['auditor'], sni=sni, host=host, requests=['/orders/7'])
            assert result.status == 421, result


@test
def trap_06_plain_http_has_no_client():
    config = f'''
<VirtualHost 127.0.0.1:${{PORT}}>
  ServerName api.example
  MtlsPolicyFile "{stray_policy()}"
{REQUIRE}
</VirtualHost>
'''
    with mtls_server(config, files=['orders/7', 'health']) as server:
        for target, status in (b'/orders/7', b'403'), (b'/health', b'200'):
            answer = plain_request(server, target)
            assert answer.startswith(b'HTTP/1.1 ' + status), answer
        assert reasons(server) == ['tls-absent']


def plain_request(server, target):
    with socket.create_connection(('127.0.0.1', server.port), timeout=10) as s:
        s.sendall(b'GET ' + target + b' HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n')
        return b''.join(iter(lambda: s.recv(65536), b''))


if __name__ == '__main__':
    main()
