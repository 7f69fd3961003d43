/* cut_snapshot.c: for each line a ring of its newest cuts, under one lock that is held only while
 * one cut is copied.
 *
 * A line is identified by its id and incarnation. A cut's index follows from its number; after
 * Redis has lost some, another cut with that number replaces it, and a loop that has other cuts
 * notices by the checksum. */
#include "shared/cut_snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct snapshot_line {
    char id[LINE_ID_MAX + 1]; /* "": unused */
    char incarnation[LINE_INCARNATION_LEN + 1];
    uint64_t asked_us; /* when a loop last claimed the request */
    struct cut_note note[SNAPSHOT_CUTS_MAX];
};

struct cut_snapshot {
    uv_mutex_t lock;
    struct snapshot_line line[SNAPSHOT_LINES_MAX];
};

struct cut_snapshot *cut_snapshot_create(void)
{
    struct cut_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot != NULL && uv_mutex_init(&snapshot->lock) < 0) {
        free(snapshot);
        return NULL;
    }
    return snapshot;
}

void cut_snapshot_destroy(struct cut_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    uv_mutex_destroy(&snapshot->lock);
    free(snapshot);
}

static struct snapshot_line *find(struct cut_snapshot *snapshot, const struct line_view *view)
{
    for (unsigned i = 0; i < SNAPSHOT_LINES_MAX; i++) {
        if (strcmp(snapshot->line[i].id, view->id) == 0 &&
            strcmp(snapshot->line[i].incarnation, view->incarnation) == 0)
            return &snapshot->line[i];
    }
    return NULL;
}

bool cut_snapshot_claim(struct cut_snapshot *snapshot, const struct line_view *view,
                        uint64_t now_us, uint64_t slot_us)
{
    uv_mutex_lock(&snapshot->lock);
    struct snapshot_line *line = find(snapshot, view);
    bool is_new = line == NULL;
    if (is_new) {
        struct snapshot_line *oldest = &snapshot->line[0];
        for (unsigned i = 1; i < SNAPSHOT_LINES_MAX; i++) {
            if (snapshot->line[i].asked_us < oldest->asked_us)
                oldest = &snapshot->line[i];
        }
        *oldest = (struct snapshot_line){.asked_us = 0};
        memcpy(oldest->id, view->id, sizeof(oldest->id));
        memcpy(oldest->incarnation, view->incarnation, sizeof(oldest->incarnation));
        line = oldest;
    }
    bool claimed = is_new || now_us >= line->asked_us + slot_us;
    if (claimed)
        line->asked_us = now_us;
    uv_mutex_unlock(&snapshot->lock);
    return claimed;
}

void cut_snapshot_put(struct cut_snapshot *snapshot, const struct line_view *view,
                      const struct cut_note *note)
{
    uv_mutex_lock(&snapshot->lock);
    struct snapshot_line *line = find(snapshot, view);
    if (line != NULL)
        line->note[note->nth % SNAPSHOT_CUTS_MAX] = *note;
    uv_mutex_unlock(&snapshot->lock);
}

bool cut_snapshot_get(struct cut_snapshot *snapshot, const struct line_view *view, uint32_t nth,
                      struct cut_note *out)
{
    uv_mutex_lock(&snapshot->lock);
    const struct snapshot_line *line = find(snapshot, view);
    bool there = line != NULL && nth > 0 && line->note[nth % SNAPSHOT_CUTS_MAX].nth == nth;
    if (there)
        *out = line->note[nth % SNAPSHOT_CUTS_MAX];
    uv_mutex_unlock(&snapshot->lock);
    return there;
}
