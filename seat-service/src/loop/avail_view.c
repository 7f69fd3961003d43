/* avail_view.c: the first request for a version copies the octets from the engine; the other two
 * forms are made from them on demand, and all are dropped with the version. A blob that is being
 * sent to a slow reader stays alive through its own reference. */
#include "loop/avail_view.h"

#include "web/squeeze.h"

#include <stdlib.h>

struct forms {
    struct http_blob *octets, *gzip, *letters;
    uint64_t version;
};

struct avail_view {
    struct forms events[EVENTS_MAX];
};

static void drop(struct forms *forms)
{
    http_blob_unref(forms->octets);
    http_blob_unref(forms->gzip);
    http_blob_unref(forms->letters);
    *forms = (struct forms){0};
}

/* An owner publishes five times a second, and other processes read what it commits in between; but
 * no reader can have more than was sent, unless the journal has lost its end. In a follower the
 * reader has waited before this (request_since()). */
int avail_view_since(const struct loop *loop, const struct event *event, const struct mark *since,
                     struct engine_delta *out, uint32_t room, uint64_t *version)
{
    int count = engine_avail_since(event->engine, since->version, out, room, version);
    bool ahead = events_is_open(event) && since->version > *version &&
                 since->version <= journal_sent(loop->conf.journal, event->nth);
    if (!mark_fits(loop, event, since))
        return -1;
    return count < 0 && ahead ? 0 : count;
}

void avail_view_forget(struct avail_view *view, uint32_t nth)
{
    drop(&view->events[nth]);
}

struct http_blob *avail_view_octets(struct avail_view *view, const struct event *event,
                                    uint64_t *version)
{
    struct forms *forms = &view->events[event->nth];
    uint64_t now = engine_avail_version(event->engine);
    if (forms->octets == NULL || forms->version != now) {
        size_t len = (plan_seat_count(event->plan->plan) + 3) / 4;
        uint8_t *bytes = malloc(len + 1);
        if (bytes != NULL) {
            drop(forms);
            forms->version = engine_avail_copy(event->engine, bytes);
            forms->octets = http_blob_create((struct span){(const char *)bytes, len});
        }
        free(bytes);
    }
    *version = forms->version;
    return forms->octets;
}

/* Fast compression: a tenth of a millisecond for a stadium, at most five times a second. Early in a
 * sale most seats are free, which compresses to almost nothing. */
struct http_blob *avail_view_gzip(struct avail_view *view, const struct event *event)
{
    struct forms *forms = &view->events[event->nth];
    if (forms->gzip == NULL && forms->octets != NULL)
        forms->gzip =
            squeeze_gzip((struct span){forms->octets->bytes, forms->octets->len}, AVAIL_LEVEL);
    return forms->gzip;
}

struct http_blob *avail_view_letters(struct avail_view *view, const struct event *event)
{
    struct forms *forms = &view->events[event->nth];
    if (forms->letters != NULL || forms->octets == NULL)
        return forms->letters;
    uint32_t seats = plan_seat_count(event->plan->plan);
    char *letters = malloc((size_t)seats + 1);
    for (uint32_t i = 0; letters != NULL && i < seats; i++)
        letters[i] = "fhsb"[(uint8_t)forms->octets->bytes[i / 4] >> (i % 4 * 2) & 3];
    if (letters != NULL)
        forms->letters = http_blob_create((struct span){letters, seats});
    free(letters);
    return forms->letters;
}

int avail_view_create(struct err_slot *err, struct avail_view **out)
{
    struct avail_view *view = calloc(1, sizeof(*view));
    if (view == NULL)
        return err_set(err, ERR_NOMEM, "a loop's availability");
    *out = view;
    return 0;
}

void avail_view_destroy(struct avail_view *view)
{
    for (uint32_t i = 0; view != NULL && i < EVENTS_MAX; i++)
        drop(&view->events[i]);
    free(view);
}
