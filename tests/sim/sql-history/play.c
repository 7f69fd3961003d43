/* play.c: three sessions and two events, with few seats, holds, keys and lines, so that calls
 * collide. About half of the calls are refused: for a wrong epoch or number, a sold seat, a lock.
 *
 * Cases that PostgreSQL decides by its plan are left out: in one batch a sold seat that moves to
 * one that another leaves, two moves of one seat, two refunds of one hold's places. */
#include "play.h"

#include "base/rng.h"
#include "base/tag.h"
#include "journal/commit_queue.h"
#include "journal/store.h"
#include "tables/migrate.h"
#include "tables/statements.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSIONS = 3,
    SEATS = 16,
    HOLDS = 4, /* in areas */
    KEYS = 3,
    LEAD_KEY = 100, /* kinds do not share keys: lock_holder() ignores the kind */
    SHARED_KEY = 200,
    PLACE_KEY = 300,
    CHANGES_MAX = 250,
    PARTS_MAX = 3,
    WALK = 10, /* steps between comparisons of all tables */
    LOCK_MS = 30,
    SILENT_MS = 20,
    NOBODY_MS = 3600 * 1000,
    PLAN_SEATS = 1000,
};

static struct rng_seeded dice;
static const char *dsn;
static const struct play_side *side;
static struct pg *sessions[SESSIONS];
static unsigned session; /* the session of the next call */
static uint64_t now_ms = UINT64_C(1700000000000);
static bool rows_locked;

static uint64_t below(uint64_t bound)
{
    return rng_below(&dice.rng, bound);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static int32_t any_event(void)
{
    return chance(4) ? 3 : (int32_t)(1 + below(2)); /* event 3 does not exist */
}

static uint64_t perhaps_wrong(uint64_t right)
{
    return chance(75) ? right : right + below(3) - (right > 0);
}

/* ---- what is printed ---- */

static void print_bytes(const char *name, struct span bytes)
{
    printf(" %s=%zu:%016" PRIx64, name, bytes.len, tag_hash(bytes));
}

static void print_head(const struct store_head *head)
{
    printf(" epoch=%" PRIu64 " seq=%" PRIu64, head->epoch, head->seq);
    print_bytes("chain", (struct span){(const char *)head->chain.bytes, CHAIN_BYTES});
}

static void open_session(unsigned nth)
{
    struct err_slot err = {0};
    struct pg_conf conf = {dsn, "history", MIGRATE_SCHEMA, 60000, 60000};
    char sql[64];
    snprintf(sql, sizeof(sql), "SET lock_timeout = %d", LOCK_MS);
    if (pg_open(&conf, &err, &sessions[nth]) < 0 || sql_prepare(sessions[nth], &err) < 0 ||
        pg_run(sessions[nth], sql, &err) < 0) {
        fprintf(stderr, "a session: %s\n", err.text);
        exit(1);
    }
}

static void reopen(unsigned nth)
{
    int pid = pg_backend_pid(sessions[nth]);
    pg_close(sessions[nth]);
    side->await_end(pid);
    open_session(nth);
}

/* Returns true if the call has a result to print. Reopens a session that was ended. */
static bool answered(int rc)
{
    printf(" -> %d", rc);
    if (rc == ERR_PEER)
        printf(" %s", pg_sqlstate(sessions[session]));
    if (rc == ERR_CLOSED)
        reopen(session);
    return rc == 0;
}

static struct pg *call(const char *name)
{
    printf("\n%u %s", session, name);
    return sessions[session];
}

/* ---- reading ---- */

static bool read_head(int32_t event, struct store_head *head)
{
    static const char *const names[] = {"a", "b"};
    static const uint64_t since_ms[] = {0, 1, UINT64_C(5000000000000)}; /* one after all holds */
    struct err_slot err;
    struct store_owner owner;
    const char *name = names[below(2)];
    int rc =
        store_owners_read(call("head"), &event, 1, span_of(name), since_ms[below(3)], &err, &owner);
    printf(" %" PRId32 " %s", event, name);
    if (!answered(rc == 0 ? owner.rc : rc))
        return false;
    *head = owner.head;
    print_head(head);
    printf(" its=%d asked=%" PRIu64, owner.its, owner.asked_ms);
    return true;
}

struct walk {
    uint32_t rows, stop_after;
};

static int on_row(void *ctx, const struct store_row *row)
{
    struct walk *walk = ctx;
    printf("\n  %" PRIu64 " %" PRIu64 " %" PRIu64 " kind=%u changes=%u", row->seq, row->epoch,
           row->at_ms, row->kind, row->changes);
    print_bytes("body", row->body);
    print_bytes("chain", row->chain);
    print_bytes("idem", row->idem);
    return ++walk->rows == walk->stop_after ? ERR_STATE : 0;
}

static void follow(int32_t event, uint64_t after, uint32_t room, uint32_t stop_after)
{
    struct err_slot err;
    struct walk walk = {0, stop_after};
    bool more = false;
    int rc = store_follow(call("follow"), event, after, room, on_row, &walk, &err, &more);
    printf(" %" PRId32 " %" PRIu64 " %" PRIu32, event, after, room);
    if (answered(rc))
        printf(" more=%d", more);
}

static int on_sold(void *ctx, const struct sql_sold_list_row *sold)
{
    (void)ctx;
    printf("\n  %" PRIu32 " %" PRIx64 " %" PRIu64 " %.*s", sold->seat, sold->hold, sold->seq,
           (int)sold->order_id.len, sold->order_id.ptr);
    return 0;
}

static int on_sold_area(void *ctx, const struct sql_sold_area_list_row *sold)
{
    (void)ctx;
    printf("\n  %" PRIx64 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %.*s", sold->hold, sold->area,
           sold->places, sold->total, (int)sold->order_id.len, sold->order_id.ptr);
    return 0;
}

static void read_sold(int64_t seat, uint64_t hold, uint32_t most)
{
    static const char *const ids[] = PLAY_EVENTS;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct err_slot err;
        struct span id = span_of(ids[i]);
        answered(store_sold_read(call("sold"), id, seat, most, on_sold, NULL, &err));
        answered(store_sold_areas_read(call("areas"), id, hold, most, on_sold_area, NULL, &err));
    }
}

