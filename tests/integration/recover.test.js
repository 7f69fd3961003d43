// What infra/recover ships and refuses. `make recover-drill`, which `make soak` runs, checks recovery under load.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { assertStatus, openScope, openSmallDisk, ROOT, startPostgres, startRedis, until } from '../lib-js/index.js';
import { anOrder, startShop } from './demo-shop/shop.js';
import { openWorld } from './payment-adapter/lib/world.js';
import { KEY, startSandbox } from './psp-sandbox/sandbox.js';

const HERE = join(ROOT, 'infra/recover');
const read = (name) => readFileSync(join(HERE, name), 'utf8');

// Runs recover with its own settings; returns {status, stdout, stderr}.
function recover(scope, settings, ...words) {
  const conf = join(scope.tempDir('recover-'), 'recover.conf');
  writeFileSync(conf, Object.entries(settings).map(([key, value]) => `${key}='${value}'\n`).join(''));
  return spawnSync(join(HERE, 'recover'), words, { encoding: 'utf8', env: { ...process.env, FAIRGATE_RECOVER_CONF: conf } });
}

test('every command of recover has a help text, and those that the handbook names exist', () => {
  const known = [...read('recover').split('case $command in')[1].matchAll(/^([a-z-]+)\)/gm)].map(([, name]) => name);
  const told = spawnSync(join(HERE, 'recover'), { encoding: 'utf8' });
  assert.equal(told.status, 2);
  for (const name of known) assert.match(told.stderr, new RegExp(`^  ${name}( |$)`, 'm'));
  const page = readFileSync(join(ROOT, 'docs/operate/recover.md'), 'utf8');
  const named = new Set([...page.matchAll(/(?:^|`)recover ([a-z-]+)/gm)].map(([, name]) => name));
  assert.deepEqual([...named].filter((name) => !known.includes(name)), []);
});

test('pgBackRest takes its configuration', (t) => {
  const scope = openScope(t);
  const dir = scope.tempDir('pgbackrest-');
  const conf = join(dir, 'pgbackrest.conf');
  assert.match(recover(scope, { PGBACKREST_CONFIG: join(HERE, 'pgbackrest.conf') }, 'begin').stderr, /recover: \S+: put a word of `recover secret` in the place of CIPHER_PASS/);
  writeFileSync(conf, read('pgbackrest.conf').replace('CIPHER_PASS', 'a-word-for-a-test').replace('/var/lib/pgbackrest', dir).replace('/var/spool/pgbackrest', dir));
  const done = spawnSync('pgbackrest', [`--config=${conf}`, '--stanza=fairgate', `--lock-path=${dir}`, '--log-level-file=off', 'info'], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stdout + done.stderr);
  assert.match(done.stdout, /stanza: fairgate/);
  assert.doesNotMatch(done.stderr, /invalid|WARN/);
});

test('PostgreSQL accepts the settings of archive.conf', async (t) => {
  const settings = Object.fromEntries([...read('archive.conf').matchAll(/^([a-z_]+) = '?([^'\n]*)'?$/gm)].map(([, name, value]) => [name, value]));
  assert.match(settings.archive_command, /^pgbackrest --stanza=fairgate archive-push %p$/);
  const postgres = await startPostgres(openScope(t), { settings: { ...settings, archive_command: 'true' } });
  assert.equal(postgres.sql("SELECT setting FROM pg_settings WHERE name = 'archive_timeout'"), '10');
  assert.equal(postgres.sql("SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'"), '20480', 'a lost receiver would fill the disk');
});

// Stubs that are found before the real programs: each is a line of shell.
function withPrograms(scope, programs) {
  const dir = scope.tempDir('programs-');
  for (const [name, line] of Object.entries(programs)) writeFileSync(join(dir, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return { PATH: `${dir}:${process.env.PATH}` };
}

test('once PostgreSQL has left recovery, and not before, its settings are read again and a backup is made', (t) => {
  const scope = openScope(t);
  const said = join(scope.tempDir('said-'), 'log');
  const path = withPrograms(scope, {
    setpriv: 'while [ "$1" != --clear-groups ]; do shift; done; shift; exec "$@"',
    psql: `echo "\${*##*-c }" >>${said}; case "$*" in *pg_is_in_recovery*) if [ "$(grep -c recovery ${said})" -lt 3 ]; then echo t; else echo f; fi;; esac`,
    pgbackrest: `echo "\${*##* }" >>${said}`,
  });
  const done = recover(scope, path, 'opened');
  assert.equal(done.status, 0, done.stderr);
  const asks = Array(3).fill('SELECT pg_is_in_recovery()');
  assert.deepEqual(readFileSync(said, 'utf8').trim().split('\n'), [...asks, 'SELECT pg_reload_conf()', 'backup']);
});

// A PostgreSQL that archives to a repository and has its WAL on a separate disk, and its first backup.
async function backedUp(scope) {
  const dir = scope.tempDir('backed-up-');
  chmodSync(dir, 0o711);
  const owned = (name) => {
    mkdirSync(join(dir, name), { mode: 0o700 });
    if (process.getuid() === 0) execFileSync('chown', ['postgres', join(dir, name)]);
    return join(dir, name);
  };
  const config = join(dir, 'pgbackrest.conf');
  const archive = { archive_mode: 'on', wal_level: 'replica', archive_command: `pgbackrest --config=${config} --stanza=fairgate archive-push %p` };
  const postgres = await startPostgres(scope, { settings: archive });
  await postgres.stop();
  const wal = join(owned('disk'), 'pg_wal');
  execFileSync('mv', [join(postgres.data, 'pg_wal'), wal]);
  symlinkSync(wal, join(postgres.data, 'pg_wal'));
  writeFileSync(config, read('pgbackrest.conf').replace('CIPHER_PASS', 'a-word-for-a-test').replace('archive-async=y\n', '')
    .replace('repo1-path=/var/lib/pgbackrest', `repo1-path=${owned('repository')}\nlog-path=${owned('log')}\nlock-path=${owned('lock')}`).replace('/var/spool/pgbackrest', owned('spool'))
    .replace('pg1-path=/var/lib/postgresql/15/main', `pg1-path=${postgres.data}`).replace('5432', postgres.port).replace('/var/run/postgresql', postgres.socketDir));
  await postgres.start();
  const settings = { PGBACKREST_CONFIG: config, PG_DATA: postgres.data, PAY_DSN: postgres.conninfo(), PG_OWNER: process.getuid() === 0 ? 'postgres' : process.env.USER, TEST_FOLDER: join(owned('room'), 'test'), TESTED: join(dir, 'state/tested'), REPOSITORY: join(dir, 'repository') };
  const done = (...words) => {
    const said = recover(scope, settings, ...words);
    assert.equal(said.status, 0, said.stdout + said.stderr);
    return said.stdout;
  };
  postgres.sql('CREATE TABLE sale (n int); CREATE TABLE years AS SELECT generate_series(1, 100000) AS n; INSERT INTO sale VALUES (1)');
  done('begin');
  done('backup', 'full');
  return { postgres, wal, settings, done, sales: () => postgres.sql('SELECT count(*) FROM sale') };
}

test('a restore copies damaged files only, and keeps the WAL disk with its files', async (t) => {
  const { postgres, wal, settings, done, sales } = await backedUp(openScope(t));
  const file = (table) => join(postgres.data, postgres.sql(`SELECT pg_relation_filepath('${table}')`));
  const [sale, years] = [file('sale'), file('years')];
  const { ino } = statSync(years);
  postgres.sql('INSERT INTO sale VALUES (2)'); // not archived
  await postgres.kill();
  truncateSync(sale, 0);
  rmSync(join(postgres.data, 'base/1'), { recursive: true });
  done('restore');
  assert.equal(statSync(years).ino, ino, 'what was right was copied again');
  assert.ok(lstatSync(join(postgres.data, 'pg_wal')).isSymbolicLink());
  await postgres.start();
  done('opened');
  assert.equal(sales(), '2');

  // The whole folder, and once more after a restore that began a new timeline.
  settings.PG_WAL = wal;
  for (const [keep, rows] of [[[], '3'], [['--keep'], '4']]) {
    postgres.sql('INSERT INTO sale VALUES (3)');
    await postgres.kill();
    if (keep.length === 0) rmSync(postgres.data, { recursive: true });
    done('restore', '--wal', wal, ...keep);
    await postgres.start();
    done('opened');
    assert.equal(sales(), rows);
  }
  assert.ok(readdirSync(dirname(postgres.data)).some((name) => name.startsWith('data.before-')));
  assert.ok(lstatSync(join(postgres.data, 'pg_wal')).isSymbolicLink());
});

for (const [keep, rest] of [[[], 'what is right stays'], [['--keep'], 'all is moved aside']])
  test(`WAL in the data folder itself is read after a restore that was cut short once, and ${rest}`, async (t) => {
    const scope = openScope(t);
    const { postgres, wal, settings, done, sales } = await backedUp(scope);
    await postgres.stop();
    rmSync(join(postgres.data, 'pg_wal'));
    execFileSync('mv', [wal, join(postgres.data, 'pg_wal')]);
    await postgres.start();
    postgres.sql('INSERT INTO sale VALUES (2)'); // not archived
    await postgres.kill();
    assert.equal(recover(scope, { ...settings, ...withPrograms(scope, { setpriv: 'exit 9', pgbackrest: 'exit 9' }) }, 'restore', ...keep).status, 9);
    done('restore', ...keep);
    await postgres.start();
    assert.equal(sales(), '2');
    const aside = readdirSync(dirname(postgres.data)).filter((name) => name.startsWith('data.pg_wal'));
    assert.match(aside.join(' '), /^data\.pg_wal\.before-\S+$/, 'the next restore would read it again');
  });

test('a tested restore opens the newest backup during the sale and leaves nothing', async (t) => {
  const scope = openScope(t);
  const { postgres, settings, done, sales } = await backedUp(scope);
  const failed = () => postgres.sql('SELECT failed_count FROM pg_stat_archiver');
  const before = failed();
  assert.match(done('test'), /restored, opened and read/);
  assert.ok(existsSync(settings.TESTED) && !existsSync(settings.TEST_FOLDER));
  assert.equal(sales(), '1');
  assert.equal(failed(), before);
  const disk = openSmallDisk(scope, 8);
  const free = disk.freeBytes();
  assert.match(recover(scope, { ...settings, TEST_FOLDER: join(disk.dir, 'test') }, 'test').stderr, /the copy needs \d+ bytes/);
  assert.equal(disk.freeBytes(), free, 'it would fill the disk of the database');
});

test('WAL in the repository that cannot be read is not the end of the archive', async (t) => {
  const scope = openScope(t);
  const { postgres, settings, done } = await backedUp(scope);
  const name = postgres.sql('INSERT INTO sale VALUES (2); SELECT pg_walfile_name(pg_switch_wal())');
  await until('the archive to have it', () => postgres.sql(`SELECT last_archived_wal >= '${name}' FROM pg_stat_archiver`) === 't');
  const [file] = execFileSync('find', [settings.REPOSITORY, '-name', `${name}-*`], { encoding: 'utf8' }).split('\n');
  const bytes = readFileSync(file);
  writeFileSync(file, 'damaged');
  const said = recover(scope, settings, 'test');
  assert.equal(said.status, 1, said.stdout);
  assert.match(said.stderr, /does not open; (.*) says why/);
  writeFileSync(file, bytes);
  assert.match(done('test'), /restored, opened and read/);
});

test('line-save keeps the newest archives of each event, and goes on after one that fails', (t) => {
  const scope = openScope(t);
  const folder = scope.tempDir('line-');
  const trail = '{"line":{"audit":[{"what":"delete","from":{"event":"gone"}}]}}';
  const settings = {
    REDIS_AT: '127.0.0.1:1', LINE_COPIES: 1,
    ...withPrograms(scope, { fairgate: `case $1:$2 in events:*) flock -n '${folder}/.lock' touch '${folder}/unlocked'; echo "hero refused hero-lim";; audit:*) echo '${trail}';; *:refused) exit 1;; show:*) echo "queue-front: There is no such event. (event-unknown)" >&2; exit 4;; *) echo '{"state":"closed"}' >"$3";; esac` }),
  };
  for (const event of ['hero', 'hero-lim', 'ended', 'gone']) writeFileSync(join(folder, `event-${event}-20200101T000000Z.ndjson`), '{"state":"open"}\n');
  writeFileSync(join(folder, 'event-over-20190101T000000Z.ndjson'), '{"state":"closed"}\n');
  const refused = recover(scope, settings, 'line-save', folder);
  assert.equal(refused.status, 1, 'Redis is away, and one event was refused');
  assert.match(refused.stderr, /^recover: 127\.0\.0\.1:1: /);
  const kept = readdirSync(folder);
  // `ended` ended since its newest archive, which promote would open again.
  assert.deepEqual(kept.map((name) => name.replace(/-2\d{7}T\d{6}Z/, '')).sort(), ['.lock', 'deleted', 'event-ended.ndjson', 'event-hero-lim.ndjson', 'event-hero.ndjson', 'event-over.ndjson']);
  assert.deepEqual(kept.filter((name) => /20(19|20)0101/.test(name)), ['event-over-20190101T000000Z.ndjson']);
  assert.deepEqual(readdirSync(join(folder, 'deleted')), ['event-gone-20200101T000000Z.ndjson']);
  for (const name of kept.filter((one) => /^event-hero/.test(one))) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, 'others may read it');
  assert.equal(recover(scope, { ...settings, ...withPrograms(scope, { fairgate: 'exit 1' }) }, 'line-save', folder).status, 1, 'no front answered');
  assert.ok(!existsSync(join(folder, 'saved')), 'the alert would not fire');
  const whole = { ...settings, REDIS_AT: '', ...withPrograms(scope, { fairgate: `[ $1 != archive ] || echo '{"state":"closed"}' >"$3"` }) };
  assert.equal(recover(scope, whole, 'line-save', folder).status, 0);
  assert.ok(existsSync(join(folder, 'saved')));
});

test('copies of a Redis that lost its events do not push out the last copy that has them', (t) => {
  const scope = openScope(t);
  const folder = scope.tempDir('line-');
  const save = (minute, fairgate) => {
    const programs = { date: `echo 20300101T00${minute}00Z`, fairgate, 'redis-cli': 'while [ "$1" != --rdb ]; do shift; done; echo REDIS >"$2"' };
    return recover(scope, { REDIS_AT: '/one /two', LINE_COPIES: 1, ...withPrograms(scope, programs) }, 'line-save', folder).status;
  };
  const kept = () => readdirSync(folder).map((name) => /^(line\d?)-\d+T00(\d\d)00Z\.rdb$/.exec(name)).filter(Boolean).map(([, shard, minute]) => `${shard} ${minute}`);
  const has = `case $1 in events) echo hero;; archive) echo '{"state":"open"}' >"$3";; esac`;
  assert.deepEqual([save('01', has), save('02', has), kept()], [0, 0, ['line 02', 'line2 02']]);
  for (const minute of ['03', '04']) assert.equal(save(minute, '[ $1 != archive ]'), 1);
  assert.deepEqual(kept(), ['line 02', 'line 04', 'line2 02', 'line2 04']);
  assert.deepEqual([save('05', has), kept()], [0, ['line 05', 'line2 05']]);
});

test('promote restores the other events when one archive is refused, and leads nobody to a place that cannot sell', (t) => {
  const scope = openScope(t);
  const folder = scope.tempDir('line-');
  const clock = join(scope.tempDir('clock-'), 'now');
  writeFileSync(clock, '0');
  for (const event of ['a', 'b', 'c']) writeFileSync(join(folder, `event-${event}-20200101T000000Z.ndjson`), `{"event":"${event}"}\n`);
  writeFileSync(join(folder, 'event-c-20200102T000000Z.ndjson'), 'an archive that cannot be read is for the front to refuse');
  const as = { setpriv: 'while [ "$1" != --clear-groups ]; do shift; done; shift; exec "$@"' };
  const settings = withPrograms(scope, {
    ...as, psql: 'echo f', date: `echo $(($(cat ${clock}) + 40)) | tee ${clock}`, fairgate: 'case $1:$2 in show:* | restore:b) exit 1;; esac',
  });
  const { status, stdout, stderr } = recover(scope, settings, 'promote', folder, '--first-is-off');
  assert.deepEqual([status, ...stdout.matchAll(/^(\S+) is as it was/gm)].map((one) => one[1] ?? one), [1, 'c', 'a']);
  assert.match(stderr, /b does not come back/);
  const refuses = (psql, where, why) => {
    const said = recover(scope, withPrograms(scope, { ...as, psql, fairgate: 'exit 0' }), 'promote', where, '--first-is-off');
    assert.deepEqual([said.status, /lead visitors/.test(said.stdout)], [1, false], said.stdout);
    assert.match(said.stderr, why);
  };
  refuses('exit 2', folder, /PostgreSQL does not answer/);
  refuses('case $* in *pg_promote*) echo f;; *) echo t;; esac', folder, /PostgreSQL takes no writes yet/);
  refuses('echo f', join(folder, 'not-mounted'), /there is no archive of an event/);
});

test('line-load loads a copy into an append-only Redis and keeps the old files', async (t) => {
  const scope = openScope(t);
  const redis = await startRedis(scope, { settings: { appendfsync: 'always' } });
  await redis.command('SET', 'before', 'the copy');
  const copy = join(scope.tempDir('copy-'), 'line.rdb');
  execFileSync('redis-cli', ['-s', redis.socket, '--rdb', copy], { stdio: 'ignore' });
  await redis.command('SET', 'after', 'the copy');
  const settings = { REDIS_DATA: redis.data };
  const refused = recover(scope, settings, 'line-load', copy);
  assert.match(refused.stderr, /Redis runs; stop it first/);
  await redis.stop();
  const loaded = recover(scope, settings, 'line-load', copy);
  assert.equal(loaded.status, 0, loaded.stderr);
  assert.ok(readdirSync(redis.data).some((name) => name.startsWith('appendonlydir.before-')));
  await redis.start();
  assert.deepEqual([await redis.command('GET', 'before'), await redis.command('GET', 'after')], ['the copy', null]);
  await redis.command('SET', 'later', 'kept');
  await redis.stop();
  await redis.start();
  assert.deepEqual([await redis.command('GET', 'before'), await redis.command('GET', 'later')], ['the copy', 'kept']);
});

test('recover refuses to overwrite data or to promote while the first site is on', (t) => {
  const scope = openScope(t);
  const data = join(scope.tempDir('data-'), 'main');
  mkdirSync(data);
  const server = scope.spawn('server', ['sleep', '600'], { cwd: data, stays: true });
  writeFileSync(join(data, 'postmaster.pid'), `${server.pid}\n`);
  const settings = { PG_DATA: data, PG_OWNER: process.getuid() === 0 ? 'postgres' : process.env.USER };
  assert.match(recover(scope, settings, 'restore').stderr, /a PostgreSQL runs in .*; stop it first/);
  assert.match(recover(scope, { ...settings, PG_DATA: '/nowhere' }, 'restore', '--into', data).stderr, /stop it first/);
  writeFileSync(join(data, 'postmaster.pid'), '999999999\n');
  assert.match(recover(scope, settings, 'restore', '--into', data).stderr, /is not empty/);
  writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n`); // another program has its number
  assert.match(recover(scope, settings, 'restore', '--into', data).stderr, /is not empty/);
  assert.match(recover(scope, settings, 'restore', '--to', '2026-05-01 12:03:10').stderr, /name its offset in numbers/);
  const unasked = { ...settings, PATRONI: '/etc/patroni/config.yml', ...withPrograms(scope, { patronictl: 'exit 1', pgbackrest: 'exit 0' }) };
  assert.match(recover(scope, unasked, 'restore').stderr, /patronictl -c \S+ list fails/);
  assert.ok(existsSync(join(data, 'postmaster.pid')), 'the data were touched');
  assert.match(recover(scope, settings, 'promote', data).stderr, /--first-is-off/);
  assert.match(recover(scope, settings, 'line-load', join(HERE, 'recover.conf')).stderr, /is no copy of a Redis/);
  for (const words of [[], ['rub-out'], ['restore', '--to']]) assert.equal(recover(scope, settings, ...words).status, 2);
});

