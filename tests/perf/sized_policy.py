# SPDX-License-Identifier: Apache-2.0
"""Policies of any size for measurements: identities that may each call a few of many routes."""

HOST = 'api.example'
ROUTES_PER_IDENTITY = 5


def spiffe_id(identity):
    return f'spiffe://corp.example/svc-{identity:06d}'


def _has_capture(route):
    return route % 3 != 2


def _route(route):
    pattern = f'/v1/res-{route:04d}/{{id}}/items' if _has_capture(route) else f'/v1/res-{route:04d}/summary'
    methods = ['GET', 'POST'] if route % 2 == 0 else ['GET']
    return {'hosts': [HOST], 'methods': methods, 'paths': [pattern]}


def routes_of(identity, routes):
    """The numbers of the routes an identity may call, far from each other."""
    return [(identity + step * routes // ROUTES_PER_IDENTITY) % routes for step in range(ROUTES_PER_IDENTITY)]


def _conditions(number):
    """What a rule asks beside its subjects; most rules ask nothing."""
    if number % 4 == 1:
        return {'networks': ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32']}
    return {'valid_from': '2020-01-01T00:00:00Z', 'valid_until': '2099-01-01T00:00:00Z'} if number % 4 == 2 else {}


def _subjects(number, names):
    """One rule in three names its callers by a group."""
    return [f'@callers-{number:04d}'] if number % 3 == 0 else names


def document(identities, routes, certificate):
    """The policy: one rule a route, which names all who may call it; with groups, patterns of names and of hosts, denials
    and conditions."""
    callers = {route: [] for route in range(routes)}
    for identity in range(identities):
        for route in routes_of(identity, routes):
            callers[route].append(f'svc-{identity:06d}')
    named = {number: names for number, names in callers.items() if names}
    denied = {'subjects': ['@outside', 'visitor'], 'routes': ['*'], 'networks': ['192.0.2.0/24']}
    return {
        'name': f'measured-{identities}x{routes}',
        'issuers': {'corp': {'certificates': [{'file': certificate}], 'names': ['spiffe']}},
        'identities': {**{f'svc-{number:06d}': {'issuer': 'corp', 'spiffe': spiffe_id(number)}
                          for number in range(identities)},
                       'any-service': {'issuer': 'corp', 'spiffe': 'spiffe://corp.example/*'},
                       'visitor': {'issuer': 'corp', 'spiffe': 'spiffe://visitors.example/**'}},
        'groups': {**{f'callers-{number:04d}': names for number, names in named.items() if number % 3 == 0},
                   'outside': ['any-service']},
        'routes': {**{f'res-{number:04d}': _route(number) for number in range(routes)},
                   'tenant': {'hosts': ['*.tenants.example', '*'], 'methods': ['GET'], 'paths': ['/t/{id:uuid}/**']}},
        'rules': {**{f'call-res-{number:04d}': {'effect': 'allow', 'subjects': _subjects(number, names),
                                                'routes': [f'res-{number:04d}'], **_conditions(number)}
                     for number, names in named.items()},
                  'not-from-there': {'effect': 'deny', **denied}},
    }


def requests(identity, routes, count):
    """`count` requests that this identity may make: its routes in turn, no id twice."""
    mine = routes_of(identity, routes)
    return [_request(mine[number % len(mine)], number) for number in range(count)]


def _request(route, number):
    claims_post = 'POST' in _route(route)['methods']
    method = 'POST' if claims_post and number % 4 == 3 else 'GET'
    path = _route(route)['paths'][0].replace('{id}', f'id{number:08d}')
    return (method, path, {'Content-Length': '0'} if method == 'POST' else {})
