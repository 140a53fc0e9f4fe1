/* SPDX-License-Identifier: Apache-2.0 */
/* When memory runs out while a certificate is read or a policy is loaded: at every allocation that
 * OpenSSL makes for us, that one alone or all from there on. Linked with --wrap=mmap and
 * --wrap=mprotect, which fail in the same count. */
#include "support.h"

#include "match/decide.h"

#include <apr_strings.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static long counted;  /* since the sweep's turn began */
static long fails_at; /* 0: never */
static bool for_good; /* and all that come after */

static bool is_failing(void) {
    if (fails_at == 0)
        return false;
    counted++;
    return counted == fails_at || (for_good && counted > fails_at);
}

static void *take(size_t len, const char *file, int line) {
    (void)file;
    (void)line;
    return is_failing() ? NULL : malloc(len);
}

static void *take_more(void *memory, size_t len, const char *file, int line) {
    (void)file;
    (void)line;
    return is_failing() ? NULL : realloc(memory, len);
}

static void give_back(void *memory, const char *file, int line) {
    (void)file;
    (void)line;
    free(memory);
}

void *__real_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
int __real_mprotect(void *at, size_t len, int protection);
int __wrap_mprotect(void *at, size_t len, int protection);

void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset) {
    errno = ENOMEM;
    return is_failing() ? MAP_FAILED : __real_mmap(at, len, protection, flags, fd, offset);
}

int __wrap_mprotect(void *at, size_t len, int protection) {
    errno = ENOMEM;
    return is_failing() ? -1 : __real_mprotect(at, len, protection);
}

static void begin(long number, bool from_there_on) {
    counted = 0;
    for_good = from_there_on;
    fails_at = number;
}

/* Was anything made to fail? */
static bool ended(void) {
    bool failed = counted >= fails_at;
    fails_at = 0;
    return failed;
}

/* --- clients -----------------------------------------------------------------------------------
 */

static const char policy[] =
    "{ \"name\": \"x\", \"issuers\": { \"corp\": { \"certificates\": [{ \"pem\": \"$corp\" }],"
    "\"names\": [\"spiffe\"] } }, \"identities\": {"
    "\"anyone\": { \"issuer\": \"corp\", \"spiffe\": \"spiffe://corp.example/*\" },"
    "\"contractors\": { \"issuer\": \"corp\", \"spiffe\": \"spiffe://corp.example/*\","
    "\"attributes\": { \"2.5.4.10\": \"Contractor\" } } },"
    "\"routes\": { \"order\": { \"hosts\": [\"a.example\"], \"methods\": [\"GET\"],"
    "\"paths\": [\"/order\"] } }, \"rules\": {"
    "\"all\": { \"effect\": \"allow\", \"subjects\": [\"anyone\"], \"routes\": [\"order\"] },"
    "\"but\": { \"effect\": \"deny\", \"subjects\": [\"contractors\"],"
    "\"routes\": [\"order\"] } } }";

static const mpol_image *image;

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(policy);
    return 0;
}

static mpol_bytes der_of(const support_ava *avas, size_t count) {
    static const uint8_t san[] = "\x30\x1c\x86\x1aspiffe://corp.example/ann1";
    unsigned char *der = NULL;
    X509 *leaf = support_leaf_named("corp", avas, count);
    support_add_extension(leaf, "corp", NID_subject_alt_name, san, sizeof san - 1);
    int len = i2d_X509(leaf, &der);
    assert_true(len > 0);
    X509_free(leaf);
    const uint8_t *bytes = apr_pmemdup(support_pool(), der, (apr_size_t)len);
    OPENSSL_free(der);
    return (mpol_bytes){bytes, (uint32_t)len};
}

/* As it comes with a session that is resumed: nothing has been asked of it. */
static X509 *fresh_leaf(mpol_bytes der) {
    const unsigned char *at = der.data;
    X509 *leaf = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(leaf);
    return leaf;
}

static mpol_reason decide(const mpol_facts *facts) {
    mpol_target target;
    mpol_client client;
    mpol_decision decision;
    char path[16];
    mpol_target_parse(support_bytes("/order"), (uint8_t *)path, &target);
    mpol_request request = {.method = support_bytes("GET"),
                            .host = support_bytes("a.example"),
                            .target = &target,
                            .now_s = SUPPORT_NOW};
    mpol_client_resolve(image, facts, &client);
    mpol_decide(image, &request, &client, NULL, 0, &decision);
    return decision.reason;
}

