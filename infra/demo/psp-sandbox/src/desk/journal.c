/* journal.c: the file is a line that says what it is, then records [length][checksum][payload] in
 * this machine's byte order, since the file does not travel. The checksum is SipHash under a fixed
 * key: it guards against torn writes, not against people.
 *
 * Writing uses two buffers. Records gather in one while the thread pool writes the other; the end
 * of a write starts the next one, so a slow disk means bigger groups. Invariant: `under_way` is
 * true exactly while the pool has `writing`. */
#include "desk/journal.h"

#include "ops/op.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char magic[] = "psp-sandbox journal 1\n";

enum {
    HEAD_BYTES = sizeof(uint32_t) + sizeof(uint64_t),
    /* The longest call: body, query and id are bounded by the listener, the key by itself. */
    PAYLOAD_MAX = 512 * 1024,
};

enum record_kind { RECORD_CALL = 1, RECORD_DELIVERY = 2 };

enum {
    CALL_FIXED = 1 + 1 + 1 + 2 + 2 + 8 + 8, /* what put_fixed() writes; then the texts */
    CALL_TEXTS = 4,
    DELIVERY_BYTES = 1 + 1 + 1 + 4 + 4,
};

struct waiter {
    void (*on_written)(void *ctx);
    void *ctx;
};

struct group {
    char *bytes;
    size_t len, cap;
    struct waiter *waiters;
    uint32_t waiters_len, waiters_cap;
};

struct journal {
    struct journal_conf conf;
    int fd;
    uint64_t offset; /* where the next write goes */
    struct group gathering;
    struct group writing;
    size_t written; /* of writing.bytes */
    bool under_way;
    bool broken;
    bool closing;
    uv_fs_t request;
};

static uint64_t checksum(const char *bytes, size_t len)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "psp-sandbox log";
    uint64_t sum;
    crypto_shorthash((uint8_t *)&sum, (const uint8_t *)bytes, len, key);
    return sum;
}

/* ---- records ---- */

static size_t put_number(char *at, uint64_t value, size_t bytes)
{
    memcpy(at, &value, bytes); /* little-endian machines only, as every one that this runs on */
    return bytes;
}

static uint64_t take_number(const char **at, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, *at, bytes);
    *at += bytes;
    return value;
}

static size_t put_fixed(char *at, const struct call *call)
{
    char *start = at;
    at += put_number(at, RECORD_CALL, 1);
    at += put_number(at, op_number(call->op), 1);
    at += put_number(at, (uint64_t)call->fault_slot + 1, 1);
    at += put_number(at, call->instead, 2);
    at += put_number(at, call->afterwards, 2);
    at += put_number(at, call->at_us, 8);
    at += put_number(at, call->seed, 8);
    assert(at - start == CALL_FIXED);
    return (size_t)(at - start);
}

static bool read_call(const char *at, const char *end, struct call *call)
{
    if (end - at < CALL_FIXED)
        return false;
    at++;
    unsigned op = (unsigned)take_number(&at, 1);
    *call = (struct call){0};
    call->fault_slot = (int)take_number(&at, 1) - 1;
    call->instead = (unsigned)take_number(&at, 2);
    call->afterwards = (unsigned)take_number(&at, 2);
    call->at_us = take_number(&at, 8);
    call->seed = take_number(&at, 8);
    struct span *texts[CALL_TEXTS] = {&call->id, &call->query, &call->body, &call->key};
    for (unsigned i = 0; i < CALL_TEXTS; i++) {
        if (end - at < 4)
            return false;
        size_t len = (size_t)take_number(&at, 4);
        if ((size_t)(end - at) < len)
            return false;
        if (len > 0)
            *texts[i] = (struct span){at, len};
        at += len;
    }
    if (at != end || op >= ops_len || call->fault_slot >= FAULT_SPECS_MAX)
        return false;
    call->op = &ops[op];
    return true;
}

static bool read_delivery(const char *at, const char *end, struct journal_delivery *delivery)
{
    if (end - at != DELIVERY_BYTES)
        return false;
    at++;
    delivery->notice = take_number(&at, 1) != 0;
    delivery->confirmed = take_number(&at, 1) != 0;
    delivery->event = (uint32_t)take_number(&at, 4);
    delivery->endpoint = (uint32_t)take_number(&at, 4);
    return true;
}

static bool replay(const struct journal *journal, const char *payload, size_t len)
{
    const char *end = payload + len;
    struct call call;
    struct journal_delivery delivery;
    if (len > 0 && payload[0] == RECORD_CALL && read_call(payload, end, &call)) {
        journal->conf.on_call(journal->conf.ctx, &call);
        return true;
    }
    if (len > 0 && payload[0] == RECORD_DELIVERY && read_delivery(payload, end, &delivery)) {
        journal->conf.on_delivery(journal->conf.ctx, &delivery);
        return true;
    }
    return false;
}

/* ---- reading ---- */

