// The load generators themselves: what they refuse, and that each wrk script asks for what it says.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { client, letIn, openScope, openStack, ROOT, runProgram, until } from '../../lib-js/index.js';

const EVENT = 'demo';
const WRK_DIR = join(ROOT, 'loadtest/wrk');
const scope = openScope();
after(() => scope.close());

function crowd(text, args = []) {
  const path = join(scope.tempDir('scenario-'), 'mine.conf');
  writeFileSync(path, text);
  return { ...runProgram('crowd', [path, '--print', ...args]), path };
}

test('a key that a scenario cannot have is named with file and line', () => {
  const { status, stderr, path } = crowd('[crowd]\nvisitors = 10\n[people]\nrobots = 3\n');
  assert.equal(status, 2);
  assert.ok(stderr.includes(`${path}:4:`), stderr);
  assert.match(stderr, /robots/);
});

test('a crowd does not go to strangers unless somebody vouches for them', () => {
  const stranger = '[journey]\nto = pass\n[targets]\nqueue = 203.0.113.7:80\n';
  const refused = crowd(stranger);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /--i-own-this-host/);
  assert.equal(crowd(stranger, ['--i-own-this-host']).status, 0);
});

test('the runner says which scenarios there are when it is asked for another', () => {
  const done = spawnSync('node', [join(ROOT, 'loadtest/run.js'), 'moon'], { encoding: 'utf8' });
  assert.equal(done.status, 2);
  assert.match(done.stderr, /smoke/);
});

describe('each wrk script', () => {
  let stack;
  const env = { WRK_DIR, WRK_EVENT: EVENT };

  // {requests, errors: {status, ...}} of one script against one part.
  const wrk = (script, port, more = {}) =>
    new Promise((resolve, reject) => {
      const args = ['-t1', '-c4', '-d1s', '-s', join(WRK_DIR, script), `http://127.0.0.1:${port}/`];
      execFile('wrk', args, { env: { ...process.env, ...env, ...more } }, (error, stdout, stderr) => {
        if (error) reject(new Error(`${script}: ${stdout}${stderr}`));
        else resolve({ script, ...JSON.parse(stdout.trim().split('\n').at(-1)) });
      });
    });

  before(async () => {
    const build = scope.tempDir('build-');
    mkdirSync(join(build, 'bin'));
    for (const name of ['queue-front', 'seat-service', 'halls'])
      symlinkSync(join(ROOT, 'build/release/bin', name), join(build, 'bin', name));
    stack = await openStack(scope, { env: { FAIRGATE_BUILD_DIR: build } });
    await stack.up();
    await letIn(stack, EVENT, { rate_per_s: 1000, burst: 1000, max_active: 0 });
    const queue = client({ port: stack.base + 1 });
    const tickets = [];
    for (let n = 0; n < 20; n += 1) {
      const { json } = await queue.post(`/v1/queue/${EVENT}/join`, { headers: { 'idempotency-key': `w${n}` } });
      tickets.push(json.ticket);
    }
    env.WRK_TICKETS = join(scope.dir(), 'tickets.txt');
    writeFileSync(env.WRK_TICKETS, `${tickets.join('\n')}\n`);
    await until('all to be called', async () =>
      (await queue.get(`/v1/queue/${EVENT}/me`, { token: tickets.at(-1) })).json.called);
    const passes = [];
    for (const token of tickets) passes.push((await queue.post(`/v1/queue/${EVENT}/pass`, { token })).json.pass);
    [env.WRK_BEARER] = passes;
  });

  test('asks for what it says, and is answered without an error', async () => {
    const [queue, seats] = [stack.base + 1, stack.base + 2];
    const ran = await Promise.all([
      wrk('me.lua', queue),
      wrk('status.lua', queue),
      wrk('join.lua', queue),
      wrk('pass.lua', queue),
      wrk('verify.lua', queue),
    ]);
    // One session may not ask the seats for ever: the service says when it is too much.
    const hall = await wrk('availability.lua', seats);
    for (const { script, requests, errors } of ran) {
      assert.ok(requests > 10, script);
      assert.deepEqual({ ...errors, read: 0 }, { connect: 0, read: 0, write: 0, status: 0, timeout: 0 }, script);
    }
    assert.ok(hall.requests > 10 && hall.errors.status < hall.requests, JSON.stringify(hall));
  });
});
