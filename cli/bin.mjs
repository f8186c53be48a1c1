#!/usr/bin/env node
// The `sluice` command. The sources are TypeScript and run as they are, from a clone.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv, process.env);
