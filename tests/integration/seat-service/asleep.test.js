// A database has more events than a process can hold: idle events sleep, and a requested event is loaded again, with
// everything that was sold and held.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, seededRng, until } from '../../lib-js/index.js';
import { Ledger } from '../../fault/seat-service/ledger.js';
import { follow, hall, holdLock, importHall, openAnother, openFollower, openSale, openSeats, operator, saga, visitor } from './site.js';

const PLACES = 5;
const EVENTS = Array.from({ length: 7 }, (_, n) => `event-${n}`);
const SMALL = { rows: 2, seatsPerRow: 4, limits: { orphan_rule: false } };
const small = () => hall(SMALL);
const config = { owner: { events: PLACES, idle: '100ms' } };

const listed = async (seats) => (await operator(seats).events()).json;
// Requests it until it answers: the request wakes it.
const woken = (seats, event) => until(`${event} to be awake`, async () => (await visitor(seats, event).info()).status === 200);
// An event that is idle even for a moment, which suffices here, may be closed.
const there = (ask) => until('the event to be open', async () => {
  const answer = await ask();
  return answer.status !== 503 && answer;
});

// Requests it once there is room for it, which wakes it. All slots may be in use for a moment.
const asleep = (ask) => until('room for the event', async () => {
  const answer = await ask();
  return answer.json.code !== 'events-full' && assertProblem(answer, 503, 'event-asleep');
});

async function untilAsleep(seats, event) {
  const others = EVENTS.filter((other) => other !== event);
  await until(`${event} to make room`, async () => {
    for (const other of others) await visitor(seats, other).info();
    return !(await listed(seats)).events.some((one) => one.event === event);
  });
}

const openMany = (t, more = {}) => openSale(t, EVENTS, { document: small(), config, ...more });

test('with more events than fit in memory, each request finds its event unchanged', async (t) => {
  const { seats } = await openMany(t);
  await until('every event to be in one place', async () => {
    const { events, asleep } = await listed(seats);
    assert.ok(events.length <= PLACES, `${events.length} in memory`);
    return events.length + asleep === EVENTS.length;
  });

  // A sold seat stays sold through sleep.
  await woken(seats, 'event-0');
  const { hold } = (await there(() => visitor(seats, 'event-0').hold({ seats: ['r1s1'] }))).json;
  for (const act of ['extend', 'confirm']) assert.equal((await there(() => saga(seats, 'event-0')[act](hold, 'order-1'))).status, 200);
  await untilAsleep(seats, 'event-0');
  await woken(seats, 'event-0');
  assert.equal((await there(() => operator(seats, 'event-0').read())).status, 200);
  assertProblem(await there(() => visitor(seats, 'event-0').hold({ seats: ['r1s1'] })), 409, 'seats-taken');
  assert.equal((await there(() => saga(seats, 'event-0').confirm(hold, 'order-1'))).status, 200, 'to the same order');
  assert.equal((await there(() => operator(seats, 'event-0').import(small()))).status, 200, 'the same import again');

  // A caller without a pass wakes nothing.
  await untilAsleep(seats, 'event-0');
  const stranger = { ...seats, office: { pass: () => 'none' } };
  assertProblem(await visitor(stranger, 'event-0').info(), 401, 'pass-missing');
  assertProblem(await visitor(seats, 'event-0', { claims: { aud: 'event-4' } }).info(), 401, 'pass-foreign');
  await asleep(() => visitor(seats, 'event-0').info());
  await woken(seats, 'event-0');

  // The waiting room may check that it exists without waking it.
  await untilAsleep(seats, 'event-0');
  for (let asked = 0; asked < 2; asked += 1) assert.deepEqual((await saga(seats, 'event-0').known()).json, { event: 'event-0', asleep: true });
  assertProblem(await saga(seats, 'none').known(), 404, 'event-unknown');

  // The checkout wakes it as a visitor does: its requests are about money.
  const reply = await saga(seats, 'event-0').refund(hold, 'order-1');
  if (reply.status !== 200) assertProblem(reply, 503, reply.json.code === 'events-full' ? 'events-full' : 'event-asleep');
  await until('it to be refunded', async () => (await saga(seats, 'event-0').refund(hold, 'order-1')).status === 200);
});

