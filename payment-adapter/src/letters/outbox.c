/* outbox.c: a tick claims as many rows as may be in progress. A claim is a lease: the row's due
 * time moves past the call's timeout. So if a process dies, its rows become due by themselves, and
 * the receiver may see a message twice, under the same name. I7: a row is done only once the
 * receiver has confirmed the message.
 *
 * A refusal of the message itself would repeat however often it is sent. So after
 * OUTBOX_REFUSED_MAX consecutive refusals it is given up, until an operator sends it again. A
 * refusal that concerns us would meet every message: it counts against none, and this loop pauses,
 * then tries one message alone. Once OUTBOX_STREAK_MAX messages were refused for their first time
 * and none was accepted in between, each refusal concerns us until a message is accepted. The
 * streak is counted in the database, for all loops and processes. The messages may be at fault all
 * the same, so refusals count against one that is older than OUTBOX_HELD_MAX_MS. It takes several,
 * as a loop that has just started sends many at once. */
#include "letters/outbox.h"

#include "base/magic.h"
#include "observe/log.h"
#include "pace/backoff.h"
#include "pay_limits.h"
#include "store/look.h"
#include "store/statements.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct outbox {
    uint32_t magic;
    const struct outbox_kind *kind;
    struct outbox_conf conf;
    void *state; /* the kind's */
    uint64_t pause_until_us;
    struct look look;
    uint32_t pauses; /* consecutive pauses because we were refused */
    uint32_t under_way;
    bool taking, closing;
    _Atomic uint64_t counts[OUTBOX_ENDS];
};

MAGIC(outbox, 0x3a700003);
MAGIC(outbox_item, 0x3a700002);

int outbox_create(const struct outbox_kind *kind, const struct outbox_conf *conf,
                  struct err_slot *err, struct outbox **out)
{
    assert(kind->item_size >= sizeof(struct outbox_item));
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL)
        return err_set(err, ERR_NOMEM, "outbox %s", kind->name);
    int rc = kind->create(conf, err, &outbox->state);
    if (rc < 0) {
        free(outbox);
        return rc;
    }
    MAGIC_BEGIN(outbox, outbox);
    outbox->kind = kind;
    outbox->conf = *conf;
    *out = outbox;
    return 0;
}

void outbox_use_pace(struct outbox *outbox, uint32_t shop_per_s)
{
    outbox->conf.shop_per_s = shop_per_s;
}

const _Atomic uint64_t *outbox_count(const struct outbox *outbox, enum outbox_end end)
{
    return &outbox->counts[end];
}

static void free_if_over(struct outbox *outbox)
{
    if (!outbox->closing || outbox->taking || outbox->under_way > 0)
        return;
    outbox->kind->destroy(outbox->state);
    MAGIC_END(outbox, outbox);
    free(outbox);
}

static void item_free(struct outbox_item *item)
{
    struct outbox *outbox = item->outbox;
    MAGIC_END(outbox_item, item);
    sodium_memzero(item, outbox->kind->item_size); /* it may hold an address */
    free(item);
    assert(outbox->under_way > 0);
    outbox->under_way--;
    free_if_over(outbox);
}

bool outbox_goes_on(struct outbox_item *item)
{
    if (!item->outbox->closing)
        return true;
    item_free(item);
    return false;
}

void outbox_sending(struct outbox_item *item, struct span above, char below[TRACE_TEXT_LEN + 1])
{
    const struct outbox_conf *conf = item->conf;
    char text[TRACE_TEXT_LEN + 1];
    if (!span_to_cstr(above, text, sizeof(text)))
        text[0] = '\0';
    tracer_begin(conf->tracer, text, conf->clock, conf->rng, &item->work, below);
}

void outbox_answered(struct outbox_item *item, bool taken, unsigned status)
{
    struct tracer_span span;
    if (!tracer_end(&item->work, item->conf->clock, &span))
        return;
    span.failed = !taken;
    tracer_span_name(&span, item->outbox->kind->name, item->kind);
    if (status > 0)
        tracer_span_number(&span, "http.response.status_code", status);
    tracer_span_number(&span, "fairgate.try", item->tries);
    tracer_add(item->conf->tracer, &span);
}

static void item_end(struct outbox_item *item)
{
    struct outbox *outbox = item->outbox;
    atomic_fetch_add_explicit(&outbox->counts[outbox->kind->counted_as[item->end]], 1,
                              memory_order_relaxed);
    item_free(item);
}

/* If the answer is lost, the lease expires, and the receiver gets the message again. */
static void on_done(void *ctx, const struct pg_answer *answer)
{
    (void)answer;
    item_end(MAGIC_OF(outbox_item, ctx));
}

static void pause_for(struct outbox *outbox, uint32_t wait_ms)
{
    uint64_t until_us = clock_mono_us(outbox->conf.clock) + wait_ms * UINT64_C(1000);
    if (until_us > outbox->pause_until_us)
        outbox->pause_until_us = until_us;
}

/* Pauses this loop because we were refused, and returns for how long. Messages in flight together
 * are refused together: they count as one refusal, and share its pause. */
