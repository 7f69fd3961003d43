/* keys_command.c: the order of a rotation, and why each step is refused before its time.
 *
 *     add     the new key is last in the ring: accepted, but does not sign
 *             reload every front; status, until all have it
 *     use     it is first: signs. Fronts that have not read this yet accept it already
 *             reload every front; status, until all sign with it
 *     drop    removes the old key, once nothing made with it can arrive any longer
 *             reload every front
 *
 * The fronts' /readyz reports their keys. No secret is printed: a key is shown by its name
 * (mac_key_name(), or the kid of a pass key). Blocking and printing are fine: this process runs no
 * loop. */
#include "commands/keys_command.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "commands/fetch.h"
#include "commands/key_file.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DONE = 0,
    REFUSED = 1,
    FAILED = 2,
    FRONTS_MAX = 128,
    ANSWER_MAX = 64 * 1024,
};

enum ring { TICKETS, IDENTITIES, PASSES, DRAWS, RINGS };

static const struct {
    const char *name, *purpose;
    size_t path; /* of its file, within the settings */
} rings[] = {
    [TICKETS] = {"tickets", "tickets, sessions, challenges of work, codes that carry a place away",
                 offsetof(struct front_config, keys_tickets)},
    [IDENTITIES] = {"identities", "identities: visitors, members, invitations",
                    offsetof(struct front_config, keys_identities)},
    [PASSES] = {"passes", "admission passes (ES256)", offsetof(struct front_config, keys_passes)},
    [DRAWS] = {"draws", "seeds of draws", offsetof(struct front_config, keys_draws)},
};

/* A session lasts a day at most (session_max_s), however it began. */
#define DAY_MS UINT64_C(86400000)
/* Clocks differ, and all fronts see a new event within a second. */
#define MARGIN_MS UINT64_C(60000)

static const char usage[] =
    "queue-front keys [--config FILE] COMMAND\n"
    "  list                 the keys of every ring: which signs, since when, when one may go\n"
    "  status --url URLS    what the fronts hold; exit status 1 unless all hold what the files "
    "say\n"
    "  add RING             makes the next key of a ring: believed, signing nothing yet\n"
    "  use RING KEY         lets it sign, if all fronts hold it\n"
    "  drop RING KEY        takes a key away, if nothing made with it can come any more\n"
    "RING is tickets, identities, passes or draws; KEY its number, its name or the beginning of "
    "it.\n"
    "  --url URLS    private addresses of all fronts, comma between: http://10.0.0.1:8091,...\n"
    "  --unchecked   use or drop without asking any front\n"
    "  --now         drop before its time: what was made with the key is lost\n"
    "After each change reload every front (systemctl reload fairgate-queue-front; without systemd, "
    "SIGHUP) or restart them one by one, and look at status.\n";

struct ask {
    const char *config_path, *command, *key;
    enum ring ring;
    bool has_ring, unchecked, now;
    char urls[8 * 1024];
};

/* ---- the fronts' answers ---- */

struct front_reply {
    char url[256];
    bool ready;
    uint64_t loops_behind;
    json_t *keys; /* owned */
};

struct fronts {
    struct front_reply front[FRONTS_MAX];
    unsigned len;
};

static const json_t *ring_of(const struct front_reply *front, enum ring ring)
{
    return json_object_get(front->keys, rings[ring].name);
}

static const char *signs(const struct front_reply *front, enum ring ring)
{
    const char *name = json_string_value(json_object_get(ring_of(front, ring), "signs"));
    return name != NULL ? name : "";
}

static bool lists(const struct front_reply *front, enum ring ring, const char *list,
                  const char *name)
{
    const json_t *names = json_object_get(ring_of(front, ring), list);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *one = json_string_value(json_array_get(names, i));
        if (one != NULL && strcmp(one, name) == 0)
            return true;
    }
    return false;
}

static int ask_front(struct front_reply *front, struct err_slot *err)
{
    char url[sizeof(front->url) + 16], *memory = malloc(ANSWER_MAX);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "%s", front->url);
    struct text answer = text_on(memory, ANSWER_MAX);
    long status = 0;
    json_t *json = NULL;
    snprintf(url, sizeof(url), "%s/readyz", front->url);
    int rc = fetch_text(url, &answer, &status, err);
    if (rc == 0 && json_in_parse(text_span(&answer), err, &json) < 0)
        rc = err_wrap(err, "%s", url);
    free(memory);
    if (rc < 0)
        return rc;
    front->ready = json_is_true(json_object_get(json, "ready"));
    front->keys = json_incref(json_object_get(json, "keys"));
    json_decref(json);
    if (!json_is_object(front->keys))
        return err_set(err, ERR_PEER, "%s says nothing of keys: is it a front's private address?",
                       url);
    front->loops_behind =
        (uint64_t)json_integer_value(json_object_get(front->keys, "loops_behind"));
    return 0;
}

