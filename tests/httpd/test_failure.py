#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When memory, descriptors or children end: nobody is let in for that, and the server stays.

What fails are the calls of the module's own code and those that OpenSSL makes for it. Where httpd's pools cannot grow,
httpd ends the process itself.
"""

import functools
import os
import signal
import socket
import ssl
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from failing import Failing, library
from harness import HarnessError, Skip, main, test, test_each, wait_until
from policies import allow, copy_of, document, guarded, install, mtls_server, pki, policy, reasons, route

HOST = 'api.example'
KEEP_ALIVE = 'KeepAliveTimeout 60\n'
# Who may GET /orders/7, and those who may not: one whom only an attribute tells from them, one whom nobody knows, one of
# the same name by another CA, and nobody.
RIGHT = 'member'
WRONG = ('contractor', 'stranger', 'namesake', None)


@functools.cache
def people():
    def add(name, who, by='corp-int', **more):
        pki().add(name, by, uri=f'spiffe://corp.example/{who}', eku='client', **more)
    add('member', 'team/ann', attribute='2.5.4.10/utf8:Example')
    add('contractor', 'team/bob', attribute='2.5.4.10/utf8:Contractor')
    add('stranger', 'nobody')
    add('namesake', 'team/ann', by='other')
    return pki()


def source(path='/orders/{id}', **more):
    team = {'issuer': 'corp', 'spiffe': 'spiffe://corp.example/team/*'}
    contractors = {**team, 'attributes': {'organizationName': 'Contractor'}}
    return document(identities={'team': team, 'contractors': contractors}, groups={}, routes={'order': route(path)},
                    rules={'all': allow(['team'], 'order'),
                           'but': {'effect': 'deny', 'subjects': ['contractors'], 'routes': ['order']}}, **more)


class Visitor:
    """Makes short connections without a process of its own for each."""

    def __init__(self, name, tls, tickets=True):
        version = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}[tls]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.minimum_version = self.context.maximum_version = version
        if not tickets:
            self.context.options |= ssl.OP_NO_TICKET
        if name:
            self.context.load_cert_chain(people()[name].chain, people()[name].key)
        self.session = self.resumed = None

    def ask(self, port, target='/orders/7', session=None):
        """The status; the session is kept."""
        answer = b''
        with socket.create_connection(('127.0.0.1', port), timeout=20) as plain:
            with self.context.wrap_socket(plain, server_hostname=HOST, session=session) as s:
                s.sendall(f'GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n'.encode())
                while received := s.recv(65536):
                    answer += received
                self.session, self.resumed = s.session, s.session_reused
        return int(answer.split()[1])


def failing_server(config, **options):
    if library() is None:
        raise Skip('the library that makes calls fail was not built')
    people()
    server = mtls_server(config, files=['orders/7', 'new/7'], **options)
    server.failing = Failing(server.dir, server.module.name)
    server.env.update(server.failing.environment)
    return server


def judge(name, status, where):
    """The right client may be refused; the others must be."""
    assert status in ((200, 403, 500) if name == RIGHT else (403, 500)), (name, status, where)
    return status


def sweep_visits(server, name, tls, from_there_on=False, step=1):
    """What becomes of short visits when one allocation fails, then another; the last visit meets no failure."""
    visitor = Visitor(name, tls)
    statuses = [judge(name, visitor.ask(server.port), (tls, number)) for number in server.failing.sweep(from_there_on, step)]
    assert statuses[-1] == (200 if name == RIGHT else 403), (name, statuses)
    assert len(statuses) * step > (30 if name else 0), 'hardly anything was made to fail'
    return statuses


@test
def test_out_of_memory_at_a_handshake_and_its_request():
    """One allocation, and with the two who differ least, also all from there on."""
    with failing_server(guarded(policy('team', source()))) as server:
        for tls in '1.2', '1.3':
            for name in (RIGHT, *WRONG):  # until nothing is made for the first time any more
                Visitor(name, tls).ask(server.port)
        children = server.children()
        for tls in '1.2', '1.3':
            for name in (RIGHT, *WRONG):
                statuses = sweep_visits(server, name, tls)
                assert name != RIGHT or statuses.count(403) > 10, 'a failure is not seen'
        for name in RIGHT, 'contractor':
            sweep_visits(server, name, '1.3', from_there_on=True, step=3)
        assert children == server.children(), 'a child ended'
        assert set(reasons(server)) == {'certificate-malformed', 'issuer-not-established', 'denied-by-rule', 'identity-unknown',
                                        'no-certificate'}, set(reasons(server))


@test_each(('1.2', True), ('1.2', False), ('1.3', True))
def test_out_of_memory_and_resumption(tls, tickets):
    """First while a session is made, which then carries less; then while it is resumed."""
    config = guarded(policy('team', source()), '' if tickets else '  SSLSessionTickets off\n')
    with failing_server(config) as server:
        children = server.children()
        for name in RIGHT, 'contractor', 'namesake':
            visitor = Visitor(name, tls, tickets)
            visitor.ask(server.port)
            resumed = []
            for number in server.failing.sweep(step=1 if name == RIGHT else 4):
                visitor.ask(server.port)
                session = visitor.session
                server.failing.disarm()
                judge(name, visitor.ask(server.port, session=session), ('made', tls, number))
                resumed.append(visitor.resumed)
                server.failing.arm(number, number)
                judge(name, visitor.ask(server.port, session=session), ('used', tls, number))
            assert judge(name, visitor.ask(server.port, session=session), 'sound') == (200 if name == RIGHT else 403)
            assert resumed.count(True) > 5, (name, resumed)
        assert children == server.children(), 'a child ended'


def live(name, path):
    """A policy file for one server, that may be replaced."""
    return copy_of(policy(name, source(path)), f'live-{name}.mtlsp')


@test
def test_out_of_memory_or_descriptors_at_a_start():
    """It is refused, with a reason; or all is well."""
    path = live('start', '/orders/{id}')
    refused = 0
    for number in range(1, 200, 2):  # httpd initialises twice
        server = failing_server(guarded(path))
        server.expect('MTLS0009')  # a server without neighbours goes on, and resumes nothing
        server.failing.arm(number, number)
        try:
            server.start()
        except HarnessError as error:
            assert 'MTLS0002' in str(error), error
            server.remove()
            refused += 1
            continue
        with_failure = server.failing.disarm()[1]
        for name in RIGHT, 'contractor', None:
            assert Visitor(name, '1.3').ask(server.port) == (200 if name == RIGHT else 403), (number, name)
        server.stop()
        server.remove()
        if not with_failure:
            break
    assert refused > 2 and not with_failure, (number, refused)


def statuses_of(server, name):
    visitor = Visitor(name, '1.3')
    return [visitor.ask(server.port, target) for target in ('/orders/7', '/new/7')]


@test
def test_out_of_memory_or_descriptors_at_a_reload():
    """The last good policy stays, or the new one is in force."""
    policies = [open(live(name, path), 'rb').read() for name, path in (('old', '/orders/{id}'), ('fresh', '/new/{id}'))]
    path = live('reloaded', '/orders/{id}')
    with failing_server(guarded(path)) as server:
        server.expect('MTLS0002|MTLS0009')
        kept = 0
        for number in server.failing.sweep():
            install(path, policies[number % 2])
            mark = server.mark()
            server.graceful()
            server.failing.disarm()
            stays = 'the policy loaded before stays in force' in server.log_since(mark)
            kept += stays
            now = statuses_of(server, RIGHT)
            assert now in ([200, 403], [403, 200]), (number, now)
            assert stays or now == ([403, 200] if number % 2 else [200, 403]), (number, now)
            assert statuses_of(server, 'contractor') == [403, 403], number
        assert kept > 3 and not stays, (kept, number)


@test
def test_out_of_memory_or_descriptors_at_a_reload_with_a_new_policy():
    """It is loaded, or its server lets nobody in."""
    with failing_server(guarded(live('first', '/orders/{id}'))) as server:
        server.expect('MTLS0002|MTLS0009')
        server.expect('MTLS0001: deny reason=policy-unavailable')
        refused = 0
        for number in server.failing.sweep():
            server.write_config(guarded(live(f'new-{number}', '/orders/{id}')))
            server.graceful()
            server.failing.disarm()
            now = statuses_of(server, RIGHT)
            refused += now == [500, 500]
            assert now in ([500, 500], [200, 403]), (number, now)
            assert set(statuses_of(server, 'contractor')) <= {403, 500}, number
        assert refused > 5 and now == [200, 403], (refused, number)


# ---------------------------------------------------------------- descriptors, children, slow clients

def greet(port, name, tls='1.3'):
    """A connection after its handshake; None where the server closed it."""
    visitor = Visitor(name, tls)
    try:
        return visitor.context.wrap_socket(socket.create_connection(('127.0.0.1', port), timeout=20), server_hostname=HOST)
    except OSError:
        return None


REQUEST = f'GET /orders/7 HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n'.encode()


def answer_of(connection):
    """The status; None where the connection ended without one."""
    answer = b''
    try:
        while received := connection.recv(65536):
            answer += received
    except OSError:
        pass
    return int(answer.split()[1]) if answer.startswith(b'HTTP/1.1 ') else None


def ask_often(server, name, statuses, until):
    """Notes the statuses of visits that go on until then; None for those that got no answer."""
    visitor = Visitor(name, '1.3')
    while not until.is_set():
        try:
            statuses.append(visitor.ask(server.port))
        except (OSError, IndexError):
            statuses.append(None)


@contextmanager
def under_load(server):
    """Clients come all the time; the right one got in at times, and no other ever."""
    until = threading.Event()
    seen = {name: [] for name in (RIGHT, *WRONG[:3])}
    with ThreadPoolExecutor(len(seen)) as pool:
        visits = [pool.submit(ask_often, server, name, statuses, until) for name, statuses in seen.items()]
        try:
            yield
            wait_until(lambda: seen[RIGHT].count(200) > 3, 30, 'the right client to be let in')
        finally:
            until.set()
    for visit in visits:
        visit.result()
    for name, statuses in seen.items():
        assert set(statuses) <= ({200, None} if name == RIGHT else {403, None}), (name, set(statuses))


def all_is_well(server):
    for name in (RIGHT, *WRONG):
        assert Visitor(name, '1.3').ask(server.port) == (200 if name == RIGHT else 403), name


def with_few_descriptors(server, count):
    wrapper = server.dir / 'httpd'
    wrapper.write_text(f'#!/bin/sh\nulimit -n {count}\nexec {server.program} "$@"\n')
    wrapper.chmod(0o755)
    server.program = str(wrapper)
    return server


@test
def test_out_of_descriptors():
    """A child that cannot take another connection ends; those that hold one are answered rightly, and so is who comes later."""
    path = live('few', '/orders/{id}')
    people()
    with with_few_descriptors(mtls_server(KEEP_ALIVE + guarded(path), files=['orders/7', 'new/7']), 22) as server:
        server.expect('Too many open files')
        all_is_well(server)
        mark = server.mark()
        held = [(name, greet(server.port, name)) for name in (RIGHT, *WRONG) * 20]
        seen = set()
        for name, connection in held:
            if connection is not None:
                connection.sendall(REQUEST)
                seen.add((name == RIGHT, answer_of(connection)))
                connection.close()
        assert (False, 200) not in seen and {(True, 200), (False, 403)} <= seen, seen
        server.wait_log('Too many open files', mark)
        all_is_well(server)
        install(path, open(live('few-new', '/new/{id}'), 'rb').read())
        server.graceful()
        assert statuses_of(server, RIGHT) == [403, 200] and statuses_of(server, 'contractor') == [403, 403]


@test_each((signal.SIGKILL, 'mpm_event'), (signal.SIGSEGV, 'mpm_event'), (signal.SIGKILL, 'mpm_prefork'))
def test_children_that_are_killed(number, mpm):
    with mtls_server(guarded(policy('team', source())), files=['orders/7'], mpm=mpm.removeprefix('mpm_')) as server:
        server.expect('exit signal (Killed|Segmentation fault)')  # as we asked for
        server.expect('AH00288|AH00286|scoreboard')
        people()
        with under_load(server):
            for _ in range(4):
                victim = wait_until(server.answering_child, 20, 'a child to answer')
                os.kill(victim, number)
                wait_until(lambda gone=victim: gone not in server.children(), 20, 'the child to be gone')
                wait_until(lambda gone=victim: server.answering_child() not in (None, gone), 20, 'another child to answer')
        all_is_well(server)


def dribble(connection, data):
    """Byte by byte, each in a packet of its own."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(len(data)):
        connection.sendall(data[i:i + 1])


