/* line_claims.c: what joins of a line in shards show that goes beyond the visitor.
 *
 * A join is numbered in the shard that its key hashes to, and whatever is the visitor's alone lies
 * there. Work, an invitation, an address and a presale code may come with other keys too. So they
 * are claimed first, one after the other, where their own names hash to (lua/claim.lua); joins that
 * bring none of them, of an event that counts no addresses, go to their shard at once and cost no
 * more than they did. What is wrong goes along with the join: a key that has a number keeps it.
 *
 * Claims gather and are sent as joins are, a batch for each slot, and wait like these for a shard
 * that has to be opened. They are the key's for good, so nothing is lost if a front dies in
 * between. Two things are said once it is known how a join ends: which channel its code opens, for
 * the pass, before the place is shown; and that a use of a code is free again. */
#include "line/line_store_internal.h"

#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <string.h>

enum claim { CLAIM_WORK, CLAIM_INVITATION, CLAIM_CODE, CLAIM_ADDRESS, CLAIM_BACK, CLAIM_OPENED };
enum { CLAIM_NONE = CLAIM_OPENED + 1, CLAIM_WORDS = 4, VERDICT_WORDS = 2 };

static struct line_join *join_of(struct line_link *link)
{
    return CONTAINER_OF(link, struct line_join, store);
}

static void leave_only(struct line_claims *claims, uint8_t left)
{
    claims->left = left;
    /* In the order of the enum: what is cheapest to others comes first. */
    assert(claims->left < 1u << CLAIM_NONE); /* no other is ever made */
    claims->now = CLAIM_WORK;
    while (claims->now < CLAIM_NONE && (claims->left >> claims->now & 1) == 0)
        claims->now++;
}

void claims_begin(struct line_rim *rim, struct line_join *join)
{
    assert(rim->event != NULL);
    bool counted = rim->event->line.view.knobs.joins_per_ip_per_min > 0;
    join->claims = (struct line_claims){.left = 0};
    leave_only(&join->claims,
               (uint8_t)(join->has_work << CLAIM_WORK | join->has_invitation << CLAIM_INVITATION |
                         join->has_code << CLAIM_CODE | counted << CLAIM_ADDRESS));
}

struct join_lot *claims_lot(struct line_rim *rim, const struct line_join *join)
{
    const struct shards *shards = rim->shards;
    uint8_t count = shards_count(shards);
    assert(join->claims.now <= CLAIM_NONE);
    assert(rim->lots == 2 * count + 1); /* numbers, claims, and the event's own slot */
    switch (join->claims.now) {
    case CLAIM_WORK:
        return &rim->lot[count + shards_of(shards, join->work)];
    case CLAIM_INVITATION:
        return &rim->lot[count + shards_of(shards, join->invitation)];
    case CLAIM_ADDRESS:
        return &rim->lot[count + shards_of_address(shards, calls_address(join->addr))];
    case CLAIM_NONE:
        return &rim->lot[shards_of(shards, join->idem)];
    default:
        return &rim->lot[2 * count];
    }
}

static void go_on(struct line_rim *rim, struct line_link *link)
{
    assert(rim->event != NULL); /* else nobody sends what gathers */
    calls_push(&claims_lot(rim, join_of(link))->gathered, link);
    redis_route_wake(rim->store->route);
}

static void decide(struct line_link *link)
{
    calls_push(&link->store->decided, link);
    redis_route_wake(link->store->route);
}

static void put_claim(struct text *command, const struct line_join *join)
{
    static const char *const kinds[CLAIM_NONE] = {
        [CLAIM_WORK] = "work", [CLAIM_INVITATION] = "invitation",
        [CLAIM_CODE] = "code", [CLAIM_ADDRESS] = "address",
        [CLAIM_BACK] = "back", [CLAIM_OPENED] = "opened",
    };
    assert(join->claims.left >> join->claims.now & 1);
    resp_cstr(command, kinds[join->claims.now]);
    resp_word(command, joins_key(join->idem));
    switch ((enum claim)join->claims.now) {
    case CLAIM_WORK:
        resp_u64(command, join->work_minute);
        resp_word(command, (struct span){(const char *)join->work, JOIN_KEY_FIELD_BYTES});
        return;
    case CLAIM_INVITATION:
        resp_word(command, joins_key(join->invitation));
        TEXT_LIT(command, RESP_EMPTY);
        return;
    case CLAIM_ADDRESS:
        resp_word(command, calls_address(join->addr));
        TEXT_LIT(command, RESP_EMPTY);
        return;
    case CLAIM_CODE:
    case CLAIM_BACK:
        resp_word(command, (struct span){(const char *)join->code, LINE_CODE_BYTES});
        resp_word(command, calls_address(join->addr));
        return;
    case CLAIM_OPENED:
        assert(join->claims.channel[0] != '\0');
        resp_u64(command, join->entry);
        resp_cstr(command, join->claims.channel);
        return;
    }
}