// A payment adapter with a database set back by a restore, the providers, and the settings of `recover`.
async function setBack(scope) {
  const world = await openWorld(scope);
  await world.reconciled();
  const sandbox = await startSandbox(scope);
  const key = join(scope.tempDir('key-'), 'key');
  writeFileSync(key, `${KEY}\n`);
  const at = `http://127.0.0.1:${sandbox.port}`;
  const settings = {
    PAY_DSN: world.postgres.conninfo('pay'), PG_OWNER: 'postgres', PROVIDER_URL: at, PROVIDER_KEY: key, TOSS_URL: at, TOSS_KEY: key,
    SHOP_URL: 'http://127.0.0.1:9', SHOP_KEY: key,
  };
  const sql = (text) => world.postgres.sql(text, 'pay');
  const installation = sql('SELECT id FROM pay.installation');
  // An id in this installation's format, for an order that does not exist here.
  const ours = (letter) => `o_${installation}${letter.repeat(16)}`;
  // A row as reconciliation stores it from the provider's list.
  const listed = (provider, payment, id, captured = 50_000) => sql(`INSERT INTO pay.psp_payment (provider, payment, order_id, amount, captured, state) VALUES ('${provider}', '${payment}', '${id}', 50000, ${captured}, ${captured ? 2 : 1})`);
  const paid = async (order, capture = 'automatic') => {
    const intent = await sandbox.stripe().paymentIntents.create({ amount: 50_000, currency: 'krw', payment_method: 'pm_card_visa', capture_method: capture, confirm: true, return_url: 'http://shop.test/', metadata: { order } });
    assert.equal(intent.status, capture === 'manual' ? 'requires_capture' : 'succeeded');
    listed('stripe', intent.id, order, intent.amount_received);
    return intent.id;
  };
  const refunds = async (intent) => (await sandbox.stripe().refunds.list({ payment_intent: intent })).data.length;
  const lost = (...words) => recover(scope, settings, 'lost', ...words);
  const digest = () => /^digest ([0-9a-f]{16})$/m.exec(lost().stdout)[1];
  return { world, sandbox, settings, sql, ours, listed, paid, refunds, lost, digest };
}

