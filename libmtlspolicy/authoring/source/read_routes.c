/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "match/host.h"
#include "source/reader.h"

#include <apr_strings.h>
#include <string.h>

enum { ROUTE_HOSTS, ROUTE_METHODS, ROUTE_PATHS, ROUTE_TAGS, ROUTE_FIELDS };
static const mpol_field route_fields[ROUTE_FIELDS] = {
    {"hosts", MPOL_JSON_ARRAY, true},
    {"methods", MPOL_JSON_ARRAY, true},
    {"paths", MPOL_JSON_ARRAY, true},
    {"tags", MPOL_JSON_ARRAY, false},
};

static void read_hosts(mpol_reader *reader, const mpol_json *list, mpol_route *route) {
    apr_array_header_t *hosts = mpol_reader_strings(reader, list, true);
    for (int i = 0; i < hosts->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(hosts, i, const mpol_json *);
        if (mpol_bytes_are(value->text, "*") || mpol_is_dns_name(value->text))
            APR_ARRAY_PUSH(route->hosts, mpol_bytes) = value->text;
        else
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_HOST,
                             "Write a DNS name in lower case without port or trailing dot, or *.",
                             "\"%s\" is not a host that a route can list.",
                             mpol_quote(reader->pool, value->text));
    }
}

/* RFC 9110 section 5.6.2 */
static bool is_token(mpol_bytes text) {
    if (text.len == 0 || text.len > MPOL_LIMIT_METHOD_BYTES)
        return false;
    for (uint32_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]{}", text.data[i]) != NULL)
            return false;
    return true;
}

static void add_method(mpol_route *route, mpol_bytes method) {
    for (int i = 0; i < route->methods->nelts; i++)
        if (mpol_bytes_equal(*MPOL_AT(route->methods, i, mpol_bytes), method))
            return;
    APR_ARRAY_PUSH(route->methods, mpol_bytes) = method;
}

static void read_method(mpol_reader *reader, const mpol_json *value, bool alone,
                        mpol_route *route) {
    static const mpol_bytes head = {(const uint8_t *)"HEAD", 4};
    if (mpol_bytes_are(value->text, "*")) {
        route->any_method = alone;
        if (!alone)
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_METHOD,
                             "Leave * alone, or list methods without it.",
                             "* stands for every method and takes no others beside it.");
        return;
    }
    if (mpol_bytes_are(value->text, "CONNECT") || mpol_bytes_are(value->text, "TRACE")) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_METHOD, "Take it out.",
                         "%s is never allowed, whatever a policy says.",
                         mpol_quote(reader->pool, value->text));
        return;
    }
    if (!is_token(value->text)) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_METHOD,
                         "Write a method as it stands in requests, such as GET; case counts.",
                         "\"%s\" is not a method.", mpol_quote(reader->pool, value->text));
        return;
    }
    add_method(route, value->text);
    if (mpol_bytes_are(value->text, "GET"))
        add_method(route, head);
}

static void read_methods(mpol_reader *reader, const mpol_json *list, mpol_route *route) {
    apr_array_header_t *methods = mpol_reader_strings(reader, list, true);
    for (int i = 0; i < methods->nelts; i++)
        read_method(reader, APR_ARRAY_IDX(methods, i, const mpol_json *), methods->nelts == 1,
                    route);
}

/* A pattern while it is being read. */
typedef struct pattern_reader {
    mpol_reader *reader;
    mpol_pattern *pattern;
    apr_hash_t *captures;
    const char *wrong; /* what is wrong, NULL while nothing is */
    const char *fix;
} pattern_reader;

static bool wrong(pattern_reader *p, const char *what, const char *fix) {
    p->wrong = what;
    p->fix = fix;
    return false;
}

