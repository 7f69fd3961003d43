/* persons_test.c: the rights of issuers' tokens, and files of operators' tokens. */
#include "script.h"

#include "crypto/jwt.h"
#include "service/operators.h"
#include "service/persons.h"

enum { NOW_S = 1795159953 };

static struct world {
    uv_loop_t loop;
    struct clock_fake clock;
    struct jwks *keys;
    char *path;
    struct persons *persons;
} world;

static char *publish(const struct jwks *keys)
{
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    jwks_put(&text, keys);
    return unit_file(text_span(&text), 0600);
}

static void turn_until_keys_are_there(void)
{
    struct err_slot err;
    const struct person *person;
    while (persons_judge(world.persons, SPAN("ey.a.b"), &err, &person) == ERR_UNKNOWN)
        uv_run(&world.loop, UV_RUN_ONCE);
}

static void open_world(const char *prefix)
{
    struct err_slot err;
    struct jwks_key *key;
    world = (struct world){.persons = NULL};
    uv_loop_init(&world.loop);
    clock_fake_init(&world.clock, (uint64_t)NOW_S * 1000000);
    assert_int_equal(0, jwks_create(&err, &world.keys));
    assert_int_equal(0, jwks_key_generate(&err, &key));
    assert_int_equal(0, jwks_add(world.keys, key, &err));
    world.path = publish(world.keys);
    const struct persons_conf conf = {.issuer = "https://id.example",
                                      .audience = "fairgate",
                                      .keys = world.path,
                                      .ca_file = "",
                                      .roles_claim = "roles, groups,realm.roles",
                                      .events_claim = "fairgate_events",
                                      .role_prefix = prefix,
                                      .loop = &world.loop,
                                      .clock = &world.clock.clock,
                                      .rng = rng_system()};
    assert_int_equal(0, persons_create(&conf, &err, &world.persons));
    turn_until_keys_are_there();
}

static void close_world(void)
{
    persons_close(world.persons);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&world.loop));
    jwks_destroy(world.keys);
    unit_file_remove(world.path);
}

static void open_usual(void)
{
    open_world("");
}

/* The result is in static memory. */
static struct span token_with(const char *sub, const char *extra)
{
    static char memory[JWT_OUTSIDE_BYTES_MAX];
    struct text text = text_on(memory, sizeof(memory));
    struct err_slot err;
    const struct jwt_claims claims = {.iss = SPAN("https://id.example"),
                                      .aud = SPAN("fairgate"),
                                      .sub = span_of(sub),
                                      .iat_s = NOW_S - 10,
                                      .exp_s = NOW_S + 300,
                                      .extra = span_of(extra)};
    assert_int_equal(0, jwt_sign(jwks_signer(world.keys), "at+jwt", &claims, &err, &text));
    return text_span(&text);
}

/* The claims are written with ' for ". */
static const struct person *person_of(const char *claims)
{
    struct err_slot err;
    const struct person *person;
    assert_int_equal(
        0, persons_judge(world.persons, token_with("u-1", script_json(claims)), &err, &person));
    return person;
}

