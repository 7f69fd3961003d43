/* manifest.c: one JSON object, written once behind all files and read as strictly as anything from
 * outside: it may come back from a tape in ten years. */
#include "archive/manifest.h"

#include "base/grow.h"
#include "base/json_in.h"
#include "base/rfc3339.h"
#include "system/plain_file.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, FILE_MAX = 65536, ROWS_MAX_BITS = 53 };

bool manifest_path(const char *dir, const char *table, char out[LINES_PATH_MAX])
{
    int len = snprintf(out, LINES_PATH_MAX, "%s/%s.ndjson.gz", dir, table);
    return len > 0 && len < LINES_PATH_MAX;
}

static bool own_path(const char *dir, char out[LINES_PATH_MAX])
{
    int len = snprintf(out, LINES_PATH_MAX, "%s/manifest.json", dir);
    return len > 0 && len < LINES_PATH_MAX;
}

uint64_t manifest_rows(const struct manifest *manifest)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < manifest->tables_len; i++)
        rows += manifest->tables[i].sum.lines;
    return rows;
}

static void digest_of(struct span text, char digest[LINES_SHA256_MAX])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)text.ptr, text.len);
    sodium_bin2hex(digest, LINES_SHA256_MAX, hash, sizeof(hash));
}

/* ---- writing ---- */

static void put(struct text *text, const struct manifest *manifest)
{
    char memory[RFC3339_LEN];
    struct text at = text_on(memory, sizeof(memory));
    rfc3339_put(&at, manifest->made_ms);
    json_open(text, '{');
    json_member_u64(text, "format", FORMAT);
    json_member_cstr(text, "service", manifest->service);
    json_member_cstr(text, "version", manifest->version);
    json_member_cstr(text, "event", manifest->event);
    json_member_u64(text, "part", manifest->part);
    json_member_str(text, "made_at", text_span(&at));
    json_member_raw(text, "totals", span_of(manifest->totals));
    json_key(text, "tables");
    json_open(text, '[');
    for (uint32_t i = 0; i < manifest->tables_len; i++) {
        const struct manifest_table *table = &manifest->tables[i];
        json_open(text, '{');
        json_member_cstr(text, "table", table->name);
        json_member_u64(text, "rows", table->sum.lines);
        json_member_u64(text, "bytes", table->sum.bytes);
        json_member_cstr(text, "sha256", table->sum.sha256);
        json_close(text, '}');
    }
    json_close(text, ']');
    json_close(text, '}');
    text_char(text, '\n');
}

int manifest_write(const char *dir, const struct manifest *manifest, struct err_slot *err,
                   char digest[LINES_SHA256_MAX])
{
    char path[LINES_PATH_MAX];
    char *memory = malloc(FILE_MAX);
    if (memory == NULL || !own_path(dir, path)) {
        free(memory);
        return err_set(err, ERR_NOMEM, "the manifest of %.64s", dir);
    }
    struct text text = text_on(memory, FILE_MAX);
    put(&text, manifest);
    int rc = text.overflown ? err_set(err, ERR_FULL, "the manifest would be too long")
                            : lines_write_whole(path, text_span(&text), err);
    if (rc == 0)
        digest_of(text_span(&text), digest);
    free(memory);
    return rc;
}

/* ---- reading ---- */

static void read_word(struct json_in *in, const char *key, char *out, size_t cap)
{
    struct span word;
    json_in_require(in, key);
    if (json_in_str(in, key, 1, cap - 1, &word))
        span_to_cstr(word, out, cap);
}

