#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where the module's directives may stand: what -t refuses, and why, and what it lets pass."""

import re

from harness import client, main, test, test_each
from policies import document, guarded, mtls_server, pki, policy

MODULES = ('access_compat', 'authn_core', 'authz_host', 'authz_user', 'macro')

NEGATED = 'cannot be negated'
CONDITION = r'cannot stand in <{}>'
BESIDE = 'stands beside "{}'
TWICE = 'stands twice in this section'
ALIAS = 'cannot be given an alias'
A_NAME = 'is neither'
ALONE = 'needs a Require of another kind in the same section'

# name -> (what stands in the virtual host, what is said; None: nothing is wrong)
LINES = {
    'plain': ('<Location "/">\nRequire mtls-identity\n</Location>', None),
    'directory': ('<Directory "/">\nRequire mtls-identity\n</Directory>', None),
    'files': ('<Files "*">\nRequire mtls-identity\n</Files>', None),
    'files in directory': ('<Directory "/">\n<Files "*">\nRequire mtls-identity\n</Files>\n</Directory>', None),
    'location match': ('<LocationMatch "^/a">\nRequire mtls-identity billing\n</LocationMatch>', None),
    'require all': ('<Location "/">\n<RequireAll>\nRequire mtls-identity\nRequire all granted\n</RequireAll>\n</Location>', None),
    'alone in any': ('<Location "/">\n<RequireAny>\nRequire mtls-identity\n</RequireAny>\n</Location>', None),
    'any within all': ('<Location "/">\n<RequireAll>\n<RequireAny>\nRequire ip 127.0.0.1\nRequire ip ::1\n</RequireAny>\n'
                       'Require mtls-identity\n</RequireAll>\n</Location>', None),
    'if module': ('<IfModule mod_ssl.c>\n<Location "/">\n<IfDefine !NOT>\nRequire mtls-identity\n</IfDefine>\n</Location>\n</IfModule>', None),
    'letters': ('<Location "/">\nREQUIRE mtls-identity\n</Location>', None),
    'names': ('<Location "/">\nRequire mtls-identity billing @staff shipping\n</Location>', None),
    'quoted names': ('<Location "/">\nRequire mtls-identity "billing" "@staff"\n</Location>', None),
    'sections of their own': ('<Location "/">\nRequire mtls-identity\n</Location>\n<Location "/a">\nRequire mtls-identity billing\n</Location>'
                              '\n<Location "/">\nRequire mtls-identity shipping\n</Location>', None),

    'not': ('<Location "/">\n<RequireAll>\nRequire all granted\nRequire not mtls-identity\n</RequireAll>\n</Location>', NEGATED),
    'not, tab': ('<Location "/">\n<RequireAll>\nRequire all granted\nRequire not\tmtls-identity\n</RequireAll>\n</Location>', NEGATED),
    'not, quoted': ('<Location "/">\n<RequireAll>\nRequire all granted\nRequire "not" mtls-identity\n</RequireAll>\n</Location>', NEGATED),
    'not, capitals': ('<Location "/">\n<RequireAll>\nRequire all granted\nrequire NOT mtls-identity\n</RequireAll>\n</Location>', NEGATED),
    'none': ('<Location "/">\n<RequireAll>\nRequire all granted\n<RequireNone>\nRequire mtls-identity\n</RequireNone>\n</RequireAll>\n</Location>', NEGATED),
    'none above': ('<Location "/">\n<RequireAll>\nRequire all granted\n<requirenone>\n<RequireAny>\nRequire mtls-identity\n</RequireAny>\n'
                   '</requirenone>\n</RequireAll>\n</Location>', NEGATED),
    'if': ('<Location "/">\n<If "true">\nRequire mtls-identity\n</If>\n</Location>', CONDITION.format('If')),
    'else if': ('<If "false">\n</If>\n<ElseIf "true">\nRequire mtls-identity\n</ElseIf>', CONDITION.format('ElseIf')),
    'else': ('<If "false">\n</If>\n<Else>\nRequire mtls-identity\n</Else>', CONDITION.format('Else')),
    'if above': ('<If "true">\n<Files "*">\n<RequireAll>\nRequire mtls-identity\n</RequireAll>\n</Files>\n</If>', CONDITION.format('If')),
    'if with a module': ('<If "true">\n<IfModule mod_ssl.c>\nRequire mtls-identity\n</IfModule>\n</If>', CONDITION.format('If')),
    'alias': ('</VirtualHost>\n<AuthzProviderAlias mtls-identity mine "billing">\n</AuthzProviderAlias>\n<VirtualHost 127.0.0.1:1>', ALIAS),
    'alias without names': ('</VirtualHost>\n<AuthzProviderAlias mtls-identity mine "">\n</AuthzProviderAlias>\n<VirtualHost 127.0.0.1:1>', ALIAS),
    'beside': ('<Location "/">\nRequire mtls-identity\nRequire all granted\n</Location>', BESIDE.format('Require all granted')),
    'beside, before': ('<Location "/">\nRequire ip 127.0.0.1\nRequire mtls-identity\n</Location>', BESIDE.format('Require ip')),
    'beside in any': ('<Location "/">\n<RequireAny>\nRequire valid-user\nRequire mtls-identity\n</RequireAny>\n</Location>', BESIDE.format('Require valid-user')),
    'beside a container': ('<Location "/">\n<RequireAll>\nRequire mtls-identity\n</RequireAll>\nRequire all granted\n</Location>', BESIDE.format('Require all')),
    'container beside': ('<Location "/">\n<RequireAll>\nRequire all granted\n</RequireAll>\nRequire mtls-identity\n</Location>', BESIDE.format('<RequireAll')),
    'any above': ('<Location "/">\n<RequireAny>\n<RequireAll>\nRequire mtls-identity\n</RequireAll>\nRequire all granted\n</RequireAny>\n</Location>', BESIDE.format('Require all')),
    'any in all': ('<Location "/">\n<RequireAll>\n<RequireAny>\nRequire mtls-identity\nRequire all granted\n</RequireAny>\n</RequireAll>\n</Location>', BESIDE.format('Require all')),
    'any with a module': ('<Location "/">\n<RequireAny>\n<IfModule mod_ssl.c>\nRequire mtls-identity\n</IfModule>\nRequire all granted\n</RequireAny>\n</Location>', BESIDE.format('Require all')),
    'module beside': ('<Location "/">\nRequire mtls-identity\n<IfModule mod_ssl.c>\nRequire all granted\n</IfModule>\n</Location>', BESIDE.format('Require all')),
    'macro': ('<Macro Guard>\nRequire mtls-identity\n</Macro>\n<Location "/">\n<Limit POST>\nUse Guard\n</Limit>\n</Location>', CONDITION.format('Limit')),
    'macro beside': ('<Macro Guard2>\nRequire mtls-identity\n</Macro>\n<Location "/">\nUse Guard2\nRequire all granted\n</Location>', BESIDE.format('Require all')),
    'twice': ('<Location "/">\nRequire mtls-identity billing\nRequire mtls-identity shipping\n</Location>', TWICE),
    'twice in all': ('<Location "/">\n<RequireAll>\nRequire mtls-identity billing\nRequire mtls-identity @staff\n</RequireAll>\n</Location>', TWICE),
    'twice, deeper': ('<Location "/">\n<RequireAll>\nRequire mtls-identity\n<RequireAll>\nRequire mtls-identity\n</RequireAll>\n</RequireAll>\n</Location>', TWICE),

    'capital': ('<Location "/">\nRequire mtls-identity Billing\n</Location>', A_NAME),
    'empty name': ('<Location "/">\nRequire mtls-identity ""\n</Location>', A_NAME),
    'only an at': ('<Location "/">\nRequire mtls-identity @\n</Location>', A_NAME),
    'two ats': ('<Location "/">\nRequire mtls-identity @@staff\n</Location>', A_NAME),
    'dot first': ('<Location "/">\nRequire mtls-identity .billing\n</Location>', A_NAME),
    'too long': ('<Location "/">\nRequire mtls-identity ' + 'a' * 65 + '\n</Location>', A_NAME),
    'expression': ('<Location "/">\nRequire mtls-identity %{HTTP_USER}\n</Location>', A_NAME),
    'unknown name': ('<Location "/">\nRequire mtls-identity biling\n</Location>', 'MTLS0004: .*biling: policy orders of .* has no such identity'),
    'unknown group': ('<Location "/">\nRequire mtls-identity @billing\n</Location>', 'MTLS0004: .*@billing: policy orders of .* has no such group'),
    'group without at': ('<Location "/">\nRequire mtls-identity staff\n</Location>', 'MTLS0004: .*no such identity'),
    'everyone': ('<Location "/">\nRequire mtls-identity everyone\n</Location>', 'MTLS0004: .*no such identity'),
    'two policies': ('MtlsPolicyFile /a', 'MtlsPolicyFile stands twice'),
    'policy of a section': ('<Location "/">\nMtlsPolicyFile /a\n</Location>', 'MtlsPolicyFile not allowed in'),
}

