/* persons.c: verifying a signature costs a tenth of a millisecond, and every call carries a token,
 * so the result for a token is cached under its digest until it expires or the issuer's keys
 * change. The cache is small, since few operators work at a time; beyond that the oldest tokens are
 * verified again.
 *
 * Roles come as texts in a list ("roles": ["viewer", "operator:hero-*"]) or in one text, separated
 * by spaces. Unknown roles are ignored, since an issuer lists groups of the whole company. A
 * malformed role grants nothing: an invalid limit must not become no limit. Limits come with the
 * role, or in a claim of their own for all roles that have none.
 *
 * A refusal quotes nothing from the token, and only the operator's name is ever logged. */
#include "service/persons.h"

#include "base/json_in.h"
#include "outcall/jwks_feed.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    DIGEST_BYTES = crypto_hash_sha256_BYTES,
    REFRESH_MS = 300000,  /* a withdrawn key stays valid for at most this long */
    RETRY_MAX_MS = 10000, /* without keys only the admin token works */
    DOUBT_MS = 1000,      /* unknown key ids trigger at most one refetch per this time */
    CLAIM_NAME_MAX = 128,
    ROLE_BYTES_MAX = 160, /* a prefix, a role, a limit */
};

struct seen {
    uint8_t digest[DIGEST_BYTES];
    uint64_t generation; /* of the keys; 0: unused entry */
    struct person person;
};

struct persons {
    struct persons_conf conf;
    struct jwks_feed *feed;
    struct seen seen[PERSONS_SEEN_MAX];
    uint32_t seen_at; /* next entry to replace */
    enum jwt_fault fault;
};

/* ---- roles ---- */

static const char *const role_names[PERSON_ROLES] = {"viewer", "desk", "finance", "operator",
                                                     "admin"};

const char *person_role_name(enum person_role role)
{
    for (unsigned i = 0; i < PERSON_ROLES; i++) {
        if (role == 1U << i)
            return role_names[i];
    }
    assert(role == PERSON_NOBODY);
    return "nobody";
}

static enum person_role role_of(struct span word)
{
    for (unsigned i = 0; i < PERSON_ROLES; i++) {
        if (span_eq(word, span_of(role_names[i])))
            return (enum person_role)(1U << i);
    }
    return PERSON_NOBODY;
}

static bool covers(const char *events, struct span event)
{
    size_t len = strlen(events);
    assert(len > 0);
    if (events[len - 1] == '*')
        return span_starts(event, (struct span){events, len - 1});
    return span_eq(event, span_of(events));
}

bool person_may(const struct person *person, unsigned roles, struct span event)
{
    assert(roles != 0 && person->grants_len <= PERSONS_GRANTS_MAX);
    if ((person->everywhere & roles) != 0)
        return true;
    for (size_t i = 0; i < person->grants_len && event.len > 0; i++) {
        if ((person->grant[i].role & roles) != 0 && covers(person->grant[i].events, event))
            return true;
    }
    return false;
}

unsigned person_roles(const struct person *person)
{
    unsigned roles = person->everywhere;
    for (size_t i = 0; i < person->grants_len; i++)
        roles |= person->grant[i].role;
    return roles;
}

enum person_role person_lowest(unsigned roles)
{
    assert(roles != 0);
    return (enum person_role)(roles & -roles);
}

enum person_role person_highest(unsigned roles)
{
    assert(roles <= PERSON_ANY);
    while ((roles & (roles - 1)) != 0)
        roles &= roles - 1;
    return (enum person_role)roles;
}

/* ---- claims ---- */

/* Characters of an event id, with an optional star at the end. */
static bool is_events(struct span text)
{
    struct span id = text;
    id.len -= text.len > 0 && text.ptr[text.len - 1] == '*';
    return text.len > 0 && text.len <= PERSONS_EVENTS_BYTES_MAX &&
           span_is_of(id, SPAN_LETTERS SPAN_DIGITS "-_.");
}

static void grant(struct person *person, enum person_role role, struct span events)
{
    if (span_eq(events, SPAN("*"))) {
        person->everywhere |= role;
        return;
    }
    if (!is_events(events) || person->grants_len == PERSONS_GRANTS_MAX)
        return;
    struct person_grant *slot = &person->grant[person->grants_len++];
    slot->role = role;
    bool fits = span_to_cstr(events, slot->events, sizeof(slot->events));
    assert(fits);
}

/* Calls on_word for each text of a list, or each word of a text. Returns false if the claim is
 * neither or the list has other elements. */
