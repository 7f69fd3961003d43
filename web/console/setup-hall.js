// setup-hall.js: the hall of a sale, made here from blocks of rows and standing areas, or read from a file. Also its
// categories with prices, how much one visitor may take, and a picture of the import. Unsaved input is kept while the
// page is open, so that switching views loses nothing.

import { bodyOf, colourOf, documentOf, MOST, pictureOf, planOf, saleOf } from './blocks.js';
import { loaded } from './api.js';
import { lang, make, money, say } from './kit.js';
import { boxOf } from './plan.js';
import { CURRENCY, faultOfAmount, faultOfName, minorOf, typedOf } from './prices.js';
import { marksOf } from './setup-marks.js';
import { formOf, goOn, judged, saveHall } from './setup.js';
import { draw } from './spark.js';
import { blame, button, fieldOf, guarded, number, show } from './ui.js';

const CODE_LEAST = 8; // a channel's minimum in the service
const whole = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
const sized = { name: { most: 60 }, rows: { least: 1, most: MOST.rows }, seats: { least: 1, most: MOST.seats }, capacity: { least: 1, most: MOST.capacity }, accessible: { least: 0, most: MOST.seats / 2 } };
// Charges on top of the prices, and the VAT in the total: amounts, or hundredths of a percent.
const CHARGES = { per_seat: 'amount', per_order: 'amount', basis_points: 'percent', vat_basis_points: 'percent' };
const SAMPLES = ['theatre', 'arena', 'stadium'];
const COLUMNS = { blocks: ['name', 'rows', 'seats', 'category', 'accessible', 'channel', 'adjacent'], areas: ['name', 'capacity', 'category', 'channel'], channels: ['channel-name', 'code'], categories: ['category-name', 'price'] };

// A hall of `make run`, without its demo parts: pictures of its sections, and a code that everybody knows.
async function sampleOf(name) {
  const { channels, zones, ...body } = (await loaded(import('./samples.js'))).importBody(name);
  return documentOf({ ...body, channels: channels.map((one) => ({ ...one, code: randomCode() })), zones: zones.map(({ view: _, ...rest }) => rest) });
}

const randomCode = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'[byte % 32]).join('');

function freshSale() {
  const block = { name: say('setup.first-block'), rows: 10, seats: 20, category: 0, accessible: 0, channel: 0, adjacent: false };
  return { kind: 'blocks', base: null, blocks: [block], areas: [], channels: [], categories: [{ name: 'A', color: colourOf(0), typed: '' }], currency: lang === 'ko' ? 'KRW' : '', charges: {}, limits: { max_per_hold: 8, max_per_buyer: 8 } };
}

// With prices and charges as typed.
function typedSale(sale) {
  const known = CURRENCY.test(sale.currency);
  const typed = (price) => (price === undefined ? '' : known ? typedOf(price, sale.currency) : String(price));
  const charge = ([name, value]) => [name, value === 0 ? '' : CHARGES[name] === 'percent' ? String(value / 100) : typed(value)];
  return { ...sale, charges: Object.fromEntries(Object.entries(sale.charges).map(charge)), categories: sale.categories.map(({ name, color, price }) => ({ name, color, typed: typed(price) })) };
}

const faultOfPercent = (typed) => (/^\d{1,3}([.]\d{1,2})?$/.test(typed) && Number(typed) <= 100 ? '' : say('setup.wrong-percent'));
const minorCharge = (name, typed, currency) => (CHARGES[name] === 'percent' ? Math.round(Number(typed) * 100) : minorOf(typed, currency));

// ---- the picture ----

function drawShape({ shape, x, y, rotation = 0, color = 'none', border = 'none', width, height, radius, radius_x: rx, radius_y: ry, points = [], text }) {
  const at = draw('g', { transform: `translate(${x} ${y}) rotate(${rotation})` });
  const form = { rectangle: ['rect', { width, height }], circle: ['circle', { r: radius }], ellipse: ['ellipse', { rx, ry }], polygon: ['polygon', { points }] }[shape];
  if (form) at.append(draw(form[0], { ...form[1], fill: color, stroke: border }));
  if (text) {
    const words = draw('text', { x: text.x, y: text.y, fill: text.color ?? 'currentcolor', 'font-size': text.size ?? 16 });
    words.textContent = text.text;
    at.append(words);
  }
  return at;
}

