/* SPDX-License-Identifier: Apache-2.0 */
/* Which sets of identities one certificate can match: small policies against a naive matcher, over
 * every certificate of a small universe. */
#include "documents.h"

#include "match/client.h"

#include <apr_strings.h>
#include <string.h>
#include <sys/resource.h>

/* --- the universe --------------------------------------------------------------------------------
 */

typedef struct kind_value {
    mpol_name_kind kind;
    const char *value;
} kind_value;

static const kind_value universe[] = {
    {MPOL_NAME_SPIFFE, "spiffe://t/a"},
    {MPOL_NAME_SPIFFE, "spiffe://t/b"},
    {MPOL_NAME_SPIFFE, "spiffe://t/a/a"},
    {MPOL_NAME_SPIFFE, "spiffe://t/a/b"},
    {MPOL_NAME_SPIFFE, "spiffe://t/b/b"},
    {MPOL_NAME_DNS, "a.x"},
    {MPOL_NAME_DNS, "b.x"},
    {MPOL_NAME_CN, "p"},
    {MPOL_NAME_CN, "q"},
};
enum { NAMES = COUNT_OF(universe) };

/* What identities and issuers may write; the names of the universe too. */
static const kind_value patterns[] = {
    {MPOL_NAME_SPIFFE, "spiffe://t/*"},
    {MPOL_NAME_SPIFFE, "spiffe://t/a/*"},
    {MPOL_NAME_SPIFFE, "spiffe://t/*/b"},
    {MPOL_NAME_SPIFFE, "spiffe://t/**"},
    {MPOL_NAME_SPIFFE, "spiffe://t/a/**"},
    {MPOL_NAME_SPIFFE, "spiffe://t/{c}/{d}"},
    {MPOL_NAME_DNS, "*.x"},
    {MPOL_NAME_SPIFFE, "spiffe://t/a"},
    {MPOL_NAME_SPIFFE, "spiffe://t/a/b"},
    {MPOL_NAME_SPIFFE, "spiffe://t/b/b"},
    {MPOL_NAME_DNS, "a.x"},
    {MPOL_NAME_CN, "p"},
    {MPOL_NAME_CN, "q"},
};
enum { PATTERNS = COUNT_OF(patterns) };

static const char *const kind_names[] = {
    [MPOL_NAME_SPIFFE] = "spiffe", [MPOL_NAME_DNS] = "dns", [MPOL_NAME_CN] = "cn"};

enum { OIDS = 2, DIGESTS = 3 }; /* the third digest is nobody's pin */
static const char *const oids[OIDS] = {"2.5.4.10", "2.5.4.11"};
static const char *const values[] = {"one", "two", "three"};
static const uint8_t digests[DIGESTS] = {0xaa, 0xbb, 0xcc};

/* What the subject has of an attribute: nothing, one of the values, or the first twice. */
enum { HAS_NONE = 3, HAS_TWO = 4, HAS_STATES = 5 };

typedef struct certificate {
    uint32_t names; /* bits */
    int attribute[OIDS];
    int digest;
    int spki;
} certificate;

/* --- policies
 * -------------------------------------------------------------------------------------- */

enum { MOST_IDENTITIES = 7, ROUTES = 3 };

typedef struct identity {
    int pattern;         /* index, or -1 */
    int attribute[OIDS]; /* index of a value, or -1 */
    uint32_t pins;       /* bit 2 * digest + (1 for a key) */
} identity;

typedef struct policy {
    bool none; /* the issuer gives no names */
    bool any_of;
    bool kinds[MPOL_NAME_KIND_COUNT];
    uint32_t asserted; /* bits of patterns; 0: all */
    int count;
    identity identities[MOST_IDENTITIES];
    int subject[MOST_IDENTITIES + 2]; /* of each rule: identity, -1 issuer */
    bool deny[MOST_IDENTITIES + 2];
    int route[MOST_IDENTITIES + 2];
    int rules;
} policy;