static void read_snapshot(int32_t event, uint64_t seq_max)
{
    struct err_slot err;
    struct store_head head;
    uint8_t *body;
    size_t len;
    int rc = store_snapshot(call("snapshot"), event, seq_max, 1, &err, &head, &body, &len);
    printf(" %" PRId32 " %" PRIu64, event, seq_max);
    if (!answered(rc))
        return;
    print_head(&head);
    print_bytes("body", (struct span){(const char *)body, len});
    free(body);
}

/* ---- writing ---- */

/* Seats and holds that this batch does not use yet, as bits. */
struct pool {
    uint32_t seats, holds;
};

/* Takes `count` bits, or all that are left, from *pool. */
static uint32_t draw(uint32_t *pool, uint32_t count)
{
    uint32_t drawn = 0;
    while (count > 0 && *pool != 0) {
        uint32_t bit = *pool & (UINT32_C(1) << below(SEATS));
        *pool -= bit;
        drawn |= bit;
        count -= bit != 0;
    }
    return drawn;
}

static void put_seats(struct change *change, uint16_t *count, uint32_t seats)
{
    for (uint32_t seat = 0; seat < SEATS; seat++)
        if ((seats >> seat & 1) != 0) {
            change->seats[change->add_count + change->remove_count] = seat;
            *count += 1;
        }
}

static void draw_change(struct change *change, enum store_wall wall, struct pool *pool)
{
    static const uint8_t kinds[] = {CHANGE_TAKEN, CHANGE_CONFIRMED, CHANGE_REFUNDED, CHANGE_MOVED};
    uint32_t count = (uint32_t)(1 + below(3)), left = (uint32_t)__builtin_popcount(pool->seats);
    bool area = wall != STORE_WALL_MOVE && pool->holds != 0 && chance(30);
    change_init(change, area || left >= 2 * count ? kinds[wall] : CHANGE_TAKEN, now_ms);
    now_ms += below(1000);
    change->hold = 1 + below(SEATS);
    change->hold_version = 1;
    if (change->kind == CHANGE_CONFIRMED)
        change->verdict = CHANGE_VERDICT_CONFIRMED;
    change->text_len =
        (uint8_t)snprintf(change->text, sizeof(change->text), "order-%u", (unsigned)below(1000));
    if (area) {
        change->hold = draw(&pool->holds, 1);
        change->area = (uint16_t)below(3);
        change->quantity = (uint32_t)(1 + below(3));
        change->total = change->quantity * UINT64_C(900);
        return;
    }
    if (change->kind != CHANGE_REFUNDED)
        put_seats(change, &change->add_count, draw(&pool->seats, count));
    if (change->kind >= CHANGE_REFUNDED)
        put_seats(change, &change->remove_count, draw(&pool->seats, count));
}

