/* link.h: one connection of the crowd, plain or by TLS, in memory of its owner's. Belongs to one
 * loop. */
#ifndef FG_CROWD_LINK_H
#define FG_CROWD_LINK_H

#include "base/span.h"
#include "crypto/tls_client.h"

#include <netinet/in.h>
#include <uv.h>

struct link_calls {
    void (*on_open)(void *ctx); /* from here on it can be written to */
    void (*on_data)(void *ctx, struct span data);
    void (*on_end)(void *ctx, bool opened); /* not by us */
    void (*on_closed)(void *ctx);           /* the last call: its memory is its owner's again */
};

/* Where to, and from where. */
struct link_conf {
    uv_loop_t *loop;
    struct sockaddr_in to;
    struct in_addr from;    /* first of the source addresses; 0: the kernel's choice */
    uint32_t number;        /* of the connection: each source address has so many ports */
    int receive_bytes;      /* the kernel's buffer; 0: as it likes */
    struct tls_client *tls; /* NULL: plain */
    const char *host;       /* whom the certificate has to name; borrowed */
};

enum link_state { LINK_CONNECTING, LINK_SHAKING, LINK_OPEN, LINK_ENDED };

struct link {
    uv_poll_t poll;
    const struct link_calls *calls;
    void *ctx;
    struct tls_session *tls;
    struct span unsent;
    int fd, polled;
    enum link_state state;
    bool asleep, wants_write;
};

/* False: there is nothing to close. The calls never come from within it, nor from within
 * link_send() and link_read(). The link may be closed from within each of them. */
bool link_open(struct link *link, const struct link_conf *conf, const struct link_calls *calls,
               void *ctx);
void link_send(struct link *link, struct span bytes); /* borrowed until an answer or the end */
void link_read(struct link *link, bool on);           /* on, unless it is turned off */
void link_close(struct link *link);                   /* silent at once, but for on_closed */

#endif
