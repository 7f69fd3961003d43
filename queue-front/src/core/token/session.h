/* session.h: the name of one admitted visit. The same ticket always gives the same name, on any
 * front and across a rotation of keys, so a repeated pass is the same visit. The name contains the
 * place, so ending a session needs no lookup.
 *
 *     EVENT.PLACE.TAIL      my-concert.4711.AQECAwQFBgcI...
 *
 * TAIL is base64url of key id, visitor id, tag of the event's incarnation and a MAC over all of
 * it. */
#ifndef FG_QUEUE_FRONT_CORE_SESSION_H
#define FG_QUEUE_FRONT_CORE_SESSION_H

#include "core/token/ticket.h"

#define SESSION_PLACE_MAX ((UINT64_C(1) << 36) - 1)

enum {
    SESSION_TAIL_LEN = 38,
    SESSION_LEN_MAX = LINE_EVENT_ID_MAX + 1 + 15 + 1 + SESSION_TAIL_LEN,
};

struct session {
    struct span event; /* borrowed from the parsed text */
    uint64_t place;    /* line_place_of() */
    uint32_t tag;      /* of the incarnation */
    uint8_t visitor[LINE_VISITOR_BYTES];
};

/* Appends the session of a ticket that ticket_parse() read with this ring. `place` is its position,
 * with the lane. */
void session_put(struct text *out, const struct mac_ring *ring, struct span event,
                 const struct ticket *ticket, uint64_t place);

/* ERR_SYNTAX: not a session name; ERR_AUTH: forged. */
int session_parse(const struct mac_ring *ring, struct span text, struct session *out);

#endif