static const char *identity_json(const policy *p, int index) {
    const identity *i = &p->identities[index];
    const char *json = TEXT("\"i%d\":{\"issuer\":\"c\"", index);
    if (i->pattern >= 0)
        json = TEXT("%s,\"%s\":\"%s\"", json, kind_names[patterns[i->pattern].kind],
                    patterns[i->pattern].value);
    if (i->attribute[0] >= 0 || i->attribute[1] >= 0) {
        const char *sep = "";
        json = TEXT("%s,\"attributes\":{", json);
        for (int k = 0; k < OIDS; k++)
            if (i->attribute[k] >= 0) {
                json = TEXT("%s%s\"%s\":\"%s\"", json, sep, oids[k], values[i->attribute[k]]);
                sep = ",";
            }
        json = TEXT("%s}", json);
    }
    if (i->pins != 0) {
        const char *sep = "";
        json = TEXT("%s,\"pins\":[", json);
        for (int k = 0; k < 4; k++)
            if ((i->pins & (1u << k)) != 0) {
                char hex[65];
                memset(hex, "ab"[k / 2], 64);
                hex[64] = '\0';
                json = TEXT("%s%s\"%s:%s\"", json, sep, k % 2 == 0 ? "certificate" : "spki", hex);
                sep = ",";
            }
        json = TEXT("%s]", json);
    }
    return TEXT("%s}", json);
}

static const char *issuer_json(const policy *p) {
    const char *names = "";
    const char *asserted = "";
    for (int k = 0; k < MPOL_NAME_KIND_COUNT; k++)
        if (p->kinds[k])
            names = TEXT("%s%s\"%s\"", names, names[0] != '\0' ? "," : "", kind_names[k]);
    for (int i = 0; i < PATTERNS; i++)
        if ((p->asserted & (1u << i)) != 0)
            asserted = TEXT("%s%s{\"%s\":\"%s\"}", asserted, asserted[0] != '\0' ? "," : "",
                            kind_names[patterns[i].kind], patterns[i].value);
    return TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[%s]%s%s%s}}",
                p->none ? "\"none\"" : names, p->any_of ? ",\"any_of\":true" : "",
                asserted[0] != '\0' ? ",\"may_assert\":" : "",
                asserted[0] != '\0' ? TEXT("[%s]", asserted) : "");
}

static const char *policy_json(const policy *p) {
    const char *identities = "";
    const char *rules = "";
    const char *routes = "";
    for (int i = 0; i < p->count; i++)
        identities = TEXT("%s%s%s", identities, i > 0 ? "," : "", identity_json(p, i));
    for (int i = 0; i < ROUTES; i++)
        routes = TEXT("%s%s\"r%d\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/%d\"]}",
                      routes, i > 0 ? "," : "", i, i);
    for (int i = 0; i < p->rules; i++) {
        const char *subject = p->subject[i] >= 0 ? TEXT("i%d", p->subject[i]) : "issuer:c";
        rules =
            TEXT("%s%s\"q%d\":{\"effect\":\"%s\",\"subjects\":[\"%s\"],\"routes\":[\"r%d\"]%s}",
                 rules, i > 0 ? "," : "", i, p->deny[i] ? "deny" : "allow", subject, p->route[i],
                 p->subject[i] < 0 && !p->deny[i] ? ",\"acknowledge\":[\"issuer:c\"]" : "");
    }
    return document_with(TEXT("%s,\"identities\":{%s},\"routes\":{%s},\"rules\":{%s}",
                              issuer_json(p), identities, routes, rules));
}

/* --- the naive matcher
 * ------------------------------------------------------------------------------ */

/* Segment by segment, without any of the engine's code. */
static bool glob(const char *pattern, const char *name) {
    for (;;) {
        size_t p = strcspn(pattern, "/");
        size_t n = strcspn(name, "/");
        if (p == 2 && strncmp(pattern, "**", 2) == 0)
            return true;
        bool wild = (p == 1 && pattern[0] == '*') || pattern[0] == '{';
        if (wild ? n == 0 : p != n || strncmp(pattern, name, p) != 0)
            return false;
        if (pattern[p] == '\0' || name[n] == '\0') {
            if (pattern[p] == '/' && strcmp(pattern + p, "/**") == 0)
                return name[n] == '\0';
            return pattern[p] == name[n];
        }
        pattern += p + 1;
        name += n + 1;
    }
}

