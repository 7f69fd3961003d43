/* mail.h: the content of a mail to a buyer, as text and as a page, and its headers. */
#ifndef FG_PAY_MAIL_H
#define FG_PAY_MAIL_H

#include "base/err.h"
#include "letters/mail_said.h"

enum {
    MAIL_LINE_MAX = 512,
    MAIL_SUBJECT_MAX = 4096, /* encoded */
    MAIL_BODY_MAX = 8192,
    MAIL_HTML_MAX = 48 * 1024,
    MAIL_HEADERS = 6
};

/* What is sent. libcurl encodes everything except the subject. */
struct mail_text {
    char date[MAIL_LINE_MAX], from[MAIL_LINE_MAX], to[MAIL_LINE_MAX], id[MAIL_LINE_MAX];
    char subject[MAIL_SUBJECT_MAX];
    const char *headers[MAIL_HEADERS + 1]; /* terminated by NULL; they point into the struct */
    char body_memory[MAIL_BODY_MAX];
    struct span body;
    char html_memory[MAIL_HTML_MAX];
    struct span html; /* may be empty */
};

int mail_write(const struct mail *mail, struct err_slot *err, struct mail_text *out);
/* One address, without any character that could end a header or an SMTP line. */
bool mail_address_is_sane(struct span address);

#endif
