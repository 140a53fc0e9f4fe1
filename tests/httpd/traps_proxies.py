#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What arrives behind httpd, by every way it has of passing a request on, is the path that the policy allowed.

Each route of the policy expects one class of unusual paths, or none; each host is one way to a backend. Every request carries
its number, so that what arrived is compared with what was sent. The reference says what is allowed.
"""

import atexit
import contextlib
import functools
import itertools
import os
import random
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'reference'))
import reference  # noqa: E402
import reference_requests as paths  # noqa: E402
from backend import Backend  # noqa: E402
from gateways import AjpHandler, FcgiHandler, ScgiHandler, UwsgiHandler  # noqa: E402
from harness import client, main, test, test_each, vhost  # noqa: E402
from policies import allow, denials, document, guarded, mtls_server, pki, policy, reasons, route  # noqa: E402
from readings import MODES as PROXIES, readings  # noqa: E402

SEED = int(os.environ.get('MTLS_SEED', 7))
MUTATIONS = int(os.environ.get('MTLS_MUTATIONS', 600))
SLASHES = 'AllowEncodedSlashes NoDecode\n '
MODES = {
    **{name: body for name, body in PROXIES.items() if name != 'public'},
    'unmerged': SLASHES + 'MergeSlashes Off\n ProxyPass "/" "{http}/" nocanon',
    'match': SLASHES + 'ProxyPassMatch "^/(.*)$" "{http}/$1"',
    'raw-match': SLASHES + 'ProxyPassMatch "^/(.*)$" "{http}/$1" nocanon',
    'location': SLASHES + '<Location "/">\n ProxyPass "{http}/"\n </Location>',
    'moved': SLASHES + 'ProxyPass "/" "{http}/v2/" nocanon',
    'prefixes': SLASHES + 'ProxyPass "/api/public/" "{http}/v2/api/public/" nocanon\n ProxyPass "/api/public/x/" "!"\n ProxyPass "/" "{http}/v2/"',
    'balancer': SLASHES + 'ProxyPass "/" "balancer://pool/"',
    'unix': SLASHES + 'ProxyPass "/" "unix:{unix}|http://localhost/"',
    'per-dir': SLASHES + '<Directory "${DIR}/htdocs">\n RewriteEngine on\n RewriteRule "^(.*)" "{http}/$1" [P]\n </Directory>',
    'scgi': SLASHES + 'ProxyPass "/" "{scgi}/"',
    'uwsgi': SLASHES + 'ProxyPass "/" "{uwsgi}/"',
    'ajp': SLASHES + 'ProxyPass "/" "{ajp}/"',
    'fcgi': SLASHES + 'ProxyPass "/" "{fcgi}/srv/"',
    'handler': SLASHES + '<Location "/">\n SetHandler "proxy:{fcgi}"\n </Location>',
    # hands the path on decoded, so not one to one
    'noescape': SLASHES + 'RewriteEngine on\n RewriteRule "^/(.*)" "{http}/$1" [P,NE]',
    'per-dir-noescape': SLASHES + '<Directory "${DIR}/htdocs">\n RewriteEngine on\n RewriteRule "^(.*)" "{http}/$1" [P,NE]\n </Directory>',
}
MODULES = ('proxy', 'proxy_http', 'proxy_scgi', 'proxy_fcgi', 'proxy_uwsgi', 'proxy_ajp', 'slotmem_shm', 'proxy_balancer', 'lbmethod_byrequests', 'rewrite')
DECODED = ('noescape', 'per-dir-noescape')
BY_FILE = ('handler', 'per-dir', 'per-dir-noescape')  # httpd looks for a file first, and refuses names that no file can have

CLASSES = {  # what follows the prefix of the route
    'encoded-slash': [b'/a%2Fb', b'/a%2fb', b'/%2F', b'/a/b%2F'],
    'backslash': [b'/a%5Cb', b'/a%5cb', b'/a\\b', b'/\\'],
    'parameters': [b'/a;v=1', b'/a%3Bv=1', b'/a;v/b', b'/a;', b'/a...;x'],
    'empty-segments': [b'//a', b'/a//b', b'/a///'],
    'dot-segments': [b'/./a', b'/x/../a', b'/%2e/a', b'/x/%2E%2e/a', b'/x/.', b'/x/..'],
    'percent': [b'/a%25b', b'/100%25', b'/%25/a', b'/a%25zz', b'/%C3%A9%25'],
}
FILES = ('api/public/x', 'api/public/index.html', 'api/admin/x', 'ids/v1.2', 'files/secret', 'files/open', 'admin/x',
         *(f'{name}/{file}' for name in CLASSES for file in ('a/b', 'closed/x')))
LONG = b'x' * 2000
ORDINARY = [
    b'/api/public', b'/api/public/', b'/api/public/a%20b', b'/api/public/%61', b'/api/public/%C3%A9',
    b'/api/public/%E6%97%A5%E6%9C%AC/%F0%9F%98%80', b'/api/public/%E2%80%A6', b'/api/public/v1.2/a..b/..a/a..', b'/api/public/.../....',
    b'/api/public/.hidden/a.', b'/api/public/urn:x:y@z', b"/api/public/a+b~c!d$e&f'g(h)i*j,k=l", b'/api/public/a%3Ab%40c%2Bd%2Ee%7Ef',
    b'/api/public/a%23b', b'/api/public/%22%3C%3E%5B%5D%5E%60%7B%7C%7D', b'/api/public/' + LONG, b'/api/public/' + b'%C3%A9' * 1000,
    b'/ids/' + LONG, b'/ids/3f2504e0-4f89-11d3-9a0c-0305e82c3301', b'/ids/a:b.c-d_e', b'/files/' + b'%E6%97%A5' * 666,
    b'/api/public' + b'/s' * 62 + b'/', b'/api/public/x?a=%2e%2e%2f&b=..;/admin&c=%00%zz//../..\\', b'/api/public/x?/../../api/admin',
    b'/ids/7?', b'/ids/7??', b'/ids/7?%2f..%2fadmin;x=http://evil/',
]
TOKENS = [b'/', b'//', b'%2f', b'%2F', b'\\', b'%5c', b'.', b'..', b'%2e', b'/../', b'/./', b'/..', b'..;', b';', b';x=1', b'%3b', b'%25', b'%', b'%252e',
          b'%252f', b'%00', b'%0a', b'%20', b'+', b'?', b'%3f', b'#', b'%23', b'%C3%A9', b'%c0%ae', b'\xc3\xa9', b'%ff', b'admin', b'closed',
          b'secret', b'/api', b'/api/admin/x', b'*', b'|', b'unix:/x|http://evil/', b'http://evil/', b'@', b':80', b'&', b'=', b'"', b'%u002e', b'2f', b'2e', b'\x7f', b'$1', b'~']


# ---------------------------------------------------------------- the policy and the servers

def routes():
    made = {'open': route('/api/public/**'), 'ids': route('/ids/{id}'), 'files': route('/files/*')}
    for name in CLASSES:
        made[name] = {**route(f'/{name}/**'), 'expects': [name]}
        made[f'{name}-closed'] = route(f'/{name}/closed/**')
    made['all'] = {**route('/all/**'), 'expects': [*CLASSES]}
    made['over'] = {**route('/over/{x}'), 'expects': ['method-override']}
    return {**made, 'secret': route('/files/secret'), 'admin': route('/api/admin/**', '/admin/**')}


def allowed_routes():
    return ['open', 'ids', 'files', *CLASSES, 'all', 'over']


@functools.cache
def oracle():
    """The same routes, open to everyone: only the path is in question."""
    return reference.Policy({'routes': routes(), 'rules': {'all': allow(['everyone'], *allowed_routes())}}, {})


@functools.cache
def route_of(target):
    """The route by which the policy allows this target by itself, or None."""
    decision = oracle().decide(reference.Request('GET', target, 'api.example'), None, None, None)
    return decision.route if decision.decision == 'allow' else None


@functools.cache
def patterns():
    return [(paths.pattern_segments(path), name) for name, route in routes().items() for path in route['paths']]


@functools.cache
def named_by(reading):
    """The route of a path whose every character stands for itself."""
    segments = reading.encode('latin-1').split(b'/')[1:]
    found = [(paths.specificity(pattern), name) for pattern, name in patterns() if paths.matches(pattern, segments)]
    return min(found)[1] if found else None


def compiled_policy():
    made = document(())
    hosts = [f'{mode}.example' for mode in (*MODES, 'reported')]
    made['routes'] = {name: {**route, 'hosts': hosts} for name, route in routes().items()}
    made['rules'] = {'reads': allow(['billing'], *allowed_routes())}
    return policy('proxies', made)


class Behind:
    """The backends and the server before them, for all tests of this file."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix='mtls-unix-'))
        os.chmod(self.folder, 0o755)
        socket = f'{self.folder}/backend'
        self.backends = [self.stack.enter_context(Backend(**options)) for options in (
            {}, *({'handler': handler} for handler in (ScgiHandler, FcgiHandler, UwsgiHandler, AjpHandler)), {'path': socket})]
        os.chmod(socket, 0o777)  # the children of httpd are another user
        schemes = zip(('http', 'scgi', 'fcgi', 'uwsgi', 'ajp'), self.backends)
        places = {f'{{{scheme}}}': f'{scheme}://127.0.0.1:{backend.port}' for scheme, backend in schemes}
        places.update({'{backend}': places['{http}'], '{unix}': socket})
        self.server = mtls_server(self.config(places), MODULES, FILES)
        # paths that httpd cannot read, that no file can have and that its proxy does not send on
        self.server.expect('AH00128|AH10244|AH00026|AH00127|AH02429|AH01136|AH10508|AH00036|AH10411|AH10410|AH10414|AH10415')
        self.stack.callback(self.server.kill)
        self.server.start()

    def config(self, places):
        text, image = f'MaxKeepAliveRequests 0\nProxyTimeout 10\n<Proxy "balancer://pool">\n BalancerMember "{places["{http}"]}"\n</Proxy>\n', compiled_policy()
        for name, body in {**MODES, 'reported': 'MtlsPolicyMode report\n ' + MODES['noescape']}.items():
            for word, place in places.items():
                body = body.replace(word, place)
            text += guarded(image, f' {body}\n', name=f'{name}.example')
        return text + vhost(pki(), f' ProxyPass "/" "{places["{http}"]}/"\n', name='unguarded.example', cert='hosts')

    def play(self, mode, targets, http='2', headers_of=lambda _: {}, **options):
        """(statuses and bodies, {number of the request: what arrived})."""
        for backend in self.backends:
            backend.clear()
        requests = [('GET', target, {'x-sent': str(number), **headers_of(number)}) for number, target in enumerate(targets)]
        result = client(self.server, pki()['billing'], http, host=f'{mode}.example', requests=requests, body=True, **options)
        found = [request for backend in self.backends for request in backend.requests]
        arrived = {int(request.header('x-sent')[0]): request for request in found}
        assert len(arrived) == len(found), 'a request arrived twice'
        return result, arrived


