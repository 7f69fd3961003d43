// Tests the Debian packages on a fresh Debian: installs them with apt, follows README.Debian, starts them with systemd,
// calls them over HTTP, upgrades from the previous version, removes and purges them. `make deb-test` runs it, as root.
//
// mmdebstrap makes the machine, with Redis and PostgreSQL. podman runs it, with systemd as its first process. It has no
// network: all dependencies are fetched beforehand. The previous version is the same tree, built as 0.0.1 with other
// default configs.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { ROOT, until } from '../lib-js/index.js';
import { openMachines } from './machines.js';
import { blocksTyped, commandsOf, judgeCommands } from './typed.js';

const SERVICES = { 'queue-front': 8091, 'seat-service': 8092, 'payment-adapter': 8093 };
const UNITS = Object.keys(SERVICES).map((service) => `fairgate-${service}`);
const WORK = join(ROOT, 'build/deb-machine');
const DEBIAN = join(ROOT, 'build/deb-debian.tar');
const NAME = 'debian';
const SERVERS = 'systemd-sysv,redis-server,postgresql,curl,jq,procps,pgbackrest';

let machines;
let bare; // the machine's files before our packages
let now; // the sources.list line for this tree's packages
const ask = (script) => machines.on(NAME, `exec 2>&1\n${script}`).replaceAll('\r', '');
// Updates only the lists of our packages. The machine has no network; Debian's lists were fetched beforehand.
const OURS = ['-q', 'update', '-o', 'Dir::Etc::SourceList=/dev/null', '-o', 'APT::Get::List-Cleanup=0'];
const look = () => ask(`apt-get ${OURS.join(' ')}`);
const install = (what) => ask(`apt-get -qy -o Dpkg::Options::=--force-confold install ${what}`);

