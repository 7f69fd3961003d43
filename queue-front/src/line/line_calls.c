/* line_calls.c: what visitors and operators ask of a line.
 *
 * A request is the caller's memory, so nothing is allocated for it; lists go through its `store`
 * part. Each is answered exactly once and never from within the call. What can be decided
 * immediately (no such event, no connection, too many) goes on the list of decided requests, which
 * the end of the turn answers.
 *
 * Order. Redis works in the order in which commands are sent, so priorities are set here. A visit
 * is written to the connection when it is asked for; joins gather and are written at the end of the
 * turn. So a pass that was read behind a crowd of joins goes ahead of them. At most one batch of
 * joins is under way, and the next goes out with its answer: a pass waits for one batch, however
 * many people join. (`me` asks nothing of Redis and is answered when it is read. Under overload
 * joins are refused long before visits are, see core/load/shed.h.)
 *
 * The joins of a batch are decided when its answer comes and told at the end of the turn, like the
 * rest of that list: so whoever closes the store inside one answer finds all others answered.
 * Writing the next batch before they are told was tried. Where Redis shares a core with the load,
 * both want it at the same time, and no more joins came through.
 *
 * Repeats. Redis may have done what it did not answer, so a request that failed is LINE_UNAVAILABLE
 * and never repeated by us, except where the answer says that nothing ran: NOSCRIPT, and the same
 * request goes out with the script's text in it; MOVED or ASK, and it goes to another server. */
#include "line/line_store_internal.h"

#include "base/bug.h"
#include "line/line_trail.h"
#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

static void push(struct request_list *list, struct line_link *link)
{
    link->next = NULL;
    if (list->tail != NULL)
        list->tail->next = link;
    else
        list->head = link;
    list->tail = link;
    list->len++;
}

static struct line_link *pop(struct request_list *list)
{
    struct line_link *link = list->head;
    assert(link != NULL);
    list->head = link->next;
    if (list->head == NULL)
        list->tail = NULL;
    list->len--;
    return link;
}

/* ---- ends ---- */

void calls_finish(struct line_link *link)
{
    assert(link->store->requests > 0);
    link->store->requests--;
    if (link->event != NULL) {
        assert(link->event->requests > 0);
        link->event->requests--;
        link->event = NULL;
    }
    switch ((enum request_kind)link->kind) {
    case REQUEST_JOIN: {
        struct line_join *join = CONTAINER_OF(link, struct line_join, store);
        join->on_done(join);
        return;
    }
    case REQUEST_VISIT: {
        struct line_visit *visit = CONTAINER_OF(link, struct line_visit, store);
        visit->on_done(visit);
        return;
    }
    case REQUEST_MOVE: {
        struct line_move *move = CONTAINER_OF(link, struct line_move, store);
        move->on_done(move);
        return;
    }
    case REQUEST_ADMIN: {
        struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
        admin->on_done(admin);
        return;
    }
    }
    BUG_STOP("a request of no kind");
}

static void set_outcome(struct line_link *link, enum line_outcome outcome, uint64_t retry_ms)
{
    switch ((enum request_kind)link->kind) {
    case REQUEST_JOIN: {
        struct line_join *join = CONTAINER_OF(link, struct line_join, store);
        join->outcome = outcome;
        join->retry_after_ms = retry_ms;
        return;
    }
    case REQUEST_VISIT: {
        struct line_visit *visit = CONTAINER_OF(link, struct line_visit, store);
        visit->outcome = outcome;
        visit->retry_after_ms = retry_ms;
        return;
    }
    case REQUEST_MOVE: {
        struct line_move *move = CONTAINER_OF(link, struct line_move, store);
        move->outcome = outcome;
        move->retry_after_ms = retry_ms;
        return;
    }
    case REQUEST_ADMIN:
        CONTAINER_OF(link, struct line_admin, store)->outcome = outcome;
        return;
    }
    BUG_STOP("a request of no kind");
}

/* Answered at the end of the turn. */
static void refuse(struct line_link *link, enum line_outcome outcome)
{
    set_outcome(link, outcome, STORE_RETRY_MS);
    push(&link->store->decided, link);
    redis_route_wake(link->store->route);
}

void calls_finish_unknown(struct line_link *link)
{
    set_outcome(link, LINE_UNAVAILABLE, STORE_RETRY_MS);
    calls_finish(link);
}

void calls_finish_refused(struct line_link *link, struct store_event *event,
                          const redisReply *reply)
{
    uint64_t outcome;
    if (!resp_get_u64(reply, 0, &outcome))
        outcome = LINE_UNKNOWN;
    if (outcome == LINE_UNAVAILABLE)
        store_begin_healing(event);
    if (outcome != LINE_RENEWED) {
        calls_finish_unknown(link);
        return;
    }
    store_tick_now(event);
    set_outcome(link, LINE_RENEWED, STORE_RETRY_MS);
    calls_finish(link);
}

void calls_answer_decided(struct line_store *store)
{
    /* What is decided meanwhile has woken the next turn. A closing store has answered all. */
    for (uint32_t left = store->decided.len; left > 0 && store->decided.head != NULL; left--)
        calls_finish(pop(&store->decided));
}

