#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh BUILD [--keep]: a private httpd on loopback, two trusted authorities that both certify one
# name, and clients that are let in or not. ./run demo calls it; nothing outside its own folder changes.
set -u -o pipefail
build=$1
keep=no
[ "${2:-}" = --keep ] && keep=yes
here=$(cd "$(dirname "$0")" && pwd)
demo=$(mktemp -d "${TMPDIR:-/tmp}/mtls-authz-demo.XXXXXX")
tool=$build/mtls-policy
client=$build/tests/tools/mtls_client
apxs=$(command -v apxs || command -v apxs2)
httpd=$("$apxs" -q SBINDIR)/$("$apxs" -q PROGNAME)
modules=$("$apxs" -q LIBEXECDIR)
wrong=0

say() { printf '\n== %s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 2; }
server_pid() { cat "$demo/httpd.pid" 2>/dev/null; }

stop() {
  local pid
  pid=$(server_pid)
  [ -n "$pid" ] && kill "$pid" 2>/dev/null && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -rf "$demo"
}
[ "$keep" = yes ] || trap stop EXIT

# --- certificates -------------------------------------------------------------------------------
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$demo/$1.key" 2>/dev/null; }

authority() { # authority NAME
  key "$1" && openssl req -x509 -new -key "$demo/$1.key" -subj "/CN=$1 authority" -days 30 \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$demo/$1-ca.pem"
}

certificate() { # certificate NAME AUTHORITY USAGE ALTERNATIVE-NAME
  key "$1" && openssl req -new -key "$demo/$1.key" -subj / -out "$demo/$1.csr" &&
    openssl x509 -req -in "$demo/$1.csr" -CA "$demo/$2-ca.pem" -CAkey "$demo/$2.key" -days 7 \
      -extfile <(printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n'
        printf 'extendedKeyUsage=%s\nsubjectAltName=critical,%s\n' "$3" "$4") \
      -out "$demo/$1.pem" 2>/dev/null
}

make_certificates() {
  authority corp && authority other && authority partner && authority site &&
    certificate server site serverAuth DNS:localhost &&
    certificate billing corp clientAuth URI:spiffe://corp.example/billing &&
    certificate reports corp clientAuth URI:spiffe://corp.example/reports &&
    certificate stranger corp clientAuth URI:spiffe://corp.example/stranger &&
    certificate impostor other clientAuth URI:spiffe://corp.example/billing &&
    certificate acme partner clientAuth DNS:client.acme.example || die "openssl failed"
  cat "$demo"/{corp,other,partner}-ca.pem >"$demo/trusted.pem"
}

# --- server -----------------------------------------------------------------------------------------
load() { # load NAME: unless it is built in
  "$httpd" -l | grep -q "mod_$1.c" || echo "LoadModule $1_module $modules/mod_$1.so"
}

write_config() { # write_config PORT
  {
    cat <<CONF
ServerRoot $demo
PidFile $demo/httpd.pid
Listen 127.0.0.1:$1
ServerName localhost
ErrorLog $demo/error.log
DocumentRoot $demo/htdocs
DefaultRuntimeDir $demo
Mutex file:$demo default
CONF
    for module in mpm_event unixd authz_core log_config socache_shmcb ssl http2 headers; do load $module; done
    [ "$(id -u)" != 0 ] || printf 'User nobody\nGroup nogroup\n'
    cat <<CONF
LoadModule mtls_authz_module $build/.libs/mod_mtls_authz.so
LogLevel warn mtls_authz:info
SSLSessionCache shmcb:$demo/sessions(512000)
<VirtualHost 127.0.0.1:$1>
    ServerName localhost
    Protocols h2 http/1.1
    SSLEngine on
    SSLCertificateFile $demo/server.pem
    SSLCertificateKeyFile $demo/server.key
    SSLCACertificateFile $demo/trusted.pem
    SSLVerifyClient optional
    TraceEnable off
    MtlsPolicyFile $demo/policy.mtlsp
    <Location />
        Require mtls-identity
    </Location>
    Header always set X-Reason "%{MTLS_REASON}e"
    Header always set X-Rule "%{MTLS_RULE}e"
    Header always set X-Identity "%{MTLS_IDENTITY}e"
</VirtualHost>
CONF
  } >"$demo/httpd.conf"
}

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

wait_for() { # wait_for WHAT COMMAND...
  local what=$1 tries=0
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { tail -n 20 "$demo/error.log"; die "$what did not happen"; }
    sleep 0.1
  done
}

ask() { # ask CLIENT HTTP METHOD PATH: the status and the reason
  local identity=()
  [ "$1" = nobody ] || identity=(--cert "$demo/$1.pem" --key "$demo/$1.key")
  curl -s -o /dev/null -D - --cacert "$demo/site-ca.pem" "${identity[@]}" "--http$2" -X "$3" \
    "https://localhost:$port$4" --resolve "localhost:$port:127.0.0.1" | tr -d '\r'
}

start_server() {
  mkdir -p "$demo/htdocs/orders" "$demo/htdocs/catalogue"
  echo '{"order": 7}' >"$demo/htdocs/orders/7"
  echo '{"items": []}' >"$demo/htdocs/catalogue/summer"
  echo ok >"$demo/htdocs/health"
  chmod 755 "$demo" && chmod -R a+rX "$demo/htdocs" && chmod 600 "$demo"/*.key
  "$httpd" -f "$demo/httpd.conf" -t 2>"$demo/configtest.log" || { cat "$demo/configtest.log"; die "httpd -t"; }
  "$httpd" -f "$demo/httpd.conf" || die "httpd did not start"
  wait_for "the start" curl -s -o /dev/null --cacert "$demo/site-ca.pem" "https://localhost:$port/health"
}

children() { cat "/proc/$(server_pid)/task/$(server_pid)/children"; }

gone() { # gone PID...
  local pid
  for pid in "$@"; do ! kill -0 "$pid" 2>/dev/null || return 1; done
}

# Graceful: connections that are open end with the old policy, so wait until the old processes are gone.
reload() {
  local before
  before=$(children)
  kill -USR1 "$(server_pid)"
  wait_for "the reload" gone $before
}

# --- what is shown -----------------------------------------------------------------------------------
row() { # row EXPECTED CLIENT HTTP METHOD PATH COMMENT
  local answer status reason rule verdict=''
  answer=$(ask "$2" "$3" "$4" "$5")
  status=$(printf '%s\n' "$answer" | sed -n '1s/.* \([0-9][0-9][0-9]\).*/\1/p')
  reason=$(printf '%s\n' "$answer" | sed -n 's/^[Xx]-[Rr]eason: //p')
  rule=$(printf '%s\n' "$answer" | sed -n 's/^[Xx]-[Rr]ule: //p')
  [ "$reason" = "$1" ] || { verdict=" <-- expected $1"; wrong=$((wrong + 1)); }
  [ "$rule" = '(null)' ] && rule=
  printf '  %-9s HTTP/%-3s %-5s %-18s %s %-20s %-32s %s%s\n' \
    "$2" "$3" "$4" "$5" "${status:-???}" "$reason" "$rule" "$6" "$verdict"
}

resumed() { # resumed EXPECTED CLIENT HTTP TLS: the second connection resumes the first one's session
  local session=$demo/session.$2 answer verdict=''
  rm -f "$session"
  local options=(--port "$port" --host localhost --ca "$demo/site-ca.pem" --cert "$demo/$2.pem"
    --key "$demo/$2.key" --http "$3" --tls "$4")
  echo 'GET /orders/7' | "$client" "${options[@]}" --session-out "$session" >/dev/null
  answer=$(echo 'GET /orders/7' | "$client" "${options[@]}" --session-in "$session" | tr '\n' ' ')
  case $answer in *resumed=yes*"response 1 $1"*) ;; *) verdict=" <-- expected $1"; wrong=$((wrong + 1)) ;; esac
  printf '  %-9s HTTP/%-3s TLS %-3s %s%s\n' "$2" "$3" "$4" "$answer" "$verdict"
}

