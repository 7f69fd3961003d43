/* pass_test.c: valid, forged and expired passes. */
#include "core/token/pass.h"

#include "script.h"

#include <stdio.h>
#include <string.h>

enum { NOW_S = 1800000000 };

static const char session[] = "show.7.AQECAwQFBgcIAAECAwQFBgcICQoLDA0ODw";

static struct jwks *keys, *others;

static struct jwks *new_keys(void)
{
    struct jwks *made;
    struct jwks_key *key;
    assert_int_equal(jwks_create(NULL, &made), 0);
    assert_int_equal(jwks_key_generate(NULL, &key), 0);
    assert_int_equal(jwks_add(made, key, NULL), 0);
    return made;
}

static int setup(void **state)
{
    (void)state;
    keys = new_keys();
    others = new_keys();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    jwks_destroy(others);
    jwks_destroy(keys);
    return 0;
}

static const struct pass_grant good = {
    .event = {"show", 4},
    .session = {session, sizeof(session) - 1},
    .place = 7,
    .now_s = NOW_S,
    .expires_s = NOW_S + 300,
    .ends_s = NOW_S + 900,
    .visitor = {1, 2, 3, 4, 5, 6, 7, 8},
};

static struct span write_pass(char memory[PASS_LEN_MAX])
{
    struct err_slot err = {0};
    struct text text = text_on(memory, PASS_LEN_MAX);
    assert_int_equal(pass_put(&text, keys, "fairgate", &good, &err), 0);
    assert_false(text.overflown);
    return text_span(&text);
}

static int verify(const struct jwks *known, const char *event, struct span token, uint64_t at_s,
                  struct pass *out)
{
    struct clock_fake clock;
    struct err_slot err;
    clock_fake_init(&clock, at_s * 1000000);
    return pass_verify(known, "fairgate", span_of(event), token, &clock.clock, false, &err, out);
}

static void a_pass_says_whose_visit_it_is(void **state)
{
    (void)state;
    static const char longest[] = "aaaaaaaabbbbbbbbccccccccdddddddd";
    assert_int_equal(sizeof(longest), LINE_CHANNEL_MAX + 1);
    for (unsigned full = 0; full < 2; full++) { /* all claims, the longest ones */
        char memory[PASS_LEN_MAX];
        struct pass pass;
        struct pass_grant grant = good;
        struct text text = text_on(memory, sizeof(memory));
        if (full) {
            grant.place = UINT64_C(4) << 32 | 0x40000000;
            grant.incarnation = SPAN("0123456789abcdef01");
            grant.channel = span_of(longest);
            memset(grant.member.text, 'm', sizeof(grant.member.text) - 1);
        }
        assert_int_equal(pass_put(&text, keys, "fairgate", &grant, NULL), 0);
        assert_false(text.overflown);
        assert_int_equal(verify(keys, "show", text_span(&text), NOW_S + 299, &pass), 0);
        assert_string_equal(pass.session, session);
        assert_int_equal(pass.place, grant.place);
        assert_int_equal(pass.expires_s, NOW_S + 300);
        assert_int_equal(pass.ends_s, NOW_S + 900);
        assert_int_equal(pass.visitor[7], 8);
        assert_string_equal(pass.channel, full ? longest : "");
        assert_string_equal(pass.incarnation, full ? "0123456789abcdef01" : "");
        assert_string_equal(pass.member.text, grant.member.text);
    }
}

