// Writes the pages of docs/ that are made of tables in the code. A test fails where one is stale.
import { writeFileSync } from 'node:fs';
import { register } from 'tsx/esm/api';

register();
const { GENERATED_PAGES } = await import('./pages/generated-pages.ts');
for (const [path, make] of Object.entries(GENERATED_PAGES)) {
  writeFileSync(new URL(`../${path}`, import.meta.url), make());
  console.log(`wrote ${path}`);
}
