/* best.c: windows of free neighbours, found by bit tricks, nearest to the focal point first.
 *
 * The hall is cut into spots (best_spots.c), each category's sorted by how near any window in them
 * can come to the focal point. A search walks down that list, computes with a few shifts where n
 * free neighbours start, and stops when no later spot could offer anything nearer than its result.
 * A window's cost is the squared distance of its middle. A stadium has about three thousand spots;
 * a sold-out one costs a load and a branch.
 *
 * Windows that would leave a single seat are masked out by the same arithmetic: the seat to the
 * left of a window is left single if it is free and the one before it is not; likewise on the
 * right. Only neighbours sold to the same people count (row_free.h). A window next to a seat that
 * the same visit holds is checked separately (seats_stranded()).
 *
 * Concurrent searches would all propose the same seats, and all but one would lose them. So a
 * search keeps the k best windows, each from a different spot, and picks one by a number that no
 * other search gets. k is 1 for a lone search, grows with the number of concurrent searches, and
 * doubles with each loss. Near the focal point the next window is only one row further back.
 *
 * Channel seats and accessible seats are not in a spot's plain mask. Only requests that may have
 * them, and only in spots with such seats, pay for checking each seat.
 *
 * A companion seat is proposed only together with its accessible seat, so that the rules accept
 * every proposal. A request that needs one accessible seat does not need a second: later pieces are
 * sought among plain seats, and among all others only if those do not suffice. */
#include "core/seats/best_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef row_free_wide wide;

/* ---- windows in a spot ---- */

/* Seats that this search has already chosen; the bitmaps still have them as free. */
struct chosen {
    uint32_t count;
    struct {
        uint32_t word;
        uint64_t bits;
    } list[HOLD_SEATS_MAX];
};

static uint64_t row_free_less(const struct best *best, uint32_t word, const struct chosen *chosen)
{
    assert(chosen->count <= HOLD_SEATS_MAX);
    uint64_t free = seats_row_free(best->seats, word);
    for (uint32_t i = 0; i < chosen->count; i++)
        if (chosen->list[i].word == word)
            free &= ~chosen->list[i].bits;
    return free;
}

/* The given places of a chunk that are of this category and allowed to the buyer; *accessible: the
 * accessible ones of them. */
static uint64_t allowed_walk(const struct best *best, uint32_t row, uint32_t chunk, uint64_t places,
                             uint32_t category, const struct best_ask *ask, uint64_t *accessible)
{
    const struct plan_facts *facts = best->facts;
    uint32_t channels = ask->on_sale >> category & 1 ? ask->channels : ask->early;
    uint64_t allowed = 0;
    *accessible = 0;
    for (; places != 0; places &= places - 1) {
        uint32_t pos = chunk * 64 + (uint32_t)__builtin_ctzll(places);
        uint32_t seat = plan_seat_at(facts, row, pos);
        uint64_t bit = places & -places;
        if (facts->category[seat] != category ||
            (channels >> plan_channel_of(facts, seat) & 1) == 0)
            continue;
        bool kept =
            (plan_flags_of(facts, seat) & (PLAN_SEAT_ACCESSIBLE | PLAN_SEAT_COMPANION)) != 0;
        if (kept && !ask->access_need && !ask->access_open)
            continue;
        allowed |= bit;
        if (plan_flags_of(facts, seat) & PLAN_SEAT_ACCESSIBLE)
            *accessible |= bit;
    }
    return allowed;
}

/* In categories on sale to everybody: may the buyer have plain seats only? */
static bool has_plain_only(const struct best_ask *ask)
{
    return ask->channels == 1 && !ask->access_need && !ask->access_open;
}

/* The same for the free places of a spot. In a presale (`early`) nobody may have plain seats. */
static uint64_t allowed(const struct best *best, const struct spot *spot, uint64_t free,
                        uint32_t category, const struct best_ask *ask, uint64_t *accessible)
{
    uint64_t plain = ask->on_sale >> category & 1 ? free & spot->plain : 0;
    *accessible = 0;
    if (!spot->mixed || has_plain_only(ask))
        return plain;
    return plain | allowed_walk(best, spot->row, spot->chunk, free & ~spot->plain, category, ask,
                                accessible);
}

