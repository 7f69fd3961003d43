// world.js: what the browser tests need: the whole stack, and visitors with a real browser. A visitor
// notes what no page may do: break its own policy, ask a third party, throw.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach } from 'node:test';
import { chromium, firefox } from 'playwright-core';
import { openVerdicts } from './verdicts.js';

const FLAGS = '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --enable-unsafe-swiftshader'.split(' ');
export const SIZES = { phone: { width: 360, height: 740 }, tablet: { width: 768, height: 1024 }, desktop: { width: 1280, height: 800 } };
const PHONE = SIZES.phone;
const PATIENCE_MS = 60_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PICTURES = process.env.FAIRGATE_LOOKS === 'write'; // for people to look at; nothing is judged by them
// FAIRGATE_SWEEP=FOLDER checks nothing: it saves a picture of each state at all sizes and in both schemes
// there, for a review by eye.
const SWEEP = process.env.FAIRGATE_SWEEP;
const SHOTS = new URL('../../build/screens/', import.meta.url).pathname;
const WHOLE = process.env.FAIRGATE_SOAK === '1' || PICTURES || Boolean(SWEEP);

const ASKED_OF_AXE = { resultTypes: ['violations'] };

// Of all ways in which a state is looked at (sizes, mostly) those that `make test` takes: in Korean every second one, in
// English the others, and in the next state the other way round. So a state that tests of both languages come to as their
// n-th is looked at in all of its ways, each in one of the two; one that a single language comes to, in half of them. A
// language meets each way within two such states, one after the other; a state that has one way only, in one language.
// `make soak` looks at all.
export const share = (ways, language, nth) => ways.filter((_, n) => WHOLE || (n + (language === 'ko' ? 0 : 1) + nth) % 2 === 0);

// The features of a page that axe's result depends on: elements, visibility, colours, large letters (they need less
// contrast), the marks of links, scrolling boxes. Not positions, hidden styles or numbers: only which texts with numbers
// are equal. An empty style attribute, as axe leaves it, counts as no attribute. Runs in the page.
function appearance() {
  const met = new Map();
  // Differs between runs: ports, names of orders, QR codes.
  const drawn = / d="[^"]*"|(?<=\/\/(?:localhost|127\.0\.0\.1)):\d+|\bo_[\w-]+/g;
  const nth = (whole) => {
    if (whole.startsWith('<style')) return whole; // whose numbers are looks
    const text = whole.replace(/\b[0-9a-f]{16,}\b/g, '0');
    if (!/\d/.test(text)) return text;
    if (!met.has(text)) met.set(text, met.size);
    return text.replace(/\d+/g, `#${met.get(text)}`);
  };
  const read = /<style\b[^]*?(?=<\/style)|>[^<]*(?=<)| (?:aria-label|aria-valuenow|aria-valuetext|title|datetime|width|height)="[^"]*"/g;
  const page = document.documentElement.outerHTML.replace(/ (?:style=""|class="[^"]*")/g, '').replace(drawn, '').replace(read, nth);
  const words = [page, String(matchMedia('(forced-colors: active)').matches)];
  for (const element of document.querySelectorAll('*')) {
    if (!element.checkVisibility()) {
      words.push('unseen');
      continue;
    }
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const large = Number.parseFloat(style.fontSize) >= (Number(style.fontWeight) >= 700 ? 18.66 : 24);
    const scrolls = /auto|scroll/.test(style.overflow) && (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight);
    words.push([style.display.startsWith('inline'), style.visibility, style.color, style.backgroundColor, style.backgroundImage, style.opacity, large, style.textShadow, style.position,
      style.textDecorationLine, style.borderStyle, style.borderWidth, style.fontWeight, style.fontStyle,
      box.width > 0 && box.height > 0, scrolls, String(element.value).replace(drawn, ''), element.checked].join());
  }
  return words.join('\n');
}
const judged = new Set(); // of each process: a test file
const present = new Set(); // visitors with an open page
const kept = openVerdicts();