function showPicture(figure, plan, areas, { categories, currency }) {
  const { dots, shapes, box } = pictureOf(plan);
  const all = [...(box === null ? [] : [box]), ...shapes.map(boxOf)];
  const edge = (side, pick) => pick(...all.map((one) => one[side]));
  const [left, top, right, bottom] = all.length === 0 ? [0, 0, 0, 0] : [edge('left', Math.min), edge('top', Math.min), edge('right', Math.max), edge('bottom', Math.max)];
  const colour = new Map(categories.map(({ name, color }) => [name, color]));
  const svg = draw('svg', { viewBox: `${left - 20} ${top - 20} ${right - left + 40} ${bottom - top + 40}`, role: 'img' });
  svg.append(...shapes.map(drawShape), ...Array.from(dots, ([category, { d }]) => draw('path', { d, stroke: colour.get(category) ?? 'currentcolor' })));
  const sum = (name) => areas.filter(({ category }) => category === name).reduce((all, { capacity }) => all + capacity, 0);
  const places = categories.map(({ name }) => (dots.get(name)?.seats ?? 0) + sum(name));
  const standing = areas.reduce((all, { capacity }) => all + capacity, 0);
  const words = say('setup.sum', number(places.reduce((all, one) => all + one, 0) - standing), number(standing));
  svg.setAttribute('aria-label', words);
  const priceOf = (typed) => (CURRENCY.test(currency) && faultOfAmount(typed, currency) === '' ? money(minorOf(typed, currency), currency) : '–');
  figure.firstElementChild.replaceWith(svg);
  show(figure.lastElementChild, make('p', {}, words), make('ul', { className: 'legend seats' }, ...categories.map(({ name, color, typed }, n) => {
    const swatch = make('span', { className: 'swatch' });
    swatch.style.background = color;
    return make('li', {}, swatch, `${name}: ${number(places[n])} · ${priceOf(typed)}`);
  })));
}

// ---- the form ----

