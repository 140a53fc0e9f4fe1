#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that ask for a user whom another module authenticated, and the name that MtlsRemoteUser gives."""

import base64
import functools
import hashlib
import itertools

from harness import client, main, test, test_each
from policies import REQUIRE, allow, denials, document, guarded, mtls_server, pki, policy, reasons, route

MODULES = ['authn_core', 'authn_file', 'auth_basic', 'authz_user', 'authz_host', 'access_compat']
PASSWORDS = {'alice': 'secret', 'bob': 'secret', 'billing': 'password', 'spiffe://corp.example/billing': 'password',
             '/CN=faked': 'password', 'faked': 'password'}
BASIC = '''
    AuthType Basic
    AuthName test
    AuthBasicProvider file
    AuthUserFile "${DIR}/passwords"
'''
PATHS = ('alice', 'any', 'staff', 'denied', 'both', 'public')


def login(user, password='secret'):
    return {'Authorization': 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()}


def users_policy(**changes):
    """/alice: billing with alice; /any: billing with any user; /staff: nobody needs to log in; /denied: a denial beside."""
    made = document(('/staff/{x}',), **changes)
    for name in PATHS:
        made['routes'].setdefault(name, route(f'/{name}/**', methods=['GET', 'POST']))
    del made['routes']['staff']
    made['identities']['faked'] = {'issuer': 'corp', 'spiffe': 'spiffe://corp.example/faked'}
    made['rules'].update({
        'alice': allow(['billing'], 'alice', users=['alice']), 'any': allow(['billing', 'faked'], 'any', users=['*']),
        'denied': allow(['billing'], 'denied', users=['*']),
        'never': {'effect': 'deny', 'subjects': ['billing'], 'routes': ['denied']},
        'both': allow(['billing'], 'both', users=['alice'], networks=['192.0.2.0/24']),
        'public': allow(['everyone'], 'public')})
    return policy('users', made)


def write_passwords(server, name, words):
    (server.dir / name).write_text(''.join(
        f'{user}:{{SHA}}{base64.b64encode(hashlib.sha1(word.encode()).digest()).decode()}\n' for user, word in words.items()))


def users_server(require=None, body='', modules=(), pages=None, more='', **options):
    """The whole server asks for passwords unless `require` says otherwise; `pages` are files and their text, `more` other hosts."""
    require = REQUIRE.replace('    Require', BASIC + '    Require') if require is None else require
    files = [f'{name}/x' for name in PATHS]
    server = mtls_server(guarded(users_policy(), body, require=require) + more, [*MODULES, *modules], files, **options)
    for name, text in (pages or {}).items():
        (server.docroot / name).parent.mkdir(exist_ok=True)
        (server.docroot / name).write_text(text)
    write_passwords(server, 'passwords', PASSWORDS)
    server.expect('AH01617|AH01618|AH01629|AH02035')  # wrong passwords, unknown users, and who would fake a certificate
    return server


def ask(server, path, headers=None, who='billing', http='1.1', **options):
    """(status, the reason logged, the question for a password)."""
    mark = server.mark()
    result = client(server, pki()[who] if who else None, http, requests=[('GET', path, headers or {})], headers=['WWW-Authenticate'],
                    **options)
    assert len(denials(server, mark)) <= 1, denials(server, mark)
    return result.status, (reasons(server, mark) or [None])[0], result.headers[0].get('www-authenticate', [None])[0]


QUESTION = 'Basic realm="test"'


# ---------------------------------------------------------------- users

ANSWERS = [  # path, user, password, status, reason, is a question asked
    ('/alice/x', None, None, 401, 'user-required', True), ('/alice/x', 'alice', 'secret', 200, None, False),
    ('/alice/x', 'alice', 'wrong', 401, 'user-required', True),
    ('/alice/x', 'nobody', 'secret', 401, 'user-required', True),
    ('/alice/x', 'bob', 'secret', 403, 'condition-not-met', False), ('/any/x', None, None, 401, 'user-required', True),
    ('/any/x', 'alice', 'secret', 200, None, False), ('/any/x', 'bob', 'secret', 200, None, False),
    ('/any/x', 'bob', '', 401, 'user-required', True), ('/staff/x', None, None, 200, None, False),
    ('/staff/x', 'alice', 'wrong', 200, None, False), ('/denied/x', None, None, 403, 'denied-by-rule', False),
    ('/denied/x', 'alice', 'secret', 403, 'denied-by-rule', False), ('/both/x', None, None, 403, 'condition-not-met', False),
    ('/both/x', 'alice', 'secret', 403, 'condition-not-met', False), ('/nowhere', 'alice', 'secret', 403, 'route-unknown', False),
    ('/public/x', 'bob', 'wrong', 200, None, False),
]


