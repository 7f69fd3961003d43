/* refusals.h: everything that payment-adapter refuses over HTTP (RFC 9457), a row each; the enum
 * and the answers are made from the rows (refusal.h). openapi.yaml lists the codes, and the pages
 * have a sentence `error.CODE` for each one that a buyer can meet on them, in every language
 * (web/text.*). Tests check both against this list.
 *
 * ROW(NAME, code, status, seconds in Retry-After or 0, who meets it, detail). Who meets it is
 * BUYER, on a page of ours, or PROGRAM: callers of the API, doors and operators. If the detail is
 * "", the caller writes it, because it names something in the request. Two rows may share a code if
 * programs need not tell them apart. */
#ifndef FG_PAY_REFUSALS_H
#define FG_PAY_REFUSALS_H

enum refusal_meets { REFUSAL_MEETS_PROGRAM, REFUSAL_MEETS_BUYER };

/* clang-format off */
#define REFUSALS(ROW) \
    /* any call */ \
    ROW(ORIGIN, "cross-origin", 403, 0, PROGRAM, \
        "This request comes from a page of another site.") \
    ROW(NOT_JSON, "not-json", 415, 0, PROGRAM, "The body has to be application/json.") \
    ROW(NOT_PICTURE, "not-a-picture", 415, 0, PROGRAM, \
        "The body has to be a JPEG, PNG or WebP picture.") \
    ROW(JSON, "bad-json", 400, 0, PROGRAM, "") \
    ROW(REQUEST, "bad-request", 400, 0, PROGRAM, "") \
    ROW(LOGIN, "login-required", 401, 0, BUYER, "Please log in first.") \
    ROW(UNAVAILABLE, "unavailable", 503, 2, BUYER, \
        "This could not be looked up right now. Please try again.") \
    ROW(BUSY, "overloaded", 503, 2, BUYER, \
        "There is too much to do right now. Please try again.") \
    ROW(ANSWER_LONG, "too-long", 500, 0, PROGRAM, \
        "The answer would be too long; ask for less.") \
    ROW(PAGE_LONG, "too-long", 500, 0, PROGRAM, "The page would be too long.") \
    /* a missing thing and another member's thing look the same */ \
    ROW(NOT_FOUND, "not-found", 404, 0, PROGRAM, "There is no such thing here.") \
    ROW(ORDER_UNKNOWN, "order-unknown", 404, 0, PROGRAM, "There is no such thing here.") \
    ROW(ORDER_RETIRED, "order-retired", 410, 0, BUYER, \
        "The event is long over, and its orders are in an archive.") \
    ROW(TICKETS_UNKNOWN, "tickets-unknown", 404, 0, PROGRAM, "There is no such thing here.") \
    ROW(TICKET_UNKNOWN, "ticket-unknown", 404, 0, BUYER, "There is no such thing here.") \
    ROW(PROVIDER_UNKNOWN, "provider-unknown", 404, 0, PROGRAM, "There is no such thing here.") \
    ROW(SAGA_UNKNOWN, "saga-unknown", 404, 0, PROGRAM, "There is no such thing here.") \
    ROW(LETTER_UNKNOWN, "letter-unknown", 404, 0, PROGRAM, "There is no such thing here.") \
    ROW(MAIL_UNKNOWN, "mail-unknown", 404, 0, PROGRAM, "No given-up mail has this number.") \
    ROW(DIFFERENCE_UNKNOWN, "difference-unknown", 404, 0, PROGRAM, \
        "The last reconciliation lists no such difference.") \
    ROW(SCANNER_GONE, "scanner-unknown", 404, 0, PROGRAM, "There is no such thing here.") \
    /* logging in */ \
    ROW(LOGIN_BUSY, "login-busy", 503, 1, BUYER, \
        "Logging in is not possible right now. Your place is kept; please try again.") \
    ROW(CREDENTIALS, "bad-credentials", 401, 0, BUYER, "Login or password is wrong.") \
    ROW(PASSWORDS_OFF, "bad-credentials", 401, 0, BUYER, "Logins by password are off.") \
    ROW(ATTEMPTS, "too-many-attempts", 429, 1, BUYER, \
        "Too many wrong passwords. Please wait before the next try.") \
    ROW(LOGIN_UNDER_WAY, "login-under-way", 429, 1, BUYER, \
        "Another login of this account is being checked.") \
    ROW(TOKENS_OFF, "bad-token", 401, 0, PROGRAM, "Logins by token are off.") \
    ROW(TOKEN, "bad-token", 401, 0, PROGRAM, "") \
    ROW(TOKEN_USED, "token-used", 401, 0, PROGRAM, "This token has been used before.") \
    ROW(TOKENS_WRONG, "too-many-wrong-tokens", 429, 1, PROGRAM, \
        "Too many tokens from this address were wrong within a minute.") \
    /* making an order */ \
    ROW(IDEM_KEY, "idempotency-key", 400, 0, PROGRAM, "") \
    ROW(IDEM_KEY_REUSED, "idempotency-key-reused", 422, 0, PROGRAM, \
        "This Idempotency-Key was used for another request.") \
    ROW(PASS_MISSING, "pass-required", 401, 0, BUYER, "The admission pass is needed.") \
    ROW(PASS, "bad-pass", 401, 0, BUYER, "") \
    ROW(PASS_REFUSED, "pass-refused", 401, 0, BUYER, "The admission pass is not accepted.") \
    ROW(MEMBER_DIFFERS, "member-differs", 403, 0, BUYER, \
        "This admission belongs to another member: log in as the one who waited.") \
    ROW(HOLD_EXPIRED, "hold-expired", 410, 0, BUYER, "The time for these seats has run out.") \
    ROW(HOLD_UNKNOWN, "hold-unknown", 404, 0, BUYER, "You have no such hold.") \
    ROW(ORDER_LARGE, "order-too-large", 422, 0, BUYER, "") \
    ROW(CURRENCY, "currency-not-taken", 422, 0, BUYER, "") \
    ROW(TERMS_DIFFER, "refund-terms-changed", 409, 0, BUYER, \
        "The refund terms have changed. Show the buyer the new ones, then order again.") \
    ROW(CHECKOUT_DIFFERS, "checkout-changed", 409, 0, BUYER, \
        "The hold or its price has changed, or another member is logged in. Show all as it is now, " \
        "then order again.") \
    ROW(EVENT_CANCELLED, "event-cancelled", 409, 0, BUYER, \
        "The event does not take place. Nothing is sold, and what was paid goes back in full.") \
    ROW(HALL_DIFFERS, "hall-has-another-date", 409, 0, PROGRAM, \
        "The hall has another date or none, and new orders would show it. Correct the hall first.") \
    ROW(HALL_UNREAD, "hall-unavailable", 503, 2, PROGRAM, \
        "The hall cannot be read. If it is asleep, this has woken it: try again.") \
    /* an existing order */ \
    ROW(STREAMS, "too-many-streams", 503, 5, PROGRAM, "Please ask without a stream.") \
    ROW(CANCEL_LATE, "too-late", 409, 0, BUYER, \
        "The payment is being captured or has been; ask for a refund instead.") \
    ROW(NOT_REFUNDABLE, "not-refundable", 409, 0, BUYER, \
        "Only a completed order, of which no ticket was used, can be refunded.") \
    ROW(REFUND_BY_OPERATOR, "refund-by-operator", 409, 0, BUYER, \
        "Refunds for this event are made by the operator.") \
    ROW(REFUND_LATE, "refund-too-late", 409, 0, BUYER, \
        "The time for returning these tickets is over.") \
    ROW(HANDED_ON, "tickets-handed-on", 409, 0, BUYER, \
        "Another member has a ticket of this order.") \
    /* tickets */ \
    ROW(NOT_TRANSFERABLE, "not-transferable", 409, 0, BUYER, "") \
    ROW(NOT_OFFERED, "not-transferable", 409, 0, BUYER, \
        "This ticket has been used or returned, or is no longer offered to you.") \
    ROW(TO_YOURSELF, "to-yourself", 422, 0, BUYER, "This ticket is already yours.") \
    ROW(TICKETS_FAST, "too-fast", 429, 2, BUYER, "Too many tickets in a short time.") \
    /* providers */ \
    ROW(SIGNATURE, "bad-signature", 401, 0, PROGRAM, "The signature is not the provider's.") \
    ROW(TIMESTAMP, "bad-timestamp", 401, 0, PROGRAM, \
        "The signature is too old or too far ahead.") \
    ROW(WEBHOOK, "bad-webhook", 400, 0, PROGRAM, "This is not an event of this provider.") \
    /* doors */ \
    ROW(SCANNER_MISSING, "scanner-required", 401, 0, PROGRAM, "A scanner's token is needed.") \
    ROW(SCANNER_UNKNOWN, "scanner-unknown", 401, 0, PROGRAM, \
        "This is not a valid scanner token, or it has been revoked or has expired.") \
    ROW(SCANS_FAST, "too-fast", 429, 1, PROGRAM, "Too many scans per second.") \
    ROW(FORGED, "forged", 404, 0, PROGRAM, "This is not one of our tickets.") \
    ROW(OTHER_EVENT, "other-event", 409, 0, PROGRAM, "This ticket is for another event.") \
    ROW(NOT_INSIDE, "not-inside", 409, 0, PROGRAM, "Nobody is inside with this ticket.") \
    ROW(NOT_UNDOABLE, "not-undoable", 409, 0, PROGRAM, \
        "Only this gate's own check-in of the last ten minutes can be undone.") \
    /* operators: sagas, terms, scanners, comparing */ \
    ROW(SAGA_ENDED, "not-allowed", 409, 0, PROGRAM, "This saga has ended.") \
    ROW(SAGA_FOREIGN, "not-allowed", 409, 0, PROGRAM, \
        "This program does not have the definition that the saga began under.") \
    ROW(SAGA_BELOW_PIVOT, "not-allowed", 409, 0, PROGRAM, \
        "Only a checkout above its pivot, untried or parked at it, with no call under way, or a parked refund of a sum, can be compensated.") \
    ROW(IF_MATCH_MISSING, "if-match-required", 428, 0, PROGRAM, \
        "If-Match has to name the version that was read.") \
    ROW(IF_MATCH, "version-mismatch", 412, 0, PROGRAM, \
        "If-Match is not a version of these terms.") \
    ROW(TERMS_CHANGED, "version-mismatch", 412, 0, PROGRAM, \
        "These terms have been changed in the meantime; read them again.") \
    ROW(PICTURES_FULL, "too-many-pictures", 409, 0, PROGRAM, \
        "The event has too many pictures. Use one of them, or a path of the pages' site.") \
    ROW(SCANNERS_FULL, "too-many-scanners", 409, 0, PROGRAM, "") \
    ROW(COMPARING, "under-way", 409, 0, PROGRAM, "A run is under way; GET returns its result.") \
    /* operators: refunding an order, or a part of it */ \
    ROW(DIFFERENCE_ACCEPTED, "difference-accepted", 409, 0, PROGRAM, \
        "A difference of this payment was accepted as settled elsewhere; withdraw it first.") \
    ROW(REFUNDED_BEFORE, "refunded-before", 409, 0, PROGRAM, \
        "This was refunded before for this reason; to refund it again, give another reason.") \
    ROW(WHOLE_ORDER, "whole-order", 409, 0, PROGRAM, \
        "These are all places of the order; refund the whole order.") \
    ROW(PRICE_UNKNOWN, "price-unknown", 409, 0, PROGRAM, \
        "These places cost nothing, or the sale does not say what; name `amount`.") \
    ROW(REFUND_LARGE, "refund-too-large", 409, 0, PROGRAM, \
        "This is more than what was paid and not refunded yet.") \
    ROW(CREDITS_FULL, "too-many-refunds", 409, 0, PROGRAM, \
        "This order was refunded in too many parts; refund the whole order.") \
    /* operators: moving seats */ \
    ROW(NOT_COMPLETED, "not-completed", 409, 0, PROGRAM, \
        "Only a completed order can be moved, one move at a time.") \
    ROW(NO_TICKETS_TO_MAIL, "not-completed", 409, 0, PROGRAM, \
        "Only a completed order has a mail with tickets.") \
    ROW(MAIL_SEARCH_OFF, "mail-search-off", 409, 0, PROGRAM, \
        "Mail addresses are unknown: no user database is configured.") \
    ROW(SEAT_NOT_IN_ORDER, "seat-not-in-order", 409, 0, PROGRAM, \
        "One of these is no seat of this order, or no numbered one.") \
    ROW(TICKET_USED, "ticket-used", 409, 0, PROGRAM, \
        "A ticket for one of these seats has been used.") \
    ROW(SEATS_TICKETED, "seats-taken", 409, 0, PROGRAM, \
        "Somebody has a ticket for one of the new seats.") \
    ROW(SEATS_TAKEN, "seats-taken", 409, 0, PROGRAM, \
        "One of the new seats is held, sold or blocked.") \
    ROW(SEAT_UNKNOWN, "seat-unknown", 422, 0, PROGRAM, "There is no such seat.") \
    ROW(CATEGORY_DIFFERS, "category-differs", 409, 0, PROGRAM, \
        "A new seat is in another category; `other_category` moves it anyway, at the price that was " \
        "paid.")
/* clang-format on */

enum refusal {
#define ROW(NAME, CODE, STATUS, RETRY_S, WHO, DETAIL) REFUSAL_##NAME,
    REFUSALS(ROW)
#undef ROW
        REFUSAL_COUNT
};

#endif