struct view {        /* a spot as one buyer sees it */
    uint64_t free;   /* every free seat of the bitmap */
    uint64_t before; /* free seats of the bitmap before it in the row */
    wide after;      /* `free`, and the bitmap after it in the upper half */
    wide may;        /* free and allowed */
    wide accessible; /* among the seats of `may` */
    uint64_t joined_before;
    wide joined; /* of `before` and `after`: sold to the same people as the next seat */
};

static bool look(const struct best *best, const struct spot *spot, uint32_t category,
                 const struct best_ask *ask, const struct chosen *chosen, struct view *view)
{
    view->free = row_free_less(best, spot->word, chosen);
    if ((view->free & spot->plain) == 0 && !spot->mixed)
        return false;
    uint64_t accessible;
    uint64_t mine = allowed(best, spot, view->free, category, ask, &accessible);
    if (mine == 0)
        return false;
    view->accessible = accessible;
    const uint64_t *joined = &best->seats->joined[ask->access_open][spot->word];
    view->before = view->joined_before = 0;
    view->after = view->free;
    view->joined = joined[0];
    view->may = mine;
    assert((mine & ~view->free) == 0);
    const struct seats_row *row = &best->seats->rows[spot->row];
    if (row->words == 1)
        return true;
    if (spot->chunk > 0) {
        view->before = row_free_less(best, spot->word - 1, chosen);
        view->joined_before = joined[-1];
    }
    if (spot->chunk + 1u < row->words) {
        uint64_t next = row_free_less(best, spot->word + 1, chosen);
        view->after |= (wide)next << 64;
        view->joined |= (wide)joined[1] << 64;
        /* Only windows that continue from this bitmap need the next one's seats. */
        uint64_t on = mine >> 63 ? next & ~(next + 1) : 0;
        view->may |=
            (wide)allowed_walk(best, spot->row, spot->chunk + 1u, on, category, ask, &accessible)
            << 64;
        view->accessible |= (wide)accessible << 64;
    }
    return true;
}

/* A search's origin of distances, and the windows that count. */
struct search {
    const struct best_ask *ask;
    const struct chosen *chosen;
    uint32_t n;
    bool orphans;
    bool with_access; /* one of the seats has to be accessible */
    bool tables;      /* only tables sold whole */
    bool plain_only;  /* among seats on sale for everybody; set by search_all() */
    bool near;        /* distances are from x, y, which lie `away` from the focal point */
    float x, y, away;
    bool every;    /* all windows of a spot are wanted, not just its nearest */
    bool measures; /* sets `longest`: if no window of n exists, no shorter one is longer */
    uint32_t longest;
    uint32_t *work;
    const struct best_pick *picked; /* earlier pieces of the same proposal; NULL: none */
    /* Seats of earlier proposals to the same buyer: not proposed again, but still free, since only
     * one proposal will be taken. NULL: none. */
    const struct chosen *proposed;
};

/* Where windows of n seats start, as bits. */
static uint64_t windows(const struct best *best, const struct spot *spot, const struct view *view,
                        struct search *search)
{
    const struct best_ask *ask = search->ask;
    uint32_t n = search->n;
    assert(n >= 1);
    assert(n <= BEST_ADJACENT_MAX);
    const struct seats_row *row = &best->seats->rows[spot->row];
    const bool whole = row->flags & PLAN_RUN_WHOLE;
    if (!whole && search->tables)
        return 0;
    uint64_t starts = (uint64_t)view->may;
    uint32_t len = 0;
    while (starts != 0 && ++len < n)
        starts &= (uint64_t)(view->may >> len);
    uint32_t shorter = len < n ? len : n - 1;
    if (whole)
        shorter = len == row->count && len < n ? len : 0;
    if (search->measures && search->longest < shorter)
        search->longest = shorter;
    if (starts == 0 || (whole && n != row->count))
        return 0;
    if (search->with_access) {
        uint64_t with = 0;
        for (uint32_t i = 0; i < n; i++)
            with |= (uint64_t)(view->accessible >> i);
        starts &= with;
    }
    if (search->orphans || !ask->orphan_rule || (row->flags & PLAN_RUN_TABLE))
        return starts;
    return starts &
           ~row_free_bad_starts(view->before, view->after, view->joined_before, view->joined, n);
}

