/* pace.c: each purpose may use the bucket down to its own reserve, so that however many callers
 * poll, they leave something for captures. A caller that is held back gets the next turn of its
 * purpose, one interval after the last. Turns are handed out by compare-and-swap on a word each.
 *
 * `fleet` is our copy of the shared moment: the last report's answer plus our own calls since. It
 * lacks other processes' calls until the next report, so it may show room where there is none; then
 * we make as many calls as our trust allows, report them, and learn the true value. Since every
 * call is added to the moment sooner or later, the pace over time is exact, whatever each process
 * believes. Only the burst is exceeded, by the trust of each process.
 *
 * Rejected: blocks of calls paid for in advance. An idle process would have to wait for one or keep
 * one; a kept one has to expire, which loses pace, and polls could use up what captures need. */
#include "core/pace/pace.h"

#include <assert.h>

enum {
    BURST_MIN = 8,       /* a few whole tries, even at a low rate */
    TRUST_PART = 16,     /* of a second's calls */
    TRUST_MIN = 6,       /* so that sagas due together need not wait for a report each */
    TURN_MAX_MS = 30000, /* a longer queue is not worth a place in it */
    REPORT_MS = 10,      /* a hundred statements a second from each process at most */
    REPORT_AGAIN_MS = 200,
    UNANSWERED_MS = 500, /* after that a report counts as unanswered */
};

static const uint64_t SECOND_NS = UINT64_C(1000000000);

static const uint32_t share_milli[PACE_PURPOSES] = {
    [PACE_POLL] = 500,
    [PACE_MAKE] = 800,
    [PACE_TAKE] = 1000,
};

void pace_init(struct pace *pace, uint32_t per_s)
{
    assert(per_s >= 1);
    gate_init(&pace->fleet, per_s, per_s / 4 > BURST_MIN ? per_s / 4 : BURST_MIN);
    pace->trust = per_s / TRUST_PART > TRUST_MIN ? per_s / TRUST_PART : TRUST_MIN;
    atomic_init(&pace->owed, 0);
    atomic_init(&pace->reporting, false);
    atomic_init(&pace->lost, false);
    atomic_init(&pace->report_ns, 0);
    atomic_init(&pace->share_ns, SECOND_NS);
    atomic_init(&pace->alone_ns, 0);
    atomic_init(&pace->since_ns, 0);
    atomic_init(&pace->since_len, 0);
    for (int i = 0; i < PACE_PURPOSES; i++) {
        atomic_init(&pace->turn_ns[i], 0);
        atomic_init(&pace->held_back[i], 0);
    }
    atomic_init(&pace->calls, 0);
    atomic_init(&pace->unanswered, 0);
}

/* All relaxed: no word guards another, and a slightly stale value only makes a call a little early
 * or late. */
static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static bool is_alone(const struct pace *pace, uint64_t now_ns)
{
    return atomic_load_explicit(&pace->lost, memory_order_relaxed) ||
           (atomic_load_explicit(&pace->reporting, memory_order_relaxed) &&
            now_ns > load(&pace->report_ns) + UNANSWERED_MS * UINT64_C(1000000));
}

/* How long until there is room for one more call; 0: now. */
static uint64_t room_ns(const struct pace *pace, enum pace_purpose purpose, uint64_t now_ns)
{
    uint64_t may_ns = pace->fleet.burst_ns * share_milli[purpose] / 1000;
    uint64_t want_ns = gate_ahead_ns(&pace->fleet, now_ns / 1000) + pace->fleet.interval_ns;
    uint64_t wait_ns = want_ns > may_ns ? want_ns - may_ns : 0;
    uint32_t trust = pace->trust * share_milli[purpose] / 1000;
    bool trusted = atomic_load_explicit(&pace->owed, memory_order_relaxed) < trust;
    uint64_t report_ns = REPORT_MS * UINT64_C(1000000);
    return trusted || wait_ns > report_ns ? wait_ns : report_ns;
}

/* The same while reports go unanswered: one call at a time, and a second if it takes money. */
static uint64_t room_alone_ns(const struct pace *pace, enum pace_purpose purpose, uint64_t now_ns)
{
    uint64_t alone_ns = load(&pace->alone_ns);
    uint64_t ahead_ns = alone_ns > now_ns ? alone_ns - now_ns : 0;
    uint64_t may_ns = purpose == PACE_TAKE ? load(&pace->share_ns) : 0;
    return ahead_ns > may_ns ? ahead_ns - may_ns : 0;
}

