/* SPDX-License-Identifier: Apache-2.0 */
#include "source/json.h"

#include "base/limits.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

typedef struct builder {
    apr_pool_t *pool;
    mpol_diagnostics *diagnostics;
    yajl_handle parser;
    mpol_json *document;
    mpol_json *open; /* the innermost container that is not closed */
    mpol_bytes key;  /* of the member to come */
    uint32_t key_offset;
    uint32_t depth;
    uint32_t end; /* behind the last token that was reported */
    bool refused; /* by us, with a diagnostic */
} builder;

static bool is_filler(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':';
}

/* yajl reports a token when it is complete, so it begins behind the one before it and the filler.
 */
static uint32_t token_start(builder *b) {
    mpol_bytes text = b->diagnostics->text;
    uint32_t start = b->end;
    while (start < text.len && is_filler(text.data[start]))
        start++;
    b->end = (uint32_t)yajl_get_bytes_consumed(b->parser);
    return start;
}

static mpol_bytes copy(builder *b, const unsigned char *data, size_t len) {
    return (mpol_bytes){apr_pmemdup(b->pool, data, len), (uint32_t)len};
}

static int refuse(builder *b, mpol_diagnostic_code code, uint32_t offset, const char *fix,
                  const char *text) {
    mpol_diagnostics_add(b->diagnostics, MPOL_ERROR, code, offset, "", fix, "%s", text);
    b->refused = true;
    return 0;
}

static mpol_json *add_value(builder *b, mpol_json_type type) {
    mpol_json *value = apr_pcalloc(b->pool, sizeof *value);
    value->type = type;
    value->offset = token_start(b);
    value->parent = b->open;
    if (b->open == NULL) {
        b->document = value;
        return value;
    }
    if (b->open->type == MPOL_JSON_OBJECT) {
        value->key = b->key;
        value->key_offset = b->key_offset;
    }
    value->index = b->open->count++;
    if (b->open->last != NULL)
        b->open->last->next = value;
    else
        b->open->first = value;
    b->open->last = value;
    return value;
}

static int take_null(void *context) {
    (void)add_value(context, MPOL_JSON_NULL);
    return 1;
}

static int take_boolean(void *context, int truth) {
    mpol_json *value = add_value(context, MPOL_JSON_BOOLEAN);
    value->text = truth ? (mpol_bytes){(const uint8_t *)"true", 4}
                        : (mpol_bytes){(const uint8_t *)"false", 5};
    return 1;
}

static int take_number(void *context, const char *text, size_t len) {
    builder *b = context;
    mpol_json *value = add_value(b, MPOL_JSON_NUMBER);
    value->text = copy(b, (const unsigned char *)text, len);
    return 1;
}

static unsigned hex4(const uint8_t *digits) {
    char text[5] = {(char)digits[0], (char)digits[1], (char)digits[2], (char)digits[3], '\0'};
    return (unsigned)strtoul(text, NULL, 16);
}

/* yajl turns a lone surrogate into something else without a word; RFC 8259 section 8.2 warns of
 * such strings. Checked on the text, between `from` and `to`. */
static bool has_lone_surrogate(mpol_bytes text, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i + 1 < to; i++) {
        if (text.data[i] != '\\')
            continue;
        i++;
        if (text.data[i] != 'u' || i + 4 >= to)
            continue;
        unsigned unit = hex4(text.data + i + 1);
        if (unit >= 0xdc00 && unit <= 0xdfff)
            return true;
        if (unit < 0xd800 || unit > 0xdfff)
            continue;
        if (i + 10 >= to || text.data[i + 5] != '\\' || text.data[i + 6] != 'u')
            return true;
        unit = hex4(text.data + i + 7);
        if (unit < 0xdc00 || unit > 0xdfff)
            return true;
        i += 10;
    }
    return false;
}

static int check_string(builder *b, uint32_t start) {
    if (!has_lone_surrogate(b->diagnostics->text, start, b->end))
        return 1;
    return refuse(b, MPOL_DIAGNOSTIC_JSON_ENCODING, start, "Write both halves of the pair.",
                  "The string holds half of a surrogate pair, which is no character.");
}

