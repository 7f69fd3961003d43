// While the seats are down no visit gets shorter, and afterwards each visitor has their own turn. The waiting room with two
// fronts, a pair of seat-services and their database, all real. And a sale for which nothing is there does not start unless
// an operator says so.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { assertProblem, assertStatus, delay, openScope, serve, until } from '../../lib-js/index.js';
import { commandLine, done, EXIT, refused } from '../ctl/fairgate.js';
import { act, claims, live, makeEvent, openSite, patch, startFront, startFronts, untilState, Visitor } from '../queue-front/support.js';
import { hall, importHall, openPostgres, openSeats, PassOffice } from '../seat-service/site.js';

const TTL_S = 12; // a busy machine may take seconds between two requests
const MAX_S = 60;

describe('seats that go away', () => {
  const scope = openScope(test);
  const pair = [];
  let site, postgres;

  before(async () => {
    site = await openSite(null, { scope, fronts: 0 });
    postgres = await openPostgres(scope);
    const office = new PassOffice('fairgate', site.secrets.read('pass-es256.pem'));
    pair.push(await openSeats(scope, postgres, { office, secrets: site.secrets }));
    await importHall(pair[0], 'night', hall());
    pair.push(await openSeats(scope, postgres, { office, secrets: site.secrets, ready: false }));
    const pages = pair.map(({ privatePort }) => `http://127.0.0.1:${privatePort}/metrics`).join(', ');
    await startFronts(site, 2, { visits: { served_by: pages } });
    await makeEvent(site, 'night', { rate_per_s: 1000, burst: 1000, session_ttl_s: TTL_S, session_max_s: MAX_S });
  });

  const halted = (wanted) => until(`visits_halted: ${wanted}`, async () =>
    (await Promise.all(site.fronts.map((front) => live(front, 'night')))).every(({ visits_halted: is }) => is === wanted));
  const owner = () => until('an owner', async () => {
    for (const seats of pair) {
      const metrics = await seats.metrics().catch(() => null);
      if (metrics?.get('fairgate_seats_open{event="night"}') === 1) return seats;
    }
    return false;
  });
  const choose = (seats, pass, seat) => seats.http.post('/v1/seats/night/holds', { token: pass, body: { seats: [seat] } });

  // `away` takes the seats down, `back` brings them up.
  async function outage(seat, away, back) {
    await owner();
    await until('the fronts to have seen it served', () => site.redis.command('HGET', 'fg:{night}:cfg', 'served_ms'));
    await halted(false);
    const visitor = await Visitor.inside(site.front, 'night');
    const asleep = await Visitor.inside(site.front, 'night'); // on a phone in a pocket: polls nothing until the end
    const since = performance.now();
    await away();
    let is = false;
    halted(true).finally(() => { is = true; });
    while (!is) { // as the pages do
      assert.equal((await visitor.session()).status, 200);
      await delay(500);
    }
    // The visitor requests no other pass, as if the page were closed.
    await until('the pass to run out', () => claims(visitor.jar.get('fg_pass_night').value).exp * 1000 < Date.now());
    assert.equal((await visitor.me()).json.place, 'admitted', 'it is still their turn');
    const stranger = new Visitor(site.fronts[1], 'night');
    stranger.jar = visitor.jar;
    const renewed = assertStatus(await stranger.session(), 200);
    assert.equal(renewed.json.session, visitor.visit.session);
    const given = Date.parse(renewed.json.ends_at) - Date.parse(visitor.visit.ends_at);
    assert.ok(given >= TTL_S * 1000 - 1000 && given <= performance.now() - since + 1000, `${given} ms are given back`);

    await back();
    const seats = await owner();
    await halted(false);
    // If the machine was slow to stop the clock, the visit may be over.
    assert.match((await asleep.me()).json.place, /^(admitted|ended)$/, 'they have come, and need not come again');
    const again = await until('the visit to go on', async () => assertStatus(await visitor.session(), 200)); // the line may be busy
    assertStatus(await choose(seats, again.json.pass, seat), 201);
    await until('the visit to end in its time', async () => (await live(site.front, 'night')).active === 0);
    assert.equal((await visitor.session()).status, 410);
  }

  // judges: outage
  test('a dead pair gives back the time, and the seats are chosen after all', async () => {
    await outage('r1s1', async () => Promise.all(pair.map((seats) => seats.kill())), async () => {
      for (const seats of pair) await seats.start(false);
    });
  });

  // The standby may be faster than the owner when the database returns; the owner then exits.
  test('a database outage gives back the time, too', async () => {
    for (const { child } of pair) child.mayEnd = true;
    await outage('r1s2', () => postgres.stop(), () => postgres.start());
  });

  test('a takeover by the standby does not change the visit\'s time', async () => {
    for (let tried = 1; ; tried += 1) {
      const first = await owner();
      for (const seats of pair) if (!seats.child.running) await seats.start(false);
      const standby = pair.find((seats) => seats !== first);
      await until('the other to follow', async () => (await standby.metrics().catch(() => null))?.get('fairgate_seats_events{state="following"}') === 1);
      await halted(false);
      const visitor = await Visitor.inside(site.front, 'night');
      const began = performance.now();
      await first.kill();
      const second = await owner();
      const tookMs = performance.now() - began;
      assert.notEqual(second, first);
      assert.equal((await choose(second, visitor.visit.pass, `r1s${2 + tried}`)).status, 201);
      await delay(3000);
      if (tookMs > 2000 && tried < 4) continue; // an outage that long, on a machine this slow
      assert.equal((await live(site.front, 'night')).visits_halted, false);
      assert.equal((await visitor.session()).json.ends_at, visitor.visit.ends_at);
      return;
    }
  });
});

