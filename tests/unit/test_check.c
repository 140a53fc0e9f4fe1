/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/limits.h"
#include "image/check.h"

#include <stdlib.h>
#include <string.h>

static mpol_bytes original;  /* a compiled policy that fills every section */
static mpol_image view;      /* of the original */
static uint8_t *image;       /* a copy that each case may break */
static bool met[MPOL_FORMAT_COUNT];

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    original = *support_compile(support_full_policy);
    image = malloc(original.len);
    return image != NULL && mpol_image_check(original.data, original.len, &view) == MPOL_FORMAT_OK ? 0 : -1;
}

static int end(void **state) {
    free(image);
    return support_end(state);
}

static void restore(void) {
    memcpy(image, original.data, original.len);
}

static void write_u32(uint32_t at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        image[at + (uint32_t)i] = (uint8_t)(value >> (8 * i));
}

static uint32_t element_bytes(mpol_section_kind kind) {
    return mpol_read_u32(original.data + MPOL_HEADER_BYTES + (uint32_t)kind * MPOL_TABLE_BYTES + MPOL_TABLE_ELEMENT);
}

static uint32_t place(mpol_section_kind kind, uint32_t index, uint32_t field) {
    return view.section[kind].offset + index * element_bytes(kind) + field;
}

static uint32_t get(mpol_section_kind kind, uint32_t index, uint32_t field) {
    return mpol_read_u32(original.data + place(kind, index, field));
}

static void set(mpol_section_kind kind, uint32_t index, uint32_t field, uint32_t value) {
    write_u32(place(kind, index, field), value);
}

static void expect_len(mpol_format_rule rule, uint32_t len) {
    mpol_image broken;
    mpol_format_rule found = mpol_image_check(image, len, &broken);
    if (found != rule)
        fail_msg("rule %s instead of %s", mpol_format_rule_number(found), mpol_format_rule_number(rule));
    met[rule] = true;
    restore();
}

static void expect(mpol_format_rule rule) {
    expect_len(rule, original.len);
}

/* Exchange elements `index` and `index + 1`. */
static void swap(mpol_section_kind kind, uint32_t index) {
    uint32_t size = element_bytes(kind);
    memcpy(image + place(kind, index, 0), original.data + place(kind, index + 1, 0), size);
    memcpy(image + place(kind, index + 1, 0), original.data + place(kind, index, 0), size);
}

/* The first element of a section from `from` on whose field is not `value`. */
static uint32_t first_with(mpol_section_kind kind, uint32_t field, uint32_t least) {
    for (uint32_t i = 0; i < mpol_count(&view, kind); i++)
        if (get(kind, i, field) >= least && get(kind, i, field) != MPOL_NONE)
            return i;
    fail_msg("the policy of this test lacks something");
    return 0;
}

static void test_the_policy_of_this_test_fills_every_section(void **state) {
    (void)state;
    for (int kind = 0; kind < MPOL_SECTION_COUNT; kind++)
        assert_true(mpol_count(&view, (mpol_section_kind)kind) >= 2);
    restore();
    expect(MPOL_FORMAT_OK);
}

