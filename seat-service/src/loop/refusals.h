/* refusals.h: seat-service's HTTP refusals (RFC 9457), apart from the engine's verdicts
 * (core/engine/verdicts.h). Each row gives the enum constant and the response (call.h).
 * openapi.yaml lists the codes, and the hall's page has texts for those that visitors can get
 * (web/text.*): tests compare both with this list.
 *
 * ROW(NAME, code, status, seconds in Retry-After or 0, TEXT, detail). TEXT is the prefix of the
 * page's text, error or gone (the visit is over), or NONE. An empty detail is set by the caller,
 * with data of the request. Rows may share a code if clients need not tell them apart. */
#ifndef FG_SEAT_SERVICE_REFUSALS_H
#define FG_SEAT_SERVICE_REFUSALS_H

#include "journal/journal.h"
#include "pace/tally.h"

enum { REFUSAL_MINUTE_S = TALLY_MINUTE_MS / 1000 }; /* at most: it began with the first of them */

/* clang-format off */
/* The process serves nothing, or not this event; the reason is the journal's. */
#define REFUSALS_AWAY(ROW, NAME, CODE, AWAY) ROW(AWAY_##NAME, CODE, 503, 1, NONE, AWAY)

#define REFUSALS(ROW) \
    /* the event */ \
    ROW(EVENT_UNKNOWN, "event-unknown", 404, 0, ERROR, "there is no such event here") \
    ROW(EVENT_OUT, "event-out", 503, 1, ERROR, "this event is not served at the moment") \
    JOURNAL_REASONS(REFUSALS_AWAY, ROW) \
    ROW(BEHIND, "standby-behind", 503, 1, NONE, \
        "this instance follows the event's owner and is not up to date at the moment") \
    ROW(EVENT_ASLEEP, "event-asleep", 503, 1, NONE, \
        "nobody has asked for this event for a while: it is being opened; try again") \
    ROW(EVENTS_HOT, "events-full", 503, 5, NONE, \
        "as many events as there may be are in use; this one has to wait") \
    ROW(EVENT_ELSEWHERE, "event-elsewhere", 421, 0, NONE, "") \
    /* the pass */ \
    ROW(PASS_MISSING, "pass-missing", 401, 0, GONE, "an admission pass is needed") \
    ROW(PASS_INVALID, "pass-invalid", 401, 0, GONE, \
        "this pass was not issued by the waiting room") \
    ROW(PASS_FOREIGN, "pass-foreign", 401, 0, GONE, "this pass is for another event") \
    ROW(PASS_EXPIRED, "pass-expired", 401, 0, GONE, "this pass has expired") \
    ROW(PASS_ENDED, "pass-ended", 401, 0, GONE, "the session of this pass has ended") \
    ROW(EVENT_RENEWED, "event-renewed", 401, 0, GONE, \
        "this pass is for an earlier event of the same name") \
    ROW(PASS_UNREAD, "overloaded", 503, 1, ERROR, \
        "there was no memory to read the pass; try again") \
    ROW(KEYS_MISSING, "keys-missing", 503, 1, NONE, \
        "the waiting room's keys are not available yet") \
    /* overload */ \
    ROW(PASSES_WRONG, "too-many-wrong-passes", 429, REFUSAL_MINUTE_S, ERROR, \
        "too many wrong passes came from this address") \
    ROW(CODES_WRONG, "too-many-codes", 429, REFUSAL_MINUTE_S, ERROR, \
        "too many wrong codes came from this session") \
    ROW(REQUESTS, "too-many-requests", 429, 1, ERROR, "this session sends too many requests") \
    ROW(EVENTS_OF_ADDRESS, "too-many-requests", 429, 1, ERROR, \
        "this address uses too many events at once") \
    ROW(KEYED_REQUESTS, "overloaded", 503, 1, ERROR, "too many requests are under way") \
    ROW(CHANGES, "overloaded", 503, 1, ERROR, "too many changes are waiting; try again") \
    ROW(STREAMS_OF_SESSION, "too-many-streams", 429, 5, NONE, \
        "this session has too many streams open") \
    ROW(STREAMS, "overloaded", 503, 1, ERROR, "no stream can be opened") \
    ROW(ENDINGS, "overloaded", 503, 1, ERROR, "too many sessions are being ended; try again") \
    ROW(IMPORTS, "overloaded", 503, 1, ERROR, "another import is under way") \
    ROW(MEMORY, "overloaded", 503, 1, ERROR, "") \
    ROW(EXPORTS, "overloaded", 503, 1, ERROR, "another export is under way") \
    ROW(DOCUMENTS, "overloaded", 503, 1, ERROR, "documents are being read by others") \
    ROW(ACTS, "overloaded", 503, 1, ERROR, "the trail is being read by others") \
    /* invalid requests */ \
    ROW(JSON, "bad-json", 400, 0, NONE, "") \
    ROW(FIELD, "bad-field", 422, 0, NONE, "") \
    ROW(SEAT_UNKNOWN, "seat-unknown", 422, 0, NONE, "there is no such seat") \
    ROW(CODE_UNKNOWN, "code-unknown", 422, 0, ERROR, "this is not a code of this event") \
    ROW(FORM, "bad-form", 422, 0, NONE, "form is seats or rows") \
    ROW(SINCE, "bad-since", 422, 0, NONE, "since must be a version that was sent before") \
    ROW(OCTETS_ONLY, "octets-only", 406, 0, NONE, \
        "this hall is too large for JSON: ask for application/octet-stream") \
    ROW(HOLD_UNKNOWN, "hold-unknown", 404, 0, ERROR, "there is no such hold") \
    ROW(IDEM_KEY, "bad-idempotency-key", 422, 0, NONE, "an Idempotency-Key has 1 to 255 bytes") \
    ROW(IDEM_REUSED, "idempotency-key-reused", 422, 0, NONE, \
        "this Idempotency-Key came with another body") \
    ROW(IDEM_RUNNING, "request-in-progress", 409, 0, ERROR, \
        "the first request is not answered yet") \
    /* not durable */ \
    ROW(NO_JOURNAL, "journal-unavailable", 503, 1, NONE, \
        "nothing can be made durable right now; try again") \
    ROW(UNWRITTEN, "journal-unavailable", 503, 1, NONE, \
        "this could not be made durable and has not been done; try again") \
    ROW(OUTCOME_UNKNOWN, "outcome-unknown", 503, 1, ERROR, \
        "it is not known whether this was done; ask again with the same key") \
    ROW(ENDING_UNWRITTEN, "journal-unavailable", 503, 1, NONE, \
        "the session is shut out, but that is not durable yet; try again") \
    ROW(UNFINISHED, "outcome-unknown", 503, 1, ERROR, \
        "this process is ending, and whether this was done is not known; look before you repeat it") \
    /* checkout and operators */ \
    ROW(ACTION_UNKNOWN, "action-unknown", 404, 0, NONE, \
        "a hold is extended, confirmed, released or refunded") \
    ROW(EVENT_ID, "bad-event-id", 422, 0, NONE, \
        "an event's id is 1 to 64 letters a-z, digits and hyphens") \
    ROW(PLAN, "bad-plan", 422, 0, NONE, "") \
    ROW(EVENT_EXISTS, "event-exists", 409, 0, NONE, "there is an event with that id") \
    ROW(EVENT_DIFFERS, "event-exists", 409, 0, NONE, \
        "there is an event with that id, made from another document; If-Match with its ETag " \
        "corrects it") \
    ROW(DOCUMENT_CHANGED, "version-mismatch", 412, 0, NONE, \
        "If-Match does not name the event's document; read it again") \
    ROW(CORRECTION, "correction-refused", 409, 0, NONE, \
        "the document changes what has to stay") \
    ROW(CORRECTION_UNWRITTEN, "journal-unavailable", 503, 1, NONE, \
        "the correction could not be written and was not made; try again") \
    ROW(CORRECTION_UNKNOWN, "outcome-unknown", 503, 1, NONE, \
        "it is not known whether the correction was made; read the event") \
    ROW(EVENTS_FULL, "events-full", 409, 0, NONE, "") \
    ROW(IMPORT_UNWRITTEN, "journal-unavailable", 503, 1, NONE, \
        "the event could not be written; try again") \
    ROW(IMPORT_NOT_OPEN, "journal-unavailable", 503, 1, NONE, \
        "the event was created but is not open yet; ask again") \
    ROW(MOVES, "overloaded", 503, 1, NONE, "another event is being moved") \
    ROW(NOT_SHARED, "not-shared", 409, 0, NONE, \
        "one process has all events here, and others follow it: there is nowhere to move them") \
    ROW(NOT_MOVED, "not-moved", 409, 0, NONE, \
        "no process of that name was ready for the event, which stays where it is") \
    ROW(MOVE_UNWRITTEN, "journal-unavailable", 503, 1, NONE, \
        "the move could not be written; try again") \
    ROW(FORMAT, "bad-format", 422, 0, NONE, "format is csv or json") \
    ROW(LIMIT, "bad-limit", 422, 0, NONE, "limit is a number of seats, 1 to 1000000") \
    ROW(AFTER, "seat-unknown", 422, 0, NONE, "after is a seat or a hold of this event") \
    ROW(BEFORE, "bad-before", 422, 0, NONE, "before is the seq of an act") \
    ROW(SOLD_UNREADABLE, "journal-unavailable", 503, 1, NONE, \
        "the sold seats cannot be read right now") \
    ROW(ACTS_UNREADABLE, "journal-unavailable", 503, 1, NONE, \
        "the trail cannot be read right now")
/* clang-format on */

enum refusal_text { REFUSAL_TEXT_NONE, REFUSAL_TEXT_ERROR, REFUSAL_TEXT_GONE };

enum refusal {
#define ROW(NAME, CODE, STATUS, RETRY_S, TEXT, DETAIL) REFUSAL_##NAME,
    REFUSALS(ROW)
#undef ROW
        REFUSAL_COUNT
};

#endif
