/* seed.h: `demo-shop seed`: fills the database. Blocks; a program of its own. */
#ifndef FG_DEMO_SHOP_SEED_H
#define FG_DEMO_SHOP_SEED_H

#include "base/err.h"
#include "settings.h"

/* Makes what is missing; what is there stays. Says on stdout what it has made. */
int seed_run(const struct settings *settings, struct err_slot *err);

#endif