KINDS = (('1.3', None), ('1.3', 'ticket'), ('1.2', 'session-id'))


@test_each(('1.1',), ('2',))
def test_who_is_asked_for_a_password(http):
    with users_server() as server:
        for (tls, resume), (path, user, password, status, reason, asked) in itertools.product(KINDS, ANSWERS):
            found = ask(server, path, login(user, password) if user else None, http=http, tls=tls, resume=resume)
            assert found == (status, reason, QUESTION if asked else None), (path, user, password, found)
        for who, reason in (None, 'no-certificate'), ('shipping', 'no-rule'), ('billing-other', 'identity-unknown'):
            for headers in None, login('alice'):
                assert ask(server, '/alice/x', headers, who, http) == (403, reason, None), (who, headers)


@test_each(('1.1',), ('2',))
def test_users_without_a_way_to_ask(http):
    for require in REQUIRE, REQUIRE.replace('    Require', '    AuthType None\n    Require'):
        with users_server(require) as server:
            for headers in None, login('alice'):
                assert ask(server, '/alice/x', headers, http=http) == (403, 'user-required', None)
                assert ask(server, '/staff/x', headers, http=http) == (200, None, None)


@test_each(('1.1',), ('2',))
def test_users_beside_valid_user(http):
    """Either requirement may ask; a refusal of the policy after a login stays 403."""
    places = {'first': 'Require valid-user\nRequire mtls-identity', 'last': 'Require mtls-identity\nRequire valid-user',
              'user': 'Require mtls-identity\nRequire user alice'}
    for lines in places.values():
        with users_server(f'<Location "/">\n{BASIC}<RequireAll>\n{lines}\n</RequireAll>\n</Location>\n') as server:
            server.expect('AH01631')
            assert ask(server, '/alice/x', http=http)[0] == 401
            assert ask(server, '/staff/x', http=http)[::2] == (401, QUESTION)
            assert ask(server, '/alice/x', login('alice'), http=http) == (200, None, None)
            assert ask(server, '/staff/x', login('alice'), http=http) == (200, None, None)
            assert ask(server, '/alice/x', login('alice', 'wrong'), http=http)[0] == 401
            for path, user in ('/denied/x', 'alice'), ('/alice/x', 'bob'), ('/nowhere', 'alice'):
                status, reason, question = ask(server, path, login(user), http=http)
                assert (status, question) == (403, None) and reason, (lines, path, user, status, reason)
            assert ask(server, '/alice/x', login('alice'), who=None, http=http) == (403, 'no-certificate', None)


ASKED_TWICE = f'''
  LogLevel authz_core:debug
  <Location "/">
    {BASIC}
    Require mtls-identity
  </Location>
  <Location "/any">
    AuthMerging Or
    Require valid-user
  </Location>
  <Location "/alice">
    <RequireAll>
      Require valid-user
      Require mtls-identity
    </RequireAll>
  </Location>
  <Location "/denied">
    AuthMerging And
    Require valid-user
  </Location>
'''


@test_each(('1.1',), ('2',))
def trap_15_one_line_for_each_request_that_is_denied(http):
    """Although httpd asks before and after the login, where another requirement stands beside ours, and we ask ourselves at the end."""
    with users_server(ASKED_TWICE) as server:
        server.expect('AH01631')
        asked = []
        for path in '/any/x', '/alice/x', '/denied/x', '/staff/x', '/nowhere':
            for who in 'billing', 'auditor', None:
                for headers in None, login('alice'), login('alice', 'wrong'):
                    mark = server.mark()
                    status, reason, _ = ask(server, path, headers, who, http)
                    server.wait_at_rest()
                    denied, logged = status != 200, denials(server, mark)
                    assert status in (200, 401, 403) and len(logged) == denied, (path, who, headers, status, logged)
                    asked.append(server.log_since(mark).count('AH01626: authorization result of Require mtls-identity'))
        assert max(asked) >= 2, asked


