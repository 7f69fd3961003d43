/* cut_proxy.c: one connection at a time, which is all that the committer has. A batch is told from
 * other statements by its length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cut_proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BATCH_BYTES = 600, POLL_MS = 50 };

struct cut_proxy {
    struct sockaddr_un server;
    int listener;
    atomic_bool armed, ending;
    atomic_uint cuts;
    pthread_t thread;
    char bytes[65536];
};

static struct sockaddr_un address(const char *dir, int port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.%d", dir, port);
    return address;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* Passes bytes on until one side ends, or the moment to cut has come. */
static void relay(struct cut_proxy *proxy, int client, int server)
{
    bool batch_under_way = false;
    while (!proxy->ending) {
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(fds, 2, POLL_MS) <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            if (fds[i].revents == 0)
                continue;
            ssize_t got = recv(fds[i].fd, proxy->bytes, sizeof(proxy->bytes), 0);
            if (got <= 0)
                return;
            bool to_server = i == 0;
            if (to_server && proxy->armed && got >= BATCH_BYTES)
                batch_under_way = true;
            if (!to_server && batch_under_way) {
                proxy->armed = false;
                proxy->cuts += 1;
                return;
            }
            if (!send_all(to_server ? server : client, proxy->bytes, (size_t)got))
                return;
        }
    }
}

static void *run(void *arg)
{
    struct cut_proxy *proxy = arg;
    while (!proxy->ending) {
        struct pollfd fd = {.fd = proxy->listener, .events = POLLIN};
        if (poll(&fd, 1, POLL_MS) <= 0)
            continue;
        int client = accept(proxy->listener, NULL, NULL);
        int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(server, (struct sockaddr *)&proxy->server, sizeof(proxy->server)) == 0)
            relay(proxy, client, server);
        close(client);
        close(server);
    }
    return NULL;
}

struct cut_proxy *cut_proxy_start(const char *dir, int port)
{
    struct cut_proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_un here = address(dir, port);
    proxy->server = address(dir, 5432);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(proxy->listener, (struct sockaddr *)&here, sizeof(here)));
    assert_int_equal(0, listen(proxy->listener, 8));
    assert_int_equal(0, pthread_create(&proxy->thread, NULL, run, proxy));
    return proxy;
}

void cut_proxy_arm(struct cut_proxy *proxy)
{
    proxy->armed = true;
}

unsigned cut_proxy_cuts(struct cut_proxy *proxy)
{
    return proxy->cuts;
}

void cut_proxy_end(struct cut_proxy *proxy)
{
    proxy->ending = true;
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    free(proxy);
}
