/* pass_test.c: passes, in the right hands, the wrong ones, and too late. */
#include "core/token/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW_S = 1800000000 };

static const char session[] = "show.7.AQECAwQFBgcIAAECAwQFBgcICQoLDA0ODw";

static struct jwks *new_keys(void)
{
    struct jwks *keys;
    struct jwks_key *key;
    assert_int_equal(jwks_create(NULL, &keys), 0);
    assert_int_equal(jwks_key_generate(NULL, &key), 0);
    assert_int_equal(jwks_add(keys, key, NULL), 0);
    return keys;
}

static struct span write_pass(const struct jwks *keys, const char *issuer,
                              char memory[PASS_LEN_MAX])
{
    struct pass_grant grant = {
        .event = SPAN("show"),
        .session = span_of(session),
        .place = 7,
        .now_s = NOW_S,
        .expires_s = NOW_S + 300,
        .ends_s = NOW_S + 900,
        .visitor = {1, 2, 3, 4, 5, 6, 7, 8},
    };
    struct err_slot err = {0};
    struct text text = text_on(memory, PASS_LEN_MAX);
    assert_int_equal(pass_put(&text, keys, issuer, &grant, &err), 0);
    assert_false(text.overflown);
    return text_span(&text);
}

static int verify(const struct jwks *keys, const char *event, struct span token, uint64_t at_s,
                  struct pass *out)
{
    struct clock_fake clock;
    struct err_slot err;
    clock_fake_init(&clock, at_s * 1000000);
    return pass_verify(keys, "fairgate", span_of(event), token, &clock.clock, false, &err, out);
}

static void a_pass_says_whose_visit_it_is(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct jwks *keys = new_keys();
    struct pass pass;
    struct span token = write_pass(keys, "fairgate", memory);
    assert_int_equal(verify(keys, "show", token, NOW_S + 299, &pass), 0);
    assert_string_equal(pass.session, session);
    assert_int_equal(pass.place, 7);
    assert_int_equal(pass.expires_s, NOW_S + 300);
    assert_int_equal(pass.ends_s, NOW_S + 900);
    assert_int_equal(pass.visitor[7], 8);
    jwks_destroy(keys);
}

static void a_pass_names_the_channel_that_a_code_opened_or_none(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct jwks *keys = new_keys();
    struct pass pass;
    static const char longest[] = "aaaaaaaabbbbbbbbccccccccdddddddd";
    assert_int_equal(sizeof(longest), LINE_CHANNEL_MAX + 1);
    struct pass_grant grant = {
        .event = SPAN("show"),
        .session = span_of(session),
        .place = UINT64_C(4) << 32 | 0x40000000,
        .now_s = NOW_S,
        .expires_s = NOW_S + 300,
        .ends_s = NOW_S + 900,
        .incarnation = SPAN("0123456789abcdef01"),
        .channel = span_of(longest),
    };
    memset(grant.member.text, 'm', sizeof(grant.member.text) - 1);
    struct err_slot err = {0};
    struct text text = text_on(memory, sizeof(memory));
    assert_int_equal(pass_put(&text, keys, "fairgate", &grant, &err), 0);
    assert_false(text.overflown);
    assert_int_equal(verify(keys, "show", text_span(&text), NOW_S, &pass), 0);
    assert_string_equal(pass.channel, longest);
    struct span older = write_pass(keys, "fairgate", memory);
    assert_int_equal(verify(keys, "show", older, NOW_S, &pass), 0);
    assert_string_equal(pass.channel, "");
    jwks_destroy(keys);
}

static void a_pass_is_good_for_one_event_and_one_issuer(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct jwks *keys = new_keys(), *others = new_keys();
    struct pass pass;
    struct span token = write_pass(keys, "fairgate", memory);
    assert_int_equal(verify(keys, "shop", token, NOW_S, &pass), ERR_AUTH);
    assert_int_equal(verify(others, "show", token, NOW_S, &pass), ERR_AUTH);
    token = write_pass(keys, "somebody", memory);
    assert_int_equal(verify(keys, "show", token, NOW_S, &pass), ERR_AUTH);
    jwks_destroy(others);
    jwks_destroy(keys);
}

static void a_pass_of_a_lane_that_cannot_be_is_refused(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct jwks *keys = new_keys();
    struct pass_grant grant = {.event = SPAN("show"),
                               .session = span_of(session),
                               .place = (LANES_MAX + UINT64_C(1)) << 32 | 7,
                               .now_s = NOW_S,
                               .expires_s = NOW_S + 300,
                               .ends_s = NOW_S + 900};
    struct text text = text_on(memory, PASS_LEN_MAX);
    struct pass pass;
    assert_int_equal(pass_put(&text, keys, "fairgate", &grant, NULL), 0);
    assert_int_equal(verify(keys, "show", text_span(&text), NOW_S, &pass), ERR_AUTH);
    jwks_destroy(keys);
}

static void a_pass_runs_out(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct jwks *keys = new_keys();
    struct pass pass;
    struct span token = write_pass(keys, "fairgate", memory);
    assert_int_equal(verify(keys, "show", token, NOW_S + 300 + PASS_LEEWAY_S + 1, &pass),
                     ERR_TIMEOUT);
    jwks_destroy(keys);
}

