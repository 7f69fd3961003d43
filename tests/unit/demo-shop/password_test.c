/* password_test.c: hashes of the four formats, made here and made elsewhere. */
#include "unit.h"

#include "password.h"

static void format_holds(enum password_format format, enum password_cost cost, const char *begins)
{
    struct err_slot err;
    char hash[PASSWORD_HASH_MAX];
    char again[PASSWORD_HASH_MAX];
    assert_int_equal(0, password_make(format, cost, "비밀 1", rng_system(), &err, hash));
    assert_true(span_starts(span_of(hash), span_of(begins)));
    assert_true(password_holds(hash, "비밀 1"));
    assert_false(password_holds(hash, "비밀 2"));
    assert_false(password_holds(hash, ""));
    assert_int_equal(0, password_make(format, cost, "비밀 1", rng_system(), &err, again));
    assert_string_not_equal(hash, again); /* salted */
}

TEST_CASE(every_format_knows_its_password_and_no_other)
{
    static const char *const begins[PASSWORD_COSTS][PASSWORD_FORMATS] = {
        [PASSWORD_USUAL] = {[PASSWORD_BCRYPT] = "$2b$10$",
                            [PASSWORD_ARGON2ID] = "$argon2id$v=19$m=19456,t=2,p=1$",
                            [PASSWORD_PBKDF2_DJANGO] = "pbkdf2_sha256$390000$",
                            [PASSWORD_SHA512_CRYPT] = "$6$"},
        [PASSWORD_CHEAP] = {[PASSWORD_BCRYPT] = "$2b$04$",
                            [PASSWORD_ARGON2ID] = "$argon2id$v=19$m=8,t=1,p=1$",
                            [PASSWORD_PBKDF2_DJANGO] = "pbkdf2_sha256$1000$",
                            [PASSWORD_SHA512_CRYPT] = "$6$rounds=1000$"},
    };
    for (unsigned cost = 0; cost < PASSWORD_COSTS; cost++)
        for (unsigned i = 0; i < PASSWORD_FORMATS; i++)
            format_holds((enum password_format)i, (enum password_cost)cost, begins[cost][i]);
}

TEST_CASE(hashes_of_other_programs_are_understood)
{
    /* openssl passwd -6 -salt saltstring; Python's hashlib.pbkdf2_hmac in Django's frame; the
     * vector of bcrypt's first implementation. */
    assert_true(password_holds("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjn"
                               "QJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                               "Hello world!"));
    assert_true(password_holds(
        "pbkdf2_sha256$1000$salt$YywoEuRtRgQQK6dhjp1tfS+BKPYma0oDJk0qBGC33LM=", "password"));
    assert_true(
        password_holds("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"));
}

TEST_CASE(what_is_no_hash_holds_nothing)
{
    static const char *const bad[] = {"",
                                      "plain",
                                      "$2b$",
                                      "$2b$10$short",
                                      "$6$",
                                      "$argon2id$",
                                      "$argon2id$v=19$m=8,t=1,p=1$",
                                      "pbkdf2_sha256$",
                                      "pbkdf2_sha256$0$salt$AAAA",
                                      "pbkdf2_sha256$x$salt$AAAA",
                                      "pbkdf2_md5$1000$salt$AAAA"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(password_holds(bad[i], "password"));
        assert_false(password_holds(bad[i], ""));
    }
}
