#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py ROOT PACKAGES [GUIDE...]: does what docs/guides says, literally, on the Debian in ROOT, which stays as it is.
The .deb files of the folder PACKAGES lie in /root there.
With V=1 in the environment it shows everything that the commands print.

The first guide begins on a fresh machine, each other one where the first ends. Every block is a test (blocks.py
says what the blocks mean). Needs root; everything happens in namespaces of its own, with a loopback and no other network.
"""

import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from blocks import BadGuide, commands, differs, parse  # noqa: E402

HERE = Path(__file__).resolve().parent
GUIDES = HERE.parent.parent / 'docs/guides'
FIRST = 'first-route'
OTHERS = ('service-to-service', 'partner-ca', 'tenants', 'health-checks', 'browsers', 'certificate-and-password',
          'reverse-proxy', 'moving-over', 'deploying')
IN_ROOT = HERE.parent / 'package/in_root.sh'
COMMAND_SECONDS = 60
FIRST_SECONDS = 600  # "ten minutes"
MARK = re.compile(rb'\x1e(\d+)\x1e\n')
# What makes the server read its configuration anew. It does so after the command has ended, so the runner waits
# until no process of before answers any more; a reader who types is slower than that.
RELOADS = re.compile(r'apache2ctl (graceful|start|restart)|apache2 reload|kill -USR1|^deploy-policy', re.M)
# What looks into a file looks again for a moment: httpd writes its access log after it has answered.
LOOKS = re.compile('(cat|grep|tail|wc) ')
LOG_SECONDS = 3
# Services start and reload here as anywhere, the host has its full name, and nothing runs that ran before.
BOOT = '''rm -rf /usr/sbin/policy-rc.d /run/apache2
grep -q server.example /etc/hosts || sed -i 's/^127.0.0.1 .*/127.0.0.1 localhost\\n127.0.1.1 server.example server/' /etc/hosts
cd
apache2ctl start'''
CHILDREN = 'cat /proc/$(cat /run/apache2/apache2.pid)/task/*/children 2>/dev/null'
SETTLED = r'''
for try in $(seq 200); do
  now=" $({children}) "
  old=no
  for child in {before}; do case $now in *" $child "*) old=yes ;; esac; done
  [ $old = no ] && [ "$now" != "  " ] && break
  sleep 0.05
done
[ $try -lt 200 ]
'''


class Failed(Exception):
    """A block did not do what the guide says; the rest cannot be tried."""


class Differs(Exception):
    """A block printed something else than the guide shows."""


class Machine:
    """A shell on a machine of its own; `layers` are the directories it is made of, the last one is written to."""

    def __init__(self, place, lower, upper, packages=()):
        self.root = place / f'root-{upper.name}'
        work = place / f'work-{upper.name}'
        for folder in self.root, work, upper:
            folder.mkdir()
        options = f'lowerdir={":".join(str(folder) for folder in reversed(lower))},upperdir={upper},workdir={work}'
        subprocess.run(['mount', '-t', 'overlay', '-o', options, 'overlay', str(self.root)], check=True)
        for package in packages:
            shutil.copy(package, self.root / 'root')
        self.shell = subprocess.Popen([IN_ROOT, self.root, 'bash', '--noprofile', '--norc'], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.call(BOOT)
        self.settle('')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shell.kill()  # and with it all that runs in its namespaces
        self.shell.wait()
        subprocess.run(['umount', '--lazy', str(self.root)], check=True)

    def call(self, command, strict=False):
        """(exit status, or None if the shell ended; what was printed). With `strict` the first failure ends the shell."""
        text = f'eval {shlex.quote(command)} </dev/null'
        text = f'set -e\n{text}\nset +e; true' if strict else text
        self.shell.stdin.write(f"{text}\nprintf '\\036%d\\036\\n' $?\n".encode())
        self.shell.stdin.flush()
        printed, end = b'', time.monotonic() + COMMAND_SECONDS
        while not (mark := MARK.search(printed)):
            if not select.select([self.shell.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f'no end after {COMMAND_SECONDS} s\n{printed.decode(errors="replace")}')
            some = os.read(self.shell.stdout.fileno(), 65536)
            if not some:
                return None, printed.decode(errors='replace')
            printed += some
        return int(mark[1]), printed[:mark.start()].decode(errors='replace')

    def settle(self, before):
        if self.call(SETTLED.format(children=CHILDREN, before=before))[0] != 0:
            raise Failed('the server did not start its processes anew')

    def do(self, command, strict=False):
        """What a command prints, after the server has taken in what it was told."""
        before = self.call(CHILDREN)[1] if RELOADS.search(command) else ''
        status, printed = self.call(command, strict)
        if os.environ.get('V'):
            print('\n'.join(f'# {line}' for line in f'$ {command}\n{printed}'.splitlines()))
        if status is None:
            raise Failed(f'a command failed\n{printed}')
        if status == 0 and RELOADS.search(command):
            self.settle(' '.join(before.split()))
        return printed

    def write(self, path, text):
        if self.call(f'test -d {shlex.quote(os.path.dirname(path))}')[0] != 0:
            raise Failed(f'the folder of {path} is not there')
        self.call(f'printf %s {shlex.quote(text)} >{shlex.quote(path)}')


def misses(machine, command):
    """What a command prints other than the guide shows."""
    end = time.monotonic() + LOG_SECONDS
    while (wrong := differs(command.output, machine.do(command.text))) and LOOKS.match(command.text) and time.monotonic() < end:
        time.sleep(0.05)
    return f'line {command.line}: $ {command.text}\n{wrong}' if wrong else None


def try_block(machine, block):
    if block.kind == 'file':
        machine.write(block.path, block.text)
    elif block.kind == 'sh':
        machine.do(block.text, strict=True)
    else:
        wrong = [found for command in commands(block) if (found := misses(machine, command))]
        if wrong:
            raise Differs('\n'.join(wrong))


class Report:
    """TAP: a line for each block."""

    def __init__(self):
        self.number = self.failures = 0

    def tell(self, name, wrong=None):
        self.number += 1
        self.failures += wrong is not None
        print(f'{"not ok" if wrong is not None else "ok"} {self.number} - {name}', flush=True)
        if wrong is not None:
            print('\n'.join(f'#   {line}' for line in str(wrong).splitlines()), flush=True)


def try_guide(report, name, *machine):
    """A guide, block after block."""
    place = f'{name}.md'
    try:
        blocks = parse((GUIDES / place).read_text())
        with Machine(*machine) as there:
            for block in blocks:
                place = f'{name}.md:{block.line} {block.kind}'
                try:
                    try_block(there, block)
                    report.tell(place)
                except Differs as wrong:
                    report.tell(place, f'{wrong}\nerror.log:\n{there.call("tail -n 6 /var/log/apache2/error.log")[1]}')
    except (BadGuide, Failed, OSError, subprocess.SubprocessError) as wrong:
        report.tell(place, wrong)


def main(root, packages, wanted):
    """In a mount namespace of its own."""
    report = Report()
    place = Path(tempfile.mkdtemp(prefix='mtls-guides-'))
    try:
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', str(place)], check=True)
        first = place / FIRST
        started = time.monotonic()
        try_guide(report, FIRST, place, [root], first, sorted(packages.glob('*.deb')))
        begun = report.failures == 0
        seconds = time.monotonic() - started
        print(f'# nothing to first enforced route: {seconds:.0f} s')
        report.tell(f'{FIRST}.md takes less than ten minutes', None if seconds < FIRST_SECONDS else f'{seconds:.0f} s')
        for name in [name for name in OTHERS if not wanted or name in wanted]:
            if begun:
                try_guide(report, name, place, [root, first], place / name)
            else:
                report.tell(f'{name}.md', f'it begins where {FIRST}.md ends')
        subprocess.run(['umount', '--lazy', str(place)], check=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f'1..{report.number}')
    return 1 if report.failures else 0


if __name__ == '__main__':
    if os.environ.get('MTLS_GUIDES_INSIDE') is None:
        os.environ['MTLS_GUIDES_INSIDE'] = 'yes'
        os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', sys.executable, *sys.argv])
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3:]))