test('an event that was woken for a caller waits for it, however short of room others are', async (t) => {
  const { seats } = await openMany(t);
  await untilAsleep(seats, 'event-0');
  await asleep(() => visitor(seats, 'event-0').info());
  await until('it to be open', async () => (await listed(seats)).events.some(({ event, open }) => event === 'event-0' && open));
  for (const other of ['event-1', 'event-2', 'event-3']) await woken(seats, other);
  assert.equal((await visitor(seats, 'event-0').info()).status, 200);
});

test('a pass of an earlier incarnation wakes no event', async (t) => {
  const { postgres, seats } = await openMany(t);
  const of = (incarnation) => visitor(seats, 'event-0', { claims: { incarnation } });
  const [older, newer] = ['019a30000000aaaaaa', '019a30000001000001'];
  await until('the event to be open', async () => (await of(newer).info()).status === 200);
  await until('its making to be on disk', () => postgres.sql("SELECT incarnation FROM seats.event WHERE id = 'event-0'", 'seats') !== '0');
  await untilAsleep(seats, 'event-0');
  assertProblem(await of(older).info(), 401, 'event-renewed');
  await asleep(() => of(newer).info());
  await until('it to be awake', async () => (await of(newer).info()).status === 200);
});

async function stands({ buyer, hold }) {
  const read = await there(() => buyer.read(hold));
  assert.equal(read.status, 200, `nobody lost a hold: ${read.text}`);
  assert.deepEqual((await there(() => buyer.holds())).json.holds.map((one) => one.hold), [hold]);
}

// Holds one seat of every event, each for another visitor; resolves to the holds.
async function holdInEach(seats, events) {
  const holds = [];
  for (const event of events) {
    const buyer = visitor(seats, event);
    const held = assertStatus(await there(() => buyer.hold({ seats: ['r1s2'] })), 201);
    holds.push({ event, buyer, hold: held.json.hold });
  }
  return holds;
}

test('held seats in sleeping events expire on time and block no other event', async (t) => {
  const { postgres, seats } = await openMany(t);
  const brief = Array.from({ length: PLACES + 1 }, (_, n) => `brief-${n}`);
  for (const event of brief) await importHall(seats, event, hall({ rows: 1, limits: { orphan_rule: false, hold_ttl_s: 3 } }));
  await holdInEach(seats, brief);
  const held = await holdInEach(seats, EVENTS);
  assert.equal((await there(() => operator(seats, 'one-more').import(small()))).status, 201);
  const [{ event, hold }, ...others] = held;
  for (const act of ['extend', 'confirm']) assert.equal((await there(() => saga(seats, event)[act](hold, 'order-1'))).status, 200);
  // Nobody requests them.
  const expired = () => Number(postgres.sql("SELECT count(*) FROM seats.head JOIN seats.event ON no = event WHERE id LIKE 'brief-%' AND seq = 3", 'seats')); // imported, taken, expired
  await until('the holds of all to expire', () => expired() === brief.length);
  for (const one of others) await stands(one);
});

// Copies of a sleeping event, made without a process. A process reads them from the snapshot on, before which the links
// of their chains name the event that they are copies of.
const copies = (event, count) => `
  WITH one AS (SELECT no FROM seats.event WHERE id = '${event}'),
    made AS (INSERT INTO seats.event (id, asleep_at) SELECT '${event}-' || n, now() FROM generate_series(1, ${count}) n RETURNING no),
    d AS (INSERT INTO seats.document SELECT made.no, hash, body, since, base, places FROM seats.document JOIN one ON event = one.no, made),
    o AS (INSERT INTO seats.owner (event, epoch, chain, due_at) SELECT made.no, epoch, chain, due_at FROM seats.owner JOIN one ON event = one.no, made),
    j AS (INSERT INTO seats.journal SELECT seq, at, epoch, made.no, kind, body, chain, changes FROM seats.journal JOIN one ON event = one.no, made),
    s AS (INSERT INTO seats.snapshot SELECT made.no, seq, chain, made_at, body FROM seats.snapshot JOIN one ON event = one.no, made)
  INSERT INTO seats.projected SELECT made.no, seq FROM seats.projected JOIN one ON event = one.no, made`;

