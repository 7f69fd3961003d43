// Prices are shown before the wait, and sold-out ones to all who wait.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openScope, openStream, until } from '../../lib-js/index.js';
import { makeEvent, openSite, patch, Visitor } from './support.js';

const PRICES = { currency: 'KRW', categories: { VIP: { price: 165000 }, 'R & <B>': { price: 143000 }, S: { price: 99000 } } };
const HTML = { accept: 'text/html', 'accept-language': 'en' };

describe('prices', async () => {
  const scope = openScope(test);

  const site = await openSite(null, { scope, fronts: 2 });
  await makeEvent(site, 'priced', { rate_per_s: 0, prices: PRICES });
  await makeEvent(site, 'plain', { rate_per_s: 0 });

  const status = (front, event = 'priced') => front.http.get(`/v1/queue/${event}/status`);

  test('are in the shared status and on the page, without a script too', async () => {
    const { json } = await status(site.fronts[1]);
    assert.deepEqual([json.prices.currency, json.prices.from, json.prices.to], ['KRW', 99000, 165000]);
    assert.deepEqual(json.prices.categories.map(({ name, gone }) => [name, gone]), [['VIP', false], ['R & <B>', false], ['S', false]]);
    const page = await site.front.http.get('/e/priced', { headers: HTML });
    assert.match(page.text, /id="prices"><p>Prices with all fees<\/p><ul><li data-price="165000"><span>VIP<\/span> KRW 165,000<\/li><li data-price="143000"><span>R &amp; &lt;B&gt;<\/span>/);
    assert.equal((await status(site.front, 'plain')).json.prices, undefined);
    assert.match((await site.front.http.get('/e/plain', { headers: HTML })).text, /id="prices" hidden/);
  });

  test('that are gone reach all who wait and return by an undo', async () => {
    const visitor = await Visitor.withPlace(site.fronts[1], 'priced');
    const stream = await openStream({ port: site.fronts[1].port, path: '/v1/queue/priced/stream' });
    const priceNews = (gone) => stream.find('the price', ({ event, data }) =>
      event === 'status' && JSON.parse(data).prices.categories[2].gone === gone);
    await patch(site.front, 'priced', { prices: { categories: { S: { gone: true } } } });
    const { prices } = JSON.parse((await priceNews(true)).data);
    assert.deepEqual([prices.from, prices.to, prices.categories[2]], [143000, 165000, { name: 'S', price: 99000, gone: true }]);
    const page = async () => (await site.front.http.get('/e/priced', { headers: { ...HTML, ...visitor.jar.headers } })).text;
    await until('the page to tell', async () => /<li data-price="99000" data-gone=""><span>S<\/span> sold out/.test(await page()));
    await site.front.admin.post('/admin/events/priced/actions/undo');
    await priceNews(false);
    stream.close();
  });

  test('that break a rule are refused with the place of the fault', async () => {
    for (const [prices, pointer] of [
      [{ currency: 'won' }, '/prices/currency'],
      [{ categories: { S: { price: -1 } } }, '/prices/categories/S/price'],
      [{ categories: { S: { colour: 'red' } } }, '/prices/categories/S/colour'],
    ]) {
      const answer = await site.front.admin.patch('/admin/events/priced', { body: { prices } });
      assert.equal(answer.status, 422, answer.text);
      assert.equal(answer.json.pointer, pointer);
    }
    assert.equal((await patch(site.front, 'priced', { prices: null })).prices, null);
    await until('the prices to be gone', async () => (await status(site.fronts[1])).json.prices === undefined);
  });
});
