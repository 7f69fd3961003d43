/* counts.h: orders and errors over time, for the operator's charts: in the database, so that they
 * are there for whoever asks after the service was started again, and the same from each process.
 */
#ifndef FG_PAY_COUNTS_H
#define FG_PAY_COUNTS_H

#include "pay.h"

int counts_create(struct pay *pay, struct err_slot *err, struct counts **out);
void counts_tick(struct counts *counts);    /* each 100 ms */
void counts_destroy(struct counts *counts); /* after the database was closed */

#endif
