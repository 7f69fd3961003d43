// rows.js: draws the letter of each row in view, also while the map moves. It is one step outside of the ends that the
// plan names, or at the map's edge if those are out of view.

const GUTTER_PX = 28;
const LABELS_MAX = 256; // more would overlap
const APART_PX = 13;

export class Rows {
  constructor(map) {
    this.map = map;
    this.count = 0; // labels at the edge; the arrays are reused in each frame
    this.xs = new Float32Array(LABELS_MAX);
    this.ys = new Float32Array(LABELS_MAX);
    this.texts = new Array(LABELS_MAX).fill('');
  }

  draw() {
    const { map, map: { context, plan, tokens } } = this;
    this.count = 0;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.font = `600 13px ${tokens.font}`;
    context.fillStyle = tokens.ink;
    for (const zone of plan.zones) if (map.sees(zone.box)) for (const row of zone.rows) this.name(row);
    this.drawEdge();
  }

  name(row) {
    const { map, map: { view, plan, taken } } = this;
    let [first, last, left, high] = [-1, -1, -1, -1];
    for (let i = row.from; i < row.to; i++) {
      const x = plan.x[i] * view.k + view.x;
      const y = plan.y[i] * view.k + view.y;
      if (x < 0 || y < taken.top || x > map.width || y > map.height) continue;
      if (first < 0) first = i;
      last = i;
      if (left < 0 || plan.x[i] < plan.x[left]) left = i;
      if (high < 0 || plan.y[i] < plan.y[high]) high = i;
    }
    if (first < 0) return;
    const end = plan.notes.get(row.from)?.row_number_position;
    const alone = row.to - row.from === 1;
    const start = (end !== 'end' || alone) && this.letter(row, row.from, row.from + 1);
    const finish = end !== 'start' && !alone && this.letter(row, row.to - 1, row.to - 2);
    if (start || finish) return;
    const flat = Math.abs(plan.x[last] - plan.x[first]) >= Math.abs(plan.y[last] - plan.y[first]);
    if (flat) this.keep(row.label, GUTTER_PX / 2, plan.y[left] * view.k + view.y);
    else this.keep(row.label, plan.x[high] * view.k + view.x, taken.top + GUTTER_PX / 2);
  }

  // Draws the letter next to a seat at an end, opposite its neighbour. Returns false if that is out of view.
  letter(row, at, neighbour) {
    const { map, map: { context, view, plan, taken, pitch } } = this;
    const alone = row.to - row.from === 1;
    const dx = alone ? -1 : plan.x[at] - plan.x[neighbour];
    const dy = alone ? 0 : plan.y[at] - plan.y[neighbour];
    const step = pitch / (Math.hypot(dx, dy) || 1);
    const x = (plan.x[at] + dx * step) * view.k + view.x;
    const y = (plan.y[at] + dy * step) * view.k + view.y;
    if (x < APART_PX / 2 || y < taken.top + APART_PX / 2 || x > map.width - APART_PX / 2 || y > map.height - APART_PX / 2) return false;
    context.fillText(row.label, x, y);
    return true;
  }

  keep(text, x, y) {
    if (this.count === LABELS_MAX) return;
    for (let n = 0; n < this.count; n++) if (Math.abs(this.xs[n] - x) < APART_PX && Math.abs(this.ys[n] - y) < APART_PX) return;
    this.xs[this.count] = x;
    this.ys[this.count] = y;
    this.texts[this.count] = text;
    this.count += 1;
  }

  drawEdge() {
    const { map: { context, tokens, taken, width, height } } = this;
    let [aside, above] = [false, false];
    for (let n = 0; n < this.count; n++) {
      if (this.xs[n] === GUTTER_PX / 2) aside = true;
      else above = true;
    }
    context.fillStyle = tokens.raised;
    if (aside) context.fillRect(0, 0, GUTTER_PX, height);
    if (above) context.fillRect(0, taken.top, width, GUTTER_PX);
    context.fillStyle = tokens.ink;
    for (let n = 0; n < this.count; n++) context.fillText(this.texts[n], this.xs[n], this.ys[n]);
  }
}
