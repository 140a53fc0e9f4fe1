#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What Require lines, modes and several servers mean for requests, and what the environment tells."""

import re
import socket
import ssl
import time

from backend import Backend
from harness import client, main, test, test_each
from policies import (REQUIRE, allow, denials, document, guarded, identity, issuer, mtls_server, pki, policy, reasons, route)

ALL_PATHS = ('/a/**', '/b/**', '/open/**')


def everything_policy(**changes):
    made = document(ALL_PATHS)
    made['groups']['both'] = ['billing', 'auditor']
    made['rules']['auditor-too'] = allow(['auditor'], 'order')
    made.update(changes)
    return policy('everything', made)


def ask(server, who, *requests, http='1.1', **options):
    return client(server, pki()[who] if who else None, http, requests=requests, **options).statuses


# ---------------------------------------------------------------- names

NAMES = '''
  <Location "/">
    Require mtls-identity
  </Location>
  <Location "/a">
    Require mtls-identity @staff
  </Location>
  <Location "/a/billing">
    Require mtls-identity billing auditor
  </Location>
  <Location "/a/billing/none">
    Require mtls-identity auditor
  </Location>
  <Location "/b">
    Require mtls-identity auditor @finance
  </Location>
  <Location "/b/widened">
    Require mtls-identity @staff @outside billing
  </Location>
  <Location "/health">
    Require mtls-identity @staff
  </Location>
'''
WHO_MAY = {  # path: billing, shipping, auditor
    '/open/x': (200, 200, 200), '/a/x': (200, 200, 403), '/a/billing': (200, 403, 403), '/a/billing/none': (403, 403, 403),
    '/b/x': (200, 403, 200), '/b/widened': (200, 403, 200), '/a/billingx': (200, 200, 403), '/health': (200, 200, 403),
}
FILES = ('open/x', 'a/x', 'a/billing/index', 'a/billing/none/index', 'a/billingx', 'b/x', 'b/widened', 'health')


@test_each(('1.1',), ('2',))
def test_names_narrow(http):
    with mtls_server(guarded(everything_policy(), require=NAMES), files=[f for f in FILES if f.count('/') < 2]) as server:
        for name in 'a/billing', 'a/billing/none':
            (server.docroot / name).mkdir(exist_ok=True)
        for path, wanted in WHO_MAY.items():
            for who, status in zip(('billing', 'shipping', 'auditor'), wanted):
                mark = server.mark()
                found = ask(server, who, path, http=http)[0]
                allowed = reasons(server, mark) == []
                assert allowed == (status == 200), (path, who, found, denials(server, mark))
                assert allowed or (found == 403 and reasons(server, mark) == ['not-on-require-line']), (path, who, found)
        for who, reason in (None, 'no-certificate'), ('unknown', 'identity-unknown'):  # names, so everyone is not enough
            mark = server.mark()
            assert ask(server, who, '/health', http=http) == [403] and reasons(server, mark) == [reason]


@test_each(('Location',), ('Directory',), ('Files',))
def test_names_of_other_kinds_of_section(kind):
    """Sections of different kinds are merged in httpd's order; all their lines hold."""
    inner = {'Location': '<Location "/a">', 'Directory': '<Directory "${DIR}/htdocs/a">', 'Files': '<Files "x">'}[kind]
    body = f'<Directory "${{DIR}}/htdocs">\nRequire mtls-identity @staff auditor\n</Directory>\n{inner}\nRequire mtls-identity billing auditor\n</{kind}>'
    with mtls_server(guarded(everything_policy(), body), files=['a/x', 'b/y']) as server:
        for who, a, b in ('billing', 200, 200), ('shipping', 403, 200), ('auditor', 200, 200), (None, 403, 403):
            assert ask(server, who, '/a/x', '/b/y') == [a, b], who


