// plan.js: the hall in flat arrays. Seats keep the plan's order, so an index into the availability picture is an index
// here, and the seats of a row or a section are a range.

export const FREE = 0;
export const HELD = 1;
export const SOLD = 2;
export const BLOCKED = 3;

// The points that are corners of the convex hull (Andrew's monotone chain).
function corners(points, xs, ys) {
  points.sort((a, b) => xs[a] - xs[b] || ys[a] - ys[b]);
  const turnsRight = (a, b, c) => (xs[b] - xs[a]) * (ys[c] - ys[a]) - (ys[b] - ys[a]) * (xs[c] - xs[a]) <= 0;
  const half = (order) => {
    const chain = [];
    for (const p of order) {
      while (chain.length > 1 && turnsRight(chain.at(-2), chain.at(-1), p)) chain.pop();
      chain.push(p);
    }
    return chain.slice(0, -1);
  };
  return points.length > 1 ? [...half(points), ...half(points.reverse())] : points;
}

// The outline of a section, x and y alternating. Between the first row and the last, ends and middles are enough: other
// bulges are invisible from afar.
function outline({ rows }, xs, ys) {
  const points = rows.flatMap(({ from, to }, row) => (row > 0 && row < rows.length - 1
    ? [from, from + to >> 1, to - 1]
    : Array.from({ length: to - from }, (_, n) => from + n)));
  return corners(points, xs, ys).flatMap((p) => [xs[p], ys[p]]);
}

// The positions of a section's rows along one axis, from the curves that the server sends
// (seat-service/src/render/curve.h).
function readCurves(curves, counts, from, into, work) {
  const { placed, start, end, bends } = work;
  let [first, moved, span, bulge] = [0, 0, 0, 0];
  let before = 0;
  curves.forEach((numbers, row) => {
    const last = counts[row] - 1;
    const number = (n) => numbers[n] ?? 0;
    const was = first;
    first += moved + number(0);
    moved = row > 0 ? first - was : 0;
    span = last > 0 ? number(1) + (before > 0 ? Math.floor(span * last / before) : 0) : 0;
    bulge = last > 1 ? number(2) + bulge : 0;
    placed[0] = first;
    placed[last] = first + span;
    let stretches = 0;
    const put = (i, j, bend) => {
      if (j - i < 2) return;
      start[stretches] = i;
      end[stretches] = j;
      bends[stretches++] = bend;
    };
    put(0, last, 0);
    for (let s = 0; s < stretches; s++) {
      const [i, j] = [start[s], end[s]];
      const m = (i + j) >> 1;
      const off = s === 0 ? bulge : number(s + 2);
      placed[m] = placed[i] + (placed[j] - placed[i]) * (m - i) / (j - i) + bends[s] * (m - i) * (j - m) + off;
      const bend = bends[s] + off / ((m - i) * (j - m));
      put(i, m, bend);
      put(m, j, bend);
    }
    for (let n = 0; n <= last; n++) into[from + n] = placed[n] / 2;
    from += counts[row];
    before = last;
  });
}

// The name of a row's n-th seat, and the seat with a name. Names are made on demand: on a phone, making those of a
// whole stadium takes longer than drawing it.
const numberOf = ({ number }, row, n) => (Array.isArray(number[row]) ? number[row][n] : String(number[row] + n));
const idOf = (zone, row, n) => (Array.isArray(zone.id[row]) ? zone.id[row][n] : zone.id[row] + numberOf(zone, row, n));

function indexOf({ number, id, seats }, row, wanted) {
  if (Array.isArray(id[row])) return id[row].indexOf(wanted);
  if (!wanted.startsWith(id[row])) return -1;
  const rest = wanted.slice(id[row].length);
  if (Array.isArray(number[row])) return number[row].indexOf(rest);
  const n = Number(rest) - number[row];
  return n >= 0 && n < seats[row] && String(number[row] + n) === rest ? n : -1;
}

function findSeat(zones, wanted) {
  let from = 0;
  for (const zone of zones) {
    for (let row = 0; row < zone.seats.length; from += zone.seats[row++]) {
      const n = indexOf(zone, row, wanted);
      if (n >= 0) return from + n;
    }
  }
  return undefined;
}

