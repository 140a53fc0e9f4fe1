#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The module beside others: before mod_ssl and after it, without it, and among modules that have a say in the same requests."""

import atexit
import base64
import functools
import hashlib
import hmac
import json
import os
import re
import subprocess
import time
from pathlib import Path

from backend import Backend
from harness import HarnessError, Server, Skip, client, main, module_directory, plain, test, test_each
from policies import CONNECTIONS, REQUIRE, allow, denials, document, guarded, mtls_server, pki, policy, reasons, route

OURS = 'mtls_authz'
BEFORE = ('log_config', 'unixd', 'authz_core')
ORDERS = {  # from the first to the last
    'before mod_ssl': (*BEFORE, OURS, 'socache_shmcb', 'ssl', 'http2'),
    'before all that matter': ('log_config', 'unixd', 'authz_core', OURS, 'http2', 'ssl', 'socache_shmcb', 'headers'),
    'after all': (*BEFORE, 'headers', 'http2', 'ssl', 'socache_shmcb', OURS),
}


def asked(server, name, http, tls, resume, paths, **options):
    result = client(server, pki()[name] if name else None, http, tls, resume, paths, **options)
    assert result.error is None and result.resumed == (resume is not None), (http, tls, resume, result)
    return result.statuses


@test_each(*[(order,) for order in ORDERS])
def trap_34_the_order_of_loading_does_not_matter(order):
    with Server(config=guarded(policy('neighbours', document())), base=ORDERS[order]) as server:
        (server.docroot / 'orders').mkdir()
        (server.docroot / 'orders/7').write_text('orders/7\n')
        (server.docroot / 'health').write_text('health\n')
        for http, tls, resume in CONNECTIONS:
            if resume == 'psk':
                continue
            mark = server.mark()
            for name, statuses in ('billing', [200, 403, 200]), ('auditor', [403, 403, 200]), (None, [403, 403, 200]):
                assert asked(server, name, http, tls, resume, ['/orders/7', '/nowhere', '/health']) == statuses, (http, tls, resume, name)
            assert reasons(server, mark) == ['route-unknown', 'no-rule', 'route-unknown', 'no-certificate', 'route-unknown']


def without_tls(body='', require=REQUIRE):
    return f'''
<VirtualHost 127.0.0.1:${{PORT}}>
  ServerName api.example
  MtlsPolicyFile "{policy('neighbours', document())}"
{require}
{body}
</VirtualHost>
'''


def status_of(server, path, headers=''):
    answer = plain(server.port, f'GET {path} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n{headers}\r\n'.encode())
    return int(answer.split()[1])


@test_each(('event',), ('worker',), ('prefork',))
def trap_34_without_mod_ssl_nobody_has_a_certificate(mpm):
    """Whatever headers and variables say; rules for everyone hold, and the log says why."""
    claims = ''.join(f'  SetEnvIf Host . {name}={value}\n' for name, value in
                     (('SSL_CLIENT_VERIFY', 'SUCCESS'), ('HTTPS', 'on'), ('MTLS_DECISION', 'allow'), ('MTLS_IDENTITY', 'billing')))
    with mtls_server(without_tls(claims), ('setenvif',), ['orders/7', 'health'], mpm=mpm, base=BEFORE) as server:
        sent = 'X-SSL-Client-Verify: SUCCESS\r\nMTLS_IDENTITY: billing\r\nForwarded: proto=https\r\n'
        assert [status_of(server, path, sent) for path in ('/orders/7', '/health', '/nowhere')] == [403, 200, 403]
        assert reasons(server) == ['tls-absent', 'route-unknown'] and 'MTLS0007' in server.log_since()
        assert all('reason=tls-absent' not in line or '[mtls_authz:info]' in line for line in server.log_since().splitlines())


@test
def trap_34_without_mod_ssl_reported_denials_pass():
    """There is nothing that the server could not know: the client has no certificate."""
    with mtls_server(without_tls('  MtlsPolicyMode report\n'), (), ['orders/7'], base=BEFORE) as server:
        assert status_of(server, '/orders/7') == 200
        assert [(d['decision'], d['reason']) for d in denials(server)] == [('would-deny', 'tls-absent')]


