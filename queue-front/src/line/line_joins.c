/* line_joins.c: joins gather during a turn and go to Redis as one script call.
 *
 * At most one batch of an event is under way, and the next goes out with its answer. So a slow
 * Redis means larger batches and not more calls, and a pass waits for one batch, however many
 * people join. A batch is judged by one document; joins that were judged by another version wait
 * for the next batch.
 *
 * Of a line that is kept in shards each shard has a batch of its own, by the same code. What
 * it gives are numbers, and line_rim.c makes places of them; what a shard can't answer now
 * gathers again, before all that came meanwhile.
 *
 * The joins of a batch are decided when its answer comes and answered at the end of the turn, like
 * the rest of that list. So a caller that closes the store inside one answer finds all others
 * answered. Writing the next batch before they are answered was tried. Where Redis shares a core
 * with the load, both want it at the same time, and no more joins came through. */
#include "line/line_store_internal.h"

#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <string.h>

enum { SPEND_WORDS = 4 };

static_assert((int)JOIN_KEY_BYTES <= (int)LINE_IDEM_BYTES, "a part of the hash");

/* One word with the keys of a whole batch, and one with its addresses: a word of its own for each
 * costs Redis as much as giving the place. */
struct join_words {
    uint8_t keys[STORE_JOIN_BATCH_MAX * JOIN_KEY_BYTES];
    uint8_t addresses[STORE_JOIN_BATCH_MAX * JOIN_ADDRESS_BYTES];
};

struct span joins_key(const uint8_t idem[LINE_IDEM_BYTES])
{
    return (struct span){(const char *)idem, JOIN_KEY_BYTES};
}

static void on_joined(struct redis_call *call, const redisReply *reply);

static const struct line_join *join_of(const struct line_link *link)
{
    return CONTAINER_OF(link, const struct line_join, store);
}

/* Which document it was: "version.era". */
static struct span judged_by(const struct line_join *join, struct text *by)
{
    if (join->version > 0) {
        text_u64(by, join->version);
        text_char(by, '.');
        text_u64(by, join->era);
    }
    assert(!by->overflown);
    return text_span(by);
}

/* The one-time things (work, invitations, codes) that joins of a batch show; few do. Of a line in
 * shards they have been claimed by now, and only what is wrong with them is said. */
static uint64_t count_spends(const struct join_lot *lot)
{
    uint64_t spends = 0;
    for (const struct line_link *link = lot->batch.head; link != NULL; link = link->next) {
        const struct line_join *join = join_of(link);
        spends += lot->rim != NULL ? join->claims.is_refused
                                   : (uint64_t)join->has_work + join->has_invitation +
                                         join->has_code + (join->held > 0);
    }
    return spends;
}

static void put_refusal(struct text *command, uint64_t index, uint64_t what)
{
    assert(index < STORE_JOIN_BATCH_MAX);
    resp_u64(command, index);
    resp_cstr(command, "refused");
    resp_u64(command, what);
    TEXT_LIT(command, RESP_EMPTY);
}

static void put_refused(struct text *command, const struct request_list *batch)
{
    uint64_t index = 0;
    for (const struct line_link *link = batch->head; link != NULL; link = link->next, index++) {
        if (join_of(link)->claims.is_refused)
            put_refusal(command, index, join_of(link)->claims.why);
    }
}

static void put_spends(struct text *command, const struct request_list *batch)
{
    uint64_t index = 0;
    for (const struct line_link *link = batch->head; link != NULL; link = link->next, index++) {
        const struct line_join *join = join_of(link);
        if (join->has_work) {
            resp_u64(command, index);
            resp_cstr(command, "work");
            resp_u64(command, join->work_minute);
            resp_word(command, (struct span){(const char *)join->work, JOIN_KEY_FIELD_BYTES});
        }
        if (join->has_invitation) {
            resp_u64(command, index);
            resp_cstr(command, "invitation");
            resp_word(command, joins_key(join->invitation));
            TEXT_LIT(command, RESP_EMPTY);
        }
        if (join->has_code) {
            resp_u64(command, index);
            resp_cstr(command, "code");
            resp_word(command, (struct span){(const char *)join->code, LINE_CODE_BYTES});
            resp_word(command, calls_address(join->addr));
        }
        if (join->held > 0) /* behind the code, which comes first */
            put_refusal(command, index, join->held);
    }
    assert(index == batch->len);
}

static struct text begin_batch(struct join_lot *lot, uint64_t args)
{
    assert(lot->event != NULL);
    assert(lot->shard != RIM_EVENT); /* numbers come from a shard */
    const char *id = lot->event->line.view.id;
    if (lot->rim != NULL)
        return store_shard_script(lot->store, SCRIPT_JOIN, id, lot->shard, args);
    return store_script(lot->store, SCRIPT_JOIN, id, args);
}