@test_each(('1.1',), ('2',))
def test_users_in_report_mode(http):
    with users_server(REQUIRE.replace('    Require', f'{BASIC}    MtlsPolicyMode report\n    Require')) as server:
        for path, headers, wanted in (('/alice/x', None, ['user-required']), ('/alice/x', login('bob'), None),
                                      ('/alice/x', login('alice'), None), ('/denied/x', login('alice'), ['denied-by-rule'])):
            mark = server.mark()
            assert ask(server, path, headers, http=http)[0] == 200, path
            found = denials(server, mark)
            assert all(denial['decision'] == 'would-deny' for denial in found), found
            assert wanted is None or [denial['reason'] for denial in found] == wanted, found


@test
def test_users_and_names_on_the_line():
    """The line's names hold beside the user."""
    require = ''.join(f'<Location "{place}">\n{BASIC}Require mtls-identity{names}\n</Location>\n'
                      for place, names in (('/', ''), ('/any', ' shipping')))
    with users_server(require) as server:
        for http in '1.1', '2':
            for headers in None, login('alice'), login('alice', 'wrong'):
                assert ask(server, '/any/x', headers, http=http) == (403, 'user-required', None), 'a login would not help'
            assert ask(server, '/alice/x', http=http) == (401, 'user-required', QUESTION)
            assert ask(server, '/alice/x', login('alice'), http=http) == (200, None, None)


EVERYWHERE = REQUIRE.replace('    Require', BASIC + '    Require')
SKIPPING = {  # what makes httpd let a request in without a login
    'satisfy any': '<Location "/">\nSatisfy Any\nAllow from all\n</Location>\n',
    'all granted': '<Location "/">\nRequire all granted\n</Location>\n',
    'an address': '<Location "/alice">\nRequire ip 127.0.0.1\n</Location>\n',
    'either': '<Location "/">\nAuthMerging Or\nRequire ip 127.0.0.1\n</Location>\n',
    'htaccess': None,
}


def check_skipped(server, http):
    assert ask(server, '/alice/x', http=http) == (401, 'user-required', QUESTION)
    assert ask(server, '/alice/x', login('alice'), http=http) == (200, None, None)
    assert ask(server, '/alice/x', login('bob'), http=http) == (403, 'condition-not-met', None)
    assert ask(server, '/alice/x', login('alice', 'wrong'), http=http) == (401, 'user-required', QUESTION)
    assert ask(server, '/alice/x', login('alice'), None, http) == (403, 'no-certificate', None)
    assert ask(server, '/denied/x', login('alice'), http=http) == (403, 'denied-by-rule', None)
    assert ask(server, '/staff/x', http=http) == (200, None, None)


@test_each(*[(name,) for name in SKIPPING])
def test_a_section_that_skips_the_login_does_not_skip_the_user(name):
    """Nor does it ask for one for ever."""
    body = SKIPPING[name] or '<Directory "${DIR}/htdocs">\nAllowOverride AuthConfig\n</Directory>\n'
    require = EVERYWHERE if SKIPPING[name] else EVERYWHERE.replace('Location "/"', 'Directory "${DIR}/htdocs"').replace('Location', 'Directory')
    with users_server(require, body) as server:
        if not SKIPPING[name]:
            (server.docroot / 'alice/.htaccess').write_text('Require all granted\n')
        for http in '1.1', '2':
            check_skipped(server, http)


@test_each(('1.1',), ('2',))
def test_nobody_is_asked_for_an_error_page(http):
    """Its rule wants a user: then it is not shown, and the answer is what it was."""
    with users_server(EVERYWHERE, '  ErrorDocument 403 /any/x\n  ErrorDocument 404 /any/x\n') as server:
        for headers in None, login('alice', 'wrong'):
            assert ask(server, '/nowhere', headers, http=http) == (403, 'route-unknown', None)
            assert ask(server, '/public/missing', headers, http=http) == (404, None, None)


# ---------------------------------------------------------------- forms

FORM = '''
    AuthType form
    AuthName test
    AuthFormProvider file
    AuthUserFile "${DIR}/passwords"
    Session On
    SessionCookieName session path=/
'''
FORM_MODULES = ['auth_form', 'session', 'session_cookie', 'request']


