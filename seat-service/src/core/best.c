/* best.c: windows of free neighbours, found by bit tricks, nearest to the focal point first.
 *
 * The hall is cut into spots: one picture (up to 64 places of a row) as far as it belongs to one
 * category. Each category has its spots sorted by how near any window in them can come to the focal
 * point. A search walks down that list, computes with a few shifts where n free neighbours begin,
 * and stops when what it has is better than the nearest that a later spot could offer. A whole
 * stadium is some three thousand spots, and one that is sold out costs a load and a branch.
 *
 * What a window costs is the squared distance of its middle. Places between the ends of a row are
 * interpolated from three known points, which is exact for straight rows and good to centimetres
 * for curved ones; so the engine keeps no coordinates by seat.
 *
 * Windows that would leave a single seat are masked out in the same arithmetic: the place left of a
 * window is left single if it is free and the one before it is not; likewise to the right.
 *
 * A crowd that asks at once would all be told the same four seats, and all but one would lose them.
 * So the search keeps the k best windows, each of another spot, and picks one by a number that
 * nobody else got. k is 1 for him who is alone, grows with the number of those who are at it right
 * now, and doubles with each loss. Near the focal point the next window is a row further back,
 * which nobody minds.
 *
 * Seats of allocations and accessible seats are left out of a spot's plain mask. Only who may have
 * them, and only in spots that have some, pays for a look at each seat. */
#include "core/best.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide; /* a picture and the one after it */

struct spot {
    uint64_t plain; /* seats of the category that anybody may have */
    uint32_t word;  /* its picture */
    float cost_min; /* no window that begins here is nearer */
    uint16_t row;
    uint8_t chunk;  /* word - row's first word */
    bool mixed : 1; /* has seats of the category that are not plain */
    bool alone : 1; /* the only picture of its row */
};

struct row_shape { /* three points of a row: its beginning, middle and end */
    float x[3], y[3];
};

struct best {
    const struct plan *plan;
    const struct plan_facts *facts;
    const struct seats *seats;
    struct row_shape *shapes;
    struct spot *spots;
    uint32_t first[PLAN_CATEGORIES_MAX + 1]; /* spots of a category: first[c] .. first[c + 1] */
    float focal_x, focal_y, pitch;
    uint64_t seed;
    /* Written by everyone who asks, so not in the line that everyone reads. */
    _Alignas(64) _Atomic uint32_t inside;
    _Atomic uint64_t turn;
};

/* ---- shapes and costs ---- */

static void shape_row(const struct plan_facts *facts, uint32_t row, struct row_shape *shape)
{
    uint32_t last = facts->runs[row].count - 1u;
    uint32_t low = plan_seat_at(facts, row, last / 2);
    uint32_t high = plan_seat_at(facts, row, last - last / 2);
    uint32_t ends[2] = {plan_seat_at(facts, row, 0), plan_seat_at(facts, row, last)};
    *shape = (struct row_shape){
        .x = {facts->x[ends[0]], (facts->x[low] + facts->x[high]) / 2, facts->x[ends[1]]},
        .y = {facts->y[ends[0]], (facts->y[low] + facts->y[high]) / 2, facts->y[ends[1]]},
    };
}

/* The middle of n places from pos on: the parabola through the three points. */
static void middle_of(const struct best *best, uint32_t row, uint32_t pos, uint32_t n, float *x,
                      float *y)
{
    const struct row_shape *shape = &best->shapes[row];
    float last = (float)(best->facts->runs[row].count - 1);
    float t = last > 0 ? ((float)pos + (float)(n - 1) / 2) / last : 0.5F;
    float a = (2 * t - 1) * (t - 1);
    float b = 4 * t * (1 - t);
    float c = t * (2 * t - 1);
    *x = a * shape->x[0] + b * shape->x[1] + c * shape->x[2];
    *y = a * shape->y[0] + b * shape->y[1] + c * shape->y[2];
}

static float cost_from(const struct best *best, uint32_t row, uint32_t pos, uint32_t n, float x,
                       float y)
{
    float at_x, at_y;
    middle_of(best, row, pos, n, &at_x, &at_y);
    return (at_x - x) * (at_x - x) + (at_y - y) * (at_y - y);
}

