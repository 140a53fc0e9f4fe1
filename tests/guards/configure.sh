#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# configure refuses what is too old, and says what and what to do.
. "$(dirname "$0")/guard.sh"
place=$(mktemp -d) || exit 99
trap 'rm -rf "$place"' EXIT

# refused NAME SENTENCE ARGUMENTS...: configure must fail with that sentence
refused() {
  name=$1
  sentence=$2
  shift 2
  mkdir -p "$place/build"
  if (cd "$place/build" && env PKG_CONFIG_PATH="$pkg_config_path" "$source/configure" "$@") >"$place/log" 2>&1; then
    report "$name" "configure accepted it"
  elif grep -q "$sentence" "$place/log"; then
    report "$name" ""
  else
    report "$name" "$(tail -n 5 "$place/log")"
  fi
  rm -rf "$place/build"
}

# A copy: in a tree that was configured itself configure refuses to run for another folder.
source=$place/source
mkdir -p "$source/libmtlspolicy/runtime/image"
cp -R configure build-aux "$source/" && cp libmtlspolicy/runtime/image/format.h "$source/libmtlspolicy/runtime/image/"

[ -x configure ] || { report "configure is there" "no configure in $root"; finish; exit; }

mkdir -p "$place/include" "$place/pc"
cat >"$place/include/ap_release.h" <<'HEADER'
#define AP_SERVER_MAJORVERSION_NUMBER 2
#define AP_SERVER_MINORVERSION_NUMBER 4
#define AP_SERVER_PATCHLEVEL_NUMBER 48
HEADER
printf '#!/bin/sh\ncase $2 in INCLUDEDIR) echo %s ;; *) echo %s ;; esac\n' "$place/include" "$place" >"$place/apxs"
chmod +x "$place/apxs"
pkg_config_path=
refused "httpd 2.4.48 is too old" "older than 2.4.49" --with-apxs="$place/apxs"
refused "a missing apxs is told" "apxs is not found" --with-apxs=no --enable-httpd-module

for library in libcrypto libssl; do
  printf 'Name: %s\nDescription: old\nVersion: 1.1.1w\nLibs:\n' $library >"$place/pc/$library.pc"
done
pkg_config_path=$place/pc
refused "OpenSSL 1.1.1 is too old" "OpenSSL 3.0 or later is needed"
finish
