# SPDX-License-Identifier: Apache-2.0
"""A slow, obvious interpreter of policy documents, written from docs/POLICY.md alone.

It never ships. Its only use is to disagree with the engine when one of the two is wrong, so it
prefers the plainest way of saying a rule over a fast one. It expects a document that compiles.
"""

import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Request:
    """What the client asked for; `target` is the request target byte for byte."""

    method: str
    target: bytes
    host: str | None = None
    tls: bool = True


@dataclass(frozen=True)
class Certificate:
    """What TLS knows of the client. `path` holds the CA labels above the leaf, nearest first."""

    verified: bool = True
    path: list = field(default_factory=list)
    uri: list = field(default_factory=list)
    dns: list = field(default_factory=list)
    cn: list = field(default_factory=list)
    not_before: int = 0
    not_after: int = 0


@dataclass(frozen=True)
class Decision:
    decision: str
    reason: str
    rule: str | None = None
    route: str | None = None
    identity: str | None = None
    issuer: str | None = None


class Denied(Exception):
    """Leaves the chain of checks at the first one that fails."""

    def __init__(self, reason, rule=None):
        super().__init__(reason)
        self.reason = reason
        self.rule = rule


# --- small things every part needs ---------------------------------------------------------


def byte_order(name: str) -> bytes:
    return name.encode("utf-8")


def lowest(names):
    return min(names, key=byte_order)


def has_control(text: str) -> bool:
    """Unicode's control characters: C0, DELETE and C1."""
    return any(unicodedata.category(char) == "Cc" for char in text)


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", re.ASCII)


def parse_time(text: str) -> int:
    if not TIME.fullmatch(text):
        raise ValueError(f"not a time: {text!r}")
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


# --- hosts ---------------------------------------------------------------------------------

HOST_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
BRACKETED = re.compile(r"\[([^\]]*)\](:[0-9]*)?")
WITH_PORT = re.compile(r"([^:]*)(:[0-9]*)?")


def is_ipv6(text: str) -> bool:
    # inet_pton and not ipaddress: the latter lets zone names ("%eth0") through.
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return False
    return True


def is_dns_host(text: str) -> bool:
    # IPv4 literals need no rule of their own: they have the form of DNS names.
    return len(text) <= 253 and all(HOST_LABEL.fullmatch(label) for label in text.split("."))


def canonical_host(host: str | None) -> str:
    if host is None:
        raise Denied("host-missing")
    if not host.isascii():  # before lower(): the Kelvin sign lowers to an ASCII "k"
        raise Denied("host-malformed")
    host = host.lower()
    bracketed = BRACKETED.fullmatch(host)
    literal = bracketed.group(1) if bracketed else host
    if is_ipv6(literal):
        return literal
    plain = WITH_PORT.fullmatch(host)
    if bracketed or not plain:
        raise Denied("host-malformed")
    name = plain.group(1).removesuffix(".")
    if not is_dns_host(name):
        raise Denied("host-malformed")
    return name


# --- the path that is judged ---------------------------------------------------------------

ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/]*(/.*)", re.DOTALL)
ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
FIRST_HEX_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")


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


def starts_with_dots_and_semicolon(segment: bytes) -> bool:
    before, semicolon, _ = decode(segment).partition(b";")
    return bool(semicolon) and before == b".."


def is_utf8_without_controls(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not has_control(text)


def always_ambiguous(raw: bytes) -> bool:
    """The forms that are refused whichever route they are for."""
    return bool(
        not raw.startswith(b"/")
        or BROKEN_ESCAPE.search(raw)
        or b"#" in raw
        or any(byte > 0x7F for byte in raw)
        or escape_yields_escape(raw)
        or not is_utf8_without_controls(decode(raw))
        or any(starts_with_dots_and_semicolon(segment) for segment in raw.split(b"/"))
    )


def unexpected_by_any_route(raw: bytes) -> bool:
    """The forms that are refused because no route can expect them yet."""
    segments = raw.split(b"/")[1:]
    escapes = {match.group().upper() for match in ESCAPE.finditer(raw)}
    return bool(
        escapes & {b"%2F", b"%5C", b"%25", b"%3B"}
        or b"\\" in raw
        or b";" in raw
        or b"" in segments[:-1]
        or any(decode(segment) in (b".", b"..") for segment in segments)
    )


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


# --- patterns ------------------------------------------------------------------------------

END, LITERAL, ONE, REST = range(4)  # in the order of specificity


def pattern_segments(pattern: str) -> list:
    """A pattern as a list of (kind, bytes); what captures are called does not matter."""
    result = []
    for segment in pattern.split("/")[1:]:
        if segment == "**":
            result.append((REST, b""))
        elif segment == "*" or segment.startswith("{"):
            result.append((ONE, b""))
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
    fits = path[0] == literal if kind == LITERAL else path[0] != b""
    return fits and matches(pattern[1:], path[1:])


def specificity(pattern: list) -> list:
    """Sorts the more specific pattern first among those that match one path."""
    return [kind for kind, _ in pattern] + [END]


def claims_method(route: dict, method: str) -> bool:
    methods = route["methods"]
    return method in methods or "*" in methods or (method == "HEAD" and "GET" in methods)


# --- names in certificates -----------------------------------------------------------------

SPIFFE = re.compile(rb"spiffe://[a-z0-9._-]{1,255}((?:/[A-Za-z0-9._-]+)+)")
URI = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]*")
DNS_LABEL = re.compile(rb"[A-Za-z0-9_-]{1,63}")


