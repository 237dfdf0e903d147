import { defineConfig } from 'vitest/config';

const oldestPostgres = process.env['TEST_OLDEST_POSTGRES_URL'];

export default defineConfig({
  test: {
    // Separate processes: a test's pools, sockets and ccxt end with it.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { shuffle: true },
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'chaos/test/**/*.test.ts'],
        },
      },
      ...(oldestPostgres
        ? [
            {
              extends: true as const,
              test: {
                name: 'Postgres 15',
                include: ['packages/db/test/**/*.test.ts'],
                // About the server that candlefleet brings along, and about wires.
                exclude: ['packages/db/test/embedded.test.ts', 'packages/db/test/silence.test.ts'],
                env: { TEST_POSTGRES_URL: oldestPostgres },
              },
            },
          ]
        : []),
    ],
  },
});