LIMITS = {
    'limit': ('<Location "/">\n<Limit GET>\nRequire mtls-identity\n</Limit>\n</Location>', CONDITION.format('Limit')),
    'limit except': ('<Location "/">\n<LimitExcept GET>\nRequire mtls-identity\n</LimitExcept>\n</Location>', CONDITION.format('LimitExcept')),
    'limit above': ('<Location "/">\n<Limit GET>\n<RequireAll>\nRequire mtls-identity\n</RequireAll>\n</Limit>\n</Location>', CONDITION.format('Limit')),
    'limit around': ('<Location "/">\n<Limit GET>\n<RequireAny>\nRequire mtls-identity\n</RequireAny>\n</Limit>\nRequire all denied\n</Location>', CONDITION.format('Limit')),
}

BEHIND = {
    'comment': ('<Location "/">\nRequire mtls-identity # all of them\n</Location>', A_NAME),
    'comment after a name': ('<Location "/">\nRequire mtls-identity billing # just that\n</Location>', A_NAME),
    'comma': ('<Location "/">\nRequire mtls-identity billing, shipping\n</Location>', A_NAME),
    'another requirement': ('<Location "/">\nRequire mtls-identity billing valid-user=x\n</Location>', A_NAME),
    'a word of expressions': ('<Location "/">\nRequire mtls-identity billing || shipping\n</Location>', A_NAME),
    'a continued line': ('<Location "/">\nRequire mtls-identity billing \\\n# just that\n</Location>', A_NAME),
}

