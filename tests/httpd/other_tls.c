/* SPDX-License-Identifier: Apache-2.0 */
/* A module that claims that every connection is TLS, verified and all, and has no OpenSSL behind
 * it: like a TLS module that this project knows nothing of. */
#include "httpd.h"

#include "http_config.h"
#include "http_ssl.h"

static int is_ssl(conn_rec *c) {
    (void)c;
    return OK;
}

static const char *variable(apr_pool_t *p, const server_rec *s, const conn_rec *c,
                            const request_rec *r, const char *name) {
    (void)p, (void)s, (void)c, (void)r;
    return strcmp(name, "SSL_CLIENT_VERIFY") == 0 ? "SUCCESS" : NULL;
}

static void hooks(apr_pool_t *p) {
    (void)p;
    ap_hook_ssl_conn_is_ssl(is_ssl, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_ssl_var_lookup(variable, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(other_tls) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks, 0};
