/* main.c: the waiting room as a program: its settings, its keys, its routes.
 *
 * It has all settings and the order of a start: settings are validated together first, then keys
 * are loaded, then each loop makes its front. Everything else that a service needs (options,
 * listeners, signals, drain) is in common/service. */
#include "admin/admin.h"
#include "api/api.h"
#include "behind/endings.h"
#include "behind/page_list.h"
#include "commands/keys_command.h"
#include "commands/verify_draw.h"
#include "crypto/tls_client.h"
#include "ended/ended.h"
#include "front/drawing.h"
#include "front/front_life.h"
#include "front/front_readyz.h"
#include "front/member_keys.h"
#include "pages/console.h"
#include "pages/pages.h"
#include "pages/waiting_page.h"
#include "redis/redis_map.h"
#include "shared/cut_snapshot.h"
#include "version.inc"

#include <assert.h>
#include <stdlib.h>

#define AT(member) offsetof(struct front_config, member)

static const struct config_setting settings[] = {
    {"redis", "path", CONFIG_STRING, AT(redis_path), "", 0, 100, NULL,
     "unix socket of the Redis that holds the lines; empty: use host and port"},
    {"redis", "host", CONFIG_STRING, AT(redis_host), "127.0.0.1", 1, REDIS_HOST_MAX - 1, NULL,
     "name or numeric address, if there is no path"},
    {"redis", "port", CONFIG_U64, AT(redis_port), "6379", 1, 65535, NULL, "its port"},
    {"redis", "sentinels", CONFIG_STRING, AT(redis_sentinels), "", 0, 1000, NULL,
     "HOST:PORT of the sentinels that name the Redis to use, separated by commas; needs master"},
    {"redis", "master", CONFIG_STRING, AT(redis_master), "", 0, 200, NULL,
     "that Redis's name at the sentinels"},
    {"redis", "cluster", CONFIG_STRING, AT(redis_cluster), "", 0, 1000, NULL,
     "HOST:PORT of some nodes of a Redis Cluster, separated by commas"},
    {"redis", "user", CONFIG_STRING, AT(redis_user), "", 0, 200, NULL,
     "our user at Redis (ACL); empty: its default user"},
    {"redis", "password_file", CONFIG_STRING, AT(redis_password_file), "", 0, 1000, NULL,
     "file with the user's password; empty: none"},
    {"redis", "sentinel_user", CONFIG_STRING, AT(redis_sentinel_user), "", 0, 200, NULL,
     "our user at the sentinels; empty: their default user"},
    {"redis", "sentinel_password_file", CONFIG_STRING, AT(redis_sentinel_password_file), "", 0,
     1000, NULL, "file with the password for the sentinels; empty: none"},
    {"redis", "tls", CONFIG_BOOL, AT(redis_tls), "false", 0, 0, NULL,
     "use TLS for Redis and the sentinels"},
    {"redis", "tls_ca", CONFIG_STRING, AT(redis_tls_ca), "", 0, 1000, NULL,
     "certificates to trust instead of the system's"},
    {"redis", "tls_name", CONFIG_STRING, AT(redis_tls_name), "", 0, REDIS_HOST_MAX - 1, NULL,
     "the name in all their certificates; empty: the host that we connect to"},
    {"redis", "tls_cert", CONFIG_STRING, AT(redis_tls_cert), "", 0, 1000, NULL,
     "our own certificate with its chain, PEM; empty: none"},
    {"redis", "tls_key", CONFIG_STRING, AT(redis_tls_key), "", 0, 1000, NULL,
     "file with its key, PEM"},
    {"redis", "tick", CONFIG_DURATION, AT(redis_tick_ms), "100ms", 20, 1000, NULL,
     "how often this front moves the line; jittered"},
    {"line", "gone_after", CONFIG_DURATION, AT(line_gone_after_ms), "90s", 1000, 3600000, NULL,
     "a visitor who is silent for this long, at most twice as long, counts as gone"},
    {"line", "joins_waiting", CONFIG_U64, AT(line_joins_waiting), "4096", 16,
     FRONT_JOINS_PENDING_MAX, NULL,
     "joins of a loop that may wait for Redis; more are refused. Measured once the loop is busy"},
    {"keys", "tickets", CONFIG_STRING, AT(keys_tickets), NULL, 1, 1000, NULL,
     "file of MAC keys for tickets, \"ID HEX\" a line; the first one signs"},
    {"keys", "identities", CONFIG_STRING, AT(keys_identities), NULL, 1, 1000, NULL,
     "file of keys for the identities of visitors, members and invitations, in the same form; the "
     "first one is for new events"},
    {"keys", "passes", CONFIG_STRING, AT(keys_passes), NULL, 1, 1000, NULL,
     "PEM files of ES256 keys for passes, separated by commas; the first one signs"},
    {"keys", "draws", CONFIG_STRING, AT(keys_draws), NULL, 1, 1000, NULL,
     "file of keys for the seeds of draws, in the same form. A key that a draw was promised with "
     "must stay until the draw"},
    {"tickets", "lifetime", CONFIG_DURATION, AT(ticket_lifetime_ms), "3d", 60000, 2592000000, NULL,
     "how long a place is valid; longer than a night"},
    {"passes", "issuer", CONFIG_STRING, AT(pass_issuer), "fairgate", 1, 200, NULL,
     "iss of the passes"},
    {"passes", "next_url", CONFIG_STRING, AT(pass_next_url), "/seats/{event}", 1, 400, NULL,
     "where a pass leads; {event} becomes the event's id"},
    {"members", "keys", CONFIG_STRING, AT(members_keys), "", 0, 1000, NULL,
     "JWKS file of the shop's ES256 keys for member tokens; empty: none"},
    {"members", "keys_url", CONFIG_STRING, AT(members_keys_url), "", 0, 1000, NULL,
     "address of the same JWKS at the shop, read in the background; empty: only the file"},
    {"members", "refresh", CONFIG_DURATION, AT(members_refresh_ms), "5m", 1000, 86400000, NULL,
     "how often it is read; a token with an unknown key has it read at once"},
    {"members", "tls_ca", CONFIG_STRING, AT(members_tls_ca), "", 0, 1000, NULL,
     "certificates to trust for https instead of the system's"},
    {"members", "issuer", CONFIG_STRING, AT(members_issuer), "shop", 1, 200, NULL,
     "iss of member tokens"},
    {"members", "audience", CONFIG_STRING, AT(members_audience), "fairgate", 1, 200, NULL,
     "aud of member tokens"},
    {"web", "origins", CONFIG_STRING, AT(web_origins), "", 0, 1000, NULL,
     "origins besides our own whose pages may join for a visitor, separated by commas"},
    {"web", "public_url", CONFIG_STRING, AT(web_public_url), "", 0, PUBLIC_URL_MAX, NULL,
     "the site's address for visitors, https://HOST: for pictures of shared links and for the "
     "console's links; empty: none"},
    {"web", "shop_url", CONFIG_STRING, AT(web_shop_url), "", 0, PUBLIC_URL_MAX, NULL,
     "the seller's page, linked where a visitor can't go on; empty: no link"},
    {"web", "page_kept", CONFIG_DURATION, AT(web_page_kept_ms), "0s", 0, 60000, NULL,
     "how long a cache in front of us may keep the waiting page of visitors without a place, in "
     "whole seconds; 0: not at all"},
    {"autopilot", "health", CONFIG_STRING, AT(autopilot_health), "", 0, 1000, NULL,
     "URLs of the metrics of the services behind the line, separated by commas"},
    {"autopilot", "interval", CONFIG_DURATION, AT(autopilot_interval_ms), "5s", 200, 60000, NULL,
     "how often they are read and the rate is set; if they fail for three times as long: the "
     "floor"},
    {"autopilot", "tls_ca", CONFIG_STRING, AT(autopilot_tls_ca), "", 0, 1000, NULL,
     "certificates to trust for https instead of the system's"},
    {"visits", "served_by", CONFIG_STRING, AT(visits_served_by), "", 0, 1000, NULL,
     "URLs of /metrics with an event's fairgate_seats_open, separated by commas; while none is 1, "
     "the time of visits is paused; empty: it never is"},
    {"visits", "ended_at", CONFIG_STRING, AT(visits_ended_at), "", 0, 1000, NULL,
     "addresses, separated by commas; one of them is notified of each visit that a visitor leaves, "
     "by POST /internal/sessions/SESSION/end, and refuses its pass from then on; empty: a pass "
     "works until it expires"},
    {"visits", "paid_at", CONFIG_STRING, AT(visits_paid_at), "", 0, 1000, NULL,
     "URLs of /readyz of the payment service, separated by commas; while none returns 200, a sale "
     "opens only if the operator confirms it; empty: not checked"},
    {"visits", "token_file", CONFIG_STRING, AT(visits_token_file), "", 0, 1000, NULL,
     "file (mode 0600) with the token that the services show each other"},
    {"visits", "tls_ca", CONFIG_STRING, AT(visits_tls_ca), "", 0, 1000, NULL,
     "certificates to trust for https instead of the system's"},
    {"beacon", "drand", CONFIG_STRING, AT(beacon_drand),
     "https://api.drand.sh, https://api2.drand.sh, https://api3.drand.sh, "
     "https://drand.cloudflare.com",
     0, 1000, NULL,
     "relays of drand, separated by commas, queried once a promised round is due; empty: none "
     "may be promised"},
    {"beacon", "agree", CONFIG_U64, AT(beacon_agree), "2", 1, 8, NULL,
     "how many of them must give the same signature"},
    {"beacon", "chain", CONFIG_STRING, AT(beacon_chain), BEACON_QUICKNET, 64, 64, NULL,
     "hash of the chain of drand: quicknet"},
    {"beacon", "key", CONFIG_STRING, AT(beacon_key), BEACON_QUICKNET_KEY, 192, 192, NULL,
     "its public key, for everybody who checks a round"},
    {"beacon", "period", CONFIG_DURATION, AT(beacon_period_ms), "3s", 1000, 3600000, NULL,
     "time between its rounds"},
    {"beacon", "genesis", CONFIG_U64, AT(beacon_genesis_s), "1692803367", 1, 4102444800, NULL,
     "time of its first round, in seconds since 1970"},
    {"beacon", "gap", CONFIG_DURATION, AT(beacon_gap_ms), "6s", 1000, 60000, NULL,
     "least time from the end of the entries to the value that decides; clocks may differ by half "
     "of it"},
    {"beacon", "tls_ca", CONFIG_STRING, AT(beacon_tls_ca), "", 0, 1000, NULL,
     "certificates to trust for https instead of the system's"},
    {"console", "parts", CONFIG_STRING, AT(console_parts), "", 0, 1000, NULL,
     "private listeners that the console's page calls, as NAME=ORIGIN, separated by commas: seats, "
     "pay, and others whose health it shows"},
    BRAND_SETTINGS(AT(brand)),
};

