// Parses what infra/observe and the handbook say about metrics: rules, the table of metrics, and a page of /metrics.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { alertsOf } from '../../infra/docs/texts.js';
import { writeTo } from '../../infra/observe/make.js';
import { ROOT } from './service.js';

const made = writeTo(join(ROOT, 'build/observe'));
const [alerts, depends, slo, pods] = made;
export const RULE_FILES = [alerts, slo];
// Rules about a sale's dependencies: the local stack has no exporters and omits them.
export const DEPENDS = depends;
export const EVERY_RULE = [...RULE_FILES, DEPENDS];
export const RULES_OF_PODS = pods;
// Metrics of HAProxy and of exporters, which tests/observe/depends.test.js reads from them.
export const isOfOthers = (name) => /^(haproxy|redis|pg|node)_/.test(name);
export const DASHBOARDS = made.filter((path) => path.endsWith('.json'));

// Groups of rules: {name, rules: [{alert | record, expr, labels, annotations}]}.
export const ruleGroups = (paths = RULE_FILES) => paths.flatMap((path) => load(readFileSync(path, 'utf8')).groups);

// The parts of a histogram have names of their own.
export const familyOf = (name) => name.replace(/_(bucket|sum|count)$/, '');
// The metrics in an expression, recorded ones included.
export const namesIn = (expr) => [...new Set(expr.replaceAll(/"[^"]*"/g, '').match(/\b(fairgate[_:][\w:]*|process_\w+|(?:haproxy|redis|pg|node)_\w+|up(?=\{|\b)|ALERTS)/g) ?? [])];
// Histogram bounds in an expression: [family, le].
export const boundsIn = (expr) => [...expr.matchAll(/(\w+)_bucket\{[^}]*le="([^"]+)"/g)].map(([, name, le]) => [name, le]);

// Parses docs/operate/metrics.md: {section, name, meaning, korean, type, labels, alerts}.
export function metricsTable() {
  const rows = [];
  let section = null;
  for (const line of readFileSync(join(ROOT, 'docs/operate/metrics.md'), 'utf8').split('\n')) {
    section = /^## (.*)$/.exec(line)?.[1] ?? section;
    const cells = line.startsWith('| `') ? line.split('|').slice(1, -1).map((cell) => cell.trim()) : null;
    if (cells === null) continue;
    const [[name], labels] = [0, 3].map((n) => [...cells[n].matchAll(/`(\w+)`/g)].map(([, word]) => word));
    const type = labels.includes('le') ? 'histogram' : name.endsWith('_total') ? 'counter' : 'gauge';
    rows.push({ section, name, meaning: cells[1], korean: cells[2], type, labels, alerts: alertsOf(name) });
  }
  return rows;
}

// Parses a page of /metrics: name -> {type, help, labels, bounds}, histograms under their family's name.
export function families(text) {
  const found = new Map();
  for (const line of text.split('\n')) {
    const head = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line);
    if (head !== null) {
      if (!found.has(head[2])) found.set(head[2], { labels: new Set(), bounds: new Set() });
      found.get(head[2])[head[1].toLowerCase()] = head[3];
      continue;
    }
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const family = found.get(name) ?? found.get(familyOf(name));
    for (const [, label, value] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      family.labels.add(label);
      if (label === 'le') family.bounds.add(value);
    }
  }
  return found;
}

// Parses docs/operate/logs.md: field -> type. A row without Korean does not count.
export const logFields = () => new Map([...readFileSync(join(ROOT, 'docs/operate/logs.md'), 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| .+ \| .*[가-힣].* \|$/gm)].map(([, field, type]) => [field, type]));
