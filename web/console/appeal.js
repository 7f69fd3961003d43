// appeal.js: a visitor who was slowed down calls and reads out a reference; this shows which limit it was, and when.
// Every front can decode the reference; nothing about the visitor is stored.

import { get } from './api.js';
import { make, say } from './kit.js';
import { blame, guarded, sayTrouble, show, timeAt, wordsOr } from './ui.js';

export function lookUp(event) {
  const input = make('input', { id: 'appeal-reference', maxLength: 20, size: 12, autocomplete: 'off', autocapitalize: 'characters', spellcheck: false, required: true, 'aria-describedby': 'help-appeal-reference wrong-appeal-reference' });
  const wrong = make('p', { className: 'wrong', id: 'wrong-appeal-reference' });
  const found = make('p', { id: 'appeal-found', role: 'status' });

  async function ask() {
    show(found);
    const reference = input.value.trim();
    if (reference === '') {
      input.focus();
      return;
    }
    try {
      const { why, minute } = await get('queue', `/admin/events/${event.id}/appeals/${encodeURIComponent(reference)}`);
      show(found, timeAt(minute), ` ${wordsOr(`appeal.${why}`, why)}`);
    } catch (error) {
      if (error.code !== 'reference-unknown') throw error;
      blame(input, sayTrouble(error));
      input.focus();
    }
  }

  const form = make('form', { id: 'appeal-form', noValidate: true, className: 'card' },
    make('h2', {}, say('appeal.title')), make('p', { className: 'small', id: `help-${input.id}` }, say('appeal.help')),
    make('div', { className: 'row end' }, make('label', { className: 'field' }, say('appeal.reference'), input), make('button', { id: 'appeal-look' }, say('appeal.look'))), wrong, found);
  form.addEventListener('submit', guarded(ask));
  input.addEventListener('input', () => blame(input, ''));
  return form;
}
