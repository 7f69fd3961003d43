/* line_rim.c: a line that is kept in shards, as one front keeps it going: joins get their numbers
 * from their shard (line_joins.c), wait here for the cut that makes places of them, and turns see
 * to it that there are cuts. The decisions are in
 * core/line/shards.c; it is sent and read in line_rim_calls.c.
 *
 * A turn begins every 20 ms where somebody waits, and every second where nobody does. It ends with
 * places for all who have one by now; what a shard refused is then sent again. Nobody waits longer
 * than any other request: a join that came to no place in time is "not known", and finds its number
 * again by its key.
 *
 * The rules that joins are judged by are sent to a shard with each reading of it. After a change of
 * the document some turns claim the next cut for that alone; until then shards and fronts disagree,
 * and joins wait for them to agree.
 *
 * Of several loops of one process one reads the cuts from Redis, and puts them on a board where the
 * others look, more often (cut_board.h). With many fronts on an event those that make no cuts read
 * less often, so that Redis has no more work: a place is then known by so much later, and no other.
 *
 * The sharded line ends before its event does, and may outlive it until the calls under way are
 * answered. */
#include "board/cut_board.h"
#include "line/line_store_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TELLING_TURNS = 3, /* that claim a cut after a change of the document: one of them gets it */
    BOARD_LOOK_MS = 5, /* how often the board is looked at: it costs no call */
};

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

static bool has_calls(const struct line_rim *rim)
{
    bool any = rim->calls > 0;
    for (uint8_t k = 0; k < rim->lots; k++)
        any |= rim->lot[k].batch.head != NULL;
    return any;
}

void rim_end(struct line_rim *rim)
{
    assert(rim->event == NULL); /* nobody finds it any more */
    if (rim->closing || has_calls(rim))
        return;
    rim->closing = true;
    uv_close((uv_handle_t *)&rim->timer, on_closed);
}

void rim_batch_done(struct line_rim *rim)
{
    if (rim->event == NULL)
        rim_end(rim);
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
    rim_end(rim);
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

static void on_timer(uv_timer_t *timer);

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

/* Without memory there is none, and the next tick tries again. */
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
    assert(rim->lots == 2 * shards + 1); /* as claims_lot() counts them */
    uv_timer_init(event->store->conf.loop, &rim->timer);
    rim->timer.data = rim;
    event->store->handles++;
    event->rim = rim;
    uv_timer_start(&rim->timer, on_timer, 0, 0);
}

void rim_look(struct store_event *event)
{
    const struct line_view *view = &event->line.view;
    struct line_rim *rim = event->rim;
    if (view->knobs.shards <= 1 || event->store->closed)
        return;
    if (rim != NULL && view->knobs.shards != shards_count(rim->shards)) {
        rim_close(event); /* event_doc.c changes no number of shards; somebody else did */
        rim = NULL;
    }
    if (rim == NULL) {
        if (view->state != LINE_CLOSED) /* early, so that its shards are open when it opens */
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

struct join_lot *rim_lot(struct store_event *event, struct line_join *join)
{
    struct line_rim *rim = event->rim;
    if (rim == NULL)
        return NULL;
    assert(rim->event == event);
    claims_begin(rim, join);
    struct join_lot *lot = claims_lot(rim, join);
    if (!store_can_send(rim->store, lot->slot))
        return NULL;
    rim_hurry(rim);
    return lot;
}

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
    assert(lot->event != NULL); /* else nobody sends them again */
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

/* ---- turns ---- */

static uint32_t pause_of(const struct line_rim *rim, bool hurry)
{
    uint32_t pause_ms = shards_pause_ms(rim->shards, hurry);
    bool looks = hurry && rim->store->conf.board != NULL && shards_is_sure(rim->shards);
    return looks && pause_ms > BOARD_LOOK_MS ? BOARD_LOOK_MS : pause_ms;
}

static void arm(struct line_rim *rim, bool hurry)
{
    assert(!rim->closing);
    assert(!rim->turning); /* its end starts the timer */
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

void rim_rest(struct line_rim *rim)
{
    assert(shards_is_resting(rim->shards));
    uint64_t now_us = store_now_us(rim->store);
    rim->turning = false;
    rim->rested_us = now_us;
    /* Answers those whose cut is here, and those who have waited too long. */
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
            claims_end(rim, link);
        } else if (now_us >= link->call.deadline_us) {
            join->entry = 0;
            calls_refuse(link, LINE_UNAVAILABLE);
        } else {
            calls_push(&rim->waiting, link);
        }
    }
    for (uint8_t k = 0; k < rim->lots; k++)
        joins_weed(&rim->lot[k], now_us);
    redis_route_wake(rim->store->route); /* what was refused is sent at the end of this turn */
    arm(rim, rim->telling > 0 || somebody_waits(rim));
}

static const struct store_node *node_of(const struct line_rim *rim)
{
    uint8_t node = redis_route_node(rim->store->route, rim->event->slot);
    return node != REDIS_NOBODY ? &rim->store->node[node] : NULL;
}

/* What other loops have read. True: one of them has asked Redis a moment ago, so this one need not.
 */
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
        rim_rest(rim);
        return;
    }
    /* Another run of Redis may have lost cuts that a plain read would not miss. */
    const struct store_node *node = node_of(rim);
    if (node != NULL && strcmp(node->run_id, rim->run_id) != 0) {
        memcpy(rim->run_id, node->run_id, sizeof(rim->run_id));
        shards_doubt(rim->shards);
    }
    if (hear(rim)) {
        rim_rest(rim);
        return;
    }
    shards_begin(rim->shards, rim->telling > 0 || somebody_waits(rim));
    rim->telling = rim->telling > 0 ? rim->telling - 1 : 0;
    rim->turning = true;
    rim_go_on(rim);
}
