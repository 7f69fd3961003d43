/* retire_rows.c: statements are made of the names that struct retire_table has, which are the
 * program's own; what comes from a file goes as an argument. json_populate_record() makes a row of
 * a line again, with all types of the table, so that its key can be looked up and nothing here
 * needs to know a column. */
#include "archive/retire_rows.h"

#include "base/grow.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SQL_MAX = 4096,
    BATCH_ROWS = 500,     /* deleted in some ten milliseconds, for which their rows are locked */
    BATCH_BYTES = 524288, /* a row may have more: it is a batch by itself */
};

int retire_rows_session(struct pg *pg, const char *event, struct err_slot *err)
{
    int rc = pg_run(pg,
                    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';"
                    "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET jit = off",
                    err);
    if (rc < 0)
        return rc;
    char memory[256];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, span_of(event));
    return pg_change(pg, "SELECT set_config('fairgate.retiring', $1, false)", &args, err, NULL);
}

__attribute__((format(printf, 2, 3))) static void write_sql(char out[SQL_MAX], const char *format,
                                                            ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(out, SQL_MAX, format, args);
    va_end(args);
    assert(len > 0 && len < SQL_MAX); /* of names that the program has */
}

/* "t.saga = a.saga AND t.step = a.step", or with another format "saga, step". */
static void put_keys(const struct retire_table *table, const char *between, bool equal,
                     char out[SQL_MAX])
{
    struct text text = text_on(out, SQL_MAX - 1);
    assert(table->keys[0] != NULL);
    for (unsigned i = 0; table->keys[i] != NULL; i++) {
        text_str(&text, i > 0 ? between : "");
        if (equal)
            text_printf(&text, "t.%s = a.%s", table->keys[i], table->keys[i]);
        else
            text_printf(&text, "t.%s", table->keys[i]);
    }
    assert(!text.overflown);
    out[text.len] = '\0';
}

int retire_rows_count(struct pg *pg, const struct retire_table *table, struct err_slot *err,
                      uint64_t *out)
{
    char sql[SQL_MAX];
    PGresult *res;
    write_sql(sql, "SELECT count(*) FROM %s t WHERE %s", table->name, table->of);
    int rc = pg_query(pg, sql, NULL, err, &res);
    if (rc < 0)
        return err_wrap(err, "counting %s", table->name);
    *out = pg_u64(res, 0, 0);
    PQclear(res);
    return 0;
}

/* ---- out ---- */

struct writing {
    struct lines *lines;
    struct err_slot *err;
};

static int on_copied(void *ctx, struct span row)
{
    struct writing *writing = ctx;
    struct span line;
    if (!pg_field(&row, &line) || line.ptr == NULL)
        return err_set(writing->err, ERR_SYNTAX, "a row that is no text");
    return lines_put(writing->lines, line, writing->err);
}

int retire_rows_write(struct pg *pg, const struct retire_table *table, const char *path,
                      struct err_slot *err)
{
    char sql[SQL_MAX], keys[SQL_MAX];
    struct writing writing = {.err = err};
    put_keys(table, ", ", false, keys);
    write_sql(sql,
              "COPY (SELECT row_to_json(t)::text FROM %s t WHERE %s ORDER BY %s)"
              " TO STDOUT (FORMAT binary)",
              table->name, table->of, keys);
    int rc = lines_create(path, err, &writing.lines);
    if (rc < 0)
        return rc;
    rc = pg_copy(pg, sql, on_copied, &writing, err);
    if (rc < 0) {
        lines_drop(writing.lines);
        return err_wrap(err, "archiving %s", table->name);
    }
    return lines_finish(writing.lines, err);
}

/* ---- by lines ---- */

struct acting {
    struct pg *pg;
    const struct retire_table *table;
    char sql[SQL_MAX];
    struct grow text; /* lines of the batch, one behind the other */
    size_t ends[BATCH_ROWS];
    uint32_t len;
    void (*after_batch)(void *ctx);
    void *ctx;
    struct err_slot *err;
    uint64_t rows;
};

#define OF_LINES                                                                                   \
    "unnest($1::text[]) AS l (line) CROSS JOIN LATERAL json_populate_record(NULL::%s, "            \
    "l.line::json) AS a"

