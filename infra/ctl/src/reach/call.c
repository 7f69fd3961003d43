/* call.c: libcurl's multi interface, driven by poll. A picture of three services is drawn once the
 * slowest has answered, and a key press meanwhile ends the wait.
 *
 * Outcomes are never guessed: after a refused connection nothing happened; after one that broke
 * once the request was written, it may have happened.
 *
 * No redirect is followed, and only HTTP is spoken. The token goes only to the address in the
 * profile and, where several processes share the events, to the owner that seat-service names
 * there, by the same scheme. It is put into a header in memory, never into an argument. */
#include "reach/call.h"

#include "base/json_in.h"
#include "show/plain.h"
#include "show/value.h"
#include "system/system.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADER_MAX = CTL_TOKEN_MAX + 64 };

struct caller {
    CURLM *multi;
    char bearer[CTL_TOKEN_MAX + 8]; /* "": no token */
    char ca_file[CONFIG_STRING_MAX];
};

int caller_create(const struct profile *profile, const char *token, struct err_slot *err,
                  struct caller **out)
{
    struct caller *caller = calloc(1, sizeof(*caller));
    if (caller == NULL)
        return err_set(err, ERR_NOMEM, "a caller");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (caller->multi = curl_multi_init()) == NULL) {
        free(caller);
        return err_set(err, ERR_NOMEM, "libcurl");
    }
    memcpy(caller->ca_file, profile->ca_file, sizeof(caller->ca_file));
    if (token != NULL)
        caller_renew(caller, token);
    *out = caller;
    return 0;
}

void caller_renew(struct caller *caller, const char *token)
{
    snprintf(caller->bearer, sizeof(caller->bearer), "Bearer %s", token);
}

void caller_destroy(struct caller *caller)
{
    if (caller == NULL)
        return;
    curl_multi_cleanup(caller->multi);
    curl_global_cleanup();
    sodium_memzero(caller, sizeof(*caller));
    free(caller);
}

/* Returns where the path begins; 0: the address is unknown or too long. */
static size_t put_url(struct call *call, const char *address, const char *path)
{
    struct span host = span_of(address);
    while (host.len > 0 && host.ptr[host.len - 1] == '/')
        host.len--;
    struct text url = text_on(call->url, sizeof(call->url) - 1);
    text_put(&url, host);
    text_str(&url, path);
    call->url[url.len] = '\0';
    return url.overflown ? 0 : host.len;
}

bool call_to(struct call *call, const struct profile *profile, enum command_service service,
             const char *path)
{
    size_t path_at = put_url(call, profile->address[service], path);
    call->path_at = service == COMMAND_SEATS ? path_at : 0;
    return path_at > 0;
}

bool call_to_event(struct call *call, const struct profile *profile, enum command_service service,
                   struct span event, const char *leaf)
{
    char path[CTL_URL_MAX];
    struct text out = text_on(path, sizeof(path) - 1);
    TEXT_LIT(&out, "/admin/events/");
    call_put_encoded(&out, event);
    text_str(&out, leaf);
    path[out.len] = '\0';
    return !out.overflown && call_to(call, profile, service, path);
}

bool call_to_edge(struct call *call, const struct profile *profile, const char *path)
{
    return put_url(call, profile->edge, path) > 0;
}

void call_put_encoded(struct text *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain)
            text_char(out, (char)c);
        else
            text_printf(out, "%%%02X", c);
    }
}

static bool add_header(struct call *call, const char *name, const char *value, bool encoded)
{
    if (value == NULL || value[0] == '\0')
        return true;
    char memory[HEADER_MAX];
    struct text line = text_on(memory, sizeof(memory) - 1);
    text_str(&line, name);
    TEXT_LIT(&line, ": ");
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
        /* Encoded: printable ASCII except % stays, the rest is percent-encoded for the services. */
        if (!encoded || (*c >= ' ' && *c <= '~' && *c != '%'))
            text_char(&line, (char)*c);
        else
            text_printf(&line, "%%%02X", *c);
    }
    memory[line.len] = '\0';
    struct curl_slist *longer = line.overflown ? NULL : curl_slist_append(call->headers, memory);
    if (longer == NULL)
        return false;
    call->headers = longer;
    return true;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    size_t len = size * count;
    if (len > CTL_ANSWER_MAX - call->answer.len)
        return 0; /* makes libcurl end the transfer */
    grow_add(&call->answer, (struct span){bytes, len});
    return call->answer.failed ? 0 : len;
}

