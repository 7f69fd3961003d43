/* pace_teller.h: tells our database how often this process has called the payment providers, and
 * hears how far all of them are (core/pace/pace.h). Each loop has one, and whichever comes first
 * tells for all. */
#ifndef FG_PAY_PACE_TELLER_H
#define FG_PAY_PACE_TELLER_H

#include "base/clock.h"
#include "core/pace/pace.h"
#include "pg/pg_pool.h"

#include <uv.h>

struct pace_teller;

struct pace_teller_conf {
    uv_loop_t *loop;
    struct pg_pool *pg; /* borrowed, as are the rest; to be closed after the teller */
    struct pace *pace;
    const struct clock *clock;
    struct logger *log;
};

int pace_teller_create(const struct pace_teller_conf *conf, struct err_slot *err,
                       struct pace_teller **out);
void pace_teller_close(struct pace_teller *teller);

#endif
