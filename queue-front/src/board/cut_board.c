/* cut_board.c: for each line a ring of its newest cuts, under one lock that is held only while one
 * cut is copied.
 *
 * A line is identified by its id and incarnation. A cut's index follows from its number; after
 * Redis has lost some, another cut with that number replaces it, and a loop that has other cuts
 * notices by the checksum. */
#include "board/cut_board.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct board_line {
    char id[LINE_ID_MAX + 1]; /* "": unused */
    char incarnation[LINE_INCARNATION_LEN + 1];
    uint64_t asked_us; /* when a loop last claimed the request */
    struct cut_note note[BOARD_CUTS_MAX];
};

struct cut_board {
    uv_mutex_t lock;
    struct board_line line[BOARD_LINES_MAX];
};

struct cut_board *cut_board_create(void)
{
    struct cut_board *board = calloc(1, sizeof(*board));
    if (board != NULL && uv_mutex_init(&board->lock) < 0) {
        free(board);
        return NULL;
    }
    return board;
}

void cut_board_destroy(struct cut_board *board)
{
    if (board == NULL)
        return;
    uv_mutex_destroy(&board->lock);
    free(board);
}

static struct board_line *find(struct cut_board *board, const struct line_view *view)
{
    for (unsigned i = 0; i < BOARD_LINES_MAX; i++) {
        if (strcmp(board->line[i].id, view->id) == 0 &&
            strcmp(board->line[i].incarnation, view->incarnation) == 0)
            return &board->line[i];
    }
    return NULL;
}

bool cut_board_claim(struct cut_board *board, const struct line_view *view, uint64_t now_us,
                     uint64_t slot_us)
{
    uv_mutex_lock(&board->lock);
    struct board_line *line = find(board, view);
    bool is_new = line == NULL;
    if (is_new) {
        struct board_line *oldest = &board->line[0];
        for (unsigned i = 1; i < BOARD_LINES_MAX; i++) {
            if (board->line[i].asked_us < oldest->asked_us)
                oldest = &board->line[i];
        }
        *oldest = (struct board_line){.asked_us = 0};
        memcpy(oldest->id, view->id, sizeof(oldest->id));
        memcpy(oldest->incarnation, view->incarnation, sizeof(oldest->incarnation));
        line = oldest;
    }
    bool claimed = is_new || now_us >= line->asked_us + slot_us;
    if (claimed)
        line->asked_us = now_us;
    uv_mutex_unlock(&board->lock);
    return claimed;
}

void cut_board_put(struct cut_board *board, const struct line_view *view,
                   const struct cut_note *note)
{
    uv_mutex_lock(&board->lock);
    struct board_line *line = find(board, view);
    if (line != NULL)
        line->note[note->nth % BOARD_CUTS_MAX] = *note;
    uv_mutex_unlock(&board->lock);
}

bool cut_board_get(struct cut_board *board, const struct line_view *view, uint32_t nth,
                   struct cut_note *out)
{
    uv_mutex_lock(&board->lock);
    const struct board_line *line = find(board, view);
    bool there = line != NULL && nth > 0 && line->note[nth % BOARD_CUTS_MAX].nth == nth;
    if (there)
        *out = line->note[nth % BOARD_CUTS_MAX];
    uv_mutex_unlock(&board->lock);
    return there;
}
