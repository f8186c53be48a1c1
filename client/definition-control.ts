/** What is published: `client.definitions`. Publishing and unpublishing are the client's own. */
import { SluiceError } from '../contracts/errors.js';
import type { DefinitionSummary, DefinitionView, Page, PageRequest } from '../projections/index.js';
import { readsOf, type OfTenant, type RunContext } from './runs/context.js';

/** Made by the client: `client.definitions`. */
export class DefinitionControl {
  /** @internal */
  constructor(private readonly context: Pick<RunContext, 'tenant' | 'reads'>) {}

  /** A page of definitions by id, also those that were taken back. @throws SluiceError READS_NOT_CONFIGURED */
  list(
    page: PageRequest = {},
    { tenant = this.context.tenant }: OfTenant = {},
  ): Promise<Page<DefinitionSummary>> {
    return readsOf(this.context).listDefinitions(tenant, page);
  }

  /**
   * One version, with its source and all versions that there are.
   * @param version default: the one that a start takes; where it was taken back, the highest
   * @throws SluiceError DEFINITION_NOT_FOUND, DEFINITION_VERSION_NOT_FOUND, READS_NOT_CONFIGURED
   */
  async get(
    id: string,
    version?: number,
    { tenant = this.context.tenant }: OfTenant = {},
  ): Promise<DefinitionView> {
    const reads = readsOf(this.context);
    const found = await reads.getDefinition(tenant, id, version);
    if (found !== undefined) return found;
    const other = version === undefined ? undefined : await reads.getDefinition(tenant, id);
    if (other === undefined) {
      throw new SluiceError('DEFINITION_NOT_FOUND', `Tenant ${tenant} has no definition ${id}.`);
    }
    const versions = other.versions.map((one) => one.version).join(', ');
    throw new SluiceError(
      'DEFINITION_VERSION_NOT_FOUND',
      `Tenant ${tenant} has no version ${version} of ${id}; there is ${versions}.`,
    );
  }
}
