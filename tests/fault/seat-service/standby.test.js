// A standby shows public data as fresh as its last read of the journal, under the owner's versions; and it refuses as
// soon as it cannot know the newest state.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, openRaw, openScope, seededRng, until } from '../../lib-js/index.js';
import { follow, hall, importHall, openAnother, openPostgres, openSeats, openWired, saga, states, tamper, visitor } from '../../integration/seat-service/site.js';
import { applyChanges, markOf, readPicture, sinceOf } from '../../../web/plan.js';
import { Ledger } from './ledger.js';

const EVENT = 'shown-night';
const ROWS = 10;
const SEATS = ROWS * 10;
const OCTETS = { accept: 'application/octet-stream' };

const readiness = async (service) => (await service.private.get('/readyz')).json;
const written = (postgres) => Number(postgres.sql('SELECT max(seq) FROM seats.journal', 'seats'));
const markIn = (answer) => markOf(answer.headers.etag);
const versionIn = (answer) => markIn(answer).version;

// An owner and its standby, which connects to PostgreSQL through a wire if `wired`.
async function openPair(t, { loops = 1, wired = false, area = 0 } = {}) {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  const config = { http: { loops } };
  const owner = await openSeats(scope, postgres, { config });
  await importHall(owner, EVENT, hall({ rows: ROWS, seatsPerRow: 10, area, limits: { orphan_rule: false } }));
  const near = wired ? await openWired(scope, postgres) : postgres;
  const standby = await openAnother(scope, near, owner, { config });
  if (wired) scope.defer(() => near.wire.heal()); // otherwise it could not end
  await until('the standby to show the hall', async () => {
    const { role, shows } = await readiness(standby);
    return role === 'standby' && shows === true;
  });
  return { scope, postgres, owner, standby, wire: near.wire };
}

// A standby's response; repeated while it refuses because it is behind, which happens on a busy machine.
async function shown(ask) {
  return until('the standby to be up to date', async () => {
    const answer = await ask();
    if (answer.status === 503) assertProblem(answer, 503, 'standby-behind');
    return answer.status !== 503 && answer;
  });
}

async function untilVersion(who, version) {
  return until(`version ${version} to be shown`, async () => {
    const answer = await shown(() => who.availability('', OCTETS));
    assert.equal(answer.status, 200, answer.text);
    return versionIn(answer) >= version && answer;
  });
}

test('a hold that was answered is shown by the standby, under the version that it has at the owner', async (t) => {
  const { postgres, owner, standby } = await openPair(t, { area: 20 });
  const [here, there] = [visitor(owner, EVENT), visitor(standby, EVENT)];
  const { hold } = (await here.hold({ seats: ['r1s1', 'r1s2'] })).json;
  assert.equal((await here.hold({ area: 'floor', quantity: 3 })).status, 201);
  const checkout = saga(owner, EVENT);
  assert.equal((await checkout.extend(hold, 'order-1')).status, 200);
  assert.equal((await checkout.confirm(hold, 'order-1')).status, 200);
  const seq = written(postgres);
  const [first, second] = [await untilVersion(here, seq), await untilVersion(there, seq)];
  assert.deepEqual([versionIn(first), versionIn(second)], [seq, seq], 'the number of the last change');
  assert.deepEqual(states(second.body, SEATS).slice(0, 3), ['sold', 'sold', 'free']);
  assert.deepEqual(first.body, second.body);
  assert.equal(first.headers.etag, second.headers.etag);
  assert.equal((await shown(() => there.availability('', { ...OCTETS, 'if-none-match': first.headers.etag }))).status, 304);
  const [mine, theirs] = [(await here.info()).json, (await shown(() => there.info())).json];
  assert.deepEqual([theirs.version, theirs.categories, theirs.areas], [mine.version, mine.categories, mine.areas]);
  assert.deepEqual((await shown(() => there.plan())).json, (await here.plan()).json);
  const since = (await shown(() => there.availability(`?since=${1}`))).json;
  assert.deepEqual([since.resync, since.sold, since.version, since.areas], [false, [0, 1], seq, [{ id: 'floor', free: 17 }]]);
});

