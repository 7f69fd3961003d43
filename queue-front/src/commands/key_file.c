/* key_file.c: changes a ring of keys on disk so that no reader ever sees half of a change.
 *
 * The new ring is written to a file in the same folder, synced, and renamed over the old one; then
 * the folder is synced too. A crash leaves one complete ring or the other. A lock on the history
 * file, which is never replaced, keeps two commands apart. The history is written after the ring: a
 * missing line can be guessed from the file's time, an additional one would claim a change that
 * never happened. */
#include "commands/key_file.h"

#include "base/rfc3339.h"
#include "base/secret_file.h"
#include "base/span.h"
#include "base/text.h"
#include "system/system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256 };

static const char history_suffix[] = ".history", new_suffix[] = ".new";

static int put_path(char out[KEY_PATH_MAX], const char *path, const char *suffix,
                    struct err_slot *err)
{
    int len = snprintf(out, KEY_PATH_MAX, "%s%s", path, suffix);
    return len > 0 && len < KEY_PATH_MAX ? 0 : err_set(err, ERR_RANGE, "%s: too long a path", path);
}

/* ---- reading ---- */

static void add_entry(struct key_file *file, const char *name, size_t len)
{
    assert(file->len < file->cap && len < KEY_NAME_MAX);
    struct key_entry *entry = &file->key[file->len++];
    *entry = (struct key_entry){.pass = NULL};
    memcpy(entry->name, name, len);
}

static void add_mac(struct key_file *file, const struct mac_ring_key *key)
{
    char name[MAC_NAME_MAX + 1];
    mac_key_name(key, name);
    add_entry(file, name, strlen(name));
    file->key[file->len - 1].mac = *key;
}

static void add_pass(struct key_file *file, const struct jwks_key *key)
{
    struct span kid = jwks_key_kid(key);
    add_entry(file, kid.ptr, kid.len);
    file->key[file->len - 1].pass = key;
}

static int read_ring(struct key_file *file, struct err_slot *err)
{
    if (file->of_passes) {
        int rc = jwks_load(span_of(file->path), err, &file->loaded);
        for (size_t i = 0; rc == 0 && i < jwks_len(file->loaded); i++)
            add_pass(file, jwks_at(file->loaded, i));
        return rc;
    }
    struct mac_ring ring;
    int rc = mac_ring_load(file->path, err, &ring);
    for (uint32_t i = 0; rc == 0 && i < ring.len; i++)
        add_mac(file, &ring.key[i]);
    if (rc == 0)
        mac_ring_wipe(&ring);
    return rc;
}

int key_file_open(struct key_file *file, const char *path, bool of_passes, struct err_slot *err)
{
    *file = (struct key_file){
        .of_passes = of_passes, .cap = of_passes ? JWKS_KEYS_MAX : MAC_RING_MAX, .lock = -1};
    int rc = put_path(file->path, path, "", err);
    if (rc == 0 && of_passes && strchr(path, ',') != NULL)
        rc = err_set(err, ERR_RANGE,
                     "keys.passes names several files: put their keys into one, the first of them "
                     "first, and name that");
    char history[KEY_PATH_MAX];
    if (rc == 0)
        rc = put_path(history, file->path, history_suffix, err);
    if (rc < 0)
        goto close_file;
    /* Another command for this ring waits until we have finished. */
    file->lock = open(history, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file->lock < 0 || flock(file->lock, LOCK_EX) < 0) {
        rc = err_set(err, ERR_IO, "%s: %s", history, strerror(errno));
        goto close_file;
    }
    struct stat stat_of;
    if (stat(path, &stat_of) < 0) {
        rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        goto close_file;
    }
    file->changed_ms = (uint64_t)stat_of.st_mtime * 1000;
    rc = read_ring(file, err);
    if (rc == 0)
        return 0;
close_file:
    key_file_close(file);
    return rc;
}

void key_file_close(struct key_file *file)
{
    jwks_destroy(file->loaded);
    jwks_key_destroy(file->made);
    if (file->lock >= 0)
        close(file->lock);
    sodium_memzero(file, sizeof(*file));
    file->lock = -1;
}

