// view.js: the view of the stage from a seat, as a small SVG.
//
// The hall's geometry is projected as a camera at the seat sees it. It is painted from far to near: what is behind the
// stage, the floor, the stage, the tiers in front of it. A tier is drawn as bands of some rows; pieces of a band that reach
// behind the eye, or are outside the picture, are left out. People on the stage have real size. The views are for the demo
// halls: they have no pillars and rails, and promise nobody's sight.

import { perimeter, pointAt } from './bowl.js';

const WIDTH = 640;
const HEIGHT = 360;
const PIECES = 60; // of a band, all the way round
const BANDS = ['#3b4152', '#333949', '#2b303e'];
const SKY = ['#0b0d13', '#11141c', '#171b26', '#1d2230', '#232939'];
const LIGHT = ['#ffe2a8', '#ffd29a', '#ffc18b', '#ffb07a', '#ff9f68'];
const EYE_M = 1.2; // of a seated person
const FOCUS = 560; // some 60 degrees are seen, as with two eyes at rest
const NEAREST_M = 1.5; // nothing nearer is drawn

const dot = (a, b) => a.x * b.x + a.y * b.y + a.z * b.z;
const minus = (a, b) => ({ x: a.x - b.x, y: a.y - b.y, z: a.z - b.z });
const between = (a, b, share) => ({ x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y), z: a.z + share * (b.z - a.z) });
const at = (point, z) => ({ ...point, z });
const tenth = (n) => n.toFixed(1);

// Looks at the stage. On the plan north is up and y grows to the south, so the right of somebody who looks along (x, y) is
// (-y, x).
class Eye {
  constructor(seat, target) {
    const way = minus(target, seat);
    const level = Math.hypot(way.x, way.y);
    this.seat = seat;
    this.stage = Math.sqrt(dot(way, way)); // the distance
    this.ahead = { x: way.x / this.stage, y: way.y / this.stage, z: way.z / this.stage };
    this.right = { x: -way.y / level, y: way.x / level, z: 0 };
    this.up = { x: -this.ahead.z * way.x / level, y: -this.ahead.z * way.y / level, z: level / this.stage };
  }

  depth(place) {
    return dot(minus(place, this.seat), this.ahead);
  }

  sees(place) {
    const way = minus(place, this.seat);
    const scale = FOCUS / dot(way, this.ahead);
    return { x: WIDTH / 2 + scale * dot(way, this.right), y: HEIGHT * 0.46 - scale * dot(way, this.up) };
  }
}

// A flat face. Parts behind the eye are cut off.
function face(eye, corners, colour) {
  const points = corners.flatMap((a, i) => {
    const b = corners[(i + 1) % corners.length];
    const [from, to] = [eye.depth(a) - NEAREST_M, eye.depth(b) - NEAREST_M];
    const cut = (from >= 0) !== (to >= 0) ? [between(a, b, from / (from - to))] : [];
    return [...(from >= 0 ? [a] : []), ...cut].map((place) => eye.sees(place));
  });
  return `<path fill="${colour}" d="${points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${tenth(x)} ${tenth(y)}`).join('')}z"/>`;
}

function onCurve({ base }, distance, share, z) {
  return at(pointAt(base, distance, share * perimeter(base, distance)), z);
}

function isBeside(points) {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  return Math.max(...xs) < 0 || Math.min(...xs) > WIDTH || Math.max(...ys) < 0 || Math.min(...ys) > HEIGHT;
}

// The path along its front and back along its end. Whole numbers relative to the last point take half the bytes.
function stretch(front, back) {
  let [x, y] = [0, 0];
  return `${[...front, ...back.reverse()].map((point, n) => {
    const [toX, toY] = [Math.round(point.x), Math.round(point.y)];
    const text = `${n === 0 ? 'M' : n === 1 ? 'l' : ' '}${toX - x} ${toY - y}`;
    [x, y] = [toX, toY];
    return text;
  }).join('')}z`;
}

// Some rows of a tier all the way round, limited to the part behind or in front of the stage. Adjacent pieces become one
// shape.
function bandOf(eye, hall, tier, band, behind) {
  const [first, last] = [band, band + 1].map((n) => n / BANDS.length * tier.rows);
  const corner = (i, row) => onCurve(hall, tier.distance + row * tier.rowM, tier.from + (tier.to - tier.from) * i / PIECES, tier.height + row * tier.rise);
  const isShown = (place) => eye.depth(place) > NEAREST_M && (eye.depth(place) > eye.stage) === behind;
  const shapes = [];
  let [front, back] = [[], []];
  for (let i = 0; i <= PIECES; i++) {
    const corners = i < PIECES ? [[i, first], [i, last], [i + 1, first], [i + 1, last]].map(([n, row]) => corner(n, row)) : [];
    const points = corners.length > 0 && corners.every(isShown) ? corners.map((place) => eye.sees(place)) : [];
    if (points.length > 0 && !isBeside(points)) {
      if (front.length === 0) [front, back] = [[points[0]], [points[1]]];
      front.push(points[2]);
      back.push(points[3]);
    } else if (front.length > 0) {
      shapes.push(stretch(front, back));
      front = [];
    }
  }
  return `<path fill="${BANDS[band]}" d="${shapes.join('')}"/>\n`;
}

