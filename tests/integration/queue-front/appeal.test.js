// A rejected visitor gets the reason, a contact, and a reference that the operator looks up at any front.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertProblem, openScope, until } from '../../lib-js/index.js';
import { makeEvent, openSite, Visitor } from './support.js';

const APPEAL = { en: 'https://help.example/line?a=1&b=2', ko: 'tel:+82-2-000-0000' };

describe('a visitor who is slowed down', async () => {
  const scope = openScope(test);

  const site = await openSite(null, { scope, fronts: 2 });
  await makeEvent(site, 'narrow', { rate_per_s: 0, joins_per_ip_per_min: 1, appeal: APPEAL });
  await makeEvent(site, 'worked', { rate_per_s: 0, pow_bits: 8, appeal: APPEAL });
  await makeEvent(site, 'silent', { rate_per_s: 0, joins_per_ip_per_min: 1 });

  const join = (id, options) => new Visitor(site.front, id).join(options);
  const html = (lang) => ({ headers: { accept: 'text/html', 'accept-language': lang }, body: '' });

  // A minute may end between two joins.
  const refused = (id, options, status = 429) => until('the limit', async () => {
    const answer = await join(id, options);
    return answer.status === status && !/\/e\/\w+$/.test(answer.headers.location ?? '') && answer;
  });

  async function inLog(reference) {
    assert.match(reference, /^[0-9A-HJKMNP-TV-Z]{8}$/);
    const { event, why } = await until('the line of the log', () =>
      site.front.child.logLines().find((line) => line.reference === reference));
    return [event, why];
  }

  test('gets a contact at the limit of an address, with a logged number', async () => {
    const answer = await refused('narrow');
    assertProblem(answer, 429, 'too-many-joins');
    assert.deepEqual(answer.json.appeal, APPEAL);
    assert.deepEqual(await inLog(answer.json.reference), ['narrow', 'too-many-joins']);
    const plain = await refused('silent');
    assert.deepEqual([plain.json.reference, plain.json.appeal], [undefined, undefined]);
  });

  test('gets the longest contact there can be, and the front goes on', async () => {
    const appeal = Object.fromEntries(['en', 'ko', 'ja', 'de', 'fr', 'es', 'it', 'zh-Hant-HK'].map((tag) => [tag, `https://${'\\'.repeat(192)}`]));
    await makeEvent(site, 'wide', { rate_per_s: 0, joins_per_ip_per_min: 1, appeal });
    assert.deepEqual((await refused('wide')).json.appeal, appeal);
    await makeEvent(site, 'wide-work', { rate_per_s: 0, pow_bits: 8, appeal });
    assert.deepEqual((await join('wide-work')).json.appeal, appeal);
  });

  test('names a reference that any front explains, and what was made up nobody', async () => {
    const before = Date.now();
    const { json: { reference } } = await refused('narrow');
    const look = (front, text, id = 'narrow') => front.admin.get(`/admin/events/${id}/appeals/${text}`);
    for (const front of site.fronts) {
      const { status, json } = await look(front, `${reference.slice(0, 4)}-${reference.slice(4).toLowerCase()}`);
      assert.deepEqual([status, Object.keys(json), json.event, json.why], [200, ['event', 'why', 'minute'], 'narrow', 'too-many-joins']);
      const minute = Date.parse(json.minute);
      assert.equal(minute % 60_000, 0);
      assert.ok(minute >= before - 60_000 && minute <= Date.now(), json.minute);
    }
    for (const wrong of ['AAAAAAAA', 'x', `${reference}0`]) assertProblem(await look(site.front, wrong), 404, 'reference-unknown');
    assertProblem(await look(site.front, reference, 'worked'), 404, 'reference-unknown');
    assertProblem(await look(site.front, reference, 'nothing'), 404, 'event-unknown');
    assert.equal((await site.front.private.get(`/admin/events/narrow/appeals/${reference}`)).status, 401);
  });

  test('gets a contact after wrong codes', async () => {
    await makeEvent(site, 'coded', { rate_per_s: 0, code_required: true, appeal: APPEAL });
    await site.front.admin.put('/admin/events/coded/codes', { body: { codes: ['GOOD-CODE'] } });
    const answer = await until('the limit of guesses', async () => {
      const one = await join('coded', { body: { code: 'NONE-SUCH' } });
      return one.status === 429 && one;
    });
    assertProblem(answer, 429, 'too-many-codes');
    const { json } = await site.front.admin.get(`/admin/events/coded/appeals/${answer.json.reference}`);
    assert.equal(json.why, 'too-many-codes');
  });

  test('sees a page in their language, without a script', async () => {
    const { headers: { location } } = await refused('narrow', html('ko'), 303);
    const [, reference] = /^\/e\/narrow\?notice=too-many-joins&reference=(\w{8})$/.exec(location);
    await inLog(reference);
    const page = async (lang, query) => (await site.front.http.get(`/e/narrow${query}`, { headers: { 'accept-language': lang } })).text;
    assert.match(await page('ko', location.slice('/e/narrow'.length)), new RegExp(`id="appeal">[^<]*${reference}[^<]*<a href="tel:\\+82-2-000-0000">`));
    assert.match(await page('en', location.slice('/e/narrow'.length)), /<a href="https:\/\/help.example\/line\?a=1&amp;b=2">/);
    for (const wrong of ['', '?reference=<script>', '?reference=AAAAAAAB']) assert.match(await page('en', wrong), /id="appeal" hidden><\/p>/);
  });

  test('gets a contact together with the work for a script', async () => {
    const answer = await refused('worked', {}, 428);
    assertProblem(answer, 428, 'proof-of-work-required');
    assert.equal(answer.json.reason, 'missing');
    assert.deepEqual(answer.json.appeal, APPEAL);
    assert.deepEqual(await inLog(answer.json.reference), ['worked', 'proof-of-work-required']);
  });

  // The last test, because the log drops other lines of that second.
  test('gets a contact in a flood, of which the log has a bounded part', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => join('narrow')));
    const slowed = answers.filter(({ status }) => status === 429);
    assert.ok(slowed.length > 50);
    assert.ok(slowed.every(({ json }) => json.reference?.length === 8));
  });
});
