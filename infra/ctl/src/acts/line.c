/* line.c: waiting room commands that a row of the table cannot express. */
#include "acts/runs.h"

#include "acts/generic.h"
#include "base/json_in.h"
#include "commands/verify_draw.h"
#include "show/value.h"
#include "system/system.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int line_events(struct job *job)
{
    struct call call = {.method = NULL};
    struct grow names = {.ptr = NULL};
    int status = generic_send(job, NULL, &call);
    if (status == EXIT_DONE && !job_option(job, OPTION_NAMES))
        status = generic_show(job, &call);
    else if (status == EXIT_DONE) {
        const json_t *events = value_at(call.json, "events");
        for (size_t i = 0; i < json_array_size(events); i++)
            value_fill(&names, "{id}\n", json_array_get(events, i));
        status = job_put(job, &names);
    }
    call_free(&call);
    return status;
}

/* Prints the live numbers above the knobs; with --json prints only the document. */
int line_show(struct job *job)
{
    struct call document = {.method = NULL}, list = {.method = NULL};
    struct grow out = {.ptr = NULL};
    bool json = job_option(job, OPTION_JSON);
    int status = job_get(job, COMMAND_LINE, "/admin/events/{EVENT}", &document);
    if (status == EXIT_DONE && !json)
        status = job_get(job, COMMAND_LINE, "/admin/events?id={EVENT}", &list);
    if (status == EXIT_DONE && json) {
        status = job_put_raw(job, &document);
    } else if (status == EXIT_DONE) {
        const json_t *live = value_at(json_array_get(value_at(list.json, "events"), 0), "live");
        if (live != NULL)
            value_members(&out, live, job->width);
        grow_add(&out, SPAN("\n"));
        value_members(&out, document.json, job->width);
        status = job_put(job, &out);
    }
    call_free(&document);
    call_free(&list);
    return status;
}

/* If the event has a hall, takes from it when and where the show is. */
int line_create(struct job *job)
{
    bool replaces = job_option(job, OPTION_IF_VERSION);
    struct call call = {.method = NULL, .if_none_match = replaces ? NULL : "*"}, hall;
    json_t *body = json_object();
    int status = job_read_settings(job, args_words_from(job->args, "KNOB=VALUE"), body);
    if (status == EXIT_DONE) {
        status = job_look(job, COMMAND_SEATS, "/admin/events/{EVENT}", true, &hall);
        if (hall.json != NULL && status == EXIT_DONE)
            sale_copy_show(hall.json, body);
        call_free(&hall);
    }
    return generic_send_made(job, status, body, &call);
}

/* ---- codes ---- */

static int send_codes(struct job *job, json_t *codes, struct call *call)
{
    uint64_t number = 1;
    int status = job_number(job, OPTION_USES, 0, 10000000, &number);
    if (status != EXIT_DONE)
        return status;
    call_free(call);
    json_t *body = json_pack("{s:O, s:I}", "codes", codes, "uses", (json_int_t)number);
    return generic_send(job, body, call);
}

/* Each line of the file is a code; empty lines are skipped. The API takes a thousand at a time.
 * Loading a code twice changes nothing, so an interrupted load can be repeated. */
int line_codes_load(struct job *job)
{
    struct call call = {.method = NULL};
    size_t len = 0;
    char *bytes = job_read_file(job, args_word(job->args, "FILE"), &len);
    if (bytes == NULL)
        return EXIT_USAGE;
    int status = EXIT_DONE;
    size_t sent = 0;
    json_t *codes = json_array();
    struct span rest = {bytes, len};
    while (status == EXIT_DONE && rest.ptr != NULL) {
        struct span line;
        rest = span_cut(rest, '\n', &line);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        line = span_trim(line);
        if (line.len > 0 && json_array_append_new(codes, json_stringn(line.ptr, line.len)) != 0)
            status = job_say(job, EXIT_USAGE, "a code is not UTF-8");
        if (status == EXIT_DONE && json_array_size(codes) > 0 &&
            (rest.ptr == NULL || json_array_size(codes) == CTL_CODES_A_CALL)) {
            status = send_codes(job, codes, &call);
            sent += status == EXIT_DONE ? json_array_size(codes) : 0;
            json_array_clear(codes);
        }
    }
    free(bytes);
    json_decref(codes);
    if (status == EXIT_DONE && sent == 0)
        status = job_say(job, EXIT_USAGE, "there is no code in it");
    else if (status == EXIT_DONE)
        status = generic_show(job, &call);
    else if (sent > 0) /* so "nothing happened" would be wrong */
        status = job_say(job, status == EXIT_AWAY ? EXIT_UNKNOWN : status,
                         "%zu codes were loaded before that; load the file again", sent);
    call_free(&call);
    return status;
}

/* ---- the draw ---- */

/* Runs verify-draw, the checker that outsiders use. It reads a file, so the answer goes into an
 * anonymous one. */
