// eslint.config.js: what can be known of a script without running it. `make check` judges all of them: a
// benchmark that nobody has run for a month should not be found broken on the day that it is needed.

import globals from 'globals';

export default [
  { ignores: ['build/', '.run*/', '**/node_modules/', 'infra/aws/made/'] },
  {
    files: ['**/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.browser, ...globals.serviceworker } },
    rules: {
      'no-undef': 'error',
      'no-unused-vars': ['error', { args: 'none', caughtErrors: 'none', ignoreRestSiblings: true }],
      'no-const-assign': 'error',
      'no-dupe-keys': 'error',
      'no-unreachable': 'error',
      'no-unsafe-finally': 'error',
      'no-self-assign': 'error',
      'use-isnan': 'error',
      'valid-typeof': 'error',
    },
  },
];
