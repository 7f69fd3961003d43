/* odds.c: if each admitted visitor takes s seats and n of them come before a place, s * n seats go
 * before its turn. Two things make that uncertain: chance in what each takes, which evens out, and
 * doubt about s itself, which does not:
 *
 *     sigma^2 = PARTY * s * n  +  (s * n)^2 * (DRIFT^2 + PARTY / (s * seen))
 *
 * where PARTY is the number of seats taken together. The seats are gone before the turn with
 * probability Phi((s*n - left) / sigma), which rises with the place. So "likely" (nine in ten)
 * holds from some place on, and "unlikely" (one in ten) up to some place.
 *
 * A visit takes seats after it has lasted a while. Visits under way count half: on average they
 * have taken half of their seats. The same half is under way at the turn in question, so it cancels
 * out.
 *
 * Steadiness. A bound moves only as far as it must: a place gets "likely" at nine in ten and
 * keeps that until its odds are below LET_GO, and likewise at the other end. For all places at once
 * this means keeping the old bound if it lies between the two that the new odds would give.
 *
 * Lanes. The n visitors come from all lanes, each served by its share while it lasts. The number
 * called from the own lane until then gives the bound in that lane. Nobody knows who will still
 * come to the other lanes. If they never empty, fewer of the own lane are called; if they empty
 * with those who wait now, more are. "Unlikely" assumes the first, "likely" the second, so both
 * hold whatever happens. The shares are those at the time of the feed. */
#include "core/wait/odds.h"

#include "core/line/ghosts.h"

#include <assert.h>
#include <math.h>

static const double Z_SURE = 1.2816; /* nine in ten */
static const double Z_LET_GO = 0.0;  /* even */
static const double PARTY = 2.5;
static const double DRIFT = 0.05;
static const double MEMORY_MILLI = 4000000.0; /* visitors over whom s is smoothed */
static const uint64_t SEEN_MIN_MILLI = 50000; /* fewer visitors are no measurement */
static const double PLACES_MAX = 1e12;

const char *odds_name(enum odds_sold_out odds)
{
    static const char *const names[] = {
        [ODDS_UNLIKELY] = "unlikely", [ODDS_UNSURE] = "unsure", [ODDS_LIKELY] = "likely"};
    assert(odds <= ODDS_LIKELY);
    return names[odds];
}

/* Nobody takes more than `most` or returns more. If more seats went than the people who came and
 * those inside can have taken, the rest was blocked; if more came back than those inside can have
 * held, they are new stock. Neither says what a visitor takes, so the earlier measurement stays and
 * continues from the current number of seats. */
static void measure(struct odds *odds, const struct odds *before, uint64_t active, uint64_t most)
{
    if (before == NULL || odds->came_milli < before->came_milli)
        return; /* the first feed, or a line that was healed */
    double came = (double)(odds->came_milli - before->came_milli);
    double taken = 1000.0 * ((double)before->seats - (double)odds->seats);
    odds->taken_sum_milli = before->taken_sum_milli;
    odds->came_sum_milli = before->came_sum_milli;
    double inside = 1000.0 * (double)active;
    if (taken > (double)most * (came + inside) || taken < -(double)most * inside)
        return;
    double keep = MEMORY_MILLI / (MEMORY_MILLI + came);
    assert(most >= 1 && keep > 0.0 && keep <= 1.0);
    double came_sum = (double)before->came_sum_milli * keep + came;
    taken = fmax(0.0, (double)before->taken_sum_milli * keep + taken);
    taken = fmin(taken, (double)most * came_sum);
    odds->taken_sum_milli = (uint64_t)(taken + 0.5);
    odds->came_sum_milli = (uint64_t)(came_sum + 0.5);
}

/* How many admitted visitors until the seats are gone, with the odds of `z`. */
static double visitors_until(const struct odds *odds, double z)
{
    assert(odds->taken_sum_milli > 0 && odds->came_sum_milli > 0); /* known */
    double s = (double)odds->taken_sum_milli / (double)odds->came_sum_milli;
    assert(s > 0.0 && isfinite(s));
    double left = (double)odds->seats, seen = (double)odds->came_sum_milli / 1000.0;
    double doubt2 = DRIFT * DRIFT + PARTY / (s * seen);
    /* (s*n - left)^2 = z^2 * (PARTY*s*n + doubt2*(s*n)^2), in d = s*n */
    double a = 1.0 - z * z * doubt2;
    double b = 2.0 * left + z * z * PARTY;
    if (a <= 0.0)
        return z > 0.0 ? PLACES_MAX : 0.0; /* too uncertain either way */
    double root = sqrt(fmax(0.0, b * b - 4.0 * a * left * left));
    double d = (b + (z > 0.0 ? root : -root)) / (2.0 * a);
    return fmin(d / s, PLACES_MAX);
}

/* Whether the other lanes end with the people waiting in them now, or never. */
enum others { OTHERS_END, OTHERS_STAY };

/* How many of a lane are called before this many visitors of all lanes have come. */
static double called_until(const struct odds_line *lines, unsigned lines_len, unsigned lane,
                           double visitors, enum others others)
{
    assert(lines_len <= LANES_ALL && lane < lines_len);
    struct lane_crowd crowd[LANES_ALL];
    for (unsigned i = 0; i < lines_len; i++) {
        const struct line_view *view = lines[i].view;
        crowd[i].show = fmax((double)view->show_up_milli / 1000.0, 0.01);
        crowd[i].waiting =
            others == OTHERS_STAY ? HUGE_VAL : eta_people(lines[i].model, view->waiting);
        visitors -= (double)view->outstanding * crowd[i].show;
    }
    if (visitors <= 0.0)
        return 0.0;
    return lanes_part(crowd, lines_len, lines[0].view->knobs.shares, lane, visitors);
}

