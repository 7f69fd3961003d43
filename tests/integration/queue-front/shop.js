// A shop as the waiting room sees it: its keys, and the member tokens that it issues.

import { sign } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKeyPair } from '../../lib-js/index.js';

export function openShop({ kid = 'k1' } = {}) {
  const { publicKey, privateKey } = makeKeyPair('ec', { namedCurve: 'P-256' });
  const key = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' };
  const file = join(mkdtempSync(join(tmpdir(), 'fg-shop-')), 'jwks.json');
  const jwks = JSON.stringify({ keys: [key] });
  writeFileSync(file, jwks);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    file,
    jwks,
    token(sub, { claims = {}, header = {} } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const body = `${part({ alg: 'ES256', typ: 'fairgate-member+jwt', kid, ...header })}.${part({
        iss: 'shop', aud: 'fairgate', sub, iat: now, exp: now + 600, ...claims })}`;
      const signature = sign('sha256', Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${body}.${signature.toString('base64url')}`;
    },
  };
}

export const asMember = (token) => ({ headers: { 'x-member-token': token } });
