#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Calls that go wrong quietly, and leftovers.
. "$(dirname "$0")/guard.sh"

product="$(ls libmtlspolicy/*/*/*.[ch] mod_mtls_authz/*.[ch] policy-tool/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])"
some "banned calls" "$(echo "$product" | wc -l)"
report "no call without a bound or an answer" \
  "$(grep -nE '(^|[^_a-zA-Z0-9])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|alloca|tmpnam|mktemp|system|popen)[[:space:]]*\(' $product)"
report "what the web server runs allocates nothing" \
  "$(grep -nE '(^|[^_a-zA-Z0-9])(malloc|calloc|realloc|free)[[:space:]]*\(' libmtlspolicy/runtime/*/*.c)"
# the words are split so that this file does not find itself
report "nothing is left for later" \
  "$(grep -rnE 'TO''DO|FIX''ME' libmtlspolicy mod_mtls_authz policy-tool schemas docs run README.md)"
report "every file says its licence" \
  "$(for file in $product $(ls tests/*.py tests/*/*.py tests/*/*.sh run docs/demo/demo.sh Makefile.am configure.ac); do
    head -n 5 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file"; done)"
finish