show_clients() {
  row allowed billing 1.1 GET /orders/7 'the right client'
  row allowed billing 2 POST /orders/7 'and it may write'
  row allowed reports 2 GET /orders/7 'a group gives it this'
  row method-not-on-route reports 2 DELETE /orders/7 'nobody serves DELETE here'
  row no-rule reports 1.1 POST /orders/7 'reading is not writing'
  row issuer-unknown impostor 1.1 GET /orders/7 'the same name, trusted, from the other CA'
  row issuer-unknown impostor 2 GET /orders/7 'over HTTP/2 as well'
  row identity-unknown stranger 2 GET /orders/7 'a certificate of the right CA is not enough'
  row allowed acme 2 GET /catalogue/summer 'the partner'
  row no-rule acme 2 GET /orders/7 'sees the catalogue only'
  row no-certificate nobody 1.1 GET /orders/7 'no certificate'
  row allowed nobody 1.1 GET /health 'but anybody may ask whether it is up'
  row route-unknown billing 2 GET /admin 'what no route names is closed'
}

edit() { # edit FROM TO SERIAL
  sed -e "s|$1|$2|" -e "s|\"serial\": [0-9]*|\"serial\": $3|" "$demo/policy.json" >"$demo/policy.new" &&
    mv "$demo/policy.new" "$demo/policy.json"
}

