# SPDX-License-Identifier: Apache-2.0
"""Small policies and requests, each with the sentence it shows and what must come of it.

Numbers are those of the sections of the language's definition: 2 who, 3 which route, 4 may it. A row is (sentence,
changes to POLICY, changes to the request, expected): tables are changed name by name, None takes one out; what is
expected is a reason and those other fields of the decision that matter, "none" for one that must not be there.
"""

import copy
from dataclasses import dataclass

import cases
import pool
from pool import EPOCH
from reference import Request

CORP = {"certificates": [{"file": "corp.crt"}], "names": ["spiffe"]}
ALL_OF_ROUTES = {"effect": "allow", "subjects": ["billing"], "routes": ["*"]}
POLICY = {
    "name": "sentences",
    "issuers": {"corp": CORP},
    "identities": {"billing": {"issuer": "corp", "spiffe": "spiffe://corp.example/billing"}},
    "groups": {},
    "routes": {"order": {"hosts": ["api.example"], "methods": ["GET"], "paths": ["/orders/{id}"], "tags": ["t"]}},
    "rules": {"r": ALL_OF_ROUTES},
}
TABLES = ("issuers", "identities", "groups", "routes", "rules")
REQUEST_KEYS = ("method", "target", "host", "tls", "headers", "user", "arrival")


@dataclass(frozen=True)
class Row:
    sentence: str
    document: dict
    case: cases.Case
    expected: dict


def changed(document: dict, changes: dict) -> dict:
    made = copy.deepcopy(document)
    for key, value in changes.items():
        if key not in TABLES:
            made[key] = value
            continue
        for name, definition in value.items():
            made[key].pop(name, None)
            if definition is not None:
                made[key][name] = definition
    return made


def asked(changes: dict) -> cases.Case:
    request = {"method": "GET", "target": "/orders/7", "host": "api.example",
               **{key: value for key, value in changes.items() if key in REQUEST_KEYS}}
    target = request["target"]
    request["target"] = target.encode() if isinstance(target, str) else target
    others = {"certificate": "corp-billing", "now": EPOCH, "address": "10.1.2.3",
              **{key: value for key, value in changes.items() if key not in REQUEST_KEYS}}
    return cases.Case(request=Request(**request), **others)


def expectation(text: str) -> dict:
    reason, *others = text.split()
    fields = dict(word.split("=") for word in others)
    return {"reason": reason, **{key: None if value == "none" else value for key, value in fields.items()}}


def row(sentence, policy, request, expected) -> Row:
    return Row(sentence, changed(POLICY, policy), asked(request), expectation(expected))


def issuer(*names, files=("corp",), **more) -> dict:
    return {"issuers": {"corp": {"certificates": [{"file": f"{name}.crt"} for name in files], "names": list(names),
                                 **more}}}


def known(kind, value, **more) -> dict:
    return {"identities": {"billing": {"issuer": "corp", kind: value, **more}}}


def attribute(oid, value) -> dict:
    return {"identities": {"billing": {"issuer": "corp", "attribute": {"oid": oid, "value": value}}}}


def ident(**more) -> dict:
    return {"issuer": "corp", **more}


def pins(certificate, kind="certificate", spelled=str) -> list:
    return [f"{kind}:{spelled(pool.POOL[certificate].digests()[kind])}"]


def rule(*subjects, effect="allow", routes=("*",), **more) -> dict:
    wide = [name for name in subjects if name in ("everyone", "any-verified") or name.startswith("issuer:")]
    acknowledge = {"acknowledge": wide} if wide and effect == "allow" else {}
    return {"effect": effect, "subjects": list(subjects), "routes": list(routes), **acknowledge, **more}


def route(*paths, methods=("GET",), hosts=("api.example",), **more) -> dict:
    return {"hosts": list(hosts), "methods": list(methods), "paths": list(paths), **more}


def open_routes(**routes) -> dict:
    """Everyone may use these, so that the decision shows the route alone."""
    return {"routes": routes, "rules": {"r": rule("everyone")}}


def spiffe(path) -> str:
    return f"spiffe://corp.example/{path}"


TWO_KINDS = issuer("spiffe", "dns")
ANY_OF = issuer("spiffe", "dns", any_of=True)
BY_DNS = {"issuer": "corp", "dns": "billing.clients.example"}
EAST = {"certificates": [{"file": "east.crt"}], "names": ["spiffe"]}
PREFLIGHT = {"method": "OPTIONS", "headers": cases.PREFLIGHT}
DENY_EVERY = rule("billing", effect="deny")
GONE = {"valid_until": "2026-01-01T00:00:00Z"}
ELSEWHERE = {"networks": ["192.0.2.0/24"]}

