# SPDX-License-Identifier: Apache-2.0
"""Policies and certificates for the tests of the module, and what its log says.

    with mtls_server(guarded(policy('p', document()))) as server: ...

One PKI serves a whole test file; policies are compiled by the tool under test into the same directory.
"""

import functools
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from harness import HarnessError, Pki, Server, policy_tool, vhost

CONNECTIONS = [(http, tls, resume)
               for http in ('1.1', '2')
               for tls, resume in (('1.2', None), ('1.2', 'ticket'), ('1.2', 'session-id'),
                                   ('1.3', None), ('1.3', 'ticket'), ('1.3', 'psk'))]

REQUIRE = '''
  <Location "/">
    Require mtls-identity
  </Location>
'''


@functools.cache
def pki():
    """The standard cast and some more; `stray` is a root that no server trusts."""
    directory = tempfile.TemporaryDirectory(prefix='mtls-pki-')
    os.chmod(directory.name, 0o755)
    made = Pki(directory.name).standard()
    made.keep_alive = directory
    made.add('stray', ca=1, cn='stray root')
    made.add('stray-client', 'stray', ['stray'], uri='spiffe://corp.example/billing', eku='client')
    made.add('hosts', 'site', cn='hosts', dns=['*.example', 'localhost'], eku='server')
    made.add('direct', 'corp', uri='spiffe://corp.example/billing', eku='client')
    made.add('auditor', 'other', uri='spiffe://corp.example/auditor', eku='client')
    made.add('shipping', 'corp-int', uri='spiffe://corp.example/shipping', eku='client')
    made.add('two-names', 'corp-int', uri=['spiffe://corp.example/billing', 'spiffe://corp.example/shipping'], eku='client')
    made.add('no-name', 'corp-int', cn='billing', eku='client')
    made.add('odd-name', 'corp-int', uri='spiffe://corp.example/billing/../billing', eku='client')
    return made


def issuer(*names, kind='spiffe'):
    return {'certificates': [{'file': f'{name}.crt'} for name in names], 'names': [kind]}


def identity(name, by='corp'):
    return {'issuer': by, 'spiffe': f'spiffe://corp.example/{name}'}


def route(*paths, methods=('GET',), hosts=('api.example',)):
    return {'hosts': list(hosts), 'methods': list(methods), 'paths': list(paths)}


def allow(subjects, *routes, **more):
    acknowledged = {'acknowledge': ['everyone']} if 'everyone' in subjects else {}
    return {'effect': 'allow', 'subjects': list(subjects), 'routes': list(routes), **acknowledged, **more}


def document(paths=('/orders/{id}',), hosts=('api.example',), **changes):
    """billing and shipping, in group staff, may GET `paths`; everyone may GET /health of every host."""
    made = {
        'name': 'orders', 'serial': 5,
        'issuers': {'corp': issuer('corp'), 'other': issuer('other')},
        'identities': {'billing': identity('billing'), 'shipping': identity('shipping'),
                       'auditor': identity('auditor', 'other')},
        'groups': {'staff': ['billing', 'shipping'], 'finance': ['billing'], 'outside': ['auditor']},
        'routes': {'order': route(*paths, hosts=hosts), 'health': route('/health', hosts=('*', *hosts))},
        'rules': {'staff-reads': allow(['@staff'], 'order'), 'health-is-public': allow(['everyone'], 'health')},
    }
    made.update(changes)
    return made


def policy(name, source):
    """Compiles a document and returns the path of NAME.mtlsp, replaced in one step."""
    text = Path(pki().path(f'{name}.json'))
    text.write_text(json.dumps(source))
    target = pki().path(f'{name}.mtlsp')
    done = subprocess.run([str(policy_tool()), 'compile', str(text), '-o', target], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise HarnessError(f'{done.stderr} in {source}')
    return target


def copy_of(path, name):
    """A private copy of a compiled policy, for tests that change or replace it."""
    return shutil.copy(path, pki().path(name))


def install(path, data, mode=0o644):
    """Puts bytes at `path` by rename, as an administrator should."""
    fresh = Path(f'{path}.new')
    fresh.write_bytes(data)
    fresh.chmod(mode)
    fresh.replace(path)


def guarded(policy_path, body='', require=REQUIRE, **options):
    """A virtual host whose every path the policy decides."""
    return vhost(pki(), f'  MtlsPolicyFile "{policy_path}"\n{require}\n{body}', **{'cert': 'hosts', **options})


def mtls_server(config, modules=(), files=(), **options):
    """A server with the module; `files` are made below its document root, each holding its own name."""
    server = Server(config=config, modules=('mtls_authz', *modules), **options)
    server.expect('MTLS0010')  # where it is said, and where not: traps_sections.py
    for name in files:
        path = server.docroot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{name}\n')
    return server


def raw(server, data):
    """Bytes over TLS, with billing's certificate and without a server name: the status line, or what there is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(pki()['billing'].chain, pki()['billing'].key)
    answer = b''
    with socket.create_connection(('127.0.0.1', server.port), timeout=10) as plain, context.wrap_socket(plain) as s:
        s.sendall(data)
        while received := s.recv(65536):
            answer += received
    return answer


_QUOTED = '"[^"]*"|-'
_DENIAL = re.compile(rf'MTLS0001: (?P<decision>\S+) reason=(?P<reason>\S+) (?:route=(?P<route>\S+) rule=(?P<rule>\S+)'
                     rf'(?: condition=(?P<condition>[a-z_]+))? identity=(?P<identity>\S+) issuer=(?P<issuer>\S+) '
                     rf'policy=(?P<policy>\S+) principal=(?P<principal>{_QUOTED}) )?method=(?P<method>{_QUOTED}) '
                     rf'host=(?P<host>{_QUOTED}) path=(?P<path>{_QUOTED})$')


def denials(server, mark=0, holding=''):
    """What the MTLS0001 lines since then say, as dictionaries; each must have exactly the form that is documented."""
    lines = [line for line in server.log_since(mark).splitlines() if '[mtls_authz:' in line and 'MTLS0001' in line and holding in line]
    found = [_DENIAL.search(line) for line in lines]
    assert all(found), f'a denial of another form: {lines}'
    return [match.groupdict() for match in found]


def reasons(server, mark=0):
    return [denial['reason'] for denial in denials(server, mark)]
