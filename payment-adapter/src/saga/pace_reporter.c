/* pace_reporter.c: checks once per loop turn, which costs two loads while no call was made. */
#include "saga/pace_reporter.h"

#include "base/magic.h"
#include "observe/log.h"
#include "store/statements.h"

#include <assert.h>
#include <stdlib.h>

struct pace_reporter {
    uint32_t magic;
    struct pace_reporter_conf conf;
    uv_check_t check;
    uint32_t calls; /* of the report in flight */
    bool reporting, failing, closed;
};

MAGIC(pace_reporter, 0x3a700016);

static void free_if_over(struct pace_reporter *reporter)
{
    if (reporter->closed && !reporter->reporting) {
        MAGIC_END(pace_reporter, reporter);
        free(reporter);
    }
}

static void on_reported(void *ctx, const struct pg_answer *answer)
{
    struct pace_reporter *reporter = MAGIC_OF(pace_reporter, ctx);
    assert(reporter->reporting);
    reporter->reporting = false;
    if (answer->rc < 0) {
        pace_unanswered(reporter->conf.pace);
    } else {
        const struct sql_psp_called_row row = sql_psp_called_row(answer->results[0], 0);
        pace_reported(reporter->conf.pace, reporter->calls, row.ahead_us,
                      clock_mono_us(reporter->conf.clock));
    }
    if (!reporter->closed) {
        bool failing = answer->rc < 0;
        if (failing && !reporter->failing) { /* once, not for every attempt */
            struct err_slot err;
            pg_say_failure(answer, &err);
            log_failure(
                reporter->conf.log,
                "the common pace at the payment providers cannot be asked: ours stays as it was",
                &err);
        }
        reporter->failing = failing;
    }
    free_if_over(reporter);
}

static void on_check(uv_check_t *check)
{
    struct pace_reporter *reporter = check->data;
    assert(!reporter->closed);
    struct pace *pace = reporter->conf.pace;
    if (reporter->reporting ||
        !pace_report(pace, clock_mono_us(reporter->conf.clock), &reporter->calls))
        return;
    const struct sql_psp_called_args args = {.calls = reporter->calls,
                                             .interval_us = pace_interval_us(pace)};
    reporter->reporting = true;
    sql_psp_called(reporter->conf.pg, &args, on_reported, reporter);
}

int pace_reporter_create(const struct pace_reporter_conf *conf, struct err_slot *err,
                         struct pace_reporter **out)
{
    assert(conf->pg != NULL);
    assert(conf->pace != NULL);
    struct pace_reporter *reporter = calloc(1, sizeof(*reporter));
    if (reporter == NULL)
        return err_set(err, ERR_NOMEM, "pace at the payment providers");
    MAGIC_BEGIN(pace_reporter, reporter);
    reporter->conf = *conf;
    uv_check_init(conf->loop, &reporter->check); /* these cannot fail */
    reporter->check.data = reporter;
    uv_check_start(&reporter->check, on_check);
    *out = reporter;
    return 0;
}

static void on_check_closed(uv_handle_t *handle)
{
    struct pace_reporter *reporter = MAGIC_OF(pace_reporter, handle->data);
    assert(!reporter->closed);
    reporter->closed = true;
    free_if_over(reporter);
}

void pace_reporter_close(struct pace_reporter *reporter)
{
    if (reporter != NULL)
        uv_close((uv_handle_t *)&reporter->check, on_check_closed);
}