static bool each_word(const json_t *claim, void (*on_word)(void *ctx, struct span word), void *ctx)
{
    if (json_is_string(claim)) {
        struct span rest = json_in_words(claim), word;
        while (span_next(&rest, ' ', &word)) {
            if (word.len > 0)
                on_word(ctx, word);
        }
        return true;
    }
    if (!json_is_array(claim))
        return false;
    for (size_t i = 0; i < json_array_size(claim); i++) {
        if (!json_is_string(json_array_get(claim, i)))
            return false;
    }
    for (size_t i = 0; i < json_array_size(claim); i++)
        on_word(ctx, json_in_words(json_array_get(claim, i)));
    return true;
}

/* "roles", "https://house.example/roles", or "realm_access.roles" into an object. */
static const json_t *claim_of(const json_t *payload, struct span name)
{
    char whole[CLAIM_NAME_MAX];
    if (!span_to_cstr(name, whole, sizeof(whole)))
        return NULL;
    const json_t *value = json_object_get(payload, whole);
    struct span rest = name, part;
    while (value == NULL && span_next(&rest, '.', &part)) {
        char key[CLAIM_NAME_MAX];
        span_to_cstr_cut(part, key, sizeof(key));
        payload = json_object_get(payload, key);
        if (payload == NULL || rest.ptr == NULL)
            return payload;
    }
    return value;
}

struct reading {
    struct person *person;
    struct span prefix;
    const json_t *limits; /* NULL: a role without a limit is for all events */
    enum person_role role;
};

static void take_limit(void *ctx, struct span events)
{
    const struct reading *reading = ctx;
    grant(reading->person, reading->role, events);
}

static void take_role(void *ctx, struct span word)
{
    struct reading *reading = ctx;
    if (word.len > ROLE_BYTES_MAX || !span_starts(word, reading->prefix))
        return;
    struct span name, events = span_cut(span_skip(word, reading->prefix.len), ':', &name);
    reading->role = role_of(name);
    if (reading->role == PERSON_NOBODY)
        return;
    if (events.ptr != NULL)
        grant(reading->person, reading->role, events);
    else if (reading->limits != NULL)
        each_word(reading->limits, take_limit, reading);
    else
        grant(reading->person, reading->role, SPAN("*"));
}

/* A name that fits the log and the audit trail. */
static bool is_name(struct span text)
{
    return text.len > 0 && text.len <= PERSONS_NAME_BYTES_MAX && span_is_visible(text) &&
           !span_has_any(text, "\"\\<>");
}

/* ---- tokens ---- */

bool persons_is_token(struct span shown)
{
    unsigned dots = 0;
    for (size_t i = 0; i < shown.len; i++)
        dots += shown.ptr[i] == '.';
    return dots == 2 && span_starts(shown, SPAN("ey")); /* {" in base64url */
}

static void digest_of(struct span token, uint8_t digest[DIGEST_BYTES])
{
    crypto_hash_sha256(digest, (const uint8_t *)token.ptr, token.len);
}

static const struct seen *find(const struct persons *persons, const uint8_t digest[DIGEST_BYTES])
{
    uint64_t generation = jwks_feed_generation(persons->feed);
    uint64_t now_s = clock_wall_us(persons->conf.clock) / 1000000;
    for (size_t i = 0; i < PERSONS_SEEN_MAX; i++) {
        const struct seen *seen = &persons->seen[i];
        if (seen->generation != 0 && seen->generation == generation &&
            seen->person.exp_s + PERSONS_LEEWAY_S > now_s &&
            memcmp(seen->digest, digest, DIGEST_BYTES) == 0)
            return seen;
    }
    return NULL;
}

const struct person *persons_seen(const struct persons *persons, struct span token)
{
    uint8_t digest[DIGEST_BYTES];
    digest_of(token, digest);
    const struct seen *seen = find(persons, digest);
    return seen != NULL ? &seen->person : NULL;
}

/* No keys yet, or none with this key id: starts a refetch. */
static int await_key(struct persons *persons, struct err_slot *err)
{
    if (jwks_feed_doubt(persons->feed))
        return err_set(err, ERR_UNKNOWN, "the issuer's keys are being fetched");
    if (jwks_feed_keys(persons->feed) == NULL)
        return err_set(err, ERR_UNKNOWN, "the issuer's keys are not there");
    return err_set(err, ERR_AUTH, "token: its key is not one of the issuer's");
}

