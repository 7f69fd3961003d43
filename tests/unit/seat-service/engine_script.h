/* engine_script.h: scripts (script.h) about one engine, an owner, and a follower that replays each
 * committed change from its bytes.
 *
 * After each commit, undo and refusal the states of owner and follower are compared, and a refusal
 * or an undo must leave the owner's state as it was. At the end of a row a third engine reads the
 * follower's snapshot, and all three must have the same state and the same counts of buyers.
 *
 * Holds have names of one letter, buyers are u1, u2 and so on, orders are any word ("-": none).
 * SEATS is a list such as 0,1,7-9, or "-" for none. Times need a unit and count from TEST_NOW_MS.
 *
 *   sale FROM..TO ...           times of categories a, b, ...; 0: no limit. Before `hall`
 *   channels FROM ...           when each channel opens, the public one first; 0: with the category
 *   hall DRAWING ... [orphans] [hold=] [buyer=] [floor=] [floor-channel=] [ttl=] [max=] [late=]
 *        [access=] [fees=] [turns=] [apart=]
 *                               rows as in test_hall.h, with '/' between them; '#' is a seat of
 *                               category a that is blocked, (62)# is 62 of them, and 20* before a
 *                               row makes 20 rows
 *   at TIME                     the time of what follows
 *
 *   hold H uN SEATS             options: channels=BITS need area=N quantity=N
 *   places H uN COUNT           options: area=N channels=BITS
 *   best H uN COUNT             options: category=N channels=BITS need apart
 *   change H uN                 options: add=SEATS remove=SEATS quantity=N channels=BITS need
 *   release H uN
 *   extend H ORDER              options: for=BUYER ttl=TIME buys=SEATS buys-places=N fees=N
 *   confirm H ORDER             options: buys=SEATS buys-places=N fees=N
 *   give-up H ORDER | refund H ORDER | move H ORDER FROM TO
 *   block SEATS | unblock SEATS | block-places N | unblock-places N        option: area=N
 *   price CATEGORY PRICE
 *   expire H                    H expires, or is forgotten; "-": nothing is due
 *   expire-all N                N holds expire
 *
 * Each of these must succeed and is committed, unless a verdict follows: `... -> seats-taken`.
 * `begin ACTION` leaves it uncommitted, `try ACTION` undoes it. `commit [N]` and `undo [N]` end the
 * newest, or the Nth, of the uncommitted ones.
 *
 *   takeover | takeover snapshot    the follower, or a reader of its snapshot, is the owner now
 *   spare TIME                      engine_spare_orders()
 *   full|free buyers|slots          fills a table of the owner by hand, and empties it again
 *   wrong KEY=VALUE ... says TEXT   the last op's change, altered, is refused by the follower
 *   import                          a change of kind IMPORTED, for `wrong`
 *
 *   seats STATES | holder SEAT H | buyer N COUNT | version N | picture STATES
 *   area FIELD N ... | op FIELD VALUE ...
 *   read H FIELD VALUE ... | read H -> VERDICT
 *   adjacent|any|propose COUNT DRAWING      the best seats, 'h' in a drawing; or a verdict, or *
 *        options: category=N|any channels=BITS need flags=
 *   offers SEATS DRAWING        1, 2 and 3 where the offers instead of these seats are
 *   publish VERSION [latest=N]
 *   counts CATEGORY FREE HELD SOLD BLOCKED
 *   since VERSION none|behind|SEAT=STATE ... [room=N]
 *
 * A row "SCRIPT || CASE | CASE" runs once per case (script.h). */
#ifndef FG_TEST_ENGINE_SCRIPT_H
#define FG_TEST_ENGINE_SCRIPT_H

#include "core/engine/engine_internal.h"
#include "script.h"
#include "test_hall.h"

enum { ENGINE_WORLD_OPS = 4, ENGINE_WORLD_ROWS = 64 };

struct engine_world {
    struct plan *plan;
    struct engine *engine, *follower; /* NULL before `hall` */
    struct engine_op ops[ENGINE_WORLD_OPS], *op;
    bool begun[ENGINE_WORLD_OPS]; /* not committed yet */
    uint64_t now_ms, holds[26], seq;
    uint32_t late_max;
    bool keep, drop; /* set by `begin`, `try` */
    struct plan_category categories[8];
    struct plan_channel channels[8];
    uint32_t category_count, channel_count;
    uint32_t row_ends[ENGINE_WORLD_ROWS]; /* as drawn: the first seat of the next row */
    unsigned rows;
};

extern struct engine_world engine_world;

/* Creates the engines for engine_world.plan, if `hall` cannot make the plan. */
void engine_script_open(void);
/* Runs a script in this world. engine_script_hold() returns the hold of a letter. */
void engine_script(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t engine_script_hold(char name);
/* Compares the three engines and frees the world. Each test ends with it. */
void engine_script_end(void);
/* For SCRIPT_TESTS(). */
const struct script_verb *engine_script_verbs(void);

#endif
