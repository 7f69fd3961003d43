/* service_settings.c: the settings of every service: its listeners, its log, its timeouts.
 *
 * The program's own settings follow these in one table, so that a config file is checked and --help
 * is printed as a whole. */
#include "service/service_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT(member) offsetof(struct service_settings, member)

static const struct config_setting http_settings[] = {
    {"http", "host", CONFIG_STRING, AT(http_host), "127.0.0.1", 1, 0, NULL,
     "numeric address to listen on"},
    {"http", "port", CONFIG_U64, AT(http_port), NULL, 0, 65535, NULL,
     "port to listen on; 0: any that is free"},
    {"http", "share_port", CONFIG_BOOL, AT(http_share_port), "false", 0, 0, NULL,
     "let other processes listen there too, for example while an old and a new one overlap; the "
     "kernel spreads connections over all of them"},
    {"http", "loops", CONFIG_U64, AT(http_loops), "1", 0, SERVICE_LOOPS_MAX, NULL,
     "threads; 0: one for each core that the process may use"},
    {"http", "connections_max", CONFIG_U64, AT(http_connections_max), "0", 0, 10000000, NULL,
     "connections of each thread; 0: as many as the limit of open files allows"},
    {"http", "connections_per_addr_max", CONFIG_U64, AT(http_connections_per_addr_max), "0", 0,
     1000000, NULL, "connections of one address to each thread; 0: no bound"},
    {"http", "head_timeout", CONFIG_DURATION, AT(http_head_timeout_ms), "10s", 100, 600000, NULL,
     "time for a request's head"},
    {"http", "body_timeout", CONFIG_DURATION, AT(http_body_timeout_ms), "30s", 100, 600000, NULL,
     "time for a request's body"},
    {"http", "idle_timeout", CONFIG_DURATION, AT(http_idle_timeout_ms), "75s", 100, 3600000, NULL,
     "time between requests"},
    {"http", "write_timeout", CONFIG_DURATION, AT(http_write_timeout_ms), "20s", 100, 600000, NULL,
     "time for a client that reads nothing"},
    {"http", "drain_delay", CONFIG_DURATION, AT(http_drain_delay_ms), "0ms", 0, 600000, NULL,
     "time from SIGTERM, with /readyz at 503, until new connections are refused"},
    {"http", "drain_timeout", CONFIG_DURATION, AT(http_drain_timeout_ms), "20s", 0, 600000, NULL,
     "time for connections to end by themselves after that"},
    {"http", "trusted_proxies", CONFIG_NETWORKS, AT(http_trusted_proxies), "127.0.0.1,::1", 0, 0,
     NULL,
     "networks of proxies that may name the visitor's address, separated by commas, or files with "
     "one on each line: 10.0.0.0/8,fd00::/8,/etc/fairgate/cdn.lst"},
    {"http", "client_ip_header", CONFIG_HEADER, AT(http_client_ip_header), "X-Forwarded-For", 1, 64,
     NULL,
     "the header in which they name it: a list that each proxy adds to, or one address as in "
     "CF-Connecting-IP or True-Client-IP; not Forwarded (RFC 7239)"},
    {"log", "level", CONFIG_WORD, AT(log_level), "info", 0, 0, log_level_words,
     "the lowest level that is written"},
    {"log", "requests", CONFIG_U64, AT(log_requests), "1000", 0, 1000000000, NULL,
     "log one request in this many, on each thread; 0: none"},
    {"trace", "endpoint", CONFIG_STRING, AT(trace_endpoint), "", 0, 490, NULL,
     "a collector of OTLP over HTTP, such as http://127.0.0.1:4318, for the spans of requests and "
     "sagas; \"\": none"},
    {"trace", "sample", CONFIG_U64, AT(trace_sample), "10", 0, 1000, NULL,
     "how many of a thousand traces are sent; all programs choose the same ones"},
    {"trace", "slow", CONFIG_DURATION, AT(trace_slow_ms), "1s", 1, 600000, NULL,
     "a span that takes this long is always sent, as is one that fails"},
};

