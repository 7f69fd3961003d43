// pages.js: parses the handbook's sources: headings and their anchors, links, and blocks of code. The build and the tests
// share it, so that both treat links alike.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export const ROOT = new URL('../..', import.meta.url).pathname;

// Every page below docs/, by its path from the tree's root.
export function handbook() {
  return readdirSync(join(ROOT, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`).sort();
}

// Lines, each with a flag: inside a block of code.
function* linesOf(text) {
  let fence = null;
  for (const line of text.split('\n')) {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (fence === null && mark !== undefined) { fence = mark; yield [line, true]; }
    else if (fence !== null) {
      yield [line, true];
      if (line.trim() === fence) fence = null;
    } else yield [line, false];
  }
}

// A heading's text without Markdown.
const plain = (heading) => heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '').trim();

// The anchor as forges make it, and as mkdocs does (slugify_unicode): they differ in repeated spaces.
const onForge = (words) => words.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
const inSite = (words) => words.normalize('NFKC').replace(/[^\p{L}\p{N}\p{M}_\s-]/gu, '').trim().toLowerCase().replace(/[-\s]+/g, '-');

// anchor on a forge -> anchor in the site
export function anchorsOf(text) {
  const anchors = new Map();
  const seen = { forge: new Map(), site: new Map() };
  const unique = (kind, slug, mark) => {
    const n = seen[kind].get(slug) ?? 0;
    seen[kind].set(slug, n + 1);
    return n === 0 ? slug : `${slug}${mark}${n}`;
  };
  for (const [line, code] of linesOf(text)) {
    const heading = code ? null : /^#{1,6} (.+?)\s*#*$/.exec(line);
    if (heading === null) continue;
    const words = plain(heading[1]);
    anchors.set(unique('forge', onForge(words), '-'), unique('site', inSite(words), '_'));
  }
  return anchors;
}

// A link, or inline code, which contains no links. A link's text may contain code and a picture.
const LINK = /(`+)[^`]*\1|(!?)\[((?:`[^`]*`|!?\[[^\]]*\]\([^)\s]*\)|[^\][`])*)\]\(([^)\s]+)\)/g;

// Passes each link of a page to `change`, which returns its replacement.
export function changeLinks(text, change) {
  const change1 = (line) => line.replace(LINK, (all, code, picture, words, target) =>
    code !== undefined ? all : change({ all, picture: picture === '!', words: change1(words), target }));
  return [...linesOf(text)].map(([line, code]) => code ? line : change1(line)).join('\n');
}

export function linksOf(text) {
  const links = [];
  changeLinks(text, (link) => { links.push(link.target); return link.all; });
  return links;
}
// The target of a link: {file, anchor} from the tree's root, or null for another site.
export function targetOf(page, target) {
  if (/^[a-z]+:/.test(target)) return null;
  const [path, anchor] = target.split('#');
  return { file: path === '' ? page : normalize(join(dirname(page), decodeURI(path))).replace(/\/$/, ''), anchor: anchor === undefined ? null : decodeURIComponent(anchor) };
}

// Why a link is broken, or null. `made` says which files the build makes.
export function whyBroken(page, target, made = () => false) {
  const to = targetOf(page, target);
  if (to === null || made(to.file)) return null;
  const path = join(ROOT, to.file);
  if (!existsSync(path)) return `${to.file} is not there`;
  if (to.anchor === null) return null;
  const text = statSync(path).isDirectory() ? join(path, 'README.md') : path;
  if (!text.endsWith('.md')) return null;
  return anchorsOf(readFileSync(text, 'utf8')).has(to.anchor) ? null : `${to.file} has no heading for #${to.anchor}`;
}

// Blocks of code: {language, words: the rest of the fence's line, text, line}.
export function blocksOf(text) {
  const blocks = [];
  // A page whose commands are never run says so once: <!-- sh not-run: WHY -->
  const ofPage = /^<!-- sh (not-run: .*) -->$/m.exec(text)?.[1] ?? '';
  let block = null;
  let lineNumber = 0;
  for (const line of text.split('\n')) {
    lineNumber += 1;
    const fence = /^( *)(```+)(.*)$/.exec(line);
    if (block === null && fence !== null) {
      const [, language, words] = /^\s*(\S*)\s*(.*)$/.exec(fence[3]);
      block = { indent: fence[1].length, fence: fence[2], language, words: words.trim() || (language === 'sh' ? ofPage : ''), lines: [], line: lineNumber };
    } else if (block !== null && line.trim() === block.fence) {
      blocks.push({ language: block.language, words: block.words, text: block.lines.join('\n'), line: block.line });
      block = null;
    } else if (block !== null) block.lines.push(line.slice(block.indent));
  }
  return blocks;
}
