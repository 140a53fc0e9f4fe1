#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Policy files that are bad, change or go away: at -t, at start, at a reload and in between."""

import os
import pwd
import re
import shutil
import signal
import threading
import time
from pathlib import Path

from bad_files import FILES, LIVE, clear, kinds, new_policy, old_policy
from harness import Pki, client, main, test, test_each, vhost
from policies import REQUIRE, copy_of, denials, document, guarded, install, mtls_server, pki, policy, reasons


def ask(server, *requests, who='billing', **options):
    return client(server, pki()[who] if who else None, requests=requests, **options).statuses


@test_each(('SIGUSR1',), ('SIGHUP',))
def trap_26_a_bad_reload_changes_nothing(name):
    path = old_policy()
    good = new_policy()
    number = signal.Signals[name]
    with mtls_server(guarded(path, LIVE), files=FILES) as server:
        server.expect('MTLS0002')
        for change, text in kinds():
            clear(path)
            change(path, good)
            mark = server.mark()
            server.graceful(probe=False, number=number)
            said = server.wait_log('MTLS0002', mark)
            assert re.search(rf'mtls_authz:crit.*{text}.*the policy loaded before stays in force', said), (change, said)
            assert server.log_since(mark).count('MTLS0002') == 1, server.log_since(mark)
            assert ask(server, '/orders/7', '/new/7', '/health') == [200, 403, 200], change
            assert ask(server, '/orders/7', who='unknown') == [403], change
        clear(path)
        install(path, good)
        server.graceful(number=number)
        assert ask(server, '/orders/7', '/new/7', '/health') == [403, 200, 200]


@test
def trap_26_an_unreadable_policy_of_an_unprivileged_server():
    if os.geteuid() != 0:  # then this server has been one all the time
        path = old_policy()
        server = mtls_server(guarded(path), files=FILES)
        return check_unreadable(server, path, lambda *_: None)
    server = mtls_server('', files=FILES)
    user = pwd.getpwnam('nobody')
    server.module = shutil.copy(server.module, server.dir)  # the build may lie where this user cannot go
    own = Pki(server.dir / 'pki').standard()
    path = shutil.copy(old_policy(), server.dir / 'live.mtlsp')
    server.config = vhost(own, f'  MtlsPolicyFile "{path}"\n{REQUIRE}', ca='corp.crt')
    for name in 'corp', 'billing', 'corp-int':
        for kind in 'crt', 'key', 'chain':  # the certificates that the policy knows
            shutil.copy(pki().path(f'{name}.{kind}'), own.path(f'{name}.{kind}'))
    wrapper = server.dir / 'httpd'
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --reuid={user.pw_uid} --regid={user.pw_gid} --clear-groups --pdeathsig TERM '
                       f'{server.program} "$@"\n')
    wrapper.chmod(0o755)
    for place in [server.dir, *server.dir.rglob('*')]:
        os.chown(place, user.pw_uid, user.pw_gid)
    server.program = str(wrapper)
    server._user_lines = lambda: ()  # it is one user all along
    check_unreadable(server, path, lambda place: os.chown(place, user.pw_uid, user.pw_gid))
    return None


def check_unreadable(server, path, own):
    with server:
        server.expect('MTLS0002|AH00018')  # AH00018: the start that is refused
        assert ask(server, '/orders/7', '/new/7') == [200, 403]
        os.chmod(path, 0)
        for number in signal.SIGUSR1, signal.SIGHUP:
            mark = server.mark()
            server.graceful(probe=False, number=number)
            said = server.wait_log('MTLS0002', mark)
            assert 'mtls_authz:crit' in said and 'Permission denied' in said, said
            assert ask(server, '/orders/7', '/new/7') == [200, 403]
        status, said = server.configtest()
        assert status == 1 and re.search('MTLS0002: .*Permission denied', said), said
        server.stop()
        said = server.refuses_to_start()
        assert re.search('MTLS0002: .*Permission denied', said), said
        install(path, new_policy())
        own(path)
        server.start()
        assert ask(server, '/orders/7', '/new/7') == [403, 200]


