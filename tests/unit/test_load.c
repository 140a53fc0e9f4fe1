/* SPDX-License-Identifier: Apache-2.0 */
/* Linked with --wrap=fstat, so that a file can seem to be another's, or to change while it is read.
 */
#include "support.h"

#include "base/limits.h"

#include <apr_strings.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mtls-test-load-XXXXXX";
static mpol_bytes policy;
static void (*disguise)(struct stat *file); /* what the next fstat should say instead */

int __real_fstat(int fd, struct stat *file);
int __wrap_fstat(int fd, struct stat *file);

int __wrap_fstat(int fd, struct stat *file) {
    int result = __real_fstat(fd, file);
    if (result == 0 && disguise != NULL)
        disguise(file);
    return result;
}

static int start(void **state) {
    if (support_start(state) != 0 || mkdtemp(folder) == NULL)
        return -1;
    policy = *support_compile(support_full_policy);
    return 0;
}

static int end(void **state) {
    return rmdir(folder) == 0 ? support_end(state) : -1;
}

static const char *write_file(const void *data, size_t len, mode_t mode) {
    const char *path = apr_pstrcat(support_pool(), folder, "/policy", NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_true(write(fd, data, len) == (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return path;
}

static void expect(const char *path, mpol_trust trust, mpol_status status, const char *part) {
    mpol_loaded loaded;
    mpol_error error = {MPOL_OK, "", ""};
    memset(&loaded, 0xff, sizeof loaded);
    mpol_status found = mpol_load(path, trust, &loaded, &error);
    disguise = NULL;
    assert_int_equal(found, status);
    if (status == MPOL_OK) {
        assert_string_equal(mpol_policy_name(&loaded.image), "full");
        mpol_unload(&loaded);
        return;
    }
    assert_null(loaded.mapping);
    assert_int_equal(error.status, status);
    assert_true(strlen(error.fix) > 0);
    if (strstr(error.text, part) == NULL)
        fail_msg("\"%s\" does not tell \"%s\"", error.text, part);
}

static void test_a_good_file(void **state) {
    const char *path = write_file(policy.data, policy.len, 0644);
    (void)state;
    expect(path, MPOL_TRUST_STRICT, MPOL_OK, "");
    expect(path, MPOL_TRUST_ANY, MPOL_OK, "");
    const char *link = apr_pstrcat(support_pool(), folder, "/link", NULL);
    assert_int_equal(symlink(path, link), 0);
    expect(link, MPOL_TRUST_STRICT, MPOL_OK, "");
    (void)unlink(link);
    (void)unlink(path);
}

static void test_what_others_can_write_is_unsafe(void **state) {
    static const mode_t modes[] = {0664, 0646, 0622, 0666};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        const char *path = write_file(policy.data, policy.len, modes[i]);
        expect(path, MPOL_TRUST_STRICT, MPOL_UNSAFE, "can be written by");
        expect(path, MPOL_TRUST_ANY, MPOL_OK, "");
        (void)unlink(path);
    }
    const char *path = write_file(policy.data, policy.len, 0400);
    expect(path, MPOL_TRUST_STRICT, MPOL_OK, "");
    (void)unlink(path);
}

static void owned_by_another(struct stat *file) {
    file->st_uid = geteuid() + 12345;
}

static void owned_by_root(struct stat *file) {
    file->st_uid = 0;
}

static void test_only_root_and_oneself_may_own_it(void **state) {
    const char *path = write_file(policy.data, policy.len, 0644);
    (void)state;
    disguise = owned_by_another;
    expect(path, MPOL_TRUST_STRICT, MPOL_UNSAFE, "belongs to user");
    disguise = owned_by_another;
    expect(path, MPOL_TRUST_ANY, MPOL_OK, "");
    disguise = owned_by_root;
    expect(path, MPOL_TRUST_STRICT, MPOL_OK, "");
    (void)unlink(path);
}

static void test_only_regular_files(void **state) {
    const char *fifo = apr_pstrcat(support_pool(), folder, "/fifo", NULL);
    (void)state;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    expect(fifo, MPOL_TRUST_STRICT, MPOL_UNREADABLE, "not a regular file");
    expect(fifo, MPOL_TRUST_ANY, MPOL_UNREADABLE, "not a regular file");
    (void)unlink(fifo);
    expect(folder, MPOL_TRUST_ANY, MPOL_UNREADABLE, "not a regular file");
    expect("/dev/null", MPOL_TRUST_ANY, MPOL_UNREADABLE, "not a regular file");
}

static void test_missing_files(void **state) {
    (void)state;
    expect(apr_pstrcat(support_pool(), folder, "/none", NULL), MPOL_TRUST_ANY, MPOL_UNREADABLE,
           "cannot be opened");
    expect("", MPOL_TRUST_ANY, MPOL_UNREADABLE, "cannot be opened");
}

static void longer(struct stat *file) {
    file->st_size++;
}

static void shorter(struct stat *file) {
    file->st_size--;
}

static void huge(struct stat *file) {
    file->st_size = (off_t)MPOL_LIMIT_IMAGE_BYTES + 1;
}

static void test_a_file_that_changes_while_it_is_read(void **state) {
    const char *path = write_file(policy.data, policy.len, 0644);
    (void)state;
    disguise = longer;
    expect(path, MPOL_TRUST_ANY, MPOL_UNREADABLE, "changed its length");
    disguise = shorter;
    expect(path, MPOL_TRUST_ANY, MPOL_UNREADABLE, "changed its length");
    disguise = huge;
    expect(path, MPOL_TRUST_ANY, MPOL_TOO_LARGE, "larger than any");
    (void)unlink(path);
}

static void test_other_files(void **state) {
    static const struct {
        const char *content;
        mpol_status status;
    } rows[] = {{"", MPOL_NOT_AN_IMAGE},
                {"{}", MPOL_NOT_AN_IMAGE},
                {"\x8dMTP\r\n\x1a\n", MPOL_NOT_AN_IMAGE}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *path = write_file(rows[i].content, strlen(rows[i].content), 0644);
        expect(path, MPOL_TRUST_ANY, rows[i].status, "not a compiled policy");
        (void)unlink(path);
    }
}

static mpol_status load_changed(uint32_t at, uint8_t value, mpol_error *error) {
    mpol_loaded loaded;
    uint8_t *copy = apr_pmemdup(support_pool(), policy.data, policy.len);
    copy[at] = value;
    mpol_status status = mpol_load_bytes(copy, policy.len, "it", &loaded, error);
    mpol_unload(&loaded);
    return status;
}

static void test_what_is_wrong_with_the_bytes(void **state) {
    mpol_error error;
    (void)state;
    assert_int_equal(load_changed(0, 0, &error), MPOL_NOT_AN_IMAGE);
    assert_int_equal(load_changed(MPOL_HEADER_MAJOR, 2, &error), MPOL_VERSION);
    assert_non_null(strstr(error.text, "FORMAT 1.3"));
    assert_int_equal(load_changed(MPOL_HEADER_MINOR, 1, &error), MPOL_VERSION);
    assert_int_equal(load_changed(MPOL_HEADER_FLAGS, 2, &error), MPOL_CORRUPT);
    assert_non_null(strstr(error.text, "FORMAT 1.7"));
    assert_int_equal(load_changed(policy.len - 1, 0x55, &error), MPOL_CORRUPT);
    assert_non_null(strstr(error.text, "FORMAT 1.8"));
    assert_int_equal(load_changed(MPOL_HEADER_SERIAL, 99, &error), MPOL_CORRUPT);
    assert_int_equal(
        load_changed(MPOL_HEADER_DIGEST, (uint8_t)(policy.data[MPOL_HEADER_DIGEST] + 1), &error),
        MPOL_CORRUPT);
}

static void test_a_broken_rule_under_a_good_digest(void **state) {
    mpol_error error;
    mpol_loaded loaded;
    uint8_t *copy = apr_pmemdup(support_pool(), policy.data, policy.len);
    (void)state;
    memset(copy + MPOL_HEADER_NAME, 0xff, 4);
    assert_true(mpol_image_digest(copy, policy.len, copy + MPOL_HEADER_DIGEST));
    assert_int_equal(mpol_load_bytes(copy, policy.len, "it", &loaded, &error), MPOL_CORRUPT);
    assert_non_null(strstr(error.text, "FORMAT 1.9"));
    assert_null(loaded.mapping);
}

static void test_loaded_bytes_are_a_copy_and_read_only(void **state) {
    mpol_error error;
    mpol_loaded loaded;
    uint8_t *copy = apr_pmemdup(support_pool(), policy.data, policy.len);
    char line[256];
    bool read_only = false;
    (void)state;
    assert_int_equal(mpol_load_bytes(copy, policy.len, "it", &loaded, &error), MPOL_OK);
    memset(copy, 0, policy.len);
    assert_string_equal(mpol_policy_name(&loaded.image), "full");
    assert_int_equal(strlen(loaded.digest_hex), 2 * MPOL_DIGEST_BYTES);
    assert_int_equal(strspn(loaded.digest_hex, "0123456789abcdef"), 2 * MPOL_DIGEST_BYTES);
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from = strtoul(line, NULL, 16);
        unsigned long to = strtoul(strchr(line, '-') + 1, NULL, 16);
        if ((unsigned long)(uintptr_t)loaded.mapping >= from &&
            (unsigned long)(uintptr_t)loaded.mapping < to)
            read_only = strncmp(strchr(line, ' '), " r--p", 5) == 0;
    }
    (void)fclose(maps);
    assert_true(read_only);
    mpol_unload(&loaded);
    assert_null(loaded.mapping);
    mpol_unload(&loaded); /* an empty one may be released too */
}

static void test_what_looks_compiled(void **state) {
    (void)state;
    assert_true(mpol_looks_compiled(policy.data, policy.len));
    assert_true(mpol_looks_compiled(policy.data, 8));
    assert_false(mpol_looks_compiled(policy.data, 7));
    assert_false(mpol_looks_compiled(policy.data, 0));
    assert_false(mpol_looks_compiled((const uint8_t *)"{\"name\":\"x\"}", 12));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_file),
        cmocka_unit_test(test_what_others_can_write_is_unsafe),
        cmocka_unit_test(test_only_root_and_oneself_may_own_it),
        cmocka_unit_test(test_only_regular_files),
        cmocka_unit_test(test_missing_files),
        cmocka_unit_test(test_a_file_that_changes_while_it_is_read),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_what_is_wrong_with_the_bytes),
        cmocka_unit_test(test_a_broken_rule_under_a_good_digest),
        cmocka_unit_test(test_loaded_bytes_are_a_copy_and_read_only),
        cmocka_unit_test(test_what_looks_compiled),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, end);
}
