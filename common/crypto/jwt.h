/* jwt.h: signed claims, ES256 only (from an outside issuer also RS256 and EdDSA), verified as RFC
 * 8725 requires: the algorithm is ours and not the token's, and issuer, audience, type and times
 * are all checked. */
#ifndef FG_CRYPTO_JWT_H
#define FG_CRYPTO_JWT_H

#include "base/clock.h"
#include "crypto/jwks.h"

#include <jansson.h>

enum {
    JWT_BYTES_MAX = 2048,         /* a whole token: a header line stays below 4 KB */
    JWT_OUTSIDE_BYTES_MAX = 8000, /* from an outside issuer, which lists groups in it */
    JWT_CLAIM_MAX = 256,          /* bytes of iss, sub, aud, jti */
    JWT_LEEWAY_S_MAX = 300,
};

struct jwt_claims {
    struct span iss;
    struct span aud;
    struct span sub; /* may be "not there", as may jti */
    struct span jti;
    uint64_t iat_s;
    uint64_t nbf_s; /* 0: missing */
    uint64_t exp_s;
    struct span extra; /* to sign: more members, `"event":"x","n":1`, or "not there" */
};

/* Appends the token. iss, aud, iat_s and exp_s are required; `typ` such as "fairgate-pass+jwt"
 * keeps tokens of one purpose from being used for another. */
int jwt_sign(const struct jwks_key *key, const char *typ, const struct jwt_claims *claims,
             struct err_slot *err, struct text *out);

/* What was wrong, where a code is not enough. */
enum jwt_fault {
    JWT_FAULT_FORM, /* not a token, or claims are missing */
    JWT_FAULT_KEY,  /* unknown key */
    JWT_FAULT_ALG,  /* not the key's algorithm, found without checking the signature */
    JWT_FAULT_SIGNATURE,
    JWT_FAULT_ISSUER,
    JWT_FAULT_AUDIENCE,
    JWT_FAULT_TIME, /* not valid yet, or lifetime too long */
    JWT_FAULT_EXPIRED,
};

struct jwt_rules {
    const char *typ; /* NULL: from an outside issuer (OpenID Connect), whose tokens have typ JWT,
                        at+jwt or none; its keys may have any algorithm of jwks.h */
    const char *iss;
    const char *aud;         /* the token's aud equals it, or is a list with it */
    uint64_t leeway_s;       /* clocks differ; at most JWT_LEEWAY_S_MAX */
    bool iat_ahead_ok;       /* the signer's clock may be ahead: only exp counts */
    bool run_out_ok;         /* accept an expired token: it still says who it was */
    uint64_t lifetime_s_max; /* 0: any; refuses tokens with a longer lifetime than ours have */
    const struct clock *clock;
    enum jwt_fault *fault; /* set with each error but ERR_NOMEM; may be NULL */
};

struct jwt {
    struct jwt_claims claims; /* borrowed from payload; extra is "not there" */
    json_t *payload;          /* all claims; owned, ends with jwt_deinit() */
};

/* ERR_SYNTAX: not a token; ERR_AUTH: invalid; ERR_UNKNOWN: its key is not in the set; ERR_TIMEOUT:
 * valid, but expired; ERR_NOMEM: not checked. The error says what was wrong, without a byte of the
 * token. */
int jwt_verify(const struct jwks *keys, const struct jwt_rules *rules, struct span token,
               struct err_slot *err, struct jwt *out);
void jwt_deinit(struct jwt *jwt);

#endif
