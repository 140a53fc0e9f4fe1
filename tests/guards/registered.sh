#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A test that nobody runs is none.
. "$(dirname "$0")/guard.sh"

looked_at=0
findings=
for file in tests/unit/test_*.c tests/property/test_*.c; do
  [ -f "$file" ] || continue
  for name in $(sed -n 's/^static void \(test_[a-z0-9_]*\)(void \*\*state).*/\1/p' "$file"); do
    looked_at=$((looked_at + 1))
    grep -qE "cmocka_unit_test[a-z_]*\($name[,)]" "$file" || findings="$findings$file: $name is not in its group
"
  done
  grep -q 'CM_OUTPUT_TAP' "$file" || findings="$findings$file does not print TAP
"
done
some "registered unit tests" $looked_at
report "every unit test is in its group" "$findings"

findings=
for file in tests/unit/test_*.c tests/property/test_*.c tests/*/test_*.py tests/*/traps*.py tests/guards/[a-z]*.sh; do
  [ -f "$file" ] && [ "$file" != tests/guards/guard.sh ] || continue
  place=${file#tests/}
  grep -qF "${place%.c}" tests/Makefile.inc || findings="$findings$file is not in tests/Makefile.inc
"
done
report "every test is in the Makefile" "$findings"
finish
