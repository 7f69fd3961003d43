/* secrets.h: the keys of a running front: for tickets, identities, passes and draws. Read from
 * files at start and at each reload, shared by all loops and never changed. A reload makes
 * another set, and the last loop to let go of the old one frees it. */
#ifndef FG_QUEUE_FRONT_SECRETS_H
#define FG_QUEUE_FRONT_SECRETS_H

#include "base/clock.h"
#include "base/secret_file.h"
#include "core/token/identity.h"
#include "crypto/jwks.h"
#include "crypto/mac.h"
#include "http/http.h"

struct secrets {
    _Atomic uint32_t refs;
    uint64_t serial; /* of the loads of this process: 1, 2, .. */
    /* When in the life of this process the first key of each became the first; 0: at its start. */
    uint64_t tickets_since_ms, identities_since_ms, passes_since_ms;
    struct mac_ring tickets;
    struct mac_ring draws; /* what the seeds of draws are made of */
    struct identity_ring identities;
    struct jwks *members;        /* the shop's, for member tokens; NULL: none were named */
    struct jwks *passes;         /* the first signs */
    struct secret_file *visits;  /* what shows services behind the line who we are; NULL: none */
    struct http_blob *jwks_json; /* /.well-known/jwks.json */
};

struct secrets_paths {
    const char *tickets;
    const char *identities;
    const char *draws;   /* "": those of tickets serve */
    const char *passes;  /* a list, comma between */
    const char *members; /* a JWKS file, or "" */
    const char *visits;  /* a file of a token, or "" */
};

/* One reference, the caller's. Reads files, so not on a loop. `before`: the ring that this one
 * takes the place of, or NULL. */
int secrets_load(const struct secrets_paths *paths, const struct secrets *before,
                 const struct clock *clock, struct err_slot *err, struct secrets **out);
struct secrets *secrets_ref(struct secrets *keys);
void secrets_unref(struct secrets *keys); /* NULL is fine */

#endif
