/* args.c: never guesses what to do. An unknown option, an extra word or a missing one is an error
 * that shows the right form, before any call is made. */
#include "words/args.h"

#include "base/text.h"

#include <jansson.h>

#include <string.h>

static int find_option(struct span name, struct err_slot *err, enum option_id *out)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (span_eq(name, span_of(options[i].name))) {
            *out = (enum option_id)i;
            return 0;
        }
    return err_set(err, ERR_SYNTAX, "--%.*s: no such option", name.len < 31 ? (int)name.len : 31,
                   name.ptr);
}

/* Reads the option at argv[*at], which begins with two hyphens. */
static int read_option(int argc, char **argv, int *at, struct err_slot *err, struct args *out)
{
    struct span name;
    struct span value = span_cut(span_of(argv[*at] + 2), '=', &name);
    enum option_id id = OPTION_HELP;
    int rc = find_option(name, err, &id);
    if (rc < 0)
        return rc;
    if (out->option[id] != NULL)
        return err_set(err, ERR_SYNTAX, "--%s is there twice", options[id].name);
    if (options[id].value == NULL) {
        if (value.ptr != NULL)
            return err_set(err, ERR_SYNTAX, "--%s takes no value", options[id].name);
        out->option[id] = "";
        return 0;
    }
    if (value.ptr == NULL) {
        if (*at + 1 >= argc)
            return err_set(err, ERR_SYNTAX, "--%s wants %s", options[id].name, options[id].value);
        value = span_of(argv[++*at]);
    }
    if (value.len == 0)
        return err_set(err, ERR_SYNTAX, "--%s wants %s", options[id].name, options[id].value);
    out->option[id] = value.ptr; /* the rest of a word of argv, so it ends with a NUL */
    return 0;
}

/* Reports an unknown command; within a group it lists the group's names. */
static int unknown_command(const struct command_table *table, char **words, size_t len,
                           struct err_slot *err)
{
    if (command_is_group(table, words[0])) {
        char list[160] = "";
        struct text text = text_on(list, sizeof(list) - 1);
        for (size_t i = 0; i < table->len; i++) {
            struct span first;
            struct span rest = span_cut(command_name(&table->command[i]), ' ', &first);
            if (rest.ptr != NULL && span_eq(first, span_of(words[0]))) {
                text_str(&text, text.len > 0 ? ", " : "");
                text_put(&text, rest);
            }
        }
        list[text.len] = '\0';
        return err_set(err, ERR_NOT_FOUND, "%s%s%.40s: one of %s", words[0], len > 1 ? " " : "",
                       len > 1 ? words[1] : "", list);
    }
    return err_set(err, ERR_NOT_FOUND, "%.60s: no such command; fairgate help lists them",
                   words[0]);
}

static int check_words(const struct args *args, struct err_slot *err)
{
    struct command_word word;
    size_t n = 0;
    bool several = false;
    for (; !several && command_word(args->command, n, &word); n++) {
        several = word.several;
        if (n >= args->words_len && !word.optional)
            return err_set(err, ERR_SYNTAX, "%.*s is missing: fairgate %s", (int)word.name.len,
                           word.name.ptr, args->command->form);
    }
    if (!several && args->words_len > n)
        return err_set(err, ERR_SYNTAX, "%.60s is too much: fairgate %s", args->word[n],
                       args->command->form);
    for (size_t i = 0; i < args->words_len; i++)
        if (args->word[i][0] == '\0')
            return err_set(err, ERR_SYNTAX, "a word is empty: fairgate %s", args->command->form);
    return 0;
}

static int check_options(const struct args *args, struct err_slot *err)
{
    struct span name = command_name(args->command);
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        uint64_t bit = UINT64_C(1) << i;
        if (args->option[i] != NULL && options[i].way != OPTION_GLOBAL &&
            (command_options(args->command) & bit) == 0)
            return err_set(err, ERR_SYNTAX, "--%s is no option of %.*s", options[i].name,
                           (int)name.len, name.ptr);
        if (args->option[i] == NULL && (args->command->needs & bit) != 0)
            return err_set(err, ERR_SYNTAX, "--%s %s is missing: %s", options[i].name,
                           options[i].value, options[i].help);
    }
    return 0;
}

/* Invalid UTF-8 cannot be sent as JSON, and must not be dropped: a list of seats without one means
 * other seats. */
static int check_text(int argc, char **argv, struct err_slot *err)
{
    for (int i = 1; i < argc; i++) {
        json_t *text = json_string(argv[i]);
        if (text == NULL)
            return err_set(err, ERR_SYNTAX, "word %d is not UTF-8", i);
        json_decref(text);
    }
    return 0;
}

int args_parse(const struct command_table *table, int argc, char **argv, struct err_slot *err,
               struct args *out)
{
    struct args args = {.command = NULL};
    static char version[] = "version";
    char *words[CTL_WORDS_MAX];
    size_t len = 0;
    bool plain = false;
    int rc = check_text(argc, argv, err);
    if (rc < 0)
        return rc;
    for (int i = 1; i < argc; i++) {
        if (!plain && strcmp(argv[i], "--") == 0) {
            plain = true;
        } else if (!plain && strcmp(argv[i], "-h") == 0) {
            args.option[OPTION_HELP] = "";
        } else if (i == 1 && strcmp(argv[i], "--version") == 0) {
            words[len++] = version; /* as in most programs */
        } else if (!plain && argv[i][0] == '-' && argv[i][1] == '-') {
            rc = read_option(argc, argv, &i, err, &args);
            if (rc < 0)
                return rc;
        } else if (len == CTL_WORDS_MAX) {
            return err_set(err, ERR_FULL, "more than %d words", CTL_WORDS_MAX);
        } else {
            words[len++] = argv[i];
        }
    }
    bool help = args.option[OPTION_HELP] != NULL;
    if (len > 0) {
        int name_len = 0;
        args.command = command_find(table, words, (int)len, &name_len);
        if (args.command == NULL && !(help && command_is_group(table, words[0])))
            return unknown_command(table, words, len, err);
        for (size_t i = (size_t)name_len; i < len; i++)
            args.word[args.words_len++] = words[i];
    } else if (!help) {
        return err_set(err, ERR_SYNTAX, "which command? fairgate help lists them");
    }
    rc = help ? 0 : check_words(&args, err);
    if (rc == 0 && !help)
        rc = check_options(&args, err);
    if (rc == 0)
        *out = args;
    return rc;
}

size_t args_words_from(const struct args *args, const char *name)
{
    struct command_word word;
    for (size_t n = 0; n < args->words_len && command_word(args->command, n, &word); n++)
        if (span_eq(word.name, span_of(name)))
            return n;
    return args->words_len;
}

const char *args_word(const struct args *args, const char *name)
{
    size_t n = args_words_from(args, name);
    return n < args->words_len ? args->word[n] : NULL;
}
