#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every file says its licence. JSON, PEM and expected outputs have no room for a comment.
. "$(dirname "$0")/guard.sh"

looked_at=0
findings=
for file in $(find . -type f \( -name '*.c' -o -name '*.h' -o -name '*.py' -o -name '*.sh' -o -name '*.inc' \
  -o -name '*.am' -o -name '*.ac' -o -name '*.pc.in' -o -name run \) -not -path './build/*' -not -path './.git/*' \
  -not -path './build-aux/*' -not -path './autom4te.cache/*') m4/ax_require_c17.m4 m4/mtls_*.m4; do
  case $file in ./mtls-authz-*/*) continue ;; esac
  looked_at=$((looked_at + 1))
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2\.0' || findings="$findings$file
"
done
some "files with a licence" $looked_at
report "every file names its licence" "$findings"
finish
