/* SPDX-License-Identifier: Apache-2.0 */
#include "match/target.h"

/* What a byte of the raw path asks for; 0 is an ordinary byte that is copied. */
enum { COPY = 0, SLASH, ESCAPE, BACKSLASH, SEMICOLON, REFUSED, QUERY };

#define CONTROLS [0 ... 31] = REFUSED, [127] = REFUSED, [128 ... 255] = REFUSED

static const uint8_t action_of[256] = {
    CONTROLS,           ['#'] = REFUSED,   ['/'] = SLASH, ['%'] = ESCAPE,
    ['\\'] = BACKSLASH, [';'] = SEMICOLON, ['?'] = QUERY,
};

/* The path while it is being written. */
typedef struct writer {
    mpol_bytes raw;
    uint8_t *out;
    uint32_t len;     /* bytes written */
    uint32_t segment; /* where the current segment begins in `out` */
    uint32_t piece;   /* the same where encoded slashes and backslashes separate, too */
    uint32_t cut;     /* where the first ';' of the current piece is, if it has had one */
    uint32_t classes;
    bool parameters;   /* it has */
    bool beyond_ascii; /* an escape gave a byte above 0x7f */
} writer;

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte an escape at `at` stands for, or -1 when it is broken. */
static int escaped_byte(mpol_bytes raw, uint32_t at) {
    if (raw.len - at < 3)
        return -1;
    int high = hex_value(raw.data[at + 1]);
    int low = hex_value(raw.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Is the decoded text from `at` on a hexadecimal digit? Moves `*at` behind it. */
static bool decodes_to_hex(mpol_bytes raw, uint32_t *at) {
    if (*at >= raw.len)
        return false;
    int byte = raw.data[*at] == '%' ? escaped_byte(raw, *at) : raw.data[*at];
    *at += raw.data[*at] == '%' ? 3 : 1;
    return byte >= 0 && hex_value((uint8_t)byte) >= 0;
}

static bool is_dots(const uint8_t *segment, uint32_t len, uint32_t dots) {
    if (len != dots)
        return false;
    for (uint32_t i = 0; i < len; i++)
        if (segment[i] != '.')
            return false;
    return true;
}

static void put(writer *w, uint8_t byte) {
    w->out[w->len++] = byte;
}

/* What is left of the current piece by servers that cut parameters off. */
static uint32_t name_len(const writer *w) {
    return (w->parameters ? w->cut : w->len) - w->piece;
}

/* Some servers take an encoded slash or a backslash for a slash, and dots beside it for a dot
 * segment. */
static void end_piece(writer *w) {
    const uint8_t *piece = w->out + w->piece;
    uint32_t len = name_len(w);
    if (is_dots(piece, len, 1) || is_dots(piece, len, 2))
        w->classes |= MPOL_PATH_DOT_SEGMENTS;
}

static void begin_piece(writer *w) {
    w->piece = w->len;
    w->parameters = false;
}

static void end_segment(writer *w, bool last) {
    if (!last && w->piece == w->segment && name_len(w) == 0)
        w->classes |= MPOL_PATH_EMPTY_SEGMENTS;
    end_piece(w);
}

static void take_slash(writer *w) {
    end_segment(w, false);
    put(w, '/');
    w->segment = w->len;
    begin_piece(w);
}

static void take_backslash(writer *w) {
    end_piece(w);
    w->classes |= MPOL_PATH_BACKSLASH;
    put(w, '\\');
    begin_piece(w);
}

static void take_semicolon(writer *w) {
    /* Servlet containers cut path parameters off first: "..;x" is ".." to them. */
    if (!w->parameters && is_dots(w->out + w->piece, w->len - w->piece, 2))
        w->classes |= MPOL_PATH_AMBIGUOUS;
    w->classes |= MPOL_PATH_PARAMETERS;
    if (!w->parameters)
        w->cut = w->len;
    w->parameters = true;
    put(w, ';');
}

static void take_percent(writer *w, uint32_t after) {
    uint32_t at = after;
    if (decodes_to_hex(w->raw, &at) && decodes_to_hex(w->raw, &at))
        w->classes |= MPOL_PATH_AMBIGUOUS;
    w->classes |= MPOL_PATH_PERCENT;
    put(w, '%');
}

static void take_encoded_slash(writer *w) {
    end_piece(w);
    w->classes |= MPOL_PATH_ENCODED_SLASH;
    put(w, '%');
    put(w, '2');
    put(w, 'F');
    begin_piece(w);
}

static void take_escape(writer *w, uint32_t at) {
    int byte = escaped_byte(w->raw, at);
    if (byte < 0x20 || byte == 0x7f) { /* broken, or a control character */
        w->classes |= MPOL_PATH_AMBIGUOUS;
        return;
    }
    if (byte == '/') {
        take_encoded_slash(w);
        return;
    }
    if (byte == '%') {
        take_percent(w, at + 3);
        return;
    }
    if (byte == ';') { /* servers that proxy may send it on unescaped */
        take_semicolon(w);
        return;
    }
    if (byte == '\\') {
        take_backslash(w);
        return;
    }
    if (byte >= 0x80)
        w->beyond_ascii = true;
    put(w, (uint8_t)byte);
}

static void take_special(writer *w, uint32_t at, uint8_t action) {
    if (action == SLASH) {
        take_slash(w);
    } else if (action == ESCAPE) {
        take_escape(w, at);
    } else if (action == SEMICOLON) {
        take_semicolon(w);
    } else if (action == BACKSLASH) {
        take_backslash(w);
    } else {
        w->classes |= MPOL_PATH_AMBIGUOUS;
    }
}

/* Drop empty segments but the last and resolve dot segments (RFC 3986 section 5.2.4), in place. */
static uint32_t resolve_segments(uint8_t *path, uint32_t len) {
    uint32_t out = 1;
    uint32_t at = 1;
    while (at <= len) {
        uint32_t end = at;
        while (end < len && path[end] != '/')
            end++;
        bool last = end == len;
        uint32_t segment_len = end - at;
        if (is_dots(path + at, segment_len, 2)) {
            while (out > 1 && path[out - 2] != '/')
                out--;
            if (out > 1)
                out--;
        } else if (segment_len > 0 && !is_dots(path + at, segment_len, 1)) {
            for (uint32_t i = at; i < end; i++)
                path[out++] = path[i];
            if (!last)
                path[out++] = '/';
        }
        at = end + 1;
    }
    return out;
}

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme_byte(uint8_t c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* Where the path of the target begins: 0, or behind "scheme://authority" (RFC 3986 section 3). */
static uint32_t path_start(mpol_bytes raw) {
    uint32_t i = 0;
    if (raw.len == 0 || !is_letter(raw.data[0]))
        return 0;
    while (i < raw.len && is_scheme_byte(raw.data[i]))
        i++;
    if (raw.len - i < 3 || raw.data[i] != ':' || raw.data[i + 1] != '/' || raw.data[i + 2] != '/')
        return 0;
    i += 3;
    while (i < raw.len && raw.data[i] != '/' && raw.data[i] != '?' && raw.data[i] != '#')
        i++;
    return i;
}

/* Copy ordinary bytes, which most of a path is; the result is where they end. */
static uint32_t take_ordinary(writer *w, uint32_t at) {
    const uint8_t *raw = w->raw.data;
    uint32_t end = w->raw.len;
    uint8_t *out = w->out;
    uint32_t len = w->len;
    while (at < end && action_of[raw[at]] == COPY)
        out[len++] = raw[at++];
    w->len = len;
    return at;
}

static void decode(writer *w, uint32_t at) {
    while ((w->classes & MPOL_PATH_AMBIGUOUS) == 0) {
        at = take_ordinary(w, at);
        uint8_t action = at < w->raw.len ? action_of[w->raw.data[at]] : QUERY;
        if (action == QUERY)
            break;
        take_special(w, at, action);
        at += action == ESCAPE ? 3 : 1;
    }
    end_segment(w, true);
}

static void finish(writer *w, mpol_target *target) {
    mpol_bytes path = {w->out, w->len};
    if (w->beyond_ascii && (!mpol_utf8_valid(path) || mpol_has_control(path)))
        w->classes |= MPOL_PATH_AMBIGUOUS;
    target->classes = w->classes;
    if ((w->classes & MPOL_PATH_AMBIGUOUS) != 0)
        return;
    if ((w->classes & (MPOL_PATH_EMPTY_SEGMENTS | MPOL_PATH_DOT_SEGMENTS)) != 0)
        path.len = resolve_segments(w->out, w->len);
    target->path = path;
}

/* False when the path does not begin with a slash, which settles everything. */
static bool begin(writer *w, uint32_t start, mpol_target *target) {
    *target = (mpol_target){.path = {w->out, 0}};
    target->asterisk = w->raw.len == 1 && w->raw.data[0] == '*';
    if (start >= w->raw.len || w->raw.data[start] != '/') {
        target->classes = MPOL_PATH_AMBIGUOUS;
        return false;
    }
    put(w, '/');
    w->segment = w->piece = 1;
    return true;
}

/* Where ordinary bytes end that begin at `at`; four are looked at together. */
static inline uint32_t behind_ordinary(mpol_bytes raw, uint32_t at) {
    const uint8_t *bytes = raw.data;
    while (raw.len - at >= 4 && (action_of[bytes[at]] | action_of[bytes[at + 1]] |
                                 action_of[bytes[at + 2]] | action_of[bytes[at + 3]]) == COPY)
        at += 4;
    while (at < raw.len && action_of[bytes[at]] == COPY)
        at++;
    return at;
}

/* Where a path ends that has nothing but ordinary segments and so is its own compared form, as most
 * have; 0 when it is another. */
static uint32_t plain_end(mpol_bytes raw, uint32_t start) {
    uint32_t segment = start + 1;
    for (uint32_t at = segment;; segment = ++at) {
        at = behind_ordinary(raw, at);
        uint8_t action = at < raw.len ? action_of[raw.data[at]] : QUERY;
        uint32_t len = at - segment;
        if (action != SLASH && action != QUERY)
            return 0;
        if (len == 0 && action == SLASH)
            return 0;
        if (len <= 2 &&
            (is_dots(raw.data + segment, len, 1) || is_dots(raw.data + segment, len, 2)))
            return 0;
        if (action == QUERY)
            return at;
    }
}

bool mpol_target_plain(mpol_bytes raw, mpol_target *target) {
    uint32_t start = path_start(raw);
    uint32_t end = start < raw.len && raw.data[start] == '/' ? plain_end(raw, start) : 0;
    *target = (mpol_target){.path = {raw.data + start, end == 0 ? 0 : end - start}};
    return end != 0;
}

void mpol_target_parse(mpol_bytes raw, uint8_t *buffer, mpol_target *target) {
    uint32_t start = path_start(raw);
    writer w = {.raw = raw, .out = buffer};
    if (mpol_target_plain(raw, target) || !begin(&w, start, target))
        return;
    decode(&w, start + 1);
    finish(&w, target);
}

static void take_decoded(writer *w, uint8_t byte) {
    if (byte == '/') {
        take_slash(w);
        return;
    }
    if (byte == ';') {
        take_semicolon(w);
        return;
    }
    if (byte == '\\') {
        take_backslash(w);
        return;
    }
    if (byte == '%')
        w->classes |= MPOL_PATH_PERCENT;
    if (byte < 0x20 || byte == 0x7f)
        w->classes |= MPOL_PATH_AMBIGUOUS;
    w->beyond_ascii = w->beyond_ascii || byte >= 0x80;
    put(w, byte);
}

void mpol_target_decoded(mpol_bytes path, uint8_t *buffer, mpol_target *target) {
    writer w = {.raw = path, .out = buffer};
    if (!begin(&w, 0, target))
        return;
    for (uint32_t i = 1; i < path.len; i++)
        take_decoded(&w, path.data[i]);
    end_segment(&w, true);
    finish(&w, target);
}

/* Is `other` the same text, but that it may write %2F as %2f? */
static bool same_but_slashes(mpol_bytes path, mpol_bytes other) {
    if (path.len != other.len)
        return false;
    for (uint32_t i = 0; i < path.len; i++) {
        bool escape = i >= 2 && path.data[i - 2] == '%' && path.data[i - 1] == '2';
        if (path.data[i] != other.data[i] &&
            !(escape && path.data[i] == 'F' && other.data[i] == 'f'))
            return false;
    }
    return true;
}

bool mpol_target_same(const mpol_target *target, mpol_bytes other, uint8_t *scratch) {
    mpol_target again;
    if (same_but_slashes(target->path, other))
        return true;
    mpol_target_parse(other, scratch, &again);
    return (again.classes & MPOL_PATH_AMBIGUOUS) == 0 && mpol_bytes_equal(target->path, again.path);
}
