// The hosted page, as a browser without scripts uses it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, openScope } from '../../lib-js/index.js';
import { errorOf, startSandbox } from './sandbox.js';

const RETURN = 'http://shop.test/back?order=7';
const scope = openScope(test);
const sandbox = await startSandbox(scope);
const stripe = sandbox.stripe();

const make = (extra = {}) =>
  stripe.paymentIntents.create({
    amount: 132_000,
    currency: 'krw',
    capture_method: 'manual',
    description: 'R석 <2매> & "더"',
    ...extra,
  });

const pageOf = (intent, query = `?return_url=${encodeURIComponent(RETURN)}`) =>
  `/pay/${intent.client_secret}${query}`;

// Types into the first form of a page.
async function fill(page, typed) {
  const action = /<form method="post" action="([^"]*)"/.exec(page.text)[1].replaceAll('&amp;', '&');
  return sandbox.http.post(action, sandbox.form(typed));
}

const CARD = { number: '4242 4242 4242 4242', exp: '12/34', cvc: '123' };

test('the page shows what is paid for, in two languages, without a script', async () => {
  const intent = await make();
  const english = assertStatus(await sandbox.http.get(pageOf(intent)), 200);
  assert.match(english.headers['content-type'], /^text\/html/);
  assert.match(english.text, /<html lang="en">/);
  assert.match(english.text, /₩132,000/);
  assert.match(english.text, /R석 &lt;2매&gt; &amp; &quot;더&quot;/);
  assert.doesNotMatch(english.text, /<script/i);
  const korean = await sandbox.http.get(pageOf(intent), { headers: { 'accept-language': 'ko-KR,ko' } });
  assert.match(korean.text, /<html lang="ko">/);
  assert.match(korean.text, /132,000원/);
  const asked = await sandbox.http.get(`${pageOf(intent)}&lang=ko`);
  assert.match(asked.text, /결제하기/);
  const policy = english.headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /form-action 'self' http:\/\/shop\.test;/); // browsers apply it to the redirect, too
  assert.equal(english.headers['referrer-policy'], 'no-referrer');
  assert.equal(english.headers['cache-control'], 'no-store');
  const style = await sandbox.http.get(/<link rel="stylesheet" href="([^"]+)"/.exec(english.text)[1]);
  assert.match(style.headers['content-type'], /^text\/css/);
  assert.match(style.text, /word-break: keep-all/, 'Korean breaks between words');
});

test('a good card leads back to the shop with the payment held', async () => {
  const intent = await make();
  const page = await sandbox.http.get(pageOf(intent));
  const done = assertStatus(await fill(page, CARD), 303);
  const back = new URL(done.headers.location);
  assert.equal(back.origin + back.pathname, 'http://shop.test/back');
  assert.equal(back.searchParams.get('order'), '7');
  assert.equal(back.searchParams.get('payment_intent'), intent.id);
  assert.equal(back.searchParams.get('payment_intent_client_secret'), intent.client_secret);
  assert.equal(back.searchParams.get('redirect_status'), 'succeeded');
  const now = await stripe.paymentIntents.retrieve(intent.id);
  assert.equal(now.status, 'requires_capture');
  // Returning to the page, or posting it once more, charges nothing twice.
  assert.equal((await sandbox.http.get(pageOf(intent))).status, 303);
  assert.equal((await fill(page, CARD)).status, 303);
  assert.equal((await stripe.charges.list({ payment_intent: intent.id })).data.length, 1);
});

test('the longest query is kept in the form', async () => {
  const page = await sandbox.http.get(`${pageOf(await make())}${'&'.repeat(3900)}`);
  assert.equal((await fill(page, CARD)).status, 303);
});

test('an invalid card, or no test card, is refused and never stored', async () => {
  const intent = await make();
  const page = await sandbox.http.get(pageOf(intent));
  for (const typed of [
    {},
    { number: '4242424242424241' },
    { number: 'four two four two' },
    { ...CARD, exp: '13/34' },
    { ...CARD, cvc: '12' },
  ]) {
    const answer = await fill(page, typed);
    assert.equal(answer.status, 402, JSON.stringify(typed));
    assert.match(answer.text, /role="alert"/);
  }
  assert.equal((await stripe.charges.list({ payment_intent: intent.id })).data.length, 0);
  const real = assertStatus(await fill(page, { ...CARD, number: '4111 1111 1111 1111' }), 402);
  assert.match(real.text, /non test card/);
  assert.doesNotMatch(real.text, /4111 ?1111/);
  const { readFileSync } = await import('node:fs');
  const kept = readFileSync(sandbox.journal, 'latin1') + sandbox.child.log();
  assert.doesNotMatch(kept, /4111 ?1111|4242424242424242/);
});

test('a card that asks its holder waits for the answer', async () => {
  for (const [decision, number, status] of [
    ['approve', '4000 0025 0000 3155', 'requires_capture'],
    ['refuse', '4000 0025 0000 3155', 'requires_payment_method'],
    ['approve', '4000 0082 6000 3178', 'requires_payment_method'],
  ]) {
    const intent = await make();
    const page = await sandbox.http.get(`${pageOf(intent)}&lang=ko`);
    const asked = assertStatus(await fill(page, { ...CARD, number }), 303);
    assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'requires_action');
    const question = await sandbox.http.get(asked.headers.location);
    assert.match(question.text, /본인이 요청한 결제입니까/);
    const answer = await fill(question, { decision });
    assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, status);
    assert.equal(answer.status, status === 'requires_capture' ? 303 : 402);
    if (answer.status === 303) assert.match(answer.headers.location, /^http:\/\/shop\.test\/back/);
    else assert.equal((await fill(answer, CARD)).status, 303);
  }
});

test('a buyer is sent to listed addresses only', async () => {
  const intent = await make();
  for (const url of [
    'http://evil.test/',
    'http://shop.test.evil.test/',
    'http://shop.test@evil.test/',
    'javascript:alert(1)',
    '//shop.test/',
    'http://shop.test/\r\nSet-Cookie: a=1',
    'http://shop.test/"><b>',
    `http://shop.test/${'x'.repeat(3000)}`,
  ]) {
    const answer = await sandbox.http.get(pageOf(intent, `?return_url=${encodeURIComponent(url)}`));
    assert.equal(answer.status, 400, url);
    assert.equal(answer.headers['set-cookie'], undefined);
  }
  const error = await errorOf(make({ confirm: true, payment_method: 'pm_card_visa', return_url: 'http://a/\r\nX: 1' }));
  assert.equal(error.code, 'url_invalid');
});

test('a fault strikes the page as any other call', async () => {
  const intent = await make();
  await sandbox.fault('hosted:error_after');
  const page = await sandbox.http.get(pageOf(intent));
  assert.equal((await fill(page, CARD)).status, 500);
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'requires_capture');
  assert.equal((await sandbox.http.get(pageOf(intent))).status, 303); // a retry shows the real state
});
