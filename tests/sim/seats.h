/* seats.h: the seat services of the world: an owner and a standby, each with the real engine, the
 * real commit queue and the real journal. What lies between a call and the engine, HTTP and JSON in
 * the real service, is told here in a few lines. */
#ifndef FG_SIM_SEATS_H
#define FG_SIM_SEATS_H

#include "stage/sim.h"

#include "core/engine/engine.h"

enum { SEATS_PROCS = 2, SEAT_PRICE = 1000, SEAT_CALL_SEATS = 4 };

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
    struct sim_proc *from;
    uint64_t timeout_us;
    void (*on_done)(struct seat_call *call);
    void *ctx;
    /* the answer */
    enum seat_answer answer;
    enum engine_verdict verdict;
    uint64_t expires_ms;
    bool over;
    struct sim_gate *gate; /* seat_ask()'s */
    struct seat_service *at;
};

void seats_begin(uint32_t rows, uint32_t row_seats);
uint32_t seats_count(void);
/* The purchase of these seats, as an order is told it. */
void seats_price(const uint32_t *seats, uint32_t len, uint8_t digest[CHANGE_HASH_BYTES]);
void seat_send(struct seat_call *call);
/* On a fiber: sends, and waits for the answer. */
enum seat_answer seat_ask(struct seat_call *call);
/* Kills, stops and stops in good order: asked each `ms`. */
void seats_fault(uint32_t ms);
void seats_snapshot(void); /* as the auditor makes one */
bool seats_quiet(void);    /* there is an owner, and nothing is under way */
/* At the end: the owner's engine is what its journal says. */
void seats_judge(void);

#endif
