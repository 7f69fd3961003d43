/* mac_test.c: authentication codes and their rings of keys, names of members, files of secrets. */
#include "unit.h"

#include "base/secret_file.h"
#include "crypto/mac.h"
#include "crypto/member_name.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_1 "000102030405060708090a0b0c0d0e0f"
#define KEY_2 "ffeeddccbbaa99887766554433221100"

static struct mac_ring ring_of(const char *text)
{
    struct mac_ring ring;
    struct err_slot err;
    if (mac_ring_parse(span_of(text), &err, &ring) < 0)
        fail_msg("%s", err.text);
    return ring;
}

/* From the reference implementation's vectors.h (SipHash-2-4, 128 bits). */
static void the_published_vectors_come_out(void **state)
{
    (void)state;
    static const uint8_t want_empty[] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                         0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
    static const uint8_t want_one[] = {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                       0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45};
    struct mac_ring ring = ring_of("1 " KEY_1);
    uint8_t mac[MAC_BYTES];
    mac_make(&ring, "", 0, mac);
    assert_memory_equal(want_empty, mac, MAC_BYTES);
    mac_make(&ring, "\0", 1, mac);
    assert_memory_equal(want_one, mac, MAC_BYTES);
    assert_true(mac_check(&ring, 1, "\0", 1, mac));
}

static void any_changed_bit_is_seen(void **state)
{
    (void)state;
    struct mac_ring ring = ring_of("9 " KEY_1);
    uint8_t mac[MAC_BYTES];
    char message[] = "event 7 place 12345";
    mac_make(&ring, message, sizeof(message), mac);
    for (unsigned bit = 0; bit < 8 * MAC_BYTES; bit++) {
        mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(mac_check(&ring, 9, message, sizeof(message), mac));
        mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 8 * sizeof(message); bit++) {
        message[bit / 8] = (char)(message[bit / 8] ^ (1 << bit % 8));
        assert_false(mac_check(&ring, 9, message, sizeof(message), mac));
        message[bit / 8] = (char)(message[bit / 8] ^ (1 << bit % 8));
    }
    assert_true(mac_check(&ring, 9, message, sizeof(message), mac));
    assert_false(mac_check(&ring, 9, message, sizeof(message) - 1, mac));
}

static void a_rotation_invalidates_nothing_until_the_old_key_goes(void **state)
{
    (void)state;
    struct mac_ring before = ring_of("1 " KEY_1);
    struct mac_ring during = ring_of("2 " KEY_2 "\n1 " KEY_1 "\n");
    struct mac_ring after = ring_of("2 " KEY_2 "\n");
    uint8_t old_mac[MAC_BYTES], new_mac[MAC_BYTES];
    mac_make(&before, "ticket", 6, old_mac);
    assert_int_equal(2, mac_ring_current(&during));
    mac_make(&during, "ticket", 6, new_mac);
    assert_memory_not_equal(old_mac, new_mac, MAC_BYTES);
    assert_true(mac_check(&during, 1, "ticket", 6, old_mac));
    assert_true(mac_check(&during, 2, "ticket", 6, new_mac));
    assert_false(mac_check(&during, 2, "ticket", 6, old_mac));
    assert_false(mac_check(&after, 1, "ticket", 6, old_mac));
    assert_true(mac_check(&after, 2, "ticket", 6, new_mac));
    mac_ring_wipe(&after);
    assert_int_equal(0, after.len);
    assert_false(mac_check(&after, 2, "ticket", 6, new_mac));
}

static void check_refused(const char *text, const char *says)
{
    struct mac_ring ring;
    struct err_slot err;
    assert_true(mac_ring_parse(span_of(text), &err, &ring) < 0);
    assert_says(&err, says);
    assert_null(strstr(err.text, "0102")); /* never a byte of a key */
}

static void a_wrong_file_is_refused_with_the_line_named(void **state)
{
    (void)state;
    struct mac_ring none;
    assert_int_equal(ERR_SYNTAX, mac_ring_parse((struct span){NULL, 0}, NULL, &none));
    check_refused("", "line 1: a key is written");
    check_refused("\n1 " KEY_1, "line 1: a key is written");
    check_refused("256 " KEY_1, "line 1: a key is written");
    check_refused("k1 " KEY_1, "line 1: a key is written");
    check_refused("1" KEY_1, "line 1: a key is written");
    check_refused("1 " KEY_1 "00", "line 1: a key has 32 hex digits");
    check_refused("1  " KEY_1, "line 1: a key has 32 hex digits");
    check_refused("1 g00102030405060708090a0b0c0d0e0f", "line 1: a key has 32 hex digits");
    check_refused("1 " KEY_1 "\n1 " KEY_2, "line 2: there are two keys 1");
    check_refused("1 " KEY_1 "\n2 " KEY_1 "\n3 " KEY_1 "\n4 " KEY_1 "\n5 " KEY_1,
                  "line 5: there are more than 4 keys");
}

