// colours.js: parses and mixes colours, and computes contrast.

const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
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
