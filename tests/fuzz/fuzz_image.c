/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled policy: whatever the check accepts can be used, by any client and any request. The
 * mutator changes fields where sections have them, and repairs lengths and digest. */
#include "fuzz.h"

#include "image/check.h"
#include "image/load.h"
#include "match/decide.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_target[] = "image";

enum { MOST = 6, TIMES = 3 };

/* Client and requests are made of the image's own strings. */
static mpol_bytes string_at(const mpol_image *image, uint32_t i) {
    uint32_t strings = mpol_count(image, MPOL_STRING_OFFSETS) - 1;
    return strings > 0 ? mpol_string(image, i % strings) : (mpol_bytes){(const uint8_t *)"", 0};
}

static void check_decision(const mpol_image *image, const mpol_decision *decision) {
    FUZZ_REQUIRE(decision->route == MPOL_NONE || decision->route < mpol_count(image, MPOL_ROUTES));
    FUZZ_REQUIRE(decision->rule == MPOL_NONE || decision->rule < mpol_count(image, MPOL_RULES));
    FUZZ_REQUIRE(decision->identity == MPOL_NONE ||
                 decision->identity < mpol_count(image, MPOL_IDENTITIES));
    FUZZ_REQUIRE(decision->issuer == MPOL_NONE ||
                 decision->issuer < mpol_count(image, MPOL_ISSUERS));
    FUZZ_REQUIRE(decision->reason != MPOL_REASON_ALLOWED || decision->route != MPOL_NONE);
    FUZZ_REQUIRE(decision->reason < MPOL_REASON_COUNT);
    FUZZ_REQUIRE(decision->condition < MPOL_CONDITION_COUNT);
}

static void ask(const mpol_image *image, const mpol_client *client, mpol_bytes host,
                mpol_bytes method, mpol_bytes path) {
    static const uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3};
    static const int64_t times[TIMES] = {MPOL_TIME_UNKNOWN, 0, 1780315200};
    uint8_t *buffer = malloc(path.len + 1u);
    mpol_target target;
    mpol_target_parse(path, buffer, &target);
    for (int i = 0; i < 2 * TIMES; i++) {
        mpol_decision decision;
        mpol_request request = {.method = method,
                                .host = host,
                                .target = &target,
                                .address = i % 2 == 0 ? address : NULL,
                                .now_s = times[i / 2],
                                .user = i % 2 == 0 ? method : (mpol_bytes){NULL, 0},
                                .arrival = (mpol_arrival)(i % 3),
                                .preflight = i == 4,
                                .method_override = i == 5};
        mpol_decide(image, &request, client, NULL, 0, &decision);
        check_decision(image, &decision);
    }
    free(buffer);
}

static void ask_all(const mpol_image *image, const mpol_client *client) {
    static const mpol_bytes get = {(const uint8_t *)"GET", 3};
    static const mpol_bytes root = {(const uint8_t *)"/a/b", 4};
    uint32_t endpoints = mpol_count(image, MPOL_ENDPOINTS);
    uint32_t hosts = mpol_count(image, MPOL_HOSTS);
    for (uint32_t h = 0; h <= hosts && h < MOST; h++) {
        mpol_bytes host = {(const uint8_t *)"other.example", h % 2 == 0 ? 13u : 5u};
        if (h < hosts)
            host = mpol_string(image, MPOL_U32(image, HOSTS, h, MPOL_HOST_NAME));
        ask(image, client, host, get, root);
        for (uint32_t e = 0; e < endpoints && e < 2 * MOST; e++)
            ask(image, client, host, get,
                mpol_string(image, MPOL_U32(image, ENDPOINTS, e, MPOL_ENDPOINT_PATTERN)));
    }
    ask(image, client, (mpol_bytes){NULL, 0}, string_at(image, 3), string_at(image, 5));
}

/* One certificate of an issuer: some names of each kind, the attributes and a pin. */
static void resolve(const mpol_image *image, uint32_t key, uint32_t round) {
    mpol_name names[4 * MOST];
    mpol_client client;
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT,
                        .certificate = true,
                        .verified = true,
                        .established = true,
                        .names = names};
    facts.path.count = 1;
    facts.path.not_after_s = INT64_MAX;
    memcpy(facts.path.spki[0], mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, key),
           MPOL_SPKI_BYTES);
    uint32_t issuer = MPOL_U32(image, ISSUER_KEYS, key, MPOL_ISSUER_KEY_ISSUER);
    uint32_t first = MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_NAMING);
    uint32_t count = MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_NAMINGS);
    for (uint32_t i = 0; i < count && i < MOST && i <= round; i++) {
        uint32_t oid = MPOL_U32(image, NAMINGS, first + i, MPOL_NAMING_OID);
        names[facts.name_count++] = (mpol_name){
            .kind = (mpol_name_kind)MPOL_U32(image, NAMINGS, first + i, MPOL_NAMING_KIND),
            .oid = oid != MPOL_NONE ? mpol_string(image, oid) : (mpol_bytes){NULL, 0},
            .value = string_at(image, round * 7 + i)};
    }
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ATTRIBUTES) && i < MOST; i++)
        names[facts.name_count++] = (mpol_name){
            .kind = MPOL_NAME_ATTRIBUTE,
            .oid = mpol_string(image, MPOL_U32(image, ATTRIBUTES, i, MPOL_ATTRIBUTE_OID)),
            .value = mpol_string(image, MPOL_U32(image, ATTRIBUTES, i, MPOL_ATTRIBUTE_VALUE))};
    if (mpol_count(image, MPOL_PINS) > 0)
        memcpy(
            facts.sha256,
            mpol_element(image, MPOL_PINS, MPOL_PINS_BYTES, round % mpol_count(image, MPOL_PINS)),
            sizeof facts.sha256);
    memcpy(facts.spki_sha256, facts.sha256, sizeof facts.sha256);
    mpol_client_resolve(image, &facts, &client);
    FUZZ_REQUIRE(client.class == MPOL_NONE || client.class < mpol_count(image, MPOL_CLASSES));
    FUZZ_REQUIRE(client.class != MPOL_NONE || client.after_dates != MPOL_REASON_ALLOWED);
    ask_all(image, &client);
}

