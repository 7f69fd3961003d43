/* ghosts.c: the places ahead whose visitors have gone, and how a poll counts them.
 *
 * Pages arrive a few at a time and gather in `next`. Once a whole change has arrived, and its time
 * has come by Redis's clock, all of it is shown at once. Every front shows it at that same time, so
 * no visitor gets a smaller number from one front and a larger one from the next.
 *
 * Counting has to be cheap, because each poll does it. Sums over blocks of 1,024 places are
 * computed when a change is shown; a poll then reads two sums and counts the bits of two blocks.
 *
 * A Redis that has lost its pages must not raise a visitor's number. Pages shown here stay shown
 * (the `owed` flags) until they have been sent back to Redis. */
#include "core/line/ghosts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(GHOSTS_BLOCK_PLACES % 64 == 0, "a block is whole words");

void ghosts_deinit(struct ghosts *ghosts)
{
    free(ghosts->bits);
    free(ghosts->next);
    free(ghosts->before);
    free(ghosts->owed);
    *ghosts = (struct ghosts){0};
}

static uint64_t bits_of(const uint8_t *bits, uint64_t places)
{
    uint64_t sum = 0, word;
    for (; places >= 64; places -= 64, bits += 8) {
        memcpy(&word, bits, sizeof(word));
        sum += (uint64_t)__builtin_popcountll(word);
    }
    for (; places >= 8; places -= 8, bits++)
        sum += (uint64_t)__builtin_popcount(*bits);
    if (places > 0)
        sum += (uint64_t)__builtin_popcount(*bits & (0xFF00u >> places & 0xFFu));
    return sum;
}

static bool make_room(struct ghosts *ghosts, uint32_t pages)
{
    assert(pages > 0 && pages <= SEEN_PAGES_MAX);
    if (pages <= ghosts->pages)
        return true;
    size_t bytes = (size_t)pages * SEEN_PAGE_BYTES, had = (size_t)ghosts->pages * SEEN_PAGE_BYTES;
    uint8_t *bits = realloc(ghosts->bits, bytes);
    if (bits == NULL)
        return false;
    ghosts->bits = bits;
    uint8_t *next = realloc(ghosts->next, bytes);
    if (next == NULL)
        return false;
    ghosts->next = next;
    uint32_t *before =
        realloc(ghosts->before, ((size_t)pages * GHOSTS_PAGE_BLOCKS + 1) * sizeof(*before));
    if (before == NULL)
        return false;
    ghosts->before = before;
    uint8_t *owed = realloc(ghosts->owed, pages);
    if (owed == NULL)
        return false;
    ghosts->owed = owed;
    memset(owed + ghosts->pages, 0, pages - ghosts->pages);
    memset(bits + had, 0, bytes - had);
    memset(next + had, 0, bytes - had);
    uint32_t first = ghosts->pages * GHOSTS_PAGE_BLOCKS;
    uint32_t sum = ghosts->pages > 0 ? before[first] : 0;
    for (uint32_t block = first; block <= pages * GHOSTS_PAGE_BLOCKS; block++)
        before[block] = sum;
    ghosts->pages = pages;
    assert(before[0] == 0);
    return true;
}

static void add_up(struct ghosts *ghosts)
{
    assert(ghosts->before != NULL);
    uint64_t sum = 0;
    for (uint32_t block = 0; block < ghosts->pages * GHOSTS_PAGE_BLOCKS; block++) {
        ghosts->before[block] = (uint32_t)sum;
        sum += bits_of(ghosts->bits + (size_t)block * GHOSTS_BLOCK_PLACES / 8, GHOSTS_BLOCK_PLACES);
    }
    assert(sum <= (uint64_t)ghosts->pages * SEEN_PAGE_PLACES);
    ghosts->before[ghosts->pages * GHOSTS_PAGE_BLOCKS] = (uint32_t)sum;
}

void ghosts_add_gap(struct ghosts *ghosts, struct line_gap gap)
{
    uint64_t page = gap.upto / SEEN_PAGE_PLACES;
    if (page >= SEEN_PAGES_MAX || !make_room(ghosts, (uint32_t)page + 1))
        return; /* they count as present until the page arrives */
    for (uint64_t place = gap.from; place <= gap.upto;) {
        bool whole = place % 8 == 0 && place + 7 <= gap.upto;
        ghosts->bits[place / 8] |= (uint8_t)(whole ? 0xFFu : 0x80u >> place % 8);
        place += whole ? 8 : 1;
    }
    assert(gap.from > gap.upto || (ghosts_has(ghosts, gap.from) && ghosts_has(ghosts, gap.upto)));
    add_up(ghosts);
}

bool ghosts_behind(const struct ghosts *ghosts)
{
    return ghosts->seq != ghosts->newest;
}

