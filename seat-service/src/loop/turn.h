/* turn.h: the life of a loop's parts, and what wakes them: a tick every PUBLISH_MS, and the
 * committer when it has answered. */
#ifndef FG_SEAT_SERVICE_TURN_H
#define FG_SEAT_SERVICE_TURN_H

#include "loop/loop.h"

struct turn;

struct turn_conf {
    struct loop_conf loop;
    /* Called once per tick with what /readyz should say; NULL: ready. The callback itself may be
     * NULL. */
    void (*on_tick)(void *ctx, const char *reason);
    void *ctx;
};

/* On the loop's own thread. */
int turn_create(const struct turn_conf *conf, struct err_slot *err, struct turn **out);
struct loop *turn_loop(struct turn *turn);
/* Stops timers and streams. Calls still under way are answered with "unknown"; the next owner
 * knows. */
void turn_close(struct turn *turn);
/* After the loop has ended and the journal was stopped: takes back what was under way, frees. */
void turn_destroy(struct turn *turn);

#endif
