// `queue-front keys`: a rotation of every ring, from the first key to the second, following the program's instructions. Then
// the same while people join, return, enter and stay, on two fronts that reload one after the other. No place is lost and no
// visitor is refused.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, assertStatus, delay, makeKeyPair, runBeside, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { act, FAST, invitationsOf, makeEvent, makePreQueue, openSite, startFronts, STILL, Visitor } from './support.js';

const DAYS = 10; // longer than any ticket, pass or visit lives
const LANES = [{ id: 'fans', name: 'Fan club', share: 30, invitations: 1000 }];

async function openRings(t, { fronts = 2, keys = {}, loops = 1 } = {}) {
  const shop = openShop();
  const site = await openSite(t, { fronts: 0 });
  const dir = site.scope.tempDir('rings-');
  const paths = {};
  for (const [ring, name] of [['tickets', 'ticket-keys'], ['identities', 'identity-keys'],
    ['draws', 'draw-keys'], ['passes', 'pass-es256.pem']]) {
    paths[ring] = join(dir, name);
    copyFileSync(site.secrets.path(name), paths[ring]);
    chmodSync(paths[ring], 0o600);
  }
  const config = { http: { loops }, members: { keys: shop.file }, keys: { ...paths, ...keys } };
  await startFronts(site, fronts, config);
  const urls = site.fronts.map(({ privatePort }) => `http://127.0.0.1:${privatePort}`).join(',');
  return Object.assign(site, { shop, paths, config, urls });
}

const keys = (site, ...words) => runBeside('queue-front', ['keys', '--config', site.front.configPath, ...words]);

async function done(site, ...words) {
  const answer = await keys(site, ...words);
  assert.equal(answer.status, 0, `keys ${words.join(' ')}: ${answer.stdout}${answer.stderr}`);
  return answer.stdout;
}

async function refused(site, why, ...words) {
  const before = Object.values(site.paths).map((path) => existsSync(path) && readFileSync(path, 'utf8'));
  const answer = await keys(site, ...words);
  assert.equal(answer.status, 1, `keys ${words.join(' ')}: ${answer.stdout}${answer.stderr}`);
  assert.match(answer.stderr, why);
  const after = Object.values(site.paths).map((path) => existsSync(path) && readFileSync(path, 'utf8'));
  assert.deepEqual(after, before, 'and nothing was changed');
}

const rings = async (front) => (await front.private.get('/readyz')).json.keys;
const hup = (front) => front.child.signal('SIGHUP');

// Waits until every front has the files' keys.
async function reload(site) {
  for (const front of site.fronts) hup(front);
  await until('all fronts to hold what the files say', async () =>
    (await keys(site, 'status', '--url', site.urls)).status === 0);
}

// Moves all recorded times that many days back.
function timePasses(path) {
  const history = `${path}.history`;
  const back = (text) => new Date(Date.parse(text) - DAYS * 86_400_000).toISOString();
  writeFileSync(history, readFileSync(history, 'utf8').replace(/^\S+/gm, back));
  const then = new Date(Date.now() - DAYS * 86_400_000);
  utimesSync(path, then, then);
}

async function names(site, ring) {
  return (await rings(site.front))[ring].holds;
}

