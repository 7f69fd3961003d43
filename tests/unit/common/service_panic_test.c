/* service_panic_test.c: a service that fails in the middle of a request says which one it was, and
 * nothing that the visitor sent: no ticket, cookie, token, query, body or path. */
#include "unit.h"

#include "base/bug.h"
#include "service/service.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_MAX = 65536 };

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/* ---- the service ---- */

static void on_break(struct http_req *req)
{
    assert(http_req_body(req).len == 0);
    BUG_WARN("test-nearly-broken");
}

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    (void)service;
    (void)private_routes;
    const struct http_route route = {HTTP_METHOD_POST, "/break/{ticket}", on_break, NULL, 100};
    return http_router_add(routes, &route, err);
}

static int serve(void)
{
    const struct service_conf conf = {
        .name = "fragile", .version = "4.5.6", .public_only = true, .start = start};
    return service_main(&conf, 1, (char *[]){"fragile", NULL});
}

/* ---- the parent ---- */

/* Reads on until `part` has been said, or to the end. */
static void read_until(int fd, const char *part, char said[SAID_MAX])
{
    size_t len = strlen(said);
    while (part == NULL || strstr(said, part) == NULL) {
        ssize_t got = read(fd, said + len, SAID_MAX - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        said[len] = '\0';
    }
}

static void ask_for_it(uint16_t port)
{
    static const char request[] = "POST /break/T1CKET?q=QU3RY HTTP/1.1\r\nHost: a\r\n"
                                  "Authorization: Bearer T0KEN\r\nCookie: fg=C00KIE\r\n"
                                  "traceparent: " TRACE "\r\nContent-Length: 4\r\n\r\nB0DY";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, connect(fd, (struct sockaddr *)&to, sizeof(to)));
    assert_int_equal(sizeof(request) - 1, write(fd, request, sizeof(request) - 1));
    char nothing;
    (void)!read(fd, &nothing, 1); /* the service ends, and the connection with it */
    close(fd);
}

static void a_failed_service_names_the_request_without_its_secrets(void **state)
{
    (void)state;
    static char said[SAID_MAX];
    int fd;
    setenv("FAIRGATE_HTTP_PORT", "0", 1);
    pid_t pid = unit_child("serve", &fd);
    read_until(fd, "\"loops\":", said);
    const char *port = strstr(said, "\"port\":");
    if (port == NULL)
        fail_msg("it does not serve: %s", said);
    else
        ask_for_it((uint16_t)strtoul(port + strlen("\"port\":"), NULL, 10));
    read_until(fd, NULL, said);
    close(fd);
    int status;
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    static const char *const there[] = {"==== panic: fragile 4.5.6, process ",
                                        "what: Assertion `http_req_body(req).len == 0' failed.",
                                        "method: POST\n",
                                        "route: /break/{ticket}\n",
                                        "traceparent: " TRACE "\n",
                                        "bytes of the body: 4\n",
                                        "  HTTP server: \n",
                                        "    connections: 1\n",
                                        "  service: \n",
                                        "==== panic: the end\n"};
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        if (strstr(said, there[i]) == NULL)
            fail_msg("\"%s\" is missing in: %s", there[i], said);
    static const char *const secrets[] = {"T1CKET", "QU3RY", "T0KEN", "C00KIE", "B0DY"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (strstr(said, secrets[i]) != NULL)
            fail_msg("\"%s\" is printed in: %s", secrets[i], said);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_service_names_the_request_without_its_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
