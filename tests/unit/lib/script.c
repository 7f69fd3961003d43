/* script.c: see script.h. */
#include "script.h"

#include <inttypes.h>

enum { TEXT_MAX = 4096 };

/* `names` is one name, or several separated by |. */
static bool is_among(const char *names, const char *word)
{
    size_t len = strlen(word);
    for (;;) {
        size_t name_len = strcspn(names, "|");
        if (name_len == len && memcmp(names, word, len) == 0)
            return true;
        if (names[name_len] == '\0')
            return false;
        names += name_len + 1;
    }
}

void script_call(const struct script_line *line, const struct script_verb *verbs)
{
    for (; verbs != NULL; verbs = verbs->next) {
        if (is_among(verbs->names, script_word(line, 0))) {
            verbs->run(line);
            return;
        }
    }
    fail_msg("%s: unknown verb in \"%s\"", line->row, line->text);
}

static void run_line(const struct script_row *row, const struct script_verb *verbs, char *text)
{
    char whole[TEXT_MAX], *rest = NULL;
    snprintf(whole, sizeof(whole), "%s", text);
    struct script_line line = {.row = row->name, .text = whole};
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(line.len < SCRIPT_WORDS_MAX);
        line.words[line.len++] = word;
    }
    if (line.len > 0)
        script_call(&line, verbs);
}

void script_run(const struct script_row *row, const struct script_verb *verbs)
{
    char text[TEXT_MAX], *rest = NULL;
    assert_in_range(strlen(row->script), 1, sizeof(text) - 1);
    strcpy(text, row->script);
    for (char *line = strtok_r(text, ";", &rest); line; line = strtok_r(NULL, ";", &rest))
        run_line(row, verbs, line);
}

static void run_case(const struct script_row *row, size_t script_len, char *text,
                     const struct script_verb *verbs)
{
    const char *words[SCRIPT_CASE_WORDS_MAX] = {NULL};
    char script[TEXT_MAX], *rest = NULL;
    unsigned count = 0;
    size_t len = 0;
    for (char *at = strtok_r(text, " ", &rest); at != NULL; at = strtok_r(NULL, " ", &rest)) {
        assert_true(count < SCRIPT_CASE_WORDS_MAX);
        words[count++] = at;
    }
    for (size_t i = 0; i < script_len; i++) {
        bool is_word = row->script[i] == '$';
        if (is_word && (unsigned)(row->script[i + 1] - 'a') >= count)
            fail_msg("%s: a case has too few words", row->name);
        const char *from = is_word ? words[row->script[++i] - 'a'] : &row->script[i];
        size_t from_len = is_word ? strlen(from) : 1;
        assert_true(len + from_len < sizeof(script));
        memcpy(script + len, from, from_len);
        len += from_len;
    }
    script[len] = '\0';
    script_run(&(struct script_row){row->name, script}, verbs);
}

void script_run_cases(const struct script_row *row, const struct script_verb *verbs)
{
    char text[TEXT_MAX], *rest = NULL;
    const char *cases = strstr(row->script, " ||");
    if (cases == NULL) {
        script_run(row, verbs);
        return;
    }
    assert_in_range(strlen(cases), 4, sizeof(text) - 1);
    strcpy(text, cases + 3);
    size_t len = (size_t)(cases - row->script);
    while (len > 0 && row->script[len - 1] == ' ')
        len--;
    for (char *at = strtok_r(text, "|", &rest); at; at = strtok_r(NULL, "|", &rest)) {
        if (at != text)
            unit_again();
        run_case(row, len, at, verbs);
    }
}

const char *script_word(const struct script_line *line, unsigned at)
{
    if (at >= line->len)
        fail_msg("%s: a word is missing in \"%s\"", line->row, line->text);
    return line->words[at];
}

const char *script_rest(const struct script_line *line, unsigned at)
{
    const char *rest = line->text + strspn(line->text, " ");
    for (unsigned i = 0; i <= at; i++) {
        rest += strcspn(rest, " ");
        rest += strspn(rest, " ");
    }
    return rest;
}

const char *script_json(const char *text)
{
    static char results[4][TEXT_MAX];
    static unsigned next;
    char *json = results[next++ % 4];
    assert_in_range(strlen(text), 0, TEXT_MAX - 1);
    strcpy(json, text);
    for (char *at = json; (at = strchr(at, '\'')) != NULL;)
        *at = '"';
    return json;
}

