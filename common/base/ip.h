/* ip.h: addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d, so that all other code knows only one
 * kind. */
#ifndef FG_BASE_IP_H
#define FG_BASE_IP_H

#include "base/err.h"
#include "base/span.h"

enum { IP_BYTES = 16, IP_NETS_MAX = 1024 };

/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; no zone, port or brackets. */
bool ip_parse(struct span text, uint8_t addr[IP_BYTES]);
bool ip_is_numeric(const char *host); /* an address, not a name; may have a zone */

/* The part that one household or machine owns: a whole IPv4 address, or the /64 of an IPv6 address.
 * Limits per visitor count by it. `site` may be `addr`. */
void ip_site(const uint8_t addr[IP_BYTES], uint8_t site[IP_BYTES]);

struct ip_net {
    uint8_t addr[IP_BYTES];
    uint8_t bits; /* 0..128, counted in the 16-byte form: an IPv4 /8 is 104 */
};

/* Sorted and disjoint, so that one binary search is enough. */
struct ip_nets {
    struct ip_net net[IP_NETS_MAX];
    uint32_t len;
};

/* "10.0.0.0/8, 127.0.0.1,fd00::/8"; an empty text is an empty list. A network with bits set beyond
 * its prefix is refused as a typing error. */
int ip_nets_parse(struct span text, struct err_slot *err, struct ip_nets *out);
/* The same, but an item that begins with '/' names a file with one network per line; '#' begins a
 * comment. An error there names the file and its line. */
int ip_nets_load(struct span text, struct err_slot *err, struct ip_nets *out);
bool ip_nets_contain(const struct ip_nets *nets, const uint8_t addr[IP_BYTES]);

#endif