@functools.cache
def behind():
    made = Behind()
    atexit.register(made.stack.close)
    return made


# ---------------------------------------------------------------- what may arrive

@functools.cache
def path_segments(target):
    return paths.judged_segments(paths.raw_path(target))


def query_of(target):
    return target.partition(b'?')[2]


def check_query(sent, request):
    arrived = request.variables['QUERY_STRING'] if hasattr(request, 'variables') else query_of(request.target)
    assert arrived == query_of(sent), (sent, request)


def as_targets(mode, request):
    """What arrived, as targets a client could have sent by itself."""
    if not hasattr(request, 'variables'):
        target = request.target.removeprefix(b'/v2') if mode in ('moved', 'prefixes') else request.target
        # mod_proxy escapes %2F once more where it writes paths anew: what a backend decodes then is the policy's own form
        return [re.sub(b'%252[Ff]', b'%2F', target)]
    script = request.variables['SCRIPT_NAME'] + request.variables.get('PATH_INFO', b'')
    return [re.sub(rb'^https://[^/]*', b'', request.variables['REQUEST_URI']), escaped(script)]


def escaped(decoded):
    """A path that a gateway gets decoded, but for %2F."""
    return re.sub(rb'%(?!2[Ff])|[^!-~]|[#?;\\]', lambda byte: b'%%%02X' % byte.group()[0], decoded)


