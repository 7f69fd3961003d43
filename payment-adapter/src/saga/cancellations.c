/* cancellations.c: performs core/cancelling. All orders of a page begin at once, each with what
 * core/checkout/order.h says.
 *
 * Texts of a row are passed on in place: libpq ends each with a NUL. */
#include "saga/cancellations.h"

#include "base/magic.h"
#include "core/cancelling/cancelling.h"
#include "core/checkout/order.h"
#include "core/checkout/refund_terms.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "store/refunding.h"

#include <assert.h>
#include <stdlib.h>

struct cancellations {
    uint32_t magic;
    struct cancellations_conf conf;
    struct cancelling machine;
    uint64_t now_ms; /* as of the last tick */
    bool failing, closing;
    char event[ORDER_EVENT_MAX]; /* of the page */
    char passed[ORDER_ID_MAX];   /* the last order on it */
};

MAGIC(cancellations, 0x3a700022);

static void note(struct cancellations *all, const struct pg_answer *answer)
{
    bool failing = answer->rc < 0;
    if (failing && !all->failing) { /* once, not for every attempt */
        struct err_slot err;
        pg_say_failure(answer, &err);
        log_failure(all->conf.log, "orders of a cancelled event are not given back", &err);
    }
    all->failing = failing;
}

static enum cancelling_state step(struct cancellations *all, enum cancelling_input input)
{
    assert(!all->closing);
    return cancelling_step(&all->machine,
                           &(struct cancelling_event){.input = input, .now_ms = all->now_ms});
}

static void on_passed(void *ctx, const struct pg_answer *answer)
{
    struct cancellations *all = MAGIC_OF(cancellations, ctx);
    assert(all->machine.state == CANCELLING_PASSES);
    if (all->closing)
        return;
    (void)step(all, CANCELLING_PASSED);
    note(all, answer);
    if (answer->rc < 0 || PQntuples(answer->results[0]) == 0 ||
        !sql_cancelling_passed_row(answer->results[0], 0).ended)
        return;
    log_text(all->conf.log, LOG_LEVEL_WARN, "a cancelled event is given back", "event", all->event);
}

static void write_passed(struct cancellations *all)
{
    const struct sql_cancelling_passed_args args = {.event = all->event,
                                                    .passed =
                                                        all->machine.last ? NULL : all->passed,
                                                    .pause_ms = all->machine.pause_ms,
                                                    .groups_ms = CANCELLATIONS_GROUPS_MS};
    assert(all->machine.state == CANCELLING_PASSES);
    assert(all->event[0] != '\0');
    assert(all->machine.last || all->passed[0] != '\0');
    sql_cancelling_passed(all->conf.pg, &args, on_passed, all);
}

static void end_act(struct cancellations *all)
{
    if (step(all, CANCELLING_BEGUN) != CANCELLING_PASSES)
        return;
    worker_nudge(all->conf.worker);
    write_passed(all);
}

static void on_act(void *ctx, const struct pg_answer *answer)
{
    struct cancellations *all = MAGIC_OF(cancellations, ctx);
    assert(all->machine.state == CANCELLING_BEGINS);
    if (all->closing)
        return;
    note(all, answer);
    end_act(all);
}

static void give_back(struct cancellations *all, const struct sql_cancelling_take_row *row,
                      bool whole)
{
    const char *order = row->order_id.ptr;
    assert(whole != row->used);
    struct pg_job *job = pg_job_create(all->conf.pg, on_act, all);
    enum checkout_kind kind = whole ? CHECKOUT_REFUND : CHECKOUT_CREDIT;
    const char *saga = checkout_now(all->conf.checkout, kind)->key;
    if (whole)
        refunding_add_whole(job, &(struct sql_order_refund_args){.order = order,
                                                                 .saga = saga,
                                                                 .trace = "",
                                                                 .actor = ACTOR_OPERATOR,
                                                                 .reason = row->reason.ptr,
                                                                 .who = row->who.ptr,
                                                                 .has_percent = true,
                                                                 .percent = 100});
    else
        refunding_add_part(job, &(struct sql_order_credit_args){.order = order,
                                                                .saga = saga,
                                                                .trace = "",
                                                                .seats = row->seats.ptr,
                                                                .has_amount = true,
                                                                .amount = row->amount,
                                                                .free = true,
                                                                .reason = row->reason.ptr,
                                                                .who = row->who.ptr,
                                                                .most = CREDITS_MAX + 1});
    pg_job_send(job);
}

