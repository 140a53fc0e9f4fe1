/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled policy with everything of the language, broken in every simple way. What the check
 * refuses is refused; what it accepts is used, so that a sanitizer sees any read it should not have
 * let through. */
#include "support.h"

#include "image/check.h"
#include "image/load.h"
#include "match/decide.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *sound;
static uint8_t *broken;
static uint32_t len;
static mpol_image view; /* of the sound one */
static unsigned long swept;
static unsigned long accepted;

static const char *const hosts[] = {"api.example", "x.b.example", "ids.example", "[::1]", ""};
static const char *const targets[] = {
    "/health",
    "/orders/",
    "/orders/7",
    "/x/new",
    "/x/7",
    "/x/1f/z",
    "/files//b",
    "/tenants/t/s/1",
    "/tenants/t//%2e",
    "/",
    "/live",
    "/x/7/y",
    "/errors/404",
    "/x/01234567-89ab-cdef-0123-456789abcdef",
};

static mpol_bytes span(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static void use_names(const mpol_image *image) {
    for (uint32_t i = 0; i < mpol_count(image, MPOL_RULES); i++)
        assert_non_null(mpol_rule_name(image, i));
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ROUTES); i++)
        assert_non_null(mpol_route_name(image, i));
    for (uint32_t i = 0; i < mpol_count(image, MPOL_GROUPS); i++)
        assert_int_equal(mpol_group_by_name(image, span(mpol_group_name(image, i))), i);
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES); i++)
        assert_int_equal(mpol_identity_by_name(image, span(mpol_identity_name(image, i))), i);
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ISSUERS); i++)
        assert_non_null(mpol_issuer_name(image, i));
    assert_non_null(mpol_policy_name(image));
    (void)mpol_policy_environment(image);
    assert_int_equal(mpol_policy_source(image).len, mpol_count(image, MPOL_SOURCE));
}

/* Requests that differ in everything a request has, a few of all combinations each time. */
static void use_client(const mpol_image *image, const mpol_client *client) {
    static const uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3};
    static const char *const methods[] = {"GET", "POST", "PUT", "OPTIONS"};
    static unsigned turn;
    uint32_t everybody[] = {0, 1, 2};
    mpol_name_filter filter = {everybody, everybody, 3, 3};
    uint8_t buffer[64];
    mpol_target target;
    mpol_decision decision;
    for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++, turn += 7) {
        const char *host = hosts[turn % (sizeof hosts / sizeof hosts[0])];
        mpol_request request = {
            .method = span(methods[turn / 5 % 4]), .host = span(host), .target = &target};
        mpol_target_parse(span(targets[t]), buffer, &target);
        if (host[0] == '\0')
            request.host.data = NULL;
        request.address = turn % 2 ? NULL : address;
        request.now_s = turn % 3 ? 1780315200 : MPOL_TIME_UNKNOWN;
        request.user = turn / 2 % 2 ? span("carl") : (mpol_bytes){NULL, 0};
        request.arrival = (mpol_arrival)(turn / 3 % 3);
        request.preflight = turn / 4 % 2 != 0;
        request.method_override = turn / 8 % 4 == 0;
        mpol_decide(image, &request, client, &filter, turn / 16 % 2, &decision);
        assert_true(decision.reason < MPOL_REASON_COUNT);
        assert_true(decision.condition < MPOL_CONDITION_COUNT);
    }
}

enum { NAMES = 11 };

