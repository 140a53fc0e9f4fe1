/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/example.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>

/* What --list takes. */
static const struct {
    const char *kind;
    mpol_section_kind section;
    const char *(*name)(const mpol_image *image, uint32_t index);
} lists[] = {
    {"issuers", MPOL_ISSUERS, mpol_issuer_name},
    {"identities", MPOL_IDENTITIES, mpol_identity_name},
    {"groups", MPOL_GROUPS, mpol_group_name},
    {"routes", MPOL_ROUTES, mpol_route_name},
    {"rules", MPOL_RULES, mpol_rule_name},
};
enum { LISTS = sizeof lists / sizeof lists[0] };

static int find_list(const char *kind) {
    int i = 0;
    while (i < LISTS && strcmp(kind, lists[i].kind) != 0)
        i++;
    return i < LISTS ? i : -1;
}

static void show_list(tool_call *call, const mpol_image *image, int list) {
    mpol_text *names = NULL;
    if (call->json)
        names = mpol_text_add(call->body, mpol_text_array(call->pool, lists[list].kind));
    for (uint32_t i = 0; i < mpol_count(image, lists[list].section); i++) {
        if (names != NULL)
            tool_put(call->pool, names, NULL, lists[list].name(image, i));
        else
            (void)printf("%s\n", lists[list].name(image, i));
    }
}

/* A row of the access matrix; what certificate its holder would have, or in words (`instead`) where
 * no one certificate stands for all. */
typedef struct matrix_row {
    const char *name;
    const char *issuer; /* NULL: of none */
    const char *example;
    const char *instead;
    bool combined;
} matrix_row;

static void tell_row(const tool_call *call, const matrix_row *row, mpol_text *rows) {
    if (rows == NULL) {
        (void)printf("%s  %s%s  %s\n", row->name, row->issuer != NULL ? "issuer:" : "-",
                     row->issuer != NULL ? row->issuer : "",
                     row->example != NULL ? row->example : row->instead);
        return;
    }
    mpol_text *object = mpol_text_add(rows, mpol_text_object(call->pool, NULL));
    tool_put(call->pool, object, "row", row->name);
    tool_put(call->pool, object, "issuer", row->issuer);
    tool_put(call->pool, object, "example", row->example);
    (void)mpol_text_add(object, mpol_text_boolean(call->pool, "combined", row->combined));
}

static void show_row(tool_call *call, const mpol_model *model, const mpol_image *image,
                     uint32_t class, mpol_text *rows) {
    bool known = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITY) != MPOL_NONE;
    matrix_row row = {
        .name = mpol_row_name(call->pool, image, class),
        .issuer = mpol_issuer_name(image, MPOL_U32(image, CLASSES, class, MPOL_CLASS_ISSUER)),
        .instead = known ? "no certificate was found" : "any other certificate",
        .combined = !mpol_row_is_single(image, class)};
    mpol_example example;
    if (known && mpol_example_find(call->pool, model, image, class, &example))
        row.example = mpol_example_text(call->pool, &example);
    tell_row(call, &row, rows);
}

/* Clients that are known as an identity, or as several; those of an issuer that are none; and
 * nobody. */
static int show_rows(tool_call *call, const char *path, const mpol_loaded *loaded) {
    const mpol_image *image = &loaded->image;
    const mpol_model *model = tool_source_model(call, path, loaded);
    mpol_text *rows = NULL;
    if (model == NULL)
        return TOOL_TROUBLE;
    if (call->json)
        rows = mpol_text_add(call->body, mpol_text_array(call->pool, "rows"));
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CLASSES); i++)
        show_row(call, model, image, i, rows);
    const matrix_row none = {.name = "none", .instead = "no usable certificate"};
    tell_row(call, &none, rows);
    return TOOL_YES;
}

static int show_source(tool_call *call, const char *path, const mpol_loaded *loaded) {
    mpol_bytes source = mpol_policy_source(&loaded->image);
    if (tool_source_model(call, path, loaded) == NULL)
        return TOOL_TROUBLE;
    if (call->json)
        tool_put_bytes(call->pool, call->body, "source", source);
    else
        (void)fwrite(source.data, 1, source.len, stdout);
    return TOOL_YES;
}

enum { KEY_SOURCE = TOOL_LONG, KEY_LIST, KEY_ROWS };
static const tool_option options[] = {
    {KEY_SOURCE, "source", NULL, "print the policy document that it was made from, normalised",
     false},
    {KEY_LIST, "list", "issuers|identities|groups|routes|rules", "print their names, one a line",
     false},
    {KEY_ROWS, "rows", NULL, "print whom one certificate can be at once, with an example", false},
    {0, NULL, NULL, NULL, false},
};

/* What is asked for: a list by its number, or one of these. */
enum { ASKS_SUMMARY = -1, ASKS_SOURCE = -2, ASKS_ROWS = -3 };

static int show(tool_call *call, int asked) {
    mpol_loaded loaded;
    int status = TOOL_YES;
    if (!tool_load_policy(call, call->argv[0], &loaded))
        return TOOL_TROUBLE;
    if (asked == ASKS_SOURCE)
        status = show_source(call, call->argv[0], &loaded);
    else if (asked == ASKS_ROWS)
        status = show_rows(call, call->argv[0], &loaded);
    else if (asked >= 0)
        show_list(call, &loaded.image, asked);
    else
        tool_summary(call, &loaded);
    mpol_unload(&loaded);
    return status;
}

static int run(tool_call *call) {
    int asked = ASKS_SUMMARY;
    const char *value;
    for (int key, before; (before = asked, key = tool_next(call, &value)) != TOOL_END;) {
        if (key == TOOL_STOP)
            return call->status;
        asked = key == KEY_SOURCE ? ASKS_SOURCE : key == KEY_ROWS ? ASKS_ROWS : find_list(value);
        if (key == KEY_LIST && asked < 0)
            return tool_usage(call, "--list has no \"%s\"",
                              mpol_quote(call->pool, mpol_text_span(value)));
        if (before != ASKS_SUMMARY)
            return tool_usage(call, "--source, --list and --rows are questions of their own");
    }
    if (call->argc != 1)
        return tool_usage(call, "name one policy");
    return show(call, asked);
}

const tool_verb tool_show = {
    "show",
    "[--source | --list KIND | --rows] POLICY",
    "Tell name, serial, digests and sizes of a policy, or its source",
    options,
    "sha-256 is the digest that the server logs, source that of the normalised document.\n"
    "The source of a compiled policy is shown only when it makes that very policy again.\n",
    run,
};
