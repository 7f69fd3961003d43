// Which responses hold when a part dies.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, delay, openScope, runProgram, seededRng, until } from '../../lib-js/index.js';
import { hall, importHall, openFollower, openPostgres, openSale, openSeats, openWired, operator, ROLE, roleOf, saga, tamper, untilOwner, visitor } from '../../integration/seat-service/site.js';
import { Ledger } from './ledger.js';

const SIZE = { rows: 50, seatsPerRow: 40 };
const SEATS = SIZE.rows * SIZE.seatsPerRow;
const EVENT = 'crash-night';

const openSite = (t, options) => openSale(t, [EVENT], { document: hall({ ...SIZE, limits: { orphan_rule: false } }), ...options });

test('an owner that was cut off or stopped is not ready once another may own, though it cannot know yet', async (t) => {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  const near = await openWired(scope, postgres);
  const { wire } = near;
  const owner = await openSeats(scope, near);
  await importHall(owner, EVENT, hall(SIZE));
  const standby = await openFollower(scope, postgres, owner);
  scope.defer(() => wire.heal()); // otherwise no process could end
  await owner.untilReady();
  wire.fault('hold');
  await standby.untilReady();
  const cut = await owner.private.get('/readyz');
  assert.equal(cut.status, 503, cut.text);
  assert.ok(cut.json.reasons.some(({ reason }) => reason === 'ownership-unproven'), cut.text);
  assert.ok(['owner', 'cut'].includes(cut.json.role), 'it still shows the hall to clients that find no other');
  assert.equal((await visitor(owner, EVENT).info()).status, 200);
  await standby.untilReady(); // so that it stays ready
  owner.child.mayEnd = true;
  wire.heal();
  await owner.child.ends();
  assert.equal(owner.child.exit.code, 1);

  // While it is paused the request waits in its socket, and is read before anything else has run.
  const second = await openFollower(scope, near, owner);
  standby.child.mayEnd = true;
  await standby.kill();
  await second.untilReady();
  const third = await openFollower(scope, postgres, owner);
  wire.fault('hold');
  second.pause();
  const asked = second.private.get('/readyz');
  await third.untilReady();
  second.resume();
  assert.equal((await asked).status, 503, (await asked).text);
  second.child.mayEnd = true;
  wire.heal();
  await second.child.ends();
});

test('a stopped owner that wakes up says nothing final of what was changed since', async (t) => {
  const { scope, postgres, seats: owner } = await openSite(t);
  const standby = await openFollower(scope, postgres, owner);
  const session = 'somebody';
  const given = (await visitor(owner, EVENT, { session }).hold({ seats: ['r3s1', 'r3s2'] })).json.hold;
  owner.pause();
  await standby.untilReady();
  const there = visitor(standby, EVENT, { session });
  assert.equal((await there.release(given)).status, 204);
  const mine = (await there.hold({ seats: ['r2s1', 'r2s2'] })).json.hold;
  const { hold } = (await visitor(standby, EVENT).hold({ seats: ['r1s1', 'r1s2'] })).json;
  const checkout = saga(standby, EVENT);
  assert.equal((await checkout.extend(hold, 'order-1')).status, 200);
  assert.equal((await checkout.confirm(hold, 'order-1')).status, 200);
  // The requests wait in the paused process's sockets, and are read before it can learn of its successor.
  const [stale, here] = [saga(owner, EVENT), visitor(owner, EVENT, { session })];
  const asked = [
    ...['release', 'refund', 'release', 'refund'].map((step) => stale[step](hold, 'order-1')),
    stale.read(hold),
    here.read(mine),
    here.release(mine),
    here.change(mine, { add: ['r2s3'] }),
    here.hold({ seats: ['r3s1', 'r3s2'] }),
  ].map((answer) => answer.catch(() => null));
  for (let turn = 0; turn < 20; turn += 1) await delay(10); // each turn sends on new connections, however late they come
  const before = postgres.sql('SELECT max(seq) FROM seats.journal', 'seats');
  owner.child.mayEnd = true;
  owner.resume();
  const answers = (await Promise.all(asked)).filter((answer) => answer !== null);
  t.diagnostic(JSON.stringify(answers.map((answer) => [answer.status, answer.json.code])));
  for (const answer of answers) {
    const learned = answer.json?.code === 'another-owner'; // before it read this one
    assertProblem(answer, 503, learned ? 'another-owner' : 'journal-unavailable');
  }
  assert.ok(answers.length > 0);
  await owner.child.ends();
  assert.equal(owner.child.exit.code, 1, 'it ends, to be started again as a standby');
  assert.equal(postgres.sql('SELECT max(seq) FROM seats.journal', 'seats'), before);
  assert.equal((await checkout.read(hold)).json.state, 'sold');
  assert.equal((await there.read(mine)).status, 200);
});

