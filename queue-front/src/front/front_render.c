/* front_render.c: the shared status as complete answers, head included, and as a server-sent event.
 *
 * It is rendered on request if the last one is a second old, or at once after an urgent change. A
 * rendered answer is immutable and reference-counted: a new one replaces it, and answers under way
 * keep the old one. The tag is of the body, which contains nothing that changes with time alone, so
 * streams only get news. */
#include "front/front_internal.h"

#include "base/tag.h"
#include "core/wait/poll.h"
#include "core/wait/status.h"

enum {
    RENDER_US = 1000000, /* a status is at most this old */
    HEAD_BYTES_MAX = 512,
};

static uint32_t shared_poll_ms(const struct front *front, const struct front_line *event)
{
    /* Readers of the shared status poll like the middle of the line. */
    uint64_t ahead = event->view->waiting / 2;
    struct poll_ask ask = {
        .line = event->view->state,
        .place = PLACE_WAITING,
        .ahead = ahead,
        .eta = eta_at(&event->eta, ahead),
        .load_milli = front->load_milli,
    };
    return poll_after_ms(&ask) / 1000 * 1000; /* whole seconds, or the bytes would always differ */
}

static void put_head(const struct front *front, const struct front_line *event, struct text *out)
{
    TEXT_LIT(out, "Date: ");
    text_put(out, http_server_date(front->loop->server));
    TEXT_LIT(out, "\r\nCache-Control: public, max-age=1, stale-while-revalidate=1\r\nETag: ");
    text_str(out, event->tag);
    TEXT_LIT(out, "\r\n");
}

/* NULL if it did not fit or there is no memory: the answer is 503. */
static void replace_blob(struct http_blob **slot, const struct text *text)
{
    http_blob_unref(*slot);
    *slot = text->overflown ? NULL : http_blob_create(text_span(text));
}

static void put_answer(const struct front *front, struct front_line *event, const struct text *body)
{
    char memory[HEAD_BYTES_MAX + STATUS_BYTES_MAX];
    struct text text = text_on(memory, sizeof(memory));
    TEXT_LIT(&text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ");
    text_u64(&text, body->len);
    TEXT_LIT(&text, "\r\nX-Content-Type-Options: nosniff\r\n");
    put_head(front, event, &text);
    TEXT_LIT(&text, "\r\n");
    event->status_head_len = (uint32_t)text.len;
    text_put(&text, text_span(body));
    text.overflown |= body->overflown;
    replace_blob(&event->status, &text);
}

void front_render(struct front *front, struct front_line *event)
{
    uint64_t now_us = clock_mono_us(front->loop->clock);
    line_store_look(front->store, event->view, now_us);
    bool urgent = event->urgent || event->view->stale != event->was_stale;
    if (event->status != NULL && !urgent && now_us - event->rendered_us < RENDER_US)
        return;
    char memory[STATUS_BYTES_MAX];
    struct text text = text_on(memory, sizeof(memory));
    struct status_ask ask = {
        .view = event->view,
        .doc = &event->doc,
        .eta = &event->eta,
        .odds = front_odds(event),
        .lanes_len = event->doc.lanes_len,
        .poll_after_ms = shared_poll_ms(front, event),
    };
    for (uint32_t i = 0; i < ask.lanes_len; i++) {
        const struct front_line *line = front_line_in(front, event, i + 1);
        if (line != NULL)
            ask.lane[i] = (struct status_lane){line->view, &line->eta};
    }
    status_json(&text, &ask);
    event->rendered_us = now_us;
    event->urgent = false;
    struct span body = text_span(&text);
    char tag[sizeof(event->tag)] = {'"'};
    tag_write(body, tag + 1);
    tag[TAG_LEN + 1] = '"';
    if (strcmp(tag, event->tag) != 0) {
        memcpy(event->tag, tag, sizeof(tag));
        char frame_memory[STATUS_BYTES_MAX + 128];
        struct text frame = text_on(frame_memory, sizeof(frame_memory));
        status_frame(&frame, body, (struct span){tag + 1, TAG_LEN});
        frame.overflown |= text.overflown;
        replace_blob(&event->frame, &frame);
        event->unsent = true;
    }
    put_answer(front, event, &text);
    char head_memory[HEAD_BYTES_MAX];
    struct text head = text_on(head_memory, sizeof(head_memory));
    TEXT_LIT(&head, "HTTP/1.1 304 Not Modified\r\n");
    put_head(front, event, &head);
    TEXT_LIT(&head, "\r\n");
    replace_blob(&event->not_modified, &head);
}
