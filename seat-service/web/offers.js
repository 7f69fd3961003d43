// offers.js: marks offered choices on the map: a ring around each seat, and above them the number of the choice in the
// list.

const MARGIN_PX = 64;
const MOST_PX = 24; // seat width

export class Offers {
  constructor(map) {
    this.map = map;
    this.shown = [];
  }

  // Brings all choices into view, if any. Zooms in no further than needed to tell seats apart.
  show(choices) {
    const { map } = this;
    this.shown = choices;
    if (choices.length === 0) {
      map.wake();
      return;
    }
    map.resize(); // the texts of the choices take some of its room
    const places = choices.flat();
    const [xs, ys] = [places.map((i) => map.plan.x[i]), places.map((i) => map.plan.y[i])];
    const box = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
    const k = Math.min(map.fit(box, MARGIN_PX).k, MOST_PX / map.seat);
    map.see(map.centred((box.left + box.right) / 2, (box.top + box.bottom) / 2, k));
  }

  draw() {
    this.shown.forEach((places, n) => this.drawOne(places, n + 1));
  }

  drawOne(places, number) {
    const { map } = this;
    const { context, view, plan, tokens } = map;
    for (const i of places) map.marks.ring(i, tokens.ink, 3);
    const mean = (values) => places.reduce((sum, i) => sum + values[i], 0) / places.length;
    const [x, y] = [mean(plan.x) * view.k + view.x, mean(plan.y) * view.k + view.y - Math.max(9, map.seatPx) - 10];
    context.beginPath();
    context.roundRect(x - 11, y - 11, 22, 22, 6);
    context.fillStyle = tokens.ink;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = tokens.paper;
    context.stroke();
    context.font = `700 13px ${tokens.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = tokens.paper;
    context.fillText(String(number), x, y + 0.5);
  }
}