test('PostgreSQL down at start: it waits and says so; down later: reads go on, writes are 503', async (t) => {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  await postgres.stop();
  const seats = await openSeats(scope, postgres, { ready: false });
  await until('readyz to say why', async () => {
    const answer = await seats.private.get('/readyz');
    return answer.status === 503 && answer.text.includes('postgres-unreachable');
  });
  await postgres.start();
  await seats.untilReady();
  await importHall(seats, EVENT, hall());
  const buyer = visitor(seats, EVENT);
  const { hold } = (await buyer.hold({ seats: ['r1s1', 'r1s2'] })).json;

  await postgres.stop();
  assert.equal((await buyer.availability()).status, 200);
  assert.equal((await buyer.plan()).status, 200);
  assert.equal((await buyer.info()).status, 200);
  assert.equal((await buyer.read(hold)).status, 200);
  // Refused, or open if it was sent before the loss was noticed: the key is good for both.
  const refused = await buyer.hold({ seats: ['r2s1', 'r2s2'] }, 'while-down');
  assert.equal(refused.status, 503, refused.text);
  assert.ok(Number(refused.headers['retry-after']) > 0);

  await postgres.start();
  await untilOwner(seats);
  const held = await until('the key to be settled', async () => {
    const again = await buyer.hold({ seats: ['r2s1', 'r2s2'] }, 'while-down');
    return again.json.code !== 'request-in-progress' && again.status !== 503 && again;
  });
  assert.equal(held.status, 201, 'what was refused was not taken');
  assert.equal((await buyer.release(hold)).status, 204);
});

test('how many were refused is counted, and the next life goes on with the sum', async (t) => {
  const { postgres, seats } = await openSite(t);
  const boss = operator(seats, EVENT);
  const buyer = visitor(seats, EVENT);
  const { hold } = (await buyer.hold({ seats: ['r3s1', 'r3s2'] })).json;
  const errors = async () => (await boss.counts()).json.now.errors;
  const refuse = async () => {
    postgres.sql(`ALTER ROLE ${ROLE} CONNECTION LIMIT 0`);
    postgres.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${ROLE}'`);
    await until('the loss to be noticed', async () => (await roleOf(seats)) === 'cut');
    await until('it to say that another may own', async () => (await seats.private.get('/readyz')).status === 503);
    for (const read of [buyer.info(), buyer.read(hold)]) assert.equal((await read).status, 200, 'reads go on');
    const before = await errors();
    for (let i = 0; i < 3; i += 1) assert.equal((await buyer.hold({ seats: ['r1s1', 'r1s2'] })).status, 503);
    assert.equal(await errors(), before + 3);
    postgres.sql(`ALTER ROLE ${ROLE} CONNECTION LIMIT -1`);
    await untilOwner(seats);
    return before + 3;
  };
  const kept = () => Number(postgres.sql('SELECT coalesce(max(errors), 0) FROM seats.counted', 'seats'));
  const first = await refuse();
  await until('that to be written', () => kept() >= first, { timeoutMs: 60_000 });
  await seats.kill();
  await seats.start();
  await untilOwner(seats);
  await until('the sum to be read', async () => (await errors()) >= first);
  assert.ok((await refuse()) >= first + 3);
});

