// The settings of Prometheus and Alertmanager that packages bring, started as they are but for ports and folders, with
// HAProxy, Redis, PostgreSQL and Debian's exporters: each figure that depends.yml asks for is there, and what is provoked
// reaches the receiver that it should.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import net from 'node:net';
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { client, freePort, openScope, postgresBin, ROOT, startPostgres, startRedis, until } from '../lib-js/index.js';
import { DEPENDS, isOfOthers, namesIn, RULE_FILES, ruleGroups } from '../lib-js/observe.js';

const MOST = 20; // connections of the edge
const daysAgo = (days) => Date.now() / 1000 - days * 86_400;
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
// What fires once the last series of its kind has been there for minutes, by promtool alone: tests/integration/alerts.test.js.
const PATIENCE = { timeoutMs: 300_000, everyMs: 500 };

describe('what a sale depends on', () => {
  const scope = openScope(test);
  const dir = scope.tempDir('depends-');
  const port = {};
  const at = (name) => `127.0.0.1:${port[name]}`;
  const told = [];
  let redis;
  let replica;
  let postgres;
  let receiver;
  let exporter;
  let prometheus;
  const heard = (alertname, labels = {}) => until(alertname, () => told.find((one) => one.status === 'firing' && one.labels.alertname === alertname
    && Object.entries(labels).every(([label, value]) => one.labels[label] === value)), PATIENCE);
  const startExporter = () => scope.spawn('redis-exporter', ['prometheus-redis-exporter', '-web.listen-address', at('redis'), '-redis.addr', `redis://127.0.0.1:${redis.port}`], { stays: true });

  before(async () => {
    for (const name of ['listen', 'tls', 'front', 'health', 'node', 'redis', 'postgres', 'prometheus', 'alertmanager', 'ear', 'nobody']) port[name] = await freePort();

    // The edge: nobody serves behind it, its certificate ends in three days, its keys are two days old.
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3', '-subj', '/CN=tickets.example', '-keyout', join(dir, 'key'), '-out', join(dir, 'crt')], { stdio: 'ignore' });
    writeFileSync(join(dir, 'pem'), readFileSync(join(dir, 'crt'), 'utf8') + readFileSync(join(dir, 'key'), 'utf8'));
    writeFileSync(join(dir, 'keys'), Array.from({ length: 3 }, () => execFileSync('openssl', ['rand', '-base64', '80'], { encoding: 'utf8' }).replaceAll('\n', '')).join('\n'));
    utimesSync(join(dir, 'keys'), daysAgo(2), daysAgo(2));
    writeFileSync(join(dir, 'edge.conf'), `listen = ${at('listen')}\nlisten_tls = ${at('tls')}\ncertificate = ${dir}/pem\nticket_keys = ${dir}/keys\nhealth = ${at('health')}\nfronts = ${at('nobody')}:${port.nobody}\nmaxconn = ${MOST}\nsocket = ${dir}/edge.sock\n`);
    execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), [join(dir, 'edge.conf'), join(dir, 'edge.cfg')]);
    scope.spawn('haproxy', ['haproxy', '-db', '-f', join(dir, 'edge.cfg')], { stays: true });

    redis = await startRedis(scope);
    replica = await startRedis(scope, { settings: { replicaof: `127.0.0.1 ${redis.port}` } });
    exporter = startExporter();
    postgres = await startPostgres(scope, { settings: { max_wal_senders: 4, wal_level: 'replica' } });
    scope.spawn('postgres-exporter', ['prometheus-postgres-exporter', '--web.listen-address', at('postgres')], { stays: true, env: { DATA_SOURCE_NAME: postgres.conninfo() } });
    receiver = scope.spawn('receivewal', [`${postgresBin()}/pg_receivewal`, '-h', '127.0.0.1', '-p', String(postgres.port), '-U', 'postgres', '-D', scope.tempDir('wal-')], { stays: true });

    writeFileSync(join(dir, 'backups.json'), JSON.stringify([{ backup: [{ type: 'full', timestamp: { stop: 1000 } }, { type: 'incr', timestamp: { stop: 2000 } }, { type: 'incr', timestamp: { stop: 1500 } }] }]));
    writeFileSync(join(dir, 'line-1.rdb'), '');
    writeFileSync(join(dir, 'tested'), '');
    utimesSync(join(dir, 'tested'), daysAgo(40), daysAgo(40));
    writeFileSync(join(dir, 'figures.conf'), `EDGE_TLS=${at('tls')}\nTICKET_KEYS=${dir}/keys\nLINE_FOLDER=${dir}\nRESTORE_TESTED=${dir}/tested\nbackups() { cat ${dir}/backups.json; }\n`);
    await until('TLS', () => execFileSync('sh', ['-c', `openssl s_client -connect ${at('tls')} </dev/null >/dev/null 2>&1 && echo yes || :`], { encoding: 'utf8' }).includes('yes'));
    execFileSync(join(ROOT, 'infra/observe/figures'), [join(dir, 'fairgate.prom')], { env: { ...process.env, FAIRGATE_FIGURES_CONF: join(dir, 'figures.conf') } });
    scope.spawn('node-exporter', ['prometheus-node-exporter', `--web.listen-address=${at('node')}`, `--collector.textfile.directory=${dir}`], { stays: true });

    const server = createServer(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      told.push(...JSON.parse(body).alerts.map((one) => ({ ...one, receiver: req.url.slice(1) })));
      res.end();
    });
    await new Promise((resolve) => { server.listen(port.ear, '127.0.0.1', resolve); });
    scope.defer(() => server.close());
    const alertmanager = read('infra/observe/alertmanager.yml').replace(/https:\/\/(\w+)\.example\/fairgate/g, (_, name) => `http://${at('ear')}/${name}`);
    writeFileSync(join(dir, 'alertmanager.yml'), alertmanager);
    execFileSync('amtool', ['check-config', join(ROOT, 'infra/observe/alertmanager.yml')]);
    scope.spawn('alertmanager', ['prometheus-alertmanager', `--config.file=${dir}/alertmanager.yml`, `--storage.path=${dir}/am`, '--cluster.listen-address=', `--web.listen-address=${at('alertmanager')}`], { stays: true });

    // The job of the payments is left out, as discovery may lose it.
    const [alerts, slo] = RULE_FILES;
    const config = Object.entries({ 8404: 'health', 9100: 'node', 9121: 'redis', 9187: 'postgres', 9093: 'alertmanager', 8091: 'nobody', 8092: 'nobody' })
      .reduce((text, [usual, name]) => text.replaceAll(`127.0.0.1:${usual}`, at(name)), read('infra/observe/prometheus.yml'))
      .replace('/usr/share/fairgate/observe/alerts.yml', alerts).replace('/usr/share/fairgate/observe/slo.yml', slo).replace('/usr/share/fairgate/observe/depends.yml', DEPENDS)
      .replace(/ {2}- job_name: fairgate-pay\n.*\n/, '').replaceAll('15s', '1s')
      .replace('job_name: fairgate-postgres', '$&\n    scrape_interval: 5s\n    scrape_timeout: 5s'); // it needs a second to report that its database is gone
    assert.doesNotMatch(config, /127\.0\.0\.1:(80|9)\d{2,3}\b(?!\d)|usr\/share|fairgate-pay/);
    writeFileSync(join(dir, 'prometheus.yml'), config);
    execFileSync('promtool', ['check', 'config', join(dir, 'prometheus.yml')]);
    scope.spawn('prometheus', ['prometheus', `--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/tsdb`, `--web.listen-address=${at('prometheus')}`], { stays: true });
    prometheus = client({ port: port.prometheus });
  });

  test('has each figure that the rules ask of others and of the host', async () => {
    const asked = ruleGroups([DEPENDS]).flatMap(({ rules }) => rules).flatMap(({ expr }) => namesIn(expr)).filter((name) => isOfOthers(name) || /^fairgate_(backup|edge)_/.test(name));
    let missing = asked;
    await until('all of them', async () => {
      const { data } = (await prometheus.get('/api/v1/label/__name__/values')).json ?? { data: [] };
      missing = asked.filter((name) => !data.includes(name));
      return missing.length === 0;
    }, PATIENCE).catch((error) => assert.deepEqual(missing, [], error.message));
    const { result } = (await prometheus.get('/api/v1/query?query=fairgate_backup_seconds')).json.data;
    assert.deepEqual(result.map(({ metric, value }) => [metric.type, value[1]]).sort(), [['full', '1000'], ['incr', '2000']]);
  });

  test('raises alerts at once for missing and old parts, each to its receiver', async () => {
    assert.equal((await heard('FairgateWatchdog')).receiver, 'switch');
    assert.equal((await heard('FairgateEdgeServersGone', { proxy: 'queue-front' })).receiver, 'pager');
    assert.equal((await heard('FairgateCertificateEnds')).receiver, 'channel');
    await heard('FairgateTicketKeysOld');
    await heard('FairgateRedisMemory');
    await heard('FairgateDown', { job: 'fairgate-seats' });
    await heard('FairgateTargetsMissing', { job: 'fairgate-pay' });
    assert.deepEqual(told.filter(({ labels }) => labels.proxy !== undefined && labels.proxy !== 'queue-front'), [], 'a service that this edge does not have is missed');
    const { result } = (await prometheus.get(`/api/v1/query?query=${encodeURIComponent('ALERTS{alertname=~"Fairgate(Redis(Down|NotSaved|ReplicaLost)|Postgres.*|EdgeFull|Restarts)"}')}`)).json.data;
    assert.deepEqual(result.map(({ metric }) => metric.alertname), []);
  });

  test('raises alerts of an edge that is full, and of one that answers by errors', async () => {
    const crowd = Array.from({ length: MOST - 3 }, () => net.connect(port.listen, '127.0.0.1').on('error', () => {}));
    scope.defer(() => crowd.forEach((one) => one.destroy()));
    const again = setInterval(() => { crowd.push(net.connect(port.listen, '127.0.0.1').on('error', () => {})); crowd.shift().destroy(); }, 300);
    await heard('FairgateEdgeFull').finally(() => clearInterval(again));
    crowd.forEach((one) => one.destroy());
    const edge = client({ port: port.listen });
    const asks = setInterval(() => { edge.get('/v1/queue/demo/me').catch(() => {}); }, 200);
    await heard('FairgateEdgeErrors').finally(() => clearInterval(asks));
  });

  test('raises alerts of a replica that is gone, of a program that ends again and again, and of stores that are down', async () => {
    await until('a minute with both replicas to be known', async () => {
      const { result } = (await prometheus.get(`/api/v1/query?query=${encodeURIComponent('max_over_time(sum(redis_connected_slaves)[10m:1m]) + max_over_time(count(pg_stat_replication_pg_wal_lsn_diff)[10m:1m])')}`)).json.data;
      return result[0]?.value[1] === '2';
    }, PATIENCE);
    await replica.stop();
    await receiver.stop();
    await heard('FairgateRedisReplicaLost');
    await heard('FairgatePostgresReplicaLost');
    const starts = async () => Number((await prometheus.get(`/api/v1/query?query=${encodeURIComponent('changes(process_start_time_seconds{job="fairgate-redis"}[10m])')}`)).json.data.result[0]?.value[1]);
    for (let n = 0; n < 3; n++) {
      const seen = await starts();
      await exporter.stop();
      exporter = startExporter();
      await until('its start to be seen', async () => await starts() > seen, PATIENCE);
    }
    await heard('FairgateRestarts', { job: 'fairgate-redis' });
    rmSync(join(redis.data, 'dump.rdb'), { force: true });
    mkdirSync(join(redis.data, 'dump.rdb')); // no file can take its place
    execFileSync('redis-cli', ['-p', String(redis.port), 'bgsave']);
    await heard('FairgateRedisNotSaved');
    await heard('FairgateBackupOld');
    await heard('FairgateRestoreUntested');
    await redis.stop();
    await postgres.stop();
    await heard('FairgateRedisDown');
    await heard('FairgatePostgresDown');
  });
});