static void put_words(struct join_words *words, const struct join_lot *lot)
{
    size_t nth = 0;
    for (const struct line_link *link = lot->batch.head; link != NULL; link = link->next, nth++) {
        const struct line_join *join = join_of(link);
        assert(nth < STORE_JOIN_BATCH_MAX);
        uint8_t *key = words->keys + nth * JOIN_KEY_BYTES;
        /* Without a key of its own a join is known by its work. */
        if (join->held == 0 && (join->has_idem || (lot->rim != NULL && join->has_work)))
            memcpy(key, join->idem, JOIN_KEY_BYTES);
        else
            memset(key, 0, JOIN_KEY_BYTES);
        uint8_t *out = words->addresses + nth * JOIN_ADDRESS_BYTES;
        const uint8_t *addr = join->addr;
        struct span address = calls_address(addr);
        assert(address.len == 4 || address.len == JOIN_ADDRESS_BYTES);
        size_t from = address.len == 4 ? 16 - JOIN_ADDRESS_BYTES : 0;
        memcpy(out, addr + from, JOIN_ADDRESS_BYTES);
    }
}

static void send_batch(struct join_lot *lot)
{
    const struct store_event *event = lot->event;
    struct line_store *store = lot->store;
    assert(!lot->claims);
    assert(lot->batch.head != NULL);
    assert((lot->rim == NULL) == (lot == &event->joins));
    /* Addresses are only sent if they are counted here, or if we do not know yet. */
    bool limited =
        lot->rim == NULL && (!event->line.seen || event->line.view.knobs.joins_per_ip_per_min > 0);
    char memory[2 * 20 + 1];
    struct text by = text_on(memory, sizeof(memory));
    struct join_words words;
    put_words(&words, lot);
    const struct ask_join ask = {
        .issued = lot->rim != NULL ? rim_issued(lot) : event->line.marks.issued,
        .joins = lot->batch.len,
        .judged_by = judged_by(join_of(lot->batch.head), &by), /* as the others */
        .shown = count_spends(lot),
        .keys = {(const char *)words.keys, (size_t)JOIN_KEY_BYTES * lot->batch.len},
        .addresses = {(const char *)words.addresses,
                      limited ? (size_t)JOIN_ADDRESS_BYTES * lot->batch.len : 0},
    };
    struct text command = begin_batch(lot, ASK_JOIN_WORDS + SPEND_WORDS * ask.shown);
    ask_join_put(&command, &ask);
    if (lot->rim != NULL)
        put_refused(&command, &lot->batch);
    else
        put_spends(&command, &lot->batch);
    /* The first of the batch has waited the longest. */
    lot->call.deadline_us = lot->batch.head->call.deadline_us;
    lot->call.on_reply = on_joined;
    atomic_fetch_add_explicit(&store->stats.join_calls, 1, memory_order_relaxed);
    store_send(store, &lot->call, &command);
}

/* The next batch; none is under way. */
static void send_gathered(struct join_lot *lot)
{
    assert(lot->batch.head == NULL);
    assert(lot->gathered.head != NULL);
    assert(lot->event != NULL); /* what had gathered for one that ended is answered */
    if (lot->event->healing || !store_can_send(lot->store, lot->slot)) {
        while (lot->gathered.head != NULL)
            calls_refuse(calls_pop(&lot->gathered), LINE_UNAVAILABLE);
        return;
    }
    /* A batch is judged by one document. Joins that were judged by another one go into the next
     * batch. */
    const struct line_join *first = join_of(lot->gathered.head);
    while (lot->gathered.head != NULL && lot->batch.len < STORE_JOIN_BATCH_MAX &&
           join_of(lot->gathered.head)->version == first->version &&
           join_of(lot->gathered.head)->era == first->era)
        calls_push(&lot->batch, calls_pop(&lot->gathered));
    assert(lot->batch.len > 0);
    assert(lot->batch.len <= STORE_JOIN_BATCH_MAX);
    lot->call.tries = 0;
    if (lot->claims)
        claims_send_batch(lot);
    else
        send_batch(lot);
}

void joins_weed(struct join_lot *lot, uint64_t now_us)
{
    assert(lot->event != NULL);
    const struct line_view *view = &lot->event->line.view;
    for (uint32_t left = lot->gathered.len; left > 0; left--) {
        struct line_link *link = calls_pop(&lot->gathered);
        const struct line_join *join = join_of(link);
        bool of_another = join->version > 0 && lot->event->line.seen &&
                          (join->version != view->version || join->era != view->era);
        if (now_us + STORE_AGAIN_MS * 1000 >= link->call.deadline_us)
            calls_refuse(link, LINE_UNAVAILABLE);
        else if (of_another)
            calls_refuse(link, LINE_CONFLICT);
        else
            calls_push(&lot->gathered, link);
    }
}

