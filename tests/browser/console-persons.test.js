// Operator accounts at the console: a token with a name and a role. The page offers what the role allows, and
// reports a refusal in the page's language.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openScope, until } from '../lib-js/index.js';
import { AUDIENCE, openIssuer } from '../lib-js/issuer.js';
import { makeEvent, openSite, startFront } from '../integration/queue-front/support.js';
import { clickFor, closeAfterEach, confirm, goFor, openBrowser, Operator } from './world.js';

const MANNERS = {
  'phone-ko-dark': { locale: 'ko-KR', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
  'desk-en': { locale: 'en-GB', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};
const ROLES = {
  ann: { email: 'ann.of.a.rather.long.name@staff.house.example', roles: ['admin'] },
  kim: { email: 'kim@house.example', roles: ['viewer'] },
  may: { roles: ['operator'], fairgate_events: ['hero-lim', 'show-*'] },
};

describe('operator accounts at the console', async () => {
  const scope = openScope(test);

  const issuer = await openIssuer(scope);
  const tokenOf = async (name) => (await issuer.login(name)).access_token;
  for (const [name, claims] of Object.entries(ROLES)) issuer.account(name, claims);
  const operators = { issuer: issuer.url, audience: AUDIENCE, keys: `${issuer.url}/jwks` };
  const site = await openSite(undefined, { scope, config: { operators } });
  const { front } = site;
  for (const id of ['hero-lim', 'show-1', 'show-2', 'other']) await makeEvent(site, id, { name: `The event ${id}` });
  const token = await tokenOf('kim');
  await until('the key to be there', async () => (await front.private.get('/admin/whoami', { token })).status === 200);
  const browser = await openBrowser(scope);
  closeAfterEach();
  const desk = { base: front.privatePort - 11, secret: (name) => site.secrets.read(name) };

  const last = async (id) => (await front.admin.get(`/admin/events/${id}/audit`)).json.audit[0];

  // A token with a name needs no other name.
  async function open(manner, { token, name = '', at = '' }) {
    const boss = await Operator.open(browser, desk, MANNERS[manner]);
    const { page } = boss;
    await page.goto(`${boss.at}/console${at}`);
    await page.fill('#token', token);
    if (name !== '') await page.fill('#operator', name);
    await page.keyboard.press('Enter');
    return boss;
  }

  for (const manner of Object.keys(MANNERS)) {
    const isKorean = manner.includes('ko');

    test(`an account acts under its own name, not under a typed one, ${manner}`, async () => {
      const boss = await open(manner, { token: await tokenOf('ann'), name: 'Night Shift', at: '#/events/other' });
      const { page } = boss;
      await page.click('#act-pause');
      await clickFor(page, '#act-resume', '#act-pause');
      assert.deepEqual([(await last('other')).what, (await last('other')).who], ['resume', ROLES.ann.email]);
      assert.match(await page.textContent('#whose'), isKorean ? /^로그인한 계정: ann\.of.*\(관리\)$/ : /^Signed in as ann\.of.*\(admin\)\.$/);
      await boss.judge(`persons-admin-${manner}`);
    });

    test(`a viewer is offered nothing that changes an event, ${manner}`, async () => {
      const boss = await open(manner, { token: await tokenOf('kim') });
      const { page } = boss;
      await page.locator('#events a[href="#/events/other"]').waitFor();
      assert.equal(await page.locator('#new-event').count(), 0);
      await clickFor(page, '#events a[href="#/events/other"]', '#controls', { hasText: isKorean ? '조회만 할 수 있습니다' : 'change nothing' });
      assert.equal(await page.locator('#controls button, #controls input').count(), 0);
      assert.equal(await page.isVisible('#endings'), false);
      await boss.judge(`persons-viewer-${manner}`);
      await page.click('#tabs a[href$="/message"]');
      await page.fill('#message-en', 'hello');
      await clickFor(page, '#send', '#notice:not(:empty)');
      assert.match(await page.textContent('#notice'), isKorean ? /권한이 없습니다/ : /Your role does not allow this/);
    });

    test(`a role for some events shows the console of these, ${manner}`, async () => {
      const boss = await open(manner, { token: await tokenOf('may') });
      const { page } = boss;
      await page.locator('#events a[href="#/events/hero-lim"]').waitFor();
      assert.equal(await page.locator('#events > li').count(), 1);
      assert.match(await page.textContent('#by-name'), /hero-lim, show-\*/);
      await boss.judge(`persons-limited-${manner}`);
      await page.fill('#open-id', 'show-1');
      await page.keyboard.press('Enter');
      await page.locator('h1', { hasText: 'The event show-1' }).waitFor();
      await page.locator('#verdict.fine').waitFor();
      await clickFor(page, '#act-pause', '#act-resume');
      assert.deepEqual([(await last('show-1')).what, (await last('show-1')).who], ['pause', 'may']);
      await clickFor(page, '#act-resume', '#act-pause');
      assert.equal(await page.textContent('#notice'), '');
      await goFor(page, `${boss.at}/console#/events/other`, '.drawn h2', { hasText: isKorean ? '권한이 없습니다' : 'Your role is not for this event' });
    });
  }

  // Answers what the payments do; integration/operators.test.js asks these themselves.
  test('a cancellation that the role may not make leaves the line open, and times are in the zone of the hall', async () => {
    const port = 18_099;
    const own = await startFront(site, { operators, console: { parts: `pay=http://localhost:${port}, seats=http://localhost:${port}` } });
    const base = own.privatePort - 11;
    const boss = await Operator.open(browser, { ...desk, base, listeners: [11, port - base] }, MANNERS['desk-en']);
    const { page } = boss;
    await page.route(`http://localhost:${port}/**`, (route) => {
      const isAct = route.request().method() === 'POST';
      const isKnown = /\/(doors|scanners|letters|mails|postponement|cancellation|show-2|document)$/.test(route.request().url());
      const headers = { 'access-control-allow-origin': boss.at, 'access-control-allow-headers': 'authorization, content-type' };
      const nothing = { at: null, entered: 0, inside: 0, conflicts: [], scanners: [], letters: [], mails: [], categories: [], time_zone: 'Asia/Seoul' };
      return route.fulfill({ headers, ...(isAct ? { status: 403, json: { code: 'operator-role-needed' } } : isKnown ? { json: nothing } : { status: 503, json: {} }) });
    });
    await page.goto(`${boss.at}/console#/events/show-2/doors`);
    await boss.signIn(await tokenOf('may'));
    await page.click('#cancel-event');
    await confirm(page, { input: 'show-2', why: 'the singer is ill' });
    await page.locator('#notice', { hasText: 'Your role does not allow this' }).waitFor();
    assert.equal((await front.admin.get('/admin/events/show-2')).json.state, 'open');
    await page.goto(`${boss.at}/console#/events/show-2/setup`);
    await page.waitForFunction(() => document.getElementById('setup-zone')?.value === 'Asia/Seoul'); // the hall's
  });

  test('the admin token needs a name; an expired token and an invalid one differ', async () => {
    const boss = await open('desk-en', { token: desk.secret('admin-token').trim() });
    const { page } = boss;
    const trouble = (words) => page.locator('#sign-in-trouble', { hasText: words }).waitFor();
    await trouble('bears no name');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'operator');
    await boss.judge('persons-no-name');
    const now = Math.floor(Date.now() / 1000);
    await page.fill('#token', issuer.forge({ roles: ['admin'], iat: now - 400, exp: now - 100 }));
    await page.keyboard.press('Enter');
    await trouble('has expired');
    await page.fill('#token', issuer.forge({ roles: ['admin'], aud: 'https://wiki.example' }));
    await page.keyboard.press('Enter');
    await trouble('not accepted');
    await page.fill('#token', issuer.forge({ roles: ['kitchen'] }));
    await page.keyboard.press('Enter');
    await trouble('does not allow');
  });
});
