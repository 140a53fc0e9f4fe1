/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mint: makes certificates for tests, among them ones no certification authority would issue.
 *
 *     mint DIR < SPEC
 *
 * One certificate a line, as space-separated key=value tokens; a value may hold %HH for any byte.
 * An empty line and a line that starts with # are passed over. Writes DIR/NAME.crt and
 * DIR/NAME.key.
 *
 *     name=NAME            output files; letters, digits, '.', '_' and '-'
 *     issuer=NAME|self     required; NAME was made before, in DIR
 *     ca=0|1               default 0
 *     key=ec256|rsa2048    default ec256
 *     keyof=NAME           reuse the key of NAME instead of making one
 *     cn= uri= dns= email= upn= any number of each; the bytes go into the certificate unchecked
 *     upnia5=              a UPN that is no UTF8String
 *     attribute=OID/TYPE:VALUE  one more RDN of the subject, in this order with cn=; also= for one
 * in the same RDN as the last; TYPE is utf8, printable, ia5, t61, bmp, universal or bits notbefore=
 * notafter= UNIX, or +SECONDS / -SECONDS from now; defaults -3600 and +31536000 eku=client|server
 * may be given twice
 *
 * An error is one line on standard error that names the line of SPEC, and exit status 2.
 */
#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_SPEC = 2, SERIAL_BYTES = 16 };

#define LAST_SECOND_OF_9999 253402300799LL

typedef struct {
    const char *directory;
    unsigned long line;
    char *name;
    char *issuer;
    char *keyof;
    int is_ca;
    int is_rsa;
    long long not_before;
    long long not_after;
    X509_NAME *subject;
    GENERAL_NAMES *alternative_names;
    EXTENDED_KEY_USAGE *extended_usages;
} spec;

__attribute__((noreturn, format(printf, 2, 3))) static void fail(const spec *s, const char *format,
                                                                 ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "mint: line %lu: ", s->line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_SPEC);
}

__attribute__((noreturn)) static void fail_openssl(const spec *s, const char *what) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    fail(s, "%s: %s", what, reason != NULL ? reason : "no reason given");
}

/* ---- values ---- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place, which never grows; the result is not a C string, since %00 is allowed. */
static size_t percent_decode(const spec *s, char *text) {
    size_t length = 0;
    for (const char *in = text; *in != '\0'; in++) {
        if (*in != '%') {
            text[length++] = *in;
            continue;
        }
        const int high = hex_digit(in[1]);
        const int low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0) {
            fail(s, "a %% must be followed by two hexadecimal digits");
        }
        text[length++] = (char)(high * 16 + low);
        in += 2;
    }
    text[length] = '\0';
    return length;
}

static void set_file_name(const spec *s, char **slot, const char *key, const char *value) {
    const size_t good =
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (*slot != NULL) {
        fail(s, "%s= is given twice", key);
    }
    if (good == 0 || value[good] != '\0' || value[0] == '.') {
        fail(s, "%s= must be letters, digits, '.', '_' or '-', not starting with '.'", key);
    }
    *slot = strdup(value);
    if (*slot == NULL) {
        fail(s, "out of memory");
    }
}

static int choose(const spec *s, const char *key, const char *value, const char *zero,
                  const char *one) {
    if (strcmp(value, zero) == 0) {
        return 0;
    }
    if (strcmp(value, one) != 0) {
        fail(s, "%s= must be %s or %s", key, zero, one);
    }
    return 1;
}

static long long parse_time(const spec *s, const char *key, const char *value) {
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || isspace((unsigned char)value[0])) {
        fail(s, "%s= must be UNIX seconds, +SECONDS or -SECONDS", key);
    }
    const int is_relative = value[0] == '+' || value[0] == '-';
    if (number > LAST_SECOND_OF_9999 || number < -LAST_SECOND_OF_9999) {
        fail(s, "%s= must lie before the year 10000", key);
    }
    return is_relative ? (long long)time(NULL) + number : number;
}

static void add_common_name(const spec *s, const char *value, size_t length) {
    /* The type is given outright, so OpenSSL takes the bytes as they are, UTF-8 or not. */
    if (length > INT_MAX ||
        X509_NAME_add_entry_by_NID(s->subject, NID_commonName, V_ASN1_UTF8STRING,
                                   (const unsigned char *)value, (int)length, -1, 0) != 1) {
        fail_openssl(s, "cn=");
    }
}

