/* cli_test.c: what the command at the door says of a ticket, and with which status. */
#include "cli.h"

#include "base/json_in.h"
#include "base/text.h"
#include "core/checkout/ticket.h"
#include "unit.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned allocations, refused_at;

static void *refuse_one(size_t size)
{
    return allocations++ == refused_at ? NULL : malloc(size);
}

struct door {
    char *keys, *revoked;
    char token[TICKET_TOKEN_MAX];
};

static void door_open(struct door *door)
{
    uint8_t seed[TICKET_SEED_BYTES] = {1};
    struct ticket_signer *signer;
    struct ticket ticket = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"};
    assert_int_equal(0, ticket_signer_create(seed, NULL, &signer));
    ticket_signer_holder(signer, "42", ticket.holder);
    assert_int_equal(0, ticket_sign(signer, &ticket, NULL, door->token));
    const struct ticket_key *key = ticket_signer_key(signer);
    char x[64], json[256];
    sodium_bin2base64(x, sizeof(x), key->public_key, sizeof(key->public_key),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(json, sizeof(json),
             "{\"keys\":[{\"kid\":\"%s\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}",
             key->kid, x);
    door->keys = unit_file(span_of(json), 0600);
    door->revoked =
        unit_file(SPAN("{\"event\":\"gala\",\"after\":null,\"next\":null,\"revoked\":[]}"), 0600);
    ticket_signer_destroy(signer);
}

static void door_close(struct door *door)
{
    unit_file_remove(door->keys);
    unit_file_remove(door->revoked);
}

/* The command's status; `said` gets what it wrote to either of its two outputs. */
static int verify(const struct door *door, char *said, size_t cap)
{
    char *argv[] = {"payment-adapter", "verify-ticket", "--keys",
                    door->keys,        "--event",       "gala",
                    "--revoked",       door->revoked,   (char *)(uintptr_t)door->token};
    FILE *kept = tmpfile();
    assert_non_null(kept);
    fflush(stdout);
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    dup2(fileno(kept), STDOUT_FILENO);
    dup2(fileno(kept), STDERR_FILENO);
    int status = cli_run(sizeof(argv) / sizeof(argv[0]), argv);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(kept);
    said[fread(said, 1, cap - 1, kept)] = '\0';
    fclose(kept);
    return status;
}

static void valid_ticket_is_accepted(void **state)
{
    (void)state;
    struct door door;
    char said[512];
    door_open(&door);
    assert_int_equal(0, verify(&door, said, sizeof(said)));
    assert_non_null(strstr(said, "GOOD ticket t_1 event gala seat A-1 "));
    door_close(&door);
}

/* "BAD" turns a visitor away, so it is only for what is known to be invalid. */
static void ticket_that_cannot_be_checked_is_not_called_invalid(void **state)
{
    (void)state;
    struct door door;
    char said[512];
    door_open(&door);
    json_in_allocate(refuse_one);
    unsigned undone = 0;
    for (refused_at = 0;; refused_at++) {
        allocations = 0;
        int status = verify(&door, said, sizeof(said));
        if (allocations <= refused_at) /* it had all that it asked for */
            break;
        assert_null(strstr(said, "BAD"));
        assert_int_equal(2, status);
        assert_non_null(strstr(said, "memory"));
        undone++;
    }
    json_in_allocate(malloc);
    assert_true(undone > 20); /* of the keys, the ticket, the list */
    door_close(&door);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_ticket_is_accepted),
        cmocka_unit_test(ticket_that_cannot_be_checked_is_not_called_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
