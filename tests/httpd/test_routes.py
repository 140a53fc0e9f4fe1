#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Routes that take more than the plain request (preflight, expects) or only what the server itself goes on to (internal)."""

from backend import Backend
from harness import client, main, test_each
from policies import allow, denials, document, guarded, mtls_server, pki, policy, raw, reasons, route

ASKS = {'Origin': 'https://app.example', 'Access-Control-Request-Method': 'POST'}
OVERRIDES = ('X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-URL')


def ask(server, method, path, headers=None, who='billing', http='1.1', **options):
    """(status, the reason logged)."""
    mark = server.mark()
    result = client(server, pki()[who] if who else None, http, requests=[(method, path, headers or {})], **options)
    return result.status, (reasons(server, mark) or [None])[0]


# ---------------------------------------------------------------- preflight and overriding headers

def headers_policy():
    made = document(())
    made['routes'] = {
        'pre': {**route('/pre/{x}', '/api/{x}', methods=['GET', 'POST']), 'preflight': True}, 'own': route('/own/{x}', methods=['GET', 'OPTIONS']),
        'plain': route('/plain/{x}'), 'over': {**route('/over/{x}'), 'expects': ['method-override']}, 'health': route('/health')}
    made['rules'] = {'reads': allow(['billing'], 'pre', 'own', 'plain', 'over'), 'health': allow(['everyone'], 'health')}
    return policy('headers', made)


def check_preflight(server, http):
    """Without a certificate: only what a browser would send first, and only for the route that says so."""
    for path in '/pre/x', '/api/x':
        assert ask(server, 'OPTIONS', path, ASKS, None, http) == (200, None)
        assert ask(server, 'OPTIONS', path, ASKS, 'auditor', http) == (200, None)
        for name in ASKS:
            assert ask(server, 'OPTIONS', path, {name: ASKS[name]}, None, http) == (403, 'method-not-on-route'), name
        for method in 'GET', 'POST':
            assert ask(server, method, path, ASKS, None, http) == (403, 'no-certificate')
        assert ask(server, 'options', path, ASKS, None, http) == (403, 'method-not-on-route')
        assert ask(server, 'OPTIONS', path, None, 'billing', http) == (403, 'method-not-on-route')
        for name in OVERRIDES:
            assert ask(server, 'OPTIONS', path, {**ASKS, name: 'DELETE'}, None, http) == (403, 'method-override'), name
    assert ask(server, 'OPTIONS', '/own/x', ASKS, None, http) == (403, 'no-certificate')
    assert ask(server, 'OPTIONS', '/own/x', ASKS, 'billing', http) == (200, None)
    assert ask(server, 'OPTIONS', '/plain/x', ASKS, None, http) == (403, 'method-not-on-route')
    assert ask(server, 'OPTIONS', '/nowhere', ASKS, None, http) == (403, 'route-unknown')
    assert ask(server, 'OPTIONS', '*', ASKS, None, http) == (403, 'method-unsupported')


@test_each(('1.1',), ('2',))
def test_preflight(http):
    with Backend() as backend:
        body = f'  ProxyPass "/api/" "http://127.0.0.1:{backend.port}/api/"\n'
        with mtls_server(guarded(headers_policy(), body), ['proxy', 'proxy_http'], ['pre/x', 'own/x', 'plain/x']) as server:
            check_preflight(server, http)
            assert {request.line for request in backend.requests} == {b'OPTIONS /api/x HTTP/1.1'}, backend.requests
            assert all(request.header('origin') == [b'https://app.example'] for request in backend.requests)


@test_each(('1.1',), ('2',))
def test_preflight_on_a_later_path(http):
    """A path that the server goes on to is asked with the same headers; an error page is not."""
    body = '''
  RewriteEngine on
  RewriteRule "^/pre/on$" "/pre/x" [PT]
  RewriteRule "^/pre/plain$" "/plain/x" [PT]
  ErrorDocument 404 /pre/x
'''
    with mtls_server(guarded(headers_policy(), body), ['rewrite'], ['pre/x', 'plain/x']) as server:
        assert ask(server, 'OPTIONS', '/pre/on', ASKS, None, http) == (200, None)
        assert ask(server, 'OPTIONS', '/pre/plain', ASKS, None, http) == (403, 'method-not-on-route')
        assert ask(server, 'OPTIONS', '/pre/on', None, None, http) == (403, 'method-not-on-route')
        assert ask(server, 'GET', '/pre/on', ASKS, None, http) == (403, 'no-certificate')


