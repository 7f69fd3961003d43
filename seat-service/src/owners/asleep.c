/* asleep.c: an unordered array, and a hash table that finds an event's index by its id. A removed
 * event is replaced by the last one. Ten times a second the reader scans the whole array for
 * requested and due events, which is cheap: there are at most ASLEEP_NAMES_MAX. */
#include "owners/asleep.h"

#include "base/table.h"
#include "base/tag.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct sleeper {
    uint64_t incarnation, due_ms, bytes;
    uint64_t asked_ms; /* the first request; 0: none */
    int32_t no;
    bool awake, noted; /* noted: its row records the request */
    char id[EVENT_ID_MAX + 1];
};

struct asleep {
    pthread_mutex_t lock;
    struct sleeper *all;
    uint32_t room;
    _Atomic uint32_t len;
    struct table by_id;
};

static uint64_t hash_of(struct span id)
{
    return table_hash_u64(tag_hash(id));
}

static bool is_same(const void *ctx, uint32_t number, const void *key)
{
    const struct asleep *asleep = ctx;
    const struct span *id = key;
    return span_eq(span_of(asleep->all[number].id), *id);
}

static uint32_t find(const struct asleep *asleep, struct span id)
{
    return table_find(&asleep->by_id, hash_of(id), is_same, asleep, &id);
}

uint32_t asleep_len(const struct asleep *asleep)
{
    return atomic_load_explicit(&asleep->len, memory_order_relaxed);
}

/* Makes room for one more event in the array and in the table. */
static int grow(struct asleep *asleep, struct err_slot *err)
{
    uint32_t len = asleep_len(asleep);
    if (len == ASLEEP_NAMES_MAX)
        return err_set(err, ERR_FULL, "%u events are asleep already", len);
    if (len == asleep->room) {
        uint32_t room = asleep->room == 0 ? EVENTS_MAX : asleep->room * 2;
        struct sleeper *all = realloc(asleep->all, room * sizeof(*all));
        if (all == NULL)
            return err_set(err, ERR_NOMEM, "the names of %u events", room);
        asleep->all = all;
        asleep->room = room;
    }
    return table_reserve(&asleep->by_id, len + 1, err);
}

static int add(struct asleep *asleep, int32_t no, struct span id, struct err_slot *err)
{
    int rc = grow(asleep, err);
    if (rc < 0)
        return rc;
    uint32_t at = asleep_len(asleep);
    struct sleeper *sleeper = &asleep->all[at];
    *sleeper = (struct sleeper){.no = no};
    bool fits = span_to_cstr(id, sleeper->id, sizeof(sleeper->id));
    assert(fits);
    rc = table_add(&asleep->by_id, hash_of(id), at, err);
    assert(rc == 0); /* grow() reserved the room */
    atomic_store_explicit(&asleep->len, at + 1, memory_order_relaxed);
    return rc;
}

int asleep_put(struct asleep *asleep, const struct asleep_event *event, bool awake,
               struct err_slot *err)
{
    struct span id = span_of(event->id);
    pthread_mutex_lock(&asleep->lock);
    int rc = find(asleep, id) == TABLE_NONE ? add(asleep, event->no, id, err) : 0;
    if (rc == 0) {
        struct sleeper *sleeper = &asleep->all[find(asleep, id)];
        sleeper->asked_ms = awake || sleeper->awake ? 0 : sleeper->asked_ms;
        sleeper->awake = awake;
        sleeper->noted = event->asked;
        /* Incarnations only rise: a lower one is outdated. */
        uint64_t incarnation = event->incarnation;
        if (incarnation > sleeper->incarnation)
            sleeper->incarnation = incarnation;
        sleeper->due_ms = event->due_ms;
        sleeper->bytes = event->bytes;
    }
    pthread_mutex_unlock(&asleep->lock);
    return rc;
}

void asleep_remove(struct asleep *asleep, const char *id)
{
    pthread_mutex_lock(&asleep->lock);
    uint32_t at = find(asleep, span_of(id));
    if (at != TABLE_NONE) {
        uint32_t last = asleep_len(asleep) - 1;
        table_remove(&asleep->by_id, hash_of(span_of(asleep->all[at].id)), at);
        if (at != last) {
            table_renumber(&asleep->by_id, hash_of(span_of(asleep->all[last].id)), last, at);
            asleep->all[at] = asleep->all[last];
        }
        atomic_store_explicit(&asleep->len, last, memory_order_relaxed);
    }
    pthread_mutex_unlock(&asleep->lock);
}

/* A requested event is woken for the request, so it does not count as due. */
static bool is_due(const struct sleeper *sleeper, uint64_t now_ms)
{
    return sleeper->asked_ms == 0 && sleeper->due_ms != 0 && sleeper->due_ms <= now_ms;
}

static bool fits(const struct sleeper *sleeper, const struct asleep_room *room)
{
    return room->places > 0 && room->bytes >= sleeper->bytes;
}

