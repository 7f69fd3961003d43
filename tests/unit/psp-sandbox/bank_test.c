/* bank_test.c: any calls in any order keep the bank's books correct (pay.c asserts that). The rules
 * of single calls, and the state after a kill, are tested in tests/integration/psp-sandbox with the
 * official client. */
#include "unit.h"

#include "calls.h"
#include "journal.h"
#include "stripe/stripe.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct settings settings = {.public_url = "http://psp"};

#define INTENTS "/v1/payment_intents"

/* Sends a POST to this route. */
static void perform(struct bank *bank, const char *route, const char *id, const char *raw,
                    uint64_t seed)
{
    struct err_slot err;
    unsigned i = 0;
    while (calls_ops[i].method != CALL_POST || strcmp(calls_ops[i].route, route) != 0)
        i++;
    struct call call = {.op = &calls_ops[i],
                        .at_us = 1000000000,
                        .seed = seed,
                        .id = span_of(id),
                        .in = json_object()};
    assert_int_equal(0, form_parse(span_of(raw), &err, call.in));
    calls_run(bank, &call);
    json_decref(call.in);
}

static const char *newest(const struct bank *bank)
{
    const struct list *list = &bank->lists[INTENT];
    return list->count > 0 ? list->items[list->count - 1]->id : "none";
}

TEST_CASE(totals_add_up_after_any_calls_in_any_order)
{
    static const struct {
        const char *route, *form;
    } calls[] = {
        {INTENTS, "amount=1000&currency=krw&capture_method=manual"},
        {INTENTS, "amount=1000&currency=krw"},
        {INTENTS "/{id}/confirm", "payment_method=pm_card_visa"},
        {INTENTS "/{id}/confirm", "payment_method=pm_card_chargeDeclined"},
        {INTENTS "/{id}/confirm", "payment_method=pm_card_authenticationRequired"},
        {INTENTS "/{id}/capture", "amount_to_capture=300"},
        {INTENTS "/{id}/cancel", ""},
    };
    struct bank *bank = bank_create(&settings);
    int64_t taken = 0, left = 0;
    const struct rng *rng = unit_rng();
    for (unsigned i = 0; i < 4000; i++) {
        size_t at = rng_below(rng, sizeof(calls) / sizeof(calls[0]));
        if (rng_below(rng, 4) == 0) {
            char form[80];
            snprintf(form, sizeof(form), "amount=100&payment_intent=%s", newest(bank));
            perform(bank, "/v1/refunds", "", form, rng_u64(rng));
        }
        perform(bank, calls[at].route, newest(bank), calls[at].form, rng_u64(rng));
    }
    for (uint32_t i = 0; i < bank->lists[INTENT].count; i++) {
        const struct object *intent = bank->lists[INTENT].items[i];
        taken += bank_number(intent, "amount_received");
        left += stripe_refundable(bank, intent);
    }
    for (uint32_t i = 0; i < bank->lists[REFUND].count; i++)
        left += bank_number(bank->lists[REFUND].items[i], "amount");
    assert_int_equal(taken, left);
    bank_destroy(bank);
}

TEST_CASE(forged_id_finds_nothing)
{
    struct bank *bank = bank_create(&settings);
    char id[BANK_ID_MAX];
    perform(bank, INTENTS, "", "amount=5&currency=krw", 1);
    struct object *intent = bank->lists[INTENT].items[0];
    strcpy(id, intent->id);
    assert_ptr_equal(intent, bank_find(bank, INTENT, span_of(id)));
    id[5] = id[5] == 'x' ? 'y' : 'x'; /* an unknown id of the right length */
    assert_null(bank_find(bank, INTENT, span_of(id)));
    assert_null(bank_find(bank, INTENT, SPAN("pi_zzzzzzzzzzzzzzzzzzzzzzzz")));
    assert_null(bank_find(bank, CHARGE, span_of(intent->id)));
    assert_null(bank_find_secret(bank, span_of(intent->id)));
    assert_ptr_equal(intent, bank_find_secret(bank, span_of(bank_text(intent, "client_secret"))));
    bank_destroy(bank);
}

TEST_CASE(answer_is_stored_for_a_day_and_the_oldest_key_makes_room)
{
    struct bank *bank = bank_create(&settings);
    struct call call = {.bank = bank, .now_s = 1000, .status = 402, .body = SPAN("{}")};
    char key[16];
    bank_keep(&call, STRIPE, SPAN("k"), "digest");
    assert_null(bank_kept(bank, STRIPE, SPAN("K"), 1000));
    assert_null(bank_kept(bank, TOSS, SPAN("k"), 1000));
    assert_non_null(bank_kept(bank, STRIPE, SPAN("k"), 1000 + IDEM_TTL_S - 1));
    assert_null(bank_kept(bank, STRIPE, SPAN("k"), 1000 + IDEM_TTL_S));
    for (unsigned i = 0; i < IDEM_KEYS_MAX; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        bank_keep(&call, STRIPE, span_of(key), "digest");
    }
    assert_non_null(bank_kept(bank, STRIPE, SPAN("key-1"), 1000));
    assert_null(bank_kept(bank, STRIPE, SPAN("key-0"), 1000));
    bank_destroy(bank);
}

static bool count_record(void *ctx, json_t *record)
{
    (void)record;
    ++*(unsigned *)ctx;
    return true;
}

/* A file size limit replaces a full disk. */
TEST_CASE(a_full_disk_is_reported)
{
    char *path = unit_file(SPAN(""), 0600);
    unsigned records = 0;
    int journal;
    struct err_slot err;
    struct rlimit before;
    assert_int_equal(0, journal_open(path, count_record, &records, &err, &journal));
    assert_int_equal(0, journal_append(journal, json_pack("{s:i}", "a", 1), &err));
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
    struct rlimit small = {.rlim_cur = (rlim_t)lseek(journal, 0, SEEK_END) + 4,
                           .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &small));
    assert_int_equal(ERR_IO, journal_append(journal, json_pack("{s:i}", "a", 2), &err));
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
    close(journal);
    assert_int_equal(0, journal_open(path, count_record, &records, &err, &journal));
    assert_int_equal(1, records); /* without the truncated one */
    close(journal);
    unit_file_remove(path);
}
