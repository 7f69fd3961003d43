/* seed.c: a million users get their hashes from four that are computed once, one of each format:
 * what a login meets is the table's size and its mixture of formats, and two bcrypt hashes take the
 * same time. The twenty demo users have hashes of their own; their passwords are random and written
 * to one file, and if the file is lost they get new ones.
 *
 * Users come in chunks, each a transaction, so that an interrupted run resumes where it stopped. An
 * advisory lock keeps two runs apart. */
#include "seed.h"

#include "base/json_in.h"
#include "base/rng.h"
#include "base/text.h"
#include "password.h"
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

/* *out (may be NULL) is the number in the only row. */
static int run_with(PGconn *conn, const char *what, const char *sql, int len,
                    const char *const *params, uint64_t *out, struct err_slot *err)
{
    /* Without parameters several statements may follow each other. */
    PGresult *res =
        len == 0 ? PQexec(conn, sql) : PQexecParams(conn, sql, len, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(res);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (good && out != NULL)
        good = PQntuples(res) == 1 && span_u64(span_of(PQgetvalue(res, 0, 0)), UINT64_MAX, out);
    PQclear(res);
    return good ? 0 : database_error(conn, what, err);
}

static int run(PGconn *conn, const char *what, const char *sql, struct err_slot *err)
{
    return run_with(conn, what, sql, 0, NULL, NULL, err);
}

/* ---- the demo users ---- */

struct demo_user {
    char login[32];
    char password[DEMO_PASSWORD_LEN + 1];
};

static void invent(struct demo_user users[SEED_DEMO_USERS])
{
    static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* no two look alike */
    for (unsigned i = 0; i < SEED_DEMO_USERS; i++) {
        snprintf(users[i].login, sizeof(users[i].login), "demo%02u@shop.example", i + 1);
        for (unsigned c = 0; c < DEMO_PASSWORD_LEN; c++)
            users[i].password[c] = alphabet[rng_below(rng_system(), sizeof(alphabet) - 1)];
        users[i].password[DEMO_PASSWORD_LEN] = '\0';
    }
}

/* Written under another name and then renamed: a reader sees all of it or nothing. */
static int write_file(const char *path, struct span content, struct err_slot *err)
{
    char new_path[CONFIG_STRING_MAX + 8];
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "making %s: %s", new_path, strerror(errno));
    bool written = system_write_all(fd, content.ptr, content.len) == 0 && system_sync(fd) == 0;
    close(fd);
    if (!written || rename(new_path, path) < 0)
        return err_set(err, ERR_IO, "writing %s: %s", path, strerror(errno));
    return 0;
}

static int write_list(const char *path, const struct demo_user users[SEED_DEMO_USERS],
                      struct err_slot *err)
{
    char memory[SEED_DEMO_USERS * 128];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '[');
    for (unsigned i = 0; i < SEED_DEMO_USERS; i++) {
        json_open(&json, '{');
        json_member_cstr(&json, "login", users[i].login);
        json_member_cstr(&json, "password", users[i].password);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    TEXT_LIT(&json, "\n");
    assert(!json.overflown);
    return write_file(path, text_span(&json), err);
}

static int add_demo_users(PGconn *conn, const struct settings *settings, struct err_slot *err)
{
    const char *path = settings->demo_users;
    if (path[0] == '\0' || access(path, F_OK) == 0)
        return 0;
    static const char sql[] =
        "INSERT INTO users (email, password_hash, name, lang)"
        " VALUES ($1, $2, $3, CASE WHEN $4::integer % 4 = 3 THEN 'en' ELSE 'ko' END)"
        " ON CONFLICT (lower(email)) DO UPDATE SET password_hash = excluded.password_hash";
    struct demo_user users[SEED_DEMO_USERS];
    invent(users);
    int rc = run(conn, "demo users", "BEGIN", err);
    for (unsigned i = 0; rc == 0 && i < SEED_DEMO_USERS; i++) {
        char hash[PASSWORD_HASH_MAX];
        char name[32];
        char number[16];
        snprintf(name, sizeof(name), "Demo %u", i + 1);
        snprintf(number, sizeof(number), "%u", i);
        rc = password_make((enum password_format)(i % PASSWORD_FORMATS),
                           (enum password_cost)settings->seed_hashes, users[i].password,
                           rng_system(), err, hash);
        const char *const params[] = {users[i].login, hash, name, number};
        if (rc == 0)
            rc = run_with(conn, "demo users", sql, 4, params, NULL, err);
    }
    if (rc == 0)
        rc = run(conn, "demo users", "COMMIT", err);
    if (rc == 0) /* last: if the list exists, it is true */
        rc = write_list(path, users, err);
    if (rc == 0)
        printf("demo users: %s\n", path);
    return rc;
}

/* ---- everybody else ---- */

/* An SQL array of hashes of the same password, the formats taking turns. */
static int make_hashes(enum password_cost cost, struct text *array, struct err_slot *err)
{
    TEXT_LIT(array, "{");
    for (unsigned i = 0; i < PASSWORD_FORMATS; i++) {
        char hash[PASSWORD_HASH_MAX];
        int rc =
            password_make((enum password_format)i, cost, bulk_password, rng_system(), err, hash);
        if (rc < 0)
            return rc;
        text_printf(array, "%s\"%s\"", i > 0 ? "," : "", hash); /* hashes hold no quotes */
    }
    text_add(array, "}", sizeof("}"));
    assert(!array->overflown);
    return 0;
}

