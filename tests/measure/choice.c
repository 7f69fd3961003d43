/* choice.c: chooses which of a program's built-in changes is active (together.js).
 *
 * With FAIRGATE_CHOICES set, a program runs its tests repeatedly without being restarted: before
 * main() it reads lines "NUMBER CPU_MS" from standard input, and for each a child continues into
 * main() with that change active and that much CPU time. A wall clock limit only covers the case
 * that all its threads wait for each other. The result goes to standard output: "1 MS" if the tests
 * passed, otherwise "0 MS", with the child's CPU time. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAITS_S = 60, WAITS_FACTOR = 20, MEMORY_MAX_KIB = 4000000 };

extern int change_chosen;
int change_chosen; /* 0: no change */

static void begin(int number, long cpu_ms)
{
    struct itimerval cpu = {.it_value = {cpu_ms / 1000, cpu_ms % 1000 * 1000}};
    struct rlimit core = {0, 0}, memory = {MEMORY_MAX_KIB * 1024L, MEMORY_MAX_KIB * 1024L};
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    setpgid(0, 0); /* so that the processes it starts end with it */
    setrlimit(RLIMIT_CORE, &core);
    setrlimit(RLIMIT_AS, &memory);
    setitimer(ITIMER_PROF, &cpu, NULL);
    alarm(WAITS_S + (unsigned)(WAITS_FACTOR * cpu_ms / 1000));
    change_chosen = number;
}

static long ms_of(struct timeval time)
{
    return time.tv_sec * 1000 + time.tv_usec / 1000;
}

__attribute__((constructor)) static void serve_choices(void)
{
    char line[64];
    ssize_t got;
    if (getenv("FAIRGATE_CHOICES") == NULL)
        return;
    while ((got = read(STDIN_FILENO, line, sizeof(line) - 1)) > 0) {
        char *end;
        line[got] = '\0';
        int number = (int)strtol(line, &end, 10);
        long cpu_ms = strtol(end, NULL, 10);
        pid_t pid = fork();
        if (pid < 0)
            _exit(1); /* not a killed change: the parent sees that this has ended */
        if (pid == 0) {
            begin(number, cpu_ms);
            return;
        }
        int status = -1;
        struct rusage usage = {0};
        wait4(pid, &status, 0, &usage);
        kill(-pid, SIGKILL);
        dprintf(STDOUT_FILENO, "%d %ld\n", status == 0,
                ms_of(usage.ru_utime) + ms_of(usage.ru_stime));
    }
    _exit(0);
}
