/* psp_test.c: the list of providers and their settings, Stripe's signatures, and the clock of the
 * seat service: a hold lasts for as long as that says, whatever this machine's clock says. */
#include "psp/psp.h"

#include "psp/seats_clock.h"
#include "settings.h"
#include "unit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* ---- the list ---- */

static void each_provider_has_its_name_from_the_list(void **state)
{
    (void)state;
    for (int i = 0; i < PSP_PROVIDERS; i++) {
        char label[64], prefix[32];
        const struct psp_driver *driver = psp_drivers[i];
        snprintf(label, sizeof(label), "provider=\"%s\"", psp_names[i]);
        int len = snprintf(prefix, sizeof(prefix), "%s_", psp_names[i]);
        assert_string_equal(driver->name, psp_names[i]);
        assert_string_equal(driver->label, label);
        assert_true(strlen(driver->name) < sizeof(((struct order *)0)->provider));
        assert_non_null(driver->check);
        assert_non_null(driver->start);
        assert_non_null(driver->webhook);
        assert_non_null(driver->events);
        assert_non_null(driver->is_lost);
        for (const struct config_setting *row = driver->settings; row->section != NULL; row++) {
            assert_string_equal(row->section, "psp");
            assert_int_equal(strncmp(row->key, prefix, (size_t)len), 0);
            assert_true(row->offset < sizeof(struct psp_settings));
        }
    }
    assert_null(psp_names[PSP_PROVIDERS]);
}

static void each_setting_has_its_own_place_and_key(void **state)
{
    (void)state;
    struct config_setting list[SETTINGS_MAX];
    size_t len = settings_list(list);
    for (size_t i = 0; i < len; i++) {
        assert_true(list[i].offset < sizeof(struct settings));
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(list[i].offset, list[j].offset);
            assert_false(strcmp(list[i].section, list[j].section) == 0 &&
                         strcmp(list[i].key, list[j].key) == 0);
        }
    }
}

static void default_provider_must_be_configured(void **state)
{
    (void)state;
    static struct settings settings;
    struct psp_settings *toss = &settings.psp[1];
    struct err_slot err = {0};
    settings = (struct settings){.users_conninfo = "host=x", .psp_default = 1, .time_zone = "UTC"};
    assert_int_equal(settings_check(&settings, &err), ERR_RANGE);
    assert_says(&err, "psp.toss_url is not set");
    snprintf(toss->url, sizeof(toss->url), "http://toss.example");
    assert_int_equal(settings_check(&settings, &err), ERR_RANGE);
    assert_says(&err, "psp.toss_url needs toss_key");
    snprintf(toss->key, sizeof(toss->key), "/key");
    snprintf(toss->checkout_url, sizeof(toss->checkout_url), "http://w.example");
    assert_int_equal(settings_check(&settings, &err), 0);
}

/* ---- Stripe's signatures, against one that the official client made ---- */

#define T   "t=1800000000"
#define V1  "v1=2ae9c697fce430c979eb90c14dc7c704355c89aeacc1b9e4785d0ad32ab54a3e"
#define BAD "v1=2ae9c697fce430c979eb90c14dc7c704355c89aeacc1b9e4785d0ad32ab54a3f"
#define BIG "v1=2AE9C697FCE430C979EB90C14DC7C704355C89AEACC1B9E4785D0AD32AB54A3E"
#define KEY "whsec_fairgate"

enum { SIGNED_S = 1800000000, TOLERANCE_S = 300 };

static const char body[] = "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"payment_intent."
                           "succeeded\",\"data\":{\"object\":{\"id\":\"pi_1\",\"object\":"
                           "\"payment_intent\"}}}";

