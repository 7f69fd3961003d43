/* cancelling_test.c: each row is what one process does with the orders of cancelled events, from
 * its first tick on, which is at one second.
 *
 *   at MS                                       the time from now on
 *   tick | taken MOST ORDERS | begun | passed   an input
 *   rests | takes | begins | passes MS          expect this state */
#include "core/cancelling/cancelling.h"

#include "script.h"

static struct cancelling cancelling;
static uint64_t now_ms;

SCRIPT_DOES("at", now_ms = script_number_at(line, 1))

SCRIPT_VERB(tell, "tick|taken|begun|passed")
{
    static const char *const inputs[] = {"tick", "taken", "begun", "passed", NULL};
    const struct cancelling_event event = {
        .input = (enum cancelling_input)script_choice(line, script_word(line, 0), inputs),
        .now_ms = now_ms,
        .most = line->len > 1 ? script_number_at(line, 1) : 0,
        .orders = line->len > 2 ? script_number_at(line, 2) : 0,
    };
    enum cancelling_state state = cancelling_step(&cancelling, &event);
    assert_int_equal(cancelling.state, state);
}

SCRIPT_VERB(expect, "rests|takes|begins|passes")
{
    static const char *const states[] = {"rests", "takes", "begins", "passes"};
    script_expect_text(line, script_word(line, 0), states[cancelling.state]);
    if (cancelling.state == CANCELLING_PASSES)
        script_expect(line, script_word(line, 1), cancelling.pause_ms);
}

static const struct script_row rows[] = {
    {"a page is passed once all of its orders are begun",
     "tick; takes; taken 2 2; begins; begun; begins; begun; passes 900; passed; rests"},
    {"the next page is taken a second after the last one",
     "tick; taken 1 1; begun; passed; at 1999; tick; rests; at 2000; tick; takes"},
    {"the next page is due a tick early, however long the orders took",
     "tick; taken 1 1; at 1300; begun; passes 600"},
    {"at once if the orders took longer", "tick; taken 1 1; at $a; begun; passes 0 || 1900 | 7000"},
    {"a page that is not full ends the pass, and the next begins later",
     "tick; taken 3 2; begun; at 1300; begun; passes 5000"},
    {"a page without an order ends the pass", "tick; taken 3 0; passes 5000; passed; rests"},
    {"with nothing to begin it looks again a second later",
     "tick; taken 0 0; rests; at 1900; tick; rests; at 2000; tick; takes"},
};

static void start(void)
{
    cancelling = (struct cancelling){.state = CANCELLING_RESTS};
    now_ms = 1000;
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
