// queue.js: draws the line as a picture, as pages/queue_line.c does without a script. Dots move only when people have
// left: a row by as many dots as it lost, the visitor's dot to its new place.

const DOTS = 20;
const PITCH = 14;
const ROWS_MIN = 4;
const ROWS_MAX = 6;

const x = (row, dot) => 14 + PITCH * (row % 2 ? dot : DOTS - 1 - dot);
const y = (row) => 20 + 34 * row;

function dotOf(people) {
  let left = people;
  for (let row = 0, each = 1; row < ROWS_MAX; row++, each *= 10) {
    const dot = Math.round(left / each);
    if (dot < DOTS) return [row, dot];
    left = Math.max(0, left - DOTS * each); // rounding may have filled the row
  }
  return [ROWS_MAX - 1, DOTS - 1];
}

function pathOf(row, from, to) {
  return `M${x(row, from)} ${y(row)}H${(x(row, to) + (row % 2 ? 0.1 : -0.1)).toFixed(1)}`;
}

const rope = (rows) => `M280 20${Array.from({ length: rows }, (_, row) => (row ? `a17 17 0 0 ${row % 2 ? 0 : 1} 0 34` : '') + (row % 2 ? 'H280' : 'H14')).join('')}`;

// Per row, the people ahead, then those behind.
function runsOf([row, dot], [lastRow, lastDot]) {
  const runs = [];
  for (let at = 0; at <= lastRow; at++) {
    const end = at < lastRow ? DOTS - 1 : lastDot;
    if (at <= row) runs.push([at, 'ahead', 0, at < row ? DOTS - 1 : dot - 1]);
    if (at >= row) runs.push([at, 'behind', at > row ? 0 : dot + 1, end]);
  }
  return runs.filter(([, , from, to]) => from <= to);
}

function make(name, attributes, text = '') {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

let was = null; // what the last picture showed

export function drawQueue(picture, ahead, waiting, gate) {
  const me = dotOf(ahead);
  const last = dotOf(Math.max(waiting - 1, ahead));
  const rows = Math.max(ROWS_MIN, last[0] + 1, was?.rows ?? 0); // fewer rows would move the page
  const moves = was && ahead < was.ahead;
  const from = moves ? was.me : me;
  const runs = runsOf(me, last).map(([row, className, start, end]) => make('path', { class: className, d: pathOf(row, start, end) }));
  const you = make('circle', { class: 'you', cx: x(...from), cy: y(from[0]), r: 7.5 });
  const labels = Array.from({ length: rows - 1 }, (_, row) => make('text', { x: 356, y: y(row + 1) + 5 }, `×${(10 ** (row + 1)).toLocaleString('en')}`));
  picture.setAttribute('viewBox', `0 0 358 ${y(rows) - 14}`);
  picture.replaceChildren(make('path', { class: 'rope', d: rope(rows) }), make('path', { class: 'gate', d: 'M296 7v7M296 26v7' }), ...runs, ...labels, make('text', { x: 356, y: 25 }, gate), you);
  if (moves) {
    for (const [i, [row]] of runsOf(me, last).entries()) {
      const gone = row === me[0] && row === from[0] ? from[1] - me[1] : Math.floor(was.ahead / 10 ** row) - Math.floor(ahead / 10 ** row);
      runs[i].setAttribute('stroke-dashoffset', -PITCH * Math.min(DOTS, gone));
    }
    picture.getBoundingClientRect(); // a layout, for the animation to start from
    for (const run of runs) run.removeAttribute('stroke-dashoffset');
    you.setAttribute('cx', x(...me));
    you.setAttribute('cy', y(me[0]));
  }
  was = { ahead, me, rows };
}