def session(user, password='secret'):
    """What mod_session_cookie keeps of a login with a form."""
    return {'Cookie': f'session=test-user={user}&test-pw={password}'}


@test_each(('',), ('    AuthFormFakeBasicAuth On\n',))
def test_a_user_of_a_form(more):
    with users_server(REQUIRE.replace('    Require', FORM + more + '    Require'), modules=FORM_MODULES) as server:
        server.expect('AH01806|AH01807|AH01809')  # wrong passwords
        for http in '1.1', '2':
            assert ask(server, '/alice/x', http=http)[:2] == (401, 'user-required')
            assert ask(server, '/alice/x', session('alice'), http=http) == (200, None, None)
            assert ask(server, '/alice/x', session('bob'), http=http) == (403, 'condition-not-met', None)
            assert ask(server, '/alice/x', session('alice', 'wrong'), http=http)[:2] == (401, 'user-required')
            assert ask(server, '/alice/x', login('alice'), http=http)[:2] == (401, 'user-required')


@test_each(('1.1',), ('2',))
def test_a_login_elsewhere_is_logged(http):
    """A form that stands at another address: the answer leads there."""
    form = FORM + '    AuthFormLoginRequiredLocation https://api.example/login\n'
    with users_server(REQUIRE.replace('    Require', form + '    Require'), modules=FORM_MODULES) as server:
        assert ask(server, '/alice/x', http=http) == (302, 'user-required', None)
        assert ask(server, '/alice/x', session('alice'), http=http) == (200, None, None)
        assert ask(server, '/denied/x', http=http) == (403, 'denied-by-rule', None)


# ---------------------------------------------------------------- realms

CUSTOMERS = BASIC.replace('AuthName test', 'AuthName customers').replace('/passwords', '/customers')
BY_FORM = FORM.replace('/passwords', '/customers')
FALLING = '''
  <Directory "${DIR}/htdocs/any">
    DirectoryIndex disabled
    FallbackResource /alice/x
  </Directory>
  <FilesMatch "shtml$">
    Options +Includes
    SetOutputFilter INCLUDES
  </FilesMatch>
  RewriteEngine on
  RewriteRule "^/any/pt$" "/alice/x" [PT]
'''
REALM_PAGES = dict.fromkeys(('public/page.shtml', 'alice/page.shtml'), '<!--#config errmsg="REFUSED" -->' + ''.join(
    f'[<!--#include virtual="/{name}/x" -->]' for name in ('alice', 'any', 'alice', 'any')))


def realms_server(customers):
    """/any is for customers, /alice for staff; alice is the name of one of either, with passwords of their own."""
    body = f'<Location "/any">\n{customers}</Location>\n<Location "/alice">\n{BASIC}</Location>\n' + FALLING
    server = users_server(REQUIRE, body, ['include', 'dir', 'rewrite', *FORM_MODULES], REALM_PAGES)
    write_passwords(server, 'customers', {'alice': 'mine', 'carol': 'mine'})
    server.expect('unable to include|AH0180')
    return server


def included(server, headers, http, page='/public/page.shtml'):
    result = client(server, pki()['billing'], http, requests=[('GET', page, headers)], body=True)
    return result.bodies[0].replace(b'\n', b'').decode()


@test_each(('Basic', '1.1'), ('Basic', '2'), ('form', '1.1'), ('form', '2'))
def test_a_user_of_another_realm(kind, http):
    """Counts where it was authenticated, by AuthType and AuthName, and nowhere else."""
    customer = login('alice', 'mine') if kind == 'Basic' else session('alice', 'mine')
    staff, both = login('alice'), {**login('alice'), **session('alice', 'mine')}
    with realms_server(CUSTOMERS if kind == 'Basic' else BY_FORM) as server:
        assert ask(server, '/any/x', customer, http=http) == (200, None, None)
        assert ask(server, '/alice/x', staff, http=http) == (200, None, None)
        assert ask(server, '/alice/x', customer, http=http) == (401, 'user-required', QUESTION)
        assert ask(server, '/any/x', staff, http=http)[:2] == (401, 'user-required')
        assert ask(server, '/any/none', customer, http=http)[:2] == (401, 'user-required'), 'where the server goes on to staff'
        for headers in customer, staff, both:
            assert ask(server, '/any/pt', headers, http=http) == (403, 'user-required', None), 'who is asked there does not count here'
        assert included(server, customer, http) == '[REFUSED][any/x][REFUSED][any/x]'
        assert included(server, staff, http) == '[alice/x][REFUSED][alice/x][REFUSED]'
        if kind == 'form':
            assert included(server, both, http) == '[alice/x][any/x][alice/x][any/x]'
            assert ask(server, '/any/none', both, http=http) == (200, None, None)
            carol = {**staff, **session('carol', 'mine')}  # found on the way, she does not take the place of alice
            assert included(server, carol, http, '/alice/page.shtml') == '[alice/x][any/x][alice/x][any/x]'


