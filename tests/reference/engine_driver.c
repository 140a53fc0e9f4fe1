/* SPDX-License-Identifier: Apache-2.0 */
/* The engine alone, as the server calls it: engine_driver POLICY TRUSTED.pem < questions > answers
 *
 * A question is a line of fields with tabs between: certificate file or "-", verified 0/1, TLS 0/1, method,
 * target in hex, host in hex or "-" for none, seconds since 1970 or "-", address or "-".
 * An answer is: allow|deny reason rule route identity issuer, "-" for what does not apply. */
#include "image/load.h"
#include "match/certificate.h"
#include "match/decide.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 8, LINE = 65536 };

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

/* As httpd has it: an IPv4 peer, or an IPv6 peer that may be mapped; "-" or no address: not known. */
static const uint8_t *address_of(const char *text, uint8_t address[16]) {
    memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    if (inet_pton(AF_INET, text, address + 12) == 1 || inet_pton(AF_INET6, text, address) == 1)
        return address;
    return NULL;
}

static const char *or_dash(const char *name) {
    return name != NULL ? name : "-";
}

static void answer(const mpol_image *image, X509_STORE *store, char *const *field) {
    static uint8_t target_bytes[LINE];
    static uint8_t buffer[LINE];
    static uint8_t host_bytes[LINE];
    uint8_t address[16];
    mpol_facts facts = {.tls = field[2][0] == '1' ? MPOL_TLS_PRESENT : MPOL_TLS_ABSENT};
    mpol_certificate memory = {NULL, NULL};
    mpol_client client;
    mpol_target target;
    mpol_decision decision;
    if (strcmp(field[0], "-") != 0) {
        STACK_OF(X509) *sent = read_certificates(field[0]);
        facts.certificate = true;
        facts.verified = field[1][0] == '1';
        take_path(store, sent, &facts);
        mpol_certificate_names(sk_X509_value(sent, 0), &facts, &memory);
        sk_X509_pop_free(sent, X509_free);
    }
    mpol_bytes raw = {target_bytes, unhex(field[4], target_bytes)};
    mpol_bytes host = {NULL, 0};
    if (strcmp(field[5], "-") != 0)
        host = (mpol_bytes){host_bytes, unhex(field[5], host_bytes)};
    mpol_target_parse(raw, buffer, &target);
    mpol_client_resolve(image, &facts, &client);
    mpol_request request = {
        {(const uint8_t *)field[3], (uint32_t)strlen(field[3])},
        host,
        &target,
        address_of(field[7], address),
        strcmp(field[6], "-") == 0 ? MPOL_TIME_UNKNOWN : strtoll(field[6], NULL, 10)};
    mpol_decide(image, &request, &client, NULL, 0, &decision);
    (void)printf("%s %s %s %s %s %s\n",
                 decision.reason == MPOL_REASON_ALLOWED ? "allow" : "deny",
                 mpol_reason_name(decision.reason), or_dash(mpol_rule_name(image, decision.rule)),
                 or_dash(mpol_route_name(image, decision.route)),
                 or_dash(mpol_identity_name(image, decision.identity)),
                 or_dash(mpol_issuer_name(image, decision.issuer)));
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
        char *field[FIELDS];
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < FIELDS; i++)
            if ((field[i] = strsep(&rest, "\t")) == NULL)
                die("too few fields in", line);
        answer(&loaded.image, store, field);
    }
    X509_STORE_free(store);
    mpol_unload(&loaded);
    return 0;
}
