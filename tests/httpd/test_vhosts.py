#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that were made for one virtual host and ask for another: where the two verify clients alike the policy of the one
that is asked decides; where they do not the answer is 421, whatever SSLVHostSNIPolicy says.
"""

import atexit
import functools
import os
import subprocess
import tempfile

from harness import client, main, test, test_each, vhost
from policies import allow, document, guarded, mtls_server, pki, policy, reasons

POLICIES = ('strict', 'secure', 'authonly', 'insecure')  # of SSLVHostSNIPolicy
SHOW = '''
  Header always set X-Reason "%{MTLS_REASON}e"
  Header always set X-Decision "%{MTLS_DECISION}e"
  Header always set X-Who "%{MTLS_IDENTITY}e"
'''
OPEN = '''
  <Location "/">
    Require all granted
  </Location>
'''
KEY = 'SSLSessionTicketKeyFile "${DIR}/ticket-key"\n'


def changed(old, new):
    """A virtual host that says `new` instead of `old`."""
    def make(name, path):
        text = guarded(path, SHOW, name=name)
        assert text.count(old) == 1, (old, text)
        return text.replace(old, new)
    return make


def said(text):
    """A virtual host that says something more."""
    return lambda name, path: guarded(path, SHOW + f'  {text}\n', name=name)


def authorities(file_name, *names):
    return changed('trusted.pem', os.path.basename(pki().bundle(file_name, *names)))


def revocation_list():
    """Of `corp`, and empty."""
    target = pki().path('corp.crl')
    (database, settings) = (pki().path('index.txt'), pki().path('ca.conf'))
    with open(database, 'w', encoding='ascii'):
        pass
    with open(settings, 'w', encoding='ascii') as file:
        file.write(f'[ca]\ndefault_ca = it\n[it]\ndatabase = {database}\ndefault_md = sha256\n')
    subprocess.run(['openssl', 'ca', '-gencrl', '-config', settings, '-cert', pki()['corp'].crt, '-keyfile', pki()['corp'].key,
                    '-crldays', '30', '-out', target], check=True, capture_output=True)
    return target


def directory():
    """The same authorities as in trusted.pem, in a directory."""
    path = pki().path('authorities')
    os.makedirs(path, exist_ok=True)
    for name in 'corp', 'other', 'partner':
        made = subprocess.run(['openssl', 'x509', '-noout', '-hash', '-in', pki()[name].crt], capture_output=True, text=True, check=True)
        os.path.exists(f'{path}/{made.stdout.strip()}.0') or os.symlink(pki()[name].crt, f'{path}/{made.stdout.strip()}.0')
    return path


def with_key(running):
    """The server, with the key of its session tickets."""
    (running.dir / 'ticket-key').write_bytes(bytes(range(48)))
    (running.dir / 'ticket-key').chmod(0o600)
    return running


CHECKED = 'SSLCARevocationCheck leaf no_crl_for_cert_ok'
FILE = 'SSLCACertificateFile "%s"'


@functools.cache
def differing():
    """Hosts that verify clients in another way than base.example."""
    file, crl = FILE % pki().path('trusted.pem'), revocation_list()
    return {
        'other-cas': authorities('only-other.pem', 'other'), 'fewer-cas': authorities('fewer.pem', 'corp', 'other'),
        'more-cas': authorities('more.pem', 'corp', 'other', 'partner', 'stray'),
        'directory': changed(file, f'SSLCACertificatePath "{directory()}"'),
        'command': said(f'SSLOpenSSLConfCmd VerifyCAPath "{directory()}"'),
        'directory-too': said(f'SSLCACertificatePath "{directory()}"'),
        'verify-none': changed('SSLVerifyClient optional', 'SSLVerifyClient none'),
        'verify-require': changed('SSLVerifyClient optional', 'SSLVerifyClient require'),
        'verify-no-ca': changed('SSLVerifyClient optional', 'SSLVerifyClient optional_no_ca'),
        'less-depth': changed('SSLVerifyDepth 5', 'SSLVerifyDepth 4'),
        'default-depth': changed('SSLVerifyDepth 5', ''),
        'crl': said(f'SSLCARevocationFile "{crl}"'), 'crl-check': said(f'SSLCARevocationFile "{crl}"\n  {CHECKED}'),
        'crl-must': said(f'SSLCARevocationFile "{crl}"\n  SSLCARevocationCheck leaf'),
        'ocsp': said('SSLOCSPEnable leaf'),
        'reporting': changed('trusted.pem"', 'fewer.pem"\n  MtlsPolicyMode report'),
        'depth': changed('SSLVerifyDepth 5', 'SSLVerifyDepth 6'),  # the last: then mod_ssl finds 5 too little, once
    }


@functools.cache
def alike():
    """Hosts that verify clients as base.example does, whatever httpd may think of their files."""
    file = FILE % pki().path('trusted.pem')
    return {
        'same': said(''), 'reordered': authorities('reordered.pem', 'partner', 'other', 'corp'),
        'another-file': authorities('again.pem', 'corp', 'other', 'partner'),
        'repeated': authorities('repeated.pem', 'corp', 'other', 'corp', 'partner'),
        'spelled': changed('SSLVerifyClient optional', 'sslverifyclient Optional'),
        'twice': changed('SSLVerifyClient optional', 'SSLVerifyClient none\n  SSLVerifyClient optional'),
        'in-a-section': changed('SSLVerifyDepth 5', '<IfModule ssl_module>\n  SSLVerifyDepth 5\n  </IfModule>'),
        'its-default': said('SSLCARevocationCheck none\n  SSLOCSPEnable off'), 'with-a-key': said(KEY),
        'by-file': changed(file, f'{FILE % pki().path("fewer.pem")}\n  {file}'),
    }


def host(name):
    return f'{name}.example'


@functools.cache
def server(value):
    """base.example comes first, so that it is what a client without a server name gets."""
    pki().bundle('fewer.pem', 'corp', 'other')
    names = ['base', 'alias', *alike(), *differing()]
    made = document(hosts=[host(name) for name in names])
    made['rules']['outside-too'] = allow(['@outside'], 'order')
    path = policy('vhosts', made)
    config = f'SSLVHostSNIPolicy {value}\nKeepAliveTimeout 60\n' + KEY + guarded(path, SHOW + '  ServerAlias alias.example\n', name=host('base'))
    config += ''.join(make(host(name), path) for name, make in [*alike().items(), *differing().items()])
    for name, file in ('open', 'trusted.pem'), ('open-too', 'fewer.pem'):
        config += vhost(pki(), OPEN, host(name), ca=file, cert='hosts')
    running = mtls_server(config, ['headers'], ['orders/7', 'health'])
    with_key(running).expect('AH02032|AH02033')  # httpd has its own opinion of such requests
    # and asks again for a certificate
    running.expect('AH10158|AH02261|AH02262|AH02263|AH10129|extension not received|invalid config|peer did not return')
    running.expect('AH01902')  # a revocation list that is not looked at
    running.expect('AH02268|AH02269|AH01918|AH01972|AH02217|AH02218|AH01973|AH01925')  # nobody answers for OCSP
    atexit.register(running.remove)
    atexit.register(running.kill)
    return running.start()


SHOWN = ('X-Reason', 'X-Decision', 'X-Who')
PATHS = ('/orders/7', '/health', '/nowhere')
NEW = [(http, tls) for http in ('1.1', '2') for tls in ('1.2', '1.3')]
ASKED_AGAIN = ('verify-none', 'verify-require', 'less-depth', 'default-depth')  # mod_ssl itself wants another handshake then, once
CLIENTS = {'other-cas': ['auditor'], 'default-depth': ['auditor'], 'crl-must': ['direct'], 'verify-none': [None], 'ocsp': [None]}  # who gets there at all


def asked_of(names, http, paths=PATHS):
    """Requests for these hosts, whatever the connection was made for."""
    header = ':authority' if http == '2' else 'Host'
    return [('GET', path, {header: host(name)}) for name in names for path in paths]


def play(value, sni, who, http, tls, requests, **options):
    """(the Result, the reasons that were logged)."""
    mark = server(value).mark()
    result = client(server(value), pki()[who] if who else None, http, tls, sni=host(sni) if sni else '', host=host(sni or 'base'),
                    requests=requests, headers=SHOWN, **options)
    return result, reasons(server(value), mark)


MISMATCH = {'x-reason': ['vhost-mismatch'], 'x-decision': ['deny'], 'x-who': ['(null)']}


def all_misdirected(result, why, reported=()):
    """Each three answers are of one host; `reported` are those that let pass what else they deny."""
    for i in range(0, len(result.statuses), 3):
        assert result.statuses[i:i + 3] == [421, 200, 404 if i // 3 in reported else 403], (i, result)
        assert result.headers[i] == MISMATCH and result.headers[i + 2]['x-reason'] == ['route-unknown'], (i, result.headers[i:i + 3])
    assert why == ['vhost-mismatch', 'route-unknown'] * (len(result.statuses) // 3) and why, why


@test_each(*NEW)
def trap_25_who_is_verified_otherwise_is_misdirected(http, tls):
    """By whoever would be let in at either host; not where everyone is. Also on one connection, beside requests that are not."""
    names = [name for name in differing() if name not in ASKED_AGAIN]
    for sni in 'base', None, 'alias', 'reordered':
        for who in ('billing', 'auditor', None) if sni == 'base' else ('billing',):
            result, why = play('insecure', sni, who, http, tls, asked_of(names, http))
            assert len(result.statuses) == 3 * len(names), result
            all_misdirected(result, why, [names.index('reporting')])
    for name in [*names, 'less-depth', 'default-depth']:
        if name == 'depth' and tls == '1.3':
            continue  # mod_ssl wants another handshake
        for who in CLIENTS.get(name, ['billing']):
            all_misdirected(*play('insecure', name, who, http, tls, asked_of(['base'], http)))
    # of an authority without a revocation list, which is fine at one of the two
    all_misdirected(*play('insecure', 'crl-check', 'auditor', http, tls, asked_of(['crl-must'], http)))
    # a host without a policy may shake hands as well
    all_misdirected(*play('insecure', 'open-too', 'billing', http, tls, asked_of(['base', 'same'], http)))
    assert play('insecure', 'open', 'billing', http, tls, asked_of(['base', 'fewer-cas', 'open-too'], http, ['/orders/7']))[0].statuses == [200, 421, 200]
    result, why = play('insecure', 'base', 'billing', http, tls, asked_of(['base', 'fewer-cas', 'base', 'crl', 'same'], http, ['/orders/7']))
    assert result.statuses == [200, 421, 200, 421, 200] and why == ['vhost-mismatch'] * 2, result


@test_each(*NEW)
def trap_25_a_certificate_that_mod_ssl_asks_for_changes_nothing(http, tls):
    """The other host wants one on this connection, or a shorter path. What comes is verified against whatever authorities."""
    pairs = [('base', name) for name in ASKED_AGAIN] + [('verify-none', 'base'), ('verify-require', 'base'), ('depth', 'base')]
    for sni, name in pairs:
        for who in ('billing', None) if sni != 'verify-require' else ('billing',):
            result, why = play('insecure', sni, who, http, tls, asked_of([name] * 3, http, ['/orders/7', '/nowhere']), pha=True)
            assert {421, 403, 'reset HTTP_1_1_REQUIRED'} >= set(result.statuses), (sni, name, who, result)
            assert set(why) <= {'vhost-mismatch', 'route-unknown'}, (sni, name, who, why)


@test
def trap_25_over_http2_streams_are_told_apart():
    """Side by side: a client may use one connection for all hosts that its server's certificate names."""
    names = ['base', 'crl', 'reordered', 'other-cas', 'alias', 'fewer-cas'] * 10
    wanted = [200 if name in ('base', 'reordered', 'alias') else 421 for name in names]
    for tls, resume in ('1.2', 'ticket'), ('1.3', None), ('1.3', 'ticket'):
        result, why = play('insecure', 'base', 'billing', '2', tls, asked_of(names, '2', ['/orders/7']), resume=resume, parallel=True)
        assert result.statuses == wanted and why == ['vhost-mismatch'] * 30, result
        assert all(headers['x-who'] == (['billing'] if status == 200 else ['(null)']) for headers, status in zip(result.headers, wanted))


