// `queue-front keys`: a rotation of every ring, from the first key to the second, following the program's instructions. Then
// the same while people join, return, enter and stay, on two fronts that reload one after the other. No place is lost and no
// visitor is refused.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertStatus, delay, makeKeyPair, runBeside, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { act, makeEvent, openHouse, startFront, untilState, Visitor } from './support.js';

const DAYS = 10; // longer than any ticket, pass or visit lives
const LANES = [{ id: 'fans', name: 'Fan club', share: 30, invitations: 1000 }];
const FAST = { rate_per_s: 1000, burst: 1000, max_active: 0 };
const STILL = { rate_per_s: 0 };

async function openRings(t, { fronts = 2, keys = {}, loops = 1 } = {}) {
  const shop = openShop();
  const house = await openHouse(t, { fronts: 0 });
  const dir = house.scope.tempDir('rings-');
  const paths = {};
  for (const [ring, name] of [['tickets', 'ticket-keys'], ['identities', 'identity-keys'],
    ['draws', 'draw-keys'], ['passes', 'pass-es256.pem']]) {
    paths[ring] = join(dir, name);
    copyFileSync(house.secrets.path(name), paths[ring]);
    chmodSync(paths[ring], 0o600);
  }
  const config = { http: { loops }, members: { keys: shop.file }, keys: { ...paths, ...keys } };
  for (let i = 0; i < fronts; i += 1) house.fronts.push(await startFront(house, config));
  [house.front] = house.fronts;
  const urls = house.fronts.map(({ privatePort }) => `http://127.0.0.1:${privatePort}`).join(',');
  return Object.assign(house, { shop, paths, config, urls });
}

const keys = (house, ...words) => runBeside('queue-front', ['keys', '--config', house.front.configPath, ...words]);

async function done(house, ...words) {
  const answer = await keys(house, ...words);
  assert.equal(answer.status, 0, `keys ${words.join(' ')}: ${answer.stdout}${answer.stderr}`);
  return answer.stdout;
}

async function refused(house, why, ...words) {
  const before = Object.values(house.paths).map((path) => existsSync(path) && readFileSync(path, 'utf8'));
  const answer = await keys(house, ...words);
  assert.equal(answer.status, 1, `keys ${words.join(' ')}: ${answer.stdout}${answer.stderr}`);
  assert.match(answer.stderr, why);
  const after = Object.values(house.paths).map((path) => existsSync(path) && readFileSync(path, 'utf8'));
  assert.deepEqual(after, before, 'and nothing was changed');
}

const rings = async (front) => (await front.private.get('/readyz')).json.keys;
const hup = (front) => front.child.signal('SIGHUP');

// Waits until every front has the files' keys.
async function reload(house) {
  for (const front of house.fronts) hup(front);
  await until('all fronts to hold what the files say', async () =>
    (await keys(house, 'status', '--url', house.urls)).status === 0);
}

// Moves all recorded times that many days back.
function timePasses(path) {
  const history = `${path}.history`;
  const back = (text) => new Date(Date.parse(text) - DAYS * 86_400_000).toISOString();
  writeFileSync(history, readFileSync(history, 'utf8').replace(/^\S+/gm, back));
  const then = new Date(Date.now() - DAYS * 86_400_000);
  utimesSync(path, then, then);
}

const inHours = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();

async function names(house, ring) {
  return (await rings(house.front))[ring].holds;
}

