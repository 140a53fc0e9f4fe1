# SPDX-License-Identifier: Apache-2.0
"""How httpd's proxy may pass a path on, and what a server behind it may take it for."""

import urllib.parse

# name -> how requests get from there to the backend
MODES = {
    'static': '',
    'default': 'ProxyPass "/" "{backend}/"',
    'nocanon': 'AllowEncodedSlashes NoDecode\n ProxyPass "/" "{backend}/" nocanon',
    'decode': 'AllowEncodedSlashes On\n ProxyPass "/" "{backend}/"',
    'encoded': 'AllowEncodedSlashes NoDecode\n ProxyPass "/" "{backend}/" mapping=encoded',
    'servlet': 'AllowEncodedSlashes NoDecode\n ProxyPass "/" "{backend}/" mapping=servlet',
    'unmerged': 'MergeSlashes Off\n ProxyPass "/" "{backend}/"',
    'rewrite': 'AllowEncodedSlashes NoDecode\n RewriteEngine on\n RewriteRule "^/(.*)" "{backend}/$1" [P]',
    'public': 'AllowEncodedSlashes NoDecode\n ProxyPass "/api/public/" "{backend}/api/public/" nocanon',
}


def _resolve(path, cut):
    out = []
    for segment in path.replace('\\', '/').split('/'):
        segment = segment.split(';')[0] if cut else segment
        if segment == '..':
            del out[-1:]
        elif segment not in ('', '.'):
            out.append(segment)
    return '/' + '/'.join(out)


def readings(target):
    """Every path that some server could take from a raw target: decoded never, once or twice, with and without parameters."""
    text = target.decode('latin-1').partition('?')[0].partition('#')[0]
    for _ in range(3):
        for whole in text, text.partition('\0')[0]:
            yield _resolve(whole, True)
            yield _resolve(whole, False)
        text = urllib.parse.unquote(text, 'latin-1')
