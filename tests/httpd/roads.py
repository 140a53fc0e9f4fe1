# SPDX-License-Identifier: Apache-2.0
"""One server with every road that httpd takes from a request to what it serves.

Of each road the policy allows the client's side, what is called fine on the far side, and nothing called secret.
"""

import atexit
import functools
import re

from backend import Backend
from harness import vhost
from policies import REQUIRE, allow, document, guarded, mtls_server, pki, policy, route
from rows import BY_A_LOOKUP, HTTPD, MARKED, Row, refused, served

SECTIONS = {'Location': REQUIRE, 'Directory': REQUIRE.replace('Location "/"', 'Directory "${DIR}/htdocs"').replace('Location', 'Directory')}
MPMS = ('event', 'worker', 'prefork')
# HTTP/2 does not exist under prefork
COMBINATIONS = [(section, mpm, http) for section in SECTIONS for mpm in MPMS for http in ('1.1', '2') if (mpm, http) != ('prefork', '2')]

# ---------------------------------------------------------------- from one path to another

GOING_ON = '''
  Options +Includes +MultiViews
  RewriteEngine on
  RewriteRule "^/pt\\.txt$" "/secret.txt" [PT]
  RewriteRule "^/pt-fine\\.txt$" "/fine.txt" [PT]
  RewriteRule "^/mapped\\.txt$" "${DIR}/htdocs/secret.txt"
  RewriteRule "^/mapped-too\\.txt$" "/secret.txt"
  Alias "/alias.txt" "${DIR}/htdocs/secret.txt"
  ScriptAlias "/cgi/" "${DIR}/htdocs/cgi/"
  <Directory "${DIR}/htdocs/perdir">
    RewriteEngine on
    RewriteRule "^a\\.txt$" "/secret.txt"
    RewriteRule "^same\\.txt$" "secret.txt"
    RewriteRule "^fine\\.txt$" "/fine.txt"
    RewriteRule "^pt\\.txt$" "/secret.txt" [PT]
    RewriteRule "^pt-fine\\.txt$" "/fine.txt" [PT]
  </Directory>
  <Directory "${DIR}/htdocs/by-htaccess">
    AllowOverride All
  </Directory>
  <Directory "${DIR}/htdocs/index">
    DirectoryIndex secret-index.html
  </Directory>
  <Directory "${DIR}/htdocs/second">
    DirectoryIndex not-there.html secret-1.html
  </Directory>
  <Directory "${DIR}/htdocs/post">
    DirectoryIndex page.html
  </Directory>
  <Directory "${DIR}/htdocs/fall">
    FallbackResource /secret.txt
  </Directory>
  <Directory "${DIR}/htdocs/fall-fine">
    FallbackResource /fine.txt
  </Directory>
  <Directory "${DIR}/htdocs/errors">
    ErrorDocument 404 /secret.txt
    ErrorDocument 403 /secret.txt
  </Directory>
  <Directory "${DIR}/htdocs/fine-errors">
    ErrorDocument 404 /fine.txt
    ErrorDocument 403 /fine.txt
  </Directory>
  <FilesMatch "\\.shtml$">
    SetOutputFilter INCLUDES
  </FilesMatch>
'''
SIDES = ['/pt.txt', '/pt-fine.txt', '/mapped.txt', '/mapped-too.txt', '/alias.txt', '/perdir/a.txt', '/perdir/same.txt',
         '/perdir/fine.txt', '/perdir/pt.txt', '/perdir/pt-fine.txt', '/index/', '/second/', '/second/not-there.html', '/fall/x', '/fall-fine/x', '/errors/missing',
         '/fine-errors/missing', '/fine.txt', '/virtual.shtml', '/file.shtml', '/fine.shtml', '/sizes.shtml', '/negotiated',
         '/chosen', '/chosen.txt', '/cgi/secret', '/cgi/fine', '/by-htaccess/a.txt', '/by-htaccess/fine.txt', '/by-htaccess/pt.txt',
         '/by-htaccess/missing', '/by-htaccess/']
FILES = ['secret.txt', 'dark.txt', 'fine.txt', 'perdir/secret.txt', 'index/secret-index.html', 'second/secret-1.html', 'fall/here', 'fall-fine/here',
         'errors/here', 'fine-errors/here', 'post/page.html', 'negotiated.txt', 'chosen.txt']