export async function openBrowser(scope) {
  mkdirSync(SHOTS, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell', args: FLAGS });
  scope.defer(() => browser.close());
  return browser;
}

// Debian's own, which playwright drives by WebDriver BiDi.
export async function openFirefox(scope, colorScheme = 'light') {
  const firefoxUserPrefs = { 'layout.css.prefers-color-scheme.content-override': colorScheme === 'dark' ? 0 : 1 };
  const browser = await firefox.launch({ channel: 'moz-firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr', firefoxUserPrefs });
  // It knows no media features, which playwright would set for each context.
  const session = browser._connection.toImpl(browser)._browserSession;
  const send = session.send.bind(session);
  session.send = async (method, params) => (method === 'emulation.setMediaFeaturesOverride' ? {} : send(method, params));
  scope.defer(() => browser.close());
  return browser;
}

// In a suite: visitors that a test has opened are closed after it.
export function closeAfterEach() {
  afterEach(async () => {
    for (const visitor of present) await visitor.close();
  });
}

// What playwright types into a number there stands behind what the field has.
function clearBefore(page) {
  const fill = page.fill.bind(page);
  page.fill = async (selector, value) => {
    await page.locator(selector).evaluate((field) => { if (field.type === 'number') field.value = ''; });
    return fill(selector, value);
  };
}

export class Visitor {
  static async open(browser, stack, { locale = 'ko-KR', colorScheme = 'light', viewport = PHONE, ...rest } = {}) {
    const context = await browser.newContext({ locale, colorScheme, viewport, deviceScaleFactor: 2, ...rest });
    context.setDefaultTimeout(PATIENCE_MS);
    const visitor = new Visitor(await context.newPage(), stack);
    visitor.scripted = rest.javaScriptEnabled !== false;
    visitor.language = locale.slice(0, 2);
    return visitor;
  }

  constructor(page, stack, ports = [0, 4, 5]) {
    present.add(this);
    this.page = page;
    this.stack = stack;
    this.at = `http://localhost:${stack.base}`;
    this.wrong = [];
    this.states = 0; // as many as were looked at
    this.keeps = true; // what axe said of a page in another run
    const browser = page.context().browser();
    this.browser = browser.version();
    this.hasLook = browser.browserType() === chromium; // the list is of one browser
    const hosts = ports.map((n) => `localhost:${stack.base + n}`); // the edge, the provider, the shop
    if (!this.hasLook) clearBefore(page);
    page.on('pageerror', (error) => this.wrong.push(`thrown: ${error.message}`));
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) this.wrong.push(message.text());
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && !hosts.includes(url.host)) this.wrong.push(`third party: ${url}`);
    });
  }

  // The next change at this address stays on its way until it is let go. -> let go
  async hold(url) {
    let [letGo, met] = [null, false];
    const gone = new Promise((resolve) => { letGo = resolve; });
    await this.page.route(url, async (route) => {
      if (!met && route.request().method() !== 'GET') {
        met = true;
        await gone;
      }
      return route.fallback();
    });
    return letGo;
  }

  // Through the line, into the hall.
  async enter(event = 'demo') {
    const { page } = this;
    await page.goto(`${this.at}/e/${event}`);
    await page.click('#join button');
    await page.locator('#pass button').click({ timeout: 60_000 });
    await page.waitForURL(`**/seats/${event}`);
    await this.ready();
  }

  ready() {
    return this.page.locator('#hall[data-ready]').waitFor({ timeout: 60_000 });
  }

  async takeBest(quantity = 2) {
    const { page } = this;
    await page.click('#best summary');
    await page.selectOption('#best-quantity', String(quantity));
    await page.click('#best-form button');
    await page.locator('#proposals .main').first().click();
    await page.locator('#cart-seats li').nth(quantity - 1).waitFor({ state: 'attached' });
    await this.stands();
  }

  // All seats of the cart, which a phone shows as one row until it is pressed.
  async giveBack() {
    const { page } = this;
    if (!await page.isVisible('#cart-back')) await page.click('#cart-open');
    await page.click('#cart-back');
  }

  // The map has come to where it was going.
  stands() {
    return this.page.waitForFunction(() => !document.querySelector('[data-gliding]'));
  }

  // The list's button of one seat, there for as long as its row is chosen.
  async openRow(zone, row) {
    const { page } = this;
    await page.click('#show-list');
    await page.selectOption('#list-zone', String(zone));
    await page.selectOption('#list-row', String(row));
  }

  seat(n) {
    return this.page.locator('#list-seats button').nth(n);
  }

  // Until the waiting page shows one of these views.
  view(...views) {
    return this.page.locator(views.map((view) => `#line[data-view="${view}"]`).join(',')).waitFor();
  }

  // Until the element's text matches.
  shows(id, pattern) {
    return this.page.waitForFunction(([its, source, flags]) => new RegExp(source, flags).test(document.getElementById(its).textContent), [id, pattern.source, pattern.flags]);
  }

  async picture(name) {
    if (PICTURES) await this.page.screenshot({ path: `${SHOTS}${name}.png`, fullPage: true });
  }

  async sweep(name) {
    const { page } = this;
    const state = name.replace(/-(phone|tablet|desktop|contrast|\d+)$/, '');
    if (existsSync(`${SWEEP}/${state}-1280-light.png`)) return;
    mkdirSync(SWEEP, { recursive: true });
    const before = page.viewportSize();
    for (const viewport of Object.values(SIZES)) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ['dark', 'light']) {
        await page.emulateMedia({ colorScheme });
        await page.evaluate(() => new Promise((drawn) => { setTimeout(drawn, 250); }));
        await page.screenshot({ path: `${SWEEP}/${state}-${viewport.width}-${colorScheme}.png`, fullPage: true, scale: 'css' });
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) appendFileSync(`${SWEEP}/wide.txt`, `${state} at ${viewport.width}: ${wide} px too wide\n`);
    }
    await page.setViewportSize(before);
    await page.emulateMedia({ colorScheme: null });
  }

  // No violation of WCAG 2.2 A and AA.
  async judge(name, { axe = true } = {}) {
    if (SWEEP) { await this.sweep(name); return; }
    // Colours that are still on their way would be judged as they are. To wait for their end has hung
    // where the size changed meanwhile.
    await this.page.evaluate(() => {
      for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish();
    });
    await this.stands();
    await this.picture(name);
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} px wider than the screen`);
    if (!axe) return;
    // Axe takes longer than all else here; of a page that is to it what another one was it says the same, in another run too
    // (`make soak` asks it again).
    const seen = await this.seenByAxe();
    if (judged.has(seen) || (this.keeps && !WHOLE && kept.has(seen))) return;
    if (!await this.page.evaluate(() => Boolean(globalThis.axe))) await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate((asked) => globalThis.axe.run(asked), ASKED_OF_AXE);
    const told = violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.html).join(' | ')}`);
    assert.deepEqual(told, [], name);
    if (await this.seenByAxe() !== seen) return; // it changed meanwhile: what axe has seen of it nobody knows
    judged.add(seen);
    kept.add(seen);
  }

  async seenByAxe() {
    const page = await this.page.evaluate(appearance);
    return createHash('sha256').update(this.browser).update(AXE).update(JSON.stringify(ASKED_OF_AXE)).update(page).digest('hex');
  }

  // The share of the next state.
  share(ways) {
    this.states += 1;
    return share(ways, this.language, this.states - 1);
  }

  async resize(size) {
    await this.page.setViewportSize(SIZES[size]);
    await this.page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
  }

  // One state of a page at its share of `sizes`: by axe, by its look and in a picture. It comes to each of them, for how a
  // map stands hangs on the sizes before.
  async inspect(looks, name, sizes, how, its = this.share(sizes)) {
    for (const size of sizes) {
      await this.resize(size);
      if (!its.includes(size)) {
        looks.leave(`${name}-${size}`);
        continue;
      }
      await this.judge(`${looks.name}-${name}-${size}`);
      await looks.see(this.page, `${name}-${size}`, how);
    }
  }

  // At its share of all sizes, and of high contrast.
  async survey(looks, name, how) {
    const { page } = this;
    if (!this.hasLook) {
      await this.judge(`${looks.name}-${name}`);
      return;
    }
    const before = page.viewportSize();
    const its = this.share([...Object.keys(SIZES), 'contrast']);
    await this.inspect(looks, name, Object.keys(SIZES), how, its);
    await page.setViewportSize(before);
    if (!its.includes('contrast')) return;
    await page.emulateMedia({ contrast: 'more' });
    await this.judge(`${looks.name}-${name}-contrast`);
    await page.emulateMedia({ contrast: null });
  }

  async close() {
    present.delete(this);
    await this.page.context().close();
    assert.deepEqual(this.wrong, []);
  }
}

