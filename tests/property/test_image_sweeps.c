/* SPDX-License-Identifier: Apache-2.0 */
/* A small compiled policy with a bit of everything, broken in every simple way. What the check
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
static unsigned long swept;
static unsigned long accepted;

static const char *const hosts[] = {"api.example", "b.example", "other.example", "[::1]", ""};
static const char *const targets[] = {
    "/health",   "/orders/",  "/orders/7",      "/orders/new", "/x/new",       "/files",
    "/files/a/", "/files//b", "/orders/%C3%A9", "/%2e",        "/orders/7/8/", "/",
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
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ISSUERS); i++)
        assert_non_null(mpol_issuer_name(image, i));
    assert_non_null(mpol_policy_name(image));
}

static void use_client(const mpol_image *image, const mpol_client *client) {
    static const uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3};
    uint32_t everybody[] = {0, 1, 2};
    mpol_name_filter filter = {everybody, everybody, 3, 3};
    uint8_t buffer[64];
    mpol_target target;
    mpol_decision decision;
    for (size_t h = 0; h < sizeof hosts / sizeof hosts[0]; h++)
        for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
            mpol_target_parse(span(targets[t]), buffer, &target);
            mpol_request request = {span(t % 3 == 2 ? "POST" : "GET"), span(hosts[h]), &target,
                                    h % 2 ? NULL : address, t % 3 ? 1700000000 : MPOL_TIME_UNKNOWN};
            mpol_decide(image, &request, client, &filter, h % 2, &decision);
            assert_true(decision.reason < MPOL_REASON_COUNT);
        }
}

/* Everything a server does with an image that was accepted. */
static void use(const mpol_image *image) {
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT, .certificate = true, .verified = true};
    mpol_client client;
    facts.established = true;
    facts.path.count = 1;
    facts.path.not_after_s = INT64_MAX;
    facts.uri = (mpol_names){1, span("spiffe://corp.example/billing")};
    facts.dns = facts.cn = facts.uri;
    if (mpol_count(image, MPOL_ISSUER_KEYS) > 0)
        memcpy(facts.path.spki[0], mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, 0),
               32);
    use_names(image);
    mpol_client_resolve(image, &facts, &client);
    use_client(image, &client);
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES); i++) {
        mpol_client_of_identity(image, i, &client);
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
    for (uint32_t i = 0; i < len * 8; i += support_is_slow() ? 16 : 1) {
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
        for (uint32_t choice = 0; choice < CHOICES; choice++) {
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
    assert_true(accepted > 100);
}

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    const mpol_bytes *image = support_compile(support_full_policy);
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