/* Two seats change places: whichever move comes first, it meets the other's seat. */
static void draw_swap(struct change *first, struct change *second)
{
    for (unsigned i = 0; i < 2; i++) {
        struct change *change = i == 0 ? first : second;
        change_init(change, CHANGE_MOVED, now_ms);
        change->hold = 1 + i;
        change->add_count = change->remove_count = 1;
        change->seats[0] = i;
        change->seats[1] = 1 - i;
    }
}

static struct commit_entry entries[PARTS_MAX * CHANGES_MAX], *listed[PARTS_MAX * CHANGES_MAX];
static uint8_t memory[8 << 20];

/* Includes double sales of a seat or hold, and refunds of unsold seats. */
static uint32_t draw_changes(enum store_wall wall, struct commit_entry *out)
{
    struct pool pool = {(UINT32_C(1) << SEATS) - 1, (UINT32_C(1) << HOLDS) - 1};
    uint32_t len = (uint32_t)(chance(8) ? 150 + below(CHANGES_MAX - 150) : 1 + below(4));
    for (uint32_t i = 0; i < len; i++) {
        struct commit_entry *entry = &out[i];
        *entry = (struct commit_entry){.has_idem = chance(30)};
        memset(entry->idem, (int)below(256), sizeof(entry->idem));
        draw_change(&entry->op.change, i == 0 || chance(50) ? wall : STORE_WALL_NONE, &pool);
    }
    if (wall == STORE_WALL_SELL && len > 1 && chance(10))
        out[1].op.change = out[0].op.change;
    if (wall == STORE_WALL_MOVE && len == 2 && chance(40))
        draw_swap(&out[0].op.change, &out[1].op.change);
    return len;
}

static void commit(void)
{
    struct store_batch parts[PARTS_MAX];
    uint32_t len = (uint32_t)(chance(60) ? 1 : 1 + below(PARTS_MAX)), used = 0;
    int32_t first = any_event();
    for (uint32_t i = 0; i < len; i++) {
        struct store_batch *part = &parts[i];
        enum store_wall wall = (enum store_wall)below(4);
        *part = (struct store_batch){.event = 1 + (int32_t)((uint32_t)first + i - 1) % 3,
                                     .entries = &listed[used]};
        (void)read_head(part->event, &part->head);
        part->head.epoch = perhaps_wrong(part->head.epoch);
        part->head.seq = perhaps_wrong(part->head.seq);
        part->len = draw_changes(wall, &entries[used]);
        for (uint32_t k = 0; k < part->len; k++, used++)
            listed[used] = &entries[used];
    }
    struct err_slot err;
    int rc = store_commit(call("commit"), parts, len, memory, sizeof(memory), &err);
    bool done = answered(rc);
    for (uint32_t i = 0; i < len; i++) {
        printf("\n  %" PRId32 " changes=%" PRIu32 " rows=%" PRIu32, parts[i].event, parts[i].len,
               parts[i].rows);
        for (uint32_t k = 0; k < parts[i].len && k < 4; k++)
            printf(" %s", change_kind_name(parts[i].entries[k]->op.change.kind));
        if (done)
            printf(" written=%d", parts[i].written);
        print_head(&parts[i].after);
    }
    read_sold(-1, 0, PLAN_SEATS);
}

static void raise_epochs(void)
{
    static const struct store_address address = {"here", "within"};
    struct store_raise raises[2] = {0};
    uint32_t len = (uint32_t)(1 + below(2));
    struct err_slot err;
    raises[0].event = any_event();
    raises[1].event = raises[0].event % 3 + 1;
    for (uint32_t i = 0; i < len; i++) {
        struct store_head head = {0};
        (void)read_head(raises[i].event, &head);
        raises[i].was = perhaps_wrong(head.epoch);
        raises[i].kept = 1 + below(3);
        raises[i].fresh = 1 + below(3);
    }
    const char *name = chance(50) ? "a" : "b";
    bool done = answered(store_raise(call("raise"), span_of(name), &address, raises, len, &err));
    for (uint32_t i = 0; i < len; i++) {
        const struct store_raise *raise = &raises[i];
        printf("\n  %" PRId32 " %" PRIu64 " kept=%" PRIu64 " fresh=%" PRIu64, raise->event,
               raise->was, raise->kept, raise->fresh);
        if (!done)
            continue;
        printf(" rc=%d", raise->rc);
        if (raise->rc < 0)
            continue;
        print_head(&raise->head);
        printf(" line=%" PRIu64 " %" PRIu64 " %" PRIu64, raise->line.now, raise->line.before,
               raise->line.began);
    }
}

