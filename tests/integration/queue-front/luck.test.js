// Redis is slow or gone: what a front answers meanwhile, and that it recovers by itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { openShow, STILL, Visitor } from './support.js';

test('me and status work without Redis, join and pass do not', async (t) => {
  const site = await openShow(t, STILL);
  const visitor = await Visitor.withPlace(site.front, 'show');
  for (const [stop, mend] of [
    [() => site.redis.pause(), () => site.redis.resume()],
    [() => site.redis.kill(), () => site.redis.start()],
  ]) {
    await stop();
    const answers = await Promise.all([
      site.front.http.post('/v1/queue/show/join'),
      visitor.pass(),
    ]);
    for (const answer of answers) assertProblem(answer, 503, 'unavailable');
    await until('the picture to be old', async () => (await visitor.me()).json.stale === true);
    assert.equal((await visitor.me()).json.position, 1);
    await until('the status to say so', async () =>
      (await site.front.http.get('/v1/queue/show/status')).json.stale === true);
    assert.equal((await visitor.join()).status, 200, 'the same ticket needs no Redis');
    await until('it to be unready', async () => (await site.front.private.get('/readyz')).status === 503);
    await mend();
    await until('recovery by itself', async () => (await visitor.me()).json.stale === undefined);
    await until('a join', async () => (await site.front.http.post('/v1/queue/show/join')).status === 201);
    await until('readiness', async () => (await site.front.private.get('/readyz')).status === 200);
  }
});
