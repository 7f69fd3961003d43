/* retire.c: the steps, each durable before the next. The lock is a session's, so it goes with a
 * program that dies. Files are written and compared in one snapshot: what the comparison counts is
 * what was copied. The rows that change between this snapshot and their deletion are found by the
 * deletion itself, which asks for equality once more, row by row. */
#include "archive/retire.h"

#include "archive/manifest.h"
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONNECT_MS = 10000,
    ANSWER_MS = 3600000, /* a snapshot of a large event; nobody waits for it */
    SQL_MAX = 512,
    LOCK = 3, /* beside those of the migrations */
};

struct retire {
    const struct retire_conf *conf;
    const struct retire_words *words;
    struct pg *pg;
    struct err_slot err;
    struct manifest manifest;
    uint32_t part;
    bool deleting; /* that part is sealed, and not gone yet */
    char digest[LINES_SHA256_MAX];
    char dir[LINES_PATH_MAX];
    uint64_t edges;
};

/* ---- words ---- */

bool retire_is_asked(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "retire") == 0;
}

static bool read_words(struct retire_words *words, int argc, char **argv)
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

bool retire_words_read(struct retire_words *words, const char *help, int argc, char **argv,
                       int *code)
{
    *words = (struct retire_words){0};
    bool asked = false;
    for (int i = 2; i < argc; i++)
        asked = asked || strcmp(argv[i], "--help") == 0;
    if (!asked && read_words(words, argc, argv))
        return true;
    fputs(help, asked ? stdout : stderr);
    *code = asked ? RETIRE_GOOD : RETIRE_UNDONE;
    return false;
}

/* ---- what all of it needs ---- */

/* A place at which a program may die. */
static void edge(void *ctx)
{
    struct retire *retire = ctx;
    if (++retire->edges == retire->words->halt_at)
        raise(SIGKILL);
}

static void bind_event(const struct retire *retire, struct pg_args *args, void *memory, size_t cap)
{
    pg_args_init(args, memory, cap);
    pg_arg_text(args, span_of(retire->manifest.event));
    pg_arg_i32(args, (int32_t)retire->part);
}

/* A statement about this part: $1 is the event, $2 its number. */
static int change(struct retire *retire, const char *sql)
{
    char memory[512];
    struct pg_args args;
    bind_event(retire, &args, memory, sizeof(memory));
    return pg_change(retire->pg, sql, &args, &retire->err, NULL);
}

static int query(struct retire *retire, const char *sql, PGresult **out)
{
    char memory[512];
    struct pg_args args;
    bind_event(retire, &args, memory, sizeof(memory));
    return pg_query(retire->pg, sql, &args, &retire->err, out);
}

static int table_path(struct retire *retire, const char *table, char out[LINES_PATH_MAX])
{
    return manifest_path(retire->dir, table, out)
               ? 0
               : err_set(&retire->err, ERR_RANGE, "the path %.64s... is too long", retire->dir);
}

static int open_database(struct retire *retire)
{
    const struct retire_conf *conf = retire->conf;
    const struct pg_conf pg = {conf->dsn, "fairgate retire", conf->schema, CONNECT_MS, ANSWER_MS};
    return pg_open(&pg, &retire->err, &retire->pg);
}

static int lock(struct retire *retire)
{
    PGresult *res;
    int rc =
        pg_query(retire->pg, "SELECT pg_try_advisory_lock(4606785, 3)", NULL, &retire->err, &res);
    static_assert(LOCK == 3, "the one of the statement");
    if (rc < 0)
        return rc;
    bool got = pg_bool(res, 0, 0);
    PQclear(res);
    return got ? 0 : err_set(&retire->err, ERR_STATE, "another program is retiring an event");
}

/* ---- where it stands ---- */

static int read_state(struct retire *retire)
{
    PGresult *res;
    int rc = query(retire,
                   "SELECT part, state = 'deleting', digest FROM retired"
                   " WHERE event = $1 ORDER BY part DESC LIMIT 1",
                   &res);
    if (rc < 0)
        return rc;
    if (PQntuples(res) == 1) {
        retire->part = (uint32_t)pg_i32(res, 0, 0);
        retire->deleting = pg_bool(res, 0, 1);
        span_to_cstr_cut(pg_text(res, 0, 2), retire->digest, sizeof(retire->digest));
    }
    PQclear(res);
    return 0;
}

