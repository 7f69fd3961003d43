/* line_sharded.c: one front's part of a sharded line. Joins get numbers from their shard
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
 * often (cut_snapshot.h). With many fronts on an event those that make no cuts read less often, so
 * that Redis has no more work: they learn places that much later, and the places are the same.
 *
 * The sharded line ends before its event does, and may outlive it until its calls are answered. */
#include "line/line_store_internal.h"
#include "observe/log.h"
#include "queue-front/lua/line_wire.h"
#include "shared/cut_snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLAIMING_TURNS = 3,   /* turns that claim a cut after a change of the document: one gets it */
    SNAPSHOT_LOOK_MS = 5, /* how often the published cuts are checked; costs no call */
    SHARD_WORDS = 4,      /* per shard, after the words of cut.lua and in its reply */
    ENTRY_WORDS = 4,      /* of a cut in the stream: "c", its text, "s", its checksum */
};

static void on_timer(uv_timer_t *timer);
static void go_on(struct line_sharded *sharded);

/* ---- beginning and end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct line_sharded *sharded = MAGIC_OF(line_sharded, handle->data);
    struct line_store *store = sharded->store;
    assert(sharded->closing);
    assert(sharded->waiting.head == NULL);
    shards_destroy(sharded->shards);
    MAGIC_END(line_sharded, sharded);
    free(sharded);
    store_release(store);
}

/* After the reply to its last call. */
static void end(struct line_sharded *sharded)
{
    assert(sharded->event == NULL); /* it can no longer be found */
    bool has_calls = sharded->calls > 0;
    for (uint8_t k = 0; k < sharded->queues; k++)
        has_calls |= sharded->queue[k].batch.head != NULL;
    if (sharded->closing || has_calls)
        return;
    sharded->closing = true;
    uv_close((uv_handle_t *)&sharded->timer, on_closed);
}

void sharded_batch_done(struct line_sharded *sharded)
{
    if (sharded->event == NULL)
        end(sharded);
}

static void refuse_all(struct request_list *list)
{
    while (list->head != NULL)
        calls_refuse(calls_pop(list), LINE_UNAVAILABLE);
}

static void refuse_waiting(struct line_sharded *sharded)
{
    refuse_all(&sharded->waiting);
    for (uint8_t k = 0; k < sharded->queues; k++)
        refuse_all(&sharded->queue[k].gathered);
}

void sharded_close(struct store_event *event)
{
    struct line_sharded *sharded = event->sharded;
    if (sharded == NULL)
        return;
    assert(sharded->event == event);
    refuse_waiting(sharded);
    for (uint8_t k = 0; k < sharded->queues; k++)
        sharded->queue[k].event = NULL;
    event->sharded = NULL;
    sharded->event = NULL;
    uv_timer_stop(&sharded->timer);
    end(sharded);
}

bool sharded_is_busy(const struct store_event *event)
{
    const struct line_sharded *sharded = event->sharded;
    if (sharded == NULL)
        return false;
    bool busy = sharded->calls > 0 || sharded->waiting.head != NULL;
    for (uint8_t k = 0; k < sharded->queues; k++)
        busy |= joins_is_busy(&sharded->queue[k]);
    return busy;
}

static void begin_queue(struct line_sharded *sharded, uint8_t shard, bool claims)
{
    assert(sharded->queues < JOIN_QUEUES_MAX);
    assert(shard != SHARD_EVENT || claims); /* the event's own slot gives no numbers */
    struct join_queue *queue = &sharded->queue[sharded->queues++];
    joins_queue_init(queue, sharded->event);
    queue->sharded = sharded;
    queue->claims = claims;
    queue->shard = shard;
    if (shard != SHARD_EVENT)
        queue->slot = store_shard_slot(sharded->store, sharded->event->line.view.id, shard);
}

