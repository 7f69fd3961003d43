// The command line for the waiting room: events, knobs, moves, the trail, codes, the draw, and error messages.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { freePort, openForgetfulDisk, openScope, serve, until } from '../../lib-js/index.js';
import { selfSign } from '../certificate.js';
import { makeEvent, openSite, Visitor } from '../queue-front/support.js';
import { cells, commandLine, done, EXIT, refused } from './fairgate.js';

const scope = openScope(test);
const site = await openSite(null, { scope });
const fairgate = commandLine(scope, { queue: site.front, tokenFile: site.secrets.path('admin-token') });

const documentOf = async (event) => (await site.front.admin.get(`/admin/events/${event}`)).json;

test('an event is made, listed, shown, opened, changed, and all of it is on the trail with its reason', async () => {
  done(await fairgate('create', 'life', 'name=서울 콘서트', 'rate_per_s=5', '--why', 'spring sale'));
  done(await fairgate('open', 'life', '--why', 'doors'));
  await until('the list to show it', async () => (await fairgate('events')).stdout.includes('life'));
  const listed = cells(done(await fairgate('events')).stdout).find(([id]) => id === 'life');
  assert.deepEqual([listed[1], listed.at(-1)], ['open', '서울 콘서트']);
  assert.match((await fairgate('events', '--names')).stdout, /^life$/m);
  done(await fairgate('rate', 'life', '400', '--why', 'db hot: 데이터베이스 50%'));
  done(await fairgate('set', 'life', 'burst=30', 'message.ko=잠시만요', 'message.en=7'));
  const document = await documentOf('life');
  assert.deepEqual([document.rate_per_s, document.burst, document.message], [400, 30, { ko: '잠시만요', en: '7' }]);
  assert.match(done(await fairgate('show', 'life')).stdout, /^rate_per_s +400$/m);
  assert.deepEqual((await fairgate('show', 'life', '--json')).json, document);
  const trail = done(await fairgate('audit', 'life')).stdout;
  assert.match(trail, /line {3}admin token +db hot: 데이터베이스 50% +change \{"rate_per_s":5\} to \{"rate_per_s":400\}/);
  assert.match(trail, /spring sale +create/);
  assert.equal((await fairgate('audit', 'life', '--json')).json.line.audit.length, 4);
  assert.match(done(await fairgate('set', 'life', 'autopilot={"on":true,"ceiling":20}')).stdout, /The autopilot's rate is 20 a second\./);
});

test('audit and report have all pages of each trail', async () => {
  const entry = (what) => ['*', 'a', JSON.stringify({ who: 'kim', what, from: { event: what }, to: null, why: null }), 'v', '1'];
  for (let n = 0; n < 2100; n++) await site.redis.command('XADD', 'fg:{life}:audit', ...entry(`more-${n}`));
  for (let n = 0; n < 450; n++) await site.redis.command('XADD', '{fg:events}:audit', ...entry(`gone-${n}`));
  const { port: privatePort } = await serve(scope, ({ url }, answer) => {
    const below = Number(new URL(url, 'http://seats').searchParams.get('before') ?? 2101);
    const acts = Array.from({ length: Math.min(1000, below - 1) }, (_, n) => ({ id: below - 1 - n, at: '2026-01-01T00:00:00.000Z', act: 'blocked' }));
    answer.setHeader('Content-Type', 'application/json').end(JSON.stringify({ acts, ...(url.includes('limit') ? {} : { next: acts.at(-1).id > 1 ? acts.at(-1).id : null }) }));
  });
  const whole = commandLine(scope, { queue: site.front, seats: { privatePort }, pay: { privatePort }, tokenFile: site.secrets.path('admin-token') });
  const { line, seats, pay } = done(await whole('audit', 'life', '--json')).json;
  assert.deepEqual(line.audit.map(({ what }) => what).slice(0, 2100), Array.from({ length: 2100 }, (_, n) => `more-${2099 - n}`));
  for (const { acts } of [seats, pay]) assert.deepEqual(acts.map(({ id }) => id), Array.from({ length: 2100 }, (_, n) => 2100 - n));
  assert.deepEqual([seats.next, done(await whole('report', 'life', '--json')).json.changes.length], [null, line.audit.length + 4200]);
  const deleted = done(await fairgate('audit', '--json')).json.line.audit.map(({ from }) => from.event);
  assert.deepEqual(deleted, Array.from({ length: 450 }, (_, n) => `gone-${449 - n}`), 'line-save asks for it');
});

test('every move of the line is a command', async () => {
  done(await fairgate('create', 'moves', 'name=Moves'));
  const steps = [['open', 'open'], ['pause', 'paused'], ['resume', 'open'], ['freeze', 'frozen'], ['unfreeze', 'open'], ['undo', 'frozen'], ['undo', 'open']];
  for (const [verb, state] of steps) {
    const { stdout } = done(await fairgate(verb, 'moves'));
    assert.match(stdout, new RegExp(`It is ${state} now, version \\d+\\.`), verb);
  }
  done(await fairgate('sold-out', 'moves', '--yes'));
  done(await fairgate('close', 'moves', '--yes', '--why', 'over'));
  assert.equal((await documentOf('moves')).state, 'closed');
  refused(await fairgate('open', 'moves'), EXIT.refused, /illegal-transition/);
});

test('an irreversible command needs a confirmation or --yes', async () => {
  await makeEvent(site, 'asked', { name: 'Asked' });
  refused(await fairgate('close', 'asked'), EXIT.usage, /asked \(Asked\) is open\. There is no way back from closing\..*say --yes/);
  assert.equal((await documentOf('asked')).state, 'open');
});

test('--if-version refuses a change of another version', async () => {
  await makeEvent(site, 'versions', { name: 'Versions' });
  const { version } = await documentOf('versions');
  done(await fairgate('rate', 'versions', '20', '--if-version', String(version)));
  refused(await fairgate('rate', 'versions', '30', '--if-version', String(version)), EXIT.changed, /version-mismatch/);
  assert.equal((await documentOf('versions')).rate_per_s, 20);
  refused(await fairgate('create', 'versions', 'name=Again'), EXIT.changed, /version-mismatch/);
  // What nobody can read can still be replaced.
  await site.redis.command('HSET', 'fg:{versions}:cfg', 'doc', '<html>', 'digest', 'by-hand');
  await site.redis.command('HINCRBY', 'fg:{versions}:cfg', 'version', 1);
  const shut = async () => (await fairgate('events', '--json')).json.events.find(({ id }) => id === 'versions');
  await until('it to be shut', async () => (await shut()).shut === 'document-unreadable');
  done(await fairgate('create', 'versions', '--if-version', String((await shut()).version), 'name=Again'));
  assert.equal((await documentOf('versions')).name, 'Again');
});

test('a refusal is a sentence with its code, and with --json the problem as it came', async () => {
  await makeEvent(site, 'wrong', { name: 'Wrong' });
  refused(await fairgate('set', 'wrong', 'burst=0'), EXIT.refused, /\/burst must be .* \(knob-invalid\)$/m);
  const answer = await fairgate('set', 'wrong', 'burst=0', '--json');
  assert.deepEqual([answer.status, answer.json.code, answer.json.pointer], [EXIT.refused, 'knob-invalid', '/burst']);
  refused(await fairgate('show', 'nothing'), EXIT.refused, /event-unknown/);
  refused(await fairgate('rate', 'wrong', 'fast'), EXIT.usage, /a number is wanted/);
  refused(await fairgate('set', 'wrong', 'burst'), EXIT.usage, /KNOB=VALUE/);
  refused(await fairgate('set', 'wrong', 'burst=5', 'message.ko=a', 'burst=6'), EXIT.usage, /burst is there twice/);
  refused(await fairgate('show', '../../healthz'), EXIT.refused, /./);
});

test('a wrong token, none, and a service that is not there are told apart by the exit code', async () => {
  refused(await fairgate('events', { env: { FAIRGATE_TOKEN: 'not-the-token-at-all' } }), EXIT.token, /admin-token-required/);
  const nothing = commandLine(scope, { queue: site.front });
  refused(await nothing('events'), EXIT.token, /no token/);
  const away = commandLine(scope, { queue: { privatePort: await freePort() }, tokenFile: site.secrets.path('admin-token') });
  refused(await away('rate', 'life', '1'), EXIT.away, /queue-front cannot be reached/);
  refused(await away('halls', 'list'), EXIT.usage, /the profile does not say where seat-service is/);
  refused(await fairgate('events', '--profile', 'live'), EXIT.usage, /no profile \[live\]/);
});

test('audit shows the trails that came, and names a service that is not there', async () => {
  const row = { at: '2026-01-01T00:00:00.000Z', act: 'blocked', reason: 'a camera' };
  const { port: privatePort } = await serve(scope, (_, answer) => answer.setHeader('Content-Type', 'application/json').end(JSON.stringify({ acts: [row] })));
  const services = { queue: site.front, seats: { privatePort }, tokenFile: site.secrets.path('admin-token') };
  const half = commandLine(scope, { ...services, pay: { privatePort: await freePort() } });
  assert.match(refused(await half('audit', 'life'), EXIT.away, /payment-adapter cannot be reached/).stdout, /spring sale[^]*a camera/);
  assert.match(done(await commandLine(scope, services)('audit', 'no-line')).stdout, /a camera/);
  assert.equal(refused(await fairgate('audit', 'no-line'), EXIT.refused, /event-unknown/).stdout, '');
});

test('an answer that never came leaves the outcome open, and says so', async () => {
  const server = await serve(scope, (request) => request.resume().on('end', () => request.socket.destroy()));
  const broken = commandLine(scope, { queue: { privatePort: server.port }, tokenFile: site.secrets.path('admin-token') });
  refused(await broken('rate', 'life', '1'), EXIT.unknown, /whether it happened is not known/);
  const read = refused(await broken('events'), EXIT.unknown, /gave no answer/);
  assert.doesNotMatch(read.stderr, /whether it happened/);
});

test('an answer cannot control the terminal, and the token is never printed', async () => {
  const token = site.secrets.read('admin-token');
  const server = await serve(scope, (request, response) => {
    response.writeHead(409, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ status: 409, code: 'evil', detail: '\u001b[2J\u009b31m\u202eowned' }));
  });
  const evil = commandLine(scope, { queue: { privatePort: server.port }, tokenFile: site.secrets.path('admin-token') });
  const { stdout, stderr } = refused(await evil('events'), EXIT.refused, /\\x1B\[2J\\u009B31m\\u202Eowned \(evil\)/);
  assert.doesNotMatch(`${stdout}${stderr}`, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  assert.ok(!`${stdout}${stderr}`.includes(token));
});

test('over TLS only who is certified by the profile is given the token', async () => {
  const dir = scope.tempDir('tls-');
  const [key, cert] = [join(dir, 'key'), join(dir, 'cert')];
  selfSign(key, cert);
  let asked = 0;
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    asked += 1;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"events":[]}');
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  scope.defer(() => server.close());
  const profile = { queue: `https://127.0.0.1:${server.address().port}` };
  const options = { tokenFile: site.secrets.path('admin-token') };
  refused(await commandLine(scope, { ...options, profile })('events'), EXIT.away, /certificate/i);
  assert.equal(asked, 0);
  done(await commandLine(scope, { ...options, profile: { ...profile, ca_file: cert } })('events'));
  assert.equal(asked, 1);
});

