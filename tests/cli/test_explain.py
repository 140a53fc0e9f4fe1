#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mtls-policy explain: who may ask in which way, what is answered, and what is no question."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cli import NO, PLACE, TROUBLE, YES, expect, make_place, run, silent, write  # noqa: E402
from tap import main, test, test_each  # noqa: E402

EXPLAIN = ('explain', 'good.mtlsp', '--request', 'GET https://api.example/o')
INSIDE = ('--from', '10.1.2.3', '--at', '2026-06-01T12:00:00Z')
NOBODY = ('explain', 'good.mtlsp', '--no-cert')
LARGE = ('explain', 'large.mtlsp', '--at', '2026-06-01T12:00:00Z', '--request')


def fields(done):
    lines = done.stdout.decode().splitlines()
    assert lines[1].startswith('  ') and all(line.startswith('  ') for line in lines[1:]), lines
    return lines[0], dict(line.split(None, 1) for line in lines[2:])


def answer(*arguments, status=None):
    done = run(*arguments)
    silent(done.stderr, done)
    first, found = fields(done)
    assert done.returncode == (YES if first.startswith('allow') else NO), done
    assert status is None or done.returncode == status, done
    return first, found


# --- who asks ---------------------------------------------------------------------------------------


@test_each(('--identity', 'billing'), ('--cert', 'leaf.crt'), ('--cert', 'leaf.crt', '--ca', 'other.crt'))
def test_explain_allows(*who):
    for policy in ('good.mtlsp', 'good.json'):
        first, found = answer('explain', policy, '--request', 'GET https://api.example/o', *who, *INSIDE)
        assert first == 'allow allowed', first
        assert found == {'route': 'order', 'rule': 'read', 'identity': 'billing', 'issuer': 'corp', 'principal': 'cn:billing'}, found


@test_each(
    ('no-certificate', 'connection', '--no-cert', *INSIDE),
    ('indeterminate', 'condition', '--identity', 'billing', '--at', '2026-06-01T12:00:00Z'),
    ('condition-not-met', 'condition', '--identity', 'billing', '--from', '11.0.0.1', '--at', '2026-06-01T12:00:00Z'),
    ('condition-not-met', 'condition', '--identity', 'billing', '--from', '10.0.0.1', '--at', '2025-12-31T23:59:59Z'),
    ('issuer-unknown', 'issuer', '--cert', 'stranger.crt'), ('certificate-not-verified', 'certificate', '--cert', 'server.crt'),
    ('certificate-expired', 'certificate', '--cert', 'leaf.crt', '--at', '2200-01-01T00:00:00Z'),
    ('certificate-not-yet-valid', 'certificate', '--cert', 'leaf.crt', '--at', '2001-01-01T00:00:00Z'),
    ('identity-unknown', 'name', '--cert', 'unknown.crt'), ('name-missing', 'name', '--cert', 'nameless.crt'),
    ('name-malformed', 'name', '--cert', 'strange.crt'))
def test_explain_denies(reason, stage, *who):
    first, found = answer(*EXPLAIN, *who, status=NO)
    assert first == f'deny {reason}' and found['stage'] == stage and found['next'].endswith('.'), (first, found)


@test
def test_what_the_client_controls_is_escaped():
    done = run(*EXPLAIN, '--cert', 'strange.crt')
    assert rb'cn:\x1b[31m\xc2\x9bx' in done.stdout and b'\x1b' not in done.stdout and b'\x9b' not in done.stdout, done


@test
def test_explain_remarks():
    assert 'handshake' in answer(*EXPLAIN, '--cert', 'stranger.crt')[1]['remark']
    assert 'purpose' in answer(*EXPLAIN, '--cert', 'server.crt')[1]['remark']


def chain(name, *parts):
    return write(name, b''.join((PLACE / part).read_bytes() for part in parts))