static uint64_t with_unit(const char *word, char **end)
{
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"ms", 1000}, {"s", 1000000}, {"h", 3600000000}, {"", 1}};
    uint64_t number = strtoull(word, end, 10);
    assert_ptr_not_equal(word, *end);
    for (size_t i = 0;; i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(*end, units[i].name, len) != 0)
            continue;
        *end += len;
        return number * units[i].us;
    }
}

uint64_t script_number(const char *word)
{
    char *end;
    uint64_t number = with_unit(word, &end);
    if (*end == '+')
        number += with_unit(end + 1, &end);
    else if (*end == '-')
        number -= with_unit(end + 1, &end);
    return number;
}

uint64_t script_number_at(const struct script_line *line, unsigned at)
{
    return script_number(script_word(line, at));
}

const char *script_value(const struct script_line *line, const char *key)
{
    size_t len = strlen(key);
    for (unsigned i = 1; i < line->len; i++) {
        if (strncmp(line->words[i], key, len) == 0 && line->words[i][len] == '=')
            return line->words[i] + len + 1;
    }
    return NULL;
}

uint64_t script_value_or(const struct script_line *line, const char *key, uint64_t missing)
{
    const char *value = script_value(line, key);
    return value != NULL ? script_number(value) : missing;
}

bool script_has(const struct script_line *line, const char *word)
{
    for (unsigned i = 1; i < line->len; i++) {
        if (strcmp(line->words[i], word) == 0)
            return true;
    }
    return false;
}

unsigned script_choice(const struct script_line *line, const char *word, const char *const *names)
{
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], word) == 0)
            return i;
    }
    fail_msg("%s: \"%s\" is unknown in \"%s\"", line->row, word, line->text);
    abort();
}

static bool is_in_range(const char *want, uint64_t got)
{
    const char *to = strstr(want, "..");
    uint64_t low = script_number(want), high = to != NULL ? script_number(to + 2) : low;
    return got >= low && got <= high;
}

void script_expect(const struct script_line *line, const char *want, uint64_t got)
{
    if (!is_in_range(want, got))
        fail_msg("%s: \"%s\": it is %" PRIu64, line->row, line->text, got);
}

void script_expect_text(const struct script_line *line, const char *want, const char *got)
{
    if (strcmp(strcmp(want, "-") == 0 ? "" : want, got) != 0)
        fail_msg("%s: \"%s\": it is \"%s\"", line->row, line->text, got);
}

void script_expect_parts(const struct script_line *line, const char *parts, const char *text)
{
    char copy[TEXT_MAX], *rest = NULL;
    const char *at = text;
    assert_in_range(strlen(parts), 1, sizeof(copy) - 1);
    strcpy(copy, parts);
    for (char *part = strtok_r(copy, "&", &rest); part; part = strtok_r(NULL, "&", &rest)) {
        at = strstr(at, part);
        if (at == NULL)
            fail_msg("%s: \"%s\" is not in:\n%.20000s", line->row, part, text);
        at += strlen(part);
    }
}

static const struct script_field *field_of(const struct script_line *line, const char *name,
                                           size_t len, const struct script_field *fields)
{
    for (; fields->name != NULL; fields++) {
        if (strlen(fields->name) == len && strncmp(fields->name, name, len) == 0)
            return fields;
    }
    fail_msg("%s: \"%s\" is unknown in \"%s\"", line->row, name, line->text);
    abort();
}

static void expect_one(const struct script_line *line, const char *want,
                       const struct script_field *field)
{
    if (field->text != NULL)
        script_expect_text(line, want, field->text);
    else
        script_expect(line, want, field->number);
}

const struct script_field *script_field(const struct script_line *line, unsigned at,
                                        const struct script_field *fields)
{
    const char *name = script_word(line, at);
    return field_of(line, name, strlen(name), fields);
}

void script_expect_field(const struct script_line *line, unsigned at,
                         const struct script_field *fields)
{
    expect_one(line, script_word(line, at + 1), script_field(line, at, fields));
}

void script_expect_values(const struct script_line *line, unsigned from,
                          const struct script_field *fields)
{
    for (unsigned i = from; i < line->len; i++) {
        size_t len = strcspn(line->words[i], "=");
        const char *want = line->words[i] + len + (line->words[i][len] != '\0');
        expect_one(line, want, field_of(line, line->words[i], len, fields));
    }
}

bool script_values_fit(const struct script_line *line, unsigned from,
                       const struct script_field *fields)
{
    for (unsigned i = from; i < line->len; i++) {
        size_t len = strcspn(line->words[i], "=");
        const char *want = line->words[i] + len + (line->words[i][len] != '\0');
        if (!is_in_range(want, field_of(line, line->words[i], len, fields)->number))
            return false;
    }
    return true;
}