test('no redirect is followed, so the token goes nowhere else', async () => {
  let asked = 0;
  const other = await serve(scope, (request, response) => { asked += 1; response.end(); });
  const server = await serve(scope, (request, response) => response.writeHead(307, { location: `${other.url}/` }).end());
  const led = commandLine(scope, { queue: { privatePort: server.port }, tokenFile: site.secrets.path('admin-token') });
  refused(await led('events'), EXIT.refused, /answered 307/);
  assert.equal(asked, 0);
});

test('codes are loaded from a file a thousand at a time, counted and dropped', async () => {
  await makeEvent(site, 'codes', { name: 'Codes' });
  const file = join(scope.tempDir('codes-'), 'codes');
  writeFileSync(file, `${Array.from({ length: 1001 }, (_, i) => `CODE-${i}`).join('\r\n')}\n\n`);
  assert.deepEqual(cells(done(await fairgate('codes', 'load', 'codes', file, '--uses', '2')).stdout), [['general', '-', '1001', '2002', '0']]);
  done(await fairgate('codes', 'load', 'codes', '-', { input: 'CODE-X\n' }));
  assert.deepEqual(cells((await fairgate('codes', 'list', 'codes')).stdout), [['general', '-', '1002', '2003', '0']]);
  refused(await fairgate('codes', 'load', 'codes', '-'), EXIT.usage, /no code/);
  refused(await fairgate('codes', 'load', 'codes', '/nowhere'), EXIT.usage, /nowhere/);
  refused(await fairgate('codes', 'drop', 'codes'), EXIT.usage, /--yes/);
  done(await fairgate('codes', 'drop', 'codes', '--yes'));
  assert.deepEqual((await fairgate('codes', 'list', 'codes', '--json')).json.codes, []);
});

