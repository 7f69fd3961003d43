/* line_joins.c: joins gather during a turn and go to Redis as one script call.
 *
 * At most one batch of an event is under way; its reply sends the next. So a slow Redis means
 * larger batches and not more calls, and a pass waits for one batch, however many people join. A
 * batch is checked against one document; joins that were checked against another version wait for
 * the next batch.
 *
 * Each shard of a sharded line has its own batch, in the same code. A shard gives numbers, which
 * line_sharded.c turns into places; joins that a shard can't take now gather again, ahead of newer
 * ones. With many shards each gets few joins per turn, so a small batch may be held back for a turn
 * or two (core/line/batch.h).
 *
 * A join is numbered in the shard that its key hashes to, where all data of its visitor is. Other
 * keys may use the same work, invitation, address or presale code. So a join first claims these,
 * one after the other, in the shards that they hash to (lua/claim.lua). Joins without any of them,
 * of an event that counts no addresses, go to their shard at once, at no extra cost. A failed claim
 * goes along with the join: a key that has a number keeps it. Claims are batched like joins. A key
 * keeps its claims for good, so nothing is lost if a front dies in between. Four claims follow the
 * join's outcome: the channel that its code opens, recorded for the pass before the place is shown;
 * and the return of an invitation, of a use of a code, or of a count of its address that opened no
 * place. The shard keeps with each number which invitation or code opened it: so even a retry,
 * which finds its claims made, knows whether the number needs them. A count goes back only through
 * the join that made it. A join after an ended place claims by a key of its own, since the claims
 * of the join's key belong to the ended place.
 *
 * The joins of a batch are decided when its reply comes and answered at the end of a turn, with the
 * rest of the decided list. So a caller that closes the store inside one callback finds all
 * others answered. Sending the next batch before answering was tried: where Redis shares a core
 * with the load, both want it at the same time, and no more joins came through. */
#include "line/line_store_internal.h"

#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <string.h>

/* In this order: the claims that are cheapest for others come first. */
enum claim {
    CLAIM_WORK,
    CLAIM_INVITATION,
    CLAIM_CODE,
    CLAIM_ADDRESS,
    CLAIM_INVITATION_BACK, /* from here on they follow the join's outcome */
    CLAIM_CODE_BACK,
    CLAIM_ADDRESS_BACK,
    CLAIM_OPENED,
};
enum { CLAIM_NONE = CLAIM_OPENED + 1, CLAIM_WORDS = 4, VERDICT_WORDS = 2, SPEND_WORDS = 4 };

static_assert((int)CLAIM_NONE <= 8, "the bits of a set in line_claims");
static_assert((int)JOIN_KEY_BYTES <= (int)LINE_IDEM_BYTES, "a part of the hash");

/* One word for the keys of a batch, and one for its addresses: separate words cost Redis as much as
 * the places themselves. */
struct join_words {
    uint8_t keys[STORE_JOIN_BATCH_MAX * JOIN_KEY_BYTES];
    uint8_t addresses[STORE_JOIN_BATCH_MAX * JOIN_ADDRESS_BYTES];
};

/* The part of the key that Redis keeps. */
static struct span key_of(const uint8_t idem[LINE_IDEM_BYTES])
{
    return (struct span){(const char *)idem, JOIN_KEY_BYTES};
}

static struct line_join *join_of(const struct line_link *link)
{
    return CONTAINER_OF(link, struct line_join, store);
}

/* The key that a join claims by: another one after each of its key's ended places. */
static struct span claimer_of(const struct line_join *join, uint8_t memory[JOIN_KEY_BYTES])
{
    memcpy(memory, join->idem, JOIN_KEY_BYTES);
    for (size_t i = 0; i < sizeof(join->over); i++)
        memory[i] ^= (uint8_t)(join->over >> (8 * i));
    return (struct span){(const char *)memory, JOIN_KEY_BYTES};
}

/* ---- claims ---- */

static bool has(uint8_t claims, enum claim claim)
{
    assert(claim <= CLAIM_OPENED);
    return (claims >> claim & 1) != 0;
}

