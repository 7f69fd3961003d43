/* invariant.c: see invariant.h. */
#include "stage/invariant.h"

#include "stage/history.h"
#include "stage/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void invariant_broken(enum invariant which, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sim_note("I%d is broken: %s", (int)which, text);
    sim_print_last(60);
    printf("BROKEN I%d %s\n", (int)which, text);
    fflush(stdout);
    history_end();
    _Exit(3);
}
