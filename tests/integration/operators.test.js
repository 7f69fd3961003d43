// Operators as persons: tokens of an OpenID Connect issuer at the private listeners of all three services.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { assertProblem, assertStatus, openScope, until } from '../lib-js/index.js';
import { AUDIENCE, CLIENT, openIssuer } from '../lib-js/issuer.js';
import { EVENT, openWorld } from './payment-adapter/lib/world.js';
import { makeEvent, openSite, startFront } from './queue-front/support.js';
import { hall, importHall, openPostgres, openSeats } from './seat-service/site.js';

const ROLES = {
  ann: { email: 'ann@house.example', email_verified: true, roles: ['admin'] },
  kim: { email: 'kim@house.example', email_verified: true, roles: ['viewer', 'calendar'] },
  lee: { groups: ['operator:hero-*', 'viewer'] },
  may: { roles: ['operator'], fairgate_events: ['hero-lim'] },
  zoe: { roles: ['kitchen'] },
};
const settings = (issuer, more = {}) => ({ issuer: issuer.url, audience: AUDIENCE, keys: `${issuer.url}/jwks`, ...more });
// Repeats a call until the issuer's keys are known: the set is fetched again when a token names an unknown key.
const knowing = (call) => until('the keys', async () => {
  const answer = await call();
  return answer.json?.code !== 'operator-keys-awaited' && answer;
});
const PATCH = (event) => ['PATCH', `/admin/events/${event}`, { body: { burst: 7 } }];

