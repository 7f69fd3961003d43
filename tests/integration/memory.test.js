// Where memory is missing nobody is told that what they sent is wrong: it was not read. They are asked to
// come again, and nothing was done; what is sent once more, when there is memory, is good.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertProblem, openMemory, openScope } from '../lib-js/index.js';
import { makeEvent, openHouse } from './queue-front/support.js';

// A 503 that says when to come back.
function assertLater(answer, code) {
  assertProblem(answer, 503, code);
  assert.ok(Number(answer.headers['retry-after']) > 0, answer.text);
}

describe('a waiting room without memory', () => {
  const scope = openScope();
  const memory = openMemory(scope);
  let house;

  before(async () => {
    house = await openHouse(null, { scope, env: memory.env });
    await makeEvent(house, 'show', { rate_per_s: 0 });
  });
  after(() => scope.close());

  test('the log keeps its level, and whoever asked for another is told to ask again', async () => {
    const ask = () => house.front.admin.put('/log/level', { body: { level: 'debug' } });
    assertLater(await memory.without('"debug"', ask), 'overloaded');
    assert.equal((await ask()).status, 204);
    assert.equal((await house.front.admin.put('/log/level', { body: { level: 'info' } })).status, 204);
    assertProblem(await house.front.admin.put('/log/level', { body: '{', headers: { 'content-type': 'application/json' } }), 400, 'invalid-json');
  });
});
