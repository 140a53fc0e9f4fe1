#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Functions of at most 60 lines, files of at most 500 (tests: 80 and 700). Contracts do not count.
. "$(dirname "$0")/guard.sh"

command -v ctags >/dev/null 2>&1 || { report "universal-ctags is installed" "Debian: universal-ctags"; finish; exit; }

# long_functions CEILING FILE...: a line for each that is longer, and the number looked at on stderr
long_functions() {
  ceiling=$1
  shift
  ctags --languages=C,Python --kinds-C=f --kinds-Python=fm --fields=+ne -f - "$@" 2>/dev/null |
    awk -F '\t' -v ceiling="$ceiling" '
      function contract_lines(file, from, to,   line, number, inside, lines) {
        while (number < to && (getline line <file) > 0) {
          number++
          if (line ~ /\/\*@/) inside = 1
          if (inside && number >= from) lines++
          if (line ~ /\*\//) inside = 0
        }
        close(file)
        return lines + 0
      }
      { from = to = 0
        for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) from = substr($i, 6); if ($i ~ /^end:/) to = substr($i, 5) }
        if (to > 0) {
          seen++
          lines = to - from + 1
          if (lines > ceiling) lines -= contract_lines($2, from, to)
          if (lines > ceiling) print $2 ": " $1 " has " lines " lines" } }
      END { if (seen + 0 == 0) print "no function found" }'
}

long_files() {
  ceiling=$1
  shift
  for file in "$@"; do
    # a comment that begins with /*@ is a contract
    lines=$(awk '/\/\*@/ { contract = 1 } !contract { n++ } /\*\// { contract = 0 } END { print n + 0 }' "$file")
    [ "$lines" -le "$ceiling" ] || echo "$file has $lines lines"
  done
}

product="$(ls libmtlspolicy/*/*/*.[ch] mod_mtls_authz/*.[ch] policy-tool/*.[ch])"
tests="$(ls tests/*/*.[ch] tests/*/*/*.[ch] tests/*.py tests/*/*.py 2>/dev/null)"
some "sizes" "$(echo "$product" | wc -l)"
report "functions have at most 60 lines" "$(long_functions 60 $product)"
report "files have at most 500 lines" "$(long_files 500 $product)"
report "functions of tests have at most 80 lines" "$(long_functions 80 $tests)"
report "files of tests have at most 700 lines" "$(long_files 700 $tests)"
finish