test('money that a restore has left at a provider goes back, at Stripe and at Toss, once', async (t) => {
  const { sandbox, ours, listed, paid, refunds, lost, digest } = await setBack(openScope(t));
  const [atStripe, byCard, byTransfer, unpaid] = ['a', 'b', 'c', 'd'].map(ours);
  const authorization = `Basic ${Buffer.from(`${KEY}:`).toString('base64')}`;
  const toss = async (path, body) => (await sandbox.http[body === undefined ? 'get' : 'post'](`/v1/payments/${path}`, { body, headers: { authorization } })).json;

  const intent = await paid(atStripe);
  const reserved = await paid(unpaid, 'manual');
  for (const [orderId, how] of [[byCard, { number: '4242424242424242' }], [byTransfer, { pay_by: 'transfer' }]]) {
    const form = { orderId, amount: '50000', orderName: 'R석', successUrl: 'http://shop.test/ok', failUrl: 'http://shop.test/no', ...how };
    const back = new URL((await sandbox.http.post('/toss/pay', sandbox.form(form))).headers.location).searchParams;
    await toss('confirm', { paymentKey: back.get('paymentKey'), orderId, amount: 50_000 });
    listed('toss', orderId, orderId);
  }
  await sandbox.control('toss/deposit', { orderId: byTransfer });

  const shown = lost();
  assert.match(shown.stdout, /4 left to settle/, shown.stderr);
  assert.equal((await toss(`orders/${byCard}`)).status, 'DONE', 'to list is not to settle');
  await sandbox.fault('refund:error=500,cancel:error=500');
  for (const left of [3, 1, 1]) {
    const settled = lost('--settle', digest());
    assert.equal(settled.status, 1, 'what was transferred is left');
    assert.match(settled.stdout, new RegExp(`${left} left to settle`), settled.stdout + settled.stderr);
    assert.match(settled.stdout, new RegExp(`money of ${byTransfer}: captured 50000, toss ${byTransfer}\n  DONE: .+`));
  }
  const { status, balanceAmount, cancels } = await toss(`orders/${byCard}`);
  assert.deepEqual([status, balanceAmount, cancels.length], ['CANCELED', 0, 1]);
  assert.equal(await refunds(intent), 1);
  assert.equal((await sandbox.stripe().paymentIntents.retrieve(reserved)).status, 'canceled');
});