static int verify(const struct job *job, const struct call *call)
{
    char path[40];
    char *argv[8] = {(char *)(uintptr_t) "verify-draw", path};
    int argc = 2;
    int fd = memfd_create("fairness", MFD_CLOEXEC);
    if (fd < 0 || write(fd, call->answer.ptr, call->answer.len) != (ssize_t)call->answer.len) {
        if (fd >= 0)
            close(fd);
        return job_say(job, EXIT_REFUSED, "the answer cannot be kept: %s", strerror(errno));
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (job_option(job, OPTION_ENTRY)) {
        argv[argc++] = (char *)(uintptr_t) "--entry";
        argv[argc++] = (char *)(uintptr_t)job->args->option[OPTION_ENTRY];
    }
    if (job_option(job, OPTION_COMMITMENT)) {
        argv[argc++] = (char *)(uintptr_t) "--commitment";
        argv[argc++] = (char *)(uintptr_t)job->args->option[OPTION_COMMITMENT];
    }
    int judged = verify_draw_main(argc, argv);
    close(fd);
    return judged == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int line_fairness(struct job *job)
{
    struct call call = {.method = NULL};
    int status = generic_send(job, NULL, &call);
    if (status == EXIT_DONE)
        status = job_option(job, OPTION_VERIFY) ? verify(job, &call) : generic_show(job, &call);
    call_free(&call);
    return status;
}

/* ---- the archive ---- */

/* Appends one part; `path` becomes that of the next part, "" after the last one. */
static int fetch_part(struct job *job, char path[CTL_URL_MAX], FILE *file)
{
    struct call call = {.method = NULL};
    if (!call_to(&call, job->profile, COMMAND_LINE, path))
        return job_say(job, EXIT_REFUSED, "the next part has an address that is too long");
    int status = job_make(job, COMMAND_LINE, &call);
    if (status == EXIT_DONE && fwrite(call.answer.ptr, 1, call.answer.len, file) != call.answer.len)
        status = job_say(job, EXIT_REFUSED, "writing the archive: %s", strerror(errno));
    memcpy(path, call.link, CTL_URL_MAX);
    call_free(&call);
    return status;
}

static int fetch_archive(struct job *job, FILE *file)
{
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), "/admin/events/%s/archive%s", job_event(job),
             job_option(job, OPTION_RUNNING) ? "?running=true" : "");
    int status = EXIT_DONE;
    for (unsigned part = 0; status == EXIT_DONE && path[0] != '\0'; part++) {
        if (part == CTL_PARTS_MAX)
            return job_say(job, EXIT_REFUSED, "the archive has no end");
        status = fetch_part(job, path, file);
    }
    return status;
}

/* Renames, and returns whether the disk has the new name. */
static bool put_in_place(const char *part, const char *path)
{
    char folder[CONFIG_STRING_MAX];
    snprintf(folder, sizeof(folder), "%s", path);
    int fd = rename(part, path) == 0 ? open(dirname(folder), O_RDONLY | O_CLOEXEC) : -1;
    bool good = fd >= 0 && system_sync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Writes under a temporary name first, so a file with the final name is a complete archive, and on
 * the disk before the service hears of it. Only its owner may read it: it has the trail. The
 * version is read before the parts, so the archive is never older than the version it reports. */
int line_archive(struct job *job)
{
    const char *path = args_word(job->args, "FILE");
    char part[CONFIG_STRING_MAX];
    char etag[CTL_ETAG_MAX] = "";
    struct call event = {.method = NULL};
    int status = job_get(job, COMMAND_LINE, "/admin/events/{EVENT}", &event);
    memcpy(etag, event.etag, CTL_ETAG_MAX);
    call_free(&event);
    if (status != EXIT_DONE)
        return status;
    if (snprintf(part, sizeof(part), "%s.XXXXXX", path) >= (int)sizeof(part))
        return job_say(job, EXIT_USAGE, "the name of the file is too long");
    int fd = mkostemp(part, O_CLOEXEC); /* 0600 */
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL)
        return job_say(job, EXIT_USAGE, "%s: %s", path, strerror(errno));
    status = fetch_archive(job, file);
    bool written = fflush(file) == 0 && system_sync(fd) == 0;
    written = fclose(file) == 0 && written;
    if (status == EXIT_DONE && (!written || !put_in_place(part, path)))
        status = job_say(job, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    if (status != EXIT_DONE) {
        unlink(part);
        return status;
    }
    /* Confirms the archive: a deletion checks that this version was archived. */
    struct call call = {.if_match = etag};
    if (!job_option(job, OPTION_RUNNING))
        status = generic_send(job, json_object(), &call);
    call_free(&call);
    if (status == EXIT_DONE && !job_option(job, OPTION_JSON))
        fprintf(job->out, "It lies in %s.\n", path);
    return status;
}
