/* show.c: words come from an operator, so they are bounded and have no control characters; a tag
 * becomes a key of JSON, which nothing escapes. */
#include "sale/show.h"

#include "base/json_time.h"

#include <assert.h>
#include <string.h>

bool show_is_tag(const char *tag)
{
    struct span all = span_of(tag);
    return all.len >= 2 && all.len <= SHOW_TAG_MAX && tag[all.len - 1] != '-' &&
           span_is_of((struct span){tag, 2}, SPAN_LETTERS) &&
           span_is_of(all, SPAN_LETTERS SPAN_DIGITS "-");
}

static void add_words(struct json_in *in, const char *key, const char *tag, struct show_text *out)
{
    struct span words;
    if (!json_in_str(in, key, 1, SHOW_WORDS_MAX, &words))
        return;
    if (!span_is_printable(words)) {
        json_in_refuse(in, key, "must not hold control characters");
        return;
    }
    assert(out->len < SHOW_LANGUAGES_MAX);
    bool fits = span_to_cstr(span_of(tag), out->in[out->len].tag, sizeof(out->in[0].tag)) &&
                span_to_cstr(words, out->in[out->len].words, sizeof(out->in[0].words));
    assert(fits);
    out->len++;
}

static void read_text(struct json_in *in, const char *key, struct show_text *out)
{
    json_t *value;
    struct json_in languages;
    const char *tag;
    out->len = 0;
    if (!json_in_has(in, key) || !json_in_any(in, key, &value))
        return;
    if (json_is_string(value)) {
        add_words(in, key, "", out);
        return;
    }
    if (!json_in_child(in, key, &languages))
        return;
    json_object_foreach(languages.object, tag, value)
    {
        if (!json_in_has(&languages, tag))
            continue;
        if (out->len == SHOW_LANGUAGES_MAX)
            json_in_refuse(&languages, tag, "is one too many: there may be %d", SHOW_LANGUAGES_MAX);
        else if (!show_is_tag(tag))
            json_in_refuse(&languages, tag, "is not a language tag such as \"en\" or \"ko\"");
        else
            add_words(&languages, tag, tag, out);
        if (languages.rc < 0)
            break;
    }
    json_in_end(&languages);
}

void show_read_zone(struct json_in *in, const char *key, char out[ZONE_NAME_MAX + 1])
{
    struct span zone;
    struct zone_clock clock;
    out[0] = '\0';
    if (!json_in_has(in, key) || !json_in_str(in, key, 1, ZONE_NAME_MAX, &zone))
        return;
    if (zone_clock_at(zone, 0, &clock))
        span_to_cstr(zone, out, ZONE_NAME_MAX + 1);
    else
        json_in_refuse(in, key, "is no time zone such as \"Asia/Seoul\"");
}

void show_read_venue(struct json_in *in, const char *key, struct show_venue *out)
{
    struct json_in venue;
    *out = (struct show_venue){.name.len = 0};
    if (!json_in_has(in, key) || !json_in_child(in, key, &venue))
        return;
    json_in_require(&venue, "name");
    read_text(&venue, "name", &out->name);
    read_text(&venue, "address", &out->address);
    json_in_end(&venue);
}

bool show_is_own_path(struct span path)
{
    return path.len >= 2 && path.ptr[0] == '/' && path.ptr[1] != '/' &&
           span_is_of(path, SPAN_LETTERS SPAN_DIGITS "/._~%-");
}

void show_read_picture(struct json_in *in, const char *key, char out[SHOW_PICTURE_MAX + 1])
{
    struct span path;
    out[0] = '\0';
    if (!json_in_has(in, key) || !json_in_str(in, key, 1, SHOW_PICTURE_MAX, &path))
        return;
    if (show_is_own_path(path))
        span_to_cstr(path, out, SHOW_PICTURE_MAX + 1);
    else
        json_in_refuse(in, key, "must be a path of this origin, such as /pictures/tour.webp");
}

void show_judge_doors(struct json_in *in, const struct show *show)
{
    if (show->doors_ms != 0 && show->starts_ms == 0)
        json_in_refuse(in, "doors_at", "needs starts_at");
    else if (show->doors_ms > show->starts_ms)
        json_in_refuse(in, "doors_at", "must not be later than starts_at");
}

int show_require_zone(const struct show *show, struct err_slot *err)
{
    if (show->starts_ms != 0 && show->time_zone[0] == '\0')
        return err_set(err, ERR_RANGE, "/time_zone: is needed with starts_at");
    return 0;
}

void show_read(struct json_in *in, struct show *out)
{
    *out = (struct show){.starts_ms = 0};
    if (json_in_has(in, "starts_at"))
        json_in_time(in, "starts_at", &out->starts_ms);
    if (json_in_has(in, "doors_at"))
        json_in_time(in, "doors_at", &out->doors_ms);
    show_read_zone(in, "time_zone", out->time_zone);
    show_read_venue(in, "venue", &out->venue);
    show_read_picture(in, "picture", out->picture);
    if (in->rc == 0)
        show_judge_doors(in, out);
}

void show_take(const json_t *object, struct show *out)
{
    struct json_in in;
    *out = (struct show){.starts_ms = 0};
    if (!json_is_object(object))
        return;
    json_in_object(&in, (json_t *)object, NULL); /* it is only read */
    show_read(&in, out);
    if (in.rc < 0)
        *out = (struct show){.starts_ms = out->starts_ms};
}

int show_parse(struct span object, struct show *out)
{
    json_t *doc;
    int rc = json_in_read(object, &doc);
    if (rc < 0)
        return rc;
    show_take(doc, out);
    json_decref(doc);
    return 0;
}

static void put_text(struct text *out, const char *key, const struct show_text *text)
{
    assert(text->len <= SHOW_LANGUAGES_MAX);
    if (text->len == 0)
        return;
    if (text->in[0].tag[0] == '\0') {
        assert(text->len == 1);
        json_member_cstr(out, key, text->in[0].words);
        return;
    }
    json_member_open(out, key, '{');
    for (uint32_t i = 0; i < text->len; i++) {
        assert(show_is_tag(text->in[i].tag));
        json_member_cstr(out, text->in[i].tag, text->in[i].words);
    }
    json_close(out, '}');
}

void show_put_venue(struct text *out, const struct show_venue *venue)
{
    json_open(out, '{');
    put_text(out, "name", &venue->name);
    put_text(out, "address", &venue->address);
    json_close(out, '}');
}

void show_put(struct text *out, const struct show *show)
{
    if (show->starts_ms != 0)
        json_member_time(out, "starts_at", show->starts_ms);
    if (show->doors_ms != 0)
        json_member_time(out, "doors_at", show->doors_ms);
    json_member_some(out, "time_zone", span_of(show->time_zone));
    if (show->venue.name.len > 0) {
        json_key(out, "venue");
        show_put_venue(out, &show->venue);
    }
    json_member_some(out, "picture", span_of(show->picture));
}

static struct span words_in(const struct show_text *text, struct span lang)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < text->len; i++) {
        struct span tag = span_of(text->in[i].tag);
        if (span_eq(tag, lang))
            return span_of(text->in[i].words);
        if (span_eq(tag, SPAN("en")))
            best = i;
    }
    return text->len > 0 ? span_of(text->in[best].words) : SPAN("");
}

void show_put_place(struct text *out, const struct show_venue *venue, struct span lang)
{
    struct span address = words_in(&venue->address, lang);
    text_put(out, words_in(&venue->name, lang));
    if (address.len > 0)
        TEXT_LIT(out, ", ");
    text_put(out, address);
}
