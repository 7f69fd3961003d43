/* http_hops.c: see http_hops.h. Each address costs one search of the trusted networks; how many
 * there may be is bounded by the length of a head. */
#include "http/http_hops.h"

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
        /* With one colon only: an IPv6 address has two and more. */
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
        if (!read_hop(span_trim(span_skip(hops, from)), addr))
            return;
        hops.len = comma == NULL ? 0 : from - 1;
    }
}
