/* login.c: talks to an issuer. Its endpoints come from its own document
 * (/.well-known/openid-configuration), which must have the issuer's name. All requests use TLS or
 * stay on this machine.
 *
 * A login's file holds a short-lived token and one that renews it. An issuer may accept a refresh
 * token only once and treat a second use as theft. So if two programs find the token expired, one
 * renews it; the other waits at the lock and reads what the first one wrote. The file is written
 * under a temporary name and renamed: after a power cut it is either old or new.
 *
 * No message contains any part of a token; callers shorten and escape the issuer's texts. */
#include "reach/login.h"

#include "base/json_in.h"
#include "base/secret_file.h"
#include "reach/call.h"
#include "system/system.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FORM_MAX = 16 * 1024,
    EARLY_S = 30,   /* a token that expires this soon is renewed now */
    INTERVAL_S = 5, /* RFC 8628: if the issuer names none */
    INTERVAL_MAX_S = 60,
    PATH_BYTES_MAX = CONFIG_STRING_MAX + 64,
};

static const char device_grant[] = "urn:ietf:params:oauth:grant-type:device_code";

struct issuer {
    const struct profile *profile;
    struct caller *caller;
    json_t *document; /* its own configuration */
    long status;      /* of its last answer */
};

static json_int_t now_s(void)
{
    return (json_int_t)(system_wall_us() / 1000000);
}

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* ---- asking ---- */

/* Tokens travel without TLS only to programs on this machine. */
static bool is_safe(const char *url)
{
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://127.0.0.1:", 17) == 0 ||
           strncmp(url, "http://localhost:", 17) == 0 || strncmp(url, "http://[::1]:", 13) == 0;
}

/* *out is the JSON of any answer, whatever its status; owned by the caller, also after a refusal by
 * the functions below. `form` NULL: GET. */
static int ask(struct issuer *issuer, const char *url, const struct text *form,
               struct err_slot *err, json_t **out)
{
    struct call call = {.open = true, .outside = true};
    if (!is_safe(url) || !span_to_cstr(span_of(url), call.url, sizeof(call.url)))
        return err_set(err, ERR_RANGE, "the issuer: its addresses must begin with https://");
    if (form != NULL) {
        call.method = "POST";
        call.body = text_span(form);
        call.content_type = "application/x-www-form-urlencoded";
    }
    caller_make(issuer->caller, &call, 1, CTL_TIMEOUT_S * 1000, -1);
    issuer->status = call.status;
    int rc = 0;
    if (call.end != CALL_ANSWERED)
        rc = err_set(err, ERR_IO, "the issuer cannot be reached: %s", call.error);
    else if (call.json == NULL)
        rc = err_set(err, ERR_PEER, "the issuer: its answer (%ld) is no JSON", call.status);
    else
        *out = json_incref(call.json);
    if (call.answer.ptr != NULL)
        sodium_memzero(call.answer.ptr, call.answer.cap);
    call_free(&call);
    return rc;
}

static int read_document(struct issuer *issuer, struct err_slot *err)
{
    char url[PATH_BYTES_MAX];
    const char *name = issuer->profile->issuer;
    size_t len = strlen(name);
    while (len > 0 && name[len - 1] == '/')
        len--;
    snprintf(url, sizeof(url), "%.*s/.well-known/openid-configuration", (int)len, name);
    int rc = ask(issuer, url, NULL, err, &issuer->document);
    if (rc == 0 && strcmp(text_in(issuer->document, "issuer"), name) != 0)
        rc = err_set(err, ERR_AUTH, "the issuer: its document bears another name than the profile");
    return rc;
}

static int open_issuer(const struct profile *profile, struct err_slot *err, struct issuer *out)
{
    *out = (struct issuer){.profile = profile};
    if (profile->issuer[0] == '\0' || profile->client_id[0] == '\0')
        return err_set(err, ERR_RANGE, "the profile names no issuer and client_id to log in with");
    int rc = caller_create(profile, NULL, err, &out->caller);
    return rc == 0 ? read_document(out, err) : rc;
}