def well_formed_spiffe(name: bytes) -> bool:
    match = SPIFFE.fullmatch(name)
    if not match or len(name) > 2048:
        return False
    return not {b".", b".."} & set(match.group(1).split(b"/"))


def well_formed_uri(name: bytes) -> bool:
    return len(name) <= 2048 and bool(URI.fullmatch(name))


def well_formed_dns(name: bytes) -> bool:
    name = name.removesuffix(b".")
    return len(name) <= 253 and all(DNS_LABEL.fullmatch(label) for label in name.split(b"."))


def well_formed_cn(name: bytes) -> bool:
    return 1 <= len(name) <= 256 and is_utf8_without_controls(name)


WELL_FORMED = {
    "spiffe": well_formed_spiffe,
    "uri": well_formed_uri,
    "dns": well_formed_dns,
    "cn": well_formed_cn,
}


def names_of_kind(client: Certificate, kind: str) -> list:
    return {"spiffe": client.uri, "uri": client.uri, "dns": client.dns, "cn": client.cn}[kind]


def comparable(kind: str, name: bytes) -> bytes:
    return name.lower().removesuffix(b".") if kind == "dns" else name


def only_name(client: Certificate, kind: str) -> bytes:
    names = names_of_kind(client, kind)
    if not names:
        raise Denied("name-missing")
    if len(names) > 1:
        raise Denied("name-ambiguous")
    if not WELL_FORMED[kind](names[0]):
        raise Denied("name-malformed")
    return comparable(kind, names[0])


# --- conditions: True, False, or None for "cannot be judged" --------------------------------


def parse_address(text: str | None):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def parse_network(text: str):
    network = ipaddress.ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped and network.prefixlen >= 96:
        return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network


def in_networks(networks: list, address: str | None):
    parsed = parse_address(address)
    if parsed is None:
        return None
    return any(parsed in parse_network(network) for network in networks)


def conditions(rule: dict, now: int | None, address: str | None) -> list:
    result = []
    if "networks" in rule:
        result.append(in_networks(rule["networks"], address))
    if "valid_from" in rule:
        result.append(None if now is None else now >= parse_time(rule["valid_from"]))
    if "valid_until" in rule:
        result.append(None if now is None else now < parse_time(rule["valid_until"]))
    return result


def holds(rule: dict, now: int | None, address: str | None):
    results = conditions(rule, now, address)
    if False in results:
        return False
    return None if None in results else True


# --- the policy ----------------------------------------------------------------------------


