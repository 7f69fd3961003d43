/* archive.h: the archive file of an event: the proof that it is complete and ours, and the data to
 * restore the event. Lines of JSON: the head, the draw of each line, the mark (SHA-256 of
 * everything before it, and a MAC of that with the key of draws), then trail and series, one line
 * per part, chained by SHA-256; the last line has the end of the chain and the number of parts. The
 * archive of a running event also has the number of people inside or on their way in, and the join
 * rate. */
#ifndef FG_QUEUE_FRONT_ARCHIVE_H
#define FG_QUEUE_FRONT_ARCHIVE_H

#include "base/err.h"
#include "base/text.h"
#include "core/line/line.h"
#include "crypto/mac.h"

#include <jansson.h>

enum {
    ARCHIVE_FORMAT = 2,    /* 1 had neither a mark nor data for a restore */
    ARCHIVE_SHA_LEN = 64,  /* hex */
    ARCHIVE_LINES_MAX = 5, /* the general line, and four lanes */
    ARCHIVE_PROOF_MAX = 20 * 1024,
};

/* Appends the mark of `lines` to them, and sets `chain` to the start of the chain. */
void archive_put_mark(struct text *lines, const struct mac_ring *keys,
                      char chain[ARCHIVE_SHA_LEN + 1]);
/* The chain after one more line, with its newline. */
void archive_chain(char chain[ARCHIVE_SHA_LEN + 1], struct span line);

enum archive_fault {
    ARCHIVE_GOOD,
    ARCHIVE_UNREADABLE,  /* not an archive */
    ARCHIVE_OTHER,       /* of an unknown format */
    ARCHIVE_INCOMPLETE,  /* a part or the end is missing */
    ARCHIVE_TAMPERED,    /* modified after it was written */
    ARCHIVE_KEY_MISSING, /* unknown: the key is not in the ring */
    ARCHIVE_NO_MEMORY,   /* unknown: not checked */
};

struct archive {
    json_t *head; /* owned */
    struct span event, incarnation;
    unsigned state; /* index of enum line_state */
    uint64_t version;
    json_t *document, *restore; /* borrowed from head */
    struct span seal;           /* borrowed from head; empty: none */
    bool closed_entries, drawn; /* of the general line's draw */
};

/* The event was not closed when the file was written. */
static inline bool archive_runs(const struct archive *archive)
{
    return archive->state != LINE_CLOSED;
}

/* On ARCHIVE_GOOD the caller owns *out and calls archive_deinit(); else `err` has a sentence. */
enum archive_fault archive_read(struct span text, const struct mac_ring *keys, struct err_slot *err,
                                struct archive *out);
void archive_deinit(struct archive *archive);

#endif
