# SPDX-License-Identifier: Apache-2.0
"""The certificates of the differential tests: always the same, made once, known to every generated policy."""

import hashlib
import os
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

import reference

# Every time lies near this one. For a server, whose clock cannot be set, it is moved near the present.
EPOCH = int(os.environ.get("GENERATE_EPOCH", 1780315200))  # 2026-06-01T12:00:00Z
DAY = 86400
YEAR = 365 * DAY

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
TENANTS = ["acme", "globex", "Acme"]
EAST_ENDS = EPOCH + 40 * DAY  # before its leaves do: the intermediate's dates count too

ORGANIZATION, UNIT, IDENTIFIER = "2.5.4.10", "2.5.4.11", "2.5.4.97"
AS_UTF8 = {"utf8": "utf-8", "printable": "ascii", "ia5": "ascii", "t61": "latin-1", "bmp": "utf-16-be",
           "universal": "utf-32-be"}


@dataclass(frozen=True)
class Attribute:
    """An attribute of a subject; `joined` puts it into the same RDN as the one before."""

    oid: str
    value: bytes
    type: str = "utf8"
    joined: bool = False

    def token(self) -> tuple:
        return "also" if self.joined else "attribute", f"{self.oid}/{self.type}:".encode() + self.value

    def text(self):
        """The value as UTF-8, or None when it is no text."""
        return self.value.decode(AS_UTF8[self.type]).encode() if self.type in AS_UTF8 else None


@dataclass(frozen=True)
class Spec:
    """One certificate of the pool; `verified`, `readable` and `established` are what is to be taken to be known
    of it, whatever it is."""

    name: str
    issuer: str
    ca: bool = False
    cn: tuple = ()
    uri: tuple = ()
    dns: tuple = ()
    email: tuple = ()
    upn: tuple = ()
    upnia5: tuple = ()
    attributes: tuple = ()
    keyof: str | None = None
    not_before: int = EPOCH - YEAR
    not_after: int = EPOCH + YEAR
    verified: bool = True
    readable: bool = True
    established: bool = True

    def line(self) -> str:
        tokens = [("name", self.name.encode()), ("issuer", self.issuer.encode()),
                  ("ca", b"1" if self.ca else b"0")]
        for key in ("cn", "uri", "dns", "email", "upn", "upnia5"):
            tokens += [(key, value) for value in getattr(self, key)]
        tokens += [attribute.token() for attribute in self.attributes]
        tokens += [("keyof", self.keyof.encode())] if self.keyof else []
        tokens += [("notbefore", b"%d" % self.not_before), ("notafter", b"%d" % self.not_after)]
        if not self.ca:
            tokens.append(("eku", b"client"))
        return " ".join(f"{key}={quote_from_bytes(value, safe='')}" for key, value in tokens)

    def subject(self) -> list:
        rdns = [[("2.5.4.3", value)] for value in self.cn]
        for attribute in self.attributes:
            if not attribute.joined:
                rdns.append([])
            rdns[-1].append((attribute.oid, attribute.text()))
        return rdns

    def digests(self) -> dict:
        """Stand-ins: keys and signatures are new in every run, so whoever mints puts the true ones in their place."""
        return {kind: hashlib.sha256(f"{kind} {label}".encode()).hexdigest()
                for kind, label in (("certificate", self.name), ("spki", self.keyof or self.name))}


def spiffe_name(client: str) -> bytes:
    return b"spiffe://corp.example/" + client.encode()


def urn_name(client: str) -> bytes:
    return b"urn:example:client:" + client.encode()


def dns_name(client: str) -> bytes:
    return client.encode() + b".clients.example"


def email_name(client: str) -> bytes:
    return client.encode() + b"@clients.example"


def upn_name(client: str) -> bytes:
    return client.encode() + b"@corp.example"


def basic_names(client: str) -> dict:
    return {"cn": (client.encode(),), "uri": (spiffe_name(client),), "dns": (dns_name(client),)}


def unit_of(client: str) -> bytes:
    return TENANTS[CLIENTS.index(client) % 2].encode()


def good_names(client: str) -> dict:
    """One name of every kind, and a subject of several RDNs."""
    attributes = (Attribute(UNIT, unit_of(client)), Attribute(IDENTIFIER, b"ID-" + client.encode()),
                  Attribute(ORGANIZATION, b"Example GmbH"))
    return {**basic_names(client), "email": (email_name(client),), "upn": (upn_name(client),), "attributes": attributes}


def subject_text(client: str) -> str:
    """The subject of good_names, the last RDN first."""
    return f"O=Example GmbH,organizationIdentifier=ID-{client},OU={unit_of(client).decode()},CN={client}"


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


def single_specs() -> list:
    """Names of one kind alone, as an issuer of several kinds wants them."""
    one_kind = {"uri": spiffe_name, "dns": dns_name, "email": email_name, "upn": upn_name, "cn": str.encode}
    return [Spec(f"{issuer}-{kind}-{client}", issuer, **{kind: (make(client),)})
            for issuer in NAMED_AUTHORITIES for client in CLIENTS[:3] for kind, make in one_kind.items()]


