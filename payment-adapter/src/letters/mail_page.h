/* mail_page.h: the HTML form of a mail, which looks like the pages: web/mail.html. */
#ifndef FG_PAY_MAIL_PAGE_H
#define FG_PAY_MAIL_PAGE_H

#include "letters/mail_said.h"

int mail_page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
/* A contact as people write it: without mailto: or tel:. */
struct span mail_page_contact(struct span address);
/* Only for mails with a page. */
void mail_page_put(struct text *out, const struct mail *mail, const struct mail_said *said);

#endif
