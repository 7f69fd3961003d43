/* making_test.c: each row is one request for an order, from the request to its answer. It waits a
 * second for the payment.
 *
 *   request | found FLAG ... | held | stored [new] | waited [full] | read [unpaid]   an input
 *   looks | asks | stores | waits MS | reads | answers WHAT   expect this state */
#include "core/making/making.h"

#include "script.h"

static struct making making;

SCRIPT_VERB(tell, "request|found|held|stored|waited|read")
{
    static const char *const inputs[] = {"request", "found", "held", "stored",
                                         "waited",  "read",  NULL};
    const struct making_event event = {
        .input = (enum making_input)script_choice(line, script_word(line, 0), inputs),
        .wait_ms = 1000,
        .is_there = line->len > 1,
        .is_ours = script_has(line, "ours"),
        .has_key = script_has(line, "key"),
        .says_same = script_has(line, "same"),
        .is_new = script_has(line, "new"),
        .has_room = !script_has(line, "full"),
        .is_unpaid = script_has(line, "unpaid"),
    };
    assert_int_equal(making.state, making_step(&making, &event));
}

SCRIPT_VERB(expect, "looks|asks|stores|waits|reads|answers")
{
    static const char *const states[] = {"begun", "looks", "asks",    "stores",
                                         "waits", "reads", "answers", NULL};
    static const char *const answers[] = {"made", "before", "not-ours", "key-reused", "not-now"};
    script_expect_text(line, script_word(line, 0), states[making.state]);
    if (making.state == MAKING_WAITS)
        script_expect(line, script_word(line, 1), making.pause_ms);
    if (making.state == MAKING_DONE)
        script_expect_text(line, script_word(line, 1), answers[making.answer]);
}

#define STORED "request; looks; found; asks; held; stores; stored new; waits 250;"
#define AGAIN  "asks; held; stores; stored; looks; found;"

static const struct script_row rows[] = {
    {"an order is answered with its payment", STORED "waited; reads; read; answers made"},
    {"a payment is looked for at distances that double, and not for ever",
     STORED "waited; read unpaid; waits 500; waited; reads; read unpaid; waits 250; waited; read "
            "unpaid; answers made"},
    {"where too many wait an order is read at once", STORED "waited full; reads; read $a;"
                                                            "answers made || unpaid | -"},
    {"the same request finds its order", "request; found ours key same; answers before"},
    {"another request for the hold finds it", "request; found ours $a; answers before || same | -"},
    {"a key of another request is refused", "request; found ours key; answers key-reused"},
    {"another member's order is not shown",
     "request; found other $a; answers not-ours || key | same | -"},
    {"a faster order is found", "request; found; held; stored; looks; found ours key same;"
                                "answers before"},
    {"an id that cannot be stored is made anew twice",
     "request; found;" AGAIN AGAIN AGAIN "answers not-now"},
};

static void start(void)
{
    making = (struct making){.state = MAKING_BEGUN};
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