LOOKUPS = ''.join(f'[<!--#fsize virtual="/fine.txt{pad}" -->][<!--#fsize virtual="/dark.txt" -->]'
                  for pad in ('', *('?' + 'x' * n for n in range(4, 60, 8))))
PAGES = {
    'virtual.shtml': '[<!--#include virtual="/secret.txt" -->][<!--#include virtual="/fine.txt" -->]',
    'file.shtml': '[<!--#include file="secret.txt" -->][<!--#include file="fine.txt" -->]',
    'fine.shtml': '[<!--#include virtual="/fine.txt" -->]',
    # all lookups live in the same memory, one after the other: names as long as each other, and then with padding
    'sizes.shtml': '<!--#config sizefmt="bytes" -->' + LOOKUPS + LOOKUPS.replace('#fsize virtual="/dark', '#include virtual="/dark'),
    'exec.shtml': '[<!--#exec cgi="/cgi/dark" -->][<!--#exec cgi="/cgi/printing" -->][<!--#include virtual="/cgi/dark" -->]',
}
HEADS = {'secret': 'Location: /secret.txt\n\n', 'fine': 'Location: /fine.txt\n\n'}
SCRIPTS = {name: HEADS.get(name, f'Content-Type: text/plain\n\n{name}\n') for name in ('secret', 'fine', 'dark', 'printing', 'handler')}

# what the client gets of each; mappings are no other paths: there the client's own path is what counts
BETWEEN_PATHS = [
    served('/fine.txt', b'fine.txt\n'),
    refused('/secret.txt'),
    refused('/perdir/a.txt'),
    refused('/perdir/same.txt'),
    served('/perdir/fine.txt', b'fine.txt\n'),
    refused('/perdir/pt.txt'),
    served('/perdir/pt-fine.txt', b'fine.txt\n'),
    refused('/index/', BY_A_LOOKUP),
    refused('/second/', BY_A_LOOKUP),
    refused('/fall/x', BY_A_LOOKUP),
    served('/fall-fine/x', b'fine.txt\n'),
    Row('/errors/missing', 404),                       # the page is refused, the request is not
    refused('/errors/unknown'),
    Row('/fine-errors/missing', 404, b'fine.txt\n'),
    Row('/fine-errors/unknown', 403, b'fine.txt\n', 'route-unknown'),
    served('/virtual.shtml', b'[REFUSED][fine.txt\n]'),
    served('/file.shtml', b'[REFUSED][fine.txt\n]'),
    served('/sizes.shtml', b'[9][REFUSED]' * 16),
    served('/exec.shtml', b'[REFUSED][printing\n][REFUSED]'),
    refused('/pt.txt'),
    served('/pt-fine.txt', b'fine.txt\n'),
    served('/mapped.txt', b'secret.txt\n'),
    served('/mapped-too.txt', b'secret.txt\n'),
    served('/alias.txt', b'secret.txt\n'),
    Row('/negotiated', 404),                           # httpd says that there is no such variant
    served('/chosen', b'chosen.txt\n'),
    refused('/cgi/secret'),                            # the script says Location
    served('/cgi/fine', b'fine.txt\n'),
    refused('POST /post/', 'method-not-on-route', headers={'Content-Length': '0'}),
    served('/post/', b'post/page.html\n'),
    refused('/by-htaccess/a.txt'),
    refused('/by-htaccess/pt.txt'),
    served('/by-htaccess/fine.txt', b'fine.txt\n'),
    refused('/by-htaccess/', BY_A_LOOKUP),
    Row('/by-htaccess/missing', 404),
]

# ---------------------------------------------------------------- handlers, type maps, error pages, mappings

