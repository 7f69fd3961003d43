// map.js: the map of the hall: sections from afar, seats from near, one fading into the other. It draws only when
// something has changed. Fingers, wheel and keys move it. `onAsk` reports a pressed seat, whose card is then drawn next
// to it.
//
// On a portrait screen a hall whose stage is at a side is turned, so that the stage is on top.

import { BLOCKED, countFree, FREE, HELD, SOLD, Grid, pitchOf, roomOf, turnPlan } from './plan.js';
import { LOOK, LOOKS, makePaint, signsOf, toneOf } from './paint.js';
import { Ground } from './ground.js';
import { Sections } from './sections.js';
import { Fingers } from './fingers.js';
import { css, mix, rgbOf } from './colours.js';
import { say } from './kit.js';

const SEAT_SHARE = 0.85; // seat width as a share of the distance between neighbours
const NEAR_PX = 5; // seats at least this wide are shown,
const ALL_NEAR_PX = 9; // and at this width sections have faded out
const AIM_PX = 12; // a press on smaller seats zooms in
const NUMBER_PX = 17; // seats this wide show their numbers
const CLOSE_PX = 24; // least seat width after a press on a section
const MOST_PX = 44;
const FINGER_PX = 22;
const PALE = 0.4; // share of its colour that a filtered-out free seat keeps
const GLIDE_MS = 220;
const STAGE_PX = 22; // height of the stage's label
const STAGE_REACH = 0.25; // share of the hall's width: a shape this near to the focal point is the stage
const MARGIN_PX = 12;

// A point of the plan after clockwise quarter turns.
function turned({ x, y }, quarters) {
  for (let n = 0; n < quarters; n++) [x, y] = [-y, x];
  return { x, y };
}

export class SeatMap {
  // `box` holds three canvases: `soil` for sections and the plan's shapes, `lower` for seats, `upper` for labels and
  // marks.
  constructor(box, { onAsk, onPoint, onView }) {
    Object.assign(this, { box, onAsk, onPoint, onView });
    this.plan = null;
    this.grid = null;
    this.mine = new Set();
    this.pending = new Set();
    this.cursor = -1;
    this.asked = -1;
    this.here = -1; // the section in the middle
    this.stageX = this.stageY = this.stageWide = 0; // the stage's label, if it is not on its shape
    this.news = 0; // rises when free or wanted seats change, or the hall turns
    this.price = () => ''; // formatted price of a category, once known
    this.tags = this.marks = this.offers = this.rows = this.card = null; // set by sale.js: prices on the map, marks on seats, offered choices, names of rows, a seat's card
    this.seatsDrawn = false;
    [this.soil, this.lower, this.upper] = box.querySelectorAll('canvas');
    this.context = this.upper.getContext('2d');
    this.earth = this.soil.getContext('2d');
    this.view = { k: 1, x: 0, y: 0 };
    this.taken = { top: 0, right: 0, bottom: 0 };
    this.goal = null; // where the view is gliding to
    this.steady = null; // middle in the unturned plan, and scale, to keep when the screen turns
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
  }

