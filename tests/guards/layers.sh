#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One direction: a file includes only what stands to its left. base <- image <- match is what the web server
# runs; model <- source, compile, analyse, explain is what tools add to it.
. "$(dirname "$0")/guard.sh"

# allowed LAYER: the layers its files may include
allowed() {
  case $1 in
    base) echo base ;;
    image) echo base image ;;
    match) echo base image match ;;
    model) echo base image match model ;;
    source) echo base image match model source ;;
    compile) echo base image match model compile ;;
    analyse) echo base image match model analyse ;;
    explain) echo base image match model explain ;;
  esac
}

looked_at=0
findings=
for layer in base image match model source compile analyse explain; do
  for file in libmtlspolicy/*/$layer/*.[ch]; do
    [ -f "$file" ] || continue
    looked_at=$((looked_at + 1))
    for used in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
      case " $(allowed $layer) " in
        *" $used "*) ;;
        *) findings="$findings$file includes $used/
" ;;
      esac
    done
  done
done
some "layers" $looked_at
report "each file includes only layers to its left" "$findings"

report "what the web server runs knows no JSON, no APR in the engine" \
  "$(grep -nE '#include <(yajl|json|glib|apr)' libmtlspolicy/runtime/*/*.[ch])"
report "the module includes the runtime layers only" \
  "$(grep -nE '#include "(model|source|compile|analyse|explain)/|#include <(yajl|json|glib)' mod_mtls_authz/*.[ch])"
report "the proved files and the matcher use no libc" \
  "$(grep -nE '#include <' libmtlspolicy/runtime/image/check*.c libmtlspolicy/runtime/image/view.[ch] \
    libmtlspolicy/runtime/match/target.[ch] libmtlspolicy/runtime/match/host.[ch] \
    libmtlspolicy/runtime/match/route.[ch] libmtlspolicy/runtime/match/names.[ch] \
    libmtlspolicy/runtime/match/client.[ch] libmtlspolicy/runtime/match/decide.[ch] \
    libmtlspolicy/runtime/match/identities.[ch] libmtlspolicy/runtime/match/captures.[ch] \
    libmtlspolicy/runtime/match/conditions.[ch] libmtlspolicy/runtime/match/automaton.[ch] \
    libmtlspolicy/runtime/match/subject.[ch])"
finish
