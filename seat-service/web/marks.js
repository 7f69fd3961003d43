// marks.js: the signs on single seats: my seats, the one pointed at, the one asked about, those
// offered.

const NUMBER_PX = 17; // from here on there is room for a number
const SIT_MS = 400;
const FALL_PX = 24;
const FONT = 'system-ui, sans-serif';

export class Marks {
  constructor(map) {
    this.map = map;
    this.sitting = null; // seats on which a dot is sitting down
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

  // A dot sits down on each of these: they have just become the visitor's.
  sit(places) {
    if (places.length === 0 || this.map.still.matches || this.map.away) return;
    this.began = performance.now();
    this.sitting = new Set(places);
    this.map.box.dataset.gliding = '';
    this.map.wake();
  }

  // The last frame ends it; whose seats they are by then does not matter.
  goOn() {
    if (performance.now() - this.began < SIT_MS) this.map.wake();
    else this.rest();
  }

  // All sit at once: the map may be out of sight, where nothing is drawn.
  rest() {
    if (!this.sitting) return;
    this.sitting = null;
    if (!this.map.goal) delete this.map.box.dataset.gliding;
  }

  // How much of its way a dot has made.
  shareOf(i) {
    if (!this.sitting?.has(i)) return 1;
    const t = Math.min(1, (performance.now() - this.began) / SIT_MS);
    return 1 - (1 - t) ** 3;
  }

  // A dot with a ring of paper around it, visible on any colour.
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
    context.font = `700 ${Math.min(15, seatPx * 0.5)}px ${FONT}`;
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
