/* shards.h: a front's knowledge of a sharded line, and its steps to get joins their places: which
 * script to call next, and what follows from the replies.
 *
 * A turn begins with a plain read of the newest cuts, which costs Redis next to nothing; a front
 * with waiting joins claims the next cut with it. A front that does not know the current state
 * calls cut.lua. The front that gets the claim, or has to make the next cut, reads all shards
 * (shard.lua), has those sealed that may have lost numbers, and makes the cut. Any call of a turn
 * may be lost, and any front may die between two of them.
 *
 * Pure: the caller sends the calls and passes the replies. Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_SHARDS_H
#define FG_QUEUE_FRONT_CORE_SHARDS_H

#include "core/line/cuts.h"
#include "core/line/line.h"

enum {
    SHARDS_OPENING_MAX = 64, /* a run id, a time, and a mark of the cuts: 40 + 1 + 16 + 1 + 6 */
    SHARDS_SEND_MAX = 512,   /* cuts per call: 90 KB of texts at most */
    SHARDS_IDLE_MS = 1000,   /* between two turns of a front without waiting joins */
    /* Plain reads between two calls of cut.lua, which detects what reads cannot: that Redis has
     * lost cuts and nobody has made another since. */
    SHARDS_LOOKS_MAX = 64,
    /* Consecutive turns that leave the next cut's claim to the front that makes cuts. */
    SHARDS_LEFT_TURNS = 4,
    /* A front that got the shards this many cuts ago still reads them without cut.lua: the lease
     * that it sends is that old, and a lease lasts for four cuts. */
    SHARDS_FRESH_CUTS = 1,
};

struct shards;

/* For 2 to CUT_SHARDS_MAX shards; NULL: no memory. */
struct shards *shards_create(uint8_t count);
void shards_destroy(struct shards *shards);
uint8_t shards_count(const struct shards *shards);
/* Everything that this front knows; borrowed until the next call that changes anything. */
const struct cuts *shards_cuts(const struct shards *shards);

/* The shard that numbers this key. The key is a keyed digest, so nobody can choose a shard. */
uint8_t shards_of(const struct shards *shards, const uint8_t idem[LINE_IDEM_BYTES]);
/* The same for an address. Its bytes can be chosen, but that only makes one shard busier. */
uint8_t shards_of_address(const struct shards *shards, struct span address);
/* False: the shard refused a join since the last turn, and would refuse the next. */
bool shards_open(const struct shards *shards, uint8_t k);
/* The shard refused a join: its lease has ended, or it has to be sealed. */
void shards_refused(struct shards *shards, uint8_t k);
/* How many more joins may wait without exceeding `line_max`: `waiting` did when the cuts had given
 * `issued` places. Visitors who have left since count as waiting. */
uint64_t shards_room(const struct shards *shards, uint64_t line_max, uint64_t waiting,
                     uint64_t issued);
/* The number at which the shard's part of the room is used up. With K shards, up to K - 1 more than
 * the room may enter, plus what a shard got one cut too early. */
uint64_t shards_full_from(const struct shards *shards, uint8_t k, uint64_t room);
/* The shard gave out this number; call before showing it. */
void shards_saw(struct shards *shards, uint8_t k, uint64_t number);

/* A front's knowledge of a shard at the newest cut. `upto`: numbers that have places. */
struct shards_known {
    uint64_t epoch, upto, lease;
    uint64_t issued; /* the highest number that this front has seen */
    char opening[SHARDS_OPENING_MAX + 1];
};

/* A shard's reply in this turn. */
struct shards_read {
    bool there;
    uint64_t epoch, issued, lease;
    char opening[SHARDS_OPENING_MAX + 1]; /* of its next epoch, in case it is sealed */
    char opened[SHARDS_OPENING_MAX + 1];  /* the one that opened this epoch */
};

const struct shards_known *shards_known(const struct shards *shards, uint8_t k);
const struct shards_read *shards_read(const struct shards *shards, uint8_t k);

enum shards_ask {
    SHARDS_ASK_NOTHING, /* wait for a reply, or for the next turn */
    SHARDS_ASK_LOOK,    /* read the cuts after the known ones, and claim the next */
    SHARDS_ASK_SHARD,
    SHARDS_ASK_CUT,
};

struct shards_call {
    enum shards_ask ask;
    uint8_t shard; /* the shard to read or to seal */
    bool seals;
    uint64_t epoch;       /* of a seal: the epoch that ends */
    uint32_t nth;         /* the cut to make; 0: none */
    uint32_t slot_ms;     /* of the claim to the next cut; 0: no claim */
    uint32_t first, sent; /* cuts to send, with the checksum of all and of the previous ones */
};

/* Begins a turn, unless one is under way; `hurry`: a join waits for a place, or there is something
 * to send to the shards. */
void shards_begin(struct shards *shards, bool hurry);
/* The current state is unknown: from now on the calls may reach another Redis. */
void shards_doubt(struct shards *shards);
/* Call after shards_begin() and each reply, until there is nothing. Each call gets one reply,
 * through one of the functions below. */
struct shards_call shards_next(struct shards *shards);
bool shards_is_resting(const struct shards *shards); /* no turn is under way */
/* How long after a turn's end the next is due; `hurry`: a join waits for a place. */
uint32_t shards_pause_ms(const struct shards *shards, bool hurry);

/* A shard's reply; `read->there` is ignored. NULL: it was lost. */
void shards_take_shard(struct shards *shards, uint8_t k, enum line_outcome outcome,
                       const struct shards_read *read);

/* A cut from a plain read, with its checksum. False: Redis has other cuts than this front, and
 * cut.lua has to resolve that. */
bool shards_found(struct shards *shards, uint32_t nth, const struct cut *cut, uint32_t sum);
/* The same for a cut read by another loop of the process; before shards_begin(). */
bool shards_noted(struct shards *shards, uint32_t nth, const struct cut *cut, uint32_t sum);
/* The newest cuts need no call of cut.lua: a plain read is enough, or another loop's. */
bool shards_is_sure(const struct shards *shards);
/* Another front makes the cuts, and the next turn leaves it to that one. */
bool shards_is_led(const struct shards *shards);
/* The read has ended. `whole`: it arrived, and was all valid; `more`: there may be further cuts;
 * `claimed`: this front makes the next one. */
void shards_take_look(struct shards *shards, bool whole, bool more, bool claimed);

struct shards_reply {
    enum line_outcome outcome;
    uint32_t count;
    uint32_t retry_ms;
    bool due;
    struct shards_known shard[CUT_SHARDS_MAX]; /* `issued` is ignored */
};

/* A cut in cut.lua's reply, before the reply itself is taken; not for LINE_CONFLICT. Returns what
 * cuts_add() does. */
int shards_learn(struct shards *shards, uint32_t nth, const struct cut *cut, struct err_slot *err);
/* NULL: the reply was lost. False: the cuts known here differ from Redis's, and were dropped. No
 * shown place is lost, since a gap makes up for them. */
bool shards_take_cut(struct shards *shards, const struct shards_reply *reply);

#endif
