/* line_rim.c: one front's part of a sharded line. Joins get numbers from their shard
 * (line_joins.c), then wait here for the cut that turns numbers into places. Turns make sure that
 * there are cuts: a turn reads the cuts, then the shards, and calls cut.lua. core/line/shards.c
 * decides the order and the arguments.
 *
 * A turn begins every 20 ms while joins wait, and every second otherwise. It ends with places for
 * all joins that have one; joins that a shard refused are then sent again. No join waits longer
 * than any other request: a join without a place in time returns "unknown", and its key finds its
 * number again.
 *
 * Each reading of a shard sends it the rules that joins are checked against. After a change of the
 * document some turns claim the next cut for that alone; until then shards and fronts disagree, and
 * joins wait.
 *
 * One loop per process reads the cuts from Redis and publishes them to the others, which look more
 * often (cut_board.h). With many fronts on an event those that make no cuts read less often, so
 * that Redis has no more work: they learn places that much later, and the places are the same.
 *
 * The sharded line ends before its event does, and may outlive it until its calls are answered. */
#include "board/cut_board.h"
#include "line/line_store_internal.h"
#include "observe/log.h"
#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TELLING_TURNS = 3, /* turns that claim a cut after a change of the document: one gets it */
    BOARD_LOOK_MS = 5, /* how often the published cuts are checked; costs no call */
    SHARD_WORDS = 4,   /* per shard, after the words of cut.lua and in its reply */
    ENTRY_WORDS = 4,   /* of a cut in the stream: "c", its text, "s", its checksum */
};

static void on_timer(uv_timer_t *timer);
static void go_on(struct line_rim *rim);

/* ---- beginning and end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct line_rim *rim = MAGIC_OF(line_rim, handle->data);
    struct line_store *store = rim->store;
    assert(rim->closing);
    assert(rim->waiting.head == NULL);
    shards_destroy(rim->shards);
    MAGIC_END(line_rim, rim);
    free(rim);
    store_release(store);
}

/* After the reply to its last call. */
static void end(struct line_rim *rim)
{
    assert(rim->event == NULL); /* it can no longer be found */
    bool has_calls = rim->calls > 0;
    for (uint8_t k = 0; k < rim->lots; k++)
        has_calls |= rim->lot[k].batch.head != NULL;
    if (rim->closing || has_calls)
        return;
    rim->closing = true;
    uv_close((uv_handle_t *)&rim->timer, on_closed);
}

void rim_batch_done(struct line_rim *rim)
{
    if (rim->event == NULL)
        end(rim);
}

static void refuse_all(struct request_list *list)
{
    while (list->head != NULL)
        calls_refuse(calls_pop(list), LINE_UNAVAILABLE);
}

static void refuse_waiting(struct line_rim *rim)
{
    refuse_all(&rim->waiting);
    for (uint8_t k = 0; k < rim->lots; k++)
        refuse_all(&rim->lot[k].gathered);
}

void rim_close(struct store_event *event)
{
    struct line_rim *rim = event->rim;
    if (rim == NULL)
        return;
    assert(rim->event == event);
    refuse_waiting(rim);
    for (uint8_t k = 0; k < rim->lots; k++)
        rim->lot[k].event = NULL;
    event->rim = NULL;
    rim->event = NULL;
    uv_timer_stop(&rim->timer);
    end(rim);
}

bool rim_is_busy(const struct store_event *event)
{
    const struct line_rim *rim = event->rim;
    if (rim == NULL)
        return false;
    bool busy = rim->calls > 0 || rim->waiting.head != NULL;
    for (uint8_t k = 0; k < rim->lots; k++)
        busy |= joins_is_busy(&rim->lot[k]);
    return busy;
}

static void begin_lot(struct line_rim *rim, uint8_t shard, bool claims)
{
    assert(rim->lots < RIM_LOTS_MAX);
    assert(shard != RIM_EVENT || claims); /* the event's own slot gives no numbers */
    struct join_lot *lot = &rim->lot[rim->lots++];
    joins_lot_init(lot, rim->event);
    lot->rim = rim;
    lot->claims = claims;
    lot->shard = shard;
    if (shard != RIM_EVENT)
        lot->slot = store_shard_slot(rim->store, rim->event->line.view.id, shard);
}

