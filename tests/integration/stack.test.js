// The local stack, as documented for `make up`, `down`, `status` and `run`: the real stores, supervisor and edge, with
// stand-ins for the services.

import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  fakeBuild,
  openScope,
  openStack,
  processAlive,
  psqlPath,
  until,
  within,
} from '../lib-js/index.js';

const SERVICES = ['queue-front', 'seat-service', 'payment-adapter'];

function parentOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]);
}

describe('a stack', async () => {
  const scope = openScope(test);
  const env = { FAIRGATE_BUILD_DIR: fakeBuild(scope, SERVICES) };
  let stack = await openStack(scope, { env, name: 'one', cluster: 'usual' });
  const other = await openStack(scope, { env, name: 'two', cluster: 'usual' });
  const [said] = await Promise.all([stack.up(), other.up()]);

  test('runs next to another one', async () => {
    for (const one of [stack, other]) {
      const { status } = await one.command('status');
      assert.equal(status, 0);
      const parts = await one.parts();
      assert.deepEqual(Object.keys(parts), ['redis', 'postgres', ...SERVICES, 'edge']);
      assert.ok(Object.values(parts).every((part) => part.ready && processAlive(part.pid)));
      assert.equal((await one.edge.get('/e/demo')).json.port, one.base + 1);
    }
    assert.notEqual(stack.read('secrets/admin-token'), other.read('secrets/admin-token'));
  });

  test('keeps secrets readable to their owner only and prints none', () => {
    assert.equal(statSync(join(stack.dir, 'secrets')).mode & 0o777, 0o700);
    const names = readdirSync(join(stack.dir, 'secrets'));
    for (const name of ['admin-token', 'service-token', 'psp-key', 'ticket-keys']) {
      assert.ok(names.includes(name), name);
    }
    for (const name of names) {
      assert.equal(statSync(join(stack.dir, 'secrets', name)).mode & 0o777, 0o600, name);
      for (const line of stack.read(`secrets/${name}`).split('\n').filter((l) => l.length > 8)) {
        assert.ok(!said.includes(line), `up printed ${name}`);
      }
    }
  });

  test('tells its addresses', () => {
    assert.match(said, new RegExp(`http://localhost:${stack.base}/e/demo`));
    assert.match(said, new RegExp(`http://localhost:${stack.base + 11}/console`));
  });

  test('says that mails are stored until a mail server is set', async () => {
    assert.match(said, /mails +are kept, not sent/);
    assert.match((await stack.command('status')).stderr, /mails +are kept, not sent/);
    const alive = await stack.parts();
    assert.match(stack.read('conf/payment-adapter.conf'), /^\[mail\]\nurl = ""$/m);
    const reply = await stack.up({ FAIRGATE_MAIL_URL: 'smtp://127.0.0.1:25' });
    assert.doesNotMatch(reply, /mails/);
    assert.match(stack.read('conf/payment-adapter.conf'), /^\[mail\]\nurl = "smtp:\/\/127\.0\.0\.1:25"$/m);
    assert.notEqual((await stack.parts())['payment-adapter'].pid, alive['payment-adapter'].pid);
    assert.doesNotMatch((await stack.command('status')).stderr, /mails/, 'it is remembered');
    assert.match(await stack.up({ FAIRGATE_MAIL_URL: '' }), /mails +are kept/);
  });

  test('says that the hall is missing, and how it comes', async () => {
    for (const text of [said, (await stack.command('status')).stderr]) assert.match(text, /THE HALL +is missing, .*make VARIANT=release programs, then make up/);
    assert.doesNotMatch((await stack.command('status', { FAIRGATE_BUILD_DIR: fakeBuild(scope, [...SERVICES, 'halls']) })).stderr, /THE HALL/);
  });

  test('gives each service a database that the others cannot enter', async () => {
    const enter = (role, database) => {
      const env = { PGPASSFILE: join(stack.dir, `secrets/pgpass-${role}`) };
      const where = `host=127.0.0.1 port=${stack.base + 7} user=${role} dbname=${database}`;
      const child = scope.spawn(`psql-${role}-${database}`, [psqlPath(), where, '-c', 'SELECT 1'], {
        env,
      });
      return child.ends();
    };
    assert.equal((await enter('seat_service', 'seat_service')).code, 0);
    assert.equal((await enter('seat_service', 'payment_adapter')).code, 2);
    assert.equal((await enter('payment_adapter', 'demo_shop')).code, 2);
    assert.equal((await enter('fairgate_reader', 'demo_shop')).code, 0);
  });

  for (const name of ['queue-front', 'redis', 'postgres', 'edge']) {
    test(`starts ${name} again after kill -9`, async () => {
      const pid = await stack.kill(name);
      await until(`${name} to be back`, async () => {
        const part = (await stack.parts())[name];
        return part.ready && part.pid !== pid;
      });
      await until('the log to tell it', () => /ended with signal 9; deaths within/.test(stack.read(`log/${name}/current`)));
    });
  }

  test('up starts only missing parts', async () => {
    const alive = await stack.parts();
    const gone = alive['seat-service'].pid;
    // Its supervisor dies together with the part: nothing restarts it at once.
    const supervisor = parentOf(gone);
    process.kill(supervisor, 'SIGKILL');
    await until('the part to follow', () => !processAlive(gone));
    await stack.up();
    const now = await stack.parts();
    for (const [name, { pid, ready }] of Object.entries(now)) {
      assert.ok(ready, name);
      if (name !== 'seat-service') assert.equal(pid, alive[name].pid, name);
    }
  });

  test('takes in a second front, and restarts only the edge for it', async () => {
    const alive = await stack.parts();
    const reply = await stack.up({ FAIRGATE_QUEUE_FRONTS: '2' });
    assert.match(reply, /start +queue-front-2\n/);
    assert.match(reply, /restart +edge /);
    const now = await stack.parts();
    assert.deepEqual(now['queue-front-2'].ports, [stack.base + 21, stack.base + 31]);
    for (const name of ['redis', 'postgres', ...SERVICES]) {
      assert.equal(now[name].pid, alive[name].pid, name);
    }
    await stack.up({ FAIRGATE_QUEUE_FRONTS: '1' });
    assert.ok(!('queue-front-2' in (await stack.parts())));
  });

  test('has several owners of the seats, each by its name, and one again', async () => {
    await stack.up({ FAIRGATE_SEAT_OWNERS: '2' });
    const { 'seat-service': first, 'seat-service-2': second } = await stack.parts();
    assert.deepEqual([first.ports, second.ports], [[stack.base + 2, stack.base + 12], [stack.base + 41, stack.base + 45]]);
    for (const [name, { ports: [open, within] }] of [['seat-service', first], ['seat-service-2', second]]) {
      const conf = stack.read(`conf/${name}.conf`);
      for (const line of [`instance = "${name}"`, 'owners = 2', `address = "127.0.0.1:${open}"`, `private_address = "127.0.0.1:${within}"`]) assert.ok(conf.includes(`\n${line}\n`), line);
      const front = stack.read('conf/queue-front.conf');
      for (const url of [`http://127.0.0.1:${within}/metrics`, `http://127.0.0.1:${within}`]) assert.match(front, new RegExp(`["/,]*${url}[",]`));
    }
    // Any process names the event's owner: from then on requests go there, pages and streams as well.
    for (const [event, owner, { ports: [port] }] of [['gala', 'seat-service-2', second], ['ball', 'seat-service', first]]) {
      const reply = await stack.edge.get(`/v1/seats/${event}?owner=${owner}`);
      assert.equal(reply.headers['fairgate-owner'], undefined);
      for (let n = 0; n < 12; n += 1) assert.equal((await stack.edge.get(`/v1/seats/${event}`)).json.port, port);
    }
    await stack.up({ FAIRGATE_SEAT_OWNERS: '1' });
    assert.ok(!('seat-service-2' in (await stack.parts())));
    assert.doesNotMatch(stack.read('conf/seat-service.conf'), /owners/);
  });

  test('leaves only data after down, and comes back with it', async () => {
    const token = stack.read('secrets/admin-token');
    const redis = `${stack.dir}/redis.sock`;
    await scope.spawn('set', ['redis-cli', '-s', redis, 'set', 'kept', 'yes']).ends();
    const first = await stack.command('down');
    assert.equal(first.status, 0, first.stderr);
    assert.deepEqual(stack.processes(), []);
    assert.deepEqual(
      readdirSync(stack.dir).filter((name) => /sock|pid|service|lock/.test(name)),
      [],
    );
    assert.equal((await stack.command('status')).status, 1);
    assert.equal((await stack.command('down')).status, 0);
    assert.ok((await other.parts()).edge.ready, 'the other stack is none of its business');

    await stack.up();
    const got = scope.spawn('get', ['redis-cli', '-s', redis, 'get', 'kept']);
    await got.ends();
    assert.equal(got.log(), 'yes\n');
    assert.equal(stack.read('secrets/admin-token'), token);
  });

  test('is gone after down even if its supervisor was killed before', async () => {
    process.kill(Number(stack.read('runsvdir.pid')), 'SIGKILL');
    assert.equal((await stack.command('down')).status, 0);
    assert.deepEqual(stack.processes(), []);
  });

  // As if the supervisor of a part ends between sv's check and its command.
  test('is gone after down even if sv is killed by SIGPIPE', async () => {
    await stack.up();
    const dir = scope.tempDir();
    writeFileSync(join(dir, 'sv'), '#!/bin/sh\n[ "$1" = exit ] && kill -PIPE $$\nPATH=${PATH#*:} exec sv "$@"\n', { mode: 0o755 });
    const down = await stack.command('down', { PATH: `${dir}:${process.env.PATH}` });
    assert.equal(down.status, 0, `${down.stdout}${down.stderr}`);
    assert.deepEqual(stack.processes(), []);
  });

  test('comes up whole after its supervisor was killed', async () => {
    await stack.up();
    process.kill(Number(stack.read('runsvdir.pid')), 'SIGKILL');
    await stack.up();
    assert.equal((await stack.command('status')).status, 0);
  });
});

