/* keeper.h: the Redis of the line: the model of redis-model/ with a clock, a lagging replica, and
 * faults. The line's own scripts run in it. */
#ifndef FG_SIM_QUEUE_KEEPER_H
#define FG_SIM_QUEUE_KEEPER_H

#include "redis-model/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Callbacks: each write once it is done, and each loss before the next request. */
struct keeper_ears {
    void (*on_write)(const struct span *words, size_t len);
    void (*on_loss)(void);
    void (*on_step)(int64_t us); /* its clock was set */
};

void keeper_begin(const struct keeper_ears *ears);
void keeper_fault(uint32_t ms);

/* The current run, or 0 while it is down. Connections to another run are gone. */
uint32_t keeper_run(void);
/* How long until it processes requests again. */
uint64_t keeper_busy_us(void);
void keeper_do(const struct span *words, size_t len, struct bytes *out);

/* Stored values, for the checker. A NULL ptr means that the key or field is absent. */
struct span keeper_text(const char *key);
struct span keeper_field(const char *key, const char *field);
uint32_t keeper_items(const char *key);   /* of an ordered set */
uint64_t keeper_event_ms(unsigned event); /* the event's, as the scripts compute it */
void keeper_set_clock(void);              /* right or wrong */

#endif
