/* journal.h: the append-only file of calls and of the outcomes of webhooks. It is read once at the
 * start. A record is with the kernel (or, if so configured, on the disk) when journal_call()
 * returns: a kill -9 loses nothing that was answered. */
#ifndef FG_PSP_SANDBOX_JOURNAL_H
#define FG_PSP_SANDBOX_JOURNAL_H

#include "bank/bank.h"

struct journal;

/* A webhook is done: confirmed, or given up on. */
struct journal_delivery {
    bool notice; /* of Toss's list; otherwise of the events */
    uint32_t event;
};

struct journal_conf {
    const char *path; /* created if missing; its folder must exist */
    bool fsync;
    /* While journal_open() reads; the spans live as long as the call of the function. */
    void (*on_call)(void *ctx, const struct call *call);
    void (*on_delivery)(void *ctx, const struct journal_delivery *delivery);
    void *ctx;
};

/* Reads the file, cuts off an incomplete record at its end, and is ready to append. ERR_SYNTAX: not
 * a journal, or damaged before its end. */
int journal_open(const struct journal_conf *conf, struct err_slot *err, struct journal **out);

/* After an error nothing that has happened since may be answered. */
int journal_call(struct journal *journal, const struct call *call, struct err_slot *err);
int journal_delivery(struct journal *journal, const struct journal_delivery *delivery,
                     struct err_slot *err);

uint64_t journal_bytes(const struct journal *journal);
void journal_close(struct journal *journal);

#endif