/* ---- the k best ---- */

struct candidate {
    float cost;
    uint32_t row, pos;
    const struct spot *spot;
    uint32_t category;
};

struct candidates {
    uint32_t count, room;
    struct candidate list[HOLD_SEATS_MAX]; /* ascending by cost */
};

static bool is_beaten(const struct candidates *found, float cost)
{
    assert(found->room > 0);
    return found->count == found->room && cost >= found->list[found->room - 1].cost;
}

static void keep(struct candidates *found, struct candidate candidate)
{
    assert(found->count <= found->room);
    if (is_beaten(found, candidate.cost))
        return;
    uint32_t at = found->count < found->room ? found->count++ : found->room - 1;
    for (; at > 0 && found->list[at - 1].cost > candidate.cost; at--)
        found->list[at] = found->list[at - 1];
    found->list[at] = candidate;
}

/* The places of a spot's bitmap, and of the one after it, that are in `chosen`. */
static wide places_in(const struct chosen *chosen, const struct spot *spot)
{
    assert(chosen->count <= HOLD_SEATS_MAX);
    wide places = 0;
    for (uint32_t i = 0; i < chosen->count; i++) {
        if (chosen->list[i].word == spot->word)
            places |= chosen->list[i].bits;
        else if (chosen->list[i].word == spot->word + 1)
            places |= (wide)chosen->list[i].bits << 64;
    }
    return places;
}

/* Must companion seats come with their accessible seats? Only requests that need access are offered
 * either. */
static bool keeps_companions(const struct best_ask *ask)
{
    return ask->access_need && !ask->access_open;
}

static bool is_chosen(const struct best *best, const struct chosen *chosen, uint32_t seat)
{
    uint32_t pos = plan_pos_of(best->facts, seat);
    uint32_t word = best->seats->rows[best->facts->run[seat]].word + pos / 64;
    for (uint32_t i = 0; i < chosen->count; i++)
        if (chosen->list[i].word == word && (chosen->list[i].bits >> (pos % 64) & 1) != 0)
            return true;
    return false;
}

/* The accessible seat that must be taken with this companion seat, or UINT32_MAX. */
static uint32_t needs_seat(const struct best *best, uint32_t seat)
{
    return plan_flags_of(best->facts, seat) & PLAN_SEAT_COMPANION
               ? plan_companion_of(best->plan, seat)
               : UINT32_MAX;
}

static bool is_whole(const struct best *best, const struct search *search, uint32_t row,
                     uint32_t pos)
{
    assert(pos + search->n <= best->facts->runs[row].count);
    for (uint32_t i = pos; i < pos + search->n; i++) {
        uint32_t with = needs_seat(best, plan_seat_at(best->facts, row, i));
        if (with == UINT32_MAX)
            continue;
        uint32_t at = plan_pos_of(best->facts, with);
        bool here = best->facts->run[with] == row && at >= pos && at < pos + search->n;
        if (!here && !is_chosen(best, search->chosen, with))
            return false;
    }
    return true;
}

/* Would this window leave a seat single that the visit holds? */
static bool strands(const struct best *best, const struct search *search, uint32_t row,
                    uint32_t pos)
{
    const struct best_ask *ask = search->ask;
    if (!ask->orphan_rule || search->orphans)
        return false;
    const uint32_t ends[] = {plan_seat_at(best->facts, row, pos),
                             plan_seat_at(best->facts, row, pos + search->n - 1)};
    return seats_stranded(best->seats, &ask->visit, ask->access_open, ends, 2,
                          search->picked != NULL ? search->picked->seats : NULL,
                          search->picked != NULL ? search->picked->count : 0) != UINT32_MAX;
}

