# SPDX-License-Identifier: Apache-2.0
"""Requests: hosts, the path that is judged, and the patterns of routes."""

import re
import socket

from reference_names import is_utf8_without_controls


class Denied(Exception):
    """Leaves the chain of checks at the first one that fails."""

    def __init__(self, reason, rule=None, condition=None):
        super().__init__(reason)
        self.reason = reason
        self.rule = rule
        self.condition = condition


# --- hosts ---------------------------------------------------------------------------------

HOST_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
BRACKETED = re.compile(r"\[([^\]]*)\](:[0-9]*)?")
WITH_PORT = re.compile(r"([^:]*)(:[0-9]*)?")
NO_HOST = ("none", None)


def address_value(family, text: str):
    # inet_pton and not ipaddress: the latter lets zone names ("%eth0") through.
    try:
        return socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


def is_dns_host(text: str) -> bool:
    return len(text) <= 253 and all(HOST_LABEL.fullmatch(label) for label in text.split("."))


def host_key(text: str):
    """A host in lower case without port: addresses by value, IPv4 apart from IPv6; None when it is neither."""
    ipv6 = address_value(socket.AF_INET6, text)
    if ipv6:
        return "ipv6", ipv6
    name = text.removesuffix(".")
    ipv4 = address_value(socket.AF_INET, name)
    if ipv4:
        return "ipv4", ipv4
    return ("dns", name) if is_dns_host(name) else None


def canonical_host(host: str | None):
    """Of a request. Raises Denied for what is no host."""
    if host is None:
        return NO_HOST
    if not host.isascii():  # before lower(): the Kelvin sign lowers to an ASCII "k"
        raise Denied("host-malformed")
    host = host.lower()
    bracketed = BRACKETED.fullmatch(host)
    literal = bracketed.group(1) if bracketed else host
    ipv6 = address_value(socket.AF_INET6, literal)
    plain = WITH_PORT.fullmatch(host)
    if not ipv6 and (bracketed or not plain):
        raise Denied("host-malformed")
    key = ("ipv6", ipv6) if ipv6 else host_key(plain.group(1))
    if key is None:
        raise Denied("host-malformed")
    return key


def listed_host(written: str):
    """Of a route: what canonical_host makes of such a request, or a wildcard of one label."""
    if written == "-":
        return NO_HOST
    if written.startswith("*."):
        return "label", written[2:]
    if written == "*":
        return "any", None
    return host_key(written.lower().removeprefix("[").removesuffix("]"))


def host_in_use(host, hosts: set):
    """Which of all the hosts of a policy a request's host goes to; None for none."""
    if host in hosts:
        return host
    if host == NO_HOST:
        raise Denied("host-missing")
    kind, name = host
    if kind == "dns" and "." in name and ("label", name.partition(".")[2]) in hosts:
        return "label", name.partition(".")[2]
    return ("any", None) if ("any", None) in hosts else None


# --- the path that is judged ---------------------------------------------------------------

ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/#]*(/.*)", re.DOTALL)
ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
FIRST_HEX_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")
SEPARATOR = re.compile(rb"/|\\|%2[Ff]|%5[Cc]")


def raw_path(target: bytes) -> bytes:
    path = target.split(b"?", 1)[0]
    absolute = ABSOLUTE_FORM.fullmatch(path)
    return absolute.group(1) if absolute else path


def decode_escape(match) -> bytes:
    byte = bytes([int(match.group(1), 16)])
    return b"%2F" if byte == b"/" else byte


def decode(raw: bytes) -> bytes:
    """Decodes escapes once; an escaped slash stays, in capitals."""
    return ESCAPE.sub(decode_escape, raw)


def escape_yields_escape(raw: bytes) -> bool:
    # Each %25 is looked at with what follows it decoded, so that %25%34%31 is seen as %41.
    return any(
        match.group() == b"%25" and FIRST_HEX_PAIR.match(decode(raw[match.end():]))
        for match in ESCAPE.finditer(raw)
    )


def pieces(raw: bytes) -> list:
    """Segments, also as a server sees them to which an escaped slash or a backslash is a slash."""
    return [decode(piece) for piece in SEPARATOR.split(raw)]


def without_parameters(piece: bytes) -> bytes:
    """As a server sees it that cuts parameters off."""
    return piece.partition(b";")[0]


