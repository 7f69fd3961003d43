/* pace_reporter.h: reports to our database how many calls this process made to the payment
 * providers, and learns how far all processes are (core/pace/pace.h). Each loop has one; the first
 * to tick reports for all. */
#ifndef FG_PAY_PACE_TELLER_H
#define FG_PAY_PACE_TELLER_H

#include "base/clock.h"
#include "core/pace/pace.h"
#include "pg/pg_pool.h"

#include <uv.h>

struct pace_reporter;

struct pace_reporter_conf {
    uv_loop_t *loop;
    struct pg_pool *pg; /* borrowed, as is the rest; close it after the reporter */
    struct pace *pace;
    const struct clock *clock;
    struct logger *log;
};

int pace_reporter_create(const struct pace_reporter_conf *conf, struct err_slot *err,
                         struct pace_reporter **out);
void pace_reporter_close(struct pace_reporter *reporter);

#endif