void calls_refuse_gathered(struct line_store *store)
{
    calls_answer_decided(store);
    for (uint32_t i = 0; i < store->events_len; i++) {
        while (store->events[i]->gathered.head != NULL)
            calls_finish_unknown(pop(&store->events[i]->gathered));
    }
}

/* ---- beginnings ---- */

void calls_begin(struct line_store *store, struct line_link *link, enum request_kind kind)
{
    assert(!store->closed);
    *link = (struct line_link){.store = store, .kind = (uint8_t)kind};
    link->call.deadline_us = store_now_us(store) + STORE_DEADLINE_MS * 1000;
    store->requests++;
}

/* The event that a request is about, or NULL when it has been refused. */
struct store_event *calls_admit(struct line_link *link, const char *id)
{
    struct line_store *store = link->store;
    struct store_event *event = store_find(store, span_of(id));
    /* While the set of events cannot be read, an unknown event may be one that we have not seen
     * yet. */
    bool gone = event == NULL || event->absent || event->leaving;
    if (store->discovered && gone) {
        refuse(link, LINE_UNKNOWN);
    } else if (gone || event->healing || (event->doubted && link->kind == REQUEST_JOIN) ||
               !store_can_send(store, event->slot) || store->requests > STORE_REQUESTS_MAX) {
        refuse(link, LINE_UNAVAILABLE);
    } else {
        link->event = event;
        event->requests++;
        return event;
    }
    return NULL;
}

/* ---- joins ---- */

enum { JOIN_WORDS = 3, SPEND_WORDS = 4, IDEM_DIGITS = 11, IDEM_FIELD_BYTES = 8 };

/* Eight bytes of the hash are the field, 22 bits more choose the bucket: join.lua takes as many of
 * the base-4 digits as the line's size asks for. */
static void put_idem(struct text *command, bool there, const uint8_t idem[LINE_IDEM_BYTES])
{
    if (!there) {
        TEXT_LIT(command, RESP_EMPTY RESP_EMPTY);
        return;
    }
    char words[] = "$11\r\n...........\r\n$8\r\n........\r\n";
    enum { DIGITS_AT = 5, FIELD_AT = DIGITS_AT + IDEM_DIGITS + 6 };
    static_assert(sizeof(words) == FIELD_AT + IDEM_FIELD_BYTES + 3, "as they are written here");
    uint32_t bits;
    memcpy(&bits, idem + IDEM_FIELD_BYTES, sizeof(bits));
    for (size_t i = 0; i < IDEM_DIGITS; i++, bits >>= 2)
        words[DIGITS_AT + i] = (char)('0' + (bits & 3));
    memcpy(words + FIELD_AT, idem, IDEM_FIELD_BYTES);
    TEXT_LIT(command, words);
}

struct span calls_address(const uint8_t addr[16])
{
    static const uint8_t v4_prefix[12] = {[10] = 0xFF, [11] = 0xFF};
    bool is_v4 = memcmp(addr, v4_prefix, sizeof(v4_prefix)) == 0;
    return (struct span){(const char *)addr + (is_v4 ? 12 : 0), is_v4 ? 4 : 8};
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
    return text_span(by);
}

/* The one-time things (work, invitations, codes) that joins of a batch show; few do. */
static uint64_t count_spends(const struct request_list *batch)
{
    uint64_t spends = 0;
    for (const struct line_link *link = batch->head; link != NULL; link = link->next)
        spends += (uint64_t)join_of(link)->has_work + join_of(link)->has_invitation +
                  join_of(link)->has_code;
    return spends;
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
            resp_word(command, (struct span){(const char *)join->work, IDEM_FIELD_BYTES});
        }
        if (join->has_invitation) {
            resp_u64(command, index);
            resp_cstr(command, "invitation");
            put_idem(command, true, join->invitation);
        }
        if (join->has_code) {
            resp_u64(command, index);
            resp_cstr(command, "code");
            resp_word(command, (struct span){(const char *)join->code, LINE_CODE_BYTES});
            resp_word(command, calls_address(join->addr));
        }
    }
}

static void send_batch(struct store_event *event)
{
    struct line_store *store = event->store;
    assert(event->batch.head != NULL);
    /* Addresses are only sent if they are counted, or if we do not know yet. */
    bool limited = !event->line.seen || event->line.view.knobs.joins_per_ip_per_min > 0;
    char memory[2 * 20 + 1];
    struct text by = text_on(memory, sizeof(memory));
    const struct ask_join ask = {
        .issued = event->line.marks.issued,
        .joins = event->batch.len,
        .judged_by = judged_by(join_of(event->batch.head), &by), /* as the others */
        .shown = count_spends(&event->batch),
    };
    struct text command = store_script(store, SCRIPT_JOIN, event->line.view.id,
                                       ASK_JOIN_WORDS + (uint64_t)JOIN_WORDS * event->batch.len +
                                           SPEND_WORDS * ask.shown);
    ask_join_put(&command, &ask);
    for (struct line_link *link = event->batch.head; link != NULL; link = link->next) {
        const struct line_join *join = join_of(link);
        put_idem(&command, join->has_idem, join->idem);
        if (limited)
            resp_word(&command, calls_address(join->addr));
        else
            TEXT_LIT(&command, RESP_EMPTY);
    }
    put_spends(&command, &event->batch);
    /* The first of the batch has waited the longest. */
    event->batch_call.deadline_us = event->batch.head->call.deadline_us;
    event->batch_call.on_reply = on_joined;
    event->batch_call.ctx = event;
    atomic_fetch_add_explicit(&store->stats.join_calls, 1, memory_order_relaxed);
    store_send(store, &event->batch_call, &command);
}

