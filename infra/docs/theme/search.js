// search.js: finds each typed word anywhere in titles and texts, and lists titles first. In Korean a noun and its particle
// are one word, so "환불" must match "환불은", and "환불을" is searched without its particle. A word without a match is replaced by
// the nearest known one: one typo, or two in a long word.

const FOUND_MAX = 12;
const PARTICLE = /(에서|으로|까지|부터|에게|은|는|이|가|을|를|에|의|로|와|과|도)$/;
const KOREAN = /[\uac00-\ud7a3]/;

const words = document.getElementById('words');
const found = document.getElementById('found');
const root = document.body.dataset.root;
const here = document.documentElement.lang;

const flat = (text) => text.normalize('NFC').toLowerCase();
const plain = (text) => { const field = document.createElement('textarea'); field.innerHTML = text; return field.value; };
let sections = null;

function all() {
  sections ??= globalThis.handbook.map(({ location, title, text }) => ({ location, title: plain(title), text: plain(text), flatTitle: flat(plain(title)), flatText: flat(plain(text)) }));
  return sections;
}

const has = ({ flatTitle, flatText }, word) => flatTitle.includes(word) || flatText.includes(word);

function withoutParticle(word) {
  const noun = KOREAN.test(word) ? word.replace(PARTICLE, '') : word;
  return noun.length > 1 ? noun : word;
}

// The number of wrong, missing or extra letters.
function slips(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const before = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) row[j] = Math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
  }
  return row[b.length];
}

let known = null;
function nearest(word) {
  if (word.length < 4 || all().some((section) => has(section, word))) return word;
  known ??= [...new Set(all().flatMap(({ flatTitle, flatText }) => `${flatTitle} ${flatText}`.split(/[^\p{L}\p{N}_]+/u)))];
  const most = word.length < 8 ? 1 : 2;
  const close = known.filter((one) => Math.abs(one.length - word.length) <= most).map((one) => [slips(word, one), one]);
  const [slipped, found] = close.reduce((best, one) => (one[0] < best[0] ? one : best), [most + 1, word]);
  return slipped <= most ? found : word;
}

// Ranking: the reader's language, then titles with the most words, then the handbook before references.
function worth(section, asked) {
  const inTitle = asked.filter((word) => section.flatTitle.includes(word)).length;
  const language = (section.location.startsWith('ko/') ? 'ko' : 'en') === here;
  return (language ? 1000 : 0) + inTitle * 100 + (section.location.startsWith('reference/') ? 0 : 20);
}

function look(text) {
  const asked = flat(text).split(/\s+/).filter(Boolean).map(withoutParticle).map(nearest);
  if (asked.length === 0) return null;
  return all().filter((section) => asked.every((word) => has(section, word)))
    .map((section) => ({ section, asked, worth: worth(section, asked) }))
    .sort((a, b) => b.worth - a.worth).slice(0, FOUND_MAX);
}

function row({ section, asked }) {
  const link = document.createElement('a');
  link.href = `${root}/${section.location}`;
  const title = document.createElement('b');
  title.textContent = section.title;
  const text = document.createElement('span');
  const at = Math.max(0, section.flatText.indexOf(asked[0]) - 60);
  text.textContent = `${at > 0 ? '… ' : ''}${section.text.slice(at, at + 160).replace(/\s+/g, ' ')} …`;
  link.append(title, text);
  return link;
}

function show() {
  const rows = look(words.value);
  found.hidden = rows === null;
  if (rows === null) return;
  const nothing = document.createElement('p');
  nothing.textContent = here === 'ko' ? '찾은 곳이 없습니다.' : 'Nothing was found.';
  found.replaceChildren(...(rows.length > 0 ? rows.map(row) : [nothing]));
}

words.addEventListener('input', show);
document.getElementById('search').addEventListener('submit', (event) => {
  event.preventDefault();
  found.querySelector('a')?.click();
});
words.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') { words.value = ''; show(); }
});
// On a small screen the open list of pages would push every text down.
if (matchMedia('(max-width: 48rem)').matches) document.querySelector('nav.pages .all').open = false;
