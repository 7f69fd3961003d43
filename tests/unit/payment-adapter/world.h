/* world.h: a small world for sagas: a store that stores each commit, three seats, a provider and a
 * waiting room, and a clock moved by hand. Any response can be lost, any call refused, and the
 * engine can be killed at any edge: it then loses its memory, the world keeps its own. Sagas with
 * the seat service's own engine run in tests/sim.
 *
 * An edge is a moment at which the engine can die: before a peer acts, after it acted, before a
 * commit is stored, after it is stored. */
#ifndef FG_TEST_WORLD_H
#define FG_TEST_WORLD_H

#include "../../sim/stored_saga.h"
#include "base/clock.h"
#include "base/rng.h"
#include "core/checkout/checkout.h"

enum { WORLD_SAGAS_MAX = 64, WORLD_LOG_MAX = 512, WORLD_CALLS_MAX = 64, WORLD_EFFECTS_MAX = 256 };

enum { WORLD_SEATS = 3, WORLD_TTL_MS = 600000, WORLD_TOTAL = 2000 };

/* An order's two seats are "s0" and "s1"; "s2" is for a move. */
enum world_seat { SEAT_FREE, SEAT_HELD, SEAT_SOLD, SEAT_TAKEN /* by another buyer */ };

struct world_log {
    uint64_t saga;
    uint8_t step;
    enum saga_way way;
    enum saga_mark mark;
    char code[SAGA_CODE_MAX];
};

struct world_effect {
    uint64_t saga;
    enum effect kind;
    char json[1024];
};

enum world_fault {
    WORLD_FINE,
    WORLD_LOST,    /* executed, but the response is lost */
    WORLD_DROPPED, /* not executed, and no response */
    WORLD_REFUSED, /* a definite refusal */
    WORLD_SILENT,  /* executed, and the call never returns */
    WORLD_BUSY,    /* not executed; the peer sends a Retry-After of an hour */
};

struct world {
    struct clock_fake clock;
    struct rng_seeded rng;
    struct checkout *checkout;
    struct ticket_signer *signer;
    struct saga_engine *engine;
    struct saga_engine_conf conf;
    /* store */
    struct stored_saga sagas[WORLD_SAGAS_MAX];
    uint32_t sagas_len;
    struct world_log log[WORLD_LOG_MAX];
    uint32_t log_len;
    struct world_effect effects[WORLD_EFFECTS_MAX];
    uint32_t effects_len;
    const struct saga_move *batch[WORLD_SAGAS_MAX];
    uint32_t batch_len;
    uint32_t lease_max;
    bool lease_asked, commit_asked;
    /* peers */
    struct peer_call *calls[WORLD_CALLS_MAX];
    uint32_t calls_len;
    struct peer_call *silent[WORLD_CALLS_MAX]; /* never answered */
    uint32_t silent_len;
    enum world_fault faults[PEER_OP_COUNT];
    uint32_t faults_left[PEER_OP_COUNT];
    uint32_t asked[PEER_OP_COUNT];
    enum world_seat seats[WORLD_SEATS];
    uint64_t held_until_ms, seats_tick_ms;
    bool seats_wanted; /* another buyer takes free seats at once */
    bool pass_ended;   /* the seats reject the pass */
    bool session_ended;
    bool payment_exists;
    enum payment_state payment;
    uint64_t captured, refunded;
    uint32_t captures;
    bool buyer_pays; /* as soon as there is a payment */
    bool webhooks_come;
    bool time_unknown;
    uint64_t given_back; /* part of a capture that the provider refunds at once */
    void (*alter)(struct world *world, struct peer_call *call); /* changes a response; or NULL */
    uint64_t refund_back, refund_part; /* last refund: refunded before; requested */
    /* crash */
    uint32_t edges;    /* edges so far */
    uint32_t crash_at; /* the engine is killed at this edge; 0: never */
    bool crashed;
    uint32_t crashes;
};

void world_init(struct world *world);
/* Replaces the program by one that also has these versions of sagas. */
void world_update(struct world *world, const struct checkout_def *next, uint32_t next_len);
void world_deinit(struct world *world);
/* Creates an order; its seats are held for 10 more minutes. */
uint64_t world_order(struct world *world, const char *def_key);
struct stored_saga *world_saga(struct world *world, uint64_t id);
void world_fault(struct world *world, enum peer_op op, enum world_fault fault, uint32_t times);
void world_cancel(struct world *world, uint64_t id); /* like the HTTP call */
void world_wake(struct world *world, uint64_t id);
/* Runs until every saga has ended or is parked, or limit_ms of the world's time have passed. */
void world_run(struct world *world, uint64_t limit_ms);
void world_turn(struct world *world); /* turns the engine once, then the peers with open calls */
void world_kill(struct world *world); /* replaces the engine by a new one */
uint32_t world_count(const struct world *world, enum effect kind);
uint32_t world_seats(const struct world *world, enum world_seat state);
/* Checks that money, seats and orders agree and every saga has ended. */
void world_check(struct world *world);

#endif
