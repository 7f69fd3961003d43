/* link.h: one connection of the crowd, plain or TLS, in its owner's memory. Belongs to one loop. */
#ifndef FG_CROWD_LINK_H
#define FG_CROWD_LINK_H

#include "base/span.h"
#include "crypto/tls_client.h"

#include <netinet/in.h>
#include <uv.h>

struct link_calls {
    void (*on_open)(void *ctx); /* the link is writable from here on */
    void (*on_data)(void *ctx, struct span data);
    void (*on_end)(void *ctx, bool opened); /* closed by the peer or by an error */
    void (*on_closed)(void *ctx);           /* the last call: the owner may reuse the memory */
};

/* Where to, and from where. */
struct link_conf {
    uv_loop_t *loop;
    struct sockaddr_in to;
    struct in_addr from;    /* first of the source addresses; 0: the kernel's choice */
    uint32_t number;        /* of the connection, to spread them over source addresses */
    int receive_bytes;      /* the kernel's buffer; 0: its default */
    struct tls_client *tls; /* NULL: plain */
    const char *host;       /* name expected in the certificate; borrowed */
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

/* Returns false if there is nothing to close. Callbacks never come from within it, link_send() or
 * link_read(). Each of them may close the link. */
bool link_open(struct link *link, const struct link_conf *conf, const struct link_calls *calls,
               void *ctx);
void link_send(struct link *link, struct span bytes); /* borrowed until an answer or the end */
void link_read(struct link *link, bool on);           /* initially on */
void link_close(struct link *link);                   /* silent at once, except for on_closed */

#endif
