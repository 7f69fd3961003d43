/* seen.c: signs of life, set by polls and sent to Redis in pages.
 *
 * A mark that is already set costs one read of a byte, so a visitor who polls every two seconds
 * changes a page once per epoch rather than at each poll.
 *
 * Changed pages are sent round robin: under a storm of joins every page gets its turn, and none is
 * sent twice before all the others were sent once. A page that was picked and did not arrive is
 * dirty again, unless its epoch is too old to be useful.
 *
 * Invariant: dirty_len is the number of flags set in `dirty`. */
#include "core/line/seen.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void seen_deinit(struct seen *seen)
{
    for (int i = 0; i < 2; i++) {
        free(seen->bits[i]);
        free(seen->dirty[i]);
    }
    *seen = (struct seen){0};
}

static bool grow_one(struct seen *seen, int which, uint32_t pages)
{
    assert(pages > seen->pages && pages <= SEEN_PAGES_MAX);
    uint8_t *bits = realloc(seen->bits[which], (size_t)pages * SEEN_PAGE_BYTES);
    if (bits == NULL)
        return false;
    seen->bits[which] = bits;
    uint8_t *dirty = realloc(seen->dirty[which], pages);
    if (dirty == NULL)
        return false;
    seen->dirty[which] = dirty;
    uint32_t more = pages - seen->pages;
    memset(bits + (size_t)seen->pages * SEEN_PAGE_BYTES, 0, (size_t)more * SEEN_PAGE_BYTES);
    memset(dirty + seen->pages, 0, more);
    return true;
}

void seen_reserve(struct seen *seen, uint64_t issued)
{
    uint64_t wanted = (issued + SEEN_AHEAD_PLACES) / SEEN_PAGE_PLACES + 1;
    uint32_t pages = wanted < SEEN_PAGES_MAX ? (uint32_t)wanted : SEEN_PAGES_MAX;
    if (pages > seen->pages && grow_one(seen, 0, pages) && grow_one(seen, 1, pages))
        seen->pages = pages;
    assert(seen->pages <= SEEN_PAGES_MAX);
}

static void forget(struct seen *seen, int which)
{
    if (seen->pages == 0)
        return;
    seen->dirty_len[which] = 0;
    memset(seen->bits[which], 0, (size_t)seen->pages * SEEN_PAGE_BYTES);
    memset(seen->dirty[which], 0, seen->pages);
}

void seen_turn(struct seen *seen, uint64_t epoch)
{
    if (epoch == seen->epoch)
        return;
    bool next = epoch == seen->epoch + 1;
    seen->epoch = epoch;
    uint8_t *bits = seen->bits[1], *dirty = seen->dirty[1];
    seen->bits[1] = seen->bits[0];
    seen->dirty[1] = seen->dirty[0];
    seen->bits[0] = bits;
    seen->dirty[0] = dirty;
    seen->dirty_len[1] = seen->dirty_len[0];
    forget(seen, 0);
    if (!next)
        forget(seen, 1);
    assert(seen->dirty_len[0] == 0 && (next || seen->dirty_len[1] == 0));
}

static void make_dirty(struct seen *seen, int which, uint32_t page)
{
    assert(page < seen->pages);
    seen->dirty_len[which] += seen->dirty[which][page] == 0;
    seen->dirty[which][page] = 1;
    assert(seen->dirty_len[which] <= seen->pages);
}

void seen_mark(struct seen *seen, uint64_t place)
{
    uint64_t page = place / SEEN_PAGE_PLACES;
    if (page >= seen->pages)
        return;
    assert(seen->bits[0] != NULL);
    uint8_t *byte = &seen->bits[0][place / 8];
    uint8_t mask = (uint8_t)(0x80u >> (place % 8));
    if ((*byte & mask) != 0)
        return;
    *byte |= mask;
    make_dirty(seen, 0, (uint32_t)page);
    seen->urgent = seen->urgent || ghosts_has(seen->ghosts, place);
}

static void pick(struct seen *seen, int which, uint32_t page)
{
    if (seen->dirty[which][page] == 0 || seen->sent_len == SEEN_SEND_MAX)
        return;
    assert(seen->dirty_len[which] > 0);
    seen->dirty[which][page] = 0;
    seen->dirty_len[which]--;
    seen->sent[seen->sent_len++] = (struct seen_page){seen->epoch - (uint64_t)which, page};
}

uint32_t seen_pick(struct seen *seen)
{
    assert(seen->sent_len == 0);
    seen->urgent = false;
    for (uint32_t page = 0; page < seen->pages; page++)
        pick(seen, 1, page);
    for (uint32_t i = 0; i < seen->pages && seen->sent_len < SEEN_SEND_MAX; i++) {
        if (seen->next >= seen->pages)
            seen->next = 0;
        pick(seen, 0, seen->next++);
    }
    assert(seen->sent_len == SEEN_SEND_MAX || seen_all_sent(seen));
    return seen->sent_len;
}

/* -1: too old. */
static int which_of(const struct seen *seen, struct seen_page page)
{
    return page.epoch == seen->epoch ? 0 : page.epoch + 1 == seen->epoch ? 1 : -1;
}

struct span seen_marks(const struct seen *seen, struct seen_page page)
{
    int which = which_of(seen, page);
    assert(which >= 0 && page.page < seen->pages);
    const uint8_t *bits = seen->bits[which] + (size_t)page.page * SEEN_PAGE_BYTES;
    size_t len = SEEN_PAGE_BYTES;
    while (len > 0 && bits[len - 1] == 0)
        len--;
    return (struct span){(const char *)bits, len};
}

void seen_send_again(struct seen *seen)
{
    for (uint32_t page = 0; page < seen->pages; page++) {
        for (int which = 0; which < 2; which++) {
            assert(seen->bits[which] != NULL);
            if (seen_marks(seen, (struct seen_page){seen->epoch - (uint64_t)which, page}).len > 0)
                make_dirty(seen, which, page);
        }
    }
}

void seen_sent(struct seen *seen, bool arrived)
{
    assert(seen->sent_len <= SEEN_SEND_MAX);
    for (uint32_t i = 0; i < seen->sent_len && !arrived; i++) {
        int which = which_of(seen, seen->sent[i]);
        if (which >= 0)
            make_dirty(seen, which, seen->sent[i].page);
    }
    seen->sent_len = 0;
}
