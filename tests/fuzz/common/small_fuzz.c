/* small_fuzz.c: one-line parsers that have a writer: a value that is read, written and read again
 * must be the same. The first byte chooses the parser. */
#include "../fuzz.h"
#include "base/base64.h"
#include "base/ip.h"
#include "base/rfc3339.h"
#include "crypto/mac.h"
#include "http/http_hops.h"
#include "observe/trace.h"

#include <arpa/inet.h>

static void try_time(struct span in)
{
    char memory[RFC3339_LEN];
    struct text text = text_on(memory, sizeof(memory));
    uint64_t ms, again;
    if (!rfc3339_parse(in, &ms))
        return;
    rfc3339_put(&text, ms);
    assert(!text.overflown);
    bool good = rfc3339_parse(text_span(&text), &again);
    assert(good && ms == again);
}

static void try_addr(struct span in)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t addr[IP_BYTES], again[IP_BYTES];
    struct ip_nets nets;
    struct err_slot err;
    if (ip_nets_parse(in, &err, &nets) == 0)
        assert(nets.len <= IP_NETS_MAX);
    if (!ip_parse(in, addr))
        return;
    inet_ntop(AF_INET6, addr, text, sizeof(text));
    bool good = ip_parse(span_of(text), again);
    assert(good && memcmp(addr, again, IP_BYTES) == 0);
}

static void try_trace(struct span in)
{
    char memory[TRACE_TEXT_LEN];
    struct text text = text_on(memory, sizeof(memory));
    struct trace trace, again;
    if (!trace_parse(in, &trace))
        return;
    trace_put(&text, &trace);
    bool good = trace_parse(text_span(&text), &again);
    assert(good && memcmp(&trace, &again, sizeof(trace)) == 0);
}

static void try_base64(struct span in)
{
    size_t cap = in.len, len;
    char *bytes = malloc(cap + 1), *memory = malloc(cap + 1);
    assert(bytes != NULL && memory != NULL);
    if (base64_decode(in, bytes, cap, &len)) {
        struct text text = text_on(memory, cap);
        base64_put(&text, bytes, len);
        assert(span_eq(text_span(&text), in)); /* each sequence of bytes has one text */
    }
    free(bytes);
    free(memory);
}

static void try_ring(struct span in)
{
    struct mac_ring ring;
    struct err_slot err;
    if (mac_ring_parse(in, &err, &ring) == 0)
        assert(ring.len >= 1 && ring.len <= MAC_RING_MAX);
}

/* The visitor is named by a trusted peer or the last trusted hop; the header of an untrusted peer
 * is ignored. */
static void try_hops(struct span in)
{
    static struct ip_nets trusted;
    struct err_slot err;
    if (trusted.len == 0 && ip_nets_parse(SPAN("10.0.0.0/8,fd00::/8"), &err, &trusted) < 0)
        abort();
    uint8_t peer[IP_BYTES], addr[IP_BYTES];
    ip_parse(SPAN("192.0.2.1"), peer);
    memcpy(addr, peer, IP_BYTES);
    http_hops_follow(&trusted, in, addr);
    assert(memcmp(addr, peer, IP_BYTES) == 0);
    ip_parse(SPAN("10.0.0.1"), addr);
    http_hops_follow(&trusted, in, addr);
    assert(in.len > 0 || ip_nets_contain(&trusted, addr));
}

static void fuzz(struct span in)
{
    if (in.len == 0)
        return;
    static void (*const tries[])(struct span) = {try_time,   try_addr, try_trace,
                                                 try_base64, try_ring, try_hops};
    tries[(unsigned char)in.ptr[0] % 6](span_skip(in, 1));
}
