/* visitor.h: a visitor (or bot) from arrival to end, as a state machine over pool calls. */
#ifndef FG_CROWD_VISITOR_H
#define FG_CROWD_VISITOR_H

#include "limits.h"
#include "observe/histogram.h"
#include "scenario/record.h"
#include "scenario/scenario.h"
#include "scenario/schedule.h"
#include "visitor/hall.h"
#include "visitor/passes.h"
#include "wire/pool.h"

#include <stdatomic.h>

enum phase {
    PHASE_AWAY, /* not arrived yet, or gone */
    PHASE_PAGE,
    PHASE_JOIN,
    PHASE_SOLVE,  /* computes a proof of work */
    PHASE_WAIT,   /* polls */
    PHASE_LISTEN, /* waits at a stream */
    PHASE_PASS,
    PHASE_REPASS, /* a bot: the same ticket again */
    PHASE_PLAN,   /* one visitor reads it for all */
    PHASE_LOOK,   /* reads the hall's availability */
    PHASE_HOLD,
    PHASE_EXTEND, /* sold without money, where the journey ends with the seats: the saga's steps */
    PHASE_CONFIRM,
    PHASE_ORDER,
    PHASE_SHARE, /* a bot: another account orders the same hold */
    PHASE_PAY,
    PHASE_WATCH, /* until the order is completed */
    PHASE_TICKETS,
    PHASE_OVER,   /* a bot: until the saga says that the visit has ended */
    PHASE_RETURN, /* a bot: the ticket again, after the order */
    PHASE_SECOND, /* a bot: the pass again, after the order */
    PHASE_DROP,   /* gives seats back */
    PHASE_LEAVE,
    PHASES,
};

const char *visitor_phase_name(enum phase phase);

enum service { SERVICE_QUEUE, SERVICE_SEATS, SERVICE_SAGA, SERVICE_PAY, SERVICE_PSP, SERVICES };

/* Counters of one process, in memory that the parent reads while it runs. */
struct crowd_stats {
    _Atomic uint64_t in[PHASES]; /* visitors there now */
    _Atomic uint64_t arrived;
    _Atomic uint64_t ended[ENDS];
    _Atomic uint64_t answers[600];                  /* by status; [0]: no answer */
    _Atomic uint64_t placed;                        /* have a place, or an entry */
    _Atomic uint64_t joined_us;                     /* monotonic: when the last of them got it */
    _Atomic uint64_t waits, within_p50, within_p90; /* that ended with a call, and as promised */
    _Atomic uint64_t conflicts;                     /* 409 seats-taken */
    _Atomic uint64_t seats_held, seats_sold;
    _Atomic uint64_t streams, streams_lost, events; /* open now; ended by the service; read */
    _Atomic uint64_t tricks_met[TRICKS], tricks_worked[TRICKS];
    struct histogram took[PHASES]; /* us, since each call was due */
    struct histogram noticed;      /* us, from an operator's action to the listener */
    struct histogram ticketed;     /* us, from paid to the tickets, as the buyer sees it */
    struct histogram over;         /* us, from the tickets to the end of the visit */
    struct histogram eta_error;    /* us, difference between the promised p50 and the wait */
    _Atomic uint64_t unended;      /* visits that a saga left to expire */
};

struct buyer {
    char cookie[POOL_HEADER_MAX];
    char *login, *password; /* empty: */
    char *token;            /* a one-time token of the shop instead */
};

struct visitor;

/* Shared by all visitors of one process. */
struct crowd {
    const struct scenario *scenario;
    uv_loop_t *loop;
    struct pool *queue[CROWD_FRONTS_MAX];
    struct pool *service[SERVICES]; /* NULL: at the addresses of the waiting rooms */
    struct sockaddr_in front[CROWD_FRONTS_MAX];
    uint32_t fronts;
    struct link_conf link; /* of each connection, except its target */
    struct schedule *schedule;
    const struct rng *rng;
    struct hall *hall; /* NULL until a visitor who has entered reads the plan */
    bool plan_asked;
    FILE *recorder;
    struct crowd_stats *stats;
    struct buyer *buyers;
    uint32_t buyers_len;
    const char *service_token;
    const struct passes *passes; /* NULL: all visitors join the line */
    uint64_t salt;               /* of this run's keys */
    uint64_t streams_from_us;    /* listeners open no stream before this; 0: at once */
    struct visitor *visitors;
    uint32_t visitors_len, first_number;
    uint32_t ended;
};

struct visitor *visitors_create(struct crowd *crowd, uint32_t count, uint32_t first_number);
/* The visitor's entry is due: it arrives, polls or acts. */
void visitor_due(struct crowd *crowd, const struct due *due);
/* The run is over: visitors who still wait end with END_PATIENCE. */
void visitors_end(struct crowd *crowd);

#endif
