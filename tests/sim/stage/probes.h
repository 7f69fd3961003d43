/* probes.h: rare states that a world should come to. A run over many seeds tells which of them it
 * never reached: what is never reached is not tested. */
#ifndef FG_SIM_PROBES_H
#define FG_SIM_PROBES_H

#include <stdint.h>

/* clang-format off */
#define PROBES(ROW) \
    ROW(SETTLED_WRITTEN, "a batch of unknown outcome had been written") \
    ROW(SETTLED_AGAIN, "a batch of unknown outcome had not been written, and was written again") \
    ROW(FENCED, "an owner was fenced") \
    ROW(OPENED_LATE, "a process opened an event that was another's by then") \
    ROW(FROM_SNAPSHOT, "an event was read from a snapshot on") \
    ROW(GHOST_WRITE, "a statement wrote after its caller had given up") \
    ROW(GHOST_FENCED, "... or found that it must not") \
    ROW(IN_LOG, "a restart came during a commit, which is in the log") \
    ROW(NOT_IN_LOG, "... which is not") \
    ROW(LOCK_TIMEOUT, "a raise of the epoch waited too long for its row") \
    ROW(BACKEND_ENDED, "a standby ended the silent backend of an owner") \
    ROW(OWN_ENDED, "an owner ended an old backend of its own") \
    ROW(LATE, "a hold that was being paid for expired") \
    ROW(RETAKEN, "... and its seats were taken again for the payment") \
    ROW(FORGOTTEN, "... and was forgotten") \
    ROW(GONE, "a payment came too late: the seats were gone") \
    ROW(UNDONE, "a saga was undone") \
    ROW(REFUNDED, "an order was given back") \
    ROW(MOVE_FENCED, "a move of a saga came under an older lease") \
    ROW(MOVE_AGAIN, "a move of a saga was sent again and was there") \
    ROW(SKIPPED, "a saga left a step out") \
    ROW(KEY_KNOWN, "the provider was asked again under the same key") \
    ROW(KEY_RAISED, "... and under another, since it kept an error under the first") \
    ROW(CAPTURED_LATE, "money was captured when nobody waited for it any more") \
    ROW(SHOP_AGAIN, "the shop got a letter again")
/* clang-format on */

enum probe {
#define PROBE_OF(NAME, WHAT) PROBE_##NAME,
    PROBES(PROBE_OF)
#undef PROBE_OF
        PROBE_COUNT
};

void probe_reached(enum probe probe);
uint64_t probe_count(enum probe probe);
const char *probe_says(enum probe probe);

#endif