// Asks one process after the other, until one serves the event.
function anyOf(all) {
  const first = (verb) => async (...words) => {
    let answer;
    for (const { http } of all) {
      answer = await http[verb](...words);
      if (answer.status !== 503) break;
    }
    return answer;
  };
  return { office: all[0].office, http: Object.fromEntries(['call', 'get', 'delete'].map((verb) => [verb, first(verb)])) };
}

for (const processes of [1, 4]) {
  test(`a seat whose payment did not come in time is for the next who asks, when 10,000 end at once in events that sleep, at ${processes}`, async (t) => {
    const [many, places] = [10_000, 16];
    const shared = (n) => ({ shares: processes > 1 ? processes : 0, config: { journal: { instance: `seats-${n}` }, owner: { events: places, idle: '2s' } } });
    const { scope, postgres, seats } = await openSale(t, ['rush'], { document: hall({ limits: { orphan_rule: false, hold_ttl_s: 7200, hold_max_s: 7200 } }), ...shared(0) });
    const brief = (name) => hall({ ...SMALL, name, limits: { ...SMALL.limits, hold_ttl_s: 15 } });
    await importHall(seats, 'awaited', brief('Awaited'));
    assert.equal((await operator(seats, 'awaited').correct(brief('Corrected'))).status, 200);
    const all = [seats];
    for (let n = 1; n < processes; n += 1) all.push(await openAnother(scope, postgres, seats, shared(n)));
    await until('its snapshot', () => postgres.sql('SELECT count(*) FROM seats.snapshot', 'seats') === '1');
    const paying = await until('a payment to be awaited', async () => { // a hold that was not extended in time is taken again
      const { json } = await there(() => visitor(seats, 'awaited').hold({ seats: ['r1s2'] }));
      const extended = await there(() => saga(seats, 'awaited').extend(json.hold, 'order-1', { pay_ttl_s: 16 }));
      return extended.status === 200 && extended.json;
    });
    const paid = Number(postgres.sql("SELECT seq FROM seats.head JOIN seats.event ON no = event WHERE id = 'awaited'", 'seats'));
    postgres.sql(`UPDATE seats.event SET asleep_at = now() WHERE id = 'awaited';
      UPDATE seats.owner SET due_at = '${paying.expires_at}' FROM seats.event WHERE no = event AND id = 'awaited';
      ${copies('awaited', many)}`, 'seats');
    const rush = new Ledger(seats, 'rush', seededRng(t));
    const held = () => rush.answers.get(201) ?? 0;
    const epoch = () => postgres.sql("SELECT epoch FROM seats.owner JOIN seats.event ON no = event WHERE id = 'rush'", 'seats');
    rush.start(8);
    await until('the rush to begin', () => held() > 0);
    const before = epoch();
    await until('the ends of all', () => Date.now() > Date.parse(paying.expires_at) + 1000, { timeoutMs: 60_000 });
    const [from, first] = [Date.now(), held()];
    const waits = [];
    const anywhere = anyOf(all);
    const had = async (event) => (await visitor(anywhere, event).hold({ seats: ['r1s2'] })).status === 201;
    const next = Array.from({ length: process.env.FAIRGATE_SOAK ? 2000 : 24 }, (_, n) => `awaited-${1 + ((n * 7919) % many)}`).values();
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (const event of next) {
        const asked = Date.now();
        await until(`the seat of ${event}`, () => had(event), { timeoutMs: 30_000, everyMs: 50 }); // less than a payment is protected
        waits.push(Date.now() - asked);
        assert.ok((await listed(seats)).events.length <= places);
      }
    }));
    waits.sort((one, other) => one - other);
    t.diagnostic(`${waits.length} seats were had one after the other within ${Math.round((Date.now() - from) / 1000)} s, each after ${waits[waits.length >> 1]} ms and at most ${waits.at(-1)}, during ${held() - first} holds of the rush`);
    const unasked = () => Number(postgres.sql(`SELECT count(*) FROM seats.head JOIN seats.event ON no = event WHERE id LIKE 'awaited-%' AND seq = ${paid + 1}`, 'seats')); // expired
    await until('holds to end that nobody asks for', () => unasked() > places);
    await until('the rush to go on', () => held() > first);
    assert.equal(epoch(), before, 'the rush has kept its slot');
    await rush.stop();
    await rush.judge(anywhere, 100); // idle from here on, it may fall asleep, and another process may wake it
  });
}

