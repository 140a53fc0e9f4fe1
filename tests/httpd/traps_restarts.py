#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What restarts leave behind in the parent, what they do to requests under way, and what a start does twice."""

import ctypes
import functools
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from harness import HOLD, Held, Server, Skip, client, main, policy_tool, test, tool, vhost, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'perf'))
import sized_policy  # noqa: E402
from backend import Backend  # noqa: E402
from building import build_module, compiler  # noqa: E402
from load import FILES, PATHS, Load, check, configuration, turns  # noqa: E402
from policies import REQUIRE, document, guarded, install, mtls_server, pki, policy  # noqa: E402

# One child of few threads, so that a restart takes no longer than it must.
SMALL = 'StartServers 1\nThreadsPerChild 4\nMinSpareThreads 1\nMaxSpareThreads 64\nMaxRequestWorkers 64\n'
RESUMED = 'resuming normal operations'


@test
def restarts_under_load_fail_no_request():
    """20 of them in 20 seconds or more, with 500 requests or more in each second that it takes at least."""
    path, files = pki().path('loaded.mtlsp'), turns()
    install(path, files['A'])
    with mtls_server(configuration(path), ['headers'], FILES) as server:
        with Load(server) as load:
            for turn in range(20):
                load.wait_for(500, seconds=turn + 1)
                name = 'BA'[turn % 2]
                install(path, files[name])
                server.graceful()
                load.check_decides(name)
            load.wait_for(500)
        count = sum(load.told.values())
        print(f'# {count} requests on {load.connections} connections, {count / load.seconds:.0f} a second through 20 restarts')


# ---------------------------------------------------------------- 27: nothing that is gone is looked at

def sanitizer():
    """The runtime of AddressSanitizer, which httpd needs first where only the module is made for it."""
    if not shutil.which(compiler()):
        raise Skip('there is no compiler')
    path = subprocess.run([compiler(), '-print-file-name=libasan.so'], capture_output=True, text=True, check=True).stdout.strip()
    if not os.path.isabs(path):
        raise Skip('this compiler brings no libasan')
    return os.path.realpath(path)


@functools.cache
def sanitized_module():
    folder = tempfile.TemporaryDirectory(prefix='mtls-sanitized-')
    os.chmod(folder.name, 0o755)
    sanitized_module.keep_alive = folder
    path = Path(folder.name) / 'mod_mtls_authz.so'
    sources = os.environ.get('MTLS_SOURCES') or Path(__file__).resolve().parents[2]
    build_module(sources, path, '-O0', '-fsanitize=address')
    return path


@test
def trap_27_what_is_kept_points_at_nothing_that_is_gone():
    """Memory of the last configuration and the place of the last module are never used again: see tools/forgetful.c."""
    runtime, module = sanitizer(), sanitized_module()
    path, files = pki().path('kept.mtlsp'), turns()
    install(path, files['A'])
    env = {'LD_PRELOAD': f'{runtime} {tool(".libs/forgetful.so")}', 'FORGETFUL': str(module),
           'ASAN_OPTIONS': 'detect_leaks=0:handle_segv=2'}  # httpd takes over SIGSEGV
    server = mtls_server(SMALL + configuration(path), ['headers'], FILES, env=env)
    server.module = module
    with server:
        server.expect('MTLS0002')
        assert str(module) in Path(f'/proc/{server.pid}/maps').read_text()
        name = 'A'
        with Load(server, ['1.1', '2'], pause_s=0.01) as load:
            for turn in range(50):
                load.wait_for(10)
                is_bad = turn % 5 == 3
                name = name if is_bad else 'AB'[turn % 2]
                install(path, b'bad' if is_bad else files[name])
                filler = 'x' * (turn * 97)  # so that nothing lies where it did
                server.write_config(f'{SMALL}Define FILLER {filler}\n{configuration(path)}')
                mark = server.mark()
                server.graceful(probe=False)
                check_lines(server.log_since(mark), path, name, is_bad)
            server.graceful()
            load.check_decides(name)
        assert server.log_since().count('forgetful: ') >= 50


def check_lines(said, path, name, is_bad):
    lines = [line.partition('] MTLS')[2] for line in said.splitlines() if '] MTLS' in line]
    kept = f'0002: MtlsPolicyFile: {path} is not a compiled policy, or only a part of one; compile it again: ' \
           'mtls-policy compile SOURCE -o FILE; the policy loaded before stays in force'
    in_force = re.compile(rf'0007: virtual host api.example: policy {name.lower()} serial 5 digest [0-9a-f]{{64}}: '
                          '2 issuers, 3 identities, 3 groups, 2 routes, 2 rules')
    assert lines[:-1] == ([kept] if is_bad else []) and in_force.fullmatch(lines[-1]), lines


# ---------------------------------------------------------------- 28: the parent does not grow

MANY = 20  # small policies beside the large one, so that what stays of each adds up


