// Differences that a look reports, and those it accepts because only the font differs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareLooks, figuresOf } from './look.js';

const page = () => [
  { is: 'main', x: 0, w: 360, h: 600, gap: 0, font: 17, contrast: 17 },
  { is: 'h2#title', x: 16, w: 328, h: 28, gap: 16, font: 18, contrast: 17 },
  { is: 'button', x: 16, w: 120, h: 44, gap: 8, font: 17, contrast: 6, fitted: true },
];
const changed = (n, change) => page().map((part, i) => (i === n ? { ...part, ...change } : part));
const differences = (parts) => compareLooks(figuresOf(page()), figuresOf(parts));
const drawn = (fields) => ({ ...figuresOf(page()), drawn: fields.join('.') });

for (const [name, parts, expected] of [
  ['the same page', page(), null],
  ['a wider button in another font', changed(2, { w: 140, h: 46 }), null],
  ['a title of two lines', changed(1, { h: 50, gap: 20 }), null],
  ['a missing part', page().slice(0, 2), /^3 parts, now 2/],
  ['a part too many', [...page(), { is: 'img', x: 0, w: 9, h: 9, gap: 0, font: 17 }], /^3 parts, now 4/],
  ['parts in another order', [0, 2, 1].map((n) => page()[n]), /^3 parts, now 3/],
  ['a part that moved', changed(1, { x: 40 }), /^x was 16, is 40/],
  ['a squeezed part', changed(1, { w: 200 }), /^w was 688, is 560/],
  ['smaller letters', changed(1, { font: 14 }), /^font was 17, is 14/],
  ['a faint button', changed(2, { contrast: 3 }), /^faint was 6, is 3/],
  ['a page that fades', page().map((part) => ({ ...part, contrast: part.contrast * 0.9 })), /^contrast was/],
  ['parts that lie on each other', page().map((part) => ({ ...part, gap: -20 })), /^over was 0, is 3/],
]) {
  test(`${name} ${expected === null ? 'looks the same' : 'looks different'}`, () => {
    if (expected === null) assert.deepEqual(differences(parts), []);
    else assert.match(differences(parts)[0], expected);
  });
}

test('a canvas in other colours looks different, with a little noise the same', () => {
  const same = Array.from({ length: 12 }, () => 'aaa');
  assert.deepEqual(compareLooks(drawn(same), drawn(same.map((field, n) => (n % 2 === 0 ? 'aba' : field)))), []);
  assert.match(compareLooks(drawn(same), drawn(['zzz', ...same.slice(1)]))[0], /^drawn was aaa/);
});
