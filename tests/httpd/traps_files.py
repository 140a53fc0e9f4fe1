#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Policy files at every way to put them into force, changed while they are read, and behind symbolic links."""

import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bad_files import FILES, LIVE, clear, kinds, new_policy, old_policy, remove_it, write_corrupt, write_writable
from harness import client, main, test, test_each, tool, wait_until
from policies import document, guarded, install, mtls_server, pki, policy


def ask(server, *requests):
    return client(server, pki()['billing'], requests=requests).statuses


def httpd(server, *arguments):
    """What a control script calls beside a server that runs; its exit status and what it said."""
    done = subprocess.run(server._command(*arguments), capture_output=True, text=True, env=server._environment(), check=False)
    return done.returncode, done.stdout + done.stderr


def by_httpd(word):
    def act(server):
        mark, old = server.mark(), server.children()
        status, said = httpd(server, '-k', word)
        assert status == 0, said
        server.wait_log('resuming normal operations', mark)
        wait_until(lambda: server.answering_child() not in old | {None}, 30, 'a new child to answer')
    return act


def by_apachectl(word):
    """As upstream's apachectl: `-t` first, and `-k` only after that. Debian's is not in the package of the server."""
    def act(server):
        status, said = httpd(server, '-t')
        if status == 0:
            by_httpd(word)(server)
        return status, said
    return act


@test_each(('graceful',), ('restart',))
def trap_26_a_bad_reload_that_httpd_is_told(word):
    """As by the bare signal."""
    path, good = old_policy(), new_policy()
    with mtls_server(guarded(path, LIVE), files=FILES) as server:
        server.expect('MTLS0002')
        for change, text in (write_corrupt, 'damaged'), (remove_it, 'cannot be opened'), (write_writable, 'can be written by'):
            clear(path)
            change(path, good)
            mark = server.mark()
            by_httpd(word)(server)
            said = server.wait_log('MTLS0002', mark)
            assert re.search(rf'mtls_authz:crit.*{text}.*the policy loaded before stays in force', said), (change, said)
            assert ask(server, '/orders/7', '/new/7', '/health') == [200, 403, 200], change
        clear(path)
        install(path, good)
        by_httpd(word)(server)
        assert ask(server, '/orders/7', '/new/7', '/health') == [403, 200, 200]


@test
def trap_31_apachectl_leaves_a_server_alone_that_it_would_harm():
    path, good = old_policy(), new_policy()
    with mtls_server(guarded(path, LIVE), files=FILES) as server:
        children, mark = server.children(), server.mark()
        for change, text in kinds():
            clear(path)
            change(path, good)
            status, said = by_apachectl('graceful')(server)
            assert status == 1 and re.search(f'MTLS0002: .*{text}', said), (change, status, said)
        assert server.log_since(mark) == '', 'the server was told of it'
        assert ask(server, '/orders/7', '/new/7', '/health') == [200, 403, 200]
        assert server.children() == children
        old = Path(old_policy()).read_bytes()
        for word, data, statuses in ('graceful', good, [403, 200]), ('restart', old, [200, 403]):
            clear(path)
            install(path, data)
            status, said = by_apachectl(word)(server)
            assert status == 0, said
            server.expect('MTLS0003')  # the old one comes back
            assert ask(server, '/orders/7', '/new/7') == statuses, word


@test
def trap_31_a_server_that_was_stopped_does_not_start():
    """It has no last good policy: nothing listens until the file is mended."""
    path, good = old_policy(), new_policy()
    with mtls_server(guarded(path, LIVE), files=FILES) as server:
        assert ask(server, '/orders/7', '/new/7') == [200, 403]
        server.expect('AH00018')  # the starts that are refused
        server.stop()
        for change, text in kinds():
            clear(path)
            change(path, good)
            mark = server.mark()
            server.refuses_to_start()
            said = server.log_since(mark)
            assert re.search(f'MTLS0002: .*{text}', said) and said.count('MTLS0002') == 1, (change, said)
        clear(path)
        install(path, good)
        server.start()
        assert ask(server, '/orders/7', '/new/7') == [403, 200]


# ---------------------------------------------------------------- while it is read

PATHS = ('/p0/7', '/p1/7', '/p2/7', '/longer/7')


def named(path):
    """The policy that allows exactly this path, as bytes. Those of p0, p1 and p2 are of one length."""
    return Path(policy('for-' + path.split('/')[1], document((path.replace('7', '{id}'),)))).read_bytes()


def by_rename(path, data):
    install(path, data)


def in_place(path, data):
    with open(path, 'r+b') as file:
        file.write(data)
        file.truncate()


