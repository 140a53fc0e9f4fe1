#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who a client is, by all kinds of names and pins, on full and resumed sessions; hosts of all kinds; what the log says of it."""

import hashlib
import json
import socket
import ssl
import subprocess

from harness import Skip, client, main, test, test_each
from policies import CONNECTIONS as ALL_CONNECTIONS
from policies import allow, denials, document, guarded, identity, mtls_server, pki, policy, reasons, route

ORG = '2.5.4.97'
CONNECTIONS = (('1.1', '1.3', None), ('2', '1.3', 'psk'), ('1.1', '1.2', 'session-id'), ('2', '1.2', 'ticket'))


def minted(name, by='corp-int', **spec):
    return pki().add(name, by, eku='client', **spec)


def both_ports(path, body=''):
    """PORT1 has session tickets, PORT2 none: there TLS 1.3 keeps what they stand for."""
    return guarded(path, body, port='${PORT1}') + guarded(path, body + '  SSLSessionTickets off\n', port='${PORT2}')


def ask(server, cert, path, http='1.1', tls='1.3', resume=None, count=1, **options):
    """(statuses, the denials logged) of that many requests."""
    mark, port = server.mark(), server.ports[-1 if resume == 'psk' else 0]
    result = client(server, cert, http, tls, resume, [path] * count, port=port, **options)
    assert result.error is None and result.resumed == (resume is not None), result
    return result.statuses, denials(server, mark)


def expect(server, cert, path, reason, *connection, **options):
    """None: it is allowed. Returns what the log says of a denial."""
    statuses, found = ask(server, cert, path, *connection, **options)
    assert statuses == [403 if reason else 200] and [denial['reason'] for denial in found] == ([reason] if reason else []), (path, reason, statuses, found)
    return found[0] if found else None


def sha256(*command):
    return hashlib.sha256(subprocess.run(command, capture_output=True, check=True).stdout).hexdigest()


def pins(cert):
    """(of the certificate, of its key)."""
    public = subprocess.run(['openssl', 'pkey', '-in', cert.key, '-pubout', '-outform', 'DER'], capture_output=True, check=True).stdout
    return sha256('openssl', 'x509', '-in', cert.crt, '-outform', 'DER'), hashlib.sha256(public).hexdigest()


# ---------------------------------------------------------------- kinds of names

KINDS = {  # kind in the policy, its value, what the certificate holds, another's, the principal
    'email': ('email', 'Ops@corp.example', {'email': 'Ops@CORP.example'}, {'email': 'ops@corp.example'}, 'email:Ops@corp.example'),
    'upn': ('upn', 'ops@corp.example', {'upn': 'ops@corp.example'}, {'upn': 'Ops@corp.example'}, 'upn:ops@corp.example'),
    'cn': ('cn', 'Ops Team', {'cn': 'Ops Team'}, {'cn': 'ops team'}, 'cn:Ops Team'),
    'dns': ('dns', 'ops.corp.example', {'dns': 'OPS.corp.example.'}, {'dns': 'xops.corp.example'}, 'dns:ops.corp.example'),
    'uri': ('uri', 'urn:ops:1', {'uri': 'urn:ops:1'}, {'uri': 'urn:OPS:1'}, 'uri:urn:ops:1'),
    'attribute': ({'attribute': 'organizationIdentifier'}, {'oid': ORG, 'value': 'PSDDE-1'}, {'attribute': f'{ORG}/utf8:PSDDE-1'},
                  {'attribute': f'{ORG}/utf8:PSDDE-2'}, f'attribute:{ORG}:PSDDE-1'),
    'subject': ('subject', 'CN=Ops,O=Corp GmbH,C=DE', {'attribute': ['2.5.4.6/printable:DE', '2.5.4.10/utf8:Corp GmbH', '2.5.4.3/utf8:Ops']},
                {'attribute': ['2.5.4.6/printable:DE', '2.5.4.3/utf8:Ops', '2.5.4.10/utf8:Corp GmbH']}, None),
}


def one_identity(kind, value, **more):
    key = 'attribute' if isinstance(kind, dict) else kind
    return document(issuers={'corp': {'certificates': [{'file': 'corp.crt'}], 'names': [kind], **more}}, groups={},
                    identities={'ops': {'issuer': 'corp', key: value}}, rules={'reads': allow(['ops'], 'order')})


