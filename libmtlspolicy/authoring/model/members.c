/* SPDX-License-Identifier: Apache-2.0 */
#include "model/members.h"

#include <stdlib.h>

struct mpol_members {
    apr_pool_t *pool;
    const mpol_model *model;
    apr_array_header_t **lists; /* by group; NULL until it is asked for */
    uint32_t *seen;             /* by group: the last walk that came there */
    uint32_t walk;
};

static int by_number(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

void mpol_list_settle(apr_array_header_t *list) {
    int kept = 0;
    uint32_t *values = (uint32_t *)(void *)list->elts;
    qsort(values, (size_t)list->nelts, sizeof *values, by_number);
    for (int i = 0; i < list->nelts; i++)
        if (kept == 0 || values[kept - 1] != values[i])
            values[kept++] = values[i];
    list->nelts = kept;
}

mpol_bytes mpol_list_bytes(const apr_array_header_t *list) {
    return (mpol_bytes){(const uint8_t *)list->elts,
                        (uint32_t)list->nelts * (uint32_t)sizeof(uint32_t)};
}

void mpol_list_merge(mpol_bytes one, mpol_bytes other, apr_array_header_t *all) {
    const uint32_t *a = (const uint32_t *)(const void *)one.data;
    const uint32_t *b = (const uint32_t *)(const void *)other.data;
    const uint32_t *a_end = a + one.len / sizeof(uint32_t);
    const uint32_t *b_end = b + other.len / sizeof(uint32_t);
    apr_array_clear(all);
    while (a < a_end || b < b_end) {
        uint32_t next = b == b_end || (a < a_end && *a <= *b) ? *a : *b;
        a += a < a_end && *a == next;
        b += b < b_end && *b == next;
        APR_ARRAY_PUSH(all, uint32_t) = next;
    }
}

mpol_members *mpol_members_make(apr_pool_t *pool, const mpol_model *model) {
    mpol_members *members = apr_palloc(pool, sizeof *members);
    size_t groups = (size_t)model->groups->nelts + 1;
    *members = (mpol_members){.pool = pool,
                              .model = model,
                              .lists = apr_pcalloc(pool, groups * sizeof *members->lists),
                              .seen = apr_pcalloc(pool, groups * sizeof *members->seen)};
    return members;
}

/* Walk down without recursion, as far as to groups that were asked for before: `open` holds the
 * groups that are still to be looked at. */
static apr_array_header_t *collect(mpol_members *members, uint32_t group) {
    apr_array_header_t *list = apr_array_make(members->pool, 8, sizeof(uint32_t));
    apr_array_header_t *open = apr_array_make(members->pool, 8, sizeof(uint32_t));
    members->walk++;
    APR_ARRAY_PUSH(open, uint32_t) = group;
    while (open->nelts > 0) {
        uint32_t here = *(uint32_t *)apr_array_pop(open);
        const mpol_group *of = MPOL_AT(members->model->groups, (int)here, mpol_group);
        if (members->seen[here] == members->walk)
            continue;
        members->seen[here] = members->walk;
        if (members->lists[here] != NULL) {
            apr_array_cat(list, members->lists[here]);
            continue;
        }
        apr_array_cat(list, of->identities);
        apr_array_cat(open, of->groups);
    }
    mpol_list_settle(list);
    return list;
}

const apr_array_header_t *mpol_members_of(mpol_members *members, uint32_t group) {
    if (members->lists[group] == NULL)
        members->lists[group] = collect(members, group);
    return members->lists[group];
}

apr_array_header_t *mpol_members_of_rule(mpol_members *members, const mpol_rule *rule) {
    apr_array_header_t *list = apr_array_copy(members->pool, rule->identities);
    for (int i = 0; i < rule->groups->nelts; i++)
        apr_array_cat(list, mpol_members_of(members, APR_ARRAY_IDX(rule->groups, i, uint32_t)));
    mpol_list_settle(list);
    return list;
}
