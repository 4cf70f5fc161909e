// Which room may import which, checked by `npm run lint`. Rooms and their order: docs/architecture.md, "Where things live".

const packageSources = '^packages/[^/]+/src/'
const serviceSources = '^services/[^/]+/src/'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Two files that import each other cannot be understood, or tested, one without the other.',
      severity: 'error',
      from: {},
      to: { circular: true }
    },
    {
      name: 'no-circles-among-rooms',
      comment: 'The same of folders: of two rooms one is below the other.',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true }
    },
    {
      name: 'packages-know-nothing-above',
      comment: 'A package must be of use to a service that has nothing to do with this repository.',
      severity: 'error',
      from: { path: packageSources },
      to: { path: '^(services|testing|demo|bench|test|tools)/' }
    },
    {
      name: 'outbox-and-election-stand-alone',
      comment: 'The relay joins them; each is of use without the other, and without Kafka.',
      severity: 'error',
      from: { path: '^packages/(outbox|leader-election)/src/' },
      to: { path: '^packages/', pathNot: '^packages/(outbox|leader-election)/', dependencyTypesNot: ['type-only'] }
    },
    {
      name: 'services-never-import-testing',
      comment: 'Test code must not be part of the programs that it tests, nor of their images.',
      severity: 'error',
      from: { path: serviceSources },
      to: { path: '^(testing|demo|bench|test|tools)/' }
    },
    {
      name: 'services-do-not-import-each-other',
      comment: 'They are deployed apart; code that two of them need is a package.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' }
    },
    {
      name: 'testing-imports-packages-alone',
      comment: 'Only the mutants run parts of services, to break them.',
      severity: 'error',
      from: { path: '^testing/', pathNot: '^testing/mutants/' },
      to: { path: '^(services|demo|bench|test|tools)/' }
    },
    {
      name: 'demo-and-bench-never-import-each-other',
      comment: 'Code that both need belongs into testing.',
      severity: 'error',
      from: { path: '^(demo|bench)/' },
      to: { path: '^(demo|bench|test|tools)/', pathNot: '^$1/' }
    },
    {
      name: 'one-door-to-kafkajs',
      comment: 'kafkajs must be patched before it is used. Its types also promise behaviour that only the patched version has.',
      severity: 'error',
      from: { pathNot: '^packages/kafka/src/kafkajs/' },
      to: { path: '(^|/)node_modules/kafkajs(/|$)', pathNot: '/package\\.json$' }
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|\\.tap)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@orders/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.d.ts', '.json']
    }
  }
}
