/* judge_history.c: the records as a history (tests/history/README.md): one line for each thing that
 * a visitor asked, from the first try under its key to the answer that came, or to none. What is
 * one operation there is several records here, with others' in between, so each visitor's is kept
 * until it is whole.
 *
 * Names of seats, holds and orders are hashes, as in the records. What sagas do is not in them. */
#include "judge/judge_internal.h"

#include "limits.h"

#include <errno.h>
#include <inttypes.h>
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

static void begin(const struct writer *writer, const char *op, const struct record *record,
                  uint64_t from)
{
    fprintf(writer->file, "{\"op\":\"%s\",\"by\":\"visitor-%" PRIu32 "\",\"from\":%" PRIu64, op,
            record->visitor, from);
}

static void put_id(const struct writer *writer, const char *name, uint64_t id)
{
    fprintf(writer->file, ",\"%s\":\"%016" PRIx64 "\"", name, id);
}

static void put_ids(const struct writer *writer, const char *name, const uint64_t *ids, uint8_t len)
{
    if (len == 0)
        return;
    fprintf(writer->file, ",\"%s\":[", name);
    for (uint8_t i = 0; i < len; i++)
        fprintf(writer->file, "%s\"%016" PRIx64 "\"", i > 0 ? "," : "", ids[i]);
    fputc(']', writer->file);
}

static void end(const struct writer *writer, const char *answer, uint64_t to)
{
    fprintf(writer->file, ",\"answer\":\"%s\",\"to\":%" PRIu64 "}\n", answer, to);
}

static void end_unknown(const struct writer *writer)
{
    fputs(",\"answer\":\"unknown\"}\n", writer->file);
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

static void lose_hold(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (who->hold_from == 0)
        return;
    begin(writer, "hold", record, who->hold_from);
    put_ids(writer, "wants", who->wants, who->wants_len);
    end_unknown(writer);
    who->hold_from = 0;
}

static void lose(const struct writer *writer, const struct record *record, struct asker *who)
{
    lose_hold(writer, record, who);
    if (who->order_from != 0) {
        begin(writer, "order", record, who->order_from);
        put_id(writer, "hold", who->hold);
        end_unknown(writer);
    }
    if (who->drop_from != 0) {
        begin(writer, "release", record, who->drop_from);
        put_id(writer, "hold", who->hold);
        end_unknown(writer);
    }
    who->order_from = who->drop_from = 0;
}

/* ---- answers ---- */

static void on_sent(const struct writer *writer, const struct record *record, struct asker *who)
{
    switch ((enum record_sent)record->value) {
    case SENT_HOLD:
        lose_hold(writer, record, who);
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

static void begin_hold(const struct writer *writer, const struct record *record,
                       const struct asker *who)
{
    begin(writer, "hold", record, who->hold_from);
    if (who->again)
        fputs(",\"again\":true", writer->file);
    put_ids(writer, "wants", who->wants, who->wants_len);
}

static void on_until(const struct writer *writer, const struct record *record, struct asker *who)
{
    who->hold = record->more;
    begin_hold(writer, record, who);
    put_ids(writer, "seats", who->seats, who->seats_len);
    put_id(writer, "hold", who->hold);
    if (record->value > 0)
        fprintf(writer->file, ",\"until\":%" PRIu64, record->value);
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
    begin_hold(writer, record, who);
    put_ids(writer, "taken", who->taken, who->taken_len);
    end(writer, "refused", record->at_us);
    who->hold_from = 0;
}

static void on_order(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (who->order_from == 0)
        return; /* the same answer again */
    who->order = record->more;
    begin(writer, "order", record, who->order_from);
    put_id(writer, "hold", who->hold);
    put_id(writer, "order", who->order);
    fprintf(writer->file, ",\"amount\":%" PRIu64, record->value);
    end(writer, "ok", record->at_us);
    who->order_from = 0;
}

/* The answer to giving seats back, if that is what was asked. One that finds nothing on a later try
 * leaves open whether it was the first that did it. */
static void on_step(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (who->drop_from == 0 || record->status >= 300)
        return;
    begin(writer, "release", record, who->drop_from);
    put_id(writer, "hold", who->hold);
    end(writer, "ok", record->at_us);
    who->drop_from = 0;
}

static void on_gone(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (record->value != GONE_HOLD)
        return;
    begin(writer, "gone", record, asked_us(record));
    put_id(writer, "hold", who->hold);
    end(writer, "ok", record->at_us);
}

/* With or without money: seats that are sold for good. */
static void on_sold(const struct writer *writer, const struct record *record, struct asker *who)
{
    if (record->kind == RECORD_SOLD)
        lose(writer, record, who); /* a saga whose order was never answered */
    begin(writer, "ticket", record, asked_us(record));
    put_id(writer, "hold", who->hold);
    if (record->kind == RECORD_TICKET)
        put_id(writer, "order", record->more);
    end(writer, "ok", record->at_us);
}

static void on_paid(const struct writer *writer, const struct record *record, struct asker *who)
{
    begin(writer, "paid", record, asked_us(record));
    put_id(writer, "order", who->order);
    fprintf(writer->file, ",\"amount\":%" PRIu64, record->value);
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
    begin(writer, words[record->kind].op, record, asked_us(record));
    fprintf(writer->file, ",\"%s\":%" PRIu64, words[record->kind].number, record->value);
    if (record->kind == RECORD_WAIT)
        fprintf(writer->file, ",\"ahead\":%" PRIu64 ",\"waiting\":%s,\"stale\":%s", record->more,
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
            "{\"history\":1,\"of\":\"a crowd\",\"saga\":\"unseen\",\"lag_us\":%d,"
            "\"gone_after_us\":%" PRIu64 "}\n",
            JUDGE_LAG_US, judge_gone_after_us(conf));
    for (size_t i = 0; i < len; i++)
        if (on_record[records[i].kind] != NULL)
            on_record[records[i].kind](&writer, &records[i], &writer.askers[records[i].visitor]);
    free(writer.askers);
    bool bad = ferror(writer.file) != 0;
    bad = fclose(writer.file) != 0 || bad;
    return bad ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno)) : 0;
}
