#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Generated policies, certificates and requests, played through httpd over TLS and compared with the reference.

What the module says of a request in its variables must be what the reference says: decision, reason, rule, route, identity,
issuer. Requests that httpd refuses before any module is asked are counted apart; the reference must deny them too. Users, later
paths, error pages and Require lines have tests of their own.
"""

import collections
import dataclasses
import functools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MARGIN_S = 3600  # no generated time lies within the time the test takes
os.environ['GENERATE_EPOCH'] = str(int(time.time()) + MARGIN_S)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'reference'))
import comparison  # noqa: E402
import generate  # noqa: E402
import pool  # noqa: E402
import reference  # noqa: E402
from harness import Cert, Pki, Server, client, main, parse_output, plain, policy_tool, test, tool, vhost  # noqa: E402

SEED = int(os.environ.get('MTLS_SEED', 11))
POLICIES = int(os.environ.get('MTLS_POLICIES', 24))
CASES_PER_POLICY = 50
LEAST_COMPARED = 500
LEAST_ALLOWED = 100
FIELDS = ['decision', 'reason', 'rule', 'route', 'identity', 'issuer']
UNVERIFIED_ISSUER = 'nobody'  # an authority that the server does not trust


@dataclasses.dataclass
class Case:
    """One request by one client under one policy, what the reference says of it, and how it is sent."""

    policy: int
    certificate: str | None
    request: reference.Request
    address: str
    http: str
    expected: reference.Decision = None

    def __str__(self):
        return f'policy {self.policy}, {self.certificate}, {self.request}, from {self.address}, HTTP/{self.http}'


@dataclasses.dataclass
class Answer:
    """What came back: the status or another outcome, and the module's variables, empty where it was not asked."""

    outcome: int | str
    said: dict


# ---------------------------------------------------------------- what is played

# The server sees clients from 127.0.0.0/8 alone, so the generator's private networks move there.
MOVED_NETWORKS = {'10.0.0.0/8': '127.0.0.0/9', '10.1.0.0/16': '127.1.0.0/16', '10.1.2.3': '127.1.2.3'}
ADDRESSES = ['127.0.0.1', '127.1.2.3', '127.1.9.9', '127.2.0.1', '127.200.0.1']


def moved(document):
    for rule in document['rules'].values():
        if 'networks' in rule:
            rule['networks'] = [MOVED_NETWORKS.get(network, network) for network in rule['networks']]
    return document


def host_asked_for(request):
    """The host in an absolute target comes before the Host header (RFC 9112 3.2.2), for httpd where the scheme is its own."""
    absolute = re.match(rb'(https?)://([^/?#]*)', request.target, re.IGNORECASE)
    own_scheme = b'https' if request.tls == 'present' else b'http'
    return absolute[2].decode() if absolute and absolute[1].lower() == own_scheme else request.host


def http_for(request, number):
    """Both versions in turn, but HTTP/2 has no absolute targets (RFC 9113 8.3.1), and httpd none without a host there."""
    return '2' if number % 2 and request.host is not None and not re.match(rb'\w+://', request.target) else '1.1'


def can_be_sent(case):
    """Not what only the driver of the engine can pretend: certificates and connections that cannot be looked at."""
    spec = pool.POOL.get(case.certificate)
    return case.request.tls != 'unavailable' and (spec is None or spec.readable and spec.established)


@functools.cache
def documents_and_cases():
    rng = random.Random(SEED)
    documents, cases = [], []
    for number, (document, made) in enumerate(generate.triples(SEED, POLICIES)):
        documents.append(moved(document))
        for case in filter(can_be_sent, made[:CASES_PER_POLICY]):
            request = dataclasses.replace(case.request, user=None, arrival='client')
            address = rng.choice(ADDRESSES) if request.tls == 'present' else '127.0.0.1'
            cases.append(Case(number, case.certificate, request, address, http_for(request, len(cases))))
    return documents, cases


