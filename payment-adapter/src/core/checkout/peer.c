/* peer.c: the table of questions: a row says who is asked, what is told, and how long they may
 * think. A new question that a step needs is a row here and an answer read by whoever is asked. */
#include "core/checkout/peer.h"

enum {
    TRY_MS = 10000,     /* no peer of ours thinks longer than that */
    COURTESY_MS = 2000, /* and for the end of a visit nobody waits that long */
};

static const struct peer_question questions[PEER_OP_COUNT] = {
    [PEER_SEATS_EXTEND] = {"extend", PEER_ABOUT_HOLD, TRY_MS, .tells_member = true,
                           .tells_purchase = true},
    [PEER_SEATS_CONFIRM] = {"confirm", PEER_ABOUT_HOLD, TRY_MS, .tells_purchase = true},
    [PEER_SEATS_MOVE] = {"move", PEER_ABOUT_HOLD, TRY_MS, .tells_seats = true},
    [PEER_SEATS_RELEASE] = {"release", PEER_ABOUT_HOLD, TRY_MS, .gives_back = true},
    [PEER_SEATS_REFUND] = {"refund", PEER_ABOUT_HOLD, TRY_MS, .gives_back = true},
    [PEER_SEATS_MOVABLE] = {"movable", PEER_ABOUT_HOLD, TRY_MS, .tells_seats = true},
    [PEER_PSP_CREATE] = {"create", PEER_ABOUT_PAYMENT, TRY_MS},
    [PEER_PSP_READ] = {"read", PEER_ABOUT_PAYMENT, TRY_MS},
    [PEER_PSP_CAPTURE] = {"capture", PEER_ABOUT_PAYMENT, TRY_MS},
    [PEER_PSP_CANCEL] = {"cancel", PEER_ABOUT_PAYMENT, TRY_MS},
    [PEER_PSP_REFUND] = {"refund", PEER_ABOUT_PAYMENT, TRY_MS},
    [PEER_SEATS_SESSION_END] = {"end", PEER_ABOUT_SEATS_VISIT, COURTESY_MS, .gives_back = true},
    [PEER_SESSION_END] = {"end", PEER_ABOUT_LINE_VISIT, COURTESY_MS, .gives_back = true},
};

const struct peer_question *peer_question(enum peer_op op)
{
    assert(op < PEER_OP_COUNT);
    assert(questions[op].name != NULL); /* each has its row */
    return &questions[op];
}
