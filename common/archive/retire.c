/* retire.c: one transaction moves an event. Each table is emptied by COPY (DELETE ... RETURNING),
 * so a row that leaves the database is in the file, and nothing else is. Before the commit every
 * file is read back from the disk and compared with what the database sent. A program that dies, or
 * a disk that is full, leaves the database as it was; the next run writes the files anew. */
#include "archive/retire.h"

#include "base/clock.h"
#include "base/grow.h"
#include "base/json_in.h"
#include "base/rfc3339.h"
#include "pg/pg.h"
#include "system/plain_file.h"
#include "system/system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    CONNECT_MS = 10000,
    ANSWER_MS = 3600000, /* for a large table; no request waits for it */
    FORMAT = 1,
    SQL_MAX = 1024,
    COLUMNS_MAX = 2048, /* the names of a table's columns */
    DIR_MAX = 4096,
    PATH_SIZE = DIR_MAX + 128,
    EVENT_MAX = 128,
    SHA256_SIZE = 2 * crypto_hash_sha256_BYTES + 1,
    PIECE = 65536,
    MANIFEST_MAX = 65536,
    BATCH_BYTES = 524288, /* rows restored per statement */
};

/* The hash is of the compressed file, as `sha256sum` prints it. */
struct sum {
    uint64_t rows, bytes;
    char sha256[SHA256_SIZE];
};

struct words {
    const char *event, *to;       /* archive and delete */
    const char *verify, *restore; /* or one of these */
    bool list;
    const char *config;
    uint64_t halt_at; /* for tests: the process stops itself at this point; 0: never */
};

struct retire {
    const struct service_conf *service;
    const struct retire_conf *conf;
    struct words words;
    struct pg *pg;
    struct err_slot err;
    char event[EVENT_MAX];
    uint32_t part;
    char dir[DIR_MAX];
    uint64_t rows, edges;
    struct sum sums[RETIRE_TABLES_MAX]; /* as conf->tables */
    json_t *manifest;
    char text[MANIFEST_MAX];  /* of the manifest, or of a part of it */
    char digest[SHA256_SIZE]; /* of the manifest */
};

/* ---- words ---- */

bool retire_is_asked(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "retire") == 0;
}

static bool read_words(struct words *words, int argc, char **argv)
{
    const char *halt_at = "0";
    for (int i = 2; i < argc; i++) {
        const char **value = strcmp(argv[i], "--to") == 0        ? &words->to
                             : strcmp(argv[i], "--verify") == 0  ? &words->verify
                             : strcmp(argv[i], "--restore") == 0 ? &words->restore
                             : strcmp(argv[i], "--config") == 0  ? &words->config
                             : strcmp(argv[i], "--halt-at") == 0 ? &halt_at
                                                                 : NULL;
        if (value != NULL) {
            if (++i == argc)
                return false;
            *value = argv[i];
        } else if (strcmp(argv[i], "--list") == 0) {
            words->list = true;
        } else if (words->event == NULL && argv[i][0] != '-') {
            words->event = argv[i];
        } else {
            return false;
        }
    }
    words->halt_at = strtoull(halt_at, NULL, 10);
    int acts = (words->event != NULL) + (words->verify != NULL) + (words->restore != NULL) +
               (words->list ? 1 : 0);
    return acts == 1 && (words->event != NULL) == (words->to != NULL);
}

/* A point at which tests stop the program, to kill it or to change its files. */
static void edge(struct retire *retire)
{
    if (++retire->edges == retire->words.halt_at)
        raise(SIGSTOP);
}

/* ---- files ---- */

static int io_failed(struct retire *retire, const char *path)
{
    return err_set(&retire->err, ERR_IO, "%.256s: %s", path, strerror(errno));
}

static int sync_path(struct retire *retire, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_failed(retire, path);
    errno = system_sync(fd);
    close(fd);
    return errno == 0 ? 0 : io_failed(retire, path);
}

static void table_path(const struct retire *retire, const char *table, char out[PATH_SIZE])
{
    int len = snprintf(out, PATH_SIZE, "%s/%s.ndjson.gz", retire->dir, table);
    assert(len > 0 && len < PATH_SIZE);
}

