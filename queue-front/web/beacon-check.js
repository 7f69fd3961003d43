// beacon-check.js: checks that the beacon signed this value, and that it is the promised one. For the fairness page and
// for verify/verify-draw.js. Shares no code with the program that made the draw.
//
//   const { verifyRound } = await import('./bls.js');
//   await checkBeacon(fairness, verifyRound) -> [{ what, good, numbers }]
//
// `good` is true, false, or null: only a reader can decide. `what` is one of these:
//
//   round        the promised round, or the one that the rule gives for a late closing
//   signature    of the round, with the chain's key (a pairing on BLS12-381)
//   quicknet     the chain is the public one, and its key the one known here
//   value        the hashed value is the SHA-256 of the signature
//   words        the operator's value: compare it with its source
//   late         the value did not arrive in time, so the seed alone decided
//   alone        no beacon was promised
//   kind         another kind than promised was used

const QUICKNET = {
  chain: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  key: '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  period: 3000,
  genesis: 1692803367000,
};

export const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
export const hexOf = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
const sha256 = (bytes) => crypto.subtle.digest('SHA-256', bytes);

// When the value is due: at the promised time, or a gap after the closing if that is too early.
function dueAt({ promised, source, closed_at: closed }, first) {
  const gap = source.gap_s * 1000;
  const at = Date.parse(promised.at);
  return at >= Date.parse(closed) + gap / 2 ? at : first(Date.parse(closed) + gap);
}

async function checkRound(fairness, verifyRound) {
  const { promised, source, proof, beacon } = fairness;
  const isQuicknet = promised.chain === QUICKNET.chain;
  const { key, period, genesis } = isQuicknet || !source ? QUICKNET
    : { key: source.public_key, period: source.period_s * 1000, genesis: Date.parse(source.genesis_at) };
  const first = (ms) => genesis + Math.ceil((ms - genesis) / period) * period;
  const round = (dueAt(fairness, first) - genesis) / period + 1;
  const signed = proof.round === round && await verifyRound(key, proof.round, proof.signature);
  return [
    { what: 'round', good: proof.round === round, numbers: [proof.round, round] },
    { what: 'quicknet', good: isQuicknet && (!source || source.public_key === QUICKNET.key) ? true : null, numbers: [promised.chain] },
    { what: 'signature', good: signed, numbers: [] },
    { what: 'value', good: hexOf(await sha256(bytesOf(proof.signature))) === beacon, numbers: [] },
  ];
}

export async function checkBeacon(fairness, verifyRound) {
  const { promised, proof, beacon } = fairness;
  const kind = promised?.kind ?? 'none';
  if (proof?.late && beacon === '' && kind !== 'none') return [{ what: 'late', good: null, numbers: [promised.late_s] }];
  if ((proof?.kind ?? 'none') !== kind || (kind === 'none' && beacon !== '')) return [{ what: 'kind', good: false, numbers: [kind, proof?.kind ?? 'none'] }];
  if (kind === 'drand') return checkRound(fairness, verifyRound);
  if (kind === 'text') return [{ what: 'words', good: null, numbers: [beacon, promised.words] }];
  return [{ what: 'alone', good: null, numbers: [] }];
}
