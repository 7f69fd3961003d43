// marks.js: the signs on single seats: my seats, the one pointed at, the one asked about, those
// offered.

const CLOSE_PX = 24; // from here on there is room for a number and a tick
const FONT = 'system-ui, sans-serif';

export class Marks {
  constructor(map) {
    this.map = map;
    map.upper.addEventListener('focus', () => map.wake());
    map.upper.addEventListener('blur', () => map.wake());
  }

  draw() {
    const { map } = this;
    for (const i of map.mine) this.mine(i);
    map.offers.draw();
    if (map.asked >= 0) this.ring(map.asked, map.tokens.ink, 3);
    if (map.cursor >= 0 && document.activeElement === map.upper) this.ring(map.cursor, map.tokens.ink, 3);
  }

  // Visible on any colour: a white ring, and a tick.
  mine(i) {
    const { context, view, plan, tokens, seatPx } = this.map;
    const [x, y] = [plan.x[i] * view.k + view.x, plan.y[i] * view.k + view.y];
    const radius = Math.max(7, seatPx * 0.56);
    context.beginPath();
    context.arc(x, y, radius + 2.5, 0, 7);
    context.fillStyle = '#fff';
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = tokens.ink;
    context.stroke();
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.fillStyle = tokens.signal;
    context.fill();
    context.fillStyle = tokens['on-signal'];
    const numbered = seatPx >= CLOSE_PX;
    if (numbered) {
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.font = `700 ${Math.min(14, seatPx * 0.42)}px ${FONT}`;
      context.fillText(plan.numberOf(i), x, y + radius * 0.38);
    }
    const [size, middle] = numbered ? [radius * 0.34, y - radius * 0.38] : [radius * 0.5, y];
    context.beginPath();
    context.moveTo(x - size, middle);
    context.lineTo(x - size * 0.3, middle + size * 0.7);
    context.lineTo(x + size, middle - size * 0.7);
    context.lineWidth = Math.max(1.8, radius * 0.16);
    context.lineCap = 'round';
    context.strokeStyle = tokens['on-signal'];
    context.stroke();
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
