/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "match/host.h"
#include "match/target.h"
#include "source/reader.h"

#include <apr_strings.h>
#include <string.h>

enum {
    ROUTE_HOSTS,
    ROUTE_METHODS,
    ROUTE_PATHS,
    ROUTE_TAGS,
    ROUTE_EXPECTS,
    ROUTE_PREFLIGHT,
    ROUTE_INTERNAL,
    ROUTE_FIELDS
};
static const mpol_field route_fields[ROUTE_FIELDS] = {
    {"hosts", MPOL_JSON_ARRAY, true},    {"methods", MPOL_JSON_ARRAY, true},
    {"paths", MPOL_JSON_ARRAY, true},    {"tags", MPOL_JSON_ARRAY, false},
    {"expects", MPOL_JSON_ARRAY, false}, {"preflight", MPOL_JSON_BOOLEAN, false},
    {"internal", MPOL_JSON_NULL, false}, /* true, false or "error" */
};

/* A host in the form in which it is compared; NULL data when it is none. */
static mpol_bytes normalise_host(mpol_reader *reader, mpol_bytes text) {
    static const mpol_bytes none = {NULL, 0};
    uint8_t *buffer = apr_palloc(reader->pool, MPOL_HOST_BUFFER);
    mpol_bytes host;
    if (mpol_bytes_are(text, "*") || mpol_bytes_are(text, "-") || mpol_is_dns_name(text))
        return text;
    if (text.len > 2 && text.data[0] == '*' && text.data[1] == '.' &&
        text.len <= MPOL_LIMIT_HOST_BYTES &&
        mpol_is_dns_name((mpol_bytes){text.data + 2, text.len - 2}))
        return text;
    /* An IPv6 address is all that is left, and nothing else may hold a colon. */
    bool brackets = text.len > 0 && text.data[0] == '[';
    if (brackets && text.data[text.len - 1] != ']')
        return none;
    mpol_bytes address = brackets ? (mpol_bytes){text.data + 1, text.len - 2} : text;
    if (memchr(address.data, ':', address.len) == NULL ||
        memchr(address.data, '[', address.len) != NULL || mpol_has_control(address))
        return none;
    const char *bracketed =
        apr_psprintf(reader->pool, "[%.*s]", (int)address.len, (const char *)address.data);
    mpol_bytes raw = {(const uint8_t *)bracketed, (uint32_t)strlen(bracketed)};
    return raw.len <= MPOL_LIMIT_HOST_BYTES &&
                   mpol_host_parse(raw, buffer, &host) == MPOL_REASON_ALLOWED
               ? host
               : none;
}

static bool lists_host(const mpol_route *route, mpol_bytes host) {
    for (int i = 0; i < route->hosts->nelts; i++)
        if (mpol_bytes_equal(*MPOL_AT(route->hosts, i, mpol_bytes), host))
            return true;
    return false;
}

static const char *mend_of_host(mpol_bytes text) {
    const uint8_t *colon = memchr(text.data, ':', text.len);
    bool upper = false;
    bool slash = memchr(text.data, '/', text.len) != NULL;
    for (uint32_t i = 0; i < text.len; i++)
        upper = upper || (text.data[i] >= 'A' && text.data[i] <= 'Z');
    if (slash)
        return "Write the host alone, without scheme and path.";
    if (upper)
        return "Write it in lower case.";
    if (text.len > 1 && text.data[text.len - 1] == '.')
        return "Leave out the dot at its end.";
    if (colon != NULL && text.data[0] != '[' &&
        memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.data)) == NULL)
        return "Leave out the port: a host is the same on every port.";
    if (text.len > 1 && memchr(text.data, '*', text.len) != NULL)
        return "Write *.NAME for one more label before NAME, or * alone for every host.";
    return "Write a DNS name in lower case, *.NAME for one more label, an IP address, - for no "
           "host, "
           "or *.";
}

static void read_hosts(mpol_reader *reader, const mpol_json *list, mpol_route *route) {
    apr_array_header_t *hosts = mpol_reader_strings(reader, list, true);
    for (int i = 0; i < hosts->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(hosts, i, const mpol_json *);
        mpol_bytes host = normalise_host(reader, value->text);
        if (host.data == NULL)
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_HOST, mend_of_host(value->text),
                             "\"%s\" is not a host that a route can list.",
                             mpol_quote(reader->pool, value->text));
        else if (lists_host(route, host))
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_DUPLICATE_MEMBER,
                             "Delete one of the two.", "This address stands twice in the list.");
        else
            APR_ARRAY_PUSH(route->hosts, mpol_bytes) = host;
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
    uint32_t expects; /* MPOL_PATH_ classes */
    apr_hash_t *captures;
    const char *wrong; /* what is wrong, NULL while nothing is */
    const char *fix;
} pattern_reader;

static bool wrong(pattern_reader *p, const char *what, const char *fix) {
    p->wrong = what;
    p->fix = fix;
    return false;
}

static const struct {
    const char *name;
    mpol_segment_type type;
} capture_types[] = {
    {"uuid", MPOL_SEGMENT_UUID},
    {"int", MPOL_SEGMENT_INT},
    {"hex", MPOL_SEGMENT_HEX},
};

/* The type behind the colon of a capture; false when it is not known. */
static bool take_type(mpol_bytes type, mpol_segment *out) {
    for (size_t i = 0; i < sizeof capture_types / sizeof capture_types[0]; i++)
        if (mpol_bytes_are(type, capture_types[i].name)) {
            out->type = capture_types[i].type;
            return true;
        }
    return false;
}

