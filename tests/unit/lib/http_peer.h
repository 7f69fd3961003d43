/* http_peer.h: the other end of a client's requests: a thread that takes one connection after the
 * other, reads whole requests, and gives each the same response. */
#ifndef FG_UNIT_HTTP_PEER_H
#define FG_UNIT_HTTP_PEER_H

#include <pthread.h>
#include <stdint.h>

enum { HTTP_PEER_REQUEST_MAX = 1 << 20 };

struct http_peer {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *response; /* NULL: none, until the client goes */
    _Atomic int fd;       /* of the last connection */
    _Atomic uint64_t requests;
    char request[HTTP_PEER_REQUEST_MAX]; /* the last one, and a NUL */
};

struct http_peer *http_peer_open(const char *response);
void http_peer_close(struct http_peer *peer);             /* or NULL */
const char *http_peer_body(const struct http_peer *peer); /* of the last request */

#endif
