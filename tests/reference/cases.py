# SPDX-License-Identifier: Apache-2.0
"""Seeded requests for a generated policy, most of them near what it speaks of."""

import random
from dataclasses import asdict, dataclass, replace

import pool
import reference
from pool import DAY, EAST_ENDS, EPOCH, LEAVES, ODD_NAMED, TENANTS, YEAR

ADDRESSES = ["10.1.2.3", "10.2.0.1", "192.0.2.255", "198.51.100.1", "::ffff:10.1.2.3",
             "::ffff:192.0.2.9", "2001:db8::7", "2001:db8:0:1::9", "2001:db9::1", "::1"]
USERS = ["alice", "bob", "Alice", "\u00e9ve"]
OVERRIDES = ["X-HTTP-Method-Override", "x-http-method", "X-METHOD-OVERRIDE", "X-Original-URL", "X-Rewrite-URL", "X_HTTP-Method_override"]
PREFLIGHT = (("Origin", "https://shop.example"), ("Access-Control-Request-Method", "PUT"))


@dataclass(frozen=True)
class Case:
    """Who asks (a certificate of the pool, or None), what, when, from where, and under which Require lines."""

    certificate: str | None
    request: reference.Request
    now: int | None
    address: str | None
    require: tuple = ()

    def as_json(self) -> dict:
        """Bytes travel as one character each (Latin-1)."""
        request = {**asdict(self.request), "target": self.request.target.decode("latin-1")}
        return {**asdict(self), "request": request}

    @staticmethod
    def from_json(read: dict):
        request = {**read["request"], "target": read["request"]["target"].encode("latin-1"),
                   "headers": tuple(tuple(header) for header in read["request"].get("headers", []))}
        return Case(read["certificate"], reference.Request(**request), read["now"], read["address"],
                    tuple(tuple(line) for line in read.get("require", [])))


def decide(document: dict, case: Case) -> reference.Decision:
    policy = reference.Policy(document, pool.issuer_keys(document))
    return policy.decide(case.request, pool.reference_certificate(case.certificate), case.now, case.address,
                         case.require)


# --- targets -------------------------------------------------------------------------------

PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@"
FILLERS = [b"7", b"x", b"A", b"a", b"orders", b"...", b"-", b"*", b"**", "\u00e9".encode(), b"{id}",
           b"a=b", b"%"]
ODD_HOSTS = [None, "", "other.example", "API.Example", "api.example.", "api.example:8443",
             "Admin.EXAMPLE.:443", "api.example..", "*", "10.0.0.7", "10.0.0.7:80", "[2001:DB8::1]",
             "[::1]:8443", "::1", "[::1", "[10.0.0.7]", "api.example:x", "api..example",
             "api.example/x", "\u212a.example", "a" * 64 + ".example", "api.example, admin.example",
             "user@api.example", "-.example", "[fe80::1%eth0]", "-", "*.example", "x.example", "x.b.example",
             "y.x.b.example", ".b.example", "b.example", "010.0.0.7", "10.0.0.7.", "[::ffff:10.0.0.7]",
             "[2001:db8:0:0::1]:80", "2001:db8::2", "0.0.7", "x.b.example.", "X.B.Example:1"]
ODD_METHODS = ["CONNECT", "TRACE", "OPTIONS", "GeT", "PATCH", "*", "HEAD", "PROPFIND"]
WHOLE_TARGETS = [b"*", b"", b"/", b"//", b"///", b"a", b"?", b"/?/..", b"/..", b"/../..", b"/%2e%2e",
                 b"/.", b"/%2F", b"/%", b"/%2", b"/%zz", b"/;", b"/..;", b"/\\", b"/#", b"/a?%zz#\x01",
                 b"/%25", b"/%2525", b"/%25%32%46", b"/%25%34%31", b"/%252", b"/%C2%85", b"/%C0%AF",
                 b"/%ED%A0%80", b"/%F4%90%80%80", b"/%F0%9F%94%91", b"/%C3/%A9", b"http:/a", b"/http://a"]
INSERTIONS = [b"//", b"/./", b"/%2e/", b"/.%2E/", b"/x/../", b"/x/%2e%2e/", b"/..;/", b"/..;x=1/",
              b"/%2e%2e;v/", b"/.;/", b"/;/", b"/..%3B/", b"/x%2F", b"/x%2f..%2f", b"/x\\", b"/x%5c",
              b"/x%2F..;/", b"/x%5c..;/", b"/x\\../", b"/..\\", b"/x;v=1/", b"/x%3Bv/", b"/%00", b"/\x01", b"/\x7f", b"/%7F", b"/%0a", b"/%25",
              b"/%252e", b"/%25%32e", b"/%25%2F", b"/%zz", b"/%4", b"/\xc3\xa9/", b"/%c3%a9/",
              b"/%C3/", b"/%E2%82/", b"/%C1%81/", b"/#", b"/%23", b"/%3F", b"/ /", b"/%20/", b"/.../"]


