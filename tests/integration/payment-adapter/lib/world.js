// A payment adapter with its neighbours: a private PostgreSQL (our database, and the company's with a users table), fakes of
// the rest, and helpers for tests.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertStatus, CookieJar, makeSecrets, openContract, psqlPath, startPostgres, startService, until } from '../../../lib-js/index.js';
import { FakePsp, FakeQueue, FakeSeats, FakeShop, FakeSmtp, wordsOf } from './fakes.js';

// Hashes of "correct horse battery staple", by bcryptjs, noble-hashes and `openssl passwd`.
export const PASSWORD = 'correct horse battery staple';
export const HASHES = {
  bcrypt: '$2b$06$S5.CNEuPbSus1ARMr2638.fOBbsKBJKv1UchyJ98AJ3iySuK48DW6',
  argon2id:
    '$argon2id$v=19$m=256,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6v921DcCh4JgNTUk8Zy5XG6tyoURKEoHlKq0MC/5wLE',
  pbkdf2: 'pbkdf2_sha256$1200$seasalt$lA7UOvaNxfp1YZX8z9/cKIpH2EcwRvPU4aShohDz/vQ=',
  sha512crypt:
    '$6$fairgate$ioK2ptzjSL1/soAWkGNkrjswbf5U2EZd0e0jtactOT/KYQePhzChb4/wINCyUQyUMNJufcT7.L6o2iyV/V4LF/',
};

export const EVENT = 'gala';

// Every answer is compared with the contract.
export const contract = openContract('payment-adapter/openapi.yaml');

function checked(client) {
  for (const method of ['get', 'post', 'put', 'delete']) {
    const call = client[method].bind(client);
    client[method] = async (path, ...rest) => {
      const answer = await call(path, ...rest);
      const known = /^\/(v1\/pay|pay|admin)\//.test(path);
      return known ? contract.check(method.toUpperCase(), path, answer) : answer;
    };
  }
}

// Makes copies of an order: `changes` is a jsonb expression of i.
export function copyOrders(postgres, order, many, changes) {
  const columns = postgres.sql(`SELECT string_agg(attname, ', ') FROM pg_attribute
    WHERE attrelid = 'pay.orders'::regclass AND attnum > 0 AND attgenerated = ''`, 'pay');
  postgres.sql(`INSERT INTO pay.orders (${columns}) SELECT ${columns} FROM (
    SELECT (jsonb_populate_record(o, ${changes})).* FROM pay.orders o, generate_series(1, ${many}) i WHERE id = '${order}') copy`, 'pay');
}

// What openSeats() needs to be the seat service of a world that opens: a database of its own there, and the world's keys.
export function besideWorld({ postgres, queue, secrets }, role) {
  postgres.sql(`CREATE ROLE ${role} LOGIN`);
  postgres.sql(`CREATE DATABASE seats OWNER ${role}`);
  return { postgres, secrets, office: { jwk: queue.keys[0].jwk, pass: (event, { session }) => queue.pass(event, session) } };
}

export async function openWorld(scope, options = {}) {
  const world = new World(scope, options);
  await world.start();
  return world;
}

class World {
  constructor(scope, options) {
    this.scope = scope;
    this.options = options;
    this.sessions = 0;
  }

  async start() {
    const { scope } = this;
    this.secrets = makeSecrets(scope);
    this.queue = new FakeQueue();
    this.queue.serviceToken = this.secrets.read('service-token');
    this.seats = new FakeSeats(EVENT, { token: this.secrets.read('service-token'), adminToken: this.secrets.read('admin-token') }, this.queue);
    this.psp = new FakePsp();
    this.shop = new FakeShop();
    this.smtp = new FakeSmtp();
    for (const fake of [this.queue, this.seats, this.psp, this.shop, this.smtp]) await fake.listen(scope);
    this.postgres = await startPostgres(scope, {
      databases: ['pay', 'shop'],
      settings: this.options.postgres ?? {},
      disk: this.options.disk ?? null,
      clock: this.options.clock ?? null,
    });
    this.#makeUsers();
    this.dir = scope.tempDir('pay-');
    this.secret('psp-key-file', this.psp.key);
    this.secret('webhook-file', this.psp.webhookSecret);
    this.secret('shop-key-file', this.shop.key);
    await this.options.before?.(this);
    this.pay = await this.startPay({}, { port: this.options.port, env: this.options.env });
  }