describe('a sale that is to begin', () => {
  const scope = openScope(test);
  const halls = Array.from({ length: 7 }, (_, n) => `hall-${n}`);
  let front, seats, fairgate;
  let paying = true;

  const open = (id, body = {}) => front.admin.post(`/admin/events/${id}/actions/open`, { body });
  const incomplete = (answer, missing) => {
    assertProblem(answer, 409, 'sale-incomplete');
    assert.deepEqual(answer.json.missing, missing);
    return answer.json.detail;
  };
  const make = (id, knobs = {}) => makeEvent({ front, fronts: [front] }, id, knobs, { open: false });
  const soon = (ms = 1000) => ({ opens_at: new Date(Date.now() + ms).toISOString() });

  before(async () => {
    const site = await openSite(null, { scope, fronts: 0 });
    const office = new PassOffice('fairgate', site.secrets.read('pass-es256.pem'));
    seats = await openSeats(scope, await openPostgres(scope), { office, secrets: site.secrets, config: { owner: { events: 5, idle: '100ms' } } });
    for (const id of halls) await importHall(seats, id, hall());
    const pay = await serve(scope, (req, res) => res.writeHead(req.url !== '/readyz' ? 404 : paying ? 200 : 503).end('{"reasons":[{"reason":"no connection"}]}'));
    const inside = `http://127.0.0.1:${seats.privatePort}`;
    const visits = { served_by: `${inside}/metrics`, ended_at: `${inside},${pay.url}`, token_file: site.secrets.path('service-token'), paid_at: `${pay.url}/readyz` };
    front = await startFront(site, { visits });
    fairgate = commandLine(scope, { queue: front, tokenFile: site.secrets.path('admin-token') });
  });

  test('opens with its hall, awake or asleep', async () => {
    await until('a hall to sleep', async () => (await seats.admin.get('/admin/events')).json.asleep > 0);
    for (const id of halls) {
      await make(id);
      await act(front, id, 'open');
    }
  });

  test('without its hall or payment is refused, and opens if each is named', async () => {
    await make('bare', { opens_at: '2099-01-01T00:00:00Z' });
    assert.match(incomplete(await open('bare'), ['hall']), /has no hall for this event\./);
    incomplete(await front.admin.post('/admin/events/bare/actions/schedule'), ['hall']);
    incomplete(await open('bare', { without: ['payment'] }), ['hall']);
    assertProblem(await open('bare', { without: ['roof'] }), 422, 'action-invalid');
    paying = false;
    assert.match(incomplete(await open('bare', { without: ['hall'] }), ['payment']), /is not ready \(no connection\): nobody can pay/);
    refused(await fairgate('open', 'bare'), EXIT.refused, /no hall for this event[^]*nobody can pay[^]*"without"/);
    assert.equal((await front.admin.get('/admin/events/bare')).json.state, 'draft');
    done(await fairgate('open', 'bare', '--without', 'hall,payment', '--why', 'a line alone'));
    const [entry] = (await front.admin.get('/admin/events/bare/audit')).json.audit;
    assert.deepEqual([entry.what, entry.why, entry.without], ['open', 'a line alone', ['hall', 'payment']]);
    for (const action of ['pause', 'resume']) await act(front, 'bare', action); // so that it has started
    paying = true;
    await until('the alarm', async () => (await live(front, 'bare')).hall_missing);
    await Visitor.inside(front, 'bare'); // which is wanted here
  });

  test('at its time does so without a hall, and is an alarm until there is one', async () => {
    await make('timed', soon(3_600_000));
    await act(front, 'timed', 'schedule', { body: { without: ['hall'] } });
    const gauge = async (name) => (await front.metrics()).get(`fairgate_line_${name}{event="timed"}`);
    await until('it to wait for its opening', async () => await gauge('unopened') === 1);
    await patch(front, 'timed', soon());
    await untilState(front, 'timed', 'open');
    await until('it to wait no longer', async () => await gauge('unopened') === 0);
    const alarm = async () => [(await live(front, 'timed')).hall_missing, await gauge('hall_missing')].join(' ');
    await until('the alarm', async () => (await alarm()) === 'true 1');
    await until('visits to halt', async () => (await live(front, 'timed')).visits_halted);
    const visitor = await Visitor.withPlace(front, 'timed');
    assert.equal((await visitor.me()).json.place, 'waiting');
    await importHall(seats, 'timed', hall());
    await until('its end', async () => (await alarm()) === 'false 0');
    await visitor.entered();
    assert.equal((await live(front, 'timed')).visits_halted, false);
    assert.equal((await live(front, 'hall-0')).hall_missing, false);
  });

  test('is refused where the seats do not answer, which is no alarm of a hall', async () => {
    await make('silent');
    await importHall(seats, 'silent', hall());
    await seats.stop();
    assert.match(incomplete(await open('silent'), ['hall']), /does not answer/);
    assert.equal((await live(front, 'timed')).hall_missing, false);
  });

  test('a visitor who entered before it had a hall is kept, and a form shows the waiting page instead', async () => {
    await make('early', soon(3_600_000));
    await act(front, 'early', 'schedule', { body: { without: ['hall'] } });
    await patch(front, 'early', soon());
    await untilState(front, 'early', 'open');
    const visitor = await Visitor.inside(front, 'early');
    await seats.start();
    await until('visits to halt', async () => (await visitor.me()).json.visits_halted);
    const form = { headers: { accept: 'text/html' }, body: '' };
    const { headers: { location } } = assertStatus(await visitor.pass(form), 303);
    assert.equal(location, '/e/early');
    const page = await front.http.get(location, { headers: { ...visitor.jar.headers, ...form.headers } });
    assert.match(page.text, /<p id="visit-left">The hall is not open just now\. Your time is not running/);
    await importHall(seats, 'early', hall());
    await until('the form to lead to the hall', async () => (await visitor.pass(form)).headers.location === '/seats/early');
  });
});
