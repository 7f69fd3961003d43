/* play.h: a random history of calls of the journal's store, each printed with its result. Linked
 * with the statements and a PostgreSQL it is sql-real, with the simulator's double it is
 * sql-double; tests/integration/seat-service/double.test.js compares their output. */
#ifndef FG_SIM_PLAY_H
#define FG_SIM_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#define PLAY_EVENTS                                                                                \
    {                                                                                              \
        "gala", "ball"                                                                             \
    } /* numbers 1 and 2; they and the schema exist before */

struct play {
    uint64_t seed, steps;
    const char *dsn;
};

/* The calls of one side. */
struct play_side {
    void (*pause)(uint32_t ms);
    void (*lock_rows)(bool take);    /* another transaction locks all owner rows, or ends */
    int (*lock_holder)(int32_t key); /* backend that holds this advisory lock, or 0 */
    void (*await_end)(int pid);      /* waits until this backend ends; 0: none */
};

bool play_read(int argc, char **argv, struct play *play); /* SEED STEPS [DSN] */
void play_run(const struct play *play, const struct play_side *side);

#endif
