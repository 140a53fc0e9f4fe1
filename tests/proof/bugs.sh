#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plant the bugs of tests/proof/bugs, one at a time: each must lose the proof of the functions that its
# first line names.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lost=0
kept=0
for bug in "$top"/tests/proof/bugs/*.patch; do
  name=$(basename "$bug" .patch)
  functions=$(sed -n '1s/^Functions: //p' "$bug")
  rm -rf "$work/tree"
  mkdir -p "$work/tree/libmtlspolicy" "$work/tree/tests"
  cp -r "$top/libmtlspolicy/runtime" "$work/tree/libmtlspolicy/"
  cp -r "$top/tests/proof" "$work/tree/tests/"
  if ! (cd "$work/tree" && patch -s -p1 --fuzz=0) <"$bug"; then
    kept=$((kept + 1))
    echo "$name: the patch does not apply"
    continue
  fi
  "$top/tests/proof/run.sh" --only "$functions" "$work/tree" >"$work/log"
  case $? in
    1)
      lost=$((lost + 1))
      echo "$name: loses the proof, $(tail -n 1 "$work/log")"
      grep '^  ' "$work/log"
      ;;
    *)
      kept=$((kept + 1))
      echo "$name: does NOT lose the proof"
      cat "$work/log"
      ;;
  esac
done
echo "Planted bugs that lose the proof: $lost / $((lost + kept))"
[ "$kept" = 0 ] && [ "$lost" -gt 0 ]