@test
def test_names_in_two_requests_of_one():
    """The names of the section that includes come to are what counts for it, not those of the first."""
    lines = ''.join(f'<Location "/{path}">\nRequire mtls-identity {names}\n</Location>\n'
                    for path, names in (('a/1', 'billing'), ('a/2', 'shipping'), ('b', '@staff')))
    body = '<FilesMatch "shtml$">\nOptions +Includes\nSetOutputFilter INCLUDES\n</FilesMatch>\n' + lines
    with mtls_server(guarded(everything_policy(), body), ['include'], ['a/1', 'a/2']) as server:
        server.expect('unable to include|unable to get information')
        for number, (first, second) in enumerate((('a/1', 'a/2'), ('a/2', 'a/1'))):
            page = server.docroot / f'b/{number}.shtml'
            page.parent.mkdir(exist_ok=True)
            page.write_text('<!--#config errmsg="REFUSED" sizefmt="bytes" -->'
                            f'[<!--#fsize virtual="/{first}" -->][<!--#fsize virtual="/{second}" -->][<!--#include virtual="/{first}" -->]'
                            f'[<!--#include virtual="/{second}" -->]')
            for who, own in ('billing', 'a/1'), ('shipping', 'a/2'):
                result = client(server, pki()[who], requests=[f'/b/{number}.shtml'], body=True)
                one, two = (f'{name}\n' if name == own else 'REFUSED' for name in (first, second))
                sizes = ['4' if name == own else 'REFUSED' for name in (first, second)]
                wanted = f'[{sizes[0]}][{sizes[1]}][{one}][{two}]'
                assert result.bodies == [wanted.encode()], (who, number, result.bodies, wanted)


# ---------------------------------------------------------------- the backstop

OPENERS = {
    'all granted': '<Location "/a">\nRequire all granted\n</Location>',
    'in all': '<Location "/a">\n<RequireAll>\nRequire all granted\n</RequireAll>\n</Location>',
    'in a directory': '<Directory "${DIR}/htdocs/a">\nRequire all granted\n</Directory>',
    'in files': '<Files "*">\nRequire all granted\n</Files>',
    'in if': '<If "true">\nRequire all granted\n</If>',
    'merged with or': '<Location "/a">\nAuthMerging Or\nRequire all granted\n</Location>',
    'merged with and': '<Location "/a">\nAuthMerging And\nRequire all granted\n</Location>',
    'other methods': '<Location "/a">\n<Limit GET>\nRequire all granted\n</Limit>\n</Location>',
    'satisfy any': '<Location "/a">\nSatisfy Any\nAllow from all\n</Location>',
    'satisfy any for all': '<Location "/">\nSatisfy Any\nAllow from all\n</Location>',
    'an expression': '<Location "/a">\nRequire expr true\n</Location>',
    'a method': '<Location "/a">\nRequire method GET\n</Location>',
}


@test_each(*[(name, http) for name in OPENERS for http in ('1.1', '2')])
def test_nothing_else_opens(name, http):
    """Also where it stands before our line in the file."""
    body = OPENERS[name]
    path = policy('closed', document(('/a/fine',)))
    for config in guarded(path, body), guarded(path, require=body + REQUIRE):
        with mtls_server(config, ['access_compat', 'authz_host'], ['a/x', 'a/fine']) as server:
            for who in 'billing', None:
                mark = server.mark()
                assert ask(server, who, '/a/x', '/a/fine', 'POST /a/x', http=http) == [403, 200 if who else 403, 403], who
                # where httpd refuses by itself we are not asked
                assert name == 'a method' or len(reasons(server, mark)) == (2 if who else 3), denials(server, mark)


@test
def test_htaccess_opens_nothing():
    texts = ['Require all granted', '<RequireAny>\nRequire all granted\n</RequireAny>', 'Satisfy Any\nAllow from all',
             'AuthMerging Or\nRequire all granted', '<If "true">\nRequire all granted\n</If>', '<Limit GET>\nRequire all granted\n</Limit>']
    path = policy('closed', document(('/a/fine',)))
    for require in REQUIRE, REQUIRE.replace('Location "/"', 'Directory "${DIR}/htdocs"').replace('Location', 'Directory'):
        body = '<Directory "${DIR}/htdocs">\nAllowOverride All\n</Directory>'
        with mtls_server(guarded(path, body, require=require), ['access_compat'], ['a/x', 'a/fine']) as server:
            for text in texts:
                (server.docroot / 'a/.htaccess').write_text(text + '\n')
                assert ask(server, 'billing', '/a/x', '/a/fine') == [403, 200], text
                assert ask(server, None, '/a/x', '/a/fine') == [403, 403], text


