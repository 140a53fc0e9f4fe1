# SPDX-License-Identifier: Apache-2.0
"""The engine and the command line, asked what the reference is asked.

The generator's certificates are made anew in every run, so the digests that its policies pin are stand-ins until
`TruePins` puts the true ones in their place.
"""

import ipaddress
import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pool
import reference_requests as requests

TOP_BUILDDIR = Path(os.environ.get('top_builddir') or Path(__file__).resolve().parents[2])
TOOL = os.environ.get('MTLS_POLICY_TOOL') or str(TOP_BUILDDIR / 'mtls-policy')
TOOLS = Path(os.environ.get('MTLS_TOOLS') or TOP_BUILDDIR / 'tests/tools')
DRIVER = os.environ.get('MTLS_ENGINE_DRIVER') or str(TOP_BUILDDIR / 'tests/reference/engine_driver')
FIELDS = ('decision', 'reason', 'rule', 'route', 'identity', 'issuer', 'condition')

# libtool's wrapper script takes ten times as long as the program.
if (Path(TOOL).parent / '.libs' / Path(TOOL).name).exists():
    os.environ['LD_LIBRARY_PATH'] = f'{Path(TOOL).parent}/.libs:{os.environ.get("LD_LIBRARY_PATH", "")}'
    TOOL = str(Path(TOOL).parent / '.libs' / Path(TOOL).name)


def is_built():
    return Path(TOOL).exists() and Path(DRIVER).exists() and (TOOLS / 'mint').exists()


def digests_of(certificate):
    """SHA-256 of a certificate and of its SubjectPublicKeyInfo."""
    script = ('openssl x509 -in "$1" -outform DER | openssl dgst -sha256 -r; '
              'openssl x509 -in "$1" -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r')
    done = subprocess.run(['sh', '-c', script, 'digests', str(certificate)], capture_output=True, text=True, check=True)
    return dict(zip(('certificate', 'spki'), (line.split()[0] for line in done.stdout.splitlines()), strict=True))


def spelled_like(digits, written):
    """The digits with the case and the colons of another."""
    if ':' in written:
        digits = ':'.join(digits[at:at + 2] for at in range(0, 64, 2))
    return digits.upper() if written.upper() == written else digits


class TruePins:
    """The digests of the certificates in a folder, in place of the generator's stand-ins."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.stand_ins = {digits: (kind, name) for name, spec in pool.POOL.items()
                          for kind, digits in spec.digests().items()}
        self.digests = {}

    def true_pin(self, pin):
        kind, _, written = pin.partition(':')
        known = self.stand_ins.get(written.replace(':', '').lower())
        if known is None:
            return pin
        if known[1] not in self.digests:
            self.digests[known[1]] = digests_of(self.folder / f'{known[1]}.crt')
        return f'{kind}:{spelled_like(self.digests[known[1]][known[0]], written)}'

    def document(self, document):
        """The policy with the pins of the certificates as they are in this run."""
        identities = {name: {**held, 'pins': [self.true_pin(pin) for pin in held['pins']]} if 'pins' in held else held
                      for name, held in document.get('identities', {}).items()}
        return {**document, 'identities': identities} if identities else document


class Minted:
    """The generator's certificates, minted once; chain(name) is what such a client sends."""

    def __init__(self, folder):
        self.folder = Path(folder)
        lines = ''.join(spec.line() + '\n' for spec in pool.POOL.values())
        subprocess.run([str(TOOLS / 'mint'), folder], input=lines.encode(), check=True, stdout=subprocess.DEVNULL)
        for name in pool.POOL:
            self.bundle(self.chain(name), self.path_of(name))
        self.trusted = self.folder / 'trusted.pem'
        self.bundle(self.trusted, [name for name, spec in pool.POOL.items() if spec.issuer == 'self' and spec.ca])
        self.pins = TruePins(folder)

    @staticmethod
    def path_of(name):
        names = [name]
        while pool.POOL[names[-1]].issuer != 'self':
            names.append(pool.POOL[names[-1]].issuer)
        return names[:-1] or names  # without the root, as servers want it

    def chain(self, name):
        return self.folder / f'{name}.chain'

    def bundle(self, path, names):
        path.write_bytes(b''.join((self.folder / f'{name}.crt').read_bytes() for name in names))

    def compile(self, document, name='policy'):
        """(path of the compiled policy or None, what the tool said)."""
        source, output = self.folder / f'{name}.json', self.folder / f'{name}.mtlsp'
        source.write_text(json.dumps(self.pins.document(document)))
        done = subprocess.run([TOOL, 'compile', str(source), '-o', str(output)], capture_output=True, text=True)
        return (str(output) if done.returncode == 0 else None), done.stderr

    def compile_again(self, compiled, name='again'):
        """What is wrong with the source that a compiled policy holds; None when it makes the same bytes."""
        shown = subprocess.run([TOOL, 'show', '--source', compiled], capture_output=True)
        if shown.returncode != 0:
            return f'show --source: {shown.stderr.decode("utf-8", "replace")}'
        source, output = self.folder / f'{name}.json', self.folder / f'{name}.mtlsp'
        source.write_bytes(shown.stdout)
        done = subprocess.run([TOOL, 'compile', str(source), '-o', str(output)], capture_output=True, text=True)
        if done.returncode != 0:
            return f'the source shown does not compile: {done.stderr}'
        return None if output.read_bytes() == Path(compiled).read_bytes() else 'the source shown makes other bytes'


