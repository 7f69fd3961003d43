/* system_test.c: the real platform: time advances, random numbers differ, bytes arrive whole. */
#include "unit.h"

#include "system/system.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

TEST_CASE(clocks_advance_and_a_sleep_lasts)
{
    uint64_t mono_us = system_mono_us();
    uint64_t cpu_us = system_process_cpu_us();
    system_sleep_us(2500);
    assert_true(system_mono_us() - mono_us >= 2500);
    assert_true(system_process_cpu_us() >= cpu_us);
    uint64_t thread_us = system_thread_cpu_us();
    assert_true(system_process_cpu_us() >= thread_us);
    assert_true(system_wall_us() > UINT64_C(1700000000000000));
}

TEST_CASE(random_bytes_do_not_repeat)
{
    unsigned char first[1000] = {0}, second[1000] = {0};
    system_random(first, sizeof(first));
    system_random(second, sizeof(second));
    assert_true(memcmp(first, second, sizeof(first)) != 0);
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof(first); i++)
        seen += first[i] != 0;
    assert_true(seen > 900);
    system_random(first, 0);
}

TEST_CASE(a_slow_pipe_gets_all_bytes)
{
    int ends[2];
    assert_int_equal(0, pipe(ends));
    static char bytes[300000];
    memset(bytes, 'x', sizeof(bytes));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        _exit(system_write_all(ends[1], bytes, sizeof(bytes)) == 0 ? 0 : 1);
    }
    close(ends[1]);
    size_t len = 0;
    static char got[4096];
    for (ssize_t part; (part = read(ends[0], got, sizeof(got))) > 0;)
        len += (size_t)part;
    assert_int_equal(sizeof(bytes), len);
    close(ends[0]);
    int status;
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, status);
}

TEST_CASE(errors_of_the_disk_are_returned)
{
    assert_int_equal(EBADF, system_write_all(-1, "x", 1));
    assert_int_equal(EBADF, system_sync(-1));
    assert_int_equal(0, system_write_all(-1, "", 0));
    char *path = unit_file(SPAN("a"), 0600);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(0, system_write_all(fd, "b", 1));
    assert_int_equal(0, system_sync(fd));
    close(fd);
    unit_file_remove(path);
}

TEST_CASE(a_bell_that_rang_before_a_wait_ends_one_wait)
{
    int bell = system_bell_open();
    assert_true(bell >= 0);
    system_bell_ring(bell);
    system_bell_ring(bell);
    uint64_t began_us = system_mono_us();
    system_bell_wait(bell, 10000);
    assert_true(system_mono_us() - began_us < 5000000);
    began_us = system_mono_us();
    system_bell_wait(bell, 20);
    assert_true(system_mono_us() - began_us >= 15000);
    system_bell_close(bell);
}