static void leave_only(struct line_claims *claims, unsigned left)
{
    assert(left < 1u << CLAIM_NONE); /* no other bit is ever set */
    claims->left = (uint8_t)left;
    claims->now = CLAIM_WORK;
    while (claims->now < CLAIM_NONE && !has(claims->left, claims->now))
        claims->now++;
}

/* It has its outcome and ends its claims. */
static bool is_ending(const struct line_join *join)
{
    return join->claims.now >= CLAIM_INVITATION_BACK && join->claims.now < CLAIM_NONE;
}

static void claims_begin(struct line_sharded *sharded, struct line_join *join)
{
    assert(sharded->event != NULL);
    bool counted = sharded->event->line.view.knobs.joins_per_ip_per_min > 0;
    join->claims = (struct line_claims){.left = 0};
    leave_only(&join->claims,
               (uint8_t)(join->has_work << CLAIM_WORK | join->has_invitation << CLAIM_INVITATION |
                         join->has_code << CLAIM_CODE | counted << CLAIM_ADDRESS));
}

static struct join_queue *claims_queue(struct line_sharded *sharded, const struct line_join *join)
{
    const struct shards *shards = sharded->shards;
    uint8_t count = shards_count(shards);
    assert(join->claims.now <= CLAIM_NONE);
    assert(sharded->queues == 2 * count + 1); /* numbers and claims per shard, claims of the event's
                                               * slot */
    switch (join->claims.now) {
    case CLAIM_WORK:
        return &sharded->queue[count + shards_of(shards, join->work)];
    case CLAIM_INVITATION:
    case CLAIM_INVITATION_BACK:
        return &sharded->queue[count + shards_of(shards, join->invitation)];
    case CLAIM_ADDRESS:
    case CLAIM_ADDRESS_BACK:
        return &sharded->queue[count + shards_of_address(shards, calls_address(join->addr))];
    case CLAIM_NONE:
        return &sharded->queue[shards_of(shards, join->idem)];
    default:
        return &sharded->queue[2 * count];
    }
}

static void go_on(struct line_sharded *sharded, struct line_link *link)
{
    assert(sharded->event != NULL); /* otherwise gathered joins would never be sent */
    calls_push(&claims_queue(sharded, join_of(link))->gathered, link);
    redis_route_wake(sharded->store->route);
}

static void decide(struct line_link *link)
{
    calls_push(&link->store->decided, link);
    redis_route_wake(link->store->route);
}

static void put_claim(struct text *command, const struct line_join *join)
{
    static const char *const kinds[CLAIM_NONE] = {
        [CLAIM_WORK] = "work",
        [CLAIM_INVITATION] = "invitation",
        [CLAIM_CODE] = "code",
        [CLAIM_ADDRESS] = "address",
        [CLAIM_INVITATION_BACK] = "invitation-back",
        [CLAIM_CODE_BACK] = "code-back",
        [CLAIM_ADDRESS_BACK] = "address-back",
        [CLAIM_OPENED] = "opened",
    };
    assert(has(join->claims.left, join->claims.now));
    uint8_t memory[JOIN_KEY_BYTES];
    resp_cstr(command, kinds[join->claims.now]);
    resp_word(command, claimer_of(join, memory));
    switch ((enum claim)join->claims.now) {
    case CLAIM_WORK:
        resp_u64(command, join->work_minute);
        resp_word(command, (struct span){(const char *)join->work, JOIN_KEY_FIELD_BYTES});
        return;
    case CLAIM_INVITATION:
        resp_word(command, key_of(join->invitation));
        TEXT_LIT(command, RESP_EMPTY);
        return;
    case CLAIM_ADDRESS:
    case CLAIM_ADDRESS_BACK:
        resp_word(command, calls_address(join->addr));
        TEXT_LIT(command, RESP_EMPTY);
        return;
    case CLAIM_CODE:
        resp_word(command, (struct span){(const char *)join->code, LINE_CODE_BYTES});
        resp_word(command, calls_address(join->addr));
        return;
    case CLAIM_INVITATION_BACK:
        resp_word(command, key_of(join->invitation));
        resp_cstr(command, has(join->claims.spare, CLAIM_INVITATION) ? "always" : "alone");
        return;
    case CLAIM_CODE_BACK:
        resp_word(command, (struct span){(const char *)join->code, LINE_CODE_BYTES});
        resp_cstr(command, has(join->claims.spare, CLAIM_CODE) ? "always" : "alone");
        return;
    case CLAIM_OPENED:
        assert(join->claims.channel[0] != '\0');
        resp_u64(command, join->entry);
        resp_cstr(command, join->claims.channel);
        return;
    }
}

