/* http_hops.h: the visitor's address, by what the proxies on the way say. */
#ifndef FG_HTTP_HTTP_HOPS_H
#define FG_HTTP_HTTP_HOPS_H

#include "base/ip.h"

/* `addr` comes as the peer's and leaves as the visitor's. `hops` is the value of X-Forwarded-For,
 * or of a header that names the visitor alone, which is a list of one. It is read from the right,
 * as each proxy appends whom it saw: the first address that is no proxy of ours is the visitor, and
 * what stands left of it is only claimed. What is no address ends the reading, and the hop before
 * it, whose word that was, is taken for the visitor. An address may have its port: 192.0.2.1:80,
 * [2001:db8::1]:80, [2001:db8::1]. */
void http_hops_follow(const struct ip_nets *trusted, struct span hops, uint8_t addr[IP_BYTES]);

/* The same by the value of Forwarded (RFC 7239): of each hop its `for`. An address may stand in
 * quotes; with a port it has to, and so has an IPv6 address, which stands in brackets besides. An
 * obfuscated identifier (_hidden), "unknown", a hop without `for` and whatever the grammar does not
 * know end the reading as garbage does above. */
void http_hops_follow_forwarded(const struct ip_nets *trusted, struct span hops,
                                uint8_t addr[IP_BYTES]);

#endif
