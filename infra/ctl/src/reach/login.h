/* login.h: a person's or a machine's tokens of an OpenID Connect issuer, which the profile names:
 * got by the device grant (RFC 8628) or by the client's own secret, kept in a file of mode 0600,
 * and renewed when they run out. */
#ifndef FG_CTL_REACH_LOGIN_H
#define FG_CTL_REACH_LOGIN_H

#include "reach/profile.h"

struct login_way {
    bool by_client; /* by the secret of the client, as machines do */
    /* Not by_client: somebody has to open this address, where the code is asked for. */
    void (*tell)(void *ctx, const char *address, const char *code);
    void *ctx;
};

/* Comes back when the tokens are kept. ERR_AUTH: the issuer says no, or nobody said yes in time. */
int login_begin(const struct profile *profile, const struct login_way *way, struct err_slot *err);
/* Gives the token back to the issuer and removes the file; *untold has why the issuer could not be
 * told; the file is removed all the same. ERR_NOT_FOUND: there is none. ERR_NOMEM: it stays. */
int login_end(const struct profile *profile, struct err_slot *err, struct err_slot *untold);
/* The token to show, renewed if need be; `out` takes CTL_TOKEN_MAX bytes. ERR_AUTH: log in. */
int login_token(const struct profile *profile, struct err_slot *err, char *out);

#endif
