#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sections whose own Require takes the place of ours: the policy decides there all the same, and who starts httpd is told."""

import re

from harness import client, main, test, test_each
from policies import document, guarded, mtls_server, pki, policy

OPEN = 'Require all granted'


def section(kind, name, text=OPEN):
    return f'<{kind} "{name}">\n{text}\n</{kind}>\n' if name else f'<{kind}>\n{text}\n</{kind}>\n'


OURS = section('Location', '/', 'Require mtls-identity')
FOLDER = section('Directory', '${DIR}/htdocs', 'Require mtls-identity')
IN_ALL = '<RequireAll>\nRequire all granted\nRequire mtls-identity\n</RequireAll>'

# name -> sections, and the one that is told of
TOLD = {
    'a path': (OURS + section('Location', '/a'), '<Location "/a">'),
    'a path beneath': (section('Location', '/a', 'Require mtls-identity') + section('Location', '/a/b'), '<Location "/a/b">'),
    'a container': (OURS + section('Location', '/a', f'<RequireAny>\n{OPEN}\n</RequireAny>'), '<Location "/a">'),
    'a pattern': (OURS + section('LocationMatch', '^/a'), '<LocationMatch "^/a">'),
    'an expression': (OURS + section('If', 'true'), '<If "true">'),
    'a folder in a folder': (FOLDER + section('Directory', '${DIR}/htdocs/a'), '<Directory "${DIR}/htdocs/a">'),
    'a folder in one that comes later': (section('Directory', '${DIR}/htdocs/a') + FOLDER, '<Directory "${DIR}/htdocs/a">'),
    'files of a folder': (section('Directory', '${DIR}/htdocs', 'Require mtls-identity\n' + section('Files', '*.html')), '<Files "*.html">'),
}
FINE = {
    'nothing else': OURS,
    'a path before, which loses its own': section('Location', '/a') + OURS,
    'a folder, which comes before paths': OURS + section('Directory', '${DIR}/htdocs'),
    'both': OURS + section('Location', '/a', IN_ALL),
    'off': OURS + section('Location', '/a', f'MtlsPolicyMode off\n{OPEN}'),
    'report': OURS + section('Location', '/a', f'MtlsPolicyMode report\n{OPEN}'),
    'merged': OURS + section('Location', '/a', f'AuthMerging And\n{OPEN}'),
    'a path beside': section('Location', '/a', 'Require mtls-identity') + section('Location', '/ab') + section('Location', '/b'),
    'ours beneath another': section('Location', '/') + section('Location', '/a', 'Require mtls-identity'),
}


def warnings(server, mark=0):
    return [line for line in server.log_since(mark).splitlines() if 'MTLS0010' in line]


def text_of(server, told):
    return told.replace('${DIR}', str(server.dir))


@test_each(*[(name,) for name in TOLD])
def trap_16_a_require_further_in_opens_nothing_and_is_told_of(name):
    body, told = TOLD[name]
    path = policy('sections', document(('/fine',)))
    with mtls_server(guarded(path, require=body), files=['a/b/x.html', 'fine']) as server:
        found = warnings(server)
        assert len(found) == 1 and 'mtls_authz:warn' in found[0], found
        assert f'Require in {text_of(server, told)} takes the place' in found[0], found
        places = re.findall(rf'{re.escape(str(server.conf_file))}:(\d+)', found[0])
        lines = server.conf_file.read_text().splitlines()
        assert lines[int(places[0]) - 1].strip() == told, (places, found)
        assert 'mtls-identity' in ''.join(lines[int(places[1]) - 1:int(places[1]) + 2]), (places, found)
        for http in '1.1', '2':
            assert client(server, pki()['billing'], http, requests=['/a/b/x.html']).status == 403
        mark = server.mark()
        server.graceful()
        assert len(warnings(server, mark)) == 1, server.log_since(mark)


@test
def trap_16_nothing_is_told_of_what_is_fine():
    path = policy('sections', document(('/fine',)))
    with mtls_server(guarded(path, require=OURS), files=['fine']) as server:
        for name, body in FINE.items():
            mark = server.mark()
            server.write_config(guarded(path, require=body))
            server.graceful(probe=False)
            server.wait_log('MTLS0007', mark)
            assert not warnings(server, mark), (name, warnings(server, mark))


@test
def trap_16_sections_of_the_main_server_hold_in_virtual_hosts():
    path = policy('sections', document(('/fine',)))
    config = f'MtlsPolicyFile "{path}"\n{OURS}' + guarded(path, section('Location', '/a'), require='')
    with mtls_server(config, files=['a/x', 'fine']) as server:
        assert len(warnings(server)) == 1 and '<Location "/a">' in warnings(server)[0], warnings(server)
        assert client(server, pki()['billing'], requests=['/a/x', '/fine']).statuses == [403, 200]


if __name__ == '__main__':
    main()
