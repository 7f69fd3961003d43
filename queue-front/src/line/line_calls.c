/* line_calls.c: the life of a request: begun, admitted to its event, decided or sent, finished.
 *
 * A request is the caller's memory, so nothing is allocated for it; lists go through its `store`
 * part. Each is answered exactly once and never from within the call. What can be decided
 * immediately (no such event, no connection, too many) goes on the list of decided requests, which
 * the end of the turn answers.
 *
 * Order. Redis works in the order in which commands are sent, so priorities are set here. A visit
 * (line_visits.c) is written to the connection when it is asked for; joins (line_joins.c) gather
 * and are written at the end of the turn. So a pass that was read behind a crowd of joins goes
 * ahead of them. (`me` asks nothing of Redis and is answered when it is read. Under overload joins
 * are refused long before visits are, see core/load/shed.h.)
 *
 * Repeats. Redis may have done what it did not answer, so a request that failed is LINE_UNAVAILABLE
 * and never repeated by us, except where the answer says that nothing ran: NOSCRIPT, and the same
 * request goes out with the script's text in it; MOVED or ASK, and it goes to another server. */
#include "line/line_store_internal.h"

#include "base/bug.h"

#include <assert.h>
#include <string.h>

void calls_push(struct request_list *list, struct line_link *link)
{
    assert((list->head == NULL) == (list->len == 0));
    assert((list->tail == NULL) == (list->len == 0));
    assert(list->tail == NULL || list->tail->next == NULL); /* nobody is in two lists */
    link->next = NULL;
    if (list->tail != NULL)
        list->tail->next = link;
    else
        list->head = link;
    list->tail = link;
    list->len++;
}

struct line_link *calls_pop(struct request_list *list)
{
    struct line_link *link = list->head;
    assert(link != NULL);
    assert(list->len > 0);
    list->head = link->next;
    if (list->head == NULL)
        list->tail = NULL;
    list->len--;
    assert((list->head == NULL) == (list->len == 0));
    return link;
}

void calls_put_before(struct request_list *list, struct request_list *first)
{
    assert(list != first);
    if (first->head == NULL)
        return;
    assert(first->tail->next == NULL);
    first->tail->next = list->head;
    list->tail = list->tail != NULL ? list->tail : first->tail;
    list->head = first->head;
    list->len += first->len;
    *first = (struct request_list){NULL, NULL, 0};
}

void calls_finish(struct line_link *link)
{
    assert(link->store->requests > 0);
    link->store->requests--;
    if (link->event != NULL) {
        assert(link->event->store == link->store);
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
    assert(outcome < LINE_OUTCOME_COUNT);
    assert(outcome != LINE_OK); /* it carries nothing that was given */
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
void calls_refuse(struct line_link *link, enum line_outcome outcome)
{
    assert(link->store->requests > 0); /* else it has been answered */
    set_outcome(link, outcome, STORE_RETRY_MS);
    calls_push(&link->store->decided, link);
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
    assert(event != NULL);
    assert(link->event == event); /* which therefore has not been let go */
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
    assert(store->decided.len <= store->requests);
    /* What is decided meanwhile has woken the next turn. A closing store has answered all. */
    for (uint32_t left = store->decided.len; left > 0 && store->decided.head != NULL; left--)
        calls_finish(calls_pop(&store->decided));
}

void calls_refuse_gathered(struct line_store *store)
{
    assert(store->closed); /* or its handlers would ask for more */
    calls_answer_decided(store);
    for (uint32_t i = 0; i < store->events_len; i++) {
        struct request_list *gathered = &store->events[i]->joins.gathered;
        while (gathered->head != NULL)
            calls_finish_unknown(calls_pop(gathered));
    }
}

void calls_begin(struct line_store *store, struct line_link *link, enum request_kind kind)
{
    assert(!store->closed);
    assert(kind <= REQUEST_ADMIN);
    *link = (struct line_link){.store = store, .kind = (uint8_t)kind};
    link->call.deadline_us = store_now_us(store) + STORE_DEADLINE_MS * 1000;
    store->requests++;
}

/* The event that a request is about, or NULL when it has been refused. */
struct store_event *calls_admit(struct line_link *link, const char *id)
{
    struct line_store *store = link->store;
    struct store_event *event = store_find(store, span_of(id));
    assert(link->event == NULL); /* admitted once */
    /* While the set of events cannot be read, an unknown event may be one that we have not seen
     * yet. */
    bool gone = event == NULL || event->absent || event->leaving;
    if (store->discovered && gone) {
        calls_refuse(link, LINE_UNKNOWN);
    } else if (gone || event->healing || (event->doubted && link->kind == REQUEST_JOIN) ||
               !store_can_send(store, event->slot) || store->requests > STORE_REQUESTS_MAX) {
        calls_refuse(link, LINE_UNAVAILABLE);
    } else {
        link->event = event;
        event->requests++;
        return event;
    }
    return NULL;
}

bool calls_is_renewed(const redisReply *reply)
{
    uint64_t outcome;
    return resp_get_u64(reply, 0, &outcome) && outcome == LINE_RENEWED;
}

struct span calls_address(const uint8_t addr[16])
{
    static const uint8_t v4_prefix[12] = {[10] = 0xFF, [11] = 0xFF};
    bool is_v4 = memcmp(addr, v4_prefix, sizeof(v4_prefix)) == 0;
    return (struct span){(const char *)addr + (is_v4 ? 12 : 0), is_v4 ? 4 : 8};
}
