// Isolation: how an on-sale affects the customers of the company's own shop. The shop, its PostgreSQL and
// its customers have core 1, which stands for a machine of their own. Fairgate, its stores and the crowd
// share core 0, which they overload. The shop's database is in memory, which stands for a disk of its
// own: on a shared disk its flushes would wait for those of our two databases.
//
// Windows go A B B A A B B A: in A the shop's customers are alone, in B the on-sale runs as well. Four
// windows in a row have the same seed, so the customers make the same visits at the same moments. The
// figure compares the p99 of all visits in B with that of all visits in A. The two A of each four are
// compared with each other as the null. Before an A begins, the crowd has left and no request of ours
// is at the shop or on its way there.
//
// The shop gets from us only what it agreed to: look-ups for logins, up to a cap, and finished orders
// at its own rate. In B we would like to send more of both, and far more look-ups. The number of
// look-ups per second is read from the shop's own database, by its clock and its statistics.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildWithLimits, client, delay, letIn, openScope, openStack, ROOT, runCrowd, targetsOf, until } from '../../tests/lib-js/index.js';
import { BULK_PASSWORD, startShop } from '../../tests/integration/demo-shop/shop.js';
import { sameWork, spread } from './lib/compare.js';
import { pin, runPinned } from './lib/machine.js';

const SECONDS = Math.min(30, Number(process.env.BENCH_SECONDS ?? 15)); // per window; there are eight
const USERS = Number(process.env.BENCH_USERS ?? 20_000);
const SEEDS = [7, 8];
const CUSTOMERS_PER_S = 40;
const LOGINS_PER_S = 150;
const LOOKUPS_PER_S = 50; // payment-adapter's default, of one loop
const OUR_CORE = 0;
const SHOP_CORE = 1;
const EVENT = 'demo';

// A scope whose folder is in memory.
function scopeInMemory(scope) {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = '/dev/shm';
  const own = openScope();
  own.dir();
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  scope.defer(() => own.close());
  return own;
}

async function openShop(scope) {
  const shop = await startShop(scopeInMemory(scope), {
    users: USERS,
    settings: { shared_preload_libraries: 'pg_stat_statements', shared_buffers: '128MB' },
    partner: { per_s: 50, burst: 10 },
  });
  shop.sql('CREATE EXTENSION pg_stat_statements');
  shop.sql('VACUUM ANALYZE; CHECKPOINT');
  for (const pid of [shop.child.pid, shop.postgres.child.pid, ...shop.postgres.backendPids()])
    pin(pid, SHOP_CORE);
  return shop;
}

// A stack without a shop of its own.
async function openOurs(scope, shop) {
  // Thousands of buyers share the accounts of twenty people.
  const build = buildWithLimits(scope, { max_per_buyer: 0 }, { names: ['queue-front', 'seat-service', 'payment-adapter', 'psp-sandbox'] });
  const env = {
    FAIRGATE_BUILD_DIR: build,
    FAIRGATE_USERS_CONNINFO: shop.postgres.conninfo('demo_shop', 'reader'),
    FAIRGATE_SHOP_URL: `http://127.0.0.1:${shop.port}/api/orders/import`,
    FAIRGATE_SHOP_KEY: shop.apiKeyPath,
  };
  const stack = await openStack(scope, { env, hashes: 'usual', wrap: ['taskset', '-c', String(OUR_CORE)] });
  await stack.up();
  await letIn(stack, EVENT, { rate_per_s: 60, burst: 60, max_active: 0 });
  return stack;
}

// Runs the shop's customers for one window. Returns their results, with the time of each visit in ms.
async function customers(scope, shop, seed) {
  const file = join(scope.tempDir('customers-'), 'met.json');
  const argv = ['node', join(ROOT, 'infra/demo/demo-shop/customers.js')];
  argv.push('--url', `http://127.0.0.1:${shop.port}`, '--seconds', String(SECONDS), '--json', file);
  argv.push('--rate', String(CUSTOMERS_PER_S), '--users', shop.demoUsersPath, '--seed', String(seed));
  await runPinned(SHOP_CORE, argv, { timeoutMs: (SECONDS + 30) * 1000 });
  return JSON.parse(readFileSync(file, 'utf8'));
}

