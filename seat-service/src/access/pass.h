/* pass.h: who comes in. The waiting room's admission pass is judged once and then remembered.
 *
 * A pass is an ES256 JWT: iss as configured, aud the event, sub the session, typ
 * "fairgate-pass+jwt". `member` (crypto/member_name.h), where the waiting room knows one, says
 * whose limits count; otherwise they are the session's, until an order hands the hold over to the
 * member who is logged in (order_api.c).
 *
 * Threading: a cache belongs to one loop. struct pass_revoked is shared: sessions that have ended
 * before their pass has. */
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
    /* Hash of the channel that a code opened on the way into the line; 0: none did. */
    uint64_t channel;
    /* Which making of the event it lets into: a later one is greater. The time of the making in
     * milliseconds, and four of its six random digits; 0: it names none, and is older than any. */
    uint64_t incarnation;
};

struct pass_conf {
    struct jwks_feed *keys; /* the waiting room's, of the same loop; borrowed, as all here */
    struct pass_revoked *revoked;
    const char *issuer;
    const struct clock *clock;
};

int pass_cache_create(const struct pass_conf *conf, struct err_slot *err, struct pass_cache **out);
void pass_cache_destroy(struct pass_cache *cache);

enum pass_verdict {
    PASS_OK,
    PASS_MISSING, /* none, or not a token */
    PASS_INVALID, /* not of the waiting room, or of another kind */
    PASS_FORGED,  /* it names a key of the waiting room, which did not sign it */
    PASS_FOREIGN, /* of another event */
    PASS_EXPIRED,
    PASS_ENDED,   /* its session was ended */
    PASS_NO_KEYS, /* the waiting room's keys are not here yet: 503 */
};

enum pass_verdict pass_check(struct pass_cache *cache, struct span event, struct span token,
                             struct pass *out);

/* The same for a pass that was found good before; no signature is checked. Any other: PASS_INVALID.
 */
enum pass_verdict pass_recall(struct pass_cache *cache, struct span event, struct span token,
                              struct pass *out);

/* 64 bits of BLAKE2b: what the journal knows of a session or member. */
uint64_t pass_hash(struct span name);

int pass_revoked_create(struct err_slot *err, struct pass_revoked **out);
void pass_revoked_destroy(struct pass_revoked *revoked);
void pass_revoke(struct pass_revoked *revoked, uint64_t session, uint64_t until_s);

#endif