/* The next batch; none is under way. */
static void send_gathered(struct store_event *event)
{
    assert(event->batch.head == NULL);
    if (event->healing || !store_can_send(event->store, event->slot)) {
        while (event->gathered.head != NULL)
            refuse(pop(&event->gathered), LINE_UNAVAILABLE);
        return;
    }
    /* A batch is judged by one document. Joins that were judged by another one go into the next
     * batch. */
    const struct line_join *first = join_of(event->gathered.head);
    while (event->gathered.head != NULL && event->batch.len < STORE_JOIN_BATCH_MAX &&
           join_of(event->gathered.head)->version == first->version &&
           join_of(event->gathered.head)->era == first->era)
        push(&event->batch, pop(&event->gathered));
    event->batch_call.tries = 0;
    send_batch(event);
}

void calls_send_gathered(struct line_store *store)
{
    for (uint32_t i = 0; i < store->events_len; i++) {
        if (store->events[i]->gathered.head != NULL && store->events[i]->batch.head == NULL)
            send_gathered(store->events[i]);
    }
}

void line_store_join(struct line_store *store, struct line_join *join)
{
    join->state = LINE_DRAFT;
    join->entry = 0;
    join->retry_after_ms = 0;
    calls_begin(store, &join->store, REQUEST_JOIN);
    atomic_fetch_add_explicit(&store->stats.joins, 1, memory_order_relaxed);
    struct store_event *event = calls_admit(&join->store, join->event);
    if (event == NULL)
        return;
    join->state = event->line.view.state;
    push(&event->gathered, &join->store);
    if (event->batch.head != NULL)
        return;
    if (event->gathered.len < STORE_JOIN_BATCH_MAX) {
        redis_route_wake(store->route);
        return;
    }
    /* A turn in which thousands are ready is long, and Redis should not wait for its end. */
    send_gathered(event);
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

/* Told at the end of the turn. */
static void hand_out(struct line_store *store, struct request_list *batch, const redisReply *reply)
{
    /* A refusal ends with its outcome, or with the state, or says when to come again. */
    struct tell_join tell = {.outcome = LINE_UNAVAILABLE};
    bool whole = tell_join_read(reply, 0, &tell);
    if (tell.outcome >= LINE_OUTCOME_COUNT || tell.state >= LINE_STATE_COUNT ||
        (tell.outcome == LINE_OK && (!whole || tell.first == 0)))
        tell.outcome = LINE_UNAVAILABLE;
    if (tell.state >= LINE_STATE_COUNT)
        tell.state = LINE_DRAFT;
    size_t odd = TELL_JOIN_WORDS;
    for (uint64_t index = 0; batch->head != NULL; index++) {
        struct line_link *link = pop(batch);
        struct line_join *join = CONTAINER_OF(link, struct line_join, store);
        uint64_t place = 0;
        join->outcome = (enum line_outcome)tell.outcome;
        join->state = (enum line_state)tell.state;
        if (tell.outcome != LINE_OK) {
            join->retry_after_ms = tell.retry_ms > 0 ? tell.retry_ms : STORE_RETRY_MS;
        } else if (!read_odd(reply, &odd, index, &place)) {
            join->entry = tell.first++;
        } else if (place > LINE_PLACE_MAX) {
            refuse_place(join, place, tell.retry_ms);
        } else if (place > 0) {
            join->outcome = LINE_SAME;
            join->entry = place;
        } else {
            join->outcome = LINE_LIMITED;
            join->retry_after_ms = tell.retry_ms;
        }
        push(&store->decided, link);
    }
    redis_route_wake(store->route);
}

/* The highest place in the answer becomes a mark before anybody hears of it. */
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
    uint64_t odd = (resp_len(reply) - TELL_JOIN_WORDS) / 2;
    if (odd < event->batch.len)
        line_event_saw_place(&event->line, tell.first + event->batch.len - odd - 1);
}

static void on_joined(struct redis_call *call, const redisReply *reply)
{
    struct store_event *event = call->ctx;
    struct line_store *store = event->store;
    enum store_answer answer = store_judge(store, call, reply, SCRIPT_JOIN);
    if (answer == STORE_AGAIN) {
        send_batch(event);
        return;
    }
    if (answer == STORE_ANSWER && resp_len(reply) > 0)
        note_places(event, reply);
    hand_out(store, &event->batch, answer == STORE_ANSWER ? reply : NULL);
}

/* ---- visits ---- */