/* ---- rules across settings ---- */

static int check_tls(const struct front_config *config, struct err_slot *err)
{
    const struct {
        const char *key, *value;
    } needs[] = {
        {"tls_ca", config->redis_tls_ca},
        {"tls_name", config->redis_tls_name},
        {"tls_cert", config->redis_tls_cert},
        {"tls_key", config->redis_tls_key},
    };
    for (size_t i = 0; !config->redis_tls && i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (needs[i].value[0] != '\0')
            return err_set(err, ERR_RANGE, "redis.%s: wants redis.tls = true", needs[i].key);
    }
    if (config->redis_tls && config->redis_path[0] != '\0')
        return err_set(err, ERR_RANGE, "redis.tls: not by redis.path, a unix socket");
    if ((config->redis_tls_cert[0] != '\0') != (config->redis_tls_key[0] != '\0'))
        return err_set(err, ERR_RANGE, "redis.%s: wants redis.%s beside it",
                       config->redis_tls_cert[0] != '\0' ? "tls_cert" : "tls_key",
                       config->redis_tls_cert[0] != '\0' ? "tls_key" : "tls_cert");
    if (config->redis_tls_name[0] != '\0' && !redis_host_is_good(config->redis_tls_name))
        return err_set(err, ERR_SYNTAX, "redis.tls_name: a name or a numeric address");
    return 0;
}

