// acts.js: runs the blocks of acts.sql, with the statements as they are, or with a changed one.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readStatements } from '../../../../infra/statements.js';
import { ROOT } from '../../../lib-js/index.js';

const SQL = join(ROOT, 'payment-adapter/sql');
const filesOf = (folder) => readdirSync(folder).filter((name) => name.endsWith('.sql')).sort().map((name) => join(folder, name));

const FENCES = [[5, 6, 3], [5, 7, 2], [4, 7, 3]];
const effect = ([saga, lease, moves], name, more = '') => `EXECUTE ${name} ('[{"saga":${saga},"lease":${lease},"moves":${moves},"order":"o1"${more}}]');`;
const CALLS = {
  move: (from, to) => `EXECUTE order_move ('o1','move.1','tr','[{"from":"${from}","to":"${to}"}]','rain',NULL);`,
  credit: (seats, amount, free) => `EXECUTE order_credit ('o1','credit.1','tr',${seats},${amount},'${free}','rain','kim','2');`,
  give_up: (moves) => `EXECUTE saga_give_up ('5','rain','kim','${moves}');`,
  accept: (member) => `EXECUTE ticket_accept ('t1','${member}','t6','h','k','tok','en');`,
  effect: (...words) => effect([5, 7, 3], ...words),
};

// The steps of a line: {sql, wants}, of which a setup wants nothing.
function stepsOf(line) {
  const [, setup, call, words, wants] = /^(.*?)(?: ?\b(move|credit|give_up|accept|effect)\((\S.*)\) --> (.*))?$/.exec(line);
  const given = words?.split(' ') ?? [];
  const fenced = call === 'effect' ? FENCES.map((fence) => ({ sql: effect(fence, ...given), wants: '-' })) : [];
  return [...setup === '' ? [] : [{ sql: setup.replace('ROLLBACK;', 'ROLLBACK; BEGIN;') }], ...fenced, ...call === undefined ? [] : [{ sql: CALLS[call](...given), wants }]];
}

// {name, steps}. Long values stand on lines of their own.
export const ACTS = readFileSync(fileURLToPath(new URL('../acts.sql', import.meta.url)), 'utf8').trim().split('\n\n').slice(1).map((text) => {
  const [name, ...lines] = text.replaceAll('\n-->> ', '').replaceAll('\n--> ', ' --> ').split('\n');
  return { name: name.slice(3), steps: lines.flatMap(stepsOf) };
});

const ROWS = `
INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats, status, payment, idem_key, idem_body, expires_at, created_at, changed_at, places, purchase)
  SELECT id, 'gala', id, replace(id, 'o', 'm'), 'ko', 'bank', 'KRW', 3300, seats, status, 'p', id, '', at, at, at,
    (SELECT jsonb_agg(jsonb_build_object('id', s)) FROM jsonb_array_elements(seats) s),
    '{"fees":300,"lines":[{"place":"s0","price":500},{"place":"s2","price":1000},{"place":"s3","price":1500}]}'
  FROM CAST('2020-01-01' AS timestamptz) at, (VALUES ('o1', '["s1", "s2", "s3"]'::jsonb, 'completed'), ('o2', '["s9"]', 'completed'), ('o3', '["s8"]', 'refunded')) o (id, seats, status);
INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token, issued_at, lang, hops, revoked_at, replaced_by)
  SELECT id, o, 'gala', seat, member, 'h', 'k', 'tok', '2020-01-01', lang, hops, revoked, by FROM (VALUES
    ('t0', 'o1', 's0', 'm1', NULL, 0, timestamptz '2020-01-01', 't1'), ('t1', 'o1', 's1', 'm1', NULL, 0, NULL, NULL), ('t2', 'o1', 's2', 'm2', 'en', 1, NULL, NULL),
    ('t3', 'o1', 's3', 'm1', NULL, 0, NULL, NULL), ('t9', 'o2', 's9', 'm2', NULL, 0, NULL, NULL), ('t8', 'o3', 's8', 'm3', NULL, 0, NULL, NULL)
  ) t (id, o, seat, member, lang, hops, revoked, by);
INSERT INTO saga (id, key, subject, state, token, moves, data, trace, step_at, due_at, ended_at) OVERRIDING SYSTEM VALUE VALUES
  (1, 'checkout.1', 'o1', 2, 1, 1, '{"seats":["s0"],"key_round":4}', 'sale', '2020-01-01', '2020-01-01', '2020-01-01'),
  (2, 'checkout.1', 'o2', 2, 1, 1, '{"key_round":7}', '', '2020-01-01', '2020-01-01', '2020-01-01'),
  (5, 'move.1', 'o1', 0, 7, 3, '{"moves":[{"ticket":"t1","from":"s1"},{"ticket":"t2","from":"s2"},{"ticket":"t0","from":"s0"},{"ticket":"t9","from":"s9"}]}',
    '', '2020-01-01', '2020-01-01', NULL);
SELECT setval('saga_id_seq', 100);
CREATE TABLE was (k text, v text);
CREATE FUNCTION facts() RETURNS TABLE (k text, v text) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY
  SELECT r.k || '.' || f.key, CASE WHEN f.value = to_jsonb(now()) #>> '{}' THEN 'now' ELSE translate(f.value, '" ', '') END
  FROM (
    SELECT id, to_jsonb(o) - '{id,number,created_at}'::text[] FROM orders o
    UNION ALL SELECT id, to_jsonb(t) - '{id,number,issued_at,order_id,event,holder,kid,token}'::text[] FROM ticket t
    UNION ALL SELECT subject || '.' || key, to_jsonb(s) - '{id,key,subject,started_at,step_at,due_at,trace}'::text[] FROM saga s
    UNION ALL SELECT subject || '.' || act, jsonb_build_object('did', detail) FROM audit
    UNION ALL SELECT concat_ws('.', order_id, kind, member), jsonb_build_object('lang', lang) FROM outbox
  ) r (k, j), jsonb_each_text(j) f
  WHERE f.value NOT IN ('0', '', 'false', '{}'); END $$;`;

