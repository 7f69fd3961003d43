// The operator's side: the life of an event, knobs and their rules, versions, the audit trail.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, makeSecrets, openScope, until } from '../../lib-js/index.js';
import { act, archiveOf, joinInTurn, makeEvent, openShow, openSite, patch, runFront, shareSite, STILL, untilState, Visitor } from './support.js';

const alone = shareSite(test);
const both = shareSite(test, { fronts: 2 });

// In one state; event_state_test.c has all of them.
test('an illegal act is refused and names the legal ones', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  await act(site.front, show, 'freeze');
  for (const action of ['schedule', 'open', 'pause', 'resume', 'freeze']) {
    const problem = assertProblem(await site.front.admin.post(`/admin/events/${show}/actions/${action}`), 409, 'illegal-transition');
    assert.equal(problem.state, 'frozen');
    assert.deepEqual([...problem.legal].sort(), ['close', 'sold-out', 'unfreeze']);
  }
  await act(site.front, show, 'sold-out');
});

test('there is no draw without a pre-queue, and no such act as dancing', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const post = (action, options) => site.front.admin.post(`/admin/events/${show}/actions/${action}`, options);
  assertProblem(await post('draw'), 409, 'no-pre-queue');
  assertProblem(await post('dance'), 404, 'action-unknown');
  assertProblem(await post('pause', { body: '{' }), 400, 'json-invalid');
  assertProblem(await post('pause', { body: { because: 'x' } }), 422, 'action-invalid');
  assertProblem(await post('pause', { body: { why: 'x'.repeat(401) } }), 422, 'action-invalid');
  await makeEvent(site, 'draft', {}, { open: false });
  assertProblem(
    await site.front.admin.post('/admin/events/draft/actions/schedule'), 409, 'opens-at-missing');
  assertProblem(await site.front.admin.post('/admin/events/nix/actions/open'), 404, 'event-unknown');
});

test('what is joined, told and refused follows the state', async (t) => {
  const site = await openSite(t);
  await makeEvent(site, 'show', STILL, { open: false });
  const join = () => site.front.http.post('/v1/queue/show/join');
  assert.equal(assertProblem(await join(), 409, 'event-not-open').state, 'draft');
  await act(site.front, 'show', 'open');
  const kept = await Visitor.withPlace(site.front, 'show');
  await act(site.front, 'show', 'pause');
  assert.equal((await join()).json.position, 2, 'paused: people still join');
  await act(site.front, 'show', 'sold-out');
  assert.equal(assertProblem(await join(), 409, 'event-sold-out').state, 'sold-out');
  assert.equal((await kept.join()).status, 200, 'a visitor keeps the place');
  await act(site.front, 'show', 'open');
  assert.equal((await kept.me()).json.position, 1, 'reopened in the old order');
  assert.equal((await join()).json.position, 3);
  await act(site.front, 'show', 'close');
  assert.equal(assertProblem(await join(), 409, 'event-closed').state, 'closed');
  assertProblem(await kept.join(), 409, 'event-closed');
});

// Of two members, in a list, of the state, and a name; event_doc_test.c has all rules.
const BAD_KNOBS = [
  [{ session_ttl_s: 100, session_max_s: 99 }, '/session_max_s'],
  [{ schedule: [{ at: '2030-01-01T00:00:00Z' }] }, '/schedule/0/rate_per_s'],
  [{ version: 999 }, '/version'],
  [{ colour: 'red' }, '/colour'],
];

test('an invalid knob is refused with pointer and rule and changes nothing', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const before = await site.front.admin.get(`/admin/events/${show}`);
  for (const [body, pointer] of BAD_KNOBS) {
    const answer = await site.front.admin.patch(`/admin/events/${show}`, { body });
    const problem = assertProblem(answer, 422, 'knob-invalid');
    assert.equal(problem.pointer, pointer, answer.text);
    assert.ok(problem.rule.length > 5, answer.text);
  }
  const unknown = await site.front.admin.patch(`/admin/events/${show}`, { body: { colour: 'red' } });
  assert.match(unknown.json.rule, /known are (\w+, )+\w+ and \d+ more$/, 'no half of a list');
  assertProblem(await site.front.admin.patch(`/admin/events/${show}`, { body: '{' }), 400, 'json-invalid');
  assertProblem(
    await site.front.admin.patch(`/admin/events/${show}`, { body: '{"burst":1,"burst":2}' }), 400, 'json-invalid');
  const after = await site.front.admin.get(`/admin/events/${show}`);
  assert.deepEqual(after.json, before.json);
  for (const id of ['Show', 'a_b', 'x'.repeat(65)]) {
    assertProblem(await site.front.admin.put(`/admin/events/${id}`, { body: {} }), 422, 'event-id-invalid');
  }
});