@functools.cache
def check_readings(name, target):
    """A route that expects one class bounds every reading; one that expects none decides it."""
    for reading in set(readings(target)):
        if name in CLASSES:
            assert re.match(rf'/{name}(/|$)', reading), (target, reading)
        elif name != 'all':
            assert named_by(reading) == name, (target, reading)


def check_arrived(mode, targets, arrived):
    for number, request in arrived.items():
        sent = targets[number]
        name = route_of(sent)
        assert name is not None, (mode, 'denied, but it arrived', sent, request)
        check_query(sent, request)
        if mode in DECODED:
            assert path_segments(sent) == path_segments(escaped(request.target.partition(b'?')[0])), (mode, sent, request)
            continue
        for target in as_targets(mode, request):
            assert path_segments(target) == path_segments(sent), (mode, sent, request)
            assert route_of(target) == name, (mode, sent, request, route_of(target))
            check_readings(name, target)


def check_served(result):
    """A static file holds its own name."""
    for body in filter(None, result.bodies):
        if (name := body.decode('latin-1').strip()) in FILES:
            assert route_of(b'/' + name.encode()), f'{name} was served'


# ---------------------------------------------------------------- ordinary paths

def httpd_takes(mode, target):
    """mod_rewrite by itself refuses an escaped question mark, a handler a decoded one, and [NE] what is no target any more."""
    if mode in DECODED and re.search(rb'%20|%3F|%22|%23', target):
        return False
    return mode not in BY_FILE or not re.search(rb'[^/]{256}', target)


