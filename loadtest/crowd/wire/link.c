/* link.c: a polled socket, so that OpenSSL can read and write it (crypto/tls_client.h).
 *
 * One address has some 28,000 ports towards one server, fewer than a large crowd needs. So
 * connections are bound to one of many local addresses. With IP_BIND_ADDRESS_NO_PORT the port is
 * chosen by connect() and must be free only towards this server; a port chosen by bind() would be
 * used up for all servers. */
#include "wire/link.h"

#include "limits.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_ready(uv_poll_t *poll, int status, int events);

/* Polls for the events the link waits for. Repeating the same request would cost system calls. */
static void arm(struct link *link)
{
    int events = link->state == LINK_OPEN && link->asleep ? 0 : UV_READABLE;
    if (link->state == LINK_CONNECTING || link->wants_write)
        events |= UV_WRITABLE;
    if (link->state != LINK_ENDED && events != link->polled)
        uv_poll_start(&link->poll, events, on_ready);
    link->polled = events;
}

static void end(struct link *link)
{
    static bool said; /* all connections of a process have the same reason */
    bool opened = link->state == LINK_OPEN;
    if (link->tls != NULL && !opened && tls_session_why(link->tls)[0] != '\0' && !said) {
        fprintf(stderr, "crowd: %s\n", tls_session_why(link->tls));
        said = true;
    }
    link->state = LINK_ENDED;
    uv_poll_stop(&link->poll);
    link->calls->on_end(link->ctx, opened);
}

/* Returns false if the link is broken. */
static bool flush(struct link *link)
{
    link->wants_write = false;
    while (link->unsent.len > 0) {
        size_t sent = 0;
        if (link->tls != NULL) {
            enum tls_step step =
                tls_session_write(link->tls, link->unsent.ptr, link->unsent.len, &sent);
            link->wants_write = step == TLS_WAITS && tls_session_wants_write(link->tls);
            if (step != TLS_DONE)
                return step == TLS_WAITS;
        } else {
            ssize_t rc = send(link->fd, link->unsent.ptr, link->unsent.len, MSG_NOSIGNAL);
            link->wants_write = rc < 0 && errno == EAGAIN;
            if (rc < 0)
                return link->wants_write;
            sent = (size_t)rc;
        }
        link->unsent = span_skip(link->unsent, sent);
    }
    return true;
}

/* One read takes all of a record, so nothing waits unread in a session. */
static bool receive(struct link *link)
{
    static char shared[65536]; /* one read at a time on a loop, and nothing points into it after */
    size_t len = 0;
    if (link->tls != NULL) {
        enum tls_step step = tls_session_read(link->tls, shared, sizeof(shared), &len);
        if (step != TLS_DONE)
            return step == TLS_WAITS;
    } else {
        ssize_t rc = recv(link->fd, shared, sizeof(shared), 0);
        if (rc <= 0)
            return rc < 0 && errno == EAGAIN;
        len = (size_t)rc;
    }
    link->calls->on_data(link->ctx, (struct span){shared, len});
    return true;
}

/* Advances as far as possible towards an open link; false if it is broken. */
static bool open_further(struct link *link)
{
    int why = 0;
    socklen_t len = sizeof(why);
    if (link->state == LINK_CONNECTING) {
        if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0 || why != 0)
            return false;
        link->state = link->tls != NULL ? LINK_SHAKING : LINK_OPEN;
    }
    if (link->state == LINK_SHAKING) {
        enum tls_step step = tls_session_shake(link->tls);
        link->wants_write = step == TLS_WAITS && tls_session_wants_write(link->tls);
        if (step == TLS_DONE)
            link->state = LINK_OPEN;
        return step != TLS_FAILED;
    }
    return true;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct link *link = poll->data;
    bool was_open = link->state == LINK_OPEN;
    bool good = status == 0 && (was_open || open_further(link));
    if (good && !was_open && link->state == LINK_OPEN)
        link->calls->on_open(link->ctx);
    if (good && link->state == LINK_OPEN)
        good = flush(link);
    if (status < 0 && was_open) /* an answer may have arrived before the reset */
        receive(link);
    else if (good && link->state == LINK_OPEN && !link->asleep && (events & UV_READABLE) != 0)
        good = receive(link);
    if (link->state == LINK_ENDED)
        return;
    if (good)
        arm(link);
    else
        end(link);
}

static int dial(const struct link_conf *conf)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, bytes = conf->receive_bytes;
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(ntohl(conf->from.s_addr) + conf->number / DIAL_PORTS_PER_ADDRESS);
    if (fd < 0)
        return -1;
    if ((bytes == 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0) &&
        (conf->from.s_addr == 0 ||
         (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == 0 &&
          bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0)) &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        (connect(fd, (const struct sockaddr *)&conf->to, sizeof(conf->to)) == 0 ||
         errno == EINPROGRESS))
        return fd;
    close(fd);
    return -1;
}

bool link_open(struct link *link, const struct link_conf *conf, const struct link_calls *calls,
               void *ctx)
{
    *link = (struct link){.calls = calls, .ctx = ctx, .fd = dial(conf)};
    if (link->fd < 0)
        return false;
    if (conf->tls != NULL)
        link->tls = tls_session_open(conf->tls, link->fd, conf->host);
    if ((conf->tls != NULL && link->tls == NULL) ||
        uv_poll_init(conf->loop, &link->poll, link->fd) < 0) {
        tls_session_close(link->tls);
        close(link->fd);
        return false;
    }
    link->poll.data = link;
    arm(link);
    return true;
}

void link_send(struct link *link, struct span bytes)
{
    assert(link->state == LINK_OPEN && link->unsent.len == 0);
    link->unsent = bytes;
    if (!flush(link))
        link->wants_write = true; /* sending fails again later, outside of this call */
    arm(link);
}

void link_read(struct link *link, bool on)
{
    link->asleep = !on;
    arm(link);
}

static void on_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    link->calls->on_closed(link->ctx);
}

void link_close(struct link *link)
{
    link->state = LINK_ENDED;
    uv_close((uv_handle_t *)&link->poll, on_closed);
    tls_session_close(link->tls);
    close(link->fd);
}
