/* statements.c: what the build makes of sql/statements, compiled once. A statement without lists
 * binds its arguments in memory of its own; one with lists binds them in its caller's, who knows
 * how many there may be. */
#include "tables/statements.h"

#include <assert.h>
#include <stdio.h>

#include "seat-service/sql/statements.c.inc"