say "certificates: corp and other both certify spiffe://corp.example/billing, and httpd trusts both"
make_certificates
say "the policy: only corp is meant"
cp "$here/policy.json" "$demo/policy.json"
"$tool" compile "$demo/policy.json" -o "$demo/policy.mtlsp" || die "the policy does not compile"
port=$(free_port)
write_config "$port"
start_server
say "who may do what"
show_clients
say "resumed TLS sessions: the issuer is known there too"
for tls in 1.2 1.3; do
  for http in 1.1 2; do
    resumed 200 billing $http $tls
    resumed 403 impostor $http $tls
  done
done
say "a grant is taken back: reports leaves the group; compile, graceful restart"
edit '"internal": \["billing", "reports"\]' '"internal": ["billing"]' 2
"$tool" compile "$demo/policy.json" -o "$demo/policy.mtlsp" && reload
row no-rule reports 2 GET /orders/7 'closed now'
row allowed billing 2 GET /orders/7 'open as before'
say "a bad file: cut short behind the compiler's back, graceful restart"
head -c 500 "$demo/policy.mtlsp" >"$demo/cut" && cat "$demo/cut" >"$demo/policy.mtlsp"
reload
row allowed billing 2 GET /orders/7 'the last good policy stays in force'
grep -h 'MTLS0002' "$demo/error.log" | sed 's/.*MTLS0002/  log: MTLS0002/' | head -n 1
say "a source with a mistake never becomes a policy"
sed 's/"orders-read"\]/"orders-raed"]/' "$demo/policy.json" >"$demo/mistake.json"
"$tool" compile "$demo/mistake.json" -o "$demo/policy.mtlsp" 2>&1 | sed "s|$demo/||; s/^/  /"
"$tool" compile "$demo/policy.json" -o "$demo/policy.mtlsp" >/dev/null && reload
say "the same question, asked offline"
"$tool" explain "$demo/policy.mtlsp" --request 'GET https://localhost/orders/7' --cert "$demo/impostor.pem" |
  sed 's/^/  /'
say "what the log says of a denial"
grep -h 'MTLS0001.*issuer-unknown' "$demo/error.log" | head -n 1 | sed 's/.*MTLS0001/  MTLS0001/'

if [ "$wrong" != 0 ]; then
  printf '\n%s answers were not as expected\n' "$wrong"
  exit 1
fi
printf '\nAll answers as expected.\n'
[ "$keep" = yes ] || exit 0
cat <<TEXT

The server goes on at https://localhost:$port, its files are in $demo:
  call    curl --cacert $demo/site-ca.pem --cert $demo/billing.pem --key $demo/billing.key https://localhost:$port/orders/7
  edit    $demo/policy.json
  check   $tool check $demo/policy.json
  compile $tool compile $demo/policy.json -o $demo/policy.mtlsp
  reload  kill -USR1 \$(cat $demo/httpd.pid)
  denials tail -f $demo/error.log
  stop    kill \$(cat $demo/httpd.pid); rm -r $demo
TEXT