describe('operator accounts at the waiting room', () => {
  const scope = openScope(test);
  let issuer;
  let site;
  const token = {};

  const as = (shown, method, path, options = {}) => site.front.private.call(method, path, { token: shown, ...options });
  const once = (...call) => knowing(() => as(...call));

  before(async () => {
    issuer = await openIssuer(scope);
    for (const [name, claims] of Object.entries(ROLES)) issuer.account(name, claims);
    issuer.account('nightly', { roles: ['operator'] });
    site = await openSite(undefined, { scope, config: { operators: settings(issuer) } });
    for (const id of ['hero-lim', 'other']) await makeEvent(site, id);
    for (const name of Object.keys(ROLES)) token[name] = (await issuer.login(name)).access_token;
    await once(token.ann, 'GET', '/admin/events');
  });

  // judges: roles
  test('a role permits its own calls, for its own events only', async () => {
    const may = [
      ['ann', 'GET', '/admin/events', 200], ['ann', ...PATCH('other'), 200], ['ann', 'PUT', '/log/level', { body: { level: 'info' } }, 204],
      ['kim', 'GET', '/admin/events', 200], ['kim', 'GET', '/admin/events/other', 200], ['kim', 'GET', '/admin/events/other/audit', 200],
      ['lee', 'GET', '/admin/events/other', 200], ['lee', ...PATCH('hero-lim'), 200],
      ['may', 'GET', '/admin/events/hero-lim', 200], ['may', 'GET', '/admin/events?id=hero-lim', 200], ['may', ...PATCH('hero-lim'), 200], ['may', 'GET', '/admin/knobs', 200],
    ];
    const mayNot = [
      ['kim', ...PATCH('hero-lim'), 'operator-role-needed'], ['kim', 'PUT', '/log/level', { body: { level: 'debug' } }, 'operator-role-needed'],
      ['lee', ...PATCH('other'), 'operator-event-refused'], ['lee', 'DELETE', '/admin/events/hero-lim', 'operator-role-needed'],
      ['lee', 'PUT', '/admin/events/hero-new', { body: {} }, 'operator-role-needed'], ['lee', 'POST', '/internal/sessions/x/end', 'operator-role-needed'],
      ['may', 'GET', '/admin/events', 'operator-event-refused'], ['may', 'GET', '/admin/events/other', 'operator-event-refused'],
      ['may', 'GET', '/admin/events?id=other', 'operator-event-refused'], ['may', 'GET', '/admin/events?id=', 'operator-event-refused'],
      ['may', 'GET', '/admin/events?id=other&id=hero-lim', 'operator-event-refused'], ['may', 'GET', '/admin/ended?id=hero-lim', 'operator-event-refused'],
      ['may', 'GET', '/admin/audit', 'operator-event-refused'], ['may', ...PATCH('hero-lim-2'), 'operator-event-refused'],
      ['zoe', 'GET', '/admin/events', 'operator-role-needed'], ['zoe', 'GET', '/admin/whoami', 'operator-role-needed'],
      ['kim', 'GET', '/nowhere', 'operator-role-needed'], ['kim', 'GET', '/admin/events/hero-lim/archive', 'operator-role-needed'],
      ['kim', 'GET', '/admin/events/hero-lim/lanes/vip/invitations', 'operator-role-needed'],
    ];
    for (const [who, method, path, ...rest] of may) {
      const answer = await as(token[who], method, path, rest.length > 1 ? rest[0] : {});
      assert.equal(answer.status, rest.at(-1), `${who} ${method} ${path}: ${answer.text}`);
    }
    for (const [who, method, path, ...rest] of mayNot) assertProblem(await as(token[who], method, path, rest.length > 1 ? rest[0] : {}), 403, rest.at(-1));
  });

  test('trail and log name the operator', async () => {
    assert.equal((await as(token.ann, 'PATCH', '/admin/events/other', { body: { burst: 9 } })).status, 200);
    assert.equal((await as(token.may, 'PATCH', '/admin/events/hero-lim', { body: { burst: 9 } })).status, 200);
    assertProblem(await as(token.may, 'PATCH', '/admin/events/hero-lim', { body: { burst: 8 }, headers: { 'x-operator': 'kim' } }), 400, 'operator-invalid');
    const who = async (event) => (await site.front.admin.get(`/admin/events/${event}/audit`)).json.audit[0].who;
    assert.deepEqual([await who('other'), await who('hero-lim')], ['ann@house.example', 'may']);
    await until('the log to name them', () => /"path":"\/admin\/events\/other","operator":"ann@house.example"/.test(site.front.child.log()));
  });

  test('whoami shows the token\'s owner and roles', async () => {
    const told = async (shown) => {
      const { expires_at: until_, ...rest } = (await as(shown, 'GET', '/admin/whoami')).json;
      assert.ok(Date.parse(until_) > Date.now());
      return rest;
    };
    assert.deepEqual(await told(token.kim), { by: 'issuer', name: 'kim@house.example', role: 'viewer', grants: [{ role: 'viewer' }] });
    assert.deepEqual(await told(token.lee), { by: 'issuer', name: 'lee', role: 'operator', grants: [{ role: 'viewer' }, { role: 'operator', events: 'hero-*' }] });
    assert.deepEqual((await site.front.admin.get('/admin/whoami')).json, { by: 'admin-token', role: 'admin' });
  });

  test('tokens of each algorithm are accepted, and a machine\'s with a role', async () => {
    for (const alg of ['ES256', 'EdDSA', 'RS256']) {
      issuer.alg = alg;
      const { access_token: shown } = await issuer.login('kim');
      assert.equal(JSON.parse(Buffer.from(shown.split('.')[0], 'base64url')).alg, alg);
      assert.equal((await as(shown, 'GET', '/admin/events')).status, 200, alg);
    }
    assert.equal((await as(await issuer.machine(), ...PATCH('other'))).status, 200);
    assert.equal((await as(issuer.forge({ roles: ['viewer'] }), 'GET', '/admin/events')).status, 200, 'what the next test changes');
  });

  test('invalid tokens are refused, and no answer repeats them; each is counted by its reason, none without a token', async () => {
    const now = Math.floor(Date.now() / 1000);
    const all = { roles: ['admin'] };
    const refused = {
      signature: {
        none: issuer.forge(all, { header: { alg: 'none' } }),
        'HS256 by the public key': issuer.forge(all, { header: { alg: 'HS256' } }),
        'ES256 by the RSA key': issuer.forge(all, { header: { alg: 'ES256' } }),
        'RS256 by the EC key': issuer.forge(all, { alg: 'ES256', header: { alg: 'RS256' } }),
        'another algorithm': issuer.forge(all, { header: { alg: 'PS256' } }),
        'a changed role': changed(token.kim, (claims) => { claims.roles = ['admin']; }),
      },
      form: {
        'an extension': issuer.forge(all, { header: { crit: ['x'], x: 1 } }),
        'another kind of token': issuer.forge(all, { header: { typ: 'logout+jwt' } }),
        'no name of a key': issuer.forge(all, { header: { kid: undefined } }),
        'without an end': issuer.forge({ ...all, exp: undefined }),
        'an end that is a text': issuer.forge({ ...all, exp: String(now + 300) }),
        nobody: issuer.forge({ ...all, sub: undefined }),
        'a name with a line in it': issuer.forge({ ...all, sub: 'kim\nadmin' }),
        'too long': issuer.forge({ ...all, groups: ['x'.repeat(8000)] }),
      },
      audience: {
        another: issuer.forge({ ...all, aud: 'https://wiki.example' }),
        none: issuer.forge({ ...all, aud: undefined }),
        'of an ID token, which is for the client': (await issuer.login('ann')).id_token,
      },
      issuer: { another: issuer.forge({ ...all, iss: `${issuer.url}/` }) },
      time: {
        'too early': issuer.forge({ ...all, nbf: now + 120 }),
        'from the future': issuer.forge({ ...all, iat: now + 120, exp: now + 300 }),
        'for weeks': issuer.forge({ ...all, exp: now + 20 * 86400 }),
      },
    };
    const counted = { ...Object.fromEntries(Object.entries(refused).map(([reason, tokens]) => [reason, Object.keys(tokens).length])), expired: 1, keys: 1, role: 1, event: 1, unknown: 2 };
    const count = async () => {
      const metrics = await site.front.metrics();
      return Object.keys(counted).map((reason) => metrics.get(`fairgate_operator_tokens_refused_total{reason="${reason}"}`));
    };
    const before_ = await count();
    for (const [what, shown] of Object.values(refused).flatMap(Object.entries)) {
      const answer = await as(shown, 'GET', '/admin/events');
      assert.equal(answer.json?.code, 'operator-token-refused', `${what}: ${answer.text}`);
      assertProblem(answer, 401, 'operator-token-refused');
      assert.match(answer.headers['www-authenticate'], /^Bearer error="invalid_token"$/);
      for (const part of shown.split('.').filter((one) => one.length > 8)) assert.ok(!answer.text.includes(part) && !site.front.child.log().includes(part), what);
    }
    assertProblem(await as(issuer.forge({ ...all, iat: now - 400, exp: now - 100 }), 'GET', '/admin/events'), 401, 'operator-token-expired');
    for (const shown of ['x', 'ey.a', undefined]) assertProblem(await as(shown, 'GET', '/admin/events'), 401, 'admin-token-required');
    for (const shown of [issuer.forge(all, { header: { kid: 'made-up' } }), token.zoe, token.may]) assert.ok((await as(shown, 'GET', '/admin/events')).status >= 400);
    await as(token.kim, 'GET', '/admin/events');
    assert.deepEqual((await count()).map((n, at) => n - before_[at]), Object.values(counted));
  });

  test('an ID token opens where the audience is the client', async (t) => {
    const other = openScope(t);
    const config = { operators: settings(issuer, { audience: CLIENT }) };
    const front = await startFront({ ...site, scope: other }, config);
    const { id_token: shown, access_token: access } = await issuer.login('ann');
    const answer = await knowing(() => front.private.get('/admin/whoami', { token: shown }));
    assert.deepEqual([answer.json.name, answer.json.role], ['ann@house.example', 'admin']);
    assertProblem(await front.private.get('/admin/whoami', { token: access }), 401, 'operator-token-refused');
  });

  test('an unknown key id refetches the keys, at most once a second', async () => {
    const old = token.kim;
    issuer.rotate();
    const { access_token: shown } = await issuer.login('kim');
    await until('the new key to be known', async () => (await as(shown, 'GET', '/admin/events')).status === 200);
    assertProblem(await once(old, 'GET', '/admin/events'), 401, 'operator-token-refused');
    const [asked, began] = [issuer.keyCalls, Date.now()];
    for (let i = 0; i < 100; i += 1) await as(issuer.forge({}, { header: { kid: `made-up-${i}` } }), 'GET', '/admin/events');
    const seconds = Math.ceil((Date.now() - began) / 1000);
    assert.ok(issuer.keyCalls - asked <= seconds + 1, `${issuer.keyCalls - asked} times in ${seconds} s`);
    token.kim = shown;
  });

  test('an issuer\'s outage locks nobody out; a front without keys gets 503', async (t) => {
    const other = openScope(t);
    issuer.away = true;
    assert.equal((await as((await issuer.login('kim')).access_token, 'GET', '/admin/events')).status, 200);
    const front = await startFront({ ...site, scope: other }, { operators: settings(issuer) });
    assertProblem(await front.private.get('/admin/events', { token: token.kim }), 503, 'operator-keys-awaited');
    assert.equal((await front.admin.get('/admin/events')).status, 200, 'the admin token breaks the glass');
    issuer.away = false;
    await until('the keys to come', async () => (await front.private.get('/admin/events', { token: token.kim })).status === 200);
  });

  test('keys may be in a file, and a setting that allows too much is refused', async (t) => {
    const other = openScope(t);
    const path = join(other.tempDir('keys-'), 'jwks.json');
    writeFileSync(path, JSON.stringify({ keys: issuer.keys.map(({ d, p, q, dp, dq, qi, ...jwk }) => jwk) }));
    const front = await startFront({ ...site, scope: other }, { operators: settings(issuer, { keys: path, role_prefix: 'fairgate-' }) });
    const shown = issuer.forge({ groups: ['fairgate-viewer', 'admin'] });
    const answer = await knowing(() => front.private.get('/admin/whoami', { token: shown }));
    assert.equal(answer.json.role, 'viewer');
    for (const [more, says] of [[{ audience: '' }, 'operators.audience'], [{ keys: '' }, 'operators.keys'], [{ keys: 'http://id.example/jwks' }, 'operators.keys']]) {
      const bad = await startFront({ ...site, scope: other }, { operators: settings(issuer, more), ready: false });
      bad.child.mayEnd = true;
      await until('it to end', () => bad.child.log().includes(says));
    }
  });
});

