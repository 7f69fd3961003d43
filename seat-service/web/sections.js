// sections.js: the hall from afar. A section is an outline in the colours of its prices, stronger the more of it is
// free. A sold-out section is grey; one that the filter leaves out is a pale outline. Close up, the same outlines are
// the ground under the seats.
//
// Names are written only if most of them fit into their sections. Otherwise each price is shown once or twice where it
// applies (tags.js), which says more than a few names.

const MOST_NAMED = 0.8; // share of sections whose names must fit
const LINE_PX = 14;
const FAR_ALPHA = [0.3, 0.95]; // nearly sold out, all free
const OUT_ALPHA = 0.08; // for sections that the filter leaves out
const NEAR_ALPHA = [0.08, 0.2]; // of any section, of the one in the middle

function pathOf(outline) {
  const path = new Path2D();
  for (let n = 0; n < outline.length; n += 2) path.lineTo(outline[n], outline[n + 1] + (n ? 0 : 1)); // makes a single seat visible too
  path.closePath();
  return path;
}

// The extent of the outline at a given y (axis 0) or x (axis 1): [from, to].
export function chord(outline, at, axis) {
  let [from, to] = [Infinity, -Infinity];
  for (let n = 0; n < outline.length; n += 2) {
    const m = (n + 2) % outline.length;
    const [a, b] = [outline[n + 1 - axis], outline[m + 1 - axis]];
    if ((a > at) === (b > at)) continue;
    const cut = outline[n + axis] + (outline[m + axis] - outline[n + axis]) * (at - a) / (b - a);
    from = Math.min(from, cut);
    to = Math.max(to, cut);
  }
  return from < to ? [from, to] : [0, 0];
}

function areaOf(outline) {
  let twice = 0;
  for (let n = 0; n < outline.length; n += 2) {
    const m = (n + 2) % outline.length;
    twice += outline[n] * outline[m + 1] - outline[m] * outline[n + 1];
  }
  return Math.abs(twice) / 2;
}

// Its box and area, and its middle with the room there.
function measured(outline) {
  const along = (axis) => outline.filter((_, n) => n % 2 === axis);
  const [xs, ys] = [along(0), along(1)];
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const y = mean(ys);
  const [left, right] = chord(outline, y, 0);
  const x = (left + right) / 2 || mean(xs);
  const [top, bottom] = chord(outline, x, 1);
  const box = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
  return { box, area: areaOf(outline), middle: { x, y, wide: right - left, high: bottom - top } };
}

export class Sections {
  constructor(plan) {
    this.plan = plan;
    this.widths = new Map();
    this.shape();
  }

  // Called again when the hall has been turned.
  shape() {
    for (const zone of this.plan.zones) {
      for (const part of zone.parts) Object.assign(part, { path: pathOf(part.outline), ...measured(part.outline) });
      zone.middle = zone.parts.reduce((a, b) => (b.to - b.from > a.to - a.from ? b : a)).middle;
    }
  }

  // `far`: 1 if only sections are visible, 0 if only seats are.
  fill(context, view, ratio, { tokens, paints, far, here }) {
    const blend = (a, b) => a * far + b * (1 - far);
    context.setTransform(ratio * view.k, 0, 0, ratio * view.k, ratio * view.x, ratio * view.y);
    this.plan.zones.forEach((zone, z) => {
      for (const part of zone.parts) {
        const share = part.shown / (part.to - part.from);
        const near = NEAR_ALPHA[z === here ? 1 : 0];
        const out = part.shown === 0 && part.free > 0;
        context.globalAlpha = out ? OUT_ALPHA : part.shown === 0 ? blend(0.5, near) : blend(FAR_ALPHA[0] + (FAR_ALPHA[1] - FAR_ALPHA[0]) * share, near);
        context.fillStyle = part.free === 0 ? tokens.line : paints[part.category].css;
        context.fill(part.path);
        context.globalAlpha = z === here && far < 1 ? 1 : blend(out ? 0.5 : 1, 0.3);
        context.lineWidth = (z === here && far < 1 ? 2 : 1) / view.k;
        context.strokeStyle = part.free === 0 ? tokens.soft : paints[part.category].css;
        context.stroke(part.path);
      }
    });
    context.globalAlpha = 1;
  }

  width(context, text) {
    const key = context.font + text;
    if (!this.widths.has(key)) this.widths.set(key, context.measureText(text).width);
    return this.widths.get(key);
  }

  // {seen(zone): whether it is in view, lines(zone): texts below its name, tags: draws prices}
  label(context, view, tokens, paints, { seen, lines, tags }) {
    context.font = `600 11px ${tokens.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    const zones = this.plan.zones.filter(seen);
    const fits = (nameOf) => (zone) => zone.middle.high * view.k >= LINE_PX && zone.middle.wide * view.k >= this.width(context, nameOf(zone)) + 4;
    const nameOf = [({ name }) => name, ({ name }) => name.split(' ').at(-1)].find((one) => zones.filter(fits(one)).length >= MOST_NAMED * zones.length);
    if (!nameOf) {
      tags?.draw(context, view, zones, tokens, paints, (text) => this.width(context, text));
      return;
    }
    for (const zone of zones.filter(fits(nameOf))) this.name(context, view, zone, [nameOf(zone), ...lines(zone)], tokens);
  }

  name(context, view, { middle }, wanted, tokens) {
    const rows = Math.floor(middle.high * view.k / LINE_PX);
    const lines = wanted.filter((text, n) => n === 0 || (n < rows && this.width(context, text) + 6 <= middle.wide * view.k));
    const x = middle.x * view.k + view.x;
    let y = middle.y * view.k + view.y - (lines.length - 1) * LINE_PX / 2;
    context.lineWidth = 3;
    context.strokeStyle = tokens.paper;
    context.fillStyle = tokens.ink;
    for (const line of lines) {
      context.strokeText(line, x, y);
      context.fillText(line, x, y);
      y += LINE_PX;
    }
  }
}
