#!/usr/bin/env node
// The shop's steady customers. They were there before the sale, and should not notice it.
//
//   node infra/demo/demo-shop/customers.js --url http://127.0.0.1:8085 --seconds 60 --rate 50 \
//       [--users .run/demo-users.json] [--connections 64] [--seed 1] [--json FILE]
//
// --json FILE stores the result with the time of each visit.
//
// Open loop: visits begin at random times at the given mean rate, whether or not earlier ones have ended, and each is timed
// from when it should have begun. So a shop that stalls for a second shows it in every visit of that second.

import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { seededRng } from '../../../tests/lib-js/rng.js';

const { values: args } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8085' },
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '50' },
    users: { type: 'string' },
    connections: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});

function number(name, min) {
  const value = Number(args[name]);
  if (!Number.isFinite(value) || value < min) {
    console.error(`--${name} is a number from ${min} on`);
    process.exit(2);
  }
  return value;
}

const seconds = number('seconds', 1);
const rate = number('rate', 0.1);
const url = new URL(args.url);
const agent = new http.Agent({ keepAlive: true, maxSockets: number('connections', 1) });
const TIMEOUT_MS = 10_000;

const { unit: random, below, pick } = seededRng({ diagnostic: () => {} }, number('seed', 0));
const sku = () => `sku-${String(1 + below(200)).padStart(4, '0')}`;

function call(method, path, { body, cookie } = {}) {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    if (cookie !== undefined) headers.cookie = cookie;
    if (payload === undefined && method !== 'GET') headers['content-length'] = 0;
    const request = http.request(
      { host: url.hostname, port: url.port, path, method, headers, agent, timeout: TIMEOUT_MS },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer));
        answer.on('error', reject);
      },
    );
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(payload);
  });
}

async function expect(status, method, path, options) {
  const answer = await call(method, path, options);
  if (answer.statusCode !== status) throw new Error(`${method} ${path.split('?')[0]}: ${answer.statusCode}`);
  return answer;
}

// ---- what a customer does -----------------------------------------------------------------------

const users = args.users === undefined ? [] : JSON.parse(readFileSync(args.users, 'utf8'));
const sessions = [];

async function login() {
  const answer = await expect(200, 'POST', '/api/login', { body: pick(users) });
  sessions.push(answer.headers['set-cookie'][0].split(';')[0]);
  if (sessions.length > 100) sessions.shift();
}

const KINDS = {
  list: () => expect(200, 'GET', '/api/products?limit=20'),
  product: () => expect(200, 'GET', `/api/products/${sku()}`),
  page: () => expect(200, 'GET', '/'),
  login,
  buy: () =>
    expect(201, 'POST', '/api/checkout', {
      cookie: pick(sessions),
      body: { lines: [{ sku: sku(), quantity: 1 }] },
    }),
};

// Eight in ten browse, one logs in, one buys; without an account they only browse.
function choose() {
  const x = random();
  if (users.length > 0 && x < 0.1) return 'login';
  if (sessions.length > 0 && x >= 0.1 && x < 0.2) return 'buy';
  return x < 0.5 ? 'product' : x < 0.8 ? 'page' : 'list';
}

// ---- timing -------------------------------------------------------------------------------------

const took = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, []]));
const errors = new Map();
let underWay = 0;

async function visit(kind, due) {
  underWay += 1;
  try {
    await KINDS[kind]();
    took[kind].push(performance.now() - due);
  } catch (error) {
    errors.set(error.message, (errors.get(error.message) ?? 0) + 1);
  } finally {
    underWay -= 1;
  }
}

function summary(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (q) => Number(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]?.toFixed(3) ?? NaN);
  if (sorted.length === 0) return { n: 0 };
  return { n: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}

async function main() {
  if (users.length > 0) await login(); // so that the first buyers have a session
  const start = performance.now();
  const end = start + seconds * 1000;
  let due = start;
  while (due < end) {
    const wait = due - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    // Starts all visits that are due: if the timer was late, they are timed from when they were due.
    while (due <= performance.now() && due < end) {
      visit(choose(), due);
      due += (-Math.log(1 - random()) * 1000) / rate;
    }
  }
  const patience = performance.now() + TIMEOUT_MS;
  while (underWay > 0 && performance.now() < patience) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  agent.destroy();
  const result = {
    seconds,
    rate,
    visits: Object.values(took).reduce((sum, list) => sum + list.length, 0),
    errors: Object.fromEntries(errors),
    all: summary(Object.values(took).flat()),
    ...Object.fromEntries(Object.entries(took).map(([kind, list]) => [kind, summary(list)])),
  };
  for (const [kind, s] of Object.entries(result)) {
    if (s?.n > 0) console.log(`${kind.padEnd(8)} n ${s.n}  p50 ${s.p50}  p90 ${s.p90}  p99 ${s.p99}  max ${s.max} ms`);
  }
  if (args.json !== undefined) writeFileSync(args.json, `${JSON.stringify({ ...result, took })}\n`);
  console.log(JSON.stringify(result));
  process.exit(errors.size > 0 ? 1 : 0);
}

await main();
