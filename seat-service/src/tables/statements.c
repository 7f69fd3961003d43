/* statements.c: what the build generates from sql/statements, compiled once. A statement without
 * lists binds its arguments in memory of its own, one with lists in the connection's, and one that
 * is prepared in its caller's, where it lies until all of them are sent. */
#include "tables/statements.h"

#include <assert.h>
#include <stdio.h>

#include "seat-service/sql/statements.c.inc"