# ---------------------------------------------------------------- names that are none

FROM_CERTIFICATE = {
    'SSLUserName': '  SSLUserName SSL_CLIENT_S_DN_CN\n',
    'SSLUserName of a location': '  <Location "/">\n  SSLUserName SSL_CLIENT_S_DN_CN\n  </Location>\n',
    'MtlsRemoteUser': '  MtlsRemoteUser on\n',
    'FakeBasicAuth': '  SSLOptions +FakeBasicAuth\n',
    'both': '  SSLOptions +FakeBasicAuth +StdEnvVars\n  SSLUserName SSL_CLIENT_S_DN_CN\n',
    'all three': '  SSLOptions +FakeBasicAuth\n  SSLUserName SSL_CLIENT_S_DN_CN\n  MtlsRemoteUser on\n',
}
GOING_ON = '''
  <Directory "${DIR}/htdocs/public">
    Options +Includes
    DirectoryIndex index.shtml
    ErrorDocument 404 /any/x
    ErrorDocument 401 /any/x
  </Directory>
  <FilesMatch "shtml$">
    SetOutputFilter INCLUDES
  </FilesMatch>
  RewriteEngine on
  RewriteRule "^/public/pt$" "/any/x" [PT]
'''
LATER = f'<Location "/any">{BASIC}</Location>\n<Location "/alice">{BASIC}</Location>\n'
INCLUDING = '<!--#config errmsg="REFUSED" -->[<!--#include virtual="/any/x" -->]'


@functools.cache
def faked():
    """A client whose subject, common name, identity and principal are in the password file, each with mod_ssl's password."""
    return pki().add('faked', 'corp-int', cn='faked', uri='spiffe://corp.example/faked', eku='client')


def attempt(server, path, headers=None, http='1.1', **options):
    return client(server, faked(), http, requests=[('GET', path, headers or {})], body=True, **options)


def check_no_user(server, refused, **options):
    mark = server.mark()
    assert attempt(server, '/any/x', **options).status == refused
    assert attempt(server, '/public/pt', **options).status == refused
    assert reasons(server, mark) == ['user-required'] * 2, denials(server, mark)
    for page, body in ('/public/', b'[REFUSED]'), ('/public/page.shtml', b'[REFUSED][REFUSED]'):
        result = attempt(server, page, **options)
        assert (result.statuses, result.bodies) == ([200], [body]), (page, result)
    missing = attempt(server, '/public/missing', **options)
    assert missing.status == 404 and b'any/x' not in missing.bodies[0], missing
    for user in 'faked', '/CN=faked', 'spiffe:spiffe://corp.example/faked':
        result = attempt(server, '/any/x', login(user, 'wrong'), **options)
        assert result.status in (401, 403), (user, result)


GUARDS = {'everywhere': (REQUIRE.replace('    Require', BASIC + '    Require'), 401), 'nowhere': (REQUIRE, 403), 'later': (REQUIRE + LATER, 401)}


@test_each(*[(kind,) for kind in FROM_CERTIFICATE])
def test_the_certificate_is_no_user(kind):
    """Neither on the client's own path nor where the server goes on to, wherever a password is asked for."""
    pages = {'public/index.shtml': INCLUDING, 'public/page.shtml': INCLUDING + INCLUDING}
    more = ''.join(guarded(users_policy(), FROM_CERTIFICATE[kind] + GOING_ON, require=require, port=f'${{PORT{number}}}')
                   for number, (require, _) in list(enumerate(GUARDS.values(), 1))[1:])
    with users_server(GUARDS['everywhere'][0], FROM_CERTIFICATE[kind] + GOING_ON, ['include', 'dir', 'rewrite'], pages, more, ports=len(GUARDS)) as server:
        server.expect('unable to include')
        for port, (_, refused) in zip(server.ports, GUARDS.values()):
            for http in '1.1', '2':
                check_no_user(server, refused, http=http, port=port)