// How often we have queried the shop's database so far, with the time by its clock.
function lookUpsSoFar(shop) {
  const [[at, count]] = shop.sql(
    `SELECT extract(epoch FROM clock_timestamp()), coalesce(sum(calls), 0) FROM pg_stat_statements
     WHERE userid = 'reader'::regrole`).split('\n').map((line) => line.split('|').map(Number));
  return { at, count };
}

// Reads that counter about once a second. Reading costs the shop something, so it happens in A as well.
function watchLookUps(shop) {
  const seen = [lookUpsSoFar(shop)];
  let over = false;
  const ended = (async () => {
    while (!over) {
      await delay(1020); // never shorter than a second, which is the period of the cap
      seen.push(lookUpsSoFar(shop));
    }
  })();
  return async () => {
    over = true;
    await ended;
    const rates = seen.slice(1).map((now, i) => (now.count - seen[i].count) / (now.at - seen[i].at));
    return { count: seen.at(-1).count - seen[0].count, seconds: seen.at(-1).at - seen[0].at, most: Math.max(...rates) };
  };
}

// Logs the shop's customers in with us, in an open loop.
function logInOften(stack, answers) {
  const pay = client({ port: stack.base + 3 });
  let over = false;
  const pending = new Set();
  const ended = (async () => {
    const start = performance.now();
    for (let n = 1; !over; n += 1) {
      const login = `customer${String(1 + ((n * 7919) % (USERS - 30))).padStart(6, '0')}@shop.example`;
      const one = pay
        .post('/v1/pay/login', {
          body: { login, password: BULK_PASSWORD },
          headers: { 'x-forwarded-for': `10.9.${(n >> 8) & 255}.${n & 255}` },
        })
        .then(({ status }) => status, () => 'lost')
        .then((status) => {
          answers[status] = (answers[status] ?? 0) + 1;
          pending.delete(one);
        });
      pending.add(one);
      const wait = start + (n * 1000) / LOGINS_PER_S - performance.now();
      if (wait > 0) await delay(wait);
    }
    await Promise.all(pending);
  })();
  return async () => {
    over = true;
    await ended;
  };
}

const ordersInShop = (shop) => Number(shop.sql("SELECT count(*) FROM orders WHERE source <> 'shop'"));

// Drops the orders that the shop does not have yet: at its rate they would take minutes.
async function comeToRest(stack, shop) {
  stack.sql('payment_adapter', 'UPDATE pay.shop_outbox SET done_at = now() WHERE done_at IS NULL');
  await until('nothing of ours to be at the shop', () => {
    const open = stack.sql('payment_adapter', 'SELECT count(*) FROM pay.shop_outbox WHERE done_at IS NULL');
    const asked = shop.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active'");
    return open === '0' && asked === '0';
  }, { timeoutMs: 30_000, everyMs: 250 });
}

// One on-sale, with one window of the shop's customers per seed.
async function onSale(scope, stack, shop, seeds, told) {
  const seconds = seeds.length * (SECONDS + 2);
  const crowd = runCrowd(scope, {
    scenario: 'shop',
    settings: {
      crowd: { visitors: 20_000, within: '5s', patience: `${seconds + 10}s` },
      journey: { to: 'order', choice: 'mixed' },
      targets: { ...targetsOf(stack), users_file: shop.demoUsersPath },
    },
    wrap: ['taskset', '-c', String(OUR_CORE)],
    timeoutMs: (seconds + 60) * 1000,
  });
  crowd.catch(() => {}); // reported at the end
  const queue = client({ port: stack.base + 1 });
  await until('the line to stand', async () =>
    (await queue.get(`/v1/queue/${EVENT}/status`)).json.waiting > 1000, { timeoutMs: 30_000 });
  const stopLogins = logInOften(stack, told.logins);
  const before = ordersInShop(shop);
  for (const seed of seeds) {
    const stopWatch = watchLookUps(shop);
    told.met.push(await customers(scope, shop, seed));
    told.lookUps.push(await stopWatch());
  }
  told.handedIn += ordersInShop(shop) - before;
  await stopLogins();
  told.done += (await crowd).ended.done;
  await comeToRest(stack, shop);
}

