/* pass.h: the admission pass, an ES256 JWT that seat-service and payment-adapter verify with our
 * public keys alone. One visit, one session, one pass: a reissued pass has the same session and
 * jti, and only its times differ. */
#ifndef FG_QUEUE_FRONT_CORE_PASS_H
#define FG_QUEUE_FRONT_CORE_PASS_H

#include "core/token/session.h"
#include "crypto/jwt.h"
#include "crypto/member_name.h"

#define PASS_TYPE "fairgate-pass+jwt"

enum { PASS_LEN_MAX = 1024 };

struct pass_grant {
    struct span event;
    struct span session;
    uint64_t place;
    uint64_t now_s;
    uint64_t expires_s;
    uint64_t ends_s; /* latest end of the session */
    uint8_t visitor[LINE_VISITOR_BYTES];
    struct member_name member; /* "": unknown to the line */
    struct span incarnation;   /* of the event; empty: none */
    struct span channel;       /* the seats that a code opened; empty: none */
};

/* Appends the pass, at most PASS_LEN_MAX bytes. */
int pass_put(struct text *out, const struct jwks *keys, const char *issuer,
             const struct pass_grant *grant, struct err_slot *err);

struct pass {
    char session[SESSION_LEN_MAX + 1];
    uint64_t place;
    uint64_t expires_s;
    uint64_t ends_s;
    uint8_t visitor[LINE_VISITOR_BYTES];
    struct member_name member;
    char incarnation[LINE_INCARNATION_LEN + 1];
    char channel[LINE_CHANNEL_MAX + 1];
};

/* The session that a token claims: one of this event with a valid name, or ERR_SYNTAX, ERR_AUTH.
 * This checks a MAC instead of a signature and is cheap, so it comes first; only pass_verify()
 * decides whether the pass is valid. */
int pass_session(const struct mac_ring *ring, struct span event, struct span token,
                 struct session *out);

/* ERR_SYNTAX: not a token; ERR_AUTH: not valid here; ERR_TIMEOUT: expired, unless expired passes
 * are accepted; ERR_NOMEM: not checked. */
int pass_verify(const struct jwks *keys, const char *issuer, struct span event, struct span token,
                const struct clock *clock, bool run_out_ok, struct err_slot *err, struct pass *out);

#endif
