/* peers.h: the three peers of the sagas over HTTP: seat-service, the payment providers, and
 * queue-front. */
#ifndef FG_PAY_PEERS_H
#define FG_PAY_PEERS_H

#include "psp/psp.h"
#include "psp/seats_map.h"

/* All borrowed. It stays where it is while a call is under way. */
struct peers_http {
    const char *seats_url;       /* private listener of seat-service, no slash at the end */
    struct seats_map *seats_map; /* which of them has an event */
    const char *queue_url;       /* private listener of queue-front */
    const char *service_token;   /* secret */
    struct psp *psps;            /* the providers in use */
    uint32_t psps_len;
    struct outcalls *outcalls;
};

struct peers peers_http_peers(struct peers_http *peers); /* for checkout_conf */
struct psp *peers_http_psp(const struct peers_http *peers, struct span name); /* or NULL */

#endif
