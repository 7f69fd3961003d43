/* main.c: the shop as a program: `demo-shop seed --config FILE` fills the database, `demo-shop
 * --config FILE` serves. */
#include "catalog.h"
#include "password.h"
#include "routes.h"
#include "seed.h"
#include "service/service.h"
#include "shop.h"
#include "version.inc"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

struct state {
    struct catalog catalog; /* before the loop, and after it */
    struct shop *shop;      /* the one loop's, for stop() to free when the loop has ended */
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
    int rc = catalog_create(err, &state->catalog);
    if (rc == 0)
        rc = login_add_routes(routes, err);
    if (rc == 0)
        rc = catalog_add_routes(&state->catalog, routes, err);
    if (rc == 0)
        rc = checkout_add_routes(routes, err);
    if (rc == 0)
        rc = partner_add_routes(routes, err);
    return rc;
}

static void on_db_ready(void *ctx, bool ready)
{
    service_ready(ctx, "database", ready ? NULL : "no connection to the database");
}

/* What comes from files. */
static int read_secrets(struct shop *shop, const struct settings *settings, struct err_slot *err)
{
    int rc = 0;
    if (settings->session_key[0] != '\0')
        rc = jwks_load(span_of(settings->session_key), err, &shop->keys);
    if (rc == 0 && settings->api_key[0] != '\0')
        rc = secret_file_read(settings->api_key, err, &shop->api_key);
    return rc;
}

static void shop_free(struct shop *shop)
{
    jwks_destroy(shop->keys);
    secret_file_destroy(shop->api_key);
    free(shop);
}

static int open_db(struct service_loop *loop, struct shop *shop, struct err_slot *err)
{
    const struct settings *settings = loop->config;
    struct pg_pool_conf conf = {.loop = loop->uv,
                                .what = "shop",
                                .conninfo = settings->conninfo,
                                .connections = (uint32_t)settings->connections,
                                .depth = 1, /* a slow report holds up nobody's basket */
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
    int rc = pg_pool_create(&conf, err, &shop->db);
    if (rc == 0)
        on_db_ready(loop, false);
    return rc;
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
    shop->issuer = settings->issuer;
    shop->audience = settings->audience;
    shop->partner = settings->partner;
    pace_init(&shop->import_pace, settings->import_per_s, settings->import_burst,
              shop_now_us(shop));
    int rc = read_secrets(shop, settings, err);
    if (rc == 0)
        rc = password_make(PASSWORD_BCRYPT, (enum password_cost)settings->seed_hashes, "",
                           shop->rng, err, shop->dummy_hash);
    if (rc == 0)
        rc = open_db(loop, shop, err);
    if (rc < 0) {
        shop_free(shop);
        return rc;
    }
    loop->ctx = shop;
    struct state *state = service_ctx(loop->service);
    state->shop = shop;
    shop->catalog = &state->catalog;
    return 0;
}

/* A password check that is still running comes back to a shop without a database, which says so. */
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
        .settings_len = settings_table_len,
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
