/* SPDX-License-Identifier: Apache-2.0 */
#include "match/conditions.h"

#include "match/captures.h"

/* Eight bytes of an address in network order, which compare as a number. */
static uint64_t half_of(const uint8_t *p) {
    return __builtin_bswap64(mpol_read_u64(p));
}

/* Is address `a` at or below `b`? */
static bool at_most(const uint8_t *a, const uint8_t *b) {
    uint64_t high_a = half_of(a);
    uint64_t high_b = half_of(b);
    return high_a != high_b ? high_a < high_b : half_of(a + 8) <= half_of(b + 8);
}

/* A rule's networks are sorted and apart: the last that begins at or below the address decides. */
static mpol_verdict judge_networks(const mpol_image *image, uint32_t rule, const uint8_t *address) {
    uint32_t low = MPOL_U32(image, RULES, rule, MPOL_RULE_NETWORK);
    uint32_t first = low;
    uint32_t high = low + MPOL_U32(image, RULES, rule, MPOL_RULE_NETWORKS);
    if (address == NULL)
        return MPOL_VERDICT_UNKNOWN;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (at_most(mpol_element(image, MPOL_NETWORKS, MPOL_NETWORKS_BYTES, middle), address))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == first)
        return MPOL_VERDICT_FALSE;
    const uint8_t *network = mpol_element(image, MPOL_NETWORKS, MPOL_NETWORKS_BYTES, low - 1);
    return at_most(address, network + MPOL_NETWORK_HIGH) ? MPOL_VERDICT_TRUE : MPOL_VERDICT_FALSE;
}

/* "From" holds from its second on, "until" up to its second; both need a clock. */
static mpol_verdict judge_time(int64_t now_s, uint64_t bound, bool until) {
    if (now_s == MPOL_TIME_UNKNOWN)
        return MPOL_VERDICT_UNKNOWN;
    bool before = now_s < 0 || (uint64_t)now_s < bound;
    return before == until ? MPOL_VERDICT_TRUE : MPOL_VERDICT_FALSE;
}

static mpol_verdict judge_users(const mpol_image *image, uint32_t rule, uint32_t flags,
                                mpol_bytes user) {
    uint32_t first = MPOL_U32(image, RULES, rule, MPOL_RULE_USER);
    uint32_t count = MPOL_U32(image, RULES, rule, MPOL_RULE_USERS);
    if (user.data == NULL)
        return MPOL_VERDICT_FALSE;
    if ((flags & MPOL_RULE_ANY_USER) != 0)
        return MPOL_VERDICT_TRUE;
    for (uint32_t i = first; i < first + count; i++)
        if (mpol_bytes_equal(mpol_string(image, MPOL_U32(image, USERS, i, 0)), user))
            return MPOL_VERDICT_TRUE;
    return MPOL_VERDICT_FALSE;
}

/* One condition, by the flag that says that the rule has it. */
static mpol_verdict judge_one(const mpol_circumstances *c, uint32_t rule, uint32_t flags,
                              mpol_condition condition) {
    const mpol_image *image = c->image;
    switch (condition) {
    case MPOL_CONDITION_NETWORKS: return judge_networks(image, rule, c->request->address);
    case MPOL_CONDITION_VALID_FROM:
        return judge_time(c->request->now_s, MPOL_U64(image, RULES, rule, MPOL_RULE_VALID_FROM),
                          false);
    case MPOL_CONDITION_VALID_UNTIL:
        return judge_time(c->request->now_s, MPOL_U64(image, RULES, rule, MPOL_RULE_VALID_UNTIL),
                          true);
    case MPOL_CONDITION_USERS: return judge_users(image, rule, flags, c->request->user);
    case MPOL_CONDITION_SAME:
        return mpol_same_judge(image, rule, c->client, c->request->target->path, c->captures);
    case MPOL_CONDITION_NONE:
    case MPOL_CONDITION_COUNT: break;
    }
    return MPOL_VERDICT_TRUE;
}

static const uint32_t flag_of[MPOL_CONDITION_COUNT] = {
    [MPOL_CONDITION_NETWORKS] = MPOL_RULE_HAS_NETWORKS,
    [MPOL_CONDITION_VALID_FROM] = MPOL_RULE_HAS_FROM,
    [MPOL_CONDITION_VALID_UNTIL] = MPOL_RULE_HAS_UNTIL,
    [MPOL_CONDITION_USERS] = MPOL_RULE_HAS_USERS,
    [MPOL_CONDITION_SAME] = MPOL_RULE_HAS_SAMES,
};

mpol_verdict mpol_conditions_judge_all(const mpol_circumstances *c, uint32_t rule, uint32_t flags) {
    mpol_verdict all = MPOL_VERDICT_TRUE;
    for (uint32_t i = MPOL_CONDITION_NETWORKS; i < MPOL_CONDITION_COUNT; i++) {
        if ((flags & flag_of[i]) == 0)
            continue;
        mpol_verdict one = judge_one(c, rule, flags, (mpol_condition)i);
        all = one < all ? one : all;
    }
    return all;
}

mpol_lacking mpol_conditions_lacking(const mpol_circumstances *c, uint32_t rule) {
    uint32_t flags = MPOL_U32(c->image, RULES, rule, MPOL_RULE_FLAGS);
    mpol_lacking lacking = {0, 0};
    for (uint32_t i = MPOL_CONDITION_NETWORKS; i < MPOL_CONDITION_COUNT; i++) {
        if ((flags & flag_of[i]) == 0)
            continue;
        mpol_verdict one = judge_one(c, rule, flags, (mpol_condition)i);
        lacking.fails |= one == MPOL_VERDICT_FALSE ? 1u << i : 0u;
        lacking.unknown |= one == MPOL_VERDICT_UNKNOWN ? 1u << i : 0u;
    }
    return lacking;
}
