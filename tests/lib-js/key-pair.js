// A fresh key pair, as Node's key objects.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

const ENCODED = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } };

// By way of their encodings: Node 20 stands still for ever, once in some thousand times, where a pair that it has
// just generated is exported as a JWK.
export function makeKeyPair(type, options = {}) {
  const { publicKey, privateKey } = generateKeyPairSync(type, { ...options, ...ENCODED });
  return { publicKey: createPublicKey(publicKey), privateKey: createPrivateKey(privateKey) };
}