@test_each(*[(name,) for name in KINDS])
def test_names_of_every_kind(name):
    kind, value, right, wrong, principal = KINDS[name]
    show = '  Header always set X-Principal "%{MTLS_PRINCIPAL}e"\n'
    mine, other = minted(f'kind-{name}', **right), minted(f'kind-{name}-other', **wrong)
    with mtls_server(both_ports(policy(f'kind-{name}', one_identity(kind, value)), show), ['headers'], ['orders/7'], ports=2) as server:
        for connection in CONNECTIONS:
            expect(server, mine, '/orders/7', None, *connection)
            told = expect(server, other, '/orders/7', 'identity-unknown', *connection)
            assert told['identity'] == '-' and told['issuer'] == 'corp', told
        shown = client(server, mine, requests=['/orders/7'], headers=['X-Principal']).headers[0]['x-principal'][0]
        assert shown == principal if principal else shown.startswith('subject:'), shown
        assert expect(server, minted(f'kind-{name}-none', email=[], **({'cn': 'x'} if name not in ('cn', 'subject') else {})), '/orders/7',
                      'name-missing')['principal'] == '-'


@test
def test_pins():
    """An issuer without names knows its clients by pins alone; elsewhere they are asked for beside the name."""
    one, two, third = minted('pin-1', cn='a'), minted('pin-2', cn='a'), minted('pin-3', uri='spiffe://corp.example/billing')
    again = minted('pin-2-again', cn='b', keyof='pin-2')
    alone = document(issuers={'corp': {'certificates': [{'file': 'corp.crt'}], 'names': ['none']}}, groups={},
                     identities={'one': {'issuer': 'corp', 'pins': [f'certificate:{pins(one)[0]}']},
                                 'two': {'issuer': 'corp', 'pins': [f'spki:{pins(two)[1].upper()}']}}, rules={'reads': allow(['one', 'two'], 'order')})
    beside = document()
    beside['identities']['billing']['pins'] = [f'certificate:{pins(third)[0]}']
    for source, answers in ((alone, ((one, None), (two, None), (again, None), (third, 'identity-unknown'), (pki()['billing'], 'identity-unknown'))),
                            (beside, ((third, None), (pki()['billing'], 'identity-unknown'), (pki()['shipping'], None)))):
        with mtls_server(both_ports(policy('pins', source)), files=['orders/7'], ports=2) as server:
            for cert, reason in answers:
                for connection in CONNECTIONS:
                    expect(server, cert, '/orders/7', reason, *connection)


@test
def test_further_attributes_and_those_that_stand_twice():
    source = document()
    source['identities']['billing']['attributes'] = {ORG: 'A'}
    source['routes']['mine'] = route('/mine/{org}')
    source['rules']['mine'] = allow(['billing', 'shipping'], 'mine', same={'org': {'attribute': ORG}})
    certs = {name: minted(f'attribute-{name}', uri=f'spiffe://corp.example/{who}', **({'attribute': [f'{ORG}/utf8:{value}' for value in values]} if values else {}))
             for name, who, values in (('a', 'billing', 'A'), ('b', 'billing', 'B'), ('aa', 'billing', 'AA'), ('s', 'shipping', 'A'),
                                       ('saa', 'shipping', 'AA'), ('sab', 'shipping', 'AB'), ('none', 'shipping', ''))}
    with mtls_server(guarded(policy('attributes', source)), files=['orders/7', 'mine/A', 'mine/B', 'mine/AA']) as server:
        for name, path, reason in (('a', '/orders/7', None), ('b', '/orders/7', 'identity-unknown'), ('aa', '/orders/7', 'identity-unknown'),
                                   ('a', '/mine/A', None), ('a', '/mine/B', 'condition-not-met'), ('s', '/mine/A', None),
                                   ('saa', '/mine/A', 'condition-not-met'), ('sab', '/mine/A', 'condition-not-met'),
                                   ('sab', '/mine/B', 'condition-not-met'), ('none', '/mine/A', 'condition-not-met'), ('none', '/orders/7', None)):
            told = expect(server, certs[name], path, reason)
            assert reason != 'condition-not-met' or (told['condition'], told['rule']) == ('same', 'mine'), told