static void on_visited(struct redis_call *call, const redisReply *reply);

static void send_visit(struct line_visit *visit)
{
    static const char *const names[] = {"pass", "heartbeat", "end",   "leave",
                                        "look", "done",      "extend"};
    struct line_store *store = visit->store.store;
    const struct store_event *event = visit->store.call.ctx;
    char member[2 * LINE_VISITOR_BYTES + 1] = "";
    if (visit->has_member)
        sodium_bin2hex(member, sizeof(member), visit->member, sizeof(visit->member));
    const struct ask_visit ask = {
        .serving = event->line.marks.serving,
        .call = span_of(names[visit->call]),
        .place = visit->place,
        .ends_ms = visit->ends_ms,
        .drawn = line_event_drawn(&event->line),
        .entry = visit->entry > 0 ? visit->entry : WIRE_NONE,
        .moves = visit->moves,
        .member = span_of(member),
    };
    struct text command = store_script(store, SCRIPT_VISIT, visit->event, ASK_VISIT_WORDS);
    ask_visit_put(&command, &ask);
    visit->store.call.on_reply = on_visited;
    store_send(store, &visit->store.call, &command);
}

void line_store_saw_place(struct line_store *store, const char *line_id, uint64_t entry)
{
    struct store_event *event = store_find(store, span_of(line_id));
    if (event != NULL)
        line_event_saw_place(&event->line, entry);
}

void line_store_visit(struct line_store *store, struct line_visit *visit)
{
    assert(visit->call <= LINE_EXTEND);
    assert(visit->place > 0 && visit->place <= LINE_PLACE_MAX);
    visit->state = LINE_DRAFT;
    visit->expires_ms = 0;
    visit->retry_after_ms = 0;
    visit->turn = TURN_NONE;
    visit->channel[0] = '\0';
    if (visit->call != LINE_HEARTBEAT)
        visit->ends_ms = 0;
    calls_begin(store, &visit->store, REQUEST_VISIT);
    struct store_event *event = calls_admit(&visit->store, visit->event);
    if (event == NULL)
        return;
    visit->state = event->line.view.state;
    line_event_saw_place(&event->line, visit->place);
    visit->store.call.ctx = event;
    send_visit(visit);
}

static bool read_visit(struct line_visit *visit, const redisReply *reply)
{
    struct tell_visit tell;
    if (!tell_visit_read(reply, 0, &tell) ||
        (tell.turn >= TURN_KIND_COUNT && visit->call != LINE_EXTEND) ||
        !span_to_cstr(tell.channel, visit->channel, sizeof(visit->channel)))
        return false;
    bool extended = visit->call == LINE_EXTEND && tell.outcome == LINE_OK;
    visit->times = extended ? (uint8_t)tell.turn : 0;
    visit->turn = extended ? TURN_NONE : (enum turn_kind)tell.turn;
    visit->outcome = (enum line_outcome)tell.outcome;
    visit->state = (enum line_state)tell.state;
    visit->expires_ms = tell.expires_ms;
    visit->ends_ms = tell.ends_ms;
    visit->retry_after_ms = tell.retry_ms;
    return true;
}

/* It got in, so it was called, whatever Redis knows. */
static bool was_inside(const struct line_visit *visit)
{
    bool by_pass =
        visit->call == LINE_HEARTBEAT || visit->call == LINE_END || visit->call == LINE_DONE;
    return by_pass && visit->outcome == LINE_OK && visit->state > LINE_PRE_QUEUE;
}

static void on_visited(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_visit *visit = CONTAINER_OF(link, struct line_visit, store);
    struct store_event *event = call->ctx;
    enum store_answer answer = store_judge(link->store, call, reply, SCRIPT_VISIT);
    if (answer == STORE_AGAIN) {
        send_visit(visit);
        return;
    }
    if (answer == STORE_ANSWER && read_visit(visit, reply)) {
        if (visit->outcome ==
            LINE_CONFLICT) { /* drawn a moment ago: the place was computed without it */
            store_tick_now(event);
            visit->outcome = LINE_UNAVAILABLE;
            visit->retry_after_ms = STORE_RETRY_MS;
        }
        if (visit->call == LINE_PASS && visit->outcome == LINE_OK)
            event->line.passes++;
        if (was_inside(visit))
            line_event_saw_called(&event->line, visit->place); /* it counts from the next tick on */
        if (visit->call == LINE_EXTEND && visit->outcome == LINE_OK)
            line_event_saw_turn(&event->line, (struct turn){.place = visit->place,
                                                            .kind = TURN_KEPT,
                                                            .until_ms = visit->expires_ms -
                                                                        event->line.view.stood_ms,
                                                            .times = visit->times});
        calls_finish(link);
        return;
    }
    calls_finish_refused(link, event, answer == STORE_ANSWER ? reply : NULL);
}

/* ---- admin ---- */

static void on_administered(struct redis_call *call, const redisReply *reply);

