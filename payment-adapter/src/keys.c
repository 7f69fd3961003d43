/* keys.c: the secrets of the process, each from a file of its own, read once at the start. */
#include "base/grow.h"
#include "crypto/openssl.h"
#include "pay.h"

#include <sodium.h>
#include <stdlib.h>

enum { HASHES_SECRET_MIN = 32 }; /* 16 random bytes in hex */

static int read_one(const char *path, const char *what, struct err_slot *err,
                    struct secret_file **out)
{
    if (path[0] == '\0')
        return 0;
    int rc = secret_file_read(path, err, out);
    return rc < 0 ? err_wrap(err, "%s", what) : 0;
}

/* The 32 bytes of an Ed25519 key in PKCS#8 PEM. */
static int read_seed(const char *path, struct err_slot *err, uint8_t seed[TICKET_SEED_BYTES])
{
    struct secret_file *file;
    int rc = secret_file_read(path, err, &file);
    if (rc < 0)
        return err_wrap(err, "ticket key");
    struct span pem = secret_file_span(file);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    size_t len = TICKET_SEED_BYTES;
    if (key == NULL || EVP_PKEY_get_raw_private_key(key, seed, &len) != 1 ||
        len != TICKET_SEED_BYTES)
        rc = err_set(err, ERR_SYNTAX, "ticket key: %s holds no Ed25519 key in PEM", path);
    EVP_PKEY_free(key);
    BIO_free(bio);
    secret_file_destroy(file);
    ERR_clear_error();
    return rc;
}

