/* ip_test.c: one form for both kinds of address, and networks that mean what they say. */
#include "unit.h"

#include "base/ip.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <unistd.h>

TEST_CASE(addresses_are_read_to_one_form)
{
    static const char *const rows[][2] = {
        {"192.0.2.1", "::ffff:192.0.2.1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"::FFFF:C000:0201", "::ffff:192.0.2.1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::", "::"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.256", NULL},
        {"01.2.3.4", NULL},
        {"1.2.3.4 ", NULL},
        {"0x1.2.3.4", NULL},
        {"::1%lo", NULL},
        {"[::1]", NULL},
        {":::", NULL},
        {"1::2::3", NULL},
        {"12345::", NULL},
        {"localhost", NULL},
        {"1.2.3.4:80", NULL},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t addr[IP_BYTES] = {9};
        char text[INET6_ADDRSTRLEN];
        if (ip_parse(span_of(rows[i][0]), addr) != (rows[i][1] != NULL))
            fail_msg("\"%s\"", rows[i][0]);
        inet_ntop(AF_INET6, addr, text, sizeof(text));
        assert_string_equal(text, rows[i][1] != NULL ? rows[i][1] : "900::");
    }
}

TEST_CASE(a_site_is_an_ipv4_address_or_an_ipv6_64)
{
    uint8_t a[IP_BYTES], b[IP_BYTES];
    ip_parse(SPAN("2001:db8:1:2:a3b4:4:5:6"), a);
    ip_parse(SPAN("2001:db8:1:2::"), b);
    ip_site(a, a);
    assert_memory_equal(a, b, IP_BYTES);
    ip_parse(SPAN("192.0.2.7"), a);
    ip_site(a, b);
    assert_memory_equal(a, b, IP_BYTES);
}

static bool in_nets(const char *list, const char *addr_text)
{
    struct ip_nets nets;
    struct err_slot err;
    uint8_t addr[IP_BYTES];
    if (ip_nets_parse(span_of(list), &err, &nets) < 0)
        fail_msg("\"%s\": %s", list, err.text);
    assert_true(ip_parse(span_of(addr_text), addr));
    return ip_nets_contain(&nets, addr);
}