void ghosts_take(struct ghosts *ghosts, struct ghosts_reply reply, uint64_t redis_ms)
{
    ghosts->judged = reply.judged;
    ghosts->waiting = reply.waiting;
    ghosts->newest = reply.seq;
    ghosts->at_ms = reply.at_ms;
    ghosts->whole = reply.whole;
    if (ghosts->seq > reply.seq)
        ghosts_send_again(ghosts); /* Redis went back in time */
    ghosts->known = ghosts->known || reply.seq == 0;
    if (ghosts->seq < ghosts->whole || ghosts->shown == ghosts->seq || redis_ms < ghosts->at_ms)
        return;
    ghosts->known = true;
    assert(ghosts->seq >= ghosts->whole); /* no change is shown in part */
    if (ghosts->pages != 0) {
        for (uint32_t page = 0; page < ghosts->pages; page++) {
            uint8_t *to = ghosts->bits + (size_t)page * SEEN_PAGE_BYTES;
            const uint8_t *from = ghosts->next + (size_t)page * SEEN_PAGE_BYTES;
            if (ghosts->owed[page] == 0)
                memcpy(to, from, SEEN_PAGE_BYTES);
            else
                for (uint32_t i = 0; i < SEEN_PAGE_BYTES; i++)
                    to[i] |= from[i];
        }
        add_up(ghosts);
    }
    ghosts->shown = ghosts->seq;
    assert(!ghosts_behind(ghosts) || ghosts->whole <= ghosts->shown);
}

bool ghosts_take_page(struct ghosts *ghosts, uint64_t page, struct span bits)
{
    if (page >= SEEN_PAGES_MAX)
        return true;
    if (bits.len > SEEN_PAGE_BYTES || !make_room(ghosts, (uint32_t)page + 1))
        return false;
    assert(page < ghosts->pages);
    uint8_t *to = ghosts->next + page * SEEN_PAGE_BYTES;
    memcpy(to, bits.ptr, bits.len);
    memset(to + bits.len, 0, SEEN_PAGE_BYTES - bits.len);
    return true;
}

struct span ghosts_shown(const struct ghosts *ghosts, uint32_t page)
{
    assert(page < ghosts->pages);
    const uint8_t *bits = ghosts->bits + (size_t)page * SEEN_PAGE_BYTES;
    size_t len = SEEN_PAGE_BYTES;
    while (len > 0 && bits[len - 1] == 0)
        len--;
    return (struct span){(const char *)bits, len};
}

void ghosts_send_again(struct ghosts *ghosts)
{
    if (ghosts->pages > 0)
        memset(ghosts->next, 0, (size_t)ghosts->pages * SEEN_PAGE_BYTES);
    ghosts->owed_len = 0;
    ghosts->owing_len = 0; /* whether or not those under way arrived */
    for (uint32_t page = 0; page < ghosts->pages; page++) {
        ghosts->owed[page] = ghosts_shown(ghosts, page).len > 0;
        ghosts->owed_len += ghosts->owed[page];
    }
    assert(ghosts->owed_len <= ghosts->pages);
    ghosts->seq = 0;
    ghosts->shown = UINT64_MAX; /* nothing of the new count is shown */
}

uint32_t ghosts_pick_owed(struct ghosts *ghosts, uint32_t limit)
{
    assert(limit <= SEEN_SEND_MAX);
    ghosts->owing_len = 0;
    for (uint32_t page = 0; ghosts->owed_len > 0 && page < ghosts->pages; page++) {
        if (ghosts->owing_len == limit)
            break;
        if (ghosts->owed[page] != 0)
            ghosts->owing[ghosts->owing_len++] = page;
    }
    assert(ghosts->owing_len <= limit && ghosts->owing_len <= ghosts->owed_len);
    return ghosts->owing_len;
}

void ghosts_paid(struct ghosts *ghosts, bool arrived)
{
    assert(ghosts->owing_len <= SEEN_SEND_MAX);
    assert(ghosts->owing_len <= ghosts->owed_len);
    for (uint32_t i = 0; arrived && i < ghosts->owing_len; i++) {
        assert(ghosts->owing[i] < ghosts->pages);
        assert(ghosts->owed[ghosts->owing[i]] != 0);
        ghosts->owed[ghosts->owing[i]] = 0;
        ghosts->owed_len--;
        ghosts->shown = UINT64_MAX; /* show the returned pages instead */
    }
    ghosts->owing_len = 0;
}

bool ghosts_has(const struct ghosts *ghosts, uint64_t place)
{
    return ghosts != NULL && place / SEEN_PAGE_PLACES < ghosts->pages &&
           (ghosts->bits[place / 8] & (0x80u >> place % 8)) != 0;
}

/* Empty places below this one. */
static uint64_t away_below(const struct ghosts *ghosts, uint64_t place)
{
    uint64_t end = (uint64_t)ghosts->pages * SEEN_PAGE_PLACES;
    if (place > end)
        place = end;
    uint64_t block = place / GHOSTS_BLOCK_PLACES, start = block * GHOSTS_BLOCK_PLACES;
    uint64_t away = ghosts->before[block] + bits_of(ghosts->bits + start / 8, place - start);
    assert(away <= place);
    return away;
}

uint64_t ghosts_before(const struct ghosts *ghosts, uint64_t serving, uint64_t place)
{
    if (ghosts == NULL || ghosts->pages == 0 || place <= serving + 1)
        return 0;
    uint64_t upto = away_below(ghosts, place), served = away_below(ghosts, serving + 1);
    assert(served <= upto);
    assert(upto - served <= place - serving - 1); /* no more than are waiting there */
    return upto - served;
}

uint64_t ghosts_waiting(const struct ghosts *ghosts)
{
    return ghosts != NULL ? ghosts->waiting : 0;
}
