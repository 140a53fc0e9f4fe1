# SPDX-License-Identifier: Apache-2.0
# Sourced: TAP, and a site of the packaged apache2 that a policy guards, with its authorities and clients. All lies in $place
# and in one file of sites-available.
place=${AUTOPKGTEST_TMP:-$(mktemp -d)}
available=/etc/apache2/sites-available/mtls-guarded.conf
number=0
failures=0

check() { # check CLAIM COMMAND...
  number=$((number + 1))
  claim=$1
  shift
  if "$@" >"$place/said" 2>&1; then
    echo "ok $number - $claim"
  else
    failures=$((failures + 1))
    echo "not ok $number - $claim"
    sed 's/^/#   /' "$place/said"
    tail -n 5 /var/log/apache2/error.log 2>/dev/null | sed 's/^/#   error.log: /'
  fi
}

plan() {
  echo "1..$number"
  [ "$failures" -eq 0 ]
}

not() { ! "$@"; }

# --- certificates -----------------------------------------------------------------------------
authority() { # authority NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$place/$1.key" -subj "/CN=$1" -days 2 \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' -out "$place/$1-ca.pem"
}

certificate() { # certificate NAME AUTHORITY USAGE ALTERNATIVE-NAME
  printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nsubjectAltName=critical,%s\n' \
    "$3" "$4" >"$place/extensions" &&
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$place/$1.key" -subj / -out "$place/$1.csr" &&
    openssl x509 -req -in "$place/$1.csr" -CA "$place/$2-ca.pem" -CAkey "$place/$2.key" -days 1 \
      -extfile "$place/extensions" -out "$place/$1.pem"
}

# Two authorities that the server trusts; the second also certifies the name of the client that the policy knows.
certificates() {
  authority corp && authority other && cat "$place/corp-ca.pem" "$place/other-ca.pem" >"$place/trusted.pem" &&
    certificate server corp serverAuth DNS:localhost &&
    certificate billing corp clientAuth URI:spiffe://corp.example/billing &&
    certificate stranger corp clientAuth URI:spiffe://corp.example/stranger &&
    certificate impostor other clientAuth URI:spiffe://corp.example/billing
}

# --- policy and site --------------------------------------------------------------------------
compile() { # compile METHODS: the policy, which allows billing these
  cat >"$place/orders.json" <<JSON
{
  "name": "orders",
  "issuers": { "corp": { "certificates": [{ "file": "corp-ca.pem" }], "names": ["spiffe"] } },
  "identities": { "billing": { "issuer": "corp", "spiffe": "spiffe://corp.example/billing" } },
  "routes": { "order": { "hosts": ["localhost"], "methods": [$1], "paths": ["/orders/{id}"] } },
  "rules": { "billing-reads-orders": { "effect": "allow", "subjects": ["billing"], "routes": ["order"] } }
}
JSON
  mtls-policy compile "$place/orders.json" -o "$place/orders.mtlsp"
}

enable_site() {
  mkdir -p "$place/htdocs/orders" && echo 'order 7' >"$place/htdocs/orders/7" && echo secret >"$place/htdocs/secret" &&
    chmod 755 "$place" "$place/htdocs" "$place/htdocs/orders" &&
    cat >"$available" <<CONF && a2ensite -q mtls-guarded
ServerName localhost
<VirtualHost *:443>
    ServerName localhost
    DocumentRoot $place/htdocs
    SSLEngine on
    SSLCertificateFile $place/server.pem
    SSLCertificateKeyFile $place/server.key
    SSLCACertificateFile $place/trusted.pem
    SSLVerifyClient optional
    TraceEnable off
    MtlsPolicyFile $place/orders.mtlsp
    <Location />
        Require mtls-identity
    </Location>
</VirtualHost>
CONF
}

remove_site() {
  a2dissite -p -q mtls-guarded && rm -f "$available"
}

# --- asking -----------------------------------------------------------------------------------
gets() { # gets STATUS CLIENT PATH [METHOD]
  if [ "$2" = nobody ]; then set -- "$1" "$3" "${4:-GET}"; else
    set -- "$1" "$3" "${4:-GET}" --cert "$place/$2.pem" --key "$place/$2.key"
  fi
  wanted=$1 url=https://localhost$2 method=$3
  shift 3
  status=$(curl -s -o /dev/null -w '%{http_code}' --cacert "$place/corp-ca.pem" -X "$method" "$@" "$url")
  echo "$status, not $wanted"
  [ "$status" = "$wanted" ]
}

# Until COMMAND is so, which takes a moment; 20 seconds are the end of it.
soon() { # soon COMMAND...
  for _ in $(seq 100); do
    "$@" && return
    sleep 0.2
  done
  return 1
}

denies_all_others() {
  gets 403 stranger /orders/7 && gets 403 impostor /orders/7 && gets 403 nobody /orders/7 &&
    gets 403 billing /secret && gets 403 billing /orders/7 DELETE
}