@test_each(*[(kind,) for kind in FROM_CERTIFICATE])
def test_a_user_beside_the_certificate(kind):
    """The client's own credentials count, unless mod_ssl has put its own in their place; those never do."""
    fakes = 'FakeBasicAuth' in FROM_CERTIFICATE[kind]
    with users_server(body=FROM_CERTIFICATE[kind]) as server:
        for http in '1.1', '2':
            result = attempt(server, '/any/x', login('alice'), http=http)
            assert result.status in ((200, 401) if fakes else (200,)), (kind, result)
            for user in 'faked', '/CN=faked':  # what mod_ssl would write
                status = attempt(server, '/any/x', login(user, 'password'), http=http).status
                assert status in (401, 403) if fakes or user[0] == '/' else status == 200, (kind, user, status)


@test_each(('1.1',), ('2',))
def test_a_user_on_a_later_path(http):
    """A page that needs no user goes on to one that does and asks for itself."""
    pages = {'public/index.shtml': INCLUDING * 2, 'public/alice.shtml': INCLUDING.replace('/any/', '/alice/') + INCLUDING}
    with users_server(REQUIRE + LATER, GOING_ON, ['include', 'dir', 'rewrite'], pages) as server:
        server.expect('unable to include')
        for headers, fine in (login('alice'), True), (login('alice', 'wrong'), False), ({}, False):
            shown = [b'any/x\n' if fine else b'REFUSED'] * 2
            result = client(server, pki()['billing'], http, requests=[('GET', '/public/', headers)], body=True)
            assert (result.statuses, result.bodies) == ([200], [b'[%s][%s]' % tuple(shown)]), (headers, result)
        for user, shown in ('alice', b'[alice/x\n][any/x\n]'), ('bob', b'[REFUSED][any/x\n]'):
            result = client(server, pki()['billing'], http, requests=[('GET', '/public/alice.shtml', login(user))], body=True)
            assert (result.statuses, result.bodies) == ([200], [shown]), (user, result)
        assert ask(server, '/public/pt', login('alice'), http=http)[0] == 200
        assert ask(server, '/public/pt', http=http) == (401, 'user-required', QUESTION)


# ---------------------------------------------------------------- REMOTE_USER

TENANT = {'issuer': 'corp', 'spiffe': 'spiffe://corp.example/tenant/{tenant}/app'}
TENANT_PRINCIPAL = 'spiffe:spiffe://corp.example/tenant/acme/app'
REMOTE = '<Location "/">\n  MtlsRemoteUser on\n</Location>\n'
PLACES = {  # configuration, and who is REMOTE_USER for billing at /staff/x
    'on for the server': ('MtlsRemoteUser on\n', 'billing'), 'off': ('MtlsRemoteUser off\n', None), 'unset': ('', None),
    'on': (REMOTE, 'billing'), 'off further in': (REMOTE + '<Location "/staff">\nMtlsRemoteUser off\n</Location>\n', None),
    'off elsewhere': (REMOTE + '<Location "/any">\nMtlsRemoteUser off\n</Location>\n', 'billing'),
    'on further in': ('MtlsRemoteUser off\n<Location "/staff">\nMtlsRemoteUser on\n</Location>\n', 'billing'),
    'in a directory': ('<Directory "${DIR}/htdocs/staff">\nMtlsRemoteUser on\n</Directory>\n', 'billing'),
    'elsewhere': ('<Location "/any">\nMtlsRemoteUser on\n</Location>\n', None),
    'another directive further in': (REMOTE + '<Location "/staff">\nRequire mtls-identity billing\n</Location>\n', 'billing'),
}
SHOW_USER = '  Header always set X-User "expr=<%{REMOTE_USER}>"\n  CustomLog "${DIR}/user.log" "%u"\n'


def remote_policy():
    made = document(('/staff/{x}', '/cgi/{x}'))
    made['identities']['tenants'] = TENANT
    made['routes']['known'] = route('/known/{x}')
    made['rules']['tenants'] = allow(['tenants'], 'order')
    made['rules']['of-corp'] = allow(['issuer:corp'], 'known', acknowledge=['issuer:corp'])
    return policy('remote', made)


