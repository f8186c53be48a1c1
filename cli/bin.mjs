#!/usr/bin/env node
// The `sluice` command. The sources are TypeScript and run as they are, from a clone.
import { register } from 'tsx/esm/api';

// A reader such as `head` closes the pipe when it has enough lines; that is not an error.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

register();
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv, process.env);
