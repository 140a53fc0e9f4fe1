/* SPDX-License-Identifier: Apache-2.0 */
#include "match/captures.h"

#include "match/identities.h"
#include "match/names.h"

/* The segment that a capture takes, by a list of captures; MPOL_NONE when it is not in it. */
static uint32_t segment_of(const mpol_image *image, uint32_t list, uint32_t capture) {
    uint32_t len = mpol_list_len(image, list);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t member = mpol_list_value(image, list, i);
        if (member >> MPOL_CAPTURE_SHIFT == capture)
            return member & MPOL_CAPTURE_SEGMENT;
    }
    return MPOL_NONE;
}

/* Segment `index` of a path; paths have no other slashes than those between segments. */
static mpol_bytes path_segment(mpol_bytes path, uint32_t index) {
    uint32_t from = 1;
    for (uint32_t i = 1; i <= path.len; i++) {
        if (i < path.len && path.data[i] != '/')
            continue;
        if (index-- == 0)
            return (mpol_bytes){path.data + from, i - from};
        from = i + 1;
    }
    return (mpol_bytes){path.data, 0};
}

/* Does the name match the identity's own pattern? Segment by segment; what stands at the end of
 * both is left to the caller, who knows that one of the client's names matches. */
static bool fits(const mpol_image *image, uint32_t identity, const mpol_name *name) {
    mpol_bytes pattern =
        mpol_string(image, MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_VALUE));
    mpol_name_walk wanted = mpol_name_begin(name->kind, pattern);
    mpol_name_walk given = mpol_name_begin(name->kind, name->value);
    mpol_bytes want;
    mpol_bytes have;
    while (mpol_name_next(&wanted, &want)) {
        bool wild = want.len > 0 && (want.data[0] == '*' || want.data[0] == '{');
        if (wild && want.len == 2 && want.data[1] == '*')
            return true; /* takes the rest */
        if (!mpol_name_next(&given, &have))
            return false;
        if (wild ? have.len == 0 : !mpol_bytes_equal(want, have))
            return false;
    }
    return !mpol_name_next(&given, &have);
}

/* One rule's comparisons for one request. */
typedef struct comparison {
    const mpol_image *image;
    const mpol_client *client;
    mpol_bytes path;
    uint32_t captures; /* list that the route gave */
    uint32_t first;    /* of the rule's comparisons */
    uint32_t end;
} comparison;

static uint32_t source_of(const comparison *c, uint32_t same) {
    return MPOL_U32(c->image, SAMES, same, MPOL_SAME_SOURCE);
}

static bool is_capture(const comparison *c, uint32_t same) {
    return MPOL_U32(c->image, SAMES, same, MPOL_SAME_KIND) == MPOL_SAME_CAPTURE;
}

/* The path's side of a comparison; empty, which equals nothing, when the pattern lacks it. */
static mpol_bytes wanted_of(const comparison *c, uint32_t same) {
    uint32_t index =
        segment_of(c->image, c->captures, MPOL_U32(c->image, SAMES, same, MPOL_SAME_PATH));
    return index != MPOL_NONE ? path_segment(c->path, index) : (mpol_bytes){c->path.data, 0};
}

static bool equals(mpol_bytes value, mpol_bytes wanted) {
    return wanted.len > 0 && mpol_bytes_equal(value, wanted);
}

/* Does one name give all captured values? They are never put together from several names: no
 * authority ever certified such a client. */
static bool name_gives_all(const comparison *c, uint32_t identity, const mpol_name *name) {
    uint32_t list = MPOL_U32(c->image, IDENTITIES, identity, MPOL_IDENTITY_CAPTURES);
    for (uint32_t same = c->first; same < c->end; same++) {
        if (!is_capture(c, same))
            continue;
        uint32_t index = segment_of(c->image, list, source_of(c, same));
        mpol_bytes value;
        if (index == MPOL_NONE || !mpol_name_segment(name->kind, name->value, index, &value) ||
            !equals(value, wanted_of(c, same)))
            return false;
    }
    return true;
}

static bool identity_gives_all(const comparison *c, uint32_t identity) {
    const mpol_facts *facts = c->client->facts;
    uint32_t naming = MPOL_U32(c->image, IDENTITIES, identity, MPOL_IDENTITY_NAMING);
    for (uint32_t i = 0; naming != MPOL_NONE && i < facts->name_count; i++) {
        const mpol_name *name = &facts->names[i];
        if (!name->malformed && mpol_name_is_of(c->image, naming, name) &&
            fits(c->image, identity, name) && name_gives_all(c, identity, name))
            return true;
    }
    return false;
}

