/* statements.c: what the build generates from sql/statements, compiled once. A statement without
 * lists binds its arguments in memory of its own; one with lists uses its caller's memory, since
 * the caller knows how long they can be. */
#include "tables/statements.h"

#include <assert.h>
#include <stdio.h>

#include "seat-service/sql/statements.c.inc"