static int check_redis(const struct front_config *config, struct err_slot *err)
{
    bool sentinels = config->redis_sentinels[0] != '\0';
    bool cluster = config->redis_cluster[0] != '\0';
    struct redis_seeds seeds;
    if ((config->redis_path[0] != '\0') + sentinels + cluster > 1)
        return err_set(err, ERR_RANGE, "redis: one of path, sentinels and cluster, not several");
    if (sentinels && !redis_seeds_parse(span_of(config->redis_sentinels), &seeds))
        return err_set(err, ERR_SYNTAX, "redis.sentinels: HOST:PORT, comma between, up to %d",
                       REDIS_SEEDS_MAX);
    if (cluster && !redis_seeds_parse(span_of(config->redis_cluster), &seeds))
        return err_set(err, ERR_SYNTAX, "redis.cluster: HOST:PORT, comma between, up to %d",
                       REDIS_SEEDS_MAX);
    if (sentinels != (config->redis_master[0] != '\0'))
        return err_set(err, ERR_RANGE,
                       "redis.master: the name that the sentinels of "
                       "redis.sentinels know, one not without the other");
    if (!redis_host_is_good(config->redis_host))
        return err_set(err, ERR_SYNTAX, "redis.host: a name or a numeric address, without a port");
    const char *sentinel_password = config->redis_sentinel_password_file;
    if (config->redis_user[0] != '\0' && config->redis_password_file[0] == '\0')
        return err_set(err, ERR_RANGE, "redis.user: wants redis.password_file");
    if (config->redis_sentinel_user[0] != '\0' && sentinel_password[0] == '\0')
        return err_set(err, ERR_RANGE, "redis.sentinel_user: wants redis.sentinel_password_file");
    if (sentinel_password[0] != '\0' && !sentinels)
        return err_set(err, ERR_RANGE, "redis.sentinel_password_file: wants redis.sentinels");
    return check_tls(config, err);
}