async function alone(scope, shop, seed, told) {
  const stopWatch = watchLookUps(shop);
  told.met.push(await customers(scope, shop, seed));
  const { count } = await stopWatch();
  if (count > SECONDS) throw new Error(`not comparable: ${count} look-ups while nobody was to log in`);
}

const visits = (windows, kinds) => windows.flatMap(({ took }) => kinds.flatMap((kind) => took[kind]));
const percentile = (times, q) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(q * times.length))];
const told = (times) => Object.fromEntries(
  [['p50', 0.5], ['p90', 0.9], ['p99', 0.99], ['p999', 0.999]].map(([name, q]) => [name, percentile(times, q)]));

export default async function suite({ scope, add }) {
  const shop = await openShop(scope);
  pin(process.pid, OUR_CORE);
  scope.defer(() => pin(process.pid, '0,1'));
  const stack = await openOurs(scope, shop);
  const a = { met: [] };
  const b = { met: [], lookUps: [], logins: {}, handedIn: 0, done: 0 };
  for (const seed of SEEDS) {
    await alone(scope, shop, seed, a);
    await onSale(scope, stack, shop, [seed, seed], b);
    await alone(scope, shop, seed, a);
  }
  for (const [i, { visits: made }] of b.met.entries())
    sameWork(`the number of visits in pair ${i}`, { alone: a.met[i].visits, during: made }, 0.02);
  if (b.done === 0 || b.handedIn === 0) throw new Error(`not comparable: ${b.done} orders, ${b.handedIn} of them at the shop`);

  const all = Object.keys(a.met[0].took);
  const rest = all.filter((kind) => kind !== 'login');
  const p99 = (windows, kinds) => percentile(visits(windows, kinds), 0.99);
  const over = (kinds) => {
    const each = spread(b.met.map((met, i) => p99([met], kinds) / p99([a.met[i]], kinds)));
    return { ...each, median: p99(b.met, kinds) / p99(a.met, kinds) };
  };
  const odd = a.met.filter((_, i) => i % 2 === 0);
  const even = a.met.filter((_, i) => i % 2 === 1);
  const kinds = all.map((kind) => `${kind} ${p99(b.met, [kind]).toPrecision(3)} of ${p99(a.met, [kind]).toPrecision(3)} ms`).join(', ');
  const windows = `of ${b.met.length} windows of ${SECONDS} s and as many without; the spread is of windows with one seed`;
  add({ name: "shop: its customers' p99, alone", value: p99(a.met, all), unit: 'ms', latency: told(visits(a.met, all)) });
  add({ name: 'shop: p99 with the on-sale', value: p99(b.met, all), unit: 'ms', latency: told(visits(b.met, all)), note: `p99 by kind, with and alone: ${kinds}` });
  add({ name: 'shop: p99 with the on-sale, of alone', value: over(all), atMost: 1.05, note: windows });
  add({ name: 'shop: null against null', value: p99(even, all) / p99(odd, all) });
  add({ name: 'shop: the same without logins, p99', value: p99(b.met, rest), unit: 'ms', latency: told(visits(b.met, rest)), note: `alone ${p99(a.met, rest).toPrecision(3)} ms` });
  add({ name: 'shop: the same without logins, of alone', value: over(rest), note: 'milliseconds, of which the orders that it takes in are a part' });
  add({ name: 'shop: the same without logins, null against null', value: p99(even, rest) / p99(odd, rest) });
  const mean = b.lookUps.reduce((sum, { count }) => sum + count, 0) / b.lookUps.reduce((sum, { seconds }) => sum + seconds, 0);
  add({ name: "look-ups in the shop's user table, mean", value: mean, unit: '/s', note: `${LOGINS_PER_S} logins a second were asked for; answers: ${JSON.stringify(b.logins)}` });
  add({ name: 'look-ups, the most in any second', value: Math.max(...b.lookUps.map(({ most }) => most)), unit: '/s', atMost: LOOKUPS_PER_S });
  add({ name: 'on-sale meanwhile: orders complete', value: b.done, note: `${b.handedIn} handed in to the shop within the windows` });
  const stopped = await stack.command('down');
  if (stopped.status !== 0) throw new Error(`down: ${stopped.stdout}${stopped.stderr}`);
}
