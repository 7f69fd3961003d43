/* redis_server.c: see redis_server.h. */
#include "redis_server.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint16_t redis_server_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(0, bind(fd, (struct sockaddr *)&address, len));
    assert_int_equal(0, getsockname(fd, (struct sockaddr *)&address, &len));
    close(fd);
    return ntohs(address.sin_port);
}

static void exec_server(const struct redis_server *server)
{
    char port[8], dir[80];
    snprintf(port, sizeof(port), "%u", server->port);
    snprintf(dir, sizeof(dir), "%s/data", server->dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (freopen("/dev/null", "w", stdout) == NULL)
        _exit(126);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket",
           server->socket, "--dir", dir, "--appendonly", "yes", "--appendfsync", "everysec",
           "--save", "", "--requirepass", server->password != NULL ? server->password : "",
           (char *)NULL);
    _exit(127);
}

static redisContext *connect_to(const struct redis_server *server)
{
    redisContext *redis = redisConnectUnix(server->socket);
    if (redis != NULL && redis->err == 0)
        return redis;
    redisFree(redis);
    return NULL;
}

static void await_answer(const struct redis_server *server)
{
    for (int tries = 0; tries < 1000; tries++) {
        redisContext *redis = connect_to(server);
        redisReply *reply = redis != NULL ? redisCommand(redis, "PING") : NULL;
        /* NOAUTH counts as an answer, LOADING does not. */
        bool answers = reply != NULL && strstr(reply->str, "LOADING") == NULL;
        freeReplyObject(reply);
        redisFree(redis);
        if (answers)
            return;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    fail_msg("redis-server does not answer");
}

void redis_server_start(struct redis_server *server)
{
    char data[80];
    if (server->dir[0] == '\0') {
        strcpy(server->dir, "/tmp/fairgate-unit-XXXXXX");
        assert_non_null(mkdtemp(server->dir));
        snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", server->dir);
    }
    snprintf(data, sizeof(data), "%s/data", server->dir);
    assert_true(mkdir(data, 0700) == 0 || errno == EEXIST);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0)
        exec_server(server);
    await_answer(server);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    assert_int_equal(0, kill(server->pid, SIGKILL));
    assert_int_equal(server->pid, waitpid(server->pid, NULL, 0));
    server->pid = 0;
}

static void remove_below(const struct redis_server *server, const char *name)
{
    char command[128];
    assert_true(strncmp(server->dir, "/tmp/fairgate-unit-", 19) == 0);
    snprintf(command, sizeof(command), "rm -rf '%s%s'", server->dir, name);
    assert_int_equal(0, system(command));
}

void redis_server_wipe(struct redis_server *server)
{
    assert_int_equal(0, server->pid);
    remove_below(server, "/data");
}

void redis_server_remove(struct redis_server *server)
{
    redis_server_kill(server);
    remove_below(server, "");
}

long long redis_server_ask(const struct redis_server *server, const char *format, ...)
{
    redisContext *redis = connect_to(server);
    assert_non_null(redis);
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(redis, format, args);
    va_end(args);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", format, reply->str);
    long long answer = reply->type == REDIS_REPLY_INTEGER ? reply->integer : (long long)reply->len;
    freeReplyObject(reply);
    redisFree(redis);
    return answer;
}
