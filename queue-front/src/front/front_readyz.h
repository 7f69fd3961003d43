/* front_readyz.h: what /readyz says beside its verdict: which keys this process holds, by name, so
 * that a rotation can wait until all hold the next one; and which events are shut here. */
#ifndef FG_QUEUE_FRONT_FRONT_READYZ_H
#define FG_QUEUE_FRONT_FRONT_READYZ_H

#include "base/text.h"

/* service_conf.readyz; ctx is the struct front_shared. On the first loop. */
void front_readyz(void *ctx, struct text *body);

#endif