/* Names of all kinds that the policy asks for, some of them twice. */
static void fill_names(mpol_name names[NAMES]) {
    static const struct {
        mpol_name_kind kind;
        const char *oid;
        const char *value;
    } rows[NAMES] = {
        {MPOL_NAME_SPIFFE, NULL, "spiffe://any.example/tenants/t/s"},
        {MPOL_NAME_SPIFFE, NULL, "spiffe://corp.example/billing"},
        {MPOL_NAME_DNS, NULL, "gate.any.example"},
        {MPOL_NAME_DNS, NULL, "n.any.example"},
        {MPOL_NAME_EMAIL, NULL, "w@any.example"},
        {MPOL_NAME_UPN, NULL, "login@corp.example"},
        {MPOL_NAME_CN, NULL, "Ann"},
        {MPOL_NAME_ATTRIBUTE, "2.5.4.97", "PSDDE-BAFIN-1"},
        {MPOL_NAME_ATTRIBUTE, "2.5.4.5", "7"},
        {MPOL_NAME_ATTRIBUTE, "2.5.4.11", "Operations"},
        {MPOL_NAME_SUBJECT, NULL, "OU=Ops+CN=Payments\\, Inc.,O=Example GmbH,C=DE"},
    };
    for (int i = 0; i < NAMES; i++) {
        names[i] = (mpol_name){.kind = rows[i].kind, .value = span(rows[i].value)};
        if (rows[i].oid != NULL)
            names[i].oid = span(rows[i].oid);
    }
}

/* A client below this issuer's key, and below all others further up, with some of the names. */
static void use_certificate(const mpol_image *image, const mpol_name *names, uint32_t key) {
    mpol_facts facts = {
        .tls = MPOL_TLS_PRESENT, .certificate = true, .verified = true, .established = true};
    mpol_client client;
    uint32_t keys = mpol_count(image, MPOL_ISSUER_KEYS);
    static uint32_t turn;
    facts.path.not_after_s = INT64_MAX;
    for (uint32_t i = 0; i < keys && i < MPOL_LIMIT_PATH_CERTIFICATES; i++)
        memcpy(facts.path.spki[facts.path.count++],
               mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, (key + i) % keys), 32);
    memset(facts.sha256, 0xaa + 0x11 * (int)(turn % 2), sizeof facts.sha256);
    memset(facts.spki_sha256, 0xaa + 0x11 * (int)(turn % 3), sizeof facts.spki_sha256);
    facts.names = names;
    facts.name_count = NAMES;
    mpol_client_resolve(image, &facts, &client);
    use_client(image, &client);
    facts.names = names + turn % NAMES; /* and with one alone */
    facts.name_count = 1;
    mpol_client_resolve(image, &facts, &client);
    use_client(image, &client);
    turn++;
}

/* Everything a server does with an image that was accepted. */
static void use(const mpol_image *image) {
    static uint32_t turn;
    mpol_name names[NAMES];
    const mpol_given given[] = {{span("tenant"), span("t")}, {span("service"), span("s")}};
    mpol_client client;
    uint32_t identities = mpol_count(image, MPOL_IDENTITIES);
    fill_names(names);
    use_names(image);
    for (uint32_t key = 0; key < mpol_count(image, MPOL_ISSUER_KEYS); key++)
        use_certificate(image, names, key);
    for (uint32_t i = 0; i < 3 && identities > 0; i++, turn++) {
        mpol_client_of_identity(image, turn % identities, given, turn % 3, &client);
        use_client(image, &client);
    }
}

/* The bytes in `broken`, with their digest repaired: the check alone stands between them and use.
 */
static void judge(void) {
    mpol_image image;
    swept++;
    if (mpol_image_check(broken, len, &image) != MPOL_FORMAT_OK)
        return;
    accepted++;
    use(&image);
}

/* Is this a byte of a certificate or of the source, beyond the first and last few? What stands
 * there is never looked at by a reader, so that sweeping it would only use up time. */
static bool is_opaque(uint32_t offset) {
    static const mpol_section_kind kinds[] = {MPOL_CERTIFICATE_BYTES, MPOL_SOURCE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint32_t from = view.section[kinds[i]].offset;
        uint32_t to = from + view.section[kinds[i]].count;
        if (offset >= from + 16 && offset + 16 < to)
            return true;
    }
    return false;
}

static void test_every_truncation_is_refused(void **state) {
    mpol_loaded loaded;
    mpol_error error;
    (void)state;
    for (uint32_t shorter = 0; shorter < len; shorter += support_is_slow() ? 37 : 1)
        assert_int_not_equal(mpol_load_bytes(sound, shorter, "cut", &loaded, &error), MPOL_OK);
    assert_int_equal(mpol_load_bytes(sound, len, "whole", &loaded, &error), MPOL_OK);
    mpol_unload(&loaded);
}

