/* service_settings.c: the settings of every service: its listeners, its log, its timeouts.
 *
 * The program's own settings stand behind these in one table, so that a config file is checked and
 * --help is printed as a whole. */
#include "service/service_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIELD(name) .offset = offsetof(struct service_settings, name)

static const struct config_setting http_settings[] = {
    {.section = "http",
     .key = "host",
     .kind = CONFIG_STRING,
     FIELD(http_host),
     .fallback = "127.0.0.1",
     .min = 1,
     .help = "numeric address to listen on"},
    {.section = "http",
     .key = "port",
     .kind = CONFIG_U64,
     FIELD(http_port),
     .max = 65535,
     .help = "port to listen on; 0: any that is free"},
    {.section = "http",
     .key = "share_port",
     .kind = CONFIG_BOOL,
     FIELD(http_share_port),
     .fallback = "false",
     .help = "let other processes listen there too, as while an old and a new one overlap; the "
             "kernel spreads connections over all of them"},
    {.section = "http",
     .key = "loops",
     .kind = CONFIG_U64,
     FIELD(http_loops),
     .fallback = "1",
     .min = 1,
     .max = SERVICE_LOOPS_MAX,
     .help = "threads that serve, best one for each core"},
    {.section = "http",
     .key = "connections_max",
     .kind = CONFIG_U64,
     FIELD(http_connections_max),
     .fallback = "0",
     .max = 10000000,
     .help = "connections of each loop; 0: as many as the limit of open files allows"},
    {.section = "http",
     .key = "connections_per_addr_max",
     .kind = CONFIG_U64,
     FIELD(http_connections_per_addr_max),
     .fallback = "0",
     .max = 1000000,
     .help = "connections from one address, of each loop; 0: no bound"},
    {.section = "http",
     .key = "head_timeout",
     .kind = CONFIG_DURATION,
     FIELD(http_head_timeout_ms),
     .fallback = "10s",
     .min = 100,
     .max = 600000,
     .help = "patience for a whole head"},
    {.section = "http",
     .key = "body_timeout",
     .kind = CONFIG_DURATION,
     FIELD(http_body_timeout_ms),
     .fallback = "30s",
     .min = 100,
     .max = 600000,
     .help = "patience for a whole body"},
    {.section = "http",
     .key = "idle_timeout",
     .kind = CONFIG_DURATION,
     FIELD(http_idle_timeout_ms),
     .fallback = "75s",
     .min = 100,
     .max = 3600000,
     .help = "patience between requests"},
    {.section = "http",
     .key = "write_timeout",
     .kind = CONFIG_DURATION,
     FIELD(http_write_timeout_ms),
     .fallback = "20s",
     .min = 100,
     .max = 600000,
     .help = "patience with a reader that takes nothing"},
    {.section = "http",
     .key = "drain_delay",
     .kind = CONFIG_DURATION,
     FIELD(http_drain_delay_ms),
     .fallback = "0ms",
     .max = 600000,
     .help = "time from SIGTERM, with /readyz at 503, until no more connections are taken"},
    {.section = "http",
     .key = "drain_timeout",
     .kind = CONFIG_DURATION,
     FIELD(http_drain_timeout_ms),
     .fallback = "20s",
     .max = 600000,
     .help = "time for connections to end by themselves after that"},
    {.section = "http",
     .key = "trusted_proxies",
     .kind = CONFIG_NETWORKS,
     FIELD(http_trusted_proxies),
     .fallback = "127.0.0.1,::1",
     .help = "networks that are believed who the visitor is, comma between, or files that list "
             "them a line each: 10.0.0.0/8,fd00::/8,/etc/fairgate/cdn.lst"},
    {.section = "http",
     .key = "client_ip_header",
     .kind = CONFIG_HEADER,
     FIELD(http_client_ip_header),
     .fallback = "X-Forwarded-For",
     .min = 1,
     .max = 64,
     .help = "the header by which they say it: a list that each proxy adds to, Forwarded (RFC "
             "7239), or "
             "one address as in CF-Connecting-IP or True-Client-IP"},
    {.section = "log",
     .key = "level",
     .kind = CONFIG_WORD,
     FIELD(log_level),
     .fallback = "info",
     .words = log_level_words,
     .help = "the least that is written"},
    {.section = "log",
     .key = "requests",
     .kind = CONFIG_U64,
     FIELD(log_requests),
     .fallback = "1000",
     .max = 1000000000,
     .help = "log one request in this many, on each loop; 0: none"},
    {.section = "trace",
     .key = "endpoint",
     .kind = CONFIG_STRING,
     FIELD(trace_endpoint),
     .fallback = "",
     .max = 490,
     .help = "a collector of OTLP over HTTP, such as http://127.0.0.1:4318, that gets the spans of "
             "requests and sagas; \"\": none"},
    {.section = "trace",
     .key = "sample",
     .kind = CONFIG_U64,
     FIELD(trace_sample),
     .fallback = "10",
     .max = 1000,
     .help = "of a thousand traces, as many are sent; all programs choose the same"},
    {.section = "trace",
     .key = "slow",
     .kind = CONFIG_DURATION,
     FIELD(trace_slow_ms),
     .fallback = "1s",
     .min = 1,
     .max = 600000,
     .help = "a span that takes as long is sent in any case, as is one that fails"},
};

