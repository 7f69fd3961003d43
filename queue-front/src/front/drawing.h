/* drawing.h: the second half of a draw. Redis has closed the entries by its clock. A front makes
 * the seeds, waits for the beacon's value, accepts it if it matches the promise and passes its
 * check, and has the line drawn and opened in one step. Every process's first loop does this for
 * every waiting event. The first to finish decides; any other would have had the same result.
 *
 * A value that does not come within the promised time (late_s) is not used: the seed alone decides,
 * and the proof says so. */
#ifndef FG_QUEUE_FRONT_DRAWING_H
#define FG_QUEUE_FRONT_DRAWING_H

#include "front/front.h"

enum { DRAWING_BYTES_MAX = 28 * 1024 }; /* a proof, escaped twice, and five seeds */

/* The beacon settings, validated. */
int drawings_sources(const struct front_config *config, struct err_slot *err,
                     struct beacon_sources *out);

/* Call often; does nothing unless the event's entries are closed and no draw is made. */
void drawing_look(struct front *front, struct front_line *event);
void drawing_forget(struct front_line *event); /* the event is being freed */

/* The arguments of a draw, as line_admin.draw. False: the key that sealed the seeds is missing.
 * `proof` is JSON. */
bool drawing_put(const struct front *front, const struct front_line *event, struct span beacon,
                 struct span proof, struct text *out);

/* The proof for a value that the operator named, or for no value. */
void drawing_put_said(struct text *out, const struct beacon *beacon, bool named);

#endif
