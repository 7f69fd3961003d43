/* ledger.c: adds everything up afresh from the objects instead of keeping totals beside them: the
 * ledger is the judge of a test, and a judge does not take the accused's word for it. */
#include "http/ledger.h"

#include "core/strmap.h"
#include "desk/webhook_sender.h"

#include <stdlib.h>

struct sums {
    const char *label; /* a currency, or a metadata value; borrowed from the bank */
    uint64_t intents;
    uint64_t captures;
    int64_t authorized;
    int64_t captured;
    int64_t refunded;
};

struct rows {
    struct sums *row;
    uint32_t len;
    bool truncated;
    struct strmap *map;
};

static void add(struct sums *sums, const struct intent *intent)
{
    sums->intents++;
    sums->captures += intent->received > 0;
    sums->authorized += intent->capturable;
    sums->captured += intent->received;
    sums->refunded += intent->refunded;
}

static void put_sums(struct text *out, const struct sums *sums)
{
    json_member_u64(out, "intents", sums->intents);
    json_member_u64(out, "captures", sums->captures);
    json_member_i64(out, "authorized", sums->authorized);
    json_member_i64(out, "captured", sums->captured);
    json_member_i64(out, "refunded", sums->refunded);
}

static void put_states(struct text *out, const struct bank *bank)
{
    uint64_t states[INTENT_STATUS_COUNT] = {0};
    for (uint32_t i = 0; i < bank->intents.count; i++)
        states[bank_intent(bank, i)->status]++;
    json_key(out, "intents");
    json_open(out, '{');
    json_member_u64(out, "total", bank->intents.count);
    for (unsigned i = 0; i < INTENT_STATUS_COUNT; i++)
        json_member_u64(out, intent_status_name((enum intent_status)i), states[i]);
    json_close(out, '}');
}

static void put_currencies(struct text *out, const struct bank *bank)
{
    static const char *const names[] = {"krw", "jpy", "usd", "eur"};
    json_key(out, "currencies");
    json_open(out, '{');
    for (unsigned c = 0; c < sizeof(names) / sizeof(names[0]); c++) {
        struct sums sums = {.label = names[c]};
        for (uint32_t i = 0; i < bank->intents.count; i++) {
            const struct intent *intent = bank_intent(bank, i);
            if (strcmp(intent->currency, names[c]) == 0)
                add(&sums, intent);
        }
        if (sums.intents == 0)
            continue;
        json_key(out, names[c]);
        json_open(out, '{');
        put_sums(out, &sums);
        json_close(out, '}');
    }
    json_close(out, '}');
}

static void put_toss(struct text *out, const struct bank *bank)
{
    uint64_t paid = 0;
    int64_t confirmed = 0;
    int64_t left = 0;
    for (uint32_t i = 0; i < bank->payments.count; i++) {
        const struct payment *payment = bank_payment(bank, i);
        if (payment->approved_ms == 0)
            continue;
        paid++;
        confirmed += payment->amount;
        left += payment->balance;
    }
    json_key(out, "toss");
    json_open(out, '{');
    json_member_u64(out, "payments", bank->payments.count);
    json_member_u64(out, "confirms", paid);
    json_member_i64(out, "captured", confirmed);
    json_member_i64(out, "refunded", confirmed - left);
    json_close(out, '}');
}

static uint64_t get(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed); /* only to look */
}

static void put_counts(struct text *out, const struct bank *bank,
                       const struct webhook_sender_stats *webhooks)
{
    const struct bank_counts *counts = &bank->counts;
    json_key(out, "counts");
    json_open(out, '{');
    json_member_u64(out, "calls", counts->calls);
    json_member_u64(out, "replays", counts->replays);
    json_member_u64(out, "captures", counts->captures);
    json_member_u64(out, "refunds", counts->refunds);
    json_member_u64(out, "declines", counts->declines);
    json_member_u64(out, "charges", bank->charges.count);
    json_member_u64(out, "events", bank->events.count);
    json_close(out, '}');
    json_key(out, "webhooks");
    json_open(out, '{');
    json_member_u64(out, "attempts", get(&webhooks->attempts));
    json_member_u64(out, "confirmed", get(&webhooks->confirmed));
    json_member_u64(out, "retries", get(&webhooks->retries));
    json_member_u64(out, "given_up", get(&webhooks->given_up));
    json_member_u64(out, "lost_on_command", get(&webhooks->faulted));
    json_member_u64(out, "overflow", get(&webhooks->overflow));
    json_member_u64(out, "waiting", get(&webhooks->waiting));
    json_close(out, '}');
}

/* ---- by a metadata key ---- */

static struct span label_of(void *ctx, uint32_t number)
{
    const struct rows *rows = ctx;
    return span_of(rows->row[number].label);
}

static int gather(struct rows *rows, const struct bank *bank, const char *key, struct err_slot *err)
{
    for (uint32_t i = 0; i < bank->intents.count; i++) {
        const struct intent *intent = bank_intent(bank, i);
        const char *value = meta_get(&intent->meta, key);
        uint32_t at;
        if (value == NULL)
            continue;
        if (!strmap_find(rows->map, span_of(value), &at)) {
            if (rows->len == LEDGER_ROWS_MAX) {
                rows->truncated = true;
                continue;
            }
            at = rows->len++;
            rows->row[at] = (struct sums){.label = value};
            int rc = strmap_put(rows->map, at, err);
            if (rc < 0)
                return rc;
        }
        add(&rows->row[at], intent);
    }
    return 0;
}

static void put_rows(struct text *out, const struct rows *rows)
{
    json_key(out, "rows");
    json_open(out, '[');
    for (uint32_t i = 0; i < rows->len; i++) {
        json_open(out, '{');
        json_member_cstr(out, "value", rows->row[i].label);
        put_sums(out, &rows->row[i]);
        json_close(out, '}');
    }
    json_close(out, ']');
    json_member_bool(out, "truncated", rows->truncated);
}

static int put_by(struct text *out, const struct bank *bank, struct span by, struct err_slot *err)
{
    char key[META_KEY_MAX + 1];
    if (!span_to_cstr(by, key, sizeof(key)))
        return err_set(err, ERR_RANGE, "by: a metadata key of at most %d bytes", META_KEY_MAX);
    struct rows rows = {.row = calloc(LEDGER_ROWS_MAX, sizeof(struct sums))};
    if (rows.row == NULL)
        return err_set(err, ERR_NOMEM, "%d rows", LEDGER_ROWS_MAX);
    int rc = strmap_create(label_of, &rows, err, &rows.map);
    if (rc == 0)
        rc = gather(&rows, bank, key, err);
    if (rc == 0)
        put_rows(out, &rows);
    strmap_destroy(rows.map);
    free(rows.row);
    return rc;
}

int ledger_put(const struct bank *bank, const struct webhook_sender_stats *webhooks, struct span by,
               struct text *out, struct err_slot *err)
{
    int rc = 0;
    json_open(out, '{');
    put_states(out, bank);
    put_currencies(out, bank);
    put_toss(out, bank);
    put_counts(out, bank, webhooks);
    if (by.len > 0)
        rc = put_by(out, bank, by, err);
    json_close(out, '}');
    return rc;
}
