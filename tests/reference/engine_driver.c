/* SPDX-License-Identifier: Apache-2.0 */
/* The engine alone, as the server calls it: engine_driver POLICY TRUSTED.pem < questions > answers
 *
 * A question is a line of fields with tabs between, "-" for what is not there: certificate file;
 * what is known of it, letters of v (verified), r (readable) and e (path established); TLS present,
 * absent or unavailable; method; target in hex; host in hex; seconds since 1970; address; user in
 * hex; arrival client, later or error; headers, letters of p (preflight) and m (method override);
 * Require lines, each "@GROUP" and identities with commas, ";" between lines. An answer is:
 * allow|deny reason rule route identity issuer condition, "-" for what does not apply. */
#include "image/load.h"
#include "match/certificate.h"
#include "match/decide.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 65536, LINES = 4, NAMES = 16 };

typedef enum field {
    CERTIFICATE,
    KNOWN,
    TLS,
    METHOD,
    TARGET,
    HOST,
    NOW,
    ADDRESS,
    USER,
    ARRIVAL,
    HEADERS,
    REQUIRE,
    FIELDS
} field;

static void die(const char *what, const char *which) {
    (void)fprintf(stderr, "engine_driver: %s: %s\n", what, which);
    exit(2);
}

static STACK_OF(X509) * read_certificates(const char *path) {
    STACK_OF(X509) *all = sk_X509_new_null();
    FILE *file = fopen(path, "r");
    X509 *certificate;
    if (file == NULL)
        die("cannot open", path);
    while ((certificate = PEM_read_X509(file, NULL, NULL, NULL)) != NULL)
        (void)sk_X509_push(all, certificate);
    (void)fclose(file);
    if (sk_X509_num(all) < 1)
        die("no certificate in", path);
    return all;
}

static X509_STORE *trust(const char *path) {
    STACK_OF(X509) *roots = read_certificates(path);
    X509_STORE *store = X509_STORE_new();
    for (int i = 0; i < sk_X509_num(roots); i++)
        (void)X509_STORE_add_cert(store, sk_X509_value(roots, i));
    X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
    sk_X509_pop_free(roots, X509_free);
    return store;
}

/* What a handshake would leave behind, but for its verdict, which the question states. */
static void take_path(X509_STORE *store, STACK_OF(X509) * sent, mpol_facts *facts) {
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    (void)X509_STORE_CTX_init(context, store, sk_X509_value(sent, 0), sent);
    (void)X509_verify_cert(context);
    facts->established = mpol_path_read(X509_STORE_CTX_get0_chain(context), &facts->path);
    X509_STORE_CTX_free(context);
}

