/* outbox.h: messages that wait in the database (pay.outbox) until their receiver accepts them; each
 * is delivered at least once. An outbox claims its rows, pauses, puts back, gives up and counts. A
 * kind (messages to the shop, or mails) writes a message, sends it and reports the outcome. */
#ifndef FG_PAY_OUTBOX_H
#define FG_PAY_OUTBOX_H

#include "core/checkout/order.h"
#include "login/users.h"
#include "observe/tracer.h"
#include "outcall/outcall.h"
#include "pg/pg_pool.h"
#include "settings.h"
#include "web/site.h"

enum outbox_end {
    OUTBOX_SENT,
    OUTBOX_LATER,    /* retry, with growing pauses */
    OUTBOX_REFUSED,  /* counts against the message, or in a streak becomes OUTBOX_HELD */
    OUTBOX_GIVEN_UP, /* never retried, unless an operator sends it again */
    OUTBOX_PAUSED,   /* all wait this long; not counted as a try */
    OUTBOX_HELD,     /* we were refused: all wait, ever longer, then one goes alone; no try */
    OUTBOX_ENDS
};

struct outbox_conf { /* all borrowed until outbox_close() */
    struct pg_pool *pg;
    struct users *users; /* NULL: no address can be looked up, so mails wait */
    struct outcalls *outcalls;
    const struct settings *settings;
    const struct site *site;              /* its texts */
    const char *shop_key, *mail_password; /* current */
    uint32_t shop_per_s;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    struct tracer *tracer; /* NULL: not traced */
};

struct outbox;
struct outbox_kind;
extern const struct outbox_kind shop_letters, mails;

int outbox_create(const struct outbox_kind *kind, const struct outbox_conf *conf,
                  struct err_slot *err, struct outbox **out);
/* Limits messages to the shop to this many per second from now on. */
void outbox_use_pace(struct outbox *outbox, uint32_t shop_per_s);
void outbox_tick(struct outbox *outbox); /* every 100 ms */
void outbox_close(struct outbox *outbox);
const _Atomic uint64_t *outbox_count(const struct outbox *outbox, enum outbox_end end);

/* ---- for a kind ---- */

/* The first member of a kind's message. The kind fills in what follows `state`. */
struct outbox_item {
    uint32_t magic;
    enum outbox_end end;
    struct outbox *outbox;
    const struct outbox_conf *conf;
    void *state; /* from create() */
    uint64_t id;
    uint32_t tries, retry_max_ms;
    char order[ORDER_ID_MAX], kind[32]; /* "completed", "moved-2" */
    struct tracer_work work;
};

struct outbox_kind {
    uint16_t box;                /* an outbox_box */
    const char *name;            /* of its spans */
    const char *item, *given_up; /* the log's word for a message, and for giving one up */
    uint32_t under_way_max, retry_first_ms;
    size_t item_size;
    uint8_t counted_as[OUTBOX_ENDS];
    int (*create)(const struct outbox_conf *conf, struct err_slot *err, void **state);
    void (*destroy)(void *state);
    /* False: not configured, so all wait. `back_ms`: see store/look.h. */
    bool (*take)(const struct outbox_conf *conf, uint32_t most, uint64_t back_ms,
                 pg_on_done *on_taken, void *ctx);
    uint64_t (*late_us)(const PGresult *rows, int row); /* since when a row was due */
    void (*send)(struct outbox_item *item, const PGresult *rows, int row);
};

/* Begins the span of a try; its parent is `above`. */
void outbox_sending(struct outbox_item *item, struct span above, char below[TRACE_TEXT_LEN + 1]);
/* Call it first in each callback. False: the outbox is closed, and the item was freed. */
bool outbox_goes_on(struct outbox_item *item);
/* The receiver's answer, for the span; status 0: none. */
void outbox_answered(struct outbox_item *item, bool taken, unsigned status);
/* Stores the end, then frees the item. */
void outbox_end(struct outbox_item *item, enum outbox_end end, const char *why);
void outbox_pause(struct outbox_item *item, uint32_t wait_ms, const char *why);

#endif