static struct span after_scheme(const char *url)
{
    struct span rest = span_of(url);
    if (span_starts(rest, SPAN("https://")))
        return span_skip(rest, strlen("https://"));
    return span_skip(rest, span_starts(rest, SPAN("http://")) ? strlen("http://") : rest.len);
}

static int check_addresses(const struct front_config *config, struct err_slot *err)
{
    struct span site = after_scheme(config->web_public_url),
                shop = after_scheme(config->web_shop_url);
    if (config->web_public_url[0] != '\0' &&
        (site.len == 0 || !span_is_of(site, SPAN_LETTERS SPAN_DIGITS ".-:[]")))
        return err_set(err, ERR_SYNTAX, "web.public_url: of the form https://HOST, no path");
    if (config->web_shop_url[0] != '\0' && (shop.len == 0 || !span_is_visible(shop)))
        return err_set(err, ERR_SYNTAX, "web.shop_url: an http: or https: address");
    return 0;
}

static int check(void *target, struct err_slot *err)
{
    const struct front_config *config = target;
    int rc = check_redis(config, err);
    if (rc < 0)
        return rc;
    const char *event = strstr(config->pass_next_url, "{event}");
    if (event != NULL && strstr(event + 1, "{event}") != NULL)
        return err_set(err, ERR_RANGE, "passes.next_url: {event} may occur once");
    if (!span_is_visible(span_of(config->pass_next_url)))
        return err_set(err, ERR_RANGE, "passes.next_url: visible ASCII only");
    if (console_check(config->console_parts, err) < 0)
        return ERR_RANGE;
    if (strlen(config->pass_next_url) + LINE_EVENT_ID_MAX > NEXT_URL_BYTES_MAX)
        return err_set(err, ERR_RANGE, "passes.next_url: too long");
    rc = check_addresses(config, err);
    if (rc == 0 && config->web_page_kept_ms % 1000 != 0)
        return err_set(err, ERR_RANGE, "web.page_kept: whole seconds");
    if (rc == 0)
        rc = brand_check(&config->brand, err);
    struct beacon_sources beacons;
    if (rc == 0)
        rc = drawings_sources(config, err, &beacons);
    if (rc == 0)
        rc = member_keys_check(config->members_keys_url, err) ? 0 : ERR_RANGE;
    if (rc == 0)
        rc = page_list_check("autopilot.health", config->autopilot_health, err, NULL);
    if (rc == 0)
        rc = page_list_check("visits.served_by", config->visits_served_by, err, NULL);
    if (rc == 0)
        rc = endings_check("visits.ended_at", config->visits_ended_at, err);
    if (rc == 0)
        rc = page_list_check("visits.paid_at", config->visits_paid_at, err, NULL);
    if (rc == 0 && config->visits_ended_at[0] != '\0' && config->visits_token_file[0] == '\0')
        return err_set(err, ERR_RANGE, "visits.ended_at: wants visits.token_file");
    return rc;
}

