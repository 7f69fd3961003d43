/* secrets.h: the keys of a running front: for tickets, identities, passes and draws. Read from
 * files at start and at each reload, shared by all loops and never changed. A reload makes another
 * set, and the last loop to drop the old one frees it. */
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
    uint64_t serial; /* number of the load in this process: 1, 2, .. */
    /* When each ring's first key became first in this process; 0: at its start. */
    uint64_t tickets_since_ms, identities_since_ms, passes_since_ms;
    struct mac_ring tickets;
    struct mac_ring draws; /* for the seeds of draws */
    struct identity_ring identities;
    struct jwks *members;        /* the shop's, for member tokens; NULL: none configured */
    struct jwks *passes;         /* the first key signs */
    struct secret_file *visits;  /* our token for services behind the line; NULL: none */
    struct http_blob *jwks_json; /* /.well-known/jwks.json */
};

struct secrets_paths {
    const char *tickets;
    const char *identities;
    const char *draws;
    const char *passes;  /* comma-separated list */
    const char *members; /* path of a JWKS file, or "" */
    const char *visits;  /* path of a token file, or "" */
};

/* Returns one reference. Reads files, so not on a loop. `before`: the ring that this one replaces,
 * or NULL. */
int secrets_load(const struct secrets_paths *paths, const struct secrets *before,
                 const struct clock *clock, struct err_slot *err, struct secrets **out);
struct secrets *secrets_ref(struct secrets *keys);
void secrets_unref(struct secrets *keys); /* NULL is fine */

#endif
