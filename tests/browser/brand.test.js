// An operator's name, logo and colours on the pages of all three services, and a language that is one
// file. Each text of that language is marked, so a text that no operator could translate is found.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openScope, openStack } from '../lib-js/index.js';
import { backOf, clickFor, closeAfterEach, customer, goFor, openBrowser, Operator, payByCard, SIZES, Visitor } from './world.js';

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 50"><rect width="200" height="50" rx="8" fill="#7a1fa2"/></svg>';
const COLOURS = { light: '#7a1fa2', dark: '#d9a6f5' };
const SERVICES = { 'queue-front': 'queue-front/web/text.en', 'seat-service': 'seat-service/web/text.en', 'payment-adapter': 'payment-adapter/web/text.en' };
const CONSOLE = { console: 'web/console/console.en' };
// Values from the event, the hall, the customer or the program have no translation. The browser writes
// times, zones and names of languages in the reader's language.
const DATA = String.raw`World Tour at the Harbour Stadium|Harbour Stadium, Incheon|Seoul Arts|English|한국어|Fantasie|Autre|Deutsch|français|\((Englisch|Koreanisch|Französisch)\)|Gate [A-Z]|\b(Lower|Club|Upper) \d+|Level \d|\b(VIP|[RSAB]|demo)\b|\b[ot]_[\w-]+|\b[0-9A-Z]{2}-[0-9A-Z]{3}-[0-9A-Z]{3}\b|\b[0-9a-f]{64}\b|[\d-]+T[\d:.]+Z|http://localhost:\d+|\bUTC\b|\d\s(Tsd|Mio|Mrd)\.|${hostname().replaceAll('.', '[.]')}:\d+`;

function language(name, files) {
  const sections = Object.entries(files).map(([service, path]) => {
    const english = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    return `[${service}]\n${english.replace(/^([a-z][^\s=]*) *= *(.*)$/gm, (_, key, text) => `${key} = ${key === 'language.name' ? name : `«${text}»`}`)}`;
  });
  return sections.join('\n');
}

// Runs in the page: finds texts with letters outside of any mark.
function unmarked(data) {
  const found = [];
  const look = (text, element) => {
    let rest = text;
    while (/«[^«»]*»/.test(rest)) rest = rest.replace(/«[^«»]*»/g, ''); // marks are nested
    rest = rest.replace(new RegExp(data, 'g'), '').trim();
    if (/\p{L}/u.test(rest)) found.push([rest, element.outerHTML.slice(0, 120)]);
  };
  look(document.title, document.querySelector('title'));
  for (const element of document.body.querySelectorAll('*')) {
    if (['SCRIPT', 'STYLE', 'NOSCRIPT', 'TIME'].includes(element.tagName) || !element.checkVisibility() || element.closest('#runbook, #runbook-section')) continue; // the runbook has its own languages
    const around = element.closest('#called-text'); // a sentence with a time inside
    if (around) {
      look(around.textContent, around);
      continue;
    }
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
      if (element.hasAttribute(name)) look(element.getAttribute(name), element);
    }
    for (const node of element.childNodes) if (node.nodeType === 3) look(node.data, element);
  }
  return found;
}