static void test_every_flipped_bit_is_refused(void **state) {
    mpol_loaded loaded;
    mpol_error error;
    (void)state;
    memcpy(broken, sound, len);
    for (uint32_t i = 0; i < len * 8; i += support_is_slow() ? 16 : is_opaque(i / 8) ? 9 : 1) {
        broken[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_int_not_equal(mpol_load_bytes(broken, len, "flipped", &loaded, &error), MPOL_OK);
        broken[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

/* As above, but past the digest: the check has to hold by itself. */
static void test_flipped_bits_with_a_right_digest(void **state) {
    (void)state;
    memcpy(broken, sound, len);
    for (uint32_t i = 0; i < len * 8; i += support_is_slow() ? 16 : 1) {
        if (is_opaque(i / 8))
            continue;
        broken[i / 8] ^= (uint8_t)(1 << i % 8);
        judge();
        broken[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

static const uint32_t boundaries[] = {
    0,          1,          2,          3,          4,          7,          8,      15,
    16,         20,         31,         32,         36,         47,         48,     63,
    64,         96,         127,        255,        256,        0x7fff,     0xffff, 0x10000,
    0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffd, 0xfffffffe, 0xffffffff,
};
enum { BOUNDARIES = sizeof boundaries / sizeof boundaries[0] };

static void put(uint32_t offset, uint32_t value) {
    for (uint32_t i = 0; i < 4; i++)
        broken[offset + i] = (uint8_t)(value >> (8 * i));
}

static uint32_t nearby(uint32_t offset, uint32_t choice) {
    uint32_t now = mpol_read_u32(sound + offset);
    if (choice < BOUNDARIES)
        return boundaries[choice];
    return choice == BOUNDARIES ? now + 1 : (choice == BOUNDARIES + 1 ? now - 1 : len - offset);
}
enum { CHOICES = BOUNDARIES + 3 };

static void test_boundary_values_everywhere(void **state) {
    (void)state;
    memcpy(broken, sound, len);
    for (uint32_t offset = MPOL_MAGIC_BYTES; offset + 4 <= len;
         offset += support_is_slow() ? 64 : 4)
        for (uint32_t choice = 0; choice < CHOICES && !is_opaque(offset); choice++) {
            put(offset, nearby(offset, choice));
            judge();
            memcpy(broken + offset, sound + offset, 4);
        }
}

/* Two fields of the table or header at once: an offset beside a count, a count beside the length.
 */
static void test_boundary_values_in_pairs(void **state) {
    uint32_t step = support_is_slow() ? 128 : 4;
    (void)state;
    memcpy(broken, sound, len);
    for (uint32_t one = MPOL_HEADER_LENGTH; one < MPOL_SECTIONS_START; one += step)
        for (uint32_t other = one + 4; other < MPOL_SECTIONS_START && other <= one + 32; other += 4)
            for (uint32_t pair = 0; pair < CHOICES * CHOICES; pair++) {
                put(one, nearby(one, pair / CHOICES));
                put(other, nearby(other, pair % CHOICES));
                judge();
                memcpy(broken + one, sound + one, 4);
                memcpy(broken + other, sound + other, 4);
            }
}

static void test_something_was_swept(void **state) {
    (void)state;
    print_message("# %lu images, %lu of them accepted and used\n", swept, accepted);
    assert_true(swept > (support_is_slow() ? 10000 : 100000));
    assert_true(accepted > (support_is_slow() ? 500 : 10000));
}

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    const mpol_bytes *image = support_compile_everything();
    if (mpol_image_check(image->data, image->len, &view) != MPOL_FORMAT_OK)
        return -1;
    len = image->len;
    sound = malloc(len);
    broken = malloc(len); /* of exactly this size, so that a read beyond it is seen */
    if (sound == NULL || broken == NULL)
        return -1;
    memcpy(sound, image->data, len);
    return 0;
}

static int end(void **state) {
    free(sound);
    free(broken);
    return support_end(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_flipped_bits_with_a_right_digest),
        cmocka_unit_test(test_boundary_values_everywhere),
        cmocka_unit_test(test_boundary_values_in_pairs),
        cmocka_unit_test(test_something_was_swept),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, end);
}
