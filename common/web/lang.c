/* lang.c: the part of RFC 4647 that a handful of languages needs.
 *
 * Tags are matched by their first subtag; the highest weight wins, and among equal weights the
 * first. The address's ?lang= beats a cookie, which beats the browser's header: the visitor's
 * latest choice counts most. */
#include "lang.h"

#include <assert.h>

enum { TAG_MAX = 3 };

/* Written at start by lang_add(), then read-only. */
#define LANG_TAGGED(name, tag) [LANG_##name] = tag,
static char tags[LANG_MAX][TAG_MAX + 1] = {LANG_LIST(LANG_TAGGED)};
static unsigned tags_len = LANG_BUILT_IN;

unsigned lang_count(void)
{
    return tags_len;
}

int lang_check(struct span tag, struct err_slot *err)
{
    bool good = tag.len >= 2 && tag.len <= TAG_MAX;
    for (size_t i = 0; good && i < tag.len; i++)
        good = tag.ptr[i] >= 'a' && tag.ptr[i] <= 'z';
    if (!good)
        return err_set(err, ERR_SYNTAX, "language \"%.*s\": two or three small letters",
                       (int)tag.len, tag.ptr);
    enum lang known;
    if (tags_len == LANG_MAX && !lang_parse(tag, &known))
        return err_set(err, ERR_FULL, "more than %d languages", LANG_MAX);
    return 0;
}

int lang_add(struct span tag, struct err_slot *err, enum lang *out)
{
    int rc = lang_check(tag, err);
    if (rc < 0 || lang_parse(tag, out))
        return rc;
    bool fits = span_to_cstr(tag, tags[tags_len], sizeof(tags[0]));
    assert(fits);
    *out = (enum lang)tags_len++;
    assert(tags_len <= LANG_MAX);
    return 0;
}

const char *lang_tag(enum lang lang)
{
    assert(lang < tags_len);
    return tags[lang];
}

bool lang_parse(struct span tag, enum lang *out)
{
    for (unsigned i = 0; i < tags_len; i++) {
        struct span known = span_of(tags[i]);
        if (tag.len < known.len || !span_eq_nocase((struct span){tag.ptr, known.len}, known))
            continue;
        if (tag.len == known.len || tag.ptr[known.len] == '-' || tag.ptr[known.len] == '_') {
            *out = (enum lang)i;
            return true;
        }
    }
    assert(tags_len >= LANG_BUILT_IN);
    return false;
}

/* "q=0.8" in thousandths; an invalid weight counts as absent. */
static unsigned weight_milli(struct span params)
{
    params = span_trim(params);
    if (!span_starts(params, SPAN("q=")) && !span_starts(params, SPAN("Q=")))
        return 1000;
    params = span_skip(params, 2);
    if (params.len == 0 || (params.ptr[0] != '0' && params.ptr[0] != '1'))
        return 1000;
    unsigned milli = params.ptr[0] == '1' ? 1000 : 0;
    if (milli == 1000 || params.len < 2 || params.ptr[1] != '.')
        return milli;
    unsigned digit_worth = 100;
    for (size_t i = 2; i < params.len && digit_worth > 0; i++, digit_worth /= 10) {
        if (params.ptr[i] < '0' || params.ptr[i] > '9')
            break;
        milli += (unsigned)(params.ptr[i] - '0') * digit_worth;
    }
    return milli;
}

static bool by_header(struct span accept, enum lang *out)
{
    unsigned best_milli = 0;
    struct span item, tag;
    while (span_next(&accept, ',', &item)) {
        struct span params = span_cut(item, ';', &tag);
        unsigned milli = params.ptr == NULL ? 1000 : weight_milli(params);
        enum lang lang;
        if (milli > best_milli && lang_parse(span_trim(tag), &lang)) {
            best_milli = milli;
            *out = lang;
        }
    }
    return best_milli > 0;
}

bool lang_asked(struct span query, struct span cookie, struct span accept_language, enum lang *out)
{
    return lang_parse(query, out) || lang_parse(cookie, out) || by_header(accept_language, out);
}

enum lang lang_choose(struct span query, struct span cookie, struct span accept_language)
{
    enum lang lang;
    return lang_asked(query, cookie, accept_language, &lang) ? lang : LANG_OF_READERS;
}