static void on_claimed(struct redis_call *call, const redisReply *reply);

static void send_claims(struct join_queue *queue)
{
    assert(queue->claims);
    assert(queue->event != NULL);
    const char *id = queue->event->line.view.id;
    assert(queue->batch.head != NULL);
    assert(queue->batch.len <= STORE_JOIN_BATCH_MAX);
    uint64_t args = ASK_CLAIM_WORDS + CLAIM_WORDS * (uint64_t)queue->batch.len;
    struct text command =
        queue->shard == SHARD_EVENT
            ? store_script(queue->store, SCRIPT_CLAIM, id, args)
            : store_shard_script(queue->store, SCRIPT_CLAIM, id, queue->shard, args);
    const struct ask_claim ask = {.of_codes = queue->shard == SHARD_EVENT};
    ask_claim_put(&command, &ask);
    for (struct line_link *link = queue->batch.head; link != NULL; link = link->next)
        put_claim(&command, join_of(link));
    queue->call.deadline_us = queue->batch.head->call.deadline_us; /* the head has waited longest */
    queue->call.on_reply = on_claimed;
    store_send(queue->store, &queue->call, &command);
}

static bool take_verdict(struct line_join *join, const redisReply *reply, size_t at)
{
    struct line_claims *claims = &join->claims;
    uint64_t verdict;
    struct span channel;
    assert(claims->now < CLAIM_NONE); /* it made a claim */
    if (!resp_get_u64(reply, at, &verdict) || !resp_get_str(reply, at + 1, &channel))
        return false;
    if (verdict == LINE_LIMITED || verdict > LINE_PLACE_MAX) {
        claims->is_refused = true;
        claims->why = verdict > LINE_PLACE_MAX ? verdict : 0;
        leave_only(claims, 0);
        return true;
    }
    if (claims->now == CLAIM_CODE &&
        !span_to_cstr(channel, claims->channel, sizeof(claims->channel)))
        return false;
    join->has_claimed |= claims->now == CLAIM_WORK;
    claims->made |= (uint8_t)(1u << claims->now);
    claims->taken |= (uint8_t)((verdict == LINE_OK) << claims->now);
    leave_only(claims, (uint8_t)(claims->left & ~(1u << claims->now)));
    return true;
}

static void on_claimed(struct redis_call *call, const redisReply *reply)
{
    struct join_queue *queue = CONTAINER_OF(call, struct join_queue, call);
    struct store_event *event = queue->event;
    assert(queue->sharded != NULL);
    assert(queue->batch.head != NULL);
    assert(event == queue->sharded->event); /* both are NULL if the line has ended */
    enum store_answer answer = store_judge(queue->store, call, reply, SCRIPT_CLAIM);
    if (answer == STORE_AGAIN && event != NULL) {
        send_claims(queue);
        return;
    }
    struct reply_claim got = {.outcome = LINE_UNKNOWN};
    bool came = answer == STORE_ANSWER && event != NULL;
    bool whole = came && reply_claim_read(reply, 0, &got) && got.outcome == LINE_OK &&
                 resp_len(reply) == REPLY_CLAIM_WORDS + VERDICT_WORDS * (size_t)queue->batch.len;
    bool heals = came && !whole && got.outcome == LINE_UNAVAILABLE;
    if (heals && queue->shard != SHARD_EVENT)
        sharded_refused(queue, &queue->batch, false); /* the shard has to be opened first */
    for (size_t at = REPLY_CLAIM_WORDS; queue->batch.head != NULL; at += VERDICT_WORDS) {
        struct line_link *link = calls_pop(&queue->batch);
        struct line_join *join = join_of(link);
        bool is_end = is_ending(join);
        if (!whole || !take_verdict(join, reply, at))
            calls_refuse(link, LINE_UNAVAILABLE);
        else if (is_end && join->claims.left == 0)
            decide(link);
        else
            go_on(queue->sharded, link);
    }
    if (came && calls_is_renewed(reply))
        store_tick_now(event);
    else if (heals && queue->shard == SHARD_EVENT)
        store_begin_healing(event);
    sharded_batch_done(queue->sharded);
}