test('only what is ours and was confirmed goes back: sales of another installation stay', async (t) => {
  const { sql, ours, paid, refunds, lost, digest } = await setBack(openScope(t));
  const other = `o_${sql('SELECT id FROM pay.installation') === '01234567' ? '76543210' : '01234567'}${'x'.repeat(16)}`;
  const nobodys = 'x'.repeat(3000); // longer than a page of the revoked tickets
  const [theirs, strange, lostHere] = [await paid(other), await paid(`o_${'b'.repeat(20)}`), await paid(ours('a'))];
  sql(`INSERT INTO pay.shop_order (external_id, amount) VALUES ('${other}', 50000), ('${nobodys}', 5), ('${ours('a')}', 50000)`);

  const shown = lost().stdout;
  assert.match(shown, new RegExp(`^money of ${ours('a')}: captured 50000, stripe ${lostHere}\nshop has ${ours('a')}: 50000\ndigest .+\n2 left to settle\n$`));

  assert.equal(lost('--settle').status, 2, 'a list has to be confirmed');
  const stale = digest();
  const late = await paid(ours('d'));
  const refused = lost('--settle', stale);
  assert.deepEqual([refused.status, refused.stdout], [1, '']);
  assert.match(refused.stderr, /the list has changed/);
  assert.deepEqual(await Promise.all([theirs, strange, lostHere, late].map(refunds)), [0, 0, 0, 0]);

  assert.equal(lost('--settle', digest()).status, 1);
  assert.deepEqual(await Promise.all([theirs, strange, lostHere, late].map(refunds)), [0, 0, 1, 1]);
  assert.throws(() => sql("INSERT INTO pay.void_order (id) VALUES ('shop-7')"), /violates check constraint/);
});

