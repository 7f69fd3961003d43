/* person.c: instructions to the operator go to the error output, the result to the output.
 * Addresses and codes come from the issuer and are escaped before they are shown. */
#include "acts/runs.h"

#include "acts/generic.h"
#include "reach/login.h"

static int said(const struct job *job, int rc, const struct err_slot *err)
{
    int status = EXIT_USAGE;
    if (rc == ERR_IO)
        status = EXIT_AWAY;
    else if (rc == ERR_AUTH)
        status = EXIT_TOKEN;
    else if (rc == ERR_PEER)
        status = EXIT_UNKNOWN;
    return job_say(job, status, "%s", err->text);
}

static void show(void *ctx, const char *address, const char *code)
{
    const struct job *job = ctx;
    job_say(job, EXIT_DONE, "open %.300s", address);
    job_say(job, EXIT_DONE, "and say yes to the code %.40s", code);
}

static int done(const struct job *job, const char *state)
{
    fprintf(job->out, job_option(job, OPTION_JSON) ? "{\"state\":\"%s\"}\n" : "%s\n", state);
    return EXIT_DONE;
}

int person_login(struct job *job)
{
    struct err_slot err = {.code = ERR_OK};
    const struct login_way way = {
        .by_client = job_option(job, OPTION_CLIENT_CREDENTIALS), .show = show, .ctx = job};
    int rc = login_begin(job->profile, &way, &err);
    return rc < 0 ? said(job, rc, &err) : done(job, "logged in");
}

int person_logout(struct job *job)
{
    struct err_slot err = {.code = ERR_OK}, unsent;
    int rc = login_end(job->profile, &err, &unsent);
    if (rc < 0)
        return said(job, rc, &err);
    if (unsent.code != ERR_OK)
        job_say(job, EXIT_DONE, "logged out here only, the token may be good until it runs out: %s",
                unsent.text);
    return done(job, "logged out");
}

/* Asks the first service of the profile: all three know the same about a token. */
int person_whoami(struct job *job)
{
    enum command_service service = COMMAND_LINE;
    while (service + 1 < COMMAND_SERVICES && job->profile->address[service][0] == '\0')
        service++;
    struct call call = {.method = NULL};
    return generic_end(job, job_get(job, service, "/admin/whoami", &call), &call);
}
