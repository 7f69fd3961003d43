/* http_hops_test.c: the visitor behind proxies, whatever they and the visitor write. */
#include "unit.h"

#include "http/http_hops.h"

static struct ip_nets trusted;

static int load(void **state)
{
    (void)state;
    struct err_slot err;
    return ip_nets_parse(SPAN("10.0.0.0/8, 198.51.100.0/24, 2001:db8:cd::/48"), &err, &trusted);
}

struct row {
    const char *peer, *hops, *visitor;
};

static void check(const struct row *rows, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t addr[IP_BYTES];
        assert_true(ip_parse(span_of(rows[i].peer), addr));
        http_hops_follow(&trusted, span_of(rows[i].hops), addr);
        char memory[IP_TEXT_MAX];
        struct text text = text_on(memory, sizeof(memory));
        ip_put(&text, addr);
        if (!span_eq(text_span(&text), span_of(rows[i].visitor)))
            fail_msg("%s says \"%s\": %.*s is not %s", rows[i].peer, rows[i].hops, (int)text.len,
                     memory, rows[i].visitor);
    }
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void the_last_address_that_is_no_proxy_of_ours_is_the_visitor(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"10.0.0.1", "192.0.2.1", "192.0.2.1"},
        {"10.0.0.1", "2001:db8::7", "2001:db8::7"},
        {"10.0.0.1", "192.0.2.1, 198.51.100.9", "192.0.2.1"},
        {"10.0.0.1", "192.0.2.1,198.51.100.9,10.2.3.4", "192.0.2.1"},
        {"2001:db8:cd::1", "192.0.2.1 ,\t2001:db8:cd:1::2", "192.0.2.1"},
        {"10.0.0.1", "203.0.113.5, 192.0.2.1, 198.51.100.9", "192.0.2.1"},
        {"10.0.0.1", "garbage, 192.0.2.1", "192.0.2.1"},
        {"10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"},
        {"10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"},
    };
    CHECK(rows);
}

static void a_port_may_stand_beside_the_address(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"10.0.0.1", "192.0.2.1:51234", "192.0.2.1"},
        {"10.0.0.1", "[2001:db8::7]:443", "2001:db8::7"},
        {"10.0.0.1", "[2001:db8::7]", "2001:db8::7"},
        {"10.0.0.1", "192.0.2.1:80, 198.51.100.9:81", "192.0.2.1"},
    };
    CHECK(rows);
}

static void who_is_no_proxy_of_ours_is_not_heard(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"203.0.113.5", "192.0.2.1", "203.0.113.5"},
        {"2001:db8:ce::1", "192.0.2.1", "2001:db8:ce::1"},
        {"10.0.0.1", "", "10.0.0.1"},
    };
    CHECK(rows);
}

static void garbage_ends_the_reading_at_the_hop_that_wrote_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"10.0.0.1", "garbage", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1, unknown", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1, _hidden, 198.51.100.9", "198.51.100.9"},
        {"10.0.0.1", "192.0.2.1,", "10.0.0.1"},
        {"10.0.0.1", ",", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1:", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1:65536", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1:8x", "10.0.0.1"},
        {"10.0.0.1", "[192.0.2.1]:80", "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::7", "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::7]80", "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::7]:", "10.0.0.1"},
        {"10.0.0.1", "[]", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1/32", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1 198.51.100.9", "10.0.0.1"},
        {"10.0.0.1", "fe80::1%eth0", "10.0.0.1"},
    };
    CHECK(rows);
}

static void noise_is_survived_and_no_stranger_is_made_a_proxy(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    uint8_t peer[IP_BYTES];
    ip_parse(SPAN("203.0.113.5"), peer);
    for (unsigned round = 0; round < 20000; round++) {
        char in[96];
        size_t len = unit_mutate(&rng.rng, SPAN("192.0.2.1, [2001:db8::7]:443, 198.51.100.9:80"),
                                 in, sizeof(in));
        uint8_t addr[IP_BYTES];
        memcpy(addr, peer, IP_BYTES);
        http_hops_follow(&trusted, (struct span){in, len}, addr);
        assert_memory_equal(peer, addr, IP_BYTES);
        ip_parse(SPAN("10.0.0.1"), addr);
        http_hops_follow(&trusted, (struct span){in, len}, addr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_address_that_is_no_proxy_of_ours_is_the_visitor),
        cmocka_unit_test(a_port_may_stand_beside_the_address),
        cmocka_unit_test(who_is_no_proxy_of_ours_is_not_heard),
        cmocka_unit_test(garbage_ends_the_reading_at_the_hop_that_wrote_it),
        cmocka_unit_test(noise_is_survived_and_no_stranger_is_made_a_proxy),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