@test
def trap_14_a_refusal_is_nothing_but_403():
    """Never neutral, never a question for a password, never a fault; beside others as alone."""
    sections = {
        '/a': '<RequireAll>\nRequire all granted\nRequire mtls-identity\n</RequireAll>',
        '/b': '<RequireAll>\nRequire mtls-identity\nRequire method GET POST\n</RequireAll>',
        '/open': 'Require mtls-identity',
    }
    body = ''.join(f'<Location "{place}">\n{text}\n</Location>\n' for place, text in sections.items())
    path = policy('closed', document(('/a/fine', '/b/fine', '/open/fine')))
    with mtls_server(guarded(path, body, require=''), files=['a/fine', 'a/x', 'b/fine', 'b/x', 'open/fine', 'open/x']) as server:
        for place in sections:
            for http in '1.1', '2':
                mark = server.mark()
                assert ask(server, 'billing', f'{place}/x', f'{place}/fine', http=http) == [403, 200], place
                assert ask(server, None, f'{place}/fine', http=http) == [403], place
                assert reasons(server, mark) == ['route-unknown', 'no-certificate'], place
                assert 'AH00027' not in server.log_since(mark)


@test
def trap_14_with_a_password_as_well():
    """A user is asked for where a user is missing, and does not help where the policy says no."""
    body = '''
  <Location "/a">
    AuthType Basic
    AuthName a
    AuthBasicProvider file
    AuthUserFile "${DIR}/passwords"
    <RequireAll>
      Require valid-user
      Require mtls-identity
    </RequireAll>
  </Location>
'''
    path = policy('closed', document(('/a/fine',)))
    modules = ['authn_core', 'authn_file', 'auth_basic', 'authz_user']
    login = {'Authorization': 'Basic dTpw'}
    with mtls_server(guarded(path, body, require=''), modules, ['a/x', 'a/fine']) as server:
        (server.dir / 'passwords').write_text('u:{SHA}UW7JY4E8pwK2RtYkCtcvG4+xSUQ=\n')
        server.expect('AH01617|AH01618|AH0163')
        mark = server.mark()
        assert ask(server, 'billing', '/a/fine') == [401]
        result = ask(server, 'billing', ('GET', '/a/fine', {'Authorization': 'Basic dTpwcA=='}))
        assert result == [401], result
        refused = ask(server, 'billing', ('GET', '/a/x', login))
        assert refused[0] in (401, 403), refused
        assert ask(server, None, ('GET', '/a/fine', login))[0] in (401, 403)
        assert len(reasons(server, mark)) == 2, denials(server, mark)


# ---------------------------------------------------------------- modes

@test_each(('1.1',), ('2',))
def test_report_lets_pass_and_says_so(http):
    require = REQUIRE.replace('Require', 'MtlsPolicyMode report\n    Require') + '  <Location "/b">\n    MtlsPolicyMode enforce\n  </Location>\n'
    show = '  Header always set X-Decision "%{MTLS_DECISION}e %{MTLS_REASON}e"\n'
    with mtls_server(guarded(policy('p', document(('/a/{x}',))), show, require=require), ['headers'], ['a/x', 'b/x', 'nowhere']) as server:
        for who, request, status, told in (
                ('billing', '/a/x', 200, 'allow allowed'), (None, '/a/x', 200, 'would-deny no-certificate'),
                ('auditor', '/a/x', 200, 'would-deny no-rule'), ('billing', '/nowhere', 200, 'would-deny route-unknown'),
                ('billing', '/b/x', 403, 'deny route-unknown'), (None, '/a//x', 200, 'would-deny ambiguous-path')):
            mark = server.mark()
            result = client(server, pki()[who] if who else None, http, requests=[request], headers=['X-Decision'])
            assert result.statuses == [status] and result.headers == [{'x-decision': [told]}], (who, request, result)
            decision, reason = told.split()
            assert [(d['decision'], d['reason']) for d in denials(server, mark)] == ([(decision, reason)] if decision != 'allow' else [])
        assert ask(server, None, 'TRACE /a/x', 'OPTIONS *', http=http) == [403, 403]