FURTHER = '''
  AddHandler type-map .var
  AddHandler dark .dark
  AddHandler bright .bright
  Action dark /cgi/dark
  Action bright /cgi/handler
  AliasMatch "^/match/(.*)$" "${DIR}/htdocs/$1"
  ScriptAliasMatch "^/scripts/(.*)$" "${DIR}/htdocs/cgi/$1"
  UserDir "${DIR}/htdocs/users/*/pages"
  <Directory "${DIR}/htdocs/put">
    Script PUT /cgi/dark
  </Directory>
  <Directory "${DIR}/htdocs/put-fine">
    Script PUT /cgi/handler
  </Directory>
  <Directory "${DIR}/htdocs/spelt">
    CheckSpelling On
  </Directory>
  <Directory "${DIR}/htdocs/spelt/opened">
    Require all granted
  </Directory>
  <Location "/told">
    ErrorDocument 403 "/%{HTTP:X-Page}"
    ErrorDocument 404 "/%{HTTP:X-Page}"
  </Location>
'''
SIDES += ['/map.var', '/map-fine.var', '/x.dark', '/x.bright', '/match/fine.txt', '/scripts/printing', '/~joe/fine.txt',
          '/spelt/fine.tx', '/spelt/fine.txt', '/told/missing', '/exec.shtml', '/cgi/printing']
PUTS = ['/put/x', '/put-fine/x']
FILES += ['x.dark', 'x.bright', 'put/x', 'put-fine/x', 'users/joe/pages/fine.txt', 'users/joe/pages/secret.txt', 'spelt/fine.txt',
          'spelt/secret.txt', 'spelt/opened/secret.txt', 'told/here']
OF_A_USER = '''RewriteEngine on
RewriteRule "^a\\.txt$" "/secret.txt"
RewriteRule "^pt\\.txt$" "/secret.txt" [PT]
RewriteRule "^fine\\.txt$" "/fine.txt"
DirectoryIndex secret-index.html
ErrorDocument 404 /secret.txt
'''
FILES += ['by-htaccess/secret-index.html']
TEXTS = {'by-htaccess/.htaccess': OF_A_USER, 'map.var': 'URI: secret.txt\nContent-Type: text/plain\n', 'map-fine.var': 'URI: fine.txt\nContent-Type: text/plain\n'}


def told(page, path='/told/missing'):
    return {'request': path, 'status': 404 if path.endswith('missing') else 403, 'headers': {'X-Page': page},
            'reason': None if path.endswith('missing') else 'route-unknown'}


BY_HANDLERS = [
    refused('/map.var'),
    served('/map-fine.var', b'fine.txt\n'),
    refused('/x.dark'),
    served('/x.bright', b'handler\n'),
    refused('PUT /put/x', headers={'Content-Length': '0'}),
    served('PUT /put-fine/x', b'handler\n', headers={'Content-Length': '0'}),
    served('/match/fine.txt', b'fine.txt\n'),
    refused('/match/secret.txt'),
    served('/scripts/printing', b'printing\n'),
    refused('/scripts/dark'),
    refused('/cgi/dark'),
    served('/~joe/fine.txt', b'users/joe/pages/fine.txt\n'),
    refused('/~joe/secret.txt'),
    Row('/spelt/fine.tx', 301, location='/spelt/fine.txt$'),
    refused('/spelt/secret.tx'),
    refused('/spelt/opened/secret.tx'),                # nor is it told that there is such a file,
    refused('/spelt/opened'),                          # or such a directory
    Row(**told('fine.txt'), body=b'fine.txt\n'),
    Row(**told('fine.txt', '/told/unknown'), body=b'fine.txt\n'),
    Row(**told('page/of/errors'), body=b'page/of/errors\n'),
    *[Row(**told(page, path)) for path in ('/told/missing', '/told/unknown')
      for page in ('secret.txt', 'fine.txt/../secret.txt', '/secret.txt', '%73ecret.txt', 'virtual.shtml/../secret.txt', 'told/missing', '')],
]

# ---------------------------------------------------------------- sections that bring their own Require

