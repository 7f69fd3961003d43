// A new version next to the old one, at the real edge: how many visitors see it, that they stay with it, that one command
// takes it back, and that no place is lost. docs/operate/versions.md tells operators the same.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, test } from 'node:test';
import { CookieJar, fakeBuild, openScope, openStack, until } from '../lib-js/index.js';
import { ROOT } from '../lib-js/service.js';

const SHARE = 5;
const LATER = [502, 503, 504];
const run = promisify(execFile);
const MANY = { FAIRGATE_EDGE_REQUESTS_PER_10S: '100000', FAIRGATE_EDGE_NEW_CONNECTIONS_PER_10S: '100000' };

async function openVersions(scope, env) {
  const stack = await openStack(scope, { env: { ...MANY, ...env } });
  await stack.up();
  const share = async (...words) => (await run(join(ROOT, 'infra/edge/share'), [join(stack.dir, 'edge.sock'), ...words.map(String)])).stdout.trim();
  const fresh = (await stack.parts())['queue-front-new'].ports[0];
  return { stack, share, fresh };
}

const drawn = (answer) => /fg_version=(\d+)/.exec([answer.headers['set-cookie']].flat().join())?.[1];

describe('the edge, with stand-ins for both versions', async () => {
  const scope = openScope(test);
  // Whether the new version answers a visitor who has drawn that number.
  const seesNew = async (number, path = '/v1/queue/demo/status') =>
    (await stack.edge.get(path, { headers: { cookie: `a=b; fg_version=${number}` } })).json.port === fresh;
  const numbersOf = async () => {
    const seen = await Promise.all(Array.from({ length: 100 }, async (_, n) => (await seesNew(n) ? n : null)));
    return seen.filter((n) => n !== null);
  };
  const upTo = (n) => Array.from({ length: n }, (_, i) => i);

  const build = fakeBuild(scope, ['queue-front']);
  const { stack, share, fresh } = await openVersions(scope, { FAIRGATE_BUILD_DIR: build, FAIRGATE_NEW_BUILD_DIR: fakeBuild(scope, ['queue-front']) });

  test('without a share nobody sees a new version or gets its cookie', async () => {
    assert.equal(await share(), '0');
    assert.deepEqual(await numbersOf(), []);
    const page = await stack.edge.get('/e/demo');
    assert.notEqual(page.json.port, fresh);
    assert.equal(drawn(page), undefined);
  });

  test('a share of 5 gives pages and calls of the same five numbers to it', async () => {
    await share(SHARE);
    assert.equal(await share(), String(SHARE));
    for (const path of ['/v1/queue/demo/status', '/e/demo', '/assets/x']) {
      assert.deepEqual(await Promise.all(upTo(SHARE).map((n) => seesNew(n, path))), upTo(SHARE).map(() => true), path);
    }
    assert.deepEqual(await numbersOf(), upTo(SHARE));
  });

  test('newcomers draw their numbers evenly, and these count at once', async () => {
    await share(SHARE);
    const count = 2000;
    let met = 0;
    for (let i = 0; i < count; i += 100) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => stack.edge.get('/e/demo')));
      for (const answer of answers) {
        const number = Number(drawn(answer));
        assert.ok(number >= 0 && number < 100);
        assert.equal(answer.json.port === fresh, number < SHARE, `number ${number}`);
        if (answer.json.port === fresh) met += 1;
      }
    }
    // 100 are expected; six standard deviations are 58.
    assert.ok(met > 42 && met < 158, `${met} of ${count}`);
  });

  test('a larger share keeps its visitors, and a share of 0 takes all back', async () => {
    await share(25);
    assert.deepEqual(await numbersOf(), upTo(25));
    await share(0);
    assert.deepEqual(await numbersOf(), []);
    await share(100);
    assert.equal((await numbersOf()).length, 100);
    assert.equal((await stack.edge.get('/v1/queue/demo/status')).json.port, fresh, 'also who has drawn nothing');
    await share(0);
    assert.notEqual((await stack.edge.get('/v1/queue/demo/status')).json.port, fresh);
  });

  test('an invalid share is refused, and a restarted edge has a share of 0', async () => {
    await share(SHARE);
    for (const wrong of ['101', '-1', 'all', '05']) await assert.rejects(share(wrong), /a whole number from 0 to 100/);
    assert.equal(await share(), String(SHARE));
    await stack.kill('edge');
    await until('the edge', async () => (await stack.edge.get('/healthz').catch(() => ({}))).status === 200);
    assert.equal(await share(), '0');
  });

  test('a new front that dies leaves its visitors to the others', async () => {
    await share(50);
    const { pid } = (await stack.parts())['queue-front-new'];
    assert.ok(await seesNew(0));
    await stack.kill('queue-front-new', pid);
    for (let i = 0; i < 20; i += 1) assert.equal((await stack.edge.get('/v1/queue/demo/status', { headers: { cookie: 'fg_version=0' } })).status, 200);
    await until('the new front is back', () => seesNew(0));
  });

  test('a removed new version stops gracefully, whatever its share', async () => {
    await stack.up({ FAIRGATE_NEW_BUILD_DIR: '' });
    assert.doesNotMatch((await stack.command('status', { FAIRGATE_NEW_BUILD_DIR: '' })).stdout, /queue-front-new/);
    assert.deepEqual(await numbersOf(), []);
    await assert.rejects(share(SHARE), /no front with a new version runs/, 'nobody would see it');
    assert.equal(await share(), '0');
    assert.deepEqual(stack.findings(), []);
  });
});

