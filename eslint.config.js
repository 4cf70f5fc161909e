import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

export default [
  { ignores: ['**/dist/**', '**/.tap/**'] },
  ...neostandard({ ts: true }),
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: ['packages/*/tsconfig.json', 'services/*/tsconfig.json', 'tsconfig.tests.json'] }
    },
    rules: {
      // The error of a promise that is not awaited is lost, and with it perhaps an event.
      '@typescript-eslint/no-floating-promises': ['error', {
        // tap waits for its subtests itself.
        allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }]
      }],
      'no-void': ['error', { allowAsStatement: true }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-properties': ['error', {
        object: 'process', property: 'env', message: 'Read settings through the schema of the service (service-kit, loadConfig).'
      }]
    }
  },
  {
    files: ['packages/*/src/**/*.ts', 'services/*/src/**/*.ts'],
    rules: {
      // A program that matches a sentence breaks when the sentence is reworded.
      'no-restricted-syntax': ['error', ...['callee.object.name', 'callee.object.property.name'].map((of) => ({
        selector: `CallExpression[callee.property.name=/^(debug|info|warn|error|fatal)$/][${of}=/^log(ger)?$/]:not(:has(ObjectExpression > Property[key.name='event']))`,
        message: 'A log line needs an event, listed in docs/logs.md: logger.info({ event: \'took_over\', … }, \'took over\').'
      }))]
    }
  },
  {
    files: ['**/test/**/*.ts', 'test/**/*.ts', 'testing/**/*.ts', 'demo/**/*.ts', 'bench/**/*.ts', 'tools/**/*.ts', 'packages/service-kit/src/{config/config,process/run-service}.ts'],
    rules: {
      'no-restricted-properties': 'off'
    }
  }
]