static void signature_is_verified(void **state)
{
    (void)state;
    static const struct {
        const char *secrets, *signature;
        int late_s, rc;
    } rows[] = {
        {KEY, T "," V1, 0, 0},
        {KEY, T "," V1 ",v0=whatever", 0, 0},
        {KEY, T "," BAD "," V1, 0, 0}, /* keys are rotated on both sides */
        {"whsec_new " KEY, T "," V1, 0, 0},
        {"whsec_new", T "," V1, 0, ERR_AUTH},
        {"", T "," V1, 0, ERR_AUTH},
        {KEY, T "," V1, TOLERANCE_S, 0},
        {KEY, T "," V1, TOLERANCE_S + 1, ERR_TIMEOUT},
        {KEY, T "," V1, -TOLERANCE_S, 0},
        {KEY, T "," V1, -TOLERANCE_S - 1, ERR_TIMEOUT},
        {KEY, T "," BAD, 0, ERR_AUTH},
        {KEY, T "," BIG, 0, ERR_AUTH},
        {KEY, T ", " V1, 0, ERR_AUTH},
        {KEY, T, 0, ERR_AUTH},
        {KEY, T ",v0=2ae9", 0, ERR_AUTH},
        {KEY, T ",v1=", 0, ERR_AUTH},
        {KEY, "t=1800000001," V1, 0, ERR_AUTH},
        {KEY, V1, 0, ERR_SYNTAX},
        {KEY, T "," T "," V1, 0, ERR_SYNTAX},
        {KEY, "t=x," V1, 0, ERR_SYNTAX},
        {KEY, "", 0, ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc =
            psp_stripe_verify(span_of(rows[i].secrets), span_of(rows[i].signature), span_of(body),
                              (uint64_t)(SIGNED_S + rows[i].late_s), TOLERANCE_S, NULL);
        if (rc != rows[i].rc)
            fail_msg("%s, %d s late: %d", rows[i].signature, rows[i].late_s, rc);
    }
    for (size_t i = 0; i + 1 < sizeof(body); i++) { /* each byte of the body counts */
        char changed[sizeof(body)];
        memcpy(changed, body, sizeof(body));
        changed[i] ^= 1;
        assert_int_equal(psp_stripe_verify(SPAN(KEY), SPAN(T "," V1), span_of(changed), SIGNED_S,
                                           TOLERANCE_S, NULL),
                         ERR_AUTH);
    }
}

/* ---- the clock of the seat service ---- */

static void clock_of_the_seats_wins_where_they_differ(void **state)
{
    (void)state;
    enum { NOW_S = 1795159953, EXACT_MS = 1001, NO_DATE = -1000 };
    enum found { AGREES, DIFFERS, AS_BEFORE };
    static const struct {
        int ahead_s; /* of its answer */
        uint32_t took_ms;
        enum found found;
    } rows[] = {
        {0, 3, AGREES},    /* whole seconds: behind by 0.4 s, as it looks */
        {-1, 500, AGREES}, /* it was written before the second turned */
        {-60, 3, DIFFERS}, {60, 3, DIFFERS}, {-2, 3, DIFFERS},      {3, 3, DIFFERS},
        {0, 3, AGREES},    {-4, 3, DIFFERS}, {-4, 5000, AS_BEFORE}, {NO_DATE, 3, AS_BEFORE},
    };
    struct clock_fake own;
    struct seats_clock seats;
    int64_t before_ms = 0;
    clock_fake_init(&own, (uint64_t)NOW_S * 1000000 + 400000);
    seats_clock_init(&seats, &own.clock);
    assert_int_equal(clock_wall_us(&seats.clock), own.now_wall_us);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcall_answer answer = {.status = 200, .took_us = rows[i].took_ms * 1000};
        if (rows[i].ahead_s != NO_DATE)
            answer.date_s = (uint64_t)(NOW_S + rows[i].ahead_s);
        seats_clock_heard(&seats, &answer);
        int64_t ahead_ms = ((int64_t)clock_wall_us(&seats.clock) - (int64_t)own.now_wall_us) / 1000;
        if (rows[i].found == DIFFERS) {
            /* By up to a second too early, so that no order ends before its seats do. */
            assert_true(ahead_ms <= rows[i].ahead_s * 1000);
            assert_true(ahead_ms > rows[i].ahead_s * 1000 - EXACT_MS);
        } else {
            assert_int_equal(ahead_ms, rows[i].found == AGREES ? 0 : before_ms);
        }
        assert_int_equal(atomic_load(&seats.apart_ms), ahead_ms < 0 ? -ahead_ms : ahead_ms);
        before_ms = ahead_ms;
    }
    seats_clock_heard(&seats, &(struct outcall_answer){.rc = ERR_TIMEOUT, .date_s = 1});
    assert_int_equal(((int64_t)clock_wall_us(&seats.clock) - (int64_t)own.now_wall_us) / 1000,
                     before_ms);
    assert_int_equal(clock_mono_us(&own.clock), clock_mono_us(&seats.clock));
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_provider_has_its_name_from_the_list),
        cmocka_unit_test(each_setting_has_its_own_place_and_key),
        cmocka_unit_test(default_provider_must_be_configured),
        cmocka_unit_test(signature_is_verified),
        cmocka_unit_test(clock_of_the_seats_wins_where_they_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
