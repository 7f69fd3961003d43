// A fresh key pair, as Node's key objects.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

const ENCODED = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } };

// Encodes and decodes the keys: about once in a thousand times, Node 20 hangs forever when a freshly generated pair is
// exported as a JWK.
export function makeKeyPair(type, options = {}) {
  const { publicKey, privateKey } = generateKeyPairSync(type, { ...options, ...ENCODED });
  return { publicKey: createPublicKey(publicKey), privateKey: createPrivateKey(privateKey) };
}
