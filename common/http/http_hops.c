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

static bool is_token(struct span text)
{
    return text.len > 0 && span_is_of(text, SPAN_LETTERS SPAN_DIGITS "!#$%&'*+-.^_`|~");
}

/* An address as Forwarded writes it: IPv6 must be in brackets, and a port may be obfuscated. */
static bool read_node(struct span text, uint8_t addr[IP_BYTES])
{
    bool bracketed = text.len > 0 && text.ptr[0] == '[';
    struct span host;
    struct span port = span_cut(text, bracketed ? ']' : ':', &host);
    if (bracketed) {
        if (port.ptr == NULL || memchr(host.ptr, ':', host.len) == NULL)
            return false;
        host = span_skip(host, 1);
        if (port.len == 0)
            return ip_parse(host, addr);
        if (port.ptr[0] != ':')
            return false;
        port = span_skip(port, 1);
    }
    if (port.ptr != NULL && !is_port(port) &&
        !(port.len > 1 && port.ptr[0] == '_' && span_is_of(port, SPAN_LETTERS SPAN_DIGITS "._-")))
        return false;
    return ip_parse(host, addr);
}

/* The value without its quotes; "not there" if it is neither quoted nor a token. Escapes are
 * refused: an address needs none. The tail of a quoted text that contained a comma is refused as
 * well. */
static struct span plain_value(struct span value)
{
    struct span none = {NULL, 0};
    if (value.len < 2 || value.ptr[0] != '"')
        return is_token(value) ? value : none;
    struct span inner = {value.ptr + 1, value.len - 2};
    bool quoted = value.ptr[value.len - 1] == '"' && memchr(inner.ptr, '"', inner.len) == NULL &&
                  memchr(inner.ptr, '\\', inner.len) == NULL;
    return quoted ? inner : none;
}

/* One hop of Forwarded: name=value pairs, separated by `;`. The other pairs (by, host, proto) are
 * ignored but must follow the grammar. */
static bool read_element(struct span text, uint8_t addr[IP_BYTES])
{
    uint8_t found[IP_BYTES];
    bool has_for = false;
    struct span rest = text;
    while (rest.ptr != NULL) {
        struct span pair, name;
        rest = span_cut(rest, ';', &pair);
        pair = span_trim(pair);
        if (pair.len == 0)
            continue;
        struct span value = span_cut(pair, '=', &name);
        if (value.ptr == NULL || !is_token(name))
            return false;
        value = plain_value(value);
        if (value.ptr == NULL)
            return false;
        if (!span_eq_nocase(name, SPAN("for")))
            continue;
        if (has_for || !read_node(value, found))
            return false;
        has_for = true;
    }
    if (has_for)
        memcpy(addr, found, IP_BYTES);
    return has_for;
}

/* Reads the list from the right, hop by hop, while the hops are our own proxies. */
static void follow(const struct ip_nets *trusted, struct span hops, uint8_t addr[IP_BYTES],
                   bool (*read)(struct span text, uint8_t addr[IP_BYTES]))
{
    while (hops.len > 0 && ip_nets_contain(trusted, addr)) {
        const char *comma = memrchr(hops.ptr, ',', hops.len);
        size_t from = comma == NULL ? 0 : (size_t)(comma - hops.ptr) + 1;
        if (!read(span_trim(span_skip(hops, from)), addr))
            return;
        hops.len = comma == NULL ? 0 : from - 1;
    }
}

/* Our proxy wrote this hop, and X-Forwarded-For contains nothing but addresses. */
static bool read_hop_of_ours(struct span text, uint8_t addr[IP_BYTES])
{
    if (read_hop(text, addr))
        return true;
    BUG_COUNT("hop-without-address");
    return false;
}

void http_hops_follow(const struct ip_nets *trusted, struct span hops, uint8_t addr[IP_BYTES])
{
    follow(trusted, hops, addr, read_hop_of_ours);
}

void http_hops_follow_forwarded(const struct ip_nets *trusted, struct span hops,
                                uint8_t addr[IP_BYTES])
{
    follow(trusted, hops, addr, read_element);
}
