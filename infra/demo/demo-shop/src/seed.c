/* seed.c: a million users share four hashes that are computed once, one per format. A login depends
 * only on the table's size and its mixture of formats, and two bcrypt hashes take the same time.
 * The twenty demo users have hashes of their own; their passwords are random and written to one
 * file, and if the file is lost they get new ones.
 *
 * An advisory lock keeps two runs apart. */
#include "routes.h"
#include "shop.h"

#include "base/json_in.h"
#include "base/rng.h"
#include "base/text.h"
#include "password.h"
#include "pg/pg_migrate.h"
#include "system/system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEMO_PASSWORD_LEN = 14 };

static const char bulk_password[] = "shopping-is-fun";

static const char schema[] =
#include "infra/demo/demo-shop/sql/schema.sql.inc"
    ;

static int database_error(PGconn *conn, const char *what, struct err_slot *err)
{
    return err_set(err, ERR_PEER, "%s: %.*s", what, (int)strcspn(PQerrorMessage(conn), "\n"),
                   PQerrorMessage(conn));
}

static int run(PGconn *conn, const char *what, const char *sql, int len, const char *const *params,
               struct err_slot *err)
{
    /* Without parameters, several statements are allowed in one query. */
    PGresult *res =
        len == 0 ? PQexec(conn, sql) : PQexecParams(conn, sql, len, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(res);
    PQclear(res);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
               ? 0
               : database_error(conn, what, err);
}

/* ---- the demo users ---- */

/* Written under another name and then renamed: a reader sees all of it or nothing. */
static int write_list(const char *path, struct span list, struct err_slot *err)
{
    char new_path[CONFIG_STRING_MAX + 8];
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && system_write_all(fd, list.ptr, list.len) == 0 && system_sync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!written || rename(new_path, path) < 0)
        return err_set(err, ERR_IO, "writing %s: %s", path, strerror(errno));
    return 0;
}

/* Adds the nth demo user to the database and to the list. */
static int add_demo_user(PGconn *conn, enum password_cost cost, unsigned n, struct text *list,
                         struct err_slot *err)
{
    static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* no two look alike */
    static const char sql[] =
        "INSERT INTO users (email, password_hash, name, lang)"
        " VALUES ($1, $2, 'Demo ' || $3, CASE WHEN $3::integer % 4 = 0 THEN 'en' ELSE 'ko' END)"
        " ON CONFLICT (lower(email)) DO UPDATE SET password_hash = excluded.password_hash";
    char login[32], password[DEMO_PASSWORD_LEN + 1], hash[PASSWORD_HASH_MAX], number[16];
    snprintf(login, sizeof(login), "demo%02u@shop.example", n);
    snprintf(number, sizeof(number), "%u", n);
    for (unsigned i = 0; i < DEMO_PASSWORD_LEN; i++)
        password[i] = alphabet[rng_below(rng_system(), sizeof(alphabet) - 1)];
    password[DEMO_PASSWORD_LEN] = '\0';
    json_open(list, '{');
    json_member_cstr(list, "login", login);
    json_member_cstr(list, "password", password);
    json_close(list, '}');
    int rc = password_make((enum password_format)(n % PASSWORD_FORMATS), cost, password,
                           rng_system(), err, hash);
    const char *const params[] = {login, hash, number};
    return rc < 0 ? rc : run(conn, "demo users", sql, 3, params, err);
}

static int add_demo_users(PGconn *conn, const struct settings *settings, struct err_slot *err)
{
    char memory[SEED_DEMO_USERS * 128];
    struct text list = text_on(memory, sizeof(memory));
    const char *path = settings->demo_users;
    if (path[0] == '\0' || access(path, F_OK) == 0)
        return 0;
    json_open(&list, '[');
    int rc = run(conn, "demo users", "BEGIN", 0, NULL, err);
    for (unsigned n = 1; rc == 0 && n <= SEED_DEMO_USERS; n++)
        rc = add_demo_user(conn, (enum password_cost)settings->seed_hashes, n, &list, err);
    json_close(&list, ']');
    TEXT_LIT(&list, "\n");
    assert(!list.overflown);
    if (rc == 0)
        rc = run(conn, "demo users", "COMMIT", 0, NULL, err);
    if (rc == 0) /* last: if the list exists, it is true */
        rc = write_list(path, text_span(&list), err);
    if (rc == 0)
        printf("demo users: %s\n", path);
    return rc;
}

/* ---- everybody else ---- */

static int add_customers(PGconn *conn, const struct settings *settings, struct err_slot *err)
{
    char memory[PASSWORD_FORMATS * (PASSWORD_HASH_MAX + 4)], last[24];
    struct text hashes = text_on(memory, sizeof(memory)); /* an SQL array, one per format */
    int rc = 0;
    snprintf(last, sizeof(last), "%llu",
             (unsigned long long)settings->seed_users - SEED_DEMO_USERS);
    const char *const params[] = {last, memory};
    for (unsigned i = 0; rc == 0 && i < PASSWORD_FORMATS; i++) {
        char hash[PASSWORD_HASH_MAX] = "";
        rc = password_make((enum password_format)i, (enum password_cost)settings->seed_hashes,
                           bulk_password, rng_system(), err, hash);
        text_printf(&hashes, "%c\"%s\"", i > 0 ? ',' : '{', hash); /* hashes hold no quotes */
    }
    text_add(&hashes, "}", sizeof("}"));
    assert(!hashes.overflown);
    if (rc == 0)
        rc = run(conn, "customers", "SELECT seed_customers($1, $2)", 2, params, err);
    if (rc == 0)
        rc = run(conn, "customers", "ANALYZE users", 0, NULL, err);
    if (rc == 0)
        printf("customers: %llu\n", (unsigned long long)settings->seed_users);
    return rc;
}

/* ---- all of it ---- */

static int seed_all(PGconn *conn, const struct settings *settings, struct err_slot *err)
{
    /* NOTICE only reports existing objects. The lock belongs to the session and ends with it. */
    int rc = run(conn, "locking", "SET client_min_messages = warning; SELECT pg_advisory_lock(7)",
                 0, NULL, err);
    if (rc == 0)
        rc = run(conn, "schema", schema, 0, NULL, err);
    if (rc == 0)
        rc = add_demo_users(conn, settings, err);
    if (rc == 0)
        rc = add_customers(conn, settings, err);
    if (rc == 0)
        rc = run(conn, "products and orders", "SELECT seed_goods()", 0, NULL, err);
    const char *const role[] = {settings->reader_role};
    if (rc == 0 && role[0][0] != '\0')
        rc = run(conn, "reader's role", "SELECT grant_reader($1)", 1, role, err);
    return rc;
}

int seed_run(const struct settings *settings, struct err_slot *err)
{
    pg_await(settings->conninfo, PG_AWAIT_US, NULL, NULL); /* containers start together */
    PGconn *conn = PQconnectdb(settings->conninfo);
    int rc = PQstatus(conn) == CONNECTION_OK ? seed_all(conn, settings, err)
                                             : database_error(conn, "connecting", err);
    PQfinish(conn);
    return rc;
}
