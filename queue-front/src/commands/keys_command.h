/* keys_command.h: "queue-front keys": guides an operator through the rotation of any ring, in two
 * steps with a check of all fronts between them, so that no front ever gets a signature that it
 * cannot verify. */
#ifndef FG_QUEUE_FRONT_KEYS_COMMAND_H
#define FG_QUEUE_FRONT_KEYS_COMMAND_H

#include "front/front.h"

#define KEYS_COMMANDS                                                                              \
    "queue-front keys [--config FILE] list | status | add RING | use RING KEY | drop RING KEY\n"

/* `conf` reads the settings into `config`. 0: done; 1: refused, or not all agree; 2: wrong usage,
 * or an unreadable or unwritable file or address. */
int keys_main(const struct service_conf *conf, const struct front_config *config, int argc,
              char **argv);

#endif
