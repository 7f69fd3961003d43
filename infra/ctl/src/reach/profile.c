/* profile.c: reads and validates every section of the file, also those that are not used, so that a
 * rehearsal finds a misspelt word in the production profile. The file holds addresses and file
 * names, no secrets, so anybody may read it. */
#include "reach/profile.h"

#include "base/secret_file.h"
#include "system/plain_file.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = CTL_PROFILE_NAME_MAX, ROWS = 14 };

/* All settings are texts and optional. */
#define TEXT_OF(KEY, FIELD, BYTES_MAX, HELP)                                                       \
    {                                                                                              \
        "", KEY, CONFIG_STRING, offsetof(struct profile, FIELD), "", 0, BYTES_MAX, NULL, HELP      \
    }

static const struct config_setting rows[ROWS] = {
    TEXT_OF("queue", address[COMMAND_LINE], 1023, "private listener of the waiting room"),
    TEXT_OF("seats", address[COMMAND_SEATS], 1023, "of the seats"),
    TEXT_OF("pay", address[COMMAND_PAY], 1023, "of the way out"),
    TEXT_OF("edge", edge, 1023, "what visitors open"),
    TEXT_OF("token_file", token_file, 1023, "where the token lies"),
    TEXT_OF("token_command", token_command, 1023, "what prints it"),
    TEXT_OF("ca_file", ca_file, 1023, "certificates that are believed"),
    TEXT_OF("operator", operator_name, 80, "the name on the trail"),
    TEXT_OF("issuer", issuer, 1023, "where operators log in"),
    TEXT_OF("client_id", client_id, 1023, "this program's name there"),
    TEXT_OF("client_secret_file", client_secret_file, 1023, "its secret, if it has one"),
    TEXT_OF("scope", scope, 1023, "what is asked for"),
    TEXT_OF("audience", audience, 1023, "for whom a token is asked"),
    TEXT_OF("login_file", login_file, 900, "where a login is kept"),
};

#undef TEXT_OF

struct profiles {
    size_t len;
    char name[CTL_PROFILES_MAX][NAME_MAX_BYTES];
    struct profile profile[CTL_PROFILES_MAX];
    struct config_setting rows[CTL_PROFILES_MAX][ROWS];
    struct config_part parts[CTL_PROFILES_MAX];
};

static size_t find(const struct profiles *profiles, const char *name)
{
    size_t i = 0;
    while (i < profiles->len && strcmp(profiles->name[i], name) != 0)
        i++;
    return i;
}

/* Collects the section names; config_parse() validates the rest. */
static int find_names(const char *path, struct span text, struct err_slot *err,
                      struct profiles *profiles)
{
    unsigned number = 0;
    while (text.ptr != NULL) {
        struct span line, name;
        text = span_cut(text, '\n', &line);
        number++;
        line = span_trim(line);
        if (!span_starts(line, SPAN("[")))
            continue;
        span_cut(span_skip(line, 1), ']', &name);
        char word[NAME_MAX_BYTES];
        if (name.len == 0 || !span_to_cstr(name, word, sizeof(word)))
            return err_set(err, ERR_SYNTAX, "%s:%u: no name of a profile", path, number);
        size_t at = find(profiles, word);
        if (at == CTL_PROFILES_MAX)
            return err_set(err, ERR_FULL, "%s:%u: more than %d profiles", path, number,
                           CTL_PROFILES_MAX);
        if (at < profiles->len)
            continue;
        memcpy(profiles->name[at], word, sizeof(word));
        for (size_t i = 0; i < ROWS; i++) {
            profiles->rows[at][i] = rows[i];
            profiles->rows[at][i].section = profiles->name[at];
        }
        profiles->parts[at] =
            (struct config_part){profiles->rows[at], ROWS, &profiles->profile[at]};
        profiles->len++;
    }
    return 0;
}

static int check(const char *path, const char *name, const struct profile *profile,
                 struct err_slot *err)
{
    const char *const addresses[] = {profile->address[COMMAND_LINE],
                                     profile->address[COMMAND_SEATS], profile->address[COMMAND_PAY],
                                     profile->edge};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct span address = span_of(addresses[i]);
        const char *why = NULL;
        if (!span_starts(address, SPAN("http://")) && !span_starts(address, SPAN("https://")))
            why = "an address begins with http:// or https://";
        else if (memchr(address.ptr, '@', address.len) != NULL)
            why = "an address holds no name or password";
        if (address.len > 0 && why != NULL)
            return err_set(err, ERR_RANGE, "%s:%u: [%s] %s: %s", path,
                           config_line(path, span_of(name), span_of(rows[i].key)), name,
                           rows[i].key, why);
    }
    return 0;
}

