// A public randomness beacon for draws: a drand chain with several relays. It signs with a real key, so tests verify real
// signatures.
//
//   const beacons = await openBeacons(scope);
//   config: { beacon: beacons.config }
//   beacons.relays[0].mood = 'down'     // or 'fine', 'down' (503), 'mute' (never answers), 'lies' (signs another
//                                       // round), 'garbles' (a value that is not the signature's hash)
//
// A relay publishes a round only when its time has come.

import { createHash, randomBytes } from 'node:crypto';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { serve } from './serve.js';

const { shortSignatures } = bls12_381;
const PURPOSE = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();

class Chain {
  constructor({ period, genesis }) {
    this.period = period;
    this.genesis = genesis;
    this.secret = shortSignatures.keygen().secretKey;
    this.key = shortSignatures.getPublicKey(this.secret).toHex();
    this.hash = sha256(randomBytes(32)).toString('hex');
    this.signed = new Map();
  }

  signature(round) {
    if (!this.signed.has(round)) {
      const number = Buffer.alloc(8);
      number.writeBigUInt64BE(BigInt(round));
      const point = shortSignatures.hash(new Uint8Array(sha256(number)), PURPOSE);
      this.signed.set(round, shortSignatures.sign(point, this.secret).toHex());
    }
    return this.signed.get(round);
  }

  isOut(round) {
    return Date.now() >= (this.genesis + (round - 1) * this.period) * 1000;
  }

  beacon(round) {
    const signature = this.signature(round);
    return { round, randomness: sha256(Buffer.from(signature, 'hex')).toString('hex'), signature };
  }
}

function answer(res, status, body) {
  res.writeHead(status, { 'Content-Type': 'application/json' });
  res.end(JSON.stringify(body));
}

async function startRelay(scope, chain) {
  const relay = { mood: 'fine', asked: 0 };
  const { url } = await serve(scope, (req, res) => {
    const [, hash, round] = /^\/([0-9a-f]{64})\/public\/(\d+)$/.exec(req.url) ?? [];
    relay.asked += 1;
    if (relay.mood === 'mute') return undefined;
    if (relay.mood === 'down') return answer(res, 503, { error: 'down' });
    if (hash !== chain.hash) return answer(res, 404, { error: 'no such chain' });
    if (!chain.isOut(Number(round))) return answer(res, 425, { error: 'too early' });
    const told = chain.beacon(Number(round));
    if (relay.mood === 'lies') return answer(res, 200, { ...chain.beacon(Number(round) + 7), round: Number(round) });
    if (relay.mood === 'garbles') return answer(res, 200, { ...told, randomness: 'ab'.repeat(32) });
    return answer(res, 200, told);
  });
  return Object.assign(relay, { url });
}

export async function openBeacons(scope, { relays = 3, agree = 2, period = 1, gap = '1s' } = {}) {
  const chain = new Chain({ period, genesis: Math.floor(Date.now() / 1000) - 1000 });
  const started = await Promise.all(Array.from({ length: relays }, () => startRelay(scope, chain)));
  return {
    chain,
    relays: started,
    config: {
      drand: started.map(({ url }) => url).join(', '), agree, chain: chain.hash, key: chain.key,
      period: `${period}s`, genesis: chain.genesis, gap,
    },
  };
}
