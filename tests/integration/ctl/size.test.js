// fairgate size: its sums equal those of loadtest/sim for the same figures, and its result suffices in the simulation.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openScope, postgresBin, programPath, ROOT, runBeside, startRedis } from '../../lib-js/index.js';
import { FIGURES_C, header } from '../../../loadtest/sim/scale.js';
import { askOf } from '../../../loadtest/sim/whole/ask.js';
import { sizeOf } from '../../../loadtest/sim/whole/closed.js';
import { withSize } from '../../../loadtest/sim/whole/needed.js';
import { runSale } from '../../../loadtest/sim/whole/sale.js';
import { done, EXIT, refused } from './fairgate.js';

const size = (...words) => runBeside('fairgate', ['size', ...words], { env: { HOME: '/nowhere', FAIRGATE_PROFILES: undefined } });
const countOf = ({ parts }, name) => parts.find(({ part }) => part === name);

// visitors, placed within, come within, called, the rest.
const ASKS = [
  [1_000, 10, 1, 50], [100_000, 10, 1, 50], [400_000, 5, 2, 200], [1_000_000, 10, 1, 50], [1_000_000, 60, 30, 700, '--cdn'], [2_500_000, 20, 1, 50, '--edge-cores', '4', '--front-cores', '8'],
  [10_000_000, 10, 1, 50], [10_000_000, 600, 600, 1000], [10_000_000, 10, 1, 50, '--cdn'],
];

async function sized([visitors, placed, within, called, ...more]) {
  const words = ['--visitors', visitors, '--seats', 50_000, '--placed', placed, '--within', within, '--called', called, '--json', ...more];
  return JSON.parse(done(await size(...words.map(String))).stdout);
}

function askLike([visitors, , withinS, ratePerS, ...more]) {
  const after = (name, otherwise) => (more.includes(name) ? Number(more[more.indexOf(name) + 1]) : otherwise);
  return askOf({ visitors, withinS, ratePerS, cdn: more.includes('--cdn'), edgeCores: after('--edge-cores', 16), frontCores: after('--front-cores', 2) });
}

test('the figures in C are those of table.js: otherwise make scale', () => {
  assert.equal(readFileSync(FIGURES_C, 'utf8'), header());
});

test('its results equal the simulation\'s closed-form sums', async () => {
  for (const one of ASKS) {
    const got = await sized(one);
    const wanted = sizeOf(askLike(one), one[1]);
    assert.deepEqual(
      ['edge', 'queue-front', 'shard of Redis', 'payment-adapter'].map((name) => countOf(got, name).count),
      [wanted.edges, wanted.fronts, wanted.shards, wanted.pays], one.join(' '),
    );
    assert.deepEqual([countOf(got, 'edge').then, countOf(got, 'queue-front').then], [wanted.after.edges, wanted.after.fronts], one.join(' '));
    const least = Object.fromEntries(got.settings.map(({ setting, least: value }) => [setting, value]));
    assert.deepEqual(least, {
      rate_per_s: one[3], max_active: wanted.maxActive, 'psp.per_s': wanted.pspPerS, 'users.queries_per_s': wanted.usersPerS,
      maxconn: wanted.connections, LimitNOFILE: wanted.streams, ...(wanted.shards > 1 ? { shards: wanted.shards } : {}),
    });
    assert.deepEqual([got.polls_per_s, got.sold_out_s, countOf(got, 'PostgreSQL').disk_gb], [Math.floor(wanted.pollsPerS), Math.ceil(wanted.soldS), wanted.postgresDiskGb]);
    for (const { count, spare, then, memory_gb: gb, disk_gb: disk } of got.parts) assert.ok(then <= count && spare > 0 && gb >= 2 && disk >= 20, one.join(' '));
  }
});

test('in the simulation its machines place everybody at most a quarter late', async () => {
  for (const one of ASKS) {
    const ask = withSize(askLike(one), sizeOf(askLike(one), one[1]));
    const { placedS } = runSale({ ...ask, to: 'place', horizonS: 3600 });
    assert.ok(placedS <= 1.25 * Math.max(one[1], one[2]) + 0.5, `${one.join(' ')}: ${placedS}`);
  }
});

test('a timetable uses the clock if the opening is given, seconds from it otherwise', async () => {
  const words = ['--visitors', '300000', '--seats', '20000'];
  const dated = JSON.parse(done(await size(...words, '--json', '--opens', '2027-05-01T20:00:00+09:00')).stdout);
  assert.deepEqual(dated.times.map(({ at_s: s }) => s), dated.times.map(({ at_s: s }) => s).sort((a, b) => a - b));
  for (const { at, at_s: s } of dated.times) assert.equal(Date.parse(at), Date.parse('2027-05-01T11:00:00Z') + s * 1000);
  assert.ok(dated.times[0].at_s < -900);
  const told = done(await size(...words)).stdout;
  for (const word of ['edge', 'queue-front', 'psp.per_s', 'the opening', 'P-256', 'SECONDS']) assert.ok(told.includes(word), word);
  assert.ok(!done(await size(...words, '--cdn')).stdout.includes('P-256'));
});

