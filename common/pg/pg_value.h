/* pg_value.h: the values in a result, text or binary. The schema guarantees the requested type, so
 * this is asserted. */
#ifndef FG_PG_PG_VALUE_H
#define FG_PG_PG_VALUE_H

#include "base/span.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define PG_EPOCH_US 946684800000000 /* 2000-01-01, the epoch of a binary timestamptz */

bool pg_null(const PGresult *res, int row, int col);
/* Text and bytea, borrowed from the result; "not there" for NULL. */
struct span pg_text(const PGresult *res, int row, int col);
bool pg_bool(const PGresult *res, int row, int col); /* NULL is false */
int32_t pg_i32(const PGresult *res, int row, int col);
int64_t pg_i64(const PGresult *res, int row, int col);
uint64_t pg_u64(const PGresult *res, int row, int col);
uint64_t pg_time_ms(int64_t timestamptz); /* since 1970; 0 for earlier times */

/* Takes the next field of a binary COPY row; false at its end or if malformed. A NULL field is a
 * span that is "not there". */
bool pg_field(struct span *row, struct span *field);
int64_t pg_field_int(struct span field); /* 2, 4 or 8 bytes; the caller has checked the length */

#endif