def cut(path, data):
    os.truncate(path, len(data) // 3)


# where reading halts, what is done then, to what; which policy is in force then: one of the whole files, or, with the text of
# a line at crit, the one before
CHANGED = [
    ('open', by_rename, '/p2/7', '/p1/7', None),
    ('open', in_place, '/p2/7', '/p2/7', None),
    ('open', in_place, '/longer/7', '/longer/7', None),
    ('open', cut, '/p1/7', '/p0/7', 'length differs'),
    ('fstat', by_rename, '/longer/7', '/p1/7', None),
    ('fstat', in_place, '/p2/7', '/p2/7', None),
    ('fstat', in_place, '/longer/7', '/p0/7', 'changed its length'),
    ('fstat', cut, '/p1/7', '/p0/7', 'changed its length'),
    ('read', by_rename, '/p2/7', '/p1/7', None),
    ('read', in_place, '/p2/7', '/p0/7', 'the SHA-256 digest does not fit'),
    ('read', in_place, '/longer/7', '/p0/7', 'changed its length'),
    ('read', cut, '/p1/7', '/p0/7', 'changed its length'),
]


class Halting:
    """A server whose reading of policies halts where it is told to."""

    def __init__(self):
        self.path = pki().path('halting.mtlsp')
        self.folder = Path(pki().path('halts'))
        self.folder.mkdir(exist_ok=True)
        install(self.path, named('/p0/7'))
        env = {'LD_PRELOAD': tool('.libs/slow_read.so'), 'SLOW_READ': str(self.folder)}
        self.server = mtls_server(guarded(self.path), files=[path[1:] for path in PATHS], env=env)

    def during(self, where, action, change):
        """Does `change` while `action` has a policy open, and returns what the action does."""
        gate, held = self.folder / where, self.folder / 'held'
        gate.touch()

        def change_meanwhile():
            try:
                wait_until(held.exists, 30, 'the policy to be read')
                change()
            finally:
                gate.unlink()

        # The action stays in this thread: a server ends with the thread that started it.
        with ThreadPoolExecutor(1) as pool:
            changed = pool.submit(change_meanwhile)
            result = action()
            changed.result()
        return result


@test
def trap_29_the_file_is_changed_while_it_is_read():
    halting = Halting()
    server, path = halting.server, halting.path
    with server:
        server.expect('MTLS0002')
        for number in signal.SIGUSR1, signal.SIGHUP:
            for where, change, to, then, said in CHANGED if number == signal.SIGUSR1 else CHANGED[-4:]:
                install(path, named('/p0/7'))
                server.graceful()
                install(path, named('/p1/7'))
                mark = server.mark()
                halting.during(where, lambda: server.graceful(number=number), lambda: change(path, named(to)))
                case = (number, where, change, to)
                assert ask(server, *PATHS) == [200 if asked == then else 403 for asked in PATHS], case
                lines = [line for line in server.log_since(mark).splitlines() if 'MTLS0002' in line]
                assert len(lines) == (said is not None), (case, lines)
                assert all(said in line and '[mtls_authz:crit]' in line for line in lines), (case, lines)


@test
def trap_31_the_file_is_changed_while_start_and_configtest_read_it():
    halting = Halting()
    server, path = halting.server, halting.path
    for where, change, to, then, said in CHANGED:
        install(path, named('/p1/7'))
        status, output = halting.during(where, server.configtest, lambda: change(path, named(to)))
        assert status == bool(said) and (not said or re.search(f'MTLS0002: .*{said}', output)), (where, change, to, output)
    server.expect('AH00018')
    install(path, named('/p1/7'))
    output = halting.during('read', server.refuses_to_start, lambda: in_place(path, named('/p2/7')))
    assert re.search('MTLS0002: .*is damaged', output), output
    install(path, named('/p1/7'))
    halting.during('read', server.start, lambda: by_rename(path, named('/p2/7')))
    statuses = ask(server, *PATHS)
    server.stop()
    assert statuses == [403, 200, 403, 403], statuses
    server.remove()


# ---------------------------------------------------------------- symbolic links, as Kubernetes makes them

class ConfigMap:
    """A folder as the kubelet fills it: policy.mtlsp -> ..data/policy.mtlsp, ..data -> the folder of a time."""

    def __init__(self, folder, data):
        self.folder, self.turn = Path(folder), 0
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.update(data)
        self.path = self.folder / 'policy.mtlsp'
        self.path.symlink_to('..data/policy.mtlsp')

    def update(self, data, change=None):
        """The swap is one rename; the folder before it is taken away at once. change: of the new file, before that."""
        self.turn += 1
        fresh, link = self.folder / f'..2026_11_28_00_00_{self.turn:02}.4711', self.folder / '..data'
        fresh.mkdir()
        (change or install)(fresh / 'policy.mtlsp', data)
        before = link.resolve() if link.is_symlink() else None
        (self.folder / '..data_tmp').symlink_to(fresh.name)
        (self.folder / '..data_tmp').rename(link)
        if before is not None:
            for file in before.iterdir():
                file.unlink()
            before.rmdir()


RELOADS = [lambda server: server.graceful(), lambda server: server.graceful(number=signal.SIGHUP), by_httpd('graceful'),
           by_apachectl('graceful')]


@test
def trap_26_a_symbolic_link_is_swapped_as_kubernetes_does():
    halting = Halting()
    server = halting.server
    held = ConfigMap(server.dir / 'config', named('/p0/7'))
    server.config = guarded(held.path)
    assert server.configtest()[0] == 0
    with server:
        server.expect('MTLS0002')
        now = '/p0/7'
        for turn, reload in enumerate(RELOADS):
            then = PATHS[turn % 2 + 1]
            held.update(named(then))
            assert ask(server, now, then) == [200, 403], 'without a reload'
            reload(server)
            assert ask(server, now, then) == [403, 200], turn
            now = then
        for reload in RELOADS[:2]:
            mark = server.mark()
            held.update(named('/p0/7'), write_corrupt)
            reload(server)
            assert 'the policy loaded before stays in force' in server.wait_log('MTLS0002', mark)
            assert ask(server, '/p0/7', now) == [403, 200]
        for where in 'open', 'fstat', 'read':
            held.update(named('/p1/7'))
            halting.during(where, server.graceful, lambda: held.update(named('/p2/7')))
            assert ask(server, *PATHS) == [403, 200, 403, 403], where
        (held.folder / '..data').unlink()
        mark = server.mark()
        server.graceful()
        assert 'cannot be opened' in server.wait_log('MTLS0002', mark)
        assert ask(server, *PATHS) == [403, 200, 403, 403]
        status, said = server.configtest()
        assert status == 1 and re.search('MTLS0002: .*cannot be opened', said), said


if __name__ == '__main__':
    main()