static void on_answered(struct redis_call *call, const redisReply *reply);

void claims_send_batch(struct join_lot *lot)
{
    assert(lot->claims);
    assert(lot->event != NULL);
    const char *id = lot->event->line.view.id;
    assert(lot->batch.head != NULL);
    assert(lot->batch.len <= STORE_JOIN_BATCH_MAX);
    uint64_t args = ASK_CLAIM_WORDS + CLAIM_WORDS * (uint64_t)lot->batch.len;
    struct text command = lot->shard == RIM_EVENT
                              ? store_script(lot->store, SCRIPT_CLAIM, id, args)
                              : store_shard_script(lot->store, SCRIPT_CLAIM, id, lot->shard, args);
    const struct ask_claim ask = {.of_codes = lot->shard == RIM_EVENT};
    ask_claim_put(&command, &ask);
    for (struct line_link *link = lot->batch.head; link != NULL; link = link->next)
        put_claim(&command, join_of(link));
    lot->call.deadline_us = lot->batch.head->call.deadline_us; /* it has waited the longest */
    lot->call.on_reply = on_answered;
    store_send(lot->store, &lot->call, &command);
}

static bool take_verdict(struct line_join *join, const redisReply *reply, size_t at)
{
    struct line_claims *claims = &join->claims;
    uint64_t verdict;
    struct span channel;
    assert(claims->now < CLAIM_NONE); /* it was asked for one */
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
    claims->took_code |= claims->now == CLAIM_CODE && verdict == LINE_OK;
    leave_only(claims, (uint8_t)(claims->left & ~(1u << claims->now)));
    return true;
}

static void take_one(struct join_lot *lot, struct line_link *link, const redisReply *reply,
                     size_t at)
{
    struct line_join *join = join_of(link);
    bool is_end = join->claims.now == CLAIM_BACK || join->claims.now == CLAIM_OPENED;
    if (reply == NULL || !take_verdict(join, reply, at))
        calls_refuse(link, LINE_UNAVAILABLE);
    else if (is_end)
        decide(link);
    else
        go_on(lot->rim, link);
}

static void on_answered(struct redis_call *call, const redisReply *reply)
{
    struct join_lot *lot = CONTAINER_OF(call, struct join_lot, call);
    struct store_event *event = lot->event;
    assert(lot->rim != NULL);
    assert(lot->batch.head != NULL);
    assert(event == lot->rim->event); /* of a line that has ended, both are NULL */
    enum store_answer answer = store_judge(lot->store, call, reply, SCRIPT_CLAIM);
    if (answer == STORE_AGAIN && event != NULL) {
        claims_send_batch(lot);
        return;
    }
    struct tell_claim tell = {.outcome = LINE_UNKNOWN};
    bool came = answer == STORE_ANSWER && event != NULL;
    bool whole = came && tell_claim_read(reply, 0, &tell) && tell.outcome == LINE_OK &&
                 resp_len(reply) == TELL_CLAIM_WORDS + VERDICT_WORDS * (size_t)lot->batch.len;
    bool heals = came && !whole && tell.outcome == LINE_UNAVAILABLE;
    if (heals && lot->shard != RIM_EVENT)
        rim_refused(lot, &lot->batch, false); /* it has to be opened first */
    for (size_t at = TELL_CLAIM_WORDS; lot->batch.head != NULL; at += VERDICT_WORDS)
        take_one(lot, calls_pop(&lot->batch), whole ? reply : NULL, at);
    if (came && calls_is_renewed(reply))
        store_tick_now(event);
    else if (heals && lot->shard == RIM_EVENT)
        store_begin_healing(event);
    rim_batch_done(lot->rim);
}

static bool is_refused(const struct line_join *join)
{
    return join->outcome != LINE_OK && join->outcome != LINE_SAME;
}

/* Not of one that may have a number and does not know it. */
static bool is_refused_for_good(const struct line_join *join)
{
    return is_refused(join) && join->outcome != LINE_UNAVAILABLE &&
           join->outcome != LINE_CONFLICT && join->outcome != LINE_RENEWED;
}

void claims_end(struct line_rim *rim, struct line_link *link)
{
    struct line_join *join = join_of(link);
    bool opens = !is_refused(join) && join->claims.channel[0] != '\0';
    bool gives_back = join->claims.took_code && is_refused_for_good(join);
    assert(!opens || !gives_back); /* a code opens a place or is free again */
    leave_only(&join->claims, (uint8_t)(opens << CLAIM_OPENED | gives_back << CLAIM_BACK));
    if (join->claims.left > 0 && rim->event != NULL)
        go_on(rim, link);
    else
        decide(link);
}