static void a_session_that_ends_this_second_still_gives_a_pass(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct jwks *keys = new_keys();
    struct pass pass;
    struct err_slot err = {0};
    /* Asked for again in its last moment, or by a front whose clock is ahead of Redis's. */
    for (uint64_t late_s = 0; late_s < 3; late_s++) {
        struct pass_grant grant = {
            .event = SPAN("show"),
            .session = span_of(session),
            .place = 7,
            .now_s = NOW_S + late_s,
            .expires_s = NOW_S,
            .ends_s = NOW_S,
        };
        struct text text = text_on(memory, sizeof(memory));
        assert_int_equal(pass_put(&text, keys, "fairgate", &grant, &err), 0);
        assert_int_equal(verify(keys, "show", text_span(&text), NOW_S - 1, &pass), 0);
        assert_int_equal(pass.expires_s, NOW_S);
    }
    jwks_destroy(keys);
}

static void a_changed_pass_is_not_believed(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct jwks *keys = new_keys();
    struct pass pass;
    struct span token = write_pass(keys, "fairgate", memory);
    for (size_t i = 0; i < token.len; i += 7) {
        char was = memory[i];
        memory[i] = was == 'A' ? 'B' : 'A';
        assert_true(verify(keys, "show", token, NOW_S, &pass) < 0);
        memory[i] = was;
    }
    assert_true(verify(keys, "show", SPAN("a.b.c"), NOW_S, &pass) < 0);
    assert_true(verify(keys, "show", (struct span){NULL, 0}, NOW_S, &pass) < 0);
    jwks_destroy(keys);
}

/* A ring and a ticket, and the session that they lead to. */
static struct span name_session(const char *event, struct mac_ring *ring, char memory[128])
{
    struct err_slot err;
    assert_int_equal(0, mac_ring_parse(SPAN("1 000102030405060708090a0b0c0d0e0f"), &err, ring));
    struct ticket ticket = {.key_id = 1, .visitor = {1, 2, 3}, .tag = 77};
    struct text text = text_on(memory, 128);
    session_put(&text, ring, span_of(event), &ticket, 7);
    return text_span(&text);
}

static void the_session_of_a_pass_is_checked_first(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX], name[128], other[PASS_LEN_MAX];
    struct mac_ring ring;
    struct jwks *keys = new_keys();
    struct pass_grant grant = {
        .event = SPAN("show"),
        .session = name_session("show", &ring, name),
        .place = 7,
        .now_s = NOW_S,
        .expires_s = NOW_S + 300,
        .ends_s = NOW_S + 900,
    };
    struct err_slot err;
    struct text text = text_on(memory, sizeof(memory));
    assert_int_equal(0, pass_put(&text, keys, "a \"sub\":\"issuer", &grant, &err));
    struct session read;
    assert_int_equal(0, pass_session(&ring, SPAN("show"), text_span(&text), &read));
    assert_int_equal(7, read.place);
    assert_int_equal(77, read.tag);
    assert_int_equal(ERR_AUTH, pass_session(&ring, SPAN("other"), text_span(&text), &read));

    /* Whatever is changed in the part that names it, it is no session any more, or the same. */
    struct span payload, head;
    span_cut(span_cut(text_span(&text), '.', &head), '.', &payload);
    for (size_t i = 0; i < payload.len; i++) {
        memcpy(other, memory, text.len);
        char *at = &other[head.len + 1 + i];
        *at = *at == 'A' ? 'B' : 'A';
        struct session changed;
        if (pass_session(&ring, SPAN("show"), (struct span){other, text.len}, &changed) == 0)
            assert_memory_equal(read.visitor, changed.visitor, sizeof(read.visitor));
    }
    static const char *const none[] = {"",
                                       ".",
                                       "..",
                                       "a.b.c",
                                       "a.eyJzdWIiOiI.c",
                                       "a.eyJzdWIiOiIifQ.c",
                                       "a.eyJzdWIiOiJzaG93LjEuQSJ9.c"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_true(pass_session(&ring, SPAN("show"), span_of(none[i]), &read) < 0);
    jwks_destroy(keys);
}

