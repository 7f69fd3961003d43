/* peer.c: the table of requests, made from the list in peer.h: which peer answers, what is sent,
 * the timeout, and what is read from the answer.
 *
 * Giving back seats that are no longer there counts as success. If a peer answers 401 or 403, our
 * configuration is wrong, which says nothing about the order; so it is UNKNOWN, like everything
 * that is not a definite answer. */
#include "core/checkout/peer.h"

#include <string.h>

enum {
    TRY_MS = 10000,     /* no peer takes longer than that */
    COURTESY_MS = 2000, /* the end of a visit is not worth that long a wait */
};

static const struct peer_question questions[PEER_OP_COUNT] = {
#define ROW(NAME, WIRE, ABOUT, TIME, ...)                                                          \
    [PEER_##NAME] = {.name = WIRE, .about = PEER_ABOUT_##ABOUT, .most_ms = TIME##_MS, __VA_ARGS__},
    PEER_QUESTIONS(ROW)
#undef ROW
};

const struct peer_question *peer_question(enum peer_op op)
{
    assert(op < PEER_OP_COUNT);
    return &questions[op];
}

enum saga_verdict peer_judge(enum peer_op op, unsigned status, const char **code)
{
    const struct peer_question *question = peer_question(op);
    const char *said = *code;
    bool gone = status == 404 || status == 410;
    *code = NULL;
    if (status >= 200 && status < 300)
        return SAGA_DONE;
    if (!gone && status != 409 && status != 422)
        return SAGA_UNKNOWN;
    *code = "nothing-left";
    if (gone && question->gives_back)
        return SAGA_DONE;
    *code = said != NULL ? said : "refused";
    if (strstr(*code, "busy") != NULL)
        return SAGA_UNKNOWN;
    bool differs = strcmp(*code, ORDER_CAUSE_PURCHASE_DIFFERS) == 0;
    if (question->only_no != NULL && status != 404 && !differs)
        *code = question->only_no;
    else if (gone)
        *code = status == 410 ? "hold-expired" : "hold-unknown";
    return SAGA_FAILED;
}