static void put_key(struct grow *json, const struct ticket_key *key)
{
    char x[64];
    sodium_bin2base64(x, sizeof(x), key->public_key, sizeof(key->public_key),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    grow_add(json, json->len > 10 ? SPAN(",{\"kid\":\"") : SPAN("{\"kid\":\""));
    grow_add(json, span_of(key->kid));
    grow_add(json, SPAN("\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\",\"x\":\""));
    grow_add(json, span_of(x));
    grow_add(json, SPAN("\"}"));
}

static int read_old_keys(const char *path, struct err_slot *err, struct ticket_keys *out)
{
    if (path[0] == '\0')
        return 0;
    struct secret_file *file; /* not secret, but a small file like others */
    struct ticket_keys old;
    int rc = secret_file_read(path, err, &file);
    if (rc < 0)
        return err_wrap(err, "old ticket keys");
    rc = ticket_keys_parse(secret_file_span(file), err, &old);
    secret_file_destroy(file);
    for (uint32_t i = 0; rc == 0 && i < old.len && out->len < TICKET_KEYS_MAX; i++)
        out->keys[out->len++] = old.keys[i];
    return rc;
}

/* A secret of its own for hashes, each use under a key of its own: number 1 of its name, so that a
 * second version has a place beside it. What was signed or stored before stays good; a member's
 * holder and the counts of wrong passwords begin anew, once. */
static int derive_hash_keys(const struct settings *settings, struct err_slot *err,
                            struct pay_keys *out)
{
    if (settings->hashes_key[0] == '\0')
        return 0;
    struct secret_file *file;
    int rc = secret_file_read(settings->hashes_key, err, &file);
    if (rc < 0)
        return err_wrap(err, "keys.hashes");
    struct span secret = secret_file_span(file);
    uint8_t root[crypto_kdf_KEYBYTES], holder[TICKET_HOLDER_KEY_BYTES];
    if (secret.len < HASHES_SECRET_MIN)
        rc = err_set(err, ERR_RANGE, "keys.hashes: %s holds less than %d bytes",
                     settings->hashes_key, HASHES_SECRET_MIN);
    crypto_generichash(root, sizeof(root), (const uint8_t *)secret.ptr, secret.len, NULL, 0);
    crypto_kdf_derive_from_key(holder, sizeof(holder), 1, "fgHolder", root);
    crypto_kdf_derive_from_key(out->throttle_key, sizeof(out->throttle_key), 1, "fgThrotl", root);
    ticket_signer_use_holder_key(out->signer, holder);
    sodium_memzero(root, sizeof(root));
    sodium_memzero(holder, sizeof(holder));
    secret_file_destroy(file);
    return rc;
}

static int make_ticket_keys(const struct settings *settings, struct err_slot *err,
                            struct pay_keys *out)
{
    uint8_t seed[TICKET_SEED_BYTES];
    int rc = read_seed(settings->ticket_key, err, seed);
    if (rc < 0)
        return rc;
    static const char purpose[] = "fairgate login throttle";
    crypto_generichash(out->throttle_key, sizeof(out->throttle_key), (const uint8_t *)purpose,
                       sizeof(purpose), seed, sizeof(seed));
    rc = ticket_signer_create(seed, err, &out->signer);
    sodium_memzero(seed, sizeof(seed));
    if (rc == 0)
        rc = derive_hash_keys(settings, err, out);
    if (rc < 0)
        return rc;
    out->ticket_keys.keys[0] = *ticket_signer_key(out->signer);
    out->ticket_keys.len = 1;
    rc = read_old_keys(settings->ticket_old_keys, err, &out->ticket_keys);
    if (rc < 0)
        return rc;
    struct grow json = {0};
    grow_add(&json, SPAN("{\"keys\":["));
    for (uint32_t i = 0; i < out->ticket_keys.len; i++)
        put_key(&json, &out->ticket_keys.keys[i]);
    grow_add(&json, SPAN("]}"));
    out->ticket_keys_json = (char *)grow_cstr(&json);
    return out->ticket_keys_json != NULL ? 0 : err_set(err, ERR_NOMEM, "ticket keys");
}

static int make_caps(const struct settings *settings, struct err_slot *err, struct pay_keys *out)
{
    out->caps = calloc(1, sizeof(*out->caps));
    out->paces = calloc(1, sizeof(*out->paces));
    if (out->caps == NULL || out->paces == NULL)
        return err_set(err, ERR_NOMEM, "the caps on logins and scanners");
    slots_init(&out->paces->scanners, DOOR_TOKEN_PER_S, DOOR_TOKEN_BURST);
    slots_init(&out->paces->addresses, DOOR_ADDRESS_PER_S, DOOR_ADDRESS_BURST);
    slots_init(&out->paces->members, TRANSFERS_PER_S, TRANSFERS_BURST);
    users_cap_init(&out->caps->questions, (uint32_t)settings->users_queries_per_s);
    pace_init(&out->caps->psp.pace, (uint32_t)settings->psp_per_s);
    out->caps->hashing.max = (uint32_t)settings->hash_queue;
    return 0;
}

int pay_keys_load(const struct settings *settings, struct err_slot *err, struct pay_keys *out)
{
    *out = (struct pay_keys){0};
    int rc = make_caps(settings, err, out);
    if (rc == 0)
        rc = read_one(settings->service_token, "keys.service_token", err, &out->service_token);
    if (rc == 0)
        rc = read_one(settings->stripe_key, "psp.stripe_key", err, &out->stripe_key);
    if (rc == 0)
        rc = read_one(settings->stripe_webhook_secret, "psp.stripe_webhook_secret", err,
                      &out->stripe_webhook);
    if (rc == 0)
        rc = read_one(settings->toss_key, "psp.toss_key", err, &out->toss_key);
    if (rc == 0)
        rc = read_one(settings->shop_key, "shop.key", err, &out->shop_key);
    if (rc == 0)
        rc = read_one(settings->seats_admin, "keys.seats_admin_token", err, &out->seats_admin);
    if (rc == 0)
        rc = read_one(settings->mail_password, "mail.password", err, &out->mail_password);
    if (rc == 0)
        rc = make_ticket_keys(settings, err, out);
    if (rc < 0)
        pay_keys_free(out);
    return rc;
}

void pay_keys_free(struct pay_keys *keys)
{
    secret_file_destroy(keys->service_token);
    secret_file_destroy(keys->stripe_key);
    secret_file_destroy(keys->stripe_webhook);
    secret_file_destroy(keys->toss_key);
    secret_file_destroy(keys->shop_key);
    secret_file_destroy(keys->mail_password);
    secret_file_destroy(keys->seats_admin);
    ticket_signer_destroy(keys->signer);
    free(keys->ticket_keys_json);
    free(keys->caps);
    free(keys->paces);
    *keys = (struct pay_keys){0};
}