test('an event woken elsewhere that does not fit at first counts as unrequested', async (t) => {
  const { scope, postgres, seats } = await openMany(t);
  await seats.stop();
  postgres.sql("UPDATE seats.event SET asleep_at = now()", 'seats');
  const next = await openSeats(scope, postgres, { config: { owner: { ...config.owner, idle: '1h' } }, office: seats.office, secrets: seats.secrets });
  for (const event of EVENTS.slice(0, PLACES)) await woken(next, event);
  postgres.sql(`UPDATE seats.owner SET due_at = now() FROM seats.event WHERE event = no AND id = 'event-6';
    CREATE TABLE moved AS SELECT event FROM seats.owner LIMIT 0;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN INSERT INTO public.moved VALUES (NEW.event); RETURN NEW; END';
    CREATE TRIGGER note AFTER UPDATE ON seats.owner FOR EACH ROW WHEN (NEW.epoch = OLD.epoch AND NEW.asked_at IS DISTINCT FROM OLD.asked_at) EXECUTE FUNCTION note();
    UPDATE seats.event SET asleep_at = NULL WHERE id = 'event-6'`, 'seats');
  await until('it to find no place', async () => (await next.metrics()).get('fairgate_seats_events_refused') === 1);
  postgres.sql("UPDATE seats.event SET asleep_at = now() WHERE id = 'event-0'", 'seats');
  await until('it to be opened', () => postgres.sql("SELECT epoch FROM seats.owner JOIN seats.event ON no = event WHERE id = 'event-6'", 'seats') === '2');
  assert.equal(postgres.sql('SELECT count(*) FROM moved', 'seats'), '0');
});

test('a request for an event that does not fit is refused, a correction too', async (t) => {
  const { scope, postgres, seats } = await openMany(t);
  await seats.stop();
  const busy = { owner: { ...config.owner, idle: '1h' } };
  const next = await openSeats(scope, postgres, { config: busy, office: seats.office, secrets: seats.secrets });
  const figure = async (name) => (await next.metrics()).get(`fairgate_${name}`);
  const reply = await until('an event to be refused', async () => {
    const answers = await Promise.all(EVENTS.map((event) => visitor(next, event).info()));
    return answers.find(({ json }) => json.code === 'events-full');
  });
  assertProblem(reply, 503, 'events-full');
  const more = await operator(next, 'one-more').import(small());
  assertProblem(more, 503, 'events-full');
  for (const { headers } of [reply, more]) assert.ok(Number(headers['retry-after']) > 0);
  await until('the gauge to say so', async () => (await figure('seats_events_refused')) === EVENTS.length - PLACES);
  assert.ok((await figure('bound_refused_total{bound="events-full"}')) > 1);

  // Closed for a moment, it does not lose its slot to waiting events.
  const { events } = await listed(next);
  for (const { event } of events) assert.equal((await operator(next, event).correct(hall({ ...SMALL, name: 'Corrected' }))).status, 200);

  // While it is closed the others wait on.
  await holdLock(scope, postgres, `SELECT FROM seats.owner JOIN seats.event ON no = event WHERE id = '${events[0].event}' FOR UPDATE OF owner`);
  let answered = false;
  const tried = operator(next, events[0].event).correct(small()).finally(() => { answered = true; });
  while (!answered) assert.ok((await figure('seats_events_refused')) > 0, 'no flicker');
  assert.equal((await tried).status, 503);
});