def urn_specs() -> list:
    return [Spec(f"{issuer}-urn-{client}", issuer, uri=(urn_name(client),))
            for issuer in NAMED_AUTHORITIES for client in CLIENTS[:4]]


def tenant_specs() -> list:
    """Names that the patterns with captures take."""
    return [Spec(f"{issuer}-{tenant}-{client}", issuer, uri=(f"spiffe://corp.example/t/{tenant}/{client}".encode(),),
                 dns=(f"{tenant}.{client}.example".encode(),), email=(f"{tenant}@{client}.example".encode(),),
                 attributes=(Attribute(UNIT, tenant.encode()),))
            for issuer in NAMED_AUTHORITIES for tenant in TENANTS for client in CLIENTS[:2]]


def renewed_specs() -> list:
    """The key of another client, with other names or the same: what pins tell apart."""
    return [Spec(f"{issuer}-renewed-{client}", issuer, keyof=f"{issuer}-billing", **good_names(client))
            for issuer in NAMED_AUTHORITIES for client in CLIENTS[:2]]


def odd_names() -> dict:
    """Names that are missing, several, malformed, or spelled so that a careless reader errs."""
    billing = basic_names("billing")
    orders = basic_names("orders")
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


def several_names() -> dict:
    """For any_of: up to the most that may be, and one more; subjects that are hard to read."""
    billing, orders, ledger = (spiffe_name(client) for client in CLIENTS[:3])
    hosts = tuple(b"h%d.clients.example" % number for number in range(17))
    unit, organization = Attribute(UNIT, b"acme"), Attribute(ORGANIZATION, b"Example GmbH")
    return {
        "three-uri": {"uri": (billing, orders, ledger)},
        "uri-and-dns": {"uri": (orders,), "dns": (dns_name("billing"),)},
        "two-tenants": {"uri": (b"spiffe://corp.example/t/acme/billing", b"spiffe://corp.example/t/globex/orders")},
        "crossed-tenants": {"uri": (b"spiffe://corp.example/t/acme/orders", b"spiffe://corp.example/t/globex/billing"),
                            "dns": (b"acme.billing.example",)},
        "sixteen": {"dns": hosts[:15] + (dns_name("billing"),)},
        "seventeen": {"dns": hosts[:16] + (dns_name("billing"),)},
        "seventeen-of-two": {"dns": hosts[:16], "email": (email_name("billing"),)},
        "one-malformed": {"dns": (dns_name("billing"), b"*.clients.example")},
        "one-outside": {"uri": (billing, b"spiffe://corp.example/elsewhere/billing"), "dns": (dns_name("x"),)},
        "deep": {"uri": (b"spiffe://corp.example/t/acme/billing/x",), "dns": (b"a.acme.billing.example",)},
        "shallow": {"uri": (b"spiffe://corp.example/t",), "dns": (b"billing.example",)},
        "other-domain": {"uri": (b"spiffe://corp.example2/t/acme/billing",), "email": (b"acme@billing.example.org",)},
        "two-email": {"email": (email_name("billing"), email_name("orders"))},
        "email-case": {"email": (b"Billing@CLIENTS.Example.",)},
        "email-domain-case": {"email": (b"billing@CLIENTS.Example.",)},
        "email-two-at": {"email": (b"a@b@clients.example",)},
        "email-no-at": {"email": (b"billing",)},
        "email-no-local": {"email": (b"@clients.example",)},
        "email-space": {"email": (b"bil ling@clients.example",)},
        "email-long": {"email": (b"l" * 64 + b"@clients.example",)},
        "email-too-long": {"email": (b"l" * 65 + b"@clients.example",)},
        "email-wildcard": {"email": (b"billing@*.example",)},
        "email-utf8": {"email": (b"b\xc3\xaf@clients.example",)},
        "upn-utf8": {"upn": ("bill\u00efng@corp.example".encode(),)},
        "upn-not-utf8": {"upn": (b"billing\xff@corp.example",)},
        "upn-control": {"upn": (b"billing@corp.example\n",)},
        "upn-ia5": {"upnia5": (upn_name("billing"),)},
        "upn-two": {"upn": (upn_name("billing"), upn_name("orders"))},
        "upn-empty": {"upn": (b"",)},
        "upn-case": {"upn": (b"BILLING@corp.example",)},
        "two-units": {**good_names("billing"), "attributes": (unit, Attribute(UNIT, b"globex"), organization)},
        "units-twice-the-same": {**basic_names("billing"), "attributes": (unit, unit)},
        "unit-bmp": {**basic_names("billing"), "attributes": (Attribute(UNIT, "acme".encode("utf-16-be"), "bmp"),)},
        "unit-t61": {**basic_names("billing"), "attributes": (Attribute(UNIT, b"caf\xe9", "t61"),)},
        "unit-printable": {**basic_names("billing"), "attributes": (Attribute(UNIT, b"acme", "printable"),)},
        "unit-bits": {**basic_names("billing"), "attributes": (Attribute(UNIT, b"acme", "bits"), organization)},
        "unit-control": {**basic_names("billing"), "attributes": (Attribute(UNIT, b"ac\nme"),)},
        "unit-case": {**basic_names("billing"), "attributes": (Attribute(UNIT, b"ACME"),)},
        "identifier-bmp": {"attributes": (Attribute(IDENTIFIER, "ID-billing".encode("utf-16-be"), "bmp"),)},
        "identifier-two": {"attributes": (Attribute(IDENTIFIER, b"ID-billing"), Attribute(IDENTIFIER, b"ID-orders"))},
        "identifier-bits": {"attributes": (Attribute(IDENTIFIER, b"ID-billing", "bits"),)},
        "identifier-long": {"attributes": (Attribute(IDENTIFIER, b"i" * 256),)},
        "identifier-too-long": {"attributes": (Attribute(IDENTIFIER, b"i" * 257),)},
        "joined": {"cn": (b"billing",), "attributes": (unit, Attribute(ORGANIZATION, b"Example GmbH", joined=True))},
        "joined-other-way": {"cn": (b"billing",),
                             "attributes": (organization, Attribute(UNIT, b"acme", "ia5", joined=True))},
        "joined-twice": {"cn": (b"billing",), "attributes": (unit, Attribute(ORGANIZATION, b"Example GmbH", joined=True),
                                                             Attribute(UNIT, b"acme", joined=True))},
        "apart": {"cn": (b"billing",), "attributes": (unit, organization)},
        "other-order": {"cn": (b"billing",), "attributes": (organization, unit)},
        "other-types": {"cn": (b"billing",), "attributes": (
            Attribute(UNIT, "acme".encode("utf-32-be"), "universal"), Attribute(ORGANIZATION, b"Example GmbH", "t61"))},
        "special": {"attributes": (Attribute(ORGANIZATION, b' #a,b+c"d\\<e>;f=g '), Attribute("2.5.4.99", b"x"))},
    }