static bool name_matches(int pattern, int name) {
    const kind_value *p = &patterns[pattern];
    const kind_value *n = &universe[name];
    if (p->kind != n->kind)
        return false;
    if (p->kind == MPOL_NAME_DNS && p->value[0] == '*')
        return strcmp(strchr(n->value, '.'), p->value + 1) == 0;
    return p->kind == MPOL_NAME_SPIFFE ? glob(p->value, n->value) : strcmp(p->value, n->value) == 0;
}

static bool matches(const policy *p, int index, const certificate *c) {
    const identity *i = &p->identities[index];
    bool named = i->pattern < 0;
    for (int n = 0; n < NAMES; n++)
        named = named || ((c->names & (1u << n)) != 0 && name_matches(i->pattern, n));
    for (int k = 0; k < OIDS; k++)
        if (i->attribute[k] >= 0 && c->attribute[k] != i->attribute[k])
            return false;
    bool pinned = (c->digest < 2 && (i->pins & (1u << (2 * c->digest))) != 0) ||
                  (c->spki < 2 && (i->pins & (2u << (2 * c->spki))) != 0);
    return named && (i->pins == 0 || pinned);
}

/* The reason before identities are looked at. */
static mpol_reason names_reason(const policy *p, const certificate *c) {
    int count = 0;
    bool outside = false;
    if (p->none)
        return MPOL_REASON_ALLOWED;
    for (int n = 0; n < NAMES; n++) {
        if ((c->names & (1u << n)) == 0 || !p->kinds[universe[n].kind])
            continue;
        bool inside = p->asserted == 0;
        for (int i = 0; i < PATTERNS; i++)
            inside = inside || ((p->asserted & (1u << i)) != 0 && name_matches(i, n));
        count++;
        outside = outside || !inside;
    }
    if (count == 0)
        return MPOL_REASON_NAME_MISSING;
    if (count > 1 && !p->any_of)
        return MPOL_REASON_NAME_AMBIGUOUS;
    return outside ? MPOL_REASON_NAME_OUTSIDE_ISSUER : MPOL_REASON_ALLOWED;
}

/* --- the engine
 * -------------------------------------------------------------------------------------- */

static mpol_client resolve(const mpol_image *image, const certificate *c, mpol_facts *facts,
                           mpol_name names[NAMES + 2 * OIDS]) {
    mpol_client client;
    *facts = (mpol_facts){.tls = MPOL_TLS_PRESENT,
                          .certificate = true,
                          .verified = true,
                          .established = true,
                          .names = names};
    facts->path.count = 1;
    facts->path.not_after_s = INT64_MAX;
    memcpy(facts->path.spki[0], mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, 0),
           32);
    memset(facts->sha256, digests[c->digest], 32);
    memset(facts->spki_sha256, digests[c->spki], 32);
    for (int n = 0; n < NAMES; n++)
        if ((c->names & (1u << n)) != 0)
            names[facts->name_count++] =
                (mpol_name){universe[n].kind, false, {NULL, 0}, support_bytes(universe[n].value)};
    for (int k = 0; k < OIDS; k++)
        for (int i = 0; c->attribute[k] != HAS_NONE && i <= (c->attribute[k] == HAS_TWO); i++)
            names[facts->name_count++] = (mpol_name){
                MPOL_NAME_ATTRIBUTE, false, support_bytes(oids[k]),
                support_bytes(values[c->attribute[k] == HAS_TWO ? 0 : c->attribute[k]])};
    mpol_client_resolve(image, facts, &client);
    return client;
}

