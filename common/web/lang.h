/* lang.h: which language a visitor reads: ?lang=, then the cookie, then Accept-Language. Two are
 * part of the program; the operator may add some (brand.h) before any loop runs. */
#ifndef FG_WEB_LANG_H
#define FG_WEB_LANG_H

#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>

/* Those that are part of the program: a name here, and a tag, which is also how its texts end
 * (text.ko). */
#define LANG_LIST(LANG)                                                                            \
    LANG(EN, "en")                                                                                 \
    LANG(KO, "ko")

#define LANG_NAMED(name, tag) LANG_##name,
enum lang { LANG_LIST(LANG_NAMED) LANG_BUILT_IN, LANG_MAX = 8 };
#undef LANG_NAMED

#define LANG_OF_READERS LANG_EN /* of readers whose languages are unknown here */
#define LANG_OF_MEMBERS LANG_KO /* whose account names none: what they are written in */

#define LANG_COOKIE "fg_lang"

unsigned lang_count(void); /* languages are 0 to this */
/* Could it be added? Adds nothing, so any thread may ask. */
int lang_check(struct span tag, struct err_slot *err);
/* At start only, while there is one thread. Adding a known language finds it.
 * The tag is a first part alone: two or three small letters. */
int lang_add(struct span tag, struct err_slot *err, enum lang *out);

const char *lang_tag(enum lang lang);             /* "en", "ko" */
bool lang_parse(struct span tag, enum lang *out); /* "ko", "ko-KR", "KO_kr" */

/* False: none of the three names one that is known. */
bool lang_asked(struct span query, struct span cookie, struct span accept_language, enum lang *out);
/* Any of the three may be missing or nonsense; without any, LANG_OF_READERS. */
enum lang lang_choose(struct span query, struct span cookie, struct span accept_language);

#endif