static void test_header(void **state) {
    (void)state;
    expect_len(MPOL_FORMAT_SIZE, 7);
    expect_len(MPOL_FORMAT_SIZE, MPOL_SECTIONS_START - 1);
    expect_len(MPOL_FORMAT_SIZE, 0);
    assert_int_equal(mpol_image_check_header(original.data, MPOL_LIMIT_IMAGE_BYTES + 1), MPOL_FORMAT_SIZE);
    for (uint32_t i = 0; i < MPOL_MAGIC_BYTES; i++) {
        image[i] ^= 0x20;
        expect(MPOL_FORMAT_MAGIC);
    }
    for (uint32_t i = MPOL_HEADER_MAJOR; i < MPOL_HEADER_LENGTH; i++) {
        image[i] ^= 1;
        expect(MPOL_FORMAT_VERSION);
    }
    write_u32(MPOL_HEADER_LENGTH, MPOL_HEADER_BYTES + 8);
    expect(MPOL_FORMAT_HEADER_LENGTH);
    write_u32(MPOL_HEADER_FILE_LENGTH, original.len + 1);
    expect(MPOL_FORMAT_FILE_LENGTH);
    expect_len(MPOL_FORMAT_FILE_LENGTH, original.len - 1);
    write_u32(MPOL_HEADER_SECTIONS, MPOL_SECTION_COUNT - 1);
    expect(MPOL_FORMAT_SECTION_COUNT);
    write_u32(MPOL_HEADER_FLAGS, 1);
    expect(MPOL_FORMAT_RESERVED);
    for (uint32_t i = MPOL_HEADER_RESERVED; i < MPOL_HEADER_DIGEST; i++) {
        image[i] = 1;
        expect(MPOL_FORMAT_RESERVED);
    }
    write_u32(MPOL_HEADER_NAME, mpol_count(&view, MPOL_STRING_OFFSETS) - 1);
    expect(MPOL_FORMAT_POLICY_NAME);
    write_u32(MPOL_HEADER_NAME, MPOL_NONE);
    expect(MPOL_FORMAT_POLICY_NAME);
    write_u32(MPOL_HEADER_ANY_HOST, mpol_count(&view, MPOL_STATES));
    expect(MPOL_FORMAT_ANY_HOST);
    write_u32(MPOL_HEADER_ANY_HOST, MPOL_NONE);
    expect(MPOL_FORMAT_OK);
}

static void test_section_table(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < MPOL_SECTION_COUNT; kind++) {
        uint32_t entry = MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES;
        uint32_t offset = mpol_read_u32(original.data + entry + MPOL_TABLE_OFFSET);
        write_u32(entry + MPOL_TABLE_KIND, kind);
        expect(MPOL_FORMAT_SECTION_KIND);
        write_u32(entry + MPOL_TABLE_ELEMENT, element_bytes((mpol_section_kind)kind) + 1);
        expect(MPOL_FORMAT_SECTION_ELEMENT);
        write_u32(entry + MPOL_TABLE_OFFSET, offset + MPOL_SECTION_ALIGNMENT);
        expect(MPOL_FORMAT_SECTION_PLACE);
        write_u32(entry + MPOL_TABLE_COUNT, 0x10000000);
        expect(MPOL_FORMAT_SECTION_INSIDE);
    }
}

static uint32_t section_end(uint32_t kind) {
    return view.section[kind].offset + mpol_count(&view, (mpol_section_kind)kind) * element_bytes((mpol_section_kind)kind);
}

static void test_padding(void **state) {
    int found = 0;
    (void)state;
    for (uint32_t kind = 0; kind + 1 < MPOL_SECTION_COUNT; kind++)
        for (uint32_t at = section_end(kind); at < view.section[kind + 1].offset; at++, found++) {
            image[at] = 1;
            expect(MPOL_FORMAT_SECTION_PADDING);
        }
    assert_true(found > 0);
}

static void test_nothing_follows_the_last_section(void **state) {
    uint8_t *longer = calloc(1, original.len + 8);
    mpol_image broken;
    (void)state;
    memcpy(longer, original.data, original.len);
    for (uint32_t more = 1; more <= 8; more++) {
        for (int i = 0; i < 4; i++)
            longer[MPOL_HEADER_FILE_LENGTH + i] = (uint8_t)((original.len + more) >> (8 * i));
        assert_int_equal(mpol_image_check(longer, original.len + more, &broken), MPOL_FORMAT_SECTION_END);
    }
    met[MPOL_FORMAT_SECTION_END] = true;
    free(longer);
}

static void test_strings(void **state) {
    uint32_t strings = mpol_count(&view, MPOL_STRING_OFFSETS) - 1;
    uint32_t bytes = view.section[MPOL_STRING_BYTES].offset;
    (void)state;
    set(MPOL_STRING_OFFSETS, 0, 0, 1);
    expect(MPOL_FORMAT_STRING_OFFSET);
    set(MPOL_STRING_OFFSETS, strings, 0, get(MPOL_STRING_OFFSETS, strings, 0) - 1);
    expect(MPOL_FORMAT_STRING_OFFSET);
    set(MPOL_STRING_OFFSETS, 1, 0, 0); /* a string without even its zero byte */
    expect(MPOL_FORMAT_STRING_OFFSET);
    set(MPOL_STRING_OFFSETS, 1, 0, UINT32_MAX);
    expect(MPOL_FORMAT_STRING_OFFSET);
    for (uint32_t i = 0; i < strings; i++) {
        image[bytes + get(MPOL_STRING_OFFSETS, i + 1, 0) - 1] = 'x';
        expect(MPOL_FORMAT_STRING_END);
    }
    uint32_t last = bytes + get(MPOL_STRING_OFFSETS, strings - 1, 0);
    image[last] = 0xc0;
    expect(MPOL_FORMAT_STRING_TEXT);
    image[last] = 0;
    expect(MPOL_FORMAT_STRING_TEXT);
    image[last] = ' ';
    expect(MPOL_FORMAT_STRING_ORDER);
    set(MPOL_STRING_OFFSETS, strings, 0, get(MPOL_STRING_OFFSETS, strings, 0));
    expect(MPOL_FORMAT_OK);
}