test('each step is refused before its time, says why, and leaves whole secret files', async (t) => {
  const site = await openRings(t, { loops: 2 });
  const [first] = await names(site, 'tickets');
  await refused(site, /signs\. `keys use` another one first/, 'drop', 'tickets', '1', '--unchecked');
  await done(site, 'add', 'tickets');
  const list = await done(site, 'list');
  const second = /^ {2}(2-[0-9a-f]{8})/m.exec(list)[1];
  assert.match(list, new RegExp(`${first} +signs`));
  assert.match(list, new RegExp(`${second} +believed +made 20.*has signed nothing`));
  for (const path of Object.values(site.paths)) {
    for (const secret of readFileSync(path, 'utf8').match(/[0-9a-f]{32}|[\w+/]{60,}/g)) assert.equal(list.includes(secret), false);
  }
  await refused(site, /does not hold it yet/, 'use', 'tickets', '2', '--url', site.urls);
  assert.equal((await keys(site, 'status', '--url', site.urls)).status, 1);
  await reload(site);
  await done(site, 'use', 'tickets', '2', '--url', site.urls);
  assert.equal(statSync(site.paths.tickets).mode & 0o777, 0o600);
  assert.match(readFileSync(site.paths.tickets, 'utf8'), /^2 [0-9a-f]{32}\n1 [0-9a-f]{32}\n$/);
  await refused(site, /signs with it\. Reload it first/, 'drop', 'tickets', first, '--url', site.urls);
  await reload(site);
  await refused(site, /may still come\. It may go after 20/, 'drop', 'tickets', '1', '--url', site.urls);
  assert.match(await done(site, 'list'), new RegExp(`${first} +believed.*signed until 20.*may go after 20`));
  timePasses(site.paths.tickets);
  await refused(site, /may still come/, 'drop', 'tickets', '1', '--url', site.urls); // the fronts loaded it today
  await done(site, 'drop', 'tickets', '1', '--unchecked');
  await reload(site);
  assert.deepEqual(await names(site, 'tickets'), [second]);
  for (let i = 0; i < 3; i += 1) await done(site, 'add', 'tickets');
  const full = await keys(site, 'add', 'tickets');
  assert.deepEqual([full.status, /at most 4 keys/.test(full.stderr)], [2, true]);
  await done(site, 'drop', 'tickets', '5', '--unchecked'); // it has signed nothing
  for (const words of [[], ['list', 'tickets'], ['add'], ['add', 'rings'], ['use', 'tickets'], ['use', 'tickets', '2'],
    ['drop', 'tickets', '2', '--url', 'x', '--unchecked'], ['status'], ['list', '--loud']]) {
    const wrong = await keys(site, ...words);
    assert.deepEqual([wrong.status, /queue-front keys \[--config FILE\]/.test(wrong.stderr)], [2, true], words.join(' '));
  }
  for (const [words, why] of [[['use', 'tickets', '9', '--unchecked'], /no key, or more than one/],
    [['status', '--url', 'http://127.0.0.1:1'], /127\.0\.0\.1:1/], [['status', '--url', 'ftp://x'], /no address/],
    [['drop', 'identities', '1-', '--unchecked'], /no key, or more than one/]]) {
    const wrong = await keys(site, ...words);
    assert.deepEqual([wrong.status, why.test(wrong.stderr)], [2, true], wrong.stderr);
  }
  const held = await names(site, 'tickets');
  const refusals = () => site.front.child.logLines().filter((line) =>
    line.msg.startsWith('reload failed') && line.error.includes(site.paths.tickets)).length;
  const before = refusals();
  writeFileSync(site.paths.tickets, 'nonsense');
  hup(site.front);
  await until('the file to be refused', () => refusals() > before);
  assert.deepEqual(await names(site, 'tickets'), held);
  await makeEvent(site, 'show', STILL);
  const joins = Array.from({ length: 30 }, () => new Visitor(site.front, 'show').joined()); // each loop gets some
  for (const { ticket } of await Promise.all(joins)) assert.equal(Buffer.from(ticket, 'base64url')[1], 2, 'the key stays');
  chmodSync(site.paths.tickets, 0o640);
  assert.match((await keys(site, 'list')).stderr, /mode 0640 lets others at this secret/);
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
  const site = await openRings(t, { fronts: 1 });
  const [old] = await names(site, 'passes');
  const { name, pem } = pairNamed('-');
  writeFileSync(site.paths.passes, readFileSync(site.paths.passes, 'utf8') + pem);
  await done(site, 'use', 'passes', name.slice(0, 6), '--unchecked');
  await reload(site);
  assert.deepEqual(await names(site, 'passes'), [name, old]);
  await done(site, 'use', 'passes', old, '--unchecked');
  assert.match((await keys(site, 'drop', 'passes', '--loud', '--unchecked')).stderr, /no key, or more than one/);
  timePasses(site.paths.passes);
  await done(site, 'drop', 'passes', name, '--unchecked');
  await reload(site);
  assert.deepEqual(await names(site, 'passes'), [old]);
});

test('old events keep their identity key, or close without it', async (t) => {
  const site = await openRings(t);
  await makeEvent(site, 'show', { ...FAST, lanes: LANES, member_required: true });
  const kim = asMember(site.shop.token('kim'));
  const eve = asMember(site.shop.token('eve'));
  const waiting = new Visitor(site.front, 'show');
  const { position } = await waiting.joined(kim);
  const outside = new Visitor(site.front, await makeEvent(site, 'fans', { ...STILL, lanes: LANES }));
  await outside.joined();
  const asPage = { headers: { ...eve.headers, accept: 'text/html' }, body: '' };
  assert.equal((await waiting.pass(asPage)).headers.location, '/e/show?notice=member-differs');
  const listed = async (front) => (await front.admin.get('/admin/events/show/lanes/fans/invitations')).json.invitations;
  const invitations = await listed(site.front);
  const old = readFileSync(site.paths.identities, 'utf8').trim();
  const next = `2 ${randomBytes(16).toString('hex')}`;
  const turn = async (...ring) => {
    writeFileSync(site.paths.identities, `${ring.join('\n')}\n`);
    await reload(site);
  };
  const assertSame = async (event, place) => {
    for (const front of site.fronts) {
      const again = await new Visitor(front, event).join(kim);
      assert.deepEqual([again.status, again.json?.position], [200, place], again.text);
    }
  };
  for (const ring of [[old, next], [next, old]]) {
    await turn(...ring);
    await assertSame('show', position);
    assert.deepEqual(await listed(site.fronts[1]), invitations, 'the list that was mailed');
  }
  await makeEvent(site, 'next', { ...FAST, member_required: true });
  const { position: nextPlace } = await new Visitor(site.front, 'next').joined(kim);
  assert.deepEqual((await rings(site.front)).identities.used.map((name) => name[0]).sort(), ['1', '2']);

  await turn(next);
  await assertSame('next', nextPlace);
  for (const front of site.fronts) {
    assertProblem(await new Visitor(front, 'show').join(kim), 503, 'identity-key-missing');
    assertProblem(await waiting.pass({ ...kim, front }), 503, 'identity-key-missing');
    assert.equal((await waiting.me({ front })).json.position, position, 'a waiting visitor is served');
    assertStatus(await front.http.get('/e/fans', { headers: { ...outside.jar.headers, ...kim.headers } }), 200);
    assert.deepEqual((await front.private.get('/readyz')).json.shut.map(({ event, reason }) => `${event} ${reason}`).sort(),
      ['fans identity-key-missing', 'show identity-key-missing']);
  }
  for (const event of ['fans', 'show']) await act(site.front, event, 'close');
  await until('nobody to need the old key', async () => (await rings(site.front)).identities.used.length === 1);
  await turn(next, old);
  assert.equal((await site.front.private.get('/readyz')).json.shut, undefined);
});