WHO = [
    ("2.1 TLS must have verified the certificate", {}, {"certificate": "unverified-billing"}, "certificate-not-verified"),
    ("2.1 unless an everyone rule allows", {"rules": {"e": rule("everyone")}}, {"certificate": "unverified-billing"},
     "allowed rule=e issuer=none identity=none"),
    ("2.1 without a certificate", {}, {"certificate": None}, "no-certificate route=order issuer=none"),
    ("2.2 the nearest CA that the policy names", {"issuers": {"east": EAST}, "identities": {"east": {
        "issuer": "east", "spiffe": spiffe("billing")}}}, {"certificate": "east-billing"},
     "no-rule issuer=east identity=east"),
    ("2.2 a nearer CA that it does not name is passed over", {}, {"certificate": "east-billing"}, "allowed issuer=corp"),
    ("2.2 never by name text", {}, {"certificate": "self-posing"}, "issuer-unknown"),
    ("2.2 a path of length one is issuer-unknown", {}, {"certificate": "self-billing"}, "issuer-unknown issuer=none"),
    ("2.2 an issuer may have many keys", issuer("spiffe", files=("device", "partner")),
     {"certificate": "partner-billing"}, "allowed issuer=corp"),
    ("2.2 where it cannot be known", {}, {"certificate": "corp-not-established"}, "issuer-not-established"),
    ("2.2 a deny for issuer:NAME applies if any CA on the path belongs to it",
     {"issuers": {"east": EAST}, "identities": {"billing": {"issuer": "east", "spiffe": spiffe("billing")}},
      "rules": {"d": rule("issuer:corp", effect="deny")}}, {"certificate": "east-billing"}, "denied-by-rule rule=d"),
    ("2.2 an allow for issuer:NAME does not",
     {"issuers": {"east": EAST}, "rules": {"r": rule("issuer:corp")}}, {"certificate": "east-billing"},
     "identity-unknown issuer=east"),
    ("2.3 SPIFFE ID", {}, {}, "allowed identity=billing"),
    ("2.3 URI", {**issuer("uri"), **known("uri", "urn:example:client:billing")}, {"certificate": "corp-urn-billing"},
     "allowed"),
    ("2.3 DNS", {**issuer("dns"), **known("dns", "billing.clients.example")}, {}, "allowed"),
    ("2.3 e-mail", {**issuer("email"), **known("email", "billing@clients.example")}, {}, "allowed"),
    ("2.3 UPN", {**issuer("upn"), **known("upn", "billing@corp.example")}, {}, "allowed"),
    ("2.3 CN", {**issuer("cn"), **known("cn", "billing")}, {}, "allowed"),
    ("2.3 a subject attribute by OID", {**issuer({"attribute": "2.5.4.97"}),
                                        **attribute("organizationIdentifier", "ID-billing")}, {}, "allowed"),
    ("2.3 the whole subject", {**issuer("subject"), **known("subject", pool.subject_text("billing"))}, {}, "allowed"),
    ("2.3 or none: pins only", {**issuer("none"), "identities": {"billing": ident(pins=pins("corp-billing"))}}, {},
     "allowed identity=billing"),
    ("2.3 none: whatever names the certificate has",
     {**issuer("none"), "identities": {"billing": ident(pins=pins("corp-two-uri"))}}, {"certificate": "corp-two-uri"},
     "allowed"),
    ("2.3 exactly one value in exactly one of several kinds", TWO_KINDS, {"certificate": "corp-uri-billing"}, "allowed"),
    ("2.3 one of each of two kinds is ambiguous", TWO_KINDS, {}, "name-ambiguous identity=none issuer=corp"),
    ("2.3 none of the kinds", TWO_KINDS, {"certificate": "corp-only-cn"}, "name-missing"),
    ("2.3 several of one kind", {}, {"certificate": "corp-three-uri"}, "name-ambiguous"),
    ("2.3 the same name twice", {}, {"certificate": "corp-twice-the-same"}, "name-ambiguous"),
    ("2.3 any-of: subjects are the union", {**ANY_OF, "identities": {"other": ident(spiffe=spiffe("orders"))},
                                            "rules": {"r": rule("other")}}, {"certificate": "corp-three-uri"},
     "allowed identity=billing"),
    ("2.3 any-of over kinds", {**ANY_OF, "identities": {"other": BY_DNS}, "rules": {"r": rule("other")}},
     {"certificate": "corp-uri-and-dns"}, "allowed identity=other"),
    ("2.3 any-of: every value must be well-formed", {**ANY_OF, "identities": {"billing": BY_DNS}},
     {"certificate": "corp-one-malformed"}, "name-malformed"),
    ("2.3 any-of: every value inside the issuer's names",
     {**issuer("spiffe", any_of=True, may_assert=[{"spiffe": spiffe("*")}])}, {"certificate": "corp-one-outside"},
     "name-outside-issuer identity=none"),
    ("2.3 any-of: at most 16", {**ANY_OF, "identities": {"billing": BY_DNS}}, {"certificate": "corp-sixteen"}, "allowed"),
    ("2.3 any-of: not 17", {**ANY_OF, "identities": {"billing": BY_DNS}}, {"certificate": "corp-seventeen"},
     "name-ambiguous"),
    ("2.3 any-of: none at all", ANY_OF, {"certificate": "corp-nameless"}, "name-missing"),
    ("2.3 any-of: false is as not there", issuer("spiffe", any_of=False), {"certificate": "corp-three-uri"},
     "name-ambiguous"),
    ("2.3 no falling through from SAN to CN", issuer("spiffe"), {"certificate": "corp-only-cn"}, "name-missing"),
    ("2.3 kinds never compare with each other",
     {**issuer("cn", "upn", any_of=True), **known("upn", "billing")}, {"certificate": "corp-cn-billing"},
     "identity-unknown"),
    ("2.3 attributes of other OIDs are other kinds",
     {**issuer({"attribute": "2.5.4.11"}, {"attribute": "2.5.4.10"}, any_of=True), **attribute("2.5.4.11", "Example GmbH")},
     {}, "identity-unknown"),
    ("2.3 IA5: NUL is malformed", {}, {"certificate": "corp-nul"}, "name-malformed"),
    ("2.3 IA5: a control is malformed", {**issuer("dns"), **known("dns", "x.example")}, {"certificate": "corp-control"},
     "name-malformed"),
    ("2.3 IA5: non-ASCII is malformed", {**issuer("email"), **known("email", "a@b")}, {"certificate": "corp-email-utf8"},
     "name-malformed"),
    ("2.3 UPN: valid UTF-8", {**issuer("upn"), **known("upn", "bill\u00efng@corp.example")},
     {"certificate": "corp-upn-utf8"}, "allowed"),
    ("2.3 UPN: nothing but UTF-8", {**issuer("upn"), **known("upn", "x")}, {"certificate": "corp-upn-not-utf8"},
     "name-malformed"),
    ("2.3 UPN: no controls", {**issuer("upn"), **known("upn", "x")}, {"certificate": "corp-upn-control"}, "name-malformed"),
    ("2.3 UPN: a UTF8String", {**issuer("upn"), **known("upn", "billing@corp.example")}, {"certificate": "corp-upn-ia5"},
     "name-malformed"),
    ("2.3 attribute: no controls", {**issuer({"attribute": "2.5.4.11"}), **attribute("2.5.4.11", "x")},
     {"certificate": "corp-unit-control"}, "name-malformed"),
    ("2.3 attribute: text", {**issuer({"attribute": "2.5.4.11"}), **attribute("2.5.4.11", "acme")},
     {"certificate": "corp-unit-bits"}, "name-malformed"),
    ("2.3 values as UTF-8 whatever their string type",
     {**issuer({"attribute": "2.5.4.11"}), **attribute("2.5.4.11", "caf\u00e9")}, {"certificate": "corp-unit-t61"},
     "allowed"),
    ("2.3 BMPString too", {**issuer({"attribute": "organizationIdentifier"}), **attribute("2.5.4.97", "ID-billing")},
     {"certificate": "corp-identifier-bmp"}, "allowed"),
    ("2.3 an attribute twice", {**issuer({"attribute": "2.5.4.97"}), **attribute("2.5.4.97", "ID-billing")},
     {"certificate": "corp-identifier-two"}, "name-ambiguous"),
    ("2.3 DNS names compare in lower case without trailing dot",
     {**issuer("dns"), **known("dns", "Billing.CLIENTS.example.")}, {"certificate": "corp-upper"}, "allowed"),
    ("2.3 e-mail domains too", {**issuer("email"), **known("email", "billing@Clients.example")},
     {"certificate": "corp-email-domain-case"}, "allowed"),
    ("2.3 but not what is before the @", {**issuer("email"), **known("email", "billing@clients.example")},
     {"certificate": "corp-email-case"}, "identity-unknown"),
    ("2.3 the last @ divides", {**issuer("email"), **known("email", "a@b@clients.example")},
     {"certificate": "corp-email-two-at"}, "allowed"),
    ("2.3 a wildcard DNS SAN is malformed", {**issuer("dns"), **known("dns", "*.clients.example")},
     {"certificate": "corp-wildcard"}, "name-malformed"),
    ("2.3 all else byte for byte", {**issuer("upn"), **known("upn", "billing@corp.example")},
     {"certificate": "corp-upn-case"}, "identity-unknown"),
    ("2.3 SPIFFE: upper case in the scheme rejected", {}, {"certificate": "corp-upper"}, "name-malformed"),
    ("2.3 SPIFFE: upper case in the trust domain rejected", {}, {"certificate": "corp-upper-domain"}, "name-malformed"),
    ("2.3 whole subject: RDN sets", {**issuer("subject"), **known("subject", "O=Example GmbH+OU=acme,CN=billing")},
     {"certificate": "corp-joined-other-way"}, "allowed"),
    ("2.3 whole subject: an RDN is a set", {**issuer("subject"), **known("subject", "O=Example GmbH+OU=acme,CN=billing")},
     {"certificate": "corp-joined-twice"}, "allowed"),
    ("2.3 whole subject: one RDN is not two", {**issuer("subject"), **known("subject", "O=Example GmbH,OU=acme,CN=billing")},
     {"certificate": "corp-joined"}, "identity-unknown"),
    ("2.3 whole subject: the order of RDNs", {**issuer("subject"), **known("subject", "O=Example GmbH,OU=acme,CN=billing")},
     {"certificate": "corp-other-order"}, "identity-unknown"),
    ("2.3 whole subject: whatever their string type",
     {**issuer("subject"), **known("subject", "o=Example GmbH,2.5.4.11=acme,cn=billing")},
     {"certificate": "corp-other-types"}, "allowed"),
    ("2.3 whole subject: escapes", {**issuer("subject"), **known("subject", pool.SUBJECTS[2])},
     {"certificate": "corp-special"}, "allowed"),
    ("2.3 whole subject: not when it is empty", {**issuer("subject"), **known("subject", "CN=billing")},
     {"certificate": "corp-nameless"}, "name-missing"),
    ("2.3 whole subject: a value that is no text", {**issuer("subject"), **known("subject", "OU=acme,CN=billing")},
     {"certificate": "corp-unit-bits"}, "name-malformed"),
    ("2.4 any other name is outside, before any rule", issuer("spiffe", may_assert=[{"spiffe": spiffe("billing")}]),
     {"certificate": "corp-orders"}, "name-outside-issuer"),
    ("2.4 patterns", issuer("spiffe", may_assert=[{"spiffe": spiffe("**")}]), {"certificate": "corp-orders"},
     "identity-unknown"),
    ("2.4 a kind that it does not list", {**issuer("spiffe", "dns", may_assert=[{"spiffe": spiffe("**")}])},
     {"certificate": "corp-dns-billing"}, "name-outside-issuer"),
    ("2.5 its issuer is the certificate's issuer", {"issuers": {"partner": {**EAST, "certificates": [
        {"file": "partner.crt"}]}}}, {"certificate": "partner-billing"}, "identity-unknown issuer=partner"),
    ("2.5 * one segment", known("spiffe", spiffe("*")), {}, "allowed"),
    ("2.5 * not two", known("spiffe", spiffe("*")), {"certificate": "corp-acme-billing"}, "identity-unknown"),
    ("2.5 trailing **", known("spiffe", spiffe("t/**")), {"certificate": "corp-deep"}, "allowed"),
    ("2.5 ** takes nothing too", known("spiffe", spiffe("t/**")), {"certificate": "corp-shallow"}, "allowed"),
    ("2.5 scheme and authority are literal", known("spiffe", spiffe("t/**")), {"certificate": "corp-other-domain"},
     "identity-unknown"),
    ("2.5 * one label", {**issuer("dns"), **known("dns", "*.clients.example")}, {}, "allowed"),
    ("2.5 * not two labels", {**issuer("dns"), **known("dns", "*.billing.example")}, {"certificate": "corp-deep"},
     "identity-unknown"),
    ("2.5 * not no label", {**issuer("dns"), **known("dns", "*.billing.example")}, {"certificate": "corp-shallow"},
     "identity-unknown"),
    ("2.5 *@domain", {**issuer("email"), **known("email", "*@clients.example")}, {}, "allowed"),
    ("2.5 *@domain of no other domain", {**issuer("email"), **known("email", "{t}@billing.example")},
     {"certificate": "corp-other-domain"}, "identity-unknown"),
    ("2.5 CN exact only", {**issuer("cn"), **known("cn", "*")}, {}, "identity-unknown"),
    ("2.3 UPN exact only", {**issuer("upn"), **known("upn", "*@corp.example")}, {}, "identity-unknown"),
    ("2.3 attributes exact only", {**issuer({"attribute": "2.5.4.97"}), **attribute("2.5.4.97", "*")}, {},
     "identity-unknown"),
    ("2.3 whole subject exact only", {**issuer("subject"), **known("subject", "CN=*")}, {}, "identity-unknown"),
    ("2.5 other attributes", known("spiffe", spiffe("billing"), attributes={"2.5.4.11": "acme"}), {}, "allowed"),
    ("2.5 of another value", known("spiffe", spiffe("billing"), attributes={"organizationalUnitName": "globex"}), {},
     "identity-unknown"),
    ("2.5 exactly one value of it", known("spiffe", spiffe("billing"), attributes={"2.5.4.11": "acme"}),
     {"certificate": "corp-units-twice-the-same"}, "identity-unknown"),
    ("2.5 none of it", known("spiffe", spiffe("billing"), attributes={"2.5.4.11": "acme"}),
     {"certificate": "corp-uri-billing"}, "identity-unknown"),
    ("2.5 a certificate pin", known("spiffe", spiffe("billing"), pins=pins("corp-billing", spelled=str.upper)), {},
     "allowed"),
    ("2.5 a pin of another certificate", known("spiffe", spiffe("billing"), pins=pins("corp-billing")),
     {"certificate": "corp-renewed-billing"}, "identity-unknown"),
    ("2.5 an SPKI pin", known("spiffe", spiffe("billing"), pins=pins("corp-billing", "spki")),
     {"certificate": "corp-renewed-billing"}, "allowed"),
    ("2.5 a list of pins", known("spiffe", spiffe("billing"), pins=pins("corp-orders") + pins("corp-billing")), {},
     "allowed"),
    ("2.5 always in addition to verification", known("spiffe", spiffe("billing"), pins=pins("unverified-billing")),
     {"certificate": "unverified-billing"}, "certificate-not-verified"),
    ("2.5 a pin does not make up for the name", known("spiffe", spiffe("orders"), pins=pins("corp-billing")), {},
     "identity-unknown"),
    ("2.6 every group these are in", {"groups": {"a": ["@b"], "b": ["billing"]}, "rules": {"r": rule("@a")}}, {},
     "allowed rule=r"),
    ("2.6 every identity that matches", {"identities": {"any": ident(spiffe=spiffe("*"))},
                                         "rules": {"d": rule("any", effect="deny")}}, {}, "denied-by-rule rule=d"),
    ("2.6 issuer:NAME is a client of that issuer, known or not", {"rules": {"i": rule("issuer:corp")}},
     {"certificate": "corp-orders"}, "allowed rule=i identity=none issuer=corp"),
    ("2.6 any-verified is that of any issuer", {"rules": {"i": rule("any-verified")}}, {"certificate": "corp-orders"},
     "allowed rule=i identity=none"),
    ("2.6 both need a named issuer", {"rules": {"i": rule("any-verified")}}, {"certificate": "partner-billing"},
     "issuer-unknown"),
    ("2.6 both need a principal", {"rules": {"i": rule("any-verified")}}, {"certificate": "corp-nameless"},
     "name-missing"),
    ("2.6 inside the issuer's names", {**issuer("spiffe", may_assert=[{"spiffe": spiffe("billing")}]),
                                       "rules": {"i": rule("issuer:corp")}}, {"certificate": "corp-orders"},
     "name-outside-issuer"),
    ("2.6 for pins-only issuers the issuer alone", {**issuer("none"), "identities": {"billing": ident(
        pins=pins("corp-orders"))}, "rules": {"r": rule("issuer:corp")}}, {"certificate": "corp-nameless"}, "allowed"),
    ("2.6 any-verified too", {**issuer("none"), "identities": {"billing": ident(pins=pins("corp-orders"))},
                              "rules": {"r": rule("any-verified")}}, {"certificate": "corp-nameless"}, "allowed"),
    ("2.6 a deny for any-verified meets the known", {"rules": {"d": rule("any-verified", effect="deny")}}, {},
     "denied-by-rule rule=d"),
    ("2.7 everyone, without a certificate", {"rules": {"e": rule("everyone")}}, {"certificate": None},
     "allowed rule=e issuer=none"),
    ("2.7 everyone, without TLS", {"rules": {"e": rule("everyone")}}, {"certificate": None, "tls": "absent"}, "allowed"),
    ("2.7 everyone, whatever its state", {"rules": {"e": rule("everyone")}}, {"certificate": "corp-expired"}, "allowed"),
    ("2.7 looked at before the certificate", {"rules": {"e": rule("everyone"), "r": rule("billing")}}, {},
     "allowed rule=e identity=none"),
    ("2.7 with networks", {"rules": {"e": rule("everyone", **ELSEWHERE)}}, {"certificate": None}, "no-certificate"),
    ("2.7 with validity", {"rules": {"e": rule("everyone", **GONE)}}, {"certificate": None}, "no-certificate"),
    ("2.7 a deny on * leaves these routes out", {"rules": {"e": rule("everyone", **ELSEWHERE), "d": DENY_EVERY}}, {},
     "allowed rule=r"),
    ("2.7 preflight does not count as such a grant",
     {"routes": {"order": route("/orders/{id}", preflight=True)}, "rules": {"d": DENY_EVERY}}, {},
     "denied-by-rule rule=d"),
    ("2.7 on a Require line an everyone grant is not enough", {"rules": {"e": rule("everyone")}},
     {"certificate": None, "require": (("billing",),)}, "no-certificate"),
    ("2.7 and must match a name", {"rules": {"e": rule("everyone")}, "identities": {"o": ident(spiffe=spiffe("orders"))}},
     {"require": (("o",),)}, "not-on-require-line identity=billing"),
    ("2.7 and a name that it matches", {"rules": {"e": rule("everyone"), "r": None}}, {"require": (("billing",),)},
     "allowed rule=e identity=billing"),
    ("2.8 the most specific name: pin", {"identities": {
        "z": ident(spiffe=spiffe("*"), pins=pins("corp-billing")), "a": ident(spiffe=spiffe("**"))}}, {},
     "allowed identity=z"),
    ("2.8 then exact", {"identities": {"a": ident(spiffe=spiffe("*"))}}, {}, "allowed identity=billing"),
    ("2.8 then pattern, by name", {"identities": {"billing": None, "b": ident(spiffe=spiffe("**")),
                                                  "a": ident(spiffe=spiffe("{x}"))}, "rules": {"r": rule("b")}}, {},
     "allowed identity=a"),
]

