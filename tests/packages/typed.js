// typed.js: types the commands of documentation pages on a machine with our packages, and checks the result of each.

import assert from 'node:assert/strict';
import { blocksOf } from '../../infra/docs/pages.js';

// Commands that are left out: they need another kind of installation, or something that this machine lacks.
const AWAY = {
  'of machines that guide.test.js makes': /^redis-cli -p 26379|^patronictl/,
  'of a line on several shards': / CLUSTER /,
  'of a machine that watches others': /^systemctl status prometheus|:9090/,
  "of a machine's own kernel and clock": /^(timedatectl|chronyc|sysctl)\b/,
  'of a certificate by an authority': /^certbot/,
  'of an event whose document is unreadable': /^fairgate create demo --if-version/,
  'instead of a restore to the end': /^recover restore --/,
};

const asks = (code) => ({ status: 1, says: new RegExp(`\\(${code}\\)`) });
const state = (event, is) => [`fairgate show ${event}`, new RegExp(`^state +${is}$`, 'm')];
const knob = (name, is) => ['fairgate show demo', new RegExp(`^${name} +${is}$`, 'm')];

// By default a command must print something and exit with 0. These rows expect more, or a failure. `given`: a command that
// runs first. `then`: a command that shows the effect, and its expected output.
const ROWS = [
  [/^fairgate doctor$/, { status: [0, 1], says: /^(ok|bad) /m }],
  [/^fairgate freeze/, { given: 'fairgate unfreeze demo', then: state('demo', 'frozen') }],
  [/^fairgate unfreeze/, { then: state('demo', 'open') }],
  [/^fairgate pause (show|demo)/, { given: 'fairgate unfreeze demo; fairgate open demo; fairgate open show --without hall', says: /is paused/ }],
  [/^fairgate resume/, { given: 'fairgate unfreeze demo; fairgate pause demo', says: /goes on/ }],
  [/^fairgate halls import/, { then: ['fairgate halls list', /^show +owned/m] }],
  [/^fairgate reconcile (now|show)/, { status: [0, 1], says: /^0 differences(?![^]*seat)/ }], // the provider cannot be reached
  [/^systemctl status/, { status: [0, 3], says: /Active: active/ }],
  [/^fairgate halls (show|document)/, { given: "timeout 60 sh -c 'until fairgate halls show demo; do sleep 1; done'" }], // an earlier command restarted the seats
  [/^systemctl start fairgate-ticket-keys/, { status: 1, then: ['journalctl -u fairgate-ticket-keys -o cat', /unable to locate/] }], // an edge without a certificate has no ticket keys
  [/observe\/figures/, { says: /^fairgate_backup_seconds\{type="full"\} \d+$/m }],
  [/^recover begin/, { says: /WAL arrives/ }],
  [/^recover opened/, { says: /PostgreSQL is open, WAL is archived in time/ }],
  [/^fairgate codes load/, { then: ['fairgate codes list demo', / 20 +20 /] }],
  [/^fairgate fairness/, { status: 1, says: /not held yet/ }],
  [/^fairgate sold-out/, { given: 'fairgate unfreeze demo; fairgate resume demo', then: state('demo', 'sold-out') }],
  [/^fairgate open/, { given: 'fairgate sold-out demo --yes', then: state('demo', 'open') }],
  [/^fairgate set demo pow_bits/, { then: knob('pow_bits', 18) }],
  [/^fairgate set demo max_active/, { then: knob('max_active', 600) }],
  [/^fairgate set demo call_ttl_s/, { then: knob('call_ttl_s', 180) }],
  [/^fairgate set demo message/, { then: ['fairgate show demo', /your place is safe/] }],
  [/^fairgate (rate|set) demo /, { then: ['fairgate audit demo', /rate_per_s/] }],
  [/^fairgate sagas (show|retry|compensate)/, asks('saga-unknown')],
  [/^fairgate refund/, asks('order-unknown')],
  [/^fairgate reconcile (accept|withdraw)/, asks('difference-unknown')],
  [/^fairgate letters retry/, asks('letter-unknown')],
  [/^fairgate mails retry 3/, asks('mail-unknown')],
];

const SILENT = /\| jq|^(PATH|cp|sed)\b|slowlog get|xact_start|^systemctl (reload|restart|enable|stop|start)|^install|recover (backup|restore)|pgbackrest .*check/;
const MAY_FIND_NOTHING = /\| (grep|tail)|^grep|^pgrep/;

// The commands in the page's shell blocks, each once. `blocks`: only in blocks that it matches.
export const commandsOf = (page, blocks = /^/) =>
  [...new Set(blocksOf(page).filter(({ language, text }) => language === 'sh' && blocks.test(text)).flatMap(({ text }) => text.split('\n')))].filter((line) => line !== '');

// The indented blocks of a plain text: what the reader is to type.
export const blocksTyped = (text) => (text.match(/(?:^ {7}.*\n?)+/gm) ?? []).map((block) => block.replace(/^ {7}/gm, ''));

// type: (command) -> {status, said}
export function judgeCommands(commands, type) {
  const wrong = [];
  const rows = new Set(ROWS);
  for (const command of commands) {
    if (Object.values(AWAY).some((pattern) => pattern.test(command))) continue;
    const row = ROWS.find(([pattern]) => pattern.test(command));
    rows.delete(row);
    const nothing = MAY_FIND_NOTHING.test(command);
    const { given, says = nothing || SILENT.test(command) ? /^/ : /\S/, status = nothing ? [0, 1] : 0, then } = row?.[1] ?? {};
    if (given) type(given);
    let done = type(command);
    if (done.status === 2 && /say --yes/.test(done.said)) done = type(`${command} --yes`);
    const after = then && type(then[0]);
    if (![status].flat().includes(done.status) || !says.test(done.said) || (after && !then[1].test(after.said)))
      wrong.push(`${command}: ended by ${done.status}, ${done.said}${after ? `\nafter which ${then[0]}: ${after.said}` : ''}`);
  }
  assert.ok(wrong.length === 0, wrong.join('\n\n'));
  assert.deepEqual([...rows].map(([pattern]) => String(pattern)), [], 'no page has such a command');
}
