// top, report and doctor on a whole stack: piped and at a terminal, in good health and in bad; and
// questions at a terminal.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { client, openScope, openStack, programPath, serve, until } from '../../lib-js/index.js';
import { commandLine, done, EXIT, servicesOf } from './fairgate.js';

const scope = openScope(test);
const stack = await openStack(scope);
await stack.up();
const services = servicesOf(stack, { edge: `http://127.0.0.1:${stack.base}` });
const fairgate = commandLine(scope, services);

// The program on its own terminal: {text, type(keys), resize(columns), ended}. The surrounding shell prints the terminal's
// name and, afterwards, the exit status and the terminal's state; Ctrl-C reaches the shell, too.
function atTerminal(words) {
  const command = `trap : INT; stty cols 90 rows 20; tty; ${programPath('fairgate')} ${words.join(' ')}; echo "ended=$?"; stty -a`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, SHELL: '/bin/sh', FAIRGATE_PROFILES: fairgate.profiles, HOME: '/nonexistent', TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  scope.defer(() => child.kill('SIGKILL'));
  const terminal = { text: '', type: (keys) => child.stdin.write(keys) };
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text) => { terminal.text += text; });
  terminal.ended = new Promise((resolve) => { child.on('close', () => resolve(Number(/ended=(\d+)/.exec(terminal.text)[1]))); });
  terminal.resize = (columns) => execFileSync('stty', ['-F', /\/dev\/pts\/\d+/.exec(terminal.text)[0], 'cols', String(columns)]);
  return terminal;
}
const pictures = (text) => text.split('\u001b[H').slice(1);
const linesOf = (picture) => picture.split('\u001b[J')[0].replaceAll('\u001b[K', '').split(/\r*\n/);

test('piped, top writes a line a look that programs can read', async () => {
  // On a busy machine a service's database may be late for a moment.
  const stdout = await until('all parts', async () => {
    const said = done(await fairgate('top', 'demo', '--once')).stdout;
    return !said.includes('=away') && said;
  });
  assert.match(stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d event=demo state=open waiting=\d+ .* free=\d+ held=0 sold=0 completed=0 parked=0 line=ready seats=ready pay=ready\n$/);
  const { json } = await fairgate('top', 'demo', '--once', '--json');
  assert.deepEqual([json.line.events[0].id, json.hall.event, json.orders.event, json.ready], ['demo', 'demo', 'demo', { line: true, seats: true, pay: true }]);
  assert.match(done(await fairgate('top', '--once')).stdout, /^.* event=demo state=open/);
  assert.equal((await fairgate('top', 'nothing', '--once')).status, EXIT.refused);
  assert.equal((await fairgate('top', '--interval', '0')).status, EXIT.usage);
});

test('a stack writes a profile of itself', async () => {
  const { stdout } = done(await fairgate('events', '--names', '--profiles', join(stack.dir, 'fairgate.profiles')));
  assert.match(stdout, /^demo$/m);
});

