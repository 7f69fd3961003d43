/* commit_queue_test.c: no entry is lost or delivered twice, and a full queue rejects entries. Also
 * run under TSan. */
#include "base/clock.h"
#include "journal/commit_queue.h"
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void no_wake(void *ctx)
{
    (void)ctx;
}

static void count_done(struct commit_entry *entry)
{
    unsigned *done = entry->ctx;
    *done += 1;
}

static struct commit_queue *queue_of(uint32_t ports, uint32_t entries)
{
    struct commit_queue *queue;
    struct err_slot err;
    assert_int_equal(
        0, commit_queue_create(&(struct commit_queue_conf){ports, entries}, &err, &queue));
    return queue;
}

TEST_CASE(entries_come_out_in_order_and_a_port_without_room_says_so)
{
    struct commit_queue *queue = queue_of(2, 3);
    struct commit_port *port[] = {commit_queue_port(queue, 0, no_wake, NULL),
                                  commit_queue_port(queue, 1, no_wake, NULL)};
    struct commit_entry *sent[6];
    unsigned done = 0;
    for (int i = 0; i < 6; i++)
        assert_non_null(sent[i] = commit_port_take(port[i % 2]));
    assert_null(commit_port_take(port[0]));
    assert_int_equal(3, commit_port_open(port[0]));
    commit_port_return(sent[2]);
    assert_ptr_equal(sent[2], commit_port_take(port[0]));
    for (int i = 0; i < 6; i++) {
        sent[i]->on_done = count_done;
        sent[i]->ctx = &done;
        commit_port_submit(sent[i], 1);
    }
    assert_int_equal(6, commit_queue_len(queue));
    for (int i = 0; i < 6; i++)
        assert_ptr_equal(sent[i], commit_queue_take(queue));
    assert_null(commit_queue_take(queue));
    for (int i = 0; i < 6; i++)
        commit_queue_give(queue, sent[i]);
    assert_int_equal(2, commit_port_collect(port[0], 2));
    assert_int_equal(1, commit_port_collect(port[0], 2));
    assert_int_equal(3, commit_port_collect(port[1], 100));
    assert_int_equal(6, done);
    assert_int_equal(0, commit_port_open(port[0]));
    commit_queue_destroy(queue);
}

TEST_CASE(waiting_ends_at_once_on_an_entry_or_a_nudge)
{
    struct commit_queue *queue = queue_of(1, 2);
    struct commit_port *port = commit_queue_port(queue, 0, no_wake, NULL);
    struct commit_entry *entry = commit_port_take(port);
    unsigned done = 0;
    entry->on_done = count_done;
    entry->ctx = &done;
    commit_port_submit(entry, 1);
    uint64_t before_us = clock_mono_us(clock_system());
    commit_queue_wait(queue, 5000);
    commit_queue_give(queue, commit_queue_take(queue));
    commit_queue_nudge(queue);
    commit_queue_wait(queue, 5000);
    assert_true(clock_mono_us(clock_system()) - before_us < 2000000);
    assert_int_equal(1, commit_port_collect(port, 8));
    commit_queue_destroy(queue);
}

/* ---- two producers and the committer, with real threads ---- */

enum { ROUNDS = 20000, ENTRIES = 64 };

struct producer {
    struct commit_port *port;
    int wakefd;
    uint64_t sent_sum, back_sum;
    unsigned sent, back, full;
};

static void on_wake(void *ctx)
{
    struct producer *producer = ctx;
    assert_int_equal(8, write(producer->wakefd, &(uint64_t){1}, 8));
}

static void on_back(struct commit_entry *entry)
{
    struct producer *producer = entry->ctx;
    uint64_t value = entry->op.change.total;
    assert_int_equal(0, entry->rc);
    assert_int_equal(value + 1, entry->op.change.seq);
    producer->back_sum += value;
    producer->back += 1;
}

static void collect(struct producer *producer)
{
    struct pollfd fd = {.fd = producer->wakefd, .events = POLLIN};
    assert_int_equal(1, poll(&fd, 1, 10000)); /* a lost wake-up ends in a timeout here */
    uint64_t count;
    assert_int_equal(8, read(producer->wakefd, &count, 8));
    while (commit_port_collect(producer->port, 16) == 16)
        ;
}

static void *produce(void *arg)
{
    struct producer *producer = arg;
    while (producer->sent < ROUNDS) {
        struct commit_entry *entry = commit_port_take(producer->port);
        if (entry == NULL) {
            producer->full += 1;
            collect(producer);
            continue;
        }
        uint64_t value = producer->sent * 7 + 1;
        entry->op.change.total = value;
        entry->on_done = on_back;
        entry->ctx = producer;
        commit_port_submit(entry, 1);
        producer->sent += 1;
        producer->sent_sum += value;
    }
    while (commit_port_open(producer->port) > 0)
        collect(producer);
    return NULL;
}

TEST_CASE(two_loops_and_the_committer_lose_no_entry_and_no_wakeup)
{
    struct commit_queue *queue = queue_of(2, ENTRIES);
    struct producer producer[2] = {0};
    pthread_t thread[2];
    for (unsigned i = 0; i < 2; i++) {
        producer[i].wakefd = eventfd(0, EFD_NONBLOCK);
        producer[i].port = commit_queue_port(queue, i, on_wake, &producer[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(0, pthread_create(&thread[i], NULL, produce, &producer[i]));
    unsigned seen = 0;
    while (seen < 2 * ROUNDS) {
        struct commit_entry *entry;
        while ((entry = commit_queue_take(queue)) != NULL) {
            entry->rc = 0;
            entry->op.change.seq = entry->op.change.total + 1;
            commit_queue_give(queue, entry);
            seen += 1;
        }
        commit_queue_wake_ports(queue);
        uint64_t before_us = clock_mono_us(clock_system());
        if (seen < 2 * ROUNDS)
            commit_queue_wait(queue, 20000);
        assert_true(clock_mono_us(clock_system()) - before_us < 10000000);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(0, pthread_join(thread[i], NULL));
        assert_int_equal(ROUNDS, producer[i].back);
        assert_int_equal(producer[i].sent_sum, producer[i].back_sum);
        assert_true(producer[i].full > 0);
        close(producer[i].wakefd);
    }
    commit_queue_destroy(queue);
}