static void close_issuer(struct issuer *issuer)
{
    json_decref(issuer->document);
    caller_destroy(issuer->caller);
}

/* ---- forms ---- */

static void put_field(struct text *form, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    if (form->len > 0)
        text_char(form, '&');
    text_str(form, name);
    text_char(form, '=');
    call_put_encoded(form, span_of(value));
}

/* The client's id and, if it has one, its secret. */
static int put_client(struct text *form, const struct profile *profile, struct err_slot *err)
{
    put_field(form, "client_id", profile->client_id);
    if (profile->client_secret_file[0] == '\0')
        return 0;
    char value[CTL_TOKEN_MAX];
    int rc = profile_secret(profile->client_secret_file, err, value);
    if (rc == 0)
        put_field(form, "client_secret", value);
    sodium_memzero(value, sizeof(value));
    return rc;
}

/* The scope to request: the profile's, or the usual one. */
static const char *scope_of(const struct profile *profile, const char *usual)
{
    return profile->scope[0] != '\0' ? profile->scope : usual;
}

struct field {
    const char *name, *value;
};

/* Sends the fields and the client's own to an endpoint of the issuer. Wipes the form; *answer is as
 * in ask(). */
static int send_form(struct issuer *issuer, const char *endpoint, const struct field fields[3],
                     struct err_slot *err, json_t **answer)
{
    char memory[FORM_MAX];
    struct text form = text_on(memory, sizeof(memory) - 1);
    for (size_t i = 0; i < 3 && fields[i].name != NULL; i++)
        put_field(&form, fields[i].name, fields[i].value);
    int rc = put_client(&form, issuer->profile, err);
    if (rc == 0 && form.overflown)
        rc = err_set(err, ERR_FULL, "what the issuer is asked is too long");
    if (rc == 0)
        rc = ask(issuer, text_in(issuer->document, endpoint), &form, err, answer);
    sodium_memzero(memory, sizeof(memory));
    return rc;
}

/* ---- the file ---- */

static int path_of(const struct profile *profile, struct err_slot *err, char out[PATH_BYTES_MAX])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (profile->login_file[0] != '\0')
        snprintf(out, PATH_BYTES_MAX, "%s", profile->login_file);
    else if (state != NULL && state[0] == '/')
        snprintf(out, PATH_BYTES_MAX, "%.900s/fairgate/%s.login", state, profile->name);
    else if (home != NULL && home[0] == '/')
        snprintf(out, PATH_BYTES_MAX, "%.900s/.local/state/fairgate/%s.login", home, profile->name);
    else
        return err_set(err, ERR_NOT_FOUND, "no place for a login: name login_file in the profile");
    return 0;
}

/* Creates the parent folders, private to this user. */
static void make_folders(const char *path)
{
    char folder[PATH_BYTES_MAX];
    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(at - path), path);
        (void)mkdir(folder, 0700); /* it exists, or writing the file will report why not */
    }
}

static int write_file(const char *path, const json_t *kept, struct err_slot *err)
{
    char beside[PATH_BYTES_MAX + 16];
    char *bytes = json_in_text(kept, 0);
    if (bytes == NULL)
        return err_set(err, ERR_NOMEM, "a login");
    make_folders(path);
    snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC); /* 0600 */
    bool good = fd >= 0 && system_write_all(fd, bytes, strlen(bytes)) == 0 && system_sync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (good)
        good = rename(beside, path) == 0;
    int why = errno;
    if (!good && fd >= 0)
        unlink(beside);
    sodium_memzero(bytes, strlen(bytes));
    free(bytes);
    return good ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(why));
}

