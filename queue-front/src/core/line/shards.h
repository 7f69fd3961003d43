/* shards.h: what a front knows of a line that is kept in shards, and what it does so that joins get
 * their places: which script to ask what next, and what follows from the answers.
 *
 * A turn begins with a plain read of the newest cuts, which costs Redis next to nothing; a front
 * with waiting joins claims the next cut with it. A front that does not know the present
 * state asks cut.lua. The front that gets the claim, or has to make the next cut, reads all
 * shards (shard.lua), has those sealed that may have lost numbers, and makes the cut. Any call of a
 * turn may be lost, and any front may die between two of them.
 *
 * Pure: the caller sends the calls and says what came back. Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_SHARDS_H
#define FG_QUEUE_FRONT_CORE_SHARDS_H

#include "core/line/cuts.h"
#include "core/line/line.h"

enum {
    SHARDS_OPENING_MAX = 64, /* a run id, a time, and a mark of the cuts: 40 + 1 + 16 + 1 + 6 */
    SHARDS_TELL_MAX = 512,   /* cuts in one call: 90 KB of texts at most */
    SHARDS_IDLE_MS = 1000,   /* between two turns of a front where nobody waits */
    /* Plain reads between two calls of cut.lua, which finds out what they cannot: that Redis has
     * lost cuts and nobody has made another since. */
    SHARDS_LOOKS_MAX = 64,
    /* Turns in a row that leave the claim of the next cut to the front that makes them. */
    SHARDS_LEFT_TURNS = 4,
    /* Cuts since a front got the shards, with which it reads them all the same: the lease
     * that it sends them is so old, and a lease lasts for four cuts. */
    SHARDS_FRESH_CUTS = 1,
};

struct shards;

/* For 2 to CUT_SHARDS_MAX shards; NULL: no memory. */
struct shards *shards_create(uint8_t count);
void shards_destroy(struct shards *shards);
uint8_t shards_count(const struct shards *shards);
/* All that this front knows; borrowed until the next call that changes anything. */
const struct cuts *shards_cuts(const struct shards *shards);

/* Whose number this shard gives. The key is a keyed digest, so nobody can choose a shard. */
uint8_t shards_of(const struct shards *shards, const uint8_t idem[LINE_IDEM_BYTES]);
/* The same of an address, whose bytes are anybody's choice: it makes one shard busier at worst. */
uint8_t shards_of_address(const struct shards *shards, struct span address);
/* False: it has refused a join since the last turn, and would refuse the next. */
bool shards_open(const struct shards *shards, uint8_t k);
/* It refused a join: its lease is over, or it has to be sealed. */
void shards_refused(struct shards *shards, uint8_t k);
/* How many more may wait, so that it is no more than `line_max` in all: `waiting` did when `issued`
 * places were given, by the cuts. Those who have left since count as waiting. */
uint64_t shards_room(const struct shards *shards, uint64_t line_max, uint64_t waiting,
                     uint64_t issued);
/* The number of a shard with which its share of the room is used up. Of K shards, K - 1 more than
 * there is room for may come in at most, and what a shard got a cut too early. */
uint64_t shards_full_from(const struct shards *shards, uint8_t k, uint64_t room);
/* It gave out this number; to be called before the number is shown. */
void shards_saw(struct shards *shards, uint8_t k, uint64_t number);

/* What a front knows of a shard with the newest cut. `upto`: numbers that have places. */
struct shards_known {
    uint64_t epoch, upto, lease;
    uint64_t issued; /* the highest number that this front has seen */
    char opening[SHARDS_OPENING_MAX + 1];
};

/* What a shard told in this turn. */
struct shards_read {
    bool there;
    uint64_t epoch, issued, lease;
    char opening[SHARDS_OPENING_MAX + 1]; /* of its next epoch, if it is to be sealed */
    char opened[SHARDS_OPENING_MAX + 1];  /* what has opened this one */
};

const struct shards_known *shards_known(const struct shards *shards, uint8_t k);
const struct shards_read *shards_read(const struct shards *shards, uint8_t k);

enum shards_ask {
    SHARDS_ASK_NOTHING, /* wait for an answer, or for the next turn */
    SHARDS_ASK_LOOK,    /* read the cuts behind those that are known, and claim the next */
    SHARDS_ASK_SHARD,
    SHARDS_ASK_CUT,
};

struct shards_call {
    enum shards_ask ask;
    uint8_t shard; /* to be asked; of a seal, to be sealed */
    bool seals;
    uint64_t epoch;       /* of a seal: which one is over */
    uint32_t nth;         /* the cut to be made; 0: none */
    uint32_t slot_ms;     /* of the claim for the next cut; 0: no claim */
    uint32_t first, told; /* cuts to send, with the checksum of all and of the previous ones */
};

/* The next turn begins, unless one is under way; `hurry`: a join waits for a place, or there is
 * something to send to the shards. */
void shards_begin(struct shards *shards, bool hurry);
/* How things stand is not known any more: it may be another Redis that is asked from now on. */
void shards_doubt(struct shards *shards);
/* To be asked after shards_begin() and each answer, until there is nothing. Each call is answered
 * once, by one of the functions below. */
struct shards_call shards_next(struct shards *shards);
bool shards_is_resting(const struct shards *shards); /* no turn is under way */
/* How long after the end of a turn the next is due; `hurry`: somebody waits for a place. */
uint32_t shards_pause_ms(const struct shards *shards, bool hurry);

/* A shard's answer; `read->there` is not looked at. NULL: it did not come. */
void shards_take_shard(struct shards *shards, uint8_t k, enum line_outcome outcome,
                       const struct shards_read *read);

/* A cut that a plain read has found, with the checksum beside it. False: Redis has other cuts than
 * are known here, and cut.lua is to judge that. */
bool shards_found(struct shards *shards, uint32_t nth, const struct cut *cut, uint32_t sum);
/* The same out of turn, for what another loop of the process has read; before shards_begin(). */
bool shards_heard(struct shards *shards, uint32_t nth, const struct cut *cut, uint32_t sum);
/* The newest cuts need no call of cut.lua: a plain read is enough, or another loop's. */
bool shards_is_sure(const struct shards *shards);
/* Some other front makes the cuts, and the next turn leaves that to it. */
bool shards_is_led(const struct shards *shards);
/* The read is over. `whole`: it came, and was all good; `more`: there may be further cuts;
 * `claimed`: the next is this front's to make. */
void shards_take_look(struct shards *shards, bool whole, bool more, bool claimed);

struct shards_told {
    enum line_outcome outcome;
    uint32_t count;
    uint32_t retry_ms;
    bool due;
    struct shards_known shard[CUT_SHARDS_MAX]; /* `issued` is not looked at */
};

/* A cut of cut.lua's answer, before the answer itself is taken: none of LINE_CONFLICT. What
 * cuts_add() says. */
int shards_learn(struct shards *shards, uint32_t nth, const struct cut *cut, struct err_slot *err);
/* NULL: it did not come. False: the cuts known here are not those of Redis, and were forgotten:
 * which takes no place that was shown from anybody, since a gap makes up for them. */
bool shards_take_cut(struct shards *shards, const struct shards_told *told);

#endif
