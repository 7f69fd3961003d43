/* front_readyz.h: the body of /readyz: the names of the keys that this process has, so that a
 * rotation can wait until all processes have the next one, and the events that are shut here. */
#ifndef FG_QUEUE_FRONT_FRONT_READYZ_H
#define FG_QUEUE_FRONT_FRONT_READYZ_H

#include "base/text.h"

/* service_conf.readyz; ctx is the struct front_shared. On the first loop. */
void front_readyz(void *ctx, struct text *body);

#endif