void joins_end(struct line_sharded *sharded, struct line_link *link)
{
    struct line_join *join = join_of(link);
    enum line_outcome outcome = join->outcome;
    bool has_place = outcome == LINE_OK || outcome == LINE_SAME;
    bool may_have = outcome == LINE_UNAVAILABLE || outcome == LINE_CONFLICT ||
                    outcome == LINE_RENEWED; /* it has a number but does not know it */
    uint8_t unused = has_place ? join->claims.spare : may_have ? 0 : join->claims.taken;
    bool code_back = has(unused, CLAIM_CODE), invitation_back = has(unused, CLAIM_INVITATION);
    bool address_back = has(unused, CLAIM_ADDRESS);
    bool opens = has_place && !code_back && join->claims.channel[0] != '\0';
    assert(!opens || !code_back); /* a code either opens a place or is returned */
    leave_only(&join->claims,
               (uint8_t)(invitation_back << CLAIM_INVITATION_BACK | code_back << CLAIM_CODE_BACK |
                         address_back << CLAIM_ADDRESS_BACK | opens << CLAIM_OPENED));
    if (join->claims.left > 0 && sharded->event != NULL)
        go_on(sharded, link);
    else
        decide(link);
}

/* ---- places ---- */

static void on_joined(struct redis_call *call, const redisReply *reply);

/* The number of the key's ended place; 0: none, or the key's number is of another shard. */
static uint64_t over_of(const struct join_queue *queue, const struct line_join *join)
{
    assert(!queue->claims);                     /* only a number follows another */
    assert(join->over == 0 || join->held == 0); /* it has lost its place, or holds one */
    if (queue->sharded == NULL)
        return join->over;
    struct cuts_spot spot;
    bool is_here = cuts_spot(shards_cuts(queue->sharded->shards), join->over, &spot) &&
                   spot.shard == queue->shard;
    return is_here ? spot.number : 0;
}

/* The ended places and one-time things (work, invitations, codes) of a batch's joins; few have any.
 * On a sharded line things are already claimed: a failed claim is sent, and those of invitations
 * and codes, which the number is stored with. */
static uint64_t count_spends(const struct join_queue *queue)
{
    uint64_t spends = 0;
    for (const struct line_link *link = queue->batch.head; link != NULL; link = link->next) {
        const struct line_join *join = join_of(link);
        const struct line_claims *claims = &join->claims;
        spends += over_of(queue, join) > 0;
        spends += queue->sharded != NULL ? (uint64_t)has(claims->made, CLAIM_INVITATION) +
                                               has(claims->made, CLAIM_CODE) + claims->is_refused
                                         : (uint64_t)join->has_work + join->has_invitation +
                                               join->has_code + (join->held > 0);
    }
    return spends;
}

static void put_number(struct text *command, uint64_t index, const char *kind, uint64_t number)
{
    assert(index < STORE_JOIN_BATCH_MAX);
    resp_u64(command, index);
    resp_cstr(command, kind);
    resp_u64(command, number);
    TEXT_LIT(command, RESP_EMPTY);
}

