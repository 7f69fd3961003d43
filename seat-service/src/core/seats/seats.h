/* seats.h: the seats of an event as atomic words, and the one protocol by which they change hands.
 *
 *     [63..62] state  [61..38] hold  [37] claimed  [36] written  [35..16] next  [15..0] version
 *
 * The version rises on every change, so a word that reads the same twice did not change in between,
 * unless the thread slept through exactly 65,536 changes of the seat. It restarts with the process
 * and is not journaled.
 *
 * The seats of a hold are a chain: `next` is the index of the next one plus one, 0 at the end.
 *
 * Every change sets `written`; the thread that makes a picture of the hall clears it.
 *
 * A seat is claimed from the moment it is taken until the journal has the change. Nobody else can
 * take it, but it is still shown as free: so all processes show the same picture of the hall, and
 * never a change that is rejected later.
 *
 * Each row also has bitmaps: a bit for each seat, set while it is free. seats.c explains how words
 * and bitmaps agree, and how concurrent threads check and keep a rule about a row. */
#ifndef FG_SEAT_CORE_SEATS_H
#define FG_SEAT_CORE_SEATS_H

#include "core/hall/plan.h"
#include "core/seats/hold.h"
#include "core/seats/row_free.h"

#include "base/err.h"

#include <stdatomic.h>

enum seat_state { SEAT_FREE, SEAT_HELD, SEAT_SOLD, SEAT_BLOCKED };

enum { SEAT_VERSION_BITS = 16, SEAT_NEXT_BITS = 20, SEAT_HOLD_SHIFT = 38, SEAT_HOLD_BITS = 24 };
enum { SEAT_OPERATOR = (1 << SEAT_HOLD_BITS) - 1 }; /* the hold field of a seat being unblocked */

static inline uint64_t seat_written(void)
{
    return UINT64_C(1) << 36;
}

static inline uint64_t seat_claimed(void)
{
    return UINT64_C(1) << 37;
}

static inline uint64_t seat_word(enum seat_state state, uint32_t hold, uint64_t version)
{
    return (uint64_t)state << 62 | (uint64_t)hold << SEAT_HOLD_SHIFT | seat_written() |
           (version & ((UINT64_C(1) << SEAT_VERSION_BITS) - 1));
}

static inline enum seat_state seat_state(uint64_t word)
{
    return (enum seat_state)(word >> 62);
}

static inline uint32_t seat_hold(uint64_t word)
{
    return (uint32_t)(word >> SEAT_HOLD_SHIFT) & SEAT_OPERATOR;
}

static inline uint32_t seat_next(uint64_t word)
{
    return (uint32_t)(word >> SEAT_VERSION_BITS) & ((1u << SEAT_NEXT_BITS) - 1);
}

/* The state in the journal. */
static inline uint64_t seat_shown(uint64_t word)
{
    uint64_t claimed = word >> 37 & 1; /* no branch: called for each seat of a picture */
    return word >> 62 & (claimed - 1);
}

struct seats_row {
    uint32_t base;  /* plan_run.base */
    uint32_t word;  /* index of its first bitmap */
    uint16_t count; /* seats */
    uint8_t words;  /* number of bitmaps: count / 64, rounded up */
    uint8_t flags;  /* plan_run_flag */
};

struct seats {
    const struct plan_facts *facts; /* borrowed */
    _Atomic uint64_t *words;        /* by seat */
    _Atomic uint64_t *row_free;     /* by seats_row.word; bit = position in the row */
    /* Same layout, immutable: the seat is sold to the same people as the next one. In the first,
     * accessible and companion seats are joined to none; in the second, like all seats. */
    uint64_t *joined[2];
    struct seats_row *rows; /* by run */
    uint32_t row_free_count;
};

int seats_init(struct seats *seats, const struct plan_facts *facts);
void seats_deinit(struct seats *seats);

enum { ROW_WORDS_MAX = PLAN_ROW_SEATS_MAX / 64 };

/* One take's seats in one bitmap; bits by position. */
struct take_word {
    uint32_t row;
    uint32_t word;   /* of the bitmaps */
    uint64_t add;    /* to claim */
    uint64_t own;    /* already the hold's: counts as free before the take, */
    uint64_t remove; /* and as taken after it, except these */
};

/* The bitmaps of one take, ascending, so a row's bitmaps are adjacent. A hold and its edit name at
 * most 3 * HOLD_SEATS_MAX seats. */
struct take {
    uint32_t count;
    struct take_word words[3 * HOLD_SEATS_MAX];
};

enum take_part { TAKE_ADD, TAKE_OWN, TAKE_REMOVE };

void seats_take_init(struct take *take);
void seats_take_seat(struct take *take, const struct seats *seats, uint32_t seat,
                     enum take_part part);