int key_file_find(const struct key_file *file, const char *name)
{
    int found = -1;
    size_t len = strlen(name);
    for (unsigned i = 0; i < file->len; i++) {
        const char *own = file->key[i].name;
        if (strncmp(own, name, len) != 0)
            continue;
        if (own[len] != '\0' && (file->of_passes ? len == 0 : own[len] != '-'))
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

/* ---- changes ---- */

/* The number after the highest, so that a recently dropped one is not reused soon. */
static uint8_t next_id(const struct key_file *file)
{
    unsigned highest = 0;
    for (unsigned i = 0; i < file->len; i++)
        highest = file->key[i].mac.id > highest ? file->key[i].mac.id : highest;
    for (unsigned id = highest + 1;; id++) {
        bool taken = false;
        for (unsigned i = 0; i < file->len; i++)
            taken |= file->key[i].mac.id == (uint8_t)id;
        if (!taken)
            return (uint8_t)id;
    }
}

int key_file_add(struct key_file *file, struct err_slot *err)
{
    if (file->len == file->cap)
        return err_set(err, ERR_FULL, "%s: a ring holds at most %u keys; drop one that is over",
                       file->path, file->cap);
    if (file->of_passes) {
        assert(file->made == NULL); /* one per command */
        int rc = jwks_key_generate(err, &file->made);
        if (rc == 0)
            add_pass(file, file->made);
        return rc;
    }
    struct mac_ring_key key = {.id = next_id(file)};
    randombytes_buf(key.key, sizeof(key.key));
    add_mac(file, &key);
    sodium_memzero(&key, sizeof(key));
    return 0;
}

void key_file_use(struct key_file *file, unsigned index)
{
    assert(index < file->len);
    struct key_entry first = file->key[index];
    memmove(&file->key[1], &file->key[0], index * sizeof(first));
    file->key[0] = first;
    sodium_memzero(&first, sizeof(first));
}

void key_file_drop(struct key_file *file, unsigned index)
{
    assert(index < file->len);
    file->len--;
    memmove(&file->key[index], &file->key[index + 1], (file->len - index) * sizeof(file->key[0]));
    sodium_memzero(&file->key[file->len], sizeof(file->key[0]));
}

/* ---- writing ---- */

static int put_ring(const struct key_file *file, struct text *text, struct err_slot *err)
{
    int rc = 0;
    for (unsigned i = 0; i < file->len && rc == 0; i++) {
        const struct key_entry *entry = &file->key[i];
        char hex[2 * MAC_KEY_BYTES + 1];
        if (entry->pass != NULL) {
            rc = jwks_key_put_pem(entry->pass, text, err);
            continue;
        }
        sodium_bin2hex(hex, sizeof(hex), entry->mac.key, sizeof(entry->mac.key));
        text_printf(text, "%u %s\n", entry->mac.id, hex);
        sodium_memzero(hex, sizeof(hex));
    }
    if (rc == 0 && text->overflown)
        rc = err_set(err, ERR_RANGE, "%s: more than a secret file may hold", file->path);
    return rc;
}

static bool write_all(int fd, const struct text *text)
{
    int why = system_write_all(fd, text->ptr, text->len);
    if (why == 0)
        why = system_sync(fd);
    errno = why;
    return why == 0;
}

/* The folder too, so that after a power cut the name leads to one complete ring or the other. */
static bool sync_folder(const char *path)
{
    char folder[KEY_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : (size_t)(slash - path) + 1;
    memcpy(folder, slash == NULL ? "." : path, len);
    folder[len] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && system_sync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static int replace(const struct key_file *file, const struct text *text, struct err_slot *err)
{
    char next[KEY_PATH_MAX];
    int rc = put_path(next, file->path, new_suffix, err);
    if (rc < 0)
        return rc;
    unlink(next); /* left by a command that was interrupted */
    int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", next, strerror(errno));
    struct stat before;
    bool kept = stat(file->path, &before) < 0 || geteuid() != 0 ||
                fchown(fd, before.st_uid, before.st_gid) == 0;
    bool good = kept && write_all(fd, text);
    close(fd);
    if (good && rename(next, file->path) == 0 && sync_folder(file->path))
        return 0;
    rc = err_set(err, ERR_IO, "%s: %s", next, strerror(errno));
    unlink(next);
    return rc;
}

static int note(const struct key_file *file, const char *what, const char *name, const char *other,
                uint64_t now_ms, struct err_slot *err)
{
    char memory[LINE_MAX_BYTES];
    struct text line = text_on(memory, sizeof(memory));
    rfc3339_put(&line, now_ms);
    text_printf(&line, " %s %s%s%s\n", what, name, other != NULL ? " " : "",
                other != NULL ? other : "");
    assert(!line.overflown);
    if (write_all(file->lock, &line))
        return 0;
    return err_set(err, ERR_IO, "%s%s: %s", file->path, history_suffix, strerror(errno));
}

int key_file_save(const struct key_file *file, const char *what, const char *name,
                  const char *other, uint64_t now_ms, struct err_slot *err)
{
    char *memory = malloc(SECRET_FILE_BYTES_MAX);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "%s", file->path);
    struct text text = text_on(memory, SECRET_FILE_BYTES_MAX);
    int rc = put_ring(file, &text, err);
    if (rc == 0)
        rc = replace(file, &text, err);
    if (rc == 0)
        rc = note(file, what, name, other, now_ms, err);
    sodium_memzero(memory, SECRET_FILE_BYTES_MAX);
    free(memory);
    return rc;
}

/* ---- history ---- */

struct key_past key_file_past(const struct key_file *file, unsigned index)
{
    const char *name = file->key[index].name;
    struct key_past past = {.sure = false};
    char line[LINE_MAX_BYTES], signer[KEY_NAME_MAX] = "";
    char path[KEY_PATH_MAX];
    struct err_slot err;
    FILE *history = put_path(path, file->path, history_suffix, &err) == 0 ? fopen(path, "r") : NULL;
    while (history != NULL && fgets(line, sizeof(line), history) != NULL) {
        char time[RFC3339_LEN + 1], what[8], whose[KEY_NAME_MAX], before[KEY_NAME_MAX] = "";
        uint64_t at_ms;
        if (sscanf(line, "%24s %7s %63s %63s", time, what, whose, before) < 3 ||
            !rfc3339_parse(span_of(time), &at_ms))
            continue;
        bool used = strcmp(what, "use") == 0;
        if (used)
            memcpy(signer, whose, strlen(whose) + 1);
        if (strcmp(what, "add") == 0 && strcmp(whose, name) == 0) {
            past = (struct key_past){.added_ms = at_ms, .sure = true};
        } else if (used && strcmp(before, name) == 0) {
            past.retired_ms = at_ms;
            past.sure = true;
        } else if (used && strcmp(whose, name) == 0) {
            past.retired_ms = 0;
        }
    }
    if (history != NULL)
        fclose(history);
    /* It was changed by hand since. */
    if (signer[0] != '\0' && strcmp(signer, file->key[0].name) != 0)
        past.sure = false;
    if (index == 0)
        past.retired_ms = 0;
    else if (!past.sure)
        past.retired_ms = file->changed_ms;
    return past;
}
