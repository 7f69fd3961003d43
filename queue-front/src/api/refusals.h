/* refusals.h: everything that queue-front rejects over HTTP (RFC 9457), one row each; the enum and
 * the answers come from it (refusal.h). openapi.yaml lists the codes, and the waiting page has a
 * sentence for each notice in every language (web/text.*): tests compare both with this list.
 *
 * ROW(NAME, code, status, seconds in Retry-After or 0, notice or "", detail). The waiting page
 * shows the notice if a page was requested. Without a detail the caller writes one that names
 * something in the request. Two rows may share a code if programs need not distinguish them. */
#ifndef FG_QUEUE_FRONT_REFUSALS_H
#define FG_QUEUE_FRONT_REFUSALS_H

#include "front_limits.h"
#include "pace/tally.h"

enum { REFUSAL_MINUTE_S = TALLY_MINUTE_MS / 1000 }; /* at most: counted from the first one */

/* clang-format off */
#define REFUSALS(ROW) \
    /* the event and its state */ \
    ROW(EVENT_UNKNOWN, "event-unknown", 404, 0, "event-unknown", "Unknown event.") \
    ROW(STARTING, "starting", 503, 1, "", \
        "This front has just started and has not loaded the events yet.") \
    ROW(NOT_OPENED, "event-not-open", 409, 0, "event-not-open", "The event has not opened.") \
    ROW(NOT_OPEN_YET, "event-not-open", 409, 0, "event-not-open", "The event has not opened yet.") \
    ROW(CHANGING, "event-changing", 409, 0, "event-changing", \
        "The event's state has just changed. Try again.") \
    ROW(SOLD_OUT, "event-sold-out", 409, 0, "event-sold-out", \
        "The event is sold out. Places in line are kept.") \
    ROW(FROZEN, "event-frozen", 409, 0, "event-frozen", \
        "The line is paused because of an incident. Your place and your call are kept.") \
    ROW(CLOSED, "event-closed", 409, 0, "event-closed", "The event is over.") \
    ROW(RENEWED, "event-renewed", 401, 0, "event-renewed", \
        "This belongs to an earlier event with the same name. Join again.") \
    ROW(SHUT_DOCUMENT, "document-unreadable", 503, FRONT_SHUT_RETRY_S, "unavailable", \
        "The event's settings cannot be read, so nobody new is admitted. Places are kept.") \
    ROW(SHUT_IDENTITY, "identity-key-missing", 503, FRONT_SHUT_RETRY_S, "unavailable", \
        "The event's identity key is missing, so nobody new is admitted. Places are kept.") \
    ROW(LANE_UNKNOWN, "lane-unknown", 404, 0, "", "Unknown lane.") \
    /* too much at once */ \
    ROW(UNAVAILABLE, "unavailable", 503, 1, "unavailable", \
        "The line cannot be reached. Your place is kept. It is safe to try again.") \
    ROW(LANE_UNAVAILABLE, "unavailable", 503, 1, "unavailable", \
        "The lane of this code cannot be reached. It is safe to try again.") \
    ROW(OVERLOADED, "overloaded", 503, 1, "overloaded", \
        "Too many requests are waiting. Nothing was changed.") \
    ROW(SHED, "overloaded", 503, 1, "overloaded", \
        "Too many people are joining. Come back after the time in Retry-After.") \
    ROW(LINE_FULL, "line-full", 503, 1, "line-full", \
        "The line is full. Nothing was used. Places become free as people are called.") \
    ROW(JOINS, "too-many-joins", 429, 1, "too-many-joins", \
        "Too many joins from this address. Try again in a minute.") \
    ROW(WORK, "proof-of-work-required", 428, 0, "proof-of-work-required", \
        "Send X-Proof-Of-Work: CHALLENGE.n where its SHA-256 starts with the given number of zero bits.") \
    ROW(WORK_SPENT, "proof-of-work-required", 428, 0, "proof-of-work-required", \
        "This proof of work was used for another place.") \
    /* the ticket and its place */ \
    ROW(TICKET_MISSING, "ticket-invalid", 401, 0, "place-gone", \
        "The request has no ticket, neither as a cookie nor as a bearer token.") \
    ROW(TICKET_OLD, "ticket-invalid", 401, 0, "place-gone", "The ticket has expired.") \
    ROW(TICKET_FOREIGN, "ticket-invalid", 401, 0, "place-gone", \
        "The ticket is invalid or belongs to another event.") \
    ROW(TICKET_MOVED, "ticket-moved", 401, 0, "ticket-moved", \
        "This place was moved to another device. A code made there moves it back.") \
    ROW(PLACE_GONE, "place-gone", 410, 0, "place-gone", "This place was given up or used.") \
    ROW(NOT_YET, "not-yet", 409, 0, "not-yet", "It is not your turn yet. Your place is kept.") \
    ROW(CALL_EXPIRED, "call-expired", 410, 0, "call-expired", "The time to enter has run out.") \
    ROW(EXTENDED_ENOUGH, "extensions-exhausted", 409, 0, "extensions-exhausted", \
        "A call can be made longer 10 times.") \
    ROW(IDEM_KEY, "idempotency-key-invalid", 400, 0, "", "") \
    ROW(ORIGIN, "origin-refused", 403, 0, "", "The request comes from a page of another origin.") \
    /* the pass and its visit */ \
    ROW(PASS_MISSING, "pass-invalid", 401, 0, "", \
        "The request has no pass, neither as a cookie nor as a bearer token.") \
    ROW(PASS_OLD, "pass-invalid", 401, 0, "", "The pass has expired.") \
    ROW(PASS_FOREIGN, "pass-invalid", 401, 0, "", "This pass is not valid here.") \
    ROW(PASSES_WRONG, "too-many-wrong-passes", 429, REFUSAL_MINUTE_S, "", \
        "Too many invalid passes of this session. Try again in a minute.") \
    ROW(PASS_UNSIGNED, "pass-unsigned", 500, 0, "", "The pass could not be signed.") \
    ROW(INSIDE, "already-inside", 409, 0, "already-inside", "This place was used to enter.") \
    ROW(SESSION_EXPIRED, "session-expired", 410, 0, "session-expired", \
        "The time of your visit is over.") \
    ROW(SESSION_ENDED, "session-ended", 410, 0, "session-ended", "Your visit was ended.") \
    ROW(SESSION_UNKNOWN, "session-unknown", 404, 0, "", "Unknown session.") \
    ROW(ORDER_COMPLETE, "order-complete", 410, 0, "order-complete", \
        "Your order is complete, and this place was used for it.") \
    /* moving a place */ \
    ROW(MOVE_HOST, "move-invalid", 400, 0, "", "The Host header is too long.") \
    ROW(MOVE_BODY, "move-invalid", 400, 0, "", "") \
    ROW(MOVE_MISTYPED, "code-mistyped", 422, 0, "code-mistyped", \
        "The code is mistyped. It has twelve letters and digits.") \
    ROW(MOVE_CODE_UNKNOWN, "code-unknown", 404, 0, "code-unknown", \
        "The code is unknown or has expired.") \
    ROW(MOVE_CODE_USED, "code-used", 410, 0, "code-used", "The code was used.") \
    ROW(MOVES_EXHAUSTED, "moves-exhausted", 409, 0, "moves-exhausted", \
        "This place cannot be moved again.") \
    /* members, invitations, codes */ \
    ROW(MEMBER_KEYS, "member-keys-unavailable", 503, 2, "unavailable", \
        "The shop's keys are not loaded yet. Nothing was changed. It is safe to try again.") \
    ROW(MEMBER_MISSING, "member-required", 401, 0, "member-required", \
        "This line is for members. Sign in at the shop to get a member token.") \
    ROW(MEMBER_OLD, "member-required", 401, 0, "member-required", \
        "The member token has expired. Sign in at the shop again.") \
    ROW(MEMBER_FOREIGN, "member-required", 401, 0, "member-required", \
        "The member token is not valid here.") \
    ROW(TOKENS_WRONG, "too-many-wrong-tokens", 429, REFUSAL_MINUTE_S, "too-many-wrong-tokens", \
        "Too many invalid member tokens from this address. Try again in a minute.") \
    ROW(MEMBER_DIFFERS, "member-differs", 403, 0, "member-differs", \
        "This place belongs to another member.") \
    ROW(MEMBER_INSIDE, "member-inside", 409, 0, "member-inside", \
        "You are inside with another place. This one can enter when that visit is over.") \
    ROW(INVITATION_MISTYPED, "invitation-invalid", 422, 0, "invitation-invalid", \
        "The invitation is mistyped.") \
    ROW(INVITATION_FOREIGN, "invitation-invalid", 422, 0, "invitation-invalid", \
        "The invitation is not for this event.") \
    ROW(INVITATION_USED, "invitation-used", 422, 0, "invitation-used", \
        "The invitation was used by a member.") \
    ROW(CODE_REQUIRED, "code-required", 422, 0, "code-required", \
        "This line needs a code. Join with {\"code\": \"..\"}.") \
    ROW(CODE_UNKNOWN, "code-unknown", 422, 0, "code-unknown", \
        "The code is not valid for this line.") \
    ROW(CODE_USED_UP, "code-used-up", 422, 0, "code-used-up", \
        "The code has no uses left. Nothing was changed.") \
    ROW(CODE_GUESSES, "too-many-codes", 429, 1, "too-many-codes", \
        "Too many invalid codes from this network. Try again in a minute.") \
    ROW(CODES_MISSING, "codes-missing", 503, 1, "codes-missing", \
        "Codes cannot be checked. Yours was not used. It is safe to try again.") \
    /* operators: what was sent */ \
    ROW(JSON, "json-invalid", 400, 0, "", "") \
    ROW(ORDER_BODY, "json-invalid", 400, 0, "", "The body must be {\"order\": \"...\"} or empty.") \
    ROW(OPERATOR, "operator-invalid", 400, 0, "", "") \
    ROW(KNOB, "knob-invalid", 422, 0, "", "") \
    ROW(EVENT_ID, "event-id-invalid", 422, 0, "", "") \
    ROW(ACTION, "action-invalid", 422, 0, "", "") \
    ROW(ACTION_UNKNOWN, "action-unknown", 404, 0, "", "Unknown action.") \
    ROW(LIMIT, "limit-invalid", 422, 0, "", "") \
    ROW(PAGE, "page-invalid", 422, 0, "", "") \
    ROW(PAGE_FROM, "page-invalid", 422, 0, "", \
        "from must be the value that the previous page returned.") \
    ROW(RATE, "rate-invalid", 422, 0, "", "") \
    ROW(SEATS_LEFT, "seats-left-invalid", 422, 0, "", "") \
    ROW(SEATS_FEED_OFF, "seats-feed-off", 409, 0, "", \
        "The knob seats_left is off for this event.") \
    ROW(CODES, "codes-invalid", 422, 0, "", "") \
    ROW(CODES_FULL, "codes-full", 409, 0, "", "") \
    ROW(DOCUMENT_LARGE, "document-too-large", 413, 0, "", "") \
    ROW(REFERENCE_MISTYPED, "reference-unknown", 404, 0, "", "The reference is mistyped.") \
    ROW(REFERENCE_UNKNOWN, "reference-unknown", 404, 0, "", "Unknown reference.") \
    /* operators: versions and moves */ \
    ROW(IF_MATCH_MISSING, "if-match-missing", 428, 0, "", \
        "If-Match must have the ETag of the event.") \
    ROW(IF_MATCH, "version-mismatch", 412, 0, "", \
        "If-Match does not name a version of this event.") \
    ROW(CONFLICT, "version-mismatch", 412, 0, "", "The event has changed. Read it again.") \
    ROW(VERSION, "version-mismatch", 412, 0, "", "The event has changed. Read it again.") \
    ROW(DOCUMENT, "document-unreadable", 503, FRONT_SHUT_RETRY_S, "", "") \
    ROW(DOCUMENT_NEWER, "document-newer", 409, 0, "", \
        "A newer program has set knobs that this one does not know. Change the event there.") \
    ROW(TOO_MANY_EVENTS, "too-many-events", 409, 0, "", "") \
    ROW(BEING_DELETED, "event-being-deleted", 409, 0, "", \
        "The previous event with this id is being deleted. Try again in a moment.") \
    ROW(ILLEGAL, "illegal-transition", 409, 0, "", "") \
    ROW(NO_PRE_QUEUE, "no-pre-queue", 409, 0, "", "There is no pre-queue to draw from.") \
    ROW(OPENS_AT_MISSING, "opens-at-missing", 409, 0, "", \
        "Set opens_at first. A scheduled event opens by itself.") \
    ROW(SALE_INCOMPLETE, "sale-incomplete", 409, 0, "", "") \
    ROW(NOTHING_TO_UNDO, "nothing-to-undo", 409, 0, "", \
        "The newest version is not an operator's last act.") \
    ROW(UNDO_IMPOSSIBLE, "undo-impossible", 409, 0, "", "") \
    /* operators: the draw, the end and what comes after */ \
    ROW(DRAWN, "already-drawn", 409, 0, "", "The draw was made. GET fairness returns it.") \
    ROW(BEACON_NOT_YET, "beacon-not-yet", 409, 0, "", "") \
    ROW(BEACON_MISSING, "beacon-missing", 409, 0, "", "") \
    ROW(BEACON_UNPROMISED, "beacon-not-promised", 409, 0, "", \
        "No beacon was promised, so a value proves nothing.") \
    ROW(SEED_KEY, "seed-key-missing", 409, 0, "", "") \
    ROW(NOT_CLOSED_RUNNING, "event-not-closed", 409, 0, "", \
        "The event is not closed. ?running=true archives it as it is.") \
    ROW(NOT_CLOSED_ARCHIVE, "event-not-closed", 409, 0, "", \
        "Only a closed event can be archived.") \
    ROW(NOT_CLOSED_DELETE, "event-not-closed", 409, 0, "", \
        "Only a draft or a closed event can be deleted.") \
    ROW(NOT_ARCHIVED, "event-not-archived", 409, 0, "", \
        "This version was not archived. ?unarchived=true deletes it anyway.") \
    ROW(EVENT_EXISTS, "event-exists", 409, 0, "", \
        "Another event has this id. Nothing was changed.") \
    ROW(ARCHIVE_UNREADABLE, "archive-unreadable", 422, 0, "", "") \
    ROW(ARCHIVE_FORMAT, "archive-format-unknown", 422, 0, "", "") \
    ROW(ARCHIVE_INCOMPLETE, "archive-incomplete", 422, 0, "", "") \
    ROW(ARCHIVE_TAMPERED, "archive-tampered", 422, 0, "", "") \
    ROW(ARCHIVE_KEY, "archive-key-missing", 409, 0, "", "") \
    ROW(ARCHIVE_OF_ANOTHER, "archive-of-another", 409, 0, "", "") \
    ROW(DRAW_UNKNOWN, "draw-unknown", 409, 0, "", \
        "The archive is older than the draw. ?redraw=true draws again, with other places.")
/* clang-format on */

enum refusal {
#define ROW(NAME, CODE, STATUS, RETRY_S, NOTICE, DETAIL) REFUSAL_##NAME,
    REFUSALS(ROW)
#undef ROW
        REFUSAL_COUNT
};

#endif