static struct secrets_paths key_paths(const struct front_config *config)
{
    return (struct secrets_paths){
        .tickets = config->keys_tickets,
        .identities = config->keys_identities,
        .draws = config->keys_draws,
        .passes = config->keys_passes,
        .members = config->members_keys,
        .visits = config->visits_ended_at[0] != '\0' ? config->visits_token_file : "",
    };
}

/* ---- a life ---- */

static const struct http_route *const visitors[] = {queue_api_routes, fairness_routes,
                                                    move_api_routes, pass_api_routes, NULL};
static const struct http_route *const operators[] = {
    admin_change_routes,
    admin_move_routes,
    admin_seats_routes,
    admin_codes_routes,
    admin_view_routes,
    end_api_routes,
    restore_api_routes,
    admin_ended_routes,
    fairness_private_routes,
    pass_api_private_routes,
    NULL,
};

static void stop(struct service *service)
{
    struct front_shared *shared = service_ctx(service);
    secrets_unref(shared->keys);
    pages_destroy(shared->pages);
    console_destroy(shared->console);
    waiting_page_destroy(shared->waiting_page);
    secret_file_destroy(shared->redis_password);
    secret_file_destroy(shared->sentinel_password);
    tls_client_destroy(shared->redis_tls);
    cut_snapshot_destroy(shared->snapshot);
    uv_mutex_destroy(&shared->keys_lock);
}

static int read_password(const char *path, struct err_slot *err, struct secret_file **out)
{
    if (path[0] == '\0')
        return 0;
    int rc = secret_file_read(path, err, out);
    if (rc == 0 && secret_file_span(*out).len > REDIS_PASSWORD_MAX)
        rc = err_set(err, ERR_RANGE, "%s: longer than %d bytes", path, REDIS_PASSWORD_MAX);
    return rc;
}

/* Fails if the file has another password by now: the connections of all loops keep the first. */
static int check_unchanged(const char *path, const struct secret_file *password,
                           struct err_slot *err)
{
    struct secret_file *now = NULL;
    int rc = read_password(path, err, &now);
    if (rc == 0 && now != NULL && !span_eq(secret_file_span(now), secret_file_span(password)))
        rc = err_set(err, ERR_RANGE, "%s: a new password takes a restart", path);
    secret_file_destroy(now);
    return rc;
}

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    struct front_shared *shared = service_ctx(service);
    shared->config = service_config(service);
    shared->loops = service_loops(service);
    service_place(service, shared->place);
    if (uv_mutex_init(&shared->keys_lock) < 0)
        return err_set(err, ERR_LOOP, "a mutex for the key ring");
    struct secrets_paths paths = key_paths(shared->config);
    int rc = secrets_load(&paths, NULL, clock_system(), err, &shared->keys);
    if (rc == 0)
        rc = drawings_sources(shared->config, err, &shared->beacons);
    const struct front_config *config = shared->config;
    if (rc == 0)
        rc = read_password(config->redis_password_file, err, &shared->redis_password);
    if (rc == 0)
        rc = read_password(config->redis_sentinel_password_file, err, &shared->sentinel_password);
    if (rc == 0) {
        const struct tls_client_conf conf = {
            .ca = config->redis_tls_ca,
            .name = config->redis_tls_name,
            .cert = config->redis_tls_cert,
            .key = config->redis_tls_key,
        };
        rc = config->redis_tls ? tls_client_create(&conf, err, &shared->redis_tls) : 0;
    }
    if (rc == 0 && shared->loops > 1) {
        shared->snapshot = cut_snapshot_create();
        rc = shared->snapshot != NULL ? 0 : err_set(err, ERR_NOMEM, "the shared cuts");
    }
    if (rc == 0)
        rc = pages_create(&shared->config->brand, err, &shared->pages);
    if (rc == 0)
        rc = waiting_page_create(&shared->config->brand, err, &shared->waiting_page);
    if (rc == 0) /* last: by then all languages are known */
        rc = console_create(shared->config->console_parts, shared->config->web_public_url,
                            &shared->config->brand, err, &shared->console);
    if (rc == 0)
        rc = http_router_add_tables(routes, visitors, err);
    if (rc == 0)
        rc = http_router_add_tables(private_routes, operators, err);
    if (rc == 0)
        rc = pages_routes(shared->pages, routes, err);
    if (rc == 0)
        rc = console_routes(shared->console, private_routes, err);
    if (rc == 0)
        rc = waiting_page_routes(shared->waiting_page, routes, err);
    return rc;
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    struct front *front;
    int rc = front_create(loop, service_ctx(loop->service), err, &front);
    if (rc < 0)
        return rc;
    loop->ctx = front;
    if (loop->index == 0)
        front->shared->first = front;
    return 0;
}