const paths = () => new Set(ask("find / -xdev -path /packages -prune -o -path /proc -prune -o -print").split('\n'));
const pid = (unit) => Number(ask(`systemctl show -P MainPID ${unit}`));
const states = (which) => UNITS.map((unit) => ask(`systemctl ${which} ${unit} || true`));
const health = (port, page) => ask(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:${port}${page} || true`);
const served = (page) => until(`${page} of all services`, () => Object.values(SERVICES).every((port) => health(port, page) === '200'), { timeoutMs: 120_000, everyMs: 200 });
const admin = (method, path, body) => ask(`curl -sf -X ${method} -H "Authorization: Bearer $(cat /etc/fairgate/secrets/admin-token)" -H 'Content-Type: application/json' ${body ? `-d '${body}'` : ''} http://127.0.0.1:8091${path}`);
const secrets = () => ask('cd /etc/fairgate/secrets && sha256sum *');

before(async () => {
  machines = openMachines(WORK, { tar: DEBIAN, include: SERVERS, fetch: ['certbot', 'pebble'] });
  machines.unpack(NAME);
  now = machines.offer(NAME, 'now', 'build/deb');
  machines.fetch(NAME, ...OURS);
  machines.fetch(NAME, '--download-only', 'install', 'fairgate');
  rmSync(join(machines.rootOf(NAME), 'etc/apt/sources.list.d/now.list'));
  machines.offer(NAME, 'before', 'build/deb-before');
  // PostgreSQL's package chose another port if this host had a PostgreSQL running.
  const settings = join(machines.rootOf(NAME), 'etc/postgresql/15/main/postgresql.conf');
  writeFileSync(settings, readFileSync(settings, 'utf8').replace(/^port = .*/m, 'port = 5432'));
  await machines.start(NAME, '--network', 'none');
  bare = paths();
});

after(() => {
  machines.forget();
  rmSync(WORK, { recursive: true, force: true });
});

test('apt installs all of it, nothing starts, and what to do next is said', () => {
  look();
  const said = install('fairgate');
  for (const unit of UNITS) assert.match(said, new RegExp(`systemctl enable --now ${unit}\n`));
  assert.deepEqual(states('is-enabled'), UNITS.map(() => 'disabled'));
  assert.deepEqual(states('is-active'), UNITS.map(() => 'inactive'));
  assert.equal(ask('ls /etc/fairgate'), [...['edge', 'feed', ...Object.keys(SERVICES)].map((part) => `${part}.conf`), 'profiles'].sort().join('\n'));
});

test('apt takes nothing that was changed after it was signed', () => {
  const index = ask('ls /packages/before/dists/*/main/binary-*/Packages');
  const anew = 'rm -f /var/lib/apt/lists/_packages*';
  ask(`cp ${index} /root/Packages; echo 'Package: fairgate-more' >>${index}; rm ${index}.gz; ${anew}`);
  assert.throws(look, /Hash Sum mismatch|unexpected size/i);
  ask(`mv /root/Packages ${index}; gzip -9nk ${index}; ${anew}`);
  look();
});

test('README.Debian makes it run', async () => {
  const blocks = blocksTyped(ask('cat /usr/share/doc/fairgate-common/README.Debian'));
  assert.equal(blocks.length, 5);
  for (const block of blocks) ask(block);
  // The shop's database, in the same cluster.
  ask(`cd /
    runuser -u postgres -- psql -q <<END
CREATE ROLE fairgate_reader LOGIN PASSWORD '$(cat /etc/fairgate/secrets/db-fairgate_reader)';
CREATE DATABASE shop;
\\c shop
CREATE TABLE users (id bigint PRIMARY KEY, email text, password_hash text);
CREATE UNIQUE INDEX ON users (lower(email));
GRANT SELECT ON users TO fairgate_reader;
END`);
  await served('/healthz');
  await served('/readyz');
  for (const unit of UNITS) assert.match(ask(`stat -c %u /proc/${pid(unit)}`), /^6\d{4}$/, `${unit} runs as a user of its own`);
  assert.equal(ask('systemctl show -P ActiveState -P NRestarts fairgate-feed'), '0\nactive', ask('journalctl -u fairgate-feed -o cat'));
  assert.equal(ask('stat -c %a /etc/fairgate/secrets; stat -c %a /etc/fairgate/secrets/* | sort -u'), '700\n600');
  assert.match(ask('for name in maxmemory save; do redis-cli -s /run/redis/redis-server.sock config get $name; done'), /maxmemory\n[1-9]\d+\nsave$/);
});

test('the edge that README.Debian makes serves visitors, without root, and gives back what a crowd took', () => {
  assert.match(ask('curl -fsS -o /dev/null -w "%{http_code}" http://127.0.0.1/robots.txt; curl -fsS -o /dev/null -w "%{http_code}" http://127.0.0.1:8404/healthz'), /^200200$/);
  const workers = ask(`cat /proc/${pid('haproxy')}/task/*/children`).trim().split(/\s+/);
  assert.ok(workers[0] > 0);
  for (const worker of workers) assert.match(ask(`stat -c %U /proc/${worker}; readlink /proc/${worker}/root`), /^(?!root)\w+\n\/var\/lib\/haproxy$/);
  assert.match(ask(`cat /proc/${pid('haproxy')}/maps`), /libjemalloc\.so/);
});

test('the command line asks what was installed, and brings a crowd and a hall for it', () => {
  admin('PUT', '/admin/events/evening', '{"name":"An evening"}');
  assert.match(ask("sed -i 's|^edge.*|edge = \"http://127.0.0.1\"|' /etc/fairgate/profiles; fairgate events"), /An evening/);
  for (const page of ['fairgate', 'fairgate-edge', ...Object.keys(SERVICES)]) assert.match(ask(`zcat /usr/share/man/man1/${page}.1.gz`), /^\.TH /);
  ask('. /usr/share/bash-completion/completions/fairgate; complete -p fairgate');
  assert.match(ask('fairgate rehearse --yes --visitors 20 --within 2'), /"done":20[^]*^All went well\.$/m);
});

const type = (command) => machines.type(NAME, `PATH=$PATH:/usr/share/fairgate/recover\n${command}`);

test('each command of the runbook and of the page of backups does what it says', () => {
  for (const event of ['demo', 'show']) admin('PUT', `/admin/events/${event}`, '{"name":"A show"}');
  ask(`cp /usr/share/fairgate/halls/theatre.json /root/hall.json
    fairgate halls import demo /root/hall.json
    fairgate open demo
    for n in $(seq 20); do openssl rand -hex 8; done >/root/codes.txt`);
  const page = (name, blocks) => commandsOf(ask(`cat /usr/share/fairgate/observe/docs/operate/${name}.md`), blocks);
  judgeCommands([...page('recover', /^apt-get|^systemctl enable/), ...page('runbook'), ...page('recover', /^recover restore  /m)], type);
});

test('an authority gives the edge its certificate, and a renewed one is served', async () => {
  install('--no-install-recommends certbot pebble');
  ask(`echo '127.0.0.1 tickets.example' >>/etc/hosts
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout /root/acme.pem -out /root/acme.pem
    echo '{"pebble":{"listenAddress":"127.0.0.1:14000","certificate":"/root/acme.pem","privateKey":"/root/acme.pem","httpPort":80,"tlsPort":443}}' >/root/acme.json
    systemd-run --unit acme -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 pebble -config /root/acme.json
    timeout 180 sh -c 'until curl -sk https://127.0.0.1:14000/dir; do sleep 0.1; done'
    /usr/share/fairgate/edge/certificate -d tickets.example -n --server https://127.0.0.1:14000/dir --no-verify-ssl --agree-tos --register-unsafely-without-email`);
  const shown = () => ask('openssl s_client -connect tickets.example:443 -servername tickets.example </dev/null | openssl x509 -noout -issuer -serial');
  const first = await until('the certificate', () => /Pebble[^]*/.exec(shown())?.[0]);
  ask('certbot renew --force-renewal --no-random-sleep-on-renew --no-verify-ssl');
  await until('the renewed one', () => shown().includes('Pebble') && !shown().includes(first));
  assert.equal(ask("curl -sk -o /dev/null -w '%{http_code} %{redirect_url}' http://tickets.example/robots.txt; stat -c ' %a' /etc/fairgate/secrets/edge.pem"), '301 https://tickets.example/robots.txt 600');
});

test('an upgrade restarts what runs, makes the edge again, and keeps secrets, changed configs and the line', async () => {
  const [were, keys, edge] = [UNITS.map(pid), secrets(), pid('haproxy')];
  ask(`echo '# As of 0.0.1.' >>/etc/haproxy/haproxy.cfg; echo '# ours' >>/etc/fairgate/queue-front.conf; echo '${now.trim()}' >/etc/apt/sources.list.d/now.list`);
  look();
  install('fairgate');
  assert.doesNotMatch(ask("dpkg-query -W -f '${Version}\\n' 'fairgate*'"), /0\.0\.1/);
  await served('/readyz');
  assert.deepEqual(states('is-enabled'), UNITS.map(() => 'enabled'));
  assert.ok(UNITS.every((unit, n) => pid(unit) !== were[n]), 'each is another process now');
  assert.equal(secrets(), keys);
  assert.match(ask('tail -n 1 /etc/fairgate/queue-front.conf'), /^# ours$/);
  assert.doesNotMatch(ask('cat /etc/fairgate/queue-front.conf.dpkg-dist /etc/fairgate/seat-service.conf'), /As of 0\.0\.1|ours/);
  assert.match(admin('GET', '/admin/events/evening'), /An evening/);
  assert.equal(ask('cd /etc/haproxy; grep -l "As of 0.0.1" haproxy.cfg*; systemctl show -P ActiveState haproxy'), 'haproxy.cfg.dpkg-old\nactive');
  assert.equal(pid('haproxy'), edge, 'it was reloaded');
});

// The statuses with which all private listeners answer this token.
const answers = (token) => Object.values(SERVICES).map((port) => ask(`curl -s -o /dev/null -w '%{http_code}' -X PUT -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"level":"info"}' http://127.0.0.1:${port}/log/level`));
const ALL = { open: UNITS.map(() => '204'), closed: UNITS.map(() => '401') };

test('a secret that the default configs leave out needs a file and its name', async () => {
  const ann = 'a'.repeat(64);
  ask(`cd /etc/fairgate/secrets; umask 077; echo 'ann ${ann}' >operators
    for secret in mail-password toss-key redis-password; do openssl rand -hex 16 >$secret; done
    set -f
    hash=$(tr -d '\\n' <redis-password | sha256sum | cut -c -64)
    redis-cli -s /run/redis/redis-server.sock ACL SETUSER $(sed -n "s/#0*/#$hash/; s/^user fairgate/fairgate/p" /usr/share/fairgate/redis/redis-acl.conf)
    cd /etc/fairgate
    sed -i -E 's/^# (operators_file|user|password_file|toss_key) =/\\1 =/' queue-front.conf seat-service.conf payment-adapter.conf
    sed -i '/^# \\[mail\\]/,/^$/s/^# //' payment-adapter.conf
    systemctl restart ${UNITS.join(' ')}`);
  await served('/readyz');
  assert.deepEqual(answers(ann), ALL.open);
  assert.match(ask('redis-cli -s /run/redis/redis-server.sock CLIENT LIST'), /user=fairgate/);
  const handed = UNITS.map((unit) => ask(`ls /run/${unit}`));
  assert.match(handed[0], /^redis-password$/m);
  assert.match(handed[2], /^mail-password\n(.*\n)+toss-key$/m);
});

test('a service reads its own secrets, changes none, and reads no others', () => {
  UNITS.forEach((unit, n) => {
    const service = (script) => ask(`nsenter --target ${pid(unit)} --mount setpriv --reuid $(stat -c %u /proc/${pid(unit)}) --regid 65534 --clear-groups bash -c "${script}" 2>&1 || true`);
    const names = service('cat /etc/fairgate/secrets/* >/dev/null && ls /etc/fairgate/secrets').split('\n');
    assert.ok(names.includes('admin-token'), names.join(' '));
    assert.equal(names.includes('psp-key'), unit === 'fairgate-payment-adapter');
    assert.equal(ask(`stat -c %a /run/${unit} /run/${unit}/* | sort -u`), '400\n500');
    assert.match(service('touch /etc/fairgate/secrets/another'), /Read-only file system/);
    assert.match(service(`chmod 0700 /etc/fairgate/secrets`), /Read-only file system/);
    assert.match(service(`chmod 0700 /run/${unit}`), /Read-only file system|not permitted/);
    assert.match(service(`ls /run/${UNITS[(n + 1) % UNITS.length]}`), /Permission denied/);
  });
});

test('a reload takes secrets that were changed, or fails and changes none', async () => {
  const were = UNITS.map(pid);
  const [old, fresh] = [ask('cat /etc/fairgate/secrets/admin-token'), 'f'.repeat(64)];
  ask(`cd /etc/fairgate/secrets; printf %s ${fresh} >admin-token; mv service-token /root`);
  for (const unit of UNITS) {
    assert.match(ask(`systemctl reload ${unit} 2>&1 || true`), /failed/i);
    assert.match(ask(`journalctl -u ${unit} -o cat`), /secrets\/service-token': No such file/);
    assert.equal(ask(`cat /run/${unit}/admin-token`), old);
  }
  assert.deepEqual(answers(old), ALL.open);
  ask(`mv /root/service-token /etc/fairgate/secrets; systemctl reload ${UNITS.join(' ')}`);
  await until('the new token to count', () => answers(fresh).every((status) => status === '204'));
  assert.deepEqual(answers(old), ALL.closed);
  assert.deepEqual(UNITS.map(pid), were);
});

test('a ring of keys is rotated where it lies', async () => {
  const [config, url] = ['--config /etc/fairgate/queue-front.conf', '--url http://127.0.0.1:8091'];
  const keys = (...words) => ask(['queue-front keys', config, ...words].join(' '));
  const reload = () => {
    ask('systemctl reload fairgate-queue-front');
    return until('the front to hold what the files say', () => /^All 1 hold/m.test(ask(`queue-front keys ${config} status ${url} || true`)));
  };
  keys('add tickets');
  await reload();
  keys('use tickets 2', url);
  await reload();
  assert.match(keys('list'), /^ {2}2-\S+ +signs /m);
});

test('removing the packages keeps the configuration', () => {
  ask("apt-get -qy remove 'fairgate*'");
  assert.deepEqual(states('is-active'), UNITS.map(() => 'inactive'));
  assert.ok(existsSync(join(machines.rootOf(NAME), 'etc/fairgate/queue-front.conf')));
  assert.ok(existsSync(join(machines.rootOf(NAME), 'etc/fairgate/secrets/admin-token')));
});

test('purging them keeps nothing', () => {
  // First remove files that do not belong to the packages: those made by this test or by following the pages, and backups.
  ask(`systemctl stop 'postgresql@*'
    rm -rf /etc/postgresql/15/main/conf.d/fairgate-archive.conf
    rm -rf /var/backups/fairgate /var/lib/fairgate /var/lib/prometheus /var/lib/pgbackrest/* /var/spool/pgbackrest/* /var/lib/systemd/timers/*
    apt-get -qy purge 'fairgate*'`);
  const ours = [...paths()].filter((path) => !bare.has(path) && /fairgate|queue-front|seat-service|payment-adapter/.test(path));
  assert.deepEqual(ours.filter((path) => !/^\/var\/(lib\/apt|cache\/apt|log)\//.test(path)), []);
  assert.equal(ask("dpkg-query -W 'fairgate*' 2>/dev/null | cut -f 1 || true"), '');
});
