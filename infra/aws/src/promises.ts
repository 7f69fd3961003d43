// promises.ts: converts the objectives of build/observe/slo.yml (written by infra/observe/make.js) to CloudWatch alarms. An
// objective alerts if its bad share is over a limit in a long and in a short window. Each window has an alarm that
// notifies nobody; each alert is a composite alarm of these, which notifies.
//
// A share of calls is metric math over the window's sums, for all programs together. A share of time is a number of bad
// minutes in the window. Any other form is an error, as in alerts.ts.

import { parse } from 'yaml';
import { seconds, select, series, type Metric, type Query } from './alerts.js';
import { fileOf } from './sale.js';

export const DEPLOYMENT = { deployment: 'fairgate' } as const; // a label of all metrics, so that they can be summed over all programs
const MINUTE = 60;
const QUERY_S = 3 * 3600; // a CloudWatch SQL query looks back no further

export interface Figure {
  id: string;
  name: string;
  stat: 'Sum' | 'Maximum';
  dimensions: Record<string, string>;
}

// `expression` computes the bad share from `figures`, or from `query` if it is grouped.
export interface Judge {
  figures: Figure[];
  query?: Query;
  metrics: Metric[];
  expression: string;
}

export interface Window extends Judge {
  name: string;
  periodS: number;
  threshold: number; // bad if above
  periods: number;
  badPeriods: number;
}

export interface Burn {
  name: string;
  severity: string;
  summary: string;
  anyOf: [long: Window, short: Window][];
}

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels: { slo?: string; severity?: string };
  annotations?: { summary: string };
}

// A histogram's bucket, or its count, which is its last bucket. The collector renames buckets to metrics of their own;
// otherwise it would send the histogram as one metric, without buckets.
export const WITHIN = '_within';
function figure(id: string, text: string): Figure {
  const { metric, where } = series(text, []);
  const dimensions: Record<string, string> = { ...DEPLOYMENT };
  for (const one of where) {
    const [, label, value] = /^"(\w+)" = '(.*)'$/.exec(one)!;
    dimensions[label!] = value!;
  }
  const part = /^(.*)_(bucket|count)$/.exec(metric.name);
  if (part === null) return { id, name: metric.name, stat: 'Sum', dimensions };
  if (part[2] === 'count') dimensions['le'] = '+Inf';
  return { id, name: `${part[1]}${WITHIN}`, stat: 'Sum', dimensions };
}

const metricOf = ({ name, dimensions }: Figure): Metric => ({ name, labels: Object.keys(dimensions).sort() });

// sum(rate(A[T])), or (sum(rate(A[T])) + sum(rate(B[T])))
function sums(text: string, window: string): string[] {
  return text.replace(/^\((.*)\)$/, '$1').split(' + ').map((part) => {
    const found = /^sum\(rate\((.*)\[(\w+)\]\)\)$/.exec(part);
    if (found === null || found[2] !== window) throw new Error(`"${part}" is no sum over ${window}`);
    return found[1]!;
  });
}

interface Share {
  good: string;
  all: string[];
}

function share(expr: string, window: string): Share {
  const found = /^1 - (sum\(rate\(.*?\]\)\)) \/ (.*)$/.exec(expr);
  if (found === null) throw new Error(`"${expr}" is no share`);
  return { good: sums(found[1]!, window)[0]!, all: sums(found[2]!, window) };
}

function callWindow({ good, all }: Share, fewest: number): Judge {
  const figures = [figure('good', good), ...all.map((text, i) => figure(`all${i}`, text))];
  const asked = `(${all.map((_, i) => `FILL(all${i}, 0)`).join(' + ')})`;
  return { figures, metrics: figures.map(metricOf), expression: `IF(${asked} > ${fewest}, 1 - FILL(good, 0) / ${asked}, 0)` };
}

// How to decide whether a minute is bad.
function minute(expr: string): Judge {
  const least = /^max\((min by \((\w+)\) \((\w+)\))\)$/.exec(expr);
  if (least !== null) {
    const one = series(least[3]!, [least[2]!]);
    return { figures: [], query: select('MIN', one, MINUTE), metrics: [one.metric], expression: 'MAX(m0)' };
  }
  const either = /^clamp_max\(\(max\((\w+)\) > bool (\d+)\) \+ \(time\(\) - max\((\w+) > 0\) > bool (\d+)\), 1\)$/.exec(expr);
  if (either === null) throw new Error(`"${expr}" says of no minute that I understand whether it is bad`);
  const [, much, limit, when, age] = either as unknown as [string, string, string, string, string];
  const figures: Figure[] = [much, when].map((name, i) => ({ id: `m${i}`, name, stat: 'Maximum', dimensions: { ...DEPLOYMENT } }));
  return { figures, metrics: figures.map(metricOf), expression: `IF(m0 > ${limit} OR (m1 > 0 AND EPOCH(m1) - m1 > ${age}), 1, 0)` };
}

