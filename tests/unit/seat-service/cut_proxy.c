/* cut_proxy.c: one thread per connection. It recognises a batch by the name of its prepared
 * statement, an epoch raise by its SQL and the committer's connection by its application name. */

#include "cut_proxy.h"
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { POLL_MS = 50, CONNECTIONS_MAX = 8192 };

struct proxy {
    struct cut_proxy orders;
    struct sockaddr_un server;
    int listener;
    atomic_bool ending;
    pthread_t thread;
    pthread_t relays[CONNECTIONS_MAX];
    unsigned relays_len;
};

struct connection {
    struct proxy *proxy;
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

/* Received bytes and their direction. */
struct piece {
    const char *bytes;
    size_t len;
    bool to_server;
};

static bool asks(struct piece piece, const char *words, size_t len)
{
    return piece.to_server && memmem(piece.bytes, piece.len, words, len) != NULL;
}

/* The server has answered everything and waits for the next query. */
static bool is_ready(struct piece piece)
{
    static const char ready[] = {'Z', 0, 0, 0, 5, 'I'};
    return !piece.to_server && piece.len >= sizeof(ready) &&
           memcmp(piece.bytes + piece.len - sizeof(ready), ready, sizeof(ready)) == 0;
}

/* Keeps the backend busy with a simple query. */
static void set_to_work(int server)
{
    static const char sleeps[] = "Q\0\0\0\x19"
                                 "SELECT pg_sleep(600)";
    assert_true(send_all(server, sleeps, sizeof(sleeps)));
}

/* The server's connection stays open without a reader, as after a pulled cable. */
static void cut_client(struct connection *at)
{
    at->proxy->orders.cuts += 1;
    shutdown(at->client, SHUT_RDWR);
    while (!at->proxy->ending)
        poll(NULL, 0, POLL_MS);
}

/* Relays bytes until one side ends or the connection has to be cut. */
static void relay(struct connection *at)
{
    struct cut_proxy *orders = &at->proxy->orders;
    bool batch_under_way = false, committers = false;
    while (!at->proxy->ending) {
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
            const struct piece piece = {at->bytes, (size_t)got, i == 0};
            /* A batch of any size: an empty portal name, then its prepared statement's name. */
            batch_under_way = batch_under_way || (orders->armed && asks(piece, "\0append", 7));
            committers = committers || asks(piece, "fairgate seat-service journal", 29);
            if (committers && orders->keeps_at_work && is_ready(piece)) {
                orders->keeps_at_work = false;
                set_to_work(at->server);
                cut_client(at);
                return;
            }
            if (!piece.to_server && batch_under_way) {
                orders->armed = false;
                orders->cuts += 1;
                return;
            }
            if (!send_all(piece.to_server ? at->server : at->client, piece.bytes, piece.len))
                return;
            bool raises = asks(piece, "owner_raise(", 12);
            orders->raised += raises;
            if (orders->raises > 0 && raises) {
                orders->raises -= 1;
                /* Until it is answered: a backend may lag behind that of the next attempt. */
                while (!at->proxy->ending && poll(&fds[1], 1, POLL_MS) == 0)
                    ;
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
    struct proxy *proxy = arg;
    while (!proxy->ending) {
        /* poll() ignores a negative descriptor. */
        struct pollfd fd = {.fd = proxy->orders.shut ? -1 : proxy->listener, .events = POLLIN};
        if (poll(&fd, 1, POLL_MS) <= 0 || proxy->orders.shut) /* shut after poll() began */
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
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_un here = address(dir, port);
    proxy->server = address(dir, 5432);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(proxy->listener, (struct sockaddr *)&here, sizeof(here)));
    assert_int_equal(0, listen(proxy->listener, 8));
    assert_int_equal(0, pthread_create(&proxy->thread, NULL, run, proxy));
    return &proxy->orders;
}

void cut_proxy_end(struct cut_proxy *orders)
{
    struct proxy *proxy = (struct proxy *)orders; /* its first member */
    proxy->ending = true;
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    free(proxy);
}
