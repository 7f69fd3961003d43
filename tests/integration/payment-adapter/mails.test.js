// Mails that the mail server refuses: a refusal of us delays all of them, a refusal of the recipient or the message counts
// against that mail alone, and an operator can resend mails that were given up.

import assert from 'node:assert/strict';
import test, { afterEach } from 'node:test';
import { openScope, until } from '../../lib-js/index.js';
import { EVENT, openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope, {
  before(made) {
    made.options.mail = { user: 'tickets', password: made.secret('smtp-password', 'of the mail server') };
  },
});
const buyer = await world.login();
world.psp.autoPay = true;
const order = await world.orderedAs(buyer, 'completed');
await until('its mail', () => world.smtp.mails.length === 1);
afterEach(() => Object.assign(world.smtp, { refuses: {}, away: false }));

let kinds = 0;

// Creates another mail of the order, with some failed attempts. Returns its kind.
function mail() {
  kinds += 1;
  world.postgres.sql(`INSERT INTO pay.mail_outbox (order_id, member, kind, lang, tries) VALUES ('${order}', '${buyer.member}', 'moved-${kinds}', 'en', 9)`, 'pay');
  return `moved-${kinds}`;
}

const [open, givenUp] = ['<', '='].map((is) => `done_at IS NULL AND due_at ${is} 'infinity'`);
const is = (kind, state) => world.postgres.sql(`SELECT count(*) FROM pay.mail_outbox WHERE kind = '${kind}' AND ${state}`, 'pay') === '1';
const hasGone = (kind) => until(`the mail ${kind}`, () => world.smtp.mails.some(({ text }) => text.includes(`<${order}.${kind}@`)), { timeoutMs: 120_000 }); // a pause is a minute at most

// Shortens the wait of a postponed mail.
function hurried(kind) {
  world.postgres.sql(`UPDATE pay.mail_outbox SET due_at = now() WHERE kind = '${kind}' AND ${open} AND due_at > now() AND error IS NOT NULL`, 'pay');
  return true;
}

for (const [command, answer] of [
  ['GREETING', '554 blocked'], ['AUTH', '535 bad credentials'], ['MAIL', '530 authentication required'], ['MAIL', '550 quota of the day'],
  ['MAIL', '552 over quota'], ['MAIL', '452 over quota'], ['RCPT', '421 shutting down'], ['RCPT', '530 authentication required'],
]) {
  test(`${answer} at ${command} holds all mails back and counts against none`, async () => {
    world.smtp.refuses = { [command]: answer };
    const [one, two] = [mail(), mail()];
    for (const socket of world.smtp.sockets) socket.destroy(); // a kept-alive connection is past greeting and login
    const refused = () => [one, two].filter((kind) => is(kind, `error LIKE '%smtp ${answer.slice(0, 3)}'`));
    await until('a refusal', () => refused().length > 0);
    assert.deepEqual(refused().filter((kind) => is(kind, givenUp)), []);
    const { begun } = world.smtp;
    await until('it to be asked again', () => world.smtp.begun > begun);
    for (const kind of [one, two]) assert.ok(is(kind, `${open} AND tries IN (9, 10) AND refused = 0`), kind);
    world.smtp.refuses = {};
    for (const kind of [one, two]) await hasGone(kind);
  });
}

for (const [command, answer] of [['RCPT', '554 5.7.1 relay access denied'], ['END', '550 quota of the day']]) {
  test(`${answer} at ${command} of mail after mail holds all back, also after a restart, and counts against none that follow`, async (t) => {
    world.smtp.refuses = { [command]: answer };
    const some = Array.from({ length: 5 }, mail);
    await until('all to be held back', () => some.every((kind) => is(kind, `${open} AND error LIKE 'smtp 55%' AND refused < 2`)));
    await world.pay.stop();
    t.after(() => world.pay.start());
    const other = await world.startPay({ http: { loops: 4 } });
    t.after(() => other.stop());
    for (let tries = 0; tries < 6; tries += 1) {
      const { length } = world.smtp.tried;
      await until('another try', () => some.every(hurried) && world.smtp.tried.length > length);
    }
    assert.deepEqual(some.filter((kind) => is(kind, 'refused > 1')), []);
    assert.ok(some.filter((kind) => is(kind, 'refused = 1')).length < 3);
    world.smtp.refuses = {};
    for (const kind of some) await hasGone(kind);
  });
}

test('a mail server that is away holds all mails back', async () => {
  const one = mail();
  world.smtp.away = true;
  for (const socket of world.smtp.sockets) socket.destroy();
  await until('a try', () => is(one, `${open} AND error LIKE 'mail server: %' AND refused = 0`));
  const held = (await world.pay.metrics()).get('fairgate_mails_total{outcome="held_back"}');
  assert.ok(held > 0, `${held}`);
  world.smtp.away = false;
  await hasGone(one);
});