test('invitations, an appeal, a preview, the series and the knobs are printed', async () => {
  await makeEvent(site, 'told', { name: 'Told', rate_per_s: 0, lanes: [{ id: 'fans', name: 'Fans', share: 30, invitations: 3 }] });
  assert.equal(cells(done(await fairgate('invitations', 'told', 'fans', '--limit', '2')).stdout).length, 2);
  const { invitations: [{ code }] } = (await site.front.admin.get('/admin/events/told/lanes/fans/invitations')).json;
  await new Visitor(site.front, 'told').joined({ headers: { 'x-invitation': code } });
  await until('top to count a lane', async () => / event=told .* waiting=1 /.test(done(await fairgate('top', 'told', '--once')).stdout));
  const { live } = (await site.front.admin.get('/admin/events?id=told')).json.events[0];
  assert.deepEqual([live.issued, live.waiting, live.general.issued, live.lanes[0].issued], [1, 1, 0, 1]);
  assert.equal((await fairgate('report', 'told', '--json')).json.line.joined, 1);
  assert.match(done(await fairgate('report', 'told')).stdout, /joined {4}1\n[^]*of the general line alone:\n {2}longest/);
  refused(await fairgate('invitations', 'told', 'press'), EXIT.refused, /lane-unknown/);
  refused(await fairgate('appeal', 'told', 'AAAA-AAAA'), EXIT.refused, /reference-unknown/);
  assert.match(done(await fairgate('preview', 'told', '--rate', '7')).stdout, /^rate_per_s +7$/m);
  assert.match(done(await fairgate('series', 'told')).stdout, /^AT +WAITING/);
  assert.ok(cells(done(await fairgate('knobs')).stdout).some(([name]) => name === 'max_active'));
  refused(await fairgate('seats-left', 'told', '5'), EXIT.refused, /seats-feed-off/);
  done(await fairgate('set', 'told', 'seats_left=true'));
  done(await fairgate('seats-left', 'told', '5'));
});

