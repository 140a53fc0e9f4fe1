#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prove the check of a compiled policy and its accessors (docs/PROOFS.md).
#   tests/proof/run.sh                   all of it; the numbers of goals must be those of tests/proof/goals
#   tests/proof/run.sh --pin             write these numbers, once everything is proved
#   tests/proof/run.sh --only F,... DIR  functions of another source tree, without comparing numbers
# Exit: 0 proved, 1 unproved or changed goals, 2 Frama-C could not judge.
set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
pins=$top/tests/proof/goals
root=$top
mode=${1:-all}
only=
seconds=60 # the slowest goal takes one or two; a busy machine many times that
if [ "$mode" = --only ]; then
  only=$2
  seconds=4 # what fails here waits for it, twice
  root=$3
fi
if [ -n "$only" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
else
  work=$top/build/proof
  mkdir -p "$work"
fi

# frama LOG ARGUMENTS: what is unproved is no error here
frama() {
  local log=$1
  shift
  (cd "$root" && frama-c -wp -wp-rte -wp-model Typed -wp-prover cvc4,z3 -wp-timeout "$seconds" -wp-par 1 \
    -wp-warn-key pedantic-assigns=inactive -warn-unsigned-downcast -warn-signed-downcast \
    -warn-invalid-pointer -cpp-extra-args="-Ilibmtlspolicy/runtime" "$@" tests/proof/proved.c) >"$log" 2>&1 &&
    grep -q '^\[wp\] Proved goals:' "$log" || { tail -n 20 "$log"; return 2; }
}

# Two halves, side by side: the chapters of the format, and the rest. FNV-1a wraps on purpose; nothing else
# may. Lemmas are of no function, so neither half proves them.
if [ -n "$only" ]; then
  frama "$work/log" -warn-unsigned-overflow -wp-fct "$only" || exit 2
else
  chapters=$(cd "$root/libmtlspolicy/runtime/image" &&
    sed -n 's/^static [a-z0-9_]* \([a-z_]*\)(.*/\1/p' check_clients.c check_rules.c check_routes.c | paste -sd,)
  frama "$work/chapters" -warn-unsigned-overflow -wp-fct "$chapters" &
  frama "$work/rest" -warn-unsigned-overflow -wp-skip-fct "$chapters,mpol_hash_byte" &&
    frama "$work/wraps" -wp-fct mpol_hash_byte && frama "$work/lemmas" -wp-prop=@lemma
  rest=$?
  wait $! && [ "$rest" = 0 ] || exit 2
  cat "$work/chapters" "$work/rest" "$work/wraps" "$work/lemmas" >"$work/log"
fi

# Frama-C warns where it assumes something. Two such places are known, and docs/PROOFS.md names them.
assumed=$(grep -A1 'Warning:' "$work/log" | grep -v '^--' | paste - - |
  grep -v -e 'view.c:[0-9]*: Warning:[[:space:]]*Cast with incompatible pointers types' \
    -e "view.c:[0-9]*: Warning:[[:space:]]*Memory model hypotheses for function 'mpol_name_kind_name'")
if [ -n "$assumed" ]; then
  echo "Frama-C assumes more than docs/PROOFS.md says:"
  echo "$assumed"
  exit 2
fi

unproved=$(sed -n 's/^\[wp\] \[[A-Z][a-z]*\] Goal \(typed_[a-zA-Z0-9_]*\)$/  \1/p' "$work/log")
read -r proved total < <(sed -n 's/^\[wp\] Proved goals: *\([0-9]*\) *\/ *\([0-9]*\).*/\1 \2/p' "$work/log" |
  awk '{ proved += $1; total += $2 } END { print proved, total }')

# Goals by function: their names begin with the function's, in which Frama-C may write __ as _.
awk '/annotating function/ { gsub("__", "_", $NF); functions[$NF] = 1 }
  /Goal typed_/ {
    match($0, /typed_[a-zA-Z0-9_]*/)
    goal = substr($0, RSTART + 6, RLENGTH - 6)
    gsub("__", "_", goal)
    best = "lemma"
    for (f in functions) if (index(goal, f "_") == 1 && (best == "lemma" || length(f) > length(best))) best = f
    goals[best]++
  }
  END { for (f in goals) print f, goals[f] }' "$work/log" | LC_ALL=C sort >"$work/goals"
echo "total $total" >>"$work/goals"

status=0
if [ -n "$unproved" ] || [ "$proved" != "$total" ]; then
  echo "unproved:"
  echo "$unproved"
  status=1
fi
if [ -z "$only" ] && [ "$mode" = --pin ]; then
  [ "$status" = 0 ] && cp "$work/goals" "$pins"
elif [ -z "$only" ] && ! diff "$pins" "$work/goals" >"$work/diff"; then
  echo "the numbers of goals are not those of tests/proof/goals (<); if they should change: run.sh --pin"
  cat "$work/diff"
  status=1
fi
echo "Proved goals: $proved / $total"
exit "$status"
