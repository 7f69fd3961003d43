// Every command of the handbook, typed as written: each page on its own stack, and the tutorial from an empty machine, since
// it starts and stops a stack.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, test } from 'node:test';
import { handbook } from '../../infra/docs/pages.js';
import { openScope, openStack } from '../lib-js/index.js';
import { openClone, runPage, stepsOf } from './run.js';

const TUTORIAL = 'docs/tutorial.md';
const korean = (page) => page.startsWith('docs/ko/'); // the same commands: tests/integration/docs.test.js

async function openPlace() {
  const scope = openScope();
  const stack = await openStack(scope, { name: '.run' });
  openClone(scope.dir());
  return { scope, stack, where: { dir: scope.dir(), base: stack.base, env: stack.env } };
}

describe('with a stack', () => {
  let place;
  before(async () => {
    place = await openPlace();
    // By the clone's own script, so that a page's `make up` finds nothing changed.
    await promisify(execFile)('make', ['up'], { cwd: place.where.dir, env: { ...process.env, ...place.where.env } });
    assert.ok(lstatSync(join(place.where.dir, 'node_modules')).isSymbolicLink(), 'the tree has its packages');
    place.stack.mayDie('seat-service', 'signal 9', 2); // docs/operate/game-day.md
  });
  after(() => place.scope.close());

  // The shop's page creates an order without a buyer, which every later reconciliation would report.
  const last = (page) => Number(page === 'docs/integrate/shop.md');
  const pages = handbook().filter((each) => each !== TUTORIAL && !korean(each) && stepsOf(each).length > 0);
  for (const page of pages.sort((a, b) => last(a) - last(b))) {
    test(`${page} says what works`, async () => {
      assert.ok(await runPage(page, place.where) > 0);
    });
  }
});

test('the tutorial leads from nothing to an installation that is ended again', async (t) => {
  const { scope, where } = await openPlace();
  t.after(() => scope.close());
  assert.ok(await runPage(TUTORIAL, where) > 10);
});