static void test_lists(void **state) {
    uint32_t lists = mpol_count(&view, MPOL_LIST_OFFSETS) - 1;
    (void)state;
    set(MPOL_LIST_OFFSETS, 0, 0, 1);
    expect(MPOL_FORMAT_LIST_OFFSET);
    set(MPOL_LIST_OFFSETS, 1, 0, 1);
    expect(MPOL_FORMAT_LIST_FIRST);
    set(MPOL_LIST_OFFSETS, lists, 0, get(MPOL_LIST_OFFSETS, lists, 0) + 1);
    expect(MPOL_FORMAT_LIST_OFFSET);
    set(MPOL_LIST_OFFSETS, 2, 0, UINT32_MAX);
    expect(MPOL_FORMAT_LIST_OFFSET);
    for (uint32_t i = 1; i < lists; i++) {
        uint32_t from = get(MPOL_LIST_OFFSETS, i, 0);
        if (get(MPOL_LIST_OFFSETS, i + 1, 0) - from < 2)
            continue;
        set(MPOL_LIST_VALUES, from + 1, 0, get(MPOL_LIST_VALUES, from, 0));
        expect(MPOL_FORMAT_LIST_ORDER);
        return;
    }
    fail_msg("no list has two members");
}

static void test_issuers(void **state) {
    uint32_t strings = mpol_count(&view, MPOL_STRING_OFFSETS) - 1;
    (void)state;
    set(MPOL_ISSUERS, 0, MPOL_ISSUER_NAME, strings);
    expect(MPOL_FORMAT_ISSUER_NAME);
    set(MPOL_ISSUERS, 1, MPOL_ISSUER_NAME, get(MPOL_ISSUERS, 0, MPOL_ISSUER_NAME));
    expect(MPOL_FORMAT_ISSUER_NAME);
    set(MPOL_ISSUERS, 0, MPOL_ISSUER_KIND, MPOL_NAME_KIND_COUNT);
    expect(MPOL_FORMAT_ISSUER_KIND);
    set(MPOL_ISSUERS, 0, MPOL_ISSUER_CERT, 1);
    expect(MPOL_FORMAT_ISSUER_CERTIFICATES);
    set(MPOL_ISSUERS, 1, MPOL_ISSUER_CERTS, 0); /* one is nobody's */
    expect(MPOL_FORMAT_ISSUER_CERTIFICATES);
    set(MPOL_ISSUERS, 1, MPOL_ISSUER_CERTS, UINT32_MAX);
    expect(MPOL_FORMAT_ISSUER_CERTIFICATES);
    swap(MPOL_ISSUER_KEYS, 0);
    expect(MPOL_FORMAT_KEY_ORDER);
    memcpy(image + place(MPOL_ISSUER_KEYS, 1, 0), original.data + place(MPOL_ISSUER_KEYS, 0, 0), MPOL_SPKI_BYTES);
    expect(MPOL_FORMAT_KEY_ORDER);
    set(MPOL_ISSUER_KEYS, 1, MPOL_ISSUER_KEY_ISSUER, mpol_count(&view, MPOL_ISSUERS));
    expect(MPOL_FORMAT_KEY_ISSUER);
    set(MPOL_CERTIFICATES, 1, MPOL_CERTIFICATE_OFFSET, 0);
    expect(MPOL_FORMAT_CERTIFICATE_PLACE);
    set(MPOL_CERTIFICATES, 2, MPOL_CERTIFICATE_LENGTH, get(MPOL_CERTIFICATES, 2, MPOL_CERTIFICATE_LENGTH) - 1);
    expect(MPOL_FORMAT_CERTIFICATE_PLACE);
    set(MPOL_CERTIFICATES, 0, MPOL_CERTIFICATE_LENGTH, 0);
    set(MPOL_CERTIFICATES, 1, MPOL_CERTIFICATE_OFFSET, 0);
    expect(MPOL_FORMAT_CERTIFICATE_PLACE);
}