float best_cost(const struct best *best, uint32_t run, uint32_t pos, uint32_t n)
{
    return cost_from(best, run, pos, n, best->focal_x, best->focal_y);
}

/* ---- the spots ---- */

static bool is_plain(const struct plan_facts *facts, uint32_t seat)
{
    return plan_channel_of(facts, seat) == 0 &&
           (plan_flags_of(facts, seat) & (PLAN_SEAT_ACCESSIBLE | PLAN_SEAT_COMPANION)) == 0;
}

static int by_cost(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    if (x->cost_min != y->cost_min)
        return x->cost_min < y->cost_min ? -1 : 1;
    return x->word < y->word ? -1 : x->word > y->word;
}

/* A window may begin in this chunk and reach into the next one. */
static float cost_min_of(const struct best *best, uint32_t row, uint32_t chunk)
{
    uint32_t count = best->facts->runs[row].count;
    uint32_t from = chunk * 64;
    uint32_t to =
        from + 64 + BEST_ADJACENT_MAX / 2 < count ? from + 64 + BEST_ADJACENT_MAX / 2 : count;
    float min = best_cost(best, row, from, 1);
    for (uint32_t pos = from; pos < to; pos++) {
        float here = best_cost(best, row, pos, 1);
        min = here < min ? here : min;
        here = pos + 1 < to ? best_cost(best, row, pos, 2) : here;
        min = here < min ? here : min;
    }
    return min;
}

/* Counts the spots of one category in one chunk, and writes them if there is room to write. */
static uint32_t cut_chunk(struct best *best, uint32_t row, uint32_t chunk, uint32_t category,
                          struct spot *out)
{
    struct spot spot = {.word = best->seats->rows[row].word + chunk,
                        .row = (uint16_t)row,
                        .chunk = (uint8_t)chunk,
                        .alone = best->seats->rows[row].words == 1};
    uint32_t count = best->facts->runs[row].count;
    bool any = false;
    for (uint32_t pos = chunk * 64; pos < count && pos < chunk * 64 + 64; pos++) {
        uint32_t seat = plan_seat_at(best->facts, row, pos);
        if (best->facts->category[seat] != category)
            continue;
        any = true;
        if (is_plain(best->facts, seat))
            spot.plain |= UINT64_C(1) << (pos % 64);
        else
            spot.mixed = true;
    }
    if (any && out != NULL) {
        spot.cost_min = cost_min_of(best, row, chunk);
        *out = spot;
    }
    return any;
}

static uint32_t cut_category(struct best *best, uint32_t category, struct spot *out)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < best->facts->run_count; row++)
        for (uint32_t chunk = 0; chunk < best->seats->rows[row].words; chunk++)
            count += cut_chunk(best, row, chunk, category, out != NULL ? &out[count] : NULL);
    if (out != NULL)
        qsort(out, count, sizeof(*out), by_cost);
    return count;
}

/* How far neighbours sit from each other, on average: the measure of "near". */
static float pitch_of(const struct best *best)
{
    double sum = 0;
    uint64_t gaps = 0;
    for (uint32_t row = 0; row < best->facts->run_count; row++) {
        const struct row_shape *shape = &best->shapes[row];
        uint32_t count = best->facts->runs[row].count - 1u;
        float width =
            shape->x[2] > shape->x[0] ? shape->x[2] - shape->x[0] : shape->x[0] - shape->x[2];
        float depth =
            shape->y[2] > shape->y[0] ? shape->y[2] - shape->y[0] : shape->y[0] - shape->y[2];
        sum += (double)(width > depth ? width : depth);
        gaps += count;
    }
    return gaps > 0 && sum > 0 ? (float)(sum / (double)gaps) : 1;
}

int best_create(const struct plan *plan, const struct seats *seats, uint64_t seed,
                struct best **out)
{
    struct best *best = aligned_alloc(64, sizeof(*best));
    if (best == NULL)
        return ERR_NOMEM;
    memset(best, 0, sizeof(*best));
    best->plan = plan;
    best->facts = plan_facts(plan);
    best->seats = seats;
    best->seed = seed;
    plan_focal(plan, &best->focal_x, &best->focal_y);
    best->shapes = calloc(best->facts->run_count + 1, sizeof(*best->shapes));
    if (best->shapes == NULL)
        goto no_memory;
    for (uint32_t row = 0; row < best->facts->run_count; row++)
        shape_row(best->facts, row, &best->shapes[row]);
    best->pitch = pitch_of(best);

