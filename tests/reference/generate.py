#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeded generator of policies, certificates and requests for differential tests.

    generate.py certificates           one line a certificate, for the minting tool
    generate.py triples SEED COUNT     one JSON object a policy, with the reference's decisions

The same seed always gives the same output; GENERATE_EPOCH in the environment moves all its times.
Every policy compiles: what docs/POLICY.md calls an error is kept out by construction, with the few
helpers under "what must not be generated".
"""

import json
import os
import random
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from urllib.parse import quote_from_bytes

import reference

# Every time lies near this one. For a server, whose clock cannot be set, it is moved near the present.
EPOCH = int(os.environ.get("GENERATE_EPOCH", 1780315200))  # 2026-06-01T12:00:00Z
DAY = 86400
YEAR = 365 * DAY

# --- certificates --------------------------------------------------------------------------

NAMED_AUTHORITIES = ["corp", "east", "partner", "device"]  # "stranger" is in no policy
CHAINS = {
    "corp": ["corp"],
    "east": ["east", "corp"],  # the intermediate
    "partner": ["partner"],
    "device": ["device"],
    "stranger": ["stranger"],
    "self": [],
}
CLIENTS = ["billing", "orders", "ledger", "reports", "gateway", "audit", "batch", "mobile",
           "search", "stock", "mail", "admin"]
EAST_ENDS = EPOCH + 40 * DAY  # before its leaves do: the intermediate's dates count too


@dataclass(frozen=True)
class Spec:
    """One certificate of the pool; `verified` is what TLS is to be taken to have said."""

    name: str
    issuer: str
    ca: bool = False
    cn: tuple = ()
    uri: tuple = ()
    dns: tuple = ()
    not_before: int = EPOCH - YEAR
    not_after: int = EPOCH + YEAR
    verified: bool = True

    def line(self) -> str:
        tokens = [("name", self.name.encode()), ("issuer", self.issuer.encode()),
                  ("ca", b"1" if self.ca else b"0")]
        for key in ("cn", "uri", "dns"):
            tokens += [(key, value) for value in getattr(self, key)]
        tokens += [("notbefore", b"%d" % self.not_before), ("notafter", b"%d" % self.not_after)]
        if not self.ca:
            tokens.append(("eku", b"client"))
        return " ".join(f"{key}={quote_from_bytes(value, safe='')}" for key, value in tokens)


def spiffe_name(client: str) -> bytes:
    return b"spiffe://corp.example/" + client.encode()


def urn_name(client: str) -> bytes:
    return b"urn:example:client:" + client.encode()


def dns_name(client: str) -> bytes:
    return client.encode() + b".clients.example"


def good_names(client: str) -> dict:
    return {"cn": (client.encode(),), "uri": (spiffe_name(client),), "dns": (dns_name(client),)}


def authority_specs() -> list:
    far = {"not_before": EPOCH - 10 * YEAR, "not_after": EPOCH + 10 * YEAR}
    roots = [Spec(name, "self", True, (f"Test {name} CA".encode(),), **far)
             for name in ("corp", "partner", "device", "stranger")]
    east = Spec("east", "corp", True, (b"Test east CA",),
                not_before=EPOCH - 2 * YEAR, not_after=EAST_ENDS)
    return roots + [east]


def client_specs() -> list:
    """The same names from every CA: only the issuer tells these apart."""
    return [Spec(f"{issuer}-{client}", issuer, **good_names(client))
            for issuer in CHAINS if issuer != "self" for client in CLIENTS]


def urn_specs() -> list:
    return [Spec(f"{issuer}-urn-{client}", issuer, uri=(urn_name(client),))
            for issuer in NAMED_AUTHORITIES for client in CLIENTS[:4]]


def odd_names() -> dict:
    """Names that are missing, several, malformed, or spelled so that a careless reader errs."""
    billing = good_names("billing")
    orders = good_names("orders")
    return {
        "nameless": {},
        "two-cn": {**billing, "cn": billing["cn"] + orders["cn"]},
        "two-uri": {**billing, "uri": billing["uri"] + orders["uri"]},
        "two-dns": {**billing, "dns": billing["dns"] + orders["dns"]},
        "twice-the-same": {key: value * 2 for key, value in billing.items()},
        "spiffe-and-urn": {**billing, "uri": (spiffe_name("billing"), urn_name("billing"))},
        "only-cn": {"cn": billing["cn"]},
        "only-uri": {"uri": billing["uri"]},
        "only-dns": {"dns": billing["dns"]},
        "nul": {"cn": (b"billing\0x",), "uri": (spiffe_name("billing") + b"\0x",),
                "dns": (dns_name("billing") + b"\0.evil.example",)},
        "control": {"cn": (b"billing\n",), "uri": (spiffe_name("billing") + b"\n",),
                    "dns": (dns_name("billing") + b"\n",)},
        "delete": {"cn": (b"billing\x7f",), "uri": (spiffe_name("billing") + b"\x7f",),
                   "dns": (b"\x7f" + dns_name("billing"),)},
        "c1-control": {"cn": ("billing\u0085".encode(),)},
        "non-ascii": {"cn": ("bill\u00efng".encode(),), "uri": (b"spiffe://corp.example/b\xc3\xaf",),
                      "dns": (b"b\xc3\xaf.clients.example",)},
        # OpenSSL cannot hold a subject whose UTF8String is no UTF-8, so no such common name arrives.
        "not-utf8": {"uri": (b"urn:\xff",), "dns": (b"\xff.example",)},
        "overlong-utf8": {"uri": (b"urn:billing\xc0\xaf",)},
        "wildcard": {"cn": (b"*",), "uri": (b"spiffe://corp.example/*",),
                     "dns": (b"*.clients.example",)},
        "upper": {"cn": (b"BILLING",), "uri": (b"SPIFFE://corp.example/billing",),
                  "dns": (b"BILLING.Clients.Example",)},
        "upper-domain": {"uri": (b"spiffe://CORP.example/billing",), "dns": (b"Orders.CLIENTS.example",)},
        "upper-path": {"uri": (b"spiffe://corp.example/Billing",)},
        "empty": {"cn": (b"",), "uri": (b"",), "dns": (b"",)},
        "trailing": {"cn": (b"billing ",), "uri": (spiffe_name("billing") + b"/",),
                     "dns": (dns_name("billing") + b".",)},
        "trailing-two": {"cn": (b" billing",), "uri": (spiffe_name("billing") + b"?q",),
                         "dns": (dns_name("billing") + b"..",)},
        "empty-part": {"uri": (b"spiffe://corp.example//billing",),
                       "dns": (b"billing..clients.example",)},
        "dots": {"uri": (b"spiffe://corp.example/x/../billing",), "dns": (b".",)},
        "dot": {"uri": (b"spiffe://corp.example/./billing",), "dns": (b".clients.example",)},
        "no-path": {"uri": (b"spiffe://corp.example",), "dns": (b"billing_1-x",)},
        "no-domain": {"uri": (b"spiffe:///billing",)},
        "escape": {"uri": (b"spiffe://corp.example/b%69lling",)},
        "port": {"uri": (b"spiffe://corp.example:443/billing",), "dns": (b"billing.clients.example:443",)},
        "space": {"uri": (b"urn:example:client: billing",), "dns": (b"billing .clients.example",)},
        "no-scheme": {"uri": (b"//corp.example/billing",)},
        "long-fits": {"cn": (b"c" * 256,), "uri": (b"urn:" + b"u" * 2044,),
                      "dns": (b".".join([b"d" * 63] * 3 + [b"d" * 61]),)},
        "too-long": {"cn": (b"c" * 257,), "uri": (b"urn:" + b"u" * 2045,),
                     "dns": (b".".join([b"d" * 63] * 3 + [b"d" * 62]),)},
        "long-spiffe": {"uri": (b"spiffe://" + b"t" * 255 + b"/" + b"p" * 1783,),
                        "dns": (b"d" * 64 + b".example",)},
        "too-long-spiffe": {"uri": (b"spiffe://" + b"t" * 256 + b"/p",)},
    }


# From a second CA too, since not every policy knows the first.
ODD_AT_PARTNER = ["nameless", "two-cn", "two-uri", "two-dns", "spiffe-and-urn", "nul", "control",
                  "non-ascii", "not-utf8", "wildcard", "upper", "upper-domain", "empty", "trailing",
                  "empty-part", "port"]


def odd_name_specs() -> list:
    names = odd_names()
    pairs = [("corp", label) for label in names] + [("partner", label) for label in ODD_AT_PARTNER]
    return [Spec(f"{issuer}-{label}", issuer, **names[label]) for issuer, label in pairs]


def odd_date_specs() -> list:
    dates = {
        "expired": {"not_before": EPOCH - 2 * YEAR, "not_after": EPOCH - DAY},
        "not-yet": {"not_before": EPOCH + DAY, "not_after": EPOCH + YEAR},
        "instant": {"not_before": EPOCH, "not_after": EPOCH},
        "just-expired": {"not_after": EPOCH - 1},
        "just-not-yet": {"not_before": EPOCH + 1},
    }
    return [Spec(f"{issuer}-{label}", issuer, **good_names("billing"), **when)
            for issuer in ("corp", "partner") for label, when in dates.items()]


def odd_chain_specs() -> list:
    names = [(client, good_names(client)) for client in CLIENTS[:3]]
    alone = [Spec(f"self-{client}", "self", **given) for client, given in names]
    # A client may call itself what the CA is called: names of CAs mean nothing.
    posing = Spec("self-posing", "self", **{**good_names("billing"), "cn": (b"Test corp CA",)})
    doubted = [Spec(f"unverified-{client}", "corp", **given, verified=False)
               for client, given in names]
    return alone + [posing] + doubted


def certificate_pool() -> list:
    return (authority_specs() + client_specs() + urn_specs() + odd_name_specs()
            + odd_date_specs() + odd_chain_specs())


POOL = {spec.name: spec for spec in certificate_pool()}
LEAVES = [name for name, spec in POOL.items() if not spec.ca]
ODD_NAMED = [spec.name for spec in odd_name_specs()]


def reference_certificate(name: str | None):
    """The pool's certificate as the reference sees it; the roots are the trust anchors."""
    if name is None:
        return None
    spec = POOL[name]
    chain = CHAINS[spec.issuer]
    dated = [spec] + [POOL[label] for label in chain[:-1]]
    return reference.Certificate(
        verified=spec.verified, path=list(chain),
        uri=list(spec.uri), dns=list(spec.dns), cn=list(spec.cn),
        not_before=max(each.not_before for each in dated),
        not_after=min(each.not_after for each in dated))


