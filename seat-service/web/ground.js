// ground.js: draws a plan's shapes that are not seats: the stage, a playing field, bars, words. They lie behind the
// seats, so they are faint. Words have the plan's colour if it is readable there, otherwise one of the page's.

import { contrast, css, mix, rgbOf } from './colours.js';
import { boxOf } from './plan.js';

const MIX = 0.45; // share of a shape's own colour when mixed with the page's
const LEAST_CONTRAST = 4.5;
const SEEN = 1.4; // contrast at which an edge becomes visible
const LEAST_PX = 7; // smaller words are unreadable
const MOST_PX = 40;

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

// The position of a shape's text in the plan; null without text.
function placeOfText({ x, y, rotation = 0, text }) {
  if (!text?.text.trim()) return null;
  const [dx, dy, turn] = [text.x ?? 0, text.y ?? 0, rotation * Math.PI / 180];
  return { x: x + dx * Math.cos(turn) - dy * Math.sin(turn), y: y + dx * Math.sin(turn) + dy * Math.cos(turn) };
}

const sizeOf = ({ size = 16 }, k) => Math.min(MOST_PX, size * k);

export class Ground {
  constructor(context, shapes) {
    this.context = context;
    this.shape(shapes);
  }

  // Called again when the hall has been turned.
  shape(shapes) {
    this.shapes = shapes.map((shape) => ({ ...shape, path: pathOf(shape), words: placeOfText(shape) }));
  }

  // Whether the plan has a readable word of its own within this distance of the focal point.
  names({ x, y }, within, k) {
    return this.shapes.some(({ words, text }) => words && sizeOf(text, k) >= LEAST_PX && Math.hypot(words.x - x, words.y - y) < within);
  }

  // The box of the filled shape nearest to the focal point; null if none is within that distance.
  stage({ x, y }, within) {
    const far = ({ left, right, top, bottom }) => Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
    const [near] = this.shapes.filter(({ shape, color }) => color && shape !== 'text').map(boxOf).sort((a, b) => far(a) - far(b));
    return near && far(near) < within ? near : null;
  }

  fillShape(context, { x, y, rotation = 0, path }, into) {
    context.setTransform(...into);
    context.translate(x, y);
    context.rotate(rotation * Math.PI / 180);
    context.fill(path);
  }

  draw(view, ratio, tokens) {
    const { context } = this;
    const { k, x, y } = view;
    const paper = rgbOf(tokens.raised);
    for (const shape of this.shapes) {
      if (shape.shape === 'text') continue;
      const into = [ratio * k, 0, 0, ratio * k, ratio * x, ratio * y];
      if (shape.color) {
        context.fillStyle = css(mix(rgbOf(shape.color), paper, MIX));
        this.fillShape(context, shape, into);
      } else {
        context.setTransform(...into);
        context.translate(shape.x, shape.y);
        context.rotate((shape.rotation ?? 0) * Math.PI / 180);
      }
      const edge = mix(rgbOf(shape.border_color ?? shape.color ?? tokens.soft), paper, MIX);
      context.lineWidth = 1.5 / k;
      context.strokeStyle = contrast(edge, paper) < SEEN ? tokens.soft : css(edge);
      context.stroke(shape.path);
    }
    for (const shape of this.shapes) if (shape.words) this.write(shape, view, ratio, paper, tokens);
  }

  write({ words, text, color, shape }, { k, x, y }, ratio, paper, tokens) {
    const { context } = this;
    const px = sizeOf(text, k);
    if (px < LEAST_PX) return;
    const under = color && shape !== 'text' ? mix(rgbOf(color), paper, MIX) : paper;
    const choices = [text.color, tokens.ink, tokens.paper].filter(Boolean);
    const best = choices.find((colour) => contrast(rgbOf(colour), under) >= LEAST_CONTRAST) ?? tokens.ink;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = `600 ${px}px ${tokens.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = best;
    context.fillText(text.text, words.x * k + x, words.y * k + y);
  }
}