static void prove(void)
{
    struct store_head head;
    struct err_slot err;
    bool stands;
    int32_t event = any_event();
    if (!read_head(event, &head))
        return;
    head.epoch = perhaps_wrong(head.epoch);
    head.seq = perhaps_wrong(head.seq);
    int rc = store_prove(call("prove"), event, &head, &err, &stands);
    print_head(&head);
    if (answered(rc))
        printf(" stands=%d", stands);
}

static void write_snapshot(void)
{
    struct store_head head = {.seq = 1 + below(40)};
    struct err_slot err;
    int32_t event = (int32_t)(1 + below(2));
    uint8_t body[64];
    rng_fill(&dice.rng, body, sizeof(body));
    memset(head.chain.bytes, body[0], CHAIN_BYTES);
    struct span bytes = {(const char *)body, 1 + below(sizeof(body))};
    int rc = store_snapshot_write(call("snapshot written"), event, &head, bytes, &err);
    print_head(&head);
    answered(rc);
    read_snapshot(event, UINT64_MAX);
    read_snapshot(event, below(40));
}

static void find_link(void)
{
    struct store_head head;
    struct err_slot err;
    struct chain chain;
    int32_t event = any_event();
    if (!read_head(event, &head))
        return;
    uint64_t seq = head.seq - (head.seq > 0 ? below(head.seq < 9 ? head.seq : 9) : 0);
    int rc = store_link(call("link"), event, seq, &err, &chain);
    printf(" %" PRIu64, seq);
    if (answered(rc))
        print_bytes("chain", (struct span){(const char *)chain.bytes, CHAIN_BYTES});
    follow(event, seq > 9 ? seq - below(9) : 0, (uint32_t)(1 + below(5)),
           chance(10) ? (uint32_t)(1 + below(4)) : 0);
}

/* ---- sleep ---- */

static void put_to_sleep(void)
{
    static const uint64_t ends_ms[] = {
        0, 1, UINT64_C(4000000000000)}; /* no hold, one that ended, one that lasts */
    uint64_t due_ms = ends_ms[below(3)];
    int32_t event = any_event();
    struct store_head head;
    struct err_slot err;
    bool done;
    if (!read_head(event, &head))
        return;
    head.epoch = perhaps_wrong(head.epoch);
    int rc = store_sleep(call("sleep"), event, head.epoch, due_ms, &err, &done);
    printf(" %" PRId32 " %" PRIu64 " %" PRIu64, event, head.epoch, due_ms);
    if (answered(rc))
        printf(" done=%d", done);
}

/* The last event may only be requested, not woken. */
static void wake(void)
{
    uint32_t len = (uint32_t)(1 + below(2)), refused = (uint32_t)below(2);
    int32_t first = any_event(), events[2] = {first, first % 3 + 1};
    uint64_t asked_ms[2] = {chance(50) ? now_ms : 0, now_ms};
    const struct store_known known = {SPAN(""), (const int32_t[]){1, 2}, (uint32_t)below(3), 0};
    struct err_slot err;
    int rc = store_wake(call("wake"), &known, events, asked_ms, len - (len == 2 && refused),
                        len == 2 && refused, &err);
    printf(" %" PRId32 " %" PRIu32 " refused=%" PRIu32 " known=%" PRIu32, first, len, refused,
           known.awake_len);
    answered(rc);
}

static void list_events(void)
{
    struct store_event found[4];
    struct store_changes changes = {0};
    struct err_slot err;
    uint32_t room = (uint32_t)(1 + below(3)), len = room;
    while (len == room &&
           answered(store_events_changed(call("events"), &changes, found, room, &err, &len)))
        for (uint32_t i = 0; i < len; i++)
            printf("\n  %" PRId32 " %s asleep=%d due=%" PRIu64 " asked=%d", found[i].no,
                   found[i].id, found[i].asleep, found[i].due_ms, found[i].asked);
}