def issuer_keys(document: dict) -> dict:
    """Which CA labels belong to each issuer, read off the names of the certificate files."""
    return {name: {entry["file"].removesuffix(".crt") for entry in issuer["certificates"]}
            for name, issuer in document.get("issuers", {}).items()}


# --- what must not be generated ------------------------------------------------------------


def canonical_pattern(path: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))


def claimed_methods(methods: list) -> set:
    return set(methods) | ({"HEAD"} if "GET" in methods else set())


def methods_collide(first: list, second: list) -> bool:
    return "*" in first + second or bool(claimed_methods(first) & claimed_methods(second))


def routes_collide(first: dict, second: dict) -> bool:
    patterns = [{canonical_pattern(path) for path in route["paths"]} for route in (first, second)]
    return bool(set(first["hosts"]) & set(second["hosts"]) and patterns[0] & patterns[1]
                and methods_collide(first["methods"], second["methods"]))


def references_to(document: dict, route: str) -> set:
    """Every way of naming this route alone or by tag; "*" is not among them."""
    return {route} | {f"tag:{tag}" for tag in document["routes"][route].get("tags", [])}


def open_routes(document: dict) -> set:
    """Routes that an `everyone` rule names in any way."""
    named = [set(rule["routes"]) for rule in document["rules"].values()
             if "everyone" in rule["subjects"]]
    return {route for route in document["routes"]
            if any("*" in routes or routes & references_to(document, route) for routes in named)}