@test
def trap_26_policies_fail_one_by_one():
    """And each is back when its file is good again; the other's reload goes through meanwhile."""
    one, two = old_policy(), copy_of(policy('old-b', document(hosts=('b.example',))), 'live-b.mtlsp')
    with mtls_server(guarded(one) + guarded(two, name='b.example'), files=FILES) as server:
        server.expect('MTLS0002')
        install(two, b'no policy')
        install(one, new_policy())
        server.graceful()
        assert ask(server, '/orders/7', '/new/7') == [403, 200]
        assert ask(server, '/orders/7', '/new/7', host='b.example') == [200, 403]
        install(two, Path(policy('new-b', document(('/new/{id}',), hosts=('b.example',)))).read_bytes())
        server.graceful()
        assert ask(server, '/orders/7', '/new/7', host='b.example') == [403, 200]


@test
def trap_13_a_new_policy_that_fails_at_a_reload():
    """Its servers answer that none is there, all others go on."""
    good, missing = old_policy(), pki().path('not-yet.mtlsp')
    other = guarded(policy('b', document(hosts=('b.example',))), name='b.example')
    with mtls_server(guarded(good) + other, files=FILES) as server:
        assert ask(server, '/orders/7', host='b.example') == [200]
        server.write_config(guarded(good) + guarded(missing, name='b.example'))
        server.expect('MTLS0002')
        server.expect('reason=policy-unavailable')
        server.expect('AH01629|AH01628')
        mark = server.mark()
        server.graceful()
        said = server.wait_log('MTLS0002', mark)
        assert 'mtls_authz:crit' in said and 'policy-unavailable until it is mended' in said, said
        mark = server.mark()
        for who in 'billing', None:
            for http in '1.1', '2':
                for request in '/orders/7', '/health', '/nowhere', 'TRACE /orders/7', 'OPTIONS *':
                    assert ask(server, request, who=who, http=http, host='b.example') == [500], (who, http, request)
        assert reasons(server, mark) == ['policy-unavailable'] * 20, denials(server, mark)
        assert server.log_since(mark).count('mtls_authz:error') == 20
        assert ask(server, '/orders/7', '/new/7', '/health') == [200, 403, 200]
        install(missing, Path(policy('b', document(hosts=('b.example',)))).read_bytes())
        server.graceful()
        assert ask(server, '/orders/7', '/nowhere', host='b.example') == [200, 403]


@test
def trap_13_report_mode_lets_no_fault_pass():
    good, missing = old_policy(), pki().path('never.mtlsp')
    require = '  <Location "/">\n    Require mtls-identity\n    MtlsPolicyMode report\n  </Location>\n'
    with mtls_server(guarded(good, require=require), files=FILES) as server:
        assert ask(server, '/orders/7', who=None) == [200]
        server.write_config(guarded(missing, require=require))
        server.expect('MTLS0002|reason=policy-unavailable|AH0162[89]')
        server.graceful()
        assert ask(server, '/orders/7') == [500]


@test
def trap_29_the_file_is_changed_in_place_under_load():
    path = old_policy()
    good = Path(path).read_bytes()
    with mtls_server('KeepAliveTimeout 20\nMaxKeepAliveRequests 0\n' + guarded(path), files=FILES) as server:
        children, stop, failures = server.children(), threading.Event(), []

        def load(http):
            while not stop.is_set():
                statuses = ask(server, *['/orders/7', '/new/7', '/health'] * 20, http=http)
                if statuses != [200, 403, 200] * 20:
                    failures.append(statuses)

        threads = [threading.Thread(target=load, args=(http,)) for http in ('1.1', '2')]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and not failures:
            with open(path, 'r+b') as file:
                for content in b'', good[:100], b'\xff' * len(good), new_policy_bytes, good:
                    file.seek(0)
                    file.truncate()
                    file.write(content)
                    file.flush()
        os.truncate(path, 0)
        assert ask(server, '/orders/7', '/new/7') == [200, 403], 'with the file empty'
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        assert server.children() == children, 'a child ended'
        server.expect('MTLS0002')
        for content, statuses in (good[:100], [200, 403]), (new_policy_bytes, [403, 200]):  # what a reload makes of it
            mark = server.mark()
            Path(path).write_bytes(content)
            server.graceful()
            assert ask(server, '/orders/7', '/new/7') == statuses, content
            assert ('MTLS0002' in server.log_since(mark)) == (content != new_policy_bytes)


new_policy_bytes = new_policy()


def told_by_configtest(config, **options):
    server = mtls_server(config, **options)
    try:
        before = set(server.dir.rglob('*'))
        segments = shared_memory()
        status, said = server.configtest()
        made = {place.name for place in set(server.dir.rglob('*')) - before} - {'httpd.conf'}
        assert not made and shared_memory() == segments, f'-t has made {made}'
        return status, said
    finally:
        server.remove()


