/* http_peers.h: counts connections per address, for limits.connections_per_addr_max, and streams
 * per visitor. Of fixed size, as a server's connections are bounded. */
#ifndef FG_HTTP_HTTP_PEERS_H
#define FG_HTTP_HTTP_PEERS_H

#include "base/ip.h"

#include <stdint.h>

struct http_peers;

struct http_peers *http_peers_create(uint32_t connections_max); /* NULL: no memory */
/* Counts one more for this address; false if it has `max` already. */
bool http_peers_add(struct http_peers *peers, const uint8_t addr[IP_BYTES], uint32_t max);
void http_peers_remove(struct http_peers *peers, const uint8_t addr[IP_BYTES]);
void http_peers_destroy(struct http_peers *peers);

#endif
