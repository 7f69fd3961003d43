// map.js: the hall on a canvas, for choosing seats: by click, by rectangle, by keys. A seat's state shows as colour and
// shape (blocked seats are hollow); chosen seats have a ring.

import { say } from './kit.js';
import { onScheme } from './scheme.js';
import { BLOCKED, FREE, Grid, pitchOf } from './plan.js';

const KINDS = ['free', 'held', 'sold', 'blocked'];
const NEAR_PX = 18; // between seats, after a move by keys
const NEAREST_PX = 48;
const TAP_PX = 6; // a press that moved less is a click
const REACH_PX = 18; // for a finger
const CHOSEN_MAX = 2000;

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class HallMap {
  // {onSeat(place): the cursor has moved here, onChosen(): the selection has changed}
  constructor(canvas, plan, { onSeat, onChosen }) {
    Object.assign(this, { canvas, plan, onSeat, onChosen });
    this.grid = new Grid(plan);
    this.pitch = pitchOf(plan);
    this.chosen = new Set();
    this.cursor = -1;
    this.byArea = false;
    this.pointers = new Map();
    this.area = null;
    this.frame = 0;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(canvas);
    this.unwatch = onScheme(() => this.draw());
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', (event) => this.up(event));
    canvas.addEventListener('pointercancel', (event) => this.up(event));
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('keydown', (event) => this.key(event));
    this.resize();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.watch.disconnect();
    this.unwatch();
  }

  // ---- where things are ----

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || (width === this.width && height === this.height)) return;
    Object.assign(this, { width, height });
    this.canvas.width = width * devicePixelRatio;
    this.canvas.height = height * devicePixelRatio;
    this.all();
  }

  all() {
    const { left, top, right, bottom } = this.plan.box;
    this.scale = Math.min(this.width / (right - left + 2 * this.pitch), this.height / (bottom - top + 2 * this.pitch));
    this.least = this.scale * 0.8;
    this.centre = { x: (left + right) / 2, y: (top + bottom) / 2 };
    this.draw();
  }

  toPlan({ x, y }) {
    return { x: (x - this.width / 2) / this.scale + this.centre.x, y: (y - this.height / 2) / this.scale + this.centre.y };
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  zoom(by, around = { x: this.width / 2, y: this.height / 2 }) {
    const before = this.toPlan(around);
    this.scale = Math.min(NEAREST_PX / this.pitch, Math.max(this.least, this.scale * by));
    const after = this.toPlan(around);
    this.centre.x += before.x - after.x;
    this.centre.y += before.y - after.y;
    this.draw();
  }

  // ---- pointers ----

  down(event) {
    if (event.button > 0) return; // opens the browser's menu
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.at(event);
    this.pointers.set(event.pointerId, { ...at, from: at, moved: false });
    if (this.pointers.size === 1 && (this.byArea || event.shiftKey)) this.area = { from: at, to: at };
    else this.area = null;
  }

  move(event) {
    const one = this.pointers.get(event.pointerId);
    if (one === undefined) return;
    const at = this.at(event);
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, pointer]) => pointer);
    if (Math.hypot(at.x - one.from.x, at.y - one.from.y) > TAP_PX) one.moved = true;
    if (others.length > 0) { // two fingers: their distance zooms
      const [other] = others;
      const before = Math.hypot(one.x - other.x, one.y - other.y);
      const after = Math.hypot(at.x - other.x, at.y - other.y);
      if (before > 0) this.zoom(after / before, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
    } else if (this.area !== null) {
      this.area.to = at;
    } else if (one.moved) {
      this.centre.x -= (at.x - one.x) / this.scale;
      this.centre.y -= (at.y - one.y) / this.scale;
    }
    Object.assign(one, at);
    this.draw();
  }

  up(event) {
    const one = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    const area = this.area;
    this.area = null;
    if (one === undefined || event.type === 'pointercancel') return;
    if (area !== null && one.moved) this.chooseArea(this.toPlan(area.from), this.toPlan(area.to));
    else if (!one.moved) this.toggle(this.near(this.toPlan(one)));
    this.draw();
  }

  near({ x, y }) {
    return this.grid.nearest(x, y, Math.max(this.pitch / 2, REACH_PX / this.scale));
  }

  wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), this.at(event));
  }

  // ---- keys ----

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in steps) this.step(...steps[event.key], event.shiftKey);
    else if (event.key === ' ' || event.key === 'Enter') this.toggle(this.cursor);
    else if (event.key === '+' || event.key === '=') this.zoom(1.5);
    else if (event.key === '-') this.zoom(1 / 1.5);
    else if (event.key === '0') this.all();
    else if (event.key === 'Escape' && this.chosen.size > 0) this.clear();
    else return;
    event.preventDefault();
    this.draw();
  }

  // The next seat in that direction: distance off the line costs more than distance along it.
  step(dx, dy, choosing) {
    const { plan } = this;
    if (this.cursor < 0) {
      this.go(this.grid.nearest(this.centre.x, this.centre.y, Math.hypot(plan.box.right - plan.box.left, plan.box.bottom - plan.box.top)));
      return;
    }
    const x = plan.x[this.cursor];
    const y = plan.y[this.cursor];
    const here = this.cursor;
    for (let reach = 2 * this.pitch; reach < 200 * this.pitch; reach *= 4) {
      const next = this.grid.nearest(x, y, reach, (i) => {
        const along = (plan.x[i] - x) * dx + (plan.y[i] - y) * dy;
        const off = Math.abs((plan.x[i] - x) * dy) + Math.abs((plan.y[i] - y) * dx);
        return i === here || along < this.pitch / 20 ? Infinity : along + 3 * off;
      });
      if (next < 0) continue;
      if (choosing) this.choose([here, next]);
      this.go(next);
      return;
    }
  }

  go(place) {
    if (place < 0) return;
    this.cursor = place;
    this.scale = Math.max(this.scale, NEAR_PX / this.pitch);
    const [x, y] = [this.plan.x[place], this.plan.y[place]];
    const edge = { x: this.width / 2 / this.scale * 0.8, y: this.height / 2 / this.scale * 0.8 };
    if (Math.abs(x - this.centre.x) > edge.x || Math.abs(y - this.centre.y) > edge.y) this.centre = { x, y };
    this.onSeat(place);
    this.draw();
  }

  // ---- choosing ----

  toggle(place) {
    if (place < 0) return;
    if (this.chosen.has(place)) this.chosen.delete(place);
    else if (this.chosen.size < CHOSEN_MAX) this.chosen.add(place);
    this.cursor = place;
    this.onSeat(place);
    this.onChosen();
  }

  choose(places) {
    for (const place of places) if (this.chosen.size < CHOSEN_MAX) this.chosen.add(place);
    this.onChosen();
    this.draw();
  }

  chooseArea(a, b) {
    const found = [];
    const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
    const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
    const { x, y, state } = this.plan;
    this.grid.within(left, top, right, bottom, (i) => {
      const inside = x[i] >= left && x[i] <= right && y[i] >= top && y[i] <= bottom;
      if (inside && (state[i] === FREE || state[i] === BLOCKED)) found.push(i);
    });
    this.choose(found);
  }

  clear() {
    this.chosen.clear();
    this.onChosen();
    this.draw();
  }

  // ---- painting ----

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  // The names of sections that have room for them, and where the stage is.
  paintNames(pen) {
    const { plan, scale } = this;
    const at = (x, y) => [(x - this.centre.x) * scale + this.width / 2, (y - this.centre.y) * scale + this.height / 2];
    pen.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.lineJoin = 'round';
    const write = (text, x, y) => {
      pen.lineWidth = 4;
      pen.strokeStyle = ink('--raised');
      pen.strokeText(text, x, y);
      pen.fillStyle = ink('--ink');
      pen.fillText(text, x, y);
    };
    if (this.pitch * scale < NEAR_PX) {
      for (const { name, box } of plan.zones) {
        if ((box.right - box.left) * scale < pen.measureText(name).width + 4) continue;
        write(name, ...at((box.left + box.right) / 2, (box.top + box.bottom) / 2));
      }
    }
    if (plan.focal) {
      const [x, y] = at(plan.focal.x, plan.focal.y);
      write(`★ ${say('map.stage')}`, x, y);
    }
  }

  paint() {
    const pen = this.canvas.getContext('2d');
    const { plan, scale } = this;
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const least = this.toPlan({ x: -10, y: -10 });
    const most = this.toPlan({ x: this.width + 10, y: this.height + 10 });
    const byKind = KINDS.map(() => []);
    this.grid.within(least.x, least.y, most.x, most.y, (i) => byKind[plan.state[i]].push(i));
    const size = Math.max(1.4, this.pitch * 0.6 * scale);
    const px = (i) => (plan.x[i] - this.centre.x) * scale + this.width / 2 - size / 2;
    const py = (i) => (plan.y[i] - this.centre.y) * scale + this.height / 2 - size / 2;
    KINDS.forEach((kind, state) => {
      pen.fillStyle = ink(`--seat-${kind}`);
      pen.strokeStyle = pen.fillStyle;
      pen.lineWidth = Math.max(1, size / 5);
      const hollow = state === BLOCKED && size > 4;
      for (const i of byKind[state]) {
        if (hollow) pen.strokeRect(px(i) + 1, py(i) + 1, size - 2, size - 2);
        else pen.fillRect(px(i), py(i), size, size);
      }
    });
    pen.strokeStyle = ink('--ink');
    pen.lineWidth = 2;
    for (const i of this.chosen) pen.strokeRect(px(i) - 1, py(i) - 1, size + 2, size + 2);
    this.paintNames(pen);
    if (this.cursor >= 0) {
      pen.strokeStyle = ink('--ink');
      pen.lineWidth = 3;
      pen.beginPath();
      pen.arc(px(this.cursor) + size / 2, py(this.cursor) + size / 2, size + 4, 0, 7);
      pen.stroke();
    }
    if (this.area !== null) {
      const { from, to } = this.area;
      pen.setLineDash([6, 4]);
      pen.strokeStyle = ink('--ink');
      pen.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
      pen.setLineDash([]);
    }
  }
}
