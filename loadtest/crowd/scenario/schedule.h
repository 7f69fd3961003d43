/* schedule.h: a heap of due times. A cancelled entry stays in the heap; the visitor ignores it,
 * because its `turn` is not the current one. */
#ifndef FG_CROWD_SCHEDULE_H
#define FG_CROWD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule;

struct due {
    uint64_t at_us;
    uint32_t visitor, turn;
};

struct schedule *schedule_create(uint32_t entries); /* grows on demand; NULL: no memory */
void schedule_add(struct schedule *schedule, const struct due *due); /* aborts without memory */
/* Removes the earliest entry that is due; false if there is none. */
bool schedule_take(struct schedule *schedule, uint64_t now_us, struct due *out);

#endif