OPENED = {
    'satisfy': '<Location "/satisfy">\nSatisfy Any\nAllow from all\n</Location>',
    'satisfied': '<Directory "${DIR}/htdocs/satisfied">\nSatisfy Any\nAllow from all\n</Directory>',
    'sibling': '<Location "/sibling">\nAuthMerging Or\nRequire all granted\n</Location>',
    'siblings': '<Directory "${DIR}/htdocs/siblings">\nAuthMerging Or\nRequire all granted\n</Directory>',
    'location': '<Location "/location">\nRequire all granted\n</Location>',
    'location-match': '<LocationMatch "^/location-match/">\nRequire all granted\n</LocationMatch>',
    'directory': '<Directory "${DIR}/htdocs/directory">\nRequire all granted\n</Directory>',
    'files': '<Directory "${DIR}/htdocs/files">\n<Files "*">\nRequire all granted\n</Files>\n</Directory>',
    'files-match': '<Directory "${DIR}/htdocs/files-match">\n<FilesMatch "txt$">\n<RequireAny>\nRequire all granted\n</RequireAny>\n</FilesMatch>\n</Directory>',
    'if': '<If "%{REQUEST_URI} =~ m#^/if/#">\nRequire all granted\n</If>',
    'limit': '<Location "/limit">\n<Limit GET>\nRequire all granted\n</Limit>\n</Location>',
    'limit-except': '<Location "/limit-except">\n<LimitExcept POST>\nRequire all granted\n</LimitExcept>\n</Location>',
    'htaccess': '<Directory "${DIR}/htdocs/htaccess">\nAllowOverride All\n</Directory>',
    'htaccess-any': '<Directory "${DIR}/htdocs/htaccess-any">\nAllowOverride All\n</Directory>',
}
TEXTS |= {'htaccess/.htaccess': 'Require all granted\n', 'htaccess-any/.htaccess': 'Satisfy Any\nAllow from all\n'}
SIDES += [f'/{name}/fine.txt' for name in OPENED]
FILES += [f'{name}/{file}' for name in OPENED for file in ('fine.txt', 'secret.txt')]

# The order in the file: these stand before the section that requires an identity.
FIRST = ('satisfy', 'sibling', 'location', 'directory', 'files', 'if')


def opened(*names, **more):
    return [row for name in names
            for row in (refused(f'/{name}/secret.txt', **more), served(f'/{name}/fine.txt', f'{name}/fine.txt\n'.encode(), **more))]


SATISFIED = [*opened('satisfy', 'satisfied'), *opened('satisfy', host='order.example')]
REPLACED = [*opened(*(name for name in OPENED if not name.startswith('satisf'))), *opened(*FIRST[1:], host='order.example')]
LIMITED = [refused(f'{method} /{name}/fine.txt', 'method-not-on-route', headers={'Content-Length': '0'})
           for name in ('limit', 'limit-except') for method in ('POST', 'PUT', 'PURGE')]

# ---------------------------------------------------------------- methods

METHODS = [
    Row('HEAD /fine.txt', 200, b''),
    *[refused(f'{method} /fine.txt', 'method-not-on-route') for method in ('get', 'Get', 'GETT', 'PURGE', 'FOO', 'OPTIONS', 'PROPFIND', 'head')],
    served('PURGE /back/purged', b'/back/purged', host='proxy.example', section='Location'),
    *[refused(f'{method} /back/purged', 'method-not-on-route', host='proxy.example', section='Location')
      for method in ('GET', 'HEAD', 'FOO', 'purge', 'PURGES')],
]

# ---------------------------------------------------------------- TRACE and OPTIONS *

UNSEEN = [refused(request, 'method-unsupported', host=host)
          for host in ('api.example', 'off.example', 'proxy.example')
          for request in ('TRACE /fine.txt', 'TRACE /off-location/x', 'TRACE /back/fine', 'OPTIONS *')]

# ---------------------------------------------------------------- MtlsPolicyMode off

OFF = {
    'location': '<Location "/off-location">\n{}\n</Location>',
    'location-match': '<LocationMatch "^/off-location-match/">\n{}\n</LocationMatch>',
    'directory': '<Directory "${{DIR}}/htdocs/off-directory">\n{}\n</Directory>',
    'directory-match': '<DirectoryMatch "/htdocs/off-directory-match/">\n{}\n</DirectoryMatch>',
    'files': '<Files "off-files">\n{}\n</Files>',
    'files-match': '<FilesMatch "^off-files-match$">\n{}\n</FilesMatch>',
    'nested': '<Directory "${{DIR}}/htdocs/off-nested">\n<Files "open">\n{}\n</Files>\n</Directory>',
}
OFF_PATHS = {name: f'/off-{name}/x' for name in OFF} | {'files': '/off-files', 'files-match': '/off-files-match', 'nested': '/off-nested/open'}
OFF_CONFIG = '\n'.join(text.format('MtlsPolicyMode off\nRequire all granted') for text in OFF.values())
FILES += [path[1:] for path in OFF_PATHS.values()] + ['off-nested/closed', 'off-locations/x']


