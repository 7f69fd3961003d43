/* profile_test.c: profiles in a file, and the sources of a token. */
#include "reach/profile.h"

#include "unit.h"

static struct profile profile; /* read last */
static struct err_slot err;    /* of the last call that failed */

static int read_text(const char *text, const char *name)
{
    char *path = unit_file(span_of(text), 0644);
    int rc = profile_read(&(struct profile_ask){.name = name, .file = path}, &err, &profile);
    unit_file_remove(path);
    return rc;
}

TEST_CASE(the_requested_profile_is_read)
{
    const char *text = "[default]\nqueue = \"http://127.0.0.1:1\"\n"
                       "[live]\nqueue = \"https://queue.example\"\nca_file = /ca.pem\n";
    assert_int_equal(read_text(text, "live"), 0);
    assert_string_equal(profile.address[COMMAND_LINE], "https://queue.example");
    assert_string_equal(profile.address[COMMAND_PAY], "");
    assert_string_equal(profile.ca_file, "/ca.pem");
    assert_int_equal(read_text(text, NULL), 0);
    assert_string_equal(profile.address[COMMAND_LINE], "http://127.0.0.1:1");
}

TEST_CASE(an_error_names_file_and_line_even_in_another_profile)
{
    char many[1024] = "";
    for (int i = 0; i <= CTL_PROFILES_MAX; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "[p%d]\n", i);
    const struct {
        const char *text, *says;
    } cases[] = {
        {"[default]\n[live]\nqeue = x\n", "/file:3: "},
        {"[default]\n[live]\n\nqueue = ftp://x\n", "/file:4: [live] queue: an address begins"},
        {"[default]\npay = http://me:hunter2@x\n", "/file:2: [default] pay: an address holds no"},
        {"[]\n", "/file:1: no name"},
        {"[other]\n", "no profile [default] in it"},
        {many, "more than 16 profiles"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(read_text(cases[i].text, NULL) < 0);
        assert_says(&err, cases[i].says);
        assert_null(strstr(err.text, "hunter2"));
    }
}

TEST_CASE(without_a_file_the_services_are_on_this_machine)
{
    struct profile_ask ask = {.config_home = "/nowhere"};
    assert_int_equal(profile_read(&ask, &err, &profile), 0);
    assert_string_equal(profile.address[COMMAND_SEATS], "http://127.0.0.1:8092");
    ask.name = "live";
    assert_true(profile_read(&ask, &err, &profile) < 0);
    assert_says(&err, "profile live: there is no");
    ask.file = "/nowhere/profiles";
    assert_true(profile_read(&ask, &err, &profile) < 0);
    assert_says(&err, "/nowhere/profiles");
}

TEST_CASE(a_token_comes_from_environment_file_or_command_and_is_never_quoted)
{
    static const struct {
        const char *command, *file;
        unsigned mode;
        const char *environment;
        int rc;
        const char *says, *hides; /* the token, or the error */
    } rows[] = {
        {"echo of-command", "", 0600, NULL, 0, "of-command", ""},
        {"echo of-command", "of-file\n", 0600, "", 0, "of-file", ""},
        {"echo of-command", "of-file\n", 0600, "of-environment", 0, "of-environment", ""},
        {"", "", 0600, NULL, ERR_AUTH, "no token", "?"},
        {"", "", 0600, "two\r\nlines", ERR_AUTH, "", "lines"},
        {"echo never; false", "", 0600, NULL, ERR_AUTH, "", "?"},
        {"true", "", 0600, NULL, ERR_AUTH, "empty", "?"},
        {"true", "everybody-reads-this\n", 0644, NULL, ERR_AUTH, "", "everybody"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char token[CTL_TOKEN_MAX];
        char *path = unit_file(span_of(rows[i].file), rows[i].mode);
        profile = (struct profile){.token_file = ""};
        strcpy(profile.token_command, rows[i].command);
        if (rows[i].file[0] != '\0')
            strcpy(profile.token_file, path);
        assert_int_equal(profile_token(&profile, rows[i].environment, &err, token), rows[i].rc);
        unit_file_remove(path);
        if (rows[i].rc == 0) {
            assert_string_equal(token, rows[i].says);
            continue;
        }
        assert_says(&err, rows[i].says);
        assert_null(strstr(err.text, rows[i].hides));
    }
}