static bool is_ready(const struct join_lot *lot)
{
    return lot->gathered.head != NULL && lot->batch.head == NULL;
}

static void send_weeded(struct join_lot *lot)
{
    joins_weed(lot, store_now_us(lot->store));
    if (lot->gathered.head != NULL)
        send_gathered(lot);
}

static void send_lots(struct line_rim *rim)
{
    for (uint8_t i = 0; i < rim->lots; i++) {
        struct join_lot *lot = &rim->lot[i];
        if (!is_ready(lot) || !rim_is_open(lot))
            continue;
        send_weeded(lot);
    }
}

void joins_send_gathered(struct line_store *store)
{
    assert(!store->closed); /* which has answered all */
    for (uint32_t i = 0; i < store->events_len; i++) {
        struct store_event *event = store->events[i];
        if (is_ready(&event->joins))
            send_gathered(&event->joins);
        if (event->rim != NULL)
            send_lots(event->rim);
    }
}

void joins_lot_init(struct join_lot *lot, struct store_event *event)
{
    assert(event->store != NULL);
    *lot = (struct join_lot){.store = event->store, .event = event, .slot = event->slot};
}

bool joins_is_busy(const struct join_lot *lot)
{
    return lot->gathered.head != NULL || lot->batch.head != NULL;
}

void line_store_join(struct line_store *store, struct line_join *join)
{
    assert(join->on_done != NULL);
    join->state = LINE_DRAFT;
    join->entry = 0;
    join->retry_after_ms = 0;
    calls_begin(store, &join->store, REQUEST_JOIN);
    atomic_fetch_add_explicit(&store->stats.joins, 1, memory_order_relaxed);
    struct store_event *event = calls_admit(&join->store, join->event);
    if (event == NULL)
        return;
    join->state = event->line.view.state;
    bool in_shards = event->line.view.knobs.shards > 1;
    struct join_lot *lot = in_shards ? rim_lot(event, join) : &event->joins;
    if (lot == NULL) {
        calls_refuse(&join->store, LINE_UNAVAILABLE);
        return;
    }
    assert(lot->event == event);
    calls_push(&lot->gathered, &join->store);
    if (lot->batch.head != NULL || (in_shards && !rim_is_open(lot)))
        return;
    if (lot->gathered.len < STORE_JOIN_BATCH_MAX) {
        redis_route_wake(store->route);
        return;
    }
    /* A turn in which thousands are ready is long, and Redis should not wait for its end. */
    if (in_shards)
        send_weeded(lot);
    else
        send_gathered(lot);
    redis_route_flush(store->route); /* last: the join may be over now */
}

/* The joins that are not simply the next ones: pairs of index and place. */
static bool read_odd(const redisReply *reply, size_t *at, uint64_t index, uint64_t *place)
{
    uint64_t odd;
    if (!resp_get_u64(reply, *at, &odd) || odd != index || !resp_get_u64(reply, *at + 1, place))
        return false;
    *at += 2;
    return true;
}

/* A join that got no place, for what it shows or because the line is full. */
static void refuse_place(struct line_join *join, uint64_t why, uint64_t retry_ms)
{
    static const struct {
        uint64_t why;
        enum line_outcome outcome;
    } known[] = {
        {JOIN_WORK_SPENT, LINE_WORK_SPENT},
        {JOIN_INVITATION_SPENT, LINE_INVITATION_SPENT},
        {JOIN_CODE_UNKNOWN, LINE_PRESALE_UNKNOWN},
        {JOIN_CODE_USED_UP, LINE_PRESALE_USED_UP},
        {JOIN_CODE_GUESSES, LINE_PRESALE_GUESSES},
        {JOIN_CODE_MISSING, LINE_PRESALE_MISSING},
        {JOIN_LINE_FULL, LINE_FULL},
    };
    assert(why > LINE_PLACE_MAX);
    join->outcome = LINE_UNAVAILABLE;
    join->retry_after_ms = retry_ms;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (why == known[i].why)
            join->outcome = known[i].outcome;
    }
    if (why > JOIN_CODE_OF_LANE && why <= JOIN_CODE_OF_LANE + LANES_MAX) {
        join->outcome = LINE_PRESALE_LANE;
        join->lane = (unsigned)(why - JOIN_CODE_OF_LANE);
    }
    if (join->outcome == LINE_PRESALE_MISSING)
        join->retry_after_ms = CODES_RETRY_MS;
    else if (join->outcome == LINE_FULL)
        join->retry_after_ms = LINE_FULL_RETRY_MS;
    else if (join->outcome != LINE_PRESALE_GUESSES && join->outcome != LINE_UNAVAILABLE)
        join->retry_after_ms = 0;
}

/* The document of the shard or ours is not the newest, or the shard has to be sealed: nothing was
 * done, and may be in a moment. */
