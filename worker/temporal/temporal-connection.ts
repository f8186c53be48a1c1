/** Makes Temporal's connection options from the configuration, for workers and clients. */
import { readFile } from 'node:fs/promises';
import type { DataConverter } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import {
  describeTemporal,
  isSameTemporal,
  type TemporalIdentity,
} from '../../contracts/services/temporal-identity.js';
import { within } from '../../contracts/within.js';
import { claimingConverter, encryptingConverter, readKeyRing } from '../../encryption/index.js';
import type { SluiceConfig, TlsConfig } from '../config/config.js';
import { temporalIdentity } from './temporal-owner.js';

/** Time limit of the first connection of a worker, and of a question whether Temporal answers, ms. */
const CONNECT_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 4_000;

/** Options that `NativeConnection.connect` and `Connection.connect` both take. */
export interface TemporalConnectionOptions {
  readonly address: string;
  readonly apiKey?: string;
  readonly tls?: {
    readonly serverNameOverride?: string;
    readonly serverRootCACertificate?: Buffer;
    readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
  };
}

/**
 * Reads the certificates that the configuration names.
 * @throws SluiceError CONFIG_INVALID where a file cannot be read
 */
export async function temporalConnectionOptions({
  address,
  apiKey,
  tls,
}: SluiceConfig['temporal']): Promise<TemporalConnectionOptions> {
  return {
    address,
    ...(apiKey !== undefined && { apiKey }),
    ...(tls !== undefined && { tls: await tlsOptions(tls) }),
  };
}

/** Where Temporal is and how a client talks to it, for `createSluiceClient`. */
export interface TemporalPlace {
  readonly address: string;
  readonly connectionOptions: Omit<TemporalConnectionOptions, 'address'>;
  readonly namespace: string;
  readonly dataConverter?: DataConverter;
}

/**
 * The place of Temporal in the configuration, with its certificates and keys read.
 * @throws SluiceError CONFIG_INVALID where a file can't be read
 */
export async function temporalPlace(
  config: Pick<SluiceConfig, 'temporal' | 'keyRingFile' | 'claimKeysFile'>,
): Promise<TemporalPlace> {
  const { address, ...connectionOptions } = await temporalConnectionOptions(config.temporal);
  const dataConverter = await dataConverterOf(config);
  const { namespace } = config.temporal;
  return { address, connectionOptions, namespace, ...(dataConverter !== undefined && { dataConverter }) };
}

/**
 * The converter that encrypts what Temporal stores and signs claims; undefined where no ring is configured.
 * @throws SluiceError CONFIG_INVALID
 */
export async function dataConverterOf({
  keyRingFile,
  claimKeysFile,
}: Pick<SluiceConfig, 'keyRingFile' | 'claimKeysFile'>): Promise<DataConverter | undefined> {
  const encrypting =
    keyRingFile === undefined ? undefined : encryptingConverter(await readKeyRing(keyRingFile));
  if (claimKeysFile === undefined) return encrypting;
  return claimingConverter(await readKeyRing(claimKeysFile, 'SLUICE_CLAIM_KEYS_FILE'), encrypting);
}

/**
 * Connects a worker to Temporal.
 * @throws SluiceError TEMPORAL_UNAVAILABLE, CONFIG_INVALID
 */
export async function connectTemporal(config: SluiceConfig['temporal']): Promise<NativeConnection> {
  const options = await temporalConnectionOptions(config);
  // Imported here: a client needs only the options, and must not load the native part of the SDK.
  const worker = await import('@temporalio/worker');
  try {
    const connecting = worker.NativeConnection.connect(options);
    return await within(connecting, CONNECT_LIMIT_MS, () => {
      connecting.then((late) => late.close()).catch(() => undefined);
      throw new Error(`no answer within ${CONNECT_LIMIT_MS} ms`);
    });
  } catch (error) {
    throw new SluiceError('TEMPORAL_UNAVAILABLE', `Temporal at ${config.address}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Asks whether Temporal answers, and whether it is still the one that it was.
 * @param known who it was
 * @throws SluiceError TEMPORAL_UNAVAILABLE, DATABASE_OF_ANOTHER_TEMPORAL
 */
export async function askTemporal(connection: NativeConnection, known: TemporalIdentity): Promise<void> {
  const found = await connection.withDeadline(Date.now() + ANSWER_LIMIT_MS, () =>
    temporalIdentity(connection.workflowService, known.namespace),
  );
  if (isSameTemporal(found, known)) return;
  throw new SluiceError(
    'DATABASE_OF_ANOTHER_TEMPORAL',
    `The database has the runs of ${describeTemporal(known)}, and the address has ${describeTemporal(found)} now`,
  );
}

async function tlsOptions(tls: TlsConfig): Promise<NonNullable<TemporalConnectionOptions['tls']>> {
  const ca = await pem('TEMPORAL_TLS_SERVER_CA_CERT', tls.ca);
  const crt = await pem('TEMPORAL_TLS_CLIENT_CERT', tls.clientCert);
  const key = await pem('TEMPORAL_TLS_CLIENT_KEY', tls.clientKey);
  return {
    ...(tls.serverName !== undefined && { serverNameOverride: tls.serverName }),
    ...(ca !== undefined && { serverRootCACertificate: ca }),
    ...(crt !== undefined && key !== undefined && { clientCertPair: { crt, key } }),
  };
}

async function pem(variable: string, { path, data }: TlsConfig['ca']): Promise<Buffer | undefined> {
  if (data !== undefined) return Buffer.from(data);
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw new SluiceError('CONFIG_INVALID', `${variable}_PATH cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
