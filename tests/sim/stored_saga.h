/* stored_saga.h: a row of the table of sagas, for the simulator and for the unit tests of the
 * checkout. It is leased, moved and woken as by the statements in payment-adapter/sql/statements.
 *
 * Times are in microseconds on the caller's clock. */
#ifndef FG_SIM_STORED_SAGA_H
#define FG_SIM_STORED_SAGA_H

#include "core/checkout/order.h"
#include "core/saga/saga_engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stored_saga {
    uint64_t id, token, due_us, step_us;
    uint32_t moves, wake, tries;
    char key[SAGA_KEY_MAX], cause[SAGA_CODE_MAX];
    enum saga_state state;
    uint8_t step;
    bool parked, cancel, leased;
    uint32_t done[2]; /* by direction: steps whose DONE is recorded */
    char data[2048];
    /* owned by the caller */
    char order[ORDER_ID_MAX];
    const char *owner;
};

/* Returns false if the saga is not due, or this program does not have its definition. */
static inline bool stored_saga_lease(struct stored_saga *saga, const struct saga_def *def,
                                     uint64_t now_us, uint64_t lease_us, struct saga_row *row)
{
    if (saga_ended(saga->state) || saga->parked || saga->due_us > now_us || def == NULL)
        return false;
    saga->token += 1;
    saga->due_us = now_us + lease_us;
    saga->leased = true;
    *row = (struct saga_row){
        .id = saga->id,
        .token = saga->token,
        .moves = saga->moves,
        .wake = saga->wake,
        .def = def,
        .state = saga->state,
        .step = saga->step,
        .cancel = saga->cancel,
        .tries = saga->tries,
        .step_us = (int64_t)saga->step_us,
        .lease_us = saga->due_us,
        .data = span_of(saga->data),
    };
    memcpy(row->cause, saga->cause, sizeof(row->cause));
    return true;
}

/* Keeps a hint that arrived while the step ran. */
static inline void stored_saga_keep(struct stored_saga *saga, const struct saga_move *move)
{
    static struct order now, next; /* too big for the stack */
    bool hinted = move->data.ptr != NULL && saga->wake != move->wake &&
                  order_parse(span_of(saga->data), NULL, &now) == 0;
    bool fits = move->data.ptr == NULL || span_to_cstr(move->data, saga->data, sizeof(saga->data));
    char *data;
    assert(fits);
    if (!hinted || order_parse(move->data, NULL, &next) < 0)
        return;
    memcpy(next.payment_key, now.payment_key, sizeof(next.payment_key));
    if (strcmp(saga->key, "move.1") == 0 || order_dump(&next, NULL, &data) < 0)
        return;
    snprintf(saga->data, sizeof(saga->data), "%s", data);
    free(data);
}

/* Returns true if the saga moved now; false if it had moved before, or must not. */
static inline bool stored_saga_move(struct stored_saga *saga, const struct saga_move *move,
                                    uint64_t now_us, uint64_t lease_us,
                                    struct saga_store_reply *reply)
{
    bool done = move->mark == SAGA_MARK_DONE;
    bool barred = done && (saga->done[move->way] & 1u << move->at_step) != 0;
    bool moves = saga->token == move->token && saga->moves == move->moves && !barred;
    if (moves) {
        if (saga->step != move->step || saga->state != move->state)
            saga->step_us = now_us;
        for (uint32_t i = 0; done && i <= move->rode; i++)
            saga->done[move->way] |= 1u << (move->at_step + i);
        saga->moves += 1;
        saga->state = move->state;
        saga->step = move->step;
        saga->parked = move->parked;
        saga->tries = move->tries;
        memcpy(saga->cause, move->cause, sizeof(saga->cause));
        stored_saga_keep(saga, move);
        saga->leased = !move->release;
        if (!move->release)
            saga->due_us = saga->due_us < now_us + lease_us / 2 ? now_us + lease_us : saga->due_us;
        else
            saga->due_us =
                saga->wake != move->wake ? now_us : now_us + move->delay_ms * (uint64_t)1000;
    }
    bool stored = moves || (saga->token == move->token && saga->moves == move->moves + 1);
    *reply = (struct saga_store_reply){
        .stored = stored ? SAGA_STORED : SAGA_FENCED,
        .cancel = saga->cancel,
        .wake = saga->wake,
        .lease_us = saga->due_us,
    };
    return moves;
}

static inline void stored_saga_wake(struct stored_saga *saga, uint64_t now_us)
{
    saga->wake += 1;
    if (!saga->leased || saga->due_us <= now_us)
        saga->due_us = now_us;
}

#endif
