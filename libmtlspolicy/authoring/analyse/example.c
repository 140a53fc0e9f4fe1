/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/example.h"

#include "base/limits.h"
#include "image/view.h"
#include "match/names.h"
#include "model/diagnostics.h"
#include "model/patterns.h"
#include "model/write.h"

#include <apr_strings.h>
#include <string.h>

/* How many segments a `**` is given in turn, until the name matches nothing that it should not: one
 * more than any pattern has is always enough. */
enum { MOST_REST = MPOL_LIMIT_PATTERN_SEGMENTS + 1 };

typedef struct finder {
    apr_pool_t *pool;
    const mpol_model *model;
    const mpol_image *image;
    uint32_t class;
    uint32_t issuer;
    apr_array_header_t *set; /* const mpol_identity *: whom the certificate is to be */
    mpol_example *example;
    uint32_t rest;  /* segments that a `**` is given */
    uint32_t fresh; /* numbers the texts that are made up */
} finder;

static const mpol_identity *member(const finder *f, int i) {
    return APR_ARRAY_IDX(f->set, i, const mpol_identity *);
}

/* A text that no policy has written by accident. */
static mpol_bytes made_up(finder *f) {
    const char *text = apr_psprintf(f->pool, "example%u", f->fresh++);
    return (mpol_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* --- names ---------------------------------------------------------------------------------------
 */

/* The segments that all the patterns ask for together. */
static apr_array_header_t *segments_of(finder *f, const apr_array_header_t *patterns) {
    apr_array_header_t *texts = apr_array_make(f->pool, 8, sizeof(mpol_bytes));
    int len = 0;
    bool open = true; /* every pattern goes on with `**` */
    for (int p = 0; p < patterns->nelts; p++) {
        const mpol_name_pattern *pattern = APR_ARRAY_IDX(patterns, p, const mpol_name_pattern *);
        int count = pattern->segments->nelts;
        bool rest = MPOL_AT(pattern->segments, count - 1, mpol_segment)->type == MPOL_SEGMENT_REST;
        len = count - rest > len ? count - rest : len;
        open = open && rest;
    }
    len += open ? (int)f->rest : 0;
    for (int i = 0; i < len; i++) {
        mpol_bytes text = {NULL, 0};
        for (int p = 0; p < patterns->nelts && text.data == NULL; p++) {
            const apr_array_header_t *segments =
                APR_ARRAY_IDX(patterns, p, const mpol_name_pattern *)->segments;
            if (i < segments->nelts &&
                MPOL_AT(segments, i, mpol_segment)->type == MPOL_SEGMENT_LITERAL)
                text = MPOL_AT(segments, i, mpol_segment)->literal;
        }
        APR_ARRAY_PUSH(texts, mpol_bytes) = text.data != NULL ? text : made_up(f);
    }
    return texts;
}

/* Segments put together as the kind of name has them. */
static const char *join(finder *f, mpol_name_kind kind, const apr_array_header_t *texts) {
    const char *name = "";
    for (int i = 0; i < texts->nelts; i++) {
        const mpol_bytes *text = MPOL_AT(texts, i, mpol_bytes);
        const char *segment = apr_pstrmemdup(f->pool, (const char *)text->data, text->len);
        if (i == 0)
            name = segment;
        else if (kind == MPOL_NAME_DNS || kind == MPOL_NAME_EMAIL)
            name = apr_pstrcat(f->pool, segment, kind == MPOL_NAME_DNS ? "." : "@", name, NULL);
        else
            name = apr_pstrcat(f->pool, name, "/", segment, NULL);
    }
    return name;
}

static void add_name(finder *f, const apr_array_header_t *patterns) {
    const mpol_name_pattern *first = APR_ARRAY_IDX(patterns, 0, const mpol_name_pattern *);
    const char *text =
        first->segments->nelts == 1 && !first->is_pattern
            ? apr_pstrmemdup(f->pool, (const char *)first->value.data, first->value.len)
            : join(f, first->naming.kind, segments_of(f, patterns));
    *(mpol_name *)apr_array_push(f->example->names) =
        (mpol_name){.kind = first->naming.kind,
                    .oid = first->naming.oid,
                    .value = {(const uint8_t *)text, (uint32_t)strlen(text)}};
}

/* One name that every member matches. */
static void add_common_name(finder *f) {
    apr_array_header_t *patterns = apr_array_make(f->pool, 4, sizeof(const mpol_name_pattern *));
    for (int i = 0; i < f->set->nelts; i++)
        if (member(f, i)->has_name)
            APR_ARRAY_PUSH(patterns, const mpol_name_pattern *) = &member(f, i)->pattern;
    if (patterns->nelts > 0)
        add_name(f, patterns);
}

/* A name for each member that no other's name stands for already. */
static void add_own_names(finder *f) {
    for (int i = 0; i < f->set->nelts; i++) {
        bool stands_for = false;
        for (int k = 0; k < f->set->nelts; k++)
            stands_for =
                stands_for ||
                (k != i &&
                 mpol_naming_equal(&member(f, k)->pattern.naming, &member(f, i)->pattern.naming) &&
                 mpol_pattern_covers(&member(f, i)->pattern, &member(f, k)->pattern) &&
                 (k < i || !mpol_pattern_covers(&member(f, k)->pattern, &member(f, i)->pattern)));
        if (stands_for)
            continue;
        apr_array_header_t *one = apr_array_make(f->pool, 1, sizeof(const mpol_name_pattern *));
        APR_ARRAY_PUSH(one, const mpol_name_pattern *) = &member(f, i)->pattern;
        add_name(f, one);
    }
}

/* --- further conditions
 * --------------------------------------------------------------------------- */

static void add_attributes(finder *f) {
    for (int i = 0; i < f->set->nelts; i++)
        for (int k = 0; k < member(f, i)->attributes->nelts; k++) {
            const mpol_attribute *wanted = MPOL_AT(member(f, i)->attributes, k, mpol_attribute);
            bool there = false;
            for (int n = 0; n < f->example->attributes->nelts; n++)
                there = there ||
                        mpol_bytes_equal(MPOL_AT(f->example->attributes, n, mpol_attribute)->oid,
                                         wanted->oid);
            if (!there)
                *(mpol_attribute *)apr_array_push(f->example->attributes) = *wanted;
        }
}

/* Every pin of a kind among the members; NULL first, for a digest that is none. */
static apr_array_header_t *pins_of(finder *f, uint32_t kind) {
    apr_array_header_t *pins = apr_array_make(f->pool, 4, sizeof(const mpol_pin *));
    APR_ARRAY_PUSH(pins, const mpol_pin *) = NULL;
    for (int i = 0; i < f->set->nelts; i++)
        for (int k = 0; k < member(f, i)->pins->nelts; k++)
            if (MPOL_AT(member(f, i)->pins, k, mpol_pin)->kind == kind)
                APR_ARRAY_PUSH(pins, const mpol_pin *) = MPOL_AT(member(f, i)->pins, k, mpol_pin);
    return pins;
}

/* --- trying out
 * ----------------------------------------------------------------------------------- */

/* Facts of the certificate that the example describes, for this policy's issuer. */
static void make_facts(const finder *f, mpol_facts *facts) {
    const mpol_example *example = f->example;
    apr_array_header_t *names = apr_array_copy(f->pool, example->names);
    for (int i = 0; i < example->attributes->nelts; i++) {
        const mpol_attribute *attribute = MPOL_AT(example->attributes, i, mpol_attribute);
        *(mpol_name *)apr_array_push(names) = (mpol_name){
            .kind = MPOL_NAME_ATTRIBUTE, .oid = attribute->oid, .value = attribute->value};
    }
    *facts = (mpol_facts){.tls = MPOL_TLS_PRESENT,
                          .certificate = true,
                          .verified = true,
                          .established = true,
                          .names = (const mpol_name *)(const void *)names->elts,
                          .name_count = (uint32_t)names->nelts};
    facts->path.count = 1;
    memcpy(facts->path.spki[0],
           MPOL_AT(MPOL_AT(f->model->issuers, (int)f->issuer, mpol_issuer)->certificates, 0,
                   mpol_ca_certificate)
               ->spki,
           MPOL_SPKI_BYTES);
    memcpy(facts->sha256, example->certificate_pin, sizeof facts->sha256);
    memcpy(facts->spki_sha256, example->key_pin, sizeof facts->spki_sha256);
}

static bool is_it(const finder *f) {
    mpol_facts facts;
    mpol_client client;
    make_facts(f, &facts);
    mpol_client_resolve(f->image, &facts, &client);
    return client.after_dates == MPOL_REASON_ALLOWED &&
           client.before_dates == MPOL_REASON_ALLOWED && client.class == f->class;
}

static void take_pin(const mpol_pin *pin, bool *has, uint8_t digest[MPOL_SPKI_BYTES]) {
    *has = pin != NULL;
    if (pin != NULL)
        memcpy(digest, pin->digest, MPOL_SPKI_BYTES);
    else
        memset(digest, 0xee, MPOL_SPKI_BYTES);
}

static bool try_pins(finder *f) {
    apr_array_header_t *certificates = pins_of(f, MPOL_PIN_CERTIFICATE);
    apr_array_header_t *keys = pins_of(f, MPOL_PIN_SPKI);
    for (int c = 0; c < certificates->nelts; c++)
        for (int k = 0; k < keys->nelts; k++) {
            take_pin(APR_ARRAY_IDX(certificates, c, const mpol_pin *),
                     &f->example->has_certificate_pin, f->example->certificate_pin);
            take_pin(APR_ARRAY_IDX(keys, k, const mpol_pin *), &f->example->has_key_pin,
                     f->example->key_pin);
            if (is_it(f))
                return true;
        }
    return false;
}

/* Could a certificate carry these names? */
static bool are_well_formed(const finder *f) {
    for (int i = 0; i < f->example->names->nelts; i++) {
        const mpol_name *name = MPOL_AT(f->example->names, i, mpol_name);
        uint8_t buffer[MPOL_NAME_BUFFER];
        mpol_bytes normal;
        if (!mpol_name_normalise(name->kind, name->value, buffer, &normal) ||
            !mpol_bytes_equal(normal, name->value))
            return false;
    }
    return true;
}

static bool try_names(finder *f, void (*add_names)(finder *)) {
    for (f->rest = 0; f->rest <= MOST_REST; f->rest++) {
        f->example->names->nelts = 0;
        add_names(f);
        if (are_well_formed(f) && try_pins(f))
            return true;
    }
    return false;
}

bool mpol_example_find(apr_pool_t *pool, const mpol_model *model, const mpol_image *image,
                       uint32_t class, mpol_example *example) {
    finder f = {.pool = pool, .model = model, .image = image, .class = class, .example = example};
    uint32_t list = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES);
    uint32_t len = mpol_list_len(image, list);
    f.issuer = MPOL_U32(image, CLASSES, class, MPOL_CLASS_ISSUER);
    f.set = apr_array_make(pool, (int)len + 1, sizeof(const mpol_identity *));
    for (uint32_t i = 0; i < len; i++)
        APR_ARRAY_PUSH(f.set, const mpol_identity *) =
            MPOL_AT(model->identities, (int)mpol_list_value(image, list, i), mpol_identity);
    *example = (mpol_example){.names = apr_array_make(pool, 2, sizeof(mpol_name)),
                              .attributes = apr_array_make(pool, 2, sizeof(mpol_attribute))};
    add_attributes(&f);
    return try_names(&f, add_common_name) ||
           (MPOL_AT(model->issuers, (int)f.issuer, mpol_issuer)->any_of &&
            try_names(&f, add_own_names));
}

/* --- for people
 * ----------------------------------------------------------------------------------- */

static const char *append(apr_pool_t *pool, const char *text, const char *more) {
    return *text == '\0' ? more : apr_pstrcat(pool, text, ", ", more, NULL);
}

const char *mpol_example_text(apr_pool_t *pool, const mpol_example *example) {
    const char *text = "";
    for (int i = 0; i < example->names->nelts; i++) {
        const mpol_name *name = MPOL_AT(example->names, i, mpol_name);
        const char *oid =
            name->oid.data != NULL ? apr_pstrcat(pool, ":", mpol_quote(pool, name->oid), NULL) : "";
        text = append(pool, text,
                      apr_pstrcat(pool, mpol_name_kind_name(name->kind), oid, ":",
                                  mpol_quote(pool, name->value), NULL));
    }
    for (int i = 0; i < example->attributes->nelts; i++) {
        const mpol_attribute *attribute = MPOL_AT(example->attributes, i, mpol_attribute);
        text = append(pool, text,
                      apr_pstrcat(pool, mpol_quote(pool, attribute->oid), "=",
                                  mpol_quote(pool, attribute->value), NULL));
    }
    if (example->has_certificate_pin)
        text =
            append(pool, text, mpol_pin_text(pool, MPOL_PIN_CERTIFICATE, example->certificate_pin));
    if (example->has_key_pin)
        text = append(pool, text, mpol_pin_text(pool, MPOL_PIN_SPKI, example->key_pin));
    return text;
}

static bool has_row(const mpol_image *image, uint32_t identity, uint32_t class) {
    return MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_CLASS) == class;
}

const char *mpol_row_name(apr_pool_t *pool, const mpol_image *image, uint32_t class) {
    uint32_t list = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES);
    uint32_t len = mpol_list_len(image, list);
    bool single = mpol_row_is_single(image, class);
    apr_array_header_t *names = apr_array_make(pool, (int)len + 1, sizeof(const char *));
    for (uint32_t i = 0; i < len; i++) {
        uint32_t identity = mpol_list_value(image, list, i);
        if (!single || has_row(image, identity, class))
            APR_ARRAY_PUSH(names, const char *) = mpol_identity_name(image, identity);
    }
    if (len > 0)
        return apr_array_pstrcat(pool, names, '+');
    return apr_pstrcat(pool, "issuer:",
                       mpol_issuer_name(image, MPOL_U32(image, CLASSES, class, MPOL_CLASS_ISSUER)),
                       NULL);
}

bool mpol_row_is_single(const mpol_image *image, uint32_t class) {
    uint32_t list = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES);
    uint32_t len = mpol_list_len(image, list);
    for (uint32_t i = 0; i < len; i++)
        if (has_row(image, mpol_list_value(image, list, i), class))
            return true;
    return len == 0;
}
