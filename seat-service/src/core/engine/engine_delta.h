/* engine_delta.h: types read from a picture of the hall, shared by engine.h and avail.h. */
#ifndef FG_SEAT_CORE_ENGINE_DELTA_H
#define FG_SEAT_CORE_ENGINE_DELTA_H

#include <stdint.h>

struct engine_delta {
    uint32_t seat;
    uint8_t state; /* enum engine_seat_state */
};

struct engine_count {
    uint32_t free, held, sold, blocked;
};

#endif
