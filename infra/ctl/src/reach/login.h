/* login.h: tokens of a person or a machine from the OpenID Connect issuer in the profile. They come
 * from the device grant (RFC 8628) or by the client's own secret, are stored in a file of mode
 * 0600, and are renewed when they expire. */
#ifndef FG_CTL_REACH_LOGIN_H
#define FG_CTL_REACH_LOGIN_H

#include "reach/profile.h"

struct login_way {
    bool by_client; /* by the client's secret, as machines log in */
    /* Unless by_client: shows the address to open and the code to enter there. */
    void (*show)(void *ctx, const char *address, const char *code);
    void *ctx;
};

/* Returns once the tokens are stored. ERR_AUTH: the issuer refused, or nobody agreed in time. */
int login_begin(const struct profile *profile, const struct login_way *way, struct err_slot *err);
/* Revokes the token at the issuer and removes the file. If revoking fails, *untold says why and the
 * file is still removed. ERR_NOT_FOUND: no login. ERR_NOMEM: the file stays. */
int login_end(const struct profile *profile, struct err_slot *err, struct err_slot *unsent);
/* The token to send, renewed if needed; `out` takes CTL_TOKEN_MAX bytes. ERR_AUTH: log in. */
int login_token(const struct profile *profile, struct err_slot *err, char *out);

#endif
