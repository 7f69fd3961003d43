/* http_hops.h: finds the visitor's address in the headers of trusted proxies. */
#ifndef FG_HTTP_HTTP_HOPS_H
#define FG_HTTP_HTTP_HOPS_H

#include "base/ip.h"

/* `addr` comes in as the peer's and goes out as the visitor's. `hops` is the value of
 * X-Forwarded-For, or of a header with the visitor's address only, which is a list of one. Each
 * proxy appends the address of its client, so the list is read from the right: the first address
 * that is not a trusted proxy is the visitor, and everything left of it is an unproven claim.
 * Anything that is not an address ends the reading; the hop that reported it counts as the visitor.
 * An address may have a port or brackets: 192.0.2.1:80, [2001:db8::1]:80, [2001:db8::1]. */
void http_hops_follow(const struct ip_nets *trusted, struct span hops, uint8_t addr[IP_BYTES]);

#endif