#define SET(option, value) (good = good && curl_easy_setopt(call->easy, option, value) == CURLE_OK)

static bool prepare(const struct caller *caller, struct call *call, uint64_t timeout_ms)
{
    const char *type = call->content_type != NULL ? call->content_type : "application/json";
    const char *bearer = call->open ? call->bearer : caller->bearer;
    bool good = add_header(call, "If-Match", call->if_match, false) &&
                add_header(call, "If-None-Match", call->if_none_match, false) &&
                add_header(call, "X-Reason", call->why, true) &&
                add_header(call, "X-Operator", call->who, true) &&
                add_header(call, "Content-Type", call->body.ptr != NULL ? type : NULL, false) &&
                add_header(call, "Authorization", bearer, false) &&
                add_header(call, "Cookie", call->cookie, false) &&
                add_header(call, "Idempotency-Key", call->key, false) &&
                add_header(call, "Accept", "application/json", false);
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_USERAGENT, "fairgate");
    if (!call->outside)
        SET(CURLOPT_PROXY, "");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    SET(CURLOPT_ERRORBUFFER, call->error);
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, call);
    if (call->body.ptr != NULL) {
        SET(CURLOPT_POSTFIELDS, call->body.ptr);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    }
    if (call->method != NULL)
        SET(CURLOPT_CUSTOMREQUEST, call->method);
    if (caller->ca_file[0] != '\0')
        SET(CURLOPT_CAINFO, caller->ca_file);
    SET(CURLOPT_HTTPHEADER, call->headers);
    return good;
}

static void begin(struct caller *caller, struct call *call, uint64_t timeout_ms)
{
    call->end = CALL_STOPPED;
    call->asked_s = (int64_t)(system_wall_us() / 1000000);
    call->easy = curl_easy_init();
    if (call->easy == NULL || !prepare(caller, call, timeout_ms) ||
        curl_multi_add_handle(caller->multi, call->easy) != CURLM_OK) {
        call->end = CALL_AWAY;
        snprintf(call->error, sizeof(call->error), "the request cannot be made");
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
    }
}

static const char *header_of(CURL *easy, const char *name)
{
    struct curl_header *header = NULL;
    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value
                                                                                   : NULL;
}

/* Reads the path from "</admin/...>; rel="next"". */
static void read_link(struct call *call, const char *value)
{
    struct span inside;
    if (value == NULL || value[0] != '<' || strstr(value, "rel=\"next\"") == NULL)
        return;
    span_cut(span_of(value + 1), '>', &inside);
    if (span_starts(inside, SPAN("/")))
        span_to_cstr(inside, call->link, sizeof(call->link));
}

/* Keeps "fg_session=..; fg_device=.." without the cookies' attributes. */
static void read_cookies(struct call *call)
{
    struct text text = text_on(call->cookies, sizeof(call->cookies) - 1);
    struct curl_header *header = NULL;
    for (size_t i = 0;
         curl_easy_header(call->easy, "Set-Cookie", i, CURLH_HEADER, -1, &header) == CURLHE_OK;
         i++) {
        struct span pair;
        span_cut(span_of(header->value), ';', &pair);
        text_str(&text, i > 0 ? "; " : "");
        text_put(&text, pair);
    }
    call->cookies[text.overflown ? 0 : text.len] = '\0';
}