def deniable_references(document: dict) -> list:
    """What a deny may name: nothing that touches a route everyone may use."""
    every = {ref for route in document["routes"] for ref in references_to(document, route)}
    touching = {ref for route in open_routes(document) for ref in references_to(document, route)}
    return sorted(every - touching)


# --- policies ------------------------------------------------------------------------------

HOSTS = ["api.example", "admin.example", "a_b.example", "10.0.0.7", "*"]
LITERALS = ["a", "b", "orders", "Orders", "items", "health", "caf\u00e9", "a b", "x:y", "v1.2", "~u"]
CAPTURES = ["id", "tenant", "name_2"]
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get", "M-SEARCH"]
TAGS = ["read", "write", "internal", "v2"]
NETWORKS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "192.0.2.0/24", "2001:db8::/32",
            "2001:db8:0:1::/64", "2001:db8::7", "::/0", "127.0.0.0/8"]
ADDRESSES = ["10.1.2.3", "10.2.0.1", "192.0.2.255", "198.51.100.1", "::ffff:10.1.2.3",
             "::ffff:192.0.2.9", "2001:db8::7", "2001:db8:0:1::9", "2001:db9::1", "::1"]
KINDS = ["spiffe", "uri", "dns", "cn"]


@dataclass
class Making:
    """What the steps that build one policy share."""

    rng: random.Random
    size: int
    document: dict = field(default_factory=dict)

    def some(self, pool, low=1, high=3) -> list:
        pool = list(pool)
        return self.rng.sample(pool, min(len(pool), self.rng.randint(low, high)))

    def chance(self, likelihood: float) -> bool:
        return self.rng.random() < likelihood


