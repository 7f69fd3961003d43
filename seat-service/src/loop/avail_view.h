/* avail_view.h: an event's availability in its response formats, each built once per version and
 * shared by all requests on this loop. */
#ifndef FG_SEAT_SERVICE_AVAIL_VIEW_H
#define FG_SEAT_SERVICE_AVAIL_VIEW_H

#include "loop/loop.h"
#include "loop/mark.h"

struct avail_view;

/* engine_avail_since() for a reader whose version may come from another process and be newer than
 * the owner's last picture: then returns 0, nothing new, with *version older than `since`. A
 * version that is not from this journal has to be fetched again. */
int avail_view_since(const struct loop *loop, const struct event *event, const struct mark *since,
                     struct engine_delta *out, uint32_t room, uint64_t *version);

int avail_view_create(struct err_slot *err, struct avail_view **out);
void avail_view_destroy(struct avail_view *view);

/* Drops the forms of an event that is no longer shown. */
void avail_view_forget(struct avail_view *view, uint32_t nth);

/* All are borrowed until the loop's next turn; NULL if out of memory. Two bits a seat: */
struct http_blob *avail_view_octets(struct avail_view *view, const struct event *event,
                                    uint64_t *version);
/* For the same version, after avail_view_octets(): the gzipped octets, and a letter a seat (f h s
 * b). */
struct http_blob *avail_view_gzip(struct avail_view *view, const struct event *event);
struct http_blob *avail_view_letters(struct avail_view *view, const struct event *event);

#endif
