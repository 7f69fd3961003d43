/* retired_fuzz.c: any bytes as what an archive of an event consists of, its manifest and a file of
 * lines: it may come back from a tape in ten years. Whatever is taken keeps its bounds and comes
 * back as it was written; a file with one bit turned is not taken for the one that it was. */
#include "../json_mutator.h"

#include "archive/manifest.h"

#include "base/grow.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH = 64, PACKED_MAX = 65536, INPUT_MAX = 16384 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/dev/shm/fairgate-retired-XXXXXX";
static char manifest_file[PATH], lines_file[PATH];

static void clean(void)
{
    (void)unlink(manifest_file);
    (void)unlink(lines_file);
    (void)rmdir(dir);
}

static void prepare(void)
{
    if (manifest_file[0] != '\0')
        return;
    const char *made = mkdtemp(dir);
    assert(made != NULL);
    snprintf(manifest_file, sizeof(manifest_file), "%s/manifest.json", dir);
    snprintf(lines_file, sizeof(lines_file), "%s/rows.ndjson.gz", dir);
    atexit(clean);
}

static void put_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t put = fd >= 0 ? write(fd, bytes, size) : -1;
    assert(put == (ssize_t)size);
    close(fd);
}

static size_t get_file(const char *path, uint8_t *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, PACKED_MAX) : -1;
    assert(got > 0 && got < PACKED_MAX);
    close(fd);
    return (size_t)got;
}

/* ---- the manifest ---- */

static bool same(const struct manifest *a, const struct manifest *b)
{
    bool is = strcmp(a->service, b->service) == 0 && strcmp(a->version, b->version) == 0 &&
              strcmp(a->event, b->event) == 0 && a->part == b->part && a->made_ms == b->made_ms &&
              strcmp(a->totals, b->totals) == 0 && a->tables_len == b->tables_len;
    struct err_slot err;
    for (uint32_t i = 0; is && i < a->tables_len; i++)
        is = strcmp(a->tables[i].name, b->tables[i].name) == 0 &&
             manifest_compare(&a->tables[i], &b->tables[i].sum, &err) == 0;
    return is;
}

static void try_manifest(const uint8_t *data, size_t size)
{
    static struct manifest read, again;
    char digest[LINES_SHA256_MAX], digest_again[LINES_SHA256_MAX];
    struct err_slot err = {.text = ""};
    put_file(manifest_file, data, size);
    if (manifest_read(dir, &err, &read, digest) < 0) {
        assert(err.text[0] != '\0');
        return;
    }
    assert(read.tables_len >= 1 && read.tables_len <= MANIFEST_TABLES_MAX && read.part > 0);
    for (uint32_t i = 0; i < read.tables_len; i++) {
        char path[LINES_PATH_MAX];
        assert(strchr(read.tables[i].name, '/') == NULL && read.tables[i].name[0] != '\0');
        assert(manifest_path(dir, read.tables[i].name, path));
    }
    (void)manifest_rows(&read);
    (void)manifest_check(dir, &read, &err);
    if (manifest_write(dir, &read, &err, digest) < 0)
        return; /* longer as we write it, with its characters escaped */
    int rc = manifest_read(dir, &err, &again, digest_again);
    assert(rc == 0 && same(&read, &again) && strcmp(digest, digest_again) == 0);
}

/* ---- a file of lines ---- */

static int collect(void *ctx, struct span line)
{
    struct grow *all = ctx;
    assert(line.len == 0 || memchr(line.ptr, '\n', line.len) == NULL);
    grow_add(all, line);
    grow_add(all, SPAN("\n"));
    return 0;
}

/* Any bytes, which nobody of ours has written. */
static void try_packed(const uint8_t *data, size_t size)
{
    struct err_slot err = {.text = ""};
    struct lines_sum sum;
    put_file(lines_file, data, size);
    if (lines_read(lines_file, NULL, NULL, &err, &sum) == 0)
        assert(sum.bytes == size && strlen(sum.sha256) == LINES_SHA256_MAX - 1);
    else
        assert(err.text[0] != '\0');
}

static void write_lines(struct span text, struct err_slot *err)
{
    struct lines *lines;
    int rc = lines_create(lines_file, err, &lines);
    while (rc == 0 && text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        rc = lines_put(lines, (struct span){text.ptr, len}, err);
        size_t gone = len + (end != NULL);
        text = (struct span){text.ptr + gone, text.len - gone};
    }
    if (rc == 0)
        rc = lines_finish(lines, err);
    assert(rc == 0);
}

static void try_lines(const uint8_t *data, size_t size)
{
    static uint8_t packed[PACKED_MAX];
    struct err_slot err = {.text = ""};
    struct lines_sum sum, turned;
    struct grow all = {0};
    struct span text = {(const char *)data, size};
    write_lines(text, &err);
    int rc = lines_read(lines_file, collect, &all, &err, &sum);
    assert(rc == 0 && all.len >= size && all.len <= size + 1 && memcmp(all.ptr, data, size) == 0);
    grow_free(&all);
    size_t len = get_file(lines_file, packed);
    packed[(size * 31 + data[size / 2]) % len] ^= 4;
    put_file(lines_file, packed, len);
    if (lines_read(lines_file, NULL, NULL, &err, &turned) == 0)
        assert(strcmp(sum.sha256, turned.sha256) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_MAX)
        return 0;
    prepare();
    try_manifest(data, size);
    try_packed(data, size);
    try_lines(data, size);
    return 0;
}
