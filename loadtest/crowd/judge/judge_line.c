/* judge_line.c: the line as all visitors together saw it. Each answer says something about how far
 * the line had come. A visitor who is called, or let in, shows that it had come as far as their
 * place (a floor). A visitor with n people ahead shows that it had not come past the place before
 * those (a ceiling). A ceiling is from a picture that may be JUDGE_LAG_US old, and is moved back by
 * that much.
 *
 *   - A jump: a visitor was called, or let in, and later the line had still not come to them. It
 *     does not matter under what name they came in.
 *   - The rate: between a ceiling and a later floor the line moved at least so far. It moves for
 *     free past people who left, people who may have counted as gone, and places that we know
 *     nothing about. Every other place costs a token, and there are rate * (T + 0.25 s) + burst
 *     of them in any window of T seconds (queue-front/lua/tick.lua). Windows are all pairs of a
 *     ceiling and a floor.
 *   - The number ahead may rise by those in front who may have counted as gone meanwhile, or whom
 *     we know nothing about. Latecomers who had been called were not counted by anybody, so they
 *     change nothing. */
#include "judge/judge_internal.h"

#include <stdlib.h>

enum { REFILL_CAP_MS = 250 }; /* a stall of the ticks makes up for no more than that */

struct sight {
    uint64_t at_us, place;
    uint32_t visitor;
};

struct sights {
    struct sight *sight;
    size_t len, cap;
};

struct rise {
    uint64_t place, from, to, came;
    uint32_t visitor;
};

struct judge_line {
    struct sights ceilings, floors;
    struct rise *rises;
    size_t rises_len, rises_cap;
    uint64_t came;
    bool spoilt; /* by a lack of memory */
};

struct judge_line *judge_line_create(void)
{
    return calloc(1, sizeof(struct judge_line));
}

void judge_line_destroy(struct judge_line *line)
{
    if (line == NULL)
        return;
    free(line->ceilings.sight);
    free(line->floors.sight);
    free(line->rises);
    free(line);
}

static void see(struct judge_line *line, struct sights *sights, struct sight sight)
{
    if (judge_room((void **)&sights->sight, sights->len, &sights->cap, sizeof(sight)))
        sights->sight[sights->len++] = sight;
    else
        line->spoilt = true;
}

void judge_line_below(struct judge_line *line, uint64_t at_us, uint64_t place, uint32_t visitor)
{
    see(line, &line->ceilings, (struct sight){at_us, place, visitor});
}

void judge_line_reached(struct judge_line *line, uint64_t at_us, uint64_t place, uint32_t visitor)
{
    see(line, &line->floors, (struct sight){at_us, place, visitor});
    if (place > line->came)
        line->came = place;
}

uint64_t judge_line_came(const struct judge_line *line)
{
    return line->came;
}

void judge_line_rose(struct judge_line *line, uint64_t place, uint64_t from, uint64_t to,
                     uint64_t came, uint32_t visitor)
{
    struct rise rise = {place, from, to, came, visitor};
    if (judge_room((void **)&line->rises, line->rises_len, &line->rises_cap, sizeof(rise)))
        line->rises[line->rises_len++] = rise;
    else
        line->spoilt = true;
}

/* ---- places ---- */

static int by_place(const void *a, const void *b)
{
    const struct judge_place *one = a, *two = b;
    return judge_compare(one->place, two->place, 0, 0);
}

/* The places whose owners we know, in their order, and how many up to each are of one sort. */
struct places {
    const struct judge_place *place;
    size_t len;
    uint32_t *paying; /* up to and with each: neither left nor silent */
    uint32_t *steady; /* never silent */
};