@test
def test_authorities_that_the_server_trusts():
    # Without --ca its path leads nowhere; with it the path is verified, and the policy still does not know it.
    below = chain('below.chain', 'below.crt', 'between.crt')
    for more in ((), ('--ca', 'other.crt'), ('--ca', chain('two.pem', 'ca.crt', 'other.crt'))):
        assert answer(*EXPLAIN, '--cert', below, *more)[0] == 'deny issuer-unknown'
    # A policy that names the intermediate: its root is not needed, and does not harm.
    known = {'name': 'x', 'issuers': {'b': {'certificates': [{'file': 'between.crt'}], 'names': ['cn']}},
             'identities': {'billing': {'issuer': 'b', 'cn': 'billing'}}}
    write('between.json', known)
    for more in ((), ('--ca', 'other.crt')):
        first, found = answer('explain', 'between.json', '--request', 'GET https://h/', '--cert', below, *more)
        assert first == 'deny route-unknown', first
    routes = {**known, 'routes': {'r': {'hosts': ['h'], 'methods': ['GET'], 'paths': ['/']}}}
    write('between.json', routes)
    for more in ((), ('--ca', 'other.crt')):
        first, found = answer('explain', 'between.json', '--request', 'GET https://h/', '--cert', below, *more)
        assert first == 'deny no-rule' or first == 'deny identity-unknown', first
        assert found['issuer'] == 'b' and found['principal'] == 'cn:billing', found


def crossed(name, near, far):
    """A policy that allows a client of the one authority and denies those of the other."""
    return write(name, {
        'name': 'x', 'issuers': {'b': {'certificates': [{'file': near}], 'names': ['cn']}, 'far': {'certificates': [{'file': far}], 'names': ['cn']}},
        'identities': {'billing': {'issuer': 'b', 'cn': 'billing'}},
        'routes': {'r': {'hosts': ['h'], 'methods': ['GET'], 'paths': ['/']}},
        'rules': {'allow': {'effect': 'allow', 'subjects': ['billing'], 'routes': ['r']},
                  'deny': {'effect': 'deny', 'subjects': ['issuer:far'], 'routes': ['r']}}})


@test_each(('between.crt', 'other.crt', 'below.crt'), ('low.crt', 'mid.crt', 'deep.crt'))
def test_the_path_goes_on_as_far_as_it_is_known(near, far, leaf):
    """A denial for an issuer meets clients of the authorities it certified: to its root, or to where the policy ends."""
    for certificate in (leaf, chain('whole.chain', leaf, near)):
        done = run('explain', crossed('crossed.json', near, far), '--request', 'GET https://h/', '--cert', certificate)
        first, found = fields(expect(done, NO))
        assert first == 'deny denied-by-rule' and found['rule'] == 'deny' and found['issuer'] == 'b', (first, found)


def sign(name, *extensions, by=None):
    """A certificate made by openssl, which knows more constraints than mint does."""
    request = make_request(name, subject=f'/CN={name}')
    (PLACE / 'extensions').write_text('\n'.join(extensions) + '\n')
    signer = ['-CA', f'{by}.crt', '-CAkey', f'{by}.key', '-CAcreateserial'] if by else ['-key', f'{name}.key']
    subprocess.run(['openssl', 'x509', '-req', '-in', request, '-extfile', 'extensions', '-days', '30', *signer, '-out', f'{name}.crt'],
                   cwd=PLACE, check=True, capture_output=True)


@test
def test_constraints_count_up_to_the_root():
    """The root allows no CA below it. Where the policy knows the root the server would refuse, and so does the tool."""
    sign('strict', 'basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign')
    sign('lower', 'basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign', by='strict')
    sign('client', 'extendedKeyUsage=clientAuth', by='lower')
    policy = crossed('strict.json', 'lower.crt', 'strict.crt')
    first, found = answer('explain', policy, '--request', 'GET https://h/', '--cert', 'client.crt')
    assert first == 'deny certificate-not-verified' and 'path length' in found['remark'], (first, found)


@test
def test_without_tls_nobody_shows_a_certificate():
    for who in (('--no-cert',), ('--identity', 'billing'), ('--cert', 'leaf.crt')):
        assert answer('explain', 'good.mtlsp', '--request', 'GET http://api.example/o', *who)[0] == 'deny tls-absent'
    first, found = answer(*NOBODY, '--request', 'GET http://api.example/open', status=YES)
    assert found == {'route': 'open', 'rule': 'public'}, found