test('the files that it writes are taken by the programs that read them', async (t) => {
  const scope = openScope(t);
  const dir = join(scope.tempDir(), 'new/size');
  const words = ['--visitors', '2000000', '--seats', '4000000', '--called', '400'];
  assert.match(done(await size(...words, '--write', dir)).stdout, /^The settings of each machine are below /m);
  const { parts, settings } = JSON.parse(done(await size(...words, '--json', '--write', dir)).stdout);
  const text = (path) => readFileSync(join(dir, path), 'utf8');
  const least = (name) => settings.find(({ setting }) => setting === name).least;

  for (const service of ['queue-front', 'seat-service', 'payment-adapter']) {
    const unit = text(`${service}/etc/systemd/system/fairgate-${service}.service.d/size.conf`);
    const env = Object.fromEntries([...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, pairs]) => pairs.split(' ').map((pair) => pair.split('='))));
    assert.equal(Number(env.FAIRGATE_HTTP_LOOPS), countOf({ parts }, service).cores);
    if (service === 'payment-adapter') assert.deepEqual([env.FAIRGATE_PSP_PER_S, env.FAIRGATE_USERS_QUERIES_PER_S], [least('psp.per_s'), least('users.queries_per_s')].map(String));
    execFileSync(programPath(service), ['--check-config', '--config', join(ROOT, `infra/etc/${service}.conf`)], { env: { ...process.env, ...env } });
    assert.throws(() => execFileSync(programPath(service), ['--check-config', '--config', join(ROOT, `infra/etc/${service}.conf`)], { env: { ...process.env, ...env, FAIRGATE_HTTP_LOOPS: 'many' }, stdio: 'ignore' }));
  }

  cpSync(join(dir, 'edge/etc/fairgate'), dir, { recursive: true });
  const edge = join(dir, 'edge.conf');
  writeFileSync(edge, `health = 127.0.0.1:8404\nfronts = 127.0.0.1\nmaxconn = 5\nsocket = ${dir}/edge.sock\n`);
  execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), [edge, join(dir, 'edge.cfg')]);
  const [all, visitors] = [...text('edge.cfg').matchAll(/^ +maxconn (\d+)$/gm)].map(([, most]) => Number(most));
  assert.ok(all > visitors && visitors > least('maxconn'), `${all}, ${visitors}`);
  const files = Number(/^LimitNOFILE=(\d+)$/m.exec(text('edge/etc/systemd/system/haproxy.service.d/size.conf'))[1]);
  assert.ok(files > 2 * all, 'two for each connection');

  const kernel = (path) => execFileSync('sysctl', ['--dry-run', `--load=${path}`], { encoding: 'utf8' });
  assert.match(kernel(join(ROOT, 'infra/systemd/60-fairgate.conf')), /^net\.core\.somaxconn = 4096$/m);
  assert.match(kernel(join(dir, 'redis/etc/sysctl.d/60-fairgate-redis.conf')), /^vm\.overcommit_memory = 1$/m);
  for (const part of ['edge', 'queue-front']) assert.ok(Number(/^fs\.nr_open = (\d+)$/m.exec(kernel(join(dir, part, 'etc/sysctl.d/60-fairgate.conf')))[1]) >= files);

  const redis = await startRedis(scope, { settings: { include: join(dir, 'redis/etc/redis/fairgate*.conf') } });
  const [, bytes] = await redis.command('CONFIG', 'GET', 'maxmemory');
  const { memory_gb: gb, disk_gb: disk } = countOf({ parts }, 'shard of Redis');
  assert.ok(bytes > 2_000_000 * 146 && bytes < gb * 1e9 / 2 && disk > 20 + bytes * 2e-9, bytes);
  await startRedis(scope, { settings: { include: join(dir, 'none*.conf') } });

  copyFileSync(join(dir, 'postgresql/conf.d/fairgate-size.conf'), join(dir, 'postgresql.conf'));
  const postgres = (name) => execFileSync(join(postgresBin(), 'postgres'), ['-C', name, '-D', dir], { encoding: 'utf8' }).trim();
  assert.ok(Number(postgres('max_connections')) >= 100);
  assert.equal(Number(postgres('shared_buffers')) * 8192, countOf({ parts }, 'PostgreSQL').memory_gb * 2 ** 28);

  refused(await size(...words, '--write', edge), EXIT.usage, /edge\.conf\/edge.*Not a directory/);
});

test('impossible sales are named, and what no number of machines can do', async () => {
  refused(await size('--visitors', '10'), EXIT.usage, /--seats/);
  refused(await size('--visitors', 'many', '--seats', '5'), EXIT.usage, /--visitors: a number from 1 to/);
  refused(await size('--visitors', '10', '--seats', '5', '--opens', 'noon'), EXIT.usage, /2027-05-01T11:00:00Z/);
  const far = await size('--visitors', '100000000', '--seats', '50000', '--json');
  assert.equal(far.status, EXIT.refused);
  assert.equal(JSON.parse(far.stdout).enough, false);
});