static void search_spot(const struct best *best, struct search *search, const struct spot *spot,
                        uint32_t category, struct candidates *found)
{
    struct view view;
    if (!look(best, spot, category, search->ask, search->chosen, &view))
        return;
    if (search->proposed != NULL)
        view.may &= ~places_in(search->proposed, spot);
    uint64_t starts = windows(best, spot, &view, search);
    if (starts == 0)
        return;
    bool keeps = keeps_companions(search->ask);
    struct candidate at = {.cost = -1, .row = spot->row, .spot = spot, .category = category};
    uint32_t measured = 0;
    for (; starts != 0; starts &= starts - 1) {
        measured++;
        uint32_t pos = spot->chunk * 64u + (uint32_t)__builtin_ctzll(starts);
        float cost = best_cost_from(best, spot->row, pos, search->n, search->x, search->y);
        if (!search->every && at.cost >= 0 && cost >= at.cost)
            continue;
        if ((keeps && !is_whole(best, search, spot->row, pos)) ||
            strands(best, search, spot->row, pos))
            continue;
        at.cost = cost;
        at.pos = pos;
        if (search->every)
            keep(found, at);
    }
    *search->work += measured;
    if (at.cost >= 0 && !search->every)
        keep(found, at);
}

/* Are n consecutive bits set? Each step doubles the length that is known to be free. */
static bool has_run(uint64_t bits, uint32_t n)
{
    assert(n > 0);
    for (uint32_t have = 1; have < n && bits != 0;) {
        uint32_t more = n - have < have ? n - have : have;
        bits &= bits >> more;
        have += more;
    }
    return bits != 0;
}

/* The same across two bitmaps, for runs that begin in the first. */
static bool has_run_over(wide bits, uint32_t n)
{
    assert(n > 0);
    for (uint32_t have = 1; have < n && (uint64_t)bits != 0;) {
        uint32_t more = n - have < have ? n - have : have;
        bits &= bits >> more;
        have += more;
    }
    return (uint64_t)bits != 0;
}

/* Does the spot lack n free neighbours? In a nearly sold-out hall most spots end here, after a load
 * and a few shifts. */
static bool is_hopeless(const struct best *best, const struct search *search,
                        const struct spot *spot, uint32_t n)
{
    uint64_t free = seats_row_free(best->seats, spot->word);
    if (!spot->mixed || search->plain_only)
        free &= spot->plain;
    if (spot->last || free == 0)
        return !has_run(free, n);
    wide both = (wide)seats_row_free(best->seats, spot->word + 1) << 64 | free;
    return !has_run_over(both, n);
}

static const struct chosen none_chosen;

static void search_near(const struct best *best, struct search *search, float x, float y)
{
    search->near = true;
    search->x = x;
    search->y = y;
    search->away = hypotf(x - best->focal_x, y - best->focal_y);
}

/* A lower bound on the cost of windows in this spot and all later ones. The list is sorted by the
 * distance from the focal point; a point at distance d from it is at least d - `away` from x, y.
 * Rounded down. */
static float cost_floor(const struct search *search, const struct spot *spot)
{
    if (!search->near)
        return spot->cost_min;
    float apart = 0.999F * sqrtf(spot->cost_min) - 1.001F * search->away;
    return apart > 0 ? apart * apart : 0;
}

/* Are all windows of this spot too far from x, y? */
static bool is_too_far(const struct search *search, const struct spot *spot,
                       const struct candidates *found)
{
    assert(spot->reach >= 0);
    if (!search->near)
        return false;
    float apart = 0.999F * sqrtf((spot->x - search->x) * (spot->x - search->x) +
                                 (spot->y - search->y) * (spot->y - search->y)) -
                  1.001F * spot->reach;
    return apart > 0 && is_beaten(found, apart * apart);
}

