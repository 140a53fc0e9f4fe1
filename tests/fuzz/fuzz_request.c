/* SPDX-License-Identifier: Apache-2.0 */
/* Any certificate and any request to one rich policy: nobody is let in without a rule that may, or
 * a grant that needs none. */
#include "fuzz.h"

#include "image/load.h"
#include "match/decide.h"
#include "match/names.h"
#include "rich.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_target[] = "request";

/* The input, taken from the front; zeros behind its end. */
typedef struct input {
    const uint8_t *data;
    size_t left;
} input;

static uint8_t take(input *in) {
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++;
}

/* A word of the policy, or as many bytes of the input as the first says. */
static mpol_bytes take_text(input *in) {
    static const char *const words[] = {"spiffe://t/q/r",
                                        "spiffe://t/a/b",
                                        "spiffe://u/a",
                                        "h.x",
                                        "c",
                                        "w@m.x",
                                        "7",
                                        "u@x",
                                        "urn:x",
                                        "CN=a+OU=b,C=DE",
                                        "O",
                                        "a",
                                        "q",
                                        "GET",
                                        "OPTIONS",
                                        "PUT",
                                        "u",
                                        "a.w",
                                        "[::1]",
                                        "10.0.0.1"};
    enum { WORDS = sizeof words / sizeof words[0] };
    uint8_t len = take(in);
    if (len >= 256 - WORDS)
        return (mpol_bytes){(const uint8_t *)words[len - (256 - WORDS)],
                            (uint32_t)strlen(words[len - (256 - WORDS)])};
    mpol_bytes text = {in->data, len < in->left ? len : (uint32_t)in->left};
    in->data += text.len;
    in->left -= text.len;
    return text;
}

enum { MOST_NAMES = 20 };

typedef struct caller {
    mpol_facts facts;
    mpol_name names[MOST_NAMES];
    uint8_t buffers[MOST_NAMES][MPOL_NAME_BUFFER];
} caller;

static void take_names(input *in, caller *who) {
    static const mpol_bytes oids[] = {{(const uint8_t *)"2.5.4.5", 7},
                                      {(const uint8_t *)"2.5.4.10", 8}};
    uint8_t count = take(in) % (MOST_NAMES + 1);
    for (uint8_t i = 0; i < count; i++) {
        uint8_t kind = take(in);
        mpol_name *name = &who->names[who->facts.name_count++];
        name->kind = (mpol_name_kind)(kind % MPOL_NAME_KIND_COUNT);
        name->oid = name->kind == MPOL_NAME_ATTRIBUTE ? oids[kind >> 7] : (mpol_bytes){NULL, 0};
        mpol_bytes raw = take_text(in);
        name->malformed = !mpol_name_normalise(name->kind, raw, who->buffers[i], &name->value);
        if (name->malformed)
            name->value = raw;
    }
}

static void take_caller(input *in, const mpol_image *image, caller *who) {
    mpol_facts *facts = &who->facts;
    uint8_t state = take(in);
    *facts = (mpol_facts){.tls = state >= 8 ? MPOL_TLS_PRESENT : (mpol_tls_state)(state % 3),
                          .certificate = (state & 0x10) == 0,
                          .verified = (state & 0x20) == 0,
                          .malformed = (state & 0x40) != 0,
                          .established = (state & 0x80) == 0,
                          .names = who->names};
    uint8_t path = take(in);
    uint32_t keys = mpol_count(image, MPOL_ISSUER_KEYS);
    for (facts->path.count = 0; facts->path.count < path % 4; facts->path.count++) {
        uint8_t key = take(in);
        if (key < 0xc0)
            memcpy(facts->path.spki[facts->path.count],
                   mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, key % keys), 32);
        else
            memset(facts->path.spki[facts->path.count], key, 32);
    }
    facts->path.not_before_s = (path & 0x10) != 0 ? 1800000000 : 1700000000;
    facts->path.not_after_s = (path & 0x20) != 0 ? 1750000000 : 1900000000;
    memset(facts->sha256, take(in), sizeof facts->sha256);
    memset(facts->spki_sha256, take(in), sizeof facts->spki_sha256);
    take_names(in, who);
}

/* What an allow needs, whoever asks. */
static void check_rule(const mpol_image *image, const mpol_request *request, uint32_t rule) {
    uint32_t flags = MPOL_U32(image, RULES, rule, MPOL_RULE_FLAGS);
    FUZZ_REQUIRE((flags & MPOL_RULE_DENY) == 0);
    FUZZ_REQUIRE((flags & MPOL_RULE_HAS_NETWORKS) == 0 || request->address != NULL);
    FUZZ_REQUIRE((flags & MPOL_RULE_HAS_USERS) == 0 || request->user.data != NULL);
    FUZZ_REQUIRE((flags & (MPOL_RULE_HAS_FROM | MPOL_RULE_HAS_UNTIL)) == 0 ||
                 request->now_s != MPOL_TIME_UNKNOWN);
    FUZZ_REQUIRE((flags & MPOL_RULE_HAS_FROM) == 0 ||
                 request->now_s >= (int64_t)MPOL_U64(image, RULES, rule, MPOL_RULE_VALID_FROM));
    FUZZ_REQUIRE((flags & MPOL_RULE_HAS_UNTIL) == 0 ||
                 request->now_s < (int64_t)MPOL_U64(image, RULES, rule, MPOL_RULE_VALID_UNTIL));
}

static bool is_everyones(const mpol_image *image, uint32_t rule) {
    return strcmp(mpol_c_string(image, MPOL_U32(image, RULES, rule, MPOL_RULE_NAME)), "a4") == 0;
}

