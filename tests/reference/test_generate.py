#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the generator of the differential tests must keep to: the same from the same seed, no policy that does not
compile, and every reason, condition and feature often enough to mean something."""

import collections
import itertools
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

sys.dont_write_bytecode = True  # the source tree may be read-only
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cases  # noqa: E402
import generate  # noqa: E402
import pool  # noqa: E402
import shrink  # noqa: E402
from reference import parse_time  # noqa: E402
from tap import main, test  # noqa: E402


def same(actual, expected):
    assert actual == expected, f"{actual!r} where {expected!r} was expected"


def route(paths, methods=("GET",), hosts=("api.example",)) -> dict:
    return {"hosts": list(hosts), "methods": list(methods), "paths": list(paths)}


def some_triples(count=60):
    return list(generate.triples(7, count))


@test
def test_the_same_seed_gives_the_same_triples():
    same(some_triples(5), some_triples(5))
    same(some_triples(1) == list(generate.triples(8, 1)), False)


@test
def test_the_pool_is_spelled_one_certificate_a_line():
    specs = pool.certificate_pool()
    same(len({spec.name for spec in specs}), len(specs))
    made = set()
    for spec in specs:
        tokens = [token.split("=", 1) for token in spec.line().split(" ")]
        values = {key: unquote_to_bytes(value) for key, value in tokens}
        same(values["name"], spec.name.encode())
        same([unquote_to_bytes(value) for key, value in tokens if key == "uri"], list(spec.uri))
        same(spec.issuer == "self" or spec.issuer in made, True)  # CAs come first
        made.add(spec.name)


@test
def test_the_dates_of_the_intermediate_count():
    same(pool.reference_certificate("east-billing").not_after, pool.EAST_ENDS)
    same(pool.reference_certificate("east-billing").path, ["east", "corp"])
    same(pool.reference_certificate("corp-billing").not_after, pool.EPOCH + pool.YEAR)


@test
def test_no_two_generated_routes_collide():
    same(generate.routes_collide(route(["/a/{x}"]), route(["/a/*"], ["HEAD"])), True)
    same(generate.routes_collide(route(["/a"]), route(["/a"], ["POST"])), False)
    same(generate.routes_collide(route(["/a"]), route(["/a"], hosts=["*"])), False)
    for doc, _ in some_triples():
        for pair in itertools.combinations(doc["routes"].values(), 2):
            same(generate.routes_collide(*pair), False)


@test
def test_no_generated_deny_names_what_everyone_may_use():
    for doc, _ in some_triples():
        allowed = set(generate.deniable_references(doc)) | {"*"}
        for made in doc["rules"].values():
            same(made["effect"] == "allow" or set(made["routes"]) <= allowed, True)
            wide = [name for name in made["subjects"] if name in ("everyone", "any-verified") or "issuer:" in name]
            same(sorted(made.get("acknowledge", [])), sorted(wide) if made["effect"] == "allow" else [])


@test
def test_generated_lists_hold_nothing_twice():
    for doc, _ in some_triples():
        lists = list(doc["groups"].values())
        lists += [value for table in ("routes", "rules") for entry in doc[table].values()
                  for value in entry.values() if isinstance(value, list)]
        for members in lists:
            same(len(set(members)), len(members))
        for made in doc["rules"].values():
            if "valid_from" in made and "valid_until" in made:
                same(parse_time(made["valid_from"]) < parse_time(made["valid_until"]), True)


REASONS = {
    "policy-expired", "internal-error", "method-unsupported", "host-missing", "host-malformed", "ambiguous-path",
    "route-unknown", "method-not-on-route", "method-override", "tls-absent", "tls-unavailable", "no-certificate",
    "certificate-not-verified", "certificate-malformed", "issuer-not-established", "issuer-unknown",
    "certificate-expired", "certificate-not-yet-valid", "name-missing", "name-ambiguous", "name-malformed",
    "name-outside-issuer", "identity-unknown", "denied-by-rule", "indeterminate", "allowed", "user-required",
    "condition-not-met", "no-rule", "not-on-require-line"}


@test
def test_every_reason_and_condition_is_reached():
    reasons, conditions = collections.Counter(), collections.Counter()
    for doc, made in generate.triples(7, 300):
        for case in made:
            decision = cases.decide(doc, case)
            reasons[decision.reason] += 1
            if decision.reason == "condition-not-met":
                conditions[decision.condition] += 1
    same(set(reasons), REASONS)
    same(set(conditions), {"networks", "valid_from", "valid_until", "users", "same"})
    assert reasons["allowed"] > reasons.total() / 5, reasons


@test
def test_every_feature_decides_something():
    """Leaving a feature out changes decisions; else its generation is worth nothing."""
    seen = collections.Counter()
    for doc, made in generate.triples(9, 150):
        before = [cases.decide(doc, case) for case in made]
        for table, key in (("issuers", "any_of"), ("issuers", "may_assert"), ("identities", "attributes"),
                           ("identities", "pins"), ("routes", "expects"), ("routes", "preflight"),
                           ("routes", "internal"), ("rules", "users"), ("rules", "same"), ("rules", "networks"),
                           ("rules", "valid_from"), ("rules", "valid_until")):
            bare = {name: {k: v for k, v in entry.items() if k != key} for name, entry in doc[table].items()}
            if bare != doc[table]:
                changed = {**doc, table: bare}
                seen[key] += sum(cases.decide(changed, case) != was for case, was in zip(made, before))
        for key in ("environment", "production"):
            same([cases.decide({k: v for k, v in doc.items() if k != key}, case) for case in made], before)
    few = {key: count for key, count in seen.items() if count < 20}
    assert len(seen) == 12 and not few, seen


@test
def test_a_case_is_the_same_after_json():
    for _, made in some_triples(5):
        for case in made:
            same(cases.Case.from_json(case.as_json()), case)


@test
def test_what_is_made_small_still_disagrees():
    doc, made = some_triples(12)[-1]
    rule = sorted(doc["rules"])[0]
    small, case = shrink.shrunk(doc, made[0], lambda document, _: rule in document["rules"])
    same(list(small["rules"]), [rule])
    same([small[table] for table in ("routes", "identities", "groups", "issuers")], [{}, {}, {}, {}])
    same((case.require, case.request.headers, case.request.user), ((), (), None))


if __name__ == "__main__":
    main()
