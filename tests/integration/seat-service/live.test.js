// The hall's page and its stream (seat-service/web/live.js): whatever order deltas, pictures and breaks
// come in, what is shown is what the server has, and nothing is laid over a gap.

import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRng } from '../../lib-js/index.js';
import { applyChanges, readPicture } from '../../../web/plan.js';
import { Live } from '../../../seat-service/web/live.js';

const SEATS = 8;

// A server whose pictures are all kept: version v is what pictures[v] says.
class Hall {
  constructor() {
    this.pictures = [new Uint8Array(SEATS)];
  }

  get version() { return this.pictures.length - 1; }

  // As a failover leaves it that loses what came behind `version`.
  failedOver(version) {
    const other = new Hall();
    other.pictures = this.pictures.slice(0, version + 1);
    return other;
  }

  sell(seat, state) {
    const next = this.pictures.at(-1).slice();
    next[seat] = state;
    this.pictures.push(next);
  }

  delta(since, version = this.version) {
    const changes = { since, version, free: [], held: [], sold: [], blocked: [] };
    const names = ['free', 'held', 'sold', 'blocked'];
    // As the service does: each seat that changed after `since`, also one that is again as it was.
    const changed = (i) => this.pictures.slice(since, version).some((picture, n) => picture[i] !== this.pictures[since + n + 1][i]);
    for (let i = 0; i < SEATS; i++) if (changed(i)) changes[names[this.pictures[version][i]]].push(i);
    return changes;
  }

  octets(version = this.version) {
    const octets = new Uint8Array(SEATS / 4);
    this.pictures[version].forEach((state, i) => { octets[i >> 2] |= state << (i & 3) * 2; });
    return [octets, { version }];
  }
}

function openPage(hall) {
  const plan = { n: SEATS, state: new Uint8Array(SEATS), version: 0 };
  const asked = []; // pictures that are on their way
  const again = [];
  const page = { plan, asked, again, drawn: 0 };
  page.live = new Live(plan, {
    fetchPicture: () => new Promise((resolve, reject) => asked.push({ resolve, reject })),
    read: readPicture,
    apply: applyChanges,
    onChange: () => { page.drawn += 1; },
    later: (work) => again.push(work),
  });
  readPicture(plan, ...hall.octets());
  return page;
}

const ofLine = (line, [octets, mark]) => [octets, { ...mark, line }];
const settled = () => new Promise((resolve) => setImmediate(resolve));
const open = () => {
  const hall = new Hall();
  return { hall, page: openPage(hall) };
};
// The nth picture that was asked for comes.
const arrives = async (page, nth, picture) => {
  page.asked[nth].resolve(picture);
  await settled();
};
const shows = (page, hall) => assert.deepEqual([...page.plan.state], [...hall.pictures.at(-1)]);

test('a delta that begins behind what is shown is not laid over the gap: the picture is read again', async () => {
  const { hall, page } = open();
  hall.sell(1, 2);
  hall.sell(2, 1); // this one's delta alone arrives
  page.live.take(hall.delta(1));
  assert.equal(page.asked.length, 1);
  await arrives(page, 0, hall.octets());
  shows(page, hall);
});

test('deltas that come while a picture is on its way are applied to it', async () => {
  const { hall, page } = open();
  hall.sell(0, 1);
  page.live.renew();
  const old = hall.octets();
  hall.sell(3, 2);
  page.live.take(hall.delta(1));
  hall.sell(4, 2);
  page.live.take(hall.delta(2));
  await arrives(page, 0, old);
  assert.equal(page.asked.length, 1, 'once');
  shows(page, hall);
});

test('deltas older than the picture do not take it back', async () => {
  const { hall, page } = open();
  hall.sell(0, 1);
  page.live.renew();
  page.live.take(hall.delta(0));
  hall.sell(0, 0);
  await arrives(page, 0, hall.octets());
  shows(page, hall);
});

test('a picture that did not come is asked for again, and nothing is believed until then', async () => {
  const { hall, page } = open();
  hall.sell(0, 1);
  page.live.renew();
  page.asked[0].reject(new Error('cut'));
  await settled();
  hall.sell(1, 1);
  page.live.take(hall.delta(1));
  assert.equal(page.asked.length, 2, 'the next word asks');
  page.again.forEach((work) => work());
  assert.equal(page.asked.length, 2, 'one at a time');
  await arrives(page, 1, hall.octets());
  shows(page, hall);
});

