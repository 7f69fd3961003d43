// world.js: visitors with a real browser, for the browser tests. Each visitor records what no page may
// do: violate its own policy, call a third party, throw.

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
const PICTURES = process.env.FAIRGATE_LOOKS === 'write'; // for people to look at; no test reads them
// FAIRGATE_SWEEP=FOLDER checks nothing: it saves a picture of each state there, at all sizes and in both
// colour schemes, for a review by eye.
const SWEEP = process.env.FAIRGATE_SWEEP;
const SHOTS = new URL('../../build/screens/', import.meta.url).pathname;
const WHOLE = process.env.FAIRGATE_SOAK === '1' || PICTURES || Boolean(SWEEP);

const ASKED_OF_AXE = { resultTypes: ['violations'] };

// A state can be checked in several ways, mostly sizes. `make test` takes half of them: every second one in Korean, the
// others in English, and the reverse for the next state. Together the two languages cover all ways of a state that is the
// n-th of both, and each language covers every way within two states. `make soak` takes all.
export const share = (ways, language, nth) => ways.filter((_, n) => WHOLE || (n + (language === 'ko' ? 0 : 1) + nth) % 2 === 0);

// Runs in the page. Returns what axe's result depends on: elements, visibility, colours, large letters (they need less
// contrast), link decoration, scrolling boxes. Positions, hidden styles and numbers are left out; of texts with numbers
// only their equality counts. Axe leaves empty style attributes behind; they count as absent.
function appearance() {
  const met = new Map();
  // These differ between runs: ports, order numbers, QR codes.
  const drawn = / d="[^"]*"|(?<=\/\/(?:localhost|127\.0\.0\.1)):\d+|\bo_[\w-]+/g;
  const nth = (whole) => {
    if (whole.startsWith('<style')) return whole; // its numbers are appearance
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
const judged = new Set(); // by this process, which runs one test file
const present = new Set(); // visitors with an open page
const kept = openVerdicts();

// FAIRGATE_BROWSER=firefox runs the tests in Firefox; `make soak` does so with the console's.
export async function openBrowser(scope) {
  if (process.env.FAIRGATE_BROWSER === 'firefox') return openFirefox(scope);
  mkdirSync(SHOTS, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell', args: FLAGS });
  scope.defer(() => browser.close());
  return browser;
}

// Debian's Firefox, which playwright drives by WebDriver BiDi.
export async function openFirefox(scope, colorScheme = 'light') {
  const firefoxUserPrefs = { 'layout.css.prefers-color-scheme.content-override': colorScheme === 'dark' ? 0 : 1 };
  const browser = await firefox.launch({ channel: 'moz-firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr', firefoxUserPrefs });
  // It rejects the command for media features, which playwright sends for each context and page.
  const session = Object.getPrototypeOf(browser._connection.toImpl(browser)._browserSession);
  const { send } = session;
  session.send = async function (method, params) { return method === 'emulation.setMediaFeaturesOverride' ? {} : send.call(this, method, params); };
  scope.defer(() => browser.close());
  return browser;
}

// Closes the visitors that a test opened, after each test of the suite.
export function closeAfterEach() {
  afterEach(async () => {
    for (const visitor of present) await visitor.close();
  });
}

// In Firefox playwright appends to a number field instead of replacing its value.
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
    this.states = 0; // checked so far
    this.keeps = true; // skip axe where an earlier run passed the same page
    const browser = page.context().browser();
    this.browser = browser.version();
    this.hasLook = browser.browserType() === chromium; // looks.list holds Chromium's figures only
    const hosts = ports.map((n) => `localhost:${stack.base + n}`); // the edge, the provider, the shop
    if (!this.hasLook) clearBefore(page);
    page.on('pageerror', ({ message }) => {
      if (!/CORS request did not succeed/.test(message)) this.wrong.push(`thrown: ${message}`); // Firefox, of a request that was cut
    });
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) this.wrong.push(message.text());
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && !hosts.includes(url.host)) this.wrong.push(`third party: ${url}`);
    });
  }

  // Delays the next changing request to this address, or all with this method. Returns the function that lets them go.
  async hold(url, method) {
    let [letGo, met] = [null, false];
    const gone = new Promise((resolve) => { letGo = resolve; });
    await this.page.route(url, async (route) => {
      const its = route.request().method();
      if (method ? its === method : !met && its !== 'GET') {
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

  // Returns all seats of the cart, which a phone collapses to one row.
  async giveBack() {
    const { page } = this;
    if (!await page.isVisible('#cart-back')) await page.click('#cart-open');
    await page.click('#cart-back');
  }

  // Waits until the map has stopped moving.
  stands() {
    return this.page.waitForFunction(() => !document.querySelector('[data-gliding]'));
  }

  // Shows the list's buttons for the seats of one row.
  async openRow(zone, row) {
    const { page } = this;
    await page.click('#show-list');
    await page.selectOption('#list-zone', String(zone));
    await page.selectOption('#list-row', String(row));
  }

  seat(n) {
    return this.page.locator('#list-seats button').nth(n);
  }

  // Waits until the waiting page shows one of these views.
  view(...views) {
    return this.page.locator(views.map((view) => `#line[data-view="${view}"]`).join(',')).waitFor();
  }

  // Makes the waiting page poll at once, unless an earlier poll is navigating away already.
  asks() {
    return this.page.evaluate(() => dispatchEvent(new Event('online'))).catch(({ message }) => assert.match(message, /context was destroyed/));
  }

  // Waits until the element's text matches.
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

  // Fails if the page violates WCAG 2.2 A or AA, or is wider than the screen.
  async judge(name, { axe = true } = {}) {
    if (SWEEP) { await this.sweep(name); return; }
    // Axe would judge colours in mid-transition. Waiting for transitions to end can hang when the size
    // changes meanwhile, so finish them.
    await this.page.evaluate(() => {
      for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish();
    });
    await this.stands();
    await this.picture(name);
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} px wider than the screen`);
    if (!axe) return;
    // Axe is the slowest step here. A page with the same appearance has the same result, in earlier runs as well; `make soak`
    // runs it anyway.
    const seen = await this.seenByAxe();
    if (judged.has(seen) || (this.keeps && !WHOLE && kept.has(seen))) return;
    if (!await this.page.evaluate(() => Boolean(globalThis.axe))) await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate((asked) => globalThis.axe.run(asked), ASKED_OF_AXE);
    const told = violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.html).join(' | ')}`);
    assert.deepEqual(told, [], name);
    if (await this.seenByAxe() !== seen) return; // the page changed while axe ran: the result belongs to neither state
    judged.add(seen);
    kept.add(seen);
  }

  async seenByAxe() {
    const page = await this.page.evaluate(appearance);
    return createHash('sha256').update(this.browser).update(AXE).update(JSON.stringify(ASKED_OF_AXE)).update(page).digest('hex');
  }

  // The ways to check the visitor's next state in.
  share(ways) {
    this.states += 1;
    return share(ways, this.language, this.states - 1);
  }

  async resize(size) {
    await this.page.setViewportSize(SIZES[size]);
    await this.page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
  }

  // Checks one state of a page at its share of `sizes`: axe, look, picture. Every size is set, checked or not, because a
  // map's position depends on the previous sizes.
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

  // Checks one state at its share of all sizes and of high contrast.
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
    const { page } = this;
    if (!page.isClosed()) await page.unrouteAll({ behavior: 'ignoreErrors' }); // one may be answering
    await page.context().close();
    assert.deepEqual(this.wrong, []);
  }
}

