// blocks.js: a hall made of blocks of rows and of standing areas. It makes the plan that seat-service imports and reads
// it back; pictureOf() draws any plan. It needs neither a page nor a service, so tests call it.
//
// A sale is {kind, base, blocks, areas, channels, categories, currency, charges, limits}. `base` is the document that
// it was read from, whose other members (rows, ...) stay. A sale of the kind "file" keeps its base's plan. The
// `channel` of a block or area counts from 1; 0 is for everybody. The codes of a file's channels can be changed.

const SEAT = 20; // distance of seats: pretix draws one with a radius of 10
const ROW = 36;
const AISLE = 60;
const BEHIND = 72;
const EDGE = 40;
const STAGE = '#2b2b33';
const COLOURS = ['#b23a48', '#3a6ea5', '#4f8a5b', '#8e5aa8', '#c98a2b', '#4b6b73', '#a8567d', '#6b6b2f'];
export const MOST = { blocks: 64, areas: 64, channels: 8, categories: 16, rows: 200, seats: 200, capacity: 1_000_000, hold: 64, buyer: 10_000, all: 100_000 };

export const colourOf = (n) => COLOURS[n % COLOURS.length];
const letter = (n) => String.fromCharCode(65 + n);
const rowName = (n) => (n < 26 ? '' : letter(Math.floor(n / 26) - 1)) + letter(n % 26);
const guidOf = (block, row, seat) => `${block + 1}-${rowName(row)}-${seat + 1}`;

// ---- from blocks to a plan ----

// Each has its size and zone(position), its part of the plan.
function rectangle(name, color, width, height) {
  const text = { text: name, color: '#ffffff', size: 24, position: { x: width / 2, y: height / 2 } };
  const area = { shape: 'rectangle', color, border_color: color, position: { x: 0, y: 0 }, rectangle: { width, height }, text };
  return { width, height, zone: (position) => ({ name, position, rows: [], areas: [area] }) };
}

function standing({ name, capacity }, color) {
  const width = Math.min(1600, Math.max(200, 20 * Math.round(Math.sqrt(capacity))));
  return rectangle(name, color, width, width / 2);
}

function seated({ name, rows, seats }, category, n) {
  const seat = (row, s) => ({ seat_guid: guidOf(n, row, s), seat_number: String(s + 1), category, position: { x: s * SEAT, y: row * ROW } });
  const rowOf = (row) => ({ row_number: rowName(row), row_number_position: 'both', seats: Array.from({ length: seats }, (_, s) => seat(row, s)) });
  return {
    width: seats * SEAT, height: (rows - 1) * ROW + SEAT,
    zone: ({ x, y }) => ({ name, zone_id: `block-${n + 1}`, position: { x: x + SEAT / 2, y: y + SEAT / 2 }, rows: Array.from({ length: rows }, (_, row) => rowOf(row)) }),
  };
}

// From front to back: the stage, the standing areas side by side, then the blocks, each behind the previous one or next to it.
export function planOf({ blocks, areas, categories }, { name, stage }) {
  const bands = [[rectangle(stage, STAGE, 400, 60)], areas.map((area) => standing(area, categories[area.category].color))];
  blocks.forEach((block, n) => {
    if (n === 0 || !block.adjacent) bands.push([]);
    bands.at(-1).push(seated(block, categories[block.category].name, n));
  });
  const filled = bands.filter((band) => band.length > 0);
  const widthOf = (band) => band.reduce((sum, { width }) => sum + width, (band.length - 1) * AISLE);
  const width = Math.max(...filled.map(widthOf));
  let y = EDGE;
  const zones = filled.flatMap((band) => {
    let x = EDGE + Math.round((width - widthOf(band)) / 2);
    const placed = band.map((one) => {
      const zone = one.zone({ x, y });
      x += one.width + AISLE;
      return zone;
    });
    y += Math.max(...band.map(({ height }) => height)) + BEHIND;
    return placed;
  });
  return { name, size: { width: width + 2 * EDGE, height: y - BEHIND + EDGE }, categories: categories.map(({ name: its, color }) => ({ name: its, color })), zones };
}

// The import body's notes on the plan. A block's last row has its wheelchair places, each with a companion's seat.
function notesOf({ blocks, areas, channels, categories }) {
  const of = (channel) => (channel > 0 ? { channel: `channel-${channel}` } : {});
  const places = ({ rows, accessible }, n) => Array.from({ length: accessible }, (_, k) => [2 * k, 2 * k + 1].map((seat) => guidOf(n, rows - 1, seat)))
    .flatMap(([guid, next]) => [{ guid, accessible: true }, { guid: next, companion_of: guid }]);
  return {
    areas: areas.map(({ name, capacity, category, channel }, n) => ({ id: `area-${n + 1}`, name, category: categories[category].name, capacity, ...of(channel) })),
    channels: channels.map(({ name, code }, n) => ({ id: `channel-${n + 1}`, name, ...(code === '' ? {} : { code }) })),
    zones: blocks.flatMap(({ channel }, n) => (channel > 0 ? [{ zone: `block-${n + 1}`, ...of(channel) }] : [])),
    seats: blocks.flatMap(places),
  };
}

