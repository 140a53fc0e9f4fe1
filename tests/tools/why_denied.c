/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/WHY-DENIED.md from the tables of the engine. The guard why_denied.sh compares the
 * two; after a change of the tables: build/gcc/tests/tools/why_denied > docs/WHY-DENIED.md */
#include "explain/advice.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 110, EXIT_INCOMPLETE = 2 };

/* The text with line ends between its words. */
static void print_wrapped(const char *text) {
    size_t column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > WIDTH) {
            (void)putchar('\n');
            column = 0;
        }
        if (column > 0)
            column += (size_t)printf(" ");
        column += (size_t)printf("%.*s", (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    (void)putchar('\n');
}

static void print_conditions(void) {
    (void)printf("\n");
    for (int i = MPOL_CONDITION_NONE + 1; i < MPOL_CONDITION_COUNT; i++)
        (void)printf("- `%s`: %s\n", mpol_condition_name((mpol_condition)i),
                     mpol_advice_on_condition((mpol_condition)i));
}

static int print_reason(mpol_reason reason) {
    const mpol_advice *advice = mpol_advice_on(reason);
    bool denied = reason != MPOL_REASON_ALLOWED;
    if (advice->causes == NULL || denied != (advice->next != NULL && advice->stage != NULL)) {
        (void)fprintf(stderr, "%s has no advice in explain/advice.c\n", mpol_reason_name(reason));
        return EXIT_INCOMPLETE;
    }
    (void)printf("\n## `%s`\n\n> %s\n\nStatus %d%s%s.\n\n", mpol_reason_name(reason),
                 mpol_reason_sentence(reason), mpol_reason_http_status(reason),
                 denied ? ", stage " : "", denied ? advice->stage : "");
    print_wrapped(advice->causes);
    if (denied) {
        (void)printf("\n**What to do:** ");
        (void)printf("%s\n", advice->next);
    }
    if (reason == MPOL_REASON_CONDITION_NOT_MET)
        print_conditions();
    return 0;
}

int main(void) {
    (void)printf(
        "# Why was I denied?\n\n"
        "The client sees a status and nothing else. The reason stands in the server's error log "
        "(`LogLevel\nmtls_authz:info`), in `MTLS_REASON`, and in the answer of\n\n"
        "```\nmtls-policy explain orders.mtlsp --request 'GET https://api.example/orders/7' --cert "
        "client.pem\n```\n\n"
        "which asks the same engine offline, for any time (`--at`) and address (`--from`), and "
        "tells the stage at\nwhich the request failed. The reasons stand in the order in which "
        "they "
        "are looked for: the first that\nholds is the one you see, and once it is mended another "
        "may follow.\n");
    for (int i = 0; i < MPOL_REASON_COUNT; i++)
        if (print_reason((mpol_reason)i) != 0)
            return EXIT_INCOMPLETE;
    (void)printf(
        "\n<!-- SPDX-License-Identifier: Apache-2.0. Made by tests/tools/why_denied from the "
        "tables of the engine. -->\n");
    return 0;
}