@test_each(('1.1',), ('2',))
def test_preflight_and_names_on_the_line(http):
    """Where the line asks for names, everyone is not enough."""
    require = '<Location "/">\nRequire mtls-identity billing\n</Location>\n'
    with mtls_server(guarded(headers_policy(), require=require), files=['pre/x']) as server:
        assert ask(server, 'OPTIONS', '/pre/x', ASKS, None, http) == (403, 'no-certificate')
        assert ask(server, 'OPTIONS', '/pre/x', ASKS, 'billing', http) == (200, None)


@test_each(('1.1', ''), ('2', ''), ('1.1', 'unset'), ('2', 'unset'))
def test_headers_that_name_another_method(http, early):
    """What the client sent is what counts, also when the server takes it away."""
    body = ''.join(f'  RequestHeader unset {name} early\n' for name in OVERRIDES) if early else ''
    with mtls_server(guarded(headers_policy(), body), ['headers'], ['plain/x', 'over/x', 'health']) as server:
        for name in OVERRIDES:
            for spelled in name, name.lower(), name.upper(), name.replace('-', '_'), name.replace('-', '_', 1):
                for value in 'DELETE', 'GET', '/admin', '':
                    assert ask(server, 'GET', '/plain/x', {spelled: value}, http=http) == (403, 'method-override'), (spelled, value)
            assert ask(server, 'GET', '/health', {name: 'GET'}, None, http) == (403, 'method-override'), name
            assert ask(server, 'GET', '/over/x', {name: 'DELETE'}, http=http) == (200, None), name
            assert ask(server, 'GET', '/over/x', {name: 'DELETE'}, None, http) == (403, 'no-certificate'), name
        assert ask(server, 'GET', '/plain/x', {'X-HTTP-Methods': 'DELETE', 'X-Forwarded-Method': 'PUT'}, http=http) == (200, None)


# ---------------------------------------------------------------- classes of paths

CLASSES = {  # what follows the route's own prefix
    'encoded-slash': ['/a%2Fb', '/a%2fb'], 'backslash': ['/a%5Cb', '/a\\b'], 'parameters': ['/a;v=1', '/a%3Bv=1', '/a;v/b'],
    'empty-segments': ['//a', '/a//b'], 'dot-segments': ['/./a', '/x/../a', '/%2e/a', '/x/%2E%2e/a'], 'percent': ['/a%25b', '/a%25'],
}
NEVER = ['/..;/a', '/x/..;v/a', '/..%3B/a', '/a%00', '/a%0d', '/a%2541', '/a%252Fb', '/%ff', '/a%zz', '/a%7f']
MODES = {'on': '  AllowEncodedSlashes On\n', 'nodecode': '  AllowEncodedSlashes NoDecode\n'}


def expects_policy():
    made = document(())
    hosts = [f'{mode}-{proxy}.example' for mode in MODES for proxy in ('canon', 'nocanon')]
    made['routes'], everything = {}, []
    for name in CLASSES:
        others = [other for other in CLASSES if other != name]
        made['routes'][f'yes-{name}'] = {**route(f'/yes-{name}/**', hosts=hosts), 'expects': [name]}
        made['routes'][f'no-{name}'] = {**route(f'/no-{name}/**', hosts=hosts), 'expects': others}
        everything.append(name)
    made['routes']['all'] = {**route('/all/**', hosts=hosts), 'expects': everything}
    made['rules'] = {'reads': allow(['billing'], *made['routes'])}
    return policy('expects', made)


