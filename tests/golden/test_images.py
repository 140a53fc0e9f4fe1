#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Frozen images (images/README.md): the reader takes them, answers as it did, and the compiler makes the same
bytes of the same document."""

import hashlib
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tap import add_test, main, test

TOP_BUILDDIR = Path(os.environ.get('top_builddir') or HERE.parents[1])
TOOL = os.environ.get('MTLS_POLICY_TOOL') or str(TOP_BUILDDIR / 'mtls-policy')
IMAGES = HERE / 'images'
NEWEST = '1.0'
PAGE = (HERE.parents[1] / 'docs/FORMAT.md').read_text()

# What the frozen policies answer; a reader that misreads a table answers otherwise.
ANSWERS = [
    (['--request', 'GET https://any.example/files/x', '--identity', 'billing'], 'allowed', 'billing-may-all'),
    (['--request', 'GET https://api.example/health', '--identity', 'device'], 'allowed', 'known'),
    (['--request', 'GET https://api.example/orders/7', '--identity', 'orders'], 'denied-by-rule', 'no-orders'),
    (['--request', 'POST https://api.example/orders/7', '--identity', 'any-gate'], 'denied-by-rule',
     'no-partner-writes'),
    (['--request', 'GET https://ids.example/x/7', '--identity', 'whole'], 'allowed', 'whole-may'),
    (['--request', 'GET https://api.example/index.html', '--identity', 'whole'], 'route-unknown', None),
    (['--request', 'GET https://x.b.example/orders/', '--identity', 'ann'], 'no-rule', None),
]


def run(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def compiled(source):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'policy.mtlsp'
        result = run('compile', source, '-o', out)
        assert result.returncode == 0, result.stdout + result.stderr
        return out.read_bytes()


def check_folder(folder):
    image = (folder / 'policy.mtlsp').read_bytes()
    name, digest = reversed((folder / 'SHA256SUMS').read_text().split())
    assert name.endswith('policy.mtlsp') and hashlib.sha256(image).hexdigest() == digest, 'the image was changed'
    # written by hand, where no script that makes images anew writes
    assert f'| {folder.name} |' in PAGE and f'`{digest}` |' in PAGE, 'docs/FORMAT.md has another image for this version'
    assert '%d.%d' % struct.unpack_from('<HH', image, 8) == folder.name, 'it is of another version'
    for arguments, reason, rule in ANSWERS:
        answer = run('explain', folder / 'policy.mtlsp', '--at', '2026-06-01T12:00:00Z', *arguments).stdout
        assert reason in answer and (rule is None or rule in answer), f'{arguments}: {answer}'


def check_bytes(folder):
    image = (folder / 'policy.mtlsp').read_bytes()
    again = compiled(folder / 'policy.json')
    assert again == image, f'{len(again)} bytes instead of {len(image)}: another layout is another version'


for found in sorted(IMAGES.glob('[0-9]*.[0-9]*')):
    add_test(f'the image of version {found.name} is read', lambda folder=found: check_folder(folder))
add_test(f'the compiler makes the image of version {NEWEST}', lambda: check_bytes(IMAGES / NEWEST))


@test
def test_an_image_of_another_version_is_refused():
    image = bytearray((IMAGES / NEWEST / 'policy.mtlsp').read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        for offset in (8, 10):
            other = bytearray(image)
            other[offset] += 1
            path = Path(folder) / 'other.mtlsp'
            path.write_bytes(other)
            result = run('explain', path, '--request', 'GET https://a/', '--identity', 'ann')
            assert result.returncode != 0 and 'FORMAT 1.3' in result.stderr, result.stderr


if __name__ == '__main__':
    main()