test('a part that cannot start is named with its last output', async (t) => {
  const scope = openScope(t);
  const build = fakeBuild(scope, []);
  writeFileSync(join(build, 'bin/queue-front'), '#!/bin/sh\necho "line 3: no such key"\nexit 2\n');
  chmodSync(join(build, 'bin/queue-front'), 0o755);
  const stack = await openStack(scope, { env: { FAIRGATE_BUILD_DIR: build } });
  stack.mayDie('queue-front'); // by itself, and once more if the stack comes down as it has just been started again
  const { status, stderr } = await stack.command('up');
  assert.equal(status, 1);
  assert.match(stderr, /line 3: no such key/);
  assert.match(stderr, /queue-front dies as soon as it starts/);
  assert.match(stack.read('log/queue-front/current'), /within a minute: 3; held back for 2 s/);
});

test('a port that another program has is named', async (t) => {
  const scope = openScope(t);
  const env = { FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front']) };
  const stack = await openStack(scope, { env });
  const squatter = net.createServer();
  await new Promise((resolve) => squatter.listen(stack.base + 1, '127.0.0.1', resolve));
  scope.defer(() => squatter.close());
  const { status, stderr } = await stack.command('up');
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`queue-front needs port ${stack.base + 1}, and another program`));
});

test('bad settings are refused with what is allowed', async (t) => {
  const scope = openScope(t);
  const stack = await openStack(scope);
  const cases = [
    [{ FAIRGATE_PORT_BASE: '80' }, /FAIRGATE_PORT_BASE=80: a number from 1024 to 65400/],
    [{ FAIRGATE_PORT_BASE: 'x' }, /FAIRGATE_PORT_BASE=x: a number/],
    [{ FAIRGATE_SEAT_OWNERS: '5' }, /FAIRGATE_SEAT_OWNERS=5: a number from 1 to 4/],
    [{ FAIRGATE_QUEUE_FRONTS: '9' }, /FAIRGATE_QUEUE_FRONTS=9: a number from 1 to 8/],
    [{ FAIRGATE_TLS_PEM: '/no/such' }, /FAIRGATE_TLS_PEM=\/no\/such: cannot be read/],
    [{ FAIRGATE_OBSERVE: '2' }, /FAIRGATE_OBSERVE=2: a number from 0 to 1/],
    [{ FAIRGATE_DEMO: 'yes' }, /FAIRGATE_DEMO=yes: a number from 0 to 1/],
    [{ FAIRGATE_ALERTS_URL: "http://a'b" }, /FAIRGATE_ALERTS_URL=http:\/\/a'b: http:\/\/ or https:\/\//],
    [{ FAIRGATE_MAIL_URL: 'localhost:25' }, /FAIRGATE_MAIL_URL=localhost:25: smtp:\/\/HOST:PORT/],
    [{ FAIRGATE_RUN_DIR: '/tmp/a b' }, /FAIRGATE_RUN_DIR=\/tmp\/a b: only letters/],
  ];
  for (const [env, sentence] of cases) {
    const { status, stderr } = await stack.command('up', env);
    assert.equal(status, 1);
    assert.match(stderr, sentence);
  }
});

test('in front it stays until it is interrupted, and takes everything along', async (t) => {
  const scope = openScope(t);
  const env = { FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front']) };
  const stack = await openStack(scope, { env });
  const front = stack.inFront();
  let said = '';
  front.stdout.on('data', (text) => (said += text));
  await until('the invitation', () => said.includes('Ctrl-C stops all of it.'), {
    timeoutMs: 60_000,
  });
  assert.equal((await stack.edge.get('/e/demo')).status, 200);
  assert.match(stack.read('conf/queue-front.conf'), /\n\[brand\]\nname = "Harbour Live"\n/, 'the concert has its promoter');
  const ended = new Promise((resolve) => front.once('exit', resolve));
  front.kill('SIGINT');
  assert.equal(await within(120_000, 'the end', ended), 0);
  assert.deepEqual(stack.processes(), []);
});
