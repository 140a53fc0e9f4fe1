/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "compile/buffer.h"

#include <stdlib.h>
#include <string.h>

static void test_numbers_have_the_lowest_byte_first(void **state) {
    mpol_buffer out = {0};
    (void)state;
    mpol_put_u32(&out, 0x01020304u);
    mpol_put_u64(&out, 0x1112131415161718u);
    assert_int_equal(out.len, 12);
    assert_memory_equal(out.data, "\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11", 12);
    mpol_write_number(out.data + 1, 0xaabb, 2);
    assert_memory_equal(out.data, "\x04\xbb\xaa\x01\x18", 5);
    free(out.data);
}

static void test_it_grows(void **state) {
    mpol_buffer out = {0};
    (void)state;
    mpol_put_bytes(&out, NULL, 0);
    assert_int_equal(out.len, 0);
    for (int i = 0; i < 100000; i++)
        mpol_put_bytes(&out, (const uint8_t[]){(uint8_t)i, (uint8_t)(i >> 8), 7}, 3);
    assert_int_equal(out.len, 300000);
    assert_true(out.room >= out.len);
    for (int i = 0; i < 100000; i++)
        assert_true(out.data[3 * i] == (uint8_t)i && out.data[3 * i + 1] == (uint8_t)(i >> 8));
    free(out.data);
}

static void test_one_large_piece(void **state) {
    mpol_buffer out = {0};
    uint8_t *piece = calloc(1, 1000000);
    (void)state;
    piece[999999] = 9;
    mpol_put_u32(&out, 1);
    mpol_put_bytes(&out, piece, 1000000);
    assert_int_equal(out.len, 1000004);
    assert_int_equal(out.data[1000003], 9);
    free(piece);
    free(out.data);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_have_the_lowest_byte_first),
        cmocka_unit_test(test_it_grows),
        cmocka_unit_test(test_one_large_piece),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
