/* generic.c: the row of a command names its call. Words that the path does not use become members
 * of the body under the API's names.
 *
 * What cannot be undone needs a confirmation. The question names the event, so one that nobody has
 * is rejected here, and a call to the waiting room carries the version that was read: if somebody
 * else changes the event in between, the service rejects the call. */
#include "acts/generic.h"

#include "base/json_in.h"
#include "show/plain.h"
#include "show/value.h"

#include <stdlib.h>

enum { WORD_MAX = 24 };

/* Words of a command that become members of the body. */
static const struct {
    const char *word;
    const char *member;
    bool number, list;
} members[] = {
    {"RATE", "rate_per_s", true, false}, {"LEFT", "seats_left", true, false},
    {"SEAT", "seats", false, true},      {"GATE", "gate", false, false},
    {"MEMBER", "to", false, false},      {"OWNER", "owner", false, false},
};

/* Reads an option's text as a JSON number; on failure prints why. */
static int read_number(const struct job *job, const char *dashes, const char *name,
                       const char *text, json_t **out)
{
    json_t *json = NULL;
    int rc = json_in_parse(span_of(text), NULL, &json);
    if (json_is_number(json)) {
        *out = json;
        return EXIT_DONE;
    }
    json_decref(json);
    if (rc == ERR_NOMEM)
        return job_say(job, EXIT_REFUSED, "no memory");
    return job_say(job, EXIT_USAGE, "%s%s %.40s: a number is wanted", dashes, name, text);
}

static int add_word(const struct job *job, size_t i, json_t *body)
{
    const struct args *args = job->args;
    const char *name = members[i].word;
    size_t at = args_words_from(args, name);
    if (at == args->words_len)
        return EXIT_DONE;
    json_t *value = NULL;
    if (members[i].list) {
        value = json_array();
        for (; at < args->words_len; at++)
            json_array_append_new(value, json_string(args->word[at]));
    } else if (members[i].number) {
        int status = read_number(job, "", name, args->word[at], &value);
        if (status != EXIT_DONE)
            return status;
    } else {
        value = json_string(args->word[at]);
    }
    if (json_object_set_new(body, members[i].member, value) != 0)
        return job_say(job, EXIT_USAGE, "%s: not UTF-8", name);
    return EXIT_DONE;
}