def expects_server(backend):
    path, address = expects_policy(), f'http://127.0.0.1:{backend.port}/'
    config = 'MaxKeepAliveRequests 0\n' + ''.join(
        guarded(path, f'{text}  MergeSlashes Off\n  ProxyPass "/" "{address}"{option}\n', name=f'{mode}-{proxy}.example')
        for mode, text in MODES.items() for proxy, option in (('canon', ''), ('nocanon', ' nocanon')))
    server = mtls_server(config, modules=['proxy', 'proxy_http'])
    server.expect('AH00128|AH10244|AH00026|AH02429|AH01136|AH10508')  # paths that httpd itself cannot read
    return server


def arrived(server, backend, host, http, path):
    """(status, reason, what the backend got)."""
    backend.clear()
    status, reason = ask(server, 'GET', path, http=http, host=host, sni='')
    return status, reason, [request.target.decode('latin-1') for request in backend.requests]


def proxied(tail):
    """What mod_proxy makes of the paths above before it sends them on, unless told `nocanon`. It escapes %2F once more."""
    for dots in '/x/../', '/x/%2E%2e/', '/./', '/%2e/':
        tail = tail.replace(dots, '/')
    return tail.replace('%3B', ';').replace('\\', '%5C').replace('%2F', '%252F').replace('%2f', '%252f')


def check_expected(server, backend, host, http, name, tail):
    wanted = (200, None, [f'/yes-{name}' + (tail if '-nocanon' in host else proxied(tail))])
    if name == 'encoded-slash' and host.startswith('on-'):  # httpd reads it as a slash then, which the policy does not
        wanted = (403, 'ambiguous-path', [])
    for path, answer in (f'/yes-{name}{tail}', wanted), (f'/no-{name}{tail}', (403, 'ambiguous-path', [])):
        found = arrived(server, backend, host, http, path)
        assert found == answer, (host, path, found, answer)


@test_each(('1.1',), ('2',))
def test_unusual_paths_only_where_they_are_expected(http):
    with Backend() as backend, expects_server(backend) as server:
        for host in (f'{mode}-{proxy}.example' for mode in MODES for proxy in ('canon', 'nocanon')):
            for name, tails in CLASSES.items():
                for tail in tails:
                    check_expected(server, backend, host, http, name, tail)
            for tail in NEVER:
                status, reason, targets = arrived(server, backend, host, http, f'/all{tail}')
                assert status in (400, 403, 404) and reason in ('ambiguous-path', None) and not targets, (host, tail, status, reason)


# ---------------------------------------------------------------- internal routes

INTERNAL = '''
  RewriteEngine on
  RewriteRule "^/in/pt$" "/internal/x" [PT]
  RewriteRule "^/in/pt-error$" "/errors/x" [PT]
  RewriteRule "^/in/pt-closed$" "/closed/x" [PT]
  <Directory "${DIR}/htdocs/in">
    Options +Includes
    DirectoryIndex index-in.html
    RewriteEngine on
    RewriteRule "^per-dir$" "/internal/x"
  </Directory>
  <Directory "${DIR}/htdocs/fall">
    FallbackResource /internal/x
  </Directory>
  <FilesMatch "shtml$">
    Options +Includes
    SetOutputFilter INCLUDES
  </FilesMatch>
  <Location "/to-error">
    ErrorDocument 403 /errors/x
    ErrorDocument 404 /errors/x
  </Location>
  <Location "/to-internal">
    ErrorDocument 403 /internal/x
    ErrorDocument 404 /internal/x
  </Location>
  <Location "/to-public">
    ErrorDocument 403 /public/x
    ErrorDocument 404 /public/x
  </Location>
  <Location "/to-closed">
    ErrorDocument 403 /closed/x
    ErrorDocument 404 /closed/x
  </Location>
  <Location "/to-page">
    ErrorDocument 403 /errors/page.shtml
    ErrorDocument 404 /errors/page.shtml
  </Location>
'''
ERRORS = ('to-error', 'to-internal', 'to-public', 'to-closed', 'to-page')
INCLUDES = '<!--#config errmsg="REFUSED" -->' + ''.join(f'[<!--#include virtual="/{name}/x" -->]' for name in ('internal', 'errors', 'public', 'closed'))
FILES = ('internal/x', 'errors/x', 'public/x', 'closed/x', 'in/index-in.html', 'fall/here')


