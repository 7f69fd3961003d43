/* panic.h: what a program says before it ends because it found itself wrong: by a failed assert()
 * (panic.c has __assert_fail), BUG_STOP(), or a magic that does not fit. One block goes to standard
 * error; there is no core, which would hold keys.
 *
 * A describe function runs in a program that is broken. It takes no locks and no memory, waits for
 * nothing, and puts nothing that came from a visitor or opens a door: strangers read it. */
#ifndef FG_SYSTEM_PANIC_H
#define FG_SYSTEM_PANIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Noreturn void panic(const char *what, const char *file, unsigned line, const char *function);

/* Call it at the start of main(): literals for the block. Also prepares the backtrace, which loads
 * a library the first time. */
void panic_program(const char *name, const char *version);

struct panic_text; /* where a describe function writes; lines of "key: value" */

void panic_put(struct panic_text *text, const char *key, const char *value);
/* At most 64 bytes; unprintable ones become '.'. */
void panic_put_bytes(struct panic_text *text, const char *key, const char *bytes, size_t len);
void panic_put_u64(struct panic_text *text, const char *key, uint64_t value);
void panic_put_bool(struct panic_text *text, const char *key, bool value);

typedef void panic_describe(struct panic_text *text, const void *ctx);

struct panic_work {
    panic_describe *describe; /* NULL: none was registered */
    const void *ctx;
};

extern _Thread_local struct panic_work panic_work_now;

/* Returns the thread's previous work, to be passed to panic_work_end(). Cheap enough for each
 * request. */
static inline struct panic_work panic_work_begin(panic_describe *describe, const void *ctx)
{
    struct panic_work before = panic_work_now;
    panic_work_now = (struct panic_work){describe, ctx};
    return before;
}

static inline void panic_work_end(struct panic_work before)
{
    panic_work_now = before;
}

/* Call it before this ctx is freed. */
static inline void panic_work_gone(const void *ctx)
{
    if (panic_work_now.ctx == ctx)
        panic_work_now = (struct panic_work){NULL, NULL};
}

/* Receives BUG_WARN() messages; NULL: standard error. Set before threads that warn start. */
void panic_warn_to(void (*report)(void *ctx, const char *what, const char *file, unsigned line),
                   void *ctx);
void panic_warn(const char *what, const char *file, unsigned line);

#endif