def make_issuers(making: Making):
    authorities = making.some(NAMED_AUTHORITIES, 1, 4)
    issuers = {}
    while authorities:
        held = [authorities.pop() for _ in range(min(len(authorities), making.rng.choice([1, 1, 2])))]
        issuers[f"issuer-{held[0]}"] = {
            "certificates": [{"file": f"{name}.crt"} for name in held],
            "names": [making.rng.choice(KINDS)],
        }
    making.document["issuers"] = issuers


def identity_value(making: Making, kind: str) -> str:
    client = making.rng.choice(CLIENTS)
    if kind == "dns":
        plain = dns_name(client).decode()
        return making.rng.choice([plain, plain, plain.upper(), plain + "."])
    if kind == "uri":
        return making.rng.choice([spiffe_name, urn_name])(client).decode()
    if kind == "spiffe":
        return making.rng.choice([spiffe_name(client).decode()] * 9 + ["spiffe://corp.example/Billing"])
    return making.rng.choice([client] * 8 + ["bill\u00efng", "billing "])


def make_identities(making: Making):
    identities = {}
    for number in range(making.rng.randint(1, 2 + making.size)):
        issuer = making.rng.choice(sorted(making.document["issuers"]))
        kind = making.document["issuers"][issuer]["names"][0]
        prefix = making.rng.choice("abz")  # so that byte order and age differ
        identities[f"{prefix}{number}"] = {"issuer": issuer, kind: identity_value(making, kind)}
    making.document["identities"] = identities