static void use(const mpol_image *image) {
    mpol_client client;
    FUZZ_REQUIRE(mpol_policy_name(image) != NULL);
    for (uint32_t k = 0; k < mpol_count(image, MPOL_ISSUER_KEYS) && k < 3; k++)
        for (uint32_t round = 0; round < MOST; round++)
            resolve(image, k, round);
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES) && i < MOST; i++) {
        mpol_given given = {string_at(image, i), string_at(image, i + 1)};
        mpol_client_of_identity(image, i, &given, i % 2, &client);
        ask_all(image, &client);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mpol_image view;
    mpol_loaded loaded;
    mpol_error error;
    if (size > 1048576)
        return 0;
    bool loads = mpol_load_bytes(data, size, "fuzz", &loaded, &error) == MPOL_OK;
    if (loads)
        mpol_unload(&loaded);
    uint8_t *copy = malloc(size + (size == 0)); /* exactly as long, so that a byte too far shows */
    memcpy(copy, data, size);
    bool checked = mpol_image_check(copy, (uint32_t)size, &view) == MPOL_FORMAT_OK;
    FUZZ_REQUIRE(checked || !loads);
    if (checked) {
        fuzz_used++;
        use(&view);
    }
    free(copy);
    return 0;
}

/* --- the mutator -------------------------------------------------------------------------------
 */

static uint32_t step(uint64_t *state) { /* xorshift64 */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 16);
}

static void write_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t new_value(uint64_t *state, uint32_t old, uint32_t other) {
    switch (step(state) % 8) {
    case 0: return old + 1;
    case 1: return old - 1;
    case 2: return MPOL_NONE;
    case 3: return 0;
    case 4: return other;
    case 5: return step(state) % 16;
    case 6: return old ^ (1u << (step(state) % 32));
    default: return step(state);
    }
}

/* Change one field of one element of a section, or of the header. */
static void change_field(uint8_t *data, size_t size, uint64_t *state) {
    uint32_t kind = step(state) % (MPOL_SECTION_COUNT + 1);
    uint8_t *entry = data + MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES;
    uint32_t at = MPOL_HEADER_LENGTH + 4 * (step(state) % 13);
    uint32_t other = at;
    if (kind < MPOL_SECTION_COUNT) {
        uint64_t offset = mpol_read_u32(entry + MPOL_TABLE_OFFSET);
        uint64_t bytes = (uint64_t)mpol_read_u32(entry + MPOL_TABLE_ELEMENT) *
                         mpol_read_u32(entry + MPOL_TABLE_COUNT);
        if (bytes < 4 || offset + bytes > size)
            return;
        at = (uint32_t)(offset + 4 * (step(state) % (bytes / 4)));
        other = (uint32_t)(offset + 4 * (step(state) % (bytes / 4)));
    }
    write_u32(data + at, new_value(state, mpol_read_u32(data + at), mpol_read_u32(data + other)));
}

/* Hashes of elements are what a changed string or list breaks first; that is left to chance. */
static void repair(uint8_t *data, size_t size) {
    uint8_t digest[MPOL_DIGEST_BYTES];
    if (size < MPOL_SECTIONS_START)
        return;
    write_u32(data + MPOL_HEADER_FILE_LENGTH, (uint32_t)size);
    if (mpol_image_digest(data, size, digest))
        memcpy(data + MPOL_HEADER_DIGEST, digest, sizeof digest);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed) {
    uint64_t state = 0x9e3779b97f4a7c15u ^ ((uint64_t)seed << 20 | 1u);
    if (size < MPOL_SECTIONS_START || step(&state) % 8 == 0)
        size = LLVMFuzzerMutate(data, size, room);
    else
        for (uint32_t i = step(&state) % 3 + 1; i > 0; i--)
            change_field(data, size, &state);
    repair(data, size);
    return size;
}
