/* journal.c: a line that says what the file is, then a line a record: its checksum in 16 hex digits
 * and a JSON object. The checksum is SipHash under a fixed key: it guards against damage, not
 * against people. A line is written by one write(), so a record without its end of line was being
 * written when the process died. */
#include "desk/journal.h"

#include "core/must.h"
#include "ops/op.h"
#include "system/system.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

static const char magic[] = "psp-sandbox journal 3\n";

enum { SUM_DIGITS = 16 };

struct journal {
    struct journal_conf conf;
    int fd;
    uint64_t bytes;
};

static uint64_t checksum(const char *bytes, size_t len)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "psp-sandbox log";
    uint64_t sum;
    crypto_shorthash((uint8_t *)&sum, (const uint8_t *)bytes, len, key);
    return sum;
}

static int cannot(const struct journal *journal, const char *what, struct err_slot *err)
{
    return err_set(err, ERR_IO, "%s %s: %s", what, journal->conf.path, strerror(errno));
}

/* ---- reading ---- */

static bool replay_call(const struct journal *journal, json_t *record)
{
    int op;
    json_int_t at_us, seed;
    const char *id, *key;
    struct call call = {.op = NULL};
    if (json_unpack(record, "{s:i,s:I,s:I,s:s,s:s,s:o,s:i,s:i}", "op", &op, "at_us", &at_us, "seed",
                    &seed, "id", &id, "key", &key, "in", &call.in, "instead", &call.instead,
                    "afterwards", &call.afterwards) < 0 ||
        op < 0 || (unsigned)op >= ops_len)
        return false;
    call.op = &ops[op];
    call.kind = call.op->kind;
    call.at_us = (uint64_t)at_us;
    call.seed = (uint64_t)seed;
    call.id = span_of(id);
    call.key = span_of(key);
    journal->conf.on_call(journal->conf.ctx, &call);
    return true;
}

static bool replay_delivery(const struct journal *journal, json_t *record)
{
    int notice;
    struct journal_delivery delivery;
    if (json_unpack(record, "{s:b,s:i}", "notice", &notice, "event", &delivery.event) < 0)
        return false;
    delivery.notice = notice;
    journal->conf.on_delivery(journal->conf.ctx, &delivery);
    return true;
}

static bool replay(const struct journal *journal, const char *line, size_t len)
{
    char sum[SUM_DIGITS + 1];
    if (len <= SUM_DIGITS)
        return false;
    snprintf(sum, sizeof(sum), "%016" PRIx64, checksum(line + SUM_DIGITS, len - SUM_DIGITS));
    if (memcmp(sum, line, SUM_DIGITS) != 0)
        return false;
    struct err_slot err;
    json_t *record;
    if (json_in_parse((struct span){line + SUM_DIGITS, len - SUM_DIGITS}, &err, &record) < 0)
        return false;
    bool good = json_object_get(record, "op") != NULL ? replay_call(journal, record)
                                                      : replay_delivery(journal, record);
    json_decref(record);
    return good;
}

/* journal->bytes is the length up to the last complete record. */
static int read_lines(struct journal *journal, FILE *file, struct err_slot *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int rc = 0;
    while (rc == 0 && (len = getline(&line, &cap, file)) > 0 && line[len - 1] == '\n') {
        bool good =
            journal->bytes == 0 ? strcmp(line, magic) == 0 : replay(journal, line, (size_t)len - 1);
        if (good)
            journal->bytes += (uint64_t)len;
        else if (journal->bytes == 0)
            rc =
                err_set(err, ERR_SYNTAX, "%s is not a journal of this version", journal->conf.path);
        else
            rc = err_set(err, ERR_SYNTAX, "%s is damaged at byte %" PRIu64, journal->conf.path,
                         journal->bytes);
    }
    if (rc == 0 && ferror(file))
        rc = cannot(journal, "reading", err);
    else if (rc == 0 && journal->bytes == 0 && len > 0)
        rc = err_set(err, ERR_SYNTAX, "%s is not a journal of this version", journal->conf.path);
    free(line);
    return rc;
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
    int rc = read_lines(journal, file, err);
    fclose(file);
    return rc;
}

/* ---- writing ---- */

static int append(struct journal *journal, const char *bytes, size_t len, struct err_slot *err)
{
    errno = system_write_all(journal->fd, bytes, len);
    if (errno != 0)
        return cannot(journal, "writing", err);
    journal->bytes += len;
    if (journal->conf.fsync && (errno = system_sync(journal->fd)) != 0)
        return cannot(journal, "syncing", err);
    return 0;
}

static int append_record(struct journal *journal, json_t *record, struct err_slot *err)
{
    char *json = must(json_in_text(must(record), 0));
    size_t len = strlen(json);
    char *line = must(malloc(SUM_DIGITS + len + 2));
    snprintf(line, SUM_DIGITS + len + 2, "%016" PRIx64 "%s\n", checksum(json, len), json);
    int rc = append(journal, line, SUM_DIGITS + len + 1, err);
    free(line);
    free(json);
    json_decref(record);
    return rc;
}

int journal_call(struct journal *journal, const struct call *call, struct err_slot *err)
{
    return append_record(
        journal,
        json_pack("{s:i,s:I,s:I,s:o,s:o,s:O,s:i,s:i}", "op", (int)op_number(call->op), "at_us",
                  (json_int_t)call->at_us, "seed", (json_int_t)call->seed, "id",
                  json_stringn(call->id.ptr != NULL ? call->id.ptr : "", call->id.len), "key",
                  json_stringn(call->key.ptr != NULL ? call->key.ptr : "", call->key.len), "in",
                  call->in, "instead", (int)call->instead, "afterwards", (int)call->afterwards),
        err);
}

int journal_delivery(struct journal *journal, const struct journal_delivery *delivery,
                     struct err_slot *err)
{
    return append_record(
        journal, json_pack("{s:b,s:i}", "notice", delivery->notice, "event", (int)delivery->event),
        err);
}

/* ---- life ---- */

int journal_open(const struct journal_conf *conf, struct err_slot *err, struct journal **out)
{
    struct journal *journal = must(calloc(1, sizeof(*journal)));
    journal->conf = *conf;
    journal->fd = open(conf->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int rc = journal->fd < 0 ? cannot(journal, "opening", err) : read_file(journal, err);
    if (rc == 0 && ftruncate(journal->fd, (off_t)journal->bytes) < 0)
        rc = cannot(journal, "cutting", err);
    if (rc == 0 && journal->bytes == 0)
        rc = append(journal, magic, sizeof(magic) - 1, err);
    if (rc < 0) {
        journal_close(journal);
        return rc;
    }
    *out = journal;
    return 0;
}

uint64_t journal_bytes(const struct journal *journal)
{
    return journal->bytes;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    free(journal);
}