class Policy:
    """One policy document; issuer_keys says which CA labels belong to each issuer."""

    def __init__(self, document: dict, issuer_keys: dict):
        self.document = document
        self.issuer_keys = issuer_keys
        self.issuers = document.get("issuers", {})
        self.identities = document.get("identities", {})
        self.groups = document.get("groups", {})
        self.routes = document.get("routes", {})
        self.rules = document.get("rules", {})

    def decide(self, request, client, now, address) -> Decision:
        found = {"route": None, "issuer": None, "identity": None}
        try:
            rule = self.check(request, client, now, address, found)
        except Denied as denied:
            return Decision("deny", denied.reason, denied.rule, **found)
        return Decision("allow", "allowed", rule, **found)

    def check(self, request, client, now, address, found) -> str:
        """Returns the rule that allows, or raises Denied; notes in `found` what is known by then."""
        self.check_policy_time(now)
        found["route"] = self.route_of(request)
        if unexpected_by_any_route(raw_path(request.target)):
            raise Denied("ambiguous-path")
        rule = self.everyone_rule(found["route"], now, address)
        if rule is not None:
            return rule
        self.check_certificate(request, client)
        found["issuer"] = self.issuer_of(client)
        self.check_dates(client, now)
        identities = self.identities_of(client, found["issuer"])
        found["identity"] = lowest(identities)
        return self.judge(identities, found["route"], now, address)

    def check_policy_time(self, now):
        if "valid_until" not in self.document:
            return
        if now is None:
            raise Denied("internal-error")
        if now >= parse_time(self.document["valid_until"]):
            raise Denied("policy-expired")

    # From request to route.

    def route_of(self, request) -> str:
        if request.method in ("CONNECT", "TRACE"):
            raise Denied("method-unsupported")
        if request.method == "OPTIONS" and request.target == b"*":
            raise Denied("method-unsupported")
        host = canonical_host(request.host)
        raw = raw_path(request.target)
        if always_ambiguous(raw):
            raise Denied("ambiguous-path")
        routes = self.routes_on_host(host)
        pattern = self.most_specific(routes, judged_segments(raw))
        return self.route_with_method(routes, pattern, request.method)

    def routes_on_host(self, host: str) -> list:
        known = any(host in route["hosts"] for route in self.routes.values())
        wanted = host if known else "*"
        return [name for name, route in self.routes.items() if wanted in route["hosts"]]

    def patterns(self, name: str) -> list:
        return [pattern_segments(path) for path in self.routes[name]["paths"]]

    def most_specific(self, routes: list, path: list) -> list:
        found = [p for name in routes for p in self.patterns(name) if matches(p, path)]
        if not found:
            raise Denied("route-unknown")
        return min(found, key=specificity)

    def route_with_method(self, routes: list, pattern: list, method: str) -> str:
        for name in routes:
            if pattern in self.patterns(name) and claims_method(self.routes[name], method):
                return name
        raise Denied("method-not-on-route")

    # From certificate to identities.

    def check_certificate(self, request, client):
        if not request.tls:
            raise Denied("tls-absent")
        if client is None:
            raise Denied("no-certificate")
        if not client.verified:
            raise Denied("certificate-not-verified")

    def issuer_of(self, client) -> str:
        for label in client.path:
            for issuer in self.issuers:
                if label in self.issuer_keys.get(issuer, ()):
                    return issuer
        raise Denied("issuer-unknown")

    def check_dates(self, client, now):
        if now is None:
            raise Denied("internal-error")
        if now > client.not_after:
            raise Denied("certificate-expired")
        if now < client.not_before:
            raise Denied("certificate-not-yet-valid")

    def identities_of(self, client, issuer: str) -> set:
        kind = self.issuers[issuer]["names"][0]
        name = only_name(client, kind)
        result = {
            identity
            for identity, definition in self.identities.items()
            if definition["issuer"] == issuer
            and comparable(kind, definition[kind].encode("utf-8")) == name
        }
        if not result:
            raise Denied("identity-unknown")
        return result

    # From identities and route to a decision.

    def group_members(self, group: str) -> set:
        result = set()
        for member in self.groups[group]:
            result |= self.group_members(member[1:]) if member.startswith("@") else {member}
        return result

    def names_client(self, rule: dict, identities: set) -> bool:
        for subject in rule["subjects"]:
            if subject == "everyone" or subject in identities:
                return True
            if subject.startswith("@") and self.group_members(subject[1:]) & identities:
                return True
        return False

    def names_route(self, rule: dict, route: str) -> bool:
        tags = self.routes[route].get("tags", [])
        wanted = {route} | {f"tag:{tag}" for tag in tags}
        if wanted & set(rule["routes"]):
            return True
        if "*" not in rule["routes"]:
            return False
        return rule["effect"] == "allow" or not self.open_to_everyone(route)

    def open_to_everyone(self, route: str) -> bool:
        # Whatever the conditions of that rule: what a deny covers must not change with the time.
        return bool(self.everyone_rules(route))

    def everyone_rules(self, route: str) -> list:
        return [
            name
            for name, rule in self.rules.items()
            if "everyone" in rule["subjects"] and self.names_route(rule, route)
        ]

    def everyone_rule(self, route: str, now, address):
        rules = self.everyone_rules(route)
        applying = [name for name in rules if holds(self.rules[name], now, address) is True]
        return lowest(applying) if applying else None

    def judge(self, identities: set, route: str, now, address) -> str:
        """The last stage: the order of the reasons is the order of the lines."""
        naming = {
            name: (rule["effect"], holds(rule, now, address))
            for name, rule in self.rules.items()
            if self.names_client(rule, identities) and self.names_route(rule, route)
        }

        def first(effect, state):
            names = [name for name, verdict in naming.items() if verdict == (effect, state)]
            return lowest(names) if names else None

        self.deny_if(first("deny", True), "denied-by-rule")
        self.deny_if(first("deny", None), "indeterminate")
        allowing = first("allow", True)
        if allowing is not None:
            return allowing
        self.deny_if(first("allow", None), "indeterminate")
        self.deny_if(first("allow", False), "condition-not-met")
        raise Denied("no-rule")

    @staticmethod
    def deny_if(rule, reason: str):
        if rule is not None:
            raise Denied(reason, rule)