static void send_change(struct line_admin *admin)
{
    static const char *const names[] = {
        [LINE_CREATE] = "create", [LINE_CHANGE] = "change",   [LINE_TRANSITION] = "transition",
        [LINE_UNDO] = "undo",     [LINE_SEATS] = "seats",     [LINE_ARCHIVE] = "archive",
        [LINE_DELETE] = "delete", [LINE_RESTORE] = "restore",
    };
    struct line_store *store = admin->store.store;
    char memory[24];
    struct text from = text_on(memory, sizeof(memory));
    if (admin->call == LINE_CREATE) /* the incarnation's random part */
        text_u64(&from, 1 + rng_below(rng_system(), 0xFFFFFF));
    else if (admin->call == LINE_RESTORE)
        text_put(&from, admin->incarnation);
    else if (admin->call == LINE_DELETE)
        text_u64(&from, admin->unarchived);
    else
        text_u64(&from, admin->call == LINE_SEATS ? admin->seats_left : admin->from);
    assert(!from.overflown);
    const struct ask_admin ask = {
        .call = span_of(names[admin->call]),
        .if_version = admin->if_version,
        .from = text_span(&from),
        .to = admin->to,
        .audit = admin->audit,
        .doc = admin->doc,
        .seal = admin->seal,
        .draw = admin->draw,
        .knobs = admin->knobs,
    };
    struct text command = store_script(store, SCRIPT_ADMIN, admin->event, ASK_ADMIN_WORDS);
    ask_admin_put(&command, &ask);
    admin->store.call.on_reply = on_administered;
    store_send(store, &admin->store.call, &command);
}

static void send_pilot(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    const struct line_pilot_move *move = admin->pilot;
    const struct ask_pilot ask = {
        .interval_ms = move->interval_ms,
        .silent_ms = move->silent_ms,
        .heard = move->heard,
        .from_milli = move->from_milli,
        .to_milli = move->to_milli,
        .reason = span_of(move->reason),
        .why = move->why,
        .because = move->because,
        .reading = move->reading,
        .audit = admin->audit,
    };
    struct text command = store_script(store, SCRIPT_PILOT, admin->event, ASK_PILOT_WORDS);
    ask_pilot_put(&command, &ask);
    admin->store.call.on_reply = on_administered;
    store_send(store, &admin->store.call, &command);
}

static void send_codes(struct line_admin *admin)
{
    static const char *const names[] = {"put", "count", "drop"};
    struct line_store *store = admin->store.store;
    const struct line_codes *codes = admin->codes;
    uint32_t len = codes->call == LINE_CODES_PUT ? codes->len : 0;
    const struct ask_codes ask = {
        .call = span_of(names[codes->call]),
        .audit = admin->audit,
        .lane = codes->lane,
        .channel = span_of(codes->channel),
        .uses = codes->uses,
    };
    struct text command =
        store_script(store, SCRIPT_CODES, admin->event, ASK_CODES_WORDS + (uint64_t)len);
    ask_codes_put(&command, &ask);
    for (uint32_t i = 0; i < len; i++)
        resp_word(&command, (struct span){(const char *)codes->digest[i], LINE_CODE_BYTES});
    admin->store.call.on_reply = on_administered;
    store_send(store, &admin->store.call, &command);
}

static bool read_groups(struct line_codes *codes, const redisReply *reply)
{
    codes->groups_len = 0;
    for (size_t at = TELL_CHANGE_WORDS; at < resp_len(reply); at += TELL_GROUP_WORDS) {
        struct line_code_group *group = &codes->group[codes->groups_len];
        struct tell_group tell;
        if (codes->groups_len == CODE_GROUPS_MAX || !tell_group_read(reply, at, &tell) ||
            !span_to_cstr(tell.channel, group->channel, sizeof(group->channel)))
            return false;
        group->lane = (unsigned)tell.lane;
        group->codes = tell.codes;
        group->uses = tell.uses;
        group->used = tell.used;
        codes->groups_len++;
    }
    return true;
}

static void send_asked(struct line_admin *admin)
{
    if (admin->call == LINE_PILOT)
        send_pilot(admin);
    else if (admin->call == LINE_CODES)
        send_codes(admin);
    else
        send_change(admin);
}

static void send_rows(struct line_admin *admin);

/* Where to go on: behind the entry that came last, or with the next sample. */
static void note_more(struct line_admin *admin, const redisReply *reply)
{
    size_t len = resp_len(reply);
    const redisReply *last;
    struct span id;
    uint64_t from = 0;
    admin->more = admin->oldest_first && len > 0 && len >= admin->limit;
    if (!admin->more)
        return;
    struct text row = text_on(admin->from_row, sizeof(admin->from_row) - 1);
    if (admin->call == LINE_SERIES && span_u64(span_of(admin->from_row), UINT32_MAX, &from))
        text_u64(&row, from + len);
    else if (resp_array(reply, len - 1, &last) && resp_get_str(last, 0, &id))
        text_put(&row, id);
    admin->from_row[row.len] = '\0';
}