/* Without memory there is no sharded line; the next tick tries again. */
static void begin(struct store_event *event)
{
    assert(event->rim == NULL);
    assert(event->line.view.knobs.shards > 1);
    assert(event->line.view.knobs.shards <= CUT_SHARDS_MAX);
    struct line_rim *rim = calloc(1, sizeof(*rim));
    if (rim == NULL)
        return;
    rim->shards = shards_create((uint8_t)event->line.view.knobs.shards);
    if (rim->shards == NULL) {
        free(rim);
        return;
    }
    MAGIC_BEGIN(line_rim, rim);
    rim->store = event->store;
    rim->event = event;
    uint8_t shards = shards_count(rim->shards);
    for (uint8_t k = 0; k < shards; k++)
        begin_lot(rim, k, false);
    for (uint8_t k = 0; k < shards; k++)
        begin_lot(rim, k, true);
    begin_lot(rim, RIM_EVENT, true);
    assert(rim->lots == 2 * shards + 1); /* as claims_lot() indexes them */
    uv_timer_init(event->store->conf.loop, &rim->timer);
    rim->timer.data = rim;
    event->store->handles++;
    event->rim = rim;
    uv_timer_start(&rim->timer, on_timer, 0, 0);
}

/* ---- when a turn is due ---- */

static uint32_t pause_of(const struct line_rim *rim, bool hurry)
{
    uint32_t pause_ms = shards_pause_ms(rim->shards, hurry);
    bool looks = hurry && rim->store->conf.board != NULL && shards_is_sure(rim->shards);
    return looks && pause_ms > BOARD_LOOK_MS ? BOARD_LOOK_MS : pause_ms;
}

static void arm(struct line_rim *rim, bool hurry)
{
    assert(!rim->closing);
    assert(!rim->turning); /* the end of a turn starts the timer */
    uint32_t pause_ms = pause_of(rim, hurry);
    uint64_t since_ms = (store_now_us(rim->store) - rim->rested_us) / 1000;
    uv_timer_start(&rim->timer, on_timer, since_ms < pause_ms ? pause_ms - since_ms : 0, 0);
}

void rim_hurry(struct line_rim *rim)
{
    if (rim->event == NULL || rim->turning)
        return;
    uint32_t pause_ms = pause_of(rim, true);
    if (!uv_is_active((uv_handle_t *)&rim->timer) || uv_timer_get_due_in(&rim->timer) > pause_ms)
        arm(rim, true);
}

void rim_look(struct store_event *event)
{
    const struct line_view *view = &event->line.view;
    struct line_rim *rim = event->rim;
    if (view->knobs.shards <= 1 || event->store->closed)
        return;
    if (rim != NULL && view->knobs.shards != shards_count(rim->shards)) {
        rim_close(event); /* event_doc.c never changes the number; another program did */
        rim = NULL;
    }
    if (rim == NULL) {
        if (view->state != LINE_CLOSED) /* early: its shards are open at the opening */
            begin(event);
        return;
    }
    if (rim->version == view->version && rim->era == view->era)
        return;
    rim->version = view->version;
    rim->era = view->era;
    rim->telling = TELLING_TURNS;
    rim_hurry(rim);
}

/* ---- joins ---- */

bool rim_is_open(const struct join_lot *lot)
{
    assert(lot->rim != NULL);
    return lot->shard == RIM_EVENT || shards_open(lot->rim->shards, lot->shard);
}

uint64_t rim_issued(const struct join_lot *lot)
{
    assert(lot->shard != RIM_EVENT);
    return shards_known(lot->rim->shards, lot->shard)->issued;
}

uint64_t rim_room(const struct line_rim *rim)
{
    assert(rim->event != NULL);
    const struct line_view *view = &rim->event->line.view;
    return view->knobs.line_max > 0
               ? shards_room(rim->shards, view->knobs.line_max, view->waiting, view->issued)
               : UINT64_MAX;
}

