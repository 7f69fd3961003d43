/* job.c: what all commands share: calls, questions, messages and exit codes. */
#include "acts/job.h"

#include "base/json_in.h"
#include "reach/login.h"
#include "show/plain.h"
#include "show/value.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/signalfd.h>

enum { SENTENCE_MAX = 1024, NAME_MAX_BYTES = 64 };

bool job_option(const struct job *job, enum option_id id)
{
    return job->args->option[id] != NULL;
}

const char *job_event(const struct job *job)
{
    return args_word(job->args, "EVENT");
}

const char *job_service_name(enum command_service service)
{
    static const char *const names[COMMAND_SERVICES] = {
        [COMMAND_LINE] = "queue-front",
        [COMMAND_SEATS] = "seat-service",
        [COMMAND_PAY] = "payment-adapter",
    };
    return names[service];
}

static int say(const struct job *job, int status, struct span sentence)
{
    struct grow shown = {.ptr = NULL};
    grow_add(&shown, SPAN("fairgate: "));
    plain_put(&shown, sentence);
    const char *text = grow_cstr(&shown);
    fprintf(job->err, "%s\n", text != NULL ? text : "fairgate: no memory");
    grow_free(&shown);
    return status;
}

int job_say(const struct job *job, int status, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return say(job, status, span_of(sentence));
}

int job_number(const struct job *job, enum option_id id, uint64_t min, uint64_t max, uint64_t *out)
{
    const char *text = job->args->option[id];
    if (text == NULL || (span_u64(span_of(text), max, out) && *out >= min))
        return EXIT_DONE;
    return job_say(job, EXIT_USAGE, "--%s: a number from %" PRIu64 " to %" PRIu64, options[id].name,
                   min, max);
}

/* Replaces {NAME} by the word of that name; copies everything else. */
static bool fill(const struct job *job, struct span path, struct text *out)
{
    while (path.len > 0) {
        struct span head;
        path = span_cut(path, '{', &head);
        text_put(out, head);
        if (path.ptr == NULL)
            break;
        struct span name;
        char word[NAME_MAX_BYTES];
        path = span_cut(path, '}', &name);
        if (!span_to_cstr(name, word, sizeof(word)) || args_word(job->args, word) == NULL)
            return false;
        call_put_encoded(out, span_of(args_word(job->args, word)));
    }
    return !out->overflown;
}

int job_call(const struct job *job, enum command_service service, const char *method,
             const char *path, struct call *call)
{
    char memory[CTL_URL_MAX];
    struct text filled = text_on(memory, sizeof(memory) - 1);
    call->method = method;
    if (!fill(job, span_of(path), &filled))
        return job_say(job, EXIT_USAGE, "the words are too long for an address");
    memory[filled.len] = '\0';
    if (job->profile->address[service][0] == '\0')
        return job_say(job, EXIT_USAGE, "the profile does not say where %s is",
                       job_service_name(service));
    if (!call_to(call, job->profile, service, memory))
        return job_say(job, EXIT_USAGE, "the words are too long for an address");
    if (job->profile->operator_name[0] != '\0' && method != NULL)
        call->who = job->profile->operator_name;
    return EXIT_DONE;
}

int job_put_raw(const struct job *job, const struct call *call)
{
    struct span answer = {call->answer.ptr, call->answer.len};
    while (answer.len > 0 && answer.ptr[answer.len - 1] == '\n')
        answer.len--;
    if (answer.len == 0)
        answer = SPAN("{}");
    fwrite(answer.ptr, 1, answer.len, job->out);
    putc('\n', job->out);
    return ferror(job->out) ? job_say(job, EXIT_REFUSED, "the output: %s", strerror(errno))
                            : EXIT_DONE;
}

int job_failed(const struct job *job, enum command_service service, const struct call *call)
{
    struct grow sentence = {.ptr = NULL};
    int status = call_failure(call, job_service_name(service), &sentence);
    say(job, status, (struct span){sentence.ptr, sentence.len});
    grow_free(&sentence);
    return status;
}

void job_renew(const struct job *job)
{
    char token[CTL_TOKEN_MAX];
    struct err_slot err = {.code = ERR_OK};
    if (job->logged_in && login_token(job->profile, &err, token) == 0)
        caller_renew(job->caller, token);
    sodium_memzero(token, sizeof(token));
}

int job_make(const struct job *job, enum command_service service, struct call *call)
{
    job_renew(job);
    caller_make(job->caller, call, 1, job->timeout_ms, -1);
    if (call_good(call))
        return EXIT_DONE;
    if (job_option(job, OPTION_JSON) && call->end == CALL_ANSWERED)
        job_put_raw(job, call);
    return job_failed(job, service, call);
}

int job_get(const struct job *job, enum command_service service, const char *path,
            struct call *call)
{
    int status = job_call(job, service, NULL, path, call);
    return status == EXIT_DONE ? job_make(job, service, call) : status;
}

int job_look(const struct job *job, enum command_service service, const char *path, bool may_lack,
             struct call *call)
{
    *call = (struct call){.method = NULL};
    if (may_lack && job->profile->address[service][0] == '\0')
        return EXIT_DONE;
    int status = job_call(job, service, NULL, path, call);
    if (status != EXIT_DONE)
        return status;
    caller_make(job->caller, call, 1, job->timeout_ms, -1);
    if (call_good(call))
        return EXIT_DONE;
    if (!may_lack || call->end != CALL_ANSWERED || call->status != 404)
        return job_failed(job, service, call);
    json_decref(call->json);
    call->json = NULL;
    return EXIT_DONE;
}