def shake_hands_slowly(port, name):
    """A TLS connection whose handshake goes out byte by byte."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = Visitor(name, '1.3').context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    plain = socket.create_connection(('127.0.0.1', port), timeout=20)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            dribble(plain, outgoing.read())
            incoming.write(plain.recv(65536))
    dribble(plain, outgoing.read())
    return plain, tls, incoming, outgoing


def ask_slowly(port, name):
    plain, tls, incoming, outgoing = shake_hands_slowly(port, name)
    answer = b''
    for i in range(len(REQUEST)):  # a record for each byte
        tls.write(REQUEST[i:i + 1])
        plain.sendall(outgoing.read())
    with plain:
        while received := plain.recv(65536):
            incoming.write(received)
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                break
    return int(answer.split()[1])


SLOW = '  RequestReadTimeout handshake=1 header=1 body=1\n'
TLS_HEAD = b'\x16\x03\x01\x02\x00\x01\x00'


@test
def test_slow_clients():
    """Those who dribble are judged as others are; those who stop half way are dropped, and others are served meanwhile."""
    with mtls_server(KEEP_ALIVE + guarded(policy('team', source()), SLOW), ['reqtimeout'], ['orders/7', 'large']) as server:
        people()
        all_is_well(server)
        children = server.children()
        half = [socket.create_connection(('127.0.0.1', server.port), timeout=20) for _ in range(60)]
        for i, connection in enumerate(half):
            connection.sendall([b'', TLS_HEAD, b'\x16'][i % 3])
        silent = [connection for connection in (greet(server.port, name) for name in (RIGHT, *WRONG) * 4) if connection]
        for connection in silent:
            connection.sendall(REQUEST[:-2])
        with under_load(server):
            with ThreadPoolExecutor(5) as pool:
                slow = list(pool.map(lambda name: (name, ask_slowly(server.port, name)), (RIGHT, *WRONG)))
            assert slow == [(RIGHT, 200), *((name, 403) for name in WRONG)], slow
            for connection in silent:
                assert answer_of(connection) in (408, None)
                connection.close()
            for i, connection in enumerate(half):
                while i % 3 and connection.recv(4096):  # until the server has had enough; the kernel keeps those without a byte
                    pass
                connection.close()
        all_is_well(server)
        assert children <= server.children(), 'a child ended'


@test
def test_clients_that_do_not_read():
    """They ask for much and take nothing, right ones and wrong ones; then they go away without a word."""
    with mtls_server(KEEP_ALIVE + guarded(policy('team', source())), files=['orders/7', 'orders/8']) as server:
        people()
        with open(server.docroot / 'orders/8', 'wb') as file:
            file.truncate(64 << 20)
        children = server.children()
        many = [connection for connection in (greet(server.port, name) for name in (RIGHT, *WRONG) * 5) if connection]
        for connection in many:
            connection.sendall(REQUEST.replace(b'orders/7', b'orders/8').replace(b'close', b'keep-alive') * 50)
        with under_load(server):
            all_is_well(server)
            for connection in many:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # a reset
                connection.close()
        all_is_well(server)
        assert children <= server.children(), 'a child ended'


if __name__ == '__main__':
    main()