def shared_memory():
    """Segments of System V shared memory: keys of /proc/sysvipc/shm."""
    return {line.split()[1] for line in Path('/proc/sysvipc/shm').read_text().splitlines()[1:]}


@test
def trap_31_configtest_sees_policies():
    path = old_policy()
    config = guarded(path, LIVE)
    status, said = told_by_configtest(config)
    assert status == 0 and 'Syntax OK' in said and 'MTLS' not in said, said
    for change, text in kinds():
        clear(path)
        change(path, new_policy_bytes)
        status, said = told_by_configtest(config)
        assert status == 1 and re.search(f'MTLS0002: .*{text}', said), (change, status, said)
        assert said.count('MTLS0002') == 1 and 'stays in force' not in said, said
    clear(path)


@test
def trap_31_configtest_and_start_know_names():
    path = old_policy()
    for names, told in (('nobody', 'no such identity'), ('@nobody', 'no such group'), ('billing @staff bill', 'bill: .*no such identity')):
        config = guarded(path, require=f'  <Location "/">\n    Require mtls-identity {names}\n  </Location>')
        status, said = told_by_configtest(config)
        assert status == 1 and re.search(f'MTLS0004: .*{told}', said), said
    server = mtls_server(config)
    assert 'MTLS0004' in server.refuses_to_start()
    server.remove()


@test
def a_name_that_a_reload_does_not_know():
    """Matches nobody, whatever else stands on the line is in force."""
    path = old_policy()
    lines = '<Location "/orders">\n Require mtls-identity shipping @finance\n</Location>\n<Location "/new">\n Require mtls-identity billing\n</Location>'
    with mtls_server(guarded(path, lines), files=FILES) as server:
        assert ask(server, '/orders/7') == [200] and ask(server, '/orders/7', who='shipping') == [200]
        changed = document(paths=('/orders/{id}', '/new/{id}'), groups={'staff': ['billing', 'shipping']}, serial=6)
        install(path, Path(policy('changed', changed)).read_bytes())
        server.expect('MTLS0004')
        mark = server.mark()
        server.graceful()
        said = server.wait_log('MTLS0004', mark)
        assert 'mtls_authz:crit' in said and '@finance' in said and 'it matches nobody' in said, said
        assert server.log_since(mark).count('MTLS0004') == 1
        mark = server.mark()
        assert ask(server, '/orders/7') == [403] and ask(server, '/orders/7', who='shipping') == [200]
        assert reasons(server, mark) == ['not-on-require-line']
        assert ask(server, '/new/7') == [200] and ask(server, '/new/7', who='shipping') == [403]


@test
def lines_at_start_and_at_reload():
    """MTLS0003 for an older policy, MTLS0006 for one that is not used, MTLS0007 for each in force."""
    path, unused = old_policy(), policy('unused', document(name='unused', serial=9))
    config = guarded(path) + guarded(path, name='b.example') + guarded(unused, name='c.example', require='')
    with mtls_server(config, files=FILES) as server:
        server.expect('MTLS0006')
        for turn in range(2):
            said = [line for line in server.log_since(0 if turn == 0 else mark).splitlines() if 'MTLS00' in line]
            assert sum('MTLS0003' in line for line in said) == 0, said
            assert [line for line in said if 'MTLS0006' in line and 'mtls_authz:warn' in line and 'c.example' in line], said
            assert sum('MTLS0006' in line for line in said) == 1, said
            for name, what in ('api.example', 'orders serial 5'), ('b.example', 'orders serial 5'), ('c.example', 'unused serial 9'):
                told = [line for line in said if 'MTLS0007' in line and f'virtual host {name}: policy {what} digest ' in line]
                assert len(told) == 1 and 'mtls_authz:notice' in told[0], said
                assert re.search(r'digest [0-9a-f]{64}: 2 issuers, 3 identities, 3 groups, 2 routes, 2 rules', told[0]), told
            mark = server.mark()
            server.graceful()
        server.expect('MTLS0003')
        for serial, warned in (4, True), (4, False), (7, False), (6, True):
            install(path, new_policy(serial))
            mark = server.mark()
            server.graceful()
            said = server.log_since(mark)
            assert said.count('MTLS0003') == warned, said
            assert f'policy orders serial {serial} ' in said, said
            assert ask(server, '/new/7') == [200], 'a warning is no refusal'


if __name__ == '__main__':
    main()