static int ask_fronts(const struct ask *ask, struct fronts *fronts, struct err_slot *err)
{
    struct span rest = span_of(ask->urls), url;
    int rc = 0;
    while (rc == 0 && rest.len > 0 && span_next(&rest, ',', &url)) {
        url = span_trim(url);
        while (url.len > 0 && url.ptr[url.len - 1] == '/')
            url.len--;
        struct front_reply *front = &fronts->front[fronts->len];
        if (fronts->len == FRONTS_MAX || !span_to_cstr(url, front->url, sizeof(front->url)) ||
            span_after_scheme(span_of(front->url)).ptr == NULL)
            return err_set(err, ERR_RANGE, "\"%.*s\" is no address of a front, or one too many",
                           (int)url.len, url.ptr);
        fronts->len++;
        rc = ask_front(front, err);
    }
    return rc;
}

/* ---- files ---- */

static int open_ring(const struct front_config *config, enum ring ring, struct key_file *file,
                     struct err_slot *err)
{
    return key_file_open(file, (const char *)config + rings[ring].path, ring == PASSES, err);
}

static uint64_t wall_ms(void)
{
    return clock_wall_us(clock_system()) / 1000;
}

/* When a key may be dropped; 0: at once. Counts fronts that switched later than the file says. */
static uint64_t until_ms(const struct front_config *config, enum ring ring,
                         const struct key_file *file, unsigned index, const struct fronts *fronts)
{
    uint64_t retired_ms = key_file_past(file, index).retired_ms;
    if (retired_ms == 0)
        return 0;
    for (unsigned i = 0; fronts != NULL && i < fronts->len; i++) {
        const json_t *since = json_object_get(ring_of(&fronts->front[i], ring), "since");
        uint64_t at_ms = 0;
        if (rfc3339_parse(span_of(json_string_value(since)), &at_ms) && at_ms > retired_ms)
            retired_ms = at_ms;
    }
    /* How long after its last signature something made with a key may still arrive. */
    uint64_t life_ms = MARGIN_MS; /* events that name it are looked up */
    if (ring == TICKETS || ring == PASSES)
        life_ms += DAY_MS;
    if (ring == TICKETS)
        life_ms += config->ticket_lifetime_ms;
    return retired_ms + life_ms;
}

static void print_time(const char *before, uint64_t at_ms)
{
    char memory[RFC3339_LEN];
    struct text text = text_on(memory, sizeof(memory));
    rfc3339_put(&text, at_ms);
    printf("%s%.*s", before, (int)text.len, text.ptr);
}

/* ---- list ---- */

static void print_key(const struct front_config *config, enum ring ring,
                      const struct key_file *file, unsigned index)
{
    struct key_past past = key_file_past(file, index);
    printf("  %-44s %s", file->key[index].name, index == 0 ? "signs   " : "believed");
    if (past.added_ms > 0)
        print_time("  made ", past.added_ms);
    else
        print_time("  made before ", file->changed_ms);
    if (index > 0 && past.retired_ms > 0) {
        print_time(past.sure ? "  signed until " : "  signed until at most ", past.retired_ms);
        print_time("  may go after ", until_ms(config, ring, file, index, NULL));
        if (ring == IDENTITIES || ring == DRAWS)
            printf(", if nothing names it");
    } else if (index > 0) {
        printf("  has signed nothing");
    }
    putchar('\n');
}

static int list_keys(const struct front_config *config, struct err_slot *err)
{
    for (enum ring ring = 0; ring < RINGS; ring++) {
        struct key_file file;
        printf("%s: %s\n", rings[ring].name, rings[ring].purpose);
        printf("  in %s\n", (const char *)config + rings[ring].path);
        if (open_ring(config, ring, &file, err) < 0)
            return FAILED;
        for (unsigned i = 0; i < file.len; i++)
            print_key(config, ring, &file, i);
        key_file_close(&file);
    }
    return DONE;
}

/* ---- status ---- */

