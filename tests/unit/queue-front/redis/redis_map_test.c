/* redis_map_test.c: addresses, slots, and the replies of clusters and sentinels, good and bad. */
#include "redis/redis_map.h"

#include "resp_reply.h"

static const struct redis_addr asked = {"10.0.0.9", 7000};

TEST_CASE(slots_are_those_of_the_specification)
{
    assert_int_equal(0x31C3, redis_slot(SPAN("123456789")));
    assert_int_equal(12182, redis_slot(SPAN("foo")));
    assert_int_equal(5061, redis_slot(SPAN("bar")));
    assert_int_equal(0, redis_slot(SPAN("")));
}

TEST_CASE(an_address_has_a_host_and_a_port)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {
        {"10.0.0.1:6379", "10.0.0.1", 6379},
        {"[2001:db8::1]:6380", "2001:db8::1", 6380},
        {"::1:6381", "::1", 6381},
        {"127.0.0.1:65535", "127.0.0.1", 65535},
        {"redis:6379", "redis", 6379},
        {"redis_0.line-a.svc.cluster.local:26379", "redis_0.line-a.svc.cluster.local", 26379},
    };
    static const char *const bad[] = {
        "",          "10.0.0.1",     "10.0.0.1:",      "10.0.0.1:0",      "10.0.0.1:65536",
        ":6379",     "re dis:6379",  "10.0.0.1:6379x", "10.0.0.256:6379", "[]:6379",
        "[::1:6379", "10.0.0.1: 80", "1.2.3.4:6379 ",  "::1]:6379",       "-a:1",
        "a..b:1",    "?:6379",       ".a:1",           "a/b:1",           "1.2.3:1",
    };
    struct redis_addr addr;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(redis_addr_parse(span_of(good[i].text), &addr));
        assert_string_equal(good[i].host, addr.host);
        assert_int_equal(good[i].port, addr.port);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(redis_addr_parse(span_of(bad[i]), &addr));
}

TEST_CASE(a_list_of_seeds_is_read_whole_or_refused)
{
    struct redis_seeds seeds;
    assert_true(redis_seeds_parse(SPAN("10.0.0.1:1, [::1]:2 ,10.0.0.3:3"), &seeds));
    assert_int_equal(3, seeds.len);
    assert_string_equal("::1", seeds.at[1].host);
    assert_int_equal(3, seeds.at[2].port);
    assert_false(redis_seeds_parse(SPAN(""), &seeds));
    assert_false(redis_seeds_parse(SPAN("10.0.0.1:1,"), &seeds));
    assert_false(redis_seeds_parse(SPAN("10.0.0.1:1,na me:2"), &seeds));
    char many[REDIS_SEEDS_MAX * 12 + 16] = "10.0.0.1:1";
    for (int i = 1; i < REDIS_SEEDS_MAX; i++)
        strcat(many, ",10.0.0.1:1");
    assert_true(redis_seeds_parse(span_of(many), &seeds));
    assert_int_equal(REDIS_SEEDS_MAX, seeds.len);
    strcat(many, ",10.0.0.1:1");
    assert_false(redis_seeds_parse(span_of(many), &seeds));
}

#define RANGE(first, last, host, port)                                                             \
    "*3\r\n:" first "\r\n:" last "\r\n*3\r\n" host ":" port "\r\n$2\r\nid\r\n"

TEST_CASE(a_map_names_an_owner_for_each_slot)
{
    redisReply *reply = resp_reply(SPAN("*3\r\n" RANGE("0", "99", "$8\r\n10.0.0.1\r\n", "7001")
                                            RANGE("200", "16383", "$0\r\n\r\n", "7002")
                                                RANGE("100", "150", "$8\r\n10.0.0.1\r\n", "7001")));
    struct redis_map map;
    assert_true(redis_map_read_slots(reply, &asked, &map));
    freeReplyObject(reply);
    assert_int_equal(2, map.len);
    assert_int_equal(0, map.owner[0]);
    assert_int_equal(0, map.owner[150]);
    assert_int_equal(REDIS_NOBODY, map.owner[151]);
    assert_int_equal(1, map.owner[200]);
    assert_int_equal(1, map.owner[16383]);
    assert_string_equal("10.0.0.9",
                        map.node[1].host); /* a node that does not know its own address */
    assert_int_equal(7002, map.node[1].port);
}

static bool is_map(const char *resp)
{
    struct redis_map map;
    redisReply *reply = resp_reply(span_of(resp));
    bool ok = redis_map_read_slots(reply, &asked, &map);
    freeReplyObject(reply);
    return ok;
}

