/* order_series.c: order ends are not counted as they happen, which would cost one more write each.
 * Instead, every ten seconds one statement computes the counts from the sagas that ended since the
 * last time and a little before (count_sagas, sql/statements/counts.sql). So the sums agree with
 * the sagas' rows, whichever process was killed when, and any number of processes may count. Counts
 * that only a process has (its 5xx answers, messages without an answer from the shop) are added by
 * each loop; if a process dies, its last ten seconds of these are lost.
 *
 * Threading: each loop has its own; loop 0 counts the sagas. */
#include "saga/order_series.h"

#include "observe/log.h"
#include "pay_limits.h"
#include "store/statements.h"

#include <assert.h>
#include <stdlib.h>

enum { COUNT_TICKS = 100 };

/* Known only to this process: counters that only rise. */
struct ours {
    uint64_t errors, unanswered;
};

struct order_series {
    struct order_series_conf conf;
    struct ours sent, sending;
    uint32_t ticks;
    bool is_sending, failing;
};

/* ---- counting ---- */

static void note_failure(struct order_series *series, const struct pg_answer *answer)
{
    bool failing = answer->rc < 0;
    if (failing && !series->failing) { /* once, not for every attempt */
        struct err_slot err;
        pg_say_failure(answer, &err);
        log_failure(series->conf.log, "orders and errors are not counted", &err);
    }
    series->failing = failing;
}

static void on_sagas(void *ctx, const struct pg_answer *answer)
{
    note_failure(ctx, answer);
}

static void on_ours(void *ctx, const struct pg_answer *answer)
{
    struct order_series *series = ctx;
    assert(series->is_sending);
    note_failure(series, answer);
    series->is_sending = false;
    if (answer->rc == 0 || answer->rc == ERR_UNKNOWN) /* too few is better than twice */
        series->sent = series->sending;
}

static void count_ours(struct order_series *series)
{
    const struct order_series_conf *conf = &series->conf;
    struct ours now = (struct ours){
        .errors = atomic_load_explicit(conf->errors, memory_order_relaxed),
        .unanswered = atomic_load_explicit(conf->unanswered, memory_order_relaxed),
    };
    assert(now.errors >= series->sent.errors); /* counters only rise */
    assert(now.unanswered >= series->sent.unanswered);
    uint64_t errors = now.errors - series->sent.errors;
    uint64_t unanswered = now.unanswered - series->sent.unanswered;
    if (series->is_sending || errors + unanswered == 0)
        return;
    const struct sql_count_ours_args args = {.errors = (uint32_t)errors,
                                             .unanswered = (uint32_t)unanswered};
    series->sending = now;
    series->is_sending = true;
    sql_count_ours(series->conf.pg, &args, on_ours, series);
}

void order_series_tick(struct order_series *series)
{
    if (series->ticks++ % COUNT_TICKS != 0)
        return;
    count_ours(series);
    if (series->conf.counts_sagas) {
        struct pg_job *job = pg_job_create(series->conf.pg, on_sagas, series);
        sql_count_sagas_add(job);
        sql_count_thin_add(job, &(struct sql_count_thin_args){.rows_max = COUNTED_ROWS_MAX});
        pg_job_send(job);
    }
}

/* ---- create and destroy ---- */

int order_series_create(const struct order_series_conf *conf, struct err_slot *err,
                        struct order_series **out)
{
    assert(conf->errors != NULL);
    assert(conf->unanswered != NULL);
    struct order_series *series = calloc(1, sizeof(*series));
    if (series == NULL)
        return err_set(err, ERR_NOMEM, "counts over time");
    series->conf = *conf;
    *out = series;
    return 0;
}

void order_series_destroy(struct order_series *series)
{
    free(series);
}