# ---------------------------------------------------------------- captures and several names

def tenants(**issuer):
    made = document(issuers={'corp': {'certificates': [{'file': 'corp.crt'}], 'names': ['spiffe'], **issuer}}, groups={})
    made['identities'] = {'billing': identity('billing'), 'tenant': {'issuer': 'corp', 'spiffe': 'spiffe://corp.example/t/{tenant}/{app}'}}
    made['routes'] = {'own': route('/t/{tenant}/{x}'), 'app': route('/a/{tenant}/{app}'), 'order': route('/orders/{id}')}
    made['rules'] = {'own': allow(['tenant'], 'own', same={'tenant': 'tenant'}), 'reads': allow(['billing'], 'order'),
                     'app': allow(['tenant'], 'app', same={'tenant': 'tenant', 'app': 'app'})}
    return made


@test_each(*ALL_CONNECTIONS)
def test_a_tenant_has_its_own(http, tls, resume):
    acme = minted('acme', uri='spiffe://corp.example/t/acme/web')
    with mtls_server(both_ports(policy('tenants', tenants())), files=['t/acme/x', 't/evil/x', 'a/acme/web'], ports=2) as server:
        for path, reason in (('/t/acme/x', None), ('/t/evil/x', 'condition-not-met'), ('/t/Acme/x', 'condition-not-met'), ('/t/acme%20/x', 'condition-not-met'),
                             ('/a/acme/web', None), ('/a/acme/db', 'condition-not-met'), ('/t/acm%65/x', None)):
            told = expect(server, acme, path, reason, http, tls, resume)
            assert reason is None or (told['condition'], told['identity']) == ('same', 'tenant'), told
        result = client(server, acme, http, tls, resume, ['/t/acme/x', '/t/evil/x'] * 3, port=server.ports[-1 if resume == 'psk' else 0])
        assert result.statuses == [200, 403] * 3, result


@test_each(('1.1',), ('2',))
def test_several_names(http):
    """Each must be one that the issuer may assert; captures are never put together from several."""
    names = {'two': ['t/acme/web', 't/evil/db'], 'both': ['t/acme/web', 'billing'], 'outside': ['t/acme/web', 'root'], 'odd': ['t/acme/web', 'a/../b'],
             'one': ['t/acme/web'], 'seventeen': [f't/acme/{n}' for n in range(17)], 'sixteen': [f't/acme/{n}' for n in range(16)]}
    certs = {name: minted(f'several-{name}', uri=[f'spiffe://corp.example/{text}' for text in texts]) for name, texts in names.items()}
    allowed = {'may_assert': [{'spiffe': 'spiffe://corp.example/t/**'}, {'spiffe': 'spiffe://corp.example/billing'}]}
    answers = [('two', '/t/acme/x', None), ('two', '/t/evil/x', None), ('two', '/a/acme/web', None), ('two', '/a/acme/db', 'condition-not-met'),
               ('two', '/a/evil/web', 'condition-not-met'), ('both', '/orders/7', None), ('both', '/t/acme/x', None), ('outside', '/t/acme/x', 'name-outside-issuer'),
               ('odd', '/t/acme/x', 'name-malformed'), ('seventeen', '/t/acme/x', 'name-ambiguous'), ('sixteen', '/t/acme/x', None), ('one', '/a/acme/web', None)]
    files = ['t/acme/x', 't/evil/x', 'a/acme/web', 'a/acme/db', 'a/evil/web', 'orders/7']
    with mtls_server(guarded(policy('several', tenants(any_of=True, **allowed))), files=files) as server:
        for name, path, reason in answers:
            expect(server, certs[name], path, reason, http)
    with mtls_server(guarded(policy('single', tenants(**allowed))), files=files) as server:
        for name, path, reason in (('two', '/t/acme/x', 'name-ambiguous'), ('one', '/t/acme/x', None), ('both', '/orders/7', 'name-ambiguous')):
            expect(server, certs[name], path, reason, http)
        told = expect(server, pki()['unknown'], '/t/acme/x', 'name-outside-issuer', http)
        assert (told['issuer'], told['identity'], told['principal']) == ('corp', '-', '"spiffe:spiffe://corp.example/nobody"'), told


