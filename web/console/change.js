// change.js: a change in words: which knob, from what to what. Compound values are described by part: a message by
// language, the autopilot by its own knobs, lanes one by one, the schedule by its steps. Also says why a value changed
// by itself, from the service's code and numbers.

import { make, money, say } from './kit.js';
import { languageOf, moment, number, textOf, wordsOr } from './ui.js';

const label = (name) => wordsOr(`knob.${name}`, wordsOr(`live.${name}`, wordsOr(`codes.${name}`, name)));

const quoted = (text) => say('change.quoted', text);

// One text for all languages, or one per language.
const byLanguage = (name, texts) => (typeof texts === 'string' ? [[label(name), quoted(texts)]]
  : Object.entries(texts).filter(([, text]) => text !== null).map(([tag, text]) => [`${label(name)}, ${languageOf(tag)}`, quoted(text)]));

const PARTS = {
  state: (state) => [[say('desk.state'), wordsOr(`state.${state}`, state)]],
  version: (version) => [[say('change.version'), number(version)]],
  message: (texts) => Object.entries(texts).map(([tag, text]) => [say('change.message', languageOf(tag)), quoted(text)]),
  schedule: (steps) => [[label('schedule'), steps.map(({ at, rate_per_s: rate }) => say('change.step', moment(at), textOf(rate))).join(', ')]],
  lanes: (lanes) => lanes.map(({ id, name, share, invitations, code_required: coded }) => [say('change.lane', id), say(coded ? 'change.lane-coded' : 'change.lane-is', quoted(name), number(share), number(invitations))]),
  venue: (venue) => ['name', 'address'].flatMap((part) => byLanguage(`venue.${part}`, venue[part] ?? {})),
  about: (texts) => byLanguage('about', texts),
  appeal: (texts) => byLanguage('appeal', texts),
  prices: ({ currency, categories }) => Object.entries(categories).map(([name, { price, gone }]) => [say('change.price', name), gone ? say('change.price-gone', money(price, currency)) : money(price, currency)]),
  autopilot: ({ on, ...rest }) => [[label('autopilot'), textOf(on)], ...Object.entries(rest).map(([name, value]) => [`${label('autopilot')}: ${say(`autopilot.${name}`)}`, textOf(value)])],
};

// One side of a change as [label, words]; empty without one. Requirements on the program are not knobs.
function parts(side) {
  if (side === null) return [];
  if (typeof side !== 'object') return PARTS.state(side);
  return Object.entries(side).filter(([name]) => name !== 'needs').flatMap(([name, value]) => (value !== null && PARTS[name] ? PARTS[name](value) : [[label(name), textOf(value)]]));
}

// The differences between two sides: [label, words]. Without a previous value, everything.
export function inWords(from, to) {
  const [before, after] = [new Map(parts(from)), new Map(parts(to))];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const words = (side, name) => side.get(name) || say('change.nothing');
  return names.filter((name) => words(before, name) !== words(after, name))
    .map((name) => [name, from === null ? words(after, name) : say('change.from-to', words(before, name), words(after, name))]);
}

// Instead of a change that is too long for the trail, the service records a note.
export const tooLong = ({ from, to }) => [from, to].some((side) => typeof side === 'string' && side.startsWith('('));

export const changeList = (all) => make('dl', { className: 'sides' }, ...all.map(([name, words]) => make('div', {}, make('dt', {}, name), make('dd', {}, words))));

const share = (value) => `${number(value * 100)} %`;

// An operator without a name is shown as the token.
export const whoOf = ({ who, because }) => (because ? wordsOr(`who.${who}`, who) : who.replace(/\badmin token\b/, say('who.token')));

// `why` is the service's own sentence, for records older than the codes and for unknown codes.
export function becauseOf({ because, why }) {
  if (!because) return why;
  const { reason, measured, limit } = because;
  const tell = reason === 'errors' ? share : number;
  return wordsOr(`because.${reason}`, why).replace('{0}', tell(measured)).replace('{1}', tell(limit));
}
