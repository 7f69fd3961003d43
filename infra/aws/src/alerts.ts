// alerts.ts: converts the alerts of infra/observe/alerts.yml to CloudWatch queries. An expression that is not understood
// completely is an error, so that no alert silently changes its meaning.
//
// These forms of PromQL are understood, with `by`, matchers and `or`, `and`:
//     [min|max [by (L)]] (METRIC{M}) OP NUMBER        a gauge
//     [max by (L)] (METRIC{M}) < time() + NUMBER    a future time, in one half of an `and`
//     [max by (L)] increase(METRIC{M}[T]) > NUMBER    a counter: the collector sends its increments
//     sum by (job) (rate(A{M}[T])) > F * sum by (job) (rate(A[T]))
//     sum(increase(A[T])) > [N +] F * sum(increase(B[T]))        A may have one matcher L=~"ONE|OTHER"
//     max by (L) (max_over_time(METRIC[T])) > NUMBER
//
// CloudWatch evaluates once a minute, so a shorter `for` (such as 15s) becomes a minute.

import { parse } from 'yaml';
import { fileOf } from './sale.js';

export const NAMESPACE = 'Fairgate';
export const JOBS = { 'queue-front': 8091, 'seats-a': 8092, 'seats-b': 8092, 'payment-adapter': 8093 } as const;
const MINUTE = 60;
// The collector changes Prometheus's label `job`, so its value is copied to the label `part`.
const named = (label: string): string => (label === 'job' ? 'part' : label);

export interface Metric {
  name: string;
  labels: string[]; // those that a query names, and always `part`
}

export interface Query {
  sql: string;
  periodS: number;
}

export interface Alarm {
  name: string;
  severity: string;
  summary: string;
  queries: Query[];
  expression?: string; // over m0, m1, ...: 1 is bad. Without it, the only query is compared with the threshold
  threshold: number;
  operator: 'GreaterThanThreshold' | 'LessThanThreshold' | 'GreaterThanOrEqualToThreshold' | 'LessThanOrEqualToThreshold';
  minutes: number; // how long it must be bad
  metrics: Metric[];
}

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string };
}

export const seconds = (text: string): number => {
  const found = /^(\d+)([smh])$/.exec(text);
  if (found === null) throw new Error(`"${text}" is no time`);
  return Number(found[1]) * { s: 1, m: 60, h: 3600 }[found[2] as 's' | 'm' | 'h'];
};

export interface Series {
  metric: Metric;
  where: string[];
  by: string[];
}

// Parses METRIC{label="value",...}; `by`: the labels it is grouped by.
export function series(text: string, by: string[]): Series {
  const found = /^([a-z_]+)(?:\{([^}]*)\})?$/.exec(text.trim());
  if (found === null) throw new Error(`"${text}" is no series`);
  const where: string[] = [];
  const labels = new Set(['part', ...by]);
  for (const matcher of (found[2] ?? '').split(',').filter((one) => one !== '')) {
    const told = /^([a-z_]+)(=~?|!=)"([^"]*)"$/.exec(matcher.trim());
    if (told === null) throw new Error(`"${matcher}" is not understood`);
    // Needs no condition: all jobs that the collector reads are Fairgate's.
    if (told[2] === '=~' && told[1] === 'job' && told[3] === 'fairgate.*') continue;
    if (told[2] === '=~') throw new Error(`"${matcher}" is not understood`);
    labels.add(named(told[1]!));
    where.push(`"${named(told[1]!)}" ${told[2]} '${told[3]}'`);
  }
  return { metric: { name: found[1]!, labels: [...labels].sort() }, where, by };
}

export function select(how: 'MAX' | 'MIN' | 'SUM', { metric, where, by }: Series, periodS: number): Query {
  const schema = [`"${NAMESPACE}"`, ...metric.labels.map((label) => `"${label}"`)].join(', ');
  const parts = [
    `SELECT ${how}("${metric.name}") FROM SCHEMA(${schema})`,
    ...(where.length > 0 ? [`WHERE ${where.join(' AND ')}`] : []),
    ...(by.length > 0 ? [`GROUP BY ${by.map((label) => `"${label}"`).join(', ')}`] : []),
  ];
  return { sql: parts.join(' '), periodS };
}

interface Term {
  query: Query;
  metric: Metric;
  op: string;
  limit: number;
  ahead?: boolean; // the limit is in seconds from now
}

// One comparison. If the rule has no min or max, the maximum of all series is queried if low values are bad and for `>`;
// otherwise the minimum.
function term(text: string, grouped: boolean): Term {
  const compared = /^(.*?)\s*(==|>|<)\s*(time\(\) \+ )?([\d.]+)$/.exec(text.trim());
  if (compared === null) throw new Error(`"${text}" is no comparison`);
  const [, left, op, now, number] = compared as unknown as [string, string, string, string | undefined, string];
  if (now !== undefined && grouped) throw new Error(`"${text}" stands alone`);
  const aggregated = /^(min|max|sum)\s*(?:by \(([a-z, ]+)\)\s*)?\((.*)\)$/.exec(left);
  const how = aggregated?.[1];
  // Not grouped by `instance`: a task's address changes with each restart.
  const by = grouped ? (aggregated?.[2] ?? '').split(',').map((label) => label.trim()).filter((label) => label !== '' && label !== 'instance').map(named) : [];
  const inner = aggregated?.[3] ?? left;
  const limit = Number(number);
  const grown = /^increase\((.*)\[(\d+[smh])\]\)$/.exec(inner);
  if (grown !== null) {
    const one = series(grown[1]!, by);
    return { query: select('SUM', one, seconds(grown[2]!)), metric: one.metric, op, limit };
  }
  const highest = /^max_over_time\((.*)\[(\d+[smh])\]\)$/.exec(inner);
  if (highest !== null) {
    const one = series(highest[1]!, by);
    return { query: select('MAX', one, seconds(highest[2]!)), metric: one.metric, op, limit };
  }
  const low = op === '<' || (op === '==' && limit === 0);
  const one = series(inner, by);
  if (now !== undefined) return { query: select('MIN', one, MINUTE), metric: one.metric, op, limit, ahead: true }; // the earliest
  const way = how === 'min' ? 'MIN' : how === 'max' || low || op === '>' ? 'MAX' : 'MIN';
  return { query: select(way, one, MINUTE), metric: one.metric, op, limit };
}