/* Without memory there is no sharded line; the next tick tries again. */
static void begin(struct store_event *event)
{
    assert(event->sharded == NULL);
    assert(event->line.view.knobs.shards > 1);
    assert(event->line.view.knobs.shards <= CUT_SHARDS_MAX);
    struct line_sharded *sharded = calloc(1, sizeof(*sharded));
    if (sharded == NULL)
        return;
    sharded->shards = shards_create((uint8_t)event->line.view.knobs.shards);
    if (sharded->shards == NULL) {
        free(sharded);
        return;
    }
    MAGIC_BEGIN(line_sharded, sharded);
    sharded->store = event->store;
    sharded->event = event;
    uint8_t shards = shards_count(sharded->shards);
    for (uint8_t k = 0; k < shards; k++)
        begin_queue(sharded, k, false);
    for (uint8_t k = 0; k < shards; k++)
        begin_queue(sharded, k, true);
    begin_queue(sharded, SHARD_EVENT, true);
    assert(sharded->queues == 2 * shards + 1); /* as claims_queue() indexes them */
    uv_timer_init(event->store->conf.loop, &sharded->timer);
    sharded->timer.data = sharded;
    event->store->handles++;
    event->sharded = sharded;
    uv_timer_start(&sharded->timer, on_timer, 0, 0);
}

/* ---- when a turn is due ---- */

/* The pause for the next look at the cuts: at Redis, or first at the snapshot, whose claims pace
 * the reads of all loops (see hear()). */
static uint64_t pause_of(const struct line_sharded *sharded, bool hurry)
{
    uint64_t pause_ms = shards_pause_ms(sharded->shards, hurry);
    if (!hurry || !shards_is_sure(sharded->shards))
        return pause_ms;
    if (sharded->store->conf.snapshot != NULL)
        return pause_ms < SNAPSHOT_LOOK_MS ? pause_ms : SNAPSHOT_LOOK_MS;
    bool led = shards_is_led(sharded->shards);
    return led ? store_paced(sharded->event, pause_ms) : pause_ms;
}

static void arm(struct line_sharded *sharded, bool hurry)
{
    assert(!sharded->closing);
    assert(!sharded->turning); /* the end of a turn starts the timer */
    uint64_t pause_ms = pause_of(sharded, hurry);
    uint64_t since_ms = (store_now_us(sharded->store) - sharded->rested_us) / 1000;
    uv_timer_start(&sharded->timer, on_timer, since_ms < pause_ms ? pause_ms - since_ms : 0, 0);
}

void sharded_hurry(struct line_sharded *sharded)
{
    if (sharded->event == NULL || sharded->turning)
        return;
    uint64_t pause_ms = pause_of(sharded, true);
    if (!uv_is_active((uv_handle_t *)&sharded->timer) ||
        uv_timer_get_due_in(&sharded->timer) > pause_ms)
        arm(sharded, true);
}

void sharded_look(struct store_event *event)
{
    const struct line_view *view = &event->line.view;
    struct line_sharded *sharded = event->sharded;
    if (view->knobs.shards <= 1 || event->store->closed)
        return;
    if (sharded != NULL && view->knobs.shards != shards_count(sharded->shards)) {
        sharded_close(event); /* event_doc.c never changes the number; another program did */
        sharded = NULL;
    }
    if (sharded == NULL) {
        if (view->state != LINE_CLOSED) /* early: its shards are open at the opening */
            begin(event);
        return;
    }
    if (sharded->version == view->version && sharded->era == view->era)
        return;
    sharded->version = view->version;
    sharded->era = view->era;
    sharded->claiming = CLAIMING_TURNS;
    sharded_hurry(sharded);
}

/* ---- joins ---- */

bool sharded_is_open(const struct join_queue *queue)
{
    assert(queue->sharded != NULL);
    return queue->shard == SHARD_EVENT || shards_open(queue->sharded->shards, queue->shard);
}

uint64_t sharded_issued(const struct join_queue *queue)
{
    assert(queue->shard != SHARD_EVENT);
    return shards_known(queue->sharded->shards, queue->shard)->issued;
}