OBSERVED_FIRST = '''
  <Location "/a">
    MtlsPolicyMode report
  </Location>
  <Directory "${DIR}/htdocs/a">
    DirectoryIndex disabled
    FallbackResource /b/x
    RewriteEngine on
    RewriteRule "^on$" "/b/x"
  </Directory>
'''


@test_each(('1.1',), ('2',))
def test_a_denial_is_logged_after_one_that_is_only_reported(http):
    """The client's own path would be denied, the one that the server goes on to is."""
    with mtls_server(guarded(policy('p', document(('/open/{x}',))), OBSERVED_FIRST), ['dir', 'rewrite'], ['a/here', 'b/x']) as server:
        for path, status, logged in (('/a/here', 200, ['would-deny']), ('/a/missing', 403, ['would-deny', 'deny']),
                                     ('/a/on', 403, ['would-deny', 'deny']), ('/b/x', 403, ['deny'])):
            mark = server.mark()
            assert ask(server, 'billing', path, http=http) == [status], path
            assert [denial['decision'] for denial in denials(server, mark)] == logged, (path, denials(server, mark))


OFF = '''
  <Location "/open">
    MtlsPolicyMode off
    Require all granted
  </Location>
  <Location "/open/not">
    Require mtls-identity
  </Location>
  <Location "/a">
    MtlsPolicyMode off
    Require method POST
  </Location>
  <Location "/b">
    MtlsPolicyMode off
    AuthMerging And
    Require all granted
  </Location>
'''


@test_each(('1.1',), ('2',))
def test_off_opens_its_section_only(http):
    body = OFF + '  RewriteEngine on\n  RewriteRule "^/in$" "/open/x" [PT]\n  RewriteRule "^/open/out$" "/secret" [PT]\n'
    path = policy('closed', document(('/in',)))
    with mtls_server(guarded(path, body), ['rewrite'], ['open/x', 'open/not/x', 'a/x', 'b/x', 'secret', 'open/y;z']) as server:
        for who in 'billing', None:
            mark = server.mark()
            assert ask(server, who, '/open/x', '/open/y;z', '/open//x', http=http) == [200] * 3
            assert not reasons(server, mark), 'what is off says nothing'
            assert ask(server, who, '/open/not/x', '/secret', '/a/x', '/b/x', http=http) == [403] * 4
            assert reasons(server, mark) == ['route-unknown'] * 2, denials(server, mark)
            # both the path that the client sent and where it leads must be open or allowed
            assert ask(server, who, '/open/out', '/in', http=http) == [403, 403], who
            assert len(reasons(server, mark)) == 4


OPEN_IN_FRONT = '''
  AllowEncodedSlashes NoDecode
  <Location "/open">
    MtlsPolicyMode off
    Require all granted
  </Location>
'''


def in_doubt(server, backend, targets, http):
    """(status, reason logged, does it reach the backend) of each, without a certificate."""
    for target in targets:
        backend.clear()
        mark = server.mark()
        status = ask(server, None, ('GET', target), http=http)[0]
        yield status, (reasons(server, mark) or [None])[0], bool(backend.requests)


CERTAIN = ('/open/x', '/open/y;z', '/open//x', '/open/a%2Fb', '/open/./x', '/open/a/../x', '/open/a\\b', '/open/%25')
IN_DOUBT = ('/open/..;/a/x', '/open/a/..;v/x', '/open/%252e%252e/a/x', '/open/%ff', '/open/../open/a%2Fb', '/open/../open/a%5Cb')
DOTS_BESIDE_SLASHES = ('/open/..%2fa/x', '/open/..%2Fa/x', '/open/..%5ca/x', '/open/..%5Ca/x', '/open/a%5C../x', '/open/a%2f../x')


@test_each(*[(name, http) for name in ('canon', 'nocanon') for http in ('1.1', '2')])
def test_off_is_for_paths_that_are_certain(name, http):
    """A backend that reads a path in another way may find it outside the section that is off."""
    with Backend() as backend:
        body = OPEN_IN_FRONT + f'  ProxyPass "/" "http://127.0.0.1:{backend.port}/" {name if name == "nocanon" else ""}\n'
        with mtls_server(guarded(policy('closed', document(('/a/x',))), body), ['proxy', 'proxy_http']) as server:
            assert set(in_doubt(server, backend, CERTAIN, http)) == {(200, None, True)}
            assert set(in_doubt(server, backend, IN_DOUBT, http)) == {(403, 'ambiguous-path', False)}


