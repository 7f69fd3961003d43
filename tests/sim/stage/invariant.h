/* invariant.h: names of invariants, and the end of a run that breaks one. */
#ifndef FG_SIM_INVARIANT_H
#define FG_SIM_INVARIANT_H

enum invariant {
    /* judges: seat */
    INVARIANT_1 = 1,
    /* judges: money */
    INVARIANT_2,
    /* judges: confirmed */
    INVARIANT_3,
    /* judges: ends */
    INVARIANT_4,
    /* judges: bounds */
    INVARIANT_5,
    /* judges: place, entry, length, draw, outage */
    INVARIANT_6,
    /* judges: shop */
    INVARIANT_7
};

/* Reports the violation and ends the run. */
_Noreturn void invariant_broken(enum invariant which, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
