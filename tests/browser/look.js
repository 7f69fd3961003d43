// look.js: records how a page looks, one row per view in tests/browser/looks.list, independent of the machine's fonts.
//
// Screenshots differ with every font; what makes a page look right or broken does not. A view is the list of its
// visible parts (headings, controls, facts, bars, boxes). Its row has their number, a hash of their names in order, and
// a few sums: position and width (of parts whose width does not follow from text), height, how many parts overlap the
// one above, the smallest and the summed font size, the smallest and the mean contrast. So colours may change, but not
// fade. For a canvas, `drawn` adds the mean colours of a coarse grid.
//
//   const looks = openLooks(scope, 'waiting');
//   await looks.see(page, 'called-ko-phone');          // compares, or throws and says what differs
//   await looks.see(page, 'hall-ko-phone', { drawn: '#map', few: ['#list-seats li'] });
//
// `few` counts only the first entry of a list whose length varies; `not` leaves parts out; `across` ignores all heights, for
// pages full of texts of varying length. `leave` names a view that another run checks (world.js, `share`).
//
// FAIRGATE_LOOKS=write records the views: look at the pictures, then at the diff, and commit it. A view that differs leaves its
// parts in build/looks/, to compare with those of an earlier commit.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../lib-js/service.js';

const LIST = new URL('looks.list', import.meta.url);
const WRITE = process.env.FAIRGATE_LOOKS === 'write';
// A run that takes pictures for a review (world.js), or uses another browser than looks.list does, compares nothing.
const BLIND = Boolean(process.env.FAIRGATE_SWEEP) || process.env.FAIRGATE_BROWSER === 'firefox';
const PART = process.execArgv.some((arg) => arg.startsWith('--test-name-pattern')); // the other tests' rows stay
const PARTS = 'header, main, h1, h2, h3, p, dl > div, dd, button, a.button, input, select, textarea, progress, summary, svg, canvas, img, li, table, footer, dialog, section, [role]';
// Tolerances: in the figure's unit, and as a share of the larger value.
const ALLOWED = { x: [12, 0.01], w: [24, 0.01], h: [60, 0.2], over: [1, 0], font: [1, 0], fonts: [2, 0.005], faint: [0.6, 0.1], contrast: [0.3, 0.03] };
const GRID = [4, 3];
const SHADES = 24; // of 255: the tolerance for a field of the canvas grid

// Runs in the page.
function measure({ parts, few, not }) {
  const linear = (channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const full = colour.startsWith('color(') ? 1 : 255; // mixed colours have parts from 0 to 1
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
  for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish(); // measure the final state
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
      is: element.tagName.toLowerCase() + (element.id ? `#${element.id.replace(/-t_.+$/, '')}` : ''), // without a ticket's number
      x: Math.round(box.left + scrollX),
      w: Math.round(box.width),
      ...([...few, ...not].some((list) => element.querySelector(list)) ? {} : { h: Math.round(box.height) }),
      gap: Math.round(top - bottom),
      font: Number.parseFloat(style.fontSize),
    };
    if (element.textContent.trim()) row.contrast = Math.round(contrast(element) * 10) / 10;
    if (fitted) row.fitted = true;
    rows.push(row);
    // A container counts as ending where its first child begins.
    bottom = element.querySelector(parts) ? top : top + box.height;
  }
  return rows;
}

// Runs in the page. Returns the clocks that would move other parts when they gain a digit. People would see the page
// jump, and a look would depend on the second in which it was taken.
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

// Runs in the page. Returns a picture's mean colours, field by field, as letters from 0 (dark) to z (light).
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
  return sums.map(([r, g, b, n]) => [r, g, b].map((v) => Math.floor(v / n / 256 * 36).toString(36)).join('')).join('.');
}

const sumOf = (rows, key) => rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
const tenths = (n) => Math.round(n * 10) / 10;

// Computes a view's figures from its measured parts.
export function figuresOf(parts) {
  const placed = parts.filter((part) => !part.fitted);
  const contrasts = parts.flatMap((part) => part.contrast ?? []);
  return {
    parts: parts.length,
    hash: createHash('sha256').update(parts.map((part) => part.is).join(' ')).digest('hex').slice(0, 8),
    x: sumOf(placed, 'x'),
    w: sumOf(placed, 'w'),
    h: sumOf(parts, 'h'),
    over: parts.filter((part) => part.gap < -14).length,
    font: Math.min(...parts.map((part) => part.font)),
    fonts: tenths(sumOf(parts, 'font')),
    faint: Math.min(...contrasts, 21),
    contrast: tenths(sumOf(parts, 'contrast') / Math.max(contrasts.length, 1)),
  };
}

