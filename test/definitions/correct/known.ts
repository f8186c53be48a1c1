/** What the tests of validation know of actions: those of the product and of the examples. */
import { builtInActions } from '../../../actions/index.js';
import { type Catalogue, catalogueOf } from '../../../definitions/index.js';
import exampleActions from '../../../examples/actions/index.js';

export const known: Catalogue = catalogueOf([
  ...builtInActions({ http: { allowHosts: [] } }),
  ...exampleActions,
]);
