// Several processes share the events of one database. If one dies or pauses, the others take its events with each
// acknowledged hold, and their own events are not affected.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openScope, seededRng, until } from '../../lib-js/index.js';
import { hall, openPostgres, openProcesses, operator, opens, ownerOf, roleOf, saga, untilOwnedBy, visitor } from '../../integration/seat-service/site.js';
import { judgeJournal, Ledger } from './ledger.js';

const ROUNDS = process.env.FAIRGATE_SOAK ? 40 : 1;
const SIZE = { rows: 20, seatsPerRow: 20 };
const SEATS = SIZE.rows * SIZE.seatsPerRow;
const EVENTS = ['alpha', 'beta', 'gamma', 'delta'];

const ownsNone = async (service) => (await operator(service).events()).json.events.every((one) => !one.open);

async function openServices(t, count) {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  return { postgres, services: await openProcesses(scope, postgres, count) };
}

// Two processes and four events, two for each.
async function openPair(t) {
  const { postgres, services } = await openServices(t, 2);
  const [first, second] = services;
  for (const [nth, event] of EVENTS.entries()) {
    const reply = await operator(first, event).import(hall({ ...SIZE, limits: { orphan_rule: false } }));
    assert.ok([201, 421].includes(reply.status), reply.text);
    const owner = await until(`${event} to be owned`, () => ownerOf(services, event));
    if (reply.status === 421) assert.equal(reply.json.private_address, `127.0.0.1:${owner.privatePort}`, 'it was created, and told where');
    await untilOwnedBy(services[nth % 2], services, event);
  }
  const of = (service) => EVENTS.filter((_, nth) => services[nth % 2] === service);
  return { postgres, first, second, of };
}

const epochs = async (service, events) => (await operator(service).events()).json.events.filter(({ event }) => events.includes(event)).map(({ event, epoch }) => [event, epoch]);
const openLedgers = (rng, service, events) => events.map((event) => new Ledger(service, event, rng));
const newest = (postgres, events) =>
  postgres.sql(`SELECT string_agg(id || ' ' || seq, ', ' ORDER BY id) FROM seats.head JOIN seats.event ON no = event WHERE id IN (${events.map((event) => `'${event}'`).join()})`, 'seats');

async function judge(t, ledgers, service) {
  for (const ledger of ledgers) t.diagnostic(`${ledger.event} ${JSON.stringify(await ledger.judge(service, SEATS))}`);
}

// An order is paid when its owner dies: it has the hold, and sold seats stay sold.
async function sell(service, event) {
  const { hold, seats } = (await visitor(service, event).hold({ best_available: { quantity: 2 } })).json;
  assert.equal((await saga(service, event).extend(hold, 'order-1')).status, 200);
  assert.equal((await saga(service, event).confirm(hold, 'order-1')).status, 200);
  return { hold, seats };
}

test('kill -9 of one of two owners under holds: the other has its events too, and loses nothing of either', async (t) => {
  const rng = seededRng(t);
  const { postgres, first, second, of } = await openPair(t);
  const [lost, kept] = [of(first), of(second)];
  const sold = await sell(first, lost[0]);
  const theirs = openLedgers(rng, first, lost), others = openLedgers(rng, second, kept);
  for (const ledger of [...theirs, ...others]) ledger.start(8);
  await until('holds at all of them', () => [...theirs, ...others].every((ledger) => ledger.answers.get(201) > 20));
  const since = await epochs(second, kept);
  await first.kill();
  for (const event of lost) await until(`${event} to be the other's`, () => opens(second, event));
  const before = others.map((ledger) => ledger.answers.get(201));
  await until('the other to go on with its own', () => others.every((ledger, n) => ledger.answers.get(201) > before[n] + 20));
  for (const ledger of [...theirs, ...others]) await ledger.stop();
  await judge(t, [...others, ...theirs], second);
  assert.deepEqual(await epochs(second, kept), since, 'it never gave up what it had');
  assert.equal((await saga(second, lost[0]).confirm(sold.hold, 'order-1')).status, 200, 'what was sold is sold, to the same order');
  assertProblem(await visitor(second, lost[0]).hold({ seats: sold.seats }), 409, 'seats-taken');
  judgeJournal(postgres);

  // The old owner returns without events, and says where each one is.
  await first.start(false);
  await until('it to follow', async () => (await roleOf(first)) === 'standby');
  const address = `127.0.0.1:${second.privatePort}`;
  const reply = await until('it to know', async () => {
    const answer = await operator(first, lost[0]).read();
    return answer.status === 421 && answer;
  });
  assertProblem(reply, 421, 'event-elsewhere');
  assert.deepEqual([reply.json.owner, reply.json.private_address, reply.headers['fairgate-owner']], ['seats2', address, 'seats2']);
});

