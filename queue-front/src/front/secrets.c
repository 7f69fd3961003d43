/* secrets.c: loads all keys into one immutable set.
 *
 * A running front never changes a key. A reload reads every file again into a new set and swaps it
 * in. If one file is invalid, the whole old set stays in use, so no request ever sees half of a
 * rotation. Each loop has a reference to the set that it uses; the last one to drop it wipes and
 * frees the set. The public part (the key set for passes) is rendered once here, because every
 * service requests it. */
#include "front/secrets.h"

#include "front_limits.h"
#include "system/plain_file.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void destroy(struct secrets *keys)
{
    http_blob_unref(keys->jwks_json);
    jwks_destroy(keys->passes);
    jwks_destroy(keys->members);
    secret_file_destroy(keys->visits);
    mac_ring_wipe(&keys->tickets);
    mac_ring_wipe(&keys->draws);
    identity_ring_wipe(&keys->identities);
    free(keys);
}

static int fill(struct secrets *keys, const struct secrets_paths *paths, struct err_slot *err)
{
    struct mac_ring identities;
    int rc = mac_ring_load(paths->tickets, err, &keys->tickets);
    if (rc == 0)
        rc = mac_ring_load(paths->draws, err, &keys->draws);
    if (rc < 0)
        return rc;
    if (mac_ring_load(paths->identities, err, &identities) < 0)
        return err_wrap(err, "keys.identities");
    identity_ring_make(&identities, &keys->identities);
    mac_ring_wipe(&identities);
    rc = jwks_load(span_of(paths->passes), err, &keys->passes);
    if (rc < 0)
        return rc;
    if (jwks_signer(keys->passes) == NULL)
        return err_set(err, ERR_NOT_FOUND, "no private key in %s", paths->passes);
    if (paths->members[0] != '\0') {
        /* A key set is public, so its file may be readable by all. */
        char set[MEMBER_KEYS_BYTES_MAX];
        size_t len = 0;
        const char *why = plain_file_read(paths->members, set, sizeof(set), &len);
        if (why != NULL)
            return err_set(err, ERR_IO, "member keys %s: %s", paths->members, why);
        if (jwks_parse((struct span){set, len}, JWKS_ES256, err, &keys->members) < 0)
            return err_wrap(err, "member keys %s", paths->members);
    }
    if (paths->visits[0] != '\0') {
        if (secret_file_read(paths->visits, err, &keys->visits) < 0)
            return err_wrap(err, "visits.token_file");
        if (secret_file_span(keys->visits).len > VISITS_TOKEN_BYTES_MAX)
            return err_set(err, ERR_RANGE, "visits.token_file %s: more than %d bytes",
                           paths->visits, VISITS_TOKEN_BYTES_MAX);
    }
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    jwks_put(&text, keys->passes);
    assert(!text.overflown);
    keys->jwks_json = http_blob_create(text_span(&text));
    if (keys->jwks_json == NULL)
        return err_set(err, ERR_NOMEM, "public keys of %zu", jwks_len(keys->passes));
    return 0;
}

int secrets_load(const struct secrets_paths *paths, const struct secrets *before,
                 const struct clock *clock, struct err_slot *err, struct secrets **out)
{
    struct secrets *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "key ring of %zu bytes", sizeof(*keys));
    atomic_init(&keys->refs, 1);
    int rc = fill(keys, paths, err);
    if (rc < 0) {
        destroy(keys);
        return rc;
    }
    keys->serial = 1;
    if (before != NULL) {
        uint64_t now_ms = clock_wall_us(clock) / 1000;
        keys->serial = before->serial + 1;
        bool tickets = memcmp(&keys->tickets.key[0], &before->tickets.key[0],
                              sizeof(keys->tickets.key[0])) == 0;
        bool identities = strcmp(keys->identities.key[0].name, before->identities.key[0].name) == 0;
        bool passes = span_eq(jwks_key_kid(jwks_signer(keys->passes)),
                              jwks_key_kid(jwks_signer(before->passes)));
        keys->tickets_since_ms = tickets ? before->tickets_since_ms : now_ms;
        keys->identities_since_ms = identities ? before->identities_since_ms : now_ms;
        keys->passes_since_ms = passes ? before->passes_since_ms : now_ms;
    }
    *out = keys;
    return 0;
}

struct secrets *secrets_ref(struct secrets *keys)
{
    /* relaxed: the caller has a reference, so this cannot be the last one. */
    atomic_fetch_add_explicit(&keys->refs, 1, memory_order_relaxed);
    return keys;
}

void secrets_unref(struct secrets *keys)
{
    /* acq_rel: the last one to drop it sees all that the others did with it, then frees it. */
    if (keys != NULL && atomic_fetch_sub_explicit(&keys->refs, 1, memory_order_acq_rel) == 1)
        destroy(keys);
}
