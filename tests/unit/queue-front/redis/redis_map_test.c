/* Addresses, slots, and what clusters and sentinels say, good and bad. */
#include "redis/redis_map.h"

#include "redis/resp.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static redisReply *read_reply(const char *resp)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, resp, strlen(resp));
    assert_int_equal(REDIS_OK, redisReaderGetReply(reader, &reply));
    redisReaderFree(reader);
    assert_non_null(reply);
    return reply;
}

static const struct redis_addr asked = {"10.0.0.9", 7000};

static void slots_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(0x31C3, redis_slot(SPAN("123456789")));
    assert_int_equal(12182, redis_slot(SPAN("foo")));
    assert_int_equal(5061, redis_slot(SPAN("bar")));
    assert_int_equal(0, redis_slot(SPAN("")));
}

static void an_address_has_a_host_and_a_port(void **state)
{
    (void)state;
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

static void a_list_of_seeds_is_whole_or_nothing(void **state)
{
    (void)state;
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

static void a_map_names_an_owner_for_each_slot(void **state)
{
    (void)state;
    redisReply *reply = read_reply("*3\r\n" RANGE("0", "99", "$8\r\n10.0.0.1\r\n", "7001") RANGE(
        "200", "16383", "$0\r\n\r\n", "7002") RANGE("100", "150", "$8\r\n10.0.0.1\r\n", "7001"));
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

static void what_is_no_map_is_refused(void **state)
{
    (void)state;
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
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        redisReply *reply = read_reply(bad[i]);
        assert_false(redis_map_read_slots(reply, &asked, &map));
        freeReplyObject(reply);
    }
    assert_false(redis_map_read_slots(NULL, &asked, &map));
}

static void more_masters_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    for (int count = REDIS_NODES_MAX; count <= REDIS_NODES_MAX + 1; count++) {
        char resp[8192];
        int len = snprintf(resp, sizeof(resp), "*%d\r\n", count);
        for (int i = 0; i < count; i++)
            len += snprintf(resp + len, sizeof(resp) - (size_t)len,
                            "*3\r\n:%d\r\n:%d\r\n*2\r\n$8\r\n10.0.0.1\r\n:%d\r\n", i, i, 7000 + i);
        redisReply *reply = read_reply(resp);
        struct redis_map map;
        assert_int_equal(count <= REDIS_NODES_MAX, redis_map_read_slots(reply, &asked, &map));
        freeReplyObject(reply);
    }
}

static void a_redirection_names_slot_and_server(void **state)
{
    (void)state;
    struct redis_redirect to;
    redisReply *reply = read_reply("-MOVED 3999 10.0.0.1:6381\r\n");
    assert_true(redis_redirect_read(reply, &asked, &to));
    freeReplyObject(reply);
    assert_false(to.ask);
    assert_int_equal(3999, to.slot);
    assert_string_equal("10.0.0.1", to.to.host);
    assert_int_equal(6381, to.to.port);

    reply = read_reply("-ASK 16383 :6382\r\n");
    assert_true(redis_redirect_read(reply, &asked, &to));
    freeReplyObject(reply);
    assert_true(to.ask);
    assert_string_equal("10.0.0.9", to.to.host);

    static const char *const bad[] = {
        "-MOVED\r\n",
        "-MOVED 3999\r\n",
        "-MOVED 16384 10.0.0.1:1\r\n",
        "-MOVED x 1.2.3.4:1\r\n",
        "-MOVED 3999 ?:6381\r\n",
        "-MOVEDX 3999 10.0.0.1:1\r\n",
        "-TRYAGAIN later\r\n",
        "+MOVED 3999 10.0.0.1:1\r\n",
        "-ASK 1 10.0.0.1:\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        reply = read_reply(bad[i]);
        assert_false(redis_redirect_read(reply, &asked, &to));
        freeReplyObject(reply);
    }
    assert_false(redis_redirect_read(NULL, &asked, &to));
}

static void sentinels_tell_the_master_and_how_new_that_is(void **state)
{
    (void)state;
    struct redis_addr addr;
    uint64_t epoch;
    redisReply *reply = read_reply("*2\r\n$8\r\n10.0.0.4\r\n$4\r\n6379\r\n");
    assert_true(redis_map_read_master(reply, &addr));
    assert_false(redis_map_read_epoch(reply, &epoch));
    freeReplyObject(reply);
    assert_string_equal("10.0.0.4", addr.host);
    assert_int_equal(6379, addr.port);
    struct redis_map map;
    redis_map_single(&addr, &map);
    assert_int_equal(1, map.len);
    assert_int_equal(0, map.owner[REDIS_SLOTS - 1]);

    reply = read_reply("*4\r\n$4\r\nname\r\n$4\r\nline\r\n$12\r\nconfig-epoch\r\n$2\r\n12\r\n");
    assert_true(redis_map_read_epoch(reply, &epoch));
    assert_false(redis_map_read_master(reply, &addr));
    freeReplyObject(reply);
    assert_int_equal(12, epoch);

    reply = read_reply("*-1\r\n"); /* it knows no such master */
    assert_false(redis_map_read_master(reply, &addr));
    freeReplyObject(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_those_of_the_specification),
        cmocka_unit_test(an_address_has_a_host_and_a_port),
        cmocka_unit_test(a_list_of_seeds_is_whole_or_nothing),
        cmocka_unit_test(a_map_names_an_owner_for_each_slot),
        cmocka_unit_test(what_is_no_map_is_refused),
        cmocka_unit_test(more_masters_than_there_is_room_for_are_refused),
        cmocka_unit_test(a_redirection_names_slot_and_server),
        cmocka_unit_test(sentinels_tell_the_master_and_how_new_that_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
