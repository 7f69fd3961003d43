/* args_test.c: command lines, right and wrong, and the table of commands. */
#include "words/args.h"

#include "unit.h"
#include "words/manual.h"

enum { WORDS_MAX = 16 };

static int parse(const char *line, struct err_slot *err, struct args *out)
{
    static char memory[256];
    static char *words[WORDS_MAX];
    int len = 0;
    snprintf(memory, sizeof(memory), "%s", line);
    for (char *word = strtok(memory, " "); word != NULL; word = strtok(NULL, " "))
        words[len++] = word;
    return args_parse(&commands, len, words, err, out);
}

static void good(const char *line, struct args *out)
{
    struct err_slot err = {.code = ERR_OK};
    if (parse(line, &err, out) != 0)
        fail_msg("%s: %s", line, err.text);
}

TEST_CASE(words_get_the_names_of_the_command_table)
{
    static struct args args;
    good("fairgate rate hero-lim 400 --why busy", &args);
    assert_span(command_name(args.command), "rate");
    assert_string_equal(args_word(&args, "EVENT"), "hero-lim");
    assert_string_equal(args_word(&args, "RATE"), "400");
    assert_null(args_word(&args, "SEAT"));
    assert_string_equal(args.option[OPTION_WHY], "busy");
    good("fairgate --why=a=b halls block --json demo s-1 s-2", &args);
    assert_span(command_name(args.command), "halls block");
    assert_int_equal(args_words_from(&args, "SEAT"), 1);
    assert_int_equal(args.words_len, 3);
    assert_string_equal(args.option[OPTION_WHY], "a=b");
    assert_non_null(args.option[OPTION_JSON]);
    good("fairgate --version", &args);
    assert_span(command_name(args.command), "version");
    good("fairgate appeal demo -- --AB-CD", &args);
    assert_string_equal(args_word(&args, "REFERENCE"), "--AB-CD");
    good("fairgate rate --help", &args); /* without its arguments */
    assert_non_null(args.option[OPTION_HELP]);
    good("fairgate -h", &args);
    assert_null(args.command);
}

TEST_CASE(error_shows_the_right_form)
{
    static const char *const rows[][2] = {
        /* command line, part of the error */
        {"fairgate", "which command?"},
        {"fairgate rate demo", "RATE is missing: fairgate rate EVENT RATE"},
        {"fairgate rate demo 4 5", "5 is too much"},
        {"fairgate evnts", "no such command; fairgate help"},
        {"fairgate events 5", "5 is too much: fairgate events"},
        {"fairgate halls", "halls: one of list, show, import"},
        {"fairgate halls lst", "halls lst: one of list, show, import"},
        {"fairgate events --jsn", "--jsn: no such option"},
        {"fairgate events --json --json", "twice"},
        {"fairgate events --json=1", "takes no value"},
        {"fairgate rate demo 4 --why", "--why wants TEXT"},
        {"fairgate rate demo 4 --why=", "--why wants TEXT"},
        {"fairgate rate demo 4 --percent 4", "--percent is no option of rate"},
        {"fairgate refund o-1", "--why TEXT is missing"},
        {"fairgate halls block demo r1s1 r1\xff", "not UTF-8"},
        {"fairgate codes load demo file --lane \xff", "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err_slot err = {.code = ERR_OK};
        struct args args;
        assert_true(parse(rows[i][0], &err, &args) < 0);
        assert_says(&err, rows[i][1]);
        assert_int_not_equal(err.text[strlen(err.text) - 1], ' ');
    }
}

/* What the manual prints, freed by the caller. */
static char *printed(void (*print)(const struct command_table *, FILE *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    print(&commands, out);
    fclose(out);
    return text;
}

static void bash(const struct command_table *table, FILE *out)
{
    assert_true(manual_completion(table, "bash", out));
}

/* Each row can be run, and appears in help, manual and completion. */
TEST_CASE(every_command_is_complete_and_documented)
{
    char *list = printed(manual_list);
    char *page = printed(manual_page);
    char *completion = printed(bash);
    for (size_t i = 0; i < commands.len; i++) {
        const struct command *command = &commands.command[i];
        assert_true(command->run != NULL || command->path != NULL);
        assert_true(command->brief[strlen(command->brief) - 1] != '.');
        assert_true((command->needs & command->options) == 0);
        assert_true(command->rows == NULL || command->columns != NULL);
        struct command_word word;
        bool optional = false;
        for (size_t n = 0; command_word(command, n, &word); n++) {
            assert_true(word.name.len > 0);
            assert_false(optional && !word.optional);
            optional = word.optional || word.several;
        }
        if (command->hidden)
            continue;
        assert_non_null(strstr(list, command->form));
        assert_true(strstr(page, command->brief) != NULL || strchr(command->brief, '-') != NULL);
        struct span first;
        struct span second = span_cut(command_name(command), ' ', &first);
        struct span last = second.ptr != NULL ? second : first;
        assert_non_null(memmem(completion, strlen(completion), last.ptr, last.len));
    }
    assert_false(manual_completion(&commands, "fish", stdout));
    free(list);
    free(page);
    free(completion);
}
