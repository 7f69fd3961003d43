// What the shop can verify about a message without calling us: docs/integrate/shop.md.

import assert from 'node:assert/strict';
import { blake2b } from '@noble/hashes/blake2.js';

const netstring = (value) => `${Buffer.byteLength(String(value))}:${value},`;

function digestOf({ event, currency, amount, fees = 0, terms = '', lines }) {
  const sorted = [...lines].sort((a, b) => Buffer.compare(Buffer.from(a.place), Buffer.from(b.place)));
  const places = sorted.flatMap(({ place, category, price, count }) => [place, category, price, count]);
  const form = ['fairgate-purchase', 1, event, currency, lines.length, ...places, fees, amount, terms].map(netstring).join('');
  return Buffer.from(blake2b(Buffer.from(form), { dkLen: 32 })).toString('base64url');
}

const sum = (lines, of) => lines.reduce((all, line) => all + of(line), 0);

export function assertLetter(letter) {
  assert.equal(digestOf(letter), letter.purchase);
  assert.equal(sum(letter.lines, ({ price, count, fee }) => price * count + fee), letter.amount);
  assert.equal(sum(letter.lines, ({ fee }) => fee), letter.fees ?? 0);
  assert.equal(sum(letter.lines, ({ vat = 0 }) => vat), letter.vat ?? 0);
}
