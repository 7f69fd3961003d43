/* limits.h: the limits of an event's document, of visitors' input and of joins, each with its
 * reason. */
#ifndef FG_QUEUE_FRONT_CORE_LIMITS_H
#define FG_QUEUE_FRONT_CORE_LIMITS_H

enum {
    /* The operator's document: eight languages of message and a full schedule fit easily. */
    EVENT_DOC_BYTES_MAX = 24 * 1024,
    EVENT_NAME_BYTES_MAX = 160,
    EVENT_ABOUT_BYTES_MAX = 240,    /* two lines below the name, at three bytes a character */
    EVENT_MESSAGE_BYTES_MAX = 1000, /* a notice, not a page: it is sent to every waiting visitor */
    EVENT_LANGUAGES_MAX = 8,
    EVENT_SCHEDULE_MAX = 64,
    EVENT_LANE_ID_MAX = 24,
    EVENT_LANE_NAME_MAX = 80,
    EVENT_LANGUAGE_TAG_MAX = 15,  /* "zh-Hant-HK" and shorter */
    EVENT_APPEAL_BYTES_MAX = 200, /* a contact address */
    /* A reference and the contacts as JSON, in which a backslash takes two bytes. */
    EVENT_APPEALS_JSON_MAX =
        EVENT_LANGUAGES_MAX * (2 * EVENT_APPEAL_BYTES_MAX + EVENT_LANGUAGE_TAG_MAX + 8) + 64,
    IDEM_KEY_BYTES_MAX = 255, /* an Idempotency-Key: a UUID, or a client's own format */

    /* The shared status: document fields, the message in every language, prices, the table of
     * waits. */
    STATUS_BYTES_MAX = 32 * 1024,
    ME_BYTES_MAX = 768, /* for one visitor: fixed members only */

    /* Ended places that a join finds by its two names, each a lookup: one of each, and those that
     * another join got meanwhile. After that, 503. */
    JOINS_AGAIN_MAX = 4,
    /* How often a join is checked again because the event changed meanwhile: an opening is one
     * change, and an operator makes few per second. After that, 503. */
    JOINS_JUDGED_MAX = 4,

    SEATS_LEFT_MAX = 10 * 1000 * 1000, /* more than any hall */
    SEATS_PER_BUYER = 10,              /* if the feed has none: the sales maximum */
};

#endif