static void put_hash(crypto_hash_sha256_state *state, char out[SHA256_SIZE])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(state, hash);
    sodium_bin2hex(out, SHA256_SIZE, hash, sizeof(hash));
}

/* Size and hash of a file, read from the disk rather than from the memory just written. */
static int sum_file(struct retire *retire, const char *path, struct sum *out)
{
    uint8_t piece[PIECE];
    ssize_t got;
    crypto_hash_sha256_state state;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_failed(retire, path);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    crypto_hash_sha256_init(&state);
    for (out->bytes = 0; (got = read(fd, piece, sizeof(piece))) > 0; out->bytes += (uint64_t)got)
        crypto_hash_sha256_update(&state, piece, (size_t)got);
    put_hash(&state, out->sha256);
    close(fd);
    return got == 0 ? 0 : io_failed(retire, path);
}

/* The hash of a file's lines. */
static int hash_lines(struct retire *retire, const char *path, char out[SHA256_SIZE])
{
    uint8_t piece[PIECE];
    int got;
    crypto_hash_sha256_state state;
    gzFile file = gzopen(path, "rbe");
    if (file == NULL)
        return io_failed(retire, path);
    crypto_hash_sha256_init(&state);
    while ((got = gzread(file, piece, sizeof(piece))) > 0)
        crypto_hash_sha256_update(&state, piece, (unsigned)got);
    put_hash(&state, out);
    int closed = gzclose(file);
    return got == 0 && closed == Z_OK
               ? 0
               : err_set(&retire->err, ERR_SYNTAX, "%.256s is damaged", path);
}

/* ---- the database ---- */

static int open_database(struct retire *retire)
{
    const struct retire_conf *conf = retire->conf;
    const struct pg_conf pg = {conf->dsn, "fairgate retire", conf->schema, CONNECT_MS, ANSWER_MS};
    return pg_open(&pg, &retire->err, &retire->pg);
}

/* Runs a statement: $1 is the event, $2 the age in ms it must have, $3 the part. */
static int query(struct retire *retire, const char *sql, PGresult **out)
{
    char memory[512];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, span_of(retire->event));
    pg_arg_i64(&args, (int64_t)*retire->conf->after_ms);
    pg_arg_i32(&args, (int32_t)retire->part);
    return pg_query(retire->pg, sql, &args, &retire->err, out);
}

static int call(struct retire *retire, const char *sql)
{
    PGresult *res;
    int rc = query(retire, sql, &res);
    if (rc == 0)
        PQclear(res);
    return rc;
}

/* Sets what makes the JSON of a row reproducible, and the event whose rows may be deleted. */
static int set_up(struct retire *retire)
{
    int rc = open_database(retire);
    if (rc == 0)
        rc = pg_run(retire->pg,
                    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';"
                    "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET jit = off",
                    &retire->err);
    return rc == 0 ? call(retire, "SELECT set_config('fairgate.retiring', $1, false)") : rc;
}

/* The session's lock ends with the program. */
static int lock(struct retire *retire)
{
    PGresult *res;
    int rc =
        pg_query(retire->pg, "SELECT pg_try_advisory_lock(4606785, 3)", NULL, &retire->err, &res);
    if (rc < 0)
        return rc;
    bool got = pg_bool(res, 0, 0);
    PQclear(res);
    return got ? 0 : err_set(&retire->err, ERR_STATE, "another program is retiring an event");
}

/* Prints every reason against retiring. */
static int check_refusals(struct retire *retire)
{
    PGresult *res;
    int rc = query(retire, "SELECT retire_refusals($1, $2 * interval '1 ms')", &res);
    if (rc < 0)
        return rc;
    int refusals = PQntuples(res);
    for (int i = 0; i < refusals; i++) {
        struct span why = pg_text(res, i, 0);
        fprintf(stderr, "%s: %s: %.*s\n", retire->service->name, retire->event, (int)why.len,
                why.ptr);
    }
    PQclear(res);
    return refusals == 0 ? 0 : err_set(&retire->err, ERR_AUTH, "it stays where it is");
}

