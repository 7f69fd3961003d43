/* ticket.c: signing and verifying. A key's id is the first bytes of the hash of its public half, so
 * key ids need no registry. The key for holder hashes is derived from the same seed unless it has a
 * secret of its own; two tickets of one member under one such key carry the same holder.
 *
 * A token is untrusted until its signature has been checked. Only its key id is used before
 * that. */
#include "core/checkout/ticket.h"

#include "base/base64.h"
#include "base/json_in.h"

#include <assert.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define TICKET_PREFIX "FGT1."

enum {
    B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    CLAIMS_MAX = 696, /* with prefix and signature they fill TICKET_TOKEN_MAX */
};

struct ticket_signer {
    struct ticket_key key;
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
    uint8_t holder_key[crypto_generichash_KEYBYTES];
};

static_assert(TICKET_SEED_BYTES == crypto_sign_SEEDBYTES, "the seed is libsodium's");
static_assert(TICKET_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "and so is the public half");

int ticket_signer_create(const uint8_t seed[TICKET_SEED_BYTES], struct err_slot *err,
                         struct ticket_signer **out)
{
    struct ticket_signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL)
        return err_set(err, ERR_NOMEM, "ticket signer");
    crypto_sign_seed_keypair(signer->key.public_key, signer->secret_key, seed);
    struct ticket_key *key = &signer->key;
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof(hash), key->public_key, sizeof(key->public_key), NULL, 0);
    sodium_bin2base64(key->kid, sizeof(key->kid), hash, 8, B64);
    static const char purpose[] = "fairgate ticket holder";
    crypto_generichash(signer->holder_key, sizeof(signer->holder_key), (const uint8_t *)purpose,
                       sizeof(purpose), seed, TICKET_SEED_BYTES);
    *out = signer;
    return 0;
}

void ticket_signer_destroy(struct ticket_signer *signer)
{
    if (signer == NULL)
        return;
    sodium_memzero(signer, sizeof(*signer));
    free(signer);
}

const struct ticket_key *ticket_signer_key(const struct ticket_signer *signer)
{
    return &signer->key;
}

void ticket_signer_use_holder_key(struct ticket_signer *signer,
                                  const uint8_t key[TICKET_HOLDER_KEY_BYTES])
{
    static_assert(sizeof(signer->holder_key) == TICKET_HOLDER_KEY_BYTES, "the same length");
    memcpy(signer->holder_key, key, sizeof(signer->holder_key));
}

void ticket_signer_holder(const struct ticket_signer *signer, const char *member,
                          char out[TICKET_HOLDER_MAX])
{
    uint8_t hash[24];
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)member, strlen(member),
                       signer->holder_key, sizeof(signer->holder_key));
    sodium_bin2base64(out, TICKET_HOLDER_MAX, hash, sizeof(hash), B64);
}

int ticket_sign(const struct ticket_signer *signer, struct ticket *ticket, struct err_slot *err,
                char token[TICKET_TOKEN_MAX])
{
    assert(ticket->id[0] != '\0'); /* parse_claims() rejects a ticket without these */
    assert(ticket->event[0] != '\0');
    assert(ticket->seat[0] != '\0');
    assert(ticket->order[0] != '\0');
    memcpy(ticket->kid, signer->key.kid, sizeof(ticket->kid));
    /* Not "s*": it would leave the member out when out of memory. */
    json_t *claims =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "t", ticket->id, "e", ticket->event, "s",
                  ticket->seat, "o", ticket->order, "h", ticket->holder, "k", ticket->kid);
    bool whole = claims != NULL;
    if (ticket->purchase[0] != '\0')
        whole = json_object_set_new(claims, "p", json_string(ticket->purchase)) == 0;
    char json[CLAIMS_MAX];
    size_t len = whole ? json_dumpb(claims, json, sizeof(json), JSON_COMPACT) : 0;
    json_decref(claims);
    if (len == 0)
        return err_set(err, ERR_NOMEM, "the claims of ticket %s", ticket->id);
    if (len > sizeof(json))
        return err_set(err, ERR_RANGE, "ticket %s: claims of %zu bytes", ticket->id, len);

    char body[sodium_base64_ENCODED_LEN(sizeof(json), B64)];
    sodium_bin2base64(body, sizeof(body), (const uint8_t *)json, len, B64);
    int head_len = snprintf(token, TICKET_TOKEN_MAX, TICKET_PREFIX "%s", body);
    uint8_t signature[crypto_sign_BYTES];
    char tail[sodium_base64_ENCODED_LEN(crypto_sign_BYTES, B64)];
    static_assert(sizeof(TICKET_PREFIX) + sizeof(body) + sizeof(tail) <= TICKET_TOKEN_MAX,
                  "the longest claims fit");
    assert(head_len > 0);
    crypto_sign_detached(signature, NULL, (const uint8_t *)token, (unsigned)head_len,
                         signer->secret_key);
    sodium_bin2base64(tail, sizeof(tail), signature, sizeof(signature), B64);
    snprintf(token + head_len, TICKET_TOKEN_MAX - (size_t)head_len, ".%s", tail);
    return 0;
}

