/* config.c: defaults come first, then the file line by line, then the environment. A setting
 * without a value from any of them is missing. Every value goes through one function, take_value(),
 * with a text that says where it comes from.
 *
 * The grammar is a small part of TOML: sections, and a key with a value on one line. Nesting and
 * lists are left out on purpose; a setting that needs a list takes a text with commas.
 *
 * A default that breaks its own rule is a bug of the program and stops it at once. Threading: none;
 * called before loops exist. */
#include "config/config.h"

#include "base/ip.h"
#include "system/plain_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SETTINGS_MAX = 256, /* in all parts together */
    SPOT_MAX = 160,
    VARIABLE_MAX = 96,
    NOT_SET = 0,
};

struct loader {
    const char *name; /* of the file */
    const struct config_part *parts;
    size_t parts_len;
    struct err_slot *err;
    struct span section;           /* the current section */
    unsigned line;                 /* the current line */
    unsigned set_at[SETTINGS_MAX]; /* the line that set it, to refuse a second one */
    bool given[SETTINGS_MAX];
};

/* One setting of one part, and its number among all. */
struct place {
    const struct config_setting *setting;
    char *target;
    size_t index;
};

/* ---- the tables ---- */

/* Iterates over all settings; false at the end. Begin with index SIZE_MAX. */
static bool next_place(const struct loader *loader, struct place *place)
{
    place->index++;
    size_t skip = place->index;
    for (size_t i = 0; i < loader->parts_len; i++) {
        const struct config_part *part = &loader->parts[i];
        if (skip < part->settings_len) {
            place->setting = &part->settings[skip];
            place->target = (char *)part->target + place->setting->offset;
            assert(place->index < SETTINGS_MAX);
            return true;
        }
        skip -= part->settings_len;
    }
    return false;
}

static const struct place first_place = {.index = SIZE_MAX};

static bool find(const struct loader *loader, struct span section, struct span key,
                 struct place *out)
{
    assert(section.len > 0 && key.len > 0);
    struct place place = first_place;
    while (next_place(loader, &place)) {
        if (span_eq(section, span_of(place.setting->section)) &&
            span_eq(key, span_of(place.setting->key))) {
            *out = place;
            return true;
        }
    }
    return false;
}

static void put_variable(struct text *text, const struct config_setting *setting)
{
    struct span parts[] = {SPAN("FAIRGATE"), span_of(setting->section), span_of(setting->key)};
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            text_char(text, '_');
        for (size_t j = 0; j < parts[i].len; j++) {
            char c = parts[i].ptr[j];
            text_char(text, (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c));
        }
    }
}

/* ---- numbers with units ---- */

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {{"ms", 1},          {"s", 1000},         {"m", 60000},
                                        {"h", 3600 * 1000}, {"d", 86400 * 1000}, {NULL, 0}};
static const struct unit sizes[] = {
    {"", 1}, {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024 * 1024 * 1024}, {NULL, 0}};

static bool parse_units(struct span value, const struct unit *units, uint64_t *out)
{
    size_t digits = 0;
    while (digits < value.len && value.ptr[digits] >= '0' && value.ptr[digits] <= '9')
        digits++;
    uint64_t number;
    if (!span_u64((struct span){value.ptr, digits}, UINT64_MAX, &number))
        return false;
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (!span_eq(span_skip(value, digits), span_of(unit->name)))
            continue;
        if (number > UINT64_MAX / unit->factor)
            return false;
        *out = number * unit->factor;
        return true;
    }
    return false;
}

static void put_units(struct text *text, const struct unit *units, uint64_t value)
{
    const struct unit *best = units;
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (value != 0 && value % unit->factor == 0)
            best = unit;
    }
    assert(value % best->factor == 0); /* nothing is rounded */
    text_u64(text, value / best->factor);
    text_str(text, best->name);
}

/* ---- one value ---- */

static size_t string_max(const struct config_setting *setting)
{
    assert(setting->max < CONFIG_STRING_MAX);
    return setting->max != 0 ? (size_t)setting->max : CONFIG_STRING_MAX - 1;
}