static void search_all(const struct best *best, struct search *search, struct candidates *found)
{
    assert(found->room >= 1);
    assert(found->room <= HOLD_SEATS_MAX);
    const struct best_ask *ask = search->ask;
    found->count = search->longest = 0;
    if (search->n > BEST_ADJACENT_MAX)
        return;
    search->plain_only = has_plain_only(ask);
    const uint32_t n = search->n;
    const bool measures = search->measures;
    uint32_t looks = 0;
    for (uint64_t rest = ask->categories; rest != 0; rest &= rest - 1) {
        uint32_t category = (uint32_t)__builtin_ctzll(rest);
        bool on_sale = ask->on_sale >> category & 1;
        const struct spot *end = &best->spots[best->first[category + 1]];
        for (const struct spot *spot = &best->spots[best->first[category]]; spot < end; spot++) {
            if (is_beaten(found, cost_floor(search, spot)))
                break;
            looks++;
            uint32_t least = measures && found->count == 0 ? search->longest + 1 : n;
            if (on_sale ? is_hopeless(best, search, spot, least) : !spot->mixed)
                continue;
            if (is_too_far(search, spot, found))
                continue;
            search_spot(best, search, spot, category, found);
        }
    }
    *search->work += looks;
}

/* ---- one row with gaps ---- */

/* The n free seats of a spot that are closest together, as bits by place; 0: too few. */
static uint64_t closest(uint64_t may, uint32_t n)
{
    uint64_t best_bits = 0;
    uint32_t best_span = 65;
    uint8_t places[64];
    uint32_t count = 0;
    assert(n > 0);
    for (; may != 0; may &= may - 1)
        places[count++] = (uint8_t)__builtin_ctzll(may);
    for (uint32_t i = 0; i + n <= count; i++) {
        uint32_t span = (uint32_t)places[i + n - 1] - places[i];
        if (span >= best_span)
            continue;
        best_span = span;
        best_bits = 0;
        for (uint32_t j = i; j < i + n; j++)
            best_bits |= UINT64_C(1) << places[j];
    }
    assert(best_bits == 0 || (uint32_t)__builtin_popcountll(best_bits) == n);
    return best_bits;
}

/* The companion seats in `bits` whose accessible seat is not in `bits`. */
static uint64_t left_alone(const struct best *best, const struct spot *spot, uint64_t bits)
{
    uint64_t alone = 0;
    for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
        uint32_t pos = spot->chunk * 64u + (uint32_t)__builtin_ctzll(rest);
        uint32_t with = needs_seat(best, plan_seat_at(best->facts, spot->row, pos));
        if (with == UINT32_MAX)
            continue;
        uint32_t at = plan_pos_of(best->facts, with);
        if (best->facts->run[with] != spot->row || at / 64 != spot->chunk ||
            (bits >> (at % 64) & 1) == 0)
            alone |= rest & -rest;
    }
    assert((alone & ~bits) == 0);
    return alone;
}

/* The closest seats that the rules allow. Companion seats without their accessible seat are dropped
 * for good; including both is left to the search for several pieces. */
static uint64_t closest_whole(const struct best *best, const struct spot *spot, uint64_t may,
                              const struct best_ask *ask)
{
    for (;;) {
        uint64_t bits = closest(may, ask->quantity);
        uint64_t alone = keeps_companions(ask) ? left_alone(best, spot, bits) : 0;
        if (alone == 0)
            return bits;
        may &= ~alone;
    }
}

/* Taking `bits` leaves seats single only in this bitmap, or next to it in the adjoining ones.
 * Bitmaps beyond those do not change, so they may be missing. */
static bool leaves_single(const struct view *view, uint64_t bits)
{
    assert((bits & ~view->free) == 0);
    const uint64_t next = (uint64_t)(view->after >> 64), joined = (uint64_t)view->joined;
    const uint64_t was[] = {0, view->before, view->free, next, 0};
    const uint64_t is[] = {0, view->before, view->free & ~bits, next, 0};
    return (row_free_left_single(&was[0], &is[0], 0, view->joined_before) |
            row_free_left_single(&was[1], &is[1], view->joined_before, joined) |
            row_free_left_single(&was[2], &is[2], joined, (uint64_t)(view->joined >> 64))) != 0;
}

