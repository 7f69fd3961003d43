/* http_peer.h: a server for a client's requests: a thread that accepts one connection after the
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
    const char *response; /* NULL: none, until the client closes */
    _Atomic int fd;       /* the last connection */
    _Atomic uint64_t requests;
    char request[HTTP_PEER_REQUEST_MAX]; /* the last request, NUL-terminated */
};

struct http_peer *http_peer_open(const char *response);
void http_peer_close(struct http_peer *peer);             /* accepts NULL */
const char *http_peer_body(const struct http_peer *peer); /* of the last request */

#endif
