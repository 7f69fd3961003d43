/* rate.c: a cell is 16 bits of the session's hash and 48 bits of time in units of 16 us, which is
 * 142 years. Two sessions may map to the same cell. The hash bits tell them apart: another
 * session's cell whose time is over is reused; otherwise the next few cells are tried. If all are
 * in use, the request passes: the limit keeps single sessions from doing harm, and no session
 * should be refused because of others. */
#include "access/rate.h"

#include "shell_limits.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { PROBES = 4, UNIT_US = 16, TIME_BITS = 48 };

#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

struct rate {
    _Atomic uint64_t cells[RATE_CELLS];
};

int rate_create(struct err_slot *err, struct rate **out)
{
    struct rate *rate = calloc(1, sizeof(*rate));
    if (rate == NULL)
        return err_set(err, ERR_NOMEM, "%zu bytes for rates", sizeof(*rate));
    *out = rate;
    return 0;
}

void rate_destroy(struct rate *rate)
{
    free(rate);
}

/* Advances the session's time, unless it would then be further ahead than `burst`. */
static bool put_off(struct rate *rate, uint64_t session, uint64_t by, uint64_t burst, uint64_t now,
                    uint64_t *retry_ms)
{
    uint64_t tag = session >> TIME_BITS << TIME_BITS;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *cell = &rate->cells[(session + i) % RATE_CELLS];
        /* relaxed: nothing else is read through this word */
        uint64_t was = atomic_load_explicit(cell, memory_order_relaxed);
        for (;;) {
            uint64_t due = was & TIME_MASK;
            if ((was & ~TIME_MASK) != tag && due > now)
                break; /* another session's */
            due = due > now ? due : now;
            if (due + by > now + burst) {
                *retry_ms = (due + by - now - burst) * UNIT_US / 1000 + 1;
                return false;
            }
            if (atomic_compare_exchange_weak_explicit(cell, &was, tag | (due + by),
                                                      memory_order_relaxed, memory_order_relaxed))
                return true;
        }
    }
    return true;
}

bool rate_spends(struct rate *rate, uint64_t name, uint64_t by_us, uint64_t burst_us,
                 uint64_t now_us, uint64_t *retry_ms)
{
    return put_off(rate, name, by_us / UNIT_US, burst_us / UNIT_US, now_us / UNIT_US, retry_ms);
}

static uint64_t step_of(uint32_t per_s)
{
    return 1000000 / UNIT_US / per_s;
}

bool rate_allows(struct rate *rate, uint64_t session, uint32_t per_s, uint64_t now_us,
                 uint64_t *retry_ms)
{
    if (per_s == 0)
        return true;
    /* A page starts with four requests at once; a burst of twice the rate, and of at least eight,
     * is allowed. */
    uint64_t burst = step_of(per_s) * (per_s * 2 > 8 ? per_s * 2 : 8);
    return put_off(rate, session, step_of(per_s), burst, now_us / UNIT_US, retry_ms);
}

void rate_charge(struct rate *rate, uint64_t session, uint32_t per_s, uint32_t times,
                 uint64_t now_us)
{
    uint64_t retry_ms;
    if (per_s > 0 && times > 0)
        put_off(rate, session, step_of(per_s) * times, INT64_MAX, now_us / UNIT_US, &retry_ms);
}
