// Every phrase of a page's script is in that page's text files, and every text there is used. (A unit test
// compares the keys of both languages.)

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

globalThis.navigator ??= {};
globalThis.document = { getElementById: () => null, documentElement: { lang: 'en' }, addEventListener() {} };
const { digitsOf, labelsInRuns, money, noteDate, serverNow } = await import('../../web/kit.js');

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const SHARED = ['common/page/fact.c', 'common/page/wording.c', 'web/when.js'];
const SERVICES = { 'queue-front': ['gaps', 'look', 'page'].map((name) => `queue-front/src/pages/waiting_${name}.c`).concat('common/page/wording.c'), 'seat-service': ['seat-service/src/api/plain_page.c', ...SHARED], 'payment-adapter': [...['pages', 'order_page', 'orders_page', 'tickets_page', 'checkout_page'].map((name) => `payment-adapter/src/pages/${name}.c`), ...SHARED], 'infra/demo/psp-sandbox': ['infra/demo/psp-sandbox/src/hosted.c', 'common/page/wording.c'] };
// Keys that are built from a code in an answer, or from the way a visit ended.
const BY_CODE = /^(error|gone|flag|notice|told|orders|more\.say|more\.reason|more\.odds|more\.fair\.(kind|now|proves|is|check))\.|^(expired|ended|done)\.(title|text)$|^language\.name$/;

for (const [service, more] of Object.entries(SERVICES)) {
  const folder = `${service}/web/`;
  const keys = read(`${folder}text.en`).split('\n').filter((line) => /^[^#]*=/.test(line)).map((line) => line.split('=')[0].trim());
  const sources = readdirSync(new URL(folder, root)).filter((name) => /^(?!console).*\.(js|html)$/.test(name)).map((name) => read(folder + name));
  const all = [...sources, ...more.map(read)].join('\n');

  test(`${service}: every phrase has a text`, () => {
    const said = [...all.matchAll(/\bsay\(\s*'([\w.-]+)'|\{\{t\.([\w.-]+)\}\}/g)].map((match) => match[1] ?? match[2]);
    assert.ok(said.length > 10);
    assert.deepEqual([...new Set(said)].filter((key) => !keys.includes(key)), []);
  });

  test(`${service}: every text is used`, () => {
    const unused = keys.filter((key) => !BY_CODE.test(key) && !all.includes(`'${key}'`) && !all.includes(`"${key}"`) && !all.includes(`{{t.${key}}}`));
    assert.deepEqual(unused, []);
  });
}

test('pages and programs write amounts with the digits of ISO 4217', async () => {
  const written = ['HUF', 'CLP', 'KWD'].map((currency) => money(1_500_000, currency).replace(/\s/, ' '));
  assert.deepEqual(written, ['HUF 15,000.00', 'CLP 1,500,000', 'KWD 1,500.000']);
  const lists = [...read('common/sale/currency.c').matchAll(/"([A-Z]{3}(?: [A-Z]{3})+)"/g)].map(([, list]) => list.split(' '));
  assert.deepEqual(lists.map((list) => [...new Set(list.map(digitsOf))]), [[0], [3]]);
});

test('seats with names of their own come in runs, in each language', () => {
  const named = (form, ...numbers) => numbers.map((number) => ({ number, label: form.replace('%s', number) }));
  const cases = [
    ['Chair 2–5', named('Chair %s', '4', '2', '3', '5')], ['1번 테이블 1–3번 자리', named('1번 테이블 %s번 자리', '1', '2', '3')], ['Chair 8', named('Chair %s', '8')],
    ['Chair 1, 3', named('Chair %s', '1', '3')], ['Chair 1–2, Box 3', [...named('Chair %s', '1', '2'), ...named('Box %s', '3')]], ['Chair 12A, 13A', named('Chair %s', '12A', '13A')], ['Throne', named('Throne', '1')], ['101, 102', named('10%s', '1', '2')],
  ];
  for (const [words, seats] of cases) assert.equal(labelsInRuns(seats).replaceAll('\u2060', ''), words);
});

test('a Date header that cannot be read changes no clock', () => {
  const ahead = () => serverNow() - performance.now();
  const was = ahead();
  for (const headers of [{}, { Date: 'soon' }]) noteDate({ headers: new Headers(headers) }, performance.now());
  assert.ok(Math.abs(ahead() - was) < 1000, `${ahead()}, not about ${was}`);
});

// The terms of Korean ticket shops, and of the operators' pages and the handbook. 대행사 is a payment provider.
test('an event has one name in Korean', () => {
  const files = [...Object.keys(SERVICES).map((service) => `${service}/web/text.ko`), 'web/console/console.ko'];
  for (const file of files) assert.deepEqual(read(file).split('\n').filter((line) => /(?<!대)행사/.test(line)), [], file);
});

// The console has its own texts; most of its keys are built from the services' answers.
test('the console: both languages have the same keys, and every phrase has a text', () => {
  const folder = 'web/console/';
  const rows = (path) => read(path).split('\n').filter((line) => /^[^#]*=/.test(line)).map((line) => line.split(/ = /, 2));
  const [en, ko] = ['en', 'ko'].map((lang) => rows(`${folder}console.${lang}`));
  assert.deepEqual(ko.map(([key]) => key), en.map(([key]) => key));
  const gaps = (text) => [...new Set(text.match(/\{\d\}/g) ?? [])].sort();
  for (const [n, [key, text]] of en.entries()) assert.deepEqual(gaps(ko[n][1]), gaps(text), key);
  const keys = new Set(en.map(([key]) => key));
  const names = readdirSync(new URL(folder, root)).filter((name) => /\.(js|html)$/.test(name));
  const all = names.map((name) => read(folder + name)).join('\n');
  const said = [...all.matchAll(/\bsay\(\s*'([\w.-]+)'|\bline\('([\w.-]+)'|\{\{t\.([\w.-]+)\}\}/g)].map((match) => match[1] ?? match[2] ?? match[3]);
  assert.ok(said.length > 150);
  assert.deepEqual([...new Set(said)].filter((key) => !keys.has(key)), []);
  // A key of no family that is built at run time must also occur literally.
  const families = new Set([...all.matchAll(/\b(?:say|wordsOr)\([^)]*?`([\w.-]+)\.\$\{/g)].map((match) => match[1]));
  const whole = (key) => ['\'', '"', '`'].some((mark) => all.includes(`${mark}${key}${mark}`)) || all.includes(`{{t.${key}}}`);
  const unsaid = [...keys].filter((key) => key !== 'language.name' && !whole(key) && ![...families, 'error', 'pilot'].some((family) => key.startsWith(`${family}.`)));
  assert.deepEqual(unsaid, []);
});

