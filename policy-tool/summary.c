/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/example.h"
#include "tool.h"

#include <apr_strings.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *label;
    mpol_section_kind kind;
} counts[] = {
    {"issuers", MPOL_ISSUERS}, {"identities", MPOL_IDENTITIES}, {"groups", MPOL_GROUPS},
    {"routes", MPOL_ROUTES},   {"rules", MPOL_RULES},           {"hosts", MPOL_HOSTS},
    {"states", MPOL_STATES},   {"classes", MPOL_CLASSES},       {"rows", MPOL_ROWS},
    {"entries", MPOL_ENTRIES},
};
enum { COUNTS = sizeof counts / sizeof counts[0] };

/* The rows for clients that are several identities at once. */
static uint32_t combined(const mpol_image *image) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CLASSES); i++)
        count += mpol_row_is_single(image, i) ? 0 : 1;
    return count;
}

static const char *source_digest(apr_pool_t *pool, const mpol_image *image) {
    uint8_t digest[MPOL_DIGEST_BYTES];
    char *hex = apr_palloc(pool, 2 * sizeof digest + 1);
    mpol_bytes source = mpol_policy_source(image);
    if (EVP_Digest(source.data, source.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return NULL;
    for (uint32_t i = 0; i < sizeof digest; i++)
        (void)apr_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return hex;
}

static void print_line(const char *label, const char *value) {
    (void)printf("%-11s %s\n", label, value);
}

static void print(tool_call *call, const mpol_loaded *loaded) {
    const mpol_image *image = &loaded->image;
    const char *environment = mpol_policy_environment(image);
    const char *until = tool_end_time(call->pool, mpol_policy_valid_until(image));
    const char *source = source_digest(call->pool, image);
    print_line("name", mpol_policy_name(image));
    print_line("environment", environment != NULL ? environment : "none");
    print_line("production", mpol_policy_production(image) ? "yes" : "no");
    (void)printf("%-11s %llu\n", "serial", (unsigned long long)mpol_policy_serial(image));
    print_line("valid until", until != NULL ? until : "no end");
    (void)printf("%-11s %d.%d\n", "format", MPOL_FORMAT_MAJOR, MPOL_FORMAT_MINOR);
    (void)printf("%-11s %u\n", "bytes", image->len);
    print_line("sha-256", loaded->digest_hex);
    print_line("source", source != NULL ? source : "?");
    for (int i = 0; i < COUNTS; i++)
        (void)printf("%-11s %u\n", counts[i].label, mpol_count(image, counts[i].kind));
    (void)printf("%-11s %u\n", "combined", combined(image));
}

static void put_number(apr_pool_t *pool, mpol_text *object, const char *key, uint64_t value) {
    (void)mpol_text_add(object, mpol_text_number(pool, key, value));
}

void tool_summary(tool_call *call, const mpol_loaded *loaded) {
    apr_pool_t *pool = call->pool;
    const mpol_image *image = &loaded->image;
    if (!call->json) {
        print(call, loaded);
        return;
    }
    mpol_text *policy = mpol_text_add(call->body, mpol_text_object(pool, "policy"));
    tool_put(pool, policy, "name", mpol_policy_name(image));
    tool_put(pool, policy, "environment", mpol_policy_environment(image));
    (void)mpol_text_add(policy,
                        mpol_text_boolean(pool, "production", mpol_policy_production(image)));
    put_number(pool, policy, "serial", mpol_policy_serial(image));
    tool_put(pool, policy, "valid_until", tool_end_time(pool, mpol_policy_valid_until(image)));
    tool_put(pool, policy, "format",
             apr_psprintf(pool, "%d.%d", MPOL_FORMAT_MAJOR, MPOL_FORMAT_MINOR));
    put_number(pool, policy, "bytes", image->len);
    tool_put(pool, policy, "sha256", loaded->digest_hex);
    tool_put(pool, policy, "source_sha256", source_digest(pool, image));
    mpol_text *sizes = mpol_text_add(policy, mpol_text_object(pool, "counts"));
    for (int i = 0; i < COUNTS; i++)
        put_number(pool, sizes, counts[i].label, mpol_count(image, counts[i].kind));
    put_number(pool, sizes, "combined", combined(image));
}