test('a document that was read, edited and sent back is a patch', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const { json } = await site.front.admin.get(`/admin/events/${show}`);
  const changed = await patch(site.front, show, { ...json, burst: 77 });
  assert.equal(changed.burst, 77);
  assert.equal(changed.version, json.version + 1);
  const reset = await patch(site.front, show, { burst: null });
  assert.equal(reset.burst, 20, 'null is the default again');
  const same = await patch(site.front, show, { burst: 20 });
  assert.equal(same.version, reset.version, 'no change is no version');
});

test('If-Match keeps one operator from undoing another unseen', async (t) => {
  const { show, ...site } = await both(t, STILL);
  const [one, two] = site.fronts;
  const { headers } = await one.admin.get(`/admin/events/${show}`);
  await patch(two, show, { burst: 5 });
  const late = (body, etag) =>
    one.admin.patch(`/admin/events/${show}`, { body, headers: { 'if-match': etag } });
  assertProblem(await late({ burst: 6 }, headers.etag), 412, 'version-mismatch');
  assertProblem(await late({ burst: 6 }, 'W/"1"'), 412, 'version-mismatch');
  assertProblem(await late({ burst: 6 }, 'nonsense'), 412, 'version-mismatch');
  const now = await two.admin.get(`/admin/events/${show}`);
  assert.equal(now.json.burst, 5);
  assert.equal((await late({ burst: 6 }, now.headers.etag)).status, 200);
  const stale = await two.admin.post(`/admin/events/${show}/actions/close`, {
    headers: { 'if-match': headers.etag },
  });
  assertProblem(stale, 412, 'version-mismatch');
  const create = { body: {}, headers: { 'if-none-match': '*' } };
  assertProblem(await one.admin.put(`/admin/events/${show}`, create), 412, 'version-mismatch');
  assert.equal((await one.admin.put('/admin/events/new', create)).status, 201);
});

test('patches of different knobs at the same time all count', async (t) => {
  const { show, ...site } = await both(t, STILL);
  const changes = [
    { burst: 31 }, { max_active: 32 }, { call_ttl_s: 33 }, { grace_s: 34 },
  ];
  await Promise.all(changes.map((body, i) => patch(site.fronts[i % 2], show, body)));
  await until('both fronts to show all of it', async () => {
    for (const front of site.fronts) {
      const { json } = await front.admin.get(`/admin/events/${show}`);
      assert.deepEqual([json.burst, json.max_active, json.call_ttl_s, json.grace_s], [31, 32, 33, 34]);
    }
    return true;
  });
});

test('a front that dies is listed as silent, one that stops is not listed', async (t) => {
  const site = await openSite(t, { fronts: 3 });
  const [seer, dead, gone] = site.fronts;
  const port = ({ place }) => Number(place.split(':')[1]);
  const listed = async () => (await seer.admin.get('/admin/events')).json.fronts;
  const ports = async () => (await listed()).map(port).sort();
  await until('all three', async () => (await ports()).length === 3);
  assert.deepEqual(await ports(), site.fronts.map(({ privatePort }) => privatePort).sort());
  await Promise.all([dead.kill(), gone.stop()]);
  await until('the silent one', async () => (await listed()).some((front) => port(front) === dead.privatePort && front.silent_ms > 2000));
  assert.deepEqual(await ports(), [seer, dead].map(({ privatePort }) => privatePort).sort());
});