/* The folder of this part: DIR/EVENT.SERVICE.PART. */
static int name_dir(struct retire *retire)
{
    char base[LINES_PATH_MAX];
    const char *to = retire->words->to;
    if (realpath(to, base) == NULL)
        return err_set(&retire->err, ERR_IO, "%s: %s", to, strerror(errno));
    int len = snprintf(retire->dir, sizeof(retire->dir), "%s/%s.%s.%" PRIu32, base,
                       retire->manifest.event, retire->conf->service, retire->part);
    if (len < 0 || (size_t)len >= sizeof(retire->dir))
        return err_set(&retire->err, ERR_RANGE, "the path %.64s... is too long", base);
    return 0;
}

/* An archive that is there already may be one that we died over before it was sealed, or somebody
 * else's, such as another installation's. It is kept beside, by the name of its digest. */
static int set_aside(struct retire *retire)
{
    char path[LINES_PATH_MAX + 16], digest[LINES_SHA256_MAX];
    struct err_slot err;
    struct manifest *there = malloc(sizeof(*there));
    if (there == NULL)
        return err_set(&retire->err, ERR_NOMEM, "a manifest");
    int rc = manifest_read(retire->dir, &err, there, digest);
    free(there);
    if (rc == ERR_NOMEM) { /* it may be a whole one, which nobody else has */
        retire->err = err;
        return rc;
    }
    if (rc < 0)
        return 0;
    snprintf(path, sizeof(path), "%s.%.12s", retire->dir, digest);
    return rename(retire->dir, path) == 0
               ? 0
               : err_set(&retire->err, ERR_IO, "%.128s: %s", path, strerror(errno));
}

static int make_dir(struct retire *retire)
{
    int rc = name_dir(retire);
    if (rc == 0)
        rc = set_aside(retire);
    if (rc == 0 && mkdir(retire->dir, 0700) != 0 && errno != EEXIST)
        rc = err_set(&retire->err, ERR_IO, "%s: %s", retire->dir, strerror(errno));
    return rc;
}

static int wait_for_processes(struct retire *retire)
{
    char memory[512];
    struct pg_args args;
    PGresult *res;
    if (retire->conf->wait == NULL)
        return 0;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, span_of(retire->manifest.event));
    int rc = pg_query(retire->pg, retire->conf->wait, &args, &retire->err, &res);
    if (rc == 0)
        PQclear(res);
    return rc;
}

/* One of the schema's functions that take the event and how long it has to be over. */
static int ask_schema(struct retire *retire, const char *sql, PGresult **out)
{
    char memory[512];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, span_of(retire->manifest.event));
    pg_arg_i64(&args, (int64_t)retire->conf->after_ms);
    return pg_query(retire->pg, sql, &args, &retire->err, out);
}

static int prepare(struct retire *retire)
{
    PGresult *res;
    int rc = ask_schema(retire, "SELECT retire_begin($1, $2 * interval '1 ms')", &res);
    if (rc == 0)
        PQclear(res);
    return rc;
}

/* What speaks against it is printed, all of it. */
static int judge(struct retire *retire)
{
    PGresult *res;
    int rc = ask_schema(retire, "SELECT retire_refusals($1, $2 * interval '1 ms')", &res);
    if (rc < 0)
        return rc;
    int refusals = PQntuples(res);
    for (int i = 0; i < refusals; i++) {
        struct span why = pg_text(res, i, 0);
        fprintf(stderr, "%s: %s: %.*s\n", retire->conf->service, retire->manifest.event,
                (int)why.len, why.ptr);
    }
    PQclear(res);
    return refusals == 0 ? 0 : err_set(&retire->err, ERR_AUTH, "it stays where it is");
}

/* ---- writing ---- */