@functools.cache
def other_tls():
    """The line that loads a TLS module which is not mod_ssl."""
    target = Path(pki().path('mod_other_tls.so'))
    include = subprocess.run([os.environ.get('APXS') or 'apxs', '-q', 'INCLUDEDIR'], capture_output=True, text=True, check=True).stdout.strip()
    apr = subprocess.run(['apr-1-config', '--cppflags', '--includes'], capture_output=True, text=True, check=True).stdout.split()
    source = Path(__file__).with_name('other_tls.c')
    made = subprocess.run([os.environ.get('CC') or 'gcc', '-shared', '-fPIC', f'-I{include}', *apr, str(source), '-o', str(target)],
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise HarnessError(made.stderr)
    return f'LoadModule other_tls_module "{target}"\n'


@test_each(('',), ('  MtlsPolicyMode report\n',))
def trap_34_another_tls_module_is_not_believed(mode):
    """It may have verified a certificate, but nobody can say which."""
    with mtls_server(other_tls() + without_tls(mode), (), ['orders/7', 'health'], base=BEFORE) as server:
        server.expect('MTLS0001: deny reason=tls-unavailable')  # the server is at fault
        assert [status_of(server, path) for path in ('/orders/7', '/health')] == [500, 200]
        assert [(d['decision'], d['reason'], d['policy'].split(':')[0]) for d in denials(server)] == [('deny', 'tls-unavailable', 'orders')]


# ---------------------------------------------------------------- many modules at once

PACKAGED = ('security2', 'auth_openidc')  # of packages of their own
COMPANY = ('md', 'rewrite', 'unique_id', *PACKAGED, 'authn_core', 'authn_file', 'auth_basic', 'authz_user', 'authz_host', 'access_compat',
           'session', 'session_cookie', 'request', 'auth_form', 'remoteip', 'reqtimeout', 'filter', 'deflate', 'headers', 'mime', 'dir',
           'alias', 'setenvif', 'env', 'status', 'info', 'proxy', 'proxy_http', 'negotiation')
KEY = 'a-key-that-both-sides-know-0123456789'
FOR_ALL = f'''
KeepAliveTimeout 60
TypesConfig /dev/null
AddType text/plain .txt
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.0/8
RequestReadTimeout handshake=30 header=30-60,MinRate=500 body=30,MinRate=500
SecRuleEngine On
SecRequestBodyAccess On
SecAuditEngine Off
SecDataDir "${{DIR}}/run"
SecTmpDir "${{DIR}}/run"
SecRule REQUEST_HEADERS:X-Evil "@streq 1" "id:1,phase:1,deny,status:406,nolog"
SecRule REQUEST_HEADERS:X-Trusted "@streq 1" "id:2,phase:1,allow,nolog"
SecRule ENV:MTLS_IDENTITY "@streq shipping" "id:3,phase:2,deny,status:409,nolog,chain"
SecRule REQUEST_URI "@streq /orders/not-shipping.txt"
OIDCProviderIssuer https://op.example
OIDCProviderAuthorizationEndpoint https://op.example/authorize
OIDCProviderTokenEndpoint https://op.example/token
OIDCProviderJwksUri https://op.example/jwks
OIDCClientID api
OIDCClientSecret secret
OIDCRedirectURI https://api.example/login/back
OIDCCryptoPassphrase secret
OIDCOAuthVerifySharedKeys "plain##{KEY}"
OIDCOAuthRemoteUserClaim sub
'''
FOR_API = '''
  Header always set X-Who "%{MTLS_IDENTITY}e"
  RequestHeader set X-Client "%{MTLS_IDENTITY}e"
  SetOutputFilter DEFLATE
  RewriteEngine on
  RewriteRule "^/short/(.*)$" "/orders/$1" [PT]
  RewriteRule "^/hidden$" "/secret" [PT]
  ProxyPass "/backend" "http://127.0.0.1:BACKEND/backend"
  <Location "/status">
    SetHandler server-status
  </Location>
  <Location "/info">
    SetHandler server-info
  </Location>
  <Location "/token">
    AuthType oauth20
    AuthName token
  </Location>
  <Location "/login">
    AuthType openid-connect
    AuthName login
  </Location>
  <Location "/form">
    AuthType form
    AuthName form
    AuthFormProvider file
    AuthUserFile "${DIR}/passwords"
    AuthFormLoginRequiredLocation "https://api.example/form.html"
    Session On
    SessionCookieName session path=/
  </Location>
'''


def company_policy():
    hosts = ('api.example', 'md.example')
    made = document(('/orders/{id}', '/short/{id}', '/backend/{id}', '/hidden', '/status', '/info'), hosts)
    for name, conditions in ('token', {'users': ['alice']}), ('login', {'users': ['*']}), ('form', {'users': ['*']}), \
            ('near', {'networks': ['127.0.0.7/32']}):
        made['routes'][name] = route(f'/{name}/**')
        made['rules'][name] = allow(['billing'], name, **conditions)
    return policy('company', made)


def managed_host(path):
    """Its certificate is mod_md's business: one of files, so that nobody asks for another."""
    files = f'MDCertificateFile "{pki()["hosts"].crt}"\nMDCertificateKeyFile "{pki()["hosts"].key}"'
    host = re.sub('  SSLCertificate(Key)?File .*\n', '', guarded(path, name='md.example'))
    return f'MDStoreDir "${{DIR}}/md"\n<MDomain md.example>\n{files}\n</MDomain>\n{host}'


@functools.cache
def company():
    missing = [name for name in COMPANY if not (module_directory() / f'mod_{name}.so').exists()]
    if missing:
        raise Skip(f'httpd has no {", ".join(missing)}')
    backend = Backend().__enter__()
    body = FOR_API.replace('BACKEND', str(backend.port))
    names = ['orders/7.txt', 'orders/not-shipping.txt', 'health', 'secret', *(f'{name}/x' for name in ('token', 'login', 'form', 'near'))]
    server = mtls_server(FOR_ALL + guarded(company_policy(), body) + managed_host(company_policy()), COMPANY, names)
    (server.docroot / 'orders/long.txt').write_text('long' * 5000)
    digest = base64.b64encode(hashlib.sha1(b'secret').digest()).decode()
    (server.dir / 'passwords').write_text(f'alice:{{SHA}}{digest}\n')
    server.expect('auth_openidc:warn.*deprecated')  # what it says of tokens at each start
    server.expect('auth_openidc:error|AH01807')  # tokens and passwords that are wrong
    for last in server.remove, server.kill, lambda: backend.__exit__(None, None, None):
        atexit.register(last)
    return server.start(), backend


def ask(name, *requests, **options):
    """(statuses, reasons, the Result)."""
    server = company()[0]
    mark = server.mark()
    result = client(server, pki()[name] if name else None, requests=requests,
                    **{'headers': ('X-Who', 'Location', 'Content-Encoding'), **options})
    assert result.error is None, result
    return result.statuses, reasons(server, mark), result


@test_each(('1.1',), ('2',))
def test_among_others_the_policy_decides(http):
    paths = ['/orders/7.txt', '/short/7.txt', '/backend/7', '/status', '/info', '/health', '/hidden', '/secret']
    for tls, resume in ('1.2', 'ticket'), ('1.2', 'session-id'), ('1.3', None), ('1.3', 'ticket'):
        for name in 'billing', 'shipping':
            statuses, why, result = ask(name, *paths, http=http, tls=tls, resume=resume)
            assert statuses == [200] * 6 + [403] * 2 and why == ['route-unknown'] * 2, (name, statuses, why)
            assert [headers['x-who'] for headers in result.headers[:5]] == [[name]] * 5, result.headers
        for name, reason in ('auditor', 'no-rule'), (None, 'no-certificate'):
            statuses, why, _ = ask(name, *paths, http=http, tls=tls, resume=resume)
            assert statuses == [403] * 5 + [200] + [403] * 2 and why == [reason] * 6 + ['route-unknown'], (name, statuses, why)
    seen = company()[1].wait(8)
    assert {*map(tuple, (record.header('x-client') for record in seen))} == {(b'billing',), (b'shipping',)}, seen


@test_each(('1.1',), ('2',))
def test_mod_md_gives_the_certificate(http):
    assert ask('billing', '/orders/7.txt', '/secret', http=http, host='md.example')[:2] == ([200, 403], ['route-unknown'])
    assert ask('auditor', '/orders/7.txt', http=http, host='md.example')[:2] == ([403], ['no-rule'])
    # what it would answer to a certification authority comes before any authorization
    assert ask(None, '/.well-known/acme-challenge/x', http=http, host='md.example')[0] in ([403], [404])


@test_each(('1.1',), ('2',))
def test_mod_security_and_the_policy_both_have_to_agree(http):
    """The variables are there for its rules; what they let in is not let in by us."""
    def get(name, path, headers=None):
        return ask(name, ('GET', path, headers or {}), http=http)[:2]
    evil, trusted, another = {'X-Evil': '1'}, {'X-Trusted': '1'}, {'MTLS_IDENTITY': 'billing', 'MTLS-IDENTITY': 'billing'}
    assert get('billing', '/orders/7.txt', evil) == get('auditor', '/orders/7.txt', evil) == ([406], [])
    assert get('billing', '/orders/not-shipping.txt') == ([200], [])
    assert get('shipping', '/orders/not-shipping.txt') == get('shipping', '/orders/not-shipping.txt', another) == ([409], [])
    assert get('shipping', '/orders/not-shipping.txt', trusted) == ([200], [])
    assert get('auditor', '/orders/not-shipping.txt', trusted) == ([403], ['no-rule'])
    assert get(None, '/orders/7.txt', trusted) == ([403], ['no-certificate'])


def token(user, key=KEY, ends_in_s=3600):
    """A JSON Web Token (RFC 7519) as a provider would sign it."""
    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=').decode()
    now = int(time.time())
    claims = {'sub': user, 'iss': 'https://op.example', 'iat': now, 'exp': now + ends_in_s}
    signed = '.'.join(encoded(json.dumps(part).encode()) for part in ({'alg': 'HS256', 'typ': 'JWT'}, claims))
    return f'{signed}.{encoded(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())}'


@test_each(('1.1',), ('2',))
def test_a_user_of_mod_auth_openidc_counts(http):
    def get(name, value):
        return ask(name, ('GET', '/token/x', {'Authorization': f'Bearer {value}'} if value else {}), http=http)[:2]
    assert get('billing', token('alice')) == ([200], [])
    assert get('billing', token('bob')) == ([403], ['condition-not-met'])
    for wrong in None, token('alice', key='another'), token('alice', ends_in_s=-4000), 'x.y.z':
        assert get('billing', wrong) == ([401], ['user-required']), wrong
    assert get('shipping', token('alice')) == ([403], ['no-rule'])
    assert get(None, token('alice')) == ([403], ['no-certificate'])


@test_each(('1.1',), ('2',))
def test_who_has_not_logged_in_is_sent_there(http):
    html = {'Accept': 'text/html'}
    for path, place in ('/login/x', 'https://op.example/authorize?'), ('/form/x', 'https://api.example/form.html'):
        statuses, why, result = ask('billing', ('GET', path, html), http=http)
        assert (statuses, why) == ([302], ['user-required']) and result.headers[0]['location'][0].startswith(place), result
        assert ask('shipping', ('GET', path, html), http=http)[:2] == ([403], ['no-rule'])
    for password, answer in ('secret', ([200], [])), ('wrong', ([302], ['user-required'])):
        cookie = {'Cookie': f'session=form-user=alice&form-pw={password}'}
        assert ask('billing', ('GET', '/form/x', cookie), http=http)[:2] == answer
        assert ask('shipping', ('GET', '/form/x', cookie), http=http)[:2] == ([403], ['no-rule'])


@test_each(('1.1',), ('2',))
def test_mod_remoteip_moves_nobody(http):
    for source, status in ('127.0.0.1', 403), ('127.0.0.7', 200):
        for claim in '127.0.0.7', '192.0.2.1', '127.0.0.7, 127.0.0.1', None:
            headers = {'X-Forwarded-For': claim} if claim else {}
            statuses, why, _ = ask('billing', ('GET', '/near/x', headers), http=http, source=source)
            assert statuses == [status] and why == ([] if status == 200 else ['condition-not-met']), (source, claim, statuses)


@test_each(('1.1',), ('2',))
def test_what_is_compressed_is_decided_too(http):
    wish = {'Accept-Encoding': 'gzip'}
    statuses, _, result = ask('billing', ('GET', '/orders/long.txt', wish), ('GET', '/hidden', wish), http=http)
    assert statuses == [200, 403] and result.headers[0]['content-encoding'] == ['gzip'], result


@test
def nothing_else_is_in_the_log():
    company()[0].stop()


if __name__ == '__main__':
    main()
