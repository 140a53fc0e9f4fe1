#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeded generator of policies for differential tests; the certificates are those of pool.py, the requests of cases.py.

    generate.py certificates           one line a certificate, for the minting tool
    generate.py triples SEED COUNT     one JSON object a policy, with the reference's decisions

The same seed always gives the same output; GENERATE_EPOCH in the environment moves all its times.
Every policy compiles: what docs/POLICY.md calls an error is kept out by construction, with the few
helpers under "what must not be generated".
"""

import json
import random
import re
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone

import cases
import pool
import reference_names as names
import reference_requests as requests
from pool import CLIENTS, DAY, EPOCH, NAMED_AUTHORITIES, TENANTS, YEAR

# --- what must not be generated ------------------------------------------------------------


def canonical_pattern(path: str) -> tuple:
    return tuple(requests.pattern_segments(path))


def claimed_methods(methods: list) -> set:
    return set(methods) | ({"HEAD"} if "GET" in methods else set())


def methods_collide(first: list, second: list) -> bool:
    return "*" in first + second or bool(claimed_methods(first) & claimed_methods(second))


def routes_collide(first: dict, second: dict) -> bool:
    patterns = [{canonical_pattern(path) for path in route["paths"]} for route in (first, second)]
    hosts = [{requests.listed_host(host) for host in route["hosts"]} for route in (first, second)]
    both_preflight = first.get("preflight", False) and second.get("preflight", False)
    return bool(hosts[0] & hosts[1] and patterns[0] & patterns[1]
                and (both_preflight or methods_collide(first["methods"], second["methods"])))


def ruled_routes(document: dict) -> list:
    """The routes that rules speak of."""
    return [name for name, route in document["routes"].items() if not route.get("internal", False)]


def references_to(document: dict, route: str) -> set:
    """Every way of naming this route alone or by tag; "*" is not among them."""
    return {route} | {f"tag:{tag}" for tag in document["routes"][route].get("tags", [])}


def open_routes(document: dict) -> set:
    """Routes that an `everyone` rule names in any way."""
    named = [set(rule["routes"]) for rule in document["rules"].values()
             if "everyone" in rule["subjects"]]
    return {route for route in ruled_routes(document)
            if any("*" in routes or routes & references_to(document, route) for routes in named)}


def deniable_references(document: dict) -> list:
    """What a deny may name: nothing that touches a route everyone may use."""
    every = set(ruled_references(document))
    touching = {ref for route in open_routes(document) for ref in references_to(document, route)}
    return sorted(every - touching)


# --- policies ------------------------------------------------------------------------------

HOSTS = ["api.example", "admin.example", "a_b.example", "10.0.0.7", "*", "*.example", "*.b.example", "2001:db8::1",
         "[2001:DB8::2]", "-"]
LITERALS = ["a", "b", "orders", "Orders", "items", "health", "caf\u00e9", "a b", "x:y", "v1.2", "~u", "7", "beef"]
CAPTURES = ["id", "tenant", "name_2"]
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get", "M-SEARCH"]
TAGS = ["read", "write", "internal", "v2"]
NETWORKS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "192.0.2.0/24", "2001:db8::/32",
            "2001:db8:0:1::/64", "2001:db8::7", "::/0", "127.0.0.0/8"]
KINDS = ["spiffe", "uri", "dns", "cn", "email", "upn", "subject", {"attribute": pool.UNIT},
         {"attribute": "organizationIdentifier"}]
EXPECTS = sorted(cases.UNUSUAL) + ["method-override"]


@dataclass
class Making:
    """What the steps that build one policy share."""

    rng: random.Random
    size: int
    document: dict = field(default_factory=dict)

    def some(self, members, low=1, high=3) -> list:
        members = list(members)
        return self.rng.sample(members, min(len(members), self.rng.randint(low, high)))

    def chance(self, likelihood: float) -> bool:
        return self.rng.random() < likelihood


def make_kinds(making: Making) -> list:
    if making.chance(0.07):
        return ["none"]
    if making.chance(0.6):
        return [making.rng.choice(KINDS[:4] + KINDS)]
    kinds = making.some(KINDS[:6] if making.chance(0.7) else KINDS, 2, 4)
    return [kind for kind in kinds if kind != "uri" or "spiffe" not in kinds]


def make_issuers(making: Making):
    authorities = making.some(NAMED_AUTHORITIES, 1, 4)
    issuers = {}
    while authorities:
        held = [authorities.pop() for _ in range(min(len(authorities), making.rng.choice([1, 1, 2])))]
        issuers[f"issuer-{held[0]}"] = issuer = {
            "certificates": [{"file": f"{name}.crt"} for name in held],
            "names": make_kinds(making),
        }
        if making.chance(0.65 if len(issuer["names"]) > 1 else 0.3):
            issuer["any_of"] = making.chance(0.9) and issuer["names"] != ["none"]
        if making.chance(0.2):
            issuer["environment"] = "staging"
    making.document["issuers"] = issuers


# The values of identities: what the pool holds, patterns that take it, and neighbours of both.


def spiffe_values(making: Making, client: str) -> list:
    exact, tenant = pool.spiffe_name(client).decode(), making.rng.choice(TENANTS)
    patterns = ["spiffe://corp.example/*", "spiffe://corp.example/{name_2}", "spiffe://corp.example/t/{tenant}/*",
                f"spiffe://corp.example/t/*/{client}", f"spiffe://corp.example/t/{tenant}/*",
                f"spiffe://corp.example/t/{tenant}/{client}", "spiffe://corp.example/t/{tenant}/{name_2}",
                f"spiffe://corp.example/t/{{tenant}}/{client}", "spiffe://corp.example/**",
                "spiffe://corp.example/t/**", "spiffe://corp.example2/t/{tenant}/*", exact + "/**",
                "spiffe://corp.example/Billing", "spiffe://corp.example/*/{tenant}/**"]
    return [exact] * 8 + patterns


def uri_values(making: Making, client: str) -> list:
    return [pool.urn_name(client).decode()] * 4 + spiffe_values(making, client)


def dns_values(making: Making, client: str) -> list:
    plain = pool.dns_name(client).decode()
    return [plain, plain, plain, plain.upper(), plain + ".", "*.clients.example", "{name_2}.Clients.example.",
            "{tenant}.billing.example", "*.orders.example", f"{making.rng.choice(TENANTS)}.{client}.example"]


def email_values(making: Making, client: str) -> list:
    plain = pool.email_name(client).decode()
    return [plain, plain, plain, f"{client}@CLIENTS.example.", "*@clients.example", "{name_2}@clients.example",
            "{tenant}@Billing.example", "{tenant}@orders.example", "a@b@clients.example",
            f"{making.rng.choice(TENANTS)}@{client}.example", "Billing@clients.example"]


def identity_value(making: Making, kind: str) -> str:
    client = making.rng.choice(CLIENTS[:3] if making.chance(0.5) else CLIENTS)
    by_patterns = {"spiffe": spiffe_values, "uri": uri_values, "dns": dns_values, "email": email_values}
    if kind in by_patterns:
        return making.rng.choice(by_patterns[kind](making, client))
    exact = {
        "cn": [client] * 8 + ["bill\u00efng", "billing ", "*"],
        "upn": [pool.upn_name(client).decode()] * 6 + ["bill\u00efng@corp.example", "BILLING@corp.example"],
        "subject": [pool.subject_text(client)] * 6 + pool.SUBJECTS,
        f"attribute:{pool.UNIT}": TENANTS[:2] * 3 + ["Acme", "ACME", "caf\u00e9"],
        f"attribute:{pool.IDENTIFIER}": [f"ID-{client}"] * 5 + ["i" * 256, "id-billing"],
    }
    return making.rng.choice(exact[kind])


def make_oid(making: Making, oid: str) -> str:
    """An OID in either of its spellings."""
    spelled = [name for name, dotted in names.OIDS.items() if dotted == oid]
    return spelled[0] if spelled and making.chance(0.5) else oid


def make_pin(making: Making) -> str:
    spec = pool.POOL[making.rng.choice(pool.LEAVES)]
    if making.chance(0.7):
        issuer = making.rng.choice(NAMED_AUTHORITIES)
        spec = pool.POOL[f"{issuer}-{making.rng.choice(['', 'renewed-'])}{making.rng.choice(CLIENTS[:2])}"]
    kind, digits = making.rng.choice(sorted(spec.digests().items()))
    if making.chance(0.05):
        digits = digits[:-1] + ("0" if digits[-1] != "0" else "1")
    if making.chance(0.3):
        digits = ":".join(digits[at:at + 2] for at in range(0, 64, 2))
    return f"{kind}:{digits.upper() if making.chance(0.3) else digits}"


def different_pins(making: Making) -> list:
    pins = [make_pin(making) for _ in range(making.rng.randint(1, 3))]
    return list({pin.replace(":", "").lower(): pin for pin in pins}.values())


def make_attributes(making: Making, issuer: dict, kind: str) -> dict:
    values = {pool.UNIT: TENANTS[:2] + ["caf\u00e9"], pool.IDENTIFIER: ["ID-billing", "ID-orders"],
              pool.ORGANIZATION: ["Example GmbH", "Example Gmbh"]}
    second = {names.kind_of(name) for name in issuer["names"]} if not issuer.get("any_of") else {kind}
    oids = [oid for oid in making.some(values, 1, 2) if f"attribute:{oid}" not in second]
    return {make_oid(making, oid): making.rng.choice(values[oid][:1] + values[oid]) for oid in oids}


def make_identity(making: Making, issuer: str) -> dict:
    written = making.rng.choice(making.document["issuers"][issuer]["names"])
    kind = names.kind_of(written)
    made = {"issuer": issuer}
    if kind.startswith("attribute:"):
        oid = kind.removeprefix("attribute:")
        made["attribute"] = {"oid": make_oid(making, oid), "value": identity_value(making, kind)}
    elif kind != "none":
        made[kind] = identity_value(making, kind)
    if kind != "subject" and making.chance(0.15):
        made["attributes"] = make_attributes(making, making.document["issuers"][issuer], kind)
    if kind == "none" or making.chance(0.12):
        made["pins"] = different_pins(making)
    return {key: value for key, value in made.items() if value != {}}


def make_identities(making: Making):
    identities = {}
    for number in range(making.rng.randint(1, 2 + making.size)):
        issuer = making.rng.choice(sorted(making.document["issuers"]))
        prefix = making.rng.choice("abz")  # so that byte order and age differ
        identities[f"{prefix}{number}"] = make_identity(making, issuer)
    making.document["identities"] = identities


WIDE = {"spiffe": ["spiffe://corp.example/**", "spiffe://corp.example/*"], "uri": ["spiffe://corp.example/**"],
        "dns": ["*.clients.example", "*.billing.example"], "email": ["*@clients.example"]}


def make_may_assert(making: Making):
    """What an identity stands for can always be asserted; beside that, more or nothing."""
    for issuer, definition in making.document["issuers"].items():
        if definition["names"] == ["none"] or not making.chance(0.25):
            continue
        listed = [{key: value for key, value in identity.items() if key not in ("issuer", "attributes", "pins")}
                  for identity in making.document["identities"].values() if identity["issuer"] == issuer]
        for kind in definition["names"]:
            if making.chance(0.6) and isinstance(kind, str):
                listed += [{kind: value} for value in making.some(WIDE.get(kind, []), 0, 2)]
        different = {json.dumps(comparable_name(member), default=repr): member for member in listed}
        if different:
            definition["may_assert"] = shuffled_list(making, different.values())


def comparable_name(member: dict) -> tuple:
    """Two members that are one, however they are spelled."""
    kind, text = names.written_name(member)
    if kind in WIDE:
        text = re.sub(r"\{[a-z0-9_]+\}", "*", text)  # nothing keeps what it takes
    if kind == "subject":
        return kind, repr([sorted(rdn) for rdn in names.parse_subject(text)])
    if kind == "email" or kind == "dns":
        return kind, repr(names.normal_form(kind, text.encode()))
    return kind, text


def make_groups(making: Making):
    groups = {}
    for number in range(making.rng.randint(0, 1 + making.size // 2)):
        # Only groups made earlier may be members, so no group can come to hold itself.
        members = list(making.document["identities"]) + [f"@{name}" for name in groups] * 2
        groups[f"g{number}"] = making.some(without_doubles(members), 0, 4)
    making.document["groups"] = shuffled(making, groups)


def without_doubles(members: list) -> list:
    return list(dict.fromkeys(members))


def shuffled_list(making: Making, members) -> list:
    members = list(members)
    return making.rng.sample(members, len(members))


def shuffled(making: Making, table: dict) -> dict:
    return {key: table[key] for key in shuffled_list(making, table)}


def make_path(making: Making, expected: list) -> str:
    unused = making.rng.sample(CAPTURES, len(CAPTURES))
    odd = (["x;y"] if "parameters" in expected else []) + (["x\\y"] if "backslash" in expected else [])
    parts = []
    for _ in range(making.rng.choice([0, 1, 1, 2, 2, 3, 3])):
        # Few literals, so that patterns cross each other and the choice among them matters.
        literal = making.rng.choice(LITERALS[:4] if making.chance(0.7) else LITERALS + odd * 3)
        form = making.rng.choice(["", "", "", ":int", ":hex", ":uuid"])
        wild = "*" if making.chance(0.25) else "{" + unused.pop() + form + "}"
        parts.append(literal if making.chance(0.55) else wild)
    ending = making.rng.choice([[], [], [], ["**"], [""]])
    return "/" + "/".join(parts + ending)


def distinct_paths(making: Making, expected: list) -> list:
    paths = [make_path(making, expected) for _ in range(making.rng.randint(1, 3))]
    return list({canonical_pattern(path): path for path in paths}.values())


def make_route(making: Making) -> dict:
    expected = making.some(EXPECTS, 1, 4) if making.chance(0.3) else []
    route = {
        "hosts": making.some(HOSTS if making.chance(0.5) else [HOSTS[0], "*", "*.example"], 1, 2),
        "methods": ["*"] if making.chance(0.2) else making.some(METHODS[:4] + METHODS),
        "paths": distinct_paths(making, expected),
    }
    route["methods"] = without_doubles(route["methods"])
    if making.chance(0.6):
        route["tags"] = making.some(TAGS, 1, 2)
    if expected or making.chance(0.05):
        route["expects"] = expected
    if making.chance(0.15):
        route["internal"] = making.rng.choice([True, True, "error", "error", False])
    if making.chance(0.2) and not route.get("internal", False):
        route["preflight"] = making.chance(0.9)
    return route


def make_routes(making: Making):
    routes = {}
    for number in range(making.rng.randint(1, 3 + making.size * 2)):
        route = make_route(making)
        if number == 0:
            route.pop("internal", None)  # something is there to be ruled
        if not any(routes_collide(route, other) for other in routes.values()):
            routes[f"r{number}"] = route
    making.document["routes"] = shuffled(making, routes)


# --- rules -----------------------------------------------------------------------------------


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


def ruled_references(document: dict) -> list:
    """What a rule may name: routes and tags, but internal routes and tags that only these have."""
    return sorted({ref for name in ruled_routes(document) for ref in references_to(document, name)})


def make_everyone_rule(making: Making) -> dict:
    document = making.document
    routes = ["*"] if making.chance(0.05) else making.some(ruled_references(document), 1, 1)
    subjects = ["everyone"] + (making.some(document["identities"], 1, 1) if making.chance(0.2) else [])
    return {"effect": "allow", "subjects": subjects, "routes": routes, "acknowledge": ["everyone"],
            **make_conditions(making, 0.25), **make_texts(making)}


def subjects_of(making: Making) -> list:
    document = making.document
    subjects = list(document["identities"]) + [f"@{name}" for name in document["groups"]]
    if making.chance(0.25):
        subjects += [f"issuer:{name}" for name in document["issuers"]] + ["any-verified"]
    return making.some(subjects, 1, 4)


def acknowledged(subjects: list) -> dict:
    wide = [subject for subject in subjects if subject == "any-verified" or subject.startswith("issuer:")]
    return {"acknowledge": wide} if wide else {}


def make_users(making: Making) -> dict:
    if not making.chance(0.2):
        return {}
    return {"users": ["*"] if making.chance(0.4) else making.some(cases.USERS, 1, 2)}


def make_client_rule(making: Making, effect: str, references: list) -> dict:
    everything = making.chance(0.2) or not references
    subjects = subjects_of(making)
    made = {"effect": effect, "subjects": subjects,
            "routes": ["*"] if everything else making.some(references, 1, 4),
            **make_conditions(making, 0.3), **make_texts(making)}
    if effect == "allow":
        made.update(acknowledged(subjects), **make_users(making))
    return made


def holds_capture(path: str, capture: str) -> bool:
    return any(part.startswith("{") and part[1:-1].partition(":")[0] == capture for part in path.split("/"))


def references_with(document: dict, capture: str) -> list:
    """Routes and tags whose every pattern has this capture."""
    bare = {name for name in ruled_routes(document)
            if not all(holds_capture(path, capture) for path in document["routes"][name]["paths"])}
    lacking = {ref for name in bare for ref in references_to(document, name)}
    return [ref for ref in ruled_references(document) if ref not in lacking]


def captures_in(definition: dict) -> set:
    kind, text = names.written_name(definition) or ("none", "")
    if kind not in ("spiffe", "uri", "dns", "email"):
        return set()
    return {match[1] for part in text.replace("@", "/").replace(".", "/").split("/")
            if (match := names.CAPTURE.fullmatch(part))}


def subjects_with(document: dict, capture: str) -> list:
    """Identities whose name has this capture, and groups of nothing else."""
    having = {name for name, definition in document["identities"].items() if capture in captures_in(definition)}
    policy = cases.reference.Policy(document, {})
    return sorted(having) + [f"@{group}" for group in document["groups"]
                             if policy.group_members(group) and policy.group_members(group) <= having]


def make_same_rule(making: Making):
    """An allow rule with `same`, or None where nothing has the captures for it."""
    document, wanted = making.document, {}
    path_capture = making.rng.choice(CAPTURES)
    references = references_with(document, path_capture)
    if making.chance(0.3):
        wanted[path_capture] = {"attribute": make_oid(making, making.rng.choice([pool.UNIT, pool.IDENTIFIER]))}
        subjects = subjects_of(making)
    else:
        capture = making.rng.choice(["tenant", "tenant", "name_2"])
        wanted[path_capture] = capture
        subjects = making.some(subjects_with(document, capture), 1, 3)
    second = making.rng.choice(CAPTURES)
    both = [ref for ref in references_with(document, second) if ref in references]
    if both and second != path_capture and making.chance(0.5):
        references, wanted[second] = both, {"attribute": pool.UNIT}
        having = [name for name in subjects if name in subjects_with(document, "name_2")]
        if having and "tenant" in wanted.values():
            subjects, wanted[second] = having, "name_2"
    if not references or not subjects:
        return None
    return {"effect": "allow", "subjects": subjects, "routes": making.some(references, 1, 3), "same": wanted,
            **acknowledged(subjects), **make_users(making), **make_conditions(making, 0.15)}


def make_rules(making: Making):
    document, rng = making.document, making.rng
    document["rules"] = rules = {}
    for number in range(rng.choice([0, 0, 1, 2])):
        rules[f"{rng.choice('am9')}-open-{number}"] = make_everyone_rule(making)
    references = ruled_references(document)
    for number in range(rng.randint(1, 2 + making.size * 2)):
        rules[f"{rng.choice('bz0')}-allow-{number}"] = make_client_rule(making, "allow", references)
    for number in range(rng.randint(0, 4)):
        rule = make_same_rule(making)
        if rule:
            rules[f"{rng.choice('bs1')}-same-{number}"] = rule
    for number in range(rng.randint(0, 1 + making.size // 3)):
        rules[f"{rng.choice('cy1')}-deny-{number}"] = make_client_rule(making, "deny", deniable_references(document))
    document["rules"] = shuffled(making, rules)


def make_policy(rng: random.Random, size: int) -> dict:
    making = Making(rng, size)
    for step in (make_issuers, make_identities, make_may_assert, make_groups, make_routes, make_rules):
        step(making)
    document = making.document
    document["name"] = f"generated-{size}"
    if making.chance(0.5):
        document["serial"] = rng.choice([0, 1, 9007199254740991])
    if making.chance(0.2):
        document["valid_until"] = rfc3339(making, EPOCH + rng.choice([1, DAY + 1, 30 * DAY, YEAR, YEAR]))
    if making.chance(0.1):
        document["environment"] = "staging"
    if making.chance(0.1):
        document["production"] = making.chance(0.5)
    return shuffled(making, document)


REQUESTS_PER_POLICY = 50


def triples(seed: int, count: int):
    """Yields (document, [cases.Case, ...])."""
    rng = random.Random(seed)
    for number in range(count):
        document = make_policy(rng, number % 12)
        known = cases.known_certificates(document)
        yield document, [cases.make_case(rng, document, known) for _ in range(REQUESTS_PER_POLICY)]


# --- command line --------------------------------------------------------------------------


def print_triples(seed: int, count: int):
    for document, made in triples(seed, count):
        told = [{**case.as_json(), "expected": asdict(cases.decide(document, case))} for case in made]
        print(json.dumps({"policy": document, "cases": told}))


def main(arguments: list) -> int:
    if arguments == ["certificates"]:
        print("\n".join(spec.line() for spec in pool.certificate_pool()))
        return 0
    if len(arguments) == 3 and arguments[0] == "triples":
        print_triples(int(arguments[1]), int(arguments[2]))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
