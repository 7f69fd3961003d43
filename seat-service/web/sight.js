// sight.js: the view from a section, if the hall has a picture of it.

import { byId, make, say } from './kit.js';

// Loaded only when it is about to be visible.
export function sightOf({ name, view }) {
  return make('img', { src: view, alt: say('sight.of', name), loading: 'lazy', decoding: 'async' });
}

export function showSight(zone) {
  byId('sight-title').textContent = say('sight.of', zone.name);
  byId('sight-image').replaceChildren(sightOf(zone));
  byId('sight').showModal();
}
