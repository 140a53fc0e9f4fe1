# SPDX-License-Identifier: Apache-2.0
# Sourced by the guards: TAP for checks that read the source. A guard that finds nothing to check fails.
root=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$root" || exit 99
number=0
failures=0

# report NAME FINDINGS: one test, good when FINDINGS is empty
report() {
  number=$((number + 1))
  if [ -z "$2" ]; then
    echo "ok $number - $1"
  else
    failures=$((failures + 1))
    echo "not ok $number - $1"
    printf '%s\n' "$2" | sed 's/^/#   /'
  fi
}

# some NAME COUNT: was there anything to look at?
some() {
  [ "${2:-0}" -gt 0 ] && report "$1 found something to check" "" || report "$1 found something to check" "nothing"
}

finish() {
  echo "1..$number"
  [ "$failures" -eq 0 ]
}

# --- tables that name tests: number, claim, tests, each test as `FILE: a part of its text` ------

# named_tests TABLE ROWS: number, file and text of each test of the rows whose number matches ROWS, one a line, with tabs
# between; "-" where a row names no test
named_tests() {
  awk -F '|' -v rows="$2" '$2 ~ rows {
    number = $2; gsub(/ /, "", number)
    parts = split($4, part, "`")
    if (parts < 3) print number "\t-\t-"
    for (i = 2; i < parts; i += 2) {
      colon = index(part[i], ": ")
      print number "\t" (colon ? substr(part[i], 1, colon - 1) : "-") "\t" (colon ? substr(part[i], colon + 2) : "-")
    } }' "$1"
}

# missing_tests: which of them are not there, read from standard input
missing_tests() {
  while IFS="$(printf '\t')" read -r row file text; do
    [ -f "tests/$file" ] || { echo "$row: no file tests/$file"; continue; }
    grep -qF -e "$text" "tests/$file" || echo "$row: tests/$file has no \"$text\""
  done
}
