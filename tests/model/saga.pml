/* judges: money */
/* saga.pml: one order, its seat, its payment, and two payment adapters that lease its saga in turn.
 * Models payment-adapter: saga_decide() and its helpers in core/saga/saga.c, a slot's life in
 * saga_engine.c, the steps of sale_steps.c and payment_steps.c, and the statements `lease`, `moves`
 * and `order_cancel` of sql/statements. Each step names its function.
 *
 * A call takes effect at its peer in one step, at any time after the adapter leased the saga, even
 * after the lease has ended. Call or response may be lost. There is no clock: a lease or a hold may
 * end, or a deadline pass, at any moment. The buyer may pay and cancel at any moment.
 *
 * The steps: 0 extend_hold, 1 create_payment, 2 await_buyer, 3 confirm_seats, 4 capture (the
 * pivot), 5 issue_tickets; then a refund: 6 revoke_tickets, 7 free_seats, 8 refund_payment.
 *
 * Holds: money is taken at most once and refunded at most once. A completed order has its seat, its
 * ticket and its money. An undone order has no seat, no money, and no payment that the buyer could
 * still make. A refund voids the tickets, then frees the seat, then returns the money. A cancelled
 * order is not charged.
 *
 * Each guard can be left out: NO_TOKEN with NO_MOVES (either alone suffices), SILENCE_IS_NO,
 * TURN_SKIPS, VOID_FORGETS, CANCEL_LATE, NO_TOMBSTONE, NEW_KEY, MONEY_FIRST, SEATS_FIRST. */

#define LOSSES 2
#define LEASES 4
#define PIVOT 4

mtype = { RUNNING, UNDOING, COMPLETED, UNDONE };        /* enum saga_state */
mtype = { DONE, FAILED, ONGOING, UNKNOWN };             /* enum saga_verdict */
mtype = { FREE, HELD, SOLD, OTHERS };                   /* the seat */
mtype = { PEER_SEATS_EXTEND, PEER_SEATS_RELEASE, PEER_SEATS_CONFIRM, PEER_PSP_CREATE, PEER_PSP_READ,
          PEER_PSP_CANCEL, PEER_PSP_CAPTURE, PEER_PSP_REFUND }; /* enum peer_op */
mtype = { NONE, OPEN, AUTHORISED, CAPTURED, CANCELED }; /* enum payment_state */

/* the saga's row */
mtype state = RUNNING;
byte step = 0, moves = 0, token = 0;
bool tried = false, parked = false, cancel = false, leased = false;
bool known = false; /* the payment's id is stored */
bool refunding = false;

/* the world */
mtype seat = HELD, payment = NONE;
bool dead = false; /* the order gave its seat back and cannot get it again */
bool ticket = false;
byte captured = 0, refunded = 0;
byte losses = 0;

#define OPEN_ROW (!parked && (state == RUNNING || state == UNDOING))

inline seats_extend() { /* sale_extend_hold() */
    verdict = (seat == HELD && !dead -> DONE : FAILED)
}

inline seats_give_back() { /* sale_release_hold(), sale_free_seats(); engine_ops.c refuses the order from then on */
    assert(!ticket);
    if
    :: seat == HELD || seat == SOLD -> seat = FREE
    :: else
    fi;
#ifndef NO_TOMBSTONE
    dead = true;
#endif
    verdict = DONE
}

inline seats_confirm() { /* sale_confirm_seats() */
    if
    :: seat == SOLD -> verdict = DONE
    :: seat == HELD || (seat == FREE && !dead) -> seat = SOLD; verdict = DONE
    :: else -> verdict = FAILED
    fi
}

inline psp_create() { /* idempotent: every try has the same key */
    if
    :: payment == NONE -> payment = OPEN
    :: else
    fi;
    verdict = DONE
}

inline psp_read() {
    verdict = DONE;
    seen = payment
}

inline psp_cancel() {
    if
    :: payment == OPEN || payment == AUTHORISED -> payment = CANCELED; verdict = DONE
    :: payment == CANCELED -> verdict = DONE
    :: else -> verdict = UNKNOWN
    fi
}

inline psp_capture() {
    if
    :: payment == AUTHORISED -> payment = CAPTURED; captured++; verdict = DONE
#ifdef NEW_KEY
    :: payment == CAPTURED -> captured++; verdict = DONE
#else
    :: payment == CAPTURED -> verdict = DONE
#endif
    :: else -> verdict = FAILED
    fi;
    assert(captured <= 1);
    seen = NONE
}

inline psp_refund() {
    assert(seat != SOLD || state == UNDOING);
#ifdef NEW_KEY
    refunded++;
#else
    refunded = captured;
#endif
    assert(refunded <= captured);
    verdict = DONE
}

inline judge_end() {
    assert(state != COMPLETED || refunding || (seat == SOLD && ticket && captured == 1 && refunded == 0));
    assert(state != COMPLETED || !refunding || (seat != SOLD && !ticket && refunded == captured));
    assert(state != UNDONE || (seat != SOLD && seat != HELD && !ticket && captured == 0));
    assert(state != UNDONE || payment == NONE || payment == CANCELED)
}

