// Each alert but FairgateDown, drilled: with Prometheus and Alertmanager as packages set them up but for ports, folders and
// shorter times, the exporters of Debian and of HAProxy, and services, stores and an edge that are broken as DRILLS says.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import { act, at as later, makeEvent, makePreQueue, openSite, Visitor } from '../integration/queue-front/support.js';
import { besideWorld, openWorld, PASSWORD } from '../integration/payment-adapter/lib/world.js';
import { hall, holdLock, importHall, openPostgres, openSeats, ROLE, visitor } from '../integration/seat-service/site.js';
import { assertStatus, client, delay, freePort, openClock, openProxy, openScope, openSmallDisk, psqlPath, ROOT, serve, startPostgres, startPostgresReplica, startRedis, until } from '../lib-js/index.js';
import { DEPENDS, EVERY_RULE, isOfOthers, namesIn, ruleGroups } from '../lib-js/observe.js';

process.env.FAIRGATE_VARIANT ??= 'release'; // what is shipped

const MOST = 20; // connections of the edge
const CLIENTS = 20; // of PostgreSQL
const LATE_HOLDS_MAX = 16_384; // as seat-service/src/core/limits.h has it
const PLACES = 5; // for events, of a seat service with little room: the fewest
const LITTLE = Array.from({ length: PLACES + 1 }, (_, n) => `little-${n}`);
const PATIENCE = { timeoutMs: 120_000, everyMs: 200 };
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const agoS = (seconds) => Date.now() / 1000 - seconds;
const DAY = 86_400;

// A minute of `for` is a second here, one of a range twelve seconds.
const SECONDS = { s: 1, m: 60, h: 3600, d: DAY };
const shortened = (text, by) => text.replace(/(\d+)([smhd])\b/g, (_, n, unit) => `${Math.max(1, (n * SECONDS[unit]) / by)}s`);
const quickRules = (path) => readFileSync(path, 'utf8')
  .replace(/for: \w+/g, (text) => shortened(text, 60)).replace(/\[[\w:]+\]/g, (text) => shortened(text, 5)).replace('time() - 60', 'time() - 1').replace(/> 60$/gm, '> 1')
  .replaceAll('_ms) > 300000', '_ms) > 3000');

// A message of each outbox, an hour old, that is sent at another time.
const unsent = (due) => `INSERT INTO pay.outbox (box, order_id, member, kind, lang, due_at, made_at)
  SELECT DISTINCT ON (box) box, order_id, member, 'drill of ${due}', coalesce(lang, 'en'), '${due}', now() - interval '1 hour' FROM pay.outbox`;

