// The crowd's judge on real crowds at real fronts, with something planted in between that must be
// found by its name.

import assert from 'node:assert/strict';
import http from 'node:http';
import { readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openScope, programPath, ROOT, runCrowd, serve } from '../../lib-js/index.js';
import { judgeGrowth } from '../../../loadtest/lib/growth.js';
import { missed } from '../../../loadtest/lib/happened.js';
import { makeEvent, openSite } from '../queue-front/support.js';

const RATE = 5;

// An HTTP server in front of `target`, a port. `spoil(call)` returns {status, json} for calls that it answers itself; all
// others go through.
async function plant(scope, target, spoil) {
  const server = await serve(scope, (incoming, outgoing) => {
    const spoilt = spoil(incoming);
    if (spoilt) {
      outgoing.writeHead(spoilt.status, { 'content-type': 'application/json', ...spoilt.headers });
      outgoing.end(JSON.stringify(spoilt.json));
      incoming.resume();
      return;
    }
    const { method, url: path, headers } = incoming;
    const onward = http.request({ port: target, host: '127.0.0.1', method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  return server.port;
}

// Each crowd has its own line; all run at once.
describe('the judge of a crowd', { concurrency: 4 }, async () => {
  const scope = openScope(test);

  const site = await openSite(null, { scope, fronts: 2 });
  const rates = { honest: RATE, jump: RATE, fast: 4 * RATE };
  for (const [event, rate] of Object.entries(rates))
    await makeEvent(site, event, { rate_per_s: rate, burst: RATE, max_active: 0 });

  // Some people at these ports, distinguished only by their place. Returns the verdict.
  async function judgedAt(ports, event, settings = {}) {
    const run = await runCrowd(scope, {
      scenario: 'line',
      settings: {
        ...settings,
        crowd: { event, visitors: 40, within: '1s', patience: '25s', ...settings.crowd },
        people: { no_show: 0, leaver: 0, impatient: 0, two_tabs: 0, jumper: 0, forger: 0, ...settings.people },
        stage: { rate_per_s: RATE, burst: RATE },
        targets: { queue: ports.map((port) => `127.0.0.1:${port}`).join(',') },
      },
    });
    return run.judged();
  }

  // judges: place
  test('finds nothing at two honest fronts, with early visitors', async () => {
    const verdict = await judgedAt(site.fronts.map(({ port }) => port), 'honest', { people: { jumper: 30, leaver: 10 }, expect: { min_done: 70, min_passed: 70 } });
    assert.deepEqual(verdict.found, []);
    assert.ok(verdict.eta_judged >= 10, verdict.text);
  });

  test('finds a visitor who is let in before those in front', async () => {
    const port = await plant(scope, site.front.port, ({ url }) =>
      url.endsWith('/pass') && { status: 201, json: { pass: 'planted', session: `planted-${Math.random()}` } });
    const verdict = await judgedAt([port], 'jump', { people: { jumper: 30 } });
    assert.ok(verdict.kinds.jump > 0, verdict.text);
    assert.deepEqual(Object.keys(verdict.kinds).filter((kind) => kind !== 'rate'), ['jump'], verdict.text);
  });

  test('finds a line that moves faster than it may', async () => {
    const verdict = await judgedAt([site.front.port], 'fast', { crowd: { visitors: 80 } });
    assert.deepEqual(Object.keys(verdict.kinds), ['rate'], verdict.text);
  });

  test('finds a service that answers 503 to everybody', async () => {
    const port = await plant(scope, 0, () => ({ status: 503, json: { code: 'overloaded' }, headers: { 'retry-after': '1' } }));
    const verdict = await judgedAt([port], 'nowhere', { crowd: { patience: '3s' } });
    assert.deepEqual(Object.keys(verdict.kinds), ['few-placed', 'few-passed', 'few-done', 'left-waiting'], verdict.text);
  });
});

test('every scenario has expectations', () => {
  const dir = join(ROOT, 'loadtest/scenarios');
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.conf'))) {
    const done = spawnSync(programPath('crowd'), [join(dir, name), '--print'], { encoding: 'utf8' });
    const { expect } = JSON.parse(done.stdout);
    assert.ok(expect.min_placed >= 90 || expect.min_done >= 50, `${name}: ${JSON.stringify(expect)}`);
    assert.ok(expect.max_lost <= 40 && expect.max_failed === 0 && expect.max_void === 0, name);
  }
});

test('a scenario whose faults did not happen is a finding', () => {
  const settings = {
    stage: { kill_every: 8000, begins: 'draw', notice_every: 1000 },
    people: { listener: 20, slow: 0 },
  };
  const nothing = { settings, run: { took_us: {}, events: 0, streams_lost: 0, visits_unended: 0 }, kills: [], operator: { drawn: false, notices: 0 } };
  assert.deepEqual(missed(nothing).map((text) => text.split(':')[0]),
    ['nothing-killed', 'not-drawn', 'no-notice', 'nobody-told', 'no-stream']);
  const all = {
    settings,
    run: { took_us: { 'said to told': { count: 3 } }, events: 7, streams_lost: 1, visits_unended: 2 },
    kills: [{}],
    operator: { drawn: true, notices: 2 },
  };
  assert.deepEqual(missed(all), []);
});

// A process sampled each second for `seconds`, from `fromMs` on.
const looks = (kbAt, filesAt = () => 20, { fromMs = 0, seconds = 100 } = {}) =>
  Array.from({ length: seconds }, (_, n) => ({ atMs: fromMs + n * 1000, kb: kbAt(n), rssKb: 2 * kbAt(n), files: filesAt(n) }));

const others = [['seat-service 2', looks(() => 30_000)], ['payment-adapter 3', looks(() => 12_000)]];
const namesOfGrowth = (front) =>
  judgeGrowth(new Map([['queue-front 1', front], ...others]), 0, 100_000, 10).findings.map((text) => text.split(':').slice(0, 2).join(':'));

test('a growing program is a finding, and one that only warms up is not', () => {
  assert.deepEqual(namesOfGrowth(looks(() => 8000)), []);
  assert.deepEqual(namesOfGrowth(looks((n) => 8000 + 500 * Math.min(n, 25))), [], 'grown while it warmed up');
  assert.deepEqual(namesOfGrowth(looks((n) => (n % 10 === 0 ? 20_000 : 8000))), [], 'peaks that pass');
  assert.deepEqual(namesOfGrowth(looks((n) => 8000 + 4 * n)), ['memory-grew: queue-front']);
  assert.deepEqual(namesOfGrowth(looks(() => 8000, (n) => 20 + n / 5)), ['files-grew: queue-front']);
  assert.deepEqual(namesOfGrowth(looks(() => 8000, undefined, { fromMs: 60_000, seconds: 40 })), ['growth-not-judged: no queue-front was there long enough after the last kill']);
});
