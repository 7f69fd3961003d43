/* mailer.h: mails to buyers: that they have their seats, or that they do not. The address is read
 * from the company's database when a mail is sent, and is not kept. */
#ifndef FG_PAY_MAILER_H
#define FG_PAY_MAILER_H

#include "login/users.h"
#include "outcall/outcall.h"
#include "pg/pg_pool.h"
#include "settings.h"
#include "web/site.h"

struct mailer_stats {
    _Atomic uint64_t sent, failed, given_up, held_back;
};

struct mailer;

struct mailer_conf { /* all borrowed until mailer_close() */
    struct pg_pool *pg;
    struct users *users; /* NULL: no address can be looked up, so mails wait */
    struct outcalls *outcalls;
    const struct settings *settings;
    const struct site *site; /* its texts */
    const char *password;    /* of the mail server, as it is now; "": none */
    const struct clock *clock;
    const struct rng *rng;
    struct tracer *tracer; /* NULL: not traced */
};

int mailer_create(const struct mailer_conf *conf, struct err_slot *err, struct mailer **out);
void mailer_tick(struct mailer *mailer); /* each 100 ms */
void mailer_close(struct mailer *mailer);
const struct mailer_stats *mailer_stats(const struct mailer *mailer);

#endif