def escape(rng: random.Random, segment: bytes, eagerness: float) -> bytes:
    """Escapes what must be, and now and then what need not be: both spell the same segment."""
    def one(byte):
        if byte in PLAIN and rng.random() >= eagerness:
            return bytes([byte])
        return (b"%%%02X" if rng.random() < 0.5 else b"%%%02x") % byte
    return b"".join(one(byte) for byte in segment)


UUIDS = [b"0123abcd-4567-89AB-cdef-000000000000", b"0123abcd-4567-89ab-cdef-00000000000",
         b"0123abcd456789abcdef000000000000", b"g123abcd-4567-89ab-cdef-000000000000"]
NARROW = {
    "uuid": UUIDS[:1] * 4 + UUIDS,
    "int": [b"7", b"42", b"0", b"9" * 19, b"9" * 20, b"-1", b"7f", b"+7"],
    "hex": [b"7", b"beef", b"BEEF", b"a", b"f" * 128, b"f" * 129, b"beeg", b"0x7"],
}
HELD = [name.encode() for name in TENANTS[:2] + pool.CLIENTS[:2]] + [b"Acme", b"ID-billing", b"a%2Fb"]


def fill_segment(rng: random.Random, part: str) -> bytes:
    form = part.rstrip("}").partition(":")[2] if part.startswith("{") else ""
    if form and rng.random() < 0.9:
        return rng.choice(NARROW[form])
    if rng.random() < 0.45:
        return rng.choice(HELD[:6])
    if rng.random() < 0.15:
        return rng.choice(NARROW["int"][:4] + NARROW["hex"][:5] + UUIDS[:1])
    return rng.choice(FILLERS[:6] if rng.random() < 0.7 else FILLERS)


def fill_pattern(rng: random.Random, pattern: str) -> list:
    segments = []
    for part in pattern.split("/")[1:]:
        if part == "**":
            segments += rng.choice([[], [b""], [rng.choice(FILLERS)], [rng.choice(FILLERS), b"b"]])
        elif part == "*" or part.startswith("{"):
            segments.append(fill_segment(rng, part))
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


UNUSUAL = {
    "encoded-slash": [b"/x%2F", b"/x%2fy/"], "backslash": [b"/x\\", b"/%5C", b"/..x\\"],
    "parameters": [b"/x;v=1/", b"/;", b"/%3b"], "empty-segments": [b"//", b"///"],
    "dot-segments": [b"/./", b"/x/../", b"/%2e%2E/", b"/../"], "percent": [b"/%25", b"/x%25y/"],
}


def insert_expected(rng: random.Random, target: bytes, expected: list) -> bytes:
    """A form that the route expects, or one that it does not."""
    forms = UNUSUAL.get(rng.choice(expected), []) if rng.random() < 0.8 else sum(UNUSUAL.values(), [])
    slashes = [index for index, byte in enumerate(target) if byte == 0x2F]
    if not forms or not slashes:
        return target
    where = rng.choice(slashes)
    return target[:where] + rng.choice(forms) + target[where + 1:]


def make_target(rng: random.Random, pattern: str, expected: list) -> bytes:
    if rng.random() < 0.04:
        return rng.choice(WHOLE_TARGETS)
    segments = fill_pattern(rng, pattern)
    if rng.random() < 0.12:
        segments = near_miss(rng, segments)
    eagerness = rng.choice([0, 0, 0.2])
    target = b"/" + b"/".join(escape(rng, segment, eagerness) for segment in segments)
    if expected and rng.random() < 0.5:
        target = insert_expected(rng, target, expected)
    for _ in range(rng.choice([0] * 12 + [1, 2])):
        target = insert_trick(rng, target)
    target += rng.choice([b""] * 6 + [b"?", b"?a=/../b&c=%zz", b"?x?y"])
    return target if rng.random() < 0.95 else rng.choice([b"http://api.example", b"HTTPS://h:1"]) + target


# --- the rest of a request -------------------------------------------------------------------


def make_host(rng: random.Random, route: dict):
    host = rng.choice(route["hosts"]) if rng.random() < 0.93 else rng.choice(ODD_HOSTS)
    if host == "-":
        return None if rng.random() < 0.8 else host
    if host == "*" and rng.random() < 0.9:
        return rng.choice(["other.example.org", "[2001:db8::9]:443", "203.0.113.9"])
    if host and host.startswith("*.") and rng.random() < 0.95:
        return rng.choice(["x", "x", "X", "a_1", "y.x", "api"]) + host[1:]
    if host and host.count(":") > 1 and not host.startswith("["):
        return rng.choice([f"[{host}]", f"[{host.upper()}]:8443", host])
    return host


def make_method(rng: random.Random, route: dict) -> str:
    methods = [method for method in route["methods"] if method != "*"]
    if "GET" in methods and rng.random() < 0.2:
        methods = ["HEAD"]
    if rng.random() < 0.06:
        return rng.choice(ODD_METHODS)
    return rng.choice(methods or ["GET", "POST", "X-ANY"])