/* The bits of the rules in a cell of a row for a route, of one effect. */
static uint32_t cell_rules(const mpol_image *image, uint32_t class, int route, uint32_t effect) {
    uint32_t row = MPOL_U32(image, CLASSES, class, MPOL_CLASS_ROW);
    uint32_t cell = MPOL_U32(image, ROWS, row, MPOL_ROW_DEFAULT);
    uint32_t first = MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRY);
    uint32_t rules = 0;
    for (uint32_t e = first; e < first + MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRIES); e++)
        if (MPOL_U32(image, ENTRIES, e, MPOL_ENTRY_ROUTE_CLASS) ==
            MPOL_U32(image, ROUTES, (uint32_t)route, MPOL_ROUTE_CLASS))
            cell = MPOL_U32(image, ENTRIES, e, MPOL_ENTRY_CELL);
    if (cell == MPOL_NONE)
        return 0;
    uint32_t list = MPOL_U32(image, CELLS, cell, effect);
    for (uint32_t i = 0; i < mpol_list_len(image, list); i++)
        rules |= 1u << mpol_list_value(image, list, i);
    return rules;
}

static void check_row(const policy *p, const mpol_image *image, uint32_t class, uint32_t set) {
    for (int r = 0; r < ROUTES; r++) {
        uint32_t wanted[2] = {0, 0};
        for (int i = 0; i < p->rules; i++)
            if (p->route[i] == r && (p->subject[i] < 0 || (set & (1u << p->subject[i])) != 0))
                wanted[p->deny[i] ? 0 : 1] |= 1u << i;
        assert_int_equal(cell_rules(image, class, r, MPOL_CELL_DENY), wanted[0]);
        assert_int_equal(cell_rules(image, class, r, MPOL_CELL_ALLOW), wanted[1]);
    }
}

static uint32_t members(const mpol_image *image, uint32_t class) {
    uint32_t list = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES);
    uint32_t set = 0;
    for (uint32_t i = 0; i < mpol_list_len(image, list); i++)
        set |= 1u << mpol_list_value(image, list, i);
    return set;
}

/* One certificate: its class, by the engine and by hand. Returns the set, or MPOL_NONE. */
static uint32_t check_certificate(const policy *p, const mpol_image *image, const certificate *c,
                                  const char *json) {
    mpol_facts facts;
    mpol_name names[NAMES + 2 * OIDS];
    mpol_client client = resolve(image, c, &facts, names);
    mpol_reason reason = names_reason(p, c);
    uint32_t set = 0;
    if (client.after_dates != reason)
        fail_msg("%s: %s, not %s (names %x)", json, mpol_reason_name(client.after_dates),
                 mpol_reason_name(reason), c->names);
    if (reason != MPOL_REASON_ALLOWED)
        return MPOL_NONE;
    for (int i = 0; i < p->count; i++)
        set |= matches(p, i, c) ? 1u << i : 0u;
    if (members(image, client.class) != set)
        fail_msg("%s: identities %x, not %x (names %x, attributes %d %d, pins %d %d)", json,
                 members(image, client.class), set, c->names, c->attribute[0], c->attribute[1],
                 c->digest, c->spki);
    return set;
}

/* What every certificate of an identity is too: a class of that identity may say no more. */
static void check_implied(const policy *p, const mpol_image *image, const uint32_t *common,
                          uint32_t met) {
    for (int i = 0; i < p->count; i++) {
        uint32_t class = MPOL_U32(image, IDENTITIES, (uint32_t)i, MPOL_IDENTITY_CLASS);
        uint32_t set = members(image, class);
        assert_true((set & (1u << i)) != 0);
        if ((met & (1u << i)) != 0 && (set & ~common[i]) != 0)
            fail_msg("%s: identity %d does not imply %x", policy_json(p), i, set & ~common[i]);
        check_row(p, image, class, set);
    }
}