// Pairs of a value and the number of seats that have it.
function readRuns(runs, from, visit) {
  for (let at = from, r = 0; r < runs.length; r += 2) {
    visit(runs[r], at, at + runs[r + 1]);
    at += runs[r + 1];
  }
}

// Reads the plan in the format of ?form=rows (seat-service/src/render/rows.h).
export function readPlan(json) {
  const n = json.seats;
  const noted = new Array(n);
  const found = new Map();
  const named = (name) => (i) => name(json.zones[plan.zoneOf[i]], plan.rowOf[i], i - plan.zones[plan.zoneOf[i]].rows[plan.rowOf[i]].from);
  const plan = {
    n, name: json.name, focal: json.focal_point, categories: json.categories, areas: json.areas, prices: json.categories.map(() => 0),
    x: new Float32Array(n), y: new Float32Array(n),
    category: new Uint8Array(n), zoneOf: new Uint16Array(n), rowOf: new Uint16Array(n),
    notes: { get: (i) => noted[i] }, zones: [],
    state: new Uint8Array(n), version: 0, box: null, shapes: json.shapes ?? [], room: null, turned: 0,
    numberOf: named(numberOf), idOf: named(idOf),
    labelOf: (i) => noted[i]?.seat_label?.replace('%s', () => plan.numberOf(i)), // the seat's name on tickets, if the hall has one
    mayTake: (i) => plan.state[i] === FREE,
    placeOf: (id) => {
      if (!found.has(id)) found.set(id, findSeat(json.zones, id));
      return found.get(id);
    },
  };
  const work = { placed: new Float64Array(n), start: new Uint32Array(n), end: new Uint32Array(n), bends: new Float64Array(n) };
  let i = 0;
  for (const zone of json.zones) {
    const kept = { name: zone.name, view: zone.view ?? '', from: i, to: i, rows: [], free: 0, shown: 0, cheapest: -1 };
    zone.rows.forEach((label, row) => {
      const to = i + zone.seats[row];
      plan.rowOf.fill(row, i, to);
      kept.rows.push({ label, from: i, to });
      i = to;
    });
    kept.to = i;
    plan.zoneOf.fill(plan.zones.length, kept.from, i);
    readCurves(zone.x, zone.seats, kept.from, plan.x, work);
    readCurves(zone.y, zone.seats, kept.from, plan.y, work);
    readRuns(zone.category, kept.from, (category, at, end) => plan.category.fill(category, at, end));
    readRuns(zone.notes, kept.from, (notes, at, end) => noted.fill(notes, at, end));
    plan.zones.push(kept);
  }
  for (const zone of plan.zones) measure(plan, zone);
  plan.box = n > 0 ? hull(plan.zones.map((zone) => zone.box)) : { left: 0, right: 0, top: 0, bottom: 0 };
  plan.room = roomOf(plan);
  return plan;
}

// The bounding box of a shape that is not a seat.
export function boxOf({ x, y, rotation = 0, width = 0, height = 0, radius = 0, radius_x: rx = radius, radius_y: ry = radius, points = [] }) {
  const along = [0, width, -rx, rx, ...points.filter((_, n) => n % 2 === 0)];
  const down = [0, height, -ry, ry, ...points.filter((_, n) => n % 2 === 1)];
  const [cos, sin] = [Math.cos(rotation * Math.PI / 180), Math.sin(rotation * Math.PI / 180)];
  const corners = [[Math.min, Math.min], [Math.min, Math.max], [Math.max, Math.min], [Math.max, Math.max]].map(([a, b]) => [a(...along), b(...down)]);
  const [xs, ys] = [corners.map(([a, b]) => x + a * cos - b * sin), corners.map(([a, b]) => y + a * sin + b * cos)];
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

// The usual distance between adjacent seats. Each hall is drawn in its own unit.
export function pitchOf({ n, x, y, rowOf, zoneOf }) {
  const steps = [];
  for (let i = 1; i < n; i += 1 + (n >> 9)) {
    if (rowOf[i] === rowOf[i - 1] && zoneOf[i] === zoneOf[i - 1]) steps.push(Math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]));
  }
  return steps.sort((a, b) => a - b)[steps.length >> 1] || 20;
}