// What is broken from the start, then what breaks at one moment, then what is lost: alert, labels, how.
const DRILLS = [
  {
    FairgateWatchdog: [{ receiver: 'switch' }],
    FairgateEdgeServersGone: [{ proxy: 'queue-front', receiver: 'pager' }], // nobody serves behind the edge
    FairgateCertificateEnds: [{ receiver: 'channel' }], // in three days
    FairgateTicketKeysOld: [{}],
    FairgateRedisMemory: [{}], // without a bound
    FairgateBackupOld: [{}],
    FairgateRestoreUntested: [{}],
    FairgateLineCopyOld: [{}],
    FairgateOpeningPassed: [{ event: 'late' }], // Redis stopped before it
    FairgateSeatsFeedOld: [{ event: 'show' }], // fed once
    FairgateReconcileNever: [{}], // a forgotten transaction has its row
    FairgateSnapshotOld: [{ job: 'fairgate-pay' }], // the same transaction
    FairgateWalArchiveLate: [{}], // no archive takes a file
    FairgateLineStale: [{ event: 'show' }],
    FairgateRedisTimeouts: [{}],
    FairgateSloPositions: [{ severity: 'page' }],
    FairgateMemberKeysFail: [{}], // nobody serves them
    FairgateHallMissing: [{ event: 'late' }],
    FairgateSloTicket: [{ severity: 'page' }, async ({ checkout, buyer }) => {
      for (let n = 0; n < 8; n++) {
        const visit = checkout.hold();
        const order = await checkout.ordered(buyer, visit);
        Object.assign(checkout.seats.holds.get(visit.hold), { expires: 0, gone: true }); // so the money goes back
        await checkout.payOrder(order);
      }
    }],
  },
  {
    FairgateLastOne: [{ job: 'fairgate-queue' }, ({ fronts }) => fronts[1].kill()],
    FairgateFilesShort: [{ job: 'fairgate-seats' }, async ({ seats: [, follower] }) => {
      const open = (await follower.metrics()).get('process_open_fds');
      execFileSync('prlimit', ['--pid', String(follower.child.pid), `--nofile=${Math.ceil(1.1 * open)}:`]);
    }],
    FairgateSeatsBehind: [{}, ({ wire }) => wire.fault('hold')],
    FairgateWebhooksRefused: [{}, async ({ checkout }) => {
      for (let n = 0; n < 10; n++) assert.equal((await checkout.webhook({ id: `evt_${n}` }, { secret: 'of another account' })).status, 401);
    }],
    FairgateEdgeFull: [{}, ({ crowd }) => crowd()],
    FairgateEdgeErrors: [{}, ({ ask }) => ask()],
    FairgateRestarts: [{ job: 'fairgate-redis' }, async (rig) => {
      const starts = () => rig.query('changes(process_start_time_seconds{job="fairgate-redis"}[1m])');
      for (let n = 1; n <= 3; n++) {
        await rig.exporter.stop();
        rig.exporter = rig.startExporter();
        await until('its start to be seen', async () => Number((await starts())[0]?.value[1]) === n, PATIENCE);
      }
    }],
    FairgateRedisNotSaved: [{}, ({ redis }) => {
      mkdirSync(join(redis.data, 'dump.rdb')); // no file can take its place
      return redis.command('BGSAVE');
    }],
    FairgatePostgresConnections: [{}, ({ postgres, psql }) => { for (let n = 0; n < CLIENTS - 3; n++) psql(postgres, n, 'SELECT pg_sleep(600)'); }],
    FairgatePostgresReplicaBehind: [{ application_name: 'second' }, ({ postgres, standby }) => {
      standby.sql('SELECT pg_wal_replay_pause()');
      postgres.sql("SELECT count(pg_logical_emit_message(false, '', repeat('x', 1000000))) FROM generate_series(1, 280)");
    }],
    FairgateDiskFills: [{ device: '/dev/drill' }, ({ disk }) => disk.fill()],
    FairgateMemoryShort: [{}, ({ memory }) => memory(5)],
    FairgateConnectionsTracked: [{}, ({ tracked }) => tracked(90)],
    FairgateFiguresOld: [{}, ({ figures }) => utimesSync(figures, agoS(3600), agoS(3600))],

    FairgateErrors: [{ job: 'fairgate-queue' }, ({ fronts: [front], often }) => often(() => front.http.post('/v1/queue/show/join'))],
    FairgateSloJoin: [{ severity: 'page' }], // those joins
    FairgateJournalErrors: [{}, ({ hall: { postgres, seats }, often }) => {
      postgres.sql('ALTER TABLE seats.journal RENAME TO gone', 'seats');
      often(() => visitor(seats, 'show').hold({ best_available: { quantity: 1 } }));
    }],
    FairgateSloHold: [{ severity: 'page' }], // those holds
    FairgateEventOut: [{}], // its plan cannot be read
    FairgateSeatsNotOpen: [{ event: 'bad' }, ({ hall: { postgres } }) => postgres.sql(`WITH e AS (INSERT INTO seats.event (id) VALUES ('bad') RETURNING no),
      d AS (INSERT INTO seats.document SELECT no, '', 'no plan' FROM e)
      INSERT INTO seats.owner (event, chain) SELECT no, decode(repeat('00', 32), 'hex') FROM e`, 'seats')],
    FairgateAuditorFails: [{}, ({ checkout: { postgres }, little, often }) => {
      postgres.sql('ALTER TABLE seats.holds RENAME TO gone', 'seats');
      often(() => visitor(little, 'little-1').hold({ best_available: { quantity: 1 } }));
    }],
    FairgateIdemShort: [{}, ({ churn }) => churn()],
    FairgateHoldsUnremembered: [{}, ({ abandon }) => abandon(LATE_HOLDS_MAX + 1)],
    FairgateSeatsClockApart: [{}, ({ hall: { clock } }) => clock.set(60_000)],
    FairgateClockApart: [{ store: 'postgresql' }], // that clock
    FairgateOddEvents: [{}, ({ fronts: [front] }) => front.http.post('/v1/queue/show/join', { headers: { 'x-forwarded-for': 'nobody' } })],
    FairgateSeatCodesGuessed: [{}, ({ hall: { seats }, often }) => often(() => visitor(seats, 'show').code('wrong'), 50)],
    FairgateOperatorTokensRefused: [{ reason: 'keys' }, ({ fronts: [front], often }) => { // nobody serves the issuer's, either
      const token = [{ alg: 'ES256', kid: 'x' }, {}, {}].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      often(() => front.private.get('/admin/events', { token }));
    }],
    FairgatePspRefusesUs: [{ provider: 'stripe' }, ({ checkout, buyer, often }) => {
      checkout.psp.fault('POST', 401, Infinity);
      often(() => checkout.order(buyer, checkout.hold()));
    }],
    FairgatePayClockApart: [{}, ({ checkout }) => { checkout.seats.now = () => Date.now() + 60_000; }],
    FairgateMailsGivenUp: [{}], // to a member who is not known
    FairgateUsersDbAway: [{}, async ({ checkout, often }) => {
      checkout.postgres.sql("UPDATE pay.mail_outbox SET member = '0', done_at = NULL, due_at = now() WHERE done_at IS NOT NULL", 'pay');
      await until('that mail to be given up', async () => (await checkout.pay.metrics()).get('fairgate_mails_total{outcome="given_up"}') > 0, PATIENCE);
      checkout.postgres.sql('ALTER DATABASE shop ALLOW_CONNECTIONS false');
      checkout.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop'");
      often(() => checkout.visitor().post('/v1/pay/login', { login: 'bcrypt@example.com', password: PASSWORD }));
    }],
    FairgateBoundReached: [{ bound: 'login-busy' }],
    FairgateSagasUnknown: [{}, ({ checkout, order }) => checkout.postgres.sql(`INSERT INTO pay.saga (key, subject, data, due_at) VALUES ('checkout.99', '${order}', '{}', now() - interval '2 min')`, 'pay')],
    FairgateSagasOverdue: [{}], // nobody continues that one
    FairgateSagasParked: [{}, ({ checkout, order }) => checkout.postgres.sql(`INSERT INTO pay.saga (key, subject, data, parked) VALUES ('checkout.1', '${order}', '{}', true)`, 'pay')],
    FairgateShopLettersParked: [{}, ({ checkout }) => checkout.postgres.sql(unsent('infinity'), 'pay')],
    FairgateShopLags: [{}, ({ checkout }) => checkout.postgres.sql(unsent('2999-01-01'), 'pay')],
    FairgateMailLags: [{}],
    FairgateOutboxHeld: [{}, ({ checkout }) => {
      checkout.shop.fault('POST /orders', 401, Infinity);
      checkout.postgres.sql("UPDATE pay.shop_outbox SET done_at = NULL, due_at = now() WHERE done_at IS NOT NULL", 'pay');
    }],
    FairgateDrift: [{}, async ({ checkout, order, forgotten }) => {
      await forgotten.letGo();
      checkout.psp.of(order)[0].amount_received += 100;
      await checkout.reconciled();
      checkout.postgres.sql("UPDATE pay.traded SET compared_at = now() - interval '2 hours'", 'pay');
      checkout.seats.fault('/export', 500, Infinity);
      await checkout.pay.admin.post('/admin/reconcile', { body: {} });
    }],
    FairgateReconcileBroken: [{}], // by that export
    FairgateReconcileSeatsLate: [{}],
    FairgateSloDrift: [{ severity: 'page' }],
    FairgateWarnings: [{}, ({ checkout, order }) => checkout.postgres.sql(`UPDATE pay.saga SET state = 0, step = 7, cancel = true, ended_at = NULL, due_at = now() WHERE subject = '${order}' AND ended_at IS NOT NULL`, 'pay')],
    FairgateWalArchiveFails: [{}, ({ checkout, psql }) => psql(checkout.postgres, 'archived', "DO $$ BEGIN LOOP PERFORM pg_logical_emit_message(false, '', 'x'); PERFORM pg_switch_wal(); PERFORM pg_sleep(3); END LOOP; END $$")],
  },
  {
    FairgateTicksLate: [{ event: 'show' }, ({ line }) => line.redis.resume()],
    FairgatePresaleGuessed: [{}, ({ fronts: [front], often }) => often(() => front.http.post('/v1/queue/presale/join', { body: { code: 'GUESS' } }), 50)],
    FairgateCodesBounded: [{ event: 'presale' }, async ({ line: { redis } }) => {
      const [now] = await redis.command('TIME');
      for (const minute of [0, 1]) await redis.command('HSET', `fg:{presale}:ip:${Math.floor(now / 60) + minute}`, 'codes', 1000);
    }],
    FairgateBeaconLate: [{}, ({ fronts: [front] }) => until('the draw to be due', async () =>
      (await front.admin.patch('/admin/events/drawn', { body: { opens_at: later(500) } })).status === 200, PATIENCE)],
    FairgateEventsFull: [{}, async (rig) => {
      await rig.little.stop();
      rig.little = await rig.openLittle({ owner: { events: PLACES, idle: '1h' } });
      rig.often(() => Promise.all(LITTLE.map((event) => visitor(rig.little, event).info())));
    }],
    FairgateUnknownOutcomes: [{}],
    FairgatePayDatabaseGone: [{}, async ({ checkout, buyer, order }) => {
      const unlock = await checkout.lock('pay', 'pay.session');
      buyer.get(`/v1/pay/orders/${order}`).catch(() => {});
      await until('it to wait', () => checkout.postgres.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") !== '0');
      checkout.postgres.sql('ALTER DATABASE pay ALLOW_CONNECTIONS false');
      checkout.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pay' AND application_name NOT LIKE 'holder%'");
      unlock();
    }],
    FairgateSloPay: [{ severity: 'page' }], // without that database
    FairgateVisitsHalted: [{ event: 'show' }, ({ hall }) => hall.postgres.stop()],
    FairgateEventShut: [{}, ({ line: { redis } }) => Promise.all([redis.command('HSET', 'fg:{late}:cfg', 'doc', '{', 'digest', 'by hand'), redis.command('HINCRBY', 'fg:{late}:cfg', 'version', 1)])],
    FairgateClockOff: [{ event: 'show' }, ({ clock }) => clock.set(10_000)], // of Redis
    FairgateSloEta: [{}, async ({ early }) => { // the line was paused since they came
      for (const visitor of early) await visitor.entered().then(() => visitor.leave());
    }],
    FairgateEndingsUntold: [{}], // that they left
    FairgateShardSilent: [{}, async ({ line: { redis }, fronts: [front], often }) => {
      often(() => front.http.post('/v1/queue/parts/join'), 50);
      await redis.command('SET', 'fg:{parts:1}:cfg', 'not a hash');
      await until('its silence', async () => (await front.metrics()).get('fairgate_store_shard_silent_total') > 20, PATIENCE);
      await redis.command('DEL', ...await redis.command('KEYS', 'fg:{parts:1}:*'));
    }],
    FairgateShardSealed: [{}], // without its keys
    FairgateCutsSlow: [{}, ({ line: { redis }, fronts: [front] }) => until('slow cuts', async () => {
      for (let n = 0; n < 20; n += 1) { // so that some have their numbers, and wait for the cut
        front.http.post('/v1/queue/parts/join').catch(() => {});
        await delay(2);
      }
      redis.pause();
      await delay(200);
      redis.resume();
      await delay(200); // for all others
      const figures = await front.metrics();
      return figures.get('fairgate_store_cut_joins_slow_total') > 0.02 * figures.get('fairgate_store_cut_joins_total');
    }, PATIENCE)],
  },
  {
    FairgateTargetsMissing: [{ job: 'fairgate-pay' }, ({ forget }) => forget('fairgate-pay')],
    FairgateRedisReplicaLost: [{}, ({ replica }) => replica.stop()],
    FairgatePostgresReplicaLost: [{}, ({ standby }) => standby.stop()],
    FairgateCodesMissing: [{ event: 'presale' }, ({ line }) => line.redis.restartEmpty()],
  },
  {
    FairgateRedisDown: [{}, ({ redis }) => redis.stop()],
    FairgatePostgresDown: [{}, ({ postgres }) => postgres.stop()],
    FairgateSloMe: [{ severity: 'page' }, async ({ line, fronts: [, front], often }) => {
      line.redis.pause();
      await front.start(false); // and knows no event
      often(() => front.http.get('/v1/queue/show/me'));
    }],
  },
];

describe('what a sale depends on', () => {
  const scope = openScope(test);
  const dir = scope.tempDir('depends-');
  const port = {};
  const at = (name) => `127.0.0.1:${port[name]}`;
  const write = (name, text) => writeFileSync(join(dir, name), text);
  const notices = [];
  const rig = {
    often(work, everyMs = 250) { // whatever becomes of it
      const timer = setInterval(() => Promise.resolve().then(work).catch(() => {}), everyMs);
      scope.defer(() => clearInterval(timer));
    },
  };
  // Waits longer than a drill: in a long window the share of errors grows slowly.
  const heard = (alertname, labels) => until(alertname, () => notices.find((one) => one.status === 'firing' && one.labels.alertname === alertname
    && Object.entries(labels).every(([label, value]) => one.labels[label] === value)), { ...PATIENCE, timeoutMs: 240_000 });

  // One event with somebody who waits, and one that Redis does not live to see opened.
  async function openLine() {
    const url = `http://${at('nobody')}/`, seats = `http://127.0.0.1:${rig.hall.seats.privatePort}`;
    rig.clock = openClock(scope);
    const site = await openSite(null, { scope, fronts: 2, redis: { clock: rig.clock }, config: {
      beacon: { drand: url, agree: 1, gap: '1s' }, members: { keys_url: url, refresh: '1s' }, operators: { issuer: url, audience: 'fairgate', keys: url },
      visits: { served_by: `${seats}/metrics`, ended_at: `${seats},${url.slice(0, -1)}`, token_file: rig.hall.seats.secrets.path('service-token') },
    } });
    rig.line = site;
    rig.fronts = site.fronts;
    scope.defer(() => site.redis.resume());
    await makeEvent(site, 'show', { rate_per_s: 0, seats_left: true });
    await Visitor.withPlace(site.front, 'show');
    await makeEvent(site, 'presale', { rate_per_s: 0, code_required: true });
    assertStatus(await site.front.admin.put('/admin/events/presale/codes', { body: { codes: ['FAN-1', 'FAN-2', 'FAN-3'] } }), 200);
    await makeEvent(site, 'parts', { rate_per_s: 0, shards: 2 });
    for (let n = 0; n < 8; n += 1) await Visitor.withPlace(site.front, 'parts');
    await makePreQueue(site, 'drawn', { rate_per_s: 0, beacon: { kind: 'drand', late_s: 5 } }, { body: { without: ['hall'] } });
    const opens = Date.now() + 60_000;
    await makeEvent(site, 'late', { opens_at: new Date(opens).toISOString() }, { open: false });
    await act(site.front, 'late', 'schedule', { body: { without: ['hall'] } });
    await until('the events to be seen, and the hall by Redis', async () => {
      const figures = await site.front.metrics();
      return figures.get('fairgate_line_waiting{event="show"}') === 1 && figures.get('fairgate_line_unopened{event="late"}') === 1
        && figures.get('fairgate_line_hall_missing{event="late"}') === 1 && await site.redis.command('HGET', 'fg:{show}:cfg', 'served_ms') > 0;
    });
    await makeEvent(site, 'brief', { rate_per_s: 2, burst: 1, session_ttl_s: 5, call_ttl_s: 3600 });
    rig.early = await Promise.all(Array.from({ length: 12 }, () => Visitor.withPlace(site.front, 'brief')));
    assert.equal((await site.front.admin.put('/admin/events/show/seats-left', { body: { seats_left: 9 } })).status, 204);
    site.redis.pause();
    assert.ok(Date.now() < opens);
  }

  async function openHall() {
    const clock = openClock(scope);
    const postgres = await openPostgres(scope, {}, null, clock);
    const owner = await openSeats(scope, postgres);
    for (const event of ['show', 'presale', 'parts', 'brief']) await importHall(owner, event, hall({ channels: [{ id: 'club', code: 'open sesame' }] }));
    rig.wire = await openProxy(scope, { to: { path: join(postgres.socketDir, `.s.PGSQL.${postgres.port}`) } });
    const far = { conninfo: (name, user) => `host=127.0.0.1 port=${rig.wire.port} dbname=${name} user=${user} sslmode=disable` };
    const follower = await openSeats(scope, far, { office: owner.office, secrets: owner.secrets, ready: false });
    scope.defer(() => rig.wire.heal());
    await until('the second to follow', async () => (await follower.private.get('/readyz')).json?.shows === true);
    rig.seats = [owner, follower];
    rig.hall = { postgres, seats: owner, clock };
  }

  async function openCheckout() {
    const world = await openWorld(scope, { postgres: { archive_mode: 'on', archive_command: 'false' } });
    rig.checkout = world;
    rig.buyer = await world.login();
    rig.order = await world.bought(rig.buyer);
    await world.pay.stop();
    world.postgres.sql("UPDATE pay.reconcile_run SET began_at = '-infinity', ended_at = NULL", 'pay');
    rig.forgotten = await holdLock(scope, world.postgres, 'SELECT FROM pay.reconcile_run FOR UPDATE', 'pay');
    await world.pay.start();
  }

  // Seats with little room, in a database next to the checkout's.
  async function openLittle() {
    const { postgres } = besideWorld(rig.checkout, ROLE);
    let keys = {};
    rig.openLittle = (config = {}) => openSeats(scope, postgres, { ...keys, config: { idempotency: { memory: '1m' }, ...config } });
    const little = await rig.openLittle();
    keys = { office: little.office, secrets: little.secrets, port: little.port, privatePort: little.privatePort };
    rig.little = little;
    const limits = { max_per_buyer: 0, hold_ttl_s: 60, rate_per_session_per_s: 0, orphan_rule: false };
    for (const event of LITTLE) await importHall(little, event, hall({ area: 2 * LATE_HOLDS_MAX, limits }));
    const agent = new http.Agent({ keepAlive: true });
    scope.defer(() => agent.destroy());
    const many = (count, work) => {
      const left = Array.from({ length: count }).keys();
      return Promise.all(Array.from({ length: 1000 }, async () => { for (const n of left) await until('an answer', () => work(n), PATIENCE); }));
    };
    const body = { area: 'floor', quantity: 1 };
    const hold = async (event, token, headers) => assertStatus(await little.http.post(`/v1/seats/${event}/holds`, { token, headers, body, agent }), 201).json.hold;
    const ours = little.secrets.read('service-token');
    const { token } = visitor(little, 'little-0');
    rig.abandon = (count) => many(count, async (n) => {
      const path = `/internal/events/little-0/holds/${await hold('little-0', token)}/extend`;
      return assertStatus(await little.private.post(path, { token: ours, agent, body: { order: `order ${n}`, pay_ttl_s: 1 } }), 200);
    });
    rig.churn = () => {
      const same = visitor(little, 'little-2', { agent });
      return many(4096, async (n) => assertStatus(await same.release(await hold('little-2', same.token, { 'idempotency-key': `hold ${n}` }), `release ${n}`), 204));
    };
  }

  // Its certificate ends in three days, its keys are two days old.
  async function openEdge() {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3', '-subj', '/CN=tickets.example', '-keyout', join(dir, 'key'), '-out', join(dir, 'crt')], { stdio: 'ignore' });
    write('pem', readFileSync(join(dir, 'crt'), 'utf8') + readFileSync(join(dir, 'key'), 'utf8'));
    write('keys', Array.from({ length: 3 }, () => execFileSync('openssl', ['rand', '-base64', '80'], { encoding: 'utf8' }).replaceAll('\n', '')).join('\n'));
    utimesSync(join(dir, 'keys'), agoS(2 * DAY), agoS(2 * DAY));
    write('edge.conf', `listen = ${at('listen')}\nlisten_tls = ${at('tls')}\ncertificate = ${dir}/pem\nticket_keys = ${dir}/keys\nhealth = ${at('health')}\nfronts = ${at('nobody')}:${port.nobody}\nmaxconn = ${MOST}\nsocket = ${dir}/edge.sock\n`);
    execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), [join(dir, 'edge.conf'), join(dir, 'edge.cfg')]);
    scope.spawn('haproxy', ['haproxy', '-db', '-f', join(dir, 'edge.cfg')], { stays: true });
    await until('TLS', () => execFileSync('sh', ['-c', `openssl s_client -connect ${at('tls')} </dev/null >/dev/null 2>&1 && echo yes || :`], { encoding: 'utf8' }).includes('yes'));
    const arrive = () => net.connect(port.listen, '127.0.0.1').on('error', () => {});
    rig.crowd = () => {
      const crowd = Array.from({ length: MOST - 3 }, arrive);
      rig.often(() => { crowd.push(arrive()); crowd.shift().destroy(); });
      scope.defer(() => crowd.forEach((one) => one.destroy()));
    };
    const edge = client({ port: port.listen });
    rig.ask = () => rig.often(() => edge.get('/v1/queue/demo/me'));
  }

  async function openStores() {
    rig.redis = await startRedis(scope);
    rig.replica = await startRedis(scope, { settings: { replicaof: `127.0.0.1 ${rig.redis.port}` } });
    rig.startExporter = () => scope.spawn('redis-exporter', ['prometheus-redis-exporter', '-web.listen-address', at('redis'), '-redis.addr', `redis://127.0.0.1:${rig.redis.port}`], { stays: true });
    rig.exporter = rig.startExporter();
    rig.postgres = await startPostgres(scope, { settings: { max_connections: CLIENTS, max_wal_senders: 4, wal_level: 'replica' } });
    rig.standby = await startPostgresReplica(scope, rig.postgres, { max_connections: CLIENTS });
    scope.spawn('postgres-exporter', ['prometheus-postgres-exporter', '--web.listen-address', at('postgres')], { stays: true, env: { DATA_SOURCE_NAME: rig.postgres.conninfo() } });
    rig.psql = ({ socketDir, port: there }, n, text) => scope.spawn(`psql-${n}`, [psqlPath(), '-h', socketDir, '-p', String(there), '-U', 'postgres', '-c', text]);
  }

  // The host as its exporter sees it: /proc but for memory, tracked connections and a disk of 4 MB.
  function openHost() {
    const proc = scope.tempDir('proc-');
    rig.disk = openSmallDisk(scope, 4);
    for (const name of readdirSync('/proc')) if (!/^(\d.*|meminfo|mounts|sys)$/.test(name)) symlinkSync(`/proc/${name}`, join(proc, name));
    for (const path of ['1', 'sys/net/netfilter']) mkdirSync(join(proc, path), { recursive: true });
    writeFileSync(join(proc, '1/mounts'), `/dev/drill ${rig.disk.dir} ext4 rw 0 0\n`);
    rig.memory = (percent) => writeFileSync(join(proc, 'meminfo'), readFileSync('/proc/meminfo', 'utf8')
      .replace(/(MemTotal: +(\d+) kB[^]*MemAvailable: +)\d+/, (_, text, total) => text + Math.floor((total * percent) / 100)));
    rig.tracked = (percent) => {
      writeFileSync(join(proc, 'sys/net/netfilter/nf_conntrack_max'), '1000\n');
      writeFileSync(join(proc, 'sys/net/netfilter/nf_conntrack_count'), `${10 * percent}\n`);
    };
    rig.memory(50);
    rig.tracked(1);

    write('backups.json', JSON.stringify([{ backup: [{ type: 'full', timestamp: { stop: 1000 } }, { type: 'incr', timestamp: { stop: 2000 } }, { type: 'incr', timestamp: { stop: 1500 } }, { type: 'incr', error: true, timestamp: { stop: 3000 } }] }]));
    for (const [name, age] of [['saved', 600], ['tested', 40 * DAY]]) {
      write(name, '');
      utimesSync(join(dir, name), agoS(age), agoS(age));
    }
    write('figures.conf', `EDGE_TLS=${at('tls')}\nEDGE_CONFIG=${dir}/edge.cfg\nTICKET_KEYS=${dir}/keys\nLINE_FOLDER=${dir}\nRESTORE_TESTED=${dir}/tested\nbackups() { cat ${dir}/backups.json; }\n`);
    rig.figures = join(dir, 'fairgate.prom');
    execFileSync(join(ROOT, 'infra/observe/figures'), [rig.figures], { env: { ...process.env, FAIRGATE_FIGURES_CONF: join(dir, 'figures.conf') } });
    scope.spawn('node-exporter', ['prometheus-node-exporter', '--collector.filesystem.mount-points-exclude=^$', `--web.listen-address=${at('node')}`, `--path.procfs=${proc}`, `--collector.textfile.directory=${dir}`], { stays: true });
  }

  async function watch() {
    await serve(scope, async (req, res) => {
      notices.push(...(await json(req)).alerts.map(({ status, labels }) => ({ status, labels: { ...labels, receiver: req.url.slice(1) } })));
      res.end();
    }, { port: port.ear });
    write('alertmanager.yml', read('infra/observe/alertmanager.yml').replace(/https:\/\/(\w+)\.example\/fairgate/g, (_, name) => `http://${at('ear')}/${name}`).replaceAll(/: (10s|1m)$/gm, ': 1s'));
    execFileSync('amtool', ['check-config', join(ROOT, 'infra/observe/alertmanager.yml')]);
    scope.spawn('alertmanager', ['prometheus-alertmanager', `--config.file=${dir}/alertmanager.yml`, `--storage.path=${dir}/am`, '--cluster.listen-address=', `--web.listen-address=${at('alertmanager')}`], { stays: true });

    for (const path of EVERY_RULE) write(basename(path), quickRules(path));
    const targets = { 8091: rig.fronts.map((one) => one.privatePort), 8092: [...rig.seats, rig.little].map((one) => one.privatePort), 8093: [rig.checkout.pay.privatePort], 8404: [port.health], 9100: [port.node], 9121: [port.redis], 9187: [port.postgres], 9093: [port.alertmanager] };
    const config = Object.entries(targets)
      .reduce((text, [usual, ports]) => text.replaceAll(`"127.0.0.1:${usual}"`, ports.map((one) => `"127.0.0.1:${one}"`).join(', ')), read('infra/observe/prometheus.yml'))
      .replaceAll('/usr/share/fairgate/observe', dir)
      .replaceAll('15s', '1s')
      .replace('job_name: fairgate-postgres', '$&\n    scrape_interval: 5s\n    scrape_timeout: 5s'); // it needs a second to report that its database is gone
    assert.doesNotMatch(config, /127\.0\.0\.1:(80|9)\d{2,3}\b(?!\d)|usr\/share/);
    write('prometheus.yml', config);
    execFileSync('promtool', ['check', 'config', join(dir, 'prometheus.yml')]);
    const prometheus = scope.spawn('prometheus', ['prometheus', `--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/tsdb`, `--web.listen-address=${at('prometheus')}`], { stays: true });
    rig.forget = (job) => { // as discovery may lose it
      write('prometheus.yml', config.replace(new RegExp(`(job_name: ${job}\n.*targets: ).*`), '$1[] }]'));
      prometheus.signal('SIGHUP');
    };
    rig.http = client({ port: port.prometheus });
    rig.query = async (expr) => (await rig.http.get(`/api/v1/query?query=${encodeURIComponent(expr)}`)).json.data.result;
  }

  before(async () => {
    for (const name of ['listen', 'tls', 'health', 'node', 'redis', 'postgres', 'prometheus', 'alertmanager', 'ear', 'nobody']) port[name] = await freePort();
    await Promise.all([openHall().then(openLine), openCheckout().then(openLittle), openEdge(), openStores()]);
    openHost();
    await watch();
  });

  test('has each figure that the rules ask of others and of the host', async () => {
    const asked = ruleGroups([DEPENDS]).flatMap(({ rules }) => rules).flatMap(({ expr }) => namesIn(expr)).filter((name) => isOfOthers(name) || /^fairgate_(backup|edge)_/.test(name));
    let missing = asked;
    await until('all of them', async () => {
      const { data } = (await rig.http.get('/api/v1/label/__name__/values')).json ?? { data: [] };
      missing = asked.filter((name) => !data.includes(name));
      return missing.length === 0;
    }, PATIENCE).catch((error) => assert.deepEqual(missing, [], error.message));
    assert.deepEqual((await rig.query('fairgate_backup_seconds')).map(({ metric, value }) => [metric.type, value[1]]).sort(), [['full', '1000'], ['incr', '2000']]);
  });

  DRILLS.forEach((drills, n) => {
    const names = Object.keys(drills);
    test(`raises each alert of ${names.join(', ')}, and not before`, async () => {
      if (n > 0) assert.deepEqual((await rig.query(`ALERTS{alertname=~"${names.join('|')}"}`)).map(({ metric }) => metric.alertname), []);
      await Promise.all(Object.values(drills).map(([, broken]) => broken?.(rig)));
      const quiet = [];
      await Promise.all(Object.entries(drills).map(([name, [labels]]) => heard(name, labels).catch(() => quiet.push(name))));
      assert.deepEqual(quiet, []);
      assert.deepEqual(notices.filter(({ labels }) => labels.proxy !== undefined && !['queue-front', 'edge'].includes(labels.proxy)), [], 'a service that this edge does not have is missed');
    });
  });
});
