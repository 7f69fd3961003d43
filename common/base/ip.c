/* ip.c: inet_pton() knows the grammar; this file adds the one 16-byte form and the
 * lists of networks. Two networks are either disjoint or nested. Once they are sorted and nested
 * ones are removed, only the last one that begins at or before an address can contain it. A CDN's
 * list has up to some hundred. */
#include "base/ip.h"

#include "system/plain_file.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

enum { V4_BITS_BEFORE = 96 };

static bool ip_is_v4(const uint8_t addr[IP_BYTES])
{
    return memcmp(addr, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool ip_parse(struct span text, uint8_t addr[IP_BYTES])
{
    char cstr[INET6_ADDRSTRLEN];
    uint8_t parsed[IP_BYTES];
    if (!span_to_cstr(text, cstr, sizeof(cstr)))
        return false;
    if (inet_pton(AF_INET, cstr, parsed + sizeof(v4_prefix)) == 1)
        memcpy(parsed, v4_prefix, sizeof(v4_prefix));
    else if (inet_pton(AF_INET6, cstr, parsed) != 1)
        return false;
    memcpy(addr, parsed, IP_BYTES);
    return true;
}

bool ip_is_numeric(const char *host)
{
    uint8_t bytes[IP_BYTES];
    return uv_inet_pton(AF_INET, host, bytes) == 0 || uv_inet_pton(AF_INET6, host, bytes) == 0;
}

void ip_site(const uint8_t addr[IP_BYTES], uint8_t site[IP_BYTES])
{
    memmove(site, addr, IP_BYTES);
    if (!ip_is_v4(site))
        memset(site + 8, 0, 8);
}

/* Returns whether the first `bits` of both are equal. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    assert(bits <= 8 * IP_BYTES);
    unsigned whole = bits / 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    uint8_t mask = (uint8_t)(0xFF << (8 - bits % 8));
    return ((a[whole] ^ b[whole]) & mask) == 0;
}

static int parse_net(struct span text, struct err_slot *err, struct ip_net *out)
{
    struct span host;
    struct span prefix = span_cut(text, '/', &host);
    if (!ip_parse(host, out->addr))
        return err_set(err, ERR_SYNTAX, "\"%.*s\" is no address or network", (int)text.len,
                       text.ptr);
    unsigned before =
        ip_is_v4(out->addr) && memchr(host.ptr, ':', host.len) == NULL ? V4_BITS_BEFORE : 0;
    uint64_t bits = 128 - before;
    if (prefix.ptr != NULL && !span_u64(prefix, bits, &bits))
        return err_set(err, ERR_RANGE, "\"%.*s\": the prefix must be from 0 to %u", (int)text.len,
                       text.ptr, 128 - before);
    out->bits = (uint8_t)(bits + before);
    assert(out->bits <= 8 * IP_BYTES);

    uint8_t rest[IP_BYTES] = {0};
    memcpy(rest, out->addr, out->bits / 8);
    if (out->bits % 8 != 0)
        rest[out->bits / 8] = out->addr[out->bits / 8] & (uint8_t)(0xFF << (8 - out->bits % 8));
    if (memcmp(rest, out->addr, IP_BYTES) != 0)
        return err_set(err, ERR_RANGE, "\"%.*s\" has bits set beyond its prefix", (int)text.len,
                       text.ptr);
    return 0;
}

static int add_net(struct span item, struct err_slot *err, struct ip_nets *nets)
{
    if (nets->len == IP_NETS_MAX)
        return err_set(err, ERR_FULL, "a list of networks holds at most %d", IP_NETS_MAX);
    int rc = parse_net(item, err, &nets->net[nets->len]);
    if (rc == 0)
        nets->len++;
    return rc;
}

static int add_file(struct span name, struct err_slot *err, struct ip_nets *nets)
{
    char path[512];
    if (!span_to_cstr(name, path, sizeof(path)))
        return err_set(err, ERR_RANGE, "a file's name of %zu bytes", name.len);
    const char *why = NULL;
    int fd = plain_file_open(path, &why);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, why);
    FILE *file = fdopen(fd, "r");
    if (file == NULL) {
        close(fd);
        return err_set(err, ERR_NOMEM, "memory for %s", path);
    }
    char *line = NULL;
    size_t cap = 0;
    int rc = 0;
    ssize_t len;
    for (unsigned number = 1; rc == 0 && (len = getline(&line, &cap, file)) >= 0; number++) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        struct span item;
        span_cut((struct span){line, (size_t)len}, '#', &item);
        item = span_trim(item);
        if (item.len > 0 && add_net(item, err, nets) < 0)
            rc = err_wrap(err, "%s:%u", path, number);
    }
    if (rc == 0 && ferror(file))
        rc = err_set(err, ERR_IO, "%s: cannot be read", path);
    free(line);
    fclose(file);
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const struct ip_net *left = a, *right = b;
    int order = memcmp(left->addr, right->addr, IP_BYTES);
    return order != 0 ? order : (int)left->bits - (int)right->bits; /* the wider one first */
}

static int read_list(struct span text, bool files, struct err_slot *err, struct ip_nets *out)
{
    struct ip_nets nets = {.len = 0};
    struct span rest = span_trim(text), item;
    if (rest.len == 0)
        rest.ptr = NULL;
    while (span_next(&rest, ',', &item)) {
        item = span_trim(item);
        bool is_file = files && item.len > 0 && item.ptr[0] == '/';
        int rc = is_file ? add_file(item, err, &nets) : add_net(item, err, &nets);
        if (rc < 0)
            return rc;
    }
    qsort(nets.net, nets.len, sizeof(nets.net[0]), by_place);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < nets.len; i++) {
        const struct ip_net *last = kept > 0 ? &nets.net[kept - 1] : NULL;
        if (last == NULL || !same_prefix(last->addr, nets.net[i].addr, last->bits))
            nets.net[kept++] = nets.net[i];
    }
    assert(kept <= nets.len && (kept > 0) == (nets.len > 0));
    nets.len = kept;
    *out = nets;
    return 0;
}

int ip_nets_parse(struct span text, struct err_slot *err, struct ip_nets *out)
{
    return read_list(text, false, err, out);
}

int ip_nets_load(struct span text, struct err_slot *err, struct ip_nets *out)
{
    return read_list(text, true, err, out);
}

bool ip_nets_contain(const struct ip_nets *nets, const uint8_t addr[IP_BYTES])
{
    uint32_t from = 0, to = nets->len; /* between them: the first that begins after the address */
    assert(nets->len <= IP_NETS_MAX);
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (memcmp(nets->net[middle].addr, addr, IP_BYTES) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from > 0 && same_prefix(nets->net[from - 1].addr, addr, nets->net[from - 1].bits);
}