def decide(documents, case, now):
    document = documents[case.policy]
    policy = reference.Policy(document, pool.issuer_keys(document))
    request = dataclasses.replace(case.request, host=host_asked_for(case.request))
    decision = policy.decide(request, pool.reference_certificate(case.certificate), now, case.address)
    return dataclasses.replace(decision, condition=None)  # of which no variable speaks


# ---------------------------------------------------------------- the server

class Pool(Pki):
    """The generator's certificates, which the server trusts as the generator means it."""

    def __init__(self, directory):
        super().__init__(directory)
        self.add('site', ca=1, cn='site root')
        self.add('server', 'site', cn='api.example', dns='api.example', eku='server')
        self.add(UNVERIFIED_ISSUER, ca=1, cn='Test corp CA')
        specs = [spec if spec.verified else dataclasses.replace(spec, issuer=UNVERIFIED_ISSUER)
                 for spec in pool.POOL.values()]
        subprocess.run([tool('mint'), directory], input='\n'.join(spec.line() for spec in specs), text=True, check=True)
        self.pins = comparison.TruePins(directory)
        # Those that are their own issuer are trusted: it is the module that must not take them.
        anchors = [spec.name for spec in specs if spec.issuer == 'self']
        self.bundle('trusted.pem', *anchors)
        for spec in specs:
            between = [spec.issuer] if spec.issuer == 'east' else []
            chain = self.bundle(f'{spec.name}.chain', spec.name, *between)
            self._certs[spec.name] = Cert(spec.name, self.path(f'{spec.name}.crt'), chain, self.path(f'{spec.name}.key'))


SECTION = '''
  AllowEncodedSlashes NoDecode
  TraceEnable off
  AliasMatch "^/" "${DIR}/htdocs/index.html"
''' + ''.join(f'  Header always set X-{name} "expr=%{{reqenv:MTLS_{name.upper()}}}"\n' for name in FIELDS) + '''
  <Location "/">
    Require mtls-identity
  </Location>
'''


