// map.js: the hall to look at: sections from afar, seats from near. It draws when something has
// changed and never otherwise. Fingers, wheel and keys move it; what is chosen it tells by `onTake`.

import { countFree, FREE, HELD, SOLD, Grid } from './plan.js';
import { LOOK, LOOKS, makePaint } from './paint.js';
import { Ground } from './ground.js';
import { say } from './kit.js';

const SEAT_WIDTH = 17; // in the plan, where neighbours stand 20 apart
const NEAR_PX = 5; // from this width of a seat on, seats are shown instead of sections
const NUMBER_PX = 17; // and from this one their numbers
const MOST_PX = 44;
const TAP_SLOP_PX = 8;
const FINGER_PX = 22;

export class SeatMap {
  // `box` holds three canvases: the ground for what the plan draws beside its seats, the lower for seats,
  // the upper for all that is few.
  constructor(box, { onTake, onPoint }) {
    this.box = box;
    this.onTake = onTake;
    this.onPoint = onPoint;
    this.plan = null;
    this.grid = null;
    this.mine = new Set();
    this.pending = new Set();
    this.cursor = -1;
    this.seatsDrawn = false;
    this.pointers = new Map();
    [this.soil, this.lower, this.upper] = box.querySelectorAll('canvas');
    this.context = this.upper.getContext('2d');
    this.view = { k: 1, x: 0, y: 0 };
  }

