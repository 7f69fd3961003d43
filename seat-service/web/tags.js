// tags.js: prices on the hall from afar, where its sections are too small for their names: each
// price in the middle of where it applies, and once more if it applies far away from there too.

const AGAIN_PX = 170; // at this distance the first one is out of sight
const HIGH_PX = 22;

export class Tags {
  // price(c): the words for a category, none to leave it out; trace: draws a category's sign.
  constructor(price, trace) {
    Object.assign(this, { price, trace });
  }

  draw(context, view, zones, tokens, paints, widthOf) {
    const placed = [];
    const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
    paints.forEach((paint, c) => {
      const text = this.price(c);
      const spots = zones.filter(({ parts }) => parts.some((part) => part.category === c && part.shown > 0)).map(({ middle }) => ({ x: middle.x * view.k + view.x, y: middle.y * view.k + view.y }));
      if (!text || spots.length === 0) return;
      const half = widthOf(text) / 2 + 14;
      const put = (by) => {
        const [spot] = spots.filter(({ x, y }) => placed.every((other) => Math.abs(other.x - x) > other.half + half || Math.abs(other.y - y) > HIGH_PX + 2)).sort((a, b) => by(a) - by(b));
        return spot;
      };
      const mean = (axis) => spots.reduce((sum, spot) => sum + spot[axis], 0) / spots.length;
      const middle = { x: mean('x'), y: mean('y') };
      const first = put((spot) => apart(spot, middle));
      if (!first) return;
      this.tag(context, first, half, text, c, tokens, paint);
      placed.push({ ...first, half });
      const second = put((spot) => -apart(spot, first));
      if (!second || apart(first, second) < AGAIN_PX) return;
      this.tag(context, second, half, text, c, tokens, paint);
      placed.push({ ...second, half });
    });
  }

  tag(context, { x, y }, half, text, c, tokens, paint) {
    context.beginPath();
    context.roundRect(x - half, y - HIGH_PX / 2, 2 * half, HIGH_PX, HIGH_PX / 2);
    context.fillStyle = tokens.paper;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = paint.css;
    context.stroke();
    context.beginPath();
    this.trace(context, c, x - half + 12, y, 5);
    context.fillStyle = paint.css;
    context.fill();
    context.fillStyle = tokens.ink;
    context.fillText(text, x + 7, y + 0.5);
  }
}
