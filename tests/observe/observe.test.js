// A stack that is watched (make up OBSERVE=1): Debian's Prometheus asks all services, our dashboards are answered by it, and
// an alert that is provoked reaches its receiver, and so does its end.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import { client, openScope, openStack, serve, until } from '../lib-js/index.js';
import { DASHBOARDS, ruleGroups } from '../lib-js/observe.js';

const EVENT = 'demo';
const PATIENCE = { timeoutMs: 240_000 };

// The receiver of alerts: {told: [{status, labels, annotations}], url}.
async function openEar(scope) {
  const notices = [];
  const server = await serve(scope, async (req, res) => {
    notices.push(...(await json(req)).alerts);
    res.end();
  });
  return { notices, url: `${server.url}/alerts` };
}

describe('a stack that is watched', () => {
  const scope = openScope(test);
  let stack;
  let ear;
  let prometheus;
  const ask = async (expr) => {
    const { json } = await prometheus.get(`/api/v1/query?query=${encodeURIComponent(expr)}`);
    assert.equal(json.status, 'success', `${expr}: ${json.error}`);
    return json.data.result;
  };

  before(async () => {
    ear = await openEar(scope);
    stack = await openStack(scope, { env: { FAIRGATE_OBSERVE: '1', FAIRGATE_ALERTS_URL: ear.url, FAIRGATE_QUEUE_FRONTS: '2' } });
    await stack.up();
    prometheus = client({ port: stack.base + 16 });
  });

  test('has every service asked', async () => {
    await until('all to be reached', async () => {
      const { activeTargets } = (await prometheus.get('/api/v1/targets')).json.data;
      return activeTargets.length === 4 && activeTargets.every(({ health }) => health === 'up');
    }, PATIENCE);
    const jobs = (await ask('up')).map(({ metric }) => `${metric.job} ${metric.instance}`).sort();
    const at = (offset) => `127.0.0.1:${stack.base + offset}`;
    assert.deepEqual(jobs, [`fairgate-pay ${at(13)}`, `fairgate-queue ${at(11)}`, `fairgate-queue ${at(31)}`, `fairgate-seats ${at(12)}`]);
  });

  test('has each group of rules loaded, those of objectives too', async () => {
    const { groups } = (await prometheus.get('/api/v1/rules')).json.data;
    assert.deepEqual(groups.map(({ name }) => name).sort(), ruleGroups().map(({ name }) => name).sort());
  });

  test('answers what each panel of the dashboards asks', async () => {
    for (const file of DASHBOARDS) {
      const { panels } = JSON.parse(readFileSync(file, 'utf8'));
      for (const { targets = [] } of panels) for (const { expr } of targets) await ask(expr.replaceAll('$__rate_interval', '1m').replaceAll('$event', '.*'));
    }
    const [{ value }] = await ask(`max by (event) (fairgate_seats_free{event="${EVENT}"})`);
    assert.ok(Number(value[1]) > 1000);
  });

  test('tells of an alert that is provoked, where to read about it, and of its end', async () => {
    const heard = (status) => ear.notices.find((one) => one.status === status && one.labels.alertname === 'FairgateDown' && one.labels.job === 'fairgate-seats');
    await stack.without('seat-service', async () => {
      const { labels, annotations } = await until('the alert', () => heard('firing'), PATIENCE);
      assert.equal(labels.severity, 'page');
      assert.equal(labels.instance, `127.0.0.1:${stack.base + 12}`);
      assert.equal(annotations.runbook_url, 'file:///usr/share/fairgate/observe/docs/operate/runbook.md#fairgatedown');
    });
    await until('its end', () => heard('resolved'), PATIENCE);
  });

  test('goes on unwatched when nobody asks for it any more', async () => {
    const said = await stack.up({ FAIRGATE_OBSERVE: '0' });
    assert.match(said, /stop +observe-prometheus/);
    const parts = readdirSync(join(stack.dir, 'service'));
    assert.ok(parts.includes('queue-front'));
    assert.deepEqual(parts.filter((name) => name.startsWith('observe')), []);
  });
});
