/** Published definitions: `client.definitions`. `client.publishDefinition` publishes one. */
import { SluiceError } from '../contracts/errors.js';
import type { DefinitionSummary, DefinitionView, Page, PageRequest } from '../projections/index.js';
import { readsOf, type OfTenant, type RunContext } from './runs/context.js';

/** `client.definitions`. */
export class DefinitionControl {
  /** @internal */
  constructor(private readonly context: Pick<RunContext, 'tenant' | 'reads'>) {}

  /**
   * A page of definitions by id, unpublished ones included.
   * @throws SluiceError READS_NOT_CONFIGURED, INPUT_INVALID, DATABASE_UNAVAILABLE
   */
  list(
    page: PageRequest = {},
    { tenant = this.context.tenant }: OfTenant = {},
  ): Promise<Page<DefinitionSummary>> {
    return readsOf(this.context).listDefinitions(tenant, page);
  }

  /**
   * One version with its source, and the list of all versions.
   * @param version default: the one that a start takes; the highest, if the definition was unpublished
   * @throws SluiceError DEFINITION_NOT_FOUND, DEFINITION_VERSION_NOT_FOUND, READS_NOT_CONFIGURED
   */
  async get(
    id: string,
    version?: number,
    { tenant = this.context.tenant }: OfTenant = {},
  ): Promise<DefinitionView> {
    const reads = readsOf(this.context);
    const definition = await reads.getDefinition(tenant, id, version);
    if (definition !== undefined) return definition;
    const latest = version === undefined ? undefined : await reads.getDefinition(tenant, id);
    if (latest === undefined) {
      throw new SluiceError('DEFINITION_NOT_FOUND', `Tenant ${tenant} has no definition ${id}.`);
    }
    const versions = latest.versions.map((entry) => entry.version).join(', ');
    throw new SluiceError(
      'DEFINITION_VERSION_NOT_FOUND',
      `Tenant ${tenant} has no version ${version} of ${id}; it has ${versions}.`,
    );
  }
}
