/* pg_fixture.c: a cluster (tests/lib-js/cluster) and postgres as a child. The server refuses to run
 * as root; as root, it runs as the user `postgres` of Debian's package. */
#include "pg_fixture.h"

#include "pg/pg.h"
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    char bin[256];
    char dir[64];
    char data[80];
    char dsn[256];
    pid_t server;
} fixture;

/* In the child: it dies with the test, and does not run as root. */
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

/* Runs a program to its end, as the current user. */
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

static bool answers(void)
{
    return PQping(fixture.dsn) == PQPING_OK;
}

void pg_fixture_again(void)
{
    fixture.server = fork();
    if (fixture.server == 0) {
        char program[300];
        snprintf(program, sizeof(program), "%s/postgres", fixture.bin);
        become_server_user(SIGQUIT);
        execl(program, program, "-D", fixture.data, "-k", fixture.dir, "-c",
              "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "max_connections=30", "-c",
              "fsync=off", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && !answers(); i++) {
        assert_int_equal(0, waitpid(fixture.server, NULL, WNOHANG));
        poll(NULL, 0, 20);
    }
    assert_true(answers());
}

static void start(void)
{
    if (fixture.server != 0) /* another part of the test program has started it */
        return;
    glob_t found;
    assert_int_equal(0, glob("/usr/lib/postgresql/*/bin", 0, NULL, &found));
    snprintf(fixture.bin, sizeof(fixture.bin), "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    const char *tmp = getenv("TMPDIR");
    snprintf(fixture.dir, sizeof(fixture.dir), "%s/fg-pg-XXXXXX",
             tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(fixture.dir));
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (user != NULL)
        assert_int_equal(0, chown(fixture.dir, user->pw_uid, user->pw_gid));
    assert_int_equal(0, chmod(fixture.dir, 0755));
    snprintf(fixture.data, sizeof(fixture.data), "%s/data", fixture.dir);
    snprintf(fixture.dsn, sizeof(fixture.dsn), "host=%s user=postgres dbname=postgres",
             fixture.dir);
    assert_int_equal(
        0, run((const char *const[]){"tests/lib-js/cluster", fixture.bin, fixture.data, NULL}));
    pg_fixture_again();
}

const char *pg_fixture_dsn(void)
{
    start();
    return fixture.dsn;
}

void pg_fixture_behind_silence(char *dsn, size_t cap, int *silent)
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
             fixture.dir, ntohs(at.sin_port));
}

const char *pg_fixture_dir(void)
{
    return fixture.dir;
}

void pg_fixture_stop(void)
{
    kill(fixture.server, SIGINT);
    assert_int_equal(fixture.server, waitpid(fixture.server, NULL, 0));
}

static void end(void)
{
    kill(fixture.server, SIGQUIT); /* immediate shutdown: the data is not needed any longer */
    assert_int_equal(fixture.server, waitpid(fixture.server, NULL, 0));
    run((const char *const[]){"rm", "-rf", fixture.dir, NULL});
}

UNIT_ONCE(start, end)

/* ---- sessions ---- */

struct pg *pg_fixture_open(const char *schema)
{
    const struct pg_conf conf = {pg_fixture_dsn(), "test", schema, 60000, 60000};
    struct err_slot err;
    struct pg *pg = NULL;
    unit_must(pg_open(&conf, &err, &pg), &err);
    return pg;
}

void pg_fixture_run(struct pg *pg, const char *sql)
{
    struct err_slot err;
    if (pg_run(pg, sql, &err) < 0)
        fail_msg("%s: %s", sql, err.text);
}

PGresult *pg_fixture_query(struct pg *pg, const char *sql)
{
    struct err_slot err;
    PGresult *res = NULL;
    if (pg_query(pg, sql, NULL, &err, &res) < 0)
        fail_msg("%s: %s", sql, err.text);
    return res;
}

int64_t pg_fixture_number(struct pg *pg, const char *sql)
{
    PGresult *res = pg_fixture_query(pg, sql);
    int64_t number = 0;
    if (PQntuples(res) > 0 && !pg_null(res, 0, 0))
        number = PQgetlength(res, 0, 0) == 4 ? pg_i32(res, 0, 0) : pg_i64(res, 0, 0);
    PQclear(res);
    return number;
}
