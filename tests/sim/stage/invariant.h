/* invariant.h: their names, and the end of a run that breaks one. */
#ifndef FG_SIM_INVARIANT_H
#define FG_SIM_INVARIANT_H

enum invariant {
    INVARIANT_1 = 1,
    INVARIANT_2,
    INVARIANT_3,
    INVARIANT_4,
    INVARIANT_5,
    INVARIANT_6,
    INVARIANT_7
};

/* Ends the run: the world is broken. */
_Noreturn void invariant_broken(enum invariant which, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
