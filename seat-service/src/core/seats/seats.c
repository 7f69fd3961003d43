/* seats.c: claims seats, all or nothing, under a rule about whole rows.
 *
 * A claim goes through the bitmaps of the wanted rows in ascending order. In each row it loads the
 * bitmap, checks the take against it, and swaps it for the bitmap without the take's seats: a
 * compare-and-swap whose expected value is the bitmap it checked. The rule is a function of these
 * bits and of masks that never change (`joined`). So if the swap succeeds, the check was right at
 * that instant, even if the bits changed and changed back in between. If it fails the row is
 * checked again, at most ROW_RETRIES_MAX times; each failure is another thread's success. Two takes
 * that leave a single seat only together cannot both pass: the second checks a bitmap without the
 * first one's seats.
 *
 * A bit won is a right: only its winner may change the seat's word from free. So one swap of the
 * bitmap takes any number of seats in a row, and their words are then written by plain stores. From
 * then on the word is its hold's, and another compare-and-swap, on the hold's slot (hold_own()),
 * decides who may act for the hold: of a concurrent release, expiry and confirm one owns it, and
 * the others never reach the seat. So the owner, too, checks and stores. A take and a give-back
 * cost two locked operations on the seats: the swap of the bitmap, and setting the bit again. The
 * checks remain: a word that no longer belongs to the hold is left alone. A seat that nobody owns,
 * such as a blocked one, is taken by compare-and-swap (seats_seize()). The word is authoritative
 * and the bitmap follows from it:
 *
 *     bit set  =>  word free          claim: first the bit is cleared, then the word changes
 *                                     free:  first the word changes, then the bit is set
 *
 * If the claim fails in a later row, everything is given back the same way. Other threads saw in
 * between what they would have seen if we had held these seats and released them. Since every claim
 * ascends, of any takes that conflict the one that got furthest is stopped by none of the others.
 *
 * A run of more than 64 seats has several bitmaps. Those of the take are swapped one after the
 * other. As a neighbouring bitmap may have changed meanwhile, all are then loaded again and the
 * take is checked once more, with itself in the bitmap. These swaps and loads are sequentially
 * consistent: of two takes on both sides of such a border at least one sees the other. If both do,
 * both give back, and in lockstep would do so again and again. So each waits for a moment, longer
 * the further along the row its seats are.
 *
 * Dropped: checking after the claim on a row version. It needs a second atomic for each row, and a
 * reader has to recognise claims that may yet be rolled back. */
#include "core/seats/seats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LET_PASS_LOOKS = 64 }; /* about as long as a row is checked and swapped */

static_assert((int)PLAN_SEATS_MAX < (int)SEAT_OPERATOR, "there may be a hold for every seat");
static_assert((int)PLAN_SEATS_MAX < 1 << SEAT_NEXT_BITS, "any seat may follow another");
static_assert(PLAN_ROW_SEATS_MAX % 64 == 0, "bitmaps are whole words");

/* True if the same buyers may have both. Until access is open, accessible and companion seats are
 * joined to none: one alone is not a single seat. */
static bool are_joined(const struct plan_facts *facts, uint32_t seat, uint32_t next,
                       bool access_open)
{
    assert(facts->run[seat] == facts->run[next]);
    const unsigned kept = PLAN_SEAT_ACCESSIBLE | PLAN_SEAT_COMPANION;
    unsigned flags = plan_flags_of(facts, seat) | plan_flags_of(facts, next);
    return plan_channel_of(facts, seat) == plan_channel_of(facts, next) &&
           (access_open || (flags & kept) == 0);
}

static void join_neighbours(struct seats *seats, bool access_open)
{
    for (uint32_t run = 0; run < seats->facts->run_count; run++) {
        const struct seats_row *row = &seats->rows[run];
        for (uint32_t pos = 0; pos + 1u < row->count; pos++)
            if (are_joined(seats->facts, plan_seat_at(seats->facts, run, pos),
                           plan_seat_at(seats->facts, run, pos + 1), access_open))
                seats->joined[access_open][row->word + pos / 64] |= UINT64_C(1) << (pos % 64);
    }
}