@test_each(*[(value,) for value in POLICIES[:3]])
def trap_25_httpds_own_opinion_is_not_less(value):
    """Under every policy but `insecure` it refuses such requests itself, and some more."""
    names, same = [*differing()], [*alike()]
    for who in 'billing', None:
        result, why = play(value, 'base', who, '2', '1.3', asked_of(names, '2'))
        assert result.statuses == [421] * 3 * len(names) and not why, result
    for tls in '1.2', '1.3':
        for sni, name in ('base', 'depth'), ('depth', 'base'), (None, 'other-cas'), (None, 'verify-require'):
            result, _ = play(value, sni, 'billing', '1.1', tls, asked_of([name], '1.1', ['/orders/7']), pha=True)
            assert result.statuses == [421], (sni, name, result)
    result, why = play(value, 'base', 'billing', '2', '1.3', asked_of(['base', 'alias', *same], '2', ['/orders/7']))
    assert result.statuses[:2] == [200, 200] and set(result.statuses[2:]) <= {200, 421} and not why, result
    assert result.statuses[2 + same.index('same')] == (421 if value == 'strict' else 200), result


@test_each(*NEW)
def trap_25_who_is_verified_alike_is_the_same_client(http, tls):
    names = ['base', 'alias', *alike()]
    for who, status, reason in ('billing', 200, None), ('auditor', 200, None), ('billing-other', 403, 'identity-unknown'), (None, 403, 'no-certificate'):
        for sni in 'base', 'reordered', None:
            result, why = play('insecure', sni, who, http, tls, asked_of(names, http, ['/orders/7']))
            assert result.statuses == [status] * len(names) and why == [reason] * len(names) * (reason is not None), (who, sni, result, why)
    for name in names:
        result, why = play('insecure', name, 'billing', http, tls, asked_of(['base'], http))
        assert (result.statuses, why) == ([200, 200, 403], ['route-unknown']), (name, result)