const CHANGES = `SELECT '=' || coalesce(': ' || string_agg(k || '=' || coalesce(f.v, ''), ',' ORDER BY k COLLATE "C"), '')
  FROM was FULL JOIN facts() f USING (k) WHERE f.v IS DISTINCT FROM was.v;`;

/** Makes the tables and their rows in an empty database. */
export function makeRows(postgres, database) {
  const schema = filesOf(SQL).map((file) => readFileSync(file, 'utf8')).join('');
  postgres.sql(`CREATE SCHEMA pay; ALTER DATABASE ${database} SET search_path = pay; SET search_path = pay; ${schema} ${ROWS}`, database);
}

const statements = new Map(readStatements('payment-adapter', filesOf(join(SQL, 'statements'))).statements.map((one) => [one.name, one]));
const prepare = (name, text) => `PREPARE ${name} AS ${text};\n`;
const executes = ({ sql }) => /^EXECUTE (\w+)/.exec(sql)?.[1];
const isCompared = (step, name) => step.wants !== undefined && (name === null || executes(step) === name);
export const actsOf = (name) => ACTS.filter(({ steps }) => steps.some((step) => executes(step) === name));

function scriptOf({ steps }, name) {
  const script = steps.map((step) => (!isCompared(step, name) ? `${step.sql}\n`
    : `DELETE FROM was; INSERT INTO was SELECT * FROM facts();\n\\echo @step\n${step.sql}\n${CHANGES}\n\\echo @other\n`));
  return `\\echo @block\nBEGIN;\n${script.join('')}ROLLBACK;\n`;
}

/** Runs the blocks that run a statement, once per text of it; null: all blocks. For each: what the steps of each block
 * returned and changed, of which the statement is compared. */
export function runActs(postgres, database, name, texts) {
  const blocks = name === null ? ACTS : actsOf(name);
  const others = [...new Set(blocks.flatMap(({ steps }) => steps.flatMap((step) => executes(step) ?? [])))].filter((other) => other !== name);
  const runs = texts.map((text) => `\\echo @text\n${name === null ? '' : `DEALLOCATE ${name};\n${prepare(name, text)}`}${blocks.map((block) => scriptOf(block, name)).join('')}`);
  const begin = `\\set ON_ERROR_STOP 0\n\\pset fieldsep ','\nSET plan_cache_mode = force_generic_plan;\n${name === null ? '' : `PREPARE ${name} AS SELECT;\n`}`;
  const { stdout } = postgres.trySql(`${begin}${others.map((other) => prepare(other, statements.get(other).text)).join('')}${runs.join('')}`, database);
  const parts = (text, mark) => text.split(`@${mark}\n`).slice(1);
  return parts(stdout, 'text').map((run) => parts(run, 'block').map((block) => parts(block, 'step').map((step) => {
    const lines = step.split('@other\n')[0].trimEnd().split('\n');
    const changed = /^=(.*)$/.exec(lines.at(-1)); // after an error there is none
    return changed ? [lines.slice(0, -1).join(','), changed[1]].filter((part) => part !== '').join(' ') || '-' : 'an error';
  })));
}

export const wantsOf = ({ steps }, name = null) => steps.filter((step) => isCompared(step, name)).map(({ wants }) => wants);
export const fits = (want, got) => (want === '+' ? / ?: /.test(got) : want === got);