static const struct config_setting private_settings[] = {
    {"private", "host", CONFIG_STRING, AT(private_host), "127.0.0.1", 1, 0, NULL,
     "numeric address for health, metrics, administration"},
    {"private", "port", CONFIG_U64, AT(private_port), NULL, 0, 65535, NULL,
     "its port; 0: any that is free"},
    {"private", "token_file", CONFIG_STRING, AT(private_token_file), NULL, 1, 0, NULL,
     "file (mode 0600) with the admin token"},
    {"private", "service_token_file", CONFIG_STRING, AT(private_service_token_file), "", 0, 0, NULL,
     "file (mode 0600) with the token that services show each other; opens only /internal/"},
    {"private", "feed_token_file", CONFIG_STRING, AT(private_feed_token_file), "", 0, 0, NULL,
     "file (mode 0600) with the token of `fairgate feed`; opens only what that reads"},
    {"private", "operators_file", CONFIG_STRING, AT(private_operators_file), "", 0, 0, NULL,
     "file (mode 0600) of operators' tokens, \"NAME TOKEN\" a line; each opens what the admin "
     "token "
     "opens"},
    {"private", "origins", CONFIG_STRING, AT(private_origins), "", 0, 0, NULL,
     "origins whose pages may call this listener, separated by commas: the operator's console"},
    {"operators", "issuer", CONFIG_STRING, AT(operators_issuer), "", 0, 0, NULL,
     "iss of the operators' OpenID Connect tokens; empty: no such tokens"},
    {"operators", "audience", CONFIG_STRING, AT(operators_audience), "", 0, 0, NULL,
     "aud of these tokens: this installation's name at the issuer"},
    {"operators", "keys", CONFIG_STRING, AT(operators_keys), "", 0, 0, NULL,
     "the issuer's keys: the https:// address of its JWKS, or a file that holds it"},
    {"operators", "tls_ca", CONFIG_STRING, AT(operators_tls_ca), "", 0, 0, NULL,
     "file: certificates to trust for that address; empty: the system's"},
    {"operators", "roles_claim", CONFIG_STRING, AT(operators_roles_claim), "roles,groups", 1, 0,
     NULL,
     "claims with roles, separated by commas: viewer, operator, admin, or with a limit to some "
     "events operator:hero-*; a dot leads into an object"},
    {"operators", "events_claim", CONFIG_STRING, AT(operators_events_claim), "fairgate_events", 1,
     0, NULL, "claim with the events to which all roles without a limit of their own are limited"},
    {"operators", "role_prefix", CONFIG_STRING, AT(operators_role_prefix), "", 0, 64, NULL,
     "prefix of each role at the issuer, such as fairgate-"},
};

#undef AT

enum { PARTS_MAX = 3 };

static size_t parts_of(struct service *service, struct config_part parts[PARTS_MAX])
{
    const struct service_conf *conf = service->conf;
    size_t len = 0;
    parts[len++] = (struct config_part){
        http_settings, sizeof(http_settings) / sizeof(http_settings[0]), &service->settings};
    if (!conf->public_only)
        parts[len++] = (struct config_part){private_settings,
                                            sizeof(private_settings) / sizeof(private_settings[0]),
                                            &service->settings};
    if (conf->settings_len > 0)
        parts[len++] = (struct config_part){conf->settings, conf->settings_len, conf->config};
    return len;
}

