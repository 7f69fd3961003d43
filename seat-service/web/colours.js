// colours.js: the colours of price categories, adapted to the map. Grey always means taken, so a
// category that the plan paints grey gets the hue that is farthest from all others. A number on a
// seat is white on a bright page and nearly black on a dark one, and each colour is shifted until
// the number can be read on it.

const AA = 4.5;
const WHITE = [1, 1, 1];
const NIGHT = [0.07, 0.08, 0.09];
const GREY = 0.12; // smallest difference between the channels that still counts as a colour
const OWN = '#3a6ea5'; // for a category without a colour in the plan

const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const spread = (rgb) => Math.max(...rgb) - Math.min(...rgb);
export const mix = (a, b, share) => a.map((v, i) => v * share + b[i] * (1 - share));
export const css = (rgb) => `rgb(${rgb.map((v) => Math.round(v * 255)).join(' ')})`;

export function contrast(a, b) {
  const [x, y] = [light(a), light(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

let probe = null;
export function rgbOf(colour) {
  const plain = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (plain) return plain.slice(1).map((hex) => Number.parseInt(hex, 16) / 255);
  probe ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255);
}

// In turns of the circle.
function hueOf(rgb) {
  const [r, g, b] = rgb;
  const most = Math.max(...rgb);
  const by = most === r ? (g - b) / spread(rgb) : most === g ? 2 + (b - r) / spread(rgb) : 4 + (r - g) / spread(rgb);
  return (by / 6 + 1) % 1;
}

const ofHue = (hue) => [0, 2 / 3, 1 / 3].map((shift) => 0.1 + 0.6 * Math.min(1, Math.max(0, Math.abs((hue + shift) % 1 * 6 - 3) - 1)));

// The middle of the widest gap between the hues that are there.
function farHue(hues) {
  if (hues.length === 0) return 0.55;
  const sorted = [...hues].sort((a, b) => a - b);
  const gaps = sorted.map((hue, n) => (sorted[n + 1] ?? sorted[0] + 1) - hue);
  const widest = gaps.indexOf(Math.max(...gaps));
  return (sorted[widest] + gaps[widest] / 2) % 1;
}

function readable(rgb, ink, goal) {
  let out = rgb;
  for (let n = 1; contrast(out, ink) < AA; n++) out = mix(goal, rgb, 0.04 * n);
  return out;
}

// Of each category: {rgb, css, ink}.
export function paintCategories(categories, dark) {
  const hues = [];
  const given = categories.map(({ color }) => rgbOf(color ?? OWN));
  for (const rgb of given) if (spread(rgb) >= GREY) hues.push(hueOf(rgb));
  const [ink, goal] = dark ? [NIGHT, WHITE] : [WHITE, [0, 0, 0]];
  return given.map((rgb) => {
    if (spread(rgb) < GREY) {
      hues.push(farHue(hues));
      rgb = ofHue(hues.at(-1));
    }
    const shown = readable(rgb, ink, goal);
    return { rgb: shown, css: css(shown), ink: css(ink) };
  });
}
