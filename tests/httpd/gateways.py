# SPDX-License-Identifier: Apache-2.0
"""Backends that speak SCGI and FastCGI: of each request they record what an application would take its path from."""

import socketserver
import struct
from dataclasses import dataclass, field

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