// The import body. `show` is what the line says about the event. Members that it lacks stay as in the base, except the
// doors of another date.
export function bodyOf(sale, { name, stage, ...show }) {
  const { kind, base, channels, categories, currency, charges, limits } = sale;
  const said = Object.fromEntries(Object.entries(show).filter(([, value]) => value !== null && value !== undefined));
  const priced = categories.map((one) => ({ ...base?.categories?.find((its) => its.name === one.name), ...one }));
  const coded = base?.channels?.map(({ code: _, ...one }, n) => ({ ...one, ...(channels[n].code === '' ? {} : { code: channels[n].code }) }));
  const hall = kind !== 'file' ? { plan: planOf(sale, { name, stage }), ...notesOf(sale) } : coded ? { channels: coded } : {};
  const { doors_at: doors, fees: _, vat_basis_points: __, ...kept } = base ?? {};
  const { vat_basis_points: vat, ...fees } = Object.fromEntries(Object.entries(charges).filter(([, value]) => value > 0));
  const paid = { ...(Object.keys(fees).length > 0 ? { fees } : {}), ...(vat ? { vat_basis_points: vat } : {}) };
  return { ...kept, ...(doors && !said.starts_at ? { doors_at: doors } : {}), ...said, name, currency, categories: priced, ...paid, limits: { ...base?.limits, ...limits }, ...hall };
}

// The prices that the line shows, as a merge patch of its own: what an order of one seat costs with all fees. Categories
// that it shows as gone stay gone. null: more categories than it takes.
export function pricesOf({ categories, currency, fees = {} }, shown) {
  const { per_seat: seat = 0, per_order: order = 0, basis_points: share = 0 } = fees;
  const allIn = (price) => price + seat + Math.round(price * share / 10_000) + order;
  if (categories.length > MOST.categories) return null;
  const away = Object.keys(shown?.categories ?? {}).map((name) => [name, null]);
  return { currency, categories: Object.fromEntries([...away, ...categories.map(({ name, price }) => [name, { price: allIn(price), gone: shown?.categories[name]?.gone ?? false }])]) };
}

// ---- and back ----

const originOf = ({ position }) => position ?? { x: 0, y: 0 };

function* seatsOf({ zones }) {
  for (const zone of zones) {
    for (const row of zone.rows) {
      const [a, b] = [zone, row].map(originOf);
      for (const seat of row.seats) yield { guid: seat.seat_guid, category: seat.category, x: a.x + b.x + seat.position.x, y: a.y + b.y + seat.position.y };
    }
  }
}

const inOne = (plan) => Array.from(seatsOf(plan), ({ guid, category, x, y }) => `${guid} ${x} ${y} ${category}`).join('\n');

// Reads an import body, or a plan alone, whose categories have no prices yet. null if it is neither.
export function documentOf(json) {
  const document = Array.isArray(json?.plan?.zones) ? json : { plan: json };
  if (!Array.isArray(document.plan?.zones)) return null;
  const { categories: priced = [], plan } = document;
  const others = (plan.categories ?? []).filter(({ name }) => priced.every((one) => one.name !== name));
  return { ...document, categories: [...priced, ...others.map(({ name, color }) => ({ name, color }))] };
}