@test_each(*[(name, http) for name in ('canon', 'nocanon') for http in ('1.1', '2')])
def test_off_is_not_for_dots_beside_slashes(name, http):
    with Backend() as backend:
        body = OPEN_IN_FRONT + f'  ProxyPass "/" "http://127.0.0.1:{backend.port}/" {name if name == "nocanon" else ""}\n'
        with mtls_server(guarded(policy('closed', document(('/a/x',))), body), ['proxy', 'proxy_http']) as server:
            assert set(in_doubt(server, backend, DOTS_BESIDE_SLASHES, http)) == {(403, 'ambiguous-path', False)}


# ---------------------------------------------------------------- the environment

VARIABLES = ['DECISION', 'REASON', 'RULE', 'ROUTE', 'IDENTITY', 'GROUPS', 'ISSUER', 'PRINCIPAL', 'CERT_SHA256', 'CERT_X5T_S256',
             'CERT_NOT_AFTER', 'POLICY']
FORGED = ''.join(f'  SetEnv MTLS_{name} forged\n  SetEnvIf X-Forged (.*) MTLS_{name}=$1\n' for name in VARIABLES)


def shown(server, who, http, request, **options):
    headers = [f'X-{name}' for name in VARIABLES]
    result = client(server, pki()[who] if who else None, http, requests=[request], headers=headers, **options)
    return result.status, {name: result.headers[0][f'x-{name.lower()}'][0] for name in VARIABLES}


def attack():
    names = [f'MTLS_{name}' for name in VARIABLES] + [f'MTLS-{name}' for name in VARIABLES[:4]] + ['X-Forged', 'REDIRECT_MTLS_IDENTITY']
    return {name: 'forged' for name in names}


@test_each(*[(http, tls, resume) for http in ('1.1', '2') for tls, resume in (('1.2', 'session-id'), ('1.3', None), ('1.3', 'ticket'))])
def test_the_environment(http, tls, resume):
    show = ''.join(f'  Header always set X-{name} "%{{MTLS_{name}}}e"\n' for name in VARIABLES)
    log = '  CustomLog "${DIR}/env.log" "%{MTLS_DECISION}e %{MTLS_IDENTITY}e %{MTLS_REASON}e"\n'
    made = document()
    with mtls_server(guarded(policy('env', made), show + log), ['headers', 'setenvif', 'env'], ['orders/7', 'health']) as server:
        status, found = shown(server, 'billing', http, ('GET', '/orders/7', attack()), tls=tls, resume=resume)
        assert status == 200, found
        assert re.fullmatch('[0-9a-f]{64}', found['CERT_SHA256']) and re.fullmatch('[A-Za-z0-9_-]{43}', found['CERT_X5T_S256']), found
        assert re.fullmatch(r'20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ', found['CERT_NOT_AFTER']), found
        assert re.fullmatch('orders:5:[0-9a-f]{64}', found['POLICY']), found
        rest = {name: found[name] for name in VARIABLES[:8]}
        assert rest == {'DECISION': 'allow', 'REASON': 'allowed', 'RULE': 'staff-reads', 'ROUTE': 'order', 'IDENTITY': 'billing',
                        'GROUPS': 'finance,staff', 'ISSUER': 'corp', 'PRINCIPAL': 'spiffe:spiffe://corp.example/billing'}, rest
        unset = dict.fromkeys(VARIABLES, '(null)')
        status, everyone = shown(server, 'billing', http, ('GET', '/health', attack()), tls=tls, resume=resume)
        assert status == 200 and everyone == {**unset, 'DECISION': 'allow', 'REASON': 'allowed', 'RULE': 'health-is-public', 'ROUTE': 'health',
                                              'POLICY': found['POLICY']}, everyone
        status, denied = shown(server, 'unknown', http, ('GET', '/orders/7', attack()), tls=tls, resume=resume)
        assert status == 403 and denied['IDENTITY'] == denied['GROUPS'] == denied['RULE'] == '(null)', denied
        assert denied['DECISION'] == 'deny' and denied['REASON'] == 'identity-unknown' and denied['ISSUER'] == 'corp', denied
        assert denied['PRINCIPAL'] == 'spiffe:spiffe://corp.example/nobody' and denied['ROUTE'] == 'order', denied
        status, nobody = shown(server, None, http, ('GET', '/orders/7', attack()), tls=tls, resume=resume)
        assert status == 403 and nobody == {**unset, 'DECISION': 'deny', 'REASON': 'no-certificate', 'ROUTE': 'order', 'POLICY': found['POLICY']}, nobody
        server.stop()
        lines = (server.dir / 'env.log').read_text().splitlines()
        assert [line for line in lines if line != '- - -'] == ['allow billing allowed', 'allow - allowed', 'deny - identity-unknown', 'deny - no-certificate'], lines
        server.start()


