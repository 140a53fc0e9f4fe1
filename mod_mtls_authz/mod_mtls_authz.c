/* SPDX-License-Identifier: Apache-2.0 */
/* mod_mtls_authz: `Require mtls-identity` asks a compiled policy. Hooks only. */
#include "mod_mtls_authz.h"

static void register_hooks(apr_pool_t *pool) {
    ap_hook_pre_config(mtls_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(mtls_policies_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* By then mod_ssl has made its contexts. */
    ap_hook_post_config(mtls_policies_post_config, NULL, NULL, APR_HOOK_LAST);
    mtls_connection_hooks();
    mtls_request_hooks(pool);
}

AP_DECLARE_MODULE(mtls_authz) = {
    STANDARD20_MODULE_STUFF,  mtls_create_dir_config,
    mtls_merge_dir_config,    mtls_create_server_config,
    mtls_merge_server_config, mtls_directives,
    register_hooks,
#if defined(AP_MODULE_FLAG_NONE)
    AP_MODULE_FLAG_NONE,
#endif
};
