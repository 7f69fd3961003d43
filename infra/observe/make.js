// make.js [FOLDER]: writes alerts.yml, depends.yml, slo.yml, kubernetes.yaml and aws.yaml for Prometheus and dashboards/ for
// Grafana below FOLDER (build/observe), from alerts.js, depends.js, objectives.js and boards.js. The stack and the installation call it.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ALERTS } from './alerts.js';
import { BOARDS } from './boards.js';
import { DEPENDS } from './depends.js';
import { FAST, LOOK, OBJECTIVES, SLOW, WINDOWS } from './objectives.js';

// ---- rules ----

const SECONDS = { '1m': 60, '5m': 300, '30m': 1800, '6h': 21600 };
const FEWEST = 20; // calls in the long window: a single failure at night must not page

const record = (name, slo, expr) => `      - record: ${name}\n        expr: ${expr}\n        labels: { slo: ${slo} }\n`;

function records(one) {
  const lines = [record('fairgate:slo_budget', one.slo, `vector(${one.budget})`)];
  if (one.now) lines.push(record('fairgate:slo_bad:now', one.slo, one.now));
  for (const window of WINDOWS) lines.push(record(`fairgate:slo_bad:ratio${window}`, one.slo, one.bad(window, one.slo)));
  if (one.all) for (const { long } of [FAST, SLOW, LOOK]) lines.push(record(`fairgate:slo_all:rate${long}`, one.slo, one.all(long)));
  return lines.join('');
}

function burns({ slo, budget, all }, { long, short }, times) {
  const limit = Number((times * budget).toPrecision(6));
  const over = (window) => `fairgate:slo_bad:ratio${window}{slo="${slo}"} > ${limit}`;
  const enough = all ? ` and fairgate:slo_all:rate${long}{slo="${slo}"} > ${(FEWEST / SECONDS[long]).toPrecision(3)}` : '';
  return `(${over(long)} and ${over(short)}${enough})`;
}

const rule = ({ alert, expr, hold, severity, summary }) => `      - alert: ${alert}\n        expr: ${expr}\n${hold ? `        for: ${hold}\n` : ''}` +
  `        labels: { severity: ${severity} }\n` +
  `        annotations: { summary: "${summary}", runbook_url: "file:///usr/share/fairgate/observe/docs/operate/runbook.md#${alert.toLowerCase()}" }\n`;

function alerts(one) {
  const [fast, slow] = one.page ?? [FAST.times, SLOW.times];
  return rule({ ...one, severity: 'page', expr: `${burns(one, FAST, fast)} or ${burns(one, SLOW, slow)}` }) +
    rule({ ...one, severity: 'look', expr: burns(one, LOOK, LOOK.times) });
}

const groups = (table, named) => `# Made by infra/observe/make.js of ${table}. \`page\`: act now, at any hour; \`look\`: act the same day. The runbook says what to do.
groups:
${Object.entries(named).map(([name, rules]) => `  - name: ${name}\n    rules:\n${rules.map(rule).join('')}`).join('')}`;

const rules = () => `# Made by infra/observe/make.js of objectives.js, which says what is promised and how alerts follow from it.
groups:
${OBJECTIVES.map((one) => `  # ${one.promise}\n  - name: fairgate-slo-${one.slo}\n    rules:\n${records(one)}${alerts(one)}`).join('')}`;

// The same for a Prometheus operator, about what infra/kubernetes/monitors watches.
const UNWATCHED = / or absent\(up\{job="fairgate-(redis|postgres|node)"\}\)/g;

function rulesOfPods() {
  const { 'fairgate-presence': presence, 'fairgate-edge': edge } = DEPENDS;
  const watched = { ...ALERTS, 'fairgate-presence': presence.map((one) => ({ ...one, expr: one.expr.replace(UNWATCHED, '') })), 'fairgate-edge': edge };
  const [first, ...others] = [groups('alerts.js and depends.js', watched), rules()].map((text) => text.split('groups:\n'));
  return `${first[0]}apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: { name: fairgate, namespace: fairgate }\nspec:\n  groups:\n${first[1]}${others[0][1]}`;
}

// ---- dashboards ----

const WIDTH = 24;
const SOURCE = { type: 'prometheus', uid: '${source}' };

function panels(rows) {
  const made = [];
  let y = 0;
  const add = (one) => made.push({ id: made.length + 1, ...one });
  for (const [title, list] of Object.entries(rows)) {
    add({ type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: WIDTH, h: 1 }, panels: [] });
    y += 1;
    const perRow = Math.min(list.length, 4);
    const w = WIDTH / perRow;
    list.forEach(({ title: name, unit, asks, max }, n) => add({
      type: 'timeseries', title: name, datasource: SOURCE,
      gridPos: { x: (n % perRow) * w, y: y + Math.floor(n / perRow) * 8, w, h: 8 },
      fieldConfig: { defaults: { unit, min: 0, ...(max ? { max } : {}), custom: { fillOpacity: 10, showPoints: 'never' } }, overrides: [] },
      options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
      targets: Object.entries(asks).map(([legendFormat, expr], at) => ({ refId: String.fromCharCode(65 + at), datasource: SOURCE, expr, legendFormat: legendFormat || name })),
    }));
    y += Math.ceil(list.length / perRow) * 8;
  }
  return made;
}

function dashboard({ uid, title, about, event, rows }) {
  const list = [{ name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus', hide: 0 }];
  if (event) list.push({ name: 'event', label: 'Event', type: 'query', datasource: SOURCE, query: 'label_values(fairgate_line_issued, event)', refresh: 2, includeAll: true, multi: true, current: { text: 'All', value: '$__all' }, allValue: '.*' });
  return {
    uid, title, description: about, tags: ['fairgate'], timezone: 'browser', schemaVersion: 38, editable: true, graphTooltip: 1,
    refresh: '10s', time: { from: 'now-1h', to: 'now' }, templating: { list }, annotations: { list: [] },
    links: [{ title: 'Fairgate', type: 'dashboards', tags: ['fairgate'], asDropdown: true, keepTime: true, includeVars: true }],
    panels: panels(rows),
  };
}

// ---- files ----

const made = () => ({
  'alerts.yml': groups('alerts.js', ALERTS),
  'depends.yml': groups('depends.js', DEPENDS),
  'slo.yml': rules(),
  'kubernetes.yaml': rulesOfPods(),
  // On AWS, alarms of CloudWatch are the switch, and about targets.
  'aws.yaml': groups('depends.js', { 'fairgate-presence': DEPENDS['fairgate-presence'].filter(({ alert }) => !/Watchdog|TargetsMissing/.test(alert)) }),
  ...Object.fromEntries(Object.entries(BOARDS).map(([name, board]) => [`dashboards/${name}.json`, `${JSON.stringify(dashboard(board), null, 1)}\n`])),
});

// Writes all files below `folder` or none, and returns their paths.
export function writeTo(folder) {
  mkdirSync(join(folder, 'dashboards'), { recursive: true });
  return Object.entries(made()).map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(`${path}.${process.pid}`, text);
    renameSync(`${path}.${process.pid}`, path);
    return path;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeTo(process.argv[2] ?? 'build/observe');
