// The seller's pages that ours link to: terms, help, forgotten passwords. Unset links are not shown.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, renderConfig, runProgram } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const LINKS = {
  terms: 'https://shop.example/terms?of=sale&v=2',
  privacy: 'https://shop.example/privacy',
  refunds: 'https://shop.example/refunds',
  support: 'mailto:help@shop.example?subject=Tickets',
  password: 'https://shop.example/forgotten',
};

const scope = openScope(test);
const world = await openWorld(scope, { links: LINKS });
world.psp.autoPay = true;
const buyer = await world.login();

test('the checkout knows the pages of the seller', async () => {
  const { text } = await world.pay.http.get('/pay/checkout');
  const [, data] = /<script type="application\/json" id="links">(.*)<\/script>/.exec(text);
  assert.deepEqual(JSON.parse(data), LINKS);
});

test('order, tickets and mail say where there is help', async () => {
  const order = await world.orderedAs(buyer, 'completed');
  const help = '<a href="mailto:help@shop.example?subject=Tickets">';
  for (const page of [`/pay/orders/${order}`, `/pay/tickets/${order}`, '/pay/orders/o_none']) {
    const { text } = await buyer.get(page);
    assert.ok(text.includes(help), page);
  }
  assert.match(await world.mailOf(order, 'completed'), /: help@shop\.example\n/);
});

test('without a page of the seller nothing is said of it', async () => {
  const pay = await world.startPay({ links: { terms: '', privacy: '', refunds: '', support: '', password: '' } });
  const { text } = await pay.http.get('/pay/orders/o_none');
  assert.doesNotMatch(text, /href=""|mailto:/);
});

test('what is no address is refused at the start', async () => {
  for (const links of [{ terms: 'javascript:alert(1)' }, { privacy: 'mailto:a@b' }, { support: 'https://a/"><b' }, { password: 'shop.example' }, { refunds: 'https://shop.example/환불' }]) {
    const [name] = Object.keys(links);
    const config = world.secret('bad.conf', renderConfig(world.config({ links })({ port: 1, privatePort: 2 })));
    const { status, stderr } = runProgram('payment-adapter', ['--config', config, '--check-config']);
    assert.notEqual(status, 0, name);
    assert.match(stderr, new RegExp(`links\\.${name} must be`));
  }
});
