#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hand-written cases for the reference interpreter alone; those of test_sentences.py are asked of the engine too.
Prints TAP; exits non-zero when a case fails."""

import copy
import sys

sys.dont_write_bytecode = True  # the source tree may be read-only

from reference import Certificate, Decision, Policy, Request, parse_time  # noqa: E402

NOW = parse_time("2026-06-01T12:00:00Z")
BILLING = b"spiffe://corp.example/billing"
ORDERS = b"spiffe://corp.example/orders"

# The document of POLICY.md's first page, with a few more routes.
BASE = {
    "name": "payments",
    "issuers": {"corp": {"certificates": [{"file": "corp-ca.pem"}], "names": ["spiffe"]}},
    "identities": {"billing": {"issuer": "corp", "spiffe": BILLING.decode()}},
    "groups": {"finance": ["billing"]},
    "routes": {
        "order": {"hosts": ["api.example"], "methods": ["GET"], "paths": ["/orders/{id}"],
                  "tags": ["orders"]},
        "health": {"hosts": ["*"], "methods": ["GET"], "paths": ["/health"]},
    },
    "rules": {
        "finance-reads-orders": {"effect": "allow", "subjects": ["@finance"],
                                 "routes": ["tag:orders"]},
        "health-is-public": {"effect": "allow", "subjects": ["everyone"], "routes": ["health"],
                             "acknowledge": ["everyone"]},
    },
}

# --- what a case is made of ----------------------------------------------------------------


def document(**changes) -> dict:
    return {**copy.deepcopy(BASE), **changes}


def client(uri=(BILLING,), path=("corp",), **changes) -> Certificate:
    given = {"not_before": NOW - 10, "not_after": NOW + 10, **changes}
    given["subject"] = [[("2.5.4.3", name)] for name in given.pop("cn", [])]
    return Certificate(uri=list(uri), path=list(path), **given)


GOOD = client()


def decide(doc=None, target=b"/orders/7", certificate=GOOD, method="GET", host="api.example",
           tls="present", now=NOW, address="10.1.2.3", keys=None) -> Decision:
    doc = doc or BASE
    keys = keys or {name: {name} for name in doc.get("issuers", {})}
    request = Request(method, target, host, tls)
    return Policy(doc, keys).decide(request, certificate, now, address)


def reason(*args, **kwargs) -> str:
    return decide(*args, **kwargs).reason


def same(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} where {expected!r} was expected")


def route(paths, methods=("GET",), hosts=("api.example",), tags=()) -> dict:
    made = {"hosts": list(hosts), "methods": list(methods), "paths": list(paths)}
    return {**made, "tags": list(tags)} if tags else made


def open_document(**routes) -> dict:
    """Only routes that everyone may use, so that the decision shows the route alone."""
    rule = {"effect": "allow", "subjects": ["everyone"], "routes": ["*"], "acknowledge": ["everyone"]}
    return {"name": "open", "routes": routes, "rules": {"open": rule}}


def routed(doc, target, host="api.example", method="GET"):
    found = decide(doc, target, None, method, host)
    return found.route or found.reason


def rule(effect, *subjects, routes=("order",), **conditions) -> dict:
    return {"effect": effect, "subjects": list(subjects), "routes": list(routes), **conditions}


def ruled(address="10.1.2.3", **rules):
    found = decide(document(rules=rules), address=address)
    return found.reason, found.rule


# --- the whole -----------------------------------------------------------------------------


def test_an_allowed_request_names_all_that_led_to_it():
    same(decide(), Decision("allow", "allowed", "finance-reads-orders", "order", "billing", "corp"))


def test_everything_is_denied_unless_a_rule_allows_it():
    same(decide(document(rules={})), Decision("deny", "no-rule", None, "order", "billing", "corp"))
    same(reason({"name": "empty"}), "route-unknown")


def test_the_order_of_keys_and_members_does_not_matter():
    doc = document(rules={"b": rule("allow", "billing"), "a": rule("allow", "@finance", "billing")})
    turned = {**doc, "rules": dict(reversed(doc["rules"].items()))}
    turned["rules"]["a"] = rule("allow", "billing", "@finance")
    same(decide(turned), decide(doc))
    same(decide(doc).rule, "a")


def test_the_policy_expires_at_valid_until():
    doc = document(valid_until="2026-06-01T12:00:00Z")
    same(reason(doc, now=NOW - 1), "allowed")
    same(decide(doc, now=NOW), Decision("deny", "policy-expired"))
    same(reason(doc, now=NOW, method="TRACE"), "policy-expired")


def test_an_unknown_time_cannot_say_whether_the_policy_expired():
    same(reason(document(valid_until="2027-01-01T00:00:00Z"), now=None), "internal-error")


def test_times_may_have_an_offset():
    same(parse_time("2026-06-01T17:30:00+05:30"), NOW)
    same(parse_time("2026-06-01T04:00:00-08:00"), NOW)


# --- methods and hosts ---------------------------------------------------------------------


def test_connect_trace_and_options_star_are_unsupported():
    for method, target in (("CONNECT", b"x:443"), ("TRACE", b"/health"), ("OPTIONS", b"*")):
        same(decide(target=target, method=method, host=None), Decision("deny", "method-unsupported"))
    same(reason(target=b"*", method="GET"), "ambiguous-path")


def test_a_missing_host():
    same(decide(host=None), Decision("deny", "host-missing"))
    same(reason(host=None, target=b"/%00"), "host-missing")


def test_malformed_hosts():
    wrong = ["", ":80", "a..b", "api.example..", "a b", "[::1", "::1]", "[10.0.0.1]", "[]", "a:x",
             "a:1:2", "\u212a.example", "[fe80::1%eth0]", "a/b", "u@a", "x" * 64, ".a", "[::1]x",
             ".".join(["x" * 63] * 4)]
    for host in wrong:
        same((host, reason(host=host)), (host, "host-malformed"))
    same(reason(host="", target=b"/%00"), "host-malformed")


def test_well_formed_hosts_are_found_whatever_their_spelling():
    for host in ("API.Example", "api.example.", "api.example:8443", "Api.Example.:443"):
        same((host, decide(host=host).route), (host, "order"))
    for host in ("[::1]", "[::1]:443", "::1", "10.0.0.1:80", "a_b", "-"):
        same((host, routed(BASE, b"/health", host)), (host, "health"))


def test_star_is_every_host_that_no_route_lists():
    same(routed(BASE, b"/health", "other.example"), "health")
    # api.example is listed by another route, so "*" is not looked at for it.
    same(routed(BASE, b"/health", "api.example"), "route-unknown")
    same(routed(open_document(r=route(["/a"])), b"/a", "other.example"), "route-unknown")


def test_only_the_patterns_of_that_host_are_looked_at():
    doc = open_document(one=route(["/a/b"], hosts=["one.example"]),
                        two=route(["/a/*"], hosts=["two.example", "*"]))
    same(routed(doc, b"/a/b", "one.example"), "one")
    same(routed(doc, b"/a/b", "two.example"), "two")
    same(routed(doc, b"/a/c", "one.example"), "route-unknown")
    same(routed(doc, b"/a/b", "three.example"), "two")


# --- patterns ------------------------------------------------------------------------------


def test_a_star_or_capture_takes_one_segment_that_is_not_empty():
    for pattern in ("/a/*", "/a/{id}"):
        doc = open_document(r=route([pattern]))
        same(routed(doc, b"/a/x"), "r")
        for target in (b"/a/", b"/a", b"/a/x/", b"/a/x/y"):
            same((target, routed(doc, target)), (target, "route-unknown"))


def test_two_stars_take_the_rest_including_nothing():
    doc = open_document(r=route(["/a/**"]))
    for target in (b"/a", b"/a/", b"/a/b/c", b"/a/b/"):
        same((target, routed(doc, target)), (target, "r"))
    same(routed(doc, b"/ab"), "route-unknown")
    same(routed(doc, b"/"), "route-unknown")
    same(routed(open_document(r=route(["/**"])), b"/"), "r")


def test_a_trailing_slash_counts():
    doc = open_document(bare=route(["/a"]), slash=route(["/a/"]), root=route(["/"]))
    same([routed(doc, target) for target in (b"/a", b"/a/", b"/")], ["bare", "slash", "root"])


def test_literals_are_compared_byte_for_byte():
    doc = open_document(r=route(["/caf\u00e9/a b"]))
    same(routed(doc, b"/caf%C3%A9/a%20b"), "r")
    same(routed(doc, b"/caf%c3%a9/%61%20b"), "r")
    same(routed(doc, b"/cafe%CC%81/a%20b"), "route-unknown")
    same(routed(doc, b"/CAF%C3%A9/a%20b"), "route-unknown")
    same(routed(doc, b"/caf%C3%A9/a+b"), "route-unknown")


def test_the_most_specific_pattern_is_taken_from_the_left():
    doc = open_document(rest=route(["/**"]), one=route(["/*"]), literal=route(["/a"]),
                        left=route(["/a/*"]), right=route(["/*/b"]), deep=route(["/a/**"]),
                        both=route(["/{x}/{y}"]))
    expected = {b"/a": "literal", b"/z": "one", b"/a/b": "left", b"/z/b": "right", b"/z/z": "both",
                b"/a/b/c": "deep", b"/z/b/c": "rest", b"/a/": "deep", b"/z/": "rest"}
    same({target: routed(doc, target) for target in expected}, expected)


def test_the_end_of_a_pattern_comes_before_two_stars():
    doc = open_document(end=route(["/a"]), rest=route(["/a/**"]))
    same([routed(doc, target) for target in (b"/a", b"/a/", b"/a/b")], ["end", "rest", "rest"])


def test_patterns_must_match_the_whole_path_before_they_are_compared():
    doc = open_document(deep=route(["/a/b/c"]), wide=route(["/*/x/**"]))
    same(routed(doc, b"/a/x"), "wide")
    same(routed(doc, b"/a/b"), "route-unknown")


def test_a_known_pattern_without_the_method_does_not_fall_through():
    doc = open_document(narrow=route(["/a/b"], ["POST"]), wide=route(["/a/*"], ["GET"]))
    same(decide(doc, b"/a/b"), Decision("deny", "method-not-on-route"))
    same(routed(doc, b"/a/c"), "wide")


def test_routes_may_share_a_pattern_with_different_methods():
    doc = open_document(read=route(["/a/{x}"], ["GET"]), write=route(["/a/{y}"], ["POST", "PUT"]))
    same([routed(doc, b"/a/1", method=m) for m in ("GET", "HEAD", "POST", "PUT", "DELETE")],
         ["read", "read", "write", "write", "method-not-on-route"])


def test_methods_are_case_sensitive_and_get_claims_head():
    doc = open_document(r=route(["/a"], ["GET"]), h=route(["/h"], ["HEAD"]))
    same(routed(doc, b"/a", method="HEAD"), "r")
    same(routed(doc, b"/a", method="get"), "method-not-on-route")
    same(routed(doc, b"/h", method="GET"), "method-not-on-route")


def test_a_star_method_is_every_method_but_connect_and_trace():
    doc = open_document(r=route(["/a"], ["*"]))
    same([routed(doc, b"/a", method=m) for m in ("GET", "X-NEW", "OPTIONS", "TRACE", "CONNECT")],
         ["r", "r", "r", "method-unsupported", "method-unsupported"])


# --- the path that is judged ---------------------------------------------------------------


def test_the_query_never_takes_part():
    for query in (b"?", b"?x=/../%zz", b"?a?b#\x01\xff", b"?;%2F\\"):
        same((query, reason(target=b"/orders/7" + query)), (query, "allowed"))


def test_the_absolute_form_is_accepted():
    same(reason(target=b"https://api.example/orders/7?x"), "allowed")
    same(reason(target=b"HTTP://u@other:1/orders/7"), "allowed")
    same(reason(target=b"http:/orders/7"), "ambiguous-path")
    same(reason(target=b"://x/orders/7"), "ambiguous-path")


ALWAYS = [
    b"/..;/x", b"/a/..;v=1", b"/%2e%2E;x/a", b"/.%2e;", b"/a/..;;", b"/..;%2F",
    b"/a%00", b"/a\x01", b"/\x7f", b"/%7f", b"/a%0d%0a", b"/%C2%85", b"/\t", b"/%1F",
    b"/%2525", b"/%252e%252e", b"/%25%34%31", b"/%254%31", b"/%25%341", b"/%252F", b"/%25%32%46x",
    b"/%", b"/%4", b"/%zz", b"/a%2", b"/%4/", b"/%%32", b"/%2%35",
    b"/%ff", b"/%C3", b"/%C0%AF", b"/%E0%80%AF", b"/%ED%A0%80", b"/%F4%90%80%80", b"/%C3/%A9",
    b"/caf\xc3\xa9", b"/\x80", b"/\xff", b"/a#b", b"/#", b"", b"a", b"*", b"?", b"\\a", b"http:a",
]


def test_always_ambiguous_whichever_route_it_is_for():
    doc = open_document(r=route(["/**"], ["*"]))
    for target in ALWAYS:
        same((target, decide(doc, target, None)), (target, Decision("deny", "ambiguous-path")))


LATER = [
    b"/a%2Fb", b"/a%2f", b"/%2F", b"/a\\b", b"/%5C", b"/a%5cb", b"/a;v=1", b"/;", b"/a;/b",
    b"//", b"//a", b"/a//b", b"/a//", b"/.", b"/..", b"/a/./b", b"/a/../b", b"/%2e", b"/.%2E/a",
    b"/a/%2e%2e", b"/../a", b"/%25", b"/a%25zz", b"/%25%2F", b"/%25G1", b"/...;", b"/.;", b"/x..;/",
]


def test_ambiguous_since_the_route_does_not_expect_it():
    doc = open_document(r=route(["/**"], ["*"]))
    for target in LATER:
        same((target, decide(doc, target, None)),
             (target, Decision("deny", "ambiguous-path", None, "r")))


def test_ordinary_escapes_and_characters():
    doc = open_document(r=route(["/**"], ["*"]))
    for target in (b"/%20", b"/%3F", b"/%23", b"/%F0%9F%94%91",
                   b"/...", b"/.a", b"/a..", b"/:@!$&'()*+,=", b"/{id}", b"/*", b"/**", b"/a?/../"):
        same((target, routed(doc, target)), (target, "r"))


def test_the_later_ambiguity_follows_route_and_method():
    same(decide(target=b"/orders/a%2Fb"), Decision("deny", "ambiguous-path", None, "order"))
    same(reason(target=b"/nothing/a%2Fb"), "route-unknown")
    same(reason(target=b"/orders/a%2Fb", method="PUT"), "method-not-on-route")
    # The earlier ones come before.
    same(reason(target=b"/nothing/%00"), "ambiguous-path")
    # And both come before the rules for everyone.
    same(reason(target=b"//health", host="other"), "ambiguous-path")


def test_the_route_is_chosen_on_the_resolved_path():
    doc = open_document(ab=route(["/a/b"]), a_=route(["/a/"]), root=route(["/"]), a=route(["/a"]),
                        slash=route(["/s/*"]))
    expected = {b"/a//b": "ab", b"/a/./b": "ab", b"/x/../a/b": "ab", b"/../../a/b": "ab",
                b"/a/b/..": "a_", b"/a/.": "a_", b"/a/b/%2e%2e": "a_", b"/a//": "a_", b"/..": "root",
                b"//": "root", b"/a/..": "root", b"/x//../a": "a", b"/a/b/../": "a_", b"/./a": "a",
                b"/s/x%2fy": "slash", b"/s/..%2Fy": "slash"}
    for target, name in expected.items():
        same((target, decide(doc, target, None)),
             (target, Decision("deny", "ambiguous-path", None, name)))


# --- the certificate -----------------------------------------------------------------------


def test_tls_and_certificate_come_first_to_last():
    for why, given in {"tls-absent": {"tls": "absent", "certificate": None},
                       "no-certificate": {"certificate": None},
                       "certificate-not-verified": {"certificate": client(verified=False, path=())},
                       "issuer-unknown": {"certificate": client(path=["other"], not_after=0)},
                       }.items():
        same(decide(**given), Decision("deny", why, None, "order"))


def test_the_nearest_ca_that_the_policy_names_counts():
    doc = document()
    doc["issuers"]["east"] = {"certificates": [{"file": "east.pem"}], "names": ["dns"]}
    doc["identities"]["b"] = {"issuer": "east", "dns": "b.example"}
    doc["rules"]["b"] = rule("allow", "b")
    both = client(path=["east", "corp"], dns=[b"b.example"])
    same(decide(doc, certificate=both).issuer, "east")
    same(decide(doc, certificate=both).identity, "b")
    same(decide(certificate=client(path=["unnamed", "corp"])).issuer, "corp")


def test_a_certificate_is_never_its_own_issuer():
    same(reason(certificate=client(path=())), "issuer-unknown")


def test_an_issuer_may_have_several_keys():
    same(decide(certificate=client(path=["next"]), keys={"corp": {"corp", "next"}}).issuer, "corp")


def test_dates_are_inclusive_at_both_ends():
    instant = client(not_before=NOW, not_after=NOW)
    same(reason(certificate=instant), "allowed")
    same(decide(certificate=instant, now=NOW + 1),
         Decision("deny", "certificate-expired", None, "order", None, "corp"))
    same(reason(certificate=instant, now=NOW - 1), "certificate-not-yet-valid")


def test_dates_that_cannot_be_judged():
    same(decide(now=None), Decision("deny", "internal-error", None, "order", None, "corp"))
    same(reason(now=None, certificate=client(path=["x"])), "issuer-unknown")


def test_exactly_one_name_of_the_kind():
    dated = client(uri=(), dns=[b"a.example"], cn=[b"billing"])
    same(decide(certificate=dated), Decision("deny", "name-missing", None, "order", None, "corp"))
    same(reason(certificate=client(uri=(BILLING, ORDERS))), "name-ambiguous")
    same(reason(certificate=client(uri=(BILLING, BILLING))), "name-ambiguous")
    same(reason(certificate=client(uri=(BILLING, b"urn:x"))), "name-ambiguous")
    same(reason(certificate=client(uri=(b"urn:x",))), "name-malformed")
    same(reason(certificate=client(uri=(b"urn:x",), not_after=NOW - 1)), "certificate-expired")


NAMES = {
    "spiffe": (
        [BILLING, b"spiffe://a/b", b"spiffe://a_b-c.d/E/...", b"spiffe://" + b"t" * 255 + b"/x",
         b"spiffe://t/" + b"p" * 2037],
        [b"SPIFFE://a/b", b"spiffe://A/b", b"spiffe://a", b"spiffe://a/", b"spiffe:///b",
         b"spiffe://a//b", b"spiffe://a/b/", b"spiffe://a/.", b"spiffe://a/x/../b", b"spiffe://a/b?c",
         b"spiffe://a:1/b", b"spiffe://u@a/b", b"spiffe://a/%62", b"spiffe://a/b\n", b"spiffe://a/b\0",
         b"spiffe://a/\xc3\xa9", b"", b"spiffe://" + b"t" * 256 + b"/x",
         b"spiffe://t/" + b"p" * 2038, b"urn:a", b"spiffe://a/~b"]),
    "uri": (
        [b"urn:a", b"URN:A", b"a+b-1.c:", b"http://h/p?q#f", BILLING, b"u:" + b"x" * 2046],
        [b"", b"a", b":a", b"1a:b", b"urn:a b", b"urn:\xc3\xa9", b"urn:\0", b"urn:\x7f", b"/a:b",
         b"urn:a\n", b"u:" + b"x" * 2047]),
    "dns": (
        [b"a", b"a.example", b"A.Example.", b"a_b.-c", b"1.2.3.4", b"x" * 63,
         b".".join([b"x" * 63] * 3 + [b"x" * 61]) + b"."],
        [b"", b".", b"*.example", b"*", b"a..b", b"a..", b".a", b"a b", b"\xc3\xa9.example", b"a\0",
         b"a.example\n", b"a:1", b"x" * 64, b".".join([b"x" * 63] * 3 + [b"x" * 62])]),
    "cn": (
        [b"a", b"Billing Service", "caf\u00e9".encode(), b"*", b" ", b"x" * 256, "\u202e".encode()],
        [b"", b"a\0b", b"a\n", b"\x7f", "\u0085".encode(), b"\xff", b"\xc0\xaf", b"\xed\xa0\x80",
         b"x" * 257]),
}


def named(kind: str, name: bytes, known: str):
    doc = document()
    doc["issuers"]["corp"]["names"] = [kind]
    doc["identities"] = {"billing": {"issuer": "corp", kind: known}}
    holder = {"uri": (), "spiffe" if kind == "spiffe" else kind: [name]}
    holder["uri"] = holder.pop("spiffe", holder["uri"])
    return reason(doc, certificate=client(**holder))


def test_the_rules_of_each_kind_of_name():
    for kind, (right, wrong) in NAMES.items():
        for name in right:
            same((kind, name, named(kind, name, "u:not-this")), (kind, name, "identity-unknown"))
        for name in wrong:
            same((kind, name, named(kind, name, "u:not-this")), (kind, name, "name-malformed"))


def test_dns_names_compare_in_lower_case_without_a_trailing_dot():
    for known, name in (("a.example", b"A.EXAMPLE."), ("A.Example.", b"a.example")):
        same(named("dns", name, known), "allowed")
    same(named("dns", b"b.a.example", "a.example"), "identity-unknown")


def test_other_kinds_compare_byte_for_byte():
    same(named("cn", b"billing", "billing"), "allowed")
    for name in (b"Billing", b"billing ", b"billing."):
        same(named("cn", name, "billing"), "identity-unknown")
    same(named("cn", "e\u0301".encode(), "\u00e9"), "identity-unknown")
    same(named("uri", b"urn:A", "urn:A"), "allowed")
    same(named("uri", b"URN:A", "urn:A"), "identity-unknown")
    same(named("spiffe", b"spiffe://corp.example/Billing", BILLING.decode()), "identity-unknown")


def test_a_name_counts_only_from_its_own_issuer():
    doc = document()
    doc["issuers"]["partner"] = {"certificates": [{"file": "p.pem"}], "names": ["spiffe"]}
    same(decide(doc, certificate=client(path=["partner"])),
         Decision("deny", "identity-unknown", None, "order", None, "partner"))


def test_two_identities_may_share_one_name():
    doc = document()
    doc["identities"] = {name: {"issuer": "corp", "spiffe": BILLING.decode()} for name in ("z", "b", "a9")}
    doc["groups"] = {}
    doc["rules"] = {"one": rule("allow", "z")}
    same(decide(doc), Decision("allow", "allowed", "one", "order", "a9", "corp"))
    doc["rules"]["two"] = rule("deny", "b")
    same(reason(doc), "denied-by-rule")


# --- rules ---------------------------------------------------------------------------------


def test_groups_may_hold_groups_and_may_be_empty():
    groups = {"top": ["@middle", "@empty"], "middle": ["@finance"], "finance": ["billing"], "empty": []}
    same(decide(document(groups=groups, rules={"r": rule("allow", "@top")})).reason, "allowed")
    same(decide(document(groups=groups, rules={"r": rule("allow", "@empty")})).reason, "no-rule")


def test_routes_are_named_by_name_tag_or_star():
    for reference in ("order", "tag:orders", "*"):
        same(ruled(r=rule("allow", "billing", routes=[reference])), ("allowed", "r"))
    same(ruled(r=rule("allow", "billing", routes=["health"])), ("no-rule", None))


def test_a_deny_that_applies_wins():
    same(ruled(a=rule("allow", "billing"), z=rule("deny", "@finance")), ("denied-by-rule", "z"))
    same(ruled(a=rule("allow", "billing"), z=rule("deny", "billing", routes=["*"])),
         ("denied-by-rule", "z"))


def test_the_lowest_id_in_byte_order_is_named():
    same(ruled(b=rule("allow", "billing"), a_=rule("allow", "billing"), a1=rule("allow", "billing")),
         ("allowed", "a1"))
    same(ruled(**{name: rule("deny", "billing") for name in ("x", "b", "a.b", "a-b")}),
         ("denied-by-rule", "a-b"))


def test_networks():
    cases = [("10.0.0.0/8", "10.255.0.1", True), ("10.0.0.0/8", "11.0.0.1", False),
             ("10.0.0.0/8", "::ffff:10.1.2.3", True), ("10.1.2.3", "10.1.2.3", True),
             ("10.1.2.3", "10.1.2.4", False), ("2001:db8::/32", "2001:db8:1::1", True),
             ("2001:db8::7", "2001:db8::8", False), ("2001:db8::/32", "10.1.2.3", False),
             ("0.0.0.0/0", "2001:db8::1", False), ("::/0", "2001:db8::1", True),
             ("::/0", "::ffff:10.1.2.3", False)]
    for network, address, inside in cases:
        expected = ("allowed", "r") if inside else ("condition-not-met", "r")
        made = rule("allow", "billing", networks=["192.0.2.0/24", network])
        same((network, address, ruled(address, r=made)), (network, address, expected))


def test_rules_hold_from_valid_from_up_to_but_not_including_valid_until():
    made = rule("allow", "billing", valid_from="2026-06-01T12:00:00Z", valid_until="2026-06-01T12:00:05Z")
    doc = document(rules={"r": made})
    same([reason(doc, now=NOW + s) for s in (-1, 0, 4, 5)],
         ["condition-not-met", "allowed", "allowed", "condition-not-met"])


def test_all_conditions_must_hold():
    made = rule("allow", "billing", networks=["10.0.0.0/8"], valid_until="2026-06-02T00:00:00Z")
    same(ruled(r=made), ("allowed", "r"))
    same(ruled("11.0.0.1", r=made), ("condition-not-met", "r"))


UNSURE = {"networks": ["10.0.0.0/8"]}
PAST = {"valid_until": "2026-01-01T00:00:00Z"}


def test_a_condition_that_cannot_be_judged_makes_its_rule_unknown():
    for address in (None, "", "10.1.2", "10.0.0.1/8", "peer"):
        same(ruled(address, r=rule("allow", "billing", **UNSURE)), ("indeterminate", "r"))
    same(ruled(None, r=rule("allow", "billing", **UNSURE, **PAST)), ("condition-not-met", "r"))


def test_an_unknown_deny_denies_and_an_unknown_allow_only_where_none_allows():
    sure, unsure = rule("allow", "billing"), rule("allow", "billing", **UNSURE)
    deny = rule("deny", "billing", **UNSURE)
    same(ruled(None, a=sure, b=deny), ("indeterminate", "b"))
    same(ruled(None, a=unsure, b=sure), ("allowed", "b"))
    same(ruled(None, b=unsure, a=rule("allow", "billing", **PAST), c=unsure), ("indeterminate", "b"))
    same(ruled(None, a=rule("deny", "billing", **UNSURE, **PAST), b=sure), ("allowed", "b"))
    same(ruled(None, a=deny, b=rule("deny", "billing")), ("denied-by-rule", "b"))
    same(ruled(None, a=unsure, b=deny), ("indeterminate", "b"))


def test_condition_not_met_or_no_rule():
    same(ruled(b=rule("allow", "billing", **PAST), a9=rule("allow", "@finance", **PAST)),
         ("condition-not-met", "a9"))
    same(ruled(a=rule("deny", "billing", **PAST)), ("no-rule", None))
    same(ruled(a=rule("deny", "billing", **PAST), b=rule("allow", "billing", **PAST)),
         ("condition-not-met", "b"))


def test_texts_for_people_decide_nothing():
    made = rule("allow", "billing", owner="o", ticket="t", note="n")
    same(ruled(r=made), ("allowed", "r"))


# --- everyone ------------------------------------------------------------------------------


def everyone(**conditions) -> dict:
    return rule("allow", "everyone", acknowledge=["everyone"], **conditions)


def test_everyone_is_every_request_whatever_its_certificate():
    doc = document(rules={"e": everyone()})
    for given in ({}, {"certificate": None}, {"certificate": None, "tls": "absent"},
                  {"certificate": client(verified=False)}, {"certificate": client(path=())},
                  {"certificate": client(not_after=0)}, {"now": None}, {"address": None}):
        same((given, decide(doc, **given)), (given, Decision("allow", "allowed", "e", "order")))


def test_everyone_may_stand_beside_others():
    doc = document(rules={"e": rule("allow", "billing", "everyone", acknowledge=["everyone"])})
    same(decide(doc), Decision("allow", "allowed", "e", "order"))


def test_everyone_with_conditions_counts_again_in_the_last_stage():
    doc = document(rules={"e": everyone(networks=["192.0.2.0/24"])})
    same(decide(doc), Decision("deny", "condition-not-met", "e", "order", "billing", "corp", "networks"))
    same(decide(doc, certificate=None), Decision("deny", "no-certificate", None, "order"))
    same(decide(doc, address=None), Decision("deny", "indeterminate", "e", "order", "billing", "corp"))
    same(reason(doc, address="192.0.2.1", certificate=None), "allowed")
    doc["rules"]["z"] = rule("allow", "billing")
    same(decide(doc, address=None).rule, "z")


def test_everyone_with_an_unknown_time_does_not_allow():
    doc = document(rules={"e": everyone(valid_from="2020-01-01T00:00:00Z")})
    same(reason(doc, now=None, certificate=None), "no-certificate")
    same(reason(doc, now=None), "internal-error")


def test_a_deny_on_star_leaves_out_what_everyone_may_use():
    deny = rule("deny", "billing", routes=["*"])
    same(ruled(a=everyone(), d=deny), ("allowed", "a"))
    # Also where the conditions of everyone's rule do not hold, so that the rest decides.
    closed = everyone(networks=["192.0.2.0/24"])
    same(ruled(a=closed, d=deny, z=rule("allow", "billing")), ("allowed", "z"))
    same(ruled(a=closed, d=deny), ("condition-not-met", "a"))
    same(ruled(a=everyone(routes=["*"], **PAST), d=deny, z=rule("allow", "billing")), ("allowed", "z"))
    same(ruled(a=everyone(routes=["tag:other"]), d=deny), ("denied-by-rule", "d"))


def test_the_lowest_id_among_everyones_rules_that_hold():
    doc = document(rules={"c": everyone(), "b": everyone(), "a": everyone(**PAST)})
    same(decide(doc).rule, "b")


# --- TAP -----------------------------------------------------------------------------------


def run(number: int, function) -> bool:
    name = function.__name__.removeprefix("test_").replace("_", " ")
    try:
        function()
    except Exception as error:  # a crash in one case must not hide the others
        print(f"not ok {number} - {name}")
        print(f"# {type(error).__name__}: {error}")
        return False
    print(f"ok {number} - {name}")
    return True


def main() -> int:
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    results = [run(number, function) for number, function in enumerate(tests, 1)]
    print(f"1..{len(results)}")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