# ---------------------------------------------------------------- sessions

RESUMED = [('1.2', 'ticket'), ('1.2', 'session-id'), ('1.3', 'ticket')]


@test_each(*[(tls, resume) for tls, resume in RESUMED])
def trap_25_a_resumed_connection_is_misdirected_too(tls, resume):
    names = [name for name in differing() if name not in ASKED_AGAIN]
    for http in '1.1', '2':
        result, why = play('insecure', 'base', 'billing', http, tls, asked_of(['base', *alike(), *names], http, ['/orders/7']), resume=resume)
        assert result.resumed and result.statuses == [200] * (1 + len(alike())) + [421] * len(names), result
        assert why == ['vhost-mismatch'] * len(names), why
        result, why = play('insecure', 'crl', 'billing', http, tls, asked_of(['crl', 'base', 'crl'], http, ['/orders/7']), resume=resume)
        assert result.resumed and result.statuses == [200, 421, 200] and why == ['vhost-mismatch'], result


def session_of(value, sni, who, tls, no_ticket=False):
    path = tempfile.mktemp(prefix='session-', dir=server(value).dir)
    result, _ = play(value, sni, who, '1.1', tls, asked_of([sni], '1.1', ['/health']), session_out=path, no_ticket=no_ticket)
    assert result.statuses == [200], result
    return path