@test_each(('1.1',), ('2',))
def test_the_environment_is_ours(http):
    """Whatever other modules put there, from a client's header even."""
    show = ''.join(f'  Header always set X-{name} "%{{MTLS_{name}}}e"\n' for name in VARIABLES)
    rewrite = '  <Location "/health">\n    RewriteEngine on\n    RewriteRule ".*" "-" [E=MTLS_IDENTITY:%{HTTP:X-Forged}]\n  </Location>\n'
    with mtls_server(guarded(policy('env', document()), show + FORGED + rewrite), ['headers', 'setenvif', 'env', 'rewrite'], ['orders/7', 'health']) as server:
        for who, path, status in ('billing', '/orders/7', 200), ('billing', '/health', 200), (None, '/health', 200), (None, '/orders/7', 403):
            found = shown(server, who, http, ('GET', path, attack()))
            assert found[0] == status and 'forged' not in found[1].values(), (who, path, found)


FORGING = '''
  SetEnv MTLS_GROUPS forged
  SetEnvIf X-Forged (.*) MTLS_IDENTITY=$1
  <Location "/">
    RewriteEngine on
    RewriteRule ".*" "-" [E=MTLS_ROUTE:%{HTTP:X-Forged}]
    SetEnvIf X-Forged (.*) MTLS_RULE=$1
  </Location>
'''
TELLING = '''
  RequestHeader set X-Told "%{MTLS_DECISION}e %{MTLS_IDENTITY}e %{MTLS_GROUPS}e %{MTLS_RULE}e %{MTLS_ROUTE}e"
  RequestHeader set X-Identity "%{MTLS_IDENTITY}e" env=MTLS_IDENTITY
  RequestHeader set X-User "expr=%{REMOTE_USER}"
'''
SKIPPED = {
    'asked': '', 'satisfy any': '<Location "/">\nSatisfy Any\nAllow from all\n</Location>\n',
    'an address': '<Location "/api">\nRequire ip 127.0.0.1\n</Location>\n', 'all granted': '<Location "/api">\nRequire all granted\n</Location>\n',
}


@test_each(*[(name, http) for name in SKIPPED for http in ('1.1', '2')])
def test_what_a_backend_is_told(name, http):
    """In headers that httpd sets from the environment, also where nobody asked before; and it is told nothing of what is refused."""
    with Backend() as backend:
        body = f'  ProxyPass "/api/" "http://127.0.0.1:{backend.port}/"\n  MtlsRemoteUser on\n' + FORGING + TELLING + SKIPPED[name]
        modules = ['headers', 'setenvif', 'env', 'rewrite', 'proxy', 'proxy_http', 'access_compat', 'authz_host']
        with mtls_server(guarded(policy('told', document(('/api/fine',))), body), modules) as server:
            forged = {**attack(), 'X-Identity': 'forged', 'X-Told': 'forged', 'X-User': 'forged'}
            for who, path, status in ('billing', '/api/fine', 200), (None, '/api/fine', 403), ('billing', '/api/x', 403):
                assert ask(server, who, ('GET', path, forged), http=http) == [status], (who, path)
            found, = backend.requests
            assert found.header('x-told') == [b'allow billing finance,staff staff-reads order'], found
            assert found.header('x-identity') == found.header('x-user') == [b'billing'], found


