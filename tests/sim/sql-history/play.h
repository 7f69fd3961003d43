/* play.h: a random history of calls of the journal's store, each printed with its result. Linked to
 * the statements and a PostgreSQL it is sql-real, linked to the simulator's double it is
 * sql-double; tests/integration/seat-service/double.test.js compares what the two print. */
#ifndef FG_SIM_PLAY_H
#define FG_SIM_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#define PLAY_EVENTS                                                                                \
    {                                                                                              \
        "gala", "ball"                                                                             \
    } /* numbers 1 and 2; the schema and they are there before */

struct play {
    uint64_t seed, steps;
    const char *dsn;
};

/* What each side has in its own way. */
struct play_side {
    void (*pause)(uint32_t ms);
    void (*lock_rows)(bool take);    /* another transaction locks all owner rows, or ends */
    int (*lock_holder)(int32_t key); /* the backend that has this advisory lock, or 0 */
    void (*await_end)(int pid);      /* of a backend that ends; 0: of none */
};

bool play_read(int argc, char **argv, struct play *play); /* SEED STEPS [DSN] */
void play_run(const struct play *play, const struct play_side *side);

#endif
