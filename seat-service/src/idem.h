/* idem.h: what was answered to a request that carried an Idempotency-Key, so that its repetition
 * gets the same answer and changes nothing.
 *
 * A key belongs to the session that sent it and to one method and path; together with them it is
 * hashed. The body is hashed too: the same key with another body is a mistake that has to be told.
 * What came of a request stays for IDEM_KEEP_MS. The journal keeps the hashes along with the
 * change, so that also a new owner knows the answer.
 *
 * Threading: any thread. This is the one place where loops share something behind a lock: a
 * repetition may come by another connection and so to another loop. The locks are many, and held
 * for the copy of a few words. */
#ifndef FG_SEAT_SERVICE_IDEM_H
#define FG_SEAT_SERVICE_IDEM_H

#include "base/err.h"
#include "base/span.h"
#include "core/change.h"
#include "http/http.h"

struct idem;

enum { IDEM_HASH_BYTES = 16, IDEM_BYTES = 2 * IDEM_HASH_BYTES };

struct idem_key {
    uint8_t who[IDEM_HASH_BYTES];  /* session, method, path, key */
    uint8_t what[IDEM_HASH_BYTES]; /* body */
};

struct idem_key idem_key_of(uint64_t session, struct http_req *req, struct span key);

enum idem_verdict {
    IDEM_NEW,     /* go on, then idem_finish() or idem_forget() */
    IDEM_RUNNING, /* the first one is not answered yet */
    IDEM_OTHER,   /* the same key came with another body */
    IDEM_DONE,    /* answer->status and ->body */
    IDEM_KNOWN,   /* done by an earlier owner: answer->hold and ->kind, the body is to be made */
    IDEM_FULL,    /* every entry of the shard is under way */
};

struct idem_answer {
    unsigned status;
    struct http_blob *body; /* a reference, the caller's; may be NULL */
    uint64_t hold;
    uint8_t kind; /* enum change_kind */
};

int idem_create(struct err_slot *err, struct idem **out);
void idem_destroy(struct idem *idem);

enum idem_verdict idem_begin(struct idem *idem, const struct idem_key *key, uint64_t now_ms,
                             struct idem_answer *answer);
/* Takes a reference of its own on the body. */
void idem_finish(struct idem *idem, const struct idem_key *key, const struct idem_answer *answer);
void idem_forget(struct idem *idem, const struct idem_key *key); /* nothing happened: try again */
/* From the journal: `bytes` as they were written with the change. */
void idem_restore(struct idem *idem, struct span bytes, const struct change *change,
                  uint64_t now_ms);

#endif
