/* turn.h: creates and drives a loop's parts: a tick every PUBLISH_MS, and a wake-up when the
 * committer has returned entries. */
#ifndef FG_SEAT_SERVICE_TURN_H
#define FG_SEAT_SERVICE_TURN_H

#include "loop/loop.h"

struct turn;

struct turn_conf {
    struct loop_conf loop;
    /* Called once per tick with the reason for /readyz; NULL: ready. The callback may be NULL. */
    void (*on_tick)(void *ctx, const char *reason);
    void *ctx;
};

/* On the loop's own thread. */
int turn_create(const struct turn_conf *conf, struct err_slot *err, struct turn **out);
struct loop *turn_loop(struct turn *turn);
/* Stops timers and streams. Calls under way are answered with "unknown"; the next owner has their
 * outcome. */
void turn_close(struct turn *turn);
/* After the loop has ended and the journal was stopped: takes back pending entries and frees. */
void turn_destroy(struct turn *turn);

#endif
