// draw-check.js: repeats the draw in the visitor's own browser, from the published values. It shares
// only the description in core/draw/draw.c with the program that made the draw, so that the check is
// independent.
//
//   const draw = await openDraw({seed: 'hex', beacon: 'text', entries: 1000});
//   draw.position(17)   -> the position of entry 17
//   await commitmentOf('hex')   -> the commitment that must have been published before
//   notedOf(published)          -> the commitment that this browser saw first, or null

const MASK = (1n << 64n) - 1n;
const ROUNDS = 12;

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

export async function commitmentOf(seedHex) {
  return hexOf(await sha256(bytesOf(seedHex)));
}

// Of GET fairness. An event that is created again under the same id has another promise. Until the draw, the first
// commitment is stored; the waiting page (wait.js) stores that of the general line under the same key.
export function notedOf({ event, incarnation = '', lane, commitment, drawn }) {
  const key = `fg_commitment_${incarnation}_${event}${lane ? `_${lane}` : ''}`;
  try {
    const seen = JSON.parse(localStorage.getItem(key));
    if (!drawn && !seen && commitment) localStorage.setItem(key, JSON.stringify(commitment));
    return seen;
  } catch {
    return null; // nothing can be stored
  }
}

const rotate = (value, by) => ((value << by) | (value >> (64n - by))) & MASK;

function littleEndian(bytes, at) {
  let value = 0n;
  for (let i = 7; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  return value;
}

// SipHash-2-4 (Aumasson, Bernstein) of a message shorter than 16 bytes.
function sipHash(key, message) {
  const k0 = littleEndian(key, 0);
  const k1 = littleEndian(key, 8);
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const rounds = (count) => {
    for (let i = 0; i < count; i += 1) {
      v0 = (v0 + v1) & MASK;
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v3) & MASK;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = (v0 + v3) & MASK;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = (v2 + v1) & MASK;
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const take = (word) => {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  };
  if (message.length >= 8) take(littleEndian(message, 0));
  const rest = message.slice(message.length & ~7);
  take(littleEndian(rest, 0) | (BigInt(message.length) << 56n));
  v2 ^= 0xffn;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

function eightBytes(value) {
  return Uint8Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

export async function openDraw({ seed, beacon = '', entries }) {
  const count = BigInt(entries);
  const purpose = new TextEncoder().encode('fairgate-draw-1');
  const beaconBytes = new TextEncoder().encode(beacon);
  const key = (
    await sha256(Uint8Array.from([...purpose, ...bytesOf(seed), ...eightBytes(count), ...beaconBytes]))
  ).slice(0, 16);
  let bits = 0n;
  while (count > 1n && (count - 1n) >> bits !== 0n) bits += 1n;
  const high = bits / 2n;
  const low = bits - high;

  const mix = (round, value) => {
    return sipHash(key, Uint8Array.from([round, ...eightBytes(value)]));
  };
  const walk = (value) => {
    let [leftBits, rightBits] = [high, low];
    let [left, right] = [value >> rightBits, value & ((1n << rightBits) - 1n)];
    for (let round = 0; round < ROUNDS; round += 1) {
      const mixed = left ^ (mix(round, right) & ((1n << leftBits) - 1n));
      [left, right] = [right, mixed];
      [leftBits, rightBits] = [rightBits, leftBits];
    }
    return (left << rightBits) | right;
  };
  return {
    position(entry) {
      if (BigInt(entry) > count) return entry;
      let value = BigInt(entry) - 1n;
      do value = walk(value);
      while (value >= count);
      return Number(value + 1n);
    },
  };
}
