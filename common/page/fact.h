/* fact.h: fills a page from a list of named facts. The function that lists them for a request is
 * also called once at start, on an empty row, to get their names: so it must list the same names in
 * the same order each time. A block with the name of a fact is shown if the fact is not empty. */
#ifndef FG_PAGE_FACT_H
#define FG_PAGE_FACT_H

#include "sale/show.h"
#include "web/filled_page.h"

enum { FACTS_MAX = 56, FACT_QR_MAX = 64 * 1024 /* a ticket's code has 40 KB at most */ };

enum fact_kind {
    FACT_TEXT,
    FACT_TIME,
    FACT_STAMP,
    FACT_SHOW,
    FACT_PLACE,
    FACT_NUMBER,
    FACT_MONEY,
    FACT_PHRASE,
    FACT_QR
};

struct fact {
    const char *name;
    enum fact_kind kind;
    bool shown;
    struct span text; /* or the phrase's key */
    struct span values[3];
    const struct show *show;
    uint64_t number;
    bool (*more)(void *ctx, unsigned turn); /* NULL: the block is shown at most once */
};

struct fact_list {
    const struct phrases *words;
    enum lang lang; /* of the words */
    struct span currency;
    void *ctx; /* of more() */
    struct fact all[FACTS_MAX];
    unsigned len;
};

/* Texts are borrowed until the page is rendered. */
struct fact *fact_text(struct fact_list *facts, const char *name, struct span text);
void fact_if(struct fact_list *facts, const char *name, bool shown);
/* RFC 3339. The first name is the time as stored, for the script; the second is the time in words,
 * in the show's time zone. */
void fact_time(struct fact_list *facts, const char *name, const char *in_words,
               const struct show *show, struct span at);
/* "show": when and where, in one line; "starts" as stored, "zone", and "venue", each as far as the
 * show says. Borrowed until the page is put. */
void fact_show(struct fact_list *facts, const struct show *show);
void fact_count(struct fact_list *facts, const char *name, bool shown, uint64_t count);
/* In minor units, and formatted for people. */
void fact_money(struct fact_list *facts, const char *name, const char *in_words, uint64_t minor);
/* Shown if the key is not empty. */
void fact_phrase(struct fact_list *facts, const char *name, struct span key, struct span first,
                 struct span second);
/* The text on a seat: zone, row, number, and the hall's own name instead of its number (or
 * nothing). A place in an area shows the area's name; a seat of a hall without names its id. */
enum { FACT_SEAT_NAMES = 4 };
void fact_seat(struct fact_list *facts, const char *name, const struct span names[FACT_SEAT_NAMES],
               struct span id);
void fact_qr(struct fact_list *facts, const char *name, struct span text);
/* A repeated block. Before each repetition more() lists its facts again, this one first: that
 * resets `len`. False ends the block. */
void fact_each(struct fact_list *facts, const char *name, bool (*more)(void *ctx, unsigned turn));

int fact_page_create(const struct fact_list *facts, const struct site *site, struct span html,
                     struct err_slot *err, struct filled_page **out);
void fact_page_put(struct text *out, const struct filled_page *page, enum lang lang,
                   struct fact_list *facts);

#endif