export function open(body, nav, event, hall) {
  const { watch } = event;
  if (watch.setup?.etag !== hall?.etag || watch.setup === undefined) {
    const first = hall === null ? freshSale() : typedSale(saleOf(hall.document));
    watch.setup = { etag: hall?.etag, kind: first.kind, sales: { blocks: freshSale(), [first.kind]: first } };
  }
  const kept = watch.setup;
  const sale = () => kept.sales[kept.kind];

  const kind = make('select', { id: 'hall-kind' }, ...['blocks', ...SAMPLES, 'file'].map((value) => make('option', { value }, say(`setup.kind-${value}`))));
  const file = make('input', { id: 'hall-file', type: 'file', accept: '.json,application/json' });
  const currency = make('input', { id: 'hall-currency', maxLength: 3, autocomplete: 'off', autocapitalize: 'characters', spellcheck: false });
  const limit = (id, min, max) => make('input', { id, type: 'number', min, max, inputMode: 'numeric' });
  const limits = { max_per_hold: limit('hall-per-hold', 1, MOST.hold), max_per_buyer: limit('hall-per-buyer', 0, MOST.buyer) };
  const charges = Object.fromEntries(Object.keys(CHARGES).map((name) => [name, make('input', { id: `hall-${name}`, inputMode: 'decimal', autocomplete: 'off' })]));
  const lists = Object.fromEntries(Object.keys(COLUMNS).map((name) => [name, make('ol', { id: `hall-${name}`, className: 'stack' })]));
  const adds = Object.fromEntries(Object.keys(COLUMNS).map((name) => [name, button(say(`setup.add-${name}`), () => add(name), { id: `hall-add-${name}` })]));
  const clashes = make('ul', { id: 'hall-clashes', className: 'wrong dots' });
  const marks = marksOf(sale);
  const figure = make('figure', { id: 'hall-picture' }, draw('svg', {}), make('figcaption', {}));
  const coin = () => currency.value.trim().toUpperCase();

  // ---- its rows ----

  const fresh = {
    blocks: (n) => ({ rows: 10, seats: 20, ...sale().blocks.at(-1), name: say('setup.block-n', n + 1), category: 0, accessible: 0, channel: 0, adjacent: false }),
    areas: (n) => ({ name: say('setup.area-n', n + 1), capacity: 100, category: 0, channel: 0 }),
    channels: (n) => ({ name: say('setup.channel-n', n + 1), code: randomCode() }),
    categories: (n) => ({ name: String.fromCharCode(65 + n), color: colourOf(n), typed: '' }),
  };

  function add(name) {
    sale()[name].push(fresh[name](sale()[name].length));
    fill();
    const first = lists[name].lastElementChild.querySelector('input');
    first.focus();
    first.select();
  }

  // Blocks and areas refer to their category and channel by number.
  function remove(name, n) {
    sale()[name].splice(n, 1);
    if (name === 'categories') for (const one of [...sale().blocks, ...sale().areas]) if (one.category >= n) one.category = Math.max(0, one.category - 1);
    if (name === 'channels') for (const one of [...sale().blocks, ...sale().areas]) if (one.channel > n) one.channel = one.channel === n + 1 ? 0 : one.channel - 1;
    fill();
    (lists[name].children[Math.min(n, sale()[name].length - 1)]?.querySelector('input') ?? adds[name]).focus();
  }

  const choices = { category: () => sale().categories.map(({ name }) => name), channel: () => [say('setup.everybody'), ...sale().channels.map(({ name }) => name)] };
  const inputs = {
    choice: (one, key) => {
      const select = make('select', { className: `of-${key}` }, ...choices[key]().map((name, n) => make('option', { value: n }, name)));
      select.value = one[key];
      select.addEventListener('change', () => { one[key] = Number(select.value); });
      return select;
    },
    adjacent: (one) => {
      const tick = make('input', { type: 'checkbox', checked: one.adjacent });
      tick.addEventListener('change', () => { one.adjacent = tick.checked; });
      return tick;
    },
    text: (one, key) => {
      const input = make('input', { maxLength: sized.name.most, autocomplete: 'off', value: one[key], readOnly: sale().kind === 'file' && key === 'name', ...(key === 'typed' ? { inputMode: 'decimal' } : {}) });
      input.addEventListener('input', () => { one[key] = input.value.trim(); });
      return input;
    },
    number: (one, key) => {
      const input = make('input', { type: 'number', min: sized[key].least, max: sized[key].most, inputMode: 'numeric', value: Number.isNaN(one[key]) ? '' : one[key] });
      input.addEventListener('input', () => { one[key] = input.valueAsNumber; });
      return input;
    },
  };

  function cell(name, column, one, n) {
    const [key, made] = { category: ['category', inputs.choice], channel: ['channel', inputs.choice], adjacent: ['adjacent', inputs.adjacent], price: ['typed', inputs.text], name: ['name', inputs.text], code: ['code', inputs.text], 'category-name': ['name', inputs.text], 'channel-name': ['name', inputs.text] }[column] ?? [column, inputs.number];
    const input = made(one, key);
    input.id = `hall-${name}-${column}-${n}`;
    return fieldOf(input, say(`setup.${column}`));
  }

  function fill() {
    const { kind: now, ...all } = sale() ?? { kind: 'file' };
    for (const name of Object.keys(COLUMNS)) {
      const items = all[name] ?? [];
      const fixed = now === 'file';
      lists[name].replaceChildren(...items.map((one, n) => {
        const away = button(say('schedule.remove'), () => remove(name, n), { className: 'quiet', hidden: fixed || (name === 'categories' && items.length === 1), 'aria-label': say('setup.remove', one.name || n + 1) });
        return make('li', { className: 'card row end' }, ...COLUMNS[name].filter((column) => column !== 'channel' || all.channels.length > 0).map((column) => cell(name, column, one, n)), away);
      }));
      adds[name].hidden = fixed || items.length >= MOST[name];
    }
    for (const one of form.querySelectorAll('.hall-made')) one.hidden = now === 'file' && !(one.contains(lists.channels) && all.channels?.length > 0);
    form.querySelector('#hall-sold').hidden = sale() === undefined;
    marks.at.hidden = sale()?.kind !== 'file';
    if (!marks.at.hidden) marks.show();
    figure.hidden = sale() === undefined;
    form.querySelector('#setup-save').hidden = sale() === undefined;
    picture();
  }

  function take() {
    kind.value = kept.kind;
    file.closest('.field').hidden = kept.kind !== 'file';
    currency.value = sale()?.currency ?? '';
    for (const [name, input] of Object.entries(limits)) input.value = sale()?.limits[name] ?? 8;
    for (const [name, input] of Object.entries(charges)) input.value = sale()?.charges[name] ?? '';
    fill();
  }

  // ---- the result ----

  const good = { blocks: ({ rows, seats, accessible }) => whole(rows, 1, MOST.rows) && whole(seats, 1, MOST.seats) && whole(accessible, 0, seats / 2), areas: ({ capacity }) => whole(capacity, 1, MOST.capacity) };
  const seatsOf = (blocks) => blocks.reduce((sum, { rows, seats }) => sum + rows * seats, 0);

  function picture() {
    if (sale() === undefined) return;
    const { kind: now, base, categories } = sale();
    const shown = { blocks: sale().blocks.filter(good.blocks), areas: sale().areas.filter(good.areas), categories };
    const said = { name: '', stage: say('map.stage') };
    if (now === 'file') showPicture(figure, base.plan, base.areas ?? [], { categories, currency: coin() });
    else if (seatsOf(shown.blocks) <= MOST.all) showPicture(figure, planOf(shown, said), shown.areas.map((area) => ({ ...area, category: categories[area.category].name })), { categories, currency: coin() });
  }

  function faults() {
    const { blocks, areas, channels, categories } = sale();
    const at = (id) => form.querySelector(`#hall-${id}`);
    const ranged = (name, column, n, value) => [at(`${name}-${column}-${n}`), whole(value, 1, sized[column].most) ? '' : say('rule.between', number(1), number(sized[column].most))];
    const named = (name, all) => all.map(({ name: its }, n) => [at(`${name}-name-${n}`), its === '' ? say('setup.wrong-name') : '']);
    const total = seatsOf(blocks) > MOST.all ? say('setup.wrong-all', number(MOST.all)) : sale().kind === 'blocks' && blocks.length + areas.length === 0 ? say('setup.wrong-empty') : '';
    return [
      [kind, total],
      ...named('blocks', blocks), ...named('areas', areas),
      ...blocks.flatMap(({ rows, seats, accessible }, n) => [ranged('blocks', 'rows', n, rows), ranged('blocks', 'seats', n, seats),
        [at(`blocks-accessible-${n}`), whole(accessible, 0, seats / 2) ? '' : say('rule.between', number(0), number(Math.floor(seats / 2)))]]),
      ...channels.flatMap(({ name, code }, n) => [[at(`channels-channel-name-${n}`), name === '' ? say('setup.wrong-name') : ''], [at(`channels-code-${n}`), code === '' || code.replaceAll(' ', '').length >= CODE_LEAST ? '' : say('setup.wrong-code', CODE_LEAST)]]),
      ...areas.map(({ capacity }, n) => ranged('areas', 'capacity', n, capacity)),
      [currency, CURRENCY.test(coin()) ? '' : say('prices.wrong-currency')],
      ...categories.flatMap(({ name, typed }, n) => [
        [at(`categories-category-name-${n}`), faultOfName(name, n, categories.map((one) => one.name))], [at(`categories-price-${n}`), faultOfAmount(typed, coin())],
      ]),
      ...Object.entries(charges).map(([name, input]) => [input, input.value.trim() === '' ? '' : CHARGES[name] === 'percent' ? faultOfPercent(input.value.trim()) : faultOfAmount(input.value.trim(), coin())]),
      ...Object.values(limits).map((input) => [input, whole(input.valueAsNumber, Number(input.min), Number(input.max)) ? '' : say('rule.between', number(Number(input.min)), number(Number(input.max)))]),
    ];
  }

  async function save() {
    clashes.replaceChildren();
    if (!judged(form, faults())) return;
    const { starts_at: starts, doors_at: doors, time_zone: zone, venue, picture, name } = event.doc;
    const priced = sale().categories.map(({ name: its, color, typed }) => ({ name: its, color, price: minorOf(typed, coin()) }));
    const asked = { max_per_hold: limits.max_per_hold.valueAsNumber, max_per_buyer: limits.max_per_buyer.valueAsNumber };
    const charged = Object.fromEntries(Object.entries(charges).map(([its, input]) => [its, minorCharge(its, input.value.trim(), coin())]));
    const document = bodyOf({ ...sale(), categories: priced, currency: coin(), charges: charged, limits: asked }, { name, stage: say('map.stage'), starts_at: starts, doors_at: doors, time_zone: zone, venue, picture });
    try {
      if (!(await saveHall(event, hall, document))) return;
    } catch (error) {
      clashes.replaceChildren(...(error.problem?.clashes ?? []).map(({ path, why }) => make('li', {}, `${path}: ${why}`)));
      throw error;
    }
    delete watch.setup;
    goOn(event, 'hall');
  }

  // ---- the page ----

  file.addEventListener('change', async () => {
    if (file.files.length === 0) return;
    try {
      const read = saleOf(documentOf(JSON.parse(await file.files[0].text())));
      pictureOf(read.base.plan);
      kept.kind = read.kind;
      kept.sales[read.kind] = typedSale(read);
      blame(file, '');
      take();
    } catch {
      blame(file, say('setup.wrong-file'));
    }
  });
  kind.addEventListener('change', guarded(async () => {
    const { value } = kind;
    if (SAMPLES.includes(value)) kept.sales[value] ??= typedSale(saleOf(await sampleOf(value).catch((error) => { kind.value = kept.kind; throw error; })));
    if (kind.value !== value) return; // another one was chosen meanwhile
    kept.kind = value;
    take();
  }));

  const made = (name, ...help) => make('section', { className: 'hall-made stack' }, make('h3', {}, say(`setup.${name}`)), ...help, lists[name], adds[name]);
  const sold = make('section', { id: 'hall-sold', className: 'stack' }, make('h3', {}, say('setup.categories')), fieldOf(currency, say('prices.currency')), lists.categories, adds.categories,
    make('h3', {}, say('setup.charges')), ...Object.entries(charges).map(([name, input]) => fieldOf(input, say(`setup.${name}`))),
    make('h3', {}, say('setup.limits')), fieldOf(limits.max_per_hold, say('setup.per-hold')), fieldOf(limits.max_per_buyer, say('setup.per-buyer'), say('setup.per-buyer-help')));
  const form = formOf({}, save, [make('h2', {}, say('setup.hall')), make('p', { className: 'small' }, say('setup.hall-help')),
    fieldOf(kind, say('setup.kind')), fieldOf(file, say('setup.file'), say('setup.file-help')), made('blocks'), made('areas'), made('channels', make('p', { className: 'small' }, say('setup.channels-help'))), marks.at, figure, sold],
  { more: [button(say('knobs.reset'), () => {
    delete watch.setup;
    open(body, nav, event, hall);
  }, { id: 'hall-reset' })] });
  form.querySelector('#setup-trouble').after(clashes);
  form.addEventListener('input', ({ target }) => {
    if (target === currency && sale()) sale().currency = coin();
    for (const [name, input] of Object.entries(limits)) if (target === input) sale().limits[name] = input.valueAsNumber;
    for (const [name, input] of Object.entries(charges)) if (target === input) sale().charges[name] = input.value.trim();
    for (const [key, names] of Object.entries(target.id.includes('-name-') ? choices : {})) for (const select of form.querySelectorAll(`.of-${key}`)) [...select.options].forEach((option, n) => { option.textContent = names()[n]; });
    picture();
  });
  body.replaceChildren(nav, form);
  take();
}
