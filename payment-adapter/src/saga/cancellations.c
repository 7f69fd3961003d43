/* cancellations.c: a look takes an event and a page of its orders, begins what core/checkout/
 * order.h says for each, and then writes how far it came. All of it may be repeated: an order
 * that is being given back refuses to be given back again. So a process that dies in the middle
 * loses nothing, and an order whose transaction failed comes up again in the next pass.
 *
 * Passes follow each other until a whole one finds nothing left: orders whose payment was under
 * way, and those that wait for an operator, are taken up as soon as they can be.
 *
 * Texts of a row are passed on as the answer has them: libpq ends each with a NUL. */
#include "saga/cancellations.h"

#include "base/magic.h"
#include "core/checkout/order.h"
#include "core/checkout/refund_terms.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "store/refunding.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A page may be begun twice, so the lease need not outlast a slow one: it is what a kill costs. */
enum { TICK_MS = 100, LOOK_TICKS = 10, PASS_PAUSE_MS = 5000, LEASE_MS = 5000 };

struct cancellations {
    uint32_t magic;
    struct cancellations_conf conf;
    uint32_t ticks, look_at; /* the tick of the next look */
    bool looking, failing, closing;
    /* The look that is under way. */
    char event[ORDER_EVENT_MAX];
    char passed[ORDER_ID_MAX]; /* "": the page was the last of its pass */
    uint32_t acts;             /* begun and not yet answered */
};

MAGIC(cancellations, 0x3a700022);

static void note(struct cancellations *all, const struct pg_answer *answer)
{
    bool failing = answer->rc < 0;
    if (failing && !all->failing) { /* once, not for every attempt */
        struct err_slot err;
        err_set(&err, answer->rc, "%s %s", answer->sqlstate, answer->text);
        log_failure(all->conf.log, "orders of a cancelled event are not given back", &err);
    }
    all->failing = failing;
}

static void on_passed(void *ctx, const struct pg_answer *answer)
{
    struct cancellations *all = MAGIC_OF(cancellations, ctx);
    assert(all->looking);
    assert(all->acts == 0);
    all->looking = false;
    if (all->closing)
        return;
    note(all, answer);
    if (answer->rc < 0 || PQntuples(answer->results[0]) == 0 ||
        !sql_cancelling_passed_row(answer->results[0], 0).ended)
        return;
    log_text(all->conf.log, LOG_LEVEL_WARN, "a cancelled event is given back", "event", all->event);
}

static void write_passed(struct cancellations *all)
{
    bool over = all->passed[0] == '\0';
    /* A page a second from look to look, whatever its refunds take to begin; a tick before our
     * next look it is due to any process. */
    uint32_t left = all->look_at > all->ticks + 1 ? all->look_at - all->ticks - 1 : 0;
    const struct sql_cancelling_passed_args args = {.event = all->event,
                                                    .passed = over ? NULL : all->passed,
                                                    .pause_ms =
                                                        over ? PASS_PAUSE_MS : left * TICK_MS,
                                                    .groups_ms = CANCELLATIONS_GROUPS_MS};
    assert(all->acts == 0);
    assert(left < LOOK_TICKS);
    sql_cancelling_passed(all->conf.pg, &args, on_passed, all);
}

static void on_act(void *ctx, const struct pg_answer *answer)
{
    struct cancellations *all = MAGIC_OF(cancellations, ctx);
    assert(all->looking);
    assert(all->acts > 0);
    all->acts--;
    if (all->closing)
        return;
    note(all, answer);
    if (all->acts > 0)
        return;
    worker_nudge(all->conf.worker);
    write_passed(all);
}

static void give_back(struct cancellations *all, const struct sql_cancelling_take_row *row,
                      bool whole)
{
    const char *order = row->order_id.ptr;
    struct pg_job *job = pg_job_create(all->conf.pg, on_act, all);
    all->acts++;
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

static void on_taken(void *ctx, const struct pg_answer *answer)
{
    struct cancellations *all = MAGIC_OF(cancellations, ctx);
    assert(all->looking);
    assert(all->acts == 0);
    if (all->closing)
        return;
    note(all, answer);
    if (answer->rc < 0 || PQntuples(answer->results[0]) == 0) {
        all->looking = false;
        return;
    }
    const PGresult *res = answer->results[0];
    int len = PQntuples(res);
    struct sql_cancelling_take_row row = sql_cancelling_take_row(res, len - 1);
    bool fits = span_to_cstr(row.event, all->event, sizeof(all->event));
    bool none = row.order_id.ptr == NULL;
    all->passed[0] = '\0';
    if (!none && (uint64_t)len == row.most)
        fits = fits && span_to_cstr(row.order_id, all->passed, sizeof(all->passed));
    assert(fits);
    assert(!none || len == 1);
    if (none && row.most == 0) { /* as many are under way as may be */
        all->looking = false;
        return;
    }
    all->acts = 1; /* an answer may come at once; what follows the last one waits for this end */
    for (int i = 0; i < len && !none; i++) {
        row = sql_cancelling_take_row(res, i);
        assert(row.order_id.ptr != NULL);
        enum order_off act = order_off(row.status, row.moving, row.used);
        if (act == ORDER_OFF_TURN_BACK) {
            const struct sql_order_cancel_args args = {
                .order = row.order_id.ptr, .pivots = checkout_pivots(all->conf.checkout)};
            all->acts++;
            sql_order_cancel(all->conf.pg, &args, on_act, all);
        } else if (act == ORDER_OFF_REFUND || act == ORDER_OFF_CREDIT)
            give_back(all, &row, act == ORDER_OFF_REFUND);
    }
    if (--all->acts == 0)
        write_passed(all);
}

void cancellations_tick(struct cancellations *all)
{
    all->ticks++;
    if (all->looking || all->closing || all->ticks < all->look_at)
        return;
    all->look_at = all->ticks + LOOK_TICKS;
    const struct sql_cancelling_take_args args = {
        .most = all->conf.per_s, .room = CANCEL_REFUNDS_MAX, .lease_ms = LEASE_MS};
    all->looking = true;
    sql_cancelling_take(all->conf.pg, &args, on_taken, all);
}

int cancellations_create(const struct cancellations_conf *conf, struct err_slot *err,
                         struct cancellations **out)
{
    assert(conf->pg != NULL);
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
