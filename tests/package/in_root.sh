#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command as root in a Debian that lies in DIR (root.sh makes one), in namespaces of its own: the host is called
# server, there is loopback and no other network, and what the command leaves running ends with it.
#
#     tests/package/in_root.sh [--network] DIR COMMAND...
#
# With --network it has the machine's network, for apt-get. Standard input and the exit status are the command's.
# To end it early: SIGKILL.
set -u -o pipefail

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
die() { printf 'tests/package/in_root.sh: %s\n' "$*" >&2; exit 2; }
. "$top/tests/debian.sh"

if [ "${1:-}" = --inside ]; then
  [ "$2" = network ] || ip link set lo up || die "cannot bring loopback up"
  hostname server
  mount_debian "$3"
  shift 2
  in_debian "$@"
  exit
fi

network=own
if [ "${1:-}" = --network ]; then
  network=network
  shift
fi
[ $# -ge 2 ] || die "which directory, and which command?"
[ -x "$1/bin/sh" ] || die "$1 is no Debian"
need unshare ip chroot
separate=(--uts --mount --propagation private --pid --fork --kill-child)
[ "$network" = network ] || separate+=(--net)
exec unshare "${separate[@]}" "$0" --inside "$network" "$@"