/* What this client is told when an allocation fails; `*failed`: did one? */
static mpol_reason ask(mpol_bytes der, long number, bool from_there_on, bool *failed) {
    static const char *const cas[] = {"corp", NULL};
    mpol_certificate memory;
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT, .certificate = true, .verified = true};
    X509 *leaf = fresh_leaf(der);
    STACK_OF(X509) *chain = support_chain(leaf, cas);
    ERR_clear_error();
    begin(number, from_there_on);
    facts.established = mpol_path_read(chain, &facts.path);
    mpol_certificate_names(leaf, &facts, &memory);
    *failed = ended();
    mpol_reason reason = decide(&facts);
    mpol_certificate_clear(&memory);
    sk_X509_free(chain);
    X509_free(leaf);
    return reason;
}

/* Every allocation until none fails: the client gets its answer or is not known. */
static void sweep(const support_ava *avas, size_t count, mpol_reason answer) {
    mpol_bytes der = der_of(avas, count);
    for (int from_there_on = 0; from_there_on < 2; from_there_on++) {
        bool failed = true;
        long number = 0;
        while (failed) {
            mpol_reason reason = ask(der, ++number, from_there_on == 1, &failed);
            bool unknown = reason == MPOL_REASON_CERTIFICATE_MALFORMED ||
                           reason == MPOL_REASON_ISSUER_NOT_ESTABLISHED;
            if (reason != answer && !(failed && unknown))
                fail_msg("allocation %ld%s: %s", number, from_there_on == 1 ? " and later" : "",
                         mpol_reason_name(reason));
        }
        assert_true(number > 20);
    }
}

static void test_an_allowed_client(void **state) {
    static const support_ava avas[] = {
        SUPPORT_AVA("2.5.4.10", V_ASN1_UTF8STRING, "Staff", false),
        SUPPORT_AVA("2.5.4.3", V_ASN1_BMPSTRING, "\0A\0n\0n", false),
    };
    (void)state;
    sweep(avas, COUNT_OF(avas), MPOL_REASON_ALLOWED);
}

static void test_a_client_that_an_attribute_denies(void **state) {
    static const support_ava text[] = {
        SUPPORT_AVA("2.5.4.10", V_ASN1_UTF8STRING, "Contractor", false)};
    static const support_ava wide[] = {
        SUPPORT_AVA("2.5.4.10", V_ASN1_BMPSTRING, "\0C\0o\0n\0t\0r\0a\0c\0t\0o\0r", false)};
    (void)state;
    sweep(text, 1, MPOL_REASON_DENIED_BY_RULE);
    sweep(wide, 1, MPOL_REASON_DENIED_BY_RULE);
}

/* What cannot be converted for another reason is no want of memory. */
static void test_values_that_are_no_text(void **state) {
    static const support_ava rows[] = {
        SUPPORT_AVA("2.5.4.10", V_ASN1_BIT_STRING, "a", false),
        SUPPORT_AVA("2.5.4.10", V_ASN1_UTF8STRING, "", false),
        SUPPORT_AVA("2.5.4.10", V_ASN1_UTF8STRING, "a\0b", false),
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        sweep(&rows[i], 1, MPOL_REASON_ALLOWED);
}

/* --- policies ----------------------------------------------------------------------------------
 */

static void test_a_policy_is_loaded_whole_or_not_at_all(void **state) {
    const mpol_bytes *compiled = support_compile(policy);
    (void)state;
    for (int from_there_on = 0; from_there_on < 2; from_there_on++) {
        bool failed = true;
        long number = 0;
        long refused = 0;
        while (failed) {
            mpol_loaded loaded;
            mpol_error error = {MPOL_OK, "", ""};
            begin(++number, from_there_on == 1);
            mpol_status status =
                mpol_load_bytes(compiled->data, compiled->len, "x", &loaded, &error);
            failed = ended();
            bool lacking = status == MPOL_NO_MEMORY || status == MPOL_CRYPTO;
            assert_true(status == MPOL_OK || (failed && lacking)); /* OpenSSL may do without */
            refused += lacking;
            assert_true((status == MPOL_OK) == (loaded.mapping != NULL));
            assert_true((status == MPOL_OK) == (error.text[0] == '\0'));
            mpol_unload(&loaded);
        }
        assert_true(refused > 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_allowed_client),
        cmocka_unit_test(test_a_client_that_an_attribute_denies),
        cmocka_unit_test(test_values_that_are_no_text),
        cmocka_unit_test(test_a_policy_is_loaded_whole_or_not_at_all),
    };
    if (CRYPTO_set_mem_functions(take, take_more, give_back) != 1)
        return 99;
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
