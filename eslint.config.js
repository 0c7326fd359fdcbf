// @ts-check
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Which stage of agent/src may import which (docs: README, "How it works"). Data
 * flows one way; a stage sees those before it, and `schemas`. Types of the addon may be named anywhere; who calls it is in
 * `callsAddon`.
 */
const stages = {
  wire: [],
  spans: ['wire'],
  host: [],
  telemetry: [],
  config: ['wire'],
  backend: ['wire', 'spans', 'host', 'config'],
  resolve: ['wire', 'spans', 'host'],
  annotate: ['wire', 'spans', 'resolve'],
  export: ['wire', 'spans', 'resolve', 'annotate', 'config'],
  cli: ['wire', 'spans', 'host', 'telemetry', 'config', 'backend', 'resolve', 'annotate', 'export'],
};
const callsAddon = ['cli', 'backend', 'resolve'];
/** No I/O, no clock, no process state. */
const pure = ['wire', 'spans', 'annotate'];
/** What a pure stage may take from resolve: its types. */
const typesOnly = { annotate: ['resolve'] };

const layers = Object.entries(stages).map(([stage, allowed]) => {
  const forbidden = Object.keys(stages).filter((other) => other !== stage && !allowed.includes(other));
  const patterns = forbidden.map((other) => ({
    group: [`**/${other}/**`, `!**/schemas/${other}/**`],
    message: `agent/src/${stage} may not import agent/src/${other}: see eslint.config.js.`,
  }));
  for (const other of typesOnly[stage] ?? []) {
    patterns.push({
      group: [`**/${other}/**`, `!**/schemas/${other}/**`],
      allowTypeImports: true,
      message: `Only types of ${other}.`,
    });
  }
  if (!callsAddon.includes(stage)) {
    patterns.push({ group: ['**/native.js'], allowTypeImports: true, message: 'Only types of the addon.' });
  }
  if (pure.includes(stage)) {
    patterns.push({ group: ['node:*'], message: `agent/src/${stage} is pure: no I/O, no process state.` });
  }
  return {
    files: [`agent/src/${stage}/**/*.ts`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
});

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'node_modules/', 'agent/native/build/'] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // A method that only calls another one reads best on one line.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { varsIgnorePattern: '^_', argsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // An interface may be implemented by doing nothing.
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  ...layers,
  {
    // What a test reads came from outside: the types that it was given are a claim, which it does not rely on.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
    },
  },
  {
    files: ['agent/src/wire/layout.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': 'off' },
  },
  {
    // The official exporters themselves are made by these functions; the packages have no others yet (0.223).
    files: ['agent/src/export/otlp.ts'],
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' },
    },
  },
);