// judges: settings
test('the audit trail says who, when, from, to and why', async (t) => {
  const site = await openSite(t);
  const started = Date.now();
  await site.front.admin.put('/admin/events/show', { body: STILL, headers: { 'x-operator': 'kim' } });
  await patch(site.front, 'show', { burst: 9 }, {
    'x-operator': encodeURI('이 operator'), 'x-reason': encodeURI('너무 빠름: 100%'),
  });
  await act(site.front, 'show', 'open', { body: { why: 'doors' }, headers: { 'x-operator': 'kim' } });
  await act(site.front, 'show', 'pause');
  const { audit } = (await site.front.admin.get('/admin/events/show/audit')).json;
  assert.deepEqual(
    audit.map(({ who, what, from, to, why }) => [who, what, what === 'create' ? null : from, what === 'create' ? to.id : to, why]),
    [
      ['admin token', 'pause', 'open', 'paused', null],
      ['kim (admin token)', 'open', 'draft', 'open', 'doors'],
      ['이 operator (admin token)', 'change', { burst: 20 }, { burst: 9 }, '너무 빠름: 100%'],
      ['kim (admin token)', 'create', null, 'show', null],
    ],
  );
  assert.deepEqual(audit.map(({ version }) => version), [4, 3, 2, 1]);
  for (const { at } of audit) assert.ok(Math.abs(Date.parse(at) - started) < 30_000, at);
  const one = await site.front.admin.get('/admin/events/show/audit?limit=1');
  assert.equal(one.json.audit.length, 1);
  assertProblem(await site.front.admin.get('/admin/events/show/audit?limit=0'), 422, 'limit-invalid');
  for (const odd of ['', '1', '0-1', '1-2-3', '-1']) assertProblem(await site.front.admin.get(`/admin/events/show/audit?before=${odd}`), 422, 'page-invalid');
  for (const name of ['x'.repeat(81), '%zz', '%0a']) {
    const odd = { headers: { 'x-operator': name } };
    assertProblem(await site.front.admin.post('/admin/events/show/actions/open', odd), 400, 'operator-invalid');
  }
});

test('a long trail is read from Redis in parts, and written off the loop as a long series is', async (t) => {
  const { front, redis } = await openShow(t, STILL);
  const why = 'x'.repeat(2000);
  const [first] = (await front.admin.get('/admin/events/show/audit')).json.audit.slice(-1);
  for (let n = 0; n < 1100; n += 1) await redis.command('XADD', 'fg:{show}:audit', '*', 'a', JSON.stringify({ who: 'kim', what: 'change', from: null, to: n, why }), 'v', n);
  const sample = (n) => [Date.now() + n * 1000, ...Array.from({ length: 18 }, () => n)].join(':');
  await redis.command('RPUSH', 'fg:{show}:series', ...Array.from({ length: 4000 }, (_, n) => sample(n)));
  const count = async () => {
    const calls = Number(/cmdstat_xrevrange:calls=(\d+)/.exec(await redis.command('INFO', 'commandstats'))?.[1] ?? 0);
    return { calls, jobs: (await front.metrics()).get('fairgate_off_loop_jobs_total') };
  };
  const before = await count();
  const trail = async (limit) => (await front.admin.get(`/admin/events/show/audit?limit=${limit}`)).json.audit.map(({ to }) => to);
  const newest = (length) => Array.from({ length }, (_, n) => 1099 - n);
  assert.deepEqual(await trail(1000), newest(1000));
  assert.deepEqual(await trail(51), newest(51));
  const { series } = (await front.admin.get('/admin/events/show/series?limit=3900')).json;
  assert.deepEqual(series.map(({ issued }) => issued).filter((n) => n > 0).slice(-3800), Array.from({ length: 3800 }, (_, n) => 200 + n));
  const { calls, jobs } = await count();
  assert.deepEqual([calls - before.calls, jobs - before.jobs], [20 + 2, 3 + 1], 'the page of metrics is a job, too');
  const rows = (await archiveOf(front, 'show', '?running=true')).split('\n').filter((line) => line.startsWith('{"audit"')).map((line) => JSON.parse(line).audit);
  assert.deepEqual(rows.map(({ length }) => length), [200, 200, 200, 200, 200, 102]);
  assert.deepEqual([rows[0][0], ...rows.flat().map(({ to }) => to).slice(-1100)], [first, ...newest(1100).reverse()]);
});