/* May complete synchronously. */
static void begin_act(struct cancellations *all, const struct sql_cancelling_take_row *row)
{
    enum order_off act = order_off(row->status, row->moving, row->used);
    assert(row->order_id.ptr != NULL);
    assert(all->machine.open > 0);
    if (act == ORDER_OFF_TURN_BACK) {
        const struct sql_order_cancel_args args = {.order = row->order_id.ptr,
                                                   .pivots = checkout_pivots(all->conf.checkout)};
        sql_order_cancel(all->conf.pg, &args, on_act, all);
    } else if (act == ORDER_OFF_REFUND || act == ORDER_OFF_CREDIT)
        give_back(all, row, act == ORDER_OFF_REFUND);
    else
        end_act(all);
}

static void on_taken(void *ctx, const struct pg_answer *answer)
{
    struct cancellations *all = MAGIC_OF(cancellations, ctx);
    assert(all->machine.state == CANCELLING_TAKES);
    if (all->closing)
        return;
    note(all, answer);
    const PGresult *res = answer->rc < 0 ? NULL : answer->results[0];
    int len = res != NULL ? PQntuples(res) : 0;
    struct sql_cancelling_take_row row = {0};
    struct cancelling_event event = {.input = CANCELLING_TAKEN, .now_ms = all->now_ms};
    if (len > 0) {
        row = sql_cancelling_take_row(res, len - 1);
        bool none = row.order_id.ptr == NULL; /* a row without an order */
        bool fits = span_to_cstr(row.event, all->event, sizeof(all->event)) &&
                    (none || span_to_cstr(row.order_id, all->passed, sizeof(all->passed)));
        assert(fits);
        assert(!none || len == 1);
        event.most = row.most;
        event.orders = none ? 0 : (uint64_t)len;
    }
    enum cancelling_state state = cancelling_step(&all->machine, &event);
    if (state == CANCELLING_PASSES)
        write_passed(all);
    for (int i = 0; state == CANCELLING_BEGINS && i < len; i++) {
        row = sql_cancelling_take_row(res, i);
        begin_act(all, &row);
    }
}

void cancellations_tick(struct cancellations *all)
{
    all->now_ms += CANCELLING_TICK_MS;
    if (all->closing || all->machine.state != CANCELLING_RESTS ||
        step(all, CANCELLING_TICK) != CANCELLING_TAKES)
        return;
    const struct sql_cancelling_take_args args = {
        .most = all->conf.per_s, .room = CANCEL_REFUNDS_MAX, .lease_ms = CANCELLING_LEASE_MS};
    sql_cancelling_take(all->conf.pg, &args, on_taken, all);
}

int cancellations_create(const struct cancellations_conf *conf, struct err_slot *err,
                         struct cancellations **out)
{
    assert(conf->pg != NULL);
    assert(conf->checkout != NULL);
    assert(conf->worker != NULL);
    assert(conf->per_s > 0);
    struct cancellations *all = calloc(1, sizeof(*all));
    if (all == NULL)
        return err_set(err, ERR_NOMEM, "cancelled events");
    MAGIC_BEGIN(cancellations, all);
    all->conf = *conf;
    if (all->conf.per_s > CANCEL_REFUNDS_MAX)
        all->conf.per_s = CANCEL_REFUNDS_MAX;
    *out = all;
    return 0;
}

void cancellations_close(struct cancellations *all)
{
    if (all != NULL)
        all->closing = true;
}

void cancellations_destroy(struct cancellations *all)
{
    if (all == NULL)
        return;
    assert(all->closing);
    MAGIC_END(cancellations, all);
    free(all);
}
