/* probes.h: rare states that a world should reach. A run over many seeds reports those it never
 * reached: they are not tested. */
#ifndef FG_SIM_PROBES_H
#define FG_SIM_PROBES_H

#include <stdint.h>

/* clang-format off */
#define PROBES(ROW) \
    ROW(SETTLED_WRITTEN, "a batch of unknown outcome had been written") \
    ROW(SETTLED_AGAIN, "a batch of unknown outcome had not been written, and was written again") \
    ROW(FENCED, "an owner was fenced") \
    ROW(GIVEN_UP, "... gave up an event whose epoch had ended, and went on") \
    ROW(REOPENED, "... closed it to put it to sleep, and opened it again") \
    ROW(WOKEN_ASKED, "an event that slept was opened since somebody asked for it") \
    ROW(WOKEN_DUE, "... since a hold of it had ended") \
    ROW(OPENED_LATE, "a process opened an event that was another's by then") \
    ROW(OPENED_LARGE, "a hall that needs more than the memory was opened, alone") \
    ROW(MOVED, "an event went to the process where an operator wanted it") \
    ROW(FROM_SNAPSHOT, "an event was read from a snapshot on") \
    ROW(GHOST_WRITE, "a statement wrote after its caller had given up") \
    ROW(GHOST_FENCED, "... or found that it must not") \
    ROW(IN_LOG, "a restart came during a commit, which is in the log") \
    ROW(NOT_IN_LOG, "... which is not") \
    ROW(LOCK_TIMEOUT, "a write waited too long for its row") \
    ROW(ROW_LOCKED, "an owner asked whether its row was free, and it was not") \
    ROW(ROW_FREE, "... and it was") \
    ROW(BACKEND_ENDED, "a standby ended the silent backend of an owner") \
    ROW(OWN_ENDED, "an owner ended an old backend of its own") \
    ROW(LATE, "a hold that was being paid for expired") \
    ROW(RETAKEN, "... and its seats were taken again for the payment") \
    ROW(FORGOTTEN, "... and was forgotten") \
    ROW(GONE, "a payment came too late: the seats were gone") \
    ROW(UNDONE, "a saga was undone") \
    ROW(REFUNDED, "an order was given back") \
    ROW(CREDITED, "a part of an order was given back") \
    ROW(MOVE_FENCED, "a move of a saga came under an older lease") \
    ROW(MOVE_AGAIN, "a move of a saga was sent again and was there") \
    ROW(SKIPPED, "a saga left a step out") \
    ROW(KEY_KNOWN, "the provider was asked again under the same key") \
    ROW(KEY_RAISED, "... and under another, since it kept an error under the first") \
    ROW(CAPTURED_LATE, "money was captured when nobody waited for it any more") \
    ROW(SHOP_AGAIN, "the shop got a letter again") \
    ROW(ORDERED_AGAIN, "an order was sent again, since no answer had come, and was answered") \
    ROW(ORDERED_LATE, "... was stored when nobody waited for it any more") \
    PROBES_GATE(ROW) \
    PROBES_LINE(ROW)
#define PROBES_GATE(ROW) \
    ROW(PASS_RUN_OUT, "a pass that had run out was shown to the seats") \
    ROW(PASS_ENDED, "... one whose visit was over") \
    ROW(PASS_KEY_UNKNOWN, "... one whose key they did not know yet") \
    ROW(PASS_FOREIGN, "... one of another event")
#define PROBES_LINE(ROW) \
    ROW(LINE_LOST, "Redis lost what a visitor had as an answer") \
    ROW(LINE_HEALED, "a line was made whole") \
    ROW(LINE_HEALED_ALONE, "... by one front alone, since the others were gone") \
    ROW(LINE_MADE_AGAIN, "... nobody knew the event any more, and its operator made it again") \
    ROW(LINE_LATE_CALL, "Redis did a call that nobody waited for any more") \
    ROW(LINE_FULL_MEMORY, "Redis refused a script for want of memory") \
    ROW(LINE_GHOST, "a ghost was stepped over") \
    ROW(LINE_GHOST_ENTERED, "... and came back, and entered") \
    ROW(LINE_GAP_SHOWN, "a visitor came with a place that a heal had left out") \
    ROW(LINE_ROSE, "a position rose, since somebody had come back") \
    ROW(LINE_DOOR, "a called visitor stood at the door") \
    ROW(LINE_LATE_ENTERED, "a visitor entered in the time of grace") \
    ROW(LINE_MISSED, "a call was missed") \
    ROW(LINE_EXTENDED, "a call was made longer") \
    ROW(LINE_AGAIN, "a join that came again found its place") \
    ROW(LINE_TWICE, "... found none, since Redis had lost it") \
    ROW(LINE_ANEW, "... a new one, since the place was over") \
    ROW(LINE_FULL_UP, "the line was full") \
    ROW(LINE_WORK_ASKED, "a visitor had to work first") \
    ROW(LINE_WORK_USED, "work was shown for a second place") \
    ROW(LINE_JUDGED_AGAIN, "a join was judged again, by a newer document") \
    ROW(LINE_SLOT_LOST, "a visit that Redis had lost took its slot back") \
    ROW(LINE_OVER_TOLD, "a front told Redis that a visit had been") \
    ROW(LINE_PILOTED, "the autopilot set a rate") \
    ROW(LINE_CLOCK, "the event's clock took up a step of Redis's") \
    ROW(LINE_LANE, "a visitor entered from a lane") \
    ROW(LINE_DRAWN, "a draw was held") \
    ROW(LINE_DRAWN_AGAIN, "... and again, since Redis had lost it and no front knew of it") \
    ROW(LINE_LEFT_EARLY, "a visitor left before the draw") \
    ROW(LINE_CARRIED, "a place was carried to another device") \
    ROW(LINE_OLD_DEVICE, "... and the old one asked on") \
    ROW(LINE_CODE_LOST, "... a code was shown that somebody else had used") \
    ROW(LINE_MEMBER_INSIDE, "a member wanted in with another place, and was inside") \
    ROW(LINE_INVITED_TWICE, "an invitation was shown for a second place") \
    ROW(LINE_CODE_SHARED, "a presale code opened another place") \
    ROW(LINE_CODE_USED_UP, "... none, since it was used up") \
    ROW(LINE_CODE_LANE, "... a place in a lane that was not asked for") \
    ROW(LINE_CODE_UNKNOWN, "a presale code was unknown") \
    ROW(LINE_CODE_GUESSES, "... for the twentieth time in a minute") \
    ROW(LINE_CODE_MISSING, "... that Redis knew, which had lost some") \
    ROW(LINE_CODE_CHANNEL, "a pass named the seats that a code opens")
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