static int string_type(const spec *s, const char *name, size_t length) {
    static const struct {
        const char *name;
        int type;
    } types[] = {{"utf8", V_ASN1_UTF8STRING}, {"printable", V_ASN1_PRINTABLESTRING},
                 {"ia5", V_ASN1_IA5STRING},   {"t61", V_ASN1_T61STRING},
                 {"bmp", V_ASN1_BMPSTRING},   {"universal", V_ASN1_UNIVERSALSTRING},
                 {"bits", V_ASN1_BIT_STRING}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i].name) == length && strncmp(types[i].name, name, length) == 0) {
            return types[i].type;
        }
    }
    fail(s, "no such type of string: %s", name);
}

/* OID/TYPE:VALUE; `set` is 0 for an RDN of its own and -1 for the last one. */
static void add_attribute(const spec *s, const char *text, size_t length, int set) {
    const size_t oid_length = strcspn(text, "/");
    const size_t head = strcspn(text, ":");
    char oid[64];
    if (oid_length >= sizeof oid || oid_length >= head || head >= length) {
        fail(s, "an attribute is OID/TYPE:VALUE");
    }
    memcpy(oid, text, oid_length);
    oid[oid_length] = '\0';
    const int type = string_type(s, text + oid_length + 1, head - oid_length - 1);
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    if (object == NULL ||
        X509_NAME_add_entry_by_OBJ(s->subject, object, type, (const unsigned char *)text + head + 1,
                                   (int)(length - head - 1), -1, set) != 1) {
        fail_openssl(s, "attribute= or also=");
    }
    ASN1_OBJECT_free(object);
}

static void add_upn(const spec *s, int type, const char *value, size_t length) {
    ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.311.20.2.3", 1);
    ASN1_STRING *text = ASN1_STRING_type_new(type);
    ASN1_TYPE *held = ASN1_TYPE_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (object == NULL || text == NULL || held == NULL || name == NULL || length > INT_MAX ||
        ASN1_STRING_set(text, value, (int)length) != 1) {
        fail_openssl(s, "upn=");
    }
    ASN1_TYPE_set(held, type, text);
    if (GENERAL_NAME_set0_othername(name, object, held) != 1 ||
        sk_GENERAL_NAME_push(s->alternative_names, name) <= 0) {
        fail_openssl(s, "upn=");
    }
}

static void add_alternative_name(const spec *s, int type, const char *value, size_t length) {
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (text == NULL || name == NULL || length > INT_MAX ||
        ASN1_STRING_set(text, value, (int)length) != 1) {
        fail_openssl(s, "subject alternative name");
    }
    GENERAL_NAME_set0_value(name, type, text);
    if (sk_GENERAL_NAME_push(s->alternative_names, name) <= 0) {
        fail_openssl(s, "subject alternative name");
    }
}

static void add_extended_usage(const spec *s, const char *value) {
    const int nid =
        choose(s, "eku", value, "client", "server") == 0 ? NID_client_auth : NID_server_auth;
    if (sk_ASN1_OBJECT_push(s->extended_usages, OBJ_nid2obj(nid)) <= 0) {
        fail_openssl(s, "eku=");
    }
}

/* ---- one line of the specification ---- */

static int alternative_name_type(const char *key) {
    static const struct {
        const char *key;
        int type;
    } types[] = {{"uri", GEN_URI}, {"dns", GEN_DNS}, {"email", GEN_EMAIL}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(key, types[i].key) == 0) {
            return types[i].type;
        }
    }
    return -1;
}

/* The keys whose values are any bytes; returns 0 when the key is not one of them. */
static int take_bytes(const spec *s, const char *key, const char *value, size_t length) {
    if (strcmp(key, "cn") == 0) {
        add_common_name(s, value, length);
        return 1;
    }
    if (strcmp(key, "attribute") == 0 || strcmp(key, "also") == 0) {
        add_attribute(s, value, length, strcmp(key, "also") == 0 ? -1 : 0);
        return 1;
    }
    if (strcmp(key, "upn") == 0 || strcmp(key, "upnia5") == 0) {
        add_upn(s, strcmp(key, "upn") == 0 ? V_ASN1_UTF8STRING : V_ASN1_IA5STRING, value, length);
        return 1;
    }
    const int type = alternative_name_type(key);
    if (type >= 0) {
        add_alternative_name(s, type, value, length);
    }
    return type >= 0;
}