TEST_CASE_IN(a_role_applies_to_its_events, open_usual, close_world)
{
    static const struct {
        const char *claims;
        const char *roles; /* everywhere and for three events: none, or viewer, desk, finance,
                              operator, admin */
    } rows[] = {
        {"'roles':['viewer']", "v v v v"},
        {"'roles':'admin'", "a a a a"},
        {"'roles':'mail  viewer calendar'", "v v v v"},
        {"'groups':['operator:hero-*']", "n o n n"},
        {"'groups':['operator:heron']", "n n o n"},
        {"'realm':{'roles':['viewer']},'roles':['admin:hero-*']", "v va v v"},
        {"'roles':['operator','viewer:*'],'fairgate_events':['hero-*','heron']", "v vo vo v"},
        {"'roles':['operator'],'fairgate_events':'*'", "o o o o"},
        /* A malformed claim grants nothing. */
        {"'roles':['operator'],'fairgate_events':[]", "n n n n"},
        {"'roles':['operator'],'fairgate_events':{'a':1}", "n n n n"},
        {"'roles':['operator'],'fairgate_events':['hero-*',7]", "n n n n"},
        {"'roles':['operator'],'fairgate_events':null", "n n n n"},
        {"'roles':['operator:','operator:he*o','operator:a/b','operator:**']", "n n n n"},
        {"'roles':['viewer',7]", "n n n n"},
        {"'roles':['Admin','admins','adm in',''],'role':'admin'", "n n n n"},
        {"'realm':'admin','groups':{'admin':true}", "n n n n"},
        {"", "n n n n"},
        {"'roles':['desk','finance:hero-*']", "d df d d"},
    };
    static const char *const events[] = {NULL, "hero-lim", "heron", "x"};
    static const char order[] = "vdfoa";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct person *person = person_of(rows[i].claims);
        struct span has, rest = span_of(rows[i].roles);
        for (size_t j = 0; j < 4; j++) {
            struct span event = events[j] != NULL ? span_of(events[j]) : (struct span){NULL, 0};
            rest = span_cut(rest, ' ', &has);
            for (unsigned k = 0; k < PERSON_ROLES; k++) {
                bool may = person_may(person, 1U << k, event);
                if (may != (memchr(has.ptr, order[k], has.len) != NULL))
                    fail_msg("%s: event %zu, role %c", rows[i].claims, j, order[k]);
            }
        }
    }
}

TEST_CASE_IN(only_roles_with_the_prefix_count, open_usual, close_world)
{
    close_world();
    open_world("fairgate-");
    assert_int_equal(PERSON_NOBODY, person_roles(person_of("'roles':['admin']")));
    assert_int_equal(PERSON_OPERATOR,
                     person_roles(person_of("'roles':['admin','fairgate-operator','fairgate-x']")));
}

TEST_CASE_IN(grants_beyond_the_bound_are_ignored, open_usual, close_world)
{
    char claims[2048];
    struct text text = text_on(claims, sizeof(claims) - 1);
    text_str(&text, "'roles':[");
    for (unsigned i = 0; i <= PERSONS_GRANTS_MAX; i++)
        text_printf(&text, "%s'viewer:e%u'", i > 0 ? "," : "", i);
    text_str(&text, "]");
    claims[text.len] = '\0';
    const struct person *person = person_of(claims);
    assert_true(person_may(person, PERSON_VIEWER, SPAN("e31")));
    assert_false(person_may(person, PERSON_VIEWER, SPAN("e32")));
}

TEST_CASE_IN(an_operator_is_named_by_verified_address_or_subject, open_usual, close_world)
{
    static const struct {
        const char *claims, *name;
    } rows[] = {{"", "u-1"},
                {"'email':'kim@venue.example'", "kim@venue.example"},
                {"'email':'kim@venue.example','email_verified':true", "kim@venue.example"},
                {"'email':'kim@venue.example','email_verified':false", "u-1"},
                {"'email':'kim@venue.example','email_verified':'true'", "u-1"},
                {"'email':'kim lee'", "u-1"},
                {"'email':'a\\u000ab'", "u-1"},
                {"'email':7", "u-1"}};
    struct err_slot err;
    const struct person *person;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(rows[i].name, person_of(rows[i].claims)->name);
    assert_int_equal(ERR_AUTH, persons_judge(world.persons, token_with("u 1", ""), &err, &person));
}

TEST_CASE_IN(a_token_is_verified_once_and_never_after_its_end, open_usual, close_world)
{
    struct err_slot err;
    const struct person *person, *again;
    struct span token = token_with("u-1", "\"roles\":\"viewer\"");
    assert_null(persons_seen(world.persons, token));
    assert_int_equal(0, persons_judge(world.persons, token, &err, &person));
    assert_int_equal(0, persons_judge(world.persons, token, &err, &again));
    assert_ptr_equal(person, again);
    assert_ptr_equal(person, persons_seen(world.persons, token));
    assert_null(persons_seen(world.persons, (struct span){token.ptr, token.len - 1}));
    clock_fake_step(&world.clock, (uint64_t)(300 + PERSONS_LEEWAY_S) * 1000000);
    assert_null(persons_seen(world.persons, token));
    assert_int_equal(ERR_TIMEOUT, persons_judge(world.persons, token, &err, &person));
}