uint64_t sharded_room(const struct line_sharded *sharded)
{
    assert(sharded->event != NULL);
    const struct line_view *view = &sharded->event->line.view;
    return view->knobs.line_max > 0
               ? shards_room(sharded->shards, view->knobs.line_max, view->waiting, view->issued)
               : UINT64_MAX;
}

void sharded_wait(struct join_queue *queue, struct line_link *link)
{
    struct line_sharded *sharded = queue->sharded;
    const struct line_join *join = CONTAINER_OF(link, struct line_join, store);
    assert(!queue->claims);
    assert(join->entry > 0);
    if (sharded->event == NULL) {
        calls_refuse(link, LINE_UNAVAILABLE);
        return;
    }
    shards_saw(sharded->shards, queue->shard, join->entry);
    CONTAINER_OF(link, struct line_join, store)->claims.numbered_us = store_now_us(sharded->store);
    calls_push(&sharded->waiting, link);
    sharded_hurry(sharded);
}

void sharded_refused(struct join_queue *queue, struct request_list *refused, bool looks)
{
    assert(queue->shard != SHARD_EVENT);
    assert(queue->event != NULL); /* otherwise they would never be sent again */
    assert(refused->len > 0);
    store_count(&queue->store->stats.joins_put_off, refused->len);
    shards_refused(queue->sharded->shards, queue->shard);
    calls_put_before(&queue->gathered, refused);
    if (looks)
        store_tick_now(queue->event);
    sharded_hurry(queue->sharded);
}

static bool somebody_waits(const struct line_sharded *sharded)
{
    bool any = sharded->waiting.head != NULL;
    for (uint8_t k = 0; k < sharded->queues; k++)
        any |= joins_is_busy(&sharded->queue[k]);
    return any;
}

/* ---- calls of a turn ---- */

static void send_call(struct line_sharded *sharded, struct redis_call *call,
                      const struct text *command,
                      void (*on_reply)(struct redis_call *, const redisReply *))
{
    assert(sharded->event != NULL);
    assert(sharded->turning);
    sharded->calls++;
    call->ctx = sharded;
    store_send_own(sharded->store, call, command, on_reply);
}

/* The sharded line of a reply; NULL: it has ended, or the call is sent again. */
static struct line_sharded *answered(struct redis_call *call)
{
    struct line_sharded *sharded = call->ctx;
    assert(sharded->calls > 0);
    sharded->calls--;
    if (sharded->event != NULL)
        return sharded;
    end(sharded);
    return NULL;
}

/* ---- a plain read of the cuts ---- */

static void note(struct line_sharded *sharded, uint32_t nth, const struct cut *cut)
{
    assert(nth == cuts_count(shards_cuts(sharded->shards))); /* the newest, just read */
    const struct cut_note known = {
        .nth = nth, .sum = cuts_sum(shards_cuts(sharded->shards), nth), .cut = *cut};
    if (sharded->store->conf.snapshot != NULL)
        cut_snapshot_put(sharded->store->conf.snapshot, &sharded->event->line.view, &known);
}

/* For a call that runs no script. */
static void count_answer(struct line_sharded *sharded, const redisReply *reply)
{
    if (reply != NULL)
        store_count(&sharded->store->stats.answers, 1);
}

static void on_claimed(struct redis_call *call, const redisReply *reply)
{
    struct line_sharded *sharded = answered(call);
    if (sharded == NULL)
        return;
    count_answer(sharded, reply);
    sharded->claimed = reply != NULL && reply->type == REDIS_REPLY_STATUS;
}

static void on_looked(struct redis_call *call, const redisReply *reply);

static void send_read(struct line_sharded *sharded)
{
    char memory[24];
    struct text from = text_on(memory, sizeof(memory));
    text_u64(&from, cuts_count(shards_cuts(sharded->shards)) + UINT64_C(1));
    TEXT_LIT(&from, "-0");
    assert(!from.overflown);
    struct text command = store_command(sharded->store, sharded->event->slot, 6);
    resp_cstr(&command, "XRANGE");
    store_put_key(&command, sharded->event->line.view.id, LINE_KEY_CUTS);
    resp_word(&command, text_span(&from));
    resp_cstr(&command, "+");
    resp_cstr(&command, "COUNT");
    resp_u64(&command, SHARDS_SEND_MAX);
    send_call(sharded, &sharded->look_call, &command, on_looked);
}