def many(body=''):
    return ''.join(f"""
<VirtualHost 127.0.0.1:${{PORT2}}>
  ServerName host-{number}.example
{body.format(number)}
</VirtualHost>
""" for number in range(MANY))


def large_policies():
    """Two of 10,000 identities and 1,000 routes."""
    for name in 'large-a', 'large-b':
        source = Path(pki().path(f'{name}.json'))
        source.write_text(json.dumps({**sized_policy.document(10_000, 1_000, 'corp.crt'), 'name': name}))
        image = source.with_suffix('.mtlsp')
        subprocess.run([policy_tool(), 'compile', source, '-o', image], check=True, stdout=subprocess.DEVNULL)
        yield image.read_bytes()


def memory_kb(pid):
    """(anonymous memory, address space) of a process.

    Anonymous memory is what it allocated and touched. Unlike Pss and the private figures it does not depend on which of
    its children still share a page, nor, like Rss, on which pages of programs and libraries happen to be there.
    """
    anonymous = re.search(r'^Anonymous: +(\d+) kB', Path(f'/proc/{pid}/smaps_rollup').read_text(), re.M)[1]
    size = re.search(r'^VmSize:\s+(\d+) kB', Path(f'/proc/{pid}/status').read_text(), re.M)[1]
    return int(anonymous), int(size)


def growth(server, before):
    """How much the parent has grown from restart 5 to 200; `before` is called before each."""
    with server:
        server.expect('MTLS0002')
        for turn in range(1, 201):
            before(turn)
            mark = server.mark()
            os.kill(server.pid, signal.SIGUSR1)
            server.wait_log(RESUMED, mark)
            if turn == 5:
                first = memory_kb(server.pid)
        return [last - then for last, then in zip(memory_kb(server.pid), first)]


@test
def trap_28_the_parent_does_not_grow():
    path, files = pki().path('large.mtlsp'), list(large_policies())
    install(path, files[0])
    tiny = turns()['A']
    for number in range(MANY):
        install(pki().path(f'small-{number}.mtlsp'), tiny)
    small = many(f'  MtlsPolicyFile "{pki().path("small-{}.mtlsp")}"\n{REQUIRE}')

    def put(turn):
        install(path, b'bad' if turn % 10 == 9 else files[turn % 2])

    with ThreadPoolExecutor(2) as pool:
        bare = pool.submit(growth, Server(config=SMALL + vhost(pki(), cert='hosts') + many(), ports=2), lambda _: None)
        ours = growth(mtls_server(SMALL + guarded(path) + small, ports=2), put)
        bare = bare.result()
    print(f'# grown in 195 restarts (anonymous memory, address space): {ours} kB; without the module: {bare} kB')
    assert ours[0] <= 256 and ours[0] - bare[0] <= 64 and ours[1] <= 1024, (ours, bare)


# ---------------------------------------------------------------- 30: what a start does twice

IN_OPEN, IN_CREATE = 0x20, 0x100