/* Signed with our key, by a program that knows more than this one, or less. */
static void invalid_claims_are_refused(void **state)
{
    (void)state;
#define GOOD "\"place\":7,\"ends\":9,\"visitor\":\"AQIDBAUGBwg\""
    static const struct {
        const char *sub, *claims;
        int rc;
    } rows[] = {
        {"s", GOOD, 0},
        {"s", GOOD ",\"member\":\"m\",\"channel\":\"c\"", 0},
        {"s", "\"ends\":9,\"visitor\":\"AQIDBAUGBwg\"", ERR_AUTH},
        {"s", "\"place\":0,\"ends\":9,\"visitor\":\"AQIDBAUGBwg\"", ERR_AUTH},
        {"s", "\"place\":-7,\"ends\":9,\"visitor\":\"AQIDBAUGBwg\"", ERR_AUTH},
        {"s", "\"place\":\"7\",\"ends\":9,\"visitor\":\"AQIDBAUGBwg\"", ERR_AUTH},
        {"s", "\"place\":7,\"visitor\":\"AQIDBAUGBwg\"", ERR_AUTH},
        {"s", "\"place\":7,\"ends\":0,\"visitor\":\"AQIDBAUGBwg\"", ERR_AUTH},
        {"s", "\"place\":7,\"ends\":9.5,\"visitor\":\"AQIDBAUGBwg\"", ERR_AUTH},
        {"s", "\"place\":7,\"ends\":9", ERR_AUTH},
        {"s", "\"place\":7,\"ends\":9,\"visitor\":7", ERR_AUTH},
        {"s", "\"place\":7,\"ends\":9,\"visitor\":\"AQIDBAUGBw\"", ERR_AUTH},
        {"s", GOOD ",\"member\":7", ERR_AUTH},
        {"s", GOOD ",\"member\":\"LONG\"", ERR_AUTH},
        {"s", GOOD ",\"incarnation\":7", ERR_AUTH},
        {"s", GOOD ",\"incarnation\":\"\"", 0},
        {"s", GOOD ",\"incarnation\":\"0123456789abcdef01\"", 0},
        {"s", GOOD ",\"incarnation\":\"0123456789abcdef0g\"", ERR_AUTH},
        {"s", GOOD ",\"channel\":7", ERR_AUTH},
        {"s", GOOD ",\"channel\":\"LONG\"", ERR_AUTH},
        {"LONG", GOOD, ERR_AUTH},
    };
#undef GOOD
    struct jwks *keys = new_keys();
    static char longer[200];
    memset(longer, 'x', sizeof(longer) - 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char extra[512], memory[PASS_LEN_MAX];
        const char *at = strstr(rows[i].claims, "LONG");
        struct text text = text_on(extra, sizeof(extra));
        if (at != NULL) {
            text_put(&text, (struct span){rows[i].claims, (size_t)(at - rows[i].claims)});
            text_str(&text, longer);
            text_str(&text, at + 4);
        } else {
            text_str(&text, rows[i].claims);
        }
        struct jwt_claims claims = {
            .iss = SPAN("fairgate"),
            .aud = SPAN("show"),
            .sub = span_of(strcmp(rows[i].sub, "LONG") == 0 ? longer : rows[i].sub),
            .iat_s = NOW_S,
            .exp_s = NOW_S + 300,
            .extra = text_span(&text),
        };
        struct text token = text_on(memory, sizeof(memory));
        assert_int_equal(jwt_sign(jwks_signer(keys), PASS_TYPE, &claims, NULL, &token), 0);
        struct pass pass;
        int rc = verify(keys, "show", text_span(&token), NOW_S, &pass);
        if (rc != rows[i].rc)
            fail_msg("%s %s: %d", rows[i].sub, rows[i].claims, rc);
    }
    jwks_destroy(keys);
}

static void no_pass_is_made_without_a_key_and_a_long_one_is_refused(void **state)
{
    (void)state;
    struct jwks *keys = new_keys(), *none;
    struct pass_grant grant = {
        .event = SPAN("show"), .session = span_of(session), .place = 7, .expires_s = NOW_S};
    char memory[PASS_LEN_MAX], longer[PASS_LEN_MAX + 1], event[LINE_EVENT_ID_MAX + 2];
    struct text text = text_on(memory, sizeof(memory));
    assert_int_equal(jwks_create(NULL, &none), 0);
    assert_int_equal(pass_put(&text, none, "fairgate", &grant, NULL), ERR_NOT_FOUND);
    assert_int_equal(text.len, 0);
    memset(longer, 'A', sizeof(longer));
    longer[1] = longer[5] = '.';
    struct session read;
    struct mac_ring ring = {.len = 0};
    assert_int_equal(
        pass_session(&ring, SPAN("show"), (struct span){longer, sizeof(longer)}, &read),
        ERR_SYNTAX);
    memset(event, 'x', sizeof(event) - 1);
    event[sizeof(event) - 1] = '\0';
    struct pass pass;
    struct span token = write_pass(keys, "fairgate", memory);
    assert_int_equal(verify(keys, event, token, NOW_S, &pass), ERR_AUTH);
    jwks_destroy(none);
    jwks_destroy(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_says_whose_visit_it_is),
        cmocka_unit_test(a_pass_names_the_channel_that_a_code_opened_or_none),
        cmocka_unit_test(a_pass_is_good_for_one_event_and_one_issuer),
        cmocka_unit_test(a_pass_runs_out),
        cmocka_unit_test(a_pass_of_a_lane_that_cannot_be_is_refused),
        cmocka_unit_test(a_session_that_ends_this_second_still_gives_a_pass),
        cmocka_unit_test(a_changed_pass_is_not_believed),
        cmocka_unit_test(the_session_of_a_pass_is_checked_first),
        cmocka_unit_test(invalid_claims_are_refused),
        cmocka_unit_test(no_pass_is_made_without_a_key_and_a_long_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
