#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tries packages that packaging/build.sh made in FOLDER, with a Debian that root.sh made in ROOT: TAP.
#
#     tests/package/test.sh FOLDER ROOT
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(realpath "$1")
root=$(realpath "$2")
source=$(ls -d "$folder"/mtls-authz-*/)
version=$(dpkg-parsechangelog -l "$source/debian/changelog" -S Version)
next=${version%-*}-$((${version##*-} + 1))

# The same with a higher number: what an upgrade to a mended package is.
make_next() { # make_next FILE.deb
  local name made
  name=$(basename "$1")
  made=$root/try/made
  dpkg-deb -R "$1" "$made" &&
    sed -i -e "s/^Version: $version\$/Version: $next/" -e "s/(= $version)/(= $next)/" "$made/DEBIAN/control" &&
    dpkg-deb -b --root-owner-group "$made" "$root/try/next/${name/$version/$next}" >/dev/null && rm -rf "$made"
}

fill() {
  local package file
  rm -rf "$root/try"
  mkdir -p "$root/try/first" "$root/try/next" "$root/try/place" && chmod 755 "$root/try/place"
  cp -R "$source/debian/tests" "$root/try/debian-tests"
  cp "$here/life.sh" "$root/try/" || exit 2
  for package in libapache2-mod-mtls-authz libmtlspolicy0 mtls-policy-tools; do
    file=$(ls "$folder/${package}_${version}"_*.deb) && cp "$file" "$root/try/first/" && make_next "$file" || exit 2
  done
}

# One call, for what it leaves running ends with it.
try() {
  "$here/in_root.sh" "$root" env AUTOPKGTEST_TMP=/try/place sh -c '
    sh /try/life.sh installed
    sh /try/debian-tests/enforce
    sh /try/life.sh upgraded-to "$1"' sh "$next" </dev/null
}

# Without installing it: the files of the development package, and a .pc file that finds them where they were unpacked.
library() {
  local here_lib usr=$root/try/development/usr
  dpkg-deb -x "$(ls "$folder"/libmtlspolicy0_"$version"_*.deb)" "$root/try/development" &&
    dpkg-deb -x "$(ls "$folder"/libmtlspolicy-dev_"$version"_*.deb)" "$root/try/development" &&
    sed -i "s,^prefix=.*,prefix=$usr," "$usr"/lib/*/pkgconfig/mtlspolicy.pc || return
  here_lib=$(echo "$usr"/lib/*-linux-*)
  PKG_CONFIG_PATH=$here_lib/pkgconfig LD_LIBRARY_PATH=$here_lib sh "$source/debian/tests/library"
}

# In the tree the packages were built in: what make install made, make uninstall takes away.
uninstalled() {
  local place=$root/try/installed
  make -s -C "$source" install DESTDIR="$place" && [ -x "$place/usr/bin/mtls-policy" ] &&
    [ -f "$place/usr/lib/apache2/modules/mod_mtls_authz.so" ] && make -s -C "$source" uninstall DESTDIR="$place" &&
    [ -z "$(find "$place" ! -type d -print -o -name '*mtls*' -print | tee /dev/stderr)" ]
}

number=0
check() { # check CLAIM COMMAND...
  local claim=$1 said
  number=$((number + 1))
  shift
  said=$("$@" 2>&1) && echo "ok $number - $claim" || { echo "not ok $number - $claim"; echo "$said" | tail -n 20 | sed 's/^/#   /'; }
}

fill
check "a program is built with libmtlspolicy-dev, and each header can be included" library
check "make uninstall leaves nothing that make install made" uninstalled
echo 1..2
try