// Clicks, then waits for an element.
export async function clickFor(page, button, ...shown) {
  await page.click(button);
  await page.locator(...shown).waitFor();
}

export async function goFor(page, url, ...shown) {
  await page.goto(url);
  await page.locator(...shown).waitFor();
}

// Changes the JSON of each answer by what `change` returns for it. `target` is a page or its context.
export const alter = (target, url, change, options) => target.route(url, async (route) => {
  const response = await route.fetch();
  const json = await response.json();
  await route.fulfill({ response, json: { ...json, ...await change(json) } });
}, options);

export async function logIn(page, { login, password }) {
  await page.fill('#login-name', login);
  await page.fill('#login-password', password);
  await page.click('#login-form button');
}

// Pays at the provider, and waits for the completed order.
export async function payByCard(page) {
  await page.fill('[name=number]', '4242424242424242');
  await page.fill('[name=exp]', '12/34');
  await page.fill('[name=cvc]', '123');
  await page.click('main form button');
  await page.locator('main[data-status=completed]').waitFor({ timeout: 60_000 });
}

// From the cart to the completed order.
export async function buy(page, who) {
  await page.click('#cart-pay');
  await logIn(page, who);
  await page.click('#pay-button');
  await payByCard(page);
}

// Confirms the console's dialog; `input` is the word it wants typed.
export async function confirm(page, { input, why }) {
  if (input !== undefined) await page.fill('#confirm-input', input);
  await page.fill('#confirm-why', why);
  await page.click('#confirm-yes');
}

// An operator at the console, which may call the three private listeners only.
export class Operator extends Visitor {
  static async open(browser, stack, options) {
    const context = await browser.newContext({ deviceScaleFactor: 2, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const operator = new Operator(await context.newPage(), stack, stack.listeners ?? [0, 11, 12, 13]); // [0]: an event's picture
    operator.at = `http://localhost:${stack.base + 11}`;
    operator.language = options?.locale?.slice(0, 2);
    return operator;
  }

  // Opens the console at a location such as `#/events`.
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

// A visitor with a pass in the hall of a seat service that runs alone. The absent waiting room is a route that
// answers {}; `prepare` may change the page's routes before it opens.
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

// Clicks, and returns what the page saves: {name, text}. Playwright hears of no downloads of Debian's Firefox, which therefore
// returns what would be saved.
export async function downloaded(page, button) {
  if (page.context().browser().browserType() === chromium) {
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
    return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
  }
  return page.evaluate((its) => new Promise((resolve) => {
    let blob;
    const make = URL.createObjectURL;
    URL.createObjectURL = (made) => make.call(URL, blob = made);
    HTMLAnchorElement.prototype.click = async function save() { resolve({ name: this.download, text: await blob.text() }); };
    document.querySelector(its).click();
  }), button);
}

// The URL to which the provider sends a buyer who cancels.
export async function backOf(page) {
  const answer = await page.request.post(page.url(), { form: { decision: 'cancel' }, maxRedirects: 0 });
  return answer.headers().location;
}