test('memory holds as many halls as fit, and each request finds its event', async (t) => {
  const { seats } = await openSale(t, [], { config: { owner: { memory: '8m', idle: '100ms' } } });
  const large = hall({ rows: 40, seatsPerRow: 50 });
  const megabytes = (event) => (event.startsWith('large') ? 3 : 1); // rounded down
  const events = ['large-0', ...EVENTS.slice(0, 3), 'large-1'];
  for (const event of events) await importHall(seats, event, megabytes(event) === 3 ? large : small());
  for (const event of [...events, ...events.toReversed()]) {
    await woken(seats, event);
    const open = (await listed(seats)).events.map((one) => one.event);
    assert.ok(open.reduce((sum, one) => sum + megabytes(one), 0) <= 8, open.join());
  }
});

test('an owner and its standby agree on what is asleep, and the standby wakes what it is left', async (t) => {
  const { scope, postgres, seats } = await openMany(t);
  const standby = await openAnother(scope, postgres, seats, { config });
  await untilAsleep(seats, 'event-5');
  const count = async (state) => (await standby.metrics()).get(`fairgate_seats_events{state="${state}"}`);
  await until('the standby to know them all', async () => (await count('following')) + (await count('asleep')) === EVENTS.length);
  await seats.kill();
  await standby.untilReady();
  for (const event of EVENTS) {
    await woken(standby, event);
    const buyer = visitor(standby, event);
    const held = assertStatus(await there(() => buyer.hold({ best_available: { quantity: 1 } })), 201);
    assert.equal((await there(() => buyer.release(held.json.hold))).status, 204);
  }
});

test('a second process with less room has the owner\'s awake events in memory', async (t) => {
  const { scope, postgres, seats } = await openMany(t, { config: { owner: { events: 32, idle: '100ms' } } });
  const standby = await openAnother(scope, postgres, seats, { config });
  const known = async (at) => (await listed(at)).events.map(({ event }) => event).sort().join();
  const both = (what) => until(what, async () => (await known(seats)) === (await known(standby)));
  await both('the owner to let go of what the standby has no room for');
  for (const event of EVENTS) {
    await woken(seats, event);
    await both(`a second process to have ${event}`);
  }
  await seats.kill();
  await until('it to own them', async () => {
    const { events } = await listed(standby);
    return events.length > 0 && events.every(({ open }) => open);
  });
});

test('an event is imported only if the smallest process of the list has room for it', async (t) => {
  const busy = (events) => ({ owner: { events, idle: '1h' } });
  const { scope, postgres, seats } = await openSale(t, [], { config: busy(32) });
  const standby = await openFollower(scope, postgres, seats, { config: busy(PLACES) });
  for (const event of EVENTS.slice(0, PLACES)) await importHall(seats, event, small());
  await until('the standby to have them all', async () => (await listed(standby)).events.length === PLACES);
  let more = 0; // it looks twice a second how much room others have
  await until('an import to be refused', async () => (await operator(seats, `more-${more++}`).import(small())).json.code === 'events-full');
  assert.ok(more < 20, `${more} more than the standby has room for`);
});

