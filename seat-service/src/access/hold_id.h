/* hold_id.h: a hold's public name: base64url of its number and a MAC over event and number. So a
 * name cannot be guessed or forged, and its number alone is of no use to try others. */
#ifndef FG_SEAT_SERVICE_HOLD_ID_H
#define FG_SEAT_SERVICE_HOLD_ID_H

#include "base/span.h"
#include "crypto/mac.h"

#include <stdint.h>

enum { HOLD_ID_LEN = 34 };

struct hold_id {
    char text[HOLD_ID_LEN + 1]; /* NUL-terminated */
};

struct hold_id hold_id_make(const struct mac_ring *keys, struct span event, uint64_t hold);
bool hold_id_read(const struct mac_ring *keys, struct span event, struct span text, uint64_t *hold);

#endif
