/* heard.c: signs of life, set by polls and sent to Redis in pages.
 *
 * A mark that is already set costs one read of a byte, so a visitor who polls every two seconds
 * changes a page once per epoch rather than at each poll.
 *
 * Changed pages are sent round robin: under a storm of joins every page gets its turn, and none is
 * sent twice before all the others were sent once. A page that was picked and did not arrive is
 * dirty again, unless its epoch is too old to be useful.
 *
 * Invariant: dirty_len is the number of flags set in `dirty`. */
#include "core/line/heard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void heard_deinit(struct heard *heard)
{
    for (int i = 0; i < 2; i++) {
        free(heard->bits[i]);
        free(heard->dirty[i]);
    }
    *heard = (struct heard){0};
}

static bool grow_one(struct heard *heard, int which, uint32_t pages)
{
    assert(pages > heard->pages && pages <= HEARD_PAGES_MAX);
    uint8_t *bits = realloc(heard->bits[which], (size_t)pages * HEARD_PAGE_BYTES);
    if (bits == NULL)
        return false;
    heard->bits[which] = bits;
    uint8_t *dirty = realloc(heard->dirty[which], pages);
    if (dirty == NULL)
        return false;
    heard->dirty[which] = dirty;
    uint32_t more = pages - heard->pages;
    memset(bits + (size_t)heard->pages * HEARD_PAGE_BYTES, 0, (size_t)more * HEARD_PAGE_BYTES);
    memset(dirty + heard->pages, 0, more);
    return true;
}

void heard_reserve(struct heard *heard, uint64_t issued)
{
    uint64_t wanted = (issued + HEARD_AHEAD_PLACES) / HEARD_PAGE_PLACES + 1;
    uint32_t pages = wanted < HEARD_PAGES_MAX ? (uint32_t)wanted : HEARD_PAGES_MAX;
    if (pages > heard->pages && grow_one(heard, 0, pages) && grow_one(heard, 1, pages))
        heard->pages = pages;
    assert(heard->pages <= HEARD_PAGES_MAX);
}

static void forget(struct heard *heard, int which)
{
    if (heard->pages == 0)
        return;
    heard->dirty_len[which] = 0;
    memset(heard->bits[which], 0, (size_t)heard->pages * HEARD_PAGE_BYTES);
    memset(heard->dirty[which], 0, heard->pages);
}

void heard_turn(struct heard *heard, uint64_t epoch)
{
    if (epoch == heard->epoch)
        return;
    bool next = epoch == heard->epoch + 1;
    heard->epoch = epoch;
    uint8_t *bits = heard->bits[1], *dirty = heard->dirty[1];
    heard->bits[1] = heard->bits[0];
    heard->dirty[1] = heard->dirty[0];
    heard->bits[0] = bits;
    heard->dirty[0] = dirty;
    heard->dirty_len[1] = heard->dirty_len[0];
    forget(heard, 0);
    if (!next)
        forget(heard, 1);
    assert(heard->dirty_len[0] == 0 && (next || heard->dirty_len[1] == 0));
}

static void make_dirty(struct heard *heard, int which, uint32_t page)
{
    assert(page < heard->pages);
    heard->dirty_len[which] += heard->dirty[which][page] == 0;
    heard->dirty[which][page] = 1;
    assert(heard->dirty_len[which] <= heard->pages);
}

void heard_mark(struct heard *heard, uint64_t place)
{
    uint64_t page = place / HEARD_PAGE_PLACES;
    if (page >= heard->pages)
        return;
    assert(heard->bits[0] != NULL);
    uint8_t *byte = &heard->bits[0][place / 8];
    uint8_t mask = (uint8_t)(0x80u >> (place % 8));
    if ((*byte & mask) != 0)
        return;
    *byte |= mask;
    make_dirty(heard, 0, (uint32_t)page);
    heard->urgent = heard->urgent || ghosts_has(heard->ghosts, place);
}

static void pick(struct heard *heard, int which, uint32_t page)
{
    if (heard->dirty[which][page] == 0 || heard->sent_len == HEARD_SEND_MAX)
        return;
    assert(heard->dirty_len[which] > 0);
    heard->dirty[which][page] = 0;
    heard->dirty_len[which]--;
    heard->sent[heard->sent_len++] = (struct heard_page){heard->epoch - (uint64_t)which, page};
}

uint32_t heard_pick(struct heard *heard)
{
    assert(heard->sent_len == 0);
    heard->urgent = false;
    for (uint32_t page = 0; page < heard->pages; page++)
        pick(heard, 1, page);
    for (uint32_t i = 0; i < heard->pages && heard->sent_len < HEARD_SEND_MAX; i++) {
        if (heard->next >= heard->pages)
            heard->next = 0;
        pick(heard, 0, heard->next++);
    }
    assert(heard->sent_len == HEARD_SEND_MAX || heard_all_told(heard));
    return heard->sent_len;
}

/* -1: too old. */
static int which_of(const struct heard *heard, struct heard_page page)
{
    return page.epoch == heard->epoch ? 0 : page.epoch + 1 == heard->epoch ? 1 : -1;
}

struct span heard_marks(const struct heard *heard, struct heard_page page)
{
    int which = which_of(heard, page);
    assert(which >= 0 && page.page < heard->pages);
    const uint8_t *bits = heard->bits[which] + (size_t)page.page * HEARD_PAGE_BYTES;
    size_t len = HEARD_PAGE_BYTES;
    while (len > 0 && bits[len - 1] == 0)
        len--;
    return (struct span){(const char *)bits, len};
}

void heard_tell_again(struct heard *heard)
{
    for (uint32_t page = 0; page < heard->pages; page++) {
        for (int which = 0; which < 2; which++) {
            assert(heard->bits[which] != NULL);
            if (heard_marks(heard, (struct heard_page){heard->epoch - (uint64_t)which, page}).len >
                0)
                make_dirty(heard, which, page);
        }
    }
}

void heard_sent(struct heard *heard, bool arrived)
{
    assert(heard->sent_len <= HEARD_SEND_MAX);
    for (uint32_t i = 0; i < heard->sent_len && !arrived; i++) {
        int which = which_of(heard, heard->sent[i]);
        if (which >= 0)
            make_dirty(heard, which, heard->sent[i].page);
    }
    heard->sent_len = 0;
}