static int cannot(const struct journal *journal, const char *what, struct err_slot *err)
{
    return err_set(err, ERR_IO, "%s %s: %s", what, journal->conf.path, strerror(errno));
}

/* Reads record after record; *good is the offset after the last complete one. A truncated or broken
 * record at the end was being written when the process died. What is there and cannot be read is
 * not. */
static int read_records(struct journal *journal, FILE *file, uint64_t size, uint64_t *good,
                        struct err_slot *err)
{
    char *payload = malloc(PAYLOAD_MAX);
    if (payload == NULL)
        return err_set(err, ERR_NOMEM, "journal record");
    int rc = 0;
    *good = sizeof(magic) - 1;
    while (size - *good >= HEAD_BYTES) {
        char head[HEAD_BYTES];
        if (fread(head, 1, HEAD_BYTES, file) != HEAD_BYTES) {
            rc = cannot(journal, "reading", err);
            break;
        }
        const char *at = head;
        uint64_t len = take_number(&at, 4);
        uint64_t sum = take_number(&at, 8);
        uint64_t end = *good + HEAD_BYTES + len;
        if (end > size)
            break;
        if (len <= PAYLOAD_MAX && fread(payload, 1, len, file) != len) {
            rc = cannot(journal, "reading", err);
            break;
        }
        bool whole =
            len <= PAYLOAD_MAX && checksum(payload, len) == sum && replay(journal, payload, len);
        if (!whole && end < size) {
            rc = err_set(err, ERR_SYNTAX, "%s is damaged at byte %llu", journal->conf.path,
                         (unsigned long long)*good);
            break;
        }
        if (!whole)
            break;
        *good = end;
    }
    free(payload);
    return rc;
}

/* *good: 0 where there is nothing in it. */
static int read_stream(struct journal *journal, FILE *file, uint64_t *good, struct err_slot *err)
{
    char line[sizeof(magic) - 1];
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    *good = 0;
    if (size < 0)
        return cannot(journal, "reading", err);
    if (size == 0)
        return 0;
    rewind(file);
    size_t got = fread(line, 1, sizeof(line), file);
    if (got != sizeof(line) && ferror(file))
        return cannot(journal, "reading", err);
    if (got != sizeof(line) || memcmp(line, magic, sizeof(line)) != 0)
        return err_set(err, ERR_SYNTAX, "%s is not a journal of this version", journal->conf.path);
    return read_records(journal, file, (uint64_t)size, good, err);
}

static int read_file(struct journal *journal, struct err_slot *err)
{
    int fd = dup(journal->fd);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        cannot(journal, "reading", err);
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    uint64_t good;
    int rc = read_stream(journal, file, &good, err);
    fclose(file);
    if (rc < 0)
        return rc;
    if (good == 0) {
        if (pwrite(journal->fd, magic, sizeof(magic) - 1, 0) != sizeof(magic) - 1)
            return cannot(journal, "writing", err);
        good = sizeof(magic) - 1;
    }
    if (ftruncate(journal->fd, (off_t)good) < 0)
        return cannot(journal, "cutting", err);
    journal->offset = good;
    return 0;
}

int journal_open(const struct journal_conf *conf, struct err_slot *err, struct journal **out)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return err_set(err, ERR_NOMEM, "journal");
    journal->conf = *conf;
    journal->request.data = journal;
    int rc;
    journal->fd = open(conf->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->fd < 0) {
        rc = err_set(err, ERR_IO, "opening %s: %s", conf->path, strerror(errno));
        goto free_journal;
    }
    rc = read_file(journal, err);
    if (rc < 0)
        goto close_file;
    *out = journal;
    return 0;

close_file:
    close(journal->fd);
free_journal:
    free(journal);
    return rc;
}

/* ---- writing ---- */

static void free_all(struct journal *journal)
{
    close(journal->fd);
    free(journal->gathering.bytes);
    free(journal->gathering.waiters);
    free(journal->writing.bytes);
    free(journal->writing.waiters);
    free(journal);
}

static void write_on(struct journal *journal);

static void broken(struct journal *journal, const char *what, ssize_t result)
{
    struct err_slot err;
    if (journal->broken)
        return;
    err_set(&err, ERR_IO, "%s %s: %s", what, journal->conf.path, uv_strerror((int)result));
    journal->broken = true;
    if (!journal->closing)
        journal->conf.on_broken(journal->conf.ctx, &err);
}

/* The group is with the kernel: tell those waiting, then write what has gathered. */
static void group_done(struct journal *journal)
{
    struct group *group = &journal->writing;
    journal->offset += group->len;
    journal->written = 0;
    group->len = 0;
    uint32_t count = group->waiters_len;
    group->waiters_len = 0;
    for (uint32_t i = 0; i < count && !journal->closing && !journal->broken; i++)
        group->waiters[i].on_written(group->waiters[i].ctx);
    journal->under_way = false;
    write_on(journal);
}

