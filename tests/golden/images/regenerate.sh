#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# regenerate.sh MTLS-POLICY: makes the frozen image of each version again. Not after the first release.
set -eu
tool=$(realpath "${1:?which mtls-policy?}")
cd "$(dirname "$0")"
for folder in [0-9]*.[0-9]*; do
  "$tool" compile "$folder/policy.json" -o "$folder/policy.mtlsp"
  (cd "$folder" && sha256sum policy.mtlsp >SHA256SUMS)
done