/* A call to a peer (attempt_ask()): the call or its response may be lost. */
inline call(op) {
    atomic {
        came = true;
        heard = true;
        if
        :: losses < LOSSES -> losses++; came = false; heard = false
        :: losses < LOSSES -> losses++; heard = false
        :: true
        fi;
        if
        :: came && op == PEER_SEATS_EXTEND -> seats_extend()
        :: came && op == PEER_SEATS_RELEASE -> seats_give_back()
        :: came && op == PEER_SEATS_CONFIRM -> seats_confirm()
        :: came && op == PEER_PSP_CREATE -> psp_create()
        :: came && op == PEER_PSP_READ -> psp_read()
        :: came && op == PEER_PSP_CANCEL -> psp_cancel()
        :: came && op == PEER_PSP_CAPTURE -> psp_capture()
        :: came && op == PEER_PSP_REFUND -> psp_refund()
        :: !came
        fi;
        verdict = (heard -> verdict : UNKNOWN);
        judge_end() /* late calls count, too */
    }
}

/* payment_void(): ends the payment, whether it was created, may have been created, or never was */
inline void_payment() {
    verdict = DONE;
    seen = NONE;
    if
#ifndef VOID_FORGETS
    :: !has_id -> call(PEER_PSP_CREATE)
#endif
    :: else
    fi;
    if
#ifdef VOID_FORGETS
    :: !has_id
    :: has_id && verdict == DONE -> call(PEER_PSP_READ)
#else
    :: verdict == DONE -> call(PEER_PSP_READ) /* then_read_to_void() */
#endif
    :: verdict == UNKNOWN
    fi;
    if
    :: verdict == DONE && (seen == OPEN || seen == AUTHORISED) -> call(PEER_PSP_CANCEL)
    :: verdict == DONE && seen == CAPTURED -> call(PEER_PSP_REFUND)
    :: else
    fi
}

/* payment_capture() */
inline capture_payment() {
    verdict = DONE;
    seen = AUTHORISED;
#ifndef NEW_KEY
    if
    :: was_tried -> call(PEER_PSP_READ) /* then_read_to_capture() */
    :: else
    fi;
#endif
    if
    :: verdict == DONE && seen == AUTHORISED -> call(PEER_PSP_CAPTURE)
    :: verdict == DONE && (seen == OPEN || seen == CANCELED || seen == NONE) -> verdict = FAILED
    :: else
    fi
}

inline await_buyer() { /* payment_await(), then_waited() */
    call(PEER_PSP_READ);
    if
    :: verdict == DONE && seen == OPEN ->
        if
        :: verdict = ONGOING
        :: seat != HELD -> verdict = FAILED /* "expired" */
        fi
    :: verdict == DONE && seen == CANCELED -> verdict = FAILED
    :: else
    fi
}

/* go_back(): to the nearest step before `from` that has an undo: confirm (3), create (1) or extend (0) */
inline go_back(from) {
    to_tried = false;
    if
    :: from > 3 -> to_state = UNDOING; to_step = 3
    :: from == 3 || from == 2 -> to_state = UNDOING; to_step = 1
    :: from == 1 -> to_state = UNDOING; to_step = 0
    :: from == 0 -> to_state = UNDONE
    fi
}

#ifdef TURN_SKIPS
#define HERE 0
#else
#define HERE 1 /* this step may have happened, so it is undone, too */
#endif

/* saga_decide(), decide_failed(), decide_unknown(), decide_overdue() */
inline decide() {
    to_state = at_state;
    to_step = at_step;
    to_parked = false;
    to_tried = was_tried;
#ifdef SILENCE_IS_NO
    verdict = (verdict == UNKNOWN -> FAILED : verdict);
#endif
    if
    :: verdict == DONE && at_state == RUNNING && (at_step == 5 || at_step == 8) -> to_state = COMPLETED
    :: verdict == DONE && at_state == RUNNING && at_step != 5 && at_step != 8 -> to_step = at_step + 1; to_tried = false
    :: verdict == DONE && at_state == UNDOING -> go_back(at_step)
    :: verdict == FAILED && at_state == RUNNING && at_step <= PIVOT -> go_back(at_step)
    :: verdict == FAILED && (at_state == UNDOING || at_step > PIVOT) -> to_parked = true
    :: verdict == ONGOING
    :: verdict == UNKNOWN -> to_tried = true
    :: (verdict == UNKNOWN || verdict == ONGOING) && at_state == RUNNING && at_step < PIVOT -> go_back(at_step + HERE)
    :: verdict == UNKNOWN && (at_state == UNDOING || at_step >= PIVOT) -> to_parked = true
    fi
}

