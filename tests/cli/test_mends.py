#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Usual slips in a document, and that what is said of each tells how to mend it."""

import copy
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cli import NO, PLACE, POLICY, expect, make_place, run  # noqa: E402
from tap import main, test, test_each  # noqa: E402


def mends_of(text):
    """(code, mend) of each problem."""
    (PLACE / 'slip.json').write_text(text)
    done = expect(run('check', '--format', 'json', 'slip.json'), NO)
    return [(found['code'], found['fix']) for found in json.loads(done.stdout)['documents'][0]['diagnostics']]


def changed(pointer, value):
    document = copy.deepcopy(POLICY)
    *path, last = pointer.split('/')[1:]
    place = document
    for step in path:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    return json.dumps(document)


@test_each(('{"name": "a", }', 'comma'), ('{"name": "a", "rules": {"x": [1, ]}}', 'comma'), ('{\n// why\n"name": "a"}', 'no comments'),
           ('{"name": "a" # why\n}', 'no comments'), ("{'name': 'a'}", 'double quotes'), ('{\u201cname\u201d: "a"}', 'double quotes'),
           ('{"name": "a"', 'too early'), ('{"name": "a', 'too early'), ('{"name": nothing}', 'RFC 8259'))
def test_text_that_is_no_json(text, mend):
    (code, fix), = mends_of(text)
    assert code == 'json-syntax' and mend in fix, (code, fix)


SLIPS = [
    ('/issuers/corp/certificates/0', 'ca.crt', 'wrong-type', '{ "file": "PATH" }'),
    ('/issuers/corp/certificates/0', {'file': '.'}, 'certificate-unreadable', 'it is a file'),
    ('/issuers/corp/certificates/0', {'pem': 'MIIB'}, 'bad-certificate', '-inform der'),
    ('/issuers/corp/may_assert', ['*.example'], 'wrong-type', '{ "dns": "*.example" }'),
    ('/identities/billing/pins', ['spki:00'], 'bad-pin', 'openssl pkey -pubin -outform DER'),
    ('/identities/billing/attributes', {'cn': 'a'}, 'bad-oid', '2.5.4.3'),
    ('/identities/billing/attributes', {'department': 'a'}, 'bad-oid', 'in dots'),
    ('/routes/order/hosts/0', 'api.example:8443', 'bad-host', 'port'),
    ('/routes/order/hosts/0', 'https://api.example', 'bad-host', 'scheme'),
    ('/routes/order/hosts/0', 'API.example', 'bad-host', 'lower case'),
    ('/routes/order/hosts/0', 'api.example.', 'bad-host', 'dot'),
    ('/routes/order/hosts/0', 'api-*.example', 'bad-host', '*.NAME'),
    ('/routes/order/hosts/0', 'api example', 'bad-host', 'DNS name'),
    ('/rules/read/effect', 'Allow', 'bad-effect', 'allow or deny'),
]


@test_each(*SLIPS)
def test_a_value_that_is_wrong(pointer, value, code, mend):
    (found, fix), = mends_of(changed(pointer, value))
    assert found == code and mend in fix, (found, fix)


@test
def test_a_subject_as_openssl_prints_it():
    document = json.loads(changed('/issuers/corp/names', ['subject']))
    document['identities']['billing'] = {'issuer': 'corp', 'subject': 'CN = a, O = b'}
    done = expect(run('check', '-', stdin=json.dumps(document).encode()), NO, err=b'-nameopt RFC2253')
    assert b'bad-identity-name' in done.stderr, done


if __name__ == '__main__':
    make_place()
    main()
