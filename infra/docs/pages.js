// pages.js: the handbook's sources, read: headings and their anchors, links, and blocks of code. The build and the
// tests share it, so that they mean the same by a link.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export const ROOT = new URL('../..', import.meta.url).pathname;

// Every page below docs/, by its path from the root of the tree.
export function handbook() {
  return readdirSync(join(ROOT, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`).sort();
}

// Lines, each with whether it lies in a block of code.
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

// A heading's words without their marks.
const plain = (heading) => heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '').trim();

// The anchor as forges make it, and as mkdocs does (slugify_unicode): where spaces meet they differ.
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

// A link, or a piece of code, which has none. Words of a link may hold code and a picture.
const LINK = /(`+)[^`]*\1|(!?)\[((?:`[^`]*`|!?\[[^\]]*\]\([^)\s]*\)|[^\][`])*)\]\(([^)\s]+)\)/g;

// Each link of a page goes through `change`, which answers what stands in its place.
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
// Where a link leads: {file, anchor} from the root of the tree, or null for another site.
export function targetOf(page, target) {
  if (/^[a-z]+:/.test(target)) return null;
  const [path, anchor] = target.split('#');
  return { file: path === '' ? page : normalize(join(dirname(page), decodeURI(path))).replace(/\/$/, ''), anchor: anchor === undefined ? null : decodeURIComponent(anchor) };
}

// What is wrong with a link, or null. `made` are files that the build makes.
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

// Blocks of code: {language, words: what else stands behind the fence, text, line}.
export function blocksOf(text) {
  const blocks = [];
  // A page of which no command is run says so once: <!-- sh not-run: WHY -->
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
