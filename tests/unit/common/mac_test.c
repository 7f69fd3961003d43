/* mac_test.c: the published vectors, the rotation of keys, and files of keys. */
#include "unit.h"

#include "crypto/mac.h"

#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_come_out),
        cmocka_unit_test(any_changed_bit_is_seen),
        cmocka_unit_test(a_rotation_invalidates_nothing_until_the_old_key_goes),
        cmocka_unit_test(a_wrong_file_is_refused_with_the_line_named),
        cmocka_unit_test(a_key_file_is_a_secret_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