static void take_text(spec *s, const char *key, const char *value) {
    if (strcmp(key, "name") == 0) {
        set_file_name(s, &s->name, key, value);
    } else if (strcmp(key, "issuer") == 0) {
        set_file_name(s, &s->issuer, key, value);
    } else if (strcmp(key, "keyof") == 0) {
        set_file_name(s, &s->keyof, key, value);
    } else if (strcmp(key, "ca") == 0) {
        s->is_ca = choose(s, key, value, "0", "1");
    } else if (strcmp(key, "key") == 0) {
        s->is_rsa = choose(s, key, value, "ec256", "rsa2048");
    } else if (strcmp(key, "notbefore") == 0) {
        s->not_before = parse_time(s, key, value);
    } else if (strcmp(key, "notafter") == 0) {
        s->not_after = parse_time(s, key, value);
    } else if (strcmp(key, "eku") == 0) {
        add_extended_usage(s, value);
    } else {
        fail(s, "unknown key %s=", key);
    }
}

static void take_token(spec *s, char *token) {
    char *value = strchr(token, '=');
    if (value == NULL) {
        fail(s, "expected key=value, found %s", token);
    }
    *value++ = '\0';
    const size_t length = percent_decode(s, value);
    if (take_bytes(s, token, value, length)) {
        return;
    }
    if (strlen(value) != length) {
        fail(s, "%s= must not hold a NUL byte", token);
    }
    take_text(s, token, value);
}

static void parse_line(spec *s, char *line) {
    char *rest = NULL;
    for (char *token = strtok_r(line, " \n", &rest); token != NULL;
         token = strtok_r(NULL, " \n", &rest)) {
        take_token(s, token);
    }
    if (s->name == NULL || s->issuer == NULL) {
        fail(s, "name= and issuer= are required");
    }
    if (strcmp(s->name, "self") == 0) {
        fail(s, "name=self would be taken for issuer=self");
    }
}

static void spec_start(spec *s, const char *directory, unsigned long line) {
    const long long now = (long long)time(NULL);
    *s = (spec){.directory = directory,
                .line = line,
                .not_before = now - 3600,
                .not_after = now + 31536000};
    s->subject = X509_NAME_new();
    s->alternative_names = GENERAL_NAMES_new();
    s->extended_usages = EXTENDED_KEY_USAGE_new();
    if (s->subject == NULL || s->alternative_names == NULL || s->extended_usages == NULL) {
        fail(s, "out of memory");
    }
}

static void spec_end(spec *s) {
    free(s->name);
    free(s->issuer);
    free(s->keyof);
    X509_NAME_free(s->subject);
    GENERAL_NAMES_free(s->alternative_names);
    EXTENDED_KEY_USAGE_free(s->extended_usages);
}

/* ---- files ---- */

static FILE *open_file(const spec *s, const char *name, const char *suffix, const char *mode) {
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/%s%s", s->directory, name, suffix);
    if (length < 0 || (size_t)length >= sizeof path) {
        fail(s, "the path of %s%s is too long", name, suffix);
    }
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        fail(s, "cannot open %s: %s", path, strerror(errno));
    }
    return file;
}

static EVP_PKEY *read_key(const spec *s, const char *name) {
    FILE *file = open_file(s, name, ".key", "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (key == NULL) {
        fail_openssl(s, "reading a key");
    }
    return key;
}

static X509 *read_certificate(const spec *s, const char *name) {
    FILE *file = open_file(s, name, ".crt", "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    if (certificate == NULL) {
        fail_openssl(s, "reading a certificate");
    }
    return certificate;
}

