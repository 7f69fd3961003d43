/* client.c: see client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

void client_die(const char *what)
{
    perror(what);
    exit(1);
}

uint64_t client_now_us(void)
{
    return clock_mono_us(clock_system());
}

int client_dial(int epoll, uint16_t port, void *data)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        client_die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        client_die("epoll_ctl");
    return fd;
}

const char *client_behind(const char *answer, size_t len, const char *name)
{
    const char *at = memmem(answer, len, name, strlen(name));
    return at != NULL ? at + strlen(name) : NULL;
}

bool client_has_all(const char *answer, size_t len)
{
    const char *body = client_behind(answer, len, "\r\n\r\n");
    if (body == NULL)
        return false;
    size_t head = (size_t)(body - answer);
    const char *length = client_behind(answer, head, "Content-Length: ");
    if (length == NULL)
        length = client_behind(answer, head, "content-length: ");
    return len >= head + (length != NULL ? strtoul(length, NULL, 10) : 0);
}

int client_options(int argc, char **argv, const char *letters,
                   const char *given[CLIENT_OPTIONS_MAX])
{
    int option;
    while ((option = getopt(argc, argv, letters)) != -1) {
        if (option == '?')
            return -1;
        given[option] = optarg;
    }
    return 0;
}

uint64_t client_number(const char *text, uint64_t missing)
{
    return text != NULL ? strtoull(text, NULL, 10) : missing;
}
