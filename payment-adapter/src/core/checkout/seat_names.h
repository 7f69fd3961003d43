/* seat_names.h: the display names of an event and its seats, copied from the hold when an order is
 * made. These are words only: what is held and what it costs is in order.h. */
#ifndef FG_PAY_CORE_SEAT_NAMES_H
#define FG_PAY_CORE_SEAT_NAMES_H

#include "base/text.h"
#include "core/checkout/order.h"
#include "sale/show.h"

#include <jansson.h>

enum {
    SEAT_NAMES_EVENT_MAX = ORDER_NAME_MAX,
    SEAT_NAMES_WORD_MAX = 512,  /* of a zone, a row, a gate: 128 characters, as in a hall */
    SEAT_NAMES_RANK_MAX = 1000, /* of a category */
    /* per seat seven such words, some escaped, and the seat's id */
    SEAT_NAMES_JSON_MAX = ORDER_SEATS_MAX * (7 * SEAT_NAMES_WORD_MAX + 224 + ORDER_SEAT_MAX),
};

struct seat_names {
    char name[SEAT_NAMES_EVENT_MAX]; /* of the event; "" where the hold does not say */
    char show[SHOW_JSON_MAX];        /* an object: when and where, as far as the hold says */
    /* [{"id","zone","row","number","category","label"?,"entrance"?,"floor"?,"category_rank"?}] or
     * [] */
    char json[SEAT_NAMES_JSON_MAX];
};

void seat_names_read(const json_t *hold, struct seat_names *out);

#endif