test('people in a real line keep their places while a version comes, goes and dies', async (t) => {
  const scope = openScope(t);
  const build = scope.tempDir('build-');
  mkdirSync(join(build, 'bin'));
  symlinkSync(join(ROOT, 'build/release/bin/queue-front'), join(build, 'bin/queue-front'));
  const { stack, share } = await openVersions(scope, { FAIRGATE_BUILD_DIR: build, FAIRGATE_NEW_BUILD_DIR: build });
  const line = async (person, method, path) => {
    const answer = await stack.edge.call(method, `/v1/queue/demo/${path}`, { headers: person.jar.headers });
    person.jar.take(answer);
    return answer;
  };
  await share(50);
  for (const number of [0, 99]) { // a front learns a moment later of an event that another one created
    const headers = { cookie: `fg_version=${number}` };
    await until('the event', async () => (await stack.edge.get('/v1/queue/demo/status', { headers })).status === 200);
  }
  const people = Array.from({ length: 40 }, () => ({ jar: new CookieJar() }));
  for (const person of people) {
    person.jar.take(await stack.edge.get('/e/demo'));
    const joined = await until('a place', async () => { // the page's cookie makes retries one place
      const answer = await line(person, 'POST', 'join');
      return !LATER.includes(answer.status) && answer;
    });
    assert.ok([200, 201].includes(joined.status), joined.text);
    person.position = joined.json.position;
  }
  assert.equal(new Set(people.map(({ position }) => position)).size, people.length, 'no place is given twice');
  const numbers = people.map(({ jar }) => Number(/fg_version=(\d+)/.exec(jar.headers.cookie)[1]));
  t.diagnostic(`${numbers.filter((n) => n < 50).length} of ${people.length} joined at the new version`);

  const keep = async (when) => {
    for (const person of people) {
      // A front that has just started may ask for a retry.
      const me = await until('an answer', async () => {
        const answer = await line(person, 'GET', 'me');
        return !LATER.includes(answer.status) && answer;
      });
      assert.equal(me.status, 200, `${when}: ${me.text}`);
      assert.equal(me.json.position, person.position, when);
    }
  };
  await keep('with both versions');
  await share(0);
  await keep('taken back');
  await share(100);
  await keep('given to all');
  await stack.kill('queue-front-new');
  await keep('dead');
  await share(0);
  // And each place gets inside.
  for (const person of people) await until('to be called', async () => [200, 201].includes((await line(person, 'POST', 'pass')).status));
});