// Clicks, and waits for what that shows.
export async function clickFor(page, button, ...shown) {
  await page.click(button);
  await page.locator(...shown).waitFor();
}

export async function goFor(page, url, ...shown) {
  await page.goto(url);
  await page.locator(...shown).waitFor();
}

export async function logIn(page, { login, password }) {
  await page.fill('#login-name', login);
  await page.fill('#login-password', password);
  await page.click('#login-form button');
}

// At the provider, and back to the order.
export async function payByCard(page) {
  await page.fill('[name=number]', '4242424242424242');
  await page.fill('[name=exp]', '12/34');
  await page.fill('[name=cvc]', '123');
  await page.click('main form button');
  await page.locator('main[data-status=completed]').waitFor({ timeout: 60_000 });
}

// Answers the console's question; `input` is what has to be typed out.
export async function confirm(page, { input, why }) {
  if (input !== undefined) await page.fill('#confirm-input', input);
  await page.fill('#confirm-why', why);
  await page.click('#confirm-yes');
}

// Somebody at the console, which calls the three private listeners and nobody else.
export class Operator extends Visitor {
  static async open(browser, stack, options) {
    const context = await browser.newContext({ deviceScaleFactor: 2, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const operator = new Operator(await context.newPage(), stack, stack.listeners ?? [11, 12, 13]);
    operator.at = `http://localhost:${stack.base + 11}`;
    operator.language = options?.locale?.slice(0, 2);
    return operator;
  }

  // At a place of the console, as `#/events`.
  static async signedIn(browser, stack, options, at = '') {
    const operator = await Operator.open(browser, stack, options);
    await operator.signInAt(at);
    return operator;
  }

  async signInAt(at = '') {
    await this.page.goto(`${this.at}/console${at}`);
    await this.signIn();
  }

  async signIn(token = this.stack.secret('admin-token')) {
    await this.page.fill('#token', token);
    await this.page.fill('#operator', 'Night Shift');
    await this.page.click('#sign-in button');
  }

  async view(name) {
    await this.page.click(`#tabs a[href$="/${name}"]`);
    await this.page.locator(`#tabs a[href$="/${name}"][aria-current]`).waitFor();
  }
}

export function customer(stack, n) {
  return JSON.parse(readFileSync(`${stack.dir}/demo-users.json`, 'utf8'))[n];
}

// A visitor who came through the line, in an event's hall at a seat service alone. `prepare` is done to the
// page before it is opened. The waiting room, which isn't there, answers everything with {}, unless
// `prepare` says otherwise.
export async function enterHall(browser, seats, event, { prepare = async () => {}, query = '', ...options } = {}) {
  const guest = await Visitor.open(browser, { base: seats.port }, { deviceScaleFactor: 1, locale: 'en-GB', ...options });
  const { page } = guest;
  const at = `http://localhost:${seats.port}`;
  await page.context().addCookies([{ name: `fg_pass_${event}`, value: seats.office.pass(event), url: `${at}/` }]);
  await page.route('**/v1/queue/**', (route) => route.fulfill({ json: {} }));
  await prepare(page);
  await page.goto(`${at}/seats/${event}${query}`);
  await guest.ready();
  return guest;
}

// Where the provider's page leads a buyer who does not pay.
export async function backOf(page) {
  const answer = await page.request.post(page.url(), { form: { decision: 'cancel' }, maxRedirects: 0 });
  return answer.headers().location;
}
