#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each trap names tests and changes of the code that they notice, and each point of what must hold names tests: the rows of
# tests/traps.md.
. "$(dirname "$0")/guard.sh"

table=tests/traps.md
later='not part of this release \| - \| - \|$' # the rows of traps that the audit log will bring
traps=$(grep -E '^\| [0-9]+ \|' "$table")
points=$(grep -E '^\| [A-Z][0-9]+ \|' "$table")
some "traps" "$(echo "$traps" | grep -c .)"
some "points" "$(echo "$points" | grep -c .)"

test='`[^`|]+: [^`|]+`'
mutant='`[a-z0-9-]+`'
report "every row of a trap is a number, a claim, tests and mutants" \
  "$(echo "$traps" | grep -vE "^\| [0-9]+ \| [^|]+ \| $test(; $test)* \| $mutant(; $mutant)* \|\$" | grep -vE "$later")"
report "every row of a point is a number, a claim and tests" \
  "$(echo "$points" | grep -vE "^\| [A-Z][0-9]+ \| [^|]+ \| $test(; $test)* \|\$")"
report "there are 36 traps, in their order" "$([ "$(echo "$traps" | cut -d ' ' -f 2)" = "$(seq 36)" ] || echo "$traps" | cut -c 1-60)"
report "points are in their order, and none is missing" "$(echo "$points" | awk '
  { letter = substr($2, 1, 1); at = substr($2, 2)
    if (letter != last) { order = order letter; wanted = 1 }
    if (at != wanted++) print $2 " is not " letter wanted - 1
    last = letter }
  END { if (order != "RPVLFDG") print "sections are " order ", not RPVLFDG" }')"
report "every test is there" "$(named_tests "$table" '^ [A-Z]?[0-9]+ $' | grep -v '	-	-$' | missing_tests)"

# A test or a mutant that is called after a trap stands in its row.
row() { echo "$traps" | grep -E "^\| ${1#0} \|"; }
named=$(sed -nE "s,^def ((test_)?trap_([0-9]{2})_[a-z0-9_]*)\(.*,\3 \1,p" tests/*/*.py)
some "tests called after traps" "$(echo "$named" | grep -c .)"
report "every test of a trap is in its row" "$(echo "$named" | while read -r trap name; do
  row "$trap" | grep -qF ": $name\`" || echo "$name is not in row ${trap#0}"
done)"
mutants=$(sed -nE 's,^(trap-([0-9]{2})-[a-z0-9-]+)\.patch .*,\2 \1,p' tests/mutants/index | sort -u)
some "mutants called after traps" "$(echo "$mutants" | grep -c .)"
report "every mutant of a trap is in its row" "$(echo "$mutants" | while read -r trap name; do
  row "$trap" | grep -qF "\`$name\`" || echo "$name is not in row ${trap#0}"
done)"
report "every mutant is there" "$(echo "$traps" | cut -d '|' -f 5 | grep -oE "$mutant" | tr -d '`' | while read -r name; do
  grep -q "^$name\.patch " tests/mutants/index || echo "$name is not in tests/mutants/index"
done)"
finish