TEST_CASE(keys_come_over_tls_or_from_this_machine)
{
    static const char *const good[] = {"https://id.example/jwks", "/etc/fairgate/issuer.json",
                                       "http://127.0.0.1:8080/jwks", "http://localhost/jwks",
                                       "http://[::1]:1/"};
    static const char *const bad[] = {"", "http://id.example/jwks", "http://127.0.0.1.example/jwks",
                                      "http://127.0.0.1", "http://localhost:1@id.example/"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(persons_keys_ok(span_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(persons_keys_ok(span_of(bad[i])));
}

/* ---- operators ---- */

static int read_text(const char *content, struct err_slot *err, struct operators **out)
{
    char *path = unit_file(span_of(content), 0600);
    int rc = operators_read(path, err, out);
    unit_file_remove(path);
    return rc;
}

TEST_CASE(a_token_belongs_to_the_name_on_its_line)
{
    struct operators *operators;
    struct err_slot err;
    assert_int_equal(0, read_text("kim 0123456789abcdef\n\n  lee@shop.example  fedcba9876543210 \n"
                                  "kim the-second-of-kim\n",
                                  &err, &operators));
    assert_string_equal("kim", operators_name(operators, SPAN("0123456789abcdef")));
    assert_string_equal("kim", operators_name(operators, SPAN("the-second-of-kim")));
    assert_string_equal("lee@shop.example", operators_name(operators, SPAN("fedcba9876543210")));
    assert_null(operators_name(operators, SPAN("0123456789abcde")));
    assert_null(operators_name(operators, SPAN("0123456789abcdef0")));
    assert_null(operators_name(operators, SPAN("kim")));
    assert_null(operators_name(operators, SPAN("")));
    operators_destroy(operators);
    operators_destroy(NULL);
}

TEST_CASE(an_invalid_line_is_refused_by_its_number_and_not_quoted)
{
    static const struct {
        const char *content;
        int rc;
        const char *says;
    } rows[] = {
        {"kim 0123456789abcdef\nlee\n", ERR_SYNTAX, ":2: wants NAME TOKEN"},
        {"kim 0123456789abcde\n", ERR_SYNTAX, ":1: wants NAME TOKEN"},
        {"ki/m 0123456789abcdef\n", ERR_SYNTAX, ":1: wants NAME TOKEN"},
        {"kim 0123456789 abcdef\n", ERR_SYNTAX, ":1: wants NAME TOKEN"},
        {"kim 0123456789abcdef\nlee 0123456789abcdef\n", ERR_EXISTS, ":2: this token occurs above"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct operators *operators;
        struct err_slot err;
        assert_int_equal(rows[i].rc, read_text(rows[i].content, &err, &operators));
        assert_says(&err, rows[i].says);
        assert_null(strstr(err.text, "0123456789"));
    }
}

TEST_CASE(the_list_of_tokens_has_a_bound)
{
    char memory[64 * (OPERATORS_MAX + 1)];
    size_t len = 0;
    for (unsigned i = 0; i < OPERATORS_MAX; i++)
        len +=
            (size_t)snprintf(memory + len, sizeof(memory) - len, "kim token-of-number-%04u\n", i);
    struct operators *operators;
    struct err_slot err;
    assert_int_equal(0, read_text(memory, &err, &operators));
    assert_string_equal("kim", operators_name(operators, SPAN("token-of-number-0063")));
    operators_destroy(operators);
    snprintf(memory + len, sizeof(memory) - len, "kim one-token-too-many\n");
    assert_int_equal(ERR_FULL, read_text(memory, &err, &operators));
}
