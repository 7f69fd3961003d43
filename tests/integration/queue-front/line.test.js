// The line as a visitor lives it: join, wait, be called, enter, leave.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, crlf, delay, openStream, rawExchange, until } from '../../lib-js/index.js';
import { answered } from './crowd.js';
import { act, claims, FAST, live, openShow, shareSite, STILL, Visitor } from './support.js';

// The key makes a join that a busy front has to be asked for twice one place.
const joinAtOnce = (front, event, people) => Promise.all(Array.from({ length: people }, (_, i) =>
  answered(() => front.http.post(`/v1/queue/${event}/join`, { headers: { 'idempotency-key': `at-once-${i}` } }))));

const alone = shareSite(test);
const both = shareSite(test, { fronts: 2 });

test('a join gives the next place, and its ticket the same place again, by bearer alone and by cookie alone', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const first = new Visitor(site.front, show);
  const answer = assertStatus(await first.join(), 201);
  assert.equal(answer.json.position, 1);
  assert.equal(answer.json.ahead, 0);
  assert.equal(answer.json.state, 'open');
  assert.equal(first.jar.get(`fg_ticket_${show}`).value, answer.json.ticket);
  assert.deepEqual(first.jar.get(`fg_ticket_${show}`).attributes.slice(2), ['httponly', 'samesite=lax']);
  const { ticket } = answer.json;
  for (const headers of [{ authorization: `Bearer ${ticket}` }, { cookie: `fg_ticket_${show}-2=x; fg_ticket_${show}=${ticket}` }, first.jar.headers]) {
    const me = assertStatus(await site.front.http.get(`/v1/queue/${show}/me`, { headers }), 200);
    assert.equal(me.json.position, 1);
    const join = assertStatus(await site.front.http.post(`/v1/queue/${show}/join`, { headers }), 200);
    assert.equal(join.json.ticket, ticket);
  }
  assert.equal((await new Visitor(site.front, show).joined()).position, 2);
});

