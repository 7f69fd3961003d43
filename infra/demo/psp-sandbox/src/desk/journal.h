/* journal.h: the append-only file of what has happened: calls, and what became of webhooks. Read
 * once at the start, then written in groups: all records of the time in which one write was under
 * way go with the next.
 *
 * One loop. Nobody is told "written" before the bytes are with the kernel (or, if so configured, on
 * the disk): a kill -9 loses nothing that was answered. */
#ifndef FG_PSP_SANDBOX_JOURNAL_H
#define FG_PSP_SANDBOX_JOURNAL_H

#include "bank/bank.h"

#include <uv.h>

struct journal;

/* A webhook is over: confirmed, or given up. */
struct journal_delivery {
    bool notice; /* of Toss's list; otherwise of the events */
    bool confirmed;
    uint32_t event;
    uint32_t endpoint;
};

struct journal_conf {
    uv_loop_t *loop;
    const char *path; /* made if it is not there; its folder is */
    bool fsync;
    /* While journal_open() reads; the spans live as long as the call of the function. */
    void (*on_call)(void *ctx, const struct call *call);
    void (*on_delivery)(void *ctx, const struct journal_delivery *delivery);
    /* The file cannot be written any more: what was promised cannot be kept. */
    void (*on_broken)(void *ctx, const struct err_slot *err);
    void *ctx;
};

/* Reads the file (blocking), cuts off a record that was broken in the middle at its end, and
 * stands ready to append. ERR_SYNTAX: not a journal, or damaged before its end. */
int journal_open(const struct journal_conf *conf, struct err_slot *err, struct journal **out);

/* on_written is called later, on the loop; never after on_broken. */
void journal_call(struct journal *journal, const struct call *call, void (*on_written)(void *ctx),
                  void *ctx);
void journal_delivery(struct journal *journal, const struct journal_delivery *delivery);

uint64_t journal_bytes(const struct journal *journal);
/* No on_written is called from here on; what was handed over is still written. */
void journal_close(struct journal *journal);

#endif