static void make_sql(struct acting *acting, enum retire_act act)
{
    const char *name = acting->table->name;
    char keys[SQL_MAX];
    put_keys(acting->table, " AND ", true, keys);
    switch (act) {
    case RETIRE_COMPARE:
        write_sql(acting->sql,
                  "SELECT FROM " OF_LINES
                  " CROSS JOIN LATERAL (SELECT FROM %s t WHERE %s AND row_to_json(t)::text = l.line"
                  " OFFSET 0) same",
                  name, name, keys);
        break;
    case RETIRE_DELETE:
        write_sql(acting->sql,
                  "DELETE FROM %s t USING " OF_LINES " WHERE %s AND row_to_json(t)::text = l.line",
                  name, name, keys);
        break;
    case RETIRE_RESTORE:
        write_sql(acting->sql,
                  "INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT a.* FROM " OF_LINES
                  " ON CONFLICT DO NOTHING",
                  name, name);
        break;
    }
}

static int send_batch(struct acting *acting)
{
    if (acting->len == 0)
        return 0;
    size_t cap = acting->text.len + 16 * (size_t)acting->len + 256;
    char *memory = malloc(cap);
    if (memory == NULL || acting->text.failed) {
        free(memory);
        return err_set(acting->err, ERR_NOMEM, "%u rows of %s", acting->len, acting->table->name);
    }
    struct pg_args args;
    uint64_t rows = 0;
    pg_args_init(&args, memory, cap);
    pg_array_open(&args, PG_ARRAY_TEXT, acting->len);
    for (uint32_t i = 0; i < acting->len; i++) {
        size_t begin = i > 0 ? acting->ends[i - 1] : 0;
        pg_array_bytes(&args, (struct span){acting->text.ptr + begin, acting->ends[i] - begin});
    }
    pg_array_close(&args);
    int rc = pg_change(acting->pg, acting->sql, &args, acting->err, &rows);
    free(memory);
    acting->rows += rows;
    acting->len = 0;
    grow_clear(&acting->text);
    if (rc == 0 && acting->after_batch != NULL)
        acting->after_batch(acting->ctx);
    return rc;
}

/* The rows of a batch are looked up by their keys, however small a table looks when it is planned;
 * what selects an event's rows out of all of them is left to the planner. */
static int by_index(struct pg *pg, const char *others, struct err_slot *err)
{
    char sql[SQL_MAX];
    write_sql(sql, "SET enable_hashjoin = %s; SET enable_mergejoin = %s; SET enable_seqscan = %s",
              others, others, others);
    return pg_run(pg, sql, err);
}

static int on_line(void *ctx, struct span line)
{
    struct acting *acting = ctx;
    int rc = 0;
    if (acting->len == BATCH_ROWS || acting->text.len + line.len > BATCH_BYTES)
        rc = send_batch(acting);
    if (rc < 0)
        return rc; /* what could not be sent is still there, and may fill all the room */
    grow_add(&acting->text, line);
    acting->ends[acting->len++] = acting->text.len;
    return 0;
}

int retire_rows_act(struct pg *pg, enum retire_act act, const struct retire_table *table,
                    const char *path, void (*after_batch)(void *ctx), void *ctx,
                    struct err_slot *err, struct lines_sum *sum, uint64_t *rows)
{
    struct acting *acting = calloc(1, sizeof(*acting));
    if (acting == NULL)
        return err_set(err, ERR_NOMEM, "rows of %s", table->name);
    acting->pg = pg;
    acting->table = table;
    acting->after_batch = after_batch;
    acting->ctx = ctx;
    acting->err = err;
    make_sql(acting, act);
    int rc = by_index(pg, "off", err);
    if (rc == 0)
        rc = lines_read(path, on_line, acting, err, sum);
    if (rc == 0)
        rc = send_batch(acting);
    if (rc == 0)
        rc = by_index(pg, "on", err);
    if (rc < 0)
        rc = err_wrap(err, "%s", table->name);
    else if (rows != NULL)
        *rows = acting->rows;
    grow_free(&acting->text);
    free(acting);
    return rc;
}
