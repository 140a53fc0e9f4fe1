# SPDX-License-Identifier: Apache-2.0
"""Where httpd, its modules and what was built are. Environment: MTLS_MODULE, MTLS_POLICY_TOOL, MTLS_TOOLS, APXS, HTTPD."""

import os
import subprocess
from pathlib import Path

TOP_BUILDDIR = Path(os.environ.get('top_builddir') or Path(__file__).resolve().parents[2]).resolve()


class HarnessError(Exception):
    """The harness could not do its part; no verdict about the thing under test."""


def module_path():
    return Path(os.environ.get('MTLS_MODULE') or TOP_BUILDDIR / '.libs/mod_mtls_authz.so')


def policy_tool():
    return Path(os.environ.get('MTLS_POLICY_TOOL') or TOP_BUILDDIR / 'mtls-policy')


def tool(name):
    path = Path(os.environ.get('MTLS_TOOLS') or TOP_BUILDDIR / 'tests/tools') / name
    if not os.access(path, os.X_OK):
        raise HarnessError(f'{path} is missing: build it, or set MTLS_TOOLS')
    return str(path)


def _apxs(variable):
    try:
        command = [os.environ.get('APXS', 'apxs'), '-q', variable]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''


def httpd_program():
    candidates = [os.environ.get('HTTPD', ''), f'{_apxs("SBINDIR")}/{_apxs("PROGNAME")}',
                  '/usr/sbin/apache2', '/usr/sbin/httpd']
    for path in candidates:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise HarnessError('found no httpd: set HTTPD')


def module_directory():
    for path in (_apxs('LIBEXECDIR'), '/usr/lib/apache2/modules', '/usr/lib64/httpd/modules'):
        if os.path.isdir(path):
            return Path(path)
    raise HarnessError('found no httpd modules: set APXS')
