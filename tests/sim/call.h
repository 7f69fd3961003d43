/* call.h: what is asked of the seat services, and what they answer. */
#ifndef FG_SIM_CALL_H
#define FG_SIM_CALL_H

#include "stage/sim.h"

#include "core/engine/engine.h"

struct guest;

enum { SEAT_CALL_SEATS = 4 };

enum seat_op {
    SEAT_HOLD,
    SEAT_CHANGE,
    SEAT_RELEASE, /* by the buyer */
    SEAT_EXTEND,
    SEAT_CONFIRM,
    SEAT_ORDER_RELEASE,
    SEAT_REFUND,
};

enum seat_answer {
    SEAT_SILENT, /* none came in time */
    SEAT_LATER,  /* 503 */
    SEAT_DONE,
    SEAT_REFUSED, /* the verdict says why */
};

/* A call and its answer; on the heap, and never freed while the world lasts. */
struct seat_call {
    enum seat_op op;
    uint64_t buyer, hold;
    uint32_t seats[SEAT_CALL_SEATS], seats_len; /* 0 seats with HOLD: the best that there are */
    uint32_t remove[SEAT_CALL_SEATS], remove_len;
    uint32_t quantity;
    char order[64];
    uint8_t digest[CHANGE_HASH_BYTES];
    const struct guest *guest; /* whose pass it shows; NULL: the world has no line */
    const char *pass;          /* as it was when it was shown */
    struct sim_proc *from;
    uint64_t timeout_us;
    void (*on_done)(struct seat_call *call);
    void *ctx;
    /* the answer */
    enum seat_answer answer;
    enum engine_verdict verdict;
    uint64_t expires_ms;
    bool from_memory; /* the process could not know whether it still owned the event */
    bool over;
    struct sim_gate *gate; /* seat_ask()'s */
    struct seat_service *at;
};

#endif