static int write_table(struct retire *retire, uint32_t nth)
{
    const struct retire_table *table = &retire->conf->tables[nth];
    struct manifest_table *told = &retire->manifest.tables[nth];
    char path[LINES_PATH_MAX];
    uint64_t there = 0, same = 0;
    snprintf(told->name, sizeof(told->name), "%s", table->name);
    int rc = table_path(retire, table->name, path);
    if (rc == 0)
        rc = retire_rows_write(retire->pg, table, path, &retire->err);
    edge(retire);
    if (rc == 0)
        rc = retire_rows_act(retire->pg, RETIRE_COMPARE, table, path, NULL, NULL, &retire->err,
                             &told->sum, &same);
    if (rc == 0)
        rc = retire_rows_count(retire->pg, table, &retire->err, &there);
    if (rc == 0 && (there != told->sum.lines || same != there))
        rc = err_set(&retire->err, ERR_STATE,
                     "%s has %" PRIu64 " rows, of which %" PRIu64
                     " are in the file as they are; nothing was deleted",
                     table->name, there, same);
    return rc;
}

static int read_totals(struct retire *retire)
{
    PGresult *res;
    int rc = query(retire, "SELECT retire_totals($1)::text", &res);
    if (rc < 0)
        return rc;
    bool fits = span_to_cstr(pg_text(res, 0, 0), retire->manifest.totals, MANIFEST_TOTALS_MAX);
    PQclear(res);
    return fits ? 0 : err_set(&retire->err, ERR_FULL, "the event's sums are too long");
}

static int must_have_rows(struct retire *retire)
{
    uint64_t all = 0;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && all == 0 && i < retire->conf->tables_len; i++)
        rc = retire_rows_count(retire->pg, &retire->conf->tables[i], &retire->err, &all);
    return rc == 0 && all == 0 ? err_set(&retire->err, ERR_NOT_FOUND, "there is nothing of it here")
                               : rc;
}

