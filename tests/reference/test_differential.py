#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Engine, reference interpreter and command line over generated policies, certificates and requests: all three
must give the same decision, reason, rule, route, identity and issuer.

    test_differential.py [--seed N] [--triples N]     (environment: MTLS_TRIPLES, default 20000)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import generate
import reference

TOP_BUILDDIR = Path(os.environ.get('top_builddir') or Path(__file__).resolve().parents[2])
TOOL = os.environ.get('MTLS_POLICY_TOOL') or str(TOP_BUILDDIR / 'mtls-policy')
TOOLS = Path(os.environ.get('MTLS_TOOLS') or TOP_BUILDDIR / 'tests/tools')
DRIVER = os.environ.get('MTLS_ENGINE_DRIVER') or str(TOP_BUILDDIR / 'tests/reference/engine_driver')
FIELDS = ('decision', 'reason', 'rule', 'route', 'identity', 'issuer')
SHOWN = 10  # mismatches printed in full


# libtool's wrapper script takes ten times as long as the program.
if (Path(TOOL).parent / '.libs' / Path(TOOL).name).exists():
    os.environ['LD_LIBRARY_PATH'] = f'{Path(TOOL).parent}/.libs:{os.environ.get("LD_LIBRARY_PATH", "")}'
    TOOL = str(Path(TOOL).parent / '.libs' / Path(TOOL).name)


