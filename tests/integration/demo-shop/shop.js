// A private shop for a test: a seeded PostgreSQL, and the program.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CookieJar,
  client,
  renderConfig,
  runBeside,
  runProgram,
  startPostgres,
  startService,
} from '../../lib-js/index.js';

export const API_KEY = 'api-key-of-a-partner';
export const BULK_PASSWORD = 'shopping-is-fun';

// Returns the service of lib-js, with postgres, users, seed(), partner (a client with the key).
export async function startShop(scope, { users = 200, hashes = 'usual', settings = {}, partner = {}, env = {} } = {}) {
  const postgres = await startPostgres(scope, { databases: ['demo_shop'], settings });
  postgres.sql('CREATE ROLE reader LOGIN', 'demo_shop');
  const dir = scope.tempDir('shop-');
  const file = (name) => join(dir, name);
  writeFileSync(file('api-key'), API_KEY, { mode: 0o600 });
  writeFileSync(file('token'), 'token', { mode: 0o600 });
  const pem = execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']);
  writeFileSync(file('key.pem'), pem, { mode: 0o600 });
  const config = ({ port, privatePort }) => ({
    http: { port },
    private: { port: privatePort, token_file: file('token') },
    database: { conninfo: postgres.conninfo('demo_shop') },
    session: { key: file('key.pem'), audience: 'a-partner' },
    partner: { api_key: file('api-key'), reader_role: 'reader', per_s: 1000, burst: 1000, ...partner },
    concert: { line_url: 'http://localhost:8080/e/concert?a=1&b=2' },
    seed: { users, hashes, demo_users: file('demo-users.json') },
  });
  const seedConfig = file('seed.conf');
  writeFileSync(seedConfig, renderConfig(config({ port: 1, privatePort: 2 })));
  const seed = (env = {}) => runProgram('demo-shop', ['seed', '--config', seedConfig], { env });
  const seeded = seed();
  if (seeded.status !== 0) throw new Error(seeded.stderr);
  const shop = await startService(scope, { program: 'demo-shop', adminToken: 'token', config, env });
  // Another shop on the same database, with other settings for its partner.
  const sibling = (other) =>
    startService(scope, {
      program: 'demo-shop',
      adminToken: 'token',
      config: (ports) => {
        const sections = config(ports);
        return { ...sections, partner: { ...sections.partner, ...other } };
      },
    });
  return Object.assign(shop, {
    postgres,
    sibling,
    seed,
    seedBeside: (env) => runBeside('demo-shop', ['seed', '--config', seedConfig], { env }),
    apiKeyPath: file('api-key'),
    demoUsersPath: file('demo-users.json'),
    users: () => JSON.parse(readFileSync(file('demo-users.json'), 'utf8')),
    partner: client({ port: shop.port, token: API_KEY }),
    sql: (text) => postgres.sql(text, 'demo_shop'),
  });
}

// A logged-in customer: {http with the cookie, customer}
export async function logIn(shop, login, password = BULK_PASSWORD) {
  const jar = new CookieJar();
  const answer = await shop.http.post('/api/login', { body: { login, password } });
  if (answer.status !== 200) throw new Error(`${login}: ${answer.status} ${answer.text}`);
  jar.take(answer);
  const http = client({ port: shop.port, headers: jar.headers });
  return { http, customer: answer.json.customer };
}

let orders = 0;
export const anOrder = (customer, extra = {}) => ({
  external_id: `order-${(orders += 1)}`,
  kind: 'completed',
  customer,
  event: 'concert',
  currency: 'KRW',
  amount: 264_000,
  seats: ['R-1-1', 'R-1-2'],
  provider: 'stripe',
  payment: 'pi_1',
  created_at: '2026-11-20T07:32:33.123Z',
  ...extra,
});
