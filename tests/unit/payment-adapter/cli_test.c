/* cli_test.c: the door command's output for a ticket, and its exit status. */
#include "cli.h"

#include "base/text.h"
#include "core/checkout/ticket.h"
#include "scarce.h"
#include "unit.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

static char *keys, *revoked; /* files */
static char token[TICKET_TOKEN_MAX];

static void open_door(void)
{
    uint8_t seed[TICKET_SEED_BYTES] = {1};
    struct ticket_signer *signer;
    struct ticket ticket = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"};
    assert_int_equal(0, ticket_signer_create(seed, NULL, &signer));
    ticket_signer_holder(signer, "42", ticket.holder);
    assert_int_equal(0, ticket_sign(signer, &ticket, NULL, token));
    const struct ticket_key *key = ticket_signer_key(signer);
    char x[64], json[256];
    sodium_bin2base64(x, sizeof(x), key->public_key, sizeof(key->public_key),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(json, sizeof(json),
             "{\"keys\":[{\"kid\":\"%s\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}",
             key->kid, x);
    keys = unit_file(span_of(json), 0600);
    revoked =
        unit_file(SPAN("{\"event\":\"gala\",\"after\":null,\"next\":null,\"revoked\":[]}"), 0600);
    ticket_signer_destroy(signer);
}

/* Returns the command's status; `said` gets both of its outputs. */
static int verify(char *said, size_t cap)
{
    char *argv[] = {"payment-adapter", "verify-ticket", "--keys", keys, "--event", "gala",
                    "--revoked",       revoked,         token};
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

/* "BAD" turns a visitor away, so it is only for tickets known to be invalid. */
TEST_CASE(ticket_is_accepted_or_cannot_be_checked_for_lack_of_memory)
{
    char said[512];
    open_door();
    bool lacking = true;
    unsigned nth = 0;
    for (; lacking; nth++) {
        scarce_nth(nth);
        int status = verify(said, sizeof(said));
        lacking = scarce_end();
        assert_null(strstr(said, "BAD"));
        assert_int_equal(lacking ? 2 : 0, status);
        assert_non_null(strstr(said, lacking ? "memory" : "GOOD ticket t_1 event gala seat A-1 "));
    }
    assert_true(nth > 20); /* for the keys, the ticket, the list */
    unit_file_remove(keys);
    unit_file_remove(revoked);
}
