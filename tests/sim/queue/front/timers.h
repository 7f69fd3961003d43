/* timers.h: libuv's handles as the world has them. A program that links this has no others. */
#ifndef FG_SIM_QUEUE_TIMERS_H
#define FG_SIM_QUEUE_TIMERS_H

struct sim_proc;

/* `turned`: a process has perhaps written to its sockets. */
void timers_begin(void (*turned)(const struct sim_proc *proc));
/* Something has happened to the current process's socket: its poll handle looks at it. */
void timers_look(int fd);

#endif