/* "a duration from 10ms to 1m", for messages and help alike. */
static void put_rule(struct text *text, const struct config_setting *setting)
{
    switch (setting->kind) {
    case CONFIG_HEADER:
        TEXT_LIT(text, "the name of a header");
        break;
    case CONFIG_STRING:
    case CONFIG_NETWORKS:
        if (setting->min > 0)
            text_printf(text, "a text of %" PRIu64 " to %zu bytes", setting->min,
                        string_max(setting));
        else
            text_printf(text, "a text of at most %zu bytes", string_max(setting));
        break;
    case CONFIG_U64:
        text_printf(text, "a whole number from %" PRIu64 " to %" PRIu64, setting->min,
                    setting->max);
        break;
    case CONFIG_DURATION:
        TEXT_LIT(text, "a duration (250ms, 5s, 10m, 2h, 1d) from ");
        put_units(text, durations, setting->min);
        TEXT_LIT(text, " to ");
        put_units(text, durations, setting->max);
        break;
    case CONFIG_SIZE:
        TEXT_LIT(text, "a size (512, 16k, 64m, 1g) from ");
        put_units(text, sizes, setting->min);
        TEXT_LIT(text, " to ");
        put_units(text, sizes, setting->max);
        break;
    case CONFIG_BOOL:
        TEXT_LIT(text, "true or false");
        break;
    case CONFIG_WORD:
        for (unsigned i = 0; setting->words[i] != NULL; i++)
            text_printf(text, "%s%s", i > 0 ? ", " : "one of ", setting->words[i]);
        break;
    }
}

static bool in_range(const struct config_setting *setting, uint64_t value)
{
    assert(setting->min <= setting->max);
    return value >= setting->min && value <= setting->max;
}

/* The only place that stores a text in a member; on false the member is unchanged. */
static bool store(const struct config_setting *setting, char *target, struct span value)
{
    uint64_t number;
    switch (setting->kind) {
    case CONFIG_HEADER:
        if (value.len == 0 || !span_is_of(value, SPAN_LETTERS SPAN_DIGITS "-"))
            return false;
        __attribute__((fallthrough));
    case CONFIG_STRING:
    case CONFIG_NETWORKS:
        return value.len >= setting->min && value.len <= string_max(setting) &&
               span_to_cstr(value, target, CONFIG_STRING_MAX);
    case CONFIG_U64:
        if (!span_u64(value, UINT64_MAX, &number) || !in_range(setting, number))
            return false;
        memcpy(target, &number, sizeof(number));
        return true;
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        if (!parse_units(value, setting->kind == CONFIG_SIZE ? sizes : durations, &number) ||
            !in_range(setting, number))
            return false;
        memcpy(target, &number, sizeof(number));
        return true;
    case CONFIG_BOOL: {
        bool on = span_eq(value, SPAN("true"));
        if (!on && !span_eq(value, SPAN("false")))
            return false;
        memcpy(target, &on, sizeof(on));
        return true;
    }
    case CONFIG_WORD:
        for (unsigned i = 0; setting->words[i] != NULL; i++) {
            if (span_eq(value, span_of(setting->words[i]))) {
                memcpy(target, &i, sizeof(i));
                return true;
            }
        }
        return false;
    }
    return false;
}

static int take_value(struct loader *loader, const char *spot, const struct place *place,
                      struct span value)
{
    assert(place->index < SETTINGS_MAX);
    if (store(place->setting, place->target, value)) {
        loader->given[place->index] = true;
        struct ip_nets nets;
        if (place->setting->kind == CONFIG_NETWORKS && ip_nets_load(value, loader->err, &nets) < 0)
            return err_wrap(loader->err, "%s", spot);
        return 0;
    }
    char rule[200];
    struct text text = text_on(rule, sizeof(rule));
    put_rule(&text, place->setting);
    int shown = (int)(value.len < 40 ? value.len : 40);
    return err_set(loader->err, ERR_RANGE, "%s: \"%.*s\"%s is not %.*s", spot, shown, value.ptr,
                   shown < (int)value.len ? "..." : "", (int)text.len, rule);
}

/* ---- the file ---- */