static int read_file(const char *path, struct err_slot *err, json_t **out)
{
    struct secret_file *file;
    if (access(path, F_OK) != 0)
        return err_set(err, ERR_AUTH, "nobody is logged in: fairgate login");
    int rc = secret_file_read(path, err, &file);
    if (rc < 0)
        return rc;
    rc = json_in_parse(secret_file_span(file), NULL, out);
    secret_file_destroy(file);
    if (rc == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "%s: no memory to read it", path);
    return rc == 0 ? 0 : err_set(err, ERR_AUTH, "%s: no login: fairgate login", path);
}

/* An opaque access token is only for the issuer; then the ID token is sent instead. */
static const char *token_to_show(const json_t *kept)
{
    const char *access = text_in(kept, "access_token"), *id = text_in(kept, "id_token");
    unsigned dots = 0;
    for (const char *at = access; *at != '\0'; at++)
        dots += *at == '.';
    return dots == 2 || id[0] == '\0' ? access : id;
}

/* Stores the tokens of an answer. Tokens that it leaves out stay: a refresh token may be
 * reusable. */
static int keep(const struct issuer *issuer, const char *path, json_t *kept, const json_t *answer,
                bool by_client, struct err_slot *err)
{
    static const char *const tokens[] = {"access_token", "id_token", "refresh_token"};
    json_int_t lives_s = json_integer_value(json_object_get(answer, "expires_in"));
    if (text_in(answer, "access_token")[0] == '\0')
        return err_set(err, ERR_PEER, "the issuer gave no token");
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        json_t *token = json_object_get(answer, tokens[i]);
        if (json_is_string(token))
            json_object_set(kept, tokens[i], token);
    }
    json_object_set_new(kept, "issuer", json_string(issuer->profile->issuer));
    json_object_set_new(kept, "by_client", json_boolean(by_client));
    const char *shown = token_to_show(kept), *part = strchr(shown, '.');
    char bytes[CTL_TOKEN_MAX];
    size_t len = 0;
    json_t *claims = NULL;
    if (shown != text_in(kept, "access_token") && part != NULL && /* an ID token has its own end */
        sodium_base642bin((uint8_t *)bytes, sizeof(bytes), part + 1, strcspn(part + 1, "."), NULL,
                          &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
        json_in_read((struct span){bytes, len}, &claims) == 0)
        lives_s = (json_int_t)json_in_count_of(claims, "exp") - now_s();
    json_decref(claims);
    json_object_set_new(kept, "expires_at", json_integer(now_s() + (lives_s > 0 ? lives_s : 60)));
    return write_file(path, kept, err);
}

/* ---- logging in ---- */

static int say_no(const json_t *answer, const char *what, struct err_slot *err)
{
    const char *code = text_in(answer, "error");
    return err_set(err, ERR_AUTH, "the issuer refuses %s: %.60s", what,
                   code[0] != '\0' ? code : "without saying why");
}

static int by_client(struct issuer *issuer, struct err_slot *err, json_t **answer)
{
    const struct field fields[3] = {{"grant_type", "client_credentials"},
                                    {"scope", scope_of(issuer->profile, "")},
                                    {"resource", issuer->profile->audience}};
    int rc = send_form(issuer, "token_endpoint", fields, err, answer);
    return rc == 0 && issuer->status != 200 ? say_no(*answer, "the client", err) : rc;
}

static int ask_for_code(struct issuer *issuer, struct err_slot *err, json_t **device)
{
    const struct field fields[3] = {{"scope", scope_of(issuer->profile, "openid offline_access")},
                                    {"resource", issuer->profile->audience}};
    if (text_in(issuer->document, "device_authorization_endpoint")[0] == '\0')
        return err_set(err, ERR_NOT_FOUND, "the issuer has no device grant (RFC 8628)");
    int rc = send_form(issuer, "device_authorization_endpoint", fields, err, device);
    if (rc == 0 && (issuer->status != 200 || text_in(*device, "device_code")[0] == '\0'))
        rc = say_no(*device, "a device", err);
    return rc;
}