static void read_tables(struct json_in *in, struct manifest *out)
{
    const uint64_t most = UINT64_C(1) << ROWS_MAX_BITS;
    json_t *list;
    json_in_require(in, "tables");
    if (!json_in_array(in, "tables", 1, MANIFEST_TABLES_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct manifest_table *table = &out->tables[i];
        struct json_in item;
        if (!json_in_item_child(in, "tables", list, i, &item))
            return;
        json_in_require(&item, "rows");
        json_in_require(&item, "bytes");
        read_word(&item, "table", table->name, sizeof(table->name));
        json_in_u64(&item, "rows", 0, most, &table->sum.lines);
        json_in_u64(&item, "bytes", 0, most, &table->sum.bytes);
        read_word(&item, "sha256", table->sum.sha256, sizeof(table->sum.sha256));
        if (strspn(table->name, "abcdefghijklmnopqrstuvwxyz_") != strlen(table->name))
            json_in_refuse(&item, "table", "must be a table's name");
        if (json_in_end(&item) < 0)
            return;
        out->tables_len = (uint32_t)i + 1;
    }
}

static int read_members(json_t *doc, struct err_slot *err, struct manifest *out)
{
    uint64_t format = 0, part = 0;
    json_t *totals = NULL;
    struct json_in in;
    json_in_object(&in, doc, err);
    json_in_require(&in, "format");
    json_in_require(&in, "part");
    json_in_require(&in, "made_at");
    json_in_u64(&in, "format", FORMAT, FORMAT, &format);
    json_in_u64(&in, "part", 1, UINT32_MAX, &part);
    json_in_time(&in, "made_at", &out->made_ms);
    read_word(&in, "service", out->service, sizeof(out->service));
    read_word(&in, "version", out->version, sizeof(out->version));
    read_word(&in, "event", out->event, sizeof(out->event));
    json_in_require(&in, "totals");
    json_in_any(&in, "totals", &totals);
    read_tables(&in, out);
    int rc = json_in_end(&in);
    if (rc < 0)
        return rc;
    out->part = (uint32_t)part;
    struct text text = text_on(out->totals, sizeof(out->totals) - 1);
    json_in_put(&text, totals);
    if (text.overflown)
        return err_set(err, ERR_FULL, "its totals are too long");
    out->totals[text.len] = '\0';
    return 0;
}

int manifest_read(const char *dir, struct err_slot *err, struct manifest *out,
                  char digest[LINES_SHA256_MAX])
{
    char path[LINES_PATH_MAX];
    size_t len;
    json_t *doc = NULL;
    memset(out, 0, sizeof(*out));
    char *memory = malloc(FILE_MAX);
    if (memory == NULL || !own_path(dir, path)) {
        free(memory);
        return err_set(err, ERR_NOMEM, "the manifest of %.64s", dir);
    }
    const char *why = plain_file_read(path, memory, FILE_MAX, &len);
    int rc = why != NULL ? err_set(err, ERR_IO, "%s: %s", path, why) : 0;
    struct span text = {memory, rc == 0 ? len : 0};
    if (rc == 0 && json_in_parse(text, err, &doc) < 0)
        rc = err_wrap(err, "%s", path);
    if (rc == 0 && read_members(doc, err, out) < 0)
        rc = err_wrap(err, "%s", path);
    if (rc == 0)
        digest_of(text, digest);
    json_decref(doc);
    free(memory);
    return rc;
}

int manifest_compare(const struct manifest_table *table, const struct lines_sum *found,
                     struct err_slot *err)
{
    const struct lines_sum *told = &table->sum;
    if (told->lines == found->lines && told->bytes == found->bytes &&
        strcmp(told->sha256, found->sha256) == 0)
        return 0;
    return err_set(err, ERR_STATE,
                   "the file of %s is not the one that was written: %" PRIu64
                   " rows, SHA-256 %.16s..., where the manifest says %" PRIu64 " and %.16s...",
                   table->name, found->lines, found->sha256, told->lines, told->sha256);
}

int manifest_check(const char *dir, const struct manifest *manifest, struct err_slot *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < manifest->tables_len; i++) {
        char path[LINES_PATH_MAX];
        struct lines_sum found;
        if (!manifest_path(dir, manifest->tables[i].name, path))
            return err_set(err, ERR_RANGE, "the path of %.64s is too long", dir);
        rc = lines_read(path, NULL, NULL, err, &found);
        if (rc == 0)
            rc = manifest_compare(&manifest->tables[i], &found, err);
    }
    return rc;
}