# The subjects of "joined", "apart" and "special" as a policy writes them.
SUBJECTS = ["O=Example GmbH+OU=acme,CN=billing", "organizationName=Example GmbH,ou=acme,2.5.4.3=billing",
            r'2.5.4.99=x,O=\20#a\,b\+c\"d\\\<e\>\;f=g\ ', "CN=billing", "CN=acme,CN=billing"]

# From a second CA too, since not every policy knows the first.
ODD_AT_PARTNER = ["nameless", "two-cn", "two-uri", "two-dns", "spiffe-and-urn", "nul", "control",
                  "non-ascii", "not-utf8", "wildcard", "upper", "upper-domain", "empty", "trailing",
                  "empty-part", "port", "three-uri", "uri-and-dns", "two-tenants", "crossed-tenants", "sixteen",
                  "seventeen", "two-units", "joined", "email-domain-case", "one-outside", "one-malformed"]


def odd_name_specs() -> list:
    names = {**odd_names(), **several_names()}
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
            for issuer in ("corp", "partner") for label, when in dates.items()
            ] + [Spec("east-late", "east", **good_names("billing"), not_before=EAST_ENDS + 2 * DAY)]


def odd_chain_specs() -> list:
    names = [(client, good_names(client)) for client in CLIENTS[:3]]
    alone = [Spec(f"self-{client}", "self", **given) for client, given in names]
    # A client may call itself what the CA is called: names of CAs mean nothing.
    posing = Spec("self-posing", "self", **{**good_names("billing"), "cn": (b"Test corp CA",)})
    doubted = [Spec(f"unverified-{client}", "corp", **given, verified=False) for client, given in names]
    unknown = [Spec("corp-unreadable", "corp", **good_names("billing"), readable=False),
               Spec("corp-not-established", "corp", **good_names("billing"), established=False),
               Spec("corp-neither", "corp", **good_names("billing"), readable=False, established=False),
               Spec("unverified-unreadable", "corp", **good_names("billing"), verified=False, readable=False)]
    return alone + [posing] + doubted + unknown


def certificate_pool() -> list:
    return (authority_specs() + client_specs() + single_specs() + urn_specs() + tenant_specs() + renewed_specs()
            + odd_name_specs() + odd_date_specs() + odd_chain_specs())


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
        verified=spec.verified, readable=spec.readable, path=list(chain) if spec.established else None,
        uri=list(spec.uri), dns=list(spec.dns), email=list(spec.email),
        upn=list(spec.upn) + [None] * len(spec.upnia5), subject=spec.subject(), digests=spec.digests(),
        not_before=max(each.not_before for each in dated),
        not_after=min(each.not_after for each in dated))


def issuer_keys(document: dict) -> dict:
    """Which CA labels belong to each issuer, read off the names of the certificate files."""
    return {name: {entry["file"].removesuffix(".crt") for entry in issuer["certificates"]}
            for name, issuer in document.get("issuers", {}).items()}