test('at a terminal top draws over itself, follows the size of the window and leaves the terminal as it was', async () => {
  const top = atTerminal(['top', 'demo']);
  await until('a second picture', () => pictures(top.text).length >= 2);
  assert.match(top.text, /\u001b\[\?1049h/);
  const whole = /health {2}queue-front ready[^]*line {4}open {3}waiting 0[^]*seats {3}free \d+/;
  await until('one with all that is to be seen', () => pictures(top.text).slice(0, -1).some((one) => whole.test(linesOf(one).join('\n'))));
  top.resize(30);
  await until('a narrow picture', () => pictures(top.text).slice(0, -1).some((one) => linesOf(one).every((line) => line.length <= 30)));
  top.type('q');
  assert.equal(await top.ended, EXIT.done);
  assert.match(top.text, /\u001b\[\?25h\u001b\[\?1049l/);
  assert.match(top.text.split('ended=')[1], /[^-]icanon[^]*[^-]echo /);
});

test('a signal ends top as q does', async () => {
  const top = atTerminal(['top']);
  await until('a picture', () => pictures(top.text).length >= 1);
  top.type('\u0003');
  await top.ended;
  assert.match(top.text, /\u001b\[\?1049l/);
});

test('at a terminal a question is asked, and only yes is yes', async () => {
  done(await fairgate('create', 'asked', 'name=Asked'));
  done(await fairgate('open', 'asked', '--without', 'hall'));
  const state = async () => (await fairgate('show', 'asked', '--json')).json.state;
  const no = atTerminal(['close', 'asked']);
  await until('the question', () => /asked \(Asked\) is open\. There is no way back from closing\. Close it\? \[y\/N\]/.test(no.text));
  no.type('\n');
  assert.equal(await no.ended, EXIT.cancelled);
  assert.equal(await state(), 'open');
  const yes = atTerminal(['close', 'asked']);
  await until('the question', () => yes.text.includes('[y/N]'));
  yes.type('y\n');
  assert.equal(await yes.ended, EXIT.done);
  assert.equal(await state(), 'closed');
});

test('a report is one page, and the same as a document', async () => {
  done(await fairgate('rate', 'demo', '77', '--why', 'db hot'));
  const { stdout } = done(await fairgate('report', 'demo'));
  for (const part of ['The line, from', 'mean wait', 'The seats', 'sold      0 of', 'The orders', 'kept      0 KRW', 'What was changed', 'db hot'])
    assert.ok(stdout.includes(part), part);
  const { json } = await fairgate('report', 'demo', '--json');
  assert.equal(json.event.id, 'demo');
  assert.ok(json.changes.some(({ why }) => why === 'db hot'));
  assert.equal((await fairgate('report', 'nothing')).status, EXIT.refused);
});

test('doctor finds nothing wrong with a healthy stack', async () => {
  // On a busy machine an answer may be late in one look, and not in the next.
  await until('a look that finds nothing', async () => {
    const { stdout } = await fairgate('doctor');
    for (const part of ['queue-front is ready', 'the token opens all three', 'the clocks agree', 'all are version', 'is the one that the edge tells', 'no alert that one look can judge would fire'])
      assert.ok(stdout.includes(part), `${part}\n${stdout}`);
    const { status, json } = await fairgate('doctor', '--json');
    const bad = json.findings.filter(({ level }) => level === 'bad');
    assert.deepEqual(bad.filter(({ what }) => !what.startsWith('the disk of')), []); // that depends on this machine
    assert.equal(status, bad.length > 0 ? EXIT.refused : EXIT.done);
    assert.match(stdout, /^note {1,2}psp\.stripe_key holds a test key: no money moves\n {5}-> put the account's live key/m);
    return true;
  });
});

test('doctor finds a service that is away, a store that is away, a knob without sense, a wrong token, and says what to mend', async () => {
  const bad = async (run, ...patterns) => {
    const { status, stdout } = await run('doctor');
    assert.equal(status, EXIT.refused, stdout);
    for (const pattern of patterns) assert.match(stdout, pattern);
    assert.match(stdout, /^ {5}-> ./m);
  };
  await stack.without('payment-adapter', () => bad(fairgate, /^bad {2}payment-adapter cannot be reached/m));
  await until('it to be back', async () => (await fairgate('top', '--once')).stdout.includes('pay=ready'));
  await stack.without('queue-front', async () => {
    const { status, stdout } = await fairgate('top', '--once');
    assert.equal(status, EXIT.away);
    assert.match(stdout, /^\S+ \S+ event=- state=- .* line=away seats=ready pay=\w+\n$/);
  });
  await until('the line to be back', async () => (await fairgate('top', '--once')).stdout.includes('line=ready'));
  done(await fairgate('set', 'demo', 'rate_per_s=0'));
  await bad(fairgate, /^bad {2}demo calls nobody/m);
  done(await fairgate('set', 'demo', 'rate_per_s=10'));
  await stack.without('redis', () =>
    until('the line to know it', async () => /FairgateLineStale would fire/.test((await fairgate('doctor')).stdout)));
  const stranger = (...words) => fairgate(...words, { env: { FAIRGATE_TOKEN: 'x'.repeat(64) } });
  await bad(stranger, /^bad {2}queue-front refuses the token/m, /seat-service refuses/, /payment-adapter refuses/);
});

test('doctor finds a picture that is too large for a crowd, and one that is not there', async () => {
  done(await fairgate('create', 'poster', 'name=Poster', 'max_active=10'));
  const sizes = { '/fits.svg': 20_000, '/large.svg': 20_001 };
  const edge = await serve(scope, ({ url }, answer) => {
    if (!(url in sizes)) answer.writeHead(404);
    answer.end('x'.repeat(sizes[url] ?? 0));
  });
  const here = commandLine(scope, { ...services, profile: { edge: edge.url } });
  const told = async (picture) => {
    done(await fairgate('set', 'poster', `picture=${picture}`));
    return (await here('doctor', '--json')).json.findings.filter(({ what }) => /^poster: .*picture/.test(what)).map(({ level, what }) => `${level} ${what}`);
  };
  assert.deepEqual(await told('/fits.svg'), []);
  assert.deepEqual(await told('/none.svg'), ['note poster: the edge has no picture at /none.svg']);
  assert.deepEqual(await told('/large.svg'), ['bad poster: the picture /large.svg has 20001 bytes, of at most 20000']);
});

// ---- a test purchase ----

const TRIAL = 'fairgate-doctor';
const buyerFile = (name, { login, password }) => {
  const path = join(stack.dir, name);
  writeFileSync(path, `${login}\n${password}\n`, { mode: 0o600 });
  return path;
};
const [customer] = JSON.parse(stack.read('demo-users.json'));
const buyer = buyerFile('buyer', customer);
const statuses = async () => (await fairgate('orders', 'list', TRIAL, '--json')).json.orders.map(({ status }) => status);
const assertNothingLeft = async () => {
  assert.doesNotMatch((await fairgate('events', '--names')).stdout, new RegExp(TRIAL));
  await until('its seats to be free', async () => (await fairgate('halls', 'counts', TRIAL, '--json')).json.now.free === 8);
};

// A run that waits for a payment: {page, child, ended}.
async function untilPayable() {
  const child = spawn(programPath('fairgate'), ['doctor', '--buyer', buyer, '--pay'], { env: { ...process.env, FAIRGATE_PROFILES: fairgate.profiles, HOME: '/nonexistent' } });
  scope.defer(() => child.kill('SIGKILL'));
  let [said, shown] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
  child.stdout.setEncoding('utf8').on('data', (text) => { shown += text; });
  const ended = new Promise((resolve) => { child.on('close', () => resolve(shown)); });
  const page = new URL(await until('the payment page', () => {
    assert.equal(child.exitCode, null, said + shown);
    return /^Pay within .* at (\S+)$/m.exec(said)?.[1];
  }));
  return { child, ended, pay: () => client({ host: page.hostname, port: page.port }).post(page.pathname, { body: 'number=4242424242424242&exp=12%2F34&cvc=123', headers: { 'content-type': 'application/x-www-form-urlencoded' } }) };
}

test('doctor goes the way of a visitor up to the payment, and leaves nothing', async () => {
  for (let n = 0; n < 2; n += 1) {
    const { stdout } = await fairgate('doctor', '--buyer', buyer);
    assert.match(stdout, /^ok {3}a visitor can buy: line, seats, login and order work, and stripe has made a payment$/m);
    assert.doesNotMatch(stdout, /test purchase/);
    assert.deepEqual(await statuses(), Array(n + 1).fill('cancelled'));
    await assertNothingLeft();
  }
});

test('with --pay it waits for the payment, lets no second run in, and refunds it once the ticket is there', async () => {
  const run = await untilPayable();
  assert.match((await fairgate('doctor', '--buyer', buyer)).stdout, /^bad {2}the test purchase stops at its event: .*\n {5}-> another test purchase runs, or was cut off: fairgate close fairgate-doctor ends it$/m);
  await run.pay();
  const shown = await run.ended;
  assert.match(shown, /^ok {3}the payment came, the ticket is made, all is refunded\nok {3}the shop has all 2 messages of the test purchase$/m);
  assert.equal((await statuses())[0], 'refunded');
  await assertNothingLeft();
});

test('doctor names the part at which the test purchase stops, and the cure', async () => {
  const stops = async (at, file = buyer) => {
    const { status, stdout } = await fairgate('doctor', '--buyer', file);
    assert.equal(status, EXIT.refused);
    assert.match(stdout, new RegExp(`^bad {2}the test purchase stops at ${at}.*\n {5}-> .{20}`, 'm'));
    assert.doesNotMatch(stdout, /a visitor can buy/);
  };
  await stops('the login: the edge: ', buyerFile('stranger', { ...customer, password: 'another' }));
  await stack.without('edge', () => stops('the login: the edge cannot be reached'));
  await until('the edge to be back', async () => (await client({ port: stack.base }).get('/v1/queue/demo/status')).status === 200);
  await stack.without('psp-sandbox', () => stops('the provider: the order o_\\S+ is pending_payment'));
  await stack.without('seat-service', () => stops('its hall: seat-service cannot be reached'));
  await until('all parts to be back', async () => !(await fairgate('top', '--once')).stdout.includes('=away'));
  await assertNothingLeft();
  const open = await fairgate('doctor', '--buyer', join(stack.dir, 'nobody'));
  assert.match(open.stdout, /^bad {2}.*nobody.*\n {5}-> a file of mode 0600/m);
  assert.equal((await fairgate('doctor', '--pay')).status, EXIT.usage);
});

test('the next run cleans up after a killed one, once its event is closed', async () => {
  const cutOff = async () => {
    const run = await untilPayable();
    run.child.kill('SIGKILL');
    await run.ended;
    done(await fairgate('close', TRIAL, '--yes'));
    return run;
  };
  await cutOff();
  await (await cutOff()).pay();
  await until('the payment to be there', async () => (await statuses())[0] === 'completed');
  assert.equal((await statuses())[1], 'cancelled');
  assert.match(done(await fairgate('show', TRIAL)).stdout, /^state +closed$/m);
  assert.match((await fairgate('doctor', '--buyer', buyer)).stdout, /^ok {3}a visitor can buy/m);
  await until('the refund', async () => (await statuses())[1] === 'refunded');
  await assertNothingLeft();
});

// A service that answers each request with what `told` returns: a page, or an object for JSON.
async function standIn(told, headers = {}) {
  const server = await serve(scope, (request, response) => {
    const answer = told(request.url);
    const isText = typeof answer === 'string';
    response.sendDate = headers.date === undefined;
    response.writeHead(200, { 'content-type': isText ? 'text/plain' : 'application/json', ...headers });
    response.end(isText ? answer : JSON.stringify(answer));
  });
  return { privatePort: server.port };
}

test('doctor finds clocks that are apart and versions that differ', async () => {
  const figures = 'fairgate_build_info{program="payment-adapter",version="0.9.0"} 1\nfairgate_drift 3\nfairgate_bound_refused_total{bound="overloaded"} 2\nfairgate_psp_refused_us_total{provider="stripe"} 1\nfairgate_psp_refused_us_total{provider="toss"} 0\n';
  const pay = await standIn((path) => (path === '/metrics' ? figures : { ready: true }), { date: new Date(Date.now() - 3_600_000).toUTCString() });
  const mixed = commandLine(scope, { ...services, pay });
  const { status, stdout } = await mixed('doctor');
  assert.equal(status, EXIT.refused);
  assert.match(stdout, /^bad {2}the clock of payment-adapter is 3\d\d\d s behind$/m);
  assert.match(stdout, /^bad {2}payment-adapter is version 0\.9\.0, another is \d/m);
  assert.match(stdout, /^bad {2}FairgateDrift would fire: fairgate_drift is 3$/m);
  assert.match(stdout, /^note {1,2}payment-adapter has refused over a bound since it was started: bound="overloaded"$/m);
  assert.match(stdout, /^note {1,2}payment-adapter has been rejected by the provider since it was started: provider="stripe"$/m);
});

test('doctor names each setting that is not fit for a sale, with its cure; only what harms one sets the exit status', async () => {
  const key = { code: 'test-key', setting: 'psp.stripe_key', level: 'note', what: 'psp.stripe_key holds a test key', mend: 'put the live one' };
  const url = { code: 'placeholder', setting: 'web.public_url', level: 'bad', what: 'web.public_url leads to tickets.example', mend: 'write the real one' };
  let findings = [key];
  const pay = await standIn((path) => (path === '/admin/setup' ? { findings } : { ready: true }));
  const alone = commandLine(scope, { pay, tokenFile: services.tokenFile });
  const look = (...rest) => alone('doctor', ...rest);
  const fit = /^ok +the settings of payment-adapter are fit for a sale$/m;
  const trial = done(await look());
  assert.match(trial.stdout, /^note {1,2}psp\.stripe_key holds a test key\n {5}-> put the live one$/m);
  assert.doesNotMatch(trial.stdout, fit);
  findings = [key, url];
  const harmed = await look('--json');
  assert.equal(harmed.status, EXIT.refused);
  assert.deepEqual(harmed.json.findings.filter(({ level }) => level === 'bad'), [{ level: 'bad', what: url.what, mend: url.mend }]);
  findings = [];
  assert.match(done(await look()).stdout, fit);
  findings = undefined; // the answer of an older service
  assert.match(done(await look()).stdout, /^note {1,2}payment-adapter does not say whether its settings are fit for a sale$/m);
});