  // The hall from afar, to be looked at.
  show(plan) {
    this.plan = plan;
    this.wanted = plan.categories.map(() => true);
    this.paths = plan.zones.map((zone) => this.path(zone));
    this.ground = plan.shapes.length > 0 ? new Ground(this.soil, plan.shapes) : null;
    if (this.width) this.begin();
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  // What it takes to find seats and to draw them: from here on it can be used.
  furnish(plain) {
    this.grid = new Grid(this.plan);
    this.looks = new Uint8Array(this.plan.n);
    this.paint = makePaint(this.lower, this.plan, this.grid, plain);
    this.lower.addEventListener('webglcontextlost', (event) => event.preventDefault());
    this.lower.addEventListener('webglcontextrestored', () => { this.paint.setUp(); this.recolour(); });
    for (const wish of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)', '(forced-colors: active)']) matchMedia(wish).addEventListener('change', () => this.recolour());
    this.listen();
    if (this.width) this.recolour();
  }

  path(zone) {
    const path = new Path2D();
    const { outline } = zone;
    for (let n = 0; n < outline.length; n += 2) path.lineTo(outline[n], outline[n + 1] + (n ? 0 : 1)); // a single seat is seen, too
    path.closePath();
    return path;
  }

  // ---- what is seen ----

  resize() {
    this.ratio = Math.min(2, devicePixelRatio || 1);
    const first = this.width === undefined;
    const all = !first && this.whole && Math.abs(this.view.k / this.whole.k - 1) < 0.01;
    const [wide, high] = [this.width, this.height];
    this.width = this.box.clientWidth;
    this.height = this.box.clientHeight;
    if (this.width === 0) { this.width = undefined; return; }
    if (!first) { // what stood in the middle stays there
      this.view.x += (this.width - wide) / 2;
      this.view.y += (this.height - high) / 2;
    }
    const [across, down] = [this.width, this.height].map((size) => Math.round(size * this.ratio));
    for (const canvas of [this.soil, this.lower, this.upper]) {
      if (canvas.width === across && canvas.height === down) continue; // to set them empties it, and takes its time
      canvas.width = across;
      canvas.height = down;
    }
    if (!this.plan) return;
    if (first) { this.begin(); return; }
    if (all) this.showAll(); // who saw the whole hall goes on seeing it
    this.clamp();
    this.wake();
  }

  begin() {
    this.recolour();
    this.showAll();
  }

  fit(box, margin) {
    const k = Math.min((this.width - 2 * margin) / (box.right - box.left + SEAT_WIDTH), (this.height - 2 * margin) / (box.bottom - box.top + SEAT_WIDTH));
    return { k, x: this.width / 2 - k * (box.left + box.right) / 2, y: this.height / 2 - k * (box.top + box.bottom) / 2 };
  }

  showAll() {
    this.whole = this.fit(this.plan.room, 12);
    this.view = { ...this.whole };
    this.wake();
  }

  showZone(zone) {
    const view = this.fit(zone.box, 24);
    const least = NEAR_PX * 1.3 / SEAT_WIDTH;
    this.view = view.k >= least ? view : this.centred((zone.box.left + zone.box.right) / 2, (zone.box.top + zone.box.bottom) / 2, least);
    this.clamp();
    this.wake();
  }

  showSeats(places) {
    const near = Math.max(this.view.k, NUMBER_PX * 1.2 / SEAT_WIDTH);
    const mean = (values) => places.reduce((sum, i) => sum + values[i], 0) / places.length;
    this.view = this.centred(mean(this.plan.x), mean(this.plan.y), near);
    this.clamp();
    this.wake();
  }

  centred(x, y, k) {
    return { k, x: this.width / 2 - k * x, y: this.height / 2 - k * y };
  }

  // Never so far out that the hall is lost, nor so far in that a seat is a wall.
  clamp() {
    const { view, plan: { room: box } } = this;
    this.whole = this.fit(box, 12);
    const k = Math.min(MOST_PX / SEAT_WIDTH, Math.max(this.whole.k * 0.8, view.k));
    if (k !== view.k) this.zoom(k / view.k, this.width / 2, this.height / 2);
    const keep = (at, low, high, size) => Math.min(size * 0.7 - k * low, Math.max(size * 0.3 - k * high, at));
    view.x = keep(view.x, box.left, box.right, this.width);
    view.y = keep(view.y, box.top, box.bottom, this.height);
  }

  zoom(factor, x, y) {
    const { view } = this;
    const k = Math.min(MOST_PX / SEAT_WIDTH, Math.max(this.whole.k * 0.8, view.k * factor));
    view.x = x - (x - view.x) * k / view.k;
    view.y = y - (y - view.y) * k / view.k;
    view.k = k;
  }

  // Towards the seats nearest to the middle: the middle itself may be a playing field.
  zoomBy(factor) {
    const { view, plan } = this;
    const middle = [this.width / 2, this.height / 2];
    const seat = factor > 1 && this.grid ? this.grid.nearest((middle[0] - view.x) / view.k, (middle[1] - view.y) / view.k, 1e5) : -1;
    const [x, y] = seat < 0 ? middle : [plan.x[seat] * view.k + view.x, plan.y[seat] * view.k + view.y];
    this.zoom(factor, x, y);
    this.clamp();
    this.wake();
  }

  get near() { return this.grid !== null && this.view.k * SEAT_WIDTH >= NEAR_PX; }

  // ---- how a seat looks ----

  lookOf(i) {
    if (this.mine.has(i)) return LOOK.MINE;
    if (this.pending.has(i)) return LOOK.PENDING;
    const state = this.plan.state[i];
    if (state === FREE) return this.wanted[this.plan.category[i]] ? LOOK.FREE + this.plan.category[i] : LOOK.OTHER;
    return state === HELD ? LOOK.HELD : state === SOLD ? LOOK.SOLD : LOOK.BLOCKED;
  }

  // Everything again, in one go: so nothing flickers.
  refresh() {
    countFree(this.plan, this.wanted);
    if (this.grid) {
      for (let i = 0; i < this.plan.n; i++) this.looks[i] = this.lookOf(i);
      this.paint.setLooks(this.looks);
    }
    this.wake();
  }

  // Colour is never the only sign: what is gone is small, what is mine is large and ringed.
  recolour() {
    const style = getComputedStyle(this.box);
    const token = (name) => this.rgb(style.getPropertyValue(name).trim());
    this.tokens = Object.fromEntries(['ink', 'paper', 'raised', 'soft', 'line', 'mine', 'act'].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    if (this.grid) this.repaint(token);
    this.refresh();
  }

  repaint(token) {
    const palette = new Float32Array(LOOKS * 4);
    const set = (look, rgb, size) => palette.set([...rgb, size], look * 4);
    set(LOOK.MINE, token('--mine'), 1.15);
    set(LOOK.PENDING, token('--mine'), 0.6);
    set(LOOK.OTHER, token('--line'), 0.6);
    set(LOOK.HELD, token('--soft'), 0.35);
    set(LOOK.SOLD, token('--line'), 0.35);
    set(LOOK.BLOCKED, token('--line'), 0.2);
    this.plan.categories.forEach((category, c) => set(LOOK.FREE + c, this.rgb(category.color ?? '#3a6ea5'), 0.95));
    this.paint.setPalette(palette);
  }

  rgb(colour) {
    const plain = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
    if (plain) return plain.slice(1).map((hex) => Number.parseInt(hex, 16) / 255);
    this.probe ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    this.probe.fillStyle = colour;
    this.probe.fillRect(0, 0, 1, 1);
    return [...this.probe.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255);
  }

  // ---- drawing ----

  wake() {
    if (this.waking || !this.width) return;
    this.waking = true;
    requestAnimationFrame(() => {
      this.waking = false;
      this.draw();
    });
  }

  draw() {
    const { context, ratio, view } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.near) this.paint.draw(view, SEAT_WIDTH, ratio);
    else if (this.seatsDrawn) this.paint.clear();
    this.seatsDrawn = this.near;
    this.ground?.draw(view, ratio, this.tokens, (colour) => this.rgb(colour));
    if (!this.near) this.drawZones();
    this.drawStage();
    if (this.near) this.drawNames();
    else this.drawMine();
    this.drawCursor();
    if (this.near) this.drawMini();
  }

  drawZones() {
    const { context, ratio, view } = this;
    this.plan.zones.forEach((zone, z) => {
      const share = zone.shown / (zone.to - zone.from);
      context.setTransform(ratio * view.k, 0, 0, ratio * view.k, ratio * view.x, ratio * view.y);
      context.globalAlpha = zone.shown === 0 ? 0.12 : 0.35 + 0.65 * share;
      context.fillStyle = zone.shown === 0 ? this.tokens.soft : this.plan.categories[zone.category].color ?? '#3a6ea5';
      context.fill(this.paths[z]);
      context.globalAlpha = 1;
      context.lineWidth = 1 / view.k;
      context.strokeStyle = this.tokens.paper;
      context.stroke(this.paths[z]);
    });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.labelled = [];
    for (const zone of this.plan.zones) {
      const wide = (zone.box.right - zone.box.left) * view.k;
      if (wide > 60) this.label(zone.name, zone, String(zone.shown));
      else if (wide > 20) this.label(zone.name.split(' ').at(-1), zone, '');
    }
  }

  label(text, zone, below) {
    const { context, view } = this;
    const x = (zone.box.left + zone.box.right) / 2 * view.k + view.x;
    const y = (zone.box.top + zone.box.bottom) / 2 * view.k + view.y;
    context.font = '600 11px system-ui, sans-serif';
    const half = { x: context.measureText(text).width / 2 + 2, y: below ? 14 : 7 };
    const covers = (other) => Math.abs(other.x - x) < other.half.x + half.x && Math.abs(other.y - y) < other.half.y + half.y;
    if (this.labelled.some(covers)) return;
    this.labelled.push({ x, y, half });
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    context.lineWidth = 3;
    context.strokeStyle = this.tokens.paper;
    context.fillStyle = this.tokens.ink;
    for (const [line, at] of below ? [[text, y - 7], [below, y + 7]] : [[text, y]]) {
      context.strokeText(line, x, at);
      context.fillText(line, x, at);
    }
  }

  drawStage() {
    const { context, view, plan: { focal, box } } = this;
    if (!focal || this.ground?.names(focal, (box.right - box.left + box.bottom - box.top) / 4, view.k)) return;
    const x = focal.x * view.k + view.x;
    const y = focal.y * view.k + view.y;
    const text = say('map.stage');
    context.font = '700 12px system-ui, sans-serif';
    const width = context.measureText(text).width + 16;
    context.fillStyle = this.tokens.ink;
    context.beginPath();
    context.roundRect(x - width / 2, y - 11, width, 22, 6);
    context.fill();
    context.fillStyle = this.tokens.paper;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(text, x, y);
  }

  // From near: the numbers of seats, or the letters of rows, of what is in view.
  drawNames() {
    const { context, view, plan } = this;
    const wide = SEAT_WIDTH * view.k;
    const inView = (zone) => zone.box.right * view.k + view.x > 0 && zone.box.left * view.k + view.x < this.width &&
      zone.box.bottom * view.k + view.y > 0 && zone.box.top * view.k + view.y < this.height;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    this.labelled = [];
    for (const zone of plan.zones) {
      if (!inView(zone)) continue;
      if (wide < NUMBER_PX) { this.label(zone.name, zone, ''); continue; }
      for (const row of zone.rows) this.drawRow(row, wide);
    }
    for (const i of this.mine) this.ring(i, this.tokens.mine, 3);
  }

  drawRow(row, wide) {
    const { context, view, plan } = this;
    context.font = `600 ${Math.min(15, wide * 0.5)}px system-ui, sans-serif`;
    for (let i = row.from; i < row.to; i++) {
      const x = plan.x[i] * view.k + view.x;
      const y = plan.y[i] * view.k + view.y;
      if (x < -wide || y < -wide || x > this.width + wide || y > this.height + wide) continue;
      if (i === row.from) {
        const back = row.to - row.from > 1 ? [plan.x[i] - plan.x[i + 1], plan.y[i] - plan.y[i + 1]] : [-20, 0];
        context.fillStyle = this.tokens.soft;
        context.fillText(row.label, x + back[0] * view.k, y + back[1] * view.k);
      }
      const look = this.looks[i];
      if (look < LOOK.FREE && look !== LOOK.MINE) continue;
      context.fillStyle = look === LOOK.MINE ? this.tokens.paper : '#fff';
      context.fillText(plan.numbers[i], x, y);
    }
  }

  drawMine() {
    for (const i of this.mine) this.ring(i, this.tokens.mine, 4);
  }

  ring(i, colour, width) {
    const { context, view, plan } = this;
    context.beginPath();
    context.arc(plan.x[i] * view.k + view.x, plan.y[i] * view.k + view.y, Math.max(5, SEAT_WIDTH * view.k * 0.62), 0, 7);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }

  drawCursor() {
    if (this.cursor < 0 || document.activeElement !== this.upper) return;
    this.ring(this.cursor, this.tokens.ink, 3);
  }

  // Where in the hall we are; nothing to say where all of it is seen.
  drawMini() {
    const { context, plan: { box }, view } = this;
    const [left, top] = [Math.max(box.left, -view.x / view.k), Math.max(box.top, -view.y / view.k)];
    const [right, bottom] = [Math.min(box.right, (this.width - view.x) / view.k), Math.min(box.bottom, (this.height - view.y) / view.k)];
    if (right - left >= box.right - box.left && bottom - top >= box.bottom - box.top) return;
    const k = 64 / Math.max(box.right - box.left, box.bottom - box.top);
    const [w, h] = [(box.right - box.left) * k, (box.bottom - box.top) * k];
    const [x, y] = [this.width - w - 8, 8];
    context.fillStyle = this.tokens.paper;
    context.globalAlpha = 0.88;
    context.fillRect(x - 3, y - 3, w + 6, h + 6);
    context.globalAlpha = 1;
    context.setTransform(this.ratio * k, 0, 0, this.ratio * k, this.ratio * (x - box.left * k), this.ratio * (y - box.top * k));
    context.fillStyle = this.tokens.soft;
    for (const path of this.paths) context.fill(path);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.strokeStyle = this.tokens.mine;
    context.lineWidth = 2;
    context.strokeRect(x + (left - box.left) * k, y + (top - box.top) * k, Math.max(4, (right - left) * k), Math.max(4, (bottom - top) * k));
  }

  // ---- fingers, wheel, keys ----

  listen() {
    const at = (event) => {
      const box = this.upper.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.upper.addEventListener('pointerdown', (event) => {
      this.upper.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, at(event));
      this.tap = this.pointers.size === 1 ? at(event) : null;
    });
    this.upper.addEventListener('pointermove', (event) => {
      const to = at(event);
      if (this.pointers.has(event.pointerId)) this.drag(event.pointerId, to);
      else if (event.pointerType === 'mouse' && this.near) this.onPoint(this.seatAt(to, 0));
    });
    const end = (event) => {
      if (!this.pointers.delete(event.pointerId) || event.type === 'pointercancel') { this.tap = null; return; }
      if (this.tap && this.pointers.size === 0) this.touch(this.tap, event.pointerType === 'mouse' ? 0 : FINGER_PX);
      this.tap = null;
    };
    this.upper.addEventListener('pointerup', end);
    this.upper.addEventListener('pointercancel', end);
    this.upper.addEventListener('wheel', (event) => {
      event.preventDefault();
      const to = at(event);
      this.zoom(Math.exp(-Math.max(-80, Math.min(80, event.deltaY)) * 0.004), to.x, to.y);
      this.clamp();
      this.wake();
    }, { passive: false });
    this.upper.addEventListener('keydown', (event) => this.onKey(event));
    this.upper.addEventListener('focus', () => this.wake());
    this.upper.addEventListener('blur', () => this.wake());
  }

  drag(id, to) {
    const from = this.pointers.get(id);
    const others = [...this.pointers].filter(([other]) => other !== id);
    if (others.length > 0) {
      const fixed = others[0][1];
      const before = Math.hypot(from.x - fixed.x, from.y - fixed.y);
      const after = Math.hypot(to.x - fixed.x, to.y - fixed.y);
      if (before > 0) this.zoom(after / before, (to.x + fixed.x) / 2, (to.y + fixed.y) / 2);
      this.view.x += (to.x - from.x) / 2;
      this.view.y += (to.y - from.y) / 2;
    } else {
      if (this.tap && Math.hypot(to.x - this.tap.x, to.y - this.tap.y) < TAP_SLOP_PX) return;
      this.view.x += to.x - from.x;
      this.view.y += to.y - from.y;
    }
    this.tap = null;
    this.pointers.set(id, to);
    this.clamp();
    this.wake();
  }

  seatAt(at, reachPx) {
    const { view } = this;
    const reach = Math.max(SEAT_WIDTH * 0.6, Math.min(reachPx / view.k, SEAT_WIDTH * 1.5));
    return this.grid.nearest((at.x - view.x) / view.k, (at.y - view.y) / view.k, reach);
  }

  touch(at, reachPx) {
    if (!this.grid) return;
    if (!this.near) {
      const zone = this.zoneAt(at);
      if (zone) this.showZone(zone);
      else this.zoom(2, at.x, at.y);
      this.clamp();
      this.wake();
      return;
    }
    const seat = this.seatAt(at, reachPx);
    if (seat < 0) return;
    this.cursor = seat;
    this.onPoint(seat);
    this.onTake(seat);
    this.wake();
  }

  zoneAt(at) {
    const seat = this.grid.nearest((at.x - this.view.x) / this.view.k, (at.y - this.view.y) / this.view.k, FINGER_PX / this.view.k);
    return seat < 0 ? null : this.plan.zones[this.plan.zoneOf[seat]];
  }

  onKey(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrows[event.key]) this.step(...arrows[event.key]);
    else if (event.key === '+' || event.key === '=') this.zoomBy(1.5);
    else if (event.key === '-') this.zoomBy(1 / 1.5);
    else if (event.key === 'Home' || event.key === '0') this.showAll();
    else if ((event.key === 'Enter' || event.key === ' ') && this.cursor >= 0) this.onTake(this.cursor);
    else return;
    event.preventDefault();
  }

