import { defineConfig } from './worker/define-config.js';

export default defineConfig({ actions: ['./examples/actions/index.ts'] });
