/* show.h: when and where the show is, and its picture: `starts_at`, `doors_at`, `time_zone`,
 * `venue` and `picture`, as they stand in the documents of the line and of the hall, in holds and
 * in orders; and the one line that pages and mails say of it. */
#ifndef FG_SALE_SHOW_H
#define FG_SALE_SHOW_H

#include "base/json_in.h"
#include "base/text.h"
#include "sale/zone.h"

enum {
    SHOW_LANGUAGES_MAX = 8,
    SHOW_TAG_MAX = 15,
    SHOW_WORDS_MAX = 120,   /* bytes: 40 Korean letters */
    SHOW_PICTURE_MAX = 120, /* bytes of a path */
    /* The five members with all their languages, every byte of the words escaped. */
    SHOW_JSON_MAX =
        2 * SHOW_LANGUAGES_MAX * (SHOW_TAG_MAX + 6 * SHOW_WORDS_MAX + 8) + SHOW_PICTURE_MAX + 256,
    SHOW_LINE_MAX = 3 * SHOW_WORDS_MAX + 256,
};

/* One text for all languages, with tag "", or one per language. */
struct show_text {
    uint32_t len;
    struct {
        char tag[SHOW_TAG_MAX + 1];
        char words[SHOW_WORDS_MAX + 1];
    } in[SHOW_LANGUAGES_MAX];
};

struct show_venue {
    struct show_text name, address; /* len 0: missing */
};

struct show {
    uint64_t starts_ms, doors_ms;      /* 0: missing */
    char time_zone[ZONE_NAME_MAX + 1]; /* "": missing */
    struct show_venue venue;
    char picture[SHOW_PICTURE_MAX + 1]; /* its path on the pages' origin; "": none */
};

/* A language as BCP 47 writes the common ones: "ko", "en-GB", "zh-Hant". */
bool show_is_tag(const char *tag);

/* Reads and checks the members: an unknown zone or doors that open after the start are refused. */
void show_read(struct json_in *in, struct show *out);
void show_read_zone(struct json_in *in, const char *key, char out[ZONE_NAME_MAX + 1]);
void show_read_venue(struct json_in *in, const char *key, struct show_venue *out);
/* Is this the path of a picture on the pages' own origin? Others would learn who loads it. */
bool show_is_own_path(struct span path);
void show_read_picture(struct json_in *in, const char *key, char out[SHOW_PICTURE_MAX + 1]);
void show_judge_doors(struct json_in *in, const struct show *show);
/* For documents that an operator writes: without a zone, pages and mails would choose different
 * clocks for a date. */
int show_require_zone(const struct show *show, struct err_slot *err);
/* Of a hold or of an order: what another program of ours has judged. If a member is wrong, none but
 * the beginning is said. */
void show_take(const json_t *object, struct show *out);
int show_parse(struct span object, struct show *out); /* likewise; ERR_NOMEM */

/* As members of the object that is open; what is not said is left out. */
void show_put(struct text *out, const struct show *show);
void show_put_venue(struct text *out, const struct show_venue *venue);

/* "Harbour Dome, Incheon" */
void show_put_place(struct text *out, const struct show_venue *venue, struct span lang);

#endif
