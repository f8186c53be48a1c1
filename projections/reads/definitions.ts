/** Published definitions: a list of them, and one in full. */
import { z } from 'zod';
import { RecordId } from 'surrealdb';
import type { Database } from '../connection/connection.js';
import { readReadable, readRows } from '../connection/read.js';
import { pageLimit, toPage, viewRows, type Page, type PageRequest } from '../connection/page.js';
import { findDefinition } from './find-definition.js';

/** A definition in a list. */
export interface DefinitionSummary {
  readonly id: string;
  /** The version that a start without one takes; the highest version where the definition is unpublished. */
  readonly version: number;
  /** False: it was unpublished, and only a start that names a version starts it. */
  readonly published: boolean;
  /** How many versions exist. */
  readonly versions: number;
  /** SHA-256 of that version's document. */
  readonly hash: string;
  /** ISO instant. */
  readonly publishedAt: string;
  readonly publishedBy: string;
}

/** A version, without its source. */
export type DefinitionVersion = Pick<DefinitionSummary, 'version' | 'hash' | 'publishedAt' | 'publishedBy'>;

/** One version of a definition, with its source as it was published. */
export interface DefinitionView extends DefinitionVersion {
  readonly id: string;
  readonly source: string;
  readonly format: 'yaml' | 'json';
  readonly published: boolean;
  /** The version that a start without one takes; null where it is unpublished. */
  readonly latest: number | null;
  /** True: a person has chosen `latest`, and publishing documents again leaves it. */
  readonly promoted: boolean;
  /** Every version, the highest first. */
  readonly versions: readonly DefinitionVersion[];
  /** What changed the version that a start takes, the newest first; at most 50. */
  readonly acts: readonly DefinitionActView[];
}

/** A change of the version that a start takes. */
export interface DefinitionActView {
  readonly act: 'publish' | 'promote' | 'unpublish';
  /** The version from then on; null: none. */
  readonly version: number | null;
  /** The version before; null: none. */
  readonly was: number | null;
  readonly by: string;
  /** ISO instant. */
  readonly at: string;
}

const SHOWN_ACTS = 50;

const Act = z.object({
  kind: z.enum(['publish', 'promote', 'unpublish']),
  version: z.number().optional(),
  was: z.number().optional(),
  by: z.string(),
  at: z.date(),
});

const Group = z.object({ id: z.string(), highest: z.number(), versions: z.number() });

/** The statement of a page; it counts versions and reads none. */
const LIST = `SELECT definition AS id, math::max(version) AS highest, count() AS versions
  FROM type::record('definition', $above>..[$tenant, ..]) GROUP BY id ORDER BY id LIMIT $limit`;

const Version = z.object({
  version: z.number(),
  hash: z.string(),
  published_at: z.date(),
  published_by: z.string(),
});

/** A page of definitions, by id. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listDefinitions(
  database: Database,
  tenant: string,
  page: PageRequest = {},
): Promise<Page<DefinitionSummary>> {
  const limit = pageLimit(page);
  const groups = await readReadable(database, Group, LIST, {
    tenant,
    above: [tenant, ...(page.after === undefined ? [] : [page.after, ALL_VERSIONS])],
    limit: limit + 1,
  });
  const { items, next } = toPage(
    groups,
    limit,
    ({ id }) => id,
    (group) => group,
  );
  if (items.length === 0) return { items: [], next };
  const latest = await latestOf(database, tenant, items);
  const shown = items.map(({ id, highest, versions }) => {
    const published = latest.get(id)?.version;
    return { id, versions, published: published !== undefined, version: published ?? highest };
  });
  const rows = await readRows(
    database,
    Version.extend({ name: z.string() }),
    'SELECT id, id[1] AS name, id[2] AS version, hash, published_at, published_by FROM $ids WHERE hash != NONE',
    { ids: shown.map(({ id, version }) => new RecordId('definition', [tenant, id, version])) },
  );
  const { items: found, unreadable } = viewRows(rows, (row) => [row.name, toVersion(row)] as const);
  const byId = new Map(found);
  return {
    items: shown.flatMap((definition) => {
      const version = byId.get(definition.id);
      return version === undefined ? [] : [{ ...definition, ...version }];
    }),
    next,
    ...unreadable,
  };
}

/** Sorts above every version. */
const ALL_VERSIONS = Number.MAX_SAFE_INTEGER;

async function latestOf(
  database: Database,
  tenant: string,
  definitions: readonly { readonly id: string }[],
): Promise<ReadonlyMap<string, { readonly version: number; readonly promoted: boolean }>> {
  const rows = await readReadable(
    database,
    z.object({ name: z.string(), version: z.number(), promoted: z.boolean() }),
    'SELECT id, id[1] AS name, version, promoted = true AS promoted FROM $ids WHERE version != NONE',
    { ids: definitions.map(({ id }) => new RecordId('definition_latest', [tenant, id])) },
  );
  return new Map(rows.map(({ name, ...chosen }) => [name, chosen]));
}

/**
 * One version; without a number, the one that a start takes.
 * @returns undefined where the tenant has no such definition or version
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function getDefinition(
  database: Database,
  tenant: string,
  id: string,
  version?: number,
): Promise<DefinitionView | undefined> {
  const rows = await readReadable(
    database,
    Version,
    `SELECT id AS record, version, hash, published_at, published_by
      FROM definition:[$tenant, $id]..[$tenant, $id, ..] ORDER BY version DESC`,
    { tenant, id },
  );
  const chosen = (await latestOf(database, tenant, [{ id }])).get(id);
  const latest = chosen?.version;
  const wanted = version ?? latest ?? rows[0]?.version;
  const stored = await findDefinition(database, tenant, id, wanted);
  if (stored === undefined) return undefined;
  const { pin, source, format, publishedAt, publishedBy } = stored;
  const acts = await readReadable(
    database,
    Act,
    `SELECT id AS record, kind, version, was, by, at FROM definition_act:[$tenant, $id]..[$tenant, $id, ..] LIMIT $limit`,
    { tenant, id, limit: SHOWN_ACTS },
  );
  return {
    id,
    version: pin.version,
    hash: pin.hash,
    publishedAt,
    publishedBy,
    source,
    format,
    published: latest !== undefined,
    latest: latest ?? null,
    promoted: chosen?.promoted ?? false,
    versions: rows.map(toVersion),
    acts: acts.map((row) => ({
      ...{ act: row.kind, version: row.version ?? null, was: row.was ?? null, by: row.by },
      at: row.at.toISOString(),
    })),
  };
}

function toVersion(row: z.infer<typeof Version>): DefinitionVersion {
  return {
    version: row.version,
    hash: row.hash,
    publishedAt: row.published_at.toISOString(),
    publishedBy: row.published_by,
  };
}