test('a standby changes nothing, and tells nobody what they hold', async (t) => {
  const { owner, standby } = await openPair(t);
  const session = 'somebody';
  const [here, there] = [visitor(owner, EVENT, { session }), visitor(standby, EVENT, { session })];
  const { hold } = (await here.hold({ seats: ['r1s1'] })).json;
  const refused = [there.hold({ seats: ['r2s1'] }), there.read(hold), there.alternatives(hold), there.change(hold, { add: ['r1s2'] }), there.release(hold), there.propose({ quantity: 2 }), there.code('no')];
  for (const answer of await Promise.all(refused)) {
    assertProblem(answer, 503, 'standby');
    assert.equal(answer.headers['retry-after'], '1');
  }
  assertProblem(await standby.http.get(`/v1/seats/${EVENT}/availability`), 401, 'pass-missing');
  assertProblem(await standby.admin.get(`/admin/events/${EVENT}/availability`), 503, 'standby');
});

// The request begins before a read of the journal, as when the process was busy or the request came in pieces.
test('a request that began before a read of the journal, and names a later version, waits for the next read', async (t) => {
  const { postgres, owner, standby, wire } = await openPair(t, { wired: true });
  const [here, there] = [visitor(owner, EVENT), visitor(standby, EVENT)];
  const plan = { n: SEATS, state: new Uint8Array(SEATS), version: 0 };
  const first = await untilVersion(there, written(postgres));
  readPicture(plan, first.body, markIn(first));
  const raw = await openRaw({ port: standby.port });
  await raw.send('G');
  assert.equal((await here.hold({ seats: ['r6s1'] })).status, 201);
  plan.version = written(postgres);
  await untilVersion(there, plan.version); // by a read that began after the request
  wire.fault('hold');
  assert.equal((await here.hold({ seats: ['r6s2'] })).status, 201);
  plan.version = written(postgres);
  await raw.send(`ET /v1/seats/${EVENT}/availability?since=${sinceOf(plan)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${there.token}\r\n\r\n`);
  wire.heal();
  const [answer] = await raw.answersOf(1);
  raw.destroy();
  if (answer.status === 503) assert.match(answer.body.toString(), /standby-behind/);
  else assert.equal(JSON.parse(answer.body.toString()).resync, false);
});

test('a standby shows nothing of a restored journal, and its readers start over, also after a takeover', async (t) => {
  const { postgres, owner, standby } = await openPair(t);
  const [here, there] = [visitor(owner, EVENT), visitor(standby, EVENT)];
  assert.equal((await here.hold({ seats: ['r7s1'] })).status, 201);
  const kept = written(postgres);
  assert.equal((await here.hold({ seats: ['r7s2'] })).status, 201);
  const lost = written(postgres);
  assert.equal(lost, kept + 1);
  const plan = { n: SEATS, state: new Uint8Array(SEATS), version: 0 };
  const before = await untilVersion(there, lost);
  assert.deepEqual(states(before.body, SEATS).slice(60, 62), ['held', 'held']);
  readPicture(plan, before.body, markIn(before));
  tamper(postgres, `DELETE FROM seats.journal WHERE seq > ${kept}`); // as a restore to that moment does
  const answer = await until('the standby to have read it anew', async () => {
    const now = await there.availability('', OCTETS);
    return now.status === 200 && versionIn(now) === kept && now;
  });
  assert.deepEqual(states(answer.body, SEATS).slice(60, 62), ['held', 'free']);
  const { resync, version } = (await shown(() => there.availability(`?since=${lost}`))).json;
  assert.deepEqual([resync, version], [true, kept]);

  await owner.kill();
  await standby.untilReady();
  for (const seat of ['r8s1', 'r8s2']) assert.equal((await there.hold({ seats: [seat] })).status, 201);
  const whole = await untilVersion(there, kept + 2);
  const news = (await there.availability(`?since=${sinceOf(plan)}`)).json;
  assert.deepEqual([news.resync, news.version], [true, kept + 2]);
  const { event, id } = await (await follow(there, `?since=${sinceOf(plan)}`)).find('the first word', () => true);
  assert.equal(event, 'resync');
  readPicture(plan, whole.body, markIn(whole));
  assert.equal(id, sinceOf(plan));
  assert.deepEqual(states(whole.body, SEATS).slice(60, 62), ['held', 'free'], 'what was lost is not there');
  assert.equal((await there.availability(`?since=${sinceOf(plan)}`)).json.resync, false);
});

