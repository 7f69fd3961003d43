// Finished events move from the databases to files: no other event's rows go with them, and none of theirs are lost,
// whether the command is killed, the disk is full or a file is damaged.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import test, { before, describe } from 'node:test';
import { HELPERS, payRows, seatRows } from '../../loadtest/years/rows.js';
import { openScope, openSmallDisk, programPath, startPostgres, until } from '../lib-js/index.js';

const scope = openScope(test);
const ORDERS = 40;
// Try each place where the command can be killed, or one in STEP of them.
const STEP = process.env.FAIRGATE_SOAK === '1' ? 1 : 8;
const NONE = '/none';
// Tables that do not belong to the event: bookkeeping of a part or of reconciliation.
const SERVICES = {
  'payment-adapter': {
    schema: 'pay',
    setting: 'FAIRGATE_DATABASE_CONNINFO',
    more: { FAIRGATE_KEYS_TICKETS: NONE, FAIRGATE_KEYS_SERVICE_TOKEN: NONE, FAIRGATE_SSO_JWKS_URL: 'http://localhost/', FAIRGATE_PSP_STRIPE_URL: 'http://localhost', FAIRGATE_PSP_STRIPE_KEY: NONE, FAIRGATE_PSP_STRIPE_WEBHOOK_SECRET: NONE },
    others: ['migration', 'retired', 'retired_order', 'order_payment', 'reconciled', 'reconcile_run', 'suspect', 'traded', 'session'],
    setUp: HELPERS,
    rows: payRows,
    settle: () => `UPDATE pay.reconciled SET passed_at = now();
      DELETE FROM pay.webhook_event w WHERE NOT EXISTS (SELECT FROM pay.orders o WHERE o.payment = w.payment)`,
    table: 'orders',
    appendOnly: ['saga_step', 'audit'],
  },
  'seat-service': {
    schema: 'seats',
    setting: 'FAIRGATE_POSTGRES_CONNINFO',
    more: { FAIRGATE_HOLDS_KEYS_FILE: NONE, FAIRGATE_PASSES_KEYS_FILE: NONE },
    others: ['migration', 'retired', 'ended_session'],
    setUp: 'SELECT',
    rows: seatRows,
    settle: ({ no, days }) => `INSERT INTO projected SELECT event, seq FROM head WHERE event = ${no};
      INSERT INTO act SELECT ${no}, n, now(), 9, 1, n, n, NULL, 'a camera' FROM generate_series(1, 5) n;
      UPDATE document SET body = convert_to(format('{"starts_at": "%s"}', now() - interval '${days} days'), 'UTF8') WHERE event = ${no}`,
    table: 'holds',
    appendOnly: ['journal'],
  },
};
const postgres = await startPostgres(scope, { databases: Object.keys(SERVICES) });

// An event's rows are always the same if its parameters are: its age in days and its first order.
const event = (no, days = 300) => ({ no, days, first: no * 1000, last: no * 1000 + ORDERS - 1 });

