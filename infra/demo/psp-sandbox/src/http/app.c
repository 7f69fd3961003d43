/* app.c: what the handlers need from the configuration, computed once: the two forms of the key and
 * the list of addresses to which a buyer may be sent. An address is compared as a prefix that
 * includes the slash after the host, so that shop.example cannot be continued to shop.example.evil.
 */
#include "http/app.h"

#include "service/service.h"

#include <sodium.h>

struct app *app_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

int app_set_key(struct app *app, struct span key, struct err_slot *err)
{
    char pair[APP_AUTH_MAX / 2];
    if (key.len + 2 > sizeof(pair) || !span_to_cstr(key, app->key, sizeof(app->key)))
        return err_set(err, ERR_RANGE, "the key has %zu bytes, %zu are the most", key.len,
                       sizeof(pair) - 2);
    if (!form_is_plain(key, " "))
        return err_set(err, ERR_RANGE, "the key holds a byte that no header can carry");
    memcpy(pair, key.ptr, key.len);
    pair[key.len] = ':';
    memcpy(app->basic, "Basic ", 6);
    sodium_bin2base64(app->basic + 6, sizeof(app->basic) - 6, (const uint8_t *)pair, key.len + 1,
                      sodium_base64_VARIANT_ORIGINAL);
    return 0;
}

static bool is_prefix_of_one_host(struct span url)
{
    size_t scheme = span_starts(url, SPAN("http://"))    ? 7
                    : span_starts(url, SPAN("https://")) ? 8
                                                         : 0;
    struct span rest = span_skip(url, scheme);
    const char *slash = rest.len > 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
    return scheme > 0 && slash != NULL && slash != rest.ptr &&
           memchr(rest.ptr, '@', (size_t)(slash - rest.ptr)) == NULL;
}

int app_set_return_urls(struct app *app, struct span list, struct err_slot *err)
{
    if (!span_to_cstr(list, app->return_urls_text, sizeof(app->return_urls_text)))
        return err_set(err, ERR_RANGE, "return_urls of %zu bytes", list.len);
    struct span rest = span_of(app->return_urls_text);
    app->return_urls_len = 0;
    while (rest.ptr != NULL) {
        struct span url;
        rest = span_cut(rest, ',', &url);
        url = span_trim(url);
        if (url.len == 0)
            continue;
        if (app->return_urls_len == RETURN_URLS_MAX)
            return err_set(err, ERR_FULL, "more than %d return_urls", RETURN_URLS_MAX);
        if (!is_prefix_of_one_host(url))
            return err_set(err, ERR_SYNTAX, "return_urls: %.*s is not http(s)://host/...",
                           (int)url.len, url.ptr);
        app->return_urls[app->return_urls_len++] = url;
    }
    return 0;
}

bool app_may_return_to(const struct app *app, struct span url)
{
    if (url.len > URL_MAX || !form_is_plain(url, " \"\\"))
        return false; /* it goes into a header and into a page */
    for (unsigned i = 0; i < app->return_urls_len; i++) {
        if (span_starts(url, app->return_urls[i]))
            return true;
    }
    return false;
}
