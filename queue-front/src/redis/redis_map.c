/* redis_map.c: reads which server has which slots, from replies of clusters and sentinels.
 *
 * A reply is validated completely before any of it is used; half a map would send commands to a
 * server that nobody named. Addresses come in several forms (a node may give its name, a number, or
 * nothing at all, meaning "the node you asked"); all become one plain struct, to compare maps. */
#include "redis/redis_map.h"

#include "base/ip.h"
#include "redis/resp.h"

bool redis_addr_eq(const struct redis_addr *a, const struct redis_addr *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters, digits, hyphens and underscores between dots. Text that ends in a number is meant as an
 * address: 10.0.0.256 is not a name. */
static bool is_name(const char *host)
{
    size_t len = strlen(host);
    bool last_is_number = true;
    char before = '.';
    for (size_t i = 0; i < len; before = host[i++]) {
        char c = host[i];
        if (c == '.')
            last_is_number = i + 1 < len;
        else if (!is_digit(c))
            last_is_number = false;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && !is_digit(c) && c != '_' &&
            !((c == '-' || c == '.') && before != '.'))
            return false;
    }
    return len > 0 && len < REDIS_HOST_MAX && !last_is_number;
}

bool redis_host_is_good(const char *host)
{
    return ip_is_numeric(host) || is_name(host);
}

static bool make_addr(struct span host, uint64_t port, struct redis_addr *out)
{
    struct redis_addr addr = {.port = (uint16_t)port};
    if (port == 0 || port > UINT16_MAX || !span_to_cstr(host, addr.host, sizeof(addr.host)) ||
        !redis_host_is_good(addr.host))
        return false;
    *out = addr;
    return true;
}

/* Cuts at the last colon: an IPv6 address has several. */
static bool cut_port(struct span text, struct span *host, uint64_t *port)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != ':')
        at--;
    if (at == 0 || !span_u64(span_skip(text, at), UINT16_MAX, port))
        return false;
    *host = (struct span){text.ptr, at - 1};
    return true;
}

bool redis_addr_parse(struct span text, struct redis_addr *out)
{
    struct span host;
    uint64_t port;
    if (!cut_port(text, &host, &port))
        return false;
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = (struct span){host.ptr + 1, host.len - 2};
    return make_addr(host, port, out);
}

bool redis_seeds_parse(struct span text, struct redis_seeds *out)
{
    struct redis_seeds seeds = {.len = 0};
    struct span item;
    while (span_next(&text, ',', &item)) {
        if (seeds.len == REDIS_SEEDS_MAX ||
            !redis_addr_parse(span_trim(item), &seeds.at[seeds.len]))
            return false;
        seeds.len++;
    }
    if (seeds.len == 0)
        return false;
    *out = seeds;
    return true;
}

/* CRC-16/XMODEM, per the cluster specification; computed once per event. */
uint16_t redis_slot(struct span tag)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < tag.len; i++) {
        crc = (uint16_t)(crc ^ (uint16_t)((unsigned char)tag.ptr[i] << 8));
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc % REDIS_SLOTS;
}

void redis_map_single(const struct redis_addr *addr, struct redis_map *out)
{
    *out = (struct redis_map){.len = 1};
    out->node[0] = *addr;
    memset(out->owner, 0, sizeof(out->owner));
}

bool redis_map_read_slots(const redisReply *reply, const struct redis_addr *asked,
                          struct redis_map *out)
{
    if (resp_len(reply) == 0)
        return false;
    out->len = 0;
    memset(out->owner, REDIS_NOBODY, sizeof(out->owner));
    for (size_t i = 0; i < resp_len(reply); i++) {
        const redisReply *range, *node; /* the node: [host, port, ...] */
        struct redis_addr addr;
        struct span host = {NULL, 0};
        uint64_t first, last, port;
        if (!resp_array(reply, i, &range) || !resp_get_u64(range, 0, &first) ||
            !resp_get_u64(range, 1, &last) || first > last || last >= REDIS_SLOTS ||
            !resp_array(range, 2, &node) || !resp_get_u64(node, 1, &port))
            return false;
        /* A server without an announced address has an empty host or none. */
        if (!resp_get_str(node, 0, &host) || host.len == 0)
            host = span_of(asked->host);
        if (!make_addr(host, port, &addr))
            return false;
        uint32_t number = 0;
        while (number < out->len && !redis_addr_eq(&out->node[number], &addr))
            number++;
        if (number == REDIS_NODES_MAX)
            return false;
        if (number == out->len)
            out->node[out->len++] = addr;
        memset(out->owner + first, (int)number, last - first + 1);
    }
    return true;
}

bool redis_map_read_master(const redisReply *reply, struct redis_addr *out)
{
    struct span host;
    uint64_t port;
    return resp_get_str(reply, 0, &host) && resp_get_u64(reply, 1, &port) &&
           make_addr(host, port, out);
}

bool redis_map_read_epoch(const redisReply *reply, uint64_t *out)
{
    for (size_t i = 0; i + 1 < resp_len(reply); i += 2) {
        struct span name;
        if (resp_get_str(reply, i, &name) && span_eq(name, SPAN("config-epoch")))
            return resp_get_u64(reply, i + 1, out);
    }
    return false;
}

bool redis_redirect_read(const redisReply *reply, const struct redis_addr *asked,
                         struct redis_redirect *out)
{
    struct span word, slot, host;
    uint64_t number, port;
    struct redis_redirect redirect;
    if (reply == NULL || reply->type != REDIS_REPLY_ERROR)
        return false;
    struct span rest = span_cut(resp_text(reply), ' ', &word);
    redirect.ask = span_eq(word, SPAN("ASK"));
    if (!redirect.ask && !span_eq(word, SPAN("MOVED")))
        return false;
    rest = span_cut(rest, ' ', &slot);
    if (!span_u64(slot, REDIS_SLOTS - 1, &number) || rest.ptr == NULL ||
        !cut_port(rest, &host, &port))
        return false;
    redirect.slot = (uint16_t)number;
    if (!make_addr(host.len > 0 ? host : span_of(asked->host), port, &redirect.to))
        return false;
    *out = redirect;
    return true;
}
