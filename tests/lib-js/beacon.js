// Public beacons, as far as a draw knows them, by keys of their own: a chain of drand with several relays,
// and NIST's pulses. They sign for real, so that a checker of a value checks a signature.
//
//   const beacons = await openBeacons(scope);
//   config: { beacon: beacons.config }
//   beacons.relays[0].mood = 'down'     // likewise beacons.nist.mood: 'fine', 'down' (503), 'mute' (never answers), 'lies' (signs another
//                                       // round), 'garbles' (a value that is not the signature's hash); of
//                                       // NIST also 'late' (tells the next pulse)
//
// A relay tells a round once its time has come, and not before.

import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { bls12_381 } from '@noble/curves/bls12-381.js';

const { shortSignatures } = bls12_381;
const PURPOSE = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_';
const sha512 = (bytes) => createHash('sha512').update(bytes).digest();
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

// NIST's pulses, as often as `period` seconds say; ours are on whole multiples of it.
class Pulses {
  constructor(scope, { period }) {
    this.period = period;
    const dir = scope.tempDir('nist-');
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '2', '-subj', '/CN=beacon of the tests', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
    this.certificate = certificate;
    this.key = createPrivateKey(readFileSync(key));
  }

  static message(pulse) {
    const out = [];
    const number = (value, bytes) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(value)); out.push(b.subarray(8 - bytes)); };
    const sized = (bytes) => { number(bytes.length, 4); out.push(bytes); };
    const text = (value) => sized(Buffer.from(value));
    const hex = (value) => sized(Buffer.from(value, 'hex'));
    text(pulse.uri); text(pulse.version); number(pulse.cipherSuite, 4); number(pulse.period, 4); hex(pulse.certificateId);
    number(pulse.chainIndex, 8); number(pulse.pulseIndex, 8); text(pulse.timeStamp); hex(pulse.localRandomValue);
    hex(pulse.external.sourceId); number(pulse.external.statusCode, 4); hex(pulse.external.value);
    for (const type of ['previous', 'hour', 'day', 'month', 'year']) hex(pulse.listValues.find((one) => one.type === type).value);
    hex(pulse.precommitmentValue); number(pulse.statusCode, 4);
    return Buffer.concat(out);
  }

  pulse(ms) {
    const hash = () => randomBytes(64).toString('hex').toUpperCase();
    const uri = `https://beacon.nist.gov/beacon/2.0/chain/2/pulse/${ms / 1000}`;
    const pulse = {
      uri, version: 'Version 2.0', cipherSuite: 0, period: this.period * 1000, certificateId: hash(), chainIndex: 2,
      pulseIndex: ms / 1000, timeStamp: new Date(ms).toISOString(), localRandomValue: hash(),
      external: { sourceId: '00'.repeat(64), statusCode: 0, value: '00'.repeat(64) },
      listValues: ['year', 'previous', 'hour', 'day', 'month'].map((type) => ({ uri, type, value: hash() })),
      precommitmentValue: hash(), statusCode: 0,
    };
    const message = Pulses.message(pulse);
    const signature = sign('sha512', message, this.key);
    return { ...pulse, signatureValue: signature.toString('hex').toUpperCase(), outputValue: sha512(Buffer.concat([message, signature])).toString('hex').toUpperCase() };
  }
}

async function startNist(scope, pulses) {
  const nist = { mood: 'fine', asked: 0, pulses };
  const server = createServer((req, res) => {
    const [, ms] = /^\/beacon\/2\.0\/pulse\/time\/(\d+)$/.exec(req.url) ?? [];
    nist.asked += 1;
    if (nist.mood === 'down') return answer(res, 503, { error: 'down' });
    if (!ms || Number(ms) > Date.now()) return answer(res, 404, { error: 'no such pulse' });
    const pulse = pulses.pulse(Number(ms));
    if (nist.mood === 'lies') pulse.localRandomValue = 'AB'.repeat(64);
    if (nist.mood === 'garbles') pulse.outputValue = 'AB'.repeat(64);
    if (nist.mood === 'late') return answer(res, 200, { pulse: pulses.pulse(Number(ms) + pulses.period * 1000) });
    return answer(res, 200, { pulse });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  scope.defer(() => { server.closeAllConnections(); server.close(); });
  nist.url = `http://127.0.0.1:${server.address().port}/beacon/2.0`;
  return nist;
}

function answer(res, status, body) {
  res.writeHead(status, { 'Content-Type': 'application/json' });
  res.end(JSON.stringify(body));
}

async function startRelay(scope, chain) {
  const relay = { mood: 'fine', asked: 0 };
  const server = createServer((req, res) => {
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
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  scope.defer(() => { server.closeAllConnections(); server.close(); });
  relay.url = `http://127.0.0.1:${server.address().port}`;
  return relay;
}

export async function openBeacons(scope, { relays = 3, agree = 2, period = 1, gap = '1s' } = {}) {
  const chain = new Chain({ period, genesis: Math.floor(Date.now() / 1000) - 1000 });
  const nist = await startNist(scope, new Pulses(scope, { period: 2 }));
  const started = await Promise.all(Array.from({ length: relays }, () => startRelay(scope, chain)));
  return {
    chain,
    relays: started,
    nist,
    config: {
      drand: started.map(({ url }) => url).join(', '), agree, chain: chain.hash, key: chain.key,
      period: `${period}s`, genesis: chain.genesis, gap,
      nist: nist.url, nist_chain: 2, nist_period: '2s', nist_certificate: nist.pulses.certificate,
    },
  };
}