# --- captures ---------------------------------------------------------------------------------------


@test
def test_captures():
    asked = (*LARGE, 'GET https://a.example/t/acme/x', '--identity', 'tenant')
    first, found = answer(*asked)
    assert first == 'deny indeterminate' and found['unknown'] == 'same' and '--capture' in found['next'], found
    assert 'condition' not in found, found
    assert answer(*asked, '--capture', 'tenant=acme')[0] == 'allow allowed'
    first, found = answer(*asked, '--capture', 'tenant=other')
    assert first == 'deny condition-not-met' and found['condition'] == 'same' and found['rule'] == 'tenants', found
    assert answer(*LARGE, 'GET https://a.example/t/acme/x', '--cert', 'acme.crt')[0] == 'allow allowed'
    assert answer(*LARGE, 'GET https://a.example/t/else/x', '--cert', 'acme.crt')[1]['condition'] == 'same'


@test
def test_captures_that_the_identity_has_not():
    asked = (*LARGE, 'GET https://a.example/t/acme/x', '--identity')
    expect(run(*asked, 'tenant', '--capture', 'client=x'), TROUBLE, err=b'the identity "tenant" has no capture "client"\n    captures')
    expect(run(*asked, 'billing', '--capture', 'tenant=x'), TROUBLE, err=b'the identity "billing" has no capture "tenant"')


# --- certificate requests ----------------------------------------------------------------------------


def make_request(name, subject='/CN=billing', san=None, key=None):
    arguments = ['-keyout', f'{name}.key', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    if key:
        arguments = ['-key', f'{key}.key']
    if san:
        arguments += ['-addext', f'subjectAltName={san}']
    write('openssl.cnf', b'[req]\ndistinguished_name = dn\n[dn]\n')
    subprocess.run(['openssl', 'req', '-new', '-config', 'openssl.cnf', '-subj', subject, *arguments, '-out', f'{name}.csr'],
                   cwd=PLACE, check=True, capture_output=True)
    return f'{name}.csr'


@test
def test_a_certificate_request():
    request = make_request('billing', san='DNS:ignored.example,URI:spiffe://m/t/acme')
    first, found = answer(*EXPLAIN, '--csr', request, '--issuer', 'corp', *INSIDE)
    assert first == 'allow allowed' and found['identity'] == 'billing' and found['principal'] == 'cn:billing', found
    # As if another issuer had signed it: other names count.
    asked = (*LARGE, 'GET https://a.example/t/acme/x', '--csr', request, '--issuer')
    first, found = answer(*asked, 'mesh')
    assert first == 'allow allowed' and found['identity'] == 'any' and found['principal'] == 'spiffe:spiffe://m/t/acme', found
    assert answer(*asked, 'corp')[0] == 'deny name-outside-issuer'


@test
def test_a_certificate_request_without_a_name():
    request = make_request('nameless', subject='/', san='email:a@b.example')
    first, found = answer(*EXPLAIN, '--csr', request, '--issuer', 'corp', *INSIDE)
    assert first == 'deny name-missing' and found['issuer'] == 'corp' and found['stage'] == 'name', found
    assert answer(*EXPLAIN, '--csr', make_request('plain', subject='/CN=a/CN=b'), '--issuer', 'corp')[0] == 'deny name-ambiguous'


@test
def test_the_principal_of_an_attribute_names_its_oid():
    # Spelt as MTLS_PRINCIPAL of the server.
    naming = {'attribute': {'oid': '2.5.4.11', 'value': 'ops'}}
    write('unit.json', {'name': 'p', 'issuers': {'d': {'certificates': [{'file': 'devices.crt'}], 'names': [{'attribute': '2.5.4.11'}]}},
                        'identities': {'one': {'issuer': 'd', **naming}},
                        'routes': {'r': {'hosts': ['h'], 'methods': ['GET'], 'paths': ['/']}},
                        'rules': {'a': {'effect': 'allow', 'subjects': ['one'], 'routes': ['r']}}})
    request = make_request('unit', subject='/OU=ops')
    first, found = answer('explain', 'unit.json', '--request', 'GET https://h/', '--csr', request, '--issuer', 'd')
    assert first == 'allow allowed' and found['principal'] == 'attribute:2.5.4.11:ops', (first, found)


@test
def test_a_request_ends_with_no_certificate():
    # It does not run out, and a pin of its key fits, but no pin of a certificate.
    request = make_request('device', subject='/')
    spki = subprocess.run(['openssl', 'req', '-in', request, '-noout', '-pubkey'], cwd=PLACE, check=True, capture_output=True).stdout
    der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=spki, check=True, capture_output=True).stdout
    digest = subprocess.run(['openssl', 'dgst', '-sha256', '-r'], input=der, check=True, capture_output=True).stdout.split()[0].decode()
    for pin, expected in ((f'spki:{digest}', 'no-rule'), ('certificate:' + '00' * 32, 'identity-unknown'), (f'certificate:{digest}', 'identity-unknown')):
        write('pinned.json', {'name': 'p', 'issuers': {'d': {'certificates': [{'file': 'devices.crt'}], 'names': ['none']}},
                              'identities': {'one': {'issuer': 'd', 'pins': [pin]}},
                              'routes': {'r': {'hosts': ['h'], 'methods': ['GET'], 'paths': ['/']},
                                         's': {'hosts': ['h'], 'methods': ['GET'], 'paths': ['/s']}},
                              'rules': {'a': {'effect': 'allow', 'subjects': ['one'], 'routes': ['s']}}})
        first, found = answer('explain', 'pinned.json', '--request', 'GET https://h/', '--csr', request, '--issuer', 'd', '--at', '2990-01-01T00:00:00Z')
        assert first == f'deny {expected}', (pin, first, found)


