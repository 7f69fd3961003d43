/* member_keys.c: the shop's keys, from its URL or from a file. The feed (outcall/jwks_feed.h) has
 * its own outgoing calls, because the shop may have its own certificate authority. Without a URL,
 * or before the first successful fetch, the keys in the file are used. */
#include "front/member_keys.h"

#include "front/front.h"

#include <stdlib.h>

enum { DOUBT_MS = 5000 };

struct member_keys {
    struct outcalls *outcalls;
    struct jwks_feed *feed;
};

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
    const struct member_keys *keys = front->member_keys;
    const struct jwks *fetched = keys != NULL ? jwks_feed_keys(keys->feed) : NULL;
    return fetched != NULL ? fetched : front->keys->members;
}

bool member_keys_doubt(const struct front *front)
{
    return front->member_keys != NULL && jwks_feed_doubt(front->member_keys->feed);
}

bool member_keys_awaited(const struct front *front)
{
    return front->member_keys != NULL && member_keys_now(front) == NULL;
}

const struct jwks_feed_stats *member_keys_stats(const struct member_keys *keys)
{
    return jwks_feed_stats(keys->feed);
}

int member_keys_create(struct front *front, struct err_slot *err)
{
    const struct front_config *config = front->config;
    if (config->members_keys_url[0] == '\0')
        return 0;
    struct member_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "member keys");
    struct service_loop *loop = front->loop;
    int rc = outcalls_create(loop->uv, config->members_tls_ca, err, &keys->outcalls);
    if (rc < 0)
        goto free_keys;
    const struct jwks_feed_conf feed = {
        .whose = "the shop's",
        .url = config->members_keys_url,
        .refresh_ms = config->members_refresh_ms,
        .doubt_ms = DOUBT_MS,
        .outcalls = keys->outcalls,
        .loop = loop->uv,
        .clock = loop->clock,
        .rng = loop->rng,
        .log = loop->log,
    };
    rc = jwks_feed_create(&feed, err, &keys->feed);
    if (rc < 0)
        goto close_outcalls;
    front->member_keys = keys;
    return 0;

close_outcalls:
    outcalls_close(keys->outcalls);
free_keys:
    free(keys);
    return err_wrap(err, "member keys");
}

void member_keys_close(struct member_keys *keys)
{
    if (keys == NULL)
        return;
    jwks_feed_close(keys->feed);
    outcalls_close(keys->outcalls); /* answers open calls, which the feed waits for */
    free(keys);
}
