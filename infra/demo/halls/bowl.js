// bowl.js: the shape of a hall, in metres: where its rows and its stage are.
//
// A row is a curve at some distance outside a base: a point in the theatre (its rows are arcs), or for the bowls {a, b,
// corner}, half the length and half the width of a rectangle with round corners.

export const perimeter = (base, distance) => 4 * (base.a + base.b) + 2 * Math.PI * (base.corner + distance);

// The point s metres along that curve, clockwise on the screen (y grows downwards) from the middle of the left side.
function wayAt({ a, b, corner }, distance, s) {
  const r = corner + distance;
  if (s < b) return { x: -a - r, y: -s };
  const parts = [ // corners in order, with the straight that follows each
    { x: -a, y: -b, angle: Math.PI, dx: 1, dy: 0, length: 2 * a },
    { x: a, y: -b, angle: 1.5 * Math.PI, dx: 0, dy: 1, length: 2 * b },
    { x: a, y: b, angle: 0, dx: -1, dy: 0, length: 2 * a },
    { x: -a, y: b, angle: 0.5 * Math.PI, dx: 0, dy: -1, length: b },
  ];
  const arc = Math.PI / 2 * r;
  let rest = s - b;
  for (const [n, part] of parts.entries()) {
    const isBeyond = n === 3 && rest - arc > part.length;
    if (rest < arc || isBeyond) return { x: part.x + r * Math.cos(part.angle + rest / r), y: part.y + r * Math.sin(part.angle + rest / r) };
    rest -= arc;
    const angle = part.angle + Math.PI / 2;
    if (rest <= part.length) return { x: part.x + r * Math.cos(angle) + part.dx * rest, y: part.y + r * Math.sin(angle) + part.dy * rest };
    rest -= part.length;
  }
  return { x: -a - r, y: 0 };
}

// The theatre's rows are rotated by 180 degrees, so that its stage is at the top.
export function pointAt(base, distance, s) {
  const { x, y } = wayAt(base, distance, s);
  return base.a > 0 ? { x, y } : { x: -x, y: -y };
}
