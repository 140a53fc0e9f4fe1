/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of identities, and whatever names identities and groups. */
#include "source/reader.h"

#include <string.h>

void mpol_reader_member(mpol_reader *reader, const mpol_json *member, const char *fix,
                        apr_array_header_t *identities, apr_array_header_t *groups) {
    mpol_bytes name = member->text;
    bool is_group = name.len > 0 && name.data[0] == '@';
    if (is_group)
        name = (mpol_bytes){name.data + 1, name.len - 1};
    uint32_t index = mpol_reader_index(is_group ? reader->groups : reader->identities, name);
    if (index != MPOL_NONE)
        APR_ARRAY_PUSH(is_group ? groups : identities, uint32_t) = index;
    else if (is_group)
        mpol_reader_fail(reader, member, MPOL_DIAGNOSTIC_UNKNOWN_GROUP,
                         "Name a key of \"groups\" behind the @.", "There is no group \"%s\".",
                         mpol_quote(reader->pool, name));
    else
        mpol_reader_fail(reader, member, MPOL_DIAGNOSTIC_UNKNOWN_IDENTITY, fix,
                         "There is no identity \"%s\".", mpol_quote(reader->pool, name));
}

static void read_group(mpol_reader *reader, mpol_group *group) {
    const mpol_json *list = group->place.source;
    group->identities = apr_array_make(reader->pool, 4, sizeof(uint32_t));
    group->groups = apr_array_make(reader->pool, 1, sizeof(uint32_t));
    if (!mpol_reader_expect(reader, list, MPOL_JSON_ARRAY))
        return;
    apr_array_header_t *members = mpol_reader_strings(reader, list, false);
    for (int i = 0; i < members->nelts; i++)
        mpol_reader_member(reader, APR_ARRAY_IDX(members, i, const mpol_json *),
                           "Name a key of \"identities\", or a group as \"@NAME\".",
                           group->identities, group->groups);
}

/* The member of group `index` that is group `child`. */
static const mpol_json *member_of(const mpol_reader *reader, uint32_t index, uint32_t child) {
    const mpol_group *group = MPOL_AT(reader->model->groups, index, mpol_group);
    const mpol_json *list = group->place.source;
    mpol_bytes name = MPOL_AT(reader->model->groups, child, mpol_group)->name;
    for (const mpol_json *member = list->first; member != NULL; member = member->next) {
        mpol_bytes text = member->text;
        if (text.len == name.len + 1 &&
            mpol_bytes_equal((mpol_bytes){text.data + 1, name.len}, name))
            return member;
    }
    return list;
}

enum { UNSEEN, OPEN, DONE };

/* Depth first from `start` without recursion: `path` holds the open groups, `at` how many of their
 * members are done. A member that is still open closes a cycle; the edge is cut, so that each cycle
 * is reported once and later passes end. */
static void find_cycles(mpol_reader *reader, uint32_t start, uint8_t *state, uint32_t *path,
                        int *at) {
    uint32_t depth = 1;
    path[0] = start;
    at[0] = 0;
    state[start] = OPEN;
    while (depth > 0) {
        uint32_t here = path[depth - 1];
        apr_array_header_t *groups = MPOL_AT(reader->model->groups, here, mpol_group)->groups;
        if (at[depth - 1] == groups->nelts) {
            state[here] = DONE;
            depth--;
            continue;
        }
        uint32_t child = APR_ARRAY_IDX(groups, at[depth - 1]++, uint32_t);
        if (state[child] == OPEN) {
            mpol_reader_fail(reader, member_of(reader, here, child), MPOL_DIAGNOSTIC_GROUP_CYCLE,
                             "Take this member out.",
                             "Through this member the group would hold itself.");
            uint32_t *cut = MPOL_AT(groups, --at[depth - 1], uint32_t);
            memmove(cut, cut + 1, sizeof *cut * (size_t)(groups->nelts-- - at[depth - 1] - 1));
        } else if (state[child] == UNSEEN) {
            state[child] = OPEN;
            path[depth] = child;
            at[depth++] = 0;
        }
    }
}

void mpol_read_groups(mpol_reader *reader, const mpol_json *table) {
    apr_array_header_t *groups = reader->model->groups;
    mpol_reader_table(reader, table, groups, sizeof(mpol_group), reader->groups);
    for (int i = 0; i < groups->nelts; i++)
        read_group(reader, MPOL_AT(groups, i, mpol_group));
    size_t count = (size_t)groups->nelts + 1;
    uint8_t *state = apr_pcalloc(reader->pool, count);
    uint32_t *path = apr_palloc(reader->pool, count * sizeof *path);
    int *at = apr_palloc(reader->pool, count * sizeof *at);
    /* In the order of the document, so that the member that closes a cycle is the later one. */
    for (const mpol_json *member = table != NULL ? table->first : NULL; member != NULL;
         member = member->next) {
        uint32_t i = mpol_reader_index(reader->groups, member->key);
        if (i != MPOL_NONE && state[i] == UNSEEN)
            find_cycles(reader, i, state, path, at);
    }
}
