# SPDX-License-Identifier: Apache-2.0
"""Names in certificates and in policies: where they stand, which are well-formed, when two are one.

A kind is spelled as in a policy, but for `{"attribute": OID}`, which is "attribute:" and the OID in dots.
"""

import re
import unicodedata

MOST_NAMES = 16  # with any_of
COMMON_NAME = "2.5.4.3"

OIDS = {
    "organizationIdentifier": "2.5.4.97", "serialNumber": "2.5.4.5", "countryName": "2.5.4.6",
    "localityName": "2.5.4.7", "stateOrProvinceName": "2.5.4.8", "organizationName": "2.5.4.10",
    "organizationalUnitName": "2.5.4.11", "title": "2.5.4.12", "dnQualifier": "2.5.4.46",
    "pseudonym": "2.5.4.65", "userId": "0.9.2342.19200300.100.1.1",
    "domainComponent": "0.9.2342.19200300.100.1.25",
}
RFC4514_TYPES = {
    "CN": COMMON_NAME, "L": "2.5.4.7", "ST": "2.5.4.8", "O": "2.5.4.10", "OU": "2.5.4.11", "C": "2.5.4.6",
    "STREET": "2.5.4.9", "DC": OIDS["domainComponent"], "UID": OIDS["userId"],
}
TYPES_IN_ANY_CASE = {name.lower(): oid for name, oid in {**OIDS, **RFC4514_TYPES}.items()}


def dotted(oid: str) -> str:
    return OIDS.get(oid, oid)


def has_control(text: str) -> bool:
    """Unicode's control characters: C0, DELETE and C1."""
    return any(unicodedata.category(char) == "Cc" for char in text)


def is_utf8_without_controls(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not has_control(text)


# --- how a policy spells kinds and names -----------------------------------------------------

WRITTEN_KINDS = ("spiffe", "uri", "dns", "email", "upn", "cn", "subject")


def kind_of(written) -> str:
    """A member of an issuer's `names`."""
    return written if isinstance(written, str) else "attribute:" + dotted(written["attribute"])


def written_name(definition: dict):
    """The (kind, text) that an identity or a member of `may_assert` holds; None where it has no name."""
    for kind in WRITTEN_KINDS:
        if kind in definition:
            return kind, definition[kind]
    if "attribute" in definition:
        return "attribute:" + dotted(definition["attribute"]["oid"]), definition["attribute"]["value"]
    return None


# --- whole subjects ----------------------------------------------------------------------------

ATTRIBUTE = re.compile(r"([A-Za-z0-9.]+)=((?:\\(?:[0-9A-Fa-f]{2}|.)|[^\\,+])*)([,+]?)", re.DOTALL)
ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)


def unescape_value(text: str) -> bytes:
    """RFC 4514 section 3: after a backslash two digits are a byte, anything else is itself."""
    return ESCAPED.sub(lambda m: bytes.fromhex(m[1].decode()) if len(m[1]) == 2 else m[1], text.encode("utf-8"))


def parse_subject(text: str) -> tuple:
    """RDNs in the order of the certificate, each a set of (OID, value)."""
    rdns, members, at = [], set(), 0
    while at < len(text):
        match = ATTRIBUTE.match(text, at)
        if not match:
            raise ValueError(f"not a subject: {text!r}")
        kind, value, joint = match.groups()
        members.add((TYPES_IN_ANY_CASE.get(kind.lower(), kind), unescape_value(value)))
        if joint != "+":
            rdns.append(frozenset(members))
            members = set()
        at = match.end()
    return tuple(reversed(rdns))


# --- which names are well-formed ---------------------------------------------------------------

SPIFFE = re.compile(rb"spiffe://[a-z0-9._-]{1,255}((?:/[A-Za-z0-9._-]+)+)")
URI = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]*")
DNS_LABEL = re.compile(rb"[A-Za-z0-9_-]{1,63}")
LOCAL_PART = re.compile(rb"[\x21-\x7e]{1,64}")


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


def well_formed_email(name: bytes) -> bool:
    local, at, domain = name.rpartition(b"@")
    return bool(at and LOCAL_PART.fullmatch(local)) and well_formed_dns(domain)