def internal_policy(**changes):
    made = document(())
    made['routes'] = {
        'in': route('/in/**', '/fall/**', *(f'/{name}/allowed' for name in ERRORS)), 'posts': route('/in/pt', methods=['GET', 'POST']),
        'internal': {**route('/internal/**', '/in/index-in.html'), 'internal': True},
        'errors': {**route('/errors/**'), 'internal': 'error'}, 'public': route('/public/{x}'), 'closed': route('/closed/{x}')}
    made['rules'] = {'in': allow(['billing'], 'in', 'posts'), 'closed': allow(['shipping'], 'closed'), 'public': allow(['everyone'], 'public'),
                     'all': allow(['auditor'], '*')}
    made.update(changes)
    return policy('internal', made)


def internal_server():
    server = mtls_server(guarded(internal_policy(), INTERNAL), ['rewrite', 'dir', 'include'], FILES)
    server.expect('unable to include')
    (server.docroot / 'in/page.shtml').write_text(INCLUDES)
    (server.docroot / 'errors/page.shtml').write_text(INCLUDES)
    return server


def shown(server, path, http='1.1', who='billing', method='GET'):
    mark = server.mark()
    result = client(server, pki()[who] if who else None, http, requests=[f'{method} {path}'], body=True)
    return result.status, result.bodies[0], reasons(server, mark)


@test_each(('1.1',), ('2',))
def test_internal_routes_are_no_clients(http):
    with internal_server() as server:
        for who in 'billing', 'auditor', None:
            for path in '/internal/x', '/internal/none', '/errors/x', '/errors/page.shtml', '/in/index-in.html':
                for method in 'GET', 'HEAD':
                    status, body, logged = shown(server, path, http, who, method)
                    assert (status, logged) == (403, ['route-unknown']) and path[1:].encode() not in body, (who, path, status, logged)
        assert denials(server)[0]['route'] == '-', denials(server)[0]


@test_each(('1.1',), ('2',))
def test_internal_routes_need_no_rule(http):
    """From a path that the client was allowed."""
    with internal_server() as server:
        for path in '/in/pt', '/in/per-dir', '/fall/none':
            assert shown(server, path, http) == (200, b'internal/x\n', []), path
            status, body, logged = shown(server, path, http, None)
            assert (status, logged) == (403, ['no-certificate']) and b'internal' not in body, path
        assert shown(server, '/in/', http) == (200, b'in/index-in.html\n', [])
        assert shown(server, '/in/page.shtml', http)[:2] == (200, b'[internal/x\n][REFUSED][public/x\n][REFUSED]')
        for path in '/in/pt-error', '/in/pt-closed':
            status, body, logged = shown(server, path, http)
            assert (status, logged) == (403, ['route-unknown' if 'error' in path else 'no-rule']) and b'/x\n' not in body, (path, logged)
        mark = server.mark()  # with the method it runs with, which the route lacks
        assert client(server, pki()['billing'], http, requests=['POST /in/pt content-length: 0']).status == 403
        assert reasons(server, mark) == ['method-not-on-route'], denials(server, mark)


@test_each(('1.1',), ('2',))
def test_what_is_told_of_a_later_path(http):
    """All is about the client's own path, but where another failed: then reason and log line are about that."""
    show = '  Header always set X-Told "%{MTLS_ROUTE}e %{MTLS_REASON}e %{MTLS_IDENTITY}e %{MTLS_ISSUER}e"\n'
    with mtls_server(guarded(internal_policy(), INTERNAL + show), ['rewrite', 'dir', 'include', 'headers'], FILES) as server:
        for path, status, told in (('/in/pt', 200, 'posts allowed billing corp'), ('/in/pt-closed', 403, 'in no-rule billing corp')):
            result = client(server, pki()['billing'], http, requests=[path], headers=['X-Told'])
            assert (result.statuses, result.headers) == ([status], [{'x-told': [told]}]), (path, result)
        found, = denials(server)
        assert (found['path'], found['route'], found['reason']) == ('"/closed/x"', 'closed', 'no-rule'), found