@test
def test_certificate_requests_that_are_none():
    expect(run(*EXPLAIN, '--csr', 'leaf.crt', '--issuer', 'corp'), TROUBLE, err=b'leaf.crt holds no certificate request in PEM\n    give')
    expect(run(*EXPLAIN, '--csr', 'missing.csr', '--issuer', 'corp'), TROUBLE, err=b'missing.csr cannot be opened')
    request = make_request('sound')
    expect(run(*EXPLAIN, '--csr', request, '--issuer', 'nobody'), TROUBLE, err=b'the policy has no issuer "nobody"\n    mtls-policy show --list')
    der = bytearray(subprocess.run(['openssl', 'req', '-in', request, '-outform', 'DER'], cwd=PLACE, check=True, capture_output=True).stdout)
    der[-1] ^= 1
    broken = subprocess.run(['openssl', 'req', '-inform', 'DER'], input=bytes(der), check=True, capture_output=True).stdout
    expect(run(*EXPLAIN, '--csr', write('broken.csr', broken), '--issuer', 'corp'), TROUBLE, err=b'the signature of the request in broken.csr is wrong')


# --- the request ---------------------------------------------------------------------------------------


@test
def test_a_raw_target():
    asked = (*NOBODY, '--host', 'api.example', '--request')
    assert answer(*asked, 'GET /open')[0] == 'allow allowed'
    assert answer(*asked, 'GET /open?x=/../')[0] == 'allow allowed'
    assert answer(*asked, 'GET /./open')[0] == 'deny ambiguous-path'
    assert answer(*asked, 'GET //open')[0] == 'deny ambiguous-path'
    assert answer(*asked, 'GET open')[0] == 'deny ambiguous-path'
    assert answer(*asked, 'OPTIONS *')[0] == 'deny method-unsupported'
    assert answer(*asked, 'DELETE /open')[1]['stage'] == 'method'
    assert answer(*NOBODY, '--host', 'API.example.:8443', '--request', 'GET /open')[0] == 'allow allowed'
    assert answer(*NOBODY, '--host', 'user@api.example', '--request', 'GET /open')[0] == 'deny host-malformed'
    assert answer(*NOBODY, '--host', 'b.example', '--request', 'GET /open')[0] == 'deny route-unknown'