static void read_answer(struct call *call)
{
    curl_off_t took_us = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
    curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    call->took_ms = (uint64_t)took_us / 1000;
    call->answered_s = (int64_t)(system_wall_us() / 1000000);
    call->retry_after_s = (long)retry_after_s;
    const char *etag = header_of(call->easy, "ETag");
    if (etag != NULL)
        span_to_cstr(span_of(etag), call->etag, sizeof(call->etag));
    const char *date = header_of(call->easy, "Date");
    time_t date_s = date != NULL ? curl_getdate(date, NULL) : -1;
    call->date_s = date_s > 0 ? date_s : 0;
    read_link(call, header_of(call->easy, "Link"));
    read_cookies(call);
    const char *type = header_of(call->easy, "Content-Type");
    call->csv = type != NULL && strstr(type, "csv") != NULL;
    if (type != NULL && strstr(type, "json") != NULL && strstr(type, "ndjson") == NULL &&
        call->answer.len > 0) {
        struct err_slot err;
        json_t *json = NULL;
        int rc = json_in_parse((struct span){call->answer.ptr, call->answer.len}, &err, &json);
        if (rc == 0) {
            call->json = json;
        } else if (rc == ERR_NOMEM) { /* so that it is not taken for an empty answer */
            call->end = CALL_UNKNOWN;
            snprintf(call->error, sizeof(call->error), "%s", err.text);
        }
    }
}

static struct call *end(struct caller *caller, CURL *easy, CURLcode code)
{
    struct call *call = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
    assert(call != NULL && call->easy == easy);
    curl_off_t sent = 0;
    long request = 0;
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request);
    if (code == CURLE_OK) {
        call->end = CALL_ANSWERED;
        read_answer(call);
    } else {
        call->end = request == 0 && sent == 0 ? CALL_AWAY : CALL_UNKNOWN;
        if (call->error[0] == '\0')
            snprintf(call->error, sizeof(call->error), "%s", curl_easy_strerror(code));
    }
    curl_multi_remove_handle(caller->multi, easy);
    curl_easy_cleanup(easy);
    call->easy = NULL;
    curl_slist_free_all(call->headers);
    call->headers = NULL;
    return call;
}

/* HOST:PORT and nothing else, because it becomes part of an address. */
static bool is_place(struct span place)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    return place.len > 0 && span_is_of(place, plain);
}

/* Points the same call at that place; false: the url would be too long. */
static bool turn_to(struct call *call, struct span place)
{
    char memory[CTL_URL_MAX];
    struct text url = text_on(memory, sizeof(memory) - 1);
    struct span host = {call->url, call->path_at};
    size_t scheme_len = span_starts(host, SPAN("https://")) ? 8 : 7;
    text_put(&url, (struct span){call->url, scheme_len});
    text_put(&url, place);
    size_t path_at = url.len;
    text_str(&url, call->url + call->path_at);
    if (url.overflown)
        return false;
    memory[url.len] = '\0';
    memcpy(call->url, memory, url.len + 1);
    call->path_at = path_at;
    return true;
}

/* Another process owns the event. First repeats the call at the same address: an edge there has
 * learnt the owner from this answer. After that it goes to the owner itself. */
static bool is_sent_on(struct call *call)
{
    struct span place = value_text(call->json, "private_address");
    if (call->end != CALL_ANSWERED || call->status != 421 || call->path_at == 0 ||
        call->sent_on == CTL_SENT_ON_MAX || !is_place(place) ||
        (call->sent_on > 0 && !turn_to(call, place)))
        return false;
    span_to_cstr_cut(value_text(call->json, "owner"), call->owner, sizeof(call->owner));
    call->sent_on += 1;
    grow_clear(&call->answer);
    json_decref(call->json);
    call->json = NULL;
    call->status = call->retry_after_s = 0;
    return true;
}

