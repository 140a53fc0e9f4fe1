#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""MtlsResumption: where it is off no TLS session is resumed, of whatever kind; elsewhere they are, by the same client."""

import os
import tempfile

from harness import HarnessError, client, main, test, test_each
from policies import denials, document, guarded, mtls_server, pki, policy, reasons

HOSTS = ('api.example', 'off.example')
# TLS version, the client wants no ticket, the port: PORT1 has session tickets, PORT2 has none
KINDS = {'1.2 ticket': ('1.2', False, 0), '1.2 session id': ('1.2', True, 0), '1.2 session id without tickets': ('1.2', False, 1),
         '1.3 ticket': ('1.3', False, 0), '1.3 stateful': ('1.3', False, 1)}


def pair(first, off='  MtlsResumption off\n', on='', tail=''):
    """Two virtual hosts on each of two ports; the one of `first` is what a client without a server name gets."""
    path = policy('resumption', document(hosts=HOSTS))
    config = ''
    for port, tickets in ('${PORT1}', ''), ('${PORT2}', '  SSLSessionTickets off\n'):
        for host in sorted(HOSTS, key=lambda name: name != first):
            body = (off if host == 'off.example' else on) + tickets
            config += guarded(path, body, name=host, port=port)
    return tail + config


def ask(server, host, kind, http, session_in=None, session_out=None, **options):
    tls, no_ticket, port = KINDS[kind]
    result = client(server, pki()['billing'], http, tls, host=host, port=server.ports[port], no_ticket=no_ticket,
                    session_in=session_in, session_out=session_out, requests=['/orders/7'], **options)
    assert result.error is None and result.statuses == [200], (host, kind, result)
    return result


def fetched(server, host, kind, sni=None):
    """A file with the session that this host gives, or None. Over HTTP/2 the server speaks first, so that is not waited for."""
    path = tempfile.mktemp(prefix='session-', dir=server.dir)
    try:
        ask(server, host, kind, '2', session_out=path, sni=sni)
    except HarnessError as error:
        assert 'gave no session' in str(error), error
        return None
    return path if os.path.exists(path) and os.path.getsize(path) else None


def resumes(server, host, kind, http, session, sni=None):
    return session is not None and ask(server, host, kind, http, session_in=session, sni=sni).resumed


@test_each(*[(first, kind) for first in HOSTS for kind in KINDS])
def test_no_session_is_resumed_where_it_is_off(first, kind):
    with mtls_server(pair(first), files=['orders/7'], ports=2) as server:
        on, off = fetched(server, 'api.example', kind), fetched(server, 'off.example', kind)
        for http in '1.1', '2':
            assert resumes(server, 'api.example', kind, http, on), 'the neighbour goes on as ever'
            assert not resumes(server, 'off.example', kind, http, off)
            on = fetched(server, 'api.example', kind)  # TLS 1.3 sessions are for one use
        assert not resumes(server, 'off.example', kind, '1.1', on), 'nor one of the neighbour'
        assert resumes(server, 'api.example', kind, '1.1', fetched(server, 'api.example', kind))
        # without a server name the first host is meant, whatever Host says
        assert resumes(server, 'api.example', kind, '1.1', fetched(server, 'api.example', kind, sni=''), sni='') == (first == 'api.example')
        for session in fetched(server, 'api.example', kind), fetched(server, 'api.example', kind, sni=''), off:
            assert not resumes(server, 'off.example', kind, '1.1', session)
            assert first == 'api.example' or not resumes(server, 'off.example', kind, '1.1', session, sni='')
        mark = server.mark()
        assert client(server, None, requests=['/orders/7']).status == 403 and reasons(server, mark) == ['no-certificate']


@test_each(*[(first, kind) for first in HOSTS for kind in ('1.2 ticket', '1.3 ticket')])
def test_tickets_without_a_cache(first, kind):
    """The neighbour gives tickets of its own, also where it is not the first of the port."""
    with mtls_server(pair(first, tail='SSLSessionCache none\n'), files=['orders/7'], ports=2) as server:
        assert resumes(server, 'api.example', kind, '1.1', fetched(server, 'api.example', kind))
        assert not resumes(server, 'off.example', kind, '1.1', fetched(server, 'off.example', kind))