static void send_look(struct line_sharded *sharded, uint32_t slot_ms)
{
    sharded->claimed = false;
    sharded->look_call.tries = 0;
    if (!store_can_send(sharded->store, sharded->event->slot)) {
        shards_take_look(sharded->shards, false, false, false);
        return;
    }
    if (slot_ms > 0) {
        /* Keeps other fronts from making a cut for this long. Only a hint; it may be lost. */
        struct line_store *store = sharded->store;
        struct text command = store_command(store, sharded->event->slot, 6);
        resp_cstr(&command, "SET");
        store_put_key(&command, sharded->event->line.view.id, LINE_KEY_CUTTER);
        resp_cstr(&command, store->name);
        resp_cstr(&command, "NX");
        resp_cstr(&command, "PX");
        resp_u64(&command, slot_ms);
        sharded->claim_call.tries = 0;
        send_call(sharded, &sharded->claim_call, &command, on_claimed);
    }
    send_read(sharded);
}

/* {"7-0", {"c", text, "s", checksum}} */
static bool read_entry(const redisReply *entry, uint8_t shards, uint32_t *nth, struct cut *cut,
                       uint32_t *sum)
{
    struct span id, number, text;
    const redisReply *fields;
    uint64_t id_nth, parsed;
    struct err_slot err;
    if (!resp_get_str(entry, 0, &id) || !resp_array(entry, 1, &fields) ||
        resp_len(fields) < ENTRY_WORDS)
        return false;
    span_cut(id, '-', &number);
    if (!span_u64(number, CUTS_MAX, &id_nth) || !resp_get_str(fields, 1, &text) ||
        !resp_get_u64(fields, 3, &parsed) || parsed > CUT_SUM_PRIME ||
        cut_parse(text, shards, cut, &err) < 0)
        return false;
    *nth = (uint32_t)id_nth;
    *sum = (uint32_t)parsed;
    return true;
}

static bool take_entries(struct line_sharded *sharded, const redisReply *reply)
{
    for (size_t i = 0; i < resp_len(reply); i++) {
        const redisReply *entry;
        uint32_t nth, sum;
        struct cut cut;
        if (!resp_array(reply, i, &entry) ||
            !read_entry(entry, shards_count(sharded->shards), &nth, &cut, &sum) ||
            !shards_found(sharded->shards, nth, &cut, sum))
            return false;
        note(sharded, nth, &cut);
    }
    return true;
}

static void on_looked(struct redis_call *call, const redisReply *reply)
{
    struct line_sharded *sharded = answered(call);
    if (sharded == NULL)
        return;
    bool came = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    count_answer(sharded, reply);
    if (reply != NULL && !came && nodes_follow(sharded->store, call, reply)) {
        send_read(sharded);
        return;
    }
    bool whole = came && take_entries(sharded, reply);
    bool more = whole && resp_len(reply) == SHARDS_SEND_MAX;
    shards_take_look(sharded->shards, whole, more, sharded->claimed);
    sharded->claimed = false;
    go_on(sharded);
}

/* ---- one shard ---- */

static void on_shard(struct redis_call *call, const redisReply *reply);

static void ask_shard(struct line_sharded *sharded, uint8_t k)
{
    const struct line_view *view = &sharded->event->line.view;
    const struct shards_known *known = shards_known(sharded->shards, k);
    uint64_t room = sharded_room(sharded);
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
        .full_from = room < UINT64_MAX ? shards_full_from(sharded->shards, k, room) : WIRE_NONE,
    };
    struct text command =
        store_shard_script(sharded->store, SCRIPT_SHARD, view->id, k, ASK_SHARD_WORDS);
    ask_shard_put(&command, &ask);
    send_call(sharded, &sharded->shard_call[k], &command, on_shard);
}

