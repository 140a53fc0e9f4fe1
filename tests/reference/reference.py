# SPDX-License-Identifier: Apache-2.0
"""A slow, obvious interpreter of policy documents, written from docs/POLICY.md alone.

It never ships. Its only use is to disagree with the engine when one of the two is wrong, so it
prefers the plainest way of saying a rule over a fast one. It expects a document that compiles.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import datetime

import reference_names as names
import reference_requests as requests
from reference_requests import Denied


@dataclass(frozen=True)
class Request:
    """What the client asked for; `target` is the request target byte for byte.

    `tls` is "present", "absent", or "unavailable" where nobody can look at the certificate; `user` is whom
    another module authenticated. `arrival` is "client" for the client's own path, "later" for a path that the
    server went on to from an allowed one, "error" for an error page.
    """

    method: str
    target: bytes
    host: str | None = None
    tls: str = "present"
    headers: tuple = ()
    user: str | None = None
    arrival: str = "client"


@dataclass(frozen=True)
class Certificate:
    """What TLS knows of the client. `path` holds the CA labels above the leaf, nearest first, or None where it
    is not known. A value of the subject, and a UPN, is UTF-8 or, when it is no text, None."""

    verified: bool = True
    readable: bool = True
    path: list | None = field(default_factory=list)
    uri: list = field(default_factory=list)
    dns: list = field(default_factory=list)
    email: list = field(default_factory=list)
    upn: list = field(default_factory=list)
    subject: list = field(default_factory=list)  # RDNs, each a list of (OID, value)
    digests: dict = field(default_factory=dict)  # "certificate" and "spki" to SHA-256 in lower-case hex
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
    condition: str | None = None


# --- small things every part needs ---------------------------------------------------------


def byte_order(name: str) -> bytes:
    return name.encode("utf-8")


def lowest(members):
    return min(members, key=byte_order, default=None)


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", re.ASCII)


def parse_time(text: str) -> int:
    if not TIME.fullmatch(text):
        raise ValueError(f"not a time: {text!r}")
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


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


def verdict(results: dict):
    if False in results.values():
        return False
    return None if None in results.values() else True


def lacking(results: dict) -> list:
    return [name for name, held in results.items() if held is False]


def among_users(users: list, user: str | None) -> bool:
    return user is not None and (user in users or users == ["*"])


def is_same(wanted: dict, path: dict, client, identities: list) -> bool:
    """`same`: identities are the captures of each name of the client that an identity of the rule takes."""
    def equal(held: dict) -> bool:
        for capture, other in wanted.items():
            value = path[capture]
            if isinstance(other, str):
                found = held.get(other)
            else:
                values = names.attribute_values(client, names.dotted(other["attribute"]))
                found = values[0] if len(values) == 1 else None
            if not value or value != found:
                return False
        return True

    return any(equal(held) for held in identities or [{}])


@dataclass
class Question:
    """What the conditions of a rule are asked about, beside the rule."""

    request: Request
    client: Certificate | None
    now: int | None
    address: str | None
    path: dict = field(default_factory=dict)  # what the captures of the path hold


# --- the policy ----------------------------------------------------------------------------


@dataclass
class Client:
    """What a certificate amounts to: of which issuer, and which identities, by which names of it."""

    issuer: str
    others: set  # issuers whose CAs stand on the path too
    identities: dict  # name -> captures of each of the certificate's names that it takes


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

    def decide(self, request, client, now, address, require=()) -> Decision:
        """`require` holds the names of each Require line in force."""
        found = {"route": None, "issuer": None, "identity": None}
        try:
            rule = self.check(Question(request, client, now, address), require, found)
        except Denied as denied:
            return Decision("deny", denied.reason, denied.rule, **found, condition=denied.condition)
        return Decision("allow", "allowed", rule, **found)

    def check(self, asked: Question, require, found: dict):
        """Returns the rule that allows, if any, or raises Denied; notes in `found` what is known by then."""
        self.check_policy_time(asked.now)
        found["route"] = self.route_of(asked)
        route = self.routes[found["route"]]
        self.check_expected(asked.request, route)
        granted = route.get("internal", False) is not False or self.takes_preflight(asked.request, route)
        rule = None if granted else self.everyone_rule(found["route"], asked)
        if (granted or rule is not None) and not require:
            return rule
        client = self.client_of(asked, found)
        found["identity"] = self.most_specific_identity(client.identities)
        self.check_known(client, found["route"])
        rule = self.judge(client, found["route"], asked, granted)
        if not all(self.on_line(line, client.identities) for line in require):
            raise Denied("not-on-require-line", rule)
        return rule

    def check_policy_time(self, now):
        if "valid_until" not in self.document:
            return
        if now is None:
            raise Denied("internal-error")
        if now >= parse_time(self.document["valid_until"]):
            raise Denied("policy-expired")

    # From request to route.

    def route_of(self, asked: Question) -> str:
        request = asked.request
        if request.method in ("CONNECT", "TRACE"):
            raise Denied("method-unsupported")
        if request.method == "OPTIONS" and request.target == b"*":
            raise Denied("method-unsupported")
        hosts = {name: {requests.listed_host(host) for host in route["hosts"]}
                 for name, route in self.routes.items()}
        host = requests.host_in_use(requests.canonical_host(request.host), set().union(*hosts.values()))
        raw = requests.raw_path(request.target)
        if requests.always_ambiguous(raw):
            raise Denied("ambiguous-path")
        path = requests.judged_segments(raw)
        on_host = [name for name in self.routes if host in hosts[name]]
        pattern = self.most_specific(on_host, path)
        route = self.route_with_method(on_host, pattern, request)
        self.check_arrival(request.arrival, route)
        asked.path = next(requests.captures_of(written, path) for written in self.routes[route]["paths"]
                          if requests.pattern_segments(written) == pattern)
        return route

    def patterns(self, name: str) -> list:
        return [requests.pattern_segments(path) for path in self.routes[name]["paths"]]

    def most_specific(self, on_host: list, path: list) -> list:
        found = [p for name in on_host for p in self.patterns(name) if requests.matches(p, path)]
        if not found:
            raise Denied("route-unknown")
        return min(found, key=requests.specificity)

    def route_with_method(self, on_host: list, pattern: list, request) -> str:
        with_pattern = [name for name in on_host if pattern in self.patterns(name)]
        for name in with_pattern:
            if self.takes_preflight(request, self.routes[name]):
                return name
        for name in with_pattern:
            if requests.claims_method(self.routes[name], request.method):
                return name
        raise Denied("method-not-on-route")

    @staticmethod
    def takes_preflight(request, route: dict) -> bool:
        return route.get("preflight", False) and requests.is_preflight(request)

    def check_arrival(self, arrival: str, route: str):
        """An internal route is there only for those who come the way it says."""
        internal = self.routes[route].get("internal", False)
        way = {True: "later", "error": "error"}
        if internal is not False and arrival != way[internal]:
            raise Denied("route-unknown")

    @staticmethod
    def check_expected(request, route: dict):
        expected = set(route.get("expects", []))
        if requests.unusual_forms(requests.raw_path(request.target)) - expected:
            raise Denied("ambiguous-path")
        if requests.overrides_method(request) and "method-override" not in expected:
            raise Denied("method-override")

    # From certificate to identities.

    def client_of(self, asked: Question, found: dict) -> Client:
        self.check_certificate(asked.request, asked.client)
        found["issuer"] = issuer = self.issuer_of(asked.client)
        self.check_dates(asked.client, asked.now)
        held = self.names_of(asked.client, issuer)
        fitting = {name: self.captures_of(name, asked.client, issuer, held) for name in self.identities}
        others = set(self.issuers_on(asked.client.path))
        return Client(issuer, others, {name: captures for name, captures in fitting.items() if captures})

    @staticmethod
    def check_certificate(request, client):
        if request.tls != "present":
            raise Denied(f"tls-{request.tls}")
        if client is None:
            raise Denied("no-certificate")
        if not client.verified:
            raise Denied("certificate-not-verified")
        if not client.readable:
            raise Denied("certificate-malformed")
        if client.path is None:
            raise Denied("issuer-not-established")

    def issuers_on(self, path: list) -> list:
        """The issuers whose CAs stand on a path, nearest first."""
        return [issuer for label in path for issuer in self.issuers if label in self.issuer_keys.get(issuer, ())]

    def issuer_of(self, client) -> str:
        issuers = self.issuers_on(client.path)
        if not issuers:
            raise Denied("issuer-unknown")
        return issuers[0]

    @staticmethod
    def check_dates(client, now):
        if now is None:
            raise Denied("internal-error")
        if now > client.not_after:
            raise Denied("certificate-expired")
        if now < client.not_before:
            raise Denied("certificate-not-yet-valid")

    def names_of(self, client, issuer: str) -> list:
        """The (kind, name) pairs by which this issuer tells the client apart, in normal form."""
        definition = self.issuers[issuer]
        if definition["names"] == ["none"]:
            return []
        kinds = [names.kind_of(written) for written in definition["names"]]
        held = [(kind, name) for kind in kinds for name in names.names_of_kind(client, kind)]
        if not held:
            raise Denied("name-missing")
        if len(held) > (names.MOST_NAMES if definition.get("any_of", False) else 1):
            raise Denied("name-ambiguous")
        if not all(names.well_formed(kind, name) for kind, name in held):
            raise Denied("name-malformed")
        held = [(kind, names.normal_form(kind, name)) for kind, name in held]
        if not all(self.may_assert(definition, kind, name) for kind, name in held):
            raise Denied("name-outside-issuer")
        return held

    @staticmethod
    def may_assert(definition: dict, kind: str, name) -> bool:
        if "may_assert" not in definition:
            return True
        written = [names.written_name(member) for member in definition["may_assert"]]
        return any(kind == other and names.match_name(kind, text, name) is not None for other, text in written)

    def captures_of(self, identity: str, client, issuer: str, held: list) -> list:
        """The captures of each name that this identity takes, when all else of it holds; empty when it is not it."""
        definition = self.identities[identity]
        attributes = definition.get("attributes", {})
        if definition["issuer"] != issuer or not self.is_pinned(definition, client):
            return []
        if any(names.attribute_values(client, names.dotted(oid)) != [value.encode("utf-8")]
               for oid, value in attributes.items()):
            return []
        written = names.written_name(definition)
        if written is None:
            return [{}]
        found = [names.match_name(kind, written[1], name) for kind, name in held if kind == written[0]]
        return [captures for captures in found if captures is not None]

    @staticmethod
    def is_pinned(definition: dict, client) -> bool:
        if "pins" not in definition:
            return True
        wanted = [pin.partition(":") for pin in definition["pins"]]
        return any(client.digests.get(kind) == digits.replace(":", "").lower() for kind, _, digits in wanted)

    def most_specific_identity(self, identities):
        """With pins before exact before pattern, then the lowest; None where the client is nobody known."""
        def rank(name: str) -> tuple:
            written = names.written_name(self.identities[name])
            by_pattern = written is not None and names.is_pattern(*written)
            return "pins" not in self.identities[name], by_pattern, byte_order(name)

        return min(identities, key=rank, default=None)

    def check_known(self, client: Client, route: str):
        if client.identities:
            return
        for rule in self.rules.values():
            if self.names_issuer(rule, client) and self.names_route(rule, route):
                return
        raise Denied("identity-unknown")

    # From identities and route to a decision.

    def group_members(self, group: str) -> set:
        result = set()
        for member in self.groups[group]:
            result |= self.group_members(member[1:]) if member.startswith("@") else {member}
        return result

    def named_identities(self, members: list) -> set:
        result = set()
        for member in members:
            result |= self.group_members(member[1:]) if member.startswith("@") else {member}
        return result

    def on_line(self, line, identities) -> bool:
        return bool(self.named_identities(line) & set(identities))

    @staticmethod
    def names_issuer(rule: dict, client: Client) -> bool:
        issuers = {client.issuer} | (client.others if rule["effect"] == "deny" else set())
        return bool(set(rule["subjects"]) & {"any-verified", *(f"issuer:{name}" for name in issuers)})

    def names_client(self, rule: dict, client: Client) -> bool:
        if "everyone" in rule["subjects"] or self.names_issuer(rule, client):
            return True
        return bool(self.named_identities(rule["subjects"]) & set(client.identities))

    def names_route(self, rule: dict, route: str) -> bool:
        if route in rule["routes"]:
            return True
        if self.routes[route].get("internal", False):
            return False
        if {f"tag:{tag}" for tag in self.routes[route].get("tags", [])} & set(rule["routes"]):
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

    def everyone_rule(self, route: str, asked: Question):
        rules = self.everyone_rules(route)
        return lowest(name for name in rules if verdict(self.conditions(self.rules[name], asked)) is True)

    def conditions(self, rule: dict, asked: Question, client: Client | None = None) -> dict:
        """What each condition of a rule comes to, in the order in which they are named."""
        now, result = asked.now, {}
        if "networks" in rule:
            result["networks"] = in_networks(rule["networks"], asked.address)
        if "valid_from" in rule:
            result["valid_from"] = None if now is None else now >= parse_time(rule["valid_from"])
        if "valid_until" in rule:
            result["valid_until"] = None if now is None else now < parse_time(rule["valid_until"])
        if "users" in rule:
            result["users"] = among_users(rule["users"], asked.request.user)
        if "same" in rule:
            named = self.named_identities(rule["subjects"]) & set(client.identities)
            held = [captures for name in sorted(named) for captures in client.identities[name]]
            result["same"] = is_same(rule["same"], asked.path, asked.client, held)
        return result

    def judge(self, client: Client, route: str, asked: Question, granted: bool):
        """The last stage: the order of the reasons is the order of the lines. `granted` is as good as a rule for
        everyone: a preflight request, or an internal route come to on its way."""
        naming = {
            name: self.conditions(rule, asked, client)
            for name, rule in self.rules.items()
            if self.names_client(rule, client) and self.names_route(rule, route)
        }

        def first(effect, state):
            return lowest(name for name, results in naming.items()
                          if self.rules[name]["effect"] == effect and verdict(results) is state)

        self.deny_if(first("deny", True), "denied-by-rule")
        self.deny_if(first("deny", None), "indeterminate")
        allowing = first("allow", True)
        if granted or allowing is not None:
            return allowing
        self.deny_if(first("allow", None), "indeterminate")
        short = {name: lacking(results) for name, results in naming.items()
                 if self.rules[name]["effect"] == "allow"}
        if asked.request.user is None:
            self.deny_if(lowest(name for name, lacks in short.items()
                                if lacks == ["users"] and None not in naming[name].values()),
                         "user-required", "users")
        nearest = lowest(name for name, lacks in short.items() if len(lacks) == 1) or lowest(short)
        if nearest is not None:
            raise Denied("condition-not-met", nearest, short[nearest][0])
        raise Denied("no-rule")

    @staticmethod
    def deny_if(rule, reason: str, condition=None):
        if rule is not None:
            raise Denied(reason, rule, condition)
