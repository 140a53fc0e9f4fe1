# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 server on 127.0.0.1 that records what a proxy sends it, byte for byte. To WebSockets it is an echo."""

import base64
import hashlib
import socket
import socketserver
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Recorded:
    """One request as it arrived; nothing is decoded, folded or lower-cased."""

    line: bytes
    headers: list = field(default_factory=list)  # (name, value) in bytes, in order
    body: bytes = b''

    @property
    def target(self):
        return self.line.split(b' ')[1]

    def header(self, name):
        """The values of every header of that name."""
        wanted = name.lower().encode()
        return [value for key, value in self.headers if key.lower() == wanted]


def _read_head(stream):
    line = stream.readline(65536)
    if not line.endswith(b'\n'):
        return None
    request = Recorded(line.rstrip(b'\r\n'))
    for raw in iter(lambda: stream.readline(65536).rstrip(b'\r\n'), b''):
        name, _, value = raw.partition(b':')
        request.headers.append((name, value.strip(b' \t')))
    return request


def _read_chunks(stream):
    body = b''
    while size := int(stream.readline().split(b';')[0], 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return body


def _read_body(stream, request):
    if request.header('transfer-encoding'):
        return _read_chunks(stream)
    length = request.header('content-length')
    return stream.read(int(length[0])) if length else b''


TEXT, CLOSE = 1, 8  # RFC 6455 section 11.8
_GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


def frame(opcode, data=b'', mask=b''):
    """A WebSocket frame of less than 126 bytes, masked as a client must, or not, as a server must not (RFC 6455 section 5.2)."""
    shown = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)) if mask else data
    return bytes([0x80 | opcode, (0x80 if mask else 0) | len(data)]) + mask + shown


def _read_frame(stream):
    """(opcode, data) of a client's frame; CLOSE where the stream has ended."""
    head = stream.read(6)
    if len(head) < 6:
        return CLOSE, b''
    masked = stream.read(head[1] & 0x7F)
    return head[0] & 0x0F, bytes(byte ^ head[2 + i % 4] for i, byte in enumerate(masked))


class HttpHandler(socketserver.StreamRequestHandler):
    def handle(self):
        while (request := _read_head(self.rfile)) is not None:
            request.body = _read_body(self.rfile, request)
            self.server.backend.record(request)
            if request.header('upgrade') == [b'websocket']:
                return self.echo(request.header('sec-websocket-key')[0])
            self.wfile.write(self.server.backend.answer(request))
            if request.header('connection') == [b'close']:
                break
        return None

    def echo(self, key):
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        self.wfile.write(f'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n'.encode())
        opcode = TEXT
        while opcode != CLOSE:
            opcode, data = _read_frame(self.rfile)
            self.wfile.write(frame(opcode, data))


class _TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128  # a hundred streams may come at once

    def handle_error(self, request, client_address):
        """A proxy that drops its connection is no news; a test looks at what was recorded."""


class _UnixServer(_TcpServer):
    address_family = socket.AF_UNIX

    def get_request(self):
        return self.socket.accept()[0], ('unix', 0)


class Backend:
    """Use as a context manager; `port` is where it listens, `requests` what it got so far.

    respond: called with a Recorded, returns (status line text, body); default 200 and the target
    handler: what reads its requests, where it speaks something else than HTTP (gateways.py)
    path:    where to listen instead of a port
    """

    def __init__(self, respond=None, handler=HttpHandler, path=None):
        self._respond = respond or (lambda request: ('200 OK', request.target))
        self._lock = threading.Lock()
        self._requests = []
        self._server = _UnixServer(path, handler) if path else _TcpServer(('127.0.0.1', 0), handler)
        self._server.backend = self
        self.port = None if path else self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def record(self, request):
        with self._lock:
            self._requests.append(request)

    def answer(self, request):
        status, body = self._respond(request)
        sent = b'' if request.line.startswith(b'HEAD ') else body
        return f'HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + sent

    @property
    def requests(self):
        with self._lock:
            return list(self._requests)

    def clear(self):
        with self._lock:
            self._requests.clear()

    def wait(self, count, timeout_s=10):
        """Waits until that many requests were recorded and returns them."""
        deadline = time.monotonic() + timeout_s
        while len(self.requests) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f'the backend got {len(self.requests)} requests, not {count}')
            time.sleep(0.01)
        return self.requests
