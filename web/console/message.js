// message.js: the message to all who wait, per language, with a preview. The waiting page shows the visitor's language,
// else English, else any other; so does the preview.

import { make, say } from './kit.js';
import { button, languageOf, saving } from './ui.js';

const LANGUAGES = document.documentElement.dataset.languages.split(' '); // languages for visitors
const nameOf = (tag) => languageOf(tag, tag);
const BYTES_MAX = 1000;
const sizeOf = (text) => new TextEncoder().encode(text).length;

export async function open(body, event) {
  const tags = [...new Set([...LANGUAGES, ...Object.keys(event.doc.message)])];
  const fields = new Map();
  const applied = make('p', { id: 'applied', role: 'status' });
  const previews = make('div', { className: 'previews' });

  for (const tag of tags) {
    const input = make('textarea', { id: `message-${tag}`, rows: 3, lang: tag, 'aria-describedby': `size-${tag}` });
    const size = make('span', { className: 'small', id: `size-${tag}` });
    fields.set(tag, { input, size });
  }
  const texts = () => Object.fromEntries([...fields].map(([tag, { input }]) => [tag, input.value.trim()]).filter(([, text]) => text !== ''));

  function look() {
    const now = texts();
    for (const { input, size } of fields.values()) {
      const bytes = sizeOf(input.value.trim());
      size.textContent = say('message.size', bytes, BYTES_MAX);
      size.classList.toggle('wrong', bytes > BYTES_MAX);
      input.toggleAttribute('aria-invalid', bytes > BYTES_MAX);
      if (bytes > BYTES_MAX) input.setAttribute('aria-invalid', 'true');
    }
    previews.replaceChildren(...LANGUAGES.map((tag) => {
      const from = now[tag] !== undefined ? tag : now.en !== undefined ? 'en' : Object.keys(now)[0];
      const notes = from === undefined ? say('message.nothing') : from === tag ? '' : say('message.falls-back', nameOf(from));
      const box = make('div', { className: 'told', lang: from ?? tag, hidden: from === undefined }, now[from] ?? '');
      return make('section', { className: 'card' }, make('h3', { lang: tag }, nameOf(tag)), box, make('p', { className: 'small' }, notes));
    }));
  }

  async function send(message) {
    // A merge patch only adds to an object, so removed languages must be named.
    const patch = { ...Object.fromEntries(Object.keys(event.doc.message).map((tag) => [tag, null])), ...message };
    const etag = await event.save({ message: patch });
    take();
    event.applied(applied, etag, say('message.sent'), {}, take);
  }

  let was = ''; // the document's texts as filled in
  const saved = () => JSON.stringify(Object.fromEntries([...fields.keys()].filter((tag) => event.doc.message[tag]).map((tag) => [tag, event.doc.message[tag].trim()])));
  function take() {
    for (const [tag, { input }] of fields) input.value = event.doc.message[tag] ?? '';
    was = saved();
    look();
  }

  const form = make('form', { id: 'message-form', className: 'stack' },
    make('h2', {}, say('view.message')),
    make('p', { className: 'small' }, say('message.help')),
    ...[...fields].map(([tag, { input, size }]) => make('div', { className: 'field' }, make('label', { htmlFor: input.id }, nameOf(tag)), input, size)),
    make('div', { className: 'row' }, make('button', { className: 'main', id: 'send' }, say('message.send')), button(say('message.clear'), async () => {
      for (const { input } of fields.values()) input.value = '';
      look();
      await send({});
    })),
    applied);
  form.addEventListener('input', look);
  form.addEventListener('submit', saving(async () => {
    const long = [...fields.values()].find(({ input }) => sizeOf(input.value.trim()) > BYTES_MAX);
    if (long) long.input.focus();
    else await send(texts());
  }));
  body.replaceChildren(form, make('h2', {}, say('message.preview')), previews);
  take();
  const close = event.onVersion(() => {
    if (JSON.stringify(texts()) === was) take();
    else if (saved() !== was) applied.textContent = say('knobs.elsewhere');
  });
  return { close };
}

