/* peer.h: the network to Redis, below the product's own connection (redis_route.h) and hiredis. */
#ifndef FG_SIM_QUEUE_FRONT_PEER_H
#define FG_SIM_QUEUE_FRONT_PEER_H

void peer_begin(void);

#endif
