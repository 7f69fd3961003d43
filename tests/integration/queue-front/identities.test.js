// Identities do not depend on ticket keys: an event keeps the identity key it started with, even if keys are added before or
// after it, or removed.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { act, makeEvent, openSite, startFront, Visitor } from './support.js';

const LANES = [{ id: 'fans', name: 'Fan club', share: 30, invitations: 50 }];
const FAST = { rate_per_s: 1000, burst: 1000, max_active: 0, lanes: LANES };

const key = (id) => `${id} ${randomBytes(16).toString('hex')}`;
const K1 = key(1), K2 = key(2), K3 = key(3), I1 = key(1), I2 = key(2);

const write = (path, keys) => writeFileSync(path, `${keys.join('\n')}\n`, { mode: 0o600 });

// A deployment whose key rings are files of the test.
async function openRings(t, { fronts = 2, tickets = [K1], identities = [I1] } = {}) {
  const shop = openShop();
  const site = await openSite(t, { fronts: 0 });
  const dir = site.scope.tempDir('rings-');
  const paths = { tickets: join(dir, 'tickets'), identities: join(dir, 'identities') };
  write(paths.tickets, tickets);
  write(paths.identities, identities);
  const config = { members: { keys: shop.file }, keys: { tickets: paths.tickets, identities: paths.identities } };
  for (let i = 0; i < fronts; i += 1) site.fronts.push(await startFront(site, config));
  [site.front] = site.fronts;
  return Object.assign(site, { shop, paths, config });
}

// Writes a ring and waits until every loop of every front has read it.
async function turn(site, ring, keys) {
  const before = await Promise.all(site.fronts.map(rings));
  write(site.paths[ring], keys);
  for (const front of site.fronts) front.child.signal('SIGHUP');
  await until('the keys to be read', async () => {
    const now = await Promise.all(site.fronts.map(rings));
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
async function placeIn(site, event, options) {
  const places = await Promise.all(site.fronts.map((front) => until('a place', async () =>
    (await new Visitor(front, event).join(options)).json.position)));
  assert.equal(new Set(places).size, 1);
  return places[0];
}

async function assertSame(site, options, position, what) {
  for (const front of site.fronts) {
    const again = await new Visitor(front, 'show').join(options);
    assert.deepEqual([again.status, again.json?.position], [200, position], `${what}: ${again.text}`);
  }
}

test('a rotation of ticket keys keeps all identities', async (t) => {
  const site = await openRings(t);
  await makeEvent(site, 'show', { ...FAST, rate_per_s: 0, member_required: true });
  await makeEvent(site, 'open-to-all', { rate_per_s: 0 });
  const kim = asMember(site.shop.token('kim'));
  const visitor = new Visitor(site.front, 'show');
  const { position } = await visitor.joined(kim);
  const [code] = await codes(site.front);
  const guest = { headers: { ...asMember(site.shop.token('lee')).headers, ...invited(code).headers } };
  await new Visitor(site.front, 'show').joined(guest);
  const invitedAt = await placeIn(site, 'show', guest);
  const browser = new Visitor(site.front, 'open-to-all');
  const own = (await browser.joined({ headers: { 'idempotency-key': 'mine' } })).position;
  for (const tickets of [[K1, K2], [K2, K1], [K2], [K2, K3], [K3]]) {
    await turn(site, 'tickets', tickets);
    await assertSame(site, kim, position, `member, ${tickets.length} keys`);
    await assertSame(site, guest, invitedAt, 'invitation');
    assert.equal((await codes(site.fronts[1]))[0], code, 'the list that was mailed');
    const again = await site.fronts[1].http.post('/v1/queue/open-to-all/join', { headers: { 'idempotency-key': 'mine' } });
    assert.deepEqual([again.status, again.json.position], [200, own]);
  }
});

test('a member enters with a ticket of an older key', async (t) => {
  const site = await openRings(t);
  await makeEvent(site, 'show', { ...FAST, member_required: true });
  const kim = asMember(site.shop.token('kim'));
  await turn(site, 'tickets', [K1, K2]);
  await turn(site, 'tickets', [K2, K1]);
  const visitor = await Visitor.withPlace(site.front, 'show', kim);
  await turn(site, 'tickets', [K2]);
  assert.ok((await visitor.entered(kim)).session);
  const eve = asMember(site.shop.token('eve'));
  assertProblem(await visitor.pass(eve), 403, 'member-differs');
  const page = await visitor.pass({ headers: { ...eve.headers, accept: 'text/html' }, body: '' });
  assert.equal(page.headers.location, '/e/show?notice=member-differs');
});

test('old events keep their identity key, or close without it', async (t) => {
  const site = await openRings(t);
  await makeEvent(site, 'show', { ...FAST, member_required: true });
  const kim = asMember(site.shop.token('kim'));
  const waiting = new Visitor(site.front, 'show');
  const { position } = await waiting.joined(kim);
  const [code] = await codes(site.front);
  await turn(site, 'identities', [I1, I2]);
  await assertSame(site, kim, position, 'verifying only');
  await turn(site, 'identities', [I2, I1]);
  await assertSame(site, kim, position, 'for new events');
  assert.equal((await codes(site.fronts[1]))[0], code);
  await makeEvent(site, 'next', { ...FAST, member_required: true });
  const next = await new Visitor(site.front, 'next').joined(kim);
  const { used } = (await rings(site.front)).identities;
  assert.deepEqual(used.map((name) => name[0]).sort(), ['1', '2']);

  await turn(site, 'identities', [I2]);
  for (const front of site.fronts) {
    const again = await new Visitor(front, 'next').join(kim);
    assert.deepEqual([again.status, again.json.position], [200, next.position]);
    assertProblem(await new Visitor(front, 'show').join(kim), 503, 'identity-key-missing');
    assertProblem(await waiting.pass({ ...kim, front }), 503, 'identity-key-missing');
    assert.equal((await waiting.me({ front })).json.position, position, 'a waiting visitor is served');
    assert.deepEqual((await front.private.get('/readyz')).json.shut, [{ event: 'show', reason: 'identity-key-missing' }]);
  }
  await act(site.front, 'show', 'close');
  await until('nobody to need the old key', async () => (await rings(site.front)).identities.used.length === 1);
  await turn(site, 'identities', [I2, I1]);
  assert.equal((await site.front.private.get('/readyz')).json.shut, undefined);
});
