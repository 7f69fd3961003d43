// chart.js: a line chart, drawn by uPlot on a canvas, with a text next to it: each line's current value, and the lowest
// and highest value shown. Screen readers read the text or the table.

import uPlot from './uplot.js';
import { make, say } from './kit.js';
import { onScheme } from './scheme.js';
import { thin } from './spark.js';
import { clock, exact, number, scrollBox, tableOf } from './ui.js';

const HEIGHT = 160;
const POINTS_MAX = 1500; // drawn
const TABLE_ROWS = 12;
const MARK_PX = 72; // room for an act's words

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const thinned = (columns) => columns.map((column) => thin(column, POINTS_MAX));
const shown = (values) => values.filter((value) => value !== null && value !== undefined);

export class Chart {
  // {title, note, lines: [{label, kind, format?}]}; kind names a colour of console.css.
  constructor({ title, note, lines, format = number }) {
    this.lines = lines;
    this.format = format;
    this.canvas = make('div', { className: 'plot', 'aria-hidden': 'true' });
    this.words = make('ul', { className: 'legend' });
    this.table = make('details', {}, make('summary', {}, say('chart.table', title)));
    this.table.addEventListener('toggle', () => this.showTable());
    this.at = make('figure', { className: 'chart card' }, make('figcaption', {}, make('h2', {}, title)), this.canvas, this.words, this.table);
    if (note) this.at.querySelector('figcaption').append(make('p', { className: 'small' }, note));
    this.columns = [[], ...lines.map(() => [])];
    this.asOf = [];
    this.acts = [];
    this.until = 0;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.canvas);
    this.tell(null);
    this.unwatch = onScheme(() => { if (this.plot) this.build(); });
  }

  build() {
    this.plot?.destroy();
    const axis = { stroke: ink('--soft'), grid: { stroke: ink('--line'), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
    const options = {
      hooks: { setCursor: [({ cursor }) => this.tell(cursor.idx ?? null)], draw: [() => this.mark()] },
      width: this.canvas.clientWidth || 300, height: HEIGHT, legend: { show: false }, cursor: { y: false, points: { size: 6 } }, padding: [8, 24, 0, 0],
      scales: { x: { range: (_, low, high) => [low, Math.max(high, this.until)] }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, size: 28, space: 64, values: (_, splits, __, ___, step) => (this.columns[0].length < 2 ? [] : splits).map((s) => (step < 60 ? exact : clock).format(s * 1000)) },
        { ...axis, size: 48, space: 28, values: (_, splits) => splits.map((value) => this.format(value)) },
      ],
      series: [{}, ...this.lines.map((line, n) => ({ label: line.label, stroke: ink(`--line-${line.kind}`), width: 2, dash: n === 0 ? undefined : n === 1 ? [8, 4] : [2, 3], points: { show: false }, spanGaps: true }))],
    };
    this.plot = new uPlot(options, thinned(this.columns), this.canvas);
  }

  // Times in seconds, then a column for each line; null if unknown. For each line whose source is silent, `asOf` has
  // the time of its last data: the line ends there, and the scale goes on to now.
  set(columns, asOf = [], acts = []) {
    this.columns = columns;
    this.acts = acts;
    this.asOf = asOf;
    this.until = asOf.some(Boolean) ? Date.now() / 1000 : 0;
    if (this.plot) this.plot.setData(thinned(columns));
    else this.build();
    this.tell(this.plot.cursor.idx ?? null);
    if (this.table.open) this.showTable();
  }

  // Operators' acts as marks: a line with a dot, and words if there is room. The audit trail lists the same.
  mark() {
    const { scales: { x }, over } = this.plot;
    const wide = over.clientWidth;
    let free = 0; // where the next words may begin
    over.querySelectorAll('.mark').forEach((old) => old.remove());
    if (x.min === null || this.columns[0].length < 2) return;
    for (const { at, words, whole } of this.acts.filter((act) => act.at >= x.min && act.at <= x.max)) {
      const left = this.plot.valToPos(at, 'x');
      const made = make('span', { className: 'mark', title: `${exact.format(at * 1000)} ${whole}` }, ...(left >= free && left + MARK_PX < wide ? [words] : []));
      made.style.left = `${left}px`;
      over.append(made);
      if (made.textContent !== '') free = left + MARK_PX;
    }
  }

  // Each line's value and time at the pointer; without a pointer its current value and its range.
  tell(i) {
    const columns = this.plot ? this.plot.data : this.columns;
    const when = i === null ? null : columns[0][i];
    this.words.replaceChildren(...this.lines.map((line, n) => {
      const values = shown(columns[n + 1]);
      const last = when === null ? values.at(-1) : columns[n + 1][i];
      const range = when !== null ? exact.format(when * 1000) : values.length === 0 ? say('chart.nothing') : this.asOf[n] ? say('verdict.as-of', exact.format(this.asOf[n])) : say('chart.range', this.format(Math.min(...values)), this.format(Math.max(...values)));
      return make('li', { className: `line-${line.kind} dash-${n}${this.asOf[n] ? ' stale' : ''}` }, make('span', { className: 'swatch' }), `${line.label} `, make('strong', {}, this.format(last)), ' ', make('span', { className: 'small' }, range));
    }));
  }

  showTable() {
    this.table.querySelector('.scroll')?.remove();
    if (!this.table.open) return;
    const count = this.columns[0].length;
    const step = Math.max(1, Math.floor(count / TABLE_ROWS));
    const rows = [];
    for (let i = count - 1; i >= 0 && rows.length < TABLE_ROWS; i -= step) {
      rows.push(make('tr', {}, make('th', { scope: 'row' }, exact.format(this.columns[0][i] * 1000)), ...this.lines.map((_, n) => make('td', {}, this.format(this.columns[n + 1][i])))));
    }
    this.table.append(scrollBox(this.at.querySelector('h2').textContent, {}, tableOf([say('chart.time'), ...this.lines.map(({ label }) => label)], rows)));
  }

  resize() {
    if (this.plot && this.canvas.clientWidth > 0) this.plot.setSize({ width: this.canvas.clientWidth, height: HEIGHT });
  }

  close() {
    this.watch.disconnect();
    this.unwatch();
    this.plot?.destroy();
  }
}