// The box of the seats and the shapes around them, limited so that seats stay large.
export function roomOf({ box, shapes }) {
  const [wide, high] = [(box.right - box.left) / 2, (box.bottom - box.top) / 2];
  const all = hull([box, ...shapes.map(boxOf)]);
  return {
    left: Math.max(all.left, box.left - wide), right: Math.min(all.right, box.right + wide),
    top: Math.max(all.top, box.top - high), bottom: Math.min(all.bottom, box.bottom + high),
  };
}

// Runs of rows of one category, each with its outline; most sections are one.
function partsOf(plan, zone) {
  const parts = [];
  zone.rows.forEach((row) => {
    const category = plan.category[row.from];
    if (parts.at(-1)?.category === category) parts.at(-1).rows.push(row);
    else parts.push({ category, rows: [row] });
  });
  return parts.map(({ category, rows }) => ({ category, from: rows[0].from, to: rows.at(-1).to, free: 0, shown: 0, outline: outline({ rows }, plan.x, plan.y) }));
}

function measure(plan, zone) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (let i = zone.from; i < zone.to; i++) {
    box.left = Math.min(box.left, plan.x[i]);
    box.right = Math.max(box.right, plan.x[i]);
    box.top = Math.min(box.top, plan.y[i]);
    box.bottom = Math.max(box.bottom, plan.y[i]);
  }
  zone.box = box;
  zone.parts = partsOf(plan, zone);
}

const turnedBox = ({ left, top, right, bottom }) => ({ left: -bottom, right: -top, top: left, bottom: right });

// Turns the hall to this many clockwise quarter turns from how it was drawn.
export function turnPlan(plan, quarters) {
  const turn = (at) => { [at.x, at.y] = [-at.y, at.x]; };
  for (; plan.turned !== quarters; plan.turned = (plan.turned + 1) % 4) {
    for (let i = 0; i < plan.n; i++) {
      const x = plan.x[i];
      plan.x[i] = -plan.y[i];
      plan.y[i] = x;
    }
    if (plan.focal) turn(plan.focal);
    for (const shape of plan.shapes) {
      turn(shape);
      shape.rotation = (shape.rotation ?? 0) + 90;
    }
    for (const zone of plan.zones) {
      zone.box = turnedBox(zone.box);
      for (const part of zone.parts) part.outline = part.outline.map((_, n, all) => (n % 2 ? all[n - 1] : -all[n + 1]));
    }
    plan.box = turnedBox(plan.box);
    plan.room = turnedBox(plan.room);
  }
}

function hull(boxes) {
  return {
    left: Math.min(...boxes.map((b) => b.left)), right: Math.max(...boxes.map((b) => b.right)),
    top: Math.min(...boxes.map((b) => b.top)), bottom: Math.max(...boxes.map((b) => b.bottom)),
  };
}

// Two bits per seat, four seats per byte, lowest bits first.
export function readPicture(plan, octets, { version, line = '' }) {
  for (let i = 0; i < plan.n; i++) plan.state[i] = octets[i >> 2] >> (i & 3) * 2 & 3;
  Object.assign(plan, { version, line });
}

// The version of a picture and its journal branch, from the ETag: "17-0123456789abcdef", possibly with the suffix "-gzip".
export function markOf(etag) {
  const [, version, line] = /(\d+)(?:-([0-9a-f]{16}))?/.exec(etag);
  return { version: Number(version), line };
}

// Where a plan's request for changes starts: at the beginning if its picture is unusable (seat-service/web/live.js).
export function sinceOf({ version, line }) {
  const since = Math.max(version, 0);
  return line ? `${since}-${line}` : since;
}

export function applyChanges(plan, changes) {
  const kinds = [changes.free, changes.held, changes.sold, changes.blocked];
  kinds.forEach((places, state) => {
    for (const place of places ?? []) plan.state[place] = state;
  });
  Object.assign(plan, { version: changes.version, line: changes.line });
}