test('a named token writes its own name on the trail', async (t) => {
  const scope = openScope(t);
  const path = join(scope.tempDir('operators-'), 'operators');
  const write = (lines) => writeFileSync(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  write(['kim the-token-of-kim-1', 'lee@shop.example the-token-of-lee']);
  const site = await openSite(t, { scope, config: { private: { operators_file: path } } });
  const by = (token, options) => site.front.private.call('PATCH', '/admin/events/show', { token, body: { burst: 7 }, ...options });
  await makeEvent(site, 'show');
  assert.equal((await by('the-token-of-kim-1')).status, 200);
  assert.equal((await by('the-token-of-lee', { body: { burst: 6 }, headers: { 'x-operator': 'lee@shop.example' } })).status, 200);
  assertProblem(await by('the-token-of-lee', { headers: { 'x-operator': 'kim' } }), 400, 'operator-invalid');
  assertProblem(await by('the-token-of-nobody'), 401, 'admin-token-required');
  await patch(site.front, 'show', { burst: 8 }, { 'x-operator': 'kim' });
  const trail = async () => (await site.front.admin.get('/admin/events/show/audit')).json.audit.map(({ who }) => who);
  assert.deepEqual((await trail()).slice(0, 3), ['kim (admin token)', 'lee@shop.example', 'kim'], 'said, and shown twice');
  await until('the log to name the operator', () =>
    /"listener":"private","method":"PATCH","path":"\/admin\/events\/show","operator":"kim"/.test(site.front.child.log()));

  write(['kim the-token-of-kim-2', 'kim the-token-of-kim-1']);
  site.front.child.signal('SIGHUP');
  await until('the new token to be believed', async () => (await by('the-token-of-kim-2')).status === 200);
  assert.equal((await by('the-token-of-kim-1')).status, 200, 'until its line goes');
  assertProblem(await by('the-token-of-lee'), 401, 'admin-token-required');
  write(['kim']);
  site.front.child.signal('SIGHUP');
  await until('the file to be refused', () => /operators:1: wants NAME TOKEN/.test(site.front.child.log()));
  assert.equal((await by('the-token-of-kim-2')).status, 200, 'what cannot be read leaves the old ones in use');
});

test('the largest document and change are accepted', async (t) => {
  const site = await alone(t, STILL);
  const words = '"'.repeat(1000); // each takes two bytes when it is written
  const tags = ['aa', 'bb', 'cc', 'dd', 'ee', 'ff', 'gg', 'hh'];
  const message = Object.fromEntries(tags.map((tag) => [tag, words]));
  const schedule = Array.from({ length: 64 }, (_, i) => ({
    at: new Date(Date.UTC(2030, 0, 1, 0, i)).toISOString(), rate_per_s: 99999.999,
  }));
  const extremes = {
    name: '"'.repeat(160), message, schedule, rate_per_s: 100000, burst: 1000000, max_active: 10000000,
    session_ttl_s: 86400, session_max_s: 86400, call_ttl_s: 86400, grace_s: 86400,
    joins_per_ip_per_min: 10000000, pow_bits: 0, pow_bits_max: 30,
  };
  await makeEvent(site, 'x'.repeat(64), extremes);
  const id = 'x'.repeat(64);
  const status = await site.front.http.get(`/v1/queue/${id}/status`);
  assert.deepEqual(status.json.message, message);
  assert.equal((await site.front.http.get(`/e/${id}?lang=ko`)).status, 200);
  await patch(site.front, id, { message: Object.fromEntries(tags.map((tag) => [tag, `${words.slice(1)}x`])) });
  const { audit } = (await site.front.admin.get(`/admin/events/${id}/audit`)).json;
  assert.equal(audit.length, 3);
  const visitor = await Visitor.withPlace(site.front, id);
  assert.equal((await visitor.entered()).session.split('.')[0], id);
});

test('all fronts take a scheduled rate once, and document it', async (t) => {
  const { show, ...site } = await both(t, STILL);
  const at = (ms) => new Date(Date.now() + ms).toISOString().replace(/\.\d+Z/, 'Z');
  await patch(site.front, show, {
    schedule: [{ at: at(-5000), rate_per_s: 7 }, { at: at(3600000), rate_per_s: 9 }],
  });
  for (const front of site.fronts) {
    await until('the step', async () => {
      const { json } = await front.admin.get(`/admin/events/${show}`);
      return json.rate_per_s === 7 && json.schedule.length === 1;
    });
  }
  const taken = async () => (await site.front.admin.get(`/admin/events/${show}/audit`)).json.audit.filter(({ who }) => who === 'schedule');
  const steps = await taken();
  assert.equal(steps.length, 1);
  assert.deepEqual([steps[0].from, steps[0].to], [{ rate_per_s: 0 }, { rate_per_s: 7 }]);

  await act(site.front, show, 'undo');
  await until('the other front to show it', async () => {
    const { json } = await site.fronts[1].admin.get(`/admin/events/${show}`);
    return json.rate_per_s === 0 && json.schedule.length === 1;
  });

  // A value that an operator sets stays until the next step.
  await patch(site.front, show, { rate_per_s: 5 });
  assert.equal((await site.fronts[1].http.get(`/v1/queue/${show}/status`)).status, 200);
  await until('the other front to show it', async () =>
    (await site.fronts[1].admin.get(`/admin/events/${show}`)).json.rate_per_s === 5);
  assert.equal((await taken()).length, 1, 'an undone step does not come back');
  await act(site.front, show, 'close');
  for (const front of site.fronts) await untilState(front, show, 'closed');
});

test('a preview has the time of the last entry at another rate', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  await joinInTurn(site, show, 10);
  const preview = async (query = '') =>
    (await site.front.admin.get(`/admin/events/${show}/preview${query}`)).json;
  await until('ten to wait', async () => (await preview()).waiting === 10);
  await until('a sample with ten', async () => (await site.front.admin.get(`/admin/events/${show}/series`)).json.series.at(-1)?.waiting === 10);
  assert.equal((await preview()).last_enters_at, null);
  const asked = Date.now();
  const { last_enters_at: last, rate_per_s: rate } = await preview('?rate_per_s=1');
  const tookS = (Date.now() - asked) / 1000;
  assert.equal(rate, 1);
  const inS = (Date.parse(last) - asked) / 1000;
  assert.ok(inS > 7 && inS < 12 + tookS, `in ${inS} s, told within ${tookS} s`);
  // At the knob's resolution.
  const at = async (rate) => site.front.admin.get(`/admin/events/${show}/preview?rate_per_s=${rate}`);
  for (const [text, meant] of [['0.5', 0.5], ['0.125', 0.125], ['12.05', 12.05]]) {
    assert.equal((await at(text)).json.rate_per_s, meant);
  }
  for (const wrong of ['0.1234', '.5', '1.', '1.-5', '1e3', '-1', '']) {
    assertProblem(await at(wrong), 422, 'rate-invalid');
  }
});

