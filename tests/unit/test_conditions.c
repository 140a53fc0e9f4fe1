/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/conditions.h"

#include <apr_strings.h>
#include <string.h>

static const uint8_t inside[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3};
static const uint8_t outside[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 11, 1, 2, 3};

enum { NETWORKS = 1 << MPOL_CONDITION_NETWORKS, FROM = 1 << MPOL_CONDITION_VALID_FROM };
enum {
    UNTIL = 1 << MPOL_CONDITION_VALID_UNTIL,
    USERS = 1 << MPOL_CONDITION_USERS,
    SAME = 1 << MPOL_CONDITION_SAME
};

static const mpol_image *image;

#define RULE(name, more)                                                                           \
    "\"" name "\": { \"effect\": \"allow\", \"subjects\": [\"t\"], \"routes\": [\"r\"]" more " }"
#define IN ", \"networks\": [\"10.0.0.0/8\"]"
#define AFTER ", \"valid_from\": \"2026-06-01T12:00:00Z\""
#define BEFORE ", \"valid_until\": \"2026-06-02T12:00:00Z\""
#define BY ", \"users\": [\"ann\", \"bob\"]"
#define EQUAL ", \"same\": { \"t\": \"t\" }"

enum { PLAIN, IN_NETWORKS, SINCE, TILL, BY_USERS, BY_ANYBODY, WITH_SAME, WITH_ALL };

static const char policy[] =
    "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], "
    "\"names\": [\"dns\"] } },"
    "\"identities\": { \"t\": { \"issuer\": \"c\", \"dns\": \"{t}.a\" } },"
    "\"routes\": { \"r\": { \"hosts\": [\"h\"], \"methods\": [\"GET\"], \"paths\": [\"/{t}\"] } },"
    "\"rules\": {" RULE("a", "") "," RULE("b", IN) "," RULE("c", AFTER) "," RULE("d", BEFORE) "," RULE(
        "e", BY) "," RULE("f", ", \"users\": [\"*\"]") "," RULE("g",
                                                                EQUAL) "," RULE("h",
                                                                                IN AFTER BEFORE BY
                                                                                    EQUAL) " } }";

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(policy);
    return 0;
}

typedef struct around {
    const uint8_t *address;
    int64_t now_s;
    const char *user;
    const char *tenant; /* NULL: a client given by its identity, without values */
} around;

static const around good = {inside, SUPPORT_NOW, "ann", "blue"};

static mpol_lacking look(around a, uint32_t rule, mpol_verdict *verdict) {
    static const char *const cas[] = {"corp", NULL};
    mpol_target target = {.path = support_bytes("/blue")};
    mpol_request request = {.target = &target, .address = a.address, .now_s = a.now_s};
    mpol_client client;
    mpol_name name =
        support_name_of(MPOL_NAME_DNS, NULL,
                        apr_pstrcat(support_pool(), a.tenant != NULL ? a.tenant : "x", ".a", NULL));
    mpol_facts facts = support_facts(cas, &name, 1);
    if (a.user != NULL)
        request.user = support_bytes(a.user);
    mpol_client_resolve(image, &facts, &client);
    if (a.tenant == NULL)
        mpol_client_of_identity(image, 0, NULL, 0, &client);
    uint32_t captures = MPOL_U32(image, METHODS, 0, MPOL_METHOD_CAPTURES);
    mpol_circumstances c = {image, &request, &client, captures};
    *verdict = mpol_conditions_judge(&c, rule);
    return mpol_conditions_lacking(&c, rule);
}

static void expect(around a, uint32_t rule, uint32_t fails, uint32_t unknown) {
    mpol_verdict verdict;
    mpol_lacking lacking = look(a, rule, &verdict);
    assert_int_equal(lacking.fails, fails);
    assert_int_equal(lacking.unknown, unknown);
    assert_int_equal(verdict, fails != 0     ? MPOL_VERDICT_FALSE
                              : unknown != 0 ? MPOL_VERDICT_UNKNOWN
                                             : MPOL_VERDICT_TRUE);
}

static void test_all_of_them_hold(void **state) {
    (void)state;
    for (uint32_t rule = PLAIN; rule <= WITH_ALL; rule++)
        expect(good, rule, 0, 0);
}

static void test_a_rule_without_conditions_always_holds(void **state) {
    (void)state;
    expect((around){NULL, MPOL_TIME_UNKNOWN, NULL, NULL}, PLAIN, 0, 0);
}

static void test_networks(void **state) {
    around a = good;
    (void)state;
    a.address = outside;
    expect(a, IN_NETWORKS, NETWORKS, 0);
    a.address = NULL;
    expect(a, IN_NETWORKS, 0, NETWORKS);
}

static void test_times(void **state) {
    around a = good;
    (void)state;
    a.now_s = SUPPORT_NOW - 1;
    expect(a, SINCE, FROM, 0);
    expect(a, TILL, 0, 0);
    a.now_s = SUPPORT_NOW + 86399;
    expect(a, SINCE, 0, 0);
    expect(a, TILL, 0, 0);
    a.now_s = SUPPORT_NOW + 86400;
    expect(a, SINCE, 0, 0);
    expect(a, TILL, UNTIL, 0);
    a.now_s = -1;
    expect(a, SINCE, FROM, 0);
    expect(a, TILL, 0, 0);
    a.now_s = MPOL_TIME_UNKNOWN;
    expect(a, SINCE, 0, FROM);
    expect(a, TILL, 0, UNTIL);
}

static void test_users(void **state) {
    static const char *const others[] = {"", "an", "annn", "Ann", "*", "ann bob"};
    around a = good;
    (void)state;
    a.user = "bob";
    expect(a, BY_USERS, 0, 0);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        a.user = others[i];
        expect(a, BY_USERS, USERS, 0);
        expect(a, BY_ANYBODY, 0, 0);
    }
    a.user = NULL; /* nobody is known to be nobody */
    expect(a, BY_USERS, USERS, 0);
    expect(a, BY_ANYBODY, USERS, 0);
}

static void test_comparisons(void **state) {
    around a = good;
    (void)state;
    a.tenant = "red";
    expect(a, WITH_SAME, SAME, 0);
    a.tenant = NULL;
    expect(a, WITH_SAME, 0, SAME);
}

static void test_false_wins_over_unknown(void **state) {
    around a = {NULL, MPOL_TIME_UNKNOWN, "ann", NULL};
    (void)state;
    expect(a, WITH_ALL, 0, NETWORKS | FROM | UNTIL | SAME);
    a.user = "carl";
    expect(a, WITH_ALL, USERS, NETWORKS | FROM | UNTIL | SAME);
    expect((around){outside, SUPPORT_NOW + 86400, NULL, "red"}, WITH_ALL,
           NETWORKS | UNTIL | USERS | SAME, 0);
    expect((around){outside, SUPPORT_NOW - 1, "ann", "blue"}, WITH_ALL, NETWORKS | FROM, 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_them_hold),
        cmocka_unit_test(test_a_rule_without_conditions_always_holds),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_false_wins_over_unknown),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