    uint32_t categories = plan_category_count(plan);
    for (uint32_t c = 0; c < categories; c++)
        best->first[c + 1] = best->first[c] + cut_category(best, c, NULL);
    best->spots = calloc(best->first[categories] + 1, sizeof(*best->spots));
    if (best->spots == NULL)
        goto no_memory;
    for (uint32_t c = 0; c < categories; c++)
        cut_category(best, c, &best->spots[best->first[c]]);
    *out = best;
    return 0;

no_memory:
    best_destroy(best);
    return ERR_NOMEM;
}

void best_destroy(struct best *best)
{
    if (best == NULL)
        return;
    free(best->spots);
    free(best->shapes);
    free(best);
}

size_t best_memory(const struct best *best)
{
    return sizeof(*best) + best->facts->run_count * sizeof(*best->shapes) +
           best->first[plan_category_count(best->plan)] * sizeof(*best->spots);
}

/* ---- windows in a spot ---- */

/* Seats that this search has chosen already and the pictures do not show. */
struct chosen {
    uint32_t count;
    struct {
        uint32_t word;
        uint64_t bits;
    } list[HOLD_SEATS_MAX];
};

static uint64_t picture_less(const struct best *best, uint32_t word, const struct chosen *chosen)
{
    uint64_t free = seats_picture(best->seats, word);
    for (uint32_t i = 0; i < chosen->count; i++)
        if (chosen->list[i].word == word)
            free &= ~chosen->list[i].bits;
    return free;
}