def is_off(name, section):
    """A section of the same kind or of one that httpd merges later takes out; another is merged before what requires."""
    return section == 'Directory' or name.startswith('location')


SWITCHED_OFF = [
    row for who in ('billing', None) for section in SECTIONS for name, path in OFF_PATHS.items()
    for row in [served(path, f'{path[1:]}\n'.encode(), who=who, host='off.example', section=section) if is_off(name, section)
                else refused(path, who=who, host='off.example', section=section)]
] + [refused(path, who=who, host='off.example') for who in ('billing', None) for path in ('/off-nested/closed', '/off-locations/x', '/secret.txt')]

# ---------------------------------------------------------------- proxies

PROXIES = '''
  TraceEnable extended
  ProxyPass "/back/" "{backend}/back/"
  ProxyPass "/over/" "{backend}/over/"
  ProxyPass "/into/" "{backend}/into/${{WHERE}}" interpolate
  ProxyPassInterpolateEnv On
  RewriteEngine on
  RewriteRule "^/into/" "-" [E=WHERE:secret]
  RewriteRule "^/by-rule/(.*)" "{backend}/by-rule/$1" [P]
  <FilesMatch "\\.handled$">
    SetHandler "proxy:{backend}"
  </FilesMatch>
  <Location "/over/">
    ProxyErrorOverride On
    ErrorDocument 404 "/%{{HTTP:X-Page}}"
  </Location>
'''
FILES += ['fine.handled', 'secret.handled']
PROXY_SIDES = ['/back/fine', '/by-rule/fine', '/into/fine', '/over/missing', '/fine.handled', '/fine.txt']


def backend_rows(host, path, **more):
    return [served(path.format('fine'), path.format('fine').encode(), host=host, **more), refused(path.format('secret'), host=host, **more)]


PROXIED = [
    *[row for path in ('/back/{}', '/by-rule/{}') for row in backend_rows('proxy.example', path, section='Location')],
    served('/fine.handled', re.compile(b'/.*/htdocs/fine.handled'), host='proxy.example'),  # the backend gets the file's name
    refused('/secret.handled', host='proxy.example'),
    served('/into/fine', b'/into/secretfine', host='proxy.example', section='Location'),
    refused('/into/secret', host='proxy.example', section='Location'),
    *[Row('/over/missing', 404, body, None, 'proxy.example', headers={'X-Page': page}, section='Location')
      for page, body in (('fine.txt', b'fine.txt\n'), ('secret.txt', HTTPD), ('back/secret', HTTPD), ('page/of/errors', b'page/of/errors\n'))],
]

# A section of its own kind: what is proxied has no directory.
OF_PROXIES = '''
  TraceEnable extended
  ProxyPass "/" "{backend}/"
  <Proxy "*">
    Require mtls-identity
  </Proxy>
  <Proxy "{backend}/off-proxy/*">
    MtlsPolicyMode off
    Require all granted
  </Proxy>
  <ProxyMatch "/off-proxy-match/">
    MtlsPolicyMode off
    Require all granted
  </ProxyMatch>
'''
IN_PROXIES = [*backend_rows('sections.example', '/back/{}'),
              *[served(path, path.encode(), host='sections.example') for path in ('/off-proxy/x', '/off-proxy-match/x')],
              refused('/off-proxy-other/x', host='sections.example')]

# ---------------------------------------------------------------- forward proxies, hosts

# On a port of its own: for HTTP/2 a connection, not a virtual host, is one of a proxy.
FORWARD = '''
  ServerAlias {alias}
  ProxyRequests On
  AllowCONNECT 1-65535
  TraceEnable extended
  <IfModule mod_http2.c>
    H2ProxyRequests on
  </IfModule>
  {more}
'''
REPORTED_FORWARD = '  MtlsPolicyMode report\n'
OPEN_FORWARD = '''
  <Proxy "*">
    MtlsPolicyMode off
    Require all granted
  </Proxy>
'''
WEBSOCKETS = '''
  <IfModule mod_http2.c>
    H2WebSockets on
  </IfModule>
  ProxyPass "/upgraded/" "{backend}/upgraded/" upgrade=websocket
  ProxyPass "/tunnelled/" "{tunnel}/tunnelled/"
'''
NAMED = '''
  ServerAlias *.tenants.example
  UseCanonicalName Off
  VirtualDocumentRoot "${DIR}/htdocs/tenants/%1"
'''
FILES += [f'tenants/{name}/fine.txt' for name in ('a', 'b')]
BY_HOST = [
    served('/fine.txt', b'tenants/a/fine.txt\n', host='a.tenants.example'),
    refused('/fine.txt', host='b.tenants.example'),
    refused('/secret.txt', host='a.tenants.example'),
]

