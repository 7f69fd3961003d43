/* pass.h: the admission pass, an ES256 JWT that seat-service and payment-adapter read with our
 * public keys alone. One visit, one session, one pass: issued again, it names the same session and
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
    uint64_t ends_s; /* the session never lasts beyond */
    uint8_t visitor[LINE_VISITOR_BYTES];
    struct member_name member; /* "": not known to the line */
    struct span incarnation;   /* of the event; empty: it has none */
    struct span channel;       /* the seats that a code opened; empty: no code did */
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

/* The session that a token claims: one of this event that we named, or ERR_SYNTAX, ERR_AUTH. This
 * checks a MAC instead of a signature and is cheap, so it comes first; only pass_verify() says
 * whether the pass is good. */
int pass_session(const struct mac_ring *ring, struct span event, struct span token,
                 struct session *out);

/* ERR_SYNTAX: no token; ERR_AUTH: not to be believed here; ERR_TIMEOUT: expired, unless that is as
 * good; ERR_NOMEM: nobody knows. */
int pass_verify(const struct jwks *keys, const char *issuer, struct span event, struct span token,
                const struct clock *clock, bool run_out_ok, struct err_slot *err, struct pass *out);

#endif
