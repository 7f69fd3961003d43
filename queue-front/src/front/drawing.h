/* drawing.h: the second half of a draw. Redis has closed the entries by its clock; a front makes
 * the seeds, waits for the beacon's value, believes it if it fits what was promised and its check
 * passed, and has the line drawn and opened in one step. Every process's first loop does this for
 * every waiting event. The first one to finish decides, and any other would have brought the same.
 *
 * A value that does not come within what was promised (late_s) is gone without: the seed alone
 * decides, and the proof says so. */
#ifndef FG_QUEUE_FRONT_DRAWING_H
#define FG_QUEUE_FRONT_DRAWING_H

#include "front/front.h"

enum { DRAWING_BYTES_MAX = 28 * 1024 }; /* a proof, escaped once more, and five seeds */

/* What the settings say of beacons, judged. */
int drawings_sources(const struct front_config *config, struct err_slot *err,
                     struct beacon_sources *out);

/* To be called often; does nothing unless the event's entries are closed and no draw is made. */
void drawing_look(struct front *front, struct front_line *event);
void drawing_forget(struct front_line *event); /* it is let go */

/* What a draw needs, as line_admin.draw. False: the key that the seeds were sealed with is not
 * there. `proof` is JSON. */
bool drawing_put(const struct front *front, const struct front_line *event, struct span beacon,
                 struct span proof, struct text *out);

/* The proof of a value that the operator named, or of none. */
void drawing_put_said(struct text *out, const struct beacon *beacon, bool named);

#endif
