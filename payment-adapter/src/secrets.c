/* secrets.c: the secrets of the process, each from a file of its own, read at start and at each
 * SIGHUP. One reading is one immutable object with a reference count: a loop that has started with
 * it finishes with it, and the last one to let go wipes it. A reload that fails half-way changes
 * nothing. */
#include "secrets.h"

#include "base/grow.h"
#include "crypto/openssl.h"
#include "pay_limits.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { HASHES_SECRET_MIN = 32 }; /* 16 random bytes in hex */

static int read_one(const char *path, const char *what, struct err_slot *err,
                    struct secret_file **out)
{
    if (path[0] == '\0')
        return 0;
    int rc = secret_file_read(path, err, out);
    if (rc == 0 && secret_file_span(*out).len >= PAY_SECRET_MAX)
        rc = err_set(err, ERR_RANGE, "%s holds more than %d bytes", path, PAY_SECRET_MAX - 1);
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
    struct secret_file *file; /* not secret, but a small file like the others */
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

/* One secret for hashes, from which each use derives its own key, numbered 1 so that a second
 * version can be added. What was signed or stored before stays valid; holder hashes and the counts
 * of wrong passwords start over, once. */
static int derive_hash_keys(const struct settings *settings, struct err_slot *err,
                            struct secrets *out)
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
                            struct secrets *out)
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
    return read_old_keys(settings->ticket_old_keys, err, &out->ticket_keys);
}

/* Doors (and we) would otherwise refuse tickets that were signed with the old key. */
static void keep_keys_of(const struct secrets *before, struct logger *log, struct secrets *out)
{
    for (uint32_t i = 0; before != NULL && i < before->ticket_keys.len; i++) {
        const struct ticket_key *key = &before->ticket_keys.keys[i];
        bool known = ticket_keys_find(&out->ticket_keys, key->kid) != NULL;
        if (known || out->ticket_keys.len == TICKET_KEYS_MAX)
            continue;
        out->ticket_keys.keys[out->ticket_keys.len++] = *key;
        log_text(log, LOG_LEVEL_WARN,
                 "a ticket key is missing from keys.old_tickets: it is known only until this "
                 "process ends",
                 "kid", key->kid);
    }
}

static int read_psp_files(const struct psp_settings *settings, const char *name,
                          struct err_slot *err, struct secret_file **key,
                          struct secret_file **webhook)
{
    char what[64];
    snprintf(what, sizeof(what), "psp.%s_key", name);
    int rc = read_one(settings->key, what, err, key);
    snprintf(what, sizeof(what), "psp.%s_webhook_secret", name);
    return rc == 0 ? read_one(settings->webhook_secret, what, err, webhook) : rc;
}

static void keys_free(struct secrets *keys)
{
    secret_file_destroy(keys->service_token);
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++) {
        secret_file_destroy(keys->psp_key[i]);
        secret_file_destroy(keys->psp_webhook[i]);
    }
    secret_file_destroy(keys->shop_key);
    secret_file_destroy(keys->mail_password);
    secret_file_destroy(keys->seats_admin);
    ticket_signer_destroy(keys->signer);
    free(keys->ticket_keys_json);
    sodium_memzero(keys, sizeof(*keys));
    free(keys);
}

int secrets_load(struct secrets_newest *newest, const struct settings *settings,
                 const struct settings *knobs, struct logger *log, struct err_slot *err)
{
    struct secrets *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "keys");
    atomic_init(&keys->refs, 1);
    keys->knobs = (struct knobs){.free_fails = knobs->login_free_fails,
                                 .window_ms = knobs->login_window_ms,
                                 .pause_ms = knobs->login_pause_ms,
                                 .pause_max_ms = knobs->login_pause_max_ms,
                                 .shop_per_s = (uint32_t)knobs->shop_per_s};
    const struct {
        const char *path, *what;
        struct secret_file **to;
    } files[] = {
        {settings->service_token, "keys.service_token", &keys->service_token},
        {settings->shop_key, "shop.key", &keys->shop_key},
        {settings->seats_admin, "keys.seats_admin_token", &keys->seats_admin},
        {settings->mail_password, "mail.password", &keys->mail_password},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(files[0]); i++)
        rc = read_one(files[i].path, files[i].what, err, files[i].to);
    for (uint32_t i = 0; rc == 0 && i < PSP_PROVIDERS; i++)
        rc = read_psp_files(&settings->psp[i], psp_names[i], err, &keys->psp_key[i],
                            &keys->psp_webhook[i]);
    if (rc == 0)
        rc = make_ticket_keys(settings, err, keys);
    if (rc == 0) {
        keep_keys_of(newest->secrets, log, keys);
        struct grow json = {0};
        grow_add(&json, SPAN("{\"keys\":["));
        for (uint32_t i = 0; i < keys->ticket_keys.len; i++)
            put_key(&json, &keys->ticket_keys.keys[i]);
        grow_add(&json, SPAN("]}"));
        keys->ticket_keys_json = (char *)grow_cstr(&json);
        rc = keys->ticket_keys_json != NULL ? 0 : err_set(err, ERR_NOMEM, "ticket keys");
    }
    if (rc < 0) {
        keys_free(keys);
        return rc;
    }
    uv_mutex_lock(&newest->lock);
    const struct secrets *before = newest->secrets;
    newest->secrets = keys;
    uv_mutex_unlock(&newest->lock);
    secrets_let_go(before);
    return 0;
}

const struct secrets *secrets_take(struct secrets_newest *newest)
{
    uv_mutex_lock(&newest->lock);
    struct secrets *keys = newest->secrets;
    atomic_fetch_add_explicit(&keys->refs, 1, memory_order_relaxed);
    uv_mutex_unlock(&newest->lock);
    return keys;
}

void secrets_let_go(const struct secrets *taken)
{
    struct secrets *keys = (struct secrets *)taken; /* const only for its readers */
    if (keys == NULL)
        return;
    /* acq_rel: the thread that frees it has seen the last use by all others */
    if (atomic_fetch_sub_explicit(&keys->refs, 1, memory_order_acq_rel) == 1)
        keys_free(keys);
}

void secrets_init(struct secrets_newest *newest)
{
    newest->secrets = NULL;
    uv_mutex_init(&newest->lock);
}

void secrets_deinit(struct secrets_newest *newest)
{
    secrets_let_go(newest->secrets);
    uv_mutex_destroy(&newest->lock);
}
