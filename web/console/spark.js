// spark.js: a figure's recent past as a small line without axes, or its level as a strip of dots, drawn as SVG. They
// have no text: the figure is next to them, and the charts below have tables.

const SVG = 'http://www.w3.org/2000/svg';
const [WIDE, HIGH] = [100, 24]; // stretched to fit; the stroke is not
const POINTS_MAX = 120;

export function draw(tag, attributes, ...words) {
  const made = document.createElementNS(SVG, tag);
  made.append(...words);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// At most this many, evenly, keeping the last one.
export function thin(values, most) {
  const step = Math.ceil(values.length / most);
  return step <= 1 ? values : values.filter((_, i) => (values.length - 1 - i) % step === 0);
}

// Points of one line; unknown values are gaps.
function path(values, low, high, wide) {
  const span = Math.max(high - low, 1e-9);
  let pen = 'M';
  return values.map((value, i) => {
    if (value === null || value === undefined) {
      pen = 'M';
      return '';
    }
    const at = `${pen}${(i * wide / Math.max(1, values.length - 1)).toFixed(1)} ${(HIGH - 1 - (value - low) / span * (HIGH - 2)).toFixed(1)}`;
    pen = 'L';
    return at;
  }).join('');
}

// `lines` are lists of values, oldest first, on one scale from zero. They end at this share of the width.
export function spark(lines, share = 1) {
  const svg = draw('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', class: 'spark', 'aria-hidden': 'true' });
  const thinned = lines.map((values) => thin(values, POINTS_MAX));
  const all = thinned.flat().filter((value) => value !== null && value !== undefined);
  const high = Math.max(...all, 0) || 1;
  thinned.forEach((values, n) => svg.append(draw('path', { d: path(values, 0, high, WIDE * share), class: `spark-${n}` })));
  return svg;
}

const [DOTS, APART] = [20, 11];
const [ROWS, COLUMNS, GATE] = [10, 80, 905]; // of a crowd; the gate's position
const dots = (from, to, name) => (to > from ? [draw('path', { d: `M${5 + from * APART} 5h${(to - from - 1) * APART + 0.1}`, class: name })] : []);

// A row of twenty dots, filled to this share; at least one unless it is 0.
export function strip(full) {
  const count = Math.min(DOTS, Math.ceil(full * DOTS));
  const svg = draw('svg', { viewBox: `0 0 ${DOTS * APART} 10`, class: 'strip', 'aria-hidden': 'true' });
  svg.append(...dots(0, count, 'there'), ...dots(count, DOTS, 'room'));
  return svg;
}

// The line before its gate, and behind the gate the visitors who were called and have not entered. A dot is `each` people.
export function crowd(waiting, called) {
  let each = 1;
  while (waiting / each > ROWS * COLUMNS || called / each > ROWS * 5) each *= 10;
  const svg = draw('svg', { viewBox: `0 0 1000 ${ROWS * APART}`, preserveAspectRatio: 'xMaxYMid', class: 'crowd', 'aria-hidden': 'true' });
  const rows = (people, from, way, name) => {
    const count = Math.ceil(people / each);
    for (let row = 0; row < Math.min(ROWS, count); row++) {
      const wide = (Math.ceil((count - row) / ROWS) - 1) * APART + 0.1;
      svg.append(draw('path', { d: `M${from} ${row * APART + 5.5}h${way * wide}`, class: name }));
    }
  };
  rows(waiting, GATE - 20, -1, 'there');
  rows(called, GATE + 20, 1, 'called');
  svg.append(draw('path', { d: `M${GATE} 2V40M${GATE} 70V108`, class: 'gate' }));
  return { svg, each };
}
