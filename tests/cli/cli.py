# SPDX-License-Identifier: Apache-2.0
"""What the tests of mtls-policy share: a folder with a policy and certificates, and ways to run the command in it."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TOP_BUILDDIR = Path(os.environ.get('top_builddir') or TOP)
TOOL = os.environ.get('MTLS_POLICY_TOOL') or str(TOP_BUILDDIR / 'mtls-policy')
TOOLS = Path(os.environ.get('MTLS_TOOLS') or TOP_BUILDDIR / 'tests/tools')
YES, NO, TROUBLE = 0, 1, 2
VERBS = ('check', 'compile', 'show', 'fmt', 'explain')

_folder = tempfile.TemporaryDirectory(prefix='mtls-cli-')
PLACE = Path(_folder.name)
POLICY = {
    'name': 'demo', 'serial': 4,
    'issuers': {'corp': {'certificates': [{'file': 'ca.crt'}], 'names': ['cn']}},
    'identities': {'billing': {'issuer': 'corp', 'cn': 'billing'}},
    'routes': {'order': {'hosts': ['api.example'], 'methods': ['GET'], 'paths': ['/o']},
               'open': {'hosts': ['api.example'], 'methods': ['GET'], 'paths': ['/open']}},
    'rules': {'read': {'effect': 'allow', 'subjects': ['billing'], 'routes': ['order'], 'networks': ['10.0.0.0/8'],
                       'valid_from': '2026-01-01T00:00:00Z'},
              'public': {'effect': 'allow', 'subjects': ['everyone'], 'routes': ['open'], 'acknowledge': ['everyone']}},
}
# Everything the language has, for what must not lose any of it.
LARGE = {
    'name': 'large', 'environment': 'staging', 'production': False, 'serial': 7, 'valid_until': '2099-01-01T00:00:00Z',
    'issuers': {
        'corp': {'certificates': [{'file': 'ca.crt'}], 'names': ['dns', 'cn', {'attribute': 'title'}], 'any_of': True,
                 'may_assert': [{'dns': '*.b.example'}, {'cn': 'billing'}, {'attribute': {'oid': 'title', 'value': 'x'}}],
                 'environment': 'staging'},
        'mesh': {'certificates': [{'file': 'mesh.crt'}], 'names': ['spiffe']},
        'devices': {'certificates': [{'file': 'devices.crt'}], 'names': ['none']}},
    'identities': {
        'tenant': {'issuer': 'mesh', 'spiffe': 'spiffe://m/t/{tenant}'},
        'any': {'issuer': 'mesh', 'spiffe': 'spiffe://m/t/**'},
        'billing': {'issuer': 'corp', 'cn': 'billing', 'attributes': {'organizationName': 'Example'}},
        'host': {'issuer': 'corp', 'dns': '*.b.example'},
        'printer': {'issuer': 'devices', 'pins': ['spki:' + 'ab' * 32, 'certificate:' + '01' * 32]}},
    'groups': {'all': ['@some', 'printer'], 'some': ['billing', 'host']},
    'routes': {
        'order': {'hosts': ['b.example', 'a.example'], 'methods': ['POST', 'GET'], 'paths': ['/o/{id:int}', '/o'],
                  'tags': ['x', 'a'], 'expects': ['percent', 'backslash'], 'preflight': True},
        'tenant': {'hosts': ['a.example'], 'methods': ['GET'], 'paths': ['/t/{tenant}/**'], 'expects': ['method-override']},
        'inner': {'hosts': ['a.example'], 'methods': ['*'], 'paths': ['/inner'], 'internal': True},
        'page': {'hosts': ['*'], 'methods': ['GET'], 'paths': ['/error'], 'internal': 'error'},
        'closed': {'hosts': ['a.example'], 'methods': ['GET'], 'paths': ['/closed']}},
    'rules': {
        'orders': {'effect': 'allow', 'subjects': ['@all', 'any-verified', 'issuer:mesh'], 'routes': ['tag:x'],
                   'networks': ['10.0.0.0/8', '2001:db8::/32'], 'valid_from': '2026-01-01T00:00:00Z',
                   'valid_until': '2098-01-01T01:00:00+01:00', 'users': ['zoe', 'amy'],
                   'acknowledge': ['issuer:mesh', 'any-verified'], 'owner': 'o', 'ticket': 't', 'note': 'n'},
        'tenants': {'effect': 'allow', 'subjects': ['tenant'], 'routes': ['tenant'], 'same': {'tenant': 'tenant'}},
        'stop': {'effect': 'deny', 'subjects': ['any'], 'routes': ['tenant'], 'valid_until': '2026-02-01T00:00:00Z'}},
}
CERTIFICATES = '''
name=ca ca=1 issuer=self cn=ca
name=mesh ca=1 issuer=self cn=mesh
name=devices ca=1 issuer=self cn=devices
name=leaf issuer=ca cn=billing eku=client notbefore=1767225600 notafter=4102444800
name=server issuer=ca cn=billing eku=server
name=stranger issuer=self cn=billing
name=other ca=1 issuer=self cn=other
name=between ca=1 issuer=other cn=between
name=foreign issuer=other cn=billing eku=client
name=mid ca=1 issuer=other cn=mid
name=low ca=1 issuer=mid cn=low
name=deep issuer=low cn=billing eku=client
name=below issuer=between cn=billing eku=client
name=unknown issuer=ca cn=nobody eku=client
name=nameless issuer=ca dns=a.b.example eku=client
name=strange issuer=ca cn=%1b[31m%c2%9bx eku=client
name=acme issuer=mesh uri=spiffe://m/t/acme eku=client notbefore=1767225600 notafter=4102444800
'''


def make_place():
    subprocess.run([str(TOOLS / 'mint'), str(PLACE)], input=CERTIFICATES, text=True, check=True)
    write('good.json', POLICY)
    write('large.json', LARGE)
    write('bad.json', {'name': 'X'})
    write('warned.json', {**POLICY, 'rules': {'read': {**POLICY['rules']['read'], 'acknowledge': ['everyone']}}})
    expect(run('compile', 'good.json', '-o', 'good.mtlsp'), YES)
    expect(run('compile', 'large.json', '-o', 'large.mtlsp'), YES)


def write(name, content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (PLACE / name).write_bytes(data)
    return name


def run(*arguments, stdin=b'', **options):
    return subprocess.run([TOOL, *arguments], cwd=PLACE, input=stdin, capture_output=True, **options)


def expect(done, status, out=b'', err=b''):
    assert done.returncode == status, done
    assert out in done.stdout and err in done.stderr, done
    return done


def silent(stream, done):
    assert stream == b'', done


def folder_with(old=b'the old file'):
    made = Path(tempfile.mkdtemp(dir=PLACE))
    if old is not None:
        (made / 'out').write_bytes(old)
    return made


def only_the_old_file(folder):
    assert [entry.name for entry in folder.iterdir()] == ['out'], list(folder.iterdir())
    assert (folder / 'out').read_bytes() == b'the old file'