void rim_wait(struct join_lot *lot, struct line_link *link)
{
    struct line_rim *rim = lot->rim;
    const struct line_join *join = CONTAINER_OF(link, struct line_join, store);
    assert(!lot->claims);
    assert(join->entry > 0);
    if (rim->event == NULL) {
        calls_refuse(link, LINE_UNAVAILABLE);
        return;
    }
    shards_saw(rim->shards, lot->shard, join->entry);
    CONTAINER_OF(link, struct line_join, store)->claims.numbered_us = store_now_us(rim->store);
    calls_push(&rim->waiting, link);
    rim_hurry(rim);
}

void rim_refused(struct join_lot *lot, struct request_list *refused, bool looks)
{
    assert(lot->shard != RIM_EVENT);
    assert(lot->event != NULL); /* otherwise they would never be sent again */
    assert(refused->len > 0);
    store_count(&lot->store->stats.joins_put_off, refused->len);
    shards_refused(lot->rim->shards, lot->shard);
    calls_put_before(&lot->gathered, refused);
    if (looks)
        store_tick_now(lot->event);
    rim_hurry(lot->rim);
}

static bool somebody_waits(const struct line_rim *rim)
{
    bool any = rim->waiting.head != NULL;
    for (uint8_t k = 0; k < rim->lots; k++)
        any |= joins_is_busy(&rim->lot[k]);
    return any;
}

/* ---- calls of a turn ---- */

static void send_call(struct line_rim *rim, struct redis_call *call, const struct text *command,
                      void (*on_reply)(struct redis_call *, const redisReply *))
{
    assert(rim->event != NULL);
    assert(rim->turning);
    rim->calls++;
    call->ctx = rim;
    store_send_own(rim->store, call, command, on_reply);
}

/* The sharded line of a reply; NULL: it has ended, or the call is sent again. */
static struct line_rim *answered(struct redis_call *call)
{
    struct line_rim *rim = call->ctx;
    assert(rim->calls > 0);
    rim->calls--;
    if (rim->event != NULL)
        return rim;
    end(rim);
    return NULL;
}

/* ---- a plain read of the cuts ---- */

static void note(struct line_rim *rim, uint32_t nth, const struct cut *cut)
{
    assert(nth == cuts_count(shards_cuts(rim->shards))); /* the newest, just read */
    const struct cut_note known = {
        .nth = nth, .sum = cuts_sum(shards_cuts(rim->shards), nth), .cut = *cut};
    if (rim->store->conf.board != NULL)
        cut_board_put(rim->store->conf.board, &rim->event->line.view, &known);
}

/* For a call that runs no script. */
static void count_answer(struct line_rim *rim, const redisReply *reply)
{
    if (reply != NULL)
        atomic_fetch_add_explicit(&rim->store->stats.answers, 1, memory_order_relaxed);
}

static void on_claimed(struct redis_call *call, const redisReply *reply)
{
    struct line_rim *rim = answered(call);
    if (rim == NULL)
        return;
    count_answer(rim, reply);
    rim->claimed = reply != NULL && reply->type == REDIS_REPLY_STATUS;
}

static void on_looked(struct redis_call *call, const redisReply *reply);

static void send_read(struct line_rim *rim)
{
    char memory[24];
    struct text from = text_on(memory, sizeof(memory));
    text_u64(&from, cuts_count(shards_cuts(rim->shards)) + UINT64_C(1));
    TEXT_LIT(&from, "-0");
    assert(!from.overflown);
    struct text command = store_command(rim->store, rim->event->slot, 6);
    resp_cstr(&command, "XRANGE");
    store_put_key(&command, rim->event->line.view.id, LINE_KEY_CUTS);
    resp_word(&command, text_span(&from));
    resp_cstr(&command, "+");
    resp_cstr(&command, "COUNT");
    resp_u64(&command, SHARDS_TELL_MAX);
    send_call(rim, &rim->look_call, &command, on_looked);
}