FROM_ANOTHER = [  # the host that gave the session, the one that it is shown to, by whom; the status, None where the handshake fails
    ('base', 'depth', 'billing', 200), ('fewer-cas', 'base', 'billing', 200), ('crl', 'crl-check', 'billing', 200),
    ('base', 'reordered', 'billing', 200), ('base', 'verify-none', 'billing', 403), ('verify-none', 'base', None, 403),
    ('base', 'other-cas', 'billing', None), ('more-cas', 'base', 'stray-client', None), ('verify-no-ca', 'base', 'selfsigned', None)]


@test_each(*[(tls, resume) for tls, resume in RESUMED])
def trap_25_a_session_of_another_host(tls, resume):
    """Its ticket can be read, because the hosts share a key; its session is in the cache, which is one for all."""
    for value in 'insecure', 'secure':
        for first, then, who, status in FROM_ANOTHER:
            session = session_of(value, first, who, tls, resume == 'session-id')
            requests = asked_of([then], '1.1', ['/orders/7'] * 2)
            result, why = play(value, then, who, '1.1', tls, requests, session_in=session, no_ticket=resume == 'session-id')
            assert not result.resumed and result.statuses == [status] * 2 * (status is not None), (value, first, then, result)
            assert why == ['no-certificate'] * 2 * (status == 403), (first, then, why)


