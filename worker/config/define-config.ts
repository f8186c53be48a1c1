/** The content of `sluice.config.ts`. */
import { z } from 'zod';

export const ProjectConfig = z.strictObject({
  /** Modules whose exports are actions; paths are relative to the configuration file. */
  actions: z.array(z.string().min(1)).default([]),
  http: z
    .strictObject({
      /** Private hosts that `http.request` may reach, in addition to SLUICE_HTTP_ALLOW_HOSTS. */
      allowHosts: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
});
export type ProjectConfig = z.infer<typeof ProjectConfig>;

/**
 * Describes a project to its workers. It returns its argument and exists for the editor's completion; the
 * worker validates the configuration when it loads the file.
 * @param config modules with actions, and hosts that `http.request` may reach
 * @example
 * ```ts
 * export default defineConfig({ actions: ['./actions/index.ts'] });
 * ```
 */
export function defineConfig(config: z.input<typeof ProjectConfig>): z.input<typeof ProjectConfig> {
  return config;
}