TWO_HOSTS = open_routes(one=route("/a/b"), label=route("/a/*", "/only", hosts=["*.example"]),
                        rest=route("/**", hosts=["*"]))
FORMS = open_routes(uuid=route("/v/{x:uuid}"), int=route("/v/{x:int}"), hex=route("/v/{x:hex}"), one=route("/v/{x}"),
                    rest=route("/v/**"), seven=route("/v/7"), end=route("/v"))
INTERNAL = {"routes": {"in": route("/in/*", internal=True), "error": route("/error", internal="error"),
                       "wide": route("/**", methods=["*"])}, "rules": {"w": rule("everyone")}}
CORS = {"routes": {"order": route("/orders/{id}"), "cors": route("/orders/{x}", methods=["PUT"], preflight=True),
                   "options": route("/orders/{y}", methods=["OPTIONS"])}}
UUID = "0123abcd-4567-89AB-cdef-000000000000"
ALL_EXPECTED = route("/**", expects=["encoded-slash", "backslash", "parameters", "empty-segments", "dot-segments", "percent",
                                     "method-override"])
ALWAYS = {"%00": "/%00", "a control": "/%0a", "a raw control": "/\x01", "an escape that yields an escape": "/%2541",
          "a broken escape": "/%4", "invalid UTF-8": "/%ff", "overlong UTF-8": "/%C0%AF", "a raw byte of 0x80 or more": "/\u00e9",
          "#": "/a#b", "no / at the start": "a", "no / behind the authority": "http://api.example"}

