/* panic.c: the block, written by a program that cannot be trusted any more.
 *
 * So it trusts little. It takes no lock and no memory: each line is made in a small buffer on the
 * stack and written at once, the most useful lines first, so that whatever goes wrong further down
 * takes only the lines below with it. Four things can go wrong, and each has its answer:
 *
 *   a describe function fails as well   the second panic says one line and aborts
 *   two threads fail together           the first writes, the others wait for its abort
 *   nobody reads standard error         writing is given up after a second
 *   something hangs                     an alarm ends the process
 *
 * assert() calls __assert_fail(), which the C library has. The one here comes first in the order of
 * linking, so every assert of the program and of its libraries ends in the block. Its first lines
 * keep the C library's own words, for which people and scripts look. */
#include "system/panic.h"

#include "system/system.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAS_BACKTRACE 1
#else
#define HAS_BACKTRACE 0
#endif

enum {
    LINE_MAX_LEN = 512,
    VALUE_MAX = 64,
    FRAMES_MAX = 48,    /* deeper is recursion, and the first ones suffice */
    PATIENCE_MS = 1000, /* for the reader of standard error */
    ALARM_S = 5,
};

struct panic_text {
    char line[LINE_MAX_LEN];
    size_t len;
    bool is_within; /* the request: its lines are indented */
    bool deaf;      /* the reader is stuck: nothing more is written */
};

_Thread_local struct panic_work panic_work_now;

static struct {
    const char *name;
    const char *version;
    atomic_bool begun;
    void (*report)(void *ctx, const char *what, const char *file, unsigned line);
    void *report_ctx;
} program;

/* One byte stays free for the line feed. */
static void put(struct panic_text *text, const char *bytes, size_t len)
{
    size_t room = sizeof(text->line) - 1 - text->len;
    size_t taken = len < room ? len : room;
    memcpy(text->line + text->len, bytes, taken);
    text->len += taken;
}

static void put_str(struct panic_text *text, const char *str)
{
    if (str == NULL)
        str = "?";
    put(text, str, strlen(str));
}

static void put_u64(struct panic_text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(text, digits + at, sizeof(digits) - at);
}

static void begin_line(struct panic_text *text, const char *key)
{
    if (text->is_within)
        put_str(text, "  ");
    put_str(text, key);
    put_str(text, ": ");
}

static void end_line(struct panic_text *text)
{
    text->line[text->len++] = '\n';
    const char *at = text->line;
    while (text->len > 0 && !text->deaf) {
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
        errno = 0;
        ssize_t sent = -1;
        if (poll(&ready, 1, PATIENCE_MS) > 0)
            sent = write(STDERR_FILENO, at, text->len);
        if (sent < 0 && errno == EINTR)
            continue; /* a signal came; the alarm limits how often this can happen */
        if (sent <= 0) {
            text->deaf = true;
            break;
        }
        at += sent;
        text->len -= (size_t)sent;
    }
    text->len = 0;
}

void panic_put(struct panic_text *text, const char *key, const char *value)
{
    begin_line(text, key);
    put_str(text, value);
    end_line(text);
}

void panic_put_bytes(struct panic_text *text, const char *key, const char *bytes, size_t len)
{
    begin_line(text, key);
    for (size_t i = 0; bytes != NULL && i < len && i < VALUE_MAX; i++)
        put(text, bytes[i] >= ' ' && bytes[i] <= '~' ? &bytes[i] : ".", 1);
    if (len > VALUE_MAX)
        put_str(text, "...");
    end_line(text);
}

void panic_put_u64(struct panic_text *text, const char *key, uint64_t value)
{
    begin_line(text, key);
    put_u64(text, value);
    end_line(text);
}

void panic_put_bool(struct panic_text *text, const char *key, bool value)
{
    panic_put(text, key, value ? "yes" : "no");
}

void panic_program(const char *name, const char *version)
{
    program.name = name;
    program.version = version;
#if HAS_BACKTRACE
    void *frame;
    (void)backtrace(&frame, 1);
#endif
}

static void put_where(struct panic_text *text, const char *file, unsigned line,
                      const char *function)
{
    begin_line(text, "where");
    put_str(text, file);
    put_str(text, ":");
    put_u64(text, line);
    if (function != NULL) {
        put_str(text, ", ");
        put_str(text, function);
        put_str(text, "()");
    }
    end_line(text);
}

static void on_alarm(int number)
{
    (void)number;
    system_abort(); /* NOLINT(bugprone-signal-handler): it is abort(), which a handler may call */
}

_Noreturn void panic(const char *what, const char *file, unsigned line, const char *function)
{
    static _Thread_local bool here;
    struct panic_text text = {.len = 0};
    if (here) {
        panic_put(&text, "and while it was described", what);
        put_where(&text, file, line, function);
        system_abort();
    }
    here = true;
    /* acq_rel: one thread is the first */
    while (atomic_exchange_explicit(&program.begun, true, memory_order_acq_rel))
        pause();
    /* Whatever happens below, the process ends, and by abort(), so that its exit status shows a
     * panic and not a timeout. */
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGALRM);
    signal(SIGALRM, on_alarm);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    alarm(ALARM_S);
    begin_line(&text, "==== panic");
    put_str(&text, program.name != NULL ? program.name : program_invocation_short_name);
    put_str(&text, " ");
    put_str(&text, program.version != NULL ? program.version : "of no version");
    put_str(&text, ", process ");
    put_u64(&text, (uint64_t)getpid());
    end_line(&text);
    panic_put(&text, "what", what);
    put_where(&text, file, line, function);
#if HAS_BACKTRACE
    begin_line(&text, "backtrace (addr2line -fipe PROGRAM ADDRESS...)");
    end_line(&text);
    void *frames[FRAMES_MAX];
    int len = backtrace(frames, FRAMES_MAX);
    if (len > 1 && !text.deaf)
        backtrace_symbols_fd(frames + 1, len - 1, STDERR_FILENO);
#else
    panic_put(&text, "backtrace", "this C library has none");
#endif
    if (panic_work_now.describe == NULL) {
        panic_put(&text, "request", "none on this thread");
    } else {
        begin_line(&text, "request");
        end_line(&text);
        text.is_within = true;
        panic_work_now.describe(&text, panic_work_now.ctx);
        text.is_within = false;
    }
    begin_line(&text, "==== panic");
    put_str(&text, "the end");
    end_line(&text);
    system_abort();
}

_Noreturn void __assert_fail(const char *assertion, const char *file, unsigned line,
                             const char *function)
{
    char what[LINE_MAX_LEN - 64];
    struct panic_text text = {.len = 0};
    put_str(&text, "Assertion `");
    put_str(&text, assertion);
    if (text.len > sizeof(what) - sizeof("' failed."))
        text.len = sizeof(what) - sizeof("' failed.");
    put_str(&text, "' failed.");
    memcpy(what, text.line, text.len);
    what[text.len] = '\0';
    panic(what, file, line, function);
}

void panic_warn_to(void (*report)(void *ctx, const char *what, const char *file, unsigned line),
                   void *ctx)
{
    program.report = report;
    program.report_ctx = ctx;
}

void panic_warn(const char *what, const char *file, unsigned line)
{
    if (program.report != NULL) {
        program.report(program.report_ctx, what, file, line);
        return;
    }
    struct panic_text text = {.len = 0};
    panic_put(&text, "warning", what);
    put_where(&text, file, line, NULL);
}
