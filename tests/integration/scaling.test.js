// Scaling in while people wait: one of two fronts is taken out behind the edge and comes back, as infra/README.md describes.
// No place is lost, no visitor sees an error, and streams continue at the other front.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { client, CookieJar, delay, openScope, openStack, openStream, partOfBuild, ROOT, until } from '../lib-js/index.js';

const PEOPLE = 30;
const WITH_STREAM = 12;
const ROUNDS = 5; // of requests while the front is away
const EVENT = 'demo';
const [FIRST, SECOND] = [1, 21]; // the fronts' ports, from the base
const SECOND_PRIVATE = 31; // of the second front's private listener

// A visitor with an open page: polls over a kept-alive connection, and holds a stream, which is reopened when it ends.
class Waiting {
  constructor(stack, agent) {
    this.stack = stack;
    this.web = client({ port: stack.base, agent });
    this.jar = new CookieJar();
    this.asked = 0;
    this.streams = 0;
    this.wrong = [];
  }

  // Like the page, this retries if Redis takes longer than a second, as it may on a slow machine; the page's cookie makes
  // both one place.
  async join() {
    this.jar.take(await this.web.get(`/e/${EVENT}`));
    for (;;) {
      const answer = this.jar.take(await this.web.post(`/v1/queue/${EVENT}/join`, { headers: this.jar.headers }));
      this.position = answer.json?.position;
      if ([200, 201].includes(answer.status)) return this;
      if (answer.json?.code !== 'unavailable' || !answer.json.detail?.startsWith('The line')) {
        this.wrong.push(`join: ${answer.status} ${answer.text}`);
        return this;
      }
      await delay(1000 * Number(answer.headers['retry-after']));
    }
  }

  async ask() {
    const answer = await this.web.get(`/v1/queue/${EVENT}/me`, { headers: this.jar.headers });
    if (answer.status !== 200) this.wrong.push(`me: ${answer.status} ${answer.text}`);
    else if (answer.json.position !== this.position) this.wrong.push(`${answer.json.position}, and it was ${this.position}`);
    this.asked += 1;
  }

  async listen(goesOn) {
    while (goesOn()) {
      const stream = await openStream({ port: this.stack.base, path: `/v1/queue/${EVENT}/stream` });
      if (stream.status !== 200) this.wrong.push(`stream: ${stream.status}`);
      this.streams += 1;
      await until('the end of a stream, or of the test', () => stream.ended || !goesOn());
      stream.close();
    }
  }
}

test('a front is taken out while people wait, join and listen, and comes back: no place is lost, and there is no error', async (t) => {
  const scope = openScope(t);
  const stack = await openStack(scope, { env: { FAIRGATE_BUILD_DIR: partOfBuild(scope, ['queue-front']), FAIRGATE_QUEUE_FRONTS: '2', FAIRGATE_EDGE_REQUESTS_PER_10S: '1000000', FAIRGATE_EDGE_NEW_CONNECTIONS_PER_10S: '1000000' } });
  await stack.up();
  const admin = stack.admin('queue');
  assert.equal((await admin.patch(`/admin/events/${EVENT}`, { body: { rate_per_s: 0 } })).status, 200);
  for (const port of [FIRST, SECOND]) {
    await until('both to know the event', async () => (await client({ port: stack.base + port }).get(`/v1/queue/${EVENT}/status`)).status === 200);
  }
  const second = client({ port: stack.base + SECOND_PRIVATE });
  const streamsThere = async () => [...(await second.get('/metrics')).text.matchAll(/^fairgate_http_streams\{[^}]*public[^}]*\} (\d+)/gm)]
    .reduce((sum, [, count]) => sum + Number(count), 0);

  const agent = new http.Agent({ keepAlive: true, maxSockets: PEOPLE });
  scope.defer(() => agent.destroy());
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => new Waiting(stack, agent).join()));
  assert.equal(new Set(people.map((one) => one.position)).size, PEOPLE);

  let over = false;
  const goesOn = () => !over;
  const busy = people.map(async (one, i) => {
    const listening = i < WITH_STREAM ? one.listen(goesOn) : null;
    while (goesOn()) await one.ask();
    await listening;
  });
  // And new visitors, whose joins are not retried.
  const later = [];
  busy.push((async () => {
    while (goesOn()) later.push(await new Waiting(stack, agent).join());
  })());
  const rounds = async (what) => {
    const before = people.map((one) => one.asked);
    const joined = later.length;
    await until(what, () => people.every((one, i) => one.asked >= before[i] + ROUNDS) && later.length >= joined + ROUNDS);
  };

  await until('streams at both fronts', async () => (await streamsThere()) > 0);
  await rounds('questions to both fronts');
  const takeOut = (...argv) => execFileSync(join(ROOT, 'infra/edge/take-out'), [...argv, 'queue-front/front2', join(stack.dir, 'edge.sock')]);
  takeOut();
  await rounds('questions once the edge gives it nothing new');
  const moved = people.reduce((sum, one) => sum + one.streams, 0);
  const there = await streamsThere();
  assert.ok(there > 0, 'streams that are open go on');
  await stack.without('queue-front-2', async () => {
    await until('those streams to be held again', () => people.reduce((sum, one) => sum + one.streams, 0) >= moved + there);
    await rounds('questions while it is gone');
  });
  await until('the front to be ready', async () => (await stack.parts())['queue-front-2'].ready);
  takeOut('--back');
  await rounds('questions once it is back');
  over = true;
  await Promise.all(busy);
  assert.deepEqual([...people, ...later].flatMap((one) => one.wrong), []);
  const places = [...people, ...later].map((one) => one.position).sort((a, b) => a - b);
  assert.deepEqual(places, Array.from({ length: places.length }, (_, i) => i + 1), 'each place once, and none is missing');
});