test('it ends when asked to, also with a change whose outcome is open', async (t) => {
  const { postgres, seats } = await openSite(t, { config: { http: { drain_timeout: '1s' } } });
  const buyer = visitor(seats, EVENT);
  assert.equal((await buyer.hold({ seats: ['r1s1', 'r1s2'] })).status, 201);
  for (const pid of postgres.backendPids()) process.kill(pid, 'SIGSTOP');
  const open = buyer.hold({ seats: ['r2s1', 'r2s2'] }).catch(() => 'cut');
  await delay(100);
  await seats.stop();
  for (const pid of postgres.backendPids()) process.kill(pid, 'SIGCONT');
  await open;
  await seats.start();
  assert.equal((await buyer.hold({ seats: ['r1s1', 'r1s2'] })).status, 409);
});

test('an unknown outcome is reported as unknown, and the key finds the outcome later', async (t) => {
  const { postgres, seats } = await openSite(t);
  const buyer = visitor(seats, EVENT);
  const signal = (name) => postgres.backendPids().forEach((pid) => process.kill(pid, name));
  const sent = async () => (await seats.metrics()).get('fairgate_journal_batch_count');
  let row = 0;
  // The journal may be reading when the server is paused: then the change was not sent yet.
  const { hold, asked, turnedAway } = await until('a change that was sent and stays open', async () => {
    row += 1;
    const wanted = { seats: [`r${row}s1`, `r${row}s2`] };
    const hold = () => buyer.hold(wanted, `patience-${row}`);
    const before = await sent();
    signal('SIGSTOP');
    const asked = [hold(), hold()];
    const turnedAway = await Promise.race(asked.map(async (answer, which) => ({ answer: await answer, which })));
    const open = await until('the sending', async () => (await sent()) > before, { timeoutMs: 1000 }).catch(() => false);
    if (!open) signal('SIGCONT');
    return open && { hold, asked, turnedAway };
  }, { timeoutMs: 60_000 });
  assertProblem(turnedAway.answer, 409, 'request-in-progress');
  await postgres.kill();
  const reply = await asked[1 - turnedAway.which];
  assertProblem(reply, 503, 'outcome-unknown');
  assert.ok(Number(reply.headers['retry-after']) > 0);
  await postgres.start();
  await untilOwner(seats);
  const settled = await until('the key to be settled', async () => {
    const again = await hold();
    return again.status !== 409 && again.status !== 503 && again;
  });
  assert.equal(settled.status, 201, settled.text);
  assert.deepEqual(settled.json.seats, [`r${row}s1`, `r${row}s2`]);
  assert.equal((await buyer.hold({ seats: [`r${row}s1`] })).status, 409, 'held once');
});

test('an idempotency key is known to the next owner', async (t) => {
  const { seats } = await openSite(t);
  const buyer = visitor(seats, EVENT);
  const first = await buyer.hold({ seats: ['r1s1', 'r1s2'] }, 'key-of-mine');
  const changed = await buyer.hold({ seats: ['r2s1'] });
  assert.equal((await buyer.change(changed.json.hold, { add: ['r2s2'] }, 'key-of-change')).status, 200);
  const back = await buyer.hold({ seats: ['r3s1'] });
  assert.equal((await buyer.release(back.json.hold, 'key-of-release')).status, 204);
  await seats.kill();
  await seats.start();
  const again = await buyer.hold({ seats: ['r1s1', 'r1s2'] }, 'key-of-mine');
  assert.equal(again.status, 201);
  assert.equal(again.json.hold, first.json.hold);
  assert.deepEqual(again.json.seats, first.json.seats);
  assert.equal((await buyer.hold({ seats: ['r1s3', 'r1s4'] }, 'key-of-mine')).status, 422);
  const twice = await buyer.change(changed.json.hold, { add: ['r2s2'] }, 'key-of-change');
  assert.equal(twice.status, 200, twice.text);
  assert.deepEqual(twice.json.seats, ['r2s1', 'r2s2']);
  assert.equal((await buyer.release(back.json.hold, 'key-of-release')).status, 204);
});

