/** What `sluice.config.ts` exports. */
import { z } from 'zod';

export const ProjectConfig = z.strictObject({
  /** Modules whose exports are actions; paths are relative to the configuration file. */
  actions: z.array(z.string().min(1)).default([]),
  http: z
    .strictObject({
      /** Hosts that `http.request` may reach although they are inside; beside SLUICE_HTTP_ALLOW_HOSTS. */
      allowHosts: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
});
export type ProjectConfig = z.infer<typeof ProjectConfig>;

/**
 * Describes a project to its workers: `export default defineConfig({ actions: ['./actions/index.ts'] })`.
 * It gives back what it is given; it is here for the editor's sake. The worker checks it when it loads it.
 */
export function defineConfig(config: z.input<typeof ProjectConfig>): z.input<typeof ProjectConfig> {
  return config;
}
