/* line_rim_calls.c: what a turn of a line in shards sends, and what came back: a plain read of the
 * cuts, a shard, cut.lua. In which order is for core/line/shards.c to say, and when a turn begins
 * and what follows from it for those who wait is line_rim.c. */
#include "board/cut_board.h"
#include "line/line_store_internal.h"
#include "observe/log.h"
#include "queue-front/lua/line_wire.h"

#include <assert.h>

enum {
    SHARD_WORDS = 4, /* of each shard, behind the words of cut.lua and in its answer */
    ENTRY_WORDS = 4, /* of a cut in the stream: "c", its text, "s", its checksum */
};

static void send_call(struct line_rim *rim, struct redis_call *call, const struct text *command,
                      void (*on_reply)(struct redis_call *, const redisReply *))
{
    assert(rim->event != NULL);
    assert(rim->turning);
    rim->calls++;
    call->ctx = rim;
    store_send_own(rim->store, call, command, on_reply);
}

/* The sharded line of an answer; NULL: it has ended, or the call is sent again. */
static struct line_rim *answered(struct redis_call *call)
{
    struct line_rim *rim = call->ctx;
    assert(rim->calls > 0);
    rim->calls--;
    if (rim->event != NULL)
        return rim;
    rim_end(rim);
    return NULL;
}

/* ---- a plain read of the cuts ---- */

static void note(struct line_rim *rim, uint32_t nth, const struct cut *cut)
{
    assert(nth == cuts_count(shards_cuts(rim->shards))); /* the newest, which was just learned */
    const struct cut_note known = {
        .nth = nth, .sum = cuts_sum(shards_cuts(rim->shards), nth), .cut = *cut};
    if (rim->store->conf.board != NULL)
        cut_board_put(rim->store->conf.board, &rim->event->line.view, &known);
}

/* Of a call that is no script. */
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
    store_put_key(&command, rim->event->line.view.id, "cuts");
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
        /* For so long no other front makes a cut; it is no more than a hint, which may be lost. */
        struct line_store *store = rim->store;
        struct text command = store_command(store, rim->event->slot, 6);
        resp_cstr(&command, "SET");
        store_put_key(&command, rim->event->line.view.id, "cutter");
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
    rim_go_on(rim);
}

/* ---- one shard ---- */

static void on_shard(struct redis_call *call, const redisReply *reply);

static void ask_shard(struct line_rim *rim, uint8_t k)
{
    struct line_store *store = rim->store;
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
    struct text command = store_shard_script(store, SCRIPT_SHARD, view->id, k, ASK_SHARD_WORDS);
    ask_shard_put(&command, &ask);
    send_call(rim, &rim->shard_call[k], &command, on_shard);
}

static void take_silent(struct line_rim *rim, uint8_t k)
{
    store_count(&rim->store->stats.shards_silent, 1);
    shards_take_shard(rim->shards, k, LINE_UNKNOWN, NULL);
}

static void send_shard(struct line_rim *rim, uint8_t k)
{
    assert(rim->lot[k].shard == k); /* the first lots are those of the shards, in order */
    rim->shard_call[k].tries = 0;
    if (store_can_send(rim->store, rim->lot[k].slot))
        ask_shard(rim, k);
    else
        take_silent(rim, k);
}

static bool read_shard(const redisReply *reply, enum line_outcome *outcome,
                       struct shards_read *read)
{
    struct tell_shard tell;
    if (!tell_shard_read(reply, 0, &tell))
        return false;
    *outcome = (enum line_outcome)tell.outcome;
    *read = (struct shards_read){
        .there = true, .epoch = tell.epoch, .issued = tell.issued, .lease = tell.lease};
    return span_to_cstr(tell.opening, read->opening, sizeof(read->opening)) &&
           span_to_cstr(tell.opened, read->opened, sizeof(read->opened));
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
    enum line_outcome outcome = LINE_UNKNOWN;
    struct shards_read read;
    bool came = answer == STORE_ANSWER && read_shard(reply, &outcome, &read);
    if (answer == STORE_ANSWER && calls_is_renewed(reply))
        store_tick_now(rim->event);
    store_count(&rim->store->stats.shards_silent, !came);
    shards_take_shard(rim->shards, k, outcome, came ? &read : NULL);
    rim_go_on(rim);
}

/* ---- the cuts ---- */

static void on_cut(struct redis_call *call, const redisReply *reply);

static void put_told(struct text *command, const struct line_rim *rim, struct shards_call call)
{
    for (uint32_t nth = call.first; nth < call.first + call.told; nth++) {
        char memory[CUT_TEXT_MAX + 1];
        struct text text = text_on(memory, sizeof(memory));
        struct cut cut;
        bool there = cuts_get(shards_cuts(rim->shards), nth, &cut);
        assert(there);
        cut_put(&text, &cut, shards_count(rim->shards));
        assert(!text.overflown);
        resp_word(command, text_span(&text));
    }
}

static void put_read(struct text *command, const struct shards_read *read)
{
    if (!read->there) {
        TEXT_LIT(command, RESP_EMPTY RESP_EMPTY RESP_EMPTY RESP_EMPTY);
        return;
    }
    resp_u64(command, read->epoch);
    resp_u64(command, read->issued);
    resp_u64(command, read->lease);
    resp_cstr(command, read->opened);
}

