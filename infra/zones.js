// zones.js FILE: writes the time zones that programs know (common/sale/zone.c), sorted by name. A compiled tzdata zone ends
// with its rule for the future (RFC 9636, 3.3): "KST-9", or "EST5EDT,M3.2.0,M11.1.0" with summer time.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const FOLDER = '/usr/share/zoneinfo';
const ASIDE = /^(posix|right)\/|^(localtime|posixrules|Factory)$/;
const NAME = '(<[^>]+>|[A-Za-z]+)';
const HOURS = '([+-]?\\d+(?::\\d+)?)';
const TURN = `,M(\\d+)\\.(\\d)\\.(\\d)(?:/${HOURS})?`;
const RULE = new RegExp(`^${NAME}${HOURS}(?:${NAME}${HOURS}?${TURN}${TURN})?$`);

function seconds(hours) {
  const [, sign, h, m] = /^([+-]?)(\d+)(?::(\d+))?$/.exec(hours);
  return (sign === '-' ? -1 : 1) * (Number(h) * 3600 + Number(m ?? 0) * 60);
}

// A rule counts hours west of Greenwich; rows count seconds east of it.
function rowOf(name, rule) {
  const read = RULE.exec(rule);
  if (read === null) throw new Error(`${name}: "${rule}" is a kind of rule that zone.c does not know`);
  const [, usual, west, summer, summerWest, ...turns] = read;
  const east = -seconds(west);
  const label = (its = '') => `"${its.replace(/[<>]/g, '')}"`;
  const turn = ([month, week, day, at]) => `{${month}, ${week}, ${day}, ${seconds(at ?? '2')}}`;
  if (summer === undefined) return `{"${name}", {${east}, ${label(usual)}}, {0, ""}, {0}, {0}},\n`;
  const summerEast = summerWest === undefined ? east + 3600 : -seconds(summerWest);
  return `{"${name}", {${east}, ${label(usual)}}, {${summerEast}, ${label(summer)}}, ${turn(turns.slice(0, 4))}, ${turn(turns.slice(4))}},\n`;
}

const rows = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((entry) => !entry.isDirectory())
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`.slice(FOLDER.length + 1))
  .filter((name) => !ASIDE.test(name))
  .sort()
  .map((name) => [name, readFileSync(`${FOLDER}/${name}`)])
  .filter(([, bytes]) => bytes.subarray(0, 4).toString('latin1') === 'TZif')
  .map(([name, bytes]) => rowOf(name, bytes.toString('latin1').split('\n').at(-2)));
if (rows.length < 400) throw new Error(`${FOLDER} has ${rows.length} zones: install tzdata`);
mkdirSync(dirname(process.argv[2]), { recursive: true });
writeFileSync(process.argv[2], rows.join(''));
