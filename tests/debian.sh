# SPDX-License-Identifier: Apache-2.0
# Sourced: how a Debian root is made in a directory, and how a command runs in it. Who calls brings die and say.
# Packages come from where this machine's apt gets them.
suite=bookworm

need() { # need PROGRAM...
  local program
  [ "$(id -u)" = 0 ] || die "needs root"
  for program in "$@"; do
    command -v "$program" >/dev/null ||
      die "needs $program; as root: apt-get install debootstrap git iproute2 util-linux"
  done
}

# --- making one -------------------------------------------------------------------------------
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

make_debian() { # make_debian ROOT: a minimal one
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
}

# --- running in it: in mount and process namespaces of its own --------------------------------
mount_debian() { # mount_debian ROOT
  local root=$1 device
  mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" &&
    mount -t tmpfs -o mode=755 tmpfs "$root/dev" && mkdir "$root/dev/pts" "$root/dev/shm" &&
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts" &&
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || die "cannot mount"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device" || die "cannot mount /dev/$device"
  done
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
}

in_debian() { # in_debian ROOT COMMAND...
  local root=$1
  shift
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    ${no_proxy:+no_proxy="$no_proxy"} chroot "$root" "$@"
}