static int take_string(void *context, const unsigned char *data, size_t len) {
    builder *b = context;
    mpol_json *value = add_value(b, MPOL_JSON_STRING);
    value->text = copy(b, data, len);
    return check_string(b, value->offset);
}

static int take_key(void *context, const unsigned char *data, size_t len) {
    builder *b = context;
    b->key_offset = token_start(b);
    b->key = copy(b, data, len);
    return check_string(b, b->key_offset);
}

static int open_container(builder *b, mpol_json_type type) {
    mpol_json *value = add_value(b, type);
    if (++b->depth > MPOL_JSON_DEPTH)
        return refuse(b, MPOL_DIAGNOSTIC_JSON_TOO_DEEP, value->offset,
                      "No policy needs more than 32 levels; look for a bracket too many.",
                      "Lists and objects are nested too deeply.");
    b->open = value;
    return 1;
}

static int open_object(void *context) {
    return open_container(context, MPOL_JSON_OBJECT);
}

static int open_array(void *context) {
    return open_container(context, MPOL_JSON_ARRAY);
}

static int close_container(void *context) {
    builder *b = context;
    (void)token_start(b);
    b->open = b->open->parent;
    b->depth--;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = take_null,
    .yajl_boolean = take_boolean,
    .yajl_number = take_number,
    .yajl_string = take_string,
    .yajl_start_map = open_object,
    .yajl_map_key = take_key,
    .yajl_end_map = close_container,
    .yajl_start_array = open_array,
    .yajl_end_array = close_container,
};

/* Does the beginning of the text, `len` bytes, already break the grammar? */
static bool breaks_within(mpol_bytes text, uint32_t len) {
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    bool broken = yajl_parse(parser, text.data, len) == yajl_status_error;
    yajl_free(parser);
    return broken;
}

/* The byte at which yajl noticed: the shortest beginning that it refuses ends there. */
static uint32_t noticed_at(mpol_bytes text) {
    uint32_t good = 0;
    uint32_t bad = text.len;
    if (!breaks_within(text, text.len))
        return text.len; /* only the end is missing */
    while (bad - good > 1) {
        uint32_t middle = good + (bad - good) / 2;
        if (breaks_within(text, middle))
            bad = middle;
        else
            good = middle;
    }
    return bad - 1;
}

/* Would the text up to `at` go on with a word or number? Where a key belongs it does not. */
static bool word_may_stand(builder *b, uint32_t at) {
    static const char word[] = "null ";
    uint8_t *text = apr_palloc(b->pool, at + sizeof word);
    memcpy(text, b->diagnostics->text.data, at);
    memcpy(text + at, word, sizeof word - 1);
    return !breaks_within((mpol_bytes){text, 0}, at + (uint32_t)sizeof word - 1);
}

/* A token in the wrong place is noticed at its end; it begins behind the last good one. Commas and
 * colons are noticed at once. */
static uint32_t first_wrong_byte(builder *b, bool lexical) {
    mpol_bytes text = b->diagnostics->text;
    uint32_t noticed = noticed_at(text);
    uint32_t at = b->end;
    while (at < noticed && is_filler(text.data[at]))
        at++;
    if (noticed == text.len || (lexical && (text.data[at] == '"' || word_may_stand(b, at))))
        return noticed;
    return at;
}

/* The usual slips, by what stands at the place of the error. */
static const char *mend_of_syntax(mpol_bytes text, uint32_t at) {
    uint8_t here = at < text.len ? text.data[at] : 0;
    bool comma = false; /* before it */
    for (uint32_t i = at; i > 0 && is_filler(text.data[i - 1]); i--)
        comma = comma || text.data[i - 1] == ',';
    if (at == text.len)
        return "The text ends too early: close the string, list or object that is open.";
    if (comma && (here == '}' || here == ']'))
        return "Take out the comma before it.";
    if (here == '/' || here == '#')
        return "JSON has no comments; rules take a \"note\".";
    if (here == '\'' || (text.len - at >= 3 && memcmp(text.data + at, "\xe2\x80\x9c", 3) == 0))
        return "Put keys and text into plain double quotes.";
    return "Mend the text here; it must be JSON as in RFC 8259.";
}

