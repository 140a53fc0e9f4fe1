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

suite=bookworm
made=       # the directory
namespaces= # the process that has them
top=$(cd "$(dirname "$0")/.." && pwd) || exit 2

die() { printf 'tests/debootstrap.sh: %s\n' "$*" >&2; exit 2; }
say() { printf '\n== %s\n' "$*"; }

# --- inside: the namespaces are made, the root is there ---------------------------------------
# inside ROOT VERB...
inside() {
  local root=$1 verb status=0
  shift
  mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" &&
    mount -t tmpfs -o mode=755 tmpfs "$root/dev" && mkdir "$root/dev/pts" "$root/dev/shm" &&
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts" &&
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || die "cannot mount"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device" || die "cannot mount /dev/$device"
  done
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for verb in "$@"; do
    say "./run $verb"
    in_root "$root" sh -c 'cd /src && exec ./run "$1"' sh "$verb" || { status=1; echo "./run $verb failed"; }
  done
  return "$status"
}

in_root() { # in_root ROOT COMMAND...
  local root=$1
  shift
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    ${no_proxy:+no_proxy="$no_proxy"} chroot "$root" "$@" </dev/null
}

# --- outside: making the root -----------------------------------------------------------------
# Lines "URI SUITE COMPONENT" of this machine's repositories of the suite and its updates.
repositories() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    grep -E " $suite(-updates|-security)? main\$" | sort -u
}

mirror() { repositories | sed -n "s/ $suite main\$//p" | head -n 1; }

setting() { # setting NAME: one of apt's
  local value
  eval "$(apt-config shell value "$1")"
  printf '%s' "${value:-}"
}

make_root() { # make_root ROOT
  local root=$1 from proxy
  from=$(mirror)
  [ -n "$from" ] || die "apt on this machine knows no repository of $suite; add one to its sources"
  proxy=$(setting Acquire::http::Proxy)
  [ -z "$proxy" ] || export http_proxy=$proxy
  say "a minimal $suite from $from"
  debootstrap --variant=minbase "$suite" "$root" "$from" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" "$root/debootstrap/debootstrap.log"; die "debootstrap failed"; }
  repositories | sed 's/^/deb /' >"$root/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::(http|https|ftp|Retries|Force)' >"$root/etc/apt/apt.conf.d/90host"
  git -c safe.directory='*' clone --quiet --no-hardlinks "$top" "$root/src" || die "cannot clone $top"
}

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
  [ "$(id -u)" = 0 ] || die "needs root"
  for program in debootstrap git unshare; do
    command -v "$program" >/dev/null || die "needs $program; as root: apt-get install debootstrap git util-linux"
  done
  [ $# -gt 0 ] || set -- demo check
  made=$(mktemp -d "${TMPDIR:-/var/tmp}/mtls-debian-XXXXXX") || die "cannot make a directory"
  trap clean_up EXIT
  trap 'exit 130' HUP INT TERM
  chmod 755 "$made"
  make_root "$made/root"
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