int job_ask(const struct job *job, const char *question)
{
    if (job_option(job, OPTION_YES))
        return EXIT_DONE;
    if (!job->asks)
        return job_say(job, EXIT_USAGE, "%s Nobody can be asked here: say --yes", question);
    struct grow shown = {.ptr = NULL};
    plain_put(&shown, span_of(question));
    const char *text = grow_cstr(&shown);
    fprintf(job->err, "%s [y/N] ", text != NULL ? text : "");
    fflush(job->err);
    grow_free(&shown);
    char answer[8] = "";
    if (fgets(answer, sizeof(answer), stdin) == NULL)
        answer[0] = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
    if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
        return EXIT_DONE;
    return job_say(job, EXIT_CANCELLED, "nothing was done");
}

int job_signals(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

int job_put(const struct job *job, struct grow *text)
{
    int status = EXIT_DONE;
    if (text->failed)
        status = job_say(job, EXIT_REFUSED, "no memory");
    else if (text->len > 0 && fwrite(text->ptr, 1, text->len, job->out) != text->len)
        status = job_say(job, EXIT_REFUSED, "the output: %s", strerror(errno));
    grow_free(text);
    return status;
}

int job_put_json(const struct job *job, json_t *document)
{
    struct grow out = {.ptr = NULL};
    char *text = document != NULL ? json_in_text(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (text != NULL)
        plain_format(&out, "%s\n", text);
    out.failed = out.failed || text == NULL;
    free(text);
    return job_put(job, &out);
}

int job_put_document(const struct job *job, json_t *document,
                     void (*put)(const struct job *job, struct grow *out, const json_t *document))
{
    struct grow out = {.failed = document == NULL};
    if (job_option(job, OPTION_JSON))
        return job_put_json(job, document);
    if (document != NULL)
        put(job, &out, document);
    json_decref(document);
    return job_put(job, &out);
}

char *job_read_file(const struct job *job, const char *path, size_t *len)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    char *bytes = file != NULL ? malloc(CTL_FILE_MAX + 1) : NULL;
    if (bytes == NULL) {
        job_say(job, EXIT_USAGE, "%s: %s", path, strerror(errno));
        if (file != NULL && !standard)
            fclose(file);
        return NULL;
    }
    *len = fread(bytes, 1, CTL_FILE_MAX + 1, file);
    bool bad = ferror(file) != 0;
    int why = errno;
    if (!standard)
        fclose(file);
    if (!bad && *len <= CTL_FILE_MAX)
        return bytes;
    free(bytes);
    job_say(job, EXIT_USAGE, "%s: %s", path, bad ? strerror(why) : "longer than 16 MB");
    return NULL;
}

/* ---- KNOB=VALUE ---- */

/* Text knobs stay texts even if the value looks like a number or JSON. */
static bool is_text_knob(struct span key)
{
    return span_eq(key, SPAN("name")) || span_starts(key, SPAN("message.")) ||
           span_starts(key, SPAN("about."));
}

static json_t *read_value(struct span key, struct span value)
{
    json_t *json = NULL;
    bool is_json = !is_text_knob(key) || span_eq(value, SPAN("null"));
    if (is_json && json_in_parse(value, NULL, &json) == ERR_NOMEM)
        return NULL; /* a number is not accepted as a text */
    return json != NULL ? json : json_stringn(value.ptr, value.len);
}

/* Sets a nested member for "message.ko". Takes the value. */
static bool set_member(json_t *object, struct span key, json_t *value)
{
    struct span name, rest = span_cut(key, '.', &name);
    if (name.len == 0 || (rest.ptr != NULL && rest.len == 0)) {
        json_decref(value);
        return false;
    }
    if (rest.ptr != NULL) {
        json_t *child = json_object_getn(object, name.ptr, name.len);
        if (!json_is_object(child)) {
            child = json_object();
            (void)json_object_setn_new(object, name.ptr, name.len, child);
        }
        object = child;
        name = rest;
    }
    return json_object_setn_new(object, name.ptr, name.len, value) == 0;
}

static bool is_among(const struct args *args, size_t from, size_t end, struct span key)
{
    for (size_t i = from; i < end; i++) {
        struct span other;
        (void)span_cut(span_of(args->word[i]), '=', &other);
        if (span_eq(other, key))
            return true;
    }
    return false;
}

int job_read_settings(const struct job *job, size_t from, json_t *object)
{
    for (size_t i = from; i < job->args->words_len; i++) {
        struct span key;
        struct span value = span_cut(span_of(job->args->word[i]), '=', &key);
        if (value.ptr == NULL || key.len == 0 || !set_member(object, key, read_value(key, value)))
            return job_say(job, EXIT_USAGE, "%.60s: a knob is set as KNOB=VALUE",
                           job->args->word[i]);
        if (is_among(job->args, from, i, key))
            return job_say(job, EXIT_USAGE, "%.*s is there twice", (int)key.len, key.ptr);
    }
    return EXIT_DONE;
}