test('a reader from before a takeover gets the changes, and no other reader starts over', async (t) => {
  const { owner, standby } = await openPair(t);
  const there = visitor(standby, EVENT);
  const known = markIn(await shown(() => there.availability('', OCTETS)));
  await owner.kill();
  await standby.untilReady();
  assert.equal((await there.hold({ seats: ['r2s1'] })).status, 201);
  const { line } = markIn(await untilVersion(there, known.version + 1));
  assert.notEqual(line, known.line, 'the owner now has a line of its own');
  const { resync, held } = (await there.availability(`?since=${sinceOf(known)}`)).json;
  assert.deepEqual([resync, held], [false, [10]]);
  const beyond = sinceOf({ version: known.version + 1, line: known.line });
  assert.equal((await there.availability(`?since=${beyond}`)).json.resync, true, 'a version of the other branch');
});

test('a standby sees that a journal was put back, though it is as long as it was', async (t) => {
  const { postgres, owner, standby } = await openPair(t);
  assert.equal((await visitor(owner, EVENT).hold({ seats: ['r7s1'] })).status, 201);
  await untilVersion(visitor(standby, EVENT), written(postgres));
  tamper(postgres, `UPDATE seats.journal SET chain = sha256(chain) WHERE seq = ${written(postgres)};
    UPDATE seats.owner SET line = 7, line_before = 6`);
  await until('the standby to have seen it', async () => standby.child.logLines().some(({ msg, reason }) => msg === 'an event is out' && /was put back/.test(reason)));
});

test('a stream of a standby goes on as the owner\'s when the owner is killed', async (t) => {
  const { owner, standby } = await openPair(t);
  const there = visitor(standby, EVENT);
  const { body, headers } = await shown(() => there.availability('', OCTETS));
  const plan = { n: SEATS, state: new Uint8Array(SEATS), version: 0 };
  readPicture(plan, body, markOf(headers.etag));
  const stream = await follow(there, `?since=${sinceOf(plan)}`);
  const untilHeld = (seat) => stream.find(`seat ${seat} to be held`, ({ json }) => json.held?.includes(seat));
  assert.equal((await visitor(owner, EVENT).hold({ seats: ['r1s3'] })).status, 201);
  await untilHeld(2);
  await owner.kill();
  await standby.untilReady();
  assert.equal((await there.hold({ seats: ['r1s6'] })).status, 201);
  await untilHeld(5);
  assert.equal(stream.ended, false);
  for (const { event, json } of stream.events) {
    assert.equal(event, 'seats', 'never a word to start over');
    assert.ok(json.since <= plan.version, `from ${json.since} on, having ${plan.version}`);
    assert.ok(json.version >= plan.version, 'no version is lower than the one before');
    applyChanges(plan, json);
  }
  const now = await untilVersion(there, plan.version);
  assert.deepEqual([...plan.state].map((state) => ['free', 'held', 'sold', 'blocked'][state]), states(now.body, SEATS));
  stream.close();
});

test('a standby that cannot read the journal refuses, and shows nothing old when it is back', async (t) => {
  const { postgres, owner, standby, wire } = await openPair(t, { wired: true });
  const [here, there] = [visitor(owner, EVENT), visitor(standby, EVENT)];
  wire.fault('hold');
  assert.equal((await here.hold({ seats: ['r3s1'] })).status, 201);
  const seq = written(postgres);
  // A response from before the wire was held may still be fresh: then it is the earlier picture, under its version.
  const refused = await until('the standby to refuse', async () => {
    const answer = await there.availability('', OCTETS);
    if (answer.status === 200) assert.ok(versionIn(answer) < seq);
    return answer.status !== 200 && answer;
  });
  assertProblem(refused, 503, 'standby-behind');
  assert.equal(refused.headers['retry-after'], '1');
  assert.equal((await readiness(standby)).shows, false);
  assert.ok((await standby.metrics()).get('fairgate_seats_behind_ms') > 0);
  assert.equal((await there.hold({ seats: ['r4s1'] })).status, 503);
  wire.heal();
  const answer = await untilVersion(there, seq);
  assert.equal(states(answer.body, SEATS)[20], 'held');
});