# ---------------------------------------------------------------- issuers as subjects

def issuers_policy(*denied):
    made = document()
    made['issuers'] = {'root': {'certificates': [{'file': 'corp.crt'}], 'names': ['spiffe']}, 'middle': {'certificates': [{'file': 'corp-int.crt'}], 'names': ['spiffe']},
                       'other': {'certificates': [{'file': 'other.crt'}], 'names': ['spiffe']}}
    made['identities'] = {'billing': identity('billing', 'middle'), 'direct': identity('billing', 'root'), 'auditor': identity('auditor', 'other')}
    made['groups'] = {}
    made['routes']['any'] = route('/any/{x}')
    made['rules'] = {'reads': allow(['billing', 'direct', 'auditor'], 'order'), 'health-is-public': allow(['everyone'], 'health'),
                     'of-middle': allow(['issuer:middle'], 'any', acknowledge=['issuer:middle'])}
    made['rules'].update({f'no-{name}': {'effect': 'deny', 'subjects': [f'issuer:{name}'], 'routes': ['order', 'any']} for name in denied})
    return policy('-'.join(['issuers', *denied]), made)


@test
def test_a_denial_for_an_issuer_above():
    for denied, answers in ((('root',), (('billing', 'denied-by-rule'), ('direct', 'denied-by-rule'), ('auditor', None), ('unknown', 'denied-by-rule'))),
                            (('middle',), (('billing', 'denied-by-rule'), ('direct', None), ('auditor', None), ('unknown', 'denied-by-rule'))),
                            (('other',), (('billing', None), ('direct', None), ('auditor', 'denied-by-rule'), ('unknown', 'identity-unknown')))):
        with mtls_server(both_ports(issuers_policy(*denied)), files=['orders/7', 'any/7'], ports=2) as server:
            for connection in CONNECTIONS:
                for name, reason in answers:
                    told = expect(server, pki()[name], '/orders/7', reason, *connection)
                    assert reason != 'denied-by-rule' or told['rule'] == f'no-{denied[0]}', told
                expect(server, pki()['unknown'], '/any/7', 'denied-by-rule' if denied != ('other',) else None, *connection)


@test_each(('1.1',), ('2',))
def test_clients_of_an_issuer_are_named_by_it(http):
    names = ('ISSUER', 'PRINCIPAL', 'IDENTITY', 'RULE')
    show = ''.join(f'  Header always set X-{name} "%{{MTLS_{name}}}e"\n' for name in names)
    source = json.loads((issuers_policy(), open(pki().path('issuers.json'), encoding='utf-8').read())[1])
    source['routes']['verified'] = route('/verified/{x}')
    source['rules']['verified'] = allow(['any-verified'], 'verified', acknowledge=['any-verified'])
    with mtls_server(guarded(policy('verified', source), show), ['headers'], ['any/7', 'verified/7']) as server:
        for name, path, issuer, principal, known, rule in (
                ('unknown', '/any/7', 'middle', 'nobody', '(null)', 'of-middle'), ('billing', '/any/7', 'middle', 'billing', 'billing', 'of-middle'),
                ('unknown', '/verified/7', 'middle', 'nobody', '(null)', 'verified'), ('auditor', '/verified/7', 'other', 'auditor', 'auditor', 'verified')):
            result = client(server, pki()[name], http, requests=[path], headers=[f'X-{word}' for word in names])
            wanted = dict(zip(names, (issuer, f'spiffe:spiffe://corp.example/{principal}', known, rule)))
            assert result.status == 200 and result.headers[0] == {f'x-{word.lower()}': [text] for word, text in wanted.items()}, (path, result)
        for name, path, reason in (('auditor', '/any/7', 'no-rule'), ('no-name', '/any/7', 'name-missing'), ('no-name', '/verified/7', 'name-missing'),
                                   ('two-names', '/verified/7', 'name-ambiguous'), ('partner-client', '/verified/7', 'issuer-unknown')):
            expect(server, pki()[name], path, reason, http)


# ---------------------------------------------------------------- hosts

