/* floor_main.c: a minimal HTTP server, the baseline for ours.
 *
 *   floor PORT BYTES [reply|stream]
 *
 * reply: level-triggered epoll, one recvfrom and one sendto of constant bytes per read. N empty
 * lines in a read get N answers in one write, which serves pipelining clients. No parsing, no
 * routing, no timeouts, no limits.
 *
 * stream: answers a request with a head and keeps the connection open. On SIGUSR1 it writes
 * constant bytes to all connections and prints the CPU time that this took.
 *
 * It makes the same system calls as the services (common/http/http_conn.c). read() and write() go
 * through the file layer and would make it some percent slower, which would flatter the
 * services. */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS_MAX = 1024, READ_MAX = 16384, PIPELINE_MAX = 64, FDS_MAX = 20000 };

static ssize_t take(int fd, char *to, size_t len)
{
    return syscall(SYS_recvfrom, fd, to, len, 0, NULL, NULL);
}

static ssize_t give(int fd, const char *from, size_t len)
{
    return syscall(SYS_sendto, fd, from, len, MSG_NOSIGNAL, NULL, 0);
}

static int listen_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 4096) < 0)
        load_die("floor: listen");
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static unsigned requests_in(const char *bytes, size_t len)
{
    unsigned count = 0;
    for (const char *at = bytes; at < bytes + len; at += 4) {
        at = memmem(at, (size_t)(bytes + len - at), "\r\n\r\n", 4);
        if (at == NULL)
            break;
        count++;
    }
    return count;
}

/* Returns PIPELINE_MAX consecutive answers with bodies of `len` bytes; their heads are as long as
 * those of a poll. */
static char *answers(size_t len, size_t *one)
{
    char head[256];
    int head_len = snprintf(head, sizeof(head),
                            "HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 07:14:00 GMT\r\n"
                            "Content-Length: %zu\r\nContent-Type: application/json\r\n"
                            "Cache-Control: no-store\r\n\r\n",
                            len);
    *one = (size_t)head_len + len;
    char *all = malloc(*one * PIPELINE_MAX);
    if (all == NULL)
        load_die("floor: answers");
    for (size_t i = 0; i < PIPELINE_MAX; i++) {
        memcpy(all + i * *one, head, (size_t)head_len);
        memset(all + i * *one + head_len, 'x', len);
    }
    return all;
}

static bool is_stream[FDS_MAX];

static void broadcast(const char *bytes, size_t len)
{
    struct rusage before, after;
    unsigned sent = 0;
    getrusage(RUSAGE_SELF, &before);
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (is_stream[fd] && give(fd, bytes, len) == (ssize_t)len)
            sent++;
    }
    getrusage(RUSAGE_SELF, &after);
    long us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000L +
              (after.ru_utime.tv_usec - before.ru_utime.tv_usec) +
              (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000L +
              (after.ru_stime.tv_usec - before.ru_stime.tv_usec);
    printf("{\"sent\":%u,\"cpu_us\":%ld}\n", sent, us);
    fflush(stdout);
}

struct floor {
    int epoll;
    int listener;
    int signals;
    bool streams;
    const char *answer;
    size_t one;
};

static void serve(const struct floor *floor, int fd)
{
    static char bytes[READ_MAX];
    ssize_t got = take(fd, bytes, sizeof(bytes));
    if (got <= 0) {
        is_stream[fd] = false;
        close(fd);
        return;
    }
    if (floor->streams) {
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        is_stream[fd] = give(fd, head, sizeof(head) - 1) > 0;
        return;
    }
    unsigned count = requests_in(bytes, (size_t)got);
    if (count > 0 && give(fd, floor->answer, floor->one * count) < 0)
        close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: floor PORT BYTES [reply|stream]\n");
        return 2;
    }
    struct floor floor = {.streams = argc > 3 && strcmp(argv[3], "stream") == 0};
    size_t len = (size_t)atol(argv[2]);
    floor.answer = answers(len, &floor.one);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    floor.epoll = epoll_create1(0);
    floor.listener = listen_on((uint16_t)atoi(argv[1]));
    floor.signals = signalfd(-1, &usr1, SFD_NONBLOCK);
    watch(floor.epoll, floor.listener);
    watch(floor.epoll, floor.signals);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(floor.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == floor.listener) {
                int conn;
                while ((conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
                    watch(floor.epoll, conn);
            } else if (fd == floor.signals) {
                struct signalfd_siginfo info;
                if (read(fd, &info, sizeof(info)) > 0)
                    broadcast(floor.answer, len);
            } else {
                serve(&floor, fd);
            }
        }
    }
}