/* The first place with this many people called before it; in a short line nobody has it yet. It
 * counts all places known to be empty, and of the others as many as would contain so many people if
 * none of them was judged. */
static uint64_t place_after(const struct line_view *view, const struct eta_model *model,
                            double ahead)
{
    assert(ahead >= 0.0 && model->gone_share < 1.0);
    uint64_t empty = ghosts_before(view->ghosts, view->serving, UINT64_MAX);
    double others = ceil(fmin(ahead, PLACES_MAX) / (1.0 - model->gone_share));
    uint64_t low = view->serving + 1, high = low + empty + (uint64_t)others;
    while (low < high) {
        uint64_t place = low + (high - low) / 2;
        uint64_t before = place - view->serving - 1;
        before -= ghosts_before(view->ghosts, view->serving, place);
        if (eta_people(model, before) >= ahead)
            high = place;
        else
            low = place + 1;
    }
    assert(low == high && low > view->serving);
    return low;
}

static uint64_t between(uint64_t value, uint64_t low, uint64_t high)
{
    assert(low <= high);
    return value < low ? low : value > high ? high : value;
}

/* `held`: the cut that is shown; NULL: none. */
static struct odds_cut cut_lane(const struct odds *odds, const struct odds_cut *held,
                                const struct odds_line *lines, unsigned lines_len, unsigned lane)
{
    const struct line_view *view = lines[lane].view;
    if (odds->seats == 0) /* certain */
        return (struct odds_cut){view->serving, view->serving + 1};
    double z[] = {Z_SURE, Z_LET_GO, -Z_SURE, -Z_LET_GO};
    uint64_t at[4];
    for (unsigned i = 0; i < 4; i++) {
        double called = called_until(lines, lines_len, lane, visitors_until(odds, z[i]),
                                     i < 2 ? OTHERS_END : OTHERS_STAY);
        at[i] = place_after(view, lines[lane].model, called);
    }
    /* Keep them in this order despite rounding. */
    uint64_t likely_least = at[1] > at[3] ? at[1] : at[3];
    uint64_t likely = at[0] > likely_least ? at[0] : likely_least;
    uint64_t unlikely_most = at[3] - 1;
    uint64_t unlikely = at[2] < at[3] ? at[2] - 1 : unlikely_most;
    struct odds_cut cut = {
        .likely_from = held != NULL ? between(held->likely_from, likely_least, likely) : likely,
        .unlikely_upto =
            held != NULL ? between(held->unlikely_upto, unlikely, unlikely_most) : unlikely,
    };
    assert(cut.unlikely_upto < cut.likely_from);
    return cut;
}

struct odds odds_feed(const struct odds *before, const struct odds_line *lines, unsigned lines_len,
                      uint64_t seats, uint64_t most)
{
    assert(most > 0);
    assert(lines_len >= 1 && lines_len <= LANES_ALL);
    uint64_t active = lines[0].view->active; /* of all lanes: they share the slots */
    uint64_t under_way_milli = active * 500, came_milli = 0;
    for (unsigned i = 0; i < lines_len; i++)
        came_milli += lines[i].view->admitted * 1000;
    struct odds odds = {
        .seats = seats,
        .came_milli = came_milli > under_way_milli ? came_milli - under_way_milli : 0,
        .lanes = lines_len,
    };
    measure(&odds, before, active, most);
    odds.known = odds.came_sum_milli >= SEEN_MIN_MILLI && odds.taken_sum_milli > 0;
    bool holds = before != NULL && before->known && before->lanes == lines_len;
    assert(odds.lanes <= LANES_ALL);
    for (unsigned i = 0; i < lines_len && odds.known; i++)
        odds.cut[i] = cut_lane(&odds, holds ? &before->cut[i] : NULL, lines, lines_len, i);
    return odds;
}

void odds_put(struct text *out, const struct odds *odds)
{
    const uint64_t numbers[] = {
        odds->seats, odds->came_milli, odds->taken_sum_milli, odds->came_sum_milli, odds->known,
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (i > 0)
            text_char(out, ':');
        text_u64(out, numbers[i]);
    }
    assert(odds->lanes >= 1 && odds->lanes <= LANES_ALL); /* as odds_parse() guarantees */
    for (uint32_t i = 0; i < odds->lanes; i++) {
        assert(!odds->known || odds->cut[i].unlikely_upto < odds->cut[i].likely_from);
        text_char(out, ':');
        text_u64(out, odds->cut[i].unlikely_upto);
        text_char(out, ':');
        text_u64(out, odds->cut[i].likely_from);
    }
}

static bool cut_number(struct span *text, uint64_t *out)
{
    struct span number;
    *text = span_cut(*text, ':', &number);
    return span_u64(number, INT64_MAX, out);
}

bool odds_parse(struct span text, struct odds *out)
{
    struct odds odds = {0};
    uint64_t known = 0;
    uint64_t *const numbers[] = {
        &odds.seats, &odds.came_milli, &odds.taken_sum_milli, &odds.came_sum_milli, &known,
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!cut_number(&text, numbers[i]))
            return false;
    }
    odds.known = known == 1;
    do {
        struct odds_cut cut;
        if (odds.lanes == LANES_ALL || !cut_number(&text, &cut.unlikely_upto) ||
            !cut_number(&text, &cut.likely_from) ||
            (odds.known && cut.unlikely_upto >= cut.likely_from))
            return false;
        odds.cut[odds.lanes++] = cut;
    } while (text.ptr != NULL);
    if (known > 1 || (odds.known && odds.came_sum_milli == 0))
        return false;
    assert(odds.lanes >= 1 && odds.lanes <= LANES_ALL);
    *out = odds;
    return true;
}
