/* visitor_internal.h: shared by the files of a visitor; private to them.
 *
 *     visitor.c        its life: arrival, phases, and dispatch of answers
 *     visitor_move.c   from phase to phase, pauses, end, records
 *     visitor_ask.c    the request of each phase
 *     visitor_line.c   answers from the page to the pass
 *     visitor_seats.c  answers at the seats
 *     visitor_order.c  answers from the order to the tickets */
#ifndef FG_CROWD_VISITOR_INTERNAL_H
#define FG_CROWD_VISITOR_INTERNAL_H

#include "system/system.h"
#include "visitor/peek.h"
#include "visitor/visitor.h"
#include "wire/stream.h"

#include <stdlib.h>

enum { FORGED_AT = 20 }; /* a character in the middle of a ticket */

/* State that a visitor needs only after the waiting room. */
struct baggage {
    char pass[VISITOR_TOKEN_MAX];
    char hold[VISITOR_ID_MAX], order[VISITOR_ID_MAX], page[2 * VISITOR_ID_MAX];
    uint32_t seat[VISITOR_SEATS_MAX];
    uint32_t chosen; /* 0: the service chooses */
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
    uint64_t asked_us;  /* when the place was first requested */
    uint64_t since_us;  /* when it paid; later: when it got the tickets */
    uint64_t notice_us; /* time of the operator's last known notice */
    uint32_t number;
    uint32_t turn;     /* number of the schedule entry that counts */
    uint32_t doze_end; /* of a slow reader; loop time in ms */
    uint16_t manner;   /* a bit per manner */
    uint8_t phase, party, tries, attempt;
    uint8_t trick; /* 1 + the current one */
    uint8_t rejoins;
    bool called, ended, undrawn; /* undrawn: `place` is an entry in a coming draw */
    bool woken;                  /* by a stream event: it is this visitor's turn */
    char letter;                 /* the ticket's character that a forger has changed */
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

/* `answer` may be NULL. */
void visitor_note(struct visitor *visitor, enum record_kind kind, const struct pool_answer *answer,
                  uint64_t value, uint64_t more);
/* `flags`: of enum record_flag. */
void visitor_note_flagged(struct visitor *visitor, enum record_kind kind,
                          const struct pool_answer *answer, uint64_t value, uint64_t more,
                          unsigned flags);
/* Records an answer that leads to the next phase. */
void visitor_step(struct visitor *visitor, const struct pool_answer *answer);
void visitor_enter(struct visitor *visitor, enum phase phase);
void visitor_end(struct visitor *visitor, enum record_end how);
void visitor_stop_listening(struct visitor *visitor);
/* Enters `phase` after that many milliseconds; replaces the earlier plan. */
void visitor_later(struct visitor *visitor, enum phase phase, uint64_t in_ms);
void visitor_soon(struct visitor *visitor, enum phase phase, uint64_t low_ms, uint64_t high_ms);
uint64_t visitor_between_ms(const struct visitor *visitor, uint64_t low, uint64_t high);
bool visitor_is_for_later(const struct pool_answer *answer);
/* Refused temporarily: retries later, with the same key. */
void visitor_again(struct visitor *visitor, const struct pool_answer *answer);
bool visitor_has_code(const struct pool_answer *answer, const char *code);
/* Records an answer that must not occur, and ends the visitor's journey. */
void visitor_unexpected(struct visitor *visitor, const struct pool_answer *answer);
/* The time at the first `key`, such as "expires_at", in wall-clock microseconds; 0: none. */
uint64_t visitor_time_us(const struct pool_answer *answer, const char *key);
void visitor_trick(struct visitor *visitor, enum record_trick trick,
                   const struct pool_answer *answer, bool worked, uint64_t more);

/* ---- visitor_ask.c ---- */

void visitor_ask(void *visitor, struct text *out);
size_t visitor_ask_stream(const struct visitor *visitor, char *memory, size_t cap);

/* ---- answers, phase by phase ---- */

typedef void visitor_reply(struct visitor *visitor, const struct pool_answer *answer);
visitor_reply visitor_on_page, visitor_on_join, visitor_on_wait, visitor_on_pass, visitor_on_repass;
visitor_reply visitor_on_return, visitor_on_leave;
visitor_reply visitor_on_plan, visitor_on_look, visitor_on_hold, visitor_on_step, visitor_on_second;
visitor_reply visitor_on_order, visitor_on_share, visitor_on_pay, visitor_on_watch;
visitor_reply visitor_on_tickets, visitor_on_over;

/* Requesting a pass before the call is always a bot's trick. */
void visitor_prepare_trick(struct visitor *visitor);
/* A listener's entry is due: opens the stream, or polls. */
void visitor_listen(struct visitor *visitor);
/* Visitors who choose on the map read it; the first of them fetches the plan for all. */
enum phase visitor_first_at_seats(struct visitor *visitor);
/* The order or the journey is completed: bots have more to try. */
void visitor_through(struct visitor *visitor, uint64_t tried);

#endif