static const struct config_setting private_settings[] = {
    {.section = "private",
     .key = "host",
     .kind = CONFIG_STRING,
     FIELD(private_host),
     .fallback = "127.0.0.1",
     .min = 1,
     .help = "numeric address for health, metrics, administration"},
    {.section = "private",
     .key = "port",
     .kind = CONFIG_U64,
     FIELD(private_port),
     .max = 65535,
     .help = "its port; 0: any that is free"},
    {.section = "private",
     .key = "token_file",
     .kind = CONFIG_STRING,
     FIELD(private_token_file),
     .min = 1,
     .help = "file (mode 0600) with the admin token"},
    {.section = "private",
     .key = "service_token_file",
     .kind = CONFIG_STRING,
     FIELD(private_service_token_file),
     .fallback = "",
     .help = "file (mode 0600) with the token that services show; opens /internal/ only"},
    {.section = "private",
     .key = "operators_file",
     .kind = CONFIG_STRING,
     FIELD(private_operators_file),
     .fallback = "",
     .help =
         "file (mode 0600) of tokens that name their operator, \"NAME TOKEN\" a line; each opens "
         "what the admin token opens"},
    {.section = "private",
     .key = "origins",
     .kind = CONFIG_STRING,
     FIELD(private_origins),
     .fallback = "",
     .help = "origins whose pages may call this listener, comma between: the operator's console"},
    {.section = "operators",
     .key = "issuer",
     .kind = CONFIG_STRING,
     FIELD(operators_issuer),
     .fallback = "",
     .help = "iss of the OpenID Connect tokens by which operators are persons; empty: there are "
             "none"},
    {.section = "operators",
     .key = "audience",
     .kind = CONFIG_STRING,
     FIELD(operators_audience),
     .fallback = "",
     .help = "aud of these tokens: this installation's name at the issuer"},
    {.section = "operators",
     .key = "keys",
     .kind = CONFIG_STRING,
     FIELD(operators_keys),
     .fallback = "",
     .help = "the issuer's keys: the https:// address of its JWKS, or a file that holds it"},
    {.section = "operators",
     .key = "tls_ca",
     .kind = CONFIG_STRING,
     FIELD(operators_tls_ca),
     .fallback = "",
     .help = "file: certificates to trust for that address; empty: the system's"},
    {.section = "operators",
     .key = "roles_claim",
     .kind = CONFIG_STRING,
     FIELD(operators_roles_claim),
     .fallback = "roles,groups",
     .min = 1,
     .help = "claims that name roles, comma between: viewer, operator, admin, or with a limit "
             "operator:hero-*; a dot leads into an object"},
    {.section = "operators",
     .key = "events_claim",
     .kind = CONFIG_STRING,
     FIELD(operators_events_claim),
     .fallback = "fairgate_events",
     .min = 1,
     .help = "claim that limits all roles without a limit of their own to these events"},
    {.section = "operators",
     .key = "role_prefix",
     .kind = CONFIG_STRING,
     FIELD(operators_role_prefix),
     .fallback = "",
     .max = 64,
     .help = "what stands before each role at the issuer, such as fairgate-"},
};

#undef FIELD

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

/* A check of the service's own says "section.key: ..."; file and line go before it. */
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
    if (http_origins_check(span_of(service->settings.private_origins), err) < 0)
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
        snprintf(host, sizeof(host), "host"); /* it is longer than a place has room for */
    host[sizeof(host) - 1] = '\0';
    uint64_t port = service->settings.private_port;
    /* Any port that is free: then only the process itself is one of a kind. */
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
