/* seats.h: the seat services of the world: an owner and a standby, each with the real engine,
 * journal and loop. A few lines here replace the HTTP and JSON between a call and the engine. */
#ifndef FG_SIM_SEATS_H
#define FG_SIM_SEATS_H

#include "call.h"
#include "gate/gate.h"

enum { SEATS_PROCS = GATE_SERVICES, SEAT_PRICE = 1000 };

/* `undisturbed`: faults hit the gala's neighbours alone. One more of them cannot be read then. */
void seats_begin(uint32_t rows, uint32_t row_seats, bool undisturbed);
const char *seats_event(unsigned event); /* its id */
uint32_t seats_count(void);              /* of each event */
/* The purchase digest of these seats, as an order has it. */
void seats_price(unsigned event, const uint32_t *seats, uint32_t len,
                 uint8_t digest[CHANGE_HASH_BYTES]);
void seat_send(struct seat_call *call);
/* Sends the call and waits for its response. Runs on a fiber. */
enum seat_answer seat_ask(struct seat_call *call);
/* Kills, pauses and graceful exits. Called every `ms`. */
void seats_fault(uint32_t ms);
void seats_snapshot(unsigned event); /* writes one, as the auditor does */
bool seats_quiet(void);              /* owners have nothing in flight, or their events sleep */
/* At the end: compares the owners' engines with their journals. */
void seats_judge(void);
/* Checks that an event moves on request, and is taken over from a process that dies. */
void seats_drill(void);

#endif
