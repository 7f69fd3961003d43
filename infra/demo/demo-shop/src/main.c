/* main.c: the shop as a program: `demo-shop seed --config FILE` fills the database, `demo-shop
 * --config FILE` serves. */
#include "password.h"
#include "routes.h"
#include "service/service.h"
#include "shop.h"
#include "version.inc"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define AT(member) offsetof(struct settings, member)
#define TEXT       1, CONFIG_STRING_MAX - 1, NULL
#define MAYBE      0, CONFIG_STRING_MAX - 1, NULL

/* Name, default, bounds and help of every setting; nothing else repeats them. */
static const struct config_setting settings_table[] = {
    {"database", "conninfo", CONFIG_STRING, AT(conninfo), NULL, TEXT,
     "the shop's PostgreSQL, as libpq writes it; by address or socket folder"},
    {"database", "connections", CONFIG_U64, AT(connections), "4", 1, PG_CONNECTIONS_MAX, NULL,
     "connections"},
    {"session", "key", CONFIG_STRING, AT(session_key), "", MAYBE,
     "file: the ES256 key that signs tokens for partners; empty: none are signed"},
    {"session", "issuer", CONFIG_STRING, AT(issuer), "shop", TEXT, "iss of those tokens"},
    {"session", "audience", CONFIG_STRING, AT(audience), "partner", TEXT, "aud of those tokens"},
    {"partner", "name", CONFIG_STRING, AT(partner), "partner", 1, 40, NULL,
     "what orders that are handed in are marked with"},
    {"partner", "api_key", CONFIG_STRING, AT(api_key), "", MAYBE,
     "file: the key for handing in orders; empty: nobody may"},
    {"partner", "reader_role", CONFIG_STRING, AT(reader_role), "", 0, 63, NULL,
     "seed: the database role that may read the columns of a login; empty: none"},
    {"partner", "per_s", CONFIG_U64, AT(import_per_s), "50", 1, 100000, NULL,
     "orders a second that a partner may hand in; 429 above"},
    {"partner", "burst", CONFIG_U64, AT(import_burst), "10", 1, 100000, NULL, "orders at once"},
    {"concert", "line_url", CONFIG_STRING, AT(line_url), "http://localhost:8080/", TEXT,
     "where the tickets of the concert on the home page are sold"},
    {"seed", "users", CONFIG_U64, AT(seed_users), "5000", SEED_DEMO_USERS, SEED_USERS_MAX, NULL,
     "seed: customers in all"},
    {"seed", "demo_users", CONFIG_STRING, AT(demo_users), "", MAYBE,
     "seed: the file that lists customers with their passwords"},
    {"seed", "hashes", CONFIG_WORD, AT(seed_hashes), "usual", 0, 0, password_cost_words,
     "what password hashes cost: as elsewhere, or little, which is for tests of something else"},
};

struct state {
    struct catalog catalog; /* created before the loop, destroyed after it */
    struct shop *shop;      /* of the one loop; stop() frees it after the loop has ended */
};

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    (void)private_routes;
    if (service_loops(service) != 1)
        return err_set(err, ERR_RANGE, "[http] loops: the shop is small and runs on one");
    if (sodium_init() < 0)
        return err_set(err, ERR_IO, "libsodium");
    struct state *state = service_ctx(service);
    int rc = catalog_create(((const struct settings *)service_config(service))->line_url, err,
                            &state->catalog);
    if (rc == 0)
        rc = login_add_routes(routes, err);
    if (rc == 0)
        rc = catalog_add_routes(&state->catalog, routes, err);
    if (rc == 0)
        rc = orders_add_routes(routes, err);
    return rc;
}

static void on_db_ready(void *ctx, bool ready)
{
    service_ready(ctx, "database", ready ? NULL : "no connection to the database");
}

static void shop_free(struct shop *shop)
{
    jwks_destroy(shop->keys);
    secret_file_destroy(shop->api_key);
    free(shop);
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    const struct settings *settings = loop->config;
    struct shop *shop = calloc(1, sizeof(*shop));
    if (shop == NULL)
        return err_set(err, ERR_NOMEM, "shop");
    shop->loop = loop->uv;
    shop->clock = loop->clock;
    shop->rng = rng_system();
    shop->settings = settings;
    int rc = 0;
    if (settings->session_key[0] != '\0')
        rc = jwks_load(span_of(settings->session_key), err, &shop->keys);
    if (rc == 0 && settings->api_key[0] != '\0')
        rc = secret_file_read(settings->api_key, err, &shop->api_key);
    if (rc == 0)
        rc = password_make(PASSWORD_BCRYPT, (enum password_cost)settings->seed_hashes, "",
                           shop->rng, err, shop->dummy_hash);
    struct pg_pool_conf conf = {.loop = loop->uv,
                                .what = "shop",
                                .conninfo = settings->conninfo,
                                .connections = (uint32_t)settings->connections,
                                .depth = 1, /* a slow report must not delay a basket */
                                .queue_max = DB_QUEUE_MAX,
                                .deadline_ms = DB_DEADLINE_MS,
                                .fail_fast = true,
                                .statements = shop_statements,
                                .statements_len = SHOP_QUERIES,
                                .clock = loop->clock,
                                .rng = rng_system(),
                                .log = loop->log,
                                .on_ready = on_db_ready,
                                .ctx = loop};
    if (rc == 0)
        rc = pg_pool_create(&conf, err, &shop->db);
    if (rc < 0) {
        shop_free(shop);
        return rc;
    }
    on_db_ready(loop, false);
    loop->ctx = shop;
    struct state *state = service_ctx(loop->service);
    state->shop = shop;
    return 0;
}

/* A password check that is still running finds no database when it ends, and says so. */
static void loop_stop(struct service_loop *loop)
{
    struct shop *shop = loop->ctx;
    struct pg_pool *db = shop->db;
    shop->db = NULL;
    pg_pool_close(db);
}

static void stop(struct service *service)
{
    struct state *state = service_ctx(service);
    shop_free(state->shop);
    catalog_destroy(&state->catalog);
}

static int seed_main(const struct service_conf *conf, int argc, char **argv)
{
    struct err_slot err;
    if (argc != 4 || strcmp(argv[2], "--config") != 0) {
        fprintf(stderr, "usage: demo-shop seed --config FILE\n");
        return 2;
    }
    if (service_read_settings(conf, argv[3], &err) < 0) {
        fprintf(stderr, "demo-shop: %s\n", err.text);
        return 2;
    }
    if (sodium_init() < 0 || seed_run(conf->config, &err) < 0) {
        fprintf(stderr, "demo-shop: seed: %s\n", err.text);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static struct state state;
    struct service_conf conf = {
        .name = "demo-shop",
        .version = FAIRGATE_VERSION,
        .settings = settings_table,
        .settings_len = sizeof(settings_table) / sizeof(settings_table[0]),
        .config = &settings,
        .ctx = &state,
        .start = start,
        .loop_start = loop_start,
        .loop_stop = loop_stop,
        .stop = stop,
    };
    if (argc > 1 && strcmp(argv[1], "seed") == 0)
        return seed_main(&conf, argc, argv);
    return service_main(&conf, argc, argv);
}