static bool is_capture_name(mpol_bytes name) {
    if (name.len == 0 || name.len > 32 || name.data[0] < 'a' || name.data[0] > 'z')
        return false;
    for (uint32_t i = 1; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

static bool take_capture(pattern_reader *p, mpol_bytes segment, mpol_segment *out) {
    mpol_bytes name = {segment.data + 1, segment.len - 2};
    out->type = MPOL_SEGMENT_ONE;
    if (!is_capture_name(name))
        return wrong(p, "a capture's name is wrong",
                     "Use 1 to 32 of a-z, 0-9 and '_', beginning with a letter.");
    if (apr_hash_get(p->captures, name.data, name.len) != NULL)
        return wrong(p, "a capture's name stands twice", "Give each capture its own name.");
    apr_hash_set(p->captures, name.data, name.len, p);
    return true;
}

static bool take_literal(pattern_reader *p, mpol_bytes segment, bool last, mpol_segment *out) {
    out->type = MPOL_SEGMENT_LITERAL;
    out->literal = segment;
    if (segment.len == 0 && !last)
        return wrong(p, "a segment is empty", "Write one slash between two segments.");
    if (mpol_bytes_are(segment, ".") || mpol_bytes_are(segment, ".."))
        return wrong(p, "a segment is a dot segment",
                     "Write the path as it is after resolving it.");
    for (uint32_t i = 0; i < segment.len; i++) {
        uint8_t c = segment.data[i];
        if (c == '%')
            return wrong(p, "it holds a %", "Write literals decoded; %2F and % cannot be matched.");
        if (c == '*' || c == '{' || c == '}')
            return wrong(p, "it holds *, { or } beside other text",
                         "A wildcard or capture takes a whole segment: split the route, or use *.");
        if (strchr("?#;\\", c) != NULL || mpol_has_control(segment))
            return wrong(p, "it holds a character that no judged path has",
                         "Leave out ?, #, ;, \\ and control characters.");
    }
    return true;
}

static bool take_segment(pattern_reader *p, mpol_bytes segment, bool last) {
    mpol_segment out = {MPOL_SEGMENT_ONE, {NULL, 0}};
    bool good = true;
    if (mpol_bytes_are(segment, "**")) {
        out.type = MPOL_SEGMENT_REST;
        if (!last)
            good = wrong(p, "** stands before the end", "** takes the rest and must be last.");
    } else if (segment.len > 1 && segment.data[0] == '{' && segment.data[segment.len - 1] == '}') {
        good = take_capture(p, segment, &out);
    } else if (!mpol_bytes_are(segment, "*")) {
        good = take_literal(p, segment, last, &out);
    }
    APR_ARRAY_PUSH(p->pattern->segments, mpol_segment) = out;
    return good;
}

static bool read_pattern(pattern_reader *p) {
    mpol_bytes text = p->pattern->text;
    if (text.len > MPOL_LIMIT_PATTERN_BYTES)
        return wrong(p, "it is too long", "Use at most 8192 bytes.");
    if (text.len == 0 || text.data[0] != '/')
        return wrong(p, "it does not begin with /", "Begin the pattern with a slash.");
    uint32_t from = 1;
    for (uint32_t i = 1; i <= text.len; i++) {
        if (i < text.len && text.data[i] != '/')
            continue;
        if (p->pattern->segments->nelts == MPOL_LIMIT_PATTERN_SEGMENTS)
            return wrong(p, "it has too many segments", "Use at most 64 segments.");
        if (!take_segment(p, (mpol_bytes){text.data + from, i - from}, i == text.len))
            return false;
        from = i + 1;
    }
    return true;
}

static void read_paths(mpol_reader *reader, const mpol_json *list, mpol_route *route) {
    apr_array_header_t *paths = mpol_reader_strings(reader, list, true);
    for (int i = 0; i < paths->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(paths, i, const mpol_json *);
        mpol_pattern pattern = {value->text, mpol_place_of(value),
                                apr_array_make(reader->pool, 4, sizeof(mpol_segment))};
        pattern_reader p = {reader, &pattern, apr_hash_make(reader->pool), NULL, NULL};
        if (read_pattern(&p))
            *(mpol_pattern *)apr_array_push(route->patterns) = pattern;
        else
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_PATH, p.fix,
                             "\"%s\" is not a path pattern: %s.",
                             mpol_quote(reader->pool, value->text), p.wrong);
    }
}

static void read_tags(mpol_reader *reader, const mpol_json *list, mpol_route *route) {
    apr_array_header_t *tags = mpol_reader_strings(reader, list, false);
    for (int i = 0; i < tags->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(tags, i, const mpol_json *);
        (void)mpol_reader_check_name(reader, value, value->offset, value->text);
        APR_ARRAY_PUSH(route->tags, mpol_bytes) = value->text;
        apr_hash_set(reader->tags, value->text.data, value->text.len, value);
    }
}

static void read_route(mpol_reader *reader, mpol_route *route) {
    const mpol_json *fields[ROUTE_FIELDS];
    route->hosts = apr_array_make(reader->pool, 2, sizeof(mpol_bytes));
    route->methods = apr_array_make(reader->pool, 2, sizeof(mpol_bytes));
    route->patterns = apr_array_make(reader->pool, 2, sizeof(mpol_pattern));
    route->tags = apr_array_make(reader->pool, 1, sizeof(mpol_bytes));
    if (!mpol_reader_fields(reader, route->place.source, route_fields, ROUTE_FIELDS, fields))
        return;
    read_hosts(reader, fields[ROUTE_HOSTS], route);
    read_methods(reader, fields[ROUTE_METHODS], route);
    read_paths(reader, fields[ROUTE_PATHS], route);
    read_tags(reader, fields[ROUTE_TAGS], route);
}

void mpol_read_routes(mpol_reader *reader, const mpol_json *table) {
    apr_array_header_t *routes = reader->model->routes;
    mpol_reader_table(reader, table, routes, sizeof(mpol_route), reader->routes);
    for (int i = 0; i < routes->nelts; i++)
        read_route(reader, MPOL_AT(routes, i, mpol_route));
}
