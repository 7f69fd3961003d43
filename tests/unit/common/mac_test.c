/* mac_test.c: authentication codes and their rings of keys, names of members, files of secrets. */
#include "unit.h"

#include "base/secret_file.h"
#include "crypto/mac.h"
#include "crypto/member_name.h"
#include "system/plain_file.h"

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
TEST_CASE(the_published_vectors_match)
{
    static const uint8_t want_empty[] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                         0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
    static const uint8_t want_one[] = {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                       0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45};
    struct mac_ring ring = ring_of("1 " KEY_1);
    uint8_t mac[MAC_BYTES];
    mac_make(&ring, &SPAN(""), 1, mac);
    assert_memory_equal(want_empty, mac, MAC_BYTES);
    mac_make(&ring, (struct span[]){SPAN(""), SPAN("\0")}, 2, mac);
    assert_memory_equal(want_one, mac, MAC_BYTES);
    assert_true(mac_check(&ring, 1, &SPAN("\0"), 1, mac));
}

TEST_CASE(any_changed_bit_is_refused)
{
    struct mac_ring ring = ring_of("9 " KEY_1);
    uint8_t mac[MAC_BYTES];
    char message[] = "event 7 place 12345";
    const struct span whole = {message, sizeof(message)};
    mac_make(&ring, (struct span[]){{message, 8}, {message + 8, sizeof(message) - 8}}, 2, mac);
    for (unsigned bit = 0; bit < 8 * MAC_BYTES; bit++) {
        mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(mac_check(&ring, 9, &whole, 1, mac));
        mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 8 * sizeof(message); bit++) {
        message[bit / 8] = (char)(message[bit / 8] ^ (1 << bit % 8));
        assert_false(mac_check(&ring, 9, &whole, 1, mac));
        message[bit / 8] = (char)(message[bit / 8] ^ (1 << bit % 8));
    }
    assert_true(mac_check(&ring, 9, &whole, 1, mac));
    assert_false(mac_check(&ring, 9, &(struct span){message, sizeof(message) - 1}, 1, mac));
}

TEST_CASE(a_rotation_invalidates_nothing_until_the_old_key_is_removed)
{
    struct mac_ring before = ring_of("1 " KEY_1);
    struct mac_ring during = ring_of("2 " KEY_2 "\n1 " KEY_1 "\n");
    struct mac_ring after = ring_of("2 " KEY_2 "\n");
    uint8_t old_mac[MAC_BYTES], new_mac[MAC_BYTES];
    mac_make(&before, &SPAN("ticket"), 1, old_mac);
    assert_int_equal(2, mac_ring_current(&during));
    mac_make(&during, &SPAN("ticket"), 1, new_mac);
    assert_memory_not_equal(old_mac, new_mac, MAC_BYTES);
    assert_true(mac_check(&during, 1, &SPAN("ticket"), 1, old_mac));
    assert_true(mac_check(&during, 2, &SPAN("ticket"), 1, new_mac));
    assert_false(mac_check(&during, 2, &SPAN("ticket"), 1, old_mac));
    assert_false(mac_check(&after, 1, &SPAN("ticket"), 1, old_mac));
    assert_true(mac_check(&after, 2, &SPAN("ticket"), 1, new_mac));
    mac_ring_wipe(&after);
    assert_int_equal(0, after.len);
    assert_false(mac_check(&after, 2, &SPAN("ticket"), 1, new_mac));
}

TEST_CASE(a_bad_key_file_is_refused_with_its_line)
{
    static const char form[] = "a key is written", digits[] = "a key has 32 hex digits";
    static const char *const rows[][3] = {
        {"", "line 1:", form},
        {"\n1 " KEY_1, "line 1:", form},
        {"256 " KEY_1, "line 1:", form},
        {"k1 " KEY_1, "line 1:", form},
        {"1" KEY_1, "line 1:", form},
        {"1 " KEY_1 "00", "line 1:", digits},
        {"1  " KEY_1, "line 1:", digits},
        {"1 g00102030405060708090a0b0c0d0e0f", "line 1:", digits},
        {"1 " KEY_1 "\n1 " KEY_2, "line 2:", "there are two keys 1"},
        {"1 " KEY_1 "\n2 " KEY_1 "\n3 " KEY_1 "\n4 " KEY_1 "\n5 " KEY_1,
         "line 5:", "there are more than 4 keys"},
    };
    struct mac_ring ring;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err_slot err;
        assert_true(mac_ring_parse(span_of(rows[i][0]), &err, &ring) < 0);
        assert_says(&err, rows[i][1]);
        assert_says(&err, rows[i][2]);
        assert_null(strstr(err.text, "0102")); /* never shows a key's bytes */
    }
    assert_int_equal(ERR_SYNTAX, mac_ring_parse((struct span){NULL, 0}, NULL, &ring));
}