/* ---- locks ---- */

static void on_shared(void *ctx, int32_t key)
{
    *(uint32_t *)ctx |= UINT32_C(1) << (key - SHARED_KEY);
}

static void share(void)
{
    int32_t keys[2] = {SHARED_KEY + (int32_t)below(KEYS), SHARED_KEY + (int32_t)below(KEYS)};
    enum store_lock lock = chance(50) ? STORE_LOCK_ROOM : STORE_LOCK_ASKED;
    bool take = chance(60);
    struct err_slot err;
    uint32_t shown = 0;
    int rc = store_share(call("share"), lock, keys, 2, take, &err);
    printf(" %d %" PRId32 " %" PRId32 " take=%d", (int)lock, keys[0], keys[1], take);
    if (answered(rc) && answered(store_shared(call("shared"), lock, &err, on_shared, &shown)))
        printf(" %" PRIx32, shown);
}

static void lock(void)
{
    enum store_lock lock = chance(70)   ? STORE_LOCK_EVENT
                           : chance(50) ? STORE_LOCK_LEAD
                                        : STORE_LOCK_PLACE;
    int32_t keys[2 * KEYS] = {0};
    int32_t base = lock == STORE_LOCK_EVENT ? 0 : lock == STORE_LOCK_LEAD ? LEAD_KEY : PLACE_KEY;
    uint32_t len = (uint32_t)(1 + below(2 * KEYS));
    struct err_slot err;
    bool got[2 * KEYS];
    for (uint32_t i = 0; i < len; i++)
        keys[i] = base + (int32_t)(1 + below(KEYS));
    bool gives_back = chance(50);
    int rc = gives_back ? store_unlock(call("unlock"), lock, keys[0], &err)
                        : store_lock(call("lock"), lock, keys, len, &err, got);
    for (uint32_t i = 0; i < (gives_back ? 1 : len); i++)
        printf(" %" PRId32, keys[i]);
    if (answered(rc) && !gives_back)
        for (uint32_t i = 0; i < len; i++)
            printf(" %d", got[i]);
}

static void end_holder(void)
{
    int32_t key = (int32_t)(1 + below(KEYS)), pids[SESSIONS];
    uint32_t len = 0;
    struct err_slot err;
    bool ended = false, silent = chance(50), ends = false;
    int holder = side->lock_holder(key), self = pg_backend_pid(sessions[session]);
    if (silent) {
        uint32_t ms = chance(70) ? SILENT_MS : NOBODY_MS;
        side->pause(2 * SILENT_MS);
        int rc = store_end_silent(call("end silent"), STORE_LOCK_EVENT, &key, 1, ms, &err, &ended);
        printf(" %" PRId32 " %" PRIu32, key, ms);
        if (answered(rc))
            printf(" ended=%d", ended);
        ends = ended;
    } else {
        struct pg *pg = call("end backends");
        printf(" %" PRId32 " of", key);
        for (unsigned i = 0; i < SESSIONS; i++)
            if (chance(50)) {
                pids[len++] = pg_backend_pid(sessions[i]);
                printf(" %u", i);
                ends = ends || pids[len - 1] == holder;
            }
        ends = answered(store_end_backends(pg, STORE_LOCK_EVENT, key, pids, len, &err)) && ends;
    }
    side->await_end(ends && holder != self ? holder : 0);
}

static void find_free(void)
{
    int32_t events[3];
    uint32_t len = (uint32_t)(1 + below(3));
    struct err_slot err;
    bool is_free[3];
    for (uint32_t i = 0; i < len; i++)
        events[i] = any_event();
    if (answered(store_free(call("free"), events, len, &err, is_free)))
        for (uint32_t i = 0; i < len; i++)
            printf(" %" PRId32 "=%d", events[i], is_free[i]);
}

static void lock_rows(void)
{
    rows_locked = !rows_locked;
    side->lock_rows(rows_locked);
    printf("\nowner rows locked=%d", rows_locked);
}

static struct store_held held[PLACE_KEY + KEYS + 1]; /* by key */

static void on_held(void *ctx, const struct store_held *found)
{
    (void)ctx;
    held[found->key] = *found;
}