static uint64_t count_upto(const struct places *places, const uint32_t *counts, uint64_t place)
{
    size_t low = 0, high = places->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (places->place[middle].place <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? counts[low - 1] : 0;
}

static bool places_count(struct places *places)
{
    places->paying = calloc(places->len + 1, sizeof(*places->paying));
    places->steady = calloc(places->len + 1, sizeof(*places->steady));
    if (places->paying == NULL || places->steady == NULL)
        return false;
    uint32_t paying = 0, steady = 0;
    for (size_t i = 0; i < places->len; i++) {
        const struct judge_place *place = &places->place[i];
        bool again =
            i > 0 && places->place[i - 1].place == place->place; /* two owners: one token */
        paying += !again && !place->left && !place->silent;
        steady += !again && !place->silent;
        places->paying[i] = paying;
        places->steady[i] = steady;
    }
    return true;
}

/* ---- judging ---- */

static int by_instant(const void *a, const void *b)
{
    const struct sight *one = a, *two = b;
    return judge_compare(one->at_us, two->at_us, one->place, two->place);
}

/* From the end backwards, with the lowest ceiling that came later. */
static void judge_jumps(const struct judge_line *line, struct judge_verdict *verdict)
{
    const struct sights *ceilings = &line->ceilings, *floors = &line->floors;
    const struct sight *lowest = NULL;
    size_t next = ceilings->len;
    for (size_t i = floors->len; i > 0; i--) {
        const struct sight *floor = &floors->sight[i - 1];
        for (; next > 0 && ceilings->sight[next - 1].at_us >= floor->at_us; next--) {
            if (lowest == NULL || ceilings->sight[next - 1].place < lowest->place)
                lowest = &ceilings->sight[next - 1];
        }
        if (lowest != NULL && floor->place > lowest->place)
            judge_found(verdict, FOUND_JUMP,
                        "visitor %u with place %lu was let in; %.1f s later the line had come to "
                        "%lu at most, as visitor %u saw",
                        floor->visitor, floor->place, (double)(lowest->at_us - floor->at_us) / 1e6,
                        lowest->place, lowest->visitor);
    }
}

/* All in billionths of a token: thousandths a second times microseconds. */
static void judge_rate(const struct judge_line *line, const struct places *places,
                       const struct judge_conf *conf, struct judge_verdict *verdict)
{
    const int64_t token = 1000000000, rate = (int64_t)conf->rate_milli;
    const struct sights *ceilings = &line->ceilings, *floors = &line->floors;
    if (floors->len == 0 || ceilings->len == 0)
        return;
    const uint64_t epoch_us = ceilings->sight[0].at_us;
    const int64_t allowed = (int64_t)conf->burst * token + rate * REFILL_CAP_MS * 1000;
    const struct sight *from = NULL, *worst_from = NULL, *worst = NULL;
    int64_t low = 0, most = 0;
    size_t next = 0;
    for (size_t i = 0; i < floors->len; i++) {
        const struct sight *floor = &floors->sight[i];
        for (; next < ceilings->len && ceilings->sight[next].at_us <= floor->at_us; next++) {
            const struct sight *ceiling = &ceilings->sight[next];
            int64_t at = (int64_t)count_upto(places, places->paying, ceiling->place) * token -
                         rate * (int64_t)(ceiling->at_us - epoch_us);
            if (from == NULL || at < low) {
                low = at;
                from = ceiling;
            }
        }
        if (from == NULL)
            continue;
        int64_t over = (int64_t)count_upto(places, places->paying, floor->place) * token -
                       rate * (int64_t)(floor->at_us - epoch_us) - low - allowed;
        if (over > most) {
            most = over;
            worst = floor;
            worst_from = from;
        }
    }
    if (worst == NULL)
        return;
    double seconds = (double)(worst->at_us - worst_from->at_us) / 1e6;
    judge_found(verdict, FOUND_RATE,
                "within %.2f s the line came from %lu at most to %lu: %lu calls; %.1f were allowed",
                seconds, worst_from->place, worst->place,
                count_upto(places, places->paying, worst->place) -
                    count_upto(places, places->paying, worst_from->place),
                (double)rate / 1000 * (seconds + 0.25) + (double)conf->burst);
}

static void judge_rises(const struct judge_line *line, const struct places *places,
                        struct judge_verdict *verdict)
{
    verdict->ahead_rose = line->rises_len;
    for (size_t i = 0; i < line->rises_len; i++) {
        const struct rise *rise = &line->rises[i];
        if (rise->came + 1 >= rise->place)
            continue; /* a jump, if anything */
        uint64_t between = rise->place - 1 - rise->came;
        uint64_t steady = count_upto(places, places->steady, rise->place - 1) -
                          count_upto(places, places->steady, rise->came);
        if (rise->to - rise->from > between - steady)
            judge_found(
                verdict, FOUND_AHEAD,
                "visitor %u with place %lu had %lu ahead and later %lu; %lu could have come back",
                rise->visitor, rise->place, rise->from, rise->to, between - steady);
    }
}

int judge_line_judge(struct judge_line *line, struct judge_place *known, size_t len,
                     const struct judge_conf *conf, struct err_slot *err,
                     struct judge_verdict *verdict)
{
    struct places places = {.place = known, .len = len};
    qsort(known, len, sizeof(*known), by_place);
    bool good = !line->spoilt && places_count(&places);
    if (good) {
        if (line->ceilings.len > 0)
            qsort(line->ceilings.sight, line->ceilings.len, sizeof(struct sight), by_instant);
        if (line->floors.len > 0)
            qsort(line->floors.sight, line->floors.len, sizeof(struct sight), by_instant);
        judge_jumps(line, verdict);
        if (conf->rate_known)
            judge_rate(line, &places, conf, verdict);
        judge_rises(line, &places, verdict);
    }
    free(places.paying);
    free(places.steady);
    return good ? 0 : err_set(err, ERR_NOMEM, "a line of %zu places", len);
}
