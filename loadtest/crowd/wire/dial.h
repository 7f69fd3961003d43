/* dial.h: connections from many addresses of this machine, so that ports do not run out. */
#ifndef FG_CROWD_DIAL_H
#define FG_CROWD_DIAL_H

#include <netinet/in.h>
#include <uv.h>

/* An initialised, unopened `tcp` gets a socket that will connect from `from`, or from a later
 * address if `number` is beyond what one has ports for; from 0.0.0.0: from wherever the kernel
 * likes. The port is chosen when it connects. `receive_bytes`: the kernel's buffer, 0: as it likes.
 */
int dial_from(uv_tcp_t *tcp, struct in_addr from, uint32_t number, int receive_bytes);

#endif