# ---------------------------------------------------------------- however it is written, and after a restart

def written(path, macro):
    """Virtual hosts of macros, of included files and of what the main server says; (the text, names that differ from base)."""
    body = guarded(path, SHOW, name='$name.example').replace('SSLVerifyDepth 5', 'SSLVerifyDepth $depth').replace('trusted.pem', '$file')
    text = f'SSLVerifyDepth 5\nSSLVerifyClient optional\n<Macro Host $name $depth $file>\n{body}</Macro>\n'
    uses = 'base 5 trusted.pem', 'm-depth 6 trusted.pem', 'm-same 5 trusted.pem', 'm-cas 5 fewer.pem', 'm-again 5 again.pem', \
        'm-twins 5 twins.pem', 'm-twins-too 5 twins-too.pem'
    macro.write_text(text + ''.join(f'Use Host {words}\n' for words in uses))
    bare = guarded(path, SHOW, name='inherits.example').replace('  SSLVerifyDepth 5\n', '').replace('  SSLVerifyClient optional\n', '')
    two = guarded(path, SHOW, name='two.example').replace('127.0.0.1:${PORT}', '127.0.0.1:${PORT} 127.0.0.2:${PORT}')
    inside = f'<IfDefine PORT>\n<IfModule ssl_module>\nSSLCARevocationFile "{revocation_list()}"\n{CHECKED}\n</IfModule>\n</IfDefine>\n'
    crl = guarded(path, SHOW + inside, name='deep.example')
    template = macro.with_name('template.conf')
    template.write_text(guarded(path, SHOW, name='${NAME}.example').replace('SSLVerifyDepth 5', 'SSLVerifyDepth ${DEPTH}'))
    read_again = ''.join(f'Define NAME {name}\nDefine DEPTH {depth}\nInclude "{template}"\n' for name, depth in (('t-same', 5), ('t-depth', 6)))
    return f'Include "{macro}"\n{bare}{two}{crl}{read_again}', {'m-depth', 'm-cas', 'deep', 'm-twins', 'm-twins-too', 't-depth'}


