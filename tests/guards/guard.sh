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