static bool take_capture(pattern_reader *p, mpol_bytes segment, mpol_segment *out) {
    mpol_bytes name = {segment.data + 1, segment.len - 2};
    const uint8_t *colon = memchr(name.data, ':', name.len);
    out->type = MPOL_SEGMENT_ONE;
    if (colon != NULL) {
        uint32_t len = (uint32_t)(colon - name.data);
        mpol_bytes type = {colon + 1, name.len - len - 1};
        name.len = len;
        if (!take_type(type, out))
            return wrong(p, "a capture's type is not known", "Use uuid, int or hex, or none.");
    }
    if (!mpol_is_capture_name(name))
        return wrong(p, "a capture's name is wrong",
                     "Use 1 to 32 of a-z, 0-9 and '_', beginning with a letter.");
    if (apr_hash_get(p->captures, name.data, name.len) != NULL)
        return wrong(p, "a capture's name stands twice", "Give each capture its own name.");
    apr_hash_set(p->captures, name.data, name.len, p);
    out->capture = name;
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
        if ((c == ';' && (p->expects & MPOL_PATH_PARAMETERS) == 0) ||
            (c == '\\' && (p->expects & MPOL_PATH_BACKSLASH) == 0))
            return wrong(p, "it holds a character that the route does not expect",
                         "List parameters for ; or backslash for \\ in its \"expects\".");
        if (c == '?' || c == '#')
            return wrong(p, "it holds a character that no judged path has",
                         "Leave out ?, # and control characters.");
    }
    if (mpol_has_control(segment))
        return wrong(p, "it holds a character that no judged path has",
                     "Leave out ?, # and control characters.");
    return true;
}

static bool take_segment(pattern_reader *p, mpol_bytes segment, bool last) {
    mpol_segment out = {MPOL_SEGMENT_ONE, {NULL, 0}, {NULL, 0}};
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
        pattern_reader p = {
            reader, &pattern, route->flags & MPOL_ROUTE_EXPECTS, apr_hash_make(reader->pool),
            NULL,   NULL};
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

static const struct {
    const char *name;
    uint32_t flag;
} classes[] = {
#define CLASS_NAME(suffix, name) {name, MPOL_PATH_##suffix},
    MPOL_PATH_CLASSES(CLASS_NAME)
#undef CLASS_NAME
        {"method-override", MPOL_ROUTE_EXPECTS_OVERRIDE},
};

static void read_expects(mpol_reader *reader, const mpol_json *list, mpol_route *route) {
    apr_array_header_t *values = mpol_reader_strings(reader, list, false);
    for (int i = 0; i < values->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(values, i, const mpol_json *);
        uint32_t flag = 0;
        for (size_t k = 0; k < sizeof classes / sizeof classes[0]; k++)
            if (mpol_bytes_are(value->text, classes[k].name))
                flag = classes[k].flag;
        route->flags |= flag;
        if (flag == 0)
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_EXPECTS,
                             "Use encoded-slash, backslash, parameters, empty-segments, "
                             "dot-segments, percent or method-override.",
                             "\"%s\" is nothing that a route can expect.",
                             mpol_quote(reader->pool, value->text));
    }
}

static void read_internal(mpol_reader *reader, const mpol_json *value, mpol_route *route) {
    if (value == NULL)
        return;
    if (value->type == MPOL_JSON_STRING && mpol_bytes_are(value->text, "error"))
        route->flags |= MPOL_ROUTE_INTERNAL_ERROR;
    else if (value->type == MPOL_JSON_BOOLEAN)
        route->flags |= mpol_reader_flag(value, false) ? MPOL_ROUTE_INTERNAL : 0u;
    else
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_INTERNAL,
                         "Write true, false or \"error\".",
                         "This does not say where the route is reached from.");
}

/* A preflight request is let in for everyone: that is worth a word. */
static void read_preflight(mpol_reader *reader, const mpol_json *value, mpol_route *route) {
    route->preflight = mpol_reader_flag(value, false);
    if (!route->preflight)
        return;
    if (mpol_route_is_internal(route)) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_INTERNAL_PREFLIGHT,
                         "Take one of the two out.",
                         "An internal route is never asked for by a client, so it takes no "
                         "preflight requests.");
        return;
    }
    mpol_diagnostics_add(reader->diagnostics, MPOL_NOTE, MPOL_DIAGNOSTIC_PREFLIGHT_OPEN,
                         value->offset, mpol_json_pointer(reader->pool, value),
                         "Nothing needs mending if the server behind answers them.",
                         "Preflight requests to route \"%s\" are let in for everyone.",
                         mpol_quote(reader->pool, route->name));
}

static void read_route(mpol_reader *reader, mpol_route *route) {
    const mpol_json *fields[ROUTE_FIELDS];
    route->hosts = apr_array_make(reader->pool, 2, sizeof(mpol_bytes));
    route->methods = apr_array_make(reader->pool, 2, sizeof(mpol_bytes));
    route->patterns = apr_array_make(reader->pool, 2, sizeof(mpol_pattern));
    route->tags = apr_array_make(reader->pool, 1, sizeof(mpol_bytes));
    if (!mpol_reader_fields(reader, route->place.source, route_fields, ROUTE_FIELDS, fields))
        return;
    read_expects(reader, fields[ROUTE_EXPECTS], route); /* patterns depend on it */
    read_internal(reader, fields[ROUTE_INTERNAL], route);
    read_preflight(reader, fields[ROUTE_PREFLIGHT], route);
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
