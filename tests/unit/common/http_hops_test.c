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

typedef void follow_fn(const struct ip_nets *trusted, struct span hops, uint8_t addr[IP_BYTES]);

static void check(follow_fn *follow, const struct row *rows, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t addr[IP_BYTES];
        assert_true(ip_parse(span_of(rows[i].peer), addr));
        follow(&trusted, span_of(rows[i].hops), addr);
        char memory[IP_TEXT_MAX];
        struct text text = text_on(memory, sizeof(memory));
        ip_put(&text, addr);
        if (!span_eq(text_span(&text), span_of(rows[i].visitor)))
            fail_msg("%s says \"%s\": %.*s is not %s", rows[i].peer, rows[i].hops, (int)text.len,
                     memory, rows[i].visitor);
    }
}
#define CHECK(rows) check(http_hops_follow, rows, sizeof(rows) / sizeof((rows)[0]))
#define CHECK_FORWARDED(rows)                                                                      \
    check(http_hops_follow_forwarded, rows, sizeof(rows) / sizeof((rows)[0]))

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

static void whoever_is_no_proxy_of_ours_is_not_heard(void **state)
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

static void forwarded_names_whom_each_hop_saw(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"10.0.0.1", "for=192.0.2.1", "192.0.2.1"},
        {"10.0.0.1", "For=\"192.0.2.1\"", "192.0.2.1"},
        {"10.0.0.1", "for=\"192.0.2.1:47011\"", "192.0.2.1"},
        {"10.0.0.1", "for=\"192.0.2.1:_gazonk\"", "192.0.2.1"},
        {"10.0.0.1", "for=\"[2001:db8::7]\"", "2001:db8::7"},
        {"10.0.0.1", "For=\"[2001:db8::7]:4711\"", "2001:db8::7"},
        {"10.0.0.1", "for=192.0.2.1;proto=http;by=203.0.113.43", "192.0.2.1"},
        {"10.0.0.1", "by=_edge; host=\"a.example:443\" ;for=192.0.2.1;", "192.0.2.1"},
        {"10.0.0.1", "for=203.0.113.5, for=192.0.2.1;proto=https , for=198.51.100.9", "192.0.2.1"},
        {"10.0.0.1", "for=192.0.2.1,for=\"[2001:db8:cd::5]:1\"", "192.0.2.1"},
        {"10.0.0.1", "for=unknown, for=192.0.2.1", "192.0.2.1"},
        {"10.0.0.1", "for=10.0.0.2, for=10.0.0.3", "10.0.0.2"},
        {"203.0.113.5", "for=192.0.2.1", "203.0.113.5"},
        {"10.0.0.1", "", "10.0.0.1"},
    };
    CHECK_FORWARDED(rows);
}

static void what_forwarded_hides_or_garbles_ends_the_reading(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"10.0.0.1", "for=192.0.2.1, for=_hidden, for=198.51.100.9", "198.51.100.9"},
        {"10.0.0.1", "for=192.0.2.1, for=unknown", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1, proto=https", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1,", "10.0.0.1"},
        {"10.0.0.1", "192.0.2.1", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1;for=203.0.113.5", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1;secure", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1;pro to=http", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1;host=a b", "10.0.0.1"},
        {"10.0.0.1", "for = 192.0.2.1", "10.0.0.1"},
        {"10.0.0.1", "for=", "10.0.0.1"},
        {"10.0.0.1", "for=\"\"", "10.0.0.1"},
        {"10.0.0.1", "for=\"192.0.2.1", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1:47011", "10.0.0.1"}, /* a port has to be quoted */
        {"10.0.0.1", "for=[2001:db8::7]", "10.0.0.1"},
        {"10.0.0.1", "for=\"2001:db8::7\"", "10.0.0.1"}, /* and this needs brackets */
        {"10.0.0.1", "for=\"[2001:db8::7\"", "10.0.0.1"},
        {"10.0.0.1", "for=\"[2001:db8::7]4711\"", "10.0.0.1"},
        {"10.0.0.1", "for=\"[192.0.2.1]\"", "10.0.0.1"},
        {"10.0.0.1", "for=\"192.0.2.1:65536\"", "10.0.0.1"},
        {"10.0.0.1", "for=\"192.0.2.1:_\"", "10.0.0.1"},
        {"10.0.0.1", "for=\"192.0.2.1:\"", "10.0.0.1"},
        {"10.0.0.1", "for=\"192.0.\\2.1\"", "10.0.0.1"},
        /* A proxy of ours that hands on the visitor's Host in quotes lends it no voice. */
        {"10.0.0.1", "for=192.0.2.1;host=\"a, for=203.0.113.5\"", "10.0.0.1"},
        {"10.0.0.1", "for=192.0.2.1;host=\"a, for=203.0.113.5;x=\\\"b\"", "10.0.0.1"},
    };
    CHECK_FORWARDED(rows);
}

static void noise_is_survived_and_no_stranger_is_made_a_proxy(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    uint8_t peer[IP_BYTES];
    ip_parse(SPAN("203.0.113.5"), peer);
    static const struct {
        follow_fn *follow;
        const char *like;
    } kinds[] = {
        {http_hops_follow, "192.0.2.1, [2001:db8::7]:443, 198.51.100.9:80"},
        {http_hops_follow_forwarded,
         "for=192.0.2.1;by=_a, for=\"[2001:db8::7]:443\", for=10.0.0.9"},
    };
    for (unsigned round = 0; round < 40000; round++) {
        char in[96];
        follow_fn *follow = kinds[round % 2].follow;
        size_t len = unit_mutate(&rng.rng, span_of(kinds[round % 2].like), in, sizeof(in));
        uint8_t addr[IP_BYTES];
        memcpy(addr, peer, IP_BYTES);
        follow(&trusted, (struct span){in, len}, addr);
        assert_memory_equal(peer, addr, IP_BYTES);
        ip_parse(SPAN("10.0.0.1"), addr);
        follow(&trusted, (struct span){in, len}, addr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_address_that_is_no_proxy_of_ours_is_the_visitor),
        cmocka_unit_test(a_port_may_stand_beside_the_address),
        cmocka_unit_test(whoever_is_no_proxy_of_ours_is_not_heard),
        cmocka_unit_test(garbage_ends_the_reading_at_the_hop_that_wrote_it),
        cmocka_unit_test(forwarded_names_whom_each_hop_saw),
        cmocka_unit_test(what_forwarded_hides_or_garbles_ends_the_reading),
        cmocka_unit_test(noise_is_survived_and_no_stranger_is_made_a_proxy),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
