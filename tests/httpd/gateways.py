# SPDX-License-Identifier: Apache-2.0
"""Backends that speak SCGI, uwsgi, FastCGI and AJP: of each request they record what an application would take its path from."""

import io
import socketserver
import struct
from dataclasses import dataclass, field

from backend import Recorded

NAMES = ('PATH_INFO', 'SCRIPT_NAME', 'SCRIPT_FILENAME', 'REQUEST_URI', 'PATH_TRANSLATED', 'QUERY_STRING')
ANSWER = b'Status: 200 OK\r\nContent-Length: 3\r\n\r\nok\n'


@dataclass
class Variables:
    """One request as it arrived: variables in bytes, nothing decoded."""

    variables: dict = field(default_factory=dict)

    def header(self, name):
        value = self.variables.get('HTTP_' + name.upper().replace('-', '_'))
        return [] if value is None else [value]


class ScgiHandler(socketserver.StreamRequestHandler):
    """https://python.ca/scgi/protocol.txt: a netstring of names and values, each ended by NUL."""

    def handle(self):
        digits = b''
        while (byte := self.rfile.read(1)).isdigit():
            digits += byte
        fields = self.rfile.read(int(digits)).split(b'\0')[:-1]
        self.server.backend.record(Variables({name.decode(): value for name, value in zip(fields[::2], fields[1::2])}))
        self.wfile.write(ANSWER)


class UwsgiHandler(socketserver.StreamRequestHandler):
    """https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html: texts with their lengths before them."""

    def handle(self):
        _, size, _ = struct.unpack('<BHB', self.rfile.read(4))
        data, texts = self.rfile.read(size), []
        while data:
            length, = struct.unpack('<H', data[:2])
            texts.append(data[2:2 + length])
            data = data[2 + length:]
        self.server.backend.record(Variables({name.decode(): value for name, value in zip(texts[::2], texts[1::2])}))
        self.wfile.write(b'HTTP/1.0 200 OK\r\n' + ANSWER)


BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def _pairs(data):
    """The name-value pairs of FastCGI: two lengths of one byte or four, then both texts."""
    found, at = {}, 0
    while at < len(data):
        lengths = []
        for _ in range(2):
            is_long = data[at] >= 0x80
            lengths.append(struct.unpack('>I', data[at:at + 4])[0] & 0x7fffffff if is_long else data[at])
            at += 4 if is_long else 1
        name, at = data[at:at + lengths[0]], at + lengths[0]
        found[name.decode()], at = data[at:at + lengths[1]], at + lengths[1]
    return found


class FcgiHandler(socketserver.StreamRequestHandler):
    """FastCGI 1.0, one request a connection."""

    def handle(self):
        params = b''
        while len(head := self.rfile.read(8)) == 8:
            _, kind, number, length, padding, _ = struct.unpack('>BBHHBB', head)
            content = self.rfile.read(length + padding)[:length]
            params += content if kind == PARAMS else b''
            if kind == STDIN and not content:
                break
        if not head:
            return
        self.server.backend.record(Variables(_pairs(params)))
        for kind, content in ((STDOUT, ANSWER), (STDOUT, b''), (END, bytes(8))):
            self.wfile.write(struct.pack('>BBHHBB', 1, kind, number, len(content), 0, 0) + content)


class AjpHandler(socketserver.StreamRequestHandler):
    """AJP 1.3, as far as it takes to record requests without a body; a connection may bring many."""

    def handle(self):
        while len(head := self.rfile.read(4)) == 4:
            message = io.BytesIO(self.rfile.read(struct.unpack('>HH', head)[1]))
            message.read(2)  # a forwarded request, and its method
            _text(message)
            request = Recorded(b'GET %s AJP' % _text(message))
            for _ in range(3):
                _text(message)
            message.read(3)  # port and whether it came by TLS
            request.headers = [_header(message) for _ in range(struct.unpack('>H', message.read(2))[0])]
            request.line = b'GET %s AJP' % _with_query(request.target, message)
            self.server.backend.record(request)
            for content in (b'\4\0\xc8\0\2OK\0\0\0', b'\5\1'):  # headers, end
                self.wfile.write(b'AB' + struct.pack('>H', len(content)) + content)


def _text(message):
    length, = struct.unpack('>H', message.read(2))
    if length == 0xffff:
        return b''
    text = message.read(length)
    message.read(1)
    return text


def _header(message):
    start = message.read(2)
    if start[0] == 0xa0:  # a name that has a number
        return start, _text(message)
    message.seek(-2, io.SEEK_CUR)
    return _text(message), _text(message)


QUERY, NAMED, KEY_SIZE, LAST = 5, 10, 11, 0xff


def _with_query(path, message):
    """The query is an attribute of its own."""
    query = b''
    while (kind := message.read(1)[0]) != LAST:
        value = message.read(2) if kind == KEY_SIZE else _text(message)
        query = b'?' + value if kind == QUERY else query
        if kind == NAMED:
            _text(message)
    return path + query
