/* steps.c: single-steps with the x86 trap flag, set and cleared in the context that a signal
 * handler returns to. Instructions of libraries are not counted: a sanitizer's may hold a lock
 * there, on which the other act would wait forever. Stepping is off under the thread sanitizer,
 * which delays signals, and under clang's sanitizers, which are part of the program's own code. */
#include "steps.h"

#include "unit.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !__has_feature(thread_sanitizer) &&    \
    !__has_feature(address_sanitizer)

enum { TRAP_FLAG = 0x100 };

static struct {
    void (*other)(void *);
    void *ctx;
    unsigned left;
    volatile bool begins, over, came;
} steps;

/* The linker's bounds of the program's own code. */
extern const char __executable_start, etext;

static bool is_own(greg_t at)
{
    return at >= (greg_t)(uintptr_t)&__executable_start && at < (greg_t)(uintptr_t)&etext;
}

static void on_trap(int number, siginfo_t *info, void *where)
{
    (void)number, (void)info;
    greg_t *regs = ((ucontext_t *)where)->uc_mcontext.gregs, *flags = &regs[REG_EFL];
    if (steps.begins) {
        steps.begins = false;
        *flags |= TRAP_FLAG;
        return;
    }
    if (!steps.over && (!is_own(regs[REG_RIP]) || --steps.left > 0))
        return;
    *flags &= ~TRAP_FLAG;
    if (steps.over)
        return;
    steps.came = true;
    steps.other(steps.ctx);
}

bool steps_until(unsigned n, void (*piece)(void *), void (*other)(void *), void *ctx)
{
    struct sigaction act = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO}, before;
    assert_true(n > 0);
    steps.other = other;
    steps.ctx = ctx;
    steps.left = n;
    steps.over = steps.came = false;
    steps.begins = true;
    assert_int_equal(sigaction(SIGTRAP, &act, &before), 0);
    raise(SIGTRAP);
    piece(ctx);
    steps.over = true; /* the trap after this ends the piece if it has not ended */
    assert_int_equal(sigaction(SIGTRAP, &before, NULL), 0);
    return steps.came;
}

static void nobody(void *ctx)
{
    (void)ctx;
}

unsigned steps_of(void (*piece)(void *), void *ctx)
{
    const unsigned all = 1u << 31;
    steps_until(all, piece, nobody, ctx);
    return all - steps.left;
}

#else

unsigned steps_of(void (*piece)(void *), void *ctx)
{
    piece(ctx);
    return 0;
}

bool steps_until(unsigned n, void (*piece)(void *), void (*other)(void *), void *ctx)
{
    (void)n, (void)other;
    piece(ctx);
    return false;
}

#endif