static int read_file(const char *path, const char *name, struct err_slot *err, struct profile *out)
{
    static char bytes[CONFIG_FILE_MAX];
    struct profiles *profiles = calloc(1, sizeof(*profiles));
    if (profiles == NULL)
        return err_set(err, ERR_NOMEM, "%s", path);
    size_t len = 0;
    const char *why = plain_file_read(path, bytes, sizeof(bytes), &len);
    int rc = why != NULL ? err_set(err, ERR_IO, "%s: %s", path, why) : 0;
    struct span text = {bytes, len};
    if (rc == 0)
        rc = find_names(path, text, err, profiles);
    if (rc == 0)
        rc = config_parse(path, text, NULL, profiles->parts, profiles->len, err);
    for (size_t i = 0; rc == 0 && i < profiles->len; i++)
        rc = check(path, profiles->name[i], &profiles->profile[i], err);
    size_t at = find(profiles, name);
    if (rc == 0 && at == profiles->len)
        rc = err_set(err, ERR_NOT_FOUND, "%s: no profile [%s] in it", path, name);
    if (rc == 0) {
        *out = profiles->profile[at];
        memcpy(out->name, profiles->name[at], sizeof(out->name));
    }
    free(profiles);
    return rc;
}

int profile_read(const struct profile_ask *ask, struct err_slot *err, struct profile *out)
{
    static const struct profile here = {
        .address = {"http://127.0.0.1:8091", "http://127.0.0.1:8092", "http://127.0.0.1:8093"}};
    const char *name = ask->name != NULL ? ask->name : "default";
    if (ask->file != NULL)
        return read_file(ask->file, name, err, out);

    char path[CONFIG_STRING_MAX] = "";
    if (ask->config_home != NULL && ask->config_home[0] == '/')
        snprintf(path, sizeof(path), "%s/fairgate/profiles", ask->config_home);
    else if (ask->home != NULL && ask->home[0] == '/')
        snprintf(path, sizeof(path), "%s/.config/fairgate/profiles", ask->home);
    const char *file = access(path, F_OK) == 0 ? path : "/etc/fairgate/profiles";
    if (access(file, F_OK) == 0)
        return read_file(file, name, err, out);
    if (ask->name != NULL)
        return err_set(err, ERR_NOT_FOUND, "profile %s: there is no %s", ask->name,
                       path[0] != '\0' ? path : "file of profiles");
    *out = here;
    return 0;
}

static int token_of_command(const char *command, struct err_slot *err, char *out)
{
    FILE *pipe = popen(command, "re"); /* NOLINT(bugprone-command-processor): a shell is meant */
    if (pipe == NULL)
        return err_set(err, ERR_IO, "token_command: cannot be started");
    size_t len = fread(out, 1, CTL_TOKEN_MAX - 1, pipe);
    out[len] = '\0';
    if (pclose(pipe) != 0)
        return err_set(err, ERR_AUTH, "token_command: it failed");
    out[strcspn(out, "\r\n")] = '\0';
    return 0;
}

int profile_secret(const char *path, struct err_slot *err, char *out)
{
    struct secret_file *secret = NULL;
    int rc = secret_file_read(path, err, &secret);
    if (rc == 0 && !span_to_cstr(secret_file_span(secret), out, CTL_TOKEN_MAX))
        rc = err_set(err, ERR_RANGE, "%s: too long for a secret", path);
    secret_file_destroy(secret);
    return rc;
}

int profile_token(const struct profile *profile, const char *of_environment, struct err_slot *err,
                  char *out)
{
    int rc = 0;
    if (of_environment != NULL && of_environment[0] != '\0') {
        if (!span_to_cstr(span_of(of_environment), out, CTL_TOKEN_MAX))
            rc = err_set(err, ERR_RANGE, "FAIRGATE_TOKEN: too long for a token");
    } else if (profile->token_file[0] != '\0') {
        rc = profile_secret(profile->token_file, err, out);
    } else if (profile->token_command[0] != '\0') {
        rc = token_of_command(profile->token_command, err, out);
    } else if (profile->issuer[0] != '\0') {
        out[0] = '\0';
        return err_set(err, ERR_NOT_FOUND, "the token is the issuer's");
    } else {
        rc = err_set(err, ERR_AUTH,
                     "no token: name token_file or an issuer in the profile "
                     "(~/.config/fairgate/profiles; `man fairgate` shows one), or set "
                     "FAIRGATE_TOKEN");
    }
    for (const char *c = out; rc == 0 && (*c != '\0' || c == out); c++)
        if (*c <= ' ' || *c > '~')
            rc = err_set(err, ERR_AUTH, "the token is empty, or has letters that no token has");
    if (rc < 0)
        sodium_memzero(out, CTL_TOKEN_MAX);
    return rc;
}
