/* real_seats.h: the seats of a small hall by the seat service's own engine, for sagas that are
 * tested in one process. What both shells make of the engine's verdicts is repeated in a
 * few lines; holds, orders, expiry and retaking are the real ones. */
#ifndef FG_TEST_REAL_SEATS_H
#define FG_TEST_REAL_SEATS_H

#include "core/checkout/peer.h"

struct real_seats;

enum { REAL_SEATS_TTL_MS = 600000, REAL_SEATS_TOTAL = 2000 };

/* Seats "s0" and "s1" are held by a buyer whose order will be `hold`'s. */
struct real_seats *real_seats_create(uint64_t now_ms, char hold[ORDER_HOLD_MAX]);
/* The purchase of the two, as an order of that event has it. */
void real_seats_price(const char *event, char digest[PURCHASE_DIGEST_CHARS + 1]);
void real_seats_destroy(struct real_seats *seats);

/* Answers a call of the saga: verdict, code, expires_ms. */
void real_seats_act(struct real_seats *seats, struct peer_call *call, uint64_t now_ms);
/* Time goes by: what has run out is free again. With `wanted`, somebody else takes what is free. */
void real_seats_tick(struct real_seats *seats, uint64_t now_ms, bool wanted);

/* Somebody else takes this one. */
void real_seats_take(struct real_seats *seats, uint32_t seat, uint64_t now_ms);
/* Is it sold, and the buyer's? */
bool real_seats_has(const struct real_seats *seats, uint32_t seat);
/* How many of the hall's seats are held, and sold, for the buyer. */
uint32_t real_seats_held(const struct real_seats *seats);
uint32_t real_seats_sold(const struct real_seats *seats);

#endif
