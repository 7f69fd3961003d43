// preview.js: draws queue-front/web/preview.png, the picture that a shared link is shown with: a line of
// people that leads into a hall. It has sixteen levels between two colours, ground and ink, and no words:
// queue-front sets the two to the operator's colours (src/pages/pages.c), and the event's name stands
// next to the picture, in the reader's language.

import { writeFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';

const WIDTH = 1200;
const HEIGHT = 630;
const LEVELS = 16;
const ROWS = 8;
const HALL = { x: 600, y: 118, first: 150, step: 40, wide: 1.32, high: 0.84 };
const RADIUS = 10.5;
const GAP = 29; // from seat to seat
const AISLE = 52; // half of the middle one, by which people come in
const SIDE = 0.8; // where the others are: radians from the middle

const shades = new Float64Array(WIDTH * HEIGHT);

// Whatever has a distance to its edge, within a box; what is drawn later lies above.
function draw({ left, top, right, bottom }, inside, shade) {
  for (let y = Math.max(0, Math.floor(top) - 1); y < Math.min(HEIGHT, bottom + 1); y++) {
    for (let x = Math.max(0, Math.floor(left) - 1); x < Math.min(WIDTH, right + 1); x++) {
      const cover = Math.max(0, Math.min(1, inside(x + 0.5, y + 0.5) + 0.5));
      shades[y * WIDTH + x] = shades[y * WIDTH + x] * (1 - cover) + shade * cover;
    }
  }
}

function dot(x, y, radius, shade) {
  draw({ left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }, (px, py) => radius - Math.hypot(px - x, py - y), shade);
}

function bar(x, y, width, height, radius, shade) {
  const [cx, cy] = [x + width / 2, y + height / 2];
  draw({ left: x, top: y, right: x + width, bottom: y + height }, (px, py) => {
    const dx = Math.max(0, Math.abs(px - cx) - width / 2 + radius);
    const dy = Math.max(0, Math.abs(py - cy) - height / 2 + radius);
    return radius - Math.hypot(dx, dy);
  }, shade);
}

// A row is an arc of an ellipse; its seats stand at equal distances from the middle aisle to both sides.
function row(n) {
  const radius = HALL.first + n * HALL.step;
  const [rx, ry] = [radius * HALL.wide, radius * HALL.high];
  let angle = Math.asin(AISLE / rx);
  for (let seat = 0; angle < Math.PI * 0.47; seat++) {
    const speed = Math.hypot(rx * Math.cos(angle), ry * Math.sin(angle));
    for (const side of [-1, 1]) {
      const free = (n * 37 + seat * 23 + (seat * seat + n) * (side + 5)) % 10 < 3;
      dot(HALL.x + side * Math.sin(angle) * rx, HALL.y + Math.cos(angle) * ry, RADIUS, free ? 0.87 : 0.33);
    }
    const before = angle;
    angle += GAP / speed;
    if (before < SIDE && angle >= SIDE) angle += AISLE / speed;
  }
}

function hall() {
  bar(HALL.x - 150, HALL.y - 52, 300, 34, 10, 0.87);
  for (let n = 0; n < ROWS; n++) row(n);
}

// Along the bottom from the left, then up into the hall; people far away are pale.
function people() {
  const turn = { x: 540, y: 584 };
  for (let n = 0; n * 32 + 20 < turn.x; n++) dot(20 + n * 32, turn.y, RADIUS, 0.4 + 0.6 * (n / 17));
  for (const [x, y] of [[568, 577], [590, 556], [600, 527], [600, 495]]) dot(x, y, RADIUS, 1);
}

function chunk(type, data) {
  const whole = Buffer.alloc(12 + data.length);
  whole.writeUInt32BE(data.length, 0);
  whole.write(type, 4, 'latin1');
  data.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, 8 + data.length)), 8 + data.length);
  return whole;
}

function png() {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([4, 3, 0, 0, 0], 8); // four bits a pixel, by palette
  const greys = Buffer.from(Array.from({ length: 3 * LEVELS }, (_, i) => Math.floor(i / 3) * 17));
  const line = 1 + WIDTH / 2;
  const pixels = Buffer.alloc(line * HEIGHT);
  shades.forEach((shade, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    pixels[y * line + 1 + (x >> 1)] |= Math.round(shade * (LEVELS - 1)) << (x % 2 === 0 ? 4 : 0);
  });
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('PLTE', greys), chunk('IDAT', deflateSync(pixels, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

hall();
people();
writeFileSync(new URL('../queue-front/web/preview.png', import.meta.url), png());
