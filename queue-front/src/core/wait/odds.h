/* odds.h: whether seats will be left at a visitor's turn, from the seats left and the seats that
 * each admitted visitor has taken so far. Each lane has its own cuts: "likely" sold out as if
 * nobody else came to the other lanes, "unlikely" as if they never ended. Computed once per feed as
 * two places that divide the line into three parts, and stored in Redis with the feed. They move
 * only when the odds have changed considerably, so that noise moves nobody. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_ODDS_H
#define FG_QUEUE_FRONT_CORE_ODDS_H

#include "base/text.h"
#include "core/line/lanes.h"
#include "core/wait/eta.h"

enum odds_sold_out { ODDS_UNLIKELY, ODDS_UNSURE, ODDS_LIKELY };

const char *odds_name(enum odds_sold_out odds);

struct odds_cut {
    uint64_t unlikely_upto; /* up to here, the seats are unlikely to be gone before the turn */
    uint64_t likely_from;   /* from here on, they are likely to be gone */
};

struct odds {
    uint64_t seats;      /* as of the last feed */
    uint64_t came_milli; /* visits by then, those under way counted half; thousandths */
    uint64_t taken_sum_milli, came_sum_milli; /* smoothed; their ratio is seats per visitor */
    bool known;                               /* enough data for odds */
    uint32_t lanes;                           /* including the general line; as many cuts */
    struct odds_cut cut[LANES_ALL];
};

struct odds_line {
    const struct line_view *view;
    const struct eta_model *model;
};

/* The odds after this feed, for an event with these lines: the general one first, then its lanes.
 * `before` NULL: the first feed. `most`: seats allowed per buyer, at least 1. */
struct odds odds_feed(const struct odds *before, const struct odds_line *lines, unsigned lines_len,
                      uint64_t seats, uint64_t most);

static inline uint64_t odds_seats_milli(const struct odds *odds) /* per admitted visitor */
{
    return odds->came_sum_milli > 0 ? odds->taken_sum_milli * 1000 / odds->came_sum_milli : 0;
}

static inline enum odds_sold_out odds_at(const struct odds *odds, unsigned lane, uint64_t place)
{
    const struct odds_cut *cut = &odds->cut[lane];
    return place >= cut->likely_from     ? ODDS_LIKELY
           : place <= cut->unlikely_upto ? ODDS_UNLIKELY
                                         : ODDS_UNSURE;
}

/* As stored in Redis: numbers separated by colons. */
void odds_put(struct text *out, const struct odds *odds);
bool odds_parse(struct span text, struct odds *out);

#endif