@test
def test_two_servers_two_policies():
    one = policy('one', document(('/a/**',), hosts=('a.example',), name='one'))
    two = policy('two', document(('/b/**',), hosts=('b.example',), name='two', issuers={'corp': issuer('other')},
                                 identities={'billing': identity('billing')}, groups={}, rules={'r': allow(['billing'], 'order')},
                                 routes={'order': route('/b/**', hosts=['b.example'])}))
    with mtls_server(guarded(one, name='a.example') + guarded(two, name='b.example'), files=['a/x', 'b/x', 'health']) as server:
        for http in '1.1', '2':
            for who, a, b in ('billing', [200, 403, 200], [403] * 3), ('billing-other', [403, 403, 200], [403, 200, 403]), (None, [403, 403, 200], [403] * 3):
                for host, wanted in ('a.example', a), ('b.example', b):
                    assert ask(server, who, '/a/x', '/b/x', '/health', http=http, host=host) == wanted, (who, host)


@test
def test_a_virtual_host_has_the_main_servers_policy():
    main_policy = policy('main', document(('/a/**',), hosts=('a.example', 'b.example'), name='main'))
    own = policy('own', document(('/b/**',), hosts=('b.example',), name='own'))
    config = f'MtlsPolicyFile "{main_policy}"\n' + guarded('', name='a.example').replace('MtlsPolicyFile ""', '') + guarded(own, name='b.example')
    with mtls_server(config, files=['a/x', 'b/x']) as server:
        server.expect('MTLS0006')
        assert ask(server, 'billing', '/a/x', '/b/x', host='a.example') == [200, 403]
        assert ask(server, 'billing', '/a/x', '/b/x', host='b.example') == [403, 200]


@test
def test_a_section_of_the_main_server_holds_for_all():
    path = policy('p', document(('/a/**',), hosts=('a.example', 'b.example')))
    config = f'MtlsPolicyFile "{path}"\n<Directory "${{DIR}}/htdocs">\nRequire mtls-identity @staff\n</Directory>\n'
    config += guarded('', name='a.example', require='').replace('MtlsPolicyFile ""', '')
    with mtls_server(config, files=['a/x', 'b/x']) as server:
        for who, wanted in ('billing', [200, 403]), (None, [403, 403]), ('auditor', [403, 403]):
            assert ask(server, who, '/a/x', '/b/x', host='a.example') == wanted, who
        assert ask(server, None, 'TRACE /a/x', 'OPTIONS *', host='a.example') == [403, 403]


@test
def test_times_and_networks_of_the_connection():
    now = int(time.time())
    stamp = {name: time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now + more)) for name, more in (('past', -100), ('future', 3600))}
    made = document(('/a/**',))
    made['routes'].update(b=route('/b/**'), c=route('/c/**'))
    made['rules'].update(
        b=allow(['@staff'], 'b', networks=['127.0.0.7', '10.0.0.0/8']), c=allow(['@staff'], 'c', valid_from=stamp['future']),
        d={'effect': 'deny', 'subjects': ['billing'], 'routes': ['order'], 'networks': ['127.0.0.9']},
        e={'effect': 'deny', 'subjects': ['shipping'], 'routes': ['order'], 'valid_until': stamp['past']})
    with mtls_server(guarded(policy('p', made)), files=['a/x', 'b/x', 'c/x']) as server:
        for http in '1.1', '2':
            mark = server.mark()
            forged = {'X-Forwarded-For': '127.0.0.7', 'Forwarded': 'for=127.0.0.7'}
            assert ask(server, 'billing', '/a/x', ('GET', '/b/x', forged), '/c/x', http=http) == [200, 403, 403]
            assert ask(server, 'billing', '/a/x', '/b/x', http=http, source='127.0.0.7') == [200, 200]
            assert ask(server, 'billing', '/a/x', http=http, source='127.0.0.9') == [403]
            assert ask(server, 'shipping', '/a/x', http=http, source='127.0.0.9') == [200]
            assert reasons(server, mark) == ['condition-not-met', 'condition-not-met', 'denied-by-rule']