static int reload(struct service *service, struct err_slot *err)
{
    struct front_shared *shared = service_ctx(service);
    struct secrets *keys;
    const struct front_config *config = shared->config;
    struct secrets_paths paths = key_paths(config);
    int rc = check_unchanged(config->redis_password_file, shared->redis_password, err);
    if (rc == 0)
        rc = check_unchanged(config->redis_sentinel_password_file, shared->sentinel_password, err);
    if (rc < 0)
        return rc;
    if (shared->redis_tls != NULL && tls_client_reload(shared->redis_tls, err) < 0)
        return ERR_IO;
    /* Only this function changes it, and `shared` keeps its reference until then. */
    rc = secrets_load(&paths, shared->keys, clock_system(), err, &keys);
    if (rc < 0)
        return rc;
    uv_mutex_lock(&shared->keys_lock);
    struct secrets *before = shared->keys;
    shared->keys = keys;
    uv_mutex_unlock(&shared->keys_lock);
    secrets_unref(before);
    return 0;
}

static void loop_reload(struct service_loop *loop)
{
    front_use_keys(loop->ctx);
}

static void loop_drain(struct service_loop *loop)
{
    if (loop->ctx != NULL)
        front_leave(loop->ctx);
}

static void loop_stop(struct service_loop *loop)
{
    struct front *front = loop->ctx;
    if (front == NULL)
        return;
    if (loop->index == 0)
        front->shared->first = NULL;
    front_close(front);
}

int main(int argc, char **argv)
{
    /* The console asks for the token itself. */
    static const char *const private_open[] = {"/console", "/design", NULL};
    static struct front_config config;
    static struct front_shared shared;
    if (argc > 1 && strcmp(argv[1], "verify-draw") == 0)
        return verify_draw_main(argc - 1, argv + 1);
    static const struct call_name calls[] = {
        {"join", HTTP_METHOD_POST, "/v1/queue/{event}/join"},
        {"me", HTTP_METHOD_GET, "/v1/queue/{event}/me"},
        {"pass", HTTP_METHOD_POST, "/v1/queue/{event}/pass"},
        {NULL, HTTP_METHOD_GET, NULL},
    };
    static const struct service_call roles[] = {
        {HTTP_METHOD_PUT, "/admin/events/{event}", PERSON_ADMIN},
        {HTTP_METHOD_GET, "/admin/events", PERSON_ANY | PERSON_FEED},
        {HTTP_METHOD_PUT, "/admin/events/{event}/seats-left", PERSON_OPERATOR | PERSON_FEED},
        {HTTP_METHOD_POST, "/admin/events/{event}/actions/restore", PERSON_ADMIN},
        /* They contain codes. */
        {HTTP_METHOD_GET, "/admin/events/{event}/lanes/{lane}/invitations", PERSON_OPERATOR},
        {HTTP_METHOD_GET, "/admin/events/{event}/archive", PERSON_OPERATOR},
        {HTTP_METHOD_GET, NULL, 0},
    };
    static const struct service_call by_id[] = {
        {HTTP_METHOD_GET, "/admin/events", 0},
        {HTTP_METHOD_GET, NULL, 0},
    };
    const struct service_conf conf = {
        .name = "queue-front",
        .version = FAIRGATE_VERSION,
        .commands =
            "queue-front verify-draw FILE|URL [--entry N] [--commitment HEX]\n" KEYS_COMMANDS,
        .settings = settings,
        .settings_len = sizeof(settings) / sizeof(settings[0]),
        .config = &config,
        .ctx = &shared,
        .private_open = private_open,
        .private_roles = roles,
        .private_by_id = by_id,
        .calls = calls,
        .check = check,
        .start = start,
        .loop_start = loop_start,
        .reload = reload,
        .loop_reload = loop_reload,
        .loop_drain = loop_drain,
        .loop_stop = loop_stop,
        .stop = stop,
        .readyz = front_readyz,
    };
    if (argc > 1 && strcmp(argv[1], "keys") == 0)
        return keys_main(&conf, &config, argc - 1, argv + 1);
    return service_main(&conf, argc, argv);
}
