#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a Debian 12 in DIR, which must not be there yet, as one finds it on a server: apache2 as it is delivered,
# openssl and curl. No service is ever started in it by a package. What libraries our packages need is downloaded,
# not installed, so that they can be installed without a network (in_root.sh).
#
#     tests/package/root.sh DIR [PACKAGE...]
#
# The first one of a day is kept as an archive in build/package, from which the next is made in seconds. PACKAGEs are
# installed besides. Needs root, debootstrap, iproute2. rm -rf --one-file-system DIR is the end of it.
set -u -o pipefail

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
archive=$top/build/package/root.tar
die() { printf 'tests/package/root.sh: %s\n' "$*" >&2; exit 2; }
say() { printf '\n== %s\n' "$*"; }
. "$top/tests/debian.sh"

install_in() { # install_in ROOT PACKAGE...
  local root=$1
  shift
  "$top/tests/package/in_root.sh" --network "$root" \
    env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >>"$root.log" 2>&1 </dev/null ||
    { tail -n 20 "$root.log"; die "apt-get install $* failed"; }
}

make_server() { # make_server ROOT
  local root=$1
  make_debian "$root"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/fast"
  printf '127.0.0.1 localhost server\n::1 localhost\n' >"$root/etc/hosts"
  "$top/tests/package/in_root.sh" --network "$root" apt-get -qq update >>"$root.log" 2>&1 </dev/null ||
    { tail -n 20 "$root.log"; die "apt-get update failed"; }
  install_in "$root" apache2 openssl curl
  rm -f "$root"/var/cache/apt/archives/*.deb
  install_in "$root" --download-only libyajl2
}

kept() { [ -n "$(find "$archive" -mmin -1440 -newer "$0" -newer "$top/tests/debian.sh" 2>/dev/null)" ]; }

keep() { # keep ROOT
  mkdir -p "$(dirname "$archive")"
  tar -C "$1" --one-file-system -cf "$archive.$$" . && mv "$archive.$$" "$archive" || die "cannot write $archive"
}

[ $# -ge 1 ] || die "which directory?"
[ ! -e "$1" ] || die "$1 is there already"
need debootstrap unshare ip tar
root=$(realpath -m "$1")
shift
if kept; then
  mkdir -p "$root" && tar -C "$root" -xpf "$archive" || die "cannot unpack $archive"
else
  make_server "$root"
  keep "$root"
fi
[ $# -eq 0 ] || install_in "$root" "$@"
rm -f "$root.log"