static uint32_t bits(uint32_t set) {
    uint32_t count = 0;
    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

/* Every certificate with up to three names. Returns how many sets there were. */
static uint32_t check_policy(const policy *p) {
    const char *json = policy_json(p);
    const mpol_image *image = support_image(json);
    bool seen[1 << MOST_IDENTITIES] = {false};
    uint32_t common[MOST_IDENTITIES];
    uint32_t met = 0;
    uint32_t sets = 0;
    memset(common, 0xff, sizeof common);
    for (uint32_t names = 0; names < 1u << NAMES; names++) {
        if (bits(names) > 3)
            continue;
        for (int rest = 0; rest < HAS_STATES * 2 * DIGESTS * DIGESTS; rest++) {
            certificate c = {names,
                             {rest % HAS_STATES, rest / HAS_STATES % 2 == 0 ? HAS_NONE : 1},
                             rest / (2 * HAS_STATES) % DIGESTS,
                             rest / (2 * HAS_STATES * DIGESTS)};
            uint32_t set = check_certificate(p, image, &c, json);
            if (set == MPOL_NONE)
                continue;
            met |= set;
            for (int i = 0; i < p->count; i++)
                if ((set & (1u << i)) != 0)
                    common[i] &= set;
            sets += !seen[set];
            seen[set] = true;
        }
    }
    for (uint32_t class = 0; class < mpol_count(image, MPOL_CLASSES); class ++)
        check_row(p, image, class, members(image, class));
    check_implied(p, image, common, met);
    return sets;
}

static bool is_asserted(const policy *p, int pattern) {
    if (p->asserted == 0)
        return true;
    for (int n = 0; n < NAMES; n++)
        for (int i = 0; i < PATTERNS; i++)
            if ((p->asserted & (1u << i)) != 0 && name_matches(pattern, n) && name_matches(i, n))
                return true;
    return false;
}

static void draw_identity(policy *p, uint64_t *state) {
    identity *i = &p->identities[p->count];
    *i = (identity){-1, {-1, -1}, 0};
    if (!p->none) {
        do
            i->pattern = (int)document_random(state, PATTERNS);
        while (!p->kinds[patterns[i->pattern].kind]);
        if (!is_asserted(p, i->pattern))
            return; /* it would not be a policy */
    }
    for (int k = 0; k < OIDS; k++)
        if (document_random(state, 3) == 0)
            i->attribute[k] = (int)document_random(state, 2);
    if (p->none || document_random(state, 3) == 0)
        i->pins = 1 + document_random(state, 15);
    p->count++;
}

static void draw_rules(policy *p, uint64_t *state) {
    p->rules = p->count + 2;
    for (int i = 0; i < p->rules; i++) {
        p->subject[i] = i < p->count ? i : -1;
        p->deny[i] = document_random(state, 3) == 0;
        p->route[i] = (int)document_random(state, ROUTES);
    }
}

static policy draw_policy(uint64_t *state) {
    policy p = {0};
    uint32_t kinds = 1 + document_random(state, 7);
    p.none = document_random(state, 8) == 0;
    p.any_of = document_random(state, 2) == 0 && !p.none;
    p.kinds[MPOL_NAME_SPIFFE] = (kinds & 1) != 0;
    p.kinds[MPOL_NAME_DNS] = (kinds & 2) != 0;
    p.kinds[MPOL_NAME_CN] = (kinds & 4) != 0;
    for (int i = 0; i < PATTERNS && !p.none && document_random(state, 2) == 0; i++) {
        int pattern = (int)document_random(state, PATTERNS);
        if (p.kinds[patterns[pattern].kind])
            p.asserted |= 1u << pattern;
    }
    int wanted = (int)document_random(state, MOST_IDENTITIES) + 1;
    for (int i = 0; i < wanted; i++)
        draw_identity(&p, state);
    draw_rules(&p, state);
    return p;
}

static void test_every_set_has_its_class(void **state) {
    const int count = support_is_slow() ? 3 : 250;
    uint64_t random = 0x2545f4914f6cdd1du;
    uint32_t sets = 0;
    uint32_t most = 0;
    (void)state;
    for (int i = 0; i < count; i++) {
        policy p = draw_policy(&random);
        uint32_t here = check_policy(&p);
        sets += here;
        most = here > most ? here : most;
    }
    assert_true(sets > 3 * (uint32_t)count); /* the policies are not all trivial */
    assert_true(support_is_slow() || most > 20);
}

/* --- how many there may be
 * ----------------------------------------------------------------------------- */

/* Issuers with so many exact names each, any of which a certificate may carry. */
static const char *any_of_names(const int *counts, int issuers) {
    static const char *const cas[] = {"corp", "partner", "third", "fourth", "fifth"};
    const char *tables[2] = {"", ""};
    for (int i = 0; i < issuers; i++) {
        tables[0] = TEXT("%s%s\"c%d\":{\"certificates\":[{\"pem\":\"$%s\"}],\"names\":[\"cn\"],"
                         "\"any_of\":true}",
                         tables[0], i > 0 ? "," : "", i, cas[i]);
        for (int n = 0; n < counts[i]; n++)
            tables[1] = TEXT("%s%s\"i%d-%d\":{\"issuer\":\"c%d\",\"cn\":\"%d\"}", tables[1],
                             tables[1][0] != '\0' ? "," : "", i, n, i, n);
    }
    return document_with(TEXT("\"issuers\":{%s},\"identities\":{%s}", tables[0], tables[1]));
}

static void expect_refused(const char *json, const char *issuer) {
    const char *found = support_findings(json);
    const char *pointer = TEXT(" /issuers/%s\n", issuer);
    const char *text = support_expand(json);
    const char *at = strstr(text, TEXT("\"%s\":{", issuer)) + strlen(issuer) + 3;
    if (strstr(found, TEXT("too-many-combinations 1 %d%s", (int)(at - text) + 1, pointer)) == NULL)
        fail_msg("%s: %s", found, pointer);
}

/* 12 names give 4,095 sets, 12 of them of one identity: 4,083; 4 give 11, 2 give 1. */
static void test_4096_combinations_compile_and_4097_do_not(void **state) {
    static const int counts[] = {12, 4, 2, 2, 2};
    (void)state;
    const mpol_image *image = support_image(any_of_names(counts, 4));
    assert_int_equal(mpol_count(image, MPOL_CLASSES), 4096 + 20 + 4); /* sets, single, nobody */
    expect_refused(any_of_names(counts, 5), "c4");
    static const int too_many[] = {13};
    expect_refused(any_of_names(too_many, 1), "c0");
    static const int many_more[] = {2, 40};
    expect_refused(any_of_names(many_more, 2), "c1");
}

/* Patterns of an issuer whose clients may have several names: `depth` that cross, `each` times. */
static const char *crossing_any_of(int depth, int each) {
    apr_array_header_t *parts = apr_array_make(support_pool(), depth, sizeof(const char *));
    for (int i = 0; i < depth; i++) {
        const char *name = "u:";
        for (int k = 0; k < depth; k++)
            name = apr_pstrcat(support_pool(), name, k == i ? "/a" : "/*", NULL);
        for (int k = 0; k < each; k++)
            APR_ARRAY_PUSH(parts, const char *) =
                TEXT("%s\"i%02d-%02d\":{\"issuer\":\"c\",\"uri\":\"%s\"}",
                     parts->nelts > 0 ? "," : "", i, k, name);
    }
    return document_with(TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                              "\"names\":[\"uri\"],\"any_of\":true}},\"identities\":{%s}",
                              apr_array_pstrcat(support_pool(), parts, 0)));
}

