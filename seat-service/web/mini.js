// mini.js: the whole hall, small, in a corner of the map: its stage, and a frame around what is in
// view.

const SIZE_PX = 72;
const STAGE_REACH = 0.25; // of the hall's width: a shape this near to the focal point is the stage

const far = ({ left, right, top, bottom }, { x, y }) => Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));

export class Mini {
  draw({ context, plan, view, width, height, ratio, tokens, ground }) {
    const { room } = plan;
    const [left, top] = [Math.max(room.left, -view.x / view.k), Math.max(room.top, -view.y / view.k)];
    const [right, bottom] = [Math.min(room.right, (width - view.x) / view.k), Math.min(room.bottom, (height - view.y) / view.k)];
    if (right - left >= room.right - room.left && bottom - top >= room.bottom - room.top) return; // all of it is in view
    const k = SIZE_PX / Math.max(room.right - room.left, room.bottom - room.top);
    const [w, h] = [(room.right - room.left) * k, (room.bottom - room.top) * k];
    const [x, y] = [width - w - 10, 10];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = tokens.paper;
    context.globalAlpha = 0.92;
    context.beginPath();
    context.roundRect(x - 4, y - 4, w + 8, h + 8, 6);
    context.fill();
    context.globalAlpha = 1;
    const into = [ratio * k, 0, 0, ratio * k, ratio * (x - room.left * k), ratio * (y - room.top * k)];
    context.setTransform(...into);
    context.fillStyle = tokens.soft;
    for (const zone of plan.zones) for (const part of zone.parts) context.fill(part.path);
    context.fillStyle = tokens.ink;
    const stage = ground.stage(plan.focal, STAGE_REACH * (room.right - room.left), far);
    if (stage) ground.fillShape(context, stage, into);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (!stage) {
      context.beginPath();
      context.arc(x + (plan.focal.x - room.left) * k, y + (plan.focal.y - room.top) * k, 4, 0, 7);
      context.fill();
    }
    context.strokeStyle = tokens.mine;
    context.lineWidth = 2;
    context.strokeRect(x + (left - room.left) * k, y + (top - room.top) * k, Math.max(4, (right - left) * k), Math.max(4, (bottom - top) * k));
  }
}