/* Which places of a chunk of this category the asker may have; *accessible: which of them are. */
static uint64_t allowed_walk(const struct best *best, uint32_t row, uint32_t chunk,
                             uint32_t category, const struct best_ask *ask, uint64_t *accessible)
{
    const struct plan_facts *facts = best->facts;
    uint32_t channels = ask->on_sale >> category & 1 ? ask->channels : ask->early;
    uint64_t allowed = 0;
    *accessible = 0;
    for (uint32_t pos = chunk * 64; pos < facts->runs[row].count && pos < chunk * 64 + 64; pos++) {
        uint32_t seat = plan_seat_at(facts, row, pos);
        uint64_t bit = UINT64_C(1) << (pos % 64);
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

static uint64_t allowed(const struct best *best, const struct spot *spot, uint32_t category,
                        const struct best_ask *ask, uint64_t *accessible)
{
    *accessible = 0;
    bool plain_only = ask->channels == 1 && !ask->access_need && !ask->access_open;
    if ((ask->on_sale >> category & 1) != 0 && (!spot->mixed || plain_only))
        return spot->plain;
    return allowed_walk(best, spot->row, spot->chunk, category, ask, accessible);
}

struct view {            /* a spot as one asker sees it */
    uint64_t free;       /* every free seat of the picture */
    uint64_t before;     /* the picture before it in the row, */
    wide after;          /* and with the one after it */
    wide may;            /* free and allowed */
    uint64_t accessible; /* of the first picture */
};

static bool look(const struct best *best, const struct spot *spot, uint32_t category,
                 const struct best_ask *ask, const struct chosen *chosen, struct view *view)
{
    view->free = picture_less(best, spot->word, chosen);
    if ((view->free & spot->plain) == 0 && !spot->mixed)
        return false;
    uint64_t mine = view->free & allowed(best, spot, category, ask, &view->accessible);
    if (mine == 0)
        return false;
    view->before = 0;
    view->after = view->free;
    view->may = mine;
    const struct seats_row *row = &best->seats->rows[spot->row];
    if (row->words == 1)
        return true;
    if (spot->chunk > 0)
        view->before = picture_less(best, spot->word - 1, chosen);
    if (spot->chunk + 1u < row->words) {
        uint64_t next = picture_less(best, spot->word + 1, chosen);
        uint64_t ignored;
        view->after |= (wide)next << 64;
        view->may |=
            (wide)(next & allowed_walk(best, spot->row, spot->chunk + 1u, category, ask, &ignored))
            << 64;
    }
    return true;
}

/* Where windows of n begin: a bit for each first place. */
static uint64_t windows(const struct best *best, const struct spot *spot, const struct view *view,
                        const struct best_ask *ask, uint32_t n, bool orphans)
{
    assert(n >= 1 && n <= BEST_ADJACENT_MAX);
    const struct seats_row *row = &best->seats->rows[spot->row];
    if ((row->flags & PLAN_RUN_WHOLE) && n != row->count)
        return 0;
    uint64_t starts = (uint64_t)view->may;
    for (uint32_t i = 1; i < n && starts != 0; i++)
        starts &= (uint64_t)(view->may >> i);
    if (starts == 0)
        return 0;
    if (ask->access_need) {
        uint64_t with = 0;
        for (uint32_t i = 0; i < n; i++)
            with |= view->accessible >> i;
        starts &= with;
    }
    if (orphans || !ask->orphan_rule || (row->flags & PLAN_RUN_TABLE))
        return starts;
    uint64_t left = view->free << 1 | view->before >> 63;
    uint64_t left2 = view->free << 2 | view->before >> 62;
    uint64_t right = (uint64_t)(view->after >> n);
    uint64_t right2 = (uint64_t)(view->after >> (n + 1));
    return starts & ~(left & ~left2) & ~(right & ~right2);
}

/* ---- the k best ---- */

struct candidate {
    float cost;
    uint32_t row, pos;
};

struct candidates {
    uint32_t count, room;
    struct candidate list[BEST_SPREAD_MAX]; /* ascending by cost */
};

static bool is_beaten(const struct candidates *found, float cost)
{
    return found->count == found->room && cost >= found->list[found->room - 1].cost;
}

static void keep(struct candidates *found, struct candidate candidate)
{
    if (is_beaten(found, candidate.cost))
        return;
    uint32_t at = found->count < found->room ? found->count++ : found->room - 1;
    for (; at > 0 && found->list[at - 1].cost > candidate.cost; at--)
        found->list[at] = found->list[at - 1];
    found->list[at] = candidate;
}

/* Where from distances count, and what the search may use. */
struct search {
    const struct best_ask *ask;
    const struct chosen *chosen;
    uint32_t n;
    bool orphans;
    bool plain_only; /* the asker may have plain seats and no others; set by search_all() */
    bool near;       /* from x, y instead of the focal point: the spots' order is of no help */
    float x, y;
    /* Seats of other proposals to the same asker: not to be proposed again, but as free as before,
     * since only one of them will be taken. NULL: none. */
    const struct chosen *proposed;
};

/* The places of a spot's picture, and of the one after it, that stand in `chosen`. */
static wide places_in(const struct chosen *chosen, const struct spot *spot)
{
    wide places = 0;
    for (uint32_t i = 0; i < chosen->count; i++) {
        if (chosen->list[i].word == spot->word)
            places |= chosen->list[i].bits;
        else if (chosen->list[i].word == spot->word + 1)
            places |= (wide)chosen->list[i].bits << 64;
    }
    return places;
}

static void search_spot(const struct best *best, const struct search *search,
                        const struct spot *spot, uint32_t category, struct candidates *found)
{
    struct view view;
    if (!look(best, spot, category, search->ask, search->chosen, &view))
        return;
    if (search->proposed != NULL)
        view.may &= ~places_in(search->proposed, spot);
    uint64_t starts = windows(best, spot, &view, search->ask, search->n, search->orphans);
    if (starts == 0)
        return;
    struct candidate nearest = {.cost = -1, .row = spot->row};
    for (; starts != 0; starts &= starts - 1) {
        uint32_t pos = spot->chunk * 64u + (uint32_t)__builtin_ctzll(starts);
        float cost = cost_from(best, spot->row, pos, search->n, search->x, search->y);
        if (nearest.cost < 0 || cost < nearest.cost) {
            nearest.cost = cost;
            nearest.pos = pos;
        }
    }
    keep(found, nearest);
}

/* Are there n bits in a row? Each step doubles the length that is known to be free. */
static bool has_run(uint64_t bits, uint32_t n)
{
    for (uint32_t have = 1; have < n && bits != 0;) {
        uint32_t more = n - have < have ? n - have : have;
        bits &= bits >> more;
        have += more;
    }
    return bits != 0;
}

/* Most spots of a hall that is nearly sold out end here, after a load and a few shifts. */
static bool is_hopeless(const struct best *best, const struct search *search,
                        const struct spot *spot)
{
    return spot->alone && (!spot->mixed || search->plain_only) &&
           !has_run(seats_picture(best->seats, spot->word) & spot->plain, search->n);
}

static const struct chosen none_chosen;

static void search_all(const struct best *best, struct search *search, struct candidates *found)
{
    const struct best_ask *ask = search->ask;
    found->count = 0;
    if (search->n > BEST_ADJACENT_MAX)
        return;
    for (uint64_t rest = ask->categories; rest != 0; rest &= rest - 1) {
        uint32_t category = (uint32_t)__builtin_ctzll(rest);
        bool on_sale = ask->on_sale >> category & 1;
        search->plain_only =
            on_sale && ask->channels == 1 && !ask->access_need && !ask->access_open;
        const struct spot *end = &best->spots[best->first[category + 1]];
        for (const struct spot *spot = &best->spots[best->first[category]]; spot < end; spot++) {
            if (!search->near && is_beaten(found, spot->cost_min))
                break;
            if (on_sale && is_hopeless(best, search, spot))
                continue;
            search_spot(best, search, spot, category, found);
        }
    }
}

/* ---- one row with gaps ---- */

/* The n free seats of a spot that sit closest together; their places as bits, or 0. */
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
    return best_bits;
}

static void pick_bits(const struct best *best, uint32_t row, uint32_t from, uint64_t bits,
                      struct best_pick *out)
{
    for (; bits != 0; bits &= bits - 1)
        out->seats[out->count++] =
            plan_seat_at(best->facts, row, from + (uint32_t)__builtin_ctzll(bits));
}

static bool find_same_row(const struct best *best, const struct best_ask *ask,
                          struct best_pick *out)
{
    float lowest = -1;
    for (uint64_t rest = ask->categories; rest != 0; rest &= rest - 1) {
        uint32_t category = (uint32_t)__builtin_ctzll(rest);
        for (uint32_t i = best->first[category]; i < best->first[category + 1]; i++) {
            const struct spot *spot = &best->spots[i];
            struct view view;
            if (best->seats->rows[spot->row].flags & PLAN_RUN_WHOLE)
                continue;
            if (!look(best, spot, category, ask, &none_chosen, &view))
                continue;
            uint64_t bits = closest((uint64_t)view.may, ask->quantity);
            if (bits == 0 || (ask->access_need && (bits & view.accessible) == 0))
                continue;
            uint64_t next = (uint64_t)(view.after >> 64);
            if (ask->orphan_rule && (picture_singles(view.before, view.free & ~bits, next) &
                                     ~picture_singles(view.before, view.free, next)) != 0)
                continue;
            uint32_t pos = spot->chunk * 64u + (uint32_t)__builtin_ctzll(bits);
            uint32_t span = 64u - (uint32_t)__builtin_clzll(bits) - (uint32_t)__builtin_ctzll(bits);
            /* A gap of one place weighs as much as sitting three further away. */
            float gap = 3 * best->pitch * (float)(span - ask->quantity);
            float cost = best_cost(best, spot->row, pos, span) + gap * gap;
            if (lowest >= 0 && cost >= lowest)
                continue;
            lowest = cost;
            out->count = 0;
            pick_bits(best, spot->row, spot->chunk * 64u, bits, out);
        }
    }
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

/* The largest piece first, the next ones near it. */
static bool find_pieces(const struct best *best, const struct best_ask *ask, bool orphans,
                        struct best_pick *out)
{
    struct chosen chosen = {.count = 0};
    struct best_ask piece_ask = *ask;
    struct search search = {.ask = &piece_ask,
                            .chosen = &chosen,
                            .orphans = orphans,
                            .x = best->focal_x,
                            .y = best->focal_y};
    struct candidates found = {.room = 1};
    out->count = 0;
    uint32_t left = ask->quantity;
    uint32_t size = left <= BEST_ADJACENT_MAX ? left : BEST_ADJACENT_MAX;
    while (left > 0 && size > 0) {
        search.n = size < left ? size : left;
        search_all(best, &search, &found);
        if (found.count == 0) {
            size = search.n - 1;
            continue;
        }
        const struct candidate *at = &found.list[0];
        choose(best, &chosen, at->row, at->pos, search.n, out);
        left -= search.n;
        if (!search.near)
            middle_of(best, at->row, at->pos, search.n, &search.x, &search.y);
        search.near = true;
        piece_ask.access_need = false; /* the first piece has the accessible seat; */
        piece_ask.access_open = ask->access_open;
    }
    return left == 0;
}

/* ---- asking ---- */

void best_enter(struct best *best)
{
    /* relaxed: a hint of how many there are, nothing hangs on it */
    atomic_fetch_add_explicit(&best->inside, 1, memory_order_relaxed);
}

void best_leave(struct best *best)
{
    atomic_fetch_sub_explicit(&best->inside, 1, memory_order_relaxed);
}

static uint32_t spread(struct best *best, unsigned attempt)
{
    uint32_t inside = atomic_load_explicit(&best->inside, memory_order_relaxed);
    if (inside <= 1 && attempt == 0)
        return 1;
    uint64_t room = (uint64_t)(inside < 2 ? 2 : inside) * 4 << (attempt < 8 ? attempt : 8);
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
                            .x = best->focal_x,
                            .y = best->focal_y};
    struct candidates found = {.room = spread(best, attempt)};
    search_all(best, &search, &found);
    if (found.count == 0)
        return false;
    uint32_t which = found.count == 1 ? 0 : (uint32_t)(next_number(best) % found.count);
    out->count = 0;
    for (uint32_t i = 0; i < ask->quantity; i++)
        out->seats[out->count++] =
            plan_seat_at(best->facts, found.list[which].row, found.list[which].pos + i);
    return true;
}

enum best_step best_find(struct best *best, const struct best_ask *ask, unsigned attempt,
                         struct best_pick *out)
{
    assert(ask->quantity >= 1 && ask->quantity <= HOLD_SEATS_MAX);
    out->step = BEST_NONE;
    out->count = 0;
    if (find_adjacent(best, ask, attempt, false, out))
        out->step = BEST_ADJACENT;
    else if (ask->orphan_rule && find_adjacent(best, ask, attempt, true, out))
        out->step = BEST_ADJACENT_ORPHAN;
    else if (ask->adjacent || ask->quantity == 1)
        out->step = BEST_NONE;
    else if (find_same_row(best, ask, out))
        out->step = BEST_SAME_ROW;
    else if (find_pieces(best, ask, false, out))
        out->step = BEST_PIECES;
    else if (ask->orphan_rule && find_pieces(best, ask, true, out))
        out->step = BEST_PIECES_ORPHAN;
    return out->step;
}

bool best_legal_choice(const struct best *best, const struct best_ask *ask)
{
    struct search search = {.ask = ask,
                            .chosen = &none_chosen,
                            .n = ask->quantity,
                            .x = best->focal_x,
                            .y = best->focal_y};
    struct candidates found = {.room = 1};
    search_all(best, &search, &found);
    return found.count > 0;
}

static bool overlaps(const struct best *best, const struct chosen *chosen,
                     const struct candidate *window, uint32_t n)
{
    for (uint32_t i = window->pos; i < window->pos + n; i++) {
        uint32_t word = best->seats->rows[window->row].word + i / 64;
        for (uint32_t c = 0; c < chosen->count; c++)
            if (chosen->list[c].word == word && (chosen->list[c].bits >> (i % 64) & 1) != 0)
                return true;
    }
    return false;
}

/* A search proposes one window of a spot; where that is not enough, it is made again without what
 * was proposed before. Those of two spots of a long row may overlap: then the nearer one counts. */
uint32_t best_near(const struct best *best, const struct best_ask *ask, uint32_t seat,
                   struct best_pick *out, uint32_t room)
{
    struct chosen proposed = {.count = 0};
    assert(room <= BEST_SPREAD_MAX);
    static_assert(2 * BEST_SPREAD_MAX <= HOLD_SEATS_MAX, "a window lies in two pictures at most");
    struct search search = {.ask = ask,
                            .chosen = &none_chosen,
                            .n = ask->quantity,
                            .near = true,
                            .proposed = &proposed};
    middle_of(best, best->facts->run[seat], plan_pos_of(best->facts, seat), 1, &search.x,
              &search.y);
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
            choose(best, &proposed, at->row, at->pos, ask->quantity, &out[count++]);
        }
    }
    return count;
}