static long memory_kib(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* One name already gives every set there is; no two of them make another. */
static void test_unions_of_sets_that_are_closed(void **state) {
    const int depth = support_is_slow() ? 6 : 12;
    (void)state;
    for (int each = 1; each <= 20; each += 19) {
        long before = memory_kib();
        const mpol_image *image = support_image(crossing_any_of(depth, each));
        assert_int_equal(mpol_count(image, MPOL_CLASSES), 1 << depth);
        if (!support_is_slow()) /* not a copy of every pair's union */
            assert_true(memory_kib() - before < 200 * 1024);
    }
}

/* Identities of one name, each with an attribute of its own. */
static const char *by_attributes(int count, int more) {
    const char *identities = "";
    for (int i = 0; i < count; i++)
        identities =
            TEXT("%s%s\"i%d\":{\"issuer\":\"c\",\"cn\":\"n\",\"attributes\":{\"1.2.%d\":\"x\"}}",
                 identities, i > 0 ? "," : "", i, i);
    for (int i = 0; i < more; i++)
        identities =
            TEXT("%s,\"k%d\":{\"issuer\":\"c\",\"cn\":\"m%d\",\"attributes\":{\"1.2.1\":\"x\"}}"
                 ",\"l%d\":{\"issuer\":\"c\",\"cn\":\"m%d\",\"attributes\":{\"1.2.2\":\"x\"}}",
                 identities, i, i, i, i);
    return document_with(TEXT(DOCUMENT_ISSUER ",\"identities\":{%s}", identities));
}

static void test_conditions_count_too(void **state) {
    (void)state;
    assert_int_equal(mpol_count(support_image(by_attributes(12, 13)), MPOL_CLASSES),
                     4083 + 13 + 12 + 26 + 1);
    expect_refused(by_attributes(12, 14), "c");
    expect_refused(by_attributes(13, 0), "c");
    expect_refused(by_attributes(60, 0), "c");
}

/* Identities whose pins are shared by pairs of digest and key. */
static void test_pins_that_pair_up(void **state) {
    const char *identities = "";
    (void)state;
    for (int i = 0; i < 150; i++)
        identities = TEXT("%s%s\"i%d\":{\"issuer\":\"c\",\"pins\":[\"%s:%064x\"]}", identities,
                          i > 0 ? "," : "", i, i % 2 == 0 ? "certificate" : "spki", i + 1);
    expect_refused(
        document_with(TEXT(DOCUMENT_ISSUER_OF("\"none\"") ",\"identities\":{%s}", identities)),
        "c");
}

/* A refusal takes no longer because there is much to refuse. */
static void test_a_large_policy_is_refused_soon(void **state) {
    const int count = support_is_slow() ? 300 : 20000;
    apr_array_header_t *parts = apr_array_make(support_pool(), count, sizeof(const char *));
    (void)state;
    for (int i = 0; i < count; i++)
        APR_ARRAY_PUSH(parts, const char *) =
            TEXT("%s\"i%d\":{\"issuer\":\"c\",\"cn\":\"%d\"}", i > 0 ? "," : "", i, i);
    expect_refused(document_with(TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                                      "\"names\":[\"cn\"],\"any_of\":true}},\"identities\":{%s}",
                                      apr_array_pstrcat(support_pool(), parts, 0))),
                   "c");
}

