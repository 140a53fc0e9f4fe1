#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian packages, source and binary, of a release archive in FOLDER.
#
#     packaging/build.sh mtls-authz-VERSION.tar.xz FOLDER
set -e -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
archive=$(realpath "$1")
name=$(basename "$archive" .tar.xz)
version=${name#mtls-authz-}
packaged=$(dpkg-parsechangelog -l "$here/debian/changelog" -S Version)
if [ "${packaged%-*}" != "$version" ]; then
  echo "packaging/debian/changelog is of $packaged, the archive of $version" >&2
  exit 1
fi
rm -rf "$2/$name" "$2"/*.deb "$2"/mtls-authz_*
mkdir -p "$2"
cd "$2"
cp "$archive" "mtls-authz_$version.orig.tar.xz"
tar -xf "$archive"
cp -R "$here/debian" "$name/debian"
cd "$name"
dpkg-buildpackage --unsigned-source --unsigned-changes -j"$(nproc)"