class Pool:
    """The generator's certificates, minted once; chain(name) is what such a client sends."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.specs = {spec.name: spec for spec in generate.certificate_pool()}
        lines = ''.join(spec.line() + '\n' for spec in self.specs.values())
        subprocess.run([str(TOOLS / 'mint'), folder], input=lines.encode(), check=True, stdout=subprocess.DEVNULL)
        for name in self.specs:
            self.bundle(self.chain(name), self.path_of(name))
        roots = [name for name, spec in self.specs.items() if spec.issuer == 'self' and ' ca=1' in spec.line()]
        self.trusted = self.folder / 'trusted.pem'
        self.bundle(self.trusted, roots)

    def path_of(self, name):
        names = [name]
        while self.specs[names[-1]].issuer != 'self':
            names.append(self.specs[names[-1]].issuer)
        return names[:-1] or names  # without the root, as servers want it

    def chain(self, name):
        return self.folder / f'{name}.chain'

    def bundle(self, path, names):
        path.write_bytes(b''.join((self.folder / f'{name}.crt').read_bytes() for name in names))


def engine_line(pool, case):
    name, request, now, address = case
    certificate = str(pool.chain(name)) if name else '-'
    verified = '1' if name and pool.specs[name].verified else '0'
    host = '-' if request.host is None else request.host.encode().hex()
    return '\t'.join([certificate, verified, '1' if request.tls else '0', request.method, request.target.hex(), host,
                      '-' if now is None else str(now), address or '-'])


def ask_engine(pool, compiled, cases):
    text = ''.join(engine_line(pool, case) + '\n' for case in cases)
    done = subprocess.run([DRIVER, compiled, str(pool.trusted)], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f'engine_driver: {done.stderr}')
    return [tuple(None if word == '-' else word for word in line.split(' ')) for line in done.stdout.splitlines()]


def is_address(text):
    import ipaddress
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def tool_can_ask(pool, case):
    """The command line has no word for: no host or an empty one, an unknown time, an unreadable address, a certificate
    that TLS refused, a target that is no path, a byte that no argument can hold."""
    name, request, now, address = case
    return (request.host and now is not None and request.target.startswith(b'/') and b'\0' not in request.target
            and (address is None or is_address(address)) and (not name or pool.specs[name].verified)
            and not set(request.host) & set('/?#') and ' ' not in request.method)


def ask_tool(pool, compiled, case):
    name, request, now, address = case
    url = ('https://' if request.tls else 'http://') + request.host
    when = datetime.fromtimestamp(now, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    command = [TOOL, 'explain', compiled, '--request', f'{request.method} {url}'.encode() + request.target, '--at', when]
    command += ['--cert', str(pool.chain(name))] if name else ['--no-cert']
    command += ['--from', address] if address else []
    done = subprocess.run(command, capture_output=True)
    lines = done.stdout.decode('utf-8', 'replace').splitlines()
    if not lines:
        return (f'exit {done.returncode}', done.stderr.decode('utf-8', 'replace'))
    found = dict(line.split(None, 1) for line in lines[2:] if len(line.split(None, 1)) == 2)
    if done.returncode != (0 if lines[0].startswith('allow') else 1):
        return (f'exit {done.returncode}', lines[0])
    return (*lines[0].split(), *(found.get(field) for field in FIELDS[2:]))


class Comparison:
    def __init__(self, pool, folder):
        self.pool, self.folder = pool, folder
        self.triples = self.tool_answers = self.mismatches = 0
        self.reasons = {}

    def compiled(self, document, number):
        source, output = self.folder / f'{number}.json', self.folder / f'{number}.mtlsp'
        source.write_text(json.dumps(document))
        done = subprocess.run([TOOL, 'compile', str(source), '-o', str(output)], capture_output=True, text=True)
        if done.returncode != 0:
            self.report(number, 'compile', None, done.stderr, 'a policy without errors')
        return str(output) if done.returncode == 0 else None

    def report(self, number, who, case, got, expected):
        self.mismatches += 1
        if self.mismatches <= SHOWN:
            print(f'# policy {number} {who}: {case}\n#   got      {got}\n#   expected {expected}')

    def one_policy(self, number, document, cases, threads):
        compiled = self.compiled(document, number)
        if compiled is None:
            return
        policy = reference.Policy(document, generate.issuer_keys(document))
        expected = []
        for name, request, now, address in cases:
            certificate = generate.reference_certificate(name) if name else None
            decision = policy.decide(request, certificate, now, address)
            expected.append(tuple(getattr(decision, field) for field in FIELDS))
            self.reasons[decision.reason] = self.reasons.get(decision.reason, 0) + 1
        for case, got, wanted in zip(cases, ask_engine(self.pool, compiled, cases), expected, strict=True):
            self.triples += 1
            if got != wanted:
                self.report(number, 'engine', case, got, wanted)
        askable = [(case, wanted) for case, wanted in zip(cases, expected) if tool_can_ask(self.pool, case)]
        answers = threads.map(lambda pair: ask_tool(self.pool, compiled, pair[0]), askable)
        for (case, wanted), got in zip(askable, answers):
            self.tool_answers += 1
            if got != wanted:
                self.report(number, 'tool', case, got, wanted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--triples', type=int, default=int(os.environ.get('MTLS_TRIPLES', 20000)))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='mtls-differential-') as folder:
        comparison = Comparison(Pool(folder), Path(folder))
        with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
            policies = generate.triples(arguments.seed, arguments.triples)  # more policies than are needed
            for number, (document, cases) in enumerate(policies):
                if comparison.triples >= arguments.triples:
                    break
                comparison.one_policy(number, document, cases, threads)
    print(f'# seed {arguments.seed}: {comparison.triples} triples, {comparison.tool_answers} of them asked of the tool')
    print(f'# {dict(sorted(comparison.reasons.items()))}')
    good = comparison.mismatches == 0
    enough = comparison.triples >= arguments.triples and comparison.tool_answers > comparison.triples // 2
    varied = len(comparison.reasons) > 15
    print(f'{"ok" if good else "not ok"} 1 - engine, reference and tool agree')
    print(f'{"ok" if enough else "not ok"} 2 - enough triples were compared')
    print(f'{"ok" if varied else "not ok"} 3 - the triples are varied\n1..3')
    return 0 if good and enough and varied else 1


if __name__ == '__main__':
    sys.exit(main())
