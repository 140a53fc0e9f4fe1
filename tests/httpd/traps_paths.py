#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Paths that a server goes on to by itself, from one that the client may use."""

import atexit
import functools

from harness import client, main, test, test_each
from policies import allow, document, guarded, mtls_server, pki, policy, reasons, route

DIRECTORY = '''
  <Directory "${DIR}/htdocs">
    Require mtls-identity
  </Directory>
'''
LOCATION = '''
  <Location "/">
    Require mtls-identity
  </Location>
'''

# What httpd can make of a request. The policy allows the client's side of each, and nothing called secret.
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
CLIENTS_SIDE = ('/pt.txt', '/pt-fine.txt', '/mapped.txt', '/mapped-too.txt', '/alias.txt', '/perdir/a.txt', '/perdir/same.txt',
                '/perdir/fine.txt', '/index/', '/second/', '/second/not-there.html', '/fall/x', '/errors/missing',
                '/fine-errors/missing', '/fine.txt', '/virtual.shtml', '/file.shtml', '/fine.shtml', '/sizes.shtml', '/negotiated', '/chosen', '/chosen.txt',
                '/cgi/secret', '/cgi/fine')
FILES = ('secret.txt', 'dark.txt', 'fine.txt', 'perdir/secret.txt', 'index/secret-index.html', 'second/secret-1.html', 'fall/here', 'errors/here',
         'fine-errors/here', 'post/page.html', 'negotiated.txt', 'chosen.txt',
         'cgi/secret', 'cgi/fine')

LOOKUPS = ''.join(f'[<!--#fsize virtual="/fine.txt{pad}" -->][<!--#fsize virtual="/dark.txt" -->]'
                  for pad in ('', *('?' + 'x' * n for n in range(4, 60, 8))))

# request, status, what the body must hold (nothing: httpd's own page), the reason logged
BY_A_LOOKUP = object()  # the client gets what a module's own look-up was refused for
ROWS = [
    ('/fine.txt', 200, b'fine.txt\n', None),
    ('/perdir/a.txt', 403, None, 'route-unknown'),
    ('/perdir/same.txt', 403, None, 'route-unknown'),
    ('/perdir/fine.txt', 200, b'fine.txt\n', None),
    ('/index/', 403, None, BY_A_LOOKUP),
    ('/second/', 403, None, BY_A_LOOKUP),
    ('/fall/x', 403, None, BY_A_LOOKUP),
    ('/errors/missing', 404, None, None),             # the page is refused, the request is not
    ('/errors/unknown', 403, None, 'route-unknown'),
    ('/fine-errors/missing', 404, b'fine.txt\n', None),
    ('/fine-errors/unknown', 403, b'fine.txt\n', 'route-unknown'),
    ('/virtual.shtml', 200, b'[REFUSED][fine.txt\n]', None),
    ('/file.shtml', 200, b'[REFUSED][fine.txt\n]', None),
    ('/sizes.shtml', 200, b'[9][REFUSED]' * 16, None),
    ('/pt.txt', 403, None, 'route-unknown'),
    ('/pt-fine.txt', 200, b'fine.txt\n', None),
    ('/mapped.txt', 200, b'secret.txt\n', None),      # mappings: the client's own path is what counts
    ('/mapped-too.txt', 200, b'secret.txt\n', None),
    ('/alias.txt', 200, b'secret.txt\n', None),
    ('/negotiated', 404, None, None),                 # httpd says that there is no such variant
    ('/chosen', 200, b'chosen.txt\n', None),
    ('/cgi/secret', 403, None, 'route-unknown'),      # the script says Location
    ('/cgi/fine', 200, b'fine.txt\n', None),
    ('POST /post/ content-length: 0', 403, None, 'method-not-on-route'),
    ('/post/', 200, b'post/page.html\n', None),
    ('/secret.txt', 403, None, 'route-unknown'),
    ('TRACE /fine.txt', 403, None, 'method-unsupported'),
    ('OPTIONS *', 403, None, 'method-unsupported'),
]