def make_groups(making: Making):
    groups = {}
    for number in range(making.rng.randint(0, 1 + making.size // 2)):
        # Only groups made earlier may be members, so no group can come to hold itself.
        pool = list(making.document["identities"]) + [f"@{name}" for name in groups] * 2
        groups[f"g{number}"] = making.some(pool_without_doubles(pool), 0, 4)
    making.document["groups"] = shuffled(making, groups)


def pool_without_doubles(pool: list) -> list:
    return list(dict.fromkeys(pool))


def shuffled(making: Making, table: dict) -> dict:
    keys = list(table)
    making.rng.shuffle(keys)
    return {key: table[key] for key in keys}


def make_path(making: Making) -> str:
    captures = iter(making.rng.sample(CAPTURES, len(CAPTURES)))
    parts = []
    for _ in range(making.rng.choice([0, 1, 1, 2, 2, 3, 3])):
        # Few literals, so that patterns cross each other and the choice among them matters.
        literal = making.rng.choice(LITERALS[:4] if making.chance(0.7) else LITERALS)
        wild = making.rng.choice(["*", "{" + next(captures) + "}"])
        parts.append(literal if making.chance(0.6) else wild)
    ending = making.rng.choice([[], [], [], ["**"], [""]])
    return "/" + "/".join(parts + ending)


def distinct_paths(making: Making) -> list:
    paths = [make_path(making) for _ in range(making.rng.randint(1, 3))]
    return list({canonical_pattern(path): path for path in paths}.values())


def make_route(making: Making) -> dict:
    route = {
        "hosts": making.some(HOSTS if making.chance(0.5) else HOSTS[:1] + HOSTS[-1:], 1, 2),
        "methods": ["*"] if making.chance(0.2) else making.some(METHODS[:4] + METHODS),
        "paths": distinct_paths(making),
    }
    route["methods"] = pool_without_doubles(route["methods"])
    if making.chance(0.6):
        route["tags"] = making.some(TAGS, 1, 2)
    return route


def make_routes(making: Making):
    routes = {}
    for number in range(making.rng.randint(1, 3 + making.size * 2)):
        route = make_route(making)
        if not any(routes_collide(route, other) for other in routes.values()):
            routes[f"r{number}"] = route
    making.document["routes"] = shuffled(making, routes)


def rfc3339(making: Making, moment: int) -> str:
    minutes = making.rng.choice([0, 0, 330, -480])
    local = datetime.fromtimestamp(moment, timezone(timedelta(minutes=minutes)))
    text = local.isoformat()
    return text.replace("+00:00", "Z") if making.chance(0.8) else text


def make_conditions(making: Making, likelihood: float) -> dict:
    result = {}
    if making.chance(likelihood):
        result["networks"] = making.some(NETWORKS, 1, 3)
    if making.chance(likelihood):
        result["valid_from"] = rfc3339(making, EPOCH + making.rng.choice([-DAY, -1, 0, 0, 1, DAY]))
    if making.chance(likelihood):
        # Later than any valid_from above, or a day and more before it where there is none.
        later = [2 * DAY, DAY + 1] + ([] if "valid_from" in result else [-DAY, 0, 1])
        result["valid_until"] = rfc3339(making, EPOCH + making.rng.choice(later))
    return result


def make_texts(making: Making) -> dict:
    texts = {"owner": "team-\u00e9", "ticket": "OPS-1", "note": "why: \u201cbecause\u201d"}
    return {key: text for key, text in texts.items() if making.chance(0.2)}


def make_everyone_rule(making: Making) -> dict:
    document = making.document
    references = sorted({ref for name in document["routes"] for ref in references_to(document, name)})
    routes = ["*"] if making.chance(0.05) else making.some(references, 1, 1)
    return {"effect": "allow", "subjects": ["everyone"], "routes": routes,
            "acknowledge": ["everyone"], **make_conditions(making, 0.25), **make_texts(making)}


def make_client_rule(making: Making, effect: str, references: list) -> dict:
    subjects = list(making.document["identities"])
    subjects += [f"@{name}" for name in making.document["groups"]] * 2
    everything = making.chance(0.2) or not references
    return {"effect": effect, "subjects": making.some(pool_without_doubles(subjects), 1, 4),
            "routes": ["*"] if everything else making.some(references, 1, 4),
            **make_conditions(making, 0.3), **make_texts(making)}


def make_rules(making: Making):
    document = making.document
    document["rules"] = rules = {}
    for number in range(making.rng.choice([0, 0, 1, 2])):
        rules[f"{making.rng.choice('am9')}-open-{number}"] = make_everyone_rule(making)
    references = sorted({ref for name in document["routes"] for ref in references_to(document, name)})
    for number in range(making.rng.randint(1, 2 + making.size * 2)):
        rules[f"{making.rng.choice('bz0')}-allow-{number}"] = make_client_rule(making, "allow", references)
    for number in range(making.rng.randint(0, 1 + making.size // 3)):
        deniable = deniable_references(document)
        rules[f"{making.rng.choice('cy1')}-deny-{number}"] = make_client_rule(making, "deny", deniable)
    document["rules"] = shuffled(making, rules)


def make_policy(rng: random.Random, size: int) -> dict:
    making = Making(rng, size)
    for step in (make_issuers, make_identities, make_groups, make_routes, make_rules):
        step(making)
    document = making.document
    document["name"] = f"generated-{size}"
    if making.chance(0.5):
        document["serial"] = rng.choice([0, 1, 9007199254740991])
    if making.chance(0.2):
        document["valid_until"] = rfc3339(making, EPOCH + rng.choice([1, DAY + 1, 30 * DAY, YEAR, YEAR]))
    return shuffled(making, document)


# --- requests ------------------------------------------------------------------------------

PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@"
FILLERS = [b"7", b"x", b"A", b"a", b"orders", b"...", b"-", b"*", b"**", "\u00e9".encode(), b"{id}",
           b"a=b", b"%"]
ODD_HOSTS = [None, "", "other.example", "API.Example", "api.example.", "api.example:8443",
             "Admin.EXAMPLE.:443", "api.example..", "*", "10.0.0.7", "10.0.0.7:80", "[2001:DB8::1]",
             "[::1]:8443", "::1", "[::1", "[10.0.0.7]", "api.example:x", "api..example",
             "api.example/x", "\u212a.example", "a" * 64 + ".example", "api.example, admin.example",
             "user@api.example", "-.example", "[fe80::1%eth0]"]
ODD_METHODS = ["CONNECT", "TRACE", "OPTIONS", "GeT", "PATCH", "*", "HEAD", "PROPFIND"]
WHOLE_TARGETS = [b"*", b"", b"/", b"//", b"///", b"a", b"?", b"/?/..", b"/..", b"/../..", b"/%2e%2e",
                 b"/.", b"/%2F", b"/%", b"/%2", b"/%zz", b"/;", b"/..;", b"/\\", b"/#", b"/a?%zz#\x01",
                 b"/%25", b"/%2525", b"/%25%32%46", b"/%25%34%31", b"/%252", b"/%C2%85", b"/%C0%AF",
                 b"/%ED%A0%80", b"/%F4%90%80%80", b"/%F0%9F%94%91", b"/%C3/%A9", b"http:/a", b"/http://a"]
INSERTIONS = [b"//", b"/./", b"/%2e/", b"/.%2E/", b"/x/../", b"/x/%2e%2e/", b"/..;/", b"/..;x=1/",
              b"/%2e%2e;v/", b"/.;/", b"/;/", b"/..%3B/", b"/x%2F", b"/x%2f..%2f", b"/x\\", b"/x%5c",
              b"/..\\", b"/x;v=1/", b"/x%3Bv/", b"/%00", b"/\x01", b"/\x7f", b"/%7F", b"/%0a", b"/%25",
              b"/%252e", b"/%25%32e", b"/%25%2F", b"/%zz", b"/%4", b"/\xc3\xa9/", b"/%c3%a9/",
              b"/%C3/", b"/%E2%82/", b"/%C1%81/", b"/#", b"/%23", b"/%3F", b"/ /", b"/%20/", b"/.../"]


def escape(rng: random.Random, segment: bytes, eagerness: float) -> bytes:
    """Escapes what must be, and now and then what need not be: both spell the same segment."""
    def one(byte):
        if byte in PLAIN and rng.random() >= eagerness:
            return bytes([byte])
        return (b"%%%02X" if rng.random() < 0.5 else b"%%%02x") % byte
    return b"".join(one(byte) for byte in segment)


def fill_pattern(rng: random.Random, pattern: str) -> list:
    segments = []
    for part in pattern.split("/")[1:]:
        if part == "**":
            segments += rng.choice([[], [b""], [rng.choice(FILLERS)], [rng.choice(FILLERS), b"b"]])
        elif part == "*" or part.startswith("{"):
            segments.append(rng.choice(FILLERS[:6] if rng.random() < 0.7 else FILLERS))
        else:
            segments.append(part.encode())
    return segments


def near_miss(rng: random.Random, segments: list) -> list:
    """A neighbour of the path: a segment more, fewer, other, or a trailing slash moved."""
    where = rng.randrange(len(segments) + 1)
    how = rng.randrange(4)
    if how == 0:
        return segments[:where] + [rng.choice(FILLERS)] + segments[where:]
    if how == 1:
        return segments[:-1]
    if how == 2:
        return segments[:-1] if segments[-1:] == [b""] else segments + [b""]
    return segments[:where] + [rng.choice(FILLERS)] + segments[where + 1:]


def insert_trick(rng: random.Random, target: bytes) -> bytes:
    slashes = [index for index, byte in enumerate(target) if byte == 0x2F]
    where = rng.choice(slashes)
    return target[:where] + rng.choice(INSERTIONS) + target[where + 1:]


def make_target(rng: random.Random, pattern: str) -> bytes:
    if rng.random() < 0.06:
        return rng.choice(WHOLE_TARGETS)
    segments = fill_pattern(rng, pattern)
    if rng.random() < 0.15:
        segments = near_miss(rng, segments)
    eagerness = rng.choice([0, 0, 0.2])
    target = b"/" + b"/".join(escape(rng, segment, eagerness) for segment in segments)
    for _ in range(rng.choice([0] * 8 + [1, 2])):
        target = insert_trick(rng, target)
    target += rng.choice([b""] * 6 + [b"?", b"?a=/../b&c=%zz", b"?x?y"])
    return target if rng.random() < 0.95 else rng.choice([b"http://api.example", b"HTTPS://h:1"]) + target


def make_request(rng: random.Random, document: dict) -> reference.Request:
    route = document["routes"][rng.choice(sorted(document["routes"]))]
    host = rng.choice(route["hosts"]) if rng.random() < 0.92 else rng.choice(ODD_HOSTS)
    if host == "*" and rng.random() < 0.9:
        host = rng.choice(["other.example", "[2001:db8::1]:443", "203.0.113.9"])
    methods = [method for method in route["methods"] if method != "*"]
    if "GET" in methods and rng.random() < 0.2:
        methods = ["HEAD"]
    method = rng.choice(methods or ["GET", "POST", "X-ANY"])
    if rng.random() < 0.08:
        method = rng.choice(ODD_METHODS)
    return reference.Request(method, make_target(rng, rng.choice(route["paths"])), host,
                             rng.random() >= 0.03)


def known_certificates(document: dict) -> list:
    """Certificates of the pool that are some identity of this policy, on a good day."""
    policy = reference.Policy(document, issuer_keys(document))
    return [name for name in LEAVES if is_known(policy, reference_certificate(name))]


def is_known(policy, client) -> bool:
    try:
        return bool(policy.identities_of(client, policy.issuer_of(client)))
    except reference.Denied:
        return False


def make_now(rng: random.Random, document: dict):
    moments = [EPOCH] * 24 + [EPOCH - 1, EPOCH + 1, EPOCH - DAY, EPOCH + DAY, EPOCH + DAY + 1,
                              EAST_ENDS, EAST_ENDS + 1, EPOCH + YEAR, EPOCH + YEAR + 1, None]
    if "valid_until" in document:
        end = reference.parse_time(document["valid_until"])
        moments += [end - 1, end]
    return rng.choice(moments)


def make_case(rng: random.Random, document: dict, known: list) -> tuple:
    request = make_request(rng, document)
    pool = rng.choices([known or LEAVES, ODD_NAMED, LEAVES], [75, 10, 15])[0]
    name = rng.choice(pool)
    if not request.tls or rng.random() < 0.08:
        name = None
    address = rng.choice(ADDRESSES) if rng.random() < 0.92 else rng.choice([None, "", "10.1.2", "peer"])
    return name, request, make_now(rng, document), address


REQUESTS_PER_POLICY = 50


def triples(seed: int, count: int):
    """Yields (document, [(certificate name or None, request, now, address), ...])."""
    rng = random.Random(seed)
    for number in range(count):
        document = make_policy(rng, number % 12)
        known = known_certificates(document)
        yield document, [make_case(rng, document, known) for _ in range(REQUESTS_PER_POLICY)]


# --- command line --------------------------------------------------------------------------


def case_as_json(policy, case: tuple) -> dict:
    """Bytes travel as one character each (Latin-1), so that a C program can take them back."""
    name, request, now, address = case
    decision = policy.decide(request, reference_certificate(name), now, address)
    return {"certificate": name, "verified": bool(name) and POOL[name].verified,
            "method": request.method, "target": request.target.decode("latin-1"),
            "host": request.host, "tls": request.tls, "now": now, "address": address,
            "expected": asdict(decision)}


def print_triples(seed: int, count: int):
    for document, cases in triples(seed, count):
        policy = reference.Policy(document, issuer_keys(document))
        print(json.dumps({"policy": document, "cases": [case_as_json(policy, c) for c in cases]}))


def main(arguments: list) -> int:
    if arguments == ["certificates"]:
        print("\n".join(spec.line() for spec in certificate_pool()))
        return 0
    if len(arguments) == 3 and arguments[0] == "triples":
        print_triples(int(arguments[1]), int(arguments[2]))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