@test
def test_where_the_remote_user_is_set():
    config = ''.join(guarded(remote_policy(), SHOW_USER.replace('user.log', f'user-{number}.log') + body, port=f'${{PORT{number}}}')
                     for number, (body, _) in enumerate(PLACES.values(), 1))
    with mtls_server(config, ['headers'], ['staff/x'], ports=len(PLACES)) as server:
        for number, (name, (_, wanted)) in enumerate(PLACES.items(), 1):
            for http in '1.1', '2':
                result = client(server, pki()['billing'], http, requests=['/staff/x'], headers=['X-User'], port=server.ports[number - 1])
                assert result.headers == [{'x-user': [f'<{wanted or ""}>']}], (name, result)
            assert (server.dir / f'user-{number}.log').read_text().split() == [wanted or '-'] * 2, name


@test_each(('1.1',), ('2',))
def test_who_the_remote_user_is(http):
    script = '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n<$REMOTE_USER>"\n'
    body = SHOW_USER + REMOTE + 'ScriptAlias "/cgi/" "${DIR}/htdocs/cgi/"\n'
    tenant = pki().add('tenant', 'corp-int', uri='spiffe://corp.example/tenant/acme/app', eku='client')
    config = 'ScriptSock "${DIR}/run/cgisock"\n' + guarded(remote_policy(), body)
    with mtls_server(config, ['headers', 'alias', 'cgid'], ['staff/x', 'known/x', 'health', 'cgi/x']) as server:
        (server.docroot / 'cgi/x').write_text(script)
        (server.docroot / 'cgi/x').chmod(0o755)
        forged = {'Authorization': login('root')['Authorization'], 'Remote-User': 'root', 'REMOTE_USER': 'root'}
        cases = ((pki()['billing'], '/staff/x', 'billing'), (pki()['billing'], '/health', ''), (tenant, '/staff/x', TENANT_PRINCIPAL),
                 (pki()['unknown'], '/known/x', ''), (pki()['billing'], '/known/x', 'billing'), (None, '/health', ''))
        for (tls, resume), (cert, path, user) in itertools.product(KINDS, cases):
            result = client(server, cert, http, tls, resume, [('GET', path, forged)], headers=['X-User'])
            assert (result.statuses, result.headers) == ([200], [{'x-user': [f'<{user}>']}]), (path, user, result)
        result = client(server, tenant, http, requests=[('GET', '/cgi/x', forged)], body=True)
        assert result.bodies == [f'<{TENANT_PRINCIPAL}>'.encode()], result


@test
def test_remote_user_replaces_a_login():
    """The login counts for the policy, whoever REMOTE_USER is then."""
    with users_server(body='  MtlsRemoteUser on\n' + SHOW_USER, modules=['headers']) as server:
        for path, status in ('/alice/x', 200), ('/any/x', 200), ('/staff/x', 200), ('/denied/x', 403):
            result = client(server, pki()['billing'], requests=[('GET', path, login('alice'))] * 2, headers=['X-User'])
            assert result.statuses == [status] * 2, result
            assert status != 200 or result.headers == [{'x-user': ['<billing>']}] * 2, result


@test_each(('If "true"',), ('Limit GET',), ('LimitExcept GET',))
def test_remote_user_has_no_condition(container):
    body = f'<Location "/">\n<{container}>\nMtlsRemoteUser on\n</{container.split()[0]}>\n</Location>\n'
    said = mtls_server(guarded(remote_policy(), body)).refuses_to_start()
    assert f'MtlsRemoteUser cannot stand in <{container.split()[0]}>' in said, said


@test
def test_remote_user_not_in_htaccess():
    body = SHOW_USER + '<Directory "${DIR}/htdocs">\nAllowOverride All\n</Directory>\n'
    with mtls_server(guarded(remote_policy(), body), ['headers'], ['staff/x']) as server:
        (server.docroot / 'staff/.htaccess').write_text('MtlsRemoteUser on\n')
        server.expect('MtlsRemoteUser')
        result = client(server, pki()['billing'], requests=['/staff/x'], headers=['X-User'])
        assert result.status == 500 and 'MtlsRemoteUser' in server.log_since(), result


if __name__ == '__main__':
    main()
