/* ticket.h: a place in a line, carried by the visitor. The server stores nothing of it: any front
 * with the keys can read it, and a million tickets cost Redis nothing.
 *
 * 60 characters of base64url: version, key id, number of moves, entry, time of issue, visitor id,
 * the promised wait, the event's incarnation, and a MAC over all of these and the event's id, so
 * that a ticket of one event is worthless at another. */
#ifndef FG_QUEUE_FRONT_CORE_TICKET_H
#define FG_QUEUE_FRONT_CORE_TICKET_H

#include "base/text.h"
#include "core/line/line.h"
#include "crypto/mac.h"

enum { TICKET_LEN = 60, TICKET_WAIT_MAX_S = (1 << 20) - 1 };

#define TICKET_ENTRY_MAX UINT64_C(0xFFFFFFFF)

struct ticket {
    uint8_t lane;
    uint32_t tag;   /* line_tag() of the event's incarnation */
    uint64_t entry; /* 1..TICKET_ENTRY_MAX; see place_position() */
    uint32_t issued_s;
    /* How often the place had moved to another device when this ticket was made. The ticket with
     * the highest number is the valid one. */
    uint8_t moves;
    bool member; /* `visitor` is a member: nobody else can enter with this ticket */
    uint8_t visitor[LINE_VISITOR_BYTES];
    /* The promised wait, in whole seconds; p90_s 0: none. So each visitor's promise is known when
     * they enter, without being stored. */
    uint32_t p50_s, p90_s; /* at most TICKET_WAIT_MAX_S */
    uint16_t issued_ms;    /* of the second of issue; kept to 4 ms */
    uint8_t key_id;        /* of the signing key; ticket_put() ignores it */
};

/* Appends TICKET_LEN characters, signed with the ring's current key. */
void ticket_put(struct text *out, const struct mac_ring *ring, struct span event,
                const struct ticket *ticket);

/* ERR_SYNTAX: not a ticket; ERR_AUTH: forged, or for another event; ERR_TIMEOUT: older than
 * `lifetime_s`. Writes *out only on success. Allocates nothing. */
int ticket_parse(const struct mac_ring *ring, struct span event, struct span text, uint64_t now_s,
                 uint64_t lifetime_s, struct ticket *out);

#endif
