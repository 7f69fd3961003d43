/* cut_proxy.c: a thread for each connection. It recognises a batch by its length, the raising of an
 * epoch by its words and the committer's connection by its application name. */

#include "cut_proxy.h"
#include "unit.h"

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

enum { POLL_MS = 50 };

enum { CONNECTIONS_MAX = 8192 };

struct cut_proxy {
    struct sockaddr_un server;
    int listener;
    atomic_bool armed, keeps_at_work, shut, ending;
    atomic_uint raises; /* of an epoch: so many are passed on, and their clients cut off */
    atomic_uint cuts;
    pthread_t thread;
    pthread_t relays[CONNECTIONS_MAX];
    unsigned relays_len;
};

struct connection {
    struct cut_proxy *proxy;
    int client, server;
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

static bool raises_epoch(const char *bytes, size_t len)
{
    return memmem(bytes, len, "SET epoch = epoch + 1", 21) != NULL;
}

/* Does this write a batch, of however few changes? A prepared statement's name follows an empty
 * portal's. */
static bool writes_batch(const char *bytes, size_t len)
{
    return memmem(bytes, len, "\0append", 7) != NULL;
}

/* Does this open a connection of the committer? */
static bool names_committer(const char *bytes, size_t len)
{
    return memmem(bytes, len, "fairgate seat-service journal", 29) != NULL;
}

/* The server has answered everything and waits for a query. */
static bool is_ready(const char *bytes, size_t len)
{
    static const char ready[] = {'Z', 0, 0, 0, 5, 'I'};
    return len >= sizeof(ready) && memcmp(bytes + len - sizeof(ready), ready, sizeof(ready)) == 0;
}

/* A simple query. */
static void set_to_work(int server)
{
    static const char sleeps[] = "Q\0\0\0\x19"
                                 "SELECT pg_sleep(600)";
    assert_true(send_all(server, sleeps, sizeof(sleeps)));
}

/* The server's connection stays open without a reader, as after a pulled cable. */
static void cut_client(struct connection *at)
{
    at->proxy->cuts += 1;
    shutdown(at->client, SHUT_RDWR);
    while (!at->proxy->ending)
        poll(NULL, 0, POLL_MS);
}

/* Passes bytes on until one side ends, or the moment to cut has come. */
static void relay(struct connection *at)
{
    struct cut_proxy *proxy = at->proxy;
    bool batch_under_way = false, committers = false;
    while (!proxy->ending) {
        struct pollfd fds[2] = {{.fd = at->client, .events = POLLIN},
                                {.fd = at->server, .events = POLLIN}};
        if (poll(fds, 2, POLL_MS) <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            if (fds[i].revents == 0)
                continue;
            ssize_t got = recv(fds[i].fd, at->bytes, sizeof(at->bytes), 0);
            if (got <= 0)
                return;
            bool to_server = i == 0;
            if (to_server && proxy->armed && writes_batch(at->bytes, (size_t)got))
                batch_under_way = true;
            if (to_server && names_committer(at->bytes, (size_t)got))
                committers = true;
            if (!to_server && committers && proxy->keeps_at_work &&
                is_ready(at->bytes, (size_t)got)) {
                proxy->keeps_at_work = false;
                set_to_work(at->server);
                cut_client(at);
                return;
            }
            if (!to_server && batch_under_way) {
                proxy->armed = false;
                proxy->cuts += 1;
                return;
            }
            if (!send_all(to_server ? at->server : at->client, at->bytes, (size_t)got))
                return;
            if (to_server && proxy->raises > 0 && raises_epoch(at->bytes, (size_t)got)) {
                proxy->raises -= 1;
                cut_client(at);
                return;
            }
        }
    }
}

static void *run_relay(void *arg)
{
    struct connection *at = arg;
    relay(at);
    close(at->client);
    close(at->server);
    free(at);
    return NULL;
}

static void *run(void *arg)
{
    struct cut_proxy *proxy = arg;
    while (!proxy->ending) {
        /* poll() ignores a negative descriptor. */
        struct pollfd fd = {.fd = proxy->shut ? -1 : proxy->listener, .events = POLLIN};
        if (poll(&fd, 1, POLL_MS) <= 0)
            continue;
        struct connection *at = calloc(1, sizeof(*at));
        at->proxy = proxy;
        at->client = accept(proxy->listener, NULL, NULL);
        at->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (proxy->relays_len == CONNECTIONS_MAX ||
            connect(at->server, (struct sockaddr *)&proxy->server, sizeof(proxy->server)) != 0) {
            close(at->client);
            close(at->server);
            free(at);
            continue;
        }
        pthread_create(&proxy->relays[proxy->relays_len++], NULL, run_relay, at);
    }
    for (unsigned i = 0; i < proxy->relays_len; i++)
        pthread_join(proxy->relays[i], NULL);
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

void cut_proxy_cut_raises(struct cut_proxy *proxy, unsigned count)
{
    proxy->raises = count;
}

void cut_proxy_keep_at_work(struct cut_proxy *proxy)
{
    proxy->keeps_at_work = true;
}

void cut_proxy_shut(struct cut_proxy *proxy, bool shut)
{
    proxy->shut = shut;
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
