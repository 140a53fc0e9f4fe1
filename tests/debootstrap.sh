#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves what README.md says of a Debian 12 that has nothing: makes a minimal one in a directory, clones this
# repository into it, and calls ./run there for each VERB, by default demo and check.
#
#     tests/debootstrap.sh [VERB]...
#
# Needs root, debootstrap and git. Packages come from where this machine's apt gets them. What is mounted, and
# what is left running, is in namespaces that end with this script, however it ends; the directory lies in TMPDIR,
# else /var/tmp, and is removed.
set -u -o pipefail

made=       # the directory
namespaces= # the process that has them
top=$(cd "$(dirname "$0")/.." && pwd) || exit 2

die() { printf 'tests/debootstrap.sh: %s\n' "$*" >&2; exit 2; }
say() { printf '\n== %s\n' "$*"; }
. "$top/tests/debian.sh"

# --- inside: the namespaces are made, the root is there ---------------------------------------
# inside ROOT VERB...
inside() {
  local root=$1 verb status=0
  shift
  mount_debian "$root"
  for verb in "$@"; do
    say "./run $verb"
    in_debian "$root" sh -c 'cd /src && exec ./run "$1"' sh "$verb" </dev/null ||
      { status=1; echo "./run $verb failed"; }
  done
  return "$status"
}

# --- outside ----------------------------------------------------------------------------------
# The end of the namespaces is the end of all that runs in them, but not at once.
clean_up() {
  [ -z "$namespaces" ] || kill -KILL "$namespaces" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf --one-file-system "$made" 2>/dev/null && return
    sleep 1
  done
  echo "tests/debootstrap.sh: cannot remove $made" >&2
}

main() {
  need debootstrap git unshare
  [ $# -gt 0 ] || set -- demo check
  made=$(mktemp -d "${TMPDIR:-/var/tmp}/mtls-debian-XXXXXX") || die "cannot make a directory"
  trap clean_up EXIT
  trap 'exit 130' HUP INT TERM
  chmod 755 "$made"
  make_debian "$made/root"
  git -c safe.directory='*' clone --quiet --no-hardlinks "$top" "$made/root/src" || die "cannot clone $top"
  unshare --mount --propagation private --pid --fork --kill-child "$0" --inside "$made/root" "$@" &
  namespaces=$!
  wait "$namespaces"
}

if [ "${1:-}" = --inside ]; then
  shift
  inside "$@"
else
  main "$@"
fi