def make_headers(rng: random.Random, route: dict, method: str) -> tuple:
    headers = []
    if rng.random() < (0.4 if "method-override" in route.get("expects", []) else 0.03):
        headers.append((rng.choice(OVERRIDES), "DELETE"))
    if method == "OPTIONS":
        headers += PREFLIGHT if rng.random() < 0.7 else rng.sample(PREFLIGHT, rng.randint(0, 1))
    elif rng.random() < 0.02:
        headers += PREFLIGHT
    return tuple(headers)


def make_arrival(rng: random.Random, document: dict, route: dict) -> str:
    ways = {True: "later", "error": "error"}
    internal = route.get("internal", False)
    if internal and rng.random() < 0.6:
        return ways[internal]
    return rng.choice(["client"] * 20 + ["later", "error"])


def users_of(document: dict) -> list:
    return sorted({user for rule in document["rules"].values() for user in rule.get("users", [])} - {"*"})


def choose_route(rng: random.Random, document: dict) -> dict:
    """Any, but often one that a rule with `same` speaks of."""
    routes = document["routes"]
    named = {name for rule in document["rules"].values() if "same" in rule for name in rule["routes"]}
    compared = [name for name, route in routes.items()
                if named & {name, *(f"tag:{tag}" for tag in route.get("tags", []))}]
    return routes[rng.choice(sorted(compared if compared and rng.random() < 0.35 else routes))]


def make_request(rng: random.Random, document: dict) -> reference.Request:
    route = choose_route(rng, document)
    method = make_method(rng, route)
    if route.get("preflight", False) and rng.random() < 0.4:
        method = "OPTIONS"
    target = make_target(rng, rng.choice(route["paths"]), route.get("expects", []))
    tls = rng.choices(["present", "absent", "unavailable"], [95, 3, 2])[0]
    user = rng.choice(users_of(document) + USERS) if rng.random() < 0.4 else None
    return reference.Request(method, target, make_host(rng, route), tls, make_headers(rng, route, method), user,
                             make_arrival(rng, document, route))


def arrives(policy, request) -> bool:
    """Whether a request comes as far as the rules."""
    asked = reference.Question(request, None, EPOCH, None)
    try:
        policy.check_expected(request, policy.routes[policy.route_of(asked)])
    except reference.Denied:
        return False
    return True


def make_likely_request(rng: random.Random, document: dict) -> reference.Request:
    """Most of those that come to no route are made anew, so that the rules are asked often enough."""
    policy = reference.Policy(document, pool.issuer_keys(document))
    request = make_request(rng, document)
    for _ in range(5):
        if arrives(policy, request) or rng.random() < 0.12:
            break
        request = make_request(rng, document)
    return request


def known_certificates(document: dict) -> list:
    """Certificates of the pool that are some identity of this policy, on a good day."""
    policy = reference.Policy(document, pool.issuer_keys(document))
    return [name for name in LEAVES if is_known(policy, pool.reference_certificate(name))]


def is_known(policy, client) -> bool:
    inside = replace(client, not_before=0, not_after=10**12)
    try:
        return bool(policy.client_of(reference.Question(reference.Request("", b""), inside, 0, None), {}).identities)
    except reference.Denied:
        return False


def make_now(rng: random.Random, document: dict):
    moments = [EPOCH] * 34 + [EPOCH - 1, EPOCH + 1, EPOCH - DAY, EPOCH + DAY, EPOCH + DAY + 1,
                              EAST_ENDS, EAST_ENDS + 1, EPOCH + YEAR, EPOCH + YEAR + 1, None]
    if "valid_until" in document:
        end = reference.parse_time(document["valid_until"])
        moments += [end - 1, end]
    return rng.choice(moments)


def make_require(rng: random.Random, document: dict) -> tuple:
    names = sorted(document["identities"]) + [f"@{group}" for group in sorted(document["groups"])]
    count = rng.choices([0, 1, 2], [85, 12, 3])[0] if names else 0
    return tuple(tuple(rng.sample(names, min(len(names), rng.randint(1, 3)))) for _ in range(count))


def make_case(rng: random.Random, document: dict, known: list) -> Case:
    request = make_likely_request(rng, document)
    tenants = [name for name in known if "acme" in name.lower() or "globex" in name or "tenants" in name]
    leaves = rng.choices([known or LEAVES, tenants or known or LEAVES, ODD_NAMED, LEAVES], [60, 15, 10, 15])[0]
    name = rng.choice(leaves)
    if request.tls == "absent" or rng.random() < 0.06:
        name = None
    address = rng.choice(ADDRESSES) if rng.random() < 0.92 else rng.choice([None, "", "10.1.2", "peer"])
    return Case(name, request, make_now(rng, document), address, make_require(rng, document))