int service_settings_help(struct service *service)
{
    struct config_part parts[PARTS_MAX];
    size_t parts_len = parts_of(service, parts);
    char *memory = malloc(CONFIG_HELP_BYTES);
    if (memory == NULL)
        return ERR_NOMEM;
    struct text text = text_on(memory, CONFIG_HELP_BYTES);
    text_printf(&text,
                "%s [--config FILE] [--check-config] %s[--version] [--help]\n%s\n"
                "Settings, in FILE as [section] and key = value, or in the environment as\n"
                "FAIRGATE_SECTION_KEY, which wins:\n\n",
                service->conf->name, service->conf->migrate != NULL ? "[--migrate] " : "",
                service->conf->commands != NULL ? service->conf->commands : "");
    config_help(&text, parts, parts_len);
    fwrite(text.ptr, 1, text.len, stdout);
    free(memory);
    return 0;
}

/* A service's own check reports "section.key: ..."; this puts file and line before it. */
static int say_where(const char *path, struct err_slot *err, int rc)
{
    struct span section, key;
    struct span said = span_of(err->text);
    struct span rest = span_cut(said, '.', &section);
    if (path == NULL || rest.ptr == NULL || span_cut(rest, ':', &key).ptr == NULL)
        return rc;
    unsigned line = config_line(path, section, key);
    return line > 0 ? err_wrap(err, "%s:%u", path, line) : rc;
}

static int check_operators(const struct service_settings *settings, struct err_slot *err)
{
    if (settings->operators_issuer[0] == '\0')
        return 0;
    if (settings->operators_audience[0] == '\0')
        return err_set(err, ERR_RANGE,
                       "operators.audience: must be set where there is an issuer: a token for "
                       "another program would open this one");
    if (!persons_keys_ok(span_of(settings->operators_keys)))
        return err_set(err, ERR_RANGE,
                       "operators.keys: must be https://, an address of this machine, or a file");
    return 0;
}

int service_settings_read(struct service *service, const char *path, struct err_slot *err)
{
    struct config_part parts[PARTS_MAX];
    size_t parts_len = parts_of(service, parts);
    int rc = config_load(path, environ, parts, parts_len, err);
    if (rc < 0)
        return rc;
    if (span_eq_nocase(span_of(service->settings.http_client_ip_header), SPAN("Forwarded")))
        rc = err_set(err, ERR_RANGE,
                     "http.client_ip_header: Forwarded (RFC 7239) is not read: name a header with "
                     "a list of addresses or one address");
    else if (http_origins_check(span_of(service->settings.private_origins), err) < 0)
        rc = err_wrap(err, "private.origins");
    else if (service->settings.trace_endpoint[0] != '\0' &&
             !tracer_endpoint_ok(span_of(service->settings.trace_endpoint)))
        rc = err_set(err, ERR_RANGE,
                     "trace.endpoint: must be http:// or https://, a host, perhaps port and path");
    else
        rc = check_operators(&service->settings, err);
    if (rc == 0 && service->conf->check != NULL)
        rc = service->conf->check(service->conf->config, err);
    return rc < 0 ? say_where(path, err, rc) : 0;
}

int service_settings_again(const struct service *service, void *config, struct err_slot *err)
{
    struct service_conf conf = *service->conf;
    conf.config = config;
    return service_read_settings(&conf, service->path, err);
}

void service_place(const struct service *service, char out[SERVICE_PLACE_MAX])
{
    enum { PORT_CHARS = 22 };
    char host[SERVICE_PLACE_MAX - PORT_CHARS] = "";
    if (gethostname(host, sizeof(host)) < 0)
        snprintf(host, sizeof(host), "host"); /* too long for a place */
    host[sizeof(host) - 1] = '\0';
    uint64_t port = service->settings.private_port;
    /* Any free port: the process id makes the name unique instead. */
    snprintf(out, SERVICE_PLACE_MAX, port != 0 ? "%s:%llu" : "%s/%llu", host,
             (unsigned long long)(port != 0 ? port : (uint64_t)getpid()));
}

int service_read_settings(const struct service_conf *conf, const char *path, struct err_slot *err)
{
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL)
        return err_set(err, ERR_NOMEM, "settings");
    service->conf = conf;
    int rc = service_settings_read(service, path, err);
    free(service);
    return rc;
}
