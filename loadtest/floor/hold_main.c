/* hold_main.c: opens many streams and holds them, for measuring what a waiting visitor costs.
 *
 *   hold ADDRESS PORT COUNT PATH [FROM]
 *
 * Opens COUNT connections to ADDRESS:PORT (from the address FROM on, so that ports suffice), asks
 * each for PATH, and says {"ready":COUNT} once every one has had its first bytes. Each line on
 * standard input is then answered with what has come since: {"open":n,"bytes":n,"reads":n}. Ends
 * with its standard input. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 1024, UNDER_WAY_MAX = 256, FDS_MAX = 20000, PORTS_PER_ADDRESS = 20000 };

struct holder {
    int epoll;
    struct sockaddr_in to;
    struct in_addr from;
    bool from_given;
    const char *request;
    size_t request_len;
    unsigned wanted, dialled, greeted, open;
    uint64_t bytes, reads;
    bool said_ready;
    bool greeted_fd[FDS_MAX];
};

static void dial(struct holder *holder)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || fd >= FDS_MAX)
        client_die("hold: socket");
    if (holder->from_given) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = holder->from};
        from.sin_addr.s_addr =
            htonl(ntohl(from.sin_addr.s_addr) + holder->dialled / PORTS_PER_ADDRESS);
        int on = 1;
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
            client_die("hold: bind");
    }
    if (connect(fd, (struct sockaddr *)&holder->to, sizeof(holder->to)) < 0 && errno != EINPROGRESS)
        client_die("hold: connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd};
    if (epoll_ctl(holder->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        client_die("hold: epoll_ctl");
    holder->greeted_fd[fd] = false;
    holder->dialled++;
}

static void ask(struct holder *holder, int fd)
{
    if (send(fd, holder->request, holder->request_len, MSG_NOSIGNAL) !=
        (ssize_t)holder->request_len)
        client_die("hold: send");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(holder->epoll, EPOLL_CTL_MOD, fd, &event);
    holder->open++;
}

static void hear(struct holder *holder, int fd)
{
    static char bytes[65536];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN)
            return;
        close(fd);
        holder->open--;
        return;
    }
    holder->bytes += (uint64_t)got;
    holder->reads++;
    if (!holder->greeted_fd[fd]) {
        if (memcmp(bytes, "HTTP/1.1 200", got < 12 ? (size_t)got : 12) != 0) {
            fprintf(stderr, "hold: %.*s\n", (int)got, bytes);
            exit(1);
        }
        holder->greeted_fd[fd] = true;
        holder->greeted++;
    }
}

static void on_command(struct holder *holder)
{
    char line[64];
    if (fgets(line, sizeof(line), stdin) == NULL)
        exit(0);
    printf("{\"open\":%u,\"bytes\":%lu,\"reads\":%lu}\n", holder->open, holder->bytes,
           holder->reads);
    fflush(stdout);
    holder->bytes = 0;
    holder->reads = 0;
}

static void turn(struct holder *holder)
{
    struct epoll_event events[EVENTS_MAX];
    while (holder->dialled < holder->wanted && holder->dialled - holder->greeted < UNDER_WAY_MAX)
        dial(holder);
    int count = epoll_wait(holder->epoll, events, EVENTS_MAX, -1);
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if (fd == STDIN_FILENO)
            on_command(holder);
        else if ((events[i].events & EPOLLOUT) != 0)
            ask(holder, fd);
        else
            hear(holder, fd);
    }
    if (!holder->said_ready && holder->greeted == holder->wanted) {
        holder->said_ready = true;
        printf("{\"ready\":%u}\n", holder->greeted);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: hold ADDRESS PORT COUNT PATH [FROM]\n");
        return 2;
    }
    static struct holder holder;
    holder.to.sin_family = AF_INET;
    holder.to.sin_port = htons((uint16_t)atoi(argv[2]));
    holder.wanted = (unsigned)atoi(argv[3]);
    if (inet_pton(AF_INET, argv[1], &holder.to.sin_addr) != 1 ||
        (argc > 5 && inet_pton(AF_INET, argv[5], &holder.from) != 1)) {
        fprintf(stderr, "hold: addresses are numeric\n");
        return 2;
    }
    if ((ntohl(holder.to.sin_addr.s_addr) >> 24) != 127) {
        fprintf(stderr, "hold: %s is not on this machine\n", argv[1]);
        return 2;
    }
    holder.from_given = argc > 5;
    char request[512];
    holder.request_len = (size_t)snprintf(request, sizeof(request),
                                          "GET %s HTTP/1.1\r\nHost: hold\r\n"
                                          "Accept: text/event-stream\r\n\r\n",
                                          argv[4]);
    holder.request = request;
    holder.epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
    epoll_ctl(holder.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;)
        turn(&holder);
}
