/** Authorization of actions with Cedar policies; docs/authorization.md says what it guarantees. */
export { loadPolicies, type Policies, type Principal } from './policies.js';