/* --- which identity logs name
 * ---------------------------------------------------------------------------- */

static void test_the_named_identity(void **state) {
    const mpol_image *image = support_image(document_with(
        "\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"dns\"]}},"
        "\"identities\":{\"a\":{\"issuer\":\"c\",\"dns\":\"*.x\"},\"b\":{\"issuer\":\"c\",\"dns\":"
        "\"h.x\"},"
        "\"c\":{\"issuer\":\"c\",\"dns\":\"h.x\"},\"d\":{\"issuer\":\"c\",\"dns\":\"{n}.x\","
        "\"pins\":[\"spki:"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}"));
    (void)state;
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CLASSES); i++) {
        uint32_t set = members(image, i);
        uint32_t named = MPOL_U32(image, CLASSES, i, MPOL_CLASS_IDENTITY);
        uint32_t wanted =
            (set & 8) != 0 ? 3u : ((set & 2) != 0 ? 1u : ((set & 1) != 0 ? 0u : MPOL_NONE));
        assert_int_equal(named, wanted);
    }
    assert_int_equal(mpol_count(image, MPOL_CLASSES), 5); /* -, a, ad, abc, abcd */
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_set_has_its_class),
        cmocka_unit_test(test_4096_combinations_compile_and_4097_do_not),
        cmocka_unit_test(test_unions_of_sets_that_are_closed),
        cmocka_unit_test(test_conditions_count_too),
        cmocka_unit_test(test_pins_that_pair_up),
        cmocka_unit_test(test_a_large_policy_is_refused_soon),
        cmocka_unit_test(test_the_named_identity),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