TEST_CASE(a_network_contains_the_addresses_with_its_prefix)
{
    static const struct {
        const char *list, *addr;
        bool in;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.1.2.128/25", "10.1.2.129", true},
        {"10.1.2.128/25", "10.1.2.127", false},
        {" 127.0.0.1 , ::1 ", "::1", true},
        {"127.0.0.1,::1", "::ffff:127.0.0.1", true},
        {"127.0.0.1,::1", "127.0.0.2", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"10.0.0.0/8,10.0.0.0/8", "10.1.1.1", true},
        {"::/0", "203.0.113.9", true},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
        {"", "127.0.0.1", false},
        {"  ", "127.0.0.1", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (in_nets(rows[i].list, rows[i].addr) != rows[i].in)
            fail_msg("%s in %s", rows[i].addr, rows[i].list);
    }
}

/* All bits of an address are 0 but one. */
TEST_CASE(a_network_of_any_length_ends_with_the_last_bit_of_its_prefix)
{
    for (unsigned bits = 1; bits <= 128; bits++) {
        char text[8];
        struct ip_nets nets;
        struct err_slot err;
        snprintf(text, sizeof(text), "::/%u", bits);
        assert_int_equal(0, ip_nets_parse(span_of(text), &err, &nets));
        for (unsigned one = 0; one < 128; one++) {
            uint8_t addr[IP_BYTES] = {0};
            addr[one / 8] = (uint8_t)(0x80u >> one % 8);
            assert_int_equal(one >= bits, ip_nets_contain(&nets, addr));
        }
    }
}

static void check_refused(const char *list, const char *says)
{
    struct ip_nets nets = {.len = 3};
    struct err_slot err;
    assert_true(ip_nets_parse(span_of(list), &err, &nets) < 0);
    assert_says(&err, says);
    assert_int_equal(3, nets.len);
}

TEST_CASE(a_wrong_list_is_refused_with_the_item_named)
{
    check_refused("10.0.0.0/8,", "\"\" is no address");
    check_refused("10.0.0.0/8,proxy", "\"proxy\" is no address");
    check_refused("10.0.0.0/33", "must be from 0 to 32");
    check_refused("10.0.0.0/", "must be from 0 to 32");
    check_refused("::/129", "must be from 0 to 128");
    check_refused("10.0.0.1/8", "\"10.0.0.1/8\" has bits set beyond");
    static char many[IP_NETS_MAX * 16];
    struct text text = text_on(many, sizeof(many) - 1);
    for (unsigned i = 0; i <= IP_NETS_MAX; i++)
        text_printf(&text, "%s10.0.%u.%u", i > 0 ? "," : "", i / 256, i % 256);
    assert_false(text.overflown);
    check_refused(many, "at most 1024");
}

/* The simple answer, item by item. */
static bool in_one_of(const char *const *list, size_t len, const char *addr)
{
    for (size_t i = 0; i < len; i++) {
        if (in_nets(list[i], addr))
            return true;
    }
    return false;
}

TEST_CASE(the_order_of_a_list_and_nets_within_nets_change_nothing)
{
    static const char *const nets[] = {"10.0.0.0/8",    "10.1.0.0/16",     "10.1.2.0/24",
                                       "9.0.0.0/9",     "203.0.113.64/26", "2001:db8::/32",
                                       "2001:db8:1::1", "fd00::/8",        "10.1.2.3"};
    static const char *const addrs[] = {
        "9.127.255.255",  "9.128.0.0",     "9.255.255.255",     "10.0.0.0",     "10.1.2.3",
        "10.255.255.255", "11.0.0.0",      "203.0.113.63",      "203.0.113.64", "203.0.113.127",
        "203.0.113.128",  "2001:db8:1::1", "2001:db8:ffff::",   "2001:db9::",   "2001:db7::1",
        "fcff::1",        "fd00::",        "fdff:ffff::ffff:1", "0.0.0.0",      "::",
        "255.255.255.255"};
    enum { NETS = sizeof(nets) / sizeof(nets[0]) };
    const struct rng *rng = unit_rng();
    for (unsigned round = 0; round < 200; round++) {
        const char *order[NETS];
        memcpy(order, nets, sizeof(nets));
        size_t len = 1 + (size_t)rng_below(rng, NETS);
        char list[256] = "";
        struct text text = text_on(list, sizeof(list) - 1);
        for (size_t i = 0; i < len; i++) {
            size_t at = i + (size_t)rng_below(rng, NETS - i);
            const char *net = order[at];
            order[at] = order[i];
            order[i] = net;
            text_printf(&text, "%s%s", i > 0 ? "," : "", net);
        }
        for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
            if (in_nets(list, addrs[i]) != in_one_of(order, len, addrs[i]))
                fail_msg("%s in %s", addrs[i], list);
        }
    }
}

TEST_CASE(a_file_may_hold_a_list_and_its_errors_name_the_line)
{
    char path[] = "/tmp/ip_test.XXXXXX";
    int fd = mkstemp(path);
    static const char good[] = "# a CDN\n198.51.100.0/24\r\n\n  2001:db8::/32 # v6";
    assert_int_equal(sizeof(good) - 1, write(fd, good, sizeof(good) - 1));
    char list[64];
    snprintf(list, sizeof(list), "127.0.0.1, %s", path);
    struct ip_nets nets;
    struct err_slot err;
    assert_int_equal(0, ip_nets_load(span_of(list), &err, &nets));
    assert_int_equal(3, nets.len);
    uint8_t addr[IP_BYTES];
    ip_parse(SPAN("2001:db8:7::1"), addr);
    assert_true(ip_nets_contain(&nets, addr));
    assert_true(ip_nets_parse(span_of(list), &err, &nets) < 0);

    assert_int_equal(6, write(fd, "\nproxy", 6));
    assert_true(ip_nets_load(span_of(list), &err, &nets) < 0);
    assert_says(&err, path);
    assert_says(&err, ":5: \"proxy\" is no address");
    close(fd);
    unlink(path);
    assert_int_equal(ERR_IO, ip_nets_load(span_of(list), &err, &nets));
    char longer[600];
    memset(longer, '/', sizeof(longer));
    assert_int_equal(ERR_RANGE, ip_nets_load((struct span){longer, 512}, &err, &nets));
    assert_int_equal(ERR_IO, ip_nets_load((struct span){longer, 511}, &err, &nets));
    assert_true(ip_nets_load(SPAN("127.0.0.1,"), &err, &nets) < 0);
    assert_says(&err, "\"\" is no address");
    /* A read error is not an empty list. */
    assert_int_equal(ERR_IO, ip_nets_load(SPAN("/proc/self/mem"), &err, &nets));
}