test('nothing is lost only if provider and shop were read since PostgreSQL opened', async (t) => {
  const { world, settings, sql, ours, paid, refunds, lost, digest } = await setBack(openScope(t));
  const refuses = (...words) => {
    const { status, stdout, stderr } = lost(...words);
    assert.equal(status, 1, stdout);
    assert.doesNotMatch(stdout, /left to settle|digest/);
    assert.match(stderr, /there may be more: provider and shop were last read to the end at .+, PostgreSQL opened at .+; run fairgate reconcile now/);
  };
  const accepts = () => {
    const { status, stdout, stderr } = lost();
    assert.deepEqual([status, stdout.split('\n').at(-2)], [0, '0 left to settle'], stderr);
  };
  accepts();
  world.psp.fault('/v1/events', 500, Infinity); // a run that cannot reach the provider proves nothing
  sql('UPDATE pay.reconciled SET read_at = NULL');
  await world.pay.admin.post('/admin/reconcile', { body: {} });
  refuses();
  world.psp.heal();
  await world.reconciled();
  accepts();
  const intent = await paid(ours('a'));
  const confirmed = digest();
  sql("UPDATE pay.reconciled SET read_at = pg_postmaster_start_time() - interval '1 s'"); // the value in the backup
  refuses();
  refuses('--settle', confirmed);
  assert.deepEqual([await refunds(intent), sql('SELECT id FROM pay.void_order')], [0, '']);
  sql('DELETE FROM pay.psp_payment');
  // A standby may have run long before its promotion.
  sql("UPDATE pay.reconciled SET read_at = now() + interval '1 hour'");
  const history = join(world.postgres.data, 'pg_wal', '00000002.history');
  writeFileSync(history, '');
  accepts();
  utimesSync(history, new Date(), new Date(Date.now() + 7_200_000));
  refuses();
  // A role that may not read the tables cannot report that nothing is missing.
  sql('CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA pay TO clerk; GRANT SELECT ON pay.reconciled, pay.reconcile_cursor, pay.shop_order, pay.orders, pay.retired_order, pay.installation TO clerk; GRANT pg_monitor TO clerk');
  settings.PAY_DSN = world.postgres.conninfo('pay', 'clerk');
  const { status, stdout } = lost();
  assert.deepEqual([status === 0, stdout], [false, '']);
});