function tiersOf(eye, hall, behind) {
  return hall.tiers.flatMap((tier) => BANDS.map((_, band) => bandOf(eye, hall, tier, band, behind))).join('');
}

function floorOf(eye, hall) {
  const { a, b } = hall.base;
  const edge = Array.from({ length: 48 }, (_, i) => onCurve(hall, hall.tiers[0].distance, i / 48, 0));
  const field = (from, to, colour) => face(eye, [{ x: from, y: -b, z: 0 }, { x: to, y: -b, z: 0 }, { x: to, y: b, z: 0 }, { x: from, y: b, z: 0 }], colour);
  const stripes = [-0.6, -0.2, 0.2, 0.6].map((line) => field(a * line, a * (line + 0.2), '#294c3b'));
  return `${face(eye, edge, '#20242e')}${a > 0 ? [field(-a, a, '#234233'), ...stripes].join('') : ''}\n`;
}

// A wall on the line from a to b.
function wall(eye, a, b, z0, z1, colour) {
  return face(eye, [at(a, z0), at(b, z0), at(b, z1), at(a, z1)], colour);
}

function peopleOf(eye, left, right) {
  return [0.38, 0.5, 0.62].map((share) => {
    const place = between(left, right, share);
    const [feet, head] = [eye.sees(at(place, 1.5)), eye.sees(at(place, 3.15))];
    const tall = feet.y - head.y;
    const stroke = (width, d) => `<path stroke="#17181d" stroke-width="${tenth(tall * width)}" stroke-linecap="round" d="${d}"/>`;
    return stroke(0.26, `M${tenth(feet.x)} ${tenth(feet.y - tall * 0.13)}V${tenth(head.y + tall * 0.32)}`)
      + stroke(0.2, `M${tenth(head.x)} ${tenth(head.y + tall * 0.06)}h0`);
  }).join('');
}

// A deck, a wall of light behind it with a screen on each side, and people. The audience is on the other side of the wall:
// right of the stage in a bowl, below it in the theatre.
function stageOf(eye, { stage, base }) {
  const corner = (x, y) => ({ x: stage.x + (x ? stage.width : 0), y: stage.y + (y ? stage.height : 0), z: 0 });
  const sideways = base.a > 0;
  const [left, right, beforeLeft, beforeRight] = sideways
    ? [corner(0, 1), corner(0, 0), corner(1, 1), corner(1, 0)] : [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
  const wide = sideways ? stage.height : stage.width;
  const high = 1.5 + wide * 0.42;
  const upright = (from, to, z, colour) => wall(eye, between(left, right, from), between(left, right, to), z, high, colour);
  return [
    wall(eye, left, right, 0, high + wide * 0.05, '#0e0f13'),
    ...LIGHT.map((colour, n) => upright(0.25, 0.75, 2 + (high - 2) * n / 5, colour)),
    upright(0.03, 0.22, high * 0.35, '#8fb4ff'),
    upright(0.78, 0.97, high * 0.35, '#8fb4ff'),
    face(eye, [left, right, beforeRight, beforeLeft].map((point) => at(point, 1.5)), '#a8814e'),
    wall(eye, left, beforeLeft, 0, 1.5, '#54402a'),
    wall(eye, right, beforeRight, 0, 1.5, '#54402a'),
    wall(eye, beforeLeft, beforeRight, 0, 1.5, '#6d5436'),
    peopleOf(eye, between(left, beforeLeft, 0.7), between(right, beforeRight, 0.7)),
  ].join('');
}

// Returns an SVG of 3 to 10 KB, always the same bytes. `height` is that of the floor at the seat.
export function viewFrom(hall, seat, height) {
  const { stage } = hall;
  const eye = new Eye(at(seat, height + EYE_M), { x: stage.x + stage.width / 2, y: stage.y + stage.height / 2, z: 4 });
  // Each band of the sky goes down to the bottom, so that no seam shows.
  const sky = SKY.map((colour, n) => `<path fill="${colour}" d="M0 ${n * HEIGHT / 5}h${WIDTH}v${HEIGHT}H0z"/>`).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">${sky}\n`
    + `${tiersOf(eye, hall, true)}${floorOf(eye, hall)}${stageOf(eye, hall)}\n${tiersOf(eye, hall, false)}</svg>\n`;
}