MODES = {
    'report': ('<Location "/">\nRequire mtls-identity\nMtlsPolicyMode report\n</Location>', None),
    'enforce': ('<Location "/">\nMtlsPolicyMode enforce\nRequire mtls-identity\n</Location>', None),
    'of a server': ('MtlsPolicyMode report\n<Location "/">\nRequire mtls-identity\n</Location>', None),
    'off': ('<Location "/a">\nMtlsPolicyMode off\nRequire all granted\n</Location>', None),
    'off, after': ('<Location "/a">\n<RequireAll>\nRequire ip 127.0.0.1\n</RequireAll>\nMtlsPolicyMode off\n</Location>', None),
    'off alone': ('<Location "/a">\nMtlsPolicyMode off\n</Location>', ALONE),
    'off with ours': ('<Location "/a">\nRequire mtls-identity\nMtlsPolicyMode off\n</Location>', ALONE),
    'off with ours, quoted': ('<Location "/a">\nRequire "mtls-identity"\nMtlsPolicyMode off\n</Location>', ALONE),
    'off with ours inside': ('<Location "/a">\n<RequireAll>\nRequire mtls-identity\n</RequireAll>\nMtlsPolicyMode off\n</Location>', ALONE),
    'off of a server': ('MtlsPolicyMode off', ALONE),
    'off elsewhere': ('<Location "/a">\nRequire all granted\n</Location>\n<Location "/b">\nMtlsPolicyMode off\n</Location>', ALONE),
    'in if': ('<If "true">\nRequire all granted\nMtlsPolicyMode off\n</If>', CONDITION.format('If')),
    'in else': ('<If "true">\n</If>\n<Else>\nMtlsPolicyMode report\n</Else>', CONDITION.format('Else')),
    'in limit': ('<Location "/a">\n<Limit GET>\nRequire all granted\nMtlsPolicyMode off\n</Limit>\n</Location>', CONDITION.format('Limit')),
    'in limit except': ('<Location "/a">\n<LimitExcept GET>\nMtlsPolicyMode report\n</LimitExcept>\n</Location>', CONDITION.format('LimitExcept')),
    'twice': ('<Location "/a">\nMtlsPolicyMode report\nMtlsPolicyMode enforce\n</Location>', 'MtlsPolicyMode stands twice'),
    'another word': ('<Location "/a">\nMtlsPolicyMode maybe\n</Location>', 'is enforce, report or off, not "maybe"'),
    'no word': ('<Location "/a">\nMtlsPolicyMode\n</Location>', 'takes one argument'),
}