@test
def trap_25_however_the_hosts_are_written():
    pki().bundle('fewer.pem', 'corp', 'other')
    pki().bundle('again.pem', 'partner', 'corp', 'other')
    pki().add('corp-again', ca=1, cn='corp root')
    pki().bundle('twins.pem', 'corp', 'corp-again', 'other', 'partner')
    pki().bundle('twins-too.pem', 'other', 'corp-again', 'corp', 'partner')
    names = ['base', 'm-same', 'm-again', 'inherits', 'two', 'm-cas', 'deep', 'm-twins', 'm-twins-too', 't-same', 't-depth', 'm-depth']
    path = policy('vhosts-written', document(hosts=[host(name) for name in names]))
    running = mtls_server('', ['headers', 'macro'], ['orders/7', 'health'])
    text, differ = written(path, running.dir / 'hosts.conf')
    running.config = 'SSLVHostSNIPolicy insecure\nKeepAliveTimeout 60\n' + text
    with running:
        for http in '1.1', '2':
            for sni in 'base', 'm-again', 'inherits', 'two', '':
                requests = asked_of(names, http, ['/orders/7'])
                result = client(running, pki()['billing'], http, sni=host(sni) if sni else '', host='base.example', requests=requests)
                assert result.statuses == [421 if name in differ else 200 for name in names], (sni, result)
            requests = asked_of(['m-twins-too', 'm-twins', 'base'], http, ['/orders/7'])
            result = client(running, pki()['billing'], http, sni='m-twins.example', host='m-twins.example', requests=requests)
            assert result.statuses == [200, 200, 421], result  # authorities of one name, in whatever order


CHANGES = {  # the subjects of the rule, what api.example says otherwise; the status then, and whether sessions go on
    'nothing': (['@staff'], '', 200, True), 'policy': (['auditor'], '', 403, True), 'crl': (['@staff'], 'crl', 200, False),
    'cas': (['@staff'], 'cas', None, False)}


def hosts_after(change):
    """Two hosts, of which the first has other authorities or revocation lists, or both another policy."""
    made = document(hosts=['api.example', 'b.example'])
    subjects, trust, *_ = CHANGES[change]
    made['rules']['staff-reads'] = allow(subjects, 'order')
    path = policy(f'after-{change}', made)
    first, second = (guarded(path, '  ' + KEY, name=name) for name in ('api.example', 'b.example'))
    if trust == 'cas':
        first = first.replace('trusted.pem', os.path.basename(pki().bundle('only-other.pem', 'other')))
    if trust == 'crl':
        first = first.replace('  SSLEngine on\n', f'  SSLEngine on\n  SSLCARevocationFile "{revocation_list()}"\n  {CHECKED}\n')
    return first + second


@test_each(('graceful', [*CHANGES]), ('start', ['policy', 'cas']))
def trap_25_sessions_from_before_a_restart(how, changes):
    """The ticket key is a file's, so they can be resumed: under the policy of today, and not where clients are verified otherwise now."""
    running = mtls_server(hosts_after('nothing'), [], ['orders/7', 'health'])
    with_key(running).start()
    sessions = {tls: tempfile.mktemp(dir=running.dir) for tls in ('1.2', '1.3')}
    for tls, session in sessions.items():
        assert client(running, pki()['billing'], tls=tls, requests=['/orders/7'], session_out=session).status == 200
    for change in changes:
        running.write_config(hosts_after(change))
        if how == 'start':
            running.kill()
            running.start()
        else:
            running.graceful()
        _, _, status, resumed = CHANGES[change]
        for tls, session in sessions.items():
            mark = running.mark()
            result = client(running, pki()['billing'], tls=tls, requests=['/orders/7'] * 2, session_in=session)
            assert bool(result.resumed) == resumed and result.statuses == ([status] * 2 if status else []), (change, tls, result)
            assert reasons(running, mark) == (['no-rule'] * 2 if status == 403 else []), (change, tls)
    running.stop()
    running.remove()


@test
def nothing_else_is_in_the_log():
    for value in POLICIES:
        server(value).stop()
        server(value).remove()


if __name__ == '__main__':
    main()