/* ---- archiving ---- */

/* DIR/EVENT.SERVICE.PART. A whole archive of that name may be another installation's, or one whose
 * program died before the commit: it is kept under another name. */
static int make_dir(struct retire *retire, uint64_t now_ms)
{
    char base[DIR_MAX], path[PATH_SIZE];
    const char *to = retire->words.to;
    if (realpath(to, base) == NULL)
        return io_failed(retire, to);
    int len = snprintf(retire->dir, sizeof(retire->dir), "%s/%s.%s.%" PRIu32, base, retire->event,
                       retire->service->name, retire->part);
    if (len < 0 || (size_t)len >= sizeof(retire->dir))
        return err_set(&retire->err, ERR_RANGE, "the path %.64s... is too long", base);
    snprintf(path, sizeof(path), "%s/manifest.json", retire->dir);
    if (access(path, F_OK) == 0) {
        snprintf(path, sizeof(path), "%s.%" PRIu64, retire->dir, now_ms);
        if (rename(retire->dir, path) != 0)
            return io_failed(retire, path);
    }
    if (mkdir(retire->dir, 0700) != 0 && errno != EEXIST)
        return io_failed(retire, retire->dir);
    return sync_path(retire, base);
}

struct copy {
    struct retire *retire;
    const char *path;
    gzFile file;
    uint64_t rows;
    crypto_hash_sha256_state hash;
};

static int on_row(void *ctx, struct span row)
{
    struct copy *copy = ctx;
    struct span line;
    if (!pg_field(&row, &line) || line.ptr == NULL)
        return err_set(&copy->retire->err, ERR_SYNTAX, "a row that is no text");
    if ((size_t)gzwrite(copy->file, line.ptr, (unsigned)line.len) != line.len ||
        gzputc(copy->file, '\n') != '\n')
        return io_failed(copy->retire, copy->path);
    crypto_hash_sha256_update(&copy->hash, (const uint8_t *)line.ptr, line.len);
    crypto_hash_sha256_update(&copy->hash, (const uint8_t *)"\n", 1);
    copy->rows++;
    return 0;
}

