// Prints the figures as a table in the terminal as they arrive, and writes them as JSON.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

export const fixed = (value) =>
  value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);

const middle = (row) => (typeof row.value === 'object' ? row.value.median : row.value);

// Returns a report's medians as {'SUITE: NAME': median}.
export const figuresOf = ({ rows }) =>
  Object.fromEntries(rows.filter(({ verdict }) => verdict !== 'BROKEN').map((row) => [`${row.suite}: ${row.name}`, middle(row)]));

// The commit of this tree, with a + if there are uncommitted changes; '' without git.
const commitHere = () => (spawnSync('git', ['describe', '--always', '--exclude=*', '--dirty=+'], { encoding: 'utf8' }).stdout ?? '').trim();

function barOf(row) {
  if (row.atMost !== undefined) return `at most ${row.atMost}`;
  if (row.atLeast !== undefined) return `at least ${row.atLeast}`;
  return '';
}

export class Report {
  constructor() {
    this.rows = [];
    this.failed = 0;
    this.suites = {};
  }

  // Adds a figure: {suite, name, value: a number or {median, min, max}, unit, atMost or atLeast (its bar), note,
  // latency: {p50, p90, p99, ...} in milliseconds}
  add(row) {
    const value = middle(row);
    if (!Number.isFinite(value)) throw new Error(`${row.name}: ${value} is no figure`);
    let verdict = '';
    if (row.atMost !== undefined) verdict = value <= row.atMost ? 'ok' : 'MISSED';
    if (row.atLeast !== undefined) verdict = value >= row.atLeast ? 'ok' : 'MISSED';
    if (verdict === 'MISSED') this.failed += 1;
    const full = { ...row, verdict };
    this.rows.push(full);
    process.stdout.write(`${this.line(full)}\n`);
  }

  // Reports a suite that failed, with the error.
  broken(suite, error) {
    this.failed += 1;
    this.rows.push({ suite, name: 'the suite did not come to its end', verdict: 'BROKEN', note: error.message });
    process.stdout.write(`BROKEN: ${error.stack}\n`);
  }

  suiteTook(suite, seconds) {
    this.suites[suite] = seconds;
    process.stdout.write(`(${suite}: ${seconds.toFixed(0)} s)\n`);
  }

  summary() {
    const count = (verdict) => this.rows.filter((row) => row.verdict === verdict).length;
    const figures = this.rows.length - count('BROKEN');
    const told = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;
    return `${told(figures, 'figure')}, ${told(count('MISSED'), 'bar')} missed, ${told(count('BROKEN'), 'suite')} broken`;
  }

  line(row) {
    const { min, max } = typeof row.value === 'object' ? row.value : {};
    const range = min === undefined ? '' : ` (${fixed(min)}..${fixed(max)})`;
    const cells = [
      row.name.padEnd(58),
      `${fixed(middle(row))}${range} ${row.unit ?? ''}`.padEnd(34),
      barOf(row).padEnd(14),
      row.verdict,
    ];
    return cells.join(' ').trimEnd();
  }

  save(folder) {
    mkdirSync(folder, { recursive: true });
    const taken = new Date().toISOString();
    const machine = `${cpus().length} cores, ${cpus()[0].model.trim()}`;
    const told = { taken, commit: commitHere(), machine, summary: this.summary(), suites: this.suites, rows: this.rows };
    writeFileSync(join(folder, 'report.json'), `${JSON.stringify(told, null, 2)}\n`);
  }
}
