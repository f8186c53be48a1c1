/**
 * Checks the key rings: whether they are on here, and whether a worker of the task queue has the same. It
 * checks the environment of this command, so run it in that of each process.
 */
import { Client, type Connection } from '@temporalio/client';
import { askWorker, type WorkerAnswer } from '../../client/index.js';
import { SluiceError } from '../../contracts/errors.js';
import { claimKeeperOf, type ClaimKeeper } from '../../contracts/naming/claims.js';
import type { SluiceConfig } from '../../worker/config/config.js';
import { dataConverterOf } from '../../worker/temporal/temporal-connection.js';
import { fail, ok, skip, warn, type Finding } from './finding.js';

/** How long a worker has to answer, ms. */
const LIMIT_MS = 8_000;
const SAME_FILES =
  'Give every process the same files, and start it again (docs/claims.md, docs/encryption.md).';

export const RING_CHECKS = ['key ring', 'claims'] as const;

/** Runs the checks; a worker polls. @throws SluiceError CONFIG_INVALID, TEMPORAL_* */
export async function checkRings(connection: Connection, config: SluiceConfig): Promise<readonly Finding[]> {
  const ask = async (settings: Pick<SluiceConfig, 'keyRingFile' | 'claimKeysFile'>) => {
    const dataConverter = await dataConverterOf(settings);
    const options = { connection, namespace: config.temporal.namespace };
    const client = new Client({ ...options, ...(dataConverter !== undefined && { dataConverter }) });
    const answer = await askWorker(client, config.taskQueue, LIMIT_MS);
    return { answer, keeper: claimKeeperOf(dataConverter?.payloadCodecs) };
  };
  const { keyRingFile, claimKeysFile } = config;
  const [mine, unsigned] = await Promise.all([ask(config), ask({ keyRingFile, claimKeysFile: undefined })]);
  if (mine.answer === 'late') {
    const found = `no worker answered within ${LIMIT_MS / 1_000} s`;
    return RING_CHECKS.map((check) => warn(check, found, 'Run it again when the workers are less busy.'));
  }
  return [
    judgeRing(keyRingFile, mine.answer),
    mine.answer === 'unreadable'
      ? skip('claims', 'this process and a worker cannot read each other')
      : judgeClaims(claimKeysFile === undefined ? undefined : mine.keeper, mine.answer, unsigned.answer),
  ];
}

function judgeRing(file: string | undefined, answer: WorkerAnswer): Finding {
  if (answer === 'unreadable') {
    const found =
      file === undefined
        ? 'a worker encrypts, and SLUICE_KEY_RING_FILE is not set here'
        : `a worker has another key ring than ${file}, or none`;
    return fail('key ring', new SluiceError('KEY_UNKNOWN', found), SAME_FILES);
  }
  if (file === undefined) {
    return skip(
      'key ring',
      'SLUICE_KEY_RING_FILE is not set: Temporal and the database hold values in clear',
    );
  }
  if (answer === 'refused') return skip('key ring', 'a worker refused the request before it read it');
  return ok('key ring', `a worker reads what ${file} encrypts`);
}

function judgeClaims(keeper: ClaimKeeper | undefined, mine: WorkerAnswer, unsigned: WorkerAnswer): Finding {
  if (mine === 'refused') {
    const found =
      keeper === undefined
        ? 'a worker wants claims, and SLUICE_CLAIM_KEYS_FILE is not set here'
        : `a worker does not know the claim key ${keeper.currentKey}`;
    return fail('claims', new SluiceError('CLAIM_INVALID', found), SAME_FILES);
  }
  if (keeper === undefined) {
    return skip(
      'claims',
      'SLUICE_CLAIM_KEYS_FILE is not set: whoever reaches Temporal can name any tenant and actor',
    );
  }
  if (unsigned === 'refused') {
    return ok('claims', `a worker takes what the key ${keeper.currentKey} signs, and refuses the rest`);
  }
  if (keeper.since > Date.now()) {
    const since = new Date(keeper.since).toISOString();
    return warn(
      'claims',
      `workers refuse what has no claim from ${since} on`,
      'Until then nothing is refused.',
    );
  }
  const found = 'a worker takes what no key has signed: it has no ring of claim keys';
  return fail('claims', new SluiceError('CONFIG_INVALID', found), SAME_FILES);
}
