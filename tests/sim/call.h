/* call.h: calls to the seat services and their responses. */
#ifndef FG_SIM_CALL_H
#define FG_SIM_CALL_H

#include "stage/sim.h"

#include "core/engine/engine.h"

struct guest;

enum { SEAT_CALL_SEATS = 4 };

/* Orders are for the gala. At the ball, its neighbour, seats are sold without a saga. */
enum { GALA, BALL, HALLS };

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
    SEAT_SILENT, /* no response in time */
    SEAT_LATER,  /* 503 */
    SEAT_DONE,
    SEAT_REFUSED, /* see the verdict */
};

/* A call and its response. It lives on the heap and is never freed. */
struct seat_call {
    enum seat_op op;
    unsigned event;
    uint64_t buyer, hold;
    uint32_t seats[SEAT_CALL_SEATS], seats_len; /* a HOLD with 0 seats asks for the best ones */
    uint32_t remove[SEAT_CALL_SEATS], remove_len;
    uint32_t quantity;
    char order[64];
    uint8_t digest[CHANGE_HASH_BYTES];
    const struct guest *guest; /* whose pass it sends; NULL: the world has no line */
    const char *pass;          /* the pass when it was sent */
    struct sim_proc *from;
    uint64_t timeout_us;
    void (*on_done)(struct seat_call *call);
    void *ctx;
    /* the response */
    enum seat_answer answer;
    enum engine_verdict verdict;
    uint64_t expires_ms;
    uint64_t date_s;  /* with SEAT_DONE: the time at the process */
    bool from_memory; /* the process could not know whether it still owned the event */
    bool is_answered; /* by the service; `over` once the caller has it, or gave up */
    bool over;
    uint64_t asked_us;
    struct sim_gate *gate; /* seat_ask()'s */
    struct seat_service *at;
};

void call_record_ask(const struct seat_call *call);
void call_record_answer(const struct seat_call *call);

#endif