/* A claimer has at most one code, whichever it shows (claim.lua), but maybe several invitations. */
static void put_claimed(struct text *command, uint64_t index, const struct line_join *join)
{
    const struct line_claims *claims = &join->claims;
    uint8_t memory[JOIN_KEY_BYTES];
    struct span claimer = {claimer_of(join, memory).ptr, JOIN_KEY_FIELD_BYTES};
    assert((claims->taken & ~claims->made) == 0);
    if (has(claims->made, CLAIM_INVITATION)) {
        resp_u64(command, index);
        resp_cstr(command, "claimed");
        resp_word(command, (struct span){(const char *)join->invitation, JOIN_KEY_FIELD_BYTES});
        resp_u64(command, JOIN_INVITATION_LEFT);
    }
    if (has(claims->made, CLAIM_CODE)) {
        resp_u64(command, index);
        resp_cstr(command, "claimed");
        resp_word(command, join->over > 0 ? claimer : SPAN("code"));
        resp_u64(command, JOIN_CODE_LEFT);
    }
    if (claims->is_refused)
        put_number(command, index, "refused", claims->why);
}

static void put_spends(struct text *command, const struct join_queue *queue)
{
    uint64_t index = 0;
    for (const struct line_link *link = queue->batch.head; link != NULL;
         link = link->next, index++) {
        const struct line_join *join = join_of(link);
        uint64_t over = over_of(queue, join);
        if (over > 0) /* the first, as it decides whether the others are needed */
            put_number(command, index, "over", over);
        if (queue->sharded != NULL) {
            put_claimed(command, index, join);
            continue;
        }
        if (join->has_work) {
            resp_u64(command, index);
            resp_cstr(command, "work");
            resp_u64(command, join->work_minute);
            resp_word(command, (struct span){(const char *)join->work, JOIN_KEY_FIELD_BYTES});
        }
        if (join->has_invitation) {
            resp_u64(command, index);
            resp_cstr(command, "invitation");
            resp_word(command, key_of(join->invitation));
            TEXT_LIT(command, RESP_EMPTY);
        }
        if (join->has_code) {
            resp_u64(command, index);
            resp_cstr(command, "code");
            resp_word(command, (struct span){(const char *)join->code, LINE_CODE_BYTES});
            resp_word(command, calls_address(join->addr));
        }
        if (join->held > 0) /* after the code, which comes first */
            put_number(command, index, "refused", join->held);
    }
    assert(index == queue->batch.len);
}