#ifdef NO_TOKEN
#define TOKEN_FITS true
#else
#define TOKEN_FITS (token == my_token)
#endif
#ifdef NO_MOVES
#define MOVES_FIT true
#else
#define MOVES_FIT (moves == at_moves)
#endif
#ifdef CANCEL_LATE
#define MUST_TURN (at_cancel && at_state == RUNNING && at_step <= 5)
#else
#define MUST_TURN (at_cancel && at_state == RUNNING && at_step <= PIVOT)
#endif

proctype adapter() {
    byte my_token, at_moves, at_step, to_step;
    mtype at_state, to_state, verdict, seen;
    bool was_tried, at_cancel, to_parked, to_tried, has_id, holds, stored, came, heard;
end:
    do
    :: atomic { /* statement `lease`, take_row(): due_at is also the lease's end */
        OPEN_ROW && token < LEASES ->
        token++;
        my_token = token;
        at_state = state;
        at_step = step;
        at_moves = moves;
        was_tried = tried;
        at_cancel = cancel;
        has_id = known;
        holds = true
    };
        do
        :: !holds -> break
        :: holds && MUST_TURN -> /* slot_start(), saga_must_turn(), saga_turn_back() */
            atomic { to_parked = false; go_back(at_step + HERE); verdict = ONGOING };
            goto commit
        :: holds && !MUST_TURN ->
            /* slot_call() */
            if
            :: at_state == RUNNING && at_step == 0 -> call(PEER_SEATS_EXTEND)
            :: at_state == RUNNING && at_step == 1 -> call(PEER_PSP_CREATE)
            :: at_state == RUNNING && at_step == 2 -> await_buyer()
            :: at_state == RUNNING && at_step == 3 -> call(PEER_SEATS_CONFIRM)
            :: at_state == RUNNING && at_step == 4 -> capture_payment()
            :: at_state == RUNNING && (at_step == 5 || at_step == 6) -> verdict = DONE
            :: at_state == RUNNING && at_step == 7 ->
#ifdef MONEY_FIRST
                call(PEER_PSP_REFUND)
#else
                call(PEER_SEATS_RELEASE)
#endif
            :: at_state == RUNNING && at_step == 8 ->
#ifdef MONEY_FIRST
                call(PEER_SEATS_RELEASE)
#else
                call(PEER_PSP_REFUND)
#endif
            :: at_state == UNDOING && at_step == 3 -> call(PEER_SEATS_RELEASE)
            :: at_state == UNDOING && at_step == 1 -> void_payment()
            :: at_state == UNDOING && at_step == 0 -> call(PEER_SEATS_RELEASE)
            fi;
            atomic { decide(); seen = NONE };
commit:
            atomic { /* statement `moves`, saga_engine_on_committed(), slot_stored(), saga_apply() */
                stored = TOKEN_FITS && MOVES_FIT;
                if
                :: stored ->
                    /* A step's effects are in the same commit: effect_ticket(), effect_plain(),
                     * effect_payment(). */
                    if
                    :: verdict == DONE && at_state == RUNNING && at_step == 5 ->
                        assert(seat == SOLD && payment == CAPTURED);
                        ticket = true
#ifdef SEATS_FIRST
                    :: verdict == DONE && at_state == RUNNING && at_step == 8 -> ticket = false
#else
                    :: verdict == DONE && at_state == RUNNING && at_step == 6 -> ticket = false
#endif
                    :: verdict == DONE && at_state == RUNNING && at_step == 1 -> known = true
                    :: else
                    fi;
                    state = to_state;
                    step = to_step;
                    tried = to_tried;
                    parked = to_parked;
                    moves++;
                    judge_end();
                    at_state = to_state;
                    at_step = to_step;
                    at_moves = moves;
                    was_tried = to_tried;
                    at_cancel = cancel;
                    has_id = known;
                    holds = verdict == DONE && OPEN_ROW /* otherwise the saga is due again later */
                :: else -> holds = false /* SAGA_FENCED */
                fi;
                verdict = DONE
            }
        od;
        atomic {
            my_token = 0;
            at_moves = 0;
            at_step = 0;
            to_step = 0;
            at_state = RUNNING;
            to_state = RUNNING;
            was_tried = false;
            at_cancel = false;
            to_parked = false;
            to_tried = false;
            has_id = false;
            stored = false;
            came = false;
            heard = false
        }
    od
}

/* The buyer, time, and other buyers. */
proctype world() {
end:
    do
    :: atomic { payment == OPEN -> payment = AUTHORISED }
    :: atomic { seat == HELD && !dead -> seat = FREE }
    :: atomic { seat == FREE -> seat = OTHERS }
#ifdef CANCEL_LATE
    :: atomic { !cancel && state == RUNNING && !refunding -> cancel = true }
#else
    :: atomic { !cancel && state == RUNNING && step < PIVOT && !parked -> cancel = true } /* order_cancel */
#endif
    :: atomic { state == COMPLETED && !refunding -> /* order_refund: in the code another saga, with its own row */
        refunding = true;
        state = RUNNING;
        step = 6;
        tried = false;
        cancel = false;
        token++ }
    od
}

init {
    atomic {
        run adapter();
        run adapter();
        run world()
    }
}
