/* seat_names.c: copies the words out of the hold's JSON into JSON of our own, member by member, so
 * that no other member of the hold gets into the database. Words are cut to a bound and missing
 * ones become "". If the whole still does not fit, the order has no names: that never costs the
 * order. */
#include "core/checkout/seat_names.h"

#include "base/json_in.h"

#include <assert.h>
#include <stdio.h>

enum { ALWAYS_THERE = 4 }; /* of the words below */

static void put_place(struct text *text, const json_t *place)
{
    static const char *const words[] = {"zone",  "row",      "number", "category",
                                        "label", "entrance", "floor"};
    char id[ORDER_SEAT_MAX], word[SEAT_NAMES_WORD_MAX + 1];
    json_open(text, '{');
    span_to_cstr_cut(json_in_text_of(place, "id"), id,
                     sizeof(id)); /* not cut: tickets are looked up by it */
    json_member_cstr(text, "id", id);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const json_t *said = json_object_get(place, words[i]);
        if (said == NULL && i >= ALWAYS_THERE)
            continue; /* few halls name a gate per seat, or label their seats */
        span_to_cstr_cut(json_in_words(said), word, sizeof(word));
        json_member_cstr(text, words[i], word);
    }
    json_int_t rank = json_integer_value(json_object_get(place, "category_rank"));
    if (rank > 0 && rank <= SEAT_NAMES_RANK_MAX)
        json_member_u64(text, "category_rank", (uint64_t)rank);
    json_close(text, '}');
}

/* Standing places have no numbers; each gets its area's name. */
static void put_area(struct text *text, const json_t *hold)
{
    const char *area = json_string_value(json_object_get(hold, "area"));
    json_int_t quantity = json_integer_value(json_object_get(hold, "quantity"));
    const char *name = json_string_value(json_object_get(hold, "area_name"));
    if (area == NULL)
        return;
    for (json_int_t i = 0; i < quantity && i < ORDER_SEATS_MAX; i++) {
        char id[ORDER_SEAT_MAX];
        if (!order_area_seat(area, (uint32_t)i + 1, id))
            return;
        json_t *place = json_pack("{s:s, s:s, s:O?, s:O?}", "id", id, "zone",
                                  name != NULL && name[0] != '\0' ? name : area, "category",
                                  json_object_get(hold, "category"), "category_rank",
                                  json_object_get(hold, "category_rank"));
        text->overflown |= place == NULL; /* out of memory, handled as too long */
        put_place(text, place);
        json_decref(place);
    }
}

static void put_show(const json_t *hold, char out[SHOW_JSON_MAX])
{
    struct show show;
    struct text text = text_on(out, SHOW_JSON_MAX - 1);
    show_take(hold, &show);
    json_open(&text, '{');
    show_put(&text, &show);
    json_close(&text, '}');
    assert(!text.overflown);
    out[text.len] = '\0';
}

void seat_names_read(const json_t *hold, struct seat_names *out)
{
    const json_t *places = json_object_get(hold, "places");
    struct text text = text_on(out->json, sizeof(out->json) - 1);
    span_to_cstr_cut(json_in_text_of(hold, "event_name"), out->name, sizeof(out->name));
    put_show(hold, out->show);
    json_open(&text, '[');
    for (size_t i = 0; i < json_array_size(places) && i < ORDER_SEATS_MAX; i++)
        put_place(&text, json_array_get(places, i));
    if (json_array_size(places) == 0)
        put_area(&text, hold);
    json_close(&text, ']');
    if (text.overflown)
        snprintf(out->json, sizeof(out->json), "[]");
    else
        out->json[text.len] = '\0';
}