/* Ends finished calls or repeats them elsewhere; returns whether any is still running. */
static bool harvest(struct caller *caller, uint64_t timeout_ms)
{
    int running = 0;
    int left = 0;
    CURLMsg *message = NULL;
    curl_multi_perform(caller->multi, &running);
    while ((message = curl_multi_info_read(caller->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct call *call = end(caller, message->easy_handle, message->data.result);
        if (!is_sent_on(call))
            continue;
        begin(caller, call, timeout_ms);
        running += call->easy != NULL;
    }
    return running > 0;
}

bool caller_make(struct caller *caller, struct call *calls, size_t len, uint64_t timeout_ms,
                 int stop_fd)
{
    for (size_t i = 0; i < len; i++)
        if (calls[i].url[0] != '\0')
            begin(caller, &calls[i], timeout_ms);
    struct curl_waitfd stop = {.fd = stop_fd, .events = CURL_WAIT_POLLIN};
    while (stop.revents == 0 && harvest(caller, timeout_ms))
        curl_multi_poll(caller->multi, &stop, stop_fd >= 0 ? 1 : 0, 1000, NULL);
    for (size_t i = 0; i < len; i++) {
        if (calls[i].easy == NULL)
            continue;
        curl_multi_remove_handle(caller->multi, calls[i].easy);
        curl_easy_cleanup(calls[i].easy);
        calls[i].easy = NULL;
    }
    return stop.revents == 0;
}

void call_free(struct call *call)
{
    grow_free(&call->answer);
    json_decref(call->json);
    curl_slist_free_all(call->headers);
    *call = (struct call){.method = NULL};
}

bool call_good(const struct call *call)
{
    return call->end == CALL_ANSWERED && call->status >= 200 && call->status < 300;
}

static void put_refusal(const struct call *call, const char *who, struct grow *out)
{
    struct span code = value_text(call->json, "code");
    struct span detail = value_text(call->json, "detail");
    struct span pointer = value_text(call->json, "pointer");
    struct span rule = value_text(call->json, "rule");
    const json_t *clashes = value_at(call->json, "clashes");
    if (detail.len == 0)
        detail = value_text(call->json, "title");
    if (detail.len > 0)
        plain_format(out, "%s: %.*s", who, (int)detail.len, detail.ptr);
    else if (code.len > 0)
        plain_format(out, "%s refused", who);
    else
        plain_format(out, "%s answered %ld", who, call->status);
    if (rule.len > 0 &&
        (detail.len < rule.len || memmem(detail.ptr, detail.len, rule.ptr, rule.len) == NULL))
        plain_format(out, "; %.*s %.*s", (int)pointer.len, pointer.ptr, (int)rule.len, rule.ptr);
    if (value_at(call->json, "seats") != NULL)
        value_fill(out, "; {seats}", call->json);
    for (size_t i = 0; i < json_array_size(clashes); i++)
        value_fill(out, "; {path} {why}", json_array_get(clashes, i));
    if (code.len > 0)
        value_fill(out, " ({code})", call->json);
    if (call->retry_after_s > 0)
        plain_format(out, "; try again in %ld s", call->retry_after_s);
}

int call_failure(const struct call *call, const char *who, struct grow *out)
{
    switch (call->end) {
    case CALL_AWAY:
        if (call->sent_on > 1)
            plain_format(out, "%s %s, which has the event, cannot be reached: %s", who, call->owner,
                         call->error);
        else
            plain_format(out, "%s cannot be reached: %s", who, call->error);
        return EXIT_AWAY;
    case CALL_UNKNOWN:
        plain_format(out, "%s gave no answer: %s%s", who, call->error,
                     call->method == NULL ? ""
                                          : "; whether it happened is not known, so look before "
                                            "you repeat it");
        return EXIT_UNKNOWN;
    case CALL_STOPPED:
        grow_add(out, SPAN("stopped"));
        return EXIT_CANCELLED;
    case CALL_ANSWERED:
        break;
    }
    put_refusal(call, who, out);
    if (call->status == 401 || call->status == 403)
        return EXIT_TOKEN;
    return call->status == 412 ? EXIT_CHANGED : EXIT_REFUSED;
}
