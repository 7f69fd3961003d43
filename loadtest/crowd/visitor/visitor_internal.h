/* visitor_internal.h: what the files of a visitor share; nobody else includes it.
 *
 *     visitor.c        its life: arrival, phases, and who hears each answer
 *     visitor_move.c   from phase to phase, pauses, end, what is kept of it
 *     visitor_ask.c    the request of each phase
 *     visitor_line.c   what answers mean: from the page to the pass
 *     visitor_seats.c  at the seats
 *     visitor_order.c  from the order to the tickets */
#ifndef FG_CROWD_VISITOR_INTERNAL_H
#define FG_CROWD_VISITOR_INTERNAL_H

#include "system/system.h"
#include "visitor/peek.h"
#include "visitor/visitor.h"
#include "wire/stream.h"

#include <stdlib.h>

enum { FORGED_AT = 20 }; /* a letter in the middle of a ticket */

/* What a visitor has only behind the waiting room. */
struct baggage {
    char pass[VISITOR_TOKEN_MAX];
    char hold[VISITOR_ID_MAX], order[VISITOR_ID_MAX], page[2 * VISITOR_ID_MAX];
    uint32_t seat[VISITOR_SEATS_MAX];
    uint32_t chosen; /* 0: the service is to choose */
    uint32_t held, hoarded;
    uint64_t amount, session;
    bool paid;
};

struct visitor {
    struct pool_call call;
    struct crowd *crowd;
    struct baggage *baggage;
    struct stream *stream;
    char *proof; /* of work, while joining */
    uint64_t place;
    uint64_t promised;  /* p50 << 32 | p90, seconds; 0: nothing */
    uint64_t asked_us;  /* when the place was first asked for */
    uint64_t since_us;  /* paid, and later: has the tickets */
    uint64_t notice_us; /* when the operator last said something, as far as is known */
    uint32_t number;
    uint32_t turn;     /* of the instant in the schedule that counts */
    uint32_t doze_end; /* of a slow reader; ms of the loop */
    uint16_t manner;   /* a bit for each */
    uint8_t phase, party, tries, attempt;
    uint8_t trick; /* 1 + the one being tried */
    uint8_t rejoins;
    bool called, ended, undrawn; /* undrawn: `place` is an entry in a draw to come */
    bool woken;                  /* by a stream that says it is this one's turn */
    char letter;                 /* of the ticket, that a forger has changed */
    char ticket[72];
};

static inline bool visitor_is(const struct visitor *visitor, enum manner manner)
{
    return (visitor->manner >> manner & 1) != 0;
}

static inline void visitor_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* ---- visitor_move.c ---- */

/* `answer` NULL: none. */
void visitor_note(struct visitor *visitor, enum record_kind kind, const struct pool_answer *answer,
                  uint64_t value, uint64_t more);
/* `flags`: of enum record_flag. */
void visitor_note_flagged(struct visitor *visitor, enum record_kind kind,
                          const struct pool_answer *answer, uint64_t value, uint64_t more,
                          unsigned flags);
/* An answer that only moves on. */
void visitor_step(struct visitor *visitor, const struct pool_answer *answer);
void visitor_enter(struct visitor *visitor, enum phase phase);
void visitor_end(struct visitor *visitor, enum record_end how);
void visitor_stop_listening(struct visitor *visitor);
/* Goes to `phase` after that many milliseconds, and forgets the earlier plan. */
void visitor_later(struct visitor *visitor, enum phase phase, uint64_t in_ms);
void visitor_soon(struct visitor *visitor, enum phase phase, uint64_t low_ms, uint64_t high_ms);
uint64_t visitor_between_ms(const struct visitor *visitor, uint64_t low, uint64_t high);
bool visitor_is_for_later(const struct pool_answer *answer);
/* Refused for the moment: again later, under the same key. */
void visitor_again(struct visitor *visitor, const struct pool_answer *answer);
bool visitor_has_code(const struct pool_answer *answer, const char *code);
/* An answer that should not occur: it is recorded, and the visitor's way ends here. */
void visitor_unexpected(struct visitor *visitor, const struct pool_answer *answer);
/* The time behind the first `key`, such as "expires_at", in microseconds of the wall; 0: none. */
uint64_t visitor_time_us(const struct pool_answer *answer, const char *key);
void visitor_trick(struct visitor *visitor, enum record_trick trick,
                   const struct pool_answer *answer, bool worked, uint64_t more);

/* ---- visitor_ask.c ---- */

void visitor_ask(void *visitor, struct text *out);
size_t visitor_ask_stream(const struct visitor *visitor, char *memory, size_t cap);

/* ---- answers, phase by phase ---- */

typedef void visitor_heard(struct visitor *visitor, const struct pool_answer *answer);
visitor_heard visitor_on_page, visitor_on_join, visitor_on_wait, visitor_on_pass, visitor_on_repass;
visitor_heard visitor_on_return, visitor_on_leave;
visitor_heard visitor_on_plan, visitor_on_look, visitor_on_hold, visitor_on_step, visitor_on_second;
visitor_heard visitor_on_order, visitor_on_share, visitor_on_pay, visitor_on_watch;
visitor_heard visitor_on_tickets, visitor_on_over;

/* Anyone who asks for a pass before being called is up to something. */
void visitor_prepare_trick(struct visitor *visitor);
/* A listener's instant: opens the stream, or asks for itself. */
void visitor_listen(struct visitor *visitor);
/* Visitors who choose by the map look at it; the first of them fetches the plan for all. */
enum phase visitor_first_at_seats(struct visitor *visitor);
/* The order is through, or the journey at its end: bots have something left to try. */
void visitor_through(struct visitor *visitor, uint64_t tried);

#endif
