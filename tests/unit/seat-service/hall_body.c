/* hall_body.c: see hall_body.h. */
#include "hall_body.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

struct span hall_body(uint32_t rows, uint32_t seats)
{
    size_t cap = (size_t)rows * seats * 128 + 65536;
    char *memory = malloc(cap);
    assert(memory != NULL);
    struct text text = text_on(memory, cap);
    TEXT_LIT(&text,
             "{\"name\":\"Hall\",\"currency\":\"KRW\",\"plan\":{\"name\":\"Hall\",\"categories\":"
             "[{\"name\":\"A\",\"color\":\"#ffffff\"}],\"size\":{\"width\":100,\"height\":100},"
             "\"zones\":[{\"name\":\"Z\",\"position\":{\"x\":0,\"y\":0},\"areas\":[],\"rows\":[");
    for (uint32_t row = 0; row < rows; row++) {
        text_printf(&text, "%s{\"row_number\":\"%u\",\"position\":{\"x\":0,\"y\":%u},\"seats\":[",
                    row == 0 ? "" : ",", row + 1, row * 10);
        for (uint32_t seat = 0; seat < seats; seat++)
            text_printf(&text,
                        "%s{\"seat_guid\":\"%u-%u\",\"seat_number\":\"%u\",\"position\":"
                        "{\"x\":%u,\"y\":0},\"category\":\"A\"}",
                        seat == 0 ? "" : ",", row, seat, seat + 1, seat * 10);
        TEXT_LIT(&text, "]}");
    }
    TEXT_LIT(&text,
             "]}]},\"categories\":[{\"name\":\"A\",\"price\":1000}],\"limits\":{\"max_per_hold\":8,"
             "\"max_per_buyer\":0,\"hold_ttl_s\":3600,\"hold_max_s\":7200,"
             "\"rate_per_session_per_s\":0,\"orphan_rule\":false}}");
    assert(!text.overflown);
    return (struct span){text.ptr, text.len};
}