static void test_clients(void **state) {
    uint32_t strings = mpol_count(&view, MPOL_STRING_OFFSETS) - 1;
    uint32_t lists = mpol_count(&view, MPOL_LIST_OFFSETS) - 1;
    (void)state;
    swap(MPOL_IDENTITIES, 0);
    expect(MPOL_FORMAT_IDENTITY_NAME);
    set(MPOL_IDENTITIES, 3, MPOL_IDENTITY_NAME, strings);
    expect(MPOL_FORMAT_IDENTITY_NAME);
    set(MPOL_IDENTITIES, 0, MPOL_IDENTITY_ISSUER, mpol_count(&view, MPOL_ISSUERS));
    expect(MPOL_FORMAT_IDENTITY_FIELD);
    set(MPOL_IDENTITIES, 0, MPOL_IDENTITY_VALUE, strings);
    expect(MPOL_FORMAT_IDENTITY_FIELD);
    swap(MPOL_GROUPS, 0);
    expect(MPOL_FORMAT_GROUP_NAME);
    set(MPOL_PRINCIPALS, 0, MPOL_PRINCIPAL_ISSUER, mpol_count(&view, MPOL_ISSUERS));
    expect(MPOL_FORMAT_PRINCIPAL_FIELD);
    set(MPOL_PRINCIPALS, 0, MPOL_PRINCIPAL_VALUE, strings);
    expect(MPOL_FORMAT_PRINCIPAL_FIELD);
    set(MPOL_PRINCIPALS, 0, MPOL_PRINCIPAL_CLASS, mpol_count(&view, MPOL_CLASSES));
    expect(MPOL_FORMAT_PRINCIPAL_FIELD);
    for (uint32_t i = 0; i < 8; i++) {
        image[place(MPOL_PRINCIPALS, 0, i)] ^= 1;
        expect(MPOL_FORMAT_PRINCIPAL_HASH);
    }
    swap(MPOL_PRINCIPALS, 0);
    expect(MPOL_FORMAT_PRINCIPAL_ORDER);
    memcpy(image + place(MPOL_PRINCIPALS, 1, 0), original.data + place(MPOL_PRINCIPALS, 0, 0), MPOL_PRINCIPALS_BYTES);
    expect(MPOL_FORMAT_PRINCIPAL_ORDER);
    set(MPOL_CLASSES, 0, MPOL_CLASS_ROW, mpol_count(&view, MPOL_ROWS));
    expect(MPOL_FORMAT_CLASS_FIELD);
    set(MPOL_CLASSES, 0, MPOL_CLASS_IDENTITIES, MPOL_LIST_EMPTY);
    expect(MPOL_FORMAT_CLASS_FIELD);
    set(MPOL_CLASSES, 0, MPOL_CLASS_IDENTITIES, lists);
    expect(MPOL_FORMAT_CLASS_FIELD);
    set(MPOL_CLASSES, 0, MPOL_CLASS_GROUPS, lists);
    expect(MPOL_FORMAT_CLASS_FIELD);
    uint32_t list = get(MPOL_CLASSES, 0, MPOL_CLASS_IDENTITIES);
    uint32_t last = get(MPOL_LIST_OFFSETS, list + 1, 0) - 1;
    set(MPOL_LIST_VALUES, last, 0, mpol_count(&view, MPOL_IDENTITIES));
    expect(MPOL_FORMAT_CLASS_FIELD);
}

