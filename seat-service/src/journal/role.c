/* role.c: the role of the process and the state of each event, each with a table of allowed moves.
 *
 * The role is not set directly; it follows from four inputs: whether the committer has a
 * connection, whether it leads its list, whether all events have been seen once, and the state of
 * each event. Code that changes one of them calls role_judge(), which recomputes the role. Only
 * FENCED is set directly, and is final.
 *
 * A move that is not in its table is a bug and ends the process: an owner that is wrong about what
 * it owns must not go on selling. */
#include "journal/journal_internal.h"

#include <assert.h>
#include <stdio.h>

#define BIT(n) (1u << (n))

static const char *const role_names[] = {
    [JOURNAL_CONNECTING] = "connecting",
    [JOURNAL_LOADING] = "loading",
    [JOURNAL_STANDBY] = "standby",
    [JOURNAL_OWNER] = "owner",
    [JOURNAL_CUT] = "cut",
    [JOURNAL_FENCED] = "fenced",
};
static_assert(sizeof(role_names) / sizeof(role_names[0]) == JOURNAL_ROLES, "a name for each");

static const char *const state_names[] = {
    [JOURNAL_EVENT_LOADING] = "loading", [JOURNAL_EVENT_FOLLOWING] = "following",
    [JOURNAL_EVENT_OWNED] = "owned",     [JOURNAL_EVENT_OUT] = "out",
    [JOURNAL_EVENT_ASLEEP] = "asleep",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == JOURNAL_STATES, "a name for each");

static const char *const reason_names[JOURNAL_REASON_COUNT] = {
#define ROW(WITH, NAME, WORD, AWAY) [JOURNAL_REASON_##NAME] = WORD,
    JOURNAL_REASONS(ROW, )
#undef ROW
};

/* An owner that has lost its connection still owns: it is cut. It becomes an owner again or is
 * fenced; never a standby, which would lose what it has in memory. An owner becomes a standby only
 * once it owns nothing. If it finds before it is connected again that others have all its events,
 * it is connecting. */
static const uint8_t role_next[JOURNAL_ROLES] = {
    [JOURNAL_CONNECTING] = BIT(JOURNAL_LOADING) | BIT(JOURNAL_STANDBY),
    [JOURNAL_LOADING] = BIT(JOURNAL_CONNECTING) | BIT(JOURNAL_STANDBY) | BIT(JOURNAL_OWNER),
    [JOURNAL_STANDBY] = BIT(JOURNAL_CONNECTING) | BIT(JOURNAL_LOADING) | BIT(JOURNAL_OWNER),
    /* The first three only while it owns nothing: it leads, and there are no events. */
    [JOURNAL_OWNER] = BIT(JOURNAL_CONNECTING) | BIT(JOURNAL_LOADING) | BIT(JOURNAL_STANDBY) |
                      BIT(JOURNAL_CUT) | BIT(JOURNAL_FENCED),
    [JOURNAL_CUT] = BIT(JOURNAL_OWNER) | BIT(JOURNAL_FENCED) | BIT(JOURNAL_CONNECTING),
    [JOURNAL_FENCED] = 0,
};

/* An owned event stays owned until the process ends, puts it to sleep, or loses it (OUT): then its
 * state here is discarded, and it is read again from its document, at once or at the next request.
 */
static const uint8_t state_next[JOURNAL_STATES] = {
    [JOURNAL_EVENT_LOADING] =
        BIT(JOURNAL_EVENT_FOLLOWING) | BIT(JOURNAL_EVENT_OUT) | BIT(JOURNAL_EVENT_ASLEEP),
    [JOURNAL_EVENT_FOLLOWING] =
        BIT(JOURNAL_EVENT_OWNED) | BIT(JOURNAL_EVENT_OUT) | BIT(JOURNAL_EVENT_ASLEEP),
    [JOURNAL_EVENT_OWNED] = BIT(JOURNAL_EVENT_OUT) | BIT(JOURNAL_EVENT_ASLEEP),
    [JOURNAL_EVENT_OUT] =
        BIT(JOURNAL_EVENT_FOLLOWING) | BIT(JOURNAL_EVENT_OUT) | BIT(JOURNAL_EVENT_ASLEEP),
    [JOURNAL_EVENT_ASLEEP] = BIT(JOURNAL_EVENT_LOADING),
};

const char *journal_role_name(enum journal_role role)
{
    assert(role < JOURNAL_ROLES);
    return role_names[role];
}

const char *journal_state_name(enum journal_state state)
{
    assert(state < JOURNAL_STATES);
    return state_names[state];
}

const char *journal_reason_name(enum journal_reason reason)
{
    assert(reason < JOURNAL_REASON_COUNT);
    return reason_names[reason];
}

/* ---- calls for any thread ---- */

enum journal_role journal_role(const struct journal *journal)
{
    /* acquire: pairs with move_role() */
    return atomic_load_explicit(&journal->role, memory_order_acquire);
}

