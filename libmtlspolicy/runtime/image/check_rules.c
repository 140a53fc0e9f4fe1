/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT chapters 7 and 8: who may do what, and the rules that say so. */
#include "image/check_parts.h"

/* Entries [first, end) are one row's. */
/*@ requires mpol_readable(image) && first <= end <= mpol_size(image, MPOL_ENTRIES);
    terminates \true;
    assigns \nothing; */
static mpol_format_rule check_row_order(const mpol_image *image, uint32_t first, uint32_t end) {
    /*@ loop invariant first <= i <= end;
        loop assigns i;
        loop variant end - i; */
    for (uint32_t i = first; i + 1 < end; i++)
        FAIL_UNLESS(MPOL_U32(image, ENTRIES, i, MPOL_ENTRY_ROUTE_CLASS) <
                        MPOL_U32(image, ENTRIES, i + 1, MPOL_ENTRY_ROUTE_CLASS),
                    ENTRY_ORDER);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_rows_sound(image); */
static mpol_format_rule check_rows(const mpol_image *image) {
    FAIL_UNLESS(mpol_count(image, MPOL_ROWS) > MPOL_ROW_EVERYONE, ROW_FIRST);
    FAIL_UNLESS(ALL_BELOW_OR_NONE(image, ROWS, MPOL_ROW_DEFAULT, mpol_count(image, MPOL_CELLS)),
                ROW_DEFAULT);
    FAIL_UNLESS(ALL_SHARE(image, ROWS, MPOL_ROW_ENTRY, ENTRIES), ROW_ENTRIES);
    FAIL_UNLESS(
        ALL_BELOW(image, ENTRIES, MPOL_ENTRY_ROUTE_CLASS, mpol_count(image, MPOL_ROUTES)) &&
            ALL_BELOW(image, ENTRIES, MPOL_ENTRY_CELL, mpol_count(image, MPOL_CELLS)),
        ENTRY_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_ROWS].count;
        loop assigns i;
        loop variant image->section[MPOL_ROWS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ROWS); i++) {
        uint32_t first = MPOL_U32(image, ROWS, i, MPOL_ROW_ENTRY);
        CHECK(check_row_order(image, first, first + MPOL_U32(image, ROWS, i, MPOL_ROW_ENTRIES)));
    }
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_cells_sound(image); */
static mpol_format_rule check_cells(const mpol_image *image) {
    uint32_t rules = mpol_count(image, MPOL_RULES);
    FAIL_UNLESS(ALL_LISTS_BELOW(image, CELLS, MPOL_CELL_DENY, rules) &&
                    ALL_LISTS_BELOW(image, CELLS, MPOL_CELL_ALLOW, rules),
                CELL_LIST);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && network < mpol_size(image, MPOL_NETWORKS);
    requires field + MPOL_ADDRESS_BYTES <= MPOL_NETWORKS_BYTES;
    terminates \true;
    assigns \nothing;
    ensures mpol_bytes_readable(\result); */
static mpol_bytes address_at(const mpol_image *image, uint32_t network, uint32_t field) {
    mpol_bytes address = {mpol_element(image, MPOL_NETWORKS, MPOL_NETWORKS_BYTES, network) + field,
                          MPOL_ADDRESS_BYTES};
    return address;
}

/* Networks [first, end) are one rule's. */
/*@ requires mpol_readable(image) && first <= end <= mpol_size(image, MPOL_NETWORKS);
    terminates \true;
    assigns \nothing; */
static mpol_format_rule check_networks(const mpol_image *image, uint32_t first, uint32_t end) {
    /*@ loop invariant first <= i <= end;
        loop assigns i;
        loop variant end - i; */
    for (uint32_t i = first; i < end; i++) {
        mpol_bytes low = address_at(image, i, MPOL_NETWORK_LOW);
        FAIL_UNLESS(mpol_bytes_compare(low, address_at(image, i, MPOL_NETWORK_HIGH)) <= 0,
                    NETWORK_ORDER);
        FAIL_UNLESS(i == first ||
                        mpol_bytes_compare(address_at(image, i - 1, MPOL_NETWORK_HIGH), low) < 0,
                    NETWORK_ORDER);
    }
    return MPOL_FORMAT_OK;
}

/* Is the flag there exactly when there is something? */
/*@ terminates \true;
    assigns \nothing; */
static bool flag_tells(uint32_t flags, uint32_t flag, uint32_t count) {
    return ((flags & flag) != 0) == (count != 0);
}

/* A field is zero unless its flag says that it is there. */
/*@ requires mpol_readable(image) && i < mpol_size(image, MPOL_RULES);
    terminates \true;
    assigns \nothing; */
static bool flags_fit(const mpol_image *image, uint32_t i) {
    uint32_t flags = MPOL_U32(image, RULES, i, MPOL_RULE_FLAGS);
    uint64_t from = MPOL_U64(image, RULES, i, MPOL_RULE_VALID_FROM);
    uint64_t until = MPOL_U64(image, RULES, i, MPOL_RULE_VALID_UNTIL);
    uint32_t users = MPOL_U32(image, RULES, i, MPOL_RULE_USERS);
    uint32_t any_user = (flags & MPOL_RULE_ANY_USER) != 0;
    return flags <= MPOL_RULE_ALL_FLAGS && MPOL_U32(image, RULES, i, MPOL_RULE_RESERVED) == 0 &&
           ((flags & MPOL_RULE_HAS_FROM) != 0 || from == 0) &&
           ((flags & MPOL_RULE_HAS_UNTIL) != 0 || until == 0) &&
           flag_tells(flags, MPOL_RULE_HAS_NETWORKS,
                      MPOL_U32(image, RULES, i, MPOL_RULE_NETWORKS)) &&
           flag_tells(flags, MPOL_RULE_HAS_USERS, users | any_user) &&
           !(any_user != 0 && users != 0) &&
           flag_tells(flags, MPOL_RULE_HAS_SAMES, MPOL_U32(image, RULES, i, MPOL_RULE_SAMES));
}

/*@ requires mpol_readable(image);
    requires MPOL_SHARE(RULES, MPOL_RULE_NETWORK, NETWORKS);
    terminates \true;
    assigns \nothing; */
static mpol_format_rule check_rule_flags(const mpol_image *image) {
    /*@ loop invariant 0 <= i <= image->section[MPOL_RULES].count;
        loop assigns i;
        loop variant image->section[MPOL_RULES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_RULES); i++) {
        FAIL_UNLESS(flags_fit(image, i), RULE_FLAGS);
        uint32_t first = MPOL_U32(image, RULES, i, MPOL_RULE_NETWORK);
        CHECK(check_networks(image, first, first + MPOL_U32(image, RULES, i, MPOL_RULE_NETWORKS)));
    }
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_sames_sound(image); */
static mpol_format_rule check_sames(const mpol_image *image) {
    uint32_t captures = mpol_count(image, MPOL_CAPTURES);
    FAIL_UNLESS(ALL_BELOW(image, SAMES, MPOL_SAME_PATH, captures) &&
                    ALL_BELOW(image, SAMES, MPOL_SAME_KIND, MPOL_SAME_KIND_COUNT),
                SAME_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_SAMES].count;
        loop invariant \forall integer k; 0 <= k < i ==> mpol_source_sound(image, k);
        loop assigns i;
        loop variant image->section[MPOL_SAMES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_SAMES); i++) {
        bool capture = MPOL_U32(image, SAMES, i, MPOL_SAME_KIND) == MPOL_SAME_CAPTURE;
        FAIL_UNLESS(below(MPOL_U32(image, SAMES, i, MPOL_SAME_SOURCE),
                          capture ? captures : strings(image)),
                    SAME_FIELD);
    }
    FAIL_UNLESS(ALL_ASCEND(image, CAPTURES, 0, strings(image)), CAPTURE_NAME);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==>
      mpol_rule_texts_sound(image) && mpol_rule_parts_sound(image) && mpol_sames_sound(image); */
static mpol_format_rule check_rules(const mpol_image *image) {
    FAIL_UNLESS(ALL_ASCEND(image, RULES, MPOL_RULE_NAME, strings(image)), RULE_NAME);
    FAIL_UNLESS(ALL_BELOW_OR_NONE(image, RULES, MPOL_RULE_OWNER, strings(image)) &&
                    ALL_BELOW_OR_NONE(image, RULES, MPOL_RULE_TICKET, strings(image)) &&
                    ALL_BELOW_OR_NONE(image, RULES, MPOL_RULE_NOTE, strings(image)),
                RULE_TEXT);
    FAIL_UNLESS(ALL_SHARE(image, RULES, MPOL_RULE_NETWORK, NETWORKS), RULE_NETWORKS);
    FAIL_UNLESS(ALL_SHARE(image, RULES, MPOL_RULE_USER, USERS) &&
                    ALL_BELOW(image, USERS, 0, strings(image)),
                RULE_USERS);
    FAIL_UNLESS(ALL_SHARE(image, RULES, MPOL_RULE_SAME, SAMES), RULE_SAMES);
    FAIL_UNLESS(ALL_LISTS_BELOW(image, RULES, MPOL_RULE_IDENTITIES,
                                mpol_count(image, MPOL_IDENTITIES)),
                RULE_IDENTITIES);
    CHECK(check_rule_flags(image));
    return check_sames(image);
}

/* Does no rule of a list ask who the client is? */
/*@ requires mpol_readable(image) && mpol_list_below(image, list, mpol_size(image, MPOL_RULES));
    terminates \true;
    assigns \nothing; */
static bool asks_nobody(const mpol_image *image, uint32_t list) {
    uint32_t len = mpol_list_len(image, list);
    /*@ loop invariant 0 <= i <= len;
        loop assigns i;
        loop variant len - i; */
    for (uint32_t i = 0; i < len; i++) {
        uint32_t rule = mpol_list_value(image, list, i);
        if ((MPOL_U32(image, RULES, rule, MPOL_RULE_FLAGS) &
             (MPOL_RULE_HAS_USERS | MPOL_RULE_HAS_SAMES)) != 0)
            return false;
    }
    return true;
}

/*@ requires mpol_readable(image) && mpol_cells_sound(image) && cell < mpol_size(image, MPOL_CELLS);
    terminates \true;
    assigns \nothing; */
static bool cell_asks_nobody(const mpol_image *image, uint32_t cell) {
    return asks_nobody(image, MPOL_U32(image, CELLS, cell, MPOL_CELL_DENY)) &&
           asks_nobody(image, MPOL_U32(image, CELLS, cell, MPOL_CELL_ALLOW));
}

/* Everyone's row is judged before anybody looks at who asks. */
/*@ requires mpol_readable(image) && mpol_rows_sound(image) && mpol_cells_sound(image);
    terminates \true;
    assigns \nothing; */
static mpol_format_rule check_everyone(const mpol_image *image) {
    uint32_t other = MPOL_U32(image, ROWS, MPOL_ROW_EVERYONE, MPOL_ROW_DEFAULT);
    uint32_t first = MPOL_U32(image, ROWS, MPOL_ROW_EVERYONE, MPOL_ROW_ENTRY);
    uint32_t end = first + MPOL_U32(image, ROWS, MPOL_ROW_EVERYONE, MPOL_ROW_ENTRIES);
    FAIL_UNLESS(other == MPOL_NONE || cell_asks_nobody(image, other), EVERYONE_CONDITION);
    /*@ loop invariant first <= i <= end;
        loop assigns i;
        loop variant end - i; */
    for (uint32_t i = first; i < end; i++)
        FAIL_UNLESS(cell_asks_nobody(image, MPOL_U32(image, ENTRIES, i, MPOL_ENTRY_CELL)),
                    EVERYONE_CONDITION);
    return MPOL_FORMAT_OK;
}

/* Are the rules of a list denials, or are none of them? */
/*@ requires mpol_readable(image) && mpol_list_below(image, list, mpol_size(image, MPOL_RULES));
    terminates \true;
    assigns \nothing; */
static bool have_effect(const mpol_image *image, uint32_t list, uint32_t deny) {
    uint32_t len = mpol_list_len(image, list);
    /*@ loop invariant 0 <= i <= len;
        loop assigns i;
        loop variant len - i; */
    for (uint32_t i = 0; i < len; i++) {
        uint32_t rule = mpol_list_value(image, list, i);
        if ((MPOL_U32(image, RULES, rule, MPOL_RULE_FLAGS) & MPOL_RULE_DENY) != deny)
            return false;
    }
    return true;
}

/* The matcher goes by the list that a rule is in, and never looks at its flag again. */
/*@ requires mpol_readable(image) && mpol_cells_sound(image);
    terminates \true;
    assigns \nothing; */
static mpol_format_rule check_effects(const mpol_image *image) {
    /*@ loop invariant 0 <= i <= image->section[MPOL_CELLS].count;
        loop assigns i;
        loop variant image->section[MPOL_CELLS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CELLS); i++)
        FAIL_UNLESS(have_effect(image, MPOL_U32(image, CELLS, i, MPOL_CELL_DENY), MPOL_RULE_DENY) &&
                        have_effect(image, MPOL_U32(image, CELLS, i, MPOL_CELL_ALLOW), 0),
                    CELL_EFFECT);
    return MPOL_FORMAT_OK;
}

mpol_format_rule mpol_image__check_rules(const mpol_image *image) {
    CHECK(check_rows(image));
    CHECK(check_cells(image));
    CHECK(check_rules(image));
    CHECK(check_everyone(image));
    return check_effects(image);
}
