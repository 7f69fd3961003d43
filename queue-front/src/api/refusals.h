/* refusals.h: all that queue-front refuses over HTTP (RFC 9457): a row each, of which the enum and
 * the answers are made (refusal.h). openapi.yaml lists the codes, and the waiting page has a
 * sentence for each notice, in every language (web/text.*): tests hold both to this list.
 *
 * ROW(NAME, code, status, seconds in Retry-After or 0, notice or "", detail). The notice is what
 * the waiting page is told when it is a page that was asked for. Without a detail, whoever refuses
 * says it: it names something of the request. Two rows may have one code: programs need not tell
 * them apart. */
#ifndef FG_QUEUE_FRONT_REFUSALS_H
#define FG_QUEUE_FRONT_REFUSALS_H

#include "limits.h"
#include "pace/tally.h"

enum { REFUSAL_MINUTE_S = TALLY_MINUTE_MS / 1000 }; /* at most: it began with the first of them */

/* clang-format off */
#define REFUSALS(ROW) \
    /* the event and its state */ \
    ROW(EVENT_UNKNOWN, "event-unknown", 404, 0, "event-unknown", "There is no such event here.") \
    ROW(STARTING, "starting", 503, 1, "", \
        "This front has just been started and does not know the events yet.") \
    ROW(NOT_OPENED, "event-not-open", 409, 0, "event-not-open", "The event has not opened.") \
    ROW(NOT_OPEN_YET, "event-not-open", 409, 0, "event-not-open", "The event has not opened yet.") \
    ROW(CHANGING, "event-changing", 409, 0, "event-changing", \
        "The event's state has just changed; try again.") \
    ROW(SOLD_OUT, "event-sold-out", 409, 0, "event-sold-out", \
        "The event is sold out. Places in line are kept.") \
    ROW(FROZEN, "event-frozen", 409, 0, "event-frozen", \
        "The line stands still because of an incident. Your place and your call are kept; time does " \
        "not run.") \
    ROW(CLOSED, "event-closed", 409, 0, "event-closed", "The event is over.") \
    ROW(RENEWED, "event-renewed", 401, 0, "event-renewed", \
        "This is of an earlier event of this name, which was made again since. Join again for a " \
        "place in this one.") \
    ROW(SHUT_DOCUMENT, "document-unreadable", 503, FRONT_SHUT_RETRY_S, "unavailable", \
        "The event's settings cannot be read here, so nobody new is let in by guesses. Places are " \
        "kept.") \
    ROW(SHUT_IDENTITY, "identity-key-missing", 503, FRONT_SHUT_RETRY_S, "unavailable", \
        "The key that tells this event's visitors apart is missing here, so nobody new is let in. " \
        "Places are kept.") \
    ROW(LANE_UNKNOWN, "lane-unknown", 404, 0, "", "The event has no such lane.") \
    /* too much at once */ \
    ROW(UNAVAILABLE, "unavailable", 503, 1, "unavailable", \
        "The line cannot be reached just now. Your place is kept; to repeat this is safe.") \
    ROW(LANE_UNAVAILABLE, "unavailable", 503, 1, "unavailable", \
        "The lane of this code cannot be reached just now.") \
    ROW(OVERLOADED, "overloaded", 503, 1, "overloaded", \
        "Too many requests are waiting just now. Nothing was changed.") \
    ROW(SHED, "overloaded", 503, 1, "overloaded", \
        "More people are joining than can be given a place just now. Come back after the time in " \
        "Retry-After.") \
    ROW(LINE_FULL, "line-full", 503, 1, "line-full", \
        "The line is full. Nothing was taken or used; places become free as people " \
        "are called.") \
    ROW(JOINS, "too-many-joins", 429, 1, "too-many-joins", \
        "Too many joins from this address in a minute.") \
    ROW(WORK, "proof-of-work-required", 428, 0, "proof-of-work-required", \
        "This line asks each newcomer for a little computing. Find a number n such that SHA-256 of " \
        "\"CHALLENGE.n\" begins with so many zero bits, and join again with X-Proof-Of-Work: " \
        "CHALLENGE.n.") \
    ROW(WORK_SPENT, "proof-of-work-required", 428, 0, "proof-of-work-required", \
        "This work was used for another place.") \
    /* the ticket and its place */ \
    ROW(TICKET_MISSING, "ticket-invalid", 401, 0, "", \
        "There is no ticket in this request, neither as cookie nor as bearer.") \
    ROW(TICKET_OLD, "ticket-invalid", 401, 0, "", "The ticket is too old.") \
    ROW(TICKET_FOREIGN, "ticket-invalid", 401, 0, "", \
        "The ticket is not one of ours, or of another event.") \
    ROW(TICKET_MOVED, "ticket-moved", 401, 0, "ticket-moved", \
        "This place was carried to another device. A code made there brings it back.") \
    ROW(PLACE_GONE, "place-gone", 410, 0, "place-gone", \
        "This place was given up or used already.") \
    ROW(NOT_YET, "not-yet", 409, 0, "not-yet", "It is not your turn yet. Your place is kept.") \
    ROW(CALL_EXPIRED, "call-expired", 410, 0, "call-expired", "The time to enter has run out.") \
    ROW(EXTENDED_ENOUGH, "extensions-exhausted", 409, 0, "extensions-exhausted", "") \
    ROW(IDEM_KEY, "idempotency-key-invalid", 400, 0, "", "") \
    ROW(ORIGIN, "origin-refused", 403, 0, "", \
        "This was sent by a page of another origin than the waiting room's.") \
    /* the pass and its visit */ \
    ROW(PASS_MISSING, "pass-invalid", 401, 0, "", \
        "There is no pass in this request, neither as cookie nor as bearer.") \
    ROW(PASS_OLD, "pass-invalid", 401, 0, "", "The pass has run out.") \
    ROW(PASS_FOREIGN, "pass-invalid", 401, 0, "", "The pass is not to be believed here.") \
    ROW(PASSES_WRONG, "too-many-wrong-passes", 429, REFUSAL_MINUTE_S, "", \
        "Too many passes of this session were wrong within a minute.") \
    ROW(PASS_UNSIGNED, "pass-unsigned", 500, 0, "", "The pass could not be signed.") \
    ROW(INSIDE, "already-inside", 409, 0, "already-inside", \
        "Somebody has entered with this place already.") \
    ROW(SESSION_EXPIRED, "session-expired", 410, 0, "session-expired", \
        "The time of your visit is over.") \
    ROW(SESSION_ENDED, "session-ended", 410, 0, "session-ended", "Your visit was ended.") \
    ROW(SESSION_UNKNOWN, "session-unknown", 404, 0, "", "No session of ours has this name.") \
    ROW(ORDER_COMPLETE, "order-complete", 410, 0, "order-complete", \
        "Your order is complete, and this place was used for it.") \
    /* moving a place */ \
    ROW(MOVE_HOST, "move-invalid", 400, 0, "", "The Host of this request is too long a name.") \
    ROW(MOVE_BODY, "move-invalid", 400, 0, "", "") \
    ROW(MOVE_MISTYPED, "code-mistyped", 422, 0, "code-mistyped", \
        "A code has twelve letters and digits; this one is mistyped.") \
    ROW(MOVE_CODE_UNKNOWN, "code-unknown", 404, 0, "code-unknown", \
        "There is no such code, or its time is over.") \
    ROW(MOVE_CODE_USED, "code-used", 410, 0, "code-used", "This code was used already.") \
    ROW(MOVES_EXHAUSTED, "moves-exhausted", 409, 0, "moves-exhausted", \
        "No more moves are possible here.") \
    /* members, invitations, codes */ \
    ROW(MEMBER_KEYS, "member-keys-unavailable", 503, 2, "unavailable", \
        "The shop's keys, by which member tokens are judged, have not come yet. Nothing was changed; " \
        "to repeat this is safe.") \
    ROW(MEMBER_MISSING, "member-required", 401, 0, "member-required", \
        "This line is for members: sign in at the shop, which hands you a member token.") \
    ROW(MEMBER_OLD, "member-required", 401, 0, "member-required", \
        "The member token has run out: sign in at the shop again.") \
    ROW(MEMBER_FOREIGN, "member-required", 401, 0, "member-required", \
        "The member token is not one to be believed here.") \
    ROW(TOKENS_WRONG, "too-many-wrong-tokens", 429, REFUSAL_MINUTE_S, "too-many-wrong-tokens", \
        "Too many member tokens from this address were wrong.") \
    ROW(MEMBER_DIFFERS, "member-differs", 403, 0, "member-differs", \
        "This place is another member's.") \
    ROW(MEMBER_INSIDE, "member-inside", 409, 0, "member-inside", \
        "You are inside already, with another place of yours. This one can enter when that visit is " \
        "over.") \
    ROW(INVITATION_MISTYPED, "invitation-invalid", 422, 0, "invitation-invalid", \
        "This invitation is mistyped.") \
    ROW(INVITATION_FOREIGN, "invitation-invalid", 422, 0, "invitation-invalid", \
        "This invitation is not one for this event.") \
    ROW(INVITATION_USED, "invitation-used", 422, 0, "invitation-used", \
        "This invitation was used by a member.") \
    ROW(CODE_REQUIRED, "code-required", 422, 0, "code-required", \
        "This line is for those who have a code. Join with {\"code\": \"..\"}.") \
    ROW(CODE_UNKNOWN, "code-unknown", 422, 0, "code-unknown", "This is not a code of this line.") \
    ROW(CODE_USED_UP, "code-used-up", 422, 0, "code-used-up", \
        "This code was used as often as it may be. Nothing was taken.") \
    ROW(CODE_GUESSES, "too-many-codes", 429, 1, "too-many-codes", \
        "Too many codes that are none came from this address in a minute.") \
    ROW(CODES_MISSING, "codes-missing", 503, 1, "codes-missing", \
        "Codes cannot be checked just now. Nothing is wrong with yours, and it was not used; to " \
        "repeat this is safe.") \
    /* operators: what was sent */ \
    ROW(JSON, "json-invalid", 400, 0, "", "") \
    ROW(ORDER_BODY, "json-invalid", 400, 0, "", "The body is {\"order\": \"...\"}, or empty.") \
    ROW(OPERATOR, "operator-invalid", 400, 0, "", "") \
    ROW(KNOB, "knob-invalid", 422, 0, "", "") \
    ROW(EVENT_ID, "event-id-invalid", 422, 0, "", "") \
    ROW(ACTION, "action-invalid", 422, 0, "", "") \
    ROW(ACTION_UNKNOWN, "action-unknown", 404, 0, "", "There is no such action.") \
    ROW(LIMIT, "limit-invalid", 422, 0, "", "") \
    ROW(PAGE, "page-invalid", 422, 0, "", "") \
    ROW(PAGE_FROM, "page-invalid", 422, 0, "", "from is what the part before has named.") \
    ROW(RATE, "rate-invalid", 422, 0, "", "") \
    ROW(SEATS_LEFT, "seats-left-invalid", 422, 0, "", "") \
    ROW(SEATS_FEED_OFF, "seats-feed-off", 409, 0, "", \
        "The knob seats_left is off for this event.") \
    ROW(CODES, "codes-invalid", 422, 0, "", "") \
    ROW(CODES_FULL, "codes-full", 409, 0, "", "") \
    ROW(DOCUMENT_LARGE, "document-too-large", 413, 0, "", "") \
    ROW(REFERENCE_MISTYPED, "reference-unknown", 404, 0, "", \
        "The reference is mistyped: its check letter does not fit.") \
    ROW(REFERENCE_UNKNOWN, "reference-unknown", 404, 0, "", \
        "No such reference was given at this event.") \
    /* operators: versions and moves */ \
    ROW(IF_MATCH_MISSING, "if-match-missing", 428, 0, "", \
        "Name the version that is meant: If-Match with the ETag of the event.") \
    ROW(IF_MATCH, "version-mismatch", 412, 0, "", "If-Match is no version of this event.") \
    ROW(CONFLICT, "version-mismatch", 412, 0, "", "The event was changed meanwhile.") \
    ROW(VERSION, "version-mismatch", 412, 0, "", \
        "The event was changed meanwhile. Read it again before you change it.") \
    ROW(DOCUMENT, "document-unreadable", 503, FRONT_SHUT_RETRY_S, "", "") \
    ROW(DOCUMENT_NEWER, "document-newer", 409, 0, "", \
        "A newer program has set knobs that this one does not know, and would lose them. Change the " \
        "event there.") \
    ROW(TOO_MANY_EVENTS, "too-many-events", 409, 0, "", "") \
    ROW(BEING_DELETED, "event-being-deleted", 409, 0, "", \
        "The event that had this id is being deleted; try again in a moment.") \
    ROW(ILLEGAL, "illegal-transition", 409, 0, "", "") \
    ROW(NO_PRE_QUEUE, "no-pre-queue", 409, 0, "", "There is no pre-queue to draw from.") \
    ROW(OPENS_AT_MISSING, "opens-at-missing", 409, 0, "", \
        "Set opens_at first: a scheduled event opens by itself then.") \
    ROW(NOTHING_TO_UNDO, "nothing-to-undo", 409, 0, "", \
        "The newest version is not the work of an operator's last act.") \
    ROW(UNDO_IMPOSSIBLE, "undo-impossible", 409, 0, "", "") \
    /* operators: the draw, the end and what comes after */ \
    ROW(DRAWN, "already-drawn", 409, 0, "", \
        "The draw was made, and there is only one. GET fairness tells it.") \
    ROW(BEACON_NOT_YET, "beacon-not-yet", 409, 0, "", "") \
    ROW(BEACON_MISSING, "beacon-missing", 409, 0, "", "") \
    ROW(BEACON_UNPROMISED, "beacon-not-promised", 409, 0, "", \
        "No beacon was promised, and one that nobody expects proves nothing.") \
    ROW(SEED_KEY, "seed-key-missing", 409, 0, "", "") \
    ROW(NOT_CLOSED_RUNNING, "event-not-closed", 409, 0, "", \
        "It is not closed. ?running=true archives it as it stands.") \
    ROW(NOT_CLOSED_ARCHIVE, "event-not-closed", 409, 0, "", "Only what is closed can be archived.") \
    ROW(NOT_CLOSED_DELETE, "event-not-closed", 409, 0, "", \
        "Only what is closed, or never was more than a draft, can be deleted.") \
    ROW(NOT_ARCHIVED, "event-not-archived", 409, 0, "", \
        "This version of the event was not archived. ?unarchived=true deletes it all the same.") \
    ROW(EVENT_EXISTS, "event-exists", 409, 0, "", \
        "There is another event of this id, and it stays as it is.") \
    ROW(ARCHIVE_UNREADABLE, "archive-unreadable", 422, 0, "", "") \
    ROW(ARCHIVE_FORMAT, "archive-format-unknown", 422, 0, "", "") \
    ROW(ARCHIVE_INCOMPLETE, "archive-incomplete", 422, 0, "", "") \
    ROW(ARCHIVE_TAMPERED, "archive-tampered", 422, 0, "", "") \
    ROW(ARCHIVE_KEY, "archive-key-missing", 409, 0, "", "") \
    ROW(ARCHIVE_OF_ANOTHER, "archive-of-another", 409, 0, "", "") \
    ROW(DRAW_UNKNOWN, "draw-unknown", 409, 0, "", \
        "It was archived before its draw, which has come due since. If the draw was held, a later " \
        "archive has it. ?redraw=true holds it again, with other places for everybody.")
/* clang-format on */

enum refusal {
#define ROW(NAME, CODE, STATUS, RETRY_S, NOTICE, DETAIL) REFUSAL_##NAME,
    REFUSALS(ROW)
#undef ROW
        REFUSAL_COUNT
};

#endif
