/* journal.h: the append-only file of calls and of the outcomes of webhooks. It is
 * read once at the start and then written in groups: records that arrive during one write go with
 * the next.
 *
 * One loop. "Written" is reported only once the bytes are with the kernel (or, if so configured, on
 * the disk): a kill -9 loses nothing that was answered. */
#ifndef FG_PSP_SANDBOX_JOURNAL_H
#define FG_PSP_SANDBOX_JOURNAL_H

#include "bank/bank.h"

#include <uv.h>

struct journal;

/* A webhook is done: confirmed, or given up on. */
struct journal_delivery {
    bool notice; /* of Toss's list; otherwise of the events */
    bool confirmed;
    uint32_t event;
    uint32_t endpoint;
};

struct journal_conf {
    uv_loop_t *loop;
    const char *path; /* created if missing; its folder must exist */
    bool fsync;
    /* While journal_open() reads; the spans live as long as the call of the function. */
    void (*on_call)(void *ctx, const struct call *call);
    void (*on_delivery)(void *ctx, const struct journal_delivery *delivery);
    /* The file cannot be written any more: what was promised cannot be kept. */
    void (*on_broken)(void *ctx, const struct err_slot *err);
    void *ctx;
};

/* Reads the file (blocking), cuts off an incomplete record at its end, and is ready to append.
 * ERR_SYNTAX: not a journal, or damaged before its end. */
int journal_open(const struct journal_conf *conf, struct err_slot *err, struct journal **out);

/* on_written is called later, on the loop; never after on_broken. */
void journal_call(struct journal *journal, const struct call *call, void (*on_written)(void *ctx),
                  void *ctx);
void journal_delivery(struct journal *journal, const struct journal_delivery *delivery);

uint64_t journal_bytes(const struct journal *journal);
/* From now on on_written is not called; what was handed over is still written. */
void journal_close(struct journal *journal);

#endif
