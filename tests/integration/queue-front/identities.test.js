// Identities do not depend on ticket keys: an event keeps the identity key it started with, even if keys are added before or
// after it, or removed.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { act, makeEvent, openHouse, startFront, Visitor } from './support.js';

const LANES = [{ id: 'fans', name: 'Fan club', share: 30, invitations: 50 }];
const FAST = { rate_per_s: 1000, burst: 1000, max_active: 0, lanes: LANES };

const key = (id) => `${id} ${randomBytes(16).toString('hex')}`;
const K1 = key(1), K2 = key(2), K3 = key(3), I1 = key(1), I2 = key(2);

const write = (path, keys) => writeFileSync(path, `${keys.join('\n')}\n`, { mode: 0o600 });

// A deployment whose key rings are files of the test.
async function openRings(t, { fronts = 2, tickets = [K1], identities = [I1] } = {}) {
  const shop = openShop();
  const house = await openHouse(t, { fronts: 0 });
  const dir = house.scope.tempDir('rings-');
  const paths = { tickets: join(dir, 'tickets'), identities: join(dir, 'identities') };
  write(paths.tickets, tickets);
  write(paths.identities, identities);
  const config = { members: { keys: shop.file }, keys: { tickets: paths.tickets, identities: paths.identities } };
  for (let i = 0; i < fronts; i += 1) house.fronts.push(await startFront(house, config));
  [house.front] = house.fronts;
  return Object.assign(house, { shop, paths, config });
}

// Writes a ring and waits until every loop of every front has read it.
async function turn(house, ring, keys) {
  const before = await Promise.all(house.fronts.map(rings));
  write(house.paths[ring], keys);
  for (const front of house.fronts) front.child.signal('SIGHUP');
  await until('the keys to be read', async () => {
    const now = await Promise.all(house.fronts.map(rings));
    return now.every((one, i) => one.loops_behind === 0 &&
      (JSON.stringify(one) !== JSON.stringify(before[i]) || ids(one[ring]).join() === keys.map((k) => k.split(' ')[0]).join()) &&
      ids(one[ring]).length === keys.length && ids(one[ring]).every((id, at) => id === keys[at].split(' ')[0]));
  });
}

const rings = async (front) => (await front.private.get('/readyz')).json.keys;
const ids = ({ holds }) => holds.map((name) => name.split('-')[0]);

async function codes(front) {
  const answer = await front.admin.get('/admin/events/show/lanes/fans/invitations');
  return answer.json.invitations.map(({ code }) => code);
}

const invited = (code) => ({ headers: { 'x-invitation': code } });

// A lane's own picture may show the opening a tick after the event's.
async function placeIn(house, event, options) {
  const places = await Promise.all(house.fronts.map((front) => until('a place', async () =>
    (await new Visitor(front, event).join(options)).json.position)));
  assert.equal(new Set(places).size, 1);
  return places[0];
}

async function assertSame(house, options, position, what) {
  for (const front of house.fronts) {
    const again = await new Visitor(front, 'show').join(options);
    assert.deepEqual([again.status, again.json?.position], [200, position], `${what}: ${again.text}`);
  }
}

test('a rotation of ticket keys keeps all identities', async (t) => {
  const house = await openRings(t);
  await makeEvent(house, 'show', { ...FAST, rate_per_s: 0, member_required: true });
  await makeEvent(house, 'open-to-all', { rate_per_s: 0 });
  const kim = asMember(house.shop.token('kim'));
  const visitor = new Visitor(house.front, 'show');
  const { position } = await visitor.joined(kim);
  const [code] = await codes(house.front);
  const guest = { headers: { ...asMember(house.shop.token('lee')).headers, ...invited(code).headers } };
  await new Visitor(house.front, 'show').joined(guest);
  const invitedAt = await placeIn(house, 'show', guest);
  const browser = new Visitor(house.front, 'open-to-all');
  const own = (await browser.joined({ headers: { 'idempotency-key': 'mine' } })).position;
  for (const tickets of [[K1, K2], [K2, K1], [K2], [K2, K3], [K3]]) {
    await turn(house, 'tickets', tickets);
    await assertSame(house, kim, position, `member, ${tickets.length} keys`);
    await assertSame(house, guest, invitedAt, 'invitation');
    assert.equal((await codes(house.fronts[1]))[0], code, 'the list that was mailed');
    const again = await house.fronts[1].http.post('/v1/queue/open-to-all/join', { headers: { 'idempotency-key': 'mine' } });
    assert.deepEqual([again.status, again.json.position], [200, own]);
  }
});

test('a member enters with a ticket of an older key', async (t) => {
  const house = await openRings(t);
  await makeEvent(house, 'show', { ...FAST, member_required: true });
  const kim = asMember(house.shop.token('kim'));
  await turn(house, 'tickets', [K1, K2]);
  await turn(house, 'tickets', [K2, K1]);
  const visitor = await Visitor.withPlace(house.front, 'show', kim);
  await turn(house, 'tickets', [K2]);
  assert.ok((await visitor.entered(kim)).session);
  const eve = asMember(house.shop.token('eve'));
  assertProblem(await visitor.pass(eve), 403, 'member-differs');
});

test('old events keep their identity key, or close without it', async (t) => {
  const house = await openRings(t);
  await makeEvent(house, 'show', { ...FAST, member_required: true });
  const kim = asMember(house.shop.token('kim'));
  const waiting = new Visitor(house.front, 'show');
  const { position } = await waiting.joined(kim);
  const [code] = await codes(house.front);
  await turn(house, 'identities', [I1, I2]);
  await assertSame(house, kim, position, 'verifying only');
  await turn(house, 'identities', [I2, I1]);
  await assertSame(house, kim, position, 'for new events');
  assert.equal((await codes(house.fronts[1]))[0], code);
  await makeEvent(house, 'next', { ...FAST, member_required: true });
  const next = await new Visitor(house.front, 'next').joined(kim);
  const { used } = (await rings(house.front)).identities;
  assert.deepEqual(used.map((name) => name[0]).sort(), ['1', '2']);

  await turn(house, 'identities', [I2]);
  for (const front of house.fronts) {
    const again = await new Visitor(front, 'next').join(kim);
    assert.deepEqual([again.status, again.json.position], [200, next.position]);
    assertProblem(await new Visitor(front, 'show').join(kim), 503, 'identity-key-missing');
    assertProblem(await waiting.pass({ ...kim, front }), 503, 'identity-key-missing');
    assert.equal((await waiting.me({ front })).json.position, position, 'a waiting visitor is served');
    assert.deepEqual((await front.private.get('/readyz')).json.shut, [{ event: 'show', reason: 'identity-key-missing' }]);
  }
  await act(house.front, 'show', 'close');
  await until('nobody to need the old key', async () => (await rings(house.front)).identities.used.length === 1);
  await turn(house, 'identities', [I2, I1]);
  assert.equal((await house.front.private.get('/readyz')).json.shut, undefined);
});
