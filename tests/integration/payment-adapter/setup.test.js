// GET /admin/setup: lists the settings that are not fit for a sale.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope, { users: { connections: 1 } });

const found = async (pay = world.pay, query = '') => {
  const { status, json } = await pay.admin.get(`/admin/setup${query}`);
  assert.equal(status, 200);
  for (const { what, mend } of json.findings) assert.ok(what.length > 20 && mend.length > 20, what);
  return json.findings.map(({ code, setting, level }) => `${level} ${code} ${setting}`).sort();
};
const FIT = { // unresolvable names: these processes call nobody
  web: { public_url: 'https://tickets.fairgate.internal' },
  psp: { stripe_url: 'https://stripe.fairgate.internal', stripe_key: world.secret('live-key', 'sk_live_0123456789'), stripe_checkout_url: '' },
  mail: { from: 'tickets@fairgate.internal' },
};

const lacking = async (pay) => {
  const { status, json } = await pay.private.get('/readyz');
  assert.equal(status, json.ready ? 200 : 503);
  return (json.reasons ?? []).map(({ condition }) => condition);
};

test('each setting that is an example or a stand-in is reported, without any key', async () => {
  const untilLetIn = () => until('the user database to let it in', async () => {
    const all = await found();
    return !all.includes('bad users-away users.conninfo') && all;
  });
  assert.deepEqual(await untilLetIn(), [
    'bad placeholder mail.from', 'bad placeholder web.public_url', 'note local psp.stripe_url', 'note test-key psp.stripe_key',
  ]);
  const { text } = await world.pay.admin.get('/admin/setup');
  assert.ok(!text.includes(world.psp.key) && text.includes('tickets.example'), text);
  assert.equal((await world.pay.private.get('/admin/setup')).status, 401);
});

test('settings that are fit for a sale have no finding', async () => {
  const pay = await world.startPay(FIT);
  await until('the user database to let it in', async () => (await found(pay)).length === 0);
  const inCurrencies = await Promise.all(['ISK', 'MGA', 'KRW', 'isk', 'ISKR', '%ff%ff%ff', ''].map((currency) => found(pay, `?currency=${currency}`)));
  assert.deepEqual(inCurrencies, [['bad currency psp.default'], ['bad currency psp.default'], [], [], [], [], []]);
});

test('empty settings are reported, as are addresses of this machine and test keys of each provider', async () => {
  const pay = await world.startPay({
    web: { public_url: 'http://localhost:8080' },
    users: { conninfo: '' },
    psp: { ...FIT.psp, toss_url: 'https://Toss.EXAMPLE:443/v1', toss_key: world.secret('toss-key', 'test_gsk_0123456789'), toss_checkout_url: 'https://user@[::1]:8443/' },
    mail: { url: '' },
    shop: { url: '' },
  });
  assert.deepEqual(await found(pay), [
    'bad placeholder psp.toss_url', 'note local web.public_url', 'note mail-unset mail.url', 'note shop-unset shop.url',
    'note test-key psp.toss_key', 'note users-unset users.conninfo',
  ]);
});

test('a sender that is no address is reported', async () => {
  const pay = await world.startPay({ ...FIT, mail: { from: 'Tickets <tickets@fairgate.internal>' } });
  await until('only that', async () => (await found(pay)).join() === 'bad mail-from mail.from');
});

test('a user database that does not let us in is reported as long as it does not', async () => {
  const away = async () => (await found()).includes('bad users-away users.conninfo');
  const { postgres } = world;
  await until('it to let us in', async () => !(await away()));
  postgres.sql("ALTER ROLE reader NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'", 'shop');
  await until('the report', away);
  await until('it to be not ready', async () => (await lacking(world.pay)).includes('users'));
  postgres.sql('ALTER ROLE reader LOGIN', 'shop');
  await until('it to be over', async () => !(await away()));
  await until('it to be ready', async () => (await lacking(world.pay)).length === 0);
});

test('a reconciliation reports a key that the provider rejects, before anybody buys', async () => {
  const pay = await world.startPay({ psp: { stripe_key: world.secret('wrong-key', 'sk_live_wrong') } });
  await until('a report', async () => (await pay.admin.post('/admin/reconcile', { body: {} })).json?.not_reached?.includes('provider'));
  assert.ok((await pay.metrics()).get('fairgate_psp_refused_us_total{provider="stripe"}') > 0);
  await until('it to be not ready', async () => (await lacking(pay)).includes('provider'));
  await world.psp.close();
  await until('the log to say why nobody answers', async () => {
    await pay.admin.post('/admin/reconcile', { body: {} });
    return pay.child.logLines().some(({ msg, why }) => msg.startsWith('reconciliation') && why);
  });
});
