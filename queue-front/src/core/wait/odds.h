/* odds.h: whether seats will be left when a visitor's turn comes, by the number of seats left and
 * the seats that each admitted visitor has taken so far. Each lane has cuts of its own: "likely"
 * sold out as if nobody else came to the other lanes, "unlikely" as if they never ended. Computed
 * once for each feed as two places that cut the line in three, and kept in Redis with it. They move
 * only when the odds have changed considerably, so that noise moves nobody. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_ODDS_H
#define FG_QUEUE_FRONT_CORE_ODDS_H

#include "base/text.h"
#include "core/line/lanes.h"
#include "core/wait/eta.h"

enum odds_sold_out { ODDS_UNLIKELY, ODDS_UNSURE, ODDS_LIKELY };

const char *odds_name(enum odds_sold_out odds);

struct odds_cut {
    uint64_t
        unlikely_upto;    /* up to here it is unlikely that the seats are gone before their turn */
    uint64_t likely_from; /* from here on it is likely */
};

struct odds {
    uint64_t seats;      /* as fed last */
    uint64_t came_milli; /* visits by then, those under way counted by half; thousandths */
    uint64_t taken_sum_milli, came_sum_milli; /* smoothed; their ratio is seats for each visitor */
    bool known;                               /* enough was seen to speak of odds */
    uint32_t lanes;                           /* with the general one; as many cuts as lanes */
    struct odds_cut cut[LANES_ALL];
};

struct odds_line {
    const struct line_view *view;
    const struct eta_model *model;
};

/* The odds with this feed, in an event of this many lines: the general one first, then its lanes.
 * `before` NULL: this is the first feed. `most`: seats that one buyer may have, at least 1. */
struct odds odds_feed(const struct odds *before, const struct odds_line *lines, unsigned lines_len,
                      uint64_t seats, uint64_t most);

static inline uint64_t odds_seats_milli(const struct odds *odds) /* for each admitted visitor */
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

/* As it is kept in Redis: numbers with colons between. */
void odds_put(struct text *out, const struct odds *odds);
bool odds_parse(struct span text, struct odds *out);

#endif