static json_t *texts_of(const char *given)
{
    json_t *list = json_array();
    struct span rest = span_of(given);
    while (rest.ptr != NULL && rest.len > 0) {
        struct span text;
        rest = span_cut(rest, ',', &text);
        text = span_trim(text);
        if (json_array_append_new(list, json_stringn(text.ptr, text.len)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int add_options(const struct job *job, json_t *body)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        const char *given = job->args->option[i];
        json_t *value = NULL;
        int status = EXIT_DONE;
        if (given == NULL || options[i].way == OPTION_GLOBAL || options[i].way == OPTION_OWN ||
            options[i].way == OPTION_QUERY)
            continue;
        if (options[i].way == OPTION_FLAG)
            value = json_true();
        else if (options[i].way == OPTION_TEXT)
            value = json_string(given);
        else if (options[i].way == OPTION_LIST)
            value = texts_of(given);
        else
            status = read_number(job, "--", options[i].name, given, &value);
        if (status != EXIT_DONE)
            return status;
        if (value == NULL || json_object_set_new(body, options[i].member, value) != 0)
            return job_say(job, EXIT_USAGE, "--%s %.40s: UTF-8 is wanted", options[i].name, given);
    }
    /* The waiting room reads the reason from a header, the other services from the body. */
    if (job->why != NULL && job->args->command->service != COMMAND_LINE &&
        json_object_set_new(body, "reason", json_string(job->why)) != 0)
        return job_say(job, EXIT_USAGE, "--why: not UTF-8");
    return EXIT_DONE;
}

/* Puts the words of a plain call into its body. */
static int add_words(const struct job *job, json_t *body)
{
    static const char *const settings[] = {"KNOB=VALUE", "WHAT=VALUE"};
    int status = EXIT_DONE;
    for (size_t i = 0; status == EXIT_DONE && i < sizeof(members) / sizeof(members[0]); i++)
        status = add_word(job, i, body);
    for (size_t i = 0; status == EXIT_DONE && i < sizeof(settings) / sizeof(settings[0]); i++)
        status = job_read_settings(job, args_words_from(job->args, settings[i]), body);
    return status;
}

static bool add_query(const struct job *job, struct call *call)
{
    struct text url = text_on(call->url, sizeof(call->url) - 1);
    url.len = strlen(call->url);
    bool first = strchr(call->url, '?') == NULL;
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        const char *value = job->args->option[i];
        if (value == NULL || options[i].way != OPTION_QUERY)
            continue;
        text_char(&url, first ? '?' : '&');
        text_str(&url, options[i].member);
        call_put_encoded(&url, span_of(value));
        first = false;
    }
    if (!url.overflown)
        call->url[url.len] = '\0';
    return !url.overflown;
}

/* Reads the version of an event's document for If-Match, and puts its state into the question. */
static int name_event(struct job *job, char etag[CTL_ETAG_MAX], struct grow *question)
{
    struct call call = {.method = NULL};
    int status = job_get(job, COMMAND_LINE, "/admin/events/{EVENT}", &call);
    if (status == EXIT_DONE) {
        memcpy(etag, call.etag, CTL_ETAG_MAX);
        value_fill(question, "{id} ({name}) is {state}. ", call.json);
    }
    call_free(&call);
    return status;
}

/* The seats may be away in the incident that cancels the night, so only 404 ends the command. */
static int name_hall(struct job *job, struct grow *question)
{
    struct call call = {.method = NULL};
    if (call_to_event(&call, job->profile, COMMAND_SEATS, span_of(job_event(job)), ""))
        caller_make(job->caller, &call, 1, job->timeout_ms, -1);
    int status = call.status == 404 ? job_failed(job, COMMAND_SEATS, &call) : EXIT_DONE;
    if (call_good(&call))
        value_fill(question, "{event}: {name}. ", call.json);
    else
        plain_format(question, "%s: its hall cannot be read now. ", job_event(job));
    call_free(&call);
    return status;
}

static int ask(struct job *job, char etag[CTL_ETAG_MAX])
{
    const struct command *command = job->args->command;
    struct grow question = {.ptr = NULL};
    int status = EXIT_DONE;
    if (job_event(job) != NULL)
        status = command->service == COMMAND_LINE ? name_event(job, etag, &question)
                                                  : name_hall(job, &question);
    grow_add(&question, span_of(command->asks));
    const char *text = grow_cstr(&question);
    if (status == EXIT_DONE)
        status = job_ask(job, text != NULL ? text : command->asks);
    grow_free(&question);
    return status;
}

/* Sets the call's If-Match: --if-version, or the version that was read before the question. */
static int depend(const struct job *job, char etag[CTL_ETAG_MAX], struct call *call)
{
    const char *version = job->args->option[OPTION_IF_VERSION];
    uint64_t number = 0;
    if (version != NULL) {
        if (!span_u64(span_of(version), UINT64_MAX, &number))
            return job_say(job, EXIT_USAGE, "--if-version %.40s: a number is wanted", version);
        snprintf(etag, CTL_ETAG_MAX, "\"%.24s\"", version);
    }
    if (etag[0] != '\0')
        call->if_match = etag;
    return EXIT_DONE;
}

int generic_send(struct job *job, json_t *body, struct call *call)
{
    const struct command *command = job->args->command;
    char etag[CTL_ETAG_MAX] = "";
    char *text = NULL;
    int status = body != NULL ? add_options(job, body) : EXIT_DONE;
    if (status == EXIT_DONE && command->asks != NULL)
        status = ask(job, etag);
    if (status == EXIT_DONE)
        status = job_call(job, command->service, command->method, command->path, call);
    if (status == EXIT_DONE)
        status = depend(job, etag, call);
    if (status == EXIT_DONE && !add_query(job, call))
        status = job_say(job, EXIT_USAGE, "the options are too long for an address");
    if (status == EXIT_DONE && body != NULL) {
        text = json_in_text(body, JSON_COMPACT);
        call->body = span_of(text);
    }
    if (status == EXIT_DONE && command->service == COMMAND_LINE && command->method != NULL)
        call->why = job->why;
    if (status == EXIT_DONE)
        status = job_make(job, command->service, call);
    free(text);
    json_decref(body);
    return status;
}

static void put_done(const struct job *job, const char *done, struct grow *out)
{
    struct span rest = span_of(done);
    while (rest.ptr != NULL && rest.len > 0) {
        struct span head, name;
        char word[WORD_MAX];
        rest = span_cut(rest, '{', &head);
        grow_add(out, head);
        if (rest.ptr == NULL)
            break;
        rest = span_cut(rest, '}', &name);
        const char *value =
            span_to_cstr(name, word, sizeof(word)) ? args_word(job->args, word) : NULL;
        plain_put(out, span_of(value != NULL ? value : ""));
    }
    grow_add(out, SPAN("\n"));
}

/* Shows the new version of a waiting-room document that the answer has. */
static void put_version(const struct call *call, struct grow *out)
{
    struct span state = value_text(call->json, "state");
    if (state.len == 0 || value_at(call->json, "version") == NULL)
        return;
    value_fill(out, "It is {state} now, version {version:0}.\n", call->json);
    if (value_at(call->json, "autopilot_state.rate_per_s") != NULL)
        value_fill(out, "The autopilot's rate is {autopilot_state.rate_per_s} a second.\n",
                   call->json);
}

/* The API lists or changes a limited number at a time: says that there is more, and where. */
static void put_more(const struct job *job, const struct call *call, struct grow *out)
{
    uint64_t takes = command_options(job->args->command) & (OPT(BEFORE) | OPT(BELOW));
    const json_t *before = value_at(call->json, "before"), *next = value_at(call->json, "next");
    double more = value_number(call->json, "more");
    if (more > 0)
        plain_format(out, "%.0f more %s.\n", more, more == 1 ? "waits" : "wait");
    if (takes == 0 || (before == NULL && !json_is_integer(next)))
        return;
    plain_format(out, "The next page: --%s ", takes == OPT(BELOW) ? "below" : "before");
    value_show(out, before != NULL ? before : next);
    grow_add(out, SPAN("\n"));
}

int generic_show(const struct job *job, const struct call *call)
{
    const struct command *command = job->args->command;
    struct grow out = {.ptr = NULL};
    if (job_option(job, OPTION_JSON))
        return job_put_raw(job, call);
    if (command->done != NULL) {
        put_done(job, command->done, &out);
        put_version(call, &out);
        put_more(job, call, &out);
    } else if (command->rows != NULL && !call->csv) {
        const json_t *rows =
            command->rows[0] != '\0' ? value_at(call->json, command->rows) : call->json;
        value_rows(&out, rows, command->columns, job->width);
        put_more(job, call, &out);
    } else if (call->json != NULL) {
        const json_t *part =
            command->part != NULL ? value_at(call->json, command->part) : call->json;
        value_members(&out, part, job->width);
    } else {
        return job_put_raw(job, call);
    }
    return job_put(job, &out);
}

int generic_end(const struct job *job, int status, struct call *call)
{
    if (status == EXIT_DONE)
        status = generic_show(job, call);
    call_free(call);
    return status;
}

int generic_send_made(struct job *job, int status, json_t *body, struct call *call)
{
    if (status == EXIT_DONE)
        status = generic_send(job, body, call);
    else
        json_decref(body);
    return generic_end(job, status, call);
}

int generic_send_file(struct job *job, struct call *call)
{
    size_t len = 0;
    char *bytes = job_read_file(job, args_word(job->args, "FILE"), &len);
    if (bytes == NULL)
        return EXIT_USAGE;
    call->body = (struct span){bytes, len};
    call->content_type = job->args->command->body;
    int status = generic_send(job, NULL, call);
    call->body = (struct span){NULL, 0};
    free(bytes);
    return status;
}

int generic_run(struct job *job)
{
    struct call call = {.method = NULL};
    if (job->args->command->body != NULL)
        return generic_end(job, generic_send_file(job, &call), &call);
    const char *method = job->args->command->method;
    bool has_body = method != NULL && strcmp(method, "DELETE") != 0; /* as GET, it takes none */
    json_t *body = has_body ? json_object() : NULL;
    int status = body != NULL ? add_words(job, body) : EXIT_DONE;
    return generic_send_made(job, status, body, &call);
}