/* Polls once whether the user has agreed. ERR_TIMEOUT: not yet; *interval_s may have grown. */
static int look(struct issuer *issuer, const json_t *device, unsigned *interval_s,
                struct err_slot *err, json_t **answer)
{
    const struct field fields[3] = {{"grant_type", device_grant},
                                    {"device_code", text_in(device, "device_code")}};
    int rc = send_form(issuer, "token_endpoint", fields, err, answer);
    if (rc < 0 || issuer->status == 200)
        return rc;
    const char *code = text_in(*answer, "error");
    bool slower = strcmp(code, "slow_down") == 0;
    if (slower && *interval_s < INTERVAL_MAX_S)
        *interval_s += INTERVAL_S;
    if (slower || strcmp(code, "authorization_pending") == 0)
        rc = err_set(err, ERR_TIMEOUT, "nobody has said yes");
    else
        rc = say_no(*answer, "to log in", err);
    return rc;
}

static int by_device(struct issuer *issuer, const struct login_way *way, struct err_slot *err,
                     json_t **answer)
{
    json_t *device = NULL;
    int rc = ask_for_code(issuer, err, &device);
    if (rc < 0) {
        json_decref(device);
        return rc;
    }
    const char *whole = text_in(device, "verification_uri_complete");
    json_int_t interval = json_integer_value(json_object_get(device, "interval"));
    json_int_t lives_s = json_integer_value(json_object_get(device, "expires_in"));
    unsigned interval_s =
        interval > 0 && interval <= INTERVAL_MAX_S ? (unsigned)interval : INTERVAL_S;
    json_int_t until = now_s() + (lives_s > 0 && lives_s <= 3600 ? lives_s : 600);
    way->show(way->ctx, whole[0] != '\0' ? whole : text_in(device, "verification_uri"),
              text_in(device, "user_code"));
    do {
        system_sleep_us(interval_s * UINT64_C(1000000));
        json_decref(*answer);
        *answer = NULL;
        rc = look(issuer, device, &interval_s, err, answer);
    } while (rc == ERR_TIMEOUT && now_s() < until);
    json_decref(device);
    return rc == ERR_TIMEOUT ? err_set(err, ERR_AUTH, "nobody said yes in time") : rc;
}

int login_begin(const struct profile *profile, const struct login_way *way, struct err_slot *err)
{
    struct issuer issuer;
    char path[PATH_BYTES_MAX];
    json_t *answer = NULL;
    json_t *kept = json_object();
    int rc = kept != NULL ? open_issuer(profile, err, &issuer) : ERR_NOMEM;
    if (rc == 0)
        rc = path_of(profile, err, path);
    if (rc == 0)
        rc = way->by_client ? by_client(&issuer, err, &answer)
                            : by_device(&issuer, way, err, &answer);
    if (rc == 0)
        rc = keep(&issuer, path, kept, answer, way->by_client, err);
    json_decref(answer);
    if (kept != NULL)
        close_issuer(&issuer);
    json_decref(kept);
    return rc;
}

/* ---- using it ---- */

static int renew(struct issuer *issuer, json_t *kept, const char *path, struct err_slot *err)
{
    json_t *answer = NULL;
    bool machine = json_is_true(json_object_get(kept, "by_client"));
    const char *token = text_in(kept, "refresh_token");
    int rc = open_issuer(issuer->profile, err, issuer);
    if (rc < 0)
        return rc;
    if (machine) {
        rc = by_client(issuer, err, &answer);
    } else if (token[0] == '\0') {
        rc = err_set(err, ERR_AUTH, "the login has run out: fairgate login");
    } else {
        const struct field fields[3] = {{"grant_type", "refresh_token"},
                                        {"refresh_token", token},
                                        {"resource", issuer->profile->audience}};
        rc = send_form(issuer, "token_endpoint", fields, err, &answer);
        if (rc == 0 && issuer->status != 200)
            rc = err_set(err, ERR_AUTH, "the login is over (%.60s): fairgate login",
                         text_in(answer, "error"));
    }
    if (rc == 0)
        rc = keep(issuer, path, kept, answer, machine, err);
    json_decref(answer);
    return rc;
}