describe('operator accounts at the seats and the payments', () => {
  const scope = openScope(test);
  let issuer;
  const desk = 'the-token-of-the-desk-0123456789'; // a static token with a name, not an operator's
  let seats;
  let world;
  let pay;

  before(async () => {
    issuer = await openIssuer(scope);
    const operatorsFile = join(scope.tempDir('operators-'), 'operators');
    writeFileSync(operatorsFile, `desk@night ${desk}\n`, { mode: 0o600 });
    const config = { operators: settings(issuer), private: { operators_file: operatorsFile } };
    seats = await openSeats(scope, await openPostgres(scope), { config });
    for (const id of ['hero-lim', 'other']) await importHall(seats, id, hall());
    world = await openWorld(scope, config);
    pay = world.pay;
    for (const service of [seats, pay]) await ask(service, issuer.forge({ roles: ['viewer'] }), 'GET', '/admin/whoami');
  });

  const ask = (service, token, method, path, options = {}) => knowing(() => service.private.call(method, path, { token, ...options }));

  // judges: roles
  test('seats and payments permit calls by role and event', async () => {
    const may = [
      [seats, 'viewer', 'GET', '/admin/events'], [seats, 'viewer:hero-*', 'GET', '/admin/events/hero-lim/counts'], [seats, 'operator:hero-*', 'POST', '/admin/events/hero-lim/block'],
      [seats, 'operator', 'GET', '/admin/events/other/document'], [seats, 'admin', 'POST', '/admin/events/other/price'], [seats, 'viewer', 'GET', '/admin/whoami'],
      [pay, 'viewer', 'GET', '/admin/sagas'], [pay, 'viewer:hero-*', 'GET', '/admin/events/hero-lim/refund-terms'], [pay, 'operator', 'POST', '/admin/reconcile'],
      [pay, 'admin', 'POST', '/admin/orders/nothing/refund'], [pay, 'viewer', 'GET', '/admin/whoami'],
      [pay, 'viewer', 'GET', '/admin/orders'], [pay, 'operator', 'POST', '/admin/orders/nothing/mail'], [pay, 'operator:hero-*', 'POST', '/admin/events/hero-lim/pictures'],
      [pay, 'desk', 'GET', '/admin/orders'], [pay, 'desk', 'POST', '/admin/orders/nothing/refund'], [pay, 'desk', 'POST', '/admin/orders/nothing/move'], [pay, 'desk', 'POST', '/admin/orders/nothing/transfer'],
      [pay, 'finance', 'POST', '/admin/orders/nothing/refund'], [pay, 'finance:hero-*', 'POST', '/admin/events/hero-lim/cancellation'],
      [pay, 'finance', 'PUT', '/admin/events/other/postponement'], [pay, 'finance', 'POST', '/admin/reconcile/0123456789abcdef/accept'], [seats, 'finance', 'GET', '/admin/events'],
    ];
    const mayNot = [
      [seats, 'viewer', 'POST', '/admin/events/other/block'], [seats, 'operator', 'POST', '/admin/events/other/price'],
      [seats, 'operator', 'PUT', '/admin/events/other'], [seats, 'operator', 'POST', '/internal/events/other/holds/x/release'], [seats, 'viewer:hero-*', 'GET', '/admin/events'],
      [seats, 'operator:hero-*', 'POST', '/admin/events/other/block'], [seats, 'viewer', 'GET', '/admin/events/other/document'],
      [pay, 'viewer', 'POST', '/admin/reconcile'], [pay, 'operator', 'POST', '/admin/orders/nothing/refund'], [pay, 'operator', 'POST', '/admin/orders/nothing/move'],
      [pay, 'operator', 'PUT', '/admin/events/other/refund-terms'], [pay, 'operator', 'POST', '/admin/sagas/1/compensate'], [pay, 'admin:hero-*', 'POST', '/admin/orders/nothing/refund'],
      [pay, 'viewer:hero-*', 'GET', '/admin/sagas'], [pay, 'operator', 'POST', '/admin/reconcile/0123456789abcdef/accept'], [pay, 'operator', 'POST', '/admin/orders/nothing/revoke-tickets'],
      [pay, 'viewer', 'POST', '/admin/orders/nothing/mail'], [pay, 'viewer:hero-*', 'GET', '/admin/orders'],
      [pay, 'operator', 'POST', '/admin/events/other/cancellation'], [pay, 'operator', 'PUT', '/admin/events/other/postponement'], [pay, 'desk', 'POST', '/admin/events/other/cancellation'], [pay, 'finance', 'POST', '/admin/events/other/pictures'],
      [pay, 'finance', 'POST', '/admin/orders/nothing/move'], [pay, 'operator', 'POST', '/admin/orders/nothing/transfer'], [pay, 'desk', 'PUT', '/admin/events/other/refund-terms'], [seats, 'desk', 'POST', '/admin/events/other/block'],
      [seats, 'finance', 'POST', '/admin/events/other/price'], [pay, 'finance:hero-*', 'POST', '/admin/events/other/cancellation'],
    ];
    const as = (service, role, method, path) => ask(service, issuer.forge({ roles: [role] }), method, path, method === 'GET' ? {} : { body: {} });
    for (const [service, role, method, path] of may) {
      const { status, text } = await as(service, role, method, path);
      assert.ok(status !== 401 && status !== 403, `${role} ${method} ${path}: ${status} ${text}`);
    }
    for (const [service, role, method, path] of mayNot) {
      const { status, json } = await as(service, role, method, path);
      assert.ok(status === 403 && /^operator-(role-needed|event-refused)$/.test(json.code), `${role} ${method} ${path}: ${status}`);
    }
    for (const service of [seats, pay]) assertProblem(await service.private.get('/admin/whoami', { token: issuer.forge({ aud: 'x' }) }), 401, 'operator-token-refused');
  });

  test('the trails of seats and payments name the operator', async () => {
    const lee = issuer.forge({ sub: 'lee', roles: ['admin'] });
    const admin = seats.secrets.read('admin-token');
    assertStatus(await ask(seats, lee, 'PUT', '/admin/events/trail', { body: hall() }), 201);
    const [block, price] = [{ seats: ['r1s1'], reason: 'camera' }, { prices: { Front: 1000 }, reason: 'few came' }];
    for (const [token, method, body] of [[lee, 'block', block], [desk, 'unblock', block], [admin, 'block', block], [lee, 'price', price], [admin, 'price', { prices: { Front: 2000 } }]]) {
      assertStatus(await ask(seats, token, 'POST', `/admin/events/trail/${method}`, { body }), 200);
    }
    const told = await until('the auditor to have written it', async () => {
      const { acts } = (await seats.admin.get('/admin/events/trail/audit')).json;
      return acts.length === 6 && acts;
    });
    assert.deepEqual(told.map(({ act, who }) => [act, who]), [['priced', undefined], ['priced', 'lee'], ['blocked', undefined], ['unblocked', 'desk@night'], ['blocked', 'lee'], ['imported', 'lee']]);

    world.psp.autoPay = true;
    const buyer = await world.login();
    const order = await world.orderedAs(buyer, 'completed');
    const [seat] = (await buyer.get(`/v1/pay/orders/${order}`)).json.seats;
    const acts = async (subject) => (await pay.admin.get(`/admin/events/${EVENT}/audit?subject=${subject}`)).json.acts;
    const done = async (token, path, body, { method = 'POST', ...options } = {}) => {
      const answer = await ask(pay, token, method, path, { body, ...options });
      assert.ok(answer.status < 300, `${path}: ${answer.text}`);
      return answer.json;
    };
    await done(desk, `/admin/orders/${order}/move`, { seats: [{ from: seat, to: 'Z-1' }], reason: 'a camera' });
    const sagas = async () => (await pay.admin.get(`/admin/sagas?state=all&order=${order}`)).json.sagas;
    await until('the move to end', async () => (await sagas()).find(({ definition, state }) => definition === 'move.1' && state === 'completed'));
    const { tickets } = (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json;
    const { ticket, token } = tickets.find(({ state }) => state === 'valid');
    const { scanner } = await done(lee, `/admin/events/${EVENT}/scanners`, { gate: 'north', reason: 'the doors open' });
    await done(desk, `/admin/events/${EVENT}/scanners/${scanner}/revoke`, { reason: 'lost' });
    await done(lee, `/admin/events/${EVENT}/refund-terms`, { by: 'operator', percent: 100, handed_on: false, reason: 'put off' }, { method: 'PUT', headers: { 'if-match': '"0"' } });
    await done(lee, '/admin/checkin', { event: EVENT, gate: 'north', token });
    await done(desk, '/admin/checkin/undo', { event: EVENT, gate: 'north', token, reason: 'a slip' });
    world.psp.fault('POST /v1/refunds', 500, Infinity);
    await done(lee, `/admin/orders/${order}/refund`, { reason: 'they called' });
    const waits = await until('the refund to wait', async () => (await sagas()).find(({ definition, step, tries }) => definition === 'refund.2' && step === 'refund_payment' && tries > 0));
    const { timeline } = await done(desk, `/admin/sagas/${waits.saga}/retry`, { reason: 'they are back' });
    world.psp.heal(); // not earlier: it would end by itself
    assert.deepEqual(timeline.filter(({ result }) => result === 'operator').map(({ code, who }) => [code, who]), [['retry', 'desk@night']]);
    await world.untilStatus(buyer, order, 'refunded');
    const whoOf = async (subject) => (await acts(subject)).map(({ act, actor, who }) => [act, actor, who]);
    assert.deepEqual(await whoOf(order), [['saga-retried', 'operator', 'desk@night'], ['refund', 'operator', 'lee'], ['move', 'operator', 'desk@night']]);
    assert.deepEqual(await whoOf(scanner), [['scanner-revoked', 'operator', 'desk@night'], ['scanner-created', 'operator', 'lee']]);
    assert.deepEqual(await whoOf(EVENT), [['refund-terms', 'operator', 'lee']]);
    assert.deepEqual(await whoOf(ticket), [['undo', 'operator', 'desk@night'], ['in', 'operator', 'lee']]);
  });
});

function changed(token, change) {
  const [head, body, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  change(claims);
  return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}
