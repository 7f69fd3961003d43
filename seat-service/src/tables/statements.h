/* statements.h: a function for every statement that the service sends, with a struct for its
 * arguments and one for its row. Generated from sql/statements (sql/README.md). */
#ifndef FG_SEAT_SERVICE_STATEMENTS_H
#define FG_SEAT_SERVICE_STATEMENTS_H

#include "seat-service/sql/statements.h.inc"

#endif