/* Of one snapshot, in which nothing is changed. */
static int write_snapshot(struct retire *retire)
{
    int rc = pg_run(retire->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", &retire->err);
    if (rc == 0)
        rc = judge(retire);
    if (rc == 0)
        rc = must_have_rows(retire);
    if (rc == 0)
        rc = make_dir(retire);
    retire->manifest.tables_len = retire->conf->tables_len;
    for (uint32_t i = 0; rc == 0 && i < retire->conf->tables_len; i++)
        rc = write_table(retire, i);
    if (rc == 0)
        rc = read_totals(retire);
    return rc == 0 ? pg_run(retire->pg, "COMMIT", &retire->err) : rc;
}

static int seal(struct retire *retire)
{
    char memory[MANIFEST_TOTALS_MAX + LINES_PATH_MAX + 1024];
    struct pg_args args;
    bind_event(retire, &args, memory, sizeof(memory));
    pg_arg_text(&args, span_of(retire->digest));
    pg_arg_text(&args, span_of(retire->dir));
    pg_arg_text(&args, span_of(retire->manifest.totals));
    pg_arg_i64(&args, (int64_t)manifest_rows(&retire->manifest));
    int rc = pg_run(retire->pg, "BEGIN", &retire->err);
    if (rc == 0)
        rc = change(retire, "SELECT retire_seal($1)");
    if (rc == 0) /* once more, of what nobody can change any more */
        rc = judge(retire);
    if (rc == 0)
        rc = pg_change(retire->pg,
                       "INSERT INTO retired (event, part, state, digest, place, totals, rows)"
                       " VALUES ($1, $2, 'deleting', $3, $4, $5::jsonb, $6)",
                       &args, &retire->err, NULL);
    if (rc == 0)
        rc = pg_run(retire->pg, "COMMIT", &retire->err);
    edge(retire);
    return rc;
}

static int write_part(struct retire *retire)
{
    struct manifest *manifest = &retire->manifest;
    retire->part += 1; /* the next one, also of those that were left */
    int rc = prepare(retire);
    if (rc == 0)
        rc = wait_for_processes(retire);
    if (rc == 0)
        rc = write_snapshot(retire);
    if (rc < 0)
        return rc;
    snprintf(manifest->service, sizeof(manifest->service), "%s", retire->conf->service);
    snprintf(manifest->version, sizeof(manifest->version), "%s", retire->conf->version);
    manifest->part = retire->part;
    manifest->made_ms = clock_wall_us(clock_system()) / 1000;
    rc = manifest_write(retire->dir, manifest, &retire->err, retire->digest);
    edge(retire);
    return rc == 0 ? seal(retire) : rc;
}

/* ---- deleting ---- */

static const struct retire_table *table_called(const struct retire *retire, const char *name)
{
    for (uint32_t i = 0; i < retire->conf->tables_len; i++) {
        if (strcmp(retire->conf->tables[i].name, name) == 0)
            return &retire->conf->tables[i];
    }
    return NULL;
}

static int leave_rest(struct retire *retire, const struct retire_table *table, uint64_t rows)
{
    int rc = change(retire, "UPDATE retired SET state = 'left', ended_at = now()"
                            " WHERE event = $1 AND part = $2");
    return rc < 0 ? rc
                  : err_set(&retire->err, ERR_AUTH,
                            "%" PRIu64 " rows of %s changed or came after they were archived,"
                            " and stay with all that belongs to them: run it again for the rest",
                            rows, table->name);
}

static int delete_table(struct retire *retire, const struct manifest_table *told)
{
    const struct retire_table *table = table_called(retire, told->name);
    char path[LINES_PATH_MAX];
    struct lines_sum sum;
    uint64_t left = 0;
    if (table == NULL)
        return err_set(&retire->err, ERR_STATE, "there is no table %s", told->name);
    int rc = table_path(retire, told->name, path);
    if (rc == 0)
        rc = retire_rows_act(retire->pg, RETIRE_DELETE, table, path, edge, retire, &retire->err,
                             &sum, NULL);
    if (rc == 0)
        rc = retire_rows_count(retire->pg, table, &retire->err, &left);
    if (rc == 0 && left > 0)
        rc = leave_rest(retire, table, left);
    edge(retire);
    return rc;
}

/* The files that are there have to be those that were compared, all of them, before the first row
 * goes by what they say. */
static int check_files(struct retire *retire)
{
    char digest[LINES_SHA256_MAX], event[MANIFEST_EVENT_MAX];
    memcpy(event, retire->manifest.event, sizeof(event));
    int rc = manifest_read(retire->dir, &retire->err, &retire->manifest, digest);
    if (rc == 0 &&
        (strcmp(digest, retire->digest) != 0 || strcmp(event, retire->manifest.event) != 0))
        rc = err_set(&retire->err, ERR_STATE,
                     "%.128s/manifest.json is not the one that was written", retire->dir);
    return rc == 0 ? manifest_check(retire->dir, &retire->manifest, &retire->err) : rc;
}

static int delete_part(struct retire *retire)
{
    int rc = check_files(retire);
    for (uint32_t i = 0; rc == 0 && i < retire->manifest.tables_len; i++)
        rc = delete_table(retire, &retire->manifest.tables[i]);
    if (rc == 0)
        rc = pg_run(retire->pg, "BEGIN", &retire->err);
    if (rc == 0)
        rc = change(retire, "SELECT retire_done($1, $2)");
    if (rc == 0)
        rc = change(retire, "UPDATE retired SET state = 'retired', ended_at = now()"
                            " WHERE event = $1 AND part = $2");
    if (rc == 0)
        rc = pg_run(retire->pg, "COMMIT", &retire->err);
    edge(retire);
    if (rc == 0)
        printf("%s: %" PRIu64 " rows are in %s and no longer here; SHA-256 of its manifest: %s\n",
               retire->manifest.event, manifest_rows(&retire->manifest), retire->dir,
               retire->digest);
    return rc;
}

static bool is_event(const char *id)
{
    size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return id[0] != '.' && id[len] == '\0' && len > 0 && len < MANIFEST_EVENT_MAX;
}

static int archive_and_delete(struct retire *retire)
{
    const char *event = retire->words->event;
    if (!is_event(event))
        return err_set(&retire->err, ERR_RANGE, "%.64s is no id of an event", event);
    snprintf(retire->manifest.event, sizeof(retire->manifest.event), "%s", event);
    int rc = open_database(retire);
    if (rc == 0)
        rc = retire_rows_session(retire->pg, event, &retire->err);
    if (rc == 0)
        rc = lock(retire);
    if (rc == 0)
        rc = read_state(retire);
    if (rc == 0)
        rc = retire->deleting ? name_dir(retire) : write_part(retire);
    return rc == 0 ? delete_part(retire) : rc;
}

/* ---- reading ---- */

static int load(struct retire *retire, const char *dir)
{
    if (snprintf(retire->dir, sizeof(retire->dir), "%s", dir) >= (int)sizeof(retire->dir))
        return err_set(&retire->err, ERR_RANGE, "the path %.64s... is too long", dir);
    int rc = manifest_read(dir, &retire->err, &retire->manifest, retire->digest);
    if (rc == 0 && strcmp(retire->manifest.service, retire->conf->service) != 0)
        rc = err_set(&retire->err, ERR_STATE, "%.64s is an archive of %s", dir,
                     retire->manifest.service);
    return rc == 0 ? manifest_check(dir, &retire->manifest, &retire->err) : rc;
}

static int verify(struct retire *retire)
{
    const struct manifest *manifest = &retire->manifest;
    int rc = load(retire, retire->words->verify);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < manifest->tables_len; i++)
        printf("%-20s %10" PRIu64 " rows %12" PRIu64 " bytes  %s\n", manifest->tables[i].name,
               manifest->tables[i].sum.lines, manifest->tables[i].sum.bytes,
               manifest->tables[i].sum.sha256);
    printf("event %s, part %" PRIu32 ", %" PRIu64 " rows: the files are what was written\n"
           "totals %s\nSHA-256 of the manifest: %s\n",
           manifest->event, manifest->part, manifest_rows(manifest), manifest->totals,
           retire->digest);
    return 0;
}

