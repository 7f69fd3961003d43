/* draw_seal.h: keeps the seeds of a draw secret until the draw. A seed is derived from the
 * operator's key, which fronts read from a file, and from a salt, which the store keeps with the
 * event and the hashes of the seeds. So neither the store nor its backups nor an event's document
 * contain a seed before the draw writes it. */
#ifndef FG_QUEUE_FRONT_CORE_DRAW_SEAL_H
#define FG_QUEUE_FRONT_CORE_DRAW_SEAL_H

#include "base/rng.h"
#include "base/text.h"
#include "core/line/line.h"
#include "crypto/mac.h"

enum {
    DRAW_SEAL_VERSION = 1,
    /* "1 255 SALT HASH HASH HASH HASH HASH" */
    DRAW_SEAL_LEN_MAX = 8 + 65 + (1 + LANES_MAX) * (1 + 2 * DRAW_COMMITMENT_BYTES),
};

/* A new seal by the ring's first key; the salt comes from `rng`. */
void draw_seal_make(const struct mac_ring *keys, struct span event, const struct rng *rng,
                    struct draw_seal *out);

/* The seed of the event's line (0) or of a lane. False: the key is not in the ring, or another key
 * has its number. Only a seed that matches its commitment is returned. */
bool draw_seal_open(const struct mac_ring *keys, const struct draw_seal *seal, struct span event,
                    unsigned lane, uint8_t seed[DRAW_SEED_BYTES]);

void draw_seal_put(struct text *out, const struct draw_seal *seal);
bool draw_seal_parse(struct span text, struct draw_seal *out);

/* The commitment of this line. False: none yet. */
bool draw_seal_commitment(const struct line_view *line, uint8_t out[DRAW_COMMITMENT_BYTES]);

#endif
