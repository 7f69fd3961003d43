/* verdicts.h: the engine's verdicts, one row each: the enum, the stable code and the HTTP response.
 * Texts of the hall's page are keyed by the code (seat-service/web/text.*), as a test checks.
 *
 * ROW(NAME, code, HTTP status, members of the response, detail). ENGINE_OK and ENGINE_SAME are not
 * refusals: their status is 0. */
#ifndef FG_SEAT_CORE_VERDICTS_H
#define FG_SEAT_CORE_VERDICTS_H

/* clang-format off */
#define ENGINE_VERDICTS(ROW) \
    ROW(OK, "ok", 0, NOTHING, "") \
    ROW(SAME, "same", 0, NOTHING, "") /* a repeat: nothing to journal */ \
    /* invalid requests */ \
    ROW(NO_SEATS, "no-seats", 422, NOTHING, "at least one seat or place has to be named") \
    ROW(TOO_MANY, "too-many", 422, LIMIT, "more seats than one hold may have") \
    ROW(TWICE, "seat-twice", 422, SEAT, "a seat is named twice") \
    ROW(UNKNOWN, "seat-unknown", 422, SEAT, "there is no such seat, area or category") \
    ROW(NOT_IN_HOLD, "not-in-hold", 422, SEAT, "a seat to remove is not in the hold") \
    ROW(MIXED, "seats-and-area", 422, NOTHING, \
        "seats and places of an area cannot be in one hold") \
    /* forbidden by a rule */ \
    ROW(CHANNEL, "channel", 403, SEAT, "a seat belongs to an allocation; its code is needed") \
    ROW(NOT_ON_SALE, "not-on-sale", 409, OPENS, "this is not on sale now") \
    ROW(PRICE_CHANGED, "price-changed", 409, PRICE, \
        "the price has changed since this hold was taken; a new hold pays the new price") \
    ROW(BUYER_LIMIT, "buyer-limit", 409, LIMIT, "more seats than one buyer may have") \
    ROW(ACCESS, "accessible-seat", 403, SEAT, "an accessible seat is kept for people who need it") \
    ROW(COMPANION, "companion-seat", 422, SEAT, \
        "a companion's seat goes with its accessible seat") \
    ROW(TABLE, "whole-table", 422, SEAT, "this table is sold whole") \
    ROW(ORPHAN, "single-seat-left", 409, SEAT, "a single seat would be left over") \
    /* lost to another buyer */ \
    ROW(TAKEN, "seats-taken", 409, LOST, "seats are held or sold by now; nothing was taken") \
    ROW(SOLD_OUT, "sold-out", 409, NOTHING, "nothing is left that fits") \
    /* state of the hold */ \
    ROW(NO_HOLD, "no-such-hold", 410, NOTHING, "the hold is not there any more") \
    ROW(EXPIRED, "hold-expired", 410, NOTHING, "the hold has run out") \
    ROW(BUSY, "hold-busy", 409, NOTHING, "another change of this hold is under way; try again") \
    ROW(PAYING, "hold-paying", 409, NOTHING, \
        "an order has this hold; it can be changed by the order only") \
    ROW(SOLD, "hold-sold", 409, NOTHING, "the seats of this hold are sold") \
    ROW(NOT_SOLD, "hold-not-sold", 409, NOTHING, "the seats of this hold are not sold") \
    ROW(OTHER_ORDER, "other-order", 409, NOTHING, "another order has this hold") \
    ROW(NO_ORDER, "order-unknown", 404, NOTHING, "no such order has this hold") \
    ROW(GONE, "seats-gone", 409, LOST, \
        "the hold had run out and its seats have gone to somebody else") \
    ROW(DIFFERS, "purchase-differs", 409, NOTHING, \
        "the hold is not what this order bought, or costs something else") \
    ROW(PRICES_FULL, "prices-full", 409, LIMIT, \
        "holds and orders use all price lists that an event may have") \
    ROW(FULL, "full", 503, NOTHING, "a bound of the engine is reached; try again")
/* clang-format on */

/* Members of a refusal in addition to its code. */
enum engine_tells {
    ENGINE_TELLS_NOTHING,
    ENGINE_TELLS_SEAT,  /* op.seat, if it is set */
    ENGINE_TELLS_OPENS, /* op.opens_ms: when; 0 if the sale is over */
    ENGINE_TELLS_PRICE, /* op.price, and op.seat if it is set */
    ENGINE_TELLS_LIMIT, /* op.limit, op.has */
    ENGINE_TELLS_LOST,  /* op.lost, op.lost_count, and alternatives */
};

enum engine_verdict {
#define ROW(NAME, CODE, STATUS, TELLS, DETAIL) ENGINE_##NAME,
    ENGINE_VERDICTS(ROW)
#undef ROW
        ENGINE_VERDICT_COUNT
};

#endif