test('each step is refused before its time, says why, and leaves whole secret files', async (t) => {
  const house = await openRings(t, { loops: 2 });
  const [first] = await names(house, 'tickets');
  await refused(house, /signs\. `keys use` another one first/, 'drop', 'tickets', '1', '--unchecked');
  await done(house, 'add', 'tickets');
  const list = await done(house, 'list');
  const second = /^ {2}(2-[0-9a-f]{8})/m.exec(list)[1];
  assert.match(list, new RegExp(`${first} +signs`));
  assert.match(list, new RegExp(`${second} +believed +made 20.*has signed nothing`));
  for (const path of Object.values(house.paths)) {
    for (const secret of readFileSync(path, 'utf8').match(/[0-9a-f]{32}|[\w+/]{60,}/g)) assert.equal(list.includes(secret), false);
  }
  await refused(house, /does not hold it yet/, 'use', 'tickets', '2', '--url', house.urls);
  assert.equal((await keys(house, 'status', '--url', house.urls)).status, 1);
  await reload(house);
  await done(house, 'use', 'tickets', '2', '--url', house.urls);
  assert.equal(statSync(house.paths.tickets).mode & 0o777, 0o600);
  assert.match(readFileSync(house.paths.tickets, 'utf8'), /^2 [0-9a-f]{32}\n1 [0-9a-f]{32}\n$/);
  await refused(house, /signs with it\. Reload it first/, 'drop', 'tickets', first, '--url', house.urls);
  await reload(house);
  await refused(house, /may still come\. It may go after 20/, 'drop', 'tickets', '1', '--url', house.urls);
  assert.match(await done(house, 'list'), new RegExp(`${first} +believed.*signed until 20.*may go after 20`));
  timePasses(house.paths.tickets);
  await refused(house, /may still come/, 'drop', 'tickets', '1', '--url', house.urls); // the fronts loaded it today
  await done(house, 'drop', 'tickets', '1', '--unchecked');
  await reload(house);
  assert.deepEqual(await names(house, 'tickets'), [second]);
  for (let i = 0; i < 3; i += 1) await done(house, 'add', 'tickets');
  const full = await keys(house, 'add', 'tickets');
  assert.deepEqual([full.status, /at most 4 keys/.test(full.stderr)], [2, true]);
  await done(house, 'drop', 'tickets', '5', '--unchecked'); // it has signed nothing
  for (const words of [[], ['list', 'tickets'], ['add'], ['add', 'rings'], ['use', 'tickets'], ['use', 'tickets', '2'],
    ['drop', 'tickets', '2', '--url', 'x', '--unchecked'], ['status'], ['list', '--loud']]) {
    const wrong = await keys(house, ...words);
    assert.deepEqual([wrong.status, /queue-front keys \[--config FILE\]/.test(wrong.stderr)], [2, true], words.join(' '));
  }
  for (const [words, why] of [[['use', 'tickets', '9', '--unchecked'], /no key, or more than one/],
    [['status', '--url', 'http://127.0.0.1:1'], /127\.0\.0\.1:1/], [['status', '--url', 'ftp://x'], /no address/],
    [['drop', 'identities', '1-', '--unchecked'], /no key, or more than one/]]) {
    const wrong = await keys(house, ...words);
    assert.deepEqual([wrong.status, why.test(wrong.stderr)], [2, true], wrong.stderr);
  }
  chmodSync(house.paths.tickets, 0o640);
  assert.match((await keys(house, 'list')).stderr, /mode 0640 lets others at this secret/);
});

