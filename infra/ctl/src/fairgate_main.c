/* fairgate_main.c: parses the words, reads the profile, runs the command.
 *
 * The token is read last, so that a misspelt command does not start a password manager, and wiped
 * once the caller has its copy. */
#include "acts/generic.h"
#include "reach/login.h"
#include "words/manual.h"

#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static size_t terminal_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static int run(struct job *job)
{
    const struct command *command = job->args->command;
    return command->run != NULL ? command->run(job) : generic_run(job);
}

static int do_command(struct job *job)
{
    struct err_slot err = {.code = ERR_OK};
    static struct profile profile; /* static: the job points at it until the process ends */
    char token[CTL_TOKEN_MAX];
    const char *const *option = job->args->option;
    const struct profile_ask ask = {
        .name =
            option[OPTION_PROFILE] != NULL ? option[OPTION_PROFILE] : getenv("FAIRGATE_PROFILE"),
        .file =
            option[OPTION_PROFILES] != NULL ? option[OPTION_PROFILES] : getenv("FAIRGATE_PROFILES"),
        .config_home = getenv("XDG_CONFIG_HOME"),
        .home = getenv("HOME"),
    };
    if (profile_read(&ask, &err, &profile) < 0)
        return job_say(job, EXIT_USAGE, "%s", err.text);
    job->profile = &profile;
    if (job->args->command->tokenless)
        return run(job);
    int rc = profile_token(&profile, getenv("FAIRGATE_TOKEN"), &err, token);
    job->logged_in = rc == ERR_NOT_FOUND;
    if (job->logged_in)
        rc = login_token(&profile, &err, token);
    if (rc < 0)
        return job_say(job, rc == ERR_IO && profile.issuer[0] != '\0' ? EXIT_AWAY : EXIT_TOKEN,
                       "%s", err.text);
    rc = caller_create(&profile, token, &err, &job->caller);
    sodium_memzero(token, sizeof(token));
    if (rc < 0)
        return job_say(job, EXIT_REFUSED, "%s", err.text);
    int status = run(job);
    caller_destroy(job->caller);
    return status;
}

int main(int argc, char **argv)
{
    struct err_slot err = {.code = ERR_OK};
    static struct args args;
    struct job job = {
        .table = &commands,
        .args = &args,
        .out = stdout,
        .err = stderr,
        .width = terminal_width(),
        .asks = isatty(STDIN_FILENO) != 0,
    };
    signal(SIGPIPE, SIG_DFL); /* `fairgate audit | head` ends as head does */
    if (sodium_init() < 0)
        return job_say(&job, EXIT_REFUSED, "libsodium cannot be used");
    if (args_parse(&commands, argc, argv, &err, &args) < 0)
        return job_say(&job, EXIT_USAGE, "%s", err.text);
    if (args.option[OPTION_HELP] != NULL) {
        if (args.command != NULL)
            manual_of(args.command, stdout);
        else
            manual_list(&commands, stdout);
        return EXIT_DONE;
    }
    job.why = args.option[OPTION_WHY];
    uint64_t seconds = CTL_TIMEOUT_S;
    int status = job_number(&job, OPTION_TIMEOUT, 1, CTL_TIMEOUT_MAX_S, &seconds);
    job.timeout_ms = seconds * 1000;
    if (status == EXIT_DONE)
        status = args.command->alone ? run(&job) : do_command(&job);
    if (fflush(stdout) != 0 && status == EXIT_DONE)
        status = job_say(&job, EXIT_REFUSED, "the output cannot be written");
    return status;
}
