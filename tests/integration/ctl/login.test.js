// fairgate login, logout, whoami: persons and machines of an OpenID Connect issuer.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openScope, programPath, serve, until } from '../../lib-js/index.js';
import { AUDIENCE, CLIENT, MACHINE, openIssuer } from '../../lib-js/issuer.js';
import { makeEvent, openSite } from '../queue-front/support.js';
import { commandLine, done, EXIT, refused } from './fairgate.js';

const scope = openScope(test);

// A person on their own machine, with a login file.
function person(more = {}) {
  const file = join(scope.tempDir('login-'), 'kept', 'login');
  const profile = { issuer: issuer.url, client_id: CLIENT, audience: AUDIENCE, login_file: file, ...more };
  const run = commandLine(scope, { queue: site.front, profile });
  return { run, file, kept: () => JSON.parse(readFileSync(file, 'utf8')) };
}

async function loggedIn(account, { run }) {
  const before_ = issuer.asked.length;
  const login = run('login');
  await issuer.approve(await until('a code', () => issuer.asked[before_]), account);
  return done(await login);
}

// Makes the token look expired to the program only.
const runOut = ({ file, kept }) => writeFileSync(file, JSON.stringify({ ...kept(), expires_at: 1 }), { mode: 0o600 });
const issuer = await openIssuer(scope);
issuer.account('lee', { email: 'lee@house.example', roles: ['viewer', 'operator:hero-*'] });
issuer.account('kim', { email: 'kim@house.example', roles: ['operator:hero-*'] });
issuer.account(MACHINE.id, { roles: ['operator'] });
const site = await openSite(undefined, { scope, config: { operators: { issuer: issuer.url, audience: AUDIENCE, keys: `${issuer.url}/jwks` } } });
for (const id of ['hero-lim', 'other']) await makeEvent(site, id);

test('an operator logs in by a code, acts by their role and logs out', async () => {
  const lee = person();
  refused(await lee.run('whoami'), EXIT.token, /nobody is logged in: fairgate login/);
  const login = await loggedIn('lee', lee);
  assert.equal(login.stdout, 'logged in\n');
  assert.match(login.stderr, /open http:\/\/127\.0\.0\.1:\d+\/device\?user_code=[A-Z-]+\n.*code [A-Z]{4}-[A-Z]{4}\n/);
  assert.equal(statSync(lee.file).mode & 0o777, 0o600);
  assert.equal(statSync(join(lee.file, '..')).mode & 0o777, 0o700);

  const who = await until('the issuer\'s keys', async () => {
    const answer = await lee.run('whoami', '--json');
    return answer.status === EXIT.done && answer.json;
  });
  assert.deepEqual([who.by, who.name, who.role], ['issuer', 'lee@house.example', 'operator']);
  assert.match(done(await lee.run('whoami')).stdout, /^name +lee@house\.example$/m);
  done(await lee.run('rate', 'hero-lim', '7', '--why', 'as lee'));
  refused(await lee.run('rate', 'other', '7'), EXIT.token, /operator-event-refused/);
  assert.equal((await site.front.admin.get('/admin/events/hero-lim/audit')).json.audit[0].who, 'lee@house.example');

  const { refresh_token: token, access_token: access } = lee.kept();
  for (const secret of [token, access]) assert.ok(!`${login.stdout}${login.stderr}`.includes(secret));
  assert.equal(done(await lee.run('logout')).stdout, 'logged out\n');
  assert.ok(!existsSync(lee.file));
  assert.equal((await issuer.post('/token', { client_id: CLIENT, grant_type: 'refresh_token', refresh_token: token })).error, 'invalid_grant');
  refused(await lee.run('logout'), EXIT.usage, /nobody is logged in/);
});

test('a role for some events is enough for top, and no fault to doctor', async () => {
  const kim = person();
  await loggedIn('kim', kim);
  const { stdout } = await until('the issuer\'s keys', async () => {
    const answer = await kim.run('top', 'hero-lim', '--once');
    return answer.status !== EXIT.token && answer;
  });
  assert.match(stdout, / event=hero-lim state=open /);
  refused(await kim.run('top', 'other', '--once'), EXIT.token, /operator-event-refused/);
  assert.match((await kim.run('doctor')).stdout, /^note {1,2}the token is for some events only: queue-front does not list all$/m);
});