WHICH = [
    ("3.1 exact before the wildcard, and from here on only that host", TWO_HOSTS, {"target": "/only"}, "route-unknown"),
    ("3.1 else one-label wildcard", TWO_HOSTS, {"target": "/a/b", "host": "x.example"}, "allowed route=label"),
    ("3.1 one label", TWO_HOSTS, {"target": "/a/b", "host": "y.x.example"}, "allowed route=rest"),
    ("3.1 the wildcard is not its own name", TWO_HOSTS, {"target": "/a/b", "host": "example"}, "allowed route=rest"),
    ("3.1 a wildcard's host without the pattern", TWO_HOSTS, {"target": "/z", "host": "x.example"}, "route-unknown"),
    ("3.1 else *", TWO_HOSTS, {"target": "/a/b", "host": "203.0.113.9"}, "allowed route=rest"),
    ("3.1 a route may list several hosts", open_routes(r=route("/a", hosts=["x.example", "y.example"])),
     {"target": "/a", "host": "y.example"}, "allowed route=r"),
    ("3.1 lower case, no port, one trailing dot", TWO_HOSTS, {"target": "/a/b", "host": "API.Example.:8443"},
     "allowed route=one"),
    ("3.1 not two trailing dots", TWO_HOSTS, {"target": "/a/b", "host": "api.example.."}, "host-malformed"),
    ("3.1 IP literals by value", open_routes(r=route("/**", hosts=["2001:db8::1"])), {"host": "[2001:DB8:0::1]:443"},
     "allowed route=r"),
    ("3.1 IP literals of another value", open_routes(r=route("/**", hosts=["[2001:db8::1]"])), {"host": "[2001:db8::2]"},
     "route-unknown"),
    ("3.1 an IP literal has no labels", open_routes(r=route("/**", hosts=["*.0.0.7"]), s=route("/**", hosts=["*"])),
     {"host": "10.0.0.7"}, "allowed route=s"),
    ("3.1 IPv4", open_routes(r=route("/**", hosts=["10.0.0.7"])), {"host": "10.0.0.7:80"}, "allowed route=r"),
    ("3.1 - matches a request without Host", open_routes(r=route("/**", hosts=["-"])), {"host": None}, "allowed route=r"),
    ("3.1 - is no host of that name", open_routes(r=route("/**", hosts=["-"])), {"host": "-"}, "route-unknown"),
    ("3.1 missing without -", open_routes(r=route("/**", hosts=["*"])), {"host": None}, "host-missing"),
    ("3.1 neither a DNS name nor an IP literal", {}, {"host": "a_b.c/x"}, "host-malformed"),
    ("3.2 a literal before uuid", FORMS, {"target": "/v/7"}, "allowed route=seven"),
    ("3.2 uuid before int and hex", FORMS, {"target": f"/v/{UUID}"}, "allowed route=uuid"),
    ("3.2 int before hex", FORMS, {"target": "/v/42"}, "allowed route=int"),
    ("3.2 int is 1 to 19 digits", FORMS, {"target": "/v/" + "9" * 20}, "allowed route=hex"),
    ("3.2 hex before *", FORMS, {"target": "/v/bEEf"}, "allowed route=hex"),
    ("3.2 hex is 1 to 128 digits", FORMS, {"target": "/v/" + "f" * 129}, "allowed route=one"),
    ("3.2 uuid is 8-4-4-4-12", FORMS, {"target": f"/v/{UUID[:-1]}"}, "allowed route=one"),
    ("3.2 * before **", FORMS, {"target": "/v/x"}, "allowed route=one"),
    ("3.2 a capture takes nothing empty", FORMS, {"target": "/v/"}, "allowed route=rest"),
    ("3.2 the end before **", FORMS, {"target": "/v"}, "allowed route=end"),
    ("3.2 compared from the left", open_routes(a=route("/{x:int}/b/**"), b=route("/{x:hex}/b/c")), {"target": "/7/b/c"},
     "allowed route=a"),
    ("3.2 among the patterns that match the whole path", open_routes(a=route("/{x:int}/b"), b=route("/{x:hex}/c")),
     {"target": "/7/c"}, "allowed route=b"),
    ("3.2 ** takes nothing too", open_routes(r=route("/a/**")), {"target": "/a"}, "allowed route=r"),
    ("3.2 ** takes an empty last segment", open_routes(r=route("/a/**")), {"target": "/a/"}, "allowed route=r"),
    ("3.2 ** takes the rest", open_routes(r=route("/a/**")), {"target": "/a/b/c"}, "allowed route=r"),
    ("3.2 an empty last segment is a literal", open_routes(r=route("/a/**"), s=route("/a/")), {"target": "/a/"},
     "allowed route=s"),
    ("3.2 literals are case-sensitive", open_routes(r=route("/a")), {"target": "/A"}, "route-unknown"),
    ("3.2 literals are compared byte for byte", open_routes(r=route("/caf\u00e9")), {"target": "/cafe%CC%81"},
     "route-unknown"),
    ("3.2 otherwise a trailing slash counts", open_routes(r=route("/a")), {"target": "/a/"}, "route-unknown"),
    ("3.3 a known path without this method does not fall through",
     open_routes(r=route("/a/b", methods=["PUT"]), s=route("/a/*")), {"target": "/a/b"}, "method-not-on-route route=none"),
    ("3.3 methods are exact", {}, {"method": "get"}, "method-not-on-route"),
    ("3.3 GET claims HEAD", {}, {"method": "HEAD"}, "allowed"),
    ("3.3 * claims every method", open_routes(r=route("/a", methods=["*"])), {"target": "/a", "method": "X-NEW"},
     "allowed route=r"),
    ("3.3 but CONNECT and TRACE", open_routes(r=route("/a", methods=["*"])), {"target": "/a", "method": "TRACE"},
     "method-unsupported"),
    ("3.3 OPTIONS *", open_routes(r=route("/a", methods=["*"])), {"target": "*", "method": "OPTIONS"},
     "method-unsupported"),
    ("3.3 preflight is allowed for everyone", CORS, {**PREFLIGHT, "certificate": None},
     "allowed route=cors rule=none issuer=none"),
    ("3.3 preflight whatever the deny", {**CORS, "rules": {"d": DENY_EVERY}}, PREFLIGHT, "allowed rule=none"),
    ("3.3 OPTIONS with one of the headers is an ordinary one", CORS, {**PREFLIGHT, "headers": cases.PREFLIGHT[:1]},
     "allowed route=options rule=r"),
    ("3.3 both headers with another method", CORS, {"method": "PUT", "headers": cases.PREFLIGHT},
     "allowed route=cors rule=r"),
    ("3.3 without preflight on the pattern it is ordinary OPTIONS", {}, PREFLIGHT, "method-not-on-route"),
    ("3.3 of the most specific pattern alone",
     {"routes": {"order": route("/**", preflight=True), "a": route("/orders/*")}}, PREFLIGHT, "method-not-on-route"),
    ("3.3 preflight on a Require line: the certificate is looked at", CORS,
     {**PREFLIGHT, "certificate": None, "require": (("billing",),)}, "no-certificate"),
    ("3.3 preflight on a Require line with its name", {**CORS, "rules": {"r": None}},
     {**PREFLIGHT, "require": (("billing",),)}, "allowed route=cors rule=none identity=billing"),
    ("3.4 a client's path to an internal route is route-unknown", INTERNAL, {"target": "/in/x"}, "route-unknown"),
    ("3.4 it does not fall through", INTERNAL, {"target": "/error"}, "route-unknown"),
    ("3.4 reached from an allowed path, and needs no rule", {**INTERNAL, "rules": {"r": None}},
     {"target": "/in/x", "arrival": "later", "certificate": None}, "allowed route=in rule=none issuer=none"),
    ("3.4 an error page passes on internal: error", {**INTERNAL, "rules": {"r": None}},
     {"target": "/error", "arrival": "error", "certificate": None}, "allowed route=error rule=none"),
    ("3.4 not on internal: true", INTERNAL, {"target": "/in/x", "arrival": "error"}, "route-unknown"),
    ("3.4 internal: error is no later path", INTERNAL, {"target": "/error", "arrival": "later"}, "route-unknown"),
    ("3.4 or where that client is allowed it directly", {}, {"arrival": "error"}, "allowed rule=r"),
    ("3.4 and not where it is not", {"rules": {"r": None}}, {"arrival": "error"}, "no-rule"),
    ("3.4 any other later path is decided like a client's own", {"rules": {"r": None}}, {"arrival": "later"}, "no-rule"),
    ("3.4 internal with another method", INTERNAL, {"target": "/in/x", "method": "PUT"}, "method-not-on-route"),
    ("3.4 the query never takes part", {}, {"target": "/orders/7?/../%zz"}, "allowed"),
    ("3.4 escapes decoded once", open_routes(r=route("/caf\u00e9 x")), {"target": "/c%61f%C3%A9%20x"}, "allowed"),
    ("3.4 an escaped slash is none", open_routes(r=route("/a/b", expects=["encoded-slash"])), {"target": "/a%2Fb"},
     "route-unknown"),
    ("3.4 dot segments are resolved, then the route is chosen", open_routes(r=route("/a/b")), {"target": "/x/../a/b"},
     "ambiguous-path route=r"),
    ("3.4 empty segments are merged, then the route is chosen", open_routes(r=route("/a/b")), {"target": "/a//b"},
     "ambiguous-path route=r"),
    ("3.4 an empty last one stays", open_routes(r=route("/a/b", expects=["empty-segments"])), {"target": "/a//b//"},
     "route-unknown"),
    *[(f"3.5 always refused: {what}", open_routes(r=ALL_EXPECTED), {"target": target}, "ambiguous-path route=none")
      for what, target in ALWAYS.items()],
    ("3.5 absolute form", open_routes(r=route("/a")), {"target": "http://other.example/a"}, "allowed route=r"),
    ("3.5 ordinary escapes", open_routes(r=route("/**")), {"target": "/%C3%A9%20%3F"}, "allowed route=r"),
    ("3.5 always refused", open_routes(r=route("/**", expects=["parameters", "dot-segments"])), {"target": "/..;/x"},
     "ambiguous-path route=none"),
    *[(f"3.5 always refused beside what may be a slash: {target}", open_routes(r=ALL_EXPECTED), {"target": target},
       "ambiguous-path route=none") for target in ("/a%2F..;/b", "/a\\..;b", "/a%5c..%3bx")],
    *[(f"3.5 dots beside what may be a slash are dot-segments: {target}",
       open_routes(r=route("/**", expects=["encoded-slash", "backslash"])), {"target": target}, "ambiguous-path route=r")
      for target in ("/a%2F..%2Fb", "/..\\b", "/a%5C.")],
    ("3.5 and stay where they are expected", open_routes(r=ALL_EXPECTED), {"target": "/a%2F..%2Fb"}, "allowed route=r"),
    ("3.5 refused unless expected: encoded-slash", open_routes(r=route("/**")), {"target": "/a%2Fb"},
     "ambiguous-path route=r"),
    ("3.5 expected by name", open_routes(r=route("/*", expects=["encoded-slash"])), {"target": "/a%2fb"}, "allowed"),
    ("3.5 backslash", open_routes(r=route("/x\\y", expects=["backslash"])), {"target": "/x%5cy"}, "allowed"),
    ("3.5 parameters", open_routes(r=route("/x;y", expects=["parameters"])), {"target": "/x;y"}, "allowed"),
    *[(f"3.5 what cutting parameters off makes a {kind} segment: {target}", open_routes(r=route("/**", expects=["parameters"])),
       {"target": target}, "ambiguous-path route=r") for kind, target in (("dot", "/a/.;v/b"), ("dot", "/%2e%3B"), ("empty", "/a/;v/b"))],
    ("3.5 but for the last", open_routes(r=route("/**", expects=["parameters"])), {"target": "/a/;v"}, "allowed"),
    ("3.5 such segments where both are expected", open_routes(r=route("/*/*", expects=["parameters", "dot-segments"])), {"target": "/.;v/b"},
     "allowed"),
    ("3.5 empty-segments", open_routes(r=route("/a/b", expects=["empty-segments"])), {"target": "//a///b"}, "allowed"),
    ("3.5 dot-segments", open_routes(r=route("/a/", expects=["dot-segments"])), {"target": "/x/../a/b/%2e%2e"}, "allowed"),
    ("3.5 percent", open_routes(r=route("/*", expects=["percent"])), {"target": "/100%25"}, "allowed"),
    ("3.5 percent does not make an escape of an escape", open_routes(r=route("/*", expects=["percent"])),
     {"target": "/%2541"}, "ambiguous-path"),
    ("3.5 one expected, another not", open_routes(r=route("/**", expects=["percent"])), {"target": "/a%25;"},
     "ambiguous-path"),
    ("3.5 the chosen route expects, not another", open_routes(r=route("/a/**"), s=route("/**", expects=["parameters"])),
     {"target": "/a/;"}, "ambiguous-path route=r"),
    ("3.5 method-override", {}, {"headers": (("x-http-method-OVERRIDE", "PUT"),)}, "method-override route=order"),
    *[(f"3.5 {name}", {}, {"headers": ((name, "/x"),)}, "method-override route=order") for name in cases.OVERRIDES],
    ("3.5 method-override expected", {"routes": {"order": route("/orders/*", expects=["method-override"])}},
     {"headers": (("X-Original-URL", "/x"),)}, "allowed"),
]

