# SPDX-License-Identifier: Apache-2.0
"""A private httpd, certificates and a TLS client for tests; the TAP runner comes with it.

    with Server(config=vhost(pki, 'Require all granted')) as server:
        result = client(server, pki['billing'], http='2', resume='ticket', requests=['/orders'])
        assert result.statuses == [200] and result.resumed

Environment: MTLS_MODULE (the module under test), MTLS_POLICY_TOOL (the command), MTLS_TOOLS (directory of mint and
mtls_client), APXS, HTTPD. KEEP_TEST_DIRS=1 leaves the servers' directories behind.
"""

import atexit
import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from places import HarnessError, httpd_program, module_directory, module_path, policy_tool, tool  # noqa: E402,F401
from tap import Skip, diagnostic, main, test, test_each  # noqa: E402,F401  tests take these from here

START_TIMEOUT_S, STOP_TIMEOUT_S, CLIENT_TIMEOUT_S = 30, 20, 65


def free_ports(count):
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]  # all at once, so that none is given twice
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def free_port():
    return free_ports(1)[0]


def wait_until(condition, timeout_s, what):
    """Calls `condition` until it answers something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise HarnessError(f'waited {timeout_s} s for {what}')
        time.sleep(0.02)
    return value


# ---------------------------------------------------------------- certificates

@dataclass(frozen=True)
class Cert:
    """crt: the certificate; chain: it and its intermediates, leaf first, without the root; key: its private key."""

    name: str
    crt: str
    chain: str
    key: str


def _percent(value):
    data = value if isinstance(value, bytes) else str(value).encode()
    plain = b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+._:/@'
    return ''.join(chr(b) if b in plain else f'%{b:02x}' for b in data)


class Pki:
    """Certificates in one directory, made by mint on demand; pki['name'] is what add('name', ...) returned."""

    def __init__(self, directory):
        self.dir = Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self._certs = {}
        self._issuers = {}

    def __getitem__(self, name):
        return self._certs[name]

    def path(self, name):
        return str(self.dir / name)

    def add(self, name, issuer='self', chain=None, **spec):
        """Keyword arguments are mint's keys; a list repeats one, bytes go in as they are.

        chain: names of the intermediates to send after this one; default: the issuers up to, without, the root.
        """
        tokens = [('name', name), ('issuer', issuer)]
        for key, value in spec.items():
            tokens += [(key, v) for v in (value if isinstance(value, (list, tuple)) else [value])]
        line = ' '.join(f'{key}={_percent(value)}' for key, value in tokens)
        made = subprocess.run([tool('mint'), str(self.dir)], input=line + '\n', capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise HarnessError(f'{made.stderr.strip()} in: {line}')
        self._issuers[name] = issuer
        self._certs[name] = self._chain_file(name, self._path_of(name) if chain is None else [name, *chain])
        return self._certs[name]

    def _path_of(self, name):
        names = [name]
        while (issuer := self._issuers[names[-1]]) != 'self' and self._issuers[issuer] != 'self':
            names.append(issuer)
        return names

    def _chain_file(self, name, names):
        self.bundle(f'{name}.chain', *names)
        return Cert(name, self.path(f'{name}.crt'), self.path(f'{name}.chain'), self.path(f'{name}.key'))

    def bundle(self, file_name, *names):
        """Concatenates certificates into one file, in that order, and returns its path."""
        Path(self.path(file_name)).write_text(''.join(Path(self.path(f'{n}.crt')).read_text() for n in names))
        return self.path(file_name)

    def standard(self):
        """The usual cast; `trusted.pem` holds the three roots that vhost() accepts clients of."""
        for root in ('corp', 'other', 'partner', 'site'):
            self.add(root, ca=1, cn=f'{root} root')
        self.add('corp-int', 'corp', ca=1, cn='corp intermediate')
        self.bundle('trusted.pem', 'corp', 'other', 'partner')
        self.add('server', 'site', cn='api.example', dns=['api.example', 'localhost'], eku='server')
        self.add('billing', 'corp-int', uri='spiffe://corp.example/billing', eku='client')
        self.add('billing-other', 'other', uri='spiffe://corp.example/billing', eku='client')
        self.add('partner-client', 'partner', dns='client.partner.example', cn='client', eku='client')
        self.add('unknown', 'corp-int', uri='spiffe://corp.example/nobody', eku='client')
        self.add('selfsigned', 'self', uri='spiffe://corp.example/billing', cn='billing', eku='client')
        return self


def vhost(pki, body='', name='api.example', port='${PORT}', verify='optional', ca='trusted.pem', cert='server'):
    """The text of a TLS virtual host; `body` goes inside, `cert` is a name in `pki`."""
    return f'''
<VirtualHost 127.0.0.1:{port}>
  ServerName {name}
  DocumentRoot "${{DIR}}/htdocs"
  SSLEngine on
  SSLCertificateFile "{pki[cert].chain}"
  SSLCertificateKeyFile "{pki[cert].key}"
  SSLCACertificateFile "{pki.path(ca)}"
  SSLVerifyClient {verify}
  SSLVerifyDepth 5
{body}
</VirtualHost>
'''


# ---------------------------------------------------------------- the server

# Log lines that are the server doing its work, or that tell of the machine. Everything else at [warn] or worse fails the test.
ALWAYS_EXPECTED = [
    r'AH01630: client denied by server configuration',  # mod_authz_core says so of every denial
    r'AH01882: ',  # the machine's mod_ssl was built with a newer patch release of OpenSSL than it has
]
_SEVERE = re.compile(r'\[[\w-]*:(?:warn|error|crit|alert|emerg)\]')
_CRASH = re.compile(r'exit signal|Sanitizer|runtime error:|stack smashing|corrupt|double free|Assertion')
_RESUMED = 'resuming normal operations'
_BASE_MODULES = ('log_config', 'unixd', 'authz_core', 'socache_shmcb', 'ssl', 'http2')
_running = set()


class Server:
    """One httpd with its own directory, ports and logs.

    workdir:  made if None, removed again when the test passed
    config:   text that follows the harness's own; ${PORT}, ${PORT2}.. and ${DIR} are defined in it
    mpm:      event, worker or prefork (which has no HTTP/2)
    modules:  loaded after the base ones, without mod_; 'mtls_authz' is the module under test
    base:     replaces the base modules, for tests of the load order
    env:      added to the environment, for instance LD_PRELOAD
    user:     when run as root; default www-data, else nobody
    ports:    how many to listen on; all on 127.0.0.1
    probe_config: put into the plain-HTTP virtual host by which the harness sees which child answers; it is only
              ever asked `OPTIONS *`, for which no authorization takes place
    """

    def __init__(self, workdir=None, config='', mpm='event', modules=(), env=None, user=None, ports=1, base=None,
                 log_level='info', probe_config=''):
        self.dir = Path(workdir or tempfile.mkdtemp(prefix='mtls-httpd-'))
        self._is_own_dir = workdir is None
        self.config, self.mpm, self.modules = config, mpm, tuple(modules)
        self.base = tuple(base if base is not None else _BASE_MODULES)
        self.env, self.user, self.log_level, self.probe_config = dict(env or {}), user, log_level, probe_config
        self.ports = [0] * ports
        self.probe_port = 0
        self.program = httpd_program()
        self.module = module_path()  # mod_mtls_authz
        self.process = None
        self._expected = [re.compile(text) for text in ALWAYS_EXPECTED]
        self._make_directories()
        self._choose_ports()

    port = property(lambda self: self.ports[0])
    conf_file = property(lambda self: self.dir / 'httpd.conf')
    error_log = property(lambda self: self.dir / 'error.log')
    access_log = property(lambda self: self.dir / 'access.log')
    docroot = property(lambda self: self.dir / 'htdocs')
    pid = property(lambda self: int((self.dir / 'httpd.pid').read_text()))

    def _make_directories(self):
        for path in (self.dir, self.dir / 'htdocs', self.dir / 'run'):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)  # the children are another user
        (self.docroot / 'index.html').write_text('index\n')

    def _choose_ports(self):
        *self.ports, self.probe_port = free_ports(len(self.ports) + 1)

    # ---- configuration

    def _has_http2(self):
        return self.mpm != 'prefork' and 'http2' in self.base + self.modules

    def _load_lines(self):
        builtin = subprocess.run([self.program, '-l'], capture_output=True, text=True, check=True).stdout
        for name in (f'mpm_{self.mpm}', *self.base, *self.modules):
            if f'mod_{name}.c' in builtin or f'  {name}.c' in builtin or (name == 'http2' and not self._has_http2()):
                continue
            path = self.module if name == 'mtls_authz' else module_directory() / f'mod_{name}.so'
            yield f'LoadModule {name}_module "{path}"'

    def _user_lines(self):
        if os.geteuid() != 0:
            return
        known = {entry.pw_name for entry in pwd.getpwall()}
        user = self.user or ('www-data' if 'www-data' in known else 'nobody')
        yield f'User {user}\nGroup #{pwd.getpwnam(user).pw_gid}'

    def _mpm_lines(self):
        # small, but with room for the children of several generations at once
        if self.mpm == 'prefork':
            return 'StartServers 2\nMinSpareServers 1\nMaxSpareServers 8\nServerLimit 64\nMaxRequestWorkers 64'
        return ('StartServers 2\nServerLimit 16\nThreadsPerChild 16\nMinSpareThreads 16\nMaxSpareThreads 64\n'
                'MaxRequestWorkers 256')

    def _probe_lines(self):
        return f'''<VirtualHost 127.0.0.1:{self.probe_port}>
  ServerName harness-probe.invalid
  Protocols http/1.1
  CustomLog "{self.dir}/probe.log" "%P"
{self.probe_config}
</VirtualHost>'''

    def write_config(self, config=None):
        """Writes the configuration again, with other text if given; graceful() makes it count."""
        self.config = self.config if config is None else config
        ports = [f'Define PORT{i + 1} {port}\nListen 127.0.0.1:{port}' for i, port in enumerate(self.ports)]
        lines = [
            f'ServerRoot "{self.dir}"', f'DefaultRuntimeDir "{self.dir}/run"', f'PidFile "{self.dir}/httpd.pid"',
            f'ErrorLog "{self.error_log}"', f'LogLevel {self.log_level}', 'ServerName localhost',
            f'Define DIR {self.dir}', f'Define PORT {self.port}', *ports, f'Listen 127.0.0.1:{self.probe_port}',
            *self._load_lines(), *self._user_lines(), self._mpm_lines(), f'Mutex "file:{self.dir}/run" default',
            f'DocumentRoot "{self.docroot}"', 'LogFormat "%P %H %>s \\"%r\\"" harness',
            f'CustomLog "{self.access_log}" harness',
        ]
        if 'ssl' in self.base + self.modules:
            lines.append(f'SSLSessionCache "shmcb:{self.dir}/run/sessions(512000)"')
        if self._has_http2():
            lines.append('Protocols h2 http/1.1')
        self.conf_file.write_text('\n'.join([*lines, self._probe_lines(), self.config, '']))

    # ---- running

    def _command(self, *arguments):
        return [self.program, '-f', str(self.conf_file), *arguments]

    def _environment(self):
        return {**os.environ, 'LC_ALL': 'C', **self.env}

    def configtest(self):
        """httpd -t: (exit status, everything it said)."""
        self.write_config()
        done = subprocess.run(self._command('-t'), capture_output=True, text=True, errors='backslashreplace',
                              env=self._environment(), timeout=START_TIMEOUT_S, check=False)
        return done.returncode, done.stdout + done.stderr

    def _launch(self):
        self.write_config()
        with open(self.dir / 'startup.log', 'wb') as output:
            self.process = subprocess.Popen(self._command('-DFOREGROUND'), stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, env=self._environment(), start_new_session=True,
                                            preexec_fn=_end_with_parent)
        _running.add(self)

    def _is_up(self):
        if self.process.poll() is not None:
            return 'ended'
        return 'up' if self.answering_child() is not None else None

    def start(self):
        """Returns once the server answers; raises with its log when it does not."""
        for _ in range(3):
            self._launch()
            state = wait_until(self._is_up, START_TIMEOUT_S, 'httpd to answer')
            if state == 'up':
                return self
            _running.discard(self)
            if 'AH00072' not in self._everything_said():  # another process took a port that was free a moment ago
                break
            self._choose_ports()
        raise HarnessError(f'httpd did not start:\n{self._everything_said()}')

    def refuses_to_start(self):
        """For tests of bad configurations: what the server said before it ended by itself."""
        self._launch()
        if wait_until(self._is_up, START_TIMEOUT_S, 'httpd to refuse') == 'up':
            self.kill()
            raise AssertionError('httpd started, but should have refused to')
        _running.discard(self)
        self.process = None
        return self._everything_said()

    def _everything_said(self):
        return ''.join(_text(path) for path in (self.dir / 'startup.log', self.error_log))

    def answering_child(self):
        """The process id of a child that answers now, or None."""
        log = self.dir / 'probe.log'
        before = log.stat().st_size if log.exists() else 0
        try:
            with socket.create_connection(('127.0.0.1', self.probe_port), timeout=5) as s:
                s.sendall(b'OPTIONS * HTTP/1.1\r\nHost: harness-probe.invalid\r\nConnection: close\r\n\r\n')
                while s.recv(4096):
                    pass
        except OSError:
            return None
        try:  # the line is written after the answer
            wait_until(lambda: log.exists() and log.stat().st_size > before, 5, 'the probe to be logged')
        except HarnessError:
            return None
        return int(log.read_text()[before:].split()[0])

    def children(self):
        """Process ids of the server's children of all generations."""
        found = set()
        for name in filter(str.isdigit, _names_in('/proc')):
            fields = _text(f'/proc/{name}/stat').rpartition(')')[2].split()  # none when it is gone meanwhile
            if fields and int(fields[1]) == self.process.pid:
                found.add(int(name))
        return found

    def graceful(self, probe=True, number=signal.SIGUSR1):
        """A reload; returns when the new generation is in charge and, with probe, a child of it has answered.

        number: the signal for it; SIGHUP ends old children at once.
        """
        if number == signal.SIGHUP:  # the children are told to stop, as by kill()
            self._wait_idle()
        old, mark = self.children(), self.mark()
        os.kill(self.pid, number)
        self.wait_log(_RESUMED, mark)
        if probe:
            wait_until(lambda: self.answering_child() not in old | {None}, START_TIMEOUT_S, 'a new child to answer')
            wait_until(lambda: not any(map(self._listens, old)), START_TIMEOUT_S, 'old children to stop listening')

    def _listens(self, pid):
        """Does the process hold one of the server's listening sockets? A child that ends gracefully has closed them."""
        sockets = [line.split() for line in Path('/proc/net/tcp').read_text().splitlines()[1:]]
        ports = {f'{port:04X}' for port in [*self.ports, self.probe_port]}
        listening = {f'socket:[{row[9]}]' for row in sockets if row[3] == '0A' and row[1].split(':')[1] in ports}
        try:
            return any(os.readlink(f'/proc/{pid}/fd/{fd}') in listening for fd in os.listdir(f'/proc/{pid}/fd'))
        except OSError:
            return False  # it has ended, or an open file has

    def wait_log(self, regex, mark=0, timeout_s=START_TIMEOUT_S):
        """Waits for a line in the error log after `mark` and returns it; raises at once if the server ends."""
        def look():
            ended = self.process.poll() is not None
            if found := re.search(f'.*(?:{regex}).*', self.log_since(mark)):
                return found.group(0)
            if ended:
                raise HarnessError(f'httpd ended:\n{self.log_since(mark)}')
            return None
        try:
            return wait_until(look, timeout_s, f'{regex!r} in the error log')
        except HarnessError as error:
            raise HarnessError(f'{error}\n{self.log_since(mark)}') from None

    def _is_idle(self):
        ports = {f':{port:04X}' for port in (*self.ports, self.probe_port)}
        sockets = [line.split() for line in _text('/proc/net/tcp').splitlines()[1:]]
        # state 0A listens; inode 0 no longer belongs to a process
        if any(s[1][-5:] in ports and s[3] != '0A' and s[9] != '0' for s in sockets):
            return False
        return self._threads_rest()

    def _threads_rest(self):
        threads = [f'/proc/{child}/task/{name}/stat' for child in self.children() for name in _names_in(f'/proc/{child}/task')]
        return all(_text(path).rpartition(') ')[2][:1] in ('S', '') for path in threads)

    def wait_at_rest(self):
        """Returns when no thread of a child has anything to do: what was answered is over, also for the server."""
        wait_until(self._threads_rest, START_TIMEOUT_S, 'the threads of the server to rest')

    def _wait_idle(self):
        # The event MPM's child reads the sockets of busy workers when it is told to stop, and crashes, about once in
        # two hundred times, when a worker frees one meanwhile. A crash must stay a failure, so do not provoke this one.
        try:
            wait_until(self._is_idle, 2, 'the server to be idle')
        except HarnessError:  # a test may leave a connection open
            pass

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def _signal_and_wait(self, number):
        self.process.send_signal(number)
        self.process.wait(STOP_TIMEOUT_S)

    def kill(self):
        """Ends the server without looking at its log."""
        _running.discard(self)
        if not self.is_running():
            return
        self._wait_idle()
        try:
            self._signal_and_wait(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            for child in self.children():
                os.kill(child, signal.SIGKILL)
            self._signal_and_wait(signal.SIGKILL)
            raise HarnessError('httpd did not stop when told to') from None

    def stop(self):
        """Ends the server; an AssertionError if it had ended before or its log holds a line nobody expects."""
        ended_before = self.process is not None and not self.is_running()
        self.kill()
        self.process = None
        assert not ended_before, f'httpd ended by itself:\n{self._everything_said()}'
        self.check_log()

    def remove(self):
        if self._is_own_dir and not os.environ.get('KEEP_TEST_DIRS'):
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None:  # the test's own failure is the news
            self.kill()
            print(f'# {self.dir} is kept; its error log ended with:\n{diagnostic(self._everything_said()[-3000:])}')
            return
        self.stop()
        self.remove()

    def mark(self):
        return self.error_log.stat().st_size if self.error_log.exists() else 0

    def log_since(self, mark=0):
        return _text(self.error_log, mark)

    def access_lines(self):
        """One line a request: child's process id, protocol, status, quoted request line with \\xNN for odd bytes."""
        return _text(self.access_log).splitlines()

    def expect(self, regex):
        """Allows error log lines that match; say why beside the call."""
        self._expected.append(re.compile(regex))

    def unexpected_lines(self):
        lines = self._everything_said().splitlines()
        return [line for line in lines if (_SEVERE.search(line) or _CRASH.search(line))
                and not any(allowed.search(line) for allowed in self._expected)]

    def check_log(self):
        bad = self.unexpected_lines()
        assert not bad, 'lines in the error log that nobody expects:\n' + '\n'.join(bad)


def _end_with_parent():
    # PR_SET_PDEATHSIG: a test that is killed must not leave its server behind
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _names_in(directory):
    try:
        return os.listdir(directory)
    except (FileNotFoundError, ProcessLookupError):
        return []


def _text(path, offset=0):
    try:
        with open(path, 'rb') as file:
            file.seek(offset)
            return file.read().decode('utf-8', 'backslashreplace')
    except (FileNotFoundError, ProcessLookupError):
        return ''


@atexit.register
def _stop_leftovers():
    for server in list(_running):
        server.kill()


# ---------------------------------------------------------------- the client

@dataclass
class Result:
    """statuses: a number, or 'reset ERROR', for each answered request; closed: the server left some unanswered.

    headers: one {name: [values]} a response; bodies: bytes; error: 'handshake-failed ...', 'timeout' or None.
    """

    statuses: list = field(default_factory=list)
    tls: str = None
    resumed: bool = None
    alpn: str = None
    headers: list = field(default_factory=list)
    bodies: list = field(default_factory=list)
    closed: bool = False
    error: str = None

    @property
    def status(self):
        """The only one."""
        assert self.error is None and len(self.statuses) == 1, f'not one response: {self}'
        return self.statuses[0]


def _unescape(text):
    return re.sub(rb'\\x([0-9a-f]{2})', lambda m: bytes([int(m[1], 16)]), text.encode())


def parse_output(text):
    result = Result()
    for line in text.splitlines():
        word, _, rest = line.partition(' ')
        number, _, value = rest.partition(' ')
        if word == 'connection':
            facts = dict(item.split('=') for item in rest.split())
            result.tls, result.resumed, result.alpn = facts['tls'], facts['resumed'] == 'yes', facts['alpn']
        elif word == 'response':
            result.statuses.append(int(value) if value.isdigit() else value)
            result.headers.append({})
            result.bodies.append(b'')
        elif word == 'header':
            name, _, content = value.partition(': ')
            result.headers[-1].setdefault(name, []).append(content)
        elif word == 'body':
            result.bodies[-1] = _unescape(value)
        elif word == 'closed':
            result.closed = True
        else:
            result.error = line
    return result


def _escape(value, special=b' |\\'):
    data = value if isinstance(value, bytes) else value.encode()
    return ''.join(chr(b) if 0x20 <= b < 0x7F and b not in special else f'\\x{b:02x}' for b in data)


def request_line(request):
    """A line of the client's script from '/target', 'METHOD TARGET ...' or (method, target[, headers]).

    In a tuple, target and header values may be bytes and hold anything; in text, \\xNN stands for a byte.
    """
    if isinstance(request, str):
        return f'GET {request}' if request.startswith('/') and ' ' not in request else request
    method, target, headers = (*request, {})[:3]
    pairs = headers.items() if isinstance(headers, dict) else headers
    text = '|'.join(f'{_escape(name)}: {_escape(value, special=b"|" + bytes([92]))}' for name, value in pairs)
    return f'{_escape(method)} {_escape(target)}' + (f' {text}' if text else '')


def client_command(server, cert=None, http='1.1', tls='1.3', host='api.example', sni=None, ca=None, port=None, no_ticket=False,
                   session_in=None, session_out=None, parallel=False, headers=(), body=False, pha=False, source=None):
    """host=None sends none (HTTP/1.0); sni defaults to host, '' sends none; cert is a Cert or (chain, key)."""
    command = [tool('mtls_client'), '--port', str(port or server.port), '--http', http]
    sni = host if sni is None else sni
    chain, key = (cert.chain, cert.key) if isinstance(cert, Cert) else cert or (None, None)
    values = {'--tls': tls, '--host': host, '--sni': sni, '--ca': ca, '--cert': chain, '--key': key, '--from': source,
              '--session-in': session_in, '--session-out': session_out, '--headers': ','.join(headers)}
    flags = {'--no-host': host is None, '--no-ticket': no_ticket, '--parallel': parallel, '--body': body, '--pha': pha}
    for option, value in values.items():
        command += [option, str(value)] if value else []
    return command + [option for option, wanted in flags.items() if wanted]


def _play(command, requests):
    script = ''.join(request_line(request) + '\n' for request in requests)
    done = subprocess.run(command, input=script.encode(), capture_output=True, timeout=CLIENT_TIMEOUT_S, check=False)
    return _finished(done.returncode, done.stdout, done.stderr)


def _finished(returncode, output, complaint):
    if returncode not in (0, 3, 4):
        raise HarnessError(f'mtls_client: exit {returncode}: {output.decode()} {complaint.decode(errors="replace")}')
    return parse_output(output.decode())


_RESUME_KINDS = {'ticket': ('1.2', '1.3'), 'session-id': ('1.2',), 'psk': ('1.3',)}


def client(server, cert=None, http='1.1', tls='1.3', resume=None, requests=('/',), first=(), **options):
    """Plays `requests` on one connection and returns a Result; options are those of client_command.

    resume: 'ticket' (1.2, or 1.3), 'session-id' (1.2), 'psk' (1.3: what the server calls a ticket, which is stateful
    under `SSLSessionTickets off`). A connection before, which plays the requests `first`, fetches the session.
    """
    options.update(cert=cert, http=http, tls=tls)
    if resume is None:
        return _play(client_command(server, **options), requests)
    if tls not in _RESUME_KINDS[resume]:
        raise ValueError(f'TLS {tls} has no resumption by {resume}')
    options['no_ticket'] = resume == 'session-id'
    handle, session = tempfile.mkstemp(prefix='session-', dir=server.dir)
    os.close(handle)
    fetched = _play(client_command(server, session_out=session, **options), first)
    if fetched.error:
        return fetched
    return _play(client_command(server, session_in=session, **options), requests)


class Held:
    """A client that waits wherever its requests say HOLD, for tests of what happens meanwhile.

        with Held(server, cert, requests=['/a', HOLD, '/b']) as held:
            held.wait_for('response 1')
            server.graceful()
            result = held.release()
    """

    def __init__(self, server, cert=None, requests=(), **options):
        self._gates = []
        lines = [self._gate(server) if request is HOLD else request_line(request) for request in requests]
        self._seen = ''
        self._process = subprocess.Popen(client_command(server, cert, **options), stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._process.stdin.write(''.join(line + '\n' for line in lines).encode())
        self._process.stdin.close()

    def _gate(self, server):
        self._gates.append(Path(tempfile.mkdtemp(prefix='gate-', dir=server.dir)) / 'open')
        return f'@wait-file {self._gates[-1]}'

    def wait_for(self, start):
        """Waits for a line of the client's output that starts so; the client's own time limit ends the wait."""
        for raw in self._process.stdout:
            self._seen += raw.decode()
            if raw.decode().startswith(start):
                return
        raise HarnessError(f'no {start!r} in {self._seen!r}')

    def open_gate(self):
        """Lets it go on to the next HOLD."""
        self._gates.pop(0).touch()

    def release(self):
        """Opens all gates and returns the Result of the whole connection."""
        while self._gates:
            self.open_gate()
        output = self._seen.encode() + self._process.stdout.read()
        complaint = self._process.stderr.read()
        return _finished(self._process.wait(CLIENT_TIMEOUT_S), output, complaint)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()


HOLD = object()


def plain(port, data, timeout_s=10):
    """Sends bytes without TLS and returns everything that comes back until the server closes."""
    answer = b''
    with socket.create_connection(('127.0.0.1', port), timeout=timeout_s) as s:
        s.sendall(data)
        while received := s.recv(65536):
            answer += received
    return answer
