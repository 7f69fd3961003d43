// Every knob is one row of core/event/event_doc.c. The contract and the console's texts are compared with the program's
// answers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { load } from 'js-yaml';
import { ROOT } from '../../lib-js/index.js';
import { openSite } from './support.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');

test('contract and console describe every knob as the program does', async (t) => {
  const { front } = await openSite(t);
  const knobs = (await front.admin.get('/admin/knobs')).json.knobs;
  const { properties } = load(read('queue-front/openapi.yaml')).components.schemas.EventWrite;
  const texts = ['en', 'ko'].map((language) => read(`web/console/console.${language}`));
  assert.ok(knobs.length > 20);
  for (const { name, kind, ...knob } of knobs) {
    const promised = properties[name];
    assert.ok(promised, `openapi.yaml has ${name}`);
    for (const text of texts) assert.match(text, new RegExp(`^knob\\.${name} = `, 'm'), `the console has a word for ${name}`);
    if (kind === 'number' || kind === 'decimal') {
      assert.deepEqual({ min: promised.minimum, max: promised.maximum, default: promised.default },
        { min: knob.min, max: knob.max, default: knob.default }, `openapi.yaml: ${name}`);
    } else if (kind === 'bool') {
      assert.deepEqual([promised.type, promised.default], ['boolean', false], `openapi.yaml: ${name}`);
    }
  }
  const { members } = knobs.find(({ kind }) => kind === 'autopilot');
  const { on, ...own } = load(read('queue-front/openapi.yaml')).components.schemas.Autopilot.properties;
  assert.deepEqual(on, { type: 'boolean' });
  assert.deepEqual(members.map(({ name, min, max }) => [name, min, max]),
    Object.entries(own).map(([name, { minimum, maximum }]) => [name, minimum, maximum]), 'openapi.yaml: the autopilot');
  for (const { name } of members) for (const text of texts) assert.match(text, new RegExp(`^autopilot\\.${name} = `, 'm'));
  // Shards have no knob: their number is fixed once the event exists.
  const names = ['id', 'state', 'version', 'name', 'shards', 'incarnation', 'autopilot_state', ...knobs.map(({ name }) => name)];
  assert.deepEqual(Object.keys(properties).filter((name) => !names.includes(name)), []);
});