test('a mail that is given up before the server was asked does not end the pause of the others', async () => {
  const first = mail();
  world.smtp.refuses = { GREETING: '554 blocked' };
  for (const socket of world.smtp.sockets) socket.destroy();
  await until('a refusal', () => is(first, "error LIKE '%smtp 554'"));
  world.smtp.refuses = { GREETING: '220-wait' }; // and then silence
  world.postgres.sql(`INSERT INTO pay.mail_outbox (order_id, member, kind, lang, due_at) VALUES ('${order}', 'nobody', 'moved-90', 'en', now() - interval '5 s');
    INSERT INTO pay.mail_outbox (order_id, member, kind, lang) SELECT '${order}', '${buyer.member}', 'moved-9' || i, 'en' FROM generate_series(1, 5) i`, 'pay');
  await until('one to be nobody', () => is('moved-90', "error = 'no address'"));
  const tried = () => Number(world.postgres.sql("SELECT count(*) FROM pay.mail_outbox WHERE kind ~ '^moved-9[1-5]$' AND tries > 0", 'pay'));
  assert.equal(await until('a try', tried), 1);
  world.smtp.refuses = {};
  for (const socket of world.smtp.sockets) socket.destroy();
  for (let i = 1; i <= 5; i += 1) await hasGone(`moved-9${i}`);
  world.postgres.sql("DELETE FROM pay.mail_outbox WHERE kind = 'moved-90'", 'pay');
});

for (const [command, answer] of [['RCPT', '550 no such user'], ['DATA', '550 not this'], ['END', '550 spam']]) {
  test(`${answer} at ${command} gives up that mail alone, and an operator sends it again`, async () => {
    const gone = mail();
    world.smtp.refuses = { [command]: answer };
    await until('five refusals', () => hurried(gone) && is(gone, `${givenUp} AND refused > 4`)); // it may be sent twice at once
    world.smtp.refuses = {};
    await hasGone(mail());
    const { mails } = (await world.pay.admin.get('/admin/mails')).json;
    assert.deepEqual(mails.map(({ order: of, kind, error }) => [of, kind, error]), [[order, 'moved', 'smtp 550']]);
    const path = `/admin/mails/${mails[0].mail}/retry`;
    const { status, json } = await world.pay.admin.post(path);
    assert.deepEqual([status, json], [200, { mails: [{ mail: mails[0].mail, order, kind: 'moved' }], more: 0 }]);
    await hasGone(gone);
    assert.deepEqual((await world.pay.admin.get('/admin/mails')).json.mails, []);
    assert.equal((await world.pay.admin.post(path)).json.code, 'mail-unknown');
    const { acts } = (await world.pay.admin.get(`/admin/events/${EVENT}/audit?subject=${order}`)).json;
    assert.ok(acts.some(({ act, actor, detail }) => act === 'mail-retried' && actor === 'operator' && detail.kind === 'moved'));
  });
}

test('a refusal of now does not count against a mail', async () => {
  const later = mail();
  world.smtp.refuses = { RCPT: '450 greylisted' };
  await until('it', () => hurried(later) && is(later, `${open} AND error = 'smtp 450' AND tries > 14 AND refused = 0`));
  world.smtp.refuses = {};
  await until('its turn', () => hurried(later) && is(later, 'done_at IS NOT NULL AND error IS NULL'));
});

test('mails that are refused for a day are given up, and all are sent again in one call', async () => {
  const some = [mail(), mail(), mail()];
  world.smtp.refuses = { RCPT: '550 no such user' };
  await until('them to be given up or held back', () => some.every((kind) => hurried(kind) && is(kind, "error = 'smtp 550'")));
  assert.deepEqual((await world.pay.admin.get('/admin/mails')).json.mails, []);
  const change = (changes) => world.postgres.sql(`UPDATE pay.mail_outbox SET ${changes} WHERE done_at IS NULL`, 'pay');
  change("made_at = made_at - interval '25 hours', refused = 3");
  await until('a refusal that counts', () => some.every(hurried) && some.some((kind) => is(kind, `${open} AND refused = 4`)));
  await world.pay.stop(); // and with it the pause, which lengthens with each refusal
  change('refused = 4, due_at = now()'); // all are sent at once, before the first refusal
  await world.pay.start();
  await until('them to be given up', () => some.every((kind) => hurried(kind) && is(kind, givenUp)));
  world.smtp.refuses = {};
  const { json } = await world.pay.admin.post('/admin/mails/all/retry');
  assert.equal(json.mails.length, some.length);
  for (const kind of some) await hasGone(kind);
  assert.deepEqual((await world.pay.admin.post('/admin/mails/all/retry')).json, { mails: [], more: 0 });
  for (const unknown of ['0', 'none', '-1']) assert.equal((await world.pay.admin.post(`/admin/mails/${unknown}/retry`)).status, 404);
});

test('a wrong setting of ours holds all mails back', async () => {
  await world.pay.stop();
  const waiting = mail();
  const odd = await world.startPay({ mail: { from: 'nobody' } });
  await until('it to be held back', () => is(waiting, `${open} AND error = 'mail.from is no address'`));
  await odd.stop();
  world.postgres.sql(`UPDATE pay.mail_outbox SET error = NULL, due_at = now() WHERE kind = '${waiting}'`, 'pay');
  const blind = await world.startPay({ users: { conninfo: '' } });
  await until('it to count the mail', async () => (await blind.metrics()).get('fairgate_mail_lag_mails') === 1);
  await blind.stop();
  assert.ok(is(waiting, `${open} AND error IS NULL`));
  await world.pay.start();
  await hasGone(waiting);
});