def going_on_policy():
    made = document(paths=CLIENTS_SIDE)
    made['routes']['posts'] = route('/post/', methods=['POST'])
    made['routes']['page'] = route('/post/', '/post/page.html')
    made['rules']['posts'] = allow(['@staff'], 'posts', 'page')
    return policy('going-on', made)


@functools.cache
def going_on_server(require, more=''):
    config = 'TypesConfig /dev/null\nAddType text/plain .txt\nScriptSock "${DIR}/run/cgisock"\n' + guarded(going_on_policy(), GOING_ON + more, require=require)
    server = mtls_server(config, files=FILES, modules=('alias', 'cgid', 'mime', 'dir', 'rewrite', 'include', 'negotiation'))
    server.expect('unable to include|unable to get information|AH00687')  # what mod_include and mod_negotiation may not show
    write_pages(server)
    atexit.register(server.kill)
    return server.start()


def write_pages(server):
    pages = {
        'virtual': '[<!--#include virtual="/secret.txt" -->][<!--#include virtual="/fine.txt" -->]',
        'file': '[<!--#include file="secret.txt" -->][<!--#include file="fine.txt" -->]',
        'fine': '[<!--#include virtual="/fine.txt" -->]',
        # all lookups live in the same memory, one after the other: names as long as each other, and then with padding
        'sizes': '<!--#config sizefmt="bytes" -->' + LOOKUPS + LOOKUPS.replace('#fsize virtual="/dark', '#include virtual="/dark'),
    }
    for name, text in pages.items():
        (server.docroot / f'{name}.shtml').write_text('<!--#config errmsg="REFUSED" -->' + text)
    for name in 'secret', 'fine':
        (server.docroot / f'cgi/{name}').write_text(f'#!/bin/sh\nprintf "Location: /{name}.txt\\n\\n"\n')
        (server.docroot / f'cgi/{name}').chmod(0o755)


def check_rows(require, http):
    server = going_on_server(require)
    for request, status, body, reason in ROWS:
        mark = server.mark()
        result = client(server, pki()['billing'], http, requests=[request], body=True)
        assert result.statuses == [status], (request, result)
        shown = result.bodies[0]
        assert shown == body if body else b'secret' not in shown.lower().replace(b'requested', b''), (request, shown)
        logged = reasons(server, mark)
        assert reason is BY_A_LOOKUP or logged == ([reason] if reason else []), (request, server.log_since(mark))


@test_each(('1.1',), ('2',))
def trap_01_other_paths_are_asked_about(http):
    check_rows(LOCATION, http)


@test_each(('1.1',), ('2',))
def trap_02_also_below_a_directory_section_alone(http):
    check_rows(DIRECTORY, http)


@test_each(*[(request,) for request, _, _, reason in ROWS if reason is BY_A_LOOKUP])
def trap_01_a_refused_lookup_is_logged_once(request):
    server = going_on_server(DIRECTORY)
    mark = server.mark()
    assert client(server, pki()['billing'], requests=[request]).status == 403
    server.wait_log('MTLS0001', mark, timeout_s=2)
    assert reasons(server, mark) == ['route-unknown'], server.log_since(mark)


@test
def trap_01_refused_lookups_are_told_at_debug():
    """Where the client gets its page, what was refused on the way is no denial of its request."""
    server = going_on_server(LOCATION, '  LogLevel mtls_authz:debug\n')
    assert client(server, pki()['billing'], requests=['/sizes.shtml']).status == 200
    lines = [line for line in server.log_since().splitlines() if 'MTLS0001' in line]
    assert lines and all('[mtls_authz:debug]' in line and 'reason=route-unknown' in line for line in lines), lines
    server.stop()
    server.remove()


@test
def trap_01_02_the_log_holds_nothing_else():
    for require in LOCATION, DIRECTORY:
        going_on_server(require).stop()
        going_on_server(require).remove()


if __name__ == '__main__':
    main()