@test_each(*[(kind,) for kind in KINDS])
def test_a_session_that_off_gave_does_not_help_elsewhere(kind):
    with mtls_server(pair('api.example'), files=['orders/7'], ports=2) as server:
        session = fetched(server, 'off.example', kind)
        assert not resumes(server, 'api.example', kind, '1.1', session)


@test_each(*[(kind, http) for kind in KINDS for http in ('1.1', '2')])
def test_a_session_of_a_neighbour_is_none_of_the_host(kind, http):
    """A handshake under a name that resumes, and then a request for the host that does not: that is misdirected."""
    tls, no_ticket, port = KINDS[kind]
    with mtls_server(pair('api.example', '  MtlsResumption off\n  <Location "/health">\n  MtlsPolicyMode report\n  </Location>\n'),
                     files=['orders/7', 'health'], ports=2) as server:
        def misdirected(path, session, who='billing'):
            mark = server.mark()
            result = client(server, pki()[who], http, tls, host='off.example', sni='api.example', port=server.ports[port], no_ticket=no_ticket,
                            session_in=session, requests=[path])
            return result.resumed, result.status, reasons(server, mark)
        for path, answer in (('/orders/7', (421, ['vhost-mismatch'])), ('/nowhere', (403, ['route-unknown'])), ('/health', (200, []))):
            assert misdirected(path, fetched(server, 'api.example', kind)) == (True, *answer), path
        assert misdirected('/orders/7', None) == (False, 200, [])
        assert denials(server)[0]['identity'] == '-', denials(server)[0]


@test
def test_a_misdirected_request_is_refused_where_denials_are_reported():
    with mtls_server(pair('api.example', '  MtlsResumption off\n  MtlsPolicyMode report\n'), files=['orders/7'], ports=2) as server:
        session = fetched(server, 'api.example', '1.3 ticket')
        result = client(server, pki()['billing'], host='off.example', sni='api.example', session_in=session, requests=['/orders/7', '/nowhere'])
        assert result.resumed and result.statuses == [421, 404], result  # there is no such file
        assert [(d['decision'], d['reason']) for d in denials(server)] == [('deny', 'vhost-mismatch'), ('would-deny', 'route-unknown')]


WHERE = {  # what the main server, the one host and the other say; does the first resume, does the other
    'nothing': ('', '', '', True, True), 'on': ('', 'on', 'on', True, True),
    'off for all': ('MtlsResumption off\n', '', '', False, False),
    'off for all but one': ('MtlsResumption off\n', 'on', '', True, False),
    'on for all but one': ('MtlsResumption on\n', '', 'off', True, False),
}


@test_each(*[(name,) for name in WHERE])
def test_what_a_host_inherits(name):
    tail, *said, one, other = WHERE[name]
    on, off = (f'  MtlsResumption {word}\n' if word else '' for word in said)
    with mtls_server(pair('api.example', off, on, tail), files=['orders/7'], ports=2) as server:
        for kind in KINDS:
            for host, wanted in zip(HOSTS, (one, other)):
                assert resumes(server, host, kind, '2', fetched(server, host, kind)) == wanted, (host, kind)


@test_each(*[(kind,) for kind in KINDS])
def test_sessions_of_before_it_was_off(kind):
    """A reload switches it off while clients keep tickets whose key goes on, and the shared cache stays."""
    key = 'SSLSessionTicketKeyFile "${DIR}/ticket-key"\n'
    server = mtls_server(pair('api.example', '', '  ' + key), files=['orders/7'], ports=2)
    (server.dir / 'ticket-key').write_bytes(bytes(range(48)))
    (server.dir / 'ticket-key').chmod(0o600)
    with server:
        session = fetched(server, 'api.example', kind)
        server.write_config(pair('api.example', '', '  MtlsResumption off\n  ' + key))
        server.graceful()
        assert not resumes(server, 'api.example', kind, '1.1', session)
        server.write_config(pair('api.example', '', '  ' + key))
        server.graceful()
        assert resumes(server, 'api.example', kind, '1.1', fetched(server, 'api.example', kind))


if __name__ == '__main__':
    main()
