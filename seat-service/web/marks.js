// marks.js: marks on single seats: the visitor's, the focused one, the one whose card is open, and offered ones.

const NUMBER_PX = 17; // seats this wide have room for a number
const SIT_MS = 400;
const FALL_PX = 24;

export class Marks {
  constructor(map) {
    this.map = map;
    this.sitting = null; // seats whose dots are falling into place
    this.began = 0;
    map.upper.addEventListener('focus', () => map.wake());
    map.upper.addEventListener('blur', () => map.wake());
  }

  draw() {
    const { map } = this;
    if (this.sitting) this.goOn();
    for (const i of map.mine) this.mine(i);
    map.offers.draw();
    if (map.asked >= 0) this.ring(map.asked, map.tokens.ink, 3);
    if (map.cursor >= 0 && document.activeElement === map.upper) this.ring(map.cursor, map.tokens.ink, 3);
  }

  // A dot falls into place on each seat that has just become the visitor's.
  sit(places) {
    if (places.length === 0 || this.map.still.matches || this.map.away) return;
    this.began = performance.now();
    this.sitting = new Set(places);
    this.map.box.dataset.gliding = '';
    this.map.wake();
  }

  // The last frame ends it, even if the seats are no longer the visitor's.
  goOn() {
    if (performance.now() - this.began < SIT_MS) this.map.wake();
    else this.rest();
  }

  // Ends the fall at once: on a hidden map no frame would end it.
  rest() {
    if (!this.sitting) return;
    this.sitting = null;
    if (!this.map.goal) delete this.map.box.dataset.gliding;
  }

  // The progress of a seat's dot, from 0 to 1.
  shareOf(i) {
    if (!this.sitting?.has(i)) return 1;
    const t = Math.min(1, (performance.now() - this.began) / SIT_MS);
    return 1 - (1 - t) ** 3;
  }

  // A dot with a ring in the paper's colour, visible on any colour.
  mine(i) {
    const { context, view, plan, tokens, seatPx } = this.map;
    const share = this.shareOf(i);
    const [x, y] = [plan.x[i] * view.k + view.x, plan.y[i] * view.k + view.y - FALL_PX * (1 - share)];
    const radius = Math.max(7, seatPx * 0.56) * (0.5 + share / 2);
    context.beginPath();
    context.arc(x, y, radius + 2.5, 0, 7);
    context.fillStyle = tokens.paper;
    context.fill();
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.fillStyle = tokens.signal;
    context.fill();
    if (seatPx < NUMBER_PX) return;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.font = `700 ${Math.min(15, seatPx * 0.5)}px ${tokens.font}`;
    context.fillStyle = tokens['on-signal'];
    context.fillText(plan.numberOf(i), x, y);
  }

  ring(i, colour, width) {
    const { context, view, plan, seatPx } = this.map;
    context.beginPath();
    context.arc(plan.x[i] * view.k + view.x, plan.y[i] * view.k + view.y, Math.max(5, seatPx * 0.62), 0, 7);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}
