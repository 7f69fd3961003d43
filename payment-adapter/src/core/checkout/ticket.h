/* ticket.h: a ticket that proves itself: who may sit where, signed with Ed25519, so that a door
 * without a network can tell a valid ticket from a forgery.
 *
 *     FGT1.<base64url of the claims>.<base64url of 64 bytes of signature>
 *
 * The claims are JSON with one-letter names, in a fixed order, since they end up in a QR code. The
 * holder is a keyed hash: the door can compare it with a member's card, but not turn it back into a
 * member. The signature covers everything before the second dot. */
#ifndef FG_PAY_CORE_TICKET_H
#define FG_PAY_CORE_TICKET_H

#include "base/err.h"
#include "base/span.h"
#include "core/checkout/order.h"

enum {
    TICKET_ID_MAX = 40,
    TICKET_KID_MAX = 24,
    TICKET_HOLDER_MAX = 33,  /* 24 bytes in base64url, and a NUL */
    TICKET_TOKEN_MAX = 1024, /* a QR code holds 2,331 bytes with a seventh of them spare */
    TICKET_KEYS_MAX = 8,
    TICKET_SEED_BYTES = 32,
    TICKET_HOLDER_KEY_BYTES = 32,
    TICKET_PUBLIC_BYTES = 32,
};

struct ticket {
    char id[TICKET_ID_MAX];
    char event[ORDER_EVENT_MAX];
    char seat[ORDER_SEAT_MAX];
    char order[ORDER_ID_MAX];
    char holder[TICKET_HOLDER_MAX];
    /* Digest of what its order bought; "" in tickets that predate it. */
    char purchase[PURCHASE_DIGEST_CHARS + 1];
    char kid[TICKET_KID_MAX]; /* filled by ticket_sign() */
};

struct ticket_key {
    char kid[TICKET_KID_MAX];
    uint8_t public_key[TICKET_PUBLIC_BYTES];
};

/* The keys that a door knows. */
struct ticket_keys {
    struct ticket_key keys[TICKET_KEYS_MAX];
    uint32_t len;
};

const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys, const char *kid);

struct ticket_signer; /* one private key and the key for holders; read-only, any thread */

int ticket_signer_create(const uint8_t seed[TICKET_SEED_BYTES], struct err_slot *err,
                         struct ticket_signer **out);
void ticket_signer_destroy(struct ticket_signer *signer); /* wipes the key */
const struct ticket_key *ticket_signer_key(const struct ticket_signer *signer);
/* Hashes holders under this key instead of one derived from the seed, so that a new signing key
 * leaves a member's holder hash unchanged. Call it before the signer is used. */
void ticket_signer_use_holder_key(struct ticket_signer *signer,
                                  const uint8_t key[TICKET_HOLDER_KEY_BYTES]);
void ticket_signer_holder(const struct ticket_signer *signer, const char *member,
                          char out[TICKET_HOLDER_MAX]);

/* Writes the token with a closing NUL. ERR_RANGE: it is too long; ERR_NOMEM. */
int ticket_sign(const struct ticket_signer *signer, struct ticket *ticket, struct err_slot *err,
                char token[TICKET_TOKEN_MAX]);
/* ERR_SYNTAX: not a ticket; ERR_NOT_FOUND: signed with an unknown key; ERR_AUTH: forged; ERR_NOMEM:
 * may be retried. */
int ticket_verify(const struct ticket_keys *keys, struct span token, struct err_slot *err,
                  struct ticket *out);

/* {"keys":[{"kid","kty":"OKP","crv":"Ed25519","x"}]}, as published for doors. */
int ticket_keys_parse(struct span json, struct err_slot *err, struct ticket_keys *out);

#endif
