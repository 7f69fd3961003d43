// Mails in the form that looks like the pages, each kind in both languages and schemes, on a phone and in a
// mail program (one of these in `make test`): by axe and by its look. They have the plain form's text and load nothing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openWorld } from '../integration/payment-adapter/lib/world.js';
import { formsOf } from '../integration/payment-adapter/lib/fakes.js';
import { openScope, until } from '../lib-js/index.js';
import { openLooks } from './look.js';
import { closeAfterEach, openBrowser, Visitor } from './world.js';

const MANNERS = { ko: { locale: 'ko-KR' }, en: { locale: 'en-GB', colorScheme: 'dark' } };
const WIDTHS = { phone: 360, program: 700 };

describe('mails', async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'mail');

  const [world, browser] = await Promise.all([
    openWorld(scope, { brand: { name: 'Seoul Arts', colour: '#ffe14d' }, links: { support: 'mailto:help@shop.example' } }),
    openBrowser(scope),
  ]);
  closeAfterEach();

  // A paid order with fees and VAT, and its mails of all kinds.
  async function mailsOf(lang) {
    const buyer = await world.login(lang === 'ko' ? 'bcrypt@example.com' : 'argon2id@example.com');
    const visit = world.hold();
    Object.assign(world.seats.holds.get(visit.hold), { fees: 2_000, vat: 14_182, vat_basis_points: 1_000 });
    const { order } = (await world.order(buyer, visit)).json;
    await until('the payment to exist', () => world.psp.of(order).length > 0);
    await world.paid(buyer, order);
    const also = ['failed', 'refunded', 'revoked', 'moved-1', 'renewed-1'];
    world.postgres.sql(`INSERT INTO pay.mail_outbox (order_id, member, kind, lang) SELECT '${order}', '${buyer.member}', kind, '${lang}' FROM unnest('{${also}}'::text[]) kind`, 'pay');
    const mails = {};
    for (const kind of ['completed', ...also])
      mails[kind] = formsOf(await until(`a mail ${kind}`, () => world.smtp.mails.find(({ text }) => text.includes(`<${order}.${kind}@`))));
    return mails;
  }

  for (const [lang, options] of Object.entries(MANNERS)) {
    test(`each kind, ${lang}`, async () => {
      const mails = await mailsOf(lang);
      const visitor = await Visitor.open(browser, { base: 0 }, { deviceScaleFactor: 1, ...options });
      const { page } = visitor;
      const asked = [];
      page.on('request', (request) => asked.push(request.url()));
      for (const [kind, { text, html }] of Object.entries(mails)) {
        await page.setContent(html);
        const its = visitor.share(Object.keys(WIDTHS));
        for (const [name, width] of Object.entries(WIDTHS)) {
          if (!its.includes(name)) {
            looks.leave(`mail-${kind}-${lang}-${name}`);
            continue;
          }
          await page.setViewportSize({ width, height: 800 });
          await visitor.judge(`mail-${kind}-${lang}-${name}`);
          await looks.see(page, `mail-${kind}-${lang}-${name}`, { not: ['.number'] });
        }
        const shown = await page.evaluate(() => document.body.innerText.replace(/\s+/g, ' '));
        for (const line of text.split('\n').filter(Boolean)) {
          for (const part of line.replace(/^- /, '').replace(/\s+/g, ' ').split(/: (?=\S)/)) assert.ok(shown.includes(part), `${kind}: ${part}`);
        }
        assert.equal(await page.getAttribute('a.act', 'href'), /https?:\/\/\S+/.exec(text)[0]);
      }
      assert.deepEqual(asked, [], 'nothing is fetched');
    });
  }
});