@test
def test_a_request_without_a_host():
    asked = (*NOBODY, '--no-host', '--request', 'GET /open')
    first, found = answer(*asked)
    assert first == 'deny host-missing' and found['stage'] == 'route' and '"-"' in found['next'], found
    write('hostless.json', {'name': 'h', 'routes': {'r': {'hosts': ['-'], 'methods': ['GET'], 'paths': ['/open']}},
                            'rules': {'a': {'effect': 'allow', 'subjects': ['everyone'], 'routes': ['r'], 'acknowledge': ['everyone']}}})
    assert answer('explain', 'hostless.json', *asked[2:])[0] == 'allow allowed'


@test
def test_headers():
    asked = (*LARGE, 'GET https://a.example/o/7', '--no-cert')
    assert answer(*asked, '--header', 'Accept: */*', '--header', 'X-Anything:')[0] == 'deny no-certificate'
    for name in ('X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'X-Original-URL', 'X-REWRITE-URL', 'X_http_Method-Override'):
        first, found = answer(*asked, '--header', f'{name}: DELETE')
        assert first == 'deny method-override' and found['route'] == 'order' and found['stage'] == 'method', found
    # a route that expects it
    assert answer(*LARGE, 'GET https://a.example/t/acme/x', '--cert', 'acme.crt', '--header', 'X-HTTP-Method: GET')[0] == 'allow allowed'
    options = (*LARGE, 'OPTIONS https://a.example/o', '--no-cert')
    preflight = ('--header', 'Origin: https://x', '--header', 'access-control-request-method: GET')
    assert answer(*options, *preflight)[0] == 'allow allowed'
    assert answer(*options, *preflight[:2])[0] == 'deny method-not-on-route'
    assert answer(*options, *preflight[2:])[0] == 'deny method-not-on-route'


@test
def test_users():
    asked = (*LARGE, 'GET https://a.example/o', '--cert', 'acme.crt', '--from', '10.0.0.1')
    first, found = answer(*asked)
    assert first == 'deny user-required' and found['condition'] == 'users' and found['rule'] == 'orders', found
    assert answer(*asked, '--user', 'amy')[0] == 'allow allowed'
    first, found = answer(*asked, '--user', 'bob')
    assert first == 'deny condition-not-met' and found['condition'] == 'users' and 'Log in' in found['next'], found


@test_each(('networks', '2026-06-01T12:00:00Z', '11.0.0.1'), ('valid_from', '2025-06-01T12:00:00Z', '10.0.0.1'),
           ('valid_until', '2098-01-01T00:00:00Z', '10.0.0.1'))
def test_the_condition_that_fails_is_named(condition, at, address):
    done = run('explain', 'large.mtlsp', '--request', 'GET https://a.example/o', '--identity', 'tenant', '--user', 'amy', '--at', at, '--from', address)
    first, found = fields(done)
    assert first == 'deny condition-not-met' and found['condition'] == condition and found['rule'] == 'orders', (first, found)
    assert condition.split('_')[0] in found['next'] and 'unknown' not in found, found


@test
def test_what_is_not_known_is_named():
    first, found = answer(*LARGE, 'GET https://a.example/o', '--identity', 'tenant', '--user', 'amy')
    assert first == 'deny indeterminate' and found['unknown'] == 'networks' and '--from' in found['next'], found


@test
def test_where_the_server_goes_on_to():
    asked = (*LARGE, 'GET https://a.example/t/acme/x', '--cert', 'acme.crt', '--rewritten-to')
    first, found = answer(*asked, '/inner')
    assert first == 'allow allowed' and found['path'] == '/inner' and found['route'] == 'inner', found
    first, found = answer(*asked, '/closed')
    assert first == 'deny no-rule' and found['path'] == '/closed' and found['stage'] == 'rule', found
    assert answer(*asked, '/t/acme/y')[0] == 'allow allowed'
    assert answer(*asked, '/error')[0] == 'deny route-unknown'
    # When the client's own path is denied, that is the answer.
    first, found = answer(*LARGE, 'GET https://a.example/inner', '--cert', 'acme.crt', '--rewritten-to', '/t/acme/x')
    assert first == 'deny route-unknown' and 'path' not in found, found
    done = run(*asked, '/a\x1b[31m')
    assert b'\x1b' not in done.stdout, done


@test
def test_what_the_route_does_not_expect_is_named():
    for target, headers, named in ((b'//o', (), 'empty-segments'), (b'/./x//..//o', (), 'empty-segments,dot-segments'),
                                   (b'/o', ('X-HTTP-Method: PUT',), 'method-override')):
        options = [part for header in headers for part in ('--header', header)]
        first, found = fields(expect(run(*NOBODY, '--request', b'GET https://api.example' + target, *options), NO))
        assert first in ('deny ambiguous-path', 'deny method-override') and found['unexpected'] == named, found
    assert 'unexpected' not in fields(expect(run(*NOBODY, '--request', b'GET https://api.example/..;/o'), NO))[1]


@test
def test_a_request_line_as_logs_have_it():
    for version in '', ' HTTP/1.1', ' HTTP/2.0':
        assert answer(*NOBODY, '--request', f'GET https://api.example/open{version}')[0] == 'allow allowed', version
    assert answer(*NOBODY, '--request', 'GET https://api.example/open HTTP')[0] == 'deny route-unknown'


@test
def test_explain_takes_any_bytes_in_the_request():
    for target in (b'/%00', b'/\xff', b'/\x01', b'/..;/o', b'/a\nb'):
        done = run(*NOBODY, '--request', b'GET https://api.example' + target)
        assert fields(expect(done, NO))[0] == 'deny ambiguous-path', done


@test_each(('route-unknown', 'route', 'GET https://api.example/nothing'), ('route-unknown', 'route', 'GET https://else.example/o'),
           ('method-not-on-route', 'method', 'POST https://api.example/o'), ('method-unsupported', 'method', 'TRACE https://api.example/o'),
           ('ambiguous-path', 'route', 'GET https://api.example//o'), ('host-malformed', 'route', 'GET https://a..b/o'))
def test_requests_that_fail_by_themselves(reason, stage, request):
    first, found = answer(*NOBODY, '--request', request)
    assert first == f'deny {reason}' and found['stage'] == stage and found['next'], found


# --- what is no question -------------------------------------------------------------------------------

ASKED = EXPLAIN[2:]


@test_each(
    ('name one policy', *ASKED, '--no-cert'), ('name one policy', 'good.mtlsp', 'good.mtlsp', *ASKED, '--no-cert'),
    ('say who asks', 'good.mtlsp', *ASKED), ('say who asks', 'good.mtlsp', *ASKED, '--cert', 'leaf.crt', '--identity', 'billing'),
    ('say who asks', 'good.mtlsp', *ASKED, '--no-cert', '--identity', 'billing'), ('say who asks', 'good.mtlsp', *ASKED, '--no-cert', '--csr', 'x', '--issuer', 'corp'),
    ('--csr needs --issuer', 'good.mtlsp', *ASKED, '--csr', 'x'), ('--issuer goes with --csr', 'good.mtlsp', *ASKED, '--no-cert', '--issuer', 'corp'),
    ('--ca goes with --cert', 'good.mtlsp', *ASKED, '--no-cert', '--ca', 'ca.crt'),
    ('--ca goes with --cert', 'good.mtlsp', *ASKED, '--csr', 'x', '--issuer', 'corp', '--ca', 'ca.crt'),
    ('--capture goes with --identity', 'good.mtlsp', *ASKED, '--no-cert', '--capture', 'a=b'),
    ('written as name=value, not "ab"', 'good.mtlsp', *ASKED, '--identity', 'billing', '--capture', 'ab'),
    ('written as name=value, not "=b"', 'good.mtlsp', *ASKED, '--identity', 'billing', '--capture', '=b'),
    ('written as name=value, not "a="', 'good.mtlsp', *ASKED, '--identity', 'billing', '--capture', 'a='),
    ('--capture a stands twice', 'good.mtlsp', *ASKED, '--identity', 'billing', '--capture', 'a=b', '--capture', 'a=c'),
    ("written as 'Name: value', not \"Origin\"", 'good.mtlsp', *ASKED, '--no-cert', '--header', 'Origin'),
    ("written as 'Name: value', not \":x\"", 'good.mtlsp', *ASKED, '--no-cert', '--header', ':x'),
    ('say what is asked', 'good.mtlsp', '--no-cert'), ('--request stands twice', 'good.mtlsp', *ASKED, *ASKED, '--no-cert'),
    ("--request is 'GET https://host/path'", 'good.mtlsp', '--no-cert', '--request', 'GET /o'),
    ("--request is 'GET https://host/path'", 'good.mtlsp', '--no-cert', '--request', 'https://api.example/o'),
    ("--request is 'GET https://host/path'", 'good.mtlsp', '--no-cert', '--request', 'GET https:///o'),
    ("--request is 'GET https://host/path'", 'good.mtlsp', '--no-cert', '--request', ''),
    ("--request is 'GET https://host/path'", 'good.mtlsp', '--no-cert', '--host', 'h', '--request', 'GET'),
    ('contradict each other', 'good.mtlsp', '--no-cert', '--host', 'h', '--no-host', '--request', 'GET /o'),
    ('without a URL', 'good.mtlsp', '--no-cert', '--host', 'h', *ASKED), ('without a URL', 'good.mtlsp', '--no-cert', '--no-host', *ASKED),
    ('--from takes an IPv4 or IPv6 address, not "peer"', 'good.mtlsp', *ASKED, '--no-cert', '--from', 'peer'),
    ('--from takes', 'good.mtlsp', *ASKED, '--no-cert', '--from', '10.0.0.0/8'), ('--at takes a time', 'good.mtlsp', *ASKED, '--no-cert', '--at', 'now'),
    ('not "2027-02-30T00:00:00Z"', 'good.mtlsp', *ASKED, '--no-cert', '--at', '2027-02-30T00:00:00Z'),
    ('--rewritten-to takes a path', 'good.mtlsp', *ASKED, '--no-cert', '--rewritten-to', 'index.html'),
    ('--cert needs a value', 'good.mtlsp', *ASKED, '--cert'), ('no option --re', 'good.mtlsp', '--re', 'x'))
def test_wrong_usage(what, *arguments):
    for more in ((), ('--format', 'json')):
        done = expect(run('explain', *more, *arguments), TROUBLE, err=what.encode())
        assert b'\nUsage: mtls-policy explain POLICY --request' in done.stderr, done
        silent(done.stdout, done)


@test
def test_explain_of_what_is_not_there():
    expect(run(*EXPLAIN, '--cert', 'missing.crt'), TROUBLE, err=b'missing.crt cannot be opened')
    expect(run(*EXPLAIN, '--cert', 'good.json'), TROUBLE, err=b'good.json holds no certificate')
    expect(run(*EXPLAIN, '--cert', 'leaf.crt', '--ca', 'missing.pem'), TROUBLE, err=b'missing.pem cannot be opened')
    expect(run(*EXPLAIN, '--cert', 'leaf.crt', '--ca', 'good.json'), TROUBLE, err=b'the file of further authorities holds no certificate')
    expect(run(*EXPLAIN, '--identity', 'nobody'), TROUBLE, err=b'no identity "nobody"\n    mtls-policy show --list identities')
    expect(run('explain', 'missing', *EXPLAIN[2:], '--no-cert'), TROUBLE, err=b'missing cannot be opened')
    expect(run('explain', 'bad.json', *EXPLAIN[2:], '--no-cert'), TROUBLE, err=b'[bad-name]')
    for who in (('--identity', 'nobody'), ('--cert', 'missing.crt')):  # not needed without TLS, but wrong all the same
        expect(run(*NOBODY[:2], '--request', 'GET http://api.example/o', *who), TROUBLE)


@test
def test_warnings_of_a_document_go_to_standard_error():
    done = expect(run('explain', 'warned.json', *EXPLAIN[2:], '--identity', 'billing', *INSIDE), YES, b'allow allowed', b'[acknowledge-unneeded]')
    assert json.dumps(done.stdout.decode())


if __name__ == '__main__':
    make_place()
    main()
