/* idem.h: what came of a request that carried an Idempotency-Key, so that its repetition gets the
 * same answer and changes nothing.
 *
 * A key belongs to the session that sent it and to one method and path; together with them it is
 * hashed. The body is hashed too: the same key with another body is a mistake that has to be told.
 *
 * What is kept is the change that was made: which hold, what was done. The answer is made from it
 * again, from how the hold is then. A request that changed nothing is not kept: repeated, it is
 * judged again. The journal keeps the hashes along with the change, so that also a new owner knows.
 *
 * Memory is fixed, IDEM_ENTRY_BYTES a change, and what it holds is kept for IDEM_KEEP_S if it
 * suffices; if it does not, the oldest go first, each near its session: one that hurries pushes out
 * its own and, at most, what its few neighbours have. idem_stats() says for how long it lasts.
 *
 * Threading: any thread. This is the one place where loops share something behind a lock: a
 * repetition may come by another connection and so to another loop. The locks are many, and held
 * for the look at a few words. */
#ifndef FG_SEAT_SERVICE_IDEM_H
#define FG_SEAT_SERVICE_IDEM_H

#include "base/err.h"
#include "base/span.h"
#include "core/engine/change.h"
#include "http/http.h"

#include <stdatomic.h>

struct idem;

enum { IDEM_HASH_BYTES = 16, IDEM_BYTES = 2 * IDEM_HASH_BYTES };
enum { IDEM_ENTRY_BYTES = 27 };

struct idem_key {
    uint8_t who[IDEM_HASH_BYTES];  /* session, method, path, key */
    uint8_t what[IDEM_HASH_BYTES]; /* body */
};

struct idem_key idem_key_of(uint64_t session, struct http_req *req, struct span key);

enum idem_verdict {
    IDEM_NEW,     /* go on, then idem_finish() or idem_forget() */
    IDEM_RUNNING, /* the first one is not answered yet */
    IDEM_OTHER,   /* the same key came with another body */
    IDEM_DONE,    /* *answer: the body is to be made */
    IDEM_FULL,    /* every place for it is taken by requests under way */
};

struct idem_answer {
    uint64_t hold;
    uint8_t kind;  /* enum change_kind; 0: nothing was changed */
    uint8_t flags; /* enum change_flag */
};

/* In about that many bytes; ERR_NOMEM. `session` here and below is the one of the key. */
int idem_create(uint64_t bytes, struct err_slot *err, struct idem **out);
void idem_destroy(struct idem *idem);

enum idem_verdict idem_begin(struct idem *idem, uint64_t session, const struct idem_key *key,
                             uint64_t now_ms, struct idem_answer *answer);
void idem_finish(struct idem *idem, uint64_t session, const struct idem_key *key,
                 const struct idem_answer *answer);
/* Nothing happened: the key is as good as new. */
void idem_forget(struct idem *idem, uint64_t session, const struct idem_key *key);
/* From the journal: `bytes` as they were written with the change. */
void idem_restore(struct idem *idem, uint64_t session, struct span bytes,
                  const struct change *change, uint64_t now_ms);

struct idem_stats {
    _Atomic uint64_t room;       /* changes that it has places for */
    _Atomic uint64_t kept_s;     /* the least that one was kept, lately; IDEM_KEEP_S if all were */
    _Atomic uint64_t pushed_out; /* before their time */
};

const struct idem_stats *idem_stats(const struct idem *idem);

#endif
