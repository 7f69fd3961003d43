/* about.c: commands about the program itself, without a service. */
#include "acts/runs.h"

#include "version.inc"
#include "words/manual.h"

int about_version(struct job *job)
{
    fprintf(job->out, job_option(job, OPTION_JSON) ? "{\"version\":\"%s\"}\n" : "fairgate %s\n",
            FAIRGATE_VERSION);
    return EXIT_DONE;
}

int about_help(struct job *job)
{
    const char *first = args_word(job->args, "COMMAND");
    const char *second = args_word(job->args, "WORD");
    if (first == NULL)
        manual_list(job->table, job->out);
    else if (!manual_help(job->table, first, second, job->out))
        return job_say(job, EXIT_USAGE, "%.40s%s%.40s: no such command; fairgate help lists them",
                       first, second != NULL ? " " : "", second != NULL ? second : "");
    return EXIT_DONE;
}

int about_completion(struct job *job)
{
    const char *shell = args_word(job->args, "SHELL");
    if (!manual_completion(job->table, shell, job->out))
        return job_say(job, EXIT_USAGE, "%.40s: bash or zsh", shell);
    return EXIT_DONE;
}

int about_manual(struct job *job)
{
    manual_page(job->table, job->out);
    return EXIT_DONE;
}