def said(server, request, address='127.0.0.1', cert='billing'):
    """Bytes over TLS without a server name: the status, and the reason logged."""
    context, mark, answer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), server.mark(), b''
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(pki()[cert].chain, pki()[cert].key)
    with socket.create_connection((address, server.port), timeout=10) as plain, context.wrap_socket(plain) as s:
        s.sendall(request)
        while received := s.recv(65536):
            answer += received
    return int(answer.split()[1]), (reasons(server, mark) or [None])[0]


def hosts_policy():
    made = document(('/orders/{id}',), ['api.example'])
    hosts = {'wild': ['*.example'], 'four': ['127.0.0.1'], 'six': ['[::1]', '2001:db8::7'], 'hostless': ['-']}
    made['routes'] = {'order': made['routes']['order'], **{name: route(f'/{name}/{{x}}', hosts=listed) for name, listed in hosts.items()}}
    made['rules'] = {'reads': allow(['billing'], *made['routes'])}
    return policy('hosts-of-all-kinds', made)


ADDRESSED = [  # Host (None: none, with HTTP/1.0), path, status, reason
    ('b.example', '/wild/x', 200, None), ('B.Example.:8443', '/wild/x', 200, None), ('b.c.example', '/wild/x', 403, 'route-unknown'),
    ('example', '/wild/x', 403, 'route-unknown'), ('api.example', '/wild/x', 403, 'route-unknown'), ('api.example', '/orders/x', 200, None),
    ('b.example', '/orders/x', 403, 'route-unknown'), ('127.0.0.1', '/four/x', 200, None), ('127.0.0.1:8443', '/four/x', 200, None),
    ('127.0.0.2', '/four/x', 403, 'route-unknown'), ('[::1]', '/six/x', 200, None), ('[0:0::0001]:8443', '/six/x', 200, None),
    ('[2001:DB8:0::7]', '/six/x', 200, None), ('[2001:db8::8]', '/six/x', 403, 'route-unknown'), ('[::ffff:127.0.0.1]', '/four/x', 403, None),
    (None, '/hostless/x', 200, None), (None, '/orders/x', 403, 'route-unknown'), ('api.example', '/hostless/x', 403, 'route-unknown'),
]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(('::1', 0))
        return True
    except OSError:
        return False


@test_each(('127.0.0.1',), ('::1',))
def test_hosts_of_all_kinds(address):
    if ':' in address and not has_ipv6():
        raise Skip('there is no IPv6 here')
    config = guarded(hosts_policy())
    if ':' in address:
        config = 'Listen [::1]:${PORT}\n' + config.replace('<VirtualHost 127.0.0.1:${PORT}>', '<VirtualHost 127.0.0.1:${PORT} [::1]:${PORT}>')
    with mtls_server(config, files=[f'{name}/x' for name in ('wild', 'four', 'six', 'hostless', 'orders')]) as server:
        for host, path, status, reason in ADDRESSED:
            head = f'GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n' if host else f'GET {path} HTTP/1.0\r\n\r\n'
            found = said(server, head.encode(), address)
            assert found == (status, reason) or (reason is None and found[0] == status == 403), (host, path, found)
        assert said(server, b'GET /hostless/x HTTP/1.0\r\n\r\n', address, 'auditor')[0] == 403
        if ':' not in address:
            for host, path in ('b.example', '/wild/x'), ('127.0.0.1', '/four/x'), ('[::1]', '/six/x'):
                for http in '1.1', '2':
                    assert client(server, pki()['billing'], http, host=host, sni='', requests=[path]).status == 200, (host, http)


@test
def test_networks_of_ipv6_peers():
    if not has_ipv6():
        raise Skip('there is no IPv6 here')
    source = document(hosts=['api.example'])
    source['rules']['staff-reads']['networks'] = ['::1']
    config = 'Listen [::1]:${PORT}\n' + guarded(policy('peers', source)).replace('127.0.0.1:${PORT}>', '127.0.0.1:${PORT} [::1]:${PORT}>')
    request = b'GET /orders/7 HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n'
    with mtls_server(config, files=['orders/7']) as server:
        assert said(server, request, '::1') == (200, None)
        assert said(server, request, '127.0.0.1') == (403, 'condition-not-met')
        assert denials(server)[0]['condition'] == 'networks', denials(server)


if __name__ == '__main__':
    main()