int seats_init(struct seats *seats, const struct plan_facts *facts)
{
    memset(seats, 0, sizeof(*seats));
    seats->facts = facts;
    seats->rows = calloc(facts->run_count, sizeof(*seats->rows));
    seats->words = calloc(facts->seat_count, sizeof(*seats->words));
    if (seats->rows == NULL || seats->words == NULL)
        goto free_all;

    for (uint32_t i = 0; i < facts->run_count; i++) {
        const struct plan_run *run = &facts->runs[i];
        assert(run->count > 0);
        assert(run->count <= PLAN_ROW_SEATS_MAX);
        seats->rows[i] = (struct seats_row){.base = run->base,
                                            .word = seats->row_free_count,
                                            .count = run->count,
                                            .words = (uint8_t)((run->count + 63) / 64),
                                            .flags = run->flags};
        seats->row_free_count += seats->rows[i].words;
    }
    assert(seats->row_free_count >= facts->run_count);
    seats->row_free = calloc(seats->row_free_count, sizeof(*seats->row_free));
    seats->joined[0] = calloc(seats->row_free_count, sizeof(*seats->joined[0]));
    seats->joined[1] = calloc(seats->row_free_count, sizeof(*seats->joined[1]));
    if (seats->row_free == NULL || seats->joined[0] == NULL || seats->joined[1] == NULL)
        goto free_all;
    for (uint32_t i = 0; i < facts->seat_count; i++) {
        uint32_t pos = plan_pos_of(facts, i);
        seats->row_free[seats->rows[facts->run[i]].word + pos / 64] |= UINT64_C(1) << (pos % 64);
    }
    join_neighbours(seats, false);
    join_neighbours(seats, true);
    return 0;

free_all:
    seats_deinit(seats);
    return ERR_NOMEM;
}

void seats_deinit(struct seats *seats)
{
    free(seats->joined[1]);
    free(seats->joined[0]);
    free(seats->row_free);
    free(seats->words);
    free(seats->rows);
    /* A failed create deinits all parts of an engine, even one that has deinited itself. */
    seats->joined[0] = seats->joined[1] = NULL;
    seats->row_free = NULL;
    seats->words = NULL;
    seats->rows = NULL;
}

/* ---- what a take wants ---- */

void seats_take_init(struct take *take)
{
    take->count = 0;
}

/* Words stay ascending; seats come mostly in order, so the search starts at the end. */
static struct take_word *word_of(struct take *take, uint32_t row, uint32_t word)
{
    uint32_t at = take->count;
    while (at > 0 && take->words[at - 1].word > word)
        at--;
    if (at > 0 && take->words[at - 1].word == word)
        return &take->words[at - 1];
    assert(take->count < sizeof(take->words) / sizeof(take->words[0]));
    for (uint32_t i = take->count++; i > at; i--)
        take->words[i] = take->words[i - 1];
    take->words[at] = (struct take_word){.row = row, .word = word};
    assert(at == 0 || take->words[at - 1].word < word); /* ascending: all takers go one way */
    return &take->words[at];
}

void seats_take_seat(struct take *take, const struct seats *seats, uint32_t seat,
                     enum take_part part)
{
    assert(seat < seats->facts->seat_count);
    uint32_t row = seats->facts->run[seat];
    uint32_t pos = plan_pos_of(seats->facts, seat);
    struct take_word *word = word_of(take, row, seats->rows[row].word + pos / 64);
    uint64_t bit = UINT64_C(1) << (pos % 64);
    switch (part) {
    case TAKE_ADD:
        word->add |= bit;
        break;
    case TAKE_OWN:
        word->own |= bit;
        break;
    case TAKE_REMOVE:
        word->remove |= bit;
        break;
    }
}

bool seats_take_within(struct take_word *out, const struct seats *seats, const uint32_t *list,
                       uint32_t count)
{
    assert(count > 0);
    uint32_t row = seats->facts->run[list[0]];
    uint64_t add = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (seats->facts->run[list[i]] != row)
            return false;
        add |= UINT64_C(1) << (plan_pos_of(seats->facts, list[i]) % 64);
    }
    *out = (struct take_word){.row = row, .word = seats->rows[row].word, .add = add};
    return seats->rows[row].words == 1;
}

