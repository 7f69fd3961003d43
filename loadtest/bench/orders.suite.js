// Orders: sagas per second of the saga engine alone on a durable PostgreSQL, and complete orders per second of a
// whole stack, from a held seat to a ticket, with the crowd on the same two cores.
//
// Buyers already have passes and are logged in; another suite measures the waiting room. The rate is that of
// the middle 80 % of the orders, by PostgreSQL's clock: the first and the last ones find an idle system.

import { join } from 'node:path';
import { buildWithLimits, client, openStack, parseMetrics, programPath, runCrowd, startPostgres, targetsOf, until } from '../../tests/lib-js/index.js';
import { PassOffice } from '../../tests/integration/seat-service/site.js';
import { makeAccounts } from '../lib/accounts.js';
import { inMs, inTurns, median, ratio, sameWork, spread } from './lib/compare.js';
import { runPinned } from './lib/machine.js';
import { CLIENTS, preparePlain, runUpdates, SETTINGS, updateScript } from './lib/postgres.js';
import { writePasses } from './lib/rush.js';

const ROUNDS = Math.min(3, Number(process.env.BENCH_ROUNDS ?? 3));
const SECONDS = Number(process.env.BENCH_SECONDS ?? 10);
const SAGAS = Number(process.env.BENCH_SAGAS ?? 10_000);
const OFFERED = Number(process.env.BENCH_ORDERS_PER_S ?? 600);
const EVENT = 'demo';
const ACCOUNTS = 500; // twelve orders each: the messages of one account reach the shop one after the other

// ---- the engine ----

async function sagas({ scope, add }) {
  const postgres = await startPostgres(scope, { settings: SETTINGS });
  const commits = [];
  let nth = 0;
  const once = async () => {
    const name = `sagas_${(nth += 1)}`;
    postgres.sql(`CREATE DATABASE ${name}`);
    const output = await runPinned('0,1', [programPath('saga-bench'), postgres.conninfo(name), String(SAGAS)]);
    const found = /: (\d+) sagas\/s, .* ([\d.]+) commits a saga/.exec(output);
    if (found === null) throw new Error(`saga-bench does not say how many:\n${output}`);
    if (!/fsync=on synchronous_commit=on/.test(output)) throw new Error(`not comparable: not durable: ${output}`);
    sameWork('steps recorded', { wanted: 8 * SAGAS, recorded: Number(/steps recorded: (\d+)/.exec(output)[1]) });
    commits.push(Number(found[2]));
    postgres.sql(`DROP DATABASE ${name}`);
    return Number(found[1]);
  };
  preparePlain(postgres);
  const world = { postgres, dir: scope.tempDir('updates-') };
  const update = async (round) => (await runUpdates(world, updateScript(round, ROUNDS), { seconds: Math.ceil(SECONDS / 4) })).rps;
  const taken = await inTurns({ sagas: once, again: once, update }, ROUNDS);
  add({ name: 'sagas of 8 steps with barrier, durable', value: spread([...taken.sagas, ...taken.again]), unit: '/s', atLeast: 2000 });
  add({ name: 'sagas: null against null', value: ratio(taken, 'again', 'sagas') });
  add({ name: 'sagas: commits for each', value: spread(commits), note: 'two plus one a step, if each were written by itself' });
  add({ name: `UPDATE of a free row, ${CLIENTS} clients, durable`, value: spread(taken.update), unit: '/s', note: 'what this machine can do: by it whole orders are judged' });
  add({ name: 'sagas of UPDATE', value: ratio(taken, 'sagas', 'update'), unit: 'x' });
  await postgres.stop();
  return median(taken.update);
}

// ---- the whole deployment ----

async function openSite(scope) {
  const env = { FAIRGATE_BUILD_DIR: buildWithLimits(scope, { max_per_buyer: 0 }) }; // buyers share accounts
  const stack = await openStack(scope, { env, hashes: 'usual' });
  await stack.up();
  const office = new PassOffice('fairgate', stack.read('secrets/pass-es256.pem'));
  return { stack, office };
}

// `perSecond` buyers arrive each second, for `seconds` seconds; each makes one order.
async function buy(scope, { stack, office }, perSecond, seconds) {
  const visitors = Math.round(perSecond * seconds);
  const passesFile = join(scope.tempDir('passes-'), 'passes');
  writePasses(passesFile, office, EVENT, visitors);
  const [{ now }] = stack.rows('payment_adapter', 'SELECT now()');
  const run = await runCrowd(scope, {
    scenario: 'orders',
    settings: {
      crowd: { visitors, within: `${seconds}s`, patience: `${seconds + 60}s` },
      targets: { ...targetsOf(stack), users_file: makeAccounts(stack, ACCOUNTS), passes_file: passesFile },
    },
    timeoutMs: (seconds + 90) * 1000,
  });
  const [row] = stack.rows(
    'payment_adapter',
    `SELECT count(*) AS done, extract(epoch FROM
       percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM changed_at)) * interval '1 s' -
       percentile_cont(0.1) WITHIN GROUP (ORDER BY extract(epoch FROM changed_at)) * interval '1 s')
       AS middle_s
     FROM pay.orders WHERE status = 'completed' AND created_at >= '${now}'`,
  );
  sameWork('orders', { buyers: visitors, tickets: run.ended.done, completed: row.done });
  return { run, rate: (0.8 * row.done) / row.middle_s };
}