  // To the nearest seat that lies in that direction; the first step of all, to one in the middle.
  step(dx, dy) {
    if (!this.grid) return;
    const { plan, view } = this;
    const middle = [(this.width / 2 - view.x) / view.k, (this.height / 2 - view.y) / view.k];
    let next;
    if (this.cursor < 0) {
      next = this.grid.nearest(...middle, 1e5, (i) => (plan.state[i] === FREE ? 0 : 1e5) + Math.hypot(plan.x[i] - middle[0], plan.y[i] - middle[1]));
    } else {
      const [x, y] = [plan.x[this.cursor], plan.y[this.cursor]];
      const cost = (i) => {
        const along = (plan.x[i] - x) * dx + (plan.y[i] - y) * dy;
        const aside = Math.abs((plan.x[i] - x) * dy) + Math.abs((plan.y[i] - y) * dx);
        return along > 4 && along > aside * 0.5 ? along + 2 * aside : Infinity;
      };
      next = this.grid.nearest(x, y, 70, cost);
      if (next < 0) next = this.grid.nearest(x, y, 900, cost);
    }
    if (next < 0) return;
    this.cursor = next;
    if (!this.near) view.k = NUMBER_PX * 1.2 / SEAT_WIDTH;
    const [px, py] = [plan.x[next] * view.k + view.x, plan.y[next] * view.k + view.y];
    if (px < 40 || py < 40 || px > this.width - 40 || py > this.height - 40) this.view = this.centred(plan.x[next], plan.y[next], view.k);
    this.onPoint(next);
    this.wake();
  }
}
