# SPDX-License-Identifier: Apache-2.0
"""The order of the reasons: for each a request that fails it and the next one, and what must be said of it.

Rows are written as those of sentences.py. Where a request cannot fail a reason and the next (a host cannot be both
missing and malformed), the first later one stands in that it can fail. policy-unavailable is the server's alone, which
then has no policy to ask: httpd/traps_reload.py.
"""

from pool import DAY, EAST_ENDS, EPOCH, YEAR
from sentences import DENY_EVERY, ELSEWHERE, GONE, issuer, rule, spiffe

ORDER = [
    "policy-expired", "internal-error", "method-unsupported", "host-missing", "host-malformed", "ambiguous-path (always)",
    "route-unknown", "method-not-on-route", "ambiguous-path (unexpected)", "method-override", "allowed (everyone)",
    "tls-absent", "tls-unavailable", "no-certificate", "certificate-not-verified", "certificate-malformed",
    "issuer-not-established", "issuer-unknown", "certificate-expired", "certificate-not-yet-valid", "name-missing",
    "name-ambiguous", "name-malformed", "name-outside-issuer", "identity-unknown", "denied-by-rule",
    "indeterminate (deny)", "allowed", "indeterminate (allow)", "user-required", "condition-not-met", "no-rule",
    "not-on-require-line",
]

OVERRIDE = {"headers": (("X-HTTP-Method", "PUT"),)}
NARROW = issuer("spiffe", may_assert=[{"spiffe": spiffe("billing")}])
UNKNOWN = {"networks": ["10.0.0.0/8"]}  # where the address is not known
USER = rule("billing", users=["*"])
LATE = {"now": EPOCH + 2 * YEAR}
OTHERS = {"identities": {"other": {"issuer": "corp", "spiffe": spiffe("orders")}}}
NOT_ON_LINE = {"require": (("other",),)}

PAIRS = [
    ("policy-expired before method-unsupported", {"valid_until": "2026-01-01T00:00:00Z"}, {"method": "TRACE"},
     "policy-expired route=none"),
    ("internal-error before method-unsupported", {"valid_until": "2096-01-01T00:00:00Z"}, {"method": "TRACE", "now": None},
     "internal-error route=none"),
    ("method-unsupported before host-missing", {}, {"method": "CONNECT", "host": None}, "method-unsupported route=none"),
    ("host-missing before ambiguous-path (always)", {}, {"host": None, "target": "/%00"}, "host-missing route=none"),
    ("host-malformed before ambiguous-path (always)", {}, {"host": "a..b", "target": "/%00"}, "host-malformed route=none"),
    ("ambiguous-path (always) before route-unknown", {}, {"target": "/nothing/%00"}, "ambiguous-path route=none"),
    ("route-unknown before method-not-on-route", {}, {"target": "/nothing", "method": "PUT"}, "route-unknown route=none"),
    ("method-not-on-route before ambiguous-path (unexpected)", {}, {"target": "/orders/a;b", "method": "PUT"},
     "method-not-on-route route=none"),
    ("ambiguous-path (unexpected) before method-override", {}, {"target": "/orders/a;b", **OVERRIDE},
     "ambiguous-path route=order"),
    ("method-override before allowed (everyone)", {"rules": {"e": rule("everyone")}}, OVERRIDE,
     "method-override rule=none route=order"),
    ("allowed (everyone) before tls-absent", {"rules": {"e": rule("everyone")}}, {"tls": "absent", "certificate": None},
     "allowed rule=e"),
    ("tls-absent before no-certificate", {}, {"tls": "absent", "certificate": None}, "tls-absent route=order"),
    ("tls-unavailable before no-certificate", {}, {"tls": "unavailable", "certificate": None}, "tls-unavailable"),
    ("certificate-not-verified before certificate-malformed", {}, {"certificate": "unverified-unreadable"},
     "certificate-not-verified issuer=none"),
    ("certificate-malformed before issuer-not-established", {}, {"certificate": "corp-neither"},
     "certificate-malformed issuer=none"),
    ("issuer-not-established before certificate-expired", {}, {"certificate": "corp-not-established", **LATE},
     "issuer-not-established issuer=none"),
    ("issuer-unknown before certificate-expired", {}, {"certificate": "stranger-billing", **LATE},
     "issuer-unknown issuer=none"),
    ("certificate-expired before certificate-not-yet-valid", {},
     {"certificate": "east-late", "now": EAST_ENDS + DAY}, "certificate-expired issuer=corp"),
    ("certificate-not-yet-valid before name-missing", {}, {"certificate": "corp-nameless", "now": EPOCH - 2 * YEAR},
     "certificate-not-yet-valid issuer=corp"),
    ("name-missing before name-outside-issuer", NARROW, {"certificate": "corp-nameless"}, "name-missing issuer=corp"),
    ("name-ambiguous before name-malformed", {}, {"certificate": "corp-spiffe-and-urn"}, "name-ambiguous issuer=corp"),
    ("name-malformed before name-outside-issuer", NARROW, {"certificate": "corp-upper"}, "name-malformed issuer=corp"),
    ("name-outside-issuer before identity-unknown", NARROW, {"certificate": "corp-orders"},
     "name-outside-issuer identity=none"),
    ("identity-unknown before no-rule", {"rules": {"r": None}}, {"certificate": "corp-orders"},
     "identity-unknown issuer=corp identity=none"),
    ("denied-by-rule before indeterminate (deny)", {"rules": {"a": {**DENY_EVERY, **UNKNOWN}, "d": DENY_EVERY}},
     {"address": None}, "denied-by-rule rule=d identity=billing"),
    ("indeterminate (deny) before allowed", {"rules": {"d": {**DENY_EVERY, **UNKNOWN}}}, {"address": None},
     "indeterminate rule=d"),
    ("allowed before indeterminate (allow)", {"rules": {"a": rule("billing", **UNKNOWN)}}, {"address": None},
     "allowed rule=r"),
    ("indeterminate (allow) before user-required", {"rules": {"r": rule("billing", **UNKNOWN), "a": USER}},
     {"address": None}, "indeterminate rule=r condition=none"),
    ("user-required before condition-not-met", {"rules": {"r": USER, "a": rule("billing", **GONE)}}, {},
     "user-required rule=r"),
    ("condition-not-met before not-on-require-line", {**OTHERS, "rules": {"r": rule("billing", **ELSEWHERE)}}, NOT_ON_LINE,
     "condition-not-met rule=r condition=networks"),
    ("no-rule before not-on-require-line", {**OTHERS, "rules": {"r": None}}, NOT_ON_LINE, "no-rule rule=none"),
    ("not-on-require-line comes last", OTHERS, NOT_ON_LINE, "not-on-require-line rule=r identity=billing"),
]

# With no certificate nothing of a certificate can fail.
WITHOUT_NEXT = {"no-certificate"}
