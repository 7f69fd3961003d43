/* idem.h: outcomes of requests with an Idempotency-Key, so that a repeat gets the same response and
 * changes nothing.
 *
 * A key belongs to the session that sent it and to one method and path, and is hashed together with
 * them. The body is hashed, too: the same key with another body is an error.
 *
 * An entry stores the change: its hold and kind. The response is rebuilt from these and the hold's
 * current state. A request that changed nothing is not stored: a repeat is handled anew. The
 * journal stores the hashes with the change, so a new owner has them, too.
 *
 * Memory is fixed, at IDEM_ENTRY_BYTES per change. Entries are kept for IDEM_KEEP_S if there is
 * room; otherwise the oldest are evicted, within a session's part of the table: a fast session
 * evicts its own entries and at most those of a few neighbours. idem_stats() reports how long
 * entries last.
 *
 * Threading: any thread. Only here do loops share data under locks: a repeat may arrive on another
 * connection and so on another loop. There are many locks, each held briefly. */
#ifndef FG_SEAT_SERVICE_IDEM_H
#define FG_SEAT_SERVICE_IDEM_H

#include "base/err.h"
#include "base/span.h"
#include "core/engine/change.h"
#include "http/http.h"

#include <stdatomic.h>

struct idem;

enum { IDEM_ENTRY_BYTES = 27 };

/* The prefixes of two hashes that the table compares; the journal stores them unchanged. */
struct idem_key {
    uint8_t who[9];  /* session, method, path, key */
    uint8_t what[4]; /* body */
};

struct idem_key idem_key_of(uint64_t session, struct http_req *req, struct span key);

enum idem_verdict {
    IDEM_NEW,     /* proceed, then idem_finish() or idem_forget() */
    IDEM_RUNNING, /* the first request is not answered yet */
    IDEM_OTHER,   /* the same key came with another body */
    IDEM_DONE,    /* *answer is set: rebuild the body */
    IDEM_FULL,    /* all its possible places are taken by requests under way */
};

struct idem_answer {
    uint64_t hold;
    uint8_t kind;  /* enum change_kind; 0: no change */
    uint8_t flags; /* enum change_flag */
};

/* In about that many bytes; ERR_NOMEM. `session` here and below is the key's session. */
int idem_create(uint64_t bytes, struct err_slot *err, struct idem **out);
void idem_destroy(struct idem *idem);

enum idem_verdict idem_begin(struct idem *idem, uint64_t session, const struct idem_key *key,
                             uint64_t now_ms, struct idem_answer *answer);
void idem_finish(struct idem *idem, uint64_t session, const struct idem_key *key,
                 const struct idem_answer *answer);
/* Nothing happened: frees the key. */
void idem_forget(struct idem *idem, uint64_t session, const struct idem_key *key);
/* From the journal: `bytes` as written with the change. */
void idem_restore(struct idem *idem, uint64_t session, struct span bytes,
                  const struct change *change, uint64_t now_ms);

struct idem_stats {
    _Atomic uint64_t room;       /* capacity in changes */
    _Atomic uint64_t kept_s;     /* recent minimum; IDEM_KEEP_S if all were kept that long */
    _Atomic uint64_t pushed_out; /* evicted early */
};

const struct idem_stats *idem_stats(const struct idem *idem);

#endif