/* ---- the rule ---- */

/* A row of several bitmaps as the rule sees it, padded with an empty one on both sides. */
struct row_view {
    uint64_t before[ROW_WORDS_MAX + 2]; /* as if the hold did not exist */
    uint64_t after[ROW_WORDS_MAX + 2];  /* with the whole take */
};

static uint64_t before_take(uint64_t bitmap, const struct take_word *take)
{
    return bitmap | take->own | take->add;
}

static uint64_t after_take(uint64_t bitmap, const struct take_word *take)
{
    assert((take->add & take->own) == 0); /* nobody takes what they already have */
    return before_take(bitmap, take) & ~(take->own & ~take->remove) & ~take->add;
}

/* The position of a seat that is single after the whole take and was not before it, or -1. */
static int new_orphan(const struct row_view *view, const uint64_t *joined, unsigned words)
{
    assert(words <= ROW_WORDS_MAX);
    const uint64_t *before = view->before, *after = view->after;
    for (unsigned i = 1; i <= words; i++) {
        uint64_t orphans = row_free_left_single(&before[i - 1], &after[i - 1],
                                                i > 1 ? joined[i - 2] : 0, joined[i - 1]);
        if (orphans != 0)
            return (int)(i - 1) * 64 + __builtin_ctzll(orphans);
    }
    return -1;
}

/* The neighbour on this side if it is sold to the same people, or UINT32_MAX. */
static uint32_t neighbour(const struct seats *seats, uint32_t seat, int side, bool access_open)
{
    uint32_t row = seats->facts->run[seat];
    uint32_t pos = plan_pos_of(seats->facts, seat);
    if (side < 0 && pos == 0)
        return UINT32_MAX;
    uint32_t first = side < 0 ? pos - 1 : pos;
    uint64_t joined = seats->joined[access_open][seats->rows[row].word + first / 64];
    bool same = joined >> (first % 64) & 1;
    return same ? plan_seat_at(seats->facts, row, side < 0 ? pos - 1 : pos + 1) : UINT32_MAX;
}

/* The visit's unsold hold of this seat, or 0. While a seat is being claimed, its word does not say
 * for whom: if claims count, waits a moment for the word, then returns SEAT_OPERATOR. */
static uint32_t hold_of(const struct seats *seats, const struct seats_visit *visit, uint32_t seat)
{
    uint64_t word = seats_read(seats, seat);
    bool counts = visit->claimed;
    for (unsigned tries = 0; counts && seat_state(word) == SEAT_FREE && seats_is_lost(seats, seat);
         tries++) {
        if (tries == ROW_RETRIES_MAX)
            return SEAT_OPERATOR;
        word = seats_read(seats, seat);
    }
    if (seat_state(word) != SEAT_HELD)
        return 0;
    uint32_t hold = seat_hold(word);
    return HOLD_GET(&visit->holds->slots[hold], session) == visit->session ? hold : 0;
}

uint32_t seats_stranded(const struct seats *seats, const struct seats_visit *visit,
                        bool access_open, const uint32_t *wanted, uint32_t wanted_count,
                        const uint32_t *kept, uint32_t kept_count)
{
    for (uint32_t i = 0; i < 2 * wanted_count; i++) {
        uint32_t seat = wanted[i / 2];
        int side = i % 2 == 0 ? -1 : 1;
        uint32_t single = neighbour(seats, seat, side, access_open);
        if (single == UINT32_MAX ||
            (seats->rows[seats->facts->run[seat]].flags & PLAN_RUN_TABLE) != 0)
            continue;
        uint32_t hold = hold_of(seats, visit, single);
        if (hold == 0 || hold == visit->taking)
            continue;
        uint32_t next = neighbour(seats, single, side, access_open);
        if (next == UINT32_MAX || seats_has(kept, kept_count, next))
            return single;
        if (!seats_is_lost(seats, next))
            continue;
        uint32_t other = hold_of(seats, visit, next);
        if (other == 0 || (other != hold && other != visit->taking))
            return single;
    }
    return UINT32_MAX;
}

/* ---- one row ---- */

