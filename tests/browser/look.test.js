// What a look says is broken, and what it lets pass, since it is only another font.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareLooks } from './look.js';

const page = () => [
  { is: 'main', x: 0, w: 360, h: 600, gap: 0, font: 17, contrast: 17 },
  { is: 'h2#title', x: 16, w: 328, h: 28, gap: 16, font: 18, contrast: 17 },
  { is: 'button', x: 16, w: 120, h: 44, gap: 8, font: 17, contrast: 6, fitted: true },
];
const with_ = (n, change) => page().map((row, i) => (i === n ? { ...row, ...change } : row));
const FIELDS = Array.from({ length: 108 }, () => 'aaa');
const drawn = (fields) => [{ is: '#map', drawn: fields.join(' ') }, ...page()];

test('the same page in another font looks the same', () => {
  assert.deepEqual(compareLooks(page(), page()), []);
  assert.deepEqual(compareLooks(page(), with_(2, { w: 140, h: 46 })), []);
  assert.deepEqual(compareLooks(page(), with_(1, { h: 50, gap: 20 })), []);
});

test('what is gone, new, elsewhere, squeezed, small or pale is told', () => {
  assert.match(compareLooks(page(), page().slice(0, 2))[0], /not there: button/);
  assert.match(compareLooks(page(), [...page(), { is: 'img', x: 0, w: 9, h: 9, gap: 0, font: 17 }])[0], /not there before: img/);
  assert.match(compareLooks(page(), with_(1, { x: 40 }))[0], /h2#title: x was 16, is 40/);
  assert.match(compareLooks(page(), with_(1, { w: 200 }))[0], /w was 328/);
  assert.match(compareLooks(page(), with_(1, { font: 14 }))[0], /font was 18/);
  assert.match(compareLooks(page(), with_(2, { contrast: 3 }))[0], /contrast was 6/);
  assert.match(compareLooks(page(), with_(2, { gap: -20 }))[0], /gap was 8/);
});

test('a canvas that is drawn otherwise is told, a few letters on it are not', () => {
  const other = (count, field) => FIELDS.map((same, n) => (n < count ? field : same));
  assert.deepEqual(compareLooks(drawn(FIELDS), drawn(other(6, 'zzz'))), []);
  assert.deepEqual(compareLooks(drawn(FIELDS), drawn(other(108, 'ccc'))), []);
  assert.match(compareLooks(drawn(FIELDS), drawn(other(30, 'aaz')))[0], /30 of 108 fields/);
});