static int judge(struct persons *persons, struct span token, struct err_slot *err,
                 struct person *person)
{
    const struct jwks *keys = jwks_feed_keys(persons->feed);
    const struct jwt_rules rules = {.typ = NULL,
                                    .iss = persons->conf.issuer,
                                    .aud = persons->conf.audience,
                                    .leeway_s = PERSONS_LEEWAY_S,
                                    .lifetime_s_max = PERSONS_LIFETIME_S_MAX,
                                    .clock = persons->conf.clock,
                                    .fault = &persons->fault};
    struct jwt jwt;
    persons->fault = JWT_FAULT_KEY;
    if (keys == NULL)
        return await_key(persons, err);
    int rc = jwt_verify(keys, &rules, token, err, &jwt);
    if (rc == ERR_UNKNOWN)
        return await_key(persons, err);
    if (rc < 0)
        return rc;
    persons->fault = JWT_FAULT_FORM;
    *person = (struct person){.exp_s = jwt.claims.exp_s};
    /* The email unless the issuer says that it is unverified: operators know each other by it.
     * Otherwise the issuer's own name for the account. */
    const json_t *payload = jwt.payload;
    struct span email = json_in_text_of(payload, "email");
    struct span sub = json_in_text_of(payload, "sub");
    const json_t *verified = json_object_get(payload, "email_verified");
    bool proved = verified == NULL || json_is_true(verified);
    struct span name = is_name(email) && proved ? email : sub;
    if (is_name(name) && is_name(sub) && span_to_cstr(name, person->name, sizeof(person->name))) {
        const struct persons_conf *conf = &persons->conf;
        struct reading reading = {.person = person,
                                  .prefix = span_of(conf->role_prefix),
                                  .limits = claim_of(payload, span_of(conf->events_claim))};
        struct span rest = span_of(conf->roles_claim), role_name;
        while (span_next(&rest, ',', &role_name)) {
            const json_t *claim = claim_of(payload, span_trim(role_name));
            if (claim != NULL)
                each_word(claim, take_role, &reading);
        }
    } else
        rc = err_set(err, ERR_AUTH, "token: sub must be a name of 1 to %d visible characters",
                     PERSONS_NAME_BYTES_MAX);
    jwt_deinit(&jwt);
    return rc;
}

int persons_judge(struct persons *persons, struct span token, struct err_slot *err,
                  const struct person **out)
{
    uint8_t digest[DIGEST_BYTES];
    struct person person;
    digest_of(token, digest);
    const struct seen *known = find(persons, digest);
    if (known != NULL) {
        *out = &known->person;
        return 0;
    }
    int rc = judge(persons, token, err, &person);
    if (rc < 0)
        return rc;
    struct seen *seen = &persons->seen[persons->seen_at];
    persons->seen_at = (persons->seen_at + 1) % PERSONS_SEEN_MAX;
    seen->generation = jwks_feed_generation(persons->feed);
    seen->person = person;
    memcpy(seen->digest, digest, sizeof(seen->digest));
    *out = &seen->person;
    return 0;
}

enum jwt_fault persons_fault(const struct persons *persons)
{
    return persons->fault;
}

/* ---- life ---- */

bool persons_keys_ok(struct span keys)
{
    static const char *const here[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    if (!span_starts(keys, SPAN("http://")))
        return keys.len > 0;
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
        struct span rest = span_skip(keys, strlen(here[i]));
        if (span_starts(keys, span_of(here[i])) && rest.len > 0 &&
            (rest.ptr[0] == ':' || rest.ptr[0] == '/'))
            return memchr(rest.ptr, '@', rest.len) == NULL;
    }
    return false;
}

int persons_create(const struct persons_conf *conf, struct err_slot *err, struct persons **out)
{
    struct persons *persons = calloc(1, sizeof(*persons));
    if (persons == NULL)
        return err_set(err, ERR_NOMEM, "operators as persons");
    persons->conf = *conf;
    bool fetched = span_after_scheme(span_of(conf->keys)).ptr != NULL;
    const struct jwks_feed_conf feed = {.whose = "the operators' issuer's",
                                        .url = fetched ? conf->keys : "",
                                        .file = fetched ? NULL : conf->keys,
                                        .algs = JWKS_ANY,
                                        .refresh_ms = REFRESH_MS,
                                        .retry_max_ms = RETRY_MAX_MS,
                                        .doubt_ms = DOUBT_MS,
                                        .ca_file = conf->ca_file,
                                        .loop = conf->loop,
                                        .clock = conf->clock,
                                        .rng = conf->rng,
                                        .log = conf->log};
    int rc = jwks_feed_create(&feed, err, &persons->feed);
    if (rc < 0) {
        free(persons);
        return rc;
    }
    *out = persons;
    return 0;
}

void persons_close(struct persons *persons)
{
    if (persons == NULL)
        return;
    jwks_feed_close(persons->feed);
    free(persons);
}
