/** From a test to the services that the suite shares (suite-services.ts). */
import { inject } from 'vitest';

/** The suite's Temporal server. */
export function suiteTemporal(): Promise<{ readonly address: string; readonly namespace: string }> {
  return ask('/temporal');
}

/** Path of a file with the code of all workflows, for a worker's `workflowBundle: { codePath }`. */
export async function suiteBundle(): Promise<string> {
  return (await ask<{ path: string }>('/bundle')).path;
}

async function ask<T>(service: string): Promise<T> {
  const response = await fetch(`${inject('suiteServices')}${service}`);
  const body = await response.text();
  if (!response.ok) throw new Error(`${service} of the test suite: ${body}`);
  return JSON.parse(body) as T;
}