static void a_key_file_is_a_secret_file(void **state)
{
    (void)state;
    struct mac_ring ring;
    struct err_slot err;
    char *path = unit_file(SPAN("7 " KEY_1 "\n"), 0600);
    assert_int_equal(0, mac_ring_load(path, &err, &ring));
    assert_int_equal(7, mac_ring_current(&ring));
    unit_file_remove(path);
    path = unit_file(SPAN("7 " KEY_1 "\n"), 0644);
    assert_int_equal(ERR_AUTH, mac_ring_load(path, &err, &ring));
    unit_file_remove(path);
    path = unit_file(SPAN("nonsense\n"), 0600);
    assert_int_equal(ERR_SYNTAX, mac_ring_load(path, &err, &ring));
    assert_says(&err, path);
    assert_int_equal(ERR_SYNTAX, mac_ring_load(path, NULL, &ring));
    unit_file_remove(path);
}

/* ---- member name ---- */

static void a_name_is_the_same_wherever_and_whenever_it_is_made(void **state)
{
    (void)state;
    char long_id[300];
    memset(long_id, 'm', sizeof(long_id));
    assert_string_equal(member_name_make(SPAN("show"), SPAN("17")).text, "vHEwXtu8vQxukDfsSgZTgA");
    assert_string_equal(
        member_name_make(SPAN("show"), (struct span){long_id, sizeof(long_id)}).text,
        "Rpj4HD7G1dxe7PU34nSYUQ");
}

static void event_and_member_do_not_run_into_each_other(void **state)
{
    (void)state;
    assert_string_equal(member_name_make(SPAN("sho"), SPAN("w17")).text, "5ZGWjzcz_wbt_FpY-OpqAQ");
}

/* ---- secret file ---- */

static int read_one(struct span content, unsigned mode, struct err_slot *err,
                    struct secret_file **out)
{
    char *path = unit_file(content, mode);
    int rc = secret_file_read(path, err, out);
    unit_file_remove(path);
    return rc;
}

static void a_secret_is_read_less_one_newline(void **state)
{
    (void)state;
    struct secret_file *secret;
    struct err_slot err;
    assert_int_equal(0, read_one(SPAN("abc\n"), 0600, &err, &secret));
    assert_span(secret_file_span(secret), "abc");
    secret_file_destroy(secret);
    assert_int_equal(0, read_one(SPAN("abc\n\n"), 0400, &err, &secret));
    assert_span(secret_file_span(secret), "abc\n");
    secret_file_destroy(secret);
    secret_file_destroy(NULL);
}

static void a_file_that_others_may_touch_is_refused(void **state)
{
    (void)state;
    static const unsigned modes[] = {0640, 0604, 0620, 0602, 0610, 0644, 0777};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct secret_file *secret;
        struct err_slot err;
        assert_int_equal(ERR_AUTH, read_one(SPAN("for nobody"), modes[i], &err, &secret));
        assert_says(&err, "must be 0600");
        assert_null(strstr(err.text, "for nobody"));
    }
}

static void empty_and_oversized_files_are_refused(void **state)
{
    (void)state;
    static char large[SECRET_FILE_BYTES_MAX + 1];
    memset(large, 'x', sizeof(large));
    struct secret_file *secret;
    struct err_slot err;
    assert_int_equal(ERR_SYNTAX, read_one(SPAN(""), 0600, &err, &secret));
    assert_int_equal(ERR_SYNTAX, read_one(SPAN("\n"), 0600, &err, &secret));
    assert_int_equal(ERR_RANGE, read_one((struct span){large, sizeof(large)}, 0600, &err, &secret));
    assert_int_equal(0, read_one((struct span){large, sizeof(large) - 1}, 0600, &err, &secret));
    assert_int_equal(SECRET_FILE_BYTES_MAX, secret_file_span(secret).len);
    secret_file_destroy(secret);
}

static void what_is_no_plain_file_is_refused_without_waiting(void **state)
{
    (void)state;
    struct secret_file *secret;
    struct err_slot err;
    assert_int_equal(ERR_NOT_FOUND, secret_file_read("/nowhere/at/all", &err, &secret));
    assert_says(&err, "/nowhere/at/all");
    assert_int_equal(ERR_AUTH, secret_file_read("/tmp", &err, &secret));
    char *path = unit_file(SPAN("x"), 0600);
    unlink(path);
    assert_int_equal(0, mkfifo(path, 0600));
    assert_int_equal(ERR_AUTH, secret_file_read(path, &err, &secret));
    unit_file_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_come_out),
        cmocka_unit_test(any_changed_bit_is_seen),
        cmocka_unit_test(a_rotation_invalidates_nothing_until_the_old_key_goes),
        cmocka_unit_test(a_wrong_file_is_refused_with_the_line_named),
        cmocka_unit_test(a_key_file_is_a_secret_file),
        cmocka_unit_test(a_name_is_the_same_wherever_and_whenever_it_is_made),
        cmocka_unit_test(event_and_member_do_not_run_into_each_other),
        cmocka_unit_test(a_secret_is_read_less_one_newline),
        cmocka_unit_test(a_file_that_others_may_touch_is_refused),
        cmocka_unit_test(empty_and_oversized_files_are_refused),
        cmocka_unit_test(what_is_no_plain_file_is_refused_without_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