def well_formed_text(name: bytes | None) -> bool:
    return name is not None and 1 <= len(name) <= 256 and is_utf8_without_controls(name)


def well_formed_subject(rdns: list) -> bool:
    """Of any length, but every value is text."""
    return all(value and is_utf8_without_controls(value) for rdn in rdns for _, value in rdn)


WELL_FORMED = {
    "spiffe": well_formed_spiffe,
    "uri": well_formed_uri,
    "dns": well_formed_dns,
    "email": well_formed_email,
    "subject": well_formed_subject,
}


def well_formed(kind: str, name) -> bool:
    return WELL_FORMED.get(kind, well_formed_text)(name)


def normal_form(kind: str, name):
    """Two names of one kind are the same name when these are equal."""
    if kind == "subject":
        return tuple(frozenset(rdn) for rdn in name)
    if kind == "dns":
        return name.lower().removesuffix(b".")
    if kind == "email":
        local, _, domain = name.rpartition(b"@")
        return local + b"@" + normal_form("dns", domain)
    return name


# --- what a certificate holds ------------------------------------------------------------------


def attribute_values(client, oid: str) -> list:
    return [value for rdn in client.subject for kind, value in rdn if kind == oid]


def names_of_kind(client, kind: str) -> list:
    if kind in ("spiffe", "uri"):
        return client.uri
    if kind in ("dns", "email", "upn"):
        return getattr(client, kind)
    if kind == "cn":
        return attribute_values(client, COMMON_NAME)
    if kind == "subject":
        return [client.subject] if client.subject else []
    return attribute_values(client, kind.removeprefix("attribute:"))


# --- patterns ----------------------------------------------------------------------------------

CAPTURE = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")


def is_wild(part: str) -> bool:
    return part == "*" or bool(CAPTURE.fullmatch(part))


def match_part(written: str, held: bytes):
    """What a wild part keeps of what it takes; None when it takes nothing."""
    if not held:
        return None
    capture = CAPTURE.fullmatch(written)
    return {capture.group(1): held} if capture else {}


def literal_parts(parts: list) -> int:
    """The scheme, and with `//` the authority: as many parts of a URI, split at `/`."""
    return 3 if parts[1:2] == [""] else 1


def match_uri(written: str, name: bytes):
    parts, held = written.split("/"), name.split(b"/")
    captures = {}
    for number, part in enumerate(parts):
        wild = number >= literal_parts(parts)
        if wild and part == "**" and number == len(parts) - 1:
            return captures
        if number >= len(held):
            return None
        taken = match_part(part, held[number]) if wild and is_wild(part) else (
            {} if part.encode("utf-8") == held[number] else None)
        if taken is None:
            return None
        captures.update(taken)
    return captures if len(parts) == len(held) else None


def match_dns(written: str, name: bytes):
    label, dot, rest = written.removesuffix(".").partition(".")
    if not is_wild(label):
        return {} if normal_form("dns", written.encode("utf-8")) == name else None
    held, held_dot, held_rest = name.partition(b".")
    same_rest = rest.lower().encode("utf-8") == held_rest and bool(dot) == bool(held_dot)
    return match_part(label, held) if same_rest else None


def match_email(written: str, name: bytes):
    local, _, domain = written.rpartition("@")
    if not is_wild(local):
        return {} if normal_form("email", written.encode("utf-8")) == name else None
    held, _, held_domain = name.rpartition(b"@")
    return match_part(local, held) if normal_form("dns", domain.encode("utf-8")) == held_domain else None


def match_name(kind: str, written: str, name):
    """The captures of a name or pattern of a policy when it takes this name (in normal form); None when not."""
    if kind in ("spiffe", "uri"):
        return match_uri(written, name)
    if kind == "dns":
        return match_dns(written, name)
    if kind == "email":
        return match_email(written, name)
    known = parse_subject(written) if kind == "subject" else written.encode("utf-8")
    return {} if known == name else None


def is_pattern(kind: str, written: str) -> bool:
    if kind in ("spiffe", "uri"):
        parts = written.split("/")
        return any(is_wild(part) or part == "**" for part in parts[literal_parts(parts):])
    if kind == "dns":
        return is_wild(written.removesuffix(".").partition(".")[0])
    return kind == "email" and is_wild(written.rpartition("@")[0])
