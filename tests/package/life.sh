#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The life of the packages in a Debian that has none of them yet, and no network: installed, enabled, upgraded, removed,
# installed again, purged. /try has what test.sh put there.
. /try/debian-tests/site.sh
export DEBIAN_FRONTEND=noninteractive
packages="libapache2-mod-mtls-authz libmtlspolicy0 mtls-policy-tools"

# What there is, without what every installation changes, and the empty folders of a2enmod: kind, mode, owner, name, target.
list() {
  find / -xdev \( -path /try -o -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp \
    -o -path /var/log -o -path /var/cache/apt -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune \
    -o ! \( -type d -path '/var/lib/apache2/*/*abled_by_*' \) -printf '%y %m %u %g %p %l\n' | sort
  find /etc -type f ! -name ld.so.cache -exec sha256sum {} + | sort -k 2
  dpkg-query -W -f '${Status} ${Package} ${Version}\n'
}

install() { apt-get -q install -y --no-install-recommends "$@"; }
services_may_start() { printf '#!/bin/sh\nexit %s\n' "$1" >/usr/sbin/policy-rc.d; }
server() { cat /run/apache2/apache2.pid; }
enabled() { a2query -q -m mtls_authz; }
is_version() { dpkg-query -W -f '${Version}\n' $packages | sort -u | grep -x "$1"; }
is_another() { [ "$(server)" != "$1" ]; }
runs_what_is_installed() { grep mod_mtls_authz.so "/proc/$(server)/maps" && not grep -q 'mod_mtls_authz.so (deleted)' "/proc/$(server)/maps"; }
is_edited() { grep -q '^# edited$' /etc/apache2/mods-available/mtls_authz.conf; }
pages_are_there() {
  for page in $(grep -o '/usr/share/doc/[^ ;]*\.md' /etc/apache2/mods-available/mtls_authz.conf); do
    [ -f "$page" ] && [ -f "${page%/*}/WHY-DENIED.md" ] && found=$page || return 1
  done
  [ -n "$found" ]
}
same_as_before() { list | diff /try/before -; }

installed() {
  list >/try/before
  check "the packages are installed, without a network" install /try/first/*.deb
  check "the module is not enabled by that" not enabled
  check "nor is mod_ssl, which would open a port" not a2query -q -m ssl
  check "and apache2 is content" apache2ctl configtest
  check "the pages that its file names are there" pages_are_there
}

upgraded() {
  check "the policy is compiled anew" compile '"GET"'
  check "apache2ctl graceful" apache2ctl graceful
  check "the client gets its page again" soon gets 200 billing /orders/7
  echo '# edited' >>/etc/apache2/mods-available/mtls_authz.conf
  services_may_start 0
  old=$(server)
  check "the packages are upgraded" install /try/next/*.deb
  check "to the new version" is_version "$1"
  check "what the administrator edited stays" is_edited
  check "the module stays enabled" enabled
  check "the server was restarted" soon is_another "$old"
  check "with the new module" runs_what_is_installed
  check "and lets in as before" soon gets 200 billing /orders/7
  check "and denies as before" denies_all_others
}

removed() {
  old=$(server)
  check "the module is removed" apt-get -q remove -y libapache2-mod-mtls-authz
  check "and disabled" not enabled
  check "apache2 refuses a site that wants a policy then" not apache2ctl configtest
  check "so the server that runs is not restarted without it" not is_another "$old"
  check "and goes on to deny" denies_all_others
  check "the module is installed again" install /try/next/libapache2-mod-mtls-authz_*.deb
  check "and enabled as it was" enabled
  check "the administrator's file is as it was" is_edited
  check "the server runs with it" soon runs_what_is_installed
  check "lets in" soon gets 200 billing /orders/7
  check "and denies" denies_all_others
}

purged() {
  check "the site is taken away" remove_site
  check "the packages are purged" apt-get -q purge -y --auto-remove $packages
  check "apache2 is content without them" apache2ctl configtest
  service apache2 stop >/dev/null 2>&1
  a2dismod -p -q ssl socache_shmcb >/dev/null 2>&1 # enabled by the administrator, so left to him
  services_may_start 101
  check "nothing is left behind: all is as it was before" same_as_before
}

case $1 in
  installed) installed ;;
  upgraded-to) upgraded "$2" && removed && purged ;;
esac
plan