# requests that httpd answers before any module is asked: with the host known, and before it knows that much
UNRECORDED = {417: b'GET /in/x HTTP/1.1\r\nHost: api.example\r\nExpect: x\r\nConnection: close\r\n\r\n',
              400: b'GET /in/x HTTP/1.1\r\nHost: api.example\r\nno header\r\n\r\n'}


@test_each((417, 'errors/x', True), (417, 'public/x', True), (417, 'internal/x', False), (417, 'closed/x', False),
           (400, 'errors/x', False), (400, 'public/x', False))
def test_error_pages_of_what_was_never_recorded(status, page, is_shown):
    with mtls_server(guarded(internal_policy(), f'  ErrorDocument {status} /{page}\n'), files=FILES) as server:
        answer = raw(server, UNRECORDED[status])
        assert answer.startswith(f'HTTP/1.1 {status} '.encode()) and (f'{page}\n'.encode() in answer) == is_shown, answer


@test_each(('1.1',), ('2',))
def test_what_is_told_of_an_error_page(http):
    """Whether it is shown or not: what was decided of the request that it is shown for."""
    show = '  Header always set X-Told "%{MTLS_DECISION}e %{MTLS_REASON}e"\n  CustomLog "${DIR}/told.log" "%{MTLS_DECISION}e %{MTLS_REASON}e"\n'
    with mtls_server(guarded(internal_policy(), INTERNAL + show), ['rewrite', 'dir', 'include', 'headers'], FILES) as server:
        answers = []
        for place in 'to-error', 'to-internal', 'to-closed':
            for who, path, status, told in (
                    ('billing', 'refused', 403, 'deny route-unknown'), ('billing', 'allowed', 404, 'allow allowed'),
                    (None, 'allowed', 403, 'deny no-certificate'), ('shipping', 'allowed', 403, 'deny no-rule')):
                result = client(server, pki()[who] if who else None, http, requests=[f'/{place}/{path}'], headers=['X-Told'])
                assert (result.statuses, result.headers) == ([status], [{'x-told': [told]}]), (who, place, path, result)
                answers.append(told)
        server.wait_at_rest()
        assert (server.dir / 'told.log').read_text().splitlines() == answers


@test_each(('1.1',), ('2',))
def test_the_same_path_come_to_in_two_ways(http):
    """What is for error pages is not for what the server goes on to, nor the other way round, within one request."""
    body = INTERNAL + '''
  <Location "/in">
    ErrorDocument 403 /errors/x
    ErrorDocument 412 /internal/x
  </Location>
  <Directory "${DIR}/htdocs/in">
    DirectoryIndex /errors/x
  </Directory>
'''
    with mtls_server(guarded(internal_policy(), body), ['rewrite', 'dir', 'include'], FILES) as server:
        assert shown(server, '/in/', http) == (403, b'errors/x\n', ['route-unknown'])
        result = client(server, pki()['billing'], http, requests=[('GET', '/in/pt', {'If-Match': '"another"'})], body=True)
        assert result.status == 412 and b'internal/x\n' not in result.bodies[0], result


PAGES = {'to-error': b'errors/x\n', 'to-internal': None, 'to-public': b'public/x\n', 'to-closed': None,
         'to-page': b'[REFUSED][errors/x\n][public/x\n][REFUSED]'}


@test_each(*[(name, http) for name in PAGES for http in ('1.1', '2')])
def test_which_error_pages_are_shown(name, http):
    """With the status of the first refusal; an error page that goes on is held to the same."""
    with internal_server() as server:
        for who, path, status in (('billing', 'refused', 403), ('billing', 'allowed', 404), (None, 'refused', 403), (None, 'allowed', 403)):
            found, body, logged = shown(server, f'/{name}/{path}', http, who)
            assert found == status, (path, found)
            if PAGES[name] is None:
                assert b'/x\n' not in body and b'REFUSED' not in body, (path, body)
            else:
                assert body == PAGES[name], (path, body)
            first = [] if status == 404 else ['route-unknown' if path == 'refused' else 'no-certificate']
            assert logged == first, (path, logged)


if __name__ == '__main__':
    main()