static void on_rows(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    const struct store_event *event = link->event;
    struct text rows;
    if (store_follow(link->store, call, reply)) {
        send_rows(admin);
        return;
    }
    bool whole = reply != NULL && reply->type == REDIS_REPLY_ARRAY &&
                 (admin->call == LINE_AUDIT ? line_trail_audit(reply, &rows)
                                            : line_trail_series(reply, &rows));
    if (!whole) {
        calls_finish_unknown(link);
        return;
    }
    assert(!rows.overflown);
    note_more(admin, reply);
    admin->outcome = LINE_OK;
    admin->state = event->line.view.state;
    admin->version = event->line.view.version;
    admin->reply = text_span(&rows);
    calls_finish(link);
    free(rows.ptr);
}

static void put_trail_range(struct text *command, const struct line_admin *admin, uint64_t limit)
{
    char memory[64];
    struct text from = text_on(memory, sizeof(memory));
    text_char(&from, '(');
    text_str(&from, admin->from_row);
    resp_word(command, admin->oldest_first ? text_span(&from) : SPAN("+"));
    resp_cstr(command, admin->oldest_first ? "+" : "-");
    resp_cstr(command, "COUNT");
    resp_u64(command, limit);
}

static void put_series_range(struct text *command, const struct line_admin *admin, uint64_t limit)
{
    uint64_t first = 0;
    char memory[24];
    struct text newest = text_on(memory, sizeof(memory));
    text_i64(&newest, -(int64_t)limit);
    if (admin->oldest_first && span_u64(span_of(admin->from_row), UINT32_MAX, &first)) {
        resp_u64(command, first);
        resp_u64(command, first + limit - 1);
    } else {
        resp_word(command, text_span(&newest));
        resp_cstr(command, "-1");
    }
}

static void send_rows(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    bool audit = admin->call == LINE_AUDIT;
    uint64_t limit =
        admin->limit > 0 && admin->limit < LINE_ROWS_MAX ? admin->limit : LINE_ROWS_MAX;
    char memory[LINE_EVENT_ID_MAX + 16];
    struct text key = text_on(memory, sizeof(memory));
    text_printf(&key, "fg:{%s}:%s", admin->event, audit ? "audit" : "series");
    struct text command =
        store_command(store, store_slot(store, span_of(admin->event)), audit ? 6 : 4);
    if (audit)
        resp_cstr(&command, admin->oldest_first ? "XRANGE" : "XREVRANGE");
    else
        resp_cstr(&command, "LRANGE");
    resp_word(&command, text_span(&key));
    if (audit)
        put_trail_range(&command, admin, limit);
    else
        put_series_range(&command, admin, limit);
    admin->store.call.on_reply = on_rows;
    store_send(store, &admin->store.call, &command);
}

/* ---- admin: the house ---- */

static void send_house(struct line_admin *admin);

static bool next_card(const redisReply *reply, size_t *at, struct span *id, struct span *card)
{
    bool there = resp_get_str(reply, *at, id) && resp_get_str(reply, *at + 1, card);
    *at += 2;
    return there;
}

/* As [card with its id, ...] */
static bool ended_rows(const redisReply *reply, struct text *rows, uint64_t *next)
{
    struct tell_house_page tell;
    struct span id, card;
    size_t bytes = 2, at = TELL_HOUSE_PAGE_WORDS;
    while (next_card(reply, &at, &id, &card))
        bytes += id.len + card.len + 16;
    char *memory = malloc(bytes);
    if (memory == NULL || !tell_house_page_read(reply, 0, &tell)) {
        free(memory);
        return false;
    }
    *next = tell.below;
    *rows = text_on(memory, bytes);
    json_open(rows, '[');
    at = TELL_HOUSE_PAGE_WORDS;
    while (next_card(reply, &at, &id, &card)) {
        json_open(rows, '{');
        json_member_str(rows, "id", id);
        if (card.len > 2) {
            text_char(rows, ',');
            text_put(rows, span_skip(card, 1));
            rows->comma = true;
        } else {
            json_close(rows, '}');
        }
    }
    json_close(rows, ']');
    return true;
}

static void take_rows(struct line_admin *admin, const redisReply *reply)
{
    struct text rows = {.ptr = NULL};
    struct tell_house_trail trail;
    bool whole = admin->call == LINE_ENDED ? ended_rows(reply, &rows, &admin->version)
                                           : tell_house_trail_read(reply, 0, &trail) &&
                                                 line_trail_audit(trail.entries, &rows);
    if (!whole) {
        calls_finish_unknown(&admin->store);
        return;
    }
    assert(!rows.overflown);
    admin->outcome = LINE_OK;
    admin->reply = text_span(&rows);
    calls_finish(&admin->store);
    free(rows.ptr);
}

/* An operator wants it: it will be here in a moment and stay for a while. */
static void take_found(struct line_admin *admin, uint64_t outcome)
{
    struct line_store *store = admin->store.store;
    admin->outcome = LINE_UNKNOWN;
    struct store_event *event =
        outcome != LINE_UNKNOWN ? store_event_of(store, span_of(admin->event)) : NULL;
    if (event != NULL) {
        event->hold_us = store_now_us(store) + (uint64_t)STORE_HOLD_MS * 1000;
        event->leaving = false;
        store_tick_now(event);
        admin->outcome = LINE_OK;
    } else if (outcome != LINE_UNKNOWN) {
        admin->outcome = LINE_UNAVAILABLE;
    }
    calls_finish(&admin->store);
}