  // Shows the hall from afar: visible, but not yet usable.
  show(plan) {
    this.plan = plan;
    this.pitch = pitchOf(plan);
    this.seat = SEAT_SHARE * this.pitch;
    if (plan.shapes.length === 0 && plan.n > 0) this.addStage();
    this.wanted = plan.categories.map(() => true);
    this.signs = signsOf(plan.prices); // they stay when a price changes
    this.upright = this.quarters();
    this.sections = new Sections(plan);
    this.ground = new Ground(this.earth, plan.shapes);
    this.findStage();
    if (this.width) this.begin();
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  // Adds what finding and drawing seats needs. From here on the map is usable.
  furnish(plain) {
    this.grid = new Grid(this.plan);
    this.looks = new Uint8Array(this.plan.n);
    this.paint = makePaint(this.lower, this.plan, this.grid, plain);
    this.lower.addEventListener('webglcontextlost', (event) => event.preventDefault());
    this.lower.addEventListener('webglcontextrestored', () => { this.paint.setUp(); this.recolour(); });
    for (const wish of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)', '(forced-colors: active)']) matchMedia(wish).addEventListener('change', () => this.recolour());
    this.listen();
    this.recolour(); // also behind the list: this colours the filter's swatches
  }

  // A plan without shapes gets a stage at its focal point, clear of the seats.
  addStage() {
    const { pitch, plan, plan: { box, focal } } = this;
    const [wide, high] = [box.right - box.left, box.bottom - box.top];
    const [aside, down] = [(focal.x - (box.left + box.right) / 2) / (wide + 1), (focal.y - (box.top + box.bottom) / 2) / (high + 1)];
    const depth = 2 * pitch;
    const clear = (at, low, high_, side) => (side <= 0 ? Math.min(at, low - 1.5 * pitch) - depth : Math.max(at, high_ + 1.5 * pitch));
    const inside = Math.max(Math.abs(aside), Math.abs(down)) < 0.3 && Math.min(wide, high) > 8 * pitch; // seats surround it
    const across = Math.abs(aside) > Math.abs(down);
    const length = Math.max(5 * pitch, 0.4 * (across ? high : wide));
    const stage = inside ? { x: focal.x - depth, y: focal.y - depth, width: 2 * depth, height: 2 * depth }
      : across ? { x: clear(focal.x, box.left, box.right, aside), y: focal.y - length / 2, width: depth, height: length }
        : { x: focal.x - length / 2, y: clear(focal.y, box.top, box.bottom, down), width: length, height: depth };
    plan.shapes.push({ shape: 'rectangle', color: '#4a5260', ...stage, text: { text: say('map.stage'), size: pitch, color: '#ffffff', x: stage.width / 2, y: stage.height / 2 } });
    const room = roomOf(plan);
    plan.room = { ...room, left: room.left - pitch, right: room.right + pitch }; // for the row letters
  }

  findStage() {
    const { room, focal } = this.plan;
    this.stageBox = this.ground.stage(focal, STAGE_REACH * (room.right - room.left));
  }

  // ---- orientation ----

  // How many clockwise quarter turns bring the stage from a side to the top.
  quarters() {
    const { focal, box } = this.plan;
    const [aside, down] = [(focal.x - (box.left + box.right) / 2) / (box.right - box.left + 1), (focal.y - (box.top + box.bottom) / 2) / (box.bottom - box.top + 1)];
    return Math.abs(aside) <= Math.abs(down) ? 0 : aside < 0 ? 1 : 3;
  }

  turn() {
    const wanted = innerHeight > innerWidth ? this.upright : 0; // the screen's shape, not the map's: the map gets lower when seats are held
    if (this.plan.turned === wanted) return;
    turnPlan(this.plan, wanted);
    this.sections.shape();
    this.ground.shape(this.plan.shapes);
    this.findStage();
    this.news += 1;
    if (!this.grid) return;
    this.grid = new Grid(this.plan);
    this.paint.move(this.grid);
  }

  // ---- what is seen ----

  resize() {
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.away = this.box.clientWidth === 0; // hidden behind the list: keeps its size
    if (this.away) {
      this.marks?.rest();
      return;
    }
    const first = this.width === undefined;
    const all = !first && this.whole && Math.abs((this.goal ?? this.view).k / this.whole.k - 1) < 0.01;
    const [wide, high] = [this.width, this.height];
    this.width = this.box.clientWidth;
    this.height = this.box.clientHeight;
    const { paddingTop, paddingRight, paddingBottom } = getComputedStyle(this.box); // the room that its controls take
    this.taken = { top: Number.parseFloat(paddingTop), right: Number.parseFloat(paddingRight), bottom: Number.parseFloat(paddingBottom) };
    const [across, down] = [this.width, this.height].map((size) => Math.round(size * this.ratio));
    for (const canvas of [this.soil, this.lower, this.upper]) {
      if (canvas.width === across && canvas.height === down) continue; // setting them clears it, and is slow
      canvas.width = across;
      canvas.height = down;
    }
    if (!this.plan) return;
    if (first) { this.begin(); return; }
    this.halt();
    const before = this.steady ?? { k: this.view.k, middle: turned(this.at(wide / 2, high / 2), (4 - this.plan.turned) % 4) };
    this.turn();
    if (all) { this.showAll(false); return; } // a visitor who saw the whole hall still sees it
    const { x, y } = turned(before.middle, this.plan.turned);
    this.see({ k: before.k, x: this.width / 2 - before.k * x, y: this.height / 2 - before.k * y }, false);
    this.steady = before; // kept until the visitor moves the map: see() may have limited the scale
  }

  begin() {
    this.turn();
    this.recolour();
    this.showAll(false);
  }

  // The view that shows the box clear of the map's controls.
  fit(box, margin) {
    const { top, right, bottom } = this.taken;
    const [wide, high] = [this.width - right, this.height - top - bottom];
    const k = Math.min((wide - 2 * margin) / (box.right - box.left + this.seat), (high - 2 * margin) / (box.bottom - box.top + this.seat));
    return { k, x: wide / 2 - k * (box.left + box.right) / 2, y: top + high / 2 - k * (box.top + box.bottom) / 2 };
  }

  showAll(glide = true) {
    this.whole = this.fit(this.plan.room, MARGIN_PX);
    this.see({ ...this.whole }, glide);
  }

  // Zooms in until the section's seats can be pressed. Stays around the pressed point, as a section may be larger
  // than the screen.
  showZone(zone, at) {
    const k = Math.max(CLOSE_PX / this.seat, this.fit(zone.box, MARGIN_PX).k);
    const middle = (from, to, wanted, size) => (to - from < size / k ? (from + to) / 2 : Math.min(to - size / k / 2, Math.max(from + size / k / 2, wanted)));
    this.see(this.centred(middle(zone.box.left, zone.box.right, at.x, this.width), middle(zone.box.top, zone.box.bottom, at.y, this.height), k));
  }

  showSeats(places) {
    const mean = (values) => places.reduce((sum, i) => sum + values[i], 0) / places.length;
    this.see(this.centred(mean(this.plan.x), mean(this.plan.y), Math.max((this.goal ?? this.view).k, NUMBER_PX * 1.2 / this.seat)));
  }

  centred(x, y, k) {
    const { k: kept } = this.clamped({ k, x: 0, y: 0 });
    return { k: kept, x: this.width / 2 - kept * x, y: this.height / 2 - kept * y };
  }

  // Limits a view, so that neither is the hall lost nor does one seat fill the screen.
  clamped(view) {
    const { room: box } = this.plan;
    this.whole = this.fit(box, MARGIN_PX);
    const out = view.k < this.whole.k * 0.8 || view.k > MOST_PX / this.seat ? this.zoomed(view, 1, this.width / 2, this.height / 2) : view;
    const keep = (at, low, high, size) => Math.min(size * 0.7 - out.k * low, Math.max(size * 0.3 - out.k * high, at));
    return { k: out.k, x: keep(out.x, box.left, box.right, this.width), y: keep(out.y, box.top, box.bottom, this.height) };
  }

  zoomed(view, factor, x, y) {
    const k = Math.min(MOST_PX / this.seat, Math.max(this.whole.k * 0.8, view.k * factor));
    return { k, x: x - (x - view.x) * k / view.k, y: y - (y - view.y) * k / view.k };
  }

  // Moves to the view, gliding if `glide`. A move during a glide starts from the glide's goal.
  see(view, glide = true) {
    if (!this.width) return; // not shown yet
    this.steady = null;
    const goal = this.clamped(view);
    this.halt();
    if (!glide || this.away || this.still.matches || !this.grid) {
      this.view = goal;
      this.wake();
      return;
    }
    this.goal = goal;
    this.box.dataset.gliding = '';
    const [from, began] = [this.view, performance.now()];
    const middle = ({ k, x, y }) => [(this.width / 2 - x) / k, (this.height / 2 - y) / k];
    const [a, b] = [middle(from), middle(goal)];
    const step = () => {
      const t = Math.min(1, (performance.now() - began) / GLIDE_MS);
      if (t === 1) { this.halt(); return; }
      const eased = 1 - (1 - t) ** 3;
      const k = from.k * (goal.k / from.k) ** eased;
      const share = Math.abs(goal.k / from.k - 1) < 0.01 ? eased : (1 / from.k - 1 / k) / (1 / from.k - 1 / goal.k); // linear in 1/k: one point stays in place
      this.view = { k, x: this.width / 2 - k * (a[0] + (b[0] - a[0]) * share), y: this.height / 2 - k * (a[1] + (b[1] - a[1]) * share) };
      this.draw();
      this.glide = requestAnimationFrame(step);
    };
    this.glide = requestAnimationFrame(step);
  }

  // Ends a glide: the view jumps to its goal.
  halt() {
    cancelAnimationFrame(this.glide);
    cancelAnimationFrame(this.fingers?.flying);
    if (this.goal) {
      this.view = this.goal;
      this.wake();
    }
    this.goal = null;
    delete this.box.dataset.gliding;
  }

  // Zooms in on the seat nearest to the middle: the middle itself may be a playing field.
  zoomBy(factor) {
    const { plan } = this;
    const view = this.goal ?? this.view;
    const middle = [this.width / 2, this.height / 2];
    const seat = factor > 1 && this.grid ? this.grid.closest((middle[0] - view.x) / view.k, (middle[1] - view.y) / view.k, 1e5) : -1;
    const [x, y] = seat < 0 ? middle : [plan.x[seat] * view.k + view.x, plan.y[seat] * view.k + view.y];
    this.see(this.zoomed(view, factor, x, y));
  }

  get seatPx() { return this.view.k * this.seat; }

  get near() { return this.grid !== null && this.seatPx >= NEAR_PX; }

  // ---- how a seat looks ----

  setLooks() {
    const { looks, plan: { n, state, category, mayTake } } = this;
    const free = this.wanted.map((wanted, c) => (wanted ? LOOK.FREE : LOOK.OTHER) + c);
    const taken = { [HELD]: LOOK.HELD, [SOLD]: LOOK.SOLD, [BLOCKED]: LOOK.BLOCKED };
    for (let i = 0; i < n; i++) looks[i] = state[i] !== FREE ? taken[state[i]] : mayTake(i) ? free[category[i]] : LOOK.OTHER + category[i];
    for (const i of this.pending) looks[i] = LOOK.PENDING;
    for (const i of this.mine) looks[i] = LOOK.MINE;
    this.paint.setLooks(looks);
  }

  // Updates all seats in one go, so that nothing flickers.
  refresh() {
    countFree(this.plan, this.wanted);
    this.news += 1;
    if (this.grid) this.setLooks();
    this.wake();
  }

  recolour() {
    const style = getComputedStyle(this.box);
    const token = (name) => rgbOf(style.getPropertyValue(name).trim());
    this.tokens = Object.fromEntries(['ink', 'paper', 'raised', 'soft', 'line', 'signal', 'on-signal', 'on-cat', 'crowd'].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.tokens.font = style.fontFamily;
    this.paints = this.signs.map((sign) => {
      const rgb = token(`--cat-${toneOf(sign) + 1}`);
      return { rgb, css: css(rgb), ink: this.tokens['on-cat'] };
    });
    this.box.dispatchEvent(new Event('recolour'));
    if (this.grid) this.repaint(token);
    this.refresh();
  }

  // Colour is never the only sign: taken seats are small dots, each category has its silhouette, the visitor's seats
  // are large dots with a ring. Grey always means taken; what the filter leaves out is pale.
  repaint(token) {
    const palette = new Float32Array(LOOKS * 4);
    const set = (look, rgb, size, sign = 0) => palette.set([...rgb, size + 2 * sign], look * 4);
    set(LOOK.MINE, token('--crowd'), 0.35); // under the visitor's dot (marks.js)
    set(LOOK.PENDING, token('--signal'), 0.6);
    set(LOOK.HELD, token('--crowd'), 0.35);
    set(LOOK.SOLD, token('--crowd'), 0.35);
    set(LOOK.BLOCKED, token('--crowd'), 0.2);
    this.paints.forEach(({ rgb }, c) => {
      set(LOOK.FREE + c, rgb, 1, this.signs[c]);
      set(LOOK.OTHER + c, mix(rgb, token('--raised'), PALE), 0.75, this.signs[c]);
    });
    this.paint.setPalette(palette);
  }

  // ---- drawing ----

  wake() {
    if (this.waking || this.away || !this.width) return;
    this.waking = true;
    requestAnimationFrame(() => {
      this.waking = false;
      this.draw();
    });
  }

  draw() {
    const { context, earth, ratio, view, tokens, paints } = this;
    for (const one of [context, earth]) {
      one.setTransform(1, 0, 0, 1, 0, 0);
      one.clearRect(0, 0, this.upper.width, this.upper.height);
    }
    const far = this.grid ? Math.min(1, Math.max(0, (ALL_NEAR_PX - this.seatPx) / (ALL_NEAR_PX - NEAR_PX))) : 1;
    this.here = this.near && this.view.k > this.whole.k * 1.05 ? this.zoneInTheMiddle() : -1;
    this.ground.draw(view, ratio, tokens);
    this.sections.fill(earth, view, ratio, { tokens, paints, far, here: this.here });
    if (this.near) {
      this.lower.style.opacity = 1 - far;
      this.paint.draw(view, this.seat, ratio, this.stretches());
    } else if (this.seatsDrawn) this.paint.clear();
    this.seatsDrawn = this.near;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawStage();
    if (this.near && this.seatPx >= NUMBER_PX) { if (!this.goal) this.drawNumbers(); } // numbers are slow to draw, so not during a glide
    else this.sections.label(context, view, tokens, paints, { seen: (zone) => this.sees(zone.box), lines: (zone) => this.linesOf(zone), tags: this.tags });
    this.marks?.draw();
    if (this.near && this.seatPx >= AIM_PX) this.rows?.draw();
    this.card?.place();
    this.onView();
  }

  sees({ left, top, right, bottom }) {
    const { k, x, y } = this.view;
    const seat = this.seatPx; // the box ends at the middles of its outermost seats
    return right * k + x > -seat && left * k + x < this.width + seat && bottom * k + y > -seat && top * k + y < this.height + seat;
  }

  // The ranges of seats of the sections in view.
  stretches() {
    const out = [];
    for (const zone of this.plan.zones) {
      if (!this.sees(zone.box)) continue;
      if (out.at(-1)?.to === zone.from) out.at(-1).to = zone.to;
      else out.push({ from: zone.from, to: zone.to });
    }
    return out;
  }

  // The lines below a section's name: the lowest price, and the seats left.
  linesOf(zone) {
    if (zone.shown === 0) return [];
    const price = this.price(zone.cheapest);
    return [price && (zone.parts.length > 1 ? say('map.from', price) : price), say('map.left', zone.shown)].filter(Boolean);
  }

  at(x, y) {
    return { x: (x - this.view.x) / this.view.k, y: (y - this.view.y) / this.view.k };
  }

  zoneInTheMiddle() {
    const { x, y } = this.at(this.width / 2, this.height / 2);
    const seat = this.grid.closest(x, y, Math.min(this.width, this.height) / 2 / this.view.k);
    return seat < 0 ? -1 : this.plan.zoneOf[seat];
  }

  // The direction of the stage from the middle, clockwise from the top in eighths of a turn.
  get stageAt() {
    const { x, y } = this.at(this.width / 2, this.height / 2);
    const { focal } = this.plan;
    return Math.round(Math.atan2(focal.x - x, y - focal.y) / Math.PI * 4 + 8) % 8;
  }

  // Draws the stage's label on its shape if there is room, otherwise next to it: away from the seats if the map has
  // room there.
  drawStage() {
    const { context, view: { k, x: left, y: top }, tokens, stageBox, taken, plan: { focal, box } } = this;
    this.stageWide = 0;
    if (this.ground.names(focal, (box.right - box.left + box.bottom - box.top) / 4, k)) return;
    const text = say('map.stage');
    context.font = `700 12px ${tokens.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const width = context.measureText(text).width + 16;
    let [x, y] = [focal.x * k + left, focal.y * k + top];
    if (stageBox) {
      const [wide, high] = [(stageBox.right - stageBox.left) * k, (stageBox.bottom - stageBox.top) * k];
      [x, y] = [(stageBox.left + stageBox.right) / 2 * k + left, (stageBox.top + stageBox.bottom) / 2 * k + top];
      if (wide >= width && high >= STAGE_PX) {
        context.lineWidth = 3;
        context.strokeStyle = tokens.paper;
        context.strokeText(text, x, y);
        context.fillStyle = tokens.ink;
        context.fillText(text, x, y);
        return;
      }
      const [aside, down] = [focal.x - (box.left + box.right) / 2, focal.y - (box.top + box.bottom) / 2];
      if (Math.abs(aside) * (box.bottom - box.top) > Math.abs(down) * (box.right - box.left)) {
        const off = (wide + width) / 2 + 4;
        const outside = x + Math.sign(aside) * off;
        x = outside - width / 2 < 4 || outside + width / 2 > this.width - taken.right - 4 ? x - Math.sign(aside) * off : outside;
      } else {
        const off = (high + STAGE_PX) / 2 + 4;
        const outside = y + (down <= 0 ? -off : off);
        y = outside - STAGE_PX / 2 < taken.top + 4 || outside + STAGE_PX / 2 > this.height - taken.bottom - 4 ? y + (down <= 0 ? off : -off) : outside;
      }
    }
    [this.stageX, this.stageY, this.stageWide] = [x, y, width];
    context.fillStyle = tokens.ink;
    context.beginPath();
    context.roundRect(x - width / 2, y - STAGE_PX / 2, width, STAGE_PX, 6);
    context.fill();
    context.fillStyle = tokens.paper;
    context.fillText(text, x, y);
  }

  drawNumbers() {
    this.context.textAlign = 'center';
    this.context.textBaseline = 'middle';
    this.context.font = `600 ${Math.min(15, this.seatPx * 0.5)}px ${this.tokens.font}`;
    for (const zone of this.plan.zones) if (this.sees(zone.box)) for (const row of zone.rows) this.drawRow(row);
  }

  drawRow(row) {
    const { context, view, plan, seatPx: wide } = this;
    for (let i = row.from; i < row.to; i++) {
      const x = plan.x[i] * view.k + view.x;
      const y = plan.y[i] * view.k + view.y;
      if (x < -wide || y < -wide || x > this.width + wide || y > this.height + wide) continue;
      const look = this.looks[i];
      if (look < LOOK.FREE || look >= LOOK.OTHER) continue;
      context.fillStyle = this.paints[look - LOOK.FREE].ink;
      context.fillText(plan.numberOf(i), x, y);
    }
  }

  // ---- fingers ----

  listen() {
    const at = ({ x, y }) => this.at(x, y);
    this.fingers = new Fingers(this.upper, {
      still: () => this.halt(),
      pan: (dx, dy) => this.see({ ...this.view, x: this.view.x + dx, y: this.view.y + dy }, false),
      pinch: (factor, x, y) => this.see(this.zoomed(this.view, factor, x, y), false),
      hover: (to) => { if (this.near) this.onPoint(to ? this.seatAt(to, 0) : -1); },
      twice: (to) => {
        this.onAsk(-1);
        if (this.seatPx * 2 < MOST_PX * 1.5 && this.under(at(to)) >= 0) this.see(this.zoomed(this.view, 2, to.x, to.y));
      },
      tap: (to, kind) => this.tap(to, at(to), kind),
    });
  }

  seatAt(to, reachPx) {
    const { x, y } = this.at(to.x, to.y);
    return this.grid.nearest(x, y, Math.max(this.seat * 0.6, Math.min(reachPx / this.view.k, this.seat * 1.5)));
  }

  // The seat nearest to a finger, however small it is.
  under(place) {
    return this.grid.closest(place.x, place.y, FINGER_PX / this.view.k);
  }

  // Zooms in while seats are too small to aim at, then reports the seat. Empty ground does not zoom: no seat would be
  // in view.
  tap(to, place, kind) {
    if (this.seatPx < AIM_PX) {
      const seat = this.under(place);
      if (seat >= 0) this.showZone(this.plan.zones[this.plan.zoneOf[seat]], { x: this.plan.x[seat], y: this.plan.y[seat] });
      return;
    }
    const seat = this.seatAt(to, kind === 'mouse' ? 0 : FINGER_PX);
    if (seat < 0) {
      this.onAsk(-1);
      return;
    }
    this.cursor = seat;
    this.onPoint(seat);
    this.onAsk(seat);
    this.wake();
  }
}