export function saleOf(document) {
  const { plan, currency = '', areas: all = [], limits = {}, fees = {}, vat_basis_points: vat = 0 } = document;
  const colours = new Map((plan.categories ?? []).map(({ name, color }) => [name, color]));
  const categories = document.categories.map(({ name, price, color }, n) => ({ name, price, color: color ?? colours.get(name) ?? colourOf(n) }));
  const place = (name) => categories.findIndex((one) => one.name === name);
  const { channels: listed = [], zones: noted = [], seats: marked = [] } = document;
  const channelOf = (id) => listed.findIndex((one) => one.id === id) + 1;
  const channels = listed.map(({ name = '', code = '' }) => ({ name, code }));
  const areas = all.map(({ name = '', capacity, category, channel }) => ({ name, capacity, category: place(category), channel: channelOf(channel) }));
  const zones = plan.zones.filter(({ rows }) => rows.length > 0);
  const blocks = zones.map(({ name, rows, position }, n) => ({
    name, rows: rows.length, seats: rows[0].seats.length, category: place(rows[0].seats[0]?.category),
    accessible: marked.filter(({ guid, accessible }) => accessible && guid.startsWith(`${n + 1}-`)).length,
    channel: channelOf(noted.find(({ zone }) => zone === `block-${n + 1}`)?.channel), adjacent: n > 0 && position.y === zones[n - 1].position.y,
  }));
  const charges = { per_seat: 0, per_order: 0, basis_points: 0, ...fees, vat_basis_points: vat };
  const sale = { kind: 'file', base: document, blocks: [], areas: [], channels, categories, currency, charges, limits: { max_per_hold: limits.max_per_hold ?? 8, max_per_buyer: limits.max_per_buyer ?? Math.max(8, limits.max_per_hold ?? 8) } };
  if (document.rows?.length > 0 || document.focal_point !== undefined || [...blocks, ...areas].some(({ category }) => category < 0)) return sale;
  const made = { ...sale, kind: 'blocks', blocks, areas };
  const asText = (list) => JSON.stringify(list.map((one) => Object.entries(one).sort()));
  const isOurs = inOne(planOf(made, { name: '', stage: '' })) === inOne(plan) && Object.entries(notesOf(made)).every(([key, list]) => asText(list) === asText(document[key] ?? []));
  return isOurs ? made : sale;
}

// ---- wheelchair places of a plan that was not made here ----

// By section and row: [{name, rows: [{name, seats: [{guid, name}]}]}]
export function seatsByRow({ zones }) {
  const rowOf = ({ row_number: row, row_label: label, seats }) => ({ name: (label ?? '%s').replace('%s', () => row), seats: seats.map(({ seat_guid: guid, seat_number: name }) => ({ guid, name })) });
  return zones.map(({ name, rows }) => ({ name, rows: rows.filter(({ seats }) => seats.length > 0).map(rowOf) })).filter(({ rows }) => rows.length > 0);
}

// [{guid, companions: [guid]}]
export function accessibleIn({ seats = [] }) {
  const of = (guid) => seats.filter(({ companion_of: place }) => place === guid).map((one) => one.guid);
  return seats.filter(({ accessible }) => accessible).map(({ guid }) => ({ guid, companions: of(guid) }));
}

// The same import body with one more place, or one more companion's seat. '': none
export function withAccessible({ seats = [], ...rest }, guid, companion = '') {
  const noted = new Map(seats.map((one) => [one.guid, one]));
  const note = (seat, said) => noted.set(seat, { ...noted.get(seat), guid: seat, ...said });
  note(guid, { accessible: true });
  if (companion !== '') note(companion, { companion_of: guid });
  return { ...rest, seats: [...noted.values()] };
}

// Without this place and its companions; what else is said of the seats stays.
export function withoutAccessible({ seats, ...rest }, guid) {
  const left = seats.map(({ accessible, companion_of: of, ...one }) => ({ ...one, ...(accessible && one.guid !== guid ? { accessible } : {}), ...(of && of !== guid ? { companion_of: of } : {}) }));
  return { ...rest, seats: left.filter((one) => Object.keys(one).length > 1) };
}

// ---- its look ----

// As seat-service returns a shape (Shape in its openapi.yaml).
function shapeOf(zone, area) {
  const [a, b] = [zone, area].map(originOf);
  const { shape, rotation, color, border_color: border, rectangle: { width, height } = area, circle, ellipse, polygon, text } = area;
  const words = typeof text === 'object' && text?.text ? { ...originOf(text), text: text.text, color: text.color, size: text.size } : undefined;
  const points = polygon?.points.flatMap(({ x, y }) => [x, y]);
  return { shape, x: a.x + b.x, y: a.y + b.y, rotation, color, border, width, height, radius: circle?.radius, radius_x: ellipse?.radius.x, radius_y: ellipse?.radius.y, points, text: words };
}

// {dots: category -> {d, seats}, shapes, box}: `d` is a path of points, each drawn as a seat by square ends. The box is
// that of the seats; null without any.
export function pictureOf(plan) {
  const dots = new Map();
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const { category, x, y } of seatsOf(plan)) {
    if (!dots.has(category)) dots.set(category, { d: [], seats: 0 });
    dots.get(category).d.push(`M${x} ${y}h0`);
    dots.get(category).seats += 1;
    Object.assign(box, { left: Math.min(box.left, x - SEAT), top: Math.min(box.top, y - SEAT), right: Math.max(box.right, x + SEAT), bottom: Math.max(box.bottom, y + SEAT) });
  }
  for (const dot of dots.values()) dot.d = dot.d.join('');
  return { dots, shapes: plan.zones.flatMap((zone) => (zone.areas ?? []).map((area) => shapeOf(zone, area))), box: dots.size > 0 ? box : null };
}