test('a picture of a process that is behind is not shown', async () => {
  const { hall, page } = open();
  const old = hall.octets();
  hall.sell(0, 1);
  hall.sell(1, 1);
  page.live.take(hall.delta(1)); // beyond a gap
  await arrives(page, 0, old);
  assert.equal(page.again.length, 1, 'it is asked for again, a moment later');
  page.again[0]();
  await arrives(page, 1, hall.octets());
  shows(page, hall);
});

test('a page whose journal has lost its end is shown what is left of it', async () => {
  const hall = new Hall();
  hall.sell(0, 1);
  const left = hall.octets();
  hall.sell(1, 1);
  const page = openPage(hall);
  page.live.renew(left[1].version); // as the resync says
  await arrives(page, 0, left);
  assert.deepEqual([...page.plan.state], [...hall.pictures[left[1].version]]);
});

// A hall that was put back behind its first change, where it goes on in line b; three changes were sent in line a.
function putBack() {
  const { hall, page } = open();
  hall.sell(0, 2);
  const restored = ofLine('b', hall.octets());
  hall.sell(1, 2);
  hall.sell(2, 2);
  return { hall, page, restored };
}

async function showsRestored(page, hall, restored) {
  page.again[0]();
  await arrives(page, 1, restored);
  assert.deepEqual([[...page.plan.state], page.plan.version, page.plan.line], [[...hall.pictures[1]], 1, 'b']);
}

test('a picture of another line than the one told is not shown, however late its version', async () => {
  const { hall, page, restored } = putBack();
  const before = ofLine('a', hall.octets());
  page.live.renew(1, 'b');
  await arrives(page, 0, before);
  assert.equal(page.again.length, 1, 'somebody who is behind; it is asked for again');
  await showsRestored(page, hall, restored);
});

test('a picture on its way is judged by the newest line, and older deltas are not applied to it', async () => {
  const { hall, page, restored } = putBack();
  page.live.renew(2, 'a');
  page.live.take({ ...hall.delta(1), line: 'a' });
  page.live.renew(1, 'b');
  assert.equal(page.asked.length, 1, 'one at a time');
  await arrives(page, 0, ofLine('a', hall.octets()));
  await showsRestored(page, hall, restored);
});

// A page that was shown three changes in line a, of which a failover loses the last two; line b goes on there.
function failOver() {
  const before = new Hall();
  const page = openPage(before);
  for (const seat of [0, 1, 2]) before.sell(seat, 2);
  page.live.take({ ...before.delta(0), line: 'a' });
  const hall = before.failedOver(1);
  hall.sell(5, 1);
  return { before, hall, page };
}

test('a delta of another line is laid on what it goes on from', async () => {
  const { before, page } = failOver();
  const hall = before.failedOver(3);
  hall.sell(4, 1);
  page.live.take({ ...hall.delta(3), line: 'b' });
  assert.deepEqual([page.asked.length, page.plan.version, page.plan.line], [0, 4, 'b']);
  shows(page, hall);
});

for (const known of [true, false]) {
  test(`... and on nothing else: what is shown may be lost, whatever its number; ${known ? 'the delta ends' : 'it begins'} within it`, async () => {
    const { hall, page } = failOver();
    for (const seat of known ? [] : [6, 7]) hall.sell(seat, 2);
    page.live.take({ ...hall.delta(1), line: 'b' });
    assert.equal(page.asked.length, 1, 'the picture is read again');
    await arrives(page, 0, ofLine('b', hall.octets()));
    shows(page, hall);
    hall.sell(3, 1);
    page.live.take({ ...hall.delta(hall.version - 1), line: 'b' });
    assert.equal(page.asked.length, 1);
    shows(page, hall);
  });
}

test('a picture that is on its way has to be of the line that a delta tells meanwhile', async () => {
  const { before, hall, page } = failOver();
  page.live.renew(3, 'a');
  page.live.take({ ...hall.delta(1), line: 'b' });
  await arrives(page, 0, ofLine('a', before.octets()));
  page.again[0]();
  await arrives(page, 1, ofLine('b', hall.octets()));
  shows(page, hall);
});