@test_each(*[(mode, http) for mode in MODES for http in ('1.1', '2')])
def trap_22_ordinary_paths_arrive_as_they_were_sent(mode, http):
    place, mark = behind(), behind().server.mark()
    targets = [target for target in ORDINARY if httpd_takes(mode, target)]
    result, arrived = place.play(mode, targets, http)
    assert not reasons(place.server, mark), denials(place.server, mark)
    check_arrived(mode, targets, arrived)
    check_served(result)
    if mode != 'static':
        assert result.statuses == [200] * len(targets), [pair for pair in zip(targets, result.statuses) if pair[1] != 200]
        assert len(arrived) == len(targets)


@test_each(*[(mode,) for mode in MODES])
def trap_22_the_absolute_form_too(mode):
    """RFC 9112 3.2.2. The other form of the same path, which ProxyPass with nocanon cannot use."""
    place, start = behind(), f'https://{mode}.example'.encode()
    targets = [start + target for target in ORDINARY if httpd_takes(mode, target)]
    result, arrived = place.play(mode, targets, '1.1')
    check_arrived(mode, targets, arrived)
    if mode != 'static':
        assert len(arrived) == len(targets), result.statuses


# ---------------------------------------------------------------- queries and fragments

DENIED = [b'/api/admin/x', b'/api', b'/files/secret', b'/percent/closed/x', b'/api/public/../admin/x', b'/']
QUERIES = [b'?', b'?/api/public/x', b'?/../../api/public/x', b'?;/api/public', b'?%2f..%2fapi/public/x', b'?x=https://api.example/ids/7', b'??']
FRAGMENTS = [b'#', b'#/../../api/public/x', b'?x#', b'?x#/api/public/x']


@test_each(*[(mode,) for mode in MODES])
def trap_22_neither_query_nor_fragment_takes_part(mode):
    place = behind()
    targets = [path + query for path in DENIED for query in QUERIES + FRAGMENTS] + [b'/ids/7' + fragment for fragment in FRAGMENTS]
    result, arrived = place.play(mode, targets)
    assert not arrived, arrived
    assert set(result.statuses) <= {400, 403, 404}, result.statuses
    check_served(result)


