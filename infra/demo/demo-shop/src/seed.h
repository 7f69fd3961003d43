/* seed.h: `demo-shop seed`: fills the database. Blocks; a program of its own. */
#ifndef FG_DEMO_SHOP_SEED_H
#define FG_DEMO_SHOP_SEED_H

#include "base/err.h"
#include "settings.h"

/* Creates what is missing and leaves the rest. Prints what it has created. */
int seed_run(const struct settings *settings, struct err_slot *err);

#endif