static void send_look(struct line_rim *rim, uint32_t slot_ms)
{
    rim->claimed = false;
    rim->look_call.tries = 0;
    if (!store_can_send(rim->store, rim->event->slot)) {
        shards_take_look(rim->shards, false, false, false);
        return;
    }
    if (slot_ms > 0) {
        /* Keeps other fronts from making a cut for this long. Only a hint; it may be lost. */
        struct line_store *store = rim->store;
        struct text command = store_command(store, rim->event->slot, 6);
        resp_cstr(&command, "SET");
        store_put_key(&command, rim->event->line.view.id, LINE_KEY_CUTTER);
        resp_cstr(&command, store->name);
        resp_cstr(&command, "NX");
        resp_cstr(&command, "PX");
        resp_u64(&command, slot_ms);
        rim->claim_call.tries = 0;
        send_call(rim, &rim->claim_call, &command, on_claimed);
    }
    send_read(rim);
}

/* {"7-0", {"c", text, "s", checksum}} */
static bool read_entry(const redisReply *entry, uint8_t shards, uint32_t *nth, struct cut *cut,
                       uint32_t *sum)
{
    struct span id, number, text;
    const redisReply *fields;
    uint64_t id_nth, told;
    struct err_slot err;
    if (!resp_get_str(entry, 0, &id) || !resp_array(entry, 1, &fields) ||
        resp_len(fields) < ENTRY_WORDS)
        return false;
    span_cut(id, '-', &number);
    if (!span_u64(number, CUTS_MAX, &id_nth) || !resp_get_str(fields, 1, &text) ||
        !resp_get_u64(fields, 3, &told) || told > CUT_SUM_PRIME ||
        cut_parse(text, shards, cut, &err) < 0)
        return false;
    *nth = (uint32_t)id_nth;
    *sum = (uint32_t)told;
    return true;
}

static bool take_entries(struct line_rim *rim, const redisReply *reply)
{
    for (size_t i = 0; i < resp_len(reply); i++) {
        const redisReply *entry;
        uint32_t nth, sum;
        struct cut cut;
        if (!resp_array(reply, i, &entry) ||
            !read_entry(entry, shards_count(rim->shards), &nth, &cut, &sum) ||
            !shards_found(rim->shards, nth, &cut, sum))
            return false;
        note(rim, nth, &cut);
    }
    return true;
}

static void on_looked(struct redis_call *call, const redisReply *reply)
{
    struct line_rim *rim = answered(call);
    if (rim == NULL)
        return;
    bool came = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    count_answer(rim, reply);
    if (reply != NULL && !came && nodes_follow(rim->store, call, reply)) {
        send_read(rim);
        return;
    }
    bool whole = came && take_entries(rim, reply);
    bool more = whole && resp_len(reply) == SHARDS_TELL_MAX;
    shards_take_look(rim->shards, whole, more, rim->claimed);
    rim->claimed = false;
    go_on(rim);
}

/* ---- one shard ---- */

static void on_shard(struct redis_call *call, const redisReply *reply);

static void ask_shard(struct line_rim *rim, uint8_t k)
{
    const struct line_view *view = &rim->event->line.view;
    const struct shards_known *known = shards_known(rim->shards, k);
    uint64_t room = rim_room(rim);
    const struct ask_shard ask = {
        .issued = known->issued,
        .epoch = known->epoch,
        .upto = known->upto,
        .lease = known->lease,
        .opening = span_of(known->opening),
        .version = view->version,
        .era = view->era,
        .state = view->state,
        .joins_per_ip_per_min = view->knobs.joins_per_ip_per_min,
        .shares = view->knobs.shares,
        .full_from = room < UINT64_MAX ? shards_full_from(rim->shards, k, room) : WIRE_NONE,
    };
    struct text command =
        store_shard_script(rim->store, SCRIPT_SHARD, view->id, k, ASK_SHARD_WORDS);
    ask_shard_put(&command, &ask);
    send_call(rim, &rim->shard_call[k], &command, on_shard);
}