/* Most takes are in a row of one bitmap: then *out is the whole take. Returns false otherwise. */
bool seats_take_within(struct take_word *out, const struct seats *seats, const uint32_t *list,
                       uint32_t count);

enum orphans { ORPHANS_IGNORED, ORPHANS_TOLD, ORPHANS_REFUSED };

enum claim {
    CLAIM_DONE,
    CLAIM_LOST,   /* one of the seats is taken */
    CLAIM_ORPHAN, /* refused by the rule; *orphan is the seat that would be left single */
    CLAIM_BUSY,   /* gave up after ROW_RETRIES_MAX */
};

struct claim_result {
    uint32_t orphan; /* with CLAIM_ORPHAN; with CLAIM_DONE the seat left single, or UINT32_MAX */
};

/* All added seats of the take become `state` for `hold`, or none does. `access_open`: accessible
 * and companion seats are now sold to everybody. */
enum claim seats_claim(struct seats *seats, const struct take *take, enum seat_state state,
                       uint32_t hold, enum orphans orphans, bool access_open,
                       struct claim_result *out);

/* The same for a seats_take_within(). */
enum claim seats_claim_word(struct seats *seats, const struct take_word *word,
                            enum seat_state state, uint32_t hold, enum orphans orphans,
                            bool access_open, struct claim_result *out);

struct seats_visit {
    const struct hold_slots *holds; /* borrowed */
    uint64_t session;
    uint32_t taking; /* the hold that takes, or 0; it keeps only its `kept` seats */
    bool claimed; /* `taking` has claimed its seats: claims under way count as the visit's, too */
};

/* The rule across all holds of a visit. The visit may give any unsold hold back at any time, so a
 * take must not leave a seat that becomes single when its hold is given back. Returns such a seat
 * of another hold, next to one of `wanted`, or UINT32_MAX. `kept`: the taking hold's seats; a block
 * of `wanted` may be left out. Two concurrent takes of one visit miss each other, unless both look
 * after their claims. */
uint32_t seats_stranded(const struct seats *seats, const struct seats_visit *visit,
                        bool access_open, const uint32_t *wanted, uint32_t wanted_count,
                        const uint32_t *kept, uint32_t kept_count);

/* Changes a seat from `was` of `hold` to `becomes` of `new_hold`. Returns false, changing
 * nothing, if its word says otherwise. Sets the bit of a freed seat in its row's bitmap. Only
 * for the owner of the hold's slot (or of the seat, as SEAT_OPERATOR), since nobody else may
 * write the word then. */
bool seats_turn(struct seats *seats, uint32_t seat, enum seat_state was, uint32_t hold,
                enum seat_state becomes, uint32_t new_hold);
/* Marks the seat as journaled for its hold, followed by `next`. Returns true if it was only claimed
 * before. Only for the owner of the hold, as above. */
bool seats_link(struct seats *seats, uint32_t seat, uint32_t hold, uint32_t next);
/* Like seats_turn(), but for seats that nobody owns: by compare-and-swap, so one of several
 * concurrent threads succeeds. */
bool seats_seize(struct seats *seats, uint32_t seat, enum seat_state was, uint32_t hold,
                 enum seat_state becomes, uint32_t new_hold);

/* acquire: a reader of the claim sees what the holder wrote before claiming */
static inline uint64_t seats_read(const struct seats *seats, uint32_t seat)
{
    return atomic_load_explicit(&seats->words[seat], memory_order_acquire);
}

/* Returns the word and clears its `written` bit. One thread at a time. */
static inline uint64_t seats_look(struct seats *seats, uint32_t seat)
{
    uint64_t word = seats_read(seats, seat);
    if ((word & seat_written()) == 0)
        return word;
    /* acquire: as seats_read(). A concurrent change is in the returned word, or sets the bit
     * again. */
    return atomic_fetch_and_explicit(&seats->words[seat], ~seat_written(), memory_order_acquire);
}

static inline uint64_t seats_row_free(const struct seats *seats, uint32_t word)
{
    /* acquire: a bit seen set means that the seat's word was seen free (seats_turn's release) */
    return atomic_load_explicit(&seats->row_free[word], memory_order_acquire);
}

/* Not free, or being claimed. */
static inline bool seats_is_lost(const struct seats *seats, uint32_t seat)
{
    const struct seats_row *row = &seats->rows[seats->facts->run[seat]];
    uint32_t pos = plan_pos_of(seats->facts, seat);
    return (seats_row_free(seats, row->word + pos / 64) >> (pos % 64) & 1) == 0;
}

static inline bool seats_has(const uint32_t *list, uint32_t count, uint32_t seat)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == seat)
            return true;
    return false;
}

#endif