static void pick_bits(const struct best *best, uint32_t row, uint32_t from, uint64_t bits,
                      struct best_pick *out)
{
    for (; bits != 0; bits &= bits - 1)
        out->seats[out->count++] =
            plan_seat_at(best->facts, row, from + (uint32_t)__builtin_ctzll(bits));
    assert(out->count <= HOLD_SEATS_MAX);
}

static bool find_same_row(const struct best *best, const struct best_ask *ask,
                          struct best_pick *out)
{
    float lowest = -1;
    for (uint64_t rest = ask->categories; rest != 0; rest &= rest - 1) {
        uint32_t category = (uint32_t)__builtin_ctzll(rest);
        for (uint32_t i = best->first[category]; i < best->first[category + 1]; i++) {
            const struct spot *spot = &best->spots[i];
            if (lowest >= 0 && spot->cost_min >= lowest)
                break;
            struct view view;
            uint8_t flags = best->seats->rows[spot->row].flags;
            if (flags & PLAN_RUN_WHOLE)
                continue;
            out->work++;
            if (!look(best, spot, category, ask, &none_chosen, &view))
                continue;
            uint32_t places = (uint32_t)__builtin_popcountll((uint64_t)view.may);
            if (places < ask->quantity)
                continue;
            out->work += places;
            uint64_t bits = closest_whole(best, spot, (uint64_t)view.may, ask);
            if (bits == 0 || (ask->access_need && (bits & (uint64_t)view.accessible) == 0))
                continue;
            if (ask->orphan_rule && (flags & PLAN_RUN_TABLE) == 0 && leaves_single(&view, bits))
                continue;
            uint32_t pos = spot->chunk * 64u + (uint32_t)__builtin_ctzll(bits);
            uint32_t span = 64u - (uint32_t)__builtin_clzll(bits) - (uint32_t)__builtin_ctzll(bits);
            /* A gap of one place costs as much as being three places further away. */
            float gap = 3 * best->pitch * (float)(span - ask->quantity);
            float cost = best_cost(best, spot->row, pos, span) + gap * gap;
            if (lowest >= 0 && cost >= lowest)
                continue;
            struct best_pick here = {.work = out->work};
            pick_bits(best, spot->row, spot->chunk * 64u, bits, &here);
            if (ask->orphan_rule &&
                seats_stranded(best->seats, &ask->visit, ask->access_open, here.seats, here.count,
                               here.seats, here.count) != UINT32_MAX)
                continue;
            lowest = cost;
            *out = here;
        }
    }
    assert(lowest < 0 || out->count == ask->quantity);
    return lowest >= 0;
}

/* ---- several pieces ---- */

static void choose(const struct best *best, struct chosen *chosen, uint32_t row, uint32_t pos,
                   uint32_t n, struct best_pick *out)
{
    for (uint32_t i = pos; i < pos + n; i++) {
        assert(out->count < HOLD_SEATS_MAX);
        out->seats[out->count++] = plan_seat_at(best->facts, row, i);
        uint32_t word = best->seats->rows[row].word + i / 64;
        if (chosen->count == 0 || chosen->list[chosen->count - 1].word != word) {
            assert(chosen->count < HOLD_SEATS_MAX);
            chosen->list[chosen->count].word = word;
            chosen->list[chosen->count++].bits = 0;
        }
        chosen->list[chosen->count - 1].bits |= UINT64_C(1) << (i % 64);
    }
}

/* Is this window still valid after the earlier choices? */
static bool is_offered(const struct best *best, struct search *search, const struct candidate *at)
{
    struct view view;
    assert(at->spot != NULL);
    return look(best, at->spot, at->category, search->ask, search->chosen, &view) &&
           (windows(best, at->spot, &view, search) >> (at->pos % 64) & 1) != 0 &&
           !strands(best, search, at->row, at->pos);
}

