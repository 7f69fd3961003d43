// paint.js: draws seats on a canvas. With WebGL, positions stay on the graphics card, and one byte per seat says how it
// looks. 66,000 seats are one draw call, those of the sections in view a few. Without WebGL it uses a plain canvas and
// draws only the seats in view.
//
// A free seat is a chair and shows its category by colour and by silhouette. SIGNS has the silhouettes as corners
// around the middle; the fragment shader has the same ones as distances. A seat that is not free is a dot, which stands
// for a person.

const SILHOUETTES = 5;
const SIGNS = [
  null, // a dot
  [-0.9, -0.9, -0.45, -0.4, 0, -0.9, 0.45, -0.4, 0.9, -0.9, 0.9, 0.9, -0.9, 0.9], // a crown
  [-0.9, 0, -0.83, -0.34, -0.64, -0.64, -0.34, -0.83, 0, -0.9, 0.34, -0.83, 0.64, -0.64, 0.83, -0.34, 0.9, 0, 0.9, 0.9, -0.9, 0.9], // an arch
  [-0.41, -0.9, 0.41, -0.9, 0.9, -0.37, 0.9, 0.9, -0.9, 0.9, -0.9, -0.37], // cut corners
  [-0.9, -0.9, 0.9, -0.9, 0.9, 0.9, -0.9, 0.9], // a square
  [-0.9, -0.9, 0.9, -0.9, 0.9, 0.15, 0.3, 0.9, -0.3, 0.9, -0.9, 0.15], // a shield
];

// The silhouette of each category, the most expensive first. The sixth to tenth repeat them with a slot.
export function signsOf(prices) {
  const order = prices.map((_, c) => c).sort((a, b) => prices[b] - prices[a] || a - b);
  return prices.map((_, c) => 1 + order.indexOf(c) % (2 * SILHOUETTES));
}

export const toneOf = (sign) => (sign - 1) % SILHOUETTES; // index of the colour; 0: the most expensive

const CATEGORIES = 64; // the most that a plan may have
export const LOOKS = 16 + 2 * CATEGORIES; // fixed ones; free seats of each category; filtered-out free seats of each
export const LOOK = { MINE: 1, PENDING: 2, HELD: 4, SOLD: 5, BLOCKED: 6, FREE: 16, OTHER: 16 + CATEGORIES };

const VERTEX = `#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in float look;
uniform vec2 scale;
uniform vec2 shift;
uniform float size;
uniform vec4 palette[${LOOKS}];
flat out vec3 colour;
flat out float edge;
flat out int sign;
void main() {
  vec4 paint = palette[int(look)];
  sign = int(paint.a / 2.0); // setPalette() packs both
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = max(1.5, size * (paint.a - 2.0 * float(sign)));
  edge = 1.5 / gl_PointSize;
  colour = paint.rgb;
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
flat in vec3 colour;
flat in float edge;
flat in int sign;
out vec4 pixel;
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  vec2 q = abs(p);
  int shape = sign > ${SILHOUETTES} ? sign - ${SILHOUETTES} : sign;
  float box = max(q.x, q.y) / 0.9;
  float far = 0.5 * (shape == 0 ? length(p)
    : shape == 1 ? max(box, -p.y / (0.4 + 0.5 * abs(q.x - 0.45) / 0.45))
    : shape == 2 ? (p.y < 0.0 ? length(p) / 0.9 : box)
    : shape == 3 ? max(box, (q.x - p.y) / 1.29)
    : shape == 4 ? box
    : max(box, (q.x * 0.75 + p.y * 0.6) / 0.765));
  if (sign > ${SILHOUETTES} && q.x < 0.6 && p.y > 0.4 && p.y < 0.6) far = 1.0;
  float cover = edge > 0.4 ? 1.0 : 1.0 - smoothstep(0.5 - edge, 0.5, far);
  pixel = vec4(colour, 1.0) * cover;
}`;

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

class GlPaint {
  constructor(canvas, gl, plan) {
    this.canvas = canvas;
    this.gl = gl;
    this.plan = plan;
    this.setUp();
  }