for (const [program, { schema, setting, more, others, setUp, rows, settle, table, appendOnly }] of Object.entries(SERVICES)) {
  describe(program, () => {
    const sql = (text, database = program) => postgres.sql(`SET search_path = ${schema}; ${text}`, database);
    const env = (database) => ({
      ...process.env, FAIRGATE_HTTP_PORT: '0', FAIRGATE_PRIVATE_PORT: '0', FAIRGATE_PRIVATE_TOKEN_FILE: NONE, [setting]: postgres.conninfo(database), ...more,
    });
    const run = (args, { database = program } = {}) => {
      const done = spawnSync(programPath(program), args, { env: env(database), encoding: 'utf8' });
      assert.doesNotMatch(done.stderr, /Sanitizer|Assert|runtime error/);
      return done;
    };
    const retire = (id, dir, ...args) => run(['retire', id, '--to', dir, ...args]);
    // Stops the command at its nth edge; -> a function that continues it, or undefined if it ended before.
    const stopAt = async (id, dir, nth) => {
      const child = spawn(programPath(program), ['retire', id, '--to', dir, '--halt-at', String(nth)], { env: env(program), stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (text) => { stderr += text; });
      const ended = once(child, 'close');
      const stopped = await until('it to stop or to end', () =>
        child.exitCode !== null ? 'ended' : /^State:\s*T/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')) && 'stopped', { timeoutMs: 60_000 });
      if (stopped === 'ended') return undefined;
      const go = async (signal) => {
        child.kill(signal);
        const [status] = await ended;
        await until('the database to see its end', () => postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fairgate retire'") === '0');
        return { status, stdout: '', stderr };
      };
      return { kill: () => go('SIGKILL'), resume: () => go('SIGCONT') };
    };
    const must = (done) => assert.equal(done.status, 0, done.stderr);
    const refused = (done, why, status = 1) => {
      assert.equal(done.status, status, `${done.stdout}${done.stderr}`);
      assert.match(done.stderr, why);
    };
    // All rows of all tables as hashes, without the time of retirement and an event's transaction number.
    const dump = (database = program) => {
      const names = sql(`SELECT relname FROM pg_class WHERE relnamespace = '${schema}'::regnamespace AND relkind = 'r' ORDER BY 1`, database)
        .split('\n').filter((name) => !others.includes(name));
      return sql(names.map((name) => `SELECT '${name} ' || md5((row_to_json(t)::jsonb - '{retired_at,changed}'::text[])::text) FROM ${name} t
        WHERE row_to_json(t)->>'act' IS DISTINCT FROM 'retired'`).join(' UNION ALL '), database).split('\n').filter(Boolean).sort();
    };
    const make = (...args) => {
      sql(`${rows(event(...args))} ${settle(event(...args))}; DELETE FROM counted WHERE ctid IN (SELECT ctid FROM (
        SELECT ctid, row_number() OVER (PARTITION BY event ORDER BY at) AS n FROM counted) c WHERE n > 50)`);
      return `event-${args[0]}`;
    };
    // Creates an event; -> the rows this added, and the event.
    const fresh = (...args) => {
      const base = dump();
      const id = make(...args);
      const there = new Set(base);
      return { id, base, own: dump().filter((line) => !there.has(line)), dir: scope.tempDir('archive-') };
    };
    const partOf = (dir, id, part = 1) => join(dir, `${id}.${program}.${part}`);
    // Restores into another database; -> the rows this added.
    const archive = `${program}-archive`;
    const restore = (...parts) => {
      const there = new Set(dump(archive));
      for (const part of parts) must(run(['retire', '--restore', part], { database: archive }));
      return dump(archive).filter((line) => !there.has(line));
    };
    // Long lists of hashes are no help: print a few of the missing and of the surplus ones.
    const assertSame = (found, wanted, what = '') => {
      const [more, less] = [found.filter((line) => !wanted.includes(line)), wanted.filter((line) => !found.includes(line))];
      assert.ok(more.length + less.length === 0 && found.length === wanted.length,
        `${what}: ${more.length} too many, such as ${more.slice(0, 5)}; ${less.length} missing, such as ${less.slice(0, 5)}`);
    };

    // Tests of common code run for one program only, for the other with FAIRGATE_SOAK=1.
    const testOnce = program === 'payment-adapter' || process.env.FAIRGATE_SOAK === '1' ? test : () => {};

    let first;
    before(() => {
      for (const database of [program, archive]) {
        if (database === archive) postgres.sql(`CREATE DATABASE "${archive}"`);
        must(run(['--migrate'], { database }));
      }
      sql(setUp);
      make(1);
    });

    test('all of an event goes to files and nothing else; another database gets it back to the last byte', () => {
      const { id, base, own, dir } = fresh(2);
      assert.ok(own.length > ORDERS * 2, `${own.length}`);
      must(retire(id, dir));
      assertSame(dump(), base);
      const part = partOf(dir, id);
      const said = run(['retire', '--verify', part]);
      must(said);
      assert.match(said.stdout, new RegExp(`event ${id}, part 1, ${own.length} rows`));
      assertSame(restore(part), own);
      first = part;
      for (const name of readdirSync(part)) assert.equal(statSync(join(part, name)).mode & 0o777, 0o600);
    });

    testOnce('what is left is a row with sums and the digest; a second time there is nothing to do', () => {
      const { id, dir } = fresh(3);
      // Another installation's archive of this event is there already: it stays.
      const other = partOf(dir, id);
      mkdirSync(other);
      const manifest0 = readFileSync(join(first, 'manifest.json'));
      writeFileSync(join(other, 'manifest.json'), manifest0);
      must(retire(id, dir));
      const second = readdirSync(dir).find((name) => name.startsWith(`${id}.${program}.1.`));
      assert.deepEqual(readFileSync(join(dir, second, 'manifest.json')), manifest0);
      const [left] = run(['retire', '--list']).stdout.trim().split('\n').map((line) => JSON.parse(line)).filter((row) => row.event === id);
      assert.equal(left.place, partOf(dir, id));
      const manifest = readFileSync(join(left.place, 'manifest.json'));
      assert.deepEqual(left.totals, JSON.parse(manifest).totals);
      assert.equal(spawnSync('sha256sum', [join(left.place, 'manifest.json')], { encoding: 'utf8' }).stdout.split(' ')[0], left.digest);
      refused(retire(id, dir), /here/);
    });

    testOnce('an event that is not over yet stays, as does one that nobody knows', () => {
      const { id, dir } = fresh(4, 20);
      const there = dump();
      refused(retire(id, dir), /may be retired at/);
      refused(retire('no-such-event', dir), /here/);
      refused(retire('../x', dir), /no id of an event/, 2);
      assertSame(dump(), there);
    });

    test('killed at any step it is run again, and in the end all is as if nothing had happened', async () => {
      const { id, base, own, dir } = fresh(5);
      let kills = 0;
      for (let at = 1; ; at += STEP) {
        const stopped = await stopAt(id, dir, at);
        if (stopped === undefined) break;
        await stopped.kill();
        kills += 1;
        const there = dump().length;
        assert.ok(there === base.length || there === base.length + own.length, `${at}: ${there}`);
        if (there === base.length) break;
      }
      assert.ok(kills > 8 / STEP, `${kills}`);
      if (dump().length > base.length) must(retire(id, dir));
      assertSame(dump(), base);
      assertSame(restore(partOf(dir, id)), own);
    });

    testOnce('a disk that is full loses nothing', () => {
      const { id, base, own } = fresh(6);
      const disk = openSmallDisk(scope, 2);
      disk.fill(8192);
      refused(retire(id, disk.dir), /No space left/, 2);
      assert.equal(dump().length, base.length + own.length);
      disk.empty();
      must(retire(id, disk.dir));
      assertSame(dump(), base);
      assertSame(restore(partOf(disk.dir, id)), own);
    });

    const damages = (whole) => [
      ['cut', whole.subarray(0, whole.length - 9)],
      ['one bit', Buffer.from(whole.map((byte, n) => (n === whole.length >> 1 ? byte ^ 1 : byte)))],
      ['a row less', gzipSync(gunzipSync(whole).toString().split('\n').slice(1).join('\n'))],
      ['more behind it', Buffer.concat([whole, whole])],
    ];

    testOnce('by a file that is not what the database sent nothing is deleted', async () => {
      const { id, base, own, dir } = fresh(7);
      const there = dump();
      const part = partOf(dir, id);
      let nth = 1; // each table's file is an edge; find the one of `table`
      for (;; nth += 1) {
        const stopped = await stopAt(id, dir, nth);
        await stopped.kill();
        if (readdirSync(part).includes(`${table}.ndjson.gz`)) break;
      }
      for (const kind of [0, 1, 2]) {
        const stopped = await stopAt(id, dir, nth);
        const path = join(part, `${table}.ndjson.gz`);
        const [what, damage] = damages(readFileSync(path))[kind];
        writeFileSync(path, damage);
        const done = await stopped.resume();
        refused(done, new RegExp(table));
        assertSame(dump(), there, what);
      }
      must(retire(id, dir));
      assertSame(dump(), base);
      assertSame(restore(part), own);
    });

    testOnce('an archive that was changed is neither verified nor restored', () => {
      const { id, dir } = fresh(8);
      must(retire(id, dir));
      const part = partOf(dir, id);
      const path = join(part, `${table}.ndjson.gz`);
      const whole = readFileSync(path);
      for (const [, damage] of damages(whole)) {
        writeFileSync(path, damage);
        refused(run(['retire', '--verify', part]), new RegExp(table));
        refused(run(['retire', '--restore', part], { database: archive }), new RegExp(table));
      }
      writeFileSync(path, whole);
      must(run(['retire', '--verify', part]));
      const manifest = readFileSync(join(part, 'manifest.json'), 'utf8');
      for (const [from, to, why] of [
        [`"table":"${table}"`, '"table":"../x"', /no table's/],
        ['"part":1', '"part":0', /no manifest/],
        [`"service":"${program}"`, '"service":"other"', /archive of other/],
        ['"format":1', '"format":9', /format 9/],
        ['"tables":[', '"tables":[7,', /no table's/],
        ['"event":', '"occasion":', /manifest/],
        ['{', '', /manifest/],
      ]) {
        writeFileSync(join(part, 'manifest.json'), manifest.replace(from, to));
        refused(run(['retire', '--verify', part]), why);
      }
      writeFileSync(join(part, 'manifest.json'), manifest);
    });

    test('what may only grow cannot be deleted otherwise, nor by naming the event', async () => {
      const { id, dir } = fresh(9);
      const refuses = () => {
        for (const name of appendOnly) {
          assert.throws(() => sql(`DELETE FROM ${name}`), /append-only/);
          assert.throws(() => sql(`SET fairgate.retiring = '${id}'; DELETE FROM ${name}`), /append-only/);
          assert.throws(() => sql(`SET fairgate.retiring = '${id}'; UPDATE ${name} SET at = at`), /append-only/);
        }
      };
      refuses();
      const stopped = await stopAt(id, dir, 1);
      refuses();
      await stopped.kill();
      must(retire(id, dir));
      refuses();
    });

    if (program !== 'payment-adapter') return;
    // Each change is undone again.
    const of = (id, status = 'completed') => `(SELECT min(id) FROM orders WHERE event = '${id}' AND status = '${status}')`;
    for (const [what, { breaks, mends }] of Object.entries({
      'sagas are open or parked': {
        breaks: (id) => `UPDATE saga SET parked = true WHERE subject = ${of(id)}`,
        mends: 'UPDATE saga SET parked = false',
      },
      'orders are not at their end': {
        breaks: (id) => `UPDATE orders SET status = 'parked' WHERE id = ${of(id, 'expired')}`,
        mends: "UPDATE orders SET status = 'expired' WHERE status = 'parked'",
      },
      'letters and mails have not gone out': {
        breaks: (id) => `UPDATE shop_outbox SET done_at = NULL WHERE order_id = ${of(id)}`,
        mends: 'UPDATE shop_outbox SET done_at = now()',
      },
      'disputes and refunds are under way': {
        breaks: (id) => `INSERT INTO psp_return (provider, id, payment, kind, state) SELECT provider, 'dp_1', payment, 'dispute', 0 FROM orders WHERE id = ${of(id)}`,
        mends: "DELETE FROM psp_return WHERE id = 'dp_1'",
      },
      'money of 1 orders': {
        breaks: (id) => `UPDATE psp_payment SET captured = captured - 1 WHERE order_id = ${of(id)}`,
        mends: 'UPDATE psp_payment SET captured = amount WHERE captured = amount - 1',
      },
      'money of 1 orders is not what it should be': { // the bank keeps the refunded money
        breaks: (id) => `INSERT INTO psp_return (provider, id, payment, kind, amount, state) SELECT provider, 'dp_2', payment, 'dispute', amount, 2 FROM orders WHERE id = ${of(id, 'refunded')}`,
        mends: "DELETE FROM psp_return WHERE id = 'dp_2'",
      },
      'is not what it should be, such as that of': { // one part refunded here, the rest by hand
        breaks: (id) => `UPDATE orders SET refund_amount = 1 WHERE id = ${of(id, 'refunded')}`,
        mends: 'UPDATE orders SET refund_amount = 198000 WHERE refund_amount = 1',
      },
      'reconciliation has not gone through': {
        breaks: () => "UPDATE reconciled SET passed_at = now() - interval '5 years'",
        mends: 'UPDATE reconciled SET passed_at = now()',
      },
    })) {
      test(`an event stays while of it ${what}`, () => {
        sql(breaks('event-1'));
        const before = sql('SELECT count(*) FROM orders');
        const done = retire('event-1', scope.tempDir('archive-'));
        sql(mends);
        refused(done, new RegExp(what));
        assert.equal(sql('SELECT count(*) FROM orders'), before);
      });
    }

    test('an event whose order lost a dispute is retired once that order is refunded, though the refund keeps a share', () => {
      const { id, dir } = fresh(10);
      const order = sql(`SELECT ${of(id)}`);
      sql(`INSERT INTO psp_return (provider, id, payment, kind, amount, state) SELECT provider, 'dp_3', payment, 'dispute', amount, 2 FROM orders WHERE id = '${order}'`);
      refused(retire(id, dir), new RegExp(`the money of 1 orders is not what it should be, such as that of ${order}`));
      sql(`UPDATE orders SET status = 'refunded', refund_amount = 198000 WHERE id = '${order}'`); // the provider refuses to pay it out
      must(retire(id, dir));
    });
  });
}
