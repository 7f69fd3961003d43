/* idem.h: the outcome of a request that carried an Idempotency-Key, so that its repetition gets the
 * same answer and changes nothing.
 *
 * A key belongs to the session that sent it and to one method and path, and is hashed together with
 * them. The body is hashed too: the same key with another body is a mistake that has to be
 * reported.
 *
 * What is kept is the change that was made: which hold, what was done. The answer is made again
 * from that and from the hold's current state. A request that changed nothing is not kept: when
 * repeated, it is judged again. The journal stores the hashes with the change, so a new owner knows
 * them too.
 *
 * Memory is fixed at IDEM_ENTRY_BYTES a change. Entries are kept for IDEM_KEEP_S if it suffices; if
 * not, the oldest go first, each near its session: a session that hurries pushes out its own
 * entries and, at most, those of a few neighbours. idem_stats() says how long entries last.
 *
 * Threading: any thread. This is the one place where loops share something behind a lock: a
 * repetition may arrive on another connection and so on another loop. There are many locks, each
 * held for reading a few words. */
#ifndef FG_SEAT_SERVICE_IDEM_H
#define FG_SEAT_SERVICE_IDEM_H

#include "base/err.h"
#include "base/span.h"
#include "core/engine/change.h"
#include "http/http.h"

#include <stdatomic.h>

struct idem;

enum { IDEM_ENTRY_BYTES = 27 };

/* The parts of two hashes that the table looks at; the journal stores them as they are. */
struct idem_key {
    uint8_t who[9];  /* session, method, path, key */
    uint8_t what[4]; /* body */
};

struct idem_key idem_key_of(uint64_t session, struct http_req *req, struct span key);

enum idem_verdict {
    IDEM_NEW,     /* proceed, then idem_finish() or idem_forget() */
    IDEM_RUNNING, /* the first one is not answered yet */
    IDEM_OTHER,   /* the same key came with another body */
    IDEM_DONE,    /* *answer: the body is to be made */
    IDEM_FULL,    /* every place it could have is taken by requests under way */
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
/* Nothing happened: the key is unused again. */
void idem_forget(struct idem *idem, uint64_t session, const struct idem_key *key);
/* From the journal: `bytes` as they were written with the change. */
void idem_restore(struct idem *idem, uint64_t session, struct span bytes,
                  const struct change *change, uint64_t now_ms);

struct idem_stats {
    _Atomic uint64_t room; /* changes that it has places for */
    _Atomic uint64_t
        kept_s; /* the shortest time one was kept lately; IDEM_KEEP_S if all were kept that long */
    _Atomic uint64_t pushed_out; /* before their time */
};

const struct idem_stats *idem_stats(const struct idem *idem);

#endif
