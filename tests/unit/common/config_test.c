/* config_test.c: three sources, one rule for each setting, and errors that say where and what. */
#include "unit.h"

#include "config/config.h"

static const char *const colours[] = {"red", "green", NULL};

struct sample {
    char path[CONFIG_STRING_MAX];
    char name[CONFIG_STRING_MAX];
    uint64_t loops;
    uint64_t timeout_ms;
    uint64_t body_max;
    bool on;
    unsigned colour;
};

#define FIELD(NAME) offsetof(struct sample, NAME)

/* Section, key, kind, member, default, least, most, words, help. */
static const struct config_setting settings[] = {
    {"redis", "path", CONFIG_STRING, FIELD(path), NULL, 1, 0, NULL, "its socket"},
    {"redis", "timeout", CONFIG_DURATION, FIELD(timeout_ms), "250ms", 10, 60000, NULL, "patience"},
    {"http", "loops", CONFIG_U64, FIELD(loops), "1", 1, 64, NULL, "threads"},
    {"http", "body_max", CONFIG_SIZE, FIELD(body_max), "64k", 1, 1 << 30, NULL, "bytes of a body"},
    {"http", "on", CONFIG_BOOL, FIELD(on), "false", 0, 0, NULL, "whether"},
};

static const struct config_setting other_settings[] = {
    {"log", "colour", CONFIG_WORD, FIELD(colour), "red", 0, 0, colours, "which"},
    {"log", "name", CONFIG_STRING, FIELD(name), "", 0, 8, NULL, "what"},
};

enum { PARTS = 2 };

static struct sample got; /* result of the last read */
static struct err_slot err;

static const struct config_part parts[PARTS] = {
    {settings, sizeof(settings) / sizeof(settings[0]), &got},
    {other_settings, sizeof(other_settings) / sizeof(other_settings[0]), &got},
};

static int load(struct span text, char *const *environment)
{
    return config_parse("a.conf", text, environment, parts, PARTS, &err);
}

TEST_CASE(every_kind_of_setting_is_read)
{
    assert_int_equal(0, load(SPAN("# a comment\n"
                                  "\n"
                                  "  [redis]  # another\r\n"
                                  "path = \"/run/a \\\"b\\\\ #c\"  # a third\n"
                                  "timeout=5s\n"
                                  "[ http ]\n"
                                  "\tloops = 8 # four\n"
                                  "body_max = 16m\n"
                                  "on = true\n"
                                  "[log]\n"
                                  "colour = green\n"
                                  "name = a#b"),
                             NULL));
    assert_string_equal("/run/a \"b\\ #c", got.path);
    assert_int_equal(5000, got.timeout_ms);
    assert_int_equal(8, got.loops);
    assert_int_equal(16 << 20, got.body_max);
    assert_true(got.on);
    assert_int_equal(1, got.colour);
    assert_string_equal("a#b", got.name);
}

TEST_CASE(the_environment_wins_over_the_file_and_the_file_over_the_default)
{
    char *environment[] = {"HOME=/root",
                           "FAIRGATE_REDIS_TIMEOUT=1m",
                           "FAIRGATE_REDIS_PATH=/from/env",
                           "FAIRGATE_RUN_DIR=.run",
                           "FAIRGATE_PORT_BASE=8080",
                           NULL};
    assert_int_equal(0, load(SPAN("[redis]\ntimeout = 20ms\n[http]\nloops = 2\n"), environment));
    assert_int_equal(60000, got.timeout_ms);
    assert_string_equal("/from/env", got.path);
    assert_int_equal(2, got.loops);
    assert_int_equal(65536, got.body_max);
    assert_int_equal(0, got.colour);
}

#define NO_DURATION "is not a duration (250ms, 5s, 10m, 2h, 1d) from 10ms to 1m"
#define NO_SIZE     "is not a size (512, 16k, 64m, 1g) from 1 to 1g"

