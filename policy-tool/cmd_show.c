/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <stdio.h>

static const struct {
    const char *label;
    mpol_section_kind kind;
} counts[] = {
    {"issuers", MPOL_ISSUERS}, {"identities", MPOL_IDENTITIES},
    {"groups", MPOL_GROUPS},   {"routes", MPOL_ROUTES},
    {"rules", MPOL_RULES},     {"hosts", MPOL_HOSTS},
    {"states", MPOL_STATES},   {"rows", MPOL_ROWS},
    {"entries", MPOL_ENTRIES},
};

static void show(apr_pool_t *pool, const mpol_loaded *loaded) {
    const mpol_image *image = &loaded->image;
    uint64_t until = mpol_policy_valid_until(image);
    (void)printf("name        %s\n", mpol_policy_name(image));
    (void)printf("serial      %llu\n", (unsigned long long)mpol_policy_serial(image));
    (void)printf("valid until %s\n", until == 0 ? "no end" : tool_time(pool, until));
    (void)printf("format      %d.%d\n", MPOL_FORMAT_MAJOR, MPOL_FORMAT_MINOR);
    (void)printf("bytes       %u\n", image->len);
    (void)printf("sha-256     %s\n", loaded->digest_hex);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        (void)printf("%-11s %u\n", counts[i].label, mpol_count(image, counts[i].kind));
}

static int run(apr_pool_t *pool, int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    mpol_loaded loaded;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        return option == 'h' ? tool_help(&tool_show) : TOOL_TROUBLE;
    if (argc - optind != 1)
        return tool_usage(&tool_show, "name one policy");
    if (!tool_load_policy(pool, argv[optind], &loaded))
        return TOOL_TROUBLE;
    show(pool, &loaded);
    mpol_unload(&loaded);
    return TOOL_YES;
}

const tool_verb tool_show = {
    "show",
    "POLICY",
    "Tell name, serial, digest and size of a policy",
    "The digest of a compiled policy is the one in the server's log.\n",
    run,
};