static void on_shard(struct redis_call *call, const redisReply *reply)
{
    struct line_rim *rim = answered(call);
    if (rim == NULL)
        return;
    uint8_t k = (uint8_t)(call - rim->shard_call);
    assert(k < shards_count(rim->shards));
    enum store_answer answer = store_judge(rim->store, call, reply, SCRIPT_SHARD);
    if (answer == STORE_AGAIN) {
        ask_shard(rim, k);
        return;
    }
    struct tell_shard tell = {.outcome = LINE_UNKNOWN};
    bool whole = answer == STORE_ANSWER && tell_shard_read(reply, 0, &tell);
    struct shards_read read = {
        .there = true, .epoch = tell.epoch, .issued = tell.issued, .lease = tell.lease};
    bool came = whole && span_to_cstr(tell.opening, read.opening, sizeof(read.opening)) &&
                span_to_cstr(tell.opened, read.opened, sizeof(read.opened));
    enum line_outcome outcome = whole ? (enum line_outcome)tell.outcome : LINE_UNKNOWN;
    if (answer == STORE_ANSWER && calls_is_renewed(reply))
        store_tick_now(rim->event);
    store_count(&rim->store->stats.shards_silent, !came);
    shards_take_shard(rim->shards, k, outcome, came ? &read : NULL);
    go_on(rim);
}

/* ---- the cuts ---- */

static void on_cut(struct redis_call *call, const redisReply *reply);

static void ask_cut(struct line_rim *rim)
{
    const struct shards_call call = rim->asked;
    const struct shards *shards = rim->shards;
    const struct cuts *cuts = shards_cuts(shards);
    uint8_t count = shards_count(shards);
    assert(call.nth == 0 || call.nth == cuts_count(cuts) + 1);
    assert((call.first > 0) == (call.told > 0));
    assert(call.told <= SHARDS_TELL_MAX);
    struct ask_cut ask = {
        .shards = count,
        .known = cuts_count(cuts),
        .sum = cuts_sum(cuts, cuts_count(cuts)),
        .nth = call.nth,
        .seal = WIRE_NONE,
        .first = call.first,
        .told = call.told,
        .before = call.first > 0 ? cuts_sum(cuts, call.first - 1) : 0,
        .slot_ms = call.slot_ms,
    };
    if (call.seals) {
        ask.seal = call.shard;
        ask.seal_epoch = call.epoch;
        ask.opening = span_of(shards_read(shards, call.shard)->opening);
    }
    struct text command =
        store_script(rim->store, SCRIPT_CUT, rim->event->line.view.id,
                     ASK_CUT_WORDS + (uint64_t)call.told + SHARD_WORDS * (uint64_t)count);
    ask_cut_put(&command, &ask);
    for (uint32_t nth = call.first; nth < call.first + call.told; nth++) {
        char memory[CUT_TEXT_MAX + 1];
        struct text text = text_on(memory, sizeof(memory));
        struct cut cut;
        bool there = cuts_get(cuts, nth, &cut);
        assert(there);
        cut_put(&text, &cut, count);
        assert(!text.overflown);
        resp_word(&command, text_span(&text));
    }
    for (uint8_t k = 0; k < count; k++) {
        const struct shards_read *read = shards_read(shards, k);
        if (!read->there) {
            TEXT_LIT(&command, RESP_EMPTY RESP_EMPTY RESP_EMPTY RESP_EMPTY);
            continue;
        }
        resp_u64(&command, read->epoch);
        resp_u64(&command, read->issued);
        resp_u64(&command, read->lease);
        resp_cstr(&command, read->opened);
    }
    send_call(rim, &rim->cut_call, &command, on_cut);
}

static void take_cut(struct line_rim *rim, const struct shards_told *told)
{
    /* OK to a call that only wanted news says nothing about cuts. */
    struct line_store_stats *stats = &rim->store->stats;
    bool done = told != NULL && told->outcome == LINE_OK;
    bool late = told != NULL && told->outcome == LINE_SAME && told->count >= rim->asked.nth;
    if (rim->asked.seals)
        store_count(&stats->seals, done && rim->asked.epoch > 0);
    else if (rim->asked.nth > 0)
        store_count(done ? &stats->cuts_made : &stats->cuts_lost, done || late);
    if (!shards_take_cut(rim->shards, told))
        log_text(rim->store->conf.log, LOG_LEVEL_ERROR, "Redis has other cuts than this front",
                 "event", rim->event->line.view.id);
}