static void write_files(const spec *s, X509 *certificate, EVP_PKEY *key) {
    FILE *certificate_file = open_file(s, s->name, ".crt", "w");
    FILE *key_file = open_file(s, s->name, ".key", "w");
    if (PEM_write_X509(certificate_file, certificate) != 1 ||
        PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) != 1) {
        fail_openssl(s, "writing");
    }
    if (fclose(certificate_file) != 0 || fclose(key_file) != 0) {
        fail(s, "writing: %s", strerror(errno));
    }
}

/* ---- the certificate ---- */

static EVP_PKEY *obtain_key(const spec *s) {
    if (s->keyof != NULL) {
        return read_key(s, s->keyof);
    }
    EVP_PKEY *key = s->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    if (key == NULL) {
        fail_openssl(s, "making a key");
    }
    return key;
}

static void set_serial(const spec *s, X509 *certificate) {
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, (int)sizeof bytes) != 1) {
        fail_openssl(s, "serial number");
    }
    bytes[0] = (unsigned char)((bytes[0] & 0x7F) | 0x40); /* positive, and always the same length */
    BIGNUM *number = BN_bin2bn(bytes, (int)sizeof bytes, NULL);
    if (number == NULL || BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) == NULL) {
        fail_openssl(s, "serial number");
    }
    BN_free(number);
}

static void add_extension(const spec *s, X509 *certificate, X509 *issuer, int nid,
                          const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1) {
        fail_openssl(s, OBJ_nid2sn(nid));
    }
    X509_EXTENSION_free(extension);
}

static void add_extensions(const spec *s, X509 *certificate, X509 *issuer) {
    if (s->is_ca) {
        add_extension(s, certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(s, certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    add_extension(s, certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(s, certificate, issuer, NID_authority_key_identifier, "keyid:always");
    if (sk_ASN1_OBJECT_num(s->extended_usages) > 0 &&
        X509_add1_ext_i2d(certificate, NID_ext_key_usage, s->extended_usages, 0,
                          X509V3_ADD_APPEND) != 1) {
        fail_openssl(s, "eku=");
    }
    /* RFC 5280 4.2.1.6: critical where the subject is empty */
    const int is_critical = X509_NAME_entry_count(s->subject) == 0;
    if (sk_GENERAL_NAME_num(s->alternative_names) > 0 &&
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, s->alternative_names, is_critical,
                          X509V3_ADD_APPEND) != 1) {
        fail_openssl(s, "subject alternative name");
    }
}

static X509 *certificate_start(const spec *s, EVP_PKEY *key) {
    X509 *certificate = X509_new();
    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        X509_set_subject_name(certificate, s->subject) != 1 ||
        X509_set_pubkey(certificate, key) != 1) {
        fail_openssl(s, "making a certificate");
    }
    if (ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)s->not_before) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)s->not_after) == NULL) {
        fail_openssl(s, "notbefore= or notafter=");
    }
    set_serial(s, certificate);
    return certificate;
}

static void make_certificate(const spec *s) {
    const int is_self_issued = strcmp(s->issuer, "self") == 0;
    EVP_PKEY *key = obtain_key(s);
    X509 *certificate = certificate_start(s, key);
    X509 *issuer = is_self_issued ? NULL : read_certificate(s, s->issuer);
    EVP_PKEY *issuer_key = is_self_issued ? NULL : read_key(s, s->issuer);
    X509 *signer = is_self_issued ? certificate : issuer;

    if (X509_set_issuer_name(certificate, X509_get_subject_name(signer)) != 1) {
        fail_openssl(s, "issuer name");
    }
    add_extensions(s, certificate, signer);
    if (X509_sign(certificate, is_self_issued ? key : issuer_key, EVP_sha256()) == 0) {
        fail_openssl(s, "signing");
    }
    write_files(s, certificate, key);
    X509_free(certificate);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: mint DIR < SPEC\n");
        return EXIT_SPEC;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = 0;
    for (unsigned long number = 1; (length = getline(&line, &capacity, stdin)) >= 0; number++) {
        spec s;
        spec_start(&s, argv[1], number);
        if (strlen(line) != (size_t)length) {
            fail(&s, "a NUL byte must be written %%00");
        }
        if (line[0] != '#' && line[strspn(line, " \n")] != '\0') {
            parse_line(&s, line);
            make_certificate(&s);
        }
        spec_end(&s);
    }
    free(line);
    return 0;
}
