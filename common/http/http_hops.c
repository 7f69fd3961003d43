/* http_hops.c: walks a chain of proxies backwards to the visitor.
 *
 * The last address of the header was added by the proxy next to us, so the walk begins at the end
 * and continues while the address belongs to a trusted network. The first address that does not is
 * the visitor; everything before it was written by the visitor and proves nothing. Each address
 * costs one search of the trusted networks, and the length of a head bounds their number. */
#include "http/http_hops.h"

#include "base/bug.h"

#include <string.h>

static bool is_port(struct span text)
{
    uint64_t port;
    return span_u64(text, 65535, &port);
}

/* An address with or without its port. */
static bool read_hop(struct span text, uint8_t addr[IP_BYTES])
{
    struct span host = text;
    if (text.len > 0 && text.ptr[0] == '[') {
        struct span rest = span_cut(span_skip(text, 1), ']', &host);
        if (rest.ptr == NULL || memchr(host.ptr, ':', host.len) == NULL)
            return false;
        if (rest.len > 0 && (rest.ptr[0] != ':' || !is_port(span_skip(rest, 1))))
            return false;
    } else {
        struct span before;
        struct span port = span_cut(text, ':', &before);
        /* Only a single colon separates a port: an IPv6 address has at least two. */
        if (port.ptr != NULL && memchr(port.ptr, ':', port.len) == NULL) {
            if (!is_port(port))
                return false;
            host = before;
        }
    }
    return ip_parse(host, addr);
}

void http_hops_follow(const struct ip_nets *trusted, struct span hops, uint8_t addr[IP_BYTES])
{
    while (hops.len > 0 && ip_nets_contain(trusted, addr)) {
        const char *comma = memrchr(hops.ptr, ',', hops.len);
        size_t from = comma == NULL ? 0 : (size_t)(comma - hops.ptr) + 1;
        if (!read_hop(span_trim(span_skip(hops, from)), addr)) {
            BUG_COUNT("hop-without-address"); /* a proxy of ours wrote it */
            return;
        }
        hops.len = comma == NULL ? 0 : from - 1;
    }
}
