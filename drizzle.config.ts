import { defineConfig } from 'drizzle-kit';

// Reads the built schema: drizzle-kit cannot follow the sources' ".js" imports.
export default defineConfig({
  dialect: 'postgresql',
  schema: './packages/db/dist/schema/index.js',
  out: './packages/db/drizzle',
});
