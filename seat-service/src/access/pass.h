/* pass.h: admission passes of the waiting room: each is verified once and then cached.
 *
 * A pass is an ES256 JWT: iss as configured, aud the event, sub the session, typ
 * "fairgate-pass+jwt". `member` (crypto/member_name.h), if the waiting room knows it, is the buyer
 * whose limit counts; otherwise the session is, until an order hands the hold over to the logged-in
 * member (order_api.c).
 *
 * Threading: a cache belongs to one loop. struct pass_revoked is shared: sessions ended before
 * their passes expire. */
#ifndef FG_SEAT_SERVICE_PASS_H
#define FG_SEAT_SERVICE_PASS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/span.h"
#include "outcall/jwks_feed.h"

struct pass_cache;
struct pass_revoked;

#define PASS_TYPE "fairgate-pass+jwt"

struct pass {
    uint64_t session; /* hash; never 0 */
    uint64_t buyer;   /* hash of the member, or of the session */
    uint64_t expires_s;
    /* Hash of the channel that a code opened in the queue; 0: none. */
    uint64_t channel;
    /* The event's incarnation; later ones are greater. It is the time of creation in milliseconds
     * and four of its six random digits; 0: none named, older than any. */
    uint64_t incarnation;
};

struct pass_conf {
    struct jwks_feed *keys; /* the waiting room's, of the same loop; borrowed, as all fields here */
    struct pass_revoked *revoked;
    const char *issuer;
    const struct clock *clock;
};

int pass_cache_create(const struct pass_conf *conf, struct err_slot *err, struct pass_cache **out);
void pass_cache_destroy(struct pass_cache *cache);

enum pass_verdict {
    PASS_OK,
    PASS_MISSING, /* absent, or not a token */
    PASS_INVALID, /* not from the waiting room, or of another kind */
    PASS_FORGED,  /* not signed by the waiting room's key that it names */
    PASS_FOREIGN, /* for another event */
    PASS_EXPIRED,
    PASS_ENDED,   /* its session was ended */
    PASS_NO_KEYS, /* the waiting room's keys are not available yet: 503 */
    PASS_UNREAD,  /* out of memory: 503 */
};

enum pass_verdict pass_check(struct pass_cache *cache, struct span event, struct span token,
                             struct pass *out);

/* The same for a pass that was verified before; no signature is checked. Other passes:
 * PASS_INVALID. */
enum pass_verdict pass_recall(struct pass_cache *cache, struct span event, struct span token,
                              struct pass *out);

/* 64 bits of BLAKE2b: all that the journal stores of a session or member. */
uint64_t pass_hash(struct span name);

int pass_revoked_create(struct err_slot *err, struct pass_revoked **out);
void pass_revoked_destroy(struct pass_revoked *revoked);
void pass_revoke(struct pass_revoked *revoked, uint64_t session, uint64_t until_s);

#endif
