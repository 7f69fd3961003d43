/* judge_history.c: the records as a history (tests/history/README.md): one line for each thing that
 * a visitor asked, from the first try under its key to the answer that came, or to none. What is
 * one operation there is several records here, with others' in between, so each visitor's is kept
 * until it is whole.
 *
 * Names of seats, holds and orders are hashes, as in the records. What sagas do is not in them. */
#include "judge/judge_internal.h"

#include "limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a visitor has asked for and not been answered, and what it has. */
struct asker {
    uint64_t hold_from, order_from, drop_from; /* 0: not under way */
    uint64_t hold, order, held_at;
    uint64_t wants[VISITOR_SEATS_MAX], taken[VISITOR_SEATS_MAX], seats[VISITOR_SEATS_MAX];
    uint8_t wants_len, taken_len, seats_len;
    bool again; /* the hold that is under way was tried before, and nobody said no to that */
};

struct writer {
    FILE *file;
    struct asker *askers;
    size_t len;
};

/* ---- lines ---- */

/* What a line says of its visitor, in this order. */
enum field { AGAIN = 1, WANTS = 2, SEATS = 4, TAKEN = 8, HOLD = 16, ORDER = 32 };

static void put_ids(const struct writer *writer, const char *name, const uint64_t *ids, uint8_t len)
{
    if (len == 0)
        return;
    fprintf(writer->file, ",\"%s\":[", name);
    for (uint8_t i = 0; i < len; i++)
        fprintf(writer->file, "%s\"%016lx\"", i > 0 ? "," : "", ids[i]);
    fputc(']', writer->file);
}

static void begin(const struct writer *writer, const char *op, const struct record *record,
                  uint64_t from, unsigned fields)
{
    const struct asker *who = &writer->askers[record->visitor];
    fprintf(writer->file, "{\"op\":\"%s\",\"by\":\"visitor-%u\",\"from\":%lu", op, record->visitor,
            from);
    if ((fields & AGAIN) != 0 && who->again)
        fputs(",\"again\":true", writer->file);
    put_ids(writer, "wants", who->wants, (fields & WANTS) != 0 ? who->wants_len : 0);
    put_ids(writer, "seats", who->seats, (fields & SEATS) != 0 ? who->seats_len : 0);
    put_ids(writer, "taken", who->taken, (fields & TAKEN) != 0 ? who->taken_len : 0);
    if ((fields & HOLD) != 0)
        fprintf(writer->file, ",\"hold\":\"%016lx\"", who->hold);
    if ((fields & ORDER) != 0)
        fprintf(writer->file, ",\"order\":\"%016lx\"", who->order);
}

/* `to` 0: it never came to an end. */
static void end(const struct writer *writer, const char *answer, uint64_t to)
{
    fprintf(writer->file, ",\"answer\":\"%s\"", answer);
    if (to > 0)
        fprintf(writer->file, ",\"to\":%lu", to);
    fputs("}\n", writer->file);
}

static uint64_t asked_us(const struct record *record)
{
    return record->at_us - record->took_us;
}

static void add(uint64_t *ids, uint8_t *len, uint64_t id)
{
    if (*len < VISITOR_SEATS_MAX)
        ids[(*len)++] = id;
}

/* ---- what never came ---- */

static void lose_one(const struct writer *writer, const char *op, const struct record *record,
                     uint64_t *from, unsigned fields)
{
    if (*from == 0)
        return;
    begin(writer, op, record, *from, fields);
    end(writer, "unknown", 0);
    *from = 0;
}

static void lose(const struct writer *writer, const struct record *record, struct asker *who)
{
    lose_one(writer, "hold", record, &who->hold_from, WANTS);
    lose_one(writer, "order", record, &who->order_from, HOLD);
    lose_one(writer, "release", record, &who->drop_from, HOLD);
}

/* ---- answers ---- */

static void on_sent(const struct writer *writer, const struct record *record, struct asker *who)
{
    switch ((enum record_sent)record->value) {
    case SENT_HOLD:
        lose_one(writer, "hold", record, &who->hold_from, WANTS);
        who->hold_from = record->at_us;
        who->wants_len = who->taken_len = 0;
        who->again = false;
        break;
    case SENT_ORDER:
        who->order_from = record->at_us;
        break;
    case SENT_DROP:
        who->drop_from = record->at_us;
        break;
    }
}

/* The seats of a hold and its end follow. */
static void on_hold(const struct writer *writer, const struct record *record, struct asker *who)
{
    (void)writer;
    who->held_at = record->at_us;
    who->seats_len = 0;
    if (who->hold_from == 0)
        who->hold_from = asked_us(record);
}

static void on_until(const struct writer *writer, const struct record *record, struct asker *who)
{
    who->hold = record->more;
    begin(writer, "hold", record, who->hold_from, AGAIN | WANTS | SEATS | HOLD);
    if (record->value > 0)
        fprintf(writer->file, ",\"until\":%lu", record->value);
    end(writer, "ok", who->held_at);
    who->hold_from = 0;
}

/* A refusal that is not for the moment only: it ends what was asked. Without an answer, or after
 * one that settles nothing, the next try may want other seats. */
static void on_other(const struct writer *writer, const struct record *record, struct asker *who)
{
    bool holds = record->kind == RECORD_OTHER || record->value == TRICK_HOARD;
    if (!holds || who->hold_from == 0 || record->status == 429)
        return;
    if (record->status < 400 || record->status >= 500) {
        who->again = true;
        return;
    }
    begin(writer, "hold", record, who->hold_from, AGAIN | WANTS | TAKEN);
    end(writer, "refused", record->at_us);
    who->hold_from = 0;
}