test('an owner that was stopped loses its events singly to the other, and commits nothing to them when it wakes up', async (t) => {
  const rng = seededRng(t);
  const { postgres, first, second, of } = await openPair(t);
  const lost = of(first);
  const ledgers = openLedgers(rng, first, lost);
  for (const ledger of ledgers) ledger.start(8);
  await until('holds', () => ledgers.every((ledger) => ledger.answers.get(201) > 20));
  first.pause();
  for (const event of lost) await until(`${event} to be the other's`, () => opens(second, event));
  const before = newest(postgres, lost);
  for (const ledger of ledgers) ledger.running = false;
  first.resume();
  for (const ledger of ledgers) await ledger.stop();
  await until('it to know', () => ownsNone(first));
  assert.equal(newest(postgres, lost), before);
  await judge(t, ledgers, second);
  for (const event of EVENTS) assert.equal((await visitor(second, event).hold({ best_available: { quantity: 2 } })).status, 201);
  judgeJournal(postgres);
});

// ---- in any order ----

// Routes buyers to owners: it remembers an event's last owner, and learns from responses that name another.
function openEdge(services) {
  const last = new Map();
  const call = async (method, path, options) => {
    const event = path.split('/')[3];
    const answer = await (last.get(event) ?? services[0]).http.call(method, path, options).catch((error) => {
      last.set(event, services[(services.indexOf(last.get(event)) + 1) % services.length]);
      throw error;
    });
    const owner = answer.headers['fairgate-owner'];
    if (answer.status === 503) last.set(event, services.find(({ instance }) => instance === owner) ?? services[(services.indexOf(last.get(event)) + 1) % services.length]);
    return answer;
  };
  return { office: services[0].office, http: { call, get: (path, options) => call('GET', path, options), delete: (path, options) => call('DELETE', path, options) } };
}

// ---- moved by an operator ----

const place = (services, event, owner) => operator(services[0], event).place(owner);

test('an event moves between owners that are well, to and fro under holds, and nobody loses one', async (t) => {
  const rng = seededRng(t);
  const { postgres, first, second, of } = await openPair(t);
  const [event] = of(first), [other] = of(second);
  const [[[, its]], others] = [await epochs(first, [event]), await epochs(second, [other])];
  assertProblem(await operator(first, 'nothing').place('seats2'), 404, 'event-unknown');
  const sold = await sell(first, event);
  const ledgers = openLedgers(rng, openEdge([first, second]), [event, other]);
  for (const ledger of ledgers) ledger.start(8);
  const goOn = async () => {
    const before = ledgers.map((ledger) => ledger.answers.get(201) ?? 0);
    await until('holds at both', () => ledgers.every((ledger, n) => (ledger.answers.get(201) ?? 0) > before[n] + 20));
  };
  await goOn();
  for (const [asked, owner, now] of [[first, 'seats2', second], [first, 'seats1', first], [second, 'seats2', second]]) {
    const reply = await until('it to be moved', async () => { // a slow process keeps the event, and may be asked again
      const answer = await place([asked], event, owner);
      if (answer.status !== 200) assertProblem(answer, 409, 'not-moved');
      return answer.status === 200 && answer;
    });
    assert.deepEqual([reply.json.event, reply.json.owner, reply.json.private_address], [event, owner, `127.0.0.1:${now.privatePort}`]);
    assert.equal((await place([asked], event, owner)).json.epoch, reply.json.epoch, 'it is there already');
    await goOn();
  }
  for (const ledger of ledgers) await ledger.stop();
  for (const ledger of ledgers) for (const status of ledger.answers.keys()) assert.ok([201, 204, 409, 503].includes(status), `an answer ${status}`);
  await judge(t, ledgers, second);
  assert.deepEqual([first, second].map(({ child }) => child.exit), [null, null], 'both are the processes that they were');
  assert.deepEqual([await epochs(second, [event]), await epochs(second, [other])], [[[event, its + 3]], others], 'moved three times, and the other never');
  assert.equal((await saga(second, event).confirm(sold.hold, 'order-1')).status, 200, 'what was sold is sold');
  assertProblem(await visitor(second, event).hold({ seats: sold.seats }), 409, 'seats-taken');
  const reply = await until('the old owner to say where it is', async () => {
    const answer = await operator(first, event).read();
    return answer.status === 421 && answer;
  });
  assert.equal(reply.json.owner, 'seats2');
  judgeJournal(postgres);

  // No process of that name: the event stays and sells on.
  assertProblem(await place([second], event, 'seats9'), 409, 'not-moved');
  assert.equal((await visitor(second, event).info()).status, 200);
});

