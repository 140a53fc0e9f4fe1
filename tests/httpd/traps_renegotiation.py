#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates that come, change and go within a connection: renegotiation in TLS 1.2, post-handshake authentication in
1.3, both asked for by a section's own SSLVerifyClient. Who the client is follows them, and never precedes them.
"""

import atexit
import functools
import os
import tempfile

from harness import client, main, test, test_each
from policies import allow, document, guarded, mtls_server, pki, policy, reasons, route

NEW_HANDSHAKES = [('none', '1.2'), ('none', '1.3'), ('optional', '1.2')]  # with `optional` TLS 1.3 cannot ask again
SHOWN = ('X-Who', 'X-Issuer', 'X-Hash')
SECTIONS = '''
  <Location "/ops">
    SSLVerifyClient require
    SSLVerifyDepth 5
  </Location>
  <Location "/loose">
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 5
  </Location>
  Header always set X-Who "%{MTLS_IDENTITY}e"
  Header always set X-Issuer "%{MTLS_ISSUER}e"
  Header always set X-Hash "%{MTLS_CERT_SHA256}e"
'''
CIPHER = '''
  SSLCipherSuite ECDHE+AES256
  <Location "/cipher">
    SSLCipherSuite ECDHE+AES128
  </Location>
'''
FREE = '''
  <Location "/free">
    MtlsPolicyMode off
    Require all granted
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 5
  </Location>
'''
OPEN = '''
  <Location "/">
    Require all granted
  </Location>
'''


def rules():
    made = document(paths=('/orders/{id}', '/ops/{id}', '/loose/{id}', '/cipher/{id}'))
    made['routes']['own'] = route('/billing-only')
    made['rules']['own'] = allow(['billing'], 'own')
    return policy('renegotiation', made)


@functools.cache
def server():
    """PORT1 wants no certificate, PORT2 takes one; b.example of either has the same TLS settings and no policy."""
    config = 'KeepAliveTimeout 60\n'
    for port, verify in ('${PORT1}', 'none'), ('${PORT2}', 'optional'):
        config += guarded(rules(), SECTIONS + CIPHER + FREE, port=port, verify=verify)
        config += guarded(rules(), SECTIONS + CIPHER + FREE, OPEN, name='b.example', port=port, verify=verify)
    made = mtls_server(config, ['headers'], [f'{place}/7' for place in ('orders', 'ops', 'loose', 'cipher', 'free')] + ['billing-only'],
                       ports=2).start()
    made.expect('MTLS0006')  # the policy of b.example is not used
    made.expect('AH0226[123]|peer did not return a certificate|certificate verify failed')  # clients that are refused
    made.expect('AH10158|AH10159|invalid config')  # TLS 1.3 asks once
    atexit.register(made.remove)
    atexit.register(made.kill)  # the last one registered runs first
    return made


def become(name):
    """What has the client change its certificate; None: to none."""
    return f'@certificate {pki()[name].chain} {pki()[name].key}' if name else '@certificate'


def play(verify, tls, cert, requests, http='1.1', **options):
    """The Result, who was seen by each request, and why the denied ones were."""
    mark = server().mark()
    port = server().ports[0 if verify == 'none' else 1]
    result = client(server(), pki()[cert] if cert else None, http, tls, requests=requests, port=port, pha=True, headers=SHOWN, **options)
    who = [headers['x-who'][0] if 'x-who' in headers else None for headers in result.headers]
    return result, who, reasons(server(), mark)


NOBODY = '(null)'


@test_each(*NEW_HANDSHAKES)
def trap_12_who_the_client_is_follows_its_certificate(verify, tls):
    result, who, why = play(verify, tls, None, ['/orders/7', become('billing'), '/billing-only', '/ops/7', '/billing-only', '/orders/7'])
    assert result.statuses == [403, 403, 200, 200, 200] and why == ['no-certificate'] * 2, (result, why)
    assert who == [NOBODY, NOBODY, 'billing', 'billing', 'billing'], result
    assert result.headers[2] == result.headers[3] == result.headers[4] and result.headers[0]['x-hash'] == [NOBODY], result


@test_each(*[(verify, tls, name) for verify, tls in NEW_HANDSHAKES for name in ('unknown', 'billing-other', 'no-name')])
def trap_12_a_certificate_that_is_none_of_the_policys(verify, tls, name):
    result, who, why = play(verify, tls, None, ['/orders/7', become(name), '/ops/7', become('billing'), '/orders/7', '/billing-only'])
    reason = 'name-missing' if name == 'no-name' else 'identity-unknown'
    assert result.statuses == [403] * 4 and why == ['no-certificate'] + [reason] * 3, (result, why)
    assert who == [NOBODY] * 4, result


@test_each(('none',), ('optional',))
def trap_12_another_certificate_by_renegotiation(verify):
    seen = {'billing': (200, 200), 'shipping': (200, 403), 'auditor': (403, 403)}
    for first, second in ('billing', 'shipping'), ('shipping', 'auditor'), ('auditor', 'billing'), ('billing', None):
        start = [] if verify == 'none' else ['/orders/7']
        # the second handshake is asked for by the ciphers of a section; with `none` it is without a certificate
        requests = [*start, '/ops/7', '/billing-only', become(second), '/orders/7', '/cipher/7', '/orders/7', '/billing-only']
        result, who, _ = play(verify, '1.2', first, requests)
        one, own = seen[first]
        other, others = seen[second] if second and verify == 'optional' else (403, 403)
        assert result.statuses == [one] * len(start) + [one, own, one, other, other, others], (first, second, result)
        assert set(who[:-3]) == {first} and set(who[-3:]) == {second if second and verify == 'optional' else NOBODY}, (first, second, who)


@test
def trap_12_post_handshake_authentication_is_once():
    """What the client would show now is not what the server has seen."""
    result, who, _ = play('none', '1.3', 'shipping', ['/ops/7', become('billing'), '/ops/7', '/billing-only', become(None), '/ops/7'])
    assert result.statuses == [200, 200, 403, 200] and who == ['shipping'] * 4, result
    result, who, why = play('optional', '1.3', 'billing', ['/billing-only', become('shipping'), '/ops/7', '/orders/7', '/billing-only'])
    assert result.statuses == [200, 403, 200, 200] and who[2:] == ['billing'] * 2 and not why, (result, why)


@test_each(*NEW_HANDSHAKES)
def trap_12_a_certificate_that_is_not_verified(verify, tls):
    for name in 'selfsigned', 'stray-client':
        mark = server().mark()
        result, who, why = play(verify, tls, name if verify == 'none' else None, ['/orders/7', become(name), '/ops/7', '/orders/7'])
        assert result.statuses == [403] and result.closed and why == ['no-certificate'], (name, result)
        assert 'reason=allowed' not in server().log_since(mark) and who == [NOBODY]
        if verify == 'none':
            result, who, why = play(verify, tls, name, ['/orders/7', '/loose/7', '/loose/7', '/orders/7', become('billing'), '/orders/7'])
            assert result.statuses == [403] * 5 and who == [NOBODY] * 5, (name, result)
            assert why == ['no-certificate'] + ['certificate-not-verified'] * 4, (name, why)


@test_each(('1.2',), ('1.3',))
def trap_12_a_certificate_that_came_unseen(tls):
    """In a section where the policy is off, or on a host without one: by the time we look, mod_ssl may have overwritten the verdict."""
    elsewhere = [('GET', '/loose/7', {'Host': 'b.example'})] * 3
    for name in 'selfsigned', 'stray-client', 'billing':
        for unseen in ['/free/7'] * 2, elsewhere:
            requests = ['/orders/7', become(name), *unseen, '/orders/7', '/orders/7', '/ops/7', '/orders/7']
            result, who, why = play('none', tls, None, requests)
            assert result.statuses[:len(unseen) + 3] == [403] + [200] * len(unseen) + [403] * 2, (name, result)
            assert 200 not in result.statuses[len(unseen) + 1:] and set(who) == {NOBODY}, (name, result)
            assert why[:3] == ['no-certificate'] + ['certificate-not-verified'] * 2, (name, why)


@test_each(('none', '1.2'), ('none', '1.3'), ('optional', '1.2'), ('optional', '1.3'))
def trap_12_over_http2_nothing_changes(verify, tls):
    """The stream is sent back to HTTP/1.1; the others are who they were."""
    requests = ['/orders/7', become('billing'), '/ops/7', '/orders/7', '/billing-only', '/ops/7', '/orders/7']
    result, who, why = play(verify, tls, 'shipping', requests, http='2')
    before = 200 if verify == 'optional' else 403
    sent_back = 'reset HTTP_1_1_REQUIRED'
    assert result.statuses == [before, sent_back, before, 403, sent_back, before], result
    assert set(who) == {'shipping' if verify == 'optional' else NOBODY, None}, who
    assert why == (['no-rule'] if verify == 'optional' else ['no-certificate'] * 4), why
    result, _, _ = play(verify, tls, 'shipping', ['/ops/7'] * 8 + ['/orders/7'], http='2', parallel=True)
    assert result.statuses == [sent_back] * 8 + [before], result


def session_of(verify, tls, cert, requests, **options):
    path = tempfile.mktemp(prefix='session-', dir=server().dir)
    result, _, _ = play(verify, tls, cert, requests, session_out=path, **options)
    assert os.path.getsize(path) and not result.error, result
    return path


OTHERS = [('billing', 'shipping'), ('billing', 'auditor'), ('auditor', 'billing'), ('billing', 'billing-other'), ('billing', 'stray-client')]


@test_each(('none', '1.2'), ('none', '1.3'), ('optional', '1.2'))
def trap_12_a_resumed_session_and_another_certificate(verify, tls):
    """The path that a session carries is that of its own certificate."""
    at_first = ['/ops/7'] if verify == 'none' else ['/orders/7']
    for before, after in [(None, 'billing'), *(OTHERS if (verify, tls) != ('none', '1.2') else [])]:
        session = session_of(verify, tls, before, at_first if before else ['/orders/7'])
        result, who, _ = play(verify, tls, before, ['/orders/7', become(after), '/ops/7', '/orders/7'], session_in=session)
        assert result.resumed and who[0] == (before or NOBODY), (before, after, result)
        assert result.statuses[0] == (200 if before == 'billing' else 403), (before, after, result)
        if after == 'stray-client':
            assert len(result.statuses) == 1 and result.closed, result
            continue
        assert result.statuses[1:] == [200 if after in ('billing', 'shipping') else 403] * 2, (before, after, result)
        assert who[1:] == [NOBODY if after == 'billing-other' else after] * 2, (before, after, who)


@test
def trap_12_a_session_keeps_the_verdict_of_a_later_handshake():
    """TLS 1.3 gives new tickets after the client has authenticated. One that was not verified mod_ssl itself resumes, and then hangs up."""
    for name, place in ('billing', '/ops/7'), ('auditor', '/ops/7'), ('stray-client', '/loose/7'), ('selfsigned', '/loose/7'):
        session = session_of('none', '1.3', name, [place])
        result, who, why = play('none', '1.3', name, ['/orders/7'] * 2, session_in=session)
        statuses = {'billing': [200] * 2, 'auditor': [403] * 2}.get(name, [])
        assert result.resumed and result.statuses == statuses and why == (['no-rule'] * 2 if name == 'auditor' else []), (name, result, why)


@test
def nothing_else_is_in_the_log():
    server().stop()


if __name__ == '__main__':
    main()
