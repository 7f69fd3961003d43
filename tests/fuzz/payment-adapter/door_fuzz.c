/* door_fuzz.c: what a scanner reads at a door, and a door's keys. Random bytes are never a ticket;
 * signed claims are a valid ticket or refused, and an accepted ticket can be signed again and reads
 * back as the same. */
#include "../fuzz.h"
#include "../json_mutator.h"
#include "core/checkout/ticket.h"

#include <sodium.h>

static struct {
    struct ticket_signer *signer;
    struct ticket_keys keys;
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
} house;

/* A fresh key, which no corpus can contain. */
static void open_house(void)
{
    uint8_t seed[TICKET_SEED_BYTES], public[crypto_sign_PUBLICKEYBYTES];
    randombytes_buf(seed, sizeof(seed));
    int rc = ticket_signer_create(seed, NULL, &house.signer);
    assert(rc == 0);
    crypto_sign_seed_keypair(public, house.secret, seed);
    house.keys.keys[0] = *ticket_signer_key(house.signer);
    house.keys.len = 1;
}

/* The claims are the input's except for the key's name, which cannot be guessed. */
static void sign_claims(json_t *claims, struct text *token)
{
    char json[TICKET_TOKEN_MAX], body[2 * TICKET_TOKEN_MAX], tail[128];
    uint8_t signature[crypto_sign_BYTES];
    if (json_is_string(json_object_get(claims, "k")))
        json_object_set_new(claims, "k", json_string(house.keys.keys[0].kid));
    size_t len = json_dumpb(claims, json, sizeof(json), JSON_COMPACT);
    if (len > sizeof(json))
        len = 0;
    int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    sodium_bin2base64(body, sizeof(body), (const uint8_t *)json, len, variant);
    text_str(token, "FGT1.");
    text_str(token, body);
    crypto_sign_detached(signature, NULL, (const uint8_t *)token->ptr, token->len, house.secret);
    sodium_bin2base64(tail, sizeof(tail), signature, sizeof(signature), variant);
    text_char(token, '.');
    text_str(token, tail);
    assert(!token->overflown);
}

static void judge(struct span token)
{
    struct ticket ticket, again;
    struct err_slot err = {.text = ""};
    char memory[TICKET_TOKEN_MAX];
    if (ticket_verify(&house.keys, token, &err, &ticket) < 0) {
        assert(err.text[0] != '\0');
        return;
    }
    assert(strcmp(ticket.kid, house.keys.keys[0].kid) == 0);
    if (ticket_sign(house.signer, &ticket, &err, memory) < 0)
        return; /* the input was shorter than our text of it */
    int rc = ticket_verify(&house.keys, span_of(memory), &err, &again);
    assert(rc == 0);
    assert(strcmp(again.id, ticket.id) == 0 && strcmp(again.seat, ticket.seat) == 0);
    assert(strcmp(again.order, ticket.order) == 0 && strcmp(again.purchase, ticket.purchase) == 0);
}

static void fuzz(struct span text)
{
    struct ticket ticket;
    struct ticket_keys keys;
    if (house.signer == NULL)
        open_house();
    int rc = ticket_verify(&house.keys, text, NULL, &ticket);
    assert(rc == ERR_SYNTAX || rc == ERR_NOT_FOUND || rc == ERR_AUTH);
    if (ticket_keys_parse(text, NULL, &keys) == 0)
        assert(keys.len > 0 && keys.len <= TICKET_KEYS_MAX);
    json_t *claims = json_loadb(text.ptr, text.len, 0, NULL);
    if (claims == NULL)
        return;
    char memory[4 * TICKET_TOKEN_MAX];
    struct text token = text_on(memory, sizeof(memory));
    sign_claims(claims, &token);
    judge(text_span(&token));
    json_decref(claims);
}
