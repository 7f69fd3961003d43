/* profile_test.c: profiles in a file, and the sources of a token. */
#include "reach/profile.h"

#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct profile profile; /* read last */
static struct err_slot err;    /* of the last call that failed */

static const char *file_of(const char *name, const char *text, mode_t mode)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static int read_text(const char *text, const char *name)
{
    const struct profile_ask ask = {.name = name, .file = file_of("profiles", text, 0644)};
    return profile_read(&ask, &err, &profile);
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
        {"[default]\n[live]\nqeue = x\n", "profiles:3: "},
        {"[default]\n[live]\n\nqueue = ftp://x\n", "profiles:4: [live] queue: an address begins"},
        {"[default]\npay = http://me:hunter2@x\n",
         "profiles:2: [default] pay: an address holds no"},
        {"[]\n", "profiles:1: no name"},
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
    struct profile_ask ask = {.config_home = dir};
    assert_int_equal(profile_read(&ask, &err, &profile), 0);
    assert_string_equal(profile.address[COMMAND_SEATS], "http://127.0.0.1:8092");
    ask.name = "live";
    assert_true(profile_read(&ask, &err, &profile) < 0);
    assert_says(&err, "profile live: there is no");
    ask.file = "/nowhere/profiles";
    assert_true(profile_read(&ask, &err, &profile) < 0);
    assert_says(&err, "/nowhere/profiles");
}

static void expect_token(const char *environment, const char *want)
{
    char token[CTL_TOKEN_MAX];
    assert_int_equal(profile_token(&profile, environment, &err, token), 0);
    assert_string_equal(token, want);
}

TEST_CASE(a_token_comes_from_environment_file_or_command_in_this_order)
{
    profile = (struct profile){.token_command = "echo of-command"};
    expect_token(NULL, "of-command");
    strcpy(profile.token_file, file_of("token", "of-file\n", 0600));
    expect_token("", "of-file");
    expect_token("of-environment", "of-environment");
}

static void expect_no_token(const char *environment, const char *says, const char *hides)
{
    char token[CTL_TOKEN_MAX];
    assert_int_equal(profile_token(&profile, environment, &err, token), ERR_AUTH);
    assert_says(&err, says);
    assert_null(strstr(err.text, hides));
}

TEST_CASE(invalid_token_is_refused_and_never_quoted)
{
    profile = (struct profile){.token_command = ""};
    expect_no_token(NULL, "no token", "?");
    expect_no_token("two\r\nlines", "", "lines");
    strcpy(profile.token_command, "echo never; false");
    expect_no_token(NULL, "", "?");
    strcpy(profile.token_command, "true");
    expect_no_token(NULL, "empty", "?");
    strcpy(profile.token_file, file_of("open", "everybody-reads-this\n", 0644));
    expect_no_token(NULL, "", "everybody");
}

int main(void)
{
    snprintf(dir, sizeof(dir), "/tmp/fairgate-profile-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    int failed = unit_run();
    static const char *const names[] = {"profiles", "token", "open"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
    return failed;
}