static int add_customers(PGconn *conn, const struct settings *settings, struct err_slot *err)
{
    static const char sql[] =
        "WITH made AS ("
        " INSERT INTO users (email, password_hash, name, lang, created_at)"
        " SELECT 'customer' || lpad(i::text, 6, '0') || '@shop.example',"
        "        ($3::text[])[1 + i % array_length($3::text[], 1)], 'Customer ' || i,"
        "        CASE WHEN i % 5 = 0 THEN 'en' ELSE 'ko' END,"
        "        now() - (i % 3000) * interval '1 day'"
        " FROM generate_series($1::bigint, $2::bigint) i"
        " ON CONFLICT DO NOTHING RETURNING id)"
        " INSERT INTO addresses (user_id, street, city, postcode)"
        " SELECT id, (id % 300 + 1) || ' Sejong-daero',"
        "        (ARRAY['Seoul','Busan','Incheon','Daegu','Daejeon'])[1 + id % 5],"
        "        lpad((id % 63000)::text, 5, '0') FROM made";
    uint64_t last, bulk = settings->seed_users - SEED_DEMO_USERS;
    int rc = run_with(conn, "counting customers",
                      "SELECT coalesce(max(substring(email from '^customer(\\d+)@')::bigint), 0)"
                      " FROM users WHERE email LIKE 'customer%'",
                      0, NULL, &last, err);
    if (rc < 0 || last >= bulk)
        return rc;
    char memory[PASSWORD_FORMATS * (PASSWORD_HASH_MAX + 4)];
    struct text hashes = text_on(memory, sizeof(memory));
    rc = make_hashes((enum password_cost)settings->seed_hashes, &hashes, err);
    while (rc == 0 && last < bulk) {
        uint64_t to = last + SEED_CHUNK < bulk ? last + SEED_CHUNK : bulk;
        char first[24], end[24];
        snprintf(first, sizeof(first), "%llu", (unsigned long long)last + 1);
        snprintf(end, sizeof(end), "%llu", (unsigned long long)to);
        const char *const params[] = {first, end, memory};
        rc = run_with(conn, "customers", sql, 3, params, NULL, err);
        last = to;
    }
    if (rc == 0)
        rc = run(conn, "customers", "ANALYZE users", err);
    if (rc == 0)
        printf("customers: %llu\n", (unsigned long long)settings->seed_users);
    return rc;
}

/* ---- products, some orders, grants ---- */

static const char goods[] =
    "INSERT INTO products SELECT 'sku-' || lpad(i::text, 4, '0'),"
    " (ARRAY['우산','공책','머그잔','담요','등산 양말'])[1 + i % 5] || ' ' || i,"
    " 'A plain thing, number ' || i || ', made to be bought.', 1000 * (1 + i % 90), 100000000"
    " FROM generate_series(1, 200) i ON CONFLICT DO NOTHING;"
    "INSERT INTO products VALUES ('last-one', 'The last one', 'There is one of it.', 5000, 1)"
    " ON CONFLICT DO NOTHING;"
    "WITH buyers AS (SELECT id FROM users WHERE NOT EXISTS (SELECT FROM orders)"
    " ORDER BY id LIMIT 1000),"
    " made AS (INSERT INTO orders (user_id, status, currency, amount)"
    " SELECT id, 'completed', 'KRW', 2000 FROM buyers RETURNING id)"
    " INSERT INTO order_lines SELECT id, 'sku-0001', 1, 2000 FROM made";

/* The columns of a login and nothing else. Creating the role is up to the administrator. */
static int grant_reader(PGconn *conn, const char *role, struct err_slot *err)
{
    if (role[0] == '\0')
        return 0;
    char *name = PQescapeIdentifier(conn, role, strlen(role));
    if (name == NULL)
        return database_error(conn, "reader's role", err);
    char sql[512];
    snprintf(sql, sizeof(sql),
             "GRANT SELECT (id, email, password_hash, lang, active) ON users TO %s", name);
    PQfreemem(name);
    return run(conn, "reader's role", sql, err);
}

static int seed_all(PGconn *conn, const struct settings *settings, struct err_slot *err)
{
    /* Notices only say that things exist already; the lock is the session's and ends with it. */
    int rc =
        run(conn, "locking", "SET client_min_messages = warning; SELECT pg_advisory_lock(7)", err);
    if (rc == 0)
        rc = run(conn, "schema", schema, err);
    if (rc == 0)
        rc = add_demo_users(conn, settings, err);
    if (rc == 0)
        rc = add_customers(conn, settings, err);
    if (rc == 0)
        rc = run(conn, "products and orders", goods, err);
    if (rc == 0)
        rc = grant_reader(conn, settings->reader_role, err);
    return rc;
}

int seed_run(const struct settings *settings, struct err_slot *err)
{
    PGconn *conn = PQconnectdb(settings->conninfo);
    int rc = PQstatus(conn) == CONNECTION_OK ? seed_all(conn, settings, err)
                                             : database_error(conn, "connecting", err);
    PQfinish(conn);
    return rc;
}