static bool is_for_later(const struct join_lot *lot, const redisReply *reply,
                         const struct tell_join *tell)
{
    return lot->rim != NULL && reply != NULL && lot->event != NULL &&
           (tell->outcome == LINE_UNAVAILABLE || tell->outcome == LINE_CONFLICT);
}

/* The shard gives no number now, and may with the next cut. */
static bool is_for_next_cut(const struct join_lot *lot, uint64_t place)
{
    if (lot->rim == NULL || lot->event == NULL)
        return false;
    return place == JOIN_LEASE_OUT || (place == JOIN_LINE_FULL && rim_room(lot->rim) > 0);
}

/* Told at the end of the turn, or with the cut that gives the place. */
static void hand_out(struct join_lot *lot, const redisReply *reply)
{
    struct line_store *store = lot->store;
    struct request_list *batch = &lot->batch, refused = {NULL, NULL, 0};
    assert(batch->head != NULL);
    /* A refusal ends with its outcome, or with the state, or says when to come again. */
    struct tell_join tell = {.outcome = LINE_UNAVAILABLE};
    bool whole = tell_join_read(reply, 0, &tell);
    if (tell.outcome >= LINE_OUTCOME_COUNT || tell.state >= LINE_STATE_COUNT ||
        (tell.outcome == LINE_OK && (!whole || tell.first == 0)))
        tell.outcome = LINE_UNAVAILABLE;
    if (tell.state >= LINE_STATE_COUNT)
        tell.state = LINE_DRAFT;
    if (is_for_later(lot, reply, &tell)) {
        rim_refused(lot, batch, tell.outcome == LINE_CONFLICT);
        return;
    }
    size_t odd = TELL_JOIN_WORDS;
    for (uint64_t index = 0; batch->head != NULL; index++) {
        struct line_link *link = calls_pop(batch);
        struct line_join *join = CONTAINER_OF(link, struct line_join, store);
        uint64_t place = 0;
        assert(join->entry == 0); /* who has a number does not ask for another */
        join->outcome = (enum line_outcome)tell.outcome;
        join->state = (enum line_state)tell.state;
        if (tell.outcome != LINE_OK) {
            join->retry_after_ms = tell.retry_ms > 0 ? tell.retry_ms : STORE_RETRY_MS;
        } else if (!read_odd(reply, &odd, index, &place)) {
            join->entry = tell.first++;
        } else if (is_for_next_cut(lot, place)) {
            calls_push(&refused, link);
            continue;
        } else if (place > LINE_PLACE_MAX) {
            refuse_place(join, place, tell.retry_ms);
        } else if (place > 0) {
            join->outcome = LINE_SAME;
            join->entry = place;
        } else {
            join->outcome = LINE_LIMITED;
            join->retry_after_ms = tell.retry_ms;
        }
        if (lot->rim == NULL)
            calls_push(&store->decided, link);
        else if (join->entry > 0)
            rim_wait(lot, link);
        else
            claims_end(lot->rim, link);
    }
    if (refused.head != NULL)
        rim_refused(lot, &refused, false);
    redis_route_wake(store->route);
}

/* The highest place in the answer becomes a mark before it is shown. */
static void note_places(struct store_event *event, const redisReply *reply)
{
    struct tell_join tell = {.outcome = LINE_UNKNOWN};
    bool whole = tell_join_read(reply, 0, &tell);
    if (tell.outcome == LINE_UNAVAILABLE)
        store_begin_healing(event);
    if (tell.outcome == LINE_RENEWED || tell.outcome == LINE_CONFLICT)
        store_tick_now(event);
    if (tell.outcome != LINE_OK || !whole)
        return;
    assert(resp_len(reply) >= TELL_JOIN_WORDS);
    uint64_t odd = (resp_len(reply) - TELL_JOIN_WORDS) / 2;
    if (odd < event->joins.batch.len)
        line_event_saw_place(&event->line, tell.first + event->joins.batch.len - odd - 1);
}

static void on_joined(struct redis_call *call, const redisReply *reply)
{
    struct join_lot *lot = CONTAINER_OF(call, struct join_lot, call);
    assert(!lot->claims);
    assert(lot->event != NULL || lot->rim != NULL); /* only a sharded line ends before its calls */
    enum store_answer answer = store_judge(lot->store, call, reply, SCRIPT_JOIN);
    if (answer == STORE_AGAIN && lot->event != NULL) {
        send_batch(lot);
        return;
    }
    if (answer == STORE_ANSWER && resp_len(reply) > 0 && lot->rim == NULL)
        note_places(lot->event, reply);
    else if (answer == STORE_ANSWER && lot->event != NULL && calls_is_renewed(reply))
        store_tick_now(lot->event);
    hand_out(lot, answer == STORE_ANSWER ? reply : NULL);
    if (lot->rim != NULL)
        rim_batch_done(lot->rim);
}
