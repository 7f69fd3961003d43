/* statements.c: the code that infra/statements.js generates from sql/statements, compiled once. A
 * statement without lists binds its arguments on its own stack, one with lists in the connection's
 * memory. A prepared one uses its caller's, which must last until all statements are sent. */
#include "tables/statements.h"

#include <assert.h>
#include <stdio.h>

#include "seat-service/sql/statements.c.inc"