/* The house has forgotten it, and so do we, now or as soon as nothing is under way for it. */
static void take_dropped(struct line_admin *admin)
{
    struct line_link *link = &admin->store;
    struct line_store *store = link->store;
    admin->outcome = LINE_OK;
    struct store_event *event = store_find(store, span_of(admin->event));
    if (event != NULL) {
        if (link->event != NULL)
            event->requests--;
        link->event = NULL;
        event->leaving = true;
        store_let_go(store);
    }
    house_look(store); /* what is left to be done, too */
    calls_finish(link);
}

static void on_house(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    enum store_answer answer = store_judge(link->store, call, reply, SCRIPT_HOUSE);
    struct tell_house tell;
    if (answer == STORE_AGAIN) {
        send_house(admin);
    } else if (answer != STORE_ANSWER || link->store->closed || !tell_house_read(reply, 0, &tell)) {
        calls_finish_unknown(link);
    } else if (admin->call == LINE_FIND) {
        take_found(admin, tell.outcome);
    } else if (admin->call != LINE_DELETE) {
        take_rows(admin, reply);
    } else if (admin->step++ == 0) {
        send_change(admin); /* a front that dies from here on leaves a chore behind */
    } else {
        take_dropped(admin);
    }
}

static void send_deletion(struct line_admin *admin)
{
    enum { OWN_MS = 2000 }; /* how long the rest of it is ours to do */
    struct line_store *store = admin->store.store;
    struct text command;
    if (admin->step == 0) {
        char memory[CHORE_NAME_MAX];
        struct text chore = text_on(memory, sizeof(memory));
        TEXT_LIT(&chore, "erase:");
        text_str(&chore, admin->event);
        const struct ask_house_later ask = {SPAN("later"), text_span(&chore), OWN_MS};
        command = store_house_script(store, ASK_HOUSE_LATER_WORDS);
        ask_house_later_put(&command, &ask);
    } else {
        const struct ask_house_drop ask = {SPAN("drop"), span_of(admin->event), admin->audit};
        command = store_house_script(store, ASK_HOUSE_DROP_WORDS);
        ask_house_drop_put(&command, &ask);
    }
    store_send(store, &admin->store.call, &command);
}

static void send_house(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    if (!store_can_send(store, store->set_slot)) {
        calls_finish_unknown(&admin->store);
        return;
    }
    admin->store.call.on_reply = on_house;
    if (admin->call == LINE_DELETE) {
        send_deletion(admin);
        return;
    }
    struct text command;
    if (admin->call == LINE_FIND) {
        const struct ask_house_find ask = {SPAN("find"), span_of(admin->event)};
        command = store_house_script(store, ASK_HOUSE_FIND_WORDS);
        ask_house_find_put(&command, &ask);
    } else if (admin->call == LINE_ENDED) {
        const struct ask_house_page ask = {SPAN("page"), admin->below, admin->limit, admin->words};
        command = store_house_script(store, ASK_HOUSE_PAGE_WORDS);
        ask_house_page_put(&command, &ask);
    } else {
        const struct ask_house_trail ask = {SPAN("trail"), admin->limit};
        command = store_house_script(store, ASK_HOUSE_TRAIL_WORDS);
        ask_house_trail_put(&command, &ask);
    }
    store_send(store, &admin->store.call, &command);
}

/* Created, and now in the set of events, where the other fronts look. */
static void list_created(struct line_admin *admin);

static void on_created(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    if (store_follow(link->store, call, reply)) {
        list_created(admin);
        return;
    }
    struct store_event *event = store_find(link->store, span_of(admin->event));
    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
        admin->outcome = LINE_UNAVAILABLE; /* to create it once more sets it right */
    } else if (event != NULL) {            /* from now on, if it is missed there, it was deleted */
        event->is_new = false;
        event->leaving = false;
        event->named = NAMED_LIVE;
        event->named_us = store_now_us(link->store);
    }
    calls_finish(link);
}

static void list_created(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    if (!store_can_send(store, store->set_slot)) {
        calls_finish(&admin->store); /* the next look at the set shows that it is missing there */
        return;
    }
    struct text command = store_command(store, store->set_slot, 3);
    resp_cstr(&command, "SADD");
    resp_cstr(&command, "fg:events");
    resp_cstr(&command, admin->event);
    admin->store.call.on_reply = on_created;
    store_send(store, &admin->store.call, &command);
}

/* Restored: the same, but one that is among the ended by now stays there. */
static void list_restored(struct line_admin *admin);

static void on_restored(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    enum store_answer answer = store_judge(link->store, call, reply, SCRIPT_HOUSE);
    struct store_event *event = store_find(link->store, span_of(admin->event));
    struct tell_house tell;
    if (answer == STORE_AGAIN) {
        list_restored(admin);
        return;
    }
    if (answer != STORE_ANSWER || !tell_house_read(reply, 0, &tell)) {
        admin->outcome = LINE_UNAVAILABLE; /* to restore it once more sets it right */
    } else if (event != NULL) {            /* as of one that was created */
        event->is_new = false;
        event->leaving = false;
        event->named = tell.outcome == LINE_OK ? NAMED_LIVE : NAMED_RESTING;
        event->named_us = store_now_us(link->store);
    }
    calls_finish(link);
}