def told(config, **options):
    server = mtls_server(config, modules=MODULES, **options)
    status, said = server.configtest()
    server.remove()
    return status, said


def check(body, wanted):
    # a required section elsewhere, so that the policy is in use
    status, said = told(guarded(policy('config', document()), body, require=''))
    if wanted is None:
        assert status == 0 and 'Syntax OK' in said, said
        return
    assert status == 1 and re.search(wanted, said), said
    assert 'Syntax OK' not in said and 'Segmentation' not in said, said


@test_each(*[(name,) for name in LINES])
def test_a_line_that_says(name):
    check(*LINES[name])


@test_each(*[(name,) for name in LIMITS])
def trap_18_methods_are_not_for_sections(name):
    check(*LIMITS[name])


@test_each(*[(name,) for name in BEHIND])
def trap_35_nothing_stands_behind_the_names(name):
    check(*BEHIND[name])


@test_each(*[(name,) for name in MODES])
def test_a_mode_that_says(name):
    check(*MODES[name])


@test
def test_trap_13_a_server_does_not_start_either():
    for name in 'not', 'none', 'limit', 'if', 'beside', 'alias':
        body, wanted = {**LINES, **LIMITS}[name]
        server = mtls_server(guarded(policy('config', document()), body, require=''), modules=MODULES)
        said = server.refuses_to_start()
        assert re.search(wanted, said), said
        server.remove()


@test
def test_a_refusal_names_its_place_and_a_mend():
    status, said = told(guarded(policy('config', document()), LINES['beside'][0], require=''))
    assert status == 1 and re.search(r'Syntax error on line \d+ of .*httpd.conf', said), said
    assert re.search(r'stands beside "Require all granted" \(line \d+\).*put both into <RequireAll>', said), said


@test
def test_no_policy_in_scope():
    """Of a virtual host; one of the main server does for all that have none."""
    require = '<Location "/">\nRequire mtls-identity\n</Location>'
    path = policy('config', document())
    without = guarded(path, require='').replace('MtlsPolicyFile', '#')
    status, said = told(without.replace('</VirtualHost>', f'{require}\n</VirtualHost>'))
    assert status == 1 and re.search('MTLS0005: .*virtual host api.example has no policy; set MtlsPolicyFile', said), said
    status, said = told(f'MtlsPolicyFile "{path}"\n' + without.replace('</VirtualHost>', f'{require}\n</VirtualHost>'))
    assert status == 0, said
    status, said = told(f'{require}\n' + guarded(path), probe_config=f'MtlsPolicyFile "{path}"')
    assert status == 0, said
    status, said = told(f'{require}\n' + without, probe_config=f'MtlsPolicyFile "{path}"')
    assert status == 1 and 'MTLS0005' in said and 'api.example' in said, said


@test
def test_the_directives_are_unknown_elsewhere():
    status, said = told(guarded(policy('config', document()), 'MtlsPolicy on'))
    assert status == 1 and 'Invalid command' in said, said


@test_each(('Require mtls-identity', 'cannot stand in .htaccess'), ('MtlsPolicyMode report', 'not allowed here'),
           ('MtlsPolicyMode off\nRequire all granted', 'not allowed here'), ('MtlsPolicyFile /a', 'not allowed here'),
           ('<RequireAny>\nRequire mtls-identity\n</RequireAny>', 'cannot stand in .htaccess'))
def test_htaccess(text, wanted):
    """Is read with each request: there the answer is 500, and nobody is let in."""
    body = '<Directory "${DIR}/htdocs">\nAllowOverride All\n</Directory>'
    with mtls_server(guarded(policy('config', document(('/**',))), body), modules=MODULES, files=['a/b']) as server:
        server.expect('htaccess')
        (server.docroot / 'a/.htaccess').write_text(text + '\n')
        for who in 'billing', None:
            assert client(server, pki()[who] if who else None, requests=['/a/b']).status == 500
        assert re.search(wanted, server.wait_log('core:alert')), server.log_since()


if __name__ == '__main__':
    main()
