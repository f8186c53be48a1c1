#!/usr/bin/env node
// The `sluice` command. The sources are TypeScript and run as they are, from a clone.
import { register } from 'tsx/esm/api';

// A reader that has seen enough (`sluice functions | head`) closes the pipe; that is no error.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

register();
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv, process.env);
