/* keys.c: one thread, which sleeps until it is time or somebody asks, then reads or fetches. A set
 * that equals the current one is dropped, so a generation is a real change: the caches of verified
 * passes hang on it.
 *
 * Sets are counted, by those who look into them at the moment: a set that was replaced goes when
 * the last of them is through. The count is behind the lock, which costs nothing beside the
 * signature that is checked meanwhile; a pass that is in a loop's cache comes nowhere near it. */
#include "access/keys.h"

#include "rim_limits.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keys_set {
    struct jwks *jwks;
    unsigned readers;
    bool replaced;
};

struct keys {
    struct keys_conf conf;
    struct keys_set *current; /* below lock; NULL: none yet */
    _Atomic uint64_t generation;
    char text[KEYS_BYTES_MAX]; /* of the current set */
    size_t text_len;
    CURL *curl;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool asked, stopping;
};

struct body {
    char bytes[KEYS_BYTES_MAX];
    size_t len;
    bool too_long;
};

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct body *body = ctx;
    size_t len = size * count;
    if (len > sizeof(body->bytes) - body->len) {
        body->too_long = true;
        return 0;
    }
    memcpy(body->bytes + body->len, bytes, len);
    body->len += len;
    return len;
}

static int fetch(struct keys *keys, struct body *body, struct err_slot *err)
{
    long status = 0;
    curl_easy_reset(keys->curl);
    curl_easy_setopt(keys->curl, CURLOPT_URL, keys->conf.url);
    curl_easy_setopt(keys->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(keys->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(keys->curl, CURLOPT_TIMEOUT_MS, (long)KEYS_TIMEOUT_MS);
    curl_easy_setopt(keys->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(keys->curl, CURLOPT_WRITEDATA, body);
    CURLcode rc = curl_easy_perform(keys->curl);
    curl_easy_getinfo(keys->curl, CURLINFO_RESPONSE_CODE, &status);
    if (body->too_long)
        return err_set(err, ERR_RANGE, "%s: more than %d bytes", keys->conf.url, KEYS_BYTES_MAX);
    if (rc != CURLE_OK)
        return err_set(err, ERR_PEER, "%s: %s", keys->conf.url, curl_easy_strerror(rc));
    if (status != 200)
        return err_set(err, ERR_PEER, "%s: status %ld", keys->conf.url, status);
    return 0;
}

static int read_file(const struct keys *keys, struct body *body, struct err_slot *err)
{
    FILE *file = fopen(keys->conf.file, "re");
    if (file == NULL)
        return err_set(err, ERR_IO, "%s cannot be opened", keys->conf.file);
    body->len = fread(body->bytes, 1, sizeof(body->bytes), file);
    bool whole = feof(file) != 0;
    fclose(file);
    return whole
               ? 0
               : err_set(err, ERR_RANGE, "%s: more than %d bytes", keys->conf.file, KEYS_BYTES_MAX);
}

static void destroy_set(struct keys_set *set)
{
    if (set == NULL)
        return;
    assert(set->readers == 0);
    jwks_destroy(set->jwks);
    free(set);
}

static int replace(struct keys *keys, const struct body *body, struct err_slot *err)
{
    struct keys_set *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return err_set(err, ERR_NOMEM, "a key set");
    int rc = jwks_parse((struct span){body->bytes, body->len}, err, &set->jwks);
    if (rc < 0) {
        free(set);
        return rc;
    }
    memcpy(keys->text, body->bytes, body->len);
    keys->text_len = body->len;
    pthread_mutex_lock(&keys->lock);
    struct keys_set *was = keys->current;
    keys->current = set;
    bool unread = was != NULL && was->readers == 0;
    if (was != NULL)
        was->replaced = true;
    atomic_fetch_add_explicit(&keys->generation, 1, memory_order_release);
    pthread_mutex_unlock(&keys->lock);
    if (unread)
        destroy_set(was);
    return 0;
}

/* On the thread only. */
static int refresh(struct keys *keys, struct err_slot *err)
{
    struct body *body = calloc(1, sizeof(*body));
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "a key set");
    int rc = keys->conf.file[0] != '\0' ? read_file(keys, body, err) : fetch(keys, body, err);
    bool same = keys->text_len == body->len && memcmp(keys->text, body->bytes, body->len) == 0;
    if (rc == 0 && !same)
        rc = replace(keys, body, err);
    free(body);
    return rc;
}

static void *run(void *arg)
{
    struct keys *keys = arg;
    bool failing = false;
    pthread_mutex_lock(&keys->lock);
    while (!keys->stopping) {
        keys->asked = false;
        pthread_mutex_unlock(&keys->lock);
        struct err_slot err;
        int rc = refresh(keys, &err);
        if (rc < 0 && !failing)
            log_failure(keys->conf.log, "the waiting room's keys cannot be read", &err);
        failing = rc < 0;
        pthread_mutex_lock(&keys->lock);
        uint64_t waits[2] = {keys->conf.retry_ms, failing ? 0 : keys->conf.refresh_ms};
        for (unsigned i = 0; i < 2 && !keys->stopping; i++) {
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_sec += (time_t)(waits[i] / 1000);
            until.tv_nsec += (long)(waits[i] % 1000) * 1000000;
            until.tv_sec += until.tv_nsec / 1000000000;
            until.tv_nsec %= 1000000000;
            int timed = 0;
            while (timed == 0 && !keys->stopping && (i == 0 || !keys->asked))
                timed = pthread_cond_timedwait(&keys->wake, &keys->lock, &until);
        }
    }
    pthread_mutex_unlock(&keys->lock);
    return NULL;
}

int keys_create(const struct keys_conf *conf, struct err_slot *err, struct keys **out)
{
    assert((conf->file[0] != '\0') != (conf->url[0] != '\0'));
    struct keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "the keys");
    keys->conf = *conf;
    int rc;
    keys->curl = curl_easy_init();
    if (keys->curl == NULL) {
        rc = err_set(err, ERR_NOMEM, "a curl handle");
        goto free_keys;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&keys->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&keys->lock, NULL);
    rc = pthread_create(&keys->thread, NULL, run, keys);
    if (rc != 0) {
        rc = err_set(err, ERR_IO, "the keys' thread: %s", strerror(rc));
        goto cleanup_curl;
    }
    pthread_setname_np(keys->thread, "keys");
    *out = keys;
    return 0;

cleanup_curl:
    pthread_cond_destroy(&keys->wake);
    pthread_mutex_destroy(&keys->lock);
    curl_easy_cleanup(keys->curl);
free_keys:
    free(keys);
    return rc;
}

struct keys_set *keys_take(struct keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    struct keys_set *set = keys->current;
    if (set != NULL)
        set->readers += 1;
    pthread_mutex_unlock(&keys->lock);
    return set;
}

const struct jwks *keys_jwks(const struct keys_set *set)
{
    return set->jwks;
}

void keys_give_back(struct keys *keys, struct keys_set *set)
{
    pthread_mutex_lock(&keys->lock);
    assert(set->readers > 0);
    set->readers -= 1;
    bool last = set->replaced && set->readers == 0;
    pthread_mutex_unlock(&keys->lock);
    if (last)
        destroy_set(set);
}

uint64_t keys_generation(const struct keys *keys)
{
    return atomic_load_explicit(&keys->generation, memory_order_acquire);
}

void keys_look_again(struct keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    keys->asked = true;
    pthread_cond_signal(&keys->wake);
    pthread_mutex_unlock(&keys->lock);
}

void keys_destroy(struct keys *keys)
{
    if (keys == NULL)
        return;
    pthread_mutex_lock(&keys->lock);
    keys->stopping = true;
    pthread_cond_signal(&keys->wake);
    pthread_mutex_unlock(&keys->lock);
    pthread_join(keys->thread, NULL);
    destroy_set(keys->current);
    curl_easy_cleanup(keys->curl);
    pthread_cond_destroy(&keys->wake);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}
