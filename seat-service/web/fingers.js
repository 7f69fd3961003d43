// fingers.js: recognises gestures on the map: drag with one pointer, pinch with two, flick, tap and double tap. The map
// decides what each gesture does.

const TAP_SLOP_PX = 8;
export const DOUBLE_MS = 320;
const DOUBLE_PX = 36;
const FLICK_PX_PER_MS = 0.25;
const FLICK_MS = 325; // time in which a flick loses about two thirds of its speed
const WINDOW_MS = 90; // time over which a flick's speed is measured

const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

export class Fingers {
  // {pan(dx, dy), pinch(factor, x, y), tap(at, kind), twice(at), hover(at or null), still()}
  constructor(element, map) {
    this.map = map;
    this.element = element;
    this.down = new Map(); // position of each pressed pointer
    this.tapped = null; // where the press began; null once it is not a tap
    this.last = { at: -Infinity, x: 0, y: 0 };
    this.trail = [];
    this.slow = matchMedia('(prefers-reduced-motion: reduce)');
    for (const [name, work] of [['pointerdown', this.press], ['pointermove', this.move], ['pointerup', this.lift], ['pointercancel', this.lift]]) {
      element.addEventListener(name, (event) => work.call(this, event, this.at(event)));
    }
    element.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') map.hover(null); });
    element.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.stop();
      const { x, y } = this.at(event);
      map.pinch(Math.exp(-Math.max(-80, Math.min(80, event.deltaY)) * 0.004), x, y);
    }, { passive: false });
  }

  at(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  stop() {
    cancelAnimationFrame(this.flying);
    this.map.still();
  }

  press(event, at) {
    if (event.button > 0) return; // opens the browser's menu
    this.stop();
    this.element.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, at);
    this.tapped = this.down.size === 1 ? at : null;
    this.trail = [{ at: event.timeStamp, ...at }];
  }

  move(event, to) {
    const from = this.down.get(event.pointerId);
    if (!from) {
      if (event.pointerType === 'mouse') this.map.hover(to);
      return;
    }
    const [other] = [...this.down].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (other) {
      const before = apart(from, other);
      if (before > 0) this.map.pinch(apart(to, other) / before, (to.x + other.x) / 2, (to.y + other.y) / 2);
      this.map.pan((to.x - from.x) / 2, (to.y - from.y) / 2);
    } else {
      if (this.tapped && apart(to, this.tapped) < TAP_SLOP_PX) return;
      this.map.pan(to.x - from.x, to.y - from.y);
      this.trail = [...this.trail.filter(({ at }) => event.timeStamp - at < WINDOW_MS), { at: event.timeStamp, ...to }];
    }
    this.tapped = null;
    this.down.set(event.pointerId, to);
  }

  lift(event) {
    if (!this.down.delete(event.pointerId)) return;
    const tapped = event.type === 'pointerup' && this.down.size === 0 ? this.tapped : null;
    this.tapped = null;
    if (tapped) this.tap(event, tapped);
    else if (this.down.size === 0 && event.type === 'pointerup') this.flick(event.timeStamp);
    else this.trail = []; // one finger is still down, or the gesture was cancelled
  }

  tap(event, at) {
    const double = event.pointerType !== 'mouse' && event.timeStamp - this.last.at < DOUBLE_MS && apart(this.last, at) < DOUBLE_PX;
    this.last = { at: double ? -Infinity : event.timeStamp, ...at };
    if (double) this.map.twice(at);
    else this.map.tap(at, event.pointerType);
  }

  flick(now) {
    const [first, last] = [this.trail.find(({ at }) => now - at < WINDOW_MS), this.trail.at(-1)];
    if (!first || first === last || this.slow.matches) return;
    const speed = { x: (last.x - first.x) / (now - first.at), y: (last.y - first.y) / (now - first.at) };
    if (Math.hypot(speed.x, speed.y) < FLICK_PX_PER_MS) return;
    let before = performance.now();
    const fly = () => {
      const after = performance.now();
      const left = Math.exp(-(after - before) / FLICK_MS);
      this.map.pan(speed.x * FLICK_MS * (1 - left), speed.y * FLICK_MS * (1 - left));
      speed.x *= left;
      speed.y *= left;
      before = after;
      if (Math.hypot(speed.x, speed.y) > 0.02) this.flying = requestAnimationFrame(fly);
    };
    this.flying = requestAnimationFrame(fly);
  }
}
