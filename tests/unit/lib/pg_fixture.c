/* pg_fixture.c: a cluster (tests/lib-js/cluster) and postgres as a child. The server refuses to run
 * as root; then it runs as the user `postgres` that Debian's package brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct pg_fixture {
    char bin[256];
    char dir[64];
    char data[80];
    char dsn[256];
    pid_t server;
};

/* In the child: nobody outlives the test, and nobody is root. */
static void become_server_user(int death_signal)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (user != NULL &&
        (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, death_signal);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (chdir("/") != 0)
        _exit(126);
    unsetenv("LD_PRELOAD");
}

/* Runs a program that leaves, as we are. */
static int run(const char *const *words)
{
    pid_t child = fork();
    if (child == 0) {
        execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(child, waitpid(child, &status, 0));
    return status;
}

static bool answers(const struct pg_fixture *fixture)
{
    return PQping(fixture->dsn) == PQPING_OK;
}

void pg_fixture_again(struct pg_fixture *fixture)
{
    fixture->server = fork();
    if (fixture->server == 0) {
        char program[300];
        snprintf(program, sizeof(program), "%s/postgres", fixture->bin);
        become_server_user(SIGQUIT);
        execl(program, program, "-D", fixture->data, "-k", fixture->dir, "-c",
              "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "max_connections=30", "-c",
              "fsync=off", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && !answers(fixture); i++) {
        assert_int_equal(0, waitpid(fixture->server, NULL, WNOHANG));
        poll(NULL, 0, 20);
    }
    assert_true(answers(fixture));
}

struct pg_fixture *pg_fixture_start(void)
{
    struct pg_fixture *fixture = calloc(1, sizeof(*fixture));
    glob_t found;
    assert_int_equal(0, glob("/usr/lib/postgresql/*/bin", 0, NULL, &found));
    snprintf(fixture->bin, sizeof(fixture->bin), "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    const char *tmp = getenv("TMPDIR");
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/fg-pg-XXXXXX",
             tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(fixture->dir));
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (user != NULL)
        assert_int_equal(0, chown(fixture->dir, user->pw_uid, user->pw_gid));
    assert_int_equal(0, chmod(fixture->dir, 0755));
    snprintf(fixture->data, sizeof(fixture->data), "%s/data", fixture->dir);
    snprintf(fixture->dsn, sizeof(fixture->dsn), "host=%s user=postgres dbname=postgres",
             fixture->dir);
    assert_int_equal(
        0, run((const char *const[]){"tests/lib-js/cluster", fixture->bin, fixture->data, NULL}));
    pg_fixture_again(fixture);
    return fixture;
}

const char *pg_fixture_dsn(const struct pg_fixture *fixture)
{
    return fixture->dsn;
}

void pg_fixture_behind_silence(const struct pg_fixture *fixture, char *dsn, size_t cap, int *silent)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    *silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*silent >= 0 && bind(*silent, (struct sockaddr *)&at, len) == 0 &&
                listen(*silent, 16) == 0 &&
                getsockname(*silent, (struct sockaddr *)&at, &len) == 0);
    snprintf(dsn, cap,
             "host=127.0.0.1,%s port=%d,5432 user=postgres dbname=postgres"
             " target_session_attrs=read-write",
             fixture->dir, ntohs(at.sin_port));
}

const char *pg_fixture_dir(const struct pg_fixture *fixture)
{
    return fixture->dir;
}

void pg_fixture_stop(struct pg_fixture *fixture)
{
    kill(fixture->server, SIGINT);
    assert_int_equal(fixture->server, waitpid(fixture->server, NULL, 0));
}

void pg_fixture_end(struct pg_fixture *fixture)
{
    kill(fixture->server, SIGQUIT); /* at once: nobody reads what it would write */
    assert_int_equal(fixture->server, waitpid(fixture->server, NULL, 0));
    run((const char *const[]){"rm", "-rf", fixture->dir, NULL});
    free(fixture);
}