// The number of commits in the payment adapter's database so far, including read-only ones, and how many of
// them stored webhooks (a row's xmin is its transaction).
function spent({ stack }) {
  const [row] = stack.rows('payment_adapter',
    `SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
       (SELECT count(*) FROM pay.webhook_event) AS webhooks,
       (SELECT count(DISTINCT xmin::text) FROM pay.webhook_event) AS webhook_commits,
       (SELECT count(*) FROM pay.orders WHERE status = 'completed') AS orders`);
  return row;
}

// Waits until an overload's remaining webhooks are delivered and its sagas have ended, and returns the time,
// which is a figure of the overload. Only then does the next measurement begin.
async function quietAgain({ stack }) {
  const began = performance.now();
  const bank = client({ port: stack.base + 14 });
  await until('the site to be quiet', async () => {
    const [open] = stack.rows('payment_adapter', 'SELECT count(*) AS sagas FROM pay.saga WHERE state < 2');
    const waiting = parseMetrics((await bank.get('/metrics')).text).get('psp_webhooks_waiting');
    return open.sagas === 0 && waiting === 0;
  }, { timeoutMs: 90_000, everyMs: 200 });
  return (performance.now() - began) / 1000;
}

// Checks at the end that provider, seats and orders agree.
async function sameEverywhere({ stack }) {
  const token = stack.secret('admin-token');
  const krw = (await client({ port: stack.base + 14, token }).get('/control/ledger')).json.currencies.krw;
  const seats = client({ port: stack.base + 12, token });
  const sold = (await seats.get(`/admin/events/${EVENT}/export`, { timeoutMs: 60_000 })).json;
  const [orders] = stack.rows(
    'payment_adapter',
    `SELECT count(*) AS count, sum(amount)::bigint AS amount, sum(jsonb_array_length(seats)) AS seats
     FROM pay.orders WHERE status = 'completed'`,
  );
  sameWork('money', { captured: krw.captured, ordered: orders.amount });
  sameWork('captures', { captures: krw.captures, orders: orders.count });
  sameWork('seats', { sold: new Set(sold.map(({ seat }) => seat)).size, rows: sold.length, ordered: orders.seats });
}

// The service's histogram of the time from money seen to ticket: upper bound -> orders.
async function served({ stack }) {
  const metrics = parseMetrics((await client({ port: stack.base + 13 }).get('/metrics')).text);
  const bucket = /^fairgate_order_to_ticket_seconds_bucket\{le="([\d.]+)"\}$/;
  return new Map([...metrics].filter(([name]) => bucket.test(name)).map(([name, count]) => [bucket.exec(name)[1], count]));
}

// The 99th percentile, in ms, of the orders between two such histograms.
function p99Of(before, after) {
  const times = [...after].map(([s, count]) => ({ ms: 1000 * s, count: count - before.get(s) })).sort((a, b) => a.ms - b.ms);
  return times.find(({ count }) => count >= 0.99 * times.at(-1).count).ms;
}

// `updates`: this machine's durable UPDATEs per second.
async function orders({ scope, add }, updates) {
  const site = await openSite(scope);
  await buy(scope, site, 50, 2); // warm-up
  await quietAgain(site);
  const before = spent(site);
  const peak = await buy(scope, site, OFFERED, SECONDS);
  add({ name: `orders: complete, ${OFFERED} offered a second`, value: peak.rate, unit: '/s', latency: inMs(peak.run.took_us['paid to ticket']), note: 'percentiles: from paid to ticket under more than it can do' });
  add({ name: 'orders: complete, of UPDATE', value: peak.rate / updates, unit: 'x', atLeast: 0.03, note: 'an order is some thirty rows in two databases, and a buyer, a shop and a provider on the same cores' });
  add({ name: 'orders: from the last ticket until all webhooks are through', value: await quietAgain(site), unit: 's', note: 'after that overload' });
  const after = spent(site);
  const each = (key) => (after[key] - before[key]) / (after.orders - before.orders);
  add({ name: 'orders: commits of the payment database for each', value: each('commits'), note: `reading ones among them; of ${each('webhooks').toFixed(1)} webhooks an order came ${each('webhook_commits').toFixed(3)} commits` });
  const half = Math.min(peak.rate, OFFERED) / 2;
  const servedBefore = await served(site);
  const calm = await buy(scope, site, half, SECONDS);
  const took = inMs(calm.run.took_us['paid to ticket']);
  add({ name: 'orders: paid to ticket, p99 at half of that', value: took.p99, unit: 'ms', atMost: 1000, latency: took, note: `${Math.round(half)} a second; as the buyer sees it, who asks every 100 to 300 ms` });
  const p99 = p99Of(servedBefore, await served(site));
  add({ name: 'orders: money seen to ticket, p99 at half of that', value: p99, unit: 'ms', note: 'as the service measures it' });
  add({ name: 'orders: that p99, of an UPDATE at full load', value: p99 / ((1000 * CLIENTS) / updates), unit: 'x', atMost: 112 });
  await sameEverywhere(site);
  add({ name: 'orders: money, seats and orders that disagree', value: 0, atMost: 0, note: 'otherwise the suite is broken' });
  const stopped = await site.stack.command('down');
  if (stopped.status !== 0) throw new Error(`down: ${stopped.stdout}${stopped.stderr}`);
}

export default async function suite(world) {
  await orders(world, await sagas(world));
}