TEST_CASE(a_bad_line_or_variable_is_named_with_its_rule)
{
    static const char *const rows[][3] = {
        /* text, part of the error, variable if the text is its value */
        {"[redis]\npath = x\n[reds]\n",
         "3: section [reds] is not known; known are [redis], [http], [log]"},
        {"[redis]\npth = x\n", "2: [redis] pth is not known; known are path, timeout"},
        {"path = x\n", "1: the first setting needs a [section] before it"},
        {"[redis]\npath\n", "2: a setting is written key = value"},
        {"[redis]\nPath = 1\n", "2: a setting is written key = value"},
        {"[redis\n", "1: a section is written [name]"},
        {"[redis] x\n", "1: a section is written [name]"},
        {"[redis]\npath = a\n\npath = b\n", "4: [redis] path was already set in line 2"},
        {"[redis]\npath = \"a\n", "2: the text has no closing quote"},
        {"[redis]\npath = \"a\" b\n", "2: there is something after the closing quote"},
        {"[redis]\npath = \"\\x\"\n", "2: only \" \\ n t may follow a backslash"},
        {"[redis]\npath =\n", "2: [redis] path: \"\" is not a text of 1 to 1023 bytes"},
        {"[redis]\ntimeout = 5x\n", "2: [redis] timeout: \"5x\" " NO_DURATION},
        {"[redis]\ntimeout = 5\n", "2: [redis] timeout: \"5\" " NO_DURATION},
        {"[redis]\ntimeout = 61s\n", "2: [redis] timeout: \"61s\" " NO_DURATION},
        {"[http]\nloops = 65\n", "2: [http] loops: \"65\" is not a whole number from 1 to 64"},
        {"[http]\nloops = -1\n", "2: [http] loops: \"-1\" is not a whole number from 1 to 64"},
        {"[http]\nbody_max = 18446744073709551615g\n",
         "2: [http] body_max: \"18446744073709551615g\" " NO_SIZE},
        {"[http]\nbody_max = 17179869185g\n", /* would be 1g if it wrapped around */
         "2: [http] body_max: \"17179869185g\" " NO_SIZE},
        {"[http]\non = yes\n", "2: [http] on: \"yes\" is not true or false"},
        {"[log]\ncolour = Red\n", "2: [log] colour: \"Red\" is not one of red, green"},
        {"[log]\nname = 123456789\n",
         "2: [log] name: \"123456789\" is not a text of at most 8 bytes"},
        {"[http]\nloops = 1111111111111111111111111111111111111111111\n",
         "2: [http] loops: \"1111111111111111111111111111111111111111\"... is not a whole number "
         "from 1 to 64"},
        {"", " [redis] path must be given, here or as FAIRGATE_REDIS_PATH: its socket"},
        {"", "FAIRGATE_HTTP_LOOPS: \"many\" is not a whole number from 1 to 64",
         "FAIRGATE_HTTP_LOOPS=many"},
        {"", "FAIRGATE_HTTP_LOPS: section [http] has no such setting", "FAIRGATE_HTTP_LOPS=1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool of_text = rows[i][2] == NULL;
        char variable[64];
        snprintf(variable, sizeof(variable), "%s", of_text ? "" : rows[i][2]);
        char *environment[] = {"FAIRGATE_REDIS_PATH=x", variable, NULL};
        int rc = load(span_of(rows[i][0]), of_text ? NULL : environment);
        if (rc >= 0 || (!of_text && rc != ERR_RANGE))
            fail_msg("\"%s\" was taken", rows[i][0]);
        if (of_text)
            assert_memory_equal("a.conf:", err.text, 7);
        assert_string_equal(rows[i][1], err.text + (of_text ? 7 : 0));
    }
    assert_int_equal(ERR_RANGE, load(SPAN("[redis]\npath = a\0b\n"), NULL));
}

TEST_CASE(a_file_is_read_and_named)
{
    char *path = unit_file(SPAN("[redis]\npath = /x\n"), 0644);
    assert_int_equal(0, config_load(path, NULL, parts, PARTS, &err));
    assert_string_equal("/x", got.path);
    unit_file_remove(path);
    assert_int_equal(ERR_IO, config_load(path = "/nowhere/a.conf", NULL, parts, PARTS, &err));
    assert_says(&err, "/nowhere/a.conf: No such file");
    char *environment[] = {"FAIRGATE_REDIS_PATH=/y", NULL};
    for (unsigned n = 0; n < 2; n++) { /* neither is a plain file with settings */
        path = n == 0 ? NULL : "/dev/null";
        assert_int_equal(0, config_load(path, environment, parts, PARTS, &err));
        assert_string_equal("/y", got.path);
    }
}

TEST_CASE(the_line_of_a_setting_is_found)
{
    char *path = unit_file(SPAN("# path = no\n[http]\npath = \"other\"\n[ redis ]\n\n"
                                "  path = \"a\"\nlast=1"),
                           0600);
    assert_int_equal(6, config_line(path, SPAN("redis"), SPAN("path")));
    assert_int_equal(7, config_line(path, SPAN("redis"), SPAN("last")));
    assert_int_equal(0, config_line(path, SPAN("redis"), SPAN("nothing")));
    assert_int_equal(0, config_line("/nowhere/a.conf", SPAN("redis"), SPAN("path")));
    unit_file_remove(path);
}

TEST_CASE(the_help_has_every_setting)
{
    static char memory[CONFIG_HELP_BYTES];
    struct text text = text_on(memory, sizeof(memory));
    config_help(&text, parts, PARTS);
    assert_span(text_span(&text),
                "[redis]\n"
                "  path: its socket\n"
                "      a text of 1 to 1023 bytes; required\n"
                "  timeout: patience\n"
                "      a duration (250ms, 5s, 10m, 2h, 1d) from 10ms to 1m; 250ms if not given\n"
                "\n[http]\n"
                "  loops: threads\n"
                "      a whole number from 1 to 64; 1 if not given\n"
                "  body_max: bytes of a body\n"
                "      a size (512, 16k, 64m, 1g) from 1 to 1g; 64k if not given\n"
                "  on: whether\n"
                "      true or false; false if not given\n"
                "\n[log]\n"
                "  colour: which\n"
                "      one of red, green; red if not given\n"
                "  name: what\n"
                "      a text of at most 8 bytes; empty if not given\n");
}