test('an ended session stays ended, and counts over time go on under the next owner', async (t) => {
  const { scope, postgres, seats: owner } = await openSite(t);
  const standby = await openFollower(scope, postgres, owner);
  const session = 'session-of-eve';
  const points = async (service) => (await operator(service, EVENT).counts()).json.points;
  await until('a point to be kept', () => postgres.sql('SELECT count(*) FROM seats.counted', 'seats') !== '0');
  const [first] = await points(owner);
  assert.equal(first[1], SEATS);
  assert.equal((await visitor(owner, EVENT, { session }).info()).status, 200);
  assert.equal((await saga(owner, EVENT).endSession(session)).status, 204);

  const isAsBefore = async (service) => {
    assertProblem(await visitor(service, EVENT, { session }).info(), 401, 'pass-ended');
    await until('the first point to be there', async () =>
      (await points(service)).some((point) => JSON.stringify(point) === JSON.stringify(first)));
  };
  await owner.kill();
  await standby.untilReady();
  await isAsBefore(standby);
  await standby.kill();
  await owner.start();
  await isAsBefore(owner);
});

test('a session that cannot be kept as ended is shut out all the same, and said to be unsure', async (t) => {
  const { postgres, seats } = await openSite(t);
  const session = 'session-of-eve';
  await postgres.stop();
  assertProblem(await saga(seats, EVENT).endSession(session), 503, 'journal-unavailable');
  assertProblem(await visitor(seats, EVENT, { session }).info(), 401, 'pass-ended');
  await postgres.start();
  await until('it to be kept', async () => (await saga(seats, EVENT).endSession(session)).status === 204);
});

test('replay names the row where a chain was broken', async (t) => {
  const { postgres, seats } = await openSite(t);
  const buyer = visitor(seats, EVENT);
  for (const row of [1, 2]) assert.equal((await buyer.hold({ seats: [`r${row}s1`, `r${row}s2`] })).status, 201);
  const replay = (...args) => runProgram('seat-service', ['replay', '--config', seats.configPath, ...args]);
  assert.equal(replay().status, 0);
  assert.equal(replay('--event', 'nowhere').status, 1);
  assert.equal(replay('--nonsense').status, 2);

  tamper(postgres, "UPDATE seats.journal SET at = at + interval '1 second' WHERE seq = 3");
  const broken = replay();
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /the chain breaks at row 3/);
});

test('snapshots are made by replay, and a restart begins with the newest', async (t) => {
  const rng = seededRng(t);
  const { postgres, seats } = await openSite(t, { config: { journal: { snapshot_every: 100 } } });
  const ledger = new Ledger(seats, EVENT, rng);
  const ask = (what) => Number(postgres.sql(`SELECT ${what}`, 'seats'));
  const changes = () => ask('max(seq) FROM seats.journal');
  // The auditor pauses in a rush, so wait for each snapshot in the quiet after one.
  for (const snapshots of [1, 2]) {
    const before = changes();
    ledger.start(16);
    await until('some hundreds of changes', () => changes() >= before + 300, { timeoutMs: 60_000 });
    await ledger.stop();
    await until(`${snapshots} snapshots`, () => ask('count(*) FROM seats.snapshot') >= snapshots, { timeoutMs: 60_000 });
  }
  await seats.kill();
  await seats.start();
  t.diagnostic(JSON.stringify(await ledger.judge(seats, SEATS)));
  await until('the table of holds to follow', () => {
    const open = postgres.sql("SELECT count(*) FROM seats.holds WHERE state = 'open'", 'seats');
    return Number(open) >= ledger.held.size;
  }, { timeoutMs: 60_000 });
});