static int parse_claims(const uint8_t *json, size_t len, struct err_slot *err, struct ticket *out)
{
    json_t *claims;
    int rc = json_in_parse((struct span){(const char *)json, len}, err, &claims);
    if (rc < 0)
        return rc;
    bool good = json_is_object(claims) && json_in_copy_of(claims, "t", out->id, sizeof(out->id)) &&
                json_in_copy_of(claims, "e", out->event, sizeof(out->event)) &&
                json_in_copy_of(claims, "s", out->seat, sizeof(out->seat)) &&
                json_in_copy_of(claims, "o", out->order, sizeof(out->order)) &&
                json_in_copy_of(claims, "h", out->holder, sizeof(out->holder)) &&
                json_in_copy_of(claims, "k", out->kid, sizeof(out->kid));
    out->purchase[0] = '\0';
    if (good && json_object_get(claims, "p") != NULL)
        good = json_in_copy_of(claims, "p", out->purchase, sizeof(out->purchase));
    json_decref(claims);
    return good ? 0 : err_set(err, ERR_SYNTAX, "ticket: its claims are not a ticket's");
}

const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys, const char *kid)
{
    assert(keys->len <= TICKET_KEYS_MAX);
    for (uint32_t i = 0; i < keys->len; i++) {
        if (strcmp(keys->keys[i].kid, kid) == 0)
            return &keys->keys[i];
    }
    return NULL;
}

int ticket_verify(const struct ticket_keys *keys, struct span token, struct err_slot *err,
                  struct ticket *out)
{
    if (token.len >= TICKET_TOKEN_MAX || !span_starts(token, SPAN(TICKET_PREFIX)))
        return err_set(err, ERR_SYNTAX, "ticket: it does not begin with " TICKET_PREFIX);
    struct span body;
    struct span tail = span_cut(span_skip(token, sizeof(TICKET_PREFIX) - 1), '.', &body);
    size_t head_len = sizeof(TICKET_PREFIX) - 1 + body.len;
    uint8_t json[CLAIMS_MAX], signature[crypto_sign_BYTES];
    size_t json_len;
    if (tail.ptr == NULL || !base64_decode(body, json, sizeof(json), &json_len) ||
        !base64_decode_exact(tail, signature, sizeof(signature)))
        return err_set(err, ERR_SYNTAX, "ticket: it has no two base64url parts");
    /* The key id is read before anything is proven; trust nothing else yet. */
    struct ticket ticket;
    int rc = parse_claims(json, json_len, err, &ticket);
    if (rc < 0)
        return rc;
    const struct ticket_key *key = ticket_keys_find(keys, ticket.kid);
    if (key == NULL)
        return err_set(err, ERR_NOT_FOUND, "ticket: its key is not one of ours");
    if (crypto_sign_verify_detached(signature, (const uint8_t *)token.ptr, head_len,
                                    key->public_key) != 0)
        return err_set(err, ERR_AUTH, "ticket: the signature is not ours");
    assert(ticket.id[0] != '\0'); /* ticket_sign() asserts the same */
    assert(ticket.seat[0] != '\0');
    *out = ticket;
    return 0;
}

static bool parse_key(const json_t *item, struct ticket_key *out)
{
    const char *curve = json_string_value(json_object_get(item, "crv"));
    return curve != NULL && strcmp(curve, "Ed25519") == 0 &&
           json_in_copy_of(item, "kid", out->kid, sizeof(out->kid)) &&
           base64_decode_exact(json_in_text_of(item, "x"), out->public_key,
                               sizeof(out->public_key));
}

int ticket_keys_parse(struct span json, struct err_slot *err, struct ticket_keys *out)
{
    json_t *root;
    int rc = json_in_parse(json, err, &root);
    if (rc < 0)
        return rc;
    const json_t *keys = json_object_get(root, "keys");
    *out = (struct ticket_keys){0};
    for (size_t i = 0; i < json_array_size(keys) && out->len < TICKET_KEYS_MAX; i++)
        out->len += parse_key(json_array_get(keys, i), &out->keys[out->len]);
    json_decref(root);
    assert(out->len <= TICKET_KEYS_MAX);
    if (out->len == 0)
        return err_set(err, ERR_SYNTAX, "ticket keys: none of Ed25519 in it");
    return 0;
}
