/* login_test.c: passwords are checked against hashes of other implementations than the libraries
 * used here (bcryptjs and noble-hashes in JavaScript, the OpenSSL command, the published vectors of
 * Openwall's crypt_blowfish, Drepper's sha512-crypt and the Argon2 reference). */
#include "login/password.h"
#include "unit.h"

#define HORSE  "correct horse battery staple"
#define HANGUL "비밀번호 1234"

static const struct {
    const char *maker, *password, *hash;
} vectors[] = {
    {"bcryptjs", HORSE, "$2b$06$S5.CNEuPbSus1ARMr2638.fOBbsKBJKv1UchyJ98AJ3iySuK48DW6"},
    {"bcryptjs", HANGUL, "$2b$06$BzldqVCfgr38HzblpQ./sejEaDUt74EFOE1vteURSVdtH/6f67sbS"},
    {"crypt_blowfish", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
    {"crypt_blowfish", "U*U",
     "bcrypt$$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
    {"noble", HORSE,
     "$argon2id$v=19$m=256,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6v921DcCh4JgNTUk8Zy5XG6tyoURKEoHlKq0MC/"
     "5wLE"},
    {"noble", HANGUL,
     "$argon2id$v=19$m=256,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$iL8EdwJmJvzxNRTDuGaZ9f1LfYL7eIUvQzz+"
     "l8i9NII"},
    {"noble, as Django names it", HORSE,
     "argon2$argon2id$v=19$m=1024,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$aBdnC4IIorO1Ian8EHK1aFLbDghnlPHDHj"
     "dJD0boCAs"},
    {"the reference", "password",
     "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
    {"noble", HORSE, "pbkdf2_sha256$1200$seasalt$lA7UOvaNxfp1YZX8z9/cKIpH2EcwRvPU4aShohDz/vQ="},
    {"noble", HANGUL, "pbkdf2_sha256$1200$seasalt$MP+5m8V+BD6tqV3h0qamdg9k4ZxaPw3M4A76HZAJUBQ="},
    {"noble", HORSE, "pbkdf2_sha1$1200$seasalt$LGlb2AU3gkRPPBUBhz37QiGHKWk="},
    {"RFC 7914, the first 32 bytes", "passwd",
     "pbkdf2_sha256$1$salt$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw="},
    {"openssl passwd", HORSE,
     "$6$fairgate$ioK2ptzjSL1/soAWkGNkrjswbf5U2EZd0e0jtactOT/KYQePhzChb4/"
     "wINCyUQyUMNJufcT7.L6o2iyV/V4LF/"},
    {"openssl passwd", HANGUL,
     "$6$fairgate$Y6gOMQxyKIQ6EfBATskLXK6Hwc2OJlkEbKb7NDsnoDsG8vHetEZL02OiM8an./"
     "iglagJtP9P6i7.aDzujV.s5/"},
    {"Drepper", "Hello world!",
     "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
     "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS"
     "35inz1"},
    {"Drepper", "Hello world!",
     "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/"
     "UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
};

TEST_CASE(hashes_of_other_implementations_are_checked)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        if (password_check(vectors[i].hash, vectors[i].password) != 0)
            fail_msg("%s: %s", vectors[i].maker, vectors[i].hash);
        assert_int_equal(password_check(vectors[i].hash, "another"), ERR_AUTH);
        assert_int_equal(password_check(vectors[i].hash, ""), ERR_AUTH);
    }
}

TEST_CASE(invalid_and_too_costly_hashes_are_not_wrong_passwords)
{
    static const char *const costly[] = {
        "$2b$31$S5.CNEuPbSus1ARMr2638.fOBbsKBJKv1UchyJ98AJ3iySuK48DW6",
        "$6$rounds=999999999$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/"
        "UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=256,t=2000000,p=1$c29tZXNhbHQ$"
        "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "pbkdf2_sha256$4000000000$seasalt$lA7UOvaNxfp1YZX8z9/cKIpH2EcwRvPU4aShohDz/vQ=",
    };
    static const char *const invalid[] = {
        "",
        "!",
        "hunter2",
        "$2b$06$short",
        "$argon2id$v=19$",
        "$argon2id$v=19$m=256,t=2,p=1$$",
        "pbkdf2_sha256$1200$seasalt",
        "pbkdf2_sha256$0$seasalt$lA7UOvaNxfp1YZX8z9/cKIpH2EcwRvPU4aShohDz/vQ=",
        "pbkdf2_sha256$1200$seasalt$lA7UOvaNxfp1",
        "pbkdf2_sha1$1200$seasalt$lA7UOvaNxfp1YZX8z9/cKIpH2EcwRvPU4aShohDz/vQ=",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
    };
    for (size_t i = 0; i < sizeof(costly) / sizeof(costly[0]); i++)
        assert_int_equal(password_check(costly[i], "x"), ERR_RANGE);
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
        assert_int_equal(password_check(invalid[i], "x"), ERR_SYNTAX);
}
