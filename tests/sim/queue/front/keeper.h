/* keeper.h: the Redis of the line: the model of redis-model/ with a clock, a replica that lags, and
 * all that may befall it. The line's own scripts run in it. */
#ifndef FG_SIM_QUEUE_KEEPER_H
#define FG_SIM_QUEUE_KEEPER_H

#include "redis-model/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Who listens: each write once it is done, and each loss, before anybody asks again. */
struct keeper_ears {
    void (*on_write)(const struct span *words, size_t len);
    void (*on_loss)(void);
    void (*on_step)(int64_t us); /* of its clock */
};

void keeper_begin(const struct keeper_ears *ears);
void keeper_fault(uint32_t ms);

/* Which run of it may be spoken to; 0: it is down. Connections to another run are gone. */
uint32_t keeper_run(void);
/* How long until it does anything. */
uint64_t keeper_busy_us(void);
void keeper_do(const struct span *words, size_t len, struct bytes *out);

/* What is kept, for the judge; NULL ptr: nothing is there. */
struct span keeper_text(const char *key);
struct span keeper_field(const char *key, const char *field);
uint32_t keeper_items(const char *key); /* of an ordered set */
uint64_t keeper_now_us(void);           /* its own clock */

#endif