// For each section: its free seats, how many of them the visitor may take and pass the filter, and the cheapest category
// of those. For each category: the free seats that the visitor may take.
export function countFree(plan, wanted) {
  const { prices, category, state } = plan;
  const free = new Uint32Array(prices.length);
  for (const zone of plan.zones) {
    zone.free = 0;
    zone.shown = 0;
    zone.cheapest = -1;
    for (const part of zone.parts) {
      part.shown = 0;
      part.free = 0;
      for (let i = part.from; i < part.to; i++) {
        if (state[i] !== FREE) continue;
        const c = category[i];
        zone.free++;
        part.free++;
        if (!plan.mayTake(i)) continue;
        free[c]++;
        if (!wanted[c]) continue;
        part.shown++;
        if (zone.cheapest < 0 || prices[c] < prices[zone.cheapest]) zone.cheapest = c;
      }
      zone.shown += part.shown;
    }
  }
  plan.freeOf = free;
}

// A grid of squares with the seats in each, to find those near a point without scanning all seats.
export class Grid {
  constructor(plan, size = 60) {
    this.plan = plan;
    this.size = size;
    this.columns = Math.floor((plan.box.right - plan.box.left) / size) + 1;
    this.rows = Math.floor((plan.box.bottom - plan.box.top) / size) + 1;
    this.from = new Uint32Array(this.columns * this.rows + 1);
    this.seats = new Uint32Array(plan.n);
    const cells = new Uint32Array(plan.n);
    for (let i = 0; i < plan.n; i++) {
      cells[i] = this.cell(plan.x[i], plan.y[i]);
      this.from[cells[i] + 1]++;
    }
    for (let c = 1; c < this.from.length; c++) this.from[c] += this.from[c - 1];
    const next = this.from.slice();
    for (let i = 0; i < plan.n; i++) this.seats[next[cells[i]]++] = i;
  }

  column(x) { return Math.min(this.columns - 1, Math.max(0, Math.floor((x - this.plan.box.left) / this.size))); }

  row(y) { return Math.min(this.rows - 1, Math.max(0, Math.floor((y - this.plan.box.top) / this.size))); }

  cell(x, y) { return this.row(y) * this.columns + this.column(x); }

  within(left, top, right, bottom, visit) {
    for (let r = this.row(top); r <= this.row(bottom); r++) {
      for (let c = this.column(left); c <= this.column(right); c++) {
        const cell = r * this.columns + c;
        for (let s = this.from[cell]; s < this.from[cell + 1]; s++) visit(this.seats[s]);
      }
    }
  }

  // How many seats are in the cells that a box touches.
  count(left, top, right, bottom) {
    const { box } = this.plan;
    if (right < box.left || left > box.right || bottom < box.top || top > box.bottom) return 0;
    let sum = 0;
    for (let r = this.row(top); r <= this.row(bottom); r++) sum += this.from[r * this.columns + this.column(right) + 1] - this.from[r * this.columns + this.column(left)];
    return sum;
  }

  // The seat with the least `distance`, among those within reach; -1 if there is none.
  nearest(x, y, reach, distance = (i) => Math.hypot(this.plan.x[i] - x, this.plan.y[i] - y)) {
    let best = -1;
    let least = Infinity;
    this.within(x - reach, y - reach, x + reach, y + reach, (i) => {
      const d = distance(i);
      if (d < least && Math.hypot(this.plan.x[i] - x, this.plan.y[i] - y) <= reach) {
        best = i;
        least = d;
      }
    });
    return best;
  }

  // The nearest seat within reach that `counts` accepts. The search widens step by step: scanning all seats of a
  // stadium takes longer than a frame.
  closest(x, y, reach, counts = () => true) {
    const distance = (i) => (counts(i) ? Math.hypot(this.plan.x[i] - x, this.plan.y[i] - y) : Infinity);
    for (let tried = this.size; ; tried *= 1.6) {
      const found = this.nearest(x, y, Math.min(tried, reach), distance);
      if (found >= 0 || tried >= reach) return found;
    }
  }
}