const PAIR = /^\(fairgate:slo_bad:ratio(\w+)\{slo="(\w+)"\} > ([\d.]+) and fairgate:slo_bad:ratio(\w+)\{slo="(\w+)"\} > ([\d.]+)(?: and fairgate:slo_all:rate(\w+)\{slo="(\w+)"\} > ([\d.]+))?\)$/;

class Group {
  #records = new Map<string, string>();

  constructor(rules: Rule[]) {
    for (const { record, expr } of rules) if (record !== undefined) this.#records.set(record, expr);
  }

  #expr(record: string): string {
    const found = this.#records.get(record);
    if (found === undefined) throw new Error(`nothing records ${record}`);
    return found;
  }

  // The alarm of a window of length `over`: its bad share is above `limit`, with more than `perS` calls per second.
  window(name: string, slo: string, over: string, limit: number, perS: number | undefined): Window {
    const expr = this.#expr(`fairgate:slo_bad:ratio${over}`);
    const periodS = seconds(over);
    if (expr === `avg_over_time(fairgate:slo_bad:now{slo="${slo}"}[${over}])`) {
      const judge = minute(this.#expr('fairgate:slo_bad:now'));
      const most = judge.query === undefined ? periodS : Math.min(periodS, QUERY_S);
      const badPeriods = Math.floor(limit * (periodS / MINUTE)) + 1; // one minute more than the limit allows
      return { name, periodS: MINUTE, threshold: 0, periods: most / MINUTE, badPeriods, ...judge };
    }
    const told = share(expr, over);
    if (perS !== undefined && sums(this.#expr(`fairgate:slo_all:rate${over}`), over).join() !== told.all.join()) throw new Error(`${slo}: other calls are counted than are judged`);
    return { name, periodS, threshold: limit, periods: 1, badPeriods: 1, ...callWindow(told, Math.round((perS ?? 0) * periodS)) };
  }

  pair(name: string, text: string): [Window, Window] {
    const found = PAIR.exec(text);
    if (found === null) throw new Error(`"${text}" is no pair of windows`);
    const [, long, slo, longLimit, short, shortSlo, shortLimit, enoughIn, enoughSlo, enough] = found as unknown as [string, string, string, string, string, string, string, string?, string?, string?];
    if (shortSlo !== slo || (enough !== undefined && (enoughIn !== long || enoughSlo !== slo))) throw new Error(`"${text}" is of two promises`);
    return [
      this.window(`${name}-${long}`, slo, long, Number(longLimit), enough === undefined ? undefined : Number(enough)),
      this.window(`${name}-${long}-still`, slo, short, Number(shortLimit), undefined),
    ];
  }
}

export function burns(text = fileOf('build/observe/slo.yml')): Burn[] {
  const { groups } = parse(text) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => {
    const group = new Group(rules);
    return rules.filter(({ alert }) => alert !== undefined).map(({ alert, expr, labels, annotations }) => {
      const name = `${alert}-${labels.severity}`;
      return { name, severity: labels.severity!, summary: annotations!.summary, anyOf: expr.split(' or ').map((pair) => group.pair(name, pair)) };
    });
  });
}

export const windowsOf = (all: Burn[]): Window[] => all.flatMap(({ anyOf }) => anyOf.flat());

// The buckets that become metrics of their own, as a regular expression over `NAME;le`.
export function bucketsOf(all: Burn[]): string {
  const figures = windowsOf(all).flatMap((window) => window.figures).filter(({ name }) => name.endsWith(WITHIN));
  const unique = (list: string[]) => [...new Set(list)].sort().map((one) => one.replace(/[.+]/g, '\\$&')).join('|');
  return `(${unique(figures.map(({ name }) => name.slice(0, -WITHIN.length)))})_bucket;(${unique(figures.map(({ dimensions }) => dimensions['le']!))})`;
}
