/* change.h: one durable step of an event's seats, as the journal records it. The engine's state is
 * the sum of its changes: applied in the order of `seq` to an engine with the same plan, they give
 * the same state on any machine, at any time.
 *
 * The engine fills a change (engine.h), the journal gives it a sequence number and writes its
 * bytes, replay reads them back. `seq` and `at_ms` come from the caller; nothing here reads a
 * clock.
 *
 * A record is a plain value. Which fields count depends on the kind (see the table in change.c);
 * the others are not written and are zero after decoding. The engine also fills in some fields that
 * are not written (every hold's buyer and session), for the code that responds. */
#ifndef FG_SEAT_CORE_CHANGE_H
#define FG_SEAT_CORE_CHANGE_H

#include "base/err.h"
#include "core/limits.h"

#include <stddef.h>
#include <stdint.h>

/* Stored in journals: numbers are never reused and never change their meaning. */
enum change_kind {
    CHANGE_IMPORTED = 1,   /* plan_hash: the event begins with all of the plan's seats free */
    CHANGE_TAKEN = 2,      /* a hold and its seats, or area and quantity */
    CHANGE_CHANGED = 3,    /* an open hold: seats added and removed, or a new quantity */
    CHANGE_EXTENDED = 4,   /* an order takes over the hold: order, expires_ms, purchase */
    CHANGE_RELEASED = 5,   /* given back: seats free */
    CHANGE_EXPIRED = 6,    /* expired without an order: seats free */
    CHANGE_CONFIRMED = 7,  /* sold; verdict says whether the hold had to be retaken */
    CHANGE_REFUNDED = 8,   /* a sold hold given back, or a part of it: seats free */
    CHANGE_BLOCKED = 9,    /* free seats taken out of sale: reason in text, operator in who */
    CHANGE_UNBLOCKED = 10, /* blocked seats free again */
    CHANGE_MOVED = 11,     /* a sold hold: seats added and removed, equally many */
    CHANGE_PRICED = 12,    /* new price of a category, and who set it; open holds keep theirs */
    CHANGE_LATE =
        13, /* expired while an order had it: seats free; the flag says if it is remembered */
    CHANGE_FORGOTTEN = 14, /* a late hold is forgotten, by time or by its order (text) */
    CHANGE_REVISED = 15,   /* plan_hash: another document counts from here, and who imported it;
                            * with CHANGE_FLAG_WHOLE the event restarts with all seats free */
    CHANGE_REPRICED = 16,  /* as PRICED, for several categories */
    CHANGE_KIND_COUNT
};

enum change_verdict {
    CHANGE_VERDICT_NONE = 0,
    CHANGE_VERDICT_CONFIRMED = 1, /* the hold was still there */
    CHANGE_VERDICT_RETAKEN = 2,   /* it had expired; the same seats were still free */
};

enum change_flag {
    CHANGE_FLAG_BEST = 1,        /* chosen by best available */
    CHANGE_FLAG_ADJACENT = 2,    /* all seats are neighbours in one row */
    CHANGE_FLAG_ORPHAN = 4,      /* leaves a single seat free between others */
    CHANGE_FLAG_LAST_RESORT = 8, /* ORPHAN was allowed, now or later: no legal choice was left */
    CHANGE_FLAG_REMEMBERED = 16, /* for CHANGE_LATE: the order can still pay for it */
    CHANGE_FLAG_WHOLE = 32,      /* for CHANGE_REVISED */
    CHANGE_FLAGS_ALL = 63,
};

enum { CHANGE_AREA_NONE = 0xffff, CHANGE_HASH_BYTES = 32 };

struct change {
    uint64_t seq;   /* in the event's journal, from 1; 0: not numbered yet */
    uint64_t at_ms; /* the time of the sale, milliseconds since 1970 */
    uint8_t kind;   /* enum change_kind */
    uint8_t verdict;
    uint8_t flags;
    uint8_t text_len, who_len; /* who_len: of operators' changes; 0: the token bears no name */
    uint64_t categories;       /* a bit for each with a new price; PRICED: one */

    uint64_t hold;         /* 24 bits of slot, 40 bits of generation: hold.h; never 0 */
    uint32_t hold_version; /* after this change; 1 when taken */
    /* TAKEN: the list that this hold pays by. PRICED, REPRICED: the list that it creates. A number
     * is reused once no hold has its list, so it names the latest list created under it. */
    uint16_t price_list;
    uint16_t area;     /* or CHANGE_AREA_NONE */
    uint32_t quantity; /* places of the hold after this change; when giving back, BLOCKED,
                        * UNBLOCKED: how many; REVISED: the previous engine_places(), not written */
    uint16_t add_count;
    uint16_t remove_count;

    uint64_t buyer;   /* hash of the member, or else of the session: whose limit it counts
                       * against; EXTENDED: the new buyer, 0: unchanged */
    uint64_t session; /* hash of the session that holds */
    uint64_t expires_ms;
    uint64_t hard_end_ms; /* the limit of all extensions */
    uint64_t total;       /* of the hold after this change, minor units */
    /* Digest of the order's purchase; zeros: unknown, as for orders that predate it. */
    uint8_t purchase[CHANGE_HASH_BYTES];
    uint8_t plan_hash[CHANGE_HASH_BYTES];
    char text[CHANGE_TEXT_MAX + 1]; /* an order id, or an operator's reason; NUL-terminated */
    char who[CHANGE_WHO_MAX];

    /* Seats by their place in plan order, ascending within each group: first those that the change
     * adds (takes, blocks, sells), then those that it removes (frees). */
    union {
        uint32_t seats[CHANGE_SEATS_MAX];
        uint64_t prices[PLAN_CATEGORIES_MAX]; /* by category, for the categories that change */
    };
};

/* No encoded change is longer. */
enum { CHANGE_BYTES_MAX = 160 + CHANGE_SEATS_MAX * 5 + CHANGE_TEXT_MAX + CHANGE_WHO_MAX };

/* Zeroes all fields that are read; seats beyond the counts and text beyond its end never are. */
void change_init(struct change *change, enum change_kind kind, uint64_t at_ms);

/* Copies without the seats beyond the counts, which are most of a change's size. */
void change_copy(struct change *to, const struct change *from);

/* Removes the lowest category from the set and returns it. */
uint32_t change_category(uint64_t *left);

/* The values that the next change is encoded relative to. */
struct change_before {
    uint64_t seq, at_ms, hold;
    uint64_t ttl_ms;   /* from a change's time to its hold's expiry */
    uint64_t spare_ms; /* from the expiry to the hard end */
};

/* Changes of consecutive numbers, one after the other (pack.h): a head, then for each its kind,
 * which the caller writes and reads, and its fields. A change made by the engine always fits
 * CHANGE_BYTES_MAX, head included, and is well-formed: that is asserted. Reading checks everything
 * that does not need the plan: format, kind, flags, counts, order of seats. An error is left in the
 * reader; *out is then meaningless. */
struct wire;
uint8_t *change_put_head(uint8_t *at, uint64_t seq, struct change_before *before);
uint8_t *change_put(uint8_t *at, const struct change *change, struct change_before *before);
void change_get_head(struct wire *reader, struct change_before *before);
void change_get(struct wire *reader, uint8_t kind, struct change_before *before,
                struct change *out);

/* "taken", "confirmed", ...: for logs, reports and `replay`. */
const char *change_kind_name(unsigned kind);

#endif
