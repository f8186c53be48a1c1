import { defineConfig } from '../../../worker/config/define-config.js';

export default defineConfig({ actions: ['./actions.ts'], http: { allowHosts: ['127.0.0.1'] } });