def compiled(pki, number, document):
    source = Path(pki.path(f'policy{number}.json'))
    source.write_text(json.dumps(pki.pins.document(document)))
    image = source.with_suffix('.mtlsp')
    made = subprocess.run([policy_tool(), 'compile', source, '-o', image], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return image


def configuration(pki, documents):
    """For each policy a port with TLS and one without."""
    text = ''
    for number, document in enumerate(documents):
        body = f'  MtlsPolicyFile "{compiled(pki, number, document)}"\n{SECTION}'
        text += vhost(pki, body, port=f'${{PORT{number + 1}}}', verify='optional_no_ca')
        text += (f'<VirtualHost 127.0.0.1:${{PORT{len(documents) + number + 1}}}>\n  ServerName api.example\n'
                 f'{body}</VirtualHost>\n')
    return text


# ---------------------------------------------------------------- playing

def answer_of(result):
    if result.error or not result.statuses:
        return Answer(result.error or 'closed', {})
    said = {name: values[0] for name, values in result.headers[0].items()}
    return Answer(result.statuses[0], {name: said.get(f'x-{name}') or None for name in FIELDS})


def play_tls(server, pki, case):
    request = case.request
    name = 'Host' if case.http == '1.1' else ':authority'
    headers = {**({} if request.host is None else {name: request.host}), **dict(request.headers)}
    return answer_of(client(server, case.certificate and pki[case.certificate], http=case.http,
                            port=server.ports[case.policy], sni='', source=case.address,
                            host=None if request.host is None else 'unused',
                            requests=[(request.method, request.target, headers)],
                            headers=[f'x-{name}' for name in FIELDS]))


def play_plain(server, case):
    request = case.request
    version = b'HTTP/1.0' if request.host is None else b'HTTP/1.1\r\nHost: ' + request.host.encode()
    more = ''.join(f'{name}: {value}\r\n' for name, value in request.headers).encode()
    head = plain(server.ports[POLICIES + case.policy], b'%s %s %s\r\n%sConnection: close\r\n\r\n' % (
        request.method.encode(), request.target, version, more)).partition(b'\r\n\r\n')[0].decode('latin-1')
    status, *lines = head.split('\r\n')
    text = f'response 1 {status.split()[1]}\n' + ''.join(f'header 1 {line[:line.find(":")].lower()}{line[line.find(":"):]}\n'
                                                         for line in lines)
    return answer_of(parse_output(text))


def play(server, pki, case):
    return play_tls(server, pki, case) if case.request.tls == 'present' else play_plain(server, case)


# ---------------------------------------------------------------- comparing

def has_bad_dates(certificate, now):
    known = pool.reference_certificate(certificate)
    return known is not None and not known.not_before <= now <= known.not_after


def breaks_http(request):
    """What a policy may have no objection to but HTTP or httpd has: spaces and controls in the target, dot segments that lead
    above the root, an IPv6 host without brackets, numbers that are nearly an IPv4 host."""
    host = (request.host or '').rpartition(':')[0] or request.host or ''
    return (re.search(rb'[\0- \x7f]', request.target) or leads_above(request.target)
            or (request.host or '').count(':') > 1 and not request.host.startswith('[')
            or re.fullmatch(r'[0-9.]+', host) and not comparison.is_address(host))


def leads_above(target):
    depth = 0
    for segment in reference.requests.raw_path(target).split(b'/')[1:]:
        decoded = reference.requests.decode(segment)
        depth += {b'..': -1, b'.': 0, b'': 0}.get(decoded, 1)
        if depth < 0:
            return True
    return False


def difference(case, answer, now):
    """What is wrong with an answer; None when nothing is."""
    expected = case.expected
    if not answer.said.get('reason'):
        if answer.outcome == 'timeout' or isinstance(answer.outcome, int) and not 400 <= answer.outcome < 500:
            return f'no decision, but {answer.outcome}'
        if str(answer.outcome).startswith('handshake-failed'):
            return None if has_bad_dates(case.certificate, now) else answer.outcome
        may_refuse = expected.decision == 'deny' or breaks_http(case.request)
        return None if may_refuse else f'{answer.outcome}, but the reference allows'
    said = reference.Decision(**answer.said)
    if said != expected:
        return f'the module says {said}'
    # 405 and 501 are httpd's answers to methods that its file handler does not have.
    statuses = (200, 405, 501) if said.decision == 'allow' else (403,)
    return None if answer.outcome in statuses else f'the answer is {answer.outcome}'


def tell(counts):
    return ', '.join(f'{count} {what}' for what, count in sorted(counts.items(), key=str))


@test
def test_the_server_decides_as_the_reference_does():
    directory = tempfile.TemporaryDirectory(prefix='mtls-pool-')
    pki = Pool(directory.name)
    documents, cases = documents_and_cases()
    now = int(time.time())
    for case in cases:
        case.expected = decide(documents, case, now)
    server = Server(config=configuration(pki, documents), modules=['alias', 'headers', 'mtls_authz'], ports=2 * POLICIES)
    server.expect('AH00135')  # methods that httpd's file handler does not know
    server.expect('AH10244')  # paths that httpd does not take
    server.expect('MTLS0008')  # policies that say they are not for production
    with server:
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda case: play(server, pki, case), cases))
    reasons, outcomes, wrong = collections.Counter(), collections.Counter(), []
    for case, answer in zip(cases, answers):
        asked = bool(answer.said.get('reason'))
        (reasons if asked else outcomes)[answer.said['reason'] if asked else answer.outcome] += 1
        if what := difference(case, answer, now):
            wrong.append(f'{case}\n  reference {case.expected}\n  {what}')
    print(f'# compared {reasons.total()}: {tell(reasons)}')
    print(f'# refused before the module was asked {outcomes.total()}: {tell(outcomes)}')
    assert not wrong, f'{len(wrong)} differences:\n' + '\n'.join(wrong[:20])
    assert reasons.total() >= LEAST_COMPARED and reasons['allowed'] >= LEAST_ALLOWED


if __name__ == '__main__':
    main()
