// tags.js: prices on the hall from afar, for sections that are too small for their names. Each price is shown where it
// applies, and again if it applies far from there. It lies in a section, or the part of one with this price, that is at
// least five times as large, or else on free ground next to one. A price without room is left out: the filter shows it
// too.

import { chord } from './sections.js';

const AGAIN_PX = 170; // least distance between two tags of one price
const HIGH_PX = 22;
const APART_PX = 4;
const MOST_COVERED = 0.2; // of a part

export class Tags {
  // price(c): the text for a category, empty to leave it out; trace: draws a category's sign.
  constructor(map, price, trace) {
    Object.assign(this, { map, price, trace });
    this.placed = [];
    this.k = 0; // the scale for which they were placed
  }

  draw(context, view, zones, tokens, paints, widthOf) {
    if (this.k !== view.k || this.news !== this.map.news || !this.placed.every((tag) => this.inView(tag))) this.arrange(zones, paints, widthOf);
    for (const tag of this.placed) this.tag(context, tag, tokens, paints[tag.category]);
  }

  // Positions are in the plan, so they move with it.
  arrange(zones, paints, widthOf) {
    const { map, map: { view } } = this;
    this.k = view.k;
    this.news = map.news;
    this.placed = [];
    paints.forEach((paint, category) => {
      const text = this.price(category);
      const its = zones.flatMap(({ parts }) => parts.filter((part) => part.category === category && part.shown > 0));
      if (!text || its.length === 0) return;
      const half = widthOf(text) / 2 + 14;
      const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
      const put = (by) => {
        for (const part of its.toSorted((a, b) => by(a.middle) - by(b.middle))) {
          const tag = this.around(part, half).find((spot) => this.fits({ ...spot, half }));
          if (tag) return { ...tag, half, text, category };
        }
        return null;
      };
      const mean = (axis) => its.reduce((sum, { middle }) => sum + middle[axis], 0) / its.length;
      const middle = { x: mean('x'), y: mean('y') };
      const first = put((spot) => apart(spot, middle));
      if (!first) return;
      this.placed.push(first);
      const second = put((spot) => -apart(spot, first));
      if (second && apart(first, second) * view.k >= AGAIN_PX) this.placed.push(second);
    });
  }

  // Candidates: inside, if it is large enough; then at its sides.
  around({ middle, box, area, outline }, half) {
    const { k } = this.map.view;
    const sides = (away) => {
      const [aside, over] = [(half + away) / k, (HIGH_PX / 2 + away) / k];
      return [{ x: box.right + aside, y: middle.y }, { x: box.left - aside, y: middle.y }, { x: middle.x, y: box.bottom + over }, { x: middle.x, y: box.top - over }];
    };
    const isWide = ([from, to]) => from <= middle.x - half / k && to >= middle.x + half / k;
    const roomy = 2 * half * HIGH_PX <= MOST_COVERED * area * k * k && [-1, 1].every((side) => isWide(chord(outline, middle.y + side * HIGH_PX / 2 / k, 0)));
    return [...(roomy ? [{ x: middle.x, y: middle.y, inside: true }] : []), ...sides(APART_PX), ...sides(HIGH_PX)];
  }

  inView({ x, y, half }) {
    const { view, width, height, taken } = this.map;
    const [right, down] = [x * view.k + view.x, y * view.k + view.y];
    return right - half >= APART_PX && right + half <= width - taken.right - APART_PX
      && down - HIGH_PX / 2 >= taken.top + APART_PX && down + HIGH_PX / 2 <= height - taken.bottom - APART_PX;
  }

  fits(tag) {
    const { map: { grid, stageBox, stageX, stageY, stageWide, view: { k, x, y } } } = this;
    if (!this.inView(tag)) return false;
    const [wide, high] = [tag.half / k, HIGH_PX / 2 / k];
    const over = (box) => box.left < tag.x + wide && box.right > tag.x - wide && box.top < tag.y + high && box.bottom > tag.y - high;
    if (stageBox && over(stageBox)) return false;
    if (stageWide > 0 && Math.abs(tag.x * k + x - stageX) < stageWide / 2 + tag.half && Math.abs(tag.y * k + y - stageY) < HIGH_PX + APART_PX) return false;
    if (this.placed.some((other) => Math.abs(other.x - tag.x) * k < other.half + tag.half + APART_PX && Math.abs(other.y - tag.y) * k < HIGH_PX + APART_PX)) return false;
    return tag.inside || grid.count(tag.x - wide, tag.y - high, tag.x + wide, tag.y + high) === 0;
  }

  tag(context, { x: atX, y: atY, half, text, category }, tokens, paint) {
    const { view } = this.map;
    const [x, y] = [atX * view.k + view.x, atY * view.k + view.y];
    context.beginPath();
    context.roundRect(x - half, y - HIGH_PX / 2, 2 * half, HIGH_PX, HIGH_PX / 2);
    context.fillStyle = tokens.paper;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = paint.css;
    context.stroke();
    context.beginPath();
    this.trace(context, this.map.signs[category], x - half + 12, y, 5);
    context.fillStyle = paint.css;
    context.fill();
    context.fillStyle = tokens.ink;
    context.fillText(text, x + 7, y + 0.5);
  }
}