static void ask_cut(struct line_rim *rim, struct shards_call call)
{
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
    put_told(&command, rim, call);
    for (uint8_t k = 0; k < count; k++)
        put_read(&command, shards_read(shards, k));
    send_call(rim, &rim->cut_call, &command, on_cut);
}

static void take_cut(struct line_rim *rim, const struct shards_told *told)
{
    /* OK to a call that wanted nothing but news says nothing of cuts. */
    struct line_store_stats *stats = &rim->store->stats;
    bool done = told != NULL && told->outcome == LINE_OK;
    bool late = told != NULL && told->outcome == LINE_SAME && told->count >= rim->asked.nth;
    if (rim->asked.seals)
        store_count(&stats->seals, done && rim->asked.epoch > 0);
    else if (rim->asked.nth > 0)
        store_count(done ? &stats->cuts_made : &stats->cuts_lost, done || late);
    if (!shards_take_cut(rim->shards, told)) {
        struct log_line line;
        log_begin(&line, rim->store->conf.log, LOG_LEVEL_ERROR,
                  "Redis has other cuts than this front");
        log_cstr(&line, "event", rim->event->line.view.id);
        log_end(&line);
    }
}

static void send_cut(struct line_rim *rim, struct shards_call call)
{
    rim->cut_call.tries = 0;
    rim->asked = call;
    if (store_can_send(rim->store, rim->event->slot))
        ask_cut(rim, call);
    else
        take_cut(rim, NULL);
}

static bool read_known(const redisReply *list, uint8_t shards, struct shards_told *told)
{
    for (size_t k = 0; k < shards; k++) {
        struct shards_known *known = &told->shard[k];
        struct span opening;
        if (!resp_get_u64(list, SHARD_WORDS * k, &known->epoch) ||
            !resp_get_u64(list, SHARD_WORDS * k + 1, &known->upto) ||
            !resp_get_u64(list, SHARD_WORDS * k + 2, &known->lease) ||
            !resp_get_str(list, SHARD_WORDS * k + 3, &opening) ||
            !span_to_cstr(opening, known->opening, sizeof(known->opening)))
            return false;
    }
    return true;
}

static bool learn_cuts(struct line_rim *rim, const redisReply *list)
{
    for (size_t i = 0; i < resp_len(list); i++) {
        struct span text;
        struct cut cut;
        struct err_slot err;
        uint32_t nth = cuts_count(shards_cuts(rim->shards)) + 1;
        if (!resp_get_str(list, i, &text) ||
            cut_parse(text, shards_count(rim->shards), &cut, &err) < 0 ||
            shards_learn(rim->shards, nth, &cut, &err) < 0)
            return false;
        note(rim, nth, &cut);
    }
    return true;
}

/* An answer that tells no shards says only why. */
static bool read_cut(struct line_rim *rim, const redisReply *reply, struct shards_told *told)
{
    struct tell_cut tell;
    if (!tell_cut_read(reply, 0, &tell))
        return false;
    *told = (struct shards_told){
        .outcome = (enum line_outcome)tell.outcome,
        .count = (uint32_t)tell.count,
        .retry_ms = (uint32_t)tell.retry_ms,
        .due = tell.due > 0,
    };
    return told->outcome == LINE_CONFLICT ||
           (read_known(tell.shards, shards_count(rim->shards), told) && learn_cuts(rim, tell.cuts));
}

static void on_cut(struct redis_call *call, const redisReply *reply)
{
    struct line_rim *rim = answered(call);
    if (rim == NULL)
        return;
    enum store_answer answer = store_judge(rim->store, call, reply, SCRIPT_CUT);
    if (answer == STORE_AGAIN) {
        ask_cut(rim, rim->asked);
        return;
    }
    struct shards_told told;
    bool came = answer == STORE_ANSWER && read_cut(rim, reply, &told);
    take_cut(rim, came ? &told : NULL);
    if (answer == STORE_ANSWER) {
        /* The event is to be healed first, or is another one. */
        uint64_t outcome;
        if (calls_is_renewed(reply))
            store_tick_now(rim->event);
        else if (resp_len(reply) == 1 && resp_get_u64(reply, 0, &outcome) &&
                 outcome == LINE_UNAVAILABLE)
            store_begin_healing(rim->event);
    }
    /* The refusal may have ended it. */
    if (rim->event != NULL)
        rim_go_on(rim);
}

void rim_go_on(struct line_rim *rim)
{
    assert(rim->event != NULL);
    assert(rim->turning);
    for (;;) {
        struct shards_call call = shards_next(rim->shards);
        switch (call.ask) {
        case SHARDS_ASK_NOTHING:
            if (shards_is_resting(rim->shards))
                rim_rest(rim);
            return;
        case SHARDS_ASK_LOOK:
            send_look(rim, call.slot_ms);
            break;
        case SHARDS_ASK_SHARD:
            send_shard(rim, call.shard);
            break;
        case SHARDS_ASK_CUT:
            send_cut(rim, call);
            break;
        }
    }
}