test('a preview accounts for a full hall', async (t) => {
  const { show, ...site } = await alone(t, { rate_per_s: 1000, burst: 100, max_active: 2, session_ttl_s: 600 });
  for (let i = 0; i < 2; i += 1) await Visitor.inside(site.front, show);
  await joinInTurn(site, show, 10);
  const preview = async () => (await site.front.admin.get(`/admin/events/${show}/preview?rate_per_s=100`)).json;
  await until('ten to wait', async () => (await preview()).waiting === 10);
  const inS = (Date.parse((await preview()).last_enters_at) - Date.now()) / 1000;
  assert.ok(inS > 10, `in ${inS} s, though nobody has left`);
  // Without a cap only the rate counts.
  await patch(site.front, show, { rate_per_s: 0, max_active: 0 });
  await until('no cap', async () => {
    const asked = Date.now();
    return Date.parse((await preview()).last_enters_at) - asked < 5000;
  });
});

const newest = async (front) => (await front.admin.get('/admin/events/show/series?limit=1')).json.series.at(-1);

test('how often all fronts answered 5xx is in the series', async (t) => {
  const site = await openShow(t, STILL, { fronts: 2, config: { http: { loops: 2 } } });
  await Promise.all(site.fronts.map((front) => until('both to know it', async () => (await front.http.get('/v1/queue/show/status')).status === 200)));
  const errors = async (front) => (await front.metrics()).get('fairgate_http_responses_total{listener="public",class="5xx"}');
  const before = await Promise.all(site.fronts.map(errors));
  await until('a sample', async () => (await newest(site.front)) !== undefined);
  await site.redis.pause();
  for (const front of [...site.fronts, site.front]) assertProblem(await front.http.post('/v1/queue/show/join'), 503, 'unavailable');
  await site.redis.resume();
  const refused = (await Promise.all(site.fronts.map(errors))).map((sum, i) => sum - before[i]);
  assert.deepEqual(refused, [2, 1]);
  await until('the series to have them', async () => (await newest(site.front))?.errors === 3);
});

