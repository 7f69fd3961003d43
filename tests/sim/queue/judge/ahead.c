/* ahead.c: a row per place.
 *
 * Fronts show pictures of different moments: a tick is every 50 to 150 ms, and a picture older than
 * a second is marked stale. So each response is compared with those that any front gave at least
 * PICTURE_MS before; later responses wait in `fresh`. */
#include "queue/judge/ahead.h"

#include "queue/front/fronts.h"
#include "queue/judge/losses.h"
#include "stage/faults.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include <inttypes.h>

enum {
    ROWS_MAX = 4096,
    FRESH_MAX = 12,
    PICTURE_MS = 1500,
    BACKS_KEPT = 64,
    BACK_MS = 4000, /* until all fronts know that a visitor is back */
    KNOWN_MS = 20000,
};

/* A reported number of places ahead; `slack`: visitors among them who came back since. */
struct shown {
    uint64_t at_us;
    uint64_t before, ahead, slack;
    unsigned front;
    bool there;
};

struct row {
    uint64_t number; /* lines_number() */
    uint64_t shown_us;
    struct shown least, fresh[FRESH_MAX];
};

static struct {
    struct row rows[ROWS_MAX];
    uint32_t rows_len;
    struct {
        uint64_t at_us, number;
    } backs[BACKS_KEPT]; /* the newest visitors who came back */
    uint64_t backs_len;
    uint64_t faults, fault_us;
} ahead;

static struct row *row_of(uint64_t number)
{
    for (uint32_t i = 0; i < ahead.rows_len; i++)
        if (ahead.rows[i].number == number)
            return &ahead.rows[i];
    if (ahead.rows_len == ROWS_MAX)
        invariant_broken(INVARIANT_5, "place %s in so small a world", lines_says(number));
    struct row *row = &ahead.rows[ahead.rows_len++];
    row->number = number;
    return row;
}

/* Visitors behind a returning one, who may have counted as gone, may see one more ahead. */
static bool is_behind(uint64_t number, uint64_t other)
{
    return number > other && lines_are_same(number, other);
}

static void came_back(uint64_t number)
{
    ahead.backs[ahead.backs_len % BACKS_KEPT].at_us = sim_us();
    ahead.backs[ahead.backs_len++ % BACKS_KEPT].number = number;
    for (uint32_t k = 0; k < ahead.rows_len; k++) {
        struct row *row = &ahead.rows[k];
        if (!is_behind(row->number, number))
            continue;
        row->least.slack += 1;
        for (unsigned i = 0; i < FRESH_MAX; i++)
            row->fresh[i].slack += 1;
    }
}

void ahead_on_shown(uint64_t number, uint64_t heal_us)
{
    struct row *row = row_of(number);
    uint64_t silent_us = sim_us() - row->shown_us;
    bool in_gap = losses_any() && row->shown_us < heal_us;
    if (in_gap)
        probe_reached(PROBE_LINE_GAP_SHOWN);
    /* A sign of life reaches the scripts some seconds later, unless its front is paused. */
    if (silent_us + SIM_S > (uint64_t)FRONTS_GONE_AFTER_MS * SIM_MS || in_gap)
        came_back(number);
    row->shown_us = sim_us();
}

static void settle(struct row *row)
{
    for (unsigned i = 0; i < FRESH_MAX; i++) {
        struct shown *shown = &row->fresh[i];
        if (!shown->there || shown->at_us + PICTURE_MS * SIM_MS > sim_us())
            continue;
        uint64_t before = row->least.there ? row->least.before : UINT64_MAX;
        if (!row->least.there || shown->ahead + shown->slack <= row->least.ahead + row->least.slack)
            row->least = *shown;
        row->least.before = shown->before < before ? shown->before : before;
        shown->there = false;
    }
}

/* Counts visitors ahead who are back and may not be counted yet. */
static uint64_t not_counted_yet(uint64_t number)
{
    uint64_t n = 0, kept = ahead.backs_len < BACKS_KEPT ? ahead.backs_len : BACKS_KEPT;
    for (uint64_t i = 0; i < kept; i++)
        n += ahead.backs[i].at_us + BACK_MS * SIM_MS > sim_us() &&
             is_behind(number, ahead.backs[i].number);
    return n;
}

static void note(struct row *row, unsigned front, const struct ask *ask)
{
    struct shown *at = &row->fresh[0];
    for (unsigned i = 0; i < FRESH_MAX && at->there; i++)
        at = &row->fresh[i];
    *at = (struct shown){.at_us = sim_us(),
                         .before = ask->before,
                         .ahead = ask->place.ahead,
                         .slack = not_counted_yet(row->number),
                         .front = front,
                         .there = true};
}

bool ahead_all_know(void)
{
    uint64_t faults = 0;
    for (unsigned i = FAULT_REDIS_CUT; i <= FAULT_FRONT_LEAVE; i++)
        faults += fault_count((enum fault)i);
    if (faults != ahead.faults)
        ahead.fault_us = sim_us();
    ahead.faults = faults;
    return faults == 0 || ahead.fault_us + KNOWN_MS * SIM_MS < sim_us();
}

static void judge_ahead(const struct row *row, const struct ask *ask)
{
    const struct shown *least = &row->least;
    if (ask->before > least->before)
        invariant_broken(INVARIANT_6,
                         "place %s saw that %" PRIu64 " are called before it, and now "
                         "%" PRIu64,
                         lines_says(row->number), least->before, ask->before);
    if (ask->place.ahead > least->ahead)
        probe_reached(PROBE_LINE_ROSE);
    if (ask->place.ahead > least->ahead + least->slack && ahead_all_know())
        invariant_broken(INVARIANT_6,
                         "place %s saw %" PRIu64 " ahead, and now %" PRIu64 "; %" PRIu64
                         " have come back",
                         lines_says(row->number), least->ahead, ask->place.ahead, least->slack);
}

void ahead_on_answer(unsigned front, const struct ask *ask)
{
    struct row *row = row_of(lines_number(ask->line, ask->place.position));
    settle(row);
    if (row->least.there && losses_may_forget(row->least.front, row->least.at_us))
        row->least.there = false;
    if (row->least.there)
        judge_ahead(row, ask);
    note(row, front, ask);
}