static void list_held(void)
{
    bool silent = chance(50);
    struct err_slot err;
    if (silent)
        side->pause(2 * SILENT_MS);
    memset(held, 0, sizeof(held));
    int rc = store_held(call("held"), silent ? SILENT_MS : NOBODY_MS, &err, on_held, NULL);
    bool done = answered(rc);
    for (int32_t key = 1; done && key <= PLACE_KEY + KEYS; key++)
        for (unsigned i = 0; i < SESSIONS && held[key].key != 0; i++)
            if (held[key].pid == pg_backend_pid(sessions[i]))
                printf(" %d/%" PRId32 "=%u ours=%d silent=%d", (int)held[key].lock, key, i,
                       held[key].ours, held[key].silent);
}

/* ---- moves ---- */

static void on_where(void *ctx, const struct sql_owners_where_row *row)
{
    (void)ctx;
    const struct span words[] = {row->instance, row->address, row->private_address, row->wanted,
                                 row->ready};
    printf("\n  %" PRId32 " epoch=%" PRIu64, row->event, row->epoch);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        printf(" '%.*s'", (int)words[i].len, words[i].ptr);
}

static void on_head(void *ctx, int32_t event, uint64_t seq, const struct store_line *line)
{
    (void)ctx;
    printf("\n  %" PRId32 " seq=%" PRIu64 " line=%" PRIu64 " %" PRIu64 " %" PRIu64, event, seq,
           line->now, line->before, line->began);
}

/* Asks for an event at another process, or reports the event as ready there. */
static void move(void)
{
    static const char *const ids[] = {"gala", "ball", "none"}, *const names[] = {"a", "b"};
    int32_t event = any_event();
    const char *wanted = names[below(2)], *life = names[below(2)];
    uint32_t ms = chance(80) ? NOBODY_MS : 0;
    struct err_slot err;
    int rc;
    if (chance(40))
        rc = store_want(call("want"), span_of(ids[event - 1]), span_of(wanted), ms, &err);
    else
        rc = store_ready(call("ready"), event, span_of(wanted), span_of(life), &err);
    printf(" %" PRId32 " %s %s %" PRIu32, event, wanted, life, ms);
    answered(rc);
    rc = store_where(call("where"), &event, 1, &err, on_where, NULL);
    answered(rc);
    rc = store_heads(call("heads"), &event, 1, &err, on_head, NULL);
    answered(rc);
}

/* ---- all of it ---- */

static void step(void)
{
    static void (*const acts[])(void) = {
        commit,       commit, commit, commit,      commit,         raise_epochs, raise_epochs,
        prove,        lock,   share,  find_link,   write_snapshot, find_free,    put_to_sleep,
        put_to_sleep, wake,   wake,   list_events, list_held,      move,         move};
    session = (unsigned)below(SESSIONS);
    if (chance(6))
        end_holder();
    else if (chance(2))
        reopen(session);
    else if (chance(rows_locked ? 30 : 2))
        lock_rows();
    else
        acts[below(sizeof(acts) / sizeof(acts[0]))]();
}

static void compare_all(uint64_t *from)
{
    for (int32_t event = 1; event <= 2; event++) {
        struct store_head head;
        while (!read_head(event, &head))
            ; /* the session was ended and is open again */
        follow(event, from[event - 1], UINT32_MAX, 0);
        read_snapshot(event, UINT64_MAX);
        from[event - 1] = head.seq;
    }
    read_sold((int64_t)below(SEATS) - 1, below(1 << HOLDS), 3);
    list_events();
}

bool play_read(int argc, char **argv, struct play *play)
{
    *play = (struct play){.dsn = argc > 3 ? argv[3] : ""};
    if (argc < 3)
        return false;
    play->seed = strtoull(argv[1], NULL, 10);
    play->steps = strtoull(argv[2], NULL, 10);
    return true;
}

void play_run(const struct play *play, const struct play_side *its)
{
    uint64_t from[2] = {0};
    rng_seeded_init(&dice, play->seed);
    dsn = play->dsn;
    side = its;
    for (unsigned i = 0; i < SESSIONS; i++)
        open_session(i);
    for (uint64_t i = 0; i < play->steps; i++) {
        printf("\n# %" PRIu64, i);
        step();
        if (i % WALK == WALK - 1)
            compare_all(from);
    }
    if (rows_locked)
        lock_rows();
    memset(from, 0, sizeof(from));
    compare_all(from);
    printf("\n");
    for (unsigned i = 0; i < SESSIONS; i++)
        pg_close(sessions[i]);
}
