// Whoever is slowed down is told why, whom to ask, and a number that the operator finds in the log.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { makeEvent, openHouse, patch, Visitor } from './support.js';

const APPEAL = { en: 'https://help.example/line?a=1&b=2', ko: 'tel:+82-2-000-0000' };

describe('whoever is slowed down', () => {
  const scope = openScope();
  let house;

  before(async () => {
    house = await openHouse(null, { scope });
    await makeEvent(house, 'narrow', { rate_per_s: 0, joins_per_ip_per_min: 1, appeal: APPEAL });
    await makeEvent(house, 'worked', { rate_per_s: 0, pow_bits: 8, appeal: APPEAL });
    await makeEvent(house, 'silent', { rate_per_s: 0, joins_per_ip_per_min: 1 });
  });
  after(() => scope.close());

  const join = (id, options) => new Visitor(house.front, id).join(options);
  const html = (lang) => ({ headers: { accept: 'text/html', 'accept-language': lang }, body: '' });

  // A minute may end between two joins.
  const refused = (id, options, status = 429) => until('the limit', async () => {
    const answer = await join(id, options);
    return answer.status === status && !/\/e\/\w+$/.test(answer.headers.location ?? '') && answer;
  });

  async function inLog(reference) {
    assert.match(reference, /^[0-9A-HJKMNP-TV-Z]{8}$/);
    const { event, why } = await until('the line of the log', () =>
      house.front.child.logLines().find((line) => line.reference === reference));
    return [event, why];
  }

  test('by the limit of an address is told whom to ask, and the number is in the log', async () => {
    const answer = await refused('narrow');
    assertProblem(answer, 429, 'too-many-joins');
    assert.deepEqual(answer.json.appeal, APPEAL);
    assert.deepEqual(await inLog(answer.json.reference), ['narrow', 'too-many-joins']);
    const plain = await refused('silent');
    assert.deepEqual([plain.json.reference, plain.json.appeal], [undefined, undefined]);
  });

  test('is told so by the page, in the visitor\'s language, without a script', async () => {
    const { headers: { location } } = await refused('narrow', html('ko'), 303);
    const [, reference] = /^\/e\/narrow\?notice=too-many-joins&reference=(\w{8})$/.exec(location);
    await inLog(reference);
    const page = async (lang, query) => (await house.front.http.get(`/e/narrow${query}`, { headers: { 'accept-language': lang } })).text;
    assert.match(await page('ko', location.slice('/e/narrow'.length)), new RegExp(`id="appeal">[^<]*${reference}[^<]*<a href="tel:\\+82-2-000-0000">`));
    assert.match(await page('en', location.slice('/e/narrow'.length)), /<a href="https:\/\/help.example\/line\?a=1&amp;b=2">/);
    for (const wrong of ['', '?reference=<script>', '?reference=AAAAAAAB']) assert.match(await page('en', wrong), /id="appeal" hidden><\/p>/);
  });

  test('by work that the browser cannot do is told so as well', async () => {
    const { headers: { location } } = await join('worked', html('en'));
    const [, reference] = /notice=proof-of-work-required&reference=(\w{8})$/.exec(location);
    assert.deepEqual(await inLog(reference), ['worked', 'proof-of-work-required']);
  });

  test('by work that a script is asked for is told too, with the work', async () => {
    const answer = await refused('worked', {}, 428);
    assertProblem(answer, 428, 'proof-of-work-required');
    assert.equal(answer.json.reason, 'missing');
    assert.deepEqual(answer.json.appeal, APPEAL);
    assert.deepEqual(await inLog(answer.json.reference), ['worked', 'proof-of-work-required']);
  });

  test('finds addresses that are one, and no others', async () => {
    for (const [appeal, pointer] of [[{ en: 'javascript:alert(1)' }, '/appeal/en'], [{ en: 'https://a b' }, '/appeal/en'], [{ '?': 'tel:1' }, '/appeal/?']]) {
      const answer = await house.front.admin.patch('/admin/events/silent', { body: { appeal } });
      assert.deepEqual([answer.status, answer.json.pointer], [422, pointer]);
    }
    assert.deepEqual((await patch(house.front, 'silent', { appeal: { en: 'mailto:a@b.example' } })).appeal, { en: 'mailto:a@b.example' });
  });
});
