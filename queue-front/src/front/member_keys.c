/* member_keys.c: the shop's keys, from its URL or from a file. Without a URL, or before the first
 * successful fetch, the keys in the file are used. */
#include "front/member_keys.h"

#include "front/front.h"

enum { DOUBT_MS = 5000 };

bool member_keys_check(const char *url, struct err_slot *err)
{
    struct span text = span_of(url);
    if (text.len == 0 || span_starts(text, SPAN("http://")) || span_starts(text, SPAN("https://")))
        return true;
    err_set(err, ERR_RANGE, "members.keys_url: must begin with http:// or https://");
    return false;
}

const struct jwks *member_keys_now(const struct front *front)
{
    const struct jwks_feed *feed = front->member_keys;
    const struct jwks *fetched = feed != NULL ? jwks_feed_keys(feed) : NULL;
    return fetched != NULL ? fetched : front->keys->members;
}

bool member_keys_doubt(const struct front *front)
{
    return front->member_keys != NULL && jwks_feed_doubt(front->member_keys);
}

bool member_keys_awaited(const struct front *front)
{
    return front->member_keys != NULL && member_keys_now(front) == NULL;
}

int member_keys_create(struct front *front, struct err_slot *err)
{
    const struct front_config *config = front->config;
    if (config->members_keys_url[0] == '\0')
        return 0;
    const struct service_loop *loop = front->loop;
    const struct jwks_feed_conf conf = {
        .whose = "the shop's",
        .url = config->members_keys_url,
        .refresh_ms = config->members_refresh_ms,
        .doubt_ms = DOUBT_MS,
        .ca_file = config->members_tls_ca,
        .loop = loop->uv,
        .clock = loop->clock,
        .rng = loop->rng,
        .log = loop->log,
    };
    int rc = jwks_feed_create(&conf, err, &front->member_keys);
    return rc < 0 ? err_wrap(err, "member keys") : 0;
}