/* Picks the largest piece first, the others near it. The first has the accessible seat; the others
 * are plain, unless `anything`. `tables`: tables sold whole come before all others.
 *
 * One search finds nearly all pieces of a size, since few of its windows exclude each other. Sizes
 * that are no longer available are skipped. A hold has at most ten different sizes, so this takes a
 * few searches and not one for each seat. */
static bool find_pieces(const struct best *best, const struct best_ask *ask, bool orphans,
                        bool anything, bool tables, struct best_pick *out)
{
    struct chosen chosen = {.count = 0};
    struct best_ask piece_ask = *ask;
    struct search search = {.ask = &piece_ask,
                            .chosen = &chosen,
                            .orphans = orphans,
                            .with_access = ask->access_need,
                            .measures = true,
                            .tables = tables,
                            .picked = out,
                            .x = best->focal_x,
                            .y = best->focal_y,
                            .work = &out->work};
    struct candidates found;
    out->count = 0;
    uint32_t left = ask->quantity;
    const uint32_t most = left < BEST_ADJACENT_MAX ? left : BEST_ADJACENT_MAX;
    uint32_t size = most;
    while (left > 0 && size > 0) {
        assert(out->count + left == ask->quantity);
        search.n = size < left ? size : left;
        search.every = search.near && left >= 2 * search.n;
        found.room = search.every ? HOLD_SEATS_MAX : 1;
        search_all(best, &search, &found);
        if (found.count == 0) {
            assert(search.longest < search.n);
            size = search.longest > 0 || !search.tables ? search.longest : most;
            search.tables = search.tables && search.longest > 0;
            continue;
        }
        for (uint32_t i = 0; i < found.count && left >= search.n; i++) {
            const struct candidate *at = &found.list[i];
            if (i > 0 && !is_offered(best, &search, at))
                continue;
            choose(best, &chosen, at->row, at->pos, search.n, out);
            left -= search.n;
        }
        if (!search.near) {
            float x, y;
            best_middle(best, found.list[0].row, found.list[0].pos, search.n, &x, &y);
            search_near(best, &search, x, y);
        }
        search.with_access = false;
        piece_ask.access_need = ask->access_need && anything;
    }
    return left == 0;
}

/* ---- asking ---- */

void best_enter(struct best *best)
{
    /* relaxed: a hint; nothing depends on it */
    atomic_fetch_add_explicit(&best->inside, 1, memory_order_relaxed);
}

void best_leave(struct best *best)
{
    uint32_t were = atomic_fetch_sub_explicit(&best->inside, 1, memory_order_relaxed);
    assert(were > 0);
}

static uint32_t spread(struct best *best, unsigned attempt)
{
    assert(attempt < BEST_RETRIES_MAX);
    uint32_t inside = atomic_load_explicit(&best->inside, memory_order_relaxed);
    if (inside <= 1 && attempt == 0)
        return 1;
    uint64_t room = (uint64_t)(inside < 2 ? 2 : inside) * 4 << (attempt < 8 ? attempt : 8);
    assert(room > 1); /* or all would compete for the same seats */
    return room < BEST_SPREAD_MAX ? (uint32_t)room : BEST_SPREAD_MAX;
}

static uint64_t next_number(struct best *best)
{
    uint64_t x = best->seed + UINT64_C(0x9e3779b97f4a7c15) *
                                  atomic_fetch_add_explicit(&best->turn, 1, memory_order_relaxed);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 31;
}

static bool find_adjacent(struct best *best, const struct best_ask *ask, unsigned attempt,
                          bool orphans, struct best_pick *out)
{
    struct search search = {.ask = ask,
                            .chosen = &none_chosen,
                            .n = ask->quantity,
                            .orphans = orphans,
                            .with_access = ask->access_need,
                            .x = best->focal_x,
                            .y = best->focal_y,
                            .work = &out->work};
    struct candidates found;
    found.room = spread(best, attempt);
    search_all(best, &search, &found);
    if (found.count == 0)
        return false;
    uint32_t which = found.count == 1 ? 0 : (uint32_t)(next_number(best) % found.count);
    assert(which < found.count);
    out->count = 0;
    for (uint32_t i = 0; i < ask->quantity; i++)
        out->seats[out->count++] =
            plan_seat_at(best->facts, found.list[which].row, found.list[which].pos + i);
    assert(out->count == ask->quantity);
    return true;
}