static void explain_syntax(builder *b) {
    unsigned char *message =
        yajl_get_error(b->parser, 0, b->diagnostics->text.data, b->diagnostics->text.len);
    bool lexical = strncmp((const char *)message, "lexical error", 13) == 0;
    uint32_t at = first_wrong_byte(b, lexical);
    char *line = apr_pstrdup(b->pool, (const char *)message);
    line[strcspn(line, "\n")] = '\0';
    for (size_t len = strlen(line); len > 0 && line[len - 1] == '.'; len--)
        line[len - 1] = '\0';
    yajl_free_error(b->parser, message);
    bool bom =
        b->diagnostics->text.len >= 3 && memcmp(b->diagnostics->text.data, "\xef\xbb\xbf", 3) == 0;
    mpol_diagnostics_add(b->diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_JSON_SYNTAX, bom ? 0 : at, "",
                         bom ? "Save the file without a byte order mark."
                             : mend_of_syntax(b->diagnostics->text, at),
                         "This is not JSON: %s.", bom ? "it begins with a byte order mark" : line);
}

static bool check_encoding(mpol_diagnostics *diagnostics) {
    uint32_t valid = mpol_utf8_prefix(diagnostics->text);
    if (valid == diagnostics->text.len)
        return true;
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_JSON_ENCODING, valid, "",
                         "Save the file as UTF-8.", "The byte 0x%02x here is not UTF-8.",
                         diagnostics->text.data[valid]);
    return false;
}

/* yajl takes vertical tabs and form feeds for white space, which RFC 8259 section 2 does not. In
 * strings it takes neither, so one that is left stands between tokens. */
static bool check_spaces(mpol_diagnostics *diagnostics) {
    for (uint32_t i = 0; i < diagnostics->text.len; i++) {
        uint8_t c = diagnostics->text.data[i];
        if (c != '\v' && c != '\f')
            continue;
        mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_JSON_SYNTAX, i, "",
                             "Use blanks, tabs and line ends between tokens.",
                             "This is not JSON: a control character stands between two tokens.");
        return false;
    }
    return true;
}

static bool check_size(mpol_diagnostics *diagnostics) {
    if (diagnostics->text.len <= MPOL_LIMIT_SOURCE_BYTES)
        return true;
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_DOCUMENT_TOO_LARGE, 0, "",
                         "Split the policy.", "The document is larger than %u bytes.",
                         MPOL_LIMIT_SOURCE_BYTES);
    return false;
}

mpol_json *mpol_json_parse(apr_pool_t *pool, mpol_diagnostics *diagnostics) {
    builder b = {.pool = pool, .diagnostics = diagnostics};
    if (!check_size(diagnostics) || !check_encoding(diagnostics))
        return NULL;
    b.parser = yajl_alloc(&callbacks, NULL, &b);
    yajl_status status = yajl_parse(b.parser, diagnostics->text.data, diagnostics->text.len);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(b.parser);
    if (status != yajl_status_ok && !b.refused)
        explain_syntax(&b);
    yajl_free(b.parser);
    return status == yajl_status_ok && check_spaces(diagnostics) ? b.document : NULL;
}

/* A key within a pointer: "~" and "/" as RFC 6901 has them, and control characters as JSON writes
 * them, so that a pointer can be shown. */
static const char *escape_key(apr_pool_t *pool, mpol_bytes key) {
    char *out = apr_palloc(pool, 6 * (size_t)key.len + 1);
    char *at = out;
    for (uint32_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];
        bool two_bytes = c == 0xc2 && i + 1 < key.len && key.data[i + 1] < 0xa0;
        if (two_bytes)
            c = key.data[++i];
        if (two_bytes || c < 0x20 || c == 0x7f) {
            at += apr_snprintf(at, 7, "\\u%04x", c);
            continue;
        }
        if (c == '~' || c == '/')
            *at++ = '~';
        *at++ = c == '~' ? '0' : (c == '/' ? '1' : (char)c);
    }
    *at = '\0';
    return out;
}

const char *mpol_json_pointer(apr_pool_t *pool, const mpol_json *value) {
    const char *pointer = "";
    for (; value->parent != NULL; value = value->parent) {
        const char *step = value->key.data != NULL ? escape_key(pool, value->key)
                                                   : apr_psprintf(pool, "%u", value->index);
        pointer = apr_pstrcat(pool, "/", step, pointer, NULL);
    }
    return pointer;
}