test('neither streams, callers without a pass nor refused requests keep an event awake, at the owner or at a process that shows it', async (t) => {
  const idle = { owner: { ...config.owner, idle: '500ms' } }; // longer than uses are apart that count, and shorter than the requests allowed here
  const document = hall({ ...SMALL, limits: { ...SMALL.limits, rate_per_session_per_s: 1 } });
  const { scope, postgres, seats } = await openMany(t, { document, config: idle });
  const standby = await openAnother(scope, postgres, seats, { config: idle });
  const [kept, others] = ['event-0', EVENTS.slice(1)];
  await woken(seats, kept);
  const strangers = [seats, standby].flatMap((at) => [visitor({ ...at, office: { pass: () => 'none' } }, kept), visitor(at, kept, { claims: { aud: 'event-4' } })]);
  const streams = [await follow(visitor(seats, kept), '?since=0'), await follow(visitor(standby, kept), '?since=0')];
  const hasty = visitor(seats, kept);
  const refused = until('a visitor who asks too often to be without it', async () => (await hasty.info()).json.code === 'event-asleep', { everyMs: 10 });
  await until('it to make room while strangers ask for it', async () => {
    for (const other of others) await visitor(seats, other).info();
    for (const stranger of strangers) assert.notEqual((await stranger.info()).status, 200);
    return !(await listed(seats)).events.some((one) => one.event === kept);
  });
  await refused;
  await until('its streams to end', () => streams.every((stream) => stream.ended));
});

test('an address keeps some events awake and leaves room for others', async (t) => {
  const events = Array.from({ length: 33 }, (_, n) => `quiet-${n}`);
  const { postgres, seats } = await openSale(t, events, { document: small(), config: { owner: { events: 64, idle: '24h' } } });
  await seats.stop();
  postgres.sql("UPDATE seats.event SET asleep_at = now()", 'seats');
  await seats.start();
  const last = events.pop();
  for (const event of events) await woken(seats, event);
  const { token, info } = visitor(seats, last);
  const refused = await info();
  assertProblem(refused, 429, 'too-many-requests');
  assert.ok(Number(refused.headers['retry-after']) > 60);
  await woken(seats, events[0]);
  const elsewhere = { token, headers: { 'x-forwarded-for': '198.51.100.9' } };
  await until('a visitor elsewhere to wake it', async () => (await seats.http.get(`/v1/seats/${last}`, elsewhere)).status === 200);
});

test('an event stays awake as long as a reader of a standby uses it', async (t) => {
  const { scope, postgres, seats } = await openMany(t);
  const standby = await openAnother(scope, postgres, seats, { config });
  let done = false;
  const reader = until('the reader at the standby to stop', async () => (await visitor(standby, 'event-0').info()) && done, { timeoutMs: 300_000 });
  const tellers = () => Number(postgres.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4606789", 'seats'));
  await until('the standby to say so', () => tellers() === 1);
  for (const other of EVENTS.slice(1)) await woken(seats, other); // there is not room for all of them
  assert.ok((await listed(seats)).events.some(({ event, open }) => event === 'event-0' && open), 'it is awake');
  done = true;
  await reader;
  await until('the standby to say no more', () => tellers() === 0);
  await untilAsleep(seats, 'event-0');
});

test('ten thousand events cost their names, and nothing is read of those that sleep', async (t) => {
  const { postgres, seats } = await openSale(t, ['tonight'], { document: small() });
  await seats.stop();
  postgres.sql("INSERT INTO seats.event (id, asleep_at) SELECT 'past-' || n, now() FROM generate_series(1, 9999) n", 'seats');
  await seats.start();
  assert.equal((await visitor(seats, 'tonight').info()).status, 200);
  assert.equal((await seats.metrics()).get('fairgate_seats_events{state="asleep"}'), 9999);

  // Rows are polled ten times a second, and unchanged ones are not read.
  const looks = () => Number(postgres.sql("SELECT pg_stat_clear_snapshot(); SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'event_changed'", 'seats').trim());
  const rows = () => Number(postgres.sql("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'event'", 'seats'));
  await until('the first look to be counted', () => rows() >= 10_000);
  const [before, from] = [rows(), looks()];
  await until('it to look twenty times more', () => looks() >= from + 20, { timeoutMs: 60_000 });
  assert.ok(rows() - before < 1000, `${rows() - before} rows were read`);
});