enum journal_reason journal_reason(const struct journal *journal)
{
    return atomic_load_explicit(&journal->reason, memory_order_relaxed);
}

/* While the connection is cut, a change may wait briefly for a new one. */
bool journal_writes(const struct journal *journal)
{
    enum journal_role role = journal_role(journal);
    return role == JOURNAL_OWNER || role == JOURNAL_CUT;
}

bool journal_is_unproven(const struct journal *journal)
{
    uint64_t proven_us = atomic_load_explicit(&journal->proven_at_us, memory_order_relaxed);
    return journal_writes(journal) &&
           journal_now_us(journal) > proven_us + OWNER_SILENT_MS * UINT64_C(1000);
}

uint64_t journal_answered(const struct journal *journal, uint32_t nth)
{
    assert(nth < EVENTS_MAX);
    /* acquire: pairs with batch_answered() */
    return atomic_load_explicit(&journal->events[nth].answered, memory_order_acquire);
}

uint64_t journal_sent(const struct journal *journal, uint32_t nth)
{
    uint64_t answered = journal_answered(journal, nth);
    uint64_t sent = atomic_load_explicit(&journal->events[nth].sent, memory_order_relaxed);
    return sent > answered ? sent : answered;
}

bool journal_owns(const struct journal *journal, uint32_t nth)
{
    return nth < journal_len(journal) &&
           journal_state_of(&journal->events[nth]) == JOURNAL_EVENT_OWNED;
}

bool journal_is_stuck(const struct journal *journal, uint32_t nth)
{
    assert(nth < EVENTS_MAX);
    /* relaxed: written by the committer, a hint to others */
    return atomic_load_explicit(&journal->events[nth].stuck, memory_order_relaxed);
}

bool journal_owns_any(const struct journal *journal)
{
    bool any = false;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        any = any || journal_owns(journal, nth);
    return any;
}

/* ---- moves ---- */

/* Under the lock. */
static void move_role(struct journal *journal, enum journal_role role, enum journal_reason reason)
{
    enum journal_role was = journal_role(journal);
    atomic_store_explicit(&journal->reason, reason, memory_order_relaxed);
    if (was == role)
        return;
    assert((role_next[was] & BIT(role)) != 0);
    /* release: a reader of the role sees what preceded it, such as an opened event */
    atomic_store_explicit(&journal->role, role, memory_order_release);
    struct log_line line;
    log_begin(&line, journal->conf.log, LOG_LEVEL_INFO, "role");
    log_cstr(&line, "was", role_names[was]);
    log_cstr(&line, "is", role_names[role]);
    if (reason != JOURNAL_REASON_NONE)
        log_cstr(&line, "reason", reason_names[reason]);
    log_end(&line);
}

static enum journal_reason kept_out(const struct journal *journal, enum journal_reason else_for)
{
    if (journal->namesake)
        return JOURNAL_REASON_NAMESAKE;
    return journal->apart ? JOURNAL_REASON_CLOCK : else_for;
}

/* Invariants of an event between two steps, on either thread. Under the lock. */
static void check_event(const struct journal_event *event, enum journal_state state)
{
    bool asleep = state == JOURNAL_EVENT_ASLEEP;
    assert(!event->stuck || state == JOURNAL_EVENT_OUT || state == JOURNAL_EVENT_OWNED);
    /* The place is free: the lock would belong to another event. */
    assert(event->lock == LOCK_NONE || !asleep);
}

/* An owner has an event, or leads and there are no events. A process that owns none is loading
 * while it waits for one, and a standby if others own them. */
