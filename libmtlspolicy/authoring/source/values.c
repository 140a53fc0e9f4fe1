/* SPDX-License-Identifier: Apache-2.0 */
#include "source/values.h"
#include "base/limits.h"
#include "source/reader.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* `digits` decimal digits at `*at`; moves on. -1 when they are not there. */
static int take_digits(const char **at, int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool take_char(const char **at, const char *any_of) {
    if (**at == '\0' || strchr(any_of, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

#define LAST_SECOND_OF_9999 253402300799u

/* "Z" or "+hh:mm", in seconds. */
static bool take_offset(const char **at, int *offset_s) {
    *offset_s = 0;
    if (take_char(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!take_char(at, "+-"))
        return false;
    int hours = take_digits(at, 2);
    if (!take_char(at, ":"))
        return false;
    int minutes = take_digits(at, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool take_date_and_time(const char **at, struct tm *time) {
    time->tm_year = take_digits(at, 4) - 1900;
    bool separated = take_char(at, "-");
    time->tm_mon = take_digits(at, 2) - 1;
    separated = separated && take_char(at, "-");
    time->tm_mday = take_digits(at, 2);
    separated = separated && take_char(at, "Tt");
    time->tm_hour = take_digits(at, 2);
    separated = separated && take_char(at, ":");
    time->tm_min = take_digits(at, 2);
    separated = separated && take_char(at, ":");
    time->tm_sec = take_digits(at, 2);
    return separated && time->tm_year >= 70 && time->tm_hour >= 0 && time->tm_hour <= 23 &&
           time->tm_min >= 0 && time->tm_min <= 59 && time->tm_sec >= 0 && time->tm_sec <= 59;
}

bool mpol_parse_time(const char *text, uint64_t *seconds) {
    struct tm parts = {0};
    int offset_s;
    const char *at = text;
    if (!take_date_and_time(&at, &parts) || !take_offset(&at, &offset_s) || *at != '\0')
        return false;
    struct tm normal = parts;
    time_t local = timegm(&normal);
    /* timegm carries the 31st of April over to May: then the date was none. */
    if (normal.tm_mday != parts.tm_mday || normal.tm_mon != parts.tm_mon || local < offset_s)
        return false;
    *seconds = (uint64_t)(local - offset_s);
    return *seconds <= LAST_SECOND_OF_9999;
}

bool mpol_reader_time(mpol_reader *reader, const mpol_json *value, uint64_t *seconds) {
    const char *text =
        apr_pstrmemdup(reader->pool, (const char *)value->text.data, value->text.len);
    if (strlen(text) == value->text.len && mpol_parse_time(text, seconds))
        return true;
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_TIME,
                     "Write it as 2027-01-31T12:00:00Z, or with an offset like +01:00.",
                     "\"%s\" is not a time as in RFC 3339 with whole seconds.",
                     mpol_quote(reader->pool, value->text));
    return false;
}

/* ::ffff:0:0/96, where IPv4 addresses lie among the others (RFC 4291 section 2.5.5.2). */
static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool mpol_parse_address(const char *text, uint8_t address[MPOL_ADDRESS_BYTES], unsigned *bits) {
    *bits = 128;
    if (inet_pton(AF_INET, text, address + 12) == 1) {
        memcpy(address, mapped, sizeof mapped);
        *bits = 32;
        return true;
    }
    return inet_pton(AF_INET6, text, address) == 1;
}

/* Digits without a sign or a leading zero, at most `most`. */
static bool parse_prefix(const char *text, unsigned most, unsigned *prefix) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
        return false;
    *prefix = (unsigned)strtoul(text, NULL, 10);
    return *prefix <= most;
}

/* Clear (or set) the bits of an address behind the first `bits`. */
static void fill_host_bits(uint8_t address[MPOL_ADDRESS_BYTES], unsigned bits, bool set) {
    for (unsigned i = bits; i < 8 * MPOL_ADDRESS_BYTES; i++) {
        uint8_t bit = (uint8_t)(0x80 >> (i % 8));
        address[i / 8] = (uint8_t)(set ? address[i / 8] | bit : address[i / 8] & ~bit);
    }
}

/* NULL when it is a network, else what is wrong. */
static const char *parse_network(char *text, mpol_network *network) {
    unsigned width;
    unsigned prefix;
    char *slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    if (!mpol_parse_address(text, network->low, &width))
        return "it is no IPv4 or IPv6 address";
    prefix = width;
    if (slash != NULL && !parse_prefix(slash + 1, width, &prefix))
        return "the prefix is no number of bits of this kind of address";
    memcpy(network->high, network->low, sizeof network->high);
    fill_host_bits(network->low, 128 - width + prefix, false);
    if (memcmp(network->low, network->high, sizeof network->low) != 0)
        return "it has bits beyond its prefix";
    fill_host_bits(network->high, 128 - width + prefix, true);
    if (width == 128 && memcmp(network->low, mapped, sizeof mapped) == 0)
        return "it is IPv4 mapped into IPv6; write IPv4 as IPv4";
    return NULL;
}

bool mpol_reader_network(mpol_reader *reader, const mpol_json *value, mpol_network *network) {
    char *text = apr_pstrmemdup(reader->pool, (const char *)value->text.data, value->text.len);
    const char *wrong = strlen(text) == value->text.len ? parse_network(text, network)
                                                        : "it is no IPv4 or IPv6 address";
    if (wrong == NULL)
        return true;
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_NETWORK,
                     "Write it as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32.",
                     "\"%s\" is not a network: %s.", mpol_quote(reader->pool, value->text), wrong);
    return false;
}

bool mpol_reader_text(mpol_reader *reader, const mpol_json *value, mpol_bytes *text) {
    *text = value->text;
    if (text->len <= MPOL_LIMIT_TEXT_BYTES && !mpol_has_control(*text))
        return true;
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_TEXT, "Use at most 1024 bytes in one line.",
                     "The text is too long or holds control characters.");
    return false;
}

bool mpol_reader_word(mpol_reader *reader, const mpol_json *value) {
    mpol_bytes text = value->text;
    if (text.len > 0 && text.len <= MPOL_LIMIT_CN_BYTES && !mpol_has_control(text))
        return true;
    mpol_reader_fail(
        reader, value, MPOL_DIAGNOSTIC_BAD_TEXT, "Use 1 to 256 bytes without control characters.",
        "\"%s\" is empty, too long or holds control characters.", mpol_quote(reader->pool, text));
    return false;
}

bool mpol_is_capture_name(mpol_bytes name) {
    if (name.len == 0 || name.len > 32 || name.data[0] < 'a' || name.data[0] > 'z')
        return false;
    for (uint32_t i = 1; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}
