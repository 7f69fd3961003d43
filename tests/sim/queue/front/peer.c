/* peer.c: connect() as the world has it: hiredis's socket becomes one end of a pair, whose other
 * end is here. A program that links this connects to nothing else.
 *
 * What a front has written is read at the end of its turn. Each command then travels over a network
 * that loses, delays and breaks, in order; Redis does it, and the reply travels back. A command
 * that was sent may still be done when its connection is gone. A front learns that Redis has closed
 * a connection only after it has sent something there.
 *
 * A process that was paused finds all later replies on waking, in order: they wait in `inbox` for
 * the loop's turn. */

#include "queue/front/keeper.h"
#include "queue/front/proc.h"
#include "queue/front/timers.h"
#include "stage/faults.h"
#include "stage/probes.h"

#include "line/line_limits.h"
#include "redis-model/reply.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WORDS_MAX = 8192,
    CALL_US_MIN = 60,
    CALL_US_MAX = 900,
    LATE_MAX_MS = 4000,
    FAULTS_CLOSE_MS = 2000,
};

/* A command in flight, then its reply. */
struct passage {
    struct peer *peer;
    redisReply *command;
    struct bytes answer;
    struct passage *next;
};

/* Never freed: passages point to it. */
struct peer {
    struct sim_proc *proc; /* the front */
    uint32_t life;
    uint32_t run;        /* number of the Redis run */
    int front_fd, fd;    /* fd -1: the front has closed its end */
    bool known, broken;  /* has logged in; Redis has closed it */
    redisReader *reader; /* splits what the front writes into commands */
    struct bytes inbox;
    struct passage *waiting, *waiting_end; /* arrived while Redis is paused */
    uint64_t there_us, back_us;            /* arrival of the newest; none overtakes another */
    struct peer *next;
};

static struct peer *peers; /* those that are open */

/* A late call, or a second broken connection, may last as long as the others wait for what this
 * front knows after a loss. */
static void suffer(const struct peer *peer, uint64_t late_us)
{
    struct proc *proc = proc_of(peer->proc);
    bool again = proc->fault_us + FAULTS_CLOSE_MS * SIM_MS > sim_us() && proc->fault_us > 0;
    if (again || late_us > HEAL_WINDOW_MS * SIM_MS / 2)
        proc_fleet()->ears.on_silenced(proc->number);
    proc->fault_us = sim_us();
}

static bool is_of_the_dead(const struct peer *peer)
{
    return peer->proc->life != peer->life;
}

/* Nobody waits for its replies. */
static bool is_over(const struct peer *peer)
{
    char byte;
    return is_of_the_dead(peer) || peer->fd < 0 || recv(peer->fd, &byte, 1, MSG_PEEK) == 0;
}

/* ---- answers ---- */

static void free_passage(struct passage *passage)
{
    freeReplyObject(passage->command);
    bytes_free(&passage->answer);
    free(passage);
}

static void deliver(void *ctx)
{
    struct peer *peer = ctx;
    if (peer->inbox.len == 0 || is_over(peer))
        return;
    ssize_t sent = send(peer->fd, peer->inbox.ptr, peer->inbox.len, MSG_NOSIGNAL);
    assert(sent == (ssize_t)peer->inbox.len);
    peer->inbox.len = 0;
    timers_look(peer->front_fd);
}

static void come_back(void *ctx)
{
    struct passage *passage = ctx;
    struct peer *peer = passage->peer;
    bytes_put(&peer->inbox, passage->answer.ptr, passage->answer.len);
    if (!is_of_the_dead(peer))
        sim_after(peer->proc, 0, deliver, peer);
    free_passage(passage);
}

static void on_hung_up(void *ctx)
{
    struct peer *peer = ctx;
    if (is_over(peer))
        return;
    (void)shutdown(peer->fd, SHUT_RDWR);
    timers_look(peer->front_fd);
}

static void hang_up(struct passage *passage)
{
    struct peer *peer = passage->peer;
    if (!peer->broken && !is_of_the_dead(peer))
        sim_after(peer->proc, sim_between(SIM_MS, 50 * SIM_MS), on_hung_up, peer);
    peer->broken = true;
    free_passage(passage);
}

static uint64_t in_order(uint64_t *last_us, uint64_t us)
{
    uint64_t at_us = sim_us() + us;
    *last_us = at_us > *last_us ? at_us : *last_us + 1;
    return *last_us - sim_us();
}

/* ---- calls ---- */

