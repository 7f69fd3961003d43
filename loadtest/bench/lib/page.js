// The report as one self-contained page: no script, no font, no external picture.
//
// A figure with a bar is drawn against it: the full width is twice the bar, the tick in the middle is the bar,
// the thin line is the spread from minimum to maximum. Rates of the same work are drawn next to each other
// (`among`); there the full width is the greatest rate. Other figures are printed as numbers. Percentiles of
// latencies are next to their figure; curves (over time, or over the number of people) are below it. A line shows
// the figure in the last commits that were measured on such a machine, from 0 to the maximum.
// On a phone a figure is a block, not a row.

import { barOf, fixed, middle, nameOf } from './report.js';

const WORDS = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value) => String(value).replace(/[&<>"]/g, (letter) => WORDS[letter]);

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6570; --paper: #fff; --line: #d7dce1;
  --good: #2f7d4f; --bad: #b3392f; --plain: #3a6ea5; --bar: #1c2126; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b1; --paper: #14181c;
  --line: #333b43; --good: #5fbf86; --bad: #e5776c; --plain: #7fb0e2; --bar: #e6e9ec; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p, .note, small { color: var(--soft); } .note, small { font-size: .82rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; padding: .3rem .5rem; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
th { font-weight: 600; color: var(--soft); font-size: .82rem; }
th.number, td.number { width: 8.5rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th.limit, td.limit { width: 6.5rem; } th.draw, td.draw { width: 14rem; } th.verdict, td.verdict { width: 4.5rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.ok { color: var(--good); } .MISSED, .BROKEN { color: var(--bad); font-weight: 600; }
svg .ok { fill: var(--good); } svg .MISSED { fill: var(--bad); } svg .plain { fill: var(--plain); }
svg .bar, svg .spread { stroke: var(--bar); } svg text { fill: var(--soft); font-size: 9px; }
svg.curve { max-width: 40rem; } polyline.curve { fill: none; stroke: var(--plain); stroke-width: 1.5; }
svg .axis { stroke: var(--line); } svg .ground { fill: var(--line); opacity: .5; } svg .beyond { fill: var(--paper); }
@media (max-width: 44rem) {
  body { margin: 1rem auto; } thead { display: none; } table, tbody { display: block; }
  tr { display: grid; grid-template-columns: 1fr auto auto; column-gap: .8rem; padding: .5rem 0; border-top: 1px solid var(--line); }
  td, td.number, td.limit, td.draw, td.verdict { border: 0; padding: .1rem 0; width: auto; min-width: 0; }
  td.what, td.draw, td[colspan] { grid-column: 1 / -1; } td.number { text-align: left; }
  td:empty { display: none; } td.draw svg { max-width: 26rem; } svg.curve text { font-size: 14px; }
}`;

const WIDTH = 220;

// Draws a figure against its bar, or a rate against the greatest rate of the same work.
function drawn(row, most) {
  const bar = row.atMost ?? row.atLeast;
  const isRate = row.among !== undefined;
  if (!isRate && bar === undefined) return '';
  const full = isRate ? most[row.among] : 2 * bar;
  const x = (value) => Math.min(WIDTH, Math.max(0, (value / full) * WIDTH)).toFixed(1);
  const { min, max } = typeof row.value === 'object' ? row.value : {};
  const spread = min === undefined ? '' : `<line class="spread" x1="${x(min)}" x2="${x(max)}" y1="8" y2="8"/>`;
  const beyond = middle(row) > full ? `<text class="beyond" x="${WIDTH - 8}" y="11">&#187;</text>` : '';
  const tick = isRate ? '' : `<line class="bar" x1="${x(bar)}" x2="${x(bar)}" y1="0" y2="16" stroke-width="2"/>${beyond}`;
  const words = `${fixed(middle(row))}${isRate ? ` of ${fixed(full)}` : `, bar ${barOf(row)}`}`;
  return `<svg viewBox="0 0 ${WIDTH} 16" role="img" aria-label="${text(words)}">
<rect class="ground" width="${WIDTH}" height="10" y="3"/>
<rect class="${isRate ? 'plain' : row.verdict}" width="${x(middle(row))}" height="10" y="3"/>
${spread}${tick}</svg>`;
}

// The greatest value of each group in a suite.
function greatest(rows) {
  const most = {};
  for (const row of rows) {
    if (row.among === undefined) continue;
    const value = typeof row.value === 'object' ? row.value.max : row.value;
    most[row.among] = Math.max(most[row.among] ?? 0, value);
  }
  return most;
}

// Draws percentiles on their own logarithmic scale, the largest at the right end.
function percentiles(latency) {
  const shown = Object.entries(latency).filter(([name]) => /^(p\d+|max)$/.test(name));
  const least = Math.max(1e-3, Math.min(...shown.map(([, ms]) => ms)) / 2);
  const most = Math.max(...shown.map(([, ms]) => ms), least * 2);
  const width = (ms) => (Math.log(Math.max(ms, least) / least) / Math.log(most / least)) * 150;
  const rows = shown.map(([name, ms], nth) => `<text x="0" y="${nth * 13 + 9}">${name}</text>
<rect class="plain" x="28" y="${nth * 13 + 2}" height="8" width="${(4 + width(ms)).toFixed(1)}"/>
<text x="${(36 + width(ms)).toFixed(1)}" y="${nth * 13 + 9}">${fixed(ms)} ms</text>`);
  return `<svg viewBox="0 0 ${WIDTH} ${shown.length * 13}" role="img" aria-label="percentiles">${rows.join('')}</svg>`;
}

const CHART = { width: 560, height: 166, left: 58, right: 10, top: 22, bottom: 30 };
const number = (value) => (Number.isInteger(value) ? value.toLocaleString('en') : fixed(value));

// Draws a curve {points: [[x, y], ...], x, y, log}: x and y name the axes; log makes the x axis logarithmic.
// y begins at 0, so that a value that does not grow looks flat.
function curve({ points, x: xName, y: yName, log = false }) {
  const { width, height, left, right, top, bottom } = CHART;
  const along = (value) => (log ? Math.log10(Math.max(value, 1)) : value);
  const xs = points.map(([value]) => along(value));
  const [from, upto] = [Math.min(...xs), Math.max(...xs)];
  const most = Math.max(...points.map(([, value]) => value)) || 1;
  const px = (value) => left + ((along(value) - from) / (upto - from || 1)) * (width - left - right);
  const py = (value) => height - bottom - (value / most) * (height - top - bottom);
  const at = ([a, b]) => `${px(a).toFixed(1)},${py(b).toFixed(1)}`;
  const dots = log ? points.map((point) => `<circle class="plain" cx="${at(point).replace(',', '" cy="')}" r="3"/>`) : [];
  const ends = [points[0], points.at(-1)].map(([value], nth) =>
    `<text x="${px(value)}" y="${height - bottom + 15}" text-anchor="${nth === 0 ? 'start' : 'end'}">${number(value)}</text>`);
  return `<svg class="curve" viewBox="0 0 ${width} ${height}" role="img" aria-label="${text(`${yName} over ${xName}`)}">
<line class="axis" x1="${left}" x2="${width - right}" y1="${height - bottom}" y2="${height - bottom}"/>
<polyline class="curve" points="${points.map(at).join(' ')}"/>${dots.join('')}${ends.join('')}
<text x="${left - 6}" y="${top + 8}" text-anchor="end">${fixed(most)}</text>
<text x="${left - 6}" y="${height - bottom}" text-anchor="end">0</text>
<text x="${(left + width) / 2}" y="${height - bottom + 26}" text-anchor="middle">${text(xName)}</text>
<text x="${left}" y="12">${text(yName)}</text></svg>`;
}

function went(commits) {
  if (commits.length < 2) return '';
  const most = Math.max(...commits.map(([, value]) => value)) || 1;
  const points = commits.map(([, value], nth) => `${((nth / (commits.length - 1)) * WIDTH).toFixed(1)},${(24 - (value / most) * 22).toFixed(1)}`);
  const words = commits.map(([commit, value]) => `${commit} ${fixed(value)}`).join(', ');
  return `<svg viewBox="0 0 ${WIDTH} 26" role="img" aria-label="${text(words)}"><title>${text(words)}</title>
<polyline class="curve" points="${points.join(' ')}"/></svg>`;
}

function line(row, most, commits) {
  if (row.verdict === 'BROKEN')
    return `<tr><td colspan="5"><span class="BROKEN">BROKEN</span> ${text(row.name)}<br><small>${text(row.note)}</small></td></tr>`;
  const { min, max } = typeof row.value === 'object' ? row.value : {};
  const spread = min === undefined ? '' : `<br><small>${fixed(min)} to ${fixed(max)}</small>`;
  const note = row.note === undefined ? '' : `<div class="note">${text(row.note)}</div>`;
  const drawing = drawn(row, most) + went(commits) + (row.latency === undefined ? '' : percentiles(row.latency));
  const below = row.chart === undefined ? '' : `<tr><td colspan="5">${curve(row.chart)}</td></tr>`;
  return `<tr><td class="what">${text(row.name)}${note}</td>
<td class="number">${fixed(middle(row))} ${text(row.unit ?? '')}${spread}</td>
<td class="limit">${text(barOf(row))}</td><td class="verdict ${row.verdict}">${row.verdict}</td>
<td class="draw">${drawing}</td></tr>${below}`;
}

export function page({ taken, commit, machine, summary, suites, rows }, past) {
  const sections = Object.entries(suites).map(([suite, seconds]) => {
    const own = rows.filter((row) => row.suite === suite);
    const most = greatest(own);
    const lines = own.map((row) => line(row, most, past(nameOf(row))));
    return `<h2>${text(suite)} <small>${seconds.toFixed(0)} s</small></h2>
<table><thead><tr><th>figure</th><th class="number">median</th><th class="limit">bar</th><th class="verdict"></th><th class="draw">drawn</th></tr></thead>
<tbody>${lines.join('\n')}</tbody></table>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fairgate: the figures</title><style>${STYLE}</style></head><body>
<h1>Fairgate: the figures</h1>
<p>${text(summary)}. Taken ${text(taken.slice(0, 16).replace('T', ' '))} UTC on ${text(machine)}, of commit ${text(commit)}.</p>
<p>Every comparison was made in this one run, its sides by turns; a figure is the median of its rounds
and the range is the least and the most of them. The tick in each drawing is the bar, its right end is
twice the bar. Rates of the same work are drawn next to each other. The line below a drawing is the
same figure in the last commits that were measured here. &#8220;Null against null&#8221; is one side measured against itself: what differs there is
noise, and no other ratio of its suite is more precise than that.</p>
${sections.join('\n')}
</body></html>
`;
}