void role_judge(struct journal *journal)
{
    uint64_t count[JOURNAL_STATES] = {0}, ours = 0, stuck = 0;
    if (journal_role(journal) == JOURNAL_FENCED)
        return;
    assert(!journal->named || journal->connected);
    assert(!journal->named || !journal->namesake);
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        const struct journal_event *event = &journal->events[nth];
        enum journal_state state = journal_state_of(event);
        check_event(event, state);
        if (state == JOURNAL_EVENT_ASLEEP || (state == JOURNAL_EVENT_OUT && event->retired))
            continue; /* not in use; not an error */
        count[state] += 1;
        stuck += state == JOURNAL_EVENT_OWNED && event->stuck;
        ours += state == JOURNAL_EVENT_FOLLOWING && event->lock == LOCK_OURS;
    }
    if (!journal->leads)
        journal->led_since_ms = 0;
    else if (journal->led_since_ms == 0)
        journal->led_since_ms = clock_wall_us(&journal->conf.sale->clock) / 1000;
    count[JOURNAL_EVENT_ASLEEP] = asleep_len(journal->asleep);
    for (unsigned state = 0; state < JOURNAL_STATES; state++) {
        uint64_t shown = state == JOURNAL_EVENT_OWNED ? count[state] - stuck
                         : state == JOURNAL_EVENT_OUT ? count[state] + stuck
                                                      : count[state];
        atomic_store_explicit(&journal->stats.events[state], shown, memory_order_relaxed);
    }
    uint64_t followed = count[JOURNAL_EVENT_FOLLOWING];
    if (!journal->connected)
        move_role(journal, count[JOURNAL_EVENT_OWNED] > 0 ? JOURNAL_CUT : JOURNAL_CONNECTING,
                  journal->unreachable);
    else if (count[JOURNAL_EVENT_OWNED] > 0)
        move_role(journal, JOURNAL_OWNER, kept_out(journal, JOURNAL_REASON_NONE));
    else if (!journal->looked || count[JOURNAL_EVENT_LOADING] > 0 || ours > 0)
        move_role(journal, JOURNAL_LOADING, JOURNAL_REASON_LOADING);
    else if (followed == 0 && count[JOURNAL_EVENT_OUT] > 0)
        move_role(journal, JOURNAL_LOADING, JOURNAL_REASON_UNUSABLE);
    else if (followed == 0 && journal->leads)
        move_role(journal, JOURNAL_OWNER, kept_out(journal, JOURNAL_REASON_NONE));
    else
        move_role(journal, JOURNAL_STANDBY, kept_out(journal, JOURNAL_REASON_STANDBY));
}

void role_move_event(struct journal *journal, struct journal_event *event, enum journal_state state)
{
    enum journal_state was = journal_state_of(event);
    assert((state_next[was] & BIT(state)) != 0);
    /* release: pairs with journal_state_of() */
    atomic_store_explicit(&event->state, state, memory_order_release);
    role_judge(journal);
}

void role_stick(struct journal *journal, struct journal_event *event, const char *reason,
                uint64_t ms)
{
    bool was = event->stuck;
    struct log_line line;
    assert(journal_state_of(event) == JOURNAL_EVENT_OWNED);
    assert(reason[0] != '\0');
    pthread_mutex_lock(&journal->lock);
    atomic_store_explicit(&event->stuck, true, memory_order_relaxed);
    event->stuck_until_us = journal_now_us(journal) + ms * 1000;
    snprintf(event->reason, sizeof(event->reason), "%s", reason);
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    if (was)
        return;
    log_begin(&line, journal->conf.log, LOG_LEVEL_ERROR, "an event cannot be written");
    log_cstr(&line, "event", event->id.id);
    log_cstr(&line, "reason", reason);
    log_end(&line);
}

void role_unstick(struct journal *journal, struct journal_event *event)
{
    if (!event->stuck)
        return;
    assert(journal_state_of(event) == JOURNAL_EVENT_OWNED);
    pthread_mutex_lock(&journal->lock);
    atomic_store_explicit(&event->stuck, false, memory_order_relaxed);
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    log_text(journal->conf.log, LOG_LEVEL_INFO, "an event can be written again", "event",
             event->id.id);
}

/* Stuck until it has left: no final response is given from memory. */
void role_lose(struct journal *journal, struct journal_event *event, const char *reason)
{
    struct log_line line;
    assert(reason[0] != '\0');
    assert(journal_state_of(event) == JOURNAL_EVENT_OWNED);
    assert(event->open == NULL); /* ownership_lose() has settled it */
    pthread_mutex_lock(&journal->lock);
    atomic_store_explicit(&event->stuck, true, memory_order_relaxed);
    snprintf(event->reason, sizeof(event->reason), "%s", reason);
    event->cut = false;
    role_move_event(journal, event, JOURNAL_EVENT_OUT);
    pthread_mutex_unlock(&journal->lock);
    log_begin(&line, journal->conf.log, LOG_LEVEL_ERROR, "an event is given up");
    log_cstr(&line, "event", event->id.id);
    log_cstr(&line, "reason", reason);
    log_end(&line);
}

void role_set_connected(struct journal *journal, bool connected, enum journal_reason unreachable)
{
    assert(connected == (unreachable == JOURNAL_REASON_NONE));
    pthread_mutex_lock(&journal->lock);
    journal->connected = connected;
    journal->usable = journal->usable || connected;
    journal->unreachable = unreachable;
    if (!connected) { /* the session's locks are gone */
        journal->leads = journal->named = false;
        for (uint32_t nth = 0; nth < journal_len(journal); nth++)
            journal->events[nth].lock = LOCK_NONE;
    }
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
}

void role_fence(struct journal *journal, enum journal_reason reason)
{
    if (journal_role(journal) == JOURNAL_FENCED)
        return;
    assert(reason != JOURNAL_REASON_NONE);
    pthread_mutex_lock(&journal->lock);
    move_role(journal, JOURNAL_FENCED, reason);
    pthread_mutex_unlock(&journal->lock);
    journal->conf.host.fenced(journal->conf.host.ctx, reason_names[reason]);
}