# ---------------------------------------------------------------- WebDAV

# The Destination of COPY and MOVE is another path.
DAV = '''
  <Directory "${DIR}/htdocs/dav">
    Dav On
    DirectoryIndex disabled
  </Directory>
'''
DAV_SIDES = ['/dav/', '/dav/fine.txt', '/dav/copy.txt', '/dav/tree/', '/dav/copies/**']
FILES += ['dav/fine.txt', 'dav/read.txt', 'dav/secret.txt', 'dav/tree/secret.txt']


def dav(method, path, status, reason=None, to=None, **headers):
    destination = {'Destination': f'https://dav.example{to}'} if to else {}
    return Row(f'{method} {path}', status, None, reason, 'dav.example', headers={'Content-Length': '0', **destination, **headers})


AUTHORED = [
    dav('PROPFIND', '/dav/', 207, Depth='0'),
    dav('PROPFIND', '/dav/secret.txt', 403, 'route-unknown', Depth='0'),
    dav('PROPFIND', '/dav/read.txt', 403, 'method-not-on-route', Depth='0'),
    dav('PUT', '/dav/secret.txt', 403, 'route-unknown'),
    dav('LOCK', '/dav/secret.txt', 403, 'route-unknown'),
    dav('MKCOL', '/dav/secret', 403, 'route-unknown'),
    dav('DELETE', '/dav/secret.txt', 403, 'route-unknown'),
    dav('COPY', '/dav/secret.txt', 403, 'route-unknown', '/dav/copy.txt'),
    *[dav(method, '/dav/fine.txt', 403, 'route-unknown', to) for method in ('COPY', 'MOVE')
      for to in ('/dav/secret.txt', '/dav/x/../secret.txt', '/dav/%73ecret.txt', '/dav/new-secret.txt')],
    dav('COPY', '/dav/fine.txt', 403, 'method-not-on-route', '/dav/read.txt'),
    dav('COPY', '/dav/fine.txt', 201, None, '/dav/copy.txt'),
    Row('/dav/copy.txt', 200, b'dav/fine.txt\n', None, 'dav.example'),
    dav('DELETE', '/dav/copy.txt', 204),
    Row('/dav/read.txt', 200, b'dav/read.txt\n', None, 'dav.example'),
    # what is beneath a collection is not asked about
    Row('PROPFIND /dav/', 207, re.compile(b'(?s).*/dav/secret.txt.*'), None, 'dav.example', headers={'Content-Length': '0', 'Depth': '1'}),
    refused('/dav/tree/secret.txt', host='dav.example'),
    dav('COPY', '/dav/tree/', 201, None, '/dav/copies/'),
    Row('/dav/copies/secret.txt', 200, b'dav/tree/secret.txt\n', None, 'dav.example'),
    dav('DELETE', '/dav/copies/', 204),
]

# ---------------------------------------------------------------- the server

ROWS = [*SWITCHED_OFF, *PROXIED, *IN_PROXIES, *BY_HOST, *AUTHORED]
MODULES = ['access_compat', 'authz_host', 'alias', 'cgid', 'mime', 'dir', 'rewrite', 'include', 'negotiation', 'actions', 'speling', 'userdir',
           'vhost_alias', 'dav', 'dav_fs', 'proxy', 'proxy_http', 'proxy_connect', 'proxy_wstunnel']