static void put_back(struct seats *seats, const struct take_word *take, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        /* release: partner of seats_row_free(); the seats' words were free all along */
        if (take[i].add != 0)
            atomic_fetch_or_explicit(&seats->row_free[take[i].word], take[i].add,
                                     memory_order_release);
    }
}

/* Returns false if the bitmap has changed since it was checked. */
static bool swap_row_free(struct seats *seats, const struct take_word *take, uint64_t judged)
{
    assert((take->add & ~judged) == 0); /* all of them were free */
    /* seq_cst: acquires the free words behind the bits (partner: the release in seats_turn()), and
     * orders this swap before the second look at neighbouring bitmaps in claim_long_row() */
    return atomic_compare_exchange_strong_explicit(&seats->row_free[take->word], &judged,
                                                   judged & ~take->add, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

static uint64_t load_row_free(const struct seats *seats, uint32_t word)
{
    /* seq_cst: partner of swap_row_free() */
    return atomic_load_explicit(&seats->row_free[word], memory_order_seq_cst);
}

/* For a row of one bitmap, as nearly all are. `joined`, here and below, is the row's; NULL if the
 * rule does not apply. */
static enum claim claim_short_row(struct seats *seats, const struct take_word *take,
                                  const uint64_t *joined, enum orphans orphans, int *orphan)
{
    *orphan = -1;
    for (unsigned tries = 0; tries < ROW_RETRIES_MAX; tries++) {
        uint64_t bitmap = load_row_free(seats, take->word);
        if ((take->add & ~bitmap) != 0)
            return CLAIM_LOST;
        if (joined != NULL) {
            const uint64_t was[3] = {0, before_take(bitmap, take), 0};
            const uint64_t is[3] = {0, after_take(bitmap, take), 0};
            uint64_t left = row_free_left_single(was, is, 0, joined[0]);
            *orphan = left != 0 ? __builtin_ctzll(left) : -1;
            if (left != 0 && orphans == ORPHANS_REFUSED)
                return CLAIM_ORPHAN;
        }
        /* A take that only gives seats back has nothing to swap, but is checked. */
        if (take->add == 0 || swap_row_free(seats, take, bitmap))
            return CLAIM_DONE;
    }
    return CLAIM_BUSY;
}

/* Loads all bitmaps of the row. Returns false if a seat that is still to be claimed is not free. */
static bool view_row(const struct seats *seats, const struct seats_row *row,
                     const struct take_word *take, uint32_t count, uint64_t *bitmap,
                     struct row_view *view)
{
    static const struct take_word nothing;
    bool free = true;
    memset(view, 0, sizeof(*view));
    for (uint32_t i = 0, t = 0; i < row->words; i++) {
        const struct take_word *wants = &nothing;
        if (t < count && take[t].word == row->word + i)
            wants = &take[t++];
        bitmap[i] = load_row_free(seats, row->word + i);
        free = free && (wants->add & ~bitmap[i]) == 0;
        view->before[i + 1] = before_take(bitmap[i], wants);
        view->after[i + 1] = after_take(bitmap[i], wants);
    }
    return free;
}

static bool swap_rows_free(struct seats *seats, const struct seats_row *row,
                           const struct take_word *take, uint32_t count, const uint64_t *bitmap)
{
    for (uint32_t i = 0; i < count; i++) {
        if (take[i].add != 0 && !swap_row_free(seats, &take[i], bitmap[take[i].word - row->word])) {
            put_back(seats, take, i);
            return false;
        }
    }
    return true;
}

/* Of two takes that saw each other and gave back, the one that starts further along the row lets
 * the other pass. Takes that start in one bitmap are ordered by its swap. */
static void let_pass(const struct seats *seats, const struct take_word *take, unsigned tries)
{
    uint32_t nth = take->word - seats->rows[take->row].word;
    assert(nth < seats->rows[take->row].words);
    for (uint32_t looks = nth * (tries + 1) * LET_PASS_LOOKS; looks > 0; looks--)
        (void)load_row_free(seats, take->word);
}

static enum claim claim_long_row(struct seats *seats, const struct take_word *take, uint32_t count,
                                 const uint64_t *joined, enum orphans orphans, int *orphan)
{
    const struct seats_row *row = &seats->rows[take->row];
    assert(row->words > 1);
    assert(count <= row->words);
    uint64_t bitmap[ROW_WORDS_MAX];
    struct row_view view;
    for (unsigned tries = 0; tries < ROW_RETRIES_MAX; tries++) {
        if (!view_row(seats, row, take, count, bitmap, &view))
            return CLAIM_LOST;
        *orphan = joined != NULL ? new_orphan(&view, joined, row->words) : -1;
        if (*orphan >= 0 && orphans == ORPHANS_REFUSED)
            return CLAIM_ORPHAN;
        if (swap_rows_free(seats, row, take, count, bitmap)) {
            if (joined == NULL)
                return CLAIM_DONE;
            view_row(seats, row, take, count, bitmap, &view);
            *orphan = new_orphan(&view, joined, row->words);
            if (*orphan < 0 || orphans != ORPHANS_REFUSED)
                return CLAIM_DONE;
            put_back(seats, take, count);
            let_pass(seats, take, tries);
        }
    }
    return CLAIM_BUSY;
}

/* ---- a take ---- */

/* Writes the words of the bits that we won. */
static inline void turn_words(struct seats *seats, const struct take_word *take,
                              enum seat_state from, uint32_t from_hold, enum seat_state to,
                              uint32_t to_hold)
{
    uint32_t first = (take->word - seats->rows[take->row].word) * 64;
    uint64_t claimed = to != SEAT_FREE ? seat_claimed() : 0;
    for (uint64_t rest = take->add; rest != 0; rest &= rest - 1) {
        uint32_t pos = first + (uint32_t)__builtin_ctzll(rest);
        _Atomic uint64_t *word = &seats->words[plan_seat_at(seats->facts, take->row, pos)];
        /* relaxed: the bitmap's swap has acquired it, or we wrote it ourselves */
        uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
        /* The bit is ours, so nobody else changes the word. */
        assert(seat_state(old) == from);
        assert(seat_hold(old) == from_hold);
        /* release: partner of seats_read(); a reader of the hold's number sees its slot. No fence
         * is needed after it: only bitmaps are judged. */
        atomic_store_explicit(word, seat_word(to, to_hold, old + 1) | claimed,
                              memory_order_release);
    }
}

/* The number of words from here on that are of the same row. */
static uint32_t row_words(const struct take *take, uint32_t from)
{
    assert(from < take->count);
    uint32_t to = from + 1;
    while (to < take->count && take->words[to].row == take->words[from].row)
        to++;
    return to - from;
}

static void roll_back(struct seats *seats, const struct take *take, uint32_t done,
                      enum seat_state state, uint32_t hold)
{
    assert(done <= take->count);
    while (done-- > 0) {
        turn_words(seats, &take->words[done], state, hold, SEAT_FREE, 0);
        put_back(seats, &take->words[done], 1);
    }
}

/* Claims `count` words of one row. */
static enum claim claim_row(struct seats *seats, const struct take_word *words, uint32_t count,
                            enum seat_state state, uint32_t hold, enum orphans orphans,
                            bool access_open, struct claim_result *out)
{
    const struct seats_row *row = &seats->rows[words->row];
    assert(count > 0);
    const uint64_t *joined = orphans != ORPHANS_IGNORED && (row->flags & PLAN_RUN_TABLE) == 0
                                 ? &seats->joined[access_open][row->word]
                                 : NULL;
    int orphan = -1;
    enum claim result = row->words == 1
                            ? claim_short_row(seats, words, joined, orphans, &orphan)
                            : claim_long_row(seats, words, count, joined, orphans, &orphan);
    if (orphan >= 0 && (result == CLAIM_DONE || result == CLAIM_ORPHAN))
        out->orphan = plan_seat_at(seats->facts, words->row, (uint32_t)orphan);
    for (uint32_t i = 0; i < count && result == CLAIM_DONE; i++)
        turn_words(seats, &words[i], SEAT_FREE, 0, state, hold);
    return result;
}

enum claim seats_claim_word(struct seats *seats, const struct take_word *word,
                            enum seat_state state, uint32_t hold, enum orphans orphans,
                            bool access_open, struct claim_result *out)
{
    assert(hold != 0); /* a seat without a hold is free */
    assert(state != SEAT_FREE);
    out->orphan = UINT32_MAX;
    return claim_row(seats, word, 1, state, hold, orphans, access_open, out);
}

enum claim seats_claim(struct seats *seats, const struct take *take, enum seat_state state,
                       uint32_t hold, enum orphans orphans, bool access_open,
                       struct claim_result *out)
{
    assert(hold != 0);
    assert(state != SEAT_FREE);
    out->orphan = UINT32_MAX;
    for (uint32_t at = 0; at < take->count;) {
        uint32_t count = row_words(take, at);
        enum claim result =
            claim_row(seats, &take->words[at], count, state, hold, orphans, access_open, out);
        if (result != CLAIM_DONE) {
            roll_back(seats, take, at, state, hold);
            return result;
        }
        at += count;
        assert(at <= take->count);
    }
    return CLAIM_DONE;
}

bool seats_turn(struct seats *seats, uint32_t seat, enum seat_state was, uint32_t hold,
                enum seat_state becomes, uint32_t new_hold)
{
    assert(becomes != SEAT_FREE || new_hold == 0);
    _Atomic uint64_t *word = &seats->words[seat];
    assert(was != SEAT_FREE); /* a free seat is taken by its bit */
    uint64_t old = atomic_load_explicit(word, memory_order_acquire); /* partner: turn_words() */
    if (seat_state(old) != was || seat_hold(old) != hold)
        return false;
    uint64_t next = becomes != SEAT_FREE ? (uint64_t)seat_next(old) << SEAT_VERSION_BITS : 0;
    /* release: hands over to the next reader */
    atomic_store_explicit(word, seat_word(becomes, new_hold, old + 1) | next, memory_order_release);

    if (becomes == SEAT_FREE) {
        uint32_t pos = plan_pos_of(seats->facts, seat);
        uint32_t at = seats->rows[seats->facts->run[seat]].word + pos / 64;
        /* I1: while the seat was somebody's, nobody could win its bit. Relaxed: only we may set it.
         */
        assert((atomic_load_explicit(&seats->row_free[at], memory_order_relaxed) >> (pos % 64) &
                1) == 0);
        /* release: partner of swap_row_free(); the thread that wins this bit sees the word free */
        atomic_fetch_or_explicit(&seats->row_free[at], UINT64_C(1) << (pos % 64),
                                 memory_order_release);
    }
    return true;
}

bool seats_link(struct seats *seats, uint32_t seat, uint32_t hold, uint32_t next)
{
    assert(seat < seats->facts->seat_count);
    assert(next <= seats->facts->seat_count);
    assert(hold != 0);
    _Atomic uint64_t *word = &seats->words[seat];
    /* relaxed: the claim was made by the hold's owner, who passed the hold on to us */
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    assert(seat_hold(old) == hold);
    bool claimed = (old & seat_claimed()) != 0;
    uint64_t linked = seat_word(seat_state(old), hold, old + 1);
    linked |= (uint64_t)next << SEAT_VERSION_BITS;
    if (!claimed)
        linked &= old | ~seat_written(); /* the picture shows no links */
    /* release: hands over to the next reader; partner of the acquire in read_chain() */
    atomic_store_explicit(word, linked, memory_order_release);
    return claimed;
}

bool seats_seize(struct seats *seats, uint32_t seat, enum seat_state was, uint32_t hold,
                 enum seat_state becomes, uint32_t new_hold)
{
    assert(seat < seats->facts->seat_count);
    _Atomic uint64_t *word = &seats->words[seat];
    assert(was != SEAT_FREE);
    assert(becomes != SEAT_FREE);
    uint64_t old = atomic_load_explicit(word, memory_order_acquire); /* partner: turn_words() */
    do {
        if (seat_state(old) != was || seat_hold(old) != hold)
            return false;
        /* acq_rel: takes over from the last writer, hands over to the next reader */
    } while (!atomic_compare_exchange_weak_explicit(word, &old,
                                                    seat_word(becomes, new_hold, old + 1),
                                                    memory_order_acq_rel, memory_order_acquire));
    return true;
}