static int show_status(const struct front_config *config, const struct fronts *fronts,
                       struct err_slot *err)
{
    bool all = true;
    for (unsigned i = 0; i < fronts->len; i++) {
        const struct front_reply *front = &fronts->front[i];
        printf("%s%s\n", front->url, front->ready ? "" : " (not ready)");
        for (enum ring ring = 0; ring < RINGS; ring++) {
            struct key_file file;
            if (open_ring(config, ring, &file, err) < 0)
                return FAILED;
            /* By this front's order of signing. */
            const json_t *holds = json_object_get(ring_of(front, ring), "holds");
            const char *signer = signs(front, ring);
            bool same = front->loops_behind == 0 && strcmp(signer, file.key[0].name) == 0 &&
                        json_array_size(holds) == file.len;
            for (unsigned k = 0; k < file.len; k++)
                same = same && lists(front, ring, "holds", file.key[k].name);
            printf("  %-10s %s  signs %s, holds", rings[ring].name,
                   same ? "as in the file" : "NOT YET", signer);
            for (size_t k = 0; k < json_array_size(holds); k++)
                printf(" %s", json_string_value(json_array_get(holds, k)));
            putchar('\n');
            all = all && same;
            key_file_close(&file);
        }
    }
    printf(all ? "All %u hold what the files say.\n"
               : "Not all of %u hold what the files say: reload them and look again.\n",
           fronts->len);
    return all ? DONE : REFUSED;
}

/* ---- add, use and drop ---- */

static int refuse(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", key);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return REFUSED;
}

static int use_key(const struct ask *ask, const struct fronts *fronts, struct key_file *file,
                   unsigned index, struct err_slot *err)
{
    const char *ring = rings[ask->ring].name;
    char name[KEY_NAME_MAX], before[KEY_NAME_MAX];
    memcpy(name, file->key[index].name, sizeof(name));
    memcpy(before, file->key[0].name, sizeof(before));
    if (index == 0) {
        printf("%s %s: signs already.\n", ring, name);
        return DONE;
    }
    for (unsigned i = 0; i < fronts->len; i++) {
        const struct front_reply *front = &fronts->front[i];
        if (front->loops_behind > 0 || !lists(front, ask->ring, "holds", name))
            return refuse(name,
                          "%s does not hold it yet, and would refuse what it signs. Reload it "
                          "first.",
                          front->url);
    }
    key_file_use(file, index);
    if (key_file_save(file, "use", name, before, wall_ms(), err) < 0)
        return FAILED;
    printf("%s %s: signs from the next reload on; %s is believed.\n", ring, name, before);
    return DONE;
}

/* DONE: no front needs it any longer. */
static int check_unused(const struct ask *ask, const struct fronts *fronts, const char *name)
{
    for (unsigned i = 0; i < fronts->len; i++) {
        const struct front_reply *front = &fronts->front[i];
        if (!front->ready)
            return refuse(name, "%s is not ready and may not know of all events.", front->url);
        if (front->loops_behind > 0 || strcmp(signs(front, ask->ring), name) == 0)
            return refuse(name, "%s signs with it. Reload it first.", front->url);
        if (ask->ring == IDENTITIES && lists(front, IDENTITIES, "used", name))
            return refuse(name, "events that are not closed have their visitors' identities from "
                                "it. It may go when they are closed.");
        if ((ask->ring == TICKETS || ask->ring == DRAWS) && lists(front, DRAWS, "used", name))
            return refuse(name, "a draw was promised with it that has not been held. It may go "
                                "afterwards.");
    }
    return DONE;
}

static int drop_key(const struct ask *ask, const struct front_config *config,
                    const struct fronts *fronts, struct key_file *file, unsigned index,
                    struct err_slot *err)
{
    char name[KEY_NAME_MAX];
    memcpy(name, file->key[index].name, sizeof(name));
    if (index == 0)
        return refuse(name, "signs. `keys use` another one first.");
    int verdict = check_unused(ask, fronts, name);
    if (verdict != DONE)
        return verdict;
    if (!ask->now && ask->unchecked && (ask->ring == IDENTITIES || ask->ring == DRAWS))
        return refuse(name, "whether an event still needs it only the fronts know: --url.");
    uint64_t until = until_ms(config, ask->ring, file, index, fronts);
    if (!ask->now && until > wall_ms()) {
        char memory[RFC3339_LEN];
        struct text text = text_on(memory, sizeof(memory));
        rfc3339_put(&text, until);
        return refuse(name, "what was made with it may still come. It may go after %.*s.",
                      (int)text.len, text.ptr);
    }
    key_file_drop(file, index);
    if (key_file_save(file, "drop", name, NULL, wall_ms(), err) < 0)
        return FAILED;
    printf("%s %s: dropped. Reload every front.\n", rings[ask->ring].name, name);
    return DONE;
}