static __attribute__((format(printf, 2, 3))) int refuse_line(struct loader *loader,
                                                             const char *format, ...)
{
    char sentence[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return err_set(loader->err, ERR_SYNTAX, "%s:%u: %s", loader->name, loader->line, sentence);
}

static bool is_name(struct span text)
{
    return text.len > 0 && text.len < 64 && span_is_of(text, SPAN_LOWER SPAN_DIGITS "_");
}

static bool is_blank_or_comment(struct span text)
{
    text = span_trim(text);
    return text.len == 0 || text.ptr[0] == '#';
}

/* "..." with \" \\ \n \t; written to `out`, which fits any allowed value. */
static int unquote(struct loader *loader, struct span value, struct text *out)
{
    size_t i = 1;
    for (; i < value.len && value.ptr[i] != '"'; i++) {
        char c = value.ptr[i];
        if (c == '\\') {
            i++;
            c = i < value.len ? value.ptr[i] : '\0';
            if (c == 'n')
                c = '\n';
            else if (c == 't')
                c = '\t';
            else if (c != '"' && c != '\\')
                return refuse_line(loader, "only \" \\ n t may follow a backslash");
        }
        text_char(out, c);
    }
    if (i >= value.len)
        return refuse_line(loader, "the text has no closing quote");
    if (!is_blank_or_comment(span_skip(value, i + 1)))
        return refuse_line(loader, "there is something after the closing quote");
    if (out->overflown)
        return refuse_line(loader, "the text is longer than %d bytes", CONFIG_STRING_MAX - 1);
    return 0;
}

/* A bare value ends where a comment begins, which needs a blank before it: a#b is a value. */
static struct span bare(struct span value)
{
    for (size_t i = 1; i < value.len; i++) {
        if (value.ptr[i] == '#' && (value.ptr[i - 1] == ' ' || value.ptr[i - 1] == '\t'))
            return span_trim((struct span){value.ptr, i});
    }
    return value;
}

static int refuse_key(struct loader *loader, struct span key)
{
    char known[180];
    struct text text = text_on(known, sizeof(known));
    struct place place = first_place;
    while (next_place(loader, &place)) {
        if (span_eq(loader->section, span_of(place.setting->section)))
            text_printf(&text, "%s%s", text.len > 0 ? ", " : "", place.setting->key);
    }
    return refuse_line(loader, "[%.*s] %.*s is not known; known are %.*s", (int)loader->section.len,
                       loader->section.ptr, (int)key.len, key.ptr, (int)text.len, known);
}

static int take_line(struct loader *loader, struct span line)
{
    line = span_trim(line);
    if (is_blank_or_comment(line))
        return 0;
    if (line.ptr[0] == '[') {
        struct span name;
        struct span rest = span_cut(span_skip(line, 1), ']', &name);
        name = span_trim(name);
        if (rest.ptr == NULL || !is_name(name) || !is_blank_or_comment(rest))
            return refuse_line(loader, "a section is written [name]");

        char known[160];
        struct text text = text_on(known, sizeof(known));
        const char *last = "";
        struct place place = first_place;
        while (next_place(loader, &place)) {
            if (span_eq(name, span_of(place.setting->section))) {
                loader->section = name;
                return 0;
            }
            if (strcmp(last, place.setting->section) != 0)
                text_printf(&text, "%s[%s]", last[0] != '\0' ? ", " : "", place.setting->section);
            last = place.setting->section;
        }
        return refuse_line(loader, "section [%.*s] is not known; known are %.*s", (int)name.len,
                           name.ptr, (int)text.len, known);
    }

    struct span key;
    struct span value = span_cut(line, '=', &key);
    key = span_trim(key);
    if (value.ptr == NULL || !is_name(key))
        return refuse_line(loader, "a setting is written key = value");
    if (loader->section.len == 0)
        return refuse_line(loader, "the first setting needs a [section] before it");
    struct place place;
    if (!find(loader, loader->section, key, &place))
        return refuse_key(loader, key);
    if (loader->set_at[place.index] != NOT_SET)
        return refuse_line(loader, "[%s] %s was already set in line %u", place.setting->section,
                           place.setting->key, loader->set_at[place.index]);
    loader->set_at[place.index] = loader->line;

    char memory[CONFIG_STRING_MAX - 1];
    struct text unquoted = text_on(memory, sizeof(memory));
    value = span_trim(value);
    if (value.len > 0 && value.ptr[0] == '"') {
        int rc = unquote(loader, value, &unquoted);
        if (rc < 0)
            return rc;
        value = text_span(&unquoted);
    } else {
        value = bare(value);
    }
    char spot[SPOT_MAX];
    snprintf(spot, sizeof(spot), "%s:%u: [%s] %s", loader->name, loader->line,
             place.setting->section, place.setting->key);
    return take_value(loader, spot, &place, value);
}

static int take_lines(struct loader *loader, struct span text)
{
    struct span line;
    while (span_next(&text, '\n', &line)) {
        loader->line++;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        int rc = take_line(loader, line);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- defaults and environment ---- */

static int take_variable(struct loader *loader, struct span name, struct span value)
{
    const char *stranger_in = NULL;
    struct place place = first_place;
    while (next_place(loader, &place)) {
        char memory[VARIABLE_MAX];
        struct text variable = text_on(memory, sizeof(memory) - 1);
        put_variable(&variable, place.setting);
        assert(!variable.overflown);
        memory[variable.len] = '\0';
        if (span_eq(name, text_span(&variable)))
            return take_value(loader, memory, &place, value);
        variable.len -= strlen(place.setting->key);
        if (span_starts(name, text_span(&variable)))
            stranger_in = place.setting->section;
    }
    if (stranger_in == NULL)
        return 0;
    return err_set(loader->err, ERR_RANGE, "%.*s: section [%s] has no such setting",
                   (int)(name.len < VARIABLE_MAX ? name.len : VARIABLE_MAX), name.ptr, stranger_in);
}

static int take_environment(struct loader *loader, char *const *environment)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        struct span name;
        struct span value = span_cut(span_of(*environment), '=', &name);
        if (value.ptr == NULL || !span_starts(name, SPAN("FAIRGATE_")))
            continue;
        int rc = take_variable(loader, name, value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_missing(struct loader *loader)
{
    struct place place = first_place;
    while (next_place(loader, &place)) {
        if (loader->given[place.index])
            continue;
        char memory[VARIABLE_MAX];
        struct text variable = text_on(memory, sizeof(memory));
        put_variable(&variable, place.setting);
        return err_set(loader->err, ERR_NOT_FOUND, "%s: [%s] %s must be given, here or as %.*s: %s",
                       loader->name, place.setting->section, place.setting->key, (int)variable.len,
                       memory, place.setting->help);
    }
    return 0;
}

/* ---- the calls ---- */

int config_parse(const char *name, struct span text, char *const *environment,
                 const struct config_part *parts, size_t parts_len, struct err_slot *err)
{
    struct loader loader = {.name = name, .parts = parts, .parts_len = parts_len, .err = err};
    struct place place = first_place;
    while (next_place(&loader, &place)) {
        if (place.setting->fallback == NULL)
            continue;
        bool good = store(place.setting, place.target, span_of(place.setting->fallback));
        assert(good);
        loader.given[place.index] = good;
    }
    int rc = take_lines(&loader, text);
    if (rc == 0)
        rc = take_environment(&loader, environment);
    if (rc == 0)
        rc = check_missing(&loader);
    return rc;
}

/* Any kind of file, such as a pipe or /dev/null. `memory` has a byte more than a file may have. */
static const char *read_file(const char *path, char *memory, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    const char *why = plain_file_fill(fd, memory, CONFIG_FILE_MAX + 1, len);
    close(fd);
    return why == NULL && *len > CONFIG_FILE_MAX ? "it is too long" : why;
}

int config_load(const char *path, char *const *environment, const struct config_part *parts,
                size_t parts_len, struct err_slot *err)
{
    if (path == NULL)
        return config_parse("no --config", (struct span){NULL, 0}, environment, parts, parts_len,
                            err);
    char *memory = malloc(CONFIG_FILE_MAX + 1);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "memory for %s", path);
    size_t len;
    const char *why = read_file(path, memory, &len);
    int rc = why != NULL ? err_set(err, ERR_IO, "%s: %s", path, why)
                         : config_parse(path, (struct span){memory, len}, environment, parts,
                                        parts_len, err);
    free(memory);
    return rc;
}

unsigned config_line(const char *path, struct span section, struct span key)
{
    char *memory = malloc(CONFIG_FILE_MAX + 1);
    size_t len = 0;
    if (memory == NULL || read_file(path, memory, &len) != NULL)
        len = 0;
    unsigned found = 0;
    bool inside = false;
    struct span text = {memory, len}, line, name;
    for (unsigned number = 1; found == 0 && span_next(&text, '\n', &line); number++) {
        line = span_trim(line);
        if (line.len > 0 && line.ptr[0] == '[') {
            span_cut(span_skip(line, 1), ']', &name);
            inside = span_eq(span_trim(name), section);
        } else if (span_cut(line, '=', &name).ptr != NULL && inside &&
                   span_eq(span_trim(name), key)) {
            found = number;
        }
    }
    free(memory);
    return found;
}

void config_help(struct text *text, const struct config_part *parts, size_t parts_len)
{
    const struct loader loader = {.parts = parts, .parts_len = parts_len};
    const char *section = "";
    struct place place = first_place;
    while (next_place(&loader, &place)) {
        const struct config_setting *setting = place.setting;
        if (strcmp(section, setting->section) != 0)
            text_printf(text, "%s[%s]\n", section[0] != '\0' ? "\n" : "", setting->section);
        section = setting->section;
        text_printf(text, "  %s: %s\n      ", setting->key, setting->help);
        put_rule(text, setting);
        if (setting->fallback == NULL)
            TEXT_LIT(text, "; required\n");
        else if (setting->fallback[0] == '\0')
            TEXT_LIT(text, "; empty if not given\n");
        else
            text_printf(text, "; %s if not given\n", setting->fallback);
    }
    assert(!text->overflown);
}
