/* dial.c: binds a connection to one of many local addresses before it connects.
 *
 * One address has some 28,000 ports towards one server, fewer than a large crowd. The kernel has
 * an option to choose the port when it connects (IP_BIND_ADDRESS_NO_PORT): a port that bind()
 * chose would be taken for all destinations, one that connect() chooses has to be free only
 * towards this one. */
#include "wire/dial.h"

#include "limits.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int dial_from(uv_tcp_t *tcp, struct in_addr from, uint32_t number, int receive_bytes)
{
    if (from.s_addr == 0 && receive_bytes == 0)
        return 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1, rc = 0;
    if (receive_bytes > 0)
        rc = setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    if (rc == 0 && from.s_addr != 0) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(ntohl(from.s_addr) + number / DIAL_PORTS_PER_ADDRESS);
        rc = setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (rc == 0)
            rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
    }
    if (rc < 0)
        rc = -errno;
    else
        rc = uv_tcp_open(tcp, fd);
    if (rc < 0)
        close(fd);
    return rc;
}