static void test_rows(void **state) {
    uint32_t row = first_with(MPOL_ROWS, MPOL_ROW_ENTRIES, 2);
    uint32_t entry = get(MPOL_ROWS, row, MPOL_ROW_ENTRY);
    (void)state;
    set(MPOL_ROWS, row, MPOL_ROW_DEFAULT, mpol_count(&view, MPOL_CELLS));
    expect(MPOL_FORMAT_ROW_DEFAULT);
    set(MPOL_ROWS, row, MPOL_ROW_ENTRY, entry + 1);
    expect(MPOL_FORMAT_ROW_ENTRIES);
    set(MPOL_ROWS, mpol_count(&view, MPOL_ROWS) - 1, MPOL_ROW_ENTRIES, UINT32_MAX);
    expect(MPOL_FORMAT_ROW_ENTRIES);
    swap(MPOL_ENTRIES, entry);
    expect(MPOL_FORMAT_ENTRY_ORDER);
    set(MPOL_ENTRIES, entry, MPOL_ENTRY_ROUTE_CLASS, mpol_count(&view, MPOL_ROUTES));
    expect(MPOL_FORMAT_ENTRY_FIELD);
    set(MPOL_ENTRIES, entry, MPOL_ENTRY_CELL, mpol_count(&view, MPOL_CELLS));
    expect(MPOL_FORMAT_ENTRY_FIELD);
    set(MPOL_CELLS, 0, MPOL_CELL_DENY, mpol_count(&view, MPOL_LIST_OFFSETS) - 1);
    expect(MPOL_FORMAT_CELL_LIST);
    set(MPOL_CELLS, 1, MPOL_CELL_ALLOW, MPOL_NONE);
    expect(MPOL_FORMAT_CELL_LIST);
}

static void test_rules(void **state) {
    uint32_t rule = first_with(MPOL_RULES, MPOL_RULE_NETWORKS, 2);
    uint32_t network = get(MPOL_RULES, rule, MPOL_RULE_NETWORK);
    static const uint32_t texts[] = {MPOL_RULE_OWNER, MPOL_RULE_TICKET, MPOL_RULE_NOTE};
    (void)state;
    swap(MPOL_RULES, 1);
    expect(MPOL_FORMAT_RULE_NAME);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        set(MPOL_RULES, 0, texts[i], mpol_count(&view, MPOL_STRING_OFFSETS) - 1);
        expect(MPOL_FORMAT_RULE_TEXT);
    }
    set(MPOL_RULES, 0, MPOL_RULE_FLAGS, 16);
    expect(MPOL_FORMAT_RULE_FLAGS);
    set(MPOL_RULES, 0, MPOL_RULE_RESERVED, 1);
    expect(MPOL_FORMAT_RULE_FLAGS);
    set(MPOL_RULES, 0, MPOL_RULE_VALID_FROM + 4, 1);
    expect(MPOL_FORMAT_RULE_FLAGS);
    set(MPOL_RULES, 0, MPOL_RULE_VALID_UNTIL, 1);
    expect(MPOL_FORMAT_RULE_FLAGS);
    set(MPOL_RULES, rule, MPOL_RULE_FLAGS, 0);
    expect(MPOL_FORMAT_RULE_FLAGS);
    set(MPOL_RULES, 4, MPOL_RULE_FLAGS, MPOL_RULE_HAS_NETWORKS);
    expect(MPOL_FORMAT_RULE_FLAGS);
    set(MPOL_RULES, rule, MPOL_RULE_NETWORK, network + 1);
    expect(MPOL_FORMAT_RULE_NETWORKS);
    set(MPOL_RULES, rule, MPOL_RULE_NETWORKS, UINT32_MAX);
    expect(MPOL_FORMAT_RULE_NETWORKS);
    set(MPOL_RULES, rule, MPOL_RULE_NETWORKS, 1);
    expect(MPOL_FORMAT_RULE_NETWORKS);
    swap(MPOL_NETWORKS, network);
    expect(MPOL_FORMAT_NETWORK_ORDER);
    memset(image + place(MPOL_NETWORKS, network, MPOL_NETWORK_HIGH), 0, MPOL_ADDRESS_BYTES);
    expect(MPOL_FORMAT_NETWORK_ORDER);
    memcpy(image + place(MPOL_NETWORKS, network, MPOL_NETWORK_HIGH),
           original.data + place(MPOL_NETWORKS, network + 1, MPOL_NETWORK_LOW), MPOL_ADDRESS_BYTES);
    expect(MPOL_FORMAT_NETWORK_ORDER);
}

