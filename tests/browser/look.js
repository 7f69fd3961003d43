// look.js: how a page looks, written down so that another machine with other fonts sees the same.
//
// A picture differs with every font; what makes a page look right or broken does not: which parts
// are there, in which order, how wide they are, how far apart, how large their letters. That is what
// a look is: a line for each heading, control, fact, bar and box that is seen, kept as JSON beside the
// tests. Distances are compared, not heights from the top, so one paragraph that breaks differently
// does not move all that follows. Colours are kept as contrast, so a theme may change, not fade.
//
//   const looks = openLooks('waiting');               // tests/browser/looks/waiting.json
//   await looks.see(page, 'called-ko-phone');          // compares, or throws and says what differs
//   await looks.see(page, 'hall-ko-phone', { drawn: '#map', few: ['#list-seats li'] });
//
// Of what is drawn on a canvas, `drawn` keeps the mean colour of each field of a coarse grid. Of a list
// whose length is luck, `few` keeps the first entry only; what comes by luck at all, `not` leaves
// out. Where texts of a luck's length stand everywhere, `across` keeps no heights and no distances
// downwards.
//
// `leave` names a look that another run looks at (world.js, `share`).
//
// FAIRGATE_LOOKS=write records what is seen: look at the pictures, then at the diff, and commit it.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const WRITE = process.env.FAIRGATE_LOOKS === 'write';
const SWEEP = Boolean(process.env.FAIRGATE_SWEEP); // pictures are taken, nothing is compared (world.js)
const PARTS = 'header, main, h1, h2, h3, p, dl > div, dd, button, a.button, input, select, textarea, progress, summary, svg, canvas, img, li, table, footer, dialog, section, [role]';
// Of what is compared, how much may differ: in pixels, or as a share of the larger one.
const ALLOWED = { x: [6, 0.02], w: [6, 0.03], h: [28, 0.2], gap: [14, 0], font: [1, 0], contrast: [0.6, 0.1] };
// Text decides how wide these are: their width and where the centred ones begin is the font's matter.
const FITTED = { x: [40, 0.15], w: [30, 0.35] };

const GRID = [12, 9];
const SHADES = 40; // of 255, by which a field may differ
const FIELDS = 0.06; // share of the fields that may differ more: letters, in another font

