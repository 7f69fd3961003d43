/* http_peer.c: see http_peer.h. */
#include "http_peer.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads one whole request. Returns false if the client is gone. */
static bool read_request(struct http_peer *peer, int fd)
{
    size_t len = 0, want = 0;
    while (want == 0 || len < want) {
        ssize_t got = read(fd, peer->request + len, HTTP_PEER_REQUEST_MAX - 1 - len);
        if (got <= 0)
            return false;
        len += (size_t)got;
        peer->request[len] = '\0';
        const char *end = strstr(peer->request, "\r\n\r\n");
        const char *length = strcasestr(peer->request, "content-length: ");
        if (end != NULL && length != NULL)
            want = (size_t)(end + 4 - peer->request) + strtoul(length + 16, NULL, 10);
    }
    peer->requests++;
    return true;
}

static void *serve(void *ctx)
{
    struct http_peer *peer = ctx;
    for (int fd; (fd = accept(peer->listener, NULL, NULL)) >= 0; close(fd)) {
        peer->fd = fd;
        while (read_request(peer, fd)) {
            if (peer->response != NULL)
                (void)send(fd, peer->response, strlen(peer->response), MSG_NOSIGNAL);
        }
    }
    return NULL;
}

struct http_peer *http_peer_open(const char *response)
{
    struct http_peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    assert_non_null(peer);
    peer->response = response;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(peer->listener, (struct sockaddr *)&at, len));
    assert_int_equal(0, listen(peer->listener, 8));
    assert_int_equal(0, getsockname(peer->listener, (struct sockaddr *)&at, &len));
    peer->port = ntohs(at.sin_port);
    assert_int_equal(0, pthread_create(&peer->thread, NULL, serve, peer));
    return peer;
}

void http_peer_close(struct http_peer *peer)
{
    if (peer == NULL)
        return;
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->listener);
    free(peer);
}

const char *http_peer_body(const struct http_peer *peer)
{
    assert_true(peer->requests > 0);
    return strstr(peer->request, "\r\n\r\n") + 4;
}
