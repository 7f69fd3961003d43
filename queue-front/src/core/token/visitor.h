/* visitor.h: the line's view of a visitor: a key that recognises a repeated join, and a short id
 * for tickets and passes. Neither reveals the cookie or header that it was made from. */
#ifndef FG_QUEUE_FRONT_CORE_VISITOR_H
#define FG_QUEUE_FRONT_CORE_VISITOR_H

#include "base/rng.h"
#include "base/text.h"
#include "core/token/invitation.h"
#include "core/token/ticket.h"

enum {
    VISITOR_COOKIE_LEN = 22, /* 16 random bytes */
    VISITOR_KEY_BYTES = 32,
    COOKIE_NAME_MAX = 16 + LINE_EVENT_ID_MAX,
};

#define MEMBER_COOKIE        "fg_member" /* set by the shop */
#define MEMBER_TYPE          "fairgate-member+jwt"
#define VISITOR_COOKIE       "fg_visitor"
#define TICKET_COOKIE_PREFIX "fg_ticket_"
#define PASS_COOKIE_PREFIX   "fg_pass_"

struct visitor {
    bool has_idem; /* false: a new visitor, so not a repeated join */
    uint8_t idem[LINE_IDEM_BYTES];
    uint8_t id[LINE_VISITOR_BYTES];
};

/* Derives the key for visitors' ids and join keys from an identity key. */
void visitor_key(const struct mac_ring_key *from, uint8_t key[VISITOR_KEY_BYTES]);

/* A new cookie: VISITOR_COOKIE_LEN characters. */
void visitor_cookie_put(struct text *out, const struct rng *rng);
bool visitor_cookie_ok(struct span cookie);

/* From the request's Idempotency-Key and its owner, `whose` (the visitor cookie or, without one,
 * the network: 1 to 255 bytes); from the visitor cookie; or of the visitor of an ended place, the
 * same for all places after the first. Each is bound to the event. */
struct visitor visitor_by_key(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                              struct span whose, struct span idempotency_key);
struct visitor visitor_by_cookie(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                                 struct span cookie);
struct visitor visitor_again(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                             const struct ticket *ticket);

/* From the member id in a shop's token: one place per member. Only its hash is stored. */
struct visitor visitor_by_member(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                                 struct span member);

/* From an invitation: one place each. */
struct visitor visitor_by_invitation(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                                     struct invitation invitation);

/* 1..IDEM_KEY_BYTES_MAX visible characters. */
bool visitor_idem_ok(struct span idempotency_key);

#endif
