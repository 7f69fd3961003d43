// `fairgate feed`: the waiting room knows how many seats are free, by a token that opens nothing else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, openScope, programPath, until } from '../../lib-js/index.js';
import { makeEvent, openSite } from '../queue-front/support.js';
import { hall, importHall, openPostgres, openSeats, operator } from '../seat-service/site.js';
import { commandLine, done, EXIT, refused } from './fairgate.js';

const EVENT = 'show';
const scope = openScope(test);
const token = 'the-token-of-the-feed-0123456789';
const tokenFile = join(scope.tempDir('feed-'), 'feed-token');
writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
const config = { private: { feed_token_file: tokenFile } };
const site = await openSite(null, { scope, config });
const seats = await openSeats(scope, await openPostgres(scope), { config });
await importHall(seats, EVENT, hall({ limits: { max_per_buyer: 4 } }));
await makeEvent(site, EVENT, { seats_left: true });
await makeEvent(site, 'other');
await makeEvent(site, 'without-hall', { seats_left: true });
const fairgate = commandLine(scope, { queue: site.front, seats, tokenFile });

const block = async (...names) => assert.equal((await operator(seats, EVENT).block({ seats: names, reason: 'camera' })).status, 200);
const left = async (event = EVENT) => (await site.front.admin.get(`/admin/events?id=${event}`)).json.events[0].live.seats_left;

test('a round reports free seats for the events that ask for them', async () => {
  await block('r1s1', 'r1s2');
  const free = async () => (await seats.admin.get(`/admin/events/${EVENT}/counts`)).json.now.free;
  await until('the seats to count', async () => (await free()) === 98);
  done(await fairgate('feed', '--once'));
  await until('the line to have it', async () => (await left()) === 98);
  assert.equal(await left('other'), null);
});

test('a metric has the time of the last round for each such event', async () => {
  const page = async () => (await site.front.private.call('GET', '/metrics')).text;
  const fed = async (event = EVENT) => Number(new RegExp(`^fairgate_line_seats_fed_seconds\\{event="${event}"\\} (\\d+)$`, 'm').exec(await page())[1]);
  const before = await fed();
  await until('another second', () => Math.floor(Date.now() / 1000) > before);
  assert.equal(await fed(), before);
  done(await fairgate('feed', '--once'));
  await until('the figure of this round', async () => (await fed()) > before);
  assert.equal(await fed('other'), 0);
});

// judges: roles
test('its token opens nothing else, and no other token is needed', async () => {
  const may = [[site.front, 'GET', '/admin/events'], [site.front, 'PUT', `/admin/events/${EVENT}/seats-left`], [seats, 'GET', `/admin/events/${EVENT}`], [seats, 'GET', `/admin/events/${EVENT}/counts`]];
  const mayNot = [
    [site.front, 'GET', `/admin/events/${EVENT}`], [site.front, 'PATCH', `/admin/events/${EVENT}`], [site.front, 'GET', '/admin/whoami'], [site.front, 'GET', '/admin/knobs'],
    [site.front, 'PUT', '/log/level'], [site.front, 'POST', '/internal/sessions/x/end'], [site.front, 'DELETE', `/admin/events/${EVENT}`],
    [seats, 'GET', '/admin/events'], [seats, 'GET', `/admin/events/${EVENT}/export`], [seats, 'GET', `/admin/events/${EVENT}/document`], [seats, 'POST', `/admin/events/${EVENT}/block`],
  ];
  const ask = ([service, method, path]) => service.private.call(method, path, { token, ...(method === 'GET' || method === 'DELETE' ? {} : { body: { seats_left: 7 } }) });
  for (const call of may) assert.ok((await ask(call)).status < 300, call.join(' '));
  for (const call of mayNot) assertProblem(await ask(call), 403, 'operator-role-needed');
});

test('it says once that it gets no answer, goes on when there is one, and ends when it is asked to', async (t) => {
  const child = spawn(programPath('fairgate'), ['--profiles', fairgate.profiles, '--timeout', '120', 'feed', '--interval', '1'], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (text) => { said += text; });
  await block('r1s3');
  await until('the line to have it', async () => (await left()) === 97, { timeoutMs: 60_000 });
  await site.front.kill();
  await until('it to say so', () => said.length > 0, { timeoutMs: 60_000 });
  await site.front.start();
  await until('it to go on', () => said.endsWith('the waiting room knows again how many seats are free\n'), { timeoutMs: 60_000 });
  assert.equal(said.split('\n').length, 3, said);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a token that is refused ends it, so that its next start reads the new one', async () => {
  const other = join(scope.tempDir('feed-'), 'feed-token');
  writeFileSync(other, 'another-token-0123456789\n', { mode: 0o600 });
  refused(await commandLine(scope, { queue: site.front, seats, tokenFile: other })('feed'), EXIT.token, /admin-token-required/);
});