static void test_hosts_and_states(void **state) {
    uint32_t strings = mpol_count(&view, MPOL_STRING_OFFSETS) - 1;
    uint32_t states = mpol_count(&view, MPOL_STATES);
    uint32_t with_edges = first_with(MPOL_STATES, MPOL_STATE_EDGES, 2);
    uint32_t edge = get(MPOL_STATES, with_edges, MPOL_STATE_EDGE);
    (void)state;
    set(MPOL_HOSTS, 0, MPOL_HOST_NAME, strings);
    expect(MPOL_FORMAT_HOST_FIELD);
    set(MPOL_HOSTS, 0, MPOL_HOST_STATE, states);
    expect(MPOL_FORMAT_HOST_FIELD);
    image[place(MPOL_HOSTS, 0, 7)] ^= 0x80;
    expect(MPOL_FORMAT_HOST_HASH);
    swap(MPOL_HOSTS, 0);
    expect(MPOL_FORMAT_HOST_ORDER);
    memcpy(image + place(MPOL_HOSTS, 1, 0), original.data + place(MPOL_HOSTS, 0, 0), MPOL_HOSTS_BYTES);
    expect(MPOL_FORMAT_HOST_ORDER);
    set(MPOL_STATES, with_edges, MPOL_STATE_EDGE, edge + 1);
    expect(MPOL_FORMAT_STATE_EDGES);
    set(MPOL_STATES, states - 1, MPOL_STATE_EDGES, UINT32_MAX);
    expect(MPOL_FORMAT_STATE_EDGES);
    set(MPOL_STATES, 1, MPOL_STATE_OTHER, 1); /* a loop */
    expect(MPOL_FORMAT_STATE_FIELD);
    set(MPOL_STATES, 0, MPOL_STATE_OTHER, states);
    expect(MPOL_FORMAT_STATE_FIELD);
    set(MPOL_STATES, 0, MPOL_STATE_END, mpol_count(&view, MPOL_ENDPOINTS));
    expect(MPOL_FORMAT_STATE_FIELD);
    set(MPOL_STATES, 0, MPOL_STATE_TAIL, mpol_count(&view, MPOL_ENDPOINTS));
    expect(MPOL_FORMAT_STATE_FIELD);
    set(MPOL_EDGES, edge, MPOL_EDGE_LITERAL, strings);
    expect(MPOL_FORMAT_EDGE_FIELD);
    set(MPOL_EDGES, edge, MPOL_EDGE_TARGET, with_edges);
    expect(MPOL_FORMAT_EDGE_FIELD);
    set(MPOL_EDGES, edge, MPOL_EDGE_TARGET, states);
    expect(MPOL_FORMAT_EDGE_FIELD);
    image[place(MPOL_EDGES, edge, 3)] ^= 4;
    expect(MPOL_FORMAT_EDGE_HASH);
    swap(MPOL_EDGES, edge);
    expect(MPOL_FORMAT_EDGE_ORDER);
}

static void test_endpoints_and_routes(void **state) {
    uint32_t strings = mpol_count(&view, MPOL_STRING_OFFSETS) - 1;
    uint32_t routes = mpol_count(&view, MPOL_ROUTES);
    uint32_t endpoint = first_with(MPOL_ENDPOINTS, MPOL_ENDPOINT_METHODS, 2);
    uint32_t method = get(MPOL_ENDPOINTS, endpoint, MPOL_ENDPOINT_METHOD);
    (void)state;
    set(MPOL_ENDPOINTS, 0, MPOL_ENDPOINT_PATTERN, strings);
    expect(MPOL_FORMAT_ENDPOINT_FIELD);
    set(MPOL_ENDPOINTS, 0, MPOL_ENDPOINT_ANY_METHOD, routes);
    expect(MPOL_FORMAT_ENDPOINT_FIELD);
    set(MPOL_ENDPOINTS, endpoint, MPOL_ENDPOINT_METHOD, method + 1);
    expect(MPOL_FORMAT_ENDPOINT_METHODS);
    set(MPOL_ENDPOINTS, endpoint, MPOL_ENDPOINT_METHODS, UINT32_MAX);
    expect(MPOL_FORMAT_ENDPOINT_METHODS);
    set(MPOL_METHODS, method, MPOL_METHOD_NAME, strings);
    expect(MPOL_FORMAT_METHOD_FIELD);
    set(MPOL_METHODS, method, MPOL_METHOD_ROUTE, routes);
    expect(MPOL_FORMAT_METHOD_FIELD);
    swap(MPOL_METHODS, method);
    expect(MPOL_FORMAT_METHOD_ORDER);
    swap(MPOL_ROUTES, 0);
    expect(MPOL_FORMAT_ROUTE_FIELD);
    set(MPOL_ROUTES, 0, MPOL_ROUTE_CLASS, routes);
    expect(MPOL_FORMAT_ROUTE_FIELD);
}

