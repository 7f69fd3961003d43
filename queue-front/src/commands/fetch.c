/* fetch.c: one blocking download for commands such as verify-draw.
 *
 * A command has no loop and one task, so libcurl's simple form is enough. The caller's memory is
 * the limit: a response that does not fit ends the transfer. Only http and https are accepted, and
 * redirects are not followed, because the operator has to be sure of the address. */
#include "commands/fetch.h"

#include <curl/curl.h>

enum { FETCH_S_MAX = 20 };

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct text *out = ctx;
    text_add(out, bytes, size * count);
    return out->overflown ? 0 : size * count; /* 0 makes curl give up */
}

int fetch_text(const char *url, struct text *out, long *status, struct err_slot *err)
{
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return err_set(err, ERR_NOMEM, "%s", url);
    /* Fails without memory: a fetch without its limits must not run. */
    bool is_set = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FETCH_S_MAX) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_WRITEDATA, out) == CURLE_OK;
    CURLcode code = is_set ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_cleanup(curl);
    return code == CURLE_OK ? 0 : err_set(err, ERR_PEER, "%s: %s", url, curl_easy_strerror(code));
}