BY_TENANT = {"identities": {"billing": None, "tenant": ident(spiffe=spiffe("t/{tenant}/*"))},
             "rules": {"r": rule("tenant", routes=["order"], same={"id": "tenant"})}}
BY_UNIT = {"rules": {"r": rule("billing", routes=["order"], same={"id": {"attribute": "2.5.4.11"}})}}
TWO_TENANTS = {**issuer("spiffe", any_of=True), **BY_TENANT}
PAIRED = {**issuer("spiffe", any_of=True), "identities": {"billing": None, "tenant": ident(spiffe=spiffe("t/{tenant}/{name}"))},
          "routes": {"order": route("/orders/{id}/{name}")},
          "rules": {"r": rule("tenant", routes=["order"], same={"id": "tenant", "name": "name"})}}
ACME = {"certificate": "corp-acme-billing", "target": "/orders/acme"}
SHORT_OF_TWO = rule("billing", users=["bob"], **ELSEWHERE)

MAY = [
    ("4 default deny", {"rules": {"r": None}}, {}, "no-rule rule=none"),
    ("4 any deny that applies wins", {"rules": {"d": DENY_EVERY}}, {}, "denied-by-rule rule=d"),
    ("4 order and ids never matter", {"rules": {"zz": DENY_EVERY}}, {}, "denied-by-rule rule=zz"),
    ("4 name", {"rules": {"r": rule("billing", routes=["order"])}}, {}, "allowed"),
    ("4 tag", {"rules": {"r": rule("billing", routes=["tag:t"])}}, {}, "allowed"),
    ("4 another tag", {"routes": {"other": route("/o", tags=["u"])}, "rules": {"r": rule("billing", routes=["tag:u"])}}, {},
     "no-rule"),
    ("4 any false one makes the rule not apply", {"rules": {"r": rule("billing", **GONE, networks=["10.0.0.0/8"])}},
     {"address": None}, "condition-not-met rule=r condition=valid_until"),
    ("4 any unknown one makes it unknown", {"rules": {"r": rule("billing", networks=["10.0.0.0/8"])}}, {"address": None},
     "indeterminate rule=r condition=none"),
    ("4 without a clock no certificate passes", {"rules": {"r": rule("billing", valid_until="2099-01-01T00:00:00Z")}},
     {"now": None}, "internal-error rule=none"),
    ("4 an unknown deny", {"rules": {"d": {**DENY_EVERY, "networks": ["10.0.0.0/8"]}}}, {"address": None},
     "indeterminate rule=d"),
    ("4 a deny that applies before an unknown one",
     {"rules": {"a": {**DENY_EVERY, "networks": ["10.0.0.0/8"]}, "d": DENY_EVERY}}, {"address": None},
     "denied-by-rule rule=d"),
    ("4 an allow that applies before an unknown one", {"rules": {"a": rule("billing", networks=["10.0.0.0/8"])}},
     {"address": None}, "allowed rule=r"),
    ("4 the lowest id that lacked exactly one condition", {"rules": {"a": SHORT_OF_TWO, "r": rule("billing", **GONE)}}, {},
     "condition-not-met rule=r condition=valid_until"),
    ("4 else the lowest, and the first condition it lacks", {"rules": {"a": SHORT_OF_TWO, "r": SHORT_OF_TWO}},
     {"user": "alice"}, "condition-not-met rule=a condition=networks"),
    ("4 conditions in their order: valid_from",
     {"rules": {"r": rule("billing", valid_from="2027-01-01T00:00:00Z", users=["bob"])}}, {"user": "alice"},
     "condition-not-met condition=valid_from"),
    ("4 everyone's allow rules count too once the certificate has passed",
     {"rules": {"r": None, "e": rule("everyone", **ELSEWHERE)}}, {}, "condition-not-met rule=e condition=networks"),
    ("4 a deny that does not apply is no near miss", {"rules": {"r": None, "d": {**DENY_EVERY, **GONE}}}, {}, "no-rule"),
    ("4 networks: v4-mapped as v4", {"rules": {"r": rule("billing", networks=["10.0.0.0/8"])}},
     {"address": "::ffff:10.1.2.3"}, "allowed"),
    ("4 networks: IPv6", {"rules": {"r": rule("billing", networks=["2001:db8::/32"])}}, {"address": "2001:db8::7"}, "allowed"),
    ("4 a given user", {"rules": {"r": rule("billing", users=["alice", "bob"])}}, {"user": "bob"}, "allowed"),
    ("4 another user", {"rules": {"r": rule("billing", users=["alice"])}}, {"user": "Alice"},
     "condition-not-met condition=users"),
    ("4 any user", {"rules": {"r": rule("billing", users=["*"])}}, {"user": "x"}, "allowed"),
    ("4 nobody yet: user-required", {"rules": {"r": rule("billing", users=["*"])}}, {}, "user-required rule=r"),
    ("4 an absent user is false, not unknown", {"rules": {"r": rule("billing", users=["*"], networks=["10.0.0.0/8"])}},
     {"address": None}, "condition-not-met rule=r condition=users"),
    ("4 lacking more than a user", {"rules": {"r": SHORT_OF_TWO}}, {}, "condition-not-met condition=networks"),
    ("4 user-required before another near miss", {"rules": {"a": rule("billing", **GONE), "r": rule("billing", users=["*"])}},
     {}, "user-required rule=r"),
    ("4 same: a capture", BY_TENANT, ACME, "allowed identity=tenant"),
    ("4 same: bytes", BY_TENANT, {**ACME, "certificate": "corp-Acme-billing"}, "condition-not-met condition=same"),
    ("4 same: as the path is judged", BY_TENANT, {**ACME, "target": "/orders/%61cme"}, "allowed"),
    ("4 same: another", BY_TENANT, {**ACME, "target": "/orders/globex"}, "condition-not-met rule=r condition=same"),
    ("4 same: an attribute", BY_UNIT, {"target": "/orders/acme"}, "allowed"),
    ("4 same: another value of the attribute", BY_UNIT, {"target": "/orders/globex"}, "condition-not-met condition=same"),
    ("4 same: an attribute twice equals nothing", BY_UNIT,
     {"certificate": "corp-units-twice-the-same", "target": "/orders/acme"}, "condition-not-met condition=same"),
    ("4 same: an attribute that is not there", BY_UNIT, {"certificate": "corp-uri-billing", "target": "/orders/acme"},
     "condition-not-met condition=same"),
    ("4 same: one of several names is enough", TWO_TENANTS, {"certificate": "corp-two-tenants", "target": "/orders/globex"},
     "allowed"),
    ("4 same: of several captures one name has both", PAIRED,
     {"certificate": "corp-two-tenants", "target": "/orders/acme/billing"}, "allowed"),
    ("4 same: not one of each of two names", PAIRED,
     {"certificate": "corp-two-tenants", "target": "/orders/acme/orders"}, "condition-not-met condition=same"),
    ("4 same: an identity that the rule does not name is none",
     {"identities": {"billing": ident(spiffe=spiffe("t/*/{tenant}")), "tenant": ident(spiffe=spiffe("t/{tenant}/*"))},
      "rules": {"r": rule("billing", routes=["order"], same={"id": "tenant"})}}, ACME, "condition-not-met condition=same"),
    ("4 same for issuer:", {"rules": {"r": None, "i": rule("issuer:corp", routes=["order"],
                                                           same={"id": {"attribute": "2.5.4.11"}})}},
     {"certificate": "corp-orders", "target": "/orders/globex"}, "allowed identity=none"),
]

SENTENCES = WHO + WHICH + MAY