// Frees seats, so that a hall is not full after some rounds.
async function giveBack(ledger) {
  for (const [hold, { buyer }] of ledger.held) {
    await until('it to be given back', async () => (await buyer.release(hold)).status === 204);
    ledger.held.delete(hold);
    ledger.released.add(hold);
  }
}

test('whatever dies, stops or is cut off, in any order: every event has an owner again, and every answer is true', async (t) => {
  const rng = seededRng(t);
  const { postgres, services } = await openServices(t, 3);
  const untilOwned = async () => {
    for (const event of EVENTS) await until(`${event} to be owned`, () => ownerOf(services, event));
  };
  for (const event of EVENTS) {
    await operator(services[0], event).import(hall({ ...SIZE, limits: { orphan_rule: false } }));
    await until(`${event} to be owned`, () => ownerOf(services, event));
  }
  const edge = openEdge(services);
  const ledgers = openLedgers(rng, edge, EVENTS);
  const backends = (name) => postgres.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fairgate seat-service ${name}'`, 'seats');
  const faults = {
    kill: (victim) => victim.kill(),
    async stop(victim) {
      victim.pause();
      for (const event of EVENTS) await until(`${event} to be another's`, () => ownerOf(services.filter((other) => other !== victim), event));
      victim.resume();
      await until('it to know', () => ownsNone(victim));
    },
    cut: () => backends('journal'),
    unread: () => backends('reader'),
    async postgres() {
      await postgres.kill();
      await postgres.start();
    },
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const kinds = Object.keys(faults);
    const kind = kinds[Math.floor(rng.unit() * kinds.length)];
    const victim = await ownerOf(services, EVENTS[Math.floor(rng.unit() * EVENTS.length)]);
    const before = ledgers.map((ledger) => ledger.answers.get(201) ?? 0);
    for (const ledger of ledgers) ledger.start(4);
    await until('holds at all events', () => ledgers.every((ledger, n) => (ledger.answers.get(201) ?? 0) > before[n] + 5));
    for (const { child } of services) child.mayEnd = true; // may exit when another process has taken its place
    await faults[kind](victim);
    await untilOwned();
    for (const ledger of ledgers) await ledger.stop();
    const ended = services.filter(({ child }) => child.exit !== null);
    for (const service of ended) await service.start(false);
    t.diagnostic(`${kind} at ${victim.instance}: ${ended.map(({ instance }) => instance).join(' ') || 'nobody'} ended`);
    await untilOwned();
    for (const ledger of ledgers) t.diagnostic(`${ledger.event} ${JSON.stringify(await ledger.judge(await ownerOf(services, ledger.event), SEATS))}`);
    judgeJournal(postgres);
    for (const ledger of ledgers) await giveBack(ledger);
  }
});
