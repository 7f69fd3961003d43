/* op_record.c: writes calls of the seats and their responses to a history (stage/history.h).
 *
 * A 503 means that nothing was done, and counts as a refusal. "The hold is gone" counts only if an
 * owner had to prove it, as for the saga's steps: a paused owner that does not know yet that it
 * lost the event may answer a buyer from memory. */
#include "call.h"

#include "stage/history.h"

#include <inttypes.h>
#include <stdio.h>

enum { SEATS_TEXT_MAX = 80 };

static const char *list(const uint32_t *seats, uint32_t len, char out[SEATS_TEXT_MAX])
{
    int at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < len; i++)
        at += snprintf(out + at, (size_t)(SEATS_TEXT_MAX - at), "%s's%" PRIu32 "'",
                       i > 0 ? "," : "", seats[i]);
    return out;
}

static void ask_for_seats(const struct seat_call *call)
{
    char seats[SEATS_TEXT_MAX];
    if (call->seats_len > 0)
        history_ask(call, "'op':'hold','by':'buyer-%" PRIu64 "','wants':[%s]", call->buyer,
                    list(call->seats, call->seats_len, seats));
    else
        history_ask(call, "'op':'hold','by':'buyer-%" PRIu64 "'", call->buyer);
}

void call_record_ask(const struct seat_call *call)
{
    static const char *const names[] = {[SEAT_RELEASE] = "release",
                                        [SEAT_EXTEND] = "extend",
                                        [SEAT_CONFIRM] = "confirm",
                                        [SEAT_ORDER_RELEASE] = "giveback",
                                        [SEAT_REFUND] = "refund"};
    char seats[SEATS_TEXT_MAX];
    const char *who = call->from != NULL ? call->from->name : "buyer";
    if (call->op == SEAT_HOLD)
        ask_for_seats(call);
    else if (call->op == SEAT_CHANGE)
        history_ask(call,
                    "'op':'change','by':'buyer-%" PRIu64 "','hold':'%" PRIx64 "','remove':[%s]",
                    call->buyer, call->hold, list(call->remove, call->remove_len, seats));
    else
        history_ask(call, "'op':'%s','by':'%s','hold':'%" PRIx64 "'", names[call->op], who,
                    call->hold);
}

/* Converts to the world's clock. */
static uint64_t world_us(uint64_t wall_ms)
{
    return wall_ms * SIM_MS - (uint64_t)SIM_EPOCH_S * SIM_S;
}

static void held(const struct seat_call *call)
{
    char seats[SEATS_TEXT_MAX];
    history_answer(call, "ok", ",'hold':'%" PRIx64 "','seats':[%s],'until':%" PRIu64, call->hold,
                   list(call->seats, call->seats_len, seats), world_us(call->expires_ms));
}

/* A refusal from the memory of an owner that was cut off proves nothing. */
static void refused(const struct seat_call *call)
{
    char seats[SEATS_TEXT_MAX];
    bool taken =
        call->answer == SEAT_REFUSED && call->verdict == ENGINE_TAKEN && !call->from_memory;
    if (call->op == SEAT_HOLD && taken)
        history_answer(call, "refused", ",'taken':[%s]", list(call->seats, call->seats_len, seats));
    else
        history_answer(call, "refused", ",'why':'%s'",
                       call->answer == SEAT_LATER ? "later" : engine_verdict_name(call->verdict));
}

void call_record_answer(const struct seat_call *call)
{
    if (call->answer == SEAT_SILENT)
        return;
    if (call->answer != SEAT_DONE)
        refused(call);
    else if (call->op == SEAT_HOLD)
        held(call);
    else if (call->op == SEAT_EXTEND)
        history_answer(call, "ok", ",'until':%" PRIu64, world_us(call->expires_ms));
    else
        history_answer(call, "ok", "%s", "");
}