static bool takes(const struct sleeper *sleeper, struct asleep_room *room)
{
    if (!fits(sleeper, room))
        return false;
    room->places -= 1;
    room->bytes -= sleeper->bytes;
    return true;
}

static bool is_of(const struct sleeper *sleeper, enum asleep_kind kind, uint64_t now_ms)
{
    if (kind == ASLEEP_AWAKE || sleeper->awake)
        return kind == ASLEEP_AWAKE && sleeper->awake;
    return kind == ASLEEP_DUE ? is_due(sleeper, now_ms) : sleeper->asked_ms != 0;
}

static uint64_t since_ms(const struct sleeper *sleeper, enum asleep_kind kind)
{
    return kind == ASLEEP_DUE ? sleeper->due_ms : kind == ASLEEP_WANTED ? sleeper->asked_ms : 0;
}

/* Takes the longest waiting first. In the array's order, events that were just put back to sleep
 * would overtake the others again and again. */
uint32_t asleep_take(struct asleep *asleep, enum asleep_kind kind, uint64_t now_ms, int32_t *nos,
                     uint64_t *asked_ms, struct asleep_room *room)
{
    const struct sleeper *next[EVENTS_MAX];
    uint32_t len = 0, most = room->places, found = 0;
    assert(most <= EVENTS_MAX);
    pthread_mutex_lock(&asleep->lock);
    for (uint32_t at = 0; at < asleep_len(asleep); at++) {
        const struct sleeper *sleeper = &asleep->all[at];
        if (!is_of(sleeper, kind, now_ms) || !fits(sleeper, room))
            continue;
        uint32_t place = len < most ? len++ : most;
        for (; place > 0 && since_ms(next[place - 1], kind) > since_ms(sleeper, kind); place--)
            if (place < most)
                next[place] = next[place - 1];
        if (place < most)
            next[place] = sleeper;
    }
    for (uint32_t i = 0; i < len; i++) {
        if (!takes(next[i], room))
            continue;
        asked_ms[found] = next[i]->asked_ms;
        nos[found++] = next[i]->no;
    }
    pthread_mutex_unlock(&asleep->lock);
    return found;
}

uint32_t asleep_refused(struct asleep *asleep, int32_t *nos, uint64_t *asked_ms, uint32_t len)
{
    uint32_t found = 0;
    pthread_mutex_lock(&asleep->lock);
    for (uint32_t at = 0; at < asleep_len(asleep) && found < len; at++) {
        const struct sleeper *sleeper = &asleep->all[at];
        if (!is_of(sleeper, ASLEEP_WANTED, 0) || sleeper->due_ms == 0 || sleeper->noted)
            continue;
        asked_ms[found] = sleeper->asked_ms;
        nos[found++] = sleeper->no;
    }
    pthread_mutex_unlock(&asleep->lock);
    return found;
}

uint32_t asleep_waiting(struct asleep *asleep, uint64_t now_ms, uint64_t *largest)
{
    uint32_t found = 0, due = 0;
    *largest = 0;
    pthread_mutex_lock(&asleep->lock);
    for (uint32_t at = 0; at < asleep_len(asleep); at++) {
        const struct sleeper *sleeper = &asleep->all[at];
        bool wanted = sleeper->awake || sleeper->asked_ms != 0;
        if (!wanted && !(due < EVENTS_DUE_MAX && is_due(sleeper, now_ms)))
            continue;
        found += 1;
        due += !wanted;
        *largest = sleeper->bytes > *largest ? sleeper->bytes : *largest;
    }
    pthread_mutex_unlock(&asleep->lock);
    return found;
}

bool asleep_knows(struct asleep *asleep, struct span id, uint64_t *incarnation, bool *asked)
{
    pthread_mutex_lock(&asleep->lock);
    uint32_t at = find(asleep, id);
    if (at != TABLE_NONE && incarnation != NULL)
        *incarnation = asleep->all[at].incarnation;
    if (at != TABLE_NONE && asked != NULL)
        *asked = asleep->all[at].awake || asleep->all[at].asked_ms != 0;
    pthread_mutex_unlock(&asleep->lock);
    return at != TABLE_NONE;
}

void asleep_want(struct asleep *asleep, struct span id, uint64_t now_ms)
{
    pthread_mutex_lock(&asleep->lock);
    uint32_t at = find(asleep, id);
    if (at != TABLE_NONE && !asleep->all[at].awake && asleep->all[at].asked_ms == 0)
        asleep->all[at].asked_ms = now_ms;
    pthread_mutex_unlock(&asleep->lock);
}

int asleep_create(struct err_slot *err, struct asleep **out)
{
    struct asleep *asleep = calloc(1, sizeof(*asleep));
    if (asleep == NULL)
        return err_set(err, ERR_NOMEM, "the events that are asleep");
    pthread_mutex_init(&asleep->lock, NULL);
    *out = asleep;
    return 0;
}

void asleep_destroy(struct asleep *asleep)
{
    if (asleep == NULL)
        return;
    table_deinit(&asleep->by_id);
    pthread_mutex_destroy(&asleep->lock);
    free(asleep->all);
    free(asleep);
}