static void on_shard(struct redis_call *call, const redisReply *reply)
{
    struct line_sharded *sharded = answered(call);
    if (sharded == NULL)
        return;
    uint8_t k = (uint8_t)(call - sharded->shard_call);
    assert(k < shards_count(sharded->shards));
    enum store_answer answer = store_judge(sharded->store, call, reply, SCRIPT_SHARD);
    if (answer == STORE_AGAIN) {
        ask_shard(sharded, k);
        return;
    }
    struct reply_shard got = {.outcome = LINE_UNKNOWN};
    bool whole = answer == STORE_ANSWER && reply_shard_read(reply, 0, &got);
    struct shards_read read = {
        .there = true, .epoch = got.epoch, .issued = got.issued, .lease = got.lease};
    bool came = whole && span_to_cstr(got.opening, read.opening, sizeof(read.opening)) &&
                span_to_cstr(got.opened, read.opened, sizeof(read.opened));
    enum line_outcome outcome = whole ? (enum line_outcome)got.outcome : LINE_UNKNOWN;
    if (answer == STORE_ANSWER && calls_is_renewed(reply))
        store_tick_now(sharded->event);
    store_count(&sharded->store->stats.shards_silent, !came);
    shards_take_shard(sharded->shards, k, outcome, came ? &read : NULL);
    go_on(sharded);
}

/* ---- the cuts ---- */

static void on_cut(struct redis_call *call, const redisReply *reply);