# --- the engine ------------------------------------------------------------------------------


def engine_line(minted, case):
    request, spec = case.request, pool.POOL.get(case.certificate)
    known = {'v': spec.verified, 'r': spec.readable, 'e': spec.established} if spec else {}
    headers = {'p': requests.is_preflight(request), 'm': requests.overrides_method(request)}
    fields = [str(minted.chain(case.certificate)) if spec else None, letters(known), request.tls, request.method,
              request.target.hex(), None if request.host is None else request.host.encode().hex(),
              None if case.now is None else str(case.now), case.address or None,
              None if request.user is None else request.user.encode().hex(), request.arrival, letters(headers),
              ';'.join(','.join(line) for line in case.require) or None]
    return '\t'.join('-' if field is None else field for field in fields)


def letters(flags):
    return ''.join(letter for letter, there in flags.items() if there) or '-'


def ask_engine(minted, compiled, cases):
    text = ''.join(engine_line(minted, case) + '\n' for case in cases)
    done = subprocess.run([DRIVER, compiled, str(minted.trusted)], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f'engine_driver: {done.returncode} {done.stderr}')
    return [tuple(None if word == '-' else word for word in line.split(' ')) for line in done.stdout.splitlines()]


def fields_of(decision):
    return tuple(getattr(decision, field) for field in FIELDS)


# --- the command line --------------------------------------------------------------------------


def is_address(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def tool_can_ask(case):
    """The command line has no word for: an empty host, an unknown time, an unreadable address, a certificate that TLS
    refused or that cannot be read, TLS that cannot be looked at, a target that is no path, a byte that no argument can
    hold, Require lines, and error pages."""
    request, spec = case.request, pool.POOL.get(case.certificate)
    return (request.host and case.now is not None and request.target.startswith(b'/') and b'\0' not in request.target
            and (case.address is None or is_address(case.address)) and ' ' not in request.method
            and (spec is None or spec.verified and spec.readable and spec.established)
            and not set(request.host) & set('/?#') and request.tls != 'unavailable'
            and request.arrival == 'client' and not case.require)


def ask_tool(minted, compiled, case):
    request = case.request
    url = ('https://' if request.tls == 'present' else 'http://') + request.host
    when = datetime.fromtimestamp(case.now, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    asked = f'{request.method} {url}'.encode() + request.target
    command = [TOOL, 'explain', compiled, '--request', asked, '--at', when]
    command += ['--cert', str(minted.chain(case.certificate))] if case.certificate else ['--no-cert']
    command += ['--from', case.address] if case.address else []
    command += ['--user', request.user] if request.user is not None else []
    for name, value in request.headers:
        command += ['--header', f'{name}: {value}']
    done = subprocess.run(command, capture_output=True)
    lines = done.stdout.decode('utf-8', 'replace').splitlines()
    if not lines:
        return (f'exit {done.returncode}', done.stderr.decode('utf-8', 'replace'))
    found = dict(line.split(None, 1) for line in lines[2:] if len(line.split(None, 1)) == 2)
    if done.returncode != (0 if lines[0].startswith('allow') else 1):
        return (f'exit {done.returncode}', lines[0])
    return (*lines[0].split(), *(found.get(field) for field in FIELDS[2:]))