test('a standby that was stopped shows nothing old when it wakes up', async (t) => {
  const { postgres, owner, standby } = await openPair(t);
  const [here, there] = [visitor(owner, EVENT), visitor(standby, EVENT)];
  await shown(() => there.info());
  standby.pause();
  const before = Date.now();
  for (let n = 1; n <= 5; n += 1) assert.equal((await here.hold({ seats: [`r5s${n}`] })).status, 201);
  await until('longer than a picture may be old', () => Date.now() - before > 500);
  const seq = written(postgres);
  const asked = Array.from({ length: 20 }, () => there.availability('', OCTETS));
  standby.resume();
  for (const answer of await Promise.all(asked)) {
    if (answer.status === 200) assert.ok(versionIn(answer) >= seq, 'the first answer is a fresh one');
    else assertProblem(answer, 503, 'standby-behind');
  }
  await untilVersion(there, seq);
});

// The journal has a commit before PostgreSQL's response reaches the owner, and a standby may be the first to show it.
test('who has seen a commit before its owner is not sent back by the owner', async (t) => {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  // Hold back only responses to commits: an owner that waits for any other response commits nothing.
  let awaits = false;
  const near = await openWired(scope, postgres, {
    onBytes: (bytes, way) => {
      if (awaits && way === 'there' && bytes.includes('append_plain')) near.wire.fault('hold', { way: 'back' });
      return true;
    },
  });
  const { wire } = near;
  const owner = await openSeats(scope, near);
  scope.defer(() => wire.heal()); // otherwise it could not end
  await importHall(owner, EVENT, hall({ rows: ROWS, seatsPerRow: 10 }));
  const reader = visitor(owner, EVENT);
  const { version, line } = markIn(await untilVersion(reader, 1));
  awaits = true;
  const answer = reader.hold({ seats: ['r1s1', 'r1s2'] });
  await until('a commit that the owner has no answer to', () => written(postgres) > version);
  const news = await reader.availability(`?since=${sinceOf({ version: version + 1, line })}`);
  awaits = false;
  wire.heal();
  assert.deepEqual([news.status, news.json.resync], [200, false], news.text);
  await answer;
});

// A reader who alternates between processes, as an edge routes, and keeps a picture from the responses.
class Reader {
  constructor(rng, voices) {
    Object.assign(this, { rng, voices, plan: { n: SEATS, state: new Uint8Array(SEATS), version: 0 }, moved: 0 });
  }

  get voice() { return this.voices[Math.floor(this.rng.unit() * this.voices.length)]; }

  async read() {
    const { plan } = this;
    const news = await this.voice.availability(`?since=${sinceOf(plan)}`).catch(() => null);
    if (news?.status !== 200) return;
    const changes = news.json;
    if (!changes.resync) {
      if (changes.version <= plan.version) return;
      applyChanges(plan, changes);
      this.moved += 1;
      return;
    }
    const whole = await this.voice.availability('', OCTETS).catch(() => null);
    if (whole?.status !== 200 || versionIn(whole) < changes.version) return;
    assert.ok(versionIn(whole) >= plan.version, `${versionIn(whole)} after ${plan.version}`);
    readPicture(plan, whole.body, markIn(whole));
  }
}

test('readers who are sent here and there see what is there, and never go back, though the owner is killed under load', async (t) => {
  const rng = seededRng(t);
  const { postgres, owner, standby } = await openPair(t, { loops: 2 });
  const voices = [visitor(owner, EVENT), visitor(standby, EVENT)];
  const readers = Array.from({ length: 8 }, () => new Reader(rng, voices));
  let reading = true;
  t.after(() => { reading = false; });
  const work = readers.map(async (reader) => { while (reading) await reader.read(); });
  const ledger = new Ledger(owner, EVENT, rng);
  ledger.start(8);
  await until('all of them to have seen much', () => ledger.answers.get(201) > 100 && readers.every(({ moved }) => moved > 10));
  await owner.kill();
  await standby.untilReady();
  await ledger.stop();
  const seq = written(postgres);
  await until('all of them to be there', () => readers.every(({ plan }) => plan.version >= seq));
  reading = false;
  await Promise.all(work);
  const now = await untilVersion(visitor(standby, EVENT), written(postgres));
  for (const reader of readers) { // the last delta has what has expired since
    const { json } = await visitor(standby, EVENT).availability(`?since=${sinceOf(reader.plan)}`);
    assert.equal(json.resync, false);
    if (json.version > reader.plan.version) applyChanges(reader.plan, json);
    assert.deepEqual([...reader.plan.state].map((state) => ['free', 'held', 'sold', 'blocked'][state]), states(now.body, SEATS));
  }
});
