// Creates shop accounts for a crowd, one per buyer, because the seat limit is per account. They log in with the shop's
// signed token, since checking thousands of passwords takes a minute.

import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassOffice } from '../../tests/integration/seat-service/site.js';

const ACCOUNTS_MAX = 20_000; // the crowd's own limit
const TOKEN_S = 290; // the adapter rejects tokens that are valid for more than five minutes

// Returns the path of a list for [targets] users_file. Each token is valid once, for TOKEN_S.
export function makeAccounts(stack, count) {
  if (count > ACCOUNTS_MAX) throw new Error(`${count} accounts: at most ${ACCOUNTS_MAX}; [stage] buyer_max = 0 needs none`);
  const made = stack.rows('demo_shop', 'SELECT coalesce(max(id), 0) AS last FROM users')[0].last;
  stack.sql('demo_shop', `INSERT INTO users (email, password_hash, name, lang)
    SELECT 'crowd' || ${made} || '-' || n || '@shop.example', '!', 'Crowd ' || n, 'en' FROM generate_series(1, ${count}) n`);
  const ids = stack.rows('demo_shop', `SELECT id FROM users WHERE email LIKE 'crowd${made}-%'`);
  const shop = new PassOffice('shop', stack.read('secrets/shop-es256.pem'));
  const users = ids.map(({ id }) => ({
    token: shop.pass('fairgate', { session: String(id), header: { typ: 'JWT' }, claims: { jti: randomUUID() }, ttl: TOKEN_S }),
  }));
  const file = join(stack.dir, `crowd-users-${made}.json`);
  writeFileSync(file, JSON.stringify(users), { mode: 0o600 });
  return file;
}
