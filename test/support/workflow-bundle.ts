import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** The code of all workflows, as a worker loads it. */
export async function bundleForTests(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: workflowSource('index.ts'),
    workflowInterceptorModules: [workflowSource('interceptors.ts')],
    payloadConverterPath: workflowSource('payload-converter.ts'),
    logger: new DefaultLogger('WARN'),
    // The sources name their imports as Node will see them, `./x.js`; on disk they are `./x.ts`.
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } },
    }),
  });
  return code;
}

function workflowSource(name: string): string {
  return fileURLToPath(new URL(`../../workflows/${name}`, import.meta.url));
}
