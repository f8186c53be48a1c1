import { defineConfig } from './worker/config/define-config.js';

export default defineConfig({ actions: ['./examples/actions/index.ts'] });