@test_each(*[(mode, http) for mode in DECODED for http in ('1.1', '2')])
def trap_22_what_was_escaped_does_not_end_the_path(mode, http):
    """Where a rewrite passes on what it has decoded, %23 would hide the rest of the path from the server behind."""
    place = behind()
    for target in (b'/files/secret%23', b'/files/secret%23x', b'/ids/%23', b'/api/public/a%23b/c?d', b'/api/public/%23?x'):
        assert route_of(target), target
        mark = place.server.mark()
        result, arrived = place.play(mode, [target], http)
        assert not arrived and result.statuses == [403], (target, arrived, result.statuses)
        assert reasons(place.server, mark) == ['ambiguous-path'], (target, reasons(place.server, mark))


@test
def trap_22_what_would_end_the_path_is_reported():
    place, mark = behind(), behind().server.mark()
    _, arrived = place.play('reported', [b'/files/secret%23', b'/files/open'])
    found = [(denial['decision'], denial['reason'], denial['path']) for denial in denials(place.server, mark)]
    assert len(arrived) == 2 and found == [('would-deny', 'ambiguous-path', '"/files/secret%23"')], (arrived, found)


# ---------------------------------------------------------------- classes

def class_targets():
    for name, tails in CLASSES.items():
        for tail in tails:
            yield name, tail


def passes(mode, name, tail):
    """Of what a route expects, all but what httpd refuses or takes for another path."""
    if name == 'encoded-slash':
        return mode not in ('default', 'decode')
    return not (mode == 'servlet' and b';' in tail)


@test_each(*[(mode,) for mode in MODES])
def trap_22_a_class_passes_only_where_it_is_expected(mode):
    place, rows = behind(), list(class_targets())
    targets = [b'/' + prefix.encode() + tail for name, tail in rows for prefix in (name, 'all', 'api/public')]
    result, arrived = place.play(mode, targets)
    check_arrived(mode, targets, arrived)
    expected = {3 * row + which for row, (name, tail) in enumerate(rows) if passes(mode, name, tail) for which in (0, 1)}
    wrong = sorted(expected ^ set(arrived)) if mode != 'static' else []
    assert not wrong, [(targets[number], result.statuses[number]) for number in wrong]
    assert all(status in (200, 403, 404) for status in result.statuses), result.statuses


@test_each(*[(mode,) for mode in MODES if mode != 'static'])
def trap_22_headers_that_overrule_arrive_only_where_they_are_expected(mode):
    place = behind()
    names = ('X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-URL')
    for path, expected in ((b'/over/x', len(names)), (b'/api/public/x', 0)):
        _, arrived = place.play(mode, [path] * len(names), headers_of=lambda number: {names[number]: '/api/admin/x'})
        assert len(arrived) == expected, (path, arrived)


# ---------------------------------------------------------------- a backend that cuts parameters off

SERVLETS = [b'/api/public/..;/admin/x', b'/api/public/..;a=b/admin/x', b'/api/public/x/..;/..;/admin/x', b'/api/public;a/..;/admin/x',
            b'/api/public/..%3B/admin/x', b'/api/public/%2e%2e;/admin/x', b'/api/public/.%2e%3bx/admin/x', b'/parameters/..;/api/admin/x',
            b'/parameters/a;b/..;/..;c/api/admin/x', b'/all/..;/api/admin/x', b'/all/%2e%2E%3B/api/admin/x', b'/ids/..;/api/admin/x']


def as_servlets_do(target):
    """As Tomcat does: parameters are cut off, then what is left is decoded, then dot segments are resolved."""
    segments = paths.raw_path(target).split(b'/')[1:]
    decoded = [paths.decode(segment.partition(b';')[0]).partition(b';')[0] for segment in segments]
    return b'/' + b'/'.join(paths.resolve_dots(decoded))


@test
def trap_23_parameters_do_not_lead_elsewhere():
    """What would have come to the servlet of /api/admin does not come to any."""
    place = behind()
    _, arrived = place.play('unguarded', SERVLETS)
    reached = [as_servlets_do(request.target) for request in arrived.values()]
    assert reached == [b'/api/admin/x'] * len(SERVLETS), arrived
    for mode in MODES:
        mark = place.server.mark()
        result, arrived = place.play(mode, SERVLETS)
        assert not arrived and set(result.statuses) == {403}, (mode, arrived, result.statuses)
        assert reasons(place.server, mark) == ['ambiguous-path'] * len(SERVLETS), mode


