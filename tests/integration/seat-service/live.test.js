// The hall's page and its stream (seat-service/web/live.js): in any order of deltas, pictures and disconnects, the page
// shows the server's state, and no delta is applied over a gap.

import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRng } from '../../lib-js/index.js';
import { applyChanges, readPicture } from '../../../web/plan.js';
import { Live } from '../../../seat-service/web/live.js';

const SEATS = 8;

// A server that keeps all pictures: pictures[v] is version v.
class Hall {
  constructor() {
    this.pictures = [new Uint8Array(SEATS)];
  }

  get version() { return this.pictures.length - 1; }

  // A failover that loses everything after `version`.
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
    // As the service does: each seat that changed after `since`, even if it is back to its old state.
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
  const asked = []; // pictures in transit
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
const shows = (page, hall) => assert.deepEqual([...page.plan.state], [...hall.pictures.at(-1)]);

// Rows of a name and statements; each begins with a page of an empty hall:
//
//   sell 1=2 2=1          a seat's state, one change after another
//   keep old              what the hall shows now
//   fails 1               a failover: what came behind version 1 is lost
//   open                  a page of what the hall shows now
//   take 1 a              the delta since version 1, of line a; `take last a`: of the last change
//   renew 1 b             the stream says that the page has to begin anew, from version 1 of line b
//   comes 0 old in a      the first picture that was asked for comes: the kept one (else the present one), of line a
//   cut 0                 it does not come
//   delayed 1; again      so many tries wait for a moment; it has passed
//   asked 1; is line=b    how many pictures were asked for; what is known of the one shown
//   shows old             the page shows that (else what the hall does)
const VERBS = {
  sell: ({ hall }, ...seats) => seats.map((seat) => seat.split('=').map(Number)).forEach(([seat, state]) => hall.sell(seat, state)),
  keep: ({ hall, kept }, name) => { kept[name] = { picture: hall.octets(), states: hall.pictures.at(-1) }; },
  fails: (row, version) => { row.hall = row.hall.failedOver(Number(version)); },
  open: (row) => { row.page = openPage(row.hall); },
  take: ({ hall, page }, since, line) => page.live.take({ ...hall.delta(since === 'last' ? hall.version - 1 : Number(since)), ...(line && { line }) }),
  renew: ({ page }, version, line) => { page.live.renew(version && Number(version), line); },
  async comes({ hall, page, kept }, nth, ...which) {
    const picture = kept[which[0]]?.picture ?? hall.octets();
    page.asked[nth].resolve(which.includes('in') ? ofLine(which.at(-1), picture) : picture);
    await settled();
  },
  async cut({ page }, nth) {
    page.asked[nth].reject(new Error('cut'));
    await settled();
  },
  delayed: ({ page }, count) => assert.equal(page.again.length, Number(count)),
  again: ({ page }) => page.again.splice(0).forEach((work) => work()),
  asked: ({ page }, count) => assert.equal(page.asked.length, Number(count)),
  is: ({ page }, ...fields) => fields.map((field) => field.split('=')).forEach(([name, value]) => assert.equal(String(page.plan[name]), value)),
  shows: ({ hall, page, kept }, name) => (name ? assert.deepEqual([...page.plan.state], [...kept[name].states]) : shows(page, hall)),
};

// A hall that went back to its first change, and continues in branch b; three changes were sent in branch a.
const PUT_BACK = 'sell 0=2; keep restored; sell 1=2 2=2';
const RESTORED = 'delayed 1; again; comes 1 restored in b; shows restored; is version=1 line=b';
// A page that got three changes in branch a, the last two of which a failover loses; branch b continues there.
const SHOWN = 'sell 0=2 1=2 2=2; take 0 a; keep before';
const FAILED = `${SHOWN}; fails 1; sell 5=1`;

for (const [name, text] of [
  ['a delta that begins behind what is shown is not laid over the gap: the picture is read again',
    'sell 1=2 2=1; take 1; asked 1; comes 0; shows'],
  ['deltas that come while a picture is on its way are applied to it',
    'sell 0=1; renew; keep old; sell 3=2; take 1; sell 4=2; take 2; comes 0 old; asked 1; shows'],
  ['deltas older than the picture do not take it back', 'sell 0=1; renew; take 0; sell 0=0; comes 0; shows'],
  ['a picture that did not come is asked for again, one at a time, and nothing is believed until then',
    'sell 0=1; renew; cut 0; sell 1=1; take 1; asked 2; again; asked 2; comes 1; shows'],
  ['a picture of a process that is behind is not shown, and asked for again a moment later',
    'keep old; sell 0=1 1=1; take 1; comes 0 old; delayed 1; again; comes 1; shows'],
  ['a page whose journal has lost its end is shown what is left of it',
    'sell 0=1; keep left; sell 1=1; open; renew 1; comes 0 left; shows left'],
  ['a picture of another line than the one told is not shown, however late its version',
    `${PUT_BACK}; renew 1 b; comes 0 in a; ${RESTORED}`],
  ['a picture on its way is judged by the newest line, and older deltas are not applied to it',
    `${PUT_BACK}; renew 2 a; take 1 a; renew 1 b; asked 1; comes 0 in a; ${RESTORED}`],
  ['a delta of another line is laid on what it goes on from',
    `${SHOWN}; fails 3; sell 4=1; take 3 b; asked 0; is version=4 line=b; shows`],
  ...['', '; sell 6=2 7=2'].map((more) => [
    `... and on nothing else: what is shown may be lost, whatever its number; ${more ? 'it begins' : 'the delta ends'} within it`,
    `${FAILED}${more}; take 1 b; asked 1; comes 0 in b; shows; sell 3=1; take last b; asked 1; shows`]),
  ['a picture that is on its way has to be of the line that a delta tells meanwhile',
    `${FAILED}; renew 3 a; take 1 b; comes 0 before in a; delayed 1; again; comes 1 in b; shows`],
  ['a page does not wait for a line that is over: a line seen twice is the present one',
    `${FAILED}; renew 1 b; take 1 b; fails 1; sell 7=2; comes 0 in c; again; comes 1 in c; again; asked 2; is line=c; shows`],
  ['a delayed try is dropped if a picture has come meanwhile',
    'sell 0=2; renew 1 a; cut 0; renew 1 b; comes 1 in b; delayed 1; again; asked 2; shows'],
  ['a picture of a program that names no line is judged by its version', 'sell 0=2; renew 1 b; comes 0; shows'],
  ['what a line lost is not what a later one goes on from, though their versions meet', `
    sell 0=1; take 0 one; sell 1=1 2=1; keep lost; fails 1; renew 1 two; comes 0 lost in one; again; comes 1 lost in one; again
    sell 3=2 4=2 5=2; take 3 two; asked 3; comes 2 in two; shows`],
]) {
  test(name, async () => {
    const hall = new Hall();
    const row = { hall, page: openPage(hall), kept: {} };
    for (const statement of text.split(/[;\n]/).map((one) => one.trim()).filter(Boolean)) {
      const [verb, ...words] = statement.split(' ');
      await VERBS[verb](row, ...words);
    }
  });
}

test('the page converges to the hall\'s state despite lost, late or doubled deltas', async (t) => {
  const rng = seededRng(t);
  for (let round = 0; round < 300; round += 1) {
    let hall = new Hall();
    let before = hall; // of the previous branch, which a lagging process still sends
    let line = 0;
    const page = openPage(hall);
    const picture = (of, version) => ofLine(`line ${of === hall ? line : line - 1}`, of.octets(version));
    let sentVersion = 0; // the version that the stream has sent
    let goesOn = true; // whether it continues the branch that it has sent
    const deltaOf = (since) => ({ ...hall.delta(since), line: `line ${line}` });
    const waiting = [];
    for (let step = 0; step < 40; step += 1) {
      const dice = rng.unit();
      if (dice < 0.4) hall.sell(Math.floor(rng.unit() * SEATS), Math.floor(rng.unit() * 4));
      else if (dice < 0.7 && hall.version > sentVersion) {
        const delta = deltaOf(sentVersion);
        sentVersion = hall.version;
        if (!goesOn || rng.unit() > 0.15) page.live.take(delta); // otherwise lost
        if (rng.unit() < 0.1) page.live.take(delta);
        goesOn = true;
      } else if (dice < 0.75) {
        sentVersion = hall.version;
        page.live.renew(sentVersion, `line ${line}`);
      } else if (dice < 0.8) {
        before = hall;
        hall = before.failedOver(Math.max(0, before.version - Math.floor(rng.unit() * 3)));
        line += 1;
        goesOn = sentVersion > hall.version; // otherwise the process has to read it again
        if (goesOn) page.live.renew(sentVersion = hall.version, `line ${line}`);
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
    page.live.take(deltaOf(goesOn ? Math.max(sentVersion, hall.version - 1) : sentVersion));
    for (let n = 0; n < 5; n += 1) {
      while (page.asked.length > 0) page.asked.shift().resolve(picture(hall));
      await settled();
      for (const work of page.again.splice(0)) work();
    }
    shows(page, hall);
  }
});