static void ask_cut(struct line_sharded *sharded)
{
    const struct shards_call call = sharded->asked;
    const struct shards *shards = sharded->shards;
    const struct cuts *cuts = shards_cuts(shards);
    uint8_t count = shards_count(shards);
    assert(call.nth == 0 || call.nth == cuts_count(cuts) + 1);
    assert((call.first > 0) == (call.sent > 0));
    assert(call.sent <= SHARDS_SEND_MAX);
    struct ask_cut ask = {
        .shards = count,
        .known = cuts_count(cuts),
        .sum = cuts_sum(cuts, cuts_count(cuts)),
        .nth = call.nth,
        .seal = WIRE_NONE,
        .first = call.first,
        .sent = call.sent,
        .before = call.first > 0 ? cuts_sum(cuts, call.first - 1) : 0,
        .slot_ms = call.slot_ms,
    };
    if (call.seals) {
        ask.seal = call.shard;
        ask.seal_epoch = call.epoch;
        ask.opening = span_of(shards_read(shards, call.shard)->opening);
    }
    struct text command =
        store_script(sharded->store, SCRIPT_CUT, sharded->event->line.view.id,
                     ASK_CUT_WORDS + (uint64_t)call.sent + SHARD_WORDS * (uint64_t)count);
    ask_cut_put(&command, &ask);
    for (uint32_t nth = call.first; nth < call.first + call.sent; nth++) {
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
    send_call(sharded, &sharded->cut_call, &command, on_cut);
}

static void take_cut(struct line_sharded *sharded, const struct shards_reply *parsed)
{
    /* OK to a call that only wanted news says nothing about cuts. */
    struct line_store_stats *stats = &sharded->store->stats;
    bool done = parsed != NULL && parsed->outcome == LINE_OK;
    bool late =
        parsed != NULL && parsed->outcome == LINE_SAME && parsed->count >= sharded->asked.nth;
    if (sharded->asked.seals)
        store_count(&stats->seals, done && sharded->asked.epoch > 0);
    else if (sharded->asked.nth > 0)
        store_count(done ? &stats->cuts_made : &stats->cuts_lost, done || late);
    if (!shards_take_cut(sharded->shards, parsed))
        log_text(sharded->store->conf.log, LOG_LEVEL_ERROR, "Redis has other cuts than this front",
                 "event", sharded->event->line.view.id);
}

/* A reply without shards only has the reason. */
static bool read_cut(struct line_sharded *sharded, const redisReply *reply,
                     struct shards_reply *parsed)
{
    struct reply_cut got;
    uint8_t shards = shards_count(sharded->shards);
    if (!reply_cut_read(reply, 0, &got))
        return false;
    *parsed = (struct shards_reply){
        .outcome = (enum line_outcome)got.outcome,
        .count = (uint32_t)got.count,
        .retry_ms = (uint32_t)got.retry_ms,
        .due = got.due > 0,
    };
    if (parsed->outcome == LINE_CONFLICT)
        return true;
    for (size_t k = 0; k < shards; k++) {
        struct shards_known *known = &parsed->shard[k];
        struct span opening;
        if (!resp_get_u64(got.shards, SHARD_WORDS * k, &known->epoch) ||
            !resp_get_u64(got.shards, SHARD_WORDS * k + 1, &known->upto) ||
            !resp_get_u64(got.shards, SHARD_WORDS * k + 2, &known->lease) ||
            !resp_get_str(got.shards, SHARD_WORDS * k + 3, &opening) ||
            !span_to_cstr(opening, known->opening, sizeof(known->opening)))
            return false;
    }
    for (size_t i = 0; i < resp_len(got.cuts); i++) {
        struct span text;
        struct cut cut;
        struct err_slot err;
        uint32_t nth = cuts_count(shards_cuts(sharded->shards)) + 1;
        if (!resp_get_str(got.cuts, i, &text) || cut_parse(text, shards, &cut, &err) < 0 ||
            shards_learn(sharded->shards, nth, &cut, &err) < 0)
            return false;
        note(sharded, nth, &cut);
    }
    return true;
}

static void on_cut(struct redis_call *call, const redisReply *reply)
{
    struct line_sharded *sharded = answered(call);
    if (sharded == NULL)
        return;
    enum store_answer answer = store_judge(sharded->store, call, reply, SCRIPT_CUT);
    if (answer == STORE_AGAIN) {
        ask_cut(sharded);
        return;
    }
    struct shards_reply parsed;
    bool came = answer == STORE_ANSWER && read_cut(sharded, reply, &parsed);
    take_cut(sharded, came ? &parsed : NULL);
    if (answer == STORE_ANSWER) {
        /* The event has to be healed first, or the id belongs to another event. */
        uint64_t outcome;
        if (calls_is_renewed(reply))
            store_tick_now(sharded->event);
        else if (resp_len(reply) == 1 && resp_get_u64(reply, 0, &outcome) &&
                 outcome == LINE_UNAVAILABLE)
            store_begin_healing(sharded->event);
    }
    /* The refusal may have ended it. */
    if (sharded->event != NULL)
        go_on(sharded);
}

/* ---- turns ---- */

static void rest(struct line_sharded *sharded)
{
    assert(shards_is_resting(sharded->shards));
    uint64_t now_us = store_now_us(sharded->store);
    sharded->turning = false;
    sharded->rested_us = now_us;
    /* Answers joins whose cut is here, and joins that have waited too long. */
    const struct cuts *cuts = shards_cuts(sharded->shards);
    assert(sharded->event != NULL);
    line_event_saw_place(&sharded->event->line, cuts_places(cuts));
    for (uint32_t left = sharded->waiting.len; left > 0; left--) {
        struct line_link *link = calls_pop(&sharded->waiting);
        struct line_join *join = CONTAINER_OF(link, struct line_join, store);
        uint8_t k = shards_of(sharded->shards, join->idem);
        uint64_t place = cuts_place(cuts, k, join->entry);
        if (place > 0) {
            join->entry = place;
            assert(now_us >= join->claims.numbered_us);
            uint64_t wait_us = now_us - join->claims.numbered_us;
            store_count(&sharded->store->stats.joins_cut, 1);
            store_count(&sharded->store->stats.joins_cut_wait_us, wait_us);
            store_count(&sharded->store->stats.joins_cut_slow,
                        wait_us > CUT_SLOW_MS * UINT64_C(1000));
            joins_end(sharded, link);
        } else if (now_us >= link->call.deadline_us) {
            join->entry = 0;
            calls_refuse(link, LINE_UNAVAILABLE);
        } else {
            calls_push(&sharded->waiting, link);
        }
    }
    for (uint8_t k = 0; k < sharded->queues; k++)
        joins_weed(&sharded->queue[k], now_us);
    redis_route_wake(sharded->store->route); /* refused joins are sent at the end of this turn */
    arm(sharded, sharded->claiming > 0 || somebody_waits(sharded));
}

static void go_on(struct line_sharded *sharded)
{
    assert(sharded->event != NULL);
    assert(sharded->turning);
    for (;;) {
        struct shards_call call = shards_next(sharded->shards);
        switch (call.ask) {
        case SHARDS_ASK_NOTHING:
            if (shards_is_resting(sharded->shards))
                rest(sharded);
            return;
        case SHARDS_ASK_LOOK:
            send_look(sharded, call.slot_ms);
            break;
        case SHARDS_ASK_SHARD:
            assert(sharded->queue[call.shard].shard ==
                   call.shard); /* the shards' queues are first */
            sharded->shard_call[call.shard].tries = 0;
            if (store_can_send(sharded->store, sharded->queue[call.shard].slot)) {
                ask_shard(sharded, call.shard);
                break;
            }
            store_count(&sharded->store->stats.shards_silent, 1);
            shards_take_shard(sharded->shards, call.shard, LINE_UNKNOWN, NULL);
            break;
        case SHARDS_ASK_CUT:
            sharded->cut_call.tries = 0;
            sharded->asked = call;
            if (store_can_send(sharded->store, sharded->event->slot))
                ask_cut(sharded);
            else
                take_cut(sharded, NULL);
            break;
        }
    }
}

/* Takes the cuts that other loops have read. True: one of them has just asked Redis, so this one
 * need not. */
static bool hear(struct line_sharded *sharded)
{
    struct cut_snapshot *snapshot = sharded->store->conf.snapshot;
    const struct line_view *view = &sharded->event->line.view;
    const struct cuts *cuts = shards_cuts(sharded->shards);
    struct cut_note note;
    if (snapshot == NULL || !shards_is_sure(sharded->shards))
        return false;
    while (cut_snapshot_get(snapshot, view, cuts_count(cuts) + 1, &note)) {
        if (!shards_noted(sharded->shards, note.nth, &note.cut, note.sum)) {
            shards_doubt(sharded->shards);
            return false;
        }
    }
    uint64_t slot_us = cuts_step_ms(cuts) * UINT64_C(900); /* a little less than a turn */
    if (shards_is_led(sharded->shards))
        slot_us = store_paced(sharded->event, slot_us);
    return !cut_snapshot_claim(snapshot, view, store_now_us(sharded->store), slot_us);
}

static void on_timer(uv_timer_t *timer)
{
    struct line_sharded *sharded = MAGIC_OF(line_sharded, timer->data);
    struct store_event *event = sharded->event;
    assert(event != NULL);
    assert(!sharded->turning);
    if (event->leaving)
        refuse_waiting(sharded);
    bool is_over = event->line.view.resting && sharded->claiming == 0 && !somebody_waits(sharded);
    if (event->leaving || is_over)
        return; /* sharded_hurry() starts it again */
    if (event->healing || !store_can_send(sharded->store, event->slot)) {
        shards_doubt(sharded->shards);
        rest(sharded);
        return;
    }
    /* A restarted Redis may have lost cuts; a plain read would not notice. */
    uint8_t number = redis_route_node(sharded->store->route, event->slot);
    const struct store_node *node = number != REDIS_NOBODY ? &sharded->store->node[number] : NULL;
    if (node != NULL && strcmp(node->run_id, sharded->run_id) != 0) {
        memcpy(sharded->run_id, node->run_id, sizeof(sharded->run_id));
        shards_doubt(sharded->shards);
    }
    if (hear(sharded)) {
        rest(sharded);
        return;
    }
    shards_begin(sharded->shards, sharded->claiming > 0 || somebody_waits(sharded));
    sharded->claiming = sharded->claiming > 0 ? sharded->claiming - 1 : 0;
    sharded->turning = true;
    go_on(sharded);
}
