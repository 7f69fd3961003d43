// judges: contract
// The contract against the running program: every call once with each answer that can be brought
// about, each answer held against openapi.yaml, and in the end nothing promised that nobody has seen.

import assert from 'node:assert/strict';
import test from 'node:test';
import { codesOf, mangled, OF_ALL_SERVICES, openContract, openStream, until } from '../../lib-js/index.js';
import { openShop } from './shop.js';
import { claims, FAST, openSite, Visitor } from './support.js';

// Answers that no black-box test can provoke, and why.
const OUT_OF_REACH = [
  'PUT /admin/events/{event} 409', // needs 256 events
  'POST /admin/events/{event}/actions/restore 413', // takes 16 MB
];

test('the codes of refusals are those of refusals.h', () => {
  const rows = codesOf('queue-front/src/api/refusals.h');
  assert.ok(rows.length > 90);
  const { code } = openContract('queue-front/openapi.yaml').document.components.schemas.Problem.properties;
  assert.deepEqual(code.enum, [...new Set([...rows, ...OF_ALL_SERVICES])].sort());
});

test('the program answers as openapi.yaml says and no other way', async (t) => {
  const shop = openShop();
  const site = await openSite(t, { config: { members: { keys: shop.file }, web: { page_kept: '5s' } } });
  const { front, redis } = site;
  const contract = openContract('queue-front/openapi.yaml');
  const admin = async (method, path, options) =>
    contract.check(method, path, await front.admin.call(method, path, options));
  const open = async (method, path, options) =>
    contract.check(method, path, await front.http.call(method, path, options));
  const bare = async (method, path, options) =>
    contract.check(method, path, await front.private.call(method, path, options));
  const html = { headers: { accept: 'text/html' } };
  const foreign = { headers: { origin: 'https://evil.example' } };
  const big = { body: 'x'.repeat(2000) };
  const huge = 'x'.repeat(70_000);
  const q = (call, event = 'show') => `/v1/queue/${event}/${call}`;

  // Operators: what is accepted, and the common refusals of each call.
  const ev = '/admin/events/show';
  const action = (name, event = 'show') => `/admin/events/${event}/actions/${name}`;
  const seats = `${ev}/seats-left`, presale = `${ev}/codes`, invitations = `${ev}/lanes/fans/invitations`;
  await admin('PUT', ev, { body: { ...FAST, name: 'Show', message: { en: 'hi' } } });
  await admin('PUT', ev, { body: FAST });
  await admin('PUT', ev, { body: {}, headers: { 'if-none-match': '*' } });
  await admin('GET', ev);
  await admin('PATCH', ev, { body: { grace_s: 1, message: { ko: '안녕' } } });
  await admin('PATCH', ev, { body: {}, headers: { 'if-match': '"x"' } });
  for (const path of ['/admin/events', '/admin/knobs', '/admin/whoami']) {
    await admin('GET', path);
    await bare('GET', path);
  }
  await admin('POST', action('resume'));
  await admin('POST', action('dance'));
  await admin('POST', action('open'), { headers: { 'if-match': '"999"' } });
  await admin('PUT', seats, { body: { seats_left: 3 } });
  await admin('PATCH', ev, { body: { seats_left: true } });
  await admin('PUT', seats, { body: { seats_left: 3 } });
  await admin('POST', action('undo'));
  await admin('PATCH', ev, { body: { seats_left: true } });
  await admin('PATCH', ev, { body: { appeal: { en: 'tel:+82-2-000-0000' } } });
  await admin('PATCH', ev, { body: { prices: { currency: 'KRW', categories: { R: { price: 143000 }, S: { price: 99000, gone: true } } } } });
  await admin('PATCH', ev, { body: { lanes: [{ id: 'fans', share: 30, invitations: 2 }] } });
  const codes = (await admin('GET', `${invitations}?limit=2`)).json.invitations;
  await admin('GET', `${ev}/lanes/vip/invitations`);
  await admin('PUT', presale, { body: { codes: ['FAN-CODE'], channel: 'club', uses: 2 } });
  await admin('GET', presale);
  await admin('DELETE', presale);
  await admin('GET', `${ev}/preview`);
  await admin('GET', `${ev}/fairness`);
  // Without a token, for an unknown event, and with bodies that are malformed, wrong or too large.
  const nix = { headers: { 'if-match': '"1"' } };
  for (const [method, path, body, ...wrong] of [
    ['PUT', ev, {}, '{', { burst: 0 }, huge], ['GET', ev], ['PATCH', ev, {}, '[', { colour: 'red' }, huge],
    ['POST', action('open'), undefined, '{', { because: 1 }, huge], ['PUT', seats, { seats_left: 3 }, '{', { seats: 3 }, huge],
    ['PUT', presale, { codes: ['FAN-CODE'] }, '{', { codes: ['x'] }, `{"codes": ["${'x'.repeat(100_000)}"]}`],
    ...[presale, `${ev}/audit`, `${ev}/series`, `${ev}/preview`, `${ev}/fairness`].map((read) => ['GET', read]), ['DELETE', presale],
  ]) {
    await bare(method, path, { body });
    await admin(method, path.replace('/show', '/none'), { body, ...(path === ev && method === 'PUT' && nix) });
    for (const one of wrong) await admin(method, path, { body: one });
  }
  for (const query of ['audit?limit=0', 'series?limit=0', 'preview?rate_per_s=x', 'lanes/fans/invitations?limit=0']) await admin('GET', `${ev}/${query}`);
  await bare('GET', invitations);

  // Visitors, before the opening and after it.
  assert.equal((await open('POST', q('join'))).json.code, 'event-not-open');
  await admin('POST', action('open'), { body: { why: 'doors' } });
  for (const call of ['join', 'pass', 'extend', 'session', 'leave', 'move']) {
    await open('POST', q(call, 'none'));
    await open('POST', q(call), foreign);
    await open('POST', q(call), big);
  }
  for (const call of ['me', 'status', 'stream', 'fairness', 'verify']) await open('GET', q(call, 'none'));
  const visitor = new Visitor(front, 'show');
  const asked = async (method, call, options) =>
    contract.check(method, q(call), await visitor.call(method, call, options));
  await asked('POST', 'join');
  await asked('POST', 'join');
  await asked('POST', 'join', html);
  await open('POST', q('join'), { headers: { 'x-invitation': 'x' } });
  await until('a place in the lane', async () =>
    (await open('POST', q('join'), { headers: { 'x-invitation': codes[0].code } })).status < 300);
  await open('GET', `${q('fairness')}?lane=fans`);
  await open('GET', `${q('fairness')}?lane=vip`);
  await open('POST', q('join'), { headers: { 'idempotency-key': 'ä' } });
  await open('POST', q('join'), { token: 'forged' });
  await open('GET', q('me'));
  await open('POST', q('pass'));
  await open('POST', q('extend'));
  await open('POST', q('leave'));
  await open('POST', q('session'));
  await open('GET', q('verify'));
  await asked('GET', 'me');
  await open('GET', q('fairness'));
  const status = await open('GET', q('status'));
  await open('GET', q('status'), { headers: { 'if-none-match': status.headers.etag } });
  const stream = await openStream({ port: front.port, path: q('stream') });
  const { data } = await stream.find('a status', (e) => e.event === 'status');
  stream.close();
  contract.check('GET', q('status'), { status: 200, headers: status.headers, json: JSON.parse(data) });
  contract.check('GET', q('stream'), { status: stream.status, headers: stream.headers, text: data });

  // Called, inside, and out again.
  await visitor.untilCalled();
  await asked('GET', 'me');
  await asked('POST', 'extend');
  await asked('POST', 'extend', html);
  await until('no further extension', async () => (await asked('POST', 'extend')).status === 409);
  await asked('POST', 'extend', html);
  const pass = await asked('POST', 'pass');
  await asked('GET', 'me');
  await asked('POST', 'extend');
  assert.equal(claims(pass.json.pass).aud, 'show');
  await asked('POST', 'pass');
  await asked('POST', 'pass', html);
  await asked('POST', 'session');
  await asked('POST', 'session', html);
  await asked('GET', 'verify');
  const forge = (token) => `${token.split('.').slice(0, 2).join('.')}.${Buffer.alloc(64, 7).toString('base64url')}`;
  const forged = { token: forge(pass.json.pass), headers: { 'x-forwarded-for': '192.0.2.9' } };
  await until('too many wrong passes', async () => (await open('GET', q('verify'), forged)).status === 429, { everyMs: 1 });
  assert.equal((await open('POST', q('session'), forged)).status, 429);
  assert.equal((await open('POST', q('leave'), forged)).status, 429);
  const end = (session) => `/internal/sessions/${session}/end`;
  await admin('POST', end(pass.json.session), { body: '{' });
  await admin('POST', end(pass.json.session));
  await admin('POST', end(pass.json.session), { body: { order: 'o_1' } });
  await bare('POST', end(pass.json.session));
  await admin('POST', end(mangled(pass.json.session)));
  await asked('POST', 'session');
  await asked('POST', 'pass');
  await asked('POST', 'extend');
  await asked('POST', 'session', html);
  await asked('POST', 'leave');
  await visitor.joined();
  await asked('POST', 'leave', html);
  await until('a sample', async () => (await front.admin.get(`${ev}/series`)).json.series.length > 0);
  await admin('GET', `${ev}/series`);
  await admin('GET', `${ev}/audit`);

  // To another device and back.
  await admin('PATCH', ev, { body: { rate_per_s: 0 } });
  const laptop = new Visitor(front, 'show'), phone = new Visitor(front, 'show');
  await laptop.joined();
  const move = async (who, body = {}, options = {}) =>
    contract.check('POST', q('move'), await who.call('POST', 'move', { body, ...options }));
  const { code } = (await move(laptop)).json;
  await move(phone, { code: 'x' });
  await move(phone, { code: 1 });
  await move(phone, { code });
  assert.equal((await move(laptop)).json.code, 'ticket-moved');
  await move(laptop, { code });
  const { code: back } = (await move(phone)).json;
  await move(laptop, `code=${back}`, {
    headers: { ...html.headers, 'content-type': 'application/x-www-form-urlencoded' } });
  await admin('PUT', '/admin/events/other', { body: { ...FAST, rate_per_s: 0 } });
  await admin('POST', action('open', 'other'));
  const guesser = await Visitor.withPlace(front, 'other');
  const guess = (await guesser.call('POST', 'move', { body: {} })).json.code;
  assert.equal((await move(phone, { code: guess })).status, 404);
  await until('the end of patience', async () => (await move(phone, { code: guess })).status === 429);
  await admin('PATCH', ev, { body: FAST });
  await laptop.entered();
  assert.equal((await move(laptop)).json.code, 'already-inside');

  // Members.
  await admin('PUT', '/admin/events/club', { body: { ...FAST, member_required: true } });
  await admin('POST', action('open', 'club'));
  const there = (token) => ({ headers: { 'x-member-token': token, 'x-forwarded-for': '192.0.2.9' } });
  const kim = (await open('POST', q('join', 'club'), there(shop.token('kim')))).json.ticket;
  const nobody = there(forge(shop.token('kim')));
  await until('too many wrong tokens', async () => (await open('POST', q('join', 'club'), nobody)).status === 429, { everyMs: 1 });
  assert.equal((await open('POST', q('pass', 'club'), { token: kim, ...nobody })).status, 429);

  // Work before a place.
  await admin('PATCH', ev, { body: { pow_bits: 8 } });
  await open('POST', q('join'));
  await open('POST', q('join'), { headers: { 'x-proof-of-work': 'x' } });
  await admin('PATCH', ev, { body: { pow_bits: 0 } });

  // Paused, limited, sold out, ended.
  await admin('PATCH', ev, { body: { rate_per_s: 0, burst: 1, joins_per_ip_per_min: 1, appeal: { en: 'tel:1' } } });
  await new Visitor(front, 'show').joined({ headers: { 'x-forwarded-for': '192.0.2.2' } }); // takes the rest of the burst
  await visitor.joined({ headers: { 'x-forwarded-for': '192.0.2.1' } });
  assert.equal((await asked('POST', 'pass')).json.code, 'not-yet');
  const limited = await until('the limit', async () => {
    const answer = await open('POST', q('join'), { headers: { 'x-forwarded-for': '192.0.2.1' } });
    return answer.status === 429 && answer.json;
  });
  await admin('PATCH', ev, { body: { line_max: 1, joins_per_ip_per_min: 0 } });
  await until('the line to be full, once nobody is called any more', async () => {
    const { status, json } = await open('POST', q('join'));
    return status === 503 && json.code === 'line-full' && (await open('GET', q('status'))).json.full;
  });
  await admin('PATCH', ev, { body: { line_max: 0 } });
  const appeal = `${ev}/appeals/${limited.reference}`;
  await admin('GET', appeal);
  await bare('GET', appeal);
  await admin('GET', `${ev}/appeals/AAAAAAAA`);
  await admin('GET', '/admin/events/none/appeals/AAAAAAAA');
  await admin('POST', action('sold-out'));
  assert.equal((await open('POST', q('join'))).json.code, 'event-sold-out');
  await asked('POST', 'pass');
  await asked('GET', 'me');

  // A document from a newer program, and an unreadable one.
  const lane = '/admin/events/odd/lanes/fans/invitations';
  await admin('PUT', '/admin/events/odd', { body: { lanes: [{ id: 'fans', share: 30, invitations: 3 }] } });
  const stored = JSON.parse(await redis.command('HGET', 'fg:{odd}:cfg', 'doc'));
  const store = async (document) => {
    await redis.command('HSET', 'fg:{odd}:cfg', 'doc', JSON.stringify(document));
    await redis.command('HINCRBY', 'fg:{odd}:cfg', 'version', 1);
  };
  await store({ ...stored, needs: 1, confetti: true });
  await until('the newer one', async () => (await admin('PATCH', '/admin/events/odd', { body: { burst: 5 } })).status === 409);
  await store({ ...stored, needs: 4 });
  await until('what cannot be read', async () => (await admin('GET', '/admin/events/odd')).status === 503);
  await admin('GET', '/admin/events');
  await admin('GET', lane);
  assert.deepEqual(Object.keys((await admin('POST', action('open', 'odd'))).json), ['id', 'state', 'version']);
  assert.equal((await open('POST', q('join', 'odd'))).json.code, 'document-unreadable');

  // Pages and keys.
  const keeps = await open('GET', '/e/show');
  await open('GET', '/e/show', { headers: { 'if-none-match': keeps.headers.etag } });
  for (const path of ['/e/none', '/e/show/mine', '/e/none/mine']) await open('GET', path);
  await open('GET', '/e/show/fairness');
  await open('GET', '/e/none/fairness');
  await bare('GET', '/design');
  const page = await bare('GET', '/console');
  await bare('GET', /href="(\/console\/-[^"]+\.css)"/.exec(page.text)[1]);
  await bare('GET', '/console/-/0/nothing.js');
  await open('GET', '/console');
  await open('GET', '/design');
  await open('GET', '/.well-known/jwks.json');
  await admin('GET', '/.well-known/jwks.json');

  // The end.
  const over = '/admin/events/over';
  const named = { 'if-match': '"2"' };
  await admin('PUT', over, { body: { name: 'Over' } });
  await admin('GET', `${over}/archive`);
  await admin('POST', action('archive', 'over'), { headers: { 'if-match': '"1"' } });
  await admin('POST', action('close', 'over'));
  await admin('PUT', `${over}/codes`, { body: { codes: ['FAN-CODE'] } });
  await admin('DELETE', `${over}/codes`);
  await admin('GET', `${over}/archive`);
  await admin('GET', `${over}/archive?from=somewhere`);
  await bare('GET', `${over}/archive`);
  await admin('GET', '/admin/events/none/archive');
  await until('it to be over', async () => (await admin('GET', '/admin/ended')).json.events[0]?.id === 'over');
  await admin('GET', '/admin/ended?limit=none');
  await bare('GET', '/admin/ended');
  await admin('POST', action('archive', 'over'));
  await admin('DELETE', over, { headers: named });
  await admin('POST', action('archive', 'over'), { headers: named });
  await admin('DELETE', over);
  let kept = '';
  for (let next = `${over}/archive`; next; ) {
    const part = await admin('GET', next);
    kept += part.text;
    next = part.headers.link?.match(/^<([^>]+)>; rel="next"$/)?.[1];
  }
  const restore = action('restore', 'over');
  await admin('POST', restore, { body: kept });
  await admin('POST', restore, { body: 'x' });
  await admin('POST', restore, { body: kept, headers: { 'x-operator': 'x'.repeat(100) } });
  await admin('POST', action('restore', 'none'), { body: kept });
  await bare('POST', restore, { body: kept });
  await admin('DELETE', over, { headers: { 'if-match': '"1"' } });
  await admin('DELETE', over, { headers: { ...named, 'x-operator': 'x'.repeat(100) } });
  await bare('DELETE', over, { headers: named });
  await admin('DELETE', '/admin/events/none', { headers: named });
  await admin('DELETE', over, { headers: named });
  await until('its id to be free', async () => (await admin('POST', restore, { body: kept })).status === 201);
  await admin('GET', '/admin/audit');
  await admin('GET', '/admin/audit?limit=none');
  await admin('GET', '/admin/audit?before=0-0');
  await bare('GET', '/admin/audit');

  // Without Redis: the known state is returned, the rest is refused.
  await redis.kill();
  await until('the picture to be old', async () => (await asked('GET', 'me')).json.stale);
  await open('GET', q('status'));
  await open('POST', q('join'));
  await asked('POST', 'pass');
  await asked('POST', 'extend');
  await asked('POST', 'leave');
  await asked('POST', 'move');
  await open('POST', q('session'), { token: pass.json.pass });
  await admin('POST', end(pass.json.session));
  await admin('PATCH', ev, { body: { burst: 3 } });
  await admin('PUT', ev, { body: { lanes: [{ id: 'fans', share: 30 }] } });
  await admin('POST', action('open'));
  await admin('PUT', seats, { body: { seats_left: 3 } });
  await admin('GET', `${ev}/audit`);
  await admin('GET', `${ev}/series`);
  await admin('POST', restore, { body: kept });
  await admin('PUT', presale, { body: { codes: ['FAN-CODE'] } });
  await admin('GET', presale);
  await admin('DELETE', presale);
  for (const path of ['/admin/ended', '/admin/audit', '/admin/events/none', '/admin/events/none/archive', '/admin/events/none/appeals/AAAAAAAA'])
    await admin('GET', path);
  await admin('DELETE', ev, { headers: { 'if-match': (await admin('GET', ev)).headers.etag } });

  // Just restarted, it knows no event yet, and does not deny any.
  await front.kill();
  await front.start(false);
  await until('it to listen', async () => (await front.private.get('/healthz')).status === 200);
  for (const call of ['status', 'me', 'stream', 'fairness', 'verify']) {
    const answer = await open('GET', q(call), { token: pass.json.pass });
    assert.deepEqual([answer.json.code, answer.headers['retry-after']], ['starting', '1'], call);
  }
  assert.equal((await open('POST', q('join'))).json.code, 'starting');
  for (const path of ['/e/show', '/e/show/mine', '/e/show/fairness']) await open('GET', path);

  assert.deepEqual(contract.unseen().filter((promise) => !OUT_OF_REACH.includes(promise)), []);
});