static void on_order(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (who->order_from == 0)
        return; /* the same answer again */
    who->order = record->more;
    begin(writer, "order", record, who->order_from, HOLD | ORDER);
    fprintf(writer->file, ",\"amount\":%lu", record->value);
    end(writer, "ok", record->at_us);
    who->order_from = 0;
}

/* The answer to giving seats back, if that is what was asked. One that finds nothing on a later try
 * leaves open whether it was the first that did it. */
static void on_step(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (who->drop_from == 0 || record->status >= 300)
        return;
    begin(writer, "release", record, who->drop_from, HOLD);
    end(writer, "ok", record->at_us);
    who->drop_from = 0;
}

static void on_gone(const struct writer *writer, const struct record *record, struct asker *who)
{
    (void)who;
    if (record->value != GONE_HOLD)
        return;
    begin(writer, "gone", record, asked_us(record), HOLD);
    end(writer, "ok", record->at_us);
}

/* With or without money: seats that are sold for good. */
static void on_sold(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (record->kind == RECORD_SOLD)
        lose(writer, record, who); /* a saga whose order was never answered */
    begin(writer, "ticket", record, asked_us(record), HOLD);
    if (record->kind == RECORD_TICKET)
        fprintf(writer->file, ",\"order\":\"%016lx\"", record->more);
    end(writer, "ok", record->at_us);
}

static void on_paid(const struct writer *writer, const struct record *record, struct asker *who)
{
    (void)who;
    begin(writer, "paid", record, asked_us(record), ORDER);
    fprintf(writer->file, ",\"amount\":%lu", record->value);
    end(writer, "ok", record->at_us);
}

static void on_place(const struct writer *writer, const struct record *record, struct asker *who)
{
    static const struct {
        const char *op, *number;
    } words[RECORD_KINDS] = {
        [RECORD_ENTRY] = {"join", "entry"},
        [RECORD_JOIN] = {"join", "place"},
        [RECORD_WAIT] = {"look", "place"},
        [RECORD_PASS] = {"enter", "place"},
    };
    (void)who;
    if (record->value == 0)
        return;
    begin(writer, words[record->kind].op, record, asked_us(record), 0);
    fprintf(writer->file, ",\"%s\":%lu", words[record->kind].number, record->value);
    if (record->kind == RECORD_WAIT)
        fprintf(writer->file, ",\"ahead\":%lu,\"waiting\":%s,\"stale\":%s", record->more,
                (record->flags & RECORD_WAITING) != 0 ? "true" : "false",
                (record->flags & RECORD_STALE) != 0 ? "true" : "false");
    end(writer, "ok", record->at_us);
}

/* The hash of a seat's id, for the list that the record's kind says. */
static void on_id(const struct writer *writer, const struct record *record, struct asker *who)
{
    (void)writer;
    if (record->kind == RECORD_WANT)
        add(who->wants, &who->wants_len, record->value);
    else if (record->kind == RECORD_TAKEN)
        add(who->taken, &who->taken_len, record->value);
    else
        add(who->seats, &who->seats_len, record->value);
}

/* Records of other kinds say nothing about seats, orders or places. */
static void (*const on_record[RECORD_KINDS])(const struct writer *writer,
                                             const struct record *record, struct asker *who) = {
    [RECORD_ENTRY] = on_place, [RECORD_JOIN] = on_place,  [RECORD_WAIT] = on_place,
    [RECORD_PASS] = on_place,  [RECORD_SENT] = on_sent,   [RECORD_WANT] = on_id,
    [RECORD_TAKEN] = on_id,    [RECORD_HOLD] = on_hold,   [RECORD_SEAT] = on_id,
    [RECORD_UNTIL] = on_until, [RECORD_OTHER] = on_other, [RECORD_TRICK] = on_other,
    [RECORD_ORDER] = on_order, [RECORD_STEP] = on_step,   [RECORD_GONE] = on_gone,
    [RECORD_PAID] = on_paid,   [RECORD_TICKET] = on_sold, [RECORD_SOLD] = on_sold,
    [RECORD_END] = lose,
};

int judge_history(const struct record *records, size_t len, const struct judge_conf *conf,
                  const char *path, struct err_slot *err)
{
    struct writer writer = {0};
    for (size_t i = 0; i < len; i++)
        if (records[i].visitor >= writer.len)
            writer.len = records[i].visitor + 1u;
    writer.askers = calloc(writer.len + 1, sizeof(*writer.askers));
    writer.file = fopen(path, "w");
    if (writer.askers == NULL || writer.file == NULL) {
        if (writer.file != NULL)
            fclose(writer.file);
        free(writer.askers);
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    fprintf(writer.file,
            "{\"history\":1,\"of\":\"a "
            "crowd\",\"saga\":\"unseen\",\"lag_us\":%d,\"gone_after_us\":%lu}\n",
            JUDGE_LAG_US, judge_gone_after_us(conf));
    for (size_t i = 0; i < len; i++)
        if (on_record[records[i].kind] != NULL)
            on_record[records[i].kind](&writer, &records[i], &writer.askers[records[i].visitor]);
    free(writer.askers);
    bool bad = ferror(writer.file) != 0;
    bad = fclose(writer.file) != 0 || bad;
    return bad ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno)) : 0;
}
