/* jwks.h: ES256 keys (ECDSA on P-256 with SHA-256) and sets of them, as JSON Web Keys; on request
 * also other parties' public keys for RS256 and EdDSA (Ed25519). A key has one algorithm.
 *
 * A key's name (kid) is its RFC 7638 thumbprint, so that nobody has to choose or store one. A set
 * is filled, then only read, by any thread; to change keys, build another set and swap the pointer
 * on each loop. */
#ifndef FG_CRYPTO_JWKS_H
#define FG_CRYPTO_JWKS_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

enum {
    JWKS_KEYS_MAX = 8, /* a rotation needs two; eight leave room for issuers that keep more */
    JWKS_KID_LEN = 43, /* of our keys: a SHA-256 in base64url */
    JWKS_KID_MAX = 128,
    JWKS_TEXT_MAX = 4096, /* fits a full set of our keys */
};

/* Bits of a set of algorithms. */
enum jwks_alg { JWKS_ES256 = 1, JWKS_RS256 = 2, JWKS_EDDSA = 4, JWKS_ANY = 7 };

struct jwks_key;
struct jwks;

/* Creates a private key. On success *out is the caller's, to end with jwks_key_destroy() or to be
 * taken by jwks_add(). */
int jwks_key_generate(struct err_slot *err, struct jwks_key **out);
struct span jwks_key_kid(const struct jwks_key *key); /* borrowed from the key */
/* Writes the private half, PKCS#8; the caller must wipe the text. */
int jwks_key_put_pem(const struct jwks_key *key, struct text *text, struct err_slot *err);
void jwks_key_destroy(struct jwks_key *key);

int jwks_create(struct err_slot *err, struct jwks **out);
/* Takes ownership on success. ERR_FULL, or ERR_EXISTS if the set has this kid. */
int jwks_add(struct jwks *set, struct jwks_key *key, struct err_slot *err);
/* Reads public keys of these algorithms from {"keys":[...]}; other types and uses are skipped, as
 * RFC 7517 requires. All but ES256 keys must have a kid. A set without any usable key is an
 * error. */
int jwks_parse(struct span json, unsigned algs, struct err_slot *err, struct jwks **out);
/* Reads private keys from PEM files (mode 0600, "openssl genpkey -algorithm EC -pkeyopt
 * ec_paramgen_curve:P-256"), named in a list "current.pem, previous.pem", or from one file with
 * several keys; the first signs. */
int jwks_load(struct span paths, struct err_slot *err, struct jwks **out);
const struct jwks_key *jwks_find(const struct jwks *set, struct span kid); /* or NULL */
const struct jwks_key *jwks_signer(const struct jwks *set); /* the first with a private half */
size_t jwks_len(const struct jwks *set);
const struct jwks_key *jwks_at(const struct jwks *set, size_t index); /* below jwks_len() */
void jwks_put(struct text *text, const struct jwks *set); /* {"keys":[...]}, public halves only */
void jwks_destroy(struct jwks *set);

/* An ES256 signature is r and s, 32 bytes each (RFC 7518, 3.4). */
enum { JWKS_SIGNATURE_BYTES = 64, JWKS_SIGNATURE_BYTES_MAX = 512 };
int jwks_key_sign(const struct jwks_key *key, struct span message, struct err_slot *err,
                  uint8_t signature[JWKS_SIGNATURE_BYTES]);
/* 0: valid; ERR_AUTH: invalid; ERR_NOMEM: not checked. */
int jwks_key_verify(const struct jwks_key *key, struct span message,
                    const uint8_t signature[JWKS_SIGNATURE_BYTES]);
const char *jwks_key_alg(const struct jwks_key *key); /* "ES256" */
/* Verifies with the key's own algorithm. */
int jwks_key_verify_own(const struct jwks_key *key, struct span message, struct span signature);

#endif
