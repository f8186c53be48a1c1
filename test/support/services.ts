/** From a test to the services that the suite shares (suite-services.ts). */
import type { WorkflowBundleOption } from '@temporalio/worker';
import { inject } from 'vitest';

/** The suite's Temporal server. */
export function suiteTemporal(): Promise<{ readonly address: string; readonly namespace: string }> {
  return ask('/temporal');
}

/** The code of all workflows, bundled once for the suite. */
export function suiteBundle(failures: 'plain' | 'encoded' = 'plain'): Promise<WorkflowBundleOption> {
  return ask(failures === 'plain' ? '/bundle' : '/bundle-with-encoded-failures');
}

async function ask<T>(service: string): Promise<T> {
  const response = await fetch(`${inject('suiteServices')}${service}`);
  const body = await response.text();
  if (!response.ok) throw new Error(`${service} of the test suite: ${body}`);
  return JSON.parse(body) as T;
}