  setUp() {
    const { gl, plan } = this;
    this.program = program(gl);
    gl.useProgram(this.program);
    const buffer = (at, width, type, data, usage) => {
      const made = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, made);
      gl.bufferData(gl.ARRAY_BUFFER, data, usage);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, width, type, false, 0, 0);
      return made;
    };
    this.placesAt = buffer(0, 2, gl.FLOAT, this.places(), gl.STATIC_DRAW);
    this.looksAt = buffer(1, 1, gl.UNSIGNED_BYTE, new Uint8Array(plan.n), gl.DYNAMIC_DRAW);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.at = Object.fromEntries(['scale', 'shift', 'size', 'palette'].map((name) => [name, gl.getUniformLocation(this.program, name)]));
  }

  places() {
    const { plan } = this;
    const places = new Float32Array(plan.n * 2);
    for (let i = 0; i < plan.n; i++) {
      places[2 * i] = plan.x[i];
      places[2 * i + 1] = plan.y[i];
    }
    return places;
  }

  // Called when the plan has been turned.
  move() {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.placesAt);
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, this.places());
  }

  setLooks(looks) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.looksAt);
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, looks);
  }

  // For each look: red, green, blue, and a size below 2 plus twice the sign.
  setPalette(palette) {
    this.gl.uniform4fv(this.at.palette, palette);
  }

  clear() {
    this.gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    this.gl.clearColor(0, 0, 0, 0);
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
  }

  // `view` maps the plan to CSS pixels; `size` is a seat's width in the plan.
  draw(view, size, ratio, stretches) {
    const { gl, canvas } = this;
    const width = canvas.width / ratio;
    const height = canvas.height / ratio;
    this.clear();
    gl.uniform2f(this.at.scale, 2 * view.k / width, -2 * view.k / height);
    gl.uniform2f(this.at.shift, 2 * view.x / width - 1, 1 - 2 * view.y / height);
    gl.uniform1f(this.at.size, size * view.k * ratio);
    for (const { from, to } of stretches) gl.drawArrays(gl.POINTS, from, to - from);
  }
}

// Adds the outline of a sign around a point.
export function trace(path, sign, x, y, radius) {
  const corners = SIGNS[sign > SILHOUETTES ? sign - SILHOUETTES : sign];
  if (!corners) {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 7);
    return;
  }
  path.moveTo(x + corners[0] * radius, y + corners[1] * radius);
  for (let n = 2; n < corners.length; n += 2) path.lineTo(x + corners[n] * radius, y + corners[n + 1] * radius);
  path.closePath();
  if (sign <= SILHOUETTES) return;
  path.moveTo(x - 0.6 * radius, y + 0.4 * radius); // counterclockwise: a hole
  path.lineTo(x - 0.6 * radius, y + 0.6 * radius);
  path.lineTo(x + 0.6 * radius, y + 0.6 * radius);
  path.lineTo(x + 0.6 * radius, y + 0.4 * radius);
  path.closePath();
}

class CanvasPaint {
  constructor(canvas, plan, grid) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.plan = plan;
    this.grid = grid;
    this.looks = new Uint8Array(plan.n);
  }

  move(grid) {
    this.grid = grid;
  }

  setLooks(looks) {
    this.looks = looks;
  }

  setPalette(palette) {
    this.sizes = [];
    this.signs = [];
    this.colours = [];
    for (let i = 0; i < LOOKS; i++) {
      const [r, g, b, packed] = palette.subarray(4 * i, 4 * i + 4);
      this.colours.push(`rgb(${r * 255} ${g * 255} ${b * 255})`);
      this.signs.push(Math.floor(packed / 2));
      this.sizes.push(packed % 2);
    }
  }

  clear() {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(view, size, ratio) {
    const { context, plan, canvas } = this;
    this.clear();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const round = size * view.k > 5;
    const edge = (px, from) => (px - from) / view.k;
    const byLook = Array.from({ length: LOOKS }, () => []);
    this.grid.within(edge(0, view.x), edge(0, view.y), edge(canvas.width / ratio, view.x), edge(canvas.height / ratio, view.y),
      (i) => byLook[this.looks[i]].push(i));
    byLook.forEach((seats, look) => {
      if (seats.length === 0) return;
      const wide = Math.max(1, size * view.k * this.sizes[look]);
      context.fillStyle = this.colours[look];
      context.beginPath();
      for (const i of seats) {
        const x = plan.x[i] * view.k + view.x;
        const y = plan.y[i] * view.k + view.y;
        if (round) {
          trace(context, this.signs[look], x, y, wide / 2);
        } else {
          context.rect(x - wide / 2, y - wide / 2, wide, wide);
        }
      }
      context.fill();
    });
  }
}

export function makePaint(canvas, plan, grid, plain) {
  const gl = plain ? null : canvas.getContext('webgl2', { alpha: true, antialias: false, premultipliedAlpha: true });
  return gl ? new GlPaint(canvas, gl, plan) : new CanvasPaint(canvas, plan, grid);
}
