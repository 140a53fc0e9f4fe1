#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the built files show to the outside, and what they want from it.
. "$(dirname "$0")/guard.sh"
build=${top_builddir:-$root}
library=$build/.libs/libmtlspolicy.so
module=${MTLS_MODULE:-$build/.libs/mod_mtls_authz.so}

exported() { nm -D --defined-only "$1" | awk '{print $NF}' | grep -vE '^(_init|_fini|_edata|_end|__bss_start)$'; }

if [ -f "$library" ]; then
  some "the library's symbols" "$(exported "$library" | wc -l)"
  report "the library exports its own names only" "$(exported "$library" | grep -v '^mpol_')"
fi
if [ -f "$module" ]; then
  report "the module exports its module structure only" \
    "$(exported "$module" | grep -vx mtls_authz_module; exported "$module" | grep -qx mtls_authz_module || echo none)"
  report "the module wants no JSON" "$(nm -D --undefined-only "$module" | grep -iE 'yajl|json')"
  report "the module is linked to OpenSSL itself" \
    "$(ldd "$module" | grep -q libssl || echo "libssl is not among its libraries")"
fi
[ "$number" -gt 0 ] || report "there is something built to look at" "$library, $module"
finish
