/* SPDX-License-Identifier: Apache-2.0 */
/* The script on standard input: its requests, and what it says of waiting and certificates. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { FILE_POLL_MS = 10 };

static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c | 0x20);
    return found == NULL ? -1 : (int)(found - digits);
}

/* Replaces \xNN in place and returns the new length. */
static size_t unescape(char *text) {
    size_t len = 0;
    for (const char *in = text; *in != '\0'; in++) {
        const int is_escape =
            in[0] == '\\' && in[1] == 'x' && hex_digit(in[2]) >= 0 && hex_digit(in[3]) >= 0;
        text[len++] = is_escape ? (char)(hex_digit(in[2]) * 16 + hex_digit(in[3])) : *in;
        in += is_escape ? 3 : 0;
    }
    text[len] = '\0';
    return len;
}

static void parse_header(request *q, char *text) {
    /* the first colon of a pseudo-header belongs to its name */
    char *colon = text[0] == '\0' ? NULL : strchr(text + 1, ':');
    if (colon == NULL || q->header_count == HEADERS_MAX) {
        die("request %u: a header is NAME: VALUE, at most %d of them", q->number, HEADERS_MAX);
    }
    *colon++ = '\0';
    header *h = &q->headers[q->header_count++];
    h->name = text;
    h->value = colon + (*colon == ' ' ? 1 : 0);
    (void)unescape(h->name);
    h->value_len = unescape(h->value);
}

static void parse_request(request *q, char *line) {
    char *rest = line;
    q->method = strsep(&rest, " ");
    q->target = strsep(&rest, " ");
    if (q->target == NULL) {
        die("request %u: expected METHOD TARGET", q->number);
    }
    (void)unescape(q->method);
    q->target_len = unescape(q->target);
    for (char *text = strsep(&rest, "|"); text != NULL; text = strsep(&rest, "|")) {
        parse_header(q, text);
    }
}

/* Takes a line `@tunnel BYTES`, which belongs to the request before it. */
static int take_tunnel(client *c, char *line) {
    request *q = c->script_count > 0 ? &c->script[c->script_count - 1] : NULL;
    if (strncmp(line, "@tunnel ", 8) != 0) {
        return 0;
    }
    if (q == NULL || q->directive != NULL || q->tunnel != NULL) {
        die("@tunnel stands behind a request, once");
    }
    q->tunnel_line = line;
    q->tunnel = line + 8;
    q->tunnel_len = unescape(q->tunnel);
    return 1;
}

void read_script(client *c) {
    char *line = NULL;
    size_t capacity = 0;
    unsigned number = 0;
    for (ssize_t len = 0; (len = getline(&line, &capacity, stdin)) > 0; line = NULL, capacity = 0) {
        line[strcspn(line, "\n")] = '\0';
        if (take_tunnel(c, line)) {
            continue;
        }
        c->script = realloc(c->script, (c->script_count + 1) * sizeof *c->script);
        if (c->script == NULL) {
            die("out of memory");
        }
        request *q = &c->script[c->script_count++];
        *q = (request){0};
        if (line[0] == '@') {
            q->directive = line;
            continue;
        }
        q->number = ++number;
        parse_request(q, line);
    }
    free(line);
}

static void sleep_ms(long ms) {
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
}

static void change_certificate(client *c, const char *files) {
    char *text = strdup(files);
    char *key = text;
    const char *chain = strsep(&key, " ");
    if (key == NULL && chain != NULL && *chain != '\0') {
        die("@certificate %s: expected CHAIN KEY, or nothing", files);
    }
    tls_change_certificate(c, key != NULL ? chain : NULL, key);
    free(text);
}

void obey(client *c, const char *directive) {
    char *end = NULL;
    if (strncmp(directive, "@certificate", 12) == 0) {
        change_certificate(c, directive + 12 + (directive[12] == ' '));
        return;
    }
    if (strncmp(directive, "@wait-file ", 11) == 0) {
        while (access(directive + 11, F_OK) != 0) {
            sleep_ms(FILE_POLL_MS);
        }
        return;
    }
    const double seconds = strncmp(directive, "@sleep ", 7) == 0 ? strtod(directive + 7, &end) : -1;
    if (seconds < 0 || seconds > TIME_LIMIT_S || *end != '\0') {
        die("%s: expected @sleep SECONDS, @wait-file PATH or @certificate", directive);
    }
    sleep_ms((long)(seconds * 1000));
}

const header *find_header(const request *q, const char *name) {
    for (size_t i = 0; i < q->header_count; i++) {
        if (strcasecmp(q->headers[i].name, name) == 0) {
            return &q->headers[i];
        }
    }
    return NULL;
}

int is_plain_connect(const request *q) {
    return strcmp(q->method, "CONNECT") == 0 && find_header(q, ":protocol") == NULL;
}

void script_free(client *c) {
    for (size_t i = 0; i < c->script_count; i++) {
        request *q = &c->script[i];
        free(q->directive != NULL ? q->directive : q->method); /* each is the start of its line */
        free(q->tunnel_line);
        free(q->response_headers.data);
        free(q->body.data);
    }
    free(c->script);
}