test('the series has promises and outcomes of all fronts', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  await makeEvent(site, 'show', { rate_per_s: 10, burst: 1, max_active: 0 }); // some wait, even if all joins take half a minute
  await Promise.all(Array.from({ length: 300 }, () => site.front.http.post('/v1/queue/show/join')));
  const judged = async (front) =>
    (await front.metrics()).get('fairgate_eta_judged{event="show"}');
  await until('both fronts to have judged some', async () => {
    const counts = await Promise.all(site.fronts.map(judged));
    return counts.every((count) => count > 0);
  });
  const shown = await until('those of the way to be in the series', async () => {
    const { eta_join: join, eta_way: way } = await newest(site.front);
    return way.judged > 0 && { join, way };
  });
  assert.ok(shown.way.kept <= shown.way.judged);
  assert.ok(shown.way.error_sum >= 0 && shown.way.error_sum <= 10 * shown.way.judged);
  assert.equal(shown.join.judged, 0, 'nobody has entered yet');
  await site.fronts[1].stop();
  await site.front.restart();
  const after = await newest(site.front);
  assert.ok(after.eta_way.judged >= shown.way.judged, 'no front has to remember it');
});

test('the wait shown at the join is compared with the real one', async (t) => {
  const site = await openSite(t, { fronts: 2, config: { http: { loops: 2 } } });
  await makeEvent(site, 'show', { rate_per_s: 4, burst: 1, max_active: 0 }); // forty of them see a wait, even if they join for ten seconds
  const visitors = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const visitor = new Visitor(site.fronts[i % 2], 'show');
    visitor.shown = (await visitor.joined()).eta;
    return visitor;
  }));
  const promised = visitors.filter(({ shown }) => shown.p50_s >= 1).length;
  assert.ok(promised >= 20, `${promised} saw a wait`);
  // Let in by one front, and requested again from the other: counted once.
  for (const [i, visitor] of visitors.entries()) {
    const front = site.fronts[(i >> 1) % 2];
    await visitor.entered({ front });
    if (i % 5 === 0) await until('the other front to know of the call', async () => (await visitor.pass()).status === 200);
  }
  const { eta_join: join } = await until('all to be in the series', async () => {
    const row = await newest(site.front);
    return row.eta_join.judged >= promised && row;
  });
  assert.equal(join.judged, promised, 'each of them, and once');
  assert.ok(join.kept <= promised && join.error_sum >= 0 && join.error_sum <= 10 * promised);
  const sums = { judged: 0, kept: 0, error_milli: 0 };
  for (const front of site.fronts) {
    const metrics = await front.metrics();
    for (const name of Object.keys(sums)) sums[name] += metrics.get(`fairgate_waits_${name}_total`);
  }
  assert.deepEqual(sums, { judged: promised, kept: join.kept, error_milli: Math.round(1000 * join.error_sum) });
});

test('the console has the configured parts in its page and policy', async (t) => {
  const parts = 'seats=https://seats.example:8092, pay=http://localhost:8093,front-2=http://[::1]:8111';
  const visitors = 'https://tickets.example';
  const { front } = await openSite(t, { config: { console: { parts }, web: { public_url: visitors } } });
  const page = await front.private.get('/console');
  assert.match(
    page.headers['content-security-policy'],
    /connect-src 'self' https:\/\/seats\.example:8092 http:\/\/localhost:8093 http:\/\/\[::1\]:8111 https:\/\/tickets\.example; img-src 'self' https:\/\/tickets\.example; /);
  const shown = JSON.parse(/id="parts">([^<]*)</.exec(page.text)[1]);
  assert.equal(shown.visitors, visitors);
  assert.deepEqual(shown.parts.map(({ name, at }) => `${name}=${at}`), parts.split(',').map((part) => part.trim()));
  const alone = await openSite(t);
  const bare = await alone.front.private.get('/console');
  assert.match(bare.headers['content-security-policy'], /connect-src 'self'; /);
});

test('a malformed list of parts is refused before anything starts', (t) => {
  const scope = openScope(t);
  const secrets = makeSecrets(scope);
  const lists = ['seats', 'seats=', '=http://a.example', 'Seats=http://a.example', "seats=http://a.example'; script-src *", 'seats=http://a.example/x', 'seats=*', 'a=http://a.example,,b=http://b.example'];
  for (const list of [...lists, Array.from({ length: 17 }, (_, n) => `p${n}=http://a.example:${n + 1}`).join(',')]) {
    const { status, stderr } = runFront(scope, secrets, { console: { parts: list } }, '--check-config');
    assert.equal(status, 2, list);
    assert.match(stderr, /console\.parts/, list);
  }
});
