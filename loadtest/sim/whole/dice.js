// dice.js: seeded random draws in whole people: how many of n belong to a share.

// mulberry32: 32 bits of state are enough for a simulation, and for choosing test steps.
export function diceOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FEW = 32; // up to this many people are drawn one by one

// Twelve draws minus six: close enough to normal, and sums give the same result on every machine.
function normal(dice) {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += dice();
  return sum;
}

// A random whole number with mean n * part: single draws for a few people, a normal distribution for many.
export function some(dice, n, part) {
  if (n <= 0 || part <= 0) return 0;
  if (part >= 1) return n;
  if (n <= FEW) {
    let hits = 0;
    for (let i = 0; i < n; i++) if (dice() < part) hits += 1;
    return hits;
  }
  const mean = n * part;
  const spread = Math.sqrt(mean * (1 - part));
  if (spread < 3) return Math.min(n, Math.floor(mean + dice())); // the fraction by chance keeps the mean
  return Math.max(0, Math.min(n, Math.round(mean + spread * normal(dice))));
}