static void on_synced(uv_fs_t *request)
{
    struct journal *journal = request->data;
    ssize_t result = request->result;
    uv_fs_req_cleanup(request);
    if (result < 0) {
        broken(journal, "syncing", result);
        journal->under_way = false;
        if (journal->closing)
            free_all(journal);
        return;
    }
    group_done(journal);
}

static void start_write(struct journal *journal);

static void on_wrote(uv_fs_t *request)
{
    struct journal *journal = request->data;
    ssize_t result = request->result;
    uv_fs_req_cleanup(request);
    if (result <= 0) {
        broken(journal, "writing", result);
        journal->under_way = false;
        if (journal->closing)
            free_all(journal);
        return;
    }
    journal->written += (size_t)result;
    if (journal->written < journal->writing.len)
        start_write(journal);
    else if (journal->conf.fsync)
        uv_fs_fdatasync(journal->conf.loop, request, journal->fd, on_synced);
    else
        group_done(journal);
}

static void start_write(struct journal *journal)
{
    uv_buf_t rest = uv_buf_init(journal->writing.bytes + journal->written,
                                (unsigned)(journal->writing.len - journal->written));
    int rc = uv_fs_write(journal->conf.loop, &journal->request, journal->fd, &rest, 1,
                         (int64_t)(journal->offset + journal->written), on_wrote);
    assert(rc == 0); /* with a callback it only fails on bad arguments */
}

static void write_on(struct journal *journal)
{
    if (journal->under_way)
        return;
    if (journal->gathering.len == 0 || journal->broken) {
        if (journal->closing)
            free_all(journal);
        return;
    }
    struct group empty = journal->writing;
    journal->writing = journal->gathering;
    journal->gathering = empty;
    journal->under_way = true;
    start_write(journal);
}

/* Room for `len` more bytes and one more waiter. NULL: there is no memory to record what has
 * happened, so nothing can be answered any more. */
static char *group_room(struct journal *journal, size_t len)
{
    struct group *group = &journal->gathering;
    if (group->cap - group->len < len) {
        size_t cap = (group->cap + len) * 2;
        char *bytes = realloc(group->bytes, cap);
        if (bytes == NULL)
            goto no_memory;
        group->bytes = bytes;
        group->cap = cap;
    }
    if (group->waiters_len == group->waiters_cap) {
        uint32_t cap = group->waiters_cap * 2 + 16;
        struct waiter *waiters = realloc(group->waiters, cap * sizeof(*waiters));
        if (waiters == NULL)
            goto no_memory;
        group->waiters = waiters;
        group->waiters_cap = cap;
    }
    return group->bytes + group->len;

no_memory:
    broken(journal, "writing", UV_ENOMEM);
    return NULL;
}

static void seal(struct group *group, char *start, size_t payload_len)
{
    assert(payload_len <= PAYLOAD_MAX);
    put_number(start, payload_len, 4);
    put_number(start + 4, checksum(start + HEAD_BYTES, payload_len), 8);
    group->len += HEAD_BYTES + payload_len;
}

void journal_call(struct journal *journal, const struct call *call, void (*on_written)(void *ctx),
                  void *ctx)
{
    assert(!journal->closing);
    if (journal->broken)
        return;
    const struct span texts[CALL_TEXTS] = {call->id, call->query, call->body, call->key};
    size_t len = CALL_FIXED;
    for (unsigned i = 0; i < CALL_TEXTS; i++)
        len += 4 + texts[i].len;
    struct group *group = &journal->gathering;
    char *start = group_room(journal, HEAD_BYTES + len);
    if (start == NULL)
        return;
    char *at = start + HEAD_BYTES;
    at += put_fixed(at, call);
    for (unsigned i = 0; i < CALL_TEXTS; i++) {
        at += put_number(at, texts[i].len, 4);
        if (texts[i].len > 0)
            memcpy(at, texts[i].ptr, texts[i].len);
        at += texts[i].len;
    }
    assert(at == start + HEAD_BYTES + len);
    seal(group, start, len);
    group->waiters[group->waiters_len++] = (struct waiter){on_written, ctx};
    write_on(journal);
}

void journal_delivery(struct journal *journal, const struct journal_delivery *delivery)
{
    if (journal->broken || journal->closing)
        return;
    struct group *group = &journal->gathering;
    char *start = group_room(journal, HEAD_BYTES + DELIVERY_BYTES);
    if (start == NULL)
        return;
    char *at = start + HEAD_BYTES;
    at += put_number(at, RECORD_DELIVERY, 1);
    at += put_number(at, delivery->notice, 1);
    at += put_number(at, delivery->confirmed, 1);
    at += put_number(at, delivery->event, 4);
    at += put_number(at, delivery->endpoint, 4);
    seal(group, start, DELIVERY_BYTES);
    write_on(journal);
}

uint64_t journal_bytes(const struct journal *journal)
{
    return journal->offset;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    journal->closing = true;
    write_on(journal); /* frees when all is written, or nothing can be any more */
}