static void be_done(struct passage *passage)
{
    static struct span words[WORDS_MAX];
    const redisReply *command = passage->command;
    assert(command->type == REDIS_REPLY_ARRAY && command->elements <= WORDS_MAX);
    for (size_t i = 0; i < command->elements; i++)
        words[i] = (struct span){command->element[i]->str, command->element[i]->len};
    passage->peer->known |= span_eq(words[0], SPAN("AUTH"));
    if (passage->peer->known)
        keeper_do(words, command->elements, &passage->answer);
    else
        reply_error(&passage->answer, "NOAUTH Authentication required.");
}

static bool is_look_up(const redisReply *command)
{
    for (size_t i = 0; i < command->elements; i++)
        if (strcmp(command->element[i]->str, "look") == 0)
            return true;
    return false;
}

static void be_read(struct passage *passage)
{
    struct peer *peer = passage->peer;
    if (peer->run != keeper_run() || peer->broken) {
        hang_up(passage);
        return;
    }
    if (fault_now(FAULT_REDIS_CUT) ||
        (is_look_up(passage->command) && fault_now(FAULT_REDIS_CUT_LOOK))) {
        suffer(peer, 0);
        hang_up(passage);
        return;
    }
    if (is_over(peer))
        probe_reached(PROBE_LINE_LATE_CALL);
    be_done(passage);
    if (fault_now(FAULT_REDIS_CUT_AFTER)) {
        suffer(peer, 0);
        hang_up(passage);
        return;
    }
    sim_after(NULL, in_order(&peer->back_us, sim_between(CALL_US_MIN, CALL_US_MAX)), come_back,
              passage);
}

/* A paused Redis reads the calls that arrived meanwhile when it resumes, in order. Events of the
 * same time have no order, so this is one event. */
static void read_those_who_wait(void *ctx)
{
    struct peer *peer = ctx;
    if (keeper_busy_us() > 0) {
        sim_after(NULL, keeper_busy_us(), read_those_who_wait, peer);
        return;
    }
    while (peer->waiting != NULL) {
        struct passage *passage = peer->waiting;
        peer->waiting = passage->next;
        be_read(passage);
    }
}

static void arrive(void *ctx)
{
    struct passage *passage = ctx;
    struct peer *peer = passage->peer;
    if (peer->waiting != NULL) {
        peer->waiting_end->next = passage;
    } else if (keeper_busy_us() > 0) {
        peer->waiting = passage;
        sim_after(NULL, keeper_busy_us(), read_those_who_wait, peer);
    } else {
        be_read(passage);
        return;
    }
    peer->waiting_end = passage;
}

static void set_out(struct peer *peer, redisReply *command)
{
    struct passage *passage = sim_new(sizeof(*passage));
    *passage = (struct passage){.peer = peer, .command = command};
    uint64_t us = sim_between(CALL_US_MIN, CALL_US_MAX);
    if (fault_now(FAULT_REDIS_LATE)) {
        us = sim_below(SIM_FAULTS, LATE_MAX_MS) * SIM_MS;
        suffer(peer, us);
    }
    sim_after(NULL, in_order(&peer->there_us, us), arrive, passage);
}

static void read_all(struct peer *peer)
{
    char bytes[16384];
    ssize_t len = 0;
    void *command = NULL;
    while (!is_of_the_dead(peer) && (len = read(peer->fd, bytes, sizeof(bytes))) > 0)
        redisReaderFeed(peer->reader, bytes, (size_t)len);
    while (redisReaderGetReply(peer->reader, &command) == REDIS_OK && command != NULL)
        set_out(peer, command);
    if (len < 0)
        return;
    close(peer->fd);
    peer->fd = -1;
    redisReaderFree(peer->reader);
}

static void on_turned(const struct sim_proc *proc)
{
    for (struct peer **at = &peers; *at != NULL;) {
        struct peer *peer = *at;
        if (peer->proc == proc)
            read_all(peer);
        if (peer->fd < 0)
            *at = peer->next;
        else
            at = &peer->next;
    }
}

/* ---- the beginning ---- */

/* The front's socket is writable at once, but timers.c looks at it some time later. */
int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    (void)addr;
    (void)len;
    if (keeper_run() == 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    int pair[2];
    struct peer *peer = sim_new(sizeof(*peer));
    int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
    assert(rc == 0);
    rc = dup2(pair[0], fd);
    assert(rc == fd);
    close(pair[0]);
    *peer = (struct peer){.proc = sim_current(),
                          .life = sim_current()->life,
                          .run = keeper_run(),
                          .front_fd = fd,
                          .fd = pair[1],
                          .reader = redisReaderCreate(),
                          .next = peers};
    assert(peer->reader != NULL);
    peers = peer;
    return 0;
}

void proc_peer_begin(void)
{
    signal(SIGPIPE, SIG_IGN);
    timers_begin(on_turned);
}