uint32_t pace_wait_ms(struct pace *pace, enum pace_purpose purpose, uint64_t now_us)
{
    assert(purpose < PACE_PURPOSES);
    static_assert(sizeof(share_milli) / sizeof(share_milli[0]) == PACE_PURPOSES, "each has one");
    uint64_t now_ns = now_us * 1000;
    bool alone = is_alone(pace, now_ns);
    uint64_t wait_ns =
        alone ? room_alone_ns(pace, purpose, now_ns) : room_ns(pace, purpose, now_ns);
    if (wait_ns == 0)
        return 0;
    atomic_fetch_add_explicit(&pace->held_back[purpose], 1, memory_order_relaxed);
    uint64_t first_ns = now_ns + wait_ns;
    uint64_t interval_ns = alone ? load(&pace->share_ns) : pace->fleet.interval_ns;
    uint64_t last_ns = load(&pace->turn_ns[purpose]);
    uint64_t turn_ns;
    do {
        turn_ns = last_ns + interval_ns;
        if (turn_ns < first_ns)
            turn_ns = first_ns;
        if (turn_ns > now_ns + TURN_MAX_MS * UINT64_C(1000000))
            return TURN_MAX_MS;
    } while (!atomic_compare_exchange_weak_explicit(&pace->turn_ns[purpose], &last_ns, turn_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
    assert(turn_ns >= first_ns);
    assert(first_ns > now_ns);
    return (uint32_t)((turn_ns - now_ns + 999999) / 1000000);
}

void pace_pay(struct pace *pace, uint64_t now_us)
{
    atomic_fetch_add_explicit(&pace->calls, 1, memory_order_relaxed);
    gate_pay(&pace->fleet, now_us);
    bool alone = is_alone(pace, now_us * 1000);
    if (alone)
        gate_move(&pace->alone_ns, now_us * 1000, load(&pace->share_ns));
    /* Calls made during a long outage are no debt beyond the trust: the other processes ran without
     * us, too. */
    if (!alone || atomic_load_explicit(&pace->owed, memory_order_relaxed) < pace->trust)
        atomic_fetch_add_explicit(&pace->owed, 1, memory_order_relaxed);
}

/* ---- reports ---- */

uint32_t pace_interval_us(const struct pace *pace)
{
    return (uint32_t)((pace->fleet.interval_ns + 999) / 1000);
}

bool pace_report(struct pace *pace, uint64_t now_us, uint32_t *calls)
{
    uint32_t owed = atomic_load_explicit(&pace->owed, memory_order_relaxed);
    bool lost = atomic_load_explicit(&pace->lost, memory_order_relaxed);
    uint64_t pause_ns = (lost ? REPORT_AGAIN_MS : REPORT_MS) * UINT64_C(1000000);
    if (owed == 0 || now_us * 1000 < load(&pace->report_ns) + pause_ns)
        return false;
    bool out = false;
    if (!atomic_compare_exchange_strong_explicit(&pace->reporting, &out, true, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    atomic_store_explicit(&pace->report_ns, now_us * 1000, memory_order_relaxed);
    *calls = owed;
    return true;
}

/* Measures our own pace over a second or more: at least a call per second, at most the rate of all
 * processes. */
static void measure_share(struct pace *pace, uint64_t now_ns)
{
    uint64_t took_ns = now_ns - load(&pace->since_ns);
    if (took_ns < SECOND_NS)
        return;
    uint64_t calls = load(&pace->calls);
    uint64_t made = calls - load(&pace->since_len);
    uint64_t share_ns = made > 0 ? took_ns / made : SECOND_NS;
    if (share_ns > SECOND_NS)
        share_ns = SECOND_NS;
    if (share_ns < pace->fleet.interval_ns)
        share_ns = pace->fleet.interval_ns;
    atomic_store_explicit(&pace->share_ns, share_ns, memory_order_relaxed);
    atomic_store_explicit(&pace->since_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&pace->since_len, calls, memory_order_relaxed);
}

void pace_reported(struct pace *pace, uint32_t calls, uint64_t ahead_us, uint64_t now_us)
{
    assert(atomic_load_explicit(&pace->reporting, memory_order_relaxed));
    uint32_t owed = atomic_fetch_sub_explicit(&pace->owed, calls, memory_order_relaxed);
    assert(owed >= calls); /* only the one report in flight reduces it */
    uint64_t since_ns = (owed - calls) * pace->fleet.interval_ns; /* calls since the report left */
    atomic_store_explicit(&pace->fleet.paid_ns, (now_us + ahead_us) * 1000 + since_ns,
                          memory_order_relaxed);
    measure_share(pace, now_us * 1000);
    atomic_store_explicit(&pace->lost, false, memory_order_relaxed);
    atomic_store_explicit(&pace->reporting, false, memory_order_relaxed);
}

void pace_unanswered(struct pace *pace)
{
    assert(atomic_load_explicit(&pace->reporting, memory_order_relaxed));
    atomic_fetch_add_explicit(&pace->unanswered, 1, memory_order_relaxed);
    atomic_store_explicit(&pace->lost, true, memory_order_relaxed);
    atomic_store_explicit(&pace->reporting, false, memory_order_relaxed);
}