// RFC 7638
function nameOf(publicKey) {
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function pairNamed(beginning) {
  for (;;) {
    const { publicKey, privateKey } = makeKeyPair('ec', { namedCurve: 'P-256' });
    const name = nameOf(publicKey);
    if (name.startsWith(beginning)) return { name, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  }
}

test('a pass key whose name begins with a hyphen is named like any other', async (t) => {
  const house = await openRings(t, { fronts: 1 });
  const [old] = await names(house, 'passes');
  const { name, pem } = pairNamed('-');
  writeFileSync(house.paths.passes, readFileSync(house.paths.passes, 'utf8') + pem);
  await done(house, 'use', 'passes', name.slice(0, 6), '--unchecked');
  await reload(house);
  assert.deepEqual(await names(house, 'passes'), [name, old]);
  await done(house, 'use', 'passes', old, '--unchecked');
  assert.match((await keys(house, 'drop', 'passes', '--loud', '--unchecked')).stderr, /no key, or more than one/);
  timePasses(house.paths.passes);
  await done(house, 'drop', 'passes', name, '--unchecked');
  await reload(house);
  assert.deepEqual(await names(house, 'passes'), [old]);
});

// ---- under load ----

class Load {
  constructor(house, codes) {
    Object.assign(this, { house, codes, people: [], looked: 0, over: false, turns: {} });
    this.events = { still: 'still', club: 'club', inside: 'inside' };
    this.all = Promise.all([this.run('plain'), this.run('member'), this.run('invited'), this.run('inside')]);
    this.all.catch(() => {}); // reported by stop() and by the waiting test
  }

  async run(kind) {
    try {
      for (let i = 0; !this.over; i += 1) {
        const [one, other] = i % 2 === 0 ? this.house.fronts : [...this.house.fronts].reverse();
        await this[kind](i, one, other);
        this.turns[kind] = i + 1;
        await delay(20); // there are many invitations
      }
    } catch (error) {
      this.failed = error;
      throw error;
    }
  }

  // Waits until each kind has made that many complete turns.
  async turn(turns = 2) {
    const from = { ...this.turns };
    await until('people to come and go', () => {
      if (this.failed) return true;
      return ['plain', 'member', 'invited', 'inside'].every((kind) => (this.turns[kind] ?? 0) >= (from[kind] ?? 0) + turns);
    });
    if (this.failed) throw this.failed;
  }

  async stop() {
    this.over = true;
    await this.all;
  }

  // Joins at one front and is recognised at the other; an earlier visitor still is, too.
  async join(event, options, one, other) {
    const visitor = new Visitor(one, event);
    const joined = assertStatus(await visitor.join(options), 201);
    const person = { visitor, options, event, position: joined.json.position };
    await this.isThere(person, other);
    this.people.push(person);
    await this.isThere(this.people[(this.looked += 7) % this.people.length], one);
    return person;
  }

  async isThere({ visitor, event, options, position }, front) {
    const me = await visitor.me({ front });
    assert.deepEqual([me.status, me.json?.position], [200, position], me.text);
    const again = await new Visitor(front, event).join(options);
    assert.deepEqual([again.status, again.json?.position], [200, position], again.text);
  }

  plain(i, one, other) {
    return this.join(this.events.still, { headers: { 'idempotency-key': `plain-${i}` } }, one, other);
  }

  member(i, one, other) {
    return this.join(this.events.club, asMember(this.house.shop.token(`member-${i}`)), one, other);
  }

  invited(i, one, other) {
    return this.join(this.events.still, { headers: { 'x-invitation': this.codes[i] } }, one, other);
  }

  async inside(i, one, other) {
    const options = asMember(this.house.shop.token(`guest-${i}`));
    const visitor = new Visitor(one, this.events.inside);
    assertStatus(await visitor.join(options), 201);
    await visitor.untilCalled({ front: one });
    const { session } = await until('the pass', async () => {
      const pass = await visitor.pass({ ...options, front: other });
      if (pass.status === 409) return false; // the other front is a tick behind
      assert.equal(pass.status, 201, pass.text);
      return pass.json;
    });
    assert.equal((await visitor.verify({ front: one })).status, 204);
    const beat = await visitor.session({ front: one });
    assert.deepEqual([beat.status, beat.json?.session], [200, session], beat.text);
    this.guest = visitor;
  }

  // Old tickets and passes expired long ago; waiting visitors return by name and get new ones.
  async renew() {
    const all = this.people.splice(0);
    for (const person of all) {
      person.visitor = new Visitor(person.visitor.front, person.event);
      const again = await person.visitor.join(person.options);
      assert.deepEqual([again.status, again.json?.position], [200, person.position], again.text);
    }
    this.people.push(...all);
  }
}

// The fronts reload one after the other, with visitors in between.
async function reloadInTurn(house, load) {
  for (const front of house.fronts) {
    hup(front);
    await load.turn(1);
  }
  await reload(house);
  await load.turn(1);
}

test('under load every ring is turned whole: not one place is lost, not one request refused', async (t) => {
  const house = await openRings(t);
  await makeEvent(house, 'still', { ...STILL, lanes: LANES });
  await makeEvent(house, 'club', { ...STILL, member_required: true });
  await makeEvent(house, 'inside', { ...FAST, member_required: true });
  await makeEvent(house, 'drawn', { opens_at: inHours(2), prequeue_at: inHours(-1) }, { open: false });
  await act(house.front, 'drawn', 'schedule');
  await untilState(house.front, 'drawn', 'pre-queue');
  const codes = (await house.front.admin.get('/admin/events/still/lanes/fans/invitations?limit=1000')).json.invitations
    .map(({ code }) => code);
  for (const front of house.fronts) { // a lane's own picture may show the opening a tick after the event's
    await until('the lane to be open', async () =>
      (await new Visitor(front, 'still').join({ headers: { 'x-invitation': codes.at(-1) } })).json.position);
  }
  const load = new Load(house, codes);
  await load.turn();

  for (const ring of ['tickets', 'passes', 'draws', 'identities']) {
    const [old] = await names(house, ring);
    await done(house, 'add', ring);
    await reloadInTurn(house, load);
    const next = (await names(house, ring)).find((name) => name !== old);
    if (ring === 'passes') {
      const { keys: shown } = (await house.front.http.get('/.well-known/jwks.json')).json;
      assert.deepEqual(shown.map(({ kid }) => kid), [old, next]);
    }
    await done(house, 'use', ring, next, '--url', house.urls);
    await reloadInTurn(house, load);
    if (ring === 'identities') {
      await refused(house, /events that are not closed/, 'drop', ring, old, '--url', house.urls);
      break;
    }
    await refused(house, ring === 'draws' ? /a draw was promised with it/ : /may still come/, 'drop', ring, old, '--url', house.urls);
    if (ring === 'draws') {
      await act(house.front, 'drawn', 'draw');
      await until('nobody to need it', async () => !(await rings(house.front)).draws.used.includes(old));
    }
    await load.renew();
    timePasses(house.paths[ring]);
    await done(house, 'drop', ring, old, ...(ring === 'draws' ? ['--url', house.urls] : ['--unchecked']));
    await reloadInTurn(house, load);
    assert.deepEqual(await names(house, ring), [next]);
  }
  await load.stop();
  for (const person of load.people) for (const front of house.fronts) await load.isThere(person, front);

  // The old identities go with the last of their events.
  const [, old] = await names(house, 'identities');
  await makeEvent(house, 'next', { ...STILL, member_required: true });
  const kim = asMember(house.shop.token('kim'));
  const { position } = await new Visitor(house.front, 'next').joined(kim);
  for (const id of ['still', 'club', 'inside', 'drawn']) await act(house.front, id, 'close');
  timePasses(house.paths.identities);
  await until('nobody to need it', async () => {
    const answers = await Promise.all(house.fronts.map(rings));
    return answers.every(({ identities }) => !identities.used.includes(old));
  });
  for (const front of house.fronts) await front.restart(); // so that their keys were first used on an earlier day
  await done(house, 'drop', 'identities', old, '--url', house.urls);
  await reload(house);
  for (const front of house.fronts) {
    const again = await new Visitor(front, 'next').join(kim);
    assert.deepEqual([again.status, again.json.position], [200, position], again.text);
    assert.equal((await front.private.get('/readyz')).json.shut, undefined);
  }
});