test('cookies last as long as the settings say, and are Secure behind TLS', async (t) => {
  const site = await openShow(t, STILL, { config: { tickets: { lifetime: '60s' } } });
  const visitor = new Visitor(site.front, 'show');
  await visitor.join({ headers: { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' } });
  for (const is of ['max-age=60', 'secure']) assert.ok(visitor.jar.get('fg_ticket_show').attributes.includes(is), is);
});

test('forged, foreign and missing tickets are refused by name', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const { show: other } = await alone(t, STILL);
  const { ticket } = await new Visitor(site.front, show).joined();
  const forged = ticket.slice(0, 20) + (ticket[20] === 'A' ? 'B' : 'A') + ticket.slice(21);
  const me = (headers, event = show) => site.front.http.get(`/v1/queue/${event}/me`, { headers });
  assertProblem(await me({}), 401, 'ticket-invalid');
  assertProblem(await me({ authorization: `Bearer ${forged}` }), 401, 'ticket-invalid');
  assertProblem(await me({ cookie: `fg_ticket_${show}=${forged}` }), 401, 'ticket-invalid');
  assertProblem(await me({ authorization: `Bearer ${ticket}` }, other), 401, 'ticket-invalid');
  const post = (call, headers) => site.front.http.post(`/v1/queue/${show}/${call}`, { headers });
  assertProblem(await post('join', { authorization: `Bearer ${forged}` }), 401, 'ticket-invalid');
  assertProblem(await post('pass', { authorization: `Bearer ${forged}` }), 401, 'ticket-invalid');
  assertProblem(await post('leave', {}), 401, 'ticket-invalid');
  assert.equal((await post('join', { cookie: `fg_ticket_${show}=${forged}` })).status, 201);
});

test('polls in one packet are each judged by their own ticket and event', async (t) => {
  const { show: one, ...site } = await alone(t, STILL);
  const { show: two } = await alone(t, STILL);
  const tickets = [];
  for (const event of [one, one, two]) tickets.push((await new Visitor(site.front, event).joined()).ticket);
  const [a, b, c] = tickets;
  const forged = a.slice(0, 20) + (a[20] === 'A' ? 'B' : 'A') + a.slice(21);
  const asked = [[one, a], [one, a], [one, a], [one, forged], [one, forged], [one, b], [one, b],
    [two, b], [two, c], [two, c], [one, c], [one, c], [one, a]];
  const bytes = asked.map(([event, ticket]) =>
    crlf(`GET /v1/queue/${event}/me HTTP/1.1\nHost: x\nAuthorization: Bearer ${ticket}\n\n`)).join('');
  const { answers } = await rawExchange({ port: site.front.port, bytes, n: asked.length });
  const outcomes = answers.map(({ status, json }) => (status === 200 ? `${json.event} ${json.position}` : status));
  const [first, second, other] = [`${one} 1`, `${one} 2`, `${two} 1`];
  assert.deepEqual(outcomes, [first, first, first, 401, 401, second, second, 401, other, other, 401, 401, first]);
});

test('the shared status is cacheable and answers 304', async (t) => {
  const { show, ...site } = await alone(t, { ...STILL, name: 'The "Show"', message: { ko: '안녕' } });
  const status = await site.front.http.get(`/v1/queue/${show}/status`);
  assert.equal(status.headers['cache-control'], 'public, max-age=1, stale-while-revalidate=1');
  assert.equal(status.json.name, 'The "Show"');
  assert.deepEqual(status.json.message, { ko: '안녕' });
  const { etag } = status.headers;
  const same = assertStatus(await site.front.http.get(`/v1/queue/${show}/status`, { headers: { 'if-none-match': etag } }), 304);
  assert.equal(same.headers.etag, etag);
  const head = await site.front.http.head(`/v1/queue/${show}/status`);
  assert.equal(head.text, '');
  assert.equal(head.headers['content-length'], status.headers['content-length']);
  await new Visitor(site.front, show).joined();
  await until('the status to count the join', async () => {
    const answer = await site.front.http.get(`/v1/queue/${show}/status`, { headers: { 'if-none-match': etag } });
    return answer.status === 200 && answer.json.issued === 1;
  });
});

test('polls cost Redis nothing', async (t) => {
  const site = await openShow(t, STILL, { config: { redis: { tick: '1s' } } });
  const visitor = await Visitor.withPlace(site.front, 'show');
  const before = await site.redis.commandCalls();
  const began = performance.now();
  for (let i = 0; i < 300; i += 1) {
    await Promise.all([visitor.me(), site.front.http.get('/v1/queue/show/status')]);
  }
  const after = await site.redis.commandCalls();
  const seconds = (performance.now() - began) / 1000;
  const sum = (calls) => Object.values(calls).reduce((a, b) => a + b, 0);
  const scripts = (after.evalsha ?? 0) - (before.evalsha ?? 0);
  const commands = sum(after) - sum(before);
  // Ticks continue, each with some forty commands; six hundred polls would show.
  assert.ok(scripts < 60 + 4 * seconds, `${scripts} script calls in ${seconds} s`);
  assert.ok(commands < 600 + 60 * scripts, `${commands} commands, ${scripts} of them script calls`);
});

test('a stream tells the newest status at once, and then each change', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const began = performance.now();
  const stream = await openStream({ port: site.front.port, path: `/v1/queue/${show}/stream` });
  t.after(() => stream.close());
  assert.match(stream.headers['content-type'], /^text\/event-stream/);
  const first = await stream.find('the first status', (e) => e.event === 'status');
  assert.equal(first.json.issued, 0);
  await joinAtOnce(site.front, show, 30);
  await stream.find('the joins', (e) => e.json?.issued === 30);
  // A change every 100 ms; the latency of answers does not affect their number.
  for (let i = 0; i < 20; i += 1) {
    await new Visitor(site.front, show).joined();
    await delay(100);
  }
  await act(site.front, show, 'pause');
  await stream.find('the pause', (e) => e.json?.state === 'paused');
  const most = 2 + (performance.now() - began) / 900;
  assert.ok(stream.events.length <= most, `one broadcast a second at most: ${stream.events.length}, at most ${most}`);
});

test('a called visitor gets one pass, and the same session again', async (t) => {
  const { show, ...site } = await both(t, FAST);
  const visitor = new Visitor(site.front, show);
  const { ticket, position } = await visitor.joined();
  await visitor.untilCalled({ front: site.fronts[1] });
  const called = await visitor.untilCalled();
  assert.equal(called.place, 'called');
  assert.ok(Date.parse(called.call_expires_at) > Date.now());
  const first = assertStatus(await visitor.pass(), 201);
  assert.equal(first.json.next_url, `/seats/${show}`);
  const again = assertStatus(await visitor.pass({ front: site.fronts[1] }), 200);
  assert.equal(again.json.session, first.json.session);
  const token = claims(first.json.pass);
  assert.equal(token.iss, 'fairgate');
  assert.equal(token.aud, show);
  assert.equal(token.sub, first.json.session);
  assert.equal(token.place, position);
  assert.equal(token.jti, claims(again.json.pass).jti);
  assert.equal(token.exp, Math.floor(Date.parse(first.json.expires_at) / 1000));
  assert.equal((await visitor.me()).json.place, 'admitted');
  const bare = await site.front.http.get(`/v1/queue/${show}/me`, { token: ticket });
  assert.equal(bare.json.place, 'called', 'without the pass nothing is known of the visit');
});

test('a heartbeat keeps the visit going, with a new pass each time', async (t) => {
  const { show, ...site } = await alone(t, { ...FAST, session_ttl_s: 12, session_max_s: 60, picture: '/pictures/tour.webp' });
  const visitor = await Visitor.inside(site.front, show);
  let beaten;
  await until('three seconds of visit', async () => {
    const answer = assertStatus(await visitor.session(), 200);
    assert.equal(answer.json.session, visitor.visit.session);
    beaten = answer.json;
    return Date.parse(beaten.expires_at) > Date.parse(visitor.visit.expires_at) + 3000;
  }, { everyMs: 200 });
  assert.deepEqual([beaten.ends_at, visitor.visit.picture, beaten.picture], [visitor.visit.ends_at, undefined, '/pictures/tour.webp']);
  assert.equal((await live(site.front, show)).active, 1);
  await until('the slot to be free without heartbeats', async () => (await live(site.front, show)).active === 0);
  const over = await visitor.session();
  assert.ok([401, 410].includes(over.status), over.text);
});

test('verify keeps an active visitor inside, whatever token of the shop comes with the cookie', async (t) => {
  const { show, ...site } = await alone(t, { ...FAST, session_ttl_s: 20, session_max_s: 60 });
  const visitor = await Visitor.inside(site.front, show);
  const first = assertStatus(await visitor.verify({ token: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJzaG9wIn0.c2hvcA' }), 204);
  assert.equal(first.headers['set-cookie'], undefined, 'in its first half a visit costs Redis nothing');
  await until('a pass that lasts longer', async () => {
    const answer = assertStatus(await visitor.verify(), 204);
    assert.equal(answer.headers['x-fairgate-session'], visitor.visit.session);
    assert.ok((answer.headers['set-cookie'] ?? []).length <= 1, 'nginx hands on one line');
    return claims(visitor.jar.get(`fg_pass_${show}`).value).exp * 1000 > Date.parse(visitor.visit.expires_at) + 5000;
  }, { everyMs: 200 });
  assert.equal((await live(site.front, show)).active, 1);
  assert.equal((await visitor.leave()).status, 204);
  assert.equal(visitor.jar.get(`fg_ticket_${show}`), undefined, 'the cookie is taken back');
});

test('a pass is returned until its last moment', async (t) => {
  const { show, ...site } = await alone(t, { ...FAST, session_ttl_s: 1, session_max_s: 1 });
  const visitor = await Visitor.inside(site.front, show);
  await until('the end of the visit', async () => {
    const [pass, session] = await Promise.all([visitor.pass(), visitor.session()]);
    assert.ok([200, 410].includes(pass.status), pass.text);
    assert.ok([200, 401, 410].includes(session.status), session.text);
    return pass.status === 410;
  }, { everyMs: 1 });
});

test('a page of another origin cannot join for a visitor', async (t) => {
  const { show, ...site } = await alone(t, STILL);
  const post = (origin) => site.front.http.post(`/v1/queue/${show}/join`, { headers: { origin } });
  for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${site.front.port}.evil.example`]) {
    assertProblem(await post(origin), 403, 'origin-refused');
  }
  assert.equal((await post(`http://127.0.0.1:${site.front.port}`)).status, 201);
});

test('several loops in one process are several fronts on one port', async (t) => {
  const site = await openShow(t, { ...FAST, rate_per_s: 50, burst: 1 }, { config: { http: { loops: 3 } } });
  const answers = await joinAtOnce(site.front, 'show', 120);
  const places = answers.map(({ json }) => json.position).sort((a, b) => a - b);
  assert.deepEqual(places, Array.from({ length: 120 }, (_, i) => i + 1));
  const serving = async () => Number(await site.redis.command('GET', 'fg:{show}:serving')); // read directly, because a picture may be older
  await until('the line to move', async () => (await serving()) > 5);
  const from = { at: performance.now(), serving: await serving() };
  await until('a second', () => performance.now() - from.at > 1000);
  const moved = (await serving()) - from.serving;
  const most = 50 * ((performance.now() - from.at) / 1000 + 0.5) + 1;
  assert.ok(moved <= most, `three loops tick, and ${moved} were called, at most ${most}`);
});
