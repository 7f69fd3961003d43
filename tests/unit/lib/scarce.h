/* scarce.h: makes JSON's allocations fail. */
#ifndef FG_UNIT_SCARCE_H
#define FG_UNIT_SCARCE_H

#include <stdbool.h>

/* The nth JSON allocation from now on fails, counted from 0; scarce_from: also all later ones. */
void scarce_nth(unsigned nth);
void scarce_from(unsigned nth);
/* Ends the shortage. Returns whether an allocation failed. */
bool scarce_end(void);

#endif