static void list_restored(struct line_admin *admin)
{
    struct line_store *store = admin->store.store;
    if (!store_can_send(store, store->set_slot)) {
        calls_finish_unknown(&admin->store);
        return;
    }
    const struct ask_house_list ask = {SPAN("list"), span_of(admin->event), 1};
    struct text command = store_house_script(store, ASK_HOUSE_LIST_WORDS);
    ask_house_list_put(&command, &ask);
    admin->store.call.on_reply = on_restored;
    store_send(store, &admin->store.call, &command);
}

static bool read_change(struct line_admin *admin, const redisReply *reply)
{
    struct tell_change tell;
    if (!tell_change_read(reply, 0, &tell))
        return false;
    admin->outcome = (enum line_outcome)tell.outcome;
    admin->state = (enum line_state)tell.state;
    admin->version = tell.version;
    return true;
}

static bool makes(const struct line_admin *admin)
{
    return admin->call == LINE_CREATE || admin->call == LINE_RESTORE;
}

/* The change has to be visible here without delay, also to fronts that had stopped looking. */
static void show_changed(struct line_admin *admin)
{
    struct store_event *event = store_event_of(admin->store.store, span_of(admin->event));
    if (event == NULL)
        return;
    event->absent = false;
    if (makes(admin)) { /* or it was there: then it may still be missing in the set */
        event->is_new = event->named == NAMED_NOT;
        event->leaving = false;
    }
    event->touched |= admin->state == LINE_CLOSED && event->named != NAMED_LIVE;
    store_tick_now(event);
}

static void on_administered(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_admin *admin = CONTAINER_OF(link, struct line_admin, store);
    struct line_store *store = link->store;
    enum line_script script = admin->call == LINE_PILOT   ? SCRIPT_PILOT
                              : admin->call == LINE_CODES ? SCRIPT_CODES
                                                          : SCRIPT_ADMIN;
    enum store_answer answer = store_judge(store, call, reply, script);
    if (answer == STORE_AGAIN) {
        send_asked(admin);
        return;
    }
    if (answer != STORE_ANSWER || !read_change(admin, reply) ||
        (admin->call == LINE_CODES && !read_groups(admin->codes, reply))) {
        calls_finish_unknown(link);
        return;
    }
    /* Deleted by us, or by a front that has not finished the job. */
    bool deleted =
        admin->call == LINE_DELETE && (admin->outcome == LINE_OK || admin->outcome == LINE_GONE);
    if (deleted) {
        send_house(admin);
        return;
    }
    if (admin->outcome != LINE_GONE && admin->call != LINE_CODES)
        show_changed(admin);
    if (admin->call == LINE_RESTORE && (admin->outcome == LINE_OK || admin->outcome == LINE_SAME))
        list_restored(admin);
    else if (admin->call == LINE_CREATE && admin->outcome != LINE_GONE)
        list_created(admin);
    else
        calls_finish(link);
}

/* Of the lines that still tick. */
static bool is_full(const struct line_store *store)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < store->events_len; i++)
        live += !store->events[i]->line.view.resting;
    return live >= STORE_EVENTS_MAX || store->events_len == STORE_LINES_MAX;
}

static bool of_the_house(enum line_admin_call call)
{
    return call == LINE_FIND || call == LINE_ENDED || call == LINE_HOUSE_AUDIT;
}

void line_store_admin(struct line_store *store, struct line_admin *admin)
{
    assert(admin->doc.len <= LINE_DOC_BYTES_MAX);
    assert(admin->audit.len <= LINE_AUDIT_BYTES_MAX);
    admin->state = LINE_DRAFT;
    admin->version = 0;
    admin->step = 0;
    admin->reply = (struct span){NULL, 0};
    calls_begin(store, &admin->store, REQUEST_ADMIN);
    const struct store_event *event = store_find(store, span_of(admin->event));
    bool is_new = event == NULL || event->absent || event->leaving;
    uint16_t slot =
        of_the_house(admin->call) ? store->set_slot : store_slot(store, span_of(admin->event));
    if (of_the_house(admin->call) || (makes(admin) && is_new)) {
        if (!store_can_send(store, slot) || (makes(admin) && is_full(store))) {
            refuse(&admin->store, LINE_UNAVAILABLE);
            return;
        }
    } else if (calls_admit(&admin->store, admin->event) == NULL) {
        return;
    }
    if (of_the_house(admin->call))
        send_house(admin);
    else if (admin->call == LINE_DELETE && store_can_send(store, store->set_slot))
        send_house(admin);
    else if (admin->call == LINE_DELETE)
        refuse(&admin->store, LINE_UNAVAILABLE);
    else if (admin->call == LINE_AUDIT || admin->call == LINE_SERIES)
        send_rows(admin);
    else
        send_asked(admin);
}
