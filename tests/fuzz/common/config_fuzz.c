/* config_fuzz.c: any bytes as a settings file. Accepted settings keep the table's rules; a refused
 * file gets an error with a sentence. */
#include "../fuzz.h"
#include "config/config.h"

static const char *const words[] = {"one", "two", NULL};

struct target {
    char text[CONFIG_STRING_MAX];
    uint64_t number, duration, bytes;
    bool on;
    unsigned word;
};

#define FIELD(kind_of, name)                                                                       \
    .section = "a", .key = #name, .kind = kind_of, .offset = offsetof(struct target, name),        \
    .help = "h"

static const struct config_setting settings[] = {
    {FIELD(CONFIG_STRING, text), .fallback = "x", .min = 1, .max = 12},
    {FIELD(CONFIG_U64, number), .fallback = "7", .min = 5, .max = 10},
    {FIELD(CONFIG_DURATION, duration), .fallback = "1s", .min = 1, .max = 60000},
    {FIELD(CONFIG_SIZE, bytes), .fallback = "1k", .min = 1, .max = 1 << 20},
    {FIELD(CONFIG_BOOL, on), .fallback = "true"},
    {FIELD(CONFIG_WORD, word), .fallback = "one", .words = words},
};

static void fuzz(struct span text)
{
    struct target target;
    struct config_part part = {settings, sizeof(settings) / sizeof(settings[0]), &target};
    struct err_slot err = {.text = ""};
    if (config_parse("f", text, NULL, &part, 1, &err) < 0) {
        assert(strlen(err.text) > 3);
        return;
    }
    size_t len = strnlen(target.text, sizeof(target.text));
    assert(len >= 1 && len <= 12);
    assert(target.number >= 5 && target.number <= 10);
    assert(target.duration >= 1 && target.duration <= 60000);
    assert(target.bytes >= 1 && target.bytes <= 1 << 20);
    assert(target.word < 2);
}
