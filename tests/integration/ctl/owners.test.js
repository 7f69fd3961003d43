// The command line when several seat processes share the events: the profile names one of them, and requests for another's
// events go to their owner.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { makeSecrets, openScope, serve, until } from '../../lib-js/index.js';
import { openPair, operator, opens } from '../seat-service/site.js';
import { commandLine, done, EXIT, refused } from './fairgate.js';

test('what is asked of the wrong process goes to the one that has the event, and after its death to the next', async (t) => {
  const { scope, postgres, first, second } = await openPair(t);
  const fairgate = commandLine(scope, { seats: first, tokenFile: first.secrets.path('admin-token') });
  for (const event of ['one', 'two']) {
    assert.match(done(await fairgate('halls', 'show', event)).stdout, /^Front /m, event);
    done(await fairgate('halls', 'block', event, 'r1s1', 'r1s2', '--why', 'camera'));
  }
  const blocked = async (seats, event) => (await operator(seats, event).read()).json.categories.reduce((sum, one) => sum + one.blocked, 0);
  await until('its seats to be blocked at the owner', async () => (await blocked(second, 'two')) === 2);
  const finds = async () => /FairgateSeatsNotOpen would fire: fairgate_seats_open of event="one"/.test((await fairgate('doctor')).stdout);
  assert.doesNotMatch((await fairgate('doctor')).stdout, /SeatsNotOpen/, 'of the other process');
  const file = join(scope.tempDir('hall-'), 'hall.json');
  writeFileSync(file, done(await fairgate('halls', 'document', 'two', '--json')).stdout);
  assert.match(done(await fairgate('halls', 'import', 'two', file)).stdout, /It was there/);
  assert.equal(done(await fairgate('halls', 'export', 'two', '--json')).stdout, '[]\n');
  await until('the seats to be on the trail', async () => /camera/.test(done(await fairgate('halls', 'audit', 'two')).stdout));
  assert.match(done(await fairgate('halls', 'place', 'one', 'seats2')).stdout, /seats2 has them/);
  await until('it to be there', () => opens(second, 'one'));
  await second.kill();
  await until('the first to have both', async () => (await opens(first, 'one')) && opens(first, 'two'));
  done(await fairgate('halls', 'unblock', 'two', 'r1s1'));
  await postgres.kill();
  await until('doctor to find events that nobody sells', finds);
});

// A service without events: returns `answers` to one call after the other, and repeats the last one.
async function openStub(t, ...answers) {
  const asked = [];
  const { port } = await serve(openScope(t), (request, reply) => {
    const { status, body } = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(request.headers.authorization);
    reply.writeHead(status, { 'content-type': status === 200 ? 'application/json' : 'application/problem+json' }).end(JSON.stringify(body));
  });
  return { asked, privatePort: port };
}
const elsewhere = (place) => ({ status: 421, body: { status: 421, code: 'event-elsewhere', detail: 'elsewhere', owner: 'seats9', private_address: place } });
const NOBODY = '127.0.0.1:1';
const here = { status: 200, body: { categories: [] } };

function openLine(t, stub) {
  const scope = openScope(t);
  const secrets = makeSecrets(scope);
  return commandLine(scope, { seats: stub, tokenFile: secrets.path('admin-token') });
}

test('an edge in between, which has learnt from the answer, is asked once more before anybody else', async (t) => {
  const stub = await openStub(t, elsewhere(NOBODY), here);
  done(await openLine(t, stub)('halls', 'show', 'two'));
  assert.equal(stub.asked.length, 2);
});

test('a process that cannot be reached is named: nothing happened', async (t) => {
  const stub = await openStub(t, elsewhere(NOBODY));
  refused(await openLine(t, stub)('halls', 'block', 'two', 'r1s1'), EXIT.away, /seats9, which has the event, cannot be reached/);
});

test('a redirect loop between processes ends; an invalid address is not used', async (t) => {
  const second = await openStub(t, elsewhere(NOBODY));
  const first = await openStub(t, elsewhere(`127.0.0.1:${second.privatePort}`));
  second.asked.length = 0;
  refused(await openLine(t, first)('halls', 'show', 'two'), EXIT.away, /seats9/);
  assert.deepEqual([first.asked.length, second.asked.length], [2, 1]);
  for (const place of ['', 'user@127.0.0.1:1', '127.0.0.1:1/x', '127.0.0.1:1?', ' 127.0.0.1:1']) {
    const stub = await openStub(t, elsewhere(place));
    refused(await openLine(t, stub)('halls', 'show', 'two'), EXIT.refused, /event-elsewhere/);
    assert.equal(stub.asked.length, 1, place);
  }
});