static void put_words(struct join_words *words, const struct join_queue *queue)
{
    size_t nth = 0;
    for (const struct line_link *link = queue->batch.head; link != NULL; link = link->next, nth++) {
        const struct line_join *join = join_of(link);
        assert(nth < STORE_JOIN_BATCH_MAX);
        uint8_t *key = words->keys + nth * JOIN_KEY_BYTES;
        /* A join without its own key is identified by its work. */
        if (join->held == 0 && (join->has_idem || (queue->sharded != NULL && join->has_work)))
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

static void send_batch(struct join_queue *queue)
{
    const struct store_event *event = queue->event;
    struct line_store *store = queue->store;
    assert(!queue->claims);
    assert(queue->batch.head != NULL);
    assert(event != NULL);
    assert(queue->shard != SHARD_EVENT); /* only shards give numbers */
    assert((queue->sharded == NULL) == (queue == &event->joins));
    const struct line_join *first = join_of(queue->batch.head);
    /* Addresses are sent only if the event counts them, or if we do not know yet. */
    bool limited = queue->sharded == NULL &&
                   (!event->line.filled || event->line.view.knobs.joins_per_ip_per_min > 0);
    char memory[2 * 20 + 1];
    struct text by = text_on(memory, sizeof(memory)); /* "version.era", as the other words */
    if (first->version > 0) {
        text_u64(&by, first->version);
        text_char(&by, '.');
        text_u64(&by, first->era);
    }
    assert(!by.overflown);
    struct join_words words;
    put_words(&words, queue);
    const struct ask_join ask = {
        .issued = queue->sharded != NULL ? sharded_issued(queue) : event->line.marks.issued,
        .joins = queue->batch.len,
        .judged_by = text_span(&by),
        .shown = count_spends(queue),
        .keys = {(const char *)words.keys, (size_t)JOIN_KEY_BYTES * queue->batch.len},
        .addresses = {(const char *)words.addresses,
                      limited ? (size_t)JOIN_ADDRESS_BYTES * queue->batch.len : 0},
    };
    const char *id = event->line.view.id;
    uint64_t args = ASK_JOIN_WORDS + SPEND_WORDS * ask.shown;
    struct text command = queue->sharded != NULL
                              ? store_shard_script(store, SCRIPT_JOIN, id, queue->shard, args)
                              : store_script(store, SCRIPT_JOIN, id, args);
    ask_join_put(&command, &ask);
    put_spends(&command, queue);
    queue->call.deadline_us = queue->batch.head->call.deadline_us; /* the head has waited longest */
    queue->call.on_reply = on_joined;
    store_count(&store->stats.join_calls, 1);
    store_send(store, &queue->call, &command);
}

/* Sends the next batch; none is under way. */
static void send_gathered(struct join_queue *queue)
{
    assert(queue->batch.head == NULL);
    assert(queue->gathered.head != NULL);
    assert(queue->event != NULL); /* gathered joins of an ended line are already answered */
    if (queue->event->healing || !store_can_send(queue->store, queue->slot)) {
        while (queue->gathered.head != NULL)
            calls_refuse(calls_pop(&queue->gathered), LINE_UNAVAILABLE);
        return;
    }
    /* A batch is checked against one document; joins checked against another wait. */
    const struct line_join *first = join_of(queue->gathered.head);
    while (queue->gathered.head != NULL && queue->batch.len < STORE_JOIN_BATCH_MAX &&
           join_of(queue->gathered.head)->version == first->version &&
           join_of(queue->gathered.head)->era == first->era)
        calls_push(&queue->batch, calls_pop(&queue->gathered));
    assert(queue->batch.len > 0);
    assert(queue->batch.len <= STORE_JOIN_BATCH_MAX);
    queue->call.tries = 0;
    if (queue->claims)
        send_claims(queue);
    else
        send_batch(queue);
}

void joins_weed(struct join_queue *queue, uint64_t now_us)
{
    assert(queue->event != NULL);
    const struct line_view *view = &queue->event->line.view;
    for (uint32_t left = queue->gathered.len; left > 0; left--) {
        struct line_link *link = calls_pop(&queue->gathered);
        const struct line_join *join = join_of(link);
        /* A lane's picture may be older than the event's, by which its joins were checked. */
        bool is_older =
            join->era < view->era || (join->era == view->era && join->version < view->version);
        bool of_another =
            join->version > 0 && queue->event->line.filled && !is_ending(join) && is_older;
        if (now_us + STORE_AGAIN_MS * 1000 >= link->call.deadline_us)
            calls_refuse(link, LINE_UNAVAILABLE);
        else if (of_another)
            calls_refuse(link, LINE_CONFLICT);
        else
            calls_push(&queue->gathered, link);
    }
}

static bool is_ready(const struct join_queue *queue)
{
    return queue->gathered.head != NULL && queue->batch.head == NULL;
}

/* For a sharded line. Not 0: held back; try again after this many ms. */
static uint32_t send_weeded(struct join_queue *queue)
{
    assert(queue->sharded != NULL);
    uint64_t now_us = store_now_us(queue->store);
    uint32_t held_ms = queue->claims ? 0 : batch_hold_ms(&queue->pace, queue->gathered.len, now_us);
    if (held_ms > 0)
        return held_ms;
    joins_weed(queue, now_us);
    if (queue->gathered.head != NULL)
        send_gathered(queue);
    return 0;
}

static void on_held(uv_timer_t *timer)
{
    redis_route_wake(MAGIC_OF(line_store, timer->data)->route);
}

void joins_send_gathered(struct line_store *store)
{
    assert(!store->closed); /* a closed store has answered all */
    uint32_t held_ms = 0;   /* the shortest delay; 0: nothing is held back */
    for (uint32_t i = 0; i < store->events_len; i++) {
        struct store_event *event = store->events[i];
        if (is_ready(&event->joins))
            send_gathered(&event->joins);
        struct line_sharded *sharded = event->sharded;
        for (uint8_t k = 0; sharded != NULL && k < sharded->queues; k++) {
            if (!is_ready(&sharded->queue[k]) || !sharded_is_open(&sharded->queue[k]))
                continue;
            uint32_t ms = send_weeded(&sharded->queue[k]);
            if (ms > 0 && (held_ms == 0 || ms < held_ms))
                held_ms = ms;
        }
    }
    if (held_ms > 0)
        uv_timer_start(&store->held_timer, on_held, held_ms, 0);
}

void joins_queue_init(struct join_queue *queue, struct store_event *event)
{
    assert(event->store != NULL);
    *queue = (struct join_queue){.store = event->store, .event = event, .slot = event->slot};
}

bool joins_is_busy(const struct join_queue *queue)
{
    return queue->gathered.head != NULL || queue->batch.head != NULL;
}

static void finish_join(struct line_link *link)
{
    struct line_join *join = join_of(link);
    join->on_done(join);
}

void line_store_join(struct line_store *store, struct line_join *join)
{
    assert(join->on_done != NULL);
    join->state = LINE_DRAFT;
    join->entry = 0;
    join->retry_after_ms = 0;
    calls_begin(store, &join->store, finish_join, &join->outcome, &join->retry_after_ms);
    store_count(&store->stats.joins, 1);
    struct store_event *event = calls_admit(&join->store, join->event);
    if (event == NULL)
        return;
    join->state = event->line.view.state;
    bool in_shards = event->line.view.knobs.shards > 1;
    struct line_sharded *sharded = event->sharded;
    struct join_queue *queue = &event->joins;
    if (in_shards && sharded != NULL) {
        assert(sharded->event == event);
        claims_begin(sharded, join);
        queue = claims_queue(sharded, join);
    }
    if (event->doubted || (in_shards && (sharded == NULL || !store_can_send(store, queue->slot)))) {
        calls_refuse(&join->store, LINE_UNAVAILABLE);
        return;
    }
    assert(queue->event == event);
    if (in_shards)
        sharded_hurry(sharded);
    calls_push(&queue->gathered, &join->store);
    if (queue->batch.head != NULL || (in_shards && !sharded_is_open(queue)))
        return;
    if (queue->gathered.len < STORE_JOIN_BATCH_MAX) {
        redis_route_wake(store->route);
        return;
    }
    /* A turn with thousands of ready joins is long; Redis should not wait for its end. */
    uint32_t held_ms = 0;
    if (in_shards)
        held_ms = send_weeded(queue);
    else
        send_gathered(queue);
    assert(held_ms == 0);            /* a full batch is never held back */
    redis_route_flush(store->route); /* last: the join may be freed now */
}

/* Joins whose place is not simply the next one: pairs of index and place. */
static bool read_odd(const redisReply *reply, size_t *at, uint64_t index, uint64_t *place)
{
    uint64_t odd;
    if (!resp_get_u64(reply, *at, &odd) || odd != index || !resp_get_u64(reply, *at + 1, place))
        return false;
    *at += 2;
    return true;
}

/* After an earlier number: the claims that did not open it. */
static void read_spare(const redisReply *reply, size_t *at, uint64_t index, struct line_join *join)
{
    uint64_t of, what;
    join->claims.spare |= (uint8_t)(join->claims.taken & 1u << CLAIM_ADDRESS);
    while (resp_get_u64(reply, *at, &of) && of == index && resp_get_u64(reply, *at + 1, &what) &&
           (what == JOIN_INVITATION_LEFT || what == JOIN_CODE_LEFT)) {
        enum claim claim = what == JOIN_CODE_LEFT ? CLAIM_CODE : CLAIM_INVITATION;
        join->claims.spare |= (uint8_t)(1u << claim);
        *at += 2;
    }
}

/* A join that got no place, because of a failed claim or a full line. */
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

/* Answered at the end of the turn, or with the cut that makes the place. */
static void hand_out(struct join_queue *queue, const redisReply *reply)
{
    struct line_store *store = queue->store;
    struct request_list *batch = &queue->batch, refused = {NULL, NULL, 0};
    assert(batch->head != NULL);
    /* A refusal ends with its outcome, or with the state, or has a retry time. */
    struct reply_join got = {.outcome = LINE_UNAVAILABLE};
    bool whole = reply_join_read(reply, 0, &got);
    if (got.outcome >= LINE_OUTCOME_COUNT || got.state >= LINE_STATE_COUNT ||
        (got.outcome == LINE_OK && (!whole || got.first == 0)))
        got.outcome = LINE_UNAVAILABLE;
    if (got.state >= LINE_STATE_COUNT)
        got.state = LINE_DRAFT;
    /* The shard's document or ours is outdated, or the shard has to be sealed: nothing was done,
     * and a retry may succeed soon. */
    bool is_sharded = queue->sharded != NULL && queue->event != NULL;
    if (is_sharded && reply != NULL &&
        (got.outcome == LINE_UNAVAILABLE || got.outcome == LINE_CONFLICT)) {
        sharded_refused(queue, batch, got.outcome == LINE_CONFLICT);
        return;
    }
    size_t odd = REPLY_JOIN_WORDS;
    for (uint64_t index = 0; batch->head != NULL; index++) {
        struct line_link *link = calls_pop(batch);
        struct line_join *join = join_of(link);
        uint64_t place = 0;
        assert(join->entry == 0); /* a join with a number does not request another */
        join->outcome = (enum line_outcome)got.outcome;
        join->state = (enum line_state)got.state;
        if (got.outcome != LINE_OK) {
            join->retry_after_ms = got.retry_ms > 0 ? got.retry_ms : STORE_RETRY_MS;
        } else if (!read_odd(reply, &odd, index, &place)) {
            join->entry = got.first++;
        } else if (is_sharded && (place == JOIN_LEASE_OUT ||
                                  (place == JOIN_LINE_FULL && sharded_room(queue->sharded) > 0))) {
            calls_push(&refused, link); /* the shard may give a number after the next cut */
            continue;
        } else if (place > LINE_PLACE_MAX) {
            refuse_place(join, place, got.retry_ms);
        } else if (place > 0) {
            join->outcome = LINE_SAME;
            join->entry = place;
            read_spare(reply, &odd, index, join);
        } else {
            join->outcome = LINE_LIMITED;
            join->retry_after_ms = got.retry_ms;
        }
        if (queue->sharded == NULL)
            calls_push(&store->decided, link);
        else if (join->entry > 0)
            sharded_wait(queue, link);
        else
            joins_end(queue->sharded, link);
    }
    if (refused.head != NULL)
        sharded_refused(queue, &refused, false);
    redis_route_wake(store->route);
}

/* The highest place in the reply becomes a mark before it is shown. */
static void note_places(struct store_event *event, const redisReply *reply)
{
    struct reply_join got = {.outcome = LINE_UNKNOWN};
    bool whole = reply_join_read(reply, 0, &got);
    if (got.outcome == LINE_UNAVAILABLE)
        store_begin_healing(event);
    if (got.outcome == LINE_RENEWED || got.outcome == LINE_CONFLICT)
        store_tick_now(event);
    if (got.outcome != LINE_OK || !whole)
        return;
    assert(resp_len(reply) >= REPLY_JOIN_WORDS);
    uint64_t odd = (resp_len(reply) - REPLY_JOIN_WORDS) / 2;
    if (odd < event->joins.batch.len)
        line_event_saw_place(&event->line, got.first + event->joins.batch.len - odd - 1);
}

static void on_joined(struct redis_call *call, const redisReply *reply)
{
    struct join_queue *queue = CONTAINER_OF(call, struct join_queue, call);
    assert(!queue->claims);
    assert(queue->event != NULL ||
           queue->sharded != NULL); /* only a sharded line ends before its calls */
    enum store_answer answer = store_judge(queue->store, call, reply, SCRIPT_JOIN);
    if (answer == STORE_AGAIN && queue->event != NULL) {
        send_batch(queue);
        return;
    }
    if (answer == STORE_ANSWER && resp_len(reply) > 0 && queue->sharded == NULL)
        note_places(queue->event, reply);
    else if (answer == STORE_ANSWER && queue->event != NULL && calls_is_renewed(reply))
        store_tick_now(queue->event);
    hand_out(queue, answer == STORE_ANSWER ? reply : NULL);
    if (queue->sharded != NULL)
        sharded_batch_done(queue->sharded);
}
