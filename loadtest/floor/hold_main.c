/* hold_main.c: opens many streams and keeps them open, to measure the cost of a waiting visitor.
 *
 *   hold PORT COUNT PATH
 *
 * Requests PATH on COUNT connections, and prints {"ready":COUNT} once each has received its first
 * bytes. For each line on standard input it prints the open connections, and the reads since the
 * last line: {"open":n,"reads":n}. Exits at the end of standard input. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 1024, UNDER_WAY_MAX = 256 };

struct stream {
    int fd;
    bool greeted;
};

struct holder {
    int epoll;
    uint16_t port;
    struct stream *streams;
    char request[512];
    unsigned wanted, dialled, greeted, open;
    uint64_t reads;
};

static void dial(struct holder *holder)
{
    struct stream *stream = &holder->streams[holder->dialled++];
    size_t len = strlen(holder->request);
    stream->fd = load_connect(holder->epoll, holder->port, stream);
    if (send(stream->fd, holder->request, len, MSG_NOSIGNAL) != (ssize_t)len)
        load_die("hold: send");
    holder->open++;
}

static void hear(struct holder *holder, struct stream *stream)
{
    static char bytes[65536];
    ssize_t got = recv(stream->fd, bytes, sizeof(bytes), 0);
    if (got <= 0) {
        close(stream->fd);
        holder->open--;
        return;
    }
    holder->reads++;
    if (stream->greeted)
        return;
    if (memcmp(bytes, "HTTP/1.1 200", got < 12 ? (size_t)got : 12) != 0) {
        fprintf(stderr, "hold: %.*s\n", (int)got, bytes);
        exit(1);
    }
    stream->greeted = true;
    if (++holder->greeted == holder->wanted)
        printf("{\"ready\":%u}\n", holder->greeted);
}

static void on_command(struct holder *holder)
{
    char line[64];
    if (fgets(line, sizeof(line), stdin) == NULL)
        exit(0);
    printf("{\"open\":%u,\"reads\":%lu}\n", holder->open, holder->reads);
    holder->reads = 0;
}

int main(int argc, char **argv)
{
    static struct holder holder;
    struct epoll_event events[EVENTS_MAX], commands = {.events = EPOLLIN, .data.ptr = NULL};
    if (argc != 4) {
        fprintf(stderr, "usage: hold PORT COUNT PATH\n");
        return 2;
    }
    holder.port = (uint16_t)load_number(argv[1], 0);
    holder.wanted = (unsigned)load_number(argv[2], 0);
    holder.streams = calloc(holder.wanted, sizeof(*holder.streams));
    holder.epoll = epoll_create1(EPOLL_CLOEXEC);
    snprintf(holder.request, sizeof(holder.request),
             "GET %s HTTP/1.1\r\nHost: hold\r\nAccept: text/event-stream\r\n\r\n", argv[3]);
    if (holder.streams == NULL || holder.epoll < 0 ||
        epoll_ctl(holder.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands) < 0)
        load_die("hold");
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        while (holder.dialled < holder.wanted && holder.dialled - holder.greeted < UNDER_WAY_MAX)
            dial(&holder);
        int count = epoll_wait(holder.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                on_command(&holder);
            else
                hear(&holder, events[i].data.ptr);
        }
    }
}