def starts_with_dots_and_semicolon(piece: bytes) -> bool:
    before, semicolon, _ = piece.partition(b";")
    return bool(semicolon) and before == b".."


def always_ambiguous(raw: bytes) -> bool:
    """The forms that are refused whichever route they are for."""
    return bool(
        not raw.startswith(b"/")
        or BROKEN_ESCAPE.search(raw)
        or b"#" in raw
        or any(byte > 0x7F for byte in raw)
        or escape_yields_escape(raw)
        or not is_utf8_without_controls(decode(raw))
        or any(starts_with_dots_and_semicolon(piece) for piece in pieces(raw))
    )


def unusual_forms(raw: bytes) -> set:
    """The classes that a route has to expect."""
    segments = raw.split(b"/")[1:]
    escapes = {match.group().upper() for match in ESCAPE.finditer(raw)}
    found = {
        "encoded-slash": b"%2F" in escapes,
        "backslash": b"%5C" in escapes or b"\\" in raw,
        "parameters": b"%3B" in escapes or b";" in raw,
        "empty-segments": any(without_parameters(decode(segment)) == b"" for segment in segments[:-1]),
        "dot-segments": any(without_parameters(piece) in (b".", b"..") for piece in pieces(raw)),
        "percent": b"%25" in escapes,
    }
    return {name for name, there in found.items() if there}


def resolve_dots(segments: list) -> list:
    result = []
    for segment in segments:
        if segment == b".." and result:
            result.pop()
        if segment not in (b".", b".."):
            result.append(segment)
    if segments[-1] in (b".", b".."):  # RFC 3986 5.2.4: "/a/b/.." is "/a/"
        result.append(b"")
    return result


def judged_segments(raw: bytes) -> list:
    segments = [decode(segment) for segment in raw.split(b"/")[1:]]
    kept = [segment for segment in segments[:-1] if segment != b""] + segments[-1:]
    return resolve_dots(kept)


# --- headers -------------------------------------------------------------------------------

OVERRIDES = {"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"}
PREFLIGHT = {"origin", "access-control-request-method"}


def header_names(request) -> set:
    return {name.lower() for name, _ in request.headers}


def is_preflight(request) -> bool:
    return request.method == "OPTIONS" and PREFLIGHT <= header_names(request)


def overrides_method(request) -> bool:
    return bool(OVERRIDES & {name.replace("_", "-") for name in header_names(request)})


# --- patterns ------------------------------------------------------------------------------

END, LITERAL, UUID, INT, HEX, ONE, REST = range(7)  # in the order of specificity
NARROWED = {"uuid": UUID, "int": INT, "hex": HEX}
TAKES = {
    UUID: re.compile(rb"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    INT: re.compile(rb"[0-9]{1,19}"),
    HEX: re.compile(rb"[0-9A-Fa-f]{1,128}"),
    ONE: re.compile(rb".+", re.DOTALL),
}


def pattern_segments(pattern: str) -> list:
    """A pattern as a list of (kind, bytes); what captures are called does not matter."""
    result = []
    for segment in pattern.split("/")[1:]:
        if segment == "**":
            result.append((REST, b""))
        elif segment == "*" or segment.startswith("{"):
            result.append((NARROWED.get(segment.rstrip("}").partition(":")[2], ONE), b""))
        else:
            result.append((LITERAL, segment.encode("utf-8")))
    return result


def matches(pattern: list, path: list) -> bool:
    if not pattern:
        return not path
    kind, literal = pattern[0]
    if kind == REST:
        return True
    if not path:
        return False
    fits = path[0] == literal if kind == LITERAL else bool(TAKES[kind].fullmatch(path[0]))
    return fits and matches(pattern[1:], path[1:])


def specificity(pattern: list) -> list:
    """Sorts the more specific pattern first among those that match one path."""
    return [kind for kind, _ in pattern] + [END]


def captures_of(pattern: str, path: list) -> dict:
    """What the captures of a pattern hold, for a path that it matches."""
    return {part[1:-1].partition(":")[0]: held
            for part, held in zip(pattern.split("/")[1:], path) if part.startswith("{")}


def claims_method(route: dict, method: str) -> bool:
    methods = route["methods"]
    return method in methods or "*" in methods or (method == "HEAD" and "GET" in methods)
