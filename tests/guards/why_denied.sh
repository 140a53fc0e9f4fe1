#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page on reasons says what the engine says, of every reason, in the order of the checks.
. "$(dirname "$0")/guard.sh"
page=docs/WHY-DENIED.md
program=${top_builddir:-$root}/tests/tools/why_denied

in_table() { sed -n 's/^ *X([A-Z_]*, "\([a-z-]*\)".*/\1/p' libmtlspolicy/runtime/base/reason.h; }
on_page() { sed -n 's/^## `\([a-z-]*\)`$/\1/p' "$page"; }

# Compared without the program, so that a mistake in it cannot hide one in the page.
some "reasons in the table" "$(in_table | wc -l)"
report "every reason has its section, in order" "$(
  on_page >"${TMPDIR:-/tmp}/why_denied.$$"
  in_table | diff - "${TMPDIR:-/tmp}/why_denied.$$"
  rm -f "${TMPDIR:-/tmp}/why_denied.$$")"
report "the page is what the tables give ($program >$page)" "$("$program" 2>&1 | diff "$page" - 2>&1)"
finish