static void check_allowed(const mpol_image *image, const mpol_request *request,
                          const mpol_client *client, const mpol_decision *decision) {
    FUZZ_REQUIRE(decision->route < mpol_count(image, MPOL_ROUTES));
    uint32_t flags = MPOL_U32(image, ROUTES, decision->route, MPOL_ROUTE_FLAGS);
    uint32_t classes = request->target->classes;
    FUZZ_REQUIRE((classes & MPOL_PATH_AMBIGUOUS) == 0);
    FUZZ_REQUIRE((classes & ~(flags & MPOL_ROUTE_EXPECTS)) == 0 ||
                 request->arrival != MPOL_ARRIVAL_CLIENT);
    if (decision->rule == MPOL_NONE) {
        bool internal =
            (flags & MPOL_ROUTE_INTERNAL) != 0 && request->arrival == MPOL_ARRIVAL_LATER;
        bool error =
            (flags & MPOL_ROUTE_INTERNAL_ERROR) != 0 && request->arrival == MPOL_ARRIVAL_ERROR;
        FUZZ_REQUIRE(request->preflight || internal || error);
        return;
    }
    FUZZ_REQUIRE((flags & (MPOL_ROUTE_INTERNAL | MPOL_ROUTE_INTERNAL_ERROR)) == 0);
    check_rule(image, request, decision->rule);
    if (is_everyones(image, decision->rule))
        return;
    FUZZ_REQUIRE(client->before_dates == MPOL_REASON_ALLOWED);
    FUZZ_REQUIRE(client->after_dates == MPOL_REASON_ALLOWED);
    FUZZ_REQUIRE(client->facts->verified && client->facts->established &&
                 !client->facts->malformed);
    FUZZ_REQUIRE(request->now_s >= client->not_before_s && request->now_s <= client->not_after_s);
    FUZZ_REQUIRE(client->class < mpol_count(image, MPOL_CLASSES));
}

/* Field by field: what lies between them is nobody's. */
static bool is_same(const mpol_decision *a, const mpol_decision *b) {
    return a->reason == b->reason && a->route == b->route && a->rule == b->rule &&
           a->identity == b->identity && a->issuer == b->issuer && a->condition == b->condition &&
           a->not_on_line == b->not_on_line;
}

static void ask(input *in, const mpol_image *image, const mpol_client *client) {
    static const int64_t times[] = {1780315200, MPOL_TIME_UNKNOWN, 0,         1600000000,
                                    1850000000, 4102444800,        INT64_MAX, -1};
    mpol_target target;
    mpol_decision decision;
    mpol_decision again;
    uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 9, 2, 3};
    uint8_t about = take(in);
    mpol_request request = {.now_s = times[take(in) % 8],
                            .address = (about & 1) != 0 ? NULL : address,
                            .arrival = (mpol_arrival)((about >> 1) % 3),
                            .preflight = (about & 8) != 0,
                            .method_override = (about & 16) != 0};
    address[13] = take(in);
    address[0] = (about & 32) != 0 ? 0x20 : 0;
    if ((about & 64) != 0)
        request.user = take_text(in);
    request.method = take_text(in);
    request.host = (about & 128) != 0 ? (mpol_bytes){NULL, 0} : take_text(in);
    /* exactly as long, so that a byte too far shows */
    uint8_t *path = malloc(in->left + (in->left == 0));
    uint8_t *buffer = malloc(in->left + (in->left == 0));
    memcpy(path, in->data, in->left);
    mpol_bytes raw = {path, (uint32_t)in->left};
    if (request.arrival == MPOL_ARRIVAL_CLIENT)
        mpol_target_parse(raw, buffer, &target);
    else
        mpol_target_decoded(raw, buffer, &target);
    request.target = &target;
    mpol_decide(image, &request, client, NULL, 0, &decision);
    mpol_decide(image, &request, client, NULL, 0, &again);
    FUZZ_REQUIRE(is_same(&decision, &again));
    FUZZ_REQUIRE(client->after_dates != MPOL_REASON_INTERNAL_ERROR);
    FUZZ_REQUIRE(decision.reason != MPOL_REASON_INTERNAL_ERROR ||
                 request.now_s == MPOL_TIME_UNKNOWN);
    if (decision.reason == MPOL_REASON_ALLOWED) {
        fuzz_used++;
        check_allowed(image, &request, client, &decision);
    }
    free(path);
    free(buffer);
}

static const mpol_image *rich_image(void) {
    static mpol_loaded loaded;
    mpol_diagnostics *found;
    mpol_model *model;
    mpol_error error;
    apr_pool_t *pool = fuzz_pool();
    if (loaded.mapping != NULL)
        return &loaded.image;
    mpol_bytes text = fuzz_expand(pool, (const uint8_t *)rich, sizeof rich - 1);
    const mpol_bytes *image = fuzz_compile(pool, text, &found, &model);
    for (int i = 0; i < found->list->nelts && image == NULL; i++)
        fuzz_fail(__FILE__, (int)MPOL_AT(found->list, i, mpol_diagnostic)->offset,
                  MPOL_AT(found->list, i, mpol_diagnostic)->text);
    FUZZ_REQUIRE(mpol_load_bytes(image->data, image->len, "rich", &loaded, &error) == MPOL_OK);
    return &loaded.image;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static caller who;
    mpol_client client;
    const mpol_image *image = rich_image();
    input in = {data, size};
    if (size > 16384)
        return 0;
    take_caller(&in, image, &who);
    mpol_client_resolve(image, &who.facts, &client);
    ask(&in, image, &client);
    return 0;
}