static uint32_t unhex(const char *hex, uint8_t *out) {
    uint32_t len = (uint32_t)strlen(hex) / 2;
    for (uint32_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

/* As httpd has it: an IPv4 peer, or an IPv6 peer that may be mapped; "-" or no address: not known.
 */
static const uint8_t *address_of(const char *text, uint8_t address[16]) {
    memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    if (inet_pton(AF_INET, text, address + 12) == 1 || inet_pton(AF_INET6, text, address) == 1)
        return address;
    return NULL;
}

static const char *or_dash(const char *name) {
    return name != NULL && name[0] != '\0' ? name : "-";
}

static bool is_there(const char *text) {
    return strcmp(text, "-") != 0;
}

static mpol_bytes text_bytes(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* The bytes of a field in hex; NULL data for "-". */
static mpol_bytes hex_bytes(const char *text, uint8_t *buffer) {
    return is_there(text) ? (mpol_bytes){buffer, unhex(text, buffer)} : (mpol_bytes){NULL, 0};
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

typedef struct require_line {
    uint32_t identities[NAMES];
    uint32_t groups[NAMES];
} require_line;

static void read_line(const mpol_image *image, char *text, require_line *line,
                      mpol_name_filter *filter) {
    char *name;
    *filter = (mpol_name_filter){line->identities, line->groups, 0, 0};
    while ((name = strsep(&text, ",")) != NULL) {
        uint32_t index = name[0] == '@' ? mpol_group_by_name(image, text_bytes(name + 1))
                                        : mpol_identity_by_name(image, text_bytes(name));
        if (index == MPOL_NONE || filter->group_count + filter->identity_count == NAMES)
            die("a Require line cannot hold", name);
        if (name[0] == '@')
            line->groups[filter->group_count++] = index;
        else
            line->identities[filter->identity_count++] = index;
    }
    qsort(line->identities, filter->identity_count, sizeof(uint32_t), by_number);
    qsort(line->groups, filter->group_count, sizeof(uint32_t), by_number);
}

static uint32_t read_lines(const mpol_image *image, char *text, require_line *lines,
                           mpol_name_filter *filters) {
    uint32_t count = 0;
    char *line;
    if (!is_there(text))
        return 0;
    while ((line = strsep(&text, ";")) != NULL) {
        if (count == LINES)
            die("too many Require lines", line);
        read_line(image, line, &lines[count], &filters[count]);
        count++;
    }
    return count;
}

static void take_client(X509_STORE *store, char *const *given, mpol_facts *facts,
                        mpol_certificate *memory) {
    facts->tls = given[TLS][0] == 'p'   ? MPOL_TLS_PRESENT
                 : given[TLS][0] == 'u' ? MPOL_TLS_UNAVAILABLE
                                        : MPOL_TLS_ABSENT;
    if (!is_there(given[CERTIFICATE]))
        return;
    STACK_OF(X509) *sent = read_certificates(given[CERTIFICATE]);
    facts->certificate = true;
    facts->verified = strchr(given[KNOWN], 'v') != NULL;
    take_path(store, sent, facts);
    facts->established = facts->established && strchr(given[KNOWN], 'e') != NULL;
    mpol_certificate_names(sk_X509_value(sent, 0), facts, memory);
    if (strchr(given[KNOWN], 'r') == NULL)
        facts->malformed = true;
    sk_X509_pop_free(sent, X509_free);
}

static void print_decision(const mpol_image *image, const mpol_decision *decision) {
    (void)printf("%s %s %s %s %s %s %s\n",
                 decision->reason == MPOL_REASON_ALLOWED ? "allow" : "deny",
                 mpol_reason_name(decision->reason), or_dash(mpol_rule_name(image, decision->rule)),
                 or_dash(mpol_route_name(image, decision->route)),
                 or_dash(mpol_identity_name(image, decision->identity)),
                 or_dash(mpol_issuer_name(image, decision->issuer)),
                 or_dash(mpol_condition_name(decision->condition)));
}

static void answer(const mpol_image *image, X509_STORE *store, char *const *given) {
    static uint8_t bytes[4][LINE];
    uint8_t address[16];
    require_line lines[LINES];
    mpol_name_filter filters[LINES];
    mpol_facts facts = {0};
    mpol_certificate memory = {0};
    mpol_client client;
    mpol_target target;
    mpol_decision decision;
    take_client(store, given, &facts, &memory);
    mpol_target_parse(hex_bytes(given[TARGET], bytes[0]), bytes[1], &target);
    mpol_client_resolve(image, &facts, &client);
    mpol_request request = {
        .method = text_bytes(given[METHOD]),
        .host = hex_bytes(given[HOST], bytes[2]),
        .target = &target,
        .address = address_of(given[ADDRESS], address),
        .now_s = is_there(given[NOW]) ? strtoll(given[NOW], NULL, 10) : MPOL_TIME_UNKNOWN,
        .user = hex_bytes(given[USER], bytes[3]),
        .arrival = given[ARRIVAL][0] == 'l'   ? MPOL_ARRIVAL_LATER
                   : given[ARRIVAL][0] == 'e' ? MPOL_ARRIVAL_ERROR
                                              : MPOL_ARRIVAL_CLIENT,
        .preflight = strchr(given[HEADERS], 'p') != NULL,
        .method_override = strchr(given[HEADERS], 'm') != NULL,
    };
    uint32_t count = read_lines(image, given[REQUIRE], lines, filters);
    mpol_decide(image, &request, &client, filters, count, &decision);
    print_decision(image, &decision);
    mpol_certificate_clear(&memory);
}

int main(int argc, char **argv) {
    static char line[LINE];
    mpol_loaded loaded;
    mpol_error error;
    if (argc != 3)
        die("usage", "engine_driver POLICY TRUSTED.pem");
    if (mpol_load(argv[1], MPOL_TRUST_ANY, &loaded, &error) != MPOL_OK)
        die(argv[1], error.text);
    X509_STORE *store = trust(argv[2]);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *given[FIELDS];
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < FIELDS; i++)
            if ((given[i] = strsep(&rest, "\t")) == NULL)
                die("too few fields in", line);
        answer(&loaded.image, store, given);
    }
    X509_STORE_free(store);
    mpol_unload(&loaded);
    return 0;
}
