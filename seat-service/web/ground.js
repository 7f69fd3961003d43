// ground.js: what a plan draws beside its seats: the stage, a playing field, bars, words. It lies behind
// the seats, so it is drawn thinly, and its words in a colour that can be read on it, be it the plan's or
// ours.

const MIX = 0.45; // how much of its colour a shape has left beside the page's
const LEAST_CONTRAST = 4.5;
const SEEN = 1.4; // contrast from which on an edge is one
const LEAST_PX = 7; // words that are smaller say nothing
const MOST_PX = 40;

const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const mix = (a, b) => a.map((v, i) => v * MIX + b[i] * (1 - MIX));

function contrast(a, b) {
  const [x, y] = [light(a), light(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

function pathOf(shape) {
  const path = new Path2D();
  const { width = 0, height = 0, radius = 0, radius_x: rx = 0, radius_y: ry = 0, points = [] } = shape;
  if (shape.shape === 'rectangle') path.rect(0, 0, width, height);
  else if (shape.shape === 'circle') path.arc(0, 0, Math.max(0, radius), 0, 7);
  else if (shape.shape === 'ellipse') path.ellipse(0, 0, Math.max(0, rx), Math.max(0, ry), 0, 0, 7);
  else for (let n = 0; n + 1 < points.length; n += 2) path.lineTo(points[n], points[n + 1]);
  path.closePath();
  return path;
}

// Where its words stand in the plan; NULL without any.
function placeOfText({ x, y, rotation = 0, text }) {
  if (!text?.text.trim()) return null;
  const [dx, dy, turn] = [text.x ?? 0, text.y ?? 0, rotation * Math.PI / 180];
  return { x: x + dx * Math.cos(turn) - dy * Math.sin(turn), y: y + dx * Math.sin(turn) + dy * Math.cos(turn) };
}

const sizeOf = ({ size = 16 }, k) => Math.min(MOST_PX, size * k);

export class Ground {
  constructor(canvas, shapes) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.shapes = shapes.map((shape) => ({ ...shape, path: pathOf(shape), words: placeOfText(shape) }));
  }

  // A word near to where everybody looks says what is there, where it is large enough to be read.
  names({ x, y }, within, k) {
    return this.shapes.some(({ words, text }) => words && sizeOf(text, k) >= LEAST_PX && Math.hypot(words.x - x, words.y - y) < within);
  }

  draw({ k, x, y }, ratio, tokens, rgb) {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const paper = rgb(tokens.raised);
    const css = (colour) => `rgb(${colour.map((v) => Math.round(v * 255)).join(' ')})`;
    for (const shape of this.shapes) {
      context.setTransform(ratio * k, 0, 0, ratio * k, ratio * (x + shape.x * k), ratio * (y + shape.y * k));
      context.rotate((shape.rotation ?? 0) * Math.PI / 180);
      if (shape.color && shape.shape !== 'text') {
        context.fillStyle = css(mix(rgb(shape.color), paper));
        context.fill(shape.path);
      }
      if (shape.shape === 'text') continue;
      const edge = mix(rgb(shape.border_color ?? shape.color ?? tokens.soft), paper);
      context.lineWidth = 1.5 / k;
      context.strokeStyle = contrast(edge, paper) < SEEN ? tokens.soft : css(edge);
      context.stroke(shape.path);
    }
    for (const shape of this.shapes) if (shape.words) this.write(shape, { k, x, y }, ratio, paper, tokens, rgb);
  }

  write({ words, text, color, shape }, { k, x, y }, ratio, paper, tokens, rgb) {
    const { context } = this;
    const px = sizeOf(text, k);
    if (px < LEAST_PX) return;
    const under = color && shape !== 'text' ? mix(rgb(color), paper) : paper;
    const choices = [text.color, tokens.ink, tokens.paper].filter(Boolean);
    const best = choices.find((colour) => contrast(rgb(colour), under) >= LEAST_CONTRAST) ?? tokens.ink;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = `600 ${px}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = best;
    context.fillText(text.text, words.x * k + x, words.y * k + y);
  }
}
