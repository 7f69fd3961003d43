/* http_hops_test.c: the visitor behind proxies, and lists of origins. The responses to origins are
 * in tests/integration/seat-service/console.test.js. */
#include "unit.h"

#include "http/http_hops.h"
#include "http/http_server.h"

static struct ip_nets trusted;

static void load(void)
{
    struct err_slot err;
    unit_must(ip_nets_parse(SPAN("10.0.0.0/8, 198.51.100.0/24, 2001:db8:cd::/48"), &err, &trusted),
              &err);
}

UNIT_BETWEEN(load, NULL)

/* Headers of a peer about earlier hops, in several forms that mean the same visitor. */
struct rule {
    const char *peer, *visitor, *hops[32];
};

static const struct rule rules[] = {
    /* the last address that is not a proxy of ours is the visitor; a port may follow it */
    {"10.0.0.1",
     "192.0.2.1",
     {"192.0.2.1", "192.0.2.1, 198.51.100.9", "192.0.2.1,198.51.100.9,10.2.3.4",
      "203.0.113.5, 192.0.2.1, 198.51.100.9", "garbage, 192.0.2.1", "::ffff:192.0.2.1",
      "192.0.2.1:51234", "192.0.2.1:80, 198.51.100.9:81"}},
    {"10.0.0.1", "2001:db8::7", {"2001:db8::7", "[2001:db8::7]:443", "[2001:db8::7]"}},
    {"10.0.0.1", "10.0.0.2", {"10.0.0.2, 10.0.0.3"}},
    {"2001:db8:cd::1", "192.0.2.1", {"192.0.2.1 ,\t2001:db8:cd:1::2"}},
    {"::ffff:10.0.0.1", "192.0.2.1", {"192.0.2.1"}},
    /* the header of another peer is ignored */
    {"203.0.113.5", "203.0.113.5", {"192.0.2.1"}},
    {"2001:db8:ce::1", "2001:db8:ce::1", {"192.0.2.1"}},
    /* garbage ends the reading at the hop that wrote it */
    {"10.0.0.1", "198.51.100.9", {"192.0.2.1, _hidden, 198.51.100.9"}},
    {"10.0.0.1",
     "10.0.0.1",
     {"", "garbage", "192.0.2.1, unknown", "192.0.2.1,", ",", "192.0.2.1:", "192.0.2.1:65536",
      "192.0.2.1:8x", "[192.0.2.1]:80", "[2001:db8::7", "[2001:db8::7]80", "[2001:db8::7]:", "[]",
      "192.0.2.1/32", "192.0.2.1 198.51.100.9", "fe80::1%eth0"}},
};

static void check(const struct rule *rule, const char *hops)
{
    uint8_t addr[IP_BYTES], visitor[IP_BYTES];
    assert_true(ip_parse(span_of(rule->peer), addr));
    assert_true(ip_parse(span_of(rule->visitor), visitor));
    http_hops_follow(&trusted, span_of(hops), addr);
    if (memcmp(addr, visitor, IP_BYTES) != 0)
        fail_msg("%s says \"%s\": not %s", rule->peer, hops, rule->visitor);
}

TEST_CASE(the_visitor_is_found_behind_trusted_proxies)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        for (const char *const *hops = rules[i].hops; *hops != NULL; hops++)
            check(&rules[i], *hops);
}

/* ---- http cors ---- */

TEST_CASE(an_origin_is_scheme_host_and_port)
{
    static const char *const good[] = {"http://localhost:8091", "https://console.example",
                                       "http://[::1]:8091", "https://xn--bcher-kva.example:444"};
    static const char *const bad[] = {"",
                                      "*",
                                      "null",
                                      "https://",
                                      "localhost:8091",
                                      "https://Console.example",
                                      "https://console.example/",
                                      "https://console.example/console",
                                      "https://*.example",
                                      "ftp://console.example",
                                      "https://a.example b.example",
                                      "https://a.example\r\nSet-Cookie: x",
                                      "https://kim@console.example"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(http_origin_ok(span_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(http_origin_ok(span_of(bad[i])));
}

TEST_CASE(the_invalid_origin_of_a_list_is_named)
{
    struct err_slot err = {0};
    assert_int_equal(http_origins_check(SPAN(""), &err), 0);
    assert_int_equal(http_origins_check(SPAN("http://a.example, http://b.example:1"), &err), 0);
    assert_int_equal(http_origins_check(SPAN("http://a.example,*"), &err), ERR_RANGE);
    assert_non_null(strstr(err.text, "\"*\""));
    assert_int_equal(http_origins_check(SPAN("http://a.example,,http://b.example"), &err),
                     ERR_RANGE);
}