# ---------------------------------------------------------------- pseudo-headers

PSEUDO = [  # RFC 9113 8.3.1
    {':path': b'/api/public/x#y'}, {':path': b'/api/public/x y'}, {':path': b'/api/public/\xc3\xa9'}, {':path': b''}, {':path': b'*'}, {':path': b'?x'},
    {':path': b'api/public/x'}, {':path': b'//api/public/x'}, {':path': b'/api/public/x HTTP/1.1'}, {':path': b'/api/public/x\0'},
    {':path': b'/api/public/x\r\nX-Y: z'}, {':path': b'/api/public/x\ty'}, {':path': b'#'}, {':path': b'/#'}, {':path': b'\\api\\public\\x'},
    {':path': b'https://default.example/api/admin/x'}, {':path': b'https://evil.example/api/public/x'}, {':path': b'http:/api/public/x'},
    {':path': b'unix:/x|http://evil.example/'}, {':path': b'/api/admin/x', 'x-original-url': b'/api/public/x'},
    {':path': b'/api/admin/x', ':scheme': b'http'}, {':path': b'/api/public/x/../../admin/x', ':scheme': b'x'}, {':authority': b'user@default.example', ':path': b'/api/admin/x'},
    {':path': b'/api/admin/x', 'host': b'default.example/api/public/x?'}, {':path': b'/api/admin/x', ':authority': b'default.example/api/public/x?'},
]


@test_each(('default',), ('nocanon',), ('static',))
def trap_22_pseudo_headers(mode):
    place = behind()
    for headers in PSEUDO:
        for backend in place.backends:
            backend.clear()
        result = client(place.server, pki()['billing'], '2', host=f'{mode}.example', requests=[('GET', b'/', headers)], body=True)
        assert not any(backend.requests for backend in place.backends), (mode, headers)
        assert result.statuses != [200] and b'/x' not in b''.join(result.bodies), (mode, headers, result)
    doubled = [('GET', b'/', [(':path', path) for path in pair]) for pair in ((b'/api/admin/x', b'/ids/7'), (b'/ids/7', b'/api/admin/x'))]
    for request in doubled:
        result = client(place.server, pki()['billing'], '2', host=f'{mode}.example', requests=[request])
        assert result.statuses != [200] and not any(backend.requests for backend in place.backends), (mode, request)


# ---------------------------------------------------------------- a differential

def mutated(rng, target):
    """Between one and three changes of what follows the first segment, mostly."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        start = target.find(b'/', 1) + 1 if rng.random() < 0.9 else 1
        at = rng.randint(min(start, len(target)), len(target))
        target = target[:at] + rng.choice(TOKENS) + target[at + rng.choice([0, 0, 0, 1, 3]):]
    return target


@functools.cache
def mutations():
    rng = random.Random(SEED)
    seeds = [target for target in ORDINARY if len(target) < 100]
    seeds += [b'/' + prefix.encode() + tail for name, tail in class_targets() for prefix in (name, 'all')]
    made = [mutated(rng, rng.choice(seeds)) for _ in range(MUTATIONS)]
    return [target for target in dict.fromkeys(made) if not re.search(rb'[\0- ]', target)]


@test_each(*[(mode,) for mode in MODES])
def trap_22_what_arrives_of_mutated_targets_is_allowed(mode):
    place, targets = behind(), mutations()
    result, arrived = place.play(mode, targets, parallel=True)
    assert len(result.statuses) == len(targets), result.error
    check_arrived(mode, targets, arrived)
    check_served(result)
    if mode != 'static':
        assert len(arrived) >= len(targets) // 10, 'too few arrive to say anything'

@test
def trap_22_the_log_holds_nothing_else():
    behind().server.stop()
    behind().server.remove()


if __name__ == '__main__':
    main()
