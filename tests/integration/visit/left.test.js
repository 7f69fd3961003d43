// After a visitor leaves, the slot goes to the next one, and the pass no longer opens the seats even though it has not
// expired. With the real waiting room and a seat-service.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertProblem, freePort, openScope, serve, until } from '../../lib-js/index.js';
import { act, makeEvent, openSite, runFront, startFronts, Visitor } from '../queue-front/support.js';
import { hall, importHall, openPostgres, openSeats, PassOffice } from '../seat-service/site.js';

const KNOBS = { rate_per_s: 1000, burst: 1000, session_ttl_s: 300 };

const endings = (site, port) => ({ visits: { ended_at: `http://127.0.0.1:${port}`, token_file: site.secrets.path('service-token') } });

// judges: leave
test('a pass holds no seat once its visitor left by ticket or by pass', async (t) => {
  const scope = openScope(t);
  const site = await openSite(null, { scope, fronts: 0 });
  const office = new PassOffice('fairgate', site.secrets.read('pass-es256.pem'));
  const seats = await openSeats(scope, await openPostgres(scope), { office, secrets: site.secrets });
  await importHall(seats, 'night', hall());
  await startFronts(site, 1, endings(site, seats.privatePort));
  await makeEvent(site, 'night', KNOBS);
  const choose = (pass, seat) => seats.http.post('/v1/seats/night/holds', { token: pass, body: { seats: [seat] } });

  const byTicket = await Visitor.inside(site.front, 'night');
  const { visit: two } = await Visitor.inside(site.front, 'night');
  const { visit: stays } = await Visitor.inside(site.front, 'night');
  assert.equal((await choose(byTicket.visit.pass, 'r1s1')).status, 201, 'until then it does');
  assert.equal((await byTicket.leave()).status, 204);
  assert.equal((await site.front.http.post('/v1/queue/night/leave', { token: two.pass })).status, 204);
  for (const { pass } of [byTicket.visit, two]) {
    await until('the pass to be over', async () => (await choose(pass, 'r1s2')).status === 401);
    assertProblem(await choose(pass, 'r1s2'), 401, 'pass-ended');
  }
  assert.equal((await choose(stays.pass, 'r1s2')).status, 201);
});

test('the end of a visit is sent again to seats that missed it', async (t) => {
  const site = await openSite(t, { fronts: 0 });
  const port = await freePort();
  const heard = [];
  const answers = [500, 401, 204];
  const take = (req, res) => {
    if (req.method === 'GET') return res.writeHead(200).end(); // the check for a hall
    heard.push([req.method, req.url, req.headers.authorization]);
    const answer = answers[Math.min(heard.length, answers.length) - 1];
    return answer !== 'none' && res.writeHead(answer).end();
  };
  const { front } = await startFronts(site, 1, endings(site, port));
  await makeEvent(site, 'night', KNOBS, { open: false });
  await act(front, 'night', 'open', { body: { without: ['hall'] } }); // the seats are not there yet
  const visitor = await Visitor.inside(front, 'night');
  assert.equal((await visitor.leave()).status, 204, 'nobody listens there yet');
  await until('it to be logged', () => /ended visits were not reported/.test(front.child.log()));
  await serve(openScope(t), take, { port });
  await until('it to be taken', () => heard.length === 3);
  const told = ['POST', `/internal/sessions/${visitor.visit.session}/end`, `Bearer ${site.secrets.read('service-token')}`];
  assert.deepEqual(heard, [told, told, told]);
  assert.equal((await front.http.post('/v1/queue/night/leave', { token: visitor.visit.pass })).status, 204, 'leaving again is fine');

  // The services' token has changed, and a signal reloads it.
  const token = randomBytes(32).toString('hex');
  writeFileSync(site.secrets.path('service-token'), token, { mode: 0o600 });
  front.child.signal('SIGHUP');
  await until('the new token', () => front.child.logLines().some(({ msg }) => msg.startsWith('reloaded')));
  const next = await Visitor.inside(front, 'night');
  assert.equal((await next.leave()).status, 204);
  await until('it to be sent', () => heard.length > 3);
  assert.deepEqual(heard.slice(3), [['POST', `/internal/sessions/${next.visit.session}/end`, `Bearer ${token}`]]);

  // Redis has lost this visit, and a browser has its pass next to its ticket.
  const lost = await Visitor.inside(front, 'night');
  const { position } = (await lost.me()).json;
  await site.redis.command('DEL', 'fg:{night}:active', 'fg:{night}:ends');
  await site.redis.command('SETBIT', 'fg:{night}:called', String(position), '0');
  assert.equal((await lost.leave()).status, 204);
  await until('it to be sent as well', () => heard.at(-1)[1] === `/internal/sessions/${lost.visit.session}/end`);

  await front.admin.patch('/admin/events/night', { body: { rate_per_s: 0 } });
  for (let i = 0; i < 3; i += 1) {
    const waits = await Visitor.withPlace(front, 'night');
    assert.equal((await waits.leave()).status, 204);
  }
  assert.equal(heard.length, 5, 'a visitor who has not entered has no pass');

  // A front that stops gives each report one more try, and logs those that failed.
  await front.admin.patch('/admin/events/night', { body: { rate_per_s: 1000 } });
  const leavers = [await Visitor.inside(front, 'night'), await Visitor.inside(front, 'night')];
  heard.length = 0;
  answers.splice(0, 3, 'none', 'none', 204, 500);
  for (const leaver of leavers) assert.equal((await leaver.leave()).status, 204);
  await until('both to be sent', () => heard.length === 2);
  await front.stop();
  assert.deepEqual(heard.slice(2).map(([, url]) => url).sort(), leavers.map(({ visit }) => `/internal/sessions/${visit.session}/end`).sort());
  assert.deepEqual(front.child.logLines().filter((row) => row.last).map(({ status }) => status), [500]);
});

test('what is wrong with the services to tell ends the start in words', async (t) => {
  const site = await openSite(t, { fronts: 0 });
  const start = (visits, expected = 1) => {
    const { status, stdout, stderr } = runFront(site.scope, site.secrets, { visits });
    assert.equal(status, expected);
    return stdout + stderr;
  };
  const to = (url, token = 'service-token') => ({ ended_at: url, token_file: site.secrets.path(token) });
  assert.match(start(to('http://127.0.0.1:1', 'no-token')), /visits\.token_file.*no-token/);
  assert.match(start(to('http://127.0.0.1:1/metrics'), 2), /visits\.ended_at.*without a path/);
});