function drawnOtherwise(was, is) {
  const fields = (text) => text.split('.').map((field) => [...field].map((c) => parseInt(c, 36) * 256 / 36));
  const now = fields(is);
  return fields(was).some((field, n) => field.some((v, c) => Math.abs(v - now[n][c]) > SHADES)) ? [`drawn was ${was}, is ${is}`] : [];
}

// Returns the differences between two views' figures as sentences.
export function compareLooks(was, is) {
  if (was.hash !== is.hash) return [`${was.parts} parts, now ${is.parts}: others, or in another order`];
  const differs = Object.entries(ALLOWED).filter(([key, [least, share]]) => Math.abs(was[key] - is[key]) > Math.max(least, share * Math.max(was[key], is[key])));
  return [...differs.map(([key]) => `${key} was ${was[key]}, is ${is[key]}`), ...(is.drawn ? drawnOtherwise(was.drawn ?? '', is.drawn) : [])];
}

const toRow = (view, figures) => `${view} ${Object.entries(figures).map(([key, value]) => `${key}=${value}`).join(' ')}`;

function fromRow(row) {
  const [view, ...words] = row.split(' ');
  const pairs = words.map((word) => word.split('='));
  return [view, Object.fromEntries(pairs.map(([key, value]) => [key, ['hash', 'drawn'].includes(key) ? value : Number(value)]))];
}

const readViews = () => new Map(existsSync(LIST) ? readFileSync(LIST, 'utf8').trim().split('\n').map(fromRow) : []);

export function openLooks(scope, name) {
  const prefix = `${name}/`;
  const kept = new Map([...readViews()].filter(([view]) => view.startsWith(prefix)).map(([view, figures]) => [view.slice(prefix.length), figures]));
  const seen = new Map();
  const left = [];
  // After the file's tests: each of its rows in the list must have been checked.
  scope.defer(() => {
    if (BLIND) return;
    const unseen = PART ? [] : [...kept.keys()].filter((what) => !seen.has(what) && !left.includes(what));
    if (!WRITE) return assert.deepEqual(unseen, [], 'in looks.list, but not looked at');
    const views = readViews();
    for (const what of unseen) views.delete(prefix + what);
    for (const [what, figures] of seen) views.set(prefix + what, figures);
    writeFileSync(LIST, `${[...views].map(([view, figures]) => toRow(view, figures)).sort().join('\n')}\n`);
  });
  return {
    name,
    leave: (what) => left.push(what),
    async see(page, what, { drawn, few = [], not = [], across = false } = {}) {
      if (BLIND) return;
      // An element under the pointer has its hover colour.
      if (await page.evaluate(() => Boolean(document.querySelector(':is(button, .button, a, summary):hover')))) await page.mouse.move(0, 0);
      await page.evaluate(() => scrollTo(0, 0));
      // A chart redraws a moment after its box changes width.
      await page.waitForFunction(() => [...document.querySelectorAll('.plot')].every((box) => {
        const drawn = box.querySelector('.u-wrap');
        return drawn === null || drawn.offsetWidth === box.clientWidth;
      }));
      assert.deepEqual(await page.evaluate(movedByClocks, PARTS), [], `${what}: a clock moves its neighbours`);
      const parts = await page.evaluate(measure, { parts: PARTS, few, not });
      for (const part of across ? parts : []) for (const key of ['h', 'gap']) delete part[key];
      const figures = figuresOf(parts);
      if (drawn) {
        const png = (await page.locator(drawn).screenshot()).toString('base64');
        figures.drawn = await page.evaluate(shades, { png, grid: GRID });
      }
      seen.set(what, figures);
      if (WRITE) return;
      assert.ok(kept.has(what), `${what} is not in looks.list: FAIRGATE_LOOKS=write, and look at its picture`);
      const differences = compareLooks(kept.get(what), figures);
      if (differences.length > 0) keepParts(`${name}-${what}`, parts);
      assert.deepEqual(differences, [], `${what} looks different: build/looks/${name}-${what}.json has its parts`);
    },
  };
}

function keepParts(name, parts) {
  const folder = join(ROOT, 'build/looks');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `[\n${parts.map((part) => JSON.stringify(part)).join(',\n')}\n]\n`);
}