test('an issuer that missed a logout is named, and no other sees the token', async () => {
  let asked = 0;
  const other = await serve(scope, (request, answer) => {
    asked += 1;
    answer.end('{}');
  });
  for (const [where, why] of [['http://127.0.0.1:1', /cannot be reached/], [other.url, /of another issuer/]]) {
    const lee = person();
    await loggedIn('lee', lee);
    const kept = lee.kept();
    if (where !== other.url) writeFileSync(lee.file, JSON.stringify({ ...kept, issuer: where }), { mode: 0o600 });
    const out = done(await commandLine(scope, { queue: site.front, profile: { issuer: where, client_id: CLIENT, audience: AUDIENCE, login_file: lee.file } })('logout'));
    assert.equal(out.stdout, 'logged out\n');
    assert.match(out.stderr, /logged out here only, the token may be good until it runs out/);
    assert.match(out.stderr, why);
    assert.ok(!out.stderr.includes(kept.refresh_token));
    assert.ok(!existsSync(lee.file));
  }
  assert.equal(asked, 0);
});

test('an expired token is refreshed once for concurrent commands', async () => {
  const lee = person();
  await loggedIn('lee', lee);
  const first = lee.kept();
  runOut(lee);
  // The issuer accepts a refresh token once, and ends the login if it is used twice.
  for (const answer of await Promise.all([1, 2, 3, 4].map(() => lee.run('whoami')))) done(answer);
  assert.notEqual(lee.kept().refresh_token, first.refresh_token);
  assert.ok(lee.kept().expires_at > first.expires_at - 60);

  await issuer.post('/token/revocation', { client_id: CLIENT, token: lee.kept().refresh_token });
  runOut(lee);
  refused(await lee.run('whoami'), EXIT.token, /the login is over \(invalid_grant\): fairgate login/);
});

test('a live picture goes on with the token of a renewed login', async () => {
  const shown = new Set();
  const front = await serve(scope, ({ headers }, answer) => {
    shown.add(headers.authorization);
    answer.setHeader('Content-Type', 'application/json').end('{"events":[{"id":"hero-lim"}]}');
  });
  const file = join(scope.tempDir('login-'), 'login');
  const keep = (token) => writeFileSync(file, JSON.stringify({ issuer: issuer.url, access_token: token, expires_at: 4e9 }), { mode: 0o600 });
  keep('first');
  const { profiles } = commandLine(scope, { queue: { privatePort: front.port }, profile: { issuer: issuer.url, client_id: CLIENT, login_file: file } });
  scope.spawn('top', [programPath('fairgate'), '--profiles', profiles, 'top', 'hero-lim'], { stays: true });
  await until('a look', () => shown.has('Bearer first'));
  keep('second');
  await until('a look with the newer token', () => shown.has('Bearer second'));
});

test('an ID token that is sent is refreshed by its own end', async () => {
  const lee = person();
  issuer.format = 'opaque';
  await loggedIn('lee', lee);
  issuer.format = 'jwt';
  const { id_token: shown, expires_at: end } = lee.kept();
  assert.ok(Math.abs(end - JSON.parse(Buffer.from(shown.split('.')[1], 'base64url')).exp) <= 1);
});

test('somebody who says no is not logged in', async () => {
  const lee = person();
  const before_ = issuer.asked.length;
  const login = lee.run('login');
  await issuer.deny(await until('a code', () => issuer.asked[before_]));
  refused(await login, EXIT.token, /access_denied/);
  assert.ok(!existsSync(lee.file));
});

test('a machine logs in by its secret, and again by itself after expiry', async () => {
  const secret = join(scope.tempDir('machine-'), 'secret');
  writeFileSync(secret, `${MACHINE.secret}\n`, { mode: 0o600 });
  const nightly = person({ client_id: MACHINE.id, client_secret_file: secret, scope: 'fairgate' });
  assert.deepEqual(done(await nightly.run('login', '--client-credentials', '--json')).json, { state: 'logged in' });
  assert.equal(done(await nightly.run('whoami', '--json')).json.name, MACHINE.id);
  const { access_token: first } = nightly.kept();
  runOut(nightly);
  done(await nightly.run('rate', 'other', '9'));
  assert.notEqual(nightly.kept().access_token, first);
  writeFileSync(secret, 'another\n', { mode: 0o600 });
  refused(await nightly.run('login', '--client-credentials'), EXIT.token, /the issuer refuses the client: invalid_client/);
});

test('a missing, plain HTTP, misnamed or unreachable issuer is refused', async () => {
  refused(await person({ issuer: '' }).run('login'), EXIT.usage, /names no issuer/);
  refused(await person({ issuer: 'http://id.example' }).run('login'), EXIT.usage, /https:/);
  refused(await person({ issuer: `${issuer.url}/` }).run('login'), EXIT.token, /another name/);
  refused(await person({ issuer: 'http://127.0.0.1:1' }).run('login'), EXIT.away, /cannot be reached/);
});