static uint32_t hold(struct outbox *outbox)
{
    uint64_t now_us = clock_mono_us(outbox->conf.clock);
    if (outbox->pauses > 0 && now_us < outbox->pause_until_us)
        return (uint32_t)((outbox->pause_until_us - now_us) / 1000);
    uint32_t wait_ms = backoff_ms(outbox->kind->retry_first_ms, OUTBOX_PAUSE_MAX_MS,
                                  ++outbox->pauses, outbox->conf.rng);
    pause_for(outbox, wait_ms);
    return wait_ms;
}

static void on_put_back(void *ctx, const struct pg_answer *answer)
{
    struct outbox_item *item = MAGIC_OF(outbox_item, ctx);
    struct outbox *outbox = item->outbox;
    if (answer->rc < 0 || PQntuples(answer->results[0]) != 1) {
        item_end(item);
        return;
    }
    const struct sql_outbox_later_row row = sql_outbox_later_row(answer->results[0], 0);
    /* Any other end may have come without an answer from the receiver. */
    if (item->end == OUTBOX_REFUSED && !row.held)
        outbox->pauses = 0;
    if (row.held) {
        hold(outbox);
        item->end = OUTBOX_HELD;
    }
    if (row.given_up) {
        struct log_line line;
        log_begin(&line, item->conf->log, LOG_LEVEL_ERROR, outbox->kind->given_up);
        log_u64(&line, outbox->kind->item, item->id);
        log_cstr(&line, "order", item->order);
        log_end(&line);
        item->end = OUTBOX_GIVEN_UP;
    }
    item_end(item);
}

static void put_back(struct outbox_item *item, uint32_t wait_ms, const char *why)
{
    static const uint16_t refused_max[OUTBOX_ENDS] = {
        [OUTBOX_REFUSED] = OUTBOX_REFUSED_MAX, [OUTBOX_GIVEN_UP] = 1};
    static const uint16_t streak_max[OUTBOX_ENDS] = {[OUTBOX_REFUSED] = OUTBOX_STREAK_MAX};
    const struct sql_outbox_later_args args = {.box = item->outbox->kind->box,
                                               .id = item->id,
                                               .wait_ms = wait_ms,
                                               .error = why,
                                               .is_try = item->end < OUTBOX_PAUSED,
                                               .refused_max = refused_max[item->end],
                                               .streak_max = streak_max[item->end],
                                               .held_wait_ms = OUTBOX_PAUSE_MAX_MS,
                                               .held_max_ms = OUTBOX_HELD_MAX_MS};
    sql_outbox_later(item->conf->pg, &args, on_put_back, item);
}

void outbox_pause(struct outbox_item *item, uint32_t wait_ms, const char *why)
{
    item->end = OUTBOX_PAUSED;
    pause_for(item->outbox, wait_ms);
    put_back(item, wait_ms, why);
}

void outbox_end(struct outbox_item *item, enum outbox_end end, const char *why)
{
    struct outbox *outbox = item->outbox;
    assert(end != OUTBOX_PAUSED);
    item->end = end;
    if (end == OUTBOX_HELD) {
        put_back(item, hold(outbox), why);
        return;
    }
    if (end == OUTBOX_SENT) {
        outbox->pauses = 0;
        sql_outbox_done(outbox->conf.pg,
                        &(struct sql_outbox_done_args){outbox->kind->box, item->id}, on_done, item);
        return;
    }
    uint32_t first_ms = outbox->kind->retry_first_ms, max_ms = item->retry_max_ms;
    put_back(
        item,
        backoff_ms(first_ms < max_ms ? first_ms : max_ms, max_ms, item->tries, outbox->conf.rng),
        why);
}

static void on_taken(void *ctx, const struct pg_answer *answer)
{
    struct outbox *outbox = MAGIC_OF(outbox, ctx);
    outbox->taking = false;
    uint64_t late_us = 0, now_us = clock_mono_us(outbox->conf.clock);
    int len = answer->rc == 0 && !outbox->closing ? PQntuples(answer->results[0]) : 0;
    for (int i = 0; i < len; i++) {
        uint64_t row_us = outbox->kind->late_us(answer->results[0], i);
        struct outbox_item *item = calloc(1, outbox->kind->item_size);
        if (item == NULL)
            break; /* the lease will expire */
        late_us = row_us > late_us ? row_us : late_us;
        MAGIC_BEGIN(outbox_item, item);
        item->outbox = outbox;
        item->conf = &outbox->conf;
        item->state = outbox->state;
        outbox->under_way++;
        outbox->kind->send(item, answer->results[0], i);
    }
    if (len > 0)
        look_found(&outbox->look, late_us, now_us);
    free_if_over(outbox);
}

void outbox_tick(struct outbox *outbox)
{
    uint32_t most = outbox->pauses > 0 ? 1 : outbox->kind->under_way_max;
    uint64_t now_us = clock_mono_us(outbox->conf.clock);
    if (outbox->taking || outbox->under_way >= most || now_us < outbox->pause_until_us)
        return;
    outbox->taking = outbox->kind->take(&outbox->conf, most - outbox->under_way,
                                        look_back_ms(&outbox->look, now_us), on_taken, outbox);
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    outbox->closing = true;
    free_if_over(outbox);
}
