// Which document a front and Redis agree on after a loss: not the one with the higher number, but the
// newer one. Loss is played by putting an older copy of `cfg` back and naming another run.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Clockwork, OUTCOME } from './line.js';
import { runScript } from './script.js';

let runs = 0;
const clockwork = await Clockwork.open(test);

const VERBS = {
  // copy [but FIELD]: copies Redis's current state of the event.
  async copy(script, [, field]) {
    const flat = await clockwork.redis.command('HGETALL', script.line.key('cfg'));
    script.copy = flat.flatMap((word, i) => (i % 2 === 0 && word !== field ? [word, flat[i + 1]] : []));
  },
  // back FRONT [OTHER]: restores the copy; only the first front is there to heal it.
  async back(script, names) {
    const run = `later-${(runs += 1)}`;
    for (const name of names) script.fronts[name].runId = run;
    const line = script.fronts[names[0]];
    script.line = line;
    await clockwork.redis.command('DEL', line.key('cfg'));
    await clockwork.redis.command('HSET', line.key('cfg'), ...script.copy);
    assert.equal((await line.tick()).outcome, OUTCOME.HEAL);
    assert.equal((await line.heal()).outcome, OUTCOME.HEAL);
    await clockwork.step(1001);
    assert.equal((await line.heal()).outcome, OUTCOME.OK);
    assert.equal((await line.tick()).outcome, OUTCOME.OK);
  },
  // Ticks, and heals as often as necessary.
  async settle({ line }) {
    for (let turn = 0; turn < 4; turn += 1) {
      if ((await line.tick()).outcome === OUTCOME.OK) return;
      await line.heal();
      await clockwork.step(1001);
    }
    assert.fail('the line does not heal');
  },
};

// Two fronts that know version 2 and burst 10 of an open event.
const OPEN = 'create; front lost; tick; front here; tick; copy; lost';
const IN_REDIS = 'redis HGET cfg burst';

for (const [name, text] of [
  ['a lost version with the number of a newer one is replaced', `
    ${OPEN}; change burst=77; tick; is document.burst=77 marks.version=3; back here lost
    change burst=33; tick; is marks.version=3; lost; settle; is document.burst=33; ${IN_REDIS} = 33`],
  ['a higher lost version does not overwrite a newer document', `
    ${OPEN}; change burst=77; change burst=78; change burst=79; tick; is marks.version=5; back here lost
    change burst=33; tick; is marks.version=3; lost; settle; is document.burst=33 marks.version=3; ${IN_REDIS} = 33`],
  ['a lost document is restored while no newer one is written', `
    ${OPEN}; change burst=77; tick; back here lost; is document.burst=10; lost; settle; ${IN_REDIS} = 77
    here; settle; is document.burst=77`],
  ['a loss before the last one brings nothing back', `
    ${OPEN}; change burst=77; change burst=78; tick; is marks.version=4; back here; change burst=33; tick; is marks.version=3
    copy; back here lost; lost; settle; is document.burst=33; ${IN_REDIS} = 33`],
  ['a Redis set back to before a heal learns the document of after it', `
    ${OPEN}; back here lost; change burst=33; tick; back here lost; ${IN_REDIS} = 33; lost; settle; is document.burst=33`],
  ['a document that changed without a new number is sent', `
    ${OPEN}; here; redis HSET cfg burst 55 digest another; tick; is document.burst=55; tick; is view.document.length=0`],
  ['an event keeps its first identity key', `
    ${OPEN}; copy but identity; here; is eventIdentity=1-0123abcd; set identity=2-feedbeef; change burst=11; tick
    is eventIdentity=1-0123abcd; back here lost; is eventIdentity=1-0123abcd`],
  ['an event takes the identity key that it is offered first', `
    create in draft; set identity=2-feedbeef; move open; tick; is eventIdentity=2-feedbeef`],
]) test(name, () => runScript(clockwork, text, VERBS));
