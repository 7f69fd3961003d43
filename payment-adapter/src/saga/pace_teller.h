/* pace_teller.h: reports to our database how many calls this process made to the payment providers,
 * and learns how far all processes are (core/pace/pace.h). Each loop has one; the first to tick
 * reports for all. */
#ifndef FG_PAY_PACE_TELLER_H
#define FG_PAY_PACE_TELLER_H

#include "base/clock.h"
#include "core/pace/pace.h"
#include "pg/pg_pool.h"

#include <uv.h>

struct pace_teller;

struct pace_teller_conf {
    uv_loop_t *loop;
    struct pg_pool *pg; /* borrowed, as is the rest; close it after the teller */
    struct pace *pace;
    const struct clock *clock;
    struct logger *log;
};

int pace_teller_create(const struct pace_teller_conf *conf, struct err_slot *err,
                       struct pace_teller **out);
void pace_teller_close(struct pace_teller *teller);

#endif
