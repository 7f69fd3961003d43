/* peer.c: the table of questions, made from the list in peer.h: which peer is asked, what it is
 * told, how long it may take, and what is read of its answer. */
#include "core/checkout/peer.h"

enum {
    TRY_MS = 10000,     /* none of our peers takes longer than that */
    COURTESY_MS = 2000, /* and the end of a visit is not worth that long a wait */
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
