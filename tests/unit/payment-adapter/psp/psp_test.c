/* psp_test.c: the list of providers and their settings, Stripe's signatures, the clock of the seat
 * service, and answers that there is no memory to read. */
#include "psp/peers.h"
#include "psp/psp.h"
#include "psp/seats_clock.h"
#include "psp/seats_map.h"
#include "scarce.h"
#include "settings.h"
#include "unit.h"

#include <dlfcn.h>
#include <jansson.h>
#include <sodium.h>

/* ---- the list ---- */

TEST_CASE(each_provider_has_its_name_from_the_list)
{
    for (int i = 0; i < PSP_PROVIDERS; i++) {
        char label[64], prefix[32];
        const struct psp_driver *driver = psp_drivers[i];
        snprintf(label, sizeof(label), "provider=\"%s\"", psp_names[i]);
        int len = snprintf(prefix, sizeof(prefix), "%s_", psp_names[i]);
        assert_string_equal(driver->name, psp_names[i]);
        assert_string_equal(driver->label, label);
        assert_true(strlen(driver->name) < sizeof(((struct order *)0)->provider));
        assert_true(driver->takes("KRW"));
        assert_true(driver->refund_calls > 0);
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

TEST_CASE(each_setting_has_its_own_place_and_key)
{
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

TEST_CASE(default_provider_must_be_configured)
{
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

TEST_CASE(signature_is_verified)
{
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
    for (size_t i = 0; i + 1 < sizeof(body); i++) { /* each byte of the body is signed */
        char changed[sizeof(body)];
        memcpy(changed, body, sizeof(body));
        changed[i] ^= 1;
        assert_int_equal(psp_stripe_verify(SPAN(KEY), SPAN(T "," V1), span_of(changed), SIGNED_S,
                                           TOLERANCE_S, NULL),
                         ERR_AUTH);
    }
}

static unsigned hashed; /* hashed bodies */

int crypto_auth_hmacsha256_final(crypto_auth_hmacsha256_state *state, unsigned char *out)
{
    int (*final)(crypto_auth_hmacsha256_state *, unsigned char *);
    *(void **)&final = dlsym(RTLD_NEXT, "crypto_auth_hmacsha256_final");
    hashed++;
    return final(state, out);
}

/* A request may have as many signatures as a header can hold, and a body of 256 KB. */
TEST_CASE(body_is_hashed_once_per_secret_for_any_number_of_signatures)
{
    char signature[8192] = T;
    for (size_t len = sizeof(T) - 1; len + sizeof(BAD) < sizeof(signature); len += sizeof(BAD))
        memcpy(signature + len, "," BAD, sizeof(BAD));
    hashed = 0;
    assert_int_equal(psp_stripe_verify(SPAN("whsec_new " KEY), span_of(signature), span_of(body),
                                       SIGNED_S, TOLERANCE_S, NULL),
                     ERR_AUTH);
    assert_int_equal(hashed, 2);
}

/* ---- the clock of the seat service ---- */

TEST_CASE(clock_of_the_seats_wins_when_clocks_differ)
{
    enum { NOW_S = 1795159953, EXACT_MS = 1001, NO_DATE = -1000 };
    enum found { AGREES, DIFFERS, AS_BEFORE };
    static const struct {
        int ahead_s; /* error of its clock */
        uint32_t took_ms;
        enum found found;
    } rows[] = {
        {0, 3, AGREES},    /* whole seconds: looks 0.4 s behind */
        {-1, 500, AGREES}, /* written before the second changed */
        {-60, 3, DIFFERS}, {60, 3, DIFFERS}, {-2, 3, DIFFERS},      {3, 3, DIFFERS},
        {0, 3, AGREES},    {-4, 3, DIFFERS}, {-4, 5000, AS_BEFORE}, {NO_DATE, 3, AS_BEFORE},
    };
    struct clock_fake own;
    struct seats_clock seats;
    int64_t before_ms = 0;
    clock_fake_init(&own, (uint64_t)NOW_S * 1000000 + 400000);
    seats_clock_init(&seats, &own.clock);
    seats_clock_read(&seats, &(struct outcall_answer){.rc = ERR_TIMEOUT, .date_s = 1});
    seats_clock_read(&seats, &(struct outcall_answer){.status = 503, .date_s = 1});
    assert_int_equal(clock_wall_us(&seats.clock), own.now_wall_us);
    assert_false(atomic_load(&seats.is_known));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcall_answer answer = {.status = 200, .took_us = rows[i].took_ms * 1000};
        if (rows[i].ahead_s != NO_DATE)
            answer.date_s = (uint64_t)(NOW_S + rows[i].ahead_s);
        seats_clock_read(&seats, &answer);
        int64_t ahead_ms = ((int64_t)clock_wall_us(&seats.clock) - (int64_t)own.now_wall_us) / 1000;
        if (rows[i].found == DIFFERS) {
            /* At most a second early, so that no order ends before its seats do. */
            assert_true(ahead_ms <= rows[i].ahead_s * 1000);
            assert_true(ahead_ms > rows[i].ahead_s * 1000 - EXACT_MS);
        } else {
            assert_int_equal(ahead_ms, rows[i].found == AGREES ? 0 : before_ms);
        }
        assert_int_equal(atomic_load(&seats.apart_ms), ahead_ms < 0 ? -ahead_ms : ahead_ms);
        before_ms = ahead_ms;
    }
    assert_true(atomic_load(&seats.is_known));
    assert_int_equal(clock_mono_us(&own.clock), clock_mono_us(&seats.clock));
}

/* ---- answers that there is no memory to read ---- */

static bool places_have_memory = true;

/* Replaces libc's. */
char *strdup(const char *text)
{
    if (!places_have_memory && span_starts(span_of(text), SPAN("[{\"id\":")))
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* Replaces the calls of common/outcall. One call is open at a time. */
static struct outcall sent;

void outcall_send(struct outcalls *outcalls, const struct outcall *call)
{
    assert_null(outcalls);
    assert_null(sent.on_done);
    sent = *call;
}

void outcall_escape(struct text *text, struct span value)
{
    text_put(text, value);
}

static void on_done(struct peer_call *call)
{
    *(bool *)call->ctx = true;
}

/* Calls the peer with these responses: one to its first call, one to all others. */
static struct peer_call ask_twice(enum peer_op op, const char *provider,
                                  const struct outcall_answer *answer,
                                  const struct outcall_answer *then)
{
    struct order order = {.id = "o_1",
                          .event = "gala",
                          .hold = "h_1",
                          .member = "42",
                          .lang = "en",
                          .currency = "KRW",
                          .amount = 5000,
                          .payment = "pi_1",
                          .session = "s_1"};
    snprintf(order.provider, sizeof(order.provider), "%s", provider);
    struct moving moving = {.len = 1, .seats = {{.from = "A-1", .to = "A-2"}}};
    static struct psp_shared shared;
    struct psp psps[PSP_PROVIDERS];
    struct seats_clock seats_clock;
    struct seats_map *map;
    struct err_slot err;
    bool answered = false;
    pace_init(&shared.pace, 1000);
    seats_clock_init(&seats_clock, clock_system());
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++) {
        psps[i] = (struct psp){.driver = psp_drivers[i],
                               .place = i,
                               .conf = {.api_url = "http://p",
                                        .key = "k",
                                        .webhook_secrets = "s",
                                        .checkout_url = "https://shop.example/pay",
                                        .return_url = "https://shop.example/o/",
                                        .timeout_ms = 5000,
                                        .clock = clock_system(),
                                        .shared = &shared}};
    }
    const struct seats_map_conf map_conf = {
        .url = "http://s", .internal_url = "http://s", .service_token = "t", .clock = &seats_clock};
    assert_int_equal(0, seats_map_create(&map_conf, &err, &map));
    struct peers_http http = {.seats_url = "http://s",
                              .seats_map = map,
                              .queue_url = "http://q",
                              .service_token = "t",
                              .psps = psps,
                              .psps_len = PSP_PROVIDERS};
    struct peer_call call = {.op = op,
                             .order = &order,
                             .moving = &moving,
                             .timeout_ms = 5000,
                             .on_done = on_done,
                             .ctx = &answered};
    struct peers peers = peers_http_peers(&http);
    peers.start(peers.ctx, &call);
    for (struct outcall out = sent; out.on_done != NULL; out = sent) {
        sent.on_done = NULL;
        out.on_done(out.ctx, answer);
        answer = then;
    }
    assert_true(answered);
    free(call.places);
    seats_map_destroy(map);
    return call;
}

static struct peer_call ask(enum peer_op op, const char *provider,
                            const struct outcall_answer *answer)
{
    return ask_twice(op, provider, answer, answer);
}

static void on_read(void *ctx, bool found)
{
    *(bool *)ctx = found;
}

/* Three lists of as many events as can be awake: the last half of each is the first of the next. */
TEST_CASE(map_of_the_seats_has_the_whole_last_list)
{
    enum { AWAKE = 256 };
    struct seats_clock clock;
    const struct seats_map_conf conf = {
        .url = "http://s", .internal_url = "http://s", .service_token = "t", .clock = &clock};
    static char memory[AWAKE * 128];
    struct seats_map *map;
    struct err_slot err;
    seats_clock_init(&clock, clock_system());
    assert_int_equal(0, seats_map_create(&conf, &err, &map));
    for (unsigned from = 0; from <= AWAKE; from += AWAKE / 2) {
        struct text list = text_on(memory, sizeof(memory));
        TEXT_LIT(&list, "{\"events\":[");
        for (unsigned i = from; i < from + AWAKE; i++)
            text_printf(&list, "%s{\"event\":\"%u\",\"address\":\"%u\",\"private_address\":\"p\"}",
                        i > from ? "," : "", i, from);
        TEXT_LIT(&list, "]}");
        assert_false(list.overflown);
        bool found = false;
        seats_map_read(map, SPAN("300"), on_read, &found);
        sent.on_done(sent.ctx, &(struct outcall_answer){.status = 200, .body = text_span(&list)});
        sent.on_done = NULL;
        assert_int_equal(found, from == AWAKE / 2); /* later lists have the same private address */
        for (unsigned i = from; i < from + AWAKE; i++) {
            char event[8], wanted[16], url[16];
            struct text written = text_on(url, sizeof(url));
            snprintf(event, sizeof(event), "%u", i);
            snprintf(wanted, sizeof(wanted), "http://%u", from);
            seats_map_put(map, SEATS_OPEN, span_of(event), &written);
            assert_true(span_eq(text_span(&written), span_of(wanted)));
        }
    }
    seats_map_destroy(map);
}

/* A provider caches its refusal under the key: an operator's retry needs a new key. */
TEST_CASE(refund_that_toss_refused_is_retried_under_a_new_key)
{
    const struct outcall_answer paid = {
        .status = 200,
        .body = SPAN("{\"orderId\":\"o_1\",\"paymentKey\":\"k_1\",\"status\":\"DONE\","
                     "\"totalAmount\":5000,\"balanceAmount\":5000}")};
    const struct outcall_answer refused = {.status = 403,
                                           .body = SPAN("{\"code\":\"REFUND_REJECTED\"}")};
    struct peer_call call = ask_twice(PEER_PSP_REFUND, "toss", &paid, &refused);
    assert_int_equal(SAGA_FAILED, call.verdict);
    assert_string_equal("refund-refused", call.code);
    assert_true(call.key_burnt);
}

/* It may be a yes or a no, so it counts as neither. */
TEST_CASE(answer_that_is_not_read_for_lack_of_memory_is_unknown)
{
#define PLACES "{\"places\":[{\"id\":\"A-2\",\"zone\":\"A\"}]}"
    static const struct {
        enum peer_op op;
        const char *provider;
        unsigned status;
        const char *body;
        enum saga_verdict verdict; /* with memory */
        const char *code;
    } rows[] = {
        {PEER_SEATS_EXTEND, "", 409, "{\"code\":\"seats-busy\"}", SAGA_UNKNOWN, "seats-busy"},
        {PEER_SEATS_EXTEND, "", 409, "{\"code\":\"buyer-limit\"}", SAGA_FAILED, "buyer-limit"},
        {PEER_SEATS_EXTEND, "", 409, "busy", SAGA_FAILED, "refused"},
        {PEER_SEATS_EXTEND, "", 200, "{\"expires_at\":\"2026-11-20T19:00:00Z\"}", SAGA_DONE, ""},
        {PEER_SEATS_CONFIRM, "", 409, "{\"code\":\"seats-busy\"}", SAGA_UNKNOWN, "seats-busy"},
        {PEER_SEATS_MOVE, "", 200, PLACES, SAGA_DONE, ""},
        {PEER_SEATS_MOVE, "", 200, "{\"places\":[]}", SAGA_UNKNOWN, "no-places"},
        {PEER_PSP_CAPTURE, "stripe", 402, "{\"error\":{\"type\":\"card_error\"}}", SAGA_FAILED,
         "card_error"},
        {PEER_PSP_READ, "stripe", 200, "{\"id\":\"pi_1\",\"status\":\"canceled\"}", SAGA_DONE, ""},
        {PEER_PSP_READ, "toss", 404, "{\"code\":\"NOT_FOUND_PAYMENT\"}", SAGA_DONE, ""},
        {PEER_PSP_READ, "toss", 200, "{}", SAGA_DONE, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct outcall_answer answer = {.status = rows[i].status,
                                              .body = span_of(rows[i].body)};
        struct peer_call read = ask(rows[i].op, rows[i].provider, &answer);
        if (strcmp(rows[i].body, PLACES) == 0)
            places_have_memory = false; /* and nothing else lacks it */
        else
            scarce_from(0);
        struct peer_call starved = ask(rows[i].op, rows[i].provider, &answer);
        scarce_end();
        places_have_memory = true;
        if (read.verdict != rows[i].verdict || strcmp(read.code, rows[i].code) != 0)
            fail_msg("row %zu: %u, %s", i, read.verdict, read.code);
        assert_false(read.answered);
        if (starved.verdict != SAGA_UNKNOWN || strcmp(starved.code, "no-memory") != 0)
            fail_msg("row %zu without memory: %u, %s", i, starved.verdict, starved.code);
        assert_true(starved.answered); /* so its breaker stays closed */
    }
}

/* A peer that was not called was not silent. */
TEST_CASE(call_that_was_not_sent_does_not_count_against_its_peer)
{
    static const struct {
        int rc;
        bool unasked;
    } rows[] = {{ERR_PEER, false},
                {ERR_TIMEOUT, false},
                {ERR_FULL, true},
                {ERR_CLOSED, true},
                {ERR_NOMEM, true}};
    static const char *const providers[] = {"", "stripe", "toss"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct outcall_answer answer = {.rc = rows[i].rc};
        for (size_t of = 0; of < sizeof(providers) / sizeof(providers[0]); of++) {
            struct peer_call call =
                ask(of == 0 ? PEER_SEATS_CONFIRM : PEER_PSP_CAPTURE, providers[of], &answer);
            assert_int_equal(SAGA_UNKNOWN, call.verdict);
            assert_int_equal(rows[i].unasked, call.unasked);
        }
    }
}

/* A provider repeats a webhook that was not accepted, but drops one answered as invalid. */
TEST_CASE(webhook_that_is_not_read_for_lack_of_memory_is_not_accepted)
{
    const struct psp stripe = {.driver = &psp_stripe, .conf.webhook_secrets = KEY};
    const struct psp toss = {.driver = &psp_toss};
    for (unsigned memory = 0; memory < 2; memory++) {
        struct psp_event event = {0};
        struct err_slot err;
        if (!memory)
            scarce_from(0);
        int want = memory ? 0 : ERR_NOMEM;
        int of_stripe =
            psp_stripe.webhook(&stripe, SPAN(T "," V1), SPAN(body), SIGNED_S, &err, &event);
        int of_toss = psp_toss.webhook(&toss, SPAN(""), SPAN("{\"data\":{\"orderId\":\"o_1\"}}"),
                                       SIGNED_S, &err, &event);
        scarce_end();
        assert_int_equal(want, of_stripe);
        assert_int_equal(want, of_toss);
    }
}
