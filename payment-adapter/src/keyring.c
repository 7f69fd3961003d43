/* keyring.c: see keyring.h. */
#include "keyring.h"

#include "observe/log.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_RETRY_MS = 250, REFRESH_EARLIEST_MS = 2000, CALL_MS = 3000 };

struct keyring {
    struct keyring_conf conf;
    uv_timer_t timer;
    struct jwks *keys;
    uint64_t asked_us;
    bool asking, closing;
    bool closed; /* the timer's memory is no longer the loop's */
};

static void free_if_over(struct keyring *keyring)
{
    if (keyring->asking || !keyring->closed)
        return;
    jwks_destroy(keyring->keys);
    free(keyring);
}

static void on_timer(uv_timer_t *timer);

static void take(struct keyring *keyring, const struct outcall_answer *answer)
{
    struct err_slot err;
    struct jwks *keys = NULL;
    int rc;
    if (answer->rc < 0)
        rc = err_set(&err, (enum err_code)answer->rc, "%s: %s", keyring->conf.url, answer->why);
    else if (answer->status != 200)
        rc = err_set(&err, ERR_PEER, "%s: status %u", keyring->conf.url, answer->status);
    else
        rc = jwks_parse(answer->body, &err, &keys);
    if (rc < 0) {
        log_failure(keyring->conf.log, "public keys were not read", &err);
    } else {
        jwks_destroy(keyring->keys);
        keyring->keys = keys;
    }
    bool soon = rc < 0 && keyring->keys == NULL;
    uv_timer_start(&keyring->timer, on_timer, soon ? FIRST_RETRY_MS : keyring->conf.refresh_ms, 0);
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct keyring *keyring = ctx;
    keyring->asking = false;
    if (keyring->closing)
        free_if_over(keyring);
    else
        take(keyring, answer);
}

static void on_timer(uv_timer_t *timer)
{
    struct keyring *keyring = timer->data;
    if (keyring->asking)
        return;
    keyring->asking = true;
    keyring->asked_us = clock_mono_us(keyring->conf.clock);
    struct outcall call = {
        .url = keyring->conf.url, .timeout_ms = CALL_MS, .on_done = on_answer, .ctx = keyring};
    outcall_send(keyring->conf.outcalls, &call);
}

int keyring_create(const struct keyring_conf *conf, struct err_slot *err, struct keyring **out)
{
    struct keyring *keyring = calloc(1, sizeof(*keyring));
    if (keyring == NULL)
        return err_set(err, ERR_NOMEM, "keyring");
    keyring->conf = *conf;
    uv_timer_init(conf->loop, &keyring->timer);
    keyring->timer.data = keyring;
    uv_timer_start(&keyring->timer, on_timer, 0, 0);
    *out = keyring;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct keyring *keyring = handle->data;
    keyring->closed = true;
    free_if_over(keyring);
}

void keyring_close(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    assert(!keyring->closing);
    keyring->closing = true;
    uv_close((uv_handle_t *)&keyring->timer, on_closed);
}

const struct jwks *keyring_keys(const struct keyring *keyring)
{
    return keyring->keys;
}

void keyring_refresh(struct keyring *keyring)
{
    uint64_t now_us = clock_mono_us(keyring->conf.clock);
    if (!keyring->closing && now_us - keyring->asked_us >= REFRESH_EARLIEST_MS * UINT64_C(1000))
        uv_timer_start(&keyring->timer, on_timer, 0, 0);
}