/* All captured values, from any of the client's identities that the rule names. */
static bool client_gives_all(const comparison *c, uint32_t rule) {
    uint32_t named = MPOL_U32(c->image, RULES, rule, MPOL_RULE_IDENTITIES);
    uint32_t list = MPOL_U32(c->image, CLASSES, c->client->class, MPOL_CLASS_IDENTITIES);
    uint32_t len = mpol_list_len(c->image, list);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t identity = mpol_list_value(c->image, list, i);
        if (mpol_list_has(c->image, named, identity) && identity_gives_all(c, identity))
            return true;
    }
    return false;
}

static mpol_verdict verdict_of(bool holds) {
    return holds ? MPOL_VERDICT_TRUE : MPOL_VERDICT_FALSE;
}

/* The comparisons with attributes, and whether there are others. */
static bool attributes_equal(const comparison *c, bool *captures) {
    *captures = false;
    for (uint32_t same = c->first; same < c->end; same++) {
        mpol_bytes value;
        if (is_capture(c, same))
            *captures = true;
        else if (!mpol_attribute_of(c->client->facts, mpol_string(c->image, source_of(c, same)),
                                    &value) ||
                 !equals(value, wanted_of(c, same)))
            return false;
    }
    return true;
}

/* For a client that is given by its identity, with values for captures. */
static mpol_verdict judge_given(const comparison *c, uint32_t same) {
    const mpol_client *client = c->client;
    mpol_bytes name = mpol_string(c->image, MPOL_U32(c->image, CAPTURES, source_of(c, same), 0));
    for (uint32_t i = 0; i < client->given_count; i++)
        if (mpol_bytes_equal(client->given[i].capture, name))
            return verdict_of(equals(client->given[i].value, wanted_of(c, same)));
    return MPOL_VERDICT_UNKNOWN;
}

/* Is this attribute the name of the identity itself? Where a certificate may carry several names
 * there may be more of them, which nobody knows. */
static bool names_by(const mpol_image *image, uint32_t identity, mpol_bytes oid) {
    static const mpol_bytes common_name = {(const uint8_t *)"2.5.4.3", 7};
    uint32_t naming = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_NAMING);
    uint32_t issuer = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ISSUER);
    if (naming == MPOL_NONE ||
        (MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_FLAGS) & MPOL_ISSUER_ANY_OF) != 0)
        return false;
    uint32_t kind = MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_KIND);
    if (kind == MPOL_NAME_CN)
        return mpol_bytes_equal(oid, common_name);
    return kind == MPOL_NAME_ATTRIBUTE &&
           mpol_bytes_equal(mpol_string(image, MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_OID)),
                            oid);
}

/* An attribute of such a client: known where the identity asks for it, or is named by it. */
static mpol_verdict judge_given_attribute(const comparison *c, uint32_t same) {
    const mpol_image *image = c->image;
    uint32_t identity = c->client->identity;
    mpol_bytes oid = mpol_string(image, source_of(c, same));
    if (names_by(image, identity, oid))
        return verdict_of(
            equals(mpol_string(image, MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_VALUE)),
                   wanted_of(c, same)));
    uint32_t first = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ATTRIBUTE);
    uint32_t count = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ATTRIBUTES);
    for (uint32_t i = first; i < first + count; i++)
        if (mpol_bytes_equal(mpol_string(image, MPOL_U32(image, ATTRIBUTES, i, MPOL_ATTRIBUTE_OID)),
                             oid))
            return verdict_of(
                equals(mpol_string(image, MPOL_U32(image, ATTRIBUTES, i, MPOL_ATTRIBUTE_VALUE)),
                       wanted_of(c, same)));
    return MPOL_VERDICT_UNKNOWN;
}

static mpol_verdict judge_all_given(const comparison *c) {
    mpol_verdict all = MPOL_VERDICT_TRUE;
    for (uint32_t same = c->first; same < c->end; same++) {
        mpol_verdict one = MPOL_VERDICT_FALSE;
        if (wanted_of(c, same).len > 0)
            one = is_capture(c, same) ? judge_given(c, same) : judge_given_attribute(c, same);
        all = one < all ? one : all;
    }
    return all;
}

mpol_verdict mpol_same_judge(const mpol_image *image, uint32_t rule, const mpol_client *client,
                             mpol_bytes path, uint32_t captures) {
    uint32_t first = MPOL_U32(image, RULES, rule, MPOL_RULE_SAME);
    comparison c = {image,    client, path,
                    captures, first,  first + MPOL_U32(image, RULES, rule, MPOL_RULE_SAMES)};
    bool others;
    if (client->class == MPOL_NONE) /* nobody is known yet: FORMAT 7.7 keeps such rules away */
        return MPOL_VERDICT_FALSE;
    if (client->facts == NULL)
        return judge_all_given(&c);
    if (!attributes_equal(&c, &others))
        return MPOL_VERDICT_FALSE;
    return verdict_of(!others || client_gives_all(&c, rule));
}
