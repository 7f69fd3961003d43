// The shop's keys from its own address: fetched in the background, rotated, cached, and reported when missing.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, runProgram, serve, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { makeEvent, openSite, startFronts, Visitor } from './support.js';

const LINE = { rate_per_s: 0, member_required: true };

// The shop's server. `answer` is its response: a text, a status, or null: never any.
async function openServer(scope, answer) {
  const shop = { answer, asked: 0 };
  const { url } = await serve(scope, (req, res) => {
    shop.asked += 1;
    if (shop.answer === null) return;
    if (typeof shop.answer === 'number') res.statusCode = shop.answer;
    res.end(typeof shop.answer === 'number' ? '' : shop.answer);
  });
  return Object.assign(shop, { url: `${url}/jwks.json` });
}

async function openMembers(t, answer, { fronts = 1, refresh = '1s', ...members } = {}) {
  const site = await openSite(t, { fronts: 0 });
  site.shop = await openServer(site.scope, answer);
  await startFronts(site, fronts, { members: { keys_url: site.shop.url, refresh, ...members } });
  await makeEvent(site, 'show', LINE);
  return site;
}

const join = (front, token) => new Visitor(front, 'show').join(asMember(token));
const untilJoined = (front, token) => until('a join', async () => {
  const answer = await join(front, token);
  if (answer.status === 503) assertProblem(answer, 503, 'member-keys-unavailable');
  else assert.equal(answer.status, 201, answer.text);
  return answer.status === 201;
});
const untilAsked = ({ shop }) => {
  const from = shop.asked;
  return until('the shop to be asked', () => shop.asked >= from + 2);
};

test('members get an answer at once until the shop has answered', async (t) => {
  const issuer = openShop();
  const site = await openMembers(t, null);
  await makeEvent(site, 'open-to-all', { rate_per_s: 0 });
  await makeEvent(site, 'lanes', { rate_per_s: 0, lanes: [{ id: 'fans', name: 'Fans', share: 30, invitations: 9 }] });
  await until('the first question', () => site.shop.asked > 0);
  assertProblem(await join(site.front, issuer.token('kim')), 503, 'member-keys-unavailable');
  assertProblem(await new Visitor(site.front, 'show').join(), 401, 'member-required');
  for (const open of ['open-to-all', 'lanes']) assert.equal((await new Visitor(site.front, open).join()).status, 201);
  await until('a question under way', async () => (await new Visitor(site.front, 'lanes').join(asMember(issuer.token('kim')))).json.code === 'member-keys-unavailable');
  const page = await new Visitor(site.front, 'show').join({
    headers: { accept: 'text/html', 'x-member-token': issuer.token('kim') }, body: '' });
  assert.equal(page.headers.location, '/e/show?notice=unavailable');
  site.shop.answer = issuer.jwks;
  await untilJoined(site.front, issuer.token('kim'));
  const metrics = await site.front.metrics();
  assert.ok(metrics.get('fairgate_member_keys_total{outcome="fetched"}') >= 1);
  assert.ok(metrics.get('fairgate_member_keys_total{outcome="failed"}') >= 1);
});

// judges: entry
test('a new key is fetched at once and a dropped key is refused', async (t) => {
  const before = openShop({ kid: 'before' }), after = openShop({ kid: 'after' });
  const both = JSON.stringify({ keys: [...JSON.parse(before.jwks).keys, ...JSON.parse(after.jwks).keys] });
  const site = await openMembers(t, before.jwks, { fronts: 2, refresh: '1h' });
  for (const front of site.fronts) await untilJoined(front, before.token(`kim-${front.port}`));
  site.shop.answer = both;
  for (const front of site.fronts) {
    await until('the new key', async () => {
      const answer = await join(front, after.token(`lee-${front.port}`));
      assert.ok([201, 401, 503].includes(answer.status), answer.text); // 401: fetched just before
      return answer.status === 201;
    });
    assert.equal((await join(front, before.token(`pat-${front.port}`))).status, 201, 'both hold');
  }
  site.shop.answer = after.jwks;
  const stranger = openShop({ kid: 'stranger' });
  for (const front of site.fronts) {
    await until('the old key to be dropped', async () => {
      await join(front, stranger.token('eve')); // makes the front fetch keys now and then
      return (await join(front, before.token(`ann-${front.port}`))).status !== 201;
    });
  }
  const guesses = [0, 1, 2].map((i) => openShop({ kid: `guess-${i}` }).token('eve'));
  const [asked, began] = [site.shop.asked, performance.now()];
  for (let i = 0; i < 50; i += 1) await join(site.front, guesses[i % 3]);
  const seconds = (performance.now() - began) / 1000;
  const most = 2 + seconds / 5; // the front fetches every five seconds at most
  assert.ok(site.shop.asked - asked <= most, `made-up keys do not cost a request each: ${site.shop.asked - asked}, at most ${most}`);
});

test('an invalid key set or a shop that is down changes nothing', async (t) => {
  const issuer = openShop();
  const site = await openMembers(t, issuer.jwks);
  await untilJoined(site.front, issuer.token('kim'));
  const answers = [500, '<html>', '{"keys":[{"kty":"RSA","n":"x","e":"AQAB"}]}', 'x'.repeat(100_000), null];
  for (const [i, answer] of answers.entries()) {
    site.shop.answer = answer;
    await untilAsked(site);
    assert.equal((await join(site.front, issuer.token(`member-${i}`))).status, 201, String(answer).slice(0, 99));
  }
});

test('a file serves until the shop answers; a bad address is refused at start', async (t) => {
  const inFile = openShop({ kid: 'file' }), atShop = openShop({ kid: 'shop' });
  const site = await openMembers(t, 503, { keys: inFile.file });
  await untilJoined(site.front, inFile.token('kim'));
  site.shop.answer = atShop.jwks;
  await untilJoined(site.front, atShop.token('lee'));
  assertProblem(await join(site.front, inFile.token('pat')), 401, 'member-required');
  const bad = runProgram('queue-front', ['--config', site.front.configPath, '--check-config'],
    { env: { FAIRGATE_MEMBERS_KEYS_URL: 'ftp://shop/keys' } });
  assert.notEqual(bad.status, 0);
  assert.match(bad.stderr + bad.stdout, /keys_url: must begin with http/);
});