/* Made with the keys of this issuer, and read by those or by others. */
static void a_pass_is_valid_for_its_event_issuer_keys_and_time(void **state)
{
    (void)state;
    static const struct {
        const char *name, *issuer, *event;
        bool foreign;
        uint64_t place, late_s, lasts_s, at_s; /* after NOW_S */
        int rc;
    } rows[] = {
        {"just before its end", "fairgate", "show", false, 7, 0, 300, 299, 0},
        {"another event", "fairgate", "shop", false, 7, 0, 300, 0, ERR_AUTH},
        {"other keys", "fairgate", "show", true, 7, 0, 300, 0, ERR_AUTH},
        {"another issuer", "somebody", "show", false, 7, 0, 300, 0, ERR_AUTH},
        {"a lane that cannot be", "fairgate", "show", false, (LANES_MAX + UINT64_C(1)) << 32 | 7, 0,
         300, 0, ERR_AUTH},
        {"expired", "fairgate", "show", false, 7, 0, 300, 300 + PASS_LEEWAY_S + 1, ERR_TIMEOUT},
        /* Requested again in its last second, or from a front whose clock is ahead. */
        {"ends this second", "fairgate", "show", false, 7, 0, 0, 0, 0},
        {"ended one second ago", "fairgate", "show", false, 7, 1, 0, 0, 0},
        {"ended two seconds ago", "fairgate", "show", false, 7, 2, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[PASS_LEN_MAX];
        struct pass_grant grant = good;
        struct text text = text_on(memory, sizeof(memory));
        struct pass pass;
        grant.place = rows[i].place;
        grant.now_s += rows[i].late_s;
        grant.expires_s = NOW_S + rows[i].lasts_s;
        grant.ends_s = rows[i].lasts_s > 0 ? good.ends_s : NOW_S;
        assert_int_equal(pass_put(&text, keys, rows[i].issuer, &grant, NULL), 0);
        int rc = verify(rows[i].foreign ? others : keys, rows[i].event, text_span(&text),
                        NOW_S + rows[i].at_s - (rows[i].lasts_s == 0), &pass);
        if (rc != rows[i].rc)
            fail_msg("%s: %d", rows[i].name, rc);
        if (rc == 0)
            assert_int_equal(pass.expires_s, grant.expires_s);
    }
}

static void a_changed_pass_is_refused(void **state)
{
    (void)state;
    char memory[PASS_LEN_MAX];
    struct pass pass;
    struct span token = write_pass(memory);
    for (size_t i = 0; i < token.len; i += 7) {
        char was = memory[i];
        memory[i] = was == 'A' ? 'B' : 'A';
        assert_true(verify(keys, "show", token, NOW_S, &pass) < 0);
        memory[i] = was;
    }
    assert_true(verify(keys, "show", SPAN("a.b.c"), NOW_S, &pass) < 0);
    assert_true(verify(keys, "show", (struct span){NULL, 0}, NOW_S, &pass) < 0);
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
    struct pass_grant grant = good;
    grant.session = name_session("show", &ring, name);
    struct err_slot err;
    struct text text = text_on(memory, sizeof(memory));
    assert_int_equal(0, pass_put(&text, keys, "a \"sub\":\"issuer", &grant, &err));
    struct session read;
    assert_int_equal(0, pass_session(&ring, SPAN("show"), text_span(&text), &read));
    assert_int_equal(7, read.place);
    assert_int_equal(77, read.tag);
    assert_int_equal(ERR_AUTH, pass_session(&ring, SPAN("other"), text_span(&text), &read));

    /* With a changed letter in the part that names it, it is refused or the same session. */
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
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "a.b.c",
                                      "a.eyJzdWIiOiI.c",
                                      "a.eyJzdWIiOiIifQ.c",
                                      "a.eyJzdWIiOiJzaG93LjEuQSJ9.c"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(pass_session(&ring, SPAN("show"), span_of(bad[i]), &read) < 0);
}

/* Signed with our key, as a newer version or an older one might. $ is a text of 199 characters. */
static void invalid_claims_are_refused(void **state)
{
    (void)state;
#define GOOD "'place':7,'ends':9,'visitor':'AQIDBAUGBwg'"
    static const struct {
        const char *sub, *claims;
        int rc;
    } rows[] = {
        {"s", GOOD, 0},
        {"s", GOOD ",'member':'m','channel':'c'", 0},
        {"s", "'ends':9,'visitor':'AQIDBAUGBwg'", ERR_AUTH},
        {"s", "'place':0,'ends':9,'visitor':'AQIDBAUGBwg'", ERR_AUTH},
        {"s", "'place':-7,'ends':9,'visitor':'AQIDBAUGBwg'", ERR_AUTH},
        {"s", "'place':'7','ends':9,'visitor':'AQIDBAUGBwg'", ERR_AUTH},
        {"s", "'place':7,'visitor':'AQIDBAUGBwg'", ERR_AUTH},
        {"s", "'place':7,'ends':0,'visitor':'AQIDBAUGBwg'", ERR_AUTH},
        {"s", "'place':7,'ends':9.5,'visitor':'AQIDBAUGBwg'", ERR_AUTH},
        {"s", "'place':7,'ends':9", ERR_AUTH},
        {"s", "'place':7,'ends':9,'visitor':7", ERR_AUTH},
        {"s", "'place':7,'ends':9,'visitor':'AQIDBAUGBw'", ERR_AUTH},
        {"s", GOOD ",'member':7", ERR_AUTH},
        {"s", GOOD ",'member':'$'", ERR_AUTH},
        {"s", GOOD ",'incarnation':7", ERR_AUTH},
        {"s", GOOD ",'incarnation':''", 0},
        {"s", GOOD ",'incarnation':'0123456789abcdef01'", 0},
        {"s", GOOD ",'incarnation':'0123456789abcdef0g'", ERR_AUTH},
        {"s", GOOD ",'channel':7", ERR_AUTH},
        {"s", GOOD ",'channel':'$'", ERR_AUTH},
        {"$", GOOD, ERR_AUTH},
    };
#undef GOOD
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char texts[2][512], memory[PASS_LEN_MAX];
        for (unsigned part = 0; part < 2; part++) {
            const char *from = script_json(part == 0 ? rows[i].sub : rows[i].claims);
            const char *at = strchr(from, '$');
            snprintf(texts[part], sizeof(texts[part]), "%s", from);
            if (at == NULL)
                continue;
            snprintf(texts[part], sizeof(texts[part]), "%.*s%0*d%s", (int)(at - from), from, 199, 0,
                     at + 1);
        }
        struct jwt_claims claims = {
            .iss = SPAN("fairgate"),
            .aud = SPAN("show"),
            .sub = span_of(texts[0]),
            .iat_s = NOW_S,
            .exp_s = NOW_S + 300,
            .extra = span_of(texts[1]),
        };
        struct text token = text_on(memory, sizeof(memory));
        assert_int_equal(jwt_sign(jwks_signer(keys), PASS_TYPE, &claims, NULL, &token), 0);
        struct pass pass;
        int rc = verify(keys, "show", text_span(&token), NOW_S, &pass);
        if (rc != rows[i].rc)
            fail_msg("%s %s: %d", rows[i].sub, rows[i].claims, rc);
    }
}

static void no_pass_is_made_without_a_key_and_a_long_one_is_refused(void **state)
{
    (void)state;
    struct jwks *none;
    char memory[PASS_LEN_MAX], longer[PASS_LEN_MAX + 1], event[LINE_EVENT_ID_MAX + 2];
    struct text text = text_on(memory, sizeof(memory));
    assert_int_equal(jwks_create(NULL, &none), 0);
    assert_int_equal(pass_put(&text, none, "fairgate", &good, NULL), ERR_NOT_FOUND);
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
    struct span token = write_pass(memory);
    assert_int_equal(verify(keys, event, token, NOW_S, &pass), ERR_AUTH);
    jwks_destroy(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_is_valid_for_its_event_issuer_keys_and_time),
        cmocka_unit_test(a_pass_says_whose_visit_it_is),
        cmocka_unit_test(a_changed_pass_is_refused),
        cmocka_unit_test(the_session_of_a_pass_is_checked_first),
        cmocka_unit_test(invalid_claims_are_refused),
        cmocka_unit_test(no_pass_is_made_without_a_key_and_a_long_one_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