@test_each(('1.1',), ('2',))
def test_networks_know_no_header(http):
    """Not even one that mod_remoteip believes."""
    made = document(('/a/**',))
    made['rules']['d'] = {'effect': 'deny', 'subjects': ['billing'], 'routes': ['order'], 'networks': ['192.0.2.0/24']}
    made['rules']['staff-reads'] = allow(['@staff'], 'order', networks=['127.0.0.0/8'])
    with mtls_server(guarded(policy('p', made), '  RemoteIPHeader X-Forwarded-For\n'), ['remoteip'], ['a/x']) as server:
        assert ask(server, 'billing', ('GET', '/a/x', {'X-Forwarded-For': '192.0.2.7'}), http=http) == [200]


@test
def test_networks_know_the_proxy_protocol():
    """What the PROXY protocol says of the client counts; a header beside it does not."""
    made = document(ALL_PATHS)
    made['rules']['d'] = {'effect': 'deny', 'subjects': ['billing'], 'routes': ['order'], 'networks': ['192.0.2.9']}
    made['rules']['staff-reads'] = allow(['@staff'], 'order', networks=['192.0.2.0/24'])
    body = '  RemoteIPProxyProtocol On\n  RemoteIPHeader X-Forwarded-For\n'
    with mtls_server(guarded(policy('p', made), body), ['remoteip'], ['a/x']) as server:
        for address, status in (('192.0.2.7', 200), ('192.0.2.9', 403), ('127.0.0.1', 403)):
            assert through_proxy(server, pki()['billing'], address) == status, address
        assert reasons(server) == ['denied-by-rule', 'condition-not-met']


def through_proxy(server, cert, address):
    """The status of a request that a load balancer passes on for a client of that address."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(cert.chain, cert.key)
    with socket.create_connection(('127.0.0.1', server.port), timeout=10) as plain_socket:
        plain_socket.sendall(f'PROXY TCP4 {address} 127.0.0.1 40000 443\r\n'.encode())
        with context.wrap_socket(plain_socket, server_hostname='api.example') as tls:
            tls.sendall(b'GET /a/x HTTP/1.1\r\nHost: api.example\r\nX-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n\r\n')
            return int(tls.recv(64).split()[1])


@test_each(('1.1',), ('2',))
def test_what_a_client_writes_hides_nothing_in_the_log(http):
    """httpd cuts a line that is too long, so who it was comes first."""
    with mtls_server(guarded(policy('p', document()))) as server:
        for target in b'/nowhere?' + b'a' * 7900, b'/nowhere?' + b'"' * 2700, b'/nowhere?' + b'\\' * 4000:
            mark = server.mark()
            assert ask(server, 'billing', ('GET', target), http=http) == [403]
            line, = [line for line in server.log_since(mark).splitlines() if 'MTLS0001' in line]
            assert re.search('MTLS0001: deny reason=route-unknown route=- rule=- identity=- issuer=- policy=orders:5:[0-9a-f]{64} '
                             'principal="spiffe:spiffe://corp.example/billing" method="GET" host="api.example" path="/nowhere', line), line


@test
def test_what_a_client_writes_is_escaped_in_the_log():
    name = 'a" reason=allowed identity="root\\'
    pki().add('liar', 'partner', cn=name, eku='client')
    made = document()
    made['issuers']['liars'] = issuer('partner', kind='cn')
    with mtls_server(guarded(policy('p', made)), files=['orders/7']) as server:
        nasty = [('GET', b'/a%0d%0aMTLS0001:%20allow'), ('GET', b'/%1b[31m'), ('GET', b'/a\\"b'), ('GET', b'/\xff\n'), ('GE"T\\', '/orders/7')]
        for http in '1.1', '2':
            for request in nasty:
                mark = server.mark()
                result = client(server, pki()['liar'], http, requests=[request])
                refused = result.statuses == [403]
                assert refused or result.closed or result.statuses[0] == 400 or 'reset' in str(result.statuses[0]), (request, result)
                assert len(denials(server, mark)) == refused, (request, server.log_since(mark))
        lines = server.log_since().splitlines()
        assert all(line.startswith('[') and line.isprintable() for line in lines), lines
        found = denials(server)
        assert len(found) >= 4 and all(d['decision'] == 'deny' and d['identity'] == '-' for d in found), found
        assert {d['principal'].count('reason=allowed') for d in found} == {1}, found


if __name__ == '__main__':
    main()