TEST_CASE(malformed_replies_are_no_map)
{
    static const char *const bad[] = {
        "*0\r\n",
        "-ERR This instance has cluster support disabled\r\n",
        "*1\r\n:7\r\n",
        "*1\r\n" RANGE("0", "16384", "$8\r\n10.0.0.1\r\n", "7001"),
        "*1\r\n" RANGE("9", "8", "$8\r\n10.0.0.1\r\n", "7001"),
        "*1\r\n" RANGE("0", "1", "$8\r\n10.0.0.1\r\n", "0"),
        "*1\r\n" RANGE("0", "1", "$9\r\nlocal/hst\r\n", "7001"),
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nx\r\n",
    };
    struct redis_map map;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(is_map(bad[i]));
    assert_false(redis_map_read_slots(NULL, &asked, &map));
}

TEST_CASE(more_masters_than_there_is_room_for_are_refused)
{
    for (int count = REDIS_NODES_MAX; count <= REDIS_NODES_MAX + 1; count++) {
        char resp[8192];
        int len = snprintf(resp, sizeof(resp), "*%d\r\n", count);
        for (int i = 0; i < count; i++)
            len += snprintf(resp + len, sizeof(resp) - (size_t)len,
                            "*3\r\n:%d\r\n:%d\r\n*2\r\n$8\r\n10.0.0.1\r\n:%d\r\n", i, i, 7000 + i);
        assert_int_equal(count <= REDIS_NODES_MAX, is_map(resp));
    }
}

TEST_CASE(a_redirection_names_slot_and_server)
{
    static const struct {
        const char *resp, *host; /* NULL: it is refused */
        uint16_t port, slot;
        bool ask;
    } rows[] = {
        {"-MOVED 3999 10.0.0.1:6381\r\n", "10.0.0.1", 6381, 3999, false},
        {"-ASK 16383 :6382\r\n", "10.0.0.9", 6382, 16383, true},
        {.resp = "-MOVED\r\n"},
        {.resp = "-MOVED 3999\r\n"},
        {.resp = "-MOVED 16384 10.0.0.1:1\r\n"},
        {.resp = "-MOVED x 1.2.3.4:1\r\n"},
        {.resp = "-MOVED 3999 ?:6381\r\n"},
        {.resp = "-MOVEDX 3999 10.0.0.1:1\r\n"},
        {.resp = "-TRYAGAIN later\r\n"},
        {.resp = "+MOVED 3999 10.0.0.1:1\r\n"},
        {.resp = "-ASK 1 10.0.0.1:\r\n"},
    };
    struct redis_redirect to;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        redisReply *reply = resp_reply(span_of(rows[i].resp));
        assert_int_equal(rows[i].host != NULL, redis_redirect_read(reply, &asked, &to));
        freeReplyObject(reply);
        if (rows[i].host == NULL)
            continue;
        assert_int_equal(rows[i].ask, to.ask);
        assert_int_equal(rows[i].slot, to.slot);
        assert_string_equal(rows[i].host, to.to.host);
        assert_int_equal(rows[i].port, to.to.port);
    }
    assert_false(redis_redirect_read(NULL, &asked, &to));
}

TEST_CASE(sentinels_name_the_master_and_its_epoch)
{
    struct redis_addr addr;
    uint64_t epoch;
    redisReply *reply = resp_reply(SPAN("*2\r\n$8\r\n10.0.0.4\r\n$4\r\n6379\r\n"));
    assert_true(redis_map_read_master(reply, &addr));
    assert_false(redis_map_read_epoch(reply, &epoch));
    freeReplyObject(reply);
    assert_string_equal("10.0.0.4", addr.host);
    assert_int_equal(6379, addr.port);
    struct redis_map map;
    redis_map_single(&addr, &map);
    assert_int_equal(1, map.len);
    assert_int_equal(0, map.owner[REDIS_SLOTS - 1]);

    reply =
        resp_reply(SPAN("*4\r\n$4\r\nname\r\n$4\r\nline\r\n$12\r\nconfig-epoch\r\n$2\r\n12\r\n"));
    assert_true(redis_map_read_epoch(reply, &epoch));
    assert_false(redis_map_read_master(reply, &addr));
    freeReplyObject(reply);
    assert_int_equal(12, epoch);

    reply = resp_reply(SPAN("*-1\r\n")); /* unknown master */
    assert_false(redis_map_read_master(reply, &addr));
    freeReplyObject(reply);
}