test('a page does not wait for a line that is over: a line seen twice is the present one', async () => {
  const { hall, page } = failOver();
  page.live.renew(1, 'b');
  page.live.take({ ...hall.delta(1), line: 'b' });
  const later = hall.failedOver(1);
  later.sell(7, 2);
  for (const nth of [0, 1]) {
    await arrives(page, nth, ofLine('c', later.octets()));
    page.again[nth]?.();
  }
  assert.deepEqual([page.asked.length, page.plan.line], [2, 'c']);
  shows(page, later);
});

test('a delayed try is dropped if a picture has come meanwhile', async () => {
  const { hall, page } = open();
  hall.sell(0, 2);
  page.live.renew(1, 'a');
  page.asked[0].reject(new Error('cut'));
  await settled();
  page.live.renew(1, 'b');
  await arrives(page, 1, ofLine('b', hall.octets()));
  page.again[0]();
  assert.equal(page.asked.length, 2);
  shows(page, hall);
});

test('a picture of a program that names no line is judged by its version', async () => {
  const { hall, page } = open();
  hall.sell(0, 2);
  page.live.renew(1, 'b');
  await arrives(page, 0, hall.octets());
  shows(page, hall);
});

test('what a line lost is not what a later one goes on from, though their versions meet', async () => {
  const { hall, page } = open();
  hall.sell(0, 1);
  page.live.take({ ...hall.delta(0), line: 'one' });
  for (const seat of [1, 2]) hall.sell(seat, 1); // are lost
  const next = hall.failedOver(1);
  page.live.renew(1, 'two');
  for (let n = 0; n < 2; n += 1) { // from somebody who is behind, twice
    page.asked.shift().resolve(ofLine('one', hall.octets()));
    await settled();
    for (const work of page.again.splice(0)) work();
  }
  for (const seat of [3, 4, 5]) next.sell(seat, 2);
  page.live.take({ ...next.delta(3), line: 'two' });
  assert.equal(page.asked.length, 1);
  await arrives(page, 0, ofLine('two', next.octets()));
  shows(page, next);
});

test('whatever is lost, late, doubled or gone with a failover, the page ends up with what is there', async (t) => {
  const rng = seededRng(t);
  for (let round = 0; round < 300; round += 1) {
    let hall = new Hall();
    let before = hall; // of the line before, which somebody who is behind still tells
    let line = 0;
    const page = openPage(hall);
    const picture = (of, version) => ofLine(`line ${of === hall ? line : line - 1}`, of.octets(version));
    let told = 0; // where the stream stands
    let goesOn = true; // in the line that it has told
    const deltaOf = (since) => ({ ...hall.delta(since), line: `line ${line}` });
    const waiting = [];
    for (let step = 0; step < 40; step += 1) {
      const dice = rng.unit();
      if (dice < 0.4) hall.sell(Math.floor(rng.unit() * SEATS), Math.floor(rng.unit() * 4));
      else if (dice < 0.7 && hall.version > told) {
        const delta = deltaOf(told);
        told = hall.version;
        if (!goesOn || rng.unit() > 0.15) page.live.take(delta); // lost otherwise
        if (rng.unit() < 0.1) page.live.take(delta);
        goesOn = true;
      } else if (dice < 0.75) {
        told = hall.version;
        page.live.renew(told, `line ${line}`);
      } else if (dice < 0.8) {
        before = hall;
        hall = before.failedOver(Math.max(0, before.version - Math.floor(rng.unit() * 3)));
        line += 1;
        goesOn = told > hall.version; // else the process has to read it again
        if (goesOn) page.live.renew(told = hall.version, `line ${line}`);
      } else if (page.asked.length > 0) {
        waiting.push(page.asked.shift());
        const { resolve, reject } = waiting.pop();
        const of = rng.unit() < 0.2 ? before : hall;
        if (rng.unit() < 0.2) reject(new Error('cut'));
        else resolve(picture(of, Math.max(0, of.version - Math.floor(rng.unit() * 2))));
        await settled();
      }
    }
    hall.sell(0, (hall.pictures.at(-1)[0] + 1) % 4);
    page.live.take(deltaOf(goesOn ? Math.max(told, hall.version - 1) : told));
    for (let n = 0; n < 5; n += 1) {
      while (page.asked.length > 0) page.asked.shift().resolve(picture(hall));
      await settled();
      for (const work of page.again.splice(0)) work();
    }
    shows(page, hall);
  }
});