test('doors refuse the tickets of a lost order before its money goes back', async (t) => {
  const scope = openScope(t);
  const { world, settings, ours, paid, refunds, lost, digest } = await setBack(scope);
  const order = ours('a');
  const intent = await paid(order);
  const there = settings.PROVIDER_URL;
  settings.PROVIDER_URL = 'http://127.0.0.1:9';
  assert.equal(lost('--settle', digest()).status, 1);
  assert.equal(await refunds(intent), 0);
  for (const status of ['failed', 'canceled']) {
    const refused = withPrograms(scope, { curl: `echo '{"object": "refund", "status": "${status}"}'` });
    assert.match(recover(scope, { ...settings, ...refused }, 'lost', '--settle', digest()).stdout, /1 left to settle/);
  }
  const list = (event) => world.pay.http.get(`/v1/pay/events/${event}/revoked-tickets`);
  for (const event of ['gala', 'any-other']) assert.deepEqual((await list(event)).json.revoked, [order]);

  settings.PROVIDER_URL = there;
  lost('--settle', digest());
  assert.equal(await refunds(intent), 1);
});

test('a shop takes back a lost order as a refund of what was left of it', async (t) => {
  const scope = openScope(t);
  const { sandbox, settings, sql, ours, paid, lost, digest } = await setBack(scope);
  const shop = await startShop(scope, { users: 20, hashes: 'cheap' });
  const free = { amount: 0, provider: undefined, payment: undefined };
  const intent = await paid(ours('c'));
  await sandbox.stripe().refunds.create({ payment_intent: intent, amount: 15_000 });
  sql('UPDATE pay.psp_payment SET refunded = 15000');
  for (const [letter, more] of [['a', {}], ['b', free], ['c', { amount: 50_000, payment: intent }]]) {
    const order = anOrder('1', { external_id: ours(letter), ...more });
    assertStatus(await shop.partner.post('/api/orders/import', { body: order }), 201);
    sql(`INSERT INTO pay.shop_order (external_id, amount) VALUES ('${order.external_id}', ${order.amount})`);
  }
  assert.match(lost('--settle', digest()).stdout, /3 left to settle/, 'the shop is away');
  sql('UPDATE pay.psp_payment SET refunded = captured'); // as reconciliation reads it then
  settings.SHOP_URL = `http://127.0.0.1:${shop.port}/api/orders/import`;
  settings.SHOP_KEY = shop.apiKeyPath;
  const settled = lost('--settle', digest()).stdout;
  assert.match(settled, /0 left to settle/);
  assert.match(settled, new RegExp(`shop has ${ours('c')}: 50000\n  the shop has taken it back: 35000 refunded\n`));
  assert.equal(sql('SELECT count(*) FROM pay.void_order WHERE taken_back'), '3');
  assert.deepEqual((await shop.partner.get('/api/orders/import')).json.orders.map(({ status }) => status), ['refunded', 'refunded', 'refunded']);
});