/* A reply without shards only has the reason. */
static bool read_cut(struct line_rim *rim, const redisReply *reply, struct shards_told *told)
{
    struct tell_cut tell;
    uint8_t shards = shards_count(rim->shards);
    if (!tell_cut_read(reply, 0, &tell))
        return false;
    *told = (struct shards_told){
        .outcome = (enum line_outcome)tell.outcome,
        .count = (uint32_t)tell.count,
        .retry_ms = (uint32_t)tell.retry_ms,
        .due = tell.due > 0,
    };
    if (told->outcome == LINE_CONFLICT)
        return true;
    for (size_t k = 0; k < shards; k++) {
        struct shards_known *known = &told->shard[k];
        struct span opening;
        if (!resp_get_u64(tell.shards, SHARD_WORDS * k, &known->epoch) ||
            !resp_get_u64(tell.shards, SHARD_WORDS * k + 1, &known->upto) ||
            !resp_get_u64(tell.shards, SHARD_WORDS * k + 2, &known->lease) ||
            !resp_get_str(tell.shards, SHARD_WORDS * k + 3, &opening) ||
            !span_to_cstr(opening, known->opening, sizeof(known->opening)))
            return false;
    }
    for (size_t i = 0; i < resp_len(tell.cuts); i++) {
        struct span text;
        struct cut cut;
        struct err_slot err;
        uint32_t nth = cuts_count(shards_cuts(rim->shards)) + 1;
        if (!resp_get_str(tell.cuts, i, &text) || cut_parse(text, shards, &cut, &err) < 0 ||
            shards_learn(rim->shards, nth, &cut, &err) < 0)
            return false;
        note(rim, nth, &cut);
    }
    return true;
}

static void on_cut(struct redis_call *call, const redisReply *reply)
{
    struct line_rim *rim = answered(call);
    if (rim == NULL)
        return;
    enum store_answer answer = store_judge(rim->store, call, reply, SCRIPT_CUT);
    if (answer == STORE_AGAIN) {
        ask_cut(rim);
        return;
    }
    struct shards_told told;
    bool came = answer == STORE_ANSWER && read_cut(rim, reply, &told);
    take_cut(rim, came ? &told : NULL);
    if (answer == STORE_ANSWER) {
        /* The event has to be healed first, or the id belongs to another event. */
        uint64_t outcome;
        if (calls_is_renewed(reply))
            store_tick_now(rim->event);
        else if (resp_len(reply) == 1 && resp_get_u64(reply, 0, &outcome) &&
                 outcome == LINE_UNAVAILABLE)
            store_begin_healing(rim->event);
    }
    /* The refusal may have ended it. */
    if (rim->event != NULL)
        go_on(rim);
}

/* ---- turns ---- */

static void rest(struct line_rim *rim)
{
    assert(shards_is_resting(rim->shards));
    uint64_t now_us = store_now_us(rim->store);
    rim->turning = false;
    rim->rested_us = now_us;
    /* Answers joins whose cut is here, and joins that have waited too long. */
    const struct cuts *cuts = shards_cuts(rim->shards);
    assert(rim->event != NULL);
    line_event_saw_place(&rim->event->line, cuts_places(cuts));
    for (uint32_t left = rim->waiting.len; left > 0; left--) {
        struct line_link *link = calls_pop(&rim->waiting);
        struct line_join *join = CONTAINER_OF(link, struct line_join, store);
        uint8_t k = shards_of(rim->shards, join->idem);
        uint64_t place = cuts_place(cuts, k, join->entry);
        if (place > 0) {
            join->entry = place;
            assert(now_us >= join->claims.numbered_us);
            uint64_t wait_us = now_us - join->claims.numbered_us;
            store_count(&rim->store->stats.joins_cut, 1);
            store_count(&rim->store->stats.joins_cut_wait_us, wait_us);
            store_count(&rim->store->stats.joins_cut_slow, wait_us > CUT_SLOW_MS * UINT64_C(1000));
            joins_end(rim, link);
        } else if (now_us >= link->call.deadline_us) {
            join->entry = 0;
            calls_refuse(link, LINE_UNAVAILABLE);
        } else {
            calls_push(&rim->waiting, link);
        }
    }
    for (uint8_t k = 0; k < rim->lots; k++)
        joins_weed(&rim->lot[k], now_us);
    redis_route_wake(rim->store->route); /* refused joins are sent at the end of this turn */
    arm(rim, rim->telling > 0 || somebody_waits(rim));
}

