/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_H
#define CLIENT_H
/* What the files of mtls_client share; main.c says what it is. */

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_LOCAL = 1, EXIT_HANDSHAKE = 3 };
enum { TIME_LIMIT_S = 60, HEADERS_MAX = 64, READ_BYTES = 16384 };

typedef struct {
    unsigned char *data; /* always followed by a NUL once anything was added */
    size_t len;
    size_t capacity;
} buffer;

typedef struct {
    char *name;
    char *value;
    size_t value_len;
} header;

typedef struct {
    char *method;
    char *target;
    size_t target_len;
    header headers[HEADERS_MAX];
    size_t header_count;
    char *directive; /* a line that starts with @; then nothing else is set */
    char *tunnel;    /* what to send once the protocol is switched; NULL for none */
    char *tunnel_line;
    size_t tunnel_len;
    unsigned number;
    /* the answer */
    int status;
    int is_done;
    uint32_t reset_code;
    buffer response_headers; /* "name: value\n" each, names in lower case, bytes escaped */
    buffer body;
} request;

typedef struct {
    const char *host, *from, *sni, *ca, *cert, *key, *session_out, *session_in, *headers;
    long port;
    int is_h2, tls_version, no_host, no_ticket, is_pha, is_parallel, wants_body;
} options;

typedef struct {
    options opt;
    request *script;
    size_t script_count;
    int fd;
    SSL *ssl;
    SSL_SESSION *new_session;
    buffer input; /* HTTP/1.1: bytes read and not yet used */
    int is_announced;
    int is_closed;
} client;

/* Both say why on standard error and end the program with EXIT_LOCAL. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
__attribute__((noreturn)) void die_openssl(const char *what);

void buffer_add(buffer *b, const void *data, size_t len);
void buffer_add_text(buffer *b, const char *text);
void buffer_add_escaped(buffer *b, const unsigned char *data, size_t len);
void buffer_drop(buffer *b, size_t len); /* from its start */

void read_options(options *o, int argc, char **argv);

/* From standard input. */
void read_script(client *c);
void script_free(client *c);
/* Does what an @ line of the script says. */
void obey(client *c, const char *directive);
/* The header the script gives a request; NULL for none. */
const header *find_header(const request *q, const char *name);
/* Does it ask for a connection to another host, which has no path? */
int is_plain_connect(const request *q);

SSL_CTX *make_context(const options *o);
void tls_connect(client *c, SSL_CTX *context);
/* Has another certificate from now on, or none for NULL. */
void tls_change_certificate(client *c, const char *chain, const char *key);
size_t tls_read(client *c, unsigned char *data, size_t capacity);
void tls_write(client *c, const unsigned char *data, size_t len);
void save_session(client *c);
void say_goodbye(client *c);

/* Each plays the whole script. */
void h1_play(client *c);
void h2_play(client *c);

/* The line about the connection, once. */
void announce(client *c);
void print_response(client *c, const request *q);
void print_closed(client *c);
void to_lower_case(char *text, size_t len);
void collect_header(request *q, const unsigned char *name, size_t name_len,
                    const unsigned char *value, size_t value_len);

#endif
