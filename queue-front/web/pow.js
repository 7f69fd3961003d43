// pow.js: a worker that solves the line's proof of work: a number n such that the SHA-256 of "CHALLENGE.n" begins with
// that many zero bits. In: {challenge, bits}. Out: {tried} at intervals, {solution} in the end.
//
// SHA-256 is written out because crypto.subtle returns each hash as a promise, which costs more than the hash. The
// message fits one block, so only the compression function is needed.
'use strict';

const ROUND = new Uint32Array(64);
const START = new Uint32Array(8);

// The constants are the first 32 bits of the fractional parts of roots of primes, computed instead of copied.
function fraction(root) {
  return Math.floor((root - Math.floor(root)) * 2 ** 32);
}

for (let candidate = 2, found = 0; found < 64; candidate += 1) {
  let prime = true;
  for (let by = 2; by * by <= candidate; by += 1) if (candidate % by === 0) prime = false;
  if (!prime) continue;
  ROUND[found] = fraction(Math.cbrt(candidate));
  if (found < 8) START[found] = fraction(Math.sqrt(candidate));
  found += 1;
}

const turn = (x, by) => (x >>> by) | (x << (32 - by));
const words = new Uint32Array(64);

function compress(block) {
  for (let i = 0; i < 16; i += 1) {
    words[i] = (block[4 * i] << 24) | (block[4 * i + 1] << 16) | (block[4 * i + 2] << 8) | block[4 * i + 3];
  }
  for (let i = 16; i < 64; i += 1) {
    const [near, far] = [words[i - 2], words[i - 15]];
    words[i] =
      words[i - 16] + (turn(far, 7) ^ turn(far, 18) ^ (far >>> 3)) +
      words[i - 7] + (turn(near, 17) ^ turn(near, 19) ^ (near >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i += 1) {
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  return (START[0] + a) >>> 0; // 32 bits: more are never required
}

function zeroBits(challenge, n, block) {
  const text = `${challenge}.${n}`;
  if (text.length > 55) throw new Error('longer than a block');
  block.fill(0);
  for (let i = 0; i < text.length; i += 1) block[i] = text.charCodeAt(i);
  block[text.length] = 0x80;
  block[62] = (text.length * 8) >> 8;
  block[63] = (text.length * 8) & 0xff;
  return Math.clz32(compress(block));
}

function solve(challenge, bits, onTried) {
  const block = new Uint8Array(64);
  for (let n = 0; ; n += 1) {
    if (zeroBits(challenge, n, block) >= bits) return `${challenge}.${n}`;
    if (n % 32768 === 32767) onTried(n + 1);
  }
}

if (typeof self !== 'undefined' && typeof self.postMessage === 'function') {
  self.onmessage = ({ data }) => {
    self.postMessage({ solution: solve(data.challenge, data.bits, (tried) => self.postMessage({ tried })) });
  };
} else {
  module.exports = { solve, zeroBits }; // for tests
}
