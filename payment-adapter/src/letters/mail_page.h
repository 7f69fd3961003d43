/* mail_page.h: a mail in the form that looks like the pages, web/mail.html. */
#ifndef FG_PAY_MAIL_PAGE_H
#define FG_PAY_MAIL_PAGE_H

#include "letters/mail.h"

int mail_page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
/* Of a mail with a page. */
void mail_page_put(struct text *out, const struct mail *mail, const struct mail_said *said);

#endif
