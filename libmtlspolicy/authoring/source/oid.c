/* SPDX-License-Identifier: Apache-2.0 */
#include "source/oid.h"

#include "base/limits.h"
#include "match/subject.h"

#include <string.h>
#include <strings.h>

static const mpol_short_type long_names[] = {
    {"organizationIdentifier", "2.5.4.97"},
    {"serialNumber", "2.5.4.5"},
    {"countryName", "2.5.4.6"},
    {"localityName", "2.5.4.7"},
    {"stateOrProvinceName", "2.5.4.8"},
    {"organizationName", "2.5.4.10"},
    {"organizationalUnitName", "2.5.4.11"},
    {"title", "2.5.4.12"},
    {"dnQualifier", "2.5.4.46"},
    {"pseudonym", "2.5.4.65"},
    {"userId", "0.9.2342.19200300.100.1.1"},
    {"domainComponent", "0.9.2342.19200300.100.1.25"},
    {NULL, NULL},
};

static mpol_bytes span(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* A number without leading zeros from `*at` on, at most 2^31 - 1 and for the first two arcs `most`;
 * moves behind it. */
static bool take_arc(mpol_bytes text, uint32_t *at, uint32_t most) {
    uint32_t from = *at;
    uint64_t value = 0;
    while (*at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9' && *at - from < 10)
        value = value * 10 + (text.data[(*at)++] - (uint64_t)'0');
    return *at > from && !(text.data[from] == '0' && *at - from > 1) && value <= most;
}

static bool is_dotted(mpol_bytes text) {
    uint32_t at = 0;
    uint32_t arcs = 1;
    if (text.len == 0 || text.len > MPOL_LIMIT_OID_BYTES || !take_arc(text, &at, 2))
        return false;
    for (; at < text.len; arcs++) {
        uint32_t most = arcs == 1 && text.data[0] < '2' ? 39 : INT32_MAX;
        if (text.data[at++] != '.' || !take_arc(text, &at, most))
            return false;
    }
    return arcs >= 2;
}

static bool look_up(const mpol_short_type *table, mpol_bytes text, bool any_case, mpol_bytes *oid) {
    for (; table->name != NULL; table++) {
        const char *name = (const char *)text.data;
        if (strlen(table->name) != text.len ||
            (any_case ? strncasecmp(name, table->name, text.len)
                      : strncmp(name, table->name, text.len)) != 0)
            continue;
        *oid = span(table->oid);
        return true;
    }
    return false;
}

bool mpol_oid_parse(mpol_bytes text, mpol_bytes *oid) {
    if (look_up(long_names, text, false, oid))
        return true;
    *oid = text;
    return is_dotted(text);
}

bool mpol_oid_parse_type(mpol_bytes text, mpol_bytes *oid) {
    return look_up(mpol_short_types, text, true, oid) || look_up(long_names, text, true, oid) ||
           mpol_oid_parse(text, oid);
}
