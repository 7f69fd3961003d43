/* pace_teller.c: checks once per loop turn, which costs two loads while no call was made. The table
 * is unlogged, so a report waits for no disk. */
#include "saga/pace_teller.h"

#include "base/magic.h"
#include "observe/log.h"
#include "store/statements.h"

#include <assert.h>
#include <stdlib.h>

struct pace_teller {
    uint32_t magic;
    struct pace_teller_conf conf;
    uv_check_t check;
    uint32_t calls; /* of the report in flight */
    bool telling, failing, closed;
};

MAGIC(pace_teller, 0x3a700016);

static void free_if_over(struct pace_teller *teller)
{
    if (teller->closed && !teller->telling) {
        MAGIC_END(pace_teller, teller);
        free(teller);
    }
}

static void on_told(void *ctx, const struct pg_answer *answer)
{
    struct pace_teller *teller = MAGIC_OF(pace_teller, ctx);
    assert(teller->telling);
    teller->telling = false;
    if (answer->rc < 0) {
        pace_unheard(teller->conf.pace);
    } else {
        const struct sql_psp_called_row row = sql_psp_called_row(answer->results[0], 0);
        pace_reported(teller->conf.pace, teller->calls, row.ahead_us,
                      clock_mono_us(teller->conf.clock));
    }
    if (!teller->closed) {
        bool failing = answer->rc < 0;
        if (failing && !teller->failing) { /* once, not for every attempt */
            struct err_slot err;
            pg_say_failure(answer, &err);
            log_failure(
                teller->conf.log,
                "the common pace at the payment providers cannot be asked: ours stays as it was",
                &err);
        }
        teller->failing = failing;
    }
    free_if_over(teller);
}

static void on_check(uv_check_t *check)
{
    struct pace_teller *teller = check->data;
    assert(!teller->closed);
    struct pace *pace = teller->conf.pace;
    if (teller->telling || !pace_report(pace, clock_mono_us(teller->conf.clock), &teller->calls))
        return;
    const struct sql_psp_called_args args = {.calls = teller->calls,
                                             .interval_us = pace_interval_us(pace)};
    teller->telling = true;
    sql_psp_called(teller->conf.pg, &args, on_told, teller);
}

int pace_teller_create(const struct pace_teller_conf *conf, struct err_slot *err,
                       struct pace_teller **out)
{
    assert(conf->pg != NULL);
    assert(conf->pace != NULL);
    struct pace_teller *teller = calloc(1, sizeof(*teller));
    if (teller == NULL)
        return err_set(err, ERR_NOMEM, "pace at the payment providers");
    MAGIC_BEGIN(pace_teller, teller);
    teller->conf = *conf;
    uv_check_init(conf->loop, &teller->check); /* these cannot fail */
    teller->check.data = teller;
    uv_check_start(&teller->check, on_check);
    *out = teller;
    return 0;
}

static void on_check_closed(uv_handle_t *handle)
{
    struct pace_teller *teller = MAGIC_OF(pace_teller, handle->data);
    assert(!teller->closed);
    teller->closed = true;
    free_if_over(teller);
}

void pace_teller_close(struct pace_teller *teller)
{
    if (teller != NULL)
        uv_close((uv_handle_t *)&teller->check, on_check_closed);
}