// ---- under load ----

class Load {
  constructor(site, codes) {
    Object.assign(this, { site, codes, people: [], looked: 0, over: false, turns: {} });
    this.events = { still: 'still', club: 'club', inside: 'inside' };
    this.all = Promise.all([this.run('plain'), this.run('member'), this.run('invited'), this.run('inside')]);
    this.all.catch(() => {}); // reported by stop() and by the waiting test
  }

  async run(kind) {
    try {
      for (let i = 0; !this.over; i += 1) {
        const [one, other] = i % 2 === 0 ? this.site.fronts : [...this.site.fronts].reverse();
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
    return this.join(this.events.club, asMember(this.site.shop.token(`member-${i}`)), one, other);
  }

  invited(i, one, other) {
    return this.join(this.events.still, { headers: { 'x-invitation': this.codes[i] } }, one, other);
  }

  async inside(i, one, other) {
    const options = asMember(this.site.shop.token(`guest-${i}`));
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
async function reloadInTurn(site, load) {
  for (const front of site.fronts) {
    hup(front);
    await load.turn(1);
  }
  await reload(site);
  await load.turn(1);
}

test('every key ring rotates under load without a lost place or a refusal', async (t) => {
  const site = await openRings(t);
  await makeEvent(site, 'still', { ...STILL, lanes: LANES });
  await makeEvent(site, 'club', { ...STILL, member_required: true });
  await makeEvent(site, 'inside', { ...FAST, member_required: true });
  await makePreQueue(site, 'drawn');
  const codes = await invitationsOf(site.front, 'still');
  for (const front of site.fronts) { // a lane's own picture may show the opening a tick after the event's
    await until('the lane to be open', async () =>
      (await new Visitor(front, 'still').join({ headers: { 'x-invitation': codes.at(-1) } })).json.position);
  }
  const load = new Load(site, codes);
  await load.turn();

  for (const ring of ['tickets', 'passes', 'draws', 'identities']) {
    const [old] = await names(site, ring);
    await done(site, 'add', ring);
    await reloadInTurn(site, load);
    const next = (await names(site, ring)).find((name) => name !== old);
    if (ring === 'passes') {
      const { keys: shown } = (await site.front.http.get('/.well-known/jwks.json')).json;
      assert.deepEqual(shown.map(({ kid }) => kid), [old, next]);
    }
    await done(site, 'use', ring, next, '--url', site.urls);
    await reloadInTurn(site, load);
    if (ring === 'identities') {
      await refused(site, /events that are not closed/, 'drop', ring, old, '--url', site.urls);
      break;
    }
    await refused(site, ring === 'draws' ? /a draw was promised with it/ : /may still come/, 'drop', ring, old, '--url', site.urls);
    if (ring === 'draws') {
      await act(site.front, 'drawn', 'draw');
      await until('nobody to need it', async () => !(await rings(site.front)).draws.used.includes(old));
    }
    await load.renew();
    timePasses(site.paths[ring]);
    await done(site, 'drop', ring, old, ...(ring === 'draws' ? ['--url', site.urls] : ['--unchecked']));
    await reloadInTurn(site, load);
    assert.deepEqual(await names(site, ring), [next]);
  }
  await load.stop();
  for (const person of load.people) for (const front of site.fronts) await load.isThere(person, front);

  // The old identities go with the last of their events.
  const [, old] = await names(site, 'identities');
  await makeEvent(site, 'next', { ...STILL, member_required: true });
  const kim = asMember(site.shop.token('kim'));
  const { position } = await new Visitor(site.front, 'next').joined(kim);
  for (const id of ['still', 'club', 'inside', 'drawn']) await act(site.front, id, 'close');
  timePasses(site.paths.identities);
  await until('nobody to need it', async () => {
    const answers = await Promise.all(site.fronts.map(rings));
    return answers.every(({ identities }) => !identities.used.includes(old));
  });
  for (const front of site.fronts) await front.restart(); // so that their keys were first used on an earlier day
  await done(site, 'drop', 'identities', old, '--url', site.urls);
  await reload(site);
  for (const front of site.fronts) {
    const again = await new Visitor(front, 'next').join(kim);
    assert.deepEqual([again.status, again.json.position], [200, position], again.text);
    assert.equal((await front.private.get('/readyz')).json.shut, undefined);
  }
});