const OPERATORS: Record<string, Alarm['operator']> = { '>': 'GreaterThanThreshold', '<': 'LessThanThreshold' };
const operatorOf = ({ op, limit }: Term): Alarm['operator'] =>
  OPERATORS[op] ?? (limit === 0 ? 'LessThanOrEqualToThreshold' : 'GreaterThanOrEqualToThreshold');
const YES = { threshold: 0, operator: 'GreaterThanThreshold' } as const;

type Read = Pick<Alarm, 'queries' | 'expression' | 'threshold' | 'operator' | 'metrics'>;

// A share of all, summed over all services. CloudWatch SQL has no alternation, so each alternative is a query.
function part(expr: string): Read[] | null {
  const found = /^sum\(increase\((.*?)\[(\d+[smh])\]\)\) > (?:(\d+) \+ )?([\d.]+) \* sum\(increase\((.*?)\[\2\]\)\)$/.exec(expr);
  if (found === null) return null;
  const [, bad, window, more, factor, all] = found as unknown as [string, string, string, string | undefined, string, string];
  const [, before, words, after] = /^(.*)=~"([a-z|]+)"(.*)$/.exec(bad) ?? [];
  const one = words === undefined ? [bad] : words.split('|').map((word) => `${before}="${word}"${after}`);
  const each = [...one, all].map((text) => series(text, []));
  const sum = one.map((_, i) => `m${i}`).join(' + ');
  const expression = `IF(${sum} > ${more === undefined ? '' : `${more} + `}${factor} * m${one.length}, 1, 0)`;
  return [{ queries: each.map((its) => select('SUM', its, seconds(window))), expression, ...YES, metrics: each.map(({ metric }) => metric) }];
}

// The share of errors among all answers, for each service.
function share(expr: string): Read[] | null {
  const found = /^sum by \(job\) \(rate\((.*?)\[(\d+[smh])\]\)\) > ([\d.]+) \* sum by \(job\) \(rate\((.*?)\[\2\]\)\)$/.exec(expr);
  if (found === null) return null;
  const [, bad, window, part, all] = found as unknown as [string, string, string, string, string];
  return Object.keys(JOBS).map((job) => {
    const of = (text: string): Series => {
      const one = series(text, []);
      return { ...one, where: [...one.where, `"part" = 'fairgate-${job}'`] };
    };
    const both = [of(bad), of(all)];
    return { queries: both.map((one) => select('SUM', one, seconds(window))), expression: `IF(m0 > ${part} * m1, 1, 0)`, ...YES, metrics: both.map(({ metric }) => metric) };
  });
}

function read(expr: string): Read[] {
  const shared = share(expr) ?? part(expr);
  if (shared !== null) return shared;
  const word = / (or|and) /.exec(expr)?.[1];
  if (word === undefined) {
    const one = term(expr, true);
    return [{ queries: [one.query], threshold: one.limit, operator: operatorOf(one), metrics: [one.metric] }];
  }
  const terms = expr.split(` ${word} `).map((part) => term(part, false));
  // Both halves of an `and` are about the same series; its maximum is compared.
  const queries = word === 'and' ? terms.map(({ query, ahead }) => (ahead ? query : { ...query, sql: query.sql.replace('MIN(', 'MAX(') })) : terms.map(({ query }) => query);
  const expression = `IF(${terms.map(({ op, limit, ahead }, i) => `m${i} ${op} ${ahead ? `EPOCH(m${i}) + ` : ''}${limit}`).join(` ${word.toUpperCase()} `)}, 1, 0)`;
  return [{ queries, expression, ...YES, metrics: terms.map(({ metric }) => metric) }];
}

export function alarms(text = fileOf('infra/observe/alerts.yml')): Alarm[] {
  const { groups } = parse(text) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules).flatMap(({ alert, expr, for: wait, labels, annotations }) => {
    const all = read(expr);
    return all.map((one, i) => ({
      name: all.length > 1 ? `${alert}-${Object.keys(JOBS)[i]}` : alert,
      severity: labels.severity, summary: annotations.summary,
      minutes: Math.max(1, Math.ceil(seconds(wait ?? '0s') / MINUTE)), ...one,
    }));
  });
}

// What the collector sends: only the alerts' metrics, with the labels that queries use.
export function metrics(all: Pick<Alarm, 'metrics'>[]): Metric[] {
  const found = new Map(all.flatMap((one) => one.metrics).map((metric) => [`${metric.name}:${metric.labels.join(',')}`, metric]));
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name) || a.labels.length - b.labels.length);
}