// Runs in the page.
function measure({ parts, few, not }) {
  const linear = (channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const full = colour.startsWith('color(') ? 1 : 255; // what was mixed is told in parts of one
    const [r, g, b] = colour.match(/[\d.]+/g).map((n) => linear(Number(n) / full));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== 'transparent' && !/[,/] 0\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const contrast = (element) => {
    const [a, b] = [light(getComputedStyle(element).color), light(paper(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish(); // as it will be
  let bottom = 0;
  const rows = [];
  for (const element of document.querySelectorAll(parts)) {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (box.width < 2 || box.height < 2 || !element.checkVisibility({ visibilityProperty: true }) || element.closest(['.unseen', ...not].join())) continue;
    const top = box.top + scrollY;
    if (few.some((list) => element.closest(list)?.previousElementSibling?.matches(list))) {
      bottom = Math.max(bottom, top + box.height);
      continue;
    }
    const fitted = /inline|flex/.test(style.display) || style.float !== 'none' || ['DD', 'BUTTON', 'A'].includes(element.tagName) || (element.tagName === 'svg' && Boolean(element.closest('button, label, a')));
    const row = {
      is: element.tagName.toLowerCase() + (element.id ? `#${element.id.replace(/-t_.+$/, '')}` : ''), // not the ticket's number
      x: Math.round(box.left + scrollX),
      w: Math.round(box.width),
      ...([...few, ...not].some((list) => element.querySelector(list)) ? {} : { h: Math.round(box.height) }),
      gap: Math.round(top - bottom),
      font: Number.parseFloat(style.fontSize),
    };
    if (element.textContent.trim()) row.contrast = Math.round(contrast(element) * 10) / 10;
    if (fitted) row.fitted = true;
    rows.push(row);
    // Something that holds others ends where its first child begins.
    bottom = element.querySelector(parts) ? top : top + box.height;
  }
  return rows;
}

// Runs in the page: what a clock would move that comes to its next digit. Whatever it is, people would see the
// page jump, and a look would hang on the second in which it was taken.
function movedByClocks(parts) {
  const tops = () => [...document.querySelectorAll(parts)].map((element) => Math.round(element.getBoundingClientRect().top));
  return [...document.querySelectorAll('.clock')].filter(({ textContent }) => /^\d+:\d\d$/.test(textContent)).flatMap((clock) => {
    const [own, [fewer, more]] = [clock.textContent, ['9:59', '10:00'].map((text) => {
      clock.textContent = text;
      return tops();
    })];
    clock.textContent = own;
    return fewer.some((top, n) => Math.abs(top - more[n]) > 1) ? [clock.id] : [];
  });
}

// Runs in the page: a picture's mean colours, field by field, as letters: 0 is dark, z is light.
async function shades({ png, grid: [columns, rows] }) {
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const context = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  const sums = Array.from({ length: columns * rows }, () => [0, 0, 0, 0]);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const sum = sums[Math.floor(y * rows / picture.height) * columns + Math.floor(x * columns / picture.width)];
      const at = 4 * (y * picture.width + x);
      for (let c = 0; c < 3; c++) sum[c] += data[at + c];
      sum[3] += 1;
    }
  }
  return sums.map(([r, g, b, n]) => [r, g, b].map((v) => Math.floor(v / n / 256 * 36).toString(36)).join('')).join(' ');
}

function drawnOtherwise(was, is) {
  const fields = (text) => text.split(' ').map((field) => [...field].map((c) => parseInt(c, 36) * 256 / 36));
  const [before, now] = [fields(was), fields(is)];
  const other = before.filter((field, n) => field.some((v, c) => Math.abs(v - now[n][c]) > SHADES)).length;
  return other > before.length * FIELDS ? [`${other} of ${before.length} fields of what is drawn have another colour`] : [];
}

function differs(key, was, is, fitted) {
  const [pixels, share] = (fitted && FITTED[key]) || ALLOWED[key];
  return Math.abs(was - is) > Math.max(pixels, share * Math.max(was, is));
}

function compare(was, is) {
  if (is[0]?.drawn) {
    const told = drawnOtherwise(was[0]?.drawn ?? '', is[0].drawn);
    return [...told, ...compare(was.slice(1), is.slice(1))];
  }
  const names = (rows) => rows.map((row) => row.is);
  const told = [];
  const [missing, more] = [names(was).filter((name) => !names(is).includes(name)), names(is).filter((name) => !names(was).includes(name))];
  if (missing.length > 0) told.push(`not there: ${missing.join(', ')}`);
  if (more.length > 0) told.push(`not there before: ${more.join(', ')}`);
  if (told.length > 0 || was.length !== is.length) return told.length > 0 ? told : [`${was.length} parts, now ${is.length}`];
  for (const [i, before] of was.entries()) {
    const now = is[i];
    if (before.is !== now.is) return [`${now.is} stands where ${before.is} was`];
    for (const key of Object.keys(ALLOWED)) {
      if ((key in before) !== (key in now)) told.push(`${now.is}: ${key in now ? 'has' : 'lost its'} text`);
      else if (key in before && differs(key, before[key], now[key], before.fitted)) told.push(`${now.is}: ${key} was ${before[key]}, is ${now[key]}`);
    }
  }
  return told;
}

export function openLooks(name) {
  const folder = new URL('looks/', import.meta.url);
  const path = new URL(`${name}.json`, folder);
  const kept = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const seen = {};
  const left = [];
  return {
    name,
    leave: (what) => left.push(what),
    async see(page, what, { drawn, few = [], not = [], across = false } = {}) {
      if (SWEEP) return;
      // What the pointer happens to be on has a colour of its own.
      if (await page.evaluate(() => Boolean(document.querySelector(':is(button, .button, a, summary):hover')))) await page.mouse.move(0, 0);
      await page.evaluate(() => scrollTo(0, 0));
      // A chart is drawn anew a moment after its box has got another width.
      await page.waitForFunction(() => [...document.querySelectorAll('.plot')].every((box) => {
        const drawn = box.querySelector('.u-wrap');
        return drawn === null || drawn.offsetWidth === box.clientWidth;
      }));
      assert.deepEqual(await page.evaluate(movedByClocks, PARTS), [], `${what}: a clock moves what is beside it`);
      seen[what] = await page.evaluate(measure, { parts: PARTS, few, not });
      for (const row of across ? seen[what] : []) for (const key of ['h', 'gap']) delete row[key];
      if (drawn) {
        const png = (await page.locator(drawn).screenshot()).toString('base64');
        seen[what].unshift({ is: drawn, drawn: await page.evaluate(shades, { png, grid: GRID }) });
      }
      if (WRITE) return;
      assert.ok(kept[what], `${what} has never been looked at: FAIRGATE_LOOKS=write, and look at its picture`);
      assert.deepEqual(compare(kept[what], seen[what]), [], `${what} looks different`);
    },
    // At the end of the file's tests: what was written, and nothing kept that nobody looks at.
    close() {
      if (SWEEP) return;
      if (!WRITE) return assert.deepEqual(Object.keys(kept).filter((what) => !(what in seen) && !left.includes(what)), [], 'kept, but not looked at');
      mkdirSync(folder, { recursive: true });
      const line = (row) => JSON.stringify(row);
      const views = Object.keys(seen).sort().map((what) => `${JSON.stringify(what)}: [\n${seen[what].map(line).join(',\n')}\n]`);
      writeFileSync(path, `{\n${views.join(',\n')}\n}\n`);
    },
  };
}

export const compareLooks = compare; // for its own test
