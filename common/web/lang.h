/* lang.h: a visitor's language: ?lang=, then the cookie, then Accept-Language. Two languages are
 * built in; the operator may add some (brand.h) before any loop runs. */
#ifndef FG_WEB_LANG_H
#define FG_WEB_LANG_H

#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>

/* The built-in languages: a name here, and a tag, which is also the suffix of its texts
 * (text.ko). */
#define LANG_LIST(LANG)                                                                            \
    LANG(EN, "en")                                                                                 \
    LANG(KO, "ko")

#define LANG_NAMED(name, tag) LANG_##name,
enum lang { LANG_LIST(LANG_NAMED) LANG_BUILT_IN, LANG_MAX = 8 };
#undef LANG_NAMED

#define LANG_OF_READERS LANG_EN /* for readers of unsupported languages */
#define LANG_OF_MEMBERS LANG_KO /* whose account names none: what they are written in */

#define LANG_COOKIE "fg_lang"

unsigned lang_count(void); /* languages are numbered from 0 */
/* Checks whether it could be added, without adding it; any thread. */
int lang_check(struct span tag, struct err_slot *err);
/* At start only, while there is one thread. Adding a known language returns it. The tag is a
 * primary subtag only: two or three lower-case letters. */
int lang_add(struct span tag, struct err_slot *err, enum lang *out);

const char *lang_tag(enum lang lang);             /* "en", "ko" */
bool lang_parse(struct span tag, enum lang *out); /* "ko", "ko-KR", "KO_kr" */

/* False: none of the three has a known language. */
bool lang_asked(struct span query, struct span cookie, struct span accept_language, enum lang *out);
/* Any of the three may be missing or invalid; the default is LANG_OF_READERS. */
enum lang lang_choose(struct span query, struct span cookie, struct span accept_language);

#endif