static void go_on(struct line_rim *rim)
{
    assert(rim->event != NULL);
    assert(rim->turning);
    for (;;) {
        struct shards_call call = shards_next(rim->shards);
        switch (call.ask) {
        case SHARDS_ASK_NOTHING:
            if (shards_is_resting(rim->shards))
                rest(rim);
            return;
        case SHARDS_ASK_LOOK:
            send_look(rim, call.slot_ms);
            break;
        case SHARDS_ASK_SHARD:
            assert(rim->lot[call.shard].shard == call.shard); /* the shards' lots are first */
            rim->shard_call[call.shard].tries = 0;
            if (store_can_send(rim->store, rim->lot[call.shard].slot)) {
                ask_shard(rim, call.shard);
                break;
            }
            store_count(&rim->store->stats.shards_silent, 1);
            shards_take_shard(rim->shards, call.shard, LINE_UNKNOWN, NULL);
            break;
        case SHARDS_ASK_CUT:
            rim->cut_call.tries = 0;
            rim->asked = call;
            if (store_can_send(rim->store, rim->event->slot))
                ask_cut(rim);
            else
                take_cut(rim, NULL);
            break;
        }
    }
}

/* Takes the cuts that other loops have read. True: one of them has just asked Redis, so this one
 * need not. */
static bool hear(struct line_rim *rim)
{
    struct cut_board *board = rim->store->conf.board;
    const struct line_view *view = &rim->event->line.view;
    const struct cuts *cuts = shards_cuts(rim->shards);
    struct cut_note note;
    if (board == NULL || !shards_is_sure(rim->shards))
        return false;
    while (cut_board_get(board, view, cuts_count(cuts) + 1, &note)) {
        if (!shards_heard(rim->shards, note.nth, &note.cut, note.sum)) {
            shards_doubt(rim->shards);
            return false;
        }
    }
    uint64_t slot_us = cuts_step_ms(cuts) * UINT64_C(900); /* a little less than a turn */
    if (shards_is_led(rim->shards))
        slot_us = store_paced(rim->event, slot_us);
    return !cut_board_claim(board, view, store_now_us(rim->store), slot_us);
}

static void on_timer(uv_timer_t *timer)
{
    struct line_rim *rim = MAGIC_OF(line_rim, timer->data);
    struct store_event *event = rim->event;
    assert(event != NULL);
    assert(!rim->turning);
    if (event->leaving)
        refuse_waiting(rim);
    bool is_over = event->line.view.resting && rim->telling == 0 && !somebody_waits(rim);
    if (event->leaving || is_over)
        return; /* rim_hurry() starts it again */
    if (event->healing || !store_can_send(rim->store, event->slot)) {
        shards_doubt(rim->shards);
        rest(rim);
        return;
    }
    /* A restarted Redis may have lost cuts; a plain read would not notice. */
    uint8_t number = redis_route_node(rim->store->route, event->slot);
    const struct store_node *node = number != REDIS_NOBODY ? &rim->store->node[number] : NULL;
    if (node != NULL && strcmp(node->run_id, rim->run_id) != 0) {
        memcpy(rim->run_id, node->run_id, sizeof(rim->run_id));
        shards_doubt(rim->shards);
    }
    if (hear(rim)) {
        rest(rim);
        return;
    }
    shards_begin(rim->shards, rim->telling > 0 || somebody_waits(rim));
    rim->telling = rim->telling > 0 ? rim->telling - 1 : 0;
    rim->turning = true;
    go_on(rim);
}