TEST_CASE(a_key_file_is_a_secret_file)
{
    static const struct {
        struct span content;
        unsigned mode;
        int rc;
    } rows[] = {
        {SPAN("7 " KEY_1 "\n"), 0600, 0},
        {SPAN("7 " KEY_1 "\n"), 0644, ERR_AUTH},
        {SPAN("nonsense\n"), 0600, ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mac_ring ring;
        struct err_slot err;
        char *path = unit_file(rows[i].content, rows[i].mode);
        assert_int_equal(rows[i].rc, mac_ring_load(path, &err, &ring));
        assert_int_equal(rows[i].rc, mac_ring_load(path, NULL, &ring));
        if (rows[i].rc == 0)
            assert_int_equal(7, mac_ring_current(&ring));
        else
            assert_says(&err, path);
        unit_file_remove(path);
    }
}

/* ---- member name ---- */

TEST_CASE(member_names_match_the_vectors)
{
    char long_id[300];
    memset(long_id, 'm', sizeof(long_id));
    assert_string_equal(member_name_make(SPAN("show"), SPAN("17")).text, "vHEwXtu8vQxukDfsSgZTgA");
    assert_string_equal(
        member_name_make(SPAN("show"), (struct span){long_id, sizeof(long_id)}).text,
        "Rpj4HD7G1dxe7PU34nSYUQ");
    /* Event and member are hashed with a separator. */
    assert_string_equal(member_name_make(SPAN("sho"), SPAN("w17")).text, "5ZGWjzcz_wbt_FpY-OpqAQ");
}

/* ---- secret file, plain file ---- */

TEST_CASE(a_secret_is_read_without_its_last_newline)
{
    static char large[SECRET_FILE_BYTES_MAX + 1];
    memset(large, 'x', sizeof(large));
    const struct {
        struct span content;
        unsigned mode;
        int rc;
        size_t len;
    } rows[] = {
        {SPAN("abc\n"), 0600, 0, 3},
        {SPAN("abc\n\n"), 0400, 0, 4},
        {SPAN(""), 0600, ERR_SYNTAX, 0},
        {SPAN("\n"), 0600, ERR_SYNTAX, 0},
        {{large, sizeof(large)}, 0600, ERR_RANGE, 0},
        {{large, sizeof(large) - 1}, 0600, 0, SECRET_FILE_BYTES_MAX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct secret_file *secret = NULL;
        struct err_slot err;
        char *path = unit_file(rows[i].content, rows[i].mode);
        assert_int_equal(rows[i].rc, secret_file_read(path, &err, &secret));
        unit_file_remove(path);
        if (rows[i].rc == 0)
            assert_true(
                span_eq(secret_file_span(secret), (struct span){rows[i].content.ptr, rows[i].len}));
        secret_file_destroy(secret);
    }
}

TEST_CASE(a_file_that_others_may_touch_is_refused)
{
    static const unsigned modes[] = {0640, 0604, 0620, 0602, 0610, 0644, 0777};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct secret_file *secret;
        struct err_slot err;
        char *path = unit_file(SPAN("for nobody"), modes[i]);
        assert_int_equal(ERR_AUTH, secret_file_read(path, &err, &secret));
        assert_says(&err, "must be 0600");
        assert_null(strstr(err.text, "for nobody"));
        unit_file_remove(path);
    }
}

enum { CAP = 8 };

TEST_CASE(a_plain_file_is_read_up_to_the_length_that_fits)
{
    static const char *const contents[] = {"", "12345678", "123456789"};
    char bytes[CAP];
    size_t len = 99;
    for (unsigned i = 0; i < 3; i++) {
        char *path = unit_file(span_of(contents[i]), 0600);
        const char *why = plain_file_read(path, bytes, CAP, &len);
        unit_file_remove(path);
        assert_string_equal(why != NULL ? why : "", i < 2 ? "" : "it is too long");
        assert_int_equal(i == 0 ? 0 : CAP, len); /* a refusal does not change it */
        assert_memory_equal(contents[i], bytes, len);
    }
}

TEST_CASE(anything_but_a_plain_file_is_refused_without_waiting)
{
    char *fifo = unit_file(SPAN("x"), 0600), bytes[CAP];
    unlink(fifo);
    assert_int_equal(0, mkfifo(fifo, 0600));
    const struct {
        const char *path, *why;
        int rc; /* of a secret file */
    } rows[] = {{"/nowhere/at/all", "No such file or directory", ERR_NOT_FOUND},
                {"/dev/zero", "it is not a plain file", ERR_AUTH},
                {"/tmp", "it is not a plain file", ERR_AUTH},
                {fifo, "it is not a plain file", ERR_AUTH}};
    alarm(10); /* without a writer open() would never return */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct secret_file *secret;
        struct err_slot err;
        size_t len;
        assert_string_equal(rows[i].why, plain_file_read(rows[i].path, bytes, CAP, &len));
        assert_int_equal(rows[i].rc, secret_file_read(rows[i].path, &err, &secret));
        assert_says(&err, rows[i].path);
    }
    alarm(0);
    unit_file_remove(fifo);
}
