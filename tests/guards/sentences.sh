#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each sentence of the language names a test of it: the rows of tests/sentences.md.
. "$(dirname "$0")/guard.sh"

table=tests/sentences.md
named=$(named_tests "$table" '^ [0-9]')
some "sentences" "$(grep -cE '^\| [0-9]' "$table")"

report "every row is a number, a claim and its tests" \
  "$(grep -E '^\| [0-9]' "$table" | grep -vE '^\| [0-9](\.[0-9])?[a-z] \| [^|]+ \| `[^`|]+: [^`|]+`(; `[^`|]+: [^`|]+`)* \|$')"

# Letters go on from a without a gap, and sections ascend: 2.1a, 2.1b, 2.2a.
report "no number is missing or stands twice" "$(awk -F '|' '
  BEGIN { letters = "abcdefghijklmnopqrstuvwxyz" }
  /^\| [0-9]/ {
    number = $2; gsub(/ /, "", number)
    section = substr(number, 1, length(number) - 1)
    letter = index(letters, substr(number, length(number)))
    split(section, now, "."); split(last, before, ".")
    if (section == last) { if (letter != at + 1) print number " follows " last substr(letters, at, 1) }
    else {
      if (letter != 1) print number " is the first of " section
      if (now[1] == before[1] ? now[2] != before[2] + 1 : now[2] > 1 || now[1] < before[1]) print section " follows " last
    }
    last = section; at = letter }' "$table")"
sections=$(echo "$named" | cut -f 1 | sed 's/[a-z]$//' | sort -u | tr '\n' ' ')
report "every section is there" \
  "$(for section in 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 3.0 3.1 3.2 3.3 3.4 3.5 3.6 4.1 4.2 4.3 4.4 7.1 7.2; do
    case " $sections" in *" $section "*) ;; *) echo "no sentence of $section" ;; esac
  done)"

report "every test is there" "$(echo "$named" | missing_tests)"
finish