@contextmanager
def opened(*folders):
    """A list that will name each file that is made or opened in these folders, as often as it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    for folder in folders:
        # Reads and closings are watched too: the same event twice in a row would be told once.
        if libc.inotify_add_watch(handle, os.fsencode(str(folder)), 0xFFF) < 0:
            raise OSError(ctypes.get_errno(), 'inotify')
    names = []
    try:
        yield names
        data = b''.join(iter(lambda: read_events(handle), b''))
        while data:
            _, mask, _, length = struct.unpack_from('iIII', data)
            name = data[16:16 + length].rstrip(b'\0').decode()
            names += [name] * bool(mask & IN_OPEN)
            data = data[16 + length:]
    finally:
        os.close(handle)


def read_events(handle):
    try:
        return os.read(handle, 1 << 16)
    except BlockingIOError:
        return b''


def started(config, modules, *folders):
    """What a start opens, and what the parent holds after it: (names of files, open files, shared memory)."""
    server = Server(config=config, modules=modules)
    with opened(server.dir, *folders) as names:
        server.start()
    try:
        parent = Path(f'/proc/{server.pid}')
        files = sorted(os.readlink(place).replace(str(server.dir), '') for place in (parent / 'fd').iterdir())
        maps = [line.split(None, 5) for line in (parent / 'maps').read_text().splitlines()]
        shared = sorted(fields[5].replace(str(server.dir), '') for fields in maps if fields[1].endswith('s'))
    finally:
        server.stop()
    server.remove()
    return names, [re.sub(r'\d+', 'N', name) for name in files], shared


@test
def trap_30_a_start_reads_each_policy_once():
    """And opens no log twice and has no shared memory, as counted against a server without the module."""
    folder = Path(pki().path('counted'))
    folder.mkdir()
    folder.chmod(0o755)
    for name, host in ('one', 'api.example'), ('two', 'b.example'):
        install(folder / f'{name}.mtlsp', Path(policy(name, document(hosts=(host,)))).read_bytes())
    hosts = ('one', 'api.example'), ('two', 'b.example'), ('two', 'c.example')
    config = ''.join(guarded(folder / f'{name}.mtlsp', name=host) for name, host in hosts)
    bare = ''.join(vhost(pki(), name=host, cert='hosts') for _, host in hosts)
    names, files, shared = started(config, ['mtls_authz'], folder)
    assert sorted(name for name in names if 'mtlsp' in name) == ['one.mtlsp', 'two.mtlsp'], names
    bare_names, bare_files, bare_shared = started(bare, [], folder)
    for log in 'error.log', 'access.log':
        assert names.count(log) == bare_names.count(log) > 0, (log, names, bare_names)
    assert files == bare_files and shared == bare_shared and shared, (files, bare_files, shared, bare_shared)


# ---------------------------------------------------------------- 36: who began with the old policy ends with it

def connect(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(pki()['billing'].chain, pki()['billing'].key)
    plain = socket.create_connection(('127.0.0.1', server.port), timeout=30)
    return context.wrap_socket(plain, server_hostname='api.example')


def read_response(s):
    """(status, policy) of the next answer."""
    data = b''
    while b'\r\n\r\n' not in data:
        data += (received := s.recv(65536))
        assert received, data
    head, _, body = data.partition(b'\r\n\r\n')
    length = int(re.search(rb'(?i)content-length: *(\d+)', head)[1])
    while len(body) < length:
        body += s.recv(65536)
    return int(head.split()[1]), re.search(rb'(?i)x-policy: *(\w)', head)[1].decode().upper()


def swap(server, path, data, name):
    """Reloads with other policy; from then on it decides new connections."""
    install(path, data)
    server.graceful()
    for http in '1.1', '2':
        result = client(server, pki()['billing'], http, requests=PATHS.values(), headers=['X-Policy'], body=True)
        assert check(result, PATHS.values())[name] == 2, result


def wait_taken(server, s):
    """Waits until the server has read all that was sent on this connection."""
    ends = f'0100007F:{server.port:04X}', f'0100007F:{s.getsockname()[1]:04X}'

    def is_taken():
        rows = [line.split() for line in Path('/proc/net/tcp').read_text().splitlines()[1:]]
        return [row[4].split(':')[1] for row in rows if (row[1], row[2]) == ends] == ['00000000']
    wait_until(is_taken, 30, 'the request to be read')


@test
def trap_36_a_request_that_came_in_part_before_the_reload():
    """HTTP/1.1, kept alive: the child that has its first line decides it, by its own policy, and says so."""
    path, files = pki().path('begun.mtlsp'), turns()
    install(path, files['A'])
    with mtls_server(configuration(path), ['headers'], FILES) as server:
        for asked, status in ('/a', 200), ('/b', 403):
            with connect(server) as s:
                s.sendall(b'GET /a HTTP/1.1\r\nHost: api.example\r\n\r\n')
                assert read_response(s) == (200, 'A')
                s.sendall(f'GET {asked} HTTP/1.1\r\n'.encode())
                wait_taken(server, s)
                swap(server, path, files['B'], 'B')
                s.sendall(b'Host: api.example\r\n\r\n')
                assert read_response(s) == (status, 'A'), asked
                assert s.recv(1) == b'', 'a child that ends keeps no connection'
            swap(server, path, files['A'], 'A')


@test
def trap_36_streams_of_a_connection_held_across_the_reload():
    """HTTP/2: one waits for its answer meanwhile. The server refuses those that begin later, so that they may be sent again.

    On a busy machine mod_http2 now and then closes the connection without any answer; that shows nothing, and is done again.
    """
    requests = ['/a', '/b', HOLD, '/a', '/b']
    for _ in range(5):
        result = hold_streams(requests)
        told = check(result, [path for path in requests if path is not HOLD])
        assert told['B'] == 0, (told, result)
        if told['A'] >= 2:
            return
    raise AssertionError((told, result))


def hold_streams(requests):
    path, files, gate = pki().path('held.mtlsp'), turns(), threading.Event()
    install(path, files['A'])

    def respond(request):
        assert gate.wait(60)
        return '200 OK', b'a\n'

    with Backend(respond) as backend:
        proxy = f'  ProxyPass "/a" "http://127.0.0.1:{backend.port}/a"\n'
        with mtls_server(configuration(path, proxy), ['headers', 'proxy', 'proxy_http'], FILES) as server:
            with Held(server, pki()['billing'], requests, http='2', parallel=True, headers=['X-Policy'], body=True) as held:
                backend.wait(1)
                install(path, files['B'])
                server.graceful()
                assert client(server, pki()['billing'], http='2', requests=['/a', '/b']).statuses == [403, 200]
                held.open_gate()
                gate.set()
                return held.release()


if __name__ == '__main__':
    main()