describe('brand', async () => {
  const scope = openScope(test);

  const texts = join(scope.tempDir('brand-'), 'texts');
  mkdirSync(texts);
  writeFileSync(`${texts}/de.txt`, language('Fantasie', { ...SERVICES, ...CONSOLE }));
  writeFileSync(`${texts}/fr.txt`, language('Autre', SERVICES));
  writeFileSync(`${texts}/../logo.svg`, LOGO);
  const stack = await openStack(scope, {
    env: {
      FAIRGATE_BRAND_NAME: 'Seoul Arts',
      FAIRGATE_BRAND_LOGO: join(texts, '../logo.svg'),
      FAIRGATE_BRAND_COLOUR: COLOURS.light,
      FAIRGATE_BRAND_DARK_COLOUR: COLOURS.dark,
      FAIRGATE_BRAND_TEXTS: texts,
    },
  });
  await stack.up();
  const browser = await openBrowser(scope);
  closeAfterEach();

  // A page in the operator's language, with their logo and colour.
  async function read(visitor, where) {
    const { page } = visitor;
    assert.equal(await page.getAttribute('html', 'lang'), 'de', where);
    assert.deepEqual(await page.evaluate(unmarked, DATA), [], where);
    await visitor.judge(`brand-${where}`);
  }

  async function readOfVisitors(visitor, where) {
    await visitor.page.mouse.move(0, 0); // an element under the pointer has its hover colour
    await read(visitor, where);
    const { page } = visitor;
    const logo = page.getByRole('img', { name: 'Seoul Arts' });
    const { width, height } = await logo.boundingBox();
    assert.ok(width > 60 && height > 15 && height < 60, `${where}: a logo of ${width} x ${height}`);
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--signal').trim()), visitor.colour, where);
  }

  for (const colorScheme of ['light', 'dark']) {
    test(`every word of the line, the hall and the checkout is the operator's, ${colorScheme}`, async () => {
      const visitor = await Visitor.open(browser, stack, { locale: 'de-DE', colorScheme });
      visitor.colour = COLOURS[colorScheme];
      const { page } = visitor;
      const who = customer(stack, colorScheme === 'light' ? 0 : 1);
      await page.goto(`${visitor.at}/e/demo`);
      await readOfVisitors(visitor, 'join');
      await page.click('#join button');
      await page.locator('#pass button').waitFor({ timeout: 60_000 });
      await readOfVisitors(visitor, 'called');
      await page.click('#pass button');
      await visitor.ready();
      await read(visitor, 'hall');
      await page.click('#show-list');
      await read(visitor, 'list');
      await visitor.takeBest(2);
      await readOfVisitors(visitor, 'held');
      await clickFor(page, '#cart-pay', '#login-form');
      await page.fill('#login-name', who.login);
      await page.fill('#login-password', `${who.password}x`);
      await clickFor(page, '#login-form button', '#notice:not(:empty)');
      await readOfVisitors(visitor, 'login');
      await page.fill('#login-password', who.password);
      await clickFor(page, '#login-form button', '#pay-button');
      await readOfVisitors(visitor, 'checkout');
      await page.click('#pay-button');
      await page.waitForURL(`http://localhost:${stack.base + 4}/pay/**`);
      await goFor(page, await backOf(page), '#pay-link');
      await readOfVisitors(visitor, 'pending');
      await page.click('#pay-link');
      await payByCard(page);
      await readOfVisitors(visitor, 'completed');
      await page.click('a[href^="/pay/tickets/"]');
      await page.locator('.ticket svg').first().waitFor();
      await read(visitor, 'tickets');
    });
  }

  test('the console is in that language too; texts missing from the file are English', async () => {
    const operator = await Operator.open(browser, stack, { locale: 'de-DE', viewport: SIZES.desktop });
    const { page } = operator;
    await page.goto(`${operator.at}/console`);
    await read(operator, 'sign-in');
    await operator.signIn();
    await page.locator('#tabs, table, .card').first().waitFor();
    await clickFor(page, '#events a[href="#/events/demo"]', '#tabs');
    const views = await page.locator('#tabs a').evaluateAll((all) => all.map((one) => one.hash.split('/').at(-1)));
    assert.ok(views.length >= 7, String(views));
    for (const view of views) {
      await operator.view(view);
      await page.locator('#tabs + * > *').first().waitFor();
      await read(operator, `console-${view}`);
    }
    await operator.view('message');
    await page.fill('#message-fr', 'Bientôt'); // messages may use any language of the pages
    for (const [view, its] of [['events', '#events'], ['orders', 'main h1'], ['parts', 'main h1']]) {
      await clickFor(page, `#menu a[href="#/${view}"]`, its);
      await read(operator, `console-${view}`);
    }
    await operator.close();
    const other = await Operator.open(browser, stack, { locale: 'fr-FR' });
    await other.page.goto(`${other.at}/console`);
    assert.equal(await other.page.getAttribute('html', 'lang'), 'en');
    assert.deepEqual(await other.page.locator('#languages a').allTextContents(), ['English', '한국어', 'Fantasie']);
  });
});