  // A private file for the configuration. Returns its path.
  secret(name, text) {
    const path = join(this.dir, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  sql(text) {
    return this.postgres.sql(text, 'pay');
  }

  #makeUsers() {
    const rows = Object.entries(HASHES).map(
      ([name, hash], i) => `(${i + 1}, '${name}@example.com', '${hash}', '${i % 2 ? 'en' : 'ko'}')`,
    );
    this.postgres.sql(
      `CREATE TABLE users (id bigint PRIMARY KEY, email text, password_hash text, lang text);
       INSERT INTO users VALUES ${rows.join(',')};
       INSERT INTO users SELECT i, 'user' || i || '@example.com', '${HASHES.bcrypt}', 'en'
         FROM generate_series(100, 140) i;
       CREATE ROLE reader LOGIN; GRANT SELECT ON users TO reader;`,
      'shop',
    );
  }

  config(more = {}) {
    const merge = (section, values) => ({ ...values, ...(this.options[section] ?? {}), ...(more[section] ?? {}) });
    return ({ port, privatePort }) => ({
      http: merge('http', { port }),
      private: merge('private', { port: privatePort, token_file: this.secrets.path('admin-token') }),
      database: merge('database', { conninfo: this.postgres.conninfo('pay') }),
      users: merge('users', {
        conninfo: this.postgres.conninfo('shop', 'reader'),
        login_sql: 'SELECT id::text, password_hash, lang FROM users WHERE lower(email) = lower($1)',
        queries_per_s: 1000,
      }),
      login: merge('login', { free_fails: 100 }),
      sso: merge('sso', { jwks_url: `${this.queue.url}/.well-known/jwks.json` }),
      queue: merge('queue', { url: this.queue.url, internal_url: this.queue.url }),
      seats: merge('seats', { url: this.seats.url, internal_url: this.seats.url }),
      keys: merge('keys', {
        service_token: this.secrets.path('service-token'),
        seats_admin_token: this.secrets.path('admin-token'),
        tickets: this.secrets.path('door-ed25519.pem'),
      }),
      psp: merge('psp', {
        stripe_url: this.psp.url,
        stripe_key: join(this.dir, 'psp-key-file'),
        stripe_webhook_secret: join(this.dir, 'webhook-file'),
        stripe_checkout_url: `${this.psp.url}/pay/`,
        timeout: '2s',
        per_s: 10000,
      }),
      links: merge('links', {}),
      brand: merge('brand', {}),
      web: merge('web', { public_url: 'http://tickets.example', time_zone: 'Asia/Seoul' }),
      shop: merge('shop', { url: `${this.shop.url}/orders`, list_url: `${this.shop.url}/orders`, key: join(this.dir, 'shop-key-file'), per_s: 200, retry_max: '1s' }),
      mail: merge('mail', { url: this.smtp.url }),
      // A restarted process has other ports here, but is still the same instance.
      saga: merge('saga', { poll: '200ms', poll_max: '400ms', idle: '50ms', instance: 'payment-adapter' }),
      // Only on request: just one runs at a time, and it would consume faults meant for other calls.
      reconcile: merge('reconcile', { every: '1h' }),
      refund: merge('refund', {}),
      operators: merge('operators', {}),
    });
  }

  // A migration holds the table's lock: every lookup waits. Returns a function that ends it.
  lockUsers() {
    return this.lock('shop', 'users');
  }

  async lock(database, table) {
    return (await this.transaction(`LOCK TABLE ${table}`, database)).end;
  }

  // Another session's transaction that stays open: {text: its output, end()}.
  async transaction(sql, database = 'pay') {
    const { socketDir, port } = this.postgres;
    const child = spawn(psqlPath(), ['-h', socketDir, '-p', String(port), '-U', 'postgres', '-d', database, '-XAtq']);
    const exited = new Promise((resolve) => child.on('exit', resolve));
    this.scope.defer(() => child.kill());
    let text = '';
    child.stdout.on('data', (bytes) => (text += bytes));
    child.stdin.write(`BEGIN;\n${sql};\n\\echo held\n`);
    await until('the transaction to stand', () => text.includes('held\n'));
    return { text: text.slice(0, text.indexOf('held')), end: () => (child.stdin.end('COMMIT;\n'), exited) };
  }

  async startPay(more = {}, { ready = true, env = {}, port } = {}) {
    const pay = await startService(this.scope, {
      program: 'payment-adapter',
      adminToken: this.secrets.read('admin-token'),
      config: this.config(more),
      env,
      ready,
      ...(port === undefined ? {} : { port }),
    });
    checked(pay.http);
    checked(pay.admin);
    return pay;
  }

  // A logged-in member: {jar, get, post, read, tickets, member}.
  async login(login = 'bcrypt@example.com', password = PASSWORD, pay = this.pay) {
    const visitor = this.visitor(pay);
    const answer = await until('an answer', async () => { // a busy machine may postpone a login
      const told = await visitor.post('/v1/pay/login', { login, password });
      return told.json.code !== 'login-busy' && told;
    });
    assert.equal(answer.status, 200, answer.text);
    visitor.member = answer.json.member;
    return visitor;
  }

  visitor(pay = this.pay) {
    const jar = new CookieJar();
    const call = async (method, path, body, headers = {}) => {
      const answer = await pay.http[method](path, { body, headers: { ...jar.headers, ...headers } });
      jar.take(answer);
      return answer;
    };
    return {
      jar,
      get: (path, headers) => call('get', path, undefined, headers),
      post: (path, body = {}, headers) => call('post', path, body, headers),
      read: async (order) => (await call('get', `/v1/pay/orders/${order}`)).json,
      tickets: async (order) => (await call('get', `/v1/pay/orders/${order}/tickets`)).json.tickets,
    };
  }

  // A hold of a new visit, and its pass.
  hold(options) {
    this.sessions += 1;
    const session = `s${this.sessions}`;
    return { session, hold: this.seats.hold(EVENT, session, options), pass: this.queue.pass(EVENT, session) };
  }

  // The id of an accepted order. A busy service may ask for a retry, which the key makes safe.
  ordered(visitor, hold, options) {
    return until('an order', async () => {
      const { status, json, text } = await this.order(visitor, hold, options);
      assert.ok(json?.order, `${status} ${text}`);
      return json.order;
    });
  }

  order(visitor, { hold, pass }, { key = `k-${hold}`, body = {}, headers = {} } = {}) {
    return visitor.post(
      '/v1/pay/orders',
      { event: EVENT, hold, ...body },
      { authorization: `Bearer ${pass}`, 'idempotency-key': key, ...headers },
    );
  }

  webhook(event, options, pay = this.pay) {
    const { body, headers } = this.psp.signed(event, options);
    return pay.http.post('/v1/pay/webhooks/stripe', { body, headers });
  }

  // The provider's payment of an order; a busy service's first answer may lack it.
  paymentOf(order) {
    return until('a payment', () => this.psp.of(order).find(({ status }) => status !== 'canceled'));
  }

  // A hold that expires soon, and its order, made in time even on a slow machine.
  async orderedBriefly(visitor, ttlMs, { gone = false } = {}) {
    for (;; ttlMs *= 2) {
      const visit = this.hold({ ttlMs });
      this.seats.holds.get(visit.hold).gone = gone;
      const { status, json, text } = await this.order(visitor, visit);
      if (status === 201 && this.psp.of(json.order).length > 0) return { visit, order: json.order };
      assert.ok([201, 410].includes(status) && ttlMs < 30_000, text);
    }
  }

  // The buyer pays, and the provider notifies us.
  async payOrder(order, pay = this.pay) {
    const intent = await this.paymentOf(order);
    const event = this.psp.authorise(intent.id);
    assertStatus(await this.webhook(event, {}, pay), 204);
  }

  async untilStatus(visitor, order, ...wanted) {
    return until(`order to be ${wanted.join(' or ')}`, async () => {
      const answer = assertStatus(await visitor.get(`/v1/pay/orders/${order}`), 200);
      if (!wanted.includes(answer.json.status)) throw new Error(`it is ${answer.json.status}`);
      return answer.json;
    });
  }

  async paid(visitor, order, status = 'completed') {
    await this.payOrder(order);
    return this.untilStatus(visitor, order, status);
  }

  // A paid and completed order.
  async bought(visitor, hold = this.hold()) {
    const order = await this.ordered(visitor, hold);
    await this.paid(visitor, order);
    return order;
  }

  // Waits until the visitor's order has this status.
  async orderedAs(visitor, status, hold = this.hold()) {
    const order = await this.ordered(visitor, hold);
    await this.untilStatus(visitor, order, status);
    return order;
  }

  // A gate scans a ticket.
  scan(token, gate = 'g') {
    return this.pay.admin.post('/admin/checkin', { body: { event: EVENT, gate, token } });
  }

  // The friend takes a ticket that its owner offers. Returns the new one.
  async handOn({ ticket }, owner, friend) {
    assertStatus(await owner.post(`/v1/pay/tickets/${ticket}/transfer`, { to: friend.member }), 202);
    return assertStatus(await friend.post(`/v1/pay/tickets/${ticket}/accept`), 201).json;
  }

  // The text of the mail of this kind about an order; with `to`: of the one to this recipient.
  async mailOf(order, kind, to) {
    return wordsOf(await until(`a mail ${kind}`, () => this.smtp.mails.find((mail) => mail.text.includes(`<${order}.${kind}@`) && [undefined, mail.to].includes(to))));
  }

  // A run of reconciliation that reaches every neighbour: on a busy machine one may not answer in time.
  report() {
    return until('a run that reaches everybody', async () => {
      const { status, json } = await this.pay.admin.post('/admin/reconcile', { body: {} });
      if (status === 200 && json.not_reached.length > 0) throw new Error(`not reached: ${json.not_reached}`);
      return status === 200 && json;
    });
  }

  // What reconciliation reports once everything had its time.
  async reconciled() {
    this.sql("UPDATE pay.orders SET changed_at = now() - interval '1 hour'");
    this.sql("UPDATE pay.ticket SET issued_at = now() - interval '1 hour'");
    return (await this.report()).items;
  }

  // The same, once what the provider reported had its time, too.
  async reconciledTwice() {
    await this.reconciled();
    this.sql("UPDATE pay.psp_payment SET seen_at = now() - interval '1 hour'");
    return this.reconciled();
  }

  // Reconciliation reports nothing about this order.
  async assertAgreed(order) {
    assert.deepEqual((await this.reconciled()).filter((item) => item.order === order), []);
  }

  // All books agree on money, seats and orders; every saga has ended.
  async settle(timeoutMs = 60_000) {
    await until(
      'every saga to end',
      () => this.postgres.sql('SELECT count(*) FROM pay.saga WHERE state < 2', 'pay') === '0',
      { timeoutMs },
    );
    const orders = this.postgres.rows(
      `SELECT o.id, o.status, o.amount, o.hold, (SELECT count(*) FROM pay.ticket t
         WHERE t.order_id = o.id AND t.revoked_at IS NULL) AS tickets FROM pay.orders o`,
      'pay',
    );
    assert.ok(orders.length > 0, 'nothing to agree about: there is no order');
    for (const { id, status, amount, hold, tickets } of orders) {
      const intents = this.psp.of(id);
      const captured = intents.filter((intent) => intent.amount_received > 0);
      assert.ok(captured.length <= 1, `${id}: captured ${captured.length} times`);
      const kept = intents.reduce(
        (sum, intent) => sum + intent.amount_received - intent.latest_charge.amount_refunded,
        0,
      );
      const sold = this.seats.holds.get(hold).state === 'sold';
      assert.equal(kept, sold ? amount : 0, `${id} (${status}): kept ${kept}, sold ${sold}`);
      assert.equal(status === 'completed', sold, `${id} is ${status}, sold is ${sold}`);
      assert.ok(['sold', 'gone'].includes(this.seats.holds.get(hold).state), `${id}: seats still held`);
      for (const intent of intents.filter(({ amount_received }) => amount_received === 0)) {
        // A payment whose answer was lost and whose key was discarded has no buyer.
        if (intent.status === 'requires_capture') assert.fail(`${id}: money still reserved`);
      }
      assert.equal(tickets, status === 'completed' ? 2 : 0, `${id}: ${tickets} tickets`);
    }
    return orders;
  }
}