test('a draw is held by command and judged by the same one', async () => {
  done(await fairgate('create', 'lot', 'name=Lot', `prequeue_at=${new Date(Date.now() - 1000).toISOString()}`, `opens_at=${new Date(Date.now() + 3_600_000).toISOString()}`));
  done(await fairgate('schedule', 'lot'));
  await until('the pre-queue', async () => (await documentOf('lot')).state === 'pre-queue');
  refused(await fairgate('fairness', 'lot', '--verify'), EXIT.refused, /^$/);
  refused(await fairgate('draw', 'lot'), EXIT.usage, /no way back from a draw/);
  done(await fairgate('draw', 'lot', '--yes'));
  await until('the draw to be seen', async () => (await fairgate('fairness', 'lot', '--json')).json.drawn);
  const judged = done(await fairgate('fairness', 'lot', '--verify'));
  assert.match(judged.stdout, /event +lot/);
  refused(await fairgate('fairness', 'lot', '--verify', '--commitment', '0'.repeat(64)), EXIT.refused, /^/);
});

test('an event is archived, deleted, and made again from its archive', async () => {
  await makeEvent(site, 'gone', { name: 'Gone' });
  await makeEvent(site, 'past');
  done(await fairgate('close', 'past', '--yes'));
  const file = join(scope.tempDir('archive-'), 'gone.ndjson');
  refused(await fairgate('archive', 'gone', file), EXIT.refused, /event-not-closed/);
  assert.deepEqual(readdirSync(dirname(file)), []);
  done(await fairgate('close', 'gone', '--yes'));
  refused(await fairgate('delete', 'gone', '--yes'), EXIT.refused, /event-not-archived/);
  writeFileSync(`${file}.part`, 'of an archive that was cut short');
  const disk = await openForgetfulDisk(scope);
  for (const path of [file, join(disk.dir, 'gone.ndjson')]) done(await fairgate('archive', 'gone', path, '--why', 'over'));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  disk.cut();
  disk.powerOn();
  assert.match(readFileSync(join(disk.dir, 'gone.ndjson'), 'utf8'), /\n\{"parts":\d+,.*\}\n$/, 'the event may be deleted now');
  assert.equal(JSON.parse(readFileSync(file, 'utf8').split('\n')[0]).event, 'gone');
  done(await fairgate('delete', 'gone', '--yes', '--why', 'tidy'));
  assert.match(done(await fairgate('audit')).stdout, /tidy/);
  refused(await fairgate('show', 'gone'), EXIT.refused, /event-unknown/);
  await until('the id to be free again', async () => (await fairgate('restore', 'gone', file)).status === EXIT.done);
  await until('it to be known again', async () => (await documentOf('gone')).state === 'closed');
  await until('it to be among what is over', async () => /gone/.test((await fairgate('ended', '--search', 'gone')).stdout));
  await until('the other one, too', async () => /past/.test((await fairgate('ended')).stdout));
  const first = done(await fairgate('ended', '--limit', '1')).stdout;
  const [, below] = /\nThe next page: --below (\d+)\n$/.exec(first);
  assert.notEqual(cells(done(await fairgate('ended', '--limit', '1', '--below', below)).stdout)[0][0], cells(first)[0][0]);
});

test('doctor names an event whose knobs cannot be read, and metrics that it did not get', async () => {
  const front = await serve(scope, ({ url }, answer) => {
    const status = { '/admin/events': 200, '/admin/events/gone': 404 }[url] ?? 500;
    answer.setHeader('Content-Type', 'application/json').writeHead(status).end('{"events":[{"id":"torn"},{"id":"gone"}]}');
  });
  const { findings } = (await commandLine(scope, { queue: { privatePort: front.port }, tokenFile: site.secrets.path('admin-token') })('doctor', '--json')).json;
  const said = findings.map(({ level, what }) => `${level} ${what}`).join('\n');
  assert.match(said, /^bad torn: queue-front does not show its knobs \(500\)$/m);
  assert.doesNotMatch(said, /^bad gone|^ok (the knobs of each event make sense|no alert that one look)/m);
});