/* Moves the event's rows of a table from the database to a file. */
static int move_rows(struct retire *retire, const struct retire_table *table, struct sum *sum)
{
    char path[PATH_SIZE], sql[SQL_MAX], sent[SHA256_SIZE], there[SHA256_SIZE];
    table_path(retire, table->name, path);
    int len = snprintf(sql, sizeof(sql),
                       "COPY (DELETE FROM %s t WHERE %s RETURNING row_to_json(t)::text)"
                       " TO STDOUT (FORMAT binary)",
                       table->name, table->of);
    assert(len > 0 && len < SQL_MAX);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct copy copy = {.retire = retire, .path = path};
    if (fd < 0 || (copy.file = gzdopen(fd, "wb6")) == NULL) {
        int rc = io_failed(retire, path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    crypto_hash_sha256_init(&copy.hash);
    int rc = pg_copy(retire->pg, sql, on_row, &copy, &retire->err);
    if (rc < 0)
        err_wrap(&retire->err, "archiving %s", table->name);
    if (gzclose(copy.file) != Z_OK && rc == 0)
        rc = io_failed(retire, path);
    if (rc == 0)
        rc = sync_path(retire, path);
    edge(retire);
    if (rc == 0)
        rc = sum_file(retire, path, sum);
    if (rc == 0)
        rc = hash_lines(retire, path, there);
    put_hash(&copy.hash, sent);
    if (rc == 0 && strcmp(sent, there) != 0)
        rc = err_set(&retire->err, ERR_STATE,
                     "the file of %s is not what the database sent; nothing was deleted",
                     table->name);
    sum->rows = copy.rows;
    retire->rows += copy.rows;
    return rc;
}

static json_t *make_manifest(const struct retire *retire, uint64_t now_ms, const char *totals)
{
    json_t *sums = NULL;
    if (json_in_parse(span_of(totals), NULL, &sums) < 0)
        return NULL;
    char memory[RFC3339_LEN + 1] = "";
    struct text at = text_on(memory, RFC3339_LEN);
    rfc3339_put(&at, now_ms);
    json_t *tables = json_array();
    for (uint32_t i = 0; i < retire->conf->tables_len; i++) {
        const struct sum *sum = &retire->sums[i];
        json_array_append_new(tables,
                              json_pack("{s:s,s:I,s:I,s:s}", "table", retire->conf->tables[i].name,
                                        "rows", (json_int_t)sum->rows, "bytes",
                                        (json_int_t)sum->bytes, "sha256", sum->sha256));
    }
    return json_pack("{s:i,s:s,s:s,s:s,s:i,s:s,s:o,s:o}", "format", FORMAT, "service",
                     retire->service->name, "version", retire->service->version, "event",
                     retire->event, "part", (int)retire->part, "made_at", memory, "totals", sums,
                     "tables", tables);
}

static int write_manifest(struct retire *retire, uint64_t now_ms, const char *totals)
{
    char path[PATH_SIZE];
    struct sum sum;
    snprintf(path, sizeof(path), "%s/manifest.json", retire->dir);
    retire->manifest = make_manifest(retire, now_ms, totals);
    if (retire->manifest == NULL)
        return err_set(&retire->err, ERR_NOMEM, "the manifest");
    struct text text = text_on(retire->text, sizeof(retire->text));
    json_in_put(&text, retire->manifest);
    if (text.overflown)
        return err_set(&retire->err, ERR_FULL, "the manifest would be too long");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    errno = fd < 0 ? errno : system_write_all(fd, text.ptr, text.len);
    int rc = errno != 0 ? io_failed(retire, path) : 0;
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        rc = sync_path(retire, path);
    if (rc == 0)
        rc = sync_path(retire, retire->dir);
    if (rc == 0)
        rc = sum_file(retire, path, &sum);
    if (rc == 0)
        memcpy(retire->digest, sum.sha256, sizeof(retire->digest));
    edge(retire);
    return rc;
}

/* The row that names the archive. It exists before rows are deleted, since append-only tables let
 * go only of an event that the same transaction retires. */
static int record(struct retire *retire, const char *totals)
{
    char memory[DIR_MAX + 1024];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, span_of(retire->event));
    pg_arg_i32(&args, (int32_t)retire->part);
    pg_arg_text(&args, span_of(retire->dir));
    pg_arg_text(&args, span_of(retire->digest));
    pg_arg_i64(&args, (int64_t)retire->rows);
    pg_arg_bytea_borrow(&args, span_of(totals));
    return pg_change(retire->pg,
                     "INSERT INTO retired (event, part, place, digest, rows, totals)"
                     " VALUES ($1, $2, $3, $4, $5, convert_from($6, 'UTF8')::jsonb)"
                     " ON CONFLICT (event, part) DO UPDATE"
                     " SET digest = excluded.digest, rows = excluded.rows",
                     &args, &retire->err, NULL);
}

/* The work of the transaction, between BEGIN and COMMIT. */
static int move_event(struct retire *retire)
{
    PGresult *res = NULL;
    uint64_t now_ms = clock_wall_us(clock_system()) / 1000;
    int rc = call(retire, "SELECT retire_seal($1)");
    if (rc == 0)
        rc = check_refusals(retire);
    if (rc == 0)
        rc = query(retire,
                   "SELECT retire_totals($1)::text, coalesce((SELECT max(part) FROM retired"
                   " WHERE event = $1), 0) + 1",
                   &res);
    if (rc < 0)
        return rc;
    struct span text = pg_text(res, 0, 0);
    retire->part = (uint32_t)pg_i32(res, 0, 1);
    char *totals = strndup(text.ptr, text.len);
    PQclear(res);
    if (totals == NULL)
        return err_set(&retire->err, ERR_NOMEM, "the event's sums");
    rc = make_dir(retire, now_ms);
    if (rc == 0)
        rc = record(retire, totals);
    for (uint32_t i = 0; rc == 0 && i < retire->conf->tables_len; i++)
        rc = move_rows(retire, &retire->conf->tables[i], &retire->sums[i]);
    if (rc == 0 && retire->rows == 0) {
        for (uint32_t i = 0; i < retire->conf->tables_len; i++) {
            char path[PATH_SIZE];
            table_path(retire, retire->conf->tables[i].name, path);
            unlink(path);
        }
        rmdir(retire->dir);
        rc = err_set(&retire->err, ERR_NOT_FOUND, "there is nothing of it here");
    }
    if (rc == 0)
        rc = write_manifest(retire, now_ms, totals);
    if (rc == 0)
        rc = record(retire, totals);
    if (rc == 0)
        rc = call(retire, "SELECT retire_done($1, $3)");
    free(totals);
    return rc;
}

static int archive_and_delete(struct retire *retire)
{
    const char *event = retire->words.event;
    size_t len = strspn(event, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (event[0] == '.' || event[len] != '\0' || len == 0 || len >= sizeof(retire->event))
        return err_set(&retire->err, ERR_RANGE, "%.64s is no id of an event", event);
    memcpy(retire->event, event, len + 1);
    int rc = set_up(retire);
    if (rc == 0)
        rc = lock(retire);
    if (rc == 0)
        rc = call(retire, "SELECT retire_begin($1, $2 * interval '1 ms')");
    if (rc == 0)
        rc = call(retire, "SELECT retire_wait($1)");
    if (rc == 0)
        rc = pg_run(retire->pg, "BEGIN", &retire->err);
    if (rc == 0)
        rc = move_event(retire);
    edge(retire);
    if (rc == 0)
        rc = pg_run(retire->pg, "COMMIT", &retire->err);
    edge(retire);
    if (rc == 0)
        printf("%s: %" PRIu64 " rows are in %s and no longer here; SHA-256 of its manifest: %s\n",
               retire->event, retire->rows, retire->dir, retire->digest);
    return rc;
}

/* ---- reading an archive ---- */

static const struct retire_table *table_called(const struct retire *retire, const char *name)
{
    for (uint32_t i = 0; i < retire->conf->tables_len; i++) {
        if (strcmp(retire->conf->tables[i].name, name) == 0)
            return &retire->conf->tables[i];
    }
    return NULL;
}

static int check_file(struct retire *retire, const json_t *entry)
{
    char path[PATH_SIZE];
    const char *name = NULL, *sha256 = NULL;
    json_int_t rows = 0, bytes = 0;
    struct sum found;
    if (json_unpack((json_t *)entry, "{s:s,s:I,s:I,s:s !}", "table", &name, "rows", &rows, "bytes",
                    &bytes, "sha256", &sha256) < 0 ||
        table_called(retire, name) == NULL)
        return err_set(&retire->err, ERR_SYNTAX, "its manifest names a file that is no table's");
    table_path(retire, name, path);
    int rc = sum_file(retire, path, &found);
    if (rc < 0)
        return rc;
    if (found.bytes != (uint64_t)bytes || strcmp(found.sha256, sha256) != 0)
        return err_set(&retire->err, ERR_STATE, "the file of %s is not the one that was written",
                       name);
    retire->rows += (uint64_t)rows;
    if (retire->words.verify != NULL)
        printf("%-20s %10" PRIu64 " rows %12" PRIu64 " bytes  %s\n", name, (uint64_t)rows,
               found.bytes, sha256);
    return 0;
}

/* Reads the manifest, and checks each file against it. */
static int load(struct retire *retire, const char *dir)
{
    char path[PATH_SIZE];
    int format = 0, part = 0;
    const char *service = NULL, *event = NULL;
    json_t *totals = NULL, *tables = NULL;
    json_error_t error;
    struct sum sum;
    if (snprintf(retire->dir, sizeof(retire->dir), "%s", dir) >= (int)sizeof(retire->dir))
        return err_set(&retire->err, ERR_RANGE, "the path %.64s... is too long", dir);
    snprintf(path, sizeof(path), "%s/manifest.json", dir);
    int rc = sum_file(retire, path, &sum);
    if (rc < 0)
        return rc;
    memcpy(retire->digest, sum.sha256, sizeof(retire->digest));
    size_t len;
    const char *why = plain_file_read(path, retire->text, sizeof(retire->text), &len);
    if (why != NULL)
        return err_set(&retire->err, ERR_IO, "%.256s: %s", path, why);
    rc = json_in_parse((struct span){retire->text, len}, &retire->err, &retire->manifest);
    if (rc < 0)
        return err_wrap(&retire->err, "%.256s", path);
    if (json_unpack_ex(retire->manifest, &error, 0, "{s:i,s:s,s:s,s:i,s:o,s:o}", "format", &format,
                       "service", &service, "event", &event, "part", &part, "totals", &totals,
                       "tables", &tables) < 0)
        return err_set(&retire->err, ERR_SYNTAX, "%.256s: %s", path, error.text);
    if (format != FORMAT || strcmp(service, retire->service->name) != 0)
        return err_set(&retire->err, ERR_STATE, "%.64s is an archive of %.64s, format %d", dir,
                       service, format);
    if (!json_is_array(tables) || part < 1 || strlen(event) >= sizeof(retire->event))
        return err_set(&retire->err, ERR_SYNTAX, "%.256s is no manifest", path);
    snprintf(retire->event, sizeof(retire->event), "%s", event);
    retire->part = (uint32_t)part;
    for (size_t i = 0; rc == 0 && i < json_array_size(tables); i++)
        rc = check_file(retire, json_array_get(tables, i));
    return rc;
}

static int verify(struct retire *retire)
{
    int rc = load(retire, retire->words.verify);
    if (rc < 0)
        return rc;
    struct text totals = text_on(retire->text, sizeof(retire->text));
    json_in_put(&totals, json_object_get(retire->manifest, "totals"));
    printf("event %s, part %" PRIu32 ", %" PRIu64 " rows: the files are what was written\n"
           "totals %.*s\nSHA-256 of the manifest: %s\n",
           retire->event, retire->part, retire->rows, (int)totals.len, totals.ptr, retire->digest);
    return 0;
}

/* The columns of a table that are stored as they are given, not computed from others. */
static int read_columns(struct retire *retire, const char *table, char columns[COLUMNS_MAX])
{
    struct pg_args args;
    PGresult *res;
    char memory[128];
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, span_of(table));
    int rc = pg_query(retire->pg,
                      "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)"
                      " FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
                      " AND NOT attisdropped AND attgenerated = ''",
                      &args, &retire->err, &res);
    if (rc < 0)
        return rc;
    if (!span_to_cstr(pg_text(res, 0, 0), columns, COLUMNS_MAX))
        rc = err_set(&retire->err, ERR_RANGE, "%s has too many columns", table);
    PQclear(res);
    return rc;
}

/* Rows that the database does not have are written: "[LINE,LINE,", whose last comma is replaced. */
static int send_batch(struct retire *retire, const char *table, const char *columns,
                      struct grow *batch, uint64_t *rows)
{
    char sql[SQL_MAX + 2 * COLUMNS_MAX];
    struct pg_args args;
    uint64_t written = 0;
    if (batch->failed)
        return err_set(&retire->err, ERR_NOMEM, "rows of %s", table);
    batch->ptr[batch->len - 1] = ']';
    snprintf(sql, sizeof(sql),
             "INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM"
             " json_populate_recordset(NULL::%s, convert_from($1, 'UTF8')::json)"
             " ON CONFLICT DO NOTHING",
             table, columns, columns, table);
    char memory[64];
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_bytea_borrow(&args, (struct span){batch->ptr, batch->len});
    int rc = pg_change(retire->pg, sql, &args, &retire->err, &written);
    *rows += written;
    grow_clear(batch);
    grow_add(batch, SPAN("["));
    return rc;
}

static int restore_table(struct retire *retire, const char *table, uint64_t *rows)
{
    char path[PATH_SIZE], piece[PIECE], columns[COLUMNS_MAX];
    struct grow batch = {0};
    int got = 0, rc = read_columns(retire, table, columns);
    if (rc < 0)
        return rc;
    table_path(retire, table, path);
    gzFile file = gzopen(path, "rbe");
    if (file == NULL)
        return io_failed(retire, path);
    grow_add(&batch, SPAN("["));
    while (rc == 0 && (got = gzread(file, piece, sizeof(piece))) > 0) {
        const char *at = piece, *end = piece + got, *newline;
        while (rc == 0 && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
            grow_add(&batch, (struct span){at, (size_t)(newline - at)});
            grow_add(&batch, SPAN(","));
            at = newline + 1;
            if (batch.len > BATCH_BYTES)
                rc = send_batch(retire, table, columns, &batch, rows);
        }
        grow_add(&batch, (struct span){at, (size_t)(end - at)});
    }
    if (rc == 0 && got < 0)
        rc = err_set(&retire->err, ERR_SYNTAX, "%.256s is damaged", path);
    if (rc == 0 && (batch.len > 1 || batch.failed))
        rc = send_batch(retire, table, columns, &batch, rows);
    gzclose(file);
    grow_free(&batch);
    return rc;
}

static int restore(struct retire *retire)
{
    PGresult *res = NULL;
    uint64_t restored = 0;
    int rc = load(retire, retire->words.restore);
    if (rc == 0)
        rc = set_up(retire);
    if (rc == 0)
        rc = query(retire, "SELECT count(*) FROM retired WHERE event = $1", &res);
    if (rc < 0)
        return rc;
    bool here = pg_u64(res, 0, 0) > 0;
    PQclear(res);
    if (here)
        return err_set(&retire->err, ERR_AUTH,
                       "the event was retired from this database: restore into one made for it "
                       "(--migrate makes its tables)");
    const json_t *tables = json_object_get(retire->manifest, "tables");
    for (size_t i = json_array_size(tables); rc == 0 && i-- > 0;) {
        const json_t *entry = json_array_get(tables, i);
        rc = restore_table(retire, json_string_value(json_object_get(entry, "table")), &restored);
    }
    if (rc == 0)
        printf("%s: %" PRIu64 " of %" PRIu64 " rows restored\n", retire->event, restored,
               retire->rows);
    return rc;
}

static int list(struct retire *retire)
{
    PGresult *res = NULL;
    int rc = open_database(retire);
    if (rc == 0)
        rc = pg_query(retire->pg, "SELECT row_to_json(r)::text FROM retired r ORDER BY event, part",
                      NULL, &retire->err, &res);
    if (rc < 0)
        return rc;
    for (int i = 0; i < PQntuples(res); i++) {
        struct span row = pg_text(res, i, 0);
        printf("%.*s\n", (int)row.len, row.ptr);
    }
    PQclear(res);
    return 0;
}

int retire_run(const struct service_conf *service, const struct retire_conf *conf, int argc,
               char **argv)
{
    static struct retire retire;
    const struct words *words = &retire.words;
    assert(conf->tables_len <= RETIRE_TABLES_MAX);
    retire = (struct retire){.service = service, .conf = conf};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(conf->help, stdout);
            return RETIRE_GOOD;
        }
    }
    if (!read_words(&retire.words, argc, argv)) {
        fputs(conf->help, stderr);
        return RETIRE_UNDONE;
    }
    int rc = sodium_init() < 0 ? err_set(&retire.err, ERR_NOMEM, "sodium") : 0;
    if (rc == 0 && words->verify == NULL) /* which needs no settings */
        rc = service_read_settings(service, words->config, &retire.err);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", service->name, retire.err.text);
        return RETIRE_UNDONE;
    }
    rc = words->verify != NULL    ? verify(&retire)
         : words->restore != NULL ? restore(&retire)
         : words->list            ? list(&retire)
                                  : archive_and_delete(&retire);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", service->name, retire.err.text);
    pg_close(retire.pg);
    json_decref(retire.manifest);
    /* A refusal, or an invalid file, is a result and not a failure. */
    return rc == 0 ? RETIRE_GOOD
           : rc == ERR_AUTH || rc == ERR_STATE || rc == ERR_SYNTAX || rc == ERR_NOT_FOUND
               ? RETIRE_NO
               : RETIRE_UNDONE;
}