/* Tables first if the pieces do not add up: near seats may be needed to fill what tables leave. */
static bool find_either(const struct best *best, const struct best_ask *ask, bool orphans,
                        bool anything, struct best_pick *out)
{
    assert(ask->quantity > 0);
    return find_pieces(best, ask, orphans, anything, false, out) ||
           (best->tables && find_pieces(best, ask, orphans, anything, true, out));
}

/* Plain seats first, even if one is left single: further accessible seats are for others. */
static enum best_step find_apart(const struct best *best, const struct best_ask *ask,
                                 struct best_pick *out)
{
    for (unsigned anything = 0; anything <= ask->access_need; anything++) {
        if (find_either(best, ask, false, anything, out))
            return BEST_PIECES;
        if (ask->orphan_rule && find_either(best, ask, true, anything, out))
            return BEST_PIECES_ORPHAN;
    }
    return BEST_NONE;
}

enum best_step best_find(struct best *best, const struct best_ask *ask, unsigned attempt,
                         struct best_pick *out)
{
    assert(ask->quantity >= 1);
    assert(ask->quantity <= HOLD_SEATS_MAX);
    out->step = BEST_NONE;
    out->count = out->work = 0;
    if (find_adjacent(best, ask, attempt, false, out))
        out->step = BEST_ADJACENT;
    else if (ask->orphan_rule && find_adjacent(best, ask, attempt, true, out))
        out->step = BEST_ADJACENT_ORPHAN;
    else if (ask->adjacent || ask->quantity == 1)
        out->step = BEST_NONE;
    else if (find_same_row(best, ask, out))
        out->step = BEST_SAME_ROW;
    else
        out->step = find_apart(best, ask, out);
    assert(out->step == BEST_NONE || out->count == ask->quantity);
    return out->step;
}

static bool overlaps(const struct best *best, const struct chosen *chosen,
                     const struct candidate *window, uint32_t n)
{
    assert(window->pos + n <= best->facts->runs[window->row].count);
    for (uint32_t i = window->pos; i < window->pos + n; i++)
        if (is_chosen(best, chosen, plan_seat_at(best->facts, window->row, i)))
            return true;
    return false;
}

/* A search finds one window per spot; if these are too few, it is repeated without the seats
 * proposed so far. Windows from two spots of a long row may overlap: then the nearer one counts. */
uint32_t best_near(const struct best *best, const struct best_ask *ask, uint32_t seat,
                   struct best_pick *out, uint32_t room, uint32_t *work)
{
    struct chosen proposed = {.count = 0};
    assert(room <= BEST_SPREAD_MAX);
    static_assert(2 * BEST_SPREAD_MAX <= HOLD_SEATS_MAX, "a window lies in two bitmaps at most");
    struct search search = {.ask = ask,
                            .chosen = &none_chosen,
                            .n = ask->quantity,
                            .with_access = ask->access_need,
                            .work = work,
                            .proposed = &proposed};
    float x, y;
    best_middle(best, best->facts->run[seat], plan_pos_of(best->facts, seat), 1, &x, &y);
    search_near(best, &search, x, y);
    uint32_t count = 0;
    while (count < room) {
        struct candidates found = {.room = room - count};
        search_all(best, &search, &found);
        if (found.count == 0)
            break;
        for (uint32_t i = 0; i < found.count; i++) {
            const struct candidate *at = &found.list[i];
            if (overlaps(best, &proposed, at, ask->quantity))
                continue;
            out[count].step = BEST_ADJACENT;
            out[count].count = 0;
            choose(best, &proposed, at->row, at->pos, ask->quantity, &out[count]);
            assert(out[count].count == ask->quantity);
            count++;
        }
    }
    assert(count <= room);
    return count;
}