/* ---- the command ---- */

static bool read_word(struct ask *ask, const char *word)
{
    if (ask->command == NULL) {
        ask->command = word;
        return true;
    }
    if (ask->has_ring) {
        bool first = ask->key == NULL;
        ask->key = word;
        return first;
    }
    for (enum ring ring = 0; ring < RINGS && !ask->has_ring; ring++) {
        if (strcmp(rings[ring].name, word) == 0) {
            ask->ring = ring;
            ask->has_ring = true;
        }
    }
    return ask->has_ring;
}

static bool read_arguments(int argc, char **argv, struct ask *ask)
{
    *ask = (struct ask){.config_path = NULL};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--config") == 0 && more)
            ask->config_path = argv[++i];
        else if (strcmp(argv[i], "--url") == 0 && more) {
            size_t len = strlen(ask->urls), room = sizeof(ask->urls) - len;
            int put = snprintf(ask->urls + len, room, "%s%s", len > 0 ? "," : "", argv[++i]);
            if (put <= 0 || (size_t)put >= room)
                return false;
        } else if (strcmp(argv[i], "--unchecked") == 0)
            ask->unchecked = true;
        else if (strcmp(argv[i], "--now") == 0)
            ask->now = true;
        /* An argument with a hyphen is an unknown option, unless a key is expected: one in 64 pass
         * keys has such a name. */
        else if ((argv[i][0] == '-' && (!ask->has_ring || ask->key != NULL)) ||
                 !read_word(ask, argv[i]))
            return false;
    }
    const char *command = ask->command != NULL ? ask->command : "";
    bool asks = ask->urls[0] != '\0';
    if (strcmp(command, "list") == 0)
        return !ask->has_ring && !asks;
    if (strcmp(command, "status") == 0)
        return !ask->has_ring && asks;
    if (strcmp(command, "add") == 0)
        return ask->has_ring && ask->key == NULL;
    bool turns = strcmp(command, "use") == 0 || strcmp(command, "drop") == 0;
    return turns && ask->key != NULL && asks != ask->unchecked;
}

static int turn(const struct ask *ask, const struct front_config *config,
                const struct fronts *fronts, struct err_slot *err)
{
    struct key_file file;
    int code = FAILED;
    if (open_ring(config, ask->ring, &file, err) < 0)
        return FAILED;
    if (strcmp(ask->command, "add") == 0) {
        unsigned nth = file.len;
        if (key_file_add(&file, err) == 0 &&
            key_file_save(&file, "add", file.key[nth].name, NULL, wall_ms(), err) == 0) {
            printf("%s %s: added. Reload every front; when `keys status` finds it on all, "
                   "`keys use` lets it sign.\n",
                   rings[ask->ring].name, file.key[nth].name);
            code = DONE;
        }
    } else {
        int index = key_file_find(&file, ask->key);
        if (index < 0)
            err_set(err, ERR_NOT_FOUND, "%s: no key, or more than one, is called \"%s\"", file.path,
                    ask->key);
        else if (strcmp(ask->command, "use") == 0)
            code = use_key(ask, fronts, &file, (unsigned)index, err);
        else
            code = drop_key(ask, config, fronts, &file, (unsigned)index, err);
    }
    key_file_close(&file);
    return code;
}

int keys_main(const struct service_conf *conf, const struct front_config *config, int argc,
              char **argv)
{
    struct ask ask;
    struct err_slot err = {.text = ""};
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return DONE;
    }
    if (!read_arguments(argc, argv, &ask)) {
        fputs(usage, stderr);
        return FAILED;
    }
    struct fronts *fronts = calloc(1, sizeof(*fronts));
    int code = FAILED;
    if (fronts == NULL || sodium_init() < 0)
        err_set(&err, ERR_NOMEM, "keys");
    else if (service_read_settings(conf, ask.config_path, &err) == 0 &&
             ask_fronts(&ask, fronts, &err) == 0) {
        if (strcmp(ask.command, "list") == 0)
            code = list_keys(config, &err);
        else if (strcmp(ask.command, "status") == 0)
            code = show_status(config, fronts, &err);
        else
            code = turn(&ask, config, fronts, &err);
    }
    if (code == FAILED)
        fprintf(stderr, "queue-front keys: %s\n", err.text);
    if (fronts != NULL) {
        for (unsigned i = 0; i < fronts->len; i++)
            json_decref(fronts->front[i].keys);
        free(fronts);
    }
    return code;
}