static bool is_good(const struct profile *profile, const json_t *kept)
{
    return strcmp(text_in(kept, "issuer"), profile->issuer) == 0 &&
           json_integer_value(json_object_get(kept, "expires_at")) > now_s() + EARLY_S;
}

/* Renews under the lock, so that only one program does. */
static int renew_alone(const struct profile *profile, const char *path, struct err_slot *err,
                       json_t **kept)
{
    char lock[PATH_BYTES_MAX + 16];
    struct issuer issuer = {.profile = profile};
    snprintf(lock, sizeof(lock), "%s.lock", path);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        if (fd >= 0)
            close(fd);
        return err_set(err, ERR_IO, "%s: %s", lock, strerror(errno));
    }
    json_t *newer = NULL;
    int rc = read_file(path, err, &newer);
    if (rc == 0) {
        json_decref(*kept);
        *kept = newer;
        if (strcmp(text_in(newer, "issuer"), profile->issuer) != 0)
            rc = err_set(err, ERR_AUTH, "the login is of another issuer: fairgate login");
        else if (!is_good(profile, newer))
            rc = renew(&issuer, newer, path, err);
    }
    close_issuer(&issuer);
    close(fd); /* releases the lock */
    return rc;
}

int login_token(const struct profile *profile, struct err_slot *err, char *out)
{
    char path[PATH_BYTES_MAX];
    json_t *kept = NULL;
    int rc = path_of(profile, err, path);
    if (rc == 0)
        rc = read_file(path, err, &kept);
    if (rc == 0 && !is_good(profile, kept))
        rc = renew_alone(profile, path, err, &kept);
    if (rc == 0 && !span_to_cstr(span_of(token_to_show(kept)), out, CTL_TOKEN_MAX))
        rc = err_set(err, ERR_RANGE, "the issuer's token is too long");
    json_decref(kept);
    return rc;
}

/* Revokes the token by RFC 7009, where a 200 may have no body. */
static int give_back(const struct profile *profile, const json_t *kept, struct err_slot *err)
{
    const struct field fields[3] = {{"token", text_in(kept, "refresh_token")}};
    struct issuer issuer = {.profile = profile};
    json_t *answer = NULL;
    if (strcmp(text_in(kept, "issuer"), profile->issuer) != 0)
        return err_set(err, ERR_AUTH, "the login is of another issuer");
    int rc = open_issuer(profile, err, &issuer);
    if (rc == 0 && text_in(issuer.document, "revocation_endpoint")[0] == '\0')
        rc = err_set(err, ERR_NOT_FOUND, "the issuer takes no token back (RFC 7009)");
    if (rc == 0) {
        rc = send_form(&issuer, "revocation_endpoint", fields, err, &answer);
        if ((rc == 0 || rc == ERR_PEER) && issuer.status == 200)
            rc = 0;
        else if (rc == 0)
            rc = say_no(answer, "to take the token back", err);
    }
    json_decref(answer);
    close_issuer(&issuer);
    return rc;
}

int login_end(const struct profile *profile, struct err_slot *err, struct err_slot *unsent)
{
    char path[PATH_BYTES_MAX];
    json_t *kept = NULL;
    *unsent = (struct err_slot){.code = ERR_OK};
    int rc = path_of(profile, err, path);
    if (rc == 0 && access(path, F_OK) != 0)
        rc = err_set(err, ERR_NOT_FOUND, "nobody is logged in");
    if (rc < 0)
        return rc;
    int sent = read_file(path, unsent, &kept);
    if (sent == 0 && text_in(kept, "refresh_token")[0] != '\0')
        sent = give_back(profile, kept, unsent);
    json_decref(kept);
    if (sent == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "%s", unsent->text);
    return unlink(path) == 0 ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
}