/* A database that sells is no place for it: there the event's tombs would contradict its rows. */
static int must_be_made_for_it(struct retire *retire)
{
    PGresult *res;
    int rc = query(retire, "SELECT count(*) FROM retired WHERE event = $1", &res);
    if (rc < 0)
        return rc;
    bool here = pg_u64(res, 0, 0) > 0;
    PQclear(res);
    return here ? err_set(&retire->err, ERR_AUTH,
                          "the event was retired from this database: restore into one made for it "
                          "(--migrate makes its tables)")
                : 0;
}

static int restore(struct retire *retire)
{
    const struct manifest *manifest = &retire->manifest;
    uint64_t restored = 0;
    int rc = load(retire, retire->words->restore);
    if (rc == 0)
        rc = open_database(retire);
    if (rc == 0)
        rc = retire_rows_session(retire->pg, manifest->event, &retire->err);
    if (rc == 0)
        rc = must_be_made_for_it(retire);
    for (uint32_t i = manifest->tables_len; rc == 0 && i-- > 0;) {
        const struct retire_table *table = table_called(retire, manifest->tables[i].name);
        char path[LINES_PATH_MAX];
        uint64_t rows = 0;
        if (table == NULL)
            return err_set(&retire->err, ERR_STATE, "there is no table %s",
                           manifest->tables[i].name);
        rc = table_path(retire, table->name, path);
        if (rc == 0)
            rc = retire_rows_act(retire->pg, RETIRE_RESTORE, table, path, NULL, NULL, &retire->err,
                                 NULL, &rows);
        restored += rows;
    }
    if (rc == 0)
        printf("%s: %" PRIu64 " of %" PRIu64 " rows restored\n", manifest->event, restored,
               manifest_rows(manifest));
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

int retire_run(const struct retire_conf *conf, const struct retire_words *words)
{
    struct retire *retire = calloc(1, sizeof(*retire));
    if (retire == NULL || sodium_init() < 0) {
        free(retire);
        return RETIRE_UNDONE;
    }
    retire->conf = conf;
    retire->words = words;
    int rc = words->verify != NULL    ? verify(retire)
             : words->restore != NULL ? restore(retire)
             : words->list            ? list(retire)
                                      : archive_and_delete(retire);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", conf->service, retire->err.text);
    pg_close(retire->pg);
    free(retire);
    /* What was judged and refused, and a file that is not the one it should be, are answers. */
    return rc == 0 ? RETIRE_GOOD
           : rc == ERR_AUTH || rc == ERR_STATE || rc == ERR_SYNTAX || rc == ERR_NOT_FOUND
               ? RETIRE_NO
               : RETIRE_UNDONE;
}
