/* faults.h: the faults of the world and their rates. Each seed draws its own mixture and leaves out
 * about half of the kinds, so that kinds which hide each other also occur alone. */
#ifndef FG_SIM_FAULTS_H
#define FG_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* ROW(name, usual rate, description): per million occasions, or per second for a process's life. */
/* clang-format off */
#define FAULT_KINDS(ROW) \
    ROW(PG_CUT_BEFORE, 1500, "a connection to the seats' database breaks before a statement") \
    ROW(PG_CUT_AFTER, 2500, "... after it: the answer is lost") \
    ROW(PG_LINGER, 500000, "the backend of a broken connection lives on") \
    ROW(PG_SLOW, 3000, "a statement takes up to 1.5 s") \
    ROW(PG_HANG, 800, "a statement takes up to 20 s") \
    ROW(PG_GHOST, 6000, "a connection breaks, and its last write arrives up to 8 s later") \
    ROW(PG_COMMIT_CUT, 10000, "a connection breaks during a commit, which goes on for up to 3 s") \
    ROW(PG_COMMIT_HANG, 6000, "a commit takes up to 8 s") \
    ROW(PG_COMMIT_RESTART, 3000, "the seats' database restarts or fails over during a commit") \
    ROW(PG_RESTART, 12000, "the seats' database restarts or fails over") \
    ROW(SEAT_KILL, 12000, "a seat service is killed") \
    ROW(SEAT_KILL_AT, 300, "a seat service is killed in the middle of something") \
    ROW(SEAT_STOP, 15000, "a seat service stands still for up to 6 s") \
    ROW(SEAT_LEAVE, 6000, "a seat service is stopped in good order") \
    ROW(NET_LOST, 10000, "a call of the seat service is lost") \
    ROW(NET_ANSWER_LOST, 10000, "... its answer is") \
    ROW(NET_SLOW, 10000, "... it takes up to 15 s") \
    ROW(NET_ASTRAY, 20000, "... it reaches another instance than the owner") \
    ROW(CLOCKS, 500000, "clocks are wrong, by seconds up to years") \
    ROW(PG_REFUSES, 3000, "the seats' database refuses a write") \
    ROW(EVENT_SLEEPS, 500000, "a seat service has room for one event, and it sleeps while unused") \
    ROW(SEATS_SHARE, 1000000, "three seat services share two events") \
    ROW(SEATS_MOVE, 20000, "... an operator wants one of them elsewhere") \
    ROW(MOVE_KILLED, 300000, "... and a seat service is killed meanwhile") \
    ROW(PG_COMMIT_BUSY, 80000, "a commit takes up to 0.3 s") \
    ROW(PG_ROW_LOCKED, 15000, "somebody has an event's owner row locked for up to 6 s") \
    ROW(PG_ROWS_REFUSED, 10000, "the seats' database refuses an event's rows for up to 6 s") \
    ROW(PG_EPOCH, 5000, "somebody raises an event's epoch") \
    ROW(GOODBYE_LOST, 250000, "a saga's goodbye to a visit is not heard") \
    ROW(BOOK_FAILS, 8000, "a statement of the payments' database fails") \
    ROW(BOOK_LOST, 8000, "... is done, and its answer lost") \
    ROW(BOOK_SLOW, 8000, "... takes up to 8 s") \
    ROW(ADAPTER_KILL, 20000, "an adapter is killed") \
    ROW(ADAPTER_STOP, 15000, "an adapter stands still for up to 30 s") \
    ROW(OPERATOR_RETRIES, 20000, "an operator has a saga go on that is on its way anyhow") \
    ROW(OPERATOR_TURNS, 10000, "an operator turns a saga back that is on its way") \
    ROW(BANK_LOST, 20000, "a call of the provider is lost") \
    ROW(BANK_ANSWER_LOST, 20000, "... its answer is") \
    ROW(BANK_LATE, 15000, "... takes effect up to a minute later, without an answer") \
    ROW(BANK_BUSY, 15000, "... is refused for now, with a time to wait") \
    ROW(BANK_BURNT, 10000, "... fails, and the provider keeps that under its key") \
    ROW(HOOK_LOST, 200000, "a webhook does not come") \
    ROW(HOOK_TWICE, 200000, "a webhook comes twice, once late") \
    ROW(REDIS_CUT, 600, "a front's connection to Redis breaks before a call") \
    ROW(REDIS_CUT_AFTER, 600, "... after it: the answer is lost") \
    ROW(REDIS_LATE, 600, "... a call arrives up to 4 s late") \
    ROW(REDIS_FAILOVER, 15000, "a replica of Redis takes over, without what came last") \
    ROW(REDIS_FORGETS, 4000, "... just after a place was given, which it does not know") \
    ROW(REDIS_RESTART, 10000, "Redis restarts, without what its file had not yet") \
    ROW(REDIS_WIPE, 2000, "Redis comes back empty") \
    ROW(REDIS_FULL, 5000, "Redis has no memory for up to 8 s") \
    ROW(REDIS_SLOW, 10000, "Redis stands still for up to 3 s") \
    ROW(REDIS_CLOCK, 5000, "the clock of Redis is stepped") \
    ROW(FRONT_KILL, 10000, "a front is killed") \
    ROW(FRONT_STOP, 10000, "a front stands still for up to 6 s") \
    ROW(FRONT_LEAVE, 8000, "a front is deployed anew") \
    ROW(ASK_LOST, 15000, "what a visitor asks is lost") \
    ROW(ASK_ANSWER_LOST, 15000, "... its answer is") \
    ROW(EVENT_POSTPONED, 4000, "the event gets another date, and buyers may give back") \
    ROW(EVENT_OFF, 4000, "the event is cancelled") \
    ROW(BOOK_LATE, 50000, "a new order's connection breaks, and it is stored up to 8 s later") \
    ROW(CALL_LOST, 80000, "a call between services about a visit or keys is lost") \
    ROW(CALL_ANSWER_LOST, 80000, "... its answer is") \
    ROW(CALL_REFUSED, 80000, "... is answered 503") \
    ROW(CALL_SLOW, 80000, "... takes up to 8 s") \
    ROW(KEYS_ROTATE, 10000, "the waiting room signs passes with a new key") \
    ROW(REDIS_CUT_LOOK, 50000, "a connection to Redis breaks before a look-up of a place") \
    ROW(EVENT_CLOSED, 30000, "an operator closes the wrong event, in its sale") \
    ROW(EVENT_RETIRED, 10000, "an operator begins to retire the wrong event, in its sale") \
    ROW(HALL_LARGE, 300000, "a hall needs more memory than a seat service has") \
    ROW(HALL_ASKED, 300000, "... and somebody asks for it")
/* clang-format on */

enum fault {
#define FAULT_OF(NAME, RATE, WHAT) FAULT_##NAME,
    FAULT_KINDS(FAULT_OF)
#undef FAULT_OF
        FAULT_COUNT
};

struct fault_mix {
    uint32_t per_million[FAULT_COUNT];
};

const char *fault_name(enum fault fault);
const char *fault_says(enum fault fault);
/* `undisturbed`: of the faults of the seats, only those of the other events, and no
 * process shares. */
void fault_draw(struct fault_mix *mix, uint64_t seed, bool undisturbed);

void fault_begin(const struct fault_mix *mix); /* copied */
void fault_end(void);                          /* no faults from here on */
uint64_t fault_ended_us(void);                 /* when that was; 0: not yet */
/* Whether the fault happens at this occasion. */
bool fault_now(enum fault fault);
/* The same for a rate per second, with an occasion every `ms`. */
bool fault_within(enum fault fault, uint32_t ms);
/* How wrong a clock is: by seconds, an hour or years, either way; mostly 0. */
int64_t fault_clock_us(void);
uint64_t fault_count(enum fault fault); /* how often it happened */

#endif
