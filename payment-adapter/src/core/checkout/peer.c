/* peer.c: the table of questions, as peer.h lists them. */
#include "core/checkout/peer.h"

enum {
    TRY_MS = 10000,     /* no peer of ours thinks longer than that */
    COURTESY_MS = 2000, /* and for the end of a visit nobody waits that long */
};

static const struct peer_question questions[PEER_OP_COUNT] = {
#define ROW(NAME, WIRE, ABOUT, TIME, ...)                                                          \
    [PEER_##NAME] = {WIRE, PEER_ABOUT_##ABOUT, TIME##_MS, __VA_ARGS__},
    PEER_QUESTIONS(ROW)
#undef ROW
};

const struct peer_question *peer_question(enum peer_op op)
{
    assert(op < PEER_OP_COUNT);
    return &questions[op];
}
