/* record.c: writes and reads the file of answers that the checker works from.
 *
 * A record is 40 bytes without pointers, so the file is an array: a run of ten million answers is
 * appended through a large buffer and read by walking it. The checker sorts all records by time,
 * whichever process wrote them. The names of kinds, tricks and ends are defined only here, for
 * reports. */
#include "scenario/record.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static_assert(sizeof(struct record) == 40, "loadtest/judge/records.js reads the same");

const char *const record_void_names[VOIDS] = {
    [VOID_EXPIRED] = "expired",
    [VOID_CANCELLED] = "cancelled",
    [VOID_FAILED] = "failed",
    [VOID_REFUNDED] = "refunded",
};

const char *const record_trick_names[TRICKS] = {
    [TRICK_JUMP] = "jump the line",
    [TRICK_FORGE] = "forged ticket",
    [TRICK_TAB] = "second tab",
    [TRICK_REJOIN] = "join again",
    [TRICK_REUSE] = "second visit of a ticket",
    [TRICK_RETURN] = "come back after the order",
    [TRICK_SHARE] = "order somebody else's hold",
    [TRICK_SECOND] = "pass used after its order",
    [TRICK_HOARD] = "hoard seats",
};

const char *const record_end_names[ENDS] = {
    [END_DONE] = "done",          [END_LEFT] = "left",         [END_NO_SHOW] = "no-show",
    [END_SOLD_OUT] = "sold out",  [END_TOO_LATE] = "too late", [END_VOIDED] = "voided",
    [END_TURNED] = "turned away", [END_PATIENCE] = "waiting",  [END_FAILED] = "failed",
};

FILE *recorder_open(const char *path, struct err_slot *err)
{
    FILE *recorder = fopen(path, "wb");
    if (recorder == NULL)
        err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    else
        setvbuf(recorder, NULL, _IOFBF, 1 << 20);
    return recorder;
}

void recorder_put(FILE *recorder, const struct record *record)
{
    if (recorder != NULL)
        fwrite(record, sizeof(*record), 1, recorder);
}

int recorder_close(FILE *recorder, struct err_slot *err)
{
    if (recorder == NULL)
        return 0;
    bool bad = ferror(recorder) != 0;
    bad = fclose(recorder) != 0 || bad;
    return bad ? err_set(err, ERR_IO, "writing the record: %s", strerror(errno)) : 0;
}
