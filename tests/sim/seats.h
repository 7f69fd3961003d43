/* seats.h: the seat services of the world: an owner and a standby, each with the real engine, the
 * real commit queue and the real journal. What lies between a call and the engine, HTTP and JSON in
 * the real service, is written here in a few lines. */
#ifndef FG_SIM_SEATS_H
#define FG_SIM_SEATS_H

#include "call.h"
#include "gate/gate.h"

enum { SEATS_PROCS = GATE_SERVICES, SEAT_PRICE = 1000 };

void seats_begin(uint32_t rows, uint32_t row_seats);
uint32_t seats_count(void);
/* The purchase of these seats, as an order gets it. */
void seats_price(const uint32_t *seats, uint32_t len, uint8_t digest[CHANGE_HASH_BYTES]);
void seat_send(struct seat_call *call);
/* On a fiber: sends, and waits for the answer. */
enum seat_answer seat_ask(struct seat_call *call);
/* Kills, stops and stops in good order: asked each `ms`. */
void seats_fault(uint32_t ms);
void seats_calm_down(void); /* from here on an event sleeps only after a while */
void seats_snapshot(void);  /* as the auditor makes one */
bool seats_quiet(void);     /* nothing is under way at the owner, or the event sleeps */
/* At the end: the owner's engine is what its journal says. */
void seats_judge(void);
/* And an event goes where it is wanted, and is taken over from a process that dies. */
void seats_drill(void);

#endif