/* Move the counts of the table so that ROWS is empty: its bytes become the entries'. */
static void test_the_row_for_everyone_is_there(void **state) {
    mpol_image broken;
    uint32_t from = view.section[MPOL_ROWS].offset;
    uint32_t gone = view.section[MPOL_ENTRIES].offset - from;
    (void)state;
    memmove(image + from, original.data + from + gone, original.len - from - gone);
    write_u32(MPOL_HEADER_FILE_LENGTH, original.len - gone);
    write_u32(MPOL_HEADER_BYTES + MPOL_ROWS * MPOL_TABLE_BYTES + MPOL_TABLE_COUNT, 0);
    for (uint32_t kind = MPOL_ROWS + 1; kind < MPOL_SECTION_COUNT; kind++)
        write_u32(MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES + MPOL_TABLE_OFFSET, view.section[kind].offset - gone);
    /* Classes name rows and are looked at first. */
    write_u32(MPOL_HEADER_BYTES + MPOL_ROWS * MPOL_TABLE_BYTES + MPOL_TABLE_COUNT, 0);
    assert_int_equal(mpol_image_check(image, original.len - gone, &broken), MPOL_FORMAT_CLASS_FIELD);
    restore();
}

/* The same in a policy without clients. */
static void test_an_empty_policy_has_a_row(void **state) {
    mpol_image small;
    mpol_bytes empty = *support_compile("{ \"name\": \"x\" }");
    uint8_t *copy = malloc(empty.len);
    (void)state;
    assert_int_equal(mpol_image_check(empty.data, empty.len, &small), MPOL_FORMAT_OK);
    assert_int_equal(mpol_count(&small, MPOL_ROWS), 1);
    uint32_t from = small.section[MPOL_ROWS].offset;
    uint32_t gone = 16; /* one row of 12 bytes and its padding */
    memcpy(copy, empty.data, from);
    memcpy(copy + from, empty.data + from + gone, empty.len - from - gone);
    for (int i = 0; i < 4; i++)
        copy[MPOL_HEADER_FILE_LENGTH + i] = (uint8_t)((empty.len - gone) >> (8 * i));
    memset(copy + MPOL_HEADER_BYTES + MPOL_ROWS * MPOL_TABLE_BYTES + MPOL_TABLE_COUNT, 0, 4);
    for (uint32_t kind = MPOL_ROWS + 1; kind < MPOL_SECTION_COUNT; kind++)
        for (int i = 0; i < 4; i++)
            copy[MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES + MPOL_TABLE_OFFSET + (uint32_t)i] =
                (uint8_t)((small.section[kind].offset - gone) >> (8 * i));
    assert_int_equal(mpol_image_check(copy, empty.len - gone, &small), MPOL_FORMAT_ROW_FIRST);
    met[MPOL_FORMAT_ROW_FIRST] = true;
    free(copy);
}

/* The digest is the loader's (test_load.c). */
static void test_every_rule_was_broken(void **state) {
    (void)state;
    for (int rule = 1; rule < MPOL_FORMAT_COUNT; rule++)
        if (!met[rule] && rule != MPOL_FORMAT_DIGEST)
            fail_msg("no case breaks rule %s", mpol_format_rule_number((mpol_format_rule)rule));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_policy_of_this_test_fills_every_section),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_section_table),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_nothing_follows_the_last_section),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_issuers),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_hosts_and_states),
        cmocka_unit_test(test_endpoints_and_routes),
        cmocka_unit_test(test_the_row_for_everyone_is_there),
        cmocka_unit_test(test_an_empty_policy_has_a_row),
        cmocka_unit_test(test_every_rule_was_broken),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, end);
}
