// bls.js: verifies the signature of a drand round. Bundled with the curve's library into bls.min.js, and loaded only if
// there is a round to check.

import { bls12_381 } from '@noble/curves/bls12-381.js';

const { shortSignatures } = bls12_381;
const PURPOSE = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_';
const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

// The message signed for a round of an unchained chain: SHA-256 of its number, eight bytes, big-endian.
async function messageOf(round) {
  const number = new DataView(new ArrayBuffer(8));
  number.setBigUint64(0, BigInt(round));
  return new Uint8Array(await crypto.subtle.digest('SHA-256', number.buffer));
}

export async function verifyRound(key, round, signature) {
  try {
    return shortSignatures.verify(bytesOf(signature), shortSignatures.hash(await messageOf(round), PURPOSE), bytesOf(key));
  } catch {
    return false; // not points on the curve
  }
}