def roads_policy():
    made = document(SIDES, hosts=['api.example', 'order.example', 'debug.example'])
    made['routes'] |= {
        'posts': route('/post/', methods=['POST']), 'page': route('/post/', '/post/page.html'),
        'puts': route(*PUTS, methods=['PUT']),
        'handlers': {**route('/cgi/handler/**', methods=['GET', 'PUT']), 'internal': True},
        'errors': {**route('/page/of/errors', hosts=['api.example', 'proxy.example']), 'internal': 'error'},
        'authored': route(*DAV_SIDES, methods=['GET', 'PUT', 'COPY', 'MOVE', 'DELETE', 'PROPFIND'], hosts=['dav.example']),
        'read': route('/dav/read.txt', hosts=['dav.example']),
        'purged': route('/back/purged', methods=['PURGE'], hosts=['proxy.example']),
        'tenants': route('/fine.txt', hosts=['a.tenants.example']),
        'forward': route('/forward/fine', hosts=['127.0.0.1']),
        'sockets': route('/upgraded/fine', '/tunnelled/fine', hosts=['sockets.example']),
        'proxied': route(*PROXY_SIDES, hosts=['proxy.example', 'sections.example']),
    }
    made['rules']['more'] = allow(['@staff'], 'posts', 'page', 'puts', 'proxied', 'tenants', 'forward', 'sockets', 'authored', 'read', 'purged')
    return policy('roads', made)


@functools.cache
def backend():
    """Answers with the target; one for all servers."""
    made = Backend(lambda request: ('404 Not Found' if b'missing' in request.target else '200 OK', request.target))
    made.__enter__()
    return made


def config(require):
    path, address = roads_policy(), f'http://127.0.0.1:{backend().port}'
    hosts = [
        guarded(path, GOING_ON + FURTHER + '\n'.join(OPENED.values()), require=require),
        guarded(path, require='\n'.join(OPENED[name] for name in FIRST) + require, name='order.example'),
        guarded(path, '  LogLevel mtls_authz:debug\n' + GOING_ON, require=require, name='debug.example'),
        guarded(path, OFF_CONFIG, require=require, name='off.example'),
        guarded(path, PROXIES.format(backend=address), require=require, name='proxy.example'),
        guarded(path, OF_PROXIES.format(backend=address), require='', name='sections.example'),
        guarded(path, DAV, require=require, name='dav.example'),
        guarded(path, NAMED, require=require, name='tenants.example'),
        guarded(path, FORWARD.format(alias='127.0.0.1', more=''), require=require, name='forward.example', port='${PORT2}'),
        guarded(path, FORWARD.format(alias='open.example', more=OPEN_FORWARD), require=require, name='open-forward.example', port='${PORT2}'),
        guarded(path, FORWARD.format(alias='reported.example', more=REPORTED_FORWARD), require=require, name='reported-forward.example', port='${PORT2}'),
        vhost(pki(), FORWARD.format(alias='localhost', more=''), name='plain-forward.example', port='${PORT2}', cert='hosts'),
        guarded(path, WEBSOCKETS.format(backend=address, tunnel=address.replace('http', 'ws')), require=require, name='sockets.example'),
    ]
    return MARKED + 'TypesConfig /dev/null\nAddType text/plain .txt\nScriptSock "${DIR}/run/cgisock"\nDavLockDB "${DIR}/locks/db"\n' + ''.join(hosts)


def fill(server):
    for name, text in PAGES.items():
        (server.docroot / name).write_text('<!--#config errmsg="REFUSED" -->' + text)
    for name, text in TEXTS.items():
        (server.docroot / name).write_text(text)
    for name, text in SCRIPTS.items():
        path = server.docroot / 'cgi' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\n")
        path.chmod(0o755)
    (server.dir / 'locks').mkdir()
    for path in (server.dir / 'locks', server.docroot / 'dav', *(server.docroot / 'dav').iterdir()):
        path.chmod(0o777)


@functools.cache
def roads_server(section, mpm='event'):
    server = mtls_server(config(SECTIONS[section]), MODULES, FILES + ['page/of/errors'], mpm=mpm, ports=2)
    if mpm == 'worker':  # the module's place among the others makes no difference
        server.modules = (*server.modules[1:], server.modules[0])
    server.expect('AH00111')  # of ${WHERE}, which mod_proxy reads with each request
    server.expect('unable to include|unable to get information|AH00687|AH01230')  # what mod_include, mod_negotiation and mod_cgid may not show
    fill(server)
    atexit.register(server.kill)
    return server.start()
