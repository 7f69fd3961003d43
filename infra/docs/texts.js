// texts.js: the text of a page as its readers see it. A table with a column `뜻` is in both languages: the English page
// holds it, each page shows its own. The Korean runbook gets its commands, and each metric the alerts that depend on it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALERTS } from '../observe/alerts.js';
import { DEPENDS } from '../observe/depends.js';
import { OBJECTIVES } from '../observe/objectives.js';
import { koreanRunbook } from '../observe/runbook.js';
import { ROOT } from './pages.js';

const TABLE = /^\|.*\| 뜻 \|.*\n(?:\|.*\n)+/gm;
const KOREAN = { status: '코드', word: '영문', Korean: '용어', field: '필드', type: '형식', metric: '메트릭', labels: '레이블', alerts: '경보' };
const RULES = [...Object.values({ ...ALERTS, ...DEPENDS }).flat(), ...OBJECTIVES.map(({ alert, slo, now, bad, all }) => ({ alert, expr: `${now} ${bad('5m', slo)} ${all?.('5m')}` }))];

export function alertsOf(metric) {
  const name = new RegExp(`\\b${metric}(_bucket|_sum|_count)?\\b`);
  return RULES.filter(({ expr }) => name.test(expr.replaceAll(/"[^"]*"/g, ''))).map(({ alert }) => alert).sort();
}

function tableIn(korean, table) {
  const [head, , ...rows] = table.trim().split('\n').map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim()));
  const items = rows.map((row) => Object.fromEntries(row.map((cell, n) => [head[n], cell])));
  let shown = head.filter((name) => name !== (korean ? 'what it is' : '뜻'));
  if (korean && head.includes('Korean')) {
    shown = ['Korean', ...shown.filter((name) => name !== 'Korean')];
    items.sort((one, other) => one.Korean.localeCompare(other.Korean, 'ko'));
  }
  if (head[0] === 'metric') {
    shown.push('alerts');
    for (const item of items) item.alerts = alertsOf(item.metric.replaceAll('`', '')).map((alert) => `[${alert}](runbook.md#${alert.toLowerCase()})`).join(', ');
  }
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return [shown.map((name) => (korean && KOREAN[name]) || name), shown.map(() => '---'), ...items.map((item) => shown.map((name) => item[name]))].map(line).join('');
}

export function textOf(page) {
  const read = (path) => readFileSync(join(ROOT, path), 'utf8');
  if (page === 'docs/ko/operate/runbook.md') return koreanRunbook();
  if (!page.startsWith('docs/ko/')) return read(page).replace(TABLE, (table) => tableIn(false, table));
  const tables = read(page).includes('<!-- made: table -->') ? read(page.replace('/ko/', '/')).match(TABLE) : [];
  return read(page).replace(/<!-- made: table -->\n/g, () => tableIn(true, tables.shift()));
}
